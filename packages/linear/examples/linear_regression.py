"""How far diabetes has gone after a year, from ten measurements: a line, a plane, and how sure they are.

    python packages/linear/examples/linear_regression.py [picture.png]

Draws (with matplotlib, if there is one) the line through body mass index and progression, with the band in which it
lies and the band for a new patient, and beside it the weights of all ten measurements, each with its 95 % interval:
those that cross zero could as well be nothing.
"""

import sys

import numpy as np

import pellucid
from pellucid_linear import LinearRegression

data = pellucid.dataset("diabetes")
bmi = data.X[:, [data.feature_names.index("bmi")]]  # (442, 1)
X = (data.X - data.X.mean(axis=0)) / data.X.std(axis=0)  # in standard deviations, so that weights can be compared

one, ten = LinearRegression().fit(bmi, data.y), LinearRegression().fit(X, data.y)
print(f"R², the share of the variance explained: body mass index {one.score(bmi, data.y):.3f}", end="  ")
print(f"all ten {ten.score(X, data.y):.3f}")
slope = one.inference().coef
print(f"one more unit of body mass index goes with {slope.low[0]:.1f} to {slope.high[0]:.1f} more of progression")

found = ten.inference()
print(f"\n{'':>18}{'weight':>10}{'± error':>10}{'p':>10}")
for name, *row in zip(data.feature_names, *found.coef[:2], found.coef.p_value, strict=True):
    print(f"{name:>18}{row[0]:10.1f}{row[1]:10.1f}{row[2]:10.2g}")
low, high = one.predict_interval(bmi)
inside = np.mean((low < data.y) & (data.y < high))
print(f"\n{inside:.1%} of the patients are inside the band for 95 % of them")
assert abs(ten.score(X, data.y) - 0.5177) < 1e-4
assert abs(inside - 0.95) < 0.03

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "linear_regression.png"
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
grid = np.linspace(bmi.min(), bmi.max(), 100)[:, None]
left.fill_between(grid[:, 0], *one.predict_interval(grid), color="#30638e", alpha=0.15, label="a new patient, 95 %")
left.fill_between(
    grid[:, 0], *one.predict_interval(grid, of_mean=True), color="#d1495b", alpha=0.4, label="the line, 95 %"
)
left.scatter(bmi, data.y, s=10, color="#30638e", label="patients")
left.plot(grid, one.predict(grid), color="black", label="least squares")
left.set(xlabel="body mass index", ylabel="progression after a year", title="one measurement")
left.legend()
place = np.arange(len(data.feature_names))
right.axvline(0, color="black", linewidth=0.8)
sure = (found.coef.low > 0) | (found.coef.high < 0)
for some, colour in ((sure, "#d1495b"), (~sure, "#30638e")):
    width = (found.coef.high - found.coef.value)[some]
    right.errorbar(found.coef.value[some], place[some], xerr=width, fmt="o", color=colour, capsize=3)
right.set(
    yticks=place, yticklabels=data.feature_names, xlabel="weight of one standard deviation", title="ten measurements"
)
right.invert_yaxis()
figure.savefig(path, dpi=120)
print(f"picture: {path}")
