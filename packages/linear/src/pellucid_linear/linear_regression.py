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

The Hessian X̃ᵀX̃ has no negative eigenvalue, so L is convex and every w with ∂L/∂w = 0 is a minimum. tall_skinny_qr.py
boils X̃ and ỹ down to R and v, of no more than D rows and with ‖X̃w − ỹ‖² = ‖Rw − v‖² + const. With the sizes d of the
columns, and the singular values of R / d = U diag(σ) Vᵀ that are not zero,

    w = V diag(1/σ) Uᵀ v / d                                                   (5)

If columns are collinear, this is one solution of many. The shortest has no part in directions in which X̃w does not
change: it lies in the span of the rows of R, for which the columns of Q are an orthonormal basis,

    Q Z = diag(d) V   with a triangular Z                                      (6)
    w ← Q Qᵀ w                                                                 (7)

Rows may be added to a fit or taken away from it, without the others: by merging (tall_skinny_qr.py), precise also for
collinear columns, or by a change of the inverse (recursive_least_squares.py), which takes O(D²) a row and starts from

    P = (X̃ᵀX̃)⁻¹ = H Hᵀ,   H = diag(1/d) V diag(1/σ)                            (8)

How precise w and b are is told by standard_errors.py.

Symbols
-------
    paper   code       shape    meaning
    xₙ      X          (N, D)   data, one row per point
    yₙ      Y          (N, T)   targets, one column each; all this holds for each column alone
    sₙ      weights    (N,)     how much each point counts
    w       coef       (T, D)   weights, one row per target
    b       intercept  (T,)     the prediction at x = 0
    x̄, ȳ    mean       (D,)     weighted mean of a column
    x̃ₙ, ỹₙ  Xc, Yc     (N, D)   centred rows
    R, v    factor     (R, D)   what is left of X̃ and ỹ; R ≤ D
    d       size       (D,)     largest entry of each column of R
    σᵢ, V   sigma, V   (D, K)   singular values that are not zero, and their directions; K is the rank
    Q       Q          (D, K)   basis of the directions in which X̃w changes
    P, H    P, H       (D, D)   inverse, and its root

Cost: O(N D²) time, O(D²) memory beside the data. When normal_equations.py is precise enough, which it measures, it
finds the same w and the same R several times faster.

References
----------
    Bishop (2006), PRML, sec. 3.1.1: (3) is its 3.19, and (5) its 3.15 where columns are not collinear.
    Golub & Van Loan (2013), "Matrix computations", 4th ed., sec. 5.5: the shortest solution, by (5) with d = 1.
Differs from them: points have weights; the rank does not depend on the units of the columns, hence (6) and (7).
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from pellucid import Regressor, fit_run
from pellucid.validation import FloatArray
from pellucid_linear import normal_equations, recursive_least_squares, standard_errors, tall_skinny_qr
from pellucid_linear.normal_equations import BLOCK
from pellucid_linear.parameters import check_level
from pellucid_linear.recursive_least_squares import Inverse
from pellucid_linear.standard_errors import Inference
from pellucid_linear.tall_skinny_qr import Directions, Factor

NEAREST = 1e-6  # to zero that a singular value may be, as a share of the largest: its square costs 12 of 16 digits


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


def with_intercept(coef: FloatArray, learnt: Factor | Inverse) -> Params:
    """Return the parameters that belong to the weights: (T, D), _ -> _."""
    intercept = learnt.y_mean - coef @ learnt.x_mean  # (T,)                    (3)
    return Params(coef, intercept)


def boiled_down(X: FloatArray, Y: FloatArray, weights: FloatArray | None = None, *, fit_intercept: bool) -> Factor:
    """Go through the rows in blocks and merge their factors: (N, D), (N, T), (N,) -> _."""
    whole: Factor | None = None
    rows = max(BLOCK, 2 * X.shape[1])
    for start in range(0, len(X), rows):
        block = slice(start, start + rows)
        x, y = (A[block].astype(np.float64, copy=False) for A in (X, Y))  # (B, D), (B, T)
        s = np.ones(len(x)) if weights is None else weights[block].astype(np.float64)  # (B,)
        if not s.all():
            x, y, s = x[s > 0], y[s > 0], s[s > 0]
        if len(s):
            Xc, Yc, x_mean, y_mean = centred(x, y, s, fit_intercept=fit_intercept)
            part = Factor(len(s), float(s.sum()), x_mean, y_mean, *tall_skinny_qr.triangle(Xc, Yc))
            whole = part if whole is None else tall_skinny_qr.merge(whole, part)
    if whole is None:
        raise ValueError(f"there must be a row of weight above 0, got {len(X)} rows. Give some of them a weight.")
    return whole


