"""Prediction by many trees: every pair of a tree and a row goes down at the same time.

The trees of a forest stand one after the other in one set of arrays. Two brothers stand side by side and a leaf is its
own child with nothing above its threshold, so a step asks no question but the node's own, and one rule serves all:

    next(i, x) = child(i) + [x[feature(i)] > threshold(i)]                                       (1)

A pair that has reached its leaf stays there, and is put aside every few steps. What the forest says of a row is the
mean of what its B trees say, each the value v of the leaf l that the row has reached there,

    ŷ(x) = (1/B) Σ_b v(l_b(x))                                                                   (2)

Symbols
-------
    paper       code          shape     meaning
    i           node          (P,)      where each of P pairs is
    x           X             (N, D)    rows
    child       child         (M,)      the left of a node's two children; the right one is the next node
    threshold   threshold     (M,)      above it, a row goes to the right; ∞ at a leaf
    v           value         (M, K)    what a node predicts
    B           n_trees       scalar    how many trees

Cost: O(N B depth) time, and O(PAIRS) memory beside the result; a step of one pair reads three numbers of its node.

References
----------
    Asadi, Lin & de Vries (2014), "Runtime optimizations for tree-based machine learning models": steps without branches
    and leaves that lead to themselves, as in (1); there one tree after the other.
Differs from them: the pairs of many trees, and those that have arrived leave.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.tree import Tree, number_type

PAIRS = 20480  # that go down together: their places stay in the processor's cache
ROWS = 4096  # at most, so that there are several trees to a row
FIRST_STEPS, STEPS = 6, 3  # before the pairs that have arrived are put aside, the first time and then


class Forest(NamedTuple):
    """All nodes of all trees, one tree after the other, the root first; M of them."""

    roots: IndexArray  # (B + 1,) where each tree begins, and where the last one ends
    feature: IndexArray  # (M,) the column that a node asks about; -1 at a leaf
    threshold: FloatArray  # (M,) ∞ at a leaf
    child: IndexArray  # (M,) the left child, the right one is the next node; at a leaf the node itself
    missing_left: NDArray[np.bool_]  # (M,) whether a missing value goes left; True at a leaf
    number: IndexArray  # (M,) which node this is of its own tree, in pre-order
    value: FloatArray  # (M, K)
    impurity: FloatArray  # (M,)
    points: IndexArray  # (M,)
    weight: FloatArray  # (M,)


# -- between trees and a forest ------------------------------------------------------------------------------------


def stack(trees: Iterable[Tree]) -> Forest:
    """Put trees one after the other, the children of the k-th inner node of each tree at its places 2k+1 and 2k+2."""
    fields = dict(zip(Tree._fields, zip(*trees)))
    sizes = np.array([len(feature) for feature in fields["feature"]])
    roots = np.concatenate([[0], np.cumsum(sizes)])

    def every(field: str) -> NDArray[Any]:  # one at a time, and then let go: a large forest should not be kept twice
        return np.concatenate(fields.pop(field))

    feature = every("feature")
    inner = np.flatnonzero(feature >= 0)
    n_inner = np.diff(np.searchsorted(inner, roots))  # (B,)
    k = np.arange(len(inner)) - (n_inner.cumsum() - n_inner).repeat(n_inner)
    first = roots[:-1].astype(number_type(roots[-1]), copy=False).repeat(sizes)  # (M,) the root of each node's tree
    place = first.copy()  # (M,) where each node goes
    right = every("right")[inner] + first[inner]
    place[right] += 2 * k + 2
    left = every("left")[inner] + first[inner]
    place[left] += 2 * k + 1
    child = place.copy()
    child[inner] = place[left]
    order = np.empty_like(place)
    order[place] = np.arange(len(place))
    del k, inner, left, right, place
    return Forest(
        roots,
        feature[order],
        np.where(feature >= 0, every("threshold"), np.inf)[order],
        child[order].astype(np.int64, copy=False),
        (every("missing_left") | (feature < 0))[order],
        (np.arange(len(first)) - first)[order],
        *(every(field)[order] for field in ("value", "impurity", "points", "weight")),
    )


def join(first: Forest, second: Forest) -> Forest:
    """The trees of one forest, then those of the other."""
    M = len(first.feature)
    moved = second._replace(roots=second.roots[1:] + M, child=second.child + M)
    return Forest(*(np.concatenate(parts) for parts in zip(first, moved)))


def tree(forest: Forest, b: int) -> Tree:
    """The b-th tree by itself, in pre-order."""
    start, end = forest.roots[b], forest.roots[b + 1]
    number = forest.number[start:end]
    order = np.empty_like(number)
    order[number] = np.arange(start, end)
    feature = forest.feature[order]
    inner = feature >= 0
    left, right = (forest.number.take(forest.child[order] + i, mode="clip") for i in (0, 1))
    return Tree(
        feature,
        np.where(inner, forest.threshold[order], np.nan),
        np.where(inner, left, -1),
        np.where(inner, right, -1),
        forest.missing_left[order] & inner,
        forest.value[order],
        forest.impurity[order],
        forest.points[order],
        forest.weight[order],
    )


# -- going down ----------------------------------------------------------------------------------------------------


def descend(forest: Forest, X: FloatArray, trees: IndexArray, rows: IndexArray) -> IndexArray:
    """The leaf, a node of the forest, that row rows[p] of X reaches in tree trees[p]: _, (N, D), (P,), (P,) -> (P,)."""
    flat, has_missing = X.ravel(), bool(np.isnan(X).any())
    node = forest.roots.take(trees)
    start = rows * X.shape[1]  # of the row in `flat`
    pair = np.arange(len(node))
    leaves = np.empty(len(node), np.int64)
    n_steps = FIRST_STEPS
    while len(pair):
        for _ in range(n_steps):
            before = node
            x = flat.take(start + forest.feature.take(node))  # at a leaf the number before the row: it decides nothing
            right = x > forest.threshold.take(node)
            if has_missing:
                right |= np.isnan(x) & ~forest.missing_left.take(node)
            node = forest.child.take(node) + right  # (P,)                                       (1)
        n_steps = STEPS
        arrived, going = np.flatnonzero(node == before), np.flatnonzero(node != before)
        leaves[pair.take(arrived)] = node.take(arrived)
        node, start, pair = node.take(going), start.take(going), pair.take(going)
    return leaves


def blocks(forest: Forest, X: FloatArray) -> Iterator[tuple[slice, int, IndexArray]]:
    """Blocks of rows and of trees that go down together: the rows, the first tree, and the leaves (trees, rows)."""
    n_trees = len(forest.roots) - 1
    for start in range(0, len(X), ROWS):
        rows = slice(start, start + ROWS)
        part = np.ascontiguousarray(X[rows])
        width = max(1, PAIRS // len(part))  # trees
        for first in range(0, n_trees, width):
            trees = np.arange(first, min(first + width, n_trees))
            leaves = descend(forest, part, trees.repeat(len(part)), np.tile(np.arange(len(part)), len(trees)))
            yield rows, first, leaves.reshape(len(trees), len(part))


def mean_value(forest: Forest, X: FloatArray) -> FloatArray:
    """What the forest says of each row: _, (N, D) -> (N, K)."""
    n_trees, K = len(forest.roots) - 1, forest.value.shape[1]
    total = np.zeros((len(X), K))
    for rows, _, leaves in blocks(forest, X):
        for leaf in leaves:  # one tree after the other, so that a row's sum is the same whoever stands beside it
            total[rows] += forest.value.take(leaf, axis=0)
    mean: FloatArray = total / n_trees  # (N, K)                                                 (2)
    return mean


def apply(forest: Forest, X: FloatArray) -> IndexArray:
    """The leaf that each row reaches in each tree, by its number there: _, (N, D) -> (N, B)."""
    found = np.empty((len(X), len(forest.roots) - 1), np.int64)
    for rows, first, leaves in blocks(forest, X):
        found[rows, first : first + len(leaves)] = forest.number.take(leaves).T
    return found
