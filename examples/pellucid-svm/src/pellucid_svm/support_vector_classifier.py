"""Support vector classifier: the widest street between two classes, in the space of a kernel.

Where a line can part two classes, many can. The machine takes the one with the widest street on both sides and no point
in it; where none can, points may stand in the street or beyond, at a price. With y = +1 for one class and −1 for the
other, f(x) = wᵀφ(x) + b, and φ the map that belongs to the kernel,

    minimise ½ ‖w‖² + Σₙ Cₙ max(0, 1 − yₙ f(xₙ)),   Cₙ = C sₙ                   (1)

Half the street is 1 / ‖w‖ wide, and Cₙ is the price of point n, by its weight sₙ. A price counts from |f| = 1 on, where
the street ends: so a small C makes it wide, with many points in it.

Dual.  Call the excess of point n, its maximum in (1), ξₙ: the least number with ξₙ ≥ 0 and ξₙ ≥ 1 − yₙ f(xₙ). Give
these conditions the multipliers μₙ ≥ 0 and αₙ ≥ 0:

    L = ½ ‖w‖² + Σₙ [Cₙ ξₙ − μₙ ξₙ − αₙ (ξₙ − 1 + yₙ f(xₙ))]

At the least L its derivatives by w, b and ξₙ vanish: w = Σₙ αₙ yₙ φ(xₙ), Σₙ αₙ yₙ = 0, and αₙ = Cₙ − μₙ, which is at
most Cₙ. What then is left of L, Σₙ αₙ − ½ ‖w‖², has only kernels in it, and is to be as large as can be. With
βₙ = αₙ yₙ that is problem (1) of `smo.py`, where

    p = y,   lₙ = min(0, Cₙ yₙ),   hₙ = max(0, Cₙ yₙ)                           (2)
    f(x) = Σₙ βₙ k(xₙ, x) + b                                                   (3)

A multiplier is 0 unless its condition just holds (Karush, Kuhn & Tucker), so each point shows where it stands:

    αₙ = 0        yₙ f(xₙ) ≥ 1    outside the street: left out, it changes nothing
    0 < αₙ < Cₙ   yₙ f(xₙ) = 1    on its edge
    αₙ = Cₙ       yₙ f(xₙ) ≤ 1    within, or beyond

The last two are the support vectors. Since the v of `smo.py` is vₙ = b + yₙ − f(xₙ), these lines say that vₙ ≤ b where
βₙ can rise and vₙ ≥ b where it can fall, which is when its fit ends, and vₙ = b on the edges, which is how it finds b.

More than two classes.  There is a machine for each pair of classes (a, b), a before b, with y = +1 for a. Each has a
vote, and the class with the most is predicted, the first of them where several have equally many; a machine that was
not made, for want of points or because the fit was stopped before, has no vote. For a score of each
class, the sum of what its machines say of it breaks ties among votes without ever outweighing one:

    vote: fₐᵦ(x) < 0 is one for b, anything else one for a                      (4)
    gₐ(x) = Σᵦ fₐᵦ(x),   with fᵦₐ = −fₐᵦ                                        (5)
    score of a = its votes + gₐ / (3 (|gₐ| + 1))                                (6)

Symbols
-------
    paper   code       shape     meaning
    xₙ      X          (N, D)    data, one row per point
    yₙ      sign       (N,)      +1 or −1, in the problem of one pair
    C       C          scalar    price of a point on the wrong side
    sₙ      weights    (N,)      how much each point counts
    Cₙ      price      (N,)      price of each point
    l, h    low, high  (1, N)    bounds of its unknown
    βₙ      beta       (P, N)    the unknowns of each of P pairs
    b       intercept  (P,)      intercepts
    fₐᵦ     F          (N, P)    what each pair says of each point
    gₐ      g          (N, K)    what the machines of each class say together

Cost: one problem of `smo.py` for each pair; the number of steps grows with C, and a little faster than N. For a pair of
n points O(n² D) time and O(n²) memory for the kernels, or less memory and more time: `cache_size`.

References
----------
    Cortes & Vapnik (1995), "Support-vector networks".
    Chang & Lin (2011), "LIBSVM: a library for support vector machines": the pairs and their votes.
    Bordes, Ertekin, Weston & Bottou (2005), "Fast kernel classifiers with online and active learning": the bounds (2).
Differs from them: points have weights. (6) is scikit-learn's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pellucid import Classifier, fit_run
from pellucid.validation import FloatArray, IndexArray

from pellucid_svm import kernels, smo
from pellucid_svm.kernel_machine import KernelMachine
from pellucid_svm.kernels import Kernel


class Params(NamedTuple):
    beta: FloatArray  # (P, N)
    intercept: FloatArray  # (P,)


def pairs(n_classes: int) -> list[tuple[int, int]]:
    """(0, 1), (0, 2), ..., (1, 2), ..."""
    return list(itertools.combinations(range(n_classes), 2))


def bounds(sign: FloatArray, price: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What the unknowns may be: (N,), (N,) -> (N,), (N,)."""
    # mutate: operator equivalent because to divide by 1 or by −1 is to multiply by it
    return np.minimum(0, price * sign), np.maximum(0, price * sign)  #          (2)


