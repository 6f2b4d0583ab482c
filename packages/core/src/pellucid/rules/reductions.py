"""Derivatives of the functions that reduce an axis: sums, products, extremes, variances, and running sums.

Among equal maxima (minima) the gradient is split evenly, `initial` included where it ties; a maximum that is NaN sends
it to the NaNs, and the nan-forms send 0 to every NaN. The maximum of complex numbers is NumPy's: by real part, then by
imaginary part. Products are differentiated exactly, zeros included. The standard deviation of equal values has
gradient 0, to every order; where no degree of freedom is left, the gradient of a variance is NaN as its value is.
"""

from collections.abc import Callable
from functools import wraps
from math import prod
from typing import Any

import numpy as np

from pellucid.tape import constant, rule, written_as


def kept(dy: Any, x: Any, axis: Any) -> Any:
    """`dy` of a reduction of x with the reduced axes in place, of length 1."""
    return dy if axis is None or np.ndim(dy) == np.ndim(x) else np.expand_dims(dy, axis)


def masked(x: Any, where: Any, otherwise: Any = 0.0) -> Any:
    """x where the reduction looks, and another value elsewhere, whatever stands there."""
    # mutate: branch, number equivalent because np.where(True, x, 0) is x: a copy is saved
    return x if where is True else np.where(where, x, otherwise)


def present(x: Any, where: Any = True) -> Any:
    """Where the nan-forms look."""
    return ~np.isnan(x) & where


def how_many(x: Any, dy: Any, axis: Any, where: Any) -> Any:
    """How many values went into each result."""
    if where is True:
        return np.size(x) / max(np.size(dy), 1)
    return np.sum(np.broadcast_to(where, np.shape(x)), axis=axis, keepdims=True)


def axes_of(x: Any, axis: Any) -> list[int]:
    """One axis or several, counted from the front."""
    return [i % np.ndim(x) for i in ((axis,) if np.ndim(axis) == 0 else axis)]


def as_rows(x: Any, axis: Any) -> Any:
    """x as a matrix, with one row for each result of a reduction along `axis`."""
    if axis is None or np.ndim(x) == 0:
        return np.reshape(x, (1, np.size(x)))
    axes = axes_of(x, axis)
    x = np.moveaxis(x, axes, range(-len(axes), 0))
    others = np.ndim(x) - len(axes)
    return np.reshape(x, (prod(np.shape(x)[:others]), prod(np.shape(x)[others:])))


def from_rows(rows: Any, x: Any, axis: Any) -> Any:
    """The inverse of `as_rows`: in the shape of x."""
    if axis is None or np.ndim(x) == 0:
        return np.reshape(rows, np.shape(x))
    axes = axes_of(x, axis)
    others = [n for i, n in enumerate(np.shape(x)) if i not in axes]
    dx = np.reshape(rows, (*others, *[np.shape(x)[i] for i in axes]))
    return np.moveaxis(dx, range(-len(axes), 0), axes)


# Sums and means


def sum_back(dy: Any, x: Any, axis: Any, where: Any) -> Any:
    return masked(np.broadcast_to(kept(dy, x, axis), np.shape(x)), where)


def mean_back(dy: Any, x: Any, axis: Any, where: Any) -> Any:
    n = how_many(x, dy, axis, where)
    # mutate: operator equivalent because where n is 0 nothing is sent
    return sum_back(kept(dy, x, axis) / (n + (n == 0)), x, axis, where)


def cumsum_back(dy: Any, x: Any, axis: Any) -> Any:
    """Each value is in all sums from its own on."""
    return np.reshape(np.flip(np.cumsum(np.flip(dy, axis), axis), axis), np.shape(x))


def without_initial(dy: Any, axis: Any, include_initial: Any) -> Any:
    """`dy` or y of cumulative_sum and cumulative_prod without the value that they put in front."""
    return np.moveaxis(np.moveaxis(dy, axis or 0, 0)[1:], 0, axis or 0) if include_initial else dy


