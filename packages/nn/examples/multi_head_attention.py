"""What heads are for: two questions at every position, and one or two heads to look for the answers.

    python packages/nn/examples/multi_head_attention.py [picture.png]

Of eight random letters, two are asked for at every position: the one at the mirrored place, and the left neighbour (of
the first letter, the last). Letters and places have learned vectors, the layer attends, and two linear maps read the
answers from its result. A single head has one distribution to look with: it shares it out between both places, gets one
question right and less than half of the other. Of two heads each finds one of the places, though nothing tells it to.
Draws the maps, as means over 500 sequences, and the share of right answers (with matplotlib, if there is one).
"""

import sys

import numpy as np

from pellucid import no_grad
from pellucid_nn import Adam, CrossEntropyLoss, Embedding, Linear, Module, MultiheadAttention

T, K, E = 8, 6, 32  # places, letters, size of the vectors
places = np.arange(T)


class Reader(Module):
    """Self-attention between letters, and the logits (N, T, K) of both answers."""

    def __init__(self, heads, rng):
        self.letters, self.places = Embedding(K, E, rng=rng), Embedding(T, E, rng=rng)
        self.attention = MultiheadAttention(E, heads, batch_first=True, rng=rng)
        self.mirrored, self.left = Linear(E, K, rng=rng), Linear(E, K, rng=rng)

    def forward(self, letters):
        x = self.letters(letters) + self.places(places)  # (N, T, E)
        y, weights = self.attention(x, x, x, average_attn_weights=False)  # (N, T, E), (N, H, T, T)
        return self.mirrored(y), self.left(y), weights


def questions(N, rng):
    """Letters, those at mirrored places, and left neighbours: each (N, T)."""
    letters = rng.integers(K, size=(N, T))
    return letters, letters[:, ::-1], np.roll(letters, 1, axis=1)


def learn(heads, steps=120):
    """A trained Reader, and the share of right answers in each batch."""
    rng = np.random.default_rng(0)
    net, loss, shares = Reader(heads, rng), CrossEntropyLoss(), []
    optimizer = Adam(net.parameters(), lr=0.01)
    for _ in range(steps):
        letters, *answers = questions(32, rng)
        optimizer.zero_grad()
        logits = net(letters)[:2]
        sum(loss(z.reshape(-1, K), answer.reshape(-1)) for z, answer in zip(logits, answers)).backward()
        optimizer.step()
        shares.append(np.mean([z.numpy().argmax(axis=2) == answer for z, answer in zip(logits, answers)]))
    return net, shares


letters, *answers = questions(500, np.random.default_rng(1))
maps, curves = {}, {}
for heads in (1, 2):
    net, curves[heads] = learn(heads)
    with no_grad():
        *logits, weights = net(letters)
    assert np.allclose(weights.sum(axis=3), 1)
    maps[heads] = weights.mean(axis=0)  # (H, T, T)
    right = [np.mean(z.argmax(axis=2) == answer) for z, answer in zip(logits, answers)]
    print(f"heads: {heads}; right: {right[0]:.0%} of the mirrored letters, {right[1]:.0%} of the left neighbours")
    assert min(right) < 0.6 if heads == 1 else min(right) > 0.99, right
t = np.array([1, 2, 3, 5, 6, 7])  # at 0 and 4 both places are the same
on_left, on_mirrored = (maps[2][:, t, there].mean(axis=1) for there in (t - 1, T - 1 - t))  # (H,)
for head in range(2):
    print(f"head {head + 1} of 2: {on_mirrored[head]:.0%} of the weight is at the mirrored place, ", end="")
    print(f"{on_left[head]:.0%} at the left neighbour")
assert on_left.max() > 0.9 and on_mirrored.max() > 0.9 and on_left.argmax() != on_mirrored.argmax()

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "multi_head_attention.png"
figure, panels = plt.subplots(1, 4, figsize=(13, 3.9), width_ratios=(1, 1, 1, 1.1), layout="constrained")
found = {on_left.argmax(): "left neighbour", on_mirrored.argmax(): "mirrored place"}
titles = ["One head: half and half", *(f"Head {head + 1} of 2: {found[head]}" for head in range(2))]
for panel, title, weights in zip(panels, titles, (*maps[1], *maps[2])):
    image = panel.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    panel.set(title=title, xlabel="looked at (key)", xticks=places, yticks=places)
panels[0].set_ylabel("looking (query)")
figure.colorbar(image, ax=panels[:3], label="weight", shrink=0.8)
for (heads, curve), colour in zip(curves.items(), ("#d1495b", "#30638e")):
    panels[3].plot(curve, color=colour, lw=2, label=f"{heads} head{'s'[: heads - 1]}")
panels[3].axhline(1 / K, color="black", lw=0.8, ls=":", label="guessing")
panels[3].set(title="Right answers", xlabel="update", ylabel="share", ylim=(0, 1.03))
panels[3].legend(frameon=False, loc="lower right")
panels[3].spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
