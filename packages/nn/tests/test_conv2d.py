"""The definition is seven nested loops; gradients are checked by finite differences, to second order."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.conv2d import Conv2d, LazyConv2d, conv2d, correlate, input_gradient, weight_gradient
from pellucid_nn.kernel_positions import positions


def seven_loops(x, W, top, left, stride, dilation, groups, Ho, Wo):
    (N, _, H, Wi), (F, C_G, kh, kw) = x.shape, W.shape
    y = np.zeros((N, F, Ho, Wo))
    for n, f, c, t, u, i, j in itertools.product(*map(range, (N, F, C_G, Ho, Wo, kh, kw))):
        h, w = stride[0] * t + dilation[0] * i - top, stride[1] * u + dilation[1] * j - left
        if 0 <= h < H and 0 <= w < Wi:
            y[n, f, t, u] += W[f, c, i, j] * x[n, f // (F // groups) * C_G + c, h, w]
    return y


def draw(at, C, F, N=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, C, *at.size))
    return x, rng.normal(size=(F, C // at.groups, *at.kernel)), rng.normal(size=(N, F, *at.out))


# all options at once, and edge cases of each: size, kernel, stride, padding, dilation, groups, C, F
CASES = [
    ((5, 6), (3, 2), (2, 1), (1, 2, 0, 1), (1, 2), 2, 4, 6),
    ((4, 5), (2, 3), (1, 1), (2, 0, 3, 1), (2, 1), 1, 2, 3),
    ((3, 3), (1, 1), (2, 2), 0, 1, 1, 2, 2),
    ((4, 4), (3, 3), 1, "same", 1, 3, 3, 3),
    ((6, 3), (2, 3), (4, 3), (1, 3, 5, 0), (3, 1), 1, 1, 2),
    ((2, 2), (2, 1), 1, (3, 2, 2, 4), (1, 3), 1, 1, 1),
]


@pytest.fixture(params=CASES, ids=str)
def case(request):
    size, kernel, stride, padding, dilation, groups, C, F = request.param
    at = positions(size, kernel, stride, padding, dilation, groups)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return at, options, draw(at, C, F)


def by_definition(x, W, at):
    return seven_loops(x, W, at.padding[0][0], at.padding[1][0], at.stride, at.dilation, at.groups, *at.out)


def test_eq_1_2_the_clear_form_and_the_function_are_the_definition(case):
    at, options, (x, W, _) = case
    expected = by_definition(x, W, at)
    np.testing.assert_allclose(correlate(x, W, at), expected, atol=1e-13)
    np.testing.assert_allclose(conv2d(x, W, **options), expected, atol=1e-13)
    b = np.arange(1.0, len(W) + 1)
    np.testing.assert_allclose(conv2d(x, W, b, **options), expected + b.reshape(-1, 1, 1), atol=1e-13)
    np.testing.assert_allclose(conv2d(x[0], W, b, **options), expected[0] + b.reshape(-1, 1, 1), atol=1e-13)


def test_eq_3_4_5_gradients_are_the_derivatives_of_the_definition(case):
    """T = ⟨dy, y⟩ is linear in every entry: a step of 1 gives the derivative exactly."""
    at, options, (x, W, dy) = case
    b = np.zeros(len(W))

    def T(x, W):
        return (dy * by_definition(x, W, at)).sum()

    _, (dx, dW, db) = conv2d.run(x, W, b, **options)
    zero, rng = T(x, W), np.random.default_rng(1)
    for array, found in (
        (x, [input_gradient(dy, W, at), dx(dy)]),
        (W, [weight_gradient(x, dy, at), dW(dy)]),
    ):
        assert {g.shape for g in found} == {array.shape}
        for index in rng.permutation(array.size)[:12]:
            moved = array.copy()
            moved.flat[index] += 1
            derivative = (T(moved, W) if array is x else T(x, moved)) - zero
            np.testing.assert_allclose([g.flat[index] for g in found], derivative, atol=1e-12)
    np.testing.assert_allclose(db(dy), [dy[:, f].sum() for f in range(len(W))], atol=1e-12)


def test_eq_1_3_4_each_sum_is_the_derivative_of_the_same_number(case):
    at, _, (x, W, dy) = case
    T = (dy * correlate(x, W, at)).sum()
    np.testing.assert_allclose((x * input_gradient(dy, W, at)).sum(), T, atol=1e-11)
    np.testing.assert_allclose((W * weight_gradient(x, dy, at)).sum(), T, atol=1e-11)


def test_eq_1_2_3_4_5_gradients_of_first_and_second_order(case):
    _, options, (x, W, _) = case
    b = np.arange(1.0, len(W) + 1)
    gradcheck(lambda x, W, b: conv2d(x, W, b, **options), x, W, b)
    gradcheck(lambda x, W, b: conv2d(x, W, b, **options) ** 2, x[:1], W, b, order=2)
    gradcheck(lambda x, W: conv2d(x, W, **options), x[0], W, order=2)


def test_gradients_of_third_order_come_from_the_same_three_sums():
    at = positions((3, 3), 2)
    x, W, _ = draw(at, 1, 2, N=1)
    gradcheck(lambda x, W: conv2d(x, W) ** 3, x, W, order=3)


def test_eq_6_initial_values_fill_the_interval_evenly():
    layer = Conv2d(8, 4000, (1, 4), groups=2, rng=0)  # each output sees 4 * 1 * 4 entries
    for values in (layer.weight.data, layer.bias.data):
        assert values.min() >= -0.25 and values.max() < 0.25
        shares, _ = np.histogram(values, bins=5, range=(-0.25, 0.25))
        np.testing.assert_allclose(shares / values.size, 0.2, atol=0.02)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_eq_1_any_padding_is_zeros_around_the_image(data):
    kernel, dilation = (data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(2))
    padding = data.draw(
        st.one_of(
            st.integers(0, 3),
            st.tuples(st.integers(0, 3), st.integers(0, 3)),
            st.tuples(*[st.integers(0, 3)] * 4),
            st.sampled_from(["same", "valid"]),
        )
    )
    if padding == "same":
        spans = [d * (k - 1) for k, d in zip(kernel, dilation)]
        sides = [spans[0] // 2, -(-spans[0] // 2), spans[1] // 2, -(-spans[1] // 2)]
    elif padding == "valid":
        sides = [0] * 4
    else:
        sides = {1: [padding] * 4, 2: np.repeat(padding, 2), 4: padding}[np.size(padding)]
    rng = np.random.default_rng(0)
    x, W = rng.normal(size=(1, 2, 7, 7)), rng.normal(size=(3, 2, *kernel))
    around = np.zeros((1, 2, 7 + sides[0] + sides[1], 7 + sides[2] + sides[3]))
    around[:, :, sides[0] : sides[0] + 7, sides[2] : sides[2] + 7] = x
    y = conv2d(x, W, padding=padding, dilation=dilation)
    np.testing.assert_allclose(y, conv2d(around, W, dilation=dilation), atol=1e-13)
    if padding == "same":
        assert y.shape == (1, 3, 7, 7)


# The layer


def layer_and_input(**settings):
    layer = Conv2d(4, 6, 3, padding=1, rng=0, **settings)
    return layer, np.random.default_rng(1).normal(size=(2, 4, 5, 5))


def test_the_layer_is_the_function_of_its_parameters():
    layer, x = layer_and_input(stride=2, groups=2)
    options = {"stride": 2, "padding": 1, "groups": 2}
    np.testing.assert_array_equal(layer(x).data, conv2d(x, layer.weight.data, layer.bias.data, **options))
    bare = Conv2d(4, 6, 3, bias=False, rng=0)
    np.testing.assert_array_equal(bare(x.tolist()).data, conv2d(x, bare.weight.data))
    assert [name for name, _ in bare.named_parameters()] == ["weight"]
    with no_grad():
        assert type(layer(x)) is np.ndarray
    assert (layer.train()(x).data == layer.eval()(x).data).all()


@pytest.mark.parametrize("mode, word", [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
def test_other_margins(mode, word):
    layer, x = layer_and_input(padding_mode=mode)
    around = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), word)
    np.testing.assert_allclose(layer(x).data, conv2d(around, layer.weight.data, layer.bias.data), atol=1e-13)
    same = Conv2d(4, 6, 3, padding="same", padding_mode=mode, rng=0)
    np.testing.assert_array_equal(same(x).data, layer(x).data)
    np.testing.assert_allclose(layer(x[0]).data, layer(x).data[0], atol=1e-13)
    gradcheck(lambda x: layer(x), x[:1])


def test_a_margin_is_taken_from_what_is_there():
    x = np.arange(6.0).reshape(1, 2, 3)
    for mode, fits, needs in (("reflect", (1, 2), 3), ("circular", (2, 3), 3), ("replicate", (9, 9), 1)):
        assert Conv2d(1, 1, 1, padding=fits, padding_mode=mode)(x).shape == (1, 2 + 2 * fits[0], 3 + 2 * fits[1])
        too_much = (fits[0] + 1, fits[1])
        small = x[:, :0] if mode == "replicate" else x
        with pytest.raises(
            ValueError, match=rf'"{mode}" takes a margin .* at least {needs} entries .* has shape \(1, '
        ):
            Conv2d(1, 1, 1, padding=too_much, padding_mode=mode)(small)


def test_the_first_layer_computes_no_gradient_for_its_input(monkeypatch):
    layer, x = layer_and_input()
    monkeypatch.setattr("pellucid_nn.conv2d_fast.input_gradient", None)
    np.sum(layer(x)).backward()
    np.sum(layer(Tensor(x))).backward()
    with pytest.raises(TypeError):
        np.sum(layer(Tensor(x, requires_grad=True))).backward()


def test_a_lazy_layer_waits_for_its_channels():
    lazy, x = LazyConv2d(6, 3, padding=1, rng=0), np.ones((2, 4, 5, 5))
    assert repr(lazy) == "Conv2d(None, 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))"
    with pytest.raises(ValueError, match=r"4 axes, or 3 without a batch: its shape is \(5, 5\)"):
        lazy(x[0, 0])
    y = lazy(x)
    layer, _ = layer_and_input()
    np.testing.assert_array_equal(y.data, layer(x).data)
    assert lazy.in_channels == 4 and repr(lazy) == repr(layer)
    np.testing.assert_array_equal(LazyConv2d(6, 3, padding=1, rng=0)(x[0]).data, y.data[0])


def test_state_goes_to_another_layer():
    layer, x = layer_and_input()
    other = Conv2d(4, 6, 3, padding=1)
    other.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(other(x).data, layer(x).data)
    assert {name: a.shape for name, a in layer.state_dict().items()} == {"weight": (6, 4, 3, 3), "bias": (6,)}


def test_float32_stays_float32_and_nothing_is_written_into():
    layer, x = layer_and_input(dtype=np.float32, stride=2)
    x = np.asfortranarray(x.astype(np.float32))
    x.flags.writeable = False
    input_ = Tensor(x, requires_grad=True)
    y = layer(input_)
    dy = np.ones(y.shape, np.float32)
    dy.flags.writeable = False
    y.backward(dy)
    assert {a.dtype for a in (y, input_.grad, layer.weight.grad, layer.bias.grad)} == {np.dtype(np.float32)}
    np.testing.assert_allclose(y.data, layer(np.ascontiguousarray(x)).data, rtol=1e-6)
    np.testing.assert_allclose(y.data, layer(np.repeat(x, 2, axis=3)[..., ::2]).data, rtol=1e-6)


@pytest.mark.parametrize("stride", [1, 2])
def test_an_empty_batch_has_gradients_of_zero(stride):
    layer, x = layer_and_input(stride=stride)
    input_ = Tensor(x[:0], requires_grad=True)
    y = layer(input_)
    assert y.shape == (0, 6, 5 // stride + stride - 1, 5 // stride + stride - 1)
    np.sum(y).backward()
    assert input_.grad.shape == (0, 4, 5, 5)
    assert not layer.weight.grad.data.any() and not layer.bias.grad.data.any()


def test_nan_reaches_the_outputs_that_see_it_and_no_others():
    layer, x = layer_and_input()
    x[0, 1, 0, 0] = np.nan
    seen = np.isnan(layer(x).data)
    assert seen[0, :, :2, :2].all() and seen.sum() == 6 * 4


def test_large_and_small_values_are_only_scaled():
    layer, x = layer_and_input(bias=False)
    for scale in (1e150, 1e-150):
        np.testing.assert_allclose(layer(scale * x).data, scale * layer(x).data, rtol=1e-12)


def test_bad_input_is_named():
    layer, x = layer_and_input()
    with pytest.raises(ValueError, match=r"x must have 4 channels, on axis -3, .* x has shape \(2, 3, 5, 5\)"):
        layer(x[:, :3])
    with pytest.raises(ValueError, match=r"x must be \(N, C, H, W\) or \(C, H, W\) .* x has shape \(5, 5\)"):
        layer(x[0, 0])
    with pytest.raises(TypeError, match="x is float32 and the weights are float64: convert x"):
        layer(x.astype(np.float32))
    with pytest.raises(TypeError, match="x is int64"):
        layer(np.ones((1, 4, 5, 5), dtype=np.int64))
    with pytest.raises(ValueError, match=r"must fit into the padded input: it reaches over 3 x 3 .* has 7 x 2"):
        layer(x[..., :0])
    W = layer.weight.data
    with pytest.raises(ValueError, match=r"one entry for each of the 6 outputs: its shape is \(5,\)"):
        conv2d(x, W, np.zeros(5))
    with pytest.raises(ValueError, match="groups is 4, they are 16 and 6"):
        conv2d(x, W, groups=4)
    for groups in (0, 1.0):
        with pytest.raises(ValueError, match=f"groups must be a whole number of 1 or more: {groups}"):
            conv2d(x, W, groups=groups)
    for weights in (W[0], W[0, 0, 0, 0]):
        with pytest.raises(ValueError, match=r"the weights must have 4 axes"):
            conv2d(x, weights)


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"groups": 3}, "groups must divide in_channels: groups is 3, in_channels 4"),
        ({"groups": 4}, "groups must divide out_channels: groups is 4, out_channels 6"),
        ({"groups": 0}, "groups must be a whole number of 1 or more: 0"),
        ({"groups": 2.0}, "groups must be a whole number of 1 or more: 2.0"),
        ({"in_channels": 0}, "in_channels must be a whole number of 1 or more: 0"),
        ({"in_channels": 2.5}, "in_channels must be a whole number of 1 or more: 2.5"),
        ({"in_channels": True}, "in_channels must be a whole number"),
        ({"out_channels": -1}, "out_channels must be a whole number of 1 or more: -1"),
        ({"out_channels": (6,)}, r"out_channels must be a whole number of 1 or more: \(6,\)"),
        ({"padding_mode": "mirror"}, "one of zeros, reflect, replicate, circular, not 'mirror'"),
        ({"padding": "full"}, 'padding must be "same", "valid" or numbers'),
        ({"padding": "same", "stride": 2}, r"stride is \(2, 2\); give the padding as numbers"),
        ({"padding": (1, 2, 3)}, "four .top, bottom, left, right."),
        ({"padding": -1}, "padding must be a whole number of 0 or more"),
        ({"stride": 0}, "stride must be a whole number of 1 or more"),
        ({"dilation": 1.5}, "dilation must be a whole number of 1 or more, or a pair"),
        ({"kernel_size": (3, 0)}, "kernel_size must be"),
    ],
)
def test_bad_settings_are_named(settings, words):
    with pytest.raises(ValueError, match=words):
        Conv2d(**{"in_channels": 4, "out_channels": 6, "kernel_size": 3, **settings})


def test_repr_and_cost():
    layer, x = layer_and_input(groups=2, bias=False, dilation=(1, 2), padding_mode="reflect")
    assert repr(layer) == (
        "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), dilation=(1, 2), groups=2, bias=False, "
        "padding_mode=reflect)"
    )
    assert layer.multiply_adds(layer(x), x) == 2 * 6 * 5 * 3 * (4 // 2 * 3 * 3)
    assert "padding=same" in repr(Conv2d(1, 1, 3, padding="same"))
    assert not np.array_equal(Conv2d(1, 1, 3).weight.data, Conv2d(1, 1, 3).weight.data)
