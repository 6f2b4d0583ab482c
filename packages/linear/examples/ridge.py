"""Too many features for too few patients, and what a price on large weights does about it.

    python packages/linear/examples/ridge.py [picture.png]

The ten measurements of the diabetes data, their squares and products make 65 features, for 200 patients. Least squares
follows the noise and predicts the other 242 badly. Draws (with matplotlib, if there is one) how the weights shrink as
the price rises, and what that does to the error on patients whom the fit has seen and on those it has not. (The best
price is read off the unseen patients here, to show it; in earnest, cross-validation on the seen ones chooses it.)
"""

import sys

import numpy as np

import pellucid
from pellucid_linear import LinearRegression, Ridge

data = pellucid.dataset("diabetes")
rows = np.random.default_rng(0).permutation(len(data.y))
seen, unseen = rows[:200], rows[200:]

first, second = np.triu_indices(data.X.shape[1])
X = (data.X - data.X[seen].mean(axis=0)) / data.X[seen].std(axis=0)
X = np.column_stack([X, X[:, first] * X[:, second]])  # (442, 65)
X = (X - X[seen].mean(axis=0)) / X[seen].std(axis=0)  # one price for all, so one unit for all
y = data.y

prices = np.logspace(-1, 5, 61)
models = [Ridge(alpha).fit(X[seen], y[seen]) for alpha in prices]
parts = {"seen": seen, "unseen": unseen}
score = {name: np.array([m.score(X[part], y[part]) for m in models]) for name, part in parts.items()}
best = int(score["unseen"].argmax())
least_squares = LinearRegression().fit(X[seen], y[seen]).score(X[unseen], y[unseen])
print(f"R² on unseen patients: least squares {least_squares:.3f}", end="  ")
print(f"ridge {score['unseen'][best]:.3f} at a price of {prices[best]:.0f}")
assert score["unseen"][best] > 0.45 > 0.3 > least_squares

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "ridge.png"
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), sharex=True, layout="constrained")
left.plot(prices, [m.coef_ for m in models], color="#30638e", alpha=0.4, linewidth=0.9)
left.set(xscale="log", xlabel="price α", ylabel="weight", title="65 weights")
for (name, scores), colour in zip(score.items(), ("#30638e", "#d1495b"), strict=True):
    right.plot(prices, scores, color=colour, label=f"{name} patients")
right.axhline(least_squares, color="#d1495b", linestyle=":", label="least squares, unseen")
right.set(xlabel="price α", ylabel="R²", title="what they predict")
for panel in (left, right):
    panel.axvline(prices[best], color="black", linewidth=0.8)
right.legend()
figure.savefig(path, dpi=120)
print(f"picture: {path}")
