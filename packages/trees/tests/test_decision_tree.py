"""Decision trees: each equation by enumeration, and the cases that trees are known to get wrong."""

import itertools
import warnings

import numpy as np
import pytest

import pellucid
from pellucid_trees import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    GradientBoostingRegressor,
    RandomForestRegressor,
)
from pellucid_trees.decision_tree import TIE, best_question, grow, importances, questions
from pellucid_trees.impurity import EPSILON
from pellucid_trees.limits import UNLIMITED, Limits
from pellucid_trees.tree import Tree, apply

rng = np.random.default_rng(0)

BOTH = [DecisionTreeClassifier, DecisionTreeRegressor]
nan = np.nan


# -- the reader's form ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x, expected",
    [
        ([3.0, 1.0, 1.0, 7.0], [(2.0, False), (5.0, False)]),
        ([2.0, 2.0], []),
        ([3.0, nan, 1.0], [(2.0, False), (np.inf, False), (2.0, True)]),
        ([3.0, nan], [(np.inf, False)]),
        ([nan, nan], []),
        ([1.0, np.nextafter(1.0, 2)], [(1.0, False)]),
        ([-1.7e308, 1.7e308], [(0.0, False)]),
    ],
)
def test_eq_1_thresholds_lie_half_way_between_values(x, expected):
    assert list(questions(np.array(x))) == expected


def gini(labels, weights):
    """How often two draws differ."""
    share = weights / weights.sum()
    pairs = itertools.product(range(len(labels)), repeat=2)
    return sum(share[i] * share[j] for i, j in pairs if labels[i] != labels[j])


@pytest.mark.parametrize("seed", range(10))
def test_eq_2_the_best_question_of_all(seed):
    rng = np.random.default_rng(seed)
    X, labels, weights = rng.integers(0, 4, (9, 2)).astype(float), rng.integers(0, 3, 9), rng.uniform(0.5, 2, 9)
    W, i = weights.sum(), gini(labels, weights)
    worth = {}
    for d in (0, 1):
        for threshold in (0.5, 1.0, 1.5, 2.0, 2.5):
            left = X[:, d] <= threshold
            if 0 < left.sum() < 9:
                parts = [weights[side].sum() * gini(labels[side], weights[side]) for side in (left, ~left)]
                worth[d, threshold] = i - sum(parts) / W
    found = best_question(X, np.eye(3)[labels], weights, UNLIMITED, criterion="gini")
    assert found.decrease == pytest.approx(max(worth.values()), abs=1e-13)
    assert worth[found.feature, found.threshold] == pytest.approx(found.decrease, abs=1e-13)
    np.testing.assert_array_equal(found.goes_left, X[:, found.feature] <= found.threshold)


def test_eq_3_a_split_must_bring_enough_of_the_whole():
    """The root brings 3/8, and then its left child 4/8 · 1/2; so much as a tie more or less does not matter."""
    X = np.array([0.0, 0, 1, 1, 2, 2, 2, 2])[:, None]
    Y = np.eye(3)[[0, 0, 1, 1, 2, 2, 2, 2]]
    whole = grow(X, Y, np.ones(8))
    assert whole.points.tolist() == [8, 4, 2, 2, 4] and whole.impurity.tolist() == [0.625, 0.5, 0, 0, 0]
    slack = 0.25 * TIE  # of the child
    for limit, n_nodes in ((0.25, 5), (0.25 + slack / 2, 5), (0.25 + 2 * slack, 3), (0.375, 3), (0.3750001, 1)):
        assert len(grow(X, Y, np.ones(8), Limits(min_impurity_decrease=limit)).points) == n_nodes
        model = DecisionTreeClassifier(min_impurity_decrease=limit).fit(X, Y.argmax(axis=1), np.full(8, 3.0))
        assert len(model.tree_.points) == n_nodes


