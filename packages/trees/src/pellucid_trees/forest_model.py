"""What all forests share as estimators: checks, batches of trees that grow side by side, warm starts, out of bag.

The method is in random_forest.py, and what random thresholds change about it in extra_trees.py.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from copy import copy
from functools import partial
from itertools import chain
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pellucid import Classifier, Estimator, Regressor, fit_run
from pellucid.parallel import map_tasks
from pellucid.validation import (
    FloatArray,
    IndexArray,
    check_class_weight,
    check_rng,
    is_number,
    is_whole,
)
from pellucid_trees import forest_prediction, many_trees, pruning
from pellucid_trees.decision_tree import DecisionTreeClassifier, DecisionTreeRegressor
from pellucid_trees.forest_prediction import Forest as Forest
from pellucid_trees.impurity import CLASSIFICATION, REGRESSION
from pellucid_trees.level import BoolArray
from pellucid_trees.limits import limits, n_features
from pellucid_trees.tree import Tree, subtree_ends

DRAWS = 1 << 16  # of the trees that are grown together
NUMBERS = 1 << 22  # that these may need: one for each feature that a draw is looked at by, one for each row
MOST = 2**63 - 1  # a seed is less
ABOUT_THE_DATA = ("classes_", "n_features_in_", "feature_names_in_", "one_target_")


# -- batches of trees ----------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """All that growing a tree needs besides its seed; goes to other processes."""

    table: many_trees.Table
    Y: Any  # (N,) indices of classes, or (N, T)
    weights: FloatArray | None  # (N,)
    n_draws: int | None  # None: every tree has all points, as they weigh
    balanced: bool  # whether classes are to weigh alike in each sample
    settings: dict[str, Any]  # for many_trees.grow
    ccp_alpha: float


def samples(plan: Plan, rngs: Iterable[np.random.Generator]) -> Iterator[NDArray[Any]]:
    """How often each point is drawn, tree by tree: (N,) each."""
    from pellucid_trees.random_forest import bootstrap  # here, as that file imports this one

    for rng in rngs:
        yield bootstrap(plan.weights, len(plan.table.X), plan.n_draws or 0, rng=rng)


def grow_batch(plan: Plan, seeds: IndexArray) -> list[Tree]:
    """Grow a tree from each seed."""
    rngs = [np.random.default_rng(seed) for seed in seeds]
    N = len(plan.table.X)
    if plan.n_draws is None:
        one = np.ones(N) if plan.weights is None else plan.weights
        weights = np.broadcast_to(one, (len(seeds), N))
    else:
        weights = np.stack(list(samples(plan, rngs))).astype(np.float64)  # (B, N)
        if plan.balanced:
            weights *= np.stack([balance(plan.Y, counts) for counts in weights])
    trees = many_trees.grow(plan.table, plan.Y, weights, rngs=rngs, **plan.settings)
    return [pruning.prune(tree, plan.ccp_alpha) for tree in trees] if plan.ccp_alpha > 0 else trees


def balance(y: IndexArray, counts: FloatArray) -> FloatArray:
    """Factors of the points that make the classes in a sample weigh alike: (N,), (N,) -> (N,)."""
    weight = np.bincount(y, counts)  # (K,)
    present = np.count_nonzero(weight)
    factor: FloatArray = counts.sum() / present / np.where(weight > 0, weight, 1)
    return factor[y]


def n_samples(max_samples: Any, N: int, weights: FloatArray | None) -> int:
    """How many draws make a sample: None is one for each point that counts, a fraction is of the weight of all.

    Raises
    ------
    ValueError
        When it is neither of these, nor a whole number of 1 or more.
    """
    if max_samples is None:
        return N if weights is None else int(np.count_nonzero(weights))
    if is_whole(max_samples) and max_samples >= 1:
        return int(max_samples)
    if is_number(max_samples) and not is_whole(max_samples) and 0 < max_samples < np.inf:
        return max(1, int(max_samples * (N if weights is None else weights.sum())))
    raise ValueError(
        f"max_samples must be None, a whole number of 1 or more or a fraction above 0, got {max_samples!r}. Try None."
    )


# -- scores out of bag ---------------------------------------------------------------------------------------------


def accuracy(y: NDArray[Any], predicted: NDArray[Any]) -> float:
    """The share of labels that are predicted; NaN of none."""
    return float(np.mean(y == predicted)) if len(y) else float("nan")


def r_squared(y: FloatArray, predicted: FloatArray) -> float:
    """R² as Regressor.score has it: 1 - Σ (y - ŷ)² / Σ (y - ȳ)², the mean over targets; NaN of fewer than two rows."""
    if len(y) < 2:
        return float("nan")
    residual, total = np.sum((y - predicted) ** 2, axis=0), np.sum((y - y.mean(axis=0)) ** 2, axis=0)
    constant = total == 0
    return float(np.mean(np.where(constant, residual == 0, 1 - residual / np.where(constant, 1, total))))


# -- estimators ----------------------------------------------------------------------------------------------------


class ForestModel(Estimator):
    """What all forests share."""

    _tags = ("missing values",)
    _splitter: ClassVar[str] = "best"
    _look: ClassVar[Any] = staticmethod(many_trees.best_thresholds)

    n_estimators: int
    criterion: str
    max_depth: int | None
    min_samples_split: Any
    min_samples_leaf: Any
    min_weight_fraction_leaf: float
    max_features: Any
    max_leaf_nodes: int | None
    min_impurity_decrease: float
    bootstrap: bool
    oob_score: Any
    n_jobs: int | None
    random_state: Any
    warm_start: bool
    ccp_alpha: float
    max_samples: Any
    monotonic_cst: Any
    forest_: Forest
    seeds_: IndexArray
    oob_score_: float

    def _grown(self) -> Self | None:
        """This model as it is, where a fit is to go on with it."""
        return copy(self) if self.warm_start and hasattr(self, "forest_") else None

    def _go_on(self, grown: Self | None, n_targets: int) -> None:
        """Refuse data that the trees of an earlier fit know nothing of, and be as before."""
        if grown is None:
            return
        for words, old, new in (
            ("columns", grown.n_features_in_, self.n_features_in_),
            ("classes", getattr(grown, "classes_", 0), getattr(self, "classes_", 0)),
            ("targets", grown.forest_.value.shape[1], n_targets),
        ):
            if not np.array_equal(old, new):
                vars(self).update(vars(grown))
                raise ValueError(
                    f"warm_start goes on with the trees of the last fit, but the {words} of the data are {new}, and "
                    f"they were {old}. Fit to the same, or set warm_start=False."
                )

    def _grow(self, X: FloatArray, Y: Any, weights: FloatArray | None, n_classes: int | None, balanced: bool) -> Plan:
        """Grow the trees that are still missing, and keep them."""
        plan = self._plan(X, Y, weights, n_classes, balanced)
        n_grown = len(self.seeds_) if hasattr(self, "forest_") else 0
        n_more = self.n_estimators - n_grown
        if n_more < 0:
            raise ValueError(
                f"n_estimators={self.n_estimators} must be at least the {n_grown} trees that there are already, as "
                "warm_start is True. Raise it, or set warm_start=False."
            )
        if n_more == 0:
            words = f"There are {n_grown} trees already, and warm_start is True: no tree is grown. Raise n_estimators."
            warnings.warn(words, UserWarning, stacklevel=3)
            return plan
        rng = check_rng(self.random_state)
        if n_grown and rng is not self.random_state:
            rng.integers(0, MOST, n_grown)  # the seeds of the trees that there are
        seeds = rng.integers(0, MOST, n_more)
        size, q = plan.n_draws or len(X), plan.settings["max_features"]
        width = max(1, min(DRAWS // size, NUMBERS // max(size * q, len(X))))  # trees of a batch, whatever n_jobs is
        with fit_run(self, total=-(-n_more // width), unit="batch of trees") as run:

            def batches() -> Iterator[IndexArray]:
                for first in range(0, n_more, width):
                    if run.stopped is None or first == 0:
                        yield seeds[first : first + width]

            def report() -> None:
                run.step(trees=min(self.n_estimators, n_grown + (run.n_steps + 1) * width))

            trees = chain.from_iterable(map_tasks(partial(grow_batch, plan), batches(), self.n_jobs, report))
        forest = forest_prediction.stack(trees)  # which lets go of them, as there may be many nodes
        seeds = seeds[: len(forest.roots) - 1]
        if n_grown:
            forest, seeds = forest_prediction.join(self.forest_, forest), np.append(self.seeds_, seeds)
        self.forest_, self.seeds_ = forest, seeds
        vars(self).pop("oob_score_", None)
        return plan

    def _plan(self, X: FloatArray, Y: Any, weights: FloatArray | None, n_classes: int | None, balanced: bool) -> Plan:
        """Check the parameters, and state what is to be grown."""
        N, D = X.shape
        if not (is_whole(self.n_estimators) and self.n_estimators >= 1):
            raise ValueError(f"n_estimators must be a whole number of 1 or more, got {self.n_estimators!r}. Try 100.")
        criteria = REGRESSION if n_classes is None else CLASSIFICATION
        if self.criterion not in criteria:
            raise ValueError(f"criterion must be one of {', '.join(map(repr, criteria))}, got {self.criterion!r}.")
        if not (is_number(self.ccp_alpha) and self.ccp_alpha >= 0):
            raise ValueError(f"ccp_alpha must be 0 or more, got {self.ccp_alpha!r}. Try 0.0.")
        for name in ("oob_score", "max_samples"):
            if getattr(self, name) not in (None, False) and not self.bootstrap:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} needs bootstrap=True: else every tree has all points."
                )
        if weights is not None and not weights.any():
            raise ValueError(
                f"class_weight={getattr(self, 'class_weight', None)!r} leaves no point any weight. Give one class some."
            )
        n_draws = n_samples(self.max_samples, N, weights) if self.bootstrap else None
        total = n_draws or (N if weights is None else weights.sum())
        if n_draws and weights is not None:
            weights = weights / weights.max()  # so that their sum does not overflow
        settings = {
            "limits": limits(self, N, float(total)),
            "n_classes": n_classes,
            "criterion": self.criterion,
            "max_features": n_features(self.max_features, D),
            "look": self._look,
            "monotonic_cst": self._tree_model()._constraints(D, Y, n_classes),
        }
        return Plan(many_trees.table(X), Y, weights, n_draws, balanced, settings, float(self.ccp_alpha))

    def _out_of_bag(self, plan: Plan) -> tuple[FloatArray, BoolArray]:
        """What is said of each point out of bag, and which count for the score: -> (N, K), (N,)."""
        from pellucid_trees.random_forest import out_of_bag  # here, as that file imports this one

        found = out_of_bag(self.forest_, plan.table.X, samples(plan, map(np.random.default_rng, self.seeds_)))
        there = ~np.isnan(found[:, 0])
        if not there.all():
            warnings.warn(
                f"{np.count_nonzero(~there)} of {len(there)} points are in every sample, so nothing is said "
                "of them out of bag (NaN). Raise n_estimators.",
                UserWarning,
                stacklevel=3,
            )
        return found, there if plan.weights is None else there & (plan.weights > 0)

    def _tree_model(self) -> Any:
        """A decision tree with the forest's parameters, not fitted."""
        kind = DecisionTreeClassifier if self._estimator_type == "classifier" else DecisionTreeRegressor
        names = kind._parameters().keys() & self._parameters().keys() - {"class_weight", "random_state"}
        return kind(splitter=self._splitter, **{name: getattr(self, name) for name in names})

    @property
    def estimators_(self) -> list[Any]:
        """The trees, each as a fitted DecisionTreeClassifier or DecisionTreeRegressor; made anew at every look."""
        self._check_fitted()
        about = {name: value for name, value in self.get_state().items() if name in ABOUT_THE_DATA}
        models = []
        for b, seed in enumerate(self.seeds_):
            model = self._tree_model().set_params(random_state=int(seed))
            model.set_state(about | {"tree_": forest_prediction.tree(self.forest_, b)})
            models.append(model)
        return models

    @property
    def feature_importances_(self) -> FloatArray:
        """What share of the decrease of impurity each feature brings about, by (4): (D,)."""
        from pellucid_trees.random_forest import importances  # here, as that file imports this one

        self._check_fitted()
        trees = (forest_prediction.tree(self.forest_, b) for b in range(len(self.seeds_)))
        return importances(trees, self.n_features_in_)

    def apply(self, X: Any) -> IndexArray:
        """Return the number of the leaf of each row of X (N, D) in each tree: an array (N, B)."""
        X = self._check_X(X, allow_nan=True)
        return forest_prediction.apply(self.forest_, X)

    def decision_path(self, X: Any) -> tuple[NDArray[np.bool_], IndexArray]:
        """Return which nodes each row of X (N, D) passes, in an array that is not sparse, and where each tree begins.

        Returns
        -------
        passes : ndarray of bool, shape (N, M)
            For the M nodes of all trees, one tree after the other.
        n_nodes_ptr : ndarray of int, shape (B + 1,)
            Tree b has the columns from `n_nodes_ptr[b]` up to `n_nodes_ptr[b + 1]`.
        """
        leaves = self.apply(X)
        ends = [subtree_ends(forest_prediction.tree(self.forest_, b)) for b in range(len(self.seeds_))]
        passes = [(np.arange(len(end)) <= leaf) & (leaf < end) for leaf, end in zip(leaves.T[:, :, None], ends)]
        return np.hstack(passes), self.forest_.roots.copy()


