"""The oracle is the definition: probabilities by enumeration, derivatives by finite differences, odds by counting."""

import math
import signal
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import NotFittedError, hookimpl, listening, load
from pellucid.listeners import Checkpoint
from pellucid_linear import LogisticRegression, logistic_regression, newton
from pellucid_linear.logistic_regression import (
    BLOCK,
    ConvergenceWarning,
    Problem,
    fit,
    gradient,
    hessian,
    hessian_of,
    hessian_times,
    log_softmax,
    loss,
    prices,
    rough_diagonal,
    scores,
    smooth,
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
@pytest.mark.parametrize("N", [30, BLOCK, 2 * BLOCK + 3])
def test_eq_6_some_rows_and_columns_of_the_hessian(K, N):
    problem, W = draw(K, N=N)
    P = probabilities(problem, W)
    H, rng = hessian(problem, P), np.random.default_rng(0)
    for size in (0, 1, W.size // 2, W.size):
        some = rng.permutation(W.size)[:size]
        np.testing.assert_allclose(hessian_of(problem, P, some), H[np.ix_(some, some)], rtol=1e-11, atol=1e-14)


def test_eq_6_some_of_the_hessian_of_nearly_certain_probabilities_keeps_its_digits():
    problem, _ = draw(3, N=1, D=1)
    p = 1e-13
    H = hessian_of(problem, np.array([[p, p, 1 - 2 * p]]), np.array([4, 5]))
    x = problem.X[0]
    np.testing.assert_allclose(H - np.diag(problem.price), 2 * p * np.outer(x, x), atol=1e-17)


@CLASSES
def test_eq_7_rough_diagonal_is_that_of_the_hessian_where_all_probabilities_are_alike(K):
    problem, W = draw(K)
    P = probabilities(problem, np.zeros_like(W))
    np.testing.assert_allclose(rough_diagonal(problem, P).ravel(), np.diag(hessian(problem, P)), rtol=1e-12)
    empty = Problem(problem.X * [0, 1, 1, 1], problem.T, problem.s, problem.price * 0)
    assert np.all(rough_diagonal(empty, P)[:, 0] == 1)


@CLASSES
def test_eq_7_product_is_that_of_the_hessian(K):
    problem, W = draw(K)
    P, V = probabilities(problem, W), np.random.default_rng(1).normal(size=W.shape)
    product = hessian_times(problem, P, V)
    assert product.shape == V.shape
    np.testing.assert_allclose(product.ravel(), hessian(problem, P) @ V.ravel(), rtol=1e-12)


@CLASSES
def test_the_function_that_is_handed_on_is_made_of_these(K):
    problem, W = draw(K)
    L, w, P = smooth(problem, len(W)), W.ravel(), probabilities(problem, W)
    value, state = L.look(w)
    assert value == loss_of(problem, W)
    np.testing.assert_array_equal(state, P)
    np.testing.assert_array_equal(L.gradient(w, P), gradient(problem, W, P).ravel())
    np.testing.assert_array_equal(L.hessian(P, np.arange(W.size)), hessian(problem, P))
    np.testing.assert_array_equal(L.hessian(P, np.array([1, 2])), hessian_of(problem, P, np.array([1, 2])))
    np.testing.assert_array_equal(L.times(P, w), hessian_times(problem, P, W).ravel())
    np.testing.assert_array_equal(L.diagonal(P), rough_diagonal(problem, P).ravel())
    steep = L.steep(w).reshape(W.shape)
    np.testing.assert_allclose(steep, W - W.mean(axis=0) if K > 2 else W)
    np.testing.assert_allclose(probabilities(problem, steep), P, rtol=1e-12)


def test_eq_8_the_price_is_shared_by_squares_and_absolute_values():
    assert prices(2.0, 0.0, 5.0) == (0.1, 0.0)
    assert prices(2.0, 1.0, 5.0) == (0.0, 0.1)
    np.testing.assert_allclose(prices(0.5, 0.25, 8.0), (0.75 / 4, 0.25 / 4))
    assert prices(math.inf, 0.5, 8.0) == (0, 0)


@CLASSES
@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_eq_8_the_loss_is_that_of_its_definition(K, l1_ratio):
    """S times L is the sum of the weighted losses, plus 1 / C times the prices."""
    X, y, *_ = observed(K)
    weights, C = np.random.default_rng(1).uniform(0.5, 2, len(X)), 0.1
    (coef, intercept), losses, _ = fit(X, y, K, weights, C=C, l1_ratio=l1_ratio)
    log_p = log_softmax(scores(X, coef, intercept))
    total = -sum(weight * one[k] for weight, one, k in zip(weights, log_p, y))
    total += (l1_ratio * np.abs(coef).sum() + 0.5 * (1 - l1_ratio) * (coef**2).sum()) / C
    np.testing.assert_allclose(losses[-1], total / weights.sum(), rtol=1e-12)


# -- the fit ---------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["the whole Hessian", "conjugate gradients"])
def way(request, monkeypatch):
    if request.param == "conjugate gradients":
        monkeypatch.setattr(newton, "LARGEST_HESSIAN", 0)
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


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_every_solver_says_so_where_free_weights_have_no_end(solver):
    pytest.importorskip("scipy")
    X, y = np.array([[-5.0, 1.0], [-4.0, 0.0], [4.0, 1.0], [6.0, 0.0]]), [0, 0, 1, 1]
    with pytest.warns(ConvergenceWarning, match="apart without error"):
        LogisticRegression(penalty=None, solver=solver).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LogisticRegression(penalty=None, solver=solver).fit(np.zeros((4, 1)), y)  # equal scores tell nothing apart


@pytest.mark.parametrize("far", [1e6, 1e12, 1e300])
@pytest.mark.parametrize("options", [{}, {"penalty": "l1"}, {"penalty": None}], ids=str)
def test_a_row_of_weight_zero_is_as_good_as_absent_however_far_it_is(options, far):
    X, y, *_ = observed(3)
    weights = np.ones(len(X))
    weights[::4] = 0
    away = np.where(weights[:, None] == 0, far, X)
    found, expected = (
        LogisticRegression(**options).fit(*data) for data in ((away, y, weights), (X[weights > 0], y[weights > 0]))
    )
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    np.testing.assert_array_equal(found.intercept_, expected.intercept_)


@pytest.mark.parametrize("options", [{}, {"penalty": "l1"}, {"penalty": None}], ids=str)
def test_far_rows_of_hardly_any_weight_cost_no_digits(options):
    X, y, *_ = observed(3)
    far, weights = np.vstack([X, np.full((3, 3), 1e9)]), np.append(np.ones(len(X)), np.full(3, 1e-60))
    found = LogisticRegression(**options).fit(far, np.append(y, [0, 1, 2]), weights)
    np.testing.assert_allclose(found.coef_, LogisticRegression(**options).fit(X, y).coef_, rtol=1e-5, atol=1e-8)


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


# -- with a price on absolute values ---------------------------------------------------------------------------------


def check_kinks(X, y, K, weights, params, C, l1_ratio, tol=1e-9, fit_intercept=True):
    """−∂(L − λ|w|)/∂w is λ sign w where w is not 0 and at most λ in size where it is; ∂L/∂b is 0."""
    S = weights.sum()
    Z = scores(X, *params)
    error = (weights / S)[:, None] * (np.exp(log_softmax(Z)) - (y[:, None] == np.arange(K)))
    error = error[:, -len(params.coef) :]
    v = -(error.T @ X + (1 - l1_ratio) / (C * S) * params.coef)
    lam = l1_ratio / (C * S)
    on = params.coef != 0
    np.testing.assert_allclose(v[on], lam * np.sign(params.coef[on]), atol=tol)
    assert np.all(np.abs(v[~on]) <= lam + tol)
    if fit_intercept:
        np.testing.assert_allclose(error.sum(axis=0), 0, atol=tol)
    else:
        assert not params.intercept.any()


@CLASSES
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [0.1, 0.5, 1.0])
def test_with_absolute_values_nothing_is_left_to_gain(way, K, l1_ratio, fit_intercept):
    X, y, *_ = observed(K, D=8)
    weights = np.random.default_rng(1).uniform(0.5, 2, len(X))
    params, losses, converged = fit(
        X, y, K, weights, C=0.05, l1_ratio=l1_ratio, fit_intercept=fit_intercept, tol=1e-12, max_iter=200
    )
    assert converged and np.all(np.diff(losses) <= 1e-13)
    tol = 1e-10 if way == "the whole Hessian" else 1e-6
    check_kinks(X, y, K, weights, params, 0.05, l1_ratio, tol, fit_intercept)
    assert l1_ratio < 1 or 0 < np.count_nonzero(params.coef) < params.coef.size


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    st.integers(2, 4), st.integers(1, 12), st.integers(0, 10**6), st.floats(1e-2, 10), st.sampled_from([0.1, 0.7, 1.0])
)
def test_with_absolute_values_any_small_problem_converges(K, D, seed, C, l1_ratio):
    rng = np.random.default_rng(seed)
    N = int(rng.integers(K, 40))
    X, y = rng.normal(size=(N, D)) + rng.normal(size=D), np.append(np.arange(K), rng.integers(0, K, N - K))
    weights = rng.integers(0, 3, N) + 0.01
    params, losses, converged = fit(X, y, K, weights, C=C, l1_ratio=l1_ratio, tol=0)
    assert converged and np.all(np.diff(losses) <= 1e-13)
    check_kinks(X, y, K, weights, params, C, l1_ratio, 1e-9)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@CLASSES
