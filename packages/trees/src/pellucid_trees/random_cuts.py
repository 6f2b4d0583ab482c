"""Random cuts: one threshold at random for a feature of a node, and what it is worth.

A node of an extremely randomized tree does not look for the best threshold of a feature. It draws one, anywhere between
the smallest and the largest of its points' values,

    τ = min + u (max − min),   u drawn from [0, 1)                                               (1)

A question is worth the share of its node's impurity i that it takes away; with W for weights, and points left (L) and
right (R),

    g = 1 − (Wᴸ iᴸ + Wᴿ iᴿ) / (W i)                                                              (2)

Where impurities are variances, it takes only one sum for each target to know that. With ȳ the mean of a node, and
Gini's impurity that of targets which are 1 for the points of a class and 0 for the others,

    cₜ = Σₙ wₙ (yₙₜ − ȳₜ),   over the points n on the left                                       (3)
    g = Σₜ cₜ² / (Wᴸ Wᴿ Σₜ sₜ²)                                                                  (4)

sₜ² being the variance of target t in the node. For classes, cₖ = Lₖ − pₖ Wᴸ, with Lₖ for the weight of a class on the
left and pₖ for its share of the node. So there are Lₖ and Rₖ for the entropy, which is found by (3) of shares.py.

The nodes are those of a level, and B features are looked at together. Nothing is sorted: one pass over the values finds
(1), another one (3). Points without a value go to a random side together.

Symbols
-------
    paper       code        shape      meaning
    τ           threshold   (B, S)     of B features at each of S nodes
    u           u           (B, S)     random numbers
    min, max    low, high   (B, S)     the smallest and the largest value
    Wᴸ, Wᴿ      left        (B, S)     weight of both sides; and right
    W           weight      (S,)       and of the node
    Wᴸ iᴸ       mass        (2, B, S)  weight times impurity of both sides
    cₜ          c           (B, S)     for each target or class
    Σₜ sₜ²      variance    (S,)       of each node
    g           share       (B, S)     of the node's impurity

Cost: O(m C) time for each feature, m points, and C classes or targets; times log m for the absolute error.

References
----------
    Geurts, Ernst & Wehenkel (2006), "Extremely randomized trees": (1) is in its table 1.
Differs from them: missing values; weights; all nodes of a level at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees import monotonic
from pellucid_trees.level import BoolArray, Level, Problem, describe
from pellucid_trees.shares import TINY, phi


class Cuts(NamedTuple):
    """One for each of B features at each of S nodes."""

    share: FloatArray  # (B, S) what it takes away of the impurity; 0 where it may not be
    threshold: FloatArray  # (B, S)
    missing_left: BoolArray  # (B, S)
    constant: BoolArray  # (B, S) whether all values are alike, so that there is no cut


def random_cuts(
    problem: Problem, level: Level, feature: IndexArray, x: FloatArray, u: FloatArray, coin: FloatArray | None
) -> Cuts:
    """Draw a cut for each feature and node, and tell what it is worth.

    Parameters
    ----------
    problem, level
        S nodes, and what is known of their m points.
    feature : array of shape (B, S), or (B, 1) where all nodes have the same
        What is looked at.
    x : array of shape (B, m)
        The values, node after node.
    u, coin : array of shape (B, S)
        Random numbers in [0, 1): where the thresholds are; and on which side the missing values, which are on the right
        where there is only one value beside them. `coin` is None where no value is missing.
    """
    start, size = level.start, level.size
    least, most = (np.minimum, np.maximum) if coin is None else (np.fmin, np.fmax)
    low, high = (extreme.reduceat(x, start, axis=1).astype(np.float64, copy=False) for extreme in (least, most))
    threshold = (1 - u) * low + u * high  #                                                      (1)
    threshold = np.where(threshold < high, np.maximum(threshold, low), low)  # where rounding left nothing between
    goes_left: BoolArray = x <= threshold.repeat(size, axis=1)
    if coin is not None:
        gap, to_left = np.isnan(x), (coin < 0.5) & (low < high)
        goes_left |= gap & to_left.repeat(size, axis=1)
    n_left = per_node(goes_left, start)
    constant = (n_left == size) | (n_left == 0)
    share = worth(problem, level, feature, goes_left, n_left, constant)
    np.copyto(share, 0, where=constant)
    missing_left = 2 * n_left > size  # with the many, where there are none to learn from
    if coin is not None:
        missing_left = np.where(per_node(gap, start) > 0, to_left, missing_left)
    return Cuts(share, threshold, missing_left, constant)


def worth(
    problem: Problem, level: Level, feature: IndexArray, goes_left: BoolArray, n_left: IndexArray, empty: BoolArray
) -> FloatArray:
    """What share of its node's impurity each cut takes away, 0 where it may not be: -> (B, S).

    There is no asking where a side is `empty` (B, S).
    """
    w = None if problem.weights is None else problem.weights.take(level.points)
    left = n_left if w is None else per_node(goes_left * w, level.start)
    right = level.weight - left
    sums, values = [], None
    if problem.criterion == "absolute_error":
        share, values = by_sides(problem, level, goes_left, empty)
    else:
        sums = deviations(problem, level, w, goes_left, left)
        criterion = entropies if problem.criterion == "entropy" else squares
        share = criterion(problem, level, sums, left, right, empty)
    share += TINY  # a question that brings nothing is better than none
    if problem.min_samples_leaf > 1:
        share *= np.minimum(n_left, level.size - n_left) >= problem.min_samples_leaf
    if problem.min_weight_leaf > 0:
        share *= np.minimum(left, right) >= problem.min_weight_leaf
    if monotonic.constrains(problem, feature):
        assert problem.monotonic_cst is not None
        sign, v = problem.monotonic_cst[feature], level.value[:, -1]
        v_left, v_right = values or (v + sums[-1] / np.where(empty, 1, left), v - sums[-1] / np.where(empty, 1, right))
        inside = (np.minimum(v_left, v_right) >= level.lower) & (np.maximum(v_left, v_right) <= level.upper)
        share *= (sign == 0) | (inside & (sign * (v_right - v_left) >= 0))
    return share


def per_node(values: NDArray[Any], start: IndexArray) -> NDArray[Any]:
    """Sums over each node, of truth values how many are true: (B, m), (S,) -> (B, S)."""
    if values.dtype == np.bool_:
        return np.add.reduceat(values.view(np.int8), start, axis=1, dtype=np.int32)
    return np.add.reduceat(values, start, axis=1)


def deviations(
    problem: Problem, level: Level, w: FloatArray | None, goes_left: BoolArray, left: NDArray[Any]
) -> list[FloatArray]:
    """The sums (3), target by target or class by class, of two classes only for the second: (B, S) each."""
    if problem.labels is None:
        sums = []
        for target, mean in zip(problem.targets, level.value.T):
            z = target.take(level.points) - mean.repeat(level.size)  #                           (3)
            sums.append(per_node(goes_left * (z if w is None else w * z), level.start))  #       (3)
        return sums
    label, K, p = problem.labels.take(level.points), problem.n_classes, level.value.T
    if K == 2:
        second = label == 1
        L = per_node(goes_left & second if w is None else goes_left * (w * second), level.start)
        return [L - p[1] * left]  #                                                              (3)
    weights = class_weights(label, K, w, level, goes_left)
    return [L - p_k * left for L, p_k in zip(weights, p)]  #                                     (3)


def class_weights(label: IndexArray, K: int, w: FloatArray | None, level: Level, goes_left: BoolArray) -> NDArray[Any]:
    """What the points of each class on the left weigh: -> (K, B, S)."""
    S = len(level.start)
    cell, found = label * S + np.arange(S).repeat(level.size), []
    for side in goes_left:  # one after the other: what is counted together stays in the cache
        there = side.nonzero()[0]
        found.append(np.bincount(cell.take(there), None if w is None else w.take(there), K * S))
    return np.array(found).reshape(-1, K, S).swapaxes(0, 1)


def squares(
    problem: Problem, level: Level, sums: list[FloatArray], left: NDArray[Any], right: FloatArray, empty: BoolArray
) -> FloatArray:
    """(4): -> (B, S)."""
    variance = level.impurity * (len(problem.targets) or 1)
    unit = 1 / np.sqrt(variance / 2 if problem.n_classes == 2 else variance)
    total: FloatArray = sum(((c * unit) ** 2 for c in sums), np.zeros(()))  #                    (4)
    # mutate: number equivalent because where a side is empty nobody asks
    return total / np.where(empty, 1, left * right)  #                                           (4)


def entropies(
    problem: Problem, level: Level, sums: list[FloatArray], left: NDArray[Any], right: FloatArray, empty: BoolArray
) -> FloatArray:
    """(3) of shares.py: -> (B, S)."""
    share = -phi(left) - phi(right)
    for c, p in zip([-sums[0], *sums] if problem.n_classes == 2 else sums, level.value.T):
        share += phi(p * left + c) + phi(p * right - c)
    return np.maximum(1 + share / (level.weight * level.impurity), 0)


def by_sides(
    problem: Problem, level: Level, goes_left: BoolArray, empty: BoolArray
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """(2) as it says, and what both sides would predict: _, _, (B, m), (B, S) -> (B, S), _."""
    B, m = goes_left.shape
    first = np.zeros(m, np.bool_)
    first[level.start] = True
    goes_left = np.where(empty.repeat(level.size, axis=1), first, goes_left)  # no side without points
    n_left = per_node(goes_left, level.start)
    points = level.points.take(np.concatenate([side.ravel().nonzero()[0] % m for side in (goes_left, ~goes_left)]))
    size = np.concatenate([n_left.ravel(), (level.size - n_left).ravel()])
    sides = describe(problem, points, size.cumsum() - size, size)
    mass = (sides.weight * sides.impurity).reshape(2, B, -1)
    v_left, v_right = sides.value[:, -1].reshape(2, B, -1)
    return np.maximum(1 - mass.sum(axis=0) / (level.weight * level.impurity), 0), (v_left, v_right)  # (2)
