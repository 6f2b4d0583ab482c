"""The oracle is the definition: derivatives that vanish, rows that stand for the price, exact fractions."""

import tracemalloc

import numpy as np
import pytest

from pellucid_linear import LinearRegression, Ridge, ridge
from pellucid_linear.linear_regression import predict
from pellucid_linear.ridge import dual, fit, principal, ridge_path, shrink


def draw(seed=0, N=40, D=3, T=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, D)) + rng.normal(size=D), rng.normal(size=(N, T)), rng.uniform(0.5, 3, N)


@pytest.fixture(params=["the fast ways", "singular values"])
def way(request, monkeypatch):
    if request.param == "singular values":
        monkeypatch.setattr(ridge.normal_equations, "solve", lambda *args, **kwargs: None)
        monkeypatch.setattr(ridge, "dual", lambda *args: None)
    return request.param


def check_derivatives_vanish(params, X, Y, alphas, weights, fit_intercept=True):
    """∂L/∂w = Σₙ sₙ (ŷₙ − yₙ) xₙ + αw and ∂L/∂b = Σₙ sₙ (ŷₙ − yₙ), for each target."""
    for t, alpha in enumerate(alphas):
        errors = weights * (X @ params.coef[t] + params.intercept[t] - Y[:, t])
        np.testing.assert_allclose(errors @ X + alpha * params.coef[t], 0, atol=1e-9)
        if fit_intercept:
            np.testing.assert_allclose(errors.sum(), 0, atol=1e-10)
        else:
            assert params.intercept[t] == 0


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("N, D", [(40, 3), (40, 39), (5, 12), (6, 6), (1, 3), (2, 1)])
def test_eq_1_2_3_4_derivatives_vanish(way, N, D, fit_intercept):
    X, Y, weights = draw(1, N, D)
    alphas = np.array([0.3, 7.0])
    params = fit(X, Y, alphas, weights, fit_intercept=fit_intercept)
    assert params.coef.shape == (2, D) and params.intercept.shape == (2,)
    check_derivatives_vanish(params, X, Y, alphas, weights, fit_intercept)


def test_eq_2_one_direction_is_shrunk_to_its_share():
    Xc, Yc = np.diag([3.0, 0.5, 0.0]), np.array([[6.0, 6.0], [1.0, 1.0], [5.0, 5.0]])
    w = shrink(principal(Xc, Yc), np.array([1.0, 0.0]))
    np.testing.assert_allclose(w[:, 0], [2 * 9 / 10, 2 * 0.25 / 1.25, 0], rtol=1e-14)
    np.testing.assert_allclose(w[:, 1], [2, 2, 0], rtol=1e-14)


def test_eq_2_rotating_the_data_rotates_the_weights():
    rng = np.random.default_rng(2)
    Xc, Yc, alphas = rng.normal(size=(9, 4)), rng.normal(size=(9, 2)), np.array([0.5, 2.0])
    Q, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    rotated, plain = (shrink(principal(A, Yc), alphas) for A in (Xc @ Q, Xc))
    np.testing.assert_allclose(rotated, Q.T @ plain, rtol=1e-11, atol=1e-13)


def test_eq_2_nothing_overflows():
    w = shrink(principal(np.array([[1e200], [0.0]]), np.array([[2e200], [1.0]])), np.array([1.0]))
    np.testing.assert_allclose(w, [[2.0]])


def test_eq_3_4_the_price_is_paid_by_pseudo_data():
    """½ α‖w‖² is the squared error of D further points √α eᵢ with target 0."""
    rng = np.random.default_rng(3)
    Xc, Yc, alphas = rng.normal(size=(4, 10)), rng.normal(size=(4, 2)), np.array([0.3, 5.0])
    w = dual(Xc, Yc, alphas)
    for t, alpha in enumerate(alphas):
        more_rows = np.vstack([Xc, np.sqrt(alpha) * np.eye(10)])
        answer = np.linalg.lstsq(more_rows, np.append(Yc[:, t], np.zeros(10)))[0]
        np.testing.assert_allclose(w[:, t], answer, rtol=1e-11)


def test_eq_3_4_declines_when_it_would_be_imprecise():
    X = np.ones((3, 8))
    assert dual(X, np.ones((3, 1)), np.array([1e-9])) is None
    assert dual(X, np.ones((3, 1)), np.array([1e-3])) is not None


