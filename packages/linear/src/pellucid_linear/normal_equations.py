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

    A = G + αI,   d = √diag(A),   C = A / d dᵀ                                  (4)
    w = C⁻¹(c / d) / d                                                          (5)

Precision.  A rounding error grows about κ times on its way into w. One factor of κ is the spread of C's eigenvalues μ,
large when columns are nearly collinear; the other is what the subtraction in (2) cancels:

    κ = (max μ / min μ) · maxᵢ (Aᵢᵢ + S mᵢ²) / Aᵢᵢ                              (6)

As long as κ < 10⁶, about ten of sixteen digits are right. Beyond that `solve` and `least_squares` return None, and the
caller goes by the QR or singular value decomposition of X̃, which is slower and loses only the square root of the first
factor.

The triangle of tall_skinny_qr.py, by which a fit goes on with more rows, comes from the same sums by Cholesky's
decomposition. The squared error ρ is what is left of the squares q of the targets,

    RᵀR = G                                                                    (7)
    v = R⁻ᵀ c                                                                  (8)
    q = Σₙ sₙ uₙ² − S m′²,   ρ = q − ‖v‖²                                       (9)

and where a nearly perfect fit leaves few digits of the last difference, from a second pass over the rows:

    ρ = Σₙ sₙ (ỹₙ − wᵀx̃ₙ)²   if  ρ < 10⁻⁴ q                                    (10)

Symbols
-------
    paper   code             shape    meaning
    xₙ, yₙ  X, Y             (N, D)   data, and targets (N, T)
    sₙ      weights          (N,)     how much each point counts
    S       total            scalar   sum of the weights
    α       alphas           (T,)     the price of large weights, for each target
    a, a′   a, a_y           (D,)     near the means; zeros where there is no intercept
    zₙ, uₙ  z, u             (B, D)   a block of shifted rows, times √sₙ
    m, m′   z_mean, u_mean   (D,)     means of the shifted rows
    G, c    gram, cross      (D, D)   sums of products; c is (D, T)
    q       squares          (T,)     sums of squares of the centred targets
    A, C    A, C             (D, D)   penalised; scaled
    d       d                (D,)     the scale of each column
    κ       kappa            scalar   how far a rounding error grows
    R, v    R, v             (D, D)   triangle, and what it explains of the targets (D, T)
    ρ       rest             (T,)     squared error
    w       coef             (T, D)   weights, one row per target

Cost: O(N D²) time, half that of a general product because G is symmetric; O(D²) memory beside the data.

References
----------
    Chan, Golub & LeVeque (1983), "Algorithms for computing the sample variance": why (2) needs the shift a.
    van der Sluis (1969), "Condition numbers and equilibration of matrices": (4) is nearly the best scaling.
    Golub & Van Loan (2013), "Matrix computations", 4th ed., sec. 5.3.2: (7) and (8).
Differs from them: the decisions by (6) and (10) are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pellucid.validation import FloatArray
from pellucid_linear.tall_skinny_qr import Factor

BLOCK = 4096  # rows at a time: a block of 50 columns stays in the processor's cache
LARGEST_KAPPA = 1e6
FEW_DIGITS = 1e-4  # share of the squares below which their rest is summed once more


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


