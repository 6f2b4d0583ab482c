"""Lasso, elastic net and their paths agree with scikit-learn's, and pass its checks."""

import warnings

import numpy as np
import pytest

from pellucid_linear import ElasticNet, Lasso, enet_path, lasso_path

sklearn = pytest.importorskip("sklearn")
linear_model = pytest.importorskip("sklearn.linear_model")
estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")

MODELS = [Lasso(), ElasticNet(), ElasticNet(0.1, l1_ratio=0.9, positive=True, selection="random", random_state=0)]


# -- scikit-learn's own checks ---------------------------------------------------------------------------------------


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = [pair for model in MODELS for pair in estimator_checks.estimator_checks_generator(model)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("model", "check"), CHECKS, ids=[f"{model}-{check.func.__name__}" for model, check in CHECKS])
def test_passes_every_check_of_scikit_learn(model, check):
    check(model)


# -- the same numbers ------------------------------------------------------------------------------------------------


KINDS = ("plain", "one feature", "more columns than rows", "correlated", "constant column", "offset", "other units")
TIGHT = {"tol": 1e-15, "max_iter": 1_000_000}


def draw(kind="plain", seed=0, T=1):
    rng = np.random.default_rng(seed)
    N, D = {"one feature": (60, 1), "more columns than rows": (20, 50)}.get(kind, (60, 6))
    X = rng.normal(size=(N, D)) + 0.3 * rng.normal(size=D)
    if kind == "correlated":
        X = X + 2 * rng.normal(size=(N, 1))
    if kind == "constant column":
        X[:, 0] = 3.3
    if kind == "offset":
        X = X + 1e4
    if kind == "other units":
        X = X * 10.0 ** np.linspace(-2, 2, D)
    Y = (X - X.mean(axis=0)) @ rng.normal(size=(D, T)) / X.std(axis=0).max() + rng.normal(size=(N, T)) + 2
    return X, Y[:, 0] if T == 1 else Y, rng.uniform(0.2, 3, N)


def quietly(model, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*args)


def assert_same(ours, theirs, X, tol=1e-8):
    spread = X.std(axis=0)
    assert ours.coef_.shape == theirs.coef_.shape
    np.testing.assert_allclose(ours.coef_ * spread, theirs.coef_ * spread, atol=tol)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=10 * tol)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("l1_ratio", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_elastic_net(kind, l1_ratio, weighted):
    X, y, s = draw(kind)
    for alpha in (1e-2, 0.1, 1.0):
        for params in ({}, {"fit_intercept": False}, {"positive": True}):
            if kind == "offset" and params == {"fit_intercept": False}:
                continue  # the columns are all alike then, and no method is precise
            args = (X, y, s) if weighted else (X, y)
            ours = ElasticNet(alpha, l1_ratio=l1_ratio, tol=0, **params).fit(*args)
            theirs = quietly(linear_model.ElasticNet(alpha, l1_ratio=l1_ratio, **TIGHT, **params), *args)
            assert_same(ours, theirs, X, 1e-7 if kind == "correlated" or len(X) < X.shape[1] else 1e-8)
            assert ours.dual_gap_ <= max(theirs.dual_gap_, 1e-13 * y.var())


@pytest.mark.parametrize("seed", range(20))
def test_lasso_of_random_sizes(seed):
    rng = np.random.default_rng(seed)
    N, D, alpha = int(rng.integers(20, 200)), int(rng.integers(1, 15)), 10 ** rng.uniform(-3, 0)
    X, s = rng.normal(size=(N, D)) @ rng.normal(size=(D, D)) + rng.normal(size=D), rng.uniform(0.1, 2, N)
    y = X @ rng.normal(size=D) + rng.normal(size=N)
    ours, theirs = Lasso(alpha).fit(X, y, s), quietly(linear_model.Lasso(alpha, **TIGHT), X, y, s)
    assert_same(ours, theirs, X, 1e-6)
    np.testing.assert_array_equal(ours.coef_ == 0, np.abs(theirs.coef_) < 1e-9)


@pytest.mark.parametrize("selection", ["cyclic", "random"])
def test_several_targets_are_fitted_one_by_one_as_theirs(selection):
    X, Y, s = draw(seed=1, T=3)
    for params in ({"alpha": 0.1}, {"alpha": 0.01, "l1_ratio": 0.3}):
        ours = ElasticNet(**params, selection=selection, random_state=0).fit(X, Y, s)
        theirs = quietly(linear_model.ElasticNet(**params, selection=selection, random_state=0, **TIGHT), X, Y, s)
        assert_same(ours, theirs, X)
        np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-8)
        assert len(ours.n_iter_) == len(theirs.n_iter_) and ours.dual_gap_.shape == theirs.dual_gap_.shape


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("kind", ["plain", "correlated", "more columns than rows"])
def test_paths(kind, positive):
    X, y, _ = draw(kind, seed=2)
    X, y = X - X.mean(axis=0), y - y.mean()
    how_many = {"alphas": 20} if sklearn.__version__ >= "1.7" else {"n_alphas": 20}
    for ours, theirs, params in (
        (lasso_path, linear_model.lasso_path, {}),
        (enet_path, linear_model.enet_path, {"l1_ratio": 0.4}),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = theirs(X, y, eps=1e-2, positive=positive, **how_many, **TIGHT, **params)
        found = ours(X, y, eps=1e-2, n_alphas=20, positive=positive, **params)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
        assert found[1].shape == expected[1].shape
        np.testing.assert_allclose(found[1], expected[1], atol=1e-6 if kind != "plain" else 1e-8)
        given = ours(X, y, alphas=[0.01, 0.1], positive=positive, **params)
        assert given[0].tolist() == [0.1, 0.01]


@pytest.mark.parametrize("name", ["diabetes", "california-like"])
def test_real_data_as_they_come(name):
    if name == "diabetes":
        X, y = pytest.importorskip("sklearn.datasets").load_diabetes(return_X_y=True, scaled=False)
    else:
        X, y, _ = draw("other units", seed=3)
    for alpha in (0.01, 1.0):
        for l1_ratio in (0.5, 1.0):
            ours = ElasticNet(alpha, l1_ratio=l1_ratio, tol=0).fit(X, y)
            theirs = quietly(linear_model.ElasticNet(alpha, l1_ratio=l1_ratio, **TIGHT), X, y)
            np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)
            np.testing.assert_allclose(ours.score(X, y), theirs.score(X, y), rtol=1e-9)


# -- inside scikit-learn's tools -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS[:2], ids=["Lasso", "ElasticNet"])
def test_works_in_pipelines_grids_and_cross_validation(model):
    selection = pytest.importorskip("sklearn.model_selection")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    X, y, _ = draw(seed=3)
    piped = pipeline.make_pipeline(preprocessing.StandardScaler(), sklearn.clone(model).set_params(alpha=0.1))
    assert selection.cross_val_score(piped, X, y, cv=3).mean() > 0.2
    grid = {f"{type(model).__name__.lower()}__alpha": [1e-3, 0.1, 10.0]}
    search = selection.GridSearchCV(piped, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.2 and search.predict(X).shape == y.shape
    assert sklearn.clone(model).get_params() == model.get_params()
