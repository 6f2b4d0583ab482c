"""The oracle is the definition, number by number, and finite differences. What all layers share: test_recurrent.py."""

import math

import numpy as np
import pytest

from pellucid import gradcheck
from pellucid_nn.recurrent import cell_by_cell
from pellucid_nn.rnn import RNN, RNNCell, rnn, rnn_cell

N, I, H = 3, 2, 4
PHI = {"tanh": math.tanh, "relu": lambda a: a if a > 0 else 0.0}
either = pytest.mark.parametrize("nonlinearity", PHI)


def draw(T=None, seed=0):
    rng = np.random.default_rng(seed)
    front = (N,) if T is None else (T, N)
    return [rng.normal(size=shape) for shape in [(*front, I), (N, H), (H, I), (H, H), (H,), (H,)]]


@either
def test_eq_1_against_sums_over_numbers(nonlinearity):
    x, h, Wx, Wh, bx, bh = draw()
    h_ = rnn_cell(x, h, Wx, Wh, bx, bh, nonlinearity=nonlinearity)
    for n in range(N):
        for j in range(H):
            a = sum(x[n, i] * Wx[j, i] for i in range(I)) + sum(h[n, i] * Wh[j, i] for i in range(H))
            np.testing.assert_allclose(h_[n, j], PHI[nonlinearity](a + bx[j] + bh[j]), rtol=1e-12)


@either
@pytest.mark.parametrize("bias", [True, False])
def test_eq_2_3_gradients_agree_with_finite_differences(nonlinearity, bias):
    nothing = () if bias else (None, None)
    gradcheck(lambda *a: rnn_cell(*a, *nothing, nonlinearity=nonlinearity), *draw()[: 6 if bias else 4], order=2)


def test_eq_2_at_its_corner_relu_has_slope_0():
    _, vjp = rnn_cell.run(np.zeros((1, 1)), np.zeros((1, 1)), *np.ones((2, 1, 1)), None, None, nonlinearity="relu")
    assert vjp(np.ones((1, 1)))[0] == 0


@either
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("counts", [None, [3, 2, 2, 1]])
@pytest.mark.parametrize("bias", [True, False])
def test_eq_3_4_5_the_whole_sequence_equals_the_cell_step_by_step(nonlinearity, reverse, counts, bias):
    x, h, *weights = draw(T=4, seed=1)
    weights = weights if bias else [*weights[:2], None, None]
    values, vjp = rnn.run(x, h, *weights, nonlinearity=nonlinearity, counts=counts, reverse=reverse)
    cell = lambda *a: rnn_cell.run(*a, nonlinearity=nonlinearity)
    expected, clear_vjp = cell_by_cell(cell, x, (h,), weights, counts, reverse)
    dys = [np.random.default_rng(2).normal(size=y.shape) for y in values]
    for ours, theirs in [*zip(values, expected, strict=True), *zip(vjp(*dys), clear_vjp(*dys), strict=True)]:
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@either
def test_eq_3_4_5_gradients_agree_with_finite_differences(nonlinearity):
    gradcheck(lambda *a: rnn(*a, nonlinearity=nonlinearity, counts=[3, 3, 1]), *draw(T=3, seed=3), order=2)


def test_eq_3_the_gradient_of_the_input_can_be_left_out():
    values, vjp = rnn.run(*draw(T=3), needs_dx=False)
    assert vjp(*values)[0] is None


@either
def test_the_modules_are_the_functions_of_their_parameters(nonlinearity):
    layer, cell = RNN(I, H, nonlinearity=nonlinearity, rng=0), RNNCell(I, H, nonlinearity=nonlinearity, rng=1)
    x, h, *_ = draw(T=3)
    weights = [p.data for p in layer.parameters()]
    y, h_n = rnn(x, np.zeros((N, H)), *weights, nonlinearity=nonlinearity)
    ours, last = layer(x)
    np.testing.assert_array_equal(ours.data, y)
    np.testing.assert_array_equal(last.data[0], h_n)
    h_ = rnn_cell(x[0], h, *[p.data for p in cell.parameters()], nonlinearity=nonlinearity)
    np.testing.assert_array_equal(cell(x[0], h).data, h_)
    assert repr(RNNCell(2, 3, nonlinearity="relu")) == "RNNCell(2, 3, nonlinearity=relu)"
    assert repr(RNNCell(2, 3, bias=False)) == "RNNCell(2, 3, bias=False)"


def test_other_nonlinearities_are_refused():
    for module in (RNN, RNNCell):
        with pytest.raises(ValueError, match="nonlinearity must be 'tanh' or 'relu'; got 'gelu'"):
            module(2, 3, nonlinearity="gelu")


def test_eq_3_there_is_no_gradient_for_biases_that_are_not_there():
    _, vjp = rnn_cell.run(np.ones((2, 1)), np.ones((2, 3)), np.ones((3, 1)), np.ones((3, 3)), None, None)
    assert vjp(np.ones((2, 3)))[4:] == (None, None)
