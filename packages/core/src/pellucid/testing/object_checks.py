"""A model as an object, before any fit: its constructor, its parameters, copies of it, what it prints."""

from __future__ import annotations

import ast
import copy
import inspect
import math
import pickle
import re
from typing import Any

import numpy as np

from pellucid import clone
from pellucid.testing.checks import NotApplicable, check, expect, fail, raises
from pellucid.testing.spec_checks import documented
from pellucid.testing.subjects import Subject

OTHER = 12345  # a value that no parameter has by itself
LONGEST = 100  # characters of what a new instance prints


class Nonsense:
    """A value that no parameter can use."""

    def __repr__(self) -> str:
        return "<nonsense>"


# The constructor


@check("object")
def constructor_names_its_parameters(model: Subject) -> None:
    """The constructor names each of its parameters: no *args, no **kwargs."""
    if model.cls.__init__ is object.__init__:
        raise NotApplicable("its constructor has no parameters")
    for parameter in inspect.signature(model.cls).parameters.values():
        open_ended = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        expect(not open_ended, f"it takes {parameter}, so its parameters cannot be listed, copied or saved")


@check("object")
def constructor_stores_its_arguments(model: Subject) -> None:
    """The constructor stores every argument under its own name, as it came."""
    given = {name: Nonsense() for name in parameters(model)}
    one = build(model, **given)
    for name, value in given.items():
        expect(hasattr(one, name), f"there is no attribute {name!r} after construction")
        expect(getattr(one, name) is value, f"{name} is not the object that was passed, but {getattr(one, name)!r}")


@check("object")
def constructor_refuses_nothing(model: Subject) -> None:
    """The constructor takes any value: what is wrong with one is said by fit."""
    for name in parameters(model):
        for value in (Nonsense(), None, -1, math.nan, ""):
            build(model, **{name: value})


@check("object")
def constructor_does_nothing_else(model: Subject) -> None:
    """After construction there are the parameters, its own and those of its bases, and nothing else."""
    known = set(parameters(model))
    for base in model.cls.__mro__:
        constructor = vars(base).get("__init__")
        if inspect.isfunction(constructor):
            known |= set(inspect.signature(constructor).parameters)
    behind = {name: Nonsense() for name in parameters(model) if isinstance(getattr(model.cls, name, None), property)}
    state = _state(build(model, **behind))
    stored = {id(value) for value in behind.values()}  # a property keeps its value under another name
    more = sorted(name for name in state if name not in known and id(state[name]) not in stored)
    expect(not more, f"there are also {', '.join(more)}; make them in fit")


@check("object")
def parameters_have_defaults(model: Subject) -> None:
    """Every parameter has a default, or its entry in the docstring says that it is required."""
    parameters(model)
    told = documented(model.cls, "Parameters")
    for name, parameter in inspect.signature(model.cls).parameters.items():
        optional = parameter.default is not parameter.empty
        required = re.search(r"\brequired\b", told.get(name, ""))
        expect(optional or required, f"{name} has no default, and its entry under Parameters does not say 'required'")


@check("object")
def defaults_are_immutable(model: Subject) -> None:
    """No default can be changed: no list, dict, set, array or model, which all instances would share."""
    for name in parameters(model):
        default = inspect.signature(model.cls).parameters[name].default
        expect(_fixed(default), f"{name} is {default!r} by default, a {type(default).__name__}; let None stand for it")


# Its parameters


@check("object")
def get_params_returns_every_parameter(model: Subject) -> None:
    """get_params returns each parameter of the constructor with its value."""
    names = parameters(model)
    given = {name: Nonsense() for name in names}
    found = build(model, **given).get_params(deep=False)
    expect(sorted(found) == sorted(names), f"it returns {sorted(found)}, the constructor has {sorted(names)}")
    for name, value in given.items():
        expect(found[name] is value, f"{name} is {found[name]!r}, not the object that was passed")


@check("object")
def set_params_sets_what_is_named(model: Subject) -> None:
    """set_params sets the parameters that it is given, leaves the others, and returns the model."""
    one = build(model)
    for name in parameters(model):
        before, value = one.get_params(deep=False), Nonsense()
        returned = one.set_params(**{name: value})
        expect(returned is one, f"set_params({name}=...) returned {returned!r}")
        after = one.get_params(deep=False)
        expect(after[name] is value, f"{name} was set, and get_params says {after[name]!r}")
        moved = [other for other in before if other != name and after[other] is not before[other]]
        expect(not moved, f"setting {name} changed {', '.join(moved)}")


