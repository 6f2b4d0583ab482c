"""Gradient boosting: a sum of small trees, each of which goes a step downhill from where the sum so far has come to.

A score F(x) is to make the mean loss small, Σₙ sₙ L(yₙ, F(xₙ)) / Σₙ sₙ, where sₙ is how much point n counts. At the
points themselves that would be easy: N numbers Fₙ, to be moved against the gradient of the loss until it is smallest.
But F is wanted at other points too. So every step is taken by a tree, which is a function of x: it is fitted to the
downhill direction at the points, and so says what to do between them.

Begin with the best constant, F₀ = argmin_c Σₙ sₙ L(yₙ, c), or with what another model says. Then for m = 1, 2, ..., M

    gₙ = −∂L(yₙ, F) / ∂F   at F = Fₘ₋₁(xₙ)                                     (1)
    R₁, R₂, ... = the leaves of a tree that fits the gₙ by least squares        (2)
    γᵢ = argmin_γ Σ_{n: xₙ ∈ Rᵢ} sₙ L(yₙ, Fₘ₋₁(xₙ) + γ)                         (3)
    Fₘ(x) = Fₘ₋₁(x) + ν γᵢ   for x ∈ Rᵢ                                        (4)

For the squared error gₙ is the residual yₙ − Fₘ₋₁(xₙ), and γᵢ the mean of the residuals in the leaf, which the tree
says anyway. For other losses (3) searches along the line for each leaf: the direction is right on average, but its
length is not. boosting_losses.py has the gradients, and (3) for each loss. Without the search, by constant steps, the
leaf says the mean of its gₙ:

    γᵢ = Σ_{n: xₙ ∈ Rᵢ} sₙ gₙ / Σ_{n: xₙ ∈ Rᵢ} sₙ                               (5)

K > 2 classes have a score each. A stage m is then K trees, all from the same Fₘ₋₁.

Shrinkage.  The learning rate ν < 1 takes only a part of each step. It then takes more trees to come as low, but they
are different ones, and on new points the sum of many small steps is nearly always better than that of a few large ones.

Chance.  If each tree sees only a random subset of ηN points, drawn without replacement, it is found faster, trees are
less alike, and the set O of the points left out shows what the stage is worth for new ones:

    improvementₘ = c Σ_{n∈O} sₙ (L(yₙ, Fₘ₋₁(xₙ)) − L(yₙ, Fₘ(xₙ))) / Σ_{n∈O} sₙ  (6)

When to stop.  The loss of the points that the trees are fitted to keeps falling. That of points held out falls and then
rises. Boosting may end when a stage is less than τ below even the highest of the k before it,

    lossₘ + τ ≥ max(lossₘ₋₁, ..., lossₘ₋ₖ)                                      (7)

Importance.  What a feature is worth is the squared error (of g) that the splits by it have taken away, in all trees,

    importance(d) ∝ Σ_{nodes that ask about d} W Δ / Wʳᵒᵒᵗ                       (8)

with W and Δ as in decision_tree.py; importances are made to sum to 1.

Symbols
-------
    paper    code           shape    meaning
    xₙ, yₙ   X, T           (N, D)   data; targets (J, N), a row for each score: J = 1, or K for K > 2 classes
    sₙ       s              (N,)     how much each point counts, more than 0; None: all the same
    F        F              (J, N)   scores
    gₙ       G              (J, N)   downhill direction
    Rᵢ       leaf           (N,)     which leaf each point is in
    γᵢ       gamma          (M,)     step of each node of the tree
    ν        learning_rate  scalar   the share of the step that is taken
    ηN, O    rows, O        (n,)     points that a stage's trees are grown from, None: all; the others
    loss     mean_loss      scalar   weighted mean of c L, with the c of `Loss.factor`
    k, τ     patience, tol  scalar   when to stop

Cost: M J times that of a tree: O(N D) a level by histograms, after sorting once; memory O(N (D + J)) and the trees.

References
----------
    Friedman (2001), "Greedy function approximation: a gradient boosting machine": algorithm 1 is (1)-(4), sec. 5 ν.
    Friedman (2002), "Stochastic gradient boosting": random subsets.
    Ridgeway (2007), "Generalized boosted models: a guide to the gbm package": out-of-bag improvements, (6).
    Hastie, Tibshirani & Friedman (2009), ESL, ch. 10: algorithm 10.3; (8) is its 10.43.
Differs from them: points have weights; classes' steps are those of boosting_losses.py; (7) is scikit-learn's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees import forest_prediction
from pellucid_trees.boosting_losses import Leaves, Loss, mean
from pellucid_trees.boosting_model import BoostingClassifier, BoostingRegressor
from pellucid_trees.forest_prediction import Forest
from pellucid_trees.impurity import check_measurable
from pellucid_trees.tree import Tree, apply

Rows = IndexArray | None  # None: all
Grow = Callable[[FloatArray, Rows, np.random.Generator], tuple[Tree, IndexArray]]


class Points(NamedTuple):
    """Points, and the scores that they have."""

    X: FloatArray  # (N, D)
    T: FloatArray  # (J, N)
    s: FloatArray | None  # (N,)
    F: FloatArray  # (J, N)


class Trace(NamedTuple):
    """Mean losses after each stage; of all points and of those held out also before the first one."""

    loss: list[float]  # (M + 1,) of the points that trees are fitted to
    held_out: list[float]  # (M + 1,), or () if there are none
    in_bag: list[float]  # (M,) of the points that the stage's trees were grown from
    out_of_bag: list[float]  # (M,) of the others, or () if there are none
    improvement: list[float]  # (M,) or ()


# -- the algorithm -------------------------------------------------------------------------------------------------


def stage(
    points: Points,
    rows: Rows,
    *,
    loss: Loss,
    a: float,
    grow: Grow,
    learning_rate: float,
    line_search: bool,
    rng: np.random.Generator,
) -> tuple[list[Tree], FloatArray]:
    """A tree for each score, and the scores with them: -> J trees, (J, N).

    The trees are grown from some rows; `grow(g, rows, rng)` gives one, and the leaf that every row is in.
    """
    _, T, s, F = points
    G = loss.downhill(T, F, a)  # (J, N)                                                             (1)
    check_finite(G, learning_rate)
    bag = slice(None) if rows is None else rows
    trees, F_next = [], F.copy()
    for j, g in enumerate(G):
        tree, leaf = grow(g, rows, rng)  # leaf is (N,)                                              (2)
        there = Leaves(T[j, bag], F[j, bag], g[bag], None if s is None else s[bag], leaf[bag], len(tree.left))
        if line_search:
            gamma = loss.step(there, a, len(G))  # (M,)                                              (3)
        else:
            gamma = mean(there.g, there.s, there.leaf, there.M)  # (M,)                              (5)
        tree = tree._replace(value=learning_rate * gamma[:, None])
        F_next[j] += tree.value.take(leaf)  #                                                        (4)
        trees.append(tree)
    check_finite(F_next, learning_rate)
    return trees, F_next


def check_finite(numbers: FloatArray, learning_rate: float) -> None:
    """Raise where steps have grown until there are no numbers for them."""
    if not np.isfinite(numbers).all():
        raise ValueError(
            f"The scores overflow: with learning_rate={learning_rate} they grow from stage to stage, or the targets "
            "are too large from the start. Lower it, or divide y by its largest value."
        )


def subset(N: int, subsample: float, rng: np.random.Generator) -> Rows:
    """The rows that a stage's trees are grown from, in order."""
    if subsample == 1:
        return None
    return np.sort(rng.permutation(N)[: max(1, int(subsample * N))])