def fit(
    X: FloatArray,
    y: IndexArray,
    n_classes: int,
    weights: FloatArray,
    kernel: Kernel,
    *,
    C: float = 1.0,
    tol: float = 1e-3,
    max_iter: int = 100_000,
    cache_size: float = 200.0,
    report: Callable[..., bool] | None = None,
) -> tuple[Params, list[FloatArray], float]:
    """Solve (1) for each pair of classes: (N, D), (N,), _, (N,), _ -> _, _, _.

    Returns the parameters, the dual objectives of each pair's steps, and the largest gap that is left. Calls
    `report(loss=..., gap=...)` after each step, with the loss of all pairs so far, and takes no other when that returns
    True. Pairs whose turn had not come then, or that have no points, keep β = 0 and b = 0.
    """
    beta, intercept = np.zeros((len(pairs(n_classes)), len(X))), np.zeros(len(pairs(n_classes)))
    losses: list[FloatArray] = [np.zeros(1)] * len(intercept)
    total = gap = 0.0
    price = C * weights  # (N,)                                                 (1)
    for pair, (a, b) in enumerate(pairs(n_classes)):
        points = np.flatnonzero(((y == a) | (y == b)) & (price > 0))
        if not len(points):
            continue
        sign = np.where(y[points] == a, 1.0, -1.0)
        low, high = bounds(sign, price[points])

        def told(loss: float, gap: float, before: float = total) -> bool:
            return report is not None and report(loss=before + loss, gap=gap)

        solution = smo.solve(
            kernels.rows(kernel, X[points], cache_size),
            kernels.diagonal(kernel, X[points]),
            sign[None],
            low[None],
            high[None],
            tol=tol,
            max_iter=max_iter,
            report=told,
        )
        beta[pair, points], intercept[pair] = solution.beta[0], solution.b
        losses[pair] = solution.losses
        total += solution.losses[-1]
        gap = max(gap, solution.gap)
        if solution.stopped:
            break
    return Params(beta, intercept), losses, gap


def folded(beta: FloatArray, y: IndexArray, n_classes: int) -> FloatArray:
    """Leave out the zeros of pairs that a point is not in: (P, N), (N,), _ -> (K-1, N).

    A point of class c is in the pairs with the other K − 1 classes, and has a row for each, in their order.
    """
    coef = np.zeros((n_classes - 1, beta.shape[1]))
    for pair, (a, b) in enumerate(pairs(n_classes)):
        coef[b - 1, y == a], coef[a, y == b] = beta[pair, y == a], beta[pair, y == b]
    return coef


def unfolded(coef: FloatArray, y: IndexArray) -> FloatArray:
    """The table that was folded: (K-1, N), (N,) -> (P, N)."""
    beta = np.zeros((len(pairs(len(coef) + 1)), len(y)))
    for pair, (a, b) in enumerate(pairs(len(coef) + 1)):
        beta[pair, y == a], beta[pair, y == b] = coef[b - 1, y == a], coef[a, y == b]
    return beta


