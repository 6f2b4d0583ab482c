"""Least squares and ridge regression agree with scikit-learn's, standard errors with those of statsmodels."""

import warnings

import numpy as np
import pytest

from pellucid_linear import student_t
from pellucid_linear.linear_regression import LinearRegression
from pellucid_linear.ridge import Ridge, ridge_path
from pellucid_linear.ridge_cv import RidgeCV

sklearn = pytest.importorskip("sklearn")
linear_model = pytest.importorskip("sklearn.linear_model")
estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")

MODELS = [LinearRegression(fit_intercept=False), RidgeCV()]  # as they come, in test_oracle_sklearn.py


# -- scikit-learn's own checks ---------------------------------------------------------------------------------------


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = [pair for model in MODELS for pair in estimator_checks.estimator_checks_generator(model)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("model", "check"), CHECKS, ids=[f"{model}-{check.func.__name__}" for model, check in CHECKS])
def test_passes_every_check_of_scikit_learn(model, check):
    check(model)


# -- the same numbers ------------------------------------------------------------------------------------------------

KINDS = (
    "plain",
    "one feature",
    "more columns than rows",
    "as many columns as rows",
    "offset",
    "other units",
    "many rows",
)
every_kind = pytest.mark.parametrize("kind", KINDS)
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
with_intercept = pytest.mark.parametrize("fit_intercept", [True, False], ids=["intercept", "no intercept"])


def draw(kind="plain", seed=0, T=None):
    rng = np.random.default_rng(seed)
    N, D = {
        "one feature": (60, 1),
        "more columns than rows": (20, 50),
        "as many columns as rows": (13, 13),
        "many rows": (9000, 6),
    }.get(kind, (60, 6))
    X = rng.normal(size=(N, D)) + 0.3 * rng.normal(size=D)
    if kind == "offset":
        X = X + 1e4
    if kind == "other units":
        X = X * 10.0 ** np.linspace(-2, 2, D)
    y = (X - X.mean(axis=0)) @ rng.normal(size=(D, T or 1)) + rng.normal(size=(N, T or 1)) + 2
    return X, y if T else y[:, 0], rng.uniform(0.2, 3, N)


def assert_close(found, expected, rtol=1e-8):
    """To eight digits of the largest number."""
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@every_kind
@weighted
@with_intercept
@pytest.mark.parametrize("T", [None, 3])
def test_linear_regression_by_pieces(kind, weighted, fit_intercept, T):
    X, y, weights = draw(kind, 1, T)
    s = weights if weighted else None
    theirs = linear_model.LinearRegression(fit_intercept=fit_intercept, tol=1e-14).fit(X, y, s)
    pieces = LinearRegression(fit_intercept=fit_intercept)
    for rows in np.array_split(np.arange(len(X)), 4):
        pieces.partial_fit(X[rows], y[rows], s[rows] if weighted else None)
    for ours in (LinearRegression(fit_intercept=fit_intercept).fit(X, y, s), pieces):
        assert_close(ours.coef_ * X.std(axis=0), theirs.coef_ * X.std(axis=0))
        assert_close(ours.intercept_, theirs.intercept_, rtol=1e-8 if kind != "offset" else 1e-6)
        assert_close(ours.predict(X), theirs.predict(X))


@weighted
@with_intercept
def test_linear_regression_by_updates(weighted, fit_intercept):
    X, y, weights = draw(seed=2)
    s = weights if weighted else np.ones(60)
    ours = LinearRegression(fit_intercept=fit_intercept).fit(X[:20], y[:20], s[:20])
    for n in range(20, 60):
        ours.update(X[n : n + 1], y[n : n + 1], s[n : n + 1])
    ours.downdate(X[:15], y[:15], s[:15])
    theirs = linear_model.LinearRegression(fit_intercept=fit_intercept, tol=1e-14).fit(X[15:], y[15:], s[15:])
    assert_close(ours.coef_, theirs.coef_, rtol=1e-10)
    assert_close(ours.intercept_, theirs.intercept_, rtol=1e-10)


@every_kind
@weighted
@with_intercept
@pytest.mark.parametrize("T", [None, 3])
def test_ridge_path(kind, weighted, fit_intercept, T):
    X, y, weights = draw(kind, 3, T)
    s, alphas = weights if weighted else None, [1e-3, 1.0, 1e3]
    coefs, intercepts = ridge_path(X, y, alphas, sample_weight=s, fit_intercept=fit_intercept)
    for k, alpha in enumerate(alphas):
        theirs = linear_model.Ridge(alpha, fit_intercept=fit_intercept, solver="svd").fit(X, y, s)
        assert_close(coefs[..., k] * X.std(axis=0), theirs.coef_ * X.std(axis=0))
        assert_close(intercepts[..., k], theirs.intercept_, rtol=1e-8 if kind != "offset" else 1e-6)


