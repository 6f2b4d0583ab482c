"""The oracles are integrals on a grid and definitions with Python's floats."""

import math

import numpy as np
import pytest

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.vae_loss import BernoulliVAELoss, divergence_from_standard_normal, draw_latent

REDUCTIONS = ("mean", "sum", "none")
N, I, D = 4, 5, 3


def draw(seed=0):
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(N, I)), rng.uniform(size=(N, I)), rng.normal(size=(N, D)), rng.normal(size=(N, D))


def kl_on_a_grid(mu, log_var):
    """∫ q log(q / p) du, by the trapezoidal rule."""
    u = np.linspace(-40, 40, 400_001)
    log_q = -0.5 * (u - mu) ** 2 / math.exp(log_var) - 0.5 * log_var - 0.5 * math.log(2 * math.pi)
    log_p = -0.5 * u**2 - 0.5 * math.log(2 * math.pi)
    return np.sum(np.exp(log_q) * (log_q - log_p)) * (u[1] - u[0])


def test_eq_1_2_latent_numbers_and_their_slopes():
    _, _, mu, log_var = draw()
    noise, du = np.random.default_rng(1).normal(size=(2, N, D))
    u, (dmu, dlog_var, _) = draw_latent.run(mu, log_var, noise)
    for i in np.ndindex(N, D):
        deviation = math.sqrt(math.exp(log_var[i])) * noise[i]
        np.testing.assert_allclose(u[i], mu[i] + deviation, rtol=1e-12)
        np.testing.assert_allclose(dmu(du)[i], du[i])
        np.testing.assert_allclose(dlog_var(du)[i], du[i] * deviation / 2, rtol=1e-12)
    gradcheck(lambda mu, log_var: draw_latent(mu, log_var, noise), mu, log_var, order=2)


def test_eq_1_many_of_them_have_mean_and_variance():
    noise = np.random.default_rng(0).normal(size=(200_000, 1))
    u = draw_latent(np.full((200_000, 1), 2.0), np.full((200_000, 1), math.log(9)), noise)
    np.testing.assert_allclose([u.mean(), u.var()], [2, 9], rtol=0.01)


def test_eq_4_the_divergence_is_the_integral():
    _, _, mu, log_var = draw(1)
    expected = [sum(kl_on_a_grid(mu[n, j], log_var[n, j]) for j in range(D)) for n in range(N)]
    np.testing.assert_allclose(divergence_from_standard_normal(mu, log_var), expected, rtol=1e-9)


def test_eq_4_it_is_0_for_the_standard_normal_only_and_keeps_its_digits_nearby():
    assert divergence_from_standard_normal(np.zeros((2, 3)), np.zeros((2, 3))).tolist() == [0, 0]
    s = 1e-6  # the series s²/4 + s³/12
    near = divergence_from_standard_normal(np.zeros((1, 1)), np.full((1, 1), s))
    np.testing.assert_allclose(near, [s**2 / 4 + s**3 / 12], rtol=1e-8)


def test_eq_5_6_slopes():
    _, _, mu, log_var = draw(2)
    dkl = np.arange(1.0, N + 1)
    _, (dmu, dlog_var) = divergence_from_standard_normal.run(mu, log_var)
    for n, j in np.ndindex(N, D):
        np.testing.assert_allclose(dmu(dkl)[n, j], dkl[n] * mu[n, j])
        np.testing.assert_allclose(dlog_var(dkl)[n, j], dkl[n] * (math.exp(log_var[n, j]) - 1) / 2, rtol=1e-12)
    gradcheck(divergence_from_standard_normal, mu, log_var, order=2)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("beta", [1.0, 0.0, 2.5])
def test_eq_3_the_loss_is_surprise_plus_divergence(reduction, beta):
    z, x, mu, log_var = draw(3)
    losses = np.zeros(N)
    for n in range(N):
        for i in range(I):
            p = 1 / (1 + math.exp(-z[n, i]))
            losses[n] -= x[n, i] * math.log(p) + (1 - x[n, i]) * math.log(1 - p)
        losses[n] += beta * sum(kl_on_a_grid(mu[n, j], log_var[n, j]) for j in range(D))
    expected = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / N}[reduction]
    loss = BernoulliVAELoss(beta, reduction=reduction)
    np.testing.assert_allclose(loss(z, x, mu, log_var), expected, rtol=1e-8)
    gradcheck(loss, z, x, mu, log_var, order=2)


def test_eq_3_pictures():
    z, x, mu, log_var = draw(4)
    flat = BernoulliVAELoss()(z, x, mu, log_var)
    np.testing.assert_allclose(BernoulliVAELoss()(z.reshape(N, 1, 1, I), x.reshape(N, 1, 1, I), mu, log_var), flat)


