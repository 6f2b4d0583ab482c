"""The oracle is the definition: loops, exact fractions, repeated rows, nudged weights."""

from fractions import Fraction

import numpy as np
import pytest

from pellucid_linear import LinearRegression, linear_regression
from pellucid_linear.linear_regression import centred, fit, predict, weighted_mean


def draw(seed=0, N=40, D=3, T=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)) + rng.normal(size=D), rng.normal(size=(N, T)), rng.uniform(0.5, 3, N)


def loss(params, X, Y, weights):
    """½ Σₙ sₙ (ŷₙ − yₙ)², by loops."""
    total = 0.0
    for x, y, s in zip(X, Y, weights):
        for w, b, target in zip(params.coef, params.intercept, y):
            total += 0.5 * s * (sum(wi * xi for wi, xi in zip(w, x)) + b - target) ** 2
    return total


def solve_exactly(A, b):
    """Gauss-Jordan elimination in fractions."""
    rows = [[Fraction(v) for v in row] + [Fraction(r)] for row, r in zip(A, b)]
    for i in range(len(rows)):
        pivot = next(r for r in range(i, len(rows)) if rows[r][i] != 0)
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for r in range(len(rows)):
            if r != i:
                rows[r] = [v - rows[r][i] * u for v, u in zip(rows[r], rows[i])]
    return [float(row[-1]) for row in rows]


def least_squares_exactly(X, y):
    """Weights, then the intercept, without a single rounding before the last."""
    rows = [[Fraction(float(v)) for v in x] + [Fraction(1)] for x in X]
    y = [Fraction(float(v)) for v in y]
    gram = [[sum(r[i] * r[j] for r in rows) for j in range(len(rows[0]))] for i in range(len(rows[0]))]
    return solve_exactly(gram, [sum(r[i] * t for r, t in zip(rows, y)) for i in range(len(rows[0]))])


@pytest.fixture(params=["sums over rows", "singular values"])
def way(request, monkeypatch):
    """Every test with this fixture runs by normal_equations.py and by this file's own (5)."""
    if request.param == "singular values":
        monkeypatch.setattr(linear_regression.normal_equations, "solve", lambda *args, **kwargs: None)
    return request.param


def test_eq_1_prediction_is_a_weighted_sum_plus_the_intercept():
    X, coef, intercept = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[10.0, 1.0]]), np.array([0.5])
    np.testing.assert_array_equal(predict(X, coef, intercept), [[12.5], [35.5]])
    np.testing.assert_array_equal(predict(X, coef[0], intercept[0]), [12.5, 35.5])


def test_eq_2_mean_counts_each_row_as_often_as_its_weight():
    X = np.array([[1.0, -2.0], [5.0, 7.0], [0.5, 0.0]])
    repeated = X[[0, 1, 1, 1, 2, 2]]
    np.testing.assert_allclose(weighted_mean(X, np.array([1.0, 3.0, 2.0])), repeated.sum(axis=0) / 6, rtol=1e-15)


@pytest.mark.parametrize("value", [0.1, 1e8 / 3, -7e-9, 1e300])
def test_eq_2_4_constant_column_is_centred_to_exact_zeros(value):
    rng = np.random.default_rng(0)
    X = np.column_stack([np.full(1001, value), rng.normal(size=1001)])
    Xc, *_ = centred(X, X, rng.uniform(size=1001), fit_intercept=True)
    assert not Xc[:, 0].any()


