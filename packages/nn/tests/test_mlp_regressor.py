import numpy as np
import pytest

from pellucid import gradcheck
from pellucid_nn import MLPRegressor
from pellucid_nn.mlp_regressor import number_losses, r_squared

Z, Y = np.array([[1.0, 2.0], [0.0, -1.0], [3.0, 1.0]]), np.array([[0.0, 4.0], [1.0, -1.0], [3.0, 2.5]])


def waves(N=200, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, size=(N, 2))
    return X, np.stack([np.sin(2 * X[:, 0]), X[:, 0] * X[:, 1], np.cos(X[:, 1])], axis=1)


def test_eq_1_losses():
    assert number_losses(Z, Y).tolist() == [(1 + 4) / 2, (1 + 0) / 2, (0 + 2.25) / 2]
    gradcheck(lambda z: number_losses(z, Y), Z)


def test_eq_2_explained_variance():
    s = np.array([1.0, 2.0, 1.0])
    expected = []
    for t in range(2):
        mean = sum(s[n] * Y[n, t] for n in range(3)) / s.sum()
        residual = sum(s[n] * (Y[n, t] - Z[n, t]) ** 2 for n in range(3))
        expected.append(1 - residual / sum(s[n] * (Y[n, t] - mean) ** 2 for n in range(3)))
    np.testing.assert_allclose(r_squared(Z, Y, s), np.mean(expected), rtol=1e-14)
    assert r_squared(Y, Y, s) == 1
    np.testing.assert_allclose(r_squared(Z / 10, Y / 10, s), np.mean(expected), rtol=1e-13)


def test_eq_2_of_constant_targets():
    y = np.full((4, 1), 2.0)
    assert r_squared(y, y, np.ones(4)) == 1 and r_squared(y + 0.5, y, np.ones(4)) == 0


def test_several_targets_are_learnt_together():
    X, Y = waves()
    model = MLPRegressor(64, learning_rate_init=0.02, max_iter=400, random_state=0).fit(X, Y)
    assert model.predict(X).shape == (200, 3) and model.n_outputs_ == 3
    assert model.score(X, Y) > 0.95
    model.partial_fit(X, Y)
    with pytest.raises(ValueError, match="y has 2 columns, but this MLPRegressor learns 3"):
        model.partial_fit(X, Y[:, :2])


def test_one_target_is_a_vector():
    X, Y = waves()
    model = MLPRegressor(random_state=0)
    model.partial_fit(X, Y[:, 0])
    assert model.predict(X).shape == (200,)
    model.partial_fit(X, Y[:, :1])
    assert model.predict(X).shape == (200,)


def test_the_mean_is_learnt_where_nothing_else_can_be():
    rng = np.random.default_rng(0)
    X, y = np.zeros((400, 1)), rng.normal(3.0, 1.0, 400)
    model = MLPRegressor(4, learning_rate_init=0.02, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict(X[:1]), y.mean(), atol=0.05)


def test_partial_fit_checks_like_fit():
    X, Y = waves()
    model = MLPRegressor(random_state=0).partial_fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="X has 1 features, but MLPRegressor is expecting 2 features"):
        model.partial_fit(X[:, :1], Y[:, 0])
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(X, Y[:, 0] * np.nan)
    assert model.n_features_in_ == 2