def test_without_a_price_it_is_least_squares(way):
    for seed, N, D in ((4, 40, 3), (5, 4, 9)):
        X, Y, weights = draw(seed, N, D)
        X[:, 1] = X[:, 0]  # and of many solutions the shortest
        ours, least = fit(X, Y, np.zeros(2), weights), LinearRegression().fit(X, Y, weights)
        np.testing.assert_allclose(ours.coef, least.coef_, rtol=1e-9)
        np.testing.assert_allclose(ours.intercept, least.intercept_, rtol=1e-9)


def test_a_higher_price_shortens_the_weights_and_an_infinite_one_leaves_the_mean(way):
    X, Y, weights = draw(6)
    lengths = [np.linalg.norm(fit(X, Y, np.full(2, alpha), weights).coef) for alpha in (0, 1, 10, 100, 1e12)]
    assert np.all(np.diff(lengths) < 0) and lengths[-1] < 1e-9
    params = fit(X, Y, np.full(2, 1e12), weights)
    np.testing.assert_allclose(params.intercept, np.average(Y, axis=0, weights=weights), atol=1e-9)


def test_integer_weights_are_repeated_rows(way):
    X, Y, _ = draw(7)
    times = np.random.default_rng(7).integers(0, 4, len(X))
    alphas = np.array([0.5, 3.0])
    weighted = fit(X, Y, alphas, times.astype(float))
    repeated = fit(np.repeat(X, times, axis=0), np.repeat(Y, times, axis=0), alphas)
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-10)
    np.testing.assert_allclose(weighted.intercept, repeated.intercept, rtol=1e-10)


def test_collinear_columns_share_the_weight(way):
    X, Y, weights = draw(8)
    X[:, 2] = X[:, 0]
    params = fit(X, Y, np.ones(2), weights)
    np.testing.assert_allclose(params.coef[:, 0], params.coef[:, 2], rtol=1e-9)


def test_moving_the_data_moves_only_the_intercept(way):
    X, Y, weights = draw(9)
    here, there = fit(X, Y, np.ones(2), weights), fit(X + 1e6, Y - 3, np.ones(2), weights)
    np.testing.assert_allclose(there.coef, here.coef, rtol=1e-8)
    np.testing.assert_allclose(predict(X + 1e6, *there), predict(X, *here) - 3, atol=1e-8)


def test_class_takes_one_price_or_one_for_each_target():
    X, Y, weights = draw(10)
    both = Ridge([0.5, 3.0]).fit(X, Y, weights)
    for t, alpha in enumerate([0.5, 3.0]):
        np.testing.assert_allclose(Ridge(alpha).fit(X, Y[:, t], weights).coef_, both.coef_[t], rtol=1e-12)
    np.testing.assert_allclose(Ridge([3.0]).fit(X, Y).coef_, Ridge(3.0).fit(X, Y).coef_)
    assert Ridge().fit(X, Y[:, 0]).coef_.shape == (3,) and Ridge().fit(X, Y[:, :1]).predict(X).shape == (40, 1)
    assert Ridge(fit_intercept=False).fit(X, Y[:, 0]).intercept_ == 0


@pytest.mark.parametrize(
    "alpha, message", [(-1, "0 or more, got -1"), (np.nan, "finite"), ([1, 2, 3], r"each of 2 targets, got \[1, 2")]
)
def test_wrong_price_says_so(alpha, message):
    X, Y, _ = draw()
    with pytest.raises(ValueError, match=message):
        Ridge(alpha).fit(X, Y)


def test_eq_2_many_prices_at_once():
    rng = np.random.default_rng(11)
    data = principal(rng.normal(size=(9, 4)), rng.normal(size=(9, 2)))
    prices = np.array([[0.0, 1.0], [5.0, 2.0], [1e3, 0.5]])
    w = shrink(data, prices)
    assert w.shape == (3, 4, 2)
    for k in range(3):
        np.testing.assert_allclose(w[k], shrink(data, prices[k]), rtol=1e-14)


