"""The same numbers as PyTorch: activations, softmax, merging, with first and second gradients; initializers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor
from pellucid_nn import activations as a
from pellucid_nn import initializers as init
from pellucid_nn import merging, softmax

torch = pytest.importorskip("torch")
nn = torch.nn

modest = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


def close(ours, theirs, tolerance=1e-10):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def alike(ours, theirs, *inputs, rng):
    """Value, gradients, and the gradients of a function of the gradients."""
    mine = [Tensor(x, requires_grad=True) for x in inputs]
    peers = [torch.tensor(x, requires_grad=True) for x in inputs]
    y, z = ours(*mine), theirs(*peers)
    assert y.shape == tuple(z.shape)
    close(y.data, z)
    dy = rng.normal(size=y.shape)
    y.backward(dy, create_graph=True)
    slopes = [x.grad for x in mine]
    others = torch.autograd.grad(z, peers, torch.tensor(dy), create_graph=True)
    for slope, other in zip(slopes, others, strict=True):
        close(slope.data, other)
    weights = [rng.normal(size=x.shape) for x in inputs]
    for x in mine:
        x.grad = None
    total = sum(np.sum(slope * w) for slope, w in zip(slopes, weights))
    if total.requires_grad:  # what is linear has constant gradients
        total.backward()
    their_total = sum((other * torch.tensor(w)).sum() for other, w in zip(others, weights))
    if not their_total.requires_grad:
        assert all(x.grad is None or not x.grad.data.any() for x in mine)
        return
    for x, other in zip(mine, torch.autograd.grad(their_total, peers, allow_unused=True), strict=True):
        found = np.zeros(x.shape) if x.grad is None else x.grad.data
        close(found, torch.zeros(x.shape) if other is None else other, 1e-8)


settings_of = {
    "ReLU": st.just({}),
    "Tanh": st.just({}),
    "Sigmoid": st.just({}),
    "Identity": st.just({}),
    "LeakyReLU": st.fixed_dictionaries({}, optional={"negative_slope": st.floats(0, 2)}),
    "ELU": st.fixed_dictionaries({}, optional={"alpha": st.floats(0.1, 3)}),
    "SELU": st.just({}),
    "GELU": st.fixed_dictionaries({}, optional={"approximate": st.sampled_from(["none", "tanh"])}),
    "SiLU": st.just({}),
    "Softplus": st.fixed_dictionaries({}, optional={"beta": st.floats(0.2, 4), "threshold": st.floats(1, 30)}),
}


@pytest.mark.parametrize("name", settings_of)
@given(data=st.data(), shape=shapes, seed=seeds, scale=st.sampled_from([0.1, 1.0, 5.0, 100.0]))
@settings(max_examples=12, deadline=None)
def test_activations(name, data, shape, seed, scale):
    options = data.draw(settings_of[name])
    ours, theirs = getattr(a, name)(**options), getattr(nn, name)(**options)
    rng = np.random.default_rng(seed)
    alike(ours, theirs, scale * rng.normal(size=shape), rng=rng)
    assert list(theirs.state_dict()) == list(ours.state_dict()) == []
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", settings_of)
def test_activations_where_they_bend(name):
    x = np.array([0.0, -0.0, 3.0, -3.0, 1e3, -1e3, 20.0, 1e-300])
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, z = getattr(a, name)()(ours), getattr(nn, name)()(theirs)
    close(y.data, z)
    y.sum().backward()
    z.sum().backward()
    close(ours.grad.data, theirs.grad)


@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_activations_that_pytorch_writes_otherwise(scale):
    """Its Hardsigmoid sends back the 1/6 of single precision even in double; the same in two steps does not."""
    rng = np.random.default_rng(0)
    alike(a.Exponential(), torch.exp, scale * rng.normal(size=(2, 3)), rng=rng)
    alike(a.Hardsigmoid(), lambda x: nn.functional.relu6(x + 3) / 6, scale * rng.normal(size=(4, 5)), rng=rng)
    assert repr(a.Hardsigmoid()) == repr(nn.Hardsigmoid())


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
@given(data=st.data(), seed=seeds, scale=st.sampled_from([1.0, 30.0, 1e4]))
@modest
def test_softmax(name, data, seed, scale):
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    rng = np.random.default_rng(seed)
    ours, theirs = getattr(softmax, name)(dim), getattr(nn, name)(dim)
    alike(ours, theirs, scale * rng.normal(size=shape), rng=rng)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (2, 3, 1, 2)])
@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
def test_softmax_without_an_axis(shape):
    rng = np.random.default_rng(0)
    alike(softmax.Softmax(), nn.Softmax(), rng.normal(size=shape), rng=rng)


@given(data=st.data(), seed=seeds)
@modest
def test_merging(data, seed):
    rng = np.random.default_rng(seed)
    shape = data.draw(st.lists(st.integers(1, 3), max_size=3))
    xs = []
    for _ in range(data.draw(st.integers(2, 4))):
        cut = data.draw(st.integers(0, len(shape)))
        xs.append(rng.normal(size=[1 if data.draw(st.booleans()) else n for n in shape[cut:]]))
    alike(merging.Add(), lambda *xs: sum(xs[1:], xs[0]), *xs, rng=rng)
    alike(merging.Multiply(), lambda *xs: torch.stack(torch.broadcast_tensors(*xs)).prod(0), *xs, rng=rng)


@given(data=st.data(), shape=st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple), seed=seeds)
@modest
def test_flatten(data, shape, seed):
    start = data.draw(st.integers(0, len(shape) - 1))
    end = data.draw(st.integers(start, len(shape) - 1)) - data.draw(st.sampled_from([0, len(shape)]))
    rng = np.random.default_rng(seed)
    ours, theirs = merging.Flatten(start, end), nn.Flatten(start, end)
    alike(ours, theirs, rng.normal(size=shape), rng=rng)
    assert repr(ours) == repr(theirs)


NAMES = ["linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid"]


def test_gains():
    for name in [*NAMES, "tanh", "relu", "leaky_relu", "selu"]:
        assert init.calculate_gain(name) == nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.3) == nn.init.calculate_gain("leaky_relu", 0.3)


@pytest.mark.parametrize("shape", [(400, 300), (60, 50, 6, 6)])
@pytest.mark.parametrize(
    "name, options",
    [
        ("uniform_", {"a": -1.0, "b": 3.0}),
        ("normal_", {"mean": 1.0, "std": 2.0}),
        ("trunc_normal_", {}),
        ("trunc_normal_", {"mean": 1.0, "std": 2.0, "a": 0.0, "b": 1.5}),
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {}),
        ("kaiming_uniform_", {}),
        ("kaiming_uniform_", {"a": 5**0.5}),
        ("kaiming_normal_", {"mode": "fan_out", "nonlinearity": "relu"}),
        ("orthogonal_", {"gain": 3.0}),
    ],
)
def test_initializers_draw_from_the_same_distributions(name, options, shape):
    ours = getattr(init, name)(np.zeros(shape), rng=0, **options)
    torch.manual_seed(0)
    theirs = getattr(nn.init, name)(torch.zeros(shape, dtype=torch.float64), **options).numpy()
    np.testing.assert_allclose(ours.mean(), theirs.mean(), atol=0.02 * theirs.std())
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.02)
    if "uniform" in name or (name == "trunc_normal_" and options):
        np.testing.assert_allclose([ours.min(), ours.max()], [theirs.min(), theirs.max()], atol=1e-2 * theirs.std())
    if name == "orthogonal_":
        a, b = (x.reshape(shape[0], -1) for x in (ours, theirs))
        a, b = (x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x for x in (a, b))
        np.testing.assert_allclose(a, b, atol=1e-10)
