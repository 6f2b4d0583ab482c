"""What the kit knows of each task: how a model is fitted, what it is asked, and that a sound one passes everything."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from sound_models import result, subject
from sound_models_of_tasks import SOUND, Bigrams, MostlyTheBest, OneGaussian, TableOfValues, TwoStatesOfSymbols

from pellucid import registry
from pellucid.specs import MODEL_TASKS
from pellucid.testing import tasks
from pellucid.testing.checks import all_checks
from pellucid.testing.subjects import differences


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    """A registry without plugins, so that nothing that is registered here stays."""
    state = registry._State()
    state.plugins = ()
    monkeypatch.setattr(registry, "_state", state)


def test_every_task_is_known():
    assert set(tasks.TASKS) == set(MODEL_TASKS)


KINDS = [
    *[(cls, task, ()) for task, cls in SOUND.items()],
    (TwoStatesOfSymbols, "sequence", ("symbols",)),
    (TableOfValues, "control", ("continuous",)),
    (MostlyTheBest, "bandit", ("contextual",)),
]


@pytest.mark.parametrize("cls, task, tags", KINDS)
def test_sound_models_of_other_tasks_pass_the_whole_kit(cls, task, tags):
    model = subject(cls, registered=True, tasks=(task,), tags=tags)
    left_out = ("plugin", "spec", "reading")  # how a model is registered and documented
    checks = [check for check in all_checks() if task in check.tasks and check.level not in left_out]
    results = [result(check.name, model) for check in checks if check.name != "public-methods-have-docstrings"]
    assert [f"{found.id}: {found.saw}" for found in results if found.status not in ("passed", "skipped")] == []
    assert sum(found.status == "passed" for found in results) > 25


@pytest.mark.parametrize("cls, task, tags", KINDS)
def test_answers_can_be_repeated_and_leave_the_model_as_it_is(cls, task, tags):
    model = subject(cls, tasks=(task,), tags=tags)
    found = model.answers()
    before = copy.deepcopy({name: np.array(value) for name, value in found.items()})
    assert before and all(value.size for value in before.values())
    assert differences(model.answers(model.fitted), before) == ""


def test_toy_data_are_the_same_each_time_and_other_ones_with_another_seed():
    for toy in (tasks.three_clouds, tasks.bent_plane, tasks.two_moods, tasks.two_subjects):
        assert np.array_equal(toy().X, toy().X)
        assert not np.array_equal(toy().X, toy(seed=1).X)
    assert tasks.two_stories().X == tasks.two_stories().X != tasks.two_stories(seed=1).X


def test_a_sample_takes_its_seed_by_any_name():
    class Sampler:
        def sample(self, n, rng=None):
            return [rng] * n, "labels"

    assert tasks.sample(Sampler(), 2, seed=7) == ([7, 7], "labels")
    assert tasks.sample(OneGaussian().fit(np.eye(3)), 4)[0].shape == (4, 3)


def test_an_agent_is_asked_for_what_it_does_without_chance():
    class Waverer:
        def predict(self, observation, deterministic=False):
            return (1 if deterministic else 0), None

    class Sure:
        def predict(self, observation):
            return observation, None

    assert tasks.choose(Waverer(), 5) == 1
    assert tasks.choose(Sure(), 5) == 5


def test_bandits_and_samplers_are_asked_through_a_copy():
    model = subject(MostlyTheBest, tasks=("bandit",))
    state = copy.deepcopy(model.fitted.get_state())
    assert len(model.answers()["act"]) == 50
    assert np.array_equal(model.fitted.seen_[""], state["seen_"][""])
    assert model.fitted.rng_.bit_generator.state == state["rng_"].bit_generator.state


def test_a_language_is_asked_for_words_after_all_that_came_before():
    asked = []

    class Listens(Bigrams):
        def score(self, word, context=None):
            asked.append((word, tuple(context)))
            return super().score(word, context)

    data = tasks.two_stories()
    tasks.TASKS["language"].answers(Listens().fit(data.X), data)
    assert len(asked) == 40
    assert asked[3] == (data.X[0][3], tuple(data.X[0][:3]))
