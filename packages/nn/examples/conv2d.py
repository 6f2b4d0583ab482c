"""Convolution: what one output sees of an image, through three layers of kernels with 3 x 3 entries.

    python packages/nn/examples/conv2d.py [picture.png]

Above: all kernels hold ones, so the gradient of one output counts the ways in which each pixel reaches it. A stride or
a dilation lets the same 27 weights see much farther, and the same 729 ways spread over more pixels. Below: one kernel
finds the edges of a digit. With padding "same" the result is as large as the image, and on the rim it shows edges
against the zeros that stand around it. Draws both (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import functional as F

ones = np.ones((1, 1, 3, 3))
stacks = {  # what is seen -> stride and dilation of each layer
    "three plain layers": [(1, 1), (1, 1), (1, 1)],
    "dilation 2 in the second": [(1, 1), (1, 2), (1, 1)],
    "stride 2 in the first": [(2, 1), (1, 1), (1, 1)],
    "dilations 1, 2, 4": [(1, 1), (1, 2), (1, 4)],
}
image = np.zeros((1, 1, 17, 17))
fields = {}
for name, layers in stacks.items():

    def middle_output(x, layers=layers):
        """The output in the middle of the last layer's result."""
        for stride, dilation in layers:
            x = F.conv2d(x, ones, stride=stride, dilation=dilation, padding=dilation)
        return x[0, 0, x.shape[2] // 2, x.shape[3] // 2]

    ways = pellucid.grad(middle_output)(image)[0, 0]  # (17, 17)
    seen = ways.any(axis=0).sum(), ways.any(axis=1).sum()
    strides_before = np.cumprod([1, *(stride for stride, _ in layers)])
    side = 1 + sum(2 * dilation * s for (_, dilation), s in zip(layers, strides_before))
    print(f"{name:>24}: one output sees {seen[0]} x {seen[1]} pixels, each in at most {ways.max():.0f} ways")
    assert seen == (side, side) and ways.sum() == 9**3, (seen, side, ways.sum())
    fields[name] = ways

digit = pellucid.dataset("digits").X[3].reshape(1, 1, 8, 8)
across = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]).reshape(1, 1, 3, 3)  # Sobel's kernel
down = across.mT.copy()
results = {  # what is seen -> image
    "a digit:\n8 × 8 pixels": digit[0, 0],
    'to the right, padding "same":\n8 × 8': F.conv2d(digit, across, padding="same")[0, 0],
    'downwards, padding "same":\n8 × 8': F.conv2d(digit, down, padding="same")[0, 0],
    'downwards, padding "valid":\n6 × 6': F.conv2d(digit, down, padding="valid")[0, 0],
}
_, _, same, valid = results.values()
stop = np.sum(down * digit[..., 2:5, 4:7])  # what the kernel finds at one stop, written out
print(f'padding "same" gives {same.shape}, "valid" {valid.shape}; they differ on the rim alone')
assert valid[2, 4] == stop and np.array_equal(same[1:-1, 1:-1], valid), (valid[2, 4], stop)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "conv2d.png"
blues = matplotlib.colors.LinearSegmentedColormap.from_list("blues", ["white", "#30638e", "#003d5b"])
signs = matplotlib.colors.LinearSegmentedColormap.from_list("signs", ["#d1495b", "white", "#30638e"])
figure = plt.figure(figsize=(11, 6.3), layout="constrained")
above, below = figure.subfigures(2, 1)
above.suptitle("what one output (yellow) sees: the darker a pixel, the more ways lead from it to the output")
fields_shown, results_shown = above.subplots(1, 4), below.subplots(1, 4)
for panel, (name, ways) in zip(fields_shown, fields.items()):
    panel.imshow(np.where(ways, ways, np.nan), cmap=blues, vmin=0)
    panel.plot(8, 8, "o", color="#edae49", ms=5)
    side = ways.any(axis=0).sum()
    panel.set_title(f"{name}:\n{side} × {side} pixels", fontsize=11)
below.suptitle("what an edge filter finds: blue where it gets brighter, red where it gets darker")
for panel, (name, result) in zip(results_shown, results.items()):
    rim = (8 - len(result)) // 2
    extent = rim - 0.5, 7.5 - rim, 7.5 - rim, rim - 0.5
    colours = {"cmap": "gray", "vmax": 16} if panel is results_shown[0] else {"cmap": signs, "vmin": -64, "vmax": 64}
    panel.imshow(result, extent=extent, **colours)
    panel.set_title(name, fontsize=11)
    panel.set(xlim=(-0.5, 7.5), ylim=(7.5, -0.5))
for panel in (*fields_shown, *results_shown):
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_color("#bbbbbb")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