def near_mean(X: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return the mean of about a thousand rows; exactly the value of a constant column: (N, D), (N,) -> (D,)."""
    step = max(1, len(X) // 1000)
    some, share = X[::step].astype(np.float64), None
    if weights is not None:  # rows without weight do not count, wherever they are
        share = weights[::step].astype(np.float64)
        if not share.any():
            some, share = X[weights > 0][:1].astype(np.float64), np.ones(1)
        some, share = some[share > 0], share[share > 0] / share.max()
    mean: FloatArray = some[0] + np.average(some - some[0], axis=0, weights=share)
    return mean


def blocks(
    X: FloatArray, Y: FloatArray, weights: FloatArray | None, a: FloatArray, a_y: FloatArray
) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
    """Go through √sₙ (xₙ − a), √sₙ (yₙ − a′) and √sₙ, some rows at a time, in arrays that are used again."""
    (N, D), B = X.shape, min(BLOCK, len(X))
    z_out, ones = np.empty((B, D), order="F" if X.flags.fnc else "C"), np.ones(B)
    block_of_a = np.empty_like(z_out)  # (B, D): subtracting it is one long loop, not a short one for each row
    block_of_a[:] = a
    for start in range(0, N, B):
        x = X[start : start + B]
        z = np.subtract(x, block_of_a[: len(x)], out=z_out[: len(x)])  # (B, D)
        u, root = Y[start : start + B] - a_y, ones[: len(x)]  # (B, T), (B,)
        if weights is not None:
            root = np.sqrt(weights[start : start + B], dtype=np.float64)
            z *= root[:, None]
            u = u * root[:, None]
        yield z, u, root


@np.errstate(all="ignore")  # solve_scaled refuses what overflows
def sums_and_squares(
    X: FloatArray, Y: FloatArray, weights: FloatArray | None, *, fit_intercept: bool
) -> tuple[Sums, FloatArray, float]:
    """Gather the means, G and c, and q and S, in one pass over the rows: (N, D), (N, T), (N,) -> _, (T,), ()."""
    (N, D), T = X.shape, Y.shape[1]
    a, a_y = (near_mean(X, weights), near_mean(Y, weights)) if fit_intercept else (np.zeros(D), np.zeros(T))
    gram, cross, z_sum = np.zeros((D, D)), np.zeros((D, T)), np.zeros(D)
    squares, u_sum = np.zeros(T), np.zeros(T)
    for z, u, root in blocks(X, Y, weights, a, a_y):
        gram += z.T @ z
        cross += z.T @ u
        squares += np.einsum("nt,nt->t", u, u)
        z_sum += root @ z
        u_sum += root @ u
    total = float(N if weights is None else weights.sum(dtype=np.float64))  # S
    if not fit_intercept:
        return Sums(a, a_y, gram, cross, np.zeros(D)), squares, total
    z_mean, u_mean = z_sum / total, u_sum / total  # (D,), (T,)                  (1)
    gram -= total * np.outer(z_mean, z_mean)  # (D, D)                           (2)
    cross -= total * np.outer(z_mean, u_mean)  # (D, T)                          (3)
    squares -= total * u_mean**2  # (T,)                                         (9)
    return Sums(a + z_mean, a_y + u_mean, gram, cross, total * z_mean**2), squares, total


def sums(X: FloatArray, Y: FloatArray, weights: FloatArray | None, *, fit_intercept: bool) -> Sums:
    """Gather the means, G and c in one pass over the rows: (N, D), (N, T), (N,) -> _."""
    return sums_and_squares(X, Y, weights, fit_intercept=fit_intercept)[0]


@np.errstate(all="ignore")  # what divides by zero makes κ infinite or NaN
def scaled(A: FloatArray, cancelled: FloatArray | float = 0.0) -> tuple[FloatArray, FloatArray, float]:
    """Return C, d and κ; no κ below LARGEST_KAPPA unless A is positive definite: (D, D), _ -> (D, D), (D,), ()."""
    d = np.sqrt(np.diag(A))  # (D,)
    C = A / np.outer(d, d)  # (D, D)                                             (4)
    if not np.isfinite(C).all():  # there is a column of zeros, or one whose squares overflow
        return C, d, np.inf
    eigenvalues = np.linalg.eigvalsh(C)  # rising
    kappa = eigenvalues[-1] / eigenvalues[0] * np.max((np.diag(A) + cancelled) / np.diag(A))  #   (6)
    return C, d, float(kappa) if kappa > 0 else np.inf


def solve_scaled(A: FloatArray, B: FloatArray, cancelled: FloatArray | float = 0.0) -> FloatArray | None:
    """Return A⁻¹B for a positive definite A, or None when κ is too large: (D, D), (D, T), _ -> _."""
    C, d, kappa = scaled(A, cancelled)
    if not kappa < LARGEST_KAPPA:
        return None
    return np.linalg.solve(C, B / d[:, None]) / d[:, None]  # (D, T)             (5)


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


@np.errstate(over="ignore", invalid="ignore")  # a squared error beyond the largest number is infinite
def least_squares(
    X: FloatArray,
    Y: FloatArray,
    weights: FloatArray | None,
    *,
    fit_intercept: bool,
    largest_kappa: float = LARGEST_KAPPA,
) -> tuple[Factor, FloatArray] | None:
    """Return the factor of all rows and coef, or None as in `solve`: (N, D), (N, T), (N,) -> _."""
    N, D = X.shape
    if N <= D:
        return None
    found, squares, total = sums_and_squares(X, Y, weights, fit_intercept=fit_intercept)
    x_mean, y_mean, gram, cross, cancelled = found
    if not scaled(gram, cancelled)[2] < largest_kappa:
        return None
    R = np.linalg.cholesky(gram).T  # (D, D)                                    (7)
    v = np.linalg.solve(R.T, cross)  # (D, T)                                   (8)
    w = np.linalg.solve(R, v)  # (D, T)
    rest = squares - np.sum(v**2, axis=0)  # (T,)                               (9)
    # mutate: boundary equivalent because a second pass finds the same, only more precisely
    if not np.all(rest >= FEW_DIGITS * squares):  # also where both overflow     (10)
        rest = np.zeros(len(rest))
        for z, u, _ in blocks(X, Y, weights, x_mean, y_mean):
            rest += np.sum((u - z @ w) ** 2, axis=0)  # (T,)                     (10)
    n_rows = N if weights is None else int(np.count_nonzero(weights))
    return Factor(n_rows, total, x_mean, y_mean, R, v, rest), w.T