def mean_loss(loss: Loss, losses: FloatArray, s: FloatArray | None, rows: Any = slice(None)) -> float:
    """c times the weighted mean loss of some rows, NaN if there are none: _, (J, N), (N,), _ -> ()."""
    each = losses[:, rows].sum(axis=0)
    return loss.factor * float(np.average(each, weights=None if s is None else s[rows])) if len(each) else np.nan


def has_settled(losses: list[float], patience: int, tol: float) -> bool:
    """Whether the last stage's loss is not lower than that of any before it; the first one is before all stages."""
    *before, last = losses[1:]
    return len(before) >= patience and last + tol >= max(before[-patience:])  #                      (7)


def fit(
    train: Points,
    held_out: Points | None = None,
    *,
    loss: Loss,
    grow: Grow,
    stages: range,
    seed: int,
    learning_rate: float = 0.1,
    line_search: bool = True,
    subsample: float = 1.0,
    alpha: float = 0.9,
    patience: int | None = None,
    tol: float = 1e-4,
    report: Callable[..., bool] | None = None,
) -> tuple[list[Tree], Trace]:
    """Add trees to the scores that the points have. Return all of them, those of a stage together, and the trace.

    Each stage has random numbers of its own, so that some may be added later. Calls `report(loss=...)` after each, and
    ends when that returns True.
    """
    X, T, s, F = train
    del train  # of (J, N) numbers no more are kept than are needed
    with np.errstate(over="ignore"):  # where squares overflow, the loss is infinite
        a = loss.parameter(T, F, s, alpha)
        losses = loss.value(T, F, a)
        trees, trace = [], Trace([mean_loss(loss, losses, s)], [], [], [], [])
        if held_out is not None:
            trace.held_out.append(mean_loss(loss, loss.value(held_out.T, held_out.F, a), held_out.s))
        for m in stages:
            del losses
            rng = np.random.default_rng([seed, m])
            rows = subset(len(X), subsample, rng)
            a = loss.parameter(T, F, s, alpha)
            new, F_next = stage(
                Points(X, T, s, F),
                rows,
                loss=loss,
                a=a,
                grow=grow,
                learning_rate=learning_rate,
                line_search=line_search,
                rng=rng,
            )
            trees += new
            losses = loss.value(T, F_next, a)
            trace.loss.append(mean_loss(loss, losses, s))
            trace.in_bag.append(trace.loss[-1] if rows is None else mean_loss(loss, losses, s, rows))
            if rows is not None:
                O = np.delete(np.arange(len(X)), rows)
                trace.out_of_bag.append(mean_loss(loss, losses, s, O))
                before = mean_loss(loss, loss.value(T, F, a), s, O)
                trace.improvement.append(before - trace.out_of_bag[-1])  #                               (6)
            F, metrics = F_next, {"loss": trace.loss[-1]}
            if held_out is not None:
                added = np.array([tree.value.take(apply(tree, held_out.X)) for tree in new])  # (J, n)
                held_out = held_out._replace(F=held_out.F + added)
                trace.held_out.append(mean_loss(loss, loss.value(held_out.T, held_out.F, a), held_out.s))
                metrics["validation_loss"] = trace.held_out[-1]
            if report is not None and report(**metrics):
                break
            if patience is not None and has_settled(trace.held_out, patience, tol):
                break
    return trees, trace


