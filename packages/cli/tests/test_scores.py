import math

import numpy as np

from pellucid_cli.scores import baseline, score, score_words


def test_accuracy_is_the_share_of_right_answers():
    assert score("classification", np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0])) == {"accuracy": 0.75}


def test_r2_is_0_for_the_mean_and_1_for_the_truth():
    y = np.array([1.0, 2.0, 6.0])
    assert score("regression", y, np.full(3, 3.0)) == {"r2": 0.0, "rmse": math.sqrt((4 + 1 + 9) / 3)}
    assert score("regression", y, y) == {"r2": 1.0, "rmse": 0.0}


def test_r2_of_a_constant_is_nan_and_not_told():
    scores = score("regression", np.array([2.0]), np.array([3.0]))
    assert math.isnan(scores["r2"]) and score_words(scores) == "RMSE 1"


def test_the_baseline_learns_from_the_training_rows_only():
    answer, scores = baseline("classification", np.array([1, 1, 0]), np.array([0, 0, 0, 1]))
    assert answer == 1 and scores == {"accuracy": 0.25}
    answer, scores = baseline("regression", np.array([1.0, 3.0]), np.array([4.0]))
    assert answer == 2 and scores["rmse"] == 2


def test_words():
    assert score_words({"r2": -1e6, "rmse": 1e50}) == "R² -1,000,000, RMSE 1e+50"
    assert score_words({"accuracy": 0.5}) == "accuracy 0.500"
    assert score_words({"r2": 0.25, "rmse": 123456.0}) == "R² 0.250, RMSE 123,456"


def test_numbers_whose_squares_are_out_of_range():
    y, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.5])
    want = score("regression", y, predicted)
    for unit in (1e-200, 1e200):
        got = score("regression", unit * y, unit * predicted)
        assert math.isclose(got["r2"], want["r2"]) and math.isclose(got["rmse"], unit * want["rmse"])
