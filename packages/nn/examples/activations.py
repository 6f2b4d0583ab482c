"""Activations: fourteen functions of one number, and their slopes as the backward pass has them.

    python packages/nn/examples/activations.py [picture.png]

The slope (yellow) is what a gradient is multiplied by on its way back. Where it is 0 nothing comes through: to the left
of 0 in a ReLU, at both ends of Tanh, Sigmoid and HardSigmoid, whose slope is also never above 1/4 and 1/6. All slopes
are taken by `pellucid.elementwise_grad` and compared with differences of the functions. Draws all (with matplotlib, if
there is one).
"""

import sys

import numpy as np

import pellucid
import pellucid_nn as nn

functions = {
    "ReLU": nn.ReLU(),
    "LeakyReLU(0.1)": nn.LeakyReLU(0.1),
    "ELU": nn.ELU(),
    "SELU": nn.SELU(),
    "Softplus": nn.Softplus(),
    "GELU": nn.GELU(),
    'GELU("tanh")': nn.GELU("tanh"),
    "SiLU": nn.SiLU(),
    "Tanh": nn.Tanh(),
    "Sigmoid": nn.Sigmoid(),
    "HardSigmoid": nn.HardSigmoid(),
    "Exponential": nn.Exponential(),
    "Identity": nn.Identity(),
    "Affine(0.5, 1)": nn.Affine(0.5, 1.0),
}
x = np.linspace(-5, 5, 400)  # 0 and ±3, where there are corners, are not among them
step = 1e-5
slopes = {}
print(f"{'':>16}  smallest  largest slope")
for name, f in functions.items():
    slopes[name] = pellucid.elementwise_grad(f)(x)
    measured = (np.asarray(f(x + step)) - np.asarray(f(x - step))) / (2 * step)
    assert np.allclose(slopes[name], measured, rtol=1e-6, atol=1e-8), name
    print(f"{name:>16} {slopes[name].min():9.3f} {slopes[name].max():9.3f}")
largest_gap = np.abs(nn.GELU()(x) - nn.GELU("tanh")(x)).max()
print(f"the two forms of GELU differ by at most {largest_gap:.5f}")
assert slopes["Sigmoid"].max() <= 1 / 4 and slopes["Tanh"].max() <= 1 and largest_gap < 5e-4
assert np.all(slopes["ReLU"] == (x > 0)) and np.all(slopes["HardSigmoid"] == (np.abs(x) < 3) / 6)
assert slopes["GELU"].min() < 0 < slopes["Softplus"].min()  # GELU and SiLU have a dip, Softplus always rises

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "activations.png"
figure, panels = plt.subplots(3, 5, figsize=(11, 6.6), layout="constrained", sharex=True, sharey=True)
for panel, (name, f) in zip(panels.flat, functions.items()):
    panel.axhline(0, color="#cccccc", lw=0.8)
    panel.axvline(0, color="#cccccc", lw=0.8)
    corners = np.abs(np.diff(slopes[name])) > 0.1  # a jump is not joined
    panel.plot(x, f(x), color="#30638e", lw=3.5, label="the function")
    panel.plot(x, np.where(np.append(corners, False), np.nan, slopes[name]), color="#edae49", lw=1.8, label="its slope")
    panel.set_title(name, fontsize=12)
    panel.set(xlim=(-5, 5), ylim=(-2, 3), xticks=[-4, 0, 4], yticks=[-1, 0, 1, 2])
    panel.spines[["top", "right"]].set_visible(False)
panels[-1, -1].set_axis_off()
panels[-1, -1].legend(*panels[0, 0].get_legend_handles_labels(), frameon=False, loc="center", fontsize=12)
figure.supxlabel("input")
figure.supylabel("output, slope")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
