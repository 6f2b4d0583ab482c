"""Gates of a GRU over time: one number that is set, turned to its negative, and otherwise kept.

    python packages/nn/examples/gru.py [picture.png]

Every step shows a number, and some steps a signal: "set" takes the number shown as the state, "negate" changes the
state's sign, and at all other steps it is to stay as it is. A layer with a single unit learns it. Look at the gates:
z is nearly 1 where the state is kept, and falls at both signals; r, which lets the proposal n see the state, is closed
at "set", where the old state must not matter, and opens at "negate", where it is all that matters. The gates are
computed here from the weights; the state that follows from them is the layer's own (asserted). Other seeds find other
codes for the same task. Drawn with matplotlib, if there is one.
"""

import sys

import numpy as np

from pellucid import no_grad
from pellucid_nn import GRU, Adam, Linear, Module, MSELoss, clip_grad_norm_


class Register(Module):
    """One GRU unit, and what is read from it."""

    def __init__(self, rng):
        self.gru, self.readout = GRU(3, 1, rng=rng), Linear(1, 1, rng=rng)

    def forward(self, x):
        return self.readout(self.gru(x)[0])


def sequences(T, N, rng):
    """Numbers, "set" and "negate" (T, N, 3), and the state that is asked for (T, N, 1); the first step sets it."""
    number, signal = rng.uniform(-1, 1, (T, N)), rng.choice(3, p=(0.7, 0.15, 0.15), size=(T, N))
    signal[0] = 1
    state, states = np.zeros(N), []
    for now, shown in zip(signal, number):
        state = np.where(now == 1, shown, np.where(now == 2, -state, state))
        states.append(state)
    return np.stack([number, signal == 1, signal == 2], axis=2), np.array(states)[:, :, None]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def gates_over_time(layer, x):
    """r, z, n, h of a layer for one sequence x (T, I): each (T, H)."""
    Wx, Wh, bx, bh = (getattr(layer, f"{name}_l0").numpy() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    h, steps = np.zeros(layer.hidden_size), []
    for x_t in x:
        (ar, az, an), (ur, uz, un) = np.split(Wx @ x_t + bx, 3), np.split(Wh @ h + bh, 3)
        r, z = sigmoid(ar + ur), sigmoid(az + uz)
        n = np.tanh(an + r * un)
        h = n + z * (h - n)
        steps.append((r, z, n, h))
    return [np.array(part) for part in zip(*steps)]


rng = np.random.default_rng(3)
net, loss = Register(rng), MSELoss()
optimizer = Adam(net.parameters(), lr=0.05)
for _ in range(600):
    x, t = sequences(20, 64, rng)
    optimizer.zero_grad()
    loss(net(x), t).backward()
    clip_grad_norm_(net.parameters(), 1.0)
    optimizer.step()

many, answers = sequences(40, 500, rng)
x, t = sequences(40, 1, np.random.default_rng(3))
with no_grad():
    explained = 1 - np.mean((net(many) - answers) ** 2) / answers.var()
    shown, answer = net.gru(x)[0][:, 0, 0], net(x)[:, 0, 0]  # (T,)
r, z, n, h = (part[:, 0] for part in gates_over_time(net.gru, x[:, 0]))
np.testing.assert_allclose(h, shown, rtol=1e-10, atol=1e-12)
number, to_set, to_negate = x[:, 0, 0], x[:, 0, 1] > 0, x[:, 0, 2] > 0
other = ~to_set & ~to_negate
print(f"sequences of 40 steps, after learning from sequences of 20: R² = {explained:.3f}")
for name, where in (("set", to_set), ("negate", to_negate), ("nothing", other)):
    print(f"at {name!r:>9}: z = {z[where].mean():.2f}, r = {r[where].mean():.2f}")
assert explained > 0.98, explained
assert z[other].min() > 0.95 and max(z[to_set].max(), z[to_negate].max()) < 0.5
assert r[to_set].max() < 0.1 < 0.3 < r[to_negate].min()

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "gru.png"
steps = np.arange(len(x))
figure, panels = plt.subplots(3, 1, figsize=(10.5, 7.6), sharex=True, layout="constrained")
above, gates, kept = panels
for panel in panels:
    for where, colour in ((to_set, "#edae49"), (to_negate, "#d1495b")):
        for step in steps[where]:
            panel.axvspan(step - 0.5, step + 0.5, color=colour, alpha=0.3, lw=0)
    panel.axhline(0, color="black", lw=0.5)
    panel.spines[["top", "right"]].set_visible(False)
for where, colour, label in (
    (to_set, "#b87a0b", "set"),
    (to_negate, "#d1495b", "negate"),
    (other, "#8fa3b5", "nothing"),
):
    above.vlines(steps[where], 0, number[where], color=colour, lw=1.5)
    above.scatter(steps[where], number[where], s=30, color=colour, label=label, zorder=2)
above.set(ylim=(-1.15, 1.15), ylabel="number shown")
above.set_title("What goes in: a number at “set” (yellow) becomes the state, “negate” (red) turns its sign")
gates.step(steps, z, where="mid", color="#30638e", lw=2, label="z: the state is kept")
gates.step(steps, r, where="mid", color="#00798c", lw=2, label="r: the proposal\nsees the state")
gates.set(ylim=(-0.05, 1.05), ylabel="gate", title="Both signals close z; only “negate” opens r")
kept.step(steps, h, where="mid", color="#003d5b", lw=2, label="state h")
kept.step(steps, answer, where="mid", color="#00798c", lw=2, label="answer")
kept.step(steps, t[:, 0, 0], where="mid", color="#d1495b", lw=1.5, ls=":", label="asked for")
kept.set(xlim=(-0.7, len(x) - 0.3), ylim=(-1.15, 1.15), xlabel="step", ylabel="value")
kept.set_title("The state is set, negated, or stays as it is")
for panel in panels:
    panel.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
figure.savefig(path, dpi=120)
print(f"picture: {path}")
