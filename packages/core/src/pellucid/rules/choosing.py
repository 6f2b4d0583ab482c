"""Derivatives of choosing: choose, select, compress, extract, piecewise.

A value that was chosen gets the gradient of its place, one that was not gets an exact 0, whatever it is. By the
conditions there is no derivative: one that needs a gradient is refused.
"""

from math import prod
from typing import Any

import numpy as np

from pellucid.rules.indexing import kept
from pellucid.tape import rule, written_as


def choose_back(dy: Any, y: Any, a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
    a, n = np.asarray(a), len(choices)
    if mode != "raise":
        a = a % n if mode == "wrap" else np.minimum(np.maximum(a, 0), n - 1)
    return as_given([np.where(a == i, dy, 0) for i in range(n)], choices)


def select_back(dy: Any, y: Any, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    conditions = np.stack(np.broadcast_arrays(*condlist))
    first = np.cumsum(conditions, axis=0) == 1  # where it holds, a condition is the first that does
    return as_given([np.where(here, dy, 0) for here in conditions & first], choicelist)


def default_back(dy: Any, y: Any, condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    return np.where(np.any(np.broadcast_arrays(*condlist), axis=0), 0, dy)


def as_given(parts: Any, choices: Any) -> Any:
    """A gradient for each choice; where these were the rows of one array, that array's."""
    if isinstance(choices, list | tuple):
        return parts
    ndim = np.ndim(choices) - 1  # of a row; axes that broadcasting put before its own are summed here
    return np.stack([np.sum(part, axis=tuple(range(np.ndim(part) - ndim))) for part in parts])


def compress_back(dy: Any, y: Any, condition: Any, x: Any, axis: Any = None, out: Any = None) -> Any:
    return kept(dy, np.flatnonzero(condition), x, axis)


def extract_back(dy: Any, y: Any, condition: Any, x: Any) -> Any:
    return kept(dy, np.flatnonzero(condition), x, None)


# fmt: off
rule(np.choose,   None, choose_back)
rule(np.select,   None, select_back, default_back)
rule(np.compress, None, compress_back)
rule(np.extract,  None, extract_back)
# fmt: on


@written_as(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """The parts that the functions gave, one after another; then every place reads the one that came last."""
    from pellucid.tensor import data_of, without_graph

    conditions = data_of(condlist)
    # mutate: index equivalent because the conditions have the same number of axes
    if np.ndim(conditions) == 0 or (np.ndim(x) > 0 and np.ndim(conditions[0]) == 0):
        conditions = [conditions]
    conditions = [np.asarray(data_of(c), bool) for c in conditions]
    if len(conditions) == len(funclist) - 1:
        conditions.append(~np.logical_or.reduce(conditions))
    if len(conditions) != len(funclist):
        raise ValueError(
            f"np.piecewise wants a function for each condition, and at most one more for where none holds; it was "
            f"given {len(funclist)} for {len(conditions)}"
        )
    parts, size = [np.zeros(1, x.dtype)], 1  # what no condition covers is 0
    read = np.zeros(np.shape(x), np.intp)
    for condition, f in zip(conditions, funclist, strict=True):
        shape = np.shape(read[condition])
        n = prod(shape)
        if callable(f):
            if n == 0:
                continue
            f = f(x[condition], *args, **kw)
        parts.append(np.ravel(np.broadcast_to(f, shape)))
        read[condition] = np.reshape(np.arange(size, size + n), shape)
        size += n
    y = np.concatenate(parts)[read]
    # mutate: branch equivalent because a cast to the same type changes nothing
    return without_graph(y if y.dtype == x.dtype else y.astype(x.dtype))
