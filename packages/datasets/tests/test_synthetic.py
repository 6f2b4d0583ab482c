"""Each equation against a definition: polar coordinates, distances from known curves, statistics of the noise."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_datasets import blobs, circles, moons, spirals, synthetic, xor
from pellucid_datasets._plugin import SPECS

MAKERS = {make.__name__: make for make in (spirals, moons, circles, blobs, xor)}
ALL = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
ALL_NOISY = pytest.mark.parametrize("make", [spirals, moons, circles, xor], ids=lambda make: make.__name__)


def by_class(data):
    return [data.X[data.y == k] for k in range(len(data.target_names))]


def unwound(points):
    """Angle along a curve without jumps of 2π."""
    return np.unwrap(np.arctan2(points[:, 1], points[:, 0]))


# Equations


def test_eq_1_spiral_radii_grow_by_equal_steps_from_one_nth_to_one():
    for arm in by_class(spirals((4, 10, 25), noise=0.3, shuffle=False)):
        n = len(arm)
        np.testing.assert_allclose(np.hypot(*arm.T), [(i + 1) / n for i in range(n)])


@pytest.mark.parametrize(("n_classes", "turns"), [(2, 3.0), (3, 0.75), (5, -1.5)])
def test_eq_2_3_an_arm_winds_turns_times_and_arms_are_one_kth_of_a_turn_apart(n_classes, turns):
    arms = by_class(spirals(200 * n_classes, n_classes=n_classes, turns=turns, noise=0, shuffle=False))
    for k, arm in enumerate(arms):
        winding = unwound(arm)
        np.testing.assert_allclose(winding[-1] - winding[0], 2 * math.pi * turns * (1 - 1 / 200))
        np.testing.assert_allclose(np.diff(winding), 2 * math.pi * turns / 200, atol=1e-12)
        c, s = math.cos(2 * math.pi * k / n_classes), math.sin(2 * math.pi * k / n_classes)
        np.testing.assert_allclose(arm, [(c * x - s * y, s * x + c * y) for x, y in arms[0]], atol=1e-12)


def test_eq_3_the_first_arm_ends_where_its_turns_say():
    arm = by_class(spirals(30, turns=0.25, noise=0, shuffle=False))[0]
    np.testing.assert_allclose(arm[-1], [0, 1], atol=1e-15)  # a quarter turn from the x axis is the y axis
    assert arm[0, 0] > 0
    assert arm[0, 1] > 0


def test_eq_2_spiral_noise_is_an_angle_in_radians():
    clean, noisy = spirals(30_000, noise=0, shuffle=False), spirals(30_000, noise=0.2, shuffle=False)
    radius = np.hypot(*clean.X.T)
    np.testing.assert_allclose(np.hypot(*noisy.X.T), radius)
    cross = clean.X[:, 0] * noisy.X[:, 1] - clean.X[:, 1] * noisy.X[:, 0]
    turned = np.arctan2(cross, (clean.X * noisy.X).sum(axis=1))  # angle from the clean to the noisy point
    np.testing.assert_allclose([turned.mean(), turned.std()], [0, 0.2], atol=0.005)
    np.testing.assert_allclose((turned**4).mean() / turned.var() ** 2, 3, atol=0.15)  # a normal's kurtosis


def test_eq_4_5_6_moons_are_half_circles_in_equal_steps():
    upper, lower = by_class(moons((11, 21), noise=0, shuffle=False))
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1)
    assert np.all(upper[:, 1] >= 0)
    assert np.all(lower[:, 1] <= 0.5)
    np.testing.assert_allclose(upper[[0, 5, 10]], [(1, 0), (0, 1), (-1, 0)], atol=1e-15)
    np.testing.assert_allclose(lower[[0, 10, 20]], [(0, 0.5), (1, -0.5), (2, 0.5)], atol=1e-15)
    for moon in (upper, lower):
        steps = np.hypot(*np.diff(moon, axis=0).T)
        np.testing.assert_allclose(steps, 2 * math.sin(math.pi / (len(moon) - 1) / 2))  # equal chords


def test_eq_7_8_circles_are_closed_and_concentric():
    outer, inner = by_class(circles((12, 8), factor=0.3, noise=0, shuffle=False))
    for ring, radius in ((outer, 1), (inner, 0.3)):
        n = len(ring)
        np.testing.assert_allclose(np.hypot(*ring.T), radius)
        np.testing.assert_allclose(ring[0], [radius, 0])
        np.testing.assert_allclose(ring.mean(axis=0), [0, 0], atol=1e-15)
        steps = np.hypot(*(np.roll(ring, -1, axis=0) - ring).T)  # from the last point on to the first
        np.testing.assert_allclose(steps, 2 * radius * math.sin(math.pi / n))
        assert np.all(np.diff(unwound(ring)) > 0)  # anticlockwise


def test_eq_9_blobs_have_their_centres_and_spreads():
    mu, sigma = [[0, 0, 0], [5, -5, 1]], [0.5, 2.0]
    for cloud, centre, std in zip(by_class(blobs(40_000, centers=mu, cluster_std=sigma)), mu, sigma, strict=True):
        np.testing.assert_allclose(cloud.mean(axis=0), centre, atol=5 * std / math.sqrt(len(cloud)))
        np.testing.assert_allclose(np.cov(cloud.T), std**2 * np.eye(3), atol=0.05 * std**2)


def test_eq_10_11_xor_fills_four_quadrants_and_classes_are_opposite_pairs():
    data = xor(40_000)
    assert np.array_equal(data.y, np.where(data.X[:, 0] * data.X[:, 1] > 0, 0, 1))
    assert np.abs(data.X).max() <= 1
    np.testing.assert_allclose(np.abs(data.X).mean(axis=0), 0.5, atol=0.01)  # uniform: mean 1/2, variance 1/12
    np.testing.assert_allclose(np.abs(data.X).var(axis=0), 1 / 12, atol=0.002)
    np.testing.assert_allclose(np.corrcoef(np.abs(data.X).T)[0, 1], 0, atol=0.02)
    for horizontal, vertical in itertools.product((-1, 1), repeat=2):
        quadrant = (np.sign(data.X) == (horizontal, vertical)).all(axis=1)
        np.testing.assert_allclose(quadrant.mean(), 0.25, atol=0.01)


@pytest.mark.parametrize("make", [moons, circles, xor], ids=lambda make: make.__name__)
def test_eq_12_noise_is_isotropic_with_the_given_deviation(make):
    clean, noisy = make(40_000, noise=0, shuffle=False), make(40_000, noise=0.3, shuffle=False)
    moved = noisy.X - clean.X
    np.testing.assert_allclose(moved.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(np.cov(moved.T), 0.09 * np.eye(2), atol=0.003)
    np.testing.assert_allclose((moved**4).mean() / 0.09**2, 3, atol=0.15)


def test_eq_2_9_12_noise_is_what_the_generator_draws_first():
    epsilon = np.random.default_rng(5).standard_normal((60, 2))
    data = blobs(60, centers=[[1, 2], [3, 4]], cluster_std=0.5, seed=5, shuffle=False)
    np.testing.assert_allclose(data.X, np.repeat([[1, 2], [3, 4]], 30, axis=0) + 0.5 * epsilon)
    for make in (moons, circles):
        clean, noisy = (make(60, noise=noise, seed=5, shuffle=False).X for noise in (0, 0.5))
        np.testing.assert_allclose(noisy - clean, 0.5 * epsilon)
    clean, noisy = (spirals(120, noise=noise, seed=5, shuffle=False).X for noise in (0, 0.5))
    turned = np.arctan2(noisy[:, 1], noisy[:, 0]) - np.arctan2(clean[:, 1], clean[:, 0]) - 0.5 * epsilon.ravel()
    np.testing.assert_allclose(np.sin(turned / 2), 0, atol=1e-12)  # equal angles, whatever the number of turns


# Invariants


@ALL_NOISY
def test_more_noise_moves_the_same_points_further_and_keeps_the_order(make):
    a, b = make(60, noise=0, seed=3), make(60, noise=1e-3, seed=3)
    np.testing.assert_array_equal(a.y, b.y)
    assert 0 < np.abs(a.X - b.X).max() < 0.01


@ALL
def test_defaults_agree_with_the_spec(make):
    data, spec = make(), SPECS[make.__name__]
    assert data.X.shape == (spec.n_rows, spec.n_columns)
    assert data.X.dtype == np.float64
    assert data.y.dtype == np.int64
    assert len(data.target_names) == spec.n_classes
    assert data.feature_names == ("x1", "x2")
    assert data.target == "label"
    assert (data.task, data.summary, data.source, data.licence) == (spec.task, spec.summary, spec.source, spec.licence)
    assert np.isfinite(data.X).all()


@ALL
def test_same_seed_same_points_other_seed_other_points(make):
    X, y = make(50, seed=7)
    again, other, fresh = make(50, seed=7), make(50, seed=8), make(50, seed=None)
    np.testing.assert_array_equal(X, again.X)
    np.testing.assert_array_equal(y, again.y)
    assert not np.array_equal(X, other.X)
    assert not np.array_equal(fresh.X, make(50, seed=None).X)
    np.testing.assert_array_equal(make(50).X, make(50).X)  # the default is a seed too


@ALL
def test_a_generator_is_used_as_it_is_and_moves_on(make):
    rng = np.random.default_rng(7)
    np.testing.assert_array_equal(make(50, seed=rng).X, make(50, seed=7).X)
    assert not np.array_equal(make(50, seed=rng).X, make(50, seed=7).X)
    sequence = np.random.SeedSequence(7)
    np.testing.assert_array_equal(make(50, seed=sequence).X, make(50, seed=7).X)


@ALL
def test_the_global_generator_is_left_alone(make):
    before = np.random.get_state()[1].copy()
    make(20, seed=None)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@ALL
def test_shuffling_changes_the_order_and_nothing_else(make):
    shuffled, sorted_ = make(101), make(101, shuffle=False)
    assert np.all(np.diff(sorted_.y) >= 0)
    assert not np.all(np.diff(shuffled.y) >= 0)
    rows = [np.column_stack([data.X, data.y]) for data in (shuffled, sorted_)]
    a, b = (table[np.lexsort(table.T)] for table in rows)
    np.testing.assert_array_equal(a, b)


@ALL
@settings(max_examples=25, deadline=None)
@given(n=st.integers(3, 200))
def test_points_are_shared_evenly(make, n):
    data = make(n)
    sizes = np.bincount(data.y, minlength=len(data.target_names))
    assert sizes.sum() == n == len(data.X)
    assert sizes.max() - sizes.min() <= 1
    assert np.all(np.diff(sizes) <= 0)  # extra points go to the first classes


@ALL
def test_class_sizes_can_be_given(make):
    K = SPECS[make.__name__].n_classes
    sizes = [5, 1, 9][:K]
    assert np.bincount(make(sizes).y).tolist() == sizes
    assert np.bincount(make(np.array(sizes)).y).tolist() == sizes


@ALL
def test_the_least_data_is_one_point_for_each_class(make):
    K = SPECS[make.__name__].n_classes
    X, y = make(K, shuffle=False)
    assert y.tolist() == list(range(K))
    assert np.isfinite(X).all()


def test_arms_share_no_point():
    X = spirals(600, noise=0).X
    assert len(np.unique(X.round(12), axis=0)) == 600


def test_blobs_of_any_number_and_dimension():
    data = blobs(70, centers=7, n_features=4, center_box=(2, 3), cluster_std=0)
    assert data.X.shape == (70, 4)
    assert data.feature_names == ("x1", "x2", "x3", "x4")
    assert data.target_names == tuple(f"blob_{k}" for k in range(7))
    assert 2 <= data.X.min() <= data.X.max() <= 3
    assert len(np.unique(data.X, axis=0)) == 7  # no spread: every point is on its centre
    assert blobs(5, centers=1, n_features=1).X.shape == (5, 1)


def test_blobs_leave_the_given_centres_alone():
    centres = np.array([[0.0, 1.0], [2.0, 3.0]])
    centres.flags.writeable = False
    data = blobs(4, centers=centres, cluster_std=0, shuffle=False)
    np.testing.assert_array_equal(data.X, centres[[0, 0, 1, 1]])


# The picture the spirals are known by


def test_no_line_separates_three_arms_but_a_neighbour_tells():
    train, test = spirals(seed=0), spirals(seed=1)
    ones = np.ones((300, 1))
    W = np.linalg.lstsq(np.hstack([train.X, ones]), np.eye(3)[train.y])[0]
    linear = np.argmax(np.hstack([test.X, ones]) @ W, axis=1)
    nearest = train.y[np.argmin(((test.X[:, None] - train.X) ** 2).sum(axis=2), axis=1)]
    assert np.mean(linear == test.y) < 0.6
    assert np.mean(nearest == test.y) > 0.95


# Errors


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (spirals, {"noise": -0.1}, r"noise .* at least 0, but is -0\.1; try 0\.1"),
        (moons, {"noise": math.nan}, r"noise must be a finite number, but is nan"),
        (circles, {"noise": math.inf}, r"noise must be a finite number, but is inf"),
        (xor, {"noise": -1}, r"noise .* at least 0, but is -1\.0"),
        (spirals, {"turns": math.inf}, r"turns must be a finite number"),
        (spirals, {"n_classes": 1}, r"n_classes must be at least 2, but is 1"),
        (spirals, {"n_samples": 2}, r"n_samples must be at least 3, one point for each of 3 classes, but is 2"),
        (moons, {"n_samples": -5}, r"n_samples must be at least 2, .* but is -5"),
        (moons, {"n_samples": (3, 4, 5)}, r"sizes of 3 classes, but there are 2"),
        (moons, {"n_samples": (3, 0)}, r"each class size in n_samples must be at least 1, but is 0"),
        (circles, {"factor": 1.0}, r"factor, the inner radius, must be at least 0 and less than 1, but is 1\.0"),
        (circles, {"factor": -0.5}, r"factor.* but is -0\.5"),
        (blobs, {"centers": 0}, r"centers must be at least 1, but is 0"),
        (blobs, {"centers": [1.0, 2.0]}, r"shape \(K, D\), but has shape \(2,\)"),
        (blobs, {"centers": [[1.0, math.nan]]}, r"finite array"),
        (blobs, {"n_features": 0}, r"n_features must be at least 1, but is 0"),
        (blobs, {"cluster_std": -1}, r"cluster_std .* at least 0, but is -1\.0"),
        (blobs, {"cluster_std": [1, 2]}, r"cluster_std .* has 2 for 3 centres"),
        (blobs, {"center_box": (1, -1)}, r"center_box must be two numbers, .* but is \(1, -1\); try"),
        (blobs, {"center_box": 5}, r"center_box must be two numbers, .* but is 5; try"),
        (blobs, {"center_box": (0, math.inf)}, r"center_box must be a finite number, but is inf"),
        (spirals, {"seed": -1}, r"seed must be .* but is -1; try seed=0"),
        (spirals, {"seed": "one"}, r"seed must be .* but is 'one'"),
    ],
)
def test_values_out_of_range_say_what_must_hold(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (spirals, {"n_samples": 100.0}, r"n_samples must be a whole number, but is 100\.0"),
        (spirals, {"n_samples": "100"}, r"n_samples must be a whole number, but is '100'"),
        (spirals, {"n_classes": 2.5}, r"n_classes must be a whole number"),
        (moons, {"noise": None}, r"noise must be a number, but is None"),
        (moons, {"noise": "much"}, r"noise must be a number, but is 'much'"),
        (blobs, {"centers": 2.5}, r"centers must be a whole number"),
        (xor, {"noize": 0.1}, r"noize"),
    ],
)
def test_wrong_kinds_of_values_say_so(make, options, message):
    with pytest.raises(TypeError, match=message):
        make(**options)


# Beside scikit-learn


def test_moons_and_circles_without_noise_are_scikit_learns():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    for n in (2, 10, 101):
        theirs = sklearn_datasets.make_moons((n, n + 1), shuffle=False)
        ours = moons((n, n + 1), noise=0, shuffle=False)
        np.testing.assert_allclose(ours.X, theirs[0], atol=1e-15)
        np.testing.assert_array_equal(ours.y, theirs[1])
        theirs = sklearn_datasets.make_circles((n, n + 1), shuffle=False, factor=0.4)
        ours = circles((n, n + 1), noise=0, shuffle=False, factor=0.4)
        np.testing.assert_allclose(ours.X, theirs[0], atol=1e-15)
        np.testing.assert_array_equal(ours.y, theirs[1])


def test_blobs_share_their_extra_points_as_scikit_learn_does():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    for n, K in [(100, 3), (8, 3), (3, 3)]:
        theirs = sklearn_datasets.make_blobs(n, centers=K, shuffle=False, random_state=0)[1]
        np.testing.assert_array_equal(blobs(n, centers=K, shuffle=False).y, theirs)


def test_the_module_has_no_other_public_generators():
    public = {name for name, value in vars(synthetic).items() if getattr(value, "__module__", "") == synthetic.__name__}
    points = {"spiral_points", "moon_points", "circle_points", "blob_points", "xor_points", "blur"}
    assert {name for name in public if not name.startswith("_")} == set(MAKERS) | points
