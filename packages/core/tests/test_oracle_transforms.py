"""Transforms beside those of HIPS autograd, torch.func and torch.autograd.functional, in float64."""

import numpy as np
import pytest

from pellucid import grad, value_and_grad, vjp
from pellucid.checkpointing import checkpoint
from pellucid.derivatives import elementwise_grad, hessian, hvp, jacobian, jvp

rng = np.random.default_rng(0)
x, v, u = rng.normal(size=4), rng.normal(size=4), rng.normal(size=3)
A = rng.normal(size=(3, 4))
P = {"W": rng.normal(size=(3, 4)), "b": rng.normal(size=3)}
V = {"W": rng.normal(size=(3, 4)), "b": rng.normal(size=3)}
z, dz = x + 1j * v, v - 2j * x


def curve(xp, x):
    """(4,) -> (3,)"""
    return xp.tanh(xp.asarray(A) @ x) * x[0] + xp.sin(x[1:]) ** 2


def loss(xp, x):
    return xp.sum(curve(xp, x) ** 2) * xp.exp(x[3])


def network(xp, p, x):
    return xp.sum(xp.tanh(p["W"] @ x + p["b"]) ** 3)


def holomorphic(xp, z):
    return xp.exp(z) * z**2


def of_pellucid(f):
    return lambda *args: f(np, *args)


def close(a, b, rtol=1e-11):
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            close(a[key], b[key], rtol)
    elif isinstance(a, tuple):
        assert len(a) == len(b)
        for p, q in zip(a, b, strict=True):
            close(p, q, rtol)
    else:
        np.testing.assert_allclose(a, np.asarray(b), rtol=rtol, atol=1e-13)


class TestAutograd:
    @pytest.fixture
    def theirs(self):
        self.autograd = pytest.importorskip("autograd")
        import autograd.numpy as anp
        from autograd import differential_operators

        self.operators = differential_operators
        return lambda f: lambda *args: f(anp, *args)

    def test_gradients(self, theirs):
        close(grad(of_pellucid(loss))(x), self.autograd.grad(theirs(loss))(x))
        close(value_and_grad(of_pellucid(loss))(x), self.autograd.value_and_grad(theirs(loss))(x))
        close(grad(of_pellucid(network))(P, x), self.autograd.grad(theirs(network))(P, x))
        close(grad(of_pellucid(network), argnums=(0, 1))(P, x), self.autograd.grad(theirs(network), (0, 1))(P, x))

    def test_jacobians_and_hessians(self, theirs):
        close(jacobian(of_pellucid(curve))(x), self.autograd.jacobian(theirs(curve))(x))
        close(hessian(of_pellucid(loss))(x), self.autograd.hessian(theirs(loss))(x))
        close(hessian(of_pellucid(curve))(x), self.autograd.hessian(theirs(curve))(x))
        long = lambda xp, x: xp.outer(xp.exp(x), xp.ones(30))
        close(jacobian(of_pellucid(long))(x), self.autograd.jacobian(theirs(long))(x))

    def test_products(self, theirs):
        operators = self.operators
        close(vjp(of_pellucid(curve), x)[1](u)[0], operators.make_vjp(theirs(curve))(x)[0](u))
        close(jvp(of_pellucid(curve), (x,), (v,))[1], operators.make_jvp_reversemode(theirs(curve))(x)(v))
        close(jvp(of_pellucid(curve), (x,), (v,))[1], self.autograd.jacobian(theirs(curve))(x) @ v)
        close(hvp(of_pellucid(loss))(x, v), operators.hessian_vector_product(theirs(loss))(x, v))

    def test_elementwise(self, theirs):
        f = lambda xp, x: xp.exp(xp.sin(x)) / (1 + x**2)
        ours, others = of_pellucid(f), theirs(f)
        for _ in range(4):
            close(ours(x), others(x))
            ours, others = elementwise_grad(ours), self.autograd.elementwise_grad(others)

    def test_complex_numbers(self, theirs):
        f = lambda xp, z: xp.real(xp.exp(z[0]) * xp.conj(z[1])) + xp.sum(xp.abs(z)) + xp.imag(z[2] ** 3)
        close(grad(of_pellucid(f))(z), self.autograd.grad(theirs(f))(z))
        ours, others = of_pellucid(holomorphic), theirs(holomorphic)
        for point in z:
            close(grad(ours, holomorphic=True)(point), self.autograd.holomorphic_grad(others)(point))
        close(vjp(ours, z)[1](dz)[0], self.operators.make_vjp(others)(z)[0](dz))

    def test_checkpoint(self, theirs):
        piece = lambda xp, x: xp.tanh(x) * xp.cos(x)
        ours = lambda x: np.sum(checkpoint(of_pellucid(piece))(checkpoint(of_pellucid(piece))(x)))
        wrapped = self.operators.checkpoint(theirs(piece))
        close(grad(ours)(x), self.autograd.grad(lambda x: sum(wrapped(wrapped(x))))(x))


