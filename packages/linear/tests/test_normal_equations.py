"""The oracle is the definition: sums by loops, systems with known eigenvalues, the singular value decomposition."""

import numpy as np
import pytest

from pellucid_linear import linear_regression, normal_equations, ridge
from pellucid_linear.normal_equations import BLOCK, LARGEST_KAPPA, near_mean, solve, solve_scaled, sums


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
    np.testing.assert_allclose(found.cancelled, s.sum() * (x_mean - near_mean(X)) ** 2, rtol=1e-8, atol=1e-24)


def test_eq_1_2_3_without_intercept_nothing_is_taken_away():
    X, Y, weights = draw(2)
    found = sums(X, Y, weights, fit_intercept=False)
    np.testing.assert_allclose(found.gram, (weights[:, None] * X).T @ X, rtol=1e-12)
    np.testing.assert_allclose(found.cross, (weights[:, None] * X).T @ Y, rtol=1e-12)
    assert not (found.x_mean.any() or found.y_mean.any() or found.cancelled.any())


def test_eq_2_a_shift_that_is_far_off_changes_nothing_but_is_counted(monkeypatch):
    X, Y, _ = draw(3)
    right = sums(X, Y, None, fit_intercept=True)
    monkeypatch.setattr(normal_equations, "near_mean", lambda A: A.mean(axis=0) + 100)
    off = sums(X, Y, None, fit_intercept=True)
    np.testing.assert_allclose(off.gram, right.gram, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(off.cross, right.cross, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(off.x_mean, right.x_mean, rtol=1e-12)
    np.testing.assert_allclose(off.cancelled, 50 * 100.0**2, rtol=1e-9)


def test_near_mean_is_near_and_exact_for_a_constant():
    X = np.random.default_rng(4).normal(3, 1, (5000, 2))
    X[:, 1] = 1e8 / 3
    assert abs(near_mean(X)[0] - 3) < 0.2 and near_mean(X)[1] == 1e8 / 3


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
            least, _ = linear_regression.fit(X, Y[:, :1], weights, fit_intercept=fit_intercept)
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
    params, _ = linear_regression.fit(X, y)
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