@check("object")
def set_params_refuses_unknown_names(model: Subject) -> None:
    """set_params raises ValueError for a name that is no parameter, lists those that are, and sets nothing."""
    names = parameters(model)
    one = build(model)
    before = one.get_params(deep=False)
    error = raises("set_params(no_such_parameter=1)", lambda: one.set_params(no_such_parameter=1))
    for name in ("no_such_parameter", *names):
        expect(name in str(error), f"the message does not name {name!r}: {error}")
    expect(
        one.get_params(deep=False) == before and not hasattr(one, "no_such_parameter"), "it set something all the same"
    )


@check("object")
def clone_is_a_new_equal(model: Subject) -> None:
    """clone returns another model of the same class with the same parameters."""
    parameters(model)
    one = model.make()
    other = clone(one)
    expect(type(other) is type(one) and other is not one, f"it returned {other!r}")
    expect(not (saw := _changed(one, other)), saw)


# What it prints


@check("object")
def repr_shows_what_was_changed(model: Subject) -> None:
    """repr is the call that makes the model: its class, and the parameters that are not at their default."""
    signature = inspect.signature(model.cls).parameters
    required = {name for name in parameters(model) if signature[name].default is inspect.Parameter.empty}
    for name in ("", *parameters(model)):
        one = build(model, **({name: OTHER} if name else {}))
        call = _call(one)
        expect(call.func.id == model.cls.__name__, f"{one!r} is not a call of {model.cls.__name__}")
        shown = {key.arg for key in call.keywords} | set(list(signature)[: len(call.args)])
        wanted = required | {name} - {""}
        hidden, needless = sorted(wanted - shown), sorted(shown - wanted)
        expect(not hidden, f"{', '.join(hidden)} is not the default, and is not in {one!r}")
        expect(not needless, f"{', '.join(needless)} is at its default, and yet in {one!r}")


@check("object")
def repr_can_be_evaluated(model: Subject) -> None:
    """Evaluating the repr makes a model with the same parameters."""
    parameters(model)
    for one in (model.make(), *(build(model, **{name: OTHER}) for name in parameters(model))):
        _call(one)
        other = eval(repr(one), {**vars(np), "np": np, model.cls.__name__: model.cls})  # a repr of simple values
        expect(not (saw := _changed(one, other)), f"{one!r}: {saw}")


@check("object")
def repr_of_a_new_one_is_short(model: Subject) -> None:
    """A new instance prints as one short line."""
    text = repr(build(model)) if hasattr(model.cls, "get_params") else ""
    if not text:
        raise NotApplicable("it has no get_params")
    lines = text.count("\n") + 1
    expect(lines == 1 and len(text) <= LONGEST, f"it prints {len(text)} characters on {lines} lines: {text!r}")


# Copies, and other instances


@check("object")
def pickle_gives_an_equal(model: Subject) -> None:
    """An unfitted model comes back from pickle as it was."""
    if "<" in model.cls.__qualname__:
        raise NotApplicable("it is defined inside a function")
    one = model.make()
    other = pickle.loads(pickle.dumps(one))
    expect(type(other) is type(one), f"it came back as {other!r}")
    expect(not (saw := _changed(one, other)), saw)


@check("object")
def deepcopy_gives_an_equal(model: Subject) -> None:
    """A deep copy of an unfitted model is another model with the same parameters."""
    one = model.make()
    other = copy.deepcopy(one)
    expect(type(other) is type(one) and other is not one, f"it returned {other!r}")
    expect(not (saw := _changed(one, other)), saw)


@check("object")
def instances_share_nothing(model: Subject) -> None:
    """What happens to one instance changes neither another nor the class."""
    one, other = model.make_quick(), model.make_quick()
    before, of_class = copy.deepcopy(_state(other)), copy.deepcopy(_containers(model.cls))
    shared = [name for name, value in _state(one).items() if not _fixed(value) and _state(other).get(name) is value]
    expect(not shared, f"{', '.join(shared)} is one object in two instances")
    model.fit(one)
    expect(not (saw := _differ(before, _state(other))), f"after another instance was fitted, {saw}")
    expect(not (saw := _differ(of_class, _containers(model.cls))), f"after a fit, of the class {saw}")


