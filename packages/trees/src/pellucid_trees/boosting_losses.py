"""Losses of boosting: how far a score is off, which way is down, and how far to go.

A point with target y and score F has the loss L(y, F). Boosting needs to know for each loss the slope, with the sign
that leads down, and for the points of a leaf the one step γ that is best for all of them. With r = y − F,

    loss                  L                                   g = −∂L/∂F
    squared error         ½ r²                                r                                (1)
    absolute error        |r|                                 sign r                           (2)
    quantile              α r if r > 0 else (α − 1) r         α if r > 0, α − 1 if r < 0       (3)
    Huber                 ½ r² if |r| ≤ δ else δ |r| − ½ δ²   r, cut at −δ and δ               (4)

For two classes y is 0 or 1, and F is the log of the odds of class 1; the sign that y asks for is ± = 2y − 1. For K
classes there are K scores, and y = (y₁, ..., y_K) is 1 for the point's class and 0 for the others:

    log-loss, 2 classes   log(1 + e^(∓F))                     y − p = ± / (1 + e^(±F))         (5)
    log-loss, K classes   −Σₖ yₖ log pₖ                       yₖ − pₖ                          (6)
    exponential           e^(∓F)                              ± e^(∓F)                         (7)

The probability p of class 1, or pₖ of class k, is the one for which no other F has a smaller expected loss; for the
three losses, in this order,

    p = σ(F) = 1 / (1 + e⁻ᶠ);   pₖ = e^(Fₖ) / Σⱼ e^(Fⱼ);   p = σ(2F)                           (8)

Huber's δ is set anew for each tree, so that a share α of the points counts as ordinary and the rest as outliers:

    δ = weighted α-quantile of all |rₙ|                                                        (9)

The best step.  γ makes Σₙ sₙ L(yₙ, Fₙ + γ) smallest over the points of a leaf; sₙ says how much each one counts. For
squared error, where ∂/∂γ = Σₙ sₙ (γ − rₙ), it is the mean of r; for absolute error and quantile the sum falls until
half of the weight, or the share α of it, lies below γ:

    γ = Σₙ sₙ gₙ / Σₙ sₙ                                                                      (10)
    γ = weighted ½- or α-quantile of the rₙ                                                   (11)

For Huber there is no such formula. Friedman takes the median m and goes from there by the mean slope:

    γ = m + Σₙ sₙ cut(rₙ − m) / Σₙ sₙ                                                         (12)

For classes he takes one step of Newton's method: to the minimum of the parabola that has the slope and the curvature of
the sum at γ = 0. With h = ∂²L/∂F²,

    γ = c Σₙ sₙ gₙ / Σₙ sₙ hₙ                                                                 (13)
    h = p (1 − p) = |g| (1 − |g|) for log-loss;   h = |g| for exponential                     (14)

with c = (K − 1) / K for K > 2 scores, since they step at the same time, and c = 1 otherwise. (14) holds for each pₖ.

The start.  F is at first the same for all points, by the same rule: the mean, the weighted median or quantile; and for
classes, of which p̄ is the weighted share,

    F₀ = log(p̄ / (1 − p̄));   F₀ₖ = log p̄ₖ, less their mean;   F₀ = ½ log(p̄ / (1 − p̄))        (15)

Symbols
-------
    paper    code       shape    meaning
    y        T          (J, N)   targets; one row, or one for each of K > 2 classes
    F        F          (J, N)   scores
    g        g          (N,)     slope downwards, one row of `downhill`
    h        curvature  (N,)     second derivative
    γ        step       (M,)     best step of each node of a tree, 0 where it has no points
    sₙ       s          (N,)     how much each point counts, more than 0; None: all the same
    δ, α     a          scalar   δ for Huber, α for quantile, of no use to others

Cost: O(J N) time and memory; O(N log N) time for quantiles.

References
----------
    Friedman (2001), "Greedy function approximation: a gradient boosting machine", sec. 4: (1), (2), (4)-(6), their
    steps and starts. His F of two classes is half of ours.
    Koenker & Bassett (1978), "Regression quantiles": (3).
    Friedman, Hastie & Tibshirani (2000), "Additive logistic regression": (7), and (13) for classes.
Differs from them: points have weights; a quantile is the middle of all that are equally good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from pellucid.validation import FloatArray, IndexArray

FLATTEST = 1e-150  # a sum of curvatures below this is 0, and so is the step
SMALLEST = float(np.finfo(np.float64).eps)  # a share of a class


# -- sums and quantiles --------------------------------------------------------------------------------------------


def mean(x: FloatArray, s: FloatArray | None, leaf: IndexArray, M: int) -> FloatArray:
    """Weighted mean of the points of each node, 0 where there are none: (N,), (N,), (N,), _ -> (M,)."""
    return ratio(summed(x, s, leaf, M), summed(np.ones(len(x)), s, leaf, M))


def summed(x: FloatArray, s: FloatArray | None, leaf: IndexArray, M: int) -> FloatArray:
    """Weighted sum over the points of each node: (N,), (N,), (N,), _ -> (M,)."""
    total: FloatArray = np.bincount(leaf, x if s is None else s * x, M).astype(np.float64, copy=False)
    return total


def ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    """a / b, and 0 where b is nothing: (M,), (M,) -> (M,)."""
    there = np.abs(b) > FLATTEST
    return np.divide(a, b, out=np.zeros(len(a)), where=there)


def quantile(x: FloatArray, s: FloatArray | None, q: float, leaf: IndexArray, M: int) -> FloatArray:
    """Weighted quantile of the points of each node, 0 where there are none: (N,), (N,), _, (N,), _ -> (M,)."""
    order = np.argsort(x)
    small = np.min_scalar_type(M)  # short numbers are sorted by their digits
    order = order.take(leaf.take(order).astype(small).argsort(kind="stable"))  # by node, then by value
    x, count = x.take(order), np.bincount(leaf, minlength=M)
    below = np.cumsum(np.ones(len(x)) if s is None else s.take(order))  # weight up to and with each point
    last = np.cumsum(count) - 1  # (M,)
    there = np.flatnonzero(count)
    end = below.take(last[there])
    begin = np.append(0.0, end[:-1])
    goal = begin + q * (end - begin)
    lower = np.searchsorted(below, goal)  # the first with at least the share q, and with more than that
    upper = np.minimum(np.searchsorted(below, goal, side="right"), last[there])
    found = np.zeros(M)
    found[there] = x.take(lower) / 2 + x.take(upper) / 2
    return found


def of_all(x: FloatArray, s: FloatArray | None, q: float) -> FloatArray:
    """Weighted quantile of all points: (1, N), (N,), _ -> (1,)."""
    return quantile(x.ravel(), s, q, np.zeros(x.size, np.int64), 1)


# -- regression ----------------------------------------------------------------------------------------------------


def residual(T: FloatArray, F: FloatArray, a: float = 0.0) -> FloatArray:
    r: FloatArray = T - F  #                                                                         (1)
    return r


def squared_error(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    r = residual(T, F)
    L: FloatArray = 0.5 * r**2  #                                                                    (1)
    return L


def sign(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    g: FloatArray = np.sign(residual(T, F))  #                                                       (2)
    return g


def absolute_error(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    r = residual(T, F)
    L: FloatArray = np.abs(r)  #                                                                     (2)
    return L


def tilted_sign(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    g: FloatArray = a * (T > F) + (a - 1) * (T < F)  #                                               (3)
    return g


def tilted(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    r = residual(T, F)
    L: FloatArray = np.maximum(a * r, (a - 1) * r)  #                                                (3)
    return L


def cut(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    r = residual(T, F)
    g: FloatArray = np.minimum(np.maximum(r, -a), a)  #                                              (4)
    return g


def huber(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    r = np.abs(residual(T, F))
    # mutate: boundary equivalent because the two pieces meet there
    L: FloatArray = np.where(r <= a, 0.5 * r**2, a * (r - 0.5 * a))  #                               (4)
    return L


def given(T: FloatArray, F: FloatArray, s: FloatArray | None, alpha: float) -> float:
    """What a loss without a parameter of its own has for a."""
    return alpha


def outlier(T: FloatArray, F: FloatArray, s: FloatArray | None, alpha: float) -> float:
    """Huber's δ, as long as these are the scores."""
    r = np.abs(residual(T, F))
    return float(of_all(r, s, alpha).item())  #                                                      (9)


