"""What does the ink around it say about one pixel?  Few neighbours, all neighbours, or something between.

    python packages/linear/examples/elastic_net.py [picture.png]

The pixel in the middle of a handwritten digit is predicted from the 63 others. Pixels that lie side by side go
together: the lasso keeps few of them, ridge gives a little weight to every one, and the elastic net is between the two.
Draws (with matplotlib, if there is one) these weights as images, at prices that predict unseen digits equally well.
"""

import sys

import numpy as np

import pellucid
from pellucid_linear import ElasticNet

data = pellucid.dataset("digits")
rows = np.random.default_rng(0).permutation(len(data.y))
seen, unseen = rows[:300], rows[300:]

target = data.feature_names.index("pixel_4_4")
others = np.delete(np.arange(64), target)
X, y = data.X[:, others], data.X[:, target]

models = {
    "lasso": ElasticNet(1.0, l1_ratio=1.0),
    "elastic net": ElasticNet(3.0, l1_ratio=0.2),
    "ridge": ElasticNet(5.0, l1_ratio=0.0),
}
for name, model in models.items():
    model.fit(X[seen], y[seen])
    used, score = np.count_nonzero(model.coef_), model.score(X[unseen], y[unseen])
    print(f"{name}: R² of {score:.3f} on {len(unseen)} unseen digits, by {used} of 63 pixels")
    assert 0.65 < score < 0.67
used = [np.count_nonzero(model.coef_) for model in models.values()]
assert used[0] < used[1] < used[2]

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "elastic_net.png"
figure, panels = plt.subplots(1, 3, figsize=(11, 4.2), layout="constrained")
most = max(np.abs(model.coef_).max() for model in models.values())
for panel, (name, model) in zip(panels, models.items(), strict=True):
    weights = np.full(64, np.nan)
    weights[others] = np.where(model.coef_ == 0, np.nan, model.coef_)
    panel.set_facecolor("#e4e4e4")
    image = panel.imshow(weights.reshape(8, 8), cmap="RdBu_r", vmin=-most, vmax=most)
    panel.scatter(*reversed(divmod(target, 8)), marker="s", s=420, color="black")
    score = model.score(X[unseen], y[unseen])
    panel.set(xticks=[], yticks=[], title=f"{name}: {np.count_nonzero(model.coef_)} pixels, R² {score:.2f}")
figure.colorbar(image, ax=panels, label="weight", shrink=0.8)
figure.suptitle("what is known about the black pixel from the others (grey: weight 0)")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
