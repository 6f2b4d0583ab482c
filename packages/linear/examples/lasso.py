"""Which measurements tell most about diabetes?  The price at which each one goes, beside ridge, where none does.

    python packages/linear/examples/lasso.py [picture.png]

Draws (with matplotlib, if there is one) the weights of the ten measurements, all in units of their spread, as the price
rises: on absolute values, the lasso, they reach zero one after the other; on squares, ridge, they only shrink.
"""

import sys

import numpy as np

import pellucid
from pellucid_linear import Lasso, Ridge, lasso_path

data = pellucid.dataset("diabetes")
X = (data.X - data.X.mean(axis=0)) / data.X.std(axis=0)  # (442, 10)
y = data.y

alphas, coefs, gaps = lasso_path(X, y, fit_intercept=True)
assert gaps.max() < 1e-9 * y.var()  # every one of the hundred fits is the minimum, and knows it
enters = alphas[np.argmax(coefs != 0, axis=1)]  # (10,), the price at which a weight leaves zero
order = np.argsort(-enters)
names = [data.feature_names[j].replace("_", " ") for j in order]
print("from the most important measurement to the least:", ", ".join(names))
assert names[:3] == ["bmi", "log triglycerides", "blood pressure"]

some = Lasso(5.0).fit(X, y)
print(
    f"at a price of 5, {np.count_nonzero(some.coef_)} measurements explain {some.score(X, y):.1%} of the variance,",
    end=" ",
)
print(f"all ten without a price {Lasso(0).fit(X, y).score(X, y):.1%}")
assert np.count_nonzero(some.coef_) == 5 and some.score(X, y) > 0.48

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "lasso.png"
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.8), sharey=True, layout="constrained")
colours = plt.get_cmap("tab10")
prices = np.logspace(-1, 6, 80)
shrunk = np.array([Ridge(price).fit(X, y).coef_ for price in prices])  # (80, 10)
for rank, j in enumerate(order):
    left.plot(alphas, coefs[j], color=colours(rank), label=names[rank])
    right.plot(prices, shrunk[:, j], color=colours(rank))
left.set(xscale="log", xlabel="price α of absolute values", ylabel="weight", title="lasso: one after the other goes")
right.set(xscale="log", xlabel="price α of squares", title="ridge: all shrink, none goes")
for panel in (left, right):
    panel.axhline(0, color="black", linewidth=0.6)
left.axvline(5.0, color="black", linewidth=0.8, linestyle=":")
figure.legend(loc="outside lower center", ncols=5, fontsize=8)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
