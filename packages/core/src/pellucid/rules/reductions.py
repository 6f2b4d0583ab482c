"""Derivatives of the functions that reduce an axis: sums, means, extremes, products.

Decisions: among equal maxima (minima) the gradient is split evenly; the standard deviation of a constant has
gradient 0; a product is differentiated exactly, zeros included.
"""

from typing import Any

import numpy as np

from pellucid.tape import constant, rule, written_as


def spread(dy: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    """`dy` of a reduction along `axis`, copied along that axis to the shape of x."""
    return np.broadcast_to(kept(dy, axis, keepdims), np.shape(x))


def kept(dy: Any, axis: Any, keepdims: Any) -> Any:
    """`dy` with the reduced axes in place, of length 1."""
    return dy if axis is None or keepdims else np.expand_dims(dy, axis)


def count(x: Any, dy: Any) -> Any:
    """How many values went into each result."""
    return np.size(x) // max(np.size(dy), 1)


@written_as(np.prod)
def prod(x: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    """Multiply the first half of the axis by the second until one is left: exact whatever is zero."""
    if dtype is not None or out is not None:
        raise TypeError("np.prod of a Tensor takes axis and keepdims only")
    axes = range(x.ndim) if axis is None else (axis,) if np.ndim(axis) == 0 else axis
    for i in sorted(axis % x.ndim for axis in axes):
        x = np.moveaxis(x, i, 0)
        if len(x) == 0:
            x = np.sum(x, axis=0, keepdims=True) + 1.0  # 1, and still on the tape
        while len(x) > 1:
            half = len(x) // 2
            product = x[:half] * x[half : 2 * half]
            x = product if len(x) % 2 == 0 else np.concatenate([product, x[2 * half :]])
        x = np.moveaxis(x, 0, i)
    return x if keepdims else np.squeeze(x, axis=None if axis is None and x.ndim == 0 else tuple(axes))


def extreme_slope(dy: Any, y: Any, x: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    is_extreme = x == kept(y, axis, keepdims)
    return kept(dy, axis, keepdims) * (is_extreme / np.sum(is_extreme, axis=axis, keepdims=True))


def var_slope(
    dy: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False
) -> Any:
    n = max(count(x, dy) - ddof, 0)
    return kept(dy, axis, keepdims) * (2 / n if n else np.nan) * (x - np.mean(x, axis=axis, keepdims=True))


def std_slope(
    dy: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False
) -> Any:
    per_std = np.where(y == 0, 0.0, 1.0) / np.where(y == 0, 1.0, y)
    return var_slope(dy * per_std / 2, y, x, axis, dtype, out, ddof, keepdims)


def cumsum_slope(dy: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    back = np.flip(np.cumsum(np.flip(dy, axis or 0), axis or 0), axis or 0)
    return np.reshape(back, np.shape(x))


# fmt: off
rule(np.sum,    lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True:
                spread(dy, x, axis, keepdims) if where is True else np.where(where, spread(dy, x, axis, keepdims), 0.0))
rule(np.mean,   lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False:
                spread(dy / count(x, dy), x, axis, keepdims))
rule(np.max,    extreme_slope)
rule(np.min,    extreme_slope)
rule(np.var,    var_slope)
rule(np.std,    std_slope)
rule(np.cumsum, cumsum_slope)
# fmt: on

constant(
    np.argmax, np.argmin, np.argsort, np.argpartition, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero,
    np.any, np.all, np.searchsorted, np.digitize, np.lexsort,
)  # fmt: skip
