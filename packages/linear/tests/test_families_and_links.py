"""The oracle is the definition: densities that sum to 1 with the right mean and variance, finite differences."""

import math
from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest

from pellucid_linear import families_and_links
from pellucid_linear.families_and_links import FAMILIES, LINKS

MEANS = np.array([0.02, 0.3, 0.5, 0.77, 0.999])
every_link = pytest.mark.parametrize("name", LINKS)
every_family = pytest.mark.parametrize("name", FAMILIES)


@pytest.mark.parametrize(
    "name, eta", [("identity", 0.25), ("log", -math.log(4)), ("logit", -math.log(3)), ("inverse", 4.0)]
)
def test_eq_1_2_3_4_links_at_a_quarter(name, eta):
    np.testing.assert_allclose(LINKS[name].link(np.array([0.25])), eta, rtol=1e-14)
    np.testing.assert_allclose(LINKS[name].inverse(np.array([eta])), 0.25, rtol=1e-14)


@every_link
def test_eq_1_2_3_4_inverse_and_slope_belong_to_the_link(name):
    link = LINKS[name]
    eta, h = link.link(MEANS), 1e-6
    np.testing.assert_allclose(link.inverse(eta), MEANS, rtol=1e-12)
    numeric = (link.inverse(eta + h) - link.inverse(eta - h)) / (2 * h)
    np.testing.assert_allclose(link.slope(MEANS), numeric, rtol=1e-7)


def test_eq_3_logit_neither_overflows_nor_reaches_the_ends():
    with np.errstate(all="raise", under="ignore"):
        mu = families_and_links.expit(np.array([-1e4, -800.0, -30.0, 0.0, 30.0, 800.0, 1e4]))
    assert mu[0] == mu[1] == 1 - mu[5] == 1 - mu[6] == np.finfo(float).eps and mu[3] == 0.5
    np.testing.assert_allclose(mu[[2, 4]], [math.exp(-30) / (1 + math.exp(-30)), 1 / (1 + math.exp(-30))], rtol=1e-14)


def grid(name):
    """Targets of the family, and the size of a cell, for a precision of 3 and a dispersion of φ."""
    if name == "binomial":
        return np.arange(4) / 3, 1.0
    if name == "poisson":
        return np.arange(60.0), 1.0
    low, high = (1e-9, 40.0) if name == "gamma" else (-20.0, 21.0)
    return np.linspace(low, high, 400_001), (high - low) / 400_000


@every_family
def test_eq_5_6_7_8_ranges_and_dispersions(name):
    """Means lie strictly between two numbers, which targets may be or not; φ is 1 or estimated."""
    expected = {
        "gaussian": ("identity", -np.inf, np.inf, False, True),
        "binomial": ("logit", 0, 1, True, False),
        "poisson": ("log", 0, np.inf, True, False),
        "gamma": ("inverse", 0, np.inf, False, True),
    }[name]
    assert FAMILIES[name][:6] == (name, *expected)
    assert FAMILIES[name].borders is expected[3] and FAMILIES[name].estimated is expected[4]


@every_family
@pytest.mark.parametrize("mean", [0.3, 0.8])
def test_eq_5_6_7_8_13_14_15_16_densities_have_the_mean_and_the_variance(name, mean):
    """Σ p(y) = 1, the mean is μ and the variance φ V(μ)/s; of a poisson target the density to the power s is meant."""
    family, (y, cell) = FAMILIES[name], grid(name)
    s, phi = (1.0 if name == "poisson" else 3.0), (0.7 if family.estimated else 1.0)
    mu = np.full(len(y), mean)
    p = np.exp(family.log_density(y, mu, np.full(len(y), s), phi)) * cell
    np.testing.assert_allclose([p.sum(), p @ y], [1, mean], rtol=1e-6)
    np.testing.assert_allclose(p @ (y - mean) ** 2, phi * family.variance(mu[:1])[0] / s, rtol=1e-6)
    cubed = family.log_density(y, mu, np.full(len(y), 3.0), 1.0) if name == "poisson" else 0
    np.testing.assert_allclose(cubed, 3 * np.log(p) if name == "poisson" else 0, rtol=1e-12)


@every_family
def test_eq_5_6_7_8_9_10_11_12_the_slope_of_the_deviance(name):
    """∂d/∂μ = −2 (y − μ)/V(μ), the property that the fit builds on."""
    family, h = FAMILIES[name], 1e-6
    for y in (0.1, 0.45, 0.9, *([0.0] if name in ("binomial", "poisson") else [])):
        target = np.full(5, y)
        numeric = (family.deviance(target, MEANS + h) - family.deviance(target, MEANS - h)) / (2 * h)
        np.testing.assert_allclose(-2 * (target - MEANS) / family.variance(MEANS), numeric, rtol=1e-4, atol=1e-7)


