"""A tree as arrays: what every model of this family grows, and how a point finds its leaf.

Every node of a binary tree has a number, 0 at the root; in pre-order, so that a node's left child is the next number.
An inner node asks whether one feature is at most a threshold:

    next(i, x) = left(i)   if x[feature(i)] ≤ threshold(i), else right(i)                        (1)

and a missing value goes where the node says. A point starts at the root and goes on until it is at a leaf.

Symbols
-------
    paper         code          shape   meaning
    i             node          (N,)    where each point is
    x             X             (N, D)  data, one row per point
    feature(i)    feature       (M,)    the column that a node asks about
    threshold(i)  threshold     (M,)    what it is compared with
    left, right   left, right   (M,)    numbers of the children

Cost: O(N depth) time for N points; O(M) memory for M nodes, and that of ROWS points going down.

References
----------
    Breiman, Friedman, Olshen & Stone (1984), "Classification and regression trees", ch. 2: binary trees, (1).
Differs from them: missing values go to one side; a child is a number, not a node inside its parent.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray

ROWS = 8192  # that go down together: their places stay in the processor's cache
STEPS = 3  # before it is looked which of them have arrived
MANY = 1 << 15  # numbers from which on memory counts more than the time of short work


class Tree(NamedTuple):
    """All nodes; M of them."""

    feature: IndexArray  # (M,) the column an inner node asks about; -1 at a leaf
    threshold: FloatArray  # (M,) x <= threshold goes left; NaN at a leaf
    left: IndexArray  # (M,) the children; -1 at a leaf
    right: IndexArray  # (M,)
    missing_left: NDArray[np.bool_]  # (M,) whether a missing value goes left
    value: FloatArray  # (M, K) what a leaf predicts: the classes' shares, or the mean (or other centre) of each target
    impurity: FloatArray  # (M,)
    points: IndexArray  # (M,) how many points reach the node
    weight: FloatArray  # (M,) the sum of their weights

    @classmethod
    def leaf(cls, value: FloatArray, impurity: float, points: int, weight: float) -> Tree:
        """A tree of one node."""
        nowhere = np.array([-1])
        return cls(
            nowhere,
            np.array([np.nan]),
            nowhere,
            nowhere,
            np.array([False]),
            value[None],
            np.array([impurity]),
            np.array([points]),
            np.array([weight]),
        )

    def split(self, feature: int, threshold: float, missing_left: bool, left: Tree, right: Tree) -> Tree:
        """This leaf with a question, and two trees below it."""
        to_left, to_right = 1, 1 + len(left.feature)

        def moved(child: IndexArray, by: int) -> IndexArray:
            return np.where(child < 0, -1, child + by)

        root = self._replace(
            feature=np.array([feature]),
            threshold=np.array([threshold]),
            left=np.array([to_left]),
            right=np.array([to_right]),
            missing_left=np.array([missing_left]),
        )
        left = left._replace(left=moved(left.left, to_left), right=moved(left.right, to_left))
        right = right._replace(left=moved(right.left, to_right), right=moved(right.right, to_right))
        return Tree(*(np.concatenate(parts) for parts in zip(root, left, right)))


def apply(tree: Tree, X: Any) -> IndexArray:
    """The leaf that each row of X falls into: _, (N, D) -> (N,).

    A leaf is its own child here, so that rows that have arrived may go on with the others, without getting anywhere;
    every few steps they are put aside.
    """
    leaf, number = tree.left < 0, np.arange(len(tree.left))
    steps = Steps(
        np.where(leaf, 0, tree.feature),
        np.where(leaf, np.inf, tree.threshold),
        np.where(leaf, number, [tree.left, tree.right]).T.ravel(),
        tree.missing_left | leaf,
        leaf,
    )
    leaves = np.zeros(len(X), np.int64)
    for start in range(0, len(X), ROWS):
        rows = slice(start, start + ROWS)
        leaves[rows] = descend(steps, np.ascontiguousarray(X[rows]))
    return leaves


class Steps(NamedTuple):
    """A tree in which there is a next step everywhere."""

    feature: IndexArray  # (M,)
    threshold: FloatArray  # (M,) infinity at a leaf
    child: IndexArray  # (2M,) left and right child of each node in turn
    missing_left: NDArray[np.bool_]  # (M,)
    leaf: NDArray[np.bool_]  # (M,)


def descend(steps: Steps, X: FloatArray) -> IndexArray:
    """The leaf of each row: _, (N, D) -> (N,)."""
    N, D = X.shape
    x, gaps = X.ravel(), bool(np.isnan(X).any())
    leaves, going = np.zeros(N, np.int64), np.arange(N)
    node, row = np.zeros(N, np.int64), np.arange(0, N * D, D)
    while len(going):
        for _ in range(STEPS):
            value = x.take(row + steps.feature.take(node))
            goes_right = value > steps.threshold.take(node)
            if gaps:
                goes_right |= np.isnan(value) & ~steps.missing_left.take(node)
            node = steps.child.take(2 * node + goes_right)  #                                      (1)
        there = steps.leaf.take(node)
        if there.all():
            leaves[going] = node
            break
        if 4 * np.count_nonzero(there) >= len(there):
            leaves[going] = node
            on = np.flatnonzero(~there)
            node, going, row = node.take(on), going.take(on), row.take(on)
    return leaves


def number_type(n: int) -> Any:
    """Of what counts up to n: many numbers are kept in 32 bits, which is half the memory; few are faster in 64."""
    return np.int32 if MANY < n < 1 << 31 else np.int64


def in_preorder(nodes: Tree, sizes: list[int]) -> list[Tree]:
    """Number nodes that stand level by level in pre-order, and part the trees.

    `sizes` are those of the levels; each node of the first is the root of a tree. What no root leads to is left out.
    The arrays are used up: the trees are stretches of them, in another order.
    """
    M = len(nodes.feature)
    number = number_type(M)
    inner = np.flatnonzero(nodes.left >= 0).astype(number, copy=False)
    ends = np.searchsorted(inner, np.cumsum(sizes))
    levels = [inner[a:b] for a, b in zip([0, *ends[:-1]], ends)]
    below = np.ones(M, number)  # nodes of each subtree
    for split in levels[::-1]:
        below[split] += below[nodes.left[split]] + below[nodes.right[split]]
    place = np.full(M, -1, number)
    place[: sizes[0]] = np.cumsum(below[: sizes[0]]) - below[: sizes[0]]
    for split in levels:
        split = split[place[split] >= 0]
        place[nodes.left[split]] = place[split] + 1
        place[nodes.right[split]] = place[split] + 1 + below[nodes.left[split]]
    end = np.cumsum(below[: sizes[0]], dtype=np.int64)  # of each tree
    first = end - below[: sizes[0]]
    del below, inner, levels
    n = int(end[-1])
    order = np.empty(n, number)
    there = place >= 0
    order[place[there]] = np.flatnonzero(there)
    leaf, root = nodes.left[order] < 0, first.astype(number, copy=False).repeat(end - first)  # (n,), (n,)
    for child in (nodes.left, nodes.right):
        child[:n] = np.where(leaf, -1, place[child[order]] - root)
    arrays: tuple[Any, ...] = nodes
    for array in (*arrays[:2], *arrays[4:]):
        array[:n] = array[order]
    if n < M:
        arrays = tuple(array[:n].copy() for array in arrays)
    return [Tree(*(array[a:b] for array in arrays)) for a, b in zip(first, end)]


def depths(tree: Tree) -> IndexArray:
    """How many questions lead to each node: _ -> (M,)."""
    depth = np.zeros(len(tree.feature), np.int64)
    here = np.flatnonzero(tree.left[:1] >= 0)
    while len(here):
        below = np.concatenate([tree.left[here], tree.right[here]])
        depth[below] = np.tile(depth[here] + 1, 2)
        here = below[tree.left[below] >= 0]
    return depth


def subtree_ends(tree: Tree) -> IndexArray:
    """The number behind the last node below each node, in pre-order: _ -> (M,)."""
    end = np.full(len(tree.feature), len(tree.feature))
    here = np.flatnonzero(tree.left[:1] >= 0)
    while len(here):
        left, right = tree.left[here], tree.right[here]
        end[left], end[right] = right, end[here]
        below = np.concatenate([left, right])
        here = below[tree.left[below] >= 0]
    return end
