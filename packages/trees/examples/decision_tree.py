"""Two measurements, three species, and how many questions about them are worth asking.

    python packages/trees/examples/decision_tree.py [picture.png]

By the length and width of their sepals alone, irises are hard to tell apart. A tree that goes on asking until it is
right about every plant it has seen fences in single plants; pruning takes those questions back, the more the higher the
price of a leaf. Which price is best is seen on plants that were left out of the fit (ten times a tenth of them). Draws
(with matplotlib, if there is one) the regions of three trees, what each price costs in accuracy, and the best tree.
"""

import sys

import numpy as np

import pellucid
from pellucid_trees import DecisionTreeClassifier

data = pellucid.dataset("iris")
names = ["sepal length", "sepal width"]
X, species = data.X[:, :2], np.array(data.target_names)[data.y]

path = DecisionTreeClassifier().cost_complexity_pruning_path(X, species)
prices = np.sqrt(path.ccp_alphas[1:-1] * path.ccp_alphas[2:])  # one between any two at which something closes
prices = np.unique(np.concatenate([[0.0], prices]))
parts = np.random.default_rng(0).permutation(len(X)) % 10


def accuracies(price: float) -> tuple[float, float]:
    """On the plants that were fitted and on those left out, in the mean over the parts."""
    found = []
    for part in range(10):
        seen = parts != part
        model = DecisionTreeClassifier(ccp_alpha=price).fit(X[seen], species[seen])
        found.append([model.score(X[seen], species[seen]), model.score(X[~seen], species[~seen])])
    fitted, left_out = np.mean(found, axis=0)
    return float(fitted), float(left_out)


fitted, left_out = np.array([accuracies(price) for price in prices]).T
best = len(prices) - 1 - int(left_out[::-1].argmax())  # the highest of equally good prices
trees = {
    "every question": DecisionTreeClassifier(),
    "those worth their price": DecisionTreeClassifier(ccp_alpha=float(prices[best])),
    "one question": DecisionTreeClassifier(max_depth=1),
}
for model in trees.values():
    model.fit(X, species)
pruned = trees["those worth their price"]
print(pruned.export_text(feature_names=names))
print(
    f"\naccuracy on plants left out: {left_out[0]:.3f} with {trees['every question'].get_n_leaves()} leaves, ", end=""
)
print(f"{left_out[best]:.3f} with {pruned.get_n_leaves()}")
assert left_out[best] > left_out[0] + 0.05 and left_out[best] > 0.75 and fitted[0] > 0.9

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402

target = sys.argv[1] if len(sys.argv) > 1 else "decision_tree.png"
colours = np.array([to_rgb(colour) for colour in ("#30638e", "#edae49", "#d1495b")])
(left, low), (right, high) = X.min(axis=0) - 0.2, X.max(axis=0) + 0.2
across, up = np.meshgrid(np.linspace(left, right, 400), np.linspace(low, high, 300))
figure = plt.figure(figsize=(12, 8), layout="constrained")
grid = figure.add_gridspec(2, 6, height_ratios=(1, 0.85))
for i, (title, model) in enumerate(trees.items()):
    panel = figure.add_subplot(grid[0, 2 * i : 2 * i + 2])
    shares = model.predict_proba(np.column_stack([across.ravel(), up.ravel()])).reshape(*across.shape, -1)
    panel.imshow(0.55 + 0.45 * (shares @ colours), extent=(left, right, low, high), origin="lower", aspect="auto")
    for name, colour in zip(model.classes_, colours, strict=True):
        here = species == name
        panel.scatter(*X[here].T, s=16, color=colour, edgecolor="white", linewidth=0.5, label=str(name))
    panel.set(xlabel=f"{names[0]} (cm)", title=f"{title}: {model.get_n_leaves()} leaves")
    if i == 0:
        panel.set_ylabel(f"{names[1]} (cm)")
        panel.legend(loc="upper right", fontsize=8)
panel = figure.add_subplot(grid[1, :3])
leaves = [DecisionTreeClassifier(ccp_alpha=price).fit(X, species).get_n_leaves() for price in prices]
panel.plot(leaves, fitted, "o-", color="#30638e", markersize=3, label="plants that were fitted")
panel.plot(leaves, left_out, "o-", color="#d1495b", markersize=3, label="plants that were left out")
panel.axvline(leaves[best], color="black", linewidth=0.8)
panel.set(xscale="log", xlabel="leaves that are left at a price", ylabel="accuracy", title="what pruning does")
panel.set_xticks([2, 3, 6, 10, 20, 40], ["2", "3", "6", "10", "20", "40"], minor=False)
panel.minorticks_off()
panel.legend()
panel = figure.add_subplot(grid[1, 3:])
panel.axis("off")
panel.set_title("the tree in the middle")
panel.text(0.02, 0.95, pruned.export_text(feature_names=names), family="monospace", fontsize=9, va="top")
figure.savefig(target, dpi=110)
print(f"picture: {target}")
