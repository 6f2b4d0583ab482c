"""A data set unpacks as (X, y), describes itself, and refuses lengths that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid import Dataset


def test_unpacks_as_X_and_y():
    data = Dataset(np.ones((3, 2)), np.array([0, 1, 0]), ("a", "b"), ("no", "yes"), target="rain")
    X, y = data
    assert X is data.X and y is data.y
    assert repr(data) == "Dataset(3 rows, 2 columns, classification of 'rain', 2 classes)"


def test_regression_has_no_classes():
    data = Dataset(np.ones((3, 1)), np.ones(3), ("a",), task="regression")
    assert data.target_names == () and repr(data) == "Dataset(3 rows, 1 columns, regression of 'target')"


def test_lengths_must_fit():
    with pytest.raises(ValueError, match="got 3 and 2 rows"):
        Dataset(np.ones((3, 1)), np.ones(2), ("a",))
    with pytest.raises(ValueError, match="X has 1 columns, but feature_names has 2"):
        Dataset(np.ones((3, 1)), np.ones(3), ("a", "b"))
