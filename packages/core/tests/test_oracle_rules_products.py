"""Products and discrete calculus beside PyTorch and HIPS autograd: value, gradient and Hessian-vector product.

PyTorch's gradient by a complex number is the conjugate of ours, which is autograd's.
"""

import numpy as np
import pytest

from pellucid import Tensor, grad

torch = pytest.importorskip("torch")

rng = np.random.default_rng(0)


TORCH = {
    "matmul": (np.matmul, torch.matmul, (2, 3, 4), (4, 2)),
    "matmul broadcast": (np.matmul, torch.matmul, (2, 1, 3, 4), (5, 4, 2)),
    "matmul vector": (np.matmul, torch.matmul, (4,), (5, 4, 2)),
    "dot": (np.dot, torch.dot, (4,), (4,)),
    "inner": (np.inner, torch.inner, (2, 3), (4, 3)),
    "outer": (np.outer, torch.outer, (3,), (4,)),
    "kron": (np.kron, torch.kron, (2, 3), (3, 2, 2)),
    "vdot": (np.vdot, torch.vdot, (4,), (4,)),
    "vecdot": (np.vecdot, torch.linalg.vecdot, (3, 4), (4,)),
    "vecdot axis": (
        lambda a, b: np.vecdot(a, b, axis=-2), lambda a, b: torch.linalg.vecdot(a, b, dim=-2), (2, 3, 4), (3, 4)
    ),
    "tensordot": (
        lambda a, b: np.tensordot(a, b, ([0, 2], [2, 1])), lambda a, b: torch.tensordot(a, b, ([0, 2], [2, 1])),
        (2, 3, 4), (5, 4, 2),
    ),
    "cross": (np.cross, lambda a, b: torch.linalg.cross(*torch.broadcast_tensors(a, b)), (5, 3), (3,)),
    "cross axis": (
        lambda a, b: np.cross(a, b, axis=0), lambda a, b: torch.linalg.cross(a, b, dim=0), (3, 4), (3, 4)
    ),
    "diff": (lambda x: np.diff(x, 2, 0), lambda x: torch.diff(x, 2, 0), (4, 3)),
    "diff ends": (
        lambda x, a, b: np.diff(x, 1, -1, a, b), lambda x, a, b: torch.diff(x, 1, -1, a, b), (3, 4), (3, 2), (3, 1)
    ),
    "trapezoid": (lambda y, x: np.trapezoid(y, x), lambda y, x: torch.trapezoid(y, x), (3, 4), (4,)),
    "trapezoid dx": (
        lambda y: np.trapezoid(y, dx=0.5, axis=0), lambda y: torch.trapezoid(y, dx=0.5, dim=0), (3, 4)
    ),
    "vander": (lambda x: np.vander(x, 4, True), lambda x: torch.linalg.vander(x, N=4), (5,)),
}  # fmt: skip
for order in (1, 2):
    x = np.cumsum(rng.uniform(0.5, 1.5, 5))
    TORCH[f"gradient {order}"] = (
        lambda f, o=order: np.gradient(f, 0.5, axis=1, edge_order=o),
        lambda f, o=order: torch.gradient(f, spacing=0.5, dim=1, edge_order=o)[0],
        (3, 4),
    )
    TORCH[f"gradient coordinates {order}"] = (
        lambda f, o=order, x=x: np.gradient(f, x, edge_order=o),
        lambda f, o=order, x=x: torch.gradient(f, spacing=(torch.tensor(x),), edge_order=o)[0],
        (5,),
    )
for mode, padding in (("valid", 0), ("same", 1), ("full", 2)):
    TORCH[f"convolve {mode}"] = (
        lambda a, v, mode=mode: np.convolve(a, v, mode),
        lambda a, v, p=padding: torch.nn.functional.conv1d(a[None, None], v.flip(0)[None, None], padding=p)[0, 0],
        (7,), (3,),
    )  # fmt: skip
    TORCH[f"correlate {mode}"] = (
        lambda a, v, mode=mode: np.correlate(a, v, mode),
        lambda a, v, p=padding: torch.nn.functional.conv1d(a[None, None], v.conj()[None, None], padding=p)[0, 0],
        (7,), (3,),
    )  # fmt: skip
