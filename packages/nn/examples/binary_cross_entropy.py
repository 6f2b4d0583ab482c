"""A yes or no from a logit: the loss, its slope, and logits of ±1000 that no formula with a sigmoid survives.

    python packages/nn/examples/binary_cross_entropy.py [picture.png]

A confident right answer costs nothing, a confident wrong one costs in proportion to its logit, and the slope is
σ(z) − t throughout. Worked out from probabilities, the loss of a logit beyond 37 is lost in rounding: σ(z) is 1 there,
the loss is held at 100, and the slope is gone, so that a net that is far off would not learn. From logits it is exact.
Draws losses and slopes of both ways (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn
from pellucid import Tensor


def loss_and_slope(of, z, t):
    """The loss of each logit, and its slope: _, (N,), (N,) -> (N,), (N,)."""
    z = Tensor(z, requires_grad=True)
    losses = of(z, t)
    losses.sum().backward()
    return losses.data, z.grad.data


from_logits = nn.BCEWithLogitsLoss(reduction="none")
from_probabilities = nn.BCELoss(reduction="none")
sigmoid = nn.Sigmoid()

z = np.linspace(-8, 8, 321)
curves = {t: loss_and_slope(from_logits, z, np.full(321, t)) for t in (1.0, 0.0, 0.7)}
for t, (losses, slopes) in curves.items():
    assert np.allclose(slopes, 1 / (1 + np.exp(-z)) - t), t
    print(f"t = {t}: the loss is smallest at z = {z[losses.argmin()]:.2f}, where it is {losses.min():.3f}")
assert abs(z[curves[0.7][0].argmin()] - np.log(0.7 / 0.3)) < 0.05, "there the forecast is the target"

far = np.linspace(-1000, 1000, 401)
no = np.zeros(401)
with np.errstate(over="raise", divide="raise", invalid="raise"):
    exact, exact_slopes = loss_and_slope(from_logits, far, no)
rounded, rounded_slopes = loss_and_slope(lambda z, t: from_probabilities(sigmoid(z), t), far, no)
print(f"z = 1000, but no: loss {exact[-1]:.0f}, slope {exact_slopes[-1]:.0f} from the logit")
print(f"                  loss {rounded[-1]:.0f}, slope {rounded_slopes[-1]:.0f} from the probability")
assert np.array_equal(exact[far > 40], far[far > 40]) and np.all(exact_slopes[far > 40] == 1)
assert np.all(exact[far < -800] == 0) and np.all(np.isfinite(exact))
assert np.all(rounded[far > 40] == 100) and np.all(rounded_slopes[far > 40] < 1e-6)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "binary_cross_entropy.png"
figure, panels = plt.subplots(1, 4, figsize=(12, 3.8), layout="constrained")
names = {1.0: "t = 1: yes", 0.0: "t = 0: no", 0.7: "t = 0.7"}
for (t, (losses, slopes)), colour in zip(curves.items(), ("#30638e", "#d1495b", "#edae49")):
    panels[0].plot(z, losses, color=colour, lw=2, label=names[t])
    panels[1].plot(z, slopes, color=colour, lw=2)
panels[0].set(title="loss", xlabel="logit z", ylabel="loss", ylim=(0, 9))
panels[0].legend(frameon=False, loc="upper center")
panels[1].axhline(0, color="black", lw=0.8, ls=":")
panels[1].set(title="slope: σ(z) − t", xlabel="logit z", ylabel="slope")
for panel, ours, theirs in ((panels[2], exact, rounded), (panels[3], exact_slopes, rounded_slopes)):
    panel.plot(far, ours, color="#d1495b", lw=3, label="from logits")
    panel.plot(far, theirs, color="#003d5b", lw=1.6, ls="--", label="from σ(z)")
    panel.set(xlabel="logit z", xticks=(-1000, 0, 1000))
panels[2].set(title="loss of a no, far out", ylabel="loss")
panels[3].set(title="its slope", ylabel="slope", ylim=(-0.1, 1.1))
panels[2].legend(frameon=False, loc="upper left")
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
