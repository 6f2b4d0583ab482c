"""The same numbers as PyTorch: layers and losses with their gradients to 1e-10, optimizers over 100 steps to 1e-12."""

import itertools

import numpy as np
import pytest

from pellucid import Tensor
from pellucid_nn import SGD, Adam, CrossEntropyLoss, Linear, MSELoss, Parameter, ReLU, Sequential, Sigmoid, Tanh

torch = pytest.importorskip("torch")
nn = torch.nn


def close(ours, theirs, tolerance=1e-10):
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def leaf(array):
    return torch.tensor(array, requires_grad=True)


def backward_alike(ours, theirs, seed=0):
    """Run both backward from the same random gradient."""
    dy = np.random.default_rng(seed).normal(size=ours.shape)
    close(ours.data, theirs)
    ours.backward(dy)
    theirs.backward(torch.tensor(dy))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("front", [(), (1,), (7,), (2, 3)])
def test_linear(front, bias):
    layer = Linear(5, 4, bias=bias, rng=np.random.default_rng(0))
    twin = nn.Linear(5, 4, bias=bias, dtype=torch.float64)
    twin.load_state_dict({name: torch.tensor(array) for name, array in layer.state_dict().items()})
    x = np.random.default_rng(1).normal(size=(*front, 5))
    ours, theirs = Tensor(x, requires_grad=True), leaf(x)
    backward_alike(layer(ours), twin(theirs))
    close(ours.grad.data, theirs.grad)
    for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
        close(p.grad.data, q.grad)


@pytest.mark.parametrize("name", ["ReLU", "Tanh", "Sigmoid"])
def test_activations(name):
    x = np.concatenate([np.random.default_rng(0).normal(size=20) * 3, [0.0, -0.0, 30.0, -30.0]])
    ours, theirs = Tensor(x, requires_grad=True), leaf(x)
    backward_alike({"ReLU": ReLU, "Tanh": Tanh, "Sigmoid": Sigmoid}[name]()(ours), getattr(nn, name)()(theirs))
    close(ours.grad.data, theirs.grad)


W = [0.5, 2.0, 1.0, 0.25]


@pytest.mark.parametrize("shape", [(4,), (6, 4), (3, 4, 5), (2, 4, 3, 2)])
@pytest.mark.parametrize(
    "reduction, weight, smoothing", list(itertools.product(["mean", "sum", "none"], [None, W], [0.0, 0.15]))
)
def test_cross_entropy(shape, reduction, weight, smoothing):
    rng = np.random.default_rng(0)
    z = 3 * rng.normal(size=shape)
    y = rng.integers(0, 4, shape[:1] + shape[2:] if len(shape) > 1 else ())
    t = rng.uniform(size=shape)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    ours = CrossEntropyLoss(weight, ignore_index=2, **options)
    theirs = nn.CrossEntropyLoss(
        None if weight is None else torch.tensor(weight, dtype=torch.float64), ignore_index=2, **options
    )
    a, b = Tensor(z, requires_grad=True), leaf(z)
    if not (reduction == "mean" and (y == 2).all()):
        backward_alike(ours(a, y), theirs(b, torch.tensor(y)))
        close(a.grad.data, b.grad)
    a, b, ta, tb = Tensor(z, requires_grad=True), leaf(z), Tensor(t, requires_grad=True), leaf(t)
    ours.ignore_index = theirs.ignore_index = -100  # both refuse another with probabilities
    backward_alike(ours(a, ta), theirs(b, tb))
    close(a.grad.data, b.grad)
    close(ta.grad.data, tb.grad)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_squared_error(reduction):
    rng = np.random.default_rng(0)
    y, t = rng.normal(size=(2, 5, 3))
    a, b, ta, tb = Tensor(y, requires_grad=True), leaf(y), Tensor(t, requires_grad=True), leaf(t)
    backward_alike(MSELoss(reduction=reduction)(a, ta), nn.MSELoss(reduction=reduction)(b, tb))
    close(a.grad.data, b.grad)
    close(ta.grad.data, tb.grad)


def twins(seed=0):
    rng = np.random.default_rng(seed)
    ours = Sequential(Linear(6, 8, rng=rng), Tanh(), Linear(8, 5, rng=rng), ReLU(), Linear(5, 3, rng=rng))
    theirs = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    theirs.load_state_dict({name: torch.tensor(array) for name, array in ours.state_dict().items()})
    return ours, theirs


def test_a_network_has_the_same_names_and_gradients():
    ours, theirs = twins()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(9, 6)), rng.integers(0, 3, 9)
    CrossEntropyLoss()(ours(x), y).backward()
    nn.CrossEntropyLoss()(theirs(torch.tensor(x)), torch.tensor(y)).backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p.grad.data, q.grad)


def drawn_bounds(n_in):
    """Where PyTorch draws the weights of a layer from."""
    layer = nn.Linear(n_in, 20_000)
    return [values.abs().max().item() for values in (layer.weight, layer.bias)]


