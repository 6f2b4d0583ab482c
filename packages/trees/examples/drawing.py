"""A tree three times: as a drawing, as text, and as the regions into which it divides two measurements of irises.

    python packages/trees/examples/drawing.py [picture.png]

Writes the drawing beside the picture, as an SVG that any browser shows. The picture (with matplotlib, if there is one)
shows the same tree from above: each leaf is a rectangle, each question a line.
"""

import sys
from pathlib import Path

import numpy as np

import pellucid
from pellucid_trees import DecisionTreeClassifier
from pellucid_trees.drawing import class_colours, tree_svg
from pellucid_trees.printing import explain, tree_text

data = pellucid.dataset("iris")
columns = [data.feature_names.index(name) for name in ("petal_length", "petal_width")]
X, species = data.X[:, columns], np.array(data.target_names)[data.y]
model = DecisionTreeClassifier(max_depth=3).fit(X, species)
words = {"feature_names": ["petal length (cm)", "petal width (cm)"], "class_names": model.classes_.tolist()}

path = Path(sys.argv[1] if len(sys.argv) > 1 else "drawing.png")
path.with_suffix(".svg").write_text(tree_svg(model.tree_, **words), encoding="utf-8")
print(f"drawing: {path.with_suffix('.svg')}\n")
print(tree_text(model.tree_, **words))
print(f"\nwhy the 107th iris, a {species[106]}, is taken for", explain(model.tree_, X[106], **words))

accuracy = model.score(X, species)
print(f"\n{model.get_n_leaves()} leaves; {accuracy:.1%} of the irises are in one of their own species")
assert model.get_n_leaves() <= 8 and accuracy > 0.97

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgb  # noqa: E402

colours = np.array([to_rgb(colour) for colour in class_colours(len(model.classes_))])
(left, low), (right, high) = X.min(axis=0) - 0.4, X.max(axis=0) + 0.4
across, up = np.meshgrid(np.linspace(left, right, 600), np.linspace(low, high, 500))
shares = model.predict_proba(np.column_stack([across.ravel(), up.ravel()])).reshape(*across.shape, -1)
figure, panel = plt.subplots(figsize=(7.6, 5.6), layout="constrained")
panel.imshow(0.65 + 0.35 * (shares @ colours), extent=(left, right, low, high), origin="lower", aspect="auto")
leaves = model.apply(np.column_stack([across.ravel(), up.ravel()])).reshape(across.shape)
for leaf in np.unique(leaves):
    panel.contour(across, up, leaves == leaf, levels=[0.5], colors="white", linewidths=1.5)
for name, colour in zip(model.classes_, colours, strict=True):
    here = species == name
    panel.scatter(*X[here].T, s=26, color=colour, edgecolor="white", linewidth=0.6, label=str(name))
panel.set(xlabel=words["feature_names"][0], ylabel=words["feature_names"][1])
panel.set_title(f"{model.get_n_leaves()} leaves, seen from above")
panel.legend(loc="upper left")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
