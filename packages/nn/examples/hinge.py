"""Where a right answer costs nothing: only points within the margin, or beyond it on the wrong side, hold the line.

    python packages/nn/examples/hinge.py [picture.png]

The hinge loss is 0 once an answer is right by the margin, and so is its slope. A line that is learnt with it (and with
a penalty on its weights, which makes the margin wide) depends on few points: learnt from these alone, it is the same.
With several classes only scores that come within the margin of the right one are pushed down. Draws the loss, the line
with the points that hold it, and the pushes on the scores of one example (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn
from pellucid import Tensor

rng = np.random.default_rng(4)
t = np.repeat([1.0, -1.0], 60)
X = rng.normal(size=(120, 2)) + 1.5 * t[:, None] * [1, 0.7]
every = np.ones(120, dtype=bool)


def learn(rows, steps=1500):
    """Weights and bias of the line for some of the points: the sum of their hinge losses plus 0.5 ‖w‖²."""
    layer, loss = nn.Linear(2, 1, rng=0), nn.HingeLoss(reduction="sum")
    optimizer = nn.SGD(layer.parameters(), lr=0.02)
    rates = nn.CosineAnnealingLR(optimizer, T_max=steps)
    for _ in range(steps):
        optimizer.zero_grad()
        (loss(layer(X[rows])[:, 0], t[rows]) + nn.l2_penalty([layer.weight], 1.0)).backward()
        optimizer.step()
        rates.step()
    return np.append(layer.weight.data, layer.bias.data)


line = learn(every)
wins = t * (X @ line[:2] + line[2])  # by how much each point is right
support = wins < 1.02
again = learn(support)
print(f"line {line.round(2)} from 120 points; {np.sum(wins < 0)} of them are on the wrong side")
print(f"line {again.round(2)} from the {support.sum()} that have a loss")
assert np.allclose(line, again, atol=0.02), (line, again)
assert support.sum() < 40, support.sum()

y = np.linspace(-2, 3, 401)
score = Tensor(y, requires_grad=True)
costs = nn.HingeLoss(reduction="none")(score, np.ones(401))
costs.sum().backward()
slopes = score.grad.data
assert np.all(slopes[y > 1.001] == 0) and np.all(slopes[y < 0.999] == -1)

scores = np.array([[2.0, 2.6, 1.4, 0.4, -0.5]])  # of five classes; the first is the right one
z = Tensor(scores, requires_grad=True)
nn.MultiMarginLoss()(z, np.array([0])).backward()
pushes = 0 - z.grad.data[0]
print(f"scores {scores[0]}, the first is right: a step moves them by {pushes} times the rate")
assert np.allclose(pushes, [0.4, -0.2, -0.2, 0, 0])

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "hinge.png"
figure, panels = plt.subplots(1, 3, figsize=(11, 4), layout="constrained", width_ratios=(1, 1.15, 1))
panels[0].plot(y, costs.data, color="#30638e", lw=2.5, label="loss")
panels[0].plot(y, slopes, color="#d1495b", lw=2, label="slope")
panels[0].plot(y, y < 0, color="#edae49", lw=1.5, label="error, yes or no")
panels[0].set(title="loss of a score", xlabel="score times target", xticks=range(-2, 4))
panels[0].legend(frameon=False)
for sign, colour in ((1, "#30638e"), (-1, "#edae49")):
    of = t == sign
    panels[1].scatter(*X[of].T, s=18, color=colour, alpha=0.6, lw=0)
    panels[1].scatter(*X[of & support].T, s=42, color=colour, edgecolors="black", lw=1.2)
ends = np.array([-5.0, 5.0])
for height, style in ((0, "-"), (1, "--"), (-1, "--")):
    panels[1].plot(ends, (height - line[2] - line[0] * ends) / line[1], color="black", lw=1.2, ls=style)
panels[1].set(
    title=f"{support.sum()} of 120 points hold the line", xlabel="x₁", ylabel="x₂", xlim=(-5, 5), ylim=(-4, 4)
)
panels[2].bar(range(5), scores[0], color=["#30638e"] + 4 * ["#b8c4cc"], width=0.6)
panels[2].axhline(1, color="black", lw=1, ls="--")
for k, push in enumerate(pushes):
    if push:
        tip = {"arrowstyle": "-|>,head_width=0.35,head_length=0.6", "color": "#d1495b", "lw": 2}
        panels[2].annotate("", (k, scores[0, k] + 2.5 * push), (k, scores[0, k]), arrowprops=tip)
panels[2].set(title="pushes on five scores", xlabel="class", ylabel="score", ylim=(-0.8, 3.6))
panels[2].set_xticks(range(5), ["right", 1, 2, 3, 4])
panels[2].text(4.4, 1.06, "right − 1", ha="right", va="bottom")
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