@every_kind
@weighted
@with_intercept
@pytest.mark.parametrize(("T", "alpha_per_target"), [(None, False), (3, False), (3, True), (None, True)])
def test_ridge_cv(kind, weighted, fit_intercept, T, alpha_per_target):
    if kind == "offset" and not fit_intercept:
        return  # a column of 10,000 hides the others, and leverages are 1 but for rounding
    X, y, weights = draw(kind, 4, T)
    s, alphas = weights if weighted else None, [1e-2, 0.1, 1.0, 10.0, 100.0, 1e4]
    options = {"fit_intercept": fit_intercept, "alpha_per_target": alpha_per_target, "store_cv_results": True}
    ours = RidgeCV(alphas, **options).fit(X, y, s)
    theirs = linear_model.RidgeCV(alphas, **options, gcv_mode="svd").fit(X, y, s)
    np.testing.assert_array_equal(ours.alpha_, theirs.alpha_)
    assert_close(ours.coef_ * X.std(axis=0), theirs.coef_ * X.std(axis=0))
    assert_close(ours.intercept_, theirs.intercept_)
    assert_close(ours.best_score_, theirs.best_score_)
    assert ours.cv_results_.shape == theirs.cv_results_.shape
    assert_close(ours.cv_results_, theirs.cv_results_)
    assert np.shape(ours.alpha_) == np.shape(theirs.alpha_) and ours.coef_.shape == theirs.coef_.shape


@pytest.mark.parametrize("seed", range(20))
def test_ridge_cv_of_random_sizes(seed):
    rng = np.random.default_rng(seed)
    N, D, T = int(rng.integers(3, 80)), int(rng.integers(1, 40)), int(rng.integers(1, 4))
    X, Y, s = rng.normal(size=(N, D)), rng.normal(size=(N, T)), rng.uniform(0.1, 2, N)
    alphas, options = 10 ** rng.uniform(-1, 3, 5), {"store_cv_results": True, "alpha_per_target": T > 1}
    ours, theirs = RidgeCV(alphas, **options).fit(X, Y, s), linear_model.RidgeCV(alphas, **options).fit(X, Y, s)
    assert_close(ours.cv_results_, theirs.cv_results_)
    np.testing.assert_array_equal(np.ravel(ours.alpha_), np.ravel(theirs.alpha_))
    assert_close(np.ravel(ours.coef_), np.ravel(theirs.coef_))


def test_ridge_cv_with_folds():
    selection = pytest.importorskip("sklearn.model_selection")
    X, y, weights = draw(seed=5)
    alphas = [0.1, 1.0, 10.0, 100.0]
    for cv in (5, selection.KFold(5, shuffle=True, random_state=0), list(selection.KFold(6).split(X))):
        ours = RidgeCV(alphas, cv=cv).fit(X, y)
        theirs = linear_model.RidgeCV(alphas, cv=cv, scoring="neg_mean_squared_error").fit(X, y)
        assert ours.alpha_ == theirs.alpha_
        assert_close(ours.best_score_, theirs.best_score_)  # the folds are all of the same size
        assert_close(ours.coef_, theirs.coef_)


# -- standard errors -------------------------------------------------------------------------------------------------


def of_statsmodels(X, y, s, fit_intercept):
    api = pytest.importorskip("statsmodels.api")
    return api.WLS(y, np.column_stack([np.ones(len(X)), X]) if fit_intercept else X, weights=s).fit()


def joined(intercept, coef, fit_intercept):
    return np.append(intercept, coef) if fit_intercept else coef


