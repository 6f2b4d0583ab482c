"""The oracle is the definition: densities multiplied, means and variances by loops, in fractions far from zero."""

import math
import tracemalloc
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_linear import gaussian_nb
from pellucid_linear.gaussian_nb import (
    BLOCK,
    GaussianNB,
    Moments,
    Params,
    block_moments,
    estimate,
    fit,
    log_joint,
    log_posterior,
    merge,
    moments,
    squares_one_by_one,
)


def draw(seed=0, N=40, D=3, K=3):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, K, N)
    y[:K] = np.arange(K)
    centre, spread = 3 * rng.normal(size=(K, D)), rng.uniform(0.5, 2, (K, D))
    return centre[y] + spread[y] * rng.normal(size=(N, D)), y, rng.uniform(0.5, 3, N)


def by_definition(X, y, weights, K):
    """Sums, means and squared deviations of each class, in fractions."""
    D = X.shape[1]
    count, mean, squares = np.zeros(K), np.zeros((K, D)), np.zeros((K, D))
    for k in range(K):
        rows = [([Fraction(float(v)) for v in x], Fraction(float(s))) for x, s, c in zip(X, weights, y) if c == k and s]
        if rows:
            total = sum(s for _, s in rows)
            count[k] = float(total)
            for d in range(D):
                m = sum(s * x[d] for x, s in rows) / total
                mean[k, d], squares[k, d] = float(m), float(sum(s * (x[d] - m) ** 2 for x, s in rows))
    return Moments(count, mean, squares)


def assert_same(found, expected, rtol=1e-12):
    for name in Moments._fields:
        one, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-290, err_msg=name)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("N", [3, 40])
def test_eq_3_4_5_6_moments_of_a_block(N, weighted):
    X, y, weights = draw(1, N)
    expected = by_definition(X, y, weights if weighted else np.ones(N), 5)  # two classes have no rows
    assert_same(block_moments(X, y, weights if weighted else None, 5), expected)


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e9])
def test_eq_4_5_6_far_from_zero_no_digit_is_lost_that_the_data_have(offset):
    X, y, weights = draw(2)
    X = X + offset * np.array([1.0, -1.0, 0.3])
    assert_same(block_moments(X, y, weights, 3), by_definition(X, y, weights, 3), rtol=1e-11)


@pytest.mark.parametrize("first", [True, False])
def test_eq_6_an_outlier_costs_no_more_digits_than_there_are_rows(first):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(300, 1)), np.zeros(300, dtype=np.int64)
    X[0 if first else 250] = 1e9
    weights = np.ones(300)
    assert_same(block_moments(X, y, None, 1), by_definition(X, y, weights, 1), rtol=1e-12)
    weights[X[:, 0] > 1e8] = 1e-30  # it is far away, and counts for little: it must not be what the rest is taken from
    assert_same(block_moments(X, y, weights, 1), by_definition(X, y, weights, 1), rtol=1e-11)


@pytest.mark.parametrize("value", [0.1, 1e8 / 3, -7e-9, 1e150])
def test_a_constant_column_is_exact(value):
    X, y, weights = draw(4, 3 * BLOCK)
    X[:, 1] = value
    for s in (weights, None):
        found = moments(X, y, s, 3)
        assert np.all(found.mean[:, 1] == value) and not found.squares[:, 1].any()


def test_eq_7_8_merged_moments_are_those_of_all_rows():
    X, y, weights = draw(5)
    for cut in (1, 3, 20, 39):
        parts = [block_moments(A, b, c, 4) for A, b, c in zip(*(np.split(v, [cut]) for v in (X, y, weights)))]
        assert_same(merge(*parts), by_definition(X, y, weights, 4))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(-6, 7), st.booleans())
