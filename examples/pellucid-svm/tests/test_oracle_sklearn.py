"""Beside scikit-learn: its checks, its numbers on random problems and real data, its tools."""

import warnings

import numpy as np
import pellucid
import pytest

from pellucid_svm import RBF, SVC, SVR

pytest.importorskip("sklearn")
import sklearn
from sklearn import datasets, svm
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

# its checks; one of them compares weights with repeated rows more closely than a fit to tol=1e-3 can be

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = [pair for model in (SVC(tol=1e-9), SVR(tol=1e-9)) for pair in estimator_checks_generator(model)]


@pytest.mark.parametrize(
    ("model", "check"), CHECKS, ids=[f"{type(model).__name__}-{check.func.__name__}" for model, check in CHECKS]
)
def test_scikit_learns_own_checks(model, check):
    check(model)


# its numbers


def draw(seed):
    """A random problem, and parameters for it."""
    rng = np.random.default_rng(seed)
    N, D, K = rng.integers(20, 120), rng.integers(1, 6), rng.integers(2, 5)
    y = np.arange(N) % K
    X = rng.normal(scale=rng.uniform(0.5, 2.0), size=(K, D))[y] + rng.normal(size=(N, D))
    parameters = {
        "C": 10 ** rng.uniform(-2, 1),
        "kernel": ("rbf", "linear", "poly", "sigmoid")[seed % 4],
        "gamma": ("scale", "auto", 0.1)[seed % 3],
        "coef0": float(seed % 2),
    }
    return X, y, rng.uniform(0.2, 3, N), parameters


def dual_objectives(model, X, y):
    """½ βᵀKβ − Σ |β| of each pair, from the public attributes of either library's model."""
    K = len(model.classes_)
    kernel = pellucid.clone(SVC(kernel=model.kernel, gamma=model.gamma, coef0=model.coef0)).fit(X, y).kernel_
    owner = np.repeat(np.arange(K), model.n_support_)
    found = []
    for a in range(K):
        for b in range(a + 1, K):
            beta = np.where(owner == a, model.dual_coef_[b - 1], np.where(owner == b, model.dual_coef_[a], 0))
            V = model.support_vectors_
            found.append(beta @ kernel(V, V) @ beta / 2 - np.abs(beta).sum())
    return found


@pytest.mark.parametrize("seed", range(20))
def test_classifiers_agree_on_random_problems(seed):
    X, y, weights, parameters = draw(seed)
    ours, theirs = SVC(**parameters, tol=1e-6).fit(X, y), svm.SVC(**parameters, tol=1e-6).fit(X, y)
    if parameters["kernel"] == "sigmoid":  # no inner product: both may end in different places
        assert ours.score(X, y) > theirs.score(X, y) - 0.1
        return
    np.testing.assert_allclose(dual_objectives(ours, X, y), dual_objectives(theirs, X, y), rtol=1e-4)
    assert ours.loss_[-1] == pytest.approx(sum(dual_objectives(theirs, X, y)), rel=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)
    probe = np.random.default_rng(seed).normal(size=(300, X.shape[1])) * 2
    for shape in ("ovr", "ovo"):
        ours.decision_function_shape = theirs.decision_function_shape = shape
        one, other = ours.decision_function(probe), theirs.decision_function(probe)
        clear = np.abs(other).reshape(300, -1).min(axis=1) > 1e-3 if shape == "ovo" else np.full(300, True)
        assert np.mean(np.isclose(one, other, atol=1e-3).reshape(300, -1).all(axis=1)[clear]) > 0.99
    assert np.mean(ours.predict(probe) == theirs.predict(probe)) > 0.99
    assert (ours.predict(X) == theirs.predict(X)).all()


