"""The rules of choose, select, compress, extract and piecewise: against finite differences and by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import NoRuleError, Tensor, grad, gradcheck, rulecheck, vjp

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
B = rng.normal(size=(3, 4))
T = rng.normal(size=(3, 3, 4))
v = rng.normal(size=4)
number = np.array(1.7)
which = rng.integers(0, 3, (3, 4))
CASES = {}


def bent(y):
    """y + y²: a linear function alone would have no second derivative to look at."""
    return y + y * y


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


case("choose", lambda a, b, c: np.choose(which, [a, b, c]), A, B, A + B)
case("choose broadcast", lambda a, b, c: np.choose(which, (a, b, c)), A, v, A[:, :1])
case("choose broadcast indices", lambda a, b: np.choose(np.array([[0], [1], [0]]), [a, b]), A, v)
case("choose one index", lambda a, b: np.choose(1, [a, b]), A, v)
case("choose one of numbers", lambda a, b: np.choose([[0, 1, 1]], [a, b[0]]), v[:1], v)
case("choose wrap", lambda a, b: np.choose(which - 5, [a, b], mode="wrap"), A, v)
case("choose clip", lambda a, b: np.choose(which - 1, [a, b, 2 * a], None, "clip"), A, B)
case("choose raise", lambda a, b: np.choose(which % 2, [a, b], mode="raise"), A, B)
case("choose with constants", lambda a: np.choose(which, [B, a, 1.0]), A)
case("choose rows of an array", lambda x: np.choose(which, x), T)
case("choose rows broadcast", lambda x: np.choose(which, x), T[:, 0])
case("choose rows stretched", lambda x: np.choose(which, x), T[:, :, :1])
case("choose numbers of an array", lambda x: np.choose(which, x), T[0, :, 0])

under, over = A < -0.3, A > 0.4
case("select", lambda a, b, c: np.select([under, over], [a, b], c), A, B, A + B)
case("select overlapping", lambda a, b, c: np.select([A < 0.5, A > -0.5], [a, b], c), A, B, A + B)
case("select by name", lambda a, b: np.select([under, over], [a, a * b], default=b), A, B)
case("select without default", lambda a, b: np.select([under, over], [a, b]), A, B)
case("select broadcast", lambda a, b, c: np.select([under, over[:1]], [a, b], c), v, A[:, :1], A[:1])
case("select of one condition", lambda a: np.select((over,), (a,), 3.0), A)
case("select with a constant", lambda a: np.select([under, over], [1.0, a], 0), A)
case("select of plain truth", lambda a, b: np.select([False, over], [b, a], b), A, B)
case("select rows of an array", lambda x: np.select([under, over, ~under], x), T)
case("select rows broadcast", lambda x, c: np.select(np.array([under, over]), x, c), T[:2, :1], v)

for axis in (None, 0, 1, -1, -2):
    case(f"compress {axis}", lambda x, i=axis: np.compress([True, False, True], x, axis=i), T)
    case(f"compress by position {axis}", lambda x, i=axis: np.compress([0, 3], x, i), T)
    case(f"compress all away {axis}", lambda x, i=axis: np.compress([], x, axis=i), T)
case("compress with more conditions", lambda x: np.compress([True, False, True, True, False], x), v)
case("compress of a number", lambda x: np.compress([True], x), number)
case("compress of a number along an axis", lambda x: np.compress([True], x, axis=0), number)
case("compress a number away", lambda x: np.compress([False], x, axis=-1), number)
case("extract", lambda x: np.extract(over, x), A)
case("extract nothing", lambda x: np.extract(A > 99, x), A)
case("extract by numbers", lambda x: np.extract(which, x), A)
case("extract by a vector", lambda x: np.extract(which.ravel() > 0, x), A)
case("extract of a number", lambda x: np.extract(True, x), number)

bend = [lambda x: x**2, lambda x: -x, np.exp]
case("piecewise", lambda x: np.piecewise(x, [x < -0.3, x > 0.4], bend), A)
case("piecewise two for two", lambda x: np.piecewise(x, [x < -0.3, x > 0.4], bend[:2]), A)
case("piecewise overlapping", lambda x: np.piecewise(x, [x < 0.5, x > -0.5], bend[:2]), A)
case("piecewise values", lambda x: np.piecewise(x, [x < 0, x >= 0], [2.0, np.exp]), A)
case("piecewise value for the others", lambda x: np.piecewise(x, [x < 0], [np.exp, -3]), A)
case("piecewise one condition", lambda x: np.piecewise(x, x < 0, [np.sin, np.cos]), v)
case("piecewise one condition alone", lambda x: np.piecewise(x, v < 0, [np.sin]), v)
case("piecewise one condition in a list", lambda x: np.piecewise(x, [True, False, True, False], [np.sin, np.cos]), v)
case("piecewise with arguments", lambda x: np.piecewise(x, [x < 0], [lambda x, a, b: a * x**b] * 2, 3.0, b=2), A)
case("piecewise never", lambda x: np.piecewise(x, [x > 99, x < 99], [lambda x: 1 / 0, np.sin]), A)
case("piecewise of rows", lambda x: np.piecewise(x, [[True, False, True]], [lambda x: x * v, np.sin]), A)
case("piecewise values of an array", lambda x: np.piecewise(x, [x < 99], [np.arange(4.0)]) + x, v)
case("piecewise vector for each", lambda x: np.piecewise(x, [x < 0], [lambda x: x[:1] * 2, np.sin]), v)
case("piecewise number", lambda x: np.piecewise(x, [x < 0, x > 1], bend), number)
case("piecewise number one condition", lambda x: np.piecewise(x, x > 1, bend[:1]), number)
case("piecewise number nowhere", lambda x: np.piecewise(x, [x < 0], bend[:1]) + x, number)
case("piecewise of nothing", lambda x: np.piecewise(x, [x < 0], bend[:2]) + x, v[:0])
case("piecewise into the type of x", lambda x: np.piecewise(x, [x < 0], [lambda x: x * np.arange(2.0)[1], np.sin]), A)
case("piecewise tensor values", lambda x, a: np.piecewise(x, [x < 0, x >= 0], [a, np.sin]), A, number.reshape(1))


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    if xs[0] is number:  # it has no order in memory
        assert gradcheck(lambda *xs: bent(f(*xs)), *xs, order=2)
        assert f(Tensor(number, requires_grad=True)).shape == f(number).shape
    else:
        assert rulecheck(lambda *xs: bent(f(*xs)), *xs)


@pytest.mark.parametrize("name", ["choose", "select", "compress 1", "extract", "choose rows of an array"])
def test_rule_of_complex_numbers(name):
    f, xs = CASES[name]
    assert rulecheck(lambda *xs: bent(f(*xs)), *[x + 1j * rng.normal(size=x.shape) for x in xs])


def test_piecewise_of_complex_numbers():
    assert rulecheck(lambda x: np.piecewise(x, [over], [np.exp, lambda x: x * x]), A + 1j * B)


@pytest.mark.parametrize("name", CASES)
def test_no_rule_warns(name):
    f, xs = CASES[name]
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        ys, pullback = vjp(f, *xs)
        pullback(ys)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.integers(1, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 99), st.sampled_from(["wrap", "clip"]))
def test_choosing_at_any_shape(k, n, m, seed, mode):
    rng = np.random.default_rng(seed)
    i = rng.integers(-4, 5, (n, m))
    xs = [rng.normal(size=shape) for shape in ((n, m), (m,), (n, 1))[:k]]
    assert rulecheck(lambda *xs: np.choose(i, list(xs), mode=mode) ** 2, *xs)
    conditions = [rng.random((n, m)) < 0.5 for _ in xs]
    assert rulecheck(lambda d, *xs: np.select(conditions, list(xs), d) ** 2, rng.normal(size=m), *xs)
    x = rng.normal(size=(n, m))
    assert rulecheck(lambda x: np.extract(i, x) ** 2, x)
    assert rulecheck(lambda x: np.compress(i[0] if n else [], x, axis=1) ** 2, x)
    assert rulecheck(lambda x: np.piecewise(x, conditions, [np.sin, np.cos, np.exp][:k]) ** 2, x)


# What is not chosen


def test_what_is_not_chosen_gets_an_exact_zero():
    x, bad = np.array([1.0, 2.0]), np.array([np.nan, np.inf])
    for f in (
        lambda x, bad: np.choose([0, 0], [x, bad]),
        lambda x, bad: np.select([[True, True]], [x], bad),
        lambda x, bad: np.select([np.array([True, True])] * 2, [x, bad], bad),
    ):
        dx, d_bad = grad(lambda x, bad, f=f: np.sum(f(x, bad) ** 2), argnums=(0, 1))(x, bad)
        np.testing.assert_array_equal(dx, [2, 4])
        np.testing.assert_array_equal(d_bad, [0, 0])


def test_a_piece_that_is_overwritten_gets_an_exact_zero():
    x = np.array([0.0, 1.0])
    dx = grad(lambda x: np.sum(np.piecewise(x, [x >= 0, x == 0], [np.log1p, 5.0])))(x)
    np.testing.assert_array_equal(dx, [0, 0.5])


def test_piecewise_of_plain_values_is_a_tensor_without_a_gradient():
    y = np.piecewise(Tensor(A, requires_grad=True), [A < 0, A >= 0], [-1.0, 1])
    assert isinstance(y, Tensor) and not y.requires_grad
    np.testing.assert_array_equal(y.data, np.sign(A))


def test_piecewise_gives_the_type_of_its_argument():
    x = np.array([1.0, -2.0], np.float32)
    ys = np.piecewise(Tensor(x, requires_grad=True), [x > 0], [lambda x: x.astype(np.float64) / 3, 2.0])
    np.testing.assert_array_equal(ys.data, np.array([1 / 3, 2.0], np.float32), strict=True)


def test_piecewise_calls_functions_with_all_that_their_condition_picks():
    seen = []
    np.piecewise(Tensor(v, requires_grad=True), [v < 99, v < 0], [lambda x: seen.append(x.shape) or x, np.sin])
    assert seen == [(4,)]


def test_conditions_may_be_tensors():
    x = Tensor(A, requires_grad=True)
    condition = Tensor(over)
    for f in (
        lambda c: np.select([c], [x], 0.0),
        lambda c: np.extract(c, x),
        lambda c: np.compress(c[0], x, axis=1),
        lambda c: np.choose(c.astype(int), [x, 2.0]),
        lambda c: np.piecewise(x, [c], [np.sin, np.cos]),
        lambda c: np.piecewise(x[0], c[0], [np.sin, np.cos]),
    ):
        np.testing.assert_array_equal(f(condition).data, f(over).data)


# What is refused


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: np.choose(which + 1, [x, x, x]), ValueError),
        (lambda x: np.choose(which / 2, [x, x, x]), TypeError),
        (lambda x: np.select([over], [x, x]), ValueError),
        (lambda x: np.select([which], [x]), TypeError),
        (lambda x: np.compress([1, 1, 1, 1, 1], x, axis=1), IndexError),
        (lambda x: np.compress(over, x), ValueError),
        (lambda x: np.compress([True], x, axis=2), np.exceptions.AxisError),
        (lambda x: np.piecewise(x, [over], [np.sin] * 3), ValueError),
        (lambda x: np.piecewise(x, [over, under, over], [np.sin]), ValueError),
        (lambda x: np.piecewise(x, [over], [lambda x: x[:-1], 0.0]), ValueError),
    ],
)
def test_what_numpy_refuses_is_refused(f, error):
    with pytest.raises(error):
        f(A)
    with pytest.raises(error):
        f(Tensor(A, requires_grad=True))


def test_the_number_of_functions_is_named():
    with pytest.raises(ValueError, match="it was given 3 for 1"):
        np.piecewise(Tensor(A, requires_grad=True), [over], [np.sin] * 3)


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda c, x: np.choose(c, [x, x]), "choose"),
        (lambda c, x: np.select([c], [x]), "select"),
        (lambda c, x: np.compress(c[0], x), "compress"),
        (lambda c, x: np.extract(c, x), "extract"),
    ],
)
def test_a_condition_that_needs_a_gradient_is_refused(f, name):
    x = Tensor(A, requires_grad=True)
    with pytest.raises((NoRuleError, TypeError), match=f"np.{name} has no gradient for its argument 0|Cannot cast"):
        f(x, x)


def test_out_is_refused():
    x = Tensor(A, requires_grad=True)
    for f in (np.choose, np.compress):
        with pytest.raises(TypeError, match="out="):
            f([0], x, out=np.zeros(4))