def test_eq_4_importances_share_out_what_the_leaves_no_longer_have():
    X = rng.normal(size=(60, 3))
    y = X[:, 0] + X[:, 1] * X[:, 0] + 0.2 * rng.normal(size=60)
    tree = grow(X, y[:, None], rng.uniform(0.5, 2, 60), Limits(max_depth=4), criterion="squared_error")
    found = importances(tree, 4)
    by_hand = np.zeros(4)
    for node in np.flatnonzero(tree.left >= 0):
        parts = [tree.weight[n] * tree.impurity[n] for n in (node, tree.left[node], tree.right[node])]
        by_hand[tree.feature[node]] += parts[0] - parts[1] - parts[2]
    leaves = tree.left < 0
    total = tree.weight[0] * tree.impurity[0] - np.sum((tree.weight * tree.impurity)[leaves])
    np.testing.assert_allclose(found, by_hand / total, rtol=1e-12)
    assert found.sum() == pytest.approx(1) and found[3] == 0
    huge = tree._replace(weight=tree.weight * 1e300, impurity=tree.impurity * 1e200)
    np.testing.assert_allclose(importances(huge, 4), found, rtol=1e-12)
    assert importances(Tree.leaf(np.zeros(1), 0.5, 3, 3.0), 2).tolist() == [0, 0]


def test_it_recovers_a_tree():
    """Points that a tree has drawn are predicted by a tree with the same questions."""
    X = rng.uniform(size=(400, 3))
    y = np.where(X[:, 1] <= 0.4, np.where(X[:, 0] <= 0.7, 1.0, 2.0), np.where(X[:, 2] <= 0.2, 8.0, 9.0))
    tree = grow(X, y[:, None], np.ones(400), criterion="squared_error")
    assert tree.feature.tolist() == [1, 0, -1, -1, 2, -1, -1]
    np.testing.assert_allclose(tree.threshold[[0, 1, 4]], [0.4, 0.7, 0.2], atol=0.02)
    np.testing.assert_allclose(tree.value[:, 0][[2, 3, 5, 6]], [1, 2, 8, 9])


# -- what trees get wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_equal_rows_with_different_labels_end_in_a_leaf_that_says_how_many(criterion):
    X = [[1.0, 2.0]] * 4 + [[3.0, 2.0]] * 2
    model = DecisionTreeClassifier(criterion=criterion).fit(X, ["a", "b", "b", "b", "c", "c"])
    assert model.get_n_leaves() == 2
    assert model.predict_proba([[1, 2], [3, 2]]).tolist() == [[0.25, 0.75, 0], [0, 0, 1]]
    assert model.predict([[1, 2]]).tolist() == ["b"]


def test_equal_rows_with_different_targets_end_in_their_mean_or_median():
    X, y = [[1.0]] * 3, [0.0, 1.0, 5.0]
    assert DecisionTreeRegressor().fit(X, y).predict([[7]]).tolist() == [2]
    assert DecisionTreeRegressor(criterion="absolute_error").fit(X, y).predict([[7]]).tolist() == [1]


def test_one_class():
    model = DecisionTreeClassifier().fit([[0.0], [1.0], [2.0]], ["only"] * 3)
    assert model.get_depth() == 0 and model.get_n_leaves() == 1
    assert model.predict([[5]]).tolist() == ["only"] and model.predict_proba([[5]]).tolist() == [[1]]
    assert model.feature_importances_.tolist() == [0]


@pytest.mark.parametrize("splitter", ["best", "random"])
@pytest.mark.parametrize("Model", BOTH)
def test_constant_features_are_not_asked_about(Model, splitter):
    X = np.full((20, 3), 4.0)
    y = np.arange(20) % 2
    assert Model(splitter=splitter).fit(X, y).get_depth() == 0
    X[:, 1] = y
    model = Model(splitter=splitter, max_features=1, random_state=0).fit(X, y)
    assert model.tree_.feature[0] == 1 and model.score(X, y) == 1
    X[:, 1] = nan
    assert Model(splitter=splitter).fit(X, y).get_depth() == 0


@pytest.mark.parametrize("Model", BOTH)
def test_a_split_that_gains_nothing_is_made_if_others_may_gain(Model):
    """Of two features that decide only together, neither gains anything alone."""
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 3)
    y = X[:, 0] ^ X[:, 1]
    model = Model().fit(X, y)
    assert model.score(X, y) == 1 and model.get_n_leaves() == 4
    assert Model(max_depth=1).fit(X, y).feature_importances_.tolist() == [0, 0]
    assert Model(min_impurity_decrease=1e-12).fit(X, y).get_n_leaves() == 1


