"""Maximum pooling: the brightest pixel of every window goes on, and the gradient goes back to that pixel alone.

    python packages/nn/examples/max_pool2d.py [picture.png]

Yellow dots mark the winners among the pixels of a digit. They are the only ones that get a gradient; in a window that
is all black the first one in reading order wins. Where windows overlap, a pixel may win several, and its gradients add
up: the numbers say how many. Draws the digit, its maxima, and the gradients of their sum (with matplotlib, if there is
one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import MaxPool2d

digit = pellucid.dataset("digits").X[3].reshape(1, 8, 8)
settings = {"apart": MaxPool2d(2), "overlapping": MaxPool2d(3, stride=1)}
maxima, wins = {}, {}
for name, pool in settings.items():
    maxima[name] = np.asarray(pool(digit))[0]
    wins[name] = pellucid.grad(lambda x, pool=pool: pool(x).sum())(digit)[0].astype(int)  # (8, 8)
    n = maxima[name].size
    print(
        f"windows {name}: {n} windows, won by {np.count_nonzero(wins[name])} pixels, one of them {wins[name].max()} x"
    )
    assert wins[name].sum() == n, wins[name].sum()
    assert np.isclose(np.sum(wins[name] * digit[0]), maxima[name].sum())  # what the winners hold is all that goes on

blocks = digit.reshape(4, 2, 4, 2).swapaxes(1, 2)  # (4, 4, 2, 2): the windows that lie apart
assert np.array_equal(blocks.max(axis=(2, 3)), maxima["apart"])
assert np.all(wins["apart"].reshape(4, 2, 4, 2).sum(axis=(1, 3)) == 1)
winner = np.unravel_index(digit[0].argmax(), (8, 8))
brighter, darker = digit.copy(), digit.copy()
brighter[0][winner] += 1
darker[0][wins["apart"] == 0] -= 1
change = [np.asarray(settings["apart"](x)).sum() - maxima["apart"].sum() for x in (brighter, darker)]
print(f"one winner brighter by 1: the sum of the maxima changes by {change[0]:.0f}")
print(f"all losers darker by 1: it changes by {change[1]:.0f}")
assert change == [1, 0], change

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "max_pool2d.png"
blues = matplotlib.colors.LinearSegmentedColormap.from_list("blues", ["white", "#30638e"])
figure, panels = plt.subplots(1, 4, figsize=(11, 3.35), layout="constrained")
panels[0].imshow(digit[0], cmap="gray", vmin=0, vmax=16)
panels[0].plot(*np.argwhere(wins["apart"])[:, ::-1].T, "o", color="#edae49", ms=6)
panels[0].set_title("8 × 8 pixels, windows of 2 × 2,\nand the winner of each", fontsize=11)
panels[1].imshow(maxima["apart"], cmap="gray", vmin=0, vmax=16)
panels[1].set_title("4 × 4 maxima", fontsize=11)
titles = {
    "apart": "the gradient goes to the winners",
    "overlapping": "windows of 3 × 3, one apart:\na pixel may win several",
}
for panel, (name, count) in zip(panels[2:], wins.items()):
    panel.imshow(count, cmap=blues, vmin=0, vmax=10)
    for (row, column), n in np.ndenumerate(count):
        if n:
            panel.text(column, row, n, ha="center", va="center", fontsize=10)
    panel.set_title(titles[name], fontsize=11)
for panel in (panels[0], panels[2]):
    for edge in (1.5, 3.5, 5.5):
        panel.axhline(edge, color="#00798c", lw=1.2)
        panel.axvline(edge, color="#00798c", lw=1.2)
for panel in panels:
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color("#00798c")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
