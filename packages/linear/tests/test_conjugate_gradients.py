"""The oracle is the definition: Ax = b, and the minimum over the directions so far."""

import numpy as np
import pytest

from pellucid_linear.conjugate_gradients import solve


def system(seed, M=6):
    rng = np.random.default_rng(seed)
    R = rng.normal(size=(M, M))
    return R @ R.T + 0.1 * np.eye(M), rng.normal(size=M), rng.uniform(0.5, 2, M)


@pytest.mark.parametrize("seed", range(5))
def test_eq_1_2_3_4_5_solves_in_as_many_steps_as_there_are_unknowns(seed):
    A, b, diagonal = system(seed)
    products = []

    def times(p):
        products.append(p)
        return A @ p

    x = solve(times, b, diagonal, tol=1e-9, max_iter=100)
    np.testing.assert_allclose(A @ x, b, atol=1e-6)
    assert len(products) <= 6 + 2


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_eq_1_2_3_4_5_each_step_reaches_the_minimum_over_all_directions_so_far(steps):
    """x minimises ½ xᵀAx − bᵀx over the span of z, (M⁻¹A) z, (M⁻¹A)² z, ..."""
    A, b, diagonal = system(7)
    x = solve(lambda p: A @ p, b, diagonal, tol=0, max_iter=steps)
    basis = [b / diagonal]
    for _ in range(steps - 1):
        basis.append(A @ basis[-1] / diagonal)
    K, _ = np.linalg.qr(np.array(basis).T)  # (M, steps)
    best = K @ np.linalg.solve(K.T @ A @ K, K.T @ b)
    np.testing.assert_allclose(x, best, rtol=1e-8, atol=1e-10)


def test_eq_1_scaling_by_the_diagonal_solves_a_diagonal_system_at_once():
    A = np.diag([1e-6, 1.0, 1e6])
    np.testing.assert_allclose(solve(lambda p: A @ p, np.ones(3), np.diag(A), tol=1e-12, max_iter=1), 1 / np.diag(A))


def test_ends_when_what_is_left_is_small_enough():
    A, b, diagonal = system(3)
    for tol in (0.5, 0.1, 1e-3):
        x = solve(lambda p: A @ p, b, diagonal, tol=tol, max_iter=100)
        r = b - A @ x
        assert r @ (r / diagonal) <= tol**2 * (b @ (b / diagonal))


def test_ends_where_it_is_flat():
    A = np.diag([2.0, 0.0])
    np.testing.assert_array_equal(solve(lambda p: A @ p, np.array([0.0, 1.0]), np.ones(2), tol=0, max_iter=9), [0, 0])
    np.testing.assert_allclose(solve(lambda p: A @ p, np.array([4.0, 0.0]), np.ones(2), tol=0, max_iter=9), [2, 0])


def test_nothing_to_solve():
    np.testing.assert_array_equal(solve(lambda p: p, np.zeros(2), np.ones(2), tol=0.1, max_iter=9), [0, 0])
