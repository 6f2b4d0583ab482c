"""The oracle is the definition: conditions at the minimum, finite differences, parabolas that end in one step."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_linear import active_set, coordinate_descent, newton
from pellucid_linear.newton import Smooth
from pellucid_linear.proximal_newton import minimise, objective, parabola_minimum, taking_part


def hills(seed=0, M=6, N=20, size=3.0):
    """L(w) = mean of log cosh(aᵀw − b): convex, with a Hessian that changes."""
    rng = np.random.default_rng(seed)
    A, b = size * rng.normal(size=(N, M)), 2 * rng.normal(size=N)

    def look(w):
        z = A @ w - b
        return float(np.mean(np.abs(z) + np.log1p(np.exp(-2 * np.abs(z))) - math.log(2))), z

    def hessian(z, some):
        H = (A.T * (1 - np.tanh(z) ** 2)) @ A / N
        return H if some is None else H[np.ix_(some, some)]

    return Smooth(
        look=look,
        gradient=lambda w, z: A.T @ np.tanh(z) / N,
        hessian=hessian,
        times=lambda z, v: hessian(z, None) @ v,
        diagonal=lambda z: np.diag(hessian(z, None)) + 1e-9,
        steep=lambda d: d,
    )


def parabola(H, c, constant=10.0):
    return Smooth(
        look=lambda w: (constant + float(0.5 * w @ H @ w - c @ w), None),
        gradient=lambda w, state: H @ w - c,
        hessian=lambda state, some: H[np.ix_(some, some)],
        times=lambda state, v: H @ v,
        diagonal=lambda state: np.diag(H),
        steep=lambda d: d,
    )


def check_minimum(L, price, w, tol=1e-9):
    g = L.gradient(w, L.look(w)[1])
    np.testing.assert_allclose(g[w != 0], -(price * np.sign(w))[w != 0], atol=tol)
    assert np.all(np.abs(g)[w == 0] <= price[w == 0] + tol)


@pytest.fixture(params=["the whole Hessian", "products"])
def way(request, monkeypatch):
    if request.param == "products":
        monkeypatch.setattr(newton, "LARGEST_HESSIAN", 0)
    return request.param


def test_eq_1_objective_by_loops():
    L, w, price = hills(), np.array([1.0, -2.0, 0.0, 0.5, 0.0, 3.0]), np.array([1.0, 0.5, 7.0, 0.0, 1.0, 2.0])
    value, state = objective(L, price, w)
    np.testing.assert_allclose(value, L.look(w)[0] + sum(p * abs(v) for p, v in zip(price, w)), rtol=1e-14)
    np.testing.assert_array_equal(state, L.look(w)[1])


@pytest.mark.parametrize("largest", [1000, 4, 3, 0])
def test_eq_2_the_parabola_touches_at_w_and_its_minimum_is_found_in_both_ways(largest, monkeypatch):
    """Among random points near x none has a lower gᵀ(x − w) + ½ (x − w)ᵀH(x − w) + λ|x|."""
    monkeypatch.setattr(newton, "LARGEST_HESSIAN", largest)
    rng = np.random.default_rng(1)
    L, some = hills(), np.array([0, 2, 3, 5])
    w, price = np.array([0.1, 0.2, -0.1, 0.0, -0.2, 0.2]), np.full(6, 0.2)
    z = L.look(w)[1]
    g, H = L.gradient(w, z), L.hessian(z, some)

    def value(x):
        d = x - w[some]
        return g[some] @ d + 0.5 * d @ H @ d + price[some] @ np.abs(x)

    x, Hd = parabola_minimum(L, price, w, g, z, some, precision=1e-12)
    np.testing.assert_allclose(Hd, H @ (x - w[some]), rtol=1e-8)
    slope = g[some] + H @ (x - w[some])
    np.testing.assert_allclose(slope[x != 0], -(price[some] * np.sign(x))[x != 0], atol=1e-7)
    assert np.all(np.abs(slope)[x == 0] <= 0.2)
    for size in (1e-1, 1e-3):
        assert all(value(x + size * rng.normal(size=4)) > value(x) for _ in range(200))


def test_eq_2_a_parabola_is_solved_in_one_step(way):
    rng = np.random.default_rng(2)
    A = rng.normal(size=(12, 6))
    H, c, price = A.T @ A, 5 * rng.normal(size=6), rng.uniform(0, 3, 6)
    expected = coordinate_descent.solve(H, c, price, np.zeros(6))
    w, losses, converged = minimise(parabola(H, c), price, rng.normal(size=6), tol=1e-6, max_iter=100)
    assert converged and (len(losses) == 3 or way == "products")
    np.testing.assert_allclose(w, expected, atol=1e-10 if way != "products" else 1e-4)


@pytest.mark.parametrize("largest", [1000, 0])
def test_eq_2_where_the_hessian_is_flat_and_the_gradient_is_not_there_is_a_minimum_still(largest, monkeypatch):
    """H is 0 along (1, −1), and g is not: as far out as a point whose probability is 1 but for rounding."""
    monkeypatch.setattr(newton, "LARGEST_HESSIAN", largest)
    L = parabola(np.ones((2, 2)), np.array([1.0, -1.0]))
    w, g, price = np.zeros(2), np.array([-1.0, 1.0]), np.full(2, 0.1)
    x, Hd = parabola_minimum(L, price, w, g, None, np.arange(2), precision=1e-3)
    assert np.isfinite(x).all() and g @ x < -1 and x[0] > 0 > x[1]
    np.testing.assert_allclose(Hd, x.sum() + 1e-10 * x, rtol=1e-5)


def test_eq_3_slope_is_that_of_F_along_the_direction(monkeypatch):
    """By a finite difference of F, where no weight changes its sign."""
    seen = []

    def spy(look, w, F, d, slope):
        seen.append((w, d, slope))
        return w + d, look(w + d)[0], look(w + d)[1]

    monkeypatch.setattr(newton, "line_search", spy)
    rng = np.random.default_rng(3)
    A = rng.normal(size=(12, 4))
    H, price = A.T @ A, np.array([0.3, 0.1, 0.5, 0.2])
    truth = np.array([1.0, -1.0, 2.0, -2.0])
    L = parabola(H, H @ truth + price * np.sign(truth), 1000.0)
    minimise(L, price, truth * [1.1, 0.9, 1.2, 1.3], tol=0.5, max_iter=1)
    w, d, slope = seen[0]
    nudged = (objective(L, price, w + 1e-6 * d)[0] - objective(L, price, w - 1e-6 * d)[0]) / 2e-6
    np.testing.assert_allclose(slope, nudged, rtol=1e-6)
    np.testing.assert_allclose(w + d, truth, rtol=1e-9)


def test_eq_4_weights_that_would_gain_take_part():
    price, w = np.array([1.0, 1.0, 1.0, 1.0, 0.0]), np.array([0.0, 2.0, 0.0, 0.0, 0.0])
    some, complete = taking_part(price, w, np.array([0.9, 0.0, -1.1, 1.2, 0.1]))
    assert some.tolist() == [1, 2, 3, 4] and complete
    some, complete = taking_part(price, w, np.zeros(5))
    assert some.tolist() == [1] and complete


def test_eq_4_not_too_many_at_once(monkeypatch):
    monkeypatch.setattr(active_set, "AT_ONCE", 1)
    some, complete = taking_part(np.ones(4), np.zeros(4), np.array([0.9, -3.0, 2.0, 1.1]))
    assert some.tolist() == [1] and not complete
    L, price = hills(M=12), np.full(12, 0.01)
    w, losses, converged = minimise(L, price, np.zeros(12), tol=1e-12, max_iter=100)
    assert converged and np.all(np.diff(losses) <= 1e-13)
    check_minimum(L, price, w)
    assert np.count_nonzero(w) > 6


def test_eq_5_the_promise_decides_the_end(monkeypatch):
    """½ · 2w² − 6w + 2|w| + 20 from 0: the parabola is F itself, and promises 4 of 20."""
    L = parabola(np.array([[2.0]]), np.array([6.0]), 20.0)
    for tol, n_steps in ((4.1 / 20, 1), (3.9 / 20, 2), (0, 2)):
        w, losses, converged = minimise(L, np.array([2.0]), np.zeros(1), tol=tol, max_iter=10)
        assert converged and len(losses) == n_steps + 1
        np.testing.assert_allclose(losses, [20, 16, 16][: n_steps + 1], rtol=1e-12)
        np.testing.assert_allclose(w, [2.0])


def test_ends_at_the_minimum_and_never_rises(way):
    for seed in range(5):
        L, price = hills(seed), np.array([0.3, 0.3, 0.3, 0.0, 0.1, 0.6])
        w, losses, converged = minimise(L, price, np.zeros(6), tol=1e-12, max_iter=200)
        assert converged and np.all(np.diff(losses) <= 1e-13) and (len(losses) < 20 or way == "products")
        check_minimum(L, price, w, 1e-8 if way != "products" else 1e-5)
        assert w[3] != 0


def test_a_high_price_leaves_exact_zeros(way):
    w, losses, converged = minimise(hills(), np.full(6, 100.0), np.zeros(6), tol=1e-9, max_iter=10)
    assert converged and not w.any() and len(losses) == 2
    w, _, converged = minimise(hills(), np.full(6, 100.0), np.ones(6), tol=1e-9, max_iter=100)
    assert converged and not w.any()


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 30), st.sampled_from([0.003, 0.03, 0.3, 1.0]))
def test_conditions_of_the_minimum_hold_for_any_problem(seed, M, N, price):
    rng = np.random.default_rng(seed)
    L, price = hills(seed, M, N, size=rng.uniform(0.3, 2)), price * rng.uniform(0.5, 1.5, M)
    w, losses, converged = minimise(L, price, rng.normal(size=M), tol=0, max_iter=300)
    assert converged and np.all(np.diff(losses) <= 1e-12 * losses[0])
    check_minimum(L, price, w, 1e-7)


def test_too_few_steps_are_said_and_reports_may_end_it():
    L, price = hills(), np.full(6, 0.01)
    w, losses, converged = minimise(L, price, np.zeros(6), tol=1e-12, max_iter=2)
    assert not converged and len(losses) == 3
    seen = []

    def report(w, losses):
        seen.append((w, list(losses)))
        return len(seen) == 2

    w, losses, converged = minimise(L, price, np.zeros(6), tol=0, max_iter=100, report=report)
    assert not converged and len(seen) == 2 and losses == seen[-1][1]
    np.testing.assert_array_equal(w, seen[-1][0])


def test_a_hessian_that_overflows_is_an_error():
    L = hills(M=2)._replace(hessian=lambda z, some: np.full((len(some), len(some)), np.inf))
    with pytest.raises(FloatingPointError, match="overflows"), np.errstate(all="ignore"):
        minimise(L, np.ones(2), np.ones(2), tol=0, max_iter=10)