def test_the_sign_of_the_price_is_right(K, l1_ratio):
    """The lower C the smaller the weights, and never the other way: numpy-ml's price was subtracted."""
    X, y, *_ = observed(K)
    sizes = []
    for C in (math.inf, 10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-6):
        (coef, _), *_ = fit(X, y, K, C=C, l1_ratio=l1_ratio)
        sizes.append(l1_ratio * np.abs(coef).sum() + (1 - l1_ratio) * 0.5 * (coef**2).sum())
    assert np.all(np.diff(sizes) <= 1e-9) and sizes[-1] < 1e-3 * sizes[0]
    assert l1_ratio == 0 or sizes[-1] == 0


@CLASSES
def test_absolute_values_leave_exact_zeros_and_the_shares_of_the_classes(K):
    X, y, *_ = observed(K)
    (coef, intercept), losses, converged = fit(X, y, K, C=1e-4, l1_ratio=1.0, tol=1e-12)
    assert converged and not coef.any()
    shares = np.bincount(y) / len(y)
    np.testing.assert_allclose(np.exp(log_softmax(scores(X[:1], coef, intercept)))[0], shares, rtol=1e-9)
    np.testing.assert_allclose(losses[-1], -shares @ np.log(shares), rtol=1e-12)


def test_absolute_values_choose_the_features_that_made_the_data():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(500, 300))
    y = (X[:, [7, 40]] @ [3.0, -3.0] + rng.logistic(size=500) > 0).astype(int)
    (coef, _), _, converged = fit(X, y, 2, C=0.04, l1_ratio=1.0)
    assert converged and np.flatnonzero(coef[0]).tolist() == [7, 40]
    assert coef[0, 7] > 0 > coef[0, 40]


