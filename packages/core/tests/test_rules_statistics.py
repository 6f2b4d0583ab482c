"""Every rule of statistics.py: weighted averages, covariance and correlation, histograms."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import NoRuleError, Tensor, rulecheck, vjp

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 5))
B = rng.normal(size=(2, 5))
T = rng.normal(size=(2, 3, 4))
Z = A + 1j * rng.normal(size=(3, 5))
v = rng.normal(size=5)
w = rng.uniform(0.5, 2, 5)
W = rng.uniform(0.5, 2, (2, 3, 4))
TIMES = np.array([1, 3, 0, 2, 1])
CASES = {}


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


def returned(a, axis, weights, keepdims=False):
    return list(np.average(a, axis, weights, returned=True, keepdims=keepdims))


for axis in (None, 0, 1, -1, (0, 2), (-1, 0), (2, 1)):
    case(f"average axis {axis}", lambda a, i=axis: np.average(a * a, i), T)
    case(f"average axis {axis} keepdims", lambda a, w, i=axis: np.average(a, i, w, keepdims=True), T, W)
    case(f"average axis {axis} returned", lambda a, w, i=axis: returned(a, i, w), T, W)
    if axis is not None:
        V = rng.uniform(0.5, 2, [T.shape[i] for i in np.atleast_1d(axis)])
        case(f"average axis {axis} weights of the axes", lambda a, w, i=axis: returned(a, i, w, True), T, V)
case("average of a vector", np.average, v)
case("average by name", lambda a, w: np.average(a, weights=w, axis=0), v, w)
case("average of complex numbers", lambda a, w: np.average(a, axis=1, weights=w), Z, w)
case("average of complex numbers and weights", lambda a, w: returned(a, 1, w), Z, w + 1j * v)
case("average of constants", lambda w: np.average(A, axis=1, weights=w), w)
case("average returned without weights", lambda a: list(np.average(a, axis=1, returned=True)), A)

for name, X, Y in (("", A, B), (" of complex numbers", Z, 1j * B)):
    case(f"cov{name}", lambda m: np.cov(m), X)
    case(f"cov{name}, two arguments", lambda m, y: np.cov(m, y), X, Y)
    case(f"cov{name} columns", lambda m, y: np.cov(m, y, rowvar=False), X.T, Y.T)
    case(f"cov{name} columns and a row", lambda m, y: np.cov(m, y, rowvar=False), X.T, Y[:1])
    case(f"cov{name} columns and a vector", lambda m, y: np.cov(m, y, rowvar=False), X.T, Y[0])
    case(f"cov{name} a vector and columns", lambda m, y: np.cov(m, y, False), X[0], Y.T)
    case(f"cov{name} of vectors", lambda m, y: np.cov(m, y), X[0], Y[0])
    case(f"cov{name} of a vector", lambda m: np.cov(m), X[0])
    case(f"cov{name} of a column", lambda m: np.cov(m, rowvar=False), X[0][:, None])
    case(f"cov{name} bias", lambda m: np.cov(m, bias=True), X)
    case(f"cov{name} ddof", lambda m: np.cov(m, ddof=2, bias=True), X)
    case(f"cov{name} fweights", lambda m, y: np.cov(m, y, fweights=TIMES), X, Y)
    case(f"cov{name} aweights", lambda m, y, a: np.cov(m, y, aweights=a), X, Y, w)
    case(f"cov{name} aweights bias", lambda m, a: np.cov(m, bias=True, aweights=a), X, w)
    case(f"cov{name} aweights ddof", lambda m, a: np.cov(m, ddof=2, aweights=a), X, w)
    case(f"cov{name} both weights", lambda m, a: np.cov(m.T, None, False, False, None, TIMES, a), X, w)
    case(f"cov{name} constant weights", lambda m: np.cov(m, fweights=TIMES, aweights=w, ddof=0), X)
    case(f"cov{name} by weights only", lambda a, X=X: np.cov(X, fweights=TIMES, aweights=a), w)
    case(f"corrcoef{name}", lambda m: np.corrcoef(m), X)
    case(f"corrcoef{name}, two arguments", lambda m, y: np.corrcoef(m, y), X, Y)
    case(f"corrcoef{name} columns", lambda m: np.corrcoef(m, rowvar=False), X.T)
    case(f"corrcoef{name} of vectors", lambda m, y: np.corrcoef(m, y), X[0], Y[0])
    case(f"corrcoef{name} of a vector", lambda m: np.corrcoef(m), X[0])
case("cov dtype", lambda m: np.cov(m, dtype=np.float64), A)
case("corrcoef dtype", lambda m: np.corrcoef(m, dtype=np.float64), A)


def squared(several):
    """So that what sums to 1 has a gradient when all parts are weighted equally."""
    return [squared(part) if isinstance(part, list) else part**2 for part in several]


EDGES = np.array([-1.5, -0.4, 0.0, 0.6, 1.1])
for name, options in (
    ("", {}),
    (" of 4 bins", {"bins": 4}),
    (" in a range", {"bins": 4, "range": (-0.7, 0.9)}),
    (" between edges", {"bins": EDGES}),
    (" between listed edges", {"bins": [-1.0, 0.0, 1.0]}),
):
    case(f"histogram{name} by weights", lambda w, o=options: np.histogram(A, weights=w, **o)[0], A)
    case(f"histogram{name} by complex weights", lambda w, o=options: np.histogram(A, weights=w, **o)[0], Z)
    case(
        f"histogram{name} density by weights",
        lambda w, o=options: np.histogram(A, weights=w, density=True, **o)[0] ** 2,
        A + 2,
    )
case("histogram, its edges", lambda a: np.histogram(a, 4)[1], A)
case("histogram density", lambda a: np.histogram(a, 4, density=True)[0] ** 2, A)
case("histogram, all arguments", lambda a, w: squared(np.histogram(a, 4, None, True, w)), A, A + 2)
case("histogram by edges", lambda b: list(np.histogram(A, b, density=True)), EDGES)
case("histogram by edges and weights", lambda b, w: list(np.histogram(A, b, weights=w, density=True)), EDGES, A + 2)
for bins in (1, 5, "auto", "sqrt"):
    case(f"histogram_bin_edges {bins}", lambda a, n=bins: np.histogram_bin_edges(a, n), A)
case("histogram_bin_edges of ten", lambda a: np.histogram_bin_edges(a) ** 2, A)
case("cov of small numbers by aweights", lambda m, a: 1e3 * np.cov(m, ddof=0, aweights=a), A, np.full(A.shape[1], 0.01))
case("histogram_bin_edges of equal values", lambda a: np.histogram_bin_edges(a, 3), np.array([0.5]))
case("histogram_bin_edges by edges", lambda a, b: np.histogram_bin_edges(a, b), A, EDGES)

POINTS, F = rng.normal(size=(8, 2)), rng.uniform(1, 2, 8)
SEQUENCE = list(POINTS.T)
for name, sample, options in (
    ("", POINTS, {}),
    (" of several numbers of bins", POINTS, {"bins": (2, 3)}),
    (" in ranges", POINTS, {"bins": 2, "range": [(-1, 1), None]}),
    (" between edges", POINTS, {"bins": [EDGES, 2]}),
    (" of a sequence", SEQUENCE, {"bins": 3}),
    (" of a vector", POINTS[:, 0], {"bins": 3}),
):
    case(f"histogramdd{name} by weights", lambda w, x=sample, o=options: np.histogramdd(x, weights=w, **o)[0], F)
    case(
        f"histogramdd{name} density by weights",
        lambda w, x=sample, o=options: np.histogramdd(x, weights=w, density=True, **o)[0] ** 2,
        F,
    )
case("histogramdd, its edges", lambda x: np.histogramdd(x, 2)[1], POINTS)
case("histogramdd, all arguments", lambda x, w: squared(np.histogramdd(x, (2, 3), None, True, w)), POINTS, F)
case("histogramdd of a sequence", lambda x, y, w: squared(np.histogramdd([x, y], 2, None, True, w)), *SEQUENCE, F)
case("histogramdd in ranges", lambda x, w: np.histogramdd(x, 2, [(-1, 1), None], True, w)[0] ** 2, POINTS, F)
case("histogramdd by edges", lambda b, w: np.histogramdd(POINTS, [b, b * 2], None, True, w), EDGES, F)
case("histogram2d", lambda x, y, w: squared(np.histogram2d(x, y, 3, None, True, w)), *SEQUENCE, F)
case("histogram2d counts", lambda x, y: np.histogram2d(x, y, (3, 2))[1:], *SEQUENCE)
case("histogram2d by weights", lambda w: np.histogram2d(*SEQUENCE, range=[[-1, 1], [-1, 2]], weights=w)[0], F)
case("histogram2d by edges", lambda b, w: np.histogram2d(*SEQUENCE, b, weights=w), EDGES, F)
case(
    "histogram2d by edges and a number", lambda x, b, w: np.histogram2d(x, F, [3, b], None, True, w), F**2, EDGES + 2, F
)
case("bincount", lambda w: np.bincount([0, 3, 1, 1, 3], w), v)
case("bincount of truth values", lambda w: np.bincount(v > 0, w), v)
case("bincount minlength", lambda w: np.bincount(np.array([0, 3, 1, 1, 3]), w, minlength=7), v)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    assert rulecheck(f, *xs)


def leaf(x):
    return Tensor(np.array(x), requires_grad=True)


def slope(f, x, dy=1.0):
    """The gradient of f at x where dy comes back from every result, without a warning."""
    y, pullback = vjp(f, np.array(x))
    with warnings.catch_warnings(action="error"):
        return pullback(np.broadcast_to(np.asarray(dy, y.dtype), np.shape(y)))[0]


# Averages


def test_an_average_is_one_step_on_the_tape():
    a, weights = leaf(A), leaf(A**2)
    assert np.average(a, 1, weights).step.parents[0] is a
    assert np.average(a, 1, weights).step.parents[2] is weights
    assert np.average(a).step.parents[0] is a


def test_an_average_raises_what_numpy_raises():
    with pytest.raises(ZeroDivisionError):
        np.average(leaf(v), weights=np.zeros(5))
    with pytest.raises(TypeError, match="Axis must be specified"):
        np.average(leaf(A), weights=leaf(w))
    with pytest.raises(ValueError, match="[Ss]hape of weights|Length of weights"):
        np.average(leaf(A), axis=0, weights=leaf(w))


def test_the_sum_of_the_weights_has_a_gradient_too():
    both = vjp(lambda a, w: list(np.average(a, 1, w, returned=True)), A, w)[1]([np.zeros(3), np.array([1.0, 2.0, 4.0])])
    np.testing.assert_array_equal(both[0], np.zeros((3, 5)))
    np.testing.assert_array_equal(both[1], np.full(5, 7.0))


# Covariance and correlation


@pytest.mark.parametrize("weights", [{}, {"fweights": TIMES.astype(float), "aweights": w}])
def test_covariance_is_one_step_and_writes_nothing(weights):
    kept = {name: x.copy() for name, x in weights.items()}
    m = leaf(A)
    c = np.cov(m, **weights)
    assert c.step.parents[0] is m
    np.testing.assert_array_equal(c.data, np.cov(A, **{name: x.copy() for name, x in weights.items()}))
    for name, x in weights.items():
        np.testing.assert_array_equal(x, kept[name])  # np.cov alone would write into fweights


def test_covariance_refuses_to_move_whole_numbers():
    with pytest.raises(NoRuleError, match="np.cov has no gradient by its fweights.*whole numbers"):
        np.cov(leaf(A), fweights=leaf(np.ones(5)))
    np.cov(leaf(A), fweights=Tensor(TIMES))


def test_covariance_without_degrees_of_freedom_has_gradient_nan():
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"), np.errstate(all="ignore"):
        y, pullback = vjp(lambda m: np.cov(m, ddof=5), A)
    assert np.isnan(pullback(np.ones((3, 3)))[0]).all()


def test_a_correlation_is_cut_and_has_gradient_zero_there():
    x = np.array([0.1, 0.2, 0.4, 0.3])
    for k in (3.0, 7.0, 0.1, -0.3):
        r = np.corrcoef(leaf(x), k * x)
        assert np.all(np.abs(r.data) <= 1)
        np.testing.assert_array_equal(r.data, np.corrcoef(x, k * x))
        np.testing.assert_allclose(slope(lambda x, k=k: np.corrcoef(x, k * x)[0, 1], x), np.zeros(4), atol=1e-13)
    z = x * (1 + 1j) + np.array([0, 0.3j, 0, 0.1])
    np.testing.assert_array_equal(np.corrcoef(leaf(z), 3 * z).data, np.corrcoef(z, 3 * z))


@pytest.mark.parametrize("z", [1.0, 1.0 + 0.5j])
def test_what_does_not_vary_has_no_correlation_and_gets_zero(z):
    x = np.array([[1.0, 2.0, 4.0, 3.0], [5.0, 5.0, 5.0, 5.0], [2.0, -1.0, 0.0, 3.0]]) * z
    with pytest.warns(RuntimeWarning, match="invalid value"):
        r = np.corrcoef(leaf(x))
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(r.data, np.corrcoef(x))
        assert np.isnan(r.data[1]).all() and np.isfinite(r.data[0, 2])
        dx = slope(lambda x: np.corrcoef(x)[0, 2], x)
        alone = slope(lambda x: np.corrcoef(x)[0, 1], x[[0, 2]])
        assert np.isfinite(slope(np.corrcoef, x)).all()
    np.testing.assert_array_equal(dx[1], np.zeros(4))
    np.testing.assert_allclose(dx[[0, 2]], alone, atol=1e-15)


def test_the_correlation_of_one_variable_is_one_and_stays_it():
    np.testing.assert_array_equal(slope(np.corrcoef, v), np.zeros(5))
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(np.corrcoef(leaf(np.ones(3))).data)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(slope(np.corrcoef, np.ones(3)), np.zeros(3))


# Histograms


def test_counts_are_plain_arrays_and_edges_are_not():
    a = leaf(v)
    for counts, edges in (np.histogram(a, 3), np.histogramdd(a, 3), np.histogramdd([a], 3)):
        edges = edges[0] if isinstance(edges, list) else edges
        assert not isinstance(counts, Tensor)
        np.testing.assert_array_equal(counts, np.histogram(v, 3)[0])
        assert edges.requires_grad
    x, y, z = np.histogram2d(a, v, 3)
    assert not isinstance(x, Tensor) and y.requires_grad and z.requires_grad
    for options in ({"range": (0, 1)}, {"bins": [0.0, 0.5, 1.0]}, {"bins": EDGES, "density": True}):
        counts, edges = np.histogram(a, **options)
        assert not isinstance(counts, Tensor) and not isinstance(edges, Tensor)
        np.testing.assert_array_equal(counts, np.histogram(v, **options)[0])
        np.testing.assert_array_equal(edges, np.histogram(v, **options)[1])
    counts, edges = np.histogram(v, 3, weights=leaf(w))
    assert counts.requires_grad and not isinstance(edges, Tensor)
    assert not isinstance(np.histogram_bin_edges(a, range=(0, 1)), Tensor)
    assert np.histogram_bin_edges(leaf([]), 2).tolist() == [0, 0.5, 1]


def test_counts_are_those_of_numpy():
    a, points = rng.normal(size=(7, 9)), rng.normal(size=(20, 3))
    for options in ({}, {"bins": 4}, {"bins": EDGES}, {"bins": 3, "range": (-1, 0.3)}, {"bins": "fd"}):
        for density in (False, True):
            found, expected = (
                np.histogram(leaf(a), density=density, **options),
                np.histogram(a, density=density, **options),
            )
            for y, right in zip(found, expected, strict=True):
                np.testing.assert_allclose(y.data if isinstance(y, Tensor) else y, right, rtol=1e-14)
    for options in (
        {"bins": 2},
        {"bins": (1, 2, 3)},
        {"bins": [EDGES, 3, EDGES + 1]},
        {"bins": 2, "range": [None, (0, 1), None]},
    ):
        for density in (False, True):
            found = np.histogramdd(leaf(points), density=density, **options)
            expected = np.histogramdd(points, density=density, **options)
            for y, right in zip([found[0], *found[1]], [expected[0], *expected[1]], strict=True):
                np.testing.assert_allclose(y.data if isinstance(y, Tensor) else y, right, rtol=1e-14)


def test_a_value_on_an_edge_is_right_of_it_but_for_the_last():
    a, edges = np.array([-1.0, 0.0, 1.0, 1.5, 2.0, 3.0, np.nan]), np.array([0.0, 1.0, 2.0])
    dy = np.array([5.0, 7.0])
    np.testing.assert_array_equal(
        slope(lambda w: np.histogram(a, edges, weights=w)[0], np.ones(7), dy), [0, 5, 7, 7, 7, 0, 0]
    )
    np.testing.assert_array_equal(
        slope(lambda w: np.histogramdd([a], [edges], weights=w)[0], np.ones(7), dy), [0, 5, 7, 7, 7, 0, 0]
    )
    twice = np.array([0.0, 1.0, 1.0])  # a last bin without width holds its own edge
    np.testing.assert_array_equal(
        slope(lambda w: np.histogram(a, twice, weights=w)[0], np.ones(7), dy), [0, 5, 7, 0, 0, 0, 0]
    )


def test_equal_smallest_values_share_the_first_edge():
    dx = slope(lambda a: np.histogram(a, 2)[1], [1.0, 1.0, 2.0, 3.0], [4.0, 6.0, 8.0])
    np.testing.assert_array_equal(dx, [3.5, 3.5, 0, 11])
    dx = slope(lambda a: np.histogram_bin_edges(a, 2), np.full((2, 2), 0.5), [4.0, 6.0, 8.0])  # 0, 0.5, 1
    np.testing.assert_array_equal(dx, np.full((2, 2), 4.5))


def test_a_range_that_needs_a_gradient_is_refused():
    low = leaf(-1.0)
    for f in (np.histogram, np.histogram_bin_edges):
        with pytest.raises(NoRuleError, match="no gradient by its range.*bins="):
            f(leaf(v), 3, (low, 1.0))
    with pytest.raises(NoRuleError, match="no gradient by its range"):
        np.histogramdd(leaf(A), 3, [(low, 1.0)] * 5)


def test_histogram2d_wants_pairs():
    with pytest.raises(ValueError, match="as many x as y; there are 5 and 4"):
        np.histogram2d(leaf(v), v[:4])
    with pytest.raises(ValueError, match="dimension of bins"):
        np.histogramdd(leaf(A), [2, 3])


@given(st.integers(0, 10**6), st.sampled_from([1, 3, (-1.0, 0.0, 0.5, 2.0)]))
@settings(derandomize=True, max_examples=30, deadline=None)
def test_the_gradient_by_a_weight_is_that_of_its_bin(seed, bins):
    random = np.random.default_rng(seed)
    a, weights = random.integers(-3, 4, 9) / 2, random.uniform(1, 2, 9)
    n = len(np.histogram(a, bins)[0])
    dy = random.normal(size=n)
    dw = slope(lambda w: np.histogram(a, bins, weights=w)[0], weights, dy)
    for i in range(9):  # the definition: what one more unit of this weight adds
        one = np.histogram(a, bins, weights=np.eye(9)[i])[0]
        assert dw[i] == pytest.approx(np.sum(dy * one))


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([None, 0, 1]))
@settings(derandomize=True, max_examples=30, deadline=None)
def test_random_covariances(seed, rowvar, ddof):
    random = np.random.default_rng(seed)
    D, N = random.integers(1, 4), random.integers(3, 6)
    m, a = random.normal(size=(D, N)), random.uniform(0.5, 1, N)
    times = random.integers(1, 4, N)
    assert rulecheck(lambda m, a: np.cov(m, None, rowvar, False, ddof, times, a), m if rowvar else m.T, a)


def test_edges_of_nothing():
    edges = np.histogram_bin_edges(leaf(np.zeros(0)), 3)
    np.testing.assert_array_equal(edges, np.histogram_bin_edges(np.zeros(0), 3))
    assert not isinstance(edges, Tensor)


def test_three_edges_are_the_edges_of_both():
    x, y = np.array([0.1, 0.6, 0.7]), np.array([0.2, 0.3, 0.9])
    edges = [0.0, 0.5, 1.0]
    w = leaf(np.ones(3))
    found = np.histogram2d(x, y, edges, weights=w)[0]
    np.testing.assert_array_equal(found.data, np.histogram2d(x, y, edges, weights=np.ones(3))[0])
    np.sum(found * [[1.0, 2.0], [3.0, 4.0]]).backward()
    assert w.grad.tolist() == [1.0, 3.0, 4.0]
