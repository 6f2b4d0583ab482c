"""Every rule of ordering.py: sort, partition, medians, quantiles, unique values and sets."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import NoRuleError, Tensor, rulecheck, vjp

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
T = rng.normal(size=(2, 3, 4))
Z = A + 1j * rng.normal(size=(3, 4))
v = rng.normal(size=7)
w = rng.uniform(0.2, 1, 7)
N = np.array([[1.0, np.nan, 0.3, 2.0, -1.0], [np.nan, np.nan, 4.0, -0.5, 0.2], [0.1, 0.5, 0.7, -0.2, 3.0]])
V = rng.uniform(0.2, 1, (3, 5))  # weights for N
CONTINUOUS = "linear interpolated_inverted_cdf hazen weibull median_unbiased normal_unbiased".split()
JUMPING = "inverted_cdf averaged_inverted_cdf closest_observation lower higher midpoint nearest".split()
CASES = {}


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


for axis in (0, 1, -1, None):
    case(f"sort axis {axis}", lambda x, i=axis: np.sort(x * x, axis=i), A)
    case(f"partition axis {axis}", lambda x, i=axis: np.partition(x * x, 1, axis=i), A)
    case(f"sort of complex numbers axis {axis}", lambda z, i=axis: np.sort(z * z, axis=i), Z)
case("sort of a vector", np.sort, v)
case("sort of rows of rows", np.sort, T)
case("sort by name", lambda x: np.sort(x, axis=1, kind="mergesort", order=None), A)
case("sort stable", lambda x: np.sort(x, axis=0, stable=True), A)
case("sort with NaN", lambda x: np.sort(x, axis=1)[:, :3], N)
case("sort of nothing", lambda x: np.sort(x, axis=1), A[:, :0])
case("sort_complex of rows of rows", np.sort_complex, T + 1j * T[::-1])
case("sort_complex of complex numbers", lambda z: np.sort_complex(z * z), Z)
case("partition of several", lambda x: np.partition(x, (1, 4), kind="introselect", order=None), v)
case("partition of rows of rows", lambda x: np.partition(x, 1), T)
case("partition of complex numbers", lambda z: np.partition(z * z, 1, axis=0), Z)
case("partition with NaN", lambda x: np.partition(x, 2, axis=1)[:, :3], N)

for name in ("median", "nanmedian"):
    function = getattr(np, name)
    for axis in (None, 0, 1, -1, (0, 1), (-1, 0)):
        case(f"{name} axis {axis}", lambda x, f=function, i=axis: f(x, axis=i), T)
        case(f"{name} axis {axis} keepdims", lambda x, f=function, i=axis: f(x * x, i, keepdims=True), T)
    case(f"{name} of an odd number", function, v)
    case(f"{name} of a number", lambda x, f=function: f(x * x), np.array(1.5))
    case(f"{name} of complex numbers", lambda z, f=function: f(z * z, axis=1), Z)
    case(f"{name} of complex numbers axis 0", lambda z, f=function: f(z * z, axis=0, keepdims=True), Z)
    case(f"{name} of one each", lambda x, f=function: f(x, axis=1), A[:, :1])
for axis in (None, 0, 1):
    case(f"nanmedian holes axis {axis}", lambda x, i=axis: np.nanmedian(x, axis=i), N)

for name in ("quantile", "percentile", "nanquantile", "nanpercentile"):
    function, per = getattr(np, name), 100.0 if "percentile" in name else 1.0
    X = N if name.startswith("nan") else rng.normal(size=(3, 5))
    for axis in (None, 0, 1, -1, (0, 1), (-1, 0)):
        X3 = np.where(T > 1.2, np.nan, T) if name.startswith("nan") else T
        case(f"{name} axis {axis}", lambda x, f=function, q=0.37 * per, i=axis: f(x, q, axis=i), X3)
        case(
            f"{name} axis {axis} keepdims, both arguments",
            lambda x, q, f=function, i=axis: f(x, q, i, keepdims=True),
            X3,
            np.array([0.23, 0.7, 0.71]) * per,
        )
    for method in CONTINUOUS:
        case(
            f"{name} {method}",
            lambda x, q, f=function, m=method: f(x, q, axis=1, method=m),
            X,
            np.array([0.02, 0.39, 0.52, 0.98]) * per,
        )
    for method in JUMPING:
        case(f"{name} {method}", lambda x, f=function, m=method, q=0.37 * per: f(x, q, axis=1, method=m), X)
        case(
            f"{name} {method} of several",
            lambda x, f=function, m=method, per=per: f(x, np.array([0.25, 0.4, 0.5, 1.0]) * per, axis=1, method=m),
            X,
        )
    case(f"{name} by a number", lambda x, q, f=function: f(x, q, axis=0), X, np.array(0.41 * per))
    case(
        f"{name} by a matrix",
        lambda x, q, f=function: f(x, q, axis=(1,)),
        X,
        np.array([[0.31, 0.42], [0.13, 0.9]]) * per,
    )
    case(f"{name} by q only", lambda q, f=function, X=X: f(X, q, axis=1), np.array([0.31, 0.9]) * per)
    case(f"{name} of a vector", lambda x, q, f=function: f(x, q), v, np.array(0.3 * per))
    case(f"{name} of one", lambda x, q, f=function: f(x, q, axis=1), X[:, 2:3], np.array([0.3, 0.6]) * per)
    case(
        f"{name} weights",
        lambda x, f=function, q=(0.3 * per, 0.8 * per): f(x, q, axis=1, method="inverted_cdf", weights=V),
        X,
    )
    case(
        f"{name} weights of all",
        lambda x, f=function, q=0.6 * per: f(x, q, method="inverted_cdf", weights=V),
        X,
    )

case("unique", lambda x: np.unique(x * x), A)
case("unique of a vector", np.unique, v)
case("unique of a number", np.unique, np.array(2.0))
case("unique of complex numbers", np.unique, Z)
case("unique axis 0", lambda x: np.unique(x * x, axis=0), A)
case("unique axis 0 of rows of rows", lambda x: np.unique(x, axis=0), T)
case("unique axis 1", lambda x: np.unique(x, axis=1), T)
case("unique axis -1", lambda x: np.unique(x, axis=-1), T)
case("unique, its values", lambda x: np.unique(x, True, True, True)[0], A)
case("unique_values", np.unique_values, A)
case("unique_all, its values", lambda x: np.unique_all(x).values, A)
case("unique_counts, its values", lambda x: np.unique_counts(x).values, A)
case("unique_inverse, its values", lambda x: np.unique_inverse(x).values, A)
case("intersect1d with itself", lambda x: np.intersect1d(x * 2.0, x * 2.0), v)
case("union1d", lambda x, y: np.union1d(x, y), A, v)
case("union1d of complex numbers", lambda x, y: np.union1d(x, y), Z, v * (1 + 2j))
case("setxor1d", lambda x, y: np.setxor1d(x, y), A, v)
case("setxor1d assume_unique", lambda x, y: np.setxor1d(x, y, assume_unique=True), A, v)
case("setdiff1d", lambda x: np.setdiff1d(x, A[1]), A[[0, 2]])
case("setdiff1d assume_unique", lambda x: np.setdiff1d(x, [1.0], assume_unique=True), A)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    assert rulecheck(f, *xs)


def slope(f, x, dy=1.0):
    """The gradient of f at x where dy comes back from every result, without a warning."""
    y, pullback = vjp(f, np.array(x))
    with warnings.catch_warnings(action="error"):
        return pullback(np.broadcast_to(np.asarray(dy, y.dtype), np.shape(y)))[0]


def leaf(x):
    return Tensor(np.array(x), requires_grad=True)


@pytest.mark.parametrize("f", [np.sort, lambda x: np.partition(x, 1), np.median, np.nanmedian, np.unique,
                               lambda x: np.quantile(x, 0.3), lambda x: np.nanpercentile(x, 30)])  # fmt: skip
def test_each_is_one_step_on_the_tape(f):
    x = leaf(v)
    assert f(x).step.parents[0] is x


# Ties


def test_equal_values_that_are_sorted_share():
    np.testing.assert_array_equal(slope(np.sort, [2.0, 1.0, 2.0], [1.0, 2.0, 4.0]), [3, 1, 3])
    np.testing.assert_array_equal(
        slope(lambda x: np.sort(x, axis=0), [[2.0, 5.0], [1.0, 5.0], [2.0, 3.0]], [[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]]),
        [[3, 3], [1, 3], [3, 1]],
    )
    np.testing.assert_array_equal(slope(lambda x: np.sort(x, axis=None), [[2.0], [2.0]], [1.0, 2.0]), [[1.5], [1.5]])
    np.testing.assert_array_equal(slope(np.sort, [1.0, np.nan, 0.0, np.nan], [1.0, 2.0, 3.0, 5.0]), [2, 4, 1, 4])
    z = [1 + 2j, 1 + 1j, 1 + 2j]
    np.testing.assert_array_equal(slope(np.sort, z, [1.0, 2.0, 4.0]), [3, 1, 3])
    np.testing.assert_array_equal(slope(np.sort_complex, z, [1.0, 2j, 4.0]), [2 + 1j, 1, 2 + 1j])
    np.testing.assert_array_equal(slope(np.sort_complex, [3.0, 1.0], [1j + 1, 2.0]), [2, 1])


def test_equal_rows_share_only_with_themselves():
    x = [[1.0, 1.0], [1.0, 2.0]]
    np.testing.assert_array_equal(slope(np.sort, x, [[1.0, 3.0], [5.0, 7.0]]), [[2, 2], [5, 7]])


def test_equal_values_that_are_partitioned_share():
    x = np.array([2.0, 1.0, 2.0, 5.0, 2.0])
    dx = slope(lambda x: np.partition(x, 2) * np.arange(5.0), x)
    y = np.partition(x, 2)
    for value in (1.0, 2.0, 5.0):
        np.testing.assert_allclose(dx[x == value], np.mean(np.arange(5.0)[y == value]))
    np.testing.assert_array_equal(slope(lambda x: np.partition(x, 0, axis=None), np.ones((2, 2))), np.ones((2, 2)))


@pytest.mark.parametrize("f", [np.median, np.nanmedian, lambda x: np.quantile(x, 0.5), lambda x: np.percentile(x, 50)])
def test_equal_values_in_the_middle_share(f):
    np.testing.assert_allclose(slope(f, [1.0, 2.0, 2.0, 2.0]), [0, 1 / 3, 1 / 3, 1 / 3])
    np.testing.assert_allclose(slope(f, [2.0, 1.0, 3.0, 2.0]), [0.5, 0, 0, 0.5])
    np.testing.assert_allclose(slope(f, [2.0, 3.0, 5.0, 2.0]), [0.25, 0.5, 0, 0.25])
    np.testing.assert_allclose(slope(f, [2.0, 3.0, 3.0, 3.0, 2.0]), [0, 1 / 3, 1 / 3, 1 / 3, 0])
    np.testing.assert_allclose(slope(f, [2.0]), [1])
    np.testing.assert_allclose(slope(lambda x: f(np.concatenate([x, x])), [1.0, 4.0]), [0.5, 0.5])


@pytest.mark.parametrize("several", [1, 2, 3])
@pytest.mark.parametrize("method", CONTINUOUS + JUMPING)
def test_equal_values_at_a_quantile_share(method, several):
    """For one or two quantiles the values are looked for, for more all are sorted: the same comes out."""
    q = np.array([0.5, 0.1, 0.8])[:several]
    x = np.array([[1.0, 3.0, 3.0, 2.0, 7.0, 3.0, 5.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0]])
    dx = slope(lambda x: np.quantile(x, q, axis=1, method=method), x)
    order, expected = np.argsort(x, axis=1, kind="stable"), np.zeros(x.shape)
    for row in range(2):
        at = np.quantile(np.arange(7.0), q, method=method)
        for a in at:
            low = int(a)
            for rank, share in ((low, 1 - (a - low)), (min(low + 1, 6), a - low)):
                same = x[row] == x[row, order[row, rank]]
                expected[row] += same * share / np.sum(same)
    np.testing.assert_allclose(dx, expected, atol=1e-14)


# NaN


@pytest.mark.parametrize("q", [0.5, [0.5], [0.25, 0.5, 0.75]])
def test_a_quantile_that_is_nan_sends_its_gradient_to_the_nans(q):
    n = np.size(q)
    x = [[1.0, np.nan, 3.0, np.nan], [1.0, 2.0, 3.0, 5.0]]
    dx = slope(lambda x: np.quantile(x, q, axis=1), x)
    np.testing.assert_array_equal(dx[0], [0, n / 2, 0, n / 2])
    assert np.isfinite(dx[1]).all() and np.sum(dx[1]) == pytest.approx(n)
    dx = slope(lambda x: np.nanquantile(x, q, axis=1), x)
    assert dx[0, 1] == dx[0, 3] == 0 and np.sum(dx[0]) == pytest.approx(n)


@pytest.mark.parametrize("method", CONTINUOUS + JUMPING)
@pytest.mark.parametrize("q", [0.1, 0.6, [0.25, 0.4, 0.5, 1.0]])
def test_a_single_nan_gets_all(q, method):
    x = [[1.0, 2.0, np.nan, 0.5], [np.nan, 1.0, 2.0, 3.0]]
    dx = slope(lambda x: 2 * np.quantile(x, q, axis=1, method=method), x)
    np.testing.assert_allclose(dx, [[0, 0, 2 * np.size(q), 0], [2 * np.size(q), 0, 0, 0]], rtol=1e-15)


def test_a_median_that_is_nan_sends_its_gradient_to_the_nans():
    x = [[1.0, np.nan, 3.0, np.nan], [1.0, 2.0, 3.0, 5.0]]
    np.testing.assert_array_equal(slope(lambda x: np.median(x, axis=1), x), [[0, 0.5, 0, 0.5], [0, 0.5, 0.5, 0]])
    np.testing.assert_array_equal(slope(np.median, [1.0, np.nan, 3.0]), [0, 1, 0])
    np.testing.assert_array_equal(slope(lambda x: np.nanmedian(x, axis=1), x), [[0.5, 0, 0.5, 0], [0, 0.5, 0.5, 0]])
    with np.errstate(invalid="ignore"):
        assert np.isnan(np.median(np.array([-np.inf, np.inf])))
        np.testing.assert_array_equal(slope(np.median, [-np.inf, np.inf]), [0.5, 0.5])


@pytest.mark.filterwarnings("ignore:.*All-NaN")
@pytest.mark.parametrize("q", [0.5, [0.25, 0.5, 0.75]])
def test_nothing_but_nan_gets_nothing_from_a_nan_form(q):
    x = np.array([[np.nan, np.nan, np.nan], [1.0, 2.0, 4.0]])
    np.testing.assert_array_equal(slope(lambda x: np.nanmedian(x, axis=1), x), [[0, 0, 0], [0, 1, 0]])
    for method in ("linear", "nearest"):
        dx = slope(lambda x, m=method: np.nanquantile(x, q, axis=1, method=m), x)
        np.testing.assert_array_equal(dx[0], 0)
        assert np.sum(dx[1]) == np.size(q)
    of_q = slope(lambda q: np.nanquantile(x, q, axis=1), np.array(q))
    np.testing.assert_allclose(of_q, slope(lambda q: np.quantile(x[1], q), np.array(q)))
    weights = np.array([[1.0, 2.0, 3.0]] * 2)
    dx = slope(lambda x: np.nanquantile(x, q, axis=1, weights=weights, method="inverted_cdf"), x)
    np.testing.assert_array_equal(dx[0], 0)
    assert np.sum(dx[1]) == np.size(q)


@pytest.mark.filterwarnings("ignore:(.*of empty slice|invalid value)")
def test_the_median_of_nothing_is_nan_as_in_numpy():
    for f in (np.median, np.nanmedian):
        assert slope(lambda x, f=f: f(x, axis=1), np.ones((2, 0))).shape == (2, 0)
        assert slope(lambda x, f=f: f(x, axis=1), np.ones((0, 2))).shape == (0, 2)
    for q in (0.5, [0.1, 0.2, 0.3]):
        assert slope(lambda x, q=q: np.nanquantile(x, q, axis=1), np.ones((2, 0))).shape == (2, 0)
        assert slope(lambda x, q=q: np.quantile(x, q, axis=1), np.ones((0, 2))).shape == (0, 2)


# Quantiles by q


def test_where_q_stands_on_a_value_it_goes_to_the_next_larger_one():
    x = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    for q, step in ((0.0, 1.0), (0.25, 2.0), (0.5, 4.0), (0.75, 8.0), (1.0, 8.0)):
        assert slope(lambda q: np.quantile(x, q), q) == 4 * step
        assert slope(lambda q: np.percentile(x, q), 100 * q) == pytest.approx(4 * step / 100)


def test_of_two_values_q_goes_from_one_to_the_other():
    for q in (0.0, 0.3, 1.0):
        assert slope(lambda q: np.quantile([5.0, 2.0], q), q) == 3
        assert slope(lambda q: np.quantile([5.0], q), q) == 0


def test_no_quantiles_send_nothing():
    for options in ({}, {"method": "inverted_cdf"}, {"method": "inverted_cdf", "weights": V}):
        dx = slope(lambda x, options=options: np.quantile(x, [], axis=1, **options), V)
        np.testing.assert_array_equal(dx, np.zeros(V.shape))


@pytest.mark.parametrize("method", CONTINUOUS[1:])
def test_beyond_the_ends_q_moves_nothing(method):
    x = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    assert slope(lambda q: np.quantile(x, q, method=method), 0.0) == 0
    if method != "interpolated_inverted_cdf":
        assert slope(lambda q: np.quantile(x, q, method=method), 1.0) == 0
    np.testing.assert_array_equal(slope(lambda x: np.quantile(x, 0.0, method=method), x), [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(slope(lambda x: np.quantile(x, 1.0, method=method), x), [0, 0, 0, 0, 1])


@pytest.mark.parametrize("name", ["quantile", "percentile", "nanquantile", "nanpercentile"])
@pytest.mark.parametrize("method", JUMPING)
def test_a_method_that_jumps_refuses_a_q_that_needs_a_gradient(name, method):
    with pytest.raises(NoRuleError, match=f"np.{name} jumps with q where method='{method}'.*detach.*linear, inter"):
        getattr(np, name)(v, leaf(0.3), method=method)


@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_weights_move_nothing_and_get_no_gradient(name):
    x, weights = leaf(v), leaf(w)
    y = getattr(np, name)(x, 0.4, weights=weights, method="inverted_cdf")
    y.backward()
    assert weights.grad is None
    np.testing.assert_array_equal(x.grad.data, v == y.item())


def test_weights_belong_to_their_axes():
    x = rng.normal(size=(2, 3, 4))
    for axis, shape in (((2, 0), (4, 2)), (1, (3,)), (-1, (4,)), ((0, 1), (2, 3))):
        weights = rng.uniform(0.5, 1, shape)
        f = lambda x: np.quantile(x, [0.3, 0.9], axis=axis, weights=weights, method="inverted_cdf")  # noqa: B023, E731
        dx = slope(f, x)
        picked = np.isin(x, f(x))
        np.testing.assert_array_equal(dx != 0, picked)
        assert np.sum(dx) == np.size(f(x))


def test_rows_of_many_lengths():
    x = rng.normal(size=(6, 7))
    x[np.arange(7) >= np.arange(1, 7)[:, None] + rng.integers(0, 2, (6, 1))] = np.nan
    for method in ("linear", "midpoint", "higher", "averaged_inverted_cdf"):
        for q in (0.3, np.array([0.1, 0.5, 0.6, 0.95])):
            dx = slope(lambda x, m=method, q=q: np.nanquantile(x, q, axis=1, method=m), x)
            for row, expected in zip(x, dx, strict=True):
                there = ~np.isnan(row)
                np.testing.assert_array_equal(expected[~there], 0)
                alone = slope(lambda x, m=method, q=q: np.quantile(x, q, method=m), row[there])
                np.testing.assert_allclose(expected[there], alone, atol=1e-14)


def test_what_may_be_overwritten_is_not():
    for f in (
        lambda x: np.median(x, overwrite_input=True),
        lambda x: np.nanmedian(x, overwrite_input=True),
        lambda x: np.quantile(x, 0.3, overwrite_input=True),
        lambda x: np.nanpercentile(x, 30, None, None, True),
    ):
        x = leaf(v)
        f(x)
        np.testing.assert_array_equal(x.data, v)


def test_an_array_to_write_into_is_refused():
    out = np.zeros(4)
    with pytest.raises(TypeError, match=r"np.median\(\.\.\., out=\)"):
        np.median(leaf(A), 0, out)
    with pytest.raises(TypeError, match=r"np.quantile\(\.\.\., out=\)"):
        np.quantile(leaf(A), 0.5, 0, out)


# Unique values and sets


def test_equal_values_share_what_goes_to_the_one_that_stands_for_them():
    x, dy = [3.0, 1.0, 3.0, 1.0, 1.0], [6.0, 4.0]
    expected = [2, 2, 2, 2, 2]
    np.testing.assert_array_equal(slope(np.unique, x, dy), expected)
    np.testing.assert_array_equal(slope(np.unique, np.reshape(x[:4], (2, 2)), dy), [[2, 3], [2, 3]])
    for f in (np.unique_values, lambda x: np.unique(x, sorted=False)) if SORTED else (np.unique_values,):
        y = f(np.array(x))
        np.testing.assert_array_equal(slope(f, x, np.where(y == 1, 6.0, 4.0)), expected)
    x = [[1.0, 2.0], [0.0, 5.0], [1.0, 2.0]]
    dy = [[1.0, 2.0], [4.0, 8.0]]
    np.testing.assert_array_equal(slope(lambda x: np.unique(x, axis=0), x, dy), [[2, 4], [1, 2], [2, 4]])
    np.testing.assert_array_equal(
        slope(lambda x: np.unique(x, axis=1), np.transpose(x), np.transpose(dy)), np.transpose([[2, 4], [1, 2], [2, 4]])
    )


SORTED = tuple(int(part) for part in np.__version__.split(".")[:2]) >= (2, 3)  # np.unique has `sorted`


def test_nans_are_one_value_or_many():
    x = [np.nan, 1.0, np.nan]
    np.testing.assert_array_equal(slope(np.unique, x, [1.0, 4.0]), [2, 1, 2])
    np.testing.assert_array_equal(slope(lambda x: np.unique(x, equal_nan=False), x, [1.0, 4.0, 4.0]), [4, 1, 4])
    np.testing.assert_array_equal(slope(lambda x: np.unique_counts(x).values, x, [1.0, 4.0, 4.0]), [4, 1, 4])


def test_where_the_values_are_and_how_often_are_plain_arrays():
    x = np.array([3.0, 1.0, 3.0])
    for flags in ((True, False, False), (False, True, False), (False, False, True), (True, True, True)):
        values, *rest = np.unique(leaf(x), *flags)
        assert isinstance(values, Tensor) and values.requires_grad
        for found, expected in zip(rest, np.unique(x, *flags)[1:], strict=True):
            assert not isinstance(found, Tensor)
            np.testing.assert_array_equal(found, expected)
    z = np.array([3.0, 1.0, 3.0, -2.0, 0.0]) * (1 + 1j)
    for flags in ({}, {"return_counts": True}) if SORTED else ():  # NumPy sorts for the counts, and for the values not
        values, *counts = np.unique(leaf(z), sorted=False, **flags) if flags else [np.unique(leaf(z), sorted=False)]
        expected = np.unique(z, sorted=False, **flags)
        np.testing.assert_array_equal(values.data, expected[0] if flags else expected)
        np.testing.assert_array_equal(counts, expected[1:] if flags else [])
    for f in (np.unique_all, np.unique_counts, np.unique_inverse):
        found, expected = f(leaf(x)), f(x)
        assert type(found) is type(expected) and isinstance(found[0], Tensor)
        for a, b in zip(found[1:], expected[1:], strict=True):
            assert not isinstance(a, Tensor)
            np.testing.assert_array_equal(a, b)


def test_sets_share_among_equal_values():
    a, b = np.array([3.0, 1.0, 3.0, 2.0]), np.array([2.0, 5.0, 3.0])
    union = vjp(np.union1d, a, b)[1](np.array([1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(union[0], [1, 1, 1, 1])
    np.testing.assert_array_equal(union[1], [1, 4, 1])
    y, pullback = vjp(np.intersect1d, a, b)
    np.testing.assert_array_equal(y, [2, 3])
    both = pullback(np.array([2.0, 8.0]))
    np.testing.assert_array_equal(both[0], [2, 0, 2, 1])
    np.testing.assert_array_equal(both[1], [1, 0, 4])
    y, pullback = vjp(np.setxor1d, a, b)
    np.testing.assert_array_equal(y, [1, 5])
    both = pullback(np.array([2.0, 8.0]))
    np.testing.assert_array_equal(both[0], [0, 2, 0, 0])
    np.testing.assert_array_equal(both[1], [0, 8, 0])
    y, pullback = vjp(lambda a: np.setdiff1d(a, b[:2]), a)
    np.testing.assert_array_equal(y, [1, 3])
    np.testing.assert_array_equal(pullback(np.array([2.0, 8.0]))[0], [4, 2, 4, 0])


def test_sets_are_those_of_numpy():
    a, b = np.array([[3.0, 1.0], [3.0, 2.0]]), np.array([2.0, 5.0, 3.0])
    x, y = leaf(a), leaf(b)
    for assume in (False, True):
        u, v = (np.unique(a)[::-1], b) if assume else (a, b)
        p, q = (leaf(u), y) if assume else (x, y)
        for f in (np.intersect1d, np.setxor1d, np.setdiff1d):
            np.testing.assert_array_equal(f(p, q, assume_unique=assume).data, f(u, v, assume_unique=assume))
            np.testing.assert_array_equal(f(p, v, assume_unique=assume).data, f(u, v, assume_unique=assume))
        found = np.intersect1d(p, q, assume, return_indices=True)
        expected = np.intersect1d(u, v, assume, return_indices=True)
        np.testing.assert_array_equal(found[0].data, expected[0])
        for places, right in zip(found[1:], expected[1:], strict=True):
            assert not isinstance(places, Tensor)
            np.testing.assert_array_equal(places, right)
    for f in (np.intersect1d, np.setxor1d):  # what is said to be unique is not looked at again
        for assume in (False, True):
            expected = f([1.0, 1.0, 3.0], [3.0, 2.0], assume_unique=assume)
            np.testing.assert_array_equal(f(leaf([1.0, 1.0, 3.0]), [3.0, 2.0], assume_unique=assume).data, expected)
        np.testing.assert_array_equal(f(leaf([1.0, 1.0, 3.0]), [3.0, 2.0]).data, f([1.0, 3.0], [3.0, 2.0]))
    assert np.setxor1d(leaf([]), np.array([])).shape == (0,)
    assert np.intersect1d(leaf([]), b).shape == (0,)


# Random values


@given(st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, np.nan]), min_size=1, max_size=8), st.integers(0, 10**6))
@settings(derandomize=True, max_examples=40, deadline=None)
def test_any_permutation_of_equal_values_gives_the_mean(x, seed):
    """Sharing evenly is the mean over all stable sorts of shuffled values."""
    x, dy = np.array(x), np.random.default_rng(seed).normal(size=len(x))
    dx, y = slope(np.sort, x, dy), np.sort(x)
    for i in range(len(x)):
        same = np.isnan(y) if np.isnan(x[i]) else y == x[i]
        assert dx[i] == pytest.approx(np.mean(dy[same]))


@given(
    st.integers(0, 10**6), st.sampled_from(CONTINUOUS), st.sampled_from([0, 1, (0, 1), (-1, 0), None]), st.booleans()
)
@settings(derandomize=True, max_examples=30, deadline=None)
def test_random_quantiles(seed, method, axis, keepdims):
    random = np.random.default_rng(seed)
    x, q = random.normal(size=random.integers(1, 4, 3)), random.uniform(0.05, 0.95, random.integers(1, 4))
    assert rulecheck(lambda x, q: np.nanquantile(x, q, axis=axis, method=method, keepdims=keepdims), x, q)


# What has no gradient


@pytest.mark.parametrize("f", [np.argsort, lambda x: np.argpartition(x, 2), lambda x: np.lexsort((x, x)), np.isin,
                               np.searchsorted, np.digitize])  # fmt: skip
def test_places_are_plain_arrays(f):
    x, order = leaf(v), [np.sort(v)] if f in (np.searchsorted, np.digitize, np.isin) else []
    args = (order[0], x) if f is np.searchsorted else (x, *order)
    y = f(*args)
    assert not isinstance(y, Tensor)
    np.testing.assert_array_equal(y, f(*[t.data if isinstance(t, Tensor) else t for t in args]))