@every_family
def test_eq_9_10_11_12_13_14_15_16_deviance_is_what_the_likelihood_falls_short(name):
    """d = (2φ/s) (log p(y | y) − log p(y | μ))."""
    family, phi = FAMILIES[name], 0.7 if FAMILIES[name].estimated else 1.0
    s = np.full(5, 2.5)
    for y in (0.1, 0.45, 0.9):
        target = np.full(5, y)
        short = family.log_density(target, target, s, phi) - family.log_density(target, MEANS, s, phi)
        np.testing.assert_allclose(family.deviance(target, MEANS), 2 * phi / s * short, rtol=1e-10, atol=1e-14)
        assert np.all(family.deviance(target, target) == 0)


def test_eq_10_11_deviances_at_the_border():
    np.testing.assert_allclose(FAMILIES["poisson"].deviance(np.zeros(5), MEANS), 2 * MEANS)
    np.testing.assert_allclose(FAMILIES["binomial"].deviance(np.zeros(5), MEANS), -2 * np.log(1 - MEANS))
    np.testing.assert_allclose(FAMILIES["binomial"].deviance(np.ones(5), MEANS), -2 * np.log(MEANS))


@pytest.mark.parametrize("name", ["poisson", "gamma"])
def test_eq_11_12_small_deviances_of_huge_targets_keep_their_digits(name):
    getcontext().prec = 50
    for y, mu in ((1e12, 1e12 + 3e5), (1e15, 1e15 - 1e9), (7.0, 7.001), (1e6, 3.0)):
        a, b = Decimal(y), Decimal(mu)
        exact = 2 * (a * (a / b).ln() - (a - b)) if name == "poisson" else 2 * ((a - b) / b - (a / b).ln())
        found = FAMILIES[name].deviance(np.array([y]), np.array([mu]))[0]
        np.testing.assert_allclose(found, float(exact), rtol=1e-8)


@pytest.mark.parametrize("y, mu", [(1e-17, 1.0), (1e-10, 3.0), (1e-300, 1e5), (1e5, 1e-5), (3.0, 1.5), (1.0, 2.0)])
def test_eq_10_11_12_deviances_of_targets_far_from_their_means_keep_their_digits(y, mu):
    getcontext().prec = 50
    a, b = Decimal(y), Decimal(mu)
    for nudge in (1, 1 - 1e-9, 1 + 1e-9):  # also beside the places where one form takes over from the other
        a = Decimal(y * nudge)
        exact = {"poisson": 2 * (a * (a / b).ln() - (a - b)), "gamma": 2 * ((a - b) / b - (a / b).ln())}
        for name, value in exact.items():
            found = FAMILIES[name].deviance(np.array([y * nudge]), np.array([mu]))[0]
            np.testing.assert_allclose(found, float(value), rtol=1e-14)
    for p in (1e-20, 1e-9, 0.3):  # a rare share, expected to be certain, and the other way round
        q = 1 - 1e-6
        exact = 2 * float(Decimal(p) * (Decimal(p) / Decimal(q)).ln())
        exact += 2 * float((1 - Decimal(p)) * ((1 - Decimal(p)) / (1 - Decimal(q))).ln())
        np.testing.assert_allclose(FAMILIES["binomial"].deviance(np.array([p]), np.array([q])), exact, rtol=1e-9)


def test_eq_17_log_gamma_is_that_of_the_standard_library():
    x = np.concatenate([np.logspace(-8, 16, 200), [1, 2, 3, 9.5, 10, 10.5, 1e5], np.arange(1, 30) / 2])
    expected = np.array([math.lgamma(value) for value in x])
    np.testing.assert_allclose(families_and_links.log_gamma(x), expected, rtol=2e-14, atol=3e-14)
    at_10 = math.lgamma(10.000001)
    np.testing.assert_allclose(families_and_links.log_gamma(np.array([10.000001])), at_10, rtol=3e-15)


def test_eq_18_correction_is_the_sum_over_bernoulli_numbers():
    """Σₖ B₂ₖ / (2k (2k − 1) z²ᵏ⁻¹)."""
    bernoulli = [Fraction(1, 6), Fraction(-1, 30), Fraction(1, 42), Fraction(-1, 30), Fraction(5, 66)]
    for z in (Fraction(1, 2), Fraction(3)):
        exact = sum(b / (2 * k * (2 * k - 1) * z ** (2 * k - 1)) for k, b in enumerate(bernoulli, start=1))
        np.testing.assert_allclose(families_and_links.correct(np.array([float(z)])), float(exact), rtol=1e-14)


def test_eq_14_log_choose_counts_ways():
    n, k = np.array([5.0, 40.0, 7.0, 3.0]), np.array([2.0, 17.0, 0.0, 3.0])
    np.testing.assert_allclose(families_and_links.log_choose(n, k), np.log([10, math.comb(40, 17), 1, 1]), atol=1e-12)


@every_family
def test_canonical_link_is_the_one_whose_slope_is_the_variance(name):
    """μ′ = V(μ), but for the sign that gamma's has."""
    family = FAMILIES[name]
    np.testing.assert_allclose(np.abs(LINKS[family.canonical].slope(MEANS)), family.variance(MEANS))
