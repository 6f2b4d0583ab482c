"""The oracles: closed forms for few degrees of freedom, the integral of the density, the normal distribution."""

import math
from fractions import Fraction
from statistics import NormalDist

import numpy as np
import pytest

from pellucid_linear.student_t import LARGE, density, incomplete_beta, log_beta, quantile, tail

VALUES = np.array([1e-8, 0.01, 0.3, 1.0, 1.4, 1.8, 2.5, 6.0, 40.0])
CLOSED = {  # P(|T| > t)
    1: lambda t: 2 / np.pi * np.arctan2(1, t),
    2: lambda t: 2 / (np.sqrt(2 + t**2) * (np.sqrt(2 + t**2) + t)),
    3: lambda t: 2 / np.pi * (np.arctan2(np.sqrt(3), t) - t * np.sqrt(3) / (3 + t**2)),
}


def simpson(f, low, high, pieces=1000):
    x = np.linspace(low, high, 2 * pieces + 1)
    y = np.array([f(value) for value in x.tolist()])
    return (y[0] + y[-1] + 4 * y[1::2].sum() + 2 * y[2:-1:2].sum()) * (high - low) / pieces / 6


@pytest.mark.parametrize("df", [1, 2, 3])
def test_eq_1_2_3_4_5_tail_is_the_closed_form(df):
    # for df = 3 the closed form itself cancels far out
    np.testing.assert_allclose(tail(VALUES, df), CLOSED[df](VALUES), rtol=2e-14 if df < 3 else 1e-10)
    np.testing.assert_array_equal(tail(-VALUES, df), tail(VALUES, df))


@pytest.mark.parametrize("df", [0.5, 1, 2, 4.5, 7, 30, 199, 201, 1000, 1e5])
def test_eq_1_2_3_4_5_7_tail_is_the_integral_of_the_density(df):
    for low, high in ((0, 1), (1, 1.5), (1.5, 2), (2, 4)):
        expected = 2 * simpson(lambda t: density(t, df), low, high)
        np.testing.assert_allclose(tail(low, df) - tail(high, df), expected, rtol=1e-9)


@pytest.mark.parametrize("a, b", [(0.5, 0.5), (3.0, 0.5), (0.5, 40.0), (20.0, 0.5)])
def test_eq_2_3_4_incomplete_beta_is_its_integral(a, b):
    x = 0.6 * (a + 1) / (a + b + 2)  # = s² below, so that the integrand stays finite
    area = simpson(lambda s: 2 * s ** (2 * a - 1) * (1 - s * s) ** (b - 1) if s else 2.0 * (a == 0.5), 0, math.sqrt(x))
    expected = area / math.exp(math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b))
    np.testing.assert_allclose(incomplete_beta(np.array(1 / x - 1), a, b), expected, rtol=1e-8)


@pytest.mark.parametrize("x", [0.2, 0.5, 0.65])
def test_eq_5_both_ways_agree_where_both_converge(x):
    for a in (0.5, 2.0, 10.0):
        one = incomplete_beta(np.array(1 / x - 1), a, 0.5)
        other = 1 - incomplete_beta(np.array(1 / (1 - x) - 1), 0.5, a)
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9)


def test_eq_6_logarithm_of_the_beta_function():
    for a in (0.5, 1.0, 1.5, 7.0):  # B(½, ½) = π, and B(a + 1, ½) = B(a, ½) a / (a + ½)
        np.testing.assert_allclose(log_beta(a + 1) - log_beta(a), math.log(a / (a + 0.5)), rtol=1e-12)
    np.testing.assert_allclose(log_beta(0.5), math.log(math.pi), rtol=1e-15)
    for a in (LARGE, 150.0, 1e3, 1e6):  # the same step of one, of size 1/(2a), for the series
        np.testing.assert_allclose(log_beta(a) - log_beta(a + 1), math.log1p(0.5 / a), rtol=3e-16 * a / 1e-1)
    for a in (2, 20, int(LARGE), 100, 500):  # B(a, ½) = (a − 1)! 4ᵃ a! / (2a)!
        exact = Fraction(math.factorial(a - 1) * 4**a * math.factorial(a), math.factorial(2 * a))
        np.testing.assert_allclose(log_beta(a), math.log(exact), atol=1e-13 if a < LARGE else 1.3e-15, rtol=0)


def test_eq_7_density_is_the_closed_form():
    for t in (0.0, 0.7, 3.0):
        np.testing.assert_allclose(density(t, 1), 1 / (np.pi * (1 + t * t)), rtol=1e-14)
        np.testing.assert_allclose(density(t, 2), (2 + t * t) ** -1.5, rtol=1e-14)
        np.testing.assert_allclose(density(t, 1e9), NormalDist().pdf(t), rtol=1e-7)


@pytest.mark.parametrize("p", [0.5001, 0.6, 0.9, 0.975, 0.9995, 1 - 1e-9])
def test_eq_8_quantile_is_the_inverse_of_the_tail(p):
    for df in (0.5, 1, 2, 3, 10, 200, 5e3):
        np.testing.assert_allclose(tail(quantile(p, df), df), 2 - 2 * p, rtol=1e-11)
    np.testing.assert_allclose(quantile(p, 1), math.tan(math.pi * (p - 0.5)), rtol=1e-6 if p > 0.9999 else 1e-12)
    np.testing.assert_allclose(quantile(p, 1e7), NormalDist().inv_cdf(p), rtol=2e-6)


def test_quantiles_of_the_tables():
    for (p, df), expected in {
        (0.975, 1): 12.706,
        (0.975, 5): 2.571,
        (0.975, 30): 2.042,
        (0.95, 10): 1.812,
        (0.995, 3): 5.841,
    }.items():
        assert abs(quantile(p, df) - expected) < 5e-4


def test_ends_of_the_range():
    np.testing.assert_array_equal(tail([0.0, np.inf, -np.inf], 5), [1, 0, 0])
    assert np.isnan(tail(np.nan, 5))
    assert tail(1e200, 3) == 0 and 0 < tail(1e100, 3) < 1e-290
