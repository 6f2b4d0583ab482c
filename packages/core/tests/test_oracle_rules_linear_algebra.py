"""np.linalg beside PyTorch and autograd: value, gradient, Hessian-vector product.

PyTorch's gradient of a complex input is the conjugate of ours. Where NumPy reads one triangle of a matrix and PyTorch
symmetrises the gradient, both are given a matrix that is made symmetric first, so that the gradients agree.
"""

import numpy as np
import pytest

from pellucid import Tensor, grad, vjp

torch = pytest.importorskip("torch")
autograd = pytest.importorskip("autograd")
anp = autograd.numpy
T = torch.linalg

rng = np.random.default_rng(0)
CASES = {}


def real(*shape):
    return rng.normal(size=shape)


def mixed(*shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def symmetric(a):
    return a + np.conj(np.swapaxes(a, -1, -2))


def symmetric_torch(a):
    return a + torch.conj(torch.transpose(a, -1, -2))


def definite(a):
    return symmetric(a) + 8 * np.eye(3)


def definite_torch(a):
    return symmetric_torch(a) + 8 * torch.eye(3)


def case(name, f, g, *xs):
    assert name not in CASES
    CASES[name] = f, g, xs


for kind, x in {"": real, " complex": mixed}.items():
    for name in ("inv", "det", "pinv"):
        case(name + kind, getattr(np.linalg, name), getattr(T, name), x(2, 3, 3))
    case("pinv wide" + kind, np.linalg.pinv, T.pinv, x(2, 2, 4))
    case("pinv high" + kind, np.linalg.pinv, T.pinv, x(2, 4, 2))
    case(
        "pinv hermitian" + kind,
        lambda a: np.linalg.pinv(symmetric(a), hermitian=True),
        lambda a: T.pinv(symmetric_torch(a), hermitian=True),
        x(3, 3),
    )
    first = 1 if x is real else 0  # the sign of a real determinant is constant
    case("slogdet" + kind, lambda a, i=first: np.linalg.slogdet(a)[i:], lambda a, i=first: T.slogdet(a)[i:], x(2, 3, 3))
    case("solve" + kind, np.linalg.solve, T.solve, x(2, 3, 3), x(2, 3, 2))
    case("solve of a vector" + kind, np.linalg.solve, T.solve, x(3, 3), x(3))
    case("tensorinv" + kind, np.linalg.tensorinv, T.tensorinv, x(2, 3, 6))
    case("tensorsolve" + kind, np.linalg.tensorsolve, T.tensorsolve, x(2, 3, 6), x(2, 3))
    for n in (-2, 1, 5):
        case(
            f"matrix_power {n}{kind}",
            lambda a, n=n: np.linalg.matrix_power(a, n) * 1,
            lambda a, n=n: T.matrix_power(a, n) * 1,
            x(2, 3, 3),
        )
    case("multi_dot" + kind, lambda *xs: np.linalg.multi_dot(xs), lambda *xs: T.multi_dot(xs), x(3), x(3, 4), x(4, 2))
    case(
        "lstsq" + kind,
        lambda a, b: np.linalg.lstsq(a, b)[0],
        lambda a, b: T.lstsq(a, b, driver="gelsd").solution,
        x(4, 3),
        x(4, 2),
    )
    for upper in (False, True):
        case(
            f"cholesky {upper}{kind}",
            lambda a, u=upper: np.linalg.cholesky(definite(a), upper=u),
            lambda a, u=upper: T.cholesky(definite_torch(a), upper=u),
            x(2, 3, 3),
        )
    for mode, m, n in (("reduced", 4, 3), ("reduced", 3, 3), ("complete", 2, 3)):
        case(f"qr {mode} {m} {n}{kind}", lambda a, o=mode: np.linalg.qr(a, o), lambda a, o=mode: T.qr(a, o), x(2, m, n))
    for UPLO in "LU":
        case(
            f"eigh {UPLO}{kind}",
            lambda a, o=UPLO: (lambda w, v: [w, np.abs(v) ** 2])(*np.linalg.eigh(symmetric(a), o)),
            lambda a, o=UPLO: (lambda w, v: [w, torch.abs(v) ** 2])(*T.eigh(symmetric_torch(a), o)),
            x(2, 3, 3),
        )
        case(
            f"eigvalsh {UPLO}{kind}",
            lambda a, o=UPLO: np.linalg.eigvalsh(symmetric(a), o),
            lambda a, o=UPLO: T.eigvalsh(symmetric_torch(a), o),
            x(2, 3, 3),
        )
    case(
        "eig" + kind,
        lambda a: (lambda w, v: [w, np.abs(v) ** 2])(*np.linalg.eig(a + np.diag([0, 3, 6]) + 0j)),
        lambda a: (lambda w, v: [w, torch.abs(v) ** 2])(*T.eig(a + torch.diag(torch.tensor([0.0, 3, 6])))),
        x(3, 3),
    )
    case(
        "eigvals" + kind,
        lambda a: np.linalg.eigvals(a + np.diag([0, 3, 6]) + 0j),
        lambda a: T.eigvals(a + torch.diag(torch.tensor([0.0, 3, 6]))),
        x(3, 3),
    )
    for m, n in ((4, 3), (3, 3), (2, 4)):
        case(
            f"svd {m} {n}{kind}",
            lambda a: (lambda u, s, v: [u @ v, s, np.abs(u), np.abs(v)])(*np.linalg.svd(a, full_matrices=False)),
            lambda a: (lambda u, s, v: [u @ v, s, torch.abs(u), torch.abs(v)])(*T.svd(a, full_matrices=False)),
            x(2, m, n),
        )
        case(f"svdvals {m} {n}{kind}", np.linalg.svdvals, T.svdvals, x(2, m, n))
    for ord in (None, 2, 1, 3, 2.5, 0.5, -1, np.inf, -np.inf):
        case(f"norm {ord}{kind}", lambda a, o=ord: np.linalg.norm(a, o, 1), lambda a, o=ord: T.norm(a, o, 1), x(2, 4))
    for ord in (2, 1, 3, np.inf):
        case(
            f"vector_norm {ord}{kind}",
            lambda a, o=ord: np.linalg.vector_norm(a, ord=o, axis=(0, 2)),
            lambda a, o=ord: T.vector_norm(a, o, (0, 2)),
            x(2, 3, 2),
        )
    for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        case(
            f"matrix_norm {ord}{kind}",
            lambda a, o=ord: np.linalg.matrix_norm(a, ord=o),
            lambda a, o=ord: T.matrix_norm(a, o),
            x(2, 4, 3),
        )
    for p in (None, 2, -2):
        case(f"cond {p}{kind}", lambda a, p=p: np.linalg.cond(a, p), lambda a, p=p: T.cond(a, p), x(2, 3, 3))
    for p in (1, -1, np.inf, -np.inf, "fro", "nuc"):  # PyTorch's own writes into the inverse that its gradient needs
        case(
            f"cond {p}{kind}",
            lambda a, p=p: np.linalg.cond(a, p),
            lambda a, p=p: T.matrix_norm(a, p) * T.matrix_norm(T.inv(a), p),
            x(2, 3, 3),
        )


def parts(y):
    return list(y) if isinstance(y, list | tuple) else [y]


def like(y):
    return mixed(*np.shape(y)) if np.iscomplexobj(y) else real(*np.shape(y))


def plain(z):
    return z.detach().resolve_conj().numpy()


@pytest.mark.parametrize("name", CASES)
def test_torch(name):
    f, g, xs = CASES[name]
    ys, pullback = vjp(lambda *xs: parts(f(*xs)), *xs)
    theirs = [torch.tensor(x, requires_grad=True) for x in xs]
    zs = parts(g(*theirs))
    for y, z in zip(ys, zs, strict=True):
        np.testing.assert_allclose(y, plain(z), rtol=1e-9, atol=1e-11)
    dys = [like(y) for y in ys]
    slopes = torch.autograd.grad(zs, theirs, [torch.tensor(np.conj(dy)) for dy in dys])
    for dx, slope in zip(pullback(dys), slopes, strict=True):
        np.testing.assert_allclose(dx, np.conj(plain(slope)), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_hessian_vector_products_of_torch(name):
    f, g, xs = CASES[name]
    x, *others = xs
    v = like(x)

    def loss(x):
        return sum(np.sum(np.abs(y + 0.5) ** 2) for y in parts(f(x, *others)))

    found = grad(lambda x: np.sum(np.real(grad(loss)(x) * v)))(x)
    at, *rest = [torch.tensor(x, requires_grad=True) for x in xs]
    z = sum(torch.sum(torch.abs(z + 0.5) ** 2) for z in parts(g(at, *rest)))
    (slope,) = torch.autograd.grad(z, at, create_graph=True)
    (expected,) = torch.autograd.grad(torch.sum(torch.real(torch.conj(slope) * torch.tensor(v))), at)
    size = np.max(np.abs(found))
    np.testing.assert_allclose(found, np.conj(plain(expected)), rtol=1e-6, atol=1e-8 * size)


# autograd, real matrices

AUTOGRAD = {
    "inv": (lambda np, a: np.linalg.inv(a), real(2, 3, 3)),
    "det": (lambda np, a: np.linalg.det(a), real(2, 3, 3)),
    "slogdet": (lambda np, a: np.linalg.slogdet(a)[1], real(2, 3, 3)),
    "pinv": (lambda np, a: np.linalg.pinv(a), real(3, 4)),
    "solve": (lambda np, a: np.linalg.solve(a, a @ a + 1.0), real(3, 3)),
    "norm": (lambda np, a: np.linalg.norm(a), real(3, 4)),
    "norm axis": (lambda np, a: np.linalg.norm(a, axis=1), real(3, 4)),
    "norm 3": (lambda np, a: np.linalg.norm(a, 3, axis=0), real(3, 4)),
    "norm nuc": (lambda np, a: np.linalg.norm(a, "nuc"), real(3, 4)),
    "cholesky": (lambda np, a: np.linalg.cholesky(a @ a.T + np.eye(3)), real(3, 3)),
    "eigh": (lambda np, a: np.linalg.eigh(a + a.T)[1] ** 2 * np.linalg.eigh(a + a.T)[0], real(3, 3)),
    "eig": (lambda np, a: np.abs(np.linalg.eig(a)[1]), np.diag([1.0, 3, 6]) + 0.3 * real(3, 3)),
    "svd": (
        lambda np, a: (lambda u, s, v: (u * s**2) @ v)(*np.linalg.svd(a, full_matrices=False)), real(4, 3)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AUTOGRAD)
def test_autograd(name):
    f, a = AUTOGRAD[name]
    v = like(a)
    y = f(np, Tensor(a, requires_grad=True))
    np.testing.assert_allclose(y.data, f(anp, a), rtol=1e-12)
    u = like(y.data)
    expected = autograd.grad(lambda a: anp.sum(u * f(anp, a)))
    slope = grad(lambda a: np.sum(u * f(np, a)))
    np.testing.assert_allclose(slope(a), expected(a), rtol=1e-8, atol=1e-10)
    found = grad(lambda a: np.sum(slope(a) * v))(a)
    np.testing.assert_allclose(
        found, autograd.grad(lambda a: anp.sum(expected(a) * v))(a), rtol=1e-7, atol=1e-9 * np.max(np.abs(found))
    )
