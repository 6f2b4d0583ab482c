"""Tags that say what a model takes: sound models with them pass the whole kit, and tags that lie are caught."""

from __future__ import annotations

import numpy as np
import pytest
from sound_models import Centroids, Plane, Scale, checks_of, result, subject
from sound_models_with_tags import (
    SOUND,
    Best,
    Between,
    CentredCentroids,
    Exponential,
    Numbered,
    Steers,
    Steps,
    UnitRows,
)

import pellucid
from pellucid import NotFittedError, Transformer, registry
from pellucid.testing import tasks
from pellucid.testing.cases import model_cases

CHECKS = checks_of("tag_checks")


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    """A registry without plugins, so that nothing that is registered here stays."""
    state = registry._State()
    state.plugins = ()
    monkeypatch.setattr(registry, "_state", state)


def of(cls, task, **fields):
    """A class as the kit sees it, with the tags that it has itself unless others are given."""
    return subject(cls, tasks=(task,), **{"tags": cls._tags, **fields})


@pytest.mark.parametrize("cls, of_tasks", SOUND)
def test_sound_models_with_tags_pass_the_whole_kit(cls, of_tasks):
    pellucid.register(cls, tasks=of_tasks)
    spec = registry.spec_of(cls)
    assert spec.tags == cls._tags
    left_out = ("spec", "reading")  # how a model is documented
    results = [case.run() for case in model_cases(cls, spec) if case.check.level not in left_out]
    results = [found for found in results if not found.id.endswith("::public-methods-have-docstrings")]
    assert [f"{found.id}: {found.saw}" for found in results if found.status not in ("passed", "skipped")] == []
    assert sum(found.status == "passed" for found in results) > 25


# Tags that lie


class LeavesOneOut(Steps):
    _tags = ("one column", "stateless")


class TakesAnyClasses(Centroids):
    pass


class LearnsItsScale(Scale):
    _tags = ("stateless",)

    def transform(self, X):
        X = self._check_X(X)
        return X / getattr(self, "scale_", 1.0)


class DoesWithoutY(Best):
    def fit(self, X, y=None):
        return super().fit(X, np.arange(len(X)) % 3 if y is None else y)


class SaysNothingOfY(Best):
    def fit(self, X, y):
        if y is None:
            raise ValueError("no")
        return super().fit(X, y)


class SaysNothingOfClasses(Between):
    def fit(self, X, y):
        if len(np.unique(y)) > 2:
            raise ValueError("too many")
        return super().fit(X, y)


class SaysNothingOfTheSign(Exponential):
    def fit(self, X, y, sample_weight=None):
        if np.min(y) <= 0:
            raise ValueError("no")
        return super().fit(X, y, sample_weight)


class GivesNaNForNewWords(Numbered):
    def transform(self, X):
        found = super().transform(X)
        return np.where(found < 0, np.nan, found)


MUTANTS = [  # check, class, its task, its tags, what must be said
    ("tags-of-the-class-are-in-the-spec", LeavesOneOut, "regression", ("one column",), "without 'stateless'"),
    ("negative-targets-are-refused", Plane, "regression", ("positive target",), "raised nothing"),
    ("negative-targets-are-refused", SaysNothingOfTheSign, "regression", ("positive target",), "does not speak of it"),
    ("a-third-class-is-refused", TakesAnyClasses, "classification", ("two classes",), "raised nothing"),
    ("a-third-class-is-refused", SaysNothingOfClasses, "classification", ("two classes",), "does not speak of them"),
    ("fit-without-y-is-refused", DoesWithoutY, "transform", ("needs y",), "fit(X) raised nothing"),
    ("fit-without-y-is-refused", SaysNothingOfY, "transform", ("needs y",), "does not speak of y: no"),
    ("a-second-column-is-refused", Plane, "regression", ("one column",), "fit to two columns raised nothing"),
    ("stateless-model-needs-no-fit", Scale, "transform", ("stateless",), "NotFittedError"),
    ("stateless-model-needs-no-fit", LearnsItsScale, "transform", ("stateless",), "before fit, transform differs"),
    ("unknown-words-make-sense", GivesNaNForNewWords, "transform", ("text",), "with a word that fit has not seen"),
]
SOUND_ONES = {
    "tags-of-the-class-are-in-the-spec": (Steps, "regression"),
    "negative-targets-are-refused": (Exponential, "regression"),
    "a-third-class-is-refused": (Between, "classification"),
    "fit-without-y-is-refused": (Best, "transform"),
    "a-second-column-is-refused": (Steps, "regression"),
    "stateless-model-needs-no-fit": (UnitRows, "transform"),
    "unknown-words-make-sense": (Numbered, "transform"),
}


