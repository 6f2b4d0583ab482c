"""The oracle is the definition: N fits, each without one of the points; where digits run out, in fractions."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from pellucid_linear.linear_regression import boiled_down
from pellucid_linear.normal_equations import BLOCK
from pellucid_linear.ridge import Ridge, principal
from pellucid_linear.ridge_cv import RidgeCV, check_splits, choose, errors_of_splits, leave_one_out, squared_errors

ALPHAS = np.array([0.01, 0.3, 7.0, 200.0])
SIZES = [(40, 3), (12, 12), (6, 20), (5, 4), (13, 12), (2, 1)]


def draw(seed=0, N=40, D=3, T=2):
    rng = np.random.default_rng(seed)
    X, noise = rng.normal(size=(N, D)) + 2 * rng.normal(size=D), rng.normal(size=(N, T))
    return X, X @ rng.normal(size=(D, T)) + 3 + 2 * noise, rng.uniform(0.3, 3, N)


def by_leaving_out(X, Y, weights, alphas, fit_intercept=True):
    """The error at each point of a fit to all others: (N, T, A)."""
    errors = np.empty((*Y.shape, len(alphas)))
    for n in range(len(X)):
        others = np.arange(len(X)) != n
        for k, alpha in enumerate(alphas):
            model = Ridge(alpha, fit_intercept=fit_intercept).fit(X[others], Y[others], weights[others])
            errors[n, :, k] = Y[n] - model.predict(X[n : n + 1])[0]
    return errors


def parts(X, Y, weights, fit_intercept=True):
    factor = boiled_down(X, Y, weights, fit_intercept=fit_intercept)
    return factor, principal(factor.R, factor.v, factor.n_rows)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("N, D", SIZES)
def test_eq_1_2_3_4_5_errors_are_those_of_fits_without_the_point(N, D, fit_intercept):
    X, Y, weights = draw(1, N, D)
    errors, free = leave_one_out(
        X, Y, weights, ALPHAS, *parts(X, Y, weights, fit_intercept), fit_intercept=fit_intercept
    )
    expected = by_leaving_out(X, Y, weights, ALPHAS, fit_intercept)
    np.testing.assert_allclose(errors / free[:, None, :], expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("N, D", SIZES)
def test_eq_5_errors_of_the_fit_itself(N, D, fit_intercept):
    X, Y, weights = draw(2, N, D)
    errors, _ = leave_one_out(X, Y, weights, ALPHAS, *parts(X, Y, weights, fit_intercept), fit_intercept=fit_intercept)
    for k, alpha in enumerate(ALPHAS):
        model = Ridge(alpha, fit_intercept=fit_intercept).fit(X, Y, weights)
        np.testing.assert_allclose(errors[:, :, k], Y - model.predict(X), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("N, D", SIZES)
def test_eq_2_3_4_leverage_is_how_a_prediction_follows_its_target(N, D, fit_intercept):
    X, Y, weights = draw(3, N, D)
    _, free = leave_one_out(X, Y, weights, ALPHAS, *parts(X, Y, weights, fit_intercept), fit_intercept=fit_intercept)
    for k, alpha in enumerate(ALPHAS):
        model = Ridge(alpha, fit_intercept=fit_intercept).fit(X, np.eye(N), weights)  # a target for each point
        np.testing.assert_allclose(free[:, k], 1 - np.diag(model.predict(X)), rtol=1e-8, atol=1e-10)


def test_a_point_of_weight_zero_is_predicted_by_the_fit():
    for N, D in ((40, 3), (6, 20)):
        X, Y, weights = draw(4, N, D)
        weights[1] = 0
        errors, free = leave_one_out(X, Y, weights, ALPHAS, *parts(X, Y, weights), fit_intercept=True)
        np.testing.assert_allclose(free[1], 1, rtol=1e-12)
        expected = by_leaving_out(X, Y, weights, ALPHAS)
        np.testing.assert_allclose(errors / free[:, None, :], expected, rtol=1e-8, atol=1e-9)


def exactly(X, y, alpha, n):
    """The error at row n of ridge regression with an intercept without row n, in fractions."""
    rows = [[Fraction(float(v)) for v in x] + [Fraction(1)] for k, x in enumerate(X) if k != n]
    targets = [Fraction(float(v)) for k, v in enumerate(y) if k != n]
    D = len(rows[0])
    A = [[sum(r[i] * r[j] for r in rows) for j in range(D)] for i in range(D)]
    for i in range(D - 1):
        A[i][i] += Fraction(float(alpha))
    A = [row + [sum(r[i] * t for r, t in zip(rows, targets))] for i, row in enumerate(A)]
    for i in range(D):
        A[i] = [v / A[i][i] for v in A[i]]
        for r in range(D):
            if r != i:
                A[r] = [v - A[r][i] * u for v, u in zip(A[r], A[i])]
    predicted = sum(A[i][-1] * Fraction(float(v)) for i, v in enumerate([*X[n], 1]))
    return float(Fraction(float(y[n])) - predicted)


@pytest.mark.parametrize("N, D", [(5, 4), (4, 4), (4, 6)])
@pytest.mark.parametrize("alpha", [1e-3, 1e-7, 1e-12])
def test_eq_3_4_5_with_as_many_directions_as_points_a_small_price_costs_no_digits(N, D, alpha):
    X, Y, _ = draw(5, N, D, 1)
    errors, free = leave_one_out(X, Y, np.ones(N), np.array([alpha]), *parts(X, Y, None), fit_intercept=True)
    expected = [exactly(X, Y[:, 0], alpha, n) for n in range(N)]
    np.testing.assert_allclose((errors / free[:, None, :])[:, 0, 0], expected, rtol=1e-11)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("N", [7, BLOCK + 3])
def test_eq_1_squared_errors_count_each_point_by_its_weight(N, fit_intercept, monkeypatch):
    X, Y, weights = draw(6, N)
    for s in (weights, None):
        count = np.ones(N) if s is None else s
        options = {"fit_intercept": fit_intercept}
        arguments = X, Y, s, ALPHAS, *parts(X, Y, s, fit_intercept)
        sums, each = squared_errors(*arguments, gcv=False, keep=True, **options)
        errors, free = leave_one_out(X, Y, count, *arguments[3:], **options)
        np.testing.assert_allclose(each, count[:, None, None] * (errors / free[:, None, :]) ** 2, rtol=1e-11)
        np.testing.assert_allclose(sums, each.sum(axis=0), rtol=1e-12)
        none, nothing = squared_errors(*arguments, gcv=False, keep=False, **options)
        np.testing.assert_array_equal(none, sums)
        assert nothing is None


def test_generalized_cross_validation_takes_the_mean_of_all_leverages():
    X, Y, weights = draw(7)
    weights[:5] = 0
    factor, data = parts(X, Y, weights)
    sums, each = squared_errors(X, Y, weights, ALPHAS, factor, data, fit_intercept=True, gcv=True, keep=True)
    for k, alpha in enumerate(ALPHAS):
        model = Ridge(alpha).fit(X, Y, weights)
        hat = Ridge(alpha).fit(X, np.eye(40), weights).predict(X)
        mean = np.sum(1 - np.diag(hat)[5:]) / 35
        expected = weights[:, None] * (Y - model.predict(X)) ** 2 / mean**2
        np.testing.assert_allclose(each[:, :, k], expected, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(sums[:, k], expected.sum(axis=0), rtol=1e-9)


def test_generalized_cross_validation_does_not_change_when_points_are_rotated():
    X, Y, _ = draw(8, N=12)
    Q, _ = np.linalg.qr(np.random.default_rng(8).normal(size=(12, 12)))
    one, other = (RidgeCV(ALPHAS, fit_intercept=False, gcv=True).fit(A @ X, A @ Y) for A in (np.eye(12), Q))
    np.testing.assert_allclose(one.scores_, other.scores_, rtol=1e-10)


def test_eq_6_scores_and_the_best_of_them():
    sums = np.array([[4.0, 2.0, 8.0], [6.0, 12.0, 3.0]])
    scores, best = choose(sums, 2, alpha_per_target=True)
    np.testing.assert_array_equal(scores, -sums / 2)
    np.testing.assert_array_equal(best, [1, 2])
    scores, best = choose(sums, 2, alpha_per_target=False)
    np.testing.assert_array_equal(scores, [[-2.5, -3.5, -2.75]])
    np.testing.assert_array_equal(best, [0])
    assert choose(np.array([[1.0, 1.0]]), 1, alpha_per_target=False)[1] == 0  # of two the first


@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_class_chooses_the_price_that_predicts_missing_points_best(several, fit_intercept):
    X, Y, weights = draw(9, N=15, D=8)
    y = Y if several else Y[:, 0]
    model = RidgeCV(ALPHAS, fit_intercept=fit_intercept, store_cv_results=True).fit(X, y, weights)
    errors = by_leaving_out(X, Y if several else Y[:, :1], weights, ALPHAS, fit_intercept)
    squares = weights[:, None, None] * errors**2
    scores = -squares.mean(axis=(0, 1))
    assert model.alpha_ == ALPHAS[scores.argmax()] and isinstance(model.alpha_, float)
    np.testing.assert_allclose(model.scores_, scores, rtol=1e-9)
    assert model.best_score_ == model.scores_.max() and isinstance(model.best_score_, float)
    np.testing.assert_allclose(model.cv_results_, squares if several else squares[:, 0], rtol=1e-8)
    alone = Ridge(model.alpha_, fit_intercept=fit_intercept).fit(X, y, weights)
    np.testing.assert_allclose(model.coef_, alone.coef_, rtol=1e-9)
    np.testing.assert_allclose(model.intercept_, alone.intercept_, rtol=1e-9)
    assert model.coef_.shape == alone.coef_.shape and np.shape(model.intercept_) == np.shape(alone.intercept_)
    np.testing.assert_allclose(model.predict(X), alone.predict(X), rtol=1e-9)


def test_each_target_may_have_its_own_price():
    X, Y, weights = draw(10, N=12, D=8)
    Y[:, 1] = X @ np.arange(8.0)  # without noise: no price is the best
    model = RidgeCV(ALPHAS, alpha_per_target=True).fit(X, Y, weights)
    assert model.scores_.shape == (2, 4) and model.best_score_.shape == (2,)
    for t in range(2):
        alone = RidgeCV(ALPHAS).fit(X, Y[:, t], weights)
        assert model.alpha_[t] == alone.alpha_
        np.testing.assert_allclose(model.scores_[t], alone.scores_, rtol=1e-9)
        np.testing.assert_allclose(model.best_score_[t], alone.best_score_, rtol=1e-9)
        np.testing.assert_allclose(model.coef_[t], alone.coef_, rtol=1e-9)
    assert model.alpha_[0] > model.alpha_[1] == ALPHAS[0]
    assert isinstance(RidgeCV(ALPHAS, alpha_per_target=True).fit(X, Y[:, 0]).alpha_, float)


def test_a_row_of_weight_zero_is_as_good_as_absent():
    X, Y, weights = draw(11)
    weights[:6] = 0
    X[:6] = 1e3
    with_them, without = RidgeCV(ALPHAS).fit(X, Y, weights), RidgeCV(ALPHAS).fit(X[6:], Y[6:], weights[6:])
    assert with_them.alpha_ == without.alpha_
    np.testing.assert_allclose(with_them.scores_, without.scores_, rtol=1e-10)
    np.testing.assert_allclose(with_them.coef_, without.coef_, rtol=1e-10)


def test_collinear_columns_and_float32():
    X, Y, _ = draw(12)
    X[:, 2] = X[:, 0]
    model = RidgeCV(ALPHAS).fit(X, Y)
    np.testing.assert_allclose(model.coef_[:, 0], model.coef_[:, 2], rtol=1e-9)
    small = RidgeCV(ALPHAS, store_cv_results=True).fit(X.astype(np.float32), Y)
    assert small.coef_.dtype == small.intercept_.dtype == small.cv_results_.dtype == np.float32
    np.testing.assert_allclose(small.coef_, model.coef_, rtol=1e-4)


@pytest.mark.parametrize("cv", [None, 3])
@pytest.mark.parametrize("several", [False, True])
def test_constant_columns_leave_the_mean(several, cv):
    y = np.arange(6.0)
    model = RidgeCV(cv=cv).fit(np.full((6, 2), 3.0), np.column_stack([y, -y]) if several else y)
    assert not model.coef_.any()
    np.testing.assert_allclose(model.intercept_, [2.5, -2.5] if several else 2.5)
    if cv is None:
        np.testing.assert_allclose(model.scores_, -np.mean(((y - 2.5) * 6 / 5) ** 2))


@pytest.mark.parametrize("cv", [None, 3])
def test_squared_errors_that_overflow_are_refused(cv):
    X = np.arange(6.0)[:, None]
    with pytest.raises(ValueError, match="squared errors overflow: a target is 5e.200.* Rescale y"):
        RidgeCV(cv=cv).fit(X**2, 1e200 * np.arange(6.0))
    assert RidgeCV([1e-320, 1.0]).fit(np.eye(3), [1.0, 5.0, 2.0]).alpha_ == 1.0  # at the first, 0 / 0


@pytest.mark.parametrize("alphas", [(), (0.0, 1.0), (-1.0,), (np.inf,), [[1.0]]])
def test_prices_must_be_above_zero(alphas):
    X, Y, _ = draw()
    with pytest.raises(ValueError, match="finite numbers above 0"):
        RidgeCV(alphas).fit(X, Y)


def test_one_price_is_taken_as_it_is():
    X, Y, _ = draw(13)
    model = RidgeCV(3.0).fit(X, Y)
    assert model.alpha_ == 3.0 and model.scores_.shape == (1,)


def test_one_row_cannot_be_left_out():
    with pytest.raises(ValueError, match=r"1 sample\(s\).*minimum of 2"):
        RidgeCV().fit([[1.0]], [1.0])
    with pytest.raises(ValueError, match="two of weight above 0, got 1"):
        RidgeCV().fit([[1.0], [2.0]], [1.0, 2.0], [0.0, 1.0])


def test_the_mean_alone_is_what_remains_at_a_huge_price():
    X, Y, _ = draw(14)
    model = RidgeCV([1e15]).fit(X, Y)
    np.testing.assert_allclose(model.intercept_, Y.mean(axis=0), rtol=1e-9)
    # the mean of 39 others is off by 40/39 of the distance from the mean of all
    np.testing.assert_allclose(model.best_score_, -np.mean(Y.var(axis=0)) * (40 / 39) ** 2, rtol=1e-9)


def test_memory_mapped_rows_are_not_read_as_a_whole(tmp_path):
    rng = np.random.default_rng(22)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float64, shape=(200_000, 20))
    X[:] = rng.normal(size=X.shape)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    y = X @ np.arange(20.0)
    tracemalloc.start()
    RidgeCV().fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4e6, peak


def test_many_targets_and_prices_do_not_make_a_block_larger():
    rng = np.random.default_rng(16)
    X, Y = rng.normal(size=(3000, 4)), rng.normal(size=(3000, 50))
    tracemalloc.start()
    RidgeCV(np.logspace(-3, 3, 40)).fit(X, Y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6, peak


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_eq_7_errors_of_splits_are_those_of_fits_to_the_training_points(weighted, fit_intercept):
    X, Y, weights = draw(17)
    weights[:3] = 0
    s = weights if weighted else np.ones(40)
    splits = [
        (np.arange(20), np.arange(20, 40)),
        (np.arange(10, 40), np.arange(2, 10)),
        (np.arange(5, 8), np.array([0])),
    ]
    sums, n_tested = errors_of_splits(X, Y, s if weighted else None, ALPHAS, splits, fit_intercept=fit_intercept)
    expected = np.zeros((2, 4))
    for train, test in splits:
        for k, alpha in enumerate(ALPHAS):
            model = Ridge(alpha, fit_intercept=fit_intercept).fit(X[train], Y[train], s[train])
            expected[:, k] += s[test] @ (Y[test] - model.predict(X[test])) ** 2
    np.testing.assert_allclose(sums, expected, rtol=1e-10)
    assert n_tested == (20 + 8 + 1 - 2 * weighted)


def test_folds_of_one_row_are_leaving_one_out():
    X, Y, weights = draw(18, N=12, D=8)
    one, other = RidgeCV(ALPHAS).fit(X, Y, weights), RidgeCV(ALPHAS, cv=12).fit(X, Y, weights)
    np.testing.assert_allclose(one.scores_, other.scores_, rtol=1e-9)
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=1e-12)


def test_splits_in_every_form():
    X, Y, _ = draw(19, N=7)
    folds = check_splits(3, X, Y)
    assert [test.tolist() for _, test in folds] == [[0, 1, 2], [3, 4], [5, 6]]
    assert all(sorted([*train, *test]) == list(range(7)) for train, test in folds)

    class Halves:
        def split(self, X, y):
            yield np.arange(len(X)) < 4, np.arange(len(X)) >= 4  # as truth values

    [(train, test)] = check_splits(Halves(), X, Y)
    assert train.tolist() == [0, 1, 2, 3] and test.tolist() == [4, 5, 6]
    [(train, test)] = check_splits(iter([([0, 1], [-1])]), X, Y)
    assert train.tolist() == [0, 1] and test.tolist() == [6]


@pytest.mark.parametrize("cv", [1, 8, True, 2.5, "five", [(0, 1)], [([0], [99])], [], [([], [1])]])
def test_splits_that_are_none_are_refused(cv):
    X, Y, _ = draw(20, N=7)
    with pytest.raises(ValueError, match="cv must"):
        RidgeCV(cv=cv).fit(X, Y)


@pytest.mark.parametrize("params", [{"gcv": True}, {"store_cv_results": True}])
def test_what_is_for_leaving_one_out_is_refused_with_splits(params):
    X, Y, _ = draw(21)
    with pytest.raises(ValueError, match="for leaving one out.*cv=3"):
        RidgeCV(cv=3, **params).fit(X, Y)