# Products


def ordinary(y: Any) -> Any:
    """Whether no product is 0, infinite, NaN, or so small that digits are lost: then y / x is the others' product."""
    from pellucid.tensor import data_of

    # mutate: sign, factor, function equivalent because what is not ordinary takes longer and is as exact
    size = np.abs(data_of(y))
    # mutate: boundary equivalent because of the same
    return np.all((size >= np.finfo(size.dtype).tiny) & (size < np.inf))


def prod_back(dy: Any, y: Any, x: Any, axis: Any, initial: Any, where: Any) -> Any:
    """The product of the others: y / x, or where that is not exact what stands before times what comes after."""
    x = masked(x, where, 1.0)
    if ordinary(y):
        others = kept(y, x, axis) / x
    else:
        rows = as_rows(x, axis)
        others = from_rows(before(rows) * np.flip(before(np.flip(rows, 1)), 1), x, axis)
        others = others if initial is None else others * initial
    return masked(kept(dy, x, axis) * others, where)


def before(rows: Any) -> Any:
    """The product of all that stands before each value in its row."""
    # mutate: sign equivalent because one is multiplied by another
    return np.cumprod(np.concatenate([np.ones_like(rows[:, :1]), rows[:, :-1]], axis=1), axis=1)


def prod_initial_back(dy: Any, x: Any, axis: Any, where: Any) -> Any:
    return kept(dy, x, axis) * np.prod(masked(x, where, 1.0), axis=axis, keepdims=True)


def cumprod_back(dy: Any, y: Any, x: Any, axis: Any) -> Any:
    """x̄ᵢ = Σ_{k≥i} ȳ_k y_k / xᵢ; where that is not exact x̄ᵢ = yᵢ₋₁ sᵢ with sᵢ = ȳᵢ + xᵢ₊₁ sᵢ₊₁."""
    if ordinary(y):
        return cumsum_back(dy * y, x, axis) / x
    rows, dys, ys = as_rows(x, axis), as_rows(dy, axis), as_rows(y, axis)
    one = np.ones_like(rows[:, :1])
    s = linear_recurrence(rows[:, 1:], dys)
    return from_rows(np.concatenate([one, ys[:, :-1]], axis=1) * s, x, axis)


def linear_recurrence(a: Any, b: Any) -> Any:
    """sᵢ = bᵢ + aᵢ sᵢ₊₁ in each row, by doubling: after k rounds each s holds 2ᵏ of its terms."""
    step = 1
    # mutate: boundary equivalent because another round finds nothing to add
    while step < np.shape(b)[1]:
        b = np.concatenate([b[:, :-step] + a * b[:, step:], b[:, -step:]], axis=1)
        a = a[:, :-step] * a[:, step:]
        step *= 2
    return b


# Extremes


def equal(x: Any, y: Any) -> Any:
    """Where x is y; NaN is NaN here."""
    # mutate: branch equivalent because without NaN both say the same
    return (x == y) | ((x != x) & (y != y)) if np.any(y != y) else x == y


def winners(y: Any, x: Any, axis: Any, where: Any) -> Any:
    """Where x is its extreme y, among those that the reduction looks at."""
    best = equal(x, kept(y, x, axis))
    # mutate: branch, number, factor equivalent because only truth is asked for, and `& True` changes none
    return best if where is True else best & where


def initial_wins(y: Any, x: Any, axis: Any, initial: Any) -> Any:
    """Where the extreme is the initial value."""
    from pellucid.tensor import data_of

    return initial is not None and equal(np.asarray(data_of(initial), y.dtype), kept(y, x, axis))


def extreme_back(dy: Any, y: Any, x: Any, axis: Any, initial: Any = None, where: Any = True) -> Any:
    from pellucid.tensor import data_of

    # mutate: factor equivalent because only truth is asked for
    best = winners(data_of(y), x, axis, where)
    dy = kept(dy, x, axis)
    # mutate: number equivalent because this only saves the way below
    if initial is None and where is True and np.count_nonzero(best) == np.size(y):
        return np.where(best, dy, 0.0)  # one in each, as almost always
    n = np.count_nonzero(best, axis=axis, keepdims=True) + initial_wins(data_of(y), x, axis, initial)
    return np.where(best, dy / np.maximum(n, 1), 0.0)


