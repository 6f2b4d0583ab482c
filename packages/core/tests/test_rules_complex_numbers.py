"""The rules of functions of complex numbers and of np.emath: finite differences, both regimes, and the points at 0."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, grad, rulecheck

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
P = rng.uniform(0.5, 2, (3, 4))
U = np.tanh(A) * 0.8  # inside (-1, 1)
Z = A + 1j * rng.normal(size=(3, 4))
CASES = {}


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


for name in "conjugate real imag angle real_if_close".split():
    f = getattr(np, name)
    case(name, lambda x, f=f: f(x * x) + x, A)
    case(name + " complex", lambda z, f=f: f(z * z) * z, Z)
case("sign complex", np.sign, Z)
case("sign", lambda x: np.sign(x) * x, A)
case("angle deg", lambda z: np.angle(z, deg=True), Z)
case("real_if_close that is", lambda x: np.real_if_close(x + 1e-15j, tol=100) ** 2, A)
case("real_if_close that is not", lambda x: np.real_if_close(x + 1e-15j, tol=1) ** 2, A)
case("methods", lambda z: z.conj() * z.real + z.imag, Z)
for name in "sqrt log log2 log10".split():
    case(f"emath.{name}", getattr(np.emath, name), P)
    case(f"emath.{name} of some negative", getattr(np.emath, name), A)
    case(f"emath.{name} complex", getattr(np.emath, name), Z)
for name in "arcsin arccos arctanh".split():
    case(f"emath.{name}", getattr(np.emath, name), U)
    case(f"emath.{name} of some beyond one", getattr(np.emath, name), 2 * A)
    case(f"emath.{name} complex", getattr(np.emath, name), Z)
case("emath.logn", np.emath.logn, P + 1, P)
case("emath.logn of some negative", np.emath.logn, A, A[::-1])
case("emath.logn complex", np.emath.logn, Z, P)
case("emath.logn number", lambda x: np.emath.logn(2, x), A)
case("emath.power", np.emath.power, P, A)
case("emath.power of some negative", np.emath.power, A, P)
case("emath.power complex", np.emath.power, Z, A)
case("emath.power negative exponent", lambda x: np.emath.power(x, -2), A)
case("emath.power negative exponents", lambda x: np.emath.power(x, [-2, 1, 0, 3]), A)
case("emath.power of whole numbers", lambda p: np.emath.power([-2, 3, 1, 5], p), A)


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    with warnings.catch_warnings(action="error"):
        rulecheck(f, *xs)


@settings(derandomize=True, max_examples=20, deadline=None)
@given(st.sampled_from(["sqrt", "log", "arcsin", "arccos", "arctanh"]), st.lists(st.integers(0, 3), max_size=3))
def test_emath_of_any_shape(name, shape):
    x = np.random.default_rng(len(shape)).uniform(1.2, 3, shape)
    rulecheck(getattr(np.emath, name), x)
    rulecheck(getattr(np.emath, name), -x)


def test_the_convention():
    """x̄ = ∂L/∂ Re x − i ∂L/∂ Im x."""
    z = 3.0 + 4.0j
    assert grad(np.real)(z) == 1
    assert grad(np.imag)(z) == -1j
    assert grad(np.abs)(z) == pytest.approx(0.6 - 0.8j)
    assert grad(lambda z: np.real(z * z))(z) == 2 * z
    assert grad(lambda z: np.real(np.conj(z) * z))(z) == 2 * np.conj(z)
    np.testing.assert_allclose(grad(np.angle)(z), -1j / z)


def test_real_numbers_stay_real():
    for f in (np.conj, np.real, np.imag, np.angle, np.real_if_close):
        found = grad(lambda x, f=f: np.sum(f(x)))(A)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, np.ones((3, 4)) if f not in (np.imag, np.angle) else np.zeros((3, 4)))
    dy = A.copy()
    x = Tensor(A, requires_grad=True)
    assert np.shares_memory(np.conj(x).step.backs[0](dy, A, A), dy)  # the conjugate of real numbers costs nothing


def test_there_is_no_derivative_at_zero():
    for f in (np.angle, lambda z: np.real(np.sign(z)), np.abs):
        assert grad(f)(0j) == 0
        for part in (np.real, np.imag):
            assert grad(lambda z, f=f, part=part: part(grad(f)(z)))(0j) == 0
    assert grad(np.angle)(0.0) == 0.0


def test_the_sign_of_real_numbers_is_a_plain_array():
    found = np.sign(Tensor(A, requires_grad=True))
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, np.sign(A))
    np.testing.assert_array_equal(np.sign(Tensor(A)), np.sign(A))
    assert isinstance(np.sign(Tensor(Z, requires_grad=True)), Tensor)


@pytest.mark.parametrize("name", "sqrt log log2 log10 arcsin arccos arctanh".split())
def test_emath_chooses_as_numpy_does(name):
    f = getattr(np.emath, name)
    for x in (0.5, -0.5, 2.0, -2.0, 1.0, -1.0, 0.0):
        for kind in (np.float64, np.float32, np.float16, np.complex64, np.longdouble):
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                expected, found = f(np.array([x], kind)), f(Tensor(np.array([x], kind), requires_grad=True))
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found.data, expected)


def test_emath_on_the_real_line_is_differentiated_along_it():
    h = 1e-6
    for f, x in (
        (np.emath.arcsin, 2.0),
        (np.emath.arcsin, -2.0),
        (np.emath.arccos, 2.0),
        (np.emath.arccos, -2.0),
        (np.emath.arctanh, 2.0),
        (np.emath.sqrt, -2.0),
        (np.emath.log, -2.0),
    ):
        for part in (np.real, np.imag):
            expected = part(f(x + h) - f(x - h)) / (2 * h)
            assert grad(lambda x, f=f, part=part: part(f(x)))(x) == pytest.approx(expected, abs=1e-8)


def test_emath_power_takes_negative_whole_exponents():
    assert np.emath.power(2, -2) == 0.25
    x = Tensor(2, dtype=int)
    p = Tensor(1.0, requires_grad=True)
    y = np.emath.power(x, p * [-2.0, 1.0])
    assert y.tolist() == [0.25, 2.0]
    whole = np.emath.power(Tensor([2.0, -3.0], requires_grad=True), Tensor([-2, 2]))
    assert whole.dtype == np.complex128
