"""Derivatives of picking values: x[index], take, take_along_axis, trim_zeros.

What was picked sends its gradient back to where it came from, and adds up where it was picked more than once:

    y = x[i]        dx[i] += dy

An index is a whole number, so there is no derivative by it: an index that needs a gradient is refused.
"""

import operator
from typing import Any

import numpy as np

from pellucid.tape import constant, rule


class Scattered:
    """Gradient of ``x[index]``: zeros but for the places that were read.

    It is not made into an array until the backward pass knows what to add it to, so that a thousand reads of one array
    cost one array of zeros, not a thousand.
    """

    __slots__ = ("values", "index", "shape", "dtype")

    def __init__(self, values: Any, index: Any, shape: Any, dtype: Any) -> None:
        self.values, self.index, self.shape, self.dtype = values, index, shape, dtype

    def zeros(self) -> Any:
        return np.zeros(self.shape, self.dtype)

    def add_to(self, dx: Any) -> None:
        add_at(dx, self.index, self.values)


def add_at(x: Any, index: Any, values: Any) -> None:
    """``x[index] += values``, where a place that is named several times gets all of its values."""
    if reads_once(index):
        x[index] += values
    # mutate: comparison, boundary, drop, number, operator, sign equivalent because both ways add up the same
    elif np.ndim(values) < 2 or np.size(values) < x.size // 8 or not x.flags.c_contiguous:
        np.add.at(x, index, values)
    else:  # np.add.at is five times as fast where everything is flat, which is worth a list of all places
        places = np.arange(x.size).reshape(x.shape)[index]
        np.add.at(x.reshape(-1), places.ravel(), np.ravel(values))


def reads_once(index: Any) -> bool:
    """Whether an index cannot name a place twice: slices, single numbers, None, and masks."""
    if isinstance(index, ONE_PLACE):
        return True
    for i in index if isinstance(index, tuple) else (index,):
        if not (isinstance(i, ONE_PLACE) or i is None or i is ... or (isinstance(i, np.ndarray) and i.dtype == bool)):
            return False
    return True


ONE_PLACE = (int, slice, np.integer, np.bool_)
ARRAYS = (np.ndarray, np.generic)


def scatter(dy: Any, index: Any, x: Any) -> Any:
    """Zeros in the shape of x with `dy` added at `index`, to be made when it is known what they are added to."""
    if isinstance(dy, ARRAYS):
        return Scattered(dy, index, x.shape, x.dtype)
    return placed(dy, index, np.shape(x))


def placed(values: Any, index: Any, shape: Any) -> Any:
    """Zeros in that shape with `values` added at `index`."""
    if isinstance(values, ARRAYS):
        return scattered(values, index, shape)
    from pellucid.tensor import record

    return record(scattered, (values, index, shape), {})


def scattered(values: Any, index: Any, shape: Any) -> Any:
    """`placed` as a function of arrays, which is recorded and differentiated itself."""
    out = np.zeros(shape, values.dtype)
    add_at(out, index, values)
    return out


def take_back(dy: Any, y: Any, x: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    flat = axis is None or np.ndim(x) == 0
    n = np.size(x) if flat else np.shape(x)[axis]
    places = np.asarray(indices, np.intp)[()]  # a single one becomes a number
    if mode != "raise":
        places = places % n if mode == "wrap" else np.minimum(np.maximum(places, 0), n - 1)
    if flat:
        return np.reshape(placed(dy, places, (n,)), np.shape(x))
    return scatter(dy, (*along(x, axis), places), x)


def kept(dy: Any, places: Any, x: Any, axis: Any) -> Any:
    """Gradient of x where these places on the axis (or in all of x, flat), each once and in order, were kept of it."""
    flat = axis is None or np.ndim(x) == 0
    keep = np.zeros(np.size(x) if flat else np.shape(x)[axis], bool)
    keep[places] = True
    return scatter(dy, np.reshape(keep, np.shape(x)) if flat else (*along(x, axis), keep), x)


def along(x: Any, axis: int) -> tuple[slice, ...]:
    """An index that goes on at `axis`: everything of the axes before it."""
    return (slice(None),) * (axis % np.ndim(x))


def take_along_axis_back(dy: Any, y: Any, x: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        return np.reshape(placed(dy, indices, (np.size(x),)), np.shape(x))
    index: list[Any] = list(np.ogrid[tuple([slice(n) for n in np.shape(x)])])
    index[axis] = np.asarray(indices)
    return scatter(dy, tuple(index), x)


def trim_zeros_back(dy: Any, y: Any, x: Any, trim: Any = "fb", axis: Any = None) -> Any:
    """What is left of an axis begins where the first value lies that is not zero, or at 0."""
    from pellucid.tensor import data_of

    starts = np.zeros(np.ndim(x), int)
    if "f" in trim.lower() and np.ndim(x):
        first = [np.min(places, initial=np.size(x)) for places in np.nonzero(data_of(x))]
        trimmed = slice(None) if axis is None else np.asarray(axis, int)
        starts[trimmed] = np.array(first)[trimmed]
    return scatter(dy, tuple([slice(a, a + n) for a, n in zip(starts.tolist(), np.shape(y), strict=True)]), x)


# fmt: off
rule(operator.getitem,   lambda dy, y, x, index: scatter(dy, index, x))
rule(scattered,          lambda dy, y, values, index, shape: dy[index])
rule(np.take,            take_back)
rule(np.take_along_axis, take_along_axis_back)
rule(np.trim_zeros,      trim_zeros_back)
# fmt: on

constant(
    np.nonzero, np.flatnonzero, np.argwhere, np.unravel_index, np.ravel_multi_index,
    np.diag_indices_from, np.tril_indices_from, np.triu_indices_from,
)  # fmt: skip
