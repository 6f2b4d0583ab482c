"""Permutation importance: how much worse a model scores when it cannot make use of a feature.

Shuffle one column of the data. It still has the same values, but they no longer say anything about their rows. What the
model loses in score is what the feature was worth to it. With a random permutation π of the rows, and X′ for the data
with column d shuffled,

    x′[n, d] = x[π(n), d],   all other columns as in X                         (1)
    i[d, r] = score(X, y) − score(X′, y)                                       (2)

for each feature d and repetition r, with a new π each time. The mean over the repetitions is the importance of the
feature, and their standard deviation shows how much of it is chance:

    ī[d] = Σᵣ i[d, r] / R                                                      (3)
    σ[d] = √(Σᵣ (i[d, r] − ī[d])² / R)                                         (4)

Symbols
-------
    paper    code              shape    meaning
    X, y     X, y              (N, D)   data and targets (N,), best those that the model has not seen
    π        order             (N,)     permutation of the rows
    X′       shuffled          (N, D)   data with a column shuffled
    i        importances       (D, R)   loss of score; R is n_repeats
    ī        importances_mean  (D,)     mean over the repetitions
    σ        importances_std   (D,)     their standard deviation

Cost: D R + 1 times that of scoring; a copy of the data.

References
----------
    Breiman (2001), "Random forests", sec. 10: with the points that a tree of the forest was not grown on.
    Fisher, Rudin & Dominici (2019), "All models are wrong, but many are useful": (2) for any model.
Differs from them: a score, of which more is better, in the place of an error; and any data.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from pellucid.parallel import map_tasks
from pellucid.validation import FloatArray, IndexArray, check_rng


class PermutationImportance(NamedTuple):
    importances: FloatArray  # (D, R)
    importances_mean: FloatArray  # (D,)
    importances_std: FloatArray  # (D,)


def permutation_importance(
    model: Any,
    X: Any,
    y: Any,
    *,
    scoring: Callable[..., float] | None = None,
    n_repeats: int = 5,
    random_state: Any = None,
    sample_weight: Any = None,
    n_jobs: int | None = None,
) -> PermutationImportance:
    """How much a fitted model's score falls when a feature is shuffled.

    Parameters
    ----------
    model : object
        Fitted, with the method `score(X, y)`, or whatever `scoring` needs.
    X : array-like of shape (N, D), or data frame
        A data frame stays one. Nothing is written to it.
    y : array-like of shape (N,) or (N, T)
    scoring : callable, optional
        `scoring(model, X, y)`, or with weights `scoring(model, X, y, sample_weight=...)`: a number, more is better.
        Without it, `model.score`.
    n_repeats : int
        How often each feature is shuffled.
    random_state : None, int or numpy.random.Generator
        What the permutations are drawn from.
    sample_weight : array-like of shape (N,), optional
        Handed on to the score. The weights stay with their rows.
    n_jobs : int, optional
        How many features are shuffled at a time; see `pellucid.parallel`. The result does not depend on it.

    Returns
    -------
    PermutationImportance
        Of several features that say the same, each alone may seem to be worth nothing: the others are still there.

    Raises
    ------
    ValueError
        When X is not a table, y does not fit it, or `n_repeats` is below 1.
    TypeError
        When there is nothing to score with.

    Examples
    --------
    >>> from pellucid_trees import DecisionTreeRegressor
    >>> X, y = np.random.default_rng(0).normal(size=(200, 3)), np.arange(200.0)
    >>> X[:, 1] = y
    >>> model = DecisionTreeRegressor(max_depth=4).fit(X, y)
    >>> permutation_importance(model, X, y, random_state=0).importances_mean.round(1)
    array([0. , 1.9, 0. ])
    """
    if not hasattr(X, "columns"):
        X = np.asarray(X)
    shape = tuple(X.shape)
    if len(shape) != 2 or not shape[0]:
        raise ValueError(f"X must be a table with one row or more, got shape {shape}.")
    if y is not None and len(y) != shape[0]:
        raise ValueError(f"X and y must have one entry for each row, got {shape[0]} and {len(y)}.")
    if isinstance(n_repeats, bool) or not hasattr(n_repeats, "__index__") or n_repeats < 1:
        raise ValueError(f"n_repeats must be a whole number of 1 or more, got {n_repeats!r}. Try 5.")
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    score = partial(_score, model, scoring, y, weights)
    before = score(X)
    seeds = check_rng(random_state).integers(2**63, size=shape[1])
    after = map_tasks(partial(scores_without, score, X, n_repeats), list(enumerate(seeds)), n_jobs)
    importances = before - np.array(after).reshape(shape[1], n_repeats)  # (D, R)  (2)
    importances_mean = importances.mean(axis=1)  #                              (3)
    importances_std = importances.std(axis=1)  #                                (4)
    return PermutationImportance(importances, importances_mean, importances_std)


def scores_without(score: Callable[[Any], float], X: Any, n_repeats: int, task: tuple[int, int]) -> list[float]:
    """The scores with one feature shuffled, again and again; `task` is the feature and a seed."""
    d, seed = task
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(X.shape[0]) for _ in range(n_repeats)]
    return [score(with_shuffled(X, d, order)) for order in orders]


def with_shuffled(X: Any, d: int, order: IndexArray) -> Any:
    """A copy of a table in which column d is in another order."""
    if hasattr(X, "iloc"):  # pandas
        shuffled = X.copy()
        shuffled.isetitem(d, X.iloc[order, d].set_axis(X.index))
    elif hasattr(X, "columns"):  # polars
        shuffled = X.with_columns(X.to_series(d)[order])
    else:
        shuffled = X.copy()
        shuffled[:, d] = X[order, d]  #                                         (1)
    return shuffled


def _score(model: Any, scoring: Callable[..., float] | None, y: Any, weights: dict[str, Any], X: Any) -> float:
    if scoring is not None and not callable(scoring):
        raise TypeError(
            f"scoring must be a function of model, X and y, got {scoring!r}. For one of scikit-learn's names, pass "
            "sklearn.metrics.get_scorer(name)."
        )
    if scoring is None and not hasattr(model, "score"):
        raise TypeError(f"{type(model).__name__} has no score: pass scoring, a function of model, X and y.")
    return float(model.score(X, y, **weights) if scoring is None else scoring(model, X, y, **weights))
