"""Random forest: the mean of many trees, each grown from other points and with other questions.

A deep tree fits its points closely and follows their noise; grown from other points of the same kind it would say
something else. The mean of many such trees says what they agree upon. If the predictions of B trees have the variance
σ² and any two of them the correlation ρ, their mean has the variance

    ρ σ² + (1 − ρ) σ² / B

More trees take away the second part but never the first, so the trees should be as unlike as can be while each is still
good. Two kinds of chance see to that. First, every tree has points of its own, a bootstrap sample: M times a point is
drawn from all N, and may be drawn again. Point n is drawn with a probability in proportion to how much it counts, sₙ,
and weighs in tree b as often as it was drawn there:

    m_bn = how many of M draws are n,   each with probability sₙ / Σₙ sₙ                         (1)

Second, every node of every tree may ask only about q features, drawn anew among all D, and more only where these are
constant (many_trees.py). Usual are q = √D for classes and q = D for numbers. Trees are grown until their leaves are
pure. The forest says the mean of what its trees say, for classes the mean of the shares at the leaves:

    ŷ(x) = (1/B) Σ_b h_b(x)                                                                      (2)

Out of bag.  A point is not among N draws with the probability (1 − 1/N)ᴺ ≈ 1/e, so more than a third of the trees have
never seen it. Their mean is as good as a prediction of new data, and costs no data:

    ŷₙ = Σ_b [m_bn = 0] h_b(xₙ) / Σ_b [m_bn = 0]                                                 (3)

Importance.  A tree's importances are the shares of its decrease of impurity that each feature brings about,
(4) of decision_tree.py; the forest's are their mean over the trees that have a question at all:

    I_d = mean_b importance_b(d)                                                                 (4)

They say what the trees ask about, not what a prediction needs: columns with many different values offer many thresholds
and are asked about for their noise too. `permutation_importance` asks what a shuffled column costs, which can be
measured on data that the forest has not seen.

Symbols
-------
    paper   code       shape     meaning
    x, y    X, Y       (N, D)    data, one row per point; targets (N, T), or the index of the class (N,)
    sₙ      weights    (N,)      how much each point counts
    M       n_draws    scalar    how many draws make a sample
    m_bn    counts     (B, N)    how often tree b has drawn point n
    B       n_trees    scalar    number of trees
    h_b     trees      (B,)      what a tree says: its value at the leaf of x

Cost: O(B q N log² N) time to grow balanced trees, O(B N) memory for their nodes; O(B log N) time for a prediction.

References
----------
    Breiman (2001), "Random forests": the method; (3) is its sec. 3.1.
    Breiman (1996), "Bagging predictors": (1) and (2).
    Hastie, Tibshirani & Friedman (2009), ESL, ch. 15: the variance is its 15.1, (2) its 15.2; sec. 15.3.2: (4).
Differs from them: classes by mean shares and not by votes; points with weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees import decision_tree, forest_prediction
from pellucid_trees.forest_model import ForestClassifier, ForestRegressor
from pellucid_trees.forest_prediction import Forest as Forest
from pellucid_trees.tree import Tree, apply


def bootstrap(weights: FloatArray | None, N: int, n_draws: int, *, rng: np.random.Generator) -> IndexArray:
    """How often each of N points is drawn: (N,), _, _ -> (N,)."""
    if weights is None:
        drawn = rng.integers(0, N, n_draws)
    else:
        drawn = rng.choice(N, n_draws, p=weights / weights.sum())
    counts: IndexArray = np.bincount(drawn, minlength=N)  # (N,)                                 (1)
    return counts


def fit(
    X: FloatArray,
    Y: Any,
    weights: FloatArray | None = None,
    *,
    n_trees: int,
    n_draws: int,
    grow: Callable[[FloatArray, Any, FloatArray, np.random.Generator], Tree],
    rng: np.random.Generator,
) -> tuple[list[Tree], IndexArray]:
    """Grow a forest, one tree after the other, and tell how often each tree drew each point: -> B trees, (B, N).

    `grow(X, Y, counts, rng)` grows one tree: decision_tree.grow from all features, level_wise.grow from random ones.
    The estimators below use many_trees.grow, which grows many at once.
    """
    trees, counts = [], np.zeros((n_trees, len(X)), np.int64)
    for b, child in enumerate(rng.spawn(n_trees)):
        counts[b] = bootstrap(weights, len(X), n_draws, rng=child)
        drawn = counts[b] > 0
        trees.append(grow(X[drawn], Y[drawn], counts[b][drawn].astype(np.float64), child))
    return trees, counts


def predict(trees: Sequence[Tree], X: FloatArray) -> FloatArray:
    """What the forest says of each row; forest_prediction.py has it for all trees at once: _, (N, D) -> (N, K)."""
    mean: FloatArray = np.mean([tree.value[apply(tree, X)] for tree in trees], axis=0)  # (N, K)   (2)
    return mean


def out_of_bag(forest: Forest, X: FloatArray, counts: Iterable[IndexArray]) -> FloatArray:
    """What the trees that have not drawn a point say of it, NaN where all have: _, (N, D), _ -> (N, K).

    `counts` are those of (1), tree by tree.
    """
    X = np.ascontiguousarray(X)
    total, n_trees = np.zeros((len(X), forest.value.shape[1])), np.zeros((len(X), 1))
    for b, drawn in enumerate(counts):
        rows = np.flatnonzero(drawn == 0)
        leaves = forest_prediction.descend(forest, X, np.full(len(rows), b), rows)
        total[rows] += forest.value.take(leaves, axis=0)
        n_trees[rows] += 1
    with np.errstate(invalid="ignore"):
        mean: FloatArray = total / n_trees  # (N, K)                                             (3)
    return mean


def importances(trees: Iterable[Tree], D: int) -> FloatArray:
    """What share of the decrease of impurity each of D features brings about; 0 if no tree asks anything: -> (D,)."""
    each = [decision_tree.importances(tree, D) for tree in trees]
    mean: FloatArray = np.mean([one for one in each if one.any()] or [np.zeros(D)], axis=0)  #   (4)
    return mean


# -- estimators ----------------------------------------------------------------------------------------------------


class RandomForestClassifier(ForestClassifier):
    """A random forest for classes.

    Parameters
    ----------
    n_estimators : int
        How many trees.
    criterion : "gini", "entropy" or "log_loss"
        How mixed a node is; the last two are the same. See impurity.py.
    max_depth : int, optional
        The most questions before a leaf.
    min_samples_split : int or float
        Different points that a node needs to be split; a float is a share of the rows.
    min_samples_leaf : int or float
        Different points that each child must have; a float is a share of the rows.
    min_weight_fraction_leaf : float
        What a child's points must weigh, as a share of the weight of all.
    max_features : "sqrt", "log2", int, float or None
        How many random features each node looks at: all with None, a float is a share of them. More while those are
        constant.
    max_leaf_nodes : int, optional
        The most leaves of a tree. The splits that gain most come first.
    min_impurity_decrease : float
        What a split must bring, by (3) of decision_tree.py.
    bootstrap : bool
        Whether each tree has a sample of the points, or all of them.
    oob_score : bool or callable
        Whether to predict the points out of bag, by (3), and to score that: by the share of right labels, or by
        `oob_score(y, predicted)`.
    n_jobs : int, optional
        How many batches of trees grow at a time, in processes of their own; -1 is as many as there are cores. What
        grows does not depend on it. A batch has about 65,000 draws, so small data have only one.
    random_state : None, int or numpy.random.Generator
        For samples and features.
    warm_start : bool
        Whether another fit keeps the trees and only adds those that are missing from `n_estimators`.
    class_weight : dict, "balanced", "balanced_subsample" or None
        How much a point counts, by its label. "balanced" makes all classes count alike; "balanced_subsample" makes them
        weigh alike in each tree's sample.
    ccp_alpha : float
        The price of a leaf, for which pruning takes back splits that are not worth it. See pruning.py.
    max_samples : int or float, optional
        How many draws make a sample: a float is a share of the weight of all, None is one for each point.
    monotonic_cst : array-like of shape (D,), optional
        1 for a feature with which the probability of the second class may not fall, -1 where it may not rise, else 0.
        For two classes only.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    estimators_ : list of DecisionTreeClassifier
        The trees, made anew at every look.
    feature_importances_ : ndarray of shape (D,)
        By (4).
    oob_score_ : float
        Score out of bag, if asked for.
    oob_decision_function_ : ndarray of shape (N, K)
        Mean shares out of bag, if asked for; NaN for a point that every tree has seen.
    forest_ : Forest
        All nodes of all trees as arrays; see forest_prediction.py.
    seeds_ : ndarray of int, shape (B,)
        Of each tree.

    Notes
    -----
    The parameters are scikit-learn's, without `verbose`: listeners hear of each batch of trees. Weights are the chances
    of being drawn, as there since 1.9, so a point of weight 0 is as good as left out; with `max_samples=None` it takes
    no draw either.

    Examples
    --------
    >>> X, y = [[0], [1], [2], [3]], ["no", "no", "yes", "yes"]
    >>> model = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> model.predict([[0.4], [2.6]]).tolist()
    ['no', 'yes']
    """

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: str = "gini",
        max_depth: int | None = None,
        min_samples_split: Any = 2,
        min_samples_leaf: Any = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: Any = "sqrt",
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = True,
        oob_score: Any = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        class_weight: Any = None,
        ccp_alpha: float = 0.0,
        max_samples: Any = None,
        monotonic_cst: Any = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.criterion = criterion
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.bootstrap = bootstrap
        self.oob_score = oob_score
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.class_weight = class_weight
        self.ccp_alpha = ccp_alpha
        self.max_samples = max_samples
        self.monotonic_cst = monotonic_cst


class RandomForestRegressor(ForestRegressor):
    """A random forest for numbers.

    Parameters
    ----------
    n_estimators : int
        How many trees.
    criterion : "squared_error" or "absolute_error"
        How mixed a node is. See impurity.py.
    max_depth : int, optional
        The most questions before a leaf.
    min_samples_split : int or float
        Different points that a node needs to be split; a float is a share of the rows.
    min_samples_leaf : int or float
        Different points that each child must have; a float is a share of the rows.
    min_weight_fraction_leaf : float
        What a child's points must weigh, as a share of the weight of all.
    max_features : int, float, "sqrt", "log2" or None
        How many random features each node looks at: all with None, a float is a share of them. More while those are
        constant.
    max_leaf_nodes : int, optional
        The most leaves of a tree. The splits that gain most come first.
    min_impurity_decrease : float
        What a split must bring, by (3) of decision_tree.py.
    bootstrap : bool
        Whether each tree has a sample of the points, or all of them.
    oob_score : bool or callable
        Whether to predict the points out of bag, by (3), and to score that: by R², or by
        `oob_score(y, predicted)`.
    n_jobs : int, optional
        How many batches of trees grow at a time, in processes of their own; -1 is as many as there are cores. What
        grows does not depend on it. A batch has about 65,000 draws, so small data have only one.
    random_state : None, int or numpy.random.Generator
        For samples and features.
    warm_start : bool
        Whether another fit keeps the trees and only adds those that are missing from `n_estimators`.
    ccp_alpha : float
        The price of a leaf, for which pruning takes back splits that are not worth it. See pruning.py.
    max_samples : int or float, optional
        How many draws make a sample: a float is a share of the weight of all, None is one for each point.
    monotonic_cst : array-like of shape (D,), optional
        1 for a feature with which the prediction may not fall, -1 where it may not rise, else 0. For one target only.

    Attributes
    ----------
    estimators_ : list of DecisionTreeRegressor
        The trees, made anew at every look.
    feature_importances_ : ndarray of shape (D,)
        By (4).
    oob_score_ : float
        Score out of bag, if asked for.
    oob_prediction_ : ndarray of shape (N,) or (N, T)
        Predictions out of bag, if asked for; NaN for a point that every tree has seen.
    forest_ : Forest
        All nodes of all trees as arrays; see forest_prediction.py.
    seeds_ : ndarray of int, shape (B,)
        Of each tree.
    one_target_ : bool
        Whether `y` had one dimension.

    Notes
    -----
    As for the classifier. A leaf predicts the mean of its targets, or with "absolute_error" their median; the forest
    always the mean of that.

    Examples
    --------
    >>> X, y = [[0], [1], [2], [3]], [0.0, 0.0, 1.0, 1.0]
    >>> model = RandomForestRegressor(20, random_state=0).fit(X, y)
    >>> bool(model.predict([[0.4]])[0] < 0.5 < model.predict([[2.6]])[0])
    True
    """

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: str = "squared_error",
        max_depth: int | None = None,
        min_samples_split: Any = 2,
        min_samples_leaf: Any = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: Any = 1.0,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = True,
        oob_score: Any = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        warm_start: bool = False,
        ccp_alpha: float = 0.0,
        max_samples: Any = None,
        monotonic_cst: Any = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.criterion = criterion
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.min_weight_fraction_leaf = min_weight_fraction_leaf
        self.max_features = max_features
        self.max_leaf_nodes = max_leaf_nodes
        self.min_impurity_decrease = min_impurity_decrease
        self.bootstrap = bootstrap
        self.oob_score = oob_score
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.warm_start = warm_start
        self.ccp_alpha = ccp_alpha
        self.max_samples = max_samples
        self.monotonic_cst = monotonic_cst
