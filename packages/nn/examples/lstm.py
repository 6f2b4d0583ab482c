"""Gates of an LSTM over time: one cell learns to take a number at a marker, and to keep it until the next one.

    python packages/nn/examples/lstm.py [picture.png]

Every step shows a number, and some steps have a marker; asked for at each step is the number that stood at the last
marker. A layer with a single cell learns it. Look at the gates: the input gate is open at markers only, the forget gate
falls there and is nearly 1 in between, so that c stays where it is while other numbers pass by. The layer returns h and
the last c; the gates are computed here from its weights, with the equations of the cell, and the h that follows from
them is the layer's own (asserted). Drawn with matplotlib, if there is one.
"""

import sys

import numpy as np

from pellucid import no_grad
from pellucid_nn import LSTM, Adam, Linear, Module, MSELoss, clip_grad_norm_


class Memory(Module):
    """One LSTM cell, and what is read from it."""

    def __init__(self, rng):
        self.lstm, self.readout = LSTM(2, 1, rng=rng), Linear(1, 1, rng=rng)

    def forward(self, x):
        return self.readout(self.lstm(x)[0])


def sequences(T, N, rng, chance=0.15):
    """Numbers and markers (T, N, 2), and the number at the last marker (T, N, 1); the first step is marked."""
    numbers, marked = rng.uniform(-1, 1, (T, N)), rng.random((T, N)) < chance
    marked[0] = True
    last = np.maximum.accumulate(np.where(marked, np.arange(T)[:, None], 0))  # (T, N)
    return np.stack([numbers, marked], axis=2), np.take_along_axis(numbers, last, axis=0)[:, :, None]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gates_over_time(layer, x):
    """i, f, g, o, c, h of a layer for one sequence x (T, I): each (T, H)."""
    Wx, Wh, bx, bh = (getattr(layer, f"{name}_l0").numpy() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h, c, steps = np.zeros(layer.hidden_size), np.zeros(layer.hidden_size), []
    for x_t in x:
        i, f, g, o = np.split(Wx @ x_t + bx + Wh @ h + bh, 4)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        steps.append((i, f, g, o, c, h))
    return [np.array(part) for part in zip(*steps)]


rng = np.random.default_rng(3)
net, loss = Memory(rng), MSELoss()
optimizer = Adam(net.parameters(), lr=0.05)
for _ in range(500):
    x, t = sequences(24, 64, rng)
    optimizer.zero_grad()
    loss(net(x), t).backward()
    clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()

many, answers = sequences(40, 500, rng)
x, t = sequences(40, 1, np.random.default_rng(7))
with no_grad():
    explained = 1 - np.mean((net(many) - answers) ** 2) / answers.var()
    shown, answer = net.lstm(x)[0][:, 0, 0], net(x)[:, 0, 0]  # (T,)
i, f, g, o, c, h = (part[:, 0] for part in gates_over_time(net.lstm, x[:, 0]))
np.testing.assert_allclose(h, shown, rtol=1e-10, atol=1e-12)
number, marked = x[:, 0, 0], x[:, 0, 1] > 0
print(f"sequences of 40 steps, after learning from sequences of 24: R² = {explained:.3f}")
for name, gate in (("input", i), ("forget", f), ("output", o)):
    print(f"{name:>6} gate: {gate[marked].mean():.3f} at markers, {gate[~marked].mean():.3f} elsewhere")
assert explained > 0.98, explained
assert i[marked].min() > 0.5 > 0.1 > i[~marked].max() and f[~marked].min() > 0.95 > 0.5 > f[marked].max()

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "lstm.png"
steps = np.arange(len(x))
figure, panels = plt.subplots(3, 1, figsize=(10.5, 7.6), sharex=True, layout="constrained")
above, gates, kept = panels
for panel in panels:
    for step in steps[marked]:
        panel.axvspan(step - 0.5, step + 0.5, color="#edae49", alpha=0.35, lw=0)
    panel.axhline(0, color="black", lw=0.5)
    panel.spines[["top", "right"]].set_visible(False)
for shown_at, colour, label in ((~marked, "#8fa3b5", "to be ignored"), (marked, "#d1495b", "to be kept")):
    above.vlines(steps[shown_at], 0, number[shown_at], color=colour, lw=1.5)
    above.scatter(steps[shown_at], number[shown_at], s=30, color=colour, label=label, zorder=2)
above.set(ylim=(-1.15, 1.15), ylabel="number shown", title="What goes in: numbers, some of them marked (yellow)")
gates.step(steps, f, where="mid", color="#30638e", lw=2, label="forget gate f")
gates.step(steps, o, where="mid", color="#00798c", lw=2, label="output gate o")
gates.step(steps, i, where="mid", color="#d1495b", lw=2, label="input gate i")
gates.set(ylim=(-0.05, 1.05), ylabel="gate", title="At a marker: forget and write. In between: keep, write nothing")
kept.step(steps, c, where="mid", color="#003d5b", lw=2, label="cell c")
kept.step(steps, answer, where="mid", color="#00798c", lw=2, label="answer")
kept.step(steps, t[:, 0, 0], where="mid", color="#d1495b", lw=1.5, ls=":", label="asked for")
kept.set(xlim=(-0.7, len(x) - 0.3), ylim=(-1.15, 1.15), xlabel="step", ylabel="value")
kept.set_title("The cell is set at markers and stays as it is in between (its sign is for the readout to turn)")
for panel in panels:
    panel.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
figure.savefig(path, dpi=120)
print(f"picture: {path}")
