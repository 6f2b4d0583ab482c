"""Proximal Newton: the minimum of a smooth convex function with a price on absolute values.

    F(w) = L(w) + Σⱼ λⱼ |wⱼ|                                                   (1)

Newton's method (newton.py) replaces L by the parabola that touches it at w. With the prices, which stay as they are,
this is the problem of coordinate_descent.py, whose minimum x has many exact zeros. Let g be the gradient and H the
Hessian of L at w:

    x = argmin gᵀ(x − w) + ½ (x − w)ᵀH(x − w) + Σⱼ λⱼ |xⱼ|
      = argmin ½ xᵀHx − cᵀx + Σⱼ λⱼ |xⱼ|,   c = Hw − g                          (2)

Along d = x − w the slope of F is Δ at the most. As in Newton's method the step is halved until F has fallen by a
quarter of what this promises:

    Δ = gᵀd + Σⱼ λⱼ (|xⱼ| − |wⱼ|)                                              (3)
    F(w + t d) ≤ F(w) + ¼ t Δ,   the first of t = 1, ½, ¼, ...

A weight that is 0 and would gain nothing by leaving it can be left out of (2), and with it a row and a column of H. The
others take part, of the latter kind not too many at once:

    wⱼ ≠ 0   or   |gⱼ| > λⱼ                                                    (4)

Where even these are too many for H, proximal_gradient.py solves (2) with products of H and a vector. The parabola
promises to lower F by

    −(Δ + ½ dᵀHd)                                                              (5)

and the fit ends after a step that promised less than tol · F, if none of (4) was left out. Near the minimum a step
squares the distance.

Symbols
-------
    paper   code      shape    meaning
    L, F    L, F      scalar   smooth part, and all that is made small
    λⱼ      price     (M,)     what a weight costs, 0 or more
    w, x    w, x      (M,)     weights, and where the parabola is lowest
    g       g         (M,)     gradient of L
    H       H         (R, R)   Hessian of L in the weights that take part
    c       c         (R,)     linear part of the parabola
    d       d         (M,)     direction of the step
    Δ       slope     scalar   bound of the slope of F along d

Cost: a Hessian of the R weights that take part and O(R³) a step, five to fifteen steps as a rule; O(R²) memory.

References
----------
    Lee, Sun & Saunders (2014), "Proximal Newton-type methods for minimizing composite functions": (2), (3), the search.
    Friedman, Hastie & Tibshirani (2010), "Regularization paths for generalized linear models via coordinate descent",
        sec. 3: such parabolas for logistic regression, by coordinate descent.
Differs from them: each weight has its own price; near the end (2) is solved exactly; the end by (5).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.validation import FloatArray, IndexArray
from pellucid_linear import coordinate_descent, newton, proximal_gradient
from pellucid_linear.active_set import joined
from pellucid_linear.newton import ROUNDING, Minimum, Report, Smooth

ROUNDS = 3  # of coordinate_descent.py at the most, for one parabola: far from the end it need not be exact
STEPS = 1000  # of proximal_gradient.py at the most
DAMPING = 1e-10  # share of its diagonal that is added to H: where H is flat but for rounding, (2) has a minimum still


def objective(smooth: Smooth, price: FloatArray, w: FloatArray) -> tuple[float, Any]:
    """F and the state at w: _, (M,), (M,) -> (), _."""
    L, state = smooth.look(w)
    return L + float(np.sum(price * np.abs(w))), state  #                       (1)


def taking_part(price: FloatArray, w: FloatArray, g: FloatArray) -> tuple[IndexArray, bool]:
    """Those of (4), or some of them, and whether none was left out: (M,), (M,), (M,) -> (_,), _."""
    # mutate: factor equivalent because only the sign and the order of these matter
    excess = np.where(w == 0, np.abs(g) - price, -np.inf)  #                    (4)
    some = joined(w, excess)
    return some, len(some) == np.count_nonzero((w != 0) | (excess > 0))


def parabola_minimum(
    smooth: Smooth, price: FloatArray, w: FloatArray, g: FloatArray, state: Any, some: IndexArray, *, precision: float
) -> tuple[FloatArray, FloatArray]:
    """x and H (x − w) of some weights: _, (M,), (M,), (M,), _, (R,) -> (R,), (R,)."""
    if len(some) <= newton.LARGEST_HESSIAN:
        H = smooth.hessian(state, some)  # (R, R)
        if not np.isfinite(H).all():
            raise FloatingPointError("the Hessian overflows")
        H.flat[:: len(H) + 1] *= 1 + DAMPING
        # mutate: arguments equivalent because H is symmetric
        c = H @ w[some] - g[some]  # (R,)                                       (2)
        x = coordinate_descent.solve(H, c, price[some], w[some], max_iter=ROUNDS)
        return x, H @ (x - w[some])

    def times(v: FloatArray) -> FloatArray:
        whole = np.zeros_like(w)
        whole[some] = v
        return smooth.times(state, whole)[some] + DAMPING * diagonal * v

    diagonal = smooth.diagonal(state)[some]
    c = times(w[some]) - g[some]  # (R,)                                        (2)
    x = proximal_gradient.solve(times, c, price[some], w[some], diagonal, tol=precision, max_iter=STEPS)
    return x, times(x - w[some])


def minimise(
    smooth: Smooth,
    price: FloatArray,
    start: FloatArray,
    *,
    tol: float,
    max_iter: int,
    report: Report | None = None,
) -> Minimum:
    """Minimise F from `start`: _, (M,), (M,) -> _.

    Calls `report(w, losses)` with all values of F after each step, and ends when that returns True.

    Raises
    ------
    FloatingPointError
        When the Hessian overflows.
    """
    w = start
    F, state = objective(smooth, price, w)
    losses, promise, complete, tol = [F], 1.0, False, max(tol, ROUNDING)
    while not (complete and promise < tol) and len(losses) <= max_iter and F > 0:
        g = smooth.gradient(w, state)
        some, complete = taking_part(price, w, g)
        x, Hd = parabola_minimum(smooth, price, w, g, state, some, precision=min(0.1, promise**0.5))
        d = np.zeros_like(w)
        d[some] = x - w[some]
        dearer = price[some] * (np.abs(x) - np.abs(w[some]))  # (R,)
        slope = float(np.sum(g * d) + np.sum(dearer))  #                        (3)
        promise = -(slope + 0.5 * float(np.sum(d[some] * Hd))) / F  #           (5)
        w, F, state = newton.line_search(lambda w: objective(smooth, price, w), w, F, d, slope)
        losses.append(F)
        if report is not None and report(w, losses):
            break
    return Minimum(w, losses, complete and promise < tol)
