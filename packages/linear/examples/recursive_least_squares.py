"""Patients come one at a time: least squares that goes on from where it was, and can forget a patient again.

    python packages/linear/examples/recursive_least_squares.py [picture.png]

A fit to the first 15 patients of the diabetes data is updated with every one that follows, at the same small cost each
time. Draws (with matplotlib, if there is one) how the weight of body mass index settles, with its 95 % interval, which
narrows as 1/√n; and the same for a window of the latest 60 patients, where each update is followed by a downdate that
takes the oldest one away: this one keeps following, and keeps wavering.
"""

import sys

import numpy as np

import pellucid
from pellucid_linear import LinearRegression

data = pellucid.dataset("diabetes")
rows = np.random.default_rng(0).permutation(len(data.y))
X, y = ((data.X - data.X.mean(axis=0)) / data.X.std(axis=0))[rows], data.y[rows]
bmi, first, width = data.feature_names.index("bmi"), 15, 60

growing, window = LinearRegression().fit(X[:first], y[:first]), LinearRegression().fit(X[:first], y[:first])
steps = np.arange(first, len(y))
paths = {"all patients so far": [], f"the latest {width}": []}
for n in steps:
    growing.update(X[n : n + 1], y[n : n + 1])
    window.update(X[n : n + 1], y[n : n + 1])
    if n >= width:
        window.downdate(X[n - width : n - width + 1], y[n - width : n - width + 1])
    for path, model in zip(paths.values(), (growing, window), strict=True):
        coef = model.inference().coef
        path.append((coef.value[bmi], coef.low[bmi], coef.high[bmi]))

at_once, latest = LinearRegression().fit(X, y), LinearRegression().fit(X[-width:], y[-width:])
apart = np.abs(growing.coef_ - at_once.coef_).max(), np.abs(window.coef_ - latest.coef_).max()
print(f"after {len(steps)} updates the weights are those of one fit to all, but for {apart[0]:.1e}")
print(f"after {len(steps)} updates and {len(y) - width} downdates those of the last {width}, but for {apart[1]:.1e}")
assert max(apart) < 1e-8

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "recursive_least_squares.png"
figure, panels = plt.subplots(1, 2, figsize=(11, 4.6), sharey=True, layout="constrained")
for panel, (name, values), colour in zip(panels, paths.items(), ("#30638e", "#d1495b"), strict=True):
    value, low, high = np.array(values).T
    panel.fill_between(steps + 1, low, high, color=colour, alpha=0.2, label="95 % interval")
    panel.plot(steps + 1, value, color=colour, label="weight of body mass index")
    panel.axhline(at_once.coef_[bmi], color="black", linewidth=0.8, label="one fit to all")
    panel.set(title=name, xlabel="patients seen", ylim=(-60, 110))
    panel.legend()
panels[0].set_ylabel("progression for one standard deviation")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
