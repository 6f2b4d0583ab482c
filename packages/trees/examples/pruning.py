"""How far a tree should be cut back, seen on 442 diabetes patients.

    python packages/trees/examples/pruning.py [picture.png]

A tree that is grown to the end has a leaf for nearly every patient that it has seen, and predicts the others worse than
their mean does. Pruning takes back what is not worth the price of its leaves; the price is chosen by cross-validation
on the seen patients only. Draws (with matplotlib, if there is one) how large the tree is at each price, and how well it
predicts.
"""

import sys

import numpy as np

import pellucid
from pellucid_trees import DecisionTreeRegressor
from pellucid_trees.pruning import prune, pruning_path
from pellucid_trees.tree import Tree, apply

data = pellucid.dataset("diabetes")
rng = np.random.default_rng(0)
rows = rng.permutation(len(data.y))
seen, unseen = rows[:300], rows[300:]


def scores(tree: Tree, part: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """R² of the tree at each price of a leaf."""
    pruned = [prune(tree, price) for price in prices]
    errors = [np.mean((data.y[part] - t.value[apply(t, data.X[part]), 0]) ** 2) for t in pruned]
    return 1 - np.array(errors) / data.y[part].var()


model = DecisionTreeRegressor().fit(data.X[seen], data.y[seen])
alphas, _ = pruning_path(model.tree_)
prices = np.geomspace(0.1, 2 * alphas[-1], 60)
validation = np.mean(
    [
        scores(DecisionTreeRegressor().fit(data.X[rest], data.y[rest]).tree_, fold, prices)
        for fold in np.array_split(seen, 10)
        for rest in [np.setdiff1d(seen, fold)]
    ],
    axis=0,
)
best = int(validation.argmax())

score = {name: scores(model.tree_, part, prices) for name, part in (("seen", seen), ("unseen", unseen))}
leaves = [int(np.sum(prune(model.tree_, price).left < 0)) for price in prices]
whole = model.score(data.X[unseen], data.y[unseen])
print(f"the whole tree: {model.get_n_leaves()} leaves, R² on unseen patients {whole:.3f}")
print(f"at a price of {prices[best]:.0f}: {leaves[best]} leaves, R² {score['unseen'][best]:.3f}")
assert leaves[best] < 20 and score["unseen"][best] > 0.25 > 0 > whole

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "pruning.png"
figure, (size, quality) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
size.step(prices, leaves, where="post", color="#30638e")
size.set(xscale="log", yscale="log", xlabel="price of a leaf, α", ylabel="leaves", title="how large the tree is")
size.set_yticks([1, 3, 10, 30, 100, 300], ["1", "3", "10", "30", "100", "300"])
for (name, values), colour in zip(score.items(), ("#30638e", "#d1495b"), strict=True):
    quality.plot(prices, values, color=colour, label=f"{name} patients")
quality.plot(prices, validation, color="#7f7f7f", linestyle=":", label="cross-validation on the seen ones")
quality.set(xscale="log", xlabel="price of a leaf, α", ylabel="R²", title="how well it predicts")
for panel in (size, quality):
    panel.axvline(prices[best], color="black", linewidth=0.8)
quality.set(ylim=(-0.3, 1.6), yticks=[-0.2, 0, 0.2, 0.4, 0.6, 0.8, 1])
quality.legend(loc="upper left")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
