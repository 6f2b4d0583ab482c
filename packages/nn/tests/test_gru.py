"""The oracle is the definition, number by number, and finite differences. What all layers share: test_recurrent.py."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import gradcheck
from pellucid_nn.gru import GRU, GRUCell, gru, gru_cell
from pellucid_nn.recurrent import cell_by_cell

N, I, H = 3, 2, 4


def draw(front=(N,), N=N, I=I, H=H, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(*front, I), (N, H), (3 * H, I), (3 * H, H), (3 * H,), (3 * H,)]
    return [rng.normal(size=shape) for shape in shapes]


def sigma(a):
    return 1 / (1 + math.exp(-a))


def test_eq_1_2_3_against_sums_over_numbers():
    x, h, Wx, Wh, bx, bh = draw()
    h_ = gru_cell(x, h, Wx, Wh, bx, bh)
    for row in range(N):
        for j in range(H):
            places = [gate * H + j for gate in range(3)]
            a = [sum(x[row, i] * Wx[k, i] for i in range(I)) + bx[k] for k in places]
            u = [sum(h[row, i] * Wh[k, i] for i in range(H)) + bh[k] for k in places]
            r, z = sigma(a[0] + u[0]), sigma(a[1] + u[1])
            n = math.tanh(a[2] + r * u[2])
            np.testing.assert_allclose(h_[row, j], (1 - z) * n + z * h[row, j], rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_eq_4_5_6_7_8_gradients_agree_with_finite_differences(bias):
    nothing = () if bias else (None, None)
    gradcheck(lambda *a: gru_cell(*a, *nothing), *draw(seed=1)[: 6 if bias else 4], order=2)


@settings(deadline=None, max_examples=30)
@given(
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
    reverse=st.booleans(),
    ragged=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_eq_7_8_9_10_the_whole_sequence_equals_the_cell_step_by_step(sizes, reverse, ragged, bias, seed):
    T, N, I, H = sizes
    x, h, *weights = draw((T, N), N, I, H, seed=seed)
    weights = weights if bias else [*weights[:2], None, None]
    rng = np.random.default_rng(seed)
    counts = sorted(rng.integers(0, N + 1, T).tolist(), reverse=True) if ragged else None
    values, vjp = gru.run(x, h, *weights, counts=counts, reverse=reverse)
    expected, clear_vjp = cell_by_cell(gru_cell.run, x, (h,), weights, counts, reverse)
    dys = [rng.normal(size=y.shape) for y in values]
    for ours, theirs in [*zip(values, expected, strict=True), *zip(vjp(*dys), clear_vjp(*dys), strict=True)]:
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_eq_7_8_9_10_gradients_agree_with_finite_differences():
    for reverse in (False, True):
        gradcheck(lambda *a, r=reverse: gru(*a, counts=[3, 3, 1], reverse=r), *draw((3, N), seed=2), order=2)


def test_eq_7_the_gradient_of_the_input_can_be_left_out():
    values, vjp = gru.run(*draw((3, N)), needs_dx=False)
    assert vjp(*values)[0] is None


def test_a_state_that_is_kept_does_not_change():
    cell = GRUCell(1, 2, rng=0)
    cell.bias_ih.data[2:4] = 1e3  # z = 1
    h = np.array([[0.5, -2.0]])
    np.testing.assert_array_equal(cell(np.ones((1, 1)), h).data, h)


def test_the_modules_are_the_functions_of_their_parameters():
    layer, cell = GRU(I, H, rng=0), GRUCell(I, H, rng=1)
    x, h, *_ = draw((5, N))
    y, h_n = gru(x, np.zeros((N, H)), *[p.data for p in layer.parameters()])
    ours, last = layer(x)
    np.testing.assert_array_equal(ours.data, y)
    np.testing.assert_array_equal(last.data[0], h_n)
    np.testing.assert_array_equal(cell(x[0], h).data, gru_cell(x[0], h, *[p.data for p in cell.parameters()]))
    assert repr(GRU(2, 3, bias=False, batch_first=True)) == "GRU(2, 3, bias=False, batch_first=True)"
