"""The oracle is the definition: systems solved by NumPy, halvings counted by a loop, minima known beforehand."""

import math

import numpy as np
import pytest

from pellucid_linear import newton
from pellucid_linear.newton import ROUNDING, Smooth, direction, line_search, minimise


def hills(seed=0, M=6, N=20, price=0.1):
    """L(w) = mean of log cosh(aᵀw − b) + ½ price ‖w‖²: convex, with a Hessian that changes."""
    rng = np.random.default_rng(seed)
    A, b = 3 * rng.normal(size=(N, M)), rng.normal(size=N)

    def look(w):
        z = A @ w - b
        return float(np.mean(np.abs(z) + np.log1p(np.exp(-2 * np.abs(z))) - math.log(2)) + price * (w @ w) / 2), z

    def hessian(z, some):
        H = (A.T * (1 - np.tanh(z) ** 2)) @ A / N + price * np.eye(M)
        return H if some is None else H[np.ix_(some, some)]

    return Smooth(
        look=look,
        gradient=lambda w, z: A.T @ np.tanh(z) / N + price * w,
        hessian=hessian,
        times=lambda z, v: hessian(z, None) @ v,
        diagonal=lambda z: np.diag(hessian(z, None)),
        steep=lambda d: d,
    )


@pytest.fixture(params=["the whole Hessian", "conjugate gradients"])
def way(request, monkeypatch):
    if request.param == "conjugate gradients":
        monkeypatch.setattr(newton, "LARGEST_HESSIAN", 0)
    return request.param


def test_eq_1_direction_solves_the_system_in_both_ways(monkeypatch):
    L, w = hills(), np.random.default_rng(1).normal(size=6)
    _, z = L.look(w)
    g = L.gradient(w, z)
    for largest in (1000, 6, 5, 0):
        monkeypatch.setattr(newton, "LARGEST_HESSIAN", largest)
        d = direction(L, g, z, precision=1e-12)
        np.testing.assert_allclose(d, -np.linalg.solve(L.hessian(z, None), g), rtol=1e-8)


def test_eq_1_of_many_weights_the_hessian_is_never_made(monkeypatch):
    L = hills(M=7)._replace(hessian=lambda z, some: pytest.fail("7 weights are too many"))
    monkeypatch.setattr(newton, "LARGEST_HESSIAN", 6)
    assert minimise(L, np.zeros(7), tol=1e-7, max_iter=100).converged


def test_eq_1_units_do_not_matter():
    """An H whose rows differ by a factor of 1e20 in their units is solved as precisely as one in good units."""
    rng = np.random.default_rng(2)
    R = rng.normal(size=(4, 4))
    H, g, unit = R @ R.T + np.eye(4), rng.normal(size=4), np.array([1e-10, 1.0, 1e10, 3.0])
    L = hills(M=4)._replace(hessian=lambda z, some: H * np.outer(unit, unit))
    np.testing.assert_allclose(direction(L, g * unit, None, precision=0) * unit, -np.linalg.solve(H, g), rtol=1e-9)


def test_eq_1_where_it_is_flat_nothing_is_divided_by_zero():
    flat = np.diag([2.0, 0.0, 0.5])
    L = hills(M=3)._replace(hessian=lambda z, some: flat)
    np.testing.assert_allclose(direction(L, np.array([4.0, 0.0, 1.0]), None, precision=0), [-2, 0, -2], rtol=1e-12)
    equal = np.ones((2, 2))  # and along (1, −1)
    L = hills(M=2)._replace(hessian=lambda z, some: equal)
    np.testing.assert_allclose(direction(L, np.array([4.0, 4.0]), None, precision=0), [-2, -2], rtol=1e-9)


def test_eq_1_what_is_flat_is_taken_out_of_the_direction():
    L = hills()
    w = np.ones(6)
    _, z = L.look(w)
    g = L.gradient(w, z)
    whole = direction(L, g, z, precision=0)
    np.testing.assert_array_equal(
        direction(L._replace(steep=lambda d: d - d.mean()), g, z, precision=0), whole - whole.mean()
    )


def test_eq_1_one_step_ends_at_the_minimum_of_a_parabola(way):
    """Near the minimum L is a parabola: after a step, the square of the distance is left."""
    L = hills()
    w = minimise(L, np.zeros(6), tol=0, max_iter=100).w
    start = w + 1e-4 * np.random.default_rng(0).normal(size=6)
    _, z = L.look(start)
    after = start + direction(L, L.gradient(start, z), z, precision=1e-12)
    assert np.abs(after - w).max() < 1e-7


def steps(size):
    """Lengths of a direction, times the gradient."""
    return pytest.mark.parametrize("length", [0.5, 1.5, 3, 5, 7, 10, 20, 40, 100, 1e3, 1e6][:size])


