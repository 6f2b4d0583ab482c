"""The oracle is the definition: the variance of what a fit makes of independent errors, weight by weight."""

import numpy as np
import pytest

from pellucid_linear import LinearRegression
from pellucid_linear.linear_regression import gathered, shortest
from pellucid_linear.standard_errors import (
    OUTSIDE,
    around_prediction,
    estimates,
    inference,
    interval,
    mean_spread,
    residual_variance,
    spread,
)
from pellucid_linear.student_t import quantile, tail
from pellucid_linear.tall_skinny_qr import Directions, directions


def draw(seed=0, N=30, D=3, T=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)) + rng.normal(size=D), rng.normal(size=(N, T)) + 2, rng.uniform(0.5, 3, N)


def fitted(X, Y, weights=None, fit_intercept=True):
    factor = gathered(X, Y, weights, fit_intercept=fit_intercept)
    return factor, directions(factor), shortest(factor)[0]


def response(X, weights, fit_intercept=True):
    """How the weights and the intercept answer to each target alone: the fit is linear in y. (D+1, N)"""
    columns = []
    for n in range(len(X)):
        y = np.zeros(len(X))
        y[n] = 1
        model = LinearRegression(fit_intercept=fit_intercept).fit(X, y, weights)
        columns.append([*model.coef_, float(model.intercept_)])
    return np.array(columns).T


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_1_2_residual_variance_is_the_squared_error_over_what_rows_are_left(fit_intercept):
    X, Y, weights = draw(1)
    variance, df = residual_variance(*fitted(X, Y, weights, fit_intercept), fit_intercept=fit_intercept)
    model = LinearRegression(fit_intercept=fit_intercept).fit(X, Y, weights)
    expected = np.sum(weights[:, None] * (Y - model.predict(X)) ** 2, axis=0) / (27 - fit_intercept)
    assert df == 27 - fit_intercept
    np.testing.assert_allclose(variance, expected, rtol=1e-12)


def test_eq_1_2_rank_counts_and_rows_without_weight_do_not():
    X, Y, weights = draw(2)
    X[:, 2] = X[:, 0]
    weights[:4] = 0
    variance, df = residual_variance(*fitted(X, Y, weights), fit_intercept=True)
    assert df == 26 - 2 - 1
    again, _ = residual_variance(*fitted(X[4:, :2], Y[4:], weights[4:]), fit_intercept=True)
    np.testing.assert_allclose(variance, again, rtol=1e-11)


@pytest.mark.parametrize("N, df", [(4, 0), (3, 0), (5, 1)])
def test_eq_1_2_without_a_row_to_spare_nothing_is_known(N, df):
    X, Y, _ = draw(3, N)
    variance, found = residual_variance(*fitted(X, Y), fit_intercept=True)
    assert found == df and np.isnan(variance).all() == (df == 0)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_3_4_spread_is_the_variance_of_a_sum_of_weights(fit_intercept):
    X, Y, weights = draw(4)
    _, at, _ = fitted(X, Y, weights, fit_intercept)
    A = response(X, weights, fit_intercept)[:-1]  # (D, N), and the error of row n has the variance 1/sₙ
    Z = np.vstack([np.eye(3), [1.0, -2.0, 0.5]])
    np.testing.assert_allclose(spread(Z, at), np.sum((Z @ A) ** 2 / weights, axis=1), rtol=1e-11)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_5_mean_spread_is_the_variance_of_a_prediction(fit_intercept):
    X, Y, weights = draw(5)
    factor, at, _ = fitted(X, Y, weights, fit_intercept)
    A = response(X, weights, fit_intercept)  # (D+1, N)
    new = np.vstack([np.zeros(3), X[:3], draw(6)[0][:3] * 5])
    expected = np.sum((np.column_stack([new, np.ones(7)]) @ A) ** 2 / weights, axis=1)
    np.testing.assert_allclose(mean_spread(new, factor, at, fit_intercept=fit_intercept), expected, rtol=1e-11)