def test_what_rounding_leaves_grows_with_the_rows_it_came_from():
    R = np.array([[1.0, 1.0], [0.0, 1e-14]])
    assert len(principal(R, np.zeros((2, 1))).sigma) == 2
    assert len(principal(R, np.zeros((2, 1)), n_rows=1000).sigma) == 1


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("N, D", [(40, 3), (5, 12), (1, 2)])
def test_eq_1_2_path_has_the_weights_of_single_fits(N, D, fit_intercept):
    X, Y, weights = draw(12, N, D)
    alphas = [100.0, 0.3, 7.0]
    options = {"sample_weight": weights, "fit_intercept": fit_intercept}
    coefs, intercepts = ridge_path(X, Y, alphas, **options)
    assert coefs.shape == (2, D, 3) and intercepts.shape == (2, 3)
    for k, alpha in enumerate(alphas):
        alone = Ridge(alpha, fit_intercept=fit_intercept).fit(X, Y, weights)
        np.testing.assert_allclose(coefs[:, :, k], alone.coef_, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(intercepts[:, k], alone.intercept_, rtol=1e-10, atol=1e-13)
    one, its_intercepts = ridge_path(X, Y[:, 0], alphas, **options)
    assert one.shape == (D, 3) and its_intercepts.shape == (3,)
    np.testing.assert_allclose(one, coefs[0], rtol=1e-12, atol=1e-14)
    assert ridge_path(X.astype(np.float32), Y, alphas)[0].dtype == np.float32


def test_path_of_collinear_columns_without_a_price_is_the_shortest_solution():
    X, Y, _ = draw(13)
    X[:, 2] = X[:, 0]
    coefs, intercepts = ridge_path(X, Y[:, 0], [0.0, 1.0])
    least = LinearRegression().fit(X, Y[:, 0])
    np.testing.assert_allclose(coefs[:, 0], least.coef_, rtol=1e-10)
    np.testing.assert_allclose(intercepts[0], least.intercept_, rtol=1e-10)


@pytest.mark.parametrize("wide", [False, True])
def test_without_a_price_units_do_not_matter_as_in_least_squares(wide):
    """Two nearly equal columns, which take the slow way, beside one of tiny numbers; and a target with a price."""
    rng = np.random.default_rng(20)
    X = rng.normal(size=(9, 3))
    X[:, 1] = X[:, 0] + 1e-7 * X[:, 1]
    Y = np.column_stack([X @ [1.0, 2.0, 3.0], rng.normal(size=9)])
    X = X * [1, 1, 1e-18]
    if wide:
        X = np.hstack([X, np.zeros((9, 9))])
    least = LinearRegression().fit(X, Y)
    np.testing.assert_allclose(least.predict(X)[:, 0], Y[:, 0], atol=1e-6)
    np.testing.assert_allclose(Ridge(0).fit(X, Y).coef_, least.coef_, rtol=1e-12)
    mixed, alone = Ridge([0, 5.0]).fit(X, Y), Ridge(5.0).fit(X, Y[:, 1])
    np.testing.assert_allclose(mixed.coef_, [least.coef_[0], alone.coef_], rtol=1e-12, atol=1e-15)
    coefs, intercepts = ridge_path(X, Y, [1, 0, 5])
    np.testing.assert_allclose(coefs[:, :, 1], least.coef_, rtol=1e-12)
    np.testing.assert_allclose(intercepts[:, 1], least.intercept_, rtol=1e-9)
    np.testing.assert_allclose(coefs[1, :, 2], alone.coef_, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("alphas", [[-1.0], [np.nan], 1.0, [[1.0]]])
def test_path_refuses_what_is_no_list_of_prices(alphas):
    X, Y, _ = draw()
    with pytest.raises(ValueError, match="list of finite numbers of 0 or more"):
        ridge_path(X, Y, alphas)


def test_nearly_collinear_tall_data_need_no_copy_of_all_rows(monkeypatch):
    """The precise way goes through blocks: beside 16 MB of data it takes a few of them."""
    rng = np.random.default_rng(14)
    X = rng.normal(size=(200_000, 10))
    X[:, 9] = X[:, 8] + 1e-6 * X[:, 9]
    y = X @ np.arange(10.0)
    tracemalloc.start()
    model = Ridge(1e-9).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6, peak
    np.testing.assert_allclose(model.coef_, np.arange(10.0), atol=0.01)