def test_targets_that_differ_only_by_rounding_are_not_split():
    X = np.arange(6.0)[:, None]
    for y in (np.full(6, 0.1), [0.3, 0.1 + 0.2] * 3, np.full(6, 1e300), np.full(6, 1e-300), np.zeros(6)):
        model = DecisionTreeRegressor().fit(X, y)
        assert model.get_n_leaves() == 1
        np.testing.assert_allclose(model.predict(X), y, rtol=1e-15)
    assert DecisionTreeRegressor().fit(X, [1e-9, 2e-9] * 3).get_n_leaves() == 6  # small, and yet different
    assert DecisionTreeRegressor().fit(X, [1e9, 1e9 + 1] * 3).get_n_leaves() == 6


@pytest.mark.parametrize("Model", BOTH)
def test_depth_zero_is_refused_and_one_question_allowed(Model):
    X, y = [[0.0], [1.0], [2.0]], [0, 1, 2]
    with pytest.raises(ValueError, match="max_depth must be None or a whole number of 1 or more, got 0"):
        Model(max_depth=0).fit(X, y)
    assert Model(max_depth=1).fit(X, y).get_depth() == 1


def test_targets_in_one_dimension_or_two():
    X, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    flat, column, both = (
        DecisionTreeRegressor(max_depth=2).fit(X, target) for target in (y, y[:, None], np.stack([y, -y], axis=1))
    )
    assert flat.predict(X).shape == (20,) and column.predict(X).shape == (20, 1) and both.predict(X).shape == (20, 2)
    np.testing.assert_array_equal(flat.predict(X), column.predict(X)[:, 0])
    np.testing.assert_allclose(both.predict(X), np.stack([flat.predict(X), -flat.predict(X)], axis=1), rtol=1e-12)
    with pytest.warns(UserWarning, match="column-vector"):
        DecisionTreeClassifier().fit(X, (y > 0)[:, None])


@pytest.mark.parametrize("Model", BOTH)
def test_one_row_and_one_row_that_counts(Model):
    assert Model().fit([[1.0, nan]], [3]).predict([[5, 5]]).tolist() == [3]
    assert Model().fit([[0.0], [1.0]], [3, 4], sample_weight=[0, 2]).predict([[0]]).tolist() == [4]


@pytest.mark.parametrize("Model", BOTH)
def test_huge_values_and_values_that_are_next_to_each_other(Model):
    y = [0, 1, 0, 1]
    for x in ([-1.7e308, -1e308, 1e308, 1.7e308], [5e-324, 1e-323, 1.5e-323, 2e-323]):
        X = np.array(x)[:, None]
        assert Model().fit(X, y).predict(X).tolist() == y
    steps = 1 + EPSILON * np.arange(4)
    assert Model().fit(steps[:, None], y).predict(steps[:, None]).tolist() == y
    with pytest.raises(ValueError, match="infinity"):
        Model().fit([[1.0], [np.inf]], [0, 1])


# -- missing values ------------------------------------------------------------------------------------------------


def test_missing_values_go_where_they_belong():
    X = np.array([[0.0], [1], [2], [3], [nan], [nan]])
    high = DecisionTreeClassifier().fit(X, [0, 0, 1, 1, 1, 1])
    low = DecisionTreeClassifier().fit(X, [0, 0, 1, 1, 0, 0])
    own = DecisionTreeClassifier().fit(X, [0, 0, 0, 0, 1, 1])
    assert [m.get_n_leaves() for m in (high, low, own)] == [2, 2, 2]
    assert [m.tree_.threshold[0] for m in (high, low, own)] == [1.5, 1.5, np.inf]
    assert [m.predict([[nan], [0], [3]]).tolist() for m in (high, low, own)] == [[1, 0, 1], [0, 0, 1], [1, 0, 0]]
    assert high.has_missing_.tolist() == [True]


@pytest.mark.parametrize("Model", BOTH)
def test_random_thresholds_part_a_single_value_from_missing_ones(Model):
    X, y = [[1.0], [1.0], [nan], [nan]], [0, 0, 1, 1]
    trees = [Model(splitter="random", random_state=seed).fit(X, y) for seed in range(8)]
    assert all(tree.get_n_leaves() == 2 and tree.score(X, y) == 1 for tree in trees)


