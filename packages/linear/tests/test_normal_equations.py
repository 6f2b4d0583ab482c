"""The oracle is the definition: sums by loops, systems with known eigenvalues, the singular value decomposition."""

import tracemalloc

import numpy as np
import pytest

from pellucid_linear import linear_regression, normal_equations, ridge
from pellucid_linear.normal_equations import (
    BLOCK,
    LARGEST_KAPPA,
    blocks,
    least_squares,
    near_mean,
    scaled,
    solve,
    solve_scaled,
    sums,
    sums_and_squares,
)
from pellucid_linear.tall_skinny_qr import squared_error


def draw(seed=0, N=50, D=3, T=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)) + rng.normal(size=D), rng.normal(size=(N, T)) + 5, rng.uniform(0.5, 3, N)


@pytest.mark.parametrize("N", [1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
@pytest.mark.parametrize("weighted", [True, False])
def test_eq_1_2_3_sums_are_those_of_the_definition(N, weighted):
    X, Y, weights = draw(1, N)
    s = weights if weighted else np.ones(N)
    found = sums(X, Y, weights if weighted else None, fit_intercept=True)
    x_mean, y_mean = np.average(X, axis=0, weights=s), np.average(Y, axis=0, weights=s)
    gram, cross = np.zeros((3, 3)), np.zeros((3, 2))
    for x, y, weight in zip(X, Y, s):
        gram += weight * np.outer(x - x_mean, x - x_mean)
        cross += weight * np.outer(x - x_mean, y - y_mean)
    np.testing.assert_allclose([*found.x_mean, *found.y_mean], [*x_mean, *y_mean], rtol=1e-12)
    np.testing.assert_allclose(found.gram, gram, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.cross, cross, rtol=1e-9, atol=1e-11)
    a = near_mean(X, weights if weighted else None)
    np.testing.assert_allclose(found.cancelled, s.sum() * (x_mean - a) ** 2, rtol=1e-8, atol=1e-24)


def test_eq_1_2_3_without_intercept_nothing_is_taken_away():
    X, Y, weights = draw(2)
    found = sums(X, Y, weights, fit_intercept=False)
    np.testing.assert_allclose(found.gram, (weights[:, None] * X).T @ X, rtol=1e-12)
    np.testing.assert_allclose(found.cross, (weights[:, None] * X).T @ Y, rtol=1e-12)
    assert not (found.x_mean.any() or found.y_mean.any() or found.cancelled.any())


def test_eq_2_a_shift_that_is_far_off_changes_nothing_but_is_counted(monkeypatch):
    X, Y, _ = draw(3)
    right = sums(X, Y, None, fit_intercept=True)
    monkeypatch.setattr(normal_equations, "near_mean", lambda A, weights: A.mean(axis=0) + 100)
    off = sums(X, Y, None, fit_intercept=True)
    np.testing.assert_allclose(off.gram, right.gram, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(off.cross, right.cross, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(off.x_mean, right.x_mean, rtol=1e-12)
    np.testing.assert_allclose(off.cancelled, 50 * 100.0**2, rtol=1e-9)


def test_near_mean_is_near_and_exact_for_a_constant():
    X = np.random.default_rng(4).normal(3, 1, (5000, 2))
    X[:, 1] = 1e8 / 3
    assert abs(near_mean(X)[0] - 3) < 0.2 and near_mean(X)[1] == 1e8 / 3


@pytest.mark.parametrize("few", [False, True])
def test_near_mean_looks_at_nothing_without_weight(few):
    X, weights = np.full((5000, 2), [3.0, 1e8 / 3]), np.arange(5000.0)
    weights[::5] = 0  # 5000 rows are looked at in steps of 5
    if not few:
        weights[:2500:5] = 1e-30
    X[weights == 0] = [1e300, -1e300]
    np.testing.assert_array_equal(near_mean(X, weights), [3, 1e8 / 3])
    counted = np.array([[1e9], [1.0], [4.0], [-1e300]])
    np.testing.assert_allclose(near_mean(counted, np.array([0.0, 2.0, 1.0, 0.0])), 2.0)


def test_eq_4_5_solution_solves_the_system():
    rng = np.random.default_rng(5)
    M = rng.normal(size=(6, 4)) * [1, 1e-6, 1e6, 10]  # in very different units
    A, w = M.T @ M, rng.normal(size=(4, 2)) / np.array([[1], [1e-6], [1e6], [10]])
    np.testing.assert_allclose(solve_scaled(A, A @ w), w, rtol=1e-10)
    assert np.linalg.cond(A) > 1e20


def test_eq_4_6_units_do_not_count_towards_kappa():
    assert solve_scaled(np.diag([1e-200, 1.0, 1e200]), np.ones((3, 1))) is not None


@pytest.mark.parametrize("size, taken", [(0.9, True), (1.1, False)])
def test_eq_6_kappa_is_the_spread_of_eigenvalues_times_what_cancels(size, taken):
    spread = size * LARGEST_KAPPA  # [[1, r], [r, 1]] has the eigenvalues 1 ± r
    r = (spread - 1) / (spread + 1)
    assert (solve_scaled(np.array([[1, r], [r, 1]]), np.ones((2, 1))) is not None) == taken
    cancelled = np.array([0.0, 4 * (spread - 1), 0.0])
    assert (solve_scaled(np.diag([1.0, 4.0, 1.0]), np.ones((3, 1)), cancelled) is not None) == taken
    r = 1 / 3  # eigenvalues 4/3 and 2/3: both factors together
    cancelled = np.array([0.0, spread / 2 - 1])
    assert (solve_scaled(np.array([[1, r], [r, 1]]), np.ones((2, 1)), cancelled) is not None) == taken


def test_eq_6_middle_eigenvalues_do_not_matter():
    spread = 1.1 * LARGEST_KAPPA
    r = (spread - 1) / (spread + 1)
    A = np.eye(4)
    A[0, 1] = A[1, 0] = r  # eigenvalues 1 − r, 1, 1, 1 + r
    assert solve_scaled(A, np.ones((4, 1))) is None


def test_eq_6_declines_what_is_singular():
    assert solve_scaled(np.ones((2, 2)), np.ones((2, 1))) is None
    assert solve_scaled(np.diag([1.0, 0.0]), np.ones((2, 1))) is None
    assert solve_scaled(np.array([[1, 2.0], [2.0, 1]]), np.ones((2, 1))) is None  # not positive definite


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_equals_the_singular_value_decomposition(fit_intercept, monkeypatch):
    for seed in range(5):
        X, Y, weights = draw(seed, N=3000, D=8, T=3)
        X = X @ np.random.default_rng(seed).normal(size=(8, 8)) + 100 * fit_intercept
        alphas = np.array([0.0, 2.0, 2.0])
        fast = solve(X, Y, alphas, weights, fit_intercept=fit_intercept)
        with monkeypatch.context() as patched:
            patched.setattr(normal_equations, "solve", lambda *args, **kwargs: None)
            patched.setattr(normal_equations, "least_squares", lambda *args, **kwargs: None)
            least, *_ = linear_regression.fit(X, Y[:, :1], weights, fit_intercept=fit_intercept)
            priced = ridge.fit(X, Y, alphas, weights, fit_intercept=fit_intercept)
        np.testing.assert_allclose(fast.coef[:1], least.coef, rtol=1e-8)
        np.testing.assert_allclose(fast.coef, priced.coef, rtol=1e-8)


def test_declines_wide_collinear_constant_or_overflowing_data():
    X, Y, _ = draw(6)
    collinear, constant = X.copy(), X.copy()
    collinear[:, 2] = X[:, 0] + 1e-5 * X[:, 1]
    constant[:, 1] = 3.3
    for data in (X[:3], collinear, constant, X * 1e200):
        assert solve(data, Y[: len(data)], np.zeros(2), None, fit_intercept=True) is None
    assert solve(X, Y, np.zeros(2), None, fit_intercept=True) is not None
    assert solve(constant, Y, np.ones(2), None, fit_intercept=True) is not None


def test_one_outlier_does_not_cost_the_digits_of_the_rest():
    """The shift is taken from a few rows; if it is far off, κ says so and the other way is taken."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(500, 2))
    X[0] = 1e9
    y = (X @ [1.0, 2.0])[:, None]
    params, *_ = linear_regression.fit(X, y)
    np.testing.assert_allclose(params.coef, [[1, 2]], rtol=1e-6)


def test_float32_is_summed_in_float64():
    rng = np.random.default_rng(8)
    X = (rng.normal(size=(20_000, 3)) + 1000).astype(np.float32)
    Y = (X.astype(np.float64) @ [[1.0], [2.0], [3.0]]).astype(np.float32)
    weights = np.ones(len(X), np.float32)
    same = sums(X.astype(np.float64), Y.astype(np.float64), None, fit_intercept=True)
    for found in (sums(X, Y, None, fit_intercept=True), sums(X, Y, weights, fit_intercept=True)):
        np.testing.assert_allclose(found.gram, same.gram, rtol=1e-12)
        assert found.gram.dtype == np.float64


@pytest.mark.parametrize("N", [BLOCK - 1, BLOCK, 2 * BLOCK + 3])
@pytest.mark.parametrize("order", ["C", "F"])
def test_blocks_are_all_rows_once_shifted_and_weighted(N, order):
    X, Y, weights = draw(9, N)
    a, a_y = np.array([1.0, -2.0, 3.0]), np.array([4.0, 5.0])
    found = [[part.copy() for part in block] for block in blocks(np.asarray(X, order=order), Y, weights, a, a_y)]
    z, u, root = (np.concatenate(parts) for parts in zip(*found))
    np.testing.assert_allclose(root, weights**0.5, rtol=1e-15)
    np.testing.assert_allclose(z, root[:, None] * (X - a), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(u, root[:, None] * (Y - a_y), rtol=1e-14, atol=1e-14)
    plain = [[part.copy() for part in block] for block in blocks(X, Y, None, a, a_y)]
    np.testing.assert_array_equal(np.concatenate([z for z, _, _ in plain]), X - a)
    assert all(len(z) <= BLOCK and np.all(root == 1) for z, _, root in plain)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_eq_7_8_triangle_has_the_sums_of_the_definition(fit_intercept, weighted):
    X, Y, weights = draw(10)
    s = weights if weighted else np.ones(50)
    factor, coef = least_squares(X, Y, weights if weighted else None, fit_intercept=fit_intercept)
    x_mean, y_mean = (np.average(A, axis=0, weights=s) * fit_intercept for A in (X, Y))
    gram = sum(weight * np.outer(x - x_mean, x - x_mean) for x, weight in zip(X, s))
    cross = sum(weight * np.outer(x - x_mean, y - y_mean) for x, y, weight in zip(X, Y, s))
    np.testing.assert_allclose(factor.R.T @ factor.R, gram, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(factor.R.T @ factor.v, cross, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gram @ coef.T, cross, rtol=1e-9, atol=1e-10)
    np.testing.assert_array_equal(np.tril(factor.R, -1), 0)
    assert np.all(np.diag(factor.R) > 0)
    np.testing.assert_allclose(factor.total, s.sum(), rtol=1e-14)
    np.testing.assert_allclose([*factor.x_mean, *factor.y_mean], [*x_mean, *y_mean], rtol=1e-12, atol=1e-15)
    assert factor.n_rows == 50


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("noise", [10.0, 1.0, 1e-2, 1e-3, 1e-6])
def test_eq_9_10_squared_error_is_that_of_the_definition_however_good_the_fit(fit_intercept, noise):
    X, Y, weights = draw(11)
    Y = X @ [[1.0, 2.0], [3.0, 0.0], [-1.0, 1.0]] + 7 * fit_intercept + noise * (Y - 5)
    factor, coef = least_squares(X, Y, weights, fit_intercept=fit_intercept)
    errors = Y - factor.y_mean - (X - factor.x_mean) @ coef.T
    expected = [sum(s * e**2 for s, e in zip(weights, column)) for column in errors.T]
    np.testing.assert_allclose(squared_error(factor, coef.T), expected, rtol=1e-11 + 1e-15 / noise)


@pytest.mark.parametrize("N", [50, 2 * BLOCK + 10])
def test_eq_10_one_nearly_perfect_fit_of_two_is_enough(N):
    X, Y, weights = draw(11, N)
    Y[:, 1] = X @ [3.0, 0.0, 1.0] + 1e-6 * Y[:, 1]
    factor, coef = least_squares(X, Y, weights, fit_intercept=True)
    errors = Y - factor.y_mean - (X - factor.x_mean) @ coef.T
    np.testing.assert_allclose(squared_error(factor, coef.T), weights @ errors**2, rtol=1e-9)


def test_eq_9_squares_are_those_about_the_mean(monkeypatch):
    X, Y, weights = draw(12)
    monkeypatch.setattr(normal_equations, "near_mean", lambda A, weights: A.mean(axis=0) + 1)
    for fit_intercept in (True, False):
        _, squares, total = sums_and_squares(X, Y, weights, fit_intercept=fit_intercept)
        about = np.average(Y, axis=0, weights=weights) * fit_intercept
        np.testing.assert_allclose(squares, [sum(weights * column**2) for column in (Y - about).T], rtol=1e-12)
        assert total == pytest.approx(weights.sum(), rel=1e-14)


@pytest.mark.parametrize("share, passes", [(0.5e-4, 2), (2e-4, 1)])
def test_eq_10_second_pass_only_where_it_is_needed(share, passes, monkeypatch):
    """The targets are a column of X and an error at right angles to all columns, with this share of the squares."""
    rng = np.random.default_rng(13)
    Q, _ = np.linalg.qr(rng.normal(size=(50, 4)))
    X = Q[:, :3]
    Y = (np.sqrt(1 - share) * X[:, 0] + np.sqrt(share) * Q[:, 3])[:, None]
    calls, original = [], normal_equations.blocks
    monkeypatch.setattr(normal_equations, "blocks", lambda *args: calls.append(1) or original(*args))
    factor, _ = least_squares(X, Y, None, fit_intercept=False)
    assert len(calls) == passes
    np.testing.assert_allclose(factor.rest, share, rtol=1e-10)


def test_rows_without_weight_are_not_counted():
    X, Y, weights = draw(14)
    weights[:10] = 0
    factor, _ = least_squares(X, Y, weights, fit_intercept=True)
    assert factor.n_rows == 40


def test_least_squares_declines_as_solve_does():
    X, Y, _ = draw(15)
    collinear = X.copy()
    collinear[:, 2] = X[:, 0] + 1e-5 * X[:, 1]
    for data in (X[:3], collinear, X * 1e200):
        assert least_squares(data, Y[: len(data)], None, fit_intercept=True) is None
    kappa = scaled(sums(X, Y, None, fit_intercept=True).gram)[2]
    assert least_squares(X, Y, None, fit_intercept=True, largest_kappa=0.5 * kappa) is None
    assert least_squares(X, Y, None, fit_intercept=True, largest_kappa=3 * kappa) is not None


def test_memory_mapped_rows_are_not_read_as_a_whole(tmp_path):
    """A file of 64 MB takes a few blocks of memory to fit."""
    X = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float64, shape=(400_000, 20))
    rng = np.random.default_rng(16)
    for start in range(0, len(X), 10_000):
        X[start : start + 10_000] = rng.normal(size=(10_000, 20))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    y = X @ np.arange(20.0) + 1
    tracemalloc.start()
    model = linear_regression.LinearRegression().fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3e6, peak
    np.testing.assert_allclose(model.coef_, np.arange(20.0), atol=1e-12)
