"""The oracle is the definition: loops, exact fractions, repeated rows, nudged weights."""

from fractions import Fraction

import numpy as np
import pytest

import pellucid
from pellucid_linear import LinearRegression, linear_regression
from pellucid_linear.linear_regression import (
    boiled_down,
    centred,
    fit,
    gathered,
    inverse,
    predict,
    shortest,
    weighted_mean,
)


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
        monkeypatch.setattr(linear_regression.normal_equations, "least_squares", lambda *args, **kwargs: None)
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
    params, *_ = fit(X, Y, weights)
    errors = predict(X, *params) - Y
    np.testing.assert_allclose(weights @ errors, 0, atol=1e-12)
    mean = weighted_mean(X, weights)[None, :]
    np.testing.assert_allclose(predict(mean, *params)[0], weighted_mean(Y, weights), rtol=1e-12)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_3_5_no_nudge_lowers_the_loss(way, fit_intercept):
    X, Y, weights = draw(1)
    params, rank, _ = fit(X, Y, weights, fit_intercept=fit_intercept)
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
    params, *_ = fit(X, y[:, None])
    exact = least_squares_exactly(X, y)
    # X itself keeps 16 digits of the offset: what the fit may lose is a few times what rounding X once more would lose
    np.testing.assert_allclose(params.coef[0], exact[:3], rtol=1e-11 + 1e-16 * offset)
    np.testing.assert_allclose(predict(X, *params)[:, 0], X @ exact[:3] + exact[3], rtol=1e-8)


def test_eq_5_6_7_of_many_solutions_it_is_the_shortest():
    X, Y, weights = draw(4, N=30, D=3)
    X = np.column_stack([X, X @ [1.0, -1.0, 2.0], X[:, 0]])  # rank 3 of 5
    params, rank, _ = fit(X, Y, weights)
    assert rank == 3
    Xc, Yc, *_ = centred(X, Y, weights, fit_intercept=True)
    np.testing.assert_allclose(Xc.T @ (Xc @ params.coef.T - Yc), 0, atol=1e-10)
    for flat in ([1, -1, 2, -1, 0], [1, 0, 0, 0, -1]):  # directions in which X does not change
        np.testing.assert_allclose(Xc @ flat, 0, atol=1e-12)
        np.testing.assert_allclose(params.coef @ flat, 0, atol=1e-12)


def test_eq_5_more_columns_than_rows_fits_exactly():
    X, Y, _ = draw(5, N=4, D=9)
    params, rank, _ = fit(X, Y)
    assert rank == 3  # four centred rows
    np.testing.assert_allclose(predict(X, *params), Y, rtol=1e-12)


def test_integer_weights_are_repeated_rows(way):
    X, Y, _ = draw(6)
    times = np.random.default_rng(6).integers(0, 4, len(X))
    weighted, *_ = fit(X, Y, times.astype(float))
    repeated, *_ = fit(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0))
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-10)
    np.testing.assert_allclose(weighted.intercept, repeated.intercept, rtol=1e-10)


