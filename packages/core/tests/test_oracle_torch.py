"""Values and gradients beside PyTorch, in float64."""

import numpy as np
import pytest

from pellucid import Tensor

torch = pytest.importorskip("torch")

rng = np.random.default_rng(0)
A, P, B = rng.normal(size=(3, 4)), rng.uniform(0.5, 2, (3, 4)), rng.normal(size=(4, 2))
T = rng.normal(size=(2, 3, 4))
U = np.tanh(A) * 0.8

SAME_NAME = {
    "exp": A, "exp2": A, "expm1": A, "sin": A, "cos": A, "tan": A, "arctan": A, "sinh": A, "cosh": A, "tanh": A,
    "arcsinh": A, "square": A, "reciprocal": P, "abs": A, "negative": A, "sinc": A, "log": P, "log2": P, "log10": P,
    "log1p": P, "sqrt": P, "arcsin": U, "arccos": U, "arctanh": U, "arccosh": P + 1, "deg2rad": A, "rad2deg": A,
}  # fmt: skip
CASES = {name: (getattr(np, name), getattr(torch, name), A_) for name, A_ in SAME_NAME.items()}
CASES |= {
    name: (getattr(np, name), getattr(torch, name), A, P)
    for name in "add subtract multiply divide arctan2 hypot logaddexp logaddexp2 maximum minimum fmax fmin fmod".split()
}
CASES |= {
    "remainder": (np.remainder, torch.remainder, A, P),
    "power": (np.power, torch.pow, P, A),
    "ties": (np.maximum, torch.maximum, A, A),
    "clip at a bound": (
        lambda x: np.clip(x, -1.0, 1.0), lambda x: torch.clamp(x, -1.0, 1.0), np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    ),
    "max of ties": (np.max, torch.amax, np.array([1.0, 3.0, 3.0])),
    "abs at 0": (np.abs, torch.abs, np.zeros(3)),
    "sum": (lambda x: np.sum(x, axis=1), lambda x: x.sum(1), T),
    "mean": (lambda x: np.mean(x, axis=(0, 2)), lambda x: x.mean((0, 2)), T),
    "var": (lambda x: np.var(x, axis=1, ddof=1), lambda x: x.var(1), T),
    "std": (lambda x: np.std(x, axis=1), lambda x: x.std(1, correction=0), T),
    "amax": (lambda x: np.max(x, axis=1), lambda x: x.amax(1), T),
    "prod with a zero": (
        lambda x: np.prod(x, axis=1), lambda x: x.prod(1), A * np.array([0.0, 1.0, 1.0, 1.0])
    ),
    "cumsum": (lambda x: np.cumsum(x, axis=1) ** 2, lambda x: x.cumsum(1) ** 2, A),
    "matmul": (np.matmul, torch.matmul, T, B),
    "matmul with a vector": (np.matmul, torch.matmul, T, B[:, 0]),
    "einsum": (lambda x, y: np.einsum("aij,jk->ika", x, y), lambda x, y: torch.einsum("aij,jk->ika", x, y), T, B),
    "tensordot": (lambda x, y: np.tensordot(x, y, 1), lambda x, y: torch.tensordot(x, y, 1), T, B),
    "logsumexp": (lambda x: np.logaddexp.reduce(x, axis=1), lambda x: torch.logsumexp(x, 1), A),
    "where": (lambda x, y: np.where(A > 0, x * y, y), lambda x, y: torch.where(torch.tensor(A) > 0, x * y, y), A, P),
    "index": (lambda x: x[[0, 0, 2]] ** 2, lambda x: x[[0, 0, 2]] ** 2, A),
    "repeat": (lambda x: np.repeat(x, 2, axis=1) ** 2, lambda x: x.repeat_interleave(2, 1) ** 2, A),
    "tile": (lambda x: np.tile(x, (2, 3)) ** 2, lambda x: x.tile(2, 3) ** 2, A),
    "roll": (lambda x: np.roll(x, 2, 1) * A, lambda x: x.roll(2, 1) * torch.tensor(A), A),
    "concatenate": (lambda x, y: np.concatenate([x, y]) ** 2, lambda x, y: torch.cat([x, y]) ** 2, A, P),
    "tril": (lambda x: np.tril(x) ** 2, lambda x: x.tril() ** 2, A),
    "diagonal": (lambda x: np.diagonal(x, 1) ** 2, lambda x: torch.diagonal(x, 1) ** 2, A),
    "network": (
        lambda x, w: np.sum(np.tanh(x @ w) ** 2 / (1 + np.exp(-x[..., :2]))),
        lambda x, w: torch.sum(torch.tanh(x @ w) ** 2 / (1 + torch.exp(-x[..., :2]))), T, B
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient(name):
    f, g, *xs = CASES[name]
    ours, theirs = [Tensor(x, requires_grad=True) for x in xs], [torch.tensor(x, requires_grad=True) for x in xs]
    y, z = f(*ours), g(*theirs)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-13, atol=1e-13)
    dy = np.random.default_rng(1).normal(size=y.shape)
    y.backward(dy)
    z.backward(torch.tensor(dy))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.grad.data, b.grad.numpy(), rtol=1e-10, atol=1e-12)


def test_second_derivatives():
    f, g, *xs = CASES["network"]
    ours, theirs = [Tensor(x, requires_grad=True) for x in xs], [torch.tensor(x, requires_grad=True) for x in xs]
    f(*ours).backward(create_graph=True)
    firsts = torch.autograd.grad(g(*theirs), theirs, create_graph=True)
    slopes = [x.grad for x in ours]
    for x in ours:
        x.grad = None
    sum([np.sum(dx**2) for dx in slopes]).backward()
    seconds = torch.autograd.grad(sum((dx**2).sum() for dx in firsts), theirs)
    for a, b in zip(ours, seconds, strict=True):
        np.testing.assert_allclose(a.grad.data, b.numpy(), rtol=1e-10)
