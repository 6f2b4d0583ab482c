"""Element-wise functions and ufunc methods beside PyTorch: value, gradient and Hessian-vector product, in float64."""

import numpy as np
import pytest

from pellucid import Tensor

torch = pytest.importorskip("torch")

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
P = rng.uniform(0.5, 2, (3, 4))
U = np.tanh(A) * 0.8
T = rng.normal(size=(2, 3, 4))
Z = A + 1j * rng.normal(size=(3, 4))
W = rng.normal(size=(3, 4)) + 1j * P
MASK = torch.tensor(A > 0)

SAME_NAME = {
    "exp": A, "exp2": A, "expm1": A, "sin": A, "cos": A, "tan": A, "arctan": A, "sinh": A, "cosh": A, "tanh": A,
    "arcsinh": A, "square": A, "reciprocal": P, "abs": A, "negative": A, "positive": A, "sinc": A, "log": P, "log2": P,
    "log10": P, "log1p": P, "sqrt": P, "arcsin": U, "arccos": U, "arctanh": U, "arccosh": P + 1, "deg2rad": A,
    "rad2deg": A, "nan_to_num": A,
}  # fmt: skip
COMPLEX = """exp sin cos tan arctan sinh cosh tanh arcsinh square reciprocal abs negative sinc log log2 log10 log1p sqrt
             arcsin arccos arctanh arccosh""".split()
CASES = {name: (getattr(np, name), getattr(torch, name), x) for name, x in SAME_NAME.items()}
CASES |= {f"{name} complex": (getattr(np, name), getattr(torch, name), Z) for name in COMPLEX}
CASES |= {
    name: (getattr(np, name), getattr(torch, name), A, P)
    for name in """add subtract multiply divide arctan2 hypot logaddexp logaddexp2 maximum minimum fmax fmin fmod
                   remainder copysign""".split()
}
CASES |= {f"{n} complex": (getattr(np, n), getattr(torch, n), Z, W) for n in "add subtract multiply divide".split()}
CASES |= {
    "power": (np.power, torch.pow, P, A),
    "power complex": (np.power, torch.pow, Z, W),
    "power complex and real": (np.power, torch.pow, Z, P),
    "power of a real": (np.power, torch.pow, P, Z),
    "float_power": (np.float_power, torch.float_power, P, A),
    "square of zero": (lambda x: x**2, lambda x: x**2, np.zeros(3)),
    "powers of zero": (
        lambda x: x ** np.array([0.0, 1.0, 2.0, 3.0]), lambda x: x ** torch.tensor([0.0, 1.0, 2.0, 3.0]), np.zeros(4)
    ),
    "zero to a power": (np.power, torch.pow, np.zeros(3), np.array([1.5, 2.0, 3.0])),
    "sign complex": (np.sign, torch.sgn, Z),
    "angle": (np.angle, torch.angle, Z),
    "conjugate": (lambda z: np.conj(z) * z * z, lambda z: torch.conj(z) * z * z, Z),
    "real and imag": (lambda z: np.real(z * z) * np.imag(z), lambda z: (z * z).real * z.imag, Z),
    "i0": (np.i0, torch.i0, 3 * A),
    "ldexp": (lambda x: np.ldexp(x, [1, 2, 3, 4]), lambda x: torch.ldexp(x, torch.tensor([1, 2, 3, 4])), A),
    "frexp": (lambda x: np.frexp(x)[0], lambda x: x / 2.0 ** torch.frexp(x)[1], 9 * A),
    "ties": (np.maximum, torch.maximum, A, A),
    "abs at 0": (np.abs, torch.abs, np.zeros(3)),
    "abs at 0 complex": (np.abs, torch.abs, np.zeros(3, complex)),
    "arctan2 at 0": (np.arctan2, torch.arctan2, np.zeros(2), np.zeros(2)),
    "copysign at 0": (np.copysign, torch.copysign, np.zeros(2), np.array([1.0, -1.0])),
    "clip": (lambda x: np.clip(x, -0.5, 0.5), lambda x: torch.clamp(x, -0.5, 0.5), A),
    "clip at a bound": (
        lambda x: np.clip(x, -1.0, 1.0), lambda x: torch.clamp(x, -1.0, 1.0), np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    ),
    "clip by arrays": (np.clip, torch.clamp, A, -P, P / 2),
    "where": (lambda x, y: np.where(A > 0, x * y, y), lambda x, y: torch.where(MASK, x * y, y), A, P),
    "where complex": (lambda x, y: np.where(A > 0, x * y, y), lambda x, y: torch.where(MASK, x * y, y), Z, W),
    "logaddexp.reduce": (lambda x: np.logaddexp.reduce(x, axis=1), lambda x: torch.logsumexp(x, 1), T),
    "logaddexp.reduce of all": (
        lambda x: np.logaddexp.reduce(x, axis=None), lambda x: torch.logsumexp(x, (0, 1, 2)), T
    ),
    "logaddexp.accumulate": (lambda x: np.logaddexp.accumulate(x, axis=1), lambda x: torch.logcumsumexp(x, 1), T),
    "maximum.accumulate": (lambda x: np.maximum.accumulate(x, axis=2), lambda x: torch.cummax(x, 2)[0], T),
    "minimum.accumulate": (lambda x: np.minimum.accumulate(x, axis=0), lambda x: torch.cummin(x, 0)[0], T),
    "hypot.reduce": (lambda x: np.hypot.reduce(x, axis=1), lambda x: torch.linalg.vector_norm(x, dim=1), T),
    "maximum.reduce": (lambda x: np.maximum.reduce(x, axis=1), lambda x: x.amax(1), T),
    "subtract.outer": (np.subtract.outer, lambda x, y: x[..., None, None] - y, A, P),
}  # fmt: skip