def test_every_check_has_a_mutant_and_a_sound_model():
    assert {name for name, *_ in MUTANTS} == set(SOUND_ONES) == set(CHECKS)


@pytest.mark.parametrize("name, cls, task, tags, said", MUTANTS)
def test_a_tag_that_lies_is_caught(name, cls, task, tags, said):
    found = result(name, of(cls, task, tags=tags))
    assert found.status == "failed"
    assert said in found.saw


@pytest.mark.parametrize("name", SOUND_ONES)
def test_what_a_tag_promises_is_looked_at(name):
    assert result(name, of(*SOUND_ONES[name])).status == "passed"
    if name != "tags-of-the-class-are-in-the-spec":
        assert result(name, of(*SOUND_ONES[name], tags=())).saw.startswith("it has no tag '")


def test_an_action_outside_the_space_is_refused_and_any_float_is_taken():
    env = tasks.corridor_for(of(Steers, "control").spec)
    env.reset()
    assert [env.step(np.array([force]))[0] for force in (0.3, 0.2, -0.1)] == [1, 2, 1]
    for action in (1, np.array([1.5]), np.array([0.1, 0.2]), np.array(["1"]), np.array([np.nan])):
        with pytest.raises(ValueError, match="step wants an action from Box"):
            env.step(action)
    assert not result("predicts-actions", of(Steers, "control", tags=())).status == "passed"


# The toy data


def test_toy_data_are_what_the_tags_say():
    def data(task, *tags, also=()):
        return subject(Plane, tasks=(task, *also), tags=tags).data

    assert data("regression", "positive target").y.min() > 1
    assert np.array_equal(data("regression").X, data("regression", "positive target").X)
    assert np.bincount(data("classification", "two classes").y).tolist() == [30, 30]
    assert data("density", "one column").X.shape == (60, 1)
    assert set(data("transform", "text").X.flat) == {"ash", "birch", "oak", "pine"}
    assert data("transform").y is None
    assert sorted(set(data("transform", "needs y").y)) == [1.0, 2.0, 3.0]
    assert sorted(set(data("transform", also=("classification",)).y)) == [0, 1, 2]
    assert subject(Plane, tags=("one column",)).other_data.X.shape == (30, 1)


# The class says it too


def test_a_class_that_is_registered_brings_its_tags():
    pellucid.register(Exponential)
    assert registry.spec_of(Exponential).tags == ("positive target",)
    pellucid.register(Exponential, tags=("fast",))
    assert registry.spec_of(Exponential).tags == ("fast",)


def test_a_stateless_model_answers_before_fit_and_remembers_the_width_after_it():
    X = np.array([[3.0, 4.0], [0.0, 0.0]])
    assert UnitRows().transform(X).tolist() == [[0.6, 0.8], [0.0, 0.0]]
    assert UnitRows().fit(X).n_features_in_ == 2
    with pytest.raises(ValueError, match="X has 1 features, but UnitRows is expecting 2 features"):
        UnitRows().fit(X).transform(X[:, :1])
    assert UnitRows().get_feature_names_out(["a", "b"]).tolist() == ["a", "b"]
    with pytest.raises(NotFittedError, match="has seen no data"):
        UnitRows().get_feature_names_out()


def test_a_model_whose_fit_stored_nothing_is_told_what_to_do():
    class Forgot(Transformer):
        def fit(self, X, y=None):
            self._check_fit_X(X)
            return self

        def transform(self, X):
            return self._check_X(X)

    with pytest.raises(NotFittedError, match="stored nothing that it learnt.*_tags = "):
        Forgot().fit([[1.0]]).transform([[1.0]])
    with pytest.raises(NotFittedError, match="using this estimator.$"):
        Forgot().transform([[1.0]])


def test_scikit_learn_is_told_what_it_has_a_word_for():
    utils = pytest.importorskip("sklearn.utils")
    tags = {cls: utils.get_tags(cls()) for cls in (Exponential, Between, Best, UnitRows, Numbered, CentredCentroids)}
    assert [cls for cls, tag in tags.items() if tag.target_tags.positive_only] == [Exponential]
    assert [c for c, t in tags.items() if t.classifier_tags and not t.classifier_tags.multi_class] == [Between]
    assert [cls for cls, tag in tags.items() if not tag.target_tags.required] == [UnitRows, Numbered]
    assert [cls for cls, tag in tags.items() if not tag.requires_fit] == [UnitRows]
    assert [cls for cls, tag in tags.items() if tag.input_tags.string] == [Numbered]
