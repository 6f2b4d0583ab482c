"""Forests beside scikit-learn's: its own trees in our arrays, scores within noise, its checks, its tools."""

import warnings
from functools import cache

import numpy as np
import pytest

import pellucid
from pellucid_trees import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    forest_model,
    forest_prediction,
    random_forest,
)
from pellucid_trees.tree import Tree

sklearn = pytest.importorskip("sklearn")
ensemble = pytest.importorskip("sklearn.ensemble")
estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")

CLASSIFIERS = (RandomForestClassifier, ExtraTreesClassifier)
REGRESSORS = (RandomForestRegressor, ExtraTreesRegressor)
FORESTS = CLASSIFIERS + REGRESSORS


# -- scikit-learn's own checks ---------------------------------------------------------------------------------------

# A sample of rows and a sample of weights are alike only in their chances: scikit-learn makes the same exception.
BY_CHANCE = "check_sample_weight_equivalence_on_dense_data"

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = [
        (model, check)
        for model in (kind(n_estimators=5) for kind in FORESTS)
        for model, check in estimator_checks.estimator_checks_generator(model)
        if not (check.func.__name__ == BY_CHANCE and model.bootstrap)
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "check"), CHECKS, ids=[f"{type(model).__name__}-{check.func.__name__}" for model, check in CHECKS]
)
def test_passes_every_check_of_scikit_learn(model, check):
    check(model)


# -- its trees in our arrays -----------------------------------------------------------------------------------------


def converted(model):
    """Their trees as ours."""
    trees = []
    for tree in (one.tree_ for one in model.estimators_):
        leaf = tree.children_left < 0
        trees.append(
            Tree(
                np.where(leaf, -1, tree.feature),
                np.where(leaf, np.nan, tree.threshold),
                tree.children_left,
                tree.children_right,
                tree.missing_go_to_left.astype(bool),
                tree.value[:, 0] if tree.n_outputs == 1 else tree.value[:, :, 0],
                tree.impurity,
                tree.n_node_samples,
                tree.weighted_n_node_samples,
            )
        )
    return trees


@pytest.mark.parametrize("kind", FORESTS)
@pytest.mark.parametrize("gaps", [False, True])
def test_the_same_trees_say_the_same(kind, gaps):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 5)).astype(np.float32)
    y = X[:, 0] * X[:, 1] + X[:, 2]
    Y = np.digitize(y, [-0.5, 0.5]) if kind in CLASSIFIERS else np.column_stack([y, np.cos(y)])
    if gaps:
        X[rng.random(X.shape) < 0.1] = np.nan
    theirs = getattr(ensemble, kind.__name__)(20, random_state=0).fit(X, Y)
    trees = converted(theirs)
    forest = forest_prediction.stack(trees)
    said = theirs.predict_proba(X) if kind in CLASSIFIERS else theirs.predict(X)
    np.testing.assert_allclose(forest_prediction.mean_value(forest, X), said, rtol=1e-12, atol=1e-15)
    assert np.array_equal(forest_prediction.apply(forest, X), theirs.apply(X))
    np.testing.assert_allclose(random_forest.importances(trees, 5), theirs.feature_importances_, rtol=1e-7)
    ours = kind(random_state=0)
    ours.set_state({"forest_": forest, "seeds_": np.arange(20), "n_features_in_": 5, "one_target_": False})
    passes, begins = ours.decision_path(X)
    their_passes, their_begins = theirs.decision_path(X)
    assert np.array_equal(passes, their_passes.toarray()) and np.array_equal(begins, their_begins)


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
def test_the_same_samples_say_the_same_out_of_bag(kind):
    X, Y = data("wine") if kind is RandomForestClassifier else data("diabetes")
    theirs = getattr(ensemble, kind.__name__)(30, oob_score=True, random_state=0).fit(X.astype(np.float32), Y)
    counts = [np.bincount(rows, minlength=len(X)) for rows in theirs.estimators_samples_]
    forest = forest_prediction.stack(converted(theirs))
    found = random_forest.out_of_bag(forest, X.astype(np.float32), counts)
    said = theirs.oob_decision_function_ if kind is RandomForestClassifier else theirs.oob_prediction_[:, None]
    np.testing.assert_allclose(found, said, rtol=1e-10)
    if kind is RandomForestRegressor:
        assert forest_model.r_squared(Y, found[:, 0]) == pytest.approx(theirs.oob_score_)
    else:
        assert forest_model.accuracy(Y, theirs.classes_[found.argmax(axis=1)]) == theirs.oob_score_


