"""Logistic regression: class probabilities from weighted sums of features.

Every class has a score, a weighted sum of the features, and softmax turns the scores of a point into probabilities. The
fit makes the classes that were observed as probable as it can, at a price for large weights.

    zₙₖ = wₖᵀxₙ                                                                (1)
    log pₙₖ = zₙₖ − mₙ − log Σⱼ exp(zₙⱼ − mₙ),   mₙ = maxⱼ zₙⱼ                 (2)
    L(W) = −Σₙ sₙ Σₖ tₙₖ log pₙₖ + ½ Σₖ Σᵢ λᵢ wₖᵢ²                             (3)

tₙₖ is 1 for the class of point n and 0 for others; sₙ, the share of point n, sums to 1. Every x ends in a constant 1,
whose weight is the intercept: it is free, λᵢ = 0. Taking mₙ away changes nothing in (2) but keeps exp from overflowing.
With two classes the first score is held at 0, one row of weights is left, and (2) is the logistic curve
1 / (1 + exp(−z)).

Gradient and Hessian.  From ∂ log pₙⱼ / ∂zₙₖ = δⱼₖ − pₙₖ and then ∂pₙⱼ / ∂zₙₖ = pₙⱼ (δⱼₖ − pₙₖ),

    ∂L/∂wₖ = Σₙ sₙ (pₙₖ − tₙₖ) xₙ + λ ∘ wₖ                                     (4)
    ∂²L/∂wⱼ∂wₖᵀ = Σₙ sₙ pₙⱼ (δⱼₖ − pₙₖ) xₙxₙᵀ + δⱼₖ diag(λ)

Since 1 − pₙⱼ is the sum of the other pₙₖ, one matrix for each pair of classes makes up the whole Hessian:

    Bⱼₖ = Σₙ sₙ pₙⱼ pₙₖ xₙxₙᵀ                                                  (5)
    Hⱼₖ = −Bⱼₖ,   Hⱼⱼ = Σₖ Bⱼₖ + diag(λ)   for k ≠ j                           (6)

Along any V the curvature is Σ (Vⱼ − Vₖ)ᵀBⱼₖ(Vⱼ − Vₖ) over the pairs, plus the price, and never negative: L is convex.
Where H would be too large, its products with a direction V do:

    (HV)ₖ = Σₙ sₙ pₙₖ (vₖᵀxₙ − Σⱼ pₙⱼ vⱼᵀxₙ) xₙ + λ ∘ vₖ                       (7)

newton.py goes from these to the minimum; lbfgs.py needs (4) alone.

Prices.  The price of weights is 1 / C beside the sum of the points' losses, and so a share of the sample weights' sum S
beside their mean. A part ρ of it may be on absolute values, which leaves many weights at exactly 0 (lasso.py says why):

    λᵢ = (1 − ρ) / (C S),   and ρ / (C S) for |wₖᵢ|                            (8)

Then L has kinks, and proximal_newton.py finds the minimum.

Symbols
-------
    paper   code      shape         meaning
    xₙ      X         (N, D)        data, inside the fit with a last column of ones
    tₙₖ     T         (N, K)        True in the column of the point's class
    sₙ      s         (N,)          share of each point
    λ       price     (D,)          price of each weight's square
    ρ       l1_ratio  scalar        share of the price that is on absolute values
    wₖ      W         (J, D)        weights; J = 1 for two classes, else J = K
    zₙₖ     Z         (N, K)        scores
    pₙₖ     P, log_p  (N, K)        probabilities
    L       L         scalar        loss
    H       H         (J D, J D)    Hessian, in the order of W.ravel()

Cost: O(N K² D² + K³ D³) a step of Newton's, five to ten steps as a rule; O(N (D + K) + K² D²) memory. With (7)
O(N K D) for each inner step and O(N (D + K)) memory.

References
----------
    Bishop (2006), PRML, sec. 4.3.4: the softmax is its 4.104, (4) its 4.109, the Hessian its 4.110.
Differs from it: the price and the shares; the Hessian summed by pairs of classes.
"""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pellucid import Classifier, ConvergenceWarning, fit_run
from pellucid.validation import FloatArray, IndexArray, is_number
from pellucid_linear import lbfgs, newton, proximal_newton
from pellucid_linear.normal_equations import near_mean
from pellucid_linear.parameters import check_steps

BLOCK = 2048  # rows of (5) at a time, so that they stay in the processor's cache