class TestTorch:
    @pytest.fixture
    def theirs(self):
        self.torch = pytest.importorskip("torch")
        return lambda f: lambda *args: f(self.torch, *args)

    def tensors(self, x):
        if isinstance(x, dict):
            return {key: self.torch.tensor(value) for key, value in x.items()}
        return self.torch.tensor(x)

    def test_gradients(self, theirs):
        func, X, p = self.torch.func, self.tensors(x), self.tensors(P)
        close(grad(of_pellucid(loss))(x), func.grad(theirs(loss))(X))
        close(grad(of_pellucid(network), argnums=(0, 1))(P, x), func.grad(theirs(network), (0, 1))(p, X))
        aux = lambda xp, x: (loss(xp, x), {"twice": 2 * x})
        close(grad(of_pellucid(aux), has_aux=True)(x), func.grad(theirs(aux), has_aux=True)(X))

    def test_products(self, theirs):
        func, X = self.torch.func, self.tensors(x)
        y, pullback = func.vjp(theirs(curve), X)
        close(vjp(of_pellucid(curve), x)[0], y)
        close(vjp(of_pellucid(curve), x)[1](u), pullback(self.tensors(u)))
        close(jvp(of_pellucid(curve), (x,), (v,)), func.jvp(theirs(curve), (X,), (self.tensors(v),)))
        nested = lambda xp, p, x: {"y": p["W"] @ x, "loss": network(xp, p, x)}
        close(
            jvp(of_pellucid(nested), (P, x), (V, v)),
            func.jvp(theirs(nested), (self.tensors(P), X), (self.tensors(V), self.tensors(v))),
        )
        hvp_of_torch = self.torch.autograd.functional.hvp(theirs(loss), X, self.tensors(v))[1]
        close(hvp(of_pellucid(loss))(x, v), hvp_of_torch)
        slope = func.grad(theirs(network))
        forward_over_reverse = func.jvp(lambda p: slope(p, X), (self.tensors(P),), (self.tensors(V),))[1]
        close(hvp(of_pellucid(network))(P, x, V), forward_over_reverse)

    def test_jacobians_and_hessians(self, theirs):
        func, X, p = self.torch.func, self.tensors(x), self.tensors(P)
        close(jacobian(of_pellucid(curve))(x), func.jacrev(theirs(curve))(X))
        close(jacobian(of_pellucid(curve))(x), func.jacfwd(theirs(curve))(X))
        close(jacobian(of_pellucid(curve))(x), self.torch.autograd.functional.jacobian(theirs(curve), X))
        close(hessian(of_pellucid(loss))(x), func.hessian(theirs(loss))(X))
        close(hessian(of_pellucid(loss))(x), self.torch.autograd.functional.hessian(theirs(loss), X))
        close(hessian(of_pellucid(network))(P, x), func.hessian(theirs(network))(p, X))
        both = lambda xp, p, x: {"y": xp.tanh(p["W"] @ x + p["b"]), "s": (xp.sum(p["b"] ** 2),)}
        for argnums in (0, (0,), (0, 1), (1, 0)):
            close(jacobian(of_pellucid(both), argnums)(P, x), func.jacrev(theirs(both), argnums)(p, X))

    def test_nested_transforms(self, theirs):
        func, X = self.torch.func, self.tensors(x)
        f = lambda xp, x: xp.sin(x[0] * x[1]) * xp.exp(x[2]) + x[3] ** 4
        ours = jacobian(lambda x: jvp(grad(of_pellucid(f)), (x,), (x * v,))[1])(x)
        V = self.tensors(v)
        others = func.jacrev(lambda X: func.jvp(func.grad(theirs(f)), (X,), (X * V,))[1])(X)
        close(ours, others)
        close(
            grad(lambda x: np.sum(hessian(of_pellucid(f))(x) ** 2))(x),
            func.grad(lambda X: self.torch.sum(func.hessian(theirs(f))(X) ** 2))(X),
        )

    def test_holomorphic_functions_give_the_conjugate_of_torch_s_gradient(self, theirs):
        Z = self.tensors(z).requires_grad_()
        y = theirs(holomorphic)(Z)
        (theirs_dz,) = self.torch.autograd.grad(y, Z, self.torch.ones_like(y))
        close(elementwise_grad(of_pellucid(holomorphic), holomorphic=True)(z), np.conj(theirs_dz.numpy()))
        close(np.diagonal(jacobian(of_pellucid(holomorphic), holomorphic=True)(z)), np.conj(theirs_dz.numpy()))
        f = lambda xp, z: xp.sum(xp.abs(z) ** 3)
        (theirs_dz,) = self.torch.autograd.grad(theirs(f)(Z), Z)
        close(grad(of_pellucid(f))(z), np.conj(theirs_dz.numpy()))
