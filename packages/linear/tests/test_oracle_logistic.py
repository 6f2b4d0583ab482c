"""Logistic regression with every price and solver agrees with scikit-learn's, and passes its checks."""

import warnings

import numpy as np
import pytest

from pellucid_linear import LogisticRegression

sklearn = pytest.importorskip("sklearn")
linear_model = pytest.importorskip("sklearn.linear_model")
estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")
pytest.importorskip("scipy.optimize")

EXACT = [LogisticRegression(l1_ratio=0.5, tol=1e-10), LogisticRegression(penalty="l1", tol=1e-10)]
MODELS = [*EXACT, LogisticRegression(solver="lbfgs")]
TOO_FINE = "check_sample_weight_equivalence_on_dense_data"  # asks for more digits than gradients alone can give
PENALTY_IS_DEPRECATED = tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 8)


# -- scikit-learn's own checks ---------------------------------------------------------------------------------------


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = [pair for model in MODELS for pair in estimator_checks.estimator_checks_generator(model)]
    CHECKS = [(model, check) for model, check in CHECKS if model.solver == "newton" or check.func.__name__ != TOO_FINE]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("model", "check"), CHECKS, ids=[f"{model}-{check.func.__name__}" for model, check in CHECKS])
def test_passes_every_check_of_scikit_learn(model, check):
    check(model)


# -- the same numbers ------------------------------------------------------------------------------------------------


def draw(K, seed=0, N=80, D=6):
    rng = np.random.default_rng(seed)
    X, W = rng.normal(size=(N, D)) + 0.3 * rng.normal(size=D), rng.normal(size=(D, K))
    W[rng.uniform(size=D) < 0.4] = 0
    y = (X @ W + rng.gumbel(size=(N, K))).argmax(axis=1)
    y[:K] = np.arange(K)
    return X, y, rng.integers(1, 4, N).astype(float)


def theirs(X, y, s, C, l1_ratio, solver="saga", **params):
    """On rows that are repeated: with weights their saga of version 1.9 does not always converge."""
    times = s.astype(int)
    X, y = np.repeat(X, times, axis=0), np.repeat(y, times)
    if not PENALTY_IS_DEPRECATED:
        penalty = None if np.isinf(C) else {0: "l2", 1: "l1"}.get(l1_ratio, "elasticnet")
        params |= {"penalty": penalty, "C": 1.0 if np.isinf(C) else C}
        params |= {"l1_ratio": l1_ratio} if penalty == "elasticnet" else {}
    else:
        params |= {"C": C, "l1_ratio": l1_ratio}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = linear_model.LogisticRegression(solver=solver, tol=1e-13, max_iter=200_000, **params)
        return model.fit(X, y)


def objective(model, X, y, s, C, l1_ratio):
    """Σ sₙ (−log p) + (ρ‖w‖₁ + ½ (1 − ρ)‖w‖²) / C."""
    Z = X @ model.coef_.T + model.intercept_
    Z = np.column_stack([np.zeros(len(X)), Z]) if Z.shape[1] == 1 else Z
    log_p = Z - np.logaddexp.reduce(Z, axis=1)[:, None]
    price = l1_ratio * np.abs(model.coef_).sum() + 0.5 * (1 - l1_ratio) * (model.coef_**2).sum()
    return -s @ log_p[np.arange(len(y)), y] + price / C