class Params(NamedTuple):
    coef: FloatArray  # (J, D)
    intercept: FloatArray  # (J,)


class Problem(NamedTuple):
    """What a fit does not change."""

    X: FloatArray  # (N, D)
    T: NDArray[np.bool_]  # (N, K)
    s: FloatArray  # (N,)
    price: FloatArray  # (D,)


def scores(X: FloatArray, W: FloatArray, intercept: FloatArray | float = 0.0) -> FloatArray:
    """Scores of all classes, with a first column of zeros for two: (N, D), (J, D) -> (N, K)."""
    Z = (W @ X.T).T + intercept  # (N, J), each class contiguous                (1)
    return Z if len(W) > 1 else np.vstack([np.zeros_like(Z[:, 0]), Z[:, 0]]).T


def log_softmax(Z: FloatArray) -> FloatArray:
    """Log probabilities from scores: (N, K) -> (N, K)."""
    Z = Z - Z.max(axis=1, keepdims=True)
    log_p: FloatArray = Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))  # (N, K)   (2)
    return log_p


def loss(problem: Problem, W: FloatArray, log_p: FloatArray) -> float:
    """L: _, (J, D), (N, K) -> _."""
    _, T, s, price = problem
    return float(-np.sum(s * log_p[T]) + 0.5 * np.sum(price * W**2))  #         (3)


def gradient(problem: Problem, W: FloatArray, P: FloatArray) -> FloatArray:
    """∂L/∂W: _, (J, D), (N, K) -> (J, D)."""
    X, T, s, price = problem
    error = (s[:, None] * (P - T))[:, -len(W) :]  # (N, J), of the classes that have weights
    return error.T @ X + price * W  # (J, D)                                    (4)


def hessian(problem: Problem, P: FloatArray) -> FloatArray:
    """∂²L/∂W∂W, rows and columns in the order of W.ravel(): _, (N, K) -> (_, _)."""
    X, _, s, price = problem
    D, K = X.shape[1], P.shape[1]
    H = np.zeros((K, D, K, D))
    for j, k in itertools.combinations(range(K), 2):
        B = weighted_gram(X, s * P[:, j] * P[:, k])  # (D, D)                   (5)
        H[j, :, k] = H[k, :, j] = -B
        H[j, :, j] += B
        H[k, :, k] += B
    if K == 2:
        H = H[1:, :, 1:]  # the first class has no weights
    J = len(H)
    return H.reshape(J * D, J * D) + np.diag(np.tile(price, J))  #              (6)


def weighted_gram(X: FloatArray, q: FloatArray) -> FloatArray:
    """Σₙ qₙ xₙxₙᵀ for q ≥ 0: (N, D), (N,) -> (D, D)."""
    gram, root = np.zeros((X.shape[1], X.shape[1])), np.sqrt(q)[:, None]
    for start in range(0, len(X), BLOCK):
        x = root[start : start + BLOCK] * X[start : start + BLOCK]  # (B, D)
        gram += x.T @ x  # NumPy sees that it is one matrix, and does half the work
    return gram


def hessian_of(problem: Problem, P: FloatArray, some: IndexArray) -> FloatArray:
    """The rows and columns of H that belong to some of W.ravel(): _, (N, K), (R,) -> (R, R)."""
    X, _, s, price = problem
    row, column = np.divmod(some, X.shape[1])  # (R,), (R,)
    k = row + (P.shape[1] == 2)  # (R,), the class: of two, the first has no weights
    H = np.diag(price[column])
    for start in range(0, len(X), BLOCK):
        block = slice(start, start + BLOCK)
        x, p, share = X[block].take(column, axis=1), P[block], s[block]  # (B, R), (B, K), (B,)
        if P.shape[1] > 2:
            px = np.sqrt(share)[:, None] * p[:, k] * x  # (B, R)
            H -= (px.T @ px) * (k[:, None] != k)  #                             (6)
        for j in np.unique(k):
            own = np.flatnonzero(k == j)
            others = np.delete(p, j, axis=1).sum(axis=1)  # (B,), 1 − p but for the digits that would lose
            xj = x[:, own] * np.sqrt(share * p[:, j] * others)[:, None]
            H[np.ix_(own, own)] += xj.T @ xj  #                                 (6)
    return H


def hessian_times(problem: Problem, P: FloatArray, V: FloatArray) -> FloatArray:
    """H times a direction V: _, (N, K), (J, D) -> (J, D)."""
    X, _, s, price = problem
    U = scores(X, V)  # (N, K), vₖᵀxₙ
    change: FloatArray = (s[:, None] * P * (U - np.sum(P * U, axis=1, keepdims=True)))[:, -len(V) :]  # (N, J)
    return change.T @ X + price * V  # (J, D)                                   (7)


