"""The same numbers as PyTorch: values and gradients to 1e-10, second derivatives to 1e-8, states that go both ways."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor
from pellucid_nn.avg_pool2d import AvgPool2d
from pellucid_nn.batch_norm import BatchNorm1d, BatchNorm2d
from pellucid_nn.dropout import Dropout
from pellucid_nn.embedding import Embedding, EmbeddingBag
from pellucid_nn.layer_norm import LayerNorm
from pellucid_nn.max_pool2d import MaxPool2d

torch = pytest.importorskip("torch")
nn = torch.nn

modest = settings(max_examples=30, deadline=None)
sizes, seeds = st.integers(1, 5), st.integers(0, 2**32 - 1)


def close(ours, theirs, tolerance=1e-10):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def alike(ours, theirs, *inputs, others=(), seed=0, second=True):
    """Both on the same inputs, with the same state: value, all gradients, and the gradients of a function of these."""
    theirs.load_state_dict(ours.to_torch_state())
    rng = np.random.default_rng(seed)
    a = [Tensor(x, requires_grad=True) for x in inputs]
    b = [torch.tensor(x, requires_grad=True) for x in inputs]
    y = ours(*a, *others)
    z = theirs(*b, *[torch.tensor(x) for x in others])
    close(y.data, z)
    assert y.shape == tuple(z.shape)
    for name, array in theirs.state_dict().items():  # running statistics
        close(ours.state_dict()[name], array)
    dy = rng.normal(size=y.shape)
    mine, peers = [*a, *ours.parameters()], [*b, *theirs.parameters()]
    y.backward(dy, create_graph=second)
    slopes = [t.grad for t in mine]
    others = torch.autograd.grad(z, peers, torch.tensor(dy), create_graph=second)
    for slope, other in zip(slopes, others, strict=True):
        close(slope.data, other)
    if second:
        weights = [rng.normal(size=t.shape) for t in mine]
        for t in mine:
            t.grad = None
        total = sum(np.sum(slope * w) for slope, w in zip(slopes, weights))
        if total.requires_grad:  # the gradient of something linear is constant
            total.backward()
        their_total = sum((other * torch.tensor(w)).sum() for other, w in zip(others, weights))
        for t, other in zip(mine, torch.autograd.grad(their_total, peers, allow_unused=True), strict=True):
            found = np.zeros(t.shape) if t.grad is None else t.grad.data
            close(found, torch.zeros(t.shape) if other is None else other, 1e-8)


def shaken(module, seed):
    """Other parameters than those that it begins with."""
    rng = np.random.default_rng(seed)
    for parameter in module.parameters():
        parameter.data[...] = rng.normal(size=parameter.shape)
    return module


@modest
@given(st.lists(sizes, min_size=1, max_size=4), st.data(), st.booleans(), st.booleans(), st.floats(1e-6, 1), seeds)
def test_layer_norm(shape, data, affine, bias, eps, seed):
    own = shape[-data.draw(st.integers(1, len(shape))) :]
    options = {"eps": eps, "elementwise_affine": affine, "bias": bias}
    ours, theirs = LayerNorm(own, **options), nn.LayerNorm(own, **options, dtype=torch.float64)
    x = 2 + np.random.default_rng(seed).normal(size=shape)
    eps_is_large = eps > 1e-3 or np.prod(own) > 2  # two numbers have a variance near 0 now and then
    alike(shaken(ours, seed), theirs, x, seed=seed, second=bool(eps_is_large and np.prod(own) > 1))
    assert repr(ours).startswith("LayerNorm((") and ours.from_torch_state(theirs.state_dict()) == ([], [])


@modest
@given(
    st.integers(0, 3), sizes, st.integers(2, 5), sizes, st.booleans(), st.booleans(),
    st.sampled_from([0.1, 0.6, None]), st.floats(1e-3, 1), seeds,
)  # fmt: skip
def test_batch_norm(kind, C, N, T, affine, track, momentum, eps, seed):
    shape = [(N, C), (N, C, T), (N, C, T, 3), (N, C, 2, T)][kind]
    options = {"eps": eps, "momentum": momentum, "affine": affine, "track_running_stats": track}
    Ours, Theirs = (BatchNorm1d, nn.BatchNorm1d) if kind < 2 else (BatchNorm2d, nn.BatchNorm2d)
    ours, theirs = shaken(Ours(C, **options), seed), Theirs(C, **options, dtype=torch.float64)
    assert re.sub(r" bias=\w+,", "", repr(ours)) == re.sub(r" bias=\w+,", "", repr(theirs))  # PyTorch 2.13 tells it
    rng = np.random.default_rng(seed)
    for step in range(3):
        alike(ours, theirs, 2 + rng.normal(size=shape), seed=seed + step)
        ours.zero_grad()
        theirs.zero_grad()
    ours.eval()
    theirs.eval()
    alike(ours, theirs, 2 + rng.normal(size=shape), seed=seed)
    back = Ours(C, **options)
    assert back.from_torch_state(theirs.state_dict()) == ([], [])
    x = rng.normal(size=shape)
    close(back.eval()(Tensor(x)).data, theirs(torch.tensor(x)))


def test_one_value_per_channel_is_refused_by_both():
    for ours, theirs, shape in ((BatchNorm1d, nn.BatchNorm1d, (1, 2)), (BatchNorm2d, nn.BatchNorm2d, (1, 2, 1, 1))):
        with pytest.raises(ValueError):
            ours(2)(np.zeros(shape))
        with pytest.raises(ValueError):
            theirs(2)(torch.zeros(shape))


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


@settings(max_examples=60, deadline=None)
@given(
    pairs(1, 4), st.none() | pairs(1, 4), pairs(0, 2), pairs(1, 3), pairs(0, 6), st.booleans(), st.booleans(),
    st.booleans(), seeds,
)  # fmt: skip
def test_max_pool2d(k, s, p, d, extra, ceil_mode, batched, ties, seed):
    p = tuple(min(a, b // 2) for a, b in zip(p, k))
    size = [max(b, b + e + c * (a - 1) - 2 * b) + 1 + b * (c - 1) for a, b, c, e in zip(k, p, d, extra)]
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, 3, *size) if batched else (3, *size))
    x = np.round(x) if ties else x
    ours = MaxPool2d(k, s, p, d, ceil_mode=ceil_mode)
    theirs = nn.MaxPool2d(k, s, p, d, ceil_mode=ceil_mode)
    alike(ours, theirs, x, seed=seed, second=False)
    assert repr(ours) == repr(theirs)


@settings(max_examples=60, deadline=None)
@given(
    pairs(1, 4), st.none() | pairs(1, 4), pairs(0, 2), pairs(0, 6), st.booleans(), st.booleans(), st.booleans(),
    st.sampled_from([None, 5, -1]), seeds,
)  # fmt: skip
def test_avg_pool2d(k, s, p, extra, ceil_mode, count, batched, divisor, seed):
    p = tuple(min(a, b // 2) for a, b in zip(p, k))
    size = [max(1, a + e - 2 * b) for a, b, e in zip(k, p, extra)]
    x = np.random.default_rng(seed).normal(size=(2, 3, *size) if batched else (3, *size))
    ours, theirs = AvgPool2d(k, s, p, ceil_mode, count, divisor), nn.AvgPool2d(k, s, p, ceil_mode, count, divisor)
    alike(ours, theirs, x, seed=seed, second=False)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", ["max", "avg"])
def test_second_derivatives_of_pooling(name):
    ours, theirs = (MaxPool2d, nn.MaxPool2d) if name == "max" else (AvgPool2d, nn.AvgPool2d)
    x = np.random.default_rng(0).normal(size=(2, 3, 7, 6))
    t, u = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    np.sum(ours(3, 2, 1)(t) ** 3).backward(create_graph=True)
    (other,) = torch.autograd.grad((theirs(3, 2, 1)(u) ** 3).sum(), u, create_graph=True)
    slope, t.grad = t.grad, None
    np.sum(slope**2).backward()
    close(t.grad.data, torch.autograd.grad((other**2).sum(), u)[0], 1e-8)


@modest
@given(
    st.lists(st.integers(0, 4), max_size=3),
    st.integers(1, 6),
    sizes,
    st.none() | st.integers(-6, 5),
    st.booleans(),
    seeds,
)
def test_embedding(shape, K, D, padding_idx, by_freq, seed):
    if padding_idx is not None:
        padding_idx = padding_idx % K - (K if padding_idx < 0 else 0)
    options = {"padding_idx": padding_idx, "scale_grad_by_freq": by_freq}
    ours, theirs = Embedding(K, D, **options, rng=seed), nn.Embedding(K, D, **options, dtype=torch.float64)
    index = np.random.default_rng(seed).integers(0, K, shape)
    alike(ours, theirs, others=[index], seed=seed, second=False)
    assert repr(ours) == repr(theirs)


def test_second_derivatives_of_embeddings():
    ours, theirs = Embedding(5, 3, 1, rng=0), nn.Embedding(5, 3, 1, dtype=torch.float64)
    theirs.load_state_dict(ours.to_torch_state())
    index = np.array([[1, 3, 3], [0, 1, 3]])
    np.sum(ours(index) ** 3).backward(create_graph=True)
    (other,) = torch.autograd.grad((theirs(torch.tensor(index)) ** 3).sum(), theirs.weight, create_graph=True)
    slope, ours.weight.grad = ours.weight.grad, None
    np.sum(slope**2).backward()
    close(ours.weight.grad.data, torch.autograd.grad((other**2).sum(), theirs.weight)[0], 1e-8)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["sum", "mean", "max"]), st.integers(1, 6), sizes, st.none() | st.integers(0, 5),
    st.lists(st.integers(0, 4), min_size=1, max_size=5), st.booleans(), st.booleans(), st.booleans(), seeds,
)  # fmt: skip
def test_embedding_bag(mode, K, D, padding_idx, lengths, last, weighted, flat, seed):
    padding_idx = None if padding_idx is None else padding_idx % K
    options = {"mode": mode, "padding_idx": padding_idx, "include_last_offset": last and flat}
    ours, theirs = EmbeddingBag(K, D, **options, rng=seed), nn.EmbeddingBag(K, D, **options, dtype=torch.float64)
    rng = np.random.default_rng(seed)
    if flat:
        index, ends = rng.integers(0, K, sum(lengths)), np.cumsum([0, *lengths])
        others = [index, ends if last else ends[:-1]]
    else:
        others = [rng.integers(0, K, (len(lengths), 1 + lengths[0]))]
    theirs.load_state_dict(ours.to_torch_state())
    assert ours.from_torch_state(theirs.state_dict()) == ([], [])
    s = rng.normal(size=others[0].shape)
    t, u = Tensor(s, requires_grad=True), torch.tensor(s, requires_grad=True)
    given_ours, given_theirs = {}, {}
    if weighted and mode == "sum":
        given_ours["per_sample_weights"], given_theirs["per_sample_weights"] = t, u
    y, z = ours(*others, **given_ours), theirs(*[torch.tensor(o) for o in others], **given_theirs)
    close(y.data, z)
    dy = rng.normal(size=y.shape)
    y.backward(dy)
    z.backward(torch.tensor(dy))
    close(ours.weight.grad.data, theirs.weight.grad)
    if given_ours:
        close(t.grad.data, u.grad)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_dropout_enlarges_as_pytorch_does(p):
    x = np.full((60, 50), 3.0)
    ours, theirs = Dropout(p, rng=0), nn.Dropout(p)
    values = set(np.round(ours(x).ravel(), 12)), set(np.round(theirs(torch.tensor(x)).numpy().ravel(), 12))
    assert values[0] == values[1]
    close(ours.eval()(x), theirs.eval()(torch.tensor(x)))
    with pytest.raises(ValueError):
        Dropout(1.5)
    with pytest.raises(ValueError):
        nn.Dropout(1.5)
