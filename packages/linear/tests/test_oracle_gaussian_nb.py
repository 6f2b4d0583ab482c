"""Gaussian naive Bayes agrees with scikit-learn's, and passes its checks."""

import warnings

import numpy as np
import pytest

from pellucid_linear.gaussian_nb import GaussianNB

sklearn = pytest.importorskip("sklearn")
naive_bayes = pytest.importorskip("sklearn.naive_bayes")
estimator_checks = pytest.importorskip("sklearn.utils.estimator_checks")


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "Estimator .* does not inherit from `sklearn.base.BaseEstimator`")
    CHECKS = list(estimator_checks.estimator_checks_generator(GaussianNB()))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("model", "check"), CHECKS, ids=[check.func.__name__ for _, check in CHECKS])
def test_passes_every_check_of_scikit_learn(model, check):
    check(model)


KINDS = ("plain", "one feature", "many rows", "many classes", "other units", "offset", "far apart", "text labels")


def draw(kind="plain", seed=0):
    rng = np.random.default_rng(seed)
    N, D, K = {"one feature": (60, 1, 2), "many rows": (9000, 6, 3), "many classes": (400, 3, 40)}.get(kind, (80, 5, 3))
    y = rng.integers(0, K, N)
    y[:K] = np.arange(K)
    X = (rng.normal(size=(K, D)) * (1e4 if kind == "far apart" else 2))[y] + rng.uniform(0.5, 2, (K, D))[
        y
    ] * rng.normal(size=(N, D))
    if kind == "other units":
        X = X * 10.0 ** np.linspace(-2, 2, D)
    if kind == "offset":
        X = X + 1e4
    if kind == "text labels":
        y = np.array(["one", "two", "three"])[y]
    return X, y, rng.uniform(0.2, 3, N)


def assert_same_answers(ours, theirs, X, rtol=1e-8):
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    for name in ("predict_joint_log_proba", "predict_log_proba", "predict_proba"):
        found, expected = getattr(ours, name)(X), getattr(theirs, name)(X)
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("var_smoothing", [1e-9, 1e-3])
def test_fit(kind, var_smoothing):
    X, y, _ = draw(kind)
    ours = GaussianNB(var_smoothing=var_smoothing).fit(X, y)
    theirs = naive_bayes.GaussianNB(var_smoothing=var_smoothing).fit(X, y)
    for name in ("class_count_", "class_prior_", "theta_", "var_", "epsilon_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8, err_msg=name)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    assert_same_answers(ours, theirs, X)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y))


@pytest.mark.parametrize("kind", KINDS)
def test_fit_with_weights(kind):
    """Without smoothing: theirs is by the variance without weights."""
    X, y, weights = draw(kind, 1)
    ours = GaussianNB(var_smoothing=0).fit(X, y, weights)
    theirs = naive_bayes.GaussianNB(var_smoothing=0).fit(X, y, weights)
    for name in ("class_count_", "class_prior_", "theta_", "var_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8, err_msg=name)
    assert_same_answers(ours, theirs, X)


@pytest.mark.parametrize("kind", KINDS)
def test_partial_fit(kind):
    """Without smoothing: theirs is by the variance of the latest piece."""
    X, y, weights = draw(kind, 2)
    ours, theirs = GaussianNB(var_smoothing=0), naive_bayes.GaussianNB(var_smoothing=0)
    for rows in np.array_split(np.arange(len(X)), 5):
        ours.partial_fit(X[rows], y[rows], np.unique(y), weights[rows])
        theirs.partial_fit(X[rows], y[rows], np.unique(y), weights[rows])
    for name in ("class_count_", "class_prior_", "theta_", "var_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8, err_msg=name)
    assert_same_answers(ours, theirs, X)


def test_priors():
    X, y, _ = draw(seed=3)
    priors = [0.1, 0.6, 0.3]
    ours, theirs = (Model(priors=priors).fit(X, y) for Model in (GaussianNB, naive_bayes.GaussianNB))
    np.testing.assert_array_equal(ours.class_prior_, theirs.class_prior_)
    assert_same_answers(ours, theirs, X)


@pytest.mark.parametrize("name", ["wine", "iris", "breast_cancer", "digits"])
def test_raw_real_data(name):
    """Columns in the thousands beside columns in the hundredths; in digits some are constant in a class, or in all."""
    X, y = getattr(pytest.importorskip("sklearn.datasets"), f"load_{name}")(return_X_y=True)
    ours, theirs = GaussianNB().fit(X, y), naive_bayes.GaussianNB().fit(X, y)
    np.testing.assert_allclose(ours.var_, theirs.var_, rtol=1e-8)
    # where a variance is 1e-9 of the largest, the squares are 1e9 times it
    np.testing.assert_allclose(ours.predict_joint_log_proba(X), theirs.predict_joint_log_proba(X), rtol=1e-8)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-8)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_works_in_pipelines_and_calibration():
    selection = pytest.importorskip("sklearn.model_selection")
    pipeline = pytest.importorskip("sklearn.pipeline")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    calibration = pytest.importorskip("sklearn.calibration")
    X, y, _ = draw(seed=4)
    piped = pipeline.make_pipeline(preprocessing.StandardScaler(), GaussianNB())
    search = selection.GridSearchCV(piped, {"gaussiannb__var_smoothing": [1e-9, 1e-3]}, cv=3).fit(X, y)
    assert search.best_score_ > 0.7
    assert calibration.CalibratedClassifierCV(GaussianNB(), cv=3).fit(X, y).predict_proba(X).shape == (80, 3)
