"""A restricted Boltzmann machine of small digits: its filters, what it rebuilds, and what it dreams.

    python packages/nn/examples/restricted_boltzmann_machine.py [picture.png]

1797 digits of 8 x 8 bits are learnt by contrastive divergence, without their labels. Each hidden bit becomes a filter
for a stroke or a place. Digits of which the lower half is lost are rebuilt by Gibbs sampling that leaves the upper half
as it is, and chains that begin with fair coins end at bits that look like digits. Draws all of these, and the error of
reconstruction by epoch (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import RestrictedBoltzmannMachine

digits = pellucid.dataset("digits")
X = (digits.X > 7).astype(float)  # (1797, 64): bits
rng = np.random.default_rng(0)
order = rng.permutation(len(X))
held, learn = X[order[:200]], X[order[200:]]

machine = RestrictedBoltzmannMachine(64, 64, rng=0)
errors = []  # share of the held-out bits that come back wrong
for epoch in range(26):
    errors.append(np.mean((machine.reconstruct(held) > 0.5) != held))
    machine.fit(learn, n_epochs=1, batch_size=20, lr=0.1 if epoch < 15 else 0.03, k=2)

upper = np.arange(64) < 32  # the half that is left
seen, guesses = np.where(upper, held, rng.random(held.shape) < 0.5).astype(float), []
for _ in range(60):
    guesses.append(np.where(upper, held, machine.reconstruct(seen)))
    seen = (rng.random(held.shape) < guesses[-1]).astype(float)
filled = np.mean(guesses[20:], axis=0)
by_machine, by_mean = (np.mean((a > 0.5) != held) * 2 for a in (filled, np.where(upper, held, learn.mean(axis=0))))
samples = machine.sample(40, n_steps=500)
print(
    f"bits that come back wrong: {errors[0]:.1%} at first, {errors[1]:.1%} after an epoch, {errors[-1]:.1%} in the end"
)
print(f"wrong bits in lower halves that were lost: {by_machine:.1%}; if filled with the mean digit {by_mean:.1%}")
assert errors[-1] < 0.25 * errors[0], errors
assert by_machine < 0.9 * by_mean, (by_machine, by_mean)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def show(panel, columns, title, pictures, **options):
    """Rows of 64 numbers as pictures side by side."""
    tiles = np.full((len(pictures), 9, 9), np.nan)
    tiles[:, :8, :8] = np.reshape(pictures, (-1, 8, 8))
    rows = len(pictures) // columns
    sheet = tiles.reshape(rows, columns, 9, 9).swapaxes(1, 2).reshape(9 * rows, 9 * columns)
    panel.imshow(sheet[:-1, :-1], **options)
    panel.set(title=title, xticks=[], yticks=[])
    panel.spines[:].set_visible(False)


path = sys.argv[1] if len(sys.argv) > 1 else "restricted_boltzmann_machine.png"
figure, ((curve, half), (filters, dreams)) = plt.subplots(
    2, 2, figsize=(11, 5.8), layout="constrained", width_ratios=(1, 1.25)
)
curve.plot(100 * np.array(errors), color="#30638e", lw=2)
curve.set(title="bits that come back wrong", xlabel="epoch", ylabel="% of 64", ylim=(0, None))
curve.spines[["top", "right"]].set_visible(False)
shades = matplotlib.colors.LinearSegmentedColormap.from_list("", ["#eef2f5", "#003d5b"])
each = [np.flatnonzero(digits.y[order[:200]] == k)[0] for k in range(10)]
lost = np.where(upper, held, np.nan)
show(half, 10, "digits of which half is lost", [*lost[each], *filled[each], *held[each]], cmap=shades)
half.set_yticks([3.5, 12.5, 21.5], ["seen", "rebuilt", "true"])
half.tick_params(length=0)
largest = np.argsort(-np.linalg.norm(machine.weight.data, axis=1))[:28]
show(filters, 7, "what 28 hidden bits look for", machine.weight.data[largest], cmap="RdBu_r", vmin=-2, vmax=2)
show(dreams, 10, "dreamt, after 500 steps from fair coins", samples, cmap=shades)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
