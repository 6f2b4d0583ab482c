"""Derivatives of picking values: x[index], take, take_along_axis.

What was picked sends its gradient back to where it came from, and adds up where it was picked more than once.
"""

import operator
from typing import Any

import numpy as np

from pellucid.tape import rule, written_as


class Scattered:
    """Gradient of ``x[index]``: zeros but for the places that were read.

    It is not made into an array until the backward pass knows what to add it to, so that a thousand reads of one array
    cost one array of zeros, not a thousand.
    """

    __slots__ = ("values", "index", "shape", "dtype")

    def __init__(self, values: Any, index: Any, x: Any) -> None:
        self.values, self.index, self.shape, self.dtype = values, index, np.shape(x), x.dtype

    def zeros(self) -> Any:
        return np.zeros(self.shape, self.dtype)

    def add_to(self, dx: Any) -> None:
        if reads_once(self.index):
            dx[self.index] += self.values
        else:
            np.add.at(dx, self.index, self.values)


def reads_once(index: Any) -> Any:
    """Whether an index cannot name a place twice: slices, single numbers, None, and masks."""
    return all(
        i is None or i is ... or isinstance(i, ONE_PLACE) or (isinstance(i, np.ndarray) and i.dtype == np.bool_)
        for i in (index if isinstance(index, tuple) else (index,))
    )


ONE_PLACE = (int, np.integer, np.bool_, slice)


def scatter(dy: Any, index: Any, x: Any) -> Any:
    """Zeros in the shape of x with `dy` added at `index`."""
    if isinstance(dy, np.ndarray | np.generic):
        return Scattered(dy, index, x)
    from pellucid.tensor import record

    return record(scattered, (dy, index, np.shape(x)), {})


def scattered(values: Any, index: Any, shape: Any) -> Any:
    """`scatter` as a function that is recorded and differentiated itself."""
    out = np.zeros(shape, values.dtype)
    np.add.at(out, index, values)
    return out


rule(operator.getitem, lambda dy, y, x, index: scatter(dy, index, x))
rule(scattered, lambda dy, y, values, index, shape: dy[index])


@written_as(np.take)
def take(x: Any, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
    if out is not None:
        raise TypeError("np.take of a Tensor cannot write into out: use what it returns")
    if axis is None:
        x, axis = np.ravel(x), 0
    n = np.shape(x)[axis]
    indices = np.asarray(indices)
    if mode != "raise":
        indices = indices % n if mode == "wrap" else np.clip(indices, 0, n - 1)
    return x[(slice(None),) * (axis % np.ndim(x)) + (indices,)]


@written_as(np.take_along_axis)
def take_along_axis(x: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        return np.ravel(x)[indices]
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in np.shape(x))])
    grid[axis] = indices
    return x[tuple(grid)]
