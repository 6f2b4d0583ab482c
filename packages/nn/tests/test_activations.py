"""Each against its definition with Python's own mathematics, and its gradient against finite differences."""

import math

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.activations import ReLU, Sigmoid, Tanh, relu, sigmoid, tanh

POINTS = np.array([-2.5, -0.3, 0.7, 1.9])


def slope(f, x):
    t = Tensor(x, requires_grad=True)
    np.sum(f(t)).backward()
    return t.grad.data


def check(f, define, differentiate):
    np.testing.assert_allclose(f(POINTS), [define(x) for x in POINTS], rtol=1e-14)
    np.testing.assert_allclose(slope(f, POINTS), [differentiate(x) for x in POINTS], rtol=1e-13)
    gradcheck(f, POINTS)
    gradcheck(f, POINTS.reshape(2, 2), order=2)


def test_eq_1_relu():
    check(relu, lambda x: max(x, 0), lambda x: float(x > 0))
    assert slope(relu, np.zeros(1)) == 0 and slope(relu, np.array([5e-324])) == 1
    assert relu(np.array([-0.5, 0.5])).tolist() == [0, 0.5]


def test_eq_2_tanh():
    check(tanh, math.tanh, lambda x: 1 / math.cosh(x) ** 2)


def test_eq_3_sigmoid():
    check(sigmoid, lambda x: 1 / (1 + math.exp(-x)), lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2)
    assert sigmoid(np.zeros(1)) == 0.5


def test_eq_3_sigmoid_at_the_ends():
    with np.errstate(all="raise"):
        assert sigmoid(np.array([-1e308, 1e308])).tolist() == [0, 1]
    np.testing.assert_allclose(sigmoid(POINTS) + sigmoid(-POINTS), 1, rtol=1e-15)


@pytest.mark.parametrize("module, function", [(ReLU(), relu), (Tanh(), tanh), (Sigmoid(), sigmoid)])
def test_modules_are_their_functions(module, function):
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_array_equal(module(Tensor(x)).data, function(x))
    assert repr(module) == f"{type(module).__name__}()"
    assert module(np.zeros((0, 4))).shape == (0, 4)
    t = Tensor(x.astype(np.float32), requires_grad=True)
    y = module(t)
    np.sum(y).backward()
    assert y.dtype == t.grad.dtype == np.float32
