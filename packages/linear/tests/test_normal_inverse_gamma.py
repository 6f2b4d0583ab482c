"""The oracle is the sum over a fine grid of weights and variances, and Student's t as a mixture of normals."""

import math

import numpy as np
import pytest

from pellucid_linear import linear_regression, normal_inverse_gamma, standard_errors, tall_skinny_qr
from pellucid_linear.normal_inverse_gamma import Noise


def grid_posterior(x, y, s, a_0, b_0, v_0):
    """One weight, no intercept: log of likelihood times prior on a grid of w and log σ², and a cell's size."""
    w, log_noise = np.meshgrid(np.linspace(-12, 12, 1201), np.linspace(-6, 9, 901), indexing="ij")
    noise = np.exp(log_noise)
    squares = sum(weight * (target - w * point) ** 2 for point, target, weight in zip(x, y, s))
    log_p = -0.5 * squares / noise - 0.5 * len(x) * np.log(2 * np.pi * noise) + 0.5 * np.sum(np.log(s))
    log_p += -0.5 * w**2 / (noise * v_0) - 0.5 * np.log(2 * np.pi * noise * v_0)
    if a_0 > 0:
        log_p += a_0 * np.log(b_0) - math.lgamma(a_0) - b_0 / noise
    log_p -= (a_0 + 1) * log_noise
    log_p += log_noise  # dσ² = σ² d log σ²
    return w, noise, log_p, 24 / 1200 * 15 / 900


X = np.array([0.5, -1.2, 0.7, 2.0, -0.3])
Y = np.array([1.0, -1.5, 0.2, 2.2, 0.4])
S = np.array([1.0, 0.5, 2.0, 1.5, 0.7])


def closed_form(v_0):
    """E and log c of one weight with the prior variance σ²v₀."""
    precision = 1 / v_0 + np.sum(S * X**2)
    misfit = np.sum(S * Y**2) - np.sum(S * X * Y) ** 2 / precision
    return misfit, 0.5 * np.sum(np.log(S)) - 0.5 * np.log(v_0 * precision)


@pytest.mark.parametrize("a_0, b_0", [(1.5, 0.8), (0.5, 0.3), (0.0, 0.0)])
def test_eq_1_2_3_4_7_posterior_and_evidence_are_those_of_a_grid(a_0, b_0):
    v_0 = 2.0
    _, noise, log_p, cell = grid_posterior(X, Y, S, a_0, b_0, v_0)
    p = np.exp(log_p) * cell
    misfit, log_c = closed_form(v_0)
    found = normal_inverse_gamma.learn(a_0, b_0, 5, np.array([misfit]))
    evidence = normal_inverse_gamma.log_evidence(found, a_0, b_0, 5, log_c)
    np.testing.assert_allclose(evidence, np.log(p.sum()), rtol=1e-6)
    np.testing.assert_allclose(normal_inverse_gamma.variance(found), (p * noise).sum() / p.sum(), rtol=1e-3)
    np.testing.assert_allclose(1 / normal_inverse_gamma.scale(found), (p / noise).sum() / p.sum(), rtol=1e-6)


def test_eq_1_2_a_row_counts_half():
    found = normal_inverse_gamma.learn(1.5, 0.75, 7, np.array([4.0, 1.0]))
    assert found.a == 5.0 and found.b.tolist() == [2.75, 1.25]


def test_eq_3_4_need_rows():
    b = np.array([2.0, 3.0])
    assert normal_inverse_gamma.scale(Noise(4.0, b)).tolist() == [0.5, 0.75]
    assert normal_inverse_gamma.variance(Noise(3.0, b)).tolist() == [1.0, 1.5]
    assert normal_inverse_gamma.variance(Noise(2.0, b)).tolist() == [2.0, 3.0]
    for a in (1.0, 0.5, 0.0):
        assert np.isposinf(normal_inverse_gamma.variance(Noise(a, np.array([0.0, 2.0])))).all()
    assert np.isfinite(normal_inverse_gamma.variance(Noise(1.0625, b))).all()
    assert np.isposinf(normal_inverse_gamma.scale(Noise(0.0, np.array([0.0, 2.0])))).all()
    assert normal_inverse_gamma.scale(Noise(0.5, b)).tolist() == [4.0, 6.0]
    assert normal_inverse_gamma.quantile(Noise(0.0, b), 0.9) == np.inf
    assert np.isnan(normal_inverse_gamma.log_evidence(Noise(0.0, b), 0.0, 0.0, 0, 0.0)).all()
    assert np.isfinite(normal_inverse_gamma.log_evidence(Noise(0.5, b), 0.0, 0.0, 1, 0.0)).all()


