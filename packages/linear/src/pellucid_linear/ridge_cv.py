"""Ridge regression that chooses its price: by what each point would have been predicted to be without it.

Ridge regression leaves open how much large weights should cost. Leave-one-out cross-validation fits the model N times,
each time without one of the points, and takes the price that predicts the missing points best. None of these fits has
to be done: how far a fit would move without a point follows from the point's leverage.

Say that zₙ = (xₙ, 1), θ = (w, b) = A⁻¹ Σₙ sₙ zₙ yₙ and A = Σₙ sₙ zₙzₙᵀ + α diag(1, ..., 1, 0). Without point n, by the
Sherman-Morrison formula, (A − sₙ zₙzₙᵀ)⁻¹ zₙ = A⁻¹ zₙ / (1 − hₙ), with the leverage hₙ = sₙ zₙᵀ A⁻¹ zₙ. Then θ moves by
−A⁻¹ zₙ sₙ eₙ / (1 − hₙ), where eₙ = yₙ − ŷₙ, and the error becomes eₙ + hₙ eₙ / (1 − hₙ):

    error of n without n = eₙ / (1 − hₙ)                                       (1)

Centred as in ridge.py, where x̄ and S are the weighted mean and the sum of the weights, X̃ = U diag(σ) Vᵀ and c = Uᵀỹ,

    qₙ = diag(1/σ) Vᵀ (xₙ − x̄)                                                 (2)
    lₙ = 1 − sₙ/S − sₙ ‖qₙ‖²                                                   (3)
    1 − hₙ = lₙ + sₙ Σᵢ qₙᵢ² gᵢ,   gᵢ = α / (σᵢ² + α)                          (4)
    eₙ = yₙ − ȳ − qₙᵀc + Σᵢ qₙᵢ cᵢ gᵢ                                          (5)

which is one pass over the rows for any number of prices. lₙ is the share of point n that no weights can follow. It is
zero, and so is the error yₙ − ȳ − qₙᵀc, if there are as many directions as points can have: N − 1 or, without
intercept, N. Then (4) and (5) still have all their digits for a small α, which a difference 1 − hₙ would not.

    score(α) = −(1/N) Σₙ sₙ (eₙ / (1 − hₙ))²                                   (6)

and the price with the highest score is taken. Generalized cross-validation puts the mean of all 1 − hₙ in place of
each: its choice does not depend on how the points are rotated among each other, and not so much on single points.

With other splits than single points, each set of points is predicted by a fit to its training points, for all prices
from one decomposition, and all sₙ (yₙ − ŷₙ)² are averaged alike:

    errors at the points of a split = yₙ − ȳ − wᵀ(xₙ − x̄)   with w, x̄ and ȳ from its training points   (7)

Symbols
-------
    paper   code       shape       meaning
    xₙ      X          (N, D)      data, one row per point
    yₙ      Y          (N, T)      targets, one column each
    sₙ      weights    (N,)        how much each point counts
    α       alphas     (A,)        prices to choose from
    S       total      scalar      sum of the weights
    σᵢ, V   sigma, V   (D, K)      singular values of X̃ that are not zero, and their directions
    c       c          (K, T)      the part of the targets in each direction
    qₙ      q          (B, K)      a block of points, in these directions
    gᵢ      g          (K, A)      the share of each direction that the price takes away
    lₙ      left       (B,)        what no weights can follow
    hₙ      free       (B, A)      leverage, as 1 − hₙ
    eₙ      errors     (B, T, A)   errors of the fit
    w       w          (D, T·A)    weights for each target and price

Cost: O(N D min(N, D)) time for the decomposition, O(N K A T) for the pass; O(D min(N, D)) memory beside the data.

References
----------
    Allen (1974), "The relationship between variable selection and data augmentation and a method for prediction": (1).
    Golub, Heath & Wahba (1979), "Generalized cross-validation as a method for choosing a good ridge parameter".
    Hastie, Tibshirani & Friedman (2009), ESL, sec. 7.10: (1) is in its 7.64, and the mean of all 1 − hₙ in its 7.65.
Differs from them: points have weights; the difference 1 − hₙ is taken apart, in (3) and (4).
"""

from __future__ import annotations

from typing import Any, Self, TypeAlias

