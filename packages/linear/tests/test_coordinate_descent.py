"""The oracle is the definition: all signs tried out one by one, slopes by finite differences, minima on fine grids."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_linear import coordinate_descent
from pellucid_linear.coordinate_descent import ROUNDING, excess, line_minimum, newton_step, soft_threshold, solve, sweep


def draw(seed=0, M=4, price=1.0, rows=6):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(rows, M))
    return A.T @ A, 3 * rng.normal(size=M), price * rng.uniform(0, 2, M)


def value(G, c, price, w):
    return 0.5 * w @ G @ w - c @ w + price @ np.abs(w)


def by_enumeration(G, c, price, positive=False):
    """The best of the lowest points of all 3^M or 2^M patterns of signs, of those that have the signs they are for."""
    best, lowest = np.zeros(len(c)), 0.0
    for signs in itertools.product((0, 1) if positive else (-1, 0, 1), repeat=len(c)):
        theta = np.array(signs)
        A = np.flatnonzero(theta)
        w = np.zeros(len(c))
        w[A] = np.linalg.lstsq(G[np.ix_(A, A)], (c - price * theta)[A])[0]
        if np.all(w * theta >= 0) and value(G, c, price, w) < lowest:
            best, lowest = w, value(G, c, price, w)
    return best


# -- the equations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [0.0, 0.5, 2.0])
def test_eq_3_soft_threshold_has_the_lowest_half_square_plus_price(price):
    grid = np.linspace(-5, 5, 10_001)
    for rho in (-3.0, -2.0, -0.5, 0.0, 0.25, 0.5, 1.7, 4.0):
        lowest = grid[np.argmin(0.5 * (grid - rho) ** 2 + price * np.abs(grid))]
        np.testing.assert_allclose(soft_threshold(rho, price), lowest, atol=1e-3)
    assert soft_threshold(price, price) == soft_threshold(-price, price) == 0


def test_eq_4_what_exceeds_its_price_at_zero():
    price, w, g = np.array([1.0, 1.0, 1.0, 1.0]), np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.25, -3.0, 3.0, 9.0])
    np.testing.assert_array_equal(excess(price, w, g, positive=False), [-0.75, 2, 2, -np.inf])
    np.testing.assert_array_equal(excess(price, w, g, positive=True), [-1.25, 2, -4, -np.inf])


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_eq_1_2_a_sweep_takes_each_weight_to_its_minimum_in_turn(seed, positive):
    G, c, price = draw(seed)
    rng = np.random.default_rng(seed)
    w = np.abs(rng.normal(size=4)) if positive else rng.normal(size=4)
    order = rng.permutation(4)[:3]
    after, g = sweep(G, price, w, G @ w - c, order, positive=positive)
    np.testing.assert_allclose(g, G @ after - c, atol=1e-12)
    step_by_step = w.copy()
    for j in order:
        low, high = -1e3 * (not positive), 1e3
        for _ in range(150):  # thirds, of which one outer one cannot hold the minimum of a convex function
            tried = np.tile(step_by_step, (2, 1))
            tried[:, j] = low + (high - low) / 3, high - (high - low) / 3
            if value(G, c, price, tried[0]) < value(G, c, price, tried[1]):
                high = tried[1, j]
            else:
                low = tried[0, j]
        step_by_step[j] = low
    np.testing.assert_allclose(after, step_by_step, atol=1e-6)
    left_out = next(j for j in range(4) if j not in order)
    assert after[left_out] == w[left_out]


def test_eq_1_2_a_sweep_leaves_its_arguments_alone():
    G, c, price = draw()
    w = np.ones(4)
    g = G @ w - c
    copies = [a.copy() for a in (G, price, w, g)]
    sweep(G, price, w, g, np.arange(4), positive=False)
    for a, copied in zip((G, price, w, g), copies):
        np.testing.assert_array_equal(a, copied)


@pytest.mark.parametrize("seed", range(20))
def test_eq_5_without_a_change_of_sign_the_step_ends_where_the_slope_is_zero(seed):
    G, c, price = draw(seed, price=1e-3)
    w = 100 * np.array([1.0, -1.0, 0.0, 1.0])
    c = G @ (w + np.array([1.0, 2.0, 0.0, -3.0])) + price * np.sign(w)
    after, g, settled = newton_step(G, c, price, w, G @ w - c, positive=False)
    assert settled
    np.testing.assert_allclose(after, w + [1, 2, 0, -3], rtol=1e-10)
    np.testing.assert_allclose(g, G @ after - c, atol=1e-9)


def test_eq_5_units_do_not_matter():
    G, c, price = draw(3)
    unit = np.array([1e-9, 1.0, 1e9, 3.0])
    w = np.array([1.0, -1.0, 2.0, 0.0])
    after, *_ = newton_step(G, c, price, w, G @ w - c, positive=False)
    H = G * np.outer(unit, unit)
    scaled, *_ = newton_step(H, c * unit, price * unit, w / unit, H @ (w / unit) - c * unit, positive=False)
    np.testing.assert_allclose(scaled * unit, after, rtol=1e-9)


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_eq_6_the_step_ends_at_the_lowest_point_of_the_line(seed, positive):
    G, c, price = draw(seed, M=5, rows=8)
    rng = np.random.default_rng(seed)
    w = rng.choice([0.01, 0.3, 1.0], 5) * (1 if positive else rng.choice([-1, 1], 5))
    g = G @ w - c
    d = -np.linalg.solve(G, g + price * np.sign(w))
    after, g_after, settled = newton_step(G, c, price, w, g, positive=positive)
    np.testing.assert_allclose(g_after, G @ after - c, atol=1e-11)
    shares = np.linspace(0, 1, 100_001)
    line = w + shares[:, None] * d
    values = 0.5 * np.einsum("ij,jk,ik->i", line, G, line) - line @ c + np.abs(line) @ price
    if positive:
        values[(line < 0).any(axis=1)] = np.inf
    best = line[np.argmin(values)]
    np.testing.assert_allclose(after, best, atol=2e-5 * np.abs(d).max())
    assert settled == bool(shares[np.argmin(values)] == 1)
    assert value(G, c, price, after) <= values.min() + 1e-12
    at_kink = np.abs(best) < 2e-5 * np.abs(d)
    assert not after[at_kink].any()  # exactly 0


def test_eq_6_by_hand():
    w, d = np.array([1.0, -1.0, 1.0]), np.array([-4.0, 2.0, 1.0])  # kinks at a quarter and a half of the way
    for jump, t, kink in (
        ([1, 1, 1], 0.8, None),  # the slope is 10 (t − 1) + 2 behind both
        ([4, 1, 1], 0.5, 1),  # −1 before the second kink, 0 behind it
        ([5.5, 1, 1], 0.45, None),  # 10 (t − 1) + 5.5 between them
        ([6, 1, 1], 0.4, None),
        ([7.5, 1, 1], 0.25, 0),
        ([np.inf, 1, 1], 0.25, 0),
        ([0, 5.5, 1], 0.5, 1),
        ([0, 4, 1], 0.6, None),
        ([0, 0, 1], 1.0, None),  # what costs nothing has no kink
    ):
        found, at = line_minimum(w, d, -10.0, 10.0, np.array(jump, dtype=float))
        np.testing.assert_allclose(found, t, rtol=1e-12)
        assert at == kink, jump
    assert line_minimum(w, -w, -1.0, 1.0, np.ones(3)) == (1.0, None)  # all kinks at the end of the way
    assert line_minimum(w, w, -1.0, 1.0, np.ones(3)) == (1.0, None)  # none
    assert line_minimum(w, np.zeros(3), 0.0, 0.0, np.ones(3)) == (1.0, None)


# -- the minimum -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_solve_finds_what_trying_all_signs_finds(seed, positive):
    G, c, price = draw(seed, M=5, rows=7)
    np.testing.assert_allclose(
        solve(G, c, price, np.zeros(5), positive=positive), by_enumeration(G, c, price, positive), atol=1e-11
    )


def check_minimum(G, c, price, w, positive=False, tol=1e-9):
    """The conditions that (4) and its neighbour state."""
    g = G @ w - c
    unit = np.sqrt(np.diag(G))
    size = np.abs(c) + unit * (unit @ np.abs(w)) + 1e-300
    assert np.all(np.abs(g + price * np.sign(w))[w != 0] <= tol * size[w != 0])
    over = (-g if positive else np.abs(g)) - price
    assert np.all(over[w == 0] <= tol * size[w == 0])
    assert not positive or np.all(w >= 0)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 30),
    st.integers(1, 40),
    st.sampled_from([0.0, 1e-6, 1e-2, 0.3, 1.0, 10.0]),
    st.booleans(),
    st.sampled_from(["plain", "collinear", "near", "zeros", "units"]),
)
def test_eq_4_holds_at_the_minimum_of_any_problem(seed, M, rows, share, positive, kind):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(rows, M)) + rng.normal() * rng.normal(size=(rows, 1))
    if kind == "collinear" and M > 2:
        A[:, 1], A[:, 2] = A[:, 0], -2 * A[:, 0]
    if kind == "near" and M > 1:
        A[:, 1] = A[:, 0] * (1 + 1e-8)
    if kind == "zeros":
        A[:, 0] = 0
    if kind == "units":
        A = A * 10 ** rng.uniform(-3, 3, M)
    G, c = A.T @ A, A.T @ rng.normal(size=rows)
    price = share * np.abs(c).max() * rng.choice([0.0, 1.0, 1.0, 2.0], M)
    w = solve(G, c, price, np.zeros(M), positive=positive)
    check_minimum(G, c, price, w, positive, tol=1e-9)
    again = solve(G, c, price, w * rng.normal(size=M), positive=positive)
    check_minimum(G, c, price, again, positive, tol=1e-9)
    lowest = value(G, c, price, w)
    assert abs(value(G, c, price, again) - lowest) <= 1e-9 * (1 + abs(lowest))


def test_a_high_price_leaves_exact_zeros_and_no_price_the_solution_of_the_system():
    G, c, _ = draw(1, M=6, rows=10)
    assert not solve(G, c, np.full(6, np.abs(c).max()), np.ones(6)).any()
    np.testing.assert_allclose(solve(G, c, np.zeros(6), np.zeros(6)), np.linalg.solve(G, c), rtol=1e-9)


def test_a_weight_that_moves_nothing_is_zero():
    G, c = np.diag([2.0, 0.0]), np.array([4.0, 0.0])
    for price in (np.zeros(2), np.ones(2)):
        np.testing.assert_array_equal(solve(G, c, price, np.array([1.0, 5.0])), [2 - price[0] / 2, 0])


def test_random_orders_and_starts_lead_to_the_same():
    G, c, price = draw(2, M=30, rows=60)
    first = solve(G, c, price, np.zeros(30))
    for seed in range(5):
        rng = np.random.default_rng(seed)
        np.testing.assert_allclose(solve(G, c, price, rng.normal(size=30), rng=rng), first, atol=1e-12)


def test_a_random_order_is_random(monkeypatch):
    seen = []

    def spy(G, price, w, g, order, *, positive):
        seen.append(order.tolist())
        return sweep(G, price, w, g, order, positive=positive)

    monkeypatch.setattr(coordinate_descent, "sweep", spy)
    G, c, price = draw(2, M=30, rows=60, price=0.1)
    solve(G, c, price, np.ones(30))
    assert all(order == sorted(order) for order in seen)
    seen.clear()
    solve(G, c, price, np.ones(30), rng=np.random.default_rng(0))
    assert seen[0] != sorted(seen[0])


def test_start_is_left_alone_and_no_weights_are_none():
    G, c, price = draw()
    start = np.array([1.0, 0.0, -1.0, 5.0])
    solve(G, c, price, start)
    np.testing.assert_array_equal(start, [1, 0, -1, 5])
    assert solve(np.zeros((0, 0)), np.zeros(0), np.zeros(0), np.zeros(0)).shape == (0,)


def test_few_rounds_are_enough_also_where_sweeps_alone_would_take_long(monkeypatch):
    """Columns with a correlation of 0.999: coordinate descent alone needs thousands of sweeps."""
    rng = np.random.default_rng(0)
    A = 0.03 * rng.normal(size=(200, 40)) + rng.normal(size=(200, 1))
    G, c = A.T @ A / 200, A.T @ (A[:, :8] @ rng.normal(size=8) + 0.1 * rng.normal(size=200)) / 200
    price = np.full(40, 1e-4 * np.abs(c).max())
    n_sweeps = 0

    def counted(*args, **kwargs):
        nonlocal n_sweeps
        n_sweeps += 1
        return sweep(*args, **kwargs)

    monkeypatch.setattr(coordinate_descent, "sweep", counted)
    w = solve(G, c, price, np.zeros(40))
    check_minimum(G, c, price, w, tol=1e-12)
    assert n_sweeps < 60
    alone, g = np.zeros(40), -c
    for _ in range(200):
        alone, g = sweep(G, price, alone, g, np.arange(40), positive=False)
    assert np.abs(alone - w).max() > 1e-3


def test_rounding_is_no_reason_to_go_on():
    """A weight whose slope equals its price in exact arithmetic stays 0, or is as small as rounding."""
    for seed in range(50):
        rng = np.random.default_rng(seed)
        A = rng.normal(size=(9, 5))
        G, y = A.T @ A, rng.normal(size=9)
        price = np.full(5, np.abs(A.T @ y).max() * (1 - ROUNDING / 20))
        assert not solve(G, A.T @ y, price, np.zeros(5)).any()
    assert math.isfinite(ROUNDING) and ROUNDING < 1e-14
