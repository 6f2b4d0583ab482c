"""The oracle is the definition: steps by hand on a line, conditions at the minimum, and how many products it takes."""

import numpy as np
import pytest

from pellucid_linear import coordinate_descent
from pellucid_linear.proximal_gradient import soft_threshold, solve


def on_a_line(H, c, m, n_steps, price=0.0, start=0.0):
    """Where the products were asked for: at the start, and at each x′ that was tried."""
    asked = []

    def times(x):
        asked.append(float(x[0]))
        return H * x

    solve(times, np.array([c]), np.array([price]), np.array([start]), np.array([m]), tol=0, max_iter=n_steps)
    return asked


def draw(seed, M=8, rows=12, spread=1.0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(rows, M)) * np.geomspace(1, spread, rows)[:, None]
    G = A.T @ A
    c = rng.normal(size=M)
    return G, c, rng.uniform(0, 1, M)


def test_eq_1_each_weight_has_the_minimum_of_its_own_parabola():
    """½ ℓ m (x − y)² + h (x − y) + λ|x| on a grid."""
    grid = np.linspace(-4, 4, 80_001)
    for c, price, start, m in ((3.0, 0.5, 0.0, 2.0), (-3.0, 0.5, 1.0, 1.0), (0.4, 0.5, 0.0, 1.0), (1.0, 2.0, 3.0, 4.0)):
        _, tried, *_ = on_a_line(1.0, c, m, 1, price, start)
        h = start - c
        values = 0.5 * m * (grid - start) ** 2 + h * (grid - start) + price * np.abs(grid)
        np.testing.assert_allclose(tried, grid[np.argmin(values)], atol=1e-4)


def test_eq_1_soft_threshold_of_each_entry():
    z, price = np.array([3.0, -3.0, 0.5, -0.5, 1.0]), np.array([1.0, 2.0, 1.0, 0.25, 1.0])
    np.testing.assert_array_equal(soft_threshold(z, price), [2, -1, 0, -0.25, 0])


@pytest.mark.parametrize("H, ell", [(0.9, 1), (1.0, 1), (1.1, 2), (3.9, 4), (4.0, 4), (5.0, 8)])
def test_eq_2_the_curvature_is_doubled_until_it_is_enough(H, ell):
    """From 0 the step goes to c / ℓ; the last one that was tried is taken."""
    tried = on_a_line(H, 6.0, 1.0, 1)[1:]
    np.testing.assert_allclose(tried, [6.0 / l for l in (1, 2, 4, 8) if l <= ell])
    tried = on_a_line(3 * H, 6.0, 3.0, 1)[1:]
    np.testing.assert_allclose(tried, [2.0 / l for l in (1, 2, 4, 8) if l <= ell])


def test_eq_2_directions_add_up():
    """Curvatures 3 and 0.5 with m = 1: what counts is dᵀHd, here of d = (1, 2) / ℓ."""
    tried = []

    def times(x):
        tried.append(x)
        return np.array([3.0, 0.5]) * x

    solve(times, np.array([1.0, 2.0]), np.zeros(2), np.zeros(2), np.ones(2), tol=0, max_iter=1)
    np.testing.assert_allclose(tried, [[0, 0], [1, 2]])  # 3 · 1 + 0.5 · 4 = 5 = 1 + 4


def beyond(asked, H, c, m):
    """By which share of the last step each y lay beyond x′: a step from y goes to y + (c − Hy) / m."""
    x = np.array(asked)
    y = (m * x[1:] - c) / (m - H)
    return (y[1:] - x[1:-1]) / (x[1:-1] - x[:-2])


def test_eq_3_4_the_shares_are_those_of_beck_and_teboulle():
    """τ is 1, 1.618, 2.194, 2.750, 3.295, so (τ − 1) / τ′ is 0, 0.2818, 0.4340, 0.5311."""
    shares = beyond(on_a_line(1.0, 1.0, 1e4, 5), 1.0, 1.0, 1e4)
    np.testing.assert_allclose(shares, [0, 0.2818, 0.4340, 0.5311], atol=2e-4)


def test_eq_5_a_step_back_begins_anew():
    """The momentum carries y beyond the minimum at 1; the step from there goes back."""
    x = np.array(on_a_line(1.0, 1.0, 50.0, 60))
    shares, y = beyond(x, 1.0, 1.0, 50.0), (50 * x[1:] - 1) / 49
    back = int(np.flatnonzero((x[1:] - y) * np.diff(x) < 0)[0])
    assert 20 < back < 40 and np.all(np.diff(shares[:back]) > 0)
    np.testing.assert_allclose(shares[back : back + 4], [0, 0, 0.2818, 0.4340], atol=1e-3)


