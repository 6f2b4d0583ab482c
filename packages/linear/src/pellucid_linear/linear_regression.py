"""Linear regression: the weighted sum of features that comes closest to the targets.

The prediction is a weighted sum of a point's features plus an intercept. Least squares takes the weights w and the
intercept b that make the sum of the squared errors smallest; sₙ says how much point n counts.

    ŷₙ = wᵀxₙ + b                                                              (1)
    L(w, b) = ½ Σₙ sₙ (ŷₙ − yₙ)²

Gradient.  Where L is smallest, ∂L/∂b = Σₙ sₙ (ŷₙ − yₙ) = 0: the prediction passes through the weighted means,

    x̄ = Σₙ sₙ xₙ / Σₙ sₙ,   and ȳ likewise                                     (2)
    b = ȳ − wᵀx̄                                                                (3)

With this b only w is left to find, from rows that are centred at the means and scaled by their weights:

    x̃ₙ = √sₙ (xₙ − x̄),   ỹₙ = √sₙ (yₙ − ȳ)                                     (4)
    L(w) = ½ ‖X̃w − ỹ‖²     ∂L/∂w = X̃ᵀ(X̃w − ỹ)     ∂²L/∂w∂wᵀ = X̃ᵀX̃

The Hessian X̃ᵀX̃ has no negative eigenvalue, so L is convex and every w with ∂L/∂w = 0 is a minimum. If columns are
collinear there are many. The singular value decomposition X̃ = U diag(σ) Vᵀ gives the shortest of them,

    w = V diag(σ⁺) Uᵀ ỹ,   σ⁺ᵢ = 1/σᵢ, or 0 where σᵢ is zero but for rounding   (5)

Symbols
-------
    paper   code       shape    meaning
    xₙ      X          (N, D)   data, one row per point
    yₙ      Y          (N, T)   targets, one column each; (1)-(5) hold for each column alone
    sₙ      weights    (N,)     how much each point counts
    w       coef       (T, D)   weights, one row per target
    b       intercept  (T,)     the prediction at x = 0
    x̄, ȳ    mean       (D,)     weighted mean of a column
    x̃ₙ, ỹₙ  Xc, Yc     (N, D)   centred rows

Cost: O(N D²) time, O(N D) memory. When normal_equations.py is precise enough, which it measures, it finds the same w
several times faster in O(D²) memory.

References
----------
    Bishop (2006), PRML, sec. 3.1.1: (3) is its 3.19, and (5) its 3.15 where columns are not collinear.
    Golub & Van Loan (2013), "Matrix computations", 4th ed., sec. 5.5: the shortest solution, by (5).
Differs from them: points have weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from pellucid import Regressor, fit_run
from pellucid.validation import FloatArray
from pellucid_linear import normal_equations


class Params(NamedTuple):
    coef: FloatArray  # (T, D)
    intercept: FloatArray  # (T,)


def weighted_mean(X: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the mean row x̄: (N, D), (N,) -> (D,)."""
    share = weights / weights.sum()  # (N,)
    mean: FloatArray = share @ X  # (D,)                                        (2)
    mean = mean + share @ (X - mean)  # again, on what is left: a constant column is then centred to exact zeros
    return mean


def centred(
    X: FloatArray, Y: FloatArray, weights: FloatArray, *, fit_intercept: bool
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """X̃, Ỹ, x̄ and ȳ, the means 0 without intercept: (N, D), (N, T), (N,) -> (N, D), (N, T), (D,), (T,)."""
    x_mean = weighted_mean(X, weights) if fit_intercept else np.zeros(X.shape[1])
    y_mean = weighted_mean(Y, weights) if fit_intercept else np.zeros(Y.shape[1])
    root = np.sqrt(weights)[:, None]  # (N, 1)
    Xc, Yc = root * (X - x_mean), root * (Y - y_mean)  # (N, D), (N, T)         (4)
    return Xc, Yc, x_mean, y_mean


def predict(X: FloatArray, coef: FloatArray, intercept: FloatArray) -> FloatArray:
    """ŷ for each row of X (N, D); coef is (T, D), or (D,) for a single target."""
    return X @ coef.T + intercept  # (N, T) or (N,)                             (1)


def fit(
    X: FloatArray, Y: FloatArray, weights: FloatArray | None = None, *, fit_intercept: bool = True
) -> tuple[Params, int]:
    """Minimise L. Return the parameters and the rank of X̃: (N, D), (N, T), (N,) -> _, _."""
    N, D = X.shape
    fast = normal_equations.solve(X, Y, np.zeros(Y.shape[1]), weights, fit_intercept=fit_intercept)
    if fast is not None:
        coef, x_mean, y_mean = fast
        rank = D
    else:
        weights = np.ones(N) if weights is None else weights.astype(np.float64)
        Xc, Yc, x_mean, y_mean = centred(X, Y, weights, fit_intercept=fit_intercept)
        w, _, rank, _ = np.linalg.lstsq(Xc, Yc)  # (D, T)                       (5)
        coef = w.T
    intercept = y_mean - coef @ x_mean  # (T,)                                  (3)
    return Params(coef, intercept), int(rank)


class LinearRegression(Regressor):
    """Ordinary least squares.

    Parameters
    ----------
    fit_intercept : bool
        Whether there is an intercept b. Without one the prediction at x = 0 is 0.

    Attributes
    ----------
    coef_ : ndarray of shape (D,), or (T, D) when `y` has T columns
        The weights.
    intercept_ : float, or ndarray of shape (T,)
        The intercept; 0 without `fit_intercept`.
    rank_ : int
        Rank of the centred data. Below the number of columns, the weights are the shortest of many equally good ones.

    Notes
    -----
    The sums are taken in float64; float32 data give float32 weights. Only singular values that are rounding errors are
    taken for zero; scikit-learn 1.9 drops all below 1e-6 of the largest, and so perhaps a column of small numbers.

    Examples
    --------
    >>> model = LinearRegression().fit([[0], [1], [2]], [1, 3, 5])
    >>> model.coef_.round(6), round(float(model.intercept_), 6)
    (array([2.]), 1.0)
    """

    _multi_output = True

    def __init__(self, *, fit_intercept: bool = True) -> None:
        self.fit_intercept = fit_intercept

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the weights; return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
        y : array-like of shape (N,) or (N, T)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When the data are not finite numbers, or `X`, `y` and the weights do not fit together.
        """
        X, y, weights = self._check_fit(X, y, sample_weight)
        with fit_run(self, total=1, unit="step") as run:
            params, rank = fit(X, y.reshape(len(y), -1), weights, fit_intercept=self.fit_intercept)
            run.step()
        coef, intercept = (params.coef[0], params.intercept[0]) if y.ndim == 1 else params
        self.coef_, self.intercept_, self.rank_ = coef.astype(X.dtype), intercept.astype(X.dtype), rank
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the predicted target of each row of X (N, D): an array (N,) or (N, T)."""
        X = self._check_X(X)
        return predict(X, self.coef_, self.intercept_)