def test_eq_7_8_any_pieces_in_any_order(seed, K, power, weighted):
    X, y, weights = draw(seed, 60, 2, K)
    X += 10.0**power
    weights[::7] = 0
    s = weights if weighted else np.ones(60)
    rng = np.random.default_rng(seed)
    order, cuts = rng.permutation(60), np.sort(rng.integers(0, 60, 4))
    whole = Moments(np.zeros(K), np.zeros((K, 2)), np.zeros((K, 2)))
    for rows in np.split(order, cuts):
        whole = merge(whole, moments(X[rows], y[rows], s[rows], K))
    expected = by_definition(X, y, s, K)
    for name in Moments._fields:  # one row of a class has no spread but what rounding makes of it
        one, other = getattr(whole, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-24 * 10.0 ** (2 * power), err_msg=name)


@pytest.mark.parametrize("N", [BLOCK - 1, BLOCK, 2 * BLOCK + 5])
@pytest.mark.parametrize("weighted", [True, False])
def test_moments_go_through_all_rows(N, weighted):
    X, y, weights = draw(6, N)
    weights[: BLOCK + 2] *= np.arange(min(N, BLOCK + 2)) % 3 == 0
    s = weights if weighted else np.ones(N)
    found = moments(X, y, weights if weighted else None, 3)
    for k in range(3):
        np.testing.assert_allclose(found.total[k], s[y == k].sum(), rtol=1e-12)
        mean = np.average(X[y == k], axis=0, weights=s[y == k])
        np.testing.assert_allclose(found.mean[k], mean, rtol=1e-11)
        np.testing.assert_allclose(found.squares[k], s[y == k] @ (X[y == k] - mean) ** 2, rtol=1e-11)


def test_eq_9_10_11_parameters_by_hand():
    """Two rows around 0 and one at 6 in the first column; the second is constant."""
    learnt = Moments(np.array([2.0, 1.0]), np.array([[0.0, 5.0], [6.0, 5.0]]), np.array([[2.0, 0.0], [0.0, 0.0]]))
    params, epsilon = estimate(learnt, None, 0.1)
    np.testing.assert_allclose(params.prior, [2 / 3, 1 / 3])
    variance = (2 * 1 + 2 * 2**2 + 4**2) / 3  # -1, 1 and 6 have the mean 2
    np.testing.assert_allclose(epsilon, 0.1 * variance)
    np.testing.assert_allclose(params.var, [[1 + epsilon, epsilon], [epsilon, epsilon]])
    np.testing.assert_array_equal(params.theta, learnt.mean)
    np.testing.assert_array_equal(estimate(learnt, np.array([0.5, 0.5]), 0.1)[0].prior, [0.5, 0.5])


@pytest.mark.parametrize("weighted", [True, False])
def test_eq_10_largest_variance_is_that_of_all_rows(weighted):
    X, y, weights = draw(7)
    s = weights if weighted else None
    _, epsilon, _ = fit(X, y, 3, s, var_smoothing=0.25)
    about = X - np.average(X, axis=0, weights=s)
    np.testing.assert_allclose(epsilon, 0.25 * np.average(about**2, axis=0, weights=s).max(), rtol=1e-12)


def test_a_class_without_rows_has_no_share_and_spoils_nothing():
    X, y, _ = draw(8)
    params, epsilon, _ = fit(X, y, 5)
    assert not params.prior[3:].any() and np.all(params.var[3:] == epsilon)
    _, alone, _ = fit(X, y, 3)
    assert epsilon == pytest.approx(alone, rel=1e-13)
    joint = log_joint(X, params)
    assert np.all(joint[:, 3:] == -np.inf)
    P = np.exp(log_posterior(joint))
    assert not P[:, 3:].any()
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)


def density_by_definition(X, params):
    """log(π Π N(x | θ, v)), one normal density at a time."""
    joint = np.empty((len(X), len(params.prior)))
    for n, x in enumerate(X):
        for k in range(len(params.prior)):
            product = params.prior[k]
            for d in range(len(x)):
                product *= NormalDist(params.theta[k, d], params.var[k, d] ** 0.5).pdf(x[d])
            joint[n, k] = math.log(product)
    return joint


