"""The rules of polynomials against finite differences, to second order; values against NumPy itself."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, grad, rulecheck, vjp
from pellucid.rules import polynomials

rng = np.random.default_rng(0)
CASES = {}


def case(name, f, *xs):
    """A case in real and one in complex numbers; xs are shapes, or arrays that stay as they are."""
    assert name not in CASES
    real = [rng.normal(size=x) if isinstance(x, tuple) else x for x in xs]
    CASES[name] = f, real
    moved = [x + 1j * rng.normal(size=np.shape(x)) if isinstance(s, tuple) else x for s, x in zip(xs, real)]
    CASES[name + " complex"] = f, moved


case("polyval", np.polyval, (4,), (2, 3))
case("polyval constant", np.polyval, (1,), (3,))
case("polyval nothing", lambda p, x: np.polyval(p, x) + x, (0,), (3,))
case("polyval linear", np.polyval, (2,), (3,))
case("polyval one", lambda p, x: np.polyval(p, x[0]), (3,), (1,))
case("polyval rows", np.polyval, (4, 3), (2, 1))
case("polyval columns", np.polyval, (4, 2, 1), (3,))
case("polyval more rows", np.polyval, (3, 2), (4, 2))
case("polyval list", lambda x: np.polyval([1, 2, 3], x), (3,))
case("polyval of Tensors", lambda p, x: np.polyval([p[0], 2.0, p[1]], x), (2,), (3,))
case("polyval at Tensors", lambda p, x: np.polyval(p, [x[0], 2.0, x[1]]), (2,), (3,))
case("vander", np.vander, (5,))
case("vander N", lambda x: np.vander(x, 3), (5,))
case("vander N by name", lambda x: np.vander(x, N=4), (3,))
case("vander increasing", lambda x: np.vander(x, 4, increasing=True), (3,))
case("vander of ones", lambda x: np.vander(x, 1) * np.sum(x), (3,))

for name in "polyadd polysub polymul".split():
    for m, n in ((3, 5), (5, 3), (4, 4), (1, 3)):
        case(f"{name} {m} {n}", getattr(np, name), (m,), (n,))
    case(f"{name} numbers", lambda s, p, name=name: getattr(np, name)(s[0], p), (1,), (3,))
    case(f"{name} list", lambda p, name=name: getattr(np, name)([1, 2, 3], p), (4,))
    case(f"{name} of Tensors", lambda p, name=name: getattr(np, name)([p[1], p[0]], p), (4,))
for m in range(1, 7):
    for n in range(1, 5):
        divisor = np.r_[2.0, rng.normal(size=n - 1)]
        case(f"polydiv {m} {n}", lambda u, v, d=divisor: np.polydiv(u, v + d), (m,), (n,))
case("polydiv without remainder", lambda u, v: np.polydiv(np.convolve(u, v), v)[0] * np.sum(v * v), (4,), (3,))
case("polydiv by a number", lambda u, v: np.polydiv(u, v[0])[0], (4,), (1,))
for m in range(4):
    case(f"polyder {m}", lambda p, m=m: np.polyder(p, m), (4,))
    case(f"polyint {m}", lambda p, m=m: np.polyint(p, m), (4,))
case("polyder", np.polyder, (4,))
case("polyder to nothing", lambda p: np.polyder(p, 7), (4,))
case("polyint", np.polyint, (4,))
case("polyint constants", lambda p, k: np.polyint(p, 3, k), (4,), (3,))
case("polyint more constants", lambda p, k: np.polyint(p, 2, k), (4,), (3,))
case("polyint one constant", lambda p, k: np.polyint(p, 3, k=k), (4,), (1,))
case("polyint a number", lambda p, k: np.polyint(p, 2, k=k[0]), (4,), (1,))
case("polyint a list", lambda p, k: np.polyint(p, 2, k=[k[0], 2.0]), (4,), (1,))

case("poly", np.poly, (4,))
case("poly one", np.poly, (1,))
case("poly of Tensors", lambda z: np.poly([z[0], z[1], 2.0]), (2,))
case("poly of a matrix", np.poly, (4, 4))
case("poly of a number", np.poly, (1, 1))
case("roots", np.roots, (5,))
case("roots linear", np.roots, (2,))
case("roots none", lambda p: np.sum(np.roots(p)) + p, (1,))
case("roots real", np.roots, np.poly([1.0, 2.0, -1.5]))
CASES["roots at zero"] = lambda p: np.roots(np.concatenate([p, [0.0]])), [np.array([1.0, 2.0, 5.0])]
CASES["roots with leading zeros"] = lambda p: np.roots(np.concatenate([[0.0], p])), [np.array([1.0, 2.0, 5.0])]

w = rng.uniform(0.5, 1.5, 7)
case("polyfit", lambda x, y: np.polyfit(x, y, 2), (7,), (7,))
case("polyfit constant", lambda x, y: np.polyfit(x, y, 0) * np.sum(x), (4,), (4,))
case("polyfit columns", lambda x, y: np.polyfit(x, y, 2), (7,), (7, 2))
case("polyfit through all points", lambda x, y: np.polyfit(x, y, 2), np.array([-1.0, 0.5, 1.5]), (3,))
case("polyfit w", lambda x, y, w: np.polyfit(x, y, 2, w=w), (7,), (7,), w)
case("polyfit w columns", lambda x, y, w: np.polyfit(x, y, 1, None, False, w), (7,), (7, 3), w)
case("polyfit rcond", lambda x, y: np.polyfit(x, y, 2, rcond=1e-12), (7,), (7,))
big, small = np.array([-90_000, 10_000, 70_000, 95_000]), np.array([200, 100, 50, 250], np.uint8)
case("polyfit integers", lambda y: np.polyfit(big, y, 2, w=small, cov="unscaled")[0] * [1e9, 1e5, 1.0], (4,))
case(
    "polyfit lists", lambda x, y: np.polyfit(x, [y[0], 2.0, y[1], y[2]], 2) + np.polyfit([1, 2, 3, 5], x, 2), (4,), (3,)
)
for name, shape in (("", (7,)), (" columns", (7, 2))):
    case(f"polyfit cov{name}", lambda x, y, w: np.polyfit(x, y, 2, w=w, cov=True), (7,), shape, w)
    case(f"polyfit unscaled{name}", lambda x, y, w: np.polyfit(x, y, 2, w=w, cov="unscaled"), (7,), shape, w)
    case(f"polyfit cov without w{name}", lambda x, y: np.polyfit(x, y, 1, cov=True), (7,), shape)
case("polyfit unscaled few", lambda x, y: np.polyfit(x, y, 2, cov="unscaled"), (3,), (3,))


def with_full_output(x, y, w):
    c, residuals, _, s, _ = np.polyfit(x, y, 2, full=True, w=w)
    return c, residuals, s


case("polyfit full", with_full_output, (7,), (7,), w)
CASES["polyfit full columns"] = with_full_output, [rng.normal(size=7), rng.normal(size=(7, 2)), w]
del CASES["polyfit full complex"]


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    rulecheck(f, *xs)


# Any sizes


@settings(derandomize=True, max_examples=20, deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(1, 3), max_size=3))
def test_polyval_of_any_shape(n, shape):
    rng = np.random.default_rng(0)
    rulecheck(lambda p, x: np.polyval(p, x[0]), rng.normal(size=n), rng.normal(size=(1, *shape)))


@settings(derandomize=True, max_examples=20, deadline=None)
@given(st.integers(0, 3), st.integers(1, 3), st.integers(0, 1000))
def test_polyfit_of_any_degree(deg, more, seed):
    rng = np.random.default_rng(seed)
    n = deg + 1 + more
    x = np.arange(n) + rng.uniform(-0.3, 0.3, n)
    rulecheck(lambda x, y, w: np.polyfit(x, y, deg, w=w), x, rng.normal(size=n), rng.uniform(0.5, 2, n))


def test_a_high_degree_keeps_its_digits():
    """The gradient of c by y is the linear map from y to c itself, found here by fitting unit vectors."""
    x = np.linspace(0, 1, 40)
    expected = np.polyfit(x, np.eye(40), 9)  # (10, 40)
    _, pullback = vjp(lambda y: np.polyfit(x, y, 9), np.sin(5 * x))
    found = np.array([pullback(unit)[0] for unit in np.eye(10)])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


def test_the_rest_of_the_full_output():
    x, y = rng.normal(size=7), rng.normal(size=7)
    _, _, rank, _, rcond = np.polyfit(Tensor(x, requires_grad=True), Tensor(y, requires_grad=True), 2, full=True)
    _, _, expected_rank, _, expected_rcond = np.polyfit(x, y, 2, full=True)
    assert (rank, rcond) == (expected_rank, expected_rcond)
    c, residuals, _, _, rcond = np.polyfit(Tensor(x[:3], requires_grad=True), y[:3], 2, 1e-9, True)
    assert residuals.shape == (0,)  # as many points as coefficients
    assert rcond == 1e-9


def test_evaluation_is_one_step():
    p, x = Tensor([1.0, 2.0], requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    assert np.polyval(p, x).step.parents == (p, x)


# The class


def test_a_poly1d_of_a_tensor():
    def f(c):
        p, q = np.poly1d(c), np.poly1d([2.0, 1.0])
        products = (p * q).coeffs[0] + (p**2).coeffs[-1] + np.polymul(q, c).coeffs[0] + (p * 3.0).coeffs[1]
        sums = (p + q).coeffs[-1] * (p - q).coeffs[1] + np.polyadd(q, c).coeffs[1] + np.polysub(c, q).coeffs[2]
        slopes = p.deriv().coeffs[0] + p.integ(k=2.0).coeffs[1] + np.polydiv(c, q)[0].coeffs[0]
        return products + sums * slopes + p(2.0) + np.polyval(p, c)[1] + np.polyval(c, q).coeffs[1] + np.sum(p.roots)

    c = np.array([1.5, -2.0, -3.0])
    rulecheck(f, c)
    assert isinstance(np.polyadd(np.poly1d([1.0]), Tensor(c, requires_grad=True)), np.poly1d)
    quotient, remainder = np.polydiv(Tensor(c, requires_grad=True), np.poly1d([1.0, 1.0]))
    assert isinstance(quotient, np.poly1d)
    assert isinstance(remainder, np.poly1d)
    for g in (np.polyder, np.polyint):
        assert isinstance(g(np.poly1d(c)), np.poly1d)
    y = np.polyval(Tensor(c, requires_grad=True), np.poly1d([2.0, 1.0]))
    np.testing.assert_array_equal(y.coeffs.data, np.polyval(c, np.poly1d([2.0, 1.0])).coeffs)


# Where there is no derivative


def test_leading_zeros_that_numpy_cuts_off_have_no_gradient():
    p = np.array([0.0, 1.0, 2.0])
    y = np.polymul(Tensor(p, requires_grad=True), [1.0, 3.0])
    np.testing.assert_array_equal(y.data, np.polymul(p, [1.0, 3.0]))
    np.testing.assert_array_equal(grad(lambda p: np.sum(np.polymul(p, [1.0, 3.0])))(p), [0, 4, 4])
    zeros = np.zeros(2)
    np.testing.assert_array_equal(np.polymul(Tensor(zeros, requires_grad=True), [1.0, 3.0]).data, [0, 0])
    np.testing.assert_array_equal(grad(lambda p: np.sum(np.polymul(p, [1.0, 3.0])))(zeros), [0, 4])


def test_leading_zeros_are_cut_off_and_nothing_else():
    assert polynomials.without_leading_zeros(np.array([0.0, 2.0, 0.0, 3.0])).tolist() == [2, 0, 3]


@pytest.mark.parametrize("z", [[1 + 2j, 1 - 2j, 3], [3, 1 - 2j, 1 + 2j]])
def test_pairs_of_conjugate_roots_make_a_real_polynomial(z):
    z = np.array(z)
    y = np.poly(Tensor(z, requires_grad=True))
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y.data, np.poly(z))
    np.testing.assert_allclose(grad(lambda z: np.poly(z)[1])(z), [-1, -1, -1])


def test_a_leading_zero_moves_the_roots_that_there_are():
    """Of 0 t² + a t + b the root is −b / a; that of a small c t² + a t + b beside it is −b / a − c b² / a³."""
    a, b = 2.0, 3.0
    np.testing.assert_allclose(
        grad(lambda p: np.roots(p)[0])(np.array([0.0, a, b])), [-(b**2) / a**3, b / a**2, -1 / a]
    )


def test_multiple_roots_raise():
    p = Tensor([1.0, 2.0, 0.0, 0.0], requires_grad=True)
    with pytest.raises(ValueError, match="all roots are simple; a root that came out is a multiple one"):
        np.roots(p).sum().backward()
    np.poly(np.zeros((2, 2)))
    A = np.array([[2.0, 1.0], [0.0, 2.0]])  # a double eigenvalue, and a smooth polynomial
    np.testing.assert_allclose(grad(lambda A: np.poly(A)[2])(A), [[2, 0], [-1, 2]])  # of the determinant


def test_points_that_do_not_determine_the_fit_raise():
    x = np.array([1.0, 1.0, 2.0])
    y = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    with pytest.raises(ValueError, match="these 3 points determine 2 of 3 coefficients"):
        np.polyfit(x, y, 2)
    with pytest.raises(ValueError, match="more than 3 points to scale the covariance of 3 coefficients"):
        np.polyfit([1.0, 2.0, 3.0], y, 2, cov=True)


def test_ordinary_input_gives_no_warning():
    with warnings.catch_warnings(action="error"):
        for f, xs in CASES.values():
            ys = f(*[Tensor(x, requires_grad=True) for x in xs])
            for y in ys if isinstance(ys, tuple) else [ys]:
                y.backward(np.ones(y.shape, y.dtype), retain_graph=True)


# What is refused


def test_what_numpy_refuses_is_refused():
    p, square = Tensor([1.0, 2.0], requires_grad=True), Tensor(np.ones((2, 3)), requires_grad=True)
    with pytest.raises(ValueError, match="m >= 0, not -1: np.polyint integrates"):
        np.polyder(p, -1)
    with pytest.raises(ValueError, match="m >= 0, not -1: np.polyder differentiates"):
        np.polyint(p, -1)
    with pytest.raises(ValueError, match="each of the 3 integrals; k has 2"):
        np.polyint(p, 3, [1.0, 2.0])
    with pytest.raises(ValueError, match="each of the 1 integrals; k has 0"):
        np.polyint(p, 1, [])
    with pytest.raises(ValueError, match=r"along one axis; these have shape \(2, 3\)"):
        np.polymul(square, p)
    with pytest.raises(ValueError, match=r"a list of roots or a square matrix, not an array of shape \(2, 3\)"):
        np.poly(square)
    with pytest.raises(ValueError, match=r"not an array of shape \(2, 2, 2\)"):
        np.poly(Tensor(np.ones((2, 2, 2)), requires_grad=True))
    with pytest.raises(ValueError, match="rank-1"):
        np.roots(square)
    with pytest.raises(ValueError, match="deg >= 0"):
        np.polyfit(p, p, -1)
    with pytest.raises(TypeError, match="same length"):
        np.polyfit(p, [1.0, 2.0, 3.0], 1)
