import numpy as np
import pytest

from pellucid import Tensor, no_grad
from pellucid_nn import GRU, Identity, Linear, Module, Parameter, Tanh
from pellucid_nn.closures import vjp

rng = np.random.default_rng(0)


class Two(Module):
    """Two results of two inputs and whole numbers."""

    def __init__(self):
        self.a = Parameter(np.array([2.0, 3.0]))

    def forward(self, x, y, i):
        return {"product": x * y * self.a, "picked": self.a[i], "constant": Tensor(np.ones(2))}


def test_the_way_back():
    layer, x, dy = Linear(3, 2, rng=rng), rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    y, backward = vjp(layer, x)
    assert type(y) is np.ndarray
    np.testing.assert_allclose(y, x @ layer.weight.data.T + layer.bias.data)
    for n in (1, 2):  # every call adds to the gradients of the parameters
        np.testing.assert_allclose(backward(dy), dy @ layer.weight.data)
        np.testing.assert_allclose(layer.weight.grad.data, n * dy.T @ x)
        np.testing.assert_allclose(layer.bias.grad.data, n * dy.sum(axis=0))


def test_several_inputs_and_results():
    net, x, y = Two(), np.array([1.0, 2.0]), np.array([5.0, 7.0])
    found, backward = vjp(net, x, y, [0, 0])
    assert {name: type(part) for name, part in found.items()} == dict.fromkeys(found, np.ndarray)
    one = np.ones(2)
    dx, dy, di = backward({"product": one, "picked": np.array([1.0, 10.0]), "constant": one})
    assert dx.tolist() == [10, 21] and dy.tolist() == [2, 6] and di is None
    assert net.a.grad.tolist() == [5 + 11, 14]


def test_an_input_that_does_nothing_has_the_gradient_zero():
    _, backward = vjp(lambda x, y: x * 2.0, np.ones(2), np.ones(3))
    dx, dy = backward(np.ones(2))
    assert dx.tolist() == [2, 2] and dy.tolist() == [0, 0, 0]


def test_a_gradient_of_another_form_is_refused():
    _, backward = vjp(Linear(3, 2, rng=rng), np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"shape of the result: \(4, 2\), not \(4, 3\)"):
        backward(np.ones((4, 3)))
    with pytest.raises(ValueError, match="nested as the result is"):
        backward((np.ones((4, 2)),))


def test_inside_of_no_grad():
    layer = Linear(3, 2, rng=0)
    with no_grad():
        y, backward = vjp(layer, np.ones((1, 3)))
        np.testing.assert_allclose(backward(np.ones((1, 2))), layer.weight.data.sum(axis=0, keepdims=True))
    assert layer.bias.grad.tolist() == [1, 1]


def test_inputs_and_results_may_be_written_into():
    x = np.array([0.5, -1.0])
    y, backward = vjp(Tanh(), x)
    slope = 1 - np.tanh(x) ** 2
    y -= 1.0
    x[:] = 7.0
    np.testing.assert_allclose(backward(np.ones(2)), slope, rtol=1e-15)
    x = np.ones(2)
    y, _ = vjp(Identity(), x)
    y += 1
    assert x.tolist() == [1, 1]
    x = np.array([3.0])
    _, backward = vjp(lambda x: x * x, x)
    x[:] = 100.0
    assert backward(np.ones(1)).tolist() == [6]


def test_options_are_passed_by_name():
    layer, x = GRU(3, 2, rng=0), rng.normal(size=(4, 2, 3))
    (y, _), backward = vjp(layer, x, lengths=[2, 4])
    assert (y[2:, 0] == 0).all()
    dx = backward((np.ones_like(y), np.zeros((1, 2, 2))))
    assert (dx[2:, 0] == 0).all() and (dx[:, 1] != 0).all()


def test_the_message_shows_the_form():
    _, backward = vjp(Two(), np.ones(2), np.ones(2), [0, 1])
    with pytest.raises(
        ValueError, match=r"shapes \{product: \(2,\), picked: \(2,\), constant: \(2,\)\}; it has \(2,\)"
    ):
        backward(np.ones(2))
    _, backward = vjp(Tanh(), np.ones(3))
    with pytest.raises(ValueError, match=r"shapes \(3,\); it has \(\(\), \(\), \(\)\): make an array of a list"):
        backward([1.0, 2.0, 3.0])
