"""Lasso: least squares that pays for the absolute values of the weights, and so leaves most of them at zero.

"Least absolute shrinkage and selection operator": all weights come out smaller than those of least squares, and only
the features that matter most keep one. It is the elastic net without a price on squares,

    ρ = 1                                                                      (1)

so λ = α, and elastic_net.py, active_set.py and coordinate_descent.py say how the weights are found.

    L(w, b) = ½ Σₙ sₙ (wᵀxₙ + b − yₙ)² + α ‖w‖₁

Why zeros, in the simplest case.  Let the columns be uncorrelated, with variance 1. Then the squares are a sum over the
weights, least squares finds each alone, w°ⱼ = x̃ⱼᵀỹ, and L is lowest where each is moved towards 0 by α, but not beyond:

    wⱼ = sign(w°ⱼ) max(|w°ⱼ| − α, 0)

Ridge with the price α would have w°ⱼ / (1 + α): never 0. The size of a feature's weight is the price at which it goes.

Symbols
-------
    paper   code       shape    meaning
    ρ       l1_ratio   scalar   share of the price that is on absolute values
    α       alpha      scalar   the price

Cost: that of active_set.py.

References
----------
    Tibshirani (1996), "Regression shrinkage and selection via the lasso": with the price as a bound on ‖w‖₁.
    Hastie, Tibshirani & Wainwright (2015), "Statistical learning with sparsity", ch. 2.
Differs from them: points have weights.
"""

from __future__ import annotations

from typing import Any

from pellucid_linear.elastic_net import ElasticNet


class Lasso(ElasticNet):
    """Least squares with a price on the absolute values of the weights.

    Parameters
    ----------
    alpha : float
        The price α, 0 or more. At 0 this is least squares, as in LinearRegression.
    fit_intercept : bool
        Whether there is an intercept b, which costs nothing. Without one the prediction at x = 0 is 0.
    max_iter, tol, warm_start, positive, random_state, selection
        As for `ElasticNet`.

    Attributes
    ----------
    coef_, intercept_, n_iter_, dual_gap_, loss_
        As those of `ElasticNet`.

    Notes
    -----
    As for `ElasticNet`. Of collinear columns which keep a weight is chance.

    Examples
    --------
    >>> X, y = [[-1, 1], [1, 1], [-1, -1], [1, -1]], [-3, 3, -2, 2]
    >>> Lasso(alpha=1).fit(X, y).coef_.round(6)
    array([1.5, 0. ])
    """

    l1_ratio = 1.0  #                                                           (1)

    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-10,
        warm_start: bool = False,
        positive: bool = False,
        random_state: Any = None,
        selection: str = "cyclic",
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.positive = positive
        self.random_state = random_state
        self.selection = selection
