"""Batch normalization: which numbers share a mean and a variance, and what the layer remembers of them.

    python packages/nn/examples/batch_norm.py [picture.png]

A batch is a block of N examples, C channels and H W places. Red are the entries that one entry of the result depends
on, as its gradient is not 0 there: its channel, in all examples and at all places (asserted). Middle: four channels of
very different means and widths come out with mean 0 and variance 1. Right: eval mode takes running means instead of
those of the batch. With momentum 0.1 they forget their start as 0.9ᵗ and then keep wandering about the mean of all
data; with `momentum=None` they are plain means over all batches, and settle. Drawn with matplotlib, if there is one.
"""

import sys

import numpy as np

from pellucid import Tensor, no_grad
from pellucid_nn import BatchNorm2d

N, C, H, W = 6, 4, 2, 3
means, widths = np.array([-6.0, -1.0, 2.0, 8.0]), np.array([0.5, 2.0, 1.0, 3.0])
rng = np.random.default_rng(0)


def batch(N):
    """N examples (N, C, H, W), whose channels have the means and widths above."""
    return rng.normal(means[:, None, None], widths[:, None, None], (N, C, H, W))


x = Tensor(batch(N), requires_grad=True)
BatchNorm2d(C)(x)[2, 1, 0, 1].backward()
red = x.grad.numpy() != 0  # (N, C, H, W)
expected = np.zeros(red.shape, bool)
expected[:, 1] = True
assert (red == expected).all()
print(
    f"one entry of the result depends on {red.sum()} of {red.size} entries: those of its channel, N H W = {N * H * W}"
)

x = batch(500)
with no_grad():
    y = BatchNorm2d(C)(x)
np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-12)
np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, rtol=1e-4)  # ε leaves a little less than 1

layers = {"momentum=0.1": BatchNorm2d(C), "momentum=None": BatchNorm2d(C, momentum=None)}
path_of = {name: [(layer.running_mean, layer.running_var)] for name, layer in layers.items()}
for _ in range(100):
    x_batch = batch(8)
    for name, layer in layers.items():
        layer(x_batch)
        path_of[name].append((layer.running_mean, layer.running_var))
running = {name: np.array(steps) for name, steps in path_of.items()}  # (101, 2, C)
for name, steps in running.items():
    error = np.abs(steps[-1, 0] - means) / widths
    print(f"{name:>13}: after 100 batches the running means are off by {error.max():.3f} standard deviations at most")
    assert error.max() < 0.15
    assert np.abs(layers[name].eval()(x).numpy().mean(axis=(0, 2, 3))).max() < 0.2

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "batch_norm.png"
colours = ("#30638e", "#d1495b", "#00798c", "#edae49")
figure = plt.figure(figsize=(13, 5), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=(1, 1, 1.1))
block = left.add_subplot(projection="3d")
shown = red.reshape(N, C, H * W).swapaxes(0, 1)  # (C, N, H W)
grey_or_red = np.where(shown, "#d1495b", "#e6ecf1")
block.voxels(np.ones_like(shown), facecolors=grey_or_red, edgecolors="#7b8a97", lw=0.6, shade=False)
block.view_init(elev=25, azim=-50)
block.set_axis_off()
block.text(C / 2, -0.9, 0, "channels C", "x", ha="center", va="top")
block.text(C + 0.6, N / 2, 0, "examples N", "y", ha="center", va="top")
block.text(-0.3, 0, H * W / 2, "places H W", "z", ha="right", va="center")
block.set_box_aspect((C, N, H * W), zoom=1.0)
left.suptitle("What one entry is normalized with")
bins = np.linspace(-14, 20, 120), np.linspace(-4, 4, 40)
for panel, values, edges, title in zip(middle.subplots(2, 1), (x, y), bins, ("Before", "After")):
    for c in range(C):
        panel.hist(
            values[:, c].ravel(),
            bins=edges,
            density=True,
            color=colours[c],
            histtype="step",
            lw=2,
            label=f"channel {c}",
        )
    panel.set(title=f"{title}: the numbers of each channel", yticks=[])
    panel.spines[["top", "right", "left"]].set_visible(False)
middle.axes[0].legend(frameon=False)
for row, (panel, true, name) in enumerate(zip(right.subplots(2, 1), (means[3], widths[3] ** 2), ("mean", "variance"))):
    for (momentum, steps), colour in zip(running.items(), ("#edae49", "#30638e")):
        panel.plot(steps[:, row, 3], color=colour, lw=2, label=momentum)
    panel.axhline(true, color="black", lw=0.8, ls=":", label="of all data")
    panel.set(title=f"Running {name} of channel 3", ylim=(0, 1.35 * true))
    panel.spines[["top", "right"]].set_visible(False)
right.axes[1].set_xlabel("batches seen")
right.axes[1].legend(frameon=False, loc="lower right")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
