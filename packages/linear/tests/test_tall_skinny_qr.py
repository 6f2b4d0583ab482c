"""The oracle is the definition: sums over all rows about their means, and the squared error of any weights at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_linear.tall_skinny_qr import Factor, directions, merge, move, not_rounding, squared_error, triangle


def draw(seed=0, N=40, D=3, T=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)) + rng.normal(size=D), rng.normal(size=(N, T)), rng.uniform(0.5, 3, N)


def factor_of(X, Y, weights, fit_intercept=True):
    """The factor of rows by the definition of the means."""
    x_mean = np.average(X, axis=0, weights=weights) * fit_intercept
    y_mean = np.average(Y, axis=0, weights=weights) * fit_intercept
    root = np.sqrt(weights)[:, None]
    found = triangle(root * (X - x_mean), root * (Y - y_mean))
    return Factor(len(X), weights.sum(), x_mean, y_mean, *found)


def error_by_loops(X, Y, weights, x_mean, y_mean, w):
    total = np.zeros(Y.shape[1])
    for x, y, s in zip(X, Y, weights):
        for t in range(len(y)):
            total[t] += s * (y[t] - y_mean[t] - sum(w[d, t] * (x[d] - x_mean[d]) for d in range(len(x)))) ** 2
    return total


@pytest.mark.parametrize("N", [4, 9])
def test_eq_1_triangle_has_the_products_of_the_rows(N):
    A, U, _ = draw(1, N, 3)
    R, v, rest = triangle(A, U)
    assert R.shape == (3, 3) and v.shape == (3, 2) and rest.shape == (2,)
    np.testing.assert_allclose(R.T @ R, A.T @ A, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(np.tril(R, -1), 0)


def test_eq_2_v_is_what_the_columns_explain():
    A, U, _ = draw(2, 9, 3)
    R, v, _ = triangle(A, U)
    np.testing.assert_allclose(R.T @ v, A.T @ U, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.solve(R, v), np.linalg.lstsq(A, U)[0], rtol=1e-12)


def test_eq_3_rest_is_the_least_squared_error():
    A, U, _ = draw(3, 9, 3)
    _, _, rest = triangle(A, U)
    np.testing.assert_allclose(rest, np.linalg.lstsq(A, U)[1], rtol=1e-12)
    np.testing.assert_allclose(triangle(A, A @ np.ones((3, 1)))[2], 0, atol=1e-28)


def test_few_rows_stay_as_they_are():
    A, U, _ = draw(4, 3, 3)
    R, v, rest = triangle(A, U)
    np.testing.assert_array_equal(R, A)
    np.testing.assert_array_equal(v, U)
    np.testing.assert_array_equal(rest, 0)


@pytest.mark.parametrize("N", [3, 40])
def test_eq_4_squared_error_of_any_weights(N):
    X, Y, weights = draw(5, N)
    factor = factor_of(X, Y, weights)
    for seed in range(3):
        w = np.random.default_rng(seed).normal(size=(3, 2))
        expected = error_by_loops(X, Y, weights, factor.x_mean, factor.y_mean, w)
        np.testing.assert_allclose(squared_error(factor, w), expected, rtol=1e-12)


def test_eq_4_squares_that_overflow_are_infinite_without_a_warning():
    X, Y, weights = draw(6)
    assert np.isinf(squared_error(factor_of(X, 1e200 * Y, weights), np.zeros((3, 2)))).all()


def test_eq_5_6_mean_and_squares_of_both():
    X, _, weights = draw(7)
    first, second = slice(0, 7), slice(7, 40)
    means = [np.average(X[part], axis=0, weights=weights[part]) for part in (first, second)]
    sums = [weights[part].sum() for part in (first, second)]
    both, row = move(sums[0], means[0], sums[1], means[1])
    np.testing.assert_allclose(both, np.average(X, axis=0, weights=weights), rtol=1e-13)
    squares = sum(s * np.outer(m - both, m - both) for s, m in zip(sums, means))
    np.testing.assert_allclose(np.outer(row, row), squares, rtol=1e-12)
    assert np.all(row * (means[1] - means[0]) > 0)  # towards the second, as that of the targets must be too


@pytest.mark.parametrize("cuts", [[7], [1], [39], [2, 3, 20], list(range(1, 40))])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_1_2_3_4_5_6_merged_blocks_are_one_block(cuts, fit_intercept):
    X, Y, weights = draw(8)
    parts = [factor_of(*part, fit_intercept) for part in zip(*(np.split(A, cuts) for A in (X, Y, weights)))]
    whole = parts[0]
    for part in parts[1:]:
        whole = merge(whole, part)
    at_once = factor_of(X, Y, weights, fit_intercept)
    assert whole.n_rows == 40 and whole.R.shape == (3, 3)
    np.testing.assert_allclose(whole.total, weights.sum(), rtol=1e-14)
    np.testing.assert_allclose(whole.x_mean, at_once.x_mean, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(whole.y_mean, at_once.y_mean, rtol=1e-12, atol=1e-15)
    for name in ("R", "v"):
        products = whole.R.T @ getattr(whole, name)
        np.testing.assert_allclose(products, at_once.R.T @ getattr(at_once, name), rtol=1e-11, atol=1e-12)
    for w in (np.zeros((3, 2)), np.ones((3, 2))):
        np.testing.assert_allclose(squared_error(whole, w), squared_error(at_once, w), rtol=1e-12)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 6), st.integers(-8, 8), st.integers(0, 2**32 - 1))
def test_merge_keeps_the_squared_error_however_far_from_zero(M, N, D, power, seed):
    X, Y, weights = draw(seed, M + N, D, 1)
    X += 10.0**power
    one, other = (factor_of(X[part], Y[part], weights[part]) for part in (slice(M), slice(M, None)))
    whole, w = merge(one, other), np.ones((D, 1))
    expected = error_by_loops(X, Y, weights, whole.x_mean, whole.y_mean, w)
    np.testing.assert_allclose(squared_error(whole, w), expected, rtol=1e-9 + 1e-14 * 10.0**power, atol=1e-13)


def test_merging_is_precise_where_a_square_of_the_data_is_not():
    """Columns that differ by 1e-9: their sums of products have no digit of the difference, R has seven."""
    X, Y, weights = draw(9)
    X[:, 1] = X[:, 0] + 1e-9 * X[:, 1]
    Y = X @ [[1.0], [2.0], [3.0]]
    parts = [factor_of(X[part], Y[part], weights[part]) for part in (slice(15), slice(15, None))]
    whole = merge(*parts)
    np.testing.assert_allclose(np.linalg.solve(whole.R, whole.v), [[1], [2], [3]], rtol=1e-5)


def test_eq_7_directions_are_those_in_which_rows_differ():
    X, Y, weights = draw(10, D=4)
    X[:, 3] = X[:, 0] - X[:, 1]
    factor = factor_of(X, Y, weights)
    U, sigma, V, size = directions(factor)
    assert U.shape == (4, 3) and sigma.shape == (3,) and V.shape == (4, 3)
    np.testing.assert_allclose(size, np.abs(factor.R).max(axis=0))
    np.testing.assert_allclose(U * sigma @ V.T * size, factor.R, atol=1e-13)
    np.testing.assert_allclose(U.T @ U, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(V.T @ V, np.eye(3), atol=1e-14)


def test_eq_7_fewer_rows_than_columns():
    X, Y, weights = draw(10, N=3, D=5)
    U, sigma, V, size = directions(factor_of(X, Y, weights, fit_intercept=False))
    assert U.shape == (3, 3) and V.shape == (5, 3) and len(sigma) == 3 and len(size) == 5
    assert directions(factor_of(X, Y, weights)).V.shape == (5, 2)


def test_eq_7_units_do_not_decide_what_is_zero():
    X, Y, weights = draw(11)
    units = np.array([1e-200, 1.0, 1e200])
    plain, scaled = directions(factor_of(X, Y, weights)), directions(factor_of(X * units, Y, weights))
    np.testing.assert_allclose(scaled.sigma, plain.sigma, rtol=1e-12)
    np.testing.assert_allclose(scaled.size, plain.size * units, rtol=1e-12)


def test_eq_7_what_rounding_leaves_of_a_collinear_column_grows_with_the_rows_it_came_from():
    R = np.array([[1.0, 1.0], [0.0, 1e-14]])
    factor = Factor(10, 10.0, np.zeros(2), np.zeros(1), R, np.zeros((2, 1)), np.zeros(1))
    assert len(directions(factor).sigma) == 2
    assert len(directions(factor._replace(n_rows=1000)).sigma) == 1


@pytest.mark.parametrize("far", [0.0, 1.0])
@pytest.mark.parametrize("n_rows, total, largest", [(2, 0.7, 3.0), (50, 80.0, 0.4), (3000, 9.0, 3.0)])
def test_eq_8_what_is_kept_is_above_the_rounding_of_its_columns_and_means(n_rows, total, largest, far):
    rng = np.random.default_rng(12)
    R, size = rng.normal(size=(3, 4)), np.array([2.0, 0.25, 1.0, 8.0])
    x_mean = np.array([1e5 * far, -30.0 * far, 1e300, 0.4 * far])
    R[:, 2] = 0  # what is constant is centred to zeros, however far it is
    V = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    factor = Factor(n_rows, total, x_mean, np.zeros(1), R, np.zeros((3, 1)), np.zeros(1))
    for i in (1, 2):
        of_means = sum(abs(V[j, i] * x_mean[j]) / size[j] for j in (0, 1, 3)) * (n_rows * total) ** 0.5
        least = 2.0**-52 * (largest * max(n_rows, 4) + of_means)
        for share, kept in ((0.999, False), (1.001, True)):
            sigma = np.full(3, largest)
            sigma[i] = share * least
            expected = [True, True, True]
            expected[i] = kept
            assert not_rounding(factor, sigma, V.T[:3], size).tolist() == expected


@pytest.mark.parametrize("pieces", [1, 7, 60])
def test_eq_8_columns_that_are_collinear_but_far_from_zero_are_found_out(pieces):
    """Year of birth, year and age: integers, of which the third is exactly the difference of the others."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        born, year = rng.integers(1940, 2000, 60), rng.integers(2000, 2026, 60)
        X, Y, weights = np.stack([born, year, year - born], axis=1), rng.normal(size=(60, 1)), rng.uniform(0.5, 3, 60)
        parts = [factor_of(X[p], Y[p], weights[p]) for p in np.array_split(np.arange(60), pieces)]
        whole = parts[0]
        for part in parts[1:]:
            whole = merge(whole, part)
        assert len(directions(whole).sigma) == 2


def test_eq_8_one_column_that_hardly_varies_takes_nothing_from_the_others():
    rng = np.random.default_rng(13)
    X = rng.normal(size=(50, 3)) * [1, 1, 1e-5] + [0, 0, 1e10]  # the last but for rounding is a constant
    X[:, 1] = X[:, 0] + 1e-9 * X[:, 1]
    assert len(directions(factor_of(X, np.zeros((50, 1)), np.ones(50))).sigma) == 2


def test_eq_7_columns_of_zeros():
    factor = Factor(5, 5.0, np.zeros(3), np.zeros(1), np.zeros((3, 3)), np.zeros((3, 1)), np.zeros(1))
    U, sigma, V, size = directions(factor)
    assert len(sigma) == 0 and U.shape == V.shape == (3, 0) and np.all(size == 1)