def test_missing_values_that_were_never_seen_go_with_the_many():
    X, y = np.arange(5.0)[:, None], [0, 0, 0, 1, 1]
    assert DecisionTreeClassifier().fit(X, y).predict([[nan]]).tolist() == [0]
    assert DecisionTreeClassifier().fit(-X, y).predict([[nan]]).tolist() == [0]
    even = DecisionTreeClassifier().fit(X[:4], [0, 0, 1, 1])
    assert even.predict([[nan]]).tolist() == [1] and even.has_missing_.tolist() == [False]


# -- weights -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("Model", BOTH)
def test_weights_of_zero_are_absent_and_whole_ones_repeat(Model):
    X, y, times = rng.normal(size=(40, 2)), rng.integers(0, 3, 40), rng.integers(0, 3, 40)
    weighted = Model(max_depth=4).fit(X, y, times)
    repeated = Model(max_depth=4).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    there = times > 0
    without = Model(max_depth=4).fit(X[there], y[there], times[there])
    for other in (repeated, without):
        np.testing.assert_array_equal(weighted.tree_.threshold, other.tree_.threshold)
        np.testing.assert_allclose(weighted.tree_.value, other.tree_.value, atol=1e-14)
        np.testing.assert_allclose(weighted.tree_.weight, other.tree_.weight, rtol=1e-14)


def test_class_weights_are_sample_weights():
    X, y = rng.normal(size=(50, 2)), np.array(["a", "b", "b", "b", "b"] * 10)
    balanced = DecisionTreeClassifier(class_weight="balanced", max_depth=2).fit(X, y)
    given = DecisionTreeClassifier(class_weight={"a": 2.5, "b": 0.625}, max_depth=2).fit(X, y)
    by_row = DecisionTreeClassifier(max_depth=2).fit(X, y, np.where(y == "a", 2.5, 0.625))
    np.testing.assert_allclose(balanced.tree_.value[0], [0.5, 0.5])
    for other in (given, by_row):
        np.testing.assert_array_equal(balanced.tree_.value, other.tree_.value)


# -- the estimators ------------------------------------------------------------------------------------------------


def test_probabilities_are_the_shares_at_the_leaves():
    X, y = rng.normal(size=(100, 2)), rng.integers(0, 3, 100) * 10
    model = DecisionTreeClassifier(max_depth=3).fit(X, y)
    assert model.n_classes_ == 3 and not hasattr(DecisionTreeClassifier(), "n_classes_")
    leaves, probabilities = model.apply(X), model.predict_proba(X)
    for leaf in np.unique(leaves):
        here = y[leaves == leaf]
        np.testing.assert_allclose(
            probabilities[leaves == leaf], [[np.mean(here == k) for k in (0, 10, 20)]] * len(here)
        )
    np.testing.assert_array_equal(model.predict(X), model.classes_[probabilities.argmax(axis=1)])
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(model.predict_log_proba(X), np.log(probabilities))


def test_the_path_of_a_row_is_its_leaf_and_the_nodes_above():
    X = rng.normal(size=(30, 2))
    model = DecisionTreeRegressor().fit(X, X[:, 0] * X[:, 1])
    passed, tree = model.decision_path(X), model.tree_
    assert passed.shape == (30, len(tree.feature)) and passed[:, 0].all()
    np.testing.assert_array_equal(passed.sum(axis=0), tree.points)
    inner = np.flatnonzero(tree.left >= 0)
    np.testing.assert_array_equal(passed[:, inner], passed[:, tree.left[inner]] | passed[:, tree.right[inner]])
    assert passed[np.arange(30), model.apply(X)].all()
    assert model.get_depth() == passed.sum(axis=1).max() - 1
    assert model.get_n_leaves() == np.count_nonzero(tree.left < 0)


