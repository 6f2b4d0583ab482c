"""Recursive least squares: rows added to a fit, or taken away from it, without going back to the others.

What a fit has learnt from its rows X̃, ỹ, centred and scaled by the roots of their weights as in linear_regression.py,
is P = (X̃ᵀX̃)⁻¹, w = P X̃ᵀỹ, the squared error ρ = ‖ỹ − X̃w‖², the means x̄, ȳ and the sum of weights S. Rows with the means
x̄′, ȳ′ and the sum of weights S′ join for ς = 1 and leave for ς = −1.

Leaving is joining read backwards. The means go to

    δ = x̄′ − x̄,   S ← S + ς S′,   x̄ ← x̄ + ς S′ δ / S   (with the new S)        (1)

and likewise ȳ. As tall_skinny_qr.py shows, the sums X̃ᵀX̃ and X̃ᵀỹ change by ς ZᵀZ and ς Zᵀu, where Z holds the new rows,
centred at their own mean and boiled down, and below them one more row for the move of the mean, u the targets likewise:

    √(S S′ / (S + ς S′)) δᵀ                                                    (2)

The inverse of the changed matrix M = P⁻¹ + ς ZᵀZ needs no new inversion but that of C, which has as many rows as Z:

    C = I + ς Z P Zᵀ                                                           (3)
    M⁻¹ = P − ς P Zᵀ C⁻¹ Z P                                                   (4)

Proof: M (P − ς PZᵀC⁻¹ZP) = I + ς ZᵀZP − ς Zᵀ(I + ς ZPZᵀ)C⁻¹ZP = I + ς ZᵀZP − ς Zᵀ C C⁻¹ ZP = I.

With e = u − Zw, what the fit so far gets wrong, the new weights w⁺ solve M w⁺ = P⁻¹w + ς Zᵀu, or M (w⁺ − w) = ς Zᵀe. By
(4), M⁻¹Zᵀ = PZᵀ − ς PZᵀC⁻¹ZPZᵀ = PZᵀC⁻¹(C − ς ZPZᵀ) = PZᵀC⁻¹, so that

    w⁺ = w + ς P Zᵀ C⁻¹ e                                                      (5)
    ρ⁺ = ρ + ς (ρ′ + eᵀ C⁻¹ e)                                                 (6)

where ρ′ is what boiling down the new rows has split off. Proof of (6): with h = w⁺ − w, the squared error changes by
ς ‖e − Zh‖² + hᵀP⁻¹h = ς eᵀe − 2ς eᵀZh + hᵀMh = ς eᵀ(e − Zh), and e − Zh = (C − ς ZPZᵀ) C⁻¹e = C⁻¹e.

For rows that join, the eigenvalues of C are 1 or more. For rows that leave they are between 1 and 0, and one is zero if
the rows that remain do not determine w. The smaller it is, the more digits of P are lost in the difference (4): a step
that meets an eigenvalue below 10⁻¹⁰ is refused. So is one that would leave a squared error below zero, by more than
rounding can: some of its rows were never there, or had another target or weight. The way back to the form that
tall_skinny_qr.py merges is, with the Cholesky decomposition P = L Lᵀ,

    R = L⁻¹,   RᵀR = P⁻¹                                                       (7)
    v = R w                                                                    (8)

Symbols
-------
    paper   code            shape    meaning
    S       total           scalar   sum of the weights
    x̄, ȳ    x_mean, y_mean  (D,)     weighted means; zeros where there is no intercept
    P       P               (D, D)   inverse of X̃ᵀX̃
    w       w               (D, T)   weights, one column per target
    ρ       rest            (T,)     squared error
    ς       sign            scalar   1 to add rows, −1 to take them away
    δ       x_move, y_move  (D,)     from the mean so far to that of the rows
    Z, u    Z, U            (B, D)   the rows and (2); their targets (B, T)
    C       C               (B, B)   what remains to be inverted
    e       E               (B, T)   errors of the fit so far
    R, v    R, v            (D, D)   as in tall_skinny_qr.py; v is (D, T)

Cost: O(B D² + B² D + B³) time for B rows, of which more than D + 1 are first boiled down in O(B D²); O(D²) memory.

References
----------
    Sherman & Morrison (1950), "Adjustment of an inverse matrix corresponding to a change in one element".
    Woodbury (1950), "Inverting modified matrices": (4).
    Plackett (1950), "Some theorems in least squares": (5) and (6) for rows that join.
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance": (1).
Differs from them: an intercept, whose share in the inverse is handled by the means; one form for both ways.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pellucid.validation import FloatArray
from pellucid_linear.tall_skinny_qr import Factor

SMALLEST = 1e-10  # eigenvalue of C
ROUNDING = 1e-6  # share of the squares that may be missing from a squared error


class Inverse(NamedTuple):
    """What a fit has learnt, in the form that rows can be taken away from."""

    n_rows: int  # rows of weight above 0
    total: float  # S
    x_mean: FloatArray  # (D,)
    y_mean: FloatArray  # (T,)
    P: FloatArray  # (D, D)
    w: FloatArray  # (D, T)
    rest: FloatArray  # (T,), ρ


def update(state: Inverse, rows: Factor, sign: int = 1) -> Inverse:
    """Return what is learnt after the rows have joined (1) or left (-1).

    Raises
    ------
    ValueError
        When the rows that remain would not determine w, or those that leave cannot have been there.
    """
    n_rows, total = state.n_rows + sign * rows.n_rows, state.total + sign * rows.total
    if n_rows <= 0 or total <= 0:
        raise ValueError(
            f"rows can be taken away only as long as some remain: the model has seen {state.n_rows} rows with a sum of "
            f"weights of {state.total:g}, and {rows.n_rows} with {rows.total:g} shall leave. Fit a new model instead."
        )
    x_move, y_move = rows.x_mean - state.x_mean, rows.y_mean - state.y_mean  # (D,), (T,)
    x_mean = state.x_mean + sign * rows.total / total * x_move  # (D,)           (1)
    y_mean = state.y_mean + sign * rows.total / total * y_move  # (T,)           (1)
    # mutate: sign equivalent because a row and its target may change sign together
    root = np.sqrt(state.total / total * rows.total)  #                         (2)
    Z = np.vstack([rows.R, root * x_move])  # (B, D)                             (2)
    U = np.vstack([rows.v, root * y_move])  # (B, T)                             (2)
    ZP = Z @ state.P  # (B, D)
    C = np.eye(len(Z)) + sign * ZP @ Z.T  # (B, B)                               (3)
    least = np.linalg.eigvalsh(C)[0]
    if not least > SMALLEST:
        raise ValueError(
            "the rows that remain must determine the weights: without these, columns are collinear or too nearly so "
            f"(1 - leverage is {least:.1e}, and must be above {SMALLEST:.0e}). Take away fewer rows, or fit the rest."
        )
    E = U - Z @ state.w  # (B, T)
    L = np.linalg.cholesky(C)  # C = L Lᵀ keeps P symmetric
    half = np.linalg.solve(L, ZP)  # (B, D), L⁻¹ZP
    half_E = np.linalg.solve(L, E)  # (B, T), L⁻¹e
    P = state.P - sign * half.T @ half  # (D, D)                                 (4)
    w = state.w + sign * half.T @ half_E  # (D, T)                               (5)
    rest = state.rest + sign * (rows.rest + np.sum(half_E**2, axis=0))  # (T,)   (6)
    if np.any(rest < 0):
        squares = state.rest + np.sum(factor(state).v ** 2, axis=0)  # (T,), of all targets
        if np.any(rest < -ROUNDING * squares - 0.01 * state.rest):
            raise ValueError(
                "rows that are taken away must have been in the fit, with these targets and weights: without them the "
                f"squared error would be {rest.min():.3g}, from {state.rest[rest.argmin()]:.3g}. Fit the rest."
            )
    return Inverse(n_rows, total, x_mean, y_mean, P, w, np.maximum(rest, 0))


def factor(state: Inverse) -> Factor:
    """Return the same in the form that tall_skinny_qr.py merges."""
    # mutate: sign equivalent because v then changes its sign with R
    R = np.linalg.inv(np.linalg.cholesky(state.P))  # (D, D)                     (7)
    v = R @ state.w  # (D, T)                                                    (8)
    return Factor(state.n_rows, state.total, state.x_mean, state.y_mean, R, v, state.rest)
