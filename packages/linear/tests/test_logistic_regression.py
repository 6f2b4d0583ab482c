"""The oracle is the definition: probabilities by enumeration, derivatives by finite differences, odds by counting."""

import math
import signal
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import hookimpl, listening
from pellucid_linear import LogisticRegression, logistic_regression
from pellucid_linear.logistic_regression import (
    BLOCK,
    ConvergenceWarning,
    Problem,
    fit,
    gradient,
    hessian,
    hessian_times,
    line_search,
    log_softmax,
    loss,
    newton_direction,
    scores,
)

CLASSES = pytest.mark.parametrize("K", [2, 3, 5])


def draw(K, seed=0, N=30, D=3):
    """A problem as `fit` makes it, and weights that are far from its minimum."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=(N, D)), np.ones(N)])
    T = rng.integers(0, K, N)[:, None] == np.arange(K)
    s = rng.uniform(0.5, 2, N)
    problem = Problem(X, T, s / s.sum(), np.array([*rng.uniform(0.01, 0.1, D), 0]))
    return problem, rng.normal(size=(K if K > 2 else 1, D + 1))


def observed(K, seed=0, N=200, D=3):
    """Points, their classes drawn from a model, and the weights of that model."""
    rng = np.random.default_rng(seed)
    X, W, b = rng.normal(size=(N, D)), 2 * rng.normal(size=(K, D)), rng.normal(size=K)
    P = np.exp(X @ W.T + b)
    y = (rng.uniform(size=(N, 1)) * P.sum(axis=1, keepdims=True) > P.cumsum(axis=1)).sum(axis=1)
    return X, y, W, b


def loss_of(problem, W):
    return loss(problem, W, log_softmax(scores(problem.X, W)))


def probabilities(problem, W):
    return np.exp(log_softmax(scores(problem.X, W)))


def differences(f, W, step=1e-6):
    """∂f/∂W by central differences; f returns a number or an array."""
    slopes = []
    for place in np.ndindex(W.shape):
        nudge = np.zeros_like(W)
        nudge[place] = step
        slopes.append((np.asarray(f(W + nudge)) - np.asarray(f(W - nudge))) / (2 * step))
    return np.array(slopes)


# -- the equations ---------------------------------------------------------------------------------------------------


def test_eq_1_scores_are_weighted_sums():
    X, W = np.array([[1.0, 2.0], [3.0, 5.0]]), np.array([[10.0, 1.0], [0.0, -1.0], [1.0, 1.0]])
    b = np.array([0.5, 0, 9])
    np.testing.assert_array_equal(scores(X, W, b), [[12.5, -2, 12], [35.5, -5, 17]])
    np.testing.assert_array_equal(scores(X, W), [[12, -2, 3], [35, -5, 8]])


def test_eq_1_the_first_of_two_classes_has_score_0():
    X = np.array([[1.0, 2.0], [3.0, 5.0]])
    np.testing.assert_array_equal(scores(X, np.array([[10.0, 1.0]])), [[0, 12], [0, 35]])


def test_eq_2_probabilities_by_enumeration():
    Z = np.array([[0.1, -2.0, 1.5], [3.0, 3.0, -1.0]])
    for z, log_p in zip(Z, log_softmax(Z)):
        odds = [math.exp(score) for score in z]
        np.testing.assert_allclose(log_p, [math.log(o / sum(odds)) for o in odds], rtol=1e-13)


def test_eq_2_of_two_classes_is_the_logistic_curve():
    Z = np.array([[0.0, z] for z in np.linspace(-9, 9, 25)])
    np.testing.assert_allclose(np.exp(log_softmax(Z))[:, 1], [1 / (1 + math.exp(-z)) for _, z in Z], rtol=1e-13)


def test_eq_2_nothing_overflows_or_vanishes():
    Z = np.array([[1e4, 0.0, -1e300], [-1e4, -1e4, -1e4], [0.0, 800.0, -800.0]])
    expected = [[0, -1e4, -1e300], [-math.log(3)] * 3, [-800, 0, -1600]]
    np.testing.assert_allclose(log_softmax(Z), expected, rtol=1e-15, atol=1e-300)


@CLASSES
def test_eq_3_loss_by_loops(K):
    problem, W = draw(K)
    X, T, s, price = problem
    total = 0.0
    for x, t, share in zip(X, T, s):
        z = [sum(a * b for a, b in zip(w, x)) for w in W]
        odds = [math.exp(v) for v in ([0, *z] if K == 2 else z)]
        total -= share * math.log(odds[list(t).index(True)] / sum(odds))
    for w in W:
        total += sum(0.5 * p * v * v for p, v in zip(price, w))
    np.testing.assert_allclose(loss_of(problem, W), total, rtol=1e-13)


@CLASSES
def test_eq_4_gradient_agrees_with_finite_differences(K):
    problem, W = draw(K)
    g = gradient(problem, W, probabilities(problem, W))
    assert g.shape == W.shape
    np.testing.assert_allclose(g.ravel(), differences(lambda V: loss_of(problem, V), W), rtol=1e-6, atol=1e-9)


@CLASSES
@pytest.mark.parametrize("N", [30, BLOCK, 2 * BLOCK + 3])
def test_eq_5_6_hessian_agrees_with_finite_differences_of_the_gradient(K, N):
    problem, W = draw(K, N=N)
    H = hessian(problem, probabilities(problem, W))
    second = differences(lambda V: gradient(problem, V, probabilities(problem, V)).ravel(), W)
    assert H.shape == (W.size, W.size)
    np.testing.assert_allclose(H, second, rtol=1e-6, atol=1e-9)


@CLASSES
def test_eq_5_6_hessian_is_symmetric_and_never_negative(K):
    problem, W = draw(K, seed=1)
    for stretch in (0, 1, 30):
        H = hessian(problem, probabilities(problem, stretch * W))
        np.testing.assert_array_equal(H, H.T)
        assert np.linalg.eigvalsh(H)[0] > -1e-15


def test_eq_5_6_hessian_of_nearly_certain_probabilities_keeps_its_digits():
    problem, _ = draw(2, N=1, D=1)
    p = 1e-13
    H = hessian(problem, np.array([[p, 1 - p]]))
    x = problem.X[0]
    np.testing.assert_allclose(H - np.diag(problem.price), p * np.outer(x, x), atol=1e-17)


@CLASSES
def test_eq_7_direction_solves_the_system_in_both_ways(K, monkeypatch):
    problem, W = draw(K)
    P = probabilities(problem, W)
    g = gradient(problem, W, P)
    H = hessian(problem, P)
    for largest in (1000, W.size, 0):
        monkeypatch.setattr(logistic_regression, "LARGEST_HESSIAN", largest)
        d = newton_direction(problem, P, g, precision=1e-12)
        assert d.shape == W.shape
        if K == 2:
            np.testing.assert_allclose(d.ravel(), -np.linalg.solve(H, g.ravel()), rtol=1e-8)
        else:  # the intercepts have no price, so H is flat where all of them rise together
            np.testing.assert_allclose(H[3::4] @ d.ravel(), -g[:, 3], atol=1e-9)
            np.testing.assert_allclose(d.sum(axis=0), 0, atol=1e-12)


@CLASSES
def test_eq_7_one_newton_step_ends_at_the_minimum_of_a_parabola(K):
    """Near the minimum L is a parabola: after a step, the square of the distance is left."""
    X, y, *_ = observed(K)
    problem = as_problem(X, y, K)
    W = minimum(problem)
    start = W + 1e-4 * np.random.default_rng(0).normal(size=W.shape)
    start -= start.mean(axis=0) if K > 2 else 0
    P = probabilities(problem, start)
    after = start + newton_direction(problem, P, gradient(problem, start, P), precision=1e-12)
    assert np.abs(after - W).max() < 1e-6 * 1e-1


def as_problem(X, y, K, C=1.0):
    N, D = X.shape
    price = np.array([1 / (C * N)] * D + [0])
    return Problem(np.column_stack([X, np.ones(N)]), y[:, None] == np.arange(K), np.full(N, 1 / N), price)


def minimum(problem):
    """W where the gradient is zero, by Newton's method with the Hessian of finite differences."""
    K = problem.T.shape[1]
    W = np.zeros((K if K > 2 else 1, problem.X.shape[1]))
    for _ in range(30):
        g = gradient(problem, W, probabilities(problem, W))
        H = differences(lambda V: gradient(problem, V, probabilities(problem, V)).ravel(), W, 1e-5)
        W = W - np.linalg.lstsq(H, g.ravel(), rcond=1e-7)[0].reshape(W.shape)
    return W


