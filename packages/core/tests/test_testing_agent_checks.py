"""Each check of agents lets the sound models pass and catches the one that is broken where it looks."""

from __future__ import annotations

import numpy as np
import pytest
from sound_models import checks_of, result, subject
from sound_models_of_tasks import MostlyTheBest, TableOfValues

CHECKS = checks_of("agent_checks")


def one_of(cls, **fields):
    """A class as the kit sees it."""
    return subject(cls, tasks=("control" if issubclass(cls, TableOfValues) else "bandit",), **fields)


# Models that are broken, each in one way


class ActionAlone(TableOfValues):
    def predict(self, observation, state=None, deterministic=True):
        return super().predict(observation, state)[0]


class GoesForCosts(TableOfValues):
    def predict(self, observation, state=None, deterministic=True):
        return 1 - super().predict(observation, state)[0], state


class GoesOnAfterTruncation(TableOfValues):
    def learn(self, env, total_timesteps):
        class Endless:
            action_space, reset = env.action_space, env.reset

            def step(self, action):
                observation, reward, terminated, _, info = env.step(action)
                return observation, reward, terminated, False, info

        return super().learn(Endless(), total_timesteps)


class LearnsAThousandTimes(TableOfValues):
    def learn(self, env, total_timesteps):
        return super().learn(env, 5000)


class MovesTheWalls(TableOfValues):
    def learn(self, env, total_timesteps):
        env.limit = 10_000
        return super().learn(env, total_timesteps)


class CountsFromOne(MostlyTheBest):
    def act(self, context=None):
        return super().act(context) + 1


class LearnsNothing(MostlyTheBest):
    def update(self, arm, reward, context=None):
        return super().update(arm, 0.5, context)


class NeverExplores(MostlyTheBest):
    def act(self, context=None):
        sums, _ = self._of(context)
        return int(np.argmax(sums))


class WantsFloats(MostlyTheBest):
    def update(self, arm, reward, context=None):
        if type(reward) is not float:
            raise TypeError(f"reward must be a float, got {type(reward).__name__}")
        return super().update(arm, reward, context)


class CountsFromTheEnd(MostlyTheBest):
    def update(self, arm, reward, context=None):
        return super().update(arm % self.n_arms, reward, context)


MUTANTS = {  # check -> (class, what must be said)
    "predicts-actions": (ActionAlone, "it should give (action, state)"),
    "beats-random-actions": (GoesForCosts, "the mean return is -3.00, that of random actions -1."),
    "begins-again-after-every-end": (
        GoesOnAfterTruncation,
        "RuntimeError: step was called before reset, or after the end",
    ),
    "learns-for-as-many-steps-as-asked": (LearnsAThousandTimes, "it took 5000 steps; total_timesteps was 600"),
    "leaves-the-environment-alone": (MovesTheWalls, "learn changed its limit"),
    "acts-before-it-has-learnt": (CountsFromOne, "act gave 2, and there are 2 arms"),
    "pulls-the-better-arm": (LearnsNothing, "it pulled that arm in "),
    "tries-every-arm": (NeverExplores, "it never tried arm 1"),
    "takes-rewards-of-any-type": (WantsFloats, "TypeError: reward must be a float"),
    "arms-that-are-not-there-are-refused": (CountsFromTheEnd, "update of arm -1 of 2 raised nothing"),
}


def test_every_check_has_a_mutant():
    assert set(MUTANTS) == set(CHECKS)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_check_catches_its_mutant_and_says_what_it_saw(name):
    mutant, said = MUTANTS[name]
    found = result(name, one_of(mutant))
    assert found.status == "failed"
    assert said in found.saw


@pytest.mark.parametrize(
    "cls, fields",
    [
        (TableOfValues, {}),
        (TableOfValues, {"tags": ("continuous",)}),
        (MostlyTheBest, {}),
        (MostlyTheBest, {"tags": ("contextual",)}),
        (MostlyTheBest, {"smoke": {"n_arms": 5}}),
    ],
)
def test_sound_models_pass_every_check(cls, fields):
    model = one_of(cls, **fields)
    results = [result(name, model) for name, check in CHECKS.items() if model.task in check.tasks]
    assert [f"{found.id}: {found.saw}" for found in results if found.status != "passed"] == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("cls", [TableOfValues, MostlyTheBest])
def test_it_does_not_take_luck_to_pass(cls, seed):
    model = one_of(cls, smoke={"seed" if cls is TableOfValues else "random_state": seed})
    for name in ("beats-random-actions", "pulls-the-better-arm", "tries-every-arm"):
        if model.task in CHECKS[name].tasks:
            assert result(name, model).status == "passed"


# More ways to be broken, for checks that look at several things


class ThirdAction(TableOfValues):
    def predict(self, observation, state=None, deterministic=True):
        return 2, state


class LearnsFromNothing(TableOfValues):
    def learn(self, env, total_timesteps):
        self.n_actions_, self.values_ = 2, {}
        return self


class LeavesANote(TableOfValues):
    def learn(self, env, total_timesteps):
        env.learnt = True
        return super().learn(env, total_timesteps)


class ActsLikeAFloat(MostlyTheBest):
    def act(self, context=None):
        return float(super().act(context))


class RoundsRewards(MostlyTheBest):
    def update(self, arm, reward, context=None):
        return super().update(arm, reward if isinstance(reward, float) else -reward, context)


class GrowsAnArm(MostlyTheBest):
    def update(self, arm, reward, context=None):
        return super().update(min(arm, self.n_arms - 1), reward, context)


@pytest.mark.parametrize(
    "name, cls, said",
    [
        ("predicts-actions", ThirdAction, "predict gave the action 2, and Discrete(2) has none"),
        ("begins-again-after-every-end", LearnsFromNothing, "it took no step"),
        ("learns-for-as-many-steps-as-asked", LearnsFromNothing, "it took 0 steps"),
        ("leaves-the-environment-alone", LeavesANote, "learn changed its learnt"),
        ("acts-before-it-has-learnt", ActsLikeAFloat, "act gave 0.0"),
        ("takes-rewards-of-any-type", RoundsRewards, "with rewards of type int it pulled other arms"),
        ("arms-that-are-not-there-are-refused", GrowsAnArm, "update of arm 2 of 2 raised nothing"),
    ],
)
def test_the_check_also_catches(name, cls, said):
    found = result(name, one_of(cls))
    assert found.status == "failed"
    assert said in found.saw