def scores(forest: Forest, X: FloatArray, F: FloatArray) -> FloatArray:
    """F with all trees, from where scores begin: _, (N, D), (J, N) -> (J, N)."""
    F = F.copy()
    for rows, first, leaves in forest_prediction.blocks(forest, X):
        for b, leaf in enumerate(leaves, start=first):
            F[b % len(F), rows] += forest.value.take(leaf)  #                                        (4)
    return F


def staged_scores(forest: Forest, X: FloatArray, F: FloatArray) -> Iterator[FloatArray]:
    """F after each stage, one after the other."""
    J, X = len(F), np.ascontiguousarray(X)
    row, tree = np.tile(np.arange(len(X)), J), np.repeat(np.arange(J), len(X))
    for b in range(0, len(forest.roots) - 1, J):
        leaf = forest_prediction.descend(forest, X, b + tree, row)
        F = F + forest.value.take(leaf).reshape(F.shape)  #                                          (4)
        yield F


def importances(forest: Forest, D: int) -> FloatArray:
    """The share of each feature in what all splits take away, zeros if there is none: _, _ -> (D,)."""
    sizes, first = np.diff(forest.roots), forest.roots[:-1]
    check_measurable(forest.impurity[first[sizes > 1]])
    W_root = np.repeat(forest.weight[first], sizes)
    mass = forest.weight * forest.impurity / W_root
    inner = np.flatnonzero(forest.feature >= 0)
    child = forest.child[inner]
    taken = mass[inner] - mass[child] - mass[child + 1]
    # mutate: factor equivalent because only shares are returned
    total = np.bincount(forest.feature[inner], taken, D)  #                                          (8)
    return total / total.sum() if total.sum() > 0 else np.zeros(D)


