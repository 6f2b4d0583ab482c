"""Conjugate gradients: solve A x = b when A is only known by what it does to a vector.

A is symmetric with no negative eigenvalue. Each step goes along a direction p that does not undo what earlier steps
have gained (pᵀAp′ = 0). The rows are scaled by M, an easy stand-in for A: here its diagonal, so that the unit in which
an unknown is measured does not matter. From x = 0 and r = b,

    z = M⁻¹ r,   p = z at first                                                 (1)
    α = rᵀz / pᵀAp                                                              (2)
    x′ = x + α p                                                                (3)
    r′ = r − α Ap                                                               (4)
    p′ = z′ + β p,   β = r′ᵀz′ / rᵀz                                            (5)

It ends when rᵀz, the squared size of what is left, has fallen to tol² of what it was.

Symbols
-------
    paper   code      shape    meaning
    A       times     (M,)     function: a vector p goes in, Ap comes out
    b       b         (M,)     right-hand side
    M       diagonal  (M,)     the diagonal of A, or something like it; positive
    x       x         (M,)     the solution so far
    r       r         (M,)     what is left, b − Ax
    z       z         (M,)     r, scaled
    p       p         (M,)     direction
    rᵀz     size      scalar   squared size of what is left

Cost: one product with A per step; O(M) memory. In exact arithmetic at most as many steps as A has distinct eigenvalues.

References
----------
    Hestenes & Stiefel (1952), "Methods of conjugate gradients for solving linear systems".
    Nocedal & Wright (2006), "Numerical optimization", 2nd ed., algorithm 5.3, with the signs of r and p reversed.
Differs from them: it also ends where pᵀAp is not positive, which is where A is flat and nothing more can be gained.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pellucid.validation import FloatArray


def solve(
    times: Callable[[FloatArray], FloatArray], b: FloatArray, diagonal: FloatArray, *, tol: float, max_iter: int
) -> FloatArray:
    """Return x with A x ≈ b: _, (M,), (M,) -> (M,)."""
    x, r = np.zeros_like(b), b
    z = r / diagonal  #                                                         (1)
    p, size = z, r @ z
    enough = tol**2 * size
    for _ in range(max_iter):
        Ap = times(p)
        curvature = p @ Ap
        if size <= enough or not curvature > 0:
            break
        alpha = size / curvature  #                                             (2)
        x = x + alpha * p  #                                                    (3)
        r = r - alpha * Ap  #                                                   (4)
        z = r / diagonal
        previous, size = size, r @ z
        p = z + size / previous * p  #                                          (5)
    return x
