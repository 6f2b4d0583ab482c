"""One surface, five optimizers: who follows the slope, and who takes steps of its own length.

    python packages/nn/examples/adam.py [picture.png]

SGD steps as far as the surface is steep: first straight down the wall, then hardly at all along the floor. The others
divide by how large gradients have been, so that both directions count the same. Adam's path is the same on a surface a
thousand times as high; Adagrad's steps only ever get shorter; AdamW also pulls towards 0, and so stays short of the
minimum. Draws the paths and the losses (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn

CURVATURE, MINIMUM, START, STEPS = np.array([0.03, 1.0]), np.array([8.0, 0.0]), np.array([0.5, 3.5]), 100
makers = {
    "SGD": lambda params: nn.SGD(params, lr=0.3),
    "Adagrad": lambda params: nn.Adagrad(params, lr=0.6),
    "RMSprop": lambda params: nn.RMSprop(params, lr=0.1),
    "Adam": lambda params: nn.Adam(params, lr=0.3),
    "AdamW": lambda params: nn.AdamW(params, lr=0.3, weight_decay=0.03),
}


def walk(make, height=1.0):
    """Where an optimizer is after 0, 1, ... steps on the surface times `height`: _ -> (101, 2)."""
    theta = nn.Parameter(START.copy())
    optimizer = make([theta])
    path = [theta.data.copy()]
    for _ in range(STEPS):
        optimizer.zero_grad()
        (0.5 * height * CURVATURE * (theta - MINIMUM) ** 2).sum().backward()
        optimizer.step()
        path.append(theta.data.copy())
    return np.array(path)


def loss(points):
    """Of points (..., 2): _ -> (...)."""
    return 0.5 * (CURVATURE * (points - MINIMUM) ** 2).sum(axis=-1)


paths = {name: walk(make) for name, make in makers.items()}
for name, points in paths.items():
    dx, dy = np.abs(points[1] - points[0])
    print(f"{name:>7}: first step {dx:.3f} along, {dy:.3f} down; ends at {points[-1].round(2)}")
first = np.abs(paths["Adam"][1] - START)
assert np.allclose(first, 0.3), "Adam's first step is its rate, in every direction"
assert np.allclose(walk(makers["Adam"], height=1000), paths["Adam"], atol=1e-4), "and the height does not matter"
lengths = np.linalg.norm(np.diff(paths["Adagrad"], axis=0), axis=1)
assert np.all(np.diff(lengths) < 0), "Adagrad's steps only ever get shorter"
assert paths["AdamW"][-1, 0] < paths["Adam"][-1, 0] - 0.2, "AdamW stays nearer to 0"
assert loss(walk(makers["SGD"], height=10)[10]) > 1000 * loss(START), "to SGD a tenfold height is too much"

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "adam.png"
figure, panels = plt.subplots(2, 3, figsize=(11, 5.6), layout="constrained")
x, y = np.linspace(-0.5, 10, 211), np.linspace(-1.6, 4, 113)
heights = loss(np.stack(np.meshgrid(x, y), axis=-1))
words = {
    "SGD": "SGD: down the wall, then hardly on",
    "Adagrad": "Adagrad: both directions, ever slower",
    "RMSprop": "RMSprop: both directions alike",
    "Adam": "Adam: with momentum, past the floor",
    "AdamW": "AdamW: pulled towards 0, stays short",
}
curve = panels.flat[-1]
colours = ("#003d5b", "#00798c", "#6a9fcb", "#d1495b", "#edae49")
for panel, colour, (name, points) in zip(panels.flat, colours, paths.items()):
    panel.contour(x, y, heights, levels=np.geomspace(0.02, 12, 10), colors="#b8c4cc", linewidths=0.7)
    panel.plot(*points.T, color=colour, lw=1.6, marker="o", ms=3.2)
    panel.plot(*START, marker="o", ms=8, color="black")
    panel.plot(*MINIMUM, marker="*", ms=14, color="black")
    panel.set_title(words[name], fontsize=10.5)
    panel.set(xticks=[0, 4, 8], yticks=[0, 2, 4], xlabel="along the floor", ylabel="up the wall")
    curve.plot(loss(points), color=colour, lw=1.8)
ends = {"SGD": 0.14, "Adagrad": 0.012, "AdamW": 0.0022, "Adam": 1e-4, "RMSprop": 4e-7}
for name, height in ends.items():
    curve.text(STEPS + 3, height, name, color=colours[list(paths).index(name)], va="center", fontsize=10)
curve.set(yscale="log", xlabel="step", ylabel="loss", xlim=(0, 1.35 * STEPS), xticks=(0, 50, 100))
curve.set_title("what is left of the loss", fontsize=10.5)
for panel in panels.flat:
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
