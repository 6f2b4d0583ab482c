"""The oracles: duality, the tube, examples with a known answer, rows repeated and left out."""

import pickle

import numpy as np
import pellucid
import pytest

from pellucid_svm import RBF, SVR
from pellucid_svm.support_vector_regressor import fit


def draw(N=40, D=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D))
    return X, np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=N) + 5


def sums_of(model, X):
    """Σₙ βₙ k(xₙ, x)."""
    return model.kernel_(X, model.support_vectors_) @ model.dual_coef_[0]


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.2])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_eq_1_2_3_4_5_price_and_dual_objective_meet(C, epsilon, kernel):
    """Half the squared length and all prices are never less than minus the dual objective; at the optimum they meet."""
    X, y = draw()
    weights = np.random.default_rng(1).uniform(0.2, 3, 40)
    model = SVR(C, epsilon=epsilon, kernel=kernel, tol=1e-9).fit(X, y, weights)
    f = model.predict(X)
    np.testing.assert_allclose(f, sums_of(model, X) + model.intercept_, rtol=1e-9)
    length = model.dual_coef_[0] @ sums_of(model, model.support_vectors_)
    price = C * np.sum(weights * np.maximum(0, np.abs(y - f) - epsilon))
    assert length / 2 + price == pytest.approx(-model.loss_[-1], rel=1e-7)


@pytest.mark.parametrize("C", [0.3, 10.0])
def test_eq_1_2_3_4_the_tube_and_who_pulls_at_it(C):
    X, y = draw()
    weights = np.random.default_rng(1).uniform(0.2, 3, 40)
    model = SVR(C, epsilon=0.2, tol=1e-9).fit(X, y, weights)
    error, beta = y - model.predict(X), np.zeros(40)
    beta[model.support_] = model.dual_coef_[0]
    limit = C * weights
    assert abs(beta.sum()) < 1e-9
    free, full = (beta != 0) & (abs(beta) < limit), abs(beta) == limit
    assert free.any() and full.any() and (abs(beta) <= limit).all()
    np.testing.assert_allclose(error[free], 0.2 * np.sign(beta[free]), atol=1e-8)
    assert (error[full] * np.sign(beta[full]) >= 0.2 - 1e-8).all()
    assert (abs(error[beta == 0]) <= 0.2 + 1e-8).all()


def test_eq_5_two_points_are_joined_by_the_flattest_line_through_both_tubes():
    """From (0, 1) and (2, 4) with ε = ½: the line goes from 1.5 to 3.5, a slope of 1."""
    model = SVR(100, epsilon=0.5, kernel="linear").fit([[0.0], [2.0]], [1.0, 4.0])
    np.testing.assert_allclose(model.predict([[0.0], [1.0], [2.0], [10.0]]), [1.5, 2.5, 3.5, 11.5])
    np.testing.assert_allclose(model.coef_, [[1.0]])
    np.testing.assert_allclose(model.dual_coef_, [[-0.5, 0.5]])


def test_eq_4_a_row_of_weight_zero_keeps_its_place():
    X, y = draw(6)
    weights = np.array([1.0, 0, 2, 0, 1, 1])
    params, losses, gap = fit(X, y, weights, RBF(1.0), epsilon=0.0)
    alone, *_ = fit(X[weights > 0], y[weights > 0], weights[weights > 0], RBF(1.0), epsilon=0.0)
    assert params.beta[[1, 3]].tolist() == [0, 0] and gap <= 1e-3 and losses[0] == 0
    np.testing.assert_array_equal(params.beta[weights > 0], alone.beta)


def test_a_target_that_hardly_varies_needs_nobody():
    X, _ = draw(10)
    model = SVR(epsilon=0.5).fit(X, np.linspace(2.8, 3.2, 10))
    assert len(model.support_) == model.n_iter_ == 0 and model.n_support_.tolist() == [0]
    np.testing.assert_allclose(model.predict(X), 3.0)


def test_an_outlier_pulls_no_harder_than_its_price():
    X = np.linspace(0, 1, 20)[:, None]
    y = 2 * X[:, 0]
    y[10] = 10.0
    model = SVR(1.0, kernel="linear", epsilon=0.1).fit(X, y)
    y[10] = 1e6
    farther = SVR(1.0, kernel="linear", epsilon=0.1).fit(X, y)
    np.testing.assert_allclose(farther.predict(X), model.predict(X), atol=1e-3)


