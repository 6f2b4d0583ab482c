"""Derivatives of the functions that only move values: reshape, transpose, flip, roll, repeat, tile, pad, diagonal.

A value sends its gradient back to where it came from; copies of one value add up.

Padding with the maximum or the minimum splits the gradient evenly among equal values; padding with the median gives
it to the values that a stable sort puts in the middle.
"""

from typing import Any

import numpy as np

from pellucid.rules.indexing import along, placed, scatter
from pellucid.tape import rule, written_as


def reshape_back(
    dy: Any, y: Any, x: Any, shape: Any = None, order: Any = "C", *, newshape: Any = None, copy: Any = None
) -> Any:
    """The values kept their order: give them the old shape."""
    from pellucid.tensor import data_of

    if order == "A":  # as in memory, of which x has one and dy may have another
        order = "F" if np.isfortran(data_of(x)) else "C"
    if order not in ("C", "F"):
        raise TypeError(
            f"ravel has a gradient for order='C', 'F' and 'A'; {order!r} goes through memory in an order of its own: "
            f"name the one that is meant"
        )
    return np.reshape(dy, np.shape(x), order)


def transpose_back(dy: Any, y: Any, x: Any, axes: Any = None) -> Any:
    return np.transpose(dy, None if axes is None else np.argsort(np.ravel(axes) % np.ndim(x)))


def rollaxis_back(dy: Any, y: Any, x: Any, axis: Any, start: Any = 0) -> Any:
    axis, start = axis % np.ndim(x), start + np.ndim(x) * (start < 0)
    return np.moveaxis(dy, start - (start > axis), axis)  # it was put before the axis `start`


def repeat_back(dy: Any, y: Any, x: Any, repeats: Any, axis: Any = None) -> Any:
    """Sum over the copies of each value."""
    n = np.shape(x)
    flat = axis is None or len(n) == 0
    if np.size(repeats) == 1:
        at = len(n) if flat else axis % len(n) + 1  # the copies of a value stand beside it
        return np.sum(np.reshape(dy, (*n[:at], np.asarray(repeats).item(), *n[at:])), axis=at)
    owner = np.repeat(np.arange(np.size(x) if flat else n[axis]), repeats)  # (copies,): whose copy is it?
    if flat:
        return np.reshape(placed(dy, owner, (np.size(x),)), n)
    return scatter(dy, (*along(x, axis), owner), x)


def tile_back(dy: Any, y: Any, x: Any, reps: Any) -> Any:
    """Cut the result into copies of x and sum them."""
    reps, shape = np.ravel(reps).tolist(), np.shape(x)
    reps, shape = [1] * (np.ndim(y) - len(reps)) + reps, (1,) * (np.ndim(y) - len(shape)) + shape
    sides = [side for pair in zip(reps, shape, strict=True) for side in pair]
    return np.reshape(np.sum(np.reshape(dy, sides), axis=tuple(range(0, len(sides), 2))), np.shape(x))