# -- estimators ----------------------------------------------------------------------------------------------------


class GradientBoostingClassifier(BoostingClassifier):
    """Gradient boosting for two or more classes.

    Parameters
    ----------
    loss : "log_loss" or "exponential"
        What is made small: the log-loss, or for two classes the exponential loss of AdaBoost. See boosting_losses.py.
    learning_rate : float
        ν, the share of each step that is taken.
    n_estimators : int
        The number of stages: trees, or as many trees as classes where these are more than two.
    subsample : float
        The share of the points that each tree is grown from, drawn anew without replacement.
    min_samples_split : int or float
        Points that a node needs to be split; a float is a share of the rows.
    min_samples_leaf : int or float
        Points that each child must have; a float is a share of the rows.
    min_weight_fraction_leaf : float
        What a child's points must weigh, as a share of the weight of all points of the tree.
    max_depth : int, optional
        The most questions before a leaf.
    min_impurity_decrease : float
        What a split must bring, by (3) of decision_tree.py.
    init : None, "zero" or a model
        Where scores begin: at the best constant, at 0, or at what another model predicts, which is cloned and fitted.
    random_state : None, int or numpy.random.Generator
        For `subsample`, `max_features` and `n_iter_no_change`. Nothing else is random.
    max_features : int, float, "sqrt", "log2" or None
        How many random features each node tries, all with None; more where those are constant.
    max_leaf_nodes : int, optional
        The most leaves of a tree. The splits that gain most come first.
    warm_start : bool
        Whether `fit` adds stages to those of the fit before, up to `n_estimators`.
    validation_fraction : float
        The share of the rows that is held out, with `n_iter_no_change`.
    n_iter_no_change : int, optional
        End when the loss of the points held out is no lower than any of so many before it. None holds out none.
    tol : float
        By how much it must be lower.
    ccp_alpha : float
        The price of a leaf, for which pruning takes back splits that are not worth it. See pruning.py.
    splits : "auto", "exact" or "histogram"
        Whether every threshold is tried, or only those between at most `max_bins` bins of each feature, which is much
        faster for many rows. "auto" takes histograms from 10,000 rows on, for trees of at most 10 levels or of
        `max_leaf_nodes`.
    max_bins : int
        Bins of a feature, at most 255. A feature with no more different values loses nothing.
    step_size : "adaptive" or "constant"
        Whether the step of each leaf is searched along the line for the lowest loss, by (3), or is the mean of its
        gradients, by (5).

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    n_classes_ : int
        K.
    n_estimators_ : int
        Stages done.
    loss_ : ndarray of shape (n_estimators_ + 1,)
        Mean loss of the points that the trees are fitted to: before the first stage and after each. For two
        classes it is twice the log-loss.
    train_score_ : ndarray of shape (n_estimators_,)
        The same after each stage, with `subsample` below 1 of the points that its trees were grown from.
    validation_loss_ : ndarray of shape (n_estimators_ + 1,)
        As `loss_`, of the points held out. Only with `n_iter_no_change`.
    oob_improvement_, oob_scores_ : ndarray of shape (n_estimators_,)
        By how much each stage lowered the mean loss of the points that it has not seen, and that loss after it. Only
        with `subsample` below 1, as is `oob_score_`, the last of the scores.
    feature_importances_ : ndarray of shape (D,)
        The share of each feature in what the splits take away.
    init_ : ndarray of shape (J,), or the fitted model
        Where scores begin; J = 1, or the number of classes where these are more than two.
    estimators_ : ndarray of shape (n_estimators_, J)
        The trees, as `DecisionTreeRegressor`s that predict what is added to a score, `learning_rate` included.
    forest_ : Forest
        The same as arrays; see forest_prediction.py.
    seed_ : int
        From which the random numbers of every stage follow.

    Notes
    -----
    The parameters are scikit-learn's, without `verbose` and `criterion`: listeners hear of each stage, and the squared
    error is the only criterion. With exact splits the trees are scikit-learn's too, but for ties. Rows of weight 0
    count as if they were not there, and so does a class that has no others.

    References
    ----------
    Friedman (2001), "Greedy function approximation: a gradient boosting machine".

    Examples
    --------
    >>> model = GradientBoostingClassifier(n_estimators=20).fit([[0], [1], [2], [3]], ["no", "yes", "yes", "no"])
    >>> model.predict([[0.2], [1.4], [2.7]]).tolist()
    ['no', 'yes', 'no']
    """

    def __init__(
        self,
        *,
        loss: str = "log_loss",
        learning_rate: float = 0.1,
        n_estimators: int = 100,
        subsample: float = 1.0,
        min_samples_split: Any = 2,
        min_samples_leaf: Any = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_depth: int | None = 3,
        min_impurity_decrease: float = 0.0,
        init: Any = None,
        random_state: Any = None,
        max_features: Any = None,
        max_leaf_nodes: int | None = None,
        warm_start: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = None,
        tol: float = 1e-4,
        ccp_alpha: float = 0.0,
        splits: str = "auto",
        max_bins: int = 255,
        step_size: str = "adaptive",
    ) -> None:
        self.loss = loss
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.subsample = subsample
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_depth = max_depth
        self.min_impurity_decrease = min_impurity_decrease
        self.init = init
        self.random_state = random_state
        self.max_features = max_features
        self.max_leaf_nodes = max_leaf_nodes
        self.warm_start = warm_start
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.ccp_alpha = ccp_alpha
        self.splits = splits
        self.max_bins = max_bins
        self.step_size = step_size


