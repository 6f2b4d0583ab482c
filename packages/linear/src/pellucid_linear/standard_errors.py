"""Standard errors: how far the weights of least squares would stray from one set of data to the next.

Suppose that the targets are yₙ = wᵀxₙ + b + εₙ with independent errors of mean 0 and variance σ²/sₙ: the weight of a
row says how precise it is. Other data of this kind give other estimates of w and b. σ² is estimated by the squared
error ρ, spread over the ν rows that are left after each estimated number has used up one,

    ν = N − K − 1,   K the rank of X̃, and N − K without intercept              (1)
    σ² = ρ / ν                                                                 (2)

With X̃ and ỹ as in linear_regression.py, and R / d = U diag(s) Vᵀ, the root of the inverse of X̃ᵀX̃ is

    B = diag(1/d) V diag(1/s),   B Bᵀ = (X̃ᵀX̃)⁻¹                                (3)

Since w = B Bᵀ X̃ᵀỹ, and the entries of ỹ have the variance σ², any sum zᵀw of weights has, with S = Σₙ sₙ,

    Var(zᵀw) = σ² ‖Bᵀz‖²                                                       (4)
    Var(ŷ(x)) = σ² (1/S + ‖Bᵀ(x − x̄)‖²)                                        (5)

(5): the prediction is ȳ + wᵀ(x − x̄), and ȳ, of variance σ²/S, is not correlated with w because the columns of X̃ have
the weighted mean 0. The intercept is the prediction at x = 0; without intercept, x̄ = 0 and 1/S is left out. A weight is
the case where z is 1 in one place and 0 elsewhere. If the errors are normal, and t is the quantile of student_t.py at
½ + level/2 for ν degrees of freedom, the true value lies with probability `level` between

    value ± t √Var                                                             (6)
    value ± t √(Var + σ²)   for a new target of weight 1                       (7)

Collinear columns.  Where many w give the same predictions, single weights say nothing about the data, and have no
standard error: NaN. The sums zᵀw that all these w agree on are those whose z is a sum of rows of X̃, that is

    z / d = V Vᵀ z / d                                                         (8)

Columns without a part in the collinearity, and predictions at points like those of the fit, keep theirs.

Symbols
-------
    paper   code          shape    meaning
    N       n_rows        scalar   rows of weight above 0
    ν       df            scalar   degrees of freedom
    ρ       rest          (T,)     squared error
    σ²      variance      (T,)     of an error of weight 1
    S       total         scalar   sum of the weights
    x̄       x_mean        (D,)     weighted means
    s       sigma         (K,)     singular values of R / d
    d       size          (D,)     size of each column
    V       V             (D, K)   directions in which predictions change
    B       B             (D, K)   root of the inverse
    z       Z             (M, D)   sums of weights, one a row

Cost: O(D³) time once, and O(D K) for each z; O(D²) memory.

References
----------
    Seber & Lee (2003), "Linear regression analysis", 2nd ed., ch. 3: (2), (4), and what can be estimated, (8).
    Hastie, Tibshirani & Friedman (2009), ESL, sec. 3.2: (2) is its 3.8, and (4) follows from its 3.10.
Differs from them: points have weights, and the intercept is kept apart by the means.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pellucid.validation import FloatArray
from pellucid_linear import student_t
from pellucid_linear.tall_skinny_qr import Directions, Factor, squared_error

OUTSIDE = 1e-10  # square of the share of z / d outside the span of V, beyond which zᵀw cannot be estimated


class Estimates(NamedTuple):
    """Estimated numbers, each field in the shape of `value`."""

    value: FloatArray
    standard_error: FloatArray
    t: FloatArray  # value / standard_error
    p_value: FloatArray  # how probable so large a |t| is where the true value is 0
    low: FloatArray  # ends of the interval
    high: FloatArray


class Inference(NamedTuple):
    """What the data say about how precise a least-squares fit is."""

    coef: Estimates  # (D,) or (T, D)
    intercept: Estimates  # () or (T,)
    residual_variance: FloatArray  # () or (T,), σ²
    degrees_of_freedom: int  # ν


def residual_variance(
    factor: Factor, at: Directions, coef: FloatArray, *, fit_intercept: bool
) -> tuple[FloatArray, int]:
    """Return σ², NaN where there is no row to spare, and ν: _, _, (T, D) -> (T,), _."""
    rest = squared_error(factor, coef.T)  # (T,)
    df = factor.n_rows - len(at.sigma) - fit_intercept  #                       (1)
    if df <= 0:
        return np.full(len(rest), np.nan), df
    return rest / df, df  # (T,)                                                (2)


def spread(Z: FloatArray, at: Directions) -> FloatArray:
    """‖Bᵀz‖² of each row z, NaN where zᵀw cannot be estimated: (M, D), _ -> (M,)."""
    _, sigma, V, size = at
    # mutate: sign equivalent because of B, only squares count
    B = V / sigma / size[:, None]  # (D, K)                                     (3)
    squares: FloatArray = np.sum((Z @ B) ** 2, axis=1)  # (M,)                  (4)
    if len(sigma) < len(size):
        scaled = Z / size  # (M, D)
        # mutate: sign equivalent because only its squares count
        outside = scaled - scaled @ V @ V.T  # (M, D)                           (8)
        squares[np.sum(outside**2, axis=1) > OUTSIDE * np.sum(scaled**2, axis=1)] = np.nan
    return squares


def mean_spread(X: FloatArray, factor: Factor, at: Directions, *, fit_intercept: bool) -> FloatArray:
    """Var(ŷ(x)) / σ² at each row of X: (M, D), _, _ -> (M,)."""
    return fit_intercept / factor.total + spread(X - factor.x_mean, at)  # (M,)  (5)


def interval(value: FloatArray, variance: FloatArray, level: float, df: int) -> tuple[FloatArray, FloatArray]:
    """Return the ends of an interval around each value: (...), (...), _, _ -> (...), (...)."""
    width = student_t.quantile(0.5 + level / 2, df) * np.sqrt(variance) if df > 0 else np.full_like(value, np.nan)
    return value - width, value + width  # (...), (...)                         (6)


@np.errstate(divide="ignore", invalid="ignore")  # t of a perfect fit, and of what has no standard error
def estimates(value: FloatArray, variance: FloatArray, level: float, df: int) -> Estimates:
    """Return all about estimated values and their variances: (...), (...), _, _ -> _."""
    error = np.sqrt(variance)
    t = value / error
    p = student_t.tail(t, df) if df > 0 else np.full_like(value, np.nan)
    return Estimates(value, error, t, p, *interval(value, variance, level, df))


def inference(
    factor: Factor, at: Directions, coef: FloatArray, intercept: FloatArray, level: float, *, fit_intercept: bool
) -> Inference:
    """Return all about the weights and the intercept: _, _, (T, D), (T,), _ -> _."""
    D = coef.shape[1]
    variance, df = residual_variance(factor, at, coef, fit_intercept=fit_intercept)  # (T,)
    of_coef = np.outer(variance, spread(np.eye(D), at))  # (T, D)
    of_intercept = variance * mean_spread(np.zeros((1, D)), factor, at, fit_intercept=fit_intercept)  # (T,)
    about_coef = estimates(coef, of_coef, level, df)
    return Inference(about_coef, estimates(intercept, of_intercept, level, df), variance, df)


def of_one_target(found: Inference) -> Inference:
    """The first target's part, without its axis."""
    coef, intercept = (Estimates(*(field[0] for field in about)) for about in found[:2])
    return Inference(coef, intercept, found.residual_variance[0], found.degrees_of_freedom)


def around_prediction(
    X: FloatArray,
    value: FloatArray,
    factor: Factor,
    at: Directions,
    coef: FloatArray,
    level: float,
    *,
    fit_intercept: bool,
    of_mean: bool,
) -> tuple[FloatArray, FloatArray]:
    """Return the ends of an interval for each predicted value: (M, D), (M, T), _, _, (T, D) -> (M, T), (M, T)."""
    variance, df = residual_variance(factor, at, coef, fit_intercept=fit_intercept)  # (T,)
    of_value: FloatArray = np.outer(mean_spread(X, factor, at, fit_intercept=fit_intercept), variance)  # (M, T)
    if not of_mean:
        of_value = of_value + variance  # (M, T)                                (7)
    return interval(value, of_value, level, df)
