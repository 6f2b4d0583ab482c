"""Normal-inverse-gamma prior: Bayesian linear regression where the variance of the noise is unknown, too.

bayesian_linear_regression.py starts from a known σ². Here it has a prior of its own, the inverse gamma distribution of
shape a₀ and scale b₀, beside that of the weights, w | σ² ~ N(m₀, σ²V₀):

    p(σ²) = b₀^a₀ / Γ(a₀) · (σ²)^(−a₀ − 1) exp(−b₀/σ²)

With w and b integrated out, the likelihood is c (2πσ²)^(−ν/2) exp(−E/(2σ²)), (12) there. The product is once more an
inverse gamma distribution: the prior counts like 2a₀ rows with a squared error of 2b₀.

    a = a₀ + ν/2                                                               (1)
    b = b₀ + E/2                                                               (2)

Given σ², a target is normal, y(x) ~ N(f, σ²(1 + h)). The mean over all σ² is Student's t distribution with 2a degrees
of freedom, which has the heavier tails: (y(x) − f) / √(s²(1 + h)) ~ t₂ₐ with

    s² = b/a                                                                   (3)
    Var y(x) = b/(a − 1) · (1 + h),   infinite for a ≤ 1                        (4)
    f ± t √(s²(1 + h)),   t the quantile of student_t.py at ½ + level/2         (5)

Draws of the variance, and the evidence, which is the integral of the likelihood over σ²:

    σ² = b/g,   g ~ Gamma(a, 1)                                                (6)
    log p(y) = log c − ½ ν log 2π + a₀ log b₀ − log Γ(a₀) − a log b + log Γ(a)   (7)

With a₀ = b₀ = 0 the prior is p(σ²) = 1/σ²: every order of magnitude is equally probable. It is improper, and its terms
in (7) are left out; evidences with this prior can be compared with each other, but not with others. If the prior of the
weights is flat as well, s² = E/ν is the estimate of standard_errors.py, and (5) is the interval of least squares.

Symbols
-------
    paper   code         shape    meaning
    a₀, b₀  a_0, b_0     scalar   shape and scale of the prior
    a       a            scalar   shape of the posterior
    b       b            (T,)     its scale, for each target
    ν       nu           scalar   rows left
    E       misfit       (T,)     smallest squared error, prior included
    log c   log_c        scalar   what does not depend on the targets
    s²      squared      (T,)     what takes the place of σ²
    σ²      noise        (n, T)   draws of the variance

Cost: O(T) once E is there.

References
----------
    Gelman et al. (2013), "Bayesian data analysis", 3rd ed., sec. 14.2: a₀ = b₀ = 0 with a flat prior of the weights.
    Murphy (2012), "Machine learning: a probabilistic perspective", sec. 7.6.3: the posterior and its predictions.
    Bishop (2006), PRML, exercises 3.12, 3.13, 3.23, 3.24: the same with a gamma prior of 1/σ².
Differs from them: the intercept is flat, which costs a row.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pellucid.validation import FloatArray
from pellucid_linear import student_t


class Noise(NamedTuple):
    a: float
    b: FloatArray  # (T,)


def learn(a_0: float, b_0: float, nu: int, misfit: FloatArray) -> Noise:
    """Return the posterior of σ²: _, _, _, (T,) -> _."""
    a = a_0 + nu / 2  #                                                         (1)
    b = b_0 + misfit / 2  # (T,)                                                (2)
    return Noise(a, b)


def scale(noise: Noise) -> FloatArray:
    """Return s², infinite where no row is left to learn it from: _ -> (T,)."""
    squared = noise.b / noise.a if noise.a > 0 else np.full_like(noise.b, np.inf)  # (T,)   (3)
    return squared


def variance(noise: Noise) -> FloatArray:
    """Return the mean of σ²: _ -> (T,)."""
    return noise.b / (noise.a - 1) if noise.a > 1 else np.full_like(noise.b, np.inf)  # (T,)   (4)


def quantile(noise: Noise, level: float) -> float:
    """Return the t with P(−t < T < t) = level for 2a degrees of freedom; infinite where there are none."""
    if noise.a <= 0:
        return np.inf
    try:
        return student_t.quantile(0.5 + level / 2, 2 * noise.a)  #              (5)
    except (OverflowError, ValueError):  # with hardly any degree of freedom it is beyond the largest number
        return np.inf


def draw(noise: Noise, n: int, *, rng: np.random.Generator) -> FloatArray:
    """Draw variances: _, _ -> (n, T)."""
    g = rng.standard_gamma(noise.a, (n, len(noise.b)))  # (n, T)
    return noise.b / g  # (n, T)                                                (6)


@np.errstate(divide="ignore")  # a perfect fit has infinite evidence where a_0 = 0
def log_evidence(noise: Noise, a_0: float, b_0: float, nu: int, log_c: float) -> FloatArray:
    """Return log p(y) of each target, NaN where no row is left: _, _, _, _, _ -> (T,)."""
    if noise.a <= 0:
        return np.full_like(noise.b, np.nan)
    of_prior = a_0 * math.log(b_0) - math.lgamma(a_0) if a_0 > 0 else 0.0  #    (7)
    constant = log_c - 0.5 * nu * math.log(2 * math.pi) + of_prior + math.lgamma(noise.a)  #   (7)
    log_p: FloatArray = constant - noise.a * np.log(noise.b)  # (T,)            (7)
    return log_p
