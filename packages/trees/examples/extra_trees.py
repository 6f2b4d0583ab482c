"""Three kinds of iris by the size of their petals: one tree, a random forest, and extremely randomized trees.

    python packages/trees/examples/extra_trees.py [picture.png]

Draws (with matplotlib, if there is one) how sure each of them is at every point. A tree is sure of everything, and
changes its mind at straight lines. A random forest has many trees that put their thresholds at the same few places, in
the middle between two flowers, and so its probabilities still go in steps. Where thresholds are drawn at random, no two
are alike, and the mean of many trees goes smoothly from one kind to the next.
"""

import sys

import numpy as np

import pellucid
from pellucid_trees import DecisionTreeClassifier, ExtraTreesClassifier, RandomForestClassifier

data = pellucid.dataset("iris")
X = data.X[:, [data.feature_names.index(name) for name in ("petal_length", "petal_width")]]
models = {
    "one tree": DecisionTreeClassifier(),
    "random forest": RandomForestClassifier(300, random_state=0),
    "extremely randomized trees": ExtraTreesClassifier(300, random_state=0),
}
ends = [(x.min() - 0.4, x.max() + 0.4) for x in X.T]
grid = np.stack(np.meshgrid(*(np.linspace(*end, 200) for end in ends)), axis=-1)  # (200, 200, 2)
surfaces, jumps = {}, {}
for name, model in models.items():
    P = model.fit(X, data.y).predict_proba(grid.reshape(-1, 2)).reshape(200, 200, 3)
    surfaces[name] = P
    along = np.abs(np.diff(P, axis=1)).max(axis=2)  # (200, 199)
    jumps[name] = np.count_nonzero(along > 0.2)
    print(f"{name}: at {jumps[name]} of {along.size} points, 0.03 cm change a probability by more than 0.2")
assert jumps["extremely randomized trees"] < 0.2 * jumps["random forest"]

rng = np.random.default_rng(0)
scores = {name: [] for name in models}
for _ in range(20):
    rows = rng.permutation(len(X))
    for name, model in models.items():
        scores[name].append(model.fit(X[rows[50:]], data.y[rows[50:]]).score(X[rows[:50]], data.y[rows[:50]]))
for name in models:
    print(f"{name}: {np.mean(scores[name]):.1%} of unseen flowers are right")
assert all(np.mean(score) > 0.93 for score in scores.values())

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "extra_trees.png"
colours = np.array([[0.82, 0.29, 0.36], [0.93, 0.68, 0.29], [0.19, 0.39, 0.56]])
figure, panels = plt.subplots(1, 3, figsize=(13, 4.6), sharey=True, layout="constrained")
for panel, (name, P) in zip(panels, surfaces.items(), strict=True):
    panel.imshow(P @ (0.25 + 0.75 * colours), origin="lower", extent=(*ends[0], *ends[1]), aspect="auto")
    for k, kind in enumerate(data.target_names):
        here = data.y == k
        panel.scatter(*X[here].T, s=14, color=colours[k], edgecolor="black", linewidth=0.5, label=kind)
    panel.set(title=f"{name}: {jumps[name]} jumps", xlabel="petal length [cm]")
panels[0].set_ylabel("petal width [cm]")
panels[0].legend(loc="upper left")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
