"""Too many features for too few patients, and what a price on large weights does about it.

    python packages/linear/examples/ridge.py [picture.png]

The ten measurements of the diabetes data, their squares and products make 65 features, for 200 patients. Least squares
follows the noise and predicts the other 242 badly. Draws (with matplotlib, if there is one) how the weights shrink as
the price rises, and what that does to the prediction of three kinds of patients: those whom the fit has seen, each of
those by a fit to all others (leaving one out, which needs no further fits), and those it has not seen. Leaving one out
knows nothing of the unseen ones, and chooses nearly the price that is best for them.
"""

import sys

import numpy as np

import pellucid
from pellucid_linear import LinearRegression, RidgeCV, ridge_path

data = pellucid.dataset("diabetes")
rows = np.random.default_rng(0).permutation(len(data.y))
seen, unseen = rows[:200], rows[200:]

first, second = np.triu_indices(data.X.shape[1])
X = (data.X - data.X[seen].mean(axis=0)) / data.X[seen].std(axis=0)
X = np.column_stack([X, X[:, first] * X[:, second]])  # (442, 65)
X = (X - X[seen].mean(axis=0)) / X[seen].std(axis=0)  # one price for all, so one unit for all
y = data.y


def share_explained(errors, rows):
    """R², where errors (len(rows), A) are those of several predictions."""
    return 1 - np.mean(errors**2, axis=0) / y[rows].var()


prices = np.logspace(-1, 5, 61)
coefs, intercepts = ridge_path(X[seen], y[seen], prices)  # (65, 61), (61,)
score = {
    f"{name} patients": share_explained(y[part, None] - X[part] @ coefs - intercepts, part)
    for name, part in (("seen", seen), ("unseen", unseen))
}
model = RidgeCV(prices).fit(X[seen], y[seen])
score["each seen patient, by the others"] = 1 + model.scores_ / y[seen].var()

least_squares = LinearRegression().fit(X[seen], y[seen]).score(X[unseen], y[unseen])
print(f"R² on unseen patients: least squares {least_squares:.3f}", end="  ")
print(f"ridge {model.score(X[unseen], y[unseen]):.3f} at a price of {model.alpha_:.0f}, chosen by leaving one out")
print(f"the best of all prices for them: {score['unseen patients'].max():.3f}")
assert model.score(X[unseen], y[unseen]) > 0.45 > 0.3 > least_squares

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "ridge.png"
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), sharex=True, layout="constrained")
left.plot(prices, coefs.T, color="#30638e", alpha=0.4, linewidth=0.9)
left.set(xscale="log", xlabel="price α", ylabel="weight", title="65 weights")
for (name, scores), colour in zip(score.items(), ("#30638e", "#d1495b", "#edae49"), strict=True):
    right.plot(prices, scores, color=colour, label=name)
right.axhline(least_squares, color="#d1495b", linestyle=":", label="least squares, unseen")
right.set(xlabel="price α", ylabel="R²", title="what they predict", ylim=(-0.6, 0.8))
for panel in (left, right):
    panel.axvline(model.alpha_, color="black", linewidth=0.8, label="chosen by leaving one out")
right.legend(loc=(0.02, 0.14))
figure.savefig(path, dpi=120)
print(f"picture: {path}")
