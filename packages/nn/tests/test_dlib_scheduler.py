"""The line is fitted with a design matrix; the test is held to what it promises by Monte Carlo."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_nn.adam import Adam
from pellucid_nn.dlib_scheduler import (
    DlibScheduler,
    kept,
    probability_of_decrease,
    steps_without_decrease,
    steps_without_decrease_by_sums,
)
from pellucid_nn.module import Parameter
from pellucid_nn.sgd import SGD


def by_design_matrix(x, y):
    """P(slope < 0) from the general linear model: coefficients (AᵀA)⁻¹Aᵀy with covariance s² (AᵀA)⁻¹."""
    A = np.stack([np.ones(len(x)), x], axis=1)
    inverse = np.linalg.inv(A.T @ A)
    coefficients = inverse @ A.T @ y
    s2 = ((y - A @ coefficients) ** 2).sum() / (len(x) - 2)
    return 0.5 * math.erfc(coefficients[1] / math.sqrt(2 * s2 * inverse[1, 1]))


def phi(z):
    return 0.5 * math.erfc(-z / math.sqrt(2))


def optimizer(*rates):
    return SGD([{"params": [Parameter(np.zeros(1))], "lr": rate} for rate in rates or (1.0,)])


@settings(max_examples=25, deadline=None)
@given(n=st.integers(3, 40), slope=st.floats(-0.3, 0.3), seed=st.integers(0, 999))
def test_eq_1_2_3_4_are_the_linear_models(n, slope, seed):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.choice(3 * n, n, replace=False))
    y = slope * x + rng.normal(size=n) + 5
    assert probability_of_decrease(x, y) == pytest.approx(by_design_matrix(x, y), rel=1e-8, abs=1e-12)


def test_eq_3_steps_in_a_row_have_the_closed_form():
    n = 50
    y = np.random.default_rng(0).normal(size=n)
    x = np.arange(n)
    slope, level = np.polyfit(x, y, 1)
    s2 = ((y - slope * x - level) ** 2).sum() / (n - 2)
    expected = phi(-slope / math.sqrt(12 * s2 / (n**3 - n)))
    assert probability_of_decrease(x, y) == pytest.approx(expected, rel=1e-10)


def test_eq_4_lines_without_noise_are_certain():
    x = np.arange(8)
    assert probability_of_decrease(x, -2.0 * x) == 1
    assert probability_of_decrease(x, 2.0 * x) == 0
    assert probability_of_decrease(x, np.full(8, 0.3)) == 0.5


def test_eq_1_2_3_4_on_a_plateau_the_probability_is_uniform():
    """Monte Carlo: 1000 plateaus of 60 losses."""
    rng = np.random.default_rng(0)
    x = np.arange(60)
    P = np.sort([probability_of_decrease(x, y) for y in rng.normal(size=(1000, 60))])
    distance = np.abs(P - (np.arange(1000) + 0.5) / 1000).max()
    assert distance < 1.63 / 1000**0.5  # Kolmogorov's test at 1 %


@pytest.mark.parametrize("k", [0.5, 1.5, 2.5])
def test_eq_1_2_3_4_false_alarms_have_their_rate(k):
    """Monte Carlo: losses that fall by k standard deviations of the slope look flat with probability Φ(z_p − k)."""
    rng = np.random.default_rng(int(10 * k))
    n, trials = 60, 1000
    x = np.arange(n)
    slope = -k * math.sqrt(12 / (n**3 - n))
    alarms = sum(probability_of_decrease(x, slope * x + noise) < 0.51 for noise in rng.normal(size=(trials, n)))
    rate = phi(0.025069 - k)
    assert abs(alarms / trials - rate) < 3.3 * math.sqrt(rate * (1 - rate) / trials)


@pytest.mark.parametrize("count", [steps_without_decrease, steps_without_decrease_by_sums])
def test_eq_5_counts_are_those_of_losses_one_can_see_through(count):
    fall, rise = -np.arange(30.0), np.arange(12.0)
    assert count(fall) == 0
    assert count(rise) == 12
    assert count(np.full(20, 0.1)) == 20
    assert count([3.0, 2.0]) == count([]) == count([1.0, 1.0]) == 0
    assert count([1.0, 1.0, 1.0]) == 3
    flat = np.where(np.arange(200) % 2, 1.0, -1.0)
    assert count(np.concatenate([np.linspace(80, 2, 200), flat])) in range(200, 215)
    assert count(fall, probability=1 - 1e-9) == 0
    assert count(rise, probability=1e-9) == 12


@pytest.mark.parametrize("count", [steps_without_decrease, steps_without_decrease_by_sums])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), probability=st.sampled_from([0.3, 0.51, 0.9]))
def test_eq_5_is_the_largest_number_of_losses_whose_line_may_as_well_rise(count, seed, probability):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=25) + rng.choice([-0.1, 0.0, 0.1]) * np.arange(25)
    flat = [n for n in range(3, 26) if by_design_matrix(np.arange(n), y[25 - n :]) < probability]
    assert count(y, probability) == max(flat, default=0)


@pytest.mark.parametrize("count", [steps_without_decrease, steps_without_decrease_by_sums])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), discard=st.sampled_from([0.1, 0.3]))
def test_eq_5_6_the_largest_are_left_out_and_the_others_keep_their_places(count, seed, discard):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=25) ** 3
    limit = np.sort(y)[math.floor(24 * (1 - discard))]
    pairs = [(i, value) for i, value in enumerate(y) if value <= limit]
    flat = []
    for n in range(3, 26):
        last = [pair for pair in pairs if pair[0] >= 25 - n]
        if len(last) >= 3 and by_design_matrix(*np.transpose(last)) < 0.51:
            flat.append(n)
    assert count(y, 0.51, discard) == max(flat, default=0)


def test_eq_6_what_is_kept():
    y = np.array([5.0, 1, 2, np.nan, 3, 4, np.inf, 0, 6, 7, 8, 9, 10])
    assert y[~kept(y, 0.1)].tolist()[2:] == [10] and kept(y, 0.0).sum() == 11
    assert kept(np.arange(11.0), 0.1).tolist() == [True] * 10 + [False]
    assert not kept(np.full(3, np.nan), 0.1).any()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 999),
    n=st.integers(0, 60),
    discard=st.sampled_from([0.0, 0.1, 0.5]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    level=st.sampled_from([0.0, 1e3]),
)
def test_eq_1_2_3_4_5_sums_equal_the_readers_form(seed, n, discard, scale, level):
    rng = np.random.default_rng(seed)
    y = scale * (level + rng.normal(size=n) + rng.choice([-0.05, 0, 0.05]) * np.arange(n))
    y[rng.random(n) < 0.05] = np.nan
    assert steps_without_decrease_by_sums(y, 0.51, discard) == steps_without_decrease(y, 0.51, discard)


def test_eq_1_2_3_4_5_sums_are_exact_enough_for_long_falls():
    """From 1e6 down to 1e-3 and then flat: the plateau's noise is 1e-13 of the largest loss."""
    rng = np.random.default_rng(0)
    y = np.concatenate([np.geomspace(1e6, 1e-3, 100), 1e-3 + 1e-5 * rng.normal(size=100)])
    assert steps_without_decrease_by_sums(y) == steps_without_decrease(y)
    assert 80 <= steps_without_decrease(y) <= 102