@pytest.fixture(params=["by products", "one by one"])
def way(request, monkeypatch):
    """Every test with this fixture runs by (12) and by (1) as it stands."""
    if request.param == "one by one":
        monkeypatch.setattr(gaussian_nb, "LARGEST_Q", 0.0)
    return request.param


@pytest.mark.parametrize("N", [7, BLOCK + 3])
def test_eq_1_12_joint_is_the_product_of_densities(way, N):
    X, y, _ = draw(9, N)
    params, *_ = fit(X, y, 3)
    found = log_joint(X, params)
    rows = np.r_[0:7, N - 7 : N]
    np.testing.assert_allclose(found[rows], density_by_definition(X[rows], params), rtol=1e-12)
    assert found.shape == (N, 3)


def test_eq_1_squares_by_loops():
    X, y, _ = draw(10)
    params, *_ = fit(X, y, 3)
    found = squares_one_by_one(X, params.theta, 1 / np.sqrt(params.var))
    expected = [[sum((x - m) ** 2 / v) for m, v in zip(params.theta, params.var)] for x in X]
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("offset", [0.0, 1e6, 1e9])
def test_eq_1_12_far_from_zero_the_answer_is_the_same(way, offset):
    X, y, _ = draw(11)
    X = np.round(X * 2**20) / 2**20  # what is left of it beyond 1e9
    here, there = fit(X, y, 3)[0], fit(X + offset, y, 3)[0]
    np.testing.assert_allclose(there.var, here.var, rtol=1e-9)
    np.testing.assert_allclose(log_joint(X + offset, there), log_joint(X, here), rtol=1e-6 if offset > 1e6 else 1e-9)


@pytest.mark.parametrize("distance", [10.0, 1e4, 1e7])
def test_eq_12_is_used_only_as_long_as_it_has_the_digits(distance):
    """Two classes with the deviation 1, so far apart: the density of the near one keeps ten digits."""
    params = Params(np.array([0.5, 0.5]), np.array([[0.0], [distance]]), np.ones((2, 1)))
    x = np.array([[0.3], [-1.2], [distance + 0.5]])
    found, near = log_joint(x, params), [0, 0, 1]
    expected = [math.log(0.5 * NormalDist(params.theta[k, 0], 1).pdf(v)) for k, v in zip(near, x[:, 0])]
    np.testing.assert_allclose(found[np.arange(3), near], expected, rtol=1e-9)


def test_eq_12_both_ways_agree_up_to_the_bound(monkeypatch):
    X, y, _ = draw(12, D=4)
    X[:, 3] = X[:, 3] * 1e-3 + y  # the classes are many deviations apart in this column
    params, *_ = fit(X, y, 3)
    products = log_joint(X, params)
    Q = np.max(np.sum((params.theta - params.theta.mean(axis=0)) ** 2 / params.var, axis=1))
    monkeypatch.setattr(gaussian_nb, "LARGEST_Q", Q)
    one_by_one = log_joint(X, params)
    monkeypatch.setattr(gaussian_nb, "LARGEST_Q", math.nextafter(Q, np.inf))
    forced = log_joint(X, params)
    np.testing.assert_allclose(products, one_by_one, rtol=1e-10)
    np.testing.assert_allclose(forced, one_by_one, rtol=1e-8)
    assert np.any(forced != one_by_one)


def test_eq_2_posterior_sums_to_one_however_small_the_densities():
    joint = np.array(
        [[-1.0, -2.0, -3.0], [-5000.0, -5001.0, -5000.0], [0.0, -np.inf, -800.0], [-1e300, -1e300, -1e300]]
    )
    log_p = log_posterior(joint)
    exact = np.exp([-1.0, -2.0, -3.0])
    np.testing.assert_allclose(np.exp(log_p[0]), exact / exact.sum(), rtol=1e-14)
    np.testing.assert_allclose(log_p[1], np.log([1, np.exp(-1), 1] / (2 + np.exp(-1))), rtol=1e-14)
    np.testing.assert_allclose(log_p[2], [0, -np.inf, -800])
    np.testing.assert_allclose(np.exp(log_p[3]), 1 / 3)


