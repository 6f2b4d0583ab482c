"""Values of polynomial series, differentiable in the points and in the coefficients: numpy.polynomial for Tensors.

The functions of `numpy.polynomial` turn their arguments into plain arrays, which no protocol can intercept; handed
Tensors they raise. Those that are here have their names and arguments and take Tensors, arrays and lists. They
evaluate a series in polynomials that follow from one another,

    p₀ = 1,  pₖ₊₁ = lₖ pₖ − mₖ pₖ₋₁                                            (1)

    family            pₖ    lₖ                          mₖ
    Chebyshev         Tₖ    x for k = 0, else 2 x       1
    Legendre          Pₖ    (2 k + 1) / (k + 1) x       k / (k + 1)
    Hermite           Hₖ    2 x                         2 k
    Hermite, monic    Heₖ   x                           k
    Laguerre          Lₖ    (2 k + 1 − x) / (k + 1)     k / (k + 1)

from the last coefficient to the first (Clenshaw):

    sₖ = cₖ + lₖ sₖ₊₁ − mₖ₊₁ sₖ₊₂,  Σₖ cₖ pₖ(x) = s₀                           (2)

Gradient.  That of the operators it is written with; for powers of x (pₖ = xᵏ), the rule of `np.polyval`.

Symbols
-------
    paper   code    shape         meaning
    x       x       (...)         points
    c       c       (n, ...)      coefficients, that of the lowest degree first
    pₖ      p       as x          polynomial of degree k at the points
    lₖ      l       as x          linear factor of the recurrence
    mₖ      m       scalar        the other factor
    sₖ      s       (..., ...)    the series from cₖ on; `s_next` is sₖ₊₁

Cost: n steps of an array operation or five, on the tape one node each.

References
----------
Clenshaw (1955), "A note on the summation of Chebyshev series", Mathematics of Computation 9: (2).
Abramowitz & Stegun (1964), "Handbook of Mathematical Functions", section 22.7: the recurrences.

Differs from them: nothing.

Examples
--------
    >>> import numpy as np, pellucid
    >>> from pellucid.polynomial import chebval
    >>> c = np.array([1.0, 2.0, 3.0])
    >>> pellucid.grad(chebval, argnums=1)(0.5, c)
    array([ 1. ,  0.5, -0.5])
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pellucid.rules.calculus import one_array


class Family(NamedTuple):
    """The recurrence of one family of polynomials."""

    l: Callable[[int, Any], Any]  # noqa: E741  (k, x) -> the linear factor at x
    m: Callable[[int], float]  # k -> the factor of the polynomial before


# fmt: off
CHEBYSHEV = Family(lambda k, x: 2.0 * x if k else x,             lambda k: 1.0)             #  (1)
LEGENDRE  = Family(lambda k, x: (2 * k + 1) / (k + 1) * x,       lambda k: k / (k + 1))     #  (1)
HERMITE   = Family(lambda k, x: 2.0 * x,                         lambda k: 2.0 * k)         #  (1)
HERMITE_E = Family(lambda k, x: x,                               lambda k: float(k))        #  (1)
LAGUERRE  = Family(lambda k, x: (2 * k + 1 - x) / (k + 1),       lambda k: k / (k + 1))     #  (1)
POWERS    = Family(lambda k, x: x,                               lambda k: 0.0)
# fmt: on


def series(family: Family, x: Any, c: Any, tensor: bool) -> Any:
    """Σₖ cₖ pₖ(x), summed from the end."""
    x, c = points_and_coefficients(x, c, tensor)
    s, s_next = c[-1] + 0 * x, 0.0
    for k in reversed(range(len(c) - 1)):
        s, s_next = c[k] + family.l(k, x) * s - family.m(k + 1) * s_next, s  #  (2)
    return s


def points_and_coefficients(x: Any, c: Any, tensor: bool) -> tuple[Any, Any]:
    """Both as arrays or Tensors; with `tensor`, each column of c meets each point, else they are broadcast."""
    x, c = one_array(x), np.atleast_1d(one_array(c))
    if c.dtype.kind in "iub":
        c = c.astype(np.float64)
    return x, np.reshape(c, np.shape(c) + (1,) * np.ndim(x)) if tensor else c


def columns(family: Family, x: Any, deg: int) -> Any:
    """The values of p₀, p₁, … to the degree `deg`, along a new last axis."""
    deg = operator.index(deg)
    if deg < 0:
        raise ValueError(f"deg must be 0 or more, not {deg}")
    x = np.atleast_1d(one_array(x)) + 0.0
    p, p_before = 0 * x + 1, 0.0
    ps = [p]
    for k in range(deg):
        p, p_before = family.l(k, x) * p - family.m(k) * p_before, p  #         (1)
        ps.append(p)
    return np.stack(ps, -1)


# Values of series: arguments and results are those of numpy.polynomial. With `tensor`, c may have more axes: one series
# for each of its columns, every one at every point.


def polyval(x: Any, c: Any, tensor: bool = True) -> Any:
    """Σₖ cₖ xᵏ."""
    x, c = points_and_coefficients(x, c, tensor)
    return np.polyval(np.flip(c, 0), x)


def chebval(x: Any, c: Any, tensor: bool = True) -> Any:
    """Σₖ cₖ Tₖ(x), a Chebyshev series."""
    return series(CHEBYSHEV, x, c, tensor)


def legval(x: Any, c: Any, tensor: bool = True) -> Any:
    """Σₖ cₖ Pₖ(x), a Legendre series."""
    return series(LEGENDRE, x, c, tensor)


def hermval(x: Any, c: Any, tensor: bool = True) -> Any:
    """Σₖ cₖ Hₖ(x), a Hermite series (the physicists')."""
    return series(HERMITE, x, c, tensor)


def hermeval(x: Any, c: Any, tensor: bool = True) -> Any:
    """Σₖ cₖ Heₖ(x), a series of monic Hermite polynomials (the probabilists')."""
    return series(HERMITE_E, x, c, tensor)


def lagval(x: Any, c: Any, tensor: bool = True) -> Any:
    """Σₖ cₖ Lₖ(x), a Laguerre series."""
    return series(LAGUERRE, x, c, tensor)


def polyvalfromroots(x: Any, r: Any, tensor: bool = True) -> Any:
    """Πₖ (x − rₖ)."""
    ndim = np.ndim(one_array(r))
    x, r = points_and_coefficients(x, r, tensor)
    if not tensor and np.ndim(x) >= ndim:
        raise ValueError(f"with tensor=False x must have fewer axes than r; they have {np.ndim(x)} and {ndim}")
    return np.prod(x - r, axis=0)


# Powers of two and three variables


def polyval2d(x: Any, y: Any, c: Any) -> Any:
    """Σ cᵢⱼ xⁱ yʲ at the points (x, y)."""
    check_shapes(x, y)
    return polyval(y, polyval(x, c), tensor=False)


def polyval3d(x: Any, y: Any, z: Any, c: Any) -> Any:
    """Σ cᵢⱼₖ xⁱ yʲ zᵏ at the points (x, y, z)."""
    check_shapes(x, y, z)
    return polyval(z, polyval(y, polyval(x, c), tensor=False), tensor=False)


def polygrid2d(x: Any, y: Any, c: Any) -> Any:
    """Σ cᵢⱼ xⁱ yʲ for every x with every y."""
    return polyval(y, polyval(x, c))


def polygrid3d(x: Any, y: Any, z: Any, c: Any) -> Any:
    """Σ cᵢⱼₖ xⁱ yʲ zᵏ for every x with every y and every z."""
    return polyval(z, polygrid2d(x, y, c))


def check_shapes(*xs: Any) -> None:
    shapes = [np.shape(one_array(x)) for x in xs]
    if len(set(shapes)) > 1:
        raise ValueError(f"the coordinates of points must have one shape; they have {', '.join(map(str, shapes))}")


# The polynomials themselves, along a new last axis


def polyvander(x: Any, deg: int) -> Any:
    """x⁰ … xᵈᵉᵍ."""
    return columns(POWERS, x, deg)


def chebvander(x: Any, deg: int) -> Any:
    """T₀(x) … T of degree `deg`."""
    return columns(CHEBYSHEV, x, deg)


def legvander(x: Any, deg: int) -> Any:
    """P₀(x) … P of degree `deg`."""
    return columns(LEGENDRE, x, deg)


def hermvander(x: Any, deg: int) -> Any:
    """H₀(x) … H of degree `deg`."""
    return columns(HERMITE, x, deg)


def hermevander(x: Any, deg: int) -> Any:
    """He₀(x) … He of degree `deg`."""
    return columns(HERMITE_E, x, deg)


def lagvander(x: Any, deg: int) -> Any:
    """L₀(x) … L of degree `deg`."""
    return columns(LAGUERRE, x, deg)
