"""Dropout: what is left of a digit, what stays the same on average, and a network that is many networks.

    python packages/nn/examples/dropout.py [picture.png]

Top: a digit at three rates; what is kept is enlarged, so that the mean over many masks is the digit again. Bottom left:
that mean stays 1 at every rate, while the variance p / (1 − p) grows without bound (asserted). Bottom right: a network
that has learned with dropout is asked with masks on, and the answers of several masks are averaged. One mask is a poor
network; a few dozen together are about as good as eval mode, which needs a single pass. Drawn with matplotlib, if there
is one.
"""

import sys

import numpy as np

import pellucid
from pellucid import no_grad
from pellucid_nn import Adam, CrossEntropyLoss, Dropout, Linear, ReLU, Sequential, Softmax, Trainer

digits = pellucid.dataset("digits")
image, rates = digits.X[3].reshape(8, 8) / digits.X[3].max(), (0.2, 0.5, 0.8)
dropped, averaged = {}, {}
for p in rates:
    layer = Dropout(p, rng=0)
    dropped[p] = layer(image)
    averaged[p] = np.mean([layer(image) for _ in range(1000)], axis=0)
    kept = dropped[p] != 0
    np.testing.assert_allclose(dropped[p][kept], image[kept] / (1 - p), rtol=1e-12)
    assert np.abs(averaged[p] - image).max() < 4 * np.sqrt(p / (1 - p) / 1000)
assert (Dropout(0.5).eval()(image) == image).all()

many = np.linspace(0, 0.9, 19)
results = [Dropout(p, rng=1)(np.ones(100_000)) for p in many]
means, variances = np.mean(results, axis=1), np.var(results, axis=1)
np.testing.assert_allclose(means, 1, atol=0.05)
np.testing.assert_allclose(variances, many / (1 - many), rtol=0.03, atol=1e-12)
print(f"100 000 ones at p = 0.5: mean {means[10]:.3f}, variance {variances[10]:.3f}")

rng = np.random.default_rng(0)
order, X = rng.permutation(len(digits.X)), digits.X / 16
held, learn = order[:600], order[600:1000]
net = Sequential(Linear(64, 128, rng=rng), ReLU(), Dropout(0.7, rng=rng))
for layer in (Linear(128, 128, rng=rng), ReLU(), Dropout(0.7, rng=rng), Linear(128, 10, rng=rng)):
    net.append(layer)
Trainer(net, CrossEntropyLoss(), Adam(net.parameters(), lr=0.003), rng=rng).fit(X[learn], digits.y[learn], epochs=40)
softmax = Softmax(dim=1)
with no_grad():
    in_eval = np.mean(net(X[held]).argmax(axis=1) != digits.y[held])
    net.train()
    answers = np.array([softmax(net(X[held])) for _ in range(128)])  # (masks, N, K)
errors = {}  # number of masks -> share of wrong digits, as a mean over groups of so many
for size in 2 ** np.arange(8):
    groups = answers.reshape(-1, size, *answers.shape[1:]).mean(axis=1)
    errors[int(size)] = np.mean(groups.argmax(axis=2) != digits.y[held])
print(f"wrong digits: {errors[1]:.1%} with one mask, {errors[64]:.1%} with 64 averaged, {in_eval:.1%} in eval mode")
assert errors[1] > 1.5 * in_eval and abs(errors[64] - in_eval) < 0.015, (errors, in_eval)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "dropout.png"
figure = plt.figure(figsize=(12, 7), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=(0.8, 1))
shown = {"the digit; eval mode": image} | {f"p = {p}": y for p, y in dropped.items()}
shown |= {f"p = {p}: mean of 1000": y for p, y in averaged.items() if p == 0.8}
for panel, (title, y) in zip(top.subplots(1, len(shown)), shown.items()):
    panel.imshow(y, cmap="gray_r", vmin=0, vmax=2)
    panel.set(title=title, xticks=[], yticks=[])
left, right = bottom.subplots(1, 2)
left.plot(many, variances, "o", color="#d1495b", label="variance")
left.plot(many, many / (1 - many), color="#d1495b", lw=1, label="p / (1 − p)")
left.plot(many, means, "o", color="#30638e", label="mean")
left.set(title="100 000 ones after dropout", xlabel="rate p", ylim=(0, 9.5))
left.legend(frameon=False)
right.semilogx(list(errors), list(errors.values()), "o-", base=2, color="#30638e", lw=2, label="masks averaged")
right.axhline(in_eval, color="#d1495b", lw=2, ls="--", label="eval mode")
right.set(title="Digits that the network reads wrong", xlabel="masks", ylabel="share", ylim=(0, None))
right.legend(frameon=False)
for panel in (left, right):
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