def test_points_inside_the_tube_can_be_left_out():
    X, y = draw(60)
    model = SVR(10, epsilon=0.4, gamma=0.5, tol=1e-9).fit(X, y)
    assert len(model.support_) < 30
    again = SVR(10, epsilon=0.4, gamma=0.5, tol=1e-9).fit(X[model.support_], y[model.support_])
    np.testing.assert_allclose(again.predict(X), model.predict(X), atol=1e-7)


def test_a_weight_is_a_number_of_rows():
    X, y = draw(30)
    counts = np.random.default_rng(0).integers(0, 4, 30)
    weighted = SVR(tol=1e-9).fit(X, y, counts)
    repeated = SVR(tol=1e-9).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-7)


def test_it_recovers_a_curve_from_noise():
    X = np.linspace(-3, 3, 200)[:, None]
    y = np.sin(X[:, 0]) + 0.1 * np.random.default_rng(0).normal(size=200)
    error = SVR(10, epsilon=0.1).fit(X, y).predict(X) - np.sin(X[:, 0])
    assert np.sqrt(np.mean(error**2)) < 0.04


@pytest.mark.parametrize("X", [[[1.0, 2.0]], [[1.0, 2.0]] * 3], ids=["one row", "equal rows"])
def test_with_nothing_to_tell_rows_apart_it_predicts_one_number(X):
    model = SVR().fit(X, [5.0, 1.0, 4.5][: len(X)])
    assert model.predict([[1.0, 2.0]])[0] == pytest.approx(5.0 if len(X) == 1 else 4.5, abs=0.11)


def test_the_trace_and_the_warning():
    X, y = draw()
    model = SVR().fit(X, y)
    assert len(model.loss_) == model.n_iter_ + 1 and model.loss_[0] == 0 and (np.diff(model.loss_) < 0).all()
    with pytest.warns(pellucid.ConvergenceWarning, match="SVR did not converge"):
        short = SVR(max_iter=4).fit(X, y)
    np.testing.assert_array_equal(short.loss_, model.loss_[:5])


def test_float32_is_computed_as_precisely():
    X, y = draw()
    narrow, target = X.astype(np.float32), y.astype(np.float32)
    model, exact = SVR().fit(narrow, target), SVR().fit(narrow.astype(np.float64), target.astype(np.float64))
    assert model.predict(narrow).dtype == np.float32
    np.testing.assert_allclose(model.predict(narrow), exact.predict(narrow), rtol=1e-6)


def test_targets_keep_their_precision_beside_float32_data():
    X, y = draw(60)
    narrow, y = X.astype(np.float32), 1e9 + y
    model, exact = SVR(10).fit(narrow, y), SVR(10).fit(narrow.astype(np.float64), y)
    np.testing.assert_allclose(model.predict(narrow), exact.predict(narrow), rtol=0, atol=1e-6)
    assert model.score(narrow, y) == pytest.approx(exact.score(narrow, y)) and model.score(narrow, y) > 0.8


@pytest.mark.parametrize("kernel", ["rbf", "linear"])
def test_what_is_said_of_a_row_does_not_depend_on_the_others(kernel):
    X, y = draw()
    model = SVR(kernel=kernel, gamma=0.5).fit(X, y)
    beside = model.predict(np.vstack([X, [1e12, 1e12]]))[:-1]
    np.testing.assert_allclose(beside, model.predict(X), rtol=1e-12)


def test_the_linear_kernel_is_as_precise_far_from_the_origin():
    X, y = draw()
    X = np.round(64 * X) / 64  # so that X + 1e7 is exact
    near, far = (SVR(kernel="linear", tol=1e-9).fit(at, y) for at in (X, X + 1e7))
    np.testing.assert_allclose(far.predict(X + 1e7), near.predict(X), atol=1e-6)
    np.testing.assert_allclose(far.coef_, near.coef_, atol=1e-8)


@pytest.mark.parametrize(
    "parameters",
    [
        {"C": -1},
        {"C": "1"},
        {"epsilon": -0.1},
        {"epsilon": np.nan},
        {"epsilon": "x"},
        {"tol": 0},
        {"tol": None},
        {"max_iter": 0},
        {"max_iter": 2.5},
    ],
)
def test_parameters_out_of_range_are_refused(parameters):
    with pytest.raises(ValueError, match=f"{next(iter(parameters))} must be"):
        SVR(**parameters).fit(*draw())


def test_a_pickle_has_the_fit():
    X, y = draw()
    model = SVR(kernel=RBF(0.4)).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
