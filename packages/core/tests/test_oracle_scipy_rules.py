"""Functions of `scipy.special`: value, gradient and Hessian times a vector beside PyTorch and HIPS autograd."""

import numpy as np
import pytest

from pellucid import Tensor

pytest.importorskip("scipy")
torch = pytest.importorskip("torch")
autograd = pytest.importorskip("autograd")
peer = pytest.importorskip("autograd.scipy.special")

from pellucid.scipy_rules import special  # noqa: E402

rng = np.random.default_rng(0)
R = rng.normal(size=(3, 4))
P, Q = rng.uniform(0.5, 2, (2, 3, 4))
U = rng.uniform(0.1, 0.9, (3, 4))
SHAPE = np.array(1.7)
tensor = torch.tensor

TORCH = {name: (getattr(special, name), getattr(torch.special, name), R) for name in """
    erf erfc erfcx expit expm1 exp2 i0 i0e i1 i1e ndtr log_ndtr""".split()}  # fmt: skip
TORCH |= {name: (getattr(special, name), getattr(torch.special, name), P) for name in """
    digamma gammaln entr log1p psi""".split()}  # fmt: skip
TORCH |= {name: (getattr(special, name), getattr(torch.special, name), U) for name in "erfinv logit ndtri".split()}
TORCH |= {
    "xlogy": (special.xlogy, torch.special.xlogy, P, Q),
    "xlogy with a zero": (special.xlogy, torch.special.xlogy, np.array([0.0, 1.0]), np.array([2.0, 2.0])),
    "xlog1py": (special.xlog1py, torch.special.xlog1py, P, Q),
    "polygamma": (lambda x: special.polygamma(2, x), lambda x: torch.special.polygamma(2, x), P),
    "multigammaln": (lambda x: special.multigammaln(x, 3), lambda x: torch.special.multigammaln(x, 3), P + 1),
    "gammainc": (lambda x: special.gammainc(SHAPE, x), lambda x: torch.special.gammainc(tensor(SHAPE), x), P),
    "gammaincc": (lambda x: special.gammaincc(SHAPE, x), lambda x: torch.special.gammaincc(tensor(SHAPE), x), P),
    "logsumexp": (lambda x: special.logsumexp(x, 1), lambda x: torch.special.logsumexp(x, 1), R),
    "logsumexp of all": (lambda x: special.logsumexp(x), lambda x: torch.special.logsumexp(x, (0, 1)), R),
    "softmax": (lambda x: special.softmax(x, 1), lambda x: torch.special.softmax(x, 1), R),
    "log_softmax": (lambda x: special.log_softmax(x, 0), lambda x: torch.special.log_softmax(x, 0), R),
    "log_expit": (special.log_expit, torch.nn.functional.logsigmoid, R),
    "softplus": (lambda x: np.logaddexp(0, x), torch.nn.functional.softplus, R),
    "huber": (lambda x: special.huber(0.5, x), lambda x: torch.nn.functional.huber_loss(
        x, torch.zeros(x.shape, dtype=x.dtype), reduction="none", delta=0.5), R),
}  # fmt: skip

AUTOGRAD = {name: (getattr(special, name), getattr(peer, name), P) for name in """
    gamma gammaln rgamma digamma j0 j1 y0 y1""".split()}  # fmt: skip
AUTOGRAD |= {name: (getattr(special, name), getattr(peer, name), U) for name in "erfinv erfcinv logit expit".split()}
AUTOGRAD |= {
    "beta": (special.beta, peer.beta, P, Q),
    "betaln": (special.betaln, peer.betaln, P, Q),
    "betainc": (lambda x: special.betainc(1.7, 2.4, x), lambda x: peer.betainc(1.7, 2.4, x), U),
    "gammainc": (lambda x: special.gammainc(1.7, x), lambda x: peer.gammainc(1.7, x), P),
    "jn": (lambda x: special.jn(2, x), lambda x: peer.jn(2, x), P),
    "yn": (lambda x: special.yn(2, x), lambda x: peer.yn(2, x), P),
    "iv": (lambda x: special.iv(1.3, x), lambda x: peer.iv(1.3, x), P),
    "ive": (lambda x: special.ive(1.3, x), lambda x: peer.ive(1.3, x), P),
    "logsumexp": (lambda x: special.logsumexp(x, 1, P), lambda x: peer.logsumexp(x, 1, P), R),
    "multigammaln": (lambda x: special.multigammaln(x, 2), lambda x: peer.multigammaln(x, 2), P + 1),
}


def slopes(f, xs, u, vs):
    """The value, the gradients of ⟨u, f⟩, and those of ⟨vs, gradients⟩."""
    xs = [Tensor(x, requires_grad=True) for x in xs]
    y = f(*xs)
    y.backward(u, create_graph=True)
    first = [x.grad for x in xs]
    for x in xs:
        x.grad = None
    sum(np.sum(v * dx) for v, dx in zip(vs, first, strict=True)).backward()
    return y.numpy(), [dx.numpy() for dx in first], [x.grad.numpy() for x in xs]


def directions(f, xs):
    rng = np.random.default_rng(1)
    return rng.normal(size=np.shape(f(*xs))), [rng.normal(size=np.shape(x)) for x in xs]


def assert_same(ours, theirs):
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", TORCH)
def test_as_in_torch(name):
    ours, theirs, *xs = TORCH[name]
    u, vs = directions(ours, xs)
    y, first, second = slopes(ours, xs, u, vs)
    ts = [tensor(x, requires_grad=True) for x in xs]
    value = theirs(*ts)
    dxs = torch.autograd.grad(value, ts, tensor(u), create_graph=True)
    hvs = torch.autograd.grad(dxs, ts, [tensor(v) for v in vs], allow_unused=True)
    assert_same([y], [value.detach().numpy()])
    assert_same(first, [dx.detach().numpy() for dx in dxs])
    assert_same(second, [np.zeros(x.shape) if h is None else h.numpy() for x, h in zip(xs, hvs, strict=True)])


@pytest.mark.parametrize("name", AUTOGRAD)
def test_as_in_autograd(name):
    ours, theirs, *xs = AUTOGRAD[name]
    u, vs = directions(ours, xs)
    y, first, second = slopes(ours, xs, u, vs)
    dot = autograd.numpy.sum
    every = range(len(xs))

    def gradients(*xs):
        return [autograd.grad(lambda *xs: dot(u * theirs(*xs)), i)(*xs) for i in every]

    assert_same([y], [theirs(*xs)])
    assert_same(first, gradients(*xs))
    along = [
        autograd.grad(lambda *xs: sum(dot(v * g) for v, g in zip(vs, gradients(*xs), strict=True)), i) for i in every
    ]
    assert_same(second, [f(*xs) for f in along])