def rough_diagonal(problem: Problem, P: FloatArray) -> FloatArray:
    """The diagonal of H as if probabilities and features were independent: _, (N, K) -> (J, D)."""
    X, _, s, price = problem
    p = P[:, -1:] if P.shape[1] == 2 else P  # (N, J)
    diagonal = np.outer(s @ (p * (1 - p)), s @ X**2) + price  # (J, D)
    diagonal[diagonal == 0] = 1  # of a column of zeros
    return diagonal


def smooth(problem: Problem, J: int) -> newton.Smooth:
    """L and its derivatives in the weights W.ravel(); what they have in common is P."""
    shape = J, problem.X.shape[1]

    def look(w: FloatArray) -> tuple[float, FloatArray]:
        W = w.reshape(shape)
        log_p = log_softmax(scores(problem.X, W))
        return loss(problem, W, log_p), np.exp(log_p)

    def steep(d: FloatArray) -> FloatArray:
        """The same weights added to every class change no probability, so there L is flat but for prices."""
        return d if J == 1 else (d.reshape(shape) - d.reshape(shape).mean(axis=0)).ravel()

    return newton.Smooth(
        look=look,
        gradient=lambda w, P: gradient(problem, w.reshape(shape), P).ravel(),
        hessian=lambda P, some: hessian_of(problem, P, some) if len(some) < np.prod(shape) else hessian(problem, P),
        times=lambda P, v: hessian_times(problem, P, v.reshape(shape)).ravel(),
        diagonal=lambda P: rough_diagonal(problem, P).ravel(),
        steep=steep,
    )


def prices(C: float, l1_ratio: float, S: float) -> tuple[float, float]:
    """The prices of squares and of absolute values."""
    return (1 - l1_ratio) / (C * S), l1_ratio / (C * S)  #                      (8)


def fit(
    X: FloatArray,
    y: IndexArray,
    n_classes: int,
    weights: FloatArray | None = None,
    *,
    C: float = 1.0,
    l1_ratio: float = 0.0,
    solver: str = "newton",
    fit_intercept: bool = True,
    tol: float = 1e-7,
    max_iter: int = 100,
    start: Params | None = None,
    report: Callable[[Params, list[float]], bool] | None = None,
) -> tuple[Params, FloatArray, bool]:
    """Minimise L from W = 0 or `start`: (N, D), (N,), _, (N,) -> _, (_,), _.

    Returns the parameters, the loss before the first step and after each, and whether the last step promised to lower
    it by less than its share `tol`. Calls `report(params, losses)` after each step and ends when that returns True.
    """
    if weights is not None and not weights.all():
        X, y, weights = X[weights > 0], y[weights > 0], weights[weights > 0]
    N, D = X.shape
    J = 1 if n_classes == 2 else n_classes
    weights = np.ones(N) if weights is None else weights.astype(np.float64)
    centre = near_mean(X, weights) if fit_intercept else np.zeros(D)
    columns = np.empty((N, D + fit_intercept))
    np.subtract(X, centre, out=columns[:, :D])  # a column around 1e8 could not be told from the column of ones
    columns[:, D:] = 1
    of_square, of_absolute = prices(C, l1_ratio, weights.sum())
    paying = np.arange(columns.shape[1]) < D  # the intercept does not
    T = (y == np.arange(n_classes)[:, None]).T  # (N, K), each class contiguous
    L = smooth(Problem(columns, T, weights / weights.sum(), of_square * paying), J)

    W = np.zeros((J, len(paying)))
    if start is not None:
        W[:, :D] = start.coef
        W[:, D:] = (start.intercept + start.coef @ centre)[:, None]

    def params(w: FloatArray) -> Params:
        W = w.reshape(J, -1)
        coef = W[:, :D].copy()  # (J, D)
        intercept = W[:, D:].sum(axis=1) - coef @ centre  # (J,)
        return Params(coef, intercept - intercept.mean() if J > 1 else intercept)  # only differences matter

    def tell(w: FloatArray, losses: list[float]) -> bool:
        return report is not None and report(params(w), losses)

    try:
        if of_absolute > 0:
            price = np.tile(of_absolute * paying, J)  # (J D,)
            found = proximal_newton.minimise(L, price, W.ravel(), tol=tol, max_iter=max_iter, report=tell)
        else:
            method = lbfgs if solver == "lbfgs" else newton
            found = method.minimise(L, L.steep(W.ravel()), tol=tol, max_iter=max_iter, report=tell)
    except FloatingPointError as error:
        raise ValueError(f"the squares of the data overflow: an entry is {np.abs(X).max():g}. Rescale them.") from error
    return params(found.w), np.array(found.losses), found.converged


