"""The clear form is the oracle."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.layer_norm import layer_norm
from pellucid_nn.layer_norm_in_blocks import layer_norm_in_blocks

N, D = 7, 6


@pytest.fixture(params=[1, 3 * D * 8, 1 << 19], ids=["one row", "three rows", "all rows"])
def draw(request, monkeypatch):
    monkeypatch.setattr("pellucid_nn.layer_norm_in_blocks.BLOCK", request.param)
    rng = np.random.default_rng(0)
    return 2 + rng.normal(size=(N, D)), rng.normal(size=D), rng.normal(size=D), rng.normal(size=(N, D))


def grad_of(loss, given):
    for t in given:
        t.grad = None
    loss.backward(create_graph=True)
    return [t.grad for t in given]


def both(x, w, b, dy, dtype=np.float64, eps=1e-5):
    """Value and gradients: ours in a precision, those of the clear form in double precision."""
    results = []
    for f, kind in ((layer_norm_in_blocks, dtype), (layer_norm, np.float64)):
        ts = [Tensor(a.astype(dtype).astype(kind), requires_grad=True) for a in (x, w, b) if a is not None]
        y = f(*ts, normalized_shape=w.shape if w is not None else (D,), eps=eps)
        y.backward(dy.astype(kind))
        results.append([y.data, *(t.grad.data for t in ts)])
        assert all(a.dtype == kind for a in results[-1])
    return list(zip(*results))


@pytest.mark.parametrize("affine", [0, 1, 2])
def test_eq_1_2_3_4_5_6_7_8_it_equals_the_clear_form(draw, affine):
    x, w, b, dy = draw
    for ours, clear in both(x, w if affine else None, b if affine > 1 else None, dy):
        np.testing.assert_allclose(ours, clear, rtol=1e-12, atol=1e-13)
    for ours, clear in both(x, w if affine else None, b if affine > 1 else None, dy, eps=0.5):
        np.testing.assert_allclose(ours, clear, rtol=1e-12, atol=1e-13)


def test_eq_1_2_3_4_6_7_8_what_is_left_of_the_mean_is_carried_along(draw, monkeypatch):
    """At 1e6 single precision rounds to steps of 1/16, so the mean is wrong by a few of these hundredths."""
    _, w, b, dy = draw
    rng = np.random.default_rng(1)
    w, dy = rng.normal(size=40), rng.normal(size=(9, 40))
    x = 1e6 + 0.25 * rng.normal(size=(9, 40))
    monkeypatch.setattr("pellucid_nn.layer_norm_in_blocks.BLOCK", 3 * 40 * 4)
    for ours, clear in both(x, w, w, dy, np.float32, eps=0.01):
        np.testing.assert_allclose(ours, clear, rtol=1e-5, atol=2e-5)


def test_eq_3_a_small_rest_of_the_mean_is_left_out_only_where_it_does_not_show(draw):
    rng = np.random.default_rng(2)
    x = 3 + 1e-6 * rng.normal(size=(50, 33))
    y = layer_norm_in_blocks(x, normalized_shape=(33,), eps=1e-30)
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-15)


def test_gradients_of_any_order(draw):
    x, w, b, _ = draw

    def f(*given):
        return layer_norm_in_blocks(*given, normalized_shape=(D,))

    gradcheck(f, x, w, b, order=2)
    gradcheck(f, x, w, order=2)
    gradcheck(f, x, order=2)
    gradcheck(lambda w: layer_norm_in_blocks(x, w, normalized_shape=(D,)), w, order=2)


def test_second_order_in_single_precision(draw):
    """The backward pass runs the function again, and finds the same value."""
    x, w, b, dy = [a.astype(np.float32) for a in draw]
    t = Tensor(x, requires_grad=True)
    layer_norm_in_blocks(t, w, b, normalized_shape=(D,)).backward(dy, create_graph=True)
    assert t.grad.dtype == np.float32


def test_a_gradient_may_be_asked_for_twice_and_nothing_is_written_into(draw):
    x, w, b, dy = draw
    for a in draw:
        a.setflags(write=False)
    _, gradients = layer_norm_in_blocks.run(x, w, b, normalized_shape=(D,))
    for once, again in zip(gradients(dy), gradients(dy), strict=True):
        np.testing.assert_array_equal(once, again)


def test_a_shift_without_a_scale(draw):
    x, _, b, dy = draw

    def second_order(f):
        given = [Tensor(x, requires_grad=True), Tensor(b, requires_grad=True)]
        y = f(given[0], None, given[1], normalized_shape=(D,))
        first = grad_of((y * dy).sum(), given)
        return [y, *first, *grad_of((first[0] ** 2).sum() + (first[1] * given[1]).sum(), given)]

    for ours, clear in zip(second_order(layer_norm_in_blocks), second_order(layer_norm), strict=True):
        np.testing.assert_allclose(ours.data, clear.data, rtol=1e-10, atol=1e-10)
