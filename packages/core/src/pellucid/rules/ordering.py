"""Derivatives of what depends on order: sort, partition, median, quantiles, unique values, and sets.

Equal values share evenly whatever is sent to any of them: so where sort, median or a quantile has to choose among equal
values, and where `unique` makes one of many, no order among them counts. NaNs count as equal. A median or a quantile
that is NaN sends its gradient to the NaNs; the nan-forms send every NaN 0. By q a quantile has a gradient where it is
continuous in q: where q stands on one of the values, it is the slope to the next larger one. The methods that jump
refuse a q that needs a gradient.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import numpy as np

from pellucid.rules.indexing import placed
from pellucid.rules.reductions import as_rows, equal, extreme_back, from_rows, present
from pellucid.tape import NoRuleError, constant, name_of, rule, written_as


def shared(values: Any, ranks: Any, rows: Any) -> Any:
    """Send `values` to the values of these ranks in the rows, in equal shares to all that are equal to them.

    Values and ranks are (K, N) for rows (N, n); ranks count from 0. None stands for all ranks in turn, with (N, n)
    values.
    """
    first = rows.shape[1] * np.arange(len(rows))  # (N,), from now on ranks and places count from row to row
    place = np.argsort(rows) + first[:, None]  # (N, n), of each rank
    rising = np.take(rows, place)  # mutate: sign, factor equivalent because only equality counts
    is_new = np.ones(rows.shape, bool)
    is_new[:, 1:] = ~equal(rising[:, 1:], rising[:, :-1])
    values, runs = np.ravel(values), np.count_nonzero(is_new)
    # mutate: boundary equivalent because this only saves time where no values are equal
    if ranks is not None or runs < rows.size:
        run = np.cumsum(is_new) - 1  # (N n,), to which run of equal values each rank belongs
        sums = placed(values, run if ranks is None else run[np.ravel(ranks + first)], (runs,))
        values = (sums / np.bincount(run))[run]
    return np.reshape(placed(values, np.ravel(place), (rows.size,)), rows.shape)


def shared_by_value(values: Any, wanted: Any, rows: Any) -> Any:
    """`shared` for few values in each row: to all that are equal to those of `wanted`, (K, N)."""
    dx: Any = np.zeros_like(rows)
    for value, y in zip(values, wanted, strict=True):
        same = equal(rows, y[:, None])  # mutate: factor equivalent because twice true is true
        dx = dx + np.where(same, np.reshape(value, (-1, 1)) / np.count_nonzero(same, axis=-1, keepdims=True), 0.0)
    return dx


# mutate: sign, factor, number equivalent because what is faster is as exact
FEW = 4


def sort_back(dy: Any, x: Any, axis: Any) -> Any:
    from pellucid.tensor import data_of

    return from_rows(shared(as_rows(dy, axis), None, as_rows(data_of(x), axis)), x, axis)


def partition_back(dy: Any, y: Any, x: Any, axis: Any) -> Any:
    """As that of sort, once y has been sorted too."""
    from pellucid.tensor import data_of

    order = np.argsort(as_rows(data_of(y), axis))
    # mutate: axis equivalent because it is the default since NumPy 2.3
    rising = np.take_along_axis(as_rows(dy, axis), order, axis=-1)
    return from_rows(shared(rising, None, as_rows(data_of(x), axis)), x, axis)


# fmt: off
rule(np.sort,         lambda dy, y, x, axis=-1, kind=None, order=None, stable=None: sort_back(dy, x, axis))
rule(np.sort_complex, lambda dy, y, x: sort_back(dy, x, -1))
rule(np.partition,    lambda dy, y, x, kth, axis=-1, kind=None, order=None: partition_back(dy, y, x, axis))
# fmt: on


# Medians and quantiles. Each has a place in its row once that is sorted: at 2.5 it is halfway from the third value to
# the fourth. `overwrite_input` allows NumPy to write into x, which the gradient needs: it is not passed on.


def place_back(dy: Any, at: Any, rows: Any, nan_form: bool) -> Any:
    """ȳ (1 − g) to the value below each place, (Q, N), and ȳ g to the one above, where g is what is past the first."""
    from pellucid.tensor import data_of

    below, dy, last = np.floor(data_of(at)), np.reshape(dy, np.shape(at)), rows.shape[1] - 1
    past, n = at - below, np.sum(present(rows), axis=-1)
    if nan_form:
        dy = np.where(n == 0, 0.0, dy)
    else:  # of a row with NaN it is the last
        below = np.where(n <= last, last, below)
    ranks = np.concatenate([below, np.minimum(below + 1, last)]).astype(int)
    values = np.concatenate([dy * (1 - past), dy * past])
    # mutate: comparison, boundary equivalent because what is faster is as exact
    if len(ranks) > FEW:
        return shared(values, ranks, rows)
    partly = np.partition(rows, np.unique(ranks))
    # mutate: axis equivalent because it is the default since NumPy 2.3
    return shared_by_value(values, np.take_along_axis(partly, ranks.T, axis=-1).T, rows)


def length(rows: Any, nan_form: bool) -> Any:
    """How many values of each row count, (N,)."""
    return np.sum(present(rows), axis=-1) if nan_form else np.full(len(rows), rows.shape[1])


def median_back(dy: Any, y: Any, x: Any, axis: Any, nan_form: bool) -> Any:
    from pellucid.tensor import data_of

    # mutate: sign, factor equivalent because the middle keeps its place
    rows = as_rows(data_of(x), axis)
    # mutate: operator, drop, sign, number equivalent because what is faster is as exact
    if not nan_form and rows.shape[1] % 2 == 1:  # the one in the middle is found by its value
        return extreme_back(dy, y, x, axis)
    if rows.size == 0:
        return np.zeros_like(x)  # mutate: function equivalent because it is empty
    return from_rows(place_back(dy, (length(rows, nan_form)[None] - 1) / 2, rows, nan_form), x, axis)


ENDS = {  # α, β of the continuous methods, where q is at (n + 1 − α − β) q + α − 1, but not outside 0 and n − 1
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),  # mutate: sign, factor equivalent because 0 has neither
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),  # mutate: sign, factor equivalent because 0 has neither
    "median_unbiased": (1 / 3, 1 / 3),
    "normal_unbiased": (3 / 8, 3 / 8),
}
NAN_FORMS = (np.nanquantile, np.nanpercentile)
PERCENT = {np.quantile: 1, np.nanquantile: 1, np.percentile: 100, np.nanpercentile: 100}


def unbounded(q: Any, n: Any, function: Any, method: Any) -> tuple[Any, Any]:
    """The place of q in rows of n values, (Q, N), and how fast it moves with q."""
    alpha, beta = ENDS[method]
    speed = n + 1 - alpha - beta
    return np.reshape(q, (-1, 1)) / PERCENT[function] * speed + (alpha - 1), speed / PERCENT[function]


def places(rows: Any, q: Any, function: Any, method: Any) -> Any:
    """The places of quantiles, (Q, N)."""
    n = length(rows, function in NAN_FORMS)
    if method in ENDS:
        # mutate: arguments equivalent because the larger of two numbers is the same in either order
        return np.clip(unbounded(q, n, function, method)[0], 0, n - 1)
    # NumPy is asked about the other methods: of 0, 1, 2, ... a quantile is its own place.
    n, which = np.unique(n, return_inverse=True)  # rows of equal length are alike
    ranks = np.arange(rows.shape[1])
    at = function(np.where(ranks < np.maximum(n, 1)[:, None], ranks, np.nan), q, axis=-1, method=method)
    return np.reshape(at, (np.size(q), len(n)))[:, which]


def quantile_back(dy: Any, y: Any, x: Any, q: Any, function: Any, axis: Any, method: Any, weights: Any) -> Any:
    from pellucid.tensor import data_of

    rows = as_rows(data_of(x), axis)
    if rows.size == 0:
        return np.zeros_like(x)  # mutate: function equivalent because it is empty
    if weights is None:
        return from_rows(place_back(dy, places(rows, q, function, method), rows, function in NAN_FORMS), x, axis)
    ys = np.reshape(data_of(y), (np.size(q), len(rows)))  # with weights a quantile is one of the values
    dys = np.where(np.isnan(ys) & (function in NAN_FORMS), 0.0, np.reshape(dy, np.shape(ys)))
    return from_rows(shared_by_value(dys, ys, rows), x, axis)


def q_back(dy: Any, x: Any, q: Any, function: Any, axis: Any, method: Any) -> Any:
    """The step from the value below the place of q to the one above it, times how fast the place moves."""
    from pellucid.tensor import data_of

    rows = np.sort(as_rows(x, axis))  # (N, n)
    last = length(data_of(rows), function in NAN_FORMS) - 1  # (N,)
    at, speed = unbounded(data_of(q), last + 1, function, method)
    # mutate: arguments equivalent because the larger of two numbers is the same in either order
    below = np.clip(at, 0, np.maximum(last - 1, 0)).astype(int)
    above = np.minimum(below + 1, last)
    # mutate: axis equivalent because it is the default since NumPy 2.3
    step = np.take_along_axis(rows, above.T, axis=-1) - np.take_along_axis(rows, below.T, axis=-1)  # (N, Q)
    slope = np.where((at >= 0) & (at <= last), np.reshape(dy, np.shape(at)) * step.T * speed, 0.0)
    return np.reshape(np.sum(slope, axis=1), np.shape(q))


def writing_nothing(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` without its arguments `out` and `overwrite_input`."""

    @wraps(function)
    def of_values(*args: Any, **options: Any) -> Any:
        return function(*args, **options)

    return of_values


