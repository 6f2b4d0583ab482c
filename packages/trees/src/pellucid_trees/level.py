"""Levels: the nodes of a tree that are equally deep, as arrays, and what a fit knows of its points.

The fast form of a decision tree grows level by level, and treats all nodes of a level at once (level_wise.py). Their
points stand in one array, node after node. What is said of every node is then a sum over its stretch of that array,
`np.add.reduceat`, and no node needs a turn of its own.

Points are numbered from 0. For a single tree they are the rows of X that have a weight; a forest, which grows many
trees at once, has a point for each row of each tree.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.absolute_error import weighted_medians
from pellucid_trees.impurity import EPSILON, REGRESSION
from pellucid_trees.limits import Limits
from pellucid_trees.tree import Tree

BoolArray = NDArray[np.bool_]


class Problem(NamedTuple):
    """What a fit does not change; R points."""

    criterion: str  # "gini", "entropy", "squared_error" or "absolute_error"
    labels: IndexArray | None  # (R,) class of each point; None for regression
    n_classes: int  # K; 0 for regression
    targets: tuple[FloatArray, ...]  # T of (R,), none greater than 1; no target for classes
    weights: FloatArray | None  # (R,) from `on_grid`; None where every point counts once
    min_samples_leaf: int = 1
    min_weight_leaf: float = 0.0
    monotonic_cst: IndexArray | None = None  # (D,) 1, 0 or -1 for each feature; see monotonic.py
    one: float = 1.0  # an impurity of 1 in the units of the problem
    shift: FloatArray | float = 0.0  # (T,) what was taken away from the targets, in the units of the problem

    @property
    def n_points(self) -> int:
        """R."""
        return len(self.targets[0] if self.labels is None else self.labels)


class Units(NamedTuple):
    """What was taken away from the targets, and exponents of the powers of two that things were then divided by."""

    targets: int = 0
    weights: int = 0
    impurity: int = 0
    shift: FloatArray | float = 0.0  # (T,)


class Level(NamedTuple):
    """The nodes of a level; S of them, with m points together."""

    points: IndexArray  # (m,) node after node
    start: IndexArray  # (S,) where each node's points begin
    size: IndexArray  # (S,) how many they are
    weight: FloatArray  # (S,) and their weight
    value: FloatArray  # (S, K) or (S, T) what the node predicts
    impurity: FloatArray  # (S,)
    lower: FloatArray | None = None  # (S,) bounds that monotonic constraints set on the value
    upper: FloatArray | None = None


# -- the problem ---------------------------------------------------------------------------------------------------


def pose(
    Y: Any,
    weights: FloatArray | None,
    limits: Limits,
    *,
    n_classes: int | None = None,
    criterion: str = "squared_error",
    monotonic_cst: IndexArray | None = None,
    rows: IndexArray | None = None,
) -> tuple[Problem, Limits, Units]:
    """State a fit in units in which nothing overflows, and its limits in the same units.

    Y holds the classes of all rows (N,), or their targets (N, T); `rows` says which row each point is, if they are not
    the same. The weights are those of the points.
    """
    labels, units = None, Units()
    targets: tuple[FloatArray, ...] = ()
    if n_classes is None:
        shift = common_part(Y.astype(np.float64))
        Y = Y - shift
        _, exponent = np.frexp(np.abs(Y).max())
        scaled = np.ldexp(Y, -exponent)  # by a power of two: no digit is lost
        targets = tuple(np.ascontiguousarray(y) if rows is None else y.take(rows) for y in scaled.T)
        power = REGRESSION[criterion].power
        units = Units(int(exponent), 0, power * int(exponent), shift)
    else:
        labels = Y.astype(np.int64, copy=False) if rows is None else Y.take(rows).astype(np.int64, copy=False)
    if weights is not None:
        weights, exponent = on_grid(weights)
        units = units._replace(weights=exponent)
    limits = limits._replace(
        min_weight_leaf=float(np.ldexp(limits.min_weight_leaf, -units.weights)),
        min_impurity_decrease=float(np.ldexp(limits.min_impurity_decrease, -units.impurity)),
    )
    criterion = "entropy" if criterion == "log_loss" else criterion
    problem = Problem(
        criterion,
        labels,
        n_classes or 0,
        targets,
        weights,
        limits.min_samples_leaf,
        limits.min_weight_leaf,
        monotonic_cst,
        2.0 ** min(-units.impurity, 1000),
        np.ldexp(units.shift, -units.targets),
    )
    return problem, limits, units


def common_part(Y: FloatArray) -> FloatArray:
    """What can be taken away from each target, and put back, without losing a digit: (N, T) -> (T,).

    That is so for a number of which no target is less than half or more than double. Of targets that differ little, as
    years do, the mean is then rounded in the unit of their differences.
    """
    low, high = Y.min(axis=0), Y.max(axis=0)
    middle = low / 2 + high / 2
    above = (low > 0) & (middle / 2 <= low) & (high / 2 <= middle)
    below = (high < 0) & (middle / 2 >= high) & (low / 2 >= middle)
    near = above | below
    return np.where(near, middle, 0.0)


def restored(tree: Tree, units: Units) -> Tree:
    """Put a tree into the units of the data, and return it; an impurity that has no double, as 1e400, is infinite."""
    with np.errstate(over="ignore"):
        np.ldexp(tree.impurity, units.impurity, out=tree.impurity)
    np.ldexp(tree.value, units.targets, out=tree.value)
    tree.value[:] += units.shift
    np.ldexp(tree.weight, units.weights, out=tree.weight)
    return tree


def on_grid(weights: FloatArray) -> tuple[FloatArray, int]:
    """Round weights to a grid, and tell by which power of two they are to be multiplied: (N,) -> (N,), _.

    On the grid all sums of weights are exact, so that the same points weigh the same in whatever order they are added,
    and the last one of a node is never lost in rounding. Whole numbers stay what they are; other weights change by less
    than 2⁻⁵¹ of the sum of all. None is more than 1.
    """
    _, exponent = np.frexp(weights.max())
    scaled = np.ldexp(weights.astype(np.float64), -exponent)
    steps = 52 - int(np.frexp(scaled.sum())[1])
    grid = np.maximum(np.rint(np.ldexp(scaled, steps)), weights > 0)
    return np.ldexp(grid, -steps), int(exponent)


# -- nodes ---------------------------------------------------------------------------------------------------------


def negligible(problem: Problem, level: Level, whole: FloatArray) -> FloatArray:
    """What the impurity of each node must exceed to be divided, as in impurity.py: _, _, (S,) -> (S,).

    `whole` is the impurity of the tree that each node belongs to.
    """
    share: FloatArray = EPSILON * np.minimum(problem.one, whole)
    if problem.labels is not None:
        return share
    last_digits = 4 * EPSILON * np.abs(level.value + problem.shift).max(axis=1)
    with np.errstate(over="ignore"):
        rounding: FloatArray = last_digits ** REGRESSION[problem.criterion].power
    return np.maximum(share, rounding)


def describe(problem: Problem, points: IndexArray, start: IndexArray, size: IndexArray) -> Level:
    """Weight, value and impurity, as in impurity.py, of the nodes whose points these are, node after node."""
    S = len(start)
    w = None if problem.weights is None else problem.weights.take(points)
    weight = size.astype(np.float64) if w is None else np.add.reduceat(w, start)
    if problem.labels is not None:
        K = problem.n_classes
        cell = problem.labels.take(points)
        if S > 1:
            cell += np.arange(0, K * S, K).repeat(size)
        value = np.bincount(cell, w, K * S).reshape(S, K) / weight[:, None]
        if problem.criterion == "gini":
            impurity = (value * (1 - value)).sum(axis=1)
        else:
            impurity = (value * np.log2(1 / np.where(value > 0, value, 1))).sum(axis=1)
        return Level(points, start, size, weight, value, impurity)
    centre = medians if problem.criterion == "absolute_error" else means
    T = len(problem.targets)
    value, impurity = np.empty((S, T)), np.zeros(S)
    for t, target in enumerate(problem.targets):
        value[:, t], deviation = centre(target.take(points), w, start, size, weight)
        impurity += deviation / T
    return Level(points, start, size, weight, value, impurity)


def one_node(problem: Problem, points: IndexArray) -> Level:
    """The level of a single node, with these points."""
    return describe(problem, points, np.zeros(1, np.int64), np.array([len(points)]))


def means(
    y: FloatArray, w: FloatArray | None, start: IndexArray, size: IndexArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and mean squared deviation of each node: (m,), (m,), (S,), (S,), (S,) -> (S,), (S,)."""
    mean = np.add.reduceat(y if w is None else y * w, start) / weight
    y = y - mean.repeat(size)
    rest = np.add.reduceat(y if w is None else y * w, start) / weight  # what rounding left out of the mean
    mean += rest
    y *= y
    square = np.add.reduceat(y if w is None else y * w, start) / weight
    return mean, np.maximum(square - rest * rest, 0)


def medians(
    y: FloatArray, w: FloatArray | None, start: IndexArray, size: IndexArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Median and mean absolute deviation of each node: (m,), (m,), (S,), (S,), (S,) -> (S,), (S,)."""
    median = weighted_medians(y, w, start, size)
    y = np.abs(y - median.repeat(size))
    return median, np.add.reduceat(y if w is None else y * w, start) / weight


def sublevel(level: Level, nodes: BoolArray, keep: IndexArray) -> Level:
    """Only some of the nodes, those whose points stand at `keep`: _, (S,), (_,) -> _."""
    size = level.size[nodes]
    return Level(
        level.points.take(keep),
        size.cumsum() - size,
        size,
        level.weight[nodes],
        level.value[nodes],
        level.impurity[nodes],
        None if level.lower is None else level.lower[nodes],
        None if level.upper is None else level.upper[nodes],
    )
