import json
from dataclasses import asdict

import numpy as np
import polars as pl
import pytest

from pellucid import ModelSpec
from pellucid_cli.faults import Fault
from pellucid_cli.target import Target, learn_target


def model(*tasks):
    return ModelSpec(id="toy/model", target="toy:Model", summary="A model", tasks=tasks)


CLASSIFIER, REGRESSOR, BOTH = model("classification"), model("regression"), model("regression", "classification")


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["b", "a", "b"], ("a", "b")),
        ([3, 1, 3], (1, 3)),
        ([1.0, 0.0, 1.0], (0, 1)),
        ([True, False, True], (False, True)),
    ],
)
def test_classes_in_order_and_back(values, classes):
    target, remarks = learn_target(pl.Series("y", values), CLASSIFIER)
    assert target.classes == classes and target.task == "classification"
    assert remarks[0].startswith("target 'y': 2 classes")
    codes = target.encode(pl.Series("y", values))
    assert codes.tolist() == [classes.index(v) for v in values] and codes.dtype == np.int64
    assert target.decode(codes).to_list() == values
    assert Target.from_json(json.loads(json.dumps(asdict(target)))) == target


def test_categoricals_are_classes():
    target, _ = learn_target(pl.Series("y", ["b", "a", "b"], dtype=pl.Categorical), CLASSIFIER)
    assert target.classes == ("a", "b")


def test_what_is_no_class_is_minus_one():
    target, _ = learn_target(pl.Series("y", ["a", "b", "a"]), CLASSIFIER)
    assert target.encode(pl.Series("y", ["b", "c", None])).tolist() == [1, -1, -1]


def test_numbers_stay_numbers():
    target, remarks = learn_target(pl.Series("y", [1, 5]), REGRESSOR)
    assert target == Target("y", "regression") and remarks == ["target 'y': numbers from 1 to 5"]
    assert target.encode(pl.Series("y", [1, None])).tolist()[0] == 1
    assert target.decode(np.array([0.5])).name == "y_predicted"


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 2, "classification"),
        ([True, False] * 2, "classification"),
        ([0, 1, 2] * 9, "classification"),
        (list(range(27)), "regression"),
        ([0.5, 1.0, 2.0], "regression"),
    ],
)
def test_a_model_that_does_both_follows_the_values(values, task):
    assert learn_target(pl.Series("y", values), BOTH)[0].task == task


@pytest.mark.parametrize(
    ("values", "spec", "said"),
    [
        ([0.5, 1.5, 2.0], CLASSIFIER, "'y' holds fractions (0.5, 1.5, 2.0, ...), but toy/model predicts classes"),
        (["a", "b", "a"], REGRESSOR, "'y' holds text ('a', 'b', ...), but toy/model predicts numbers"),
        (["a", "a"], CLASSIFIER, "'y' is 'a' in all 2 rows: nothing to tell apart"),
        (["a", "b", "c"], CLASSIFIER, "has 3 different values in 3 rows: too many to be classes"),
        ([*range(30), 0], CLASSIFIER, "has 30 different values in 31 rows"),
        ([2.0, 2.0], REGRESSOR, "'y' is 2 in all 2 rows: nothing to learn"),
        ([2.0, float("inf")], REGRESSOR, "'y' must be finite, but it holds inf"),
        ([[1], [2]], CLASSIFIER, "'y' holds List(Int64); it must hold numbers or text"),
    ],
)
def test_what_cannot_be_predicted(values, spec, said):
    with pytest.raises(Fault) as error:
        learn_target(pl.Series("y", values), spec)
    assert said in str(error.value)


def test_dates_are_no_target():
    with pytest.raises(Fault, match="holds Date"):
        learn_target(pl.Series("y", [1, 2]).cast(pl.Date), REGRESSOR)


def test_booleans_can_be_numbers():
    target, remarks = learn_target(pl.Series("y", [True, False]), REGRESSOR)
    assert target.encode(pl.Series("y", [True, False])).tolist() == [1, 0]
    assert remarks[0].startswith("target 'y': false is 0 and true is 1")


def test_broken_notes_are_told():
    for state in (
        {},
        {"name": "y", "task": "astrology", "classes": []},
        {"name": "y", "task": "regression", "classes": 3},
        {"name": "y", "task": "regression", "classes": [], "mean": 10**400, "sd": 1},
        np.zeros(3),
    ):
        with pytest.raises(Fault, match="notes on its target"):
            Target.from_json(state)


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_standardised_whatever_the_unit(unit):
    target = Target("y", "regression").standardised(unit * np.array([1.0, 2.0, 6.0]))
    np.testing.assert_allclose([target.mean, target.sd], [3 * unit, (14 / 3) ** 0.5 * unit])
