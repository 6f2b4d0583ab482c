"""Level-wise growth: `decision_tree.grow` for all nodes of a level at once.

The tree is the same. What is bought is speed: not one node after the other is divided, but all that are equally deep
together, in a few passes over arrays. There is a Python loop over levels and, within, over features, none over nodes or
points; and where nodes are few and small, several features are looked at in one pass.

Cost: O(N D (log N + depth)) time; 4 N (D + 2 C + 24) bytes for C classes or targets (C = 1 for two classes), 5 N D more
if some value occurs twice, 40 N for weights; and 80 bytes for each node, of which a tree fully grown may have 2 N.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees import best_first, monotonic
from pellucid_trees.level import BoolArray, Level, Problem, describe, negligible, one_node, pose, restored, sublevel
from pellucid_trees.limits import Limits
from pellucid_trees.presorted import BLOCK, Side, presort
from pellucid_trees.split_search import TIE, Choice, random_split
from pellucid_trees.tree import Tree, in_preorder

__all__ = ["Limits", "Search", "grow", "grow_levels"]


class Search(Protocol):
    """How the splits of a level are found."""

    def choose(self, level: Level) -> Choice:
        """The split of each node."""

    def follow(self, side: Side) -> Self:
        """The search for the next level: the points of left children (side 1), then those of right ones (2)."""


class RandomThresholds(NamedTuple):
    """The best split by one random threshold for each feature."""

    problem: Problem
    columns: FloatArray  # (D, R) X of each point
    max_features: int
    rng: np.random.Generator

    def choose(self, level: Level) -> Choice:
        """The split of each node."""
        block = max(1, BLOCK // len(level.points))
        return random_split(self.problem, level, self.columns, self.max_features, self.rng, block)

    def follow(self, side: Side) -> RandomThresholds:
        """Nothing is handed down."""
        return self


def grow(
    X: FloatArray,
    Y: Any,
    weights: FloatArray | None = None,
    *,
    n_classes: int | None = None,
    criterion: str = "squared_error",
    max_depth: int | None = None,
    min_samples_split: int = 2,
    min_samples_leaf: int = 1,
    min_weight_leaf: float = 0.0,
    max_features: int | None = None,
    max_leaf_nodes: int | None = None,
    min_impurity_decrease: float = 0.0,
    splitter: str = "best",
    monotonic_cst: Any = None,
    rng: np.random.Generator | None = None,
) -> Tree:
    """Grow a tree.

    Parameters
    ----------
    X : array of shape (N, D)
        float64 or float32, NaN for missing values.
    Y : array of shape (N,) or (N, T)
        For classification the index of each row's class, and `n_classes` says how many there are; else the targets.
    weights : array of shape (N,), optional
        How much each row counts. Rows of weight 0 are left out.
    rng : numpy.random.Generator, optional
        For `max_features` below D and `splitter="random"`.
    others
        As those of `DecisionTreeClassifier`, fractions turned into numbers.
    """
    N, D = X.shape
    rows = None
    if weights is not None and (weights == 0).any():
        rows = np.flatnonzero(weights)
        weights = weights.take(rows)
    limits = Limits(
        max_depth, min_samples_split, min_samples_leaf, min_weight_leaf, max_leaf_nodes, min_impurity_decrease
    )
    signs = None if monotonic_cst is None or not np.any(monotonic_cst) else np.asarray(monotonic_cst, np.int64)
    problem, limits, units = pose(
        Y, weights, limits, n_classes=n_classes, criterion=criterion, monotonic_cst=signs, rows=rows
    )
    rng = np.random.default_rng() if rng is None else rng
    looked_at = D if max_features is None else max_features
    R = N if rows is None else len(rows)

    def search() -> Search:  # made only where it is used, as the root is, so that nobody else keeps them
        if splitter == "random":
            return RandomThresholds(problem, np.ascontiguousarray((X if rows is None else X[rows]).T), looked_at, rng)
        return presort(problem, X, rows, looked_at, rng)

    return restored(grow_levels(problem, one_node(problem, np.arange(R)), search(), limits)[0], units)


class Splits(NamedTuple):
    """What becomes of the nodes of a level; S of them."""

    feature: IndexArray  # (S,) -1 at a leaf
    threshold: FloatArray  # (S,) NaN at a leaf
    left: IndexArray  # (S,) numbers of the children, -1 at a leaf
    right: IndexArray  # (S,)
    missing_left: BoolArray  # (S,)
    gain: FloatArray  # (S,) the impurity that the split takes away, as a share of all points; -inf at a leaf


class Nodes(NamedTuple):
    """What else there is to know of the nodes of a level; S of them."""

    value: FloatArray  # (S, K) what they predict
    impurity: FloatArray  # (S,)
    points: IndexArray  # (S,) how many they are
    weight: FloatArray  # (S,)


def grow_levels(problem: Problem, root: Level, search: Search, limits: Limits) -> list[Tree]:
    """Grow a tree from each node of the level `root`, all of them together."""
    whole = root._replace(points=np.empty(0, np.int64))  # the roots, without their points
    level, levels, splits = monotonic.unbounded(problem, root), [], []
    del root
    n_trees = len(whole.start)
    tree = np.arange(n_trees)  # (S,) of which each node is
    n_nodes, came = n_trees, np.ones(n_trees, np.int8)  # (S,) from its parent to the left or right
    while True:
        levels.append(Nodes(monotonic.clipped(problem, level), level.impurity, level.size, level.weight))
        splits.append(leaves(len(level.start)))
        alive = (
            (level.size >= max(limits.min_samples_split, 2 * limits.min_samples_leaf))
            & (level.weight >= 2 * limits.min_weight_leaf)
            & (level.impurity > negligible(problem, level, whole.impurity[tree]))
        )
        if limits.max_leaf_nodes is not None and len(levels) > 1:
            alive &= reachable(splits, n_trees, limits.max_leaf_nodes)
        if len(levels) - 1 == limits.max_depth or not alive.any():
            break
        if len(levels) > 1 or not alive.all():
            side = np.zeros(problem.n_points, np.int8)
            side[level.points] = (came * alive).repeat(level.size)
            search = search.follow(side)
        if not alive.all():
            level = sublevel(level, alive, alive.repeat(level.size).nonzero()[0])
        choice = search.choose(level)
        mass = level.impurity * level.weight / whole.weight[tree[alive]]
        gain = choice.share * mass
        split = (choice.share >= 0) & (gain + TIE * mass >= limits.min_impurity_decrease)
        n = int(np.count_nonzero(split))
        if not n:
            break
        nodes = np.flatnonzero(alive)[split]
        left = n_nodes + np.arange(n)
        record(splits[-1], nodes, choice, split, gain[split], left)
        level = children(problem, level, choice, split)
        tree, came = np.tile(tree[nodes], 2), np.repeat(np.array([1, 2], np.int8), n)
        n_nodes += 2 * n
    del search, level  # what they have sorted
    return trees(levels, splits, limits)


def leaves(S: int) -> Splits:
    """What becomes of nodes that are not split."""
    none = np.full((3, S), -1)
    return Splits(none[0], np.full(S, np.nan), none[1], none[2], np.zeros(S, np.bool_), np.full(S, -np.inf))


def record(
    splits: Splits, nodes: IndexArray, choice: Choice, split: BoolArray, gain: FloatArray, left: IndexArray
) -> None:
    """Enter what becomes of the nodes that are split; the right children's numbers follow those of the left ones."""
    splits.feature[nodes], splits.threshold[nodes] = choice.feature[split], choice.threshold[split]
    splits.left[nodes], splits.right[nodes] = left, left + len(left)
    splits.missing_left[nodes], splits.gain[nodes] = choice.missing_left[split], gain


