"""Newton's method: the minimum of a smooth convex function, by the parabola that touches it.

Where the weights are w, let g be the gradient and H the Hessian of L. Newton's method goes to the minimum of the
parabola that touches L there, or half as far, until L has fallen by a quarter of what the slope promises:

    H d = −g                                                                   (1)
    L(w + t d) ≤ L(w) + ¼ t gᵀd,   the first of t = 1, ½, ¼, ...               (2)

The parabola promises to lower L by

    ½ |gᵀd|                                                                    (3)

The fit ends after a step that promised less than tol · L. Near the minimum a step squares the distance, so what is left
then is far less. Where H would be too large, conjugate gradients solve (1) with nothing but products of H and a vector,
far from the minimum roughly and near it ever more precisely.

Symbols
-------
    paper   code    shape    meaning
    L       L       scalar   what is made small
    w       w       (M,)     weights
    g       g       (M,)     gradient of L
    H       H       (M, M)   Hessian of L
    d       d       (M,)     direction of the step
    t       t       scalar   how far it goes

Cost: a Hessian and O(M³) a step, five to ten steps as a rule; O(M²) memory. Without the Hessian a product of it for
each inner step, and O(M) memory.

References
----------
    Boyd & Vandenberghe (2004), "Convex optimization", sec. 9.2: the search (2); sec. 9.5: the method.
    Nocedal & Wright (2006), "Numerical optimization", 2nd ed., sec. 7.1: with conjugate gradients.
Differs from them: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pellucid.validation import FloatArray, IndexArray
from pellucid_linear import conjugate_gradients

LARGEST_HESSIAN = 1000  # rows of H; with more weights than that only its products are used
ROUNDING = 1e-13  # values of L that differ by less than this share cannot be told apart


class Smooth(NamedTuple):
    """A smooth convex function of M weights and its derivatives; a `state` is what these have in common at some w."""

    look: Callable[[FloatArray], tuple[float, Any]]  # (M,) -> L, state
    gradient: Callable[[FloatArray, Any], FloatArray]  # (M,), state -> (M,)
    hessian: Callable[[Any, IndexArray], FloatArray]  # state, (R,) -> (R, R), of these weights in rising order
    times: Callable[[Any, FloatArray], FloatArray]  # state, (M,) -> (M,), the Hessian times a direction
    diagonal: Callable[[Any], FloatArray]  # state -> (M,), that of the Hessian or something like it, positive
    steep: Callable[[FloatArray], FloatArray]  # (M,) -> (M,), a direction without its part along which L is flat


class Minimum(NamedTuple):
    """Where a search has ended."""

    w: FloatArray  # (M,)
    losses: list[float]  # before the first step and after each
    converged: bool


Report = Callable[[FloatArray, list[float]], bool]


def direction(smooth: Smooth, g: FloatArray, state: Any, *, precision: float) -> FloatArray:
    """The d of (1), to this relative precision where the Hessian is too large: _, (M,) -> (M,)."""
    if len(g) <= LARGEST_HESSIAN:
        H = smooth.hessian(state, np.arange(len(g)))  # (M, M)
        unit = np.sqrt(np.diag(H))
        unit[unit == 0] = 1  # a column of zeros without a price
        H = H / np.outer(unit, unit)  # the units of the columns no longer matter
        H += 10 * len(H) * np.finfo(H.dtype).eps * np.eye(len(H))  # where H is flat, as rounding leaves it
        d: FloatArray = np.linalg.solve(H, -g / unit) / unit  #                 (1)
    else:
        d = conjugate_gradients.solve(
            lambda v: smooth.times(state, v), -g, smooth.diagonal(state), tol=precision, max_iter=len(g)
        )
    return smooth.steep(d)


def line_search(
    look: Callable[[FloatArray], tuple[float, Any]], w: FloatArray, L: float, d: FloatArray, slope: float
) -> tuple[FloatArray, float, Any]:
    """Go along d as (2) says; return w, L and the state there: _, (M,), _, (M,) -> (M,), (), _."""
    slack = ROUNDING * L
    for t in 0.5 ** np.arange(60.0):
        there = w + t * d
        L_there, state = look(there)
        if L_there <= L + 0.25 * t * slope + slack:  #                          (2)
            break
    return there, L_there, state


def minimise(smooth: Smooth, start: FloatArray, *, tol: float, max_iter: int, report: Report | None = None) -> Minimum:
    """Minimise L from `start`: _, (M,) -> _.

    Calls `report(w, losses)` after each step and ends when that returns True.

    Raises
    ------
    FloatingPointError
        When the Hessian overflows.
    """
    w = start
    L, state = smooth.look(w)
    losses, promise, tol = [L], 1.0, max(tol, ROUNDING)
    while promise >= tol and len(losses) <= max_iter and L > 0:
        g = smooth.gradient(w, state)
        d = direction(smooth, g, state, precision=min(0.1, promise**0.5))
        slope = float(g @ d)
        if not np.isfinite(slope):
            raise FloatingPointError("the Hessian overflows")
        promise = 0.5 * abs(slope) / L  #                                       (3)
        w, L, state = line_search(smooth.look, w, L, d, slope)
        losses.append(L)
        if report is not None and report(w, losses):
            break
    return Minimum(w, losses, promise < tol)