# -- scores ----------------------------------------------------------------------------------------------------------


@cache
def data(name):
    if name == "synthetic":
        rng = np.random.default_rng(0)
        X = rng.normal(size=(600, 10))
        z = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + 0.5 * X[:, 3] + 0.5 * rng.normal(size=600)
        return X, z
    found = pellucid.dataset(name)
    return found.X, found.y


def differences(kind, name, seeds, **params):
    """Our score less theirs on one half of the data after a fit to the other, for each seed."""
    X, y = data(name)
    if kind in CLASSIFIERS and name == "synthetic":
        y = (y > 0).astype(int)
    found = []
    for seed in range(seeds):
        rows = np.random.default_rng(seed).permutation(len(y))
        fit, rest = rows[: len(y) // 2], rows[len(y) // 2 :]
        models = (cls(50, random_state=seed, **params) for cls in (kind, getattr(ensemble, kind.__name__)))
        ours, theirs = (model.fit(X[fit], y[fit]).score(X[rest], y[rest]) for model in models)
        found.append(ours - theirs)
    return np.array(found)


CASES = [(kind, name) for kind in CLASSIFIERS for name in ("iris", "wine", "breast_cancer", "synthetic")]
CASES += [(kind, name) for kind in REGRESSORS for name in ("diabetes", "synthetic")]


@pytest.mark.parametrize(("kind", "name"), CASES, ids=[f"{kind.__name__}-{name}" for kind, name in CASES])
def test_scores_are_within_noise(kind, name):
    """The mean difference over ten seeds is below four of its standard errors (20 seeds: benchmarks/trees.py)."""
    found = differences(kind, name, seeds=10)
    assert abs(found.mean()) < 4 * found.std(ddof=1) / np.sqrt(10) + 0.003


@pytest.mark.parametrize(
    ("kind", "name", "params"),
    [
        (RandomForestClassifier, "wine", {"max_features": 1}),
        (RandomForestClassifier, "breast_cancer", {"max_leaf_nodes": 6, "criterion": "entropy"}),
        (RandomForestClassifier, "breast_cancer", {"class_weight": "balanced_subsample", "max_depth": 2}),
        (RandomForestClassifier, "synthetic", {"min_samples_leaf": 10, "max_samples": 0.5}),
        (RandomForestRegressor, "diabetes", {"max_features": "sqrt", "min_impurity_decrease": 20.0}),
        (RandomForestRegressor, "synthetic", {"criterion": "absolute_error", "max_depth": 4}),
        (RandomForestRegressor, "synthetic", {"ccp_alpha": 0.02, "min_weight_fraction_leaf": 0.01}),
        (ExtraTreesClassifier, "breast_cancer", {"criterion": "entropy", "max_features": 0.5}),
        (ExtraTreesRegressor, "synthetic", {"bootstrap": True, "min_samples_split": 10}),
    ],
)
def test_scores_are_within_noise_whatever_the_parameters(kind, name, params):
    found = differences(kind, name, seeds=8, **params)
    assert abs(found.mean()) < 4 * found.std(ddof=1) / np.sqrt(8) + 0.004


def test_trees_are_as_large_and_as_deep():
    X, y = data("synthetic")
    for kind, params in (
        (RandomForestRegressor, {}),
        (RandomForestRegressor, {"max_features": 2}),
        (ExtraTreesRegressor, {"max_features": 3}),
        (ExtraTreesRegressor, {"max_features": 1, "bootstrap": True}),
    ):
        ours, theirs = (cls(40, random_state=0, **params).fit(X, y) for cls in (kind, getattr(ensemble, kind.__name__)))
        assert_same_on_average(leaves(ours), leaves(theirs))
        assert_same_on_average(*(np.array([t.get_depth() for t in m.estimators_]) for m in (ours, theirs)))


def test_constant_columns_make_room_alike():
    """Of 30 columns 3 vary: what the questions are about, and how many there are, agree."""
    X, y = data("synthetic")
    X = np.hstack([X[:, :3], np.zeros((600, 27))])
    for kind in REGRESSORS:
        ours, theirs = (
            cls(60, max_features=3, max_depth=5, random_state=0).fit(X, y)
            for cls in (kind, getattr(ensemble, kind.__name__))
        )
        np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, atol=0.05)
        assert_same_on_average(*(leaves(model) for model in (ours, theirs)))


