"""The definition is seven nested loops that paint; gradients are checked by finite differences, to second order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.conv2d import conv2d
from pellucid_nn.conv_transpose2d import ConvTranspose2d, conv_transpose2d, enlarging


def paint(x, W, stride, sides, extra, dilation, groups):
    """On a canvas that is large enough; then cut to size."""
    (N, C, Ho, Wo), (_, F_G, kh, kw) = x.shape, W.shape
    top, bottom, left, right = sides
    H, Wi = stride[0] * (Ho - 1) + dilation[0] * (kh - 1) + 1, stride[1] * (Wo - 1) + dilation[1] * (kw - 1) + 1
    canvas = np.zeros((N, F_G * groups, H + extra[0], Wi + extra[1]))
    for n, c, f, t, u, i, j in np.ndindex(N, C, F_G, Ho, Wo, kh, kw):
        place = stride[0] * t + dilation[0] * i, stride[1] * u + dilation[1] * j
        canvas[n, c // (C // groups) * F_G + f, *place] += x[n, c, t, u] * W[c, f, i, j]
    return canvas[:, :, top : H + extra[0] - bottom, left : Wi + extra[1] - right]


# kernel, stride, padding, sides, output_padding, dilation, groups, C, F
CASES = [
    ((3, 2), (2, 1), (1, 0, 2, 1), (1, 0, 2, 1), (1, 0), (1, 2), 2, 4, 6),
    ((2, 2), (1, 1), 0, (0, 0, 0, 0), 0, (1, 1), 1, 2, 3),
    ((3, 3), (2, 3), 1, (1, 1, 1, 1), (1, 2), (2, 1), 1, 1, 2),
    ((3, 2), (1, 1), "same", (1, 1, 0, 1), 0, (1, 1), 3, 3, 3),
    ((1, 1), (3, 3), (0, 1), (0, 0, 1, 1), (2, 2), (1, 1), 1, 2, 2),
    ((2, 1), (1, 2), (0, 1), (0, 0, 1, 1), (2, 1), (3, 1), 1, 1, 1),  # output_padding smaller than the dilation only
]


@pytest.fixture(params=CASES, ids=str)
def case(request):
    kernel, stride, padding, sides, extra, dilation, groups, C, F = request.param
    rng = np.random.default_rng(0)
    x, W, b = rng.normal(size=(2, C, 3, 4)), rng.normal(size=(C, F // groups, *kernel)), rng.normal(size=F)
    options = {"stride": stride, "padding": padding, "output_padding": extra, "dilation": dilation, "groups": groups}
    return x, W, b, options, paint(x, W, stride, sides, np.broadcast_to(extra, 2), dilation, groups)


def test_eq_1_2_3_the_definition(case):
    x, W, b, options, expected = case
    np.testing.assert_allclose(conv_transpose2d(x, W, **options), expected, atol=1e-13)
    np.testing.assert_allclose(conv_transpose2d(x, W, b, **options), expected + b[:, None, None], atol=1e-13)
    np.testing.assert_allclose(conv_transpose2d(x[0], W, b, **options), expected[0] + b[:, None, None], atol=1e-13)


def test_eq_4_5_6_gradients_of_first_and_second_order(case):
    x, W, b, options, expected = case
    gradcheck(lambda x, W, b: conv_transpose2d(x, W, b, **options), x, W, b)
    gradcheck(lambda x, W, b: conv_transpose2d(x, W, b, **options) ** 2, x[:1], W, b, order=2)
    gradcheck(lambda x, W: conv_transpose2d(x, W, **options), x[0], W, order=2)
    dy = np.random.default_rng(2).normal(size=expected.shape)
    _, (dx, dW, db) = conv_transpose2d.run(x, W, b, **options)
    T = (dy * expected).sum()  # linear in x and in W, so each times its gradient is the whole
    np.testing.assert_allclose([(x * dx(dy)).sum(), (W * dW(dy)).sum()], T, atol=1e-12)
    np.testing.assert_allclose(db(dy), [dy[:, f].sum() for f in range(len(b))], atol=1e-13)


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(*[st.integers(0, 2)] * 4),
    dilation=st.integers(1, 2),
)
def test_eq_1_3_it_leads_back_to_the_input_of_a_convolution(size, kernel, stride, padding, dilation):
    """⟨conv2d(a), x⟩ = ⟨a, conv_transpose2d(x)⟩, once `output_padding` has chosen the size of a."""
    room = [n + sum(p) - dilation * (k - 1) - 1 for n, p, k in zip(size, (padding[:2], padding[2:]), kernel)]
    if min(room) < 0:
        return
    rng = np.random.default_rng(0)
    a, W = rng.normal(size=(1, 2, *size)), rng.normal(size=(3, 2, *kernel))
    y = conv2d(a, W, stride=stride, padding=padding, dilation=dilation)
    x = rng.normal(size=y.shape)
    extra = [r % s for r, s in zip(room, stride)]
    back = conv_transpose2d(x, W, stride=stride, padding=padding, output_padding=extra, dilation=dilation)
    assert back.shape == a.shape
    np.testing.assert_allclose((y * x).sum(), (a * back).sum(), atol=1e-11)


def test_the_layer_is_the_function_of_its_parameters():
    x = np.random.default_rng(1).normal(size=(2, 4, 3, 5))
    layer = ConvTranspose2d(4, 6, (3, 2), 2, 1, 1, groups=2, bias=True, dilation=(2, 1), rng=0)
    options = {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2, "dilation": (2, 1)}
    np.testing.assert_array_equal(layer(x).data, conv_transpose2d(x, layer.weight.data, layer.bias.data, **options))
    np.testing.assert_allclose(layer(x[0].tolist()).data, layer(x).data[0], atol=1e-14)
    assert repr(layer) == (
        "ConvTranspose2d(4, 6, kernel_size=(3, 2), stride=(2, 2), padding=(1, 1), dilation=(2, 1), "
        "output_padding=(1, 1), groups=2)"
    )
    assert {name: a.shape for name, a in layer.state_dict().items()} == {"weight": (4, 3, 3, 2), "bias": (6,)}
    assert layer.multiply_adds(layer(x), x) == x.size * 3 * 3 * 2
    bound = 1 / (3 * 3 * 2) ** 0.5
    assert 0.9 * bound < np.abs(layer.weight.data).max() <= bound
    lazy = ConvTranspose2d(None, 6, (3, 2), 2, 1, 1, groups=2, dilation=(2, 1), rng=0)
    np.testing.assert_array_equal(lazy(x).data, layer(x).data)
    other = ConvTranspose2d(4, 6, (3, 2), 2, 1, 1, groups=2, dilation=(2, 1))
    other.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(other(x).data, layer(x).data)


def test_eq_7_initial_values_fill_the_interval_evenly():
    layer = ConvTranspose2d(4000, 8, (1, 4), groups=2, rng=0)  # each input paints 1 * 4 * 4 entries
    shares, _ = np.histogram(layer.weight.data, bins=5, range=(-0.25, 0.25))
    np.testing.assert_allclose(shares / layer.weight.size, 0.2, atol=0.02)
    bias = ConvTranspose2d(250, 4000, (1, 1), groups=250, rng=0).bias.data
    assert bias.min() >= -0.25 and bias.max() < 0.25
    np.testing.assert_allclose(np.histogram(bias, bins=5, range=(-0.25, 0.25))[0] / 4000, 0.2, atol=0.03)


@pytest.mark.parametrize("stride, dilation, extra", [(2, 1, (0, 1)), ((3, 1), (2, 4), (2, 3)), (1, 1, (0, 0))])
def test_eq_3_the_layer_finds_its_output_padding_from_a_size(stride, dilation, extra):
    settings = {"stride": stride, "padding": (1, 0, 2, 1), "dilation": dilation}
    layer = ConvTranspose2d(2, 3, (3, 2), **settings, output_padding=0, rng=0)
    x = np.random.default_rng(0).normal(size=(2, 2, 4, 5))
    y = conv_transpose2d(x, layer.weight.data, layer.bias.data, **settings, output_padding=extra)
    for size in (y.shape[-2:], y.shape, list(y.shape[-2:])):
        np.testing.assert_array_equal(layer(x, size).data, y)
    np.testing.assert_array_equal(layer(x[0], output_size=y.shape[1:]).data, y[0])
    lazy = ConvTranspose2d(None, 3, (3, 2), **settings, rng=0)
    np.testing.assert_array_equal(lazy(x, output_size=y.shape[-2:]).data, y)
    least, most = layer(x).shape[-2:], [max(np.broadcast_to(a, 2)[i] for a in (stride, dilation)) for i in (0, 1)]
    for axis, out in ((0, -1), (0, most[0]), (1, -1), (1, most[1])):
        size = list(least)
        size[axis] += out
        with pytest.raises(ValueError, match=rf"output_size must be between \({least[0]}, {least[1]}\) and .* got "):
            layer(x, size)
    with pytest.raises(ValueError, match="output_size must be a whole number of 1 or more"):
        layer(x, (1, 2, 3))
    with pytest.raises(ValueError, match="x must be .N, C, H, W. or"):
        layer(x[0, 0], least)


def test_float32_empty_batches_and_nan():
    layer = ConvTranspose2d(1, 2, 2, 2, rng=0, dtype=np.float32)
    x = np.asfortranarray(np.ones((2, 1, 2, 3), np.float32))
    x[0, 0, 1, 2] = np.nan
    x.flags.writeable = False
    seen = np.isnan(layer(x).data)
    assert seen[0, :, 2:, 4:].all() and seen.sum() == 2 * 4
    t = Tensor(x[1:], requires_grad=True)
    np.sum(layer(t)).backward()
    assert {a.dtype for a in (t.grad, layer.weight.grad, layer.bias.grad)} == {np.dtype(np.float32)}
    empty = Tensor(x[:0], requires_grad=True)
    layer.zero_grad()
    np.sum(layer(empty)).backward()
    assert layer(empty).shape == (0, 2, 4, 6) and empty.grad.shape == (0, 1, 2, 3)
    assert not layer.weight.grad.data.any() and not layer.bias.grad.data.any()


def test_bad_input_is_named():
    layer = ConvTranspose2d(4, 6, 3, rng=0)
    with pytest.raises(ValueError, match="x must have 4 channels, on axis -3"):
        layer(np.ones((3, 5, 5)))
    with pytest.raises(ValueError, match="x must be .N, C, H, W. or .C, H, W."):
        layer(np.ones((5, 5)))
    with pytest.raises(TypeError, match="x is float32 and the weights are float64"):
        layer(np.ones((4, 5, 5), np.float32))
    with pytest.raises(ValueError, match=r"one entry for each of the 6 outputs: its shape is \(4,\)"):
        conv_transpose2d(np.ones((4, 5, 5)), layer.weight.data, np.ones(4))
    with pytest.raises(ValueError, match="it would be 1 x -1, from 3 x 1, kernel .1, 1., padding"):
        enlarging((3, 1), 1, padding=1)
    with pytest.raises(ValueError, match="it would be -1 x 1"):
        enlarging((1, 3), 1, padding=1)
    for extra in ((2, 0), (0, 3)):
        with pytest.raises(ValueError, match=r"output_padding must be smaller than the stride or the dilation: it is"):
            enlarging((3, 3), 1, stride=(2, 1), dilation=(1, 3), output_padding=extra)
    assert enlarging((3, 3), 1, stride=(2, 1), dilation=(1, 3), output_padding=(1, 2)).size == (6, 5)
    for bad, words in (
        ({"padding_mode": "reflect"}, 'padding_mode="zeros" only, not .reflect.'),
        ({"groups": 3}, "groups must divide in_channels"),
        ({"groups": 4}, "groups must divide out_channels"),
        ({"output_padding": -1}, "output_padding must be a whole number of 0 or more"),
    ):
        with pytest.raises(ValueError, match=words):
            ConvTranspose2d(4, 6, 3, **bad)
