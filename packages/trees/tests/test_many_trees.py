"""The oracle is one tree by itself, enumeration of what can be drawn, and NumPy's own sort."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_trees import level_wise, many_trees
from pellucid_trees.level import describe, pose
from pellucid_trees.limits import Limits
from pellucid_trees.many_trees import Draws, best_thresholds, by_value, grow, keys, one_more, shuffled, table, uniform

LIMITS = Limits()


def rngs(B, seed=0):
    return [np.random.default_rng([seed, b]) for b in range(B)]


def in_order(monkeypatch):
    """Features are looked at from the first to the last, as a single tree does."""
    monkeypatch.setattr(many_trees, "shuffled", lambda u, D: np.tile(np.arange(D)[: u.shape[1]], (len(u), 1)))


def drawn(seed, N=40, D=4, B=3, gaps=False, round_to=1):
    """Data with ties, and how often each of B trees has drawn each row."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)).round(round_to)
    if gaps:
        X[rng.random((N, D)) < 0.15] = np.nan
    counts = np.stack([np.bincount(rng.integers(0, N, N), minlength=N) for _ in range(B)]).astype(float)
    return X, counts, rng


def level_of(X, counts, q=2, nodes=1):
    """A search and a level of several nodes for each tree, the points of which they have in turns."""
    trees, rows = np.nonzero(counts)
    problem, _, _ = pose(np.arange(len(X)) % 2, counts[trees, rows], LIMITS, n_classes=2, criterion="gini", rows=rows)
    search = Draws(problem, table(X), rows, trees, q, rngs(len(counts)), best_thresholds)
    node = trees * nodes + np.arange(len(rows)) % nodes
    size = np.bincount(node)
    return search, describe(problem, np.argsort(node, kind="stable"), size.cumsum() - size, size)


# -- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [63, 0], ids=["packed", "too long to be packed"])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("N, nodes", [(40, 3), (300, 4), (3, 1)])
def test_eq_1_points_stand_in_the_order_of_the_values(bits, gaps, N, nodes, monkeypatch):
    monkeypatch.setattr(many_trees, "BITS", bits)
    X, counts, rng = drawn(1, N=N, gaps=gaps)
    search, level = level_of(X, counts, nodes=nodes)
    feature = rng.integers(0, 4, len(level.start))
    slot, constant = by_value(search, level, keys(search, level), feature)
    assert slot.feature.tolist() == [feature.tolist()] and slot.order.shape == slot.same.shape
    for s, (start, size) in enumerate(zip(level.start, level.size)):
        inside = slice(start, start + size)
        order, same = slot.order[0, inside], slot.same[0, inside]
        assert sorted(order) == sorted(level.points[inside])
        x = X[search.rows[order], feature[s]]
        np.testing.assert_array_equal(x, np.sort(x))  # NaN last
        assert same.tolist() == [a == b or (a != a and b != b) for a, b in zip(x, x[1:])] + [False]
        assert constant[s] == all(same[:-1])
        assert slot.missing is None or slot.missing[0, s] == np.isnan(x).sum()
        if bits:
            by_point = np.lexsort((order, np.nan_to_num(x, nan=np.inf)))
            assert by_point.tolist() == list(range(size))  # of equal values the smaller number is first
    assert gaps or slot.missing is None


@pytest.mark.parametrize("bits", [63, 0])
def test_eq_1_last_rank_is_missing_only_where_it_is(bits, monkeypatch):
    """The largest rank of a column without gaps, and of nodes without gaps in a column that has some, is a value's."""
    monkeypatch.setattr(many_trees, "BITS", bits)
    X = np.array([[0.0, 5], [1, np.nan], [2, 3], [3, 4], [3, 4], [2, np.nan]])
    search, level = level_of(X, np.ones((1, 6)), nodes=2)  # rows 0, 2, 4 and 1, 3, 5
    for feature, missing in (([0, 0], None), ([1, 1], [[0, 2]]), ([1, 0], None), ([0, 1], [[0, 2]])):
        slot, _ = by_value(search, level, keys(search, level), np.array(feature))
        assert slot.missing is None if missing is None else slot.missing.tolist() == missing


def test_ranks_count_distinct_values_and_missing_ones_are_last():
    X = np.array([[2.0, np.nan], [-1.0, np.nan], [2.0, np.nan], [np.nan, np.nan], [0.0, np.nan], [np.nan, np.nan]])
    found = table(np.asfortranarray(X))
    assert found.rank.tolist() == [[2, 0, 2, 3, 1, 3], [0] * 6] and found.missing.tolist() == [3, 0]
    assert found.X.flags.c_contiguous and found.rank.dtype == np.uint8
    assert table(X[:, :1][:3]).missing.tolist() == [-1]
    assert table(np.arange(70000.0)[:, None]).rank[0, -1] == 69999


