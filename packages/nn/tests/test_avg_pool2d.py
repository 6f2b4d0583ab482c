"""The definition as nested loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.avg_pool2d import AvgPool2d, avg_pool2d, counts, window_means, window_shares
from pellucid_nn.pooling_windows import windows


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


@settings(max_examples=60, deadline=None)
@given(pairs(1, 4), pairs(1, 4), pairs(0, 2), pairs(1, 5), st.booleans(), st.booleans(), st.sampled_from([None, 3, -2]))
def test_eq_1_2_3_4_5_means_and_their_gradients(k, s, p, extra, ceil_mode, count_include_pad, divisor_override):
    p = tuple(min(a, b // 2) for a, b in zip(p, k))
    H, W = (a + b for a, b in zip(extra, k))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(H, W))
    options = {"kernel_size": k, "stride": s, "padding": p, "ceil_mode": ceil_mode}
    options |= {"count_include_pad": count_include_pad, "divisor_override": divisor_override}
    t = Tensor(x, requires_grad=True)
    y = avg_pool2d(t[None], **options)[0]
    dy = rng.normal(size=y.shape)
    y.backward(dy)
    dx = np.zeros_like(x)
    for a, b in np.ndindex(y.shape):
        places = [(s[0] * a + i - p[0], s[1] * b + j - p[1]) for i, j in np.ndindex(*k)]
        seen = [(u, v) for u, v in places if 0 <= u < H and 0 <= v < W]
        padded = [(u, v) for u, v in places if u < H + p[0] and v < W + p[1]]
        n = divisor_override or len(padded if count_include_pad else seen)
        np.testing.assert_allclose(y.data[a, b], sum(x[place] for place in seen) / n, rtol=1e-10, atol=1e-13)
        for place in seen:
            dx[place] += dy[a, b] / n
    np.testing.assert_allclose(t.grad.data, dx, rtol=1e-10, atol=1e-13)


def test_eq_1_2_5_each_is_the_gradient_of_the_other():
    at = windows((5, 4), (3, 2), (2, 1), (1, 1))
    rng = np.random.default_rng(0)
    n = rng.uniform(1, 2, at.out)
    x, y = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, *at.out))
    np.testing.assert_allclose(np.sum(window_means(x, n, at=at) * y), np.sum(x * window_shares(y, n, at=at)))
    gradcheck(lambda x: window_means(x, n, at=at) ** 2, x, order=2)
    gradcheck(lambda y: window_shares(y, n, at=at) ** 2, y, order=2)


def test_eq_3_4_counts():
    at = windows((5, 1), (3, 1), (2, 1), (1, 0), ceil_mode=True)
    assert counts(at, False)[:, 0].tolist() == [2, 3, 2] and counts(at, True)[:, 0].tolist() == [3, 3, 3]
    at = windows((6, 1), (3, 1), (2, 1), (1, 0), ceil_mode=True)
    assert counts(at, False)[:, 0].tolist() == [2, 3, 3, 1] and counts(at, True)[:, 0].tolist() == [3, 3, 3, 2]


@pytest.mark.parametrize("shape", [(2, 3, 5, 6), (3, 5, 6)])
def test_eq_1_2_5_to_second_order(shape):
    x = np.random.default_rng(0).normal(size=shape)
    layer = AvgPool2d(3, 2, 1, True, False)
    gradcheck(lambda x: layer(x) ** 2, x, order=2)
    assert layer(x).shape == (*shape[:-2], 3, 4)
    np.testing.assert_allclose(AvgPool2d((5, 6))(x)[..., 0, 0], x.mean(axis=(-2, -1)), rtol=1e-12)
    constant = AvgPool2d(3, 1, 1, count_include_pad=False)(np.full(shape, 7.0))
    np.testing.assert_allclose(constant, 7, rtol=1e-14)


def test_precision_nan_and_empty_batches():
    t = Tensor(np.ones((1, 1, 4, 4), np.float32), requires_grad=True)
    y = AvgPool2d(2)(t)
    y.backward(np.ones((1, 1, 2, 2)))
    assert y.dtype == t.grad.dtype == np.float32 and (t.grad.data == 0.25).all()
    y = AvgPool2d(2, divisor_override=3)(np.ones((1, 4, 4), np.float32))
    assert y.dtype == np.float32
    x = np.zeros((1, 4, 4))
    x[0, 0, 0] = np.nan
    assert np.isnan(AvgPool2d(2)(x)).tolist() == [[[True, False], [False, False]]]
    t = Tensor(np.zeros((0, 2, 4, 4)), requires_grad=True)
    y = AvgPool2d(2)(t)
    y.backward(np.zeros((0, 2, 2, 2)))
    assert y.shape == (0, 2, 2, 2) and t.grad.shape == (0, 2, 4, 4)


def test_other_layouts():
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 5))
    expected = AvgPool2d(3, 2, 1)(x)
    frozen = x.copy()
    frozen.setflags(write=False)
    for same in (frozen, np.asfortranarray(x), np.repeat(x, 2, axis=3)[..., ::2], x.tolist()):
        np.testing.assert_allclose(AvgPool2d(3, 2, 1)(same), expected, rtol=1e-14)


def test_arguments():
    layer = AvgPool2d((2, 3), stride=1)
    assert repr(layer) == "AvgPool2d(kernel_size=(2, 3), stride=1, padding=0)" and not layer.state_dict()
    x = np.ones((1, 4, 4))
    assert layer.multiply_adds(layer(x), x) == 6 * 6
    for arguments, message in (
        ((0,), "kernel_size must be"),
        ((0, 1), "kernel_size must be"),
        ((True,), "kernel_size must be"),
        ((1.5,), "kernel_size must be"),
        ((2, 0), "stride must be"),
        ((2, 1, -1), "padding must be"),
        ((3, 1, 2), "at most half"),
        ((2, 1, 0, False, True, 0), "must not be 0"),
    ):
        with pytest.raises(ValueError, match=message):
            AvgPool2d(*arguments)
    with pytest.raises(ValueError, match=r"x has shape \(4, 4\)"):
        AvgPool2d(2)(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="no window fits: the input is 1 x 4"):
        AvgPool2d(2)(np.zeros((1, 1, 4)))
    with pytest.raises(TypeError, match="it is int64"):
        AvgPool2d(2)(np.zeros((1, 4, 4), np.int64))
    assert AvgPool2d((2,))(x).shape == (1, 2, 2)


def test_the_function_checks_as_the_layer_does():
    x = np.ones((1, 2, 2))
    with pytest.raises(ValueError, match=r"at most half of the kernel.* padding is \(2, 2\), the kernel \(1, 1\)"):
        avg_pool2d(x, kernel_size=1, padding=2, count_include_pad=False)
    with pytest.raises(ValueError, match="kernel_size must be a whole number"):
        avg_pool2d(x, kernel_size=0)
    with pytest.raises(ValueError, match="must not be 0"):
        avg_pool2d(x, kernel_size=1, divisor_override=0)
    with pytest.raises(ValueError, match=r"x has shape \(2, 2\)"):
        avg_pool2d(x[0], kernel_size=1)
    with pytest.raises(TypeError, match="x must be floating point; it is int64"):
        avg_pool2d(x.astype(np.int64), kernel_size=1)
