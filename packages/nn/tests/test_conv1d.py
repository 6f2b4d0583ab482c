"""The definition is five nested loops; gradients are checked by finite differences, to second order."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.conv1d import Conv1d, LazyConv1d, conv1d


def five_loops(x, W, left, right, stride, dilation, groups):
    (N, _, T), (F, C_G, k) = x.shape, W.shape
    stops = [t for t in range(-left, T + right, stride) if t + dilation * (k - 1) < T + right]
    y = np.zeros((N, F, len(stops)))
    for n, f, c, i in np.ndindex(N, F, C_G, k):
        for t, start in enumerate(stops):
            if 0 <= start + dilation * i < T:
                y[n, f, t] += W[f, c, i] * x[n, f // (F // groups) * C_G + c, start + dilation * i]
    return y


# kernel, stride, padding, dilation, groups, C, F, zeros at the left, at the right
CASES = [
    (3, 1, 0, 1, 1, 2, 3, 0, 0),
    (3, 2, (4, 1), 2, 2, 4, 2, 4, 1),
    (2, 3, 2, 3, 1, 1, 2, 2, 2),
    (3, 1, "causal", 3, 1, 2, 2, 6, 0),
    (2, 2, "causal", 2, 1, 2, 1, 2, 0),
    (4, 1, "same", 1, 3, 3, 3, 1, 2),
    (4, 1, "same", 3, 1, 1, 1, 4, 5),
    (1, 1, "valid", 1, 1, 2, 2, 0, 0),
]


@pytest.fixture(params=CASES, ids=str)
def case(request):
    k, stride, padding, dilation, groups, C, F, left, right = request.param
    rng = np.random.default_rng(0)
    x, W, b = rng.normal(size=(2, C, 9)), rng.normal(size=(F, C // groups, k)), rng.normal(size=F)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, W, b, options, five_loops(x, W, left, right, stride, dilation, groups)


def test_eq_1_2_the_definition(case):
    x, W, b, options, expected = case
    np.testing.assert_allclose(conv1d(x, W, **options), expected, atol=1e-13)
    np.testing.assert_allclose(conv1d(x, W, b, **options), expected + b[:, None], atol=1e-13)
    np.testing.assert_allclose(conv1d(x[0], W, b, **options), expected[0] + b[:, None], atol=1e-13)


def test_eq_2_a_causal_output_sees_nothing_later():
    rng = np.random.default_rng(1)
    x, W = rng.normal(size=(1, 2, 12)), rng.normal(size=(1, 2, 3))
    y = conv1d(x, W, padding="causal", dilation=2)
    assert y.shape[-1] == 12
    for t in range(12):
        later = x.copy()
        later[..., t] += 1
        assert np.flatnonzero(conv1d(later, W, padding="causal", dilation=2) - y).tolist() == [
            s for s in (t, t + 2, t + 4) if s < 12
        ]


def test_eq_3_4_5_gradients_of_first_and_second_order(case):
    x, W, b, options, expected = case
    gradcheck(lambda x, W, b: conv1d(x, W, b, **options), x, W, b)
    gradcheck(lambda x, W, b: conv1d(x, W, b, **options) ** 2, x[:1], W, b, order=2)
    gradcheck(lambda x, W: conv1d(x, W, **options), x[0], W, order=2)
    dy = np.random.default_rng(2).normal(size=expected.shape)
    _, (dx, dW, db) = conv1d.run(x, W, b, **options)
    T = (dy * expected).sum()  # linear in x and in W, so each times its gradient is the whole
    np.testing.assert_allclose([(x * dx(dy)).sum(), (W * dW(dy)).sum()], T, atol=1e-12)
    np.testing.assert_allclose(db(dy), [dy[:, f].sum() for f in range(len(W))], atol=1e-13)


def test_the_layer_is_the_function_of_its_parameters():
    x = np.random.default_rng(1).normal(size=(2, 4, 9))
    layer = Conv1d(4, 6, 3, stride=2, padding="causal", dilation=2, groups=2, rng=0)
    options = {"stride": 2, "padding": "causal", "dilation": 2, "groups": 2}
    np.testing.assert_array_equal(layer(x).data, conv1d(x, layer.weight.data, layer.bias.data, **options))
    np.testing.assert_allclose(layer(x[0].tolist()).data, layer(x).data[0], atol=1e-14)
    bound = 1 / (2 * 3) ** 0.5
    assert 0.8 * bound < np.abs(layer.weight.data).max() <= bound
    assert repr(layer) == ("Conv1d(4, 6, kernel_size=(3,), stride=(2,), padding=causal, dilation=(2,), groups=2)")
    assert layer.multiply_adds(layer(x), x) == 2 * 6 * 5 * (2 * 3)
    other = Conv1d(4, 6, 3, stride=2, padding="causal", dilation=2, groups=2)
    other.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(other(x).data, layer(x).data)
    lazy = LazyConv1d(6, 3, stride=2, padding="causal", dilation=2, groups=2, rng=0)
    np.testing.assert_array_equal(lazy(x).data, layer(x).data)
    assert repr(lazy) == repr(layer) and lazy.in_channels == 4


@pytest.mark.parametrize("mode, word", [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
@pytest.mark.parametrize("padding, ends", [(2, (2, 2)), ((1, 3), (1, 3)), ("causal", (2, 0)), ("same", (1, 1))])
def test_other_margins(mode, word, padding, ends):
    x = np.random.default_rng(1).normal(size=(2, 2, 7))
    layer = Conv1d(2, 3, 3, padding=padding, padding_mode=mode, rng=0)
    around = np.pad(x, ((0, 0), (0, 0), ends), word)
    np.testing.assert_allclose(layer(x).data, conv1d(around, layer.weight.data, layer.bias.data), atol=1e-13)
    gradcheck(lambda x: layer(x), x[0])


@pytest.mark.parametrize("mode, least", [("reflect", 4), ("replicate", 1), ("circular", 3)])
def test_a_margin_is_taken_from_what_is_there(mode, least):
    layer = Conv1d(1, 1, 1, padding=(1, 3), padding_mode=mode)
    assert layer(np.ones((1, least))).shape == (1, least + 4)
    with pytest.raises(ValueError, match=rf"a margin of 3 .* at least {least} entries .* x has shape \(1, {least - 1}"):
        layer(np.ones((1, least - 1)))
    with pytest.raises(ValueError, match="at least 1 entries"):
        Conv1d(1, 1, 1, padding_mode=mode)(np.ones((1, 0)))
    assert layer(np.ones((0, 1, least))).shape == (0, 1, least + 4)


def test_float32_empty_batches_and_nan():
    layer = Conv1d(2, 3, 3, padding="causal", rng=0, dtype=np.float32)
    x = np.asfortranarray(np.ones((2, 2, 6), np.float32))
    x[0, 1, 2] = np.nan
    x.flags.writeable = False
    assert np.isnan(layer(x).data).any(axis=1).tolist() == [[False, False, True, True, True, False], [False] * 6]
    t = Tensor(x[1:], requires_grad=True)
    np.sum(layer(t)).backward()
    assert {a.dtype for a in (t.grad, layer.weight.grad, layer.bias.grad)} == {np.dtype(np.float32)}
    empty = Tensor(x[:0], requires_grad=True)
    layer.zero_grad()
    np.sum(layer(empty)).backward()
    assert layer(empty).shape == (0, 3, 6) and empty.grad.shape == (0, 2, 6)
    assert not layer.weight.grad.data.any() and not layer.bias.grad.data.any()


def test_bad_input_is_named():
    layer = Conv1d(2, 3, 3, rng=0)
    with pytest.raises(ValueError, match=r"x must be \(N, C, T\) or \(C, T\) .* x has shape \(5,\)"):
        layer(np.ones(5))
    with pytest.raises(ValueError, match="x must have 2 channels, on axis -2"):
        layer(np.ones((4, 3, 5)))
    with pytest.raises(
        ValueError, match=r"it reaches over 5 entries \(kernel 3, dilation 2\), the sequence with its padding has 4"
    ):
        Conv1d(2, 3, 3, padding=1, dilation=2)(np.ones((2, 2)))
    with pytest.raises(TypeError, match="x is float32 and the weights are float64"):
        layer(np.ones((2, 5), np.float32))
    with pytest.raises(ValueError, match="3 axes, or 2 without a batch"):
        LazyConv1d(3, 3)(np.ones(5))
    for settings, words in (
        ({"padding": "full"}, '"same", "valid", "causal" or numbers, not .full.'),
        ({"padding": "same", "stride": 2}, "stride is 2; give the padding as a number"),
        ({"padding": (1, 2, 3)}, r"padding must be a whole number of 0 or more, or a pair of them \(left, right\): "),
        ({"padding": (1, -2)}, "whole number of 0 or more"),
        ({"kernel_size": (3, 3)}, "kernel_size must be a whole number of 1 or more: "),
        ({"dilation": 0}, "dilation must be"),
    ):
        with pytest.raises(ValueError, match=words):
            Conv1d(2, 3, **{"kernel_size": 3, **settings})
