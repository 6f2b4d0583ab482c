"""Shapes, joining, indexing and choosing beside PyTorch and HIPS autograd: value, gradient, Hessian times a vector."""

import numpy as np
import pytest

from pellucid import Tensor

torch = pytest.importorskip("torch")
anp = pytest.importorskip("autograd.numpy")
autograd = pytest.importorskip("autograd")

rng = np.random.default_rng(0)
A, B = rng.normal(size=(2, 3, 4))
S = rng.normal(size=(3, 3))
T = rng.normal(size=(2, 3, 4))
v = rng.normal(size=5)
mask = A > 0
places = np.array([[0, 2, 2, 1], [1, 1, 0, 0]])
t = torch.tensor
pad = torch.nn.functional.pad

TORCH = {
    "reshape": (lambda x: np.reshape(x, (2, 6)), lambda x: x.reshape(2, 6), A),
    "ravel": (np.ravel, torch.ravel, T),
    "squeeze": (lambda x: np.squeeze(x, 1), lambda x: x.squeeze(1), T[:, :1]),
    "expand_dims": (lambda x: np.expand_dims(x, 1), lambda x: x.unsqueeze(1), A),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3, 4)), lambda x: x.broadcast_to(2, 3, 4), A[:1]),
    "broadcast_arrays": (np.broadcast_arrays, torch.broadcast_tensors, A, T[0, :, :1]),
    "transpose": (lambda x: np.transpose(x, (2, 0, 1)), lambda x: x.permute(2, 0, 1), T),
    "swapaxes": (lambda x: np.swapaxes(x, 0, 2), lambda x: x.swapaxes(0, 2), T),
    "moveaxis": (lambda x: np.moveaxis(x, (0, 1), (2, 0)), lambda x: x.moveaxis((0, 1), (2, 0)), T),
    "matrix_transpose": (np.matrix_transpose, lambda x: x.mT, T),
    "flip": (lambda x: np.flip(x, (0, 2)), lambda x: x.flip(0, 2), T),
    "fliplr": (np.fliplr, torch.fliplr, A),
    "flipud": (np.flipud, torch.flipud, A),
    "rot90": (lambda x: np.rot90(x, 3, (2, 0)), lambda x: x.rot90(3, (2, 0)), T),
    "roll": (lambda x: np.roll(x, (1, -2), (0, 1)), lambda x: x.roll((1, -2), (0, 1)), A),
    "repeat": (lambda x: np.repeat(x, [2, 0, 3], 0), lambda x: x.repeat_interleave(t([2, 0, 3]), 0), A),
    "tile": (lambda x: np.tile(x, (2, 1, 3)), lambda x: x.tile(2, 1, 3), A),
    "tril": (lambda x: np.tril(x, -1), lambda x: x.tril(-1), T),
    "triu": (lambda x: np.triu(x, 1), lambda x: x.triu(1), T),
    "diag of a matrix": (lambda x: np.diag(x, 1), lambda x: x.diag(1), A),
    "diag of a vector": (lambda x: np.diag(x, -2), lambda x: x.diag(-2), v),
    "diagflat": (lambda x: np.diagflat(x, 1), lambda x: x.diagflat(1), S),
    "diagonal": (lambda x: np.diagonal(x, -1, 2, 0), lambda x: x.diagonal(-1, 2, 0), T),
    "trace": (np.trace, torch.trace, A),
    "atleast_3d": (np.atleast_3d, torch.atleast_3d, A),
    "pad constant": (lambda x: np.pad(x, ((0, 0), (1, 2), (3, 1))), lambda x: pad(x, (3, 1, 1, 2)), T),
    "pad edge": (
        lambda x: np.pad(x, ((0, 0), (1, 2), (3, 1)), "edge"), lambda x: pad(x, (3, 1, 1, 2), "replicate"), T
    ),
    "pad reflect": (
        lambda x: np.pad(x, ((0, 0), (1, 2), (3, 1)), "reflect"), lambda x: pad(x, (3, 1, 1, 2), "reflect"), T
    ),
    "pad wrap": (
        lambda x: np.pad(x, ((0, 0), (1, 2), (3, 1)), "wrap"),
        lambda x: pad(x[None], (3, 1, 1, 2), "circular")[0], T,
    ),
    "concatenate": (lambda x, y: np.concatenate([x, y, x], 1), lambda x, y: torch.cat([x, y, x], 1), A, S),
    "stack": (lambda x, y: np.stack([x, y], -1), lambda x, y: torch.stack([x, y], -1), A, B),
    "vstack": (lambda x, y: np.vstack([x, y]), lambda x, y: torch.vstack([x, y]), A, A[0]),
    "hstack": (lambda x, y: np.hstack([x, y]), lambda x, y: torch.hstack([x, y]), A, S),
    "dstack": (lambda x, y: np.dstack([x, y]), lambda x, y: torch.dstack([x, y]), A, B),
    "column_stack": (lambda x, y: np.column_stack([x, y]), lambda x, y: torch.column_stack([x, y]), S[0], A),
    "array_split": (lambda x: np.array_split(x, 3, 1), lambda x: torch.tensor_split(x, 3, 1), A),
    "split": (lambda x: np.split(x, [1, 3], 2), lambda x: torch.tensor_split(x, [1, 3], 2), T),
    "meshgrid": (
        lambda x, y: np.meshgrid(x, y), lambda x, y: torch.meshgrid(x, y, indexing="xy"), v, S[0]
    ),
    "vander": (lambda x: np.vander(x, 4), lambda x: torch.stack([x**3, x**2, x, x**0], 1), v),
    "index": (lambda x: x[1:, ::2], lambda x: x[1:, ::2], A),
    "index by integers": (lambda x: x[[0, 0, -1]], lambda x: x[[0, 0, -1]], A),
    "index by pairs": (lambda x: x[places, places], lambda x: x[t(places), t(places)], S),
    "index apart": (lambda x: x[[0, 1], :, [2, 2]], lambda x: x[[0, 1], :, [2, 2]], T),
    "mask": (lambda x: x[mask], lambda x: x[t(mask)], A),
    "take": (lambda x: np.take(x, places), lambda x: x.take(t(places)), A),
    "take along an axis": (lambda x: np.take(x, [0, 2, 2], 1), lambda x: x.index_select(1, t([0, 2, 2])), A),
    "take_along_axis": (
        lambda x: np.take_along_axis(x, places, 0), lambda x: torch.take_along_dim(x, t(places), 0), A
    ),
    "choose": (
        lambda x, y: np.choose(mask.astype(int), [x, y]), lambda x, y: torch.where(t(mask), y, x), A, B
    ),
    "select": (
        lambda x, y: np.select([mask, A < -0.5], [x, y], x * y),
        lambda x, y: torch.where(t(mask), x, torch.where(t(A < -0.5), y, x * y)), A, B,
    ),
    "extract": (lambda x: np.extract(mask, x), lambda x: x.masked_select(t(mask)), A),
}  # fmt: skip

