"""The worlds of the conformance kit: the corridor obeys Gymnasium's rules, the bandit pays as it says."""

from __future__ import annotations

import copy
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from pellucid.testing.environments import Bandit, Box, Corridor, Discrete, episode_return, make_corridor, play


@pytest.fixture
def gymnasium(monkeypatch):
    """A package of that name, with what the corridor needs of it."""
    module = ModuleType("gymnasium")
    module.Env = type("Env", (), {})
    module.spaces = SimpleNamespace(Discrete=type("Discrete", (Discrete,), {}), Box=type("Box", (Box,), {}))
    monkeypatch.setitem(sys.modules, "gymnasium", module)
    return module


@pytest.fixture(autouse=True)
def no_gymnasium(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)


@pytest.mark.parametrize("continuous", [False, True])
def test_the_way_to_the_right_is_terminated_by_the_arrival(continuous):
    env = make_corridor(continuous)
    observation, info = env.reset(seed=0)
    assert observation in env.observation_space and info == {}
    steps = [env.step(1) for _ in range(5)]
    assert all(step[0] in env.observation_space for step in steps)
    assert [step[1] for step in steps] == [-0.1, -0.1, -0.1, -0.1, 1.0]
    assert [step[2:4] for step in steps] == [(False, False)] * 4 + [(True, False)]


def test_an_episode_is_truncated_after_its_limit():
    env = make_corridor(limit=3)
    env.reset()
    assert [env.step(0)[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]


def test_without_ends_it_is_only_truncated():
    env = make_corridor(ends=False, limit=8)
    env.reset()
    steps = [env.step(1) for _ in range(8)]
    assert not any(step[2] for step in steps) and steps[-1][3]
    assert [step[1] for step in steps[4:]] == [1.0] * 4


def test_steps_out_of_place_are_refused():
    env = make_corridor(limit=1)
    with pytest.raises(RuntimeError, match="call reset first"):
        env.step(0)
    env.reset()
    with pytest.raises(ValueError, match=r"Discrete\(2\); it got 2"):
        env.step(2)
    env.step(np.int64(0))
    with pytest.raises(RuntimeError, match="call reset first"):
        env.step(0)


def test_an_open_corridor_tells_the_place():
    env = make_corridor(continuous=True)
    assert env.reset()[0].tolist() == [0.0, 1.0]
    observation = env.step(1)[0]
    assert observation.dtype == np.float32
    assert observation == pytest.approx([0.2, 0.8])
    observation[:] = 9.0
    assert env.step(0)[0].tolist() == [0.0, 1.0] and env.step(1)[0] == pytest.approx([0.2, 0.8])


def test_random_actions_earn_less_than_the_straight_way():
    env, rng = make_corridor(), np.random.default_rng(0)
    assert episode_return(env, lambda _: 1) == pytest.approx(0.6)
    assert np.mean([episode_return(env, lambda _: env.action_space.sample()) for _ in range(100)]) < -1
    assert episode_return(env, lambda _: int(rng.integers(2))) >= -3.0 - 1e-9


def test_an_environment_can_be_copied():
    env = make_corridor(True)
    env.reset()
    twin = copy.deepcopy(env)
    env.step(1)
    assert (env.cell, twin.cell) == (1, 0)


def test_where_gymnasium_is_installed_its_classes_are_used(gymnasium):
    for continuous, kind in ((False, gymnasium.spaces.Discrete), (True, gymnasium.spaces.Box)):
        env = make_corridor(continuous)
        assert isinstance(env, gymnasium.Env) and isinstance(env, Corridor)
        assert isinstance(env.action_space, gymnasium.spaces.Discrete) and isinstance(env.observation_space, kind)
        assert episode_return(env, lambda _: 1) == pytest.approx(0.6)


@pytest.mark.parametrize("x, there", [(0, True), (2, True), (np.int32(1), True), (3, False), (-1, False), (1.0, False)])
def test_a_discrete_space_holds_its_numbers(x, there):
    assert (x in Discrete(3)) is there


def test_samples_of_spaces_are_in_them_and_repeat_with_the_seed():
    for space in (Discrete(3), Box(np.zeros(2), np.array([1.0, 5.0]))):
        space.seed(1)
        first = [space.sample() for _ in range(20)]
        space.seed(1)
        assert all(x in space for x in first)
        assert np.array_equal(first, [space.sample() for _ in range(20)])
    assert np.array([2.0, 0.0]) not in space and np.zeros(3) not in space


@pytest.mark.parametrize("contextual", [False, True])
def test_the_good_arm_pays_nine_times_in_ten_and_others_once(contextual):
    bandit = Bandit(contextual)
    rewards = {True: [], False: []}
    for i in range(1000):
        context = bandit.context()
        arm = i // 2 % 2
        rewards[arm == bandit.best(context)].append(bandit.pull(arm, context))
    assert np.mean(rewards[True]) == pytest.approx(0.9, abs=0.05)
    assert np.mean(rewards[False]) == pytest.approx(0.1, abs=0.05)


def test_contexts_say_which_arm_is_good():
    bandit = Bandit(contextual=True)
    contexts = [bandit.context() for _ in range(50)]
    assert {tuple(context) for context in contexts} == {(1.0, 1.0), (1.0, -1.0)}
    assert [bandit.best(context) for context in contexts] == [int(context[1] > 0) for context in contexts]
    assert Bandit().context() is None


def test_an_agent_is_paid_for_the_arm_that_it_pulled():
    class Second:
        def __init__(self):
            self.paid = []

        def act(self):
            return 1

        def update(self, arm, reward):
            self.paid.append((arm, reward))

    agent = Second()
    arms, best = play(agent, Bandit(), n_rounds=50, pay=int)
    assert arms == best == [1] * 50
    assert {arm for arm, _ in agent.paid} == {1}
    assert {type(reward) for _, reward in agent.paid} == {int} and 35 <= sum(r for _, r in agent.paid) <= 50
