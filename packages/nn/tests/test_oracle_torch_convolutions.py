"""The same numbers as PyTorch: convolutions with random options, gradients to 1e-10, second derivatives to 1e-8."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor
from pellucid_nn.conv1d import Conv1d, conv1d
from pellucid_nn.conv2d import Conv2d, conv2d
from pellucid_nn.conv_transpose2d import ConvTranspose2d, conv_transpose2d
from pellucid_nn.im2col import col2im, im2col, pad

torch = pytest.importorskip("torch")
F = torch.nn.functional


def close(ours, theirs, tolerance=1e-10):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def first_and_second_order_alike(ours, theirs, arrays, seed=0):
    """Values, the gradients of ⟨dy, y⟩, and those of a random sum of all these gradients."""
    rng = np.random.default_rng(seed)
    mine = [Tensor(a, requires_grad=True) for a in arrays]
    other = [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = ours(*mine), theirs(*other)
    close(y.data, z)
    dy = rng.normal(size=y.shape)
    dy_mine, dy_other = Tensor(dy, requires_grad=True), torch.tensor(dy, requires_grad=True)
    np.sum(y * dy_mine).backward(create_graph=True)
    gradients = torch.autograd.grad((z * dy_other).sum(), other, create_graph=True)
    weights = [rng.normal(size=a.shape) for a in arrays]
    found = [x.grad for x in mine]
    for g, h in zip(found, gradients):
        close(g.data, h)
    for x in [*mine, dy_mine]:
        x.grad = None
    total = sum(np.sum(g * g * w) for g, w in zip(found, weights))
    total.backward()
    other_total = sum((h * h * torch.tensor(w)).sum() for h, w in zip(gradients, weights))
    second = torch.autograd.grad(other_total, [*other, dy_other], allow_unused=True)
    for x, h in zip([*mine, dy_mine], second):
        if h is None:  # the bias: nothing of second order depends on it
            assert x.grad is None or not x.grad.data.any()
        else:
            close(x.grad.data, h, 1e-8)


def pairs(most, least=1):
    return st.tuples(st.integers(least, most), st.integers(least, most))


def drawn(N, front, size, shape, F_out, bias, unbatched):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(*front, *size) if unbatched else (N, *front, *size))
    arrays = [x, rng.normal(size=shape)]
    return [*arrays, rng.normal(size=F_out)] if bias else arrays


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")  # PyTorch's, about its speed
@settings(max_examples=60, deadline=None)
@given(
    kernel=pairs(3),
    stride=pairs(3),
    padding=st.one_of(pairs(3, 0), st.integers(0, 2), st.sampled_from(["same", "valid"])),
    dilation=pairs(3),
    groups=st.integers(1, 3),
    sizes=st.tuples(*[st.integers(1, 3)] * 3, st.integers(0, 4), st.integers(0, 4)),
    bias=st.booleans(),
    unbatched=st.booleans(),
)
def test_conv2d(kernel, stride, padding, dilation, groups, sizes, bias, unbatched):
    N, C_G, F_G, *more = sizes
    if padding == "same":
        stride = (1, 1)
    size = [d * (k - 1) + 1 + n for d, k, n in zip(dilation, kernel, more)]
    shape = F_G * groups, C_G, *kernel
    arrays = drawn(N, [C_G * groups], size, shape, shape[0], bias, unbatched)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    first_and_second_order_alike(lambda *a: conv2d(*a, **options), lambda *a: F.conv2d(*a, **options), arrays)


@pytest.mark.filterwarnings("ignore:Using padding=.same. with even kernel")
@settings(max_examples=40, deadline=None)
@given(
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.one_of(st.integers(0, 3), st.sampled_from(["same", "valid", "causal"])),
    dilation=st.integers(1, 3),
    groups=st.integers(1, 3),
    sizes=st.tuples(*[st.integers(1, 3)] * 3, st.integers(0, 6)),
    bias=st.booleans(),
    unbatched=st.booleans(),
)
def test_conv1d(kernel, stride, padding, dilation, groups, sizes, bias, unbatched):
    N, C_G, F_G, more = sizes
    stride = 1 if padding == "same" else stride
    shape = F_G * groups, C_G, kernel
    arrays = drawn(N, [C_G * groups], [dilation * (kernel - 1) + 1 + more], shape, shape[0], bias, unbatched)
    options = {"stride": stride, "dilation": dilation, "groups": groups}

    def theirs(x, *rest):
        if padding == "causal":
            return F.conv1d(F.pad(x, (dilation * (kernel - 1), 0)), *rest, **options)
        return F.conv1d(x, *rest, padding=padding, **options)

    first_and_second_order_alike(lambda *a: conv1d(*a, padding=padding, **options), theirs, arrays)


@settings(max_examples=50, deadline=None)
@given(
    kernel=pairs(3),
    stride=pairs(3),
    padding=pairs(2, 0),
    extra=pairs(2, 0),
    dilation=pairs(3),
    groups=st.integers(1, 3),
    sizes=st.tuples(*[st.integers(1, 3)] * 5),
    bias=st.booleans(),
    unbatched=st.booleans(),
)
def test_conv_transpose2d(kernel, stride, padding, extra, dilation, groups, sizes, bias, unbatched):
    N, C_G, F_G, *size = sizes
    extra = tuple(min(e, max(s, d) - 1) for e, s, d in zip(extra, stride, dilation))
    large = [
        (n - 1) * s - 2 * p + d * (k - 1) + 1 + e
        for n, s, p, d, k, e in zip(size, stride, padding, dilation, kernel, extra)
    ]
    if min(large) < 1:
        padding = (0, 0)
    shape = C_G * groups, F_G, *kernel
    arrays = drawn(N, [C_G * groups], size, shape, F_G * groups, bias, unbatched)
    options = {"stride": stride, "padding": padding, "output_padding": extra, "groups": groups, "dilation": dilation}
    first_and_second_order_alike(
        lambda *a: conv_transpose2d(*a, **options), lambda *a: F.conv_transpose2d(*a, **options), arrays
    )


@pytest.mark.parametrize("size", [(9, 7), (10, 8), (9, 9), (2, 3, 10, 9)])
def test_a_transposed_convolution_of_a_given_size(size):
    ours = ConvTranspose2d(2, 3, 3, (2, 3), (0, 1), rng=0)
    theirs = torch.nn.ConvTranspose2d(2, 3, 3, (2, 3), (0, 1)).double()
    theirs.load_state_dict(ours.to_torch_state())
    x = np.random.default_rng(0).normal(size=(2, 2, 4, 3))
    close(ours(x, output_size=size).data, theirs(torch.tensor(x), output_size=size[-2:]))


@settings(max_examples=30, deadline=None)
@given(kernel=pairs(3), stride=pairs(3), padding=pairs(2, 0), dilation=pairs(2), more=pairs(4, 0), front=st.booleans())
def test_im2col_and_col2im(kernel, stride, padding, dilation, more, front):
    size = [d * (k - 1) + 1 + n for d, k, n in zip(dilation, kernel, more)]
    x = np.random.default_rng(0).normal(size=(2, 3, *size) if front else (3, *size))
    options = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    first_and_second_order_alike(lambda x: im2col(x, **options), lambda x: F.unfold(x, **options), [x])
    cols = im2col(x, **options)
    first_and_second_order_alike(
        lambda c: col2im(c, output_size=size, **options), lambda c: F.fold(c, size, **options), [cols]
    )


def test_pad_has_another_order_of_sides():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    top, bottom, left, right = 1, 2, 3, 4
    close(pad(x, padding=(top, bottom, left, right)), F.pad(torch.tensor(x), (left, right, top, bottom)))


LAYERS = [
    ("Conv1d", Conv1d, (4, 6, 3), {}, (2, 4, 9)),
    ("Conv1d", Conv1d, (4, 6, 3, 2, 1, 2, 2, False), {}, (2, 4, 9)),
    ("Conv1d", Conv1d, (4, 6, 4), {"padding": "same", "padding_mode": "circular"}, (2, 4, 9)),
    ("Conv2d", Conv2d, (4, 6, 3), {}, (2, 4, 6, 7)),
    ("Conv2d", Conv2d, (4, 6, (3, 2), (1, 2), (2, 1), (2, 1), 2, False), {}, (2, 4, 6, 7)),
    ("Conv2d", Conv2d, (4, 4, 3), {"groups": 4, "padding": "same"}, (4, 6, 7)),
    ("Conv2d", Conv2d, (4, 6, 3), {"padding": (2, 1), "padding_mode": "reflect"}, (2, 4, 6, 7)),
    ("Conv2d", Conv2d, (4, 6, (4, 3)), {"padding": "same", "padding_mode": "replicate"}, (2, 4, 6, 7)),
    ("Conv2d", Conv2d, (4, 6, 3), {"padding": (2, 1), "padding_mode": "circular"}, (4, 6, 7)),
    ("ConvTranspose2d", ConvTranspose2d, (4, 6, 3), {}, (2, 4, 6, 7)),
    ("ConvTranspose2d", ConvTranspose2d, (4, 6, (3, 2), (1, 2), 1, (0, 1), 2, False, 2), {}, (2, 4, 6, 7)),
]


@pytest.mark.parametrize("name, ours, args, kwargs, shape", LAYERS, ids=str)
def test_layers_exchange_states_and_have_the_same_gradients(name, ours, args, kwargs, shape):
    layer = ours(*args, **kwargs, rng=0)
    twin = getattr(torch.nn, name)(*args, **kwargs, dtype=torch.float64)
    assert repr(layer) == repr(twin)
    twin.load_state_dict(layer.to_torch_state())
    x = np.random.default_rng(1).normal(size=shape)
    a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = layer(a), twin(b)
    close(y.data, z)
    dy = np.random.default_rng(2).normal(size=y.shape)
    y.backward(dy)
    z.backward(torch.tensor(dy))
    close(a.grad.data, b.grad)
    for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
        close(p.grad.data, q.grad)
    fresh = getattr(torch.nn, name)(*args, **kwargs, dtype=torch.float64)
    assert layer.from_torch_state(fresh.state_dict()) == ([], [])
    close(layer(x).data, fresh(torch.tensor(x)))


@pytest.mark.parametrize(
    "name, ours, args",
    [
        ("Conv1d", Conv1d, (6, 3000, 5)),
        ("Conv2d", Conv2d, (6, 3000, (2, 3), 1, 0, 1, 3)),
        ("ConvTranspose2d", ConvTranspose2d, (6000, 6, (2, 3), 1, 0, 0, 3)),
    ],
)
def test_initial_values_come_from_the_same_interval(name, ours, args):
    layer, twin = ours(*args, rng=0), getattr(torch.nn, name)(*args)
    np.testing.assert_allclose(np.abs(layer.weight.data).max(), twin.weight.abs().max().item(), rtol=2e-3)
    assert np.abs(layer.bias.data).max() <= 1.01 * twin.weight.abs().max().item()