class ForestClassifier(ForestModel, Classifier):
    """What all forests for classes share."""

    class_weight: Any
    oob_decision_function_: FloatArray

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow the forest; return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
            NaN stands for a missing value.
        y : array-like of shape (N,)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When the data hold infinities, `X`, `y` and the weights do not fit together, or a parameter is out of range.
        """
        grown = self._grown()
        X, y, weights = self._check_fit(X, y, sample_weight, allow_nan=True, dtype=np.float64)
        self._go_on(grown, len(self.classes_))
        by_sample = self.class_weight == "balanced_subsample"
        balanced = by_sample and bool(self.bootstrap)
        if self.class_weight is not None and not balanced:
            factor = check_class_weight("balanced" if by_sample else self.class_weight, self.classes_, y, weights)[y]
            weights = factor if weights is None else factor * weights
        plan = self._grow(X, y, weights, len(self.classes_), balanced)
        if self.oob_score and not hasattr(self, "oob_score_"):
            P, counts = self._out_of_bag(plan)
            score = self.oob_score if callable(self.oob_score) else accuracy
            self.oob_decision_function_ = P
            self.oob_score_ = float(score(self.classes_[y[counts]], self.classes_[P[counts].argmax(axis=1)]))
        return self

    @property
    def n_classes_(self) -> int:
        """The number of classes."""
        return len(self.classes_)

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the mean share of each class at the leaves of each row of X (N, D): an array (N, K)."""
        X = self._check_X(X, allow_nan=True)
        return forest_prediction.mean_value(self.forest_, X)

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Return the logarithm of `predict_proba`, -inf for shares of 0: an array (N, K)."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label with the largest mean share for each row of X (N, D), the first of many: an array (N,)."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels


