"""Agreement with scikit-learn on random problems, its own checks, and its tools around our estimators."""

import warnings

import numpy as np
import pytest

from pellucid_linear import LinearRegression, LogisticRegression, Ridge

sklearn = pytest.importorskip("sklearn")
linear_model = pytest.importorskip("sklearn.linear_model")
estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")

MODELS = [LinearRegression(), Ridge(), LogisticRegression()]


# -- scikit-learn's own checks ---------------------------------------------------------------------------------------


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = [pair for model in MODELS for pair in estimator_checks.estimator_checks_generator(model)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "check"), CHECKS, ids=[f"{type(model).__name__}-{check.func.__name__}" for model, check in CHECKS]
)
def test_passes_every_check_of_scikit_learn(model, check):
    check(model)


# -- the same numbers ------------------------------------------------------------------------------------------------

KINDS = (
    "plain",
    "one feature",
    "more columns than rows",
    "as many columns as rows",
    "collinear",
    "constant column",
    "offset of 1e8",
    "other units",
    "many rows",
)
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
every_kind = pytest.mark.parametrize(  # without intercept a column of 1e8 hides the others, and no two methods agree
    ("kind", "fit_intercept"),
    [(kind, True) for kind in KINDS] + [(kind, False) for kind in KINDS if kind != "offset of 1e8"],
)


def draw(kind, seed=0):
    rng = np.random.default_rng(seed)
    N, D = {
        "one feature": (60, 1),
        "more columns than rows": (20, 50),
        "as many columns as rows": (12, 12),
        "many rows": (9000, 6),
    }.get(kind, (60, 6))
    X = rng.normal(size=(N, D)) + 0.3 * rng.normal(size=D)
    if kind == "collinear":
        X[:, 3], X[:, 4] = X[:, 0] - 2 * X[:, 1], X[:, 2]
    if kind == "constant column":
        X[:, 2] = 3.3
    if kind == "offset of 1e8":
        X = np.round(X * 2**20) / 2**20 + 1e8 * (np.arange(D) == 1)
    if kind == "other units":
        X = X * 10.0 ** np.linspace(-3, 3, D)
    return X, rng.uniform(0.2, 3, N), rng


def assert_same(ours, theirs, X, rtol=1e-6):
    """Weights in the units of their columns, and what is predicted."""
    spread = X.std(axis=0)
    size = np.abs(theirs.coef_ * spread).max() + 1e-3
    np.testing.assert_allclose(ours.coef_ * spread, theirs.coef_ * spread, rtol=rtol, atol=rtol * size)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5, atol=1e-5 * size)


@every_kind
@weighted
@pytest.mark.parametrize("T", [None, 2])
def test_linear_regression(kind, weighted, fit_intercept, T):
    X, weights, rng = draw(kind)
    y = rng.normal(size=len(X) if T is None else (len(X), T)) + 2
    s = weights if weighted else None
    ours = LinearRegression(fit_intercept=fit_intercept).fit(X, y, s)
    theirs = linear_model.LinearRegression(fit_intercept=fit_intercept, **_tight()).fit(X, y, s)
    assert ours.coef_.shape == theirs.coef_.shape
    assert_same(ours, theirs, X)
    np.testing.assert_allclose(ours.score(X, y), theirs.score(X, y), rtol=1e-7, atol=1e-9)
    if kind not in ("constant column", "offset of 1e8"):  # their rank counts what rounding leaves of a constant
        assert ours.rank_ == theirs.rank_


def _tight():
    """From 1.9 on, scikit-learn drops singular values below 1e-6 unless told otherwise."""
    return {"tol": 1e-14} if "tol" in linear_model.LinearRegression().get_params() else {}


@every_kind
@weighted
@pytest.mark.parametrize("alpha", [1e-3, 1.0, 1e3])
def test_ridge(kind, weighted, fit_intercept, alpha):
    X, weights, rng = draw(kind)
    y = rng.normal(size=len(X)) + 2
    s = weights if weighted else None
    ours = Ridge(alpha, fit_intercept=fit_intercept).fit(X, y, s)
    theirs = linear_model.Ridge(alpha, fit_intercept=fit_intercept, solver="svd").fit(X, y, s)
    assert ours.coef_.shape == theirs.coef_.shape
    assert_same(ours, theirs, X)