def test_eq_6_interval_has_the_quantile_for_its_width():
    low, high = interval(np.array([1.0, -2.0]), np.array([4.0, 0.0]), 0.9, 7)
    np.testing.assert_allclose(low, [1 - 2 * quantile(0.95, 7), -2])
    np.testing.assert_allclose(high, [1 + 2 * quantile(0.95, 7), -2])
    assert np.isnan(interval(np.array([1.0]), np.array([4.0]), 0.9, 0)).all()


def test_estimates_belong_together():
    value, variance = np.array([[3.0, -1.0, 0.0]]), np.array([[4.0, 0.25, 1.0]])
    found = estimates(value, variance, 0.95, 12)
    np.testing.assert_allclose(found.standard_error, [[2, 0.5, 1]])
    np.testing.assert_allclose(found.t, [[1.5, -2, 0]])
    np.testing.assert_allclose(found.p_value, tail(found.t, 12))
    np.testing.assert_array_equal((found.low, found.high), interval(value, variance, 0.95, 12))
    # an interval ends at 0 where its level is 1 - p
    low, _ = interval(value[0, :1], variance[0, :1], 1 - found.p_value[0, 0], 12)
    np.testing.assert_allclose(low, 0, atol=1e-10)
    assert np.isnan(estimates(value, variance, 0.95, 0).p_value).all()


def test_eq_6_7_prediction_intervals():
    X, Y, weights = draw(7)
    factor, at, coef = fitted(X, Y, weights)
    variance, df = residual_variance(factor, at, coef, fit_intercept=True)
    value, of_mean = np.ones((4, 2)), mean_spread(X[:4], factor, at, fit_intercept=True)
    for one_target, more in ((False, 1.0), (True, 0.0)):
        found = around_prediction(X[:4], value, factor, at, coef, 0.8, fit_intercept=True, of_mean=one_target)
        width = quantile(0.9, df) * np.sqrt((of_mean[:, None] + more) * variance)
        np.testing.assert_allclose(found[0], 1 - width, rtol=1e-12)
        np.testing.assert_allclose(found[1], 1 + width, rtol=1e-12)


def test_eq_8_what_collinear_columns_leave_undetermined_is_nan():
    X, Y, weights = draw(8, D=4)
    X[:, 3] = 2 * X[:, 1] - X[:, 2]
    factor, at, _ = fitted(X, Y, weights)
    found = spread(np.vstack([np.eye(4), [0, 1, 0, 2.0], [0, 0, 1, -1.0]]), at)
    np.testing.assert_array_equal(np.isnan(found), [False, True, True, True, False, False])
    # column 0, and the sums of weights that stand before columns 1 and 2 when column 3 is left out
    without = spread(np.eye(3), fitted(X[:, :3], Y, weights)[1])
    np.testing.assert_allclose(found[[0, 4, 5]], without, rtol=1e-10)
    new = np.vstack([X[:2], X[:1] + [0, 0, 0, 1.0]])  # the last is unlike any point of the fit
    np.testing.assert_array_equal(np.isnan(mean_spread(new, factor, at, fit_intercept=True)), [False, False, True])


@pytest.mark.parametrize("share, determined", [(0.8, True), (1.2, False)])
def test_eq_8_how_far_outside_of_what_is_determined(share, determined):
    """One direction, and a z at an angle to it: the square of the sine is what lies outside."""
    sine = np.sqrt(share * OUTSIDE)
    V = np.array([[np.sqrt(1 - sine**2)], [sine]])
    at = Directions(np.ones((1, 1)), np.ones(1), V, np.array([2.0, 5.0]))
    assert np.isfinite(spread(np.array([[14.0, 0.0]]), at)[0]) == determined


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e9])
def test_eq_8_units_do_not_decide_what_is_determined(unit):
    X, Y, _ = draw(9, D=4)
    X[:, 3] = unit * X[:, 1]
    np.testing.assert_array_equal(np.isnan(spread(np.eye(4), fitted(X, Y)[1])), [False, True, False, True])


