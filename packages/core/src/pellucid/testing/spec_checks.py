"""A model's spec and its words: what it says of the model is there, and the docstring tells the rest."""

from __future__ import annotations

import inspect
import re

from pellucid import registry
from pellucid.estimator import Estimator
from pellucid.testing.checks import NotApplicable, check, expect
from pellucid.testing.subjects import Subject

LONGEST = 100  # characters of a summary: what a list has room for
COMMON = ("n_features_in_", "feature_names_in_", "classes_")  # attributes that mean the same in every model


# The spec


@check("spec")
def target_imports(model: Subject) -> None:
    """The target names a class, and its module can be imported."""
    found = registry.get(model.spec.id) if model.registered else registry.resolve(model.spec)
    expect(isinstance(found, type), f"{model.spec.target} is {found!r}")


@check("spec")
def target_is_where_the_class_is_defined(model: Subject) -> None:
    """The target names the module in which the class is defined, so that saved files and pickles find it."""
    if "<" in model.cls.__qualname__:
        raise NotApplicable("it is defined inside a function")
    home = f"{model.cls.__module__}:{model.cls.__qualname__}"
    expect(home == model.spec.target, f"the target is {model.spec.target}, the class is defined in {home}")


@check("spec")
def is_found_by_its_names(model: Subject) -> None:
    """pellucid.spec, get and make find the model by its id, in any spelling."""
    if not model.registered:
        raise NotApplicable("it is not registered")
    spec = model.spec
    camel = "".join(word.capitalize() for word in spec.name.split("-"))
    for name in (spec.id, f"{spec.family}/{camel}", spec.id.replace("-", "_"), spec.id.replace("-", " ")):
        found = registry.spec(name)
        expect(found.id == spec.id, f"{name!r} finds {found.id}")
    expect(registry.get(spec.id) is model.cls, f"get({spec.id!r}) returns {registry.get(spec.id)!r}, not {model.cls!r}")
    model.need_parameters()
    made = registry.make(spec.id, **spec.smoke)
    expect(type(made) is model.cls, f"make({spec.id!r}) makes a {type(made).__name__}")


@check("spec")
def aliases_are_other_names(model: Subject) -> None:
    """Every alias is a name that would not find the model without it, and finds it in any spelling."""
    if not model.spec.aliases:
        raise NotApplicable("it has no aliases")
    known = {_squash(model.spec.name), _squash(model.spec.id)}
    for alias in model.spec.aliases:
        key = _squash(alias.rpartition("/")[2])
        expect(key not in known, f"the alias {alias!r} is only another spelling of a name that it has")
        known.add(key)
        if model.registered:
            for name in (alias, alias.replace("-", "_"), alias.replace("-", " ").title()):
                found = registry.spec(name)
                expect(found.id == model.spec.id, f"{name!r} finds {found.id}")


@check("spec")
def summary_fits_a_list(model: Subject) -> None:
    """The summary is a phrase for a list: one line, no full stop at its end, and more than the model's name."""
    text = model.spec.summary
    if made_of_the_class(model) and (model.cls.__doc__ or "").strip().startswith(text):
        raise NotApplicable("it is the first line of the docstring")
    expect(not text.endswith("."), f"the summary ends with a full stop: {text!r}")
    expect(len(text) <= LONGEST, f"the summary has {len(text)} characters, where lists have room for {LONGEST}")
    expect(_squash(text) not in (_squash(model.spec.name), _squash(model.cls.__name__)), f"it is only a name: {text!r}")


@check("spec")
def references_say_who_and_when(model: Subject) -> None:
    """A stable model says where it comes from: author (year), title."""
    if not model.spec.references and (model.spec.status != "stable" or made_of_the_class(model)):
        raise NotApplicable("it has no references, and needs none before it is published as stable")
    expect(model.spec.references, "a stable model has no references")
    for text in model.spec.references:
        form = re.search(r"\w.*\(\D{0,4}\d{4}[^)]*\)\W+\w", text)
        expect(form, f"{text!r} does not read like 'Hoerl & Kennard (1970), Ridge regression'")


@check("spec")
def tags_are_words(model: Subject) -> None:
    """Tags are words to search for: one to four of them each, none twice, none that says the task again."""
    if not model.spec.tags:
        raise NotApplicable("it has no tags")
    seen: set[str] = set()
    for tag in model.spec.tags:
        word = r"[\w+*²'’/–-]+"
        expect(re.fullmatch(rf"{word}(?: {word}){{0,3}}", tag), f"the tag {tag!r} is no word")
        expect(tag.lower() not in model.spec.tasks, f"the tag {tag!r} is one of its tasks")
        expect(tag.lower() not in seen, f"the tag {tag!r} is there twice")
        seen.add(tag.lower())


