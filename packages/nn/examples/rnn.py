"""Why plain recurrent networks forget: what the last state still owes to the inputs before it, by distance.

    python packages/nn/examples/rnn.py [picture.png]

On its way back through time a gradient meets Wh and the slope of tanh at every step. Left: with Wh orthogonal times a
factor ρ it vanishes or explodes geometrically, as ρ says; the product of these matrices, formed by hand, is what the
layer's backward pass returns (asserted). Middle: layers with their usual initial values forget, an LSTM too; one whose
forget gate starts out nearly open, and a GRU that starts out keeping its state, pass the gradient on. Right: asked for
the first of 20 bits, the RNN learns nothing, and these two learn it. Drawn with matplotlib, if there is one.
"""

import sys

import numpy as np

from pellucid import Tensor, no_grad
from pellucid_nn import GRU, LSTM, RNN, Adam, BCEWithLogitsLoss, Linear, clip_grad_norm_

I, H, T = 16, 16, 100


def influence(layer, x):
    """Norms of the gradient of the first entry of the last state with respect to the input of each step: (T,)."""
    x = Tensor(x, requires_grad=True)
    layer(x)[0][-1, 0, 0].backward()
    return np.linalg.norm(x.grad.numpy(), axis=(1, 2))


def orthogonal_rnn(rho):
    """An RNN without biases, whose Wh is ρ times an orthogonal matrix."""
    layer = RNN(I, H, bias=False, rng=0)
    layer.weight_hh_l0.data[...] = rho * np.linalg.qr(np.random.default_rng(1).standard_normal((H, H)))[0]
    return layer


def keeping(layer, value=5.0):
    """The layer with biases of 0, but for the second of its gates (f of an LSTM, z of a GRU): σ(value) is kept."""
    layer.bias_ih_l0.data[...] = layer.bias_hh_l0.data[...] = 0
    layer.bias_ih_l0.data[H : 2 * H] = value
    return layer


def learn_to_recall(layer, lag, rng, steps=100):
    """Losses while a layer learns to tell the first of `lag` bits after the last one."""
    readout, loss, losses = Linear(H, 1, rng=rng), BCEWithLogitsLoss(), []
    parameters = [*layer.parameters(), *readout.parameters()]
    optimizer = Adam(parameters, lr=0.01)
    for _ in range(steps):
        bits = rng.choice([-1.0, 1.0], (lag, 64, 1))
        optimizer.zero_grad()
        value = loss(readout(layer(bits)[0][-1]), (bits[0] > 0).astype(float))
        value.backward()
        clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(value.item())
    return np.array(losses)


x = 1e-7 * np.random.default_rng(2).standard_normal((T, 1, I))  # small, so that tanh stays where it is steep
by_rho = {rho: influence(orthogonal_rnn(rho), x) for rho in (1.1, 1.0, 0.9, 0.6)}
layer = orthogonal_rnn(0.9)
x = np.random.default_rng(3).standard_normal((T, 1, I))
with no_grad():
    h = layer(x)[0][:, 0]  # (T, H)
dh, by_hand = np.eye(H)[0], []
for h_t in h[::-1]:
    da = dh * (1 - h_t**2)
    by_hand.append(np.linalg.norm(da @ layer.weight_ih_l0.numpy()))
    dh = da @ layer.weight_hh_l0.numpy()
np.testing.assert_allclose(by_hand[::-1], influence(layer, x), rtol=1e-8)

layers = {"RNN": RNN(I, H, rng=0), "LSTM, usual start": LSTM(I, H, rng=0)}
layers |= {"LSTM, f ≈ 1": keeping(LSTM(I, H, rng=0)), "GRU, z ≈ 1": keeping(GRU(I, H, rng=0))}
by_kind = {name: influence(layer, x) for name, layer in layers.items()}
by_kind = {name: norms / norms[-1] for name, norms in by_kind.items()}
for name, norms in by_kind.items():
    print(f"{name:>17}: the input {T - 1} steps back counts {norms[0]:.1e} times as much as the last one")
assert max(by_kind["RNN"][0], by_kind["LSTM, usual start"][0]) < 1e-8
assert min(by_kind["LSTM, f ≈ 1"][0], by_kind["GRU, z ≈ 1"][0]) > 1e-2

started = {"RNN": RNN(1, H, rng=0)}
started |= {"LSTM, f ≈ 1": keeping(LSTM(1, H, rng=0), 3.0), "GRU, z ≈ 1": keeping(GRU(1, H, rng=0), 3.0)}
losses = {name: learn_to_recall(layer, 20, np.random.default_rng(1)) for name, layer in started.items()}
for name, curve in losses.items():
    print(f"{name:>17}: loss {curve[-10:].mean():.3f} for the first of 20 bits, where guessing has {np.log(2):.3f}")
assert losses["RNN"][-10:].mean() > 0.65
assert max(losses[name][-10:].mean() for name in ("LSTM, f ≈ 1", "GRU, z ≈ 1")) < 0.2

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "rnn.png"
colours = {"RNN": "#d1495b", "LSTM, usual start": "#edae49", "LSTM, f ≈ 1": "#30638e", "GRU, z ≈ 1": "#00798c"}
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained")
back = np.arange(T)[::-1]  # how many steps before the last one
for (rho, norms), colour in zip(by_rho.items(), ("#003d5b", "#30638e", "#00798c", "#d1495b")):
    left.semilogy(back, norms / norms[-1], color=colour, lw=2, label=f"ρ = {rho}")
left.set(title="RNN whose Wh is ρ times orthogonal", ylim=(1e-12, 1e8))
for name, norms in by_kind.items():
    middle.semilogy(back, norms, color=colours[name], lw=2, label=name)
middle.set(title="RNN, LSTM and GRU", ylim=(1e-12, 1e8))
for panel in (left, middle):
    panel.set(xlabel="steps between an input and the last state", ylabel="gradient, last input = 1")
for name, curve in losses.items():
    right.plot(curve, color=colours[name], lw=2, label=name)
right.axhline(np.log(2), color="black", lw=0.8, ls=":", label="guessing")
right.set(title="Learning to recall the first of 20 bits", xlabel="update", ylabel="loss", ylim=(0, 0.9))
left.legend(frameon=False, ncols=2, loc="upper right")
middle.legend(frameon=False, ncols=2, loc="upper right")
right.legend(frameon=False, loc="lower left")
for panel in (left, middle, right):
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
