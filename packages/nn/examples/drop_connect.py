"""What DropConnect leaves of a layer: another half of its weights in each call, twice as large, right on average.

    python packages/nn/examples/drop_connect.py [picture.png]

In training mode every call loses weights by coins of its own, and what is left is enlarged. The mean of many calls is
the layer itself, which is what eval mode applies at once. Draws the weights of one layer, what two calls left of them,
their mean over 2000 calls, and what the layer answers to one input (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn

rng = np.random.default_rng(0)
linear = nn.Linear(10, 8, bias=False, rng=rng)
nn.normal_(linear.weight, rng=rng)
layer = nn.DropConnect(linear, p=0.5, rng=1)
W = linear.weight.data  # (8, 10)

# Rows of the identity pick the columns of the weights, and with one input more, each call shows what it used and said.
x = rng.choice([-1.0, 1.0], 10)
calls = [layer(np.vstack([np.eye(10), x])).data for _ in range(2000)]
used = np.array([call[:10].T for call in calls])  # (2000, 8, 10)
said = np.array([call[10] for call in calls])  # (2000, 8)
layer.eval()
expected = layer(x[None]).data[0]  # (8,)

kept = used != 0
print(f"kept: {kept.mean():.3f} of the weights; two calls agree on {np.mean(kept[0] == kept[1]):.0%} of them")
print(f"what is kept is {np.mean(used[kept] / np.broadcast_to(W, used.shape)[kept]):.2f} times as large")
print(f"mean of 2000 calls less W: {np.abs(used.mean(axis=0) - W).max():.3f} at most")
noise = np.sqrt(np.sum((W * x) ** 2, axis=1))  # of an output when p is ½
shown = np.argmin(np.abs(W * x).max(axis=1) / noise)  # the output that no single weight rules
mean, spread = said[:, shown].mean(), said[:, shown].std()
print(f"output {shown}: {expected[shown]:.2f} in eval mode, {mean:.2f} ± {spread:.2f} in training mode")
assert np.allclose(used[kept], 2 * np.broadcast_to(W, used.shape)[kept])
assert np.abs(used.mean(axis=0) - W).max() < 4.5 * np.abs(W).max() / 2000**0.5
assert np.all(np.abs(said.mean(axis=0) - expected) < 4 * noise / 2000**0.5)
assert np.allclose(said.std(axis=0), noise, rtol=0.06)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "drop_connect.png"
figure, panels = plt.subplots(2, 3, figsize=(10, 5.4), layout="constrained")
colours = plt.get_cmap("RdBu_r").copy()
colours.set_bad("#e8e8e8")
pictures = {
    "the weights of the layer": W,
    "a call in training mode": np.where(kept[0], used[0], np.nan),
    "the next call": np.where(kept[1], used[1], np.nan),
    "mean of 10 calls": used[:10].mean(axis=0),
    "mean of 2000 calls": used.mean(axis=0),
}
for panel, (title, values) in zip(panels.flat, pictures.items()):
    image = panel.imshow(values, cmap=colours, vmin=-4, vmax=4)
    panel.set_title(title, fontsize=11)
    panel.set(xticks=[], yticks=[], xlabel="inputs", ylabel="outputs")
figure.colorbar(image, ax=panels[:, :2], location="left", shrink=0.5, aspect=30, label="weight")
last = panels.flat[-1]
last.hist(said[:, shown], bins=24, color="#edae49", label="training mode")
last.axvline(expected[shown], color="#30638e", lw=2.5, label="eval mode")
last.set(xlabel="output", ylabel="calls", ylim=(0, 270))
last.set_title("one output, for the same input", fontsize=11)
last.legend(frameon=False, loc="upper left", fontsize=9, handlelength=1, borderaxespad=0)
last.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