def test_recovers_the_weights_that_made_the_data(way):
    X, _, weights = draw(7)
    coef, intercept = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1e-3]]), np.array([4.0, -1.0])
    params, *_ = fit(X, X @ coef.T + intercept, weights)
    np.testing.assert_allclose(params.coef, coef, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(params.intercept, intercept, rtol=1e-11)


def test_constant_column_gets_no_weight():
    X, Y, _ = draw(8)
    X[:, 1] = 1e8 / 3
    params, rank, _ = fit(X, Y)
    assert rank == 2 and not params.coef[:, 1].any()
    np.testing.assert_allclose(params.coef[:, [0, 2]], fit(X[:, [0, 2]], Y)[0].coef, rtol=1e-12)


def test_each_target_is_fitted_by_itself(way):
    X, Y, weights = draw(9)
    together, *_ = fit(X, Y, weights)
    for t in range(2):
        alone, *_ = fit(X, Y[:, [t]], weights)
        np.testing.assert_allclose(together.coef[t], alone.coef[0], rtol=1e-12)


def test_a_change_of_units_does_not_change_the_prediction(way):
    X, Y, weights = draw(10)
    before, *_ = fit(X, Y, weights)
    after, *_ = fit(X * [1e-6, 1e6, 3.0] + [1.0, 1e6, -2.0], Y, weights)
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


@pytest.mark.parametrize("N", [2047, 2048, 4097])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_boiled_down_is_all_rows(N, weighted, fit_intercept):
    X, Y, weights = draw(13, N)
    weights[2000:] = 0  # whole blocks may count for nothing
    s = weights if weighted else np.ones(N)
    factor = boiled_down(X, Y, weights if weighted else None, fit_intercept=fit_intercept)
    Xc, Yc, x_mean, y_mean = centred(X, Y, s, fit_intercept=fit_intercept)
    np.testing.assert_allclose(factor.R.T @ factor.R, Xc.T @ Xc, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(factor.R.T @ factor.v, Xc.T @ Yc, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose([*factor.x_mean, *factor.y_mean], [*x_mean, *y_mean], rtol=1e-11, atol=1e-14)
    assert factor.n_rows == (2000 if weighted else N) and factor.total == pytest.approx(s.sum(), rel=1e-13)
    fast = gathered(X, Y, weights if weighted else None, fit_intercept=fit_intercept)
    np.testing.assert_allclose(fast.rest, factor.rest, rtol=1e-11)


def test_gathered_takes_the_fast_way_only_where_it_is_precise_enough():
    X, Y, _ = draw(14)
    X[:, 2] = X[:, 0] + 1e-7 * X[:, 2]
    slow = boiled_down(X, Y, fit_intercept=True)
    np.testing.assert_array_equal(gathered(X, Y, fit_intercept=True).R, slow.R)
    plain = X[:, :2]
    assert np.any(gathered(plain, Y, fit_intercept=True).R != boiled_down(plain, Y, fit_intercept=True).R)
    strict = gathered(plain, Y, fit_intercept=True, largest_kappa=1.0)
    np.testing.assert_array_equal(strict.R, boiled_down(plain, Y, fit_intercept=True).R)


def test_rows_must_have_a_weight():
    X, Y, _ = draw(15)
    with pytest.raises(ValueError, match="weight above 0, got 40 rows"):
        boiled_down(X, Y, np.zeros(40), fit_intercept=True)


def test_eq_5_weights_in_any_units_however_small():
    X, Y, _ = draw(16)
    units = np.array([1e-20, 1.0, 1e20])
    least, rank = shortest(boiled_down(X * units, Y, fit_intercept=True))
    assert rank == 3
    np.testing.assert_allclose(least * units, shortest(boiled_down(X, Y, fit_intercept=True))[0], rtol=1e-10)


def test_eq_6_7_shortest_in_the_units_that_the_columns_have():
    """Of w₁ + 100 w₂ = 1 the shortest solution is (1, 100) / 10001, whatever the sizes of columns."""
    X = np.random.default_rng(17).normal(size=(20, 1)) * [1.0, 100.0]
    w, rank = shortest(boiled_down(X, X[:, :1], fit_intercept=True))
    assert rank == 1
    np.testing.assert_allclose(w, [[1 / 10001, 100 / 10001]], rtol=1e-10)
    np.testing.assert_allclose(w, np.linalg.lstsq(X - X.mean(axis=0), X[:, :1] - X[:, :1].mean())[0].T, rtol=1e-10)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_8_inverse_is_that_of_the_products(fit_intercept):
    X, Y, weights = draw(18)
    X *= [1e-6, 1.0, 1e6]
    factor = boiled_down(X, Y, weights, fit_intercept=fit_intercept)
    found = inverse(factor)
    Xc, Yc, *_ = centred(X, Y, weights, fit_intercept=fit_intercept)
    units = np.array([1e-6, 1.0, 1e6])
    np.testing.assert_allclose(
        found.P * np.outer(units, units), np.linalg.inv(Xc.T @ Xc / np.outer(units, units)), rtol=1e-9
    )
    params, *_ = fit(X, Y, weights, fit_intercept=fit_intercept)
    np.testing.assert_allclose(found.w.T, params.coef, rtol=1e-9)
    np.testing.assert_allclose(found.rest, np.sum((Yc - Xc @ found.w) ** 2, axis=0), rtol=1e-11)
    assert found[:2] == factor[:2]


# -- rows that come and go -------------------------------------------------------------------------------------------


def assert_same_model(one, other, rtol=1e-10):
    assert one.rank_ == other.rank_
    for name in ("coef_", "intercept_"):
        found, expected = (np.asarray(getattr(model, name)) for model in (one, other))
        assert found.shape == expected.shape and found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * (np.abs(expected).max() + 1e-300))


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("piece", [1, 2, 13, 40])
def test_partial_fit_of_all_pieces_is_one_fit(several, fit_intercept, piece):
    X, Y, weights = draw(19)
    y = Y if several else Y[:, 0]
    model = LinearRegression(fit_intercept=fit_intercept)
    for start in range(0, 40, piece):
        part = slice(start, start + piece)
        assert model.partial_fit(X[part], y[part], weights[part]) is model
        so_far = LinearRegression(fit_intercept=fit_intercept).fit(
            X[: start + piece], y[: start + piece], weights[: start + piece]
        )
        assert_same_model(model, so_far, rtol=1e-9)
    once = LinearRegression(fit_intercept=fit_intercept).fit(X, y, weights)
    np.testing.assert_allclose(model.inference().coef.standard_error, once.inference().coef.standard_error, rtol=1e-10)


def test_partial_fit_of_collinear_columns_is_one_fit():
    X, Y, weights = draw(20, N=60)
    X = np.column_stack([X, X @ [1.0, -1.0, 2.0], np.full(60, 0.1), X[:, 1]])
    model = LinearRegression()
    for start in range(0, 60, 7):
        part = slice(start, start + 7)
        model.partial_fit(X[part], Y[part], weights[part])
    assert_same_model(model, LinearRegression().fit(X, Y, weights), rtol=1e-6)
    assert model.rank_ == 3


@pytest.mark.parametrize("piece", [1, 6, 20])
def test_eq_5_6_7_collinear_columns_far_from_zero_are_the_same_in_one_fit_and_in_pieces(piece):
    """Year of birth, year and age: what rounding leaves of the third must not be taken for a direction of its own."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        born, year = rng.integers(1940, 2000, 20), rng.integers(2000, 2026, 20)
        X, y = np.stack([born, year, year - born], axis=1).astype(float), 0.5 * (year - born) + rng.normal(size=20)
        near = X - [1970, 2010, 40]  # exact, and then no rounding error is large
        expected = np.linalg.lstsq(near - near.mean(axis=0), y - y.mean(), rcond=1e-10)[0]
        model = LinearRegression()
        for start in range(0, 20, piece):
            model.partial_fit(X[start : start + piece], y[start : start + piece])
        for found in (model, LinearRegression().fit(X, y)):
            assert found.rank_ == 2
            np.testing.assert_allclose(found.coef_, expected, rtol=1e-8)
            assert np.isnan(found.inference().coef.standard_error).all()


def test_update_of_nearly_collinear_columns_is_precise_or_refused():
    X, Y, _ = draw(35)
    near = X[:, 0] + np.multiply.outer([1e-4, 1e-5, 1e-7, 1e-9], X[:, 1])
    for column in near[:2]:
        data = np.column_stack([X[:, 0], column, X[:, 2]])
        model, fresh = LinearRegression().fit(data, Y), LinearRegression().fit(data[5:], Y[5:])
        np.testing.assert_allclose(model.downdate(data[:5], Y[:5]).predict(data), fresh.predict(data), atol=1e-5)
    for column in near[2:]:
        data = np.column_stack([X[:, 0], column, X[:, 2]])
        model = LinearRegression().fit(data, Y)
        for change in (model.update, model.downdate):
            with pytest.raises(ValueError, match="nearly collinear.*of the largest.*partial_fit"):
                change(data[:5], Y[:5])
        fresh = LinearRegression().fit(np.vstack([data, data[:5]]), np.vstack([Y, Y[:5]]))
        np.testing.assert_allclose(model.partial_fit(data[:5], Y[:5]).predict(data), fresh.predict(data), atol=1e-5)


def test_downdate_of_rows_that_were_never_there_is_refused_where_it_can_be_seen():
    X, Y, _ = draw(34)
    model = LinearRegression().fit(X, Y[:, 0])
    before = model.coef_.copy()
    with pytest.raises(ValueError, match="must have been in the fit.*squared error would be -"):
        model.downdate(X[:1], [1000.0])
    with pytest.raises(ValueError, match="must determine the weights"):
        model.downdate([[1e3, -1e3, 1e3]], [1.0])
    with pytest.raises(ValueError, match="must determine the weights"):
        model.downdate(X[:1], Y[:1, 0], [30.0])
    np.testing.assert_array_equal(model.coef_, before)


def test_partial_fit_goes_on_from_fit_and_from_update():
    X, Y, weights = draw(21)
    model = LinearRegression().fit(X[:20], Y[:20], weights[:20]).partial_fit(X[20:25], Y[20:25], weights[20:25])
    model.update(X[25:32], Y[25:32], weights[25:32]).partial_fit(X[32:], Y[32:], weights[32:])
    assert_same_model(model, LinearRegression().fit(X, Y, weights))
    assert_same_model(model.fit(X[:9], Y[:9]), LinearRegression().fit(X[:9], Y[:9]))


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_update_and_downdate_are_fresh_fits(several, fit_intercept):
    X, Y, weights = draw(22, N=200)
    y = Y if several else Y[:, 0]
    model = LinearRegression(fit_intercept=fit_intercept).fit(X[:50], y[:50], weights[:50])
    first, last = 0, 50
    for rows in [1, 1, 5, 1, 90, 3, 2, 40]:  # more than D are boiled down first
        part = slice(last, last + rows)
        assert model.update(X[part], y[part], weights[part]) is model
        last += rows
        part = slice(first, first + rows // 2 + 1)
        assert model.downdate(X[part], y[part], weights[part]) is model
        first = part.stop
        part = slice(first, last)
        fresh = LinearRegression(fit_intercept=fit_intercept).fit(X[part], y[part], weights[part])
        assert_same_model(model, fresh)
        found, expected = model.inference(), fresh.inference()
        assert found.degrees_of_freedom == expected.degrees_of_freedom
        np.testing.assert_allclose(found.coef.standard_error, expected.coef.standard_error, rtol=1e-9)
        np.testing.assert_allclose(found.residual_variance, expected.residual_variance, rtol=1e-9)


def test_update_of_data_far_from_zero():
    X, Y, weights = draw(23, N=100)
    X, Y = X + 1e6, Y + 1e6
    model = LinearRegression().fit(X[:50], Y[:50])
    for n in range(50, 100):
        model.update(X[n : n + 1], Y[n : n + 1]).downdate(X[n - 50 : n - 49], Y[n - 50 : n - 49])
    fresh = LinearRegression().fit(X[50:], Y[50:])
    np.testing.assert_allclose(model.coef_, fresh.coef_, atol=1e-9)  # X itself has ten digits beyond 1e6
    np.testing.assert_allclose(model.predict(X), fresh.predict(X), rtol=1e-14)


def test_update_needs_columns_that_are_not_collinear_and_says_what_does_not():
    X, Y, _ = draw(24)
    X[:, 2] = X[:, 1]
    model = LinearRegression().fit(X, Y)
    for change in (model.update, model.downdate):
        with pytest.raises(ValueError, match="the rank is 2, of 3 columns. To add rows, use partial_fit"):
            change(X[:1], Y[:1])
    assert model.partial_fit([[1.0, 2.0, 3.0]], [[1.0, 2.0]]).rank_ == 3  # now they are not
    model.update(X[:1], Y[:1])


def test_downdate_that_would_make_the_weights_undetermined_changes_nothing():
    X, Y, _ = draw(25)
    X[:, 2] = 0
    X[5, 2] = 1
    model = LinearRegression().fit(X, Y)
    before = model.coef_.copy()
    with pytest.raises(ValueError, match="the rows that remain must determine the weights"):
        model.downdate(X[5:6], Y[5:6])
    np.testing.assert_array_equal(model.coef_, before)
    with pytest.raises(ValueError, match="the model has seen 40 rows"):
        model.downdate(X, Y)


@pytest.mark.parametrize("method", ["partial_fit", "update", "downdate"])
def test_what_comes_later_must_have_the_same_shape(method):
    X, Y, _ = draw(26)
    one, two = LinearRegression().fit(X, Y[:, 0]), LinearRegression().fit(X, Y)
    with pytest.raises(ValueError, match=r"as many columns as in the first fit, \(N,\), got \(N, 2\)"):
        getattr(one, method)(X, Y)
    with pytest.raises(ValueError, match=r"\(N, 2\), got \(N,\)"):
        getattr(two, method)(X, Y[:, 0])
    with pytest.raises(ValueError, match="expecting 3 features"):
        getattr(two, method)(X[:, :2], Y)


@pytest.mark.parametrize("method", ["update", "downdate"])
def test_update_needs_a_fit(method):
    X, Y, _ = draw(27)
    with pytest.raises(pellucid.NotFittedError, match="not fitted yet"):
        getattr(LinearRegression(), method)(X, Y)


def test_without_statistics_a_fit_can_predict_and_nothing_else():
    X, Y, _ = draw(28)
    model = LinearRegression(keep_statistics=False).fit(X, Y)
    assert not hasattr(model, "statistics_") and model.predict(X).shape == (40, 2)
    for call in (model.partial_fit, model.update, model.downdate):
        with pytest.raises(ValueError, match="keep_statistics=True"):
            call(X, Y)
    for call in (model.inference, lambda: model.predict_interval(X)):
        with pytest.raises(ValueError, match="keep_statistics=True"):
            call()
    assert hasattr(LinearRegression(keep_statistics=False).partial_fit(X, Y), "statistics_")


def test_float32_goes_on_in_float64():
    X, Y, _ = draw(29, N=200)
    X32, Y32 = X.astype(np.float32), Y.astype(np.float32)
    model = LinearRegression().fit(X32[:100], Y32[:100]).update(X32[100:150], Y32[100:150])
    model.partial_fit(X32[150:], Y32[150:])
    assert model.coef_.dtype == model.intercept_.dtype == np.float32
    fresh = LinearRegression().fit(X32.astype(np.float64), Y32.astype(np.float64))
    np.testing.assert_allclose(model.coef_, fresh.coef_, rtol=3e-7)


def test_a_row_of_weight_zero_changes_nothing():
    X, Y, weights = draw(30)
    model = LinearRegression().fit(X, Y, weights)
    before = model.inference()
    more, rows = weights[:4] * [0, 1, 0, 1], X[:4] * [[1e6], [1], [1e6], [1]]
    model.update(rows, Y[:4], more).downdate(rows, Y[:4], more)
    after = model.inference()
    assert after.degrees_of_freedom == before.degrees_of_freedom
    for found, expected in zip(after.coef, before.coef):
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    piecewise = LinearRegression().partial_fit(X, Y, weights).partial_fit(1e6 * X[:2], Y[:2], [0.0, 1e-300])
    np.testing.assert_allclose(piecewise.coef_, model.coef_, rtol=1e-10)


def test_inference_has_the_shape_of_the_target():
    X, Y, weights = draw(31)
    one, two = (LinearRegression().fit(X, y, weights).inference() for y in (Y[:, 0], Y))
    for about in (one.coef, two.coef):
        assert all(np.shape(field) == np.shape(about.value) for field in about)
    assert one.coef.value.shape == (3,) and one.intercept.value.shape == () and np.ndim(one.residual_variance) == 0
    assert two.coef.value.shape == (2, 3) and two.intercept.value.shape == (2,) and two.residual_variance.shape == (2,)
    for found, expected in zip(two.coef, one.coef):
        np.testing.assert_allclose(found[0], expected, rtol=1e-10)
    low, high = LinearRegression().fit(X, Y[:, 0]).predict_interval(X[:5])
    assert low.shape == high.shape == (5,) and np.all(low < high)
    assert LinearRegression().fit(X, Y).predict_interval(X[:5])[0].shape == (5, 2)


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, np.nan, 1e-17, 1 - 1e-16, "0.95", None])
def test_level_is_a_probability(level):
    X, Y, _ = draw(32)
    model = LinearRegression().fit(X, Y)
    for call in (lambda: model.inference(level), lambda: model.predict_interval(X, level)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            call()


@pytest.mark.parametrize("step", ["fit", "update"])
def test_saved_models_go_on_where_they_were(tmp_path, step):
    X, Y, weights = draw(33)
    model = LinearRegression().fit(X[:20], Y[:20], weights[:20])
    if step == "update":
        model.update(X[20:22], Y[20:22], weights[20:22])
    pellucid.save(model, tmp_path / "model.npz")
    again = pellucid.load(tmp_path / "model.npz")
    for one in (model, again):
        one.update(X[22:30], Y[22:30], weights[22:30]).partial_fit(X[30:], Y[30:], weights[30:])
    np.testing.assert_array_equal(model.coef_, again.coef_)
