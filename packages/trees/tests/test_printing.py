"""Text is compared with what stands there when written by hand; numbers with the definition."""

import textwrap

import numpy as np
import pytest

from pellucid_trees.printing import explain, fixed, number, tree_text
from pellucid_trees.tree import Tree

rng = np.random.default_rng(0)


def leaf(value, points=1, weight=None):
    return Tree.leaf(np.asarray(value, float), 0.5, points, float(points if weight is None else weight))


def asks(value, points, feature, threshold, left, right, missing_left=False, weight=None):
    return leaf(value, points, weight).split(feature, threshold, missing_left, left, right)


FRUIT = asks(
    [0.5, 0.3, 0.2],
    10,
    0,
    2.5,
    leaf([1, 0, 0], 4),
    asks(
        [1 / 6, 1 / 2, 1 / 3],
        6,
        1,
        np.inf,
        asks([0, 0.75, 0.25], 4, 0, 7.125, leaf([0, 1, 0], 3), leaf([0, 0, 1], 1, 2.5), missing_left=True),
        leaf([0.5, 0, 0.5], 2),
    ),
)
NAMES = {"feature_names": ["length", "price"], "class_names": ["cherry", "apple", "melon"]}


def plain(text):
    return textwrap.dedent(text).strip()


def test_a_classifier_as_text():
    assert tree_text(FRUIT, **NAMES) == plain(
        """
        length ≤ 2.50?
        ├─ yes: cherry (1.00 of 4 points)
        └─ no: price known?
           ├─ yes: length ≤ 7.12?
           │  ├─ yes: apple (1.00 of 3 points)
           │  └─ no: melon (1.00 of 1 point)
           └─ no: cherry (0.50 of 2 points)
        """
    )


def test_what_is_missing_and_what_it_weighs():
    text = tree_text(FRUIT, **NAMES, missing=True, show_weights=True, decimals=3)
    assert text == plain(
        """
        length ≤ 2.500?
        ├─ yes: cherry (1.000 of 4 points; cherry 4.000, apple 0.000, melon 0.000)
        └─ no or missing: price known?
           ├─ yes: length ≤ 7.125?
           │  ├─ yes or missing: apple (1.000 of 3 points; cherry 0.000, apple 3.000, melon 0.000)
           │  └─ no: melon (1.000 of 1 point; cherry 0.000, apple 0.000, melon 2.500)
           └─ no: cherry (0.500 of 2 points; cherry 1.000, apple 0.000, melon 1.000)
        """
    )
    assert "missing" not in tree_text(FRUIT, **NAMES, missing=[False, True])
    assert tree_text(FRUIT, **NAMES, missing=[True, False]).count("missing") == 2


def test_what_is_deeper_is_counted():
    assert tree_text(FRUIT, **NAMES, max_depth=1) == plain(
        """
        length ≤ 2.50?
        ├─ yes: cherry (1.00 of 4 points)
        └─ no: apple (0.50 of 6 points), and 2 more questions
        """
    )
    assert tree_text(FRUIT, **NAMES, max_depth=0) == "cherry (0.50 of 10 points), and 3 more questions"
    assert "(1.00 of 4 points)\n└─ no: price known?\n" in tree_text(FRUIT, **NAMES, max_depth=2)
    assert tree_text(FRUIT, **NAMES, max_depth=2).count("and 1 more question\n") == 1
    assert tree_text(FRUIT, **NAMES, max_depth=3) == tree_text(FRUIT, **NAMES)
    for name in ("max_depth", "decimals"):
        with pytest.raises(ValueError, match=f"{name} must be 0 or more, got -1"):
            tree_text(FRUIT, **NAMES, **{name: -1})


def test_a_regressor_as_text():
    tree = asks([152.1], 30, 0, -0.0038, leaf([-1e-7], 10), leaf([1e20], 20, 2.25))
    assert tree_text(tree, feature_names=["s5"], show_weights=True) == plain(
        """
        s5 ≤ -0.0038?
        ├─ yes: -1e-07 (10 points, weight 10.00)
        └─ no: 1e+20 (20 points, weight 2.25)
        """
    )
    two = asks([1, 2], 30, 0, 3.0, leaf([0.5, 1.5], 10), leaf([2, 2.5], 20))
    assert tree_text(two, feature_names=["a"]) == plain(
        """
        a ≤ 3.00?
        ├─ yes: [0.50, 1.50] (10 points)
        └─ no: [2.00, 2.50] (20 points)
        """
    )


def test_a_single_leaf_and_a_very_deep_tree():
    assert tree_text(leaf([0.25, 0.75], 8), feature_names=[], class_names=["a", "b"]) == "b (0.75 of 8 points)"
    n = 1200  # deeper than Python's recursion goes
    t = np.arange(2 * n + 1)
    inner = t < n
    deep = Tree(
        np.where(inner, 0, -1),
        np.where(inner, -1.0 * t, np.nan),
        np.where(inner, t + 1, -1),
        np.where(inner, 2 * n - t, -1),
        np.zeros(2 * n + 1, bool),
        np.zeros((2 * n + 1, 1)),
        np.zeros(2 * n + 1),
        np.ones(2 * n + 1, int),
        np.ones(2 * n + 1),
    )
    assert len(tree_text(deep, feature_names=["x"]).split("\n")) == 2 * n + 1
    assert len(explain(deep, [-1e9], feature_names=["x"]).steps) == n


