"""The oracle is the definition: one head after the other, with weights and entries cut out by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.multi_head_attention import MultiHeadAttention, MultiheadAttention

N, T, S, E, H = 2, 3, 4, 6, 2


def build(seed=0, **options):
    layer = MultiheadAttention(E, H, batch_first=True, rng=seed, **options)
    for name, parameter in layer.named_parameters():
        if "bias" in name:
            parameter.data[...] = np.random.default_rng(1).normal(size=parameter.shape)
    return layer


def draw(seed=0, kdim=E, vdim=E):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in ((N, T, E), (N, S, kdim), (N, S, vdim))]


def by_definition(layer, query, key, value, may=None, M=None):
    """Result and weights of every head, from loops over examples, heads and queries."""
    P = {name: p.data for name, p in layer.named_parameters()}
    if "in_proj_weight" in P:
        Ws = [P["in_proj_weight"][i * E : (i + 1) * E] for i in range(3)]
    else:
        Ws = [P[f"{name}_proj_weight"] for name in "qkv"]
    bs = [P["in_proj_bias"][i * E : (i + 1) * E] if "in_proj_bias" in P else np.zeros(E) for i in range(3)]
    y, A = np.zeros((N, T, E)), np.zeros((N, H, T, S))
    for n, h, t in itertools.product(range(N), range(H), range(T)):
        own = range(h * E // H, (h + 1) * E // H)
        q = [Ws[0][e] @ query[n, t] + bs[0][e] for e in own]
        weights = []
        for s in range(S):
            k = [Ws[1][e] @ key[n, s] + bs[1][e] for e in own]
            score = sum(a * b for a, b in zip(q, k)) / (E / H) ** 0.5 + (0 if M is None else M[n, h, t, s])
            weights.append(np.exp(score) if may is None or may[n, h, t, s] else 0.0)
        A[n, h, t] = np.array(weights) / (sum(weights) or 1)
        for s in range(S):
            y[n, t, own] += A[n, h, t, s] * np.array([Ws[2][e] @ value[n, s] + bs[2][e] for e in own])
    out_bias = P.get("out_proj.bias", np.zeros(E))
    return np.array([[P["out_proj.weight"] @ row + out_bias for row in rows] for rows in y]), A


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize(
    "options", [{}, {"bias": False}, {"kdim": 5, "vdim": 3}, {"kdim": E, "vdim": 4, "bias": False}]
)
def test_eq_1_2_3_4_heads_by_definition(options, need_weights):
    layer = build(**options)
    inputs = draw(0, layer.kdim, layer.vdim)
    y, A = by_definition(layer, *inputs)
    with no_grad():
        ours, weights = layer(*inputs, need_weights=need_weights)
        np.testing.assert_allclose(ours, y, rtol=1e-12)
        if need_weights:
            np.testing.assert_allclose(weights, A.mean(axis=1), rtol=1e-12)
            np.testing.assert_allclose(layer(*inputs, average_attn_weights=False)[1], A, rtol=1e-12)
        else:
            assert weights is None


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_eq_3_masks_all_hold(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    pairs = rng.uniform(size=data.draw(st.sampled_from([(T, S), (N * H, T, S)])))
    keys = rng.uniform(size=(N, S))
    kinds = [data.draw(st.sampled_from(["none", "bool", "float"])) for _ in range(2)]
    attn_mask, padding = (
        {"none": None, "bool": mask < 0.3, "float": mask}[kind] for mask, kind in zip((pairs, keys), kinds)
    )
    is_causal, need_weights = data.draw(st.booleans()), data.draw(st.booleans())
    may, M = np.ones((N, H, T, S), bool), np.zeros((N, H, T, S))
    for n, h, t, s in np.ndindex(N, H, T, S):
        pair = (n * H + h, t, s) if pairs.ndim == 3 else (t, s)
        may[n, h, t, s] = not (is_causal and s > t)
        for mask, place in ((attn_mask, pair), (padding, (n, s))):
            if mask is not None and mask.dtype == bool:
                may[n, h, t, s] &= not mask[place]
            elif mask is not None:
                M[n, h, t, s] += mask[place]
    layer, inputs = build(), draw(1)
    y, A = layer(*inputs, padding, need_weights, attn_mask, False, is_causal)
    expected = by_definition(layer, *inputs, may, M)
    np.testing.assert_allclose(y.data, expected[0], rtol=1e-10)
    if need_weights:
        np.testing.assert_allclose(A.data, expected[1], rtol=1e-10)


def pure(layer, need_weights, **masks):
    """The layer as a function of its inputs and parameters, for gradcheck."""
    names = [name for name, _ in layer.named_parameters()]

    def run(inputs, parameters):
        for name, parameter in zip(names, parameters):
            owner, _, last = name.rpartition(".")
            vars(layer.out_proj if owner else layer)[last] = parameter
        y, A = layer(*inputs, need_weights=need_weights, **masks)
        return [y, A] if need_weights else y

    return run, [parameter.data.copy() for parameter in layer.parameters()]


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("options", [{}, {"kdim": 5, "vdim": 3}, {"bias": False}])
def test_eq_1_2_3_4_gradients_are_those_of_finite_differences(options, need_weights):
    layer = build(**options)
    masks = {"key_padding_mask": np.array([[0, 0, 0, 1], [0, 1, 0, 0]], bool), "is_causal": True}
    run, parameters = pure(layer, need_weights, **masks)
    gradcheck(run, draw(2, layer.kdim, layer.vdim), parameters, order=2, directions=1)


def test_eq_5_initial_values_are_glorots_and_those_of_linear():
    wide = MultiheadAttention(60, 3, rng=0)
    for layer, name, bound in (
        (wide, "in_proj_weight", (6 / (180 + 60)) ** 0.5),
        (MultiheadAttention(60, 3, kdim=20, rng=0), "q_proj_weight", (6 / 120) ** 0.5),
        (MultiheadAttention(60, 3, kdim=20, rng=0), "k_proj_weight", (6 / 80) ** 0.5),
        (MultiheadAttention(60, 3, vdim=90, rng=0), "v_proj_weight", (6 / 150) ** 0.5),
    ):
        values = getattr(layer, name).data
        assert -bound <= values.min() < -0.98 * bound and 0.98 * bound < values.max() <= bound
        np.testing.assert_allclose(np.histogram(values, 4, (-bound, bound))[0] / values.size, 0.25, atol=0.04)
    assert wide.in_proj_bias.shape == (180,) and not wide.in_proj_bias.data.any() and not wide.out_proj.bias.data.any()
    assert np.abs(wide.out_proj.weight.data).max() <= 60**-0.5
    np.testing.assert_array_equal(
        MultiheadAttention(E, H, rng=4).in_proj_weight.data, MultiheadAttention(E, H, rng=4).in_proj_weight.data
    )


def test_eq_2_layouts_say_the_same():
    layer, swapped = build(), build()
    swapped.batch_first = False
    inputs = draw(3)
    y, A = layer(*inputs)
    y2, A2 = swapped(*(x.swapaxes(0, 1) for x in inputs))
    np.testing.assert_allclose(y2.data.swapaxes(0, 1), y.data, rtol=1e-12)
    np.testing.assert_allclose(A2.data, A.data, rtol=1e-12)
    padding = np.array([False, True, False, False])
    for one in (layer, swapped):
        y0, A0 = one(*(x[0] for x in inputs), key_padding_mask=padding)
        y1, A1 = layer(*(x[:1] for x in inputs), key_padding_mask=padding[None])
        np.testing.assert_allclose(y0.data, y1.data[0], rtol=1e-12)
        np.testing.assert_allclose(A0.data, A1.data[0], rtol=1e-12)
        y2, none = one(*(x[0] for x in inputs), key_padding_mask=padding, need_weights=False)
        assert none is None
        np.testing.assert_allclose(y2.data, y0.data, rtol=1e-12)


@pytest.mark.parametrize("need_weights", [True, False])
def test_queries_that_may_attend_to_nothing_give_the_bias_and_finite_gradients(need_weights):
    layer = build()
    x = Tensor(draw(4)[0], requires_grad=True)
    y, _ = layer(x, x, x, need_weights=need_weights, key_padding_mask=np.array([[True] * T, [False] * T]))
    np.sum(y**2).backward()
    np.testing.assert_array_equal(y.data[0], np.tile(layer.out_proj.bias.data, (T, 1)))
    for tensor in (x, *layer.parameters()):
        assert np.isfinite(tensor.grad.data).all()


def test_a_causal_layer_does_not_look_ahead_and_padding_is_not_looked_at():
    layer = build()
    x = draw(5)[0]
    later, padded = x.copy(), x.copy()
    later[:, 2] = 7
    np.testing.assert_array_equal(
        layer(later, later, later, is_causal=True)[0].data[:, :2], layer(x, x, x, is_causal=True)[0].data[:, :2]
    )
    padded[:, 1] = 7
    mask = np.array([[False, True, False]] * N)
    np.testing.assert_array_equal(layer(x, padded, padded, mask)[0].data, layer(x, x, x, mask)[0].data)


def test_a_longer_sequence_than_before_is_no_problem_and_a_batch_of_one_or_none_neither():
    layer = build()
    for size in ((N, 3), (N, 9), (1, 5), (0, 5)):
        x = Tensor(np.random.default_rng(0).normal(size=(*size, E)), requires_grad=True)
        for need_weights in (True, False):
            layer.zero_grad()
            y, _ = layer(x, x, x, need_weights=need_weights)
            assert y.shape == (*size, E)
            np.sum(y).backward()
            assert size[0] or not layer.in_proj_weight.grad.data.any()


def test_dropout_rests_in_eval_mode_and_repeats_with_its_seed():
    x = draw(6)[0]
    noisy, again, plain = (build(dropout=p) for p in (0.5, 0.5, 0.0))
    for need_weights in (True, False):
        first, second = (layer(x, x, x, need_weights=need_weights)[0].data for layer in (noisy, again))
        np.testing.assert_array_equal(first, second)
        assert (noisy(x, x, x, need_weights=need_weights)[0].data != first).any()
        again(x, x, x)
    weights = noisy(x, x, x, average_attn_weights=False)[1].data
    kept = weights != 0
    assert not kept.all()
    np.testing.assert_allclose(weights[kept], 2 * plain(x, x, x, average_attn_weights=False)[1].data[kept])
    np.testing.assert_array_equal(noisy.eval()(x, x, x)[0].data, plain(x, x, x)[0].data)
    assert [name for name, _ in noisy.named_generators()] == ["rng"]


def test_float32_stays_float32_and_layouts_of_memory_do_not_matter():
    layer = MultiheadAttention(E, H, rng=0, dtype=np.float32)
    x = Tensor(draw()[0].astype(np.float32), requires_grad=True)
    mask = np.zeros((N, N), np.float32)
    for need_weights in (True, False):
        y, _ = layer(x, x, x, attn_mask=mask, need_weights=need_weights)
        np.sum(y).backward()
        assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in layer.parameters())} == {np.dtype(np.float32)}
    wide = build()
    x = draw()[0]
    odd = np.asfortranarray(x)
    odd.flags.writeable = False
    np.testing.assert_allclose(wide(odd, odd, odd)[0].data, wide(x, x, x)[0].data, rtol=1e-13)


def test_state_has_pytorchs_names_and_goes_round():
    names = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    assert list(build().state_dict()) == names
    apart = [f"{x}_proj_weight" for x in "qkv"]
    assert list(build(kdim=3).state_dict()) == apart + names[1:]
    assert list(build(kdim=3, bias=False).state_dict()) == [*apart, "out_proj.weight"]
    one, other = build(0), build(5)
    other.load_state_dict(one.state_dict())
    x = draw()[0]
    np.testing.assert_array_equal(one(x, x, x)[0].data, other(x, x, x)[0].data)
    assert MultiHeadAttention is MultiheadAttention
    out_proj = f"(out_proj): Linear(in_features={E}, out_features={E}, bias=True)"
    assert repr(build(kdim=3, dropout=0.1)) == f"MultiheadAttention(\n  {out_proj}\n)"


def test_multiply_adds_are_those_of_the_products():
    layer = build(kdim=5, vdim=3)
    expected = N * T * E * E + N * S * E * 5 + N * S * E * 3 + 2 * N * H * T * S * (E // H)
    assert layer.multiply_adds(None, *draw(0, 5, 3)) == expected
    layer.batch_first = False
    assert layer.multiply_adds(None, *(x.swapaxes(0, 1) for x in draw(0, 5, 3))) == expected
    layer.batch_first = True
    assert layer.multiply_adds(None, *(x[0] for x in draw(0, 5, 3))) == expected // N


def test_bad_input_is_named():
    x = np.zeros((N, T, E))
    layer = build()
    for sizes in ((6, 4), (6, 0), (0, 1)):
        with pytest.raises(ValueError, match=f"embed_dim is {sizes[0]}, num_heads is {sizes[1]}"):
            MultiheadAttention(*sizes)
    for option in ("add_bias_kv", "add_zero_attn"):
        with pytest.raises(ValueError, match="append a learnt"):
            MultiheadAttention(E, H, **{option: True})
    with pytest.raises(ValueError, match="they are 0 and 6"):
        MultiheadAttention(E, H, kdim=0)
    with pytest.raises(ValueError, match="between 0 and 1; got 2"):
        MultiheadAttention(E, H, dropout=2)
    for bad in ((x, x, x[0]), (x[0, 0],) * 3, (x[None],) * 3):
        with pytest.raises(ValueError, match="must all be 3-d, or all 2-d"):
            layer(*bad)
    for bad in ((x, x[:1], x[:1]), (x, x, x[:, 1:])):
        with pytest.raises(ValueError, match=r"with batch_first=True the shapes must be \(N, T, E\)"):
            layer(*bad)
    with pytest.raises(ValueError, match=r"with batch_first=False the shapes must be \(T, N, E\)"):
        MultiheadAttention(E, H)(x, x[:, 1:], x[:, 1:])
    with pytest.raises(ValueError, match=r"embed_dim, kdim, vdim = \(6, 6, 6\) entries: query has shape \(2, 3, 5\)"):
        layer(x[..., 1:], x, x)
    with pytest.raises(TypeError, match="query is float32, key float64, value float64 and the weights are float64"):
        layer(x.astype(np.float32), x, x)
    with pytest.raises(ValueError, match=r"attn_mask must have shape \(3, 3\) or \(4, 3, 3\), not \(2, 3, 3\)"):
        layer(x, x, x, attn_mask=np.zeros((N, T, T), bool))
    for mask in (np.zeros(T, bool), np.zeros((T, N), bool)):
        with pytest.raises(ValueError, match=r"key_padding_mask must have shape \(2, 3\), not"):
            layer(x, x, x, mask)
    with pytest.raises(TypeError, match="key_padding_mask must be bool .* or float64 .* it is int64"):
        layer(x, x, x, np.zeros((N, T), int))


@pytest.mark.parametrize("need_weights", [True, False])
def test_a_probability_that_is_a_number_of_numpys_keeps_float32(need_weights):
    layer = MultiheadAttention(E, H, np.float64(0.5), rng=0, dtype=np.float32)
    x = Tensor(draw()[0].astype(np.float32), requires_grad=True)
    y, _ = layer(x, x, x, need_weights=need_weights)
    np.sum(y).backward()
    assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in layer.parameters())} == {np.dtype(np.float32)}