@CLASSES
def test_with_absolute_values_integer_weights_are_repeated_rows(K):
    X, y, *_ = observed(K)
    times = np.random.default_rng(2).integers(0, 4, len(X))
    params, losses, _ = fit(X, y, K, times.astype(float), C=0.1, l1_ratio=0.5, tol=1e-12)
    again, losses_again, _ = fit(np.repeat(X, times, axis=0), np.repeat(y, times), K, C=0.1, l1_ratio=0.5, tol=1e-12)
    np.testing.assert_allclose(params.coef, again.coef, atol=1e-9)
    np.testing.assert_allclose(params.intercept, again.intercept, atol=1e-9)
    np.testing.assert_allclose(losses[-1], losses_again[-1], rtol=1e-12)


# -- by L-BFGS -------------------------------------------------------------------------------------------------------


@CLASSES
@pytest.mark.parametrize("C", [0.1, math.inf])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_lbfgs_finds_what_newton_finds(K, C, fit_intercept):
    pytest.importorskip("scipy.optimize")
    X, y, *_ = observed(K)
    X = X * [1e-3, 1, 1e3] + [5, 0, 0]
    weights = np.random.default_rng(1).uniform(0.5, 2, len(X))
    exact, losses, _ = fit(X, y, K, weights, C=C, fit_intercept=fit_intercept, tol=1e-12)
    found, more, converged = fit(
        X, y, K, weights, C=C, fit_intercept=fit_intercept, solver="lbfgs", tol=1e-9, max_iter=1000
    )
    assert converged and more[0] == losses[0]
    np.testing.assert_allclose(more[-1], losses[-1], rtol=1e-12)
    size = X.std(axis=0)
    np.testing.assert_allclose(found.coef * size, exact.coef * size, atol=2e-6)
    np.testing.assert_allclose(scores(X, *found), scores(X, *exact), atol=2e-5)


