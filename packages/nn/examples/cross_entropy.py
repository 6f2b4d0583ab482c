"""Probability minus target: what cross-entropy pushes each logit with, and how sure label smoothing lets a net become.

    python packages/nn/examples/cross_entropy.py [picture.png]

The gradient of the loss is p − t, one number for each class, and sums to 0: what the right class gains the others lose,
and those that were believed most lose most. Without smoothing the loss falls for ever as the right logit grows. With it
there is a best distance, log((1 − ε + ε/K) / (ε/K)), and beyond it the gradient turns. Draws one example, the losses
and their slopes (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn
from pellucid import Tensor

logits = np.array([[1.0, 2.5, 0.5, -1.0, 1.8]])
right, K = 4, 5
z = Tensor(logits, requires_grad=True)
loss = nn.CrossEntropyLoss()(z, np.array([right]))
loss.backward()
push = -z.grad.data[0]
p = nn.Softmax()(logits)[0]
t = np.eye(K)[right]
print("class          ", *(f"{k:6d}" for k in range(K)))
print("probability p  ", *(f"{value:6.2f}" for value in p))
print("push t - p     ", *(f"{value:6.2f}" for value in push))
print(f"loss {loss.item():.3f} = -log {p[right]:.3f}")
assert np.allclose(push, t - p) and np.isclose(push.sum(), 0), push
assert np.isclose(loss.item(), -np.log(p[right])), loss

ahead = np.linspace(-3, 9, 1201)  # by how much the right logit is ahead of the four others, which are alike
smoothing = (0.0, 0.02, 0.1, 0.3)
losses, slopes, best = {}, {}, {}
for epsilon in smoothing:
    z = Tensor(np.outer(ahead, t), requires_grad=True)
    losses[epsilon] = nn.CrossEntropyLoss(reduction="none", label_smoothing=epsilon)(z, np.full(len(ahead), right))
    losses[epsilon].sum().backward()
    slopes[epsilon] = z.grad.data[:, right]
    best[epsilon] = ahead[losses[epsilon].data.argmin()]
    said = nn.Softmax()(best[epsilon] * t)[right]
    print(f"smoothing {epsilon:.2f}: the best distance here is {best[epsilon]:.2f}, where p is {said:.3f}")
    if epsilon:
        assert abs(best[epsilon] - np.log((1 - epsilon + epsilon / K) / (epsilon / K))) < 0.011, best
        assert np.isclose(said, 1 - epsilon + epsilon / K, atol=1e-3), "the best probability is the smoothed target"
assert np.all(np.diff(losses[0.0].data) < 0), "without smoothing it falls for ever"

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "cross_entropy.png"
figure, panels = plt.subplots(1, 3, figsize=(11, 4), layout="constrained")
panels[0].bar(range(K), p, color="#b8c4cc", width=0.6, label="probability p")
panels[0].hlines(t, np.arange(K) - 0.3, np.arange(K) + 0.3, color="#30638e", lw=3, label="target t")
tip = {"arrowstyle": "-|>,head_width=0.35,head_length=0.6", "color": "#d1495b", "lw": 2, "shrinkA": 0, "shrinkB": 0}
for k in range(K):
    panels[0].annotate("", (k, t[k]), (k, p[k]), arrowprops=tip)
panels[0].plot([], [], color="#d1495b", lw=2, label="push t − p")
panels[0].set(title="one example, of class 4", xlabel="class", ylabel="probability", ylim=(-0.02, 1.05))
panels[0].legend(frameon=False, loc="upper left")
for epsilon, colour in zip(smoothing, ("#003d5b", "#30638e", "#edae49", "#d1495b")):
    panels[1].plot(ahead, losses[epsilon].data, color=colour, lw=2, label=f"ε = {epsilon:g}")
    panels[2].plot(ahead, slopes[epsilon], color=colour, lw=2)
    if epsilon:
        panels[1].plot(best[epsilon], losses[epsilon].data.min(), marker="o", ms=7, color=colour)
        panels[2].plot(best[epsilon], 0, marker="o", ms=7, color=colour)
panels[1].set(title="loss, with label smoothing ε", xlabel="right logit ahead by", ylabel="loss", ylim=(0, 4.6))
panels[1].legend(frameon=False, loc="upper center")
panels[2].axhline(0, color="black", lw=0.8, ls=":")
panels[2].set(title="slope by the right logit: p − t", xlabel="right logit ahead by", ylabel="slope")
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
