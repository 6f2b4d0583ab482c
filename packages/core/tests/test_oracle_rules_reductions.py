"""Reductions, ordering and statistics beside PyTorch and HIPS autograd: value, gradient, Hessian times a vector."""

import numpy as np
import pytest

from pellucid import vjp

rng = np.random.default_rng(0)
A = rng.normal(size=(4, 5))
T = rng.normal(size=(2, 3, 5))
ZEROS = np.where(rng.uniform(size=(4, 5)) < 0.3, 0.0, A)
TIES = np.round(A)
HOLES = np.where(rng.uniform(size=(4, 5)) < 0.3, np.nan, A)
v = rng.normal(size=7)
w = rng.uniform(0.5, 1, 5)


def orders(f, x, u, d):
    """f(x), its gradient along u, and the derivative of that along d."""
    y, pullback = vjp(f, x)
    return y, pullback(u)[0], vjp(lambda x: vjp(f, x)[1](u)[0], x)[1](d)[0]


def compare(found, expected):
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12)


TORCH = {
    "sum": (lambda x: np.sum(x**2, axis=1), lambda t, x: (x**2).sum(1), A),
    "mean": (lambda x: np.mean(x**2, axis=(0, 2)), lambda t, x: (x**2).mean((0, 2)), T),
    "prod": (lambda x: np.prod(x, axis=1), lambda t, x: x.prod(1), A),
    "prod with zeros": (lambda x: np.prod(x, axis=1), lambda t, x: x.prod(1), ZEROS),
    "prod of all": (np.prod, lambda t, x: x.prod(), A[:2, :3]),
    "max": (lambda x: np.max(x, axis=1), lambda t, x: t.amax(x, 1), A),
    "max, ties": (lambda x: np.max(x, axis=(0, 1)), lambda t, x: t.amax(x, (0, 1)), TIES),
    "min, ties": (lambda x: np.min(x, axis=1, keepdims=True), lambda t, x: t.amin(x, 1, keepdim=True), TIES),
    "var": (lambda x: np.var(x, axis=1, ddof=1), lambda t, x: x.var(1), A),
    "var, correction": (lambda x: np.var(x, axis=0, correction=2), lambda t, x: x.var(0, correction=2), A),
    "std": (lambda x: np.std(x, axis=(0, 2)), lambda t, x: x.std((0, 2), correction=0), T),
    "cumsum": (lambda x: np.cumsum(x**2, axis=0), lambda t, x: (x**2).cumsum(0), A),
    "cumprod": (lambda x: np.cumprod(x, axis=1), lambda t, x: x.cumprod(1), A),
    "cumprod with zeros": (lambda x: np.cumprod(x, axis=1), lambda t, x: x.cumprod(1), ZEROS),
    "nansum": (lambda x: np.nansum(x, axis=0), lambda t, x: x.nansum(0), HOLES),
    "nanmean": (lambda x: np.nanmean(x, axis=0), lambda t, x: x.nanmean(0), HOLES),
    "sort": (lambda x: np.sort(x**2, axis=1), lambda t, x: (x**2).sort(1)[0], A),
    "median": (lambda x: np.median(x, axis=1), lambda t, x: x.median(1)[0], A),
    "nanmedian": (np.nanmedian, lambda t, x: x.nanmedian(), np.array([1.0, np.nan, 3.0, 2.0])),
    "cov": (np.cov, lambda t, x: t.cov(x), A),
    "cov, weights": (
        lambda x: np.cov(x, fweights=[1, 2, 1, 3, 1], aweights=w, ddof=0),
        lambda t, x: t.cov(x, fweights=t.tensor([1, 2, 1, 3, 1]), aweights=t.tensor(w), correction=0),
        A,
    ),
    "corrcoef": (np.corrcoef, lambda t, x: t.corrcoef(x), A),
}
for method in ("linear", "lower", "higher", "midpoint", "nearest"):
    for name in ("quantile", "nanquantile"):
        TORCH[f"{name} {method}"] = (
            lambda x, n=name, m=method: getattr(np, n)(x**2, [0.2, 0.55, 0.9], axis=1, method=m),
            lambda t, x, n=name, m=method: getattr(t, n)(
                x**2, t.tensor([0.2, 0.55, 0.9], dtype=x.dtype), 1, interpolation=m
            ),
            A,
        )


@pytest.mark.parametrize("name", TORCH)
def test_torch(name):
    torch = pytest.importorskip("torch")
    f, g, x = TORCH[name]
    t = torch.tensor(x, requires_grad=True)
    y = g(torch, t)
    u, d = rng.normal(size=tuple(y.shape)), rng.normal(size=x.shape)
    (dx,) = torch.autograd.grad(y, t, torch.tensor(u), create_graph=True)
    second = torch.zeros_like(t)
    if dx.requires_grad:
        found = torch.autograd.grad(dx, t, torch.tensor(d), allow_unused=True)[0]
        second = second if found is None else found
    compare(orders(f, x, u, d), [y.detach().numpy(), dx.detach().numpy(), second.detach().numpy()])


AUTOGRAD = {
    "sum": (lambda np, x: np.sum(np.exp(x), axis=(0, 2)), T),
    "mean": (lambda np, x: np.mean(np.exp(x), axis=1, keepdims=True), A),
    "prod": (lambda np, x: np.prod(x, axis=1), A),
    "max": (lambda np, x: np.max(x * x, axis=0), A),
    "min, ties": (lambda np, x: np.min(x, axis=1), TIES),
    "var": (lambda np, x: np.var(x, axis=0, ddof=1), A),
    "std": (lambda np, x: np.std(x, axis=1), A),
    "cumsum": (lambda np, x: np.cumsum(x * x, axis=1), A),
    "sort": (lambda np, x: np.sort(x * x), v),
    "partition": (lambda np, x: np.partition(x * x, 3)[3], v),
}
COMPLEX = {
    "sum": lambda np, z: np.sum(z * z, axis=1),
    "mean": lambda np, z: np.mean(z * z * z, axis=0),
    "prod": lambda np, z: np.prod(z, axis=1),
    "var": lambda np, z: np.var(z, axis=1),
    "std": lambda np, z: np.std(z, axis=0),
    "cumsum": lambda np, z: np.cumsum(z * z, axis=0),
}


def beside_autograd(f, x):
    peer = pytest.importorskip("autograd")
    anp = pytest.importorskip("autograd.numpy")
    back, y = peer.make_vjp(lambda x: f(anp, x))(x)
    form = np.ones(np.shape(y), np.result_type(y)) * (1 + 0.5j if np.iscomplexobj(y) else 1)
    u, d = rng.normal(size=np.shape(y)) * form, rng.normal(size=x.shape) * (1 + 0.5j if np.iscomplexobj(x) else 1)
    twice, dx = peer.make_vjp(lambda x: peer.make_vjp(lambda x: f(anp, x))(x)[0](u))(x)
    compare(orders(lambda x: f(np, x), x, u, d), [y, dx, twice(d)])


@pytest.mark.parametrize("name", AUTOGRAD)
def test_autograd(name):
    beside_autograd(*AUTOGRAD[name])


@pytest.mark.parametrize("name", COMPLEX)
def test_autograd_of_complex_numbers(name):
    beside_autograd(COMPLEX[name], A + 1j * A[::-1])
