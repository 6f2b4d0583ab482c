"""Normal distribution: its density, its distribution function, and the inverse of that.

A standard normal number is below x with probability Φ(x). The inverse says which x has a given probability p below it:
put uniform numbers in, and normal ones come out.

    φ(x) = e^(−x²/2) / √(2π)                                                                     (1)
    Φ(x) = ½ erfc(−x/√2)                                                                         (2)

Gradient.  Φ is the integral of φ:

    dx = dy φ(x)                                                                                 (3)

Inverse.  For p ≤ ½ a rational function of s is within 0.00045 of the answer:

    s = √(−2 log p)        x ← (2.515517 + 0.802853 s + 0.010328 s²)
                              / (1 + 1.432788 s + 0.189269 s² + 0.001308 s³) − s                 (4)

Halley's step for Φ(x) = p, with φ′ = −x φ, makes an error e one of order e³. After two nothing is left of it:

    r = (Φ(x) − p)/φ(x),    Φ(x) − p = ½ erf(x/√2) − (p − ½) near the middle                     (5)
    x ← x − r / (1 + x r/2)                                                                      (6)
    Φ⁻¹(1 − p) = −Φ⁻¹(p)                                                                         (7)

Symbols
-------
    paper   code              shape   meaning
    x       x                 any     a number of the distribution
    φ       normal_pdf        as x    density
    Φ       normal_cdf        as x    probability of a number below x
    p       p                 any     probability
    Φ⁻¹     normal_quantile   as p    x with Φ(x) = p
    d·      dy                as ·    gradient of the loss

Cost: erfc once for Φ; it and erf twice for the inverse.

References
----------
    Abramowitz & Stegun (1964), "Handbook of Mathematical Functions", 26.2.23: (4).
Differs from it: the upper half goes by (7), and (5)-(6) follow.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pellucid import primitive
from pellucid_nn.erf import erf, erfc


def normal_pdf(x: Any) -> Any:
    """Density of the standard normal distribution; of Tensors too."""
    x = np.clip(x, -40, 40)  # where it is 0 to double precision: x² cannot overflow
    return np.exp(-0.5 * x * x) / (2 * pi) ** 0.5  #                                              (1)


@primitive
def normal_cdf(x: Any) -> Any:
    """Probability of a standard normal number below x, with its gradient."""
    y = 0.5 * erfc(x * -(0.5**0.5))  #                                                            (2)
    return y, lambda dy: dy * normal_pdf(x)  #                                                    (3)


def normal_quantile(p: ArrayLike) -> Any:
    """Where a standard normal number is below with probability p.

    Parameters
    ----------
    p : array_like
        Probabilities, 0 ≤ p ≤ 1; the results for 0 and 1 are −∞ and ∞.

    Returns
    -------
    array, shape of p
        float64.

    Raises
    ------
    ValueError
        If an entry of `p` is not a probability.
    """
    p = np.asarray(p, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"a probability must be between 0 and 1; got {p[~((p >= 0) & (p <= 1))].flat[0]}")
    lower = np.minimum(p, 1 - p)
    x = lower_quantile(np.where(lower > 0, lower, 0.5))
    x = np.where(lower > 0, x, -np.inf)
    # mutate: boundary equivalent because the quantile is 0 there
    return np.where(p > 0.5, -x, x)  #                                                            (7)


def lower_quantile(p: Any) -> Any:
    """Φ⁻¹ for 0 < p ≤ ½."""
    s = np.sqrt(-2 * np.log(p))
    # mutate: number, sign, factor, operator, drop, branch equivalent because (6) repairs a start that is a little worse
    x = (2.515517 + s * (0.802853 + s * 0.010328)) / (  #                                         (4)
        1 + s * (1.432788 + s * (0.189269 + s * 0.001308))
    ) - s
    # mutate: number equivalent because a third step changes nothing
    for _ in range(2):
        # mutate: number, factor, boundary equivalent because where p is between 0.1 and 0.3 either form will do
        miss = np.where(p > 0.2, 0.5 * erf(x * 0.5**0.5) - (p - 0.5), normal_cdf(x) - p)  #       (5)
        r = miss / normal_pdf(x)  #                                                               (5)
        x = x - r / (1 + 0.5 * x * r)  #                                                          (6)
    return x