def test_recovers_what_the_data_were_drawn_from():
    rng = np.random.default_rng(13)
    prior, theta = np.array([0.2, 0.3, 0.5]), np.array([[0.0, 1.0], [5.0, -1.0], [-4.0, 0.0]])
    deviation = np.array([[1.0, 0.5], [2.0, 1.0], [0.3, 3.0]])
    y = rng.choice(3, size=40_000, p=prior)
    X = theta[y] + deviation[y] * rng.normal(size=(40_000, 2))
    model = GaussianNB().fit(X, y)
    np.testing.assert_allclose(model.class_prior_, prior, atol=0.01)
    np.testing.assert_allclose(model.theta_, theta, atol=0.06)
    np.testing.assert_allclose(model.var_**0.5, deviation, rtol=0.03)
    P = model.predict_proba(X)
    for low in (0.1, 0.5, 0.9):  # of points with a probability of so much, so many are of the class
        some = (P > low - 0.02) & (P < low + 0.02)
        np.testing.assert_allclose((y[:, None] == np.arange(3))[some].mean(), P[some].mean(), atol=0.05)


def test_integer_weights_are_repeated_rows():
    X, y, _ = draw(14)
    times = np.random.default_rng(14).integers(0, 4, 40)
    weighted = GaussianNB().fit(X, y, times.astype(float))
    repeated = GaussianNB().fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    for name in ("class_count_", "class_prior_", "theta_", "var_", "epsilon_"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-12)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("piece", [1, 7, 40])
def test_partial_fit_of_all_pieces_is_one_fit(piece, weighted):
    X, y, weights = draw(15)
    model = GaussianNB()
    for start in range(0, 40, piece):
        part = slice(start, start + piece)
        s = weights[part] if weighted else None
        assert model.partial_fit(X[part], y[part], [2, 0, 1] if start == 0 else None, s) is model
    once = GaussianNB().fit(X, y, weights if weighted else None)
    for name in ("class_count_", "class_prior_", "theta_", "var_", "epsilon_"):
        np.testing.assert_allclose(getattr(model, name), getattr(once, name), rtol=1e-11)
    np.testing.assert_allclose(model.predict_joint_log_proba(X), once.predict_joint_log_proba(X), rtol=1e-10)


def test_partial_fit_goes_on_from_fit_and_fit_forgets():
    X, y, _ = draw(16)
    model = GaussianNB().fit(X[:20], y[:20]).partial_fit(X[20:], y[20:])
    np.testing.assert_allclose(model.theta_, GaussianNB().fit(X, y).theta_, rtol=1e-12)
    np.testing.assert_array_equal(model.fit(X[:9], y[:9]).theta_, GaussianNB().fit(X[:9], y[:9]).theta_)


def test_partial_fit_with_classes_that_come_later():
    X, y, _ = draw(17)
    order = np.argsort(y, kind="stable")
    model = GaussianNB().partial_fit(X[y == 0], y[y == 0], classes=[0, 1, 2])
    assert np.all(model.predict(X) == 0)
    np.testing.assert_array_equal(model.predict_proba(X)[:, 1:], 0)
    for k in (1, 2):
        model.partial_fit(X[y == k], y[y == k])
    np.testing.assert_allclose(model.var_, GaussianNB().fit(X[order], y[order]).var_, rtol=1e-12)
    with pytest.raises(ValueError, match=r"labels \[7\]"):
        model.partial_fit(X[:1], [7])
    with pytest.raises(ValueError, match="classes must be as at first"):
        model.partial_fit(X[:1], [1], classes=[0, 1])
    model.partial_fit(X[:1], [1], classes=[2, 1, 0])