def gathered(
    X: FloatArray,
    Y: FloatArray,
    weights: FloatArray | None = None,
    *,
    fit_intercept: bool,
    largest_kappa: float = normal_equations.LARGEST_KAPPA,
) -> Factor:
    """Return the factor of all rows, the fast way where it is precise enough: (N, D), (N, T), (N,) -> _."""
    fast = normal_equations.least_squares(X, Y, weights, fit_intercept=fit_intercept, largest_kappa=largest_kappa)
    return boiled_down(X, Y, weights, fit_intercept=fit_intercept) if fast is None else fast[0]


def shortest(factor: Factor) -> tuple[FloatArray, int]:
    """Return the weights, the shortest of all that minimise L, and the rank: _ -> (T, D), _."""
    U, sigma, V, size = tall_skinny_qr.directions(factor)
    w = V @ (U.T @ factor.v / sigma[:, None]) / size[:, None]  # (D, T)         (5)
    if len(sigma) < len(size):
        Q, _ = np.linalg.qr(size[:, None] * V)  # (D, K)                        (6)
        w = Q @ (Q.T @ w)  # (D, T)                                             (7)
    return w.T, len(sigma)


def fit(
    X: FloatArray, Y: FloatArray, weights: FloatArray | None = None, *, fit_intercept: bool = True
) -> tuple[Params, int, Factor]:
    """Minimise L. Return the parameters, the rank of X̃ and its factor: (N, D), (N, T), (N,) -> _, _, _."""
    fast = normal_equations.least_squares(X, Y, weights, fit_intercept=fit_intercept)
    if fast is not None:
        factor, coef = fast
        return with_intercept(coef, factor), X.shape[1], factor
    factor = boiled_down(X, Y, weights, fit_intercept=fit_intercept)
    coef, rank = shortest(factor)
    return with_intercept(coef, factor), rank, factor


def inverse(factor: Factor) -> Inverse:
    """Return the fit in the form that rows can be taken away from: _ -> _."""
    U, sigma, V, size = tall_skinny_qr.directions(factor)
    if len(sigma) < len(size):
        raise ValueError(
            f"update and downdate need columns that are not collinear, but the rank is {len(sigma)}, of {len(size)} "
            "columns. To add rows, use partial_fit."
        )
    if sigma[-1] < NEAREST * sigma[0]:
        raise ValueError(
            "update and downdate need columns that are not nearly collinear, but the smallest singular value is "
            f"{sigma[-1] / sigma[0]:.1e} of the largest, and must be above {NEAREST:.0e}. To add rows, use partial_fit."
        )
    H = V / sigma / size[:, None]  # (D, D)                                     (8)
    P, w = H @ H.T, H @ (U.T @ factor.v)  # (D, D), (D, T)                      (8)
    return Inverse(*factor[:4], P, w, tall_skinny_qr.squared_error(factor, w))


def check_same_intercept(model: Any) -> None:
    """Raise where a model has learnt with an intercept and is to go on without one, or the other way round."""
    if bool(model.fit_intercept) != getattr(model, "has_intercept_", bool(model.fit_intercept)):
        raise ValueError(
            f"fit_intercept must be what it was in the fits before, {model.has_intercept_}, as only sums are left of "
            f"their rows; got {model.fit_intercept!r}. Set it back, or fit all rows again."
        )


