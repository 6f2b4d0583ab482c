"""A model's file as a text: its equations, its code and its words agree, as `pellucid.testing.reading` wants it."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import re
from importlib.machinery import ModuleSpec
from pathlib import Path

from pellucid.testing import reading
from pellucid.testing.checks import NotApplicable, check, expect
from pellucid.testing.subjects import PluginSubject, Subject

NUMBER = re.compile(r"\s{2,}\(\d+[a-z]?\)\s*$", re.MULTILINE)  # how the number of an equation ends a line


@check("reading")
def equations_are_numbered_in_order(model: Subject) -> None:
    """The file's docstring numbers its equations, each number once and in rising order."""
    keep("equations", model)


@check("reading")
def every_equation_has_its_line(model: Subject) -> None:
    """Every equation's number ends a comment on the line of code that computes it, and no other number does."""
    keep("tags", model)


@check("reading")
def symbols_exist_in_the_code(model: Subject) -> None:
    """Every name in the Symbols table is a name in the code."""
    keep("symbols", model)


@check("reading")
def sections_are_there(model: Subject) -> None:
    """The file's docstring has Symbols, Cost, References and Differs."""
    keep("sections", model)


@check("reading")
def docstrings_have_no_control_characters(model: Subject) -> None:
    """No docstring holds a control character, the sign of a missing r before the quotes."""
    keep("text", model)


@check("plugin")
def other_files_keep_the_rules_of_reading(plugin: PluginSubject) -> None:
    """The package's other files that number equations keep the same rules as those of its models."""
    packages = {one.info.target.partition(":")[0].partition(".")[0] for one in plugin.plugins if not one.by_hand}
    folders = [Path(folder) for name in sorted(packages) for folder in _found(name).submodule_search_locations or ()]
    targets = {spec.target.partition(":")[0] for one in plugin.plugins for spec in one.models}
    of_models = {Path(_found(module).origin or "").resolve() for module in targets}
    others = [path for folder in folders for path in sorted(folder.rglob("*.py")) if path.resolve() not in of_models]
    texts = {path: path.read_text(encoding="utf-8") for path in others}
    files = [parts(path, text) for path, text in texts.items() if NUMBER.search(text)]
    numbered = [file for file in files if file.equations]
    if not numbered:
        raise NotApplicable("no other file numbers equations")
    for file in numbered:
        expect(not (saw := in_words(reading.problems(file))), f"{file.path.name}, {saw}")


# What the checks share


def keep(rule: str, model: Subject) -> None:
    """Hold a model's file to one of the rules, if it numbers its equations."""
    try:
        path = Path(inspect.getfile(model.cls))
        text = path.read_text(encoding="utf-8")
    except (OSError, TypeError):
        raise NotApplicable("its source cannot be read") from None
    file = parts(path, text)
    if not file.equations:
        raise NotApplicable("its file numbers no equations")
    expect(not (saw := in_words(list(reading.broken(file, rule)))), saw)


@functools.lru_cache(maxsize=1)  # the five rules of one file are checked one after the other
def parts(path: Path, text: str) -> reading.ModelFile:
    """What stands in a model file."""
    return reading.ModelFile.parse(path, text)


def in_words(problems: list[reading.Problem]) -> str:
    """The first three of some problems; "" if there are none."""
    return "; ".join(f"line {problem.line}: {problem.text}" for problem in problems[:3])


def _found(module: str) -> ModuleSpec:
    """Where a module is that can be imported."""
    found = importlib.util.find_spec(module)
    if found is None:
        raise NotApplicable(f"there is no module {module}")
    return found
