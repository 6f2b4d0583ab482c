"""Student's t distribution: how far an estimate strays when its spread, too, had to be estimated.

An estimate, divided by its standard error, follows the t distribution with ν degrees of freedom: the normal one, but
with heavier tails when they are few. What lies beyond t on both sides is an incomplete beta function,

    P(|T| > t) = I_x(ν/2, 1/2),   x = 1/(1 + r),   r = t²/ν                     (1)

For a small x, that is for a large t, it is a continued fraction; for a large x, that for 1 − x is the short one:

    I_x(a, b) = xᵃ (1 − x)ᵇ / (a B(a, b)) · 1/(1 + c₁/(1 + c₂/(1 + ...)))       (2)
    c₂ₘ₊₁ = −(a + m)(a + b + m) x / ((a + 2m)(a + 2m + 1))                      (3)
    c₂ₘ = m (b − m) x / ((a + 2m − 1)(a + 2m))                                  (4)
    I_x(a, b) = 1 − I_{1−x}(b, a)   where x > (a + 1)/(a + b + 2)               (5)

In B(a, ½) = √π Γ(a) / Γ(a + ½) two large numbers nearly cancel if a is large. There the logarithm has a series,

    log B(a, ½) = ½ log(π/a) + 1/(8a) − 1/(192a³) + 1/(640a⁵) − ...             (6)

A quantile t, with P(T ≤ t) = p > ½, is found by Newton's method for the logarithm of the tail as a function of log t.
It falls ever faster, so that the steps go the same way after the first. Its slope comes from the density:

    f(t) = (1 + t²/ν)^(−(ν + 1)/2) / (√ν B(ν/2, ½))                             (7)
    log t ← log t + log(P(|T| > t) / (2 − 2p)) P(|T| > t) / (2 t f(t))          (8)

Symbols
-------
    paper     code         shape    meaning
    t         t            (...)    values, of any shape
    ν         df           scalar   degrees of freedom, above 0
    r         ratio        (...)    t²/ν, or its inverse for 1 − x
    a, b      a, b         scalar   parameters of the beta function; one of them is ½
    x         x            (...)    its argument
    c         c            (...)    coefficient of the continued fraction
    B         log_beta     scalar   the logarithm of the beta function
    p         p            scalar   a probability

Cost: O(√ν) operations for each value.

References
----------
    Olver et al. (2010), "NIST handbook of mathematical functions": (2) to (4) are its 8.17.22 and 8.17.23, (5) its
    8.17.4; (6) follows from its 5.11.1.
Differs from them: nothing.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from pellucid.validation import FloatArray

LARGE = 60.0  # the a from which (6) has all digits


def log_beta(a: float) -> float:
    """Log B(a, ½)."""
    if a < LARGE:
        return 0.5 * math.log(math.pi) + math.lgamma(a) - math.lgamma(a + 0.5)
    return 0.5 * math.log(math.pi / a) + 1 / (8 * a) - 1 / (192 * a**3) + 1 / (640 * a**5)  #   (6)


def incomplete_beta(ratio: FloatArray, a: float, b: float) -> FloatArray:
    """I_x(a, b) for x = 1/(1 + ratio) below (a + 1)/(a + b + 2), a or b being ½: (...), _, _ -> (...)."""
    x, fraction = 1 / (1 + ratio), np.ones_like(ratio)
    for m in range(20 + 2 * int(math.sqrt(max(a, b))), -1, -1):  # from the inside out
        c = (m + 1) * (b - m - 1) * x / ((a + 2 * m + 1) * (a + 2 * m + 2))  #   (4)
        fraction = 1 + c / fraction
        c = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))  #      (3)
        fraction = 1 + c / fraction
    powers = -a * np.log1p(ratio) - b * np.log1p(1 / ratio)  # of x and 1 - x, with all digits
    share: FloatArray = np.exp(powers - log_beta(a + b - 0.5)) / a / fraction  #   (2)
    return share


@np.errstate(all="ignore")  # of the two ways, the one that is not taken may overflow
def tail(t: Any, df: float) -> FloatArray:
    """P(|T| > |t|): (...), _ -> (...)."""
    a, b = df / 2, 0.5
    ratio = np.square(np.asarray(t, dtype=np.float64)) / df  # (...)             (1)
    near = ratio * (a + 1) <= b + 1  # x > (a + 1)/(a + b + 2)
    return np.where(near, 1 - incomplete_beta(1 / ratio, b, a), incomplete_beta(ratio, a, b))  #   (1) (5)


def density(t: float, df: float) -> float:
    """f(t)."""
    return math.exp(-(df + 1) / 2 * math.log1p(t * t / df) - log_beta(df / 2)) / math.sqrt(df)  #   (7)


def quantile(p: float, df: float) -> float:
    """The t that T does not exceed with probability p, above ½ and below 1."""
    t, step = NormalDist().inv_cdf(p), 1.0  # too small, since the normal distribution has the lighter tails
    for _ in range(50):
        beyond = float(tail(t, df))
        step = math.log(beyond / (2 - 2 * p)) * beyond / (2 * t * density(t, df))  #   (8)
        t *= math.exp(step)
        if abs(step) < 1e-9:  # the next would be its square
            break
    return t
