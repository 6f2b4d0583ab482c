"""Shares: what each possible split of a level takes away of the impurity of its node.

`decision_tree.grow` divides the points of one node at one threshold and looks at both sides. Here the points stand node
after node, and within each node in the order of a feature's values, so that to split is to cut: the points up to
position i of a node go left, the others right. Sums that run along the array pass every cut of every node. With ȳ the
mean of a node and s² the sum of its targets' variances,

    cᵢ = Σₙ wₙ (yₙ − ȳ) / W s,   over the points n of the node up to i         (1)

Since what is summed is centred, a node adds up to 0, and the next one begins afresh without being told. What is summed
is rounded to multiples of 2⁻⁶⁰, whole numbers, whose sums are exact in any order. For the squared error, the share of
its node's impurity that a cut takes away is

    gᵢ = Σₜ cᵢₜ² / (Wᴸᵢ/W · Wᴿᵢ/W)                                             (2)

W being the weight of the node, and Wᴸ and Wᴿ those on both sides of the cut. So it is for Gini's impurity, where the
targets are 1 for the point's class and 0 for the others. For the entropy, let Lₖ and Rₖ be the weights of class k on
both sides, and H the entropy of the node; for the absolute error, Aᴸ and Aᴿ the sums of wₙ |yₙ − median| of each side,
and A that of the node:

    gᵢ = 1 + (Σₖ φ(Lₖ) + Σₖ φ(Rₖ) − φ(Wᴸ) − φ(Wᴿ)) / W H,   φ(x) = x log₂ x    (3)
    gᵢ = 1 − Σₜ (Aᴸᵢₜ + Aᴿᵢₜ) / Σₜ Aₜ                                          (4)

A share is between 0 and 1 in any unit of the targets. Where a cut may not be, between equal values or too close to an
end, the share is exactly 0; elsewhere it is a little more than 0 even where nothing is gained.

Symbols
-------
    paper    code            shape    meaning
    yₙ       columns         (R,)     target of each point: centred, scaled, times its weight
    cᵢ       c               (B, m)   of m points in the orders of B features
    Wᴸ, Wᴿ   left, right     (B, m)   weight on both sides of a cut
    gᵢ       share           (B, m)   of the node's impurity
    W        weight          (S,)     weight of each of S nodes
    H, A/W   impurity        (S,)     impurity of each node
    s        scale           (S,)     its square root, times that of the number of targets
    Lₖ, Rₖ   L, R            (B, m)   weight of one class on both sides

Cost: O(m C) time for each feature and C classes or targets; times log m for the absolute error.

References
----------
    Breiman, Friedman, Olshen & Stone (1984), "Classification and regression trees", ch. 4 and 8: the criteria.
Differs from them: all nodes of a level at once; shares, so that what counts as a tie does not depend on units.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees import monotonic
from pellucid_trees.absolute_error import split_deviations
from pellucid_trees.level import BoolArray, Level, Problem

DIGITS = 60  # binary digits behind the point of what (1) sums: in a node their absolute values add up to 1 at most
TINY = 1e-30  # added to a share where there can be a cut
LIGHT = 2.0**-60  # less than any point weighs


class Slot(NamedTuple):
    """B features for each node of a level, looked at together."""

    feature: IndexArray  # (B, S), or (B, 1) where all nodes have the same
    order: NDArray[Any]  # (B, m) the level's points, each node's by its feature's values, missing ones last
    same: BoolArray | None  # (B, m) whether the next point has the same value (or none, too); None: nowhere
    missing: IndexArray | None = None  # (B, S) how many points have no value; None: nowhere


class Scan(NamedTuple):
    """What the features of a level have in common."""

    problem: Problem
    level: Level
    place: IndexArray  # (m,) within the node, from 1
    columns: list[IndexArray]  # (R,) each; none for the entropy and the absolute error
    scale: FloatArray  # (S,)
    factor: FloatArray  # (m,) 0 where too few points are left or right; else what (2) needs beside Wᴸ Wᴿ, and these too
    # where points have no weights
    before: FloatArray | None  # (m,) weight of all nodes before; None for points without weights


def scan(problem: Problem, level: Level) -> Scan:
    """Prepare what the features of a level have in common."""
    size, least, light = level.size, problem.min_samples_leaf, problem.min_weight_leaf
    place = np.arange(1, len(level.points) + 1)
    place -= level.start.repeat(size)
    behind = size.repeat(size)
    behind -= place
    if problem.weights is None:
        least, before = max(least, int(np.ceil(light))), None
    else:
        before = (level.weight.cumsum() - level.weight).repeat(size)
    enough = behind >= least
    if least > 1:
        enough &= place >= least
    columns, scale = centred(problem, level)
    factor = enough.astype(np.float64)
    if columns:
        weight = np.ldexp(level.weight, -DIGITS)  # as the sums are multiples of 2^-DIGITS
        factor *= (weight * weight).repeat(size)  #                             (2)
        if before is None:
            behind[~enough] = 1
            factor /= place  #                                                  (2)
            factor /= behind  #                                                 (2)
    return Scan(problem, level, place, columns, scale, factor, before)


def centred(problem: Problem, level: Level) -> tuple[list[IndexArray], FloatArray]:
    """What (1) sums, in the order of the points' numbers, and the scale: -> list of (R,), (S,)."""
    if problem.criterion not in ("gini", "squared_error"):
        return [], np.ones(len(level.start))
    points, size, K, T = level.points, level.size, problem.n_classes, len(problem.targets)
    which = [1] if K == 2 else range(K or T)  # of two classes, one is the mirror image of the other
    scale: FloatArray = np.sqrt(level.impurity * (T or (0.5 if K == 2 else 1)))
    unit = np.ldexp(1 / (scale * level.weight), DIGITS).repeat(size)  # (m,)
    if problem.weights is not None:
        unit *= problem.weights.take(points)
    columns: list[IndexArray] = []
    for k in which:
        y = (problem.labels.take(points) == k) if problem.labels is not None else problem.targets[k].take(points)
        z = y - level.value[:, k].repeat(size)
        z *= unit
        whole = np.rint(z, out=z).astype(np.int64)
        whole[level.start] -= np.add.reduceat(whole, level.start)  # what rounding left: every node adds up to 0
        column = np.empty(problem.n_points, np.int64)
        column[points] = whole
        columns.append(column)
    return columns, scale