@pytest.mark.parametrize("length", [0.5, 1.5, 3, 5, 7, 10, 20, 40, 100, 1e3, 1e6])
@CLASSES
def test_eq_8_goes_the_first_of_1_half_quarter_that_lowers_the_loss_enough(K, length):
    problem, W = draw(K)
    g = gradient(problem, W, probabilities(problem, W))
    d, L = -length * g, loss_of(problem, W)
    slope = float((g * d).sum())
    t = 1.0
    while loss_of(problem, W + t * d) > L + 0.25 * t * slope:
        t /= 2
    found, log_p, L_there = line_search(problem, W, L, d, slope)
    np.testing.assert_array_equal(found, W + t * d)
    np.testing.assert_allclose(log_p, log_softmax(scores(problem.X, W + t * d)))
    assert L_there == loss_of(problem, W + t * d)


@pytest.mark.parametrize("share, t", [(0.24, 0.5), (0.26, 1.0)])
def test_eq_8_enough_is_a_quarter_of_what_the_slope_promises(share, t):
    """With d of this length, the loss falls by exactly `share` of the slope's promise."""
    problem, W = draw(3)
    g = gradient(problem, W, probabilities(problem, W))
    L = loss_of(problem, W)
    low, high = 1e-3, 1e3  # the share falls from 1 as the step grows
    for _ in range(100):
        length = math.sqrt(low * high)
        fallen = (loss_of(problem, W - length * g) - L) / (-length * (g**2).sum())
        low, high = (length, high) if fallen > share else (low, length)
    found, *_ = line_search(problem, W, L, -length * g, -length * (g**2).sum())
    np.testing.assert_array_equal(found, W - t * length * g)