# -- drawing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("together", [1 << 20, 5])
@pytest.mark.parametrize("D, q", [(4, 1), (4, 2), (4, 3), (3, 3), (1, 1)])
def test_eq_2_every_order_is_drawn_from_as_many_numbers(D, q, together, monkeypatch):
    """Random numbers in the middle of D, D − 1, ... equal parts of [0, 1): each combination gives another order."""
    monkeypatch.setattr(many_trees, "SHUFFLED", together)
    u = np.array(list(itertools.product(*[(np.arange(D - j) + 0.5) / (D - j) for j in range(q)])))
    found = shuffled(u, D)
    assert sorted(map(tuple, found.tolist())) == sorted(itertools.permutations(range(D), q))


def test_eq_2_the_ends_of_the_unit_interval():
    assert shuffled(np.zeros((2, 3)), 5).tolist() == [[0, 1, 2]] * 2
    assert shuffled(np.full((1, 3), np.nextafter(1, 0)), 3).tolist() == [[2, 0, 1]]


def test_random_numbers_are_those_of_the_nodes_own_tree():
    X, counts, _ = drawn(2, B=3)
    search, level = level_of(X, counts, nodes=4)
    there = np.array([0, 3, 4, 5, 9, 11])  # of trees 0, 0, 1, 1, 2, 2, and then mixed up
    for chosen in (there, there[[5, 0, 2, 1, 4, 3]]):
        part = level._replace(start=level.start[chosen])
        found = uniform(search._replace(rngs=rngs(3)), part, 4)
        ours = rngs(3)
        expected = {}
        for s, tree in enumerate(chosen // 4):
            expected.setdefault(tree, []).append(s)
        for tree, nodes in expected.items():
            np.testing.assert_array_equal(found[nodes], ours[tree].random((len(nodes), 4)))


def test_a_feature_that_is_constant_makes_room_for_one_that_is_not():
    rng = np.random.default_rng(3)
    N, D, B = 30, 8, 400
    X = np.tile(rng.normal(size=D), (N, 1))
    X[:, [2, 5]] = rng.normal(size=(N, 2))
    X[:, 6] = np.nan
    y = rng.integers(0, 2, N)
    for q in (1, 2, 3):
        trees = grow(table(X), y, np.ones((B, N)), Limits(max_depth=1), rngs=rngs(B), n_classes=2, max_features=q)
        roots = Counter(int(tree.feature[0]) for tree in trees)
        assert set(roots) == {2, 5}
        if q == 1:  # both alike: within five standard deviations
            assert abs(roots[2] - B / 2) < 5 * np.sqrt(B) / 2


def test_one_more_leaves_the_others_as_they_are():
    X = np.array([[0.0, 1, 0], [0, 2, 0], [1, 1, 7], [2, 1, 7], [5, 5, 5], [5, 5, 5]])
    search, level = level_of(X, np.ones((1, 6)), nodes=1)
    start, size = np.array([0, 2, 4]), np.array([2, 2, 2])
    level = describe(search.problem, np.arange(6), start, size)
    found, constant = best_thresholds(search, level, np.array([[2], [0], [0]]))
    assert constant.tolist() == [True, False, True] and found.share.tolist()[2] == -1
    more = one_more(search, level, found, constant, np.array([0.99, 0.99, 0.99]))
    assert more.feature[:2].tolist() == [1, 0] and more.threshold[:2].tolist() == [1.5, 1.5]
    assert more.share[0] > 0.9 and more.share[2] == -1
    assert found.feature.tolist() == [2, 0, 0]  # not written to


def test_q_features_are_looked_at_and_the_best_of_them_wins(monkeypatch):
    """With the features drawn known, the root asks the best question about one of them."""
    X, _, rng = drawn(4, N=60, D=5, round_to=3)
    y = X @ np.array([3.0, 2, 1, 0.5, 0]) + rng.normal(size=60)
    for features in itertools.combinations(range(5), 2):
        monkeypatch.setattr(many_trees, "shuffled", lambda u, D, f=features: np.tile(f, (len(u), 1)))
        [tree] = grow(table(X), y[:, None], np.ones((1, 60)), Limits(max_depth=1), rngs=rngs(1), max_features=2)
        alone = level_wise.grow(X[:, features], y[:, None], max_depth=1)
        assert tree.feature[0] == features[alone.feature[0]] and tree.threshold[0] == alone.threshold[0]


def test_all_nodes_have_features_of_their_own():
    X, counts, rng = drawn(5, N=200, D=6, round_to=6)
    y = rng.normal(size=(200, 1))
    trees = grow(table(X), y, counts, LIMITS, rngs=rngs(3), max_features=1)
    asked = np.concatenate([tree.feature[tree.feature >= 0] for tree in trees])
    expected = len(asked) / 6
    assert np.all(np.abs(np.bincount(asked, minlength=6) - expected) < 5 * np.sqrt(expected))


# -- growing ---------------------------------------------------------------------------------------------------------


def assert_same(found, expected):
    for name, wanted in expected._asdict().items():
        got = getattr(found, name)
        if wanted.dtype.kind == "f":
            np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-13, err_msg=name)
        else:
            np.testing.assert_array_equal(got, wanted, err_msg=name)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    seed=st.integers(0, 10**6),
    N=st.integers(1, 40),
    D=st.integers(1, 4),
    criterion=st.sampled_from(["gini", "entropy", "log_loss", "squared_error", "absolute_error"]),
    gaps=st.booleans(),
    weighted=st.booleans(),
    round_to=st.integers(0, 2),
    limits=st.builds(
        Limits,
        max_depth=st.sampled_from([None, 1, 3]),
        min_samples_split=st.sampled_from([2, 5]),
        min_samples_leaf=st.sampled_from([1, 3]),
        min_weight_leaf=st.sampled_from([0.0, 2.5]),
        max_leaf_nodes=st.sampled_from([None, 4]),
        min_impurity_decrease=st.sampled_from([0.0, 0.02]),
    ),
)
def test_trees_are_those_that_grow_one_by_one(seed, N, D, criterion, gaps, weighted, round_to, limits):
    X, counts, rng = drawn(seed, N=N, D=D, gaps=gaps, round_to=round_to)
    if weighted:
        counts *= rng.uniform(0.1, 2, N)
    classes = criterion in ("gini", "entropy", "log_loss")
    Y = rng.integers(0, 3, N) if classes else rng.normal(size=(N, 2)).round(round_to)
    settings = {"n_classes": 3 if classes else None, "criterion": criterion}
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_order(monkeypatch)
        together = grow(table(X), Y, counts, limits, rngs=rngs(3), **settings)
    for tree, count in zip(together, counts):
        assert_same(tree, level_wise.grow(X, Y, count, **limits._asdict(), **settings))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("classes", [True, False])