@pytest.mark.parametrize("n_in", [3, 40])
def test_initial_values_come_from_the_same_interval(n_in):
    layer = Linear(n_in, 20_000, rng=np.random.default_rng(0))
    ours = [np.abs(values.data).max() for values in (layer.weight, layer.bias)]
    np.testing.assert_allclose(ours, drawn_bounds(n_in), rtol=1e-3)


SGD_OPTIONS = [
    dict(lr=0.05, momentum=momentum, dampening=dampening, weight_decay=decay, nesterov=nesterov, maximize=maximize)
    for momentum, dampening, decay, nesterov, maximize in itertools.product(
        (0.0, 0.9), (0.0, 0.3), (0.0, 0.01), (False, True), (False, True)
    )
    if not (nesterov and (momentum == 0 or dampening))
]
ADAM_OPTIONS = [
    dict(lr=0.01, betas=betas, eps=eps, weight_decay=decay, amsgrad=amsgrad, maximize=maximize)
    for betas, eps, decay, amsgrad, maximize in itertools.product(
        ((0.9, 0.999), (0.5, 0.8)), (1e-8, 1e-3), (0.0, 0.01), (False, True), (False, True)
    )
]


@pytest.mark.parametrize(
    "kind, options", [("SGD", o) for o in SGD_OPTIONS] + [("Adam", o) for o in ADAM_OPTIONS], ids=str
)
def test_trajectories_of_100_steps(kind, options):
    """The gradient of a bowl with a wave on it, bounded, so that climbing is no problem either."""
    rng = np.random.default_rng(0)
    start, A = [rng.normal(size=shape) for shape in ((4, 3), (3,), ())], rng.uniform(0.5, 2.0, 3)
    ours, theirs = [Parameter(a.copy()) for a in start], [nn.Parameter(torch.tensor(a)) for a in start]
    a = {"SGD": SGD, "Adam": Adam}[kind](ours, **options)
    b = getattr(torch.optim, kind)(theirs, **options)
    for step in range(100):
        for i, (p, q) in enumerate(zip(ours, theirs)):
            if (step + i) % 7 == 0:  # now and then one has no gradient
                p.grad = q.grad = None
                continue
            gradient = A[i] * np.tanh(p.data) + 0.3 * np.sin(step + i)
            p.grad, q.grad = Tensor(gradient), torch.tensor(A[i] * np.tanh(q.detach().numpy()) + 0.3 * np.sin(step + i))
        a.step()
        b.step()
    for p, q in zip(ours, theirs):
        close(p.data, q, 1e-12)


@pytest.mark.parametrize(
    "ours, theirs, options",
    [
        (SGD, "SGD", dict(lr=0.05, momentum=0.9, weight_decay=0.01, nesterov=True)),
        (Adam, "Adam", dict(lr=0.01, weight_decay=0.01, amsgrad=True)),
    ],
)
def test_training_a_network_for_100_steps(ours, theirs, options):
    net, twin = twins()
    optimizer, other = ours(net.parameters(), **options), getattr(torch.optim, theirs)(twin.parameters(), **options)
    rng = np.random.default_rng(2)
    for _ in range(100):
        x, y = rng.normal(size=(8, 6)), rng.integers(0, 3, 8)
        optimizer.zero_grad()
        CrossEntropyLoss()(net(x), y).backward()
        optimizer.step()
        other.zero_grad()
        nn.CrossEntropyLoss()(twin(torch.tensor(x)), torch.tensor(y)).backward()
        other.step()
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        close(p.data, q, 1e-10)


def test_state_of_the_optimizers_has_pytorchs_names():
    for kind, options in (("SGD", {"momentum": 0.9}), ("Adam", {"amsgrad": True})):
        p, q = Parameter(np.ones((2, 2))), nn.Parameter(torch.ones(2, 2, dtype=torch.float64))
        ours = {"SGD": SGD, "Adam": Adam}[kind]([p], lr=0.1, **options)
        theirs = getattr(torch.optim, kind)([q], lr=0.1, **options)
        p.grad, q.grad = Tensor(np.ones((2, 2))), torch.ones(2, 2, dtype=torch.float64)
        ours.step()
        theirs.step()
        mine, others = ours.state_dict()["state"][0], theirs.state_dict()["state"][0]
        assert set(others) <= set(mine) and set(mine) - set(others) <= {"step"}
        for name in others:
            np.testing.assert_allclose(mine[name], others[name].numpy(), rtol=1e-12)


def test_states_go_both_ways():
    ours = Sequential(Linear(3, 2, rng=0), ReLU(), Linear(2, 1, rng=1))
    theirs = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)).double()
    theirs.load_state_dict(ours.to_torch_state())
    x = np.random.default_rng(0).normal(size=(4, 3))
    close(ours(x).numpy(), theirs(torch.tensor(x)))
    other = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1)).to(torch.bfloat16)
    assert ours.from_torch_state(other.state_dict()) == ([], [])
    close(ours(x).numpy(), other.double()(torch.tensor(x)))
    before = ours.state_dict()
    with torch.no_grad():
        theirs[0].weight.zero_()
    assert all((ours.state_dict()[name] == array).all() for name, array in before.items())
    with pytest.raises(ValueError, match="missing: 2.weight, 2.bias"):
        ours.from_torch_state(theirs[:2].state_dict())
