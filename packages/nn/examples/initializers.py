"""Thirty layers deep: initial weights decide whether a signal, and the gradient on its way back, arrive at all.

    python packages/nn/examples/initializers.py [picture.png]

Normal numbers are sent through thirty layers of 100 units, and normal numbers come back as a gradient. Weights that are
too small lose both; too large ones saturate tanh, and blow up everything in a network of ReLU. Kaiming's size keeps
ReLU's signals, for which Xavier's is too small by √2 in each layer. Behind tanh all signals shrink a little, for any
size: 5/3 holds them up, at the cost of gradients that grow. Draws the standard deviations by layer (with matplotlib,
if there is one).
"""

import sys

import numpy as np

import pellucid_nn as nn

DEPTH, WIDTH = 30, 100
tanh, relu = nn.calculate_gain("tanh"), nn.calculate_gain("relu")  # 5/3 and √2
networks = {
    "tanh": {
        "too small: 0.05": lambda W, rng: nn.normal_(W, std=0.05, rng=rng),
        "too large: 0.4": lambda W, rng: nn.normal_(W, std=0.4, rng=rng),
        "Xavier": lambda W, rng: nn.xavier_normal_(W, rng=rng),
        "Kaiming, gain 5/3": lambda W, rng: nn.kaiming_normal_(W, nonlinearity="tanh", rng=rng),
        "orthogonal": lambda W, rng: nn.orthogonal_(W, rng=rng),
    },
    "ReLU": {
        "too small: 0.05": lambda W, rng: nn.normal_(W, std=0.05, rng=rng),
        "too large: 0.4": lambda W, rng: nn.normal_(W, std=0.4, rng=rng),
        "Xavier": lambda W, rng: nn.xavier_normal_(W, rng=rng),
        "Kaiming, gain √2": lambda W, rng: nn.kaiming_normal_(W, nonlinearity="relu", rng=rng),
        "orthogonal, gain √2": lambda W, rng: nn.orthogonal_(W, relu, rng=rng),
    },
}


def sizes(activation, fill):
    """Standard deviations of signals and gradients behind each layer: _ -> (31,), (31,)."""
    rng = np.random.default_rng(0)
    x, signals, probes = rng.normal(size=(WIDTH, WIDTH)), [], []
    for depth in range(DEPTH + 1):
        if depth:
            layer = nn.Linear(WIDTH, WIDTH, bias=False, rng=rng)
            fill(layer.weight, rng)
            x = activation(layer(x))
        probes.append(nn.Parameter(np.zeros((WIDTH, WIDTH))))  # its gradient is that of the signal it is added to
        x = x + probes[-1]
        signals.append(np.std(x.data))
    (x * rng.normal(size=x.shape)).sum().backward()
    return np.array(signals), np.array([np.std(probe.grad.data) for probe in probes])


measured = {}  # (network, rule) -> signals, gradients
for kind, rules in networks.items():
    for name, fill in rules.items():
        signals, gradients = measured[kind, name] = sizes(nn.Tanh() if kind == "tanh" else nn.ReLU(), fill)
        print(f"{kind} {name:>20}: last signal {signals[-1]:8.1e}, first gradient {gradients[0]:8.1e}")
signals, gradients = measured["ReLU", "Kaiming, gain √2"]
assert 0.3 < signals[-1] < 3 and 0.3 < gradients[0] < 3, "Kaiming keeps both in a network of ReLU"
signals, gradients = measured["ReLU", "Xavier"]
assert np.isclose(np.log2(signals[-1] / signals[1]), -0.5 * (DEPTH - 1), atol=2), "Xavier halves the variance there"
signals, gradients = measured["tanh", "Xavier"]
assert signals[-1] > 0.05 and gradients[0] > 0.05, "but it suits tanh"
assert measured["tanh", "too small: 0.05"][0][-1] < 1e-6, measured

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "initializers.png"
figure, panels = plt.subplots(2, 2, figsize=(10, 6.4), layout="constrained", sharex=True, sharey=True)
colours = ("#003d5b", "#d1495b", "#edae49", "#30638e", "#00798c")
for row, (kind, rules) in zip(panels, networks.items()):
    for name, colour, width, style in zip(rules, colours, (2, 2, 3, 5, 2), ("-", "-", "-", "-", "--")):
        for panel, values in zip(row, measured[kind, name]):
            panel.plot(values, color=colour, lw=width, ls=style, alpha=0.6 if width > 3 else 1, label=name)
    row[0].set(title=f"{kind}: size of the signal", ylabel="standard deviation")
    row[1].set(title=f"{kind}: size of the gradient, from the right")
    row[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
panels[0, 0].set(yscale="log", ylim=(1e-9, 1e10), xlim=(0, DEPTH))
for panel in panels.flat:
    panel.axhline(1, color="black", lw=0.8, ls=":")
    panel.spines[["top", "right"]].set_visible(False)
for panel in panels[1]:
    panel.set_xlabel("layer")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
