"""What a model makes of weights, of rows and of classes: a weight is how often something counts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.testing.checks import TABLES, NotApplicable, check, expect, raises
from pellucid.testing.subjects import TARGETS, Subject, differences, quiet, strange_numbers
from pellucid.testing.tasks import Data

# Weights of rows


@check("fit")
def weights_of_one_change_nothing(model: Subject) -> None:
    """sample_weight of all ones is no sample_weight; where the fit has chance in it, it works at least."""
    data = _need_weights(model)
    found = model.answers(model.glance(data, sample_weight=np.ones(len(data.X))))
    exactly = partial(differences, expected=model.glance_answers, share=1e-6)
    saw = strange_numbers(found, infinity=False) if model.has_chance else exactly(found)
    expect(not saw, saw)


@check("fit")
def weight_is_repetition(model: Subject) -> None:
    """A whole number k as sample_weight does what the row k times over does."""
    times = np.arange(len(_need_weights(model, exactly=True).X)) % 3 + 1
    _expect_same_as_repeated(model, times)


@check("fit")
def weight_of_zero_leaves_out(model: Subject) -> None:
    """A row of sample_weight 0 counts as little as one that is not there."""
    times = (np.arange(len(_need_weights(model, exactly=True).X)) % 4 > 0).astype(int)
    _expect_same_as_repeated(model, times)


@check("fit", *TABLES)
def weights_decide(model: Subject) -> None:
    """Of rows that contradict each other the heavy ones decide: with the weights exchanged it says something else."""
    _need_weights(model)
    data = _contradicting_itself(model)
    weights = np.repeat([10.0, 0.01], len(model.data.X))
    one, other = model.make(), model.make()
    model.fit(one, data, sample_weight=weights)
    model.fit(other, data, sample_weight=weights[::-1].copy())
    saw = differences(_all_of(model, other, data), _all_of(model, one, data))
    expect(saw, "whichever half of the rows has a thousand times the weight of the other half, it says the same")


@check("fit")
def bad_weights_are_refused(model: Subject) -> None:
    """A sample_weight that is negative, NaN, infinite or too short is a ValueError."""
    data = _need_weights(model)
    for number in (-1.0, np.nan, np.inf):
        weights = np.ones(len(data.X))
        weights[3] = number
        raises(f"fit with a weight of {number}", partial(model.glance, data, sample_weight=weights))
    raises("fit with a weight too few", lambda: model.glance(data, sample_weight=np.ones(len(data.X) - 1)))


@check("fit", "classification", "regression")
def score_counts_weights(model: Subject) -> None:
    """score takes a whole number k as sample_weight for the row k times over."""
    if not model.takes("sample_weight", "score"):
        raise NotApplicable("its score takes no sample_weight")
    X, y, times = model.data.X, np.roll(model.data.y, 1), np.arange(60) % 4  # a y of which much is predicted wrongly
    with quiet():
        found = model.fitted.score(X, y, sample_weight=times.astype(float))
        expected = model.fitted.score(np.repeat(X, times, axis=0), np.repeat(y, times))
    expect(
        abs(found - expected) <= 1e-6 * max(1.0, abs(expected)),
        f"with weights the score is {found:.6g}, with the rows as often {expected:.6g}",
    )


# Weights of classes


@check("fit", "classification")
def class_weight_decides(model: Subject) -> None:
    """If all rows come once with each of two labels, most get the label with ten times the class_weight."""
    model.need("class_weight")
    X, y = np.concatenate([model.data.X] * 2), np.repeat([-1, 1], len(model.data.X))
    for heavy in (-1, 1):
        one = model.make(class_weight={-heavy: 1.0, heavy: 10.0})
        model.fit(one, Data(X, y))
        share = float(np.mean(one.predict(X) == heavy))
        expect(share > 0.5, f"the label {heavy} with ten times the weight of the other was predicted for {share:.0%}")


# What the checks share


def _need_weights(model: Subject, exactly: bool = False) -> Data:
    """The toy data, if fit takes weights; with `exactly`, if no chance is in it either."""
    if not model.takes("sample_weight"):
        raise NotApplicable("its fit takes no sample_weight")
    if exactly and model.has_chance:
        raise NotApplicable("its fit has chance in it")
    return model.data


def _expect_same_as_repeated(model: Subject, times: NDArray[np.int64]) -> None:
    data = model.data
    rows = np.repeat(np.arange(len(times)), times)
    repeated = replace(data, X=data.X[rows], y=None if data.y is None else data.y[rows])
    one, other = model.make(), model.make()  # whole fits: steps that go row by row agree only where they lead
    model.fit(one, data, sample_weight=times.astype(float))
    model.fit(other, repeated)
    found, expected = ({name: getattr(m, name)(data.X) for name in model.methods} for m in (one, other))
    saw = differences(found, expected, share=1e-6)
    expect(not saw, saw)


def _contradicting_itself(model: Subject) -> Data:
    """The toy data, and below them the same rows with other targets, or the mirrored table where there is no target."""
    X, y = model.data.X, model.data.y
    if X.dtype.kind == "O":
        raise NotApplicable("its X is text")
    if model.task in TARGETS:
        return Data(np.concatenate([X, X]), np.concatenate([y, y.max() + y.min() - y]))
    mirrored = (X.max(axis=0) + X.min(axis=0) - X)[:, ::-1]
    return Data(np.concatenate([X, mirrored]), None if y is None else np.concatenate([y, y]))


def _all_of(model: Subject, one: Any, data: Data) -> dict[str, Any]:
    """All that a fitted model says; where that are labels of its own making, what it learnt too."""
    found = dict(model.answers(one, data))
    if model.task not in TARGETS:
        found |= {name: value for name, value in vars(one).items() if isinstance(value, np.ndarray)}
    return found
