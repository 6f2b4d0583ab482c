"""Error function: how much of a bell curve lies within x of its centre, for whole arrays and to full precision.

erf x = 2/√π ∫₀ˣ e^(−s²) ds rises from −1 to 1, and erfc x = 1 − erf x is what is missing. Python's `math.erf` takes one
number at a time; here are both for arrays. Near 0 the series of the integral converges at once:

    erf x = 2/√π Σₙ (−1)ⁿ x²ⁿ⁺¹ / (n! (2n + 1)),        |x| ≤ ½                                  (1)

For x ≥ 0, erfc x falls like e^(−x²)/(√π x). What remains when that is divided out is so smooth, on the whole half line,
that 24 Chebyshev polynomials Tₖ give it to the last digit:

    erfc x = e^(−x²) / (1 + 2x) · Σₖ cₖ Tₖ(u),    u = (x − 4)/(x + 4)                            (2)

The other parts follow by symmetry, without a difference of nearly equal numbers:

    erfc(−x) = 2 − erfc x        erf x = 1 − erfc x,    x > ½        erf(−x) = −erf x            (3)
    erfc x = 1 − erf x,    |x| ≤ ½                                                               (4)

Rounding x² by one part in 10¹⁶ would change e^(−x²) by x² such parts. So x² is split at h, which is x rounded to
sixteenths: h² is exact, and the rest is small:

    e^(−x²) = e^(−h²) e^((h − x)(h + x))                                                         (5)

Gradient.  The derivative of an integral is what stands under it:

    dx = dy 2/√π e^(−x²) for erf,    −dy 2/√π e^(−x²) for erfc                                   (6)

Symbols
-------
    paper   code         shape   meaning
    x, y    x, y         any     argument, result
    c       CHEBYSHEV    (24,)   coefficients of (2)
    u       u            as x    x ≥ 0, mapped to −1 ≤ u < 1
    h       h            as x    x to sixteenths
    d·      dy           as ·    gradient of the loss

Cost: about 30 passes over the entries near 0 and 70 over the others, a block of them at a time while it is in the
processor's cache.

References
----------
    Schonfelder (1978), "Chebyshev expansions for the error and related functions": expansions of this kind.
    Shepherd & Laframboise (1981), "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞": the form (2).
Differs from them: u has its middle at x = 4, and the coefficients were computed for it, with 40 digits. The sum is
taken in powers of u, whose coefficients add up to less than 2: nothing is lost by that.
"""

from __future__ import annotations

from collections.abc import Callable
from math import factorial, pi
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import cheb2poly

from pellucid import Tensor, primitive

CHEBYSHEV = (
    (1.1774832005374487, -0.0072607966203019005, -0.081265123236184998, 0.06009212804122225, -0.02875393558027666)
    + (0.01059566336347286, -0.0031369272945542642, 7.456494372536184e-4, -1.3696965030100541e-4)
    + (1.7183861600300937e-5, -7.1583646234503452e-7, -2.4261399442449517e-7, 5.5765709395703701e-8)
    + (-2.1057869513808277e-9, -1.1717889351883899e-9, 1.9098355172465607e-10, 1.4088717642160148e-11)
    + (-6.9011083204264091e-12, 9.1679583677571056e-14, 2.1454508288383115e-13, -1.4716575027010247e-14)
    + (-6.6686751370552707e-15, 7.5045981453063948e-16, 2.220092462615309e-16)
)
POWERS = {  # the same sum in powers of u, highest first; single precision has enough with half of it
    np.dtype(np.float64): cheb2poly(CHEBYSHEV)[::-1].tolist(),
    np.dtype(np.float32): cheb2poly(CHEBYSHEV[:13])[::-1].tolist(),
}
SERIES = {  # of (1), highest power of x² first
    np.dtype(dtype): [(-1) ** n / (factorial(n) * (2 * n + 1)) for n in range(length)][::-1]
    for dtype, length in ((np.float64, 11), (np.float32, 6))
}
BLOCK = 1 << 13  # entries that are worked on at a time


@primitive
def erf(x: Any) -> Any:
    """2/√π ∫₀ˣ e^(−s²) ds, with its gradient."""
    y = erf(x) if isinstance(x, Tensor) else by_blocks(erf_of_block, x)
    return y, lambda dy: dy * (2 / pi**0.5) * bell_curve(x)  #                                    (6)


@primitive
def erfc(x: Any) -> Any:
    """1 − erf x, with its gradient."""
    y = erfc(x) if isinstance(x, Tensor) else by_blocks(erfc_of_block, x)
    return y, lambda dy: dy * (-2 / pi**0.5) * bell_curve(x)  #                                   (6)


def erf_of_block(x: Any) -> Any:
    y, near, far = split(x)
    y[near] = series(x[near])  #                                                                  (1)
    y[far] = np.copysign(1 - tail(np.abs(x[far])), x[far])  #                                     (3)
    return y


def erfc_of_block(x: Any) -> Any:
    y, near, far = split(x)
    y[near] = 1 - series(x[near])  #                                                              (4)
    beyond = x[far]
    rest = tail(np.abs(beyond))
    # mutate: boundary equivalent because 0 is near
    y[far] = np.where(beyond < 0, 2 - rest, rest)  #                                              (3)
    return y


def split(x: Any) -> tuple[Any, Any, Any]:
    """Room for a result, and where the entries near 0 and the others are: (n,) -> (n,), _, _."""
    is_near = np.abs(x) <= 0.5
    return np.empty_like(x), np.flatnonzero(is_near), np.flatnonzero(~is_near)


def series(x: Any) -> Any:
    """erf x near 0."""
    return 2 / pi**0.5 * x * horner(SERIES[x.dtype], x * x)  #                                    (1)


def tail(x: Any) -> Any:
    """erfc x for x ≥ 0."""
    x = np.minimum(x, 30)  # erfc 30 is 0 to double precision
    u = (x - 4) / (x + 4)  #                                                                      (2)
    h = np.rint(16 * x) / 16
    bell = np.exp(-h * h) * np.exp((h - x) * (h + x))  #                                          (5)
    return bell / (1 + 2 * x) * horner(POWERS[x.dtype], u)  #                                     (2)


def bell_curve(x: Any) -> Any:
    """e^(−x²), without an x² that overflows."""
    x = np.clip(x, -30, 30)
    return np.exp(-x * x)


def horner(coefficients: list[float], u: Any) -> Any:
    """A polynomial in u, its coefficients from the highest power down."""
    total = np.full_like(u, coefficients[0])
    for coefficient in coefficients[1:]:
        total *= u
        total += coefficient
    return total


def by_blocks(function: Callable[[Any], Any], x: Any) -> Any:
    """`function` of all entries, some at a time: what it computes on the way stays in the cache."""
    x = np.asarray(x)
    dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)  # of the result
    if x.dtype not in POWERS:
        x = x.astype(np.float32 if dtype == np.float16 else np.float64)
    flat, y = x.ravel(), np.empty(x.size, x.dtype)
    for start in range(0, x.size, BLOCK):
        y[start : start + BLOCK] = function(flat[start : start + BLOCK])
    return y.reshape(x.shape).astype(dtype, copy=False)
