"""im2col: every neighbourhood of an image becomes a column, and a convolution becomes one product of matrices.

    python packages/nn/examples/im2col.py [picture.png]

The pixels of an image are numbered. A kernel of 3 x 3 stops at nine places of it, and what it sees at each is one of
the nine columns: the boxes show the first, the middle and the last. A row of weights times these columns is the
convolution. `col2im` adds the columns back to where they came from: of ones it makes the number of columns that each
pixel is in. Draws the image, the columns and these numbers (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import functional as F

image = np.arange(25.0).reshape(1, 5, 5)
cols = F.im2col(image, kernel_size=3)  # (9, 9): entries of the kernel, stops
print(
    f"{image.size} pixels are written {cols.size} times, {np.bincount(cols.astype(int).ravel())[12]} of them pixel 12"
)

kernel = np.random.default_rng(0).standard_normal((1, 1, 3, 3))
product = (kernel.reshape(1, 9) @ cols).reshape(1, 3, 3)
difference = np.abs(product - F.conv2d(image, kernel)).max()
print(f"weights times columns differ from the convolution by at most {difference:.1g}")
assert difference < 1e-12 and np.isclose(product[0, 1, 1], np.sum(kernel * image[:, 1:4, 1:4])), difference

used = {}  # stride -> how many columns each pixel is in
for stride, along in ((1, [1, 2, 3, 2, 1]), (2, [1, 1, 2, 1, 1])):
    ones = np.ones_like(F.im2col(image, kernel_size=3, stride=stride))
    used[stride] = F.col2im(ones, output_size=5, kernel_size=3, stride=stride)[0].astype(int)
    assert np.array_equal(used[stride], np.outer(along, along)), used[stride]
    again = pellucid.grad(lambda x, stride=stride: F.im2col(x, kernel_size=3, stride=stride).sum())(image)[0]
    assert np.array_equal(again, used[stride])  # col2im is the gradient of im2col
    print(f"stride {stride}: the middle pixel is used {used[stride][2, 2]} times, a corner {used[stride][0, 0]} times")

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "im2col.png"
pale = matplotlib.colors.LinearSegmentedColormap.from_list("pale", ["white", "#a9c3d9"])
figure, panels = plt.subplot_mosaic(
    "abbc;abbd", figsize=(11, 4.6), layout="constrained", width_ratios=(1.6, 1, 1, 0.95)
)
shown = {
    "a": ("the image, its pixels numbered", image[0], 24),
    "b": ("its columns, one for each stop", cols, 24),
    "c": ("columns a pixel is in,\nstride 1", used[1], 12),
    "d": ("stride 2", used[2], 12),
}
for key, (title, numbers, top) in shown.items():
    panels[key].imshow(numbers, cmap=pale, vmin=0, vmax=top)
    for (row, column), n in np.ndenumerate(numbers):
        panels[key].text(column, row, f"{n:.0f}", ha="center", va="center", fontsize=11)
    panels[key].set_title(title, fontsize=12)
    panels[key].set(xticks=[], yticks=[])
    panels[key].spines[:].set_color("#bbbbbb")
for stop, colour in ((0, "#edae49"), (4, "#d1495b"), (8, "#00798c")):
    row, column = divmod(stop, 3)
    box = {"fill": False, "edgecolor": colour, "lw": 3, "clip_on": False}
    panels["a"].add_patch(plt.Rectangle((column - 0.45, row - 0.45), 2.9, 2.9, **box))
    panels["b"].add_patch(plt.Rectangle((stop - 0.45, -0.45), 0.9, 8.9, **box))
panels["b"].set(xlabel="stop of the kernel", ylabel="entry of the kernel", xticks=range(9), yticks=range(9))
panels["b"].tick_params(length=0)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
