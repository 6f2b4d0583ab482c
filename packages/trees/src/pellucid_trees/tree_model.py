"""What both kinds of decision trees share as estimators: parameters, and what can be asked of a tree.

The method is in decision_tree.py.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid import Estimator, clone, fit_run
from pellucid.validation import FloatArray, IndexArray, check_rng
from pellucid_trees import drawing, level_wise, printing, pruning
from pellucid_trees.impurity import CLASSIFICATION, REGRESSION
from pellucid_trees.limits import limits, n_features
from pellucid_trees.tree import Tree, apply, depths, subtree_ends


class PruningPath(NamedTuple):
    """How pruning goes on as a leaf costs more and more."""

    ccp_alphas: FloatArray  # (P,) prices of a leaf at which nodes become leaves, rising from 0
    impurities: FloatArray  # (P,) of all leaves together, from that price on


class Picture(str):
    """The text of an SVG file, which a notebook shows as a picture."""

    def _repr_svg_(self) -> str:
        return str(self)


class DecisionTree(Estimator):
    """What both kinds of trees share."""

    _tags = ("missing values",)

    criterion: str
    splitter: str
    max_depth: int | None
    min_samples_split: Any
    min_samples_leaf: Any
    min_weight_fraction_leaf: float
    max_features: Any
    random_state: Any
    max_leaf_nodes: int | None
    min_impurity_decrease: float
    ccp_alpha: float
    monotonic_cst: Any
    tree_: Tree

    def _grow(self, X: FloatArray, Y: Any, weights: FloatArray | None, n_classes: int | None) -> Tree:
        """Check the parameters, grow a tree and prune it."""
        criteria = REGRESSION if n_classes is None else CLASSIFICATION
        if self.criterion not in criteria:
            raise ValueError(f"criterion must be one of {', '.join(map(repr, criteria))}, got {self.criterion!r}.")
        if self.splitter not in ("best", "random"):
            raise ValueError(f"splitter must be 'best' or 'random', got {self.splitter!r}.")
        if not (isinstance(self.ccp_alpha, Real) and self.ccp_alpha >= 0):
            raise ValueError(f"ccp_alpha must be 0 or more, got {self.ccp_alpha!r}. Try 0.0, which prunes nothing.")
        if weights is not None and not weights.any():
            raise ValueError(
                f"class_weight={getattr(self, 'class_weight', None)!r} leaves no point any weight. Give one class some."
            )
        N, D = X.shape
        rules = limits(self, N, float(N) if weights is None else float(weights.sum(dtype=np.float64)))
        rng = check_rng(self.random_state)
        with fit_run(self, total=1, unit="tree") as run:
            tree = level_wise.grow(
                X,
                Y,
                weights,
                n_classes=n_classes,
                criterion=self.criterion,
                splitter=self.splitter,
                max_features=n_features(self.max_features, D),
                monotonic_cst=self._constraints(D, Y, n_classes),
                rng=rng,
                **rules._asdict(),
            )
            if self.ccp_alpha > 0:
                tree = pruning.prune(tree, self.ccp_alpha)
            run.step()
        return tree

    def _constraints(self, D: int, Y: Any, n_classes: int | None) -> IndexArray | None:
        if self.monotonic_cst is None:
            return None
        signs = np.asarray(self.monotonic_cst)
        if signs.shape != (D,):
            raise ValueError(f"monotonic_cst has shape {signs.shape} but the input data X has {D} features.")
        if not np.isin(signs, (-1, 0, 1)).all():
            raise ValueError(f"monotonic_cst must hold -1, 0 or 1 for each feature, got {self.monotonic_cst!r}.")
        if (n_classes or 0) > 2:
            raise ValueError(
                f"Monotonicity constraints are not supported with multiclass classification: there are {n_classes} "
                "classes, and they need an order."
            )
        if n_classes is None and Y.shape[1] > 1:
            raise ValueError(
                f"Monotonicity constraints are not supported with multiple outputs: y has {Y.shape[1]}. Fit one tree "
                "for each."
            )
        return signs.astype(np.int64)

    @property
    def feature_importances_(self) -> FloatArray:
        """How much of the decrease of impurity each feature brings about, in all 1 (0 for a single leaf): (D,)."""
        self._check_fitted()
        from pellucid_trees.decision_tree import importances  # here, as that file imports this one

        return importances(self.tree_, self.n_features_in_)

    def apply(self, X: Any) -> IndexArray:
        """Return the node of `tree_` that is the leaf of each row of X (N, D): an array (N,)."""
        X = self._check_X(X, allow_nan=True)
        return apply(self.tree_, X)

    def decision_path(self, X: Any) -> NDArray[np.bool_]:
        """Return which nodes each row of X (N, D) passes: an array (N, M) for the M nodes of `tree_`.

        It is not sparse, unlike scikit-learn's: N M bytes.
        """
        leaves = self.apply(X)[:, None]  # (N, 1)
        ends = subtree_ends(self.tree_)
        return (np.arange(len(ends)) <= leaves) & (leaves < ends)

    def get_depth(self) -> int:
        """Return how many questions lead to the deepest leaf."""
        self._check_fitted()
        return int(depths(self.tree_).max())

    def get_n_leaves(self) -> int:
        """Return the number of leaves."""
        self._check_fitted()
        return int(np.count_nonzero(self.tree_.left < 0))

    def cost_complexity_pruning_path(self, X: Any, y: Any, sample_weight: Any = None) -> PruningPath:
        """Grow the whole tree, and return the prices of a leaf at which pruning would take something back."""
        whole: Any = clone(self).set_params(ccp_alpha=0.0)
        whole.fit(X, y, sample_weight)
        return PruningPath(*pruning.pruning_path(whole.tree_))

    def export_text(
        self, *, feature_names: Any = None, decimals: int = 2, max_depth: int | None = None, show_weights: bool = False
    ) -> str:
        """Return the tree as text: a line for each question and each leaf.

        Parameters
        ----------
        feature_names : sequence of str, optional
            What the columns are called; those of the data frame that was fitted, else "x0", "x1", ...
        decimals : int
            Digits behind the point.
        max_depth : int, optional
            How far down to go.
        show_weights : bool
            Whether leaves show the weight of each class.
        """
        names = self._names(feature_names)
        return printing.tree_text(
            self.tree_,
            feature_names=names,
            class_names=self._class_names(),
            decimals=decimals,
            max_depth=max_depth,
            show_weights=show_weights,
            missing=getattr(self, "has_missing_", False),
        )

    def explain(self, x: Any, *, feature_names: Any = None) -> printing.Explanation:
        """Return how the tree comes to its prediction for one point x (D,); `str` of it puts that in words.

        `feature_names` as in `export_text`. A row of a pandas data frame, x = X.iloc[0], keeps its columns' names.
        """
        names = self._names(feature_names)
        if hasattr(x, "to_frame") and hasattr(x, "index"):
            x = x.to_frame().T
        row = self._check_X(x if np.ndim(x) == 2 else [x], allow_nan=True)
        if len(row) != 1:
            raise ValueError(f"explain takes one point, got {len(row)}. Pass a row: explain(X[0]).")
        return printing.explain(self.tree_, row[0], feature_names=names, class_names=self._class_names())

    def draw(self, *, feature_names: Any = None, decimals: int = 2, max_depth: int | None = None) -> Picture:
        """Return the tree as a picture, the text of an SVG file; parameters as in `export_text`."""
        names = self._names(feature_names)
        return Picture(
            drawing.tree_svg(
                self.tree_,
                feature_names=names,
                class_names=self._class_names(),
                max_depth=max_depth,
                decimals=decimals,
                missing=getattr(self, "has_missing_", False),
            )
        )

    def _names(self, given: Any) -> list[str]:
        self._check_fitted()
        if given is None:
            given = getattr(self, "feature_names_in_", [f"x{d}" for d in range(self.n_features_in_)])
        names = [str(name) for name in given]
        if len(names) != self.n_features_in_:
            raise ValueError(f"feature_names must name {self.n_features_in_} features, got {len(names)}.")
        return names

    def _class_names(self) -> list[str] | None:
        return None
