"""A narrow valley: plain descent zigzags from wall to wall, and momentum carries on along the floor.

    python packages/nn/examples/sgd.py [picture.png]

The loss curves 50 times as much across the valley as along it. A rate that the steep walls allow is small for the flat
floor. A velocity lets steps to and fro cancel, and adds up those that agree. Each method has the rate and momentum that
theory says are best here, and comes nearer by the share that theory says. Draws three paths, and the distance that is
left after each step beside the theory (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn

KAPPA, START, STEPS = 50.0, np.array([-9.0, 1.6]), 80
CURVATURE = np.array([1.0, KAPPA])  # along the valley and across it
root = np.sqrt(3 * KAPPA + 1)
settings = {  # the best for curvatures from 1 to κ, and the share of the distance that a step then leaves
    "plain": ({"lr": 2 / (1 + KAPPA)}, (KAPPA - 1) / (KAPPA + 1)),
    "momentum": (
        {"lr": 4 / (1 + KAPPA**0.5) ** 2, "momentum": ((KAPPA**0.5 - 1) / (KAPPA**0.5 + 1)) ** 2},
        (KAPPA**0.5 - 1) / (KAPPA**0.5 + 1),
    ),
    "Nesterov": ({"lr": 4 / (3 * KAPPA + 1), "momentum": (root - 2) / (root + 2), "nesterov": True}, 1 - 2 / root),
}


def walk(**options):
    """Where SGD is after 0, 1, ... steps: _ -> (81, 2)."""
    theta = nn.Parameter(START.copy())
    optimizer = nn.SGD([theta], **options)
    path = [theta.data.copy()]
    for _ in range(STEPS):
        optimizer.zero_grad()
        (0.5 * CURVATURE * theta**2).sum().backward()
        optimizer.step()
        path.append(theta.data.copy())
    return np.array(path)


paths = {name: walk(**options) for name, (options, _) in settings.items()}
left = {name: np.linalg.norm(path, axis=1) for name, path in paths.items()}
for name, (options, share) in settings.items():
    t = np.array([STEPS - 20, STEPS]) ** (name != "plain")  # with momentum about t shareᵗ is left: a double root
    first, last = left[name][[-21, -1]] / t
    measured = (last / first) ** (1 / 20)
    rate, mu = options["lr"], options.get("momentum", 0)
    print(f"{name:>8}: rate {rate:.4f}, momentum {mu:.2f}: a step leaves {measured:.3f} of the way; theory {share:.3f}")
    assert abs(measured - share) < 0.002, (name, measured, share)
assert left["momentum"][-1] < left["Nesterov"][-1] < left["plain"][-1] / 100, left

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "sgd.png"
figure = plt.figure(figsize=(11, 5.2), layout="constrained")
grid = figure.add_gridspec(3, 2, width_ratios=(1.55, 1))
x, y = np.linspace(-10, 4.5, 291), np.linspace(-4.6, 4.6, 185)
heights = 0.5 * (CURVATURE * np.stack(np.meshgrid(x, y), axis=-1) ** 2).sum(axis=-1)
curve = figure.add_subplot(grid[:, 1])
for row, (name, colour) in enumerate(zip(paths, ("#edae49", "#d1495b", "#30638e"))):
    panel = figure.add_subplot(grid[row, 0])
    panel.contour(x, y, heights, levels=np.geomspace(0.2, 500, 9), colors="#b8c4cc", linewidths=0.7)
    panel.plot(*paths[name].T, color=colour, lw=1.4, marker="o", ms=3.2)
    panel.plot(*START, marker="o", ms=7, color="black")
    panel.plot(0, 0, marker="*", ms=13, color="black")
    panel.set_title(f"{name}: {np.sum(left[name] > 0.1 * left[name][0])} steps for nine tenths of the way", fontsize=11)
    panel.set(xticks=[], yticks=[], xlim=(-10, 4.5), ylim=(-4.6, 4.6))
    panel.spines[:].set_visible(False)
    curve.plot(left[name], color=colour, lw=2, label=name)
    t = np.arange(25.0, STEPS + 1)
    theory = left[name][-1] * settings[name][1] ** (t - STEPS) * (t / STEPS) ** (name != "plain")
    curve.plot(t, theory, color="black", lw=1, ls=":", label="theory" if row == 2 else None)
curve.set(title="distance from the minimum", xlabel="step", ylabel="distance", yscale="log")
curve.legend(frameon=False, loc="lower left")
curve.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
