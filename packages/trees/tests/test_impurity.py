"""Impurities against what they mean: draws, code lengths, distances between pairs, and the best of all constants."""

import itertools

import numpy as np
import pytest

from pellucid_trees.impurity import CLASSIFICATION, CRITERIA, REGRESSION, mean, median

rng = np.random.default_rng(0)


def impurity(criterion, Y, weights):
    centre, measure, _ = CRITERIA[criterion]
    return measure(Y, weights, centre(Y, weights))


def test_eq_1_gini_is_how_often_two_draws_differ():
    labels, weights = rng.integers(0, 3, 8), rng.uniform(0.5, 2, 8)
    share = weights / weights.sum()
    differ = sum(share[i] * share[j] for i, j in itertools.product(range(8), repeat=2) if labels[i] != labels[j])
    assert impurity("gini", np.eye(3)[labels], weights) == pytest.approx(differ, rel=1e-13)


def test_eq_2_entropy_is_the_mean_length_of_the_best_code():
    """Shares of 1/2, 1/4, 1/8 and 1/8 are told by 0, 10, 110 and 111; a class that is not there needs no code."""
    labels = np.repeat([0, 2, 3, 4], [4, 2, 1, 1])
    assert impurity("entropy", np.eye(5)[labels], np.ones(8)) == (4 * 1 + 2 * 2 + 3 + 3) / 8
    assert impurity("log_loss", np.eye(5)[labels], np.full(8, 0.5)) == 1.75


def test_eq_3_squared_error_is_half_the_mean_square_between_two_draws():
    Y, weights = rng.normal(size=(7, 2)) * [1, 10], rng.uniform(0.5, 2, 7)
    share = weights / weights.sum()
    pairs = itertools.product(range(7), repeat=2)
    between = sum(share[i] * share[j] * np.sum((Y[i] - Y[j]) ** 2) / 2 for i, j in pairs)
    assert impurity("squared_error", Y, weights) == pytest.approx(between / 2, rel=1e-13)  # the mean of two targets


@pytest.mark.parametrize("N", [1, 2, 5, 8])
def test_eq_4_absolute_error_is_that_of_the_best_constant(N):
    Y, weights = rng.normal(size=(N, 2)), rng.uniform(0.5, 2, N)
    best = [min(weights @ abs(y - c) for c in y) / weights.sum() for y in Y.T]
    assert impurity("absolute_error", Y, weights) == pytest.approx(np.mean(best), rel=1e-13)


@pytest.mark.parametrize(
    "y, weights, middle",
    [
        ([3, 1, 2], [1, 1, 1], 2),
        ([3, 1, 2, 4], [1, 1, 1, 1], 2.5),
        ([3, 1, 2], [5, 1, 1], 3),
        ([1, 2, 9], [1, 1, 2], 5.5),
        ([1, 1, 5], [1, 1, 2], 3),
        ([7], [0.3], 7),
    ],
)
def test_median_is_the_middle_of_all_that_divide_the_weight_in_halves(y, weights, middle):
    assert median(np.array(y, float)[:, None], np.array(weights, float)) == [middle]


def test_a_constant_is_its_own_mean_exactly():
    weights = rng.uniform(0.1, 3, 100)
    assert mean(np.full((100, 1), 0.1), weights) == [0.1]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_whole_weights_are_repeated_points_and_a_node_of_equals_is_pure(criterion):
    Y = np.eye(3)[rng.integers(0, 3, 9)] if criterion in CLASSIFICATION else rng.normal(size=(9, 2))
    times = rng.integers(1, 4, 9)
    repeated = impurity(criterion, np.repeat(Y, times, axis=0), np.ones(times.sum()))
    assert impurity(criterion, Y, times.astype(float)) == pytest.approx(repeated, rel=1e-13)
    assert abs(impurity(criterion, np.repeat(Y[:1], 5, axis=0), np.array([0.1, 0.2, 0.3, 0.4, 0.5]))) < 1e-30
    assert set(CLASSIFICATION) | set(REGRESSION) == set(CRITERIA)
