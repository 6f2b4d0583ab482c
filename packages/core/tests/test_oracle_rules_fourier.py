"""Transforms beside PyTorch and autograd: value, gradient, Hessian-vector product."""

import warnings

import numpy as np
import pytest

from pellucid import Tensor, grad, vjp

torch = pytest.importorskip("torch")
autograd = pytest.importorskip("autograd")
anp = autograd.numpy

rng = np.random.default_rng(0)


def real(*shape):
    return rng.normal(size=shape)


def mixed(*shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


TORCH = {}
for name in ("fft", "ifft", "rfft", "ihfft", "irfft", "hfft"):
    x = real(3, 6) if name in ("rfft", "ihfft") else mixed(3, 6)
    for n in (None, 4, 5, 11):
        for norm in ("backward", "ortho", "forward"):
            if n is None or norm == "ortho":
                TORCH[f"{name} {n} {norm}"] = name, {"n": n, "norm": norm}, x
    TORCH[f"{name} axis"] = name, {"n": 5, "axis": 0}, x
for name in ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn", "irfft2", "irfftn"):
    x = real(2, 3, 4) if name.startswith("r") else mixed(2, 3, 4)
    TORCH[name] = name, {}, x
    TORCH[f"{name} s and axes"] = name, {"s": (5, 2), "axes": (0, 2), "norm": "ortho"}, x
for name in ("fftshift", "ifftshift"):
    TORCH[name] = name, {}, mixed(3, 4)
    TORCH[f"{name} axes"] = name, {"axes": (0,)}, mixed(3, 4)


def of_torch(keywords):
    return {{"axis": "dim", "axes": "dim"}.get(key, key): value for key, value in keywords.items()}


@pytest.mark.parametrize("case", TORCH)
def test_torch(case):
    """PyTorch's gradient of a complex input is the conjugate of ours."""
    name, keywords, x = TORCH[case]
    ours, theirs = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y = getattr(np.fft, name)(ours, **keywords)
    z = getattr(torch.fft, name)(theirs, **of_torch(keywords))
    np.testing.assert_allclose(y.data, z.detach().resolve_conj().numpy(), rtol=1e-12, atol=1e-12)
    dy = mixed(*y.shape) if y.dtype.kind == "c" else real(*y.shape)
    y.backward(dy)
    z.backward(torch.tensor(np.conj(dy)))
    np.testing.assert_allclose(ours.grad.data, np.conj(theirs.grad.resolve_conj().numpy()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", TORCH)
def test_hessian_vector_products_of_torch(case):
    name, keywords, x = TORCH[case]
    v = mixed(*x.shape) if np.iscomplexobj(x) else real(*x.shape)

    def loss(x):
        return np.sum(np.abs(getattr(np.fft, name)(x, **keywords)) ** 4)

    found = grad(lambda x: np.sum(np.real(grad(loss)(x) * v)))(x)
    at = torch.tensor(x, requires_grad=True)
    y = getattr(torch.fft, name)(at, **of_torch(keywords))
    (slope,) = torch.autograd.grad(torch.sum(torch.abs(y) ** 4), at, create_graph=True)
    (expected,) = torch.autograd.grad(torch.sum(torch.real(torch.conj(slope) * torch.tensor(v))), at)
    np.testing.assert_allclose(found, np.conj(expected.resolve_conj().numpy()), rtol=1e-9, atol=1e-9)


AUTOGRAD = {
    "fft": mixed(2, 5), "ifft": mixed(2, 5), "fft2": mixed(3, 4), "ifft2": mixed(3, 4), "fftn": mixed(3, 4),
    "ifftn": mixed(3, 4), "rfft": real(2, 6), "irfft": mixed(2, 4), "fftshift": real(5), "ifftshift": real(5),
}  # fmt: skip


@pytest.mark.parametrize("name", AUTOGRAD)
def test_autograd(name):
    x = AUTOGRAD[name]
    with warnings.catch_warnings(action="ignore"):  # it passes s without axes
        pullback, y = autograd.make_vjp(getattr(anp.fft, name))(x)
        dy = mixed(*np.shape(y)) if np.iscomplexobj(y) else real(*np.shape(y))
        expected = pullback(dy)
    found, ours = vjp(getattr(np.fft, name), x)
    np.testing.assert_allclose(found, y)
    np.testing.assert_allclose(ours(dy)[0], expected, rtol=1e-12, atol=1e-12)
