"""Ten handwritten digits, told apart by ten weighted sums of 64 pixels, and by as few pixels as will do.

    python packages/linear/examples/logistic_regression.py [picture.png]

Draws (with matplotlib, if there is one) the weights of every digit as an image. Red pixels speak for the digit and blue
ones against it: ink in the middle speaks against a 0. Above, squares of the weights have a price; below, their absolute
values, and the pixels that are left grey have no weight at all.
"""

import sys

import numpy as np

import pellucid
from pellucid_linear import LogisticRegression

data = pellucid.dataset("digits")
rows = np.random.default_rng(0).permutation(len(data.y))
train, test = rows[360:], rows[:360]

model = LogisticRegression(C=0.01).fit(data.X[train], data.y[train])
accuracy = model.score(data.X[test], data.y[test])
print(f"{accuracy:.1%} of {len(test)} unseen digits are right, after {model.n_iter_} Newton steps")
print("loss:", " ".join(f"{value:.4f}" for value in model.loss_))
assert accuracy > 0.95

sparse = LogisticRegression(C=0.01, penalty="l1").fit(data.X[train], data.y[train])
sparse_accuracy, used = sparse.score(data.X[test], data.y[test]), np.mean(sparse.coef_ != 0)
print(f"{sparse_accuracy:.1%} are right with {used:.0%} of the weights, the others being 0")
assert sparse_accuracy > 0.94 and used < 0.2

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "logistic_regression.png"
figure, panels = plt.subplots(2, 10, figsize=(14, 3.6), layout="constrained")
for fitted, row in ((model, panels[0]), (sparse, panels[1])):
    most = np.abs(fitted.coef_).max()
    for digit, (panel, weights) in enumerate(zip(row, fitted.coef_, strict=True)):
        shown = np.where(weights == 0, np.nan, weights).reshape(8, 8)
        image = panel.imshow(shown, cmap="RdBu_r", vmin=-most, vmax=most)
        panel.set_facecolor("#d9d9d9")
        panel.set(title=digit, xticks=[], yticks=[])
    figure.colorbar(image, ax=row, label="weight", shrink=0.9)
panels[0, 0].set_ylabel(f"L2: {accuracy:.1%}")
panels[1, 0].set_ylabel(f"L1: {sparse_accuracy:.1%}")
figure.suptitle("the weights of each digit's pixels, and how many unseen digits are right")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
