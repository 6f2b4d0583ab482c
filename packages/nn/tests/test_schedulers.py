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
    settings = set(ours.state_dict()) - {"last_epoch", "base_lrs"}
    assert settings and all(hasattr(ours, name) and f"{name}=" in repr(ours) for name in settings)
    changed = {name: value * 2 for name, value in ours.state_dict().items() if name in settings}
    ours.load_state_dict(changed | {"last_epoch": 2, "base_lrs": [0.1]})
    assert {name: getattr(ours, name) for name in settings} == changed
    other.load_state_dict({"last_epoch": 2, "base_lrs": [0.1], "gamma": 3})
    assert not hasattr(other, "gamma") and other.get_last_lr() == [0.1]


@each_kind
def test_going_on_at_a_given_step(kind):
    whole = rates(kind(optimizer(0.4)), 12)
    moved = optimizer(0.123)
    moved.param_groups[0]["initial_lr"] = 0.4
    assert rates(kind(moved, last_epoch=3), 8) == whole[4:]
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
    words = r"last_epoch, and base_lrs for each of 2 groups; it "
    with pytest.raises(ValueError, match=words + r"lacks \['base_lrs'\]"):
        scheduler.load_state_dict({"last_epoch": 4, "step_size": 9})
    with pytest.raises(ValueError, match=words + "has 1"):
        scheduler.load_state_dict({"last_epoch": 4, "step_size": 9, "base_lrs": [1.0]})
    assert scheduler.step_size == 2 and scheduler.last_epoch == 0 and scheduler.base_lrs == [1.0, 2.0]


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