def test_eq_8_a_constant_column_is_undetermined_and_the_intercept_with_it():
    X, Y, _ = draw(10)
    X[:, 1] = 5.0
    model = LinearRegression().fit(X, Y[:, 0])
    found = model.inference()
    np.testing.assert_array_equal(np.isnan(found.coef.standard_error), [False, True, False])
    assert np.isnan(found.intercept.standard_error)
    X[:, 1] = 0.0  # then only its weight is
    found = LinearRegression().fit(X, Y[:, 0]).inference()
    np.testing.assert_array_equal(np.isnan(found.coef.standard_error), [False, True, False])
    assert np.isfinite(found.intercept.standard_error)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_inference_is_of_each_target_and_each_weight(fit_intercept):
    X, Y, weights = draw(11)
    factor, at, coef = fitted(X, Y, weights, fit_intercept)
    intercept = factor.y_mean - coef @ factor.x_mean
    found = inference(factor, at, coef, intercept, 0.95, fit_intercept=fit_intercept)
    A = response(X, weights, fit_intercept)
    spreads = np.sum(A**2 / weights, axis=1)  # (D+1,)
    expected = np.sqrt(np.outer(found.residual_variance, spreads))  # (T, D+1)
    np.testing.assert_allclose(found.coef.standard_error, expected[:, :-1], rtol=1e-11)
    np.testing.assert_allclose(found.intercept.standard_error, expected[:, -1], rtol=1e-11, atol=1e-14)
    np.testing.assert_array_equal(found.coef.value, coef)
    assert found.degrees_of_freedom == 27 - fit_intercept


def test_intervals_cover_the_truth_as_often_as_they_say():
    """Of 4,000 sets of targets, with 12 rows of unequal precision, 90 % hold each true number in its interval."""
    rng = np.random.default_rng(12)
    coef, intercept, T = np.array([1.0, -2.0]), 3.0, 4000
    X, weights, point = rng.normal(size=(12, 2)) + 1, rng.uniform(0.2, 4, 12), np.array([[0.5, 2.0]])
    truth = float(point[0] @ coef) + intercept
    Y = (X @ coef + intercept)[:, None] + 1.5 * rng.normal(size=(12, T)) / np.sqrt(weights)[:, None]
    model = LinearRegression().fit(X, Y, weights)
    found = model.inference(0.9)
    mean, new = model.predict_interval(point, 0.9, of_mean=True), model.predict_interval(point, 0.9)
    ends = {
        "first weight": (found.coef.low[:, 0], found.coef.high[:, 0], coef[0]),
        "second weight": (found.coef.low[:, 1], found.coef.high[:, 1], coef[1]),
        "intercept": (found.intercept.low, found.intercept.high, intercept),
        "mean": (*mean, truth),
        "new target": (*new, truth + 1.5 * rng.normal(size=T)),
    }
    for name, (low, high, value) in ends.items():  # the number inside is binomial: 3,600, give or take 19
        assert abs(np.sum((low < value) & (value < high)) - 3600) < 3 * 19, name


def test_p_values_are_uniform_where_there_is_nothing_to_find():
    rng = np.random.default_rng(13)
    X, Y = rng.normal(size=(8, 2)), rng.normal(size=(8, 4000))
    p = LinearRegression().fit(X, Y).inference().coef.p_value  # (4000, 2)
    for level in (0.05, 0.2, 0.5, 0.9):
        assert np.all(np.abs(np.mean(p < level, axis=0) - level) < 3 * np.sqrt(level * (1 - level) / 4000)), level


def test_a_perfect_fit_has_no_errors():
    X = draw(14)[0]
    found = LinearRegression().fit(X, X @ [1.0, 2.0, 0.0] + 1).inference()
    assert found.residual_variance < 1e-28
    np.testing.assert_allclose(found.coef.standard_error, 0, atol=1e-14)
    assert np.all(found.coef.p_value[:2] < 1e-100)
