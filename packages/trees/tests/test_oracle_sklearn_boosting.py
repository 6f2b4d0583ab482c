"""Gradient boosting beside scikit-learn's: its own checks, the same losses stage by stage, scores as good as its."""

import warnings

import numpy as np
import pytest

import pellucid
from pellucid_trees import GradientBoostingClassifier, GradientBoostingRegressor

ensemble = pytest.importorskip("sklearn.ensemble")
estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")

MODELS = [
    kind(n_estimators=5, splits=splits)
    for kind in (GradientBoostingClassifier, GradientBoostingRegressor)
    for splits in ("exact", "histogram")
]


# -- scikit-learn's own checks ---------------------------------------------------------------------------------------


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = [pair for model in MODELS for pair in estimator_checks.estimator_checks_generator(model)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "check"),
    CHECKS,
    ids=[f"{type(model).__name__}-{model.splits}-{check.func.__name__}" for model, check in CHECKS],
)
def test_passes_every_check_of_scikit_learn(model, check):
    check(model)


# -- the same numbers ------------------------------------------------------------------------------------------------

every_seed = pytest.mark.parametrize("seed", range(3))
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])


def draw(seed, weighted, N=200, D=5):
    """Features that float32, in which scikit-learn keeps them, holds exactly, and weights whose sums are exact."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)).astype(np.float32).astype(np.float64)
    z = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.5 * rng.normal(size=N)
    return X, z, rng.integers(500, 2000, N) / 1024 if weighted else None


def assert_same(ours, theirs, X, rtol=1e-9):
    np.testing.assert_allclose(ours.train_score_, theirs.train_score_, rtol=rtol)
    for m, (mine, its) in enumerate(zip(ours.staged_predict(X), theirs.staged_predict(X))):
        if mine.dtype.kind == "f":
            np.testing.assert_allclose(mine, its, rtol=rtol, atol=rtol, err_msg=f"stage {m}")
        else:
            np.testing.assert_array_equal(mine, its)
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, atol=1e-9)
    if hasattr(ours, "decision_function"):
        np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)


@every_seed
@weighted
@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile"])
def test_losses_of_numbers_are_the_same_after_every_stage(loss, weighted, seed):
    """Leaves are large, so that no two splits tie. Only weights make medians unique; theirs is the lower one of two.

    Where a score is equal to its target the slope of an absolute error is 0 here and 1 there; with other starts, no
    score is.
    """
    X, y, s = draw(seed, weighted or loss != "squared_error")
    params = {"loss": loss, "n_estimators": 15, "min_samples_leaf": 15}
    params["init"] = "zero" if loss in ("absolute_error", "quantile") else None
    ours = GradientBoostingRegressor(**params).fit(X, y, s)
    theirs = ensemble.GradientBoostingRegressor(**params, random_state=0).fit(X, y, s)
    assert_same(ours, theirs, X)


@every_seed
@weighted
@pytest.mark.parametrize(("loss", "K"), [("log_loss", 2), ("exponential", 2), ("log_loss", 4)])
def test_losses_of_classes_are_the_same_after_every_stage(loss, K, weighted, seed):
    X, z, s = draw(seed, weighted or K > 2, N=200 if K == 2 else 300)
    y = np.digitize(z, np.quantile(z, np.linspace(0, 1, K + 2)[2:-1]))  # K classes, of which the first has most points
    params = {"loss": loss, "n_estimators": 15, "min_samples_leaf": 15, "learning_rate": 0.2}
    ours = GradientBoostingClassifier(**params).fit(X, y, s)
    theirs = ensemble.GradientBoostingClassifier(**params, random_state=0).fit(X, y, s)
    assert_same(ours, theirs, X)
    if K == 2:  # with more, rounding lets theirs split leaves of equal slopes
        np.testing.assert_array_equal(ours.apply(X), theirs.apply(X))  # both number nodes in pre-order


@pytest.mark.parametrize(
    "params",
    [
        {"max_leaf_nodes": 6, "max_depth": None},
        {"min_samples_split": 60},
        {"min_weight_fraction_leaf": 0.1},
        {"min_impurity_decrease": 0.01},
        {"ccp_alpha": 0.005},
        {"init": "zero"},
        {"max_depth": 1},
        {"learning_rate": 1.0},
    ],
    ids=lambda params: next(iter(params)),
)
def test_parameters_mean_the_same(params):
    X, y, s = draw(0, True)
    params = {"n_estimators": 8, "min_samples_leaf": 12} | params
    ours = GradientBoostingRegressor(**params).fit(X, y, s)
    theirs = ensemble.GradientBoostingRegressor(**params, random_state=0).fit(X, y, s)
    assert_same(ours, theirs, X)


# -- as good on real data --------------------------------------------------------------------------------------------

DATA = ["diabetes", "breast-cancer", "wine", "iris", "digits"]


def score_of_both(name, seed, splits, n_estimators):
    """R² or accuracy on a random quarter of the rows that the fit has not seen: ours, theirs."""
    data = pellucid.dataset(name)
    regression = name == "diabetes"
    rows = np.random.default_rng(seed).permutation(len(data.y))[:400]
    seen, unseen = rows[len(rows) // 4 :], rows[: len(rows) // 4]
    params = {"n_estimators": n_estimators, "subsample": 0.7, "random_state": seed}
    mine = GradientBoostingRegressor if regression else GradientBoostingClassifier
    its = ensemble.GradientBoostingRegressor if regression else ensemble.GradientBoostingClassifier
    models = mine(**params, splits=splits), its(**params)
    return [model.fit(data.X[seen], data.y[seen]).score(data.X[unseen], data.y[unseen]) for model in models]


@pytest.mark.parametrize("splits", ["exact", "histogram"])
@pytest.mark.parametrize("name", DATA)
def test_scores_on_real_data_are_within_noise_of_theirs(name, splits):
    """The mean over seeds differs by less than three standard errors. benchmarks/trees.py has more seeds."""
    seeds, n_estimators = (2, 3) if name == "digits" else (4, 8)
    found = np.array([score_of_both(name, seed, splits, n_estimators) for seed in range(seeds)])
    difference = found[:, 0] - found[:, 1]
    assert abs(difference.mean()) < 3 * found.std(axis=0, ddof=1).max() / np.sqrt(seeds) + 0.01


def test_works_in_pipelines_grids_and_cross_validation():
    selection = pytest.importorskip("sklearn.model_selection")
    sklearn = pytest.importorskip("sklearn")
    X, z, _ = draw(1, False)
    model = GradientBoostingClassifier(n_estimators=10, random_state=0)
    assert selection.cross_val_score(model, X, z > 0, cv=3).mean() > 0.6
    search = selection.GridSearchCV(model, {"learning_rate": [0.1, 0.3], "step_size": ["adaptive", "constant"]}, cv=2)
    assert search.fit(X, z > 0).best_score_ > 0.6
    assert sklearn.clone(model).get_params() == model.get_params()


def test_an_initial_model_may_be_scikit_learns():
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y, s = draw(2, True)
    params = {"init": linear_model.LinearRegression(), "n_estimators": 10, "min_samples_leaf": 15}
    ours = GradientBoostingRegressor(**params).fit(X, y, s)
    theirs = ensemble.GradientBoostingRegressor(**params, random_state=0).fit(X, y, s)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5, atol=1e-5)  # theirs in float32
