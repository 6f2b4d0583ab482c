"""Attention maps: who looks at whom, without a mask, with a causal one, with padding, and with a bias by distance.

    python packages/nn/examples/dot_product_attention.py [picture.png]

Each word has a vector of its own, the same wherever it stands, and is query and key at once. So a word looks at its own
repetitions, as far as a mask allows: at no later word (causal), at no padding. A bias of floats is added to the scores;
here it makes far words count less. The maps are what the layer returns if the values are the rows of the identity:
every row is a distribution, and sums to 1 (asserted). Right: without the factor 1/√E scores grow with the size E of the
vectors, and the softmax ends up at a single key. Drawn with matplotlib, if there is one.
"""

import sys

import numpy as np

from pellucid_nn import DotProductAttention

words = "row row row your boat gently row your boat ‹pad› ‹pad›".split()
T, E = len(words), 64
rng = np.random.default_rng(0)
vectors = {word: 0.6 * rng.standard_normal(E) for word in dict.fromkeys(words)}
x = np.array([vectors[word] for word in words])  # (T, E)
word_there = np.array([word != "‹pad›" for word in words])  # (T,)
distance = np.abs(np.subtract.outer(np.arange(T), np.arange(T)))  # (T, T)

attend, identity = DotProductAttention(), np.eye(T)
maps = {  # where the values are the identity, y is the weights
    "no mask": attend(x, x, identity),
    "causal (×: may not be looked at)": attend(x, x, identity, is_causal=True),
    "padding masked": attend(x, x, identity, np.tile(word_there, (T, 1))),
    "padding masked, bias against far keys": attend(x, x, identity, np.where(word_there, -0.5 * distance, -np.inf)),
}
for name, P in maps.items():
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
    looks = ", ".join(f"{word} {weight:.2f}" for word, weight in zip(words, P[6]) if weight > 0.1)
    print(f"{name.split(' (')[0]}: the fourth “row” looks at {looks}")
assert (
    not maps["causal (×: may not be looked at)"][np.triu_indices(T, 1)].any()
    and not maps["padding masked"][:, ~word_there].any()
)
same = maps["no mask"][6, [0, 1, 2, 6]]
np.testing.assert_allclose(same, same[0], rtol=1e-12)  # the same word, the same weight

sizes, keys = 2 ** np.arange(1, 11), 16
largest = {}  # mean over queries of the largest weight, of `keys` random ones
for label, layer in (("with 1/√E", DotProductAttention()), ("without 1/√E", DotProductAttention(scale=False))):
    noise = [rng.standard_normal((2, 200, keys, size)) for size in sizes]
    largest[label] = [layer(q, k, np.eye(keys)).max(axis=-1).mean() for q, k in noise]
ends = " and ".join(f"{curve[-1]:.2f} {label}" for label, curve in largest.items())
print(f"largest of {keys} weights at E = {sizes[-1]}: {ends}")
assert largest["with 1/√E"][-1] < 0.4 and largest["without 1/√E"][-1] > 0.9

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "dot_product_attention.png"
figure = plt.figure(figsize=(13, 7.6), layout="constrained")
places = figure.add_gridspec(2, 3, width_ratios=(1, 1, 0.9))
for place, (name, P) in zip((places[0, 0], places[0, 1], places[1, 0], places[1, 1]), maps.items()):
    panel = figure.add_subplot(place)
    panel.imshow(P, cmap="Blues", vmin=0, vmax=0.6)
    blocked = np.argwhere(P == 0)
    panel.scatter(blocked[:, 1], blocked[:, 0], marker="x", s=14, color="#d1495b", lw=1)
    panel.set_title(name[0].upper() + name[1:])
    panel.set_xticks(range(T), words, rotation=45, ha="right")
    panel.set_yticks(range(T), words)
    panel.set(xlabel="looked at (key)", ylabel="looking (query)")
panel = figure.add_subplot(places[:, 2])
for (label, curve), colour in zip(largest.items(), ("#30638e", "#d1495b")):
    panel.semilogx(sizes, curve, "o-", base=2, color=colour, lw=2, label=label)
panel.set(ylim=(0, 1.02), xlabel="E, entries of a query and a key", ylabel=f"largest of {keys} weights, on average")
panel.set_title("Why scores are divided by √E")
panel.legend(frameon=False, loc="lower right")
panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