def shares(scan: Scan, slot: Slot) -> FloatArray:
    """What a cut after each point takes away of its node's impurity: _, _ -> (B, m).

    It is 0 where there cannot be a cut.
    """
    problem, level, order = scan.problem, scan.level, slot.order
    weighted, constrained = problem.weights is not None, monotonic.constrains(problem, slot.feature)
    share = squares(scan, order) if scan.columns else np.empty(0)  # first, as it is what needs most memory
    left: FloatArray = np.empty(0)
    right = left
    if weighted or constrained or not scan.columns:
        left, right = sides(scan, order)
    if scan.columns:
        if weighted:
            share /= left  #                                                    (2)
            share /= right  #                                                   (2)
    elif problem.criterion == "entropy":
        share = entropies(scan, order, left, right)
    else:
        share = deviations(scan, order)
    share += TINY
    share *= scan.factor
    if weighted and problem.min_weight_leaf > 0:
        share *= (left >= problem.min_weight_leaf) & (right >= problem.min_weight_leaf)
    if constrained:
        share *= monotonic.allowed(problem, level, slot.feature, order, left, right)
    if slot.same is not None:
        np.copyto(share, 0, where=slot.same)
    return share


def sides(scan: Scan, order: IndexArray) -> tuple[FloatArray, FloatArray]:
    """Weight up to each point and behind it: _, (B, m) -> (B, m), (B, m)."""
    size = scan.level.size
    left: FloatArray
    if scan.problem.weights is None or scan.before is None:
        left = np.broadcast_to(scan.place.astype(np.float64), order.shape)
        right = size.repeat(size) - left
    else:
        left = scan.problem.weights.take(order)
        left.cumsum(axis=1, out=left)
        left -= scan.before
        right = scan.level.weight.repeat(size) - left
    return left, np.maximum(right, LIGHT, out=right)  # not 0, behind the last point


def squares(scan: Scan, order: IndexArray) -> FloatArray:
    """Σₜ cᵢₜ², (2) before it is divided by the weights: _, (B, m) -> (B, m)."""
    total: FloatArray | None = None
    for column in scan.columns:
        whole = column.take(order)
        whole.cumsum(axis=1, out=whole)  # ten times as fast as of floats        (1)
        c = whole.astype(np.float64)
        c *= c  #                                                               (2)
        total = c if total is None else np.add(total, c, out=total)
    assert total is not None
    return total


def entropies(scan: Scan, order: IndexArray, left: FloatArray, right: FloatArray) -> FloatArray:
    """(3): _, (B, m), (B, m), (B, m) -> (B, m)."""
    problem, level, size = scan.problem, scan.level, scan.level.size
    assert problem.labels is not None
    label = problem.labels.take(order)
    w = None if problem.weights is None else problem.weights.take(order)
    share = -phi(left) - phi(right)
    for k in range(problem.n_classes):
        there = label == k
        L = there.cumsum(axis=1, dtype=np.float64) if w is None else np.cumsum(there * w, axis=1)
        ends = np.maximum(L[:, level.start + size - 1], 0)  # (B, S) the sum at the end of each node
        before = np.concatenate([np.zeros((len(ends), 1)), ends[:, :-1]], axis=1)
        L -= before.repeat(size, axis=1)
        R = (ends - before).repeat(size, axis=1) - L
        share += phi(L)
        share += phi(R)
    share *= (1 / (level.weight * level.impurity)).repeat(size)
    share += 1  #                                                               (3)
    return np.maximum(share, 0, out=share)


def phi(x: FloatArray) -> FloatArray:
    """x log₂ x, and 0 at 0: (B, m) -> (B, m)."""
    y: FloatArray = np.log2(np.maximum(x, LIGHT))
    y *= x
    return y


def deviations(scan: Scan, order: IndexArray) -> FloatArray:
    """(4): _, (B, m) -> (B, m)."""
    problem, level = scan.problem, scan.level
    B, m = order.shape
    start = (level.start + m * np.arange(B)[:, None]).ravel()  # all orders as one
    size = np.tile(level.size, B)
    w = None if problem.weights is None else problem.weights.take(order).ravel()
    rest = np.zeros(B * m)
    for target in problem.targets:
        rest += split_deviations(target.take(order).ravel(), w, start, size)
    A = level.weight * level.impurity * len(problem.targets)  # (S,)
    share: FloatArray = 1 - rest.reshape(B, m) / A.repeat(level.size)  #        (4)
    return np.maximum(share, 0, out=share)
