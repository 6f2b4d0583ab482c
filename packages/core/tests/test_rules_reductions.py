"""Every rule of reductions.py: sums, products, extremes, variances and running sums."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, rulecheck, vjp

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
P = rng.uniform(0.5, 2, (3, 4))
T = rng.normal(size=(2, 3, 4))
Z = A + 1j * rng.normal(size=(3, 4))
v = rng.normal(size=5)
M = np.array([[True, False, True, True], [True, True, False, False], [False, True, True, True]])  # where=
N = np.where(M, A, np.nan)  # holes for the nan-forms
ONE_ZERO = A * np.array([0, 1, 1, 1])
TWO_ZEROS = A * np.array([0, 1, 0, 1])
CASES = {}


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


REDUCE = "sum prod mean max min amax amin ptp var std".split()
NAN = "nansum nanprod nanmean nanmax nanmin nanvar nanstd".split()
for name in REDUCE + NAN:
    function, X = getattr(np, name), np.where(T > 1.2, np.nan, T) if name in NAN else T
    for axis in (None, 0, -1, 1, (0, 1), (-1, 0)):
        case(f"{name} axis {axis}", lambda x, f=function, i=axis: f(x, axis=i), X)
        case(f"{name} axis {axis} keepdims", lambda x, f=function, i=axis: f(x, i, keepdims=True), X)
    case(f"{name} of a vector", function, v)
    case(f"{name} of a number", lambda x, f=function: f(x * x), np.array(1.5))
    case(f"{name} of one value in each row", lambda x, f=function: f(x * x, axis=1), A[:, :1])
    case(f"{name} of complex numbers", lambda z, f=function: f(z * z, axis=1), Z)
    case(f"{name} of nothing", lambda x, f=function: f(x, axis=1), A[:0])
for name in "sum prod max min nansum nanprod nanmax nanmin".split():
    function, X = getattr(np, name), N if name in NAN else A
    initial = {"max": 0.2, "min": -0.2}.get(name.replace("nan", ""), 1.7)
    case(f"{name} initial", lambda x, a, f=function: f(x, axis=1, initial=a), X, np.array(initial))
    case(f"{name} initial and where", lambda x, a, f=function: f(x, 0, initial=a, where=M), X, np.array(initial))
    case(f"{name} initial of all", lambda x, a, f=function: f(x, initial=a), X, np.array(-initial))
    case(f"{name} initial None", lambda x, f=function: f(x, initial=None), A)
    case(f"{name} initial complex", lambda z, a, f=function: f(z, 1, initial=a), Z, np.array(0.3 + 1j))
for name in "sum prod mean var std nansum nanprod nanmean nanvar nanstd".split():
    function, X = getattr(np, name), np.where(A > 1.2, np.nan, A) if name in NAN else A
    case(f"{name} where", lambda x, f=function: f(x, where=M), X)
    case(f"{name} where axis 1", lambda x, f=function: f(x, axis=1, where=M), X)
    case(f"{name} where axis 0 keepdims", lambda x, f=function: f(x, 0, keepdims=True, where=M), X)
    case(f"{name} where rows", lambda x, f=function: f(x * x, axis=0, where=M[:, :1]), A)
    case(f"{name} where complex", lambda z, f=function: f(z * z, axis=1, where=M), Z)
    case(f"{name} dtype", lambda x, f=function: f(x, axis=1, dtype=np.float64), X)
    case(f"{name} dtype complex", lambda x, f=function: f(x, axis=1, dtype=complex), A) if name[-3:] not in (
        "var", "std"
    ) else None  # fmt: skip
for name in "var std nanvar nanstd".split():
    function, X = getattr(np, name), N if name in NAN else A
    case(f"{name} ddof", lambda x, f=function: f(x, axis=0, ddof=1), X)
    case(f"{name} ddof 0.5 where", lambda x, f=function: f(x, axis=1, ddof=0.5, where=M), A)
    case(f"{name} correction", lambda x, f=function: f(x, axis=0, correction=1), X)
    case(f"{name} mean", lambda x, f=function: f(x, axis=1, mean=np.array([[0.1], [0.2], [0.3]])), X)
    case(f"{name} mean a number", lambda x, f=function: f(x, axis=0, mean=0.5, ddof=1, keepdims=True), X)
    case(f"{name} mean with a gradient", lambda x, m, f=function: f(x, axis=0, mean=m), X, P[:1])
    case(f"{name} mean a number with a gradient", lambda x, m, f=function: f(x, mean=m, where=M), X, np.array(0.4))
    case(f"{name} mean with a gradient and ddof", lambda x, m, f=function: f(x, 1, mean=m, ddof=1), X, P[:, :1])
    case(f"{name} mean of x", lambda x, f=function: f(x, axis=1, mean=np.sum(x * x, axis=1, keepdims=True)), A)
    case(f"{name} mean complex", lambda z, m, f=function: f(z, axis=0, mean=m), Z, Z[:1] * 1j)

for name in "cumsum cumprod nancumsum nancumprod".split():
    function, X = getattr(np, name), N if name in NAN or name.startswith("nan") else A
    for axis in (None, 0, 1, -1):
        case(f"{name} axis {axis}", lambda x, f=function, i=axis: f(x, axis=i), X)
    case(f"{name} of a number", lambda x, f=function: f(x * x), np.array(1.5))
    case(f"{name} of a number axis 0", lambda x, f=function: f(x * x, axis=0), np.array(1.5))
    case(f"{name} of complex numbers", lambda z, f=function: f(z * z, axis=0), Z)
    case(f"{name} dtype", lambda x, f=function: f(x, axis=1, dtype=np.float64), X)
    case(f"{name} of nothing", lambda x, f=function: f(x, axis=0), A[:0])
if hasattr(np, "cumulative_sum"):
    for name in ("cumulative_sum", "cumulative_prod"):
        function = getattr(np, name)
        for axis in (0, 1, -1):
            case(f"{name} axis {axis}", lambda x, f=function, i=axis: f(x * x, axis=i), A)
            case(f"{name} initial axis {axis}", lambda x, f=function, i=axis: f(x, axis=i, include_initial=True), A)
        case(f"{name} of a vector", function, v)
        case(f"{name} of a vector initial", lambda x, f=function: f(x, include_initial=True), v)
        case(f"{name} dtype", lambda x, f=function: f(x, axis=1, dtype=np.float64), A)
        for axis in (0, 1, 2, -2):
            case(f"{name} initial in 3D {axis}", lambda x, f=function, i=axis: f(x, axis=i, include_initial=True), T)
        case(f"{name} with zeros", lambda x, f=function: f(x, axis=1, include_initial=True), TWO_ZEROS)

for name, X in (("one zero", ONE_ZERO), ("two zeros", TWO_ZEROS), ("complex zeros", Z * np.array([1, 0, 1, 0]))):
    case(f"prod {name}", lambda x: np.prod(x, axis=1), X)
    case(f"prod {name} axis (1, 0)", lambda x: np.prod(x, axis=(1, 0)), X[:, 1:])
    case(f"prod {name} axis -1", lambda x: np.prod(x, axis=-1), X)
    case(f"prod {name} axis 0 keepdims", lambda x: np.prod(x, axis=0, keepdims=True), X)
    case(f"prod {name} of all", np.prod, X)
    case(f"prod {name} initial", lambda x, a: np.prod(x, axis=1, initial=a), X, np.array(2.5))
    case(f"prod {name} initial None", lambda x: np.prod(x, axis=1, initial=None), X)
    case(f"prod {name} where", lambda x: np.prod(x, axis=1, where=M), X)
    case(f"cumprod {name}", lambda x: np.cumprod(x, axis=1), X)
    case(f"cumprod {name} axis 0", lambda x: np.cumprod(x, axis=0), X.T)
    case(f"cumprod {name} of all", np.cumprod, X)
case("prod of the number 0 along its axis", lambda x: np.prod(x, axis=0), np.array(0.0))
case("prod of no axis with zeros", lambda x: np.prod(x, axis=()), TWO_ZEROS)
case("cumprod of the number 0", np.cumprod, np.array(0.0))
case("prod initial zero", lambda x, a: np.prod(x, axis=1, initial=a), A, np.array(0.0))
case("prod of three axes with zeros", lambda x: np.prod(x, axis=(2, 0)), np.where(T > 0.7, 0.0, T))
case("nanprod with zeros", lambda x: np.nanprod(x, axis=1), N * np.array([1, 0, 1, 1]))
case("nancumprod with zeros", lambda x: np.nancumprod(x, axis=1), N * np.array([1, 0, 1, 1]))


@pytest.mark.filterwarnings("error", "ignore:.*(empty slice|Degrees of freedom|All-NaN|invalid value)")
@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    assert rulecheck(f, *xs)


def slope(f, x, dy=1.0):
    """The gradient of f at x where dy comes back from every result, without a warning."""
    y, pullback = vjp(f, np.array(x))
    with warnings.catch_warnings(action="error"):
        return pullback(np.broadcast_to(np.asarray(dy, y.dtype), np.shape(y)))[0]


def graph(name, *args, **options):
    x = Tensor(A, requires_grad=True)
    return x, getattr(np, name)(x, *args, **options)


@pytest.mark.parametrize("name", [*REDUCE, *NAN, "cumsum", "cumprod", "nancumsum", "nancumprod"])
def test_each_is_one_step_on_the_tape(name):
    x, y = graph(name, axis=1)
    assert y.step.parents[0] is x


# Ties


def test_all_that_are_largest_share_alike():
    x = [[1.0, 3.0, 3.0], [3.0, 0.0, 2.0]]
    np.testing.assert_allclose(slope(np.max, x), np.array([[0, 1, 1], [1, 0, 0]]) / 3)
    np.testing.assert_allclose(slope(lambda x: np.max(x, axis=(0, 1)), x), np.array([[0, 1, 1], [1, 0, 0]]) / 3)
    np.testing.assert_allclose(slope(lambda x: np.amax(x, axis=1, keepdims=True), x, 6.0), [[0, 3, 3], [6, 0, 0]])
    np.testing.assert_allclose(slope(lambda x: np.max(x, axis=0), x, [5.0, 6.0, 7.0]), [[0, 6, 7], [5, 0, 0]])
    np.testing.assert_allclose(slope(lambda x: np.amin(-x, axis=1), x), [[0, -0.5, -0.5], [-1, 0, 0]])
    np.testing.assert_allclose(slope(lambda x: np.min(x, axis=1), np.ones((2, 4))), np.full((2, 4), 0.25))


def test_a_tie_has_no_second_derivative():
    np.testing.assert_array_equal(slope(lambda x: slope_of(np.max, x) ** 2, [2.0, 2.0, 1.0]), [0, 0, 0])


def slope_of(f, x):
    return vjp(f, x)[1](1.0)[0]


def test_what_is_left_out_does_not_share():
    x, where = [3.0, 3.0, 3.0, 1.0], np.array([True, True, False, True])
    np.testing.assert_array_equal(slope(lambda x: np.max(x, initial=0.0, where=where), x), [0.5, 0.5, 0, 0])
    np.testing.assert_array_equal(slope(lambda x: np.min(-x, initial=0.0, where=where), x), [-0.5, -0.5, 0, 0])


@pytest.mark.parametrize(("initial", "dx", "da"), [(2.0, [0, 0.5, 0.5], 0), (3.0, [0, 0, 0], 1), (2.5, [0, 0, 0], 1)])
def test_an_initial_value_that_wins_gets_it_all(initial, dx, da):
    both = vjp(lambda x, a: np.max(x, initial=a), np.array([1.0, 2.0, 2.0]), np.array(initial))[1](1.0)
    np.testing.assert_array_equal(both[0], dx if initial != 2.0 else np.array([0, 1, 1]) / 3)
    np.testing.assert_allclose(both[1], da if initial != 2.0 else 1 / 3)
    np.testing.assert_array_equal(slope(lambda x: np.max(x, initial=initial), [1.0, 2.0, 2.0]), both[0])


def test_an_initial_value_is_compared_in_the_type_of_the_array():
    dx = slope(lambda x: np.max(x, initial=np.float64(0.1)), np.array([0.1, 0.0], np.float32))
    np.testing.assert_array_equal(dx, [0.5, 0])


def test_one_initial_value_for_several_results_adds_up():
    da = vjp(lambda a: np.max(Tensor(A), axis=1, initial=a), np.array(9.0))[1](np.array([1.0, 2.0, 3.0]))[0]
    assert da == 6.0
    da = vjp(lambda a: np.sum(Tensor(A), axis=1, initial=a), np.array(9.0))[1](np.array([1.0, 2.0, 3.0]))[0]
    assert da == 6.0


def test_ptp_of_ties():
    np.testing.assert_array_equal(slope(np.ptp, [1.0, 3.0, 3.0, 1.0, 2.0]), [-0.5, 0.5, 0.5, -0.5, 0])
    np.testing.assert_array_equal(slope(lambda x: np.ptp(x, axis=1), np.ones((2, 3))), np.zeros((2, 3)))


def test_complex_numbers_are_ordered_by_real_part_then_by_imaginary_part():
    z = [1 + 2j, 1 + 3j, 0 + 9j, 1 + 3j]
    np.testing.assert_array_equal(slope(np.max, z, 1j), [0, 0.5j, 0, 0.5j])
    np.testing.assert_array_equal(slope(np.min, z, 1j), [0, 0, 1j, 0])


# NaN


def test_a_maximum_that_is_nan_sends_its_gradient_to_the_nans():
    x = [[np.nan, 1.0, np.nan], [1.0, 2.0, 0.0]]
    np.testing.assert_array_equal(slope(lambda x: np.max(x, axis=1), x), [[0.5, 0, 0.5], [0, 1, 0]])
    np.testing.assert_array_equal(slope(np.min, np.array([1.0, complex(0, np.nan)])), [0, 1])
    initial = vjp(lambda x, a: np.max(x, initial=a), np.array([np.nan, 1.0]), np.array(np.nan))[1](1.0)
    np.testing.assert_array_equal(initial[0], [0.5, 0])
    assert initial[1] == 0.5


@pytest.mark.parametrize("name", [*NAN, "nancumsum", "nancumprod"])
def test_a_nan_form_sends_zero_to_nan_and_the_same_to_the_rest(name):
    f, g = getattr(np, name), getattr(np, name.removeprefix("nan"))
    np.testing.assert_allclose(
        slope(f, [np.nan, 2.0, np.nan, 3.0, 0.5]), np.insert(slope(g, [2.0, 3.0, 0.5]), [0, 1], 0.0)
    ) if "cum" not in name else None
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        np.testing.assert_array_equal(slope(f, np.full(3, np.nan)), np.zeros(3))
        half = slope(lambda x: f(x, axis=1), [[np.nan, np.nan], [1.0, 3.0]])
        np.testing.assert_array_equal(half[0], [0, 0])
        assert np.isfinite(half).all() and half.any()


def test_equal_maxima_beside_nan_share():
    np.testing.assert_array_equal(slope(np.nanmax, [2.0, np.nan, 2.0, 1.0]), [0.5, 0, 0.5, 0])
    np.testing.assert_array_equal(slope(np.nanmin, [2.0, np.nan, 2.0, 3.0]), [0.5, 0, 0.5, 0])
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        dx = slope(lambda x: np.nanmax(x, axis=1), [[np.nan, np.nan], [2.0, 2.0]])
    np.testing.assert_array_equal(dx, [[0, 0], [0.5, 0.5]])
    both = vjp(lambda x, a: np.nanmax(x, initial=a), np.array([2.0, np.nan, 2.0]), np.array(2.0))[1](1.0)
    np.testing.assert_allclose(both[0], [1 / 3, 0, 1 / 3])
    np.testing.assert_allclose(both[1], 1 / 3)


def test_warnings_are_those_of_numpy():
    with pytest.warns(RuntimeWarning, match="All-NaN"):
        graph_of_nan = np.nanmax(Tensor(np.full(3, np.nan), requires_grad=True))
    assert np.isnan(graph_of_nan.item())
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"):
        y, pullback = vjp(lambda x: np.mean(x, axis=1), np.ones((2, 0)))
    with warnings.catch_warnings(action="error"):
        assert pullback(np.ones(2))[0].shape == (2, 0)
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"):
        y, pullback = vjp(lambda x: np.mean(x, axis=1, where=np.array([[True], [False]])), np.ones((2, 3)))
    with warnings.catch_warnings(action="error"):
        np.testing.assert_allclose(pullback(np.ones(2))[0], [[1 / 3] * 3, [0] * 3])
    for f in (np.var, np.std, np.nanvar, np.nanstd):
        with pytest.warns(RuntimeWarning, match="Degrees of freedom"):
            y, pullback = vjp(
                lambda x, f=f: f(x, axis=1, where=np.array([[True], [False]])), np.array([[1.0, 3.0]] * 2)
            )
        with warnings.catch_warnings(action="error"):
            np.testing.assert_array_equal(pullback(np.ones(2))[0][1], [0, 0])


# Standard deviations of equal values


@pytest.mark.parametrize("f", [np.std, np.nanstd, lambda x: np.std(x, where=np.array([True, True, False]))])
@pytest.mark.parametrize(
    "x", [np.ones(3), np.full(3, -0.1), np.full(3, 0.1 + 0.3j), np.full(3, 0.1, np.float32), np.full(3, 1.3e25)]
)
def test_the_standard_deviation_of_equal_values_has_gradient_zero_to_second_order(f, x):
    np.testing.assert_array_equal(slope(f, x), np.zeros(3))
    np.testing.assert_array_equal(slope(lambda x: np.sum(np.abs(slope_of(f, x)) ** 2), x), np.zeros(3))


def test_only_rows_of_equal_values_are_flat():
    x = np.array([[0.1, 0.1, 0.1], [0.1, 0.1, 0.1 + 1e-9], [-1.0, 2.0, 4.0]])
    dx = slope(lambda x: np.std(x, axis=1), x)
    d = x - x.mean(axis=1, keepdims=True)
    np.testing.assert_array_equal(dx[0], 0)
    np.testing.assert_allclose(dx[1:], (d / (3 * x.std(axis=1, keepdims=True)))[1:], rtol=1e-12)
    np.testing.assert_allclose(slope(lambda x: np.std(x, axis=0, keepdims=True), x.T).T[1:], dx[1:], rtol=1e-12)
    np.testing.assert_array_equal(slope(lambda x: np.std(x, axis=0, keepdims=True), x.T).T[0], 0)


def test_equal_values_beside_another_mean_are_not_flat():
    np.testing.assert_allclose(
        slope(lambda x: np.std(x, mean=0.1 - 1e-9), np.full(4, 0.1)), np.full(4, 0.25), rtol=1e-6
    )
    np.testing.assert_array_equal(slope(lambda x: np.std(x, mean=0.5), np.full(4, 0.5)), np.zeros(4))


def test_a_variance_without_degrees_of_freedom_has_gradient_nan():
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(all="ignore"):
        assert np.isnan(slope_of(lambda x: np.var(x, ddof=3), np.ones(3))).all()
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(all="ignore"):
        where = np.array([[True, True, True], [True, True, False]])
        dx = vjp(lambda x: np.var(x, axis=1, ddof=2, where=where), np.array([[1.0, 3.0, 5.0]] * 2))[1](np.ones(2))[0]
    np.testing.assert_array_equal(dx, [[-4, 0, 4], [np.nan, np.nan, 0]])


# Products


def others(x):
    """The definition: the product of all but one."""
    return [np.prod(np.delete(x, i)) for i in range(len(x))]


@pytest.mark.parametrize(
    "x",
    [
        [0.0, 2.0, 3.0],
        [0.0, 2.0, 0.0],
        [0.0, 0.0, 0.0],
        [1e-200, 1e-200, 1e-10],
        [1e200, 1e-10, 1e200],
        [1e200, 1e200, 1e-200],
        [1e-160, 1e-155, 3.0],
        [2.0, np.inf, 3.0],
        [2.0, 0.0, 1j],
    ],
)
def test_a_product_is_differentiated_exactly(x):
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(slope(np.prod, x), others(x), rtol=1e-14)
        if np.isfinite(np.cumprod(x[:2])).all():  # else 0 times infinity is in it
            np.testing.assert_allclose(slope(np.cumprod, x, [0.0, 0.0, 1.0]), others(x), rtol=1e-14)
            np.testing.assert_allclose(slope(np.cumprod, x, [0.0, 1.0, 0.0]), [x[1], x[0], 0], rtol=1e-14)


@pytest.mark.parametrize("f", [np.prod, lambda x: np.cumprod(x)[-1], lambda x: np.nanprod(x)])
@pytest.mark.parametrize("x", [[0.0, 2.0, 3.0, 5.0], [0.0, 2.0, 0.0, 5.0], [0.0, 0.0, 0.0, 5.0], [7.0, 2.0, 3.0, 5.0]])
def test_so_are_its_second_and_third_derivatives(f, x):
    x = np.array(x)
    for i, j in ((0, 1), (0, 2), (2, 0), (1, 3), (2, 2)):
        row = slope(lambda x, i=i: slope_of(f, x)[i], x)
        assert row[j] == pytest.approx(np.prod(np.delete(x, [i, j])) if i != j else 0.0, abs=1e-15)
    third = slope(lambda x: vjp(lambda x: slope_of(f, x)[0], x)[1](1.0)[0][2], x)
    np.testing.assert_allclose(third, [0, x[3], 0, x[1]], atol=1e-14)


@given(st.lists(st.sampled_from([0.0, -1.5, 0.5, 2.0, 3.0]), min_size=1, max_size=9), st.integers(0, 10**6))
@settings(derandomize=True, max_examples=40, deadline=None)
def test_a_running_product_is_differentiated_exactly(x, seed):
    x, dy = np.array(x), np.random.default_rng(seed).normal(size=len(x))
    expected = [sum(dy[k] * np.prod(np.delete(x[: k + 1], i)) for k in range(i, len(x))) for i in range(len(x))]
    np.testing.assert_allclose(slope(np.cumprod, x, dy), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(slope(np.prod, x), others(x), rtol=1e-12, atol=1e-12)


# Random shapes


@st.composite
def reductions(draw):
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    axes = draw(
        st.lists(st.integers(-len(shape), len(shape) - 1), min_size=1, max_size=3, unique_by=lambda i: i % len(shape))
    )
    axis = draw(st.sampled_from([None, axes[0], tuple(axes)]))
    points = np.random.default_rng(draw(st.integers(0, 10**6))).permutation(
        np.linspace(-2, 3, np.prod(shape, dtype=int))
    )
    return points.reshape(shape), axis, draw(st.booleans())


@given(reductions(), st.sampled_from([*REDUCE, *NAN]))
@settings(derandomize=True, max_examples=40, deadline=None)
def test_random_shapes_and_axes(reduction, name):
    x, axis, keepdims = reduction
    assert rulecheck(lambda x: getattr(np, name)(x, axis=axis, keepdims=keepdims), x + 0.1)


@given(reductions(), st.sampled_from([*REDUCE, *NAN]), st.integers(0, 10**6))
@settings(derandomize=True, max_examples=40, deadline=None)
def test_random_shapes_and_masks(reduction, name, seed):
    x, axis, keepdims = reduction
    if name == "ptp":
        return
    options = {"initial": -9.0 if "max" in name else 9.0} if "max" in name or "min" in name else {}
    where = np.random.default_rng(seed).uniform(size=x.shape) < 0.7
    where[np.sum(where, axis=axis, keepdims=True) + np.zeros(x.shape, int) == 0] = True  # an empty slice is NaN
    assert rulecheck(lambda x: getattr(np, name)(x, axis=axis, keepdims=keepdims, where=where, **options), x + 0.1)


# What has no gradient


@pytest.mark.parametrize("name", "argmax argmin nanargmax nanargmin count_nonzero any all".split())
def test_places_and_counts_are_plain_arrays(name):
    f = getattr(np, name)
    y = f(Tensor(A, requires_grad=True))
    assert not isinstance(y, Tensor)
    np.testing.assert_array_equal(y, f(A))


def test_a_sum_of_whole_numbers_has_no_gradient():
    x = Tensor(A, requires_grad=True)
    y = np.sum(x, dtype=int)
    assert not y.requires_grad


@pytest.mark.parametrize("name", ["var", "std", "nanvar", "nanstd"])
def test_an_array_to_write_into_is_refused(name):
    with pytest.raises(TypeError, match=rf"np.{name}\(\.\.\., out=\).*use what it returns"):
        graph(name, 0, None, np.zeros(4))
    with pytest.raises(TypeError, match="out="):
        graph(name, axis=0, out=np.zeros(4))


def test_a_keyword_that_numpy_does_not_know_is_refused():
    for name in ("var", "nanstd"):
        with pytest.raises(TypeError, match="initial"):
            graph(name, initial=1.0)
    with pytest.raises(ValueError, match="ddof"):
        graph("var", ddof=1, correction=1)
