"""A generator learns a ring from a critic whose slope is held at 1.

    python packages/nn/examples/wasserstein_gradient_penalty.py [picture.png]

The critic wants high numbers for points of the ring and low ones for points that are made up; the generator moves its
points uphill. Without a penalty the critic gets steeper and steeper. With it the slope stays near 1, so that its
advantage measures how far the made-up points are from the ring, and ends near 0. Draws points before and after, the
critic's landscape (darker is higher), its slopes and its advantage (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn
from pellucid import grad

STEPS, N, RADIUS = 300, 128, 1.5
rng = np.random.default_rng(2)
settings = {"rng": rng, "dtype": np.float32}


def network(activation, outputs):
    """Two inputs and two hidden layers of 48 units."""
    hidden = nn.Linear(2, 48, **settings), activation(), nn.Linear(48, 48, **settings), activation()
    return nn.Sequential(*hidden, nn.Linear(48, outputs, **settings))


def ring():
    """Points that lie around a circle: _ -> (N, 2)."""
    angle = rng.uniform(0, 2 * np.pi, N)
    points = RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.1 * rng.normal(size=(N, 2))
    return points.astype(np.float32)


def made(generator):
    """Points from noise: _ -> (N, 2)."""
    return generator(rng.normal(size=(N, 2)).astype(np.float32))


def slope(critic, real, fake):
    """Mean length of the critic's gradient between pairs of points."""
    u = rng.random((N, 1)).astype(np.float32)
    gradients = grad(lambda x: critic(x).sum())(u * real + (1 - u) * fake)
    return np.linalg.norm(gradients.data, axis=1).mean()


def teach(critic, loss, generator):
    """One step of the critic, and the examples that it saw."""
    real, fake = ring(), made(generator).data
    optimizers[critic].zero_grad()
    loss(critic, real, fake).backward()
    optimizers[critic].step()
    return real, fake


generator, critic, steep_critic = network(nn.ReLU, 2), network(nn.Tanh, 1), network(nn.Tanh, 1)
before = made(generator).data
held, free = nn.WassersteinGradientPenalty(1.0, rng=rng), nn.WassersteinGradientPenalty(0.0, rng=rng)
optimizers = {net: nn.Adam(net.parameters(), lr=0.006, betas=(0.5, 0.9)) for net in (generator, critic, steep_critic)}

without = [slope(steep_critic, *teach(steep_critic, free, generator)) for _ in range(150)]
trace = []
for step in range(STEPS):
    for net in (generator, critic):
        optimizers[net].param_groups[0]["lr"] = 0.006 * (1 - 0.9 * step / STEPS)
    teach(critic, held, generator)
    real, fake = teach(critic, held, generator)
    trace.append(((critic(real).mean() - critic(fake).mean()).item(), slope(critic, real, fake)))
    optimizers[generator].zero_grad()
    nn.generator_loss(critic, made(generator)).backward()
    optimizers[generator].step()
advantage, slopes = np.array(trace).T
after = made(generator).data
radii = np.linalg.norm(after, axis=1)
late = slopes[STEPS // 2 :].mean()
near = np.mean(np.abs(np.linalg.norm(after, axis=1) - RADIUS) < 0.5)
quarters = np.bincount((after[:, 0] > 0) + 2 * (after[:, 1] > 0), minlength=4) / N
print(f"slope of the critic: {slopes[0]:.2f} at first, {late:.2f} with the penalty, {without[-1]:.2f} without")
print(f"advantage: {advantage.max():.2f} at most, {np.abs(advantage[-50:]).mean():.2f} in the end")
print(f"{near:.0%} of the made-up points are near the ring; its quarters hold {quarters.round(2)} of them")
assert abs(late - 1) < 0.2 and without[-1] > 5, (late, without[-1])
assert near > 0.8 and quarters.min() > 0.1, (near, quarters)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "wasserstein_gradient_penalty.png"
figure, panels = plt.subplots(2, 2, figsize=(9, 7.4), layout="constrained", height_ratios=(1.5, 1))
panels = panels.ravel()
side = np.linspace(-2.7, 2.7, 109, dtype=np.float32)
height = critic(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)).data.reshape(109, 109)
shades = matplotlib.colors.LinearSegmentedColormap.from_list("", ["#ffffff", "#b8c4cc"])
panels[1].contourf(side, side, height, levels=12, cmap=shades)
for panel, points, title in ((panels[0], before, "before"), (panels[1], after, "after, over the critic")):
    panel.scatter(*np.concatenate([ring(), ring()]).T, s=10, color="#30638e", alpha=0.6, lw=0, label="ring")
    panel.scatter(*points.T, s=10, color="#d1495b", lw=0, label="made up")
    panel.set(title=title, xlim=(-2.7, 2.7), ylim=(-2.7, 2.7), aspect="equal")
    panel.set(xlabel="x₁", ylabel="x₂", xticks=(-2, 0, 2), yticks=(-2, 0, 2))
panels[0].legend(frameon=False, loc="upper left", ncols=2, handletextpad=0, columnspacing=0.5)
panels[2].plot(without, color="#edae49", lw=2, label="without a penalty")
panels[2].plot(slopes, color="#30638e", lw=1.5, label="with the penalty")
panels[2].axhline(1, color="black", lw=0.8, ls=":")
panels[2].set(title="slope of the critic", xlabel="step", ylabel="mean slope", yscale="log", ylim=(0.1, 1000))
panels[2].legend(frameon=False)
panels[3].axhline(0, color="black", lw=0.8, ls=":")
panels[3].plot(advantage, color="#30638e", lw=1.5)
panels[3].set(title="advantage of the critic", xlabel="step", ylabel="mean D(x) − mean D(x̃)")
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
