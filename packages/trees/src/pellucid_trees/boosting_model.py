"""What both estimators of gradient boosting share: checks, how their trees are grown, warm starts, stages.

The method is in gradient_boosting.py.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pellucid import Classifier, Estimator, Regressor, clone, fit_run
from pellucid.validation import FloatArray, IndexArray, check_rng
from pellucid_trees import forest_prediction, histogram_tree, level_wise, pruning
from pellucid_trees.binning import MISSING, binned, counts
from pellucid_trees.boosting_losses import LOSSES, Loss
from pellucid_trees.decision_tree import DecisionTreeRegressor
from pellucid_trees.forest_prediction import Forest as Forest
from pellucid_trees.level import Problem, on_grid, one_node, pose, restored
from pellucid_trees.limits import Limits, limits, n_features
from pellucid_trees.presorted import Presorted, presort
from pellucid_trees.tree import Tree, apply

if TYPE_CHECKING:
    from pellucid_trees.gradient_boosting import Grow, Rows, Trace

MANY = 10_000  # rows from which on histograms are the default
DEEPEST = 10  # levels up to which they are
ABOUT_THE_DATA = ("n_features_in_", "feature_names_in_")


# -- how trees are grown -------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """What growing a tree needs besides the points."""

    limits: Limits  # `min_weight_leaf` is a share here
    max_features: int
    ccp_alpha: float


def by_exact_splits(X: FloatArray, s: FloatArray | None, plan: Plan) -> Grow:
    """Every threshold is tried; features are sorted once for all trees."""
    N = len(X)
    every = presort(Problem("squared_error", None, 0, (), None), X, None, plan.max_features, None)

    def grow(g: FloatArray, rows: Rows, rng: np.random.Generator) -> tuple[Tree, IndexArray]:
        problem, rules, units = pose(g[:, None], s, limited(plan, s, N, rows))

        def search() -> Presorted:  # made only where it is used, as the root is, so that nobody else keeps them
            found = every._replace(problem=problem, orders=list(every.orders), rng=rng)
            return found if rows is None else found.follow(np.bincount(rows, minlength=N).astype(np.int8))

        grown = level_wise.grow_levels(
            problem, one_node(problem, np.arange(N) if rows is None else rows), search(), rules
        )
        tree = restored(grown[0], units)
        tree = pruning.prune(tree, plan.ccp_alpha)
        return tree, apply(tree, X)

    return grow


def by_histograms(X: FloatArray, s: FloatArray | None, plan: Plan, max_bins: int) -> Grow:
    """Thresholds between bins are tried; features are sorted into bins once for all trees."""
    bins = binned(X, max_bins)

    def grow(g: FloatArray, rows: Rows, rng: np.random.Generator) -> tuple[Tree, IndexArray]:
        rules = limited(plan, s, len(X), rows)
        if rows is None:
            tree, leaf = histogram_tree.grow(bins, g, s, rules, max_features=plan.max_features, rng=rng)
        else:
            codes, leaf = bins.codes.take(rows, axis=0), np.empty(len(X), np.int64)
            part, weights = bins._replace(codes=codes, number=counts(codes)), None if s is None else s[rows]
            grown = histogram_tree.grow(part, g[rows], weights, rules, max_features=plan.max_features, rng=rng)
            tree, leaf[rows] = grown
            others = np.delete(np.arange(len(X)), rows)
            leaf[others] = apply(tree, X[others])
        if plan.ccp_alpha > 0:
            tree = pruning.prune(tree, plan.ccp_alpha)
            leaf = apply(tree, X)
        return tree, leaf

    return grow


def limited(plan: Plan, s: FloatArray | None, N: int, rows: Rows) -> Limits:
    """The limits of one tree, whose leaves weigh a share of the points that it is grown from."""
    n = N if rows is None else len(rows)
    weight = float(n) if s is None else float(s.sum() if rows is None else s[rows].sum())
    return plan.limits._replace(min_weight_leaf=plan.limits.min_weight_leaf * weight)


def hold_out(labels: IndexArray, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """A random choice of the rows to hold out, the same share of each class: (N,) -> (N,)."""
    N, order = len(labels), rng.permutation(len(labels))
    order = order[labels[order].argsort(kind="stable")]  # class after class
    size = np.bincount(labels)
    place = np.arange(N) - np.repeat(np.cumsum(size) - size, size)  # within the class
    size = np.repeat(size, size)
    turn = np.argsort(np.where(place < size - 1, place / size, 1), kind="stable")  # the last of a class is never held
    held = np.zeros(N, np.bool_)
    held[order[turn[: min(int(np.ceil(fraction * N)), np.count_nonzero(place < size - 1))]]] = True
    return held


def start(init: Any, X: FloatArray, loss: Loss) -> FloatArray:
    """F₀ by constants (J,), or by what another model says: _, (N, D), _ -> (J, N)."""
    if isinstance(init, np.ndarray):
        return np.repeat(init[:, None], len(X), axis=1)
    if loss.link is None:
        return np.asarray(init.predict(X), np.float64).reshape(1, -1)
    F: FloatArray = loss.link(np.asarray(init.predict_proba(X), np.float64).T)
    return F


def shown(F: FloatArray) -> FloatArray:
    """Scores as scikit-learn has them: (J, N) -> (N,) or (N, J)."""
    return F[0] if len(F) == 1 else np.ascontiguousarray(F.T)


def counting(weights: FloatArray | None) -> tuple[Any, FloatArray | None, int]:
    """The rows that have a weight, weights of at most 1 whose sums are exact, and the power of two that was taken out.

    Whatever the unit of the weights, nothing that is multiplied by them overflows or becomes nothing: (N,) -> _, _, _.
    """
    if weights is None:
        return slice(None), None, 0
    rows = np.flatnonzero(weights) if (weights == 0).any() else slice(None)
    return rows, *on_grid(weights[rows])


RULES: dict[str, tuple[type, Callable[[Any], bool], str]] = {  # parameter -> type, what must hold, the same in words
    "learning_rate": (Real, lambda v: 0 <= v < np.inf, "a finite number of 0 or more, such as 0.1"),
    "n_estimators": (Integral, lambda v: v >= 1, "a whole number of 1 or more, such as 100"),
    "subsample": (Real, lambda v: 0 < v <= 1, "more than 0 and at most 1, such as 0.5"),
    "alpha": (Real, lambda v: 0 < v < 1, "between 0 and 1, such as 0.9"),
    "validation_fraction": (Real, lambda v: 0 < v < 1, "between 0 and 1, such as 0.1"),
    "n_iter_no_change": (Integral, lambda v: v >= 1, "None or a whole number of 1 or more, such as 10"),
    "tol": (Real, lambda v: v >= 0, "0 or more, such as 1e-4"),
    "ccp_alpha": (Real, lambda v: v >= 0, "0 or more, such as 0.0"),
    "max_bins": (Integral, lambda v: 2 <= v <= MISSING, f"a whole number from 2 to {MISSING}, such as {MISSING}"),
    "splits": (str, lambda v: v in ("auto", "exact", "histogram"), "'auto', 'exact' or 'histogram'"),
    "step_size": (str, lambda v: v in ("adaptive", "constant"), "'adaptive' or 'constant'"),
}


class BoostingModel(Estimator):
    """What both estimators share."""

    _tags = ("missing values",)

    loss: str
    learning_rate: float
    n_estimators: int
    subsample: float
    min_samples_split: Any
    min_samples_leaf: Any
    min_weight_fraction_leaf: float
    max_depth: int | None
    min_impurity_decrease: float
    init: Any
    random_state: Any
    max_features: Any
    alpha: float
    max_leaf_nodes: int | None
    warm_start: bool
    validation_fraction: float
    n_iter_no_change: int | None
    tol: float
    ccp_alpha: float
    splits: str
    max_bins: int
    step_size: str

    forest_: Forest
    init_: Any
    seed_: int
    n_estimators_: int
    loss_: FloatArray
    train_score_: FloatArray

    def _boost(
        self, X: FloatArray, y: NDArray[Any], T: FloatArray, s: FloatArray | None, unit: int, loss: Loss
    ) -> None:
        """Check the parameters, add trees and keep them.

        T are the targets y, as scores have them; the weights are s times two to the power `unit`.
        """
        from pellucid_trees.gradient_boosting import Points, fit, scores  # here, as that file imports this one

        (J, N), D = T.shape, X.shape[1]
        plan, first = self._plan(N, D), self._n_grown()
        if first == self.n_estimators:
            return warnings.warn(
                f"There are {first} stages already, and warm_start is True: nothing was fitted. Raise n_estimators.",
                UserWarning,
                stacklevel=3,
            )
        seed = self.seed_ if first else int(check_rng(self.random_state).integers(0, 2**63))
        held = np.zeros(N, np.bool_)
        if self.n_iter_no_change is not None:
            classes = np.unique(y, return_inverse=True)[1] if loss.link else np.zeros(N, np.int64)
            held = hold_out(classes, self.validation_fraction, np.random.default_rng(seed))
            if not held.any():
                raise ValueError(
                    f"n_iter_no_change={self.n_iter_no_change} needs rows to hold out, but every class must keep one, "
                    f"and there are {N} rows. Set n_iter_no_change=None."
                )
        rows = ~held if held.any() else slice(None)  # no copy of all rows
        X_train, weights = X[rows], s if s is None else s[rows]
        init = self.init_ if first else self._fit_init(X_train, y[rows], T[:, rows], weights, unit, loss)
        del y  # as many numbers as rows, of no more use

        def points(X: FloatArray, rows: Any) -> Points:  # with scores that only `fit` keeps, until the first stage
            F = start(init, X, loss)
            F = scores(self.forest_, X, F) if first else F
            return Points(X, T[:, rows], s if s is None else s[rows], F)

        plan = plan._replace(limits=limits(self, len(X_train), 1.0))  # what is a share of the rows is one of these
        if self._uses_histograms(len(X_train)):
            grow = by_histograms(X_train, weights, plan, self.max_bins)
        else:
            grow = by_exact_splits(X_train, weights, plan)
        stages = range(first, self.n_estimators)
        with fit_run(self, total=len(stages), unit="tree" if J == 1 else f"{J} trees") as run:
            trees, trace = fit(
                points(X_train, rows),
                points(X[held], held) if held.any() else None,
                loss=loss,
                grow=grow,
                stages=stages,
                seed=seed,
                learning_rate=self.learning_rate,
                line_search=self.step_size == "adaptive",
                subsample=self.subsample,
                alpha=self.alpha,
                patience=self.n_iter_no_change,
                tol=self.tol,
                report=run.step,
            )
        trees = [tree._replace(weight=np.ldexp(tree.weight, unit)) for tree in trees]
        self._keep(trees, trace, init, seed, J)

    def _plan(self, N: int, D: int) -> Plan:
        """Check the parameters that all losses share."""
        for name, (kind, holds, words) in RULES.items():
            value = getattr(self, name)
            if value is None and name == "n_iter_no_change":
                continue
            if not isinstance(value, kind) or isinstance(value, (bool, np.bool_)) or not holds(value):
                raise ValueError(f"{name} must be {words}, got {value!r}.")
        rules = limits(self, N, 1.0)
        return Plan(rules, n_features(self.max_features, D), float(self.ccp_alpha))

    def _n_grown(self) -> int:
        """Stages that there are already, and that a warm start adds to."""
        if not hasattr(self, "forest_"):
            return 0
        if self.n_estimators < self.n_estimators_:
            raise ValueError(
                f"n_estimators={self.n_estimators} must be at least the {self.n_estimators_} that there are already, "
                "as warm_start is True. Raise it, or set warm_start=False."
            )
        return self.n_estimators_

    def _uses_histograms(self, N: int) -> bool:
        small = self.max_leaf_nodes is not None or (self.max_depth is not None and self.max_depth <= DEEPEST)
        return self.splits == "histogram" or (self.splits == "auto" and small and N >= MANY)

    def _fit_init(self, X: FloatArray, y: Any, T: FloatArray, s: FloatArray | None, unit: int, loss: Loss) -> Any:
        """Where the scores begin: constants (J,), or another model, fitted."""
        if self.init is None:
            return loss.start(T, s, self.alpha)
        if isinstance(self.init, str) and self.init == "zero":
            return np.zeros(len(T))
        method = "predict" if loss.link is None else "predict_proba"
        if isinstance(self.init, str) or not (hasattr(self.init, "fit") and hasattr(self.init, method)):
            raise ValueError(f"init must be None, 'zero' or a model with fit and {method}, got {self.init!r}.")
        init = clone(self.init)
        if s is None:
            return init.fit(X, y)
        if "sample_weight" not in inspect.signature(init.fit).parameters:
            raise ValueError(
                f"The initial estimator {type(init).__name__} does not support sample weights. Fit without them, or "
                "take another."
            )
        return init.fit(X, y, sample_weight=np.ldexp(s, unit))

    def _keep(self, trees: list[Tree], trace: Trace, init: Any, seed: int, J: int) -> None:
        """Store what was learnt, behind what there was."""
        forest = forest_prediction.stack(trees)
        known = hasattr(self, "forest_")
        found = {"loss_": trace.loss, "train_score_": trace.in_bag}
        if trace.held_out:
            found["validation_loss_"] = trace.held_out
        if trace.out_of_bag:
            found |= {"oob_scores_": trace.out_of_bag, "oob_improvement_": trace.improvement}
            self.oob_score_ = trace.out_of_bag[-1]
        for name, losses in found.items():
            before = getattr(self, name, [])
            losses = losses[1:] if len(before) and name in ("loss_", "validation_loss_") else losses
            setattr(self, name, np.append(before, losses))
        self.forest_ = forest_prediction.join(self.forest_, forest) if known else forest
        self.init_, self.seed_ = init, seed
        self.n_estimators_ = (len(self.forest_.roots) - 1) // J

    def _loss(self) -> Loss:
        """The loss, by the parameter and the classes."""
        raise NotImplementedError(f"{type(self).__name__} must define _loss.")

    def _scores(self, X: Any) -> FloatArray:
        from pellucid_trees.gradient_boosting import scores

        X = self._check_X(X, allow_nan=True)
        return scores(self.forest_, X, start(self.init_, X, self._loss()))

    def _staged(self, X: Any) -> Iterator[FloatArray]:
        from pellucid_trees.gradient_boosting import staged_scores

        X = self._check_X(X, allow_nan=True)
        return staged_scores(self.forest_, X, start(self.init_, X, self._loss()))

    def _leaves(self, X: Any) -> IndexArray:
        X = self._check_X(X, allow_nan=True)
        return forest_prediction.apply(self.forest_, X).reshape(len(X), self.n_estimators_, -1)

    @property
    def estimators_(self) -> NDArray[np.object_]:
        """The trees, as `DecisionTreeRegressor`s that predict what each adds to a score: (n_estimators_, J)."""
        self._check_fitted()
        names = DecisionTreeRegressor._parameters().keys() & self._parameters().keys() - {"random_state"}
        params = {name: getattr(self, name) for name in names}
        about = {name: value for name, value in self.get_state().items() if name in ABOUT_THE_DATA}
        models = np.empty(len(self.forest_.roots) - 1, object)
        for b in range(len(models)):
            models[b] = DecisionTreeRegressor(**params)
            models[b].set_state(about | {"tree_": forest_prediction.tree(self.forest_, b), "one_target_": True})
        return models.reshape(self.n_estimators_, -1)

    @property
    def feature_importances_(self) -> FloatArray:
        """How much of what the splits take away is due to each feature, in all 1 (0 if nothing is split): (D,)."""
        from pellucid_trees.gradient_boosting import importances

        self._check_fitted()
        return importances(self.forest_, self.n_features_in_)


class BoostingClassifier(BoostingModel, Classifier):
    """What is the same for every loss of classes."""

    classes_: NDArray[Any]
    alpha = 0.9  # of no use to these losses

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Add trees; return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
            NaN stands for a missing value.
        y : array-like of shape (N,)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When the data hold infinities, `X`, `y` and the weights do not fit together, all labels are the same, or a
            parameter is out of range.
        """
        known = self._known(X)
        X, y, weights = self._check_fit(X, y, sample_weight, min_classes=2, allow_nan=True, dtype=np.float64)
        rows, s, unit = counting(weights)
        X, y = X[rows], y[rows]
        present, y = np.unique(y, return_inverse=True)
        labels = self.classes_[present]
        if known is not None and not np.array_equal(known, labels):
            self.classes_ = known
            raise ValueError(f"warm_start adds trees for the classes {known.tolist()}, but y has {labels.tolist()}.")
        if len(labels) < 2:
            raise ValueError(
                f"{type(self).__name__} needs samples of at least 2 classes, but all weight is on one class: "
                f"{labels.tolist()!r}."
            )
        self.classes_ = labels
        K, loss = len(labels), self._loss()
        T: Any = (y == np.arange(K)[:, None]).astype(np.int8)  # (K, N)
        self._boost(X, labels[y], T if K > 2 else T[1:], s, unit, loss)
        return self

    @property
    def n_classes_(self) -> int:
        """How many classes there are."""
        self._check_fitted()
        return len(self.classes_)

    def _known(self, X: Any) -> NDArray[Any] | None:
        """The classes to which a warm start adds trees."""
        if not (self.warm_start and hasattr(self, "forest_")):
            return None
        self._check_X(X, allow_nan=True)
        return self.classes_

    def _loss(self) -> Loss:
        """The loss for these classes."""
        K = len(self.classes_)
        if self.loss not in ("log_loss", "exponential"):
            raise ValueError(f"loss must be 'log_loss' or 'exponential', got {self.loss!r}.")
        if self.loss == "exponential" and K > 2:
            raise ValueError(f"loss='exponential' is for two classes, and there are {K}. Take loss='log_loss'.")
        return LOSSES["multinomial" if K > 2 else self.loss]

    def decision_function(self, X: Any) -> FloatArray:
        """Return the scores of each row of X (N, D): of `classes_[1]` for two classes (N,), else of all (N, K)."""
        return shown(self._scores(X))

    def staged_decision_function(self, X: Any) -> Iterator[FloatArray]:
        """Return an iterator over the scores after each stage."""
        return (shown(F) for F in self._staged(X))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of each row of X (N, D): an array (N, K)."""
        F = self._scores(X)
        return self._probability(F)

    def staged_predict_proba(self, X: Any) -> Iterator[FloatArray]:
        """Return an iterator over the probabilities after each stage."""
        return (self._probability(F) for F in self._staged(X))

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Return the log probabilities of each row of X (N, D), -inf for 0: an array (N, K)."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each row of X (N, D), the first of several: an array (N,)."""
        F = self._scores(X)
        return self._label(F)

    def staged_predict(self, X: Any) -> Iterator[NDArray[Any]]:
        """Return an iterator over the labels after each stage."""
        return (self._label(F) for F in self._staged(X))

    def apply(self, X: Any) -> IndexArray:
        """Return the leaf of each row of X (N, D) in each tree, by its number there: (N, n_estimators_, J)."""
        return self._leaves(X)

    def _probability(self, F: FloatArray) -> FloatArray:
        return np.ascontiguousarray(self._loss().probability(F).T)

    def _label(self, F: FloatArray) -> NDArray[Any]:
        best = (F[0] > 0).astype(np.int64) if len(F) == 1 else F.argmax(axis=0)
        labels: NDArray[Any] = self.classes_[best]
        return labels