def children(problem: Problem, level: Level, choice: Choice, split: BoolArray) -> Level:
    """The next level: the left children of the nodes that are split, then the right ones."""
    n_left = np.add.reduceat(choice.goes_left, level.start, dtype=np.int64)
    size = np.concatenate([n_left[split], (level.size - n_left)[split]])
    goes_on = split.repeat(level.size)
    places = [(goes_on & side).nonzero()[0] for side in (choice.goes_left, ~choice.goes_left)]
    points = choice.order.take(np.concatenate(places))
    below = describe(problem, points, size.cumsum() - size, size)
    if problem.monotonic_cst is not None:
        below = monotonic.bounds(problem, sublevel(level, split, np.flatnonzero(goes_on)), choice.feature[split], below)
    return below


def reachable(splits: list[Splits], n_trees: int, max_leaf_nodes: int) -> BoolArray:
    """Whether best-first growth may come to each node of the last level."""
    known = Splits(*(np.concatenate(parts) for parts in zip(*splits)))
    split = best_first.reached(known.left, known.right, known.gain, n_trees, max_leaf_nodes)
    there = np.zeros(len(split), np.bool_)
    there[known.left[split]] = there[known.right[split]] = True
    return there[-len(splits[-1].gain) :]


def trees(levels: list[Nodes], splits: list[Splits], limits: Limits) -> list[Tree]:
    """The nodes of all levels as trees. The lists are emptied: a large tree should not be kept twice."""
    sizes = [len(nodes.points) for nodes in levels]
    feature, threshold, left, right, missing_left, gain = joined(splits)
    if limits.max_leaf_nodes is not None:
        leaf = ~best_first.reached(left, right, gain, sizes[0], limits.max_leaf_nodes)
        feature[leaf] = left[leaf] = right[leaf] = -1
        threshold[leaf], missing_left[leaf] = np.nan, False
    return in_preorder(Tree(feature, threshold, left, right, missing_left, *joined(levels)), sizes)


def joined(parts: list[Any]) -> Iterator[Any]:
    """Each field of all parts as one array; the parts are let go field by field."""
    fields = list(zip(*parts))
    parts.clear()
    while fields:
        yield np.concatenate(fields.pop(0))