# the second derivatives of PyTorch are NaN there
FIRST_ORDER = {"powers of zero", "zero to a power", "arctan2 at 0", "copysign at 0"}


def theirs_as_ours(dx, x):
    """A gradient of PyTorch's is the conjugate of ours; nothing is zero."""
    return np.zeros(np.shape(x)) if dx is None else dx.detach().resolve_conj().numpy(force=True).conj()


def ours_as_array(dx, x):
    return np.zeros(np.shape(x)) if dx is None else dx.data


@pytest.mark.parametrize("name", CASES)
def test_value_gradient_and_hessian_vector_product(name):
    f, g, *xs = CASES[name]
    ours, theirs = [Tensor(x, requires_grad=True) for x in xs], [torch.tensor(x, requires_grad=True) for x in xs]
    y, z = f(*ours), g(*theirs)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12, atol=1e-13)
    random = np.random.default_rng(1)
    dy = random.normal(size=y.shape) + (1j * random.normal(size=y.shape) if np.iscomplexobj(y.data) else 0)
    y.backward(dy, create_graph=True)
    slopes = [x.grad for x in ours]
    their_slopes = torch.autograd.grad(z, theirs, torch.tensor(dy).conj(), create_graph=True)
    for dx, expected, x in zip(slopes, their_slopes, xs, strict=True):
        np.testing.assert_allclose(ours_as_array(dx, x), theirs_as_ours(expected, x), rtol=1e-9, atol=1e-12)
    if name in FIRST_ORDER:
        return
    vs = [random.normal(size=np.shape(x)) for x in xs]
    for x in ours:
        x.grad = None
    along = sum(np.sum(np.real(dx) * v) for dx, v in zip(slopes, vs, strict=True) if dx is not None)
    along_theirs = sum((dx.real * torch.tensor(v)).sum() for dx, v in zip(their_slopes, vs, strict=True))
    if along.requires_grad:
        along.backward()
    seconds = [None] * len(theirs)
    if along_theirs.requires_grad:
        seconds = torch.autograd.grad(along_theirs, theirs, allow_unused=True)
    for x, expected in zip(ours, seconds, strict=True):
        np.testing.assert_allclose(
            ours_as_array(x.grad, x.data), theirs_as_ours(expected, x.data), rtol=1e-8, atol=1e-10
        )