def test_text_picture_and_explanation():
    X = np.array([[0.0, 1], [1, 1], [2, nan], [3, 0]])
    model = DecisionTreeClassifier().fit(X, ["no", "no", "yes", "yes"])
    text = model.export_text(feature_names=["size", "age"])
    assert "size ≤ 1.50?" in text and "yes" in text and "size" in model.draw(feature_names=["size", "age"])
    assert "x0 ≤ 1.5000?" in model.export_text(decimals=4)
    assert "2.00" in model.export_text(show_weights=True) or "2" in model.export_text(show_weights=True)
    assert model.draw().startswith("<svg") and model.draw()._repr_svg_() == model.draw()
    words = str(model.explain(X[3], feature_names=["size", "age"]))
    assert "yes" in words and "size" in words
    assert str(model.explain([[3.0, 0.0]])) == str(model.explain([3, 0]))
    with pytest.raises(ValueError, match="explain takes one point, got 2"):
        model.explain(X[:2])
    with pytest.raises(ValueError, match="feature_names must name 2 features, got 1"):
        model.export_text(feature_names=["size"])
    regressor = DecisionTreeRegressor(max_depth=1).fit(X, [1.0, 2, 3, 4])
    assert "1.50" in regressor.export_text() and regressor.draw(max_depth=0).startswith("<svg")
    gaps = DecisionTreeClassifier().fit([[0.0], [1], [2], [nan]], [0, 0, 1, 1])
    assert "missing" in gaps.export_text() and "missing" not in text


