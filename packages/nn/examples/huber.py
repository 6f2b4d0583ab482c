"""How hard an error pulls: the squared loss lets a few outliers turn a line, Huber's loss hardly notices them.

    python packages/nn/examples/huber.py [picture.png]

The slope of a loss is the pull of a point on the prediction. That of the squared error grows with the distance without
end; the absolute error always pulls with 1, and jumps at 0. Huber's pull grows up to δ and stays there, that of the
smooth L1 loss up to 1, which it reaches at β. Draws the losses, their slopes, and lines fitted to points of which some
are far off (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn
from pellucid import Tensor

DELTA = 1.5
losses = {
    "squared": nn.MSELoss(reduction="none"),
    "absolute": nn.L1Loss(reduction="none"),
    "Huber": nn.HuberLoss(reduction="none", delta=DELTA),
    "smooth L1": nn.SmoothL1Loss(reduction="none", beta=0.4),
}
errors = np.linspace(-4, 4, 401)
values, slopes = {}, {}
for name, loss in losses.items():
    y = Tensor(errors, requires_grad=True)
    values[name] = loss(y, np.zeros(401))
    values[name].sum().backward()
    slopes[name] = y.grad.data
assert np.allclose(slopes["Huber"], np.clip(errors, -DELTA, DELTA)), "Huber's pull is the error, held within ±δ"
assert np.allclose(slopes["smooth L1"], np.clip(errors / 0.4, -1, 1)), "and smooth L1 reaches 1 at β"

rng = np.random.default_rng(0)
x = rng.uniform(-1, 1, 60)
t = 2 * x + 1 + 0.3 * rng.normal(size=60)
off = x > 0.8
t[off] -= 8  # a sensor that fails on the right
lines = {}
for name, loss in losses.items():
    layer = nn.Linear(1, 1, rng=0)
    optimizer = nn.Adam(layer.parameters(), lr=0.1)
    rates = nn.CosineAnnealingLR(optimizer, T_max=300)
    for _ in range(300):
        optimizer.zero_grad()
        loss(layer(x[:, None])[:, 0], t).mean().backward()
        optimizer.step()
        rates.step()
    lines[name] = layer.weight.item(), layer.bias.item()
    print(f"{name:>9}: t = {lines[name][0]:5.2f} x + {lines[name][1]:.2f}")
print(f"    truth: t =  2.00 x + 1.00; {off.sum()} of {len(x)} points are 8 too low")
exact = np.polyfit(x, t, 1)
assert np.allclose(lines["squared"], exact, atol=1e-3), "the squared error's line is that of least squares"
assert all(abs(lines[name][0] - 2) < 0.5 for name in ("absolute", "Huber", "smooth L1")), lines
assert lines["squared"][0] < 1, "five points of sixty are enough to turn that one"

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "huber.png"
figure, panels = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
colours = dict(zip(losses, ("#edae49", "#00798c", "#d1495b", "#003d5b")))
for name, colour in colours.items():
    style = {"color": colour, "lw": 2, "ls": "--" if name == "smooth L1" else "-", "label": name}
    panels[0].plot(errors, values[name].data, **style)
    panels[1].plot(errors, np.where(errors == 0, np.nan, slopes[name]) if name == "absolute" else slopes[name], **style)
    panels[2].plot([-1, 1], np.polyval(lines[name], [-1, 1]), **style)
panels[0].set(title="loss", xlabel="error y − t", ylabel="loss", ylim=(0, 6))
panels[1].set(title="slope: how hard it pulls", xlabel="error y − t", ylabel="slope", ylim=(-3.5, 3.5))
panels[0].legend(frameon=False, loc="upper center")
panels[2].scatter(x[~off], t[~off], color="black", s=12, alpha=0.6, lw=0)
panels[2].scatter(x[off], t[off], color="black", s=30, marker="x", lw=1.2)
panels[2].set(title=f"lines if {off.sum()} of 60 points are far off", xlabel="x", ylabel="t")
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
