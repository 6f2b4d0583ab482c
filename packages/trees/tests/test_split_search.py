"""The best split of each node, by trying all of them one after the other."""

import numpy as np
import pytest

from pellucid_trees.level import describe, pose
from pellucid_trees.limits import Limits
from pellucid_trees.presorted import presort
from pellucid_trees.shares import Slot, scan, shares
from pellucid_trees.split_search import (
    TIE,
    Look,
    assembled,
    at_least,
    best_split,
    drawn,
    in_turn,
    largest,
    midpoint,
    random_split,
    rotated,
)

rng = np.random.default_rng(0)

SIZE = np.array([6, 13, 4])


def gini(labels):
    p = np.bincount(labels, minlength=3) / max(1, len(labels))
    return np.sum(p * (1 - p))


def problem_of(X, labels, limits=Limits()):  # noqa: B008
    """The first level's nodes, whose points are in no order, and the search of a whole tree."""
    N = len(X)
    problem, _, _ = pose(labels, None, limits, n_classes=3, criterion="gini")
    while True:
        level = describe(problem, rng.permutation(N), SIZE.cumsum() - SIZE, SIZE)
        if (level.impurity > 0).all():  # pure nodes are not looked at
            break
    search = presort(problem, X, None, X.shape[1], rng)
    node = np.empty(N, int)
    node[level.points] = np.arange(len(SIZE)).repeat(SIZE)
    orders = [np.array([o[np.argsort(node[o], kind="stable")] for o in block]) for block in search.orders]
    return problem, level, search._replace(orders=orders)


def all_splits(X, labels, points, limits):
    """(share, feature, threshold, missing_left, left points) in the order in which equals win."""
    node = gini(labels[points]) * len(points)
    for d in range(X.shape[1]):
        x = X[points, d]
        values = np.unique(x[~np.isnan(x)])
        questions = [(a / 2 + b / 2, False) for a, b in zip(values, values[1:])]
        if np.isnan(x).any():
            questions += [(np.inf, False)] * (len(values) > 0)
            questions += [(a / 2 + b / 2, True) for a, b in zip(values, values[1:])]
        for threshold, missing_left in questions:
            left = (x <= threshold) | (np.isnan(x) & missing_left)
            if limits.min_samples_leaf <= left.sum() <= len(x) - limits.min_samples_leaf:
                rest = sum(gini(labels[points[side]]) * side.sum() for side in (left, ~left))
                yield 1 - rest / node, d, threshold, missing_left, left


@pytest.mark.parametrize("seed", range(60))
def test_the_best_split_of_each_node(seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, int(rng.integers(1, 9)), (SIZE.sum(), 3)).astype([float, np.float32][seed % 2])
    if seed % 3:
        X[rng.random(X.shape) < 0.3] = np.nan
    labels = rng.permutation(np.arange(len(X)) % 3)
    limits = Limits(min_samples_leaf=1 + seed % 4)
    problem, level, search = problem_of(X, labels, limits)
    choice = search.choose(level)
    for s, (start, size) in enumerate(zip(level.start, SIZE)):
        points = level.points[start : start + size]
        order = choice.order[start : start + size]
        assert sorted(order) == sorted(points)
        splits = list(all_splits(X, labels, order, limits))
        if not splits:
            assert choice.share[s] == -1
            continue
        top = max(split[0] for split in splits)
        share, feature, threshold, missing_left, left = next(q for q in splits if q[0] >= top - TIE)
        assert choice.share[s] == pytest.approx(max(share, 0), abs=1e-13) and choice.share[s] > 0
        assert (choice.feature[s], choice.threshold[s]) == (feature, threshold)
        np.testing.assert_array_equal(choice.goes_left[start : start + size], left)
        missing = np.isnan(X[points, feature]).any()
        assert choice.missing_left[s] == (missing_left if missing else 2 * left.sum() > size)


def test_a_threshold_parts_what_it_is_between():
    tiny, huge = 5e-324, 1.7e308
    pairs = [
        (1.0, np.nextafter(1.0, 2)), (1.0, 2.0), (-huge, huge), (huge, np.nextafter(huge, np.inf)), (0.0, tiny),
        (-tiny, 0.0), (tiny, 2 * tiny), (tiny, 3 * tiny), (-huge, -huge / 2), (0.1, 0.2), (np.nextafter(1.0, 0), 1.0),
    ]  # fmt: skip
    low, high = np.array(pairs).T
    middle = midpoint(low, high)
    assert ((low <= middle) & (middle < high)).all()
    assert middle[1] == 1.5 and middle[2] == 0
    assert midpoint(np.float32([1.0]), np.float32([np.nextafter(np.float32(1), np.float32(2))]))[0] == 1 + 2**-24
    assert midpoint(np.array([3.0]), np.array([np.nan])) == [np.inf]


