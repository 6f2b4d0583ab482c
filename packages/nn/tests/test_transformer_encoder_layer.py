"""The oracle is the definition, with the parts (which have tests of their own) applied one after the other."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn import activations
from pellucid_nn.multi_head_attention import MultiheadAttention
from pellucid_nn.transformer_encoder_layer import TransformerEncoderLayer, activation_named, with_residual

N, T, E, H, F = 2, 3, 4, 2, 5


def build(seed=0, dropout=0.0, **options):
    """A layer whose biases and norms are not those of the start, which would hide what they do."""
    layer = TransformerEncoderLayer(E, H, F, dropout, batch_first=True, rng=seed, **options)
    rng = np.random.default_rng(1)
    for parameter in layer.parameters():
        parameter.data[...] = 0.5 * rng.normal(size=parameter.shape)
    return layer


def draw(seed=0):
    return np.random.default_rng(seed).normal(size=(N, T, E))


def normalized(x, norm):
    """Every row by itself."""
    rows = [(row - row.mean()) / np.sqrt(row.var() + norm.eps) for row in x.reshape(-1, E)]
    bias = 0 if norm.bias is None else norm.bias.data
    return np.reshape(rows, x.shape) * norm.weight.data + bias


def feed_forward(x, layer, phi):
    W1, W2 = layer.linear1.weight.data, layer.linear2.weight.data
    b1, b2 = (0 if linear.bias is None else linear.bias.data for linear in (layer.linear1, layer.linear2))
    return np.array([[W2 @ phi(W1 @ row + b1) + b2 for row in rows] for rows in x])


@pytest.mark.parametrize("bias", [True, False])
def test_eq_1_2_4_norms_after_the_sums(bias):
    layer, x = build(bias=bias, layer_norm_eps=0.1), draw()
    with no_grad():
        a = normalized(x + layer.self_attn(x, x, x)[0], layer.norm1)
        expected = normalized(a + feed_forward(a, layer, lambda z: np.maximum(z, 0)), layer.norm2)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_eq_1_3_4_norms_before_the_parts(bias):
    layer, x = build(norm_first=True, bias=bias, activation=np.tanh), draw()
    with no_grad():
        before = normalized(x, layer.norm1)
        a = x + layer.self_attn(before, before, before)[0]
        expected = a + feed_forward(normalized(a, layer.norm2), layer, np.tanh)
        np.testing.assert_allclose(layer(x), expected, rtol=1e-12)


def test_eq_2_3_the_residual_of_a_part():
    double, thrice = lambda x: 2 * x, lambda x: 3 * x + 1
    assert with_residual(5.0, double, thrice, False) == 3 * (5 + 10) + 1
    assert with_residual(5.0, double, thrice, True) == 5 + 2 * (3 * 5 + 1)


@pytest.mark.parametrize("norm_first", [False, True])
def test_eq_1_2_3_4_gradients_are_those_of_finite_differences(norm_first):
    layer = build(norm_first=norm_first, activation=np.tanh)
    owners = [(name.rpartition("."), p) for name, p in layer.named_parameters()]
    modules = dict(layer.named_modules())

    def run(x, parameters):
        for ((path, _, last), _), value in zip(owners, parameters):
            vars(modules[path])[last] = value
        return layer(x, src_key_padding_mask=np.array([[False, True, False], [False] * 3]), is_causal=True)

    gradcheck(run, draw(2), [p.data.copy() for _, p in owners], order=2, directions=1)


def test_eq_4_masks_reach_the_attention():
    layer, x = build(), draw(3)
    ahead = ~np.tri(T, dtype=bool)
    np.testing.assert_allclose(layer(x, ahead).data, layer(x, is_causal=True).data, rtol=1e-12)
    later = x.copy()
    later[:, 2] += 3
    np.testing.assert_array_equal(layer(later, is_causal=True).data[:, :2], layer(x, is_causal=True).data[:, :2])
    assert (layer(later).data[:, :2] != layer(x).data[:, :2]).any()
    padding = np.array([[False, False, True]] * N)
    np.testing.assert_allclose(layer(later, None, padding).data[:, :2], layer(x[:, :2]).data, rtol=1e-12)


def test_layouts_say_the_same():
    layer, x = build(), draw(4)
    y = layer(x).data
    np.testing.assert_allclose(layer(x[0]).data, y[0], rtol=1e-12)
    layer.self_attn.batch_first = False
    np.testing.assert_allclose(layer(x.swapaxes(0, 1)).data.swapaxes(0, 1), y, rtol=1e-12)
    assert not TransformerEncoderLayer(E, H, F).self_attn.batch_first


def test_eq_1_2_dropout_is_at_four_places_and_rests_in_eval_mode():
    x = draw(5)
    noisy, plain = build(dropout=0.5), build()
    assert (noisy(x).data != noisy(x).data).any()
    np.testing.assert_array_equal(build(dropout=0.5)(x).data, build(dropout=0.5)(x).data)
    for place in ("dropout", "dropout1", "dropout2"):
        for other in ("dropout", "dropout1", "dropout2"):
            getattr(noisy, other).train(other == place)
        noisy.self_attn.train(False)
        assert (noisy(x).data != plain(x).data).any()
    np.testing.assert_array_equal(noisy.eval()(x).data, plain(x).data)
    noisy.self_attn.train()
    assert (noisy(x).data != plain(x).data).any()
    gone = build(dropout=1.0)
    with no_grad():
        np.testing.assert_allclose(gone(x), normalized(normalized(x, gone.norm1), gone.norm2), rtol=1e-12)


def test_activations_by_name():
    assert isinstance(activation_named("relu"), activations.ReLU)
    assert isinstance(activation_named("gelu"), activations.GELU)
    assert activation_named(np.tanh) is np.tanh
    with pytest.raises(ValueError, match='must be "relu", "gelu" or a function of one array; got \'silu\''):
        build(activation="silu")


def test_attention_takes_the_fast_way_without_weights():
    layer, weights = build(), []
    layer.self_attn.register_forward_hook(lambda module, args, result: weights.append(result[1]))
    layer(draw())
    assert weights == [None]


def test_state_has_pytorchs_names_and_goes_round():
    attention = [f"self_attn.{name}" for name in ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")]
    rest = [f"{part}.{name}" for part in ("linear1", "linear2", "norm1", "norm2") for name in ("weight", "bias")]
    assert list(build().state_dict()) == attention + rest
    one, other = build(), TransformerEncoderLayer(E, H, F, 0.0, batch_first=True, rng=9)
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one(draw()).data, other(draw()).data)
    assert "norm_first=True" in repr(build(norm_first=True))
    assert TransformerEncoderLayer(E, H, F, rng=0).linear1.out_features == F


def test_float32_stays_float32_and_sizes_of_nothing_pass():
    layer = TransformerEncoderLayer(E, H, F, batch_first=True, rng=0, dtype=np.float32)
    x = Tensor(draw().astype(np.float32), requires_grad=True)
    y = layer(x)
    np.sum(y * y).backward()
    assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in layer.parameters())} == {np.dtype(np.float32)}
    for size in ((0, T), (1, T), (N, 1)):
        x = Tensor(np.zeros((*size, E), np.float32), requires_grad=True)
        y = layer(x)
        np.sum(y).backward()
        assert y.shape == x.grad.shape == (*size, E)
    with no_grad():
        assert isinstance(layer(np.zeros((N, T, E), np.float32)), np.ndarray)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="embed_dim is 4, num_heads is 3"):
        TransformerEncoderLayer(E, 3, F)
    with pytest.raises(ValueError, match="entries: query has shape"):
        build()(draw()[..., 1:])
    with pytest.raises(TypeError, match="float64"):
        build()(draw().astype(np.float32))
    assert isinstance(build().self_attn, MultiheadAttention)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_settings_that_are_numbers_of_numpys_keep_float32(activation):
    settings = {"dropout": np.float64(0.1), "activation": activation, "layer_norm_eps": np.float64(1e-5)}
    layer = TransformerEncoderLayer(E, H, F, **settings, rng=0, dtype=np.float32)
    x = Tensor(np.ones((T, N, E), np.float32), requires_grad=True)
    y = layer(x)
    np.sum(y * y).backward()
    assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in layer.parameters())} == {np.dtype(np.float32)}
