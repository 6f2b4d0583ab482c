"""Against `math.erfc`, integrals of the density, and the standard library's normal distribution."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import gradcheck
from pellucid_nn.normal_distribution import normal_cdf, normal_pdf, normal_quantile


def test_eq_1_the_density_integrates_to_the_moments_of_a_standard_normal():
    x, step = np.linspace(-12, 12, 4001, retstep=True)
    for power, moment in enumerate([1, 0, 1, 0, 3]):
        np.testing.assert_allclose(np.sum(x**power * normal_pdf(x)) * step, moment, atol=1e-12)
    with np.errstate(over="raise"):
        assert normal_pdf(np.array([-1e300, 45.0])).tolist() == [0, 0]
    gradcheck(normal_pdf, np.array([-1.3, 0.2]))


def test_eq_2_3_the_distribution_function():
    x = np.linspace(-30, 9, 500)
    np.testing.assert_allclose(normal_cdf(x), [math.erfc(-a / 2**0.5) / 2 for a in x], rtol=3e-13, atol=0)
    gradcheck(normal_cdf, np.random.default_rng(0).normal(size=(2, 3)), order=2)


def test_eq_4_5_6_7_the_inverse():
    p = np.concatenate([np.geomspace(1e-16, 0.5, 300), 1 - np.geomspace(1e-9, 0.5, 300), [0.1, 0.2, 0.21, 0.5]])
    expected = [NormalDist().inv_cdf(q) for q in p.tolist()]
    np.testing.assert_allclose(normal_quantile(p), expected, rtol=5e-15, atol=1e-16)
    assert normal_quantile([0, 1]).tolist() == [-np.inf, np.inf]
    assert abs(normal_quantile(0.5)) < 1e-30


def test_eq_5_6_two_steps_are_enough_far_out():
    p = np.geomspace(1e-300, 1e-3, 50)
    np.testing.assert_allclose(normal_cdf(normal_quantile(p)), p, rtol=1e-12, atol=0)


@given(st.floats(1e-290, 0.5))
@settings(max_examples=50, deadline=None)
def test_eq_7_symmetry(p):
    np.testing.assert_allclose(normal_quantile(1 - p), -normal_quantile(1 - (1 - p)), rtol=0, atol=1e-30)
    np.testing.assert_allclose(normal_cdf(normal_quantile(p)), p, rtol=1e-12)


@pytest.mark.parametrize("p", [-0.1, 1.5, np.nan])
def test_what_is_no_probability(p):
    with pytest.raises(ValueError, match="between 0 and 1; got"):
        normal_quantile([0.5, p])
