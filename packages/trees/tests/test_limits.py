"""Parameters as numbers, and what they must be."""

from types import SimpleNamespace

import numpy as np
import pytest

from pellucid_trees.limits import UNLIMITED, Limits, limits, n_features

DEFAULTS = {
    "max_depth": None,
    "min_samples_split": 2,
    "min_samples_leaf": 1,
    "min_weight_fraction_leaf": 0.0,
    "max_leaf_nodes": None,
    "min_impurity_decrease": 0.0,
}


def given(**params):
    return limits(SimpleNamespace(**DEFAULTS | params), 99, 50.0)


def test_numbers_and_fractions():
    assert given() == UNLIMITED == Limits()
    assert given(min_samples_split=np.int64(7)).min_samples_split == 7
    assert given(min_samples_split=0.101).min_samples_split == 10  # 9.999 rounded up
    assert given(min_samples_split=0.001).min_samples_split == 2
    assert given(min_samples_split=1.0).min_samples_split == 99
    assert given(min_samples_leaf=0.03)[1:3] == (6, 3)  # two leaves of 3 need 6 points
    assert given(min_samples_leaf=1e-9).min_samples_leaf == 1
    assert given(min_weight_fraction_leaf=0.5).min_weight_leaf == 25.0
    assert given(max_depth=1, max_leaf_nodes=2, min_impurity_decrease=1) == Limits(1, 2, 1, 0.0, 2, 1.0)


@pytest.mark.parametrize(
    "name, values",
    [
        ("max_depth", [0, -1, 2.0, True, "3", np.nan]),
        ("max_leaf_nodes", [1, 0, 2.5, True]),
        ("min_samples_split", [1, 0, 0.0, 1.5, -0.1, True, None, np.nan]),
        ("min_samples_leaf", [0, 0.0, 1.5, np.nan, "1"]),
        ("min_weight_fraction_leaf", [-0.1, 0.6, None, np.nan]),
        ("min_impurity_decrease", [-1e-9, None, np.nan]),
    ],
)
def test_what_is_out_of_range_is_named(name, values):
    for value in values:
        with pytest.raises(ValueError, match=rf"{name} must .*got {value!r}.* Try "):
            given(**{name: value})


def test_how_many_features():
    assert [n_features(m, 10) for m in (None, "sqrt", "log2", 1, 10, 11, 1.0, 0.5, 0.01, np.int32(3))] == [
        10, 3, 3, 1, 10, 10, 10, 5, 1, 3,
    ]  # fmt: skip
    assert n_features("log2", 1) == n_features("sqrt", 1) == 1
    for wrong in (0, -1, 0.0, 1.5, "auto", True, np.nan):
        with pytest.raises(ValueError, match="max_features must .* Try None, for all 10"):
            n_features(wrong, 10)
