"""Connections that look for good places: a sparse layer finds the pixels that tell digits apart.

    python packages/nn/examples/sparse_evolutionary.py [picture.png]

Of the 6400 connections that there could be from 64 pixels to 100 units about 500 are there, at places drawn at random.
Every four epochs the weakest give way to as many new ones, drawn at random again. At a pixel that is always white
nothing is to be learnt: weight decay makes such a weight small, and its connection goes. Draws how many connections
each pixel has before and after, beside how much the pixel varies (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid
import pellucid_nn as nn

digits = pellucid.dataset("digits")
X, y = digits.X / 16, digits.y
varies = X.std(axis=0)  # (64,)
white = varies < 0.05  # the same in nearly all digits
order = np.random.default_rng(0).permutation(len(X))
held, learn = order[:360], order[360:]

layer = nn.SparseEvolutionary(64, 100, epsilon=3, zeta=0.5, rng=1)
net = nn.Sequential(layer, nn.ReLU(), nn.Linear(100, 10, rng=2))
decaying, free = {"params": [layer.weight], "weight_decay": 0.02}, {"params": [layer.bias, *net[2].parameters()]}
optimizer, loss = nn.SGD([decaying, free], lr=0.1, momentum=0.9), nn.CrossEntropyLoss()

masks, rng = [layer.mask], np.random.default_rng(3)
for epoch in range(60):
    for rows in np.array_split(rng.permutation(learn), 23):
        optimizer.zero_grad()
        loss(net(X[rows]), y[rows]).backward()
        optimizer.step()
    if epoch % 4 == 3 and epoch < 56:
        layer.zeta = 0.5 * (1 - epoch / 60)  # fewer and fewer give way
        layer.evolve()
        masks.append(layer.mask)

counts = np.array([mask.sum(axis=0) for mask in masks])  # (15, 64): connections of each pixel
total, on_white = counts.sum(axis=1), counts[:, white].sum(axis=1)
likeness = [np.corrcoef(count, varies)[0, 1] for count in counts]
score = np.mean(net(X[held]).data.argmax(axis=1) == y[held])
print(f"{total[0]} of {layer.mask.size} connections; {score:.1%} of the digits held out are read right")
print(f"at the {white.sum()} pixels that hardly vary: {on_white[0]} connections before, {on_white[-1]} after")
print(
    f"correlation of a pixel's connections with how much it varies: {likeness[0]:.2f} before, {likeness[-1]:.2f} after"
)
assert np.all(total == total[0]), "evolving does not change how many there are"
assert on_white[-1] < 0.25 * on_white[0] and likeness[-1] > 0.7, (on_white, likeness)
assert score > 0.9, score

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "sparse_evolutionary.png"
figure, panels = plt.subplots(1, 4, figsize=(11, 3.5), layout="constrained", width_ratios=(1, 1, 1, 1.3))
shades = matplotlib.colors.LinearSegmentedColormap.from_list("", ["#ffffff", "#30638e", "#003d5b"])
warm = matplotlib.colors.LinearSegmentedColormap.from_list("", ["#ffffff", "#edae49", "#d1495b"])
top = counts.max()
for panel, count, word in ((panels[0], counts[0], "before"), (panels[1], counts[-1], "after")):
    image = panel.imshow(count.reshape(8, 8), cmap=shades, vmin=0, vmax=top)
    panel.set_title(f"connections {word}")
figure.colorbar(image, ax=panels[:2], orientation="horizontal", shrink=0.6, label="connections of a pixel")
image = panels[2].imshow(varies.reshape(8, 8), cmap=warm, vmin=0)
panels[2].set_title("how much pixels vary")
figure.colorbar(image, ax=panels[2], orientation="horizontal", label="standard deviation")
for panel in panels[:3]:
    panel.set(xticks=[], yticks=[])
for count, colour, label in ((counts[0], "#edae49", "before"), (counts[-1], "#30638e", "after")):
    panels[3].scatter(varies, count, color=colour, s=26, label=label)
panels[3].set(xlabel="how much a pixel varies", ylabel="its connections", title="they move to what varies")
panels[3].legend(frameon=False, loc="upper left")
panels[3].spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
