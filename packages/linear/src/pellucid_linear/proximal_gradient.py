"""Proximal gradient: the minimum of a large parabola with a price on absolute values.

    q(w) = ½ wᵀHw − cᵀw + Σⱼ λⱼ |wⱼ|

This is the problem of coordinate_descent.py, for an H that is too large to write down and is only known by what it does
to a vector. Bound q by a parabola without mixed terms that touches its smooth part at y and has the curvature ℓ mⱼ
along weight j, where mⱼ is Hⱼⱼ or something like it. Every weight then has its minimum alone, by the soft threshold S
of coordinate_descent.py:

    x′ⱼ = S(yⱼ − hⱼ / (ℓ mⱼ),  λⱼ / (ℓ mⱼ)),   h = Hy − c                       (1)

The parabola is a bound where it is needed, at x′, if

    dᵀHd ≤ ℓ Σⱼ mⱼ dⱼ²,   d = x′ − y                                            (2)

and ℓ is doubled until it is. The next y lies beyond x′, in the direction of the last step, by a share that grows to 1:

    τ′ = (1 + √(1 + 4τ²)) / 2,   τ = 1 at first                                 (3)
    y′ = x′ + (τ − 1) / τ′ · (x′ − x)                                           (4)

This carries too far in the end. When a step goes against the last one, τ begins anew at 1, and y′ at x′:

    Σⱼ mⱼ dⱼ (x′ⱼ − xⱼ) < 0                                                     (5)

It ends when no √mⱼ |dⱼ| ℓ is above the share tol of what the largest was at first.

Symbols
-------
    paper   code      shape    meaning
    H       times     (M,)     function: a vector goes in, its product with H comes out
    c       c         (M,)     linear part
    λⱼ      price     (M,)     what a weight costs
    mⱼ      diagonal  (M,)     the diagonal of H, or something like it; positive
    ℓ       ell       scalar   how much more curvature than mⱼ is enough
    x, y    x, y      (M,)     where the last step ended, where the next one begins
    h       h         (M,)     slope of the parabola at y
    d       d         (M,)     the step from y to x′
    τ       tau       scalar   how fast it is already

Cost: one product with H a step; O(M) memory. About √κ steps for each digit, κ being the condition of the scaled H.

References
----------
    Beck & Teboulle (2009), "A fast iterative shrinkage-thresholding algorithm for linear inverse problems", sec. 4:
        (1)-(4).
    O'Donoghue & Candès (2015), "Adaptive restart for accelerated gradient schemes", sec. 3.2: (5).
Differs from them: each weight has its own curvature and price.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.validation import FloatArray


def soft_threshold(z: FloatArray, price: FloatArray) -> FloatArray:
    """S for each entry: (M,), (M,) -> (M,)."""
    return np.sign(z) * np.maximum(np.abs(z) - price, 0.0)


def solve(
    times: Callable[[FloatArray], FloatArray],
    c: FloatArray,
    price: FloatArray,
    start: FloatArray,
    diagonal: FloatArray,
    *,
    tol: float,
    max_iter: int,
) -> FloatArray:
    """Return the w with the smallest q, nearly: _, (M,), (M,), (M,), (M,) -> (M,)."""
    x = y = start
    Hx = Hy = times(start)  # (M,); Hy follows from Hx as y does from x
    ell, tau, at_first = 1.0, 1.0, 0.0
    for _ in range(max_iter):
        h = Hy - c
        while True:
            m = ell * diagonal
            after = soft_threshold(y - h / m, price / m)  #                     (1)
            H_after, d = times(after), after - y
            if not np.sum(d * (H_after - Hy)) > np.sum(m * d**2):  #            (2)
                break
            ell *= 2
        size = float(np.max(np.sqrt(diagonal) * np.abs(d))) * ell
        at_first = max(at_first, size)
        if size <= tol * at_first:
            return after
        # mutate: boundary, function equivalent because only the sign matters, and 0 is where nothing moves
        if np.sum(diagonal * d * (after - x)) < 0:  #                           (5)
            tau, y, Hy = 1.0, after, H_after
        else:
            faster = (1 + np.sqrt(1 + 4 * tau**2)) / 2  #                       (3)
            beta = (tau - 1) / faster
            y, Hy = after + beta * (after - x), H_after + beta * (H_after - Hx)  #   (4)
            tau = faster
        x, Hx = after, H_after
    return x