import numpy as np

from pellucid import Regressor, fit_run
from pellucid.validation import FloatArray, IndexArray
from pellucid_linear.linear_regression import gathered, predict
from pellucid_linear.normal_equations import BLOCK
from pellucid_linear.ridge import Principal, principal, shrink
from pellucid_linear.tall_skinny_qr import Factor

Splits: TypeAlias = list[tuple[IndexArray, IndexArray]]  # of rows to train and to test on

LARGEST_KAPPA = 1e4  # of normal_equations.py, for which leverages still have twelve digits


def leave_one_out(
    X: FloatArray,
    Y: FloatArray,
    weights: FloatArray,
    alphas: FloatArray,
    factor: Factor,
    data: Principal,
    *,
    fit_intercept: bool,
) -> tuple[FloatArray, FloatArray]:
    """Return the errors of the fit and 1 - h: (B, D), (B, T), (B,), (A,), _, _ -> (B, T, A), (B, A)."""
    sigma, V, c = data
    g = 1 / (1 + sigma[:, None] ** 2 / alphas)  # (K, A)
    q = (X - factor.x_mean) @ V / sigma  # (B, K)                               (2)
    left = 1 - weights * (fit_intercept / factor.total + np.sum(q**2, axis=1))  # (B,)   (3)
    rest = Y - factor.y_mean - q @ c  # (B, T)                                  (5)
    if len(sigma) == factor.n_rows - fit_intercept:  # of points that count, nothing is left but rounding errors
        left, rest = np.where(weights > 0, 0, left), np.where(weights[:, None] > 0, 0, rest)
    free = left[:, None] + weights[:, None] * (q**2 @ g)  # (B, A)              (4)
    pulled = (c[:, :, None] * g[:, None, :]).reshape(len(g), c.shape[1] * len(alphas))  # (K, T*A)
    errors = rest[:, :, None] + (q @ pulled).reshape(*rest.shape, len(alphas))  # (B, T, A)   (5)
    return errors, free


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # the squares of huge data; they have no best price
def squared_errors(
    X: FloatArray,
    Y: FloatArray,
    weights: FloatArray | None,
    alphas: FloatArray,
    factor: Factor,
    data: Principal,
    *,
    fit_intercept: bool,
    gcv: bool,
    keep: bool,
) -> tuple[FloatArray, FloatArray | None]:
    """Return the sums of sₙ (eₙ / (1 − hₙ))² over the rows, and if asked for each of them.

    Shapes: (N, D), (N, T), (N,), (A,), _, _ -> (T, A), (N, T, A).
    """
    N, T, A = len(X), Y.shape[1], len(alphas)
    sums, free_sum, each = np.zeros((T, A)), np.zeros(A), np.empty((N, T, A)) if keep else None
    rows = max(1, 32 * BLOCK // max(32, T * A))
    for start in range(0, N, rows):
        block = slice(start, start + rows)
        s = np.ones(len(X[block])) if weights is None else weights[block].astype(np.float64)  # (B,)
        errors, free = leave_one_out(X[block], Y[block], s, alphas, factor, data, fit_intercept=fit_intercept)
        squares = s[:, None, None] * (errors if gcv else errors / free[:, None, :]) ** 2  # (B, T, A)   (1)
        squares[s == 0] = 0  # however far away they are
        sums += squares.sum(axis=0)
        free_sum += free[s > 0].sum(axis=0)
        if each is not None:
            each[block] = squares
    if gcv:
        mean = free_sum / factor.n_rows  # (A,), of 1 - h
        sums, each = sums / mean**2, None if each is None else each / mean**2
    return sums, each


@np.errstate(over="ignore", invalid="ignore")
def errors_of_splits(
    X: FloatArray,
    Y: FloatArray,
    weights: FloatArray | None,
    alphas: FloatArray,
    splits: Splits,
    *,
    fit_intercept: bool,
) -> tuple[FloatArray, int]:
    """Sums of sₙ (yₙ − ŷₙ)² at the test points, and their number: (N, D), (N, T), (N,), (A,) -> (T, A), _."""
    T, A = Y.shape[1], len(alphas)
    sums, n_tested = np.zeros((T, A)), 0
    for train, test in splits:
        s = None if weights is None else weights[train]
        factor = gathered(X[train], Y[train], s, fit_intercept=fit_intercept)
        data = principal(factor.R, factor.v, factor.n_rows)
        w = shrink(data, alphas[:, None]).transpose(1, 2, 0).reshape(X.shape[1], T * A)  # (D, T*A)
        s = np.ones(len(Y[test])) if weights is None else weights[test].astype(np.float64)  # (B,)
        predicted = ((X[test] - factor.x_mean) @ w).reshape(-1, T, A)  # (B, T, A)
        squares = ((Y[test] - factor.y_mean)[:, :, None] - predicted) ** 2  # (B, T, A)   (7)
        sums += np.einsum("b,bta->ta", s[s > 0], squares[s > 0])
        n_tested += int(np.count_nonzero(s))
    return sums, n_tested


def check_splits(cv: Any, X: FloatArray, Y: FloatArray) -> Splits:
    """Turn a number of folds, an object with `split`, or pairs of indices into pairs of index arrays."""
    N = len(X)
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        if not 2 <= cv <= N:
            raise ValueError(f"cv must be from 2 to the number of rows, {N}, got {cv!r}. Try cv=5.")
        folds = np.array_split(np.arange(N), cv)
        return [(np.concatenate(folds[:k] + folds[k + 1 :]), folds[k]) for k in range(len(folds))]
    try:
        pairs = cv.split(X, Y) if hasattr(cv, "split") else cv
        splits = [(np.arange(N)[train], np.arange(N)[test]) for train, test in pairs]
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f"cv must be None, a number of folds, an object with split, or pairs of train and test rows ({error})."
        ) from error
    if not splits or not all(part.ndim == 1 and len(part) for split in splits for part in split):
        raise ValueError(f"cv must give splits with rows to train and to test on, got {len(splits)} splits.")
    return splits


