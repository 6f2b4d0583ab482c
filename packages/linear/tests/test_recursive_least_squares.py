"""The oracle is the fit to the rows that are there, by elimination in fractions or by a fresh decomposition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_linear import recursive_least_squares
from pellucid_linear.recursive_least_squares import SMALLEST, Inverse, factor, update
from pellucid_linear.tall_skinny_qr import Factor, triangle


def draw(seed=0, N=40, D=3, T=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)) + 3 * rng.normal(size=D), rng.normal(size=(N, T)) + 5, rng.uniform(0.5, 3, N)


def centred(X, Y, weights, fit_intercept=True):
    x_mean = np.average(X, axis=0, weights=weights) * fit_intercept
    y_mean = np.average(Y, axis=0, weights=weights) * fit_intercept
    root = np.sqrt(weights)[:, None]
    return root * (X - x_mean), root * (Y - y_mean), x_mean, y_mean


def rows(X, Y, weights, fit_intercept=True):
    """The factor of some rows."""
    Xc, Yc, x_mean, y_mean = centred(X, Y, weights, fit_intercept)
    return Factor(len(X), weights.sum(), x_mean, y_mean, *triangle(Xc, Yc))


def fresh(X, Y, weights, fit_intercept=True):
    """What a fit to these rows has learnt, by the definitions."""
    Xc, Yc, x_mean, y_mean = centred(X, Y, weights, fit_intercept)
    w = np.linalg.lstsq(Xc, Yc)[0]
    P = np.linalg.inv(Xc.T @ Xc)
    rest = np.sum((Yc - Xc @ w) ** 2, axis=0)
    return Inverse(len(X), weights.sum(), x_mean, y_mean, (P + P.T) / 2, w, rest)


def assert_same(found, expected, rtol=1e-10):
    assert found.n_rows == expected.n_rows
    for name in Inverse._fields[1:]:
        one, other = np.asarray(getattr(found, name)), np.asarray(getattr(expected, name))
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * np.abs(other).max(), err_msg=name)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("B", [1, 2, 3, 4, 17])
def test_eq_1_2_3_4_5_6_rows_that_join(B, fit_intercept):
    data = draw(1)
    before, new = ([A[part] for A in data] for part in (slice(40 - B), slice(40 - B, None)))
    found = update(fresh(*before, fit_intercept), rows(*new, fit_intercept))
    assert_same(found, fresh(*data, fit_intercept))
    np.testing.assert_array_equal(found.P, found.P.T)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("B", [1, 2, 3, 4, 17])
def test_eq_1_2_3_4_5_6_rows_that_leave(B, fit_intercept):
    data = draw(2)
    stay, leave = ([A[part] for A in data] for part in (slice(40 - B), slice(40 - B, None)))
    found = update(fresh(*data, fit_intercept), rows(*leave, fit_intercept), -1)
    assert_same(found, fresh(*stay, fit_intercept))


def test_eq_1_means_by_hand():
    """Two rows around 1 and one at 4 have the mean 2; the weights are 1."""
    state = Inverse(2, 2.0, np.array([1.0]), np.array([10.0]), np.array([[0.5]]), np.array([[0.0]]), np.array([0.0]))
    new = Factor(1, 1.0, np.array([4.0]), np.array([4.0]), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1))
    found = update(state, new)
    assert found.n_rows == 3 and found.total == 3 and found.x_mean == 2 and found.y_mean == 8
    # squares of 0, 2 and 4 about 2 are 8 = 1/P, products with 10 ± 0 and 4 are -12
    np.testing.assert_allclose([found.P[0, 0], found.w[0, 0]], [1 / 8, -12 / 8])
    np.testing.assert_allclose(found.rest, 24 - 12**2 / 8)
    back = update(found, new, -1)
    np.testing.assert_allclose(
        [back.x_mean[0], back.y_mean[0], back.P[0, 0], back.rest[0]], [1, 10, 0.5, 0], atol=1e-13
    )


def test_one_row_is_the_formula_of_sherman_and_morrison():
    data = draw(3)
    state, new = fresh(*data, fit_intercept=False), draw(4, N=1)
    found = update(state, rows(*new, fit_intercept=False))
    z, s = new[0][0], new[2][0]
    expected = state.P - s * np.outer(state.P @ z, z @ state.P) / (1 + s * z @ state.P @ z)
    np.testing.assert_allclose(found.P, expected, rtol=1e-12, atol=1e-15)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.booleans())
def test_long_sequences_end_where_a_fresh_fit_does(seed, D, fit_intercept):
    """Rows join and leave in pieces of random sizes, in any order, 60 times."""
    X, Y, weights = draw(seed, 300, D, 1)
    rng = np.random.default_rng(seed)
    there = np.arange(300) < 100
    state = fresh(X[there], Y[there], weights[there], fit_intercept)
    for _ in range(60):
        joins = there.sum() < 80 or rng.random() < 0.5
        pool = np.flatnonzero(there != joins)
        chosen = rng.choice(pool, size=min(len(pool), int(rng.integers(1, 12))), replace=False)
        if len(chosen):
            state = update(state, rows(X[chosen], Y[chosen], weights[chosen], fit_intercept), 1 if joins else -1)
            there[chosen] = joins
    assert_same(state, fresh(X[there], Y[there], weights[there], fit_intercept))


def test_a_thousand_steps_of_a_sliding_window():
    X, Y, weights = draw(5, 1050)
    state = fresh(X[:50], Y[:50], weights[:50])
    for n in range(1000):
        state = update(state, rows(X[n + 50 : n + 51], Y[n + 50 : n + 51], weights[n + 50 : n + 51]))
        state = update(state, rows(X[n : n + 1], Y[n : n + 1], weights[n : n + 1]), -1)
    assert_same(state, fresh(X[1000:], Y[1000:], weights[1000:]))


def test_rows_without_which_nothing_is_determined_may_not_leave():
    X, Y, weights = draw(6)
    X[:, 1] = 0
    X[7, 1] = 1.0  # the only row that tells anything about this column
    with pytest.raises(ValueError, match="without these, columns are collinear"):
        update(fresh(X, Y, weights), rows(X[7:8], Y[7:8], weights[7:8]), -1)
    assert_same(
        update(fresh(X, Y, weights), rows(X[8:9], Y[8:9], weights[8:9]), -1),
        fresh(*(np.delete(A, 8, axis=0) for A in (X, Y, weights))),
    )


def test_down_to_as_few_rows_as_there_are_numbers_and_no_further():
    X, Y, weights = draw(7, N=9)
    state = fresh(X, Y, weights)
    for n in range(5):  # four rows for three weights and the intercept
        state = update(state, rows(X[n : n + 1], Y[n : n + 1], weights[n : n + 1]), -1)
    np.testing.assert_allclose(state.rest, 0, atol=1e-9)
    np.testing.assert_allclose(state.y_mean + (X[5:] - state.x_mean) @ state.w, Y[5:], rtol=1e-8)
    with pytest.raises(ValueError, match="collinear"):
        update(state, rows(X[5:6], Y[5:6], weights[5:6]), -1)


@pytest.mark.parametrize("size, refused", [(0.5, True), (2.0, False)])
def test_the_smallest_eigenvalue_decides(size, refused):
    """Without intercept one row z = 1 of weight 1 - c, of all rows with the sum of squares 1, leaves C = c."""
    c = size * SMALLEST
    state = Inverse(5, 5.0, np.zeros(1), np.zeros(1), np.eye(1), np.zeros((1, 1)), np.ones(1))
    leave = Factor(1, 1.0, np.zeros(1), np.zeros(1), np.array([[np.sqrt(1 - c)]]), np.zeros((1, 1)), np.zeros(1))
    if refused:
        with pytest.raises(ValueError, match="must be above 1e-10"):
            update(state, leave, -1)
    else:
        np.testing.assert_allclose(update(state, leave, -1).P, 1 / c, rtol=1e-4)


@pytest.mark.parametrize("error, rest, refused", [(3.0, 8.9, True), (3.0, 8.92, False), (3.0, 9.5, False)])
def test_rows_that_would_leave_a_squared_error_below_zero_may_not_leave(error, rest, refused):
    """A row at the mean, so that C = 1, with an error of 3 takes 9 away: more than there is but for a hundredth."""
    state = Inverse(9, 9.0, np.zeros(1), np.zeros(1), np.eye(1), np.array([[1e-3]]), np.array([rest]))
    leave = Factor(1, 1.0, np.zeros(1), np.zeros(1), np.zeros((1, 1)), np.array([[error]]), np.zeros(1))
    if refused:
        with pytest.raises(ValueError, match=r"squared error would be -0.1, from 8.9"):
            update(state, leave, -1)
    else:
        np.testing.assert_allclose(update(state, leave, -1).rest, max(rest - 9, 0))


def test_what_rounding_leaves_of_a_perfect_fit_is_no_reason_to_refuse():
    """Squares of 4 in all, of which 10⁻⁷ are missing."""
    state = Inverse(9, 9.0, np.zeros(1), np.zeros(1), np.eye(1), np.array([[2.0]]), np.array([0.0]))
    for missing, refused in ((4e-7, False), (4e-5, True)):
        rows = Factor(1, 1.0, np.zeros(1), np.zeros(1), np.zeros((1, 1)), np.full((1, 1), missing**0.5), np.zeros(1))
        if refused:
            with pytest.raises(ValueError, match="must have been in the fit"):
                update(state, rows, -1)
        else:
            assert update(state, rows, -1).rest == 0


def test_more_rows_than_there_are_may_not_leave():
    data = draw(8)
    few = [A[:5] for A in data]
    state = fresh(*few)
    with pytest.raises(ValueError, match="the model has seen 5 rows"):
        update(state, rows(*few), -1)
    with pytest.raises(ValueError, match="as long as some remain"):
        update(state, rows(few[0][:1], few[1][:1], np.array([1e3])), -1)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_7_8_back_to_a_triangle(fit_intercept):
    data = draw(9)
    state = fresh(*data, fit_intercept)
    found, expected = factor(state), rows(*data, fit_intercept)
    np.testing.assert_allclose(found.R.T @ found.R, expected.R.T @ expected.R, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.R.T @ found.v, expected.R.T @ expected.v, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.rest, expected.rest, rtol=1e-11)
    assert found[:2] == expected[:2]
    np.testing.assert_allclose([*found.x_mean, *found.y_mean], [*expected.x_mean, *expected.y_mean], rtol=1e-13)


def test_a_squared_error_never_becomes_negative():
    X, _, weights = draw(10)
    Y = X @ [[1.0], [2.0], [3.0]] + 4  # fits exactly
    state = fresh(X, Y, weights)
    for n in range(30):
        state = update(state, rows(X[n : n + 1], Y[n : n + 1], weights[n : n + 1]), -1)
        assert np.all(state.rest >= 0)
    assert recursive_least_squares.update(state, rows(X[:1], Y[:1], weights[:1])).rest < 1e-20
