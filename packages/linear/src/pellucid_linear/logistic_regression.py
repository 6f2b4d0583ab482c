"""Logistic regression: class probabilities from weighted sums of features, fitted by Newton's method.

Every class has a score, a weighted sum of the features, and softmax turns the scores of a point into probabilities. The
fit makes the classes that were observed as probable as it can, at a price for large weights.

    zₙₖ = wₖᵀxₙ                                                                (1)
    log pₙₖ = zₙₖ − mₙ − log Σⱼ exp(zₙⱼ − mₙ),   mₙ = maxⱼ zₙⱼ                 (2)
    L(W) = −Σₙ sₙ Σₖ tₙₖ log pₙₖ + ½ Σₖ Σᵢ λᵢ wₖᵢ²                             (3)

tₙₖ is 1 for the class of point n and 0 for others; sₙ, the share of point n, sums to 1. Every x ends in a constant 1,
whose weight is the intercept: it is free, λᵢ = 0. Elsewhere λᵢ = 1 / (C S), S being the sum of the sample weights.
Taking mₙ away changes nothing in (2) but keeps exp from overflowing. With two classes the first score is held at 0, one
row of weights is left, and (2) is the logistic curve 1 / (1 + exp(−z)).

Gradient and Hessian.  From ∂ log pₙⱼ / ∂zₙₖ = δⱼₖ − pₙₖ and then ∂pₙⱼ / ∂zₙₖ = pₙⱼ (δⱼₖ − pₙₖ),

    ∂L/∂wₖ = Σₙ sₙ (pₙₖ − tₙₖ) xₙ + λ ∘ wₖ                                     (4)
    ∂²L/∂wⱼ∂wₖᵀ = Σₙ sₙ pₙⱼ (δⱼₖ − pₙₖ) xₙxₙᵀ + δⱼₖ diag(λ)

Since 1 − pₙⱼ is the sum of the other pₙₖ, one matrix for each pair of classes makes up the whole Hessian:

    Bⱼₖ = Σₙ sₙ pₙⱼ pₙₖ xₙxₙᵀ                                                  (5)
    Hⱼₖ = −Bⱼₖ,   Hⱼⱼ = Σₖ Bⱼₖ + diag(λ)   for k ≠ j                           (6)

Along any V the curvature is Σ (Vⱼ − Vₖ)ᵀBⱼₖ(Vⱼ − Vₖ) over the pairs, plus the price, and never negative: L is convex.
Newton's method goes to the minimum of the parabola that touches L at W, or half as far, until L has fallen enough:

    H d = −g                                                                   (7)
    L(W + t d) ≤ L(W) + ¼ t gᵀd,   the first of t = 1, ½, ¼, ...               (8)

The parabola promises to lower L by ½ |gᵀd|. The fit ends after a step that promised less than tol · L. Where H would be
too large, conjugate gradients solve (7) with nothing but products of H and a direction V:

    (HV)ₖ = Σₙ sₙ pₙₖ (vₖᵀxₙ − Σⱼ pₙⱼ vⱼᵀxₙ) xₙ + λ ∘ vₖ                       (9)

Symbols
-------
    paper   code     shape         meaning
    xₙ      X        (N, D)        data, inside the fit with a last column of ones
    tₙₖ     T        (N, K)        True in the column of the point's class
    sₙ      s        (N,)          share of each point
    λ       price    (D,)          price of each weight
    wₖ      W        (J, D)        weights; J = 1 for two classes, else J = K
    zₙₖ     Z        (N, K)        scores
    pₙₖ     P, log_p (N, K)        probabilities
    L       L        scalar        loss
    g       g        (J, D)        gradient of L
    H       H        (J D, J D)    Hessian, in the order of W.ravel()
    d       d        (J, D)        direction of the step
    t       t        scalar        how far it goes

Cost: O(N K² D² + K³ D³) a step, five to ten steps as a rule; O(N (D + K) + K² D²) memory. With (9) O(N K D) for each
inner step and O(N (D + K)) memory.

References
----------
    Bishop (2006), PRML, sec. 4.3.4: the softmax is its 4.104, (4) its 4.109, the Hessian its 4.110.
    Boyd & Vandenberghe (2004), "Convex optimization", sec. 9.2: the search (8); sec. 9.5: Newton's method.
    Nocedal & Wright (2006), "Numerical optimization", 2nd ed., sec. 7.1: Newton's method with conjugate gradients.
Differs from them: the price and the shares; the Hessian summed by pairs of classes.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pellucid import Classifier, ConvergenceWarning, fit_run
from pellucid.validation import FloatArray, IndexArray
from pellucid_linear import conjugate_gradients
from pellucid_linear.normal_equations import near_mean

BLOCK = 2048  # rows of (5) at a time, so that they stay in the processor's cache
LARGEST_HESSIAN = 1000  # rows of H; with more weights than that (9) takes its place
ROUNDING = 1e-13  # losses that differ by less than this share cannot be told apart


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


def hessian_times(problem: Problem, P: FloatArray, V: FloatArray) -> FloatArray:
    """H times a direction V: _, (N, K), (J, D) -> (J, D)."""
    X, _, s, price = problem
    U = scores(X, V)  # (N, K), vₖᵀxₙ
    change: FloatArray = (s[:, None] * P * (U - np.sum(P * U, axis=1, keepdims=True)))[:, -len(V) :]  # (N, J)
    return change.T @ X + price * V  # (J, D)                                   (9)


def newton_direction(problem: Problem, P: FloatArray, g: FloatArray, *, precision: float) -> FloatArray:
    """The d of (7), to a relative precision where (9) is used: _, (N, K), (J, D) -> (J, D)."""
    X, _, s, price = problem
    if g.size <= LARGEST_HESSIAN:
        H = hessian(problem, P)
        scale = np.sqrt(np.diag(H))
        scale[scale == 0] = 1  # a column of zeros without a price
        H = H / np.outer(scale, scale)  # the units of the columns no longer matter
        H += 10 * len(H) * np.finfo(H.dtype).eps * np.eye(len(H))  # where H is flat, as rounding leaves it
        d: FloatArray = np.linalg.solve(H, -g.ravel() / scale) / scale  #       (7)
    else:
        p = P[:, -len(g) :]
        diagonal = np.outer(s @ (p * (1 - p)), s @ X**2) + price  # (J, D), roughly that of H
        diagonal[diagonal == 0] = 1
        d = conjugate_gradients.solve(
            lambda v: hessian_times(problem, P, v.reshape(g.shape)).ravel(),
            -g.ravel(),
            diagonal.ravel(),
            tol=precision,
            max_iter=g.size,
        )
    d = d.reshape(g.shape)
    # The same weights added to every class change no probability, so H is flat there: such a part of d is rounding.
    return d - d.mean(axis=0) if len(d) > 1 else d


def line_search(
    problem: Problem, W: FloatArray, L: float, d: FloatArray, slope: float
) -> tuple[FloatArray, FloatArray, float]:
    """Go along d as (8) says; return W, log p and L there: _, (J, D), _, (J, D) -> (J, D), (N, K), _."""
    slack = ROUNDING * L
    for t in 0.5 ** np.arange(60.0):
        log_p = log_softmax(scores(problem.X, W + t * d))
        L_there = loss(problem, W + t * d, log_p)
        if L_there <= L + 0.25 * t * slope + slack:  #                          (8)
            break
    return W + t * d, log_p, L_there


def fit(
    X: FloatArray,
    y: IndexArray,
    n_classes: int,
    weights: FloatArray | None = None,
    *,
    C: float = 1.0,
    fit_intercept: bool = True,
    tol: float = 1e-7,
    max_iter: int = 100,
    report: Callable[..., bool] | None = None,
) -> tuple[Params, FloatArray, bool]:
    """Newton's method from W = 0: (N, D), (N,), _, (N,) -> _, (_,), _.

    Returns the parameters, the loss before the first step and after each, and whether the last step promised to lower
    it by less than its share `tol`. Calls `report(loss=...)` after each step and ends when that returns True.
    """
    N, D = X.shape
    weights = np.ones(N) if weights is None else weights.astype(np.float64)
    centre = near_mean(X) if fit_intercept else np.zeros(D)
    columns = np.empty((N, D + fit_intercept))
    np.subtract(X, centre, out=columns[:, :D])  # a column around 1e8 could not be told from the column of ones
    columns[:, D:] = 1
    price = np.full(columns.shape[1], 1 / (C * weights.sum()))
    price[D:] = 0
    T = (y == np.arange(n_classes)[:, None]).T  # (N, K), each class contiguous
    problem = Problem(columns, T, weights / weights.sum(), price)

    W: FloatArray = np.zeros((1 if n_classes == 2 else n_classes, len(price)))
    log_p = log_softmax(scores(columns, W))
    L = loss(problem, W, log_p)
    losses, promise, tol = [L], 1.0, max(tol, ROUNDING)
    while promise >= tol and len(losses) <= max_iter and L > 0:
        P = np.exp(log_p)
        g = gradient(problem, W, P)
        d = newton_direction(problem, P, g, precision=min(0.1, promise**0.5))
        slope = float(np.sum(g * d))
        if not np.isfinite(slope):
            raise ValueError(f"the squares of the data overflow: an entry is {np.abs(X).max():g}. Rescale the columns.")
        promise = abs(slope) / 2 / L
        W, log_p, L = line_search(problem, W, L, d, slope)
        losses.append(L)
        if report is not None and report(loss=L):
            break
    coef, intercept = W[:, :D], W[:, D:].sum(axis=1)  # (J, D), (J,)
    return Params(coef, intercept - coef @ centre), np.array(losses), promise < tol


class LogisticRegression(Classifier):
    """Logistic regression for two or more classes, with a price on the squared length of the weights.

    Parameters
    ----------
    C : float
        The inverse of the price: the smaller, the smaller the weights. With `numpy.inf` weights are free.
    tol : float
        The fit ends after a step that promised to lower the loss by less than `tol` times the loss. Near the minimum a
        step squares what is still missing, so the result is far more precise than `tol`.
    max_iter : int
        The most Newton steps.
    fit_intercept : bool
        Whether the classes have intercepts, which are free.
    class_weight : dict, "balanced" or None
        How much a point counts, by its label. "balanced" makes all classes count alike.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    coef_ : ndarray of shape (1, D) for two classes, else (K, D)
        The weights; for two classes those of `classes_[1]`.
    intercept_ : ndarray of shape (1,) or (K,)
        The intercepts; zeros without `fit_intercept`.
    n_iter_ : int
        Newton steps done.
    loss_ : ndarray of shape (n_iter_ + 1,)
        Mean loss per point, price included: before the first step, where it is log K, and after each.

    Notes
    -----
    `C` and the weights agree with scikit-learn's `LogisticRegression`; `tol` is measured differently. Everything is
    computed in float64; float32 data give float32 weights and probabilities.

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
        tol: float = 1e-7,
        max_iter: int = 100,
        fit_intercept: bool = True,
        class_weight: Any = None,
    ) -> None:
        self.C = C
        self.tol = tol
        self.max_iter = max_iter
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight

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

        Warns
        -----
        ConvergenceWarning
            When `max_iter` steps were not enough.
        """
        X, y, weights = self._check_fit(X, y, sample_weight, min_classes=2)
        weights = self._apply_class_weight(y, weights)
        if not self.C > 0:
            raise ValueError(f"C must be more than 0, got {self.C!r}. Try C=1.0; C=numpy.inf makes weights free.")
        if not (self.max_iter >= 1 and self.tol >= 0):
            raise ValueError(f"max_iter must be 1 or more and tol 0 or more, got {self.max_iter!r} and {self.tol!r}.")
        with fit_run(self, total=self.max_iter) as run:
            params, losses, converged = fit(
                X,
                y,
                len(self.classes_),
                weights,
                C=self.C,
                fit_intercept=self.fit_intercept,
                tol=self.tol,
                max_iter=self.max_iter,
                report=run.step,
            )
        self.coef_, self.intercept_ = params.coef.astype(X.dtype), params.intercept.astype(X.dtype)
        self.loss_, self.n_iter_ = losses, len(losses) - 1
        if not converged and run.stopped is None:
            warnings.warn(
                f"LogisticRegression did not converge in max_iter={self.max_iter} steps. Raise it. If the classes can "
                f"be told apart without error, weights grow for ever unless they have a price: lower C={self.C:g}.",
                ConvergenceWarning,
                stacklevel=2,
            )
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
