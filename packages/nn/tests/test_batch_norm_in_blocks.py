"""The clear form is the oracle."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.batch_norm import batch_norm, moments
from pellucid_nn.batch_norm_in_blocks import batch_norm_in_blocks, moments_in_blocks

SHAPE = N, C, L = 7, 3, 5


@pytest.fixture(params=[1, 3 * C * L * 8, 1 << 19], ids=["one example", "three examples", "all"])
def draw(request, monkeypatch):
    monkeypatch.setattr("pellucid_nn.batch_norm_in_blocks.BLOCK", request.param)
    rng = np.random.default_rng(0)
    return 2 + rng.normal(size=SHAPE), rng.normal(size=C), rng.normal(size=C), rng.normal(size=SHAPE)


def both(x, w, b, dy, dtype=np.float64, eps=1e-5):
    """Value and gradients: ours in a precision, those of the clear form in double precision."""
    results = []
    for f, kind in ((batch_norm_in_blocks, dtype), (batch_norm, np.float64)):
        ts = [Tensor(a.astype(dtype).astype(kind), requires_grad=True) for a in (x, w, b) if a is not None]
        y = f(*ts, eps=eps)
        y.backward(dy.astype(kind))
        results.append([y.data, *(t.grad.data for t in ts)])
        assert all(a.dtype == kind for a in results[-1])
    return list(zip(*results))


@pytest.mark.parametrize("affine", [0, 1, 2])
@pytest.mark.parametrize("shape", [SHAPE, (N, C, L, 1), (N, C, 1), (2, C, 2, 2, 2)])
def test_eq_1_2_3_4_5_6_7_it_equals_the_clear_form(draw, affine, shape):
    _, w, b, _ = draw
    x, dy = np.random.default_rng(1).normal(size=(2, *shape))
    for eps in (1e-5, 0.5):
        for ours, clear in both(x, w if affine else None, b if affine > 1 else None, dy, eps=eps):
            np.testing.assert_allclose(ours, clear, rtol=1e-11, atol=1e-13)


def test_eq_1_2_4_6_7_what_is_left_of_the_mean_is_carried_along(draw):
    """At 1e6 single precision rounds to steps of 1/16, so the mean is wrong by a few of these hundredths."""
    x, w, b, dy = draw
    x = 1e6 + 0.25 * x
    assert np.abs(moments_in_blocks(x.astype(np.float32)).delta).max() > 0.01
    for ours, clear in both(x, w, b, dy, np.float32, eps=0.01):
        np.testing.assert_allclose(ours, clear, rtol=1e-5, atol=2e-5)
    for ours, clear in both(x, None, None, dy, np.float32, eps=0.01):
        np.testing.assert_allclose(ours, clear, rtol=1e-5, atol=2e-5)


def test_eq_1_2_moments(draw):
    x = draw[0]
    m, delta, var = moments_in_blocks(x)
    mean, expected = moments(x)
    np.testing.assert_allclose(m + delta, mean, rtol=1e-14)
    np.testing.assert_allclose(var, expected, rtol=1e-13)
    assert (moments_in_blocks(np.full((9, 2, 3), 0.1)).var >= 0).all()


def test_moments_may_be_given(draw):
    x, w, b, _ = draw
    found = moments_in_blocks(x)
    np.testing.assert_array_equal(batch_norm_in_blocks(x, w, b, moments=found), batch_norm_in_blocks(x, w, b))


def test_gradients_of_any_order(draw):
    x, w, b, _ = draw
    gradcheck(lambda x, w, b: batch_norm_in_blocks(x, w, b), x, w, b, order=2)
    gradcheck(lambda x: batch_norm_in_blocks(x), x, order=2)
    gradcheck(lambda w: batch_norm_in_blocks(x, w), w, order=2)


def test_second_order_in_single_precision(draw):
    """The backward pass runs the function again, and finds the same value."""
    x, w, b, dy = [a.astype(np.float32) for a in draw]
    t = Tensor(x, requires_grad=True)
    batch_norm_in_blocks(t, w, b).backward(dy, create_graph=True)
    assert t.grad.dtype == np.float32


def test_a_gradient_may_be_asked_for_twice_and_nothing_is_written_into(draw):
    x, w, b, dy = draw
    for a in draw:
        a.setflags(write=False)
    _, gradients = batch_norm_in_blocks.run(x, w, b)
    for once, again in zip(gradients(dy), gradients(dy), strict=True):
        np.testing.assert_array_equal(once, again)
