"""Large steps, small steps, and small steps on random halves of the data: how the loss falls as trees are added.

    python packages/trees/examples/gradient_boosting.py [picture.png]

Trees of depth 3 are boosted to predict the course of diabetes, from 300 of the 442 patients. With a learning rate of 1
every tree takes the whole step that is best for the patients seen; the second tree already makes the prediction for the
others worse. With a tenth of the step it takes more trees, and they come further; further still, and with less work, if
each tree is grown from a random half of the patients. Draws (with matplotlib, if there is one) the mean squared error
on patients whom the fit has seen and on the others, after every tree. (The best number of trees is read off the unseen
patients here, to show it; in earnest `n_iter_no_change` finds it, on patients that the fit holds out.)
"""

import sys

import numpy as np

import pellucid
from pellucid_trees import GradientBoostingRegressor

data = pellucid.dataset("diabetes")
rows = np.random.default_rng(1).permutation(len(data.y))
seen, unseen = rows[:300], rows[300:]

settings = {
    "learning rate 1": {"learning_rate": 1.0},
    "learning rate 0.1": {"learning_rate": 0.1},
    "learning rate 0.1, halves": {"learning_rate": 0.1, "subsample": 0.5},
}
losses = {}
for name, params in settings.items():
    model = GradientBoostingRegressor(n_estimators=150, random_state=0, **params).fit(data.X[seen], data.y[seen])
    of_unseen = [np.mean((data.y[unseen] - y) ** 2) for y in model.staged_predict(data.X[unseen])]
    losses[name] = model.loss_[1:], np.array(of_unseen)
    best = int(np.argmin(of_unseen))
    print(f"{name:26}  best after {best + 1:3} trees: {of_unseen[best]:.0f}   after 150: {of_unseen[-1]:.0f}")

least = {name: of_unseen.min() for name, (_, of_unseen) in losses.items()}
assert least["learning rate 0.1"] < 0.9 * least["learning rate 1"]
assert least["learning rate 0.1, halves"] < 0.9 * least["learning rate 1"]

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "gradient_boosting.png"
figure, axes = plt.subplots(figsize=(8, 4.8), layout="constrained")
n_trees = np.arange(1, 151)
for (name, (of_seen, of_unseen)), colour in zip(losses.items(), ("#d1495b", "#30638e", "#66a182"), strict=True):
    axes.plot(n_trees, of_unseen, color=colour, label=name)
    axes.plot(n_trees, of_seen, color=colour, linestyle=":")
    axes.plot(n_trees[of_unseen.argmin()], of_unseen.min(), "o", color=colour)
axes.plot([], [], color="grey", label="unseen patients, best at the dot")
axes.plot([], [], color="grey", linestyle=":", label="seen patients")
axes.set(xscale="log", xlabel="trees", ylabel="mean squared error", xlim=(0.9, 160), ylim=(0, 8000))
axes.set_xticks([1, 10, 100], ["1", "10", "100"])
axes.set_title("Small steps come further")
axes.legend()
figure.savefig(path, dpi=120)
print(f"picture: {path}")
