"""Agreement with SciPy: quantiles, the gamma function, densities of the families."""

import numpy as np
import pytest

from pellucid_linear import bayesian_linear_regression, families_and_links, normal_inverse_gamma
from pellucid_linear.families_and_links import FAMILIES
from pellucid_linear.normal_inverse_gamma import Noise

special = pytest.importorskip("scipy.special")
stats = pytest.importorskip("scipy.stats")

LEVELS = [0.01, 0.5, 0.8, 0.95, 0.99, 0.999999, 1 - 1e-12]


@pytest.mark.parametrize("level", LEVELS)
def test_normal_quantiles(level):
    expected = stats.norm.isf((1 - level) / 2)
    np.testing.assert_allclose(
        bayesian_linear_regression.normal_quantile(level), expected, rtol=2e-5 if level > 0.9999999 else 1e-10
    )


@pytest.mark.parametrize("df", [0.5, 1, 1.7, 2, 3.3, 10, 99.5, 199.5, 200.5, 1e3, 123456.7])
@pytest.mark.parametrize("level", LEVELS[:-1])
def test_student_quantiles_of_any_number_of_degrees_of_freedom(df, level):
    found = normal_inverse_gamma.quantile(Noise(df / 2, np.ones(1)), level)
    np.testing.assert_allclose(found, stats.t.isf((1 - level) / 2, df), rtol=1e-9)


def test_gamma_function():
    x = np.logspace(-9, 17, 500)
    np.testing.assert_allclose(families_and_links.log_gamma(x), special.gammaln(x), rtol=1e-13, atol=1e-13)


def test_densities():
    rng = np.random.default_rng(0)
    mu, s, phi = rng.uniform(0.1, 0.9, 50), rng.integers(1, 30, 50).astype(float), 0.7
    y = rng.uniform(0.1, 3, 50)
    for family, expected in (
        ("gaussian", stats.norm.logpdf(y, mu, np.sqrt(phi / s))),
        ("gamma", stats.gamma.logpdf(y, s / phi, scale=mu * phi / s)),
    ):
        np.testing.assert_allclose(FAMILIES[family].log_density(y, mu, s, phi), expected, rtol=1e-10, atol=1e-12)
    hits = rng.binomial(s.astype(int), mu)
    found = FAMILIES["binomial"].log_density(hits / s, mu, s, 1.0)
    np.testing.assert_allclose(found, stats.binom.logpmf(hits, s, mu), rtol=1e-9, atol=1e-11)
    counts = rng.poisson(20 * mu)
    found = FAMILIES["poisson"].log_density(counts, 20 * mu, np.ones(50), 1.0)
    np.testing.assert_allclose(found, stats.poisson.logpmf(counts, 20 * mu), rtol=1e-10)


def test_deviances_and_the_logistic_curve():
    rng = np.random.default_rng(1)
    y, mu = rng.uniform(0, 1, 50), rng.uniform(0.01, 0.99, 50)
    expected = 2 * (special.xlogy(y, y / mu) + special.xlogy(1 - y, (1 - y) / (1 - mu)))
    np.testing.assert_allclose(FAMILIES["binomial"].deviance(y, mu), expected, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(FAMILIES["poisson"].deviance(y, mu), 2 * special.kl_div(y, mu), rtol=1e-9, atol=1e-14)
    eta = np.linspace(-30, 30, 101)
    np.testing.assert_allclose(families_and_links.expit(eta), special.expit(eta), rtol=1e-14)


def test_evidence_of_an_unknown_noise_is_a_multivariate_student_density():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(8, 3)), rng.normal(size=8)
    model = bayesian_linear_regression.BayesianLinearRegression(
        prior_mean=[1.0, 0.0, -1.0], prior_precision=0.4, prior_shape=2.0, prior_scale=1.5, fit_intercept=False
    ).fit(X, y)
    shape = 1.5 / 2.0 * (np.eye(8) + X @ X.T / 0.4)
    expected = stats.multivariate_t.logpdf(y, X @ [1.0, 0.0, -1.0], shape, df=4.0)
    np.testing.assert_allclose(model.log_marginal_likelihood_, expected, rtol=1e-10)
    posterior = stats.invgamma(model.noise_.a, scale=model.noise_.b[0])
    np.testing.assert_allclose(posterior.mean(), model.noise_.b[0] / (model.noise_.a - 1), rtol=1e-12)
