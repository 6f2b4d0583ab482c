"""Agreement of Bayesian and generalized linear models with scikit-learn on random problems, and its own checks."""

import warnings

import numpy as np
import pytest

from pellucid_linear.bayesian_linear_regression import BayesianLinearRegression
from pellucid_linear.generalized_linear_model import GeneralizedLinearModel

sklearn = pytest.importorskip("sklearn")
linear_model = pytest.importorskip("sklearn.linear_model")
estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")

MODELS = [
    BayesianLinearRegression(),
    BayesianLinearRegression(noise_variance=0.5, prior_precision=1.0),
    BayesianLinearRegression(prior_precision=1.0, prior_shape=1.0, prior_scale=1.0),
    GeneralizedLinearModel(),
    GeneralizedLinearModel(alpha=1.0),
    GeneralizedLinearModel("poisson"),
    GeneralizedLinearModel("gamma"),
    GeneralizedLinearModel("gamma", "log", alpha=0.1),
]

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = [pair for model in MODELS for pair in estimator_checks.estimator_checks_generator(model)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "check"), CHECKS, ids=[f"{model!r}-{check.func.__name__}" for model, check in CHECKS]
)
def test_passes_every_check_of_scikit_learn(model, check):
    check(model)


def draw(N=80, D=4, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) @ rng.normal(size=(D, D)) / 2 + rng.normal(size=D)
    return X, rng.uniform(0.3, 3, N), rng


# -- generalized linear models -----------------------------------------------------------------------------------------

weighted = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
both = pytest.mark.parametrize("fit_intercept", [True, False])


@both
@weighted
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 10.0])
@pytest.mark.parametrize(
    "family, link", [("poisson", "log"), ("gamma", "log"), ("gaussian", "identity"), ("gaussian", "log")]
)
def test_generalized_linear_models_with_a_price(family, link, alpha, weighted, fit_intercept):
    X, s, rng = draw()
    mu = X @ [0.3, -0.2, 0.1, 0.2] + 0.4
    mu = np.exp(mu) if link == "log" else mu
    y = {
        "poisson": lambda: rng.poisson(mu).astype(float),
        "gamma": lambda: rng.gamma(3, mu / 3),
        "gaussian": lambda: mu + 0.1 * rng.normal(size=80),
    }[family]()
    options = {"alpha": alpha, "fit_intercept": fit_intercept, "tol": 1e-11, "max_iter": 10_000}
    if family == "gaussian":
        theirs = linear_model.TweedieRegressor(power=0, link=link, solver="newton-cholesky", **options)
    elif family == "poisson":
        theirs = linear_model.PoissonRegressor(solver="newton-cholesky", **options)
    else:
        theirs = linear_model.GammaRegressor(solver="newton-cholesky", **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(X, y, s if weighted else None)
    ours = GeneralizedLinearModel(family, link, alpha=alpha, fit_intercept=fit_intercept, tol=1e-24)
    ours.fit(X, y, s if weighted else None)
    size = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-7, atol=1e-7 * size)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)
    if family != "gaussian" or link != "log":
        np.testing.assert_allclose(ours.score(X, y), theirs.score(X, y), rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(ours.score(X, y, s), theirs.score(X, y, s), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("seed", range(10))
def test_poisson_regression_of_random_sizes(seed):
    rng = np.random.default_rng(seed)
    N, D = int(rng.integers(20, 200)), int(rng.integers(1, 8))
    X = rng.normal(size=(N, D))
    y = rng.poisson(np.exp(X @ rng.normal(size=D) / D + rng.normal()))
    y[0] = 1
    theirs = linear_model.PoissonRegressor(alpha=0.01, tol=1e-11, max_iter=10_000, solver="newton-cholesky").fit(X, y)
    ours = GeneralizedLinearModel("poisson", alpha=0.01).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-7, atol=1e-8)


# -- Bayesian linear regression ----------------------------------------------------------------------------------------


@both
@weighted
@pytest.mark.parametrize("N, D", [(80, 4), (10, 30)])
def test_bayesian_ridge_with_the_hyperparameters_that_it_found(N, D, weighted, fit_intercept):
    """Theirs estimates both variances, here in two steps. Given these, posterior and predictions are ours, but for the
    intercept, which theirs takes for certain. Without one the evidence is the same, too (that of the next step: the
    last of `scores_` is computed from weights of the step before)."""
    X, s, rng = draw(N, D)
    y = X @ rng.normal(size=D) + 0.5 * rng.normal(size=N) + 2
    s = s if weighted else np.ones(N)
    options = {"fit_intercept": fit_intercept, "compute_score": True, "tol": 1e-30}
    options |= dict.fromkeys(("alpha_1", "alpha_2", "lambda_1", "lambda_2"), 0.0)
    weights = s if weighted else None
    theirs = linear_model.BayesianRidge(max_iter=2, **options).fit(X, y, weights)
    ours = BayesianLinearRegression(1 / theirs.alpha_, prior_precision=theirs.lambda_, fit_intercept=fit_intercept).fit(
        X, y, weights
    )
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(ours.covariance_, theirs.sigma_, rtol=1e-6, atol=1e-9)
    mean, std = theirs.predict(X, return_std=True)
    of_level = 1 / theirs.alpha_ / s.sum() if fit_intercept else 0
    np.testing.assert_allclose(ours.predict(X, return_std=True)[1] ** 2, std**2 + of_level, rtol=1e-7)
    if not fit_intercept and not weighted:
        scores = linear_model.BayesianRidge(max_iter=3, **options).fit(X, y).scores_
        np.testing.assert_allclose(ours.log_marginal_likelihood_, scores[2], rtol=1e-9)


def test_gaussian_process_with_a_linear_kernel():
    gaussian_process = pytest.importorskip("sklearn.gaussian_process")
    kernels = gaussian_process.kernels
    X, s, rng = draw(20, 3)
    y, points = rng.normal(size=20), rng.normal(size=(7, 3))
    kernel = kernels.ConstantKernel(1 / 0.4, "fixed") * kernels.DotProduct(0.0, "fixed")
    theirs = gaussian_process.GaussianProcessRegressor(kernel, alpha=0.7 / s).fit(X, y)
    ours = BayesianLinearRegression(0.7, prior_precision=0.4, fit_intercept=False).fit(X, y, s)
    mean, std = theirs.predict(points, return_std=True)
    np.testing.assert_allclose(ours.predict(points), mean, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(ours.predict_variance(points, of_mean=True), std**2, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(ours.log_marginal_likelihood_, theirs.log_marginal_likelihood_value_, rtol=1e-8)


# -- inside scikit-learn's tools ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model, name", [(BayesianLinearRegression(), "prior_precision"), (GeneralizedLinearModel(), "alpha")], ids=repr
)
def test_works_in_pipelines_grids_and_cross_validation(model, name):
    selection = pytest.importorskip("sklearn.model_selection")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    X, _, rng = draw()
    y = X @ np.arange(4.0) + rng.normal(size=80)
    piped = pipeline.make_pipeline(preprocessing.StandardScaler(), model)
    assert selection.cross_val_score(piped, X, y, cv=3).mean() > 0.5
    grid = {f"{type(model).__name__.lower()}__{name}": [0.01, 0.1, 1.0]}
    search = selection.GridSearchCV(piped, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.5 and search.predict(X).shape == y.shape
    assert sklearn.clone(model).get_params() == model.get_params()