@pytest.mark.parametrize("count", [steps_without_decrease, steps_without_decrease_by_sums])
def test_eq_5_6_one_large_loss_deceives_only_the_test_with_all_losses(count):
    rng = np.random.default_rng(1)
    flat = rng.normal(size=100)
    flat[2] = 1000.0
    assert count(flat) < 100 and count(flat, discard=0.1) >= 97
    falling = -0.2 * np.arange(100.0) + rng.normal(size=100)
    falling[-4] = 1000.0
    assert count(falling) == 100 and count(falling, discard=0.1) < 20


def test_eq_7_rates_fall_when_the_loss_does_not():
    moved = optimizer(1.0, 0.03, 0.001)
    scheduler = DlibScheduler(moved, patience=20, factor=0.1, min_lr=0.002)
    for step in range(1, 20):
        scheduler.step(1.0)
        assert scheduler.get_last_lr() == [1.0, 0.03, 0.001] and len(scheduler.losses) == step
    scheduler.step(1.0)
    np.testing.assert_allclose(scheduler.get_last_lr(), [0.1, 0.003, 0.001], rtol=1e-15)
    assert len(scheduler.losses) == 0 and scheduler.last_epoch == 20
    for _ in range(20):
        scheduler.step(1.0)
    np.testing.assert_allclose([g["lr"] for g in moved.param_groups], [0.01, 0.002, 0.001], rtol=1e-15)


