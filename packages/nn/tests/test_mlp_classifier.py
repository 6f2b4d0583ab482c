import math
import warnings

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn import MLPClassifier
from pellucid_nn.mlp_classifier import accuracy, class_losses, log_softmax, softmax

Z = np.array([[1.0, -2.0, 0.5], [3.0, 3.5, -1.0]])


def blobs(N=150, K=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, K, N)
    angle = 2 * np.pi * y / K
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) * 3 + rng.normal(size=(N, 2)), y


def test_eq_1_2_probabilities():
    for n, k in np.ndindex(2, 3):
        p = math.exp(Z[n, k]) / sum(math.exp(v) for v in Z[n])
        np.testing.assert_allclose(softmax(Z)[n, k], p, rtol=1e-14)
        np.testing.assert_allclose(log_softmax(Z)[n, k], math.log(p), rtol=1e-13)
    with np.errstate(over="raise", invalid="raise", divide="raise", under="ignore"):
        assert softmax(np.array([[1e4, 0.0], [-1e4, -1e4]])).tolist() == [[1, 0], [0.5, 0.5]]
        assert log_softmax(np.array([[1e4, 0.0]])).tolist() == [[0, -1e4]]


def test_eq_3_loss_is_the_surprise():
    y = np.array([2, 0])
    np.testing.assert_allclose(class_losses(Z, y), [-math.log(softmax(Z)[n, y[n]]) for n in range(2)], rtol=1e-13)
    gradcheck(lambda z: class_losses(z, y), Z)
    assert class_losses(Tensor(Z.astype(np.float32), requires_grad=True), y).dtype == np.float32


def test_eq_4_accuracy():
    z = np.array([[0.0, 1.0], [2.0, 1.0], [0.0, 3.0], [5.0, 4.0]])
    y = np.array([1, 0, 0, 0])
    assert accuracy(z, y, np.ones(4)) == 0.75
    assert accuracy(z, y, np.array([1.0, 2.0, 5.0, 0.0])) == 3 / 8


@pytest.mark.parametrize(
    "labels", [["b", "a", "c"], [10, -3, 7], [1.0, 2.0, 3.0], np.array(["x", "y", "z"], dtype=object)]
)
def test_labels_of_every_kind_come_back(labels):
    X, y = blobs()
    given = np.asarray(labels)[y]
    model = MLPClassifier(16, learning_rate_init=0.02, random_state=0).fit(X, given)
    assert model.classes_.tolist() == sorted(np.asarray(labels).tolist())
    assert model.predict(X).dtype == model.classes_.dtype
    assert np.mean(model.predict(X) == given) > 0.95
    P = model.predict_proba(X)
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_array_equal(model.classes_[P.argmax(axis=1)], model.predict(X))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), P, rtol=1e-12)


def test_one_class_is_always_predicted():
    X, _ = blobs()
    model = MLPClassifier(4, random_state=0).fit(X, np.full(len(X), "only"))
    assert set(model.predict(X)) == {"only"} and (model.predict_proba(X) == 1).all()


def test_early_stopping_holds_out_every_class():
    X, y = blobs()
    model = MLPClassifier(16, learning_rate_init=0.02, early_stopping=True, random_state=0).fit(X, y)
    assert model.best_validation_score_ > 0.9


def test_partial_fit_wants_all_classes_at_first():
    X, y = blobs()
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        MLPClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"y has the labels \[2\], but the classes of MLPClassifier are \[0, 1\]"):
        MLPClassifier().partial_fit(X, y, classes=[0, 1])
    model = MLPClassifier(random_state=0).partial_fit(X[y < 2], y[y < 2], classes=[2, 1, 0])
    assert model.classes_.tolist() == [0, 1, 2] and model.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match="classes are not those of the first call"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"y has the labels \[7\]"):
        model.partial_fit(X, np.where(y == 0, 7, y))
    with pytest.raises(ValueError, match="X has 1 features, but MLPClassifier is expecting 2 features"):
        model.partial_fit(X[:, :1], y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.partial_fit(X, y[:9])
    before = model.n_iter_
    model.partial_fit(X, y, sample_weight=np.arange(150))
    assert model.n_iter_ == before + 1


def test_a_failed_first_call_leaves_nothing_behind():
    X, y = blobs()
    model = MLPClassifier()
    with pytest.raises(ValueError):
        model.partial_fit(X, y, classes=[0, 1])
    assert not model.__sklearn_is_fitted__()


def test_digits_are_read():
    datasets = pytest.importorskip("pellucid_datasets")
    X, y = datasets.digits()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(X))
    held, learn = order[: len(X) // 5], order[len(X) // 5 :]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MLPClassifier(random_state=0).fit(X[learn], y[learn])
    assert model.score(X[held], y[held]) >= 0.97
