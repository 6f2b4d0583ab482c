"""What a check is: a function of one subject that returns, or says what it saw.

    @check("fit")
    def fit_returns_self(model: Subject) -> None:
        \"\"\"fit returns the model itself.\"\"\"
        one = model.make()
        found = model.fit(one)
        expect(found is one, f"it returned {found!r}")

The name of the check is that of the function with hyphens; what it wants is the first line of its docstring, one
sentence. `expect` raises `CheckFailed` with what was seen. An error of any other kind fails a check too, and is what it
saw.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from pellucid.specs import MODEL_TASKS

LEVELS = ("plugin", "spec", "object", "fit", "task", "autograd", "reading")  # in the order in which they are run
TABLES = ("classification", "regression", "clustering", "density", "transform")  # tasks whose X is a table of numbers

Function = Callable[[Any], None]


class CheckFailed(AssertionError):
    """The model does not do what the check wants; the message says what it did."""


class Advice(CheckFailed):
    """The model does without something that would be good to have: the check warns, and does not fail."""


class NotApplicable(Exception):
    """The check has nothing to hold this model to: it has no `predict_proba`, say, or no seed."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that is wanted.

    Attributes
    ----------
    level : str
        One of `LEVELS`.
    name : str
        "same-seed-same-result".
    wants : str
        One sentence: what it wants.
    run : callable
        Takes a `Subject` (on the level "plugin" a `PluginSubject`); raises if it is not so.
    tasks : tuple of str
        The tasks that it is for; all of them unless said.
    since : str
        The minor version that first had it. It only warns in that version, and fails from the next one on.
    """

    level: str
    name: str
    wants: str
    run: Function
    tasks: tuple[str, ...] = MODEL_TASKS
    since: str = "0.1"


_checks: dict[str, list[Check]] = {}  # module that defines them -> its checks, in the order of the file


def check(level: str, *tasks: str, since: str = "0.1") -> Callable[[Function], Function]:
    """Make a check of a function: ``@check("task", "classification")``; without tasks it is for all of them.

    Parameters
    ----------
    level : str
        One of `LEVELS`.
    *tasks : str
        From `pellucid.specs.MODEL_TASKS`.
    since : str
        Minor version that brings the check.

    Raises
    ------
    ValueError
        If there is no such level or task, or the docstring does not begin with one sentence.
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}; got {level!r}")
    if unknown := set(tasks) - set(MODEL_TASKS):
        raise ValueError(f"tasks must be from {', '.join(MODEL_TASKS)}; got {sorted(unknown)}")

    def keep(function: Function) -> Function:
        wants = (function.__doc__ or "").strip().partition("\n")[0]
        if not wants.endswith("."):
            raise ValueError(f"the docstring of {function.__name__} must begin with one sentence: what the check wants")
        made = as_check(function, level, wants, tasks or MODEL_TASKS, since)
        known = _checks.setdefault(function.__module__, [])
        known[:] = [c for c in known if c.name != made.name] + [made]
        function.check = made  # type: ignore[attr-defined]
        return function

    return keep


def as_check(function: Function, level: str, wants: str, tasks: tuple[str, ...], since: str = "0.1") -> Check:
    """The record of a function, for instance one that a plugin brings."""
    name = function.__name__.replace("_", "-")
    return Check(level=level, name=name, wants=wants, run=function, tasks=tasks, since=since)


def all_checks() -> list[Check]:
    """Every check of the kit, by level: those of each file `*_checks.py` of this folder."""
    from pellucid import testing

    names = [f"pellucid.testing.{found.name}" for found in pkgutil.iter_modules(testing.__path__)]
    modules = [importlib.import_module(name) for name in names if name.endswith("_checks")]
    found = [one for module in modules for one in _checks.get(module.__name__, [])]
    return sorted(found, key=lambda one: LEVELS.index(one.level))


def expect(condition: Any, saw: str) -> None:
    """Fail the check that is running unless `condition` holds; `saw` says what there was instead."""
    if not condition:
        raise CheckFailed(saw)


def fail(saw: str) -> NoReturn:
    """Fail the check that is running."""
    raise CheckFailed(saw)


def raises(what: str, call: Callable[[], Any], *kinds: type[BaseException], saying: str = "") -> BaseException:
    """Expect that `call` raises one of these kinds of error, with a message; return the error.

    Parameters
    ----------
    what : str
        What was tried, for the message: "fit with NaN in X".
    call : callable
    *kinds : type
        ValueError unless given.
    saying : str
        A word that the message must hold, in any case.
    """
    kinds = kinds or (ValueError,)
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        found = call()
    except kinds as error:
        expect(str(error).strip(), f"{what} raised {type(error).__name__} without a message")
        expect(saying.lower() in str(error).lower(), f"the message of {what} does not speak of {saying!r}: {error}")
        return error
    except NotApplicable:
        raise
    except Exception as error:
        fail(f"{what} raised {type(error).__name__} instead of {names}: {error}")
    fail(f"{what} raised nothing and returned {short(found)}")


def short(value: Any) -> str:
    """A value in a line of at most 80 characters."""
    words = " ".join(repr(value).split())
    return words if len(words) <= 80 else words[:77] + "..."
