"""What each direction of a bidirectional LSTM sees, and what that is good for.

    python packages/nn/examples/bidirectional.py [picture.png]

Asked for at step t is the mean of the inputs at t − 2 … t + 2 (times √5, so that its variance is 1 away from the ends).
With one direction the last two of the five are unknown, and two fifths of the variance stay whatever is learned; with
two directions the error falls to almost nothing, in all four merge modes. The maps show the gradient of the answer at t
with respect to the input at s, for the network that merges by "sum": the part of the answer from the forward direction
has no gradient from later inputs, that from the backward direction none from earlier ones (asserted, exactly 0), and
together they make the band of five that was asked for. Drawn with matplotlib, if there is one.
"""

import sys

import numpy as np

from pellucid import Tensor
from pellucid_nn import LSTM, Adam, BidirectionalLSTM, Linear, Module, MSELoss

T, H = 13, 8


class Smoother(Module):
    """A recurrent layer, and one number read from it at every step."""

    def __init__(self, layer, width, rng):
        self.layer, self.readout = layer, Linear(width, 1, rng=rng)

    def forward(self, x):
        return self.readout(self.layer(x)[0])


def sequences(N, rng):
    """Noise (T, N, 1), and the sum of five neighbours over √5, with nothing beyond the ends."""
    x = rng.standard_normal((T, N, 1))
    padded = np.pad(x, ((2, 2), (0, 0), (0, 0)))
    return x, sum(padded[k : k + T] for k in range(5)) / 5**0.5


def learn(net, rng, steps=180):
    """Losses of a network while it learns."""
    optimizer, loss, losses = Adam(net.parameters(), lr=0.02), MSELoss(), []
    for _ in range(steps):
        x, t = sequences(32, rng)
        optimizer.zero_grad()
        value = loss(net(x), t)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return np.array(losses)


def sensitivity(answer, x):
    """Mean over sequences of |∂ answer at t / ∂ input at s|: (T, T)."""
    rows = []
    for t in range(T):
        inputs = Tensor(x, requires_grad=True)
        answer(inputs)[t].sum().backward()
        rows.append(np.abs(inputs.grad.numpy())[:, :, 0].mean(axis=1))
    return np.array(rows)


nets = {"one direction": Smoother(LSTM(1, H, rng=0), H, np.random.default_rng(1))}
for mode in ("concat", "sum", "mean", "multiply"):
    layer = BidirectionalLSTM(1, H, merge_mode=mode, rng=0)
    nets[mode] = Smoother(layer, 2 * H if mode == "concat" else H, np.random.default_rng(1))
losses = {name: learn(net, np.random.default_rng(2)) for name, net in nets.items()}
for name, curve in losses.items():
    print(f"{name:>13}: mean squared error {curve[-20:].mean():.3f}")
assert losses["one direction"][-20:].mean() > 0.3
assert max(losses[mode][-20:].mean() for mode in nets if mode != "one direction") < 0.05

net, w = nets["sum"], nets["sum"].readout.weight.numpy()[0]
x, _ = sequences(32, np.random.default_rng(3))
maps = {  # merged by "sum", the answer is w · y→ + w · y← + b
    "Forward part of the answer": sensitivity(lambda x: net.layer.lstm(x)[0][..., :H] @ w, x),
    "Backward part": sensitivity(lambda x: net.layer.lstm(x)[0][..., H:] @ w, x),
    "Answer: their sum": sensitivity(lambda x: net(x)[..., 0], x),
}
late, early = np.triu(np.ones((T, T), bool), 1), np.tri(T, k=-1, dtype=bool)
assert not maps["Forward part of the answer"][late].any() and not maps["Backward part"][early].any()
band = np.abs(np.subtract.outer(range(T), range(T))) <= 2
share = maps["Answer: their sum"][band].sum() / maps["Answer: their sum"].sum()
print(f"{share:.0%} of the gradient of the answers is at the five inputs that count")
assert share > 0.8, share

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "bidirectional.png"
figure, panels = plt.subplots(1, 4, figsize=(13, 3.9), width_ratios=(1, 1, 1, 1.25), layout="constrained")
for panel, (name, values) in zip(panels, maps.items()):
    image = panel.imshow(values, cmap="Blues", vmin=0, vmax=maps["Answer: their sum"].max())
    panel.plot([-0.5, T - 0.5], [-0.5, T - 0.5], color="#d1495b", lw=1, ls="--")
    panel.set(title=name, xlabel="input at step s", xticks=range(0, T, 5), yticks=range(0, T, 5))
panels[0].set_ylabel("answer at step t")
figure.colorbar(image, ax=panels[:3], label="|∂ answer at t / ∂ input at s|", shrink=0.8)
right = panels[3]
for (name, curve), colour in zip(losses.items(), ("#d1495b", "#003d5b", "#30638e", "#00798c", "#edae49")):
    right.semilogy(curve, color=colour, lw=1.8, label=name)
right.axhline(0.4, color="black", lw=0.8, ls=":")
right.set(title="Error while learning", xlabel="update", ylabel="mean squared error", ylim=(1e-3, 10))
right.legend(frameon=False, ncols=2, loc="upper right")
right.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
