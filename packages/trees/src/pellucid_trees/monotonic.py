"""Monotonic constraints: a prediction that may only rise, or only fall, with a feature.

A constraint is a sign for each feature: 1 where the prediction may not fall as the feature rises, -1 where it may not
rise, 0 where it may do as it likes. What is predicted is a mean or a median, or the share of the second of two classes.
A question about a feature with the sign σ is allowed only if its children, whose values would be vᴸ and vᴿ, are in this
order, and within bounds that the node has from above:

    σ (vᴿ − vᴸ) ≥ 0   and   low ≤ vᴸ, vᴿ ≤ high                                (1)

So that all that will grow below the left child stays below all that will grow below the right one (for σ = 1), the
middle between the two becomes a bound of both, and other bounds are passed on:

    highᴸ = lowᴿ = (vᴸ + vᴿ) / 2   for σ = 1,   lowᴸ = highᴿ for σ = −1         (2)

Questions about other features are free, so that their children's values may be beyond the bounds. What is predicted
there is the bound:

    v ← min(max(v, low), high)                                                 (3)

Symbols
-------
    paper       code                 shape    meaning
    σ           sign                 (B, S)   for B features at each of S nodes
    vᴸ, vᴿ      v_left, v_right      (B, m)   values for all cuts of m points
    low, high   lower, upper         (S,)     bounds of each node

Cost: that of the search again.

References
----------
    Potharst & Feelders (2002), "Classification trees for problems with monotonicity constraints": a survey.
Differs from them: bounds that are passed down, as gradient boosting libraries do it, instead of repairs afterwards.
"""

from __future__ import annotations

import numpy as np

from pellucid.validation import FloatArray, IndexArray
from pellucid_trees.level import BoolArray, Level, Problem
from pellucid_trees.split_medians import split_medians

SLACK = 1e-14  # values that differ by less are equal, as shares are, or targets none of which is greater than 1


def constrains(problem: Problem, feature: IndexArray) -> bool:
    """Whether any of these features has a constraint."""
    return problem.monotonic_cst is not None and bool(problem.monotonic_cst[feature].any())


def allowed(
    problem: Problem, level: Level, feature: IndexArray, order: IndexArray, left: FloatArray, right: FloatArray
) -> BoolArray:
    """Whether a cut after each point keeps to the constraints: _, _, _, (B, m), (B, m), (B, m) -> (B, m).

    `left` and `right` are the weights on both sides of it.
    """
    assert problem.monotonic_cst is not None and level.lower is not None and level.upper is not None
    size = level.size
    sign = np.broadcast_to(problem.monotonic_cst[feature], (len(order), len(size))).repeat(size, axis=1)  # (B, m)
    v_left, v_right = values_of_sides(problem, level, order, left, right)
    lower, upper = level.lower.repeat(size), level.upper.repeat(size)
    # mutate: boundary equivalent because with SLACK it does not matter on which side of it a value is
    inside = (np.minimum(v_left, v_right) >= lower - SLACK) & (np.maximum(v_left, v_right) <= upper + SLACK)  # (1)
    # mutate: boundary equivalent because with SLACK it does not matter on which side of it a value is
    good: BoolArray = (sign == 0) | (inside & (sign * (v_right - v_left) >= -SLACK))  # (1)
    return good


def values_of_sides(
    problem: Problem, level: Level, order: IndexArray, left: FloatArray, right: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What children would predict: _, _, (B, m), (B, m), (B, m) -> (B, m), (B, m).

    Their points are parted after each point in turn.
    """
    v = level.value[:, -1].repeat(level.size)
    if problem.criterion == "absolute_error":
        return medians_of_sides(problem, level, order)
    y = (problem.labels.take(order) == 1) if problem.labels is not None else problem.targets[0].take(order)
    c, weight = y - v, level.weight.repeat(level.size)
    if problem.weights is not None:
        c *= problem.weights.take(order) / weight  # so that heavy nodes leave no rounding errors to light ones
    else:
        c /= weight
    c.cumsum(axis=1, out=c)
    c *= weight
    return v + c / left, v - c / right


def medians_of_sides(problem: Problem, level: Level, order: IndexArray) -> tuple[FloatArray, FloatArray]:
    """The same for the absolute error: _, _, (B, m) -> (B, m), (B, m)."""
    B, m = order.shape
    start = (level.start + m * np.arange(B)[:, None]).ravel()  # all orders as one
    w = None if problem.weights is None else problem.weights.take(order).ravel()
    v_left, v_right = split_medians(problem.targets[0].take(order).ravel(), w, start, np.tile(level.size, B))
    return v_left.reshape(B, m), v_right.reshape(B, m)


def unbounded(problem: Problem, level: Level) -> Level:
    """Give the first level its bounds."""
    if problem.monotonic_cst is None:
        return level
    S = len(level.start)
    return level._replace(lower=np.full(S, -np.inf), upper=np.full(S, np.inf))


def bounds(problem: Problem, level: Level, feature: IndexArray, below: Level) -> Level:
    """Give the children their bounds: `level` are their parents, `below` the left children, then the right ones."""
    assert problem.monotonic_cst is not None and level.lower is not None and level.upper is not None
    n = len(level.start)
    sign = problem.monotonic_cst[feature]
    middle = below.value[:n, -1] / 2 + below.value[n:, -1] / 2  #               (2)
    up, down = sign > 0, sign < 0
    lower = np.concatenate([np.where(down, middle, level.lower), np.where(up, middle, level.lower)])  # (2)
    upper = np.concatenate([np.where(up, middle, level.upper), np.where(down, middle, level.upper)])  # (2)
    return below._replace(lower=lower, upper=upper)


def clipped(problem: Problem, level: Level) -> FloatArray:
    """The values that the nodes predict: _, _ -> (S, K)."""
    if problem.monotonic_cst is None:
        return level.value
    value = level.value.copy()
    # mutate: arguments equivalent because the greater of the value and the lower bound is the same either way
    value[:, -1] = np.clip(value[:, -1], level.lower, level.upper)  #           (3)
    if problem.labels is not None:
        value[:, 0] = 1 - value[:, 1]
    return value
