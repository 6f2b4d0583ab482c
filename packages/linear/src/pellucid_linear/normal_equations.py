"""Normal equations: least squares and ridge regression from sums over the rows.

The fast way of linear_regression.py and ridge.py when there are more rows than columns. One pass over the data gathers
the D × D matrix G = X̃ᵀX̃ and c = X̃ᵀỹ; what follows does not depend on the number of rows. Where ∂L/∂w is zero,

    (G + αI) w = c,   and α = 0 for least squares.

The sums are taken about a point a near the mean, since the difference of two large sums has few correct digits. With
zₙ = xₙ − a, uₙ = yₙ − a′ and S = Σₙ sₙ,

    m = Σₙ sₙ zₙ / S,   x̄ = a + m;   likewise m′ and ȳ from uₙ                  (1)
    G = Σₙ sₙ zₙ zₙᵀ − S m mᵀ                                                   (2)
    c = Σₙ sₙ zₙ uₙᵀ − S m m′ᵀ                                                  (3)

The units of the columns should not matter, so the system is scaled to ones on the diagonal of its matrix:

    A = G + αI,   d = √diag(A),   R = A / d dᵀ                                  (4)
    w = R⁻¹(c / d) / d                                                          (5)

Precision.  A rounding error grows about κ times on its way into w. One factor of κ is the spread of R's eigenvalues μ,
large when columns are nearly collinear; the other is what the subtraction in (2) cancels:

    κ = (max μ / min μ) · maxᵢ (Aᵢᵢ + S mᵢ²) / Aᵢᵢ                              (6)

As long as κ < 10⁶, about ten of sixteen digits are right. Beyond that `solve` returns None, and the caller takes the
singular value decomposition of X̃, which is slower and loses only the square root of the first factor.

Symbols
-------
    paper   code             shape    meaning
    xₙ, yₙ  X, Y             (N, D)   data, and targets (N, T)
    sₙ      weights          (N,)     how much each point counts
    α       alphas           (T,)     the price of large weights, for each target
    zₙ, uₙ  z, u             (B, D)   a block of shifted rows, times √sₙ
    m, m′   z_mean, u_mean   (D,)     means of the shifted rows
    G, c    gram, cross      (D, D)   sums of products; c is (D, T)
    A, R    A, R             (D, D)   penalised; scaled
    d       d                (D,)     the scale of each column
    κ       kappa            scalar   how far a rounding error grows
    w       coef             (T, D)   weights, one row per target

Cost: O(N D²) time, half that of a general product because G is symmetric; O(D²) memory beside the data.

References
----------
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance": why (2) needs the shift a.
    van der Sluis (1969), "Condition numbers and equilibration of matrices": (4) is nearly the best scaling.
Differs from them: the decision by (6) is ours.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pellucid.validation import FloatArray

BLOCK = 2048  # rows at a time: a block of 50 columns stays in the processor's cache
LARGEST_KAPPA = 1e6


class Sums(NamedTuple):
    x_mean: FloatArray  # (D,)
    y_mean: FloatArray  # (T,)
    gram: FloatArray  # (D, D)
    cross: FloatArray  # (D, T)
    cancelled: FloatArray  # (D,), S mⱼ²


class Solution(NamedTuple):
    coef: FloatArray  # (T, D)
    x_mean: FloatArray  # (D,)
    y_mean: FloatArray  # (T,)


def near_mean(X: FloatArray) -> FloatArray:
    """Return the mean of about a thousand rows; exactly the value of a constant column: (N, D) -> (D,)."""
    some = X[:: max(1, len(X) // 1000)].astype(np.float64)
    mean: FloatArray = some[0] + (some - some[0]).mean(axis=0)
    return mean


@np.errstate(all="ignore")  # solve_scaled refuses what overflows
def sums(X: FloatArray, Y: FloatArray, weights: FloatArray | None, *, fit_intercept: bool) -> Sums:
    """Gather the means, G and c in one pass over the rows: (N, D), (N, T), (N,) -> _."""
    (N, D), T = X.shape, Y.shape[1]
    a, a_y = (near_mean(X), near_mean(Y)) if fit_intercept else (np.zeros(D), np.zeros(T))
    block_of_a = np.tile(a, (BLOCK, 1))  # (B, D): subtracting it is one long loop, not a short one for each row
    gram, cross, z_sum, u_sum = np.zeros((D, D)), np.zeros((D, T)), np.zeros(D), np.zeros(T)
    for start in range(0, N, BLOCK):
        block = slice(start, start + BLOCK)
        z, u = X[block] - block_of_a[: N - start], Y[block] - a_y  # (B, D), (B, T)
        root = np.ones(len(z))  # (B,)
        if weights is not None:
            root = np.sqrt(weights[block], dtype=np.float64)
            z, u = root[:, None] * z, root[:, None] * u
        gram += z.T @ z
        cross += z.T @ u
        z_sum += root @ z
        u_sum += root @ u
    if not fit_intercept:
        return Sums(a, a_y, gram, cross, np.zeros(D))
    total = N if weights is None else weights.sum(dtype=np.float64)  # S
    z_mean, u_mean = z_sum / total, u_sum / total  # (D,), (T,)                  (1)
    gram -= total * np.outer(z_mean, z_mean)  # (D, D)                           (2)
    cross -= total * np.outer(z_mean, u_mean)  # (D, T)                          (3)
    return Sums(a + z_mean, a_y + u_mean, gram, cross, total * z_mean**2)


@np.errstate(all="ignore")  # it refuses what divides by zero
def solve_scaled(A: FloatArray, B: FloatArray, cancelled: FloatArray | float = 0.0) -> FloatArray | None:
    """Return A⁻¹B for a positive definite A, or None when κ is too large: (D, D), (D, T), _ -> _."""
    d = np.sqrt(np.diag(A))  # (D,)
    R = A / np.outer(d, d)  # (D, D)                                             (4)
    if not np.isfinite(R).all():  # there is a column of zeros, or one whose squares overflow
        return None
    eigenvalues = np.linalg.eigvalsh(R)  # rising
    kappa = eigenvalues[-1] / eigenvalues[0] * np.max((np.diag(A) + cancelled) / np.diag(A))  #   (6)
    if not 0 < kappa < LARGEST_KAPPA:
        return None
    return np.linalg.solve(R, B / d[:, None]) / d[:, None]  # (D, T)             (5)


def solve(
    X: FloatArray, Y: FloatArray, alphas: FloatArray, weights: FloatArray | None, *, fit_intercept: bool
) -> Solution | None:
    """Minimise ½ Σₙ sₙ (ŷₙ − yₙ)² + ½ α‖w‖² for each target: (N, D), (N, T), (T,), (N,) -> _.

    None when there are not more rows than columns, or when κ in (6) is too large for one of the targets.
    """
    (N, D), T = X.shape, Y.shape[1]
    if N <= D:
        return None
    x_mean, y_mean, gram, cross, cancelled = sums(X, Y, weights, fit_intercept=fit_intercept)
    coef = np.empty((T, D))
    for alpha in np.unique(alphas):
        same = alphas == alpha
        w = solve_scaled(gram + alpha * np.eye(D), cross[:, same], cancelled)
        if w is None:
            return None
        coef[same] = w.T
    return Solution(coef, x_mean, y_mean)
