"""Orders that are handed down are those that sorting anew would give."""

import numpy as np
import pytest

from pellucid_trees import presorted
from pellucid_trees.level import describe, pose
from pellucid_trees.limits import Limits
from pellucid_trees.presorted import presort

rng = np.random.default_rng(0)


def check_orders(search, X, level):
    """Every node's points, sorted, each once, with what slots say about equal and missing values."""
    slots = search.slots(level)
    assert np.concatenate([slot.feature for slot in slots])[:, 0].tolist() == list(range(X.shape[1]))
    for slot in slots:
        for b, d in enumerate(slot.feature[:, 0]):
            order = slot.order[b]
            for s, (start, size) in enumerate(zip(level.start, level.size)):
                node = slice(start, start + size)
                x = X[order[node], d]
                assert sorted(order[node]) == sorted(level.points[node])
                np.testing.assert_array_equal(x, np.sort(x))  # missing values last
                same = np.zeros(len(order), bool) if slot.same is None else slot.same[b]
                equal = (x[1:] == x[:-1]) | (np.isnan(x[1:]) & np.isnan(x[:-1]))
                np.testing.assert_array_equal(same[node][:-1], equal)
                n_missing = 0 if slot.missing is None else slot.missing[b, s]
                assert n_missing == np.isnan(x).sum()


@pytest.mark.parametrize("block", [1, 40, 100, 1 << 15])
@pytest.mark.parametrize("kind", ["all different", "some equal", "missing", "float32"])
def test_orders_stay_sorted_from_level_to_level(block, kind, monkeypatch):
    monkeypatch.setattr(presorted, "BLOCK", block)
    X = rng.normal(size=(40, 5))
    if kind == "some equal":
        X[:, 3] = np.round(X[:, 3])
        X[:, 4] = 7
    elif kind == "missing":
        X[:, 1:] = np.round(X[:, 1:], 1)
        X[rng.random(X.shape) < 0.2] = np.nan
        X[:, 2] = np.nan
    elif kind == "float32":
        X = X.astype(np.float32)
    before = X.copy()
    problem, _, _ = pose(rng.normal(size=(40, 1)), None, Limits())
    level = describe(problem, np.arange(40), np.array([0]), np.array([40]))
    search = presort(problem, X, None, 5, rng)
    assert (search.rank is None) == (kind in ("all different", "float32"))
    check_orders(search, X, level)
    for _ in range(4):
        side = np.zeros(40, np.int8)
        node = np.arange(len(level.start)).repeat(level.size)
        to = rng.integers(0, 3, len(level.points))
        side[level.points] = to
        groups = [level.points[(node == s) & (to == child)] for child in (1, 2) for s in range(len(level.start))]
        groups = [group for group in groups if len(group)]
        size = np.array([len(group) for group in groups])
        level = describe(problem, np.concatenate(groups), size.cumsum() - size, size)
        search = search.follow(side)
        check_orders(search, X, level)
    np.testing.assert_array_equal(X, before)


def test_points_may_be_some_of_the_rows():
    X, rows = rng.integers(0, 5, (30, 3)).astype(float), np.array([3, 4, 8, 20, 29])
    problem, _, _ = pose(rng.normal(size=(30, 1)), None, Limits(), rows=rows)
    search = presort(problem, X, rows, 3, rng)
    level = describe(problem, np.arange(5), np.array([0]), np.array([5]))
    check_orders(search, X[rows], level)
    assert search.values(np.array([4, 0]), np.array([1, 2])).tolist() == [X[29, 1], X[3, 2]]


def test_blocks_join_as_nodes_lose_points(monkeypatch):
    monkeypatch.setattr(presorted, "BLOCK", 64)
    X = rng.normal(size=(64, 4))
    problem, _, _ = pose(rng.normal(size=(64, 1)), None, Limits())
    search = presort(problem, X, None, 4, rng)
    assert [len(order) for order in search.orders] == [1, 1, 1, 1]
    side = np.zeros(64, np.int8)
    side[:20] = 1
    search = search.follow(side)
    assert [len(order) for order in search.orders] == [3, 1]
    side[16:] = 0
    assert [len(order) for order in search.follow(side).orders] == [4]
