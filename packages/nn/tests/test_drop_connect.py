"""Masks that are known, loops over weights, and the mean over many masks."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.drop_connect import DropConnect, drop_weights
from pellucid_nn.linear import Linear, linear

B, I, O = 4, 3, 2
MASK = np.array([[True, False, True], [False, True, True]])


def draw(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(B, I)), rng.normal(size=(O, I)), rng.normal(size=O), rng.normal(size=(B, O))


def test_eq_2_3_4_outputs_and_gradients_have_no_dropped_weight():
    x, W, b, dy = draw()
    left, (dW, _) = drop_weights.run(W, MASK, p=0.2)
    y = linear(x, left, b)
    for n, o in np.ndindex(B, O):
        expected = sum(1.25 * x[n, i] * W[o, i] for i in range(I) if MASK[o, i]) + b[o]
        np.testing.assert_allclose(y[n, o], expected, rtol=1e-13)
    slope = dW(dy.T @ x)
    for o, i in np.ndindex(O, I):
        expected = 1.25 * sum(dy[n, o] * x[n, i] for n in range(B)) if MASK[o, i] else 0
        np.testing.assert_allclose(slope[o, i], expected, rtol=1e-13)
    gradcheck(lambda x, W, b: linear(x, drop_weights(W, MASK, p=0.2), b), x, W, b, order=2)


def test_eq_1_2_3_the_mean_over_the_masks_is_the_layer():
    layer = DropConnect(Linear(I, O, rng=0), 0.4, rng=1)
    x = draw(1)[0]
    ys = np.array([layer(x).data for _ in range(4000)])
    np.testing.assert_allclose(ys.mean(axis=0), layer.layer(x).data, atol=0.03)
    np.testing.assert_array_equal(layer.eval()(x).data, layer.layer(x).data)
    assert len(np.unique(ys[:, 0, 0])) == 2**I  # every weight has a coin of its own


def test_eq_1_2_3_4_the_gradient_has_the_mask_of_the_value():
    layer = DropConnect(Linear(I, O, bias=False, rng=0), 0.5, rng=2)
    layer.layer.weight.data[...] = 1
    y = layer(np.eye(I))  # shows the weights
    y.backward(np.ones((I, O)))
    np.testing.assert_array_equal(layer.layer.weight.grad.data, y.data.T)
    assert set(np.unique(y.data)) == {0, 2}


@pytest.mark.parametrize("p", [0, 1.0])
def test_the_ends(p):
    layer = DropConnect(Linear(I, O, rng=0), p)
    x = Tensor(draw()[0], requires_grad=True)
    with np.errstate(all="raise"):
        y = layer(x)
        y.backward(np.ones((B, O)))
    expected = layer.layer(x).data if p == 0 else np.tile(layer.layer.bias.data, (B, 1))
    np.testing.assert_array_equal(y.data, expected)
    assert x.grad.data.any() == layer.layer.weight.grad.data.any() == (p == 0)
    assert (layer.layer.bias.grad.data == B).all()


def test_names_state_and_generator():
    layer = DropConnect(Linear(I, O, rng=0), 0.3, rng=5)
    assert list(layer.state_dict()) == ["layer.weight", "layer.bias"]
    assert [name for name, _ in layer.named_generators()] == ["rng"]
    twin = DropConnect(Linear(I, O), 0.3, rng=5)
    twin.load_state_dict(layer.state_dict())
    x = draw()[0]
    for _ in range(3):
        np.testing.assert_array_equal(layer(x).data, twin(x).data)
    assert repr(layer).startswith("DropConnect(\n  p=0.3\n  (layer): Linear(")


def test_single_precision_empty_batches_and_lazy_sizes():
    layer = DropConnect(Linear(None, O, rng=0, dtype=np.float32), rng=0)
    y = layer(np.ones((5, 2, I), np.float32))
    y.backward(np.ones((5, 2, O)))
    assert y.dtype == layer.layer.weight.grad.dtype == np.float32 and y.shape == (5, 2, O)
    assert layer(np.zeros((0, I), np.float32)).shape == (0, O)


def test_the_probability_may_be_a_number_of_numpy():
    layer = DropConnect(Linear(I, O, rng=0, dtype=np.float32), np.float64(0.5), rng=0)
    y = layer(np.ones((B, I), np.float32))
    y.backward(np.ones((B, O)))
    assert y.dtype == layer.layer.weight.grad.dtype == np.float32
    assert drop_weights(np.ones((2, 3), np.float32), np.ones((2, 3)) > 0, p=0.5).dtype == np.float32


def test_products_are_counted_once():
    layer = DropConnect(Linear(I, O, rng=0), 0.5, rng=0)
    assert layer.summary((B, I)).multiply_adds == layer.eval().summary((B, I)).multiply_adds == B * I * O


def test_bad_input_is_named():
    with pytest.raises(TypeError, match="a Linear layer; got list"):
        DropConnect([])
    with pytest.raises(ValueError, match="between 0 and 1; got 2"):
        DropConnect(Linear(I, O), 2)
    with pytest.raises(ValueError, match="in_features = 3"):
        DropConnect(Linear(I, O))(np.zeros((2, 4)))
    with pytest.raises(TypeError, match="x is int64 and the weights are float64"):
        DropConnect(Linear(I, O))(np.zeros((2, 3), np.int64))
