"""Variances before and after LSUV: every layer of a network gives outputs of variance 1, whatever stands between.

    python packages/nn/examples/lsuv.py [picture.png]

A network of twelve layers, with three kinds of activations between them, is shown 256 digits. With the usual initial
weights the signal dies on the way: what is left comes from the biases and is the same for all digits, so that nothing
is learnt. LSUV measures each layer on these digits and scales it. Draws the variances, the part of them that tells
digits from one another, and how both networks learn (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid
import pellucid_nn as nn

digits = pellucid.dataset("digits")
X, y = digits.X / 16, digits.y
batch = X[:256]


def network(seed=0):
    """64 pixels, eleven hidden layers of 64 units, 10 classes."""
    rng = np.random.default_rng(seed)
    layers = []
    for depth in range(11):
        layers += [nn.Linear(64, 64, rng=rng), (nn.ReLU, nn.Tanh, nn.GELU)[depth % 3]()]
    return nn.Sequential(*layers, nn.Linear(64, 10, rng=rng))


def outputs(net):
    """What each linear layer gives for the batch."""
    found, x = [], batch
    for layer in net:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            found.append(x)
    return found


def learn(net, steps=150):
    """The losses of some steps of SGD: _ -> (150,)."""
    optimizer, loss = nn.SGD(net.parameters(), lr=0.01, momentum=0.9), nn.CrossEntropyLoss()
    rng, losses = np.random.default_rng(1), []
    for _ in range(steps):
        rows = rng.choice(len(X), 64, replace=False)
        optimizer.zero_grad()
        value = loss(net(X[rows]), y[rows])
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return np.array(losses)


usual, scaled = network(), nn.lsuv_(network(), batch, tol=0.01, rng=0)
found = {"usual": outputs(usual), "LSUV": outputs(scaled)}
spread = {name: [np.var(y.data) for y in ys] for name, ys in found.items()}
between = {name: [np.var(y.data, axis=0).mean() for y in ys] for name, ys in found.items()}  # of one unit, over digits
losses = {"usual": learn(usual), "LSUV": learn(scaled)}
for name, variances in spread.items():
    print(
        f"{name:>5}: variance {variances[0]:.3f} in the first layer, {variances[-1]:.3f} in the last, between digits "
        f"{between[name][-1]:.1e}; loss {losses[name][0]:.2f}, then {losses[name][-20:].mean():.2f}"
    )
assert np.all(np.abs(np.array(spread["LSUV"]) - 1) < 0.01), spread["LSUV"]
assert between["usual"][-1] < 1e-6, between["usual"]
assert losses["LSUV"][-20:].mean() < 0.5 < 2 < losses["usual"][-20:].mean(), "only one of them learns"

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "lsuv.png"
figure, panels = plt.subplots(1, 3, figsize=(11, 3.9), layout="constrained")
for (name, variances), colour in zip(spread.items(), ("#edae49", "#30638e")):
    panels[0].plot(range(1, 13), variances, color=colour, lw=1, marker="o", ms=7, label=name)
    panels[1].plot(range(1, 13), between[name], color=colour, lw=1, marker="o", ms=7)
    panels[2].plot(losses[name], color=colour, lw=1.5, label=name)
for panel in panels[:2]:
    panel.set_ylim(1e-11, 30)
panels[0].set(title="variance of each layer's outputs", xlabel="layer", yscale="log", xticks=range(1, 13, 2))
panels[1].set(title="its part between digits", xlabel="layer", yscale="log", xticks=range(1, 13, 2))
panels[2].set(title="loss while learning", xlabel="step of SGD", ylim=(0, None))
panels[2].axhline(np.log(10), color="black", lw=0.8, ls=":")
panels[2].text(150, np.log(10) * 1.03, "guessing", ha="right", va="bottom")
for panel in panels:
    panel.spines[["top", "right"]].set_visible(False)
panels[0].legend(frameon=False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