def test_lbfgs_is_never_asked_for_a_hessian(monkeypatch):
    pytest.importorskip("scipy.optimize")
    monkeypatch.setattr(logistic_regression, "hessian", lambda *args: pytest.fail("a Hessian"))
    monkeypatch.setattr(logistic_regression, "hessian_times", lambda *args: pytest.fail("its product"))
    X, y, *_ = observed(3)
    assert LogisticRegression(solver="lbfgs", tol=1e-4).fit(X, y).score(X, y) > 0.7


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
        ({"C": 0}, "C must be a number above 0, got 0"),
        ({"C": math.nan}, "C must be a number above 0, got nan"),
        ({"max_iter": 0}, "max_iter must be a whole number of 1 or more"),
        ({"tol": -1}, "tol must be a number of 0 or more, got 100 and -1"),
        ({"l1_ratio": 1.5}, "l1_ratio must be a number from 0 to 1, got 1.5"),
        ({"l1_ratio": math.nan}, "l1_ratio must be a number from 0 to 1"),
        ({"penalty": "l3"}, "penalty must be 'elasticnet', 'l2', 'l1' or None, got 'l3'"),
        ({"penalty": "l2", "l1_ratio": 0.5}, "penalty='l2' has no use for l1_ratio=0.5"),
        ({"penalty": "l1", "l1_ratio": 0.5}, "penalty='l1' has no use for l1_ratio=0.5"),
        ({"penalty": None, "l1_ratio": 0.5}, "penalty=None has no use for l1_ratio=0.5"),
        ({"solver": "saga"}, "solver must be 'newton' or 'lbfgs', got 'saga'"),
        ({"solver": "lbfgs", "l1_ratio": 0.5}, "needs a loss without kinks.*'newton'"),
        ({"solver": "lbfgs", "penalty": "l1"}, "needs a loss without kinks"),
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


def test_both_ways_to_name_a_price():
    X, y, *_ = observed(3)

    def coef(**params):
        return LogisticRegression(0.1, **params).fit(X, y).coef_

    np.testing.assert_array_equal(coef(penalty="l2"), coef())
    np.testing.assert_array_equal(coef(penalty="l1"), coef(l1_ratio=1.0))
    np.testing.assert_array_equal(coef(penalty="l1", l1_ratio=1), coef(l1_ratio=1.0))
    np.testing.assert_array_equal(coef(penalty="elasticnet", l1_ratio=0.4), coef(l1_ratio=0.4))
    np.testing.assert_array_equal(coef(penalty=None), LogisticRegression(math.inf).fit(X, y).coef_)
    np.testing.assert_array_equal(coef(penalty=None), LogisticRegression(math.inf, l1_ratio=1.0).fit(X, y).coef_)
    assert np.abs(coef(l1_ratio=1.0)).sum() < np.abs(coef(l1_ratio=0.4)).sum()


@CLASSES
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_warm_start_equals_cold_start(K, l1_ratio):
    X, y, *_ = observed(K)
    X = X + 3
    model = LogisticRegression(warm_start=True, l1_ratio=l1_ratio, tol=1e-12)
    for C in (0.01, 1.0, 0.1):
        warm = model.set_params(C=C).fit(X, y)
        cold = LogisticRegression(C, l1_ratio=l1_ratio, tol=1e-12).fit(X, y)
        np.testing.assert_allclose(warm.coef_, cold.coef_, atol=1e-9)
        np.testing.assert_allclose(warm.intercept_, cold.intercept_, atol=1e-9)
    again = model.fit(X, y)
    assert again.n_iter_ == 1 < cold.n_iter_
    np.testing.assert_allclose(again.loss_, cold.loss_[-1], rtol=1e-12)
    again.coef_ = again.coef_.astype(np.float32)
    np.testing.assert_allclose(again.fit(X, y).coef_, cold.coef_, atol=1e-9)


