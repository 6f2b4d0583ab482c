"""The same numbers as PyTorch: blocks that it has no class for, built there from its layers; and the sparse layer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor
from pellucid_nn.residual_block import ConvolutionalBlock, IdentityBlock
from pellucid_nn.sparse_evolutionary import SparseEvolutionary
from pellucid_nn.wavenet_block import WaveNetBlock

torch = pytest.importorskip("torch")
nn = torch.nn


def close(ours, theirs, tolerance=1e-10):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def alike(ours, theirs, x, rng, train=True):
    """States both ways, values, all gradients, and those of the squared length of the gradients."""
    ours.train(train), theirs.train(train)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.tensor(rng.normal(size=parameter.shape)))
        for buffer in theirs.buffers():
            if buffer.ndim and buffer.is_floating_point():
                buffer.copy_(torch.tensor(rng.uniform(0.5, 2, size=buffer.shape)))
    assert ours.from_torch_state(theirs.state_dict()) == ([], [])
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    ys, zs = ours(a), theirs(b)
    if not isinstance(ys, tuple):
        ys, zs = (ys,), (zs,)
    dys = [rng.normal(size=y.shape) for y in ys]
    for y, z in zip(ys, zs, strict=True):
        close(y.data, z)
    named = dict(theirs.named_parameters())
    names = [name for name, _ in ours.named_parameters()]
    assert set(names) == set(named)
    my_leaves, their_leaves = [a, *ours.parameters()], [b, *(named[name] for name in names)]
    sum([np.sum(y * dy) for y, dy in zip(ys, dys)]).backward(create_graph=True)
    total = sum((z * torch.tensor(dy)).sum() for z, dy in zip(zs, dys))
    firsts = torch.autograd.grad(total, their_leaves, create_graph=True)
    for p, q in zip(my_leaves, firsts, strict=True):
        close(p.grad.data, q)
    penalty = sum([np.sum(p.grad * p.grad) for p in my_leaves])
    for p in my_leaves:
        p.grad = None
    penalty.backward()
    seconds = torch.autograd.grad(sum((q * q).sum() for q in firsts), their_leaves, allow_unused=True)
    for p, q in zip(my_leaves, seconds, strict=True):  # None is 0: nothing of second order depends on it
        mine = np.zeros(p.shape) if p.grad is None else p.grad
        close(mine, torch.zeros(p.shape) if q is None else q, 1e-8)
    for name, buffer in theirs.named_buffers():
        close(dict(ours.named_buffers())[name], buffer)
    theirs.load_state_dict(ours.to_torch_state())


class TorchResidual(nn.Module):
    def __init__(self, C, B, F, kernels, stride, eps, momentum, projected):
        super().__init__()
        norm = {"eps": eps, "momentum": momentum}
        self.conv1 = nn.Conv2d(C, B, kernels[0], stride, bias=False)
        self.bn1 = nn.BatchNorm2d(B, **norm)
        self.conv2 = nn.Conv2d(B, F, kernels[1], bias=False)
        self.bn2 = nn.BatchNorm2d(F, **norm)
        shortcut = nn.Sequential(nn.Conv2d(C, F, 1, stride, bias=False), nn.BatchNorm2d(F, **norm))
        self.downsample = shortcut if projected else None
        self.zeros = [nn.ZeroPad2d(((w - 1) // 2, w // 2, (h - 1) // 2, h // 2)) for h, w in kernels]
        self.double()

    def forward(self, x):
        a = torch.relu(self.bn1(self.conv1(self.zeros[0](x))))
        r = self.bn2(self.conv2(self.zeros[1](a)))
        return torch.relu(r + (x if self.downsample is None else self.downsample(x)))


def sizes(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


@settings(max_examples=25, deadline=None)
@given(
    channels=st.tuples(*[st.integers(1, 3)] * 3),
    kernels=st.tuples(sizes(1, 4), sizes(1, 4)),
    stride=sizes(1, 3),
    size=sizes(3, 5),
    N=st.integers(2, 3),
    momentum=st.sampled_from([0.1, None]),
    train=st.booleans(),
    seed=st.integers(0, 99),
)
@pytest.mark.parametrize("projected", [False, True])
def test_residual_blocks(projected, channels, kernels, stride, size, N, momentum, train, seed):
    C, B, F = channels
    more = {"kernel_sizes": kernels, "eps": 0.1, "momentum": momentum}
    if projected:
        ours = ConvolutionalBlock(C, F, B, stride=stride, **more)
    else:
        F, stride = C, 1
        ours = IdentityBlock(C, B, **more)
    rng = np.random.default_rng(seed)
    theirs = TorchResidual(C, B, F, kernels, stride, 0.1, momentum, projected)
    alike(ours, theirs, rng.normal(size=(N, C, *size)), rng, train)


class TorchWaveNet(nn.Module):
    def __init__(self, C, B, K, kernel, dilation, bias):
        super().__init__()
        options = {"bias": bias, "dtype": torch.float64}
        self.conv_filter = nn.Conv1d(C, B, kernel, dilation=dilation, **options)
        self.conv_gate = nn.Conv1d(C, B, kernel, dilation=dilation, **options)
        self.conv_residual = nn.Conv1d(B, C, 1, **options)
        self.conv_skip = nn.Conv1d(B, K, 1, **options)
        self.past = (kernel - 1) * dilation

    def forward(self, x):
        padded = nn.functional.pad(x, (self.past, 0))
        z = torch.tanh(self.conv_filter(padded)) * torch.sigmoid(self.conv_gate(padded))
        return x + self.conv_residual(z), self.conv_skip(z)


@settings(max_examples=30, deadline=None)
@given(
    channels=st.tuples(*[st.integers(1, 3)] * 3),
    kernel=st.integers(1, 3),
    dilation=st.integers(1, 4),
    bias=st.booleans(),
    shape=st.tuples(st.integers(0, 3), st.integers(1, 7)),
    train=st.booleans(),
    seed=st.integers(0, 99),
)
def test_wavenet_block(channels, kernel, dilation, bias, shape, train, seed):
    C, B, K = channels
    N, T = shape  # N = 0: a sequence without a batch
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, C, T) if N else (C, T))
    ours = WaveNetBlock(C, B, K, kernel, dilation, bias)
    alike(ours, TorchWaveNet(C, B, K, kernel, dilation, bias), x, rng, train)


class TorchMasked(nn.Module):
    def __init__(self, mask, bias):
        super().__init__()
        O, I = mask.shape
        self.register_buffer("mask", torch.tensor(mask))
        self.weight = nn.Parameter(torch.zeros(O, I, dtype=torch.float64))
        self.bias = nn.Parameter(torch.zeros(O, dtype=torch.float64)) if bias else None

    def forward(self, x):
        return nn.functional.linear(x, self.weight * self.mask, self.bias)


@settings(max_examples=40, deadline=None)
@given(
    I=st.integers(1, 6),
    O=st.integers(1, 6),
    front=st.lists(st.integers(1, 3), max_size=2),
    epsilon=st.sampled_from([0.5, 1.0, 20.0]),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_sparse_evolutionary(I, O, front, epsilon, bias, seed):
    rng = np.random.default_rng(seed)
    ours = SparseEvolutionary(I, O, epsilon, bias=bias, rng=seed)
    alike(ours, TorchMasked(ours.mask, bias), rng.normal(size=(*front, I)), rng)
