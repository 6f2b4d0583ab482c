"""The same numbers as PyTorch: attention and what is built of it, gradients to 1e-10 and second ones to 1e-8."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor
from pellucid_nn.dot_product_attention import scaled_dot_product_attention
from pellucid_nn.multi_head_attention import MultiheadAttention
from pellucid_nn.transformer_decoder_layer import TransformerDecoderLayer
from pellucid_nn.transformer_encoder_layer import TransformerEncoderLayer

torch = pytest.importorskip("torch")
nn = torch.nn


def close(ours, theirs, tolerance=1e-10):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def twice(ours, theirs, our_leaves, their_leaves, rng):
    """Value, gradients, and the gradients of the squared length of the gradients."""
    dy = rng.normal(size=ours.shape)
    close(ours.data, theirs)
    (ours * dy).sum().backward(create_graph=True)
    firsts = torch.autograd.grad((theirs * torch.tensor(dy)).sum(), their_leaves, create_graph=True)
    for a, b in zip(our_leaves, firsts, strict=True):
        close(a.grad.data, b)
    penalty = sum([np.sum(a.grad**2) for a in our_leaves])
    for a in our_leaves:
        a.grad = None
    penalty.backward()
    seconds = torch.autograd.grad(sum([(b**2).sum() for b in firsts]), their_leaves, allow_unused=True)
    for a, b in zip(our_leaves, seconds, strict=True):
        if b is not None:
            close(a.grad.data, b, 1e-8)


def leaves(arrays):
    return [Tensor(x, requires_grad=True) for x in arrays], [torch.tensor(x, requires_grad=True) for x in arrays]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_scaled_dot_product_attention(data):
    T, S, E, V = (data.draw(st.integers(1, 5)) for _ in range(4))
    axes = [data.draw(st.sampled_from([(), (1,), (2,), (3, 1), (3, 2)])) for _ in range(4)]
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    arrays = [rng.normal(size=(*a, *s)) for a, s in zip(axes, ((T, E), (S, E), (S, V)))]
    kind = data.draw(st.sampled_from(["none", "bool", "float", "causal"]))
    scale = data.draw(st.sampled_from([None, 0.3]))
    allowed = rng.uniform(size=(*axes[3], T, S)) < 0.7
    if kind == "float":
        arrays.append(rng.normal(size=allowed.shape))
    ours, theirs = leaves(arrays)
    masks = {"bool": (allowed, torch.tensor(allowed)), "float": (ours[-1], theirs[-1])}.get(kind, (None, None))
    options = {"is_causal": kind == "causal", "scale": scale}
    y = scaled_dot_product_attention(*ours[:3], masks[0], **options)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        query = theirs[0].expand(*y.shape[:-1], E)  # PyTorch adds masks in place, which cannot add axes in front
        expected = nn.functional.scaled_dot_product_attention(query, *theirs[1:3], masks[1], **options)
        twice(y, expected, ours, theirs, rng)


@pytest.mark.parametrize("is_causal", [False, True])
def test_long_sequences_in_several_blocks(is_causal):
    rng = np.random.default_rng(0)
    ours, theirs = leaves([rng.normal(size=shape) for shape in ((2, 700, 8), (2, 650, 8), (2, 650, 5))])
    y = scaled_dot_product_attention(*ours, is_causal=is_causal)
    expected = nn.functional.scaled_dot_product_attention(*theirs, is_causal=is_causal)
    dy = rng.normal(size=y.shape)
    close(y.data, expected)
    y.backward(dy)
    expected.backward(torch.tensor(dy))
    for a, b in zip(ours, theirs):
        close(a.grad.data, b.grad)


def as_module(layer):
    """Their parameters by the names that they have in ours, each once."""
    theirs = dict(layer.named_parameters())
    return lambda ours: [theirs[name] for name, _ in ours.named_parameters()]


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_multi_head_attention(data):
    H, size, N, T, S = (data.draw(st.integers(1, 3)) for _ in range(5))
    E = H * size
    kdim, vdim = (data.draw(st.sampled_from([None, E, 4])) for _ in range(2))
    options = {"bias": data.draw(st.booleans()), "kdim": kdim, "vdim": vdim, "batch_first": data.draw(st.booleans())}
    theirs = nn.MultiheadAttention(E, H, **options, dtype=torch.float64)
    ours = MultiheadAttention(E, H, **options)
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    for parameter in theirs.parameters():
        parameter.data = torch.tensor(rng.normal(size=parameter.shape))
    assert ours.from_torch_state(theirs.state_dict()) == ([], [])
    batched = data.draw(st.booleans())
    N = N if batched else 1
    sizes = ((T, E), (S, kdim or E), (S, vdim or E))
    if batched:
        sizes = tuple((N, n, e) if options["batch_first"] else (n, N, e) for n, e in sizes)
    a, b = leaves([rng.normal(size=s) for s in sizes])
    pair, keys = data.draw(st.sampled_from([(T, S), (N * H, T, S)])), (N, S) if batched else (S,)
    kind = data.draw(st.sampled_from(["none", "bool", "float"]))
    masks = {"key_padding_mask": rng.uniform(size=keys), "attn_mask": rng.uniform(size=pair)}
    masks = {name: x for name, x in masks.items() if kind != "none" and data.draw(st.booleans())}
    if kind == "bool":
        masks = {name: x < 0.3 for name, x in masks.items()}
        masks = {name: x & (np.arange(S) > 0) for name, x in masks.items()}  # weights of nothing are NaN in PyTorch
    call = {"need_weights": data.draw(st.booleans()), "average_attn_weights": data.draw(st.booleans())}
    y, A = ours(*a, **masks, **call)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        y2, A2 = theirs(*b, **{name: torch.tensor(x) for name, x in masks.items()}, **call)
        if call["need_weights"]:
            close(A.data, A2)
            weight = rng.normal(size=A.shape)
            y, y2 = y * np.sum(A * weight), y2 * (A2 * torch.tensor(weight)).sum()
        else:
            assert A is None and A2 is None
        twice(y, y2, [*a, *ours.parameters()], [*b, *as_module(theirs)(ours)], rng)
    theirs.load_state_dict(ours.to_torch_state())
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_a_query_that_may_attend_to_nothing_gets_what_pytorch_gives_without_weights():
    theirs = nn.MultiheadAttention(6, 2, dtype=torch.float64, batch_first=True)
    ours = MultiheadAttention(6, 2, batch_first=True)
    ours.from_torch_state(theirs.state_dict())
    x = np.random.default_rng(0).normal(size=(2, 3, 6))
    padding = np.array([[True] * 3, [False] * 3])
    expected, _ = theirs(*[torch.tensor(x)] * 3, torch.tensor(padding), need_weights=False)
    for need_weights in (False, True):
        close(ours(x, x, x, padding, need_weights)[0].data, expected)


def test_initial_values_come_from_the_same_intervals():
    for options in ({}, {"kdim": 30, "vdim": 200}):
        theirs, ours = nn.MultiheadAttention(120, 4, **options), MultiheadAttention(120, 4, **options, rng=0)
        for (name, p), q in zip(ours.named_parameters(), as_module(theirs)(ours), strict=True):
            np.testing.assert_allclose(np.abs(p.data).max(), q.detach().abs().max(), rtol=1e-2, err_msg=name)


def transformers(data, ours, theirs, phi):
    """The same layer twice, with parameters that are not those of the start, and whether batches come first."""
    options = {
        "dim_feedforward": 5,
        "dropout": 0.0,
        "layer_norm_eps": data.draw(st.sampled_from([1e-5, 0.1])),
        "batch_first": data.draw(st.booleans()),
        "norm_first": data.draw(st.booleans()),
        "bias": data.draw(st.booleans()),
    }
    a = ours(4, 2, activation=phi, **options)
    # with a function of our own in training mode, PyTorch takes no shortcut past its own parts
    b = theirs(4, 2, activation=phi if isinstance(phi, str) else torch.tanh, **options, dtype=torch.float64)
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    for parameter in b.parameters():
        parameter.data = torch.tensor(0.5 * rng.normal(size=parameter.shape))
    assert a.from_torch_state(b.state_dict()) == ([], [])
    assert list(a.state_dict()) == list(b.state_dict())
    return a, b, options["batch_first"], rng


@pytest.mark.parametrize("activation", ["relu", "gelu", np.tanh])
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_transformer_encoder_layer(activation, data):
    ours, theirs, batch_first, rng = transformers(data, TransformerEncoderLayer, nn.TransformerEncoderLayer, activation)
    N, T = (data.draw(st.integers(1, 4)) for _ in range(2))
    (x,), (x2,) = leaves([rng.normal(size=(N, T, 4) if batch_first else (T, N, 4))])
    masks = {"src_mask": ~np.tri(T, dtype=bool), "src_key_padding_mask": (rng.uniform(size=(N, T)) < 0.3)}
    masks["src_key_padding_mask"][:, 0] = False
    masks = {name: mask for name, mask in masks.items() if data.draw(st.booleans())}
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        expected = theirs(x2, **{name: torch.tensor(mask) for name, mask in masks.items()})
        twice(ours(x, **masks), expected, [x, *ours.parameters()], [x2, *as_module(theirs)(ours)], rng)
    theirs.load_state_dict(ours.to_torch_state())


@pytest.mark.parametrize("activation", ["relu", "gelu", np.tanh])
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_transformer_decoder_layer(activation, data):
    ours, theirs, batch_first, rng = transformers(data, TransformerDecoderLayer, nn.TransformerDecoderLayer, activation)
    N, T, S = (data.draw(st.integers(1, 4)) for _ in range(3))
    sizes = ((N, T, 4), (N, S, 4)) if batch_first else ((T, N, 4), (S, N, 4))
    a, b = leaves([rng.normal(size=size) for size in sizes])
    masks = {
        "tgt_mask": ~np.tri(T, dtype=bool),
        "memory_mask": rng.normal(size=(T, S)),
        "tgt_key_padding_mask": (rng.uniform(size=(N, T)) < 0.3) & (np.arange(T) > 0),
        "memory_key_padding_mask": rng.normal(size=(N, S)),
    }
    masks = {name: mask for name, mask in masks.items() if data.draw(st.booleans())}
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        expected = theirs(*b, **{name: torch.tensor(mask) for name, mask in masks.items()})
        twice(ours(*a, **masks), expected, [*a, *ours.parameters()], [*b, *as_module(theirs)(ours)], rng)
    theirs.load_state_dict(ours.to_torch_state())


def test_transformer_layers_have_the_same_defaults():
    for ours, theirs in (
        (TransformerEncoderLayer, nn.TransformerEncoderLayer),
        (TransformerDecoderLayer, nn.TransformerDecoderLayer),
    ):
        names = list(inspect.signature(theirs).parameters)
        mine = inspect.signature(ours).parameters
        assert [name for name, p in mine.items() if p.kind is p.POSITIONAL_OR_KEYWORD] == names[: len(mine) - 2]
        a, b = ours(8, 2, rng=0), theirs(8, 2)
        assert a.linear1.out_features == b.linear1.out_features and a.dropout.p == b.dropout.p
        assert a.norm1.eps == b.norm1.eps and a.norm_first == b.norm_first
        assert {name: p.shape for name, p in a.named_parameters()} == {
            name: tuple(p.shape) for name, p in b.named_parameters()
        }
        call = [list(inspect.signature(layer.forward).parameters) for layer in (ours, theirs)]
        assert call[0] == call[1]