@pytest.mark.parametrize("kind", ["plain", "more columns than rows", "many rows"])
def test_ridge_with_a_price_for_each_target(kind):
    X, weights, rng = draw(kind)
    Y = rng.normal(size=(len(X), 3))
    alpha = [0.1, 1.0, 10.0]
    ours, theirs = Ridge(alpha).fit(X, Y, weights), linear_model.Ridge(alpha).fit(X, Y, weights)
    assert_same(ours, theirs, X)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-7, atol=1e-9)


def classes(X, K, rng, separable=False):
    """Labels that depend on X, every one of them present."""
    Z = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-300) @ rng.normal(size=(X.shape[1], K))
    y = (Z if separable else Z + rng.gumbel(size=Z.shape)).argmax(axis=1)
    y[:K] = np.arange(K)
    return y


def their_logistic(X, y, s, centred=False, **params):
    """Solved as tightly as it goes, on centred columns if asked: only the intercept is another then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = linear_model.LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=10_000, **params)
        return model.fit(X - X.mean(axis=0) if centred else X, y, s)


@every_kind
@weighted
@pytest.mark.parametrize("K", [2, 3, 5])
def test_logistic_regression(kind, weighted, fit_intercept, K):
    X, weights, rng = draw(kind)
    y = classes(X, K, rng)
    s = weights if weighted else None
    ours = LogisticRegression(fit_intercept=fit_intercept).fit(X, y, s)
    theirs = their_logistic(X, y, s, fit_intercept=fit_intercept, centred=fit_intercept)
    assert ours.coef_.shape == theirs.coef_.shape and ours.intercept_.shape == theirs.intercept_.shape
    X_theirs = X - X.mean(axis=0) if fit_intercept else X
    size = X.std(axis=0)
    np.testing.assert_allclose(ours.coef_ * size, theirs.coef_ * size, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X_theirs), atol=3e-6)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X_theirs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("K", [2, 3, 5])
@pytest.mark.parametrize("C", [1e-3, 1.0, 100.0])
@weighted
def test_logistic_regression_of_separable_classes(K, C, weighted):
    X, weights, rng = draw("plain", seed=1)
    y = classes(X, K, rng, separable=True)
    s = weights if weighted else None
    ours, theirs = LogisticRegression(C=C).fit(X, y, s), their_logistic(X, y, s, C=C)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_logistic_regression_of_random_sizes(seed):
    rng = np.random.default_rng(seed)
    N, D, K, C = int(rng.integers(20, 200)), int(rng.integers(1, 12)), int(rng.integers(2, 6)), 10 ** rng.uniform(-2, 2)
    X = rng.normal(size=(N, D)) @ rng.normal(size=(D, D)) + rng.normal(size=D)
    y, s = classes(X, K, rng), rng.uniform(0.1, 2, N)
    ours, theirs = LogisticRegression(C=C).fit(X, y, s), their_logistic(X, y, s, C=C)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.5, 1: 2.0, 2: 1.0}])
@weighted
def test_logistic_regression_with_class_weights(class_weight, weighted):
    X, weights, rng = draw("plain", seed=2)
    y = classes(X, 3, rng)
    s = weights if weighted else None
    ours = LogisticRegression(class_weight=class_weight).fit(X, y, s)
    theirs = their_logistic(X, y, s, class_weight=class_weight)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["wine", "iris", "breast_cancer", "digits"])
def test_logistic_regression_of_raw_real_data(name):
    """Columns in the hundreds beside columns in the hundredths, as they come."""
    X, y = getattr(pytest.importorskip("sklearn.datasets"), f"load_{name}")(return_X_y=True)
    ours = LogisticRegression().fit(X, y)
    theirs = their_logistic(X, y, None)
    assert ours.n_iter_ < 15
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)


# -- inside scikit-learn's tools -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_works_in_pipelines_grids_and_cross_validation(model):
    selection = pytest.importorskip("sklearn.model_selection")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    X, weights, rng = draw("plain", seed=3)
    y = classes(X, 2, rng) if isinstance(model, LogisticRegression) else X @ np.arange(6.0) + rng.normal(size=60)
    piped = pipeline.make_pipeline(preprocessing.StandardScaler(), model)
    assert selection.cross_val_score(piped, X, y, cv=3).mean() > 0.5
    name = {"Ridge": "alpha", "LogisticRegression": "C"}.get(type(model).__name__, "fit_intercept")
    grid = {f"{type(model).__name__.lower()}__{name}": [True] if name == "fit_intercept" else [0.1, 1.0, 10.0]}
    search = selection.GridSearchCV(piped, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.5 and search.predict(X).shape == y.shape
    assert sklearn.clone(model).get_params() == model.get_params()