def leaves(model):
    return np.array([tree.get_n_leaves() for tree in model.estimators_])


def assert_same_on_average(found, said):
    """Within five standard errors, and a hundredth."""
    error = np.sqrt(found.var(ddof=1) / len(found) + said.var(ddof=1) / len(said))
    assert abs(found.mean() - said.mean()) < 5 * error + 0.01 * said.mean()


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
def test_out_of_bag_scores_and_importances_agree(kind):
    X, y = data("synthetic")
    y = (y > 0).astype(int) if kind is RandomForestClassifier else y
    models = (cls(200, oob_score=True, random_state=0) for cls in (kind, getattr(ensemble, kind.__name__)))
    ours, theirs = (model.fit(X, y) for model in models)
    assert abs(ours.oob_score_ - theirs.oob_score_) < 0.03
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, atol=0.02)


def test_missing_values_are_worth_as_much():
    rng = np.random.default_rng(0)
    X, y = data("synthetic")
    X, y = X.copy(), (y > 0).astype(int)
    X[(rng.random(X.shape) < 0.3) & (X > 0)] = np.nan
    for kind in CLASSIFIERS:
        scores = [
            [cls(50, random_state=seed).fit(X[:300], y[:300]).score(X[300:], y[300:]) for seed in range(6)]
            for cls in (kind, getattr(ensemble, kind.__name__))
        ]
        assert abs(np.mean(scores[0]) - np.mean(scores[1])) < 0.02


# -- weights, by chance ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
def test_whole_weights_are_repeated_rows_on_average(kind):
    """What the exception above leaves out: the mean prediction over 40 forests, against its own spread."""
    rng = np.random.default_rng(1)
    X, times = rng.normal(size=(40, 3)), rng.integers(0, 4, 40)
    y = X[:, 0] + X[:, 1] * rng.normal(size=40)
    y = (y > 0).astype(int) if kind is RandomForestClassifier else y

    def said(X_fit, y_fit, weights, first):
        models = (kind(10, random_state=first + seed, max_samples=60) for seed in range(40))
        fitted = [model.fit(X_fit, y_fit, weights) for model in models]
        return np.array([m.predict_proba(X)[:, 0] if kind is RandomForestClassifier else m.predict(X) for m in fitted])

    weighted = said(X, y, times, 0)
    repeated = said(np.repeat(X, times, axis=0), np.repeat(y, times), None, 100)
    error = np.sqrt((weighted.var(axis=0) + repeated.var(axis=0)) / 40)
    assert np.all(np.abs(weighted.mean(axis=0) - repeated.mean(axis=0)) < 5 * error + 1e-9)


# -- its tools, and joblib -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORESTS)
def test_several_processes_grow_the_same_forest(kind, monkeypatch):
    pytest.importorskip("joblib")
    monkeypatch.setattr(forest_model, "DRAWS", 1000)
    X, y = data("synthetic")
    y = (y > 0).astype(int) if kind in CLASSIFIERS else y
    X, y = X[:250], y[:250]
    one, two = (kind(10, n_jobs=n_jobs, random_state=0).fit(X, y) for n_jobs in (None, 2))
    for found, expected in zip(two.forest_, one.forest_):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", FORESTS)
def test_works_in_pipelines_grids_and_cross_validation(kind):
    selection = pytest.importorskip("sklearn.model_selection")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    X, y = data("iris") if kind in CLASSIFIERS else data("synthetic")
    piped = pipeline.make_pipeline(preprocessing.StandardScaler(), kind(10, random_state=0))
    assert selection.cross_val_score(piped, X, y, cv=3).mean() > 0.25
    grid = {f"{kind.__name__.lower()}__max_features": [1, None]}
    search = selection.GridSearchCV(piped, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.25 and search.predict(X).shape == y.shape
    inspection = pytest.importorskip("sklearn.inspection")
    model = kind(10, random_state=0).fit(X, y)
    assert inspection.permutation_importance(model, X, y, n_repeats=2, random_state=0).importances_mean.shape == (
        X.shape[1],
    )
