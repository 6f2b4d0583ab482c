"""Histogram tree: a regression tree from sums over bins, for all nodes of a level at once.

To find the best threshold an exact tree keeps the points of each node sorted. If features are in bins (`binning.py`),
it is enough to know three sums over the points of each bin: of their targets, their weights and their number. For a
node and one feature,

    Gᵢ = Σₙ sₙ gₙ,   Wᵢ = Σₙ sₙ   over the node's points n in bin i            (1)

and the number alike. A node's sums are those of its two children together, so only the child with fewer points is
counted, and the other is the difference

    Gᵢ(large) = Gᵢ(parent) − Gᵢ(small),   and Wᵢ likewise                      (2)

A threshold after bin i leaves the sums of the bins 0, ..., i to its left. With G and W for the whole node and Wᴿ for
the weight on the right, the split takes from the node's squared error

    Gᴸᵢ = Σ_{j≤i} Gⱼ,   Wᴸᵢ = Σ_{j≤i} Wⱼ                                       (3)
    Δᵢ = (Gᴸᵢ − Wᴸᵢ G/W)² W / (Wᴸᵢ Wᴿᵢ)                                        (4)

which is Wᴸ Wᴿ / W times the square of the difference between the means of the two sides. Points whose value is missing
stand in a bin of their own, and so far on the right; on the left, the sums Gₘ and Wₘ of their bin are added,

    Gᴸᵢ + Gₘ,   Wᴸᵢ + Wₘ                                                       (5)

and the better side is taken. Then every point goes one level down, by its code c of the feature that its node asks for:

    next(n) = left + [c > cut]                                                 (6)

Symbols
-------
    paper     code        shape          meaning
    gₙ        g           (N,)           targets; in boosting, gradients
    sₙ        weights     (N,)           how much each point counts, more than 0
    Gᵢ, Wᵢ    sums        (D, S, 256)    of S nodes, the real and the imaginary part of one array
    Gᴸ, Wᴸ    left        (D, S, B)      the same of all that is left of each threshold
    Δᵢ        gain        (D, S, B)      by how much a split lowers the squared error; −1 where there may be none
    c, cut    codes, cut  (N, D), (M,)   bins of the points; the last bin on the left at each of M nodes

Cost: O(N D) time for a level and a few times D S 256; up to 48 D S 256 bytes of memory, as long as D S 256 is below
LARGEST. Beyond that the nodes of a level are counted in groups, without (2): this is meant for shallow trees.

References
----------
    Friedman (2001), "Greedy function approximation: a gradient boosting machine": (4) is its 35.
    Ke et al. (2017), "LightGBM: a highly efficient gradient boosting decision tree": sums over bins, as in (1).
    Chen & Guestrin (2016), "XGBoost: a scalable tree boosting system", sec. 3.4: both sides for missing values, (5).
Differs from them: whole levels and not one leaf at a time; no second derivatives, so that with a bin for each value the
tree is the exact one; thresholds midway between the values of the node.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees import best_first
from pellucid_trees.binning import BINS, MISSING, Bins
from pellucid_trees.limits import Limits
from pellucid_trees.split_search import midpoint
from pellucid_trees.tree import Tree, in_preorder

BLOCK = 16384  # rows at a time: their codes and keys stay in the processor's cache
LARGEST = 2**20  # sums that are kept at a time
TIE = 1e-10  # gains whose ratio is this close to 1 are equal; the first feature and threshold win
FLAT = 1e-12  # a share of the squared error that is a rounding error
EPSILON = float(np.finfo(np.float64).eps)

BoolArray = NDArray[np.bool_]
ComplexArray = NDArray[np.complex128]
CodeArray = NDArray[np.uint8]


class Sums(NamedTuple):
    """Over the points in each bin, for S nodes."""

    of: ComplexArray  # (D, S, 256), Gᵢ + √−1 Wᵢ: one addition does for both
    number: FloatArray | None  # (D, S, 256), of points; None where they are the Wᵢ, every point counting once


class Splits(NamedTuple):
    """One for each of S nodes."""

    gain: FloatArray  # (S,) −1 where there is none
    feature: IndexArray  # (S,)
    cut: IndexArray  # (S,) the last bin on the left
    threshold: FloatArray  # (S,)
    missing_left: BoolArray  # (S,)
    n_left: IndexArray  # (S,) points on the left


class Nodes(NamedTuple):
    """All nodes so far, level by level; M of them. A leaf is its own left child and has no code above its cut."""

    feature: IndexArray  # (M,) 0 at a leaf
    cut: IndexArray  # (M,)
    left: IndexArray  # (M,) the right child is the next node
    missing_left: BoolArray  # (M,) True at a leaf
    threshold: FloatArray  # (M,)
    gain: FloatArray  # (M,) −∞ where there is no split
    points: IndexArray  # (M,)


# -- sums ----------------------------------------------------------------------------------------------------------


def counted(codes: CodeArray, z: ComplexArray, slot: IndexArray, S: int, *, weighted: bool) -> Sums:
    """Sums of S nodes; `slot` says in which one a row is, -1 for none of them: (N, D), (N,), (N,), _ -> _."""
    rows, D = np.flatnonzero(slot >= 0), codes.shape[1]
    of = np.zeros((D, S * BINS), np.complex128)
    number = np.zeros((D, S * BINS)) if weighted else None
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        code, z_block, first = codes.take(block, axis=0), z.take(block), slot.take(block) * BINS  # (B, D), (B,), (B,)
        for d in range(D):
            key = code[:, d] + first
            np.add.at(of[d], key, z_block)  #                                                        (1)
            if number is not None:
                np.add.at(number[d], key, np.ones(len(key)))
    return Sums(of.reshape(D, S, BINS), None if number is None else number.reshape(D, S, BINS))


def at_root(bins: Bins, z: ComplexArray, *, weighted: bool) -> Sums:
    """`counted` of all points in one node, whose numbers in the bins are known: _, (N,) -> _."""
    N, D = bins.codes.shape
    of = np.zeros((D, BINS), np.complex128)
    for start in range(0, N, BLOCK):
        code, z_block = bins.codes[start : start + BLOCK], z[start : start + BLOCK]  # (B, D), (B,)
        for d in range(D):
            if weighted:
                np.add.at(of[d], code[:, d].astype(np.int64), z_block)  #                            (1)
            else:
                np.add.at(of[d].real, code[:, d].astype(np.int64), z_block.real)  #                  (1)
    if not weighted:
        of.imag = bins.number
    return Sums(of[:, None], bins.number[:, None] if weighted else None)


def subtract(sums: Sums, parent: Sums, small: IndexArray) -> None:
    """Fill in the brothers of the nodes that were counted, `small`; brothers stand side by side."""
    pairs: Any = zip(sums, parent)
    for of, of_parent in pairs:
        if of is not None:
            of[:, small ^ 1] = of_parent - of[:, small]  #                                           (2)


def some(sums: Sums, *where: Any) -> Sums:
    """The sums of some features and nodes."""
    parts: Any = (None if of is None else of[where] for of in sums)
    return Sums(*parts)


# -- the best split ------------------------------------------------------------------------------------------------


class Problem(NamedTuple):
    """What the growth of a tree does not change."""

    bins: Bins
    g: FloatArray  # (N,) less their mean
    weights: FloatArray | None  # (N,)
    z: ComplexArray  # (N,) sₙ gₙ + √−1 sₙ
    little: float  # a gain that may be nothing but rounding
    pure: float  # a mean squared error up to which targets count as equal
    limits: Limits
    max_features: int
    rng: Any  # a Generator, if not all features are tried


def gains(left: ComplexArray, n_left: FloatArray, total: ComplexArray, points: FloatArray, rules: Limits) -> FloatArray:
    """Δ, and −1 where there may be no split: (D, S, B), (D, S, B), (S,), (S,), _ -> (D, S, B)."""
    mean, W = (total.real / total.imag)[:, None], total.imag[:, None]
    W_left, W_right = left.imag, W - left.imag
    few = n_left < rules.min_samples_leaf
    few |= points[:, None] - n_left < rules.min_samples_leaf
    if rules.min_weight_leaf > 0:
        few |= (W_left < rules.min_weight_leaf) | (W_right < rules.min_weight_leaf)
    # mutate: sign equivalent because the square comes next
    gain: FloatArray = left.real - W_left * mean  #                                                  (4)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain *= gain  #                                                                              (4)
        gain /= W_left * W_right  #                                                                  (4)
        gain *= W  #                                                                                 (4)
    np.copyto(gain, -1, where=few)
    return gain


def on_better_side(
    sums: Sums, problem: Problem, total: ComplexArray, points: FloatArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Δ and the points on the left, (D, S, B) each, and whether missing values are better on the left (D, S)."""
    B, number = problem.bins.most, sums.of.imag if sums.number is None else sums.number
    left = np.cumsum(sums.of[..., :B], axis=-1)  # (D, S, B)                                         (3)
    n_left = left.imag if sums.number is None else np.cumsum(number[..., :B], axis=-1)
    gain = gains(left, n_left, total, points, problem.limits)
    missing, n_missing = sums.of[..., MISSING:], number[..., MISSING:]  # (D, S, 1)
    if not n_missing.any():
        return gain, n_left, np.zeros(gain.shape[:2], np.bool_)
    n_both = n_left + n_missing
    other = gains(left + missing, n_both, total, points, problem.limits)  #                          (5)
    other[n_left == 0] = -1  # only missing values on the left is the same as only these on the right
    top = gain.max(axis=-1)
    moved = other.max(axis=-1) > top + TIE * np.abs(top)
    return np.where(moved[..., None], other, gain), np.where(moved[..., None], n_both, n_left), moved