def test_eq_5_directions_add_up_with_their_curvatures():
    """Two weights that turn at different times; together they decide, each with its m."""
    H, c, m, asked = np.array([1.0, 0.02]), np.array([1.0, 0.6]), np.array([60.0, 3.0]), []

    def times(x):
        asked.append(x)
        return H * x

    solve(times, c, np.zeros(2), np.zeros(2), m, tol=0, max_iter=120)
    x = np.array(asked)
    y = (m * x[1:] - c) / (m - H)  # where the step to x[1:] began
    d, moved = x[1:] - y, np.diff(x, axis=0)
    shares = ((y[1:] - x[1:-1]) / moved[:-1])[:, 0]
    back = (m * d * moved).sum(axis=1) < 0
    alone = (d * moved < 0).any(axis=1)
    assert back.sum() >= 2 and np.any(alone & ~back)
    for k in range(1, len(shares)):
        if back[k] or back[k - 1]:
            np.testing.assert_allclose(shares[k], 0, atol=1e-6)
        else:
            assert shares[k] > 0.1


def count(G, c, price, diagonal, tol=1e-10, max_iter=100_000):
    """How many products it takes."""
    n = 0

    def times(x):
        nonlocal n
        n += 1
        return G @ x

    solve(times, c, price, np.zeros(len(c)), diagonal, tol=tol, max_iter=max_iter)
    return n


@pytest.mark.parametrize("seed", range(10))
def test_ends_at_the_minimum(seed):
    G, c, price = draw(seed)
    start = np.random.default_rng(seed).normal(size=8)
    found = solve(lambda x: G @ x, c, price, start, np.diag(G), tol=1e-13, max_iter=100_000)
    np.testing.assert_allclose(found, coordinate_descent.solve(G, c, price, np.zeros(8)), atol=1e-9)
    g = G @ found - c
    assert np.all(np.abs(g)[found == 0] <= price[found == 0])
    np.testing.assert_allclose(g[found != 0], -(price * np.sign(found))[found != 0], atol=1e-9)
    assert np.any(found == 0) and np.any(found != 0)


def test_units_do_not_matter():
    G, c, price = draw(3)
    unit = np.geomspace(1e-6, 1e6, 8)
    plain = solve(lambda x: G @ x, c, price, np.zeros(8), np.diag(G), tol=1e-12, max_iter=10_000)
    H = G * np.outer(unit, unit)
    scaled = solve(lambda x: H @ x, c * unit, price * unit, np.zeros(8), np.diag(H), tol=1e-12, max_iter=10_000)
    np.testing.assert_allclose(scaled * unit, plain, atol=1e-9)


def test_ill_conditioned_problems_take_as_many_products_as_the_root_of_the_condition_suggests():
    """Without (3)-(5) 1e4 times the number of digits would be needed."""
    G, c, _ = draw(0, M=30, rows=200, spread=0.1)
    values, vectors = np.linalg.eigh(G)
    G = (vectors * np.geomspace(1e-4, 1, 30)) @ vectors.T
    n = count(G, G @ c, np.zeros(30), np.full(30, 1.0), tol=1e-9)
    assert 100 < n < 6000


def test_ends_when_the_step_is_small_enough_beside_the_largest():
    G, c, price = draw(4, spread=0.1)
    exact = coordinate_descent.solve(G, c, price, np.zeros(8))
    far = [np.abs(solve(lambda x: G @ x, c, price, np.zeros(8), np.diag(G), tol=tol, max_iter=10_000) - exact).max()
           for tol in (0.5, 1e-2, 1e-4, 1e-8)]  # fmt: skip
    assert far[0] > far[1] > far[2] > far[3] and far[3] < 1e-6
    assert [count(G, c, price, np.diag(G), tol) for tol in (0.5, 1e-2)] < [20, 60]


def test_too_few_steps_are_no_error():
    G, c, price = draw(5)
    assert solve(lambda x: G @ x, c, price, np.zeros(8), np.diag(G), tol=0, max_iter=2).shape == (8,)


def test_the_minimum_stays():
    G, c, price = draw(6)
    there = coordinate_descent.solve(G, c, price, np.zeros(8))
    found = solve(lambda x: G @ x, c, price, there, np.diag(G), tol=1e-3, max_iter=50)
    np.testing.assert_allclose(found, there, atol=1e-12)
    nothing = solve(lambda x: G @ x, np.zeros(8), price, np.zeros(8), np.diag(G), tol=0.1, max_iter=9)
    np.testing.assert_array_equal(nothing, 0)
