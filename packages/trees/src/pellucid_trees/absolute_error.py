"""Absolute deviation on both sides of every threshold: how far points are from their median.

A tree for the absolute error compares all thresholds of a feature. For each it needs, of the points left of it and of
those right of it, the sum of their distances from their median. With the n points of a node in the feature's order this
is a question about its prefixes and its suffixes, and it is answered for all of all nodes at once. For prefix i, the
first i points, the sum is

    Aᵢ = min_c Σₙ wₙ |yₙ − c|,   n ≤ i

Without weights.  A median of an odd number of points is one of the points, and still a median when another comes in.
Before the last of an odd number came in, all numbers between the two middle points were medians; the nearest of them to
the last point is the median now. Either way the median mⱼ of an odd prefix fits two prefixes, and only the distance of
the last point is new:

    Aᵢ = Aᵢ₋₁ + |yᵢ − mⱼ|,   j = i or i − 1, whichever is odd                  (1)

Search.  Number the points of a node 0, 1, ... by their y, ties in any order, and write the numbers in binary. The first
digit divides the points into a lower and an upper half. Of the k points of a prefix, those with the digit 1 are in the
upper half:

    k¹ = ones among the first k digits,   k⁰ = k − k¹                          (2)

The median is above t = (j − 1) / 2 points. It is in the upper half if that is at least the number in the lower half:

    up if t ≥ k⁰;   then t ← t − k⁰                                            (3)

The half that it is in is divided by the next digit, and so on until one point is left. A prefix of the node is a
prefix of each half too, if the points of the half stay in their order. The suffix behind a prefix of k points has in
the lower half what the prefix leaves there: for it, (3) has half − k⁰ in the place of k⁰.

A node fills a block whose length is the next power of two, with empty places at the end and above all y. So all parts
are equally long at a digit, and those of all nodes are rows of one matrix.

With weights  the median is the smallest y such that the points up to it have half of the weight W of the prefix or
more. Say W⁻ is the weight of the points below it, V⁻ the sum of their wₙ yₙ, and V that sum over the whole prefix. What
is below counts c − y, the rest y − c, and together

    h = W / 2 − W⁻                                                             (4)
    A = V − 2 V⁻ − 2 c h                                                       (5)

The search goes by the weight Wˡ that a prefix has in the lower half, and sums up the Vˡ:

    up if h > Wˡ;   then h ← h − Wˡ and V⁻ ← V⁻ + Vˡ                           (6)

Symbols
-------
    paper   code       shape    meaning
    yₙ, wₙ  y, w       (m,)     targets and weights, node after node
    n       count      (S,)     points of each node
    k       k          (Q,)     points of a prefix in the part where its median is, for Q prefixes
    k⁰, k¹  k_low      (Q,)     how many of them go to its lower half; and k_high to its upper half
    t       t          (Q,)     points of the prefix in the part and below the median
    mⱼ      medians    (m,)     for each point the median that (1) takes
    h       h          (m,)     weight up to the median, and not in W⁻
    V, V⁻   V, V_below (m,)     sum of wₙ yₙ in a prefix, and of that what is below the median
    Wˡ, Vˡ  W_low      (m,)     weight of the prefix in the lower half; and V_low, the sum
    A       A          (m,)     absolute deviation

Cost: O(m log n) time for m points in nodes of n, O(m) memory.

References
----------
    Gagie, Puglisi & Turpin (2009), "Range quantile queries: another virtue of wavelet trees": the search.
    Breiman, Friedman, Olshen & Stone (1984), "Classification and regression trees", ch. 8: absolute error.
Differs from them: prefixes only, all of them together; weights; (1), which needs no sums in the search.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray


class Blocks(NamedTuple):
    """The nodes from the longest to the shortest, each in a block whose length is a power of two.

    What is said of points counts them in this order, without the empty places behind them in the blocks.
    """

    node: IndexArray  # (S,) which node comes first, second, ...
    first: IndexArray  # (S,) its first point
    size: IndexArray  # (S,) how many points it has
    source: IndexArray  # (m,) where each point stood
    place: IndexArray  # (m,) where it stands among the blocks
    ends: IndexArray  # (b+1,) where the blocks end that are at least 1, 2, 4, ... long
    long: IndexArray  # (b+1,) how many blocks those are


def prefix_deviations(y: FloatArray, w: FloatArray | None, start: IndexArray, count: IndexArray) -> FloatArray:
    """Absolute deviation of a node's points up to each of them: (m,), (m,), (S,), (S,) -> (m,).

    Parameters
    ----------
    y : array of shape (m,)
        Numbers, node after node.
    w : array of shape (m,), or None
        Weights of 0 or more; None for 1 each. Where sums of weights and of w y are exact (whole numbers, say), so is
        the result.
    start, count : array of shape (S,)
        Where each node begins, and how many points it has: 1 or more. Together they cover all positions.

    Returns
    -------
    array of shape (m,)
        Σ w |y − median| over the positions from the node's first to this one.
    """
    return _deviations(y, w, start, count, suffixes=False)[0]


def split_deviations(y: FloatArray, w: FloatArray | None, start: IndexArray, count: IndexArray) -> FloatArray:
    """Absolute deviation of a node's points up to each, and of those after it: (m,), (m,), (S,), (S,) -> (m,).

    Parameters are those of `prefix_deviations`. The result is the sum over both sides, each from its own median.
    """
    prefixes, suffixes = _deviations(y, w, start, count, suffixes=True)
    return prefixes + suffixes


def _deviations(
    y: FloatArray, w: FloatArray | None, start: IndexArray, count: IndexArray, *, suffixes: bool
) -> list[FloatArray]:
    """A of all prefixes; with `suffixes` then of those behind each of them: (m,), (m,), (S,), (S,) -> _."""
    blocks = in_blocks(start, count)
    y = y.take(blocks.source)
    order = by_value(y, blocks)
    if w is None or np.all(w == 1):
        found = unweighted(y, order, blocks, suffixes=suffixes)
    else:
        found = weighted(y, w.take(blocks.source), order, blocks, suffixes=suffixes)
    where = np.empty_like(blocks.source)
    where[blocks.source] = np.arange(len(y))
    return [A.take(where) for A in found]


def unweighted(y: FloatArray, order: IndexArray, blocks: Blocks, *, suffixes: bool) -> list[FloatArray]:
    """A of all prefixes, and of the suffixes behind them: (m,), (m,), _ -> _.

    `order` are the points of each node from the smallest to the largest y.
    """
    odd = (blocks.size + 1) // 2  # prefixes of odd length
    first_odd = np.cumsum(odd) - odd
    t = np.arange(odd.sum()) - np.repeat(first_odd, odd)  # the one of length 2 t + 1 has t points below its median
    part = np.repeat(blocks.place[blocks.first], odd)  # where the part begins that the median is in
    lengths = [2 * t + 1, np.repeat(blocks.size, odd) - 1 - 2 * t]  # of the prefix, or of that before the suffix
    searches = [(k, part.copy(), t.copy()) for k in lengths[: 1 + suffixes]]
    ends = np.append(0, np.cumsum(odd))[blocks.long]
    for digit, half, _, ones_before in halved(order, blocks):
        for side, search in enumerate(searches):
            k, part, t = (array[: ends[digit + 1]] for array in search)  # of the nodes that are divided
            k_high = ones_before.take(part + k) - (part >> 1)  #                (2)
            k_low = k - k_high  #                                               (2)
            below = half - k_low if side else k_low
            up = t >= below  #                                                  (3)
            t -= up * below  #                                                  (3)
            part += up * half
            k[:] = k_low + up * (k_high - k_low)  # faster than a choice
    in_order = spread(y.take(order), blocks)
    from_first = np.arange(len(y)) - np.repeat(blocks.first, blocks.size)
    found = []
    for side, (_, part, _) in enumerate(searches):
        i = np.repeat(blocks.size - 1, blocks.size) - from_first if side else from_first
        medians = in_order.take(part).take(np.repeat(first_odd, blocks.size) + i // 2)
        distance = spread(np.abs(y - medians), blocks)  #                       (1)
        found.append(running_sums(distance, blocks, behind=bool(side)).take(blocks.place))  # (1)
    return found


def halved(order: IndexArray, blocks: Blocks) -> Iterator[tuple[int, int, IndexArray, IndexArray]]:
    """Divide all parts digit by digit, the first digit of the longest blocks first.

    `order` are the points of each node by their y. For each digit: which it is, the length of a half, where the points
    of both halves of each part stood, and how many ones there are before each place.
    """
    size = int(blocks.ends[0])
    number = np.arange(size)  # of what stands at each place, its block's place (a multiple of its length) included
    number[blocks.place.take(order)] = blocks.place
    both, moved, ones_before = np.empty(size, np.int64), np.empty(size, np.int64), np.zeros(size + 1, np.int64)
    for digit in range(len(blocks.ends) - 2, -1, -1):
        size, half = int(blocks.ends[digit + 1]), 1 << digit
        ones = number[:size] & half != 0
        lower_upper = both[:size].reshape(-1, 2, half)
        lower_upper[:, 0] = np.flatnonzero(~ones).reshape(-1, half)
        lower_upper[:, 1] = np.flatnonzero(ones).reshape(-1, half)
        number[:size] = np.take(number, both[:size], out=moved[:size], mode="clip")  # the mode only saves a copy
        np.copyto(moved[:size], ones)
        np.cumsum(moved[:size], out=ones_before[1 : size + 1])
        yield digit, half, both[:size], ones_before[: size + 1]


def weighted(y: FloatArray, w: FloatArray, order: IndexArray, blocks: Blocks, *, suffixes: bool) -> list[FloatArray]:
    """A of all prefixes, and of the suffixes behind them: (m,), (m,), (m,), _ -> _."""
    centre = y.take(order.take(half_way(w, order, blocks)[0]))  # (S,), so that numbers are small, and add precisely
    y = y - np.repeat(centre, blocks.size)
    values, weights = spread(w * y, blocks), spread(w, blocks)
    k = 1 + np.arange(len(y)) - np.repeat(blocks.first, blocks.size)
    part = blocks.place + 1 - k
    V, W = (running_sums(wide, blocks).take(blocks.place) for wide in (values, weights))
    sums = [(V, W)]
    if suffixes:
        last = blocks.first + blocks.size - 1
        sums.append((V[last].repeat(blocks.size) - V, W[last].repeat(blocks.size) - W))
    searches: list[tuple[Any, ...]] = [(k.copy(), part.copy(), W / 2, np.zeros(len(y))) for _, W in sums]  # (4)
    ends = np.append(0, np.cumsum(blocks.size))[blocks.long]
    for digit, half, both, ones_before in halved(order, blocks):
        values[: len(both)], weights[: len(both)] = values.take(both), weights.take(both)
        lower = (wide[: len(both)].reshape(-1, 2, half)[:, 0] for wide in (values, weights))
        V_lower, W_lower = (sums_from_zero(rows) for rows in lower)  # (parts, half + 1)
        for side, search in enumerate(searches):
            k, part, h, V_below = (array[: ends[digit + 1]] for array in search)  # of the nodes that are divided
            k_high = ones_before.take(part + k) - (part >> 1)
            k_low = k - k_high
            row = (part >> (digit + 1)) * (half + 1)
            V_low, W_low = V_lower.take(row + k_low), W_lower.take(row + k_low)
            if side:
                V_low, W_low = V_lower.take(row + half) - V_low, W_lower.take(row + half) - W_low
            # mutate: boundary equivalent because at h = Wˡ every number between the two halves is a median
            up = h > W_low  #                                                   (6)
            h -= up * W_low  #                                                  (6)
            V_below += up * V_low  #                                            (6)
            part += up * half
            k[:] = k_low + up * (k_high - k_low)
    in_order = spread(y.take(order), blocks)
    found = []
    for (V, _), (_, part, h, V_below) in zip(sums, searches):
        A = V - 2 * V_below - 2 * in_order.take(part) * h  #                    (5)
        found.append(np.maximum(A, 0))  # rounding
    return found


def weighted_medians(y: FloatArray, w: FloatArray | None, start: IndexArray, count: IndexArray) -> FloatArray:
    """Weighted median of each node, the middle one where there are many: (m,), (m,), (S,), (S,) -> (S,).

    Parameters are those of `prefix_deviations`; a node has some weight. Where the points up to one have exactly half of
    it, every number from there to the next point is a median, and the middle of the two is returned.
    """
    blocks = in_blocks(start, count)
    y, w = y.take(blocks.source), None if w is None else w.take(blocks.source)
    order = by_value(y, blocks)
    lower, upper = half_way(w, order, blocks)
    medians = np.empty(len(count))
    medians[blocks.node] = y.take(order.take(lower)) / 2 + y.take(order.take(upper)) / 2
    return medians


# -- blocks ----------------------------------------------------------------------------------------------------------


def in_blocks(start: IndexArray, count: IndexArray) -> Blocks:
    """Where the points of nodes go that begin at `start` and are `count` long: (S,), (S,) -> _."""
    digits = np.frexp(np.maximum(count - 1, 0.5))[1].astype(np.int64)  # ⌈log₂ n⌉
    node = np.argsort(-digits, kind="stable")
    start, count, digits = start[node], count[node], digits[node]
    first, length = np.cumsum(count) - count, 1 << digits
    m = int(count.sum())
    source = np.arange(m) + np.repeat(start - first, count)
    place = np.arange(m) + np.repeat(np.cumsum(length) - length - first, count)
    long = np.searchsorted(-digits, -np.arange(digits.max(initial=0) + 1), side="right")  # (b+1,) how many nodes
    return Blocks(node, first, count, source, place, np.append(0, np.cumsum(length))[long], long)


def by_value(y: FloatArray, blocks: Blocks) -> IndexArray:
    """The points of each node from the smallest to the largest y: (m,), _ -> (m,)."""
    order = np.argsort(y)
    m, S = len(order), len(blocks.size)
    if S == 1:
        return order
    rank = np.empty(m, np.int64)
    rank[order] = np.arange(m)
    rank += np.repeat(np.arange(0, S * m, m), blocks.size)
    rank.sort()
    rank %= m
    return order.take(rank)


def half_way(w: FloatArray | None, order: IndexArray, blocks: Blocks) -> tuple[IndexArray, IndexArray]:
    """Which points of each node, by y, first reach half its weight, and exceed it: (m,), (m,), _ -> (S,), (S,)."""
    first, last = blocks.first, blocks.first + blocks.size - 1
    if w is None:
        return (first + last) // 2, (first + last + 1) // 2
    up_to = running_sums(spread(w.take(order), blocks), blocks).take(blocks.place)
    half = np.repeat(up_to.take(last) / 2, blocks.size)
    lower, upper = (first + np.add.reduceat(below, first, dtype=np.int64) for below in (up_to < half, up_to <= half))
    return lower, np.minimum(upper, last)  # nothing exceeds it where all weights are 0


def spread(values: FloatArray, blocks: Blocks) -> FloatArray:
    """Numbers of the points at their places in blocks, zeros between them: (m,), _ -> _."""
    wide = np.zeros(blocks.ends[0])
    wide[blocks.place] = values
    return wide


def running_sums(wide: FloatArray, blocks: Blocks, *, behind: bool = False) -> FloatArray:
    """Running sums of each block; with `behind` of what is behind each place, from the end."""
    sums = np.empty_like(wide)
    begin = 0
    for digit in range(len(blocks.ends) - 1, -1, -1):
        equal = slice(begin, blocks.ends[digit])  # blocks of the same length
        rows = wide[equal].reshape(-1, 1 << digit)
        ordered = sums_from_zero(rows[:, ::-1])[:, -2::-1] if behind else sums_from_zero(rows)[:, 1:]
        sums[equal] = ordered.ravel()
        begin = blocks.ends[digit]
    return sums


def sums_from_zero(rows: NDArray[Any]) -> NDArray[Any]:
    """Running sums along each row, a zero before the first number: (R, L) -> (R, L+1)."""
    sums = np.zeros((rows.shape[0], rows.shape[1] + 1), rows.dtype)
    if rows.shape[1] > 8:
        np.cumsum(rows, axis=1, out=sums[:, 1:])
    else:  # many short rows: faster by columns
        for j in range(rows.shape[1]):
            np.add(sums[:, j], rows[:, j], out=sums[:, j + 1])
    return sums