def test_as_good_as_the_best_is_never_what_cannot_be():
    top = np.array([0.5, 1e-20, 0.0])
    assert at_least(top)[0] == 0.5 - TIE and 0 < at_least(top)[1] < 1e-30 and at_least(top)[2] == 0


def test_missing_values_are_moved_to_the_front_of_their_node():
    level = describe(*_three_nodes())
    order = np.array([[0, 1, 2, 3, 4, 5, 6, 7, 8], [2, 1, 0, 6, 5, 4, 3, 8, 7]])
    same = np.array([[0, 0, 0, 1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1, 0, 0, 0]], bool)
    missing = np.array([[1, 0, 2], [0, 2, 1]])
    problem = _three_nodes()[0]
    moved = rotated(scan(problem, level), Slot(np.array([[0], [1]]), order, same, missing))
    assert moved.order.tolist() == [[2, 0, 1, 3, 4, 5, 6, 7, 8], [2, 1, 0, 4, 3, 6, 5, 7, 8]]
    expected = np.array([[1, 0, 0, 1, 0, 0, 0, 1, 1], [0, 1, 0, 1, 1, 0, 0, 1, 0]], bool)
    assert moved.same.tolist() == expected.tolist()
    some = rotated(
        scan(problem, level), Slot(np.array([[0]]), order[:1], None, missing[:1]), np.array([False, True, True])
    )
    assert some.order.tolist() == [[0, 1, 2, 3, 4, 5, 6, 7, 8]]
    assert some.same.tolist() == [[False] * 7 + [True] * 2]


def _three_nodes():
    problem, _, _ = pose(np.arange(9.0)[:, None], None, Limits())
    return problem, np.arange(9), np.array([0, 3, 7]), np.array([3, 4, 2])


def test_slots_are_put_together_as_they_were_chosen():
    problem, points, start, size = _three_nodes()
    level = describe(problem, points, start, size)
    orders = np.array([np.concatenate([rng.permutation(p) for p in np.split(points, start[1:])]) for _ in range(4)])
    sames, missing = rng.random((4, 9)) < 0.5, rng.integers(0, 3, (4, 3))
    slots = [
        Slot(np.array([[0]]), orders[:1], None),
        Slot(np.array([[1, 5, 1], [2, 2, 6]]), orders[1:3], sames[1:3], missing[1:3]),
        Slot(np.array([[3]]), orders[3:], sames[3:], None),
    ]
    left = rng.random((4, 3)) < 0.5
    left[[0, 3]] = False
    nothing = np.zeros(0)
    looks = [Look(nothing, nothing, None), Look(nothing, nothing, left[1:3]), Look(nothing, nothing, None)]
    feature = np.array([[0, 0, 0], [1, 5, 1], [2, 2, 6], [3, 3, 3]])
    for chosen in ([0, 1, 2], [3, 1, 1], [2, 2, 2], [0, 0, 3]):
        chosen = np.array(chosen)
        slot, from_left = assembled(level, slots, looks, chosen)
        by_point = chosen.repeat(size), np.arange(9)
        by_node = chosen, np.arange(3)
        assert slot.order[0].tolist() == orders[by_point].tolist() and from_left.tolist() == left[by_node].tolist()
        assert slot.feature[0].tolist() == feature[by_node].tolist()
        assert slot.same[0].tolist() == np.where(chosen.repeat(size) == 0, False, sames[by_point]).tolist()
        assert slot.missing[0].tolist() == np.where(np.isin(chosen, [1, 2]), missing[by_node], 0).tolist()
        only, _ = assembled(level, slots[1:2], looks[1:2], np.array([0, 1, 0]))
        assert only.feature[0].tolist() == [1, 2, 1]
    bare, _ = assembled(level, slots[:1], looks[:1], np.zeros(3, int))
    assert bare.same is None and bare.missing is None


def test_the_largest_of_each_node():
    numbers = rng.random((3, 9))
    start = np.array([0, 3, 7])
    expected = [[part.max() for part in np.split(row, start[1:])] for row in numbers]
    assert largest(numbers, start).tolist() == expected


def test_features_in_turn_until_one_varies():
    varies = np.array([[1, 0, 0], [1, 0, 1], [1, 0, 0], [1, 0, 0]], bool)
    seen = np.zeros((4, 3))
    for _ in range(3000):
        looks = in_turn(varies, 2, rng)
        assert looks[:, 0].sum() == 2 and looks[1, 2] and looks[:, 1].sum() >= 2
        seen += looks
    np.testing.assert_allclose(seen[:, 0] / 3000, 0.5, atol=0.04)  # each feature as often as another
    # of a random order, features up to the second, or to the only one that varies: 2, 2, 3 or 4 of them
    np.testing.assert_allclose(seen[[0, 2, 3], 2] / 3000, (1 + 1 + 2 + 3) / 4 / 3, atol=0.04)


