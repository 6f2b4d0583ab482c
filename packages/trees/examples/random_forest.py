"""How ill a diabetic will be in a year, by a hundred trees and more, and what they look at to say so.

    python packages/trees/examples/random_forest.py [picture.png]

To the ten measurements of the diabetes data an eleventh is added that is nothing but noise. Draws (with matplotlib, if
there is one) how the error falls as trees are added, out of bag and on patients whom the forest has not seen. Out of
bag only a third of the trees speak of a patient, so a few trees look worse than they are; of many trees the two errors
agree, and no patient need be kept back to know how good they are. Beside it, what each measurement is worth. By
impurity, noise is as good as cholesterol: it offers a threshold between any two patients, and deep down in the trees
one of those always looks useful. Shuffled among the unseen patients, it costs nothing.
"""

import sys

import numpy as np

import pellucid
from pellucid_trees import RandomForestRegressor, permutation_importance

data = pellucid.dataset("diabetes")
rng = np.random.default_rng(0)
X = np.column_stack([data.X, rng.normal(size=len(data.y))])
names = [*data.feature_names, "noise"]
rows = rng.permutation(len(data.y))
seen, unseen = rows[:300], rows[300:]

forest = RandomForestRegressor(max_features=1 / 3, oob_score=True, warm_start=True, random_state=0)
sizes = [15, 20, 30, 40, 60, 80, 120, 160, 240, 320, 500]
errors = {"out of bag": [], "unseen patients": []}
for size in sizes:
    forest.set_params(n_estimators=size).fit(X[seen], data.y[seen])  # keeps its trees, and adds to them
    errors["out of bag"].append(np.sqrt(np.nanmean((forest.oob_prediction_ - data.y[seen]) ** 2)))
    errors["unseen patients"].append(np.sqrt(np.mean((forest.predict(X[unseen]) - data.y[unseen]) ** 2)))
for name, values in errors.items():
    print(f"error of {sizes[0]} trees {values[0]:.1f}, of {sizes[-1]} trees {values[-1]:.1f}: {name}")
assert all(values[-1] < 58 < values[0] for values in errors.values())

by_impurity = forest.feature_importances_
shuffled = permutation_importance(forest, X[unseen], data.y[unseen], n_repeats=20, random_state=0)
noise = names.index("noise")
rank = int(np.sum(by_impurity > by_impurity[noise]))
print(f"noise by impurity: {by_impurity[noise]:.1%}, {rank} of {len(names) - 1} measurements have more", end="; ")
print(f"shuffled it costs {shuffled.importances_mean[noise]:.3f} of R²")
assert by_impurity[noise] > 0.04 and abs(shuffled.importances_mean[noise]) < 0.02

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "random_forest.png"
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4.6), layout="constrained", width_ratios=[3, 2, 2])
for (name, values), colour in zip(errors.items(), ("#30638e", "#d1495b"), strict=True):
    left.plot(sizes, values, color=colour, marker="o", markersize=3, label=name)
left.set(xscale="log", xlabel="trees", ylabel="root mean squared error", title="the more trees, the less error")
left.set_xticks([20, 50, 100, 200, 500], ["20", "50", "100", "200", "500"])
left.minorticks_off()
left.legend()
order = np.argsort(by_impurity)
colours = ["#d1495b" if d == noise else "#30638e" for d in order]
middle.barh(np.arange(len(names)), by_impurity[order], color=colours)
middle.set_yticks(np.arange(len(names)), [names[d] for d in order])
middle.set(xlabel="share of the decrease", title="importance by impurity")
spread = shuffled.importances_std[order]
right.barh(np.arange(len(names)), shuffled.importances_mean[order], xerr=spread, color=colours, ecolor="#777777")
right.set(xlabel="loss of R² when shuffled", title="importance on unseen patients", yticks=[])
right.axvline(0, color="black", linewidth=0.8)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
