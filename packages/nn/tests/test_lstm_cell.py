"""The oracle is the definition, number by number, and finite differences. What all cells share: test_recurrent.py."""

import math

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.lstm_cell import LSTMCell, lstm_cell

N, I, H = 3, 2, 4


def draw(seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(N, I), (N, H), (N, H), (4 * H, I), (4 * H, H), (4 * H,), (4 * H,)]
    return [rng.normal(size=shape) for shape in shapes]


def sigma(a):
    return 1 / (1 + math.exp(-a))


def test_eq_1_2_3_4_against_sums_over_numbers():
    x, h, c, Wx, Wh, bx, bh = draw()
    h_, c_ = lstm_cell(x, h, c, Wx, Wh, bx, bh)
    for n in range(N):
        for j in range(H):
            a = []
            for gate in range(4):
                k = gate * H + j
                seen = sum(x[n, i] * Wx[k, i] for i in range(I)) + sum(h[n, i] * Wh[k, i] for i in range(H))
                a.append(seen + bx[k] + bh[k])
            i, f, g, o = sigma(a[0]), sigma(a[1]), math.tanh(a[2]), sigma(a[3])
            kept = f * c[n, j] + i * g
            np.testing.assert_allclose([c_[n, j], h_[n, j]], [kept, o * math.tanh(kept)], rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_eq_5_6_7_8_gradients_agree_with_finite_differences(bias):
    arguments = draw(1)
    cell = lstm_cell if bias else (lambda *a: lstm_cell(*a, None, None))
    gradcheck(cell, *arguments[: 7 if bias else 5], order=2)


def test_eq_8_there_is_no_gradient_for_biases_that_are_not_there():
    arguments = [*draw(2)[:5], None, None]
    (h_, c_), vjp = lstm_cell.run(*arguments)
    assert vjp(h_, c_)[5:] == (None, None)


def test_eq_8_every_gradient_has_the_shape_of_its_argument():
    arguments = draw(2)
    (h_, c_), vjp = lstm_cell.run(*arguments)
    assert [d.shape for d in vjp(h_, c_)] == [a.shape for a in arguments]


def test_eq_3_a_cell_that_keeps_all_remembers_for_ever():
    """With f = 1 and i = 0 the gradient of a memory reaches back a thousand steps undiminished."""
    cell = LSTMCell(1, 2, rng=0)
    for p in cell.parameters():
        p.data[...] = 0
    cell.bias_ih.data[:] = [-1e3, -1e3, 1e3, 1e3, 0, 0, 0, 0]
    first = Tensor(np.array([[0.5, -2.0]]), requires_grad=True)
    h, c = Tensor(np.zeros((1, 2))), first
    for _ in range(1000):
        h, c = cell(np.ones((1, 1)), (h, c))
    np.testing.assert_array_equal(c.data, first.data)
    np.sum(c).backward()
    np.testing.assert_array_equal(first.grad.data, np.ones((1, 2)))


def test_the_module_is_the_function_of_its_parameters():
    cell, (x, h, c, *_) = LSTMCell(I, H, rng=0), draw(3)
    weights = [p.data for p in cell.parameters()]
    assert [name for name, _ in cell.named_parameters()] == ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    for ours, expected in zip(cell(x, (h, c)), lstm_cell(x, h, c, *weights)):
        np.testing.assert_array_equal(ours.data, expected)
    for ours, expected in zip(cell(x[0]), lstm_cell(x[:1], np.zeros((1, H)), np.zeros((1, H)), *weights)):
        np.testing.assert_allclose(ours.data, expected[0], rtol=1e-14)
    assert [s.shape for s in cell(np.zeros((0, I)))] == [(0, H), (0, H)]
    assert repr(LSTMCell(I, H, bias=False)) == f"LSTMCell({I}, {H}, bias=False)"


def test_a_state_of_another_form_is_named():
    cell, (x, h, *_) = LSTMCell(I, H, rng=0), draw()
    for hx in (h, (h,), [h, h, h]):
        with pytest.raises(TypeError, match=r"the first state must be a tuple of 2 arrays, \(h0, c0\); got "):
            cell(x, hx)
    with pytest.raises(ValueError, match=r"the first state c0 must have shape \(3, 4\); it has shape \(3, 5\)"):
        cell(x, (h, np.zeros((3, 5))))