def test_names_of_a_data_frame():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame({"size": [0.0, 1, 2], "age": [1.0, 1, 1]})
    model = DecisionTreeClassifier().fit(X, [0, 0, 1])
    assert "size" in model.export_text() and model.apply(X).tolist() == [1, 1, 2]
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename(columns={"size": "weight"}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert str(model.explain(X.iloc[2])) == str(model.explain(X.iloc[[2]])) == str(model.explain(X[2:]))
    with pytest.raises(ValueError, match="in the same order"):
        model.explain(X.iloc[2][["age", "size"]])


def test_pruning_takes_back_what_is_not_worth_a_leaf():
    X = rng.normal(size=(150, 3))
    y = (X[:, 0] + rng.normal(size=150) > 0).astype(int)
    path = DecisionTreeClassifier(ccp_alpha=0.5).cost_complexity_pruning_path(X, y)
    whole = DecisionTreeClassifier().fit(X, y)
    leaves = whole.tree_.left < 0
    rest = np.sum((whole.tree_.weight * whole.tree_.impurity)[leaves]) / 150
    assert path.ccp_alphas[0] == 0 and path.impurities[0] == pytest.approx(rest, abs=1e-12)
    assert (np.diff(path.ccp_alphas) >= 0).all() and path.impurities[-1] == pytest.approx(whole.tree_.impurity[0])
    sizes = [
        DecisionTreeClassifier(ccp_alpha=alpha).fit(X, y).get_n_leaves()
        for alpha in (0, path.ccp_alphas[len(path.ccp_alphas) // 2] + 1e-9, path.ccp_alphas[-1] + 1e-9)
    ]
    assert sizes[0] == whole.get_n_leaves() > sizes[1] > sizes[2] == 1


@pytest.mark.parametrize("Model", BOTH)
def test_only_what_is_random_depends_on_the_seed(Model):
    X, y = rng.normal(size=(80, 5)), rng.integers(0, 3, 80)
    for params in ({"max_features": 2}, {"splitter": "random"}):
        trees = [Model(random_state=seed, **params).fit(X, y).tree_ for seed in (0, 0, 1)]
        assert trees[0].threshold.tolist()[0] == trees[1].threshold.tolist()[0]
        assert not np.array_equal(trees[0].threshold, trees[2].threshold, equal_nan=True)
    plain = [Model(random_state=seed).fit(X, y).tree_ for seed in (0, None)]
    np.testing.assert_array_equal(plain[0].threshold, plain[1].threshold)


@pytest.mark.parametrize("Model", BOTH)
def test_any_kind_of_array_gives_the_same_tree(Model, tmp_path):
    X, y = rng.normal(size=(60, 3)).astype(np.float32), rng.integers(0, 3, 60)
    X[rng.random(X.shape) < 0.1] = nan
    usual = Model().fit(X.astype(float), y)
    read_only, mapped = X.copy(), np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, X.shape)
    read_only.flags.writeable = False
    mapped[:] = X
    for A in (X, np.asfortranarray(X), X.tolist(), read_only, mapped, X[::-1][::-1], X.astype(float)[:, ::-1][:, ::-1]):
        model = Model().fit(A, y)
        np.testing.assert_array_equal(model.tree_.threshold, usual.tree_.threshold)
        np.testing.assert_array_equal(model.predict(A), usual.predict(X.astype(float)))


@pytest.mark.parametrize("kind", [DecisionTreeRegressor, RandomForestRegressor, GradientBoostingRegressor])
def test_targets_and_weights_beyond_float32_beside_float32_features(kind):
    X, y = np.arange(8, dtype=np.float32)[:, None], 1e200 * np.arange(8.0)
    weights = np.full(8, 1e-60)  # of which float32 would make zeros
    model = kind(random_state=0).fit(X, y, weights)
    np.testing.assert_array_equal(model.predict(X), kind(random_state=0).fit(X.astype(float), y, weights).predict(X))
    assert 5e200 < model.predict(X)[-1] <= 7e200


@pytest.mark.parametrize("Model", BOTH)
def test_saving(Model, tmp_path):
    X, y = rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    model = Model(max_depth=3).fit(X, y)
    pellucid.save(model, tmp_path / "tree.npz")
    loaded = pellucid.load(tmp_path / "tree.npz")
    assert loaded.get_params() == model.get_params() and loaded.export_text() == model.export_text()
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded.feature_importances_, model.feature_importances_)


@pytest.mark.parametrize(
    "Model, params, message",
    [
        (DecisionTreeClassifier, {"criterion": "squared_error"}, "criterion must be one of 'gini', 'entropy'"),
        (DecisionTreeRegressor, {"criterion": "gini"}, "criterion must be one of 'squared_error', 'absolute_error'"),
        (DecisionTreeRegressor, {"splitter": "worst"}, "splitter must be 'best' or 'random', got 'worst'"),
        (DecisionTreeRegressor, {"ccp_alpha": -1}, "ccp_alpha must be 0 or more, got -1"),
        (DecisionTreeRegressor, {"ccp_alpha": None}, "ccp_alpha must be 0 or more, got None"),
        (DecisionTreeRegressor, {"min_samples_leaf": 0}, "min_samples_leaf must be"),
        (DecisionTreeClassifier, {"max_features": "most"}, "max_features must be"),
        (DecisionTreeRegressor, {"monotonic_cst": [1]}, r"monotonic_cst has shape \(1,\) but the input data X has 2"),
        (DecisionTreeRegressor, {"monotonic_cst": [1, 2]}, "monotonic_cst must hold -1, 0 or 1"),
        (DecisionTreeClassifier, {"monotonic_cst": [1, 0]}, "not supported with multiclass .* there are 3 classes"),
        (DecisionTreeRegressor, {"random_state": -1}, "random_state must be"),
        (DecisionTreeClassifier, {"class_weight": dict.fromkeys(range(3), 0)}, "leaves no point any weight"),
    ],
)
def test_wrong_parameters_say_so(Model, params, message):
    X, y = rng.normal(size=(9, 2)), np.arange(9) % 3
    with pytest.raises(ValueError, match=message):
        Model(**params).fit(X, y)
    with pytest.raises(ValueError, match="multiple outputs: y has 2"):
        DecisionTreeRegressor(monotonic_cst=[1, 0]).fit(X, np.stack([y, y], axis=1))


def test_constraints_of_0_are_none():
    X, y = rng.normal(size=(30, 2)), np.arange(30) % 2
    free, none = (DecisionTreeClassifier(monotonic_cst=c).fit(X, y).tree_ for c in (None, [0, 0]))
    np.testing.assert_array_equal(apply(free, X), apply(none, X))
    np.testing.assert_array_equal(free.value, none.value)


@pytest.mark.parametrize("size", [1e160, 1e-170])
def test_importances_that_cannot_be_told_are_refused(size):
    X, y = np.arange(20.0)[:, None], np.arange(20.0)
    for model in (DecisionTreeRegressor(), RandomForestRegressor(3), GradientBoostingRegressor(n_estimators=2)):
        fitted = model.fit(X, y * size)
        assert np.all(np.diff(fitted.predict(X)) >= 0) and fitted.predict(X[-1:]) > fitted.predict(X[:1])
        with pytest.raises(ValueError, match="squares of the targets are too large or too small. Divide y"):
            fitted.feature_importances_  # noqa: B018