def test_constraints_are_kept_as_by_a_single_tree(sign, classes, monkeypatch):
    in_order(monkeypatch)
    X, counts, rng = drawn(6, N=80)
    y = np.sin(3 * X[:, 0]) + rng.normal(size=80) / 3
    Y, settings = (
        ((y > 0).astype(int), {"n_classes": 2, "criterion": "gini"})
        if classes
        else (y[:, None], {"criterion": "squared_error"})
    )
    signs = np.array([sign, 0, -sign, 0])
    together = grow(table(X), Y, counts, LIMITS, rngs=rngs(3), monotonic_cst=signs, **settings)
    for tree, count in zip(together, counts):
        assert_same(tree, level_wise.grow(X, Y, count, monotonic_cst=signs, **settings))
        free = level_wise.grow(X, Y, count, **settings)
        assert not np.array_equal(tree.feature, free.feature)


@pytest.mark.parametrize("criterion", ["gini", "squared_error"])
def test_a_tree_is_the_same_whatever_grows_beside_it(criterion):
    X, counts, rng = drawn(7, N=120, D=5, B=6, round_to=2)
    classes = criterion == "gini"
    Y = rng.integers(0, 3, 120) if classes else rng.normal(size=(120, 1))
    settings = {"n_classes": 3 if classes else None, "criterion": criterion, "max_features": 2}
    together = grow(table(X), Y, counts, LIMITS, rngs=rngs(6), **settings)
    apart = [
        tree
        for part in ([0, 1], [2], [3, 4, 5])
        for tree in grow(table(X), Y, counts[part], LIMITS, rngs=[rngs(6)[b] for b in part], **settings)
    ]
    for tree, alone in zip(together, apart):
        for found, expected in zip(tree, alone):
            np.testing.assert_array_equal(found, expected)
    assert len({len(tree.feature) for tree in together}) > 1


def test_no_weight_and_weights_of_one_are_the_same():
    X, _, rng = drawn(8)
    y = rng.normal(size=(40, 1))
    ones = grow(table(X), y, np.ones((2, 40)), LIMITS, rngs=rngs(2), max_features=2)
    twos = grow(table(X), y, np.full((2, 40), 2.0), LIMITS, rngs=rngs(2), max_features=2)
    for one, two in zip(ones, twos):
        assert_same(one, two._replace(weight=two.weight / 2))


def test_float32_is_compared_as_it_is():
    X = np.array([[1 / 3], [np.nextafter(np.float32(1 / 3), np.float32(1))]], np.float32)
    [tree] = grow(table(X), np.array([[0.0], [1.0]]), np.ones((1, 2)), LIMITS, rngs=rngs(1))
    assert X[0, 0] <= tree.threshold[0] < X[1, 0] and tree.value.tolist() == [[0.5], [0.0], [1.0]]


def test_duplicate_rows_with_different_labels_end_in_one_leaf():
    X = np.repeat([[1.0, 2.0], [3.0, 2.0]], 3, axis=0)
    [tree] = grow(table(X), np.array([0, 1, 1, 0, 0, 1]), np.ones((1, 6)), LIMITS, rngs=rngs(1), n_classes=2)
    assert tree.points.tolist() == [6, 3, 3]
    np.testing.assert_allclose(tree.value[1:], [[1 / 3, 2 / 3], [2 / 3, 1 / 3]])
