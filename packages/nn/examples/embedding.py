"""An embedding that finds the year: months as points of the plane, which learn only who is near whom.

    python packages/nn/examples/embedding.py [picture.png]

The table has two numbers for each month, at first random ones. From these a linear layer guesses a second month, which
was drawn from those around the first; nothing else is known of the calendar. Months with the same neighbours have to be
alike, so the table becomes a circle, with the months in their order (asserted). The mean and the sum of the vectors of
a bag of months are what EmbeddingBag returns: the mean of near months stays beside them, that of opposite months is in
the middle, and the sum is as many times longer as the bag has months. Drawn with matplotlib, if there is one.
"""

import sys

import numpy as np

from pellucid_nn import Adam, CrossEntropyLoss, Embedding, EmbeddingBag, Linear, Sequential

months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
rng = np.random.default_rng(158)
table = Embedding(12, 2, rng=rng)
net, loss, losses = Sequential(table, Linear(2, 12, rng=rng)), CrossEntropyLoss(), []
optimizer = Adam(net.parameters(), lr=0.03)
before = table.weight.numpy().copy()
for _ in range(800):
    month = rng.integers(12, size=512)
    near = (month + np.rint(rng.normal(0, 1.5, 512)).astype(int)) % 12
    optimizer.zero_grad()
    value = loss(net(month), near)
    value.backward()
    optimizer.step()
    losses.append(value.item())
W = table.weight.numpy()  # (12, 2)

centred = W - W.mean(axis=0)
angle = np.degrees(np.unwrap(np.arctan2(centred[:, 1], centred[:, 0])))
turns, radius = np.diff(angle), np.linalg.norm(centred, axis=1)
turns *= np.sign(turns.mean())  # a circle may run either way
print(f"from month to month it turns by {turns.min():.0f} to {turns.max():.0f} degrees; a twelfth of a circle is 30")
print(f"distance from the centre: {radius.min():.2f} to {radius.max():.2f}")
assert 15 < turns.min() and turns.max() < 45 and radius.min() > 0.75 * radius.max()

bags = {"Dec, Jan, Feb": (11, 0, 1), "May, Jun": (4, 5), "Jan, Apr, Jul, Oct": (0, 3, 6, 9)}
numbers, sizes = np.concatenate(list(bags.values())), [len(bag) for bag in bags.values()]
pooled = {}
for mode in ("mean", "sum"):
    layer = EmbeddingBag(12, 2, mode=mode)
    layer.load_state_dict(table.state_dict())
    pooled[mode] = layer(numbers, np.cumsum([0, *sizes[:-1]])).numpy()  # (B, 2)
for row, bag in enumerate(bags.values()):
    np.testing.assert_allclose(pooled["sum"][row], sum(W[k] for k in bag), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(pooled["mean"][row] * len(bag), pooled["sum"][row], rtol=1e-12, atol=1e-12)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "embedding.png"
seasons = ["#30638e"] * 2 + ["#00798c"] * 3 + ["#d1495b"] * 3 + ["#edae49"] * 3 + ["#30638e"]
figure, panels = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
for panel, points in zip(panels, (before, W, W)):
    panel.plot(*points[[*range(12), 0]].T, color="#c9d3dc", lw=1, zorder=0)
    panel.scatter(*points.T, s=60, c=seasons)
    panel.set(xlabel="first number")
    panel.set_aspect("equal", adjustable="datalim")
for name, point in zip(months, before):
    panels[0].annotate(name, point, xytext=(8, 0), textcoords="offset points", va="center")
for name, point, out in zip(months, W, centred / radius[:, None]):
    panels[1].annotate(name, point, xytext=21 * out, textcoords="offset points", ha="center", va="center")
panels[0].set(title="Before: drawn at random", ylabel="second number")
panels[1].set(title="After: the year")
panels[2].set(title="Bags: their mean (diamond) and sum (ring)")
for row, (name, colour) in enumerate(zip(bags, ("#30638e", "#d1495b", "black"))):
    mean, total = pooled["mean"][row], pooled["sum"][row]
    panels[2].plot(*np.stack([np.zeros(2), total]).T, color=colour, lw=1, ls=":")
    panels[2].scatter(*total, s=90, facecolors="white", edgecolors=colour, lw=2, zorder=3)
    panels[2].scatter(*mean, s=90, color=colour, marker="D", zorder=3, label=name)
panels[2].legend(frameon=False)
for panel, margin in zip(panels, (0.15, 0.35, 0.15)):
    panel.margins(margin)
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
