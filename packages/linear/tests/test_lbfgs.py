"""The oracle is the definition: minima where the gradient is zero, found in any units of the weights."""

import math
import sys

import numpy as np
import pytest

from pellucid_linear import lbfgs, newton
from pellucid_linear.newton import Smooth

scipy = pytest.importorskip("scipy")
pytest.importorskip("scipy.optimize")


def hills(unit, seed=0, M=6, N=20, price=0.1):
    """L(w) = mean of log cosh(aᵀ(w u) − b) + ½ price ‖w u‖², the weights being measured in units u."""
    rng = np.random.default_rng(seed)
    A, b = 3 * rng.normal(size=(N, M)), rng.normal(size=N)

    def look(w):
        z = A @ (w * unit) - b
        value = (
            np.mean(np.abs(z) + np.log1p(np.exp(-2 * np.abs(z))) - math.log(2)) + price * np.sum((w * unit) ** 2) / 2
        )
        return float(value), z

    def hessian(z, some):
        return ((A.T * (1 - np.tanh(z) ** 2)) @ A / N + price * np.eye(M)) * np.outer(unit, unit)

    return Smooth(
        look=look,
        gradient=lambda w, z: (A.T @ np.tanh(z) / N + price * w * unit) * unit,
        hessian=hessian,
        times=lambda z, v: hessian(z, None) @ v,
        diagonal=lambda z: np.diag(hessian(z, None)),
        steep=lambda d: d,
    )


@pytest.mark.parametrize("seed", range(5))
def test_eq_1_2_units_do_not_matter(seed):
    unit = np.geomspace(1e-6, 1e6, 6)
    plain, scaled = hills(np.ones(6), seed), hills(unit, seed)
    w, losses, converged = lbfgs.minimise(plain, np.ones(6), tol=1e-9, max_iter=1000)
    other, losses_too, converged_too = lbfgs.minimise(scaled, np.ones(6) / unit, tol=1e-9, max_iter=1000)
    assert converged and converged_too and len(losses) < 60
    np.testing.assert_allclose(losses_too[:5], losses[:5], rtol=1e-9)  # it goes the same way
    np.testing.assert_allclose(other * unit, w, atol=1e-7)
    np.testing.assert_allclose(plain.gradient(w, plain.look(w)[1]), 0, atol=1e-7)
    np.testing.assert_allclose(w, newton.minimise(plain, np.ones(6), tol=0, max_iter=100).w, atol=1e-7)


def test_eq_1_it_begins_at_the_start():
    L, start = hills(np.geomspace(0.1, 10, 6)), np.arange(6.0)
    asked = []

    def look(w):
        asked.append(w)
        return L.look(w)

    w, losses, _ = lbfgs.minimise(L._replace(look=look), start, tol=0.1, max_iter=3)
    np.testing.assert_allclose(asked[0], start)
    np.testing.assert_allclose(asked[1], start, rtol=1e-12)
    assert losses[0] == L.look(start)[0] and losses[-1] == pytest.approx(L.look(w)[0])


def test_eq_2_the_gradient_is_that_of_the_scaled_weights():
    """Of a parabola in weights whose Hessian is its diagonal, all units are equal after scaling: one step is enough."""
    H = np.array([1e-8, 1.0, 1e8])
    L = hills(np.ones(3), M=3)._replace(
        look=lambda w: (1 + 0.5 * float(H @ (w - 1 / H**0.5) ** 2), None),
        gradient=lambda w, state: H * (w - 1 / H**0.5),
        diagonal=lambda state: H,
    )
    w, losses, converged = lbfgs.minimise(L, np.zeros(3), tol=1e-9, max_iter=100)
    assert converged and len(losses) <= 4
    np.testing.assert_allclose(w, 1 / H**0.5, rtol=1e-7)


def test_eq_2_scipy_is_handed_a_function_and_its_own_gradient(monkeypatch):
    handed = []

    def spy(f, v, **options):
        handed.append((f, v))
        return scipy.optimize.OptimizeResult(x=v, jac=np.zeros(6), fun=1.0)

    monkeypatch.setattr(scipy.optimize, "minimize", spy)
    L = hills(np.geomspace(0.1, 10, 6))
    lbfgs.minimise(L, np.ones(6), tol=1e-3, max_iter=10)
    f, v = handed[0]
    assert f(v)[0] == pytest.approx(L.look(np.ones(6))[0])
    for j, step in enumerate(1e-6 * np.eye(6)):
        np.testing.assert_allclose(f(v)[1][j], (f(v + step)[0] - f(v - step)[0]) / 2e-6, rtol=1e-5, atol=1e-9)


def test_the_gradient_decides_the_end_and_losses_never_rise():
    L = hills(np.ones(6))
    n_steps = []
    for tol in (1e-1, 1e-4, 1e-9):
        w, losses, converged = lbfgs.minimise(L, np.full(6, 5.0), tol=tol, max_iter=1000)
        root = np.sqrt(L.diagonal(L.look(np.full(6, 5.0))[1]))
        assert converged and np.abs(L.gradient(w, L.look(w)[1]) / root).max() <= max(tol, 1e-6)
        assert np.all(np.diff(losses) <= 0)
        n_steps.append(len(losses))
    assert n_steps[0] < n_steps[1] < n_steps[2]


def test_what_rounding_hides_is_no_lack_of_convergence():
    assert lbfgs.minimise(hills(np.ones(6)), np.full(6, 5.0), tol=0, max_iter=10_000).converged


def test_too_few_steps_are_said_and_reports_may_end_it():
    L = hills(np.ones(6))
    w, losses, converged = lbfgs.minimise(L, np.full(6, 5.0), tol=1e-9, max_iter=2)
    assert not converged and len(losses) == 3
    seen = []

    def report(w, losses):
        seen.append((w, list(losses)))
        return len(seen) == 2

    w, losses, converged = lbfgs.minimise(L, np.full(6, 5.0), tol=1e-9, max_iter=100, report=report)
    assert not converged and len(seen) == 2 and losses == seen[-1][1]
    np.testing.assert_allclose(w, seen[-1][0], rtol=1e-12)


def test_without_scipy_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ImportError, match="pip install scipy.*solver='newton'"):
        lbfgs.minimise(hills(np.ones(6)), np.zeros(6), tol=1e-3, max_iter=10)


def test_a_diagonal_that_overflows_is_an_error():
    L = hills(np.ones(2), M=2)._replace(diagonal=lambda z: np.array([1.0, np.inf]))
    with pytest.raises(FloatingPointError, match="overflows"):
        lbfgs.minimise(L, np.ones(2), tol=1e-3, max_iter=10)
