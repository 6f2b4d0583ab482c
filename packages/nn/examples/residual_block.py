"""Residual blocks: how the gradient fares on its way down through 24 blocks, with the shortcut and without.

    python packages/nn/examples/residual_block.py [picture.png]

The same blocks with the same weights, once as they are and once with the shortcut left out. Where the norms do nothing
(left) a plain stack multiplies the gradient by something small in every block, and the first ones get nothing at all;
where they normalise (right) it is something large. The shortcut hands the gradient on past the branch, which only adds
to it. Draws the norm of the gradient at each depth (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import IdentityBlock
from pellucid_nn import functional as F

rng = np.random.default_rng(0)
blocks = [IdentityBlock(8, rng=rng) for _ in range(24)]
images, dy = rng.standard_normal((2, 32, 8, 8, 8))


def branch(block, x):
    """What a block adds to its input."""
    a = F.relu(block.bn1(block.conv1(x)))
    return block.bn2(block.conv2(a))


def plain(block, x):
    """A block without its shortcut."""
    return F.relu(branch(block, x))


def shortcut(block, x):
    """A block as it is."""
    return block(x)


def norms_of_gradient(kind):
    """‖gradient‖ at the input of each block, first to last, for a gradient of norm 1 at the end."""
    h, pullbacks = images, []
    for block in blocks:
        y, pullback = pellucid.vjp(lambda x, block=block: kind(block, x), h)
        h = y.numpy()
        pullbacks.append(pullback)
    norms, dx = [], dy / np.linalg.norm(dy)
    for pullback in reversed(pullbacks):
        dx = pullback(dx)[0].numpy()
        norms.append(np.linalg.norm(dx))
    return np.array(norms[::-1])


norms = {}
for mode in ("eval", "train"):  # in eval mode the norms divide by running statistics, which are 1 before any training
    for block in blocks:
        getattr(block, mode)()
    norms[mode] = {kind.__name__: norms_of_gradient(kind) for kind in (shortcut, plain)}
    for name, values in norms[mode].items():
        print(f"norms in {mode:>5} mode, {name:>8}: ‖gradient‖ {values[0]:8.2g} at the first block, 1 at the end")
assert norms["eval"]["plain"][0] < 1e-12 and 0.5 < norms["eval"]["shortcut"][0] < 2
assert norms["train"]["plain"][0] > 500 and norms["train"]["shortcut"][0] < 30

y, through_block = pellucid.vjp(blocks[0], images)
_, through_branch = pellucid.vjp(lambda x: branch(blocks[0], x), images)
ds = dy * (y.numpy() > 0)
assert np.allclose(through_block(dy)[0].numpy(), ds + through_branch(ds)[0].numpy())  # past the branch, and through it

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "residual_block.png"
titles = {
    "eval": "norms that do nothing: without shortcuts it vanishes",
    "train": "norms that normalise: without shortcuts it explodes",
}
figure, panels = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
depth = np.arange(1, len(blocks) + 1)
for panel, (mode, curves) in zip(panels, norms.items()):
    panel.axhline(1, color="black", lw=0.6, ls=":")
    panel.plot(depth, curves["shortcut"], "o-", color="#30638e", lw=2, ms=5, label="with the shortcut")
    panel.plot(depth, curves["plain"], "o-", color="#d1495b", lw=2, ms=5, label="without")
    panel.set(xlabel="block (the gradient comes from the right)", yscale="log", xticks=[1, 6, 12, 18, 24])
    panel.set_title(titles[mode], fontsize=11)
    panel.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("‖gradient‖ at its input")
panels[0].legend(frameon=False, loc="lower right")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