@pytest.mark.parametrize("K", [2, 3, 5])
@pytest.mark.parametrize("C", [0.3, 1.0, 5.0])  # where no weight is left, their saga leaves the intercept at 0
@pytest.mark.parametrize("l1_ratio", [0.1, 0.6, 1.0])
def test_elastic_net_and_lasso_prices(K, C, l1_ratio):
    X, y, s = draw(K)
    for fit_intercept in (True, False):
        ours = LogisticRegression(C, l1_ratio=l1_ratio, fit_intercept=fit_intercept, tol=1e-12).fit(X, y, s)
        other = theirs(X, y, s, C, l1_ratio, fit_intercept=fit_intercept)
        here, there = (objective(model, X, y, s, C, l1_ratio) for model in (ours, other))
        assert here <= there * (1 + 1e-12)
        np.testing.assert_allclose(here, there, rtol=1e-10)
        np.testing.assert_allclose(ours.coef_, other.coef_, atol=1e-6)
        np.testing.assert_array_equal(ours.coef_ == 0, other.coef_ == 0)
        np.testing.assert_allclose(ours.predict_proba(X), other.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("C", [0.1, 1.0])
def test_lasso_price_without_intercept_as_liblinear_has_it(C):
    X, y, s = draw(2, seed=1)
    ours = LogisticRegression(C, l1_ratio=1.0, fit_intercept=False, tol=1e-12).fit(X, y, s)
    other = theirs(X, y, s, C, 1, solver="liblinear", fit_intercept=False)
    np.testing.assert_allclose(ours.coef_, other.coef_, atol=1e-7)


@pytest.mark.parametrize("K", [2, 3, 5])
@pytest.mark.parametrize("C", [1e-2, 1.0, 100.0])
def test_squares_to_eight_digits(K, C):
    for seed in range(5):
        X, y, s = draw(K, seed, N=150)
        ours = LogisticRegression(C, tol=1e-13).fit(X, y, s)
        other = theirs(X, y, s, C, 0, solver="newton-cholesky")
        np.testing.assert_allclose(ours.coef_, other.coef_, atol=1e-8)
        np.testing.assert_allclose(
            ours.intercept_ - ours.intercept_[0], other.intercept_ - other.intercept_[0], atol=1e-8
        )


@pytest.mark.parametrize("K", [2, 4])
@pytest.mark.parametrize("C", [0.1, 1.0, np.inf])
def test_lbfgs_as_theirs(K, C):
    X, y, s = draw(K, seed=2, N=300)
    ours = LogisticRegression(C, solver="lbfgs", tol=1e-9, max_iter=10_000).fit(X, y, s)
    other = theirs(X, y, s, C, 0, solver="lbfgs")
    np.testing.assert_allclose(ours.predict_proba(X), other.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(X), LogisticRegression(C).fit(X, y, s).predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.5, 1: 2.0, 2: 1.0}])
def test_class_weights_with_a_lasso_price(class_weight):
    X, y, s = draw(3, seed=3)
    ours = LogisticRegression(0.5, l1_ratio=1.0, class_weight=class_weight, tol=1e-12).fit(X, y, s)
    other = theirs(X, y, s, 0.5, 1, class_weight=class_weight)
    np.testing.assert_allclose(ours.coef_, other.coef_, atol=1e-6)


def test_free_weights_are_those_of_a_regression_without_a_price():
    X, y, s = draw(3, seed=4, N=300)
    ours = LogisticRegression(penalty=None, tol=1e-13).fit(X, y, s)
    other = theirs(X, y, s, np.inf, 0, solver="newton-cholesky")
    here, there = (model.coef_ - model.coef_.mean(axis=0) for model in (ours, other))
    np.testing.assert_allclose(here, there, atol=1e-7)


def test_more_columns_than_rows_with_a_lasso_price():
    X, y, s = draw(2, seed=5, N=60, D=200)
    ours = LogisticRegression(0.5, l1_ratio=1.0, tol=1e-12).fit(X, y, s)
    other = theirs(X, y, s, 0.5, 1)
    here, there = (objective(model, X, y, s, 0.5, 1.0) for model in (ours, other))
    np.testing.assert_allclose(here, there, rtol=1e-10)
    np.testing.assert_allclose(ours.coef_, other.coef_, atol=1e-5)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_works_in_pipelines_grids_and_cross_validation(model):
    selection = pytest.importorskip("sklearn.model_selection")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    X, y, _ = draw(3, seed=6)
    piped = pipeline.make_pipeline(preprocessing.StandardScaler(), model)
    assert selection.cross_val_score(piped, X, y, cv=3).mean() > 0.5
    search = selection.GridSearchCV(piped, {"logisticregression__C": [0.1, 1.0]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.5
    assert sklearn.clone(model).get_params() == model.get_params()