@pytest.mark.parametrize("a", [0.5, 1.3, 6.0])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_eq_3_5_the_mixture_of_normals_lies_within_the_quantile(a, level):
    """P(|y| < t √s²) is the mean of P(|e| < t √(s²/σ²)) over the inverse gamma distribution of σ²."""
    noise = Noise(a, np.array([2.0]))
    t = normal_inverse_gamma.quantile(noise, level) * np.sqrt(normal_inverse_gamma.scale(noise)[0])
    log_g = np.linspace(-60, 8, 20001)  # σ² = b/g
    density = np.exp(a * log_g - np.exp(log_g) - math.lgamma(a))  # of log g
    inside = [math.erf(t / math.sqrt(2 * 2.0 / g)) for g in np.exp(log_g)]
    np.testing.assert_allclose(np.sum(density * inside) * (log_g[1] - log_g[0]), level, rtol=1e-8)


def test_eq_5_hardly_any_degree_of_freedom():
    assert normal_inverse_gamma.quantile(Noise(1e-6, np.ones(1)), 0.95) == np.inf
    assert normal_inverse_gamma.quantile(Noise(0.025, np.ones(1)), 1 - 1e-9) == np.inf
    assert 1e10 < normal_inverse_gamma.quantile(Noise(0.05, np.ones(1)), 0.95) < np.inf


class Given:
    def standard_gamma(self, shape, size):
        assert shape == 2.5 and size == (3, 2)
        return np.array([[1.0, 2.0], [4.0, 8.0], [0.5, 16.0]])


def test_eq_6_draws_are_the_scale_divided_by_gamma_numbers():
    found = normal_inverse_gamma.draw(Noise(2.5, np.array([2.0, 8.0])), 3, rng=Given())
    assert found.tolist() == [[2.0, 4.0], [0.5, 1.0], [4.0, 0.5]]


def test_eq_6_draws_have_the_mean():
    noise = Noise(5.0, np.array([2.0, 8.0]))
    draws = normal_inverse_gamma.draw(noise, 200_000, rng=np.random.default_rng(0))
    np.testing.assert_allclose(draws.mean(axis=0), normal_inverse_gamma.variance(noise), rtol=0.01)
    np.testing.assert_allclose((1 / draws).mean(axis=0), 1 / normal_inverse_gamma.scale(noise), rtol=0.01)


def test_eq_7_evidence_of_no_row_is_that_of_nothing():
    noise = normal_inverse_gamma.learn(1.5, 0.7, 0, np.zeros(1))
    np.testing.assert_allclose(normal_inverse_gamma.log_evidence(noise, 1.5, 0.7, 0, 0.0), 0, atol=1e-14)


def test_eq_7_evidence_of_a_perfect_fit_is_infinite_where_no_prior_forbids_it():
    noise = normal_inverse_gamma.learn(0.0, 0.0, 4, np.zeros(1))
    assert normal_inverse_gamma.log_evidence(noise, 0.0, 0.0, 4, 0.0) == np.inf


def test_eq_1_2_3_flat_priors_estimate_what_least_squares_does():
    rng = np.random.default_rng(1)
    A, T = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    params, _, factor = linear_regression.fit(A, T)
    expected, df = standard_errors.residual_variance(
        factor, tall_skinny_qr.directions(factor), params.coef, fit_intercept=True
    )
    noise = normal_inverse_gamma.learn(0.0, 0.0, df, np.sum((T - A @ params.coef.T - params.intercept) ** 2, axis=0))
    np.testing.assert_allclose(normal_inverse_gamma.scale(noise), expected, rtol=1e-12)