def extreme_initial_back(dy: Any, y: Any, x: Any, axis: Any, initial: Any, where: Any) -> Any:
    from pellucid.tensor import data_of

    wins = initial_wins(data_of(y), x, axis, initial)
    n = np.count_nonzero(winners(data_of(y), x, axis, where), axis=axis, keepdims=True) + wins
    return np.where(wins, kept(dy, x, axis) / np.maximum(n, 1), 0.0)


def ptp_back(dy: Any, y: Any, x: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Any:
    from pellucid.tensor import data_of

    top, bottom = np.max(data_of(x), axis=axis), np.min(data_of(x), axis=axis)
    return extreme_back(dy, top, x, axis) - extreme_back(dy, bottom, x, axis)


# fmt: off
rule(np.sum,       lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True:
                   sum_back(dy, x, axis, where),
                   None, None, None, None,
                   lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True: dy)
rule(np.nansum,    lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True:
                   sum_back(dy, x, axis, present(x, where)),
                   None, None, None, None,
                   lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=0, where=True: dy)
rule(np.mean,      lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, where=True:
                   mean_back(dy, x, axis, where))
rule(np.nanmean,   lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, where=True:
                   mean_back(dy, x, axis, present(x, where)))
rule(np.prod,      lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True:
                   prod_back(dy, y, x, axis, initial, where),
                   None, None, None, None,
                   lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True:
                   prod_initial_back(dy, x, axis, where))
rule(np.nanprod,   lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True:
                   prod_back(dy, y, x, axis, initial, present(x, where)),
                   None, None, None, None,
                   lambda dy, y, x, axis=None, dtype=None, out=None, keepdims=False, initial=1, where=True:
                   prod_initial_back(dy, x, axis, present(x, where)))

rule(np.cumsum,    lambda dy, y, x, axis=None, dtype=None, out=None: cumsum_back(dy, x, axis))
rule(np.nancumsum, lambda dy, y, x, axis=None, dtype=None, out=None: masked(cumsum_back(dy, x, axis), present(x)))
rule(np.cumprod,   lambda dy, y, x, axis=None, dtype=None, out=None: cumprod_back(dy, y, x, axis))
rule(np.nancumprod, lambda dy, y, x, axis=None, dtype=None, out=None:
                    masked(cumprod_back(dy, y, np.where(present(x), x, 1.0), axis), present(x)))
if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    rule(np.cumulative_sum,  lambda dy, y, x, axis=None, dtype=None, out=None, include_initial=False:
                             cumsum_back(without_initial(dy, axis, include_initial), x, axis))
    rule(np.cumulative_prod, lambda dy, y, x, axis=None, dtype=None, out=None, include_initial=False:
                             cumprod_back(without_initial(dy, axis, include_initial),
                                          without_initial(y, axis, include_initial), x, axis))

for extreme in (np.max, np.min, np.amax, np.amin):
    rule(extreme,  lambda dy, y, x, axis=None, out=None, keepdims=False, initial=None, where=True:
                   extreme_back(dy, y, x, axis, initial, where),
                   None, None, None,
                   lambda dy, y, x, axis=None, out=None, keepdims=False, initial=None, where=True:
                   extreme_initial_back(dy, y, x, axis, initial, where))
for extreme in (np.nanmax, np.nanmin):
    rule(extreme,  lambda dy, y, x, axis=None, out=None, keepdims=False, initial=None, where=True:
                   extreme_back(dy, y, x, axis, initial, present(x, where)),
                   None, None, None,
                   lambda dy, y, x, axis=None, out=None, keepdims=False, initial=None, where=True:
                   extreme_initial_back(dy, y, x, axis, initial, present(x, where)))
rule(np.ptp,       ptp_back)
# fmt: on


# Variances


def var_back(dy: Any, y: Any, x: Any, mean: Any, axis: Any, ddof: Any, where: Any) -> Any:
    """2 (x − m)* ȳ / (n − ddof): what moves the mean of x adds nothing, for the deviations from it sum to 0."""
    n = how_many(x, dy, axis, where) - ddof
    # mutate: branch, number equivalent because an array says the same; a number keeps single precision
    per_n = (2 / n if n > 0 else np.nan) if where is True else 2 / np.where(n > 0, n, np.nan)
    x = masked(x, where)
    deviation = x - (center(x, dy, axis, where) if mean is None else mean)
    return masked(kept(dy, x, axis) * per_n * deviation.conj(), where)


def center(x: Any, dy: Any, axis: Any, where: Any) -> Any:
    """The mean of an x that is 0 where the reduction does not look."""
    n = how_many(x, dy, axis, where)
    # mutate: operator equivalent because where n is 0 the sum is too
    return np.sum(x, axis=axis, keepdims=True) / (n + (n == 0))


def std_back(dy: Any, y: Any, x: Any, mean: Any, axis: Any, ddof: Any, where: Any) -> Any:
    """That of the variance, divided by 2 y; 0 where y is."""
    from pellucid.tensor import data_of

    dy, y = kept(dy, x, axis), kept(y, x, axis)
    flat = data_of(y) == 0
    if mean is None:
        x = masked(x, where)
        mean = center(x, dy, axis, where)
        # mutate: arguments equivalent because `or` is symmetric
        flat = np.logical_or(flat, all_equal(data_of(y), data_of(x), data_of(mean), axis, where))
    # mutate: number equivalent because 0 is divided
    return var_back(np.where(flat, 0.0, dy) / np.where(flat, 1.0, 2 * y), y, x, mean, axis, ddof, where)


def all_equal(y: Any, x: Any, mean: Any, axis: Any, where: Any) -> Any:
    """Where the standard deviation y is only what rounding the mean of equal values left."""
    # mutate: boundary, number, drop equivalent because this only saves a closer look where rounding cannot be so large
    if np.all(y > 0.01 * np.abs(mean)):
        return False
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf, where=where)
    bottom = np.min(x, axis=axis, keepdims=True, initial=np.inf, where=where)
    return top == bottom