@pytest.mark.parametrize("kind", ["plain", "one feature", "offset", "other units", "many rows"])
@weighted
@with_intercept
@pytest.mark.parametrize("level", [0.95, 0.5])
def test_inference(kind, weighted, fit_intercept, level):
    X, y, weights = draw(kind, 6)
    s = weights if weighted else np.ones(len(X))
    ours = LinearRegression(fit_intercept=fit_intercept).fit(X, y, s).inference(level)
    theirs = of_statsmodels(X, y, s, fit_intercept)
    assert ours.degrees_of_freedom == theirs.df_resid
    np.testing.assert_allclose(ours.residual_variance, theirs.scale, rtol=1e-8)
    rtol = 1e-8 if kind != "offset" else 1e-6  # theirs does not centre
    for field, expected in (("standard_error", theirs.bse), ("t", theirs.tvalues), ("p_value", theirs.pvalues)):
        found = joined(getattr(ours.intercept, field), getattr(ours.coef, field), fit_intercept)
        np.testing.assert_allclose(found, expected, rtol=100 * rtol, atol=1e-300, err_msg=field)
    low, high = (joined(getattr(ours.intercept, e), getattr(ours.coef, e), fit_intercept) for e in ("low", "high"))
    np.testing.assert_allclose(np.column_stack([low, high]), theirs.conf_int(1 - level), rtol=100 * rtol)


@weighted
@with_intercept
def test_intervals_of_predictions(weighted, fit_intercept):
    X, y, weights = draw(seed=7)
    s = weights if weighted else np.ones(60)
    model = LinearRegression(fit_intercept=fit_intercept).fit(X, y, s)
    new = np.random.default_rng(7).normal(size=(5, 6))
    theirs = of_statsmodels(X, y, s, fit_intercept)
    table = theirs.get_prediction(np.column_stack([np.ones(5), new]) if fit_intercept else new).summary_frame(alpha=0.2)
    for of_mean, names in ((True, ("mean_ci_lower", "mean_ci_upper")), (False, ("obs_ci_lower", "obs_ci_upper"))):
        found = np.column_stack(model.predict_interval(new, 0.8, of_mean=of_mean))
        np.testing.assert_allclose(found, table[list(names)], rtol=1e-9)


def test_inference_of_collinear_columns():
    """What the data determine has the same standard error; what they do not is NaN, and not the shortest solution's."""
    X, y, weights = draw(seed=8)
    X[:, 5] = X[:, 3] - 2 * X[:, 4]
    ours = LinearRegression().fit(X, y, weights).inference()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = of_statsmodels(X, y, weights, True)
    assert ours.degrees_of_freedom == theirs.df_resid == 60 - 6
    np.testing.assert_allclose(ours.coef.standard_error[:3], theirs.bse[1:4], rtol=1e-8)
    np.testing.assert_allclose(ours.intercept.standard_error, theirs.bse[0], rtol=1e-8)
    np.testing.assert_allclose(ours.coef.value, theirs.params[1:], rtol=1e-7)
    assert np.isnan(ours.coef.standard_error[3:]).all()


def test_inference_after_updates():
    X, y, weights = draw(seed=9)
    model = LinearRegression().fit(X[:30], y[:30], weights[:30])
    model.update(X[30:], y[30:], weights[30:]).downdate(X[:10], y[:10], weights[:10])
    ours, theirs = model.inference(), of_statsmodels(X[10:], y[10:], weights[10:], True)
    np.testing.assert_allclose(ours.coef.standard_error, theirs.bse[1:], rtol=1e-9)
    np.testing.assert_allclose(ours.intercept.p_value, theirs.pvalues[0], rtol=1e-8)


@pytest.mark.parametrize("df", [0.5, 1, 2, 3.7, 10, 59, 60, 120, 1e3, 1e5])
def test_students_t(df):
    stats = pytest.importorskip("scipy.stats")
    t = np.array([0.0, 1e-6, 0.1, 0.9, 1.3, 1.5, 1.8, 2.5, 5.0, 12.0, 30.0])
    np.testing.assert_allclose(student_t.tail(t, df), 2 * stats.t.sf(t, df), rtol=1e-10, atol=1e-300)
    for p in (0.5001, 0.6, 0.9, 0.975, 0.999, 1 - 1e-10):
        np.testing.assert_allclose(student_t.quantile(p, df), stats.t.ppf(p, df), rtol=1e-6 if p > 0.9999 else 1e-10)
    np.testing.assert_allclose([student_t.density(v, df) for v in t.tolist()], stats.t.pdf(t, df), rtol=1e-10)


# -- inside scikit-learn's tools -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(), RidgeCV()], ids=lambda model: type(model).__name__)
def test_works_in_pipelines_and_cross_validation(model):
    selection = pytest.importorskip("sklearn.model_selection")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    X, y, _ = draw(seed=10)
    piped = pipeline.make_pipeline(preprocessing.StandardScaler(), model)
    assert selection.cross_val_score(piped, X, y, cv=3).mean() > 0.3
    assert sklearn.clone(model).get_params() == model.get_params()
