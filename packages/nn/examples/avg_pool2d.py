"""Average pooling: every window of a digit becomes its mean, and every pixel of it gets the same share of the gradient.

    python packages/nn/examples/avg_pool2d.py [picture.png]

The means of windows that lie apart keep all the ink of the digit; to take every second pixel instead loses a part that
depends on where one starts. Where windows overlap, a pixel gets a share from each that holds it. Below an image of ones
is pooled with a margin of zeros: if these count, the corners of the result fade. Draws all this (with matplotlib, if
there is one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import AvgPool2d

digit = pellucid.dataset("digits").X[4].reshape(1, 8, 8)
means = np.asarray(AvgPool2d(2)(digit))[0]  # (4, 4)
kept = [digit[0, a::2, b::2] for a in (0, 1) for b in (0, 1)]  # every second pixel, from four starts
ink = digit.sum()
print(f"ink in the means: {4 * means.sum() / ink:.0%}")
print("ink in every second pixel:", ", ".join(f"{4 * pixels.sum() / ink:.0%}" for pixels in kept))
assert np.isclose(4 * means.sum(), ink) and np.allclose(means, np.mean(kept, axis=0))

overlapping = AvgPool2d(3, stride=2)
image = np.zeros((1, 9, 9))
shares = pellucid.grad(lambda x: overlapping(x).sum())(image)[0]  # (9, 9)
held = np.zeros((9, 9), int)  # how many windows hold each pixel
for row in range(0, 7, 2):
    for column in range(0, 7, 2):
        held[row : row + 3, column : column + 3] += 1
print(f"windows of 3 x 3, two apart: a pixel is in {np.unique(held)} windows, and gets as many ninths of the gradient")
assert np.allclose(shares, held / 9)

ones = np.ones((1, 8, 8))
counted = np.asarray(AvgPool2d(3, stride=2, padding=1)(ones))[0]
not_counted = np.asarray(AvgPool2d(3, stride=2, padding=1, count_include_pad=False)(ones))[0]
print(f"ones in a margin of zeros: the corner is {counted[0, 0]:.2f} if zeros count, else {not_counted[0, 0]:.2f}")
assert np.isclose(counted[0, 0], 4 / 9) and np.isclose(counted[0, 1], 6 / 9) and np.allclose(not_counted, 1)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "avg_pool2d.png"
blues = matplotlib.colors.LinearSegmentedColormap.from_list("blues", ["white", "#30638e"])
figure, (above, below) = plt.subplots(2, 3, figsize=(9.5, 6.8), layout="constrained")
for panel, (title, pixels) in zip(
    above,
    (
        ("a digit, windows of 2 × 2", digit[0]),
        ("the mean of each: all the ink", means),
        (f"every second pixel: {4 * kept[0].sum() / ink:.0%} of the ink", kept[0]),
    ),
):
    panel.imshow(pixels, cmap="gray_r", vmin=0, vmax=16)
    panel.set_title(title, fontsize=12)
for edge in (1.5, 3.5, 5.5):
    above[0].axhline(edge, color="#00798c", lw=1.2)
    above[0].axvline(edge, color="#00798c", lw=1.2)
for panel, (title, pixels, words, top) in zip(
    below,
    (
        ("the gradient in ninths:\nwindows of 3 × 3, two apart", held, "{:.0f}", 8),
        ("ones pooled, margin of zeros:\nthe zeros count", counted, "{:.2f}", 2),
        ("the same:\nthe zeros do not count", not_counted, "{:.2f}", 2),
    ),
):
    panel.imshow(pixels, cmap=blues, vmin=0, vmax=top)
    for (row, column), n in np.ndenumerate(pixels):
        panel.text(column, row, words.format(n), ha="center", va="center", fontsize=11)
    panel.set_title(title, fontsize=12)
for panel in (*above, *below):
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color("#bbbbbb")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
