"""The definition as nested loops."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.max_pool2d import MaxPool2d, from_winners, max_pool2d, to_winners
from pellucid_nn.pooling_windows import windows


def by_definition(x, k, s, p, d, out):
    """Maxima of one image, and the place in it where each was found first."""
    y, places = np.empty(out), {}
    for a, b in np.ndindex(*out):
        best, place = -math.inf, None
        for i, j in np.ndindex(*k):
            u, v = s[0] * a + d[0] * i - p[0], s[1] * b + d[1] * j - p[1]
            if 0 <= u < x.shape[0] and 0 <= v < x.shape[1] and (place is None or x[u, v] > best):
                best, place = x[u, v], (u, v)
        y[a, b], places[a, b] = best, place
    return y, places


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


@settings(max_examples=60, deadline=None)
@given(pairs(1, 3), pairs(1, 3), pairs(0, 1), pairs(1, 2), pairs(1, 6), st.booleans(), st.integers(0, 99))
def test_eq_1_2_3_maxima_and_their_gradients(k, s, p, d, extra, ceil_mode, seed):
    p = tuple(min(a, b // 2) for a, b in zip(p, k))
    size = tuple(a + e * (b - 1) for a, b, e in zip(extra, k, d))
    rng = np.random.default_rng(seed)
    x = rng.integers(-4, 4, (2, *size)).astype(float)  # with ties
    options = {"kernel_size": k, "stride": s, "padding": p, "dilation": d, "ceil_mode": ceil_mode}
    y, back = max_pool2d.run(x, **options)
    dy = rng.normal(size=y.shape)
    dx, picked = np.zeros_like(x), np.zeros_like(y)
    for c in range(2):
        expected, places = by_definition(x[c], k, s, p, d, y.shape[1:])
        np.testing.assert_array_equal(y[c], expected)
        for (a, b), place in places.items():
            if place is not None:
                dx[(c, *place)] += dy[c, a, b]
                picked[c, a, b] = x[(c, *place)]
    np.testing.assert_allclose(back(dy), dx, rtol=1e-12, atol=1e-14)
    t, u = Tensor(x, requires_grad=True), Tensor(dy, requires_grad=True)
    max_pool2d(t, **options).backward(u, create_graph=True)
    t.grad.backward(x)  # ⟨dx, x⟩ by dy: what x has at the winners
    np.testing.assert_allclose(u.grad.data, picked, rtol=1e-12)


def test_eq_2_3_each_is_the_gradient_of_the_other():
    at = windows((5, 4), (3, 2), (2, 1), (1, 1))
    rng = np.random.default_rng(0)
    winner = rng.integers(-1, 6, (2, *at.out))
    winner[:, 0] = 3  # inside
    winner[:, :, 0], winner[:, :, -1], winner[:, -1] = 3, 2, 2
    x, y = rng.normal(size=(2, 5, 4)), rng.normal(size=(2, *at.out))
    np.testing.assert_allclose(np.sum(to_winners(y, winner, at=at) * x), np.sum(y * from_winners(x, winner, at=at)))
    gradcheck(lambda x: from_winners(x, winner, at=at) ** 2, x, order=2)
    gradcheck(lambda y: to_winners(y, winner, at=at) ** 2, y, order=2)


@pytest.mark.parametrize("shape", [(2, 3, 5, 6), (3, 5, 6)])
def test_eq_1_2_3_to_second_order(shape):
    x = np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape) / 7.0  # no ties
    gradcheck(lambda x: max_pool2d(x, kernel_size=3, stride=2, padding=1) ** 2, x, order=2)
    gradcheck(lambda x: max_pool2d(x, kernel_size=(2, 1), dilation=(2, 1), ceil_mode=True) ** 2, x, order=2)
    layer = MaxPool2d(2)
    np.testing.assert_array_equal(layer(x), max_pool2d(x, kernel_size=2))
    assert layer(x).shape == (*shape[:-2], 2, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_padding_never_wins(dtype):
    x = np.full((1, 1, 3, 3), -5, dtype)
    t = Tensor(x, requires_grad=True)
    y = MaxPool2d(3, stride=1, padding=1)(t)
    y.backward(np.ones((1, 1, 3, 3)))
    assert (y.data == -5).all() and y.dtype == t.grad.dtype == dtype
    assert t.grad.data[0, 0].tolist() == [[4, 2, 0], [2, 1, 0], [0, 0, 0]]  # the first of each window


def test_impossible_entries_and_nan():
    t = Tensor(np.full((1, 1, 1, 4), -np.inf), requires_grad=True)
    y = MaxPool2d((1, 2), 1, (0, 1))(t)
    y.backward(np.ones(y.shape))
    assert (y.data == -np.inf).all() and t.grad.tolist() == [[[[2, 1, 1, 1]]]]
    t = Tensor([[[3.0, np.nan, 1.0, 2.0, 5.0]]], requires_grad=True)
    y = MaxPool2d((1, 3), 1)(t)
    y.backward(np.array([[[1.0, 2.0, 4.0]]]))
    np.testing.assert_array_equal(y.data, [[[np.nan, np.nan, 5]]])
    assert t.grad.tolist() == [[[0, 3, 0, 0, 4]]]
    t = Tensor(np.ones((1, 1, 1)), requires_grad=True)
    y = MaxPool2d((1, 2), padding=(0, 1), dilation=(1, 2))(t)  # its only window lies around the image
    y.backward(np.ones((1, 1, 1)))
    assert y.item() == -np.inf and t.grad.item() == 0
    large = MaxPool2d(2)(np.full((1, 2, 2), 1e308))
    assert large.item() == 1e308


def test_empty_batches_and_other_layouts():
    t = Tensor(np.zeros((0, 2, 4, 4)), requires_grad=True)
    y = MaxPool2d(2)(t)
    y.backward(np.zeros((0, 2, 2, 2)))
    assert y.shape == (0, 2, 2, 2) and t.grad.shape == (0, 2, 4, 4)
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 5))
    expected = MaxPool2d(3, 2, 1)(x)
    frozen = x.copy()
    frozen.setflags(write=False)
    for same in (frozen, np.asfortranarray(x), np.repeat(x, 2, axis=3)[..., ::2], x.tolist()):
        np.testing.assert_array_equal(MaxPool2d(3, 2, 1)(same), expected)


def test_arguments():
    assert repr(MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)"
    assert not MaxPool2d(2).state_dict()
    for arguments, message in (
        ((0,), "kernel_size must be"),
        ((0, 1), "kernel_size must be"),
        ((True,), "kernel_size must be"),
        ((1.5,), "kernel_size must be"),
        ((2, 0), "stride must be"),
        ((2, 1, -1), "padding must be"),
        ((3, 1, 2), "at most half"),
        ((2, 1, 0, 0), "dilation must be"),
        ((2, 1, 0, 1, True), "return_indices is not supported"),
    ):
        with pytest.raises(ValueError, match=message):
            MaxPool2d(*arguments)
    with pytest.raises(ValueError, match=r"x has shape \(4, 4\)"):
        MaxPool2d(2)(np.zeros((4, 4)))
    with pytest.raises(ValueError, match="no window fits: the input is 1 x 4"):
        MaxPool2d(2)(np.zeros((1, 1, 4)))
    with pytest.raises(TypeError, match="x must be numbers; it is bool"):
        MaxPool2d(2)(np.zeros((1, 4, 4), bool))
    assert MaxPool2d((2,))(np.zeros((1, 4, 4))).shape == (1, 2, 2)


def test_the_function_checks_as_the_layer_does():
    x = np.ones((1, 2, 2))
    with pytest.raises(ValueError, match=r"at most half of the kernel.* padding is \(2, 2\), the kernel \(1, 1\)"):
        max_pool2d(x, kernel_size=1, padding=2)
    with pytest.raises(ValueError, match="dilation must be a whole number"):
        max_pool2d(x, kernel_size=1, dilation=0)
    with pytest.raises(ValueError, match=r"x has shape \(2, 2\)"):
        max_pool2d(x[0], kernel_size=1)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8])
def test_eq_1_maxima_of_whole_numbers(dtype):
    least = np.iinfo(dtype).min
    x = np.array([[[least, least, 5], [least, least, 7], [least, 2, 3]]], dtype)
    with np.errstate(all="raise"):
        y = MaxPool2d(2, 1, 1)(x)
        assert y.dtype == dtype and y.tolist() == MaxPool2d(2, 1, 1)(x.astype(float)).tolist()
        large = np.array([[[2**53, 2**53 + 1]]])
        assert MaxPool2d((1, 2))(large).tolist() == [[[2**53 + 1]]]
    around = MaxPool2d((1, 2), padding=(0, 1), dilation=(1, 2))(np.ones((1, 1, 1), dtype))
    assert around.tolist() == [[[least]]]


def test_eq_2_the_last_of_several_nan_wins():
    t = Tensor([[[np.nan, 1.0, np.nan, 9.0]]], requires_grad=True)
    MaxPool2d((1, 4))(t).backward(np.ones((1, 1, 1)))
    assert t.grad.tolist() == [[[0, 0, 1, 0]]]