class LinearRegression(Regressor):
    """Ordinary least squares.

    Parameters
    ----------
    fit_intercept : bool
        Whether there is an intercept b. Without one the prediction at x = 0 is 0.
    keep_statistics : bool
        Whether `fit` keeps what `partial_fit`, `update`, `downdate`, `inference` and `predict_interval` go on from: a
        matrix of D x D numbers, or N x D if there are fewer rows than columns. For prediction alone it is not needed.

    Attributes
    ----------
    coef_ : ndarray of shape (D,), or (T, D) when `y` has T columns
        The weights.
    intercept_ : float, or ndarray of shape (T,)
        The intercept; 0 without `fit_intercept`.
    rank_ : int
        Rank of the centred data. Below the number of columns, the weights are the shortest of many equally good ones.
    has_intercept_ : bool
        What `fit_intercept` was in the fit, and must be for more rows.
    statistics_ : Factor or Inverse
        What is kept of the rows: means, and the triangle of tall_skinny_qr.py or, after `update` or `downdate`, the
        inverse of recursive_least_squares.py.

    Notes
    -----
    The sums are taken in float64; float32 data give float32 weights. Only singular values that are rounding errors are
    taken for zero, each column in its own units; scikit-learn 1.9 drops all below 1e-6 of the largest, and so perhaps a
    column of small numbers.

    Data that do not fit into memory: `fit` goes through the rows in blocks, so that X may be memory-mapped
    (`numpy.load(path, mmap_mode="r")`, float64 or float32), and `partial_fit` takes them in pieces.

    Examples
    --------
    >>> model = LinearRegression().fit([[0], [1], [2]], [1, 3, 5])
    >>> model.coef_.round(6), round(float(model.intercept_), 6)
    (array([2.]), 1.0)
    >>> model.update([[3]], [9]).predict([[3]]).round(2)
    array([8.4])
    """

    _multi_output = True

    statistics_: Factor | Inverse

    def __init__(self, *, fit_intercept: bool = True, keep_statistics: bool = True) -> None:
        self.fit_intercept = fit_intercept
        self.keep_statistics = keep_statistics

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
            params, rank, factor = fit(X, y.reshape(len(y), -1), weights, fit_intercept=self.fit_intercept)
            run.step()
        self._store(params, rank, factor if self.keep_statistics else None, y.ndim, X.dtype)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from more rows; after the last piece, the model is the one that `fit` finds for all. Return the model.

        Collinear columns, and pieces with fewer rows than columns, are no trouble. Parameters and errors as for `fit`.
        """
        learnt = self._factor() if hasattr(self, "coef_") else None
        X, y, weights = self._check_more(X, y, sample_weight)
        factor = gathered(X, y.reshape(len(y), -1), weights, fit_intercept=self.fit_intercept)
        if learnt is not None:
            factor = tall_skinny_qr.merge(learnt, factor)
        coef, rank = shortest(factor)
        self._store(with_intercept(coef, factor), rank, factor, y.ndim, getattr(self, "coef_", X).dtype)
        return self

    def update(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Add rows to a fitted model, in O(D²) time for each; return the model.

        The result is that of a fit to all rows, but for rounding errors, which grow when columns are nearly collinear.

        Parameters
        ----------
        X : array-like of shape (M, D)
        y : array-like of shape (M,) or (M, T), as in the fit
        sample_weight : array-like of shape (M,), optional

        Raises
        ------
        ValueError
            As for `fit`, and when columns are collinear, or nearly so: then only `partial_fit` can go on.
        """
        return self._change(X, y, sample_weight, 1)

    def downdate(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Take rows away from a fitted model, with the targets and weights they came with; return the model.

        The result is that of a fit to the rows that remain. Parameters as for `update`.

        Raises
        ------
        ValueError
            As for `update`, and when the rows that remain would not determine the weights, or those that leave cannot
            have been in the fit. That is noticed where the squared error would fall below zero, not always.
        """
        return self._change(X, y, sample_weight, -1)

    def inference(self, level: float = 0.95) -> Inference:
        """Return standard errors, t statistics, p-values and intervals of the weights and the intercept.

        Parameters
        ----------
        level : float
            The probability that an interval holds the true value.

        Returns
        -------
        Inference
            Fields `coef` and `intercept`, each with `value`, `standard_error`, `t`, `p_value`, `low` and `high`; and
            `residual_variance` and `degrees_of_freedom`.

        Notes
        -----
        The intervals hold for independent normal errors. A weight says how precise a row is, so that its error has the
        variance σ²/sₙ; it does not say how often a row was seen. (statsmodels' WLS agrees, but counts rows of weight
        0.) Where columns are collinear, the weights that the data do not determine have NaN for a standard error, those
        of all other columns have theirs: R leaves out a column there, statsmodels gives numbers for the shortest
        solution. With no more rows than estimated numbers everything is NaN.
        """
        factor, coef, at = self._solved(level)
        found = standard_errors.inference(
            factor, at, *with_intercept(coef, factor), level, fit_intercept=self.has_intercept_
        )
        return found if self.coef_.ndim > 1 else standard_errors.of_one_target(found)

    def predict(self, X: Any) -> FloatArray:
        """Return the predicted target of each row of X (N, D): an array (N,) or (N, T)."""
        X = self._check_X(X)
        return predict(X, self.coef_, self.intercept_)

    def predict_interval(self, X: Any, level: float = 0.95, *, of_mean: bool = False) -> tuple[FloatArray, FloatArray]:
        """Return the ends of an interval for the target of each row of X (N, D): two arrays (N,) or (N, T).

        Parameters
        ----------
        X : array-like of shape (N, D)
        level : float
            The probability that an interval holds what it is for.
        of_mean : bool
            Whether the interval is for the mean of all targets at x. By default it is for one new target of weight 1.
        """
        X = self._check_X(X)
        factor, coef, at = self._solved(level)
        value = predict(X, *with_intercept(coef, factor))  # (N, T)
        low, high = standard_errors.around_prediction(
            X, value, factor, at, coef, level, fit_intercept=self.has_intercept_, of_mean=of_mean
        )
        return (low, high) if self.coef_.ndim > 1 else (low[:, 0], high[:, 0])

    def _store(
        self, params: Params, rank: int, learnt: Factor | Inverse | None, n_axes: int, dtype: np.dtype[Any]
    ) -> None:
        coef, intercept = (params.coef[0], params.intercept[0]) if n_axes == 1 else params
        self.coef_, self.intercept_, self.rank_ = coef.astype(dtype), intercept.astype(dtype), rank
        self.has_intercept_ = bool(self.fit_intercept)
        if learnt is not None:
            self.statistics_ = learnt

    def _check_more(self, X: Any, y: Any, sample_weight: Any) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """Check rows that come after others: -> X (N, D), y (N,) or (N, T), weights (N,) or None."""
        X, y, weights = self._check_fit(X, y, sample_weight, partial=True)
        check_same_intercept(self)
        before, now = getattr(self, "coef_", X[0]).shape[:-1], y.shape[1:]
        if hasattr(self, "coef_") and before != now:
            shapes = ["(N,)" if not shape else f"(N, {shape[0]})" for shape in (before, now)]
            raise ValueError(f"y must have as many columns as in the first fit, {shapes[0]}, got {shapes[1]}.")
        return X, y, weights

    def _change(self, X: Any, y: Any, sample_weight: Any, sign: int) -> Self:
        """Add rows (1), or take rows away (-1), by their inverse."""
        self._check_fitted()
        kept = getattr(self, "statistics_", None)
        learnt = kept if isinstance(kept, Inverse) else inverse(self._factor())
        X, y, weights = self._check_more(X, y, sample_weight)
        rows = gathered(X, y.reshape(len(y), -1), weights, fit_intercept=self.fit_intercept)
        learnt = recursive_least_squares.update(learnt, rows, sign)
        self._store(with_intercept(learnt.w.T, learnt), self.n_features_in_, learnt, y.ndim, self.coef_.dtype)
        return self

    def _factor(self) -> Factor:
        """What is kept of the rows, as a triangle."""
        self._check_fitted()
        if not hasattr(self, "statistics_"):
            raise ValueError(
                "to go on from a fit it must have kept its statistics: set keep_statistics=True before it."
            )
        learnt = self.statistics_
        return learnt if isinstance(learnt, Factor) else recursive_least_squares.factor(learnt)

    def _solved(self, level: float) -> tuple[Factor, FloatArray, Directions]:
        """What is kept of the rows, the weights (T, D) in float64, and the directions in which predictions change."""
        check_level(level)
        factor = self._factor()
        return factor, shortest(factor)[0], tall_skinny_qr.directions(factor)