def resize_back(dy: Any, y: Any, x: Any, new_shape: Any) -> Any:
    """The result holds x again and again, the last time perhaps a part of it: sum over the rounds."""
    n, m = np.size(x), np.size(y)
    if n == 0:
        # mutate: function equivalent because there is nothing in it
        return np.zeros(np.shape(x))
    # mutate: factor, drop equivalent because more rounds of zeros add nothing
    rounds = -(-m // n)
    return np.reshape(np.sum(np.reshape(np.pad(np.ravel(dy), (0, rounds * n - m)), (rounds, n)), axis=0), np.shape(x))


# Diagonals


def on_diagonal(n1: int, n2: int, offset: int) -> tuple[Any, Any]:
    """Rows and columns of a diagonal of an (n1, n2) matrix."""
    along_it = np.arange(min(n1 + min(offset, 0), n2 - max(offset, 0)))
    return along_it - min(offset, 0), along_it + max(offset, 0)


def diagonal_back(dy: Any, y: Any, x: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Any:
    shape = np.shape(x)
    matrix = (shape[axis1], shape[axis2])
    on = placed(dy, (..., *on_diagonal(*matrix, offset)), (*np.delete(shape, (axis1, axis2)), *matrix))
    return np.moveaxis(on, (-2, -1), (axis1, axis2))


def trace_back(
    dy: Any, y: Any, x: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1, dtype: Any = None, out: Any = None
) -> Any:
    rows, _ = on_diagonal(np.shape(x)[axis1], np.shape(x)[axis2], offset)
    return diagonal_back(np.repeat(np.expand_dims(dy, -1), len(rows), axis=-1), y, x, offset, axis1, axis2)


def diag_back(dy: Any, y: Any, x: Any, k: Any = 0) -> Any:
    return np.diagonal(dy, k) if np.ndim(x) == 1 else diagonal_back(dy, y, x, k)


# Padding. NumPy pads the first axis first, so the last one is undone first.


def pad_back(
    dy: Any, y: Any, x: Any, pad_width: Any, mode: Any = "constant", *, constant_values: Any = 0, end_values: Any = 0,
    stat_length: Any = None, reflect_type: Any = "even",
) -> Any:  # fmt: skip
    """The middle keeps its gradient, and the margins send theirs to the values that they were made from."""
    from pellucid.tensor import data_of

    if callable(mode):
        raise TypeError(
            "np.pad has no gradient where a function fills the margins, because it writes into them: pad with zeros "
            "and add the margins, or join them on with np.concatenate"
        )
    ndim = np.ndim(x)
    lengths = np.broadcast_to(np.inf if stat_length is None else np.round(stat_length), (ndim, 2))
    # mutate: factor equivalent because only the order of the values counts
    values = data_of(y)
    for axis in reversed(range(ndim)):
        (before, after), n = margins(pad_width, ndim)[axis], np.shape(x)[axis]
        front = along(x, axis)
        middle = (*front, slice(before, before + n))
        left, right = dy[(*front, slice(before))], dy[(*front, slice(before + n, None))]
        # mutate: factor equivalent because only the order of the values counts
        values = values[middle]
        dy = dy[middle]
        if mode in STATISTICS:
            for margin, length, first in ((left, lengths[axis, 0], True), (right, lengths[axis, 1], False)):
                if np.shape(margin)[axis]:
                    dy = dy + statistic_back(margin, values, axis, int(min(length, n)), first, STATISTICS[mode])
        elif mode not in ("constant", "empty"):
            margin = np.concatenate([left, right], axis)
            for places, weights in sources(n, before, after, mode, reflect_type):
                weights = np.reshape(weights, (-1,) + (1,) * (ndim - axis - 1))
                dy = dy + placed(margin * weights, (*front, places), np.shape(dy))
    return dy


def margins(pad_width: Any, ndim: int) -> Any:
    """How many values are put before and after each axis, (ndim, 2)."""
    if not isinstance(pad_width, dict):
        return np.broadcast_to(pad_width, (ndim, 2))
    pairs = np.zeros((ndim, 2), int)
    for axis, width in pad_width.items():
        pairs[axis] = width
    return pairs


def sources(n: int, before: int, after: int, mode: Any, reflect_type: str) -> list[tuple[Any, Any]]:
    """Which of n values the margins along an axis are made from, and the factor: one pair of arrays for each term."""

    def padded(x: Any, mode: Any = mode, **how: Any) -> Any:
        """Both margins of a padded vector, (before + after,)."""
        return np.delete(np.pad(x, (before, after), mode, **how), slice(before, before + n))

    each = np.arange(n)
    if mode == "linear_ramp":
        return [(padded(each, "edge"), padded(np.ones(n)))]
    if reflect_type == "even":
        return [(padded(each), np.ones(before + after))]
    # A reflected value is ±xᵢ and so many first and last values that all factors sum to 1
    first, last = (padded(1.0 * (each == end), reflect_type="odd") for end in (0, n - 1))
    return [
        (padded(each), 1 - first - last),
        (np.zeros_like(first, int), first),
        (np.full_like(last, -1, int), last),
    ]


def statistic_back(margin: Any, values: Any, axis: int, length: int, first: bool, slope: Any) -> Any:
    """All values of a margin are one statistic of the first, or the last, `length` values along the axis."""
    rest = np.shape(values)[axis] - length
    # mutate: factor equivalent because only the order of the values counts
    chunk = values[(*along(values, axis), slice(length) if first else slice(rest, None))]
    dx = np.sum(margin, axis=axis, keepdims=True) * slope(chunk, axis)
    width = np.zeros((np.ndim(dx), 2), int)
    width[axis] = (0, rest) if first else (rest, 0)
    return np.pad(dx, width)


def evenly(holds: Any, axis: int) -> Any:
    """Weights that sum to 1 along the axis, the same wherever the condition holds."""
    return holds / np.maximum(np.sum(holds, axis=axis, keepdims=True), 1)


def median_slope(x: Any, axis: int) -> Any:
    """Half for each of the two values in the middle, or all of it for the one."""
    rank = np.argsort(np.argsort(x, axis=axis, kind="stable"), axis=axis)
    return evenly(np.abs(2 * rank - (np.shape(x)[axis] - 1)) <= 1, axis)


STATISTICS = {
    "maximum": lambda x, axis: evenly(x == np.max(x, axis=axis, keepdims=True), axis),
    "minimum": lambda x, axis: evenly(x == np.min(x, axis=axis, keepdims=True), axis),
    "mean": lambda x, axis: evenly(np.ones(np.shape(x)), axis),
    "median": median_slope,
}

# fmt: off
rule(np.reshape,      reshape_back)
rule(np.ravel,        lambda dy, y, x, order="C": reshape_back(dy, y, x, None, order))
rule(np.squeeze,      lambda dy, y, x, axis=None: np.reshape(dy, np.shape(x)))
rule(np.expand_dims,  lambda dy, y, x, axis: np.reshape(dy, np.shape(x)))
rule(np.broadcast_to, lambda dy, y, x, shape, subok=False: dy)
rule(np.transpose,    transpose_back)  # np.permute_dims is the same function
rule(np.matrix_transpose,        lambda dy, y, x: np.swapaxes(dy, -1, -2))
rule(np.linalg.matrix_transpose, lambda dy, y, x: np.swapaxes(dy, -1, -2))
rule(np.swapaxes,     lambda dy, y, x, axis1, axis2: np.swapaxes(dy, axis1, axis2))
rule(np.moveaxis,     lambda dy, y, x, source, destination: np.moveaxis(dy, destination, source))
rule(np.rollaxis,     rollaxis_back)
rule(np.flip,         lambda dy, y, x, axis=None: np.flip(dy, axis))
rule(np.fliplr,       lambda dy, y, x: np.fliplr(dy))
rule(np.flipud,       lambda dy, y, x: np.flipud(dy))
rule(np.rot90,        lambda dy, y, x, k=1, axes=(0, 1): np.rot90(dy, -k, axes))
rule(np.roll,         lambda dy, y, x, shift, axis=None: np.roll(dy, np.negative(shift), axis))
rule(np.repeat,       repeat_back)
rule(np.tile,         tile_back)
rule(np.resize,       resize_back)
rule(np.pad,          pad_back)
rule(np.tril,         lambda dy, y, x, k=0: np.tril(dy, k))
rule(np.triu,         lambda dy, y, x, k=0: np.triu(dy, k))
rule(np.diag,         diag_back)
rule(np.diagflat,     lambda dy, y, x, k=0: np.reshape(np.diagonal(dy, k), np.shape(x)))
rule(np.diagonal,     diagonal_back)
rule(np.trace,        trace_back)
rule(np.linalg.diagonal, lambda dy, y, x, offset=0: diagonal_back(dy, y, x, offset, -2, -1))
rule(np.linalg.trace, lambda dy, y, x, offset=0, dtype=None: trace_back(dy, y, x, offset, -2, -1))
# fmt: on


def raised(xs: Any, new: dict[int, tuple[int, ...]]) -> Any:
    """Each array with new axes, which its number of axes decides; as NumPy returns one array or several."""
    from pellucid.tensor import without_graph

    ys = without_graph(tuple([np.expand_dims(x, new.get(np.ndim(x), ())) for x in xs]))
    # mutate: index equivalent because there is but one
    return ys[0] if len(ys) == 1 else ys


@written_as(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    return raised(arys, {0: (0,)})


@written_as(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    return raised(arys, {0: (0, 1), 1: (0,)})


@written_as(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    return raised(arys, {0: (0, 1, 2), 1: (0, 2), 2: (2,)})


@written_as(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: Any = False) -> Any:
    from pellucid.tensor import without_graph

    shape = np.broadcast_shapes(*[np.shape(x) for x in args])
    return without_graph(tuple([np.broadcast_to(x, shape) for x in args]))