def test_priors_of_ones_own():
    X, y, _ = draw(18)
    plain, own = GaussianNB().fit(X, y), GaussianNB(priors=[0.5, 0.5, 0.0]).fit(X, y)
    np.testing.assert_array_equal(own.class_prior_, [0.5, 0.5, 0.0])
    with np.errstate(divide="ignore"):
        shift = np.log(own.class_prior_) - np.log(plain.class_prior_)
    np.testing.assert_allclose(own.predict_joint_log_proba(X), plain.predict_joint_log_proba(X) + shift, rtol=1e-12)
    assert 2 not in own.predict(X)
    own.partial_fit(X, y)
    np.testing.assert_array_equal(own.class_prior_, [0.5, 0.5, 0.0])


@pytest.mark.parametrize(
    "params, message",
    [
        ({"priors": [0.5, 0.5]}, "one number for each of 3 classes"),
        ({"priors": [0.5, 0.5, 0.5]}, "sum to 1, .* with the sum 1.5"),
        ({"priors": [1.5, -0.5, 0.0]}, "0 or more and sum to 1"),
        ({"priors": [np.nan, 0.5, 0.5]}, "sum to 1"),
        ({"var_smoothing": -1e-9}, "var_smoothing must be a number, finite and 0 or more, got -1e-09"),
        ({"var_smoothing": np.inf}, "finite"),
    ],
)
def test_wrong_parameters_say_so(params, message):
    X, y, _ = draw(19)
    with pytest.raises(ValueError, match=message):
        GaussianNB(**params).fit(X, y)


# -- odd data --------------------------------------------------------------------------------------------------------


def test_a_feature_that_is_constant_in_a_class_decides_but_never_with_nan():
    X, y, _ = draw(20)
    X[y == 0, 1] = 4.0
    for smoothing in (1e-9, 0.0):
        model = GaussianNB(var_smoothing=smoothing).fit(X, y)
        P = model.predict_proba(np.vstack([X, X + [0, 1e-2, 0]]))
        assert np.isfinite(P).all()
        np.testing.assert_allclose(P.sum(axis=1), 1)
        assert P[0, 0] > 0.99 and y[0] == 0 and P[40, 0] < 1e-9  # next to the constant it cannot be that class


@pytest.mark.parametrize("smoothing", [1e-9, 0.0])
def test_where_nothing_varies_the_shares_decide(smoothing):
    X, y = np.full((10, 2), 0.1), np.repeat([0, 1], [3, 7])
    model = GaussianNB(var_smoothing=smoothing).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), [[0.3, 0.7]] * 10, rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X + 1e-5), [[0.3, 0.7]] * 10 if smoothing else 0.5, rtol=1e-6)


def test_one_row_and_one_class():
    one = GaussianNB().fit([[3.0, -2.0]], ["a"])
    assert one.predict([[100.0, 0.0]]).tolist() == ["a"] and one.predict_proba([[1.0, 1.0]]).tolist() == [[1.0]]
    two = GaussianNB().fit([[0.0], [2.0]], [5, 9])  # a single row for each class
    assert two.predict([[0.9], [1.1]]).tolist() == [5, 9]


def test_the_same_row_with_two_labels():
    X, y = [[1.0], [1.0], [2.0], [2.0]], [0, 1, 0, 1]
    np.testing.assert_allclose(GaussianNB().fit(X, y).predict_proba(X), 0.5)


@pytest.mark.parametrize("scale", [1e-140, 1e-30, 1e30, 1e150])
def test_a_change_of_units_changes_no_probability(scale):
    X, y, _ = draw(21)
    plain = GaussianNB().fit(X, y)
    scaled = GaussianNB().fit(X * scale, y)
    np.testing.assert_allclose(scaled.predict_proba(X * scale), plain.predict_proba(X), rtol=1e-9, atol=1e-15)


