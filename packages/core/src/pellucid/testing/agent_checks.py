"""What an agent is for: what it does gets better with what it has been through, in the world that it is given."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np

from pellucid.testing.checks import check, expect, raises
from pellucid.testing.environments import Corridor, episode_return, play
from pellucid.testing.subjects import Subject
from pellucid.testing.tasks import Data, choose, corridor_for

# Control


@check("task", "control")
def predicts_actions(model: Subject) -> None:
    """predict gives an action from the action space, and a state."""
    env = model.data.X
    for observation in env.asked:
        found = model.fitted.predict(observation)
        expect(isinstance(found, tuple) and len(found) == 2, f"predict gave {found!r}; it should give (action, state)")
        expect(
            env.allows(found[0]),
            f"predict gave the action {found[0]!r}, and {env.action_space} has none",
        )


@check("task", "control")
def beats_random_actions(model: Subject) -> None:
    """After learning, its episodes have a higher return than those of random actions."""
    env, rng = model.data.X, np.random.default_rng(0)
    by_chance = np.mean([episode_return(env, lambda _: env.random_action(rng)) for _ in range(100)])
    found = np.mean([episode_return(env, lambda observation: choose(model.fitted, observation)) for _ in range(3)])
    expect(found > by_chance, f"the mean return is {found:.2f}, that of random actions {by_chance:.2f}")


@check("task", "control")
def begins_again_after_every_end(model: Subject) -> None:
    """It resets the environment at the beginning and after each end, terminated or truncated, and goes on learning."""
    for ends, limit in ((True, 1000), (False, 10)):
        env = corridor_of(model, ends=ends, limit=limit, n_cells=4)
        learn(model, env, 200)
        expect(env.n_steps > 0, "it took no step")


@check("task", "control")
def learns_for_as_many_steps_as_asked(model: Subject) -> None:
    """learn takes about total_timesteps steps: half as many at least, and twice as many and an episode at most."""
    env = corridor_of(model)
    learn(model, env, 600)
    expect(300 <= env.n_steps <= 1200 + env.limit, f"it took {env.n_steps} steps; total_timesteps was 600")


@check("task", "control")
def leaves_the_environment_alone(model: Subject) -> None:
    """It uses the environment by reset and step alone: after learning and a reset that is as it was."""
    env = corridor_of(model)
    env.reset(seed=0)
    before = copy.deepcopy(facts(env))
    learn(model, env, 100)
    env.reset(seed=0)
    after = facts(env)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    expect(not changed, f"learn changed its {', '.join(changed)}")


def corridor_of(model: Subject, **options: Any) -> Any:
    """A corridor of the kind that the model learns in."""
    return corridor_for(model.spec, **options)


def facts(env: Corridor) -> dict[str, Any]:
    """What an environment remembers, but for its spaces and the number of steps."""
    left_out = ("n_steps", "action_space", "observation_space", "asked")
    return {name: value for name, value in vars(env).items() if name not in left_out and "np_random" not in name}


def learn(model: Subject, env: Any, total_timesteps: int) -> Any:
    """A new agent that has learnt there."""
    one = model.make()
    model.fit(one, Data(env, extra={"total_timesteps": total_timesteps}))
    return one


# Bandits


@check("task", "bandit")
def acts_before_it_has_learnt(model: Subject) -> None:
    """act gives the index of one of n_arms arms, also before the first update."""
    one, bandit = model.make(), model.data.X
    for _ in range(20):
        context = bandit.context()
        arm = one.act() if context is None else one.act(context)
        expect(is_arm(arm, one.n_arms), f"act gave {arm!r}, and there are {one.n_arms} arms")


@check("task", "bandit")
def pulls_the_better_arm(model: Subject) -> None:
    """In the second half of 400 rounds it pulls the arm that pays nine times in ten more than half of the time."""
    arms, best = play(model.make(), model.data.X)
    share = float(np.mean(np.equal(arms, best)[200:]))
    expect(share > 0.5, f"it pulled that arm in {share:.0%} of these rounds")


@check("task", "bandit")
def tries_every_arm(model: Subject) -> None:
    """Each arm is tried in 500 rounds, even if no arm ever pays."""
    one = model.make()
    arms, _ = play(one, model.data.X, n_rounds=500, pay=lambda reward: 0.0)
    never = sorted(set(range(one.n_arms)) - set(arms))
    expect(not never, f"it never tried {', '.join(f'arm {arm}' for arm in never)}")


@check("task", "bandit")
def takes_rewards_of_any_type(model: Subject) -> None:
    """update takes rewards that are Python's or NumPy's, whole numbers or not, and they teach the same."""
    expected, _ = play(model.make(), model.data.X, n_rounds=30)
    for kind in (int, np.int64, np.float64):
        arms, _ = play(model.make(), model.data.X, n_rounds=30, pay=kind)
        expect(arms == expected or not model.seed, f"with rewards of type {kind.__name__} it pulled other arms")


@check("task", "bandit")
def arms_that_are_not_there_are_refused(model: Subject) -> None:
    """update of an arm that is not there is refused."""
    one, context = model.make(), model.data.X.context()
    given = () if context is None else (context,)
    one.update(one.act(*given), 1.0, *given)
    for arm in (-1, one.n_arms):
        what = f"update of arm {arm} of {one.n_arms}"
        raises(what, partial(one.update, arm, 1.0, *given), ValueError, IndexError)


def is_arm(arm: Any, n_arms: int) -> bool:
    """Whether this is the index of an arm."""
    return isinstance(arm, int | np.integer) and not isinstance(arm, bool) and 0 <= int(arm) < n_arms
