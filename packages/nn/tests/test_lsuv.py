"""The variance of every layer is measured after the fact."""

import numpy as np
import pytest

from pellucid import no_grad
from pellucid_nn.activations import ReLU, Tanh
from pellucid_nn.layer_norm import LayerNorm
from pellucid_nn.linear import Linear
from pellucid_nn.lsuv import lsuv_
from pellucid_nn.merging import Flatten
from pellucid_nn.module import Module
from pellucid_nn.sequential import Sequential

rng = np.random.default_rng(0)
X = 3 + 5 * rng.normal(size=(64, 10))


def net():
    return Sequential(Linear(10, 20, rng=0), ReLU(), Linear(20, 8, bias=False, rng=1), Tanh(), Linear(8, 4, rng=2))


@no_grad()
def test_eq_1_2_every_layer_has_variance_1():
    model = net()
    assert lsuv_(model, X, tol=1e-6, rng=0) is model
    h = X
    for layer in model.children():
        h = layer(h)
        if isinstance(layer, Linear):
            np.testing.assert_allclose(np.var(h), 1, rtol=1e-6)
            W = layer.weight.data.view(np.ndarray)
            inner = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
            np.testing.assert_allclose(inner, inner[0, 0] * np.eye(len(inner)), atol=1e-12)
            assert layer.bias is None or not layer.bias.data.any()
            assert layer.weight.requires_grad
    other = lsuv_(net(), X, tol=1e-6, rng=0).state_dict()
    assert all((other[name] == array).all() for name, array in model.state_dict().items())


@no_grad()
def test_eq_2_near_enough_is_left_alone():
    model = Sequential(Linear(6, 6, rng=0))
    x = np.random.default_rng(0).normal(size=(4000, 6))
    lsuv_(model, x, rng=0)
    W = model.state_dict()["0.weight"]
    np.testing.assert_allclose(W @ W.T, np.eye(6), atol=1e-12)
    lsuv_(model, 1.2 * x, rng=0)
    assert abs(np.var(model(1.2 * x)) - 1) < 1e-9


class Backwards(Module):
    """Layers that run in another order than they were assigned in, one of them twice."""

    def __init__(self):
        self.last, self.first, self.never = Linear(5, 3, rng=0), Linear(10, 5, rng=1), Linear(2, 2, rng=2)
        self.square = Linear(5, 5, rng=3)

    def forward(self, x):
        h = np.tanh(self.first(x))
        return self.last(np.tanh(self.square(np.tanh(self.square(h)))))


@no_grad()
def test_eq_1_2_the_order_is_that_of_the_calls():
    model = Backwards()
    kept = model.never.weight.data.copy()
    lsuv_(model, X, tol=1e-3, rng=0)
    np.testing.assert_array_equal(model.never.weight.data, kept)
    h = model.first(X)
    np.testing.assert_allclose(np.var(h), 1, atol=1e-3)
    both = [model.square(np.tanh(h))]
    both.append(model.square(np.tanh(both[0])))
    np.testing.assert_allclose(np.var(both), 1, atol=1e-3)
    np.testing.assert_allclose(np.var(model(X)), 1, atol=1e-3)


@no_grad()
def test_a_lazy_layer_and_single_precision():
    model = lsuv_(Sequential(Linear(None, 4, rng=0, dtype=np.float32)), X.astype(np.float32), rng=0)
    assert model.state_dict()["0.weight"].dtype == np.float32
    np.testing.assert_allclose(np.var(model(X.astype(np.float32))), 1, atol=0.1)


def test_inputs_without_variance():
    with pytest.raises(ValueError, match="have variance 0.0 for this X, which no scale brings to 1"):
        lsuv_(net(), np.zeros((3, 10)))


@no_grad()
def test_eq_2_just_as_far_as_the_tolerance_is_not_near_enough():
    x = np.array([[-1.5], [1.5]])  # of variance 9/4: 5/4 too much
    layer = Linear(1, 1, bias=False, rng=0)
    lsuv_(layer, x, tol=1.25, rng=0)
    np.testing.assert_allclose(np.var(layer(x)), 1, rtol=1e-15)


@no_grad()
def test_eq_1_frozen_weights_and_those_of_norms_stay():
    model = Sequential(Linear(10, 12, rng=0), Flatten(1), Linear(12, 12, rng=1), LayerNorm(12), Linear(12, 3, rng=2))
    norm = Sequential(LayerNorm((4, 3)), Flatten(1), Linear(12, 2, rng=3))
    norm[0].weight.data[...] = np.arange(12.0).reshape(4, 3)
    model[2].freeze()
    model[4].bias.requires_grad_(False)
    kept = model.state_dict() | {f"norm.{name}": array for name, array in norm.state_dict().items()}
    lsuv_(model, X, tol=1e-3, rng=0)
    lsuv_(norm, rng.normal(size=(50, 4, 3)), tol=1e-3, rng=0)
    state = model.state_dict() | {f"norm.{name}": array for name, array in norm.state_dict().items()}
    same = [name for name, array in state.items() if (array == kept[name]).all()]
    assert same == ["2.weight", "2.bias", "3.weight", "3.bias", "4.bias", "norm.0.weight", "norm.0.bias"]


class Sum(Module):
    def __init__(self):
        self.left, self.right = Linear(10, 3, rng=0), Linear(4, 3, rng=1)

    def forward(self, x, y):
        return self.left(x) + self.right(y)


@no_grad()
def test_eq_2_several_inputs():
    model, Y = Sum(), rng.normal(size=(64, 4))
    lsuv_(model, (X, Y), tol=1e-6, rng=0)
    np.testing.assert_allclose([np.var(model.left(X)), np.var(model.right(Y))], [1, 1], rtol=1e-6)
