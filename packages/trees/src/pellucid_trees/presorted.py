"""Presorted features: every column is sorted once, and the orders are handed down from parents to children.

A node's points in the order of a feature are those of its parent, in the parent's order, less those that went to the
other side. So each feature is sorted once, before the first level. After that, two passes over a level's order pick out
the points that went left and those that went right, and leave each child's in order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.level import Level, Problem
from pellucid_trees.shares import Slot, scan
from pellucid_trees.split_search import Choice, best_split
from pellucid_trees.tree import number_type

BLOCK = 1 << 15  # numbers that are looked at together: of one feature, or of several where nodes are few and small

Side = NDArray[np.int8]  # (R,) 1 for a point that goes on in a left child, 2 in a right one, 0 if not at all


class Presorted(NamedTuple):
    """The best splits by features that stay sorted."""

    problem: Problem
    X: FloatArray  # (N, D)
    rows: IndexArray | None  # (R,) which row of X each point is; None: the one of its number
    orders: list[NDArray[Any]]  # of (B, m), the points of a level by each feature, all features one after the other
    rank: NDArray[np.int32] | None  # (D, R) of a point's value among all of its feature; None: none occurs twice
    missing: IndexArray  # (D,) the rank of missing values; -1 where there are none
    max_features: int
    rng: np.random.Generator

    def choose(self, level: Level) -> Choice:
        """The split of each node."""
        return best_split(scan(self.problem, level), self.slots(level), self.values, self.max_features, self.rng)

    def follow(self, side: Side) -> Presorted:
        """Hand the orders down: the points of all left children, then those of the right ones.

        This object is then used up: it gives away each order as the next one comes into being, to save memory.
        """
        orders: list[NDArray[Any]] = []
        self.orders.reverse()
        while self.orders:
            order = self.orders.pop()
            B, to = len(order), side.take(order)
            parts = [order.take((to == child).ravel().nonzero()[0]).reshape(B, -1) for child in (1, 2)]
            below = np.concatenate(parts, axis=1)
            if orders and len(orders[-1]) + B <= BLOCK // below.shape[1]:
                orders[-1] = np.concatenate([orders[-1], below])
            else:
                orders.append(below)
        return self._replace(orders=orders)

    def slots(self, level: Level) -> list[Slot]:
        """The features in their orders."""
        slots, first = [], 0
        for order in self.orders:
            B = len(order)
            feature = np.arange(first, first + B)[:, None]
            same = missing = None
            if self.rank is not None:
                R = self.rank.shape[1]
                rank = self.rank[first].take(order) if B == 1 else self.rank.take(order + feature * R)
                same = np.empty(order.shape, np.bool_)
                np.equal(rank[:, 1:], rank[:, :-1], out=same[:, :-1])
                same[:, -1] = False
                if (self.missing[feature] >= 0).any():
                    missing = np.add.reduceat(rank == self.missing[feature], level.start, axis=1, dtype=np.int64)
            slots.append(Slot(feature, order, same, missing))
            first += B
        return slots

    def values(self, points: IndexArray, feature: IndexArray) -> FloatArray:
        """X at these points and features."""
        return self.X[points if self.rows is None else self.rows.take(points), feature]


def presort(problem: Problem, X: FloatArray, rows: IndexArray | None, max_features: int, rng: Any) -> Presorted:
    """Sort every feature."""
    D, R = X.shape[1], len(X) if rows is None else len(rows)
    B = min(D, max(1, BLOCK // R))
    orders: list[NDArray[Any]] = []
    kept = number_type(R)
    rank, missing = None, np.full(D, -1)
    for first in range(0, D, B):
        columns = X[:, first : first + B] if rows is None else X[rows, first : first + B]
        x = np.ascontiguousarray(columns.T)  # (B, R)
        order = x.argsort(axis=1)
        x = np.take_along_axis(x, order, axis=1)
        rises = x[:, 1:] != x[:, :-1]
        gaps = np.isnan(x[:, -1]).any()
        if gaps:
            rises &= ~np.isnan(x[:, :-1])
        if rank is None and (gaps or not rises.all()):
            rank = np.empty((D, R), np.int32)
            for earlier, block in enumerate(orders):
                np.put_along_axis(rank[earlier * B : (earlier + 1) * B], block, np.arange(R, dtype=np.int32)[None], 1)
        if rank is not None:
            place = np.zeros(order.shape, np.int32)
            rises.cumsum(axis=1, out=place[:, 1:])
            np.put_along_axis(rank[first : first + B], order, place, axis=1)
            if gaps:
                missing[first : first + B] = np.where(np.isnan(x[:, -1]), place[:, -1], -1)
        orders.append(order.astype(kept, copy=False))
    return Presorted(problem, X, rows, orders, rank, missing, max_features, rng)
