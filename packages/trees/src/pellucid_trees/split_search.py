"""Split search: the question that each node of a level asks.

shares.py tells what every cut is worth. Here the best one is found, for all nodes of a level at once: a slot holds some
features, each with the order of the level's points by its values, and the best cut of a node is the largest number in
its stretch of an array. Where the orders come from does not matter; presorted.py sorts every feature once and for all,
and whoever grows many trees with few random features may sort as needed.

Missing values stand behind all others, so that they go right with every cut. To let them go left, they are moved to the
front of their node, and the search is repeated.

Shares that differ by less than TIE are equal, since sums in another order differ by as much. Of equal ones the first
feature's wins, missing values on the right, and its smallest threshold: so does `decision_tree.grow`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.level import BoolArray, Level, Problem
from pellucid_trees.random_cuts import Cuts, random_cuts
from pellucid_trees.shares import Scan, Slot, shares

TIE = 1e-12

Values: TypeAlias = Callable[[IndexArray, IndexArray], FloatArray]  # points (n,), features (n,) -> X there (n,)


class Choice(NamedTuple):
    """The split of each node of a level."""

    share: FloatArray  # (S,) of the impurity that it takes away; -1 where there is no split
    feature: IndexArray  # (S,)
    threshold: FloatArray  # (S,)
    missing_left: BoolArray  # (S,)
    order: IndexArray  # (m,) the points, node after node
    goes_left: BoolArray  # (m,) of the points in that order


def best_split(
    scan: Scan,
    slots: Sequence[Slot],
    values: Values,
    max_features: int | None = None,
    rng: np.random.Generator | None = None,
) -> Choice:
    """Find the best split of each node.

    With `max_features`, each node looks at that many random ones of the slots' features, and at more while those are
    constant.
    """
    level, m = scan.level, len(scan.level.points)
    alone = len(slots) == 1 and slots[0].missing is None  # as where there is little data
    looks = [look(scan, slot, keep=alone) for slot in slots]
    best = np.concatenate([found.best for found in looks]) if len(looks) > 1 else looks[0].best  # (F, S)
    if max_features is not None and max_features < len(best):
        assert rng is not None
        best = np.where(drawn(scan, slots, max_features, rng), best, 0)
    top = best.max(axis=0)
    chosen = (best >= at_least(top)).argmax(axis=0)  # (S,)
    if alone:  # nothing has to be put together, nor computed again
        cells = (chosen * m).repeat(level.size)
        cells += np.arange(m)
        share, order = looks[0].share.take(cells), slots[0].order.take(cells).astype(np.int64, copy=False)
        of_node = slots[0].feature
        feature = of_node[chosen, np.arange(len(chosen)) if of_node.shape[1] > 1 else 0]
        from_left, missing = None, None
    else:
        slot, from_left = assembled(level, slots, looks, chosen)
        cut = rotated(scan, slot, from_left) if from_left.any() else slot
        share, order, feature, missing = shares(scan, cut)[0], cut.order[0], cut.feature[0], slot.missing
        top = np.maximum.reduceat(share, level.start)
    places = (share >= at_least(top).repeat(level.size)).nonzero()[0]
    at = places.take(places.searchsorted(level.start))  # (S,) the first in each node
    goes_left = np.arange(m) <= at.repeat(level.size)
    low, high = values(order.take(at), feature), values(order.take(np.minimum(at + 1, m - 1)), feature)
    missing_left = 2 * (at - level.start + 1) > level.size  # with the many, where there are none to learn from
    if missing is not None:
        missing_left = np.where(missing[0] > 0, from_left, missing_left)
    return Choice(np.where(top > 0, top, -1.0), feature, midpoint(low, high), missing_left, order, goes_left)


def at_least(top: FloatArray) -> FloatArray:
    """What is as good as the best: not 0, unless that is 0 too: (S,) -> (S,)."""
    return np.where(top > 0, np.maximum(top - TIE, np.finfo(np.float64).tiny), 0)


def midpoint(low: FloatArray, high: FloatArray) -> FloatArray:
    """The threshold between two values, ∞ between a value and none: (S,), (S,) -> (S,)."""
    low, high = low.astype(np.float64), high.astype(np.float64)
    middle = low / 2 + high / 2
    middle = np.where(middle < high, np.maximum(middle, low), low)  # where rounding leaves nothing between them
    threshold: FloatArray = np.where(np.isnan(high), np.inf, middle)
    return threshold


# -- slots -----------------------------------------------------------------------------------------------------------


class Look(NamedTuple):
    """What there is to choose from in a slot."""

    share: FloatArray  # (B, m) of each cut; empty if it is not to be kept
    best: FloatArray  # (B, S) the largest of each feature at each node
    moved: BoolArray | None  # (B, S) whether missing values go left for that; None: nowhere


def look(scan: Scan, slot: Slot, *, keep: bool = False) -> Look:
    """Find the largest share of each feature at each node, and keep them all or not."""
    slot = slot._replace(order=slot.order.astype(np.int64, copy=False))  # once, not with each lookup
    share = shares(scan, slot)
    right = largest(share, scan.level.start)
    share = share if keep else np.empty(0)
    if slot.missing is None:
        return Look(share, right, None)
    left = largest(shares(scan, rotated(scan, slot)), scan.level.start)
    moved = (slot.missing > 0) & (left > right + TIE * (right > 0))
    return Look(share, np.where(moved, left, right), moved)


def largest(numbers: NDArray[Any], start: IndexArray) -> NDArray[Any]:
    """The largest number of each node: (B, m), (S,) -> (B, S)."""
    B, m = numbers.shape
    starts = (start + m * np.arange(B)[:, None]).ravel()
    found: NDArray[Any] = np.maximum.reduceat(numbers.ravel(), starts).reshape(B, -1)
    return found


def rotated(scan: Scan, slot: Slot, nodes: BoolArray | bool = True) -> Slot:
    """Move the missing values of each node, or only of some nodes, from its end to its front."""
    assert slot.missing is not None
    start, size = (numbers.repeat(scan.level.size) for numbers in (scan.level.start, scan.level.size))
    missing = (slot.missing * nodes).repeat(scan.level.size, axis=1)  # (B, m)
    source: IndexArray = start + (scan.place - 1 - missing) % size
    same = scan.place <= missing  # a cut behind the missing ones has been looked at, with the sides exchanged
    if slot.same is not None:
        same |= np.take_along_axis(slot.same, source, axis=1)
    return Slot(slot.feature, np.take_along_axis(slot.order, source, axis=1), same)


def assembled(level: Level, slots: Sequence[Slot], looks: Sequence[Look], chosen: IndexArray) -> tuple[Slot, BoolArray]:
    """One slot in which each node has the feature that was chosen for it, by its number among those of all slots.

    And whether its missing values go left.
    """
    S, m = len(level.start), len(level.points)
    number = chosen.repeat(level.size)  # (m,)
    feature, order, from_left = np.empty(S, np.int64), np.empty(m, np.int64), np.zeros(S, np.bool_)
    same = None if all(slot.same is None for slot in slots) else np.zeros(m, np.bool_)
    missing = None if all(slot.missing is None for slot in slots) else np.zeros(S, np.int64)
    first = 0
    for slot, found in zip(slots, looks):
        B = len(slot.order)
        nodes, places = (((a >= first) & (a < first + B)).nonzero()[0] for a in (chosen, number))
        of_node = (chosen.take(nodes) - first) * S + nodes
        of_point = number.take(places)
        of_point -= first
        of_point *= m
        of_point += places
        feature[nodes] = np.broadcast_to(slot.feature, (B, S)).take(of_node)
        order[places] = slot.order.take(of_point)
        if found.moved is not None:
            from_left[nodes] = found.moved.take(of_node)
        if same is not None and slot.same is not None:
            same[places] = slot.same.take(of_point)
        if missing is not None and slot.missing is not None:
            missing[nodes] = slot.missing.take(of_node)
        first += B
    one = Slot(
        feature[None], order[None], None if same is None else same[None], None if missing is None else missing[None]
    )
    return one, from_left


# -- chance ----------------------------------------------------------------------------------------------------------


def drawn(scan: Scan, slots: Sequence[Slot], max_features: int, rng: np.random.Generator) -> BoolArray:
    """Which features each node looks at: _, _, _, _ -> (F, S).

    It takes them in a random order until there are `max_features`, and one that is not constant among them.
    """
    last = scan.place == scan.level.size.repeat(scan.level.size)
    varies = []
    for slot in slots:
        differs = np.broadcast_to(~last, slot.order.shape) if slot.same is None else ~(slot.same | last)
        varies.append(largest(differs, scan.level.start))
    return in_turn(np.concatenate(varies), max_features, rng)


def in_turn(varies: BoolArray, max_features: int, rng: np.random.Generator) -> BoolArray:
    """The same, from whether each feature varies at each node: (F, S), _, _ -> (F, S)."""
    turn = rng.random(varies.shape).argsort(axis=0).argsort(axis=0)
    soonest = np.where(varies, turn, len(turn)).min(axis=0)
    looks: BoolArray = turn < np.maximum(max_features, soonest + 1)
    return looks


def random_split(
    problem: Problem, level: Level, columns: FloatArray, max_features: int, rng: np.random.Generator, block: int = 1
) -> Choice:
    """Find the best of one random cut for each feature.

    `columns` (D, R) hold the points' values, and are looked at `block` at a time.
    """
    points, S, D, size = level.points, len(level.start), len(columns), level.size
    u, coin = rng.random((D, S)), rng.random((D, S))
    found = []
    for first in range(0, D, block):
        f = slice(first, first + block)
        x = columns[f].take(points, axis=1)  # (B, m)
        gaps = np.isnan(x).any()
        found.append(random_cuts(problem, level, np.arange(D)[f, None], x, u[f], coin[f] if gaps else None))
    cuts = Cuts(*(np.concatenate(parts) for parts in zip(*found)))  # of (D, S)
    best = np.where(in_turn(~cuts.constant, max_features, rng), cuts.share, 0)
    top = best.max(axis=0)
    f = (best >= at_least(top)).argmax(axis=0)
    _, threshold, missing_left, _ = (table[f, np.arange(S)] for table in cuts)
    x = columns[f.repeat(size), points]
    goes_left = np.where(np.isnan(x), missing_left.repeat(size), x <= threshold.repeat(size))
    return Choice(np.where(top > 0, top, -1.0), f, threshold, missing_left, points, goes_left)