def variance(function: Callable[..., Any], back: Callable[..., Any], look: Callable[..., Any]) -> None:
    """State np.var or a relative of it. `mean` is given by keyword only: it becomes the second argument of a function
    of two, where a gradient can reach it."""

    @wraps(function)
    def about(x: Any, mean: Any, **options: Any) -> Any:
        return function(x, **options) if mean is None else function(x, mean=mean, **options)

    @written_as(function)
    def call(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0, keepdims: Any = False, *,
             mean: Any = None, **options: Any) -> Any:  # fmt: skip
        from pellucid.tensor import record

        return record(about, (a, mean), {"axis": axis, "dtype": dtype, "ddof": ddof, "keepdims": keepdims, **options})

    def back_x(dy: Any, y: Any, x: Any, mean: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any = True,
               correction: Any = None) -> Any:  # fmt: skip
        return back(dy, y, x, mean, axis, ddof if correction is None else correction, look(x, where))

    def back_mean(dy: Any, y: Any, x: Any, mean: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any,
                  where: Any = True, correction: Any = None) -> Any:  # fmt: skip
        return -back_x(dy, y, x, mean, axis, dtype, ddof, keepdims, where, correction)

    rule(about, back_x, back_mean)


def everywhere(x: Any, where: Any) -> Any:
    return where


variance(np.var, var_back, everywhere)
variance(np.std, std_back, everywhere)
variance(np.nanvar, var_back, present)
variance(np.nanstd, std_back, present)


constant(np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.count_nonzero, np.any, np.all)
