"""Three spiral arms, and why a straight line is not enough.

    python packages/datasets/examples/spirals.py [picture.png]

Draws the arms (with matplotlib, if there is one) beside two classifiers of a few lines each: the best linear one, by
least squares, and the nearest neighbour. A linear classifier can only cut the plane into three wedges, and every wedge
holds a piece of every arm.
"""

import sys

import numpy as np

import pellucid

train = pellucid.dataset("spirals", n_samples=300, seed=0)
test = pellucid.dataset("spirals", n_samples=300, seed=1)


def linear(X):
    """Class with the largest least-squares score: (N, 2) -> (N,)."""
    A = np.column_stack([train.X, np.ones(len(train.X))])  # (300, 3)
    W = np.linalg.lstsq(A, np.eye(3)[train.y])[0]  # (3, 3)
    return np.argmax(np.column_stack([X, np.ones(len(X))]) @ W, axis=1)


def nearest(X):
    """Class of the nearest training point: (N, 2) -> (N,)."""
    squared_distance = ((X[:, None] - train.X) ** 2).sum(axis=2)  # (N, 300)
    return train.y[np.argmin(squared_distance, axis=1)]


accuracy = {rule.__name__: float(np.mean(rule(test.X) == test.y)) for rule in (linear, nearest)}
print("  ".join(f"{name} {share:.1%}" for name, share in accuracy.items()))
assert accuracy["linear"] < 0.6 < 0.9 < accuracy["nearest"], accuracy

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "spirals.png"
side = np.linspace(-1.15, 1.15, 231)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)  # (231², 2)
figure, panels = plt.subplots(1, 3, figsize=(12, 4.2), sharex=True, sharey=True, layout="constrained")
colours = matplotlib.colors.ListedColormap(["#d1495b", "#edae49", "#30638e"])
for panel, rule in zip(panels, (None, linear, nearest), strict=True):
    if rule is not None:
        regions = np.concatenate([rule(part) for part in np.array_split(grid, 50)]).reshape(len(side), -1)
        panel.pcolormesh(side, side, regions, cmap=colours, alpha=0.25, shading="nearest", rasterized=True)
    panel.scatter(*test.X.T, c=test.y, cmap=colours, s=16, edgecolors="white", linewidths=0.4)
    panel.set_title("three arms" if rule is None else f"{rule.__name__}: {accuracy[rule.__name__]:.0%} right")
    panel.set_aspect("equal")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