def state_median(function: Callable[..., Any], nan_form: bool) -> None:
    of_values = writing_nothing(function)
    rule(of_values, lambda dy, y, x, axis, keepdims: median_back(dy, y, x, axis, nan_form))

    @written_as(function)
    def call(a: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, keepdims: Any = False) -> Any:
        from pellucid.tensor import record

        return record(of_values, (a,), {"axis": axis, "keepdims": keepdims})


def state_quantile(function: Callable[..., Any]) -> None:
    of_values = writing_nothing(function)

    rule(
        of_values,
        lambda dy, y, x, q, axis, method, keepdims, weights=None: quantile_back(
            dy, y, x, q, function, axis, method, weights
        ),
        lambda dy, y, x, q, axis, method, keepdims: q_back(dy, x, q, function, axis, method),
    )

    @written_as(function)
    def call(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: Any = False, method: Any = "linear",
             keepdims: Any = False, *, weights: Any = None) -> Any:  # fmt: skip
        from pellucid.tensor import data_of, parent_of, record

        if parent_of(q) is not None and method not in ENDS:
            raise NoRuleError(
                f"{name_of(function)} jumps with q where method={method!r}, and has no gradient by q: detach() q, or "
                f"use one of the methods {', '.join(ENDS)}"
            )
        # mutate: sign, factor equivalent because of keepdims only its truth counts
        options = {"axis": axis, "method": method, "keepdims": keepdims}
        if weights is not None:
            # mutate: factor equivalent because only the ratios of weights count
            options["weights"] = data_of(weights)  # with them a quantile jumps, too
        return record(of_values, (a, q), options)