AUTOGRAD = {
    "reshape F": (lambda np, x: np.reshape(x, (2, 6), order="F"), A),
    "ravel F": (lambda np, x: np.ravel(x, "F"), A),
    "rollaxis": (lambda np, x: np.rollaxis(x, 2, 1), T),
    "roll flat": (lambda np, x: np.roll(x, 5), A),
    "rot90": (lambda np, x: np.rot90(x, -1), A),
    "repeat": (lambda np, x: np.repeat(x, 3, axis=1), A),
    "repeat flat": (lambda np, x: np.repeat(x, 2), A),
    "tile": (lambda np, x: np.tile(x, (2, 1, 2)), A),
    "pad": (lambda np, x: np.pad(x, ((1, 2), (0, 3)), "constant"), A),
    "trace": (lambda np, x: np.trace(x, 1), A),
    "diagonal": (lambda np, x: np.diagonal(x, 0, -1, -2), S),
    "atleast_2d": (lambda np, x: np.atleast_2d(x), v),
    "append": (lambda np, x, y: np.append(x, y, axis=1), A, S),
    "append flat": (lambda np, x, y: np.append(x, y), A, v),
    "array_split": (lambda np, x: np.array_split(x, 3, 1)[1], A),
    "split": (lambda np, x: np.split(x, [1, 3], 1)[1], A),
    "index": (lambda np, x: x[[0, 0, 2], [1, 1, 3]], A),
    "select": (lambda np, x, y: np.select([mask, A < -0.5], [x, y]), A, B),
    "concatenate of complex numbers": (lambda np, x, y: np.concatenate([x, y]), A + 1j * B, B + 1j * A),
    "index of complex numbers": (lambda np, x: x[[0, 0, 2]], A + 1j * B),
}


