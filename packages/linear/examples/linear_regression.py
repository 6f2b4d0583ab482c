"""How far does diabetes progress in a year?  Least squares on one measurement, then on all ten.

    python packages/linear/examples/linear_regression.py [picture.png]

Draws (with matplotlib, if there is one) the line through body mass index and progression, with the errors whose squares
it keeps small, and beside it what all ten measurements predict.
"""

import sys

import pellucid
from pellucid_linear import LinearRegression

data = pellucid.dataset("diabetes")
bmi = data.X[:, [data.feature_names.index("bmi")]]  # (442, 1)

one, ten = LinearRegression().fit(bmi, data.y), LinearRegression().fit(data.X, data.y)
print(f"R², the share of the variance explained: body mass index {one.score(bmi, data.y):.3f}", end="  ")
print(f"all ten {ten.score(data.X, data.y):.3f}")
print(f"one more unit of body mass index goes with {one.coef_[0]:.1f} more of progression")
assert abs(ten.score(data.X, data.y) - 0.5177) < 1e-4

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "linear_regression.png"
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
left.vlines(bmi[:, 0], one.predict(bmi), data.y, color="#d1495b", alpha=0.25, linewidth=0.8, label="errors")
left.scatter(bmi, data.y, s=12, color="#30638e", label="patients")
ends = [[bmi.min()], [bmi.max()]]
left.plot(ends, one.predict(ends), color="black", label="least squares")
left.set(xlabel="body mass index", ylabel="progression after a year", title="one measurement")
left.legend()
right.scatter(ten.predict(data.X), data.y, s=12, color="#30638e")
right.axline((150, 150), slope=1, color="black")
right.set(xlabel="predicted progression", ylabel="progression after a year", title="ten measurements")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
