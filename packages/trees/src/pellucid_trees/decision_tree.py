"""Decision tree (CART): questions about single features, one after the other, until the targets are nearly alike.

Every node of the tree asks whether one feature is at most a threshold, and sends a point to its left child if it is and
to its right child if not. A point that arrives at a leaf, which asks nothing, gets the leaf's value as its prediction.
Growing is greedy: each node takes the question that makes its two children least mixed, and each child does the same
with its own points. Between two values of a feature all thresholds divide the points alike, so one is enough:

    τ = (x₍ᵢ₎ + x₍ᵢ₊₁₎) / 2,   x₍ᵢ₎ < x₍ᵢ₊₁₎ next to each other in order      (1)

Points without a value for the feature go left or right together, whichever is better; and "is there a value?" is a
question too, τ = ∞. With i for the impurity of the points at a node and W for their weight, a question is worth

    Δ = i − (Wᴸ iᴸ + Wᴿ iᴿ) / W                                                (2)

which is never negative for the criteria of impurity.py. The largest wins; of equal ones the first feature's, and its
smallest threshold. A node stays a leaf when its points are alike, when no question parts them, at the depth that is
allowed, with fewer points than a split needs, or when the best question does not bring what it must:

    (W / Wʳᵒᵒᵗ) Δ ≥ min_impurity_decrease                                      (3)

A question worth nothing is asked all the same, as the ones after it may be worth much: of two features that decide only
together neither is of any use alone. What a feature is worth is the sum of (3) over the nodes that ask about it,

    importance(d) = Σ_{nodes that ask about d} W Δ  /  Σ_{all nodes} W Δ       (4)

Symbols
-------
    paper   code         shape    meaning
    x       X            (N, D)   data, one row per point, NaN for a missing value
    y       Y            (N, K)   targets; for classes a column each, 1 for the point's own
    W       weights      (N,)     how much each point counts; W is their sum at a node
    τ       threshold    scalar   x ≤ τ goes left
    i       impurity     scalar   how mixed a node is, by impurity.py
    Δ       decrease     scalar   by a split

Cost: O(N² D depth) time as written here, to be read. level_wise.py grows the same tree in O(N D depth) after sorting,
and knows further ways: random features, random thresholds, a limited number of leaves, constraints.

References
----------
    Breiman, Friedman, Olshen & Stone (1984), "Classification and regression trees": the method, and importances.
    Hastie, Tibshirani & Friedman (2009), ESL, sec. 9.2: (2), as the sum of the children's impurities; 10.13.1: (4).
Differs from them: missing values are sent to a side instead of asking about another feature in their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pellucid import Classifier, Regressor
from pellucid.validation import FloatArray
from pellucid_trees.impurity import CRITERIA, check_measurable, negligible
from pellucid_trees.limits import UNLIMITED, Limits
from pellucid_trees.tree import Tree as Tree
from pellucid_trees.tree_model import DecisionTree

TIE = 1e-12  # shares of a node's impurity that differ by less are equal: sums in another order differ that much


def questions(x: FloatArray) -> Iterator[tuple[float, bool]]:
    """Every threshold between a feature's values x (N,), and whether missing ones go left."""
    missing = np.isnan(x)
    values = np.unique(x[~missing])
    for missing_left in (False, True) if missing.any() else (False,):
        for low, high in zip(values, values[1:]):
            middle = low / 2 + high / 2  #                                      (1)
            yield float(middle if middle < high else low), missing_left  # never the upper one, however close they are
        if missing.any() and len(values) and not missing_left:
            yield np.inf, False


class Question(NamedTuple):
    decrease: float
    feature: int
    threshold: float
    missing_left: bool
    goes_left: NDArray[np.bool_]  # (N,)


def best_question(
    X: FloatArray, Y: FloatArray, weights: FloatArray, limits: Limits, *, criterion: str
) -> Question | None:
    """The best question about these points, None where none may be asked: (N, D), (N, K), (N,), _ -> _."""
    centre, measure, _ = CRITERIA[criterion]
    i, W = measure(Y, weights, centre(Y, weights)), weights.sum()
    found = []
    for feature, x in enumerate(X.T):
        for threshold, missing_left in questions(x):
            goes_left = np.where(np.isnan(x), missing_left, x <= threshold)
            sides = [(Y[side], weights[side]) for side in (goes_left, ~goes_left)]
            if all(len(w) >= limits.min_samples_leaf and w.sum() >= limits.min_weight_leaf for _, w in sides):
                rest = sum(w.sum() * measure(y, w, centre(y, w)) for y, w in sides)
                decrease = i - rest / W  #                                      (2)
                found.append(Question(max(decrease, 0.0), feature, threshold, missing_left, goes_left))
    most = max((question.decrease for question in found), default=0.0)
    return next((question for question in found if question.decrease >= most - TIE * i), None)


