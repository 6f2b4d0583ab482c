"""Norm before or after: the same transformer twice, with its layer norms in the one place and in the other.

    python packages/nn/examples/transformer_encoder_layer.py [picture.png]

In a stack of 48 layers with initial weights: with the norm after each sum (post-norm) numbers keep their size, as every
layer scales them anew, and on the way back every norm takes something off the gradient; with the norm before each part
(pre-norm) the sum grows from layer to layer, and the gradient reaches the first layers undiminished. A stack of six
layers shall sort eight digits. At a small learning rate both learn it; at one that is seven times as large, without
warm-up, only pre-norm does (all asserted). Drawn with matplotlib, if there is one.
"""

import sys

import numpy as np

import pellucid_nn as nn
from pellucid import Tensor
from pellucid_nn import Embedding, LayerNorm, Linear, TransformerEncoderLayer

T, K, E = 8, 10, 32  # places, digits, size of the vectors
colours = {"post-norm": "#d1495b", "pre-norm": "#30638e"}


def stack(depth, norm_first, rng):
    """Layers on each other; after pre-norm layers the sum is normalized once, at the end."""
    options = {"dim_feedforward": 64, "dropout": 0.0, "batch_first": True, "norm_first": norm_first, "rng": rng}
    layers = nn.Sequential(*(TransformerEncoderLayer(E, 4, **options) for _ in range(depth)))
    return layers.append(LayerNorm(E)) if norm_first else layers


class Sorter(nn.Module):
    """Digits and places as vectors, a stack, and the logits of the digit that belongs to each place."""

    def __init__(self, depth, norm_first, rng):
        self.digits, self.places = Embedding(K, E, rng=rng), Embedding(T, E, rng=rng)
        self.stack, self.out = stack(depth, norm_first, rng), Linear(E, K, rng=rng)

    def forward(self, digits):
        return self.out(self.stack(self.digits(digits) + self.places(np.arange(T))))


def through_the_stack(net, x, t):
    """Standard deviation of what goes into each layer, and norm of the gradient of its first weights."""
    sizes, y = [], Tensor(x)
    for layer in net:
        sizes.append(y.numpy().std())
        y = layer(y)
    (y * t).mean().backward()
    layers = [layer for layer in net if isinstance(layer, TransformerEncoderLayer)]
    return sizes[: len(layers)], np.array([np.linalg.norm(layer.linear1.weight.grad.numpy()) for layer in layers])


def learn_to_sort(norm_first, lr, steps=45):
    """Losses while a stack of six layers learns to sort."""
    rng = np.random.default_rng(0)
    net, loss, losses = Sorter(6, norm_first, rng), nn.CrossEntropyLoss(), []
    optimizer = nn.Adam(net.parameters(), lr=lr)
    for _ in range(steps):
        digits = rng.integers(K, size=(16, T))
        optimizer.zero_grad()
        value = loss(net(digits).reshape(-1, K), np.sort(digits, axis=1).reshape(-1))
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


x, t = np.random.default_rng(1).standard_normal((2, 8, 16, E))  # inputs (N, T, E), and a gradient to send back
sizes, gradients, losses = {}, {}, {}
for name in colours:
    norm_first = name == "pre-norm"
    sizes[name], norms = through_the_stack(stack(48, norm_first, np.random.default_rng(0)), x, t)
    gradients[name] = norms / norms[-1]
    print(f"{name:>9}: numbers grow to {sizes[name][-1]:.1f}, the gradient in the first of 48 layers is ", end="")
    print(f"{gradients[name][0]:.2f} times that in the last")
    for lr in (0.003, 0.02):
        losses[name, lr] = learn_to_sort(norm_first, lr)
        print(f"{'':>9}  loss after {len(losses[name, lr])} updates at {lr}: {np.mean(losses[name, lr][-5:]):.2f}")
np.testing.assert_allclose(sizes["post-norm"][1:], 1, rtol=1e-3)
assert sizes["pre-norm"][-1] > 2
assert gradients["post-norm"][0] < 0.5 and gradients["pre-norm"][0] > 1
ends = {key: np.mean(curve[-5:]) for key, curve in losses.items()}
assert ends.pop(("post-norm", 0.02)) > 2.1 and max(ends.values()) < 1.2  # log(10) = 2.3 without any learning

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "transformer_encoder_layer.png"
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
for name, colour in colours.items():
    left.plot(range(1, 49), sizes[name], color=colour, lw=2, label=name)
    middle.semilogy(range(1, 49), gradients[name], color=colour, lw=2, label=name)
    for lr, style in ((0.003, ":"), (0.02, "-")):
        right.plot(losses[name, lr], color=colour, lw=2, ls=style, label=f"{name}, {lr}")
left.set(title="Numbers on their way up", xlabel="layer", ylabel="standard deviation of its input", ylim=(0, None))
middle.set(
    title="Gradients on their way down", xlabel="layer", ylabel="norm of that of W₁, last layer = 1", ylim=(0.1, 10)
)
right.set(title="Learning to sort, with six layers", xlabel="update", ylabel="loss", ylim=(0, 2.7))
right.legend(frameon=False, ncols=2, loc="lower left", columnspacing=1, title="norm, learning rate")
left.legend(frameon=False)
middle.legend(frameon=False)
for panel in (left, middle, right):
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