def test_eq_5_7_rates_stay_while_the_loss_falls():
    scheduler = DlibScheduler(optimizer(), patience=50)
    rng = np.random.default_rng(0)
    for step in range(400):
        scheduler.step(-0.05 * step + rng.normal())
        assert len(scheduler.losses) <= 100
    assert scheduler.get_last_lr() == [1.0] and len(scheduler.losses) == 100
    fall = scheduler.losses.copy()
    scheduler.step(-100.0)
    np.testing.assert_array_equal(scheduler.losses[:-1], fall[1:])
    assert scheduler.losses[-1] == -100


def test_eq_5_6_7_both_tests_must_agree():
    rng = np.random.default_rng(2)
    falling = -0.1 * np.arange(60.0) + rng.normal(size=60)
    falling[-2:] = 500.0  # all losses: rising; without the largest: falling
    flat = rng.normal(size=60)
    flat[0] = 1e4  # all losses: falling; without the largest: flat
    for losses, (everything, robust) in ((falling, (True, False)), (flat, (False, True))):
        assert (steps_without_decrease(losses) >= 60) == everything
        assert (steps_without_decrease(losses, discard=0.1) >= 50) == robust
    for losses, patience in ((falling, 60), (flat, 60)):
        scheduler = DlibScheduler(optimizer(), patience=patience)
        for loss in losses:
            scheduler.step(loss)
        assert scheduler.get_last_lr() == [1.0]


def test_eq_5_6_7_a_plateau_is_found_soon():
    """Monte Carlo: with patience 50, most plateaus of pure noise are found within 100 steps."""
    waits = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        scheduler = DlibScheduler(optimizer(), patience=50)
        while scheduler.get_last_lr() == [1.0] and scheduler.last_epoch < 400:
            scheduler.step(rng.normal())
        waits.append(scheduler.last_epoch)
    assert min(waits) == 50 and np.median(waits) < 75 and np.quantile(waits, 0.9) < 200


def test_a_fall_and_a_plateau_with_training():
    """Noisy gradients of a bowl: rates fall until the noise hardly moves the parameter."""
    rng = np.random.default_rng(0)
    x = Parameter(np.full(20, 5.0))
    moved = SGD([x], lr=0.1)
    scheduler = DlibScheduler(moved, patience=40, factor=0.3)
    ends = []
    for _ in range(1000):
        moved.zero_grad()
        (0.5 * np.sum((x + rng.normal(size=20)) ** 2)).backward()
        moved.step()
        scheduler.step(float(np.sum(x.data**2) * 0.5 + rng.normal()))
        ends.append(float(np.sum(x.data**2)))
    assert scheduler.get_last_lr()[0] < 0.02
    assert np.mean(ends[-100:]) < 0.3 * np.mean(ends[50:150])


def test_losses_that_are_not_finite_are_steps_without_an_observation():
    scheduler = DlibScheduler(optimizer(), patience=5)
    for loss in (np.nan, np.inf, np.nan, -np.inf, np.nan, np.nan):
        scheduler.step(loss)
    assert scheduler.get_last_lr() == [1.0]
    for _ in range(3):
        scheduler.step(np.float32(1.0))
    assert scheduler.get_last_lr() == [0.1]


def test_state_round_trip_continues_alike():
    rng = np.random.default_rng(0)
    losses = rng.normal(size=300)
    straight = DlibScheduler(optimizer(1.0, 0.5), patience=30, factor=0.5, discard=0.2, probability=0.6, min_lr=1e-3)
    for loss in losses[:100]:
        straight.step(loss)
    state = straight.state_dict()
    resumed = DlibScheduler(optimizer(9.0, 9.0))
    resumed.load_state_dict(state)
    assert repr(resumed) == repr(straight) and resumed.get_last_lr() == straight.get_last_lr()
    for loss in losses[100:]:
        straight.step(loss)
        resumed.step(loss)
        assert resumed.get_last_lr() == straight.get_last_lr()
    assert straight.get_last_lr()[0] < 1
    assert len(state["losses"]) < 100  # a copy, and forgotten at the drops