@steps(11)
def test_eq_2_goes_the_first_of_1_half_quarter_that_lowers_the_loss_enough(length):
    L, w = hills(), np.random.default_rng(3).normal(size=6)
    value, z = L.look(w)
    g = L.gradient(w, z)
    d, slope = -length * g, -length * float(g @ g)
    t = 1.0
    while L.look(w + t * d)[0] > value + 0.25 * t * slope:
        t /= 2
    found, there, state = line_search(L.look, w, value, d, slope)
    np.testing.assert_array_equal(found, w + t * d)
    assert there == L.look(found)[0]
    np.testing.assert_array_equal(state, L.look(found)[1])


@pytest.mark.parametrize("share, t", [(0.24, 0.5), (0.26, 1.0)])
def test_eq_2_enough_is_a_quarter_of_what_the_slope_promises(share, t):
    """With d of this length, the loss falls by exactly `share` of the slope's promise."""
    L, w = hills(), np.random.default_rng(3).normal(size=6)
    value, z = L.look(w)
    g = L.gradient(w, z)
    low, high = 1e-3, 1e3  # the share falls from 1 as the step grows
    for _ in range(100):
        length = math.sqrt(low * high)
        fallen = (L.look(w - length * g)[0] - value) / (-length * (g @ g))
        low, high = (length, high) if fallen > share else (low, length)
    found, *_ = line_search(L.look, w, value, -length * g, -length * float(g @ g))
    np.testing.assert_array_equal(found, w - t * length * g)


def test_eq_2_a_step_lost_in_rounding_is_taken():
    L, rng = hills(), np.random.default_rng(0)
    w = minimise(L, np.zeros(6), tol=0, max_iter=100).w
    for _ in range(20):
        d = 1e-9 * rng.normal(size=6)
        np.testing.assert_array_equal(line_search(L.look, w, L.look(w)[0], d, 0.0)[0], w + d)


def test_eq_2_a_step_that_changes_nothing_is_taken():
    found, value, _ = line_search(lambda w: (0.0, None), np.ones(2), 0.0, np.ones(2), 0.0)
    np.testing.assert_array_equal(found, [2, 2])
    assert value == 0


def test_eq_2_refuses_a_step_that_is_worse_by_more_than_rounding():
    L = hills()
    w = minimise(L, np.zeros(6), tol=0, max_iter=100).w
    found, *_ = line_search(L.look, w, L.look(w)[0], np.full(6, 1e-5), 0.0)
    assert np.abs(found - w).max() < 1e-6


def test_eq_3_the_promise_decides_the_end():
    """Of a parabola with minimum 1, the first step promises all there is to gain, and the second nothing."""
    H = np.diag([1.0, 4.0])
    L = hills(M=2)._replace(
        look=lambda w: (1 + 0.5 * float(w @ H @ w), None),
        gradient=lambda w, z: H @ w,
        hessian=lambda z, some: H,
    )
    start = np.array([1.0, 1.0])  # L is 3.5, and 2.5 above the minimum
    for tol, n_steps in ((2.51 / 3.5, 1), (2.49 / 3.5, 2), (0, 2)):
        w, losses, converged = minimise(L, start, tol=tol, max_iter=10)
        assert converged and len(losses) == n_steps + 1
        np.testing.assert_allclose(losses, [3.5, 1, 1][: n_steps + 1], rtol=1e-12)
        np.testing.assert_allclose(w, 0, atol=1e-12)


def test_ends_at_the_minimum_and_never_rises(way):
    for seed in range(5):
        L = hills(seed)
        w, losses, converged = minimise(L, np.full(6, 5.0), tol=1e-12, max_iter=100)
        assert converged and np.all(np.diff(losses) <= ROUNDING) and len(losses) < 25
        np.testing.assert_allclose(L.gradient(w, L.look(w)[1]), 0, atol=1e-8)


def test_too_few_steps_are_said():
    w, losses, converged = minimise(hills(), np.full(6, 5.0), tol=1e-12, max_iter=2)
    assert not converged and len(losses) == 3


def test_report_is_called_after_each_step_and_may_end_it():
    seen = []

    def report(w, losses):
        seen.append((w, list(losses)))
        return len(seen) == 2

    w, losses, converged = minimise(hills(), np.full(6, 5.0), tol=0, max_iter=100, report=report)
    assert not converged and len(seen) == 2 and losses == seen[-1][1] and len(losses) == 3
    np.testing.assert_array_equal(w, seen[-1][0])


def test_a_hessian_that_overflows_is_an_error():
    L = hills(M=2)._replace(hessian=lambda z, some: np.full((2, 2), np.inf))
    with pytest.raises(FloatingPointError, match="overflows"), np.errstate(all="ignore"):
        minimise(L, np.ones(2), tol=0, max_iter=10)