EINSUM = (
    ("ij,jk->ik", (3, 4), (4, 2)),
    ("ij,jk", (3, 4), (4, 2)),
    ("ba", (3, 4)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("ij->", (3, 4)),
    ("...ij,kj->...k", (2, 3, 4), (3, 4)),
    ("b...,...a", (2, 3, 4), (1, 5)),
    ("i,j,k->kij", (4,), (3,), (2,)),
    ("ij,ij,jk->k", (3, 4), (3, 4), (4, 2)),
)
for subscripts, *shapes in EINSUM:
    TORCH["einsum " + subscripts] = (
        lambda *xs, s=subscripts: np.einsum(s, *xs),
        lambda *xs, s=subscripts: torch.einsum(s, *xs),
        *shapes,
    )


@pytest.mark.parametrize("complex_", [False, True])
@pytest.mark.parametrize("name", TORCH)
def test_beside_torch(name, complex_):
    f, g, *shapes = TORCH[name]
    xs, vs = ([numbers(shape, complex_) for shape in shapes] for _ in range(2))
    ours, theirs = [Tensor(x, requires_grad=True) for x in xs], [torch.tensor(x, requires_grad=True) for x in xs]
    y, z = f(*ours), g(*theirs)
    np.testing.assert_allclose(y.data, z.resolve_conj().detach().numpy(), rtol=1e-12, atol=1e-12)
    u = rng.normal(size=y.shape)

    np.sum(u * np.real(y * np.conj(y)) ** 2).backward(create_graph=True)
    firsts = torch.autograd.grad((torch.tensor(u) * (z * z.conj()).real ** 2).sum(), theirs, create_graph=True)
    for x, first in zip(ours, firsts, strict=True):
        np.testing.assert_allclose(x.grad.data, conjugated(first), rtol=1e-10, atol=1e-10)

    slopes, along = [x.grad for x in ours], 0
    for x, slope, v in zip(ours, slopes, vs, strict=True):
        x.grad, along = None, along + np.sum(np.real(v * slope))
    along.backward()
    theirs_along = sum(
        (torch.tensor(v) * (s.conj() if complex_ else s)).real.sum() for v, s in zip(vs, firsts, strict=True)
    )
    seconds = torch.autograd.grad(theirs_along, theirs)
    for x, second in zip(ours, seconds, strict=True):
        np.testing.assert_allclose(x.grad.data, conjugated(second), rtol=1e-9, atol=1e-9)


def numbers(shape, complex_):
    x = rng.normal(size=shape)
    return x + 1j * rng.normal(size=shape) if complex_ else x


def conjugated(x):
    return np.conj(x.resolve_conj().detach().numpy())


AUTOGRAD = {
    "matmul": (lambda np, a, b: np.matmul(a, b), (2, 3, 4), (2, 4, 5)),
    "dot of stacks": (lambda np, a, b: np.dot(a, b), (2, 3, 4), (2, 5, 4, 3)),
    "dot of matrices": (lambda np, a, b: np.dot(a, b), (3, 4), (4, 2)),
    "inner": (lambda np, a, b: np.inner(a, b), (2, 3, 4), (5, 4)),
    "outer": (lambda np, a, b: np.outer(a, b), (3,), (4,)),
    "tensordot": (lambda np, a, b: np.tensordot(a, b, ((1, 2), (1, 0))), (2, 3, 4), (4, 3, 2)),
    "einsum": (lambda np, a, b: np.einsum("ijk,lj->ki", a, b), (2, 3, 4), (5, 3)),
    "einsum interleaved": (lambda np, a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]), (2, 3), (3, 4)),
    "diff": (lambda np, x: np.diff(x, 2, 0), (5, 2)),
    "gradient": (lambda np, x: np.gradient(x, axis=0), (5, 2)),
}


@pytest.mark.parametrize("name", AUTOGRAD)
def test_beside_autograd(name):
    autograd = pytest.importorskip("autograd")
    anp = pytest.importorskip("autograd.numpy")
    f, *shapes = AUTOGRAD[name]
    xs, vs = ([rng.normal(size=shape) for shape in shapes] for _ in range(2))
    every = tuple(range(len(xs)))
    np.testing.assert_allclose(f(np, *[Tensor(x) for x in xs]).data, f(anp, *xs), rtol=1e-13, atol=1e-13)

    def loss(n):
        return lambda *xs: n.sum(f(n, *xs) ** 3)

    firsts, expected = grad(loss(np), every)(*xs), autograd.grad(loss(anp), every)(*xs)
    for a, b in zip(firsts, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)

    def along(n, slopes):
        return lambda *xs: sum(n.sum(d * v) for d, v in zip(slopes(loss(n), every)(*xs), vs, strict=True))

    seconds, expected = grad(along(np, grad), every)(*xs), autograd.grad(along(anp, autograd.grad), every)(*xs)
    for a, b in zip(seconds, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)