def parts(y):
    return list(y) if isinstance(y, list | tuple) else [y]


@pytest.mark.parametrize("name", TORCH)
def test_beside_torch(name):
    """Of Σ w f(x)³, with random weights."""
    f, g, *xs = TORCH[name]
    random = np.random.default_rng(1)
    ours, theirs = [Tensor(x, requires_grad=True) for x in xs], [t(x, requires_grad=True) for x in xs]
    ys, zs = parts(f(*ours)), parts(g(*theirs))
    weights = [random.normal(size=y.shape) for y in ys]
    for y, z in zip(ys, zs, strict=True):
        np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-15, atol=1e-15)
    sum([np.sum(w * y**3) for w, y in zip(weights, ys, strict=True)]).backward(create_graph=True)
    firsts = torch.autograd.grad(
        sum([(t(w) * z**3).sum() for w, z in zip(weights, zs, strict=True)]), theirs, create_graph=True
    )
    slopes = [x.grad for x in ours]
    for dx, first, x in zip(slopes, firsts, ours, strict=True):
        np.testing.assert_allclose(dx.data, first.detach().numpy(), rtol=1e-12, atol=1e-12)
        x.grad = None
    directions = [random.normal(size=x.shape) for x in xs]
    sum([np.sum(dx * d) for dx, d in zip(slopes, directions, strict=True)]).backward()
    seconds = torch.autograd.grad(sum([(dx * t(d)).sum() for dx, d in zip(firsts, directions, strict=True)]), theirs)
    for x, second in zip(ours, seconds, strict=True):
        np.testing.assert_allclose(x.grad.data, second.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", AUTOGRAD)
def test_beside_autograd(name):
    f, *xs = AUTOGRAD[name]

    def scalar(np, xs, weights):
        return np.sum(np.real(weights * f(np, *xs) ** 3))

    random = np.random.default_rng(1)
    y = f(np, *xs)
    weights = random.normal(size=y.shape) + (1j * random.normal(size=y.shape) if np.iscomplexobj(y) else 0)
    directions = [random.normal(size=x.shape) for x in xs]
    ours = [Tensor(x, requires_grad=True) for x in xs]
    np.testing.assert_array_equal(f(np, *ours).data, f(anp, *xs))
    scalar(np, ours, weights).backward(create_graph=True)
    slopes = [x.grad for x in ours]
    firsts = autograd.grad(lambda xs: scalar(anp, xs, weights))(xs)
    for x, dx, first in zip(ours, slopes, firsts, strict=True):
        np.testing.assert_allclose(dx.data, first, rtol=1e-12, atol=1e-12)
        x.grad = None
    np.sum(sum([np.sum(np.real(dx * d)) for dx, d in zip(slopes, directions, strict=True)])).backward()

    def slope_along(xs):
        dxs = autograd.grad(lambda xs: scalar(anp, xs, weights))(xs)
        return sum([anp.sum(anp.real(dx * d)) for dx, d in zip(dxs, directions, strict=True)])

    for x, second in zip(ours, autograd.grad(slope_along)(xs), strict=True):
        np.testing.assert_allclose(x.grad.data, second, rtol=1e-12, atol=1e-12)
