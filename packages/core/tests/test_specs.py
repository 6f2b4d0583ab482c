"""Specs say what is wrong with them when they are made."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from pellucid import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec
from pellucid.specs import MODEL_TASKS, plain

MODEL = {"id": "acme/stump", "target": "acme.stump:Stump", "summary": "One split", "tasks": ("regression",)}
DATASET = {"id": "acme/rain", "target": "acme.rain:rain", "summary": "Rain", "task": "regression"}
COMPONENT = {"id": "acme/relu", "kind": "activation", "target": "acme.relu:ReLU", "summary": "max(x, 0)"}
COMMAND = {"name": "acme", "target": "acme.cli:main", "summary": "Report"}


def test_model_spec_knows_its_family_and_name():
    spec = ModelSpec(**MODEL)
    assert (spec.family, spec.name) == ("acme", "stump")
    assert (spec.aliases, spec.tags, spec.references, spec.smoke) == ((), (), (), {})


def test_dataset_spec_may_have_a_bare_id():
    assert (DatasetSpec(**DATASET).family, DatasetSpec(**DATASET).name) == ("acme", "rain")
    bare = DatasetSpec(**DATASET | {"id": "breast-cancer"})
    assert (bare.family, bare.name) == ("", "breast-cancer")


@pytest.mark.parametrize(
    "kind, fields", [(ModelSpec, MODEL), (DatasetSpec, DATASET), (ComponentSpec, COMPONENT), (CommandSpec, COMMAND)]
)
def test_specs_are_frozen_comparable_hashable_and_travel(kind, fields):
    spec = kind(**fields)
    assert spec == kind(**fields) and hash(spec) == hash(kind(**fields))
    assert pickle.loads(pickle.dumps(spec)) == spec == copy.deepcopy(spec)
    assert kind(**dataclasses.asdict(spec)) == spec
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.summary = "other"
    with pytest.raises(TypeError, match="positional"):
        kind(*fields.values())


@pytest.mark.parametrize(
    "change, error, words",
    [
        ({"id": "stump"}, ValueError, "'family/name'.*'linear/ridge'; got 'stump'"),
        ({"id": "Acme/Stump"}, ValueError, "lower case"),
        ({"id": "acme/my_stump"}, ValueError, "hyphens"),
        ({"id": "acme/a/b"}, ValueError, "'family/name'"),
        ({"id": "acme/stump\n"}, ValueError, "'family/name'"),
        ({"id": 3}, ValueError, "got 3"),
        ({"target": "acme.stump.Stump"}, ValueError, "acme/stump: target must be 'module:name'"),
        ({"target": "acme:Stump()"}, ValueError, "target"),
        ({"target": None}, ValueError, "target"),
        ({"summary": " \n"}, ValueError, "acme/stump: summary must say in one line what it is.*; it has 0"),
        ({"summary": "very long " * 21}, ValueError, "at most 200 characters; it has 209"),
        ({"summary": None}, TypeError, "summary must be a string"),
        ({"tasks": "regression"}, TypeError, "tasks must be a tuple of strings.*'regression'"),
        ({"tasks": None}, TypeError, "tasks must be a tuple of strings"),
        ({"tasks": (1,)}, TypeError, "tasks must be a tuple of strings"),
        ({"tasks": ()}, ValueError, "tasks must be one or more of classification"),
        ({"tasks": ("regresion",)}, ValueError, "regresion"),
        ({"status": "beta"}, ValueError, "status must be one of stable, experimental, deprecated; got 'beta'"),
        ({"aliases": ("The Stump",)}, ValueError, "alias 'The Stump' must be lower case"),
        ({"aliases": ("linear/stump",)}, ValueError, "alias 'linear/stump'.*'acme/'"),
        ({"smoke": ("depth", 1)}, TypeError, "smoke must be a dict"),
    ],
)
def test_model_spec_says_what_is_wrong(change, error, words):
    with pytest.raises(error, match=words):
        ModelSpec(**MODEL | change)


@pytest.mark.parametrize(
    "kind, fields, words",
    [
        (DatasetSpec, DATASET | {"task": "weather"}, "task must be one of"),
        (DatasetSpec, DATASET | {"id": "Rain"}, "id of a DatasetSpec"),
        (DatasetSpec, DATASET | {"licence": None}, "licence must be a string"),
        (ComponentSpec, COMPONENT | {"kind": "Activation"}, "kind must be one lower-case word"),
        (ComponentSpec, COMPONENT | {"id": "relu"}, "id of a ComponentSpec"),
        (ComponentSpec, COMPONENT | {"summary": ""}, "acme/relu: summary must say"),
        (CommandSpec, COMMAND | {"name": "Acme"}, "command's name"),
        (CommandSpec, COMMAND | {"target": "acme"}, "acme: target must be"),
    ],
)
def test_other_specs_say_what_is_wrong(kind, fields, words):
    with pytest.raises((TypeError, ValueError), match=words):
        kind(**fields)


def test_lists_become_tuples_and_the_smoke_dict_is_a_copy():
    smoke = {"depth": 1}
    spec = ModelSpec(**MODEL | {"tasks": ["regression", "density"], "aliases": ["one-split"], "smoke": smoke})
    smoke["depth"] = 2
    assert spec.tasks == ("regression", "density") and spec.aliases == ("one-split",) and spec.smoke == {"depth": 1}


def test_text_is_made_printable():
    spec = ModelSpec(**MODEL | {"summary": "red \x1b[31m alert\x07\nsecond line \u202e evil", "references": ("a\tb",)})
    assert spec.summary == "red [31m alert second line evil"
    assert spec.references == ("a b",)
    assert plain("∂loss/∂x – naïve 木") == "∂loss/∂x – naïve 木"


def test_every_documented_task_is_accepted():
    assert ModelSpec(**MODEL | {"tasks": MODEL_TASKS}).tasks == MODEL_TASKS
