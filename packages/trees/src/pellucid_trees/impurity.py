"""Impurity: how mixed the targets of a node are, in one number that is 0 where they are all the same.

A tree predicts one value for all points of a node: the share of each class, or the middle of each target. The impurity
is what that value leaves unexplained. With p the weighted mean of the rows of Y (for classes, whose rows are 1 in the
column of the point's class and 0 elsewhere, pₖ is the share of class k) and mₜ the weighted median of target t:

    gini            i = Σₖ pₖ (1 − pₖ)                                         (1)
    entropy         i = Σₖ pₖ log₂ (1 / pₖ),   0 where pₖ = 0                   (2)
    squared error   i = ¹⁄ₜ Σₜ Σₙ wₙ (yₙₜ − pₜ)² / Σₙ wₙ                        (3)
    absolute error  i = ¹⁄ₜ Σₜ Σₙ wₙ |yₙₜ − mₜ| / Σₙ wₙ                         (4)

with ¹⁄ₜ for the mean over the targets. Gini is the probability that two points drawn from the node have different
classes, and the squared error of the shares, summed over the classes. Entropy, in bits, is what it takes on average to
tell the class of a point; it is also called log-loss, as it is the loss of the shares as a prediction. The median is
the middle of all m that make (4) smallest, as the mean makes (3).

Symbols
-------
    paper   code     shape    meaning
    yₙ      Y        (N, T)   targets, or a column for each class
    wₙ      weights  (N,)     how much each point counts, more than 0
    p       p        (T,)     weighted mean
    m       m        (T,)     weighted median

Cost: O(N T) time; O(N T log N) for the median.

References
----------
    Breiman, Friedman, Olshen & Stone (1984), "Classification and regression trees": gini, squared and absolute error.
    Hastie, Tibshirani & Friedman (2009), ESL, sec. 9.2.3: gini and entropy, its 9.17.
Differs from them: weights, and several targets at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pellucid.validation import FloatArray

EPSILON = float(np.finfo(np.float64).eps)


class Criterion(NamedTuple):
    centre: Callable[[FloatArray, FloatArray], FloatArray]  # Y, weights -> the value that a node predicts
    impurity: Callable[[FloatArray, FloatArray, FloatArray], float]  # Y, weights, that value -> how mixed Y is
    power: int  # of the unit of the targets that the impurity comes in


def mean(Y: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted mean of each column: (N, T), (N,) -> (T,)."""
    share = weights / weights.sum()
    p: FloatArray = share @ Y
    p = p + share @ (Y - p)  # again, on what is left: the mean of equal numbers is that number
    return p


def median(Y: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted median of each column, the middle one if there are many: (N, T), (N,) -> (T,)."""
    order = np.argsort(Y, axis=0)
    Y = np.take_along_axis(Y, order, axis=0)
    below = np.cumsum(weights[order], axis=0)  # (N, T), the weight up to and including each point
    half = below[-1] / 2
    lower, upper = np.argmax(below >= half, axis=0), np.argmax(below > half, axis=0)
    column = np.arange(Y.shape[1])
    m: FloatArray = Y[lower, column] / 2 + Y[upper, column] / 2
    return m


def gini(Y: FloatArray, weights: FloatArray, p: FloatArray) -> float:
    return float(np.sum(p * (1 - p)))  #                                        (1)


def entropy(Y: FloatArray, weights: FloatArray, p: FloatArray) -> float:
    p = p[p > 0]
    return float(np.sum(p * np.log2(1 / p)))  #                                 (2)


def squared_error(Y: FloatArray, weights: FloatArray, p: FloatArray) -> float:
    return float(np.mean(weights @ (Y - p) ** 2 / weights.sum()))  #            (3)


def absolute_error(Y: FloatArray, weights: FloatArray, m: FloatArray) -> float:
    return float(np.mean(weights @ np.abs(Y - m) / weights.sum()))  #           (4)


CLASSIFICATION = {
    "gini": Criterion(mean, gini, 2),
    "entropy": Criterion(mean, entropy, 1),
    "log_loss": Criterion(mean, entropy, 1),
}
REGRESSION = {
    "squared_error": Criterion(mean, squared_error, 2),
    "absolute_error": Criterion(median, absolute_error, 1),
}
CRITERIA = CLASSIFICATION | REGRESSION


def negligible(criterion: str, value: FloatArray, whole: float) -> float:
    """What the impurity of a node that predicts this value must exceed to be divided, if the whole tree has `whole`.

    That is a share of the whole or, if less, of 1; and more than differences in the targets' last digits make.
    """
    with np.errstate(over="ignore"):
        rounding = (4 * EPSILON * np.abs(value).max()) ** CRITERIA[criterion].power
    return max(EPSILON * min(1.0, whole), float(rounding))


def check_measurable(impurity: FloatArray) -> None:
    """Raise unless the impurities of roots that are divided have numbers: (S,) -> _.

    A tree can be grown where the squares of its targets overflow, or are less than the least number there is; but what
    each feature has done for it cannot be told from infinities or zeros.
    """
    if not np.all((impurity > 0) & (impurity < np.inf)):
        raise ValueError(
            f"importances need impurities that are numbers above 0, got {np.max(impurity):g} for all points together: "
            "the squares of the targets are too large or too small. Divide y by its largest value, and fit again."
        )
