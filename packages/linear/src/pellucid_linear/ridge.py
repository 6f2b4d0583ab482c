"""Ridge regression: least squares that pays for large weights.

Where features are nearly collinear, or more than there are points, least squares answers with large weights that cancel
each other and follow the noise. Ridge adds a price α for their squared length. The intercept b is free.

    L(w, b) = ½ Σₙ sₙ (wᵀxₙ + b − yₙ)² + ½ α ‖w‖²

Gradient.  As in linear_regression.py, ∂L/∂b = 0 gives b, and centred rows X̃, ỹ are left:

    b = ȳ − wᵀx̄                                                                (1)
    ∂L/∂w = X̃ᵀ(X̃w − ỹ) + αw     ∂²L/∂w∂wᵀ = X̃ᵀX̃ + αI

For α > 0 the Hessian is positive definite, so there is exactly one minimum, even with collinear columns. With the
singular value decomposition X̃ = U diag(σ) Vᵀ it is

    w = V diag(σᵢ / (σᵢ² + α)) Uᵀ ỹ                                            (2)

Beside least squares, which has 1/σᵢ there, direction i is shrunk to the share σᵢ² / (σᵢ² + α): little where the data
spread widely, nearly to zero where they hardly spread. At α = 0 and σᵢ = 0 the entry is 0, as in least squares.

With fewer points than features, a smaller system does. ∂L/∂w = 0 says that w is a sum of rows, w = X̃ᵀa, where

    (X̃X̃ᵀ + αI) a = ỹ                                                           (3)
    w = X̃ᵀa                                                                    (4)

Nothing here needs all rows in memory: R and v of tall_skinny_qr.py, of at most D rows, may stand for X̃ and ỹ, since
‖X̃w − ỹ‖² and ‖Rw − v‖² differ by a constant. And as (2) takes one decomposition for any number of α, the weights for
many prices cost hardly more than those for one.

Symbols
-------
    paper   code       shape    meaning
    xₙ      X          (N, D)   data, one row per point
    yₙ      Y          (N, T)   targets, one column each
    sₙ      weights    (N,)     how much each point counts
    α       alphas     (T,)     the price of large weights, for each target
    w       coef       (T, D)   weights, one row per target
    b       intercept  (T,)     the prediction at x = 0
    X̃, ỹ    Xc, Yc     (N, D)   centred rows, (4) of linear_regression.py, or R and v
    σᵢ, V   sigma, V   (D, K)   singular values of X̃ that are not zero, and their directions
    Uᵀỹ     c          (K, T)   the part of the targets in each direction
    a       a          (N, T)   how much of each row there is in w

Cost: O(N D min(N, D)) time, O(D min(N, D)) memory beside the data. Two faster ways, where they are precise enough:
normal_equations.py for more points than features, (3) for fewer.

References
----------
    Hoerl & Kennard (1970), "Ridge regression: biased estimation for nonorthogonal problems".
    Hastie, Tibshirani & Friedman (2009), ESL, sec. 3.4.1: X̃ times (2) is its 3.47.
    Saunders, Gammerman & Vovk (1998), "Ridge regression learning algorithm in dual variables": (3), (4).
Differs from them: points have weights, and each target may have its own α.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from pellucid import Regressor, fit_run
from pellucid.validation import FloatArray, check_array, check_rows, check_sample_weight, check_target
from pellucid_linear import normal_equations
from pellucid_linear.linear_regression import Params, boiled_down, gathered, predict, shortest


class Principal(NamedTuple):
    """The directions in which the data spread: X̃ = U diag(sigma) Vᵀ."""

    sigma: FloatArray  # (K,)
    V: FloatArray  # (D, K)
    c: FloatArray  # (K, T), Uᵀỹ


def principal(Xc: FloatArray, Yc: FloatArray, n_rows: int = 0) -> Principal:
    """Decompose X̃, or the R of so many rows, and leave out what is zero but for rounding: (N, D), (N, T), _ -> _."""
    U, sigma, Vt = np.linalg.svd(Xc, full_matrices=False)  # (N, R), (R,), (R, D)
    keep = sigma > sigma.max(initial=0) * max(n_rows, *Xc.shape) * np.finfo(np.float64).eps
    return Principal(sigma[keep], Vt[keep].T, U[:, keep].T @ Yc)


def shrink(data: Principal, alphas: FloatArray) -> FloatArray:
    """Return w for one price a target, or for many sets of such prices: _, (..., _) -> (..., D, T)."""
    sigma = data.sigma[:, None]  # (K, 1)
    gain = 1 / (sigma + alphas[..., None, :] / sigma)  # (..., K, T), as in (2) but with no square to overflow
    w: FloatArray = data.V @ (gain * data.c)  # (..., D, T)                     (2)
    return w


def dual(Xc: FloatArray, Yc: FloatArray, alphas: FloatArray) -> FloatArray | None:
    """Return w by way of the N × N matrix of products of rows, or None where that is not precise enough."""
    N, D = Xc.shape
    w = np.empty((D, Yc.shape[1]))
    products = Xc @ Xc.T  # (N, N)
    for alpha in np.unique(alphas):
        same = alphas == alpha
        a = normal_equations.solve_scaled(products + alpha * np.eye(N), Yc[:, same])  #   (3)
        if a is None:
            return None
        w[:, same] = Xc.T @ a  # (D, T)                                         (4)
    return w


def fit(
    X: FloatArray, Y: FloatArray, alphas: FloatArray, weights: FloatArray | None = None, *, fit_intercept: bool = True
) -> Params:
    """Minimise L for each target: (N, D), (N, T), (T,), (N,) -> _."""
    fast = normal_equations.solve(X, Y, alphas, weights, fit_intercept=fit_intercept)
    if fast is not None:
        coef, x_mean, y_mean = fast
    else:
        factor = boiled_down(X, Y, weights, fit_intercept=fit_intercept)
        n_rows, _, x_mean, y_mean, R, v, _ = factor
        w = dual(R, v, alphas) if len(R) < R.shape[1] else None  # (D, T)
        coef = (shrink(principal(R, v, n_rows), alphas) if w is None else w).T
        if not alphas.all():  # least squares, for which the units of the columns do not matter
            coef[alphas == 0] = shortest(factor)[0][alphas == 0]
    intercept = y_mean - coef @ x_mean  # (T,)                                  (1)
    return Params(coef, intercept)


def ridge_path(
    X: Any, y: Any, alphas: Any, *, sample_weight: Any = None, fit_intercept: bool = True
) -> tuple[FloatArray, FloatArray]:
    """The weights and intercepts of ridge regression for many prices, from one decomposition.

    Parameters
    ----------
    X : array-like of shape (N, D)
    y : array-like of shape (N,) or (N, T)
    alphas : array-like of shape (A,)
        The prices, each 0 or more, in any order.
    sample_weight : array-like of shape (N,), optional
    fit_intercept : bool
        As for `Ridge`.

    Returns
    -------
    coefs : ndarray of shape (D, A), or (T, D, A) when `y` has T columns
        The weights, in the order of `alphas`.
    intercepts : ndarray of shape (A,) or (T, A)
        The intercepts.

    Raises
    ------
    ValueError
        When the data are not finite numbers or do not fit together, or a price is negative.

    Examples
    --------
    >>> coefs, intercepts = ridge_path([[-1], [0], [1]], [-1, 1, 3], [0, 2, 6])
    >>> coefs.round(6), intercepts
    (array([[2. , 1. , 0.5]]), array([1., 1., 1.]))
    """
    X = check_array(X, name="ridge_path")
    y = check_target(y, name="ridge_path", multi_output=True, dtype=X.dtype)
    check_rows(len(X), y)
    weights = check_sample_weight(sample_weight, len(X), name="ridge_path", dtype=X.dtype)
    prices = np.asarray(alphas, dtype=np.float64)  # (A,)
    if prices.ndim != 1 or not (np.isfinite(prices).all() and (prices >= 0).all()):
        raise ValueError(f"alphas must be a list of finite numbers of 0 or more, got {alphas!r}.")
    factor = gathered(X, y.reshape(len(y), -1), weights, fit_intercept=fit_intercept)
    n_rows, _, x_mean, y_mean, R, v, _ = factor
    w = shrink(principal(R, v, n_rows), prices[:, None])  # (A, D, T)
    if not prices.all():
        w[prices == 0] = shortest(factor)[0].T
    intercepts = y_mean - x_mean @ w  # (A, T)                                  (1)
    coefs, intercepts = w.T.astype(X.dtype), intercepts.T.astype(X.dtype)  # (T, D, A), (T, A)
    return (coefs[0], intercepts[0]) if y.ndim == 1 else (coefs, intercepts)


class Ridge(Regressor):
    """Least squares with a price on the squared length of the weights.

    Parameters
    ----------
    alpha : float, or array-like of shape (T,)
        The price α, 0 or more; one for all targets or one for each. At 0 this is LinearRegression.
    fit_intercept : bool
        Whether there is an intercept b, which costs nothing. Without one the prediction at x = 0 is 0.

    Attributes
    ----------
    coef_ : ndarray of shape (D,), or (T, D) when `y` has T columns
        The weights.
    intercept_ : float, or ndarray of shape (T,)
        The intercept; 0 without `fit_intercept`.

    Notes
    -----
    The price depends on the units of the columns: scale them alike first, unless their units mean something.
    The sums are taken in float64; float32 data give float32 weights.

    Examples
    --------
    >>> X, y = [[-1], [0], [1]], [-2, 0, 2]
    >>> [round(float(Ridge(alpha).fit(X, y).coef_[0]), 6) for alpha in (0, 2, 6)]
    [2.0, 1.0, 0.5]
    """

    _multi_output = True

    def __init__(self, alpha: Any = 1.0, *, fit_intercept: bool = True) -> None:
        self.alpha = alpha
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
            When the data are not finite numbers, `X`, `y` and the weights do not fit together, or `alpha` is negative
            or has not one entry for each target.
        """
        X, y, weights = self._check_fit(X, y, sample_weight)
        Y = y.reshape(len(y), -1)  # (N, T)
        alphas = np.asarray(self.alpha, dtype=np.float64)
        if alphas.shape not in ((), (1,), (Y.shape[1],)):
            raise ValueError(f"alpha must be a number or one for each of {Y.shape[1]} targets, got {self.alpha!r}.")
        if not (np.isfinite(alphas).all() and (alphas >= 0).all()):
            raise ValueError(f"alpha must be finite and 0 or more, got {self.alpha!r}. Try alpha=1.0.")
        with fit_run(self, total=1, unit="step") as run:
            params = fit(X, Y, np.broadcast_to(alphas, Y.shape[1]), weights, fit_intercept=self.fit_intercept)
            run.step()
        coef, intercept = (params.coef[0], params.intercept[0]) if y.ndim == 1 else params
        self.coef_, self.intercept_ = coef.astype(X.dtype), intercept.astype(X.dtype)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the predicted target of each row of X (N, D): an array (N,) or (N, T)."""
        X = self._check_X(X)
        return predict(X, self.coef_, self.intercept_)
