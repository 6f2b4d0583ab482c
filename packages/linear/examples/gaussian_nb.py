"""Three irises as three clouds: where each is the most probable, and how sure that is.

    python packages/linear/examples/gaussian_nb.py [picture.png]

Draws (with matplotlib, if there is one) two of the four measurements: the colour is that of the most probable species,
the deeper the surer. The ellipses are where a cloud's density has fallen as at one, two and three standard deviations.
Their axes lie along those of the picture, for that is what naive means: within a species, length and width are taken to
be independent. The clouds of points lean, so it is not quite true, and does little harm.
"""

import sys

import numpy as np

import pellucid
from pellucid_linear import GaussianNB

data = pellucid.dataset("iris")
rows = np.random.default_rng(0).permutation(len(data.y))
train, test = rows[:100], rows[100:]

four = GaussianNB().fit(data.X[train], data.y[train])
print(f"{four.score(data.X[test], data.y[test]):.1%} of {len(test)} unseen irises are right, by four measurements")

pieces = GaussianNB()  # the same in five pieces
for piece in np.array_split(train, 5):
    pieces.partial_fit(data.X[piece], data.y[piece], classes=np.unique(data.y))
apart = np.abs(pieces.predict_proba(data.X) - four.predict_proba(data.X)).max()
print(f"learnt in five pieces, its probabilities are the same but for {apart:.1e}")
assert four.score(data.X[test], data.y[test]) >= 0.94
assert apart < 1e-10

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.patches import Ellipse  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "gaussian_nb.png"
colours = np.array([[0.19, 0.39, 0.56], [0.93, 0.68, 0.29], [0.82, 0.29, 0.36]])
figure, panels = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for panel, columns in zip(panels, ([0, 1], [2, 3]), strict=True):
    two = GaussianNB().fit(data.X[:, columns], data.y)
    low, high = data.X[:, columns].min(axis=0) - 0.5, data.X[:, columns].max(axis=0) + 0.5
    x, y = np.meshgrid(np.linspace(low[0], high[0], 300), np.linspace(low[1], high[1], 300))
    P = two.predict_proba(np.column_stack([x.ravel(), y.ravel()]))  # (90000, 3)
    sure = 0.55 * (P.max(axis=1, keepdims=True) - 1 / 3) / (2 / 3)  # 0 where all are alike
    surface = (1 - sure) + sure * colours[P.argmax(axis=1)]  # towards white
    extent = (low[0], high[0], low[1], high[1])
    panel.imshow(surface.reshape(300, 300, 3), origin="lower", extent=extent, aspect="auto")
    for k, name in enumerate(data.target_names):
        panel.scatter(
            *data.X[data.y == k][:, columns].T, s=18, color=colours[k], edgecolor="black", linewidth=0.5, label=name
        )
        for radius in (1, 2, 3):
            width, height = 2 * radius * np.sqrt(two.var_[k])
            panel.add_patch(
                Ellipse(two.theta_[k], width, height, fill=False, color=colours[k], linewidth=1.1, alpha=0.8)
            )
    names, right = [data.feature_names[column] for column in columns], two.score(data.X[:, columns], data.y)
    panel.set(xlabel=names[0], ylabel=names[1], title=f"{right:.0%} of the points are right")
    panel.set(xlim=extent[:2], ylim=extent[2:])
panels[0].legend(loc="upper right")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