def test_eq_4_rows_are_centred_and_scaled_by_the_root_of_their_weight():
    X, Y, weights = draw()
    x_mean, y_mean = np.average(X, axis=0, weights=weights), np.average(Y, axis=0, weights=weights)
    Xc, Yc, x_found, y_found = centred(X, Y, weights, fit_intercept=True)
    for n in range(len(X)):
        np.testing.assert_allclose(Xc[n], weights[n] ** 0.5 * (X[n] - x_mean), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(Yc[n], weights[n] ** 0.5 * (Y[n] - y_mean), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose([*x_found, *y_found], [*x_mean, *y_mean], rtol=1e-13)


def test_eq_4_nothing_is_centred_without_intercept():
    X, Y, weights = draw()
    Xc, Yc, x_mean, y_mean = centred(X, Y, weights, fit_intercept=False)
    np.testing.assert_array_equal(Xc, np.sqrt(weights)[:, None] * X)
    np.testing.assert_array_equal(Yc, np.sqrt(weights)[:, None] * Y)
    assert x_mean.shape == (3,) and y_mean.shape == (2,) and not x_mean.any() and not y_mean.any()


def test_eq_3_errors_cancel_and_the_prediction_passes_through_the_means(way):
    X, Y, weights = draw()
    params, _ = fit(X, Y, weights)
    errors = predict(X, *params) - Y
    np.testing.assert_allclose(weights @ errors, 0, atol=1e-12)
    mean = weighted_mean(X, weights)[None, :]
    np.testing.assert_allclose(predict(mean, *params)[0], weighted_mean(Y, weights), rtol=1e-12)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_3_5_no_nudge_lowers_the_loss(way, fit_intercept):
    X, Y, weights = draw(1)
    params, rank = fit(X, Y, weights, fit_intercept=fit_intercept)
    assert rank == 3 and params.coef.shape == (2, 3) and params.intercept.shape == (2,)
    assert fit_intercept or not params.intercept.any()
    least, rng = loss(params, X, Y, weights), np.random.default_rng(2)
    for _ in range(100):
        nudge = [1e-3 * rng.normal(size=p.shape) for p in params]
        nudged = params._replace(coef=params.coef + nudge[0], intercept=params.intercept + fit_intercept * nudge[1])
        assert loss(nudged, X, Y, weights) > least


@pytest.mark.parametrize("offset", [0, 1e4, 1e8])
def test_eq_3_5_agree_with_exact_fractions(way, offset):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(12, 3)) * [1, 1e3, 1e-3] + [offset, 0, 1e-3 * offset]
    y = X @ [1, -2e-3, 3e3] + rng.normal(size=12)
    params, _ = fit(X, y[:, None])
    exact = least_squares_exactly(X, y)
    # X itself keeps 16 digits of the offset: what the fit may lose is a few times what rounding X once more would lose
    np.testing.assert_allclose(params.coef[0], exact[:3], rtol=1e-11 + 1e-16 * offset)
    np.testing.assert_allclose(predict(X, *params)[:, 0], X @ exact[:3] + exact[3], rtol=1e-8)


def test_eq_5_of_many_solutions_it_is_the_shortest():
    X, Y, weights = draw(4, N=30, D=3)
    X = np.column_stack([X, X @ [1.0, -1.0, 2.0], X[:, 0]])  # rank 3 of 5
    params, rank = fit(X, Y, weights)
    assert rank == 3
    Xc, Yc, *_ = centred(X, Y, weights, fit_intercept=True)
    np.testing.assert_allclose(Xc.T @ (Xc @ params.coef.T - Yc), 0, atol=1e-10)
    for flat in ([1, -1, 2, -1, 0], [1, 0, 0, 0, -1]):  # directions in which X does not change
        np.testing.assert_allclose(Xc @ flat, 0, atol=1e-12)
        np.testing.assert_allclose(params.coef @ flat, 0, atol=1e-12)


def test_eq_5_more_columns_than_rows_fits_exactly():
    X, Y, _ = draw(5, N=4, D=9)
    params, rank = fit(X, Y)
    assert rank == 3  # four centred rows
    np.testing.assert_allclose(predict(X, *params), Y, rtol=1e-12)


def test_integer_weights_are_repeated_rows(way):
    X, Y, _ = draw(6)
    times = np.random.default_rng(6).integers(0, 4, len(X))
    weighted, _ = fit(X, Y, times.astype(float))
    repeated, _ = fit(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0))
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-10)
    np.testing.assert_allclose(weighted.intercept, repeated.intercept, rtol=1e-10)


def test_recovers_the_weights_that_made_the_data(way):
    X, _, weights = draw(7)
    coef, intercept = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1e-3]]), np.array([4.0, -1.0])
    params, _ = fit(X, X @ coef.T + intercept, weights)
    np.testing.assert_allclose(params.coef, coef, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(params.intercept, intercept, rtol=1e-11)


def test_constant_column_gets_no_weight():
    X, Y, _ = draw(8)
    X[:, 1] = 1e8 / 3
    params, rank = fit(X, Y)
    assert rank == 2 and not params.coef[:, 1].any()
    np.testing.assert_allclose(params.coef[:, [0, 2]], fit(X[:, [0, 2]], Y)[0].coef, rtol=1e-12)


def test_each_target_is_fitted_by_itself(way):
    X, Y, weights = draw(9)
    together, _ = fit(X, Y, weights)
    for t in range(2):
        alone, _ = fit(X, Y[:, [t]], weights)
        np.testing.assert_allclose(together.coef[t], alone.coef[0], rtol=1e-12)


def test_a_change_of_units_does_not_change_the_prediction(way):
    X, Y, weights = draw(10)
    before, _ = fit(X, Y, weights)
    after, _ = fit(X * [1e-6, 1e6, 3.0] + [1.0, 1e6, -2.0], Y, weights)
    np.testing.assert_allclose(after.coef * [1e-6, 1e6, 3.0], before.coef, rtol=1e-8)


def test_class_keeps_the_shape_of_the_target():
    X, Y, weights = draw(11)
    one, column, two = (LinearRegression().fit(X, y, weights) for y in (Y[:, 0], Y[:, :1], Y))
    assert one.coef_.shape == (3,) and np.ndim(one.intercept_) == 0 and one.predict(X).shape == (40,)
    assert column.coef_.shape == (1, 3) and column.intercept_.shape == (1,) and column.predict(X).shape == (40, 1)
    assert two.coef_.shape == (2, 3) and two.predict(X).shape == (40, 2) and two.rank_ == 3
    np.testing.assert_allclose(two.predict(X)[:, 0], one.predict(X), rtol=1e-12)


def test_class_without_intercept():
    X, Y, weights = draw(12)
    model = LinearRegression(fit_intercept=False).fit(X, Y[:, 0], weights)
    assert model.intercept_ == 0
    np.testing.assert_allclose(X.T @ (weights * (model.predict(X) - Y[:, 0])), 0, atol=1e-11)
