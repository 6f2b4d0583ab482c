"""The oracle is the definition, with the parts (which have tests of their own) applied one after the other."""

import numpy as np
import pytest

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.transformer_decoder_layer import TransformerDecoderLayer

N, T, S, E, H, F = 2, 3, 5, 4, 2, 6
DROPOUTS = ("dropout", "dropout1", "dropout2", "dropout3", "self_attn", "multihead_attn")


def build(seed=0, dropout=0.0, **options):
    """A layer whose biases and norms are not those of the start, which would hide what they do."""
    layer = TransformerDecoderLayer(E, H, F, dropout, batch_first=True, rng=seed, **options)
    rng = np.random.default_rng(1)
    for parameter in layer.parameters():
        parameter.data[...] = 0.5 * rng.normal(size=parameter.shape)
    return layer


def draw(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, T, E)), rng.normal(size=(N, S, E))


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
def test_eq_1_2_3_norms_after_the_sums(bias):
    layer, (x, memory) = build(bias=bias, layer_norm_eps=0.1), draw()
    with no_grad():
        a = normalized(x + layer.self_attn(x, x, x)[0], layer.norm1)
        b = normalized(a + layer.multihead_attn(a, memory, memory)[0], layer.norm2)
        expected = normalized(b + feed_forward(b, layer, lambda z: np.maximum(z, 0)), layer.norm3)
        np.testing.assert_allclose(layer(x, memory), expected, rtol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
def test_eq_1_2_3_norms_before_the_parts(bias):
    layer, (x, memory) = build(norm_first=True, bias=bias, activation=np.tanh), draw()
    with no_grad():
        before = normalized(x, layer.norm1)
        a = x + layer.self_attn(before, before, before)[0]
        b = a + layer.multihead_attn(normalized(a, layer.norm2), memory, memory)[0]
        expected = b + feed_forward(normalized(b, layer.norm3), layer, np.tanh)
        np.testing.assert_allclose(layer(x, memory), expected, rtol=1e-12)


@pytest.mark.parametrize("norm_first", [False, True])
def test_eq_1_2_3_gradients_are_those_of_finite_differences(norm_first):
    layer = build(norm_first=norm_first, activation=np.tanh)
    owners = [(name.rpartition("."), p) for name, p in layer.named_parameters()]
    modules = dict(layer.named_modules())

    def run(x, memory, parameters):
        for ((path, _, last), _), value in zip(owners, parameters):
            vars(modules[path])[last] = value
        return layer(x, memory, tgt_is_causal=True)

    gradcheck(run, *draw(2), [p.data.copy() for _, p in owners], order=2, directions=1)


def test_eq_1_masks_reach_the_attention_that_they_are_for():
    layer, (x, memory) = build(), draw(3)
    plain = layer(x, memory).data
    own = np.random.default_rng(0).uniform(size=(T, T)) < 0.4
    other = np.random.default_rng(1).uniform(size=(T, S)) < 0.4
    own_padding, padding = np.array([[False, False, True]] * N), np.array([[False] * 3 + [True] * 2] * N)
    with no_grad():
        for given, first, second in (
            ({}, {}, {}),
            ({"tgt_mask": own}, {"attn_mask": own}, {}),
            ({"memory_mask": other}, {}, {"attn_mask": other}),
            ({"tgt_key_padding_mask": own_padding}, {"key_padding_mask": own_padding}, {}),
            ({"memory_key_padding_mask": padding}, {}, {"key_padding_mask": padding}),
            ({"tgt_is_causal": True}, {"is_causal": True}, {}),
            ({"memory_is_causal": True}, {}, {"is_causal": True}),
        ):
            a = normalized(x + layer.self_attn(x, x, x, **first)[0], layer.norm1)
            b = normalized(a + layer.multihead_attn(a, memory, memory, **second)[0], layer.norm2)
            expected = normalized(b + feed_forward(b, layer, lambda z: np.maximum(z, 0)), layer.norm3)
            np.testing.assert_allclose(layer(x, memory, **given), expected, rtol=1e-11)
            assert bool(given) == (np.abs(expected - plain).max() > 1e-6)
    positional = layer(x, memory, own, other, own_padding, padding, True, True).data
    names = ("tgt_mask", "memory_mask", "tgt_key_padding_mask", "memory_key_padding_mask")
    given = dict(zip(names, (own, other, own_padding, padding)))
    np.testing.assert_array_equal(layer(x, memory, **given, tgt_is_causal=True, memory_is_causal=True).data, positional)


def test_layouts_say_the_same():
    layer, (x, memory) = build(), draw(4)
    y = layer(x, memory).data
    np.testing.assert_allclose(layer(x[0], memory[0]).data, y[0], rtol=1e-12)
    layer.self_attn.batch_first = layer.multihead_attn.batch_first = False
    swapped = layer(x.swapaxes(0, 1), memory.swapaxes(0, 1)).data
    np.testing.assert_allclose(swapped.swapaxes(0, 1), y, rtol=1e-12)
    plain = TransformerDecoderLayer(E, H, F)
    assert not plain.self_attn.batch_first and not plain.multihead_attn.batch_first


def test_eq_1_2_dropout_is_at_six_places_and_rests_in_eval_mode():
    x, memory = draw(5)
    noisy, plain = build(dropout=0.5), build()
    np.testing.assert_array_equal(build(dropout=0.5)(x, memory).data, build(dropout=0.5)(x, memory).data)
    for place in DROPOUTS:
        noisy.eval()
        getattr(noisy, place).train()
        assert (noisy(x, memory).data != plain(x, memory).data).any(), place
    np.testing.assert_array_equal(noisy.eval()(x, memory).data, plain(x, memory).data)
    gone = build(dropout=1.0)
    with no_grad():
        expected = normalized(normalized(normalized(x, gone.norm1), gone.norm2), gone.norm3)
        np.testing.assert_allclose(gone(x, memory), expected, rtol=1e-12)


def test_the_memory_receives_its_gradient():
    layer = build()
    x, memory = (Tensor(a, requires_grad=True) for a in draw(6))
    np.sum(layer(x, memory) ** 2).backward()
    assert memory.grad.shape == (N, S, E) and np.abs(memory.grad.data).max() > 1e-3


def test_eq_1_attention_takes_the_fast_way_without_weights():
    layer, weights = build(), []
    layer.self_attn.register_forward_hook(lambda module, args, result: weights.append(result[1]))
    layer.multihead_attn.register_forward_hook(lambda module, args, result: weights.append(result[1]))
    layer(*draw())
    assert weights == [None, None]


def test_state_has_pytorchs_names_and_goes_round():
    attention = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
    names = [f"{part}.{name}" for part in ("self_attn", "multihead_attn") for name in attention]
    parts = ("linear1", "linear2", "norm1", "norm2", "norm3")
    assert list(build().state_dict()) == names + [f"{p}.{name}" for p in parts for name in ("weight", "bias")]
    one, other = build(), TransformerDecoderLayer(E, H, F, 0.0, batch_first=True, rng=9)
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(one(*draw()).data, other(*draw()).data)
    assert "norm_first=True" in repr(build(norm_first=True))
    assert TransformerDecoderLayer(E, H, F, rng=0).linear1.out_features == F


def test_float32_stays_float32_and_sizes_of_nothing_pass():
    layer = TransformerDecoderLayer(E, H, F, batch_first=True, rng=0, dtype=np.float32)
    for n, t, s in ((N, T, S), (0, T, S), (1, 1, 1)):
        shapes = ((n, t, E), (n, s, E))
        x, memory = (Tensor(np.ones(shape, np.float32), requires_grad=True) for shape in shapes)
        y = layer(x, memory)
        np.sum(y * y).backward()
        assert y.shape == x.grad.shape == (n, t, E) and memory.grad.shape == (n, s, E)
        assert {y.dtype, x.grad.dtype, memory.grad.dtype} == {np.dtype(np.float32)}
        assert {p.grad.dtype for p in layer.parameters()} == {np.dtype(np.float32)}
    with no_grad():
        assert isinstance(layer(np.zeros((N, T, E), np.float32), np.zeros((N, S, E), np.float32)), np.ndarray)


def test_bad_input_is_named():
    x, memory = draw()
    with pytest.raises(ValueError, match="embed_dim is 4, num_heads is 3"):
        TransformerDecoderLayer(E, 3, F)
    with pytest.raises(ValueError, match='"relu", "gelu" or a function'):
        build(activation="silu")
    with pytest.raises(ValueError, match="with batch_first=True the shapes must be"):
        build()(x, memory[:1])
    with pytest.raises(TypeError, match="key float32"):
        build()(x, memory.astype(np.float32))


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_settings_that_are_numbers_of_numpys_keep_float32(activation):
    settings = {"dropout": np.float64(0.1), "activation": activation, "layer_norm_eps": np.float64(1e-5)}
    layer = TransformerDecoderLayer(E, H, F, **settings, rng=0, dtype=np.float32)
    x = Tensor(np.ones((T, N, E), np.float32), requires_grad=True)
    y = layer(x, x)
    np.sum(y * y).backward()
    assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in layer.parameters())} == {np.dtype(np.float32)}