def grow(
    X: FloatArray,
    Y: FloatArray,
    weights: FloatArray,
    limits: Limits = UNLIMITED,
    *,
    criterion: str = "gini",
    depth: int = 0,
    root: tuple[float, float] | None = None,
) -> Tree:
    """Grow a tree: (N, D), (N, K), (N,) -> _.

    For a branch of a tree, `depth` says where it begins, and `root` the weight and the impurity of the whole tree.
    """
    centre, measure, _ = CRITERIA[criterion]
    value, N, W = centre(Y, weights), len(Y), float(weights.sum())
    i = measure(Y, weights, value)
    leaf = Tree.leaf(value, i, N, W)
    W_root, whole = root or (W, i)
    if depth == limits.max_depth or N < limits.min_samples_split or i <= negligible(criterion, value, whole):
        return leaf
    best = best_question(X, Y, weights, limits, criterion=criterion)
    if best is None:
        return leaf
    # mutate: boundary equivalent because with TIE it does not matter on which side of it a decrease is
    if W / W_root * (best.decrease + TIE * i) < limits.min_impurity_decrease:  # (3)
        return leaf
    missing_left = best.missing_left
    if not np.isnan(X[:, best.feature]).any():
        missing_left = bool(2 * np.count_nonzero(best.goes_left) > N)  # with the many, as there are none to learn from
    left, right = (
        grow(X[side], Y[side], weights[side], limits, criterion=criterion, depth=depth + 1, root=(W_root, whole))
        for side in (best.goes_left, ~best.goes_left)
    )
    return leaf.split(best.feature, best.threshold, missing_left, left, right)


def importances(tree: Tree, D: int) -> FloatArray:
    """How much of the decrease of impurity each feature brings about: _, _ -> (D,)."""
    inner = np.flatnonzero(tree.left >= 0)
    if not len(inner):
        return np.zeros(D)
    check_measurable(tree.impurity[:1])
    mass = (tree.weight / tree.weight[0]) * (tree.impurity / tree.impurity[0])  # W i, in units that do not overflow
    decrease = mass[inner] - mass[tree.left[inner]] - mass[tree.right[inner]]
    by_feature = np.bincount(tree.feature[inner], decrease, D)
    total = by_feature.sum()
    return by_feature / total if total > 0 else np.zeros(D)  #                  (4)


# -- estimators ----------------------------------------------------------------------------------------------------


class DecisionTreeClassifier(DecisionTree, Classifier):
    """A decision tree for classes.

    Parameters
    ----------
    criterion : "gini", "entropy" or "log_loss"
        How mixed a node is; the last two are the same. See impurity.py.
    splitter : "best" or "random"
        Whether the best threshold of each feature is tried, or one at random.
    max_depth : int, optional
        The most questions before a leaf.
    min_samples_split : int or float
        Points that a node needs to be split; a float is a share of the rows.
    min_samples_leaf : int or float
        Points that each child must have; a float is a share of the rows.
    min_weight_fraction_leaf : float
        What a child's points must weigh, as a share of the weight of all.
    max_features : int, float, "sqrt", "log2" or None
        How many random features each node tries, all with None; more where those are constant.
    random_state : None, int or numpy.random.Generator
        For `max_features` and `splitter="random"`. Nothing else is random.
    max_leaf_nodes : int, optional
        The most leaves. The splits that gain most come first.
    min_impurity_decrease : float
        What a split must bring, by (3).
    class_weight : dict, "balanced" or None
        How much a point counts, by its label. "balanced" makes all classes count alike.
    ccp_alpha : float
        The price of a leaf, for which pruning takes back splits that are not worth it. See pruning.py.
    monotonic_cst : array-like of shape (D,), optional
        1 for a feature with which the probability of the second class may not fall, -1 where it may not rise, else 0.
        For two classes only.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    n_classes_ : int
        K.
    tree_ : Tree
        All nodes as arrays; see tree.py.
    feature_importances_ : ndarray of shape (D,)
        How much of the decrease of impurity each feature brings about.
    has_missing_ : ndarray of bool, shape (D,)
        Which features had missing values.

    Notes
    -----
    The parameters are scikit-learn's. Of questions that are worth the same the first is taken, where scikit-learn takes
    one at random; and the data are compared as they are, where scikit-learn rounds them to float32 first and takes
    values for equal that are less than 1e-7 apart. Sample weights count in what is balanced.

    Examples
    --------
    >>> model = DecisionTreeClassifier().fit([[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"])
    >>> model.predict([[0, 1], [1, 1]]).tolist()
    ['yes', 'no']
    >>> model.get_depth(), model.get_n_leaves()
    (2, 4)
    """

    def __init__(
        self,
        *,
        criterion: str = "gini",
        splitter: str = "best",
        max_depth: int | None = None,
        min_samples_split: Any = 2,
        min_samples_leaf: Any = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: Any = None,
        random_state: Any = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        class_weight: Any = None,
        ccp_alpha: float = 0.0,
        monotonic_cst: Any = None,
    ) -> None:
        self.criterion = criterion
        self.splitter = splitter
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.random_state = random_state
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.class_weight = class_weight
        self.ccp_alpha = ccp_alpha
        self.monotonic_cst = monotonic_cst

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow the tree; return the model.

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
        X, y, weights = self._check_fit(X, y, sample_weight, allow_nan=True, dtype=np.float64)
        weights = self._apply_class_weight(y, weights)
        tree = self._grow(X, y, weights, len(self.classes_))
        self.tree_, self.has_missing_ = tree, np.isnan(X.min(axis=0))
        return self

    @property
    def n_classes_(self) -> int:
        """The number of classes."""
        self._check_fitted()
        return len(self.classes_)

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the share of each class at the leaf of each row of X (N, D): an array (N, K)."""
        leaves = self.apply(X)
        return self.tree_.value.take(leaves, axis=0)

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Return the logarithm of `predict_proba`, -inf for shares of 0: an array (N, K)."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label that weighs most at the leaf of each row of X (N, D), the first of equals: an array (N,)."""
        leaves = self.apply(X)
        best: NDArray[Any] = self.classes_[self.tree_.value.argmax(axis=1).take(leaves)]
        return best

    def _class_names(self) -> list[str] | None:
        return [str(label) for label in self.classes_]