def best_splits(sums: Sums, problem: Problem, *, flat: bool = False) -> Splits:
    """The best split of each node; if `flat`, all gains count as 0, and so the first."""
    D, S, _ = sums.of.shape
    bins, number = problem.bins, sums.of.imag if sums.number is None else sums.number
    total, points = sums.of[0].sum(axis=-1), number[0].sum(axis=-1)  # (S,)
    top, step = np.empty((D, S)), max(1, BLOCK // (S * BINS))
    for d in range(0, D, step):
        gain, *_ = on_better_side(some(sums, slice(d, d + step)), problem, total, points)
        top[d : d + step] = gain.max(axis=-1)
    if problem.max_features < D:
        top[~drawn(number, problem)] = -1
    best = np.minimum(top, 0).max(axis=0) if flat else top.max(axis=0)
    least = best - TIE * np.abs(best)
    feature, node = (top >= least).argmax(axis=0), np.arange(S)  # (S,)
    gain, n_left, moved = (of[0] for of in on_better_side(some(sums, feature[None], node), problem, total, points))
    cut = (gain >= least[:, None]).argmax(axis=1)  # (S,)
    n_left = np.rint(n_left[node, cut])
    number = number[feature, node]  # (S, 256)
    above = ((number[:, : bins.most] > 0) & (np.arange(bins.most) > cut[:, None])).argmax(axis=1)
    beyond = np.where(above > cut, bins.low[feature, above], np.nan)  # NaN: all on the right are missing
    missing_left = np.where(number[:, MISSING] > 0, moved, 2 * n_left > points)
    threshold = midpoint(bins.high[feature, cut], beyond)
    return Splits(best, feature, cut, threshold, missing_left, n_left.astype(np.int64))


def drawn(number: FloatArray, problem: Problem) -> BoolArray:
    """Random features for each node; constant ones are drawn too, but one must vary: (D, S, 256), _ -> (D, S)."""
    varied = np.count_nonzero(number > 0, axis=-1) > 1
    turn = problem.rng.random(varied.shape).argsort(axis=0).argsort(axis=0)
    soonest = np.where(varied, turn, len(varied)).min(axis=0)
    open_: BoolArray = turn < np.maximum(problem.max_features, soonest + 1)
    return open_


# -- growth --------------------------------------------------------------------------------------------------------


def step_down(codes: CodeArray, node: IndexArray, nodes: Nodes, *, has_missing: bool) -> IndexArray:
    """Where each row is one level further down: (N, D), (N,), _ -> (N,)."""
    N, D = codes.shape
    there = np.empty(N, np.int64)
    first = np.arange(min(N, BLOCK)) * D
    rule = BINS * nodes.left + MISSING - nodes.cut  # a code above the cut carries to the next multiple of 256
    for start in range(0, N, BLOCK):
        here = node[start : start + BLOCK]
        code = codes[start : start + BLOCK].ravel().take(first[: len(here)] + nodes.feature.take(here))
        if has_missing:
            code[(code == MISSING) & nodes.missing_left.take(here)] = 0
        there[start : start + BLOCK] = (rule.take(here) + code) >> 8  #                              (6)
    return there


def squares(y: FloatArray, weights: FloatArray | None, slot: IndexArray, mean: FloatArray) -> FloatArray:
    """Squared error about the mean of each of S nodes: (N,), (N,), (N,), (S,) -> (S,)."""
    deviation = y - mean.take(slot)
    deviation *= deviation if weights is None else deviation * weights
    square: FloatArray = np.bincount(slot, deviation, len(mean)).astype(np.float64, copy=False)
    return square


def by_row(node: IndexArray, M: int, ids: IndexArray, number: IndexArray) -> IndexArray:
    """The `number` of the node of M that each row is at, -1 if it is none of `ids`: (N,), _, (S,), (S,) -> (N,)."""
    of_node = np.full(M, -1)
    of_node[ids] = number
    return of_node.take(node)


def chosen(problem: Problem, sums: Sums, node: IndexArray, M: int, ids: IndexArray) -> Splits:
    """The best split of each node; if it gains nothing but the targets differ, the first, as the next ones may gain."""
    splits, S = best_splits(sums, problem), len(ids)
    doubtful = (splits.gain >= 0) & (splits.gain <= problem.little)
    if not doubtful.any():
        return splits
    slot = by_row(node, M, ids, np.arange(S))
    rows = np.flatnonzero(slot >= 0)
    slot, y = slot.take(rows), problem.g.take(rows)
    weights = None if problem.weights is None else problem.weights.take(rows)
    W = np.bincount(slot, weights, S)
    square = squares(y, weights, slot, np.bincount(slot, problem.z.real.take(rows), S) / W)
    pure = square <= problem.pure * W
    flat = doubtful & (pure | (splits.gain <= FLAT * square))
    first = best_splits(sums, problem, flat=True)
    first.gain[pure] = -1
    return Splits(*(np.where(flat, its, mine) for its, mine in zip(first, splits)))


def leaves(points: IndexArray, first: int) -> Nodes:
    """New nodes, the number of the first one of them, and how many points each has: (S,), _ -> _."""
    S = len(points)
    itself, cut = np.arange(first, first + S), np.full(S, MISSING)
    return Nodes(
        np.zeros(S, np.int64), cut, itself, np.ones(S, np.bool_), np.full(S, np.nan), np.full(S, -np.inf), points
    )


def reached(nodes: Nodes, max_leaf_nodes: int | None) -> BoolArray:
    """Which nodes are split, by best-first growth if there is a limit: _, _ -> (M,)."""
    if max_leaf_nodes is None:
        return nodes.gain > -np.inf
    return best_first.reached(nodes.left, nodes.left + 1, nodes.gain, 1, max_leaf_nodes)


def grow(
    bins: Bins,
    g: FloatArray,
    weights: FloatArray | None,
    limits: Limits,
    *,
    max_features: int | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[Tree, IndexArray]:
    """Grow a tree; return it and the leaf of each row: _, (N,), (N,) -> _, (N,)."""
    (N, D), weighted = bins.codes.shape, weights is not None
    size = max(int(np.frexp(np.abs(g).max())[1]), -1000)
    g = g * np.ldexp(1.0, -size)  # at most 1, so that no square overflows
    W = float(N if weights is None else weights.sum())
    mean = float(g.sum() if weights is None else weights @ g) / W
    g -= mean  # sums of differences have more correct digits
    z = np.empty(N, np.complex128)
    z.real, z.imag = (g, 1) if weights is None else (weights * g, weights)
    square = float(g @ z.real)
    pure = EPSILON * max(
        min(square / W, np.ldexp(1.0, min(-2 * size, 999))), 64 * EPSILON
    )  # or rounding, as no g is above 1
    most_features = D if max_features is None else max_features
    problem = Problem(bins, g, weights, z, max(FLAT * square, W * pure), pure, limits, most_features, rng)
    least = np.ldexp(limits.min_impurity_decrease, -2 * size)
    enough, most = max(limits.min_samples_split, 2 * limits.min_samples_leaf), max(2, LARGEST // (D * BINS))

    node = np.zeros(N, np.int64)  # of each row, in level order
    nodes, sizes = leaves(np.array([N]), 0), [1]
    ids: IndexArray = np.zeros(1, np.int64)  # the nodes at hand
    sums: Any = None
    parent, small = sums, ids
    while len(ids) and (limits.max_depth is None or len(sizes) <= limits.max_depth):
        M, S, parts = len(nodes.left), len(ids), []
        for group in np.split(np.arange(S), range(most, S, most)):
            if M == 1:
                sums = at_root(bins, z, weighted=weighted)
            elif parent is None or S > most:
                slot = by_row(node, M, ids[group], group - group[0])
                sums = counted(bins.codes, z, slot, len(group), weighted=weighted)
            else:
                sums = counted(bins.codes, z, by_row(node, M, ids[small], small), S, weighted=weighted)
                subtract(sums, parent, small)
            parts.append(chosen(problem, sums, node, M, ids[group]))
        splits = Splits(*map(np.concatenate, zip(*parts)))

        split = (splits.gain >= 0) & (splits.gain / W + pure >= least) & (nodes.points[ids] >= enough)
        here, n_left = ids[split], splits.n_left[split]
        for name in ("gain", "feature", "cut", "threshold", "missing_left"):
            getattr(nodes, name)[here] = getattr(splits, name)[split]
        nodes.left[here] = M + 2 * np.arange(len(here))
        points = np.column_stack([n_left, nodes.points[here] - n_left])
        grown: Any = map(np.concatenate, zip(nodes, leaves(points.ravel(), M)))
        nodes = Nodes(*grown)
        sizes.append(points.size)
        node = step_down(bins.codes, node, nodes, has_missing=bins.has_missing)

        on = (points >= enough).any(axis=1) & reached(nodes, limits.max_leaf_nodes)[here]
        ids = (nodes.left[here[on], None] + np.arange(2)).ravel()
        small = np.arange(0, len(ids), 2) + (points[on, 1] < points[on, 0])
        parent = some(sums, slice(None), np.flatnonzero(split)[on]) if len(parts) == 1 else None
    tree, leaf = finished(problem, nodes, sizes, node)
    with np.errstate(over="ignore"):
        value, impurity = np.ldexp(tree.value + mean, size), np.ldexp(tree.impurity, 2 * size)
    return tree._replace(value=value, impurity=impurity), leaf


@np.errstate(divide="ignore", invalid="ignore")  # nodes that were cut away have no points
def finished(problem: Problem, nodes: Nodes, sizes: list[int], node: IndexArray) -> tuple[Tree, IndexArray]:
    """The tree in pre-order, with what its nodes predict, and the leaf of each row."""
    M, inner = len(nodes.left), reached(nodes, problem.limits.max_leaf_nodes)
    levels = np.split(np.arange(M), np.cumsum(sizes)[:-1])
    stop = np.arange(M)  # the last node on the way down that is still there
    for level in levels:
        parent = level[nodes.left[level] > level]
        for child in (nodes.left[parent], nodes.left[parent] + 1):
            stop[child] = np.where(inner[parent], child, stop[parent])
    node = stop.take(node)
    W = np.bincount(node, problem.weights, M).astype(np.float64)
    value = np.bincount(node, problem.z.real, M) / W
    square = squares(problem.g, problem.weights, node, value)
    for level in levels[::-1]:
        parent = level[inner[level]]
        left, right = nodes.left[parent], nodes.left[parent] + 1
        W[parent] = W[left] + W[right]
        apart, share = value[right] - value[left], W[right] / W[parent]
        value[parent] = value[left] + apart * share
        square[parent] = square[left] + square[right] + apart * apart * W[left] * share
    ordered = in_preorder(
        Tree(
            np.where(inner, nodes.feature, -1),
            np.where(inner, nodes.threshold, np.nan),
            np.where(inner, nodes.left, -1),
            np.where(inner, nodes.left + 1, -1),
            nodes.missing_left & inner,
            value[:, None],
            square / W,
            np.arange(M),  # in place of points: which node it was
            W,
        ),
        sizes,
    )[0]
    number = ordered.points
    place = np.full(M, -1)
    place[number] = np.arange(len(number))
    return ordered._replace(points=nodes.points[number]), place.take(node)
