"""Medians on both sides of every cut: what the children of a node would predict under the absolute error.

absolute_error.py explains the search, by which the median of every prefix of every node is found at once, digit by
digit of the points' numbers in the order of their y. There the sums of distances are what is wanted; here it is the
median itself, of each prefix and of the suffix behind it. Where many numbers are medians, it is the middle of them: the
search goes for the smallest one, once with y and once with −y.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.absolute_error import by_value, halved, in_blocks, running_sums, spread, sums_from_zero


def split_medians(
    y: FloatArray, w: FloatArray | None, start: IndexArray, count: IndexArray
) -> tuple[FloatArray, FloatArray]:
    """Median of a node's points up to each, and of those after it: (m,), (m,), (S,), (S,) -> (m,), (m,).

    Parameters are those of `absolute_error.prefix_deviations`. After the last point of a node the second one has no
    meaning.
    """
    low, high = smallest_medians(y, w, start, count), smallest_medians(-y, w, start, count)
    up_to, after = (a / 2 - b / 2 for a, b in zip(low, high))
    return up_to, after


def smallest_medians(
    y: FloatArray, w: FloatArray | None, start: IndexArray, count: IndexArray
) -> tuple[FloatArray, FloatArray]:
    """The smallest median of each prefix, and of what is behind it: (m,), (m,), (S,), (S,) -> (m,), (m,)."""
    blocks = in_blocks(start, count)
    y = y.take(blocks.source)
    order = by_value(y, blocks)
    weights = spread(np.ones(len(y)) if w is None else w.take(blocks.source), blocks)
    W = running_sums(weights, blocks).take(blocks.place)  # (m,) of each prefix
    rest = np.repeat(W.take(blocks.first + blocks.size - 1), blocks.size) - W
    length = 1 + np.arange(len(y)) - np.repeat(blocks.first, blocks.size)
    searches: list[tuple[Any, ...]] = [(length.copy(), blocks.place + 1 - length, weight / 2) for weight in (W, rest)]
    ends = np.append(0, np.cumsum(blocks.size))[blocks.long]
    for digit, half, both, ones_before in halved(order, blocks):
        weights[: len(both)] = weights.take(both)
        W_lower = sums_from_zero(weights[: len(both)].reshape(-1, 2, half)[:, 0])
        for side, search in enumerate(searches):
            k, part, missing = (array[: ends[digit + 1]] for array in search)  # of the nodes that are divided
            k_low = k - ones_before.take(part + k) + (part >> 1)
            row = (part >> (digit + 1)) * (half + 1)
            W_low = W_lower.take(row + k_low)
            if side:
                W_low = W_lower.take(row + half) - W_low
            up = missing > W_low
            missing -= up * W_low
            part += up * half
            k[:] = np.where(up, k - k_low, k_low)
    in_order, found = spread(y.take(order), blocks), np.empty((2, len(y)))
    for side, (_, part, _) in enumerate(searches):
        found[side, blocks.source] = in_order.take(part)
    return found[0], found[1]