class GradientBoostingRegressor(BoostingRegressor):
    """Gradient boosting for numbers.

    Parameters
    ----------
    loss : "squared_error", "absolute_error", "huber" or "quantile"
        What is made small. See boosting_losses.py.
    learning_rate : float
        ν, the share of each step that is taken.
    n_estimators : int
        The number of stages: trees, or as many trees as classes where these are more than two.
    subsample : float
        The share of the points that each tree is grown from, drawn anew without replacement.
    min_samples_split : int or float
        Points that a node needs to be split; a float is a share of the rows.
    min_samples_leaf : int or float
        Points that each child must have; a float is a share of the rows.
    min_weight_fraction_leaf : float
        What a child's points must weigh, as a share of the weight of all points of the tree.
    max_depth : int, optional
        The most questions before a leaf.
    min_impurity_decrease : float
        What a split must bring, by (3) of decision_tree.py.
    init : None, "zero" or a model
        Where scores begin: at the best constant, at 0, or at what another model predicts, which is cloned and fitted.
    random_state : None, int or numpy.random.Generator
        For `subsample`, `max_features` and `n_iter_no_change`. Nothing else is random.
    max_features : int, float, "sqrt", "log2" or None
        How many random features each node tries, all with None; more where those are constant.
    alpha : float
        For "huber", the share of the points whose error counts squared; for "quantile", which quantile is predicted.
    max_leaf_nodes : int, optional
        The most leaves of a tree. The splits that gain most come first.
    warm_start : bool
        Whether `fit` adds stages to those of the fit before, up to `n_estimators`.
    validation_fraction : float
        The share of the rows that is held out, with `n_iter_no_change`.
    n_iter_no_change : int, optional
        End when the loss of the points held out is no lower than any of so many before it. None holds out none.
    tol : float
        By how much it must be lower.
    ccp_alpha : float
        The price of a leaf, for which pruning takes back splits that are not worth it. See pruning.py.
    splits : "auto", "exact" or "histogram"
        Whether every threshold is tried, or only those between at most `max_bins` bins of each feature, which is much
        faster for many rows. "auto" takes histograms from 10,000 rows on, for trees of at most 10 levels or of
        `max_leaf_nodes`.
    max_bins : int
        Bins of a feature, at most 255. A feature with no more different values loses nothing.
    step_size : "adaptive" or "constant"
        Whether the step of each leaf is searched along the line for the lowest loss, by (3), or is the mean of its
        gradients, by (5).

    Attributes
    ----------
    n_estimators_ : int
        Stages done.
    loss_ : ndarray of shape (n_estimators_ + 1,)
        Mean loss of the points that the trees are fitted to: before the first stage and after each. The mean
        squared error, where that is the loss.
    train_score_ : ndarray of shape (n_estimators_,)
        The same after each stage, with `subsample` below 1 of the points that its trees were grown from.
    validation_loss_ : ndarray of shape (n_estimators_ + 1,)
        As `loss_`, of the points held out. Only with `n_iter_no_change`.
    oob_improvement_, oob_scores_ : ndarray of shape (n_estimators_,)
        By how much each stage lowered the mean loss of the points that it has not seen, and that loss after it. Only
        with `subsample` below 1, as is `oob_score_`, the last of the scores.
    feature_importances_ : ndarray of shape (D,)
        The share of each feature in what the splits take away.
    init_ : ndarray of shape (1,), or the fitted model
        Where predictions begin.
    estimators_ : ndarray of shape (n_estimators_, 1)
        The trees, as `DecisionTreeRegressor`s that predict what is added to the prediction, `learning_rate` included.
    forest_ : Forest
        The same as arrays; see forest_prediction.py.
    seed_ : int
        From which the random numbers of every stage follow.

    Notes
    -----
    The parameters are scikit-learn's, without `verbose` and `criterion`: listeners hear of each stage, and the squared
    error is the only criterion. With exact splits the trees are scikit-learn's too, but for ties: where many numbers
    are medians or quantiles the middle one is taken and not the lowest, and at a point that is hit exactly the slope of
    an absolute error or a quantile loss is 0. Rows of weight 0 count as if they were not there.

    References
    ----------
    Friedman (2001), "Greedy function approximation: a gradient boosting machine".

    Examples
    --------
    >>> model = GradientBoostingRegressor(learning_rate=0.5, n_estimators=30).fit([[0], [1], [2], [3]], [1, 4, 2, 8])
    >>> model.predict([[0.2], [1.4], [2.7]]).round(3)
    array([1., 4., 8.])
    """

    def __init__(
        self,
        *,
        loss: str = "squared_error",
        learning_rate: float = 0.1,
        n_estimators: int = 100,
        subsample: float = 1.0,
        min_samples_split: Any = 2,
        min_samples_leaf: Any = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_depth: int | None = 3,
        min_impurity_decrease: float = 0.0,
        init: Any = None,
        random_state: Any = None,
        max_features: Any = None,
        alpha: float = 0.9,
        max_leaf_nodes: int | None = None,
        warm_start: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = None,
        tol: float = 1e-4,
        ccp_alpha: float = 0.0,
        splits: str = "auto",
        max_bins: int = 255,
        step_size: str = "adaptive",
    ) -> None:
        self.loss = loss
        self.learning_rate = learning_rate
        self.n_estimators = n_estimators
        self.subsample = subsample
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_depth = max_depth
        self.min_impurity_decrease = min_impurity_decrease
        self.init = init
        self.random_state = random_state
        self.max_features = max_features
        self.alpha = alpha
        self.max_leaf_nodes = max_leaf_nodes
        self.warm_start = warm_start
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.ccp_alpha = ccp_alpha
        self.splits = splits
        self.max_bins = max_bins
        self.step_size = step_size