class DecisionTreeRegressor(DecisionTree, Regressor):
    """A decision tree for numbers.

    Parameters
    ----------
    criterion : "squared_error" or "absolute_error"
        How mixed a node is, and so what a leaf predicts: the mean of its targets, or their median. See impurity.py.
    splitter : "best" or "random"
        Whether the best threshold of each feature is tried, or one at random.
    max_depth : int, optional
        The most questions before a leaf.
    min_samples_split : int or float
        Points that a node needs to be split; a float is a share of the rows.
    min_samples_leaf : int or float
        Points that each child must have; a float is a share of the rows.
    min_weight_fraction_leaf : float
        What a child's points must weigh, as a share of the weight of all.
    max_features : int, float, "sqrt", "log2" or None
        How many random features each node tries, all with None; more where those are constant.
    random_state : None, int or numpy.random.Generator
        For `max_features` and `splitter="random"`. Nothing else is random.
    max_leaf_nodes : int, optional
        The most leaves. The splits that gain most come first.
    min_impurity_decrease : float
        What a split must bring, by (3).
    ccp_alpha : float
        The price of a leaf, for which pruning takes back splits that are not worth it. See pruning.py.
    monotonic_cst : array-like of shape (D,), optional
        1 for a feature with which the prediction may not fall, -1 where it may not rise, else 0. For one target only.

    Attributes
    ----------
    tree_ : Tree
        All nodes as arrays; see tree.py.
    feature_importances_ : ndarray of shape (D,)
        How much of the decrease of impurity each feature brings about.
    has_missing_ : ndarray of bool, shape (D,)
        Which features had missing values.
    one_target_ : bool
        Whether `y` was an array (N,), and so is what is predicted.

    Notes
    -----
    As for the classifier. Points with an impurity of at most 2.2e-16 are not divided any more, as in scikit-learn; but
    where the impurity of all points is less than 1, it is that share of it.

    Examples
    --------
    >>> model = DecisionTreeRegressor(max_depth=1).fit([[0], [1], [2], [3]], [1.0, 1.5, 5.0, 5.5])
    >>> model.predict([[0.4], [2.4]])
    array([1.25, 5.25])
    """

    _multi_output = True

    def __init__(
        self,
        *,
        criterion: str = "squared_error",
        splitter: str = "best",
        max_depth: int | None = None,
        min_samples_split: Any = 2,
        min_samples_leaf: Any = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: Any = None,
        random_state: Any = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        ccp_alpha: float = 0.0,
        monotonic_cst: Any = None,
    ) -> None:
        self.criterion = criterion
        self.splitter = splitter
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.random_state = random_state
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.ccp_alpha = ccp_alpha
        self.monotonic_cst = monotonic_cst

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Grow the tree; return the model.

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
        X, y, weights = self._check_fit(X, y, sample_weight, allow_nan=True, dtype=np.float64)
        tree = self._grow(X, y.reshape(len(y), -1), weights, None)
        self.tree_, self.has_missing_, self.one_target_ = tree, np.isnan(X.min(axis=0)), y.ndim == 1
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the predicted target of each row of X (N, D): an array (N,) or (N, T)."""
        leaves = self.apply(X)
        if self.one_target_:
            return self.tree_.value[:, 0].take(leaves)
        return self.tree_.value.take(leaves, axis=0)