# -- classes -------------------------------------------------------------------------------------------------------


def log_loss(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    """L for two classes, written so that nothing overflows."""
    m = (2 * T - 1) * F
    L: FloatArray = np.log(1 + np.exp(-np.abs(m))) - np.minimum(m, 0)  #                             (5)
    return L


def surprise(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    y = 2 * T - 1
    with np.errstate(over="ignore"):  # 1 / ∞ is right
        g: FloatArray = y / (1 + np.exp(y * F))  #                                                   (5)
    return g


def log_softmax(F: FloatArray) -> FloatArray:
    """Log probabilities of K classes: (K, N) -> (K, N)."""
    F = F - F.max(axis=0)
    log_p: FloatArray = F - np.log(np.exp(F).sum(axis=0))  #                                         (8)
    return log_p


def softmax(F: FloatArray) -> FloatArray:
    """Probabilities of K classes: (K, N) -> (K, N)."""
    return np.exp(log_softmax(F))  #                                                                 (8)


def multinomial(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    L: FloatArray = -T * log_softmax(F)  #                                                           (6)
    return L


def surprises(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    return T - softmax(F)  #                                                                         (6)


def exponential(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    with np.errstate(over="ignore"):
        L: FloatArray = np.exp((1 - 2 * T) * F)  #                                                   (7)
    return L


def exponential_slope(T: FloatArray, F: FloatArray, a: float) -> FloatArray:
    y = 2 * T - 1
    with np.errstate(over="ignore"):
        g: FloatArray = y * np.exp(-y * F)  #                                                        (7)
    return g


def sigmoid(F: FloatArray) -> FloatArray:
    """Probabilities of both classes: (1, N) -> (2, N)."""
    with np.errstate(over="ignore"):
        p: FloatArray = 1 / (1 + np.exp(np.vstack([F, -F])))  #                                      (8)
    return p


def sigmoid_of_twice(F: FloatArray) -> FloatArray:
    return sigmoid(2 * F)  #                                                                         (8)


# -- the best step -------------------------------------------------------------------------------------------------


class Leaves(NamedTuple):
    """The points of a stage, and the leaf of the new tree that each one is in."""

    t: FloatArray  # (N,)
    f: FloatArray  # (N,)
    g: FloatArray  # (N,)
    s: FloatArray | None  # (N,)
    leaf: IndexArray  # (N,)
    M: int  # nodes


def to_mean(at: Leaves, a: float, J: int) -> FloatArray:
    return mean(at.g, at.s, at.leaf, at.M)  #                                                       (10)


def to_median(at: Leaves, a: float, J: int) -> FloatArray:
    return quantile(at.t - at.f, at.s, 0.5, at.leaf, at.M)  #                                       (11)


def to_quantile(at: Leaves, a: float, J: int) -> FloatArray:
    return quantile(at.t - at.f, at.s, a, at.leaf, at.M)  #                                         (11)


def past_median(at: Leaves, a: float, J: int) -> FloatArray:
    m = to_median(at, a, J)
    rest = np.clip(at.t - at.f - m.take(at.leaf), -a, a)
    return m + mean(rest, at.s, at.leaf, at.M)  #                                                   (12)


def bernoulli(g: FloatArray) -> FloatArray:
    h: FloatArray = np.abs(g) * (1 - np.abs(g))  #                                                  (14)
    return h


def modulus(g: FloatArray) -> FloatArray:
    return np.abs(g)  #                                                                             (14)


def newton(curvature: Callable[[FloatArray], FloatArray]) -> Callable[[Leaves, float, int], FloatArray]:
    """The step that goes to the minimum of a parabola."""

    def to_vertex(at: Leaves, a: float, J: int) -> FloatArray:
        c = (J - 1) / J if J > 1 else 1.0
        slope = c * summed(at.g, at.s, at.leaf, at.M)
        return ratio(slope, summed(curvature(at.g), at.s, at.leaf, at.M))  #                        (13)

    return to_vertex


# -- the start -----------------------------------------------------------------------------------------------------


def start_at_mean(T: FloatArray, s: FloatArray | None, a: float) -> FloatArray:
    return np.average(T, axis=1, weights=s)  #                                                      (10)


def start_at_quantile(T: FloatArray, s: FloatArray | None, a: float) -> FloatArray:
    return of_all(T, s, a)  #                                                                       (11)


def start_at_median(T: FloatArray, s: FloatArray | None, a: float) -> FloatArray:
    return start_at_quantile(T, s, 0.5)  #                                                          (11)


def link(P: FloatArray) -> FloatArray:
    """Scores from probabilities of K classes, one score for K = 2: (K, N) -> (J, N)."""
    log_p = np.log(np.clip(P, SMALLEST, 1 - SMALLEST))
    return log_p[1:] - log_p[:1] if len(P) == 2 else log_p - log_p.mean(axis=0)  #                  (15)


def half_link(P: FloatArray) -> FloatArray:
    """`link` of the exponential loss: (2, N) -> (1, N)."""
    return link(P) / 2  #                                                                           (15)


def shares(T: FloatArray, s: FloatArray | None) -> FloatArray:
    """Weighted share of each class, of both for one row of targets: (J, N), (N,) -> (K, 1)."""
    share = np.average(T, axis=1, weights=s)[:, None]
    return np.vstack([1 - share, share]) if len(T) == 1 else share


def start_at_shares(T: FloatArray, s: FloatArray | None, a: float) -> FloatArray:
    return link(shares(T, s)).ravel()  #                                                            (15)


def start_at_half(T: FloatArray, s: FloatArray | None, a: float) -> FloatArray:
    return half_link(shares(T, s)).ravel()  #                                                       (15)


# -- the table -----------------------------------------------------------------------------------------------------


class Loss(NamedTuple):
    """One row of the table; the last two are of classes."""

    value: Callable[[FloatArray, FloatArray, float], FloatArray]  # T, F, a -> L, in J parts (J, N)
    downhill: Callable[[FloatArray, FloatArray, float], FloatArray]  # T, F, a -> −∂L/∂F (J, N)
    step: Callable[[Leaves, float, int], FloatArray]  # leaves, a, J -> γ (M,)
    start: Callable[[FloatArray, FloatArray | None, float], FloatArray]  # T, s, a -> F₀ (J,)
    factor: float = 1.0  # by which scikit-learn multiplies L in what it reports
    parameter: Callable[[FloatArray, FloatArray, FloatArray | None, float], float] = given  # T, F, s, alpha -> a
    curvature: Callable[[FloatArray], FloatArray] | None = None  # g -> h, where the step needs it
    link: Any = None  # probabilities (K, N) -> F (J, N)
    probability: Any = None  # F (J, N) -> probabilities (K, N)


LOSSES = {
    "squared_error": Loss(squared_error, residual, to_mean, start_at_mean, factor=2.0),
    "absolute_error": Loss(absolute_error, sign, to_median, start_at_median),
    "quantile": Loss(tilted, tilted_sign, to_quantile, start_at_quantile),
    "huber": Loss(huber, cut, past_median, start_at_median, parameter=outlier),
    "log_loss": Loss(
        log_loss,
        surprise,
        newton(bernoulli),
        start_at_shares,
        factor=2.0,
        curvature=bernoulli,
        link=link,
        probability=sigmoid,
    ),
    "multinomial": Loss(
        multinomial,
        surprises,
        newton(bernoulli),
        start_at_shares,
        curvature=bernoulli,
        link=link,
        probability=softmax,
    ),
    "exponential": Loss(
        exponential,
        exponential_slope,
        newton(modulus),
        start_at_half,
        curvature=modulus,
        link=half_link,
        probability=sigmoid_of_twice,
    ),
}
