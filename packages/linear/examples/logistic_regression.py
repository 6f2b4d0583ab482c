"""Ten handwritten digits, told apart by ten weighted sums of 64 pixels.

    python packages/linear/examples/logistic_regression.py [picture.png]

Draws (with matplotlib, if there is one) the weights of every digit as an image. Red pixels speak for the digit and blue
ones against it: ink in the middle speaks against a 0.
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

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "logistic_regression.png"
figure, panels = plt.subplots(2, 5, figsize=(10, 4.6), layout="constrained")
most = np.abs(model.coef_).max()
for digit, (panel, weights) in enumerate(zip(panels.flat, model.coef_, strict=True)):
    image = panel.imshow(weights.reshape(8, 8), cmap="RdBu_r", vmin=-most, vmax=most)
    panel.set_title(digit)
    panel.set_axis_off()
figure.colorbar(image, ax=panels, label="weight", shrink=0.8)
figure.suptitle(f"the weights of each digit's pixels: {accuracy:.1%} of unseen digits are right")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
