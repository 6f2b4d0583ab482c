"""Positional encoding: how sines and cosines tell positions, and how far apart they are.

    python packages/nn/examples/positional_encoding.py [picture.png]

What the layer adds to zeros is the encoding itself: a row of numbers for each position, with fast waves on the left and
slow ones on the right. The dot product of the rows at t and t + s is the same for all t, Σᵢ cos ωᵢ s: it is largest for
a position with itself and falls with the distance (asserted). One and the same matrix, a rotation of each pair (sin,
cos), leads from any position to the one s steps on (asserted, too), so a linear layer can learn to look s steps back.
Drawn with matplotlib, if there is one.
"""

import sys

import numpy as np

from pellucid_nn import PositionalEncoding

T, E, s = 96, 64, 7
P = PositionalEncoding(E)(np.zeros((T, E)))  # (T, E)

products = P @ P.T  # (T, T)
omega = 10_000.0 ** (-2 * np.arange(E // 2) / E)
by_distance = np.cos(np.outer(np.arange(T), omega)).sum(axis=1)  # (T,)
for t in range(T):
    np.testing.assert_allclose(products[t, t:], by_distance[: T - t], atol=1e-10)
assert by_distance.argmax() == 0

rotation = np.zeros((E, E))  # of each pair (sin, cos) by the angle ωᵢ s
for i, angle in enumerate(omega * s):
    pair = slice(2 * i, 2 * i + 2)
    rotation[pair, pair] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
np.testing.assert_allclose(P[:-s] @ rotation.T, P[s:], atol=1e-10)
print(f"|P|² = {products[0, 0]:.1f} at every position; a position and the one 10 steps on: {products[0, 10]:.1f}")
print(
    f"one matrix takes all {T - s} positions to those {s} steps on, to {np.abs(P[:-s] @ rotation.T - P[s:]).max():.0e}"
)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "positional_encoding.png"
figure, ((encoding, waves), (square, curve)) = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
image = encoding.imshow(P, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
encoding.set(title="The encoding: a row for each position", xlabel="entry", ylabel="position t")
figure.colorbar(image, ax=encoding, ticks=(-1, 0, 1))
for entry, colour in ((4, "#d1495b"), (14, "#edae49"), (24, "#00798c"), (34, "#003d5b")):
    waves.plot(P[:, entry], color=colour, lw=2, label=f"entry {entry}")
waves.set(title="Four of its columns: fast waves and slow ones", xlabel="position t", ylim=(-1.05, 1.55))
waves.legend(frameon=False, ncols=4, loc="upper center", columnspacing=1, handlelength=1.3)
image = square.imshow(products, cmap="Blues")
square.set(title="Dot products of two positions", xlabel="position", ylabel="position")
figure.colorbar(image, ax=square)
for t, colour, width in ((0, "#003d5b", 5), (95, "#edae49", 5), (48, "#d1495b", 2)):
    curve.plot(np.arange(T) - t, products[t], color=colour, lw=width, label=f"from position {t}")
curve.set(title="They depend on the distance alone", xlabel="distance", ylabel="dot product", ylim=(0, 34))
curve.legend(frameon=False)
for panel in (waves, curve):
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