state_median(np.median, False)
state_median(np.nanmedian, True)
state_quantile(np.quantile)
state_quantile(np.percentile)
state_quantile(np.nanquantile)
state_quantile(np.nanpercentile)


# Unique values and sets


def distinct(x: Any, function: Callable[..., Any], **options: Any) -> Any:
    """The values that np.unique or a relative of it finds."""
    found = function(x, **options)
    return found[0] if isinstance(found, tuple) else found


def distinct_back(
    dy: Any, y: Any, x: Any, function: Any, axis: Any = None, equal_nan: Any = False, sorted: Any = True
) -> Any:
    """Each of the equal ones gets its share of what goes to the one that stands for them."""
    from pellucid.tensor import data_of

    # mutate: sign, factor equivalent because only the truth of equal_nan counts
    options = {"axis": axis, "equal_nan": equal_nan}
    _, which, n = np.unique(data_of(x), return_inverse=True, return_counts=True, **options)
    if axis is not None:
        return np.moveaxis((np.moveaxis(dy, axis, -1) / n)[..., np.ravel(which)], -1, axis)
    rising = np.argsort(data_of(y))  # not every relative sorts
    return np.reshape((dy[rising] / n)[np.ravel(which)], np.shape(x))


rule(distinct, distinct_back)


@written_as(np.unique)
def unique(ar: Any, return_index: Any = False, return_inverse: Any = False, return_counts: Any = False,
           axis: Any = None, *, equal_nan: Any = True, sorted: Any = True) -> Any:  # fmt: skip
    from pellucid.tensor import data_of, record

    # mutate: sign, factor equivalent because only the truth of equal_nan counts
    options = {"axis": axis, "equal_nan": equal_nan, **({} if sorted else {"sorted": False})}  # `sorted`: NumPy 2.3
    function = partial(np.unique, return_index=return_index, return_inverse=return_inverse, return_counts=return_counts)
    values = record(distinct, (ar,), {"function": function, **options})
    if not (return_index or return_inverse or return_counts):
        return values
    return values, *function(data_of(ar), **options)[1:]


def state_unique(function: Callable[..., Any]) -> None:
    @written_as(function)
    def call(x: Any) -> Any:
        from pellucid.tensor import data_of, record

        values, found = record(distinct, (x,), {"function": function}), function(data_of(x))
        return type(found)(values, *found[1:]) if isinstance(found, tuple) else values


state_unique(np.unique_values)
state_unique(np.unique_all)
state_unique(np.unique_counts)
state_unique(np.unique_inverse)


@written_as(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    return np.unique(np.concatenate((ar1, ar2), axis=None))


@written_as(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: Any = False, return_indices: Any = False) -> Any:
    """One of each two equal neighbours, once the values of both are in order; the two share its gradient."""
    from pellucid.tensor import data_of

    a, b = ((np.ravel if assume_unique else np.unique)(x) for x in (ar1, ar2))
    both = np.sort(np.concatenate((a, b)))
    values = both[:-1][both[1:] == both[:-1]]
    if not return_indices:
        return values
    return values, *np.intersect1d(data_of(ar1), data_of(ar2), assume_unique, return_indices)[1:]


@written_as(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: Any = False) -> Any:
    """What differs from both its neighbours."""
    a, b = (ar1, ar2) if assume_unique else (np.unique(ar1), np.unique(ar2))
    both = np.sort(np.concatenate((a, b), axis=None))
    edge = np.concatenate(([True], both[1:] != both[:-1], [True]))
    return both[edge[1:] & edge[:-1]] if np.size(both) else both


@written_as(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: Any = False) -> Any:
    values = np.ravel(ar1) if assume_unique else np.unique(ar1)
    return values[~np.isin(values, ar2)]


constant(np.argsort, np.argpartition, np.lexsort, np.searchsorted, np.digitize, np.isin)
if hasattr(np, "in1d"):  # until NumPy 2.4
    constant(np.in1d)  # mutate: drop equivalent because newer versions have none
