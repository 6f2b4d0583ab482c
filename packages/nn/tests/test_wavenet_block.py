"""The definition is a loop over times and the kernel; the receptive field is found by looking what reaches where."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.wavenet_block import WaveNetBlock, gated_activation, receptive_field

N, C, B, K, T = 2, 3, 4, 2, 7


def draw(seed=0):
    return np.random.default_rng(seed).normal(size=(N, C, T))


def by_loops(x, conv):
    """What stands before the sequence is 0."""
    weight, d = conv.weight.data, conv.dilation[0]
    k = weight.shape[2]
    y = np.zeros((len(x), len(weight), x.shape[2]))
    for n, f, t in np.ndindex(y.shape):
        past = [(i, t - d * (k - 1 - i)) for i in range(k)]
        y[n, f, t] = sum(weight[f, :, i] @ x[n, :, s] for i, s in past if s >= 0)
        y[n, f, t] += 0 if conv.bias is None else conv.bias.data[f]
    return y


@pytest.mark.parametrize(
    "options", [{}, {"kernel_size": 3, "dilation": 2}, {"dilation": 4, "bias": False}, {"kernel_size": 1}]
)
def test_eq_1_2_3_the_definition(options):
    block, x = WaveNetBlock(C, B, K, rng=0, **options), draw()
    z = np.tanh(by_loops(x, block.conv_filter)) / (1 + np.exp(-by_loops(x, block.conv_gate)))
    residual, skip = block(x)
    np.testing.assert_allclose(residual.data, x + by_loops(z, block.conv_residual), rtol=1e-12)
    np.testing.assert_allclose(skip.data, by_loops(z, block.conv_skip), rtol=1e-12)
    for ours, whole in zip(block(x[0]), (residual, skip)):
        np.testing.assert_allclose(ours.data, whole.data[0], rtol=1e-12)


def test_eq_2_the_gate_one_number_at_a_time():
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(2, 3, 4))
    z = gated_activation(u, v)
    for at in np.ndindex(u.shape):
        np.testing.assert_allclose(z[at], np.tanh(u[at]) / (1 + np.exp(-v[at])), rtol=1e-13)


def test_eq_2_5_6_gradients_of_the_gate_are_those_of_finite_differences():
    rng = np.random.default_rng(1)
    u, v = rng.normal(size=(2, 3, 4))
    gradcheck(gated_activation, u, v, order=2)
    u, v, dz, du, dv = rng.normal(size=(5, 3, 4))
    _, back = gated_activation.run(u, v)
    step = 1e-6
    change = gated_activation(u + step * du, v + step * dv) - gated_activation(u - step * du, v - step * dv)
    np.testing.assert_allclose((dz * change).sum() / (2 * step), (back[0](dz) * du + back[1](dz) * dv).sum(), rtol=1e-7)


def test_eq_2_5_6_the_gate_at_the_ends_of_the_line():
    for u, v, z in ((1e3, 1e3, 1), (-1e3, 1e3, -1), (1e3, -1e3, 0), (1e300, 1e300, 1)):
        ends = [Tensor(np.array([a]), requires_grad=True) for a in (u, v)]
        y = gated_activation(*ends)
        np.sum(y).backward()
        assert y.data == z and all(np.isfinite(a.grad).all() for a in ends)
    assert np.isnan(gated_activation(np.array([np.nan, 0.0]), np.array([0.0, np.nan]))).all()


@settings(max_examples=25, deadline=None)
@given(k=st.integers(1, 3), dilations=st.lists(st.integers(1, 4), max_size=3))
def test_eq_4_the_receptive_field_of_a_stack_is_what_reaches_its_last_output(k, dilations):
    blocks = [WaveNetBlock(1, 2, 1, k, d, rng=i) for i, d in enumerate(dilations)]
    length = 30
    x = Tensor(np.random.default_rng(0).normal(size=(1, length)), requires_grad=True)
    y = x
    for block in blocks:
        y, _ = block(y)
    y[0, -1].backward()
    # a kernel with gaps may miss entries in between; the farthest that it meets ends the field
    farthest = length - np.flatnonzero(x.grad[0])[0]
    assert farthest == receptive_field(k, dilations)
    for d, block in zip(dilations, blocks):
        assert block.receptive_field == 1 + (k - 1) * d


def test_eq_4_the_field_doubles_with_every_block():
    for L in range(6):
        assert receptive_field(2, (2**layer for layer in range(L))) == 2**L
    for bad in (0, 2.5):
        with pytest.raises(ValueError, match=f"each of dilations must be a whole number of 1 or more: {bad}"):
            receptive_field(2, [1, bad])
        with pytest.raises(ValueError, match=f"kernel_size must be a whole number of 1 or more: {bad}"):
            receptive_field(bad, [1])


def test_eq_1_3_nothing_comes_from_the_future():
    block, x = WaveNetBlock(C, B, K, 3, 2, rng=0), draw()
    later = x.copy()
    later[..., 4] += 1
    for a, b in zip(block(x), block(later)):
        changed = np.flatnonzero((a.data != b.data).any(axis=(0, 1)))
        assert changed.tolist() == [4, 6]


@pytest.mark.parametrize("bias", [True, False])
def test_eq_1_2_3_5_6_gradients_are_those_of_finite_differences(bias):
    block = WaveNetBlock(C, B, K, 2, 2, bias, rng=0)
    owners = [(name.rpartition("."), p) for name, p in block.named_parameters()]
    modules = dict(block.named_modules())

    def run(x, parameters):
        for ((path, _, last), _), value in zip(owners, parameters):
            vars(modules[path])[last] = value
        residual, skip = block(x)
        return np.concatenate([residual, skip], axis=-2)

    gradcheck(run, draw(2), [p.data.copy() for _, p in owners], order=2, directions=1)


def test_the_skip_alone_may_be_used():
    block, x = WaveNetBlock(C, B, K, rng=0), Tensor(draw(), requires_grad=True)
    np.sum(block(x)[1] ** 2).backward()
    assert x.grad.any() and block.conv_residual.weight.grad is None and block.conv_skip.weight.grad.any()


def test_state_seeds_and_shapes():
    one, other = WaveNetBlock(C, B, K, 3, rng=5), WaveNetBlock(C, B, K, 3, rng=5)
    state = one.state_dict()
    np.testing.assert_equal(state, other.state_dict())
    assert (state["conv_filter.weight"] != state["conv_gate.weight"]).all()
    shapes = {name: array.shape for name, array in state.items()}
    assert shapes == {
        "conv_filter.weight": (B, C, 3), "conv_filter.bias": (B,), "conv_gate.weight": (B, C, 3),
        "conv_gate.bias": (B,), "conv_residual.weight": (C, B, 1), "conv_residual.bias": (C,),
        "conv_skip.weight": (K, B, 1), "conv_skip.bias": (K,),
    }  # fmt: skip
    third = WaveNetBlock(C, B, K, 3, rng=6)
    third.load_state_dict(state)
    np.testing.assert_array_equal(third(draw())[0].data, one(draw())[0].data)
    assert all(p.ndim == 3 for p in WaveNetBlock(C, B, K, bias=False).parameters())


def test_float32_stays_float32_and_sizes_of_nothing_pass():
    block = WaveNetBlock(C, B, K, 3, 2, rng=0, dtype=np.float32)
    for shape in ((N, C, T), (1, C, 1), (0, C, T), (C, T)):
        x = Tensor(np.ones(shape, np.float32), requires_grad=True)
        residual, skip = block(x)
        (np.sum(residual * residual) + np.sum(skip)).backward()
        assert residual.shape == x.grad.shape == shape and skip.shape[-2:] == (K, shape[-1])
        assert {residual.dtype, skip.dtype, x.grad.dtype} == {np.dtype(np.float32)}
        assert {p.grad.dtype for p in block.parameters()} == {np.dtype(np.float32)}
        block.zero_grad()
    with no_grad():
        assert all(isinstance(y, np.ndarray) for y in block(np.zeros((N, C, T), np.float32)))


def test_inputs_in_any_layout_are_only_read():
    block, x = WaveNetBlock(C, B, K, rng=0), draw()
    residual = block(x)[0].data
    frozen = np.asfortranarray(x)
    frozen.flags.writeable = False
    np.testing.assert_allclose(block(frozen)[0].data, residual, rtol=1e-12)
    np.testing.assert_allclose(block(np.repeat(x, 2, axis=1)[:, ::2])[0].data, residual, rtol=1e-12)


def test_bad_input_is_named():
    block = WaveNetBlock(C, B, K, rng=0)
    with pytest.raises(ValueError, match="x"):
        block(draw()[:, :2])
    with pytest.raises(TypeError, match="float32"):
        block(draw().astype(np.float32))
    with pytest.raises(ValueError, match="dilation"):
        WaveNetBlock(C, B, K, dilation=0)


def test_summary_counts_the_products():
    assert WaveNetBlock(C, B, K, 3, rng=0).summary((N, C, T)).multiply_adds == N * T * B * (2 * C * 3 + C + K)


@pytest.mark.parametrize("dtype, v", [(np.float64, -40.0), (np.float32, -20.0)])
def test_eq_2_5_6_a_gate_that_is_nearly_closed_keeps_its_digits(dtype, v):
    u, v = np.array([0.5], dtype), np.array([v], dtype)
    z, (du, dv) = gated_activation.run(u, v)
    one, rtol = np.ones(1, dtype), 10 * np.finfo(dtype).eps
    opening = np.exp(np.float64(v))  # σ(v), but for a part of e⁻²⁰ or e⁻⁴⁰ of it
    np.testing.assert_allclose(z, np.tanh(0.5) * opening, rtol=rtol)
    np.testing.assert_allclose(du(one), opening * (1 - np.tanh(0.5) ** 2), rtol=rtol)
    np.testing.assert_allclose(dv(one), np.tanh(0.5) * opening, rtol=rtol)