def test_squares_that_overflow_are_refused_at_fit_and_harmless_after_it():
    X, y, _ = draw(22)
    with pytest.raises(ValueError, match="squares of the data overflow.*Rescale"):
        GaussianNB().fit(X * 1e200, y)
    P = GaussianNB().fit(X, y).predict_proba(X * 1e200)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    huge = Params(np.array([0.5, 0.5]), np.array([[0.0], [1e-12]]), np.full((2, 1), 1e-20))
    assert np.isfinite(log_joint(np.array([[1e300], [-1e300]]), huge)).all()


def test_float32_is_summed_in_float64():
    rng = np.random.default_rng(23)
    X = (rng.normal(size=(5000, 2)) + 1000).astype(np.float32)
    y = (X[:, 0] > 1000).astype(int)
    model, exact = GaussianNB().fit(X, y), GaussianNB().fit(X.astype(np.float64), y)
    np.testing.assert_array_equal(model.var_, exact.var_)
    np.testing.assert_array_equal(GaussianNB().fit(X, y, np.ones(5000, np.float32)).theta_, exact.theta_)
    for name in ("predict_proba", "predict_log_proba", "predict_joint_log_proba"):
        np.testing.assert_array_equal(getattr(model, name)(X), getattr(exact, name)(X.astype(np.float64)))
        assert getattr(model, name)(X).dtype == np.float64


def test_methods_belong_together():
    X, y, _ = draw(24)
    labels = np.array(["b", "c", "a"])[y]
    model = GaussianNB().fit(X, labels)
    joint, log_p, P = model.predict_joint_log_proba(X), model.predict_log_proba(X), model.predict_proba(X)
    np.testing.assert_allclose(log_p, joint - np.log(np.exp(joint).sum(axis=1, keepdims=True)), rtol=1e-10, atol=1e-14)
    np.testing.assert_array_equal(P, np.exp(log_p))
    np.testing.assert_array_equal(model.predict(X), model.classes_[P.argmax(axis=1)])
    assert model.classes_.tolist() == ["a", "b", "c"] and model.score(X, labels) > 0.8


def test_what_is_learnt_is_the_models_own():
    X, y, _ = draw(25)
    model = GaussianNB().fit(X, y)
    kept = model.moments_.mean.copy()
    model.theta_ += 1
    model.class_count_ += 1
    np.testing.assert_array_equal(model.moments_.mean, kept)
    assert model.partial_fit(X, y).class_count_.sum() == 80


def test_memory_mapped_rows_are_not_read_as_a_whole(tmp_path):
    """Of a file of 48 MB a few blocks are in memory at a time, and the labels."""
    rng = np.random.default_rng(26)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float64, shape=(200_000, 30))
    y = rng.integers(0, 3, len(X))
    for start in range(0, len(X), 10_000):
        X[start : start + 10_000] = rng.normal(size=(10_000, 30)) + y[start : start + 10_000, None]
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    tracemalloc.start()
    model = GaussianNB().fit(X, y)
    fitted = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    model.predict(X)
    predicted = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fitted < 9e6 and predicted < 16e6, (fitted, predicted)
    np.testing.assert_allclose(model.theta_, np.repeat([[0.0], [1.0], [2.0]], 30, axis=1), atol=0.03)


def test_squares_that_underflow_are_refused():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    expected = GaussianNB().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(GaussianNB().fit(X * 1e-150, y).predict_proba(X * 1e-150), expected, rtol=1e-9)
    for size in (1e-155, 1e-170, 1e-300):
        with pytest.raises(ValueError, match="squares of the data underflow.*Rescale"):
            GaussianNB().fit(X * size, y)
    same = np.full((4, 1), 1e-300)  # nothing varies, and nothing is lost
    np.testing.assert_allclose(GaussianNB().fit(same, y).predict_proba(same), 0.5)
