"""Regularization path: the weights of the lasso and the elastic net for every price, from nothing to nearly all.

At the price α_max of elastic_net.py all weights are 0. As the price falls features come in one after the other, and the
weights move little between two prices that are close. So the prices fall from α_max to its share ε, each a constant
fraction of the one before,

    α_k = α_max ε^(k / (K − 1)),   k = 0 … K − 1                               (1)

and each fit begins at the weights of the last one: most need a single round. What can be summed up over the rows is
summed up once for all prices.

Symbols
-------
    paper   code      shape    meaning
    α_k     alphas    (K,)     prices, falling
    ε       eps       scalar   the last price is this share of the first
    K       n_alphas  scalar   how many prices

Cost: O(N D²) once if N ≥ D, and then O(D R) for each price with R weights that are not 0; else O(N D) for each price.

References
----------
    Friedman, Hastie & Tibshirani (2010), "Regularization paths for generalized linear models via coordinate descent",
        sec. 2.5: (1), and that each fit begins where the last one ended.
Differs from it: nothing.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pellucid import ConvergenceWarning
from pellucid.validation import FloatArray, check_array, check_rows, check_sample_weight, check_target
from pellucid_linear import active_set
from pellucid_linear.active_set import Rows, Sums, Trace
from pellucid_linear.elastic_net import alpha_max, check_l1_ratio, prices
from pellucid_linear.parameters import check_steps


def grid(data: Rows | Sums, l1_ratio: float, eps: float, n_alphas: int, *, positive: bool = False) -> FloatArray:
    """Prices that fall from α_max: _ -> (_,)."""
    if l1_ratio == 0:
        raise ValueError("without a price on absolute values (l1_ratio=0) there is no highest price. Pass alphas.")
    if not (0 < eps <= 1 and n_alphas >= 1):
        raise ValueError(f"eps must be between 0 and 1 and n_alphas 1 or more, got {eps!r} and {n_alphas!r}.")
    alphas: FloatArray = alpha_max(data, l1_ratio, positive=positive) * eps ** np.linspace(0, 1, n_alphas)  #   (1)
    return alphas


def follow(
    data: Rows | Sums,
    alphas: FloatArray,
    l1_ratio: float,
    *,
    tol: float = 1e-10,
    max_iter: int = 1000,
    positive: bool = False,
) -> tuple[FloatArray, list[Trace]]:
    """The weights for each price, one after the other: _, (K,) -> (K, D), _."""
    w, coefs, traces = np.zeros_like(data.c), [], []
    for alpha in alphas.tolist():
        w, trace = active_set.fit(data, *prices(alpha, l1_ratio), w, tol=tol, max_iter=max_iter, positive=positive)
        coefs.append(w)
        traces.append(trace)
    return np.array(coefs), traces


def enet_path(
    X: Any,
    y: Any,
    *,
    l1_ratio: float = 0.5,
    eps: float = 1e-3,
    n_alphas: int = 100,
    alphas: Any = None,
    sample_weight: Any = None,
    fit_intercept: bool = False,
    positive: bool = False,
    tol: float = 1e-10,
    max_iter: int = 1000,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The weights of the elastic net for falling prices.

    Parameters
    ----------
    X : array-like of shape (N, D)
    y : array-like of shape (N,)
        One target.
    l1_ratio : float
        Which share of the price is on absolute values, from 0 to 1.
    eps : float
        The last price, as a share of the first.
    n_alphas : int
        How many prices, if `alphas` is not given.
    alphas : array-like of shape (K,), optional
        The prices; they are put in falling order. By default they begin at the lowest price that leaves no weight.
    sample_weight : array-like of shape (N,), optional
    fit_intercept : bool
        Whether X and y are centred first. As in scikit-learn they are not, unless asked for.
    positive : bool
        Whether weights below 0 are forbidden.
    tol, max_iter : float, int
        As for `ElasticNet`, for each price.

    Returns
    -------
    alphas : ndarray of shape (K,)
        The prices, falling.
    coefs : ndarray of shape (D, K)
        The weights, one column per price.
    dual_gaps : ndarray of shape (K,)
        The loss is above its minimum by no more than this.

    Raises
    ------
    ValueError
        When the data are not finite numbers, do not fit together, or a parameter is out of its range.

    Warns
    -----
    ConvergenceWarning
        When `max_iter` rounds were not enough for one of the prices.

    Examples
    --------
    >>> X, y = [[-1, 1], [1, 1], [-1, -1], [1, -1]], [-3, 3, -2, 2]
    >>> alphas, coefs, _ = enet_path(X, y, l1_ratio=1, alphas=[3, 2, 1, 0.1])
    >>> coefs.round(6)
    array([[0. , 0.5, 1.5, 2.4],
           [0. , 0. , 0. , 0. ]])
    """
    X = check_array(X, name="enet_path")
    y = check_target(y, name="enet_path", dtype=X.dtype)
    check_rows(len(X), y)
    weights = check_sample_weight(sample_weight, len(X), name="enet_path", dtype=X.dtype)
    check_l1_ratio(l1_ratio)
    check_steps(max_iter, tol)
    given = None if alphas is None else np.sort(np.asarray(alphas, dtype=np.float64).ravel())[::-1]
    if given is not None and not (len(given) and np.isfinite(given).all() and given[-1] >= 0):
        raise ValueError(f"alphas must be finite and 0 or more, one at least, got {alphas!r}.")
    n_fits = n_alphas if given is None else len(given)
    data = active_set.prepare(X, y[:, None], weights, fit_intercept=fit_intercept, n_fits=n_fits).targets[0]
    falling = grid(data, l1_ratio, eps, n_alphas, positive=positive) if given is None else given
    coefs, traces = follow(data, falling, l1_ratio, tol=tol, max_iter=max_iter, positive=positive)
    unfinished = falling[[not trace.converged for trace in traces]]
    if len(unfinished):
        warnings.warn(
            f"max_iter={max_iter} rounds were not enough for {len(unfinished)} of {len(falling)} prices, the first "
            f"of them {unfinished[0]:.3g}. Raise max_iter, or tol={tol:g}.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return falling, coefs.T.astype(X.dtype), np.array([trace.gap for trace in traces])


def lasso_path(
    X: Any,
    y: Any,
    *,
    eps: float = 1e-3,
    n_alphas: int = 100,
    alphas: Any = None,
    sample_weight: Any = None,
    fit_intercept: bool = False,
    positive: bool = False,
    tol: float = 1e-10,
    max_iter: int = 1000,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The weights of the lasso for falling prices: `enet_path` with `l1_ratio` 1, and the same parameters and results.

    Examples
    --------
    >>> alphas, coefs, dual_gaps = lasso_path([[1, 0], [0, 1]], [4, 2], n_alphas=3, eps=0.25)
    >>> alphas, coefs
    (array([2. , 1. , 0.5]), array([[0., 2., 3.],
           [0., 0., 1.]]))
    """
    return enet_path(
        X,
        y,
        l1_ratio=1.0,
        eps=eps,
        n_alphas=n_alphas,
        alphas=alphas,
        sample_weight=sample_weight,
        fit_intercept=fit_intercept,
        positive=positive,
        tol=tol,
        max_iter=max_iter,
    )