def test_eq_8_a_step_lost_in_rounding_is_taken():
    X, y, *_ = observed(3)
    problem = as_problem(X, y, 3)
    W = minimum(problem)
    L, rng = loss_of(problem, W), np.random.default_rng(0)
    for _ in range(20):
        d = 1e-9 * rng.normal(size=W.shape)
        found, *_ = line_search(problem, W, L, d, 0.0)
        np.testing.assert_array_equal(found, W + d)


def test_eq_8_a_step_that_changes_nothing_is_taken():
    problem = Problem(np.array([[1.0], [-1.0]]), np.eye(2, dtype=bool)[[1, 0]], np.full(2, 0.5), np.zeros(1))
    W, d = np.array([[1000.0]]), np.array([[1.0]])
    assert loss_of(problem, W) == loss_of(problem, W + d) == 0
    np.testing.assert_array_equal(line_search(problem, W, 0.0, d, 0.0)[0], W + d)


def test_eq_8_refuses_a_step_that_is_worse_by_more_than_rounding():
    problem, W = draw(2)
    W = minimum(problem)
    L = loss_of(problem, W)
    found, *_ = line_search(problem, W, L, np.full(W.shape, 1e-5), 0.0)
    assert np.abs(found - W).max() < 1e-6


@CLASSES
def test_eq_9_product_is_that_of_the_hessian(K):
    problem, W = draw(K)
    P, V = probabilities(problem, W), np.random.default_rng(1).normal(size=W.shape)
    product = hessian_times(problem, P, V)
    assert product.shape == V.shape
    np.testing.assert_allclose(product.ravel(), hessian(problem, P) @ V.ravel(), rtol=1e-12)


# -- the fit ---------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["the whole Hessian", "conjugate gradients"])
def way(request, monkeypatch):
    if request.param == "conjugate gradients":
        monkeypatch.setattr(logistic_regression, "LARGEST_HESSIAN", 0)
    return request.param


@CLASSES
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_fit_ends_where_the_gradient_is_zero(way, K, fit_intercept):
    X, y, *_ = observed(K)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(X))
    (coef, intercept), losses, converged = fit(X, y, K, weights, C=0.5, fit_intercept=fit_intercept, tol=1e-12)
    assert converged and len(losses) < 20
    Z = scores(X, coef, intercept)
    error = weights[:, None] * (np.exp(log_softmax(Z)) - (y[:, None] == np.arange(K)))[:, -len(coef) :]
    np.testing.assert_allclose(error.T @ X + coef / 0.5, 0, atol=1e-6)
    if fit_intercept:
        np.testing.assert_allclose(error.sum(axis=0), 0, atol=1e-7)
    else:
        assert not intercept.any()