class BoostingRegressor(BoostingModel, Regressor):
    """What is the same for every loss of numbers."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Add trees; return the model.

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
        if self.warm_start and hasattr(self, "forest_"):
            self._check_X(X, allow_nan=True)
        X, y, weights = self._check_fit(X, y, sample_weight, allow_nan=True, dtype=np.float64)
        rows, s, unit = counting(weights)
        X, y = X[rows], y[rows]
        self._boost(X, y, y[None], s, unit, self._loss())
        return self

    def _loss(self) -> Loss:
        """The loss."""
        if self.loss not in ("squared_error", "absolute_error", "huber", "quantile"):
            raise ValueError(
                f"loss must be 'squared_error', 'absolute_error', 'huber' or 'quantile', got {self.loss!r}."
            )
        return LOSSES[self.loss]

    def predict(self, X: Any) -> FloatArray:
        """Return the predicted target of each row of X (N, D): an array (N,)."""
        predicted: FloatArray = self._scores(X)[0]
        return predicted

    def staged_predict(self, X: Any) -> Iterator[FloatArray]:
        """Return an iterator over the predictions after each stage."""
        return (F[0] for F in self._staged(X))

    def apply(self, X: Any) -> IndexArray:
        """Return the leaf of each row of X (N, D) in each tree, by its number there: (N, n_estimators_)."""
        return self._leaves(X)[:, :, 0]