def test_what_varies_is_seen_in_the_slots():
    X = np.array([[1, 1, np.nan, np.nan, 3], [1, 2, np.nan, 5, 3], [1, 2, np.nan, 5, 3]] * 2)
    problem, _, _ = pose(np.array([0, 1, 2, 0, 1, 2]), None, Limits(), n_classes=3, criterion="gini")
    level = describe(problem, np.arange(6), np.array([0]), np.array([6]))
    slots = presort(problem, X, None, 5, rng).slots(level)
    for _ in range(20):
        looks = drawn(scan(problem, level), slots, 1, rng)[:, 0]
        assert looks[1] or looks[3]  # the others are constant; "is there a value?" is not


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("block", [1, 2, 7])
def test_random_thresholds_lie_between_the_values_and_the_best_feature_wins(gaps, block):
    X = rng.normal(size=(SIZE.sum(), 3))
    X[:, 1] = 4.0  # constant
    if gaps:
        X[rng.random(X.shape) < 0.2] = np.nan
        X[::5, 1] = 4.0
    labels = rng.permutation(np.arange(len(X)) % 3)
    problem, level, _ = problem_of(X, labels)
    thresholds, sides = [], []
    for seed in range(300):
        choice = random_split(problem, level, X.T.copy(), 3, np.random.default_rng(seed), block)
        assert (choice.order == level.points).all()
        for s, (start, size) in enumerate(zip(level.start, SIZE)):
            points = level.points[start : start + size]
            x, left = X[points, choice.feature[s]], choice.goes_left[start : start + size]
            missing = np.isnan(x)
            assert (left == np.where(missing, choice.missing_left[s], x <= choice.threshold[s])).all()
            assert 0 < left.sum() < size and np.nanmin(x) <= choice.threshold[s]
            assert choice.threshold[s] < np.nanmax(x) or missing.any()
            if not missing.any():
                assert choice.missing_left[s] == (2 * left.sum() > size)
            rest = sum(gini(labels[points[side]]) * side.sum() for side in (left, ~left))
            assert choice.share[s] == pytest.approx(1 - rest / size / gini(labels[points]), abs=1e-12)
            if s == 1 and choice.feature[s] == 0:
                thresholds.append((choice.threshold[s] - np.nanmin(x)) / (np.nanmax(x) - np.nanmin(x)))
                sides.append(choice.missing_left[s])
    assert min(thresholds) < 0.1 and max(thresholds) > 0.9
    assert 0.2 < np.mean(sides) < 0.8


def test_random_thresholds_of_the_best_feature():
    """With the same random numbers, a feature alone is worth no more than the best of all."""
    X = rng.normal(size=(SIZE.sum(), 4))
    problem, level, _ = problem_of(X, rng.permutation(np.arange(len(X)) % 3))
    every = random_split(problem, level, X.T.copy(), 4, np.random.default_rng(5))
    some = [random_split(problem, level, X.T.copy(), 1, np.random.default_rng(s)).feature for s in range(40)]
    assert set(np.ravel(some)) == {0, 1, 2, 3}
    u = np.random.default_rng(5).random((4, 3))  # the first numbers that are drawn
    for s, (start, size) in enumerate(zip(level.start, SIZE)):
        x = X[level.points[start : start + size]]
        thresholds = x.min(axis=0) + u[:, s] * np.ptp(x, axis=0)
        found = []
        for d in range(4):
            left = x[:, d] <= thresholds[d]
            order = np.concatenate([np.flatnonzero(left), np.flatnonzero(~left)]) + start
            slot = Slot(np.array([[d]]), level.points.copy()[None], None)
            slot.order[0, start : start + size] = level.points[order]
            found.append(shares(scan(problem, level), slot)[0, start + left.sum() - 1])
        assert every.share[s] == pytest.approx(max(found), abs=1e-12)
        assert every.feature[s] == np.argmax(np.array(found) >= max(found) - TIE)  # the first of equals
        assert every.threshold[s] == pytest.approx(thresholds[every.feature[s]], rel=1e-12)


def test_nothing_to_choose_from():
    X = np.full((SIZE.sum(), 2), 3.0)
    problem, level, search = problem_of(X, rng.permutation(np.arange(len(X)) % 3))
    assert search.choose(level).share.tolist() == [-1] * 3
    assert random_split(problem, level, X.T.copy(), 2, rng).share.tolist() == [-1] * 3
    assert best_split(scan(problem, level), search.slots(level), search.values, 1, rng).share.tolist() == [-1] * 3
