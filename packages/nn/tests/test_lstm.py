"""The oracle is the cell, one step at a time. What all layers share: test_recurrent.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import gradcheck
from pellucid_nn.lstm import LSTM, lstm
from pellucid_nn.lstm_cell import lstm_cell
from pellucid_nn.recurrent import cell_by_cell


def draw(T, N, I, H, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(T, N, I), (N, H), (N, H), (4 * H, I), (4 * H, H), (4 * H,), (4 * H,)]
    return [rng.normal(size=shape) for shape in shapes]


@settings(deadline=None, max_examples=30)
@given(
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    reverse=st.booleans(),
    ragged=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_eq_1_2_3_4_5_6_7_8_9_10_the_whole_sequence_equals_the_cell_step_by_step(sizes, reverse, ragged, bias, seed):
    x, h, c, *weights = draw(*sizes, seed=seed)
    weights = weights if bias else [*weights[:2], None, None]
    rng = np.random.default_rng(seed)
    counts = sorted(rng.integers(0, sizes[1] + 1, sizes[0]).tolist(), reverse=True) if ragged else None
    values, vjp = lstm.run(x, h, c, *weights, counts=counts, reverse=reverse)
    expected, clear_vjp = cell_by_cell(lstm_cell.run, x, (h, c), weights, counts, reverse)
    dys = [rng.normal(size=y.shape) for y in values]
    for ours, theirs in [*zip(values, expected, strict=True), *zip(vjp(*dys), clear_vjp(*dys), strict=True)]:
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_eq_6_7_8_9_10_gradients_agree_with_finite_differences():
    arguments = draw(3, 2, 2, 3, seed=1)
    for reverse in (False, True):
        gradcheck(lambda *a, r=reverse: lstm(*a, counts=[2, 2, 1], reverse=r), *arguments, order=2)
        gradcheck(lambda *a, r=reverse: lstm(*a, None, None, reverse=r), *arguments[:5])


def test_eq_10_the_gradient_of_the_input_can_be_left_out():
    values, vjp = lstm.run(*draw(3, 2, 2, 3), needs_dx=False)
    assert vjp(*values)[0] is None


def test_the_module_is_the_function_of_its_parameters():
    layer, x = LSTM(2, 3, rng=0), draw(4, 5, 2, 3)[0]
    zeros = np.zeros((5, 3))
    y, h, c = lstm(x, zeros, zeros, *[p.data for p in layer.parameters()])
    ours, (h_n, c_n) = layer(x)
    for mine, expected in ((ours, y), (h_n[0], h), (c_n[0], c)):
        np.testing.assert_array_equal(mine.data, expected)
    np.testing.assert_array_equal(h, y[-1])
    assert repr(LSTM(2, 3, 2, dropout=0.5)) == "LSTM(2, 3, num_layers=2, dropout=0.5)"


def test_projections_are_refused_and_a_state_of_another_form_is_named():
    with pytest.raises(ValueError, match="proj_size must be 0, as projections are not offered; got 2"):
        LSTM(2, 3, proj_size=2)
    with pytest.raises(TypeError, match=r"the first state must be a tuple of 2 arrays, \(h0, c0\); got ndarray"):
        LSTM(2, 3)(np.zeros((4, 5, 2)), np.zeros((1, 5, 3)))


@pytest.mark.parametrize("reverse", [False, True])
def test_eq_1_2_9_10_several_blocks_of_steps_and_an_odd_end(reverse):
    T, N, I, H = 23, 32, 2, 3  # blocks of 8 steps
    x, h, c, *weights = draw(T, N, I, H, seed=3)
    counts = sorted(np.random.default_rng(0).integers(0, N + 1, T).tolist(), reverse=True)
    for given_counts in (None, counts):
        values, vjp = lstm.run(x, h, c, *weights, counts=given_counts, reverse=reverse)
        expected, clear_vjp = cell_by_cell(lstm_cell.run, x, (h, c), weights, given_counts, reverse)
        dys = [np.random.default_rng(1).normal(size=y.shape) for y in values]
        for ours, theirs in [*zip(values, expected, strict=True), *zip(vjp(*dys), clear_vjp(*dys), strict=True)]:
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
        for first, again in zip(vjp(*dys), vjp(*dys), strict=True):
            np.testing.assert_array_equal(first, again)
