"""The rules for `scipy.special` against the definition of a derivative, to second order; values are SciPy's."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import NoRuleError, Tensor, grad, rulecheck, tape

pytest.importorskip("scipy", minversion="1.13")
import scipy.special  # noqa: E402

from pellucid import scipy_rules  # noqa: E402
from pellucid.scipy_rules import ROOT_PI, special  # noqa: E402

rng = np.random.default_rng(0)
R = rng.normal(size=(2, 3))  # any real numbers
P = rng.uniform(0.5, 2, (2, 3))  # positive
Q = rng.uniform(0.5, 2, (2, 3))
U = rng.uniform(0.1, 0.9, (2, 3))  # inside (0, 1)
Z = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
T = rng.normal(size=(2, 3, 2))
CASES = {}


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


def cases(names, *xs, suffix=""):
    for name in names.split():
        case(name + suffix, getattr(special, name), *xs)


cases("gammaln gamma rgamma digamma psi loggamma entr exp1 expi logit k0 k1 k0e k1e y0 y1".replace("logit ", ""), P)
cases("erf erfc erfcx erfi dawsn ndtr log_ndtr expit log_expit exprel expm1 exp2 exp10 cosm1", R)
cases("i0 i1 i0e i1e j0 j1 fresnel sici shichi", R)
cases("wofz", R, suffix=" of real numbers")
cases("logit ndtri erfinv", U)
cases("erfcinv", 2 * U)
cases("sindg cosdg tandg", 30 * R)
cases("cotdg", 40 * P)
cases("spence log1p cbrt wrightomega", P)
cases("ndtri_exp", -P)
cases("lambertw", P)
cases("airy", R)
cases("gammaln gamma rgamma digamma", np.clip(R % 1, 0.2, 0.8) - np.ceil(abs(R)), suffix=" of negative numbers")
for name, plain in dict(cbrt=R, log1p=U - 1, i0=-10 * P, i1=-10 * P, exprel=1e-3 * R).items():
    case(name + " elsewhere", getattr(special, name), plain)
cases(
    """erf erfc erfcx erfi dawsn ndtr log_ndtr wofz expm1 exp1 log1p sici shichi spence airy lambertw""",
    Z,
    suffix=" complex",
)
cases("beta betaln binom poch powm1 xlogy xlog1py rel_entr kl_div owens_t", P, Q)
cases("beta betaln xlogy xlog1py rel_entr kl_div owens_t pseudo_huber huber", P, Q[:1], suffix=" broadcast")
cases("xlogy xlog1py", Z, Z[::-1] + 3, suffix=" complex")
case("binom of fewer", special.binom, P + 3, Q)
case("huber", special.huber, P, 3 * R)
case("pseudo_huber", special.pseudo_huber, P, 3 * R)
case("pseudo_huber far below delta", lambda d, r: special.pseudo_huber(d, r), 10 * P, R)
case("owens_t of any numbers", special.owens_t, R, -P)
for lmbda in (0.0, 0.3, -0.7, 1e-9):
    shape = np.full((2, 3), lmbda)
    case(f"boxcox {lmbda}", special.boxcox, P, shape)
    case(f"boxcox1p {lmbda}", special.boxcox1p, R**2, shape)
    case(f"inv_boxcox {lmbda}", special.inv_boxcox, U, shape)
    case(f"inv_boxcox1p {lmbda}", special.inv_boxcox1p, U, shape)
case("gammainc", lambda x: special.gammainc(1.7, x), P)
case("gammaincc", lambda x: special.gammaincc(1.7, x), P)
case("gammaincinv", lambda p: special.gammaincinv(1.7, p), U)
case("gammainccinv", lambda p: special.gammainccinv(1.7, p), U)
case("chdtr", lambda x: special.chdtr(3, x), P)
case("chdtrc", lambda x: special.chdtrc(3.5, x), P)
case("betainc", lambda x: special.betainc(1.7, 2.4, x), U)
case("betaincc", lambda x: special.betaincc(1.7, 2.4, x), U)
case("betaincinv", lambda p: special.betaincinv(1.7, 2.4, p), U)
case("betainccinv", lambda p: special.betainccinv(1.7, 2.4, p), U)
case("stdtr", lambda t: special.stdtr(3.5, t), R)
case("stdtrit", lambda p: special.stdtrit(3.5, p), U)
case("hyp0f1", lambda x: special.hyp0f1(1.7, x), R)
case("hyp1f1", lambda x: special.hyp1f1(1.7, 0.6, x), R)
case("hyp2f1", lambda x: special.hyp2f1(1.7, 0.6, 2.2, x), U)
case("hyperu", lambda x: special.hyperu(1.7, 0.6, x), P)
case("hyp0f1 complex", lambda x: special.hyp0f1(1.7, x), Z)
if not np.isclose(special.hyp1f1(1.7, 0.6, 1j), np.exp(1j)):  # SciPy 1.13 takes it for the exponential
    case("hyp1f1 complex", lambda x: special.hyp1f1(1.7, 0.6, x), Z)
case("hyp2f1 complex", lambda x: special.hyp2f1(1.7, 0.6, 2.2, x), Z / 4)
for n in (0, 1, 2, 4):
    case(f"expn {n}", lambda x, n=n: special.expn(n, x), P)
    case(f"kn {n}", lambda x, n=n: special.kn(n, x), P)
    case(f"yn {n}", lambda x, n=n: special.yn(n, x), P)
    case(f"jn {n}", lambda x, n=n: special.jn(n, x), P)
case("expn of several orders", lambda x: special.expn(np.array([0, 1, 3]), x), P)
for f in (special.jv, special.yv, special.iv, special.kv, special.jve, special.yve, special.ive, special.kve):
    for v in (0, 1.3, -0.4):
        case(f"{f.__name__} {v}", lambda x, f=f, v=v: f(v, x), P)
case("ive of negative numbers", lambda x: special.ive(2, x), -P)
hankel = (special.hankel1, special.hankel2, special.hankel1e, special.hankel2e)
for f in (special.jv, special.yv, special.iv, special.kv, special.kve, *hankel):
    case(f"{f.__name__} complex", lambda x, f=f: f(1.3, x), Z)
case("polygamma 1", lambda x: special.polygamma(1, x), P)
case("polygamma 3", lambda x: special.polygamma(3, x), P)
case("zeta", lambda q: special.zeta(2.5, q), P)
case("zeta of SciPy", lambda q: scipy.special.zeta(2.5, q) if isinstance(q, np.ndarray) else special.zeta(2.5, q), P)
case("multigammaln 1", lambda a: special.multigammaln(a, 1), P)
case("multigammaln 3", lambda a: special.multigammaln(a, 3), P + 1)
case("softplus", lambda x: np.logaddexp(0, x), R)

for axis in (None, 0, -1, (0, 2), (-1, 1)):
    for keepdims in (False, True):
        case(f"logsumexp {axis} {keepdims}", lambda a, i=axis, k=keepdims: special.logsumexp(a, i, keepdims=k), T)
        case(
            f"logsumexp weights {axis} {keepdims}",
            lambda a, b, i=axis, k=keepdims: special.logsumexp(a, i, b, k),
            T,
            np.exp(T[::-1]),
        )
        case(
            f"logsumexp sign {axis} {keepdims}",
            lambda a, b, i=axis, k=keepdims: special.logsumexp(a, i, b, k, return_sign=True)[0],
            T,
            -np.exp(T[::-1]),
        )
    case(f"softmax {axis}", lambda x, i=axis: special.softmax(x, axis=i) * T, T)
    case(f"log_softmax {axis}", lambda x, i=axis: special.log_softmax(x, axis=i), T)
case("logsumexp sign of the sum without weights", lambda a: special.logsumexp(a, 1, return_sign=True)[0], T)
case("logsumexp broadcast weights", lambda a, b: special.logsumexp(a, 1, b), T, np.exp(R[0, :, None]))
case("logsumexp broadcast exponents", lambda a, b: special.logsumexp(a, -1, b), T[0, :, 0], np.exp(R))
case("logsumexp by weights alone", lambda b: special.logsumexp(T, axis=1, b=b), np.exp(T))
case("logsumexp complex", lambda a: special.logsumexp(a, axis=1), Z)
case("logsumexp complex weights", lambda a, b: special.logsumexp(a, 1, b), Z, Z[::-1] + 0.5)
case("logsumexp complex sign", lambda a, b: list(special.logsumexp(a, 1, b, return_sign=True)), Z, Z[::-1] + 0.5)
case("logsumexp complex weights of real exponents", lambda a: special.logsumexp(a, 1, b=Z), R)


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    rulecheck(f, *xs)


def test_gamma_of_complex_numbers_has_one_derivative():
    for f, slope in (
        (special.gamma, lambda z: special.gamma(z) * special.digamma(z)),
        (special.loggamma, special.digamma),
        (special.rgamma, lambda z: -special.rgamma(z) * special.digamma(z)),
    ):
        rulecheck(f, Z, order=1)
        z = Tensor(Z, requires_grad=True)
        f(z).backward(np.ones(Z.shape), create_graph=True)
        np.testing.assert_allclose(z.grad.data, slope(Z), rtol=1e-12)
        with pytest.raises(TypeError, match="polygamma.*real x only.*detach"):
            z.grad.backward(np.ones(Z.shape))
    with pytest.raises(TypeError, match="real x only"):
        special.digamma(z).backward(np.ones(Z.shape))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.sampled_from(["jv", "iv", "kv", "yv"]), st.floats(0.0, 4.0))
def test_bessel_functions_of_any_order(seed, name, order):
    x = np.random.default_rng(seed).uniform(0.5, 5, 3)
    rulecheck(lambda x: getattr(special, name)(order, x), x)


# Accuracy where a formula would lose it


def test_log_ndtr_and_its_slopes_far_out():
    slope = grad(special.log_ndtr)
    for x in (-1e8, -1e3, -40.0):  # φ/Φ → −x − 1/x
        np.testing.assert_allclose(slope(x), -x - 1 / x, rtol=1e-5)
    np.testing.assert_allclose(grad(slope)(-40.0), -1.0 + 1 / 1600, rtol=1e-5)
    assert slope(60.0) == 0.0 and grad(slope)(60.0) == 0.0
    np.testing.assert_allclose(slope(5.0), np.exp(-12.5) / np.sqrt(2 * np.pi), rtol=1e-5)
    np.testing.assert_allclose(slope(0.0), np.sqrt(2 / np.pi), rtol=1e-14)


def test_saturated_probabilities_keep_their_slope():
    np.testing.assert_allclose(grad(special.expit)(40.0), np.exp(-40.0), rtol=1e-12)
    np.testing.assert_allclose(grad(special.log_expit)(40.0), np.exp(-40.0), rtol=1e-12)
    np.testing.assert_allclose(grad(special.log_expit)(-40.0), 1.0, rtol=1e-12)


def test_pseudo_huber_by_delta_does_not_cancel():
    np.testing.assert_allclose(grad(special.pseudo_huber)(1e3, 0.1), 0.1**4 / (4 * 1e9), rtol=1e-6)


def test_smooth_places_where_a_formula_has_0_over_0():
    assert grad(special.exprel)(0.0) == 0.5
    assert grad(grad(special.exprel))(0.0) == pytest.approx(1 / 3)
    assert grad(special.spence)(1.0) == -1.0
    assert grad(grad(special.spence))(1.0) == pytest.approx(0.5)
    first, second = (grad(lambda x, i=i: special.shichi(x)[i]) for i in (0, 1))
    assert first(0.0) == 1.0 and grad(grad(first))(0.0) == pytest.approx(1 / 3)
    assert grad(lambda x: special.sici(x)[0])(0.0) == 1.0
    assert grad(lambda z: np.real(special.shichi(z)[0]))(0.0 + 0j) == 1.0
    assert grad(special.i1)(0.0) == 0.5 and grad(special.j1)(0.0) == 0.5
    assert grad(lambda x: np.real(special.lambertw(x)))(0.0) == 1.0
    assert second(0.0) == grad(lambda x: special.sici(x)[1])(0.0) == 0.0


def twice(f, x):
    """The first two derivatives of f at x, without a warning."""
    with warnings.catch_warnings(action="error"):
        return float(grad(f)(x)), float(grad(grad(f))(x))


def test_error_functions_far_out():
    for x in (200.0, 1e6, 1e8, 1e12):
        np.testing.assert_allclose(twice(special.erfcx, x), [-1 / x / x / ROOT_PI, 2 / x**3 / ROOT_PI], rtol=2e-4)
        for side in (1, -1):
            np.testing.assert_allclose(twice(special.dawsn, side * x), [-0.5 / x / x, side / x**3], rtol=2e-4)
    for x in (101.0, 120.0):
        slope = -special.hyperu(1, 0.5, x * x) / ROOT_PI
        np.testing.assert_allclose(grad(special.erfcx)(x), slope, rtol=2e-14)
    for f in (special.erfcx, special.dawsn):
        assert twice(f, 1e200) == twice(f, np.inf) == (0, 0)
        near, far = (grad(f)(100 + h) for h in (-1e-10, 1e-10))  # the two forms meet
        assert near != far
        np.testing.assert_allclose(near, far, rtol=1e-10)
    for z in (80 + 80j, 80 - 80j, 120 + 119j):
        np.testing.assert_allclose(grad(special.dawsn, holomorphic=True)(z), 1 - 2 * z * special.dawsn(z), rtol=1e-12)
    with warnings.catch_warnings(action="error"):
        assert grad(special.wofz, holomorphic=True)(np.inf + 0j) == 0
    for z in (3e5 + 2e5j, 1e5 - 2e5j, 2e7 + 0j, 1 + 3e5j, 1 - 3e5j):
        right = z if z.real > abs(z.imag) else 1j * z
        for f, x, slope in (
            (special.erfcx, z, -1 / ROOT_PI / z**2),
            (special.wofz, 1j * z, 1j / ROOT_PI / z**2),
            (special.dawsn, right, -0.5 / right**2),
        ):
            np.testing.assert_allclose(grad(f, holomorphic=True)(x), slope, rtol=1e-9)


def test_scaled_bessel_functions_far_out():
    for x in (1e6, 1e10, 1e16, 1e100):
        for side in (1, -1):
            for f in (special.i0e, special.i1e):
                y = f(side * x)
                np.testing.assert_allclose(twice(f, side * x), [-side * y / x / 2, 0.75 * y / x / x], rtol=2e-6)
        for f in (special.k0e, special.k1e):
            np.testing.assert_allclose(twice(f, x), [-f(x) / x / 2, 0.75 * f(x) / x / x], rtol=2e-6)
    for f in (special.i0e, special.i1e, special.k0e, special.k1e):
        assert twice(f, np.inf) == (0, 0)
        if f in (special.i0e, special.i1e):  # even and odd
            assert grad(f)(-2e4) == grad(f)(2e4) * (-1 if f is special.i0e else 1)
        y = f(1e4)
        near, far = (grad(f)(1e4 + h) for h in (0.0, 1e-8))  # the two forms meet
        assert near != far
        np.testing.assert_allclose(near, far, rtol=1e-10)
        np.testing.assert_allclose(near, -y / 2e4, rtol=1e-4)


def test_the_reciprocal_of_gamma_and_products_of_gammas_at_poles():
    for x, first, second in ((0.0, 1.0, 2 * np.euler_gamma), (-1.0, -1.0, 2 - 2 * np.euler_gamma), (-2.0, 2.0, None)):
        found = twice(special.rgamma, x)
        np.testing.assert_allclose(found[0], first, rtol=1e-14)
        if second is not None:
            np.testing.assert_allclose(found[1], second, rtol=1e-14)
    np.testing.assert_allclose(grad(special.rgamma)(5.0), -special.digamma(5.0) / 24, rtol=1e-14)
    slope = grad(special.rgamma, holomorphic=True)
    np.testing.assert_allclose(slope(-1 + 0j), -1, rtol=1e-14)
    for z in (0.1 - 300j, 0.1 + 300j):
        np.testing.assert_allclose(slope(z), -special.digamma(z) * special.rgamma(z), rtol=1e-12)
    for n in (-0.5, 0.0, 1.0, 2.0, 3.0, 6.0):  # n (n − 1) (n − 2) / 6
        expected = (3 * n * n - 6 * n + 2) / 6, n - 1
        np.testing.assert_allclose(twice(lambda n: special.binom(n, 3.0), n), expected, atol=1e-14)
    for a in (-7.0, -3.0, -2.0, -1.5, -1.0, 0.0, 1.0):  # a (a + 1) (a + 2)
        expected = 3 * a * a + 6 * a + 2, 6 * a + 6
        np.testing.assert_allclose(twice(lambda a: special.poch(a, 3.0), a), expected, atol=1e-13)
    rulecheck(special.poch, np.array([-1.5, -2.3]), np.array([0.7, -0.9]))
    np.testing.assert_allclose(grad(special.poch)(-2.0, 0.5), 2 * special.gamma(-1.5), rtol=1e-14)
    by_k = grad(special.binom, argnums=1)
    for n, k in ((2.0, 3.0), (0.0, 2.0), (2.0, 7.0), (200.0, 201.0)):
        h = 1e-5
        np.testing.assert_allclose(by_k(n, k), (special.binom(n, k + h) - special.binom(n, k - h)) / 2 / h, rtol=1e-7)
    with warnings.catch_warnings(action="error"):
        assert grad(special.binom)(np.float32(2), np.float32(3)).dtype == np.float32


def test_the_incomplete_gamma_function_of_a_large_parameter():
    for a in (1e10, 1e15):
        density = np.exp(-1 / (12 * a)) / np.sqrt(2 * np.pi * a)
        np.testing.assert_allclose(twice(lambda x, a=a: special.gammainc(a, x), a), [density, -density / a], rtol=1e-14)
        np.testing.assert_allclose(grad(lambda x, a=a: special.chdtrc(2 * a, x))(2 * a), -density / 2, rtol=1e-14)
    found = grad(lambda x: special.gammainc(1200.0, x))(1200.0)
    np.testing.assert_allclose(found, 0.011515671921856026633, rtol=1e-14)  # by mpmath
    for x in (900.0, 1000.0, 1200.0):  # the two forms meet
        few, many = (grad(lambda x, a=a: special.gammainc(a, x))(x) for a in (1000.0, 1000.0 + 1e-9))
        np.testing.assert_allclose(few, many, rtol=1e-9)
    assert grad(lambda x: special.gammainc(2e3, x))(0.0) == 0.0


# Points where no derivative exists: decided


def test_nothing_times_the_logarithm_of_nothing():
    with warnings.catch_warnings(action="error"):
        for f in (special.xlogy, special.rel_entr, special.kl_div):
            assert grad(f, argnums=1)(0.0, 2.0) == (1.0 if f is special.kl_div else 0.0)
        assert grad(special.xlogy)(0.0, 0.0) == grad(special.xlogy, argnums=1)(0.0, 0.0) == 0.0
        assert grad(special.xlog1py)(0.0, -1.0) == grad(special.xlog1py, argnums=1)(0.0, -1.0) == 0.0
        assert grad(special.rel_entr, argnums=1)(0.0, 0.0) == 0.0 and grad(special.kl_div, argnums=1)(0.0, 0.0) == 1.0
        assert grad(special.entr)(0.0) == np.inf
        assert grad(special.rel_entr)(0.0, 2.0) == grad(special.kl_div)(0.0, 2.0) == -np.inf
        assert grad(special.xlogy)(0.0, 2.0) == np.log(2.0)
    assert grad(lambda y: grad(special.xlogy)(0.0, y))(2.0) == 0.5
    assert grad(lambda p: grad(special.rel_entr, argnums=1)(p, 2.0))(0.0) == -0.5


def test_losses_at_their_kinks():
    assert grad(special.huber, argnums=1)(1.0, 1.0) == 1.0
    assert grad(special.huber, argnums=1)(1.0, -3.0) == -1.0
    assert grad(special.huber)(1.0, 0.5) == 0.0 and grad(special.huber)(1.0, -3.0) == 2.0
    with warnings.catch_warnings(action="error"):
        assert grad(special.pseudo_huber, argnums=1)(0.0, 0.0) == grad(special.pseudo_huber)(0.0, 0.0) == 0.0
        assert grad(special.pseudo_huber, argnums=1)(1.0, 0.0) == 0.0
        for r in (np.inf, -np.inf):
            assert grad(special.pseudo_huber, argnums=(0, 1))(2.0, r) == (np.inf, 2 * np.sign(r))
            assert twice(lambda r: special.pseudo_huber(2.0, r), r) == (2 * np.sign(r), 0)


def test_powers_of_nothing():
    for lmbda in (0.5, 2.0):
        expected = lmbda**-2, -2 * lmbda**-3
        assert twice(lambda p: special.boxcox(0.0, p), lmbda) == expected
        assert twice(lambda p: special.boxcox1p(-1.0, p), lmbda) == expected
    with np.errstate(divide="ignore"):
        assert grad(special.boxcox, argnums=1)(0.0, 0.0) == np.inf
    assert grad(special.inv_boxcox, argnums=1)(-2.0, 0.5) == grad(special.inv_boxcox1p, argnums=1)(-2.0, 0.5) == 0.0
    with warnings.catch_warnings(action="error"):
        for a, b, slopes in ((0.0, 2.0, (0, 0)), (0.0, 1.0, (1, 0)), (0.0, 0.0, (0, 0))):
            assert grad(special.powm1, argnums=(0, 1))(a, b) == slopes
    assert twice(lambda b: special.powm1(0.0, b), 2.0) == (0, 0)
    np.testing.assert_allclose(grad(special.powm1, argnums=1)(1e-3, 10.0), 1e-30 * np.log(1e-3))


def test_scaled_bessel_functions_at_0():
    assert grad(special.i0e)(0.0) == 0.0
    assert grad(special.i1e)(0.0) == 0.5
    assert grad(lambda x: special.ive(0, x))(0.0) == 0.0


def test_infinite_terms():
    inf = np.inf
    with warnings.catch_warnings(action="error"):
        slope = grad(lambda a: 3 * special.logsumexp(a))
        np.testing.assert_array_equal(slope(np.full(2, -inf)), [0, 0])
        np.testing.assert_array_equal(slope(np.array([-inf, 1.0])), [0, 3])
        np.testing.assert_array_equal(slope(np.array([inf, 1.0, inf, -inf])), [1.5, 0, 1.5, 0])
        np.testing.assert_array_equal(grad(special.logsumexp)(np.array([1e3, 0.0])), [1, 0])
        weights = np.array([0.0, 2.0])
        np.testing.assert_array_equal(grad(lambda a: special.logsumexp(a, b=weights))(np.array([1e3, 0.0])), [0, 1])
        np.testing.assert_array_equal(grad(lambda b: special.logsumexp(np.zeros(2), b=b))(weights), [0.5, 0.5])
    rows = Tensor(np.array([[inf, 0.0], [-inf, -inf], [0.0, 0.0]]), requires_grad=True)
    special.logsumexp(rows, axis=1).backward(np.ones(3))
    np.testing.assert_array_equal(rows.grad.data, [[1, 0], [0, 0], [0.5, 0.5]])


def test_the_sign_of_a_sum_is_constant_and_the_direction_of_a_complex_one_is_not():
    a, b = Tensor(T, requires_grad=True), Tensor(np.array([[[-5.0, 1.0]], [[1.0, -0.1]]]), requires_grad=True)
    y, sign = special.logsumexp(a, axis=1, b=b, return_sign=True)
    expected, expected_sign = scipy.special.logsumexp(T, axis=1, b=b.data, return_sign=True)
    assert {-1.0, 1.0} == set(np.unique(sign)) and not isinstance(sign, Tensor)
    np.testing.assert_array_equal(y.data, expected)
    np.testing.assert_array_equal(sign, expected_sign)
    rulecheck(lambda a, b: special.logsumexp(a, 1, b, return_sign=True)[0], T, b.data)
    y, direction = special.logsumexp(Tensor(Z, requires_grad=True), axis=0, return_sign=True)
    assert direction.requires_grad
    np.testing.assert_allclose(y.data, np.log(np.abs(np.sum(np.exp(Z), axis=0))))
    np.testing.assert_allclose(direction.data, (s := np.sum(np.exp(Z), axis=0)) / np.abs(s))


# The door


def test_names_are_those_of_scipy():
    assert special.logsumexp is scipy_rules.logsumexp and special.polygamma is scipy_rules.polygamma
    assert isinstance(special.gammaln, np.ufunc) and isinstance(special.betainc, np.ufunc)
    assert special.comb(4, 2) == 6
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        special.nonsense  # noqa: B018


@pytest.mark.parametrize("name", scipy_rules.OWN)
def test_own_functions_of_arrays_are_scipys(name):
    arguments = {"multigammaln": (P + 1, 2), "polygamma": (2, P)}.get(name, (T, 1))
    found, expected = getattr(special, name)(*arguments), getattr(scipy.special, name)(*arguments)
    assert not isinstance(found, Tensor)
    np.testing.assert_array_equal(found, expected)
    assert isinstance(getattr(special, name)(*[Tensor(x) if np.ndim(x) else x for x in arguments]), Tensor)


def test_the_sign_of_a_sum_of_exponentials_counts_its_weights():
    a, b = np.array([[0.0, 5.0, 1.0], [0.0, 2.0, -1.0]]), np.array([[3.0, -1.0, 0.5], [2.0, 1.0, -1.0]])
    sums = np.sum(b * np.exp(a), axis=1, keepdims=True)  # of one sign each
    assert sums[0] < 0 < sums[1]
    da, db = grad(lambda a, b: special.logsumexp(a, 1, b, return_sign=True)[0].sum(), argnums=(0, 1))(a, b)
    np.testing.assert_allclose(da, b * np.exp(a) / sums)
    np.testing.assert_allclose(db, np.exp(a) / sums)


@pytest.mark.parametrize("end", [np.inf, -np.inf])
def test_second_derivatives_at_infinite_sums_are_zero(end):
    a = np.array([end, 1.0 if end > 0 else end, end])
    slopes = grad(lambda a: np.sum(grad(lambda a: special.logsumexp(a))(a) * np.array([1.0, 2.0, 3.0])))(a)
    assert slopes.tolist() == [0, 0, 0]


@pytest.mark.parametrize("f", [special.xlogy, lambda x, z: special.xlog1py(x, z - 1.0), special.rel_entr])
def test_what_is_flat_where_zero_times_log_zero_is_zero_stays_flat(f):
    assert grad(lambda x, z: grad(f, argnums=1)(x, z))(0.0, 0.0) == 0


def test_the_logarithm_of_the_normal_distribution_far_out():
    with np.errstate(over="ignore", invalid="raise"):
        np.testing.assert_allclose(grad(special.log_ndtr)(-1e155), 1e155)


def test_the_hyperbolic_sinc_far_out():
    with np.errstate(over="ignore"):
        assert scipy_rules.sinhc(800.0) == np.inf


def test_piecewise_constant_functions_return_plain_arrays():
    x = Tensor(R, requires_grad=True)
    for f in (special.gammasgn, special.round):
        assert type(f(x)) is np.ndarray
        np.testing.assert_array_equal(f(x), f(R))


@pytest.mark.parametrize(
    ("f", "argument"),
    [
        (lambda x: special.gammainc(x, 1.0), 0),
        (lambda x: special.gammaincc(x, 1.0), 0),
        (lambda x: special.gammaincinv(x, 0.5), 0),
        (lambda x: special.gammainccinv(x, 0.5), 0),
        (lambda x: special.chdtr(x, 1.0), 0),
        (lambda x: special.chdtrc(x, 1.0), 0),
        (lambda x: special.betainc(x, 1.0, 0.5), 0),
        (lambda x: special.betainc(1.0, x, 0.5), 1),
        (lambda x: special.betaincc(1.0, x, 0.5), 1),
        (lambda x: special.betaincinv(1.0, x, 0.5), 1),
        (lambda x: special.betainccinv(1.0, x, 0.5), 1),
        (lambda x: special.stdtr(x, 0.5), 0),
        (lambda x: special.stdtrit(x, 0.5), 0),
        (lambda x: special.jv(x, 0.5), 0),
        (lambda x: special.hyp2f1(1.0, 1.0, x, 0.5), 2),
        (lambda x: special.hyp1f1(1.0, x, 0.5), 1),
        (lambda x: special.hyperu(x, 1.5, 0.5), 0),
        (lambda x: special.hyp0f1(x, 0.5), 0),
        (lambda x: special.zeta(x, 2.0), 0),
    ],
)
def test_a_parameter_without_a_derivative_is_refused(f, argument):
    with pytest.raises(NoRuleError, match=f"no gradient for its argument {argument}: detach"):
        f(Tensor(P, requires_grad=True))


@pytest.mark.parametrize("name", ["jve", "yve", "ive"])
def test_a_scale_that_is_no_complex_function_is_refused(name):
    z = Tensor(Z, requires_grad=True)
    with pytest.raises(TypeError, match=f"special.{name} of complex numbers .* scale special.{name[:2]} yourself"):
        getattr(special, name)(1, z).backward(np.ones(Z.shape))


def test_riemanns_zeta_and_others_have_no_rule():
    for f in (special.zeta, special.kolmogorov):
        with pytest.raises(NoRuleError, match="no gradient rule"):
            f(Tensor(P, requires_grad=True))


def test_what_special_takes_over_from_numpy_stays_what_it_is():
    assert special.sinc is np.sinc and special.diric is scipy.special.diric
    assert grad(lambda x: special.sinc(x))(0.5) == grad(np.sinc)(0.5)


OUTSIDE = """
import sys
import numpy as np
from pellucid import Tensor, tape
assert "scipy" not in sys.modules
x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
np.sum(np.tanh(x)).backward()
import scipy.special
assert "pellucid.scipy_rules" not in sys.modules
{code}
"""


def outside(code, array_api=False):
    """Run code in a Python of its own, with or without SciPy's array API."""
    environment = {name: value for name, value in os.environ.items() if name != "SCIPY_ARRAY_API"}
    environment |= {"SCIPY_ARRAY_API": "1"} if array_api else {}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", OUTSIDE.format(code=code)], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_the_rules_are_loaded_when_a_function_of_scipy_asks():
    outside(
        """
x.grad = None
np.sum(scipy.special.gammaln(x)).backward()
assert np.allclose(x.grad.data, scipy.special.digamma(x.data))
assert isinstance(scipy.special.gammasgn(x), np.ndarray)
"""
    )


@pytest.mark.parametrize("array_api", [False, True])
def test_scipys_functions_in_python_refuse_a_tensor(array_api):
    outside(
        """
for f in (scipy.special.logsumexp, scipy.special.softmax, scipy.special.log_softmax,
          lambda x: scipy.special.multigammaln(x, 1), lambda x: scipy.special.polygamma(1, x)):
    try:
        f(x)
    except TypeError as error:
        pass
    else:
        raise AssertionError(f)
from pellucid.scipy_rules import special
for f in (special.gammaln, special.logsumexp, special.softmax, special.expit):
    assert f(x).requires_grad
""",
        array_api,
    )


def test_every_case_is_of_a_function_that_has_a_rule():
    named = {name.split()[0] for name in CASES}
    stated = {f.__name__.lstrip("_") for f in tape.rules if isinstance(f, np.ufunc) and not hasattr(np, f.__name__)}
    assert stated - {"zeta", "riemann_zeta"} <= named | {"gamma", "loggamma", "rgamma"}


def test_a_function_without_a_rule_is_called_by_its_name():
    with pytest.raises(NoRuleError, match=r"scipy\.special\.ellipk has no gradient rule"):
        special.ellipk(Tensor(0.3, requires_grad=True))
