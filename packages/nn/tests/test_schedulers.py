"""Rates by their definition: written down by hand, multiplied step by step, or by what the curve must do."""

import copy
import math
import pickle

import numpy as np
import pytest

from pellucid_nn.adam import Adam
from pellucid_nn.module import Parameter
from pellucid_nn.schedulers import (
    ConstantLR,
    CosineAnnealingLR,
    CosineWarmup,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    NoamLR,
    StepLR,
)
from pellucid_nn.sgd import SGD

KINDS = {
    "constant": lambda o, **kw: ConstantLR(o, 0.25, 4, **kw),
    "linear": lambda o, **kw: LinearLR(o, 0.2, 0.7, 6, **kw),
    "step": lambda o, **kw: StepLR(o, 3, 0.5, **kw),
    "exponential": lambda o, **kw: ExponentialLR(o, 0.9, stage_length=2, **kw),
    "staged": lambda o, **kw: ExponentialLR(o, 0.9, stage_length=3, staged=True, **kw),
    "cosine": lambda o, **kw: CosineAnnealingLR(o, 9, 0.01, **kw),
    "noam": lambda o, **kw: NoamLR(o, 64, 5, **kw),
    "cosine with warm-up": lambda o, **kw: CosineWarmup(o, 3, 12, 0.01, **kw),
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def optimizer(*rates):
    return SGD([{"params": [Parameter(np.zeros(1))], "lr": rate} for rate in rates or (1.0,)])


def rates(scheduler, n):
    """The rates for the first n steps, of the first group."""
    found = []
    for _ in range(n):
        found.append(scheduler.get_last_lr()[0])
        scheduler.step()
    return found


def test_eq_1_a_constant_share_and_then_all():
    assert rates(ConstantLR(optimizer(0.8), factor=0.25, total_iters=3), 6) == [0.2, 0.2, 0.2, 0.8, 0.8, 0.8]


def test_eq_2_a_straight_line():
    up = rates(LinearLR(optimizer(2.0), start_factor=0.25, end_factor=1.0, total_iters=3), 6)
    np.testing.assert_allclose(up, [0.5, 1.0, 1.5, 2.0, 2.0, 2.0], rtol=1e-15)
    down = rates(LinearLR(optimizer(2.0), start_factor=1.0, end_factor=0.5, total_iters=2), 4)
    np.testing.assert_allclose(down, [2.0, 1.5, 1.0, 1.0], rtol=1e-15)


def test_eq_3_4_stages():
    expected = [8.0, 8.0, 8.0, 4.0, 4.0, 4.0, 2.0, 2.0]
    assert rates(StepLR(optimizer(8.0), step_size=3, gamma=0.5), 8) == expected
    assert rates(ExponentialLR(optimizer(8.0), 0.5, stage_length=3, staged=True), 8) == expected


def test_eq_4_smooth_decay_has_a_steady_ratio():
    found = rates(ExponentialLR(optimizer(8.0), 0.5, stage_length=3), 7)
    np.testing.assert_allclose(found[::3], [8.0, 4.0, 2.0], rtol=1e-15)
    np.testing.assert_allclose(np.divide(found[1:], found[:-1]), 0.5 ** (1 / 3), rtol=1e-14)
    assert rates(ExponentialLR(optimizer(8.0), 0.5), 4) == [8.0, 4.0, 2.0, 1.0]


def test_eq_5_half_a_wave():
    found = rates(CosineAnnealingLR(optimizer(3.0), T_max=6, eta_min=1.0), 19)
    root = math.sqrt(3) / 2
    np.testing.assert_allclose(found[:7], [3, 2 + root, 2.5, 2, 1.5, 2 - root, 1], rtol=1e-14)
    np.testing.assert_allclose(found[6:13], found[6::-1], rtol=1e-14)
    np.testing.assert_allclose(found[12:], found[:7], rtol=1e-14)


def test_eq_6_up_in_a_line_and_down_with_the_root():
    found = np.array(rates(NoamLR(optimizer(1.0), d_model=512, warmup_steps=40), 400))
    np.testing.assert_allclose(found[:40], found[0] * np.arange(1, 41), rtol=1e-13)
    np.testing.assert_allclose(found[39:] * np.sqrt(np.arange(40, 401)), 512**-0.5, rtol=1e-13)
    assert found.argmax() == 39
    np.testing.assert_allclose(found[39], 1 / math.sqrt(512 * 40), rtol=1e-13)
    np.testing.assert_allclose(rates(NoamLR(optimizer(2.0), 512, 40), 400), 2 * found, rtol=1e-13)


def test_eq_7_up_in_a_line_and_down_with_the_cosine():
    found = rates(CosineWarmup(optimizer(2.0), warmup_steps=3, total_steps=9, eta_min=1.0), 14)
    np.testing.assert_allclose(found[:4], [0.5, 1.0, 1.5, 2.0], rtol=1e-15)
    np.testing.assert_allclose(found[3:10], rates(CosineAnnealingLR(optimizer(2.0), 6, 1.0), 7), rtol=1e-14)
    np.testing.assert_allclose(found[9:], 1.0, rtol=1e-14)
    without = rates(CosineWarmup(optimizer(2.0), warmup_steps=0, total_steps=6), 6)
    np.testing.assert_allclose(without, rates(CosineAnnealingLR(optimizer(2.0), 6), 6), rtol=1e-14)


@each_kind
def test_every_group_starts_from_its_own_rate(kind):
    both, alone = optimizer(0.4, 0.1), optimizer(0.1)
    scheduler, single = kind(both), kind(alone)
    assert scheduler.base_lrs == [0.4, 0.1]
    for _ in range(15):
        assert [group["lr"] for group in both.param_groups] == scheduler.get_last_lr()
        assert scheduler.get_last_lr()[1] == single.get_last_lr()[0]
        scheduler.step(0.3)
        single.step(loss=2.0)


def test_a_group_that_joins_later_follows_from_its_own_rate():
    moved = optimizer(8.0)
    scheduler = StepLR(moved, 2, 0.5)
    scheduler.step()
    moved.add_param_group({"params": [Parameter(np.zeros(2))], "lr": 1.0})
    scheduler.step()
    assert scheduler.get_last_lr() == [4.0, 0.5] and scheduler.base_lrs == [8.0, 1.0]


@each_kind
def test_state_round_trip_continues_alike(kind):
    straight = kind(optimizer(0.4, 0.1))
    rates(straight, 5)
    state = pickle.loads(pickle.dumps(straight.state_dict()))
    rest = rates(straight, 10)
    resumed = kind(optimizer(7.0, 7.0))
    resumed.load_state_dict(state)
    assert rates(resumed, 10) == rest and resumed.get_last_lr() == straight.get_last_lr()
    assert repr(resumed) == repr(straight)


@each_kind
def test_settings_are_part_of_the_state(kind):
    ours, other = kind(optimizer(0.4)), LRScheduler(optimizer(0.4), -1, lambda base, t: base)
    settings = set(ours.state_dict()) - {"last_epoch", "base_lrs", "_last_lr"}
    assert settings and all(hasattr(ours, name) and f"{name}=" in repr(ours) for name in settings)
    own = {name: value for name, value in ours.state_dict().items() if name in settings}
    changed = {name: not value if name == "staged" else value * 2 for name, value in own.items()}
    ours.load_state_dict(changed | {"last_epoch": 2, "base_lrs": [0.1]})
    assert {name: getattr(ours, name) for name in settings} == changed
    assert ours.get_last_lr() == [ours.rate_at(0.1, 2)]
    ours.load_state_dict(changed | {"last_epoch": 2, "base_lrs": [0.1], "_last_lr": [0.7], "_step_count": 3})
    assert ours.get_last_lr() == [0.7] and ours.base_lrs == [0.1]
    with pytest.raises(ValueError, match=r"what it has more is \['delta'\]"):
        other.load_state_dict({"last_epoch": 2, "base_lrs": [0.1], "delta": 3})
    assert not hasattr(other, "delta") and other.last_epoch == 0


@each_kind
def test_going_on_at_a_given_step(kind):
    """As in PyTorch: the optimizer's state has the rate of that step already, and the first rate."""
    straight = optimizer(0.4)
    scheduler = kind(straight)
    start = rates(scheduler, 4)
    saved = straight.state_dict()
    rest = rates(scheduler, 8)
    assert start + rest == rates(kind(optimizer(0.4)), 12)
    resumed = optimizer(9.0)
    resumed.load_state_dict(saved)
    assert rates(kind(resumed, last_epoch=3), 8) == rest
    for wrong in (2.5, math.nan):
        with pytest.raises(ValueError, match="last_epoch must be −1 for a new schedule"):
            kind(resumed, last_epoch=wrong)
    with pytest.raises(ValueError, match=r'to go on at last_epoch = 3 .* set group\["initial_lr"\]'):
        kind(optimizer(0.4), last_epoch=3)
    with pytest.raises(ValueError, match="last_epoch must be −1 for a new schedule.* it is -2"):
        kind(optimizer(0.4), last_epoch=-2)


@each_kind
def test_copies_go_on_apart(kind):
    scheduler = kind(optimizer(0.4))
    twin = copy.deepcopy(scheduler)
    assert rates(twin, 6) == rates(kind(optimizer(0.4)), 6)
    assert scheduler.last_epoch == 0


def test_the_optimizers_state_holds_the_rate():
    moved = Adam([Parameter(np.zeros(1))], lr=1.0)
    scheduler = StepLR(moved, 1, 0.5)
    rates(scheduler, 3)
    other = Adam([Parameter(np.zeros(1))], lr=1.0)
    other.load_state_dict(moved.state_dict())
    assert other.param_groups[0]["lr"] == 0.125


def test_a_state_that_does_not_fit_changes_nothing():
    scheduler = StepLR(optimizer(1.0, 2.0), 2)
    good = {"last_epoch": 4, "step_size": 9, "gamma": 0.5, "base_lrs": [3.0, 4.0], "_last_lr": [0.3, 0.4]}
    for change, error, words in (
        ({"base_lrs": None}, ValueError, r"lacks \['base_lrs'\], and what it has more is \[\]"),
        ({"gamma": None}, ValueError, r"lacks \['gamma'\]"),
        ({"stage_length": 1}, ValueError, r"more is \['stage_length'\]"),
        ({"base_lrs": [1.0]}, ValueError, "the state is of 1 groups with 2 rates; here are 2"),
        ({"_last_lr": [1.0]}, ValueError, "the state is of 2 groups with 1 rates; here are 2"),
        ({"step_size": 0}, ValueError, "step_size must be a whole number of at least 1; it is 0"),
        ({"gamma": math.nan}, ValueError, "gamma must be a finite number"),
        ({"gamma": "0.5"}, TypeError, "gamma must be a number; it is '0.5'"),
        ({"last_epoch": -1}, ValueError, "last_epoch must be a whole number of at least 0; it is -1"),
        ({"last_epoch": 1.5}, ValueError, "last_epoch"),
        ({"base_lrs": [1.0, -2.0]}, ValueError, "a rate must be a finite number of 0 or more; it is -2"),
        ({"_last_lr": [1.0, math.inf]}, ValueError, "a rate must be"),
    ):
        with pytest.raises(error, match=words):
            scheduler.load_state_dict({name: v for name, v in (good | change).items() if v is not None})
        assert scheduler.step_size == 2 and scheduler.last_epoch == 0 and scheduler.base_lrs == [1.0, 2.0]
        assert scheduler.get_last_lr() == [1.0, 2.0] and scheduler.gamma == 0.1
    scheduler.load_state_dict(good)
    assert scheduler.last_epoch == 4 and scheduler.base_lrs == [3.0, 4.0] and scheduler.get_last_lr() == [0.3, 0.4]


def test_the_state_of_another_kind_is_refused():
    states = {name: kind(optimizer()).state_dict() for name, kind in KINDS.items() if name != "staged"}
    for name, kind in KINDS.items():
        scheduler = kind(optimizer())
        for other, state in states.items():
            if other == name or {other, name} == {"exponential", "staged"}:
                scheduler.load_state_dict(state)
                continue
            with pytest.raises(ValueError, match="the state of a .* lacks"):
                scheduler.load_state_dict(state)


def test_eq_8_schedulers_on_one_optimizer_multiply():
    shared = optimizer(0.5)
    both = StepLR(shared, 3, 0.5), ExponentialLR(shared, 0.9)
    for t in range(12):
        np.testing.assert_allclose(shared.param_groups[0]["lr"], 0.5 * 0.5 ** (t // 3) * 0.9**t, rtol=1e-14)
        for scheduler in both:
            scheduler.step()


def test_eq_8_a_rate_written_by_hand_stays_in_as_a_factor():
    moved = optimizer(1.0)
    scheduler = ExponentialLR(moved, 0.5)
    scheduler.step()
    moved.param_groups[0]["lr"] *= 3
    scheduler.step()
    assert scheduler.get_last_lr() == [0.75]


@pytest.mark.parametrize("lowest", [0.0, 0.2])
def test_eq_8_the_cosine_moves_the_distance_from_its_lowest_rate(lowest):
    moved = optimizer(1.0)
    scheduler = CosineAnnealingLR(moved, 6, lowest)
    scheduler.step()
    moved.param_groups[0]["lr"] = lowest + 3 * (moved.param_groups[0]["lr"] - lowest)
    for t in range(2, 7):
        scheduler.step()
        expected = lowest + 3 * (1 - lowest) * (1 + math.cos(math.pi * t / 6)) / 2
        np.testing.assert_allclose(scheduler.get_last_lr(), [expected], rtol=1e-14)
    moved.param_groups[0]["lr"] += 0.1  # at the bottom there is no distance to multiply: (8) adds what (5) gains
    scheduler.step()
    expected = lowest + 0.1 + (1 - lowest) * (1 + math.cos(math.pi * 7 / 6)) / 2
    np.testing.assert_allclose(scheduler.get_last_lr(), [expected], rtol=1e-14)


def test_eq_8_one_schedule_after_another_begins_where_that_one_ended():
    moved = optimizer(1.0)
    StepLR(moved, 1).step()
    assert moved.param_groups[0]["lr"] == 0.1
    np.testing.assert_allclose(ConstantLR(moved, 0.5, 1).get_last_lr(), [0.05], rtol=1e-15)
    moved.param_groups[0]["lr"] = 5.0
    assert rates(ExponentialLR(moved, 0.5), 3) == [5.0, 2.5, 1.25]


def test_eq_8_a_warm_up_multiplies_and_then_the_cosine_moves_the_distance():
    moved, alone = optimizer(1.0), optimizer(3.0)
    scheduler, reference = CosineWarmup(moved, 4, 9, 0.2), CosineWarmup(alone, 4, 9, 0.2)
    moved.param_groups[0]["lr"] *= 3
    for _ in range(12):
        np.testing.assert_allclose(moved.param_groups[0]["lr"], alone.param_groups[0]["lr"], rtol=1e-14)
        scheduler.step()
        reference.step()


@each_kind
def test_eq_8_a_rate_that_begins_at_the_lowest_one_and_is_raised_by_hand(kind):
    """What is raised from e to e + 1 follows the schedule of a rate that begins there."""
    e = 0.01 if "eta_min" in kind(optimizer()).state_dict() else 0.0
    raised, alone = optimizer(e), optimizer(e + 1)
    scheduler, reference = kind(raised), kind(alone)
    raised.param_groups[0]["lr"] = reference.get_last_lr()[0]
    for _ in range(9):
        np.testing.assert_allclose(scheduler.get_last_lr(), reference.get_last_lr(), rtol=1e-13)
        scheduler.step()
        reference.step()


def test_eq_8_a_factor_of_zero_ends():
    moved = optimizer(2.0)
    other, scheduler = ExponentialLR(moved, 0.5), ConstantLR(moved, 0.0, 2)
    for expected in (0.0, 0.0, 2.0, 1.0):
        assert moved.param_groups[0]["lr"] == expected
        other.step()
        scheduler.step()


def test_states_of_two_schedulers_and_their_optimizer_go_on_together():
    def build():
        moved = optimizer(0.5, 0.2)
        return moved, StepLR(moved, 3, 0.5), CosineAnnealingLR(moved, 7, 0.01)

    straight, resumed = build(), build()
    found = []
    for _ in range(4):
        for scheduler in straight[1:]:
            scheduler.step()
    for ours, theirs in zip(resumed, straight, strict=True):
        ours.load_state_dict(theirs.state_dict())
    for built in (straight, resumed):
        for _ in range(6):
            for scheduler in built[1:]:
                scheduler.step()
        found.append([group["lr"] for group in built[0].param_groups])
    assert found[0] == found[1]


@each_kind
def test_the_number_of_a_step_is_no_loss(kind):
    scheduler = kind(optimizer())
    for number in (5, 0, True, np.int64(3)):
        with pytest.raises(TypeError, match="a scheduler counts its steps itself, and a loss is a float; got"):
            scheduler.step(number)
    assert scheduler.last_epoch == 0
    scheduler.step(np.float64(5))
    scheduler.step(None)
    assert scheduler.last_epoch == 2


@pytest.mark.parametrize("value", [True, "3", None, np.array([3])])
def test_settings_that_are_no_numbers_are_named(value):
    for build, name in (
        (lambda o, v: ConstantLR(o, v), "factor"),
        (lambda o, v: ConstantLR(o, 0.5, v), "total_iters"),
        (lambda o, v: LinearLR(o, v), "start_factor"),
        (lambda o, v: StepLR(o, v), "step_size"),
        (lambda o, v: ExponentialLR(o, v), "gamma"),
        (lambda o, v: ExponentialLR(o, 0.5, stage_length=v), "stage_length"),
        (lambda o, v: CosineAnnealingLR(o, v), "T_max"),
        (lambda o, v: NoamLR(o, v), "d_model"),
        (lambda o, v: CosineWarmup(o, v, 5), "warmup_steps"),
        (lambda o, v: CosineWarmup(o, 1, v), "total_steps"),
        (lambda o, v: CosineWarmup(o, 1, 5, v), "eta_min"),
        (lambda o, v: StepLR(o, 3, 0.5, v), "last_epoch"),
    ):
        moved = optimizer()
        with pytest.raises(TypeError, match=f"{name} must be a number; it is"):
            build(moved, value)
        assert "initial_lr" not in moved.param_groups[0]
    with pytest.raises(TypeError, match="staged must be True or False"):
        ExponentialLR(optimizer(), 0.5, staged="no")


def test_repr_says_the_settings():
    assert repr(StepLR(optimizer(), 3)) == "StepLR(step_size=3, gamma=0.1, last_epoch=0)"


@pytest.mark.parametrize(
    "build, words",
    [
        (lambda o: ConstantLR(o, -1), "factor must be a finite number of 0 or more; it is -1"),
        (lambda o: ConstantLR(o, 0.5, 0), "total_iters must be a whole number of at least 1; it is 0"),
        (lambda o: LinearLR(o, math.nan), "start_factor must be"),
        (lambda o: LinearLR(o, 0.5, math.inf), "end_factor must be"),
        (lambda o: LinearLR(o, total_iters=2.5), "total_iters must be .* it is 2.5"),
        (lambda o: StepLR(o, math.nan), "step_size must be"),
        (lambda o: StepLR(o, 2, -0.1), "gamma must be"),
        (lambda o: ExponentialLR(o, -0.1), "gamma must be"),
        (lambda o: ExponentialLR(o, 0.1, stage_length=math.inf), "stage_length must be"),
        (lambda o: CosineAnnealingLR(o, 0), "T_max must be"),
        (lambda o: CosineAnnealingLR(o, 3, -1), "eta_min must be"),
        (lambda o: NoamLR(o, 0), "d_model must be"),
        (lambda o: NoamLR(o, 8, 0), "warmup_steps must be"),
        (lambda o: CosineWarmup(o, 5, 5), "warmup_steps must be at least 0 and below total_steps; they are 5 and 5"),
        (lambda o: CosineWarmup(o, -1, 5), "they are -1 and 5"),
        (lambda o: CosineWarmup(o, 1, 5, -1), "eta_min must be"),
    ],
)
def test_bad_settings_are_named_and_leave_the_rate_alone(build, words):
    moved = optimizer(1.0)
    with pytest.raises(ValueError, match=words):
        build(moved)
    assert moved.param_groups[0]["lr"] == 1.0 and "initial_lr" not in moved.param_groups[0]