@check("object")
def subclasses_work(model: Subject) -> None:
    """A subclass that adds nothing has the same parameters, and fits."""
    namespace = {"__doc__": model.cls.__doc__, "__module__": model.cls.__module__}
    Below = type("Below", (model.cls,), namespace)
    below = Subject(Below, model.spec, model.task, registered=False).make_quick()
    if hasattr(below, "get_params"):
        found = clone(below)
        expect(type(found) is Below, f"its clone is {found!r}")
        expect(not (saw := _changed(model.make_quick(), below)), saw)
    model.fit(below)


@check("object")
def public_methods_have_docstrings(model: Subject) -> None:
    """Every public method and property has a docstring, its own or that of a base."""
    bare = []
    for name in dir(model.cls):
        member = inspect.getattr_static(model.cls, name)
        written = inspect.isroutine(member) or isinstance(member, (property, staticmethod, classmethod))
        if not name.startswith("_") and written and not inspect.getdoc(getattr(model.cls, name)):
            bare.append(name)
    expect(not bare, f"there is none for {', '.join(bare)}")


# What the checks share


def parameters(model: Subject) -> list[str]:
    """The names of its parameters; the check is left where they are not held to an estimator's rules."""
    if not hasattr(model.cls, "get_params"):
        raise NotApplicable("it has no get_params")
    kinds = {parameter.kind for parameter in inspect.signature(model.cls).parameters.values()}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        raise NotApplicable("its constructor does not name its parameters")
    return model.parameters


def build(model: Subject, **given: Any) -> Any:
    """A new instance with these parameters, those that are required, and defaults."""
    signature = inspect.signature(model.cls).parameters
    model.need_parameters(given)
    smoke = copy.deepcopy(dict(model.spec.smoke))
    required = {name: value for name, value in smoke.items() if signature[name].default is inspect.Parameter.empty}
    return model.cls(**{**required, **given})


def _call(one: Any) -> Any:
    """The repr of a model as a parsed call of a name."""
    text = repr(one)
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        fail(f"{text!r} is not Python")
    expect(isinstance(node, ast.Call) and isinstance(node.func, ast.Name), f"{text!r} is not a call of a class")
    return node


def _changed(one: Any, other: Any) -> str:
    """What two models differ in before any fit, in words; "" where they are equal."""
    if hasattr(one, "get_params"):
        return _differ(one.get_params(deep=False), other.get_params(deep=False))
    return _differ(_state(one), _state(other))


def _differ(before: dict[str, Any], after: dict[str, Any]) -> str:
    for name in before.keys() | after.keys():
        if name not in before or name not in after:
            return f"{name} is {'new' if name in after else 'gone'}"
        if not _same(before[name], after[name]):
            return f"{name} is {after[name]!r}, it was {before[name]!r}"
    return ""


def _same(a: Any, b: Any) -> bool:
    """Whether two values mean the same: the same object, equal, or equal piece by piece."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and _same(a.tolist(), b.tolist())
    if isinstance(a, dict):
        return not _differ(a, b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, (set, frozenset)):
        return bool(a == b)
    if hasattr(a, "__dict__"):
        return not _differ(vars(a), vars(b))
    return repr(a) == repr(b) or bool(pickle.dumps(a) == pickle.dumps(b))


def _fixed(value: Any) -> bool:
    """Whether a value cannot be changed, as far as that can be told from outside."""
    if isinstance(value, tuple):
        return all(map(_fixed, value))
    if isinstance(value, (np.random.Generator, np.random.RandomState)):
        return False
    if isinstance(value, type) or inspect.isroutine(value):
        return True
    hashing: Any = type(value).__hash__
    return hashing is not None and (hashing is not object.__hash__ or not hasattr(value, "__dict__"))


def _state(one: Any) -> dict[str, Any]:
    """The attributes of an instance."""
    found: dict[str, Any] = getattr(one, "__dict__", {})
    return found


def _containers(cls: type) -> dict[str, Any]:
    """What a class and its bases hold that can be changed."""
    members = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
    kinds = (list, dict, set, bytearray, np.ndarray)
    return {name: value for name, value in members.items() if isinstance(value, kinds) and not name.startswith("__")}
