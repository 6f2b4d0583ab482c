"""Binning: each feature in at most 255 bins of neighbouring values, one byte for each entry.

A tree asks only which values lie below a threshold, so little is lost when neighbouring values share a bin, and sums
over bins are fast (`histogram_tree.py`). Where a feature has B different values or fewer, each gets a bin to itself.
Otherwise the bins hold about equally many points: with x₍₁₎ ≤ x₍₂₎ ≤ ... ≤ x₍N₎ for the feature's sorted values, the
least value of bin k is

    lₖ = x₍ᵣ₎,   r = ⌊k N / B⌋ + 1,   k = 0, ..., B − 1                        (1)

Equal values are never parted, so what is common may fill several bins' share, and these become one. A point is in the
last bin that begins at or below it:

    code(x) = max { k : lₖ ≤ x }                                               (2)

A missing value has the code 255, whatever the feature. If uₖ is the greatest value in bin k, a threshold between bin j
and a later bin k stands half-way from uⱼ to lₖ; where every value has a bin to itself, an exact tree has it there too.

Symbols
-------
    paper     code    shape     meaning
    x         X       (N, D)    data, NaN where a value is missing
    x₍ᵣ₎      s       (N,)      one feature, sorted
    code(x)   codes   (N, D)    which bin
    lₖ, uₖ    low     (D, 256)  least value in each bin; `high` the greatest

Cost: O(N D log N) time, most of it for sorting, once; N D bytes of memory, an eighth of the data.

References
----------
    Ke et al. (2017), "LightGBM: a highly efficient gradient boosting decision tree": boosting on binned features.
Differs from them: all points are sorted, where they take a sample.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray, IndexArray

BINS = 256  # codes that a byte can hold
MISSING = 255  # the last of them


class Bins(NamedTuple):
    codes: NDArray[np.uint8]  # (N, D)
    low: FloatArray  # (D, 256), NaN where there is no such bin
    high: FloatArray  # (D, 256)
    number: FloatArray  # (D, 256) of points
    most: int  # bins of the feature that has most of them
    has_missing: bool


def first_places(s: FloatArray, max_bins: int) -> IndexArray:
    """Where each bin begins in a sorted feature: (N,), _ -> (B,)."""
    N = len(s)
    places = np.flatnonzero(s[1:] != s[:-1]) + 1  # where a value differs from the one before
    if len(places) < max_bins:
        return np.append(0, places)
    r = np.arange(max_bins) * N // max_bins  #                                                       (1)
    return np.unique(np.searchsorted(s, s[r]))  # the first of all values that equal x₍ᵣ₎            (1)


def binned(X: FloatArray, max_bins: int = MISSING) -> Bins:
    """Sort every feature into bins: (N, D), _ -> _."""
    N, D = X.shape
    codes = np.full((N, D), MISSING, np.uint8)
    low, high = np.full((D, BINS), np.nan), np.full((D, BINS), np.nan)
    for d in range(D):
        x = np.ascontiguousarray(X[:, d])
        order = np.argsort(x)[: N - np.count_nonzero(np.isnan(x))]  # missing values are sorted to the end
        if len(order) == 0:
            continue
        s = x.take(order)
        first = first_places(s, max_bins)
        size = np.diff(first, append=len(s))
        codes[order, d] = np.repeat(np.arange(len(first), dtype=np.uint8), size)  #                  (2)
        low[d, : len(first)] = s[first]
        high[d, : len(first)] = s[first + size - 1]
    most = int(np.count_nonzero(~np.isnan(low), axis=1).max(initial=1))
    return Bins(codes, low, high, counts(codes), most, bool((codes == MISSING).any()))


def counts(codes: NDArray[np.uint8]) -> FloatArray:
    """How many points each bin has: (N, D) -> (D, 256)."""
    number = [np.bincount(column, minlength=BINS) for column in codes.T]
    return np.array(number, np.float64).reshape(-1, BINS)