class ForestRegressor(ForestModel, Regressor):
    """What all forests for numbers share."""

    _multi_output = True

    one_target_: bool
    oob_prediction_: FloatArray

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow the forest; return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
            NaN stands for a missing value.
        y : array-like of shape (N,) or (N, T)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When the data hold infinities, `X`, `y` and the weights do not fit together, or a parameter is out of range.
        """
        grown = self._grown()
        X, y, weights = self._check_fit(X, y, sample_weight, allow_nan=True, dtype=np.float64)
        Y = y.reshape(len(y), -1)
        self._go_on(grown, Y.shape[1])
        plan = self._grow(X, Y, weights, None, False)
        self.one_target_ = y.ndim == 1
        if self.oob_score and not hasattr(self, "oob_score_"):
            found, counts = self._out_of_bag(plan)
            self.oob_prediction_ = found[:, 0] if y.ndim == 1 else found
            score = self.oob_score if callable(self.oob_score) else r_squared
            self.oob_score_ = float(score(y[counts], self.oob_prediction_[counts]))
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the mean of the leaves' values for each row of X (N, D): an array (N,) or (N, T)."""
        X = self._check_X(X, allow_nan=True)
        mean = forest_prediction.mean_value(self.forest_, X)
        return mean[:, 0] if self.one_target_ else mean
