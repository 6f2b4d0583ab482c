"""Derivatives of statistics of several variables: weighted averages, covariance, correlation, histograms.

Which bin a value falls into does not move with the value: a histogram has a gradient by its weights, and counts are
plain arrays. Its edges have one where they are spread from the smallest value to the largest (ties share it), or given
as a Tensor, and so has a density, which is divided by their distances. A correlation that rounding has put outside
−1 and 1 is cut there and has gradient 0; one with a variable that does not vary is NaN and sends 0.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.rules.reductions import axes_of, extreme_back, kept, mean_back
from pellucid.tape import NoRuleError, rule, written_as


def refuse(x: Any, message: str) -> None:
    from pellucid.tensor import parent_of

    if parent_of(x) is not None:
        raise NoRuleError(message)


# The average: ȳ w / Σw by the values, ȳ (a − y) / Σw by their weights


def beside(weights: Any, x: Any, axis: Any) -> Any:
    """Weights of x, or of its axes `axis` in their order, so that they broadcast with x."""
    if np.shape(weights) == np.shape(x):
        return weights
    axes = axes_of(x, axis)
    sides = [n if i in axes else 1 for i, n in enumerate(np.shape(x))]
    return np.reshape(np.transpose(weights, np.argsort(axes)), sides)


def average_back(dy: Any, y: Any, a: Any, axis: Any, weights: Any, returned: Any) -> Any:
    dy = dy[0] if returned else dy
    if weights is None:
        return mean_back(dy, a, axis, True)
    w = beside(weights, a, axis)  # mutate: sign, factor equivalent because only the shares of the sum count
    return kept(dy, a, axis) * (w / np.sum(w, axis=axis, keepdims=True))


def average_weights_back(dy: Any, y: Any, a: Any, axis: Any, weights: Any, returned: Any) -> Any:
    dy, y, d_sum = (dy[0], y[0], kept(dy[1], a, axis)) if returned else (dy, y, 0.0)
    w = beside(weights, a, axis)
    dw = kept(dy, a, axis) * (a - kept(y, a, axis)) / np.sum(w, axis=axis, keepdims=True) + d_sum
    if np.shape(weights) == np.shape(a):
        return dw
    axes = axes_of(a, axis)
    dw = np.sum(dw, axis=tuple([i for i in range(np.ndim(a)) if i not in axes]))
    return np.transpose(dw, np.argsort(np.argsort(axes)))


# fmt: off
rule(np.average, lambda dy, y, a, axis=None, weights=None, returned=False, keepdims=False:
                 average_back(dy, y, a, axis, weights, returned), None,
                 lambda dy, y, a, axis=None, weights=None, returned=False, keepdims=False:
                 average_weights_back(dy, y, a, axis, weights, returned))
# fmt: on


# Covariance and correlation


def variables(m: Any, rowvar: Any) -> Any:
    """One variable in each row, (D, N)."""
    if np.ndim(m) < 2:
        return np.reshape(m, (1, np.size(m)))
    return m if rowvar else np.swapaxes(m, 0, 1)


def second(y: Any, rowvar: Any) -> Any:
    """Whether the second argument has its variables in rows: a single row always is one."""
    return rowvar or np.shape(np.atleast_2d(y))[0] == 1


def centered(m: Any, y: Any, w: Any, rowvar: Any) -> Any:
    """The variables of m and y less their means, (D, N)."""
    X = variables(m, rowvar)
    if y is not None:
        X = np.concatenate([X, variables(y, second(y, rowvar))])
    return X - (X @ w / np.sum(w))[:, None]


def frequencies(m: Any, rowvar: Any, fweights: Any) -> Any:
    """How often each observation counts, (N,)."""
    return np.ones(np.shape(variables(m, rowvar))[1]) if fweights is None else np.asarray(fweights, float)


def degrees(w: Any, a: Any, bias: Any, ddof: Any) -> Any:
    """What the sum of squares is divided by, W − ddof Σ w a / W with W = Σ w."""
    f = np.sum(w) - freedom(bias, ddof) * np.sum(w * a) / np.sum(w)
    return np.where(f > 0, f, np.nan)


def freedom(bias: Any, ddof: Any) -> Any:
    return ddof if ddof is not None else 0 if bias else 1


def cov_back(dc: Any, m: Any, y: Any, a: Any, fweights: Any, rowvar: Any, bias: Any, ddof: Any) -> Any:
    """X̄ = (C̄ + C̄ᴴ) X* w / f, where X is less its means: what moves these adds nothing, for Σ w X is 0."""
    # mutate: factor, number equivalent because a factor of all weights cancels
    a = 1.0 if a is None else a
    w = frequencies(m, rowvar, fweights) * a
    X = centered(m, y, w, rowvar)
    dc = np.reshape(dc, (np.shape(X)[0], np.shape(X)[0]))
    return (dc + np.conj(np.swapaxes(dc, 0, 1))) @ np.conj(X) * (w / degrees(w, a, bias, ddof))


def cov_m_back(dc: Any, m: Any, y: Any, a: Any, fweights: Any, rowvar: Any, bias: Any, ddof: Any) -> Any:
    dX = cov_back(dc, m, y, a, fweights, rowvar, bias, ddof)
    return np.reshape(variables(dX[: np.shape(variables(m, rowvar))[0]], rowvar), np.shape(m))


def cov_y_back(dc: Any, m: Any, y: Any, a: Any, fweights: Any, rowvar: Any, bias: Any, ddof: Any) -> Any:
    dX = cov_back(dc, m, y, a, fweights, rowvar, bias, ddof)
    return np.reshape(variables(dX[np.shape(variables(m, rowvar))[0] :], second(y, rowvar)), np.shape(y))


def cov_a_back(dc: Any, c: Any, m: Any, y: Any, a: Any, fweights: Any, rowvar: Any, bias: Any, ddof: Any) -> Any:
    """With w = φ a: ā = φ diag(Xᵀ C̄ X*) / f − ⟨C̄, C⟩ / f ∂f/∂a."""
    # mutate: arguments equivalent because a single one is spread over all
    phi = frequencies(m, rowvar, fweights)
    w = phi * a
    # mutate: sign equivalent because X counts by its squares
    W, X, f = np.sum(w), centered(m, y, w, rowvar), degrees(w, a, bias, ddof)
    df = phi * (1 - freedom(bias, ddof) * (2 * a - np.sum(w * a) / W) / W)
    squares = np.sum(X * (np.reshape(dc, (np.shape(X)[0], np.shape(X)[0])) @ np.conj(X)), axis=0)  # (N,)
    return phi * squares / f - np.sum(dc * c) / f * df


def cov_of(m: Any, y: Any, aweights: Any, fweights: Any = None, **options: Any) -> Any:
    """np.cov, but that it writes into its fweights where there are aweights too."""
    return np.cov(m, y, aweights=aweights, fweights=None if fweights is None else np.array(fweights), **options)


# fmt: off
rule(cov_of, lambda dy, c, m, y, a, fweights, rowvar, bias, ddof, dtype:
             cov_m_back(dy, m, y, a, fweights, rowvar, bias, ddof),
             lambda dy, c, m, y, a, fweights, rowvar, bias, ddof, dtype:
             cov_y_back(dy, m, y, a, fweights, rowvar, bias, ddof),
             lambda dy, c, m, y, a, fweights, rowvar, bias, ddof, dtype:
             cov_a_back(dy, c, m, y, a, fweights, rowvar, bias, ddof))
# fmt: on


@written_as(np.cov)
def cov(m: Any, y: Any = None, rowvar: Any = True, bias: Any = False, ddof: Any = None, fweights: Any = None,
        aweights: Any = None, *, dtype: Any = None) -> Any:  # fmt: skip
    from pellucid.tensor import data_of, record

    refuse(fweights, "np.cov has no gradient by its fweights, which are whole numbers: detach() them")
    # mutate: sign, factor equivalent because of rowvar and bias only the truth counts
    options = {"fweights": data_of(fweights), "rowvar": rowvar, "bias": bias, "ddof": ddof, "dtype": dtype}
    return record(cov_of, (m, y, aweights), options)


@written_as(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: Any = True, *, dtype: Any = None) -> Any:
    """C / (σ σᵀ), cut to [−1, 1]."""
    from pellucid.tensor import data_of

    c = np.cov(x, y, rowvar, dtype=dtype)
    if np.ndim(c) == 0:  # 1, or NaN, whatever moves
        return 0.0 * c + data_of(c) / data_of(c)
    square = np.real(np.diagonal(c))
    flat = square == 0
    # mutate: sign, number equivalent because two of them are multiplied, and those of the flat are not used
    sd = np.sqrt(np.where(flat, 1.0, square))
    r = c / sd[:, None] / sd[None, :]
    r = cut(np.real(r)) + 1j * cut(np.imag(r)) if r.dtype.kind == "c" else cut(r)
    if not np.any(flat):
        return r
    # mutate: sign, factor, function equivalent because only its zeros count: NumPy's own NaN, and its warning
    sd = np.sqrt(data_of(square))
    return np.where(flat[:, None] | flat, data_of(c) / sd[:, None] / sd[None, :], r)


def cut(r: Any) -> Any:
    """r without what rounding adds to ±1."""
    # mutate: arguments, number equivalent because rounding may go to either side
    return np.clip(r, -1, 1)


# Histograms


def spread_back(dy: Any, y: Any, a: Any) -> Any:
    """The edges are min + t (max − min), with t from 0 to 1."""
    from pellucid.tensor import data_of

    t, values = np.linspace(0, 1, np.size(y)), data_of(a)
    low, high = np.sum(dy * (1 - t)), np.sum(dy * t)
    return extreme_back(low, np.min(values), a, None) + extreme_back(high, np.max(values), a, None)


def spread(a: Any, bins: Any, weights: Any) -> Any:
    """Edges at equal distances from the smallest value to the largest."""
    return np.histogram_bin_edges(a, bins, weights=weights)


rule(spread, lambda dy, y, a, bins, weights: spread_back(dy, y, a))


@written_as(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    from pellucid.tensor import data_of, parent_of, record

    refuse(range, "a histogram has no gradient by its range: detach() it, or give all edges as a Tensor: bins=")
    edges = np.histogram_bin_edges(data_of(a), data_of(bins), data_of(range), data_of(weights))
    if parent_of(bins) is not None:
        return bins
    if parent_of(a) is not None and np.ndim(bins) == 0 and range is None and np.size(a) > 0:
        return record(spread, (a, bins, data_of(weights)), {})
    return edges


def sums(function: Callable[..., Any], sample: Any, bins: Any, range: Any, weights: Any) -> Any:
    """What is in the bins: a plain array, for it jumps, or sums of weights that have a gradient."""
    from pellucid.tensor import data_of, parent_of, record

    sample, bins, range = data_of(sample), data_of(bins), data_of(range)
    if parent_of(weights) is None:
        return function(sample, bins, range, weights=data_of(weights))[0]
    return record(weighted, (weights, sample, bins, range), {"function": function})


def weighted(weights: Any, sample: Any, bins: Any, range: Any, function: Callable[..., Any]) -> Any:
    return function(sample, bins, range, weights=weights)[0]


def weights_back(dy: Any, y: Any, weights: Any, sample: Any, bins: Any, range: Any, function: Any) -> Any:
    """A value is in the bin between two edges, and on the lower of them; on the last edge it is in the last bin."""
    edges = function(sample, bins, range)[1]
    points, edges = ([np.ravel(sample)], [edges]) if function is np.histogram else (coordinates(sample), edges)
    # mutate: sign, factor equivalent because nothing is nothing
    place, inside = 0, True
    for x, edge in zip(points, edges, strict=True):
        at = np.searchsorted(edge, x, side="right") - 1 - (x == edge[-1])
        inside = inside & (at >= 0) & (at < len(edge) - 1)
        place = place * (len(edge) - 1) + at
    # mutate: number equivalent because any place will do for what is left out
    dw = np.where(inside, np.ravel(dy)[np.where(inside, place, 0)], 0.0)
    return np.reshape(dw, np.shape(weights))


rule(weighted, weights_back)


def coordinates(sample: Any) -> Any:
    """The points of histogramdd, one coordinate in each row: a matrix has them in columns, a sequence one by one."""
    if isinstance(sample, list | tuple):
        return np.atleast_2d(np.stack(sample))
    return np.swapaxes(sample, 0, 1) if np.ndim(sample) == 2 else np.atleast_2d(sample)


@written_as(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    counts, edges = sums(np.histogram, a, bins, range, weights), histogram_bin_edges(a, bins, range, weights)
    if density:
        counts = counts / (edges[1:] - edges[:-1]).astype(float) / np.sum(counts)
    return counts, edges


@written_as(np.histogramdd)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    counts, points = sums(np.histogramdd, sample, bins, range, weights), coordinates(sample)
    ranges = [None] * len(points) if range is None else range
    edges = [histogram_bin_edges(*of) for of in zip(points, one_for_each(bins, points), ranges, strict=True)]
    if density:
        total = np.sum(counts)
        for i, edge in enumerate(edges):
            counts = np.moveaxis(np.moveaxis(counts, i, -1) / (edge[1:] - edge[:-1]), -1, i)
        counts = counts / total
    return counts, edges


def one_for_each(bins: Any, points: Any) -> Any:
    try:
        len(bins)
    except TypeError:
        return [bins] * len(points)
    return bins


@written_as(np.histogram2d)
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    if len(x) != len(y):
        raise ValueError(f"np.histogram2d wants as many x as y; there are {len(x)} and {len(y)}")
    if len(one_for_each(bins, [x])) > 2:  # the edges of both
        bins = [bins, bins]
    counts, edges = histogramdd([x, y], bins, range, density, weights)
    return counts, edges[0], edges[1]


rule(np.bincount, None, lambda dy, y, x, weights, minlength=0: dy[np.asarray(x, np.intp)])
