"""The element-wise rules: against finite differences, at the points that are special, and what is constant."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import NoRuleError, Tensor, grad, rulecheck

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
P = rng.uniform(0.5, 2, (3, 4))
U = np.tanh(A) * 0.8  # inside (-1, 1)
Z = A + 1j * rng.normal(size=(3, 4))
W = rng.normal(size=(3, 4)) + 1j * P
EVERYWHERE = """exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh square reciprocal absolute negative positive
                sinc""".split()
REAL_ONLY = "deg2rad radians rad2deg degrees cbrt fabs i0".split()
POSITIVE = "log log2 log10 log1p sqrt".split()
INSIDE = "arcsin arccos arctanh".split()
ARITHMETIC = "add subtract multiply divide maximum minimum fmax fmin".split()
BINARY_REAL = "logaddexp logaddexp2 hypot arctan2 remainder fmod copysign".split()
CASES = {}


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


for name in EVERYWHERE + REAL_ONLY:
    case(name, getattr(np, name), A)
for name in POSITIVE:
    case(name, getattr(np, name), P)
for name in INSIDE:
    case(name, getattr(np, name), U)
case("arccosh", np.arccosh, P + 1)
for name in EVERYWHERE + POSITIVE + INSIDE + ["arccosh"]:
    case(name + " complex", getattr(np, name), Z)
for name in ARITHMETIC + BINARY_REAL:
    case(name, getattr(np, name), A, P)
    case(name + " broadcast", getattr(np, name), A, P[:1])
    case(name + " beside a number", lambda a, n=name: getattr(np, n)(0.7, getattr(np, n)(a, 2.0)), A)
for name in ARITHMETIC:
    for kinds, a, b in (("complex", Z, W), ("real and complex", A, W), ("complex and real", Z, P)):
        case(f"{name} {kinds}", getattr(np, name), a, b)
for name in ("power", "float_power"):
    case(name, getattr(np, name), P, A)
    case(name + " complex", getattr(np, name), Z, W)
    case(name + " negative and complex", getattr(np, name), -P, W)
    case(name + " complex and real", getattr(np, name), Z, A)
case("power of arrays", lambda a: a ** np.array([0.0, 1.0, 2.0, 3.0]), A)
case("power of whole numbers", lambda a: a ** np.array([0, 1, 2, 3]), A)
for exponent in (0, 1, 2, 3, 2.0, -1.0, 0.5):
    case(f"power {exponent!r}", lambda a, e=exponent: a**e, P)
    case(f"power {exponent!r} complex", lambda a, e=exponent: a**e, Z)
case("power 1j", lambda a: a**1j, P)
case("power of a number", lambda b: 2.0**b, A)
case("power of a complex number", lambda b: (2.0 - 1j) ** b, A)
case("sinc near 0", np.sinc, np.array([-0.9, -1e-3, 0.0, 1e-9, 0.4]))
case("divmod", np.divmod, A, P)
case("modf", lambda a: np.modf(a)[0], A)
case("frexp", lambda a: np.frexp(a)[0], 9 * A)
case("ldexp", lambda a: np.ldexp(a, [1, -2, 0, 3]), A)
case("nextafter", lambda a: np.nextafter(a, 1.0), A)
case("heaviside", lambda h: np.heaviside(np.array([-1.0, 0.0, 2.0, 0.0]), h), A)
case("where", lambda a, b: np.where(A > 0, a, b * b), A, P)
case("where broadcast", lambda a, b: np.where(A > 0, a, b), A, P[:1])
case("where complex", lambda a, b: np.where(A > 0, a, b * b), Z, W)
case("where real and complex", lambda a, b: np.where(A > 0, a, b * b), A, W)
case("clip", lambda a: np.clip(a, -0.5, 0.5), A)
case("clip above", lambda a: np.clip(a, None, 0.5), A)
case("clip below", lambda a: np.clip(a, -0.5, None), A)
case("clip by arrays", np.clip, A, A - 0.1 * P, A + np.where(A > 0, -0.05, 0.1))
case("clip of an array", lambda lo, hi: A.clip(lo, hi), A - 0.1 * P, A + np.where(A > 0, -0.05, 0.1))
case("clip by rows", np.clip, A, -P[:1], 0.2 * P[:, :1])
case("clip complex", lambda a: np.clip(a, -0.5, 0.5 + 0.1j), Z)
case("clip by a name", lambda a, lo: np.clip(a, a_min=lo, a_max=0.5), A, -P)
if np.__version__ >= "2.1":
    case("clip min", lambda a: np.clip(a, min=-0.5), A)
    case("clip max", lambda a: np.clip(a, max=0.5), A)
    case("clip min max", lambda a: np.clip(a, min=-0.5, max=0.5), A)
    case("clip by min", lambda a, lo: np.clip(a, min=lo), A, A - 0.1 * P)
    case("clip by max", lambda a, hi: np.clip(a, max=hi * hi), A, P)
    case("clip by max of an array", lambda hi: np.clip(A, max=hi), P / 2)
    case("clip by min and max", lambda a, lo, hi: np.clip(a, min=lo, max=hi), A, -P[:1], 0.2 * P[:, :1])
    case("astype", lambda a: np.astype(a * a, a.dtype, copy=False), A)
case("copy", lambda a: np.copy(a * a, order="F"), A)
case("astype method", lambda a: (a * a).astype(a.dtype), A)
case("full_like", lambda a, f: np.full_like(a, f) + a, A, P[:1])
case("nan_to_num", np.nan_to_num, A)
case("nan_to_num complex", np.nan_to_num, Z)


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    with warnings.catch_warnings(action="error"):
        rulecheck(f, *xs)


ORDINARY = EVERYWHERE + REAL_ONLY + ARITHMETIC + BINARY_REAL


@settings(derandomize=True, max_examples=40, deadline=None)
@given(data=st.data())
def test_any_shapes_that_broadcast(data):
    name = data.draw(st.sampled_from(ORDINARY))
    shape = data.draw(st.lists(st.integers(0, 3), max_size=3))
    stretched = [1 if data.draw(st.booleans()) else n for n in shape][data.draw(st.integers(0, len(shape))) :]
    random = np.random.default_rng(data.draw(st.integers(0, 9)))
    xs = [random.normal(size=s) + 3 * (i + 1) for i, s in enumerate((shape, stretched))]  # away from kinks
    f = getattr(np, name)
    rulecheck(f, *xs[: f.nin if isinstance(f, np.ufunc) else 1])


def derivatives(f, x, n):
    """f′, f″, ... at x."""
    found = []
    for _ in range(n):
        f = grad(f)
        found.append(f(x))
    return found


# Exact to all orders at the points where a formula may fail


def test_powers_of_zero():
    assert derivatives(lambda x: x**0, 0.0, 2) == [0, 0]
    assert derivatives(lambda x: x**1, 0.0, 3) == [1, 0, 0]
    assert derivatives(lambda x: x**2, 0.0, 3) == [0, 2, 0]
    assert derivatives(lambda x: x**3, 0.0, 4) == [0, 0, 6, 0]
    assert derivatives(lambda x: x**2.0, 0.0, 3) == [0, 2, 0]
    assert derivatives(np.square, 0.0, 3) == [0, 2, 0]
    for power in (np.power, np.float_power):
        for kind in (float, complex):
            exponents = np.array([0.0, 1.0, 2.0, 3.0])
            for k, expected in enumerate(([0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 6], [0, 0, 0, 0]), 1):

                def nth(x, k=k, power=power, exponents=exponents):
                    f = lambda x: power(x, exponents)  # noqa: E731
                    for _ in range(k):
                        f = grad(lambda x, f=f: np.sum(np.real(f(x))))
                    return f(x)

                np.testing.assert_array_equal(nth(np.zeros(4, kind)), expected)


def test_the_slope_by_an_exponent():
    slope = grad(np.power, argnums=1)
    assert slope(0.0, 2.0) == 0.0
    assert slope(0.0, 0.0) == 0.0
    assert derivatives(lambda b: np.power(0.0, b), 2.0, 3) == [0, 0, 0]
    assert grad(lambda a: slope(a, 2.0))(0.0) == 0.0
    assert grad(lambda b: grad(np.power)(0.0, b))(2.0) == 0.0
    assert grad(lambda b: grad(np.power)(2.0, b))(0.0) == 0.5  # of b aᵇ⁻¹ by b
    assert grad(lambda a: slope(a, 1.0))(2.0) == np.log(2.0) + 1
    assert grad(lambda b: np.real(np.power(0j, b)))(2 + 1j) == 0.0
    with np.errstate(all="ignore"):
        assert slope(0.0, -1.0) == -np.inf
        assert np.isnan(slope(-2.0, 3.0))
        assert grad(np.power)(0.0, 0.5) == np.inf
    assert grad(np.power)(-2.0, 3.0) == 12.0
    found = grad(lambda b: np.real(np.power(complex(-2.0, -0.0), b)))(0.5 + 0j)  # below the cut of the logarithm
    np.testing.assert_allclose(found, np.exp(0.5 * (np.log(2) - 1j * np.pi)) * (np.log(2) - 1j * np.pi))


def test_kinks():
    assert grad(np.abs)(0.0) == grad(np.fabs)(0.0) == 0.0
    assert derivatives(np.abs, -2.0, 2) == [-1, 0]
    for f in (np.hypot, np.arctan2):
        assert grad(f, argnums=(0, 1))(0.0, 0.0) == (0.0, 0.0)
        for i in (0, 1):
            assert grad(lambda a, b, f=f, i=i: grad(f, argnums=i)(a, b), argnums=(0, 1))(0.0, 0.0) == (0.0, 0.0)
    assert grad(np.copysign)(0.0, -1.0) == 0.0
    assert grad(np.copysign)(2.0, -1.0) == -1.0
    assert grad(np.copysign, argnums=1)(2.0, -1.0) == 0.0
    assert grad(np.copysign)(-2.0, -0.0) == 1.0
    assert grad(np.nextafter)(2.0, 3.0) == 1.0
    assert grad(np.nextafter, argnums=1)(2.0, 3.0) == 0.0
    assert grad(np.heaviside)(0.0, 0.5) == 0.0
    assert grad(lambda h: np.heaviside(0.0, h) + np.heaviside(1.0, h))(2.0) == 1.0
    z = grad(lambda z: np.abs(z))(0j)
    assert z == 0.0
    assert grad(lambda z: np.real(grad(np.abs)(z)))(0j) == 0.0


def test_beside_an_infinite_leg_the_other_does_not_count():
    inf, root = np.inf, np.sqrt(0.5)
    hypot, arctan2 = (lambda a, b, f=f: grad(lambda a, b: 3 * f(a, b), argnums=(0, 1))(a, b)
                      for f in (np.hypot, np.arctan2))  # fmt: skip
    with warnings.catch_warnings(action="error"):
        for a, b, x, y in ((inf, 0.0, 3, 0), (-inf, 2.0, -3, 0), (-2.0, inf, 0, 3), (0.0, -inf, 0, -3)):
            assert hypot(a, b) == (x, y)
            assert arctan2(a, b) == (0, 0)
            assert grad(lambda a, b=b: grad(np.hypot)(a, b))(a) == 0
        assert hypot(inf, np.nan)[0] == 3
        np.testing.assert_allclose(hypot(inf, -inf), (3 * root, -3 * root))
        assert arctan2(inf, -inf) == (0, 0)
        np.testing.assert_allclose(hypot(1e300, 1e300), (3 * root, 3 * root))


def test_ties_share_the_gradient():
    for f in (np.maximum, np.minimum, np.fmax, np.fmin):
        assert grad(f, argnums=(0, 1))(2.0, 2.0) == (0.5, 0.5)
        assert grad(lambda z, w, f=f: np.real(f(z, w)), argnums=(0, 1))(1 + 2j, 1 + 2j) == (0.5, 0.5)
    assert grad(np.maximum, argnums=(0, 1))(2.0, 3.0) == (0, 1)
    assert grad(np.minimum, argnums=(0, 1))(2.0, 3.0) == (1, 0)
    assert grad(np.fmax, argnums=(0, 1))(1.0, np.nan) == (1, 0)
    assert grad(np.fmin, argnums=(0, 1))(np.nan, 1.0) == (0, 1)


def test_clip_lets_pass_at_its_bounds():
    assert grad(lambda x: np.clip(x, 0.0, 1.0))(1.0) == 1.0
    assert grad(lambda x: np.clip(x, 0.0, 1.0))(0.0) == 1.0
    for x, expected in ((-1.0, (0, 1, 0)), (0.5, (1, 0, 0)), (0.0, (1, 0, 0)), (1.0, (1, 0, 0)), (2.0, (0, 0, 1))):
        assert grad(np.clip, argnums=(0, 1, 2))(x, 0.0, 1.0) == expected
    assert grad(np.clip, argnums=(0, 1, 2))(0.0, 1.0, 1.0) == (0, 0, 1)
    assert grad(np.clip, argnums=(0, 1, 2))(0.5, 2.0, 1.0) == (0, 0, 1)  # NumPy's upper bound wins
    assert grad(lambda x: np.clip(x, 0.0, 1.0) * np.inf)(0.5) == np.inf
    x = Tensor([-1.0, 0.5], requires_grad=True)
    np.clip(x, 0.0, 1.0).backward([np.nan, 2.0])
    np.testing.assert_array_equal(x.grad.data, [0, 2])


def test_where_sends_exact_zeros_to_what_was_not_taken():
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0, 4.0], requires_grad=True)
    np.where([True, False], a, b).backward([np.nan, np.inf])
    np.testing.assert_array_equal(a.grad.data, [np.nan, 0])
    np.testing.assert_array_equal(b.grad.data, [0, np.inf])


def test_logaddexp_far_apart_and_at_infinity():
    for f, scale in ((np.logaddexp, 1.0), (np.logaddexp2, np.log(2))):
        for a, b, expected in (
            (-np.inf, 1.0, (0, 1)),
            (1.0, -np.inf, (1, 0)),
            (np.inf, 1.0, (1, 0)),
            (np.inf, -np.inf, (1, 0)),
            (np.inf, np.inf, (0.5, 0.5)),
            (-np.inf, -np.inf, (0.5, 0.5)),
        ):
            with warnings.catch_warnings(action="error"):
                assert grad(f, argnums=(0, 1))(a, b) == expected
                for i in (0, 1):
                    assert grad(lambda a, b, f=f, i=i: grad(f, argnums=i)(a, b))(a, b) == 0.0
        for a in (-60.0, -2.0, 0.0, 3.0, 60.0):  # with s = 1 / (1 + e⁻ᵃ): s, s (1 − s), s (1 − s) (1 − 2 s)
            s, rest = 1 / (1 + np.exp(-a * scale)), 1 / (1 + np.exp(a * scale))
            expected = [s, scale * s * rest, scale**2 * s * rest * (rest - s)]
            np.testing.assert_allclose(derivatives(lambda a, f=f: f(a, 0.0), a, 3), expected, rtol=1e-12)
            np.testing.assert_allclose(derivatives(lambda b, f=f: f(0.0, b), a, 3), expected, rtol=1e-12)


def test_saturated_functions_stay_finite():
    for x in (20.0, 400.0, 1e10):
        assert np.all(np.abs(derivatives(np.tanh, x, 3)) < 1e-15)
    assert derivatives(np.exp, -np.inf, 3) == [0, 0, 0]


def test_infinite_slopes_are_infinite():
    with np.errstate(divide="ignore"):
        assert grad(np.sqrt)(0.0) == np.inf
        assert grad(np.log)(0.0) == np.inf
        assert grad(np.cbrt)(0.0) == np.inf
        assert grad(np.arcsin)(1.0) == grad(np.arcsin)(-1.0) == np.inf
        assert grad(np.arccos)(1.0) == -np.inf
        assert grad(np.arccosh)(1.0) == np.inf
    x = 1 - 1e-13
    np.testing.assert_allclose(grad(np.arcsin)(x) * np.sqrt((1 - x) * (1 + x)), 1, rtol=1e-14)
    np.testing.assert_allclose(grad(np.arctanh)(x) * (1 - x) * (1 + x), 1, rtol=1e-14)


@pytest.mark.parametrize(
    ("f", "cut"),
    [
        (np.arcsin, 2.0), (np.arcsin, -2.0), (np.arccos, 2.0), (np.arccos, -2.0), (np.arctanh, 2.0),
        (np.arctanh, -2.0), (np.arccosh, -2.0), (np.arccosh, 0.5), (np.sqrt, -2.0), (np.log, -2.0), (np.log1p, -3.0),
        (np.arcsinh, 2j), (np.arcsinh, -2j), (np.arctan, 2j), (np.arctan, -2j),
    ],
)  # fmt: skip
def test_on_a_branch_cut_the_slope_is_that_of_the_side_of_the_zeros_sign(f, cut):
    upright = isinstance(cut, complex)
    along, aside = (1j, 1.0) if upright else (1.0, 1j)
    for zero in (0.0, -0.0):
        z = complex(zero, cut.imag) if upright else complex(cut, zero)
        beside = [z + h * along + np.copysign(1e-12, zero) * aside for h in (1e-6, -1e-6)]
        expected = (f(beside[0]) - f(beside[1])) / (2e-6 * along)
        found = grad(lambda z: np.real(f(z)))(z)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_sinc_near_zero_to_fourth_order():
    π = np.pi
    x, weights = np.polynomial.legendre.leggauss(40)
    t, weights = (x + 1) / 2, weights / 2  # sinc x = ∫ cos πxt dt over t from 0 to 1

    def integral(x, order):
        return np.sum(weights * (π * t) ** order * np.cos(π * x * t + order * π / 2))

    assert derivatives(np.sinc, 0.0, 4) == pytest.approx([0, -(π**2) / 3, 0, π**4 / 5], rel=1e-14)
    np.testing.assert_allclose(grad(np.sinc)(1e-8), -(π**2) / 3 * 1e-8, rtol=1e-12)
    np.testing.assert_allclose(grad(np.sinc)(1e-150), -(π**2) / 3 * 1e-150, rtol=1e-12)
    for x in (-1.9, -1.0, -0.999, -0.5, 1e-5, 0.01, 0.7, 0.99999, 1.0, 1.01, 1.4, 1.99, 3.0):
        for order, found in enumerate(derivatives(np.sinc, x, 4), 1):
            np.testing.assert_allclose(found, integral(x, order), rtol=0, atol=1e-13 * 4**order)
    np.testing.assert_allclose(grad(lambda z: np.real(np.sinc(z)))(1e-6j), -(π**2) / 3 * 1e-6j, rtol=1e-10)


def test_i0_obeys_the_equation_of_bessel():
    for x in (0.0, 1e-8, 0.3, -0.3, 2.0, 7.99, 8.0, -8.01, 30.0, 700.0):  # x I″ + I′ = x I
        first, second, third = derivatives(np.i0, x, 3)
        y = np.i0(x)
        np.testing.assert_allclose(x * second + first, x * y, rtol=1e-12)
        np.testing.assert_allclose(x * third + 2 * second, y + x * first, rtol=1e-12)
    assert grad(np.i0)(0.0) == 0.0
    np.testing.assert_allclose(grad(np.i0)(1e-9), 0.5e-9, rtol=1e-14)
    np.testing.assert_allclose(grad(np.i0)(700.0) / np.i0(700.0), 1 - 1 / 1400 - 1 / 8 / 700**2, rtol=1e-9)


def test_remainders_know_the_whole_number_that_was_taken():
    for f, a, b, n in (
        (np.remainder, 7.0, 2.5, 2), (np.remainder, -7.0, 2.5, -3), (np.fmod, 7.0, 2.5, 2), (np.fmod, -7.0, 2.5, -2),
        (np.fmod, 1.0, 0.1, 9), (np.remainder, 1.0, 0.1, 9), (np.fmod, 7.0, -2.5, -2), (np.remainder, 7.0, -2.5, -3),
    ):  # fmt: skip
        assert grad(f, argnums=(0, 1))(a, b) == (1, -n)
    assert grad(lambda a, b: np.divmod(a, b)[0] + 3 * np.divmod(a, b)[1], argnums=(0, 1))(-7.0, 2.5) == (3, 9)


def test_parts_of_numbers():
    assert grad(lambda x: np.modf(x)[0] + 5 * np.modf(x)[1])(2.25) == 1.0
    assert grad(lambda x: np.frexp(x)[0])(12.0) == 1 / 16
    assert grad(lambda x: np.frexp(x)[0])(0.0) == 1.0
    assert grad(lambda x: np.frexp(x)[0] * 2.0**-100)(2.0**-1060) == 2.0**959
    mantissa, exponent = np.frexp(Tensor([12.0, 0.1], requires_grad=True))
    assert exponent.tolist() == [4, -3] and not exponent.requires_grad
    assert grad(lambda x: np.ldexp(x, 3))(1.5) == 8.0


def test_nan_to_num():
    x = np.array([1.0, np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.nan_to_num(x)))(x), [1, 0, 0, 0])
    found = grad(lambda x, a, b, c: np.sum(np.nan_to_num(x, nan=a, posinf=b, neginf=c) * [1, 2, 3, 4]), (0, 1, 2, 3))(
        x, 5.0, 6.0, 7.0
    )
    np.testing.assert_array_equal(found[0], [1, 0, 0, 0])
    assert found[1:] == (2, 3, 4)
    x = Tensor(x, requires_grad=True)
    y = np.nan_to_num(x, nan=5.0, posinf=6.0, neginf=7.0)
    assert y.tolist() == [1, 5, 6, 7]
    assert np.nan_to_num(x, True, 5.0).tolist() == [1, 5, np.finfo(float).max, np.finfo(float).min]
    y.backward([2.0, np.nan, np.inf, 1.0])
    np.testing.assert_array_equal(x.grad.data, [2, 0, 0, 0])


def test_nan_to_num_of_complex_numbers_looks_at_each_part():
    z = np.array([complex(1, np.nan), complex(np.inf, 2), complex(3, 4), complex(np.nan, -np.inf)])
    w = np.array([1 + 2j, 3 + 4j, 5 + 6j, 7 + 8j])

    def loss(z, a, b, c):
        return np.sum(np.real(w * np.nan_to_num(z, nan=a, posinf=b, neginf=c)))  # Σ Re w Re y − Im w Im y

    dz, da, db, dc = grad(loss, (0, 1, 2, 3))(z, 5.0, 6.0, 7.0)
    np.testing.assert_array_equal(dz, [1, 4j, 5 + 6j, 0])
    assert (da, db, dc) == (-2 + 7, 3, -8)


def test_nan_to_num_in_place_makes_a_new_version():
    x = Tensor([1.0, np.nan], requires_grad=True)
    y = x * 2
    assert np.nan_to_num(y, copy=False) is y
    assert y.tolist() == [2, 0]
    np.sum(y * y).backward()
    np.testing.assert_array_equal(x.grad.data, [8, 0])


def test_full_like_passes_the_gradient_of_what_fills():
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    fill = Tensor([2.0, 3.0, 4.0], requires_grad=True)
    y = np.full_like(x, fill)
    assert y.dtype == np.float32 and y.tolist() == [[2, 3, 4]] * 2
    y.backward(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(fill.grad.data, [3, 5, 7])
    assert x.grad is None
    assert not np.full_like(x, 7.0).requires_grad
    y = np.full_like(x, fill, dtype=float, order="F", subok=False, shape=(4, 3))
    assert y.dtype == np.float64 and y.shape == (4, 3) and y.data.flags.f_contiguous
    assert not np.full_like(x, fill, dtype=int).requires_grad
    for f in (np.zeros_like, np.ones_like, np.empty_like):
        assert isinstance(f(x), Tensor) and not f(x).requires_grad
        assert isinstance(f(x, dtype=int), np.ndarray)


def test_casts():
    x = Tensor([1.5, 2.5], requires_grad=True)
    for y in (x.astype(np.float32), np.astype(x, np.float32)) if hasattr(np, "astype") else (x.astype(np.float32),):
        x.grad = None
        assert y.dtype == np.float32
        y.backward([1.0, 2.0])
        assert x.grad.dtype == np.float64 and x.grad.tolist() == [1, 2]
    assert not x.astype(int).requires_grad
    z = x.astype(complex)
    z.backward([1 + 5j, 2 + 6j])
    assert x.grad.tolist() == [2, 4]


def test_piecewise_constant_functions_return_plain_arrays():
    x, y = Tensor(A, requires_grad=True), Tensor(P, requires_grad=True)
    for name in """floor ceil rint trunc fix round around signbit spacing isnan isinf isfinite isneginf isposinf isreal
                   iscomplex logical_not sign""".split():
        found = getattr(np, name)(x)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, getattr(np, name)(A))
    for name in """floor_divide isclose equal not_equal less less_equal greater greater_equal logical_and logical_or
                   logical_xor""".split():
        np.testing.assert_array_equal(getattr(np, name)(x, y), getattr(np, name)(A, P))
        assert isinstance(getattr(np, name)(x, y), np.ndarray)
    assert isinstance(x // 1, np.ndarray) and isinstance(x > 0, np.ndarray)


def test_questions_about_arrays_are_answered_as_for_arrays():
    x = Tensor(A, requires_grad=True)
    for f in (np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.result_type, np.common_type,
              np.min_scalar_type, np.array_repr, np.array_str, np.array2string, np.iterable):  # fmt: skip
        assert f(x) == f(A)
    assert np.size(x, 1) == 4 and np.size(x, axis=0) == 3
    assert np.result_type(x, 1j) == np.complex128
    assert np.can_cast(x, np.float32) == np.can_cast(A, np.float32)
    assert np.array_equal(x, A) and np.array_equiv(x, A) and np.allclose(x, A)
    assert np.shares_memory(x, x.data) and np.may_share_memory(x, x.data)


def test_a_file_gets_the_values():
    t, v = Tensor(0.5, requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    for save in (
        lambda file: np.save(file, v),
        lambda file: np.save(file, arr=v),
        lambda file: np.savez(file, v=v, t=t),
        lambda file: np.savez_compressed(file, v),
    ):
        save(file := io.BytesIO())
        file.seek(0)
        found = np.load(file)
        values = found if isinstance(found, np.ndarray) else found[found.files[0]]
        assert values.tolist() == [1.0, 2.0]
    np.savetxt(text := io.StringIO(), v, fmt="%g")
    assert text.getvalue() == "1\n2\n"


@pytest.mark.parametrize("name", "bitwise_and bitwise_or bitwise_xor left_shift right_shift gcd lcm".split())
def test_functions_of_two_whole_numbers_are_numpys(name):
    f = getattr(np, name)
    with pytest.raises(TypeError, match=f"ufunc '{name}'"):
        f(Tensor(A, requires_grad=True), 2)
    np.testing.assert_array_equal(f(Tensor([6, 5]), 2), f([6, 5], 2))


@pytest.mark.parametrize("name", "invert bitwise_count isnat".split())
def test_functions_of_other_types_are_numpys(name):
    with pytest.raises(TypeError, match=f"ufunc '{name}'"):
        getattr(np, name)(Tensor(A, requires_grad=True))


# What is refused


def test_a_mask_has_no_gradient():
    with pytest.raises(NoRuleError, match="np.where has no gradient for its argument 0"):
        np.where(Tensor(np.ones(3), requires_grad=True), 1.0, 2.0)


@pytest.mark.skipif(np.__version__ < "2.1", reason="np.clip has no min and max")
def test_clip_takes_its_bounds_under_one_of_their_names():
    x, bound = Tensor(A, requires_grad=True), Tensor(0.2, requires_grad=True)
    np.testing.assert_array_equal(np.clip(x, min=None, max=bound).data, np.clip(A, None, 0.2))
    np.testing.assert_array_equal(np.clip(A, min=bound, max=None).data, np.clip(A, 0.2, None))
    assert np.clip(x, 0.0, 1.0).step.parents[0] is x
    for bounds in ({"a_min": bound, "max": 1.0}, {"a_max": 1.0, "min": bound}):
        with pytest.raises(ValueError, match="as a_min and a_max, or as min and max"):
            np.clip(x, **bounds)
    with pytest.raises(TypeError, match="missing 1 required"):
        np.clip(x, bound)


@pytest.mark.parametrize("keyword", ["dtype", "where"])
def test_clip_names_the_keyword_that_it_does_not_know(keyword):
    with pytest.raises(NoRuleError, match=f"np.clip has no gradient with its keyword '{keyword}'"):
        np.clip(Tensor(A, requires_grad=True), 0.0, 1.0, **{keyword: True})


def test_i0_of_complex_numbers_is_refused_as_in_numpy():
    with pytest.raises(TypeError, match="i0 not supported for complex"):
        np.i0(Tensor(Z, requires_grad=True))