@pytest.mark.parametrize("seed", range(20))
def test_at_their_tolerance_the_objectives_agree_too(seed):
    X, y, weights, parameters = draw(seed)
    parameters["kernel"] = ("rbf", "linear", "poly")[seed % 3]
    ours, theirs = SVC(**parameters).fit(X, y), svm.SVC(**parameters).fit(X, y)
    np.testing.assert_allclose(dual_objectives(ours, X, y), dual_objectives(theirs, X, y), rtol=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_weighted_classifiers_agree(seed):
    X, y, weights, parameters = draw(seed)
    parameters |= {
        "C": min(parameters["C"], 2.0),
        "gamma": 0.3,
        "kernel": ("rbf", "linear")[seed % 2],
        "tol": 1e-6,
        "class_weight": {0: 3.0, 1: 0.5},
    }
    ours, theirs = SVC(**parameters).fit(X, y, weights), svm.SVC(**parameters).fit(X, y, weights)
    np.testing.assert_allclose(dual_objectives(ours, X, y), dual_objectives(theirs, X, y), rtol=1e-4)
    assert (ours.predict(X) == theirs.predict(X)).all()


@pytest.mark.parametrize("seed", range(4))
def test_balanced_classes_agree_but_for_the_part_that_sample_weights_have(seed):
    X, y, weights, _ = draw(seed)
    y = np.where(np.arange(len(y)) % 3, y, 0)
    settings = {"gamma": 0.3, "tol": 1e-6}
    theirs = svm.SVC(class_weight="balanced", **settings).fit(X, y)
    ours = SVC(class_weight="balanced", **settings).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-3)
    ours = SVC(class_weight="balanced", **settings).fit(X, y, weights)
    classes, sizes = np.unique(y), np.bincount(y, weights)
    by_size = {int(c): weights.sum() / (len(classes) * sizes[c]) for c in classes}
    theirs = svm.SVC(class_weight=by_size, **settings).fit(X, y, weights)
    np.testing.assert_allclose(ours.decision_function(X), theirs.decision_function(X), atol=1e-3)


@pytest.mark.parametrize("seed", range(20))
def test_regressions_agree_on_random_problems(seed):
    X, _, weights, parameters = draw(seed)
    X = X / X.std(axis=0)
    parameters |= {
        "C": min(parameters["C"], 2.0),
        "kernel": ("rbf", "linear", "poly")[seed % 3],
        "gamma": 0.2,
        "tol": 1e-5,
    }
    y = np.sin(X[:, 0]) + 0.3 * np.random.default_rng(seed).normal(size=len(X))
    ours, theirs = SVR(**parameters).fit(X, y, weights), svm.SVR(**parameters).fit(X, y, weights)
    K = ours.kernel_(X, X)
    beta = np.zeros(len(X))
    beta[theirs.support_] = theirs.dual_coef_[0]
    objective = beta @ K @ beta / 2 - y @ beta + 0.1 * np.abs(beta).sum()
    assert ours.loss_[-1] == pytest.approx(objective, rel=1e-4)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=3e-4)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "digits"])
def test_real_data_are_classified_alike(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    X, y = X[::2], y[::2]
    ours, theirs = SVC(tol=1e-5).fit(X, y), svm.SVC(tol=1e-5).fit(X, y)
    assert (ours.predict(X) == theirs.predict(X)).all()
    assert ours.dual_coef_.shape[0] == theirs.dual_coef_.shape[0]
    np.testing.assert_allclose(dual_objectives(ours, X, y), dual_objectives(theirs, X, y), rtol=1e-4)


# its tools


def test_pipelines_grids_and_cross_validation():
    X, y = datasets.load_wine(return_X_y=True)
    assert cross_val_score(make_pipeline(StandardScaler(), SVC()), X, y).mean() > 0.95
    grid = {"svc__C": [0.1, 1.0], "svc__kernel": ["linear", RBF(0.05), RBF(0.5)]}
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.95 and len(search.cv_results_["param_svc__kernel"]) == 6
    assert sklearn.clone(SVC(kernel=RBF(0.5))).kernel == RBF(0.5)
    X, y = datasets.load_diabetes(return_X_y=True)
    assert cross_val_score(make_pipeline(StandardScaler(), SVR(10.0)), X, y).mean() > 0.3
