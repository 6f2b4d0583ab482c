"""Extremely randomized trees: a forest whose thresholds are drawn at random.

A forest is good when its trees are good and unlike (random_forest.py). Here they are made more unlike than bootstrap
samples make them: a node does not look for the best threshold of a feature but draws one, anywhere between the smallest
and the largest of its points' values. Of the features d₁, ..., d_q that it has drawn, with the thresholds τ₁, ..., τ_q,
it takes the one that divides its points best,

    j = argmax_k g(d_k, τ_k),   k = 1, ..., q                                                    (1)

g being the share of the node's impurity that the question takes away, which random_cuts.py finds. In return every tree
has all points, so that leaves are as pure as can be. With q = 1 the targets have no say in the questions at all. A
single such tree is worse than a greedy one; the mean of many is often as good or better, and changes less abruptly from
place to place, as no two trees have their thresholds at the same place.

Symbols
-------
    paper          code        shape     meaning
    d₁, ..., d_q   features    (S, q)    that each of S nodes looks at
    g, τ           cuts        (q, S)    share and threshold; see random_cuts.py
    g(d_j, τ_j)    split       (S,)      the best, with its feature and threshold

Cost: O(B q N log N) time for balanced trees, O(B N) memory for their nodes.

References
----------
    Geurts, Ernst & Wehenkel (2006), "Extremely randomized trees": the method; (1) is in its table 1.
Differs from them: missing values; weights; all nodes of many trees at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.forest_model import ForestClassifier, ForestRegressor
from pellucid_trees.forest_prediction import Forest as Forest
from pellucid_trees.level import BoolArray, Level, sublevel
from pellucid_trees.many_trees import Draws, Found, best_of, uniform
from pellucid_trees.random_cuts import Cuts, random_cuts
from pellucid_trees.split_search import TIE

NUMBERS = 1 << 17  # values that are looked at together
MANY = 10  # features of a node: it pays to look twice at the level


def random_thresholds(search: Draws, level: Level, features: IndexArray) -> tuple[Found, BoolArray]:
    """The best split by these features (S, q) at one random threshold each, and where all of them are constant (S,)."""
    S, q = features.shape
    u = uniform(search, level, (1 + (search.table.missing >= 0).any()) * q)
    two = level.size == 2
    if q < MANY or not two.any():
        return best_random(search, level, features, u)
    found = Found(np.zeros(S), np.empty(S, np.int64), np.empty(S), np.empty(S, np.bool_))
    constant = np.zeros(S, np.bool_)
    for step in (q, 1):  # whatever tells two points from each other parts them: for most of these, one look is enough
        nodes = two if step == q else found.share < 1 - TIE / 2
        if nodes.any():
            part = sublevel(level, nodes, np.flatnonzero(nodes.repeat(level.size)))
            new, constant[nodes] = best_random(search, part, features[nodes, ::step], u[nodes, ::step])
            for whole, own in zip(found, new):
                whole[nodes] = own
    return found, constant


def best_random(search: Draws, level: Level, features: IndexArray, u: FloatArray) -> tuple[Found, BoolArray]:
    """The same by random numbers (S, q), and where values are missing, as many more for their sides."""
    q, u = features.shape[1], np.ascontiguousarray(u.T)
    found = []
    for nodes, part in stretches(level, NUMBERS // q):
        f = features[nodes].T
        coin = u[q:, nodes] if len(u) > q else None
        found.append(random_cuts(search.problem, part, f, search.values_of(part, f), u[:q, nodes], coin))
    cuts = Cuts(*(np.concatenate(parts, axis=1) for parts in zip(*found)))
    *split, constant = best_of(features, *cuts)  #                                               (1)
    return Found._make(split), constant


def stretches(level: Level, n: int) -> Iterator[tuple[slice, Level]]:
    """Parts of a level that have at most n points, or only one node, and which nodes these are."""
    S, ends, first = len(level.start), level.start + level.size, 0
    while first < S:
        begin = level.start[first]
        last = max(first + 1, int(ends.searchsorted(begin + n, side="right")))
        nodes = slice(first, last)
        size = level.size[nodes]
        points = level.points[begin : begin + size.sum()]
        bounds = (None if bound is None else bound[nodes] for bound in (level.lower, level.upper))
        others = level.weight[nodes], level.value[nodes], level.impurity[nodes]
        yield nodes, Level(points, level.start[nodes] - begin, size, *others, *bounds)
        first = last


# -- estimators ----------------------------------------------------------------------------------------------------


class ExtraTreesClassifier(ForestClassifier):
    """Extremely randomized trees for classes.

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
        Whether to predict the points out of bag, by (3) of random_forest.py, and to score that: by the share of right
        labels, or by `oob_score(y, predicted)`.
    n_jobs : int, optional
        How many batches of trees grow at a time, in processes of their own; -1 is as many as there are cores. What
        grows does not depend on it. A batch has about 65,000 draws, so small data have only one.
    random_state : None, int or numpy.random.Generator
        For features, thresholds, and samples if there are any.
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
        By (4) of random_forest.py.
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
    The parameters are scikit-learn's, without `verbose`: listeners hear of each batch of trees.

    Examples
    --------
    >>> X, y = [[0], [1], [2], [3]], ["no", "no", "yes", "yes"]
    >>> model = ExtraTreesClassifier(20, random_state=0).fit(X, y)
    >>> model.predict([[0.4], [2.6]]).tolist()
    ['no', 'yes']
    """

    _splitter, _look = "random", staticmethod(random_thresholds)

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
        bootstrap: bool = False,
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


class ExtraTreesRegressor(ForestRegressor):
    """Extremely randomized trees for numbers.

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
        Whether to predict the points out of bag, by (3) of random_forest.py, and to score that: by R², or by
        `oob_score(y, predicted)`.
    n_jobs : int, optional
        How many batches of trees grow at a time, in processes of their own; -1 is as many as there are cores. What
        grows does not depend on it. A batch has about 65,000 draws, so small data have only one.
    random_state : None, int or numpy.random.Generator
        For features, thresholds, and samples if there are any.
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
        By (4) of random_forest.py.
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
    >>> model = ExtraTreesRegressor(20, random_state=0).fit(X, y)
    >>> bool(model.predict([[0.4]])[0] < 0.5 < model.predict([[2.6]])[0])
    True
    """

    _splitter, _look = "random", staticmethod(random_thresholds)

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
        bootstrap: bool = False,
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