@check("spec")
def docs_is_an_address(model: Subject) -> None:
    """The address of its page begins with https:// or http://."""
    docs = model.spec.docs
    if not docs:
        raise NotApplicable("it names no page")
    expect(re.fullmatch(r"https?://[^\s/]+\.?[^\s]*", docs), f"docs is {docs!r}")


@check("spec")
def smoke_parameters_construct(model: Subject) -> None:
    """The smoke parameters are parameters of the constructor, and make an instance."""
    missing = model.missing
    smoke = "smoke={" + ", ".join(f"{name!r}: ..." for name in missing) + "}"
    advice = f"give {'them values' if len(missing) > 1 else 'it one'}: {smoke} in the spec, or in register"
    expect(not missing, f"no instance can be made: {', '.join(missing)} has no default and no smoke value; {advice}")
    unknown = [name for name in model.spec.smoke if name not in model.parameters]
    expect(not unknown, f"smoke has {', '.join(unknown)}; the constructor has {', '.join(model.parameters) or 'none'}")
    model.cls(**model.spec.smoke)


# The docstring


@check("spec")
def docstring_says_what_it_is(model: Subject) -> None:
    """The class has a docstring that begins with one sentence."""
    first = (vars(model.cls).get("__doc__") or "").strip().partition("\n")[0]
    expect(first, f"{model.cls.__name__} has no docstring")
    expect(first.endswith("."), f"it begins with {first!r}, without a full stop")


@check("spec")
def every_parameter_is_documented(model: Subject) -> None:
    """The docstring's section Parameters has an entry for each argument of the constructor, and for no other."""
    if not model.parameters:
        raise NotApplicable("its constructor has no parameters")
    there = documented(model.cls, "Parameters")
    missing = [name for name in model.parameters if name not in there]
    expect(not missing, f"there is no entry for {', '.join(missing)}")
    own = documented(model.cls, "Parameters", inherited=False)
    gone = [name for name in own if name not in model.parameters]
    expect(not gone, f"there are entries for {', '.join(gone)}, which the constructor does not take")


@check("spec")
def every_learnt_attribute_is_documented(model: Subject) -> None:
    """The docstring's section Attributes has an entry for everything that a fit learns."""
    learnt = sorted(n for n in vars(model.fitted) if n.endswith("_") and not n.startswith("_") and n not in COMMON)
    if not learnt:
        raise NotApplicable("it learns no attributes that end in an underscore")
    there = documented(model.cls, "Attributes")
    missing = [name for name in learnt if name not in there]
    expect(not missing, f"there is no entry for {', '.join(missing)}")


# What the checks share


def made_of_the_class(model: Subject) -> bool:
    """Whether its author wrote no spec, but registered the class or nothing."""
    return not model.registered or any(plugin.classes.get(model.spec.id) is model.cls for plugin in registry.loaded())


def documented(cls: type, section: str, inherited: bool = True) -> dict[str, str]:
    """The entries of one section of a class's numpydoc docstring, and of its bases': name -> all that it says."""
    found: dict[str, str] = {}
    for base in cls.__mro__ if inherited else (cls,):
        if base in (object, Estimator):
            continue
        constructor = vars(base).get("__init__")
        for doc in (vars(base).get("__doc__"), getattr(constructor, "__doc__", "")):
            for names, text in _entries(inspect.cleandoc(doc or ""), section):
                for name in names:
                    found.setdefault(name, text)
    return found


def _entries(doc: str, section: str) -> list[tuple[list[str], str]]:
    lines = doc.split("\n")
    entries: list[tuple[list[str], str]] = []
    inside = False
    for line, below in zip(lines, [*lines[1:], ""]):
        if re.fullmatch(r"-{3,}", below.strip()) and line.strip():
            inside = line.strip() == section
        elif inside and line.strip() and not re.fullmatch(r"-{3,}", line.strip()):
            if line.startswith(" ") and entries:
                entries[-1] = (entries[-1][0], f"{entries[-1][1]} {line.strip()}")
            else:
                names = line.partition(" :")[0].split(",")
                entries.append(([name.strip(" *") for name in names], line))
    return entries


def _squash(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()