def test_warm_start_where_another_price_ended():
    """With a price on absolute values a feature's weights need not sum to 0 over the classes, with squares they do."""
    X, y, *_ = observed(3)
    model = LogisticRegression(0.1, l1_ratio=1.0, warm_start=True).fit(X, y)
    assert np.abs(model.coef_.sum(axis=0)).max() > 0.01
    for params in ({"l1_ratio": 0.0}, {"C": math.inf}, {"C": 0.1, "l1_ratio": 0.7}):
        warm = model.set_params(**params, tol=1e-12).fit(X, y)
        cold = LogisticRegression(**{**model.get_params(), "warm_start": False}).fit(X, y)
        np.testing.assert_allclose(warm.coef_, cold.coef_, atol=1e-8)
        np.testing.assert_allclose(warm.intercept_, cold.intercept_, atol=1e-8)


def test_warm_start_by_lbfgs():
    pytest.importorskip("scipy.optimize")
    X, y, *_ = observed(3)
    model = LogisticRegression(warm_start=True, solver="lbfgs").fit(X, y)
    first = model.n_iter_
    assert model.fit(X, y).n_iter_ < first // 2


def test_warm_start_for_other_data_is_refused_and_forgets():
    X, y, *_ = observed(3)
    for rows, columns in ((y < 3, 2), (y < 2, 3)):
        model = LogisticRegression(warm_start=True).fit(X, y)
        with pytest.raises(ValueError, match=r"have shape \(3, 3\) \(classes, features\), but.*warm_start=False"):
            model.fit(X[rows, :columns], y[rows])
        with pytest.raises(NotFittedError):
            model.predict(X)


def test_without_a_price_separable_classes_are_named_as_the_reason_and_others_are_not():
    X, y = np.array([[-2.0], [-1.0], [1.0], [2.0], [0.5]]), np.array([0, 0, 1, 1, 0])
    for params in ({"C": math.inf}, {"penalty": None}):
        with pytest.warns(ConvergenceWarning, match="apart without error.*while they cost nothing"):
            LogisticRegression(**params).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="apart without error"):  # a row of weight 0 does not count
        LogisticRegression(math.inf).fit(np.vstack([X, [[9.0]]]), np.append(y, 0), np.append(np.ones(5), 0))
    with pytest.warns(ConvergenceWarning, match="in max_iter=1 steps. Raise it"):
        LogisticRegression(math.inf, max_iter=1).fit(np.vstack([X, [[0.6]]]), np.append(y, 0) * [1, 1, 1, 0, 1, 1])
    with pytest.warns(ConvergenceWarning, match="in max_iter=1 steps. Raise it"):
        LogisticRegression(max_iter=1).fit(X, y)


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


@pytest.mark.parametrize("params", [{}, {"l1_ratio": 0.5, "C": 0.1}, {"solver": "lbfgs"}], ids=str)
def test_a_snapshot_is_the_model_after_that_step(params):
    if "solver" in params:
        pytest.importorskip("scipy.optimize")
    X, y, *_ = observed(3)
    snapshots = []

    class Photographer:
        @hookimpl
        def pellucid_fit_step(self, run):
            snapshots.append((run.snapshot(), run.metrics["loss"]))

    with listening(Photographer()):
        model = LogisticRegression(**params).fit(X, y)
    assert len(snapshots) == model.n_iter_
    for n, (snapshot, value) in enumerate(snapshots, start=1):
        assert snapshot is not model and snapshot.n_iter_ == n
        np.testing.assert_array_equal(snapshot.loss_, model.loss_[: n + 1])
        assert snapshot.loss_[-1] == value
    np.testing.assert_allclose(snapshots[-1][0].predict_proba(X), model.predict_proba(X), rtol=1e-9)
    assert np.abs(snapshots[0][0].predict_proba(X) - model.predict_proba(X)).max() > 1e-3


def test_checkpoints_can_be_loaded_and_gone_on_from(tmp_path):
    X, y, *_ = observed(3)
    with listening(Checkpoint(tmp_path / "step-{step}.npz")):
        model = LogisticRegression(warm_start=True).fit(X, y)
    half_way = load(tmp_path / "step-2.npz")
    np.testing.assert_array_equal(half_way.loss_, model.loss_[:3])
    np.testing.assert_allclose(half_way.fit(X, y).coef_, model.coef_, atol=1e-6)


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
