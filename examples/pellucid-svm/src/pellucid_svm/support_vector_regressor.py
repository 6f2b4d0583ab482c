"""Support vector regression: the flattest function that stays within ε of most targets.

Errors of up to ε are free; beyond, each costs its excess times C. With f(x) = wᵀφ(x) + b, and φ the map that belongs to
the kernel,

    minimise ½ ‖w‖² + Σₙ Cₙ max(0, |yₙ − f(xₙ)| − ε),   Cₙ = C sₙ               (1)

So an outlier pulls no harder than its price, and points inside the tube of width 2 ε do not pull at all.

Dual.  As for `support_vector_classifier.py`, with a multiplier for each side of the tube. The best w is again a sum of
points, w = Σₙ (βₙ⁺ + βₙ⁻) φ(xₙ): βₙ⁺ ≥ 0 pulls f up to a target above the tube, βₙ⁻ ≤ 0 pulls it down to one below,
and both are 0 for a target inside. It is problem (1) of `smo.py` with these two copies of each point:

    p⁺ = y − ε,   0 ≤ βₙ⁺ ≤ Cₙ                                                  (2)
    p⁻ = y + ε,   −Cₙ ≤ βₙ⁻ ≤ 0                                                 (3)
    βₙ = βₙ⁺ + βₙ⁻                                                              (4)
    f(x) = Σₙ βₙ k(xₙ, x) + b                                                   (5)

Symbols
-------
    paper   code       shape     meaning
    xₙ      X          (N, D)    data, one row per point
    yₙ      y          (N,)      targets
    ε       epsilon    scalar    what error is free
    C       C          scalar    price of an error
    sₙ      weights    (N,)      how much each point counts
    Cₙ      price      (N,)      price of each point's error
    p       p          (2, N)    p⁺ and p⁻
    βₙ      beta       (N,)      coefficients
    b       intercept  scalar    intercept

Cost: one problem of `smo.py` with two copies of each point. O(N² D) time and O(N²) memory for the kernels, or less
memory and more time: `cache_size`.

References
----------
    Vapnik (1995), "The nature of statistical learning theory".
    Smola & Schölkopf (2004), "A tutorial on support vector regression": (1).
    Chang & Lin (2011), "LIBSVM: a library for support vector machines": two copies of each point.
Differs from them: points have weights; β⁻ has its sign in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from pellucid import Regressor, fit_run
from pellucid.validation import FloatArray

from pellucid_svm import kernels, smo
from pellucid_svm.kernel_machine import KernelMachine, is_number
from pellucid_svm.kernels import Kernel


class Params(NamedTuple):
    beta: FloatArray  # (N,)
    intercept: float


def fit(
    X: FloatArray,
    y: FloatArray,
    weights: FloatArray,
    kernel: Kernel,
    *,
    C: float = 1.0,
    epsilon: float = 0.1,
    tol: float = 1e-3,
    max_iter: int = 100_000,
    cache_size: float = 200.0,
    report: Callable[..., bool] | None = None,
) -> tuple[Params, FloatArray, float]:
    """Solve (1): (N, D), (N,), (N,), _ -> _, (_,), _.

    Returns the parameters, the dual objective before the first step and after each, and the gap that is left. Calls
    `report(loss=..., gap=...)` after each step and ends when that returns True.
    """
    price = C * weights  # (N,)                                                 (1)
    points = np.flatnonzero(price)
    X, y, price, zero = X[points], y[points], price[points], np.zeros(len(points))
    # mutate: sign, factor equivalent because minus zero and twice zero are zero
    above = y - epsilon, zero, price  # p, l and h of β⁺                        (2)
    # mutate: sign, factor equivalent because minus zero and twice zero are zero
    below = y + epsilon, -price, zero  # and of β⁻                              (3)
    p, low, high = np.stack([above, below], axis=1)  # (2, N) each
    solution = smo.solve(
        kernels.rows(kernel, X, cache_size),
        kernels.diagonal(kernel, X),
        p,
        low,
        high,
        tol=tol,
        max_iter=max_iter,
        report=report,
    )
    beta = np.zeros(len(weights))
    beta[points] = solution.beta.sum(axis=0)  #                                 (4)
    return Params(beta, solution.b), solution.losses, solution.gap


class SVR(Regressor, KernelMachine):
    """Support vector regression with a tube in which errors are free.

    Parameters
    ----------
    C : float
        The price of errors: the larger, the closer f follows the targets.
    epsilon : float
        How large an error is free, in the units of the target.
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
        The fit ends when the optimality conditions are violated by no more than this, in the units of the target.
    max_iter : int
        The most steps.
    cache_size : float
        Megabytes for the kernels of all pairs of points. Where they do not fit, rows are made again when needed.

    Attributes
    ----------
    support_ : ndarray of shape (M,)
        Which rows are support vectors.
    support_vectors_ : ndarray of shape (M, D)
        Those rows.
    n_support_ : ndarray of shape (1,)
        How many there are.
    dual_coef_ : ndarray of shape (1, M)
        Their coefficients β.
    intercept_ : ndarray of shape (1,)
        The intercept, float32 if the targets are.
    coef_ : ndarray of shape (1, D)
        The weights w, with the linear kernel only.
    kernel_ : callable
        The kernel, with its parameters as numbers.
    n_iter_ : int
        Steps done.
    loss_ : ndarray of shape (n_iter_ + 1,)
        The dual objective before the first step, where it is 0, and after each.

    Notes
    -----
    Distances and the size of the target count: scale both first, unless their units mean something. Everything is
    computed in float64; float32 data and targets give float32 predictions. A row of weight 2 counts as two rows.

    Results agree with those of scikit-learn's `SVR`, but for two things: there weights have no part in `gamma="scale"`,
    and steps have no limit.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.linspace(-3, 3, 50)[:, None]
    >>> model = SVR(C=10, epsilon=0.05).fit(X, np.sin(X[:, 0]))
    >>> bool(abs(model.predict([[1.5]])[0] - np.sin(1.5)) < 0.06), len(model.support_) < 15
    (True, True)
    """

    def __init__(
        self,
        C: float = 1.0,
        *,
        epsilon: float = 0.1,
        kernel: str | Kernel = "rbf",
        degree: int = 3,
        gamma: str | float = "scale",
        coef0: float = 0.0,
        tol: float = 1e-3,
        max_iter: int = 100_000,
        cache_size: float = 200.0,
    ) -> None:
        self.C = C
        self.epsilon = epsilon
        self.kernel = kernel
        self.degree = degree
        self.gamma = gamma
        self.coef0 = coef0
        self.tol = tol
        self.max_iter = max_iter
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
            When the data are not finite numbers, `X`, `y` and the weights do not fit together, or a parameter is out of
            range.

        Warns
        -----
        ConvergenceWarning
            When `max_iter` steps were not enough, or rounding keeps the optimality conditions from holding.
        """
        given = y
        X, y, weights = self._check_fit(X, y, sample_weight)
        target = np.asarray(given).reshape(-1)  # in its own precision; y has that of X
        self._check_parameters()
        if not (is_number(self.epsilon) and self.epsilon >= 0):
            raise ValueError(f"epsilon must be finite and 0 or more, got {self.epsilon!r}. Try epsilon=0.1.")
        counts = np.ones(len(X)) if weights is None else weights.astype(np.float64)
        points = X.astype(np.float64)
        kernel = self._chosen_kernel(points, counts)
        m = kernels.origin(kernel, points[counts > 0])  # (D,)
        points = points - m
        with fit_run(self) as run:
            params, losses, gap = fit(
                points,
                target.astype(np.float64),
                counts,
                kernel,
                C=self.C,
                epsilon=self.epsilon,
                tol=self.tol,
                max_iter=self.max_iter,
                cache_size=self.cache_size,
                report=run.step,
            )
        self.support_ = np.flatnonzero(params.beta)  # (M,)
        self.support_vectors_ = X[self.support_]  # (M, D)
        self.n_support_ = np.array([len(self.support_)])
        self.dual_coef_ = params.beta[None, self.support_]  # (1, M)
        intercept = np.array([params.intercept - params.beta @ (points @ m)])
        self.intercept_: FloatArray = intercept.astype(np.float32 if target.dtype == np.float32 else np.float64)
        self.kernel_ = kernel
        self.n_iter_ = len(losses) - 1
        self.loss_ = losses
        self._warn_of(gap, self.n_iter_, run)
        return self

    def _coefficients(self) -> FloatArray:
        return self.dual_coef_

    def predict(self, X: Any) -> FloatArray:
        """Return the predicted target of each row of X (N, D): an array (N,)."""
        X = self._check_X(X)
        f: FloatArray = self._sums(X, self.dual_coef_).ravel() + self.intercept_  # (N,)   (5)
        return f.astype(np.result_type(X, self.intercept_), copy=False)
