"""What a fit needs beside its data: at most three times as much; and a forest what its trees are."""

import tracemalloc

import numpy as np
import pytest

from pellucid import clone
from pellucid_trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    tree,
)

N, D = 40_000, 10


def parts(value):
    """All arrays in a model's state."""
    if isinstance(value, np.ndarray):
        return [value]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else []
    return [array for one in values for array in parts(one)]


@pytest.mark.parametrize(
    ("model", "n_classes", "weighted"),
    [
        (DecisionTreeClassifier(), 2, False),
        (DecisionTreeClassifier(max_depth=5), 5, True),
        (DecisionTreeClassifier(max_depth=5, criterion="entropy"), 5, True),
        (DecisionTreeRegressor(), 0, True),
        (DecisionTreeRegressor(max_depth=5, monotonic_cst=[1] * D), 0, True),
        (RandomForestClassifier(2, max_depth=8), 2, False),
        (RandomForestRegressor(3), 0, True),
        (ExtraTreesRegressor(3), 0, False),
        (GradientBoostingRegressor(n_estimators=2, splits="exact"), 0, False),
        (GradientBoostingRegressor(n_estimators=2, loss="huber", subsample=0.5), 0, True),
        (GradientBoostingClassifier(n_estimators=2), 5, True),
        (GradientBoostingClassifier(n_estimators=2, splits="exact"), 2, True),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else str(value),
)
def test_a_fit_needs_at_most_three_times_its_data(model, n_classes, weighted):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D)).round(2)  # with ties
    y = rng.integers(0, n_classes, N) if n_classes else X[:, 0] + rng.normal(size=N)
    weights = rng.random(N) if weighted else None
    model.random_state = 0
    model.fit(X[:99], y[:99])  # imports are done
    tracemalloc.start()
    model.fit(X, y, weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    data = X.nbytes + y.nbytes + (weights.nbytes if weighted else 0)
    trees = sum(array.nbytes for array in parts(vars(model)))
    assert peak - (trees if hasattr(model, "estimators_") else 0) < 3 * data  # a single tree's own is within that


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeRegressor(),
        DecisionTreeRegressor(criterion="absolute_error", max_leaf_nodes=9),
        DecisionTreeClassifier(max_features=2, random_state=0),
        DecisionTreeClassifier(criterion="entropy", ccp_alpha=0.01),
        RandomForestRegressor(3, random_state=0),
        GradientBoostingRegressor(n_estimators=3, splits="exact", subsample=0.7, random_state=0),
        GradientBoostingClassifier(n_estimators=3, splits="histogram"),
    ],
)
@pytest.mark.parametrize("n_rows", [2, 300])
def test_short_numbers_find_the_same_trees_as_long_ones(model, n_rows, monkeypatch):
    rng = np.random.default_rng(n_rows)
    X = rng.normal(size=(n_rows, 4)).round(1)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = rng.permutation(n_rows) % 3
    expected = clone(model).fit(X, y)
    monkeypatch.setattr(tree, "MANY", -1)
    for found, original in zip(parts(vars(clone(model).fit(X, y))), parts(vars(expected)), strict=True):
        assert found.dtype == original.dtype
        np.testing.assert_array_equal(found, original)