def test_eq_3_minus_the_loss_is_a_lower_bound_of_the_evidence():
    """One latent number and a linear decoder: log p(x) by a sum over a grid, the bound by the mean over many draws."""
    w, x = np.array([[1.5], [-0.5]]), np.array([1.0, 0.0])
    grid = np.linspace(-9, 9, 4001)[:, None]
    z = grid @ w.T
    log_p = (x * z - np.logaddexp(0, z)).sum(axis=1)
    prior = np.exp(-(grid[:, 0] ** 2) / 2) / math.sqrt(2 * math.pi)
    evidence = math.log((np.exp(log_p) * prior).sum() * (grid[1, 0] - grid[0, 0]))
    M = 100_000
    mu, log_var = np.full((M, 1), 0.6), np.full((M, 1), -0.3)
    u = draw_latent(mu, log_var, np.random.default_rng(0).normal(size=(M, 1)))
    bound = -BernoulliVAELoss()(u @ w.T, np.broadcast_to(x, (M, 2)), mu, log_var)
    assert evidence - 0.05 < bound < evidence


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_order_and_empty_batches(dtype):
    arrays = [np.array(a.astype(dtype), order="F") for a in draw(5)]
    for a in arrays:
        a.flags.writeable = False
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    total = BernoulliVAELoss()(*tensors)
    total.backward()
    assert total.dtype == dtype and all(t.grad.dtype == dtype and t.grad.shape == t.shape for t in tensors)
    with no_grad():
        assert BernoulliVAELoss()(*arrays) == total.data
    empty = [Tensor(a[:0], requires_grad=True) for a in arrays]
    nothing = BernoulliVAELoss(reduction="sum")(*empty)
    nothing.backward()
    assert nothing.item() == 0 and empty[2].grad.shape == (0, D)
    with pytest.raises(ValueError, match="at least one example"):
        BernoulliVAELoss()(*empty)


def test_extreme_values():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss = BernoulliVAELoss()(np.full((1, 1), 1e4), np.zeros((1, 1)), np.full((1, 1), 10.0), np.full((1, 1), -1e4))
    np.testing.assert_allclose(loss, 1e4 + 0.5 * (-1 + 1e4 + 100))


def test_bad_input_is_named():
    z, x, mu, log_var = draw()
    loss = BernoulliVAELoss()
    with pytest.raises(ValueError, match=r"logits has \(4, 5\), x has \(4, 4\)"):
        loss(z, x[:, 1:], mu, log_var)
    for wrong in ((mu[1:], log_var[1:]), (mu, log_var[:, 1:]), (mu[:, 0], log_var[:, 0])):
        with pytest.raises(ValueError, match=r"must be \(N, D\) for logits \(N, ...\): mu has shape"):
            loss(z, x, *wrong)
    with pytest.raises(TypeError, match="mu is int64"):
        loss(z, x, mu.astype(np.int64), log_var)
    for change in (0, 2, 3):
        arrays = [a.astype(np.float32) if i == change else a for i, a in enumerate((z, x, mu, log_var))]
        with pytest.raises(TypeError, match="must have one dtype"):
            loss(*arrays)
    for beta in (-1, np.nan):
        with pytest.raises(ValueError, match="beta is the weight"):
            BernoulliVAELoss(beta)


def test_repr():
    assert repr(BernoulliVAELoss()) == "BernoulliVAELoss()"
    assert repr(BernoulliVAELoss(2, reduction="sum")) == "BernoulliVAELoss(beta=2.0, reduction='sum')"


def test_a_variance_or_a_deviation_beyond_all_floats_is_infinite_without_a_warning():
    with np.errstate(all="raise"):
        mu, log_var = np.array([[1.0]]), np.array([[800.0]])
        kl, (dmu, dlog_var) = divergence_from_standard_normal.run(mu, log_var)
        assert (kl, dmu(np.ones(1)), dlog_var(np.ones(1))) == (np.inf, 1, np.inf)
        (u, _) = draw_latent.run(mu, 2 * log_var, -np.ones((1, 1)))
        assert u == -np.inf
        assert np.isfinite(divergence_from_standard_normal(mu, log_var - 100))


@pytest.mark.parametrize("bad", [-1e-9, 1 + 1e-9, 255.0, np.nan])
def test_examples_outside_0_and_1_are_refused(bad):
    z, x, mu, log_var = draw()
    x[1, 2] = bad
    for given in (x, Tensor(x)):
        with pytest.raises(ValueError, match=r"examples must be in \[0, 1\]; x goes from .*: divide pixels by 255"):
            BernoulliVAELoss()(z, given, mu, log_var)
    x[1, 2], x[0, 0] = 0.0, 1.0
    assert np.isfinite(BernoulliVAELoss()(z, x, mu, log_var))


@pytest.mark.parametrize("value", [True, "1", None, np.array([1.0])])
def test_settings_that_are_no_numbers_are_named(value):
    with pytest.raises(TypeError, match="beta must be a number; it is"):
        BernoulliVAELoss(value)


def test_a_setting_of_numpy_leaves_the_precision_alone():
    z, x, mu, log_var = (a.astype(np.float32) for a in draw())
    assert BernoulliVAELoss(np.float64(0.5))(z, x, mu, log_var).dtype == np.float32
