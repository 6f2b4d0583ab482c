"""Layer normalization: every example by itself, whatever else is in the batch.

    python packages/nn/examples/layer_norm.py [picture.png]

Red in the two blocks (N examples, T steps, E features) are the entries that one entry of the result depends on, as its
gradient is not 0 there: with `LayerNorm(E)` the E numbers at its step, with `LayerNorm((T, E))` all numbers of its
example; never another example (asserted). Middle: rows of different size and level get mean 0 and variance 1.
Right: what one example becomes in batches of other company: batch normalization makes it depend on them, layer
normalization does not. Drawn with matplotlib, if there is one.
"""

import sys

import numpy as np

from pellucid import Tensor, no_grad
from pellucid_nn import BatchNorm1d, LayerNorm

N, T, E = 4, 5, 6
rng = np.random.default_rng(0)

blocks = {}  # title -> which entries y[0, 4, 3] depends on (N, T, E)
for title, layer in (("LayerNorm(E)", LayerNorm(E)), ("LayerNorm((T, E))", LayerNorm((T, E)))):
    x = Tensor(rng.standard_normal((N, T, E)), requires_grad=True)
    layer(x)[0, 4, 3].backward()
    blocks[title] = x.grad.numpy() != 0
for title, axes in (("LayerNorm(E)", (0, 4)), ("LayerNorm((T, E))", (0,))):
    expected = np.zeros((N, T, E), bool)
    expected[axes] = True
    assert (blocks[title] == expected).all()
    print(f"{title}: an entry of the result depends on {expected.sum()} of {expected.size} entries")

rows, D = 12, 24
scales, levels = np.geomspace(0.3, 6, rows)[:, None], rng.uniform(-8, 8, (rows, 1))
x = levels + scales * rng.standard_normal((rows, D))  # (N, D)
with no_grad():
    y = LayerNorm(D)(x)
np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-12)
np.testing.assert_allclose(y.var(axis=1), 1, atol=1e-3)
print(f"standard deviations of the rows: {x.std(axis=1).min():.1f} to {x.std(axis=1).max():.1f}, all 1 afterwards")

one, spread = x[4], {}  # the same example in 200 batches of 8
for name, layer in (("batch norm", BatchNorm1d(D)), ("layer norm", LayerNorm(D))):
    with no_grad():
        results = [layer(np.vstack([one, rng.normal(0, 4, (7, D))]))[0] for _ in range(200)]
    spread[name] = np.array(results)  # (200, D)
    print(f"{name}: one of its entries has standard deviation {spread[name].std(axis=0).mean():.3f} over 200 batches")
assert np.ptp(spread["layer norm"], axis=0).max() < 1e-12 < 0.1 < spread["batch norm"].std(axis=0).mean()

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "layer_norm.png"
figure = plt.figure(figsize=(13, 5.4), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=(0.75, 1, 1.25))
for place, (title, depends) in enumerate(blocks.items()):
    block = left.add_subplot(2, 1, place + 1, projection="3d")
    shown = depends.transpose(2, 0, 1)  # (E, N, T)
    colours = np.where(shown, "#d1495b", "#e6ecf1")
    block.voxels(np.ones_like(shown), facecolors=colours, edgecolors="#7b8a97", lw=0.6, shade=False)
    block.view_init(elev=25, azim=-50)
    block.set_axis_off()
    block.text(E / 2, -0.7, 0, "E", ha="center", va="top")
    block.text(E + 0.5, N / 2, 0, "N", ha="center", va="top")
    block.text(-0.5, 0, T / 2, "T", ha="right", va="center")
    block.set_title(title)
    block.set_box_aspect((E, N, T), zoom=1.05)
titles = "Before: rows differ", "After: mean 0, variance 1"
for panel, values, limit, title in zip(middle.subplots(2, 1), (x, y), (12, 3), titles):
    image = panel.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    panel.set(title=title, xlabel="entry", ylabel="row", yticks=range(0, rows, 5))
    middle.colorbar(image, ax=panel)
above, below = right.subplots(2, 1, sharex=True, sharey=True)
for panel, (name, results), colour in zip((above, below), spread.items(), ("#d1495b", "#30638e")):
    panel.plot(results[:40].T, color=colour, lw=0.8, alpha=0.5)
    panel.set(title=f"The same example in 40 batches: {name}", ylabel="result")
    panel.spines[["top", "right"]].set_visible(False)
below.set_xlabel("entry")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
