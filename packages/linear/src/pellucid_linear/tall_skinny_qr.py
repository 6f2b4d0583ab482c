"""Tall-skinny QR: all that least squares needs to know of any number of rows, in no more rows than there are columns.

Data come in blocks of rows, which need not be in memory together. Each block is boiled down to a small factor, factors
are merged, and the result is that of all rows at once. No square of the data is formed, so that nearly collinear
columns cost no more digits than they must.

For the matrix X̃ of a block's rows x̃ₙ = √sₙ (xₙ − x̄), and ỹ of its targets, the QR decomposition gives a Q with
orthonormal columns and a triangular R:

    X̃ = Q R                                                                    (1)
    v = Qᵀỹ                                                                    (2)
    ρ = ‖ỹ − Q v‖²                                                             (3)

The part of ỹ − X̃w inside the span of Q is Q (v − Rw), and what is left does not depend on w. Hence for every w

    ‖X̃w − ỹ‖² = ‖Rw − v‖² + ρ                                                  (4)

and R, v and ρ stand for the block. Two blocks have means of their own, x̄ and x̄′, and sums of weights S and S′. What is
centred at one mean is moved to another by one more row, since Σₙ sₙ (xₙ − c)(xₙ − c)ᵀ = X̃ᵀX̃ + S (x̄ − c)(x̄ − c)ᵀ. At the
mean of both the two such rows together are

    δ = x̄′ − x̄,   x̄ ← x̄ + S′ δ / (S + S′)                                      (5)
    √(S S′ / (S + S′)) δᵀ                                                      (6)

and likewise for y. The rows of R, those of R′ and (6), one below the other, are decomposed again by (1) to (3); ρ, ρ′
and the new ρ add up. As long as there are no more rows than columns, they are kept as they are, and nothing is lost.

When all rows are in, the singular values of R tell in which directions X̃w changes. The columns are first divided by
their sizes d, so that their units do not matter, and what is zero but for rounding is left out. Rounding comes from R,
and from the means: an error of ε x̄ in each of N merges, so that x − x̄ is not zero where it should be.

    R / d = U diag(σ) Vᵀ                                                       (7)
    σᵢ > ε (max(N, D) maxⱼ σⱼ + √(N S) Σⱼ |Vⱼᵢ x̄ⱼ| / dⱼ)   in the directions that are kept   (8)

Symbols
-------
    paper   code            shape    meaning
    x̃ₙ      A               (M, D)   rows, centred and scaled by the root of their weight
    ỹₙ      U               (M, T)   their targets, likewise
    S       total           scalar   sum of the weights
    x̄, ȳ    x_mean, y_mean  (D,)     weighted means; zeros where there is no intercept
    Q       Q               (M, D)   orthonormal columns
    R       R               (R, D)   triangle, or rows as they are; R ≤ D
    v       v               (R, T)   what Q explains of the targets
    ρ       rest            (T,)     squared error that no w can remove
    δ       delta           (D,)     from one mean to the other
    d       size            (D,)     largest entry of each column of R
    σ, V    sigma, V        (D, K)   singular values that are not zero, and their directions; K is the rank
    N       n_rows          scalar   rows of weight above 0
    ε       EPSILON         scalar   rounding error of a number, as a share of it

Cost: O(N D²) time for N rows in blocks, O(D²) memory beside the block; a merge O(D³).

References
----------
    Golub & Van Loan (2013), "Matrix computations", 4th ed., sec. 5.3: least squares by (1) and (2).
    Demmel, Grigori, Hoemmen & Langou (2012), "Communication-optimal parallel and sequential QR and LU factorizations".
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance": (5) and the square of (6).
Differs from them: the means are merged along with the factors; the scaling in (7), and (8).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.validation import FloatArray

EPSILON = float(np.finfo(np.float64).eps)


class Factor(NamedTuple):
    """What a set of rows is boiled down to."""

    n_rows: int  # rows of weight above 0
    total: float  # S
    x_mean: FloatArray  # (D,)
    y_mean: FloatArray  # (T,)
    R: FloatArray  # (R, D)
    v: FloatArray  # (R, T)
    rest: FloatArray  # (T,), ρ


class Directions(NamedTuple):
    """The directions in which X̃w changes."""

    U: FloatArray  # (R, K)
    sigma: FloatArray  # (K,)
    V: FloatArray  # (D, K)
    size: FloatArray  # (D,)


@np.errstate(over="ignore", invalid="ignore")  # a squared error beyond the largest number is infinite
def triangle(A: FloatArray, U: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return R, v and ρ of rows and their targets: (M, D), (M, T) -> (R, D), (R, T), (T,)."""
    if len(A) <= A.shape[1]:
        return A, U, np.zeros(U.shape[1])
    Q, R = np.linalg.qr(A)  # (M, D), (D, D)                                    (1)
    v = Q.T @ U  # (D, T)                                                       (2)
    rest: FloatArray = np.sum((U - Q @ v) ** 2, axis=0)  # (T,)                 (3)
    return R, v, rest


@np.errstate(over="ignore", invalid="ignore")
def squared_error(factor: Factor, w: FloatArray) -> FloatArray:
    """‖X̃w − ỹ‖² of each target: _, (D, T) -> (T,)."""
    error: FloatArray = np.sum((factor.R @ w - factor.v) ** 2, axis=0) + factor.rest  # (T,)   (4)
    return error


def move(total: float, mean: FloatArray, other: float, other_mean: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Merge two means. Return the mean of both, and the row for the move: _, (D,), _, (D,) -> (D,), (D,)."""
    delta = other_mean - mean  # (D,)
    both = mean + other / (total + other) * delta  # (D,)                       (5)
    return both, np.sqrt(total / (total + other) * other) * delta  # (D,)       (6)


def merge(one: Factor, other: Factor) -> Factor:
    """Return the factor of the rows of both."""
    x_mean, x_move = move(one.total, one.x_mean, other.total, other.x_mean)
    y_mean, y_move = move(one.total, one.y_mean, other.total, other.y_mean)
    A, U = np.vstack([one.R, other.R, x_move]), np.vstack([one.v, other.v, y_move])
    R, v, rest = triangle(A, U)
    n_rows, total = one.n_rows + other.n_rows, one.total + other.total
    return Factor(n_rows, total, x_mean, y_mean, R, v, one.rest + other.rest + rest)


def not_rounding(factor: Factor, sigma: FloatArray, Vt: FloatArray, size: FloatArray) -> NDArray[np.bool_]:
    """Whether singular values of R / d are not zero but for rounding: _, (K,), (K, D), (D,) -> (K,)."""
    n_rows, total, x_mean, _, R, _, _ = factor
    far = np.sqrt(n_rows) * np.sqrt(total) * np.where(R.any(axis=0), np.abs(x_mean) / size, 0.0)  # (D,)   (8)
    rounding = sigma.max(initial=0) * max(n_rows, R.shape[1]) + np.abs(Vt) @ far  # (K,)   (8)
    kept: NDArray[np.bool_] = sigma > EPSILON * rounding  # (K,)                (8)
    return kept


def directions(factor: Factor) -> Directions:
    """Return the directions whose singular values are not zero but for rounding."""
    R = factor.R
    size = np.abs(R).max(axis=0)  # (D,)
    size[size == 0] = 1
    U, sigma, Vt = np.linalg.svd(R / size, full_matrices=False)  # (R, R), (R,), (R, D)   (7)
    keep = not_rounding(factor, sigma, Vt, size)
    return Directions(U[:, keep], sigma[keep], Vt[keep].T, size)
