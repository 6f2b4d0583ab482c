"""The street between two moons, when points in it are cheap and when they are dear.

    python examples/support_vector_classifier.py [picture.png]

Fits 200 noisy points with two prices C and scores both on 2000 others. Draws (with matplotlib, if there is one) what f
says of every place, the line f = 0 between the classes, the edges of the street, f = ±1, and a ring around each support
vector. The data are in the package pellucid-datasets.
"""

import sys

import numpy as np
import pellucid

from pellucid_svm import SVC

data = pellucid.dataset("moons", n_samples=200, noise=0.25, seed=0)
unseen = pellucid.dataset("moons", n_samples=2000, noise=0.25, seed=1)

models = [SVC(C=C, gamma=1.0).fit(data.X, data.y) for C in (0.1, 100)]
for model in models:
    right = model.score(unseen.X, unseen.y)
    print(f"C = {model.C:<5g} {len(model.support_):3} of 200 points are support vectors", end="; ")
    print(f"found in {model.n_iter_[0]} steps; {right:.1%} of unseen points are right")
assert len(models[0].support_) > 2 * len(models[1].support_)
assert right > 0.9

try:
    from matplotlib.figure import Figure
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

path = sys.argv[1] if len(sys.argv) > 1 else "support_vector_classifier.png"
low, high = data.X.min(axis=0) - 0.4, data.X.max(axis=0) + 0.4
grid = np.meshgrid(np.linspace(low[0], high[0], 300), np.linspace(low[1], high[1], 300))
places = np.stack([axis.ravel() for axis in grid], axis=1)  # (90000, 2)

figure = Figure(figsize=(11, 4.4), layout="constrained")
panels = figure.subplots(1, 2, sharey=True)
for panel, model in zip(panels, models):
    f = model.decision_function(places).reshape(300, 300)
    surface = panel.contourf(*grid, f.clip(-3, 3), levels=np.linspace(-3, 3, 25), cmap="RdBu", alpha=0.6)
    panel.contour(*grid, f, levels=[-1, 0, 1], colors="black", linewidths=[0.9, 1.8, 0.9], linestyles=["--", "-", "--"])
    for label, colour in ((0, "#d1495b"), (1, "#30638e")):
        panel.scatter(*data.X[data.y == label].T, s=14, color=colour)
    panel.scatter(*model.support_vectors_.T, s=60, facecolors="none", edgecolors="black", linewidths=0.7)
    panel.set_title(f"C = {model.C:g}: {len(model.support_)} support vectors")
figure.colorbar(surface, ax=panels, label="f(x)", ticks=[-3, -1, 0, 1, 3])
figure.savefig(path, dpi=120)
print(f"picture: {path}")