def separated(X: FloatArray, y: IndexArray, weights: FloatArray | None, params: Params) -> bool:
    """Whether every row that counts has the highest score for its own class: (N, D), (N,), (N,), _ -> _."""
    if weights is not None:
        X, y = X[weights > 0], y[weights > 0]
    Z = scores(X, *params)  # (N, K)
    own = np.take_along_axis(Z, y[:, None], axis=1)  # (N, 1)
    return bool(np.all(np.sum(own <= Z, axis=1) == 1))  # no score but its own is as high


class LogisticRegression(Classifier):
    """Logistic regression for two or more classes, with a price for large weights.

    Parameters
    ----------
    C : float
        The inverse of the price: the smaller, the smaller the weights. With `numpy.inf` weights are free.
    l1_ratio : float
        Which share of the price, from 0 to 1, is on absolute values; the rest is on squares. At 1 many weights are 0.
    penalty : {"elasticnet", "l2", "l1", None}
        The same in other words: "l2" is `l1_ratio` 0, "l1" is `l1_ratio` 1, None is `C` without bound. "elasticnet"
        leaves it to `l1_ratio` and `C`.
    solver : {"newton", "lbfgs"}
        "newton" is Newton's method, proximal where absolute values have a price. "lbfgs", for many weights without such
        a price, needs SciPy.
    tol : float
        The fit ends after a step that promised to lower the loss by less than `tol` times the loss. Near the minimum a
        step squares what is still missing, so the result is far more precise than `tol`. "lbfgs" ends when no entry of
        the gradient is above `tol`, in units in which the curvature along each weight is about 1.
    max_iter : int
        The most steps.
    fit_intercept : bool
        Whether the classes have intercepts, which are free.
    class_weight : dict, "balanced" or None
        How much a point counts, by its label. "balanced" makes all classes count alike.
    warm_start : bool
        Whether the next fit begins at the weights of the last one.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    coef_ : ndarray of shape (1, D) for two classes, else (K, D)
        The weights; for two classes those of `classes_[1]`.
    intercept_ : ndarray of shape (1,) or (K,)
        The intercepts; zeros without `fit_intercept`.
    n_iter_ : int
        Steps done.
    loss_ : ndarray of shape (n_iter_ + 1,)
        Mean loss per point, price included: before the first step, where it is log K, and after each.

    Notes
    -----
    `C`, `l1_ratio`, `penalty` and the weights agree with scikit-learn's `LogisticRegression`; `tol` is measured
    differently. Everything is computed in float64; float32 data give float32 weights and probabilities. With more than
    two classes and a price on nothing but absolute values, several sets of weights may be equally good.

    Examples
    --------
    >>> model = LogisticRegression().fit([[0], [1], [2], [3]], ["no", "no", "yes", "yes"])
    >>> model.predict([[0.4], [2.4]]).tolist()
    ['no', 'yes']
    >>> model.predict_proba([[1.5]]).round(3)
    array([[0.5, 0.5]])
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        l1_ratio: float = 0.0,
        penalty: str | None = "elasticnet",
        solver: str = "newton",
        tol: float = 1e-7,
        max_iter: int = 100,
        fit_intercept: bool = True,
        class_weight: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.C = C
        self.l1_ratio = l1_ratio
        self.penalty = penalty
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the weights; return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
        y : array-like of shape (N,)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When the data are not finite numbers, `X`, `y` and the weights do not fit together, all labels are the same,
            or a parameter is out of range.
        ImportError
            When `solver` is "lbfgs" and SciPy is not installed.

        Warns
        -----
        ConvergenceWarning
            When `max_iter` steps were not enough, or the classes can be told apart and weights are free.
        """
        C, l1_ratio = self._check_params()
        X, y, weights = self._check_fit(X, y, sample_weight, min_classes=2)
        weights = self._apply_class_weight(y, weights)
        start = self._start(1 if len(self.classes_) == 2 else len(self.classes_), X.shape[1])
        latest: list[tuple[Params, list[float]]] = []

        def report(params: Params, losses: list[float]) -> bool:
            latest[:] = [(params, losses)]
            return run.step(loss=losses[-1])

        def snapshot() -> LogisticRegression:
            params, losses = latest[0]
            return copy.copy(self)._store(params, np.array(losses), X.dtype)

        with fit_run(self, total=self.max_iter, snapshot=snapshot) as run:
            params, losses, converged = fit(
                X,
                y,
                len(self.classes_),
                weights,
                C=C,
                l1_ratio=l1_ratio,
                solver=self.solver,
                fit_intercept=self.fit_intercept,
                tol=self.tol,
                max_iter=self.max_iter,
                start=start,
                report=report,
            )
        self._store(params, losses, X.dtype)
        apart = C == np.inf and separated(X, y, weights, params)
        if run.stopped is None and (apart or not converged):
            reason = (
                f"(steps: {self.n_iter_}, max_iter={self.max_iter}). These weights tell the classes apart without "
                "error, and while they cost nothing larger ones always lower the loss. Give them a price: lower "
                f"C={C:g}."
                if apart
                else f"in max_iter={self.max_iter} steps. Raise it, or tol, or scale the columns alike."
            )
            warnings.warn(f"LogisticRegression did not converge {reason}", ConvergenceWarning, stacklevel=2)
        return self

    def _check_params(self) -> tuple[float, float]:
        """C and l1_ratio as `penalty` has them."""
        if not (is_number(self.C) and self.C > 0):
            raise ValueError(f"C must be a number above 0, got {self.C!r}. Try C=1.0; C=numpy.inf makes weights free.")
        if not (is_number(self.l1_ratio) and 0 <= self.l1_ratio <= 1):
            raise ValueError(f"l1_ratio must be a number from 0 to 1, got {self.l1_ratio!r}. 0 is L2, 1 is L1.")
        check_steps(self.max_iter, self.tol)
        if self.penalty not in ("elasticnet", "l2", "l1", None):
            raise ValueError(f"penalty must be 'elasticnet', 'l2', 'l1' or None, got {self.penalty!r}.")
        if self.solver not in ("newton", "lbfgs"):
            raise ValueError(f"solver must be 'newton' or 'lbfgs', got {self.solver!r}.")
        l1_ratio = {"l2": 0.0, "l1": 1.0, None: 0.0}.get(self.penalty, self.l1_ratio)
        if self.l1_ratio not in (0, l1_ratio):
            raise ValueError(
                f"penalty={self.penalty!r} has no use for l1_ratio={self.l1_ratio!r}. Leave one of the two out."
            )
        C = np.inf if self.penalty is None else self.C
        if self.solver == "lbfgs" and l1_ratio > 0 and C < np.inf:
            raise ValueError(
                "solver='lbfgs' needs a loss without kinks. With a price on absolute values take 'newton'."
            )
        return C, l1_ratio

    def _start(self, J: int, D: int) -> Params | None:
        """The weights to begin at, for a warm start."""
        if not (self.warm_start and hasattr(self, "coef_")):
            return None
        if self.coef_.shape != (J, D):
            shape = self.coef_.shape
            self._forget()
            raise ValueError(
                f"warm_start begins at the weights of the last fit, which have shape {shape} (classes, features), but "
                f"these data need {(J, D)}. Set warm_start=False."
            )
        return Params(self.coef_.astype(np.float64), self.intercept_.astype(np.float64))

    def _store(self, params: Params, losses: FloatArray, dtype: Any) -> Self:
        self.coef_, self.intercept_ = params.coef.astype(dtype), params.intercept.astype(dtype)
        self.loss_, self.n_iter_ = losses, len(losses) - 1
        return self

    def _scores(self, X: Any) -> FloatArray:
        X = self._check_X(X)
        return scores(X, self.coef_, self.intercept_)

    def decision_function(self, X: Any) -> FloatArray:
        """Return the scores of each row of X (N, D): of `classes_[1]` for two classes (N,), else of all (N, K)."""
        Z = self._scores(X)
        return Z[:, 1] if len(self.classes_) == 2 else Z

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Return the log probabilities of each row of X (N, D): an array (N, K)."""
        return log_softmax(self._scores(X))

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probabilities of each row of X (N, D): an array (N, K)."""
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable label of each row of X (N, D): an array (N,)."""
        best = self._scores(X).argmax(axis=1)  # before classes_, which an unfitted model does not have
        labels: NDArray[Any] = self.classes_[best]
        return labels
