"""Transposed convolution: it undoes the stride of a convolution, and where its kernels overlap it paints checkerboards.

    python packages/nn/examples/conv_transpose2d.py [picture.png]

Every entry of a small image paints a kernel of ones, two pixels from the next one. Above the image is all ones, so the
numbers say how many kernels overlap at a pixel. Where the stride divides the size of the kernel they are equal but at
the rim; with a kernel of 3 they are 1, 2 and 4, and that pattern lies over all that the layer paints (below). The sizes
are those of the image that a convolution with the same settings came from. Draws both (with matplotlib, if there is
one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import Conv2d, ConvTranspose2d
from pellucid_nn import functional as F

rng = np.random.default_rng(0)
for k, padding, output_padding in ((2, 0, 0), (3, 1, 1), (4, 1, 0)):
    down = Conv2d(1, 1, k, stride=2, padding=padding, bias=False, rng=rng)
    up = ConvTranspose2d(1, 1, k, stride=2, padding=padding, output_padding=output_padding, bias=False, rng=rng)
    up.load_state_dict(down.state_dict())
    x, dy = rng.standard_normal((1, 1, 8, 8)), rng.standard_normal((1, 1, 4, 4))
    y, dx = down(x).numpy(), up(dy).numpy()
    print(
        f"kernel {k}: the convolution takes {x.shape[2:]} to {y.shape[2:]}, the transposed one back to {dx.shape[2:]}"
    )
    assert dx.shape == x.shape and np.isclose(np.sum(y * dy), np.sum(x * dx))  # ⟨W x, dy⟩ = ⟨x, Wᵀ dy⟩

digit = pellucid.dataset("digits").X[0].reshape(1, 1, 8, 8)
counts, painted = {}, {}
for k in (2, 3, 4):
    ones = np.ones((1, 1, k, k))
    counts[k] = F.conv_transpose2d(np.ones((1, 1, 4, 4)), ones, stride=2)[0, 0].astype(int)
    painted[k] = F.conv_transpose2d(digit, ones, stride=2)[0, 0]
    inside = np.unique(counts[k][2:-2, 2:-2])
    print(f"kernel {k}: away from the rim a pixel is painted {inside} times")
    assert set(inside) == {2: {1}, 3: {1, 2, 4}, 4: {4}}[k], inside

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "conv_transpose2d.png"
blues = matplotlib.colors.LinearSegmentedColormap.from_list("blues", ["white", "#30638e"])
figure, (above, below) = plt.subplots(2, 4, figsize=(11, 5.9), layout="constrained")
words = {2: "kernel 2: no overlap", 3: "kernel 3: a checkerboard", 4: "kernel 4: even, blurred"}
for panel, (title, count) in zip(
    above, [("4 × 4 ones", np.ones((4, 4), int)), *((words[k], counts[k]) for k in counts)]
):
    panel.imshow(count, cmap=blues, vmin=0, vmax=5)
    for (row, column), n in np.ndenumerate(count):
        panel.text(column, row, n, ha="center", va="center", fontsize=10)
    panel.set_title(title, fontsize=12)
for panel, (title, image) in zip(
    below, [("a digit", digit[0, 0]), *((f"painted with kernel {k}", painted[k]) for k in painted)]
):
    panel.imshow(image, cmap="gray_r")
    panel.set_title(title + f", {len(image)} × {len(image)}", fontsize=12)
for panel in (*above, *below):
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color("#bbbbbb")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