@CLASSES
def test_loss_starts_at_log_K_and_never_rises(way, K):
    X, y, *_ = observed(K)
    params, losses, _ = fit(X, y, K)
    np.testing.assert_allclose(losses[0], math.log(K), rtol=1e-15)
    assert np.all(np.diff(losses) <= 1e-14)
    P = np.exp(log_softmax(scores(X, *params)))
    at_the_end = -np.log(P[np.arange(len(y)), y]).mean() + 0.5 * (params.coef**2).sum() / len(y)
    np.testing.assert_allclose(losses[-1], at_the_end, rtol=1e-12)


def test_without_features_probabilities_are_the_shares_of_the_classes(way):
    y = np.repeat([0, 1, 2], [5, 3, 2])
    (coef, intercept), *_ = fit(np.zeros((10, 1)), y, 3)
    np.testing.assert_allclose(np.exp(log_softmax(intercept[None, :])), [[0.5, 0.3, 0.2]], rtol=1e-9)
    np.testing.assert_allclose(intercept.sum(), 0, atol=1e-12)
    (coef, intercept), *_ = fit(np.zeros((10, 1)), np.minimum(y, 1), 2)
    np.testing.assert_allclose(intercept, [math.log(0.5 / 0.5)], atol=1e-12)


def test_free_weights_give_the_odds_of_a_table(way):
    """One yes-or-no feature, no price: the weight is the log of the ratio of the odds."""
    X, y = np.repeat([[0.0], [0.0], [1.0], [1.0]], [30, 10, 5, 20], axis=0), np.repeat([0, 1, 0, 1], [30, 10, 5, 20])
    (coef, intercept), _, converged = fit(X, y, 2, C=math.inf)
    assert converged
    np.testing.assert_allclose(intercept, [math.log(10 / 30)], rtol=1e-7)
    np.testing.assert_allclose(coef, [[math.log((20 / 5) / (10 / 30))]], rtol=1e-7)