def votes(F: FloatArray, n_classes: int, silent: Collection[int] = ()) -> FloatArray:
    """How many pairs are for each class, without those that are silent: (N, P), _, _ -> (N, K)."""
    count = np.zeros((len(F), n_classes))
    for pair, (a, b) in enumerate(pairs(n_classes)):
        if pair in silent:
            continue
        for_b = F[:, pair] < 0  # (N,)                                          (4)
        count[:, b] += for_b
        count[:, a] += ~for_b
    return count


def scores(F: FloatArray, n_classes: int, silent: Collection[int] = ()) -> FloatArray:
    """A score of each class: (N, P), _, _ -> (N, K)."""
    g = np.zeros((len(F), n_classes))
    for pair, (a, b) in enumerate(pairs(n_classes)):
        g[:, a] += F[:, pair]  #                                                (5)
        g[:, b] -= F[:, pair]  #                                                (5)
    score: FloatArray = votes(F, n_classes, silent) + g / (3 * (np.abs(g) + 1))  # (N, K)   (6)
    return score


class SVC(Classifier, KernelMachine):
    """Support vector classifier for two or more classes.

    Parameters
    ----------
    C : float
        The price of points in the street or beyond it: the larger, the narrower the street.
    kernel : str or callable
        "rbf", "linear", "poly" or "sigmoid"; or a function of X (N, D) and Y (M, D) that returns the matrix (N, M),
        such as `pellucid_svm.RBF(gamma=0.5)`.
    degree : int
        Degree of "poly".
    gamma : "scale", "auto" or float
        Of "rbf", "poly" and "sigmoid": how fast likeness fades. "scale" is 1 / (D Var X), "auto" is 1 / D.
    coef0 : float
        What "poly" and "sigmoid" add to the inner product.
    tol : float
        The fit of a pair ends when the optimality conditions are violated by no more than this; |f| is 1 at the edge of
        the street.
    max_iter : int
        The most steps for each pair of classes.
    class_weight : dict, "balanced" or None
        How much a point counts, by its label. "balanced" makes all classes count alike, sample weights included.
    decision_function_shape : "ovr" or "ovo"
        Whether `decision_function` has a score for each class or for each pair; two classes have one score.
    break_ties : bool
        Whether `predict` goes by the scores of the classes, and not by votes alone.
    cache_size : float
        Megabytes for the kernels of all pairs of points. Where they do not fit, rows are made again when needed.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    support_ : ndarray of shape (M,)
        Which rows are support vectors, class by class.
    support_vectors_ : ndarray of shape (M, D)
        Those rows.
    n_support_ : ndarray of shape (K,)
        How many there are of each class.
    dual_coef_ : ndarray of shape (K - 1, M)
        The coefficients β: for a support vector of class c those of the pairs with the other classes, in their order.
        For two classes y is +1 for `classes_[1]`, for more it is +1 for the pair's first class.
    intercept_ : ndarray of shape (P,)
        The intercepts of the pairs (0, 1), (0, 2), ..., (1, 2), ...
    coef_ : ndarray of shape (P, D)
        The weights w of each pair, with the linear kernel only.
    kernel_ : callable
        The kernel, with its parameters as numbers.
    n_iter_ : ndarray of shape (P,)
        Steps done for each pair.
    loss_ : ndarray of shape (sum of n_iter_ + 1,)
        The dual objective, summed over the pairs: before the first step, where it is 0, and after each.

    Notes
    -----
    Distances count, so scale the columns alike first, unless their units mean something. Everything is computed in
    float64; float32 data give float32 scores. A row of weight 2 counts as two rows.

    Results agree with those of scikit-learn's `SVC`, but for three things: there sample weights have no part in
    `gamma="scale"`, nor in `class_weight="balanced"`, and steps have no limit.

    Examples
    --------
    >>> model = SVC(kernel="linear").fit([[0], [1], [3], [4]], ["low", "low", "high", "high"])
    >>> model.predict([[0.5], [2.5]]).tolist()
    ['low', 'high']
    >>> model.support_vectors_.tolist()
    [[3.0], [1.0]]
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        kernel: str | Kernel = "rbf",
        degree: int = 3,
        gamma: str | float = "scale",
        coef0: float = 0.0,
        tol: float = 1e-3,
        max_iter: int = 100_000,
        class_weight: Any = None,
        decision_function_shape: str = "ovr",
        break_ties: bool = False,
        cache_size: float = 200.0,
    ) -> None:
        self.C = C
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.decision_function_shape = decision_function_shape
        self.break_ties = break_ties
        self.cache_size = cache_size

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the support vectors; return the model.

        Parameters
        ----------
        X : array-like of shape (N, D)
        y : array-like of shape (N,)
        sample_weight : array-like of shape (N,), optional

        Raises
        ------
        ValueError
            When the data are not finite numbers, `X`, `y` and the weights do not fit together, fewer than two classes
            have points that count, or a parameter is out of range.

        Warns
        -----
        ConvergenceWarning
            When `max_iter` steps were not enough, or rounding keeps the optimality conditions from holding.
        """
        X, y, weights = self._check_fit(X, y, sample_weight, min_classes=2)
        weights = self._apply_class_weight(y, weights)
        self._check_parameters()
        if self.decision_function_shape not in ("ovr", "ovo"):
            raise ValueError(f"decision_function_shape must be 'ovr' or 'ovo', got {self.decision_function_shape!r}.")
        K = len(self.classes_)
        counts = np.ones(len(X)) if weights is None else weights.astype(np.float64)
        if len(np.unique(y[counts > 0])) < 2:
            raise ValueError(
                "SVC needs samples of at least two classes with weights above 0; all others were weighted away."
            )
        points = X.astype(np.float64)
        kernel = self._chosen_kernel(points, counts)
        m = kernels.origin(kernel, points[counts > 0])  # (D,)
        points = points - m
        with fit_run(self) as run:
            params, losses, gap = fit(
                points,
                y,
                K,
                counts,
                kernel,
                C=self.C,
                tol=self.tol,
                max_iter=self.max_iter,
                cache_size=self.cache_size,
                report=run.step,
            )
        flip = -1 if K == 2 else 1
        support = np.flatnonzero(params.beta.any(axis=0))
        self.support_ = support[np.argsort(y[support], kind="stable")]  # (M,)
        self.support_vectors_ = X[self.support_]  # (M, D)
        self.n_support_ = np.bincount(y[self.support_], minlength=K)  # (K,)
        self.dual_coef_ = flip * folded(params.beta, y, K)[:, self.support_]  # (K-1, M)
        self.intercept_ = flip * (params.intercept - params.beta @ (points @ m))  # (P,)
        self.kernel_ = kernel
        self.n_iter_ = np.array([len(trace) - 1 for trace in losses])
        self.loss_ = np.append(0.0, np.cumsum(np.concatenate([np.diff(trace) for trace in losses])))
        self._warn_of(gap, int(self.n_iter_.max()), run)
        return self

    def _coefficients(self) -> FloatArray:
        return unfolded(self.dual_coef_, np.repeat(np.arange(len(self.classes_)), self.n_support_))

    def _pair_scores(self, X: FloatArray) -> FloatArray:
        """What each pair says of each row: (N, D) -> (N, P)."""
        F: FloatArray = self._sums(X, self._coefficients()) + self.intercept_  # (N, P)   (3)
        return F

    def _silent(self) -> list[int]:
        """The pairs that were not fitted, and have no opinion."""
        fitted = self._coefficients().any(axis=1) | (self.intercept_ != 0)  # (P,)
        found: list[int] = np.flatnonzero(~fitted).tolist()
        return found

    def decision_function(self, X: Any) -> FloatArray:
        """Return the scores of each row of X (N, D).

        For two classes an array (N,), above 0 for `classes_[1]`; for more an array (N, K), or (N, P) with
        `decision_function_shape="ovo"`, above 0 for the first class of the pair.
        """
        X = self._check_X(X)
        F = self._pair_scores(X)
        if len(self.classes_) == 2:
            F = F[:, 0]
        elif self.decision_function_shape == "ovr":
            F = scores(F, len(self.classes_), self._silent())
        return F.astype(X.dtype, copy=False)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of each row of X (N, D): an array (N,)."""
        F = self._pair_scores(self._check_X(X))
        K = len(self.classes_)
        if K == 2:
            best = (F[:, 0] > 0).astype(np.int64)
        else:
            best = (scores if self.break_ties else votes)(F, K, self._silent()).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels
