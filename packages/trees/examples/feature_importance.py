"""Which measurements of 442 diabetes patients a forest needs, and how a column of noise gives itself away.

    python packages/trees/examples/feature_importance.py [picture.png]

A column of random numbers is added. Importance by impurity, which only looks at the patients that the forest was grown
on, takes it for something; shuffling it costs nothing on patients that the forest has not seen. Draws (with matplotlib,
if there is one) both kinds of importance.
"""

import sys

import numpy as np

import pellucid
from pellucid_trees import RandomForestRegressor
from pellucid_trees.feature_importance import permutation_importance

data = pellucid.dataset("diabetes")
rng = np.random.default_rng(0)
X = np.column_stack([data.X, rng.normal(size=len(data.y))])
names = [*data.feature_names, "random numbers"]
rows = rng.permutation(len(data.y))
seen, unseen = rows[:300], rows[300:]

model = RandomForestRegressor(100, max_features=0.5, random_state=0).fit(X[seen], data.y[seen])
by_impurity = model.feature_importances_
found = permutation_importance(model, X[unseen], data.y[unseen], n_repeats=20, random_state=0)
print(f"R² on unseen patients: {model.score(X[unseen], data.y[unseen]):.3f}\n")
print(f"{'':18}{'by impurity':>12}{'by shuffling':>14}")
order = np.argsort(-found.importances_mean)
for d in order:
    mean, std = found.importances_mean[d], found.importances_std[d]
    print(f"{names[d]:18}{by_impurity[d]:12.3f}{mean:14.3f} ± {std:.3f}")
assert by_impurity[-1] > 0.03 and abs(found.importances_mean[-1]) < 0.02

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "feature_importance.png"
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), sharey=True, layout="constrained")
colours = ["#d1495b" if d == len(names) - 1 else "#30638e" for d in order]
left.barh(range(len(names)), by_impurity[order], color=colours)
left.set(title="by impurity, on the patients it has seen", xlabel="share of the decrease of impurity")
mean, std = found.importances_mean[order], found.importances_std[order]
right.barh(range(len(names)), mean, xerr=std, color=colours, ecolor="#1b2530", capsize=3)
right.axvline(0, color="black", linewidth=0.8)
right.set(title="by shuffling, on unseen patients", xlabel="loss of R²")
left.set_yticks(range(len(names)), [names[d] for d in order])
for label, colour in zip(left.get_yticklabels(), colours):
    label.set_color(colour)
left.invert_yaxis()
figure.savefig(path, dpi=120)
print(f"picture: {path}")