# -- one point -------------------------------------------------------------------------------------------------------


def test_one_point_of_a_classifier():
    found = explain(FRUIT, [8.0, 3.0], **NAMES)
    assert (
        str(found)
        == repr(found)
        == plain(
            """
        melon, with the share 1.00 at a leaf of 1 point

                                melon  change  points
        at the root              0.20              10
        length = 8.00 > 2.50     0.33   +0.13       6
        price = 3.00 is known    0.25   -0.08       4
        length = 8.00 > 7.12     1.00   +0.75       1
        """
        )
    )
    assert [step.node for step in found.steps] == [0, 2, 3]
    assert [step.name for step in found.steps] == ["length", "price", "length"]
    assert found.feature_names == ("length", "price") and found.class_names == ("cherry", "apple", "melon")


def test_one_point_with_nothing_known():
    assert str(explain(FRUIT, [np.nan, np.nan], **NAMES)) == plain(
        """
        cherry, with the share 0.50 at a leaf of 2 points

                                        cherry  change  points
        at the root                       0.50              10
        length is missing, goes right     0.17   -0.33       6
        price is missing, goes right      0.50   +0.33       2
        """
    )
    assert "length is missing, goes left" in str(explain(FRUIT, [np.nan, 3.0], **NAMES))


def test_one_point_of_a_regressor():
    tree = asks([1.5, 20], 3, 1, 0.5, leaf([1, 10], 2), leaf([2.5, 40], 1))
    assert str(explain(tree, [7, 0.5], feature_names=["a", "b"])) == plain(
        """
        1.00, 10.00 at a leaf of 2 points

                          target 0  change  target 1  change  points
        at the root           1.50             20.00               3
        b = 0.50 ≤ 0.50       1.00   -0.50     10.00  -10.00       2
        """
    )
    single = explain(leaf([3.0], 2), [7, 0.5], feature_names=["a", "b"], decimals=1)
    assert (
        str(single)
        == "3.0 at a leaf of 2 points\n\n              value  change  points\nat the root     3.0               2"
    )
    assert single.steps == () and np.all(single.contributions == 0)


def test_digits_show_which_is_larger():
    tree = asks([1.0], 2, 0, 0.8, leaf([0.0]), leaf([2.0]))
    for x, text in ((0.8001, "x = 0.8001 > 0.8000"), (0.8, "x = 0.80 ≤ 0.80"), (0.7996, "x = 0.7996 ≤ 0.8000")):
        assert text in str(explain(tree, [x], feature_names=["x"]))
    above = np.nextafter(0.8, 1)
    assert f"x = {above:.16f} > 0.8000000000000000" in str(explain(tree, [above], feature_names=["x"]))
    tiny = asks([1.0], 2, 0, 1e-300, leaf([0.0]), leaf([2.0]))
    assert "x = 1.0001e-300 > 1e-300" in str(explain(tiny, [1.0001e-300], feature_names=["x"]))


def random_tree(n_splits, K, D):
    if n_splits == 0:
        return leaf(rng.normal(size=K), rng.integers(1, 9))
    first = rng.integers(n_splits)
    below = random_tree(first, K, D), random_tree(n_splits - 1 - first, K, D)
    return asks(rng.normal(size=K), 9, rng.integers(D), rng.normal(), *below, missing_left=rng.random() < 0.5)


@pytest.mark.parametrize("K", [1, 3])
def test_eq_1_2_what_the_questions_change_adds_up_to_the_value(K):
    D = 4
    for _ in range(20):
        tree, x = random_tree(15, K, D), rng.normal(size=D)
        x[rng.random(D) < 0.2] = np.nan
        found = explain(tree, x, feature_names=list("abcd"))
        t, contributions = 0, {d: np.zeros(K) for d in range(D)}
        while tree.left[t] >= 0:
            d = tree.feature[t]
            left = tree.missing_left[t] if np.isnan(x[d]) else x[d] <= tree.threshold[t]
            child = tree.left[t] if left else tree.right[t]
            contributions[d] += tree.value[child] - tree.value[t]
            t = child
        np.testing.assert_array_equal(found.value, tree.value[t])
        np.testing.assert_array_equal(found.root_value, tree.value[0])
        np.testing.assert_allclose(found.root_value + found.contributions.sum(axis=0), found.value, atol=1e-12)
        np.testing.assert_allclose(found.contributions, [contributions[d] for d in range(D)], atol=1e-12)
        for step, following in zip(found.steps, found.steps[1:]):
            np.testing.assert_array_equal(step.after, following.before)


def test_numbers():
    assert [number(x, 2) for x in (0, -0.0, 1.005, 12345.678, 0.5, 0.05, 0.0123, -1e-9, 1e15, -2.5e200)] == [
        *("0.00", "0.00", "1.00", "12345.68", "0.50", "0.05", "0.012", "-1e-09", "1e+15", "-2.5e+200")
    ]
    assert [number(x, 0) for x in (0, 1.4, 12.6, 0.004)] == ["0", "1", "13", "0.004"]
    assert [fixed(x, 1) for x in (0, -0.04, -0.06, 2)] == ["0.0", "0.0", "-0.1", "2.0"]
