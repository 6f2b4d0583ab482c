"""Many trees at once: the nodes of a whole batch of trees are split together, each with random features of its own.

The fast form of a forest's growth, beside `random_forest.fit`, which grows one tree after the other. level_wise.py goes
down level by level and asks, at each level, for a split of every node; whether the nodes are of one tree or of many
makes no difference to it. What a forest needs are other features at every node, and it looks at few of them, so that it
would not pay to keep all features sorted. Instead, the points of a level are sorted for one drawn feature per node, all
nodes in one go, as whole numbers that hold three things one above the other in their bits:

    key(p) = node(p) · 2^(r+t) + rank(p) · 2^t + p                                               (1)

rank(p) < 2^r is the place of the point's value among those of the feature that its node looks at, the same for equal
values, and p < 2^t its number. Sorted keys stand node after node, in each node by value, and tell the point by its last
bits.

Which features a node looks at: the first q of all D in a random order, by shuffling only so far,

    exchange f_j and f_k,   k drawn from j, ..., D − 1,   for j = 0, ..., q − 1                  (2)

and, where all of these are constant among the node's points, one more that is not, if there is one: the same as going
on along a random order until the first that is not constant.

Symbols
-------
    paper     code        shape     meaning
    p         points      (m,)      a point: a row of X that a tree has drawn, however often
    rank      rank        (D, N)    of a row's value in each column
    key       key         (m,)      of each point of a level
    r, t      rank_bits   scalar    bits of a rank; those of a point are point_bits
    f         f           (D, S)    features in the making of a random order, for each of S nodes
    q         q           scalar    how many features a node looks at

Cost: O(m q log m) time for a level of m points; O(m + N D) memory beside the data, some of it in two bytes.

References
----------
    Breiman (2001), "Random forests", sec. 4: features drawn anew at each node.
    Knuth (1997), TAOCP vol. 2, 3rd ed., sec. 3.4.2, algorithm P: (2), stopped early.
Differs from them: all nodes of many trees at once; missing values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.level import BoolArray, Level, Problem, describe, pose, restored, sublevel
from pellucid_trees.level_wise import grow_levels
from pellucid_trees.limits import Limits
from pellucid_trees.shares import Scan, Slot, scan, shares
from pellucid_trees.split_search import TIE, Choice, at_least, midpoint, rotated
from pellucid_trees.tree import Tree

BITS = 63  # of a key
SHUFFLED = 1 << 20  # numbers in the random orders that are in the making together


class Found(NamedTuple):
    """The best split of each node by the features that it has looked at."""

    share: FloatArray  # (S,) of the impurity that it takes away; -1 where there is no split
    feature: IndexArray  # (S,)
    threshold: FloatArray  # (S,)
    missing_left: BoolArray  # (S,)


Look: TypeAlias = Callable[[Any, Level, IndexArray], tuple[Found, BoolArray]]


class Table(NamedTuple):
    """X, and what all trees need to know of it."""

    X: FloatArray  # (N, D), row after row
    rank: Any  # (D, N) of each value in its column, from 0; the missing ones are the last
    missing: IndexArray  # (D,) the rank of missing values; -1 where there are none


def table(X: FloatArray) -> Table:
    """Rank the values of each column."""
    X, (N, D) = np.ascontiguousarray(X), X.shape
    rank, missing = np.empty((D, N), np.min_scalar_type(N)), np.full(D, -1)
    for d in range(D):
        x = np.ascontiguousarray(X[:, d])
        order = np.argsort(x)
        x = x.take(order)
        rises = (x[1:] != x[:-1]) & ~np.isnan(x[:-1])
        rank[d, order[0]] = 0
        rank[d, order[1:]] = np.cumsum(rises)
        if np.isnan(x[-1]):
            missing[d] = rank[d, order[-1]]
    return Table(X, rank, missing)


class Draws(NamedTuple):
    """The search for splits among random features."""

    problem: Problem
    table: Table
    rows: IndexArray  # (R,) which row of X each point is
    trees: IndexArray  # (R,) and of which tree
    q: int
    rngs: Sequence[np.random.Generator]  # one for each tree
    look: Look  # at which thresholds: `best_thresholds`, or those of extra_trees.py

    def choose(self, level: Level) -> Choice:
        """The split of each node of a level."""
        u = uniform(self, level, self.q + 1)
        found, constant = self.look(self, level, shuffled(u[:, :-1], len(self.table.rank)))
        if constant.any():
            found = one_more(self, level, found, constant, u[:, -1])
        return Choice(*found, level.points, goes_left(self, level, found))  # by row, so that what follows lies together

    def follow(self, side: Any) -> Self:
        """Nothing is kept from one level to the next."""
        return self

    def values(self, points: IndexArray, feature: IndexArray) -> FloatArray:
        """X at these points and features."""
        place = self.rows.take(points)
        place *= self.table.X.shape[1]
        place += feature
        return self.table.X.ravel().take(place)

    def values_of(self, level: Level, feature: IndexArray) -> FloatArray:
        """X at all points of a level, by the features of their nodes: _, (..., S) -> (..., m)."""
        place = feature.repeat(level.size, axis=-1)
        place += self.rows.take(level.points) * self.table.X.shape[1]
        return self.table.X.ravel().take(place)


def goes_left(search: Draws, level: Level, found: Found) -> BoolArray:
    """Whether each point goes to the left: -> (m,)."""
    x = search.values_of(level, found.feature)
    left: BoolArray = x <= found.threshold.repeat(level.size)
    if (search.table.missing >= 0).any():
        left |= np.isnan(x) & found.missing_left.repeat(level.size)
    return left


# -- drawing -------------------------------------------------------------------------------------------------------


def uniform(search: Any, level: Level, n: int) -> FloatArray:
    """Random numbers in [0, 1) for each node from the generator of its tree, whatever other trees there are: (S, n)."""
    tree = search.trees.take(level.points.take(level.start))  # (S,)
    order = np.argsort(tree, kind="stable")
    u = np.empty((len(tree), n))
    drawn = zip(search.rngs, np.bincount(tree, minlength=len(search.rngs)))
    u[order] = np.concatenate([rng.random((S, n)) for rng, S in drawn])
    return u


def shuffled(u: FloatArray, D: int) -> IndexArray:
    """The first q of D features in random order, by as many random numbers: (S, q), _ -> (S, q)."""
    S, q = u.shape
    found = np.empty((S, q), np.int64)
    height = max(1, SHUFFLED // D)
    for start in range(0, S, height):
        nodes = slice(start, start + height)
        here = np.arange(len(u[nodes]))
        f = np.repeat(np.arange(D)[:, None], len(here), axis=1)  # (D, S)
        for j in range(q):
            k = j + (u[nodes, j] * (D - j)).astype(np.int64)
            f[j], f[k, here] = f[k, here], f[j].copy()  #                                        (2)
        found[nodes] = f[:q].T
    return found


def one_more(search: Draws, level: Level, found: Found, constant: BoolArray, u: FloatArray) -> Found:
    """Let the nodes whose features were all constant look at another one, if there is one."""
    part = sublevel(level, constant, np.flatnonzero(constant.repeat(level.size)))
    rows = search.rows.take(part.points)
    varies = np.zeros((len(search.table.rank), len(constant)), np.bool_)  # (D, S)
    for feature, rank in enumerate(search.table.rank):
        r = rank.take(rows)
        varies[feature, constant] = np.minimum.reduceat(r, part.start) < np.maximum.reduceat(r, part.start)
    n = varies.sum(axis=0)
    nodes = n > 0
    if not nodes.any():
        return found
    which = (u * n)[nodes].astype(np.int64)  # of those that vary
    chosen = np.argmax(varies[:, nodes].cumsum(axis=0) > which, axis=0)
    part = sublevel(level, nodes, np.flatnonzero(nodes.repeat(level.size)))
    more, _ = search.look(search, part, chosen[:, None])
    both = [field.copy() for field in found]
    for field, new in zip(both, more):
        field[nodes] = new
    return Found._make(both)


# -- looking at features -------------------------------------------------------------------------------------------


def best_thresholds(search: Draws, level: Level, features: IndexArray) -> tuple[Found, BoolArray]:
    """The best split by these features (S, q), and where all of them are constant (S,)."""
    prepared, same = scan(search.problem, level), keys(search, level)
    found = zip(*(best_cut(prepared, *by_value(search, level, same, feature)) for feature in features.T))
    share, feature, low, high, missing_left, constant = best_of(features, *map(np.array, found))
    threshold = midpoint(search.values(low, feature), search.values(high, feature))
    return Found(share, feature, threshold, missing_left), constant


def best_of(features: IndexArray, share: FloatArray, *others: NDArray[Any]) -> tuple[Any, ...]:
    """The best of what was found for each feature (q, S), the first of several, and where all features are constant.

    Whether a feature is constant is the last of what was found.
    """
    top = share.max(axis=0)
    best = np.argmax(share >= at_least(top), axis=0), np.arange(len(features))
    return (
        np.where(top > 0, top, -1.0),
        features.T[best],
        *(other[best] for other in others[:-1]),
        others[-1].all(axis=0),
    )


def best_cut(scan: Scan, slot: Slot, constant: BoolArray) -> tuple[FloatArray, IndexArray, IndexArray, Any, BoolArray]:
    """Where each node is cut by one feature: what that is worth, the points on both sides, where missing values go."""
    start, size, order = scan.level.start, scan.level.size, slot.order[0]
    share, cut = largest_of(scan, slot)
    low, high = order.take(cut), order.take(cut + 1, mode="clip")
    missing_left = 2 * (cut - start + 1) > size  # with the many, where there are none to learn from
    if slot.missing is not None:
        order = (other := rotated(scan, slot)).order[0]
        other_share, cut = largest_of(scan, other)
        left = (slot.missing[0] > 0) & (other_share > share + TIE * (share > 0))
        share, missing_left = np.where(left, other_share, share), np.where(slot.missing[0] > 0, left, missing_left)
        low, high = np.where(left, order.take(cut), low), np.where(left, order.take(cut + 1, mode="clip"), high)
    return share, low, high, missing_left, constant


def largest_of(scan: Scan, slot: Slot) -> tuple[FloatArray, IndexArray]:
    """The largest share of each node, and the first place where it is as large: (S,), (S,)."""
    share = shares(scan, slot)[0]
    top = np.maximum.reduceat(share, scan.level.start)
    places = np.flatnonzero(share >= at_least(top).repeat(scan.level.size))
    return top, places.take(np.searchsorted(places, scan.level.start))


class Keys(NamedTuple):
    """What the keys of a level have in common for all features."""

    rows: IndexArray  # (m,) of the points
    node: IndexArray  # (S,)
    others: IndexArray | None  # (m,) the parts of (1) but the rank; None where all three are too long for a number
    rank_bits: int
    point_bits: int


def keys(search: Draws, level: Level) -> Keys:
    """Prepare the keys of a level."""
    node, others = np.arange(len(level.start)), None
    rank_bits, point_bits = (int(n - 1).bit_length() for n in (len(search.table.X), len(search.rows)))
    if int(len(node) - 1).bit_length() + rank_bits + point_bits <= BITS:
        others = (node << rank_bits + point_bits).repeat(level.size)
        others += level.points
    return Keys(search.rows.take(level.points), node, others, rank_bits, point_bits)


def by_value(search: Draws, level: Level, keys: Keys, feature: IndexArray) -> tuple[Slot, BoolArray]:
    """Sort the points of each node by one feature, and tell where it is constant: _, _, _, (S,) -> _, (S,)."""
    rank, missing = search.table.rank, search.table.missing.take(feature)  # (D, N), (S,)
    key = (feature * rank.shape[1]).repeat(level.size)
    key += keys.rows
    key = rank.ravel().take(key).astype(np.int64)  # (m,)
    if keys.others is not None:
        key <<= keys.point_bits
        key += keys.others  #                                                                    (1)
        key.sort()
        order = key & ((1 << keys.point_bits) - 1)
        key >>= keys.point_bits
    else:
        key += (keys.node << keys.rank_bits).repeat(level.size)
        place = np.argsort(key)
        order, key = level.points.take(place), key.take(place)
    same = np.empty((1, len(key)), np.bool_)
    np.equal(key[1:], key[:-1], out=same[0, :-1])
    same[0, -1] = False
    first, last = key.take(level.start), key.take(level.start + level.size - 1)
    ranks, n_missing = (1 << keys.rank_bits) - 1, None
    if ((last & ranks) == missing).any():
        absent = (key & ranks) == missing.repeat(level.size)
        n_missing = np.add.reduceat(absent, level.start, dtype=np.int64)[None]
    return Slot(feature[None], order[None], same, n_missing), first == last


# -- growing -------------------------------------------------------------------------------------------------------


def grow(
    table: Table,
    Y: Any,
    weights: Any,
    limits: Limits,
    look: Look = best_thresholds,
    *,
    rngs: Sequence[np.random.Generator],
    n_classes: int | None = None,
    criterion: str = "squared_error",
    max_features: int | None = None,
    monotonic_cst: IndexArray | None = None,
) -> list[Tree]:
    """Grow a tree for each row of the weights (B, N), by the generator of the same number; else as level_wise.grow."""
    trees, rows = np.nonzero(weights)
    weights = weights[trees, rows]
    problem, limits, units = pose(
        Y,
        None if (weights == 1).all() else weights,
        limits,
        n_classes=n_classes,
        criterion=criterion,
        monotonic_cst=None if monotonic_cst is None or not monotonic_cst.any() else monotonic_cst,
        rows=rows,
    )
    q = len(table.rank) if max_features is None else max_features
    size = np.bincount(trees)
    root = describe(problem, np.arange(len(rows)), size.cumsum() - size, size)
    search = Draws(problem, table, rows, trees, q, rngs, look)
    return [restored(tree, units) for tree in grow_levels(problem, root, search, limits)]
