"""scikit-learn: its checks of estimators, and the same numbers from its MLP when both start from the same weights."""

import warnings

import numpy as np
import pytest

from pellucid_nn import MLPClassifier, MLPRegressor
from pellucid_nn.mlp import Layer, MultilayerPerceptron
from pellucid_nn.module import Parameter

sklearn = pytest.importorskip("sklearn")
from sklearn import model_selection, neural_network, pipeline, preprocessing  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

QUICK = {"hidden_layer_sizes": 16, "max_iter": 100, "learning_rate_init": 0.02, "random_state": 0}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([MLPClassifier(**QUICK), MLPRegressor(**QUICK), MLPClassifier(solver="sgd", **QUICK)])
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([MLPClassifier(random_state=0), MLPRegressor(random_state=0, max_iter=300)])
def test_estimator_checks_with_defaults(estimator, check):
    check(estimator)


def data(N=90, D=4, T=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D))
    return X, rng.integers(0, T, N), np.sin(X @ rng.normal(size=(D, T))) + 0.1 * rng.normal(size=(N, T))


def theirs_and_ours(kind, options, X, y, sample_weight=None):
    """Fit both from scikit-learn's initial weights, batches in the given order."""
    their_kind, our_kind = (
        getattr(neural_network, kind),
        {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[kind],
    )
    settings = dict(shuffle=False, tol=0.0, n_iter_no_change=1000, hidden_layer_sizes=(7, 5)) | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = their_kind(**settings | {"max_iter": 1, "learning_rate_init": 1e-300}, random_state=0).fit(X, y)
        start = [(W.T.copy(), b.copy()) for W, b in zip(first.coefs_, first.intercepts_)]
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        theirs = their_kind(**settings, random_state=0).fit(X, y, **weights)

        class Ours(our_kind):
            def _new_learner(self, n_in, n_out, dtype):
                layers = [Layer(Parameter(W.copy()), Parameter(b.copy())) for W, b in start]
                return self._learner_of(layers, np.random.default_rng(0))

        ours = Ours(**settings).fit(X, y, sample_weight)
    assert isinstance(ours, MultilayerPerceptron)
    return theirs, ours


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0.0},
        {"solver": "sgd", "learning_rate_init": 0.05, "nesterovs_momentum": False},
        {"solver": "sgd", "learning_rate_init": 0.05, "batch_size": 20, "activation": "tanh"},
        {"learning_rate_init": 0.01, "activation": "logistic", "epsilon": 1e-30},
        {"learning_rate_init": 0.01, "batch_size": 32, "alpha": 0.5, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-30},
        {"learning_rate_init": 0.01, "activation": "identity", "epsilon": 1e-30},
    ],
    ids=str,
)
def test_the_same_path_from_the_same_weights(kind, options):
    X, y, Y = data()
    theirs, ours = theirs_and_ours(kind, {"max_iter": 30} | options, X, y if kind == "MLPClassifier" else Y)
    for a, b in zip((*theirs.coefs_, *theirs.intercepts_), (*ours.coefs_, *ours.intercepts_), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-8, atol=1e-10)
    if kind == "MLPClassifier":
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-8)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-8)
    else:
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8, atol=1e-10)


def test_the_loss_of_one_target_is_reported_alike():
    X, _, Y = data()
    theirs, ours = theirs_and_ours("MLPRegressor", {"max_iter": 10, "epsilon": 1e-30, "batch_size": 32}, X, Y[:, 0])
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)


def has_weights():
    import inspect

    return "sample_weight" in inspect.signature(neural_network.MLPClassifier.fit).parameters


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_the_same_path_with_sample_weights(kind):
    if not has_weights():
        pytest.skip("this scikit-learn's MLP takes no weights")
    X, y, Y = data()
    s = np.random.default_rng(3).uniform(0.2, 3, len(X))
    options = {"max_iter": 15, "epsilon": 1e-30, "alpha": 0.1}
    theirs, ours = theirs_and_ours(kind, options, X, y if kind == "MLPClassifier" else Y, s)
    for a, b in zip(theirs.coefs_, ours.coefs_, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-7, atol=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_pipelines_searches_and_scores():
    X, y, Y = data(N=150)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    chain = pipeline.make_pipeline(preprocessing.StandardScaler(), MLPClassifier(**QUICK))
    search = model_selection.GridSearchCV(chain, {"mlpclassifier__alpha": [1e-4, 100.0]}, cv=3).fit(X, y)
    assert search.best_params_ == {"mlpclassifier__alpha": 1e-4} and search.best_score_ > 0.8
    scores = model_selection.cross_val_score(MLPRegressor(**QUICK), X, Y, cv=3)
    assert len(scores) == 3 and min(scores) > 0.3
