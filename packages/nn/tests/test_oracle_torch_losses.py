"""The same numbers as PyTorch: losses and their gradients to 1e-10, second derivatives to 1e-8."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pellucid import Tensor
from pellucid_nn.activations import Tanh
from pellucid_nn.binary_cross_entropy import BCELoss, BCEWithLogitsLoss
from pellucid_nn.cross_entropy import CrossEntropyLoss
from pellucid_nn.hinge import HingeEmbeddingLoss, MultiMarginLoss
from pellucid_nn.huber import HuberLoss, L1Loss, SmoothL1Loss
from pellucid_nn.linear import Linear
from pellucid_nn.module import Parameter
from pellucid_nn.noise_contrastive_estimation import NCELoss
from pellucid_nn.penalties import clip_grad_norm_, clip_grad_value_, get_total_norm
from pellucid_nn.sequential import Sequential
from pellucid_nn.squared_error import MSELoss
from pellucid_nn.vae_loss import BernoulliVAELoss, divergence_from_standard_normal, draw_latent
from pellucid_nn.wasserstein_gradient_penalty import WassersteinGradientPenalty, generator_loss, gradient_penalty

torch = pytest.importorskip("torch")
nn = torch.nn

modest = settings(max_examples=30, derandomize=True, deadline=None)
sizes, seeds = st.integers(1, 4), st.integers(0, 2**32 - 1)
shapes = st.lists(sizes, max_size=3).map(tuple)
reductions = st.sampled_from(["mean", "sum", "none"])


def close(ours, theirs, tolerance=1e-10):
    theirs = theirs.detach().numpy(force=True) if isinstance(theirs, torch.Tensor) else theirs
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def alike(ours, theirs, *inputs, seed=0, second=True):
    """Both on the same inputs: value, all gradients, and the gradients of a function of these."""
    rng = np.random.default_rng(seed)
    a = [Tensor(x, requires_grad=True) for x in inputs]
    b = [torch.tensor(x, requires_grad=True) for x in inputs]
    y, z = ours(*a), theirs(*b)
    close(y.data, z)
    assert y.shape == tuple(z.shape)
    dy = rng.normal(size=y.shape)
    y.backward(dy, create_graph=second)
    z.backward(torch.tensor(dy), create_graph=second)
    slopes = [t.grad for t in a], [t.grad for t in b]
    for ours_, theirs_ in zip(*slopes, strict=True):
        close(ours_.data, theirs_)
    if second and any(t.requires_grad for t in slopes[1]):
        weights = [rng.normal(size=t.shape) for t in a]
        for t in (*a, *b):
            t.grad = None
        total = sum(np.sum(slope * w) for slope, w in zip(slopes[0], weights))
        if total.requires_grad:  # else the slopes are constant, and theirs must have gradients of 0
            total.backward()
        sum((slope * torch.tensor(w)).sum() for slope, w in zip(slopes[1], weights)).backward()
        for t, u in zip(a, b, strict=True):
            theirs_ = np.zeros(t.shape) if u.grad is None else u.grad
            close(np.zeros(t.shape) if t.grad is None else t.grad.data, theirs_, 1e-8)


def weight_for(draw, shape, rng):
    """None, or a weight that is broadcast to the shape."""
    if draw(st.booleans()):
        return None
    own = shape[draw(st.integers(0, len(shape))) :]
    return rng.uniform(0.2, 3, [1 if draw(st.booleans()) else n for n in own])


def tensor(array):
    return None if array is None else torch.tensor(np.asarray(array), dtype=torch.float64)


@modest
@given(shapes, st.data(), reductions, seeds)
def test_binary_cross_entropy(shape, data, reduction, seed):
    rng = np.random.default_rng(seed)
    p, t = rng.uniform(0.02, 0.98, (2, *shape))
    w = weight_for(data.draw, shape, rng)
    ours, theirs = BCELoss(w, reduction=reduction), nn.BCELoss(tensor(w), reduction=reduction)
    theirs.load_state_dict(ours.to_torch_state())
    ours.from_torch_state(theirs.state_dict())
    alike(lambda p: ours(p, t), lambda p: theirs(p, torch.tensor(t)), np.array(p), seed=seed)
    alike(ours, theirs, np.array(p), np.array(t), seed=seed, second=False)


def test_binary_cross_entropy_of_certain_answers():
    p, t = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    theirs_to_ours = float(np.float32(1e-12)) / 1e-12  # PyTorch's bound on p (1 - p) is the float32 next to ours
    for reduction in ("mean", "sum", "none"):
        a, b = Tensor(p, requires_grad=True), torch.tensor(p, requires_grad=True)
        y = BCELoss(reduction=reduction)(a, t)
        z = nn.BCELoss(reduction=reduction)(b, torch.tensor(t))
        close(y.data, z)
        y.backward(np.ones(y.shape))
        z.backward(torch.ones_like(z))
        close(a.grad.data, b.grad * theirs_to_ours)


@modest
@given(shapes, st.data(), reductions, seeds, st.sampled_from([1.0, 30.0]))
def test_binary_cross_entropy_with_logits(shape, data, reduction, seed, scale):
    rng = np.random.default_rng(seed)
    z, t = np.array(scale * rng.normal(size=shape)), np.array(rng.uniform(size=shape))
    w, c = (weight_for(data.draw, shape, rng) for _ in range(2))
    ours = BCEWithLogitsLoss(w, reduction=reduction, pos_weight=c)
    theirs = nn.BCEWithLogitsLoss(tensor(w), reduction=reduction, pos_weight=tensor(c))
    theirs.load_state_dict(ours.to_torch_state())
    ours.from_torch_state(theirs.state_dict())
    alike(ours, theirs, z, t, seed=seed)


@modest
@given(shapes, reductions, seeds, st.sampled_from([0.1, 0.5, 1.0, 3.0]))
def test_distances(shape, reduction, seed, size):
    y, t = map(np.array, 2 * np.random.default_rng(seed).normal(size=(2, *shape)))
    for ours, theirs in (
        (MSELoss(reduction=reduction), nn.MSELoss(reduction=reduction)),
        (L1Loss(reduction=reduction), nn.L1Loss(reduction=reduction)),
        (HuberLoss(reduction, size), nn.HuberLoss(reduction, size)),
        (SmoothL1Loss(reduction=reduction, beta=size), nn.SmoothL1Loss(reduction=reduction, beta=size)),
        (SmoothL1Loss(reduction=reduction, beta=0), nn.SmoothL1Loss(reduction=reduction, beta=0)),
    ):
        alike(ours, theirs, y, t, seed=seed, second=not isinstance(ours, L1Loss))


def test_distances_at_corners_and_borders():
    y, t = np.array([0.0, 1.0, -1.0, 2.0, -2.0]), np.zeros(5)
    for ours, theirs in ((L1Loss(), nn.L1Loss()), (HuberLoss(), nn.HuberLoss()), (SmoothL1Loss(), nn.SmoothL1Loss())):
        alike(lambda y, f=ours: f(y, t), lambda y, f=theirs: f(y, torch.tensor(t)), y, second=False)


@modest
@given(shapes, reductions, seeds, st.sampled_from([0.0, 0.5, 1.0, 3.0]))
def test_hinge_embedding(shape, reduction, seed, margin):
    rng = np.random.default_rng(seed)
    y, t = np.array(rng.normal(size=shape)), np.array(rng.choice([-1.0, 1.0], shape))
    ours, theirs = (kind(margin, reduction=reduction) for kind in (HingeEmbeddingLoss, nn.HingeEmbeddingLoss))
    alike(lambda y: ours(y, t), lambda y: theirs(y, torch.tensor(t)), y, seed=seed)


@modest
@given(
    st.integers(0, 5), sizes, st.data(), reductions, seeds, st.sampled_from([1, 2]), st.sampled_from([0.5, 1.0, 3.0])
)
def test_multi_margin(n, k, data, reduction, seed, p, margin):
    rng = np.random.default_rng(seed)
    y, c = (
        (rng.normal(size=k), np.array(rng.integers(k))) if n == 0 else (rng.normal(size=(n, k)), rng.integers(0, k, n))
    )
    w = rng.uniform(0.2, 3, k) if data.draw(st.booleans()) else None
    ours = MultiMarginLoss(p, margin, w, reduction=reduction)
    theirs = nn.MultiMarginLoss(p, margin, tensor(w), reduction=reduction)
    theirs.load_state_dict(ours.to_torch_state())
    alike(lambda y: ours(y, c), lambda y: theirs(y, torch.tensor(c)), y, seed=seed, second=False)


@modest
@given(st.lists(sizes, min_size=1, max_size=4), st.data(), reductions, seeds, st.sampled_from([0.0, 0.1, 1.0]))
def test_cross_entropy(shape, data, reduction, seed, smoothing):
    rng = np.random.default_rng(seed)
    K = shape[1] if len(shape) > 1 else shape[0]
    z, t = 3 * rng.normal(size=shape), rng.uniform(size=shape)
    w = rng.uniform(0.2, 3, K) if data.draw(st.booleans()) else None
    ignored = data.draw(st.integers(-1, K - 1))
    options = {"reduction": reduction, "label_smoothing": smoothing}
    ours, theirs = CrossEntropyLoss(w, **options), nn.CrossEntropyLoss(tensor(w), **options)
    theirs.load_state_dict(ours.to_torch_state())
    ours.from_torch_state(theirs.state_dict())
    alike(ours, theirs, z, t, seed=seed)
    y = np.array(rng.integers(min(ignored, 0), K, (*shape[:1], *shape[2:]) if len(shape) > 1 else ()))
    ours, theirs = (
        CrossEntropyLoss(w, ignore_index=ignored, **options),
        nn.CrossEntropyLoss(tensor(w), ignore_index=ignored, **options),
    )
    assume(reduction != "mean" or (y != ignored).any())
    alike(lambda z: ours(z, y), lambda z: theirs(z, torch.tensor(y)), z, seed=seed)


def test_cross_entropy_refuses_a_class_to_ignore_among_probabilities():
    z, t = np.zeros((2, 3)), np.full((2, 3), 1 / 3)
    for index in (0, 7):
        with pytest.raises(RuntimeError, match="ignore_index"):
            nn.CrossEntropyLoss(ignore_index=index)(torch.tensor(z), torch.tensor(t))
        with pytest.raises(ValueError, match="ignore_index"):
            CrossEntropyLoss(ignore_index=index)(z, t)
    options = {"ignore_index": -1, "label_smoothing": 0.2}
    close(CrossEntropyLoss(**options)(z, t), nn.CrossEntropyLoss(**options)(torch.tensor(z), torch.tensor(t)))


def test_hinge_embedding_differs_at_the_corner_only():
    y, t = np.array([0.5, 1.0, 1.5]), np.full(3, -1.0)
    a, b = Tensor(y, requires_grad=True), torch.tensor(y, requires_grad=True)
    HingeEmbeddingLoss(reduction="sum")(a, t).backward()
    nn.HingeEmbeddingLoss(reduction="sum")(b, torch.tensor(t)).backward()
    assert a.grad.data.tolist() == [-1, 0, 0] and b.grad.tolist() == [-1, -1, 0]


def test_a_divergence_beyond_all_floats():
    mu, log_var = torch.zeros(1, 1).double(), torch.full((1, 1), 800.0).double()
    theirs = 0.5 * (torch.expm1(log_var) - log_var + mu**2).sum(1)
    with np.errstate(all="raise"):
        ours = divergence_from_standard_normal(mu.numpy(), log_var.numpy())
    assert ours.tolist() == theirs.tolist() == [math.inf]


@modest
@given(sizes, sizes, sizes, reductions, seeds, st.sampled_from([0.0, 1.0, 4.0]))
def test_variational_autoencoder(n, i, d, reduction, seed, beta):
    rng = np.random.default_rng(seed)
    z, mu, log_var = rng.normal(size=(n, i)), rng.normal(size=(n, d)), rng.normal(size=(n, d))
    x, noise = rng.uniform(size=(n, i)), rng.normal(size=(n, d))

    def theirs(z, mu, log_var):
        rebuilt = torch.distributions.Bernoulli(logits=z, validate_args=False).log_prob(torch.tensor(x)).sum(1)
        q = torch.distributions.Normal(mu, (log_var / 2).exp())
        kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)
        losses = beta * kl - rebuilt
        return {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[reduction]

    ours = BernoulliVAELoss(beta, reduction=reduction)
    alike(lambda z, mu, log_var: ours(z, x, mu, log_var), theirs, z, mu, log_var, seed=seed)
    alike(
        lambda mu, log_var: draw_latent(mu, log_var, noise),
        lambda mu, log_var: mu + (log_var / 2).exp() * torch.tensor(noise),
        mu,
        log_var,
        seed=seed,
    )


def critics(seed):
    rng = np.random.default_rng(seed)
    ours = Sequential(Linear(3, 6, rng=rng), Tanh(), Linear(6, 5, rng=rng), Tanh(), Linear(5, 1, rng=rng))
    theirs = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    theirs.load_state_dict(ours.to_torch_state())
    return ours, theirs


def torch_penalty(critic, x_hat):
    (g,) = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)
    return ((g.norm(dim=1) - 1) ** 2).mean()


@modest
@given(sizes, seeds)
def test_gradient_penalty_and_the_critics_gradient_through_it(n, seed):
    ours, theirs = critics(seed)
    real, fake = np.random.default_rng(seed).normal(size=(2, n, 3))
    a, b = gradient_penalty(ours, real), torch_penalty(theirs, torch.tensor(real, requires_grad=True))
    close(a.data, b)
    a.backward()
    b.backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(0 if p.grad is None else p.grad.data, torch.zeros(()) if q.grad is None else q.grad, 1e-8)
    ours.zero_grad()
    theirs.zero_grad()
    u = np.random.default_rng(seed).random((n, 1))
    a = WassersteinGradientPenalty(3.0, rng=seed)(ours, real, fake)
    x_hat = torch.tensor(u * real + (1 - u) * fake, requires_grad=True)
    b = theirs(torch.tensor(fake)).mean() - theirs(torch.tensor(real)).mean() + 3 * torch_penalty(theirs, x_hat)
    close(a.data, b)
    a.backward()
    b.backward()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(p.grad.data, q.grad, 1e-8)


@modest
@given(sizes, seeds)
def test_the_generators_gradient(n, seed):
    ours, theirs = critics(seed)
    fake = np.random.default_rng(seed).normal(size=(n, 3))
    alike(lambda x: generator_loss(ours, x), lambda x: -theirs(x).mean(), fake, seed=seed)


@modest
@given(sizes, sizes, st.integers(2, 6), sizes, seeds)
def test_noise_contrastive_estimation(n, d, v, k, seed):
    rng = np.random.default_rng(seed)
    counts = rng.uniform(0.5, 3, v)
    loss = NCELoss(counts, d, rng=seed)
    target, noise = rng.integers(0, v, n), rng.integers(0, v, (n, k))
    words = torch.tensor(np.concatenate([target[:, None], noise], axis=1))
    log_p = torch.tensor(np.log(counts / counts.sum()))
    yes = torch.zeros(n, 1 + k, dtype=torch.float64)
    yes[:, 0] = 1

    def theirs(h, W, b):
        scores = torch.einsum("nd,nmd->nm", h, W[words]) + b[words]
        logits = scores - log_p[words] - math.log(k)
        return nn.functional.binary_cross_entropy_with_logits(logits, yes, reduction="none").sum(1).mean()

    def ours(h, W, b):
        vars(loss).update(weight=W, bias=b)  # Tensors in the place of Parameters
        return loss(h, target, noise)

    alike(ours, theirs, rng.normal(size=(n, d)), rng.normal(size=(v, d)), rng.normal(size=v), seed=seed)


@modest
@given(
    st.lists(shapes, min_size=1, max_size=4), seeds, st.sampled_from([0.5, 1.0, 2.0, 3.5, math.inf]), st.floats(0, 5)
)
def test_clipping(own, seed, order, limit):
    rng = np.random.default_rng(seed)
    gradients = [np.array(rng.normal(size=shape)) for shape in own]

    def twins():
        ours, theirs = [Parameter(np.zeros(s)) for s in own], [nn.Parameter(torch.zeros(s, dtype=float)) for s in own]
        for p, q, g in zip(ours, theirs, gradients):
            p.grad, q.grad = Tensor(g.copy()), torch.tensor(g)
        return [*ours, Parameter(np.zeros(2))], [*theirs, nn.Parameter(torch.zeros(2))]

    ours, theirs = twins()
    close(get_total_norm(gradients, order), torch.nn.utils.get_total_norm(list(map(torch.tensor, gradients)), order))
    close(clip_grad_norm_(ours, limit, order), torch.nn.utils.clip_grad_norm_(theirs, limit, order))
    others, theirs_too = twins()
    clip_grad_value_(others, limit)
    torch.nn.utils.clip_grad_value_(theirs_too, limit)
    for p, q in (*zip(ours[:-1], theirs), *zip(others[:-1], theirs_too)):
        close(p.grad.data, q.grad)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clipping_what_is_not_finite(bad):
    p, q = Parameter(np.zeros(2)), nn.Parameter(torch.zeros(2, dtype=float))
    p.grad, q.grad = Tensor(np.array([1.0, bad])), torch.tensor([1.0, bad], dtype=float)
    np.testing.assert_equal(clip_grad_norm_([p], 1.0), torch.nn.utils.clip_grad_norm_([q], 1.0).item())
    np.testing.assert_array_equal(p.grad.data, q.grad.numpy())
    with pytest.raises(RuntimeError, match="non-finite"):
        torch.nn.utils.clip_grad_norm_([q], 1.0, error_if_nonfinite=True)
    with pytest.raises(ValueError, match="look for the layer"):
        clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
