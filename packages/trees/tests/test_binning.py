"""Bins against their definition: ranks by counting, codes by comparing a value with every bin's least one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_trees.binning import BINS, MISSING, binned, counts, first_places

rng = np.random.default_rng(0)


def least_values(x, max_bins):
    """The least value of each bin, by the definition."""
    s, N = sorted(x), len(x)
    if len(set(s)) <= max_bins:
        return sorted(set(s))
    return sorted({s[k * N // max_bins] for k in range(max_bins)})


def columns():
    few = rng.integers(0, 9, 200).astype(float)
    heavy = np.where(rng.random(200) < 0.5, 3.0, rng.normal(size=200))
    return {"different": rng.normal(size=200), "few": few, "heavy": heavy, "one": np.full(200, 2.5)}


@pytest.mark.parametrize("max_bins", [2, 3, 7, 64, 255])
@pytest.mark.parametrize("kind", ["different", "few", "heavy", "one"])
def test_eq_1_bins_begin_at_ranks_that_are_equally_far_apart(kind, max_bins):
    x = columns()[kind]
    s = np.sort(x)
    first = first_places(s, max_bins)
    assert s[first].tolist() == least_values(x, max_bins)
    assert first.tolist() == [int(np.count_nonzero(x < low)) for low in s[first]]  # all equal values are in one bin


def test_eq_1_bins_hold_equally_many_points():
    bins = binned(rng.normal(size=(1000, 1)), 8)
    np.testing.assert_array_equal(bins.number[0, :9], [125] * 8 + [0])


def test_eq_1_a_value_more_than_there_are_bins_makes_the_difference():
    s = np.arange(5.0)
    np.testing.assert_array_equal(first_places(s, 5), [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(first_places(s, 4), [0, 1, 2, 3])  # the ranks 0, 5 // 4, 10 // 4, 15 // 4
    np.testing.assert_array_equal(first_places(s, 2), [0, 2])


@pytest.mark.parametrize("max_bins", [2, 5, 255])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_eq_2_a_code_is_the_last_bin_that_begins_at_or_below(max_bins, dtype):
    X = np.column_stack(list(columns().values())).astype(dtype)
    X[rng.random(X.shape) < 0.2] = np.nan
    bins = binned(np.asfortranarray(X), max_bins)
    assert bins.codes.dtype == np.uint8 and bins.codes.flags.c_contiguous
    for d, x in enumerate(X.T):
        low = [v for v in bins.low[d] if not np.isnan(v)]
        for value, code in zip(x, bins.codes[:, d]):
            expected = MISSING if np.isnan(value) else max(k for k in range(len(low)) if low[k] <= value)
            assert code == expected


def test_every_bin_knows_its_least_and_greatest_value_and_how_many_points_it_has():
    X = np.column_stack(list(columns().values()))
    X[::7, 1] = np.nan
    bins = binned(X, 16)
    for d in range(4):
        for k in range(BINS):
            inside = X[bins.codes[:, d] == k, d]
            assert bins.number[d, k] == len(inside)
            if len(inside) and k != MISSING:
                assert (bins.low[d, k], bins.high[d, k]) == (inside.min(), inside.max())
            else:
                assert np.isnan(bins.low[d, k]) and np.isnan(bins.high[d, k])
    assert bins.has_missing and bins.most == 16
    np.testing.assert_array_equal(counts(bins.codes[:50])[:, MISSING], [0, 8, 0, 0])


def test_a_column_without_values_and_a_table_without_gaps():
    bins = binned(np.array([[np.nan, 1.0], [np.nan, 1.0]]))
    assert (bins.codes == [[MISSING, 0], [MISSING, 0]]).all() and bins.most == 1 and bins.has_missing
    assert np.isnan(bins.low[0]).all()
    assert not binned(np.ones((3, 2))).has_missing
    assert binned(np.full((3, 1), np.nan)).most == 1  # one bin to look at, though no point is in it


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 400), st.integers(2, 255), st.integers(1, 500), st.integers(0, 10**6))
def test_codes_keep_the_order_of_the_values(N, max_bins, n_values, seed):
    draw = np.random.default_rng(seed)
    x = draw.integers(-n_values, n_values, N) * 10.0 ** draw.integers(-300, 300)
    bins = binned(x[:, None], max_bins)
    code = bins.codes[:, 0].astype(int)
    order = np.argsort(x, kind="stable")
    steps, rises = np.diff(code[order]), np.diff(x[order]) > 0
    assert (steps >= 0).all() and (steps[~rises] == 0).all() and code.max() < max_bins
    assert set(code) == set(range(code.max() + 1))  # no bin is empty
    if len(set(x)) <= max_bins:
        assert (steps[rises] == 1).all()


def test_the_data_are_not_written_to():
    X = rng.normal(size=(20, 2))
    X.flags.writeable = False
    binned(X)
