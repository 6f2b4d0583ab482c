"""Handwritten digits: what a multilayer perceptron gets right, what it gets wrong, and what its units look for.

    python packages/nn/examples/mlp_classifier.py [picture.png]

Learns from four fifths of the digits and is asked about the last fifth. Draws its loss, the weights of some hidden
units as pictures of 8 x 8 pixels, and digits that it took for others (with matplotlib, if there is one).
"""

import sys

import numpy as np

import pellucid
from pellucid_nn import MLPClassifier

digits = pellucid.dataset("digits")
order = np.random.default_rng(0).permutation(len(digits.X))
held, learn = order[: len(order) // 5], order[len(order) // 5 :]

model = MLPClassifier(hidden_layer_sizes=(256,), alpha=0.1, random_state=0)
model.fit(digits.X[learn], digits.y[learn])
predicted = model.predict(digits.X[held])
score = model.score(digits.X[held], digits.y[held])
most_common = np.bincount(digits.y[learn]).max() / len(learn)
print(
    f"{score:.1%} of {len(held)} digits are read right after {model.n_iter_} epochs; always the same: {most_common:.1%}"
)
assert score >= 0.97, score

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "mlp_classifier.png"
figure = plt.figure(figsize=(13, 4.2), layout="constrained")
left, middle, right = figure.subfigures(1, 3, width_ratios=(1, 1, 1))
curve = left.subplots()
curve.plot(model.loss_curve_, color="#30638e")
curve.set(title="loss", xlabel="epoch", yscale="log")
curve.spines[["top", "right"]].set_visible(False)

middle.suptitle("what 16 of the hidden units look for")
strongest = np.argsort(-np.linalg.norm(model.coefs_[1], axis=1))[:16]  # those that the outputs listen to most
for panel, unit in zip(middle.subplots(4, 4).flat, strongest):
    weights = model.coefs_[0][:, unit].reshape(8, 8)
    panel.imshow(weights, cmap="RdBu_r", vmin=-np.abs(weights).max(), vmax=np.abs(weights).max())
    panel.set_axis_off()

wrong = np.flatnonzero(predicted != digits.y[held])
doubt = np.argsort(np.sort(model.predict_proba(digits.X[held]), axis=1)[:, -1])  # least certain first
shown = [*wrong, *(row for row in doubt if row not in wrong)][:6]
right.suptitle(f"{len(wrong)} of {len(held)} are read wrong")
for panel, row in zip(right.subplots(2, 3).flat, shown):
    panel.imshow(digits.X[held[row]].reshape(8, 8), cmap="gray_r")
    truth, guess = digits.y[held[row]], predicted[row]
    panel.set_title(f"{truth} read as {guess}", color="#d1495b" if truth != guess else "black", fontsize=10)
    panel.set_axis_off()
figure.savefig(path, dpi=120)
print(f"picture: {path}")