def test_recovers_the_weights_that_made_the_data(way):
    X, y, W, b = observed(3, N=100_000, D=2)
    (coef, intercept), *_ = fit(X, y, 3, C=math.inf)
    np.testing.assert_allclose(coef, W - W.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(intercept, b - b.mean(), atol=0.1)


@CLASSES
def test_integer_weights_are_repeated_rows(way, K):
    X, y, *_ = observed(K)
    times = np.random.default_rng(2).integers(0, 4, len(X))
    (coef, intercept), losses, _ = fit(X, y, K, times.astype(float), tol=1e-10)
    again, losses_again, _ = fit(np.repeat(X, times, axis=0), np.repeat(y, times), K, tol=1e-10)
    np.testing.assert_allclose(coef, again.coef, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(intercept, again.intercept, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(losses[-1], losses_again[-1], rtol=1e-12)


def test_renaming_the_classes_renames_the_weights():
    X, y, *_ = observed(3)
    order = np.array([2, 0, 1])
    before, after = fit(X, y, 3)[0], fit(X, order[y], 3)[0]
    np.testing.assert_allclose(after.coef[order], before.coef, rtol=1e-7, atol=1e-10)
    one, other = fit(X, np.minimum(y, 1), 2)[0], fit(X, 1 - np.minimum(y, 1), 2)[0]
    np.testing.assert_allclose(other.coef, -one.coef, rtol=1e-9)


@CLASSES
@pytest.mark.parametrize("offset", [1e4, 1e8])
def test_moving_the_data_moves_only_the_intercept(way, K, offset):
    X, y, *_ = observed(K)
    X = np.round(X * 2**20) / 2**20  # so that X + offset is exact
    here, there = fit(X, y, K)[0], fit(X + offset, y, K)[0]
    np.testing.assert_allclose(there.coef, here.coef, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(scores(X + offset, *there), scores(X, *here), rtol=1e-4, atol=1e-16 * 50 * offset + 1e-6)


def test_units_do_not_matter_where_weights_are_free(way):
    X, y, *_ = observed(3)
    units = np.array([1e-9, 1.0, 1e9])
    before, after = fit(X, y, 3, C=math.inf)[0], fit(X * units, y, 3, C=math.inf)[0]
    np.testing.assert_allclose(after.coef * units, before.coef, rtol=1e-4)


def test_separable_classes_with_a_price_converge(way):
    X, y = np.array([[-2.0], [-1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1])
    for C in (1e-3, 1.0, 1e3, 1e9):
        (coef, intercept), losses, converged = fit(X, y, 2, C=C)
        assert converged and len(losses) < 50 and abs(intercept[0]) < 1e-6
        p = 1 / (1 + np.exp(np.abs(X[:, 0]) * coef[0, 0]))  # of the wrong class
        np.testing.assert_allclose(p @ np.abs(X[:, 0]), coef[0, 0] / C, rtol=1e-4)  # the derivative is zero


def test_separable_classes_without_a_price_do_not_converge_and_say_so():
    X, y = [[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1]
    with pytest.warns(ConvergenceWarning, match="max_iter=1000.*lower C=inf"):
        model = LogisticRegression(C=math.inf, max_iter=1000).fit(X, y)
    assert model.score(X, y) == 1 and np.isfinite(model.coef_).all()


def test_constant_and_repeated_columns():
    X, y, *_ = observed(3)
    more = np.column_stack([X, np.full(len(X), 1e8 / 3), X[:, 0]])
    plain = LogisticRegression().fit(X * [math.sqrt(2), 1, 1], y)  # two equal weights cost half as much as one
    model = LogisticRegression().fit(more, y)
    assert not model.coef_[:, 3].any()
    np.testing.assert_allclose(model.coef_[:, 0], model.coef_[:, 4], rtol=1e-9)
    np.testing.assert_allclose(model.coef_[:, 0] * math.sqrt(2), plain.coef_[:, 0], rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(more), plain.predict_proba(X * [math.sqrt(2), 1, 1]), atol=1e-7)


def test_more_columns_than_rows(way):
    X, y, *_ = observed(3, N=20, D=60)
    (coef, intercept), _, converged = fit(X, y, 3)
    assert converged
    # the gradient is zero only where the weights are a sum of rows
    rows = np.linalg.lstsq(X.T, coef.T)[0]
    np.testing.assert_allclose(X.T @ rows, coef.T, atol=1e-6)


def test_many_weights_take_the_way_without_the_hessian(monkeypatch):
    X, y, *_ = observed(3, N=50, D=400)
    monkeypatch.setattr(logistic_regression, "hessian", lambda *args: pytest.fail("1203 weights have a large Hessian"))
    assert fit(X, y, 3)[2]


def test_huge_entries_are_right_or_an_error():
    X, y, *_ = observed(2)
    big, small = fit(X * 1e100, y, 2, C=math.inf)[0], fit(X, y, 2, C=math.inf)[0]
    np.testing.assert_allclose(big.coef * 1e100, small.coef, rtol=1e-5)
    with pytest.raises(ValueError, match=r"squares of the data overflow.*e\+20"), np.errstate(all="ignore"):
        fit(X * 1e200, y, 2)


# -- the class -------------------------------------------------------------------------------------------------------


def test_class_for_two_classes():
    X, y, *_ = observed(2)
    names = np.array(["no", "yes"])[y]
    model = LogisticRegression().fit(X, names)
    assert model.classes_.tolist() == ["no", "yes"] and model.coef_.shape == (1, 3) and model.intercept_.shape == (1,)
    z = X @ model.coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(model.decision_function(X), z, rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X), np.column_stack([1 / (1 + np.exp(z)), 1 / (1 + np.exp(-z))]))
    np.testing.assert_array_equal(model.predict(X), np.where(z > 0, "yes", "no"))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))
    assert model.n_iter_ == len(model.loss_) - 1 > 1


def test_class_for_several_classes():
    X, y, *_ = observed(4)
    model = LogisticRegression().fit(X, y + 10)
    assert model.coef_.shape == (4, 3) and model.intercept_.shape == (4,)
    assert model.decision_function(X).shape == model.predict_proba(X).shape == (200, 4)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X).argmax(axis=1) + 10)


def test_class_weights_are_weights_of_rows():
    X, y, *_ = observed(3)
    y = y + np.array([0, 0, 5])[y]  # labels 0, 1, 7
    given = LogisticRegression(class_weight={0: 2.0, 1: 1.0, 7: 0.5}).fit(X, y)
    by_row = LogisticRegression().fit(X, y, np.select([y == 0, y == 1], [2.0, 1.0], 0.5))
    np.testing.assert_allclose(given.coef_, by_row.coef_, rtol=1e-12)
    balanced = LogisticRegression(class_weight="balanced", C=1e-9).fit(X, y)
    np.testing.assert_allclose(balanced.predict_proba(X), 1 / 3, atol=1e-4)  # nothing but the shares of the classes


def test_one_class_is_an_error():
    with pytest.raises(ValueError, match="at least 2 classes.*only one class: \\['a'\\]"):
        LogisticRegression().fit([[0.0], [1.0]], ["a", "a"])


@pytest.mark.parametrize(
    "params, message",
    [
        ({"C": 0}, "C must be more than 0, got 0"),
        ({"C": math.nan}, "C must be more than 0, got nan"),
        ({"max_iter": 0}, "max_iter must be 1 or more"),
        ({"tol": -1}, "tol 0 or more, got 100 and -1"),
    ],
)
def test_wrong_parameters_say_so(params, message):
    with pytest.raises(ValueError, match=message):
        LogisticRegression(**params).fit([[0.0], [1.0]], [0, 1])


def test_too_few_steps_are_a_warning_and_enough_are_none():
    X, y, *_ = observed(3)
    with pytest.warns(ConvergenceWarning, match="max_iter=2 steps"):
        model = LogisticRegression(max_iter=2).fit(X, y)
    assert model.n_iter_ == 2 and len(model.loss_) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        enough = LogisticRegression().fit(X, y)
        LogisticRegression(max_iter=enough.n_iter_).fit(X, y)
        LogisticRegression(tol=0).fit(X, y)  # ends when rounding hides what is left
        LogisticRegression(tol=0).fit(np.tile(X, (500, 1)), np.tile(y, 500))


class Watcher:
    def __init__(self, stop_after=None):
        self.losses, self.stop_after = [], stop_after

    @hookimpl
    def pellucid_fit_step(self, run):
        self.losses.append(run.metrics["loss"])
        if run.n_steps == self.stop_after:
            run.stop("seen enough")


def test_listeners_see_every_loss_and_may_end_the_fit():
    X, y, *_ = observed(3)
    with listening(Watcher()) as watcher:
        model = LogisticRegression().fit(X, y)
    np.testing.assert_array_equal(watcher.losses, model.loss_[1:])
    with listening(Watcher(stop_after=2)), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LogisticRegression().fit(X, y).n_iter_ == 2


def test_after_ctrl_c_the_model_keeps_its_best(recwarn):
    X, y, *_ = observed(3)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores Ctrl-C

    class Impatient:
        @hookimpl
        def pellucid_fit_step(self, run):
            if run.n_steps == 2:
                signal.raise_signal(signal.SIGINT)

    try:
        with listening(Impatient()):
            model = LogisticRegression().fit(X, y)
    finally:
        signal.signal(signal.SIGINT, before)
    assert model.n_iter_ == 2 and model.score(X, y) > 0.6
    assert [str(w.message) for w in recwarn] and "stopped by Ctrl-C" in str(recwarn[0].message) and len(recwarn) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(1, 4), st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_any_small_problem_converges_to_a_zero_gradient(K, D, seed, C):
    rng = np.random.default_rng(seed)
    N = int(rng.integers(K, 40))
    X, y = rng.normal(size=(N, D)) * 10 ** rng.uniform(-2, 2, D), np.append(np.arange(K), rng.integers(0, K, N - K))
    (coef, intercept), losses, converged = fit(X, y, K, C=C, tol=1e-12)
    assert converged and np.all(np.diff(losses) <= 1e-14)
    error = (np.exp(log_softmax(scores(X, coef, intercept))) - (y[:, None] == np.arange(K)))[:, -len(coef) :]
    size = np.abs(error).T @ np.abs(X) + np.abs(coef) / C + 1e-12
    assert np.max(np.abs(error.T @ X + coef / C) / size) < 1e-3
