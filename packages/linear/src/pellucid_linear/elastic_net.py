"""Elastic net: least squares that pays for large weights, and for every weight that is not zero.

Ridge regression shrinks all weights and drops none. A price on their absolute values instead, the lasso, sets most of
them to exactly 0 and so chooses features; but of features that go together it keeps one, and which one is chance. The
elastic net pays both prices: it chooses, and keeps such features together. The intercept b is free, and sₙ, the share
of point n, sums to 1.

    L(w, b) = ½ Σₙ sₙ (wᵀxₙ + b − yₙ)² + λ ‖w‖₁ + ½ μ ‖w‖²                      (1)
    λ = αρ,   μ = α (1 − ρ)                                                    (2)

Why zeros.  |wⱼ| rises with slope 1 on both sides of 0, so a weight leaves 0 only where the squares fall with a slope of
more than λ. At w = 0 they fall with the slope x̃ⱼᵀỹ, for columns X̃ and a target ỹ that are centred and weighted. So the
lowest α that leaves nothing is

    α_max = maxⱼ |x̃ⱼᵀỹ| / ρ                                                    (3)

Below it active_set.py finds the weights, from the few columns that matter. As in linear_regression.py, ∂L/∂b = 0 gives

    b = ȳ − wᵀx̄                                                                (4)

With λ = 0 there are no zeros, and L is that of ridge.py, whose points do not have shares but weights with a sum S:

    α_ridge = μ S                                                              (5)

With `positive`, weights below 0 are forbidden, and (3) is without | |.

Symbols
-------
    paper   code       shape    meaning
    xₙ      X          (N, D)   data, one row per point
    yₙ      Y          (N, T)   targets, one column each, and each is fitted alone
    sₙ, S   weights    (N,)     how much each point counts, divided by the sum of all, S
    α       alpha      scalar   the price
    ρ       l1_ratio   scalar   which share of it is on absolute values; 1 is the lasso
    λ, μ    lam, mu    scalar   price of absolute values, of squares
    w       coef       (T, D)   weights, one row per target
    b       intercept  (T,)     the prediction at x = 0

Cost: that of active_set.py: a few times O(N D) where few columns matter.

References
----------
    Tibshirani (1996), "Regression shrinkage and selection via the lasso".
    Zou & Hastie (2005), "Regularization and variable selection via the elastic net": L without the shares; what it
        calls the elastic net are these weights times 1 + μ, and L is its naive elastic net.
Differs from them: points have weights, and targets are fitted one by one.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from pellucid import ConvergenceWarning, Regressor, fit_run
from pellucid.validation import FloatArray, check_rng, is_number
from pellucid_linear import active_set, ridge
from pellucid_linear.active_set import Trace
from pellucid_linear.linear_regression import Params, predict
from pellucid_linear.parameters import check_steps


def loss(X: FloatArray, Y: FloatArray, share: FloatArray, params: Params, lam: float, mu: float) -> FloatArray:
    """L of each target: (N, D), (N, T), (N,), _, _, _ -> (T,)."""
    w, b = params
    squares = share @ (X @ w.T + b - Y) ** 2  # (T,)
    total: FloatArray = 0.5 * squares + lam * np.abs(w).sum(axis=1) + 0.5 * mu * (w**2).sum(axis=1)  #   (1)
    return total


def prices(alpha: float, l1_ratio: float) -> tuple[float, float]:
    """λ and μ."""
    return alpha * l1_ratio, alpha * (1 - l1_ratio)  #                          (2)


def alpha_max(data: active_set.Rows | active_set.Sums, l1_ratio: float, *, positive: bool = False) -> float:
    """The lowest α at which all weights are 0."""
    largest = float(np.max(data.c if positive else np.abs(data.c), initial=0.0))
    alpha = largest / l1_ratio  #                                               (3)
    return alpha if alpha * l1_ratio >= largest else float(np.nextafter(alpha, np.inf))  # not undone by rounding


def closed_form(
    X: FloatArray, Y: FloatArray, weights: FloatArray | None, mu: float, *, fit_intercept: bool
) -> tuple[Params, list[Trace]]:
    """Minimise L with λ = 0: (N, D), (N, T), (N,), _ -> _, _."""
    if weights is not None and not weights.all():
        X, Y, weights = X[weights > 0], Y[weights > 0], weights[weights > 0]
    (N, D), T = X.shape, Y.shape[1]
    S = N if weights is None else float(weights.sum(dtype=np.float64))
    params = ridge.fit(X, Y, np.full(T, mu * S), weights, fit_intercept=fit_intercept)  #   (5)
    share = np.full(N, 1 / N) if weights is None else weights / S  # (N,)
    nothing = Params(np.zeros((T, D)), share @ Y if fit_intercept else np.zeros(T))
    losses = np.array([loss(X, Y, share, one, 0.0, mu) for one in (nothing, params)])  # (2, T)
    return params, [Trace(of_target, 0.0, True) for of_target in losses.T]


def fit(
    X: FloatArray,
    Y: FloatArray,
    weights: FloatArray | None = None,
    *,
    alpha: float = 1.0,
    l1_ratio: float = 0.5,
    fit_intercept: bool = True,
    tol: float = 1e-10,
    max_iter: int = 1000,
    start: FloatArray | None = None,
    positive: bool = False,
    rng: np.random.Generator | None = None,
    report: Callable[[Params, list[Trace]], bool] | None = None,
) -> tuple[Params, list[Trace]]:
    """Minimise L for each target, from w = `start` (T, D), or from 0: (N, D), (N, T), (N,) -> _, _.

    Calls `report(params, traces)` after each round, with the traces of the targets so far, and ends when that returns
    True: later targets then stay where they are.
    """
    lam, mu = prices(alpha, l1_ratio)
    if lam == 0 and not positive:
        params, traces = closed_form(X, Y, weights, mu, fit_intercept=fit_intercept)
        if report is not None:
            report(params, traces)
        return params, traces
    data = active_set.prepare(X, Y, weights, fit_intercept=fit_intercept)
    coef = np.zeros((Y.shape[1], X.shape[1])) if start is None else start.astype(np.float64)  # (T, D)
    traces, stopped = [], False

    def params_of(coef: FloatArray) -> Params:
        return Params(coef, data.y_mean - coef @ data.x_mean)  # (T,)           (4)

    for t, target in enumerate(data.targets):

        def report_target(w: FloatArray, trace: Trace, t: int = t) -> bool:
            nonlocal stopped
            so_far = np.vstack([coef[:t], w, coef[t + 1 :]])
            stopped = report is not None and report(params_of(so_far), [*traces, trace])
            return stopped

        coef[t], trace = active_set.fit(
            target,
            lam,
            mu,
            coef[t],
            tol=tol,
            max_iter=0 if stopped else max_iter,
            positive=positive,
            rng=rng,
            report=report_target,
        )
        traces.append(trace)
    return params_of(coef), traces


def check_l1_ratio(l1_ratio: Any) -> None:
    """Raise where it is not said which share of the price is for |w|."""
    if not (is_number(l1_ratio) and 0 <= l1_ratio <= 1):
        raise ValueError(f"l1_ratio must be a number from 0 to 1, got {l1_ratio!r}. 1 is the lasso, 0 is ridge.")


class ElasticNet(Regressor):
    """Least squares with a price on the absolute values and on the squares of the weights.

    Parameters
    ----------
    alpha : float
        The price α, 0 or more. At 0 this is least squares, as in LinearRegression.
    l1_ratio : float
        Which share of it, from 0 to 1, is on absolute values: 0 is Ridge, with a price of `alpha` times the sum of the
        sample weights; 1 is Lasso.
    fit_intercept : bool
        Whether there is an intercept b, which costs nothing. Without one the prediction at x = 0 is 0.
    max_iter : int
        The most rounds for one target.
    tol : float
        The fit ends when the loss is known to be above its minimum by no more than `tol` times the mean square of the
        centred target.
    warm_start : bool
        Whether the next fit begins at the weights of the last one.
    positive : bool
        Whether weights below 0 are forbidden.
    random_state : None, int or Generator
        For the order, if `selection` is "random".
    selection : {"cyclic", "random"}
        In which order a sweep of coordinate descent goes through the weights. The result is the same.

    Attributes
    ----------
    coef_ : ndarray of shape (D,), or (T, D) when `y` has T columns
        The weights; many are exactly 0.
    intercept_ : float, or ndarray of shape (T,)
        The intercept; 0 without `fit_intercept`.
    n_iter_ : int, or list of T ints
        Rounds done.
    dual_gap_ : float, or ndarray of shape (T,)
        The loss is above its minimum by no more than this; 0 where nothing is paid for absolute values.
    loss_ : ndarray of shape (n_iter_ + 1,), or list of T such
        The loss: before the first round and after each.

    Notes
    -----
    The price is that of scikit-learn's `ElasticNet`. `tol` has the same meaning and a lower default: a round ends at an
    exact minimum, so precision costs little. The sums are taken in float64; float32 data give float32 weights. Weights
    depend on the units of the columns: scale them alike first, unless their units mean something. With collinear
    columns and `l1_ratio` 1 several sets of weights may be equally good; this is one of them.

    Examples
    --------
    >>> X, y = [[-1, 1], [1, 1], [-1, -1], [1, -1]], [-3, 3, -2, 2]
    >>> ElasticNet(alpha=1, l1_ratio=0.5).fit(X, y).coef_.round(6)
    array([1.333333, 0.      ])
    """

    _multi_output = True
    l1_ratio: float
    n_iter_: int | list[int]
    loss_: FloatArray | list[FloatArray]

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-10,
        warm_start: bool = False,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
    ) -> None:
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive
        self.random_state = random_state
        self.selection = selection

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
            When the data are not finite numbers, `X`, `y` and the weights do not fit together, or a parameter is out of
            its range.

        Warns
        -----
        ConvergenceWarning
            When `max_iter` rounds were not enough.
        """
        self._check_params()
        X, y, weights = self._check_fit(X, y, sample_weight)
        Y = y.reshape(len(y), -1)  # (N, T)
        start = self._start((Y.shape[1], X.shape[1]))
        latest: list[tuple[Params, list[Trace]]] = []

        def report(params: Params, traces: list[Trace]) -> bool:
            latest[:] = [(params, traces)]
            return run.step(loss=float(traces[-1].losses[-1]), dual_gap=traces[-1].gap)

        def snapshot() -> ElasticNet:
            return copy.copy(self)._store(*latest[0], X.dtype, y.ndim)

        with fit_run(self, total=self.max_iter * Y.shape[1], snapshot=snapshot) as run:
            params, traces = fit(
                X,
                Y,
                weights,
                alpha=self.alpha,
                l1_ratio=self.l1_ratio,
                fit_intercept=self.fit_intercept,
                tol=self.tol,
                max_iter=self.max_iter,
                start=start,
                positive=self.positive,
                rng=check_rng(self.random_state) if self.selection == "random" else None,
                report=report,
            )
        self._store(params, traces, X.dtype, y.ndim)
        if not all(trace.converged for trace in traces) and run.stopped is None:
            warnings.warn(
                f"{type(self).__name__} did not converge in max_iter={self.max_iter} rounds: the loss may be above its "
                f"minimum by {max(trace.gap for trace in traces):.3g}. Raise max_iter, or tol={self.tol:g}.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _check_params(self) -> None:
        if not (is_number(self.alpha) and 0 <= self.alpha < np.inf):
            raise ValueError(f"alpha must be a number, finite and 0 or more, got {self.alpha!r}. Try alpha=1.0.")
        check_l1_ratio(self.l1_ratio)
        check_steps(self.max_iter, self.tol)
        if self.selection not in ("cyclic", "random"):
            raise ValueError(f"selection must be 'cyclic' or 'random', got {self.selection!r}.")

    def _start(self, shape: tuple[int, int]) -> FloatArray | None:
        """The weights to begin at, for a warm start."""
        if not (self.warm_start and hasattr(self, "coef_")):
            return None
        coef: FloatArray = np.atleast_2d(self.coef_)
        if coef.shape != shape:
            self._forget()
            raise ValueError(
                f"warm_start begins at the weights of the last fit, which have shape {coef.shape} (targets, features), "
                f"but these data need {shape}. Set warm_start=False."
            )
        return coef

    def _store(self, params: Params, traces: list[Trace], dtype: Any, ndim: int) -> Self:
        one = ndim == 1
        coef, intercept = (params.coef[0], params.intercept[0]) if one else params
        n_iter, losses, gaps = [len(t.losses) - 1 for t in traces], [t.losses for t in traces], [t.gap for t in traces]
        self.coef_, self.intercept_ = coef.astype(dtype), intercept.astype(dtype)
        self.n_iter_, self.loss_ = (n_iter[0], losses[0]) if one else (n_iter, losses)
        self.dual_gap_ = gaps[0] if one else np.array(gaps)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return the predicted target of each row of X (N, D): an array (N,) or (N, T)."""
        X = self._check_X(X)
        return predict(X, self.coef_, self.intercept_)