def choose(sums: FloatArray, n_rows: int, *, alpha_per_target: bool) -> tuple[FloatArray, IndexArray]:
    """Return the scores, of each target or of all together, and which price is best: (T, A), _ -> (_, A), (_,)."""
    sums = np.where(np.isnan(sums), np.inf, sums)  # a price so small that nothing is left of it is not the best one
    scores = -sums / n_rows  # (T, A)                                           (6)
    if not alpha_per_target:
        scores = scores.mean(axis=0, keepdims=True)  # (1, A)
    return scores, scores.argmax(axis=1)


class RidgeCV(Regressor):
    """Ridge regression that chooses its price by cross-validation, by default leaving out one point at a time.

    Parameters
    ----------
    alphas : array-like of shape (A,)
        The prices to choose from, each above 0. Of two with the same score the first is taken.
    fit_intercept : bool
        Whether there is an intercept b, which costs nothing. Without one the prediction at x = 0 is 0.
    cv : None, int, iterable or object with `split`
        Which points are predicted by a fit to which others. None leaves out one at a time, in closed form. A number is
        that of folds, in the order of the rows; otherwise pairs of row numbers to train and to test on, or what gives
        them, such as scikit-learn's `KFold`.
    gcv : bool
        Whether generalized cross-validation chooses: every point is taken to have the mean leverage. Only without `cv`.
    store_cv_results : bool
        Whether to keep `cv_results_`. Only without `cv`.
    alpha_per_target : bool
        Whether each target has a price of its own. By default they share the one that is best for all together.

    Attributes
    ----------
    alpha_ : float, or ndarray of shape (T,) with `alpha_per_target` and T targets
        The price that was chosen.
    best_score_ : float, or ndarray of shape (T,)
        Its score: minus the mean of the squared errors, each times its weight, of points that the fit has not seen.
    scores_ : ndarray of shape (A,), or (T, A)
        The score of each price.
    coef_ : ndarray of shape (D,), or (T, D) when `y` has T columns
        The weights.
    intercept_ : float, or ndarray of shape (T,)
        The intercept; 0 without `fit_intercept`.
    cv_results_ : ndarray of shape (N, A), or (N, T, A)
        With `store_cv_results` the squared errors, times their weights.

    Notes
    -----
    With `cv=None` it agrees with scikit-learn's `RidgeCV` without `scoring`, except that rows of weight 0 do not count
    in the mean of the score. With `cv`, scikit-learn's score is the mean of R² over the folds; here it is minus the
    mean squared error again. A weight is how precise a row is: leaving out the row leaves out all of it.

    Examples
    --------
    >>> X, y = [[0], [1], [2], [3], [4]], [0.1, 0.9, 2.2, 2.8, 4.1]
    >>> model = RidgeCV(alphas=[0.01, 1, 100]).fit(X, y)
    >>> model.alpha_, model.predict([[5]]).round(2)
    (0.01, array([4.99]))
    """

    _multi_output = True

    alpha_: float | FloatArray
    best_score_: float | FloatArray
    coef_: FloatArray
    intercept_: FloatArray

    def __init__(
        self,
        alphas: Any = (0.1, 1.0, 10.0),
        *,
        fit_intercept: bool = True,
        cv: Any = None,
        gcv: bool = False,
        store_cv_results: bool = False,
        alpha_per_target: bool = False,
    ) -> None:
        self.alphas = alphas
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.gcv = gcv
        self.store_cv_results = store_cv_results
        self.alpha_per_target = alpha_per_target

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Choose the price and find the weights; return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
        y : array-like of shape (N,) or (N, T)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When the data are not finite numbers, `X`, `y` and the weights do not fit together, fewer than two rows
            count, a price is not above 0, or the squared errors overflow.
        """
        X, y, weights = self._check_fit(X, y, sample_weight, min_rows=2)
        alphas = np.atleast_1d(np.asarray(self.alphas, dtype=np.float64))  # (A,)
        if alphas.ndim != 1 or not len(alphas) or not (np.isfinite(alphas).all() and (alphas > 0).all()):
            raise ValueError(f"alphas must be finite numbers above 0, one at least, got {self.alphas!r}. Try (0.1, 1).")
        if weights is not None and np.count_nonzero(weights) < 2:
            raise ValueError("to leave one row out there must be two of weight above 0, got 1.")
        if self.cv is not None and (self.gcv or self.store_cv_results):
            raise ValueError(
                f"gcv and store_cv_results are for leaving one out; set them to False, or cv={self.cv!r} to None."
            )
        Y, alone, each = y.reshape(len(y), -1), y.ndim == 1, None  # (N, T)
        splits = None if self.cv is None else check_splits(self.cv, X, Y)
        how = {"fit_intercept": self.fit_intercept}
        with fit_run(self, total=1, unit="step") as run:
            factor = gathered(X, Y, weights, largest_kappa=LARGEST_KAPPA, **how)
            data = principal(factor.R, factor.v, factor.n_rows)
            if splits is None:
                keep, n_tested = self.store_cv_results, factor.n_rows
                sums, each = squared_errors(X, Y, weights, alphas, factor, data, gcv=self.gcv, keep=keep, **how)
            else:
                sums, n_tested = errors_of_splits(X, Y, weights, alphas, splits, **how)
            scores, best = choose(sums, n_tested, alpha_per_target=self.alpha_per_target)
            if not np.isfinite(scores.max(axis=1)).all():
                raise ValueError(
                    f"the squared errors overflow: a target is {np.abs(Y).max():g}, an entry {np.abs(X).max():g}. "
                    "Rescale y, or the columns."
                )
            chosen = alphas[best]  # (T,) or (1,)
            w = shrink(data, np.broadcast_to(chosen, Y.shape[1]))  # (D, T)
            run.step()
        coef, intercept = w.T.astype(X.dtype), (factor.y_mean - factor.x_mean @ w).astype(X.dtype)  # (T, D), (T,)
        self.coef_, self.intercept_ = (coef[0], intercept[0]) if alone else (coef, intercept)
        top = np.take_along_axis(scores, best[:, None], axis=1)[:, 0]  # (T,) or (1,)
        if self.alpha_per_target and not alone:
            self.alpha_, self.best_score_, self.scores_ = chosen, top, scores
        else:
            self.alpha_, self.best_score_, self.scores_ = float(chosen[0]), float(top[0]), scores[0]
        if each is not None:
            self.cv_results_ = (each[:, 0] if alone else each).astype(X.dtype)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the predicted target of each row of X (N, D): an array (N,) or (N, T)."""
        X = self._check_X(X)
        return predict(X, self.coef_, self.intercept_)