def test_a_state_that_does_not_fit_changes_nothing():
    scheduler = DlibScheduler(optimizer(), patience=7)
    state = DlibScheduler(optimizer(1.0, 2.0)).state_dict()
    with pytest.raises(ValueError, match="it has 2 rates for 1 groups"):
        scheduler.load_state_dict(state)
    del state["losses"], state["factor"]
    with pytest.raises(ValueError, match=r"it lacks \['factor', 'losses'\]"):
        scheduler.load_state_dict(state)
    good = scheduler.state_dict()
    for change, error, words in (
        ({"patience": 2}, ValueError, "patience must be a whole number of at least 3"),
        ({"factor": np.nan}, ValueError, "they are nan"),
        ({"min_lr": "low"}, TypeError, "min_lr must be a number"),
        ({"last_epoch": 2.5}, ValueError, "last_epoch must be a whole number of at least 0"),
        ({"rates": [-1.0]}, ValueError, "a rate must be a finite number of 0 or more"),
        ({"losses": np.zeros((2, 2))}, ValueError, r"one row of numbers; they have shape \(2, 2\)"),
    ):
        with pytest.raises(error, match=words):
            scheduler.load_state_dict(good | {"patience": 9, "rates": [5.0]} | change)
        assert scheduler.patience == 7 and scheduler.get_last_lr() == [1.0]


@pytest.mark.parametrize("name", ["patience", "factor", "probability", "discard", "min_lr"])
@pytest.mark.parametrize("value", [True, "1", None, np.array([1])])
def test_settings_that_are_no_numbers_are_named(name, value):
    with pytest.raises(TypeError, match=f"{name} must be a number; it is"):
        DlibScheduler(optimizer(), **{name: value})


def test_eq_7_a_rate_below_the_lowest_stays_where_it_is():
    scheduler = DlibScheduler(optimizer(1e-3, 1.0), patience=5, factor=0.1, min_lr=0.5)
    for _ in range(6):
        scheduler.step(1.0)
    assert scheduler.get_last_lr() == [1e-3, 0.5]


def test_repr_says_the_settings():
    text = "DlibScheduler(patience=2000, factor=0.1, probability=0.51, discard=0.1, min_lr=0.0, last_epoch=0)"
    assert repr(DlibScheduler(Adam([Parameter(np.zeros(1))]))) == text


@pytest.mark.parametrize(
    "bad, words",
    [
        ({"patience": 2}, "patience must be a whole number of at least 3, as for a line; it is 2"),
        ({"patience": 3.5}, "it is 3.5"),
        ({"factor": 1.0}, "factor and discard must be at least 0 and below 1, .* they are 1.0, 0.1 and 0.51"),
        ({"factor": -0.1}, "they are -0.1"),
        ({"discard": 1.0}, "0.1, 1.0 and"),
        ({"probability": 0.0}, "and 0.0"),
        ({"probability": np.nan}, "and nan"),
        ({"min_lr": -1.0}, "min_lr must be a finite number of 0 or more; it is -1.0"),
    ],
)
def test_bad_settings_are_named(bad, words):
    with pytest.raises(ValueError, match=words):
        DlibScheduler(optimizer(), **bad)


@pytest.mark.parametrize("discard", [0.0, 0.25])
def test_eq_6_losses_that_are_not_finite_are_not_kept(discard):
    losses = np.array([3.0, -np.inf, 2.0, np.inf, 1.0, np.nan, 4.0])
    assert kept(losses, discard).tolist() == [True, False, True, False, True, False, discard == 0]


def test_eq_4_just_as_likely_as_asked_for_is_a_decrease():
    for count in (steps_without_decrease, steps_without_decrease_by_sums):
        assert count(np.ones(10), probability=0.5) == 0
        assert count(np.ones(10), probability=0.51) == 10
