"""Families and links: how targets scatter about their mean, and how the mean depends on a weighted sum.

A generalized linear model (generalized_linear_model.py) chooses one of each. The link g takes the mean μ to the linear
part η, which may be any number; its inverse takes it back:

    link        η = g(μ)            μ = g⁻¹(η)             μ′ = ∂μ/∂η
    identity    μ                   η                      1                    (1)
    log         log μ               exp η                  μ                    (2)
    logit       log(μ / (1 − μ))    1 / (1 + exp(−η))      μ (1 − μ)            (3)
    inverse     1/μ                 1/η                    −μ²                  (4)

The family says how far a target y strays from μ: its variance is φ V(μ)/s, with a dispersion φ that is the same for all
targets, and the precision s of this one.

    family      targets           V(μ)          φ            canonical link
    gaussian    any number        1             estimated    identity           (5)
    binomial    0 ≤ y ≤ 1         μ (1 − μ)     1            logit              (6)
    poisson     0 ≤ y             μ             1            log                (7)
    gamma       0 < y             μ²            estimated    inverse            (8)

The deviance d(y, μ) is zero at μ = y and measures how much less probable y is under μ than under itself. In all
families ∂d/∂μ = −2 (y − μ) / V(μ). With k(y, μ) = y log(y/μ) − (y − μ), which is μ for y = 0,

    gaussian    (y − μ)²                                                        (9)
    binomial    2 k(y, μ) + 2 k(1 − y, 1 − μ)                                   (10)
    poisson     2 k(y, μ)                                                       (11)
    gamma       2 (y − μ)/μ − 2 log(y/μ)                                        (12)

where log(y/μ) is taken as log(1 + (y − μ)/μ) if y is near μ, which keeps its digits there. The logarithm of the
density of y, for a binomial share y of s trials, or a gamma distribution of the shape k = s/φ:

    gaussian    −s (y − μ)² / (2φ) − ½ log(2πφ/s)                               (13)
    binomial    s y log μ + s (1 − y) log(1 − μ) + log(s! / ((s y)! (s − s y)!))   (14)
    poisson     s (y log μ − μ − log y!)                                        (15)
    gamma       k log(k y/μ) − k y/μ − log y − log Γ(k)                         (16)

n! is Γ(n + 1), and the gamma function Stirling's series, which has all digits beyond z = 10. Smaller arguments are
first raised by Γ(x) = Γ(x + 10) / (x (x + 1) ... (x + 9)):

    log Γ(z) = (z − ½) log z − z + ½ log 2π + c(z)                             (17)
    c(z) = 1/(12z) − 1/(360z³) + 1/(1260z⁵) − 1/(1680z⁷) + 1/(1188z⁹) − ...    (18)

Symbols
-------
    paper    code     shape   meaning
    μ        mu       (N,)    mean of each target
    η        eta      (N,)    linear part
    y        y        (N,)    targets
    s        s        (N,)    precision of each target; trials of a binomial one
    φ        phi      scalar  dispersion
    k(y, μ)  excess   (N,)    part of a deviance
    k        k        (N,)    shape of a gamma distribution
    z        z        (N,)    argument of the gamma function, raised
    c(z)     correct  (N,)    correction in its series

Cost: O(N) each.

References
----------
    McCullagh & Nelder (1989), "Generalized linear models", 2nd ed., ch. 2: families, links and deviances.
    Olver et al. (2010), "NIST handbook of mathematical functions": (17) and (18) are its 5.11.1.
Differs from them: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pellucid.validation import FloatArray

NEAREST = np.finfo(np.float64).eps  # to 0 or 1 that a mean of the logit link comes


class Link(NamedTuple):
    name: str
    link: Callable[[FloatArray], FloatArray]  # μ -> η
    inverse: Callable[[FloatArray], FloatArray]  # η -> μ
    slope: Callable[[FloatArray], FloatArray]  # μ -> ∂μ/∂η


class Family(NamedTuple):
    name: str
    canonical: str  # the name of its canonical link
    low: float  # means lie between these, and targets too;
    high: float
    borders: bool  # targets may also be one of them
    estimated: bool  # whether φ is
    variance: Callable[[FloatArray], FloatArray]  # V(μ)
    deviance: Callable[[FloatArray, FloatArray], FloatArray]  # d(y, μ)
    log_density: Callable[[FloatArray, FloatArray, FloatArray, float], FloatArray]  # of y, μ, s, φ


def expit(eta: FloatArray) -> FloatArray:
    """1 / (1 + exp(−η)), kept away from 0 and 1: (N,) -> (N,)."""
    e = np.exp(-np.abs(eta))  # never overflows
    # mutate: boundary equivalent because at η = 0 both are ½
    mu: FloatArray = np.where(eta >= 0, 1, e) / (1 + e)  #                      (3)
    return np.clip(mu, NEAREST, 1 - NEAREST)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # in the way that is not taken, and at y = 0
def log_ratio(y: FloatArray, mu: FloatArray) -> FloatArray:
    """Log(y/μ) with all its digits: (N,), (N,) -> (N,)."""
    delta, ratio = (y - mu) / mu, np.log(y) - np.log(mu)  #                     (10) (11) (12)
    # mutate: boundary equivalent because at μ/2 and 3μ/2 both have all digits
    np.log1p(delta, out=ratio, where=np.abs(delta) < 0.5)  #                    (10) (11) (12)
    return ratio


@np.errstate(invalid="ignore")  # at y = 0, which has a value of its own
def excess(y: FloatArray, mu: FloatArray) -> FloatArray:
    """k(y, μ), at least 0: (N,), (N,) -> (N,)."""
    k: FloatArray = y * log_ratio(y, mu) - (y - mu)  #                          (10) (11)
    return np.where(y == 0, mu, k)


def correct(z: FloatArray) -> FloatArray:
    """c(z): (...) -> (...)."""
    square = z**2
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / z  #   (18)


def log_gamma(x: FloatArray) -> FloatArray:
    """Log Γ(x) for x > 0: (...) -> (...)."""
    small = np.minimum(x, 10)
    raised = small.copy()
    for i in range(1, 10):
        raised *= small + i  # x (x + 1) ... (x + 9)
    z = np.where(x < 10, small + 10, x)
    value: FloatArray = (z - 0.5) * np.log(z) - z + 0.5 * np.log(2 * np.pi) + correct(z)  #   (17)
    value -= np.where(x < 10, np.log(raised), 0.0)
    return value


def log_choose(n: FloatArray, k: FloatArray) -> FloatArray:
    """Log of n! / (k! (n − k)!): (N,), (N,) -> (N,)."""
    return log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1)  #        (14)


def log_normal(y: FloatArray, mu: FloatArray, s: FloatArray, phi: float) -> FloatArray:
    """The log density of a normal distribution: (N,), (N,), (N,) -> (N,)."""
    log_p: FloatArray = -s * (y - mu) ** 2 / (2 * phi) - 0.5 * np.log(2 * np.pi * phi / s)  #   (13)
    return log_p


def log_binomial(y: FloatArray, mu: FloatArray, s: FloatArray, phi: float) -> FloatArray:
    """The log density of a share y of s trials: (N,), (N,), (N,) -> (N,)."""
    return s * y * np.log(mu) + s * (1 - y) * np.log1p(-mu) + log_choose(s, s * y)  #   (14)


def log_of_gamma(y: FloatArray, mu: FloatArray, s: FloatArray, phi: float) -> FloatArray:
    """The log density of a gamma distribution: (N,), (N,), (N,) -> (N,)."""
    k = s / phi  # (N,)                                                         (16)
    return k * np.log(k * y / mu) - k * y / mu - np.log(y) - log_gamma(k)  #    (16)


LINKS = {
    link.name: link
    for link in (
        # mutate: arguments equivalent because the identity is its own inverse
        Link("identity", lambda mu: mu, lambda eta: eta, lambda mu: np.ones_like(mu)),  #   (1)
        Link("log", lambda mu: np.log(mu), lambda eta: np.exp(eta), lambda mu: mu),  #   (2)
        Link("logit", lambda mu: np.log(mu) - np.log1p(-mu), expit, lambda mu: mu * (1 - mu)),  #   (3)
        # mutate: arguments equivalent because 1/μ is its own inverse
        Link("inverse", lambda mu: 1 / mu, lambda eta: 1 / eta, lambda mu: -(mu**2)),  #   (4)
    )
}

FAMILIES = {
    family.name: family
    for family in (
        Family(
            "gaussian", "identity", -np.inf, np.inf, False, True,
            variance=lambda mu: np.ones_like(mu),  #                            (5)
            deviance=lambda y, mu: (y - mu) ** 2,  #                            (9)
            log_density=log_normal,  #                                          (13)
        ),
        Family(
            "binomial", "logit", 0.0, 1.0, True, False,
            variance=lambda mu: mu * (1 - mu),  #                               (6)
            deviance=lambda y, mu: 2 * (excess(y, mu) + excess(1 - y, 1 - mu)),  #   (10)
            log_density=log_binomial,  #                                        (14)
        ),
        Family(
            "poisson", "log", 0.0, np.inf, True, False,
            variance=lambda mu: mu,  #                                          (7)
            deviance=lambda y, mu: 2 * excess(y, mu),  #                        (11)
            log_density=lambda y, mu, s, phi: s * (y * np.log(mu) - mu - log_gamma(y + 1)),  #   (15)
        ),
        Family(
            "gamma", "inverse", 0.0, np.inf, False, True,
            variance=lambda mu: mu**2,  #                                       (8)
            deviance=lambda y, mu: 2 * ((y - mu) / mu - log_ratio(y, mu)),  #   (12)
            log_density=log_of_gamma,  #                                        (16)
        ),
    )
}  # fmt: skip
