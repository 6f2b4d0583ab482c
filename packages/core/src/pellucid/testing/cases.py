"""Which checks a target is held to, and running them.

A target is an installed distribution or its family ("pellucid-acme", "acme"), a model by any of its names
("acme/stump"), a file ("stump.py": everything it registers or brings, or else the model classes in it) or a class in a
file ("stump.py::Stump", which need not be registered).
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from pellucid import __version__, registry
from pellucid.discovery import GROUP, Plugin, PluginLoadError, describe
from pellucid.estimator import Estimator
from pellucid.specs import MODEL_TASKS, ModelSpec, plain
from pellucid.testing.checks import LEVELS, Advice, Check, CheckFailed, NotApplicable, all_checks, as_check
from pellucid.testing.subjects import PluginSubject, Subject

STATUSES = ("passed", "failed", "warned", "skipped")


@dataclass(frozen=True)
class Case:
    """One check of one subject.

    Attributes
    ----------
    id : str
        "acme/stump::same-seed-same-result"; of a plugin as a whole "pellucid-acme::loads". A check that a plugin brings
        has the plugin's family before its name: "acme/stump::zeta/is-calibrated".
    """

    id: str
    check: Check
    subject: Subject | PluginSubject

    def run(self) -> Result:
        """Do the check; whatever it raises becomes its result."""
        start = time.perf_counter()
        status, saw, trace = "passed", "", ""
        try:
            self.check.run(self.subject)
        except NotApplicable as reason:
            status, saw = "skipped", plain(str(reason))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            status = "warned" if self.check.since == new_minor() or isinstance(error, Advice) else "failed"
            saw = plain(str(error)) if isinstance(error, CheckFailed) else describe(error)
            trace = "".join(traceback.format_exception(error))
        return Result(
            id=self.id,
            level=self.check.level,
            wants=self.check.wants,
            status=status,
            saw=saw,
            milliseconds=1e3 * (time.perf_counter() - start),
            traceback=trace,
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one check; `dataclasses.asdict` makes a record of it that can be written as JSON.

    Attributes
    ----------
    id, level, wants : str
        Of the case, and what its check wants.
    status : str
        "passed"; "failed"; "skipped": there is nothing to hold the model to; "warned": it failed, but the check is
        newer than it may know, or only advises.
    saw : str
        What was there instead, or why it was skipped.
    milliseconds : float
    traceback : str
    """

    id: str
    level: str
    wants: str
    status: str
    saw: str = ""
    milliseconds: float = 0.0
    traceback: str = ""


def new_minor() -> str:
    """The minor version whose checks only warn as yet: the running one. The first, 0.1, is everybody's first."""
    minor = ".".join(__version__.split(".")[:2])
    return "" if minor == "0.1" else minor


def run(target: str, tasks: tuple[str, ...] = ()) -> list[Result]:
    """Run every check of a target.

    Parameters
    ----------
    target : str
        "pellucid-acme", "acme/stump", "stump.py" or "stump.py::Stump".
    tasks : tuple of str
        What a class in a file is for, where it is not registered and its base class does not say.

    Raises
    ------
    pellucid.registry.ModelNotFound
        If there is no such distribution or model.
    PluginLoadError
        If a file cannot be loaded, or a distribution brings no plugin.
    """
    return [case.run() for case in cases(target, tasks)]


def summary(results: Iterable[Result]) -> dict[str, int]:
    """How many results there are of each status: {"passed": 70, "failed": 1, "warned": 0, "skipped": 4}."""
    found = [result.status for result in results]
    return {status: found.count(status) for status in STATUSES}


def cases(target: str, tasks: tuple[str, ...] = ()) -> list[Case]:
    """Every check of a target, level by level, as `run` does them; nothing is fitted yet."""
    path, _, name = target.partition("::")
    if path.endswith(".py"):
        return cases_of_class(path, name, tasks) if name else cases_of_file(path, tasks)
    if tasks:
        raise ValueError(f"only of a class in a file is it said here what it is for; {plain(target)} says it itself")
    distribution = re.sub(r"[-_.]+", "-", target).lower()
    plugins = registry.loaded()
    owner = next((p.info.distribution for p in plugins if p.info.distribution == distribution), "") or next(
        (p.info.distribution for p in plugins if p.info.family == target and p.info.status == "ok"), ""
    )
    if owner:
        return cases_of_plugins([plugin for plugin in plugins if plugin.info.distribution == owner], owner)
    try:
        spec = registry.spec(target)
    except registry.ModelNotFound:
        _refuse_without_plugin(distribution)
        raise
    return cases_of_model(spec)


def cases_of_plugins(plugins: list[Plugin], name: str) -> list[Case]:
    """The checks of a distribution or a file as a whole, then those of each of its models."""
    whole = PluginSubject(name, plugins)
    found = [Case(f"{name}::{one.name}", one, whole) for one in [*all_checks(), *brought()] if one.level == "plugin"]
    return found + [case for plugin in plugins for spec in plugin.models for case in cases_of_model(spec)]


def cases_of_model(spec: ModelSpec) -> list[Case]:
    """The checks of one registered model; where its class cannot be imported, the one that says so."""
    try:
        return model_cases(registry.get(spec.id), spec)
    except registry.ModelLoadError:
        imports = next(one for one in all_checks() if one.name == "target-imports")
        return [Case(f"{spec.id}::{imports.name}", imports, Subject(object, spec, spec.tasks[0]))]


def cases_of_file(path: str, tasks: tuple[str, ...] = ()) -> list[Case]:
    """The checks of everything that a plugin file brings; of a file that brings nothing, those of its model classes."""
    known = {id(spec) for plugin in registry.loaded() for spec in plugin.specs}
    before = registry.loaded()
    module = registry.load_file(path, bare=True)
    new = [plugin for plugin in registry.loaded() if not any(plugin is one for one in before)]
    if not new:
        found = list[Case]()
        for cls in model_classes(module):
            if mine := tasks_of(cls) or tasks:
                found += cases_of_unregistered(path, cls, mine)
        return found
    if tasks:
        raise PluginLoadError(f"{plain(path)} says in its registrations what its models are for; give no task here")
    own = [replace(plugin, models=tuple(spec for spec in plugin.models if id(spec) not in known)) for plugin in new]
    return cases_of_plugins(own, Path(path).name)


def model_classes(module: ModuleType) -> list[type[Any]]:
    """The classes that a module defines to be fitted: public, not abstract, with a `fit` that is not a base class's."""
    found = []
    for name, cls in vars(module).items():
        own = isinstance(cls, type) and cls.__module__ == module.__name__ and cls.__name__ == name
        if own and not name.startswith("_") and not inspect.isabstract(cls):
            fit = getattr(cls, "fit", None)
            if fit is not None and getattr(fit, "__module__", "") != Estimator.__module__:
                found.append(cls)
    return found


def tasks_of(cls: type[Any]) -> tuple[str, ...]:
    """What a class is for, as its base class says; () where it does not."""
    try:
        return registry.tasks_of(cls)
    except ValueError:
        return ()


def cases_of_class(path: str, name: str, tasks: tuple[str, ...] = ()) -> list[Case]:
    """The checks of a class in a file, registered or not."""
    module = registry.import_file(path)
    cls = getattr(module, name, None)
    if not isinstance(cls, type):
        raise PluginLoadError(f"{plain(path)} has no class {plain(name)!r}")
    try:
        spec = registry.spec_of(cls)
    except registry.ModelNotFound:
        return cases_of_unregistered(path, cls, tasks)
    if tasks:
        raise PluginLoadError(f"{spec.id} is registered for {', '.join(spec.tasks)}; give no task here")
    return model_cases(cls, spec)


def cases_of_unregistered(path: str, cls: type[Any], tasks: tuple[str, ...] = ()) -> list[Case]:
    """The checks of a class that is registered for them, for these tasks or the one that its base class says."""
    try:
        registry.register(cls, tasks=tasks or registry.tasks_of(cls))
    except ValueError as error:
        raise PluginLoadError(f"{plain(path)}: {error}") from error
    return model_cases(cls, registry.spec_of(cls))


def model_cases(cls: type[Any], spec: ModelSpec) -> list[Case]:
    """The checks of a class: those of several of its tasks are done for the first of these.

    Those of fits are done again for a task whose answers were not asked for with those of an earlier one; the id then
    ends in the task, "acme/mixture::nothing-is-printed@generation".
    """
    found, seen, asked = list[Case](), set[str](), set[str]()
    wanted = [one for one in [*all_checks(), *brought()] if one.level != "plugin"]
    for task in spec.tasks:
        subject = Subject(cls, spec, task)
        for one in (one for one in wanted if task in one.tasks):
            if one.name not in seen:
                found.append(Case(f"{spec.id}::{one.name}", one, subject))
            elif one.level == "fit" and task not in asked:
                found.append(Case(f"{spec.id}::{one.name}@{task}", one, subject))
        seen |= {one.name for one in wanted if task in one.tasks}
        asked |= set(subject.joined)
    return sorted(found, key=lambda case: LEVELS.index(case.check.level))


def brought() -> list[Check]:
    """The checks that plugins bring by `pellucid_checks`; in the place of one that cannot be imported, its failure."""
    return [_brought(plugin, target) for plugin in registry.loaded() for target in plugin.checks]


def _brought(plugin: Plugin, target: str) -> Check:
    module, _, path = target.partition(":")
    try:
        function: Any = functools.reduce(getattr, path.split("."), importlib.import_module(module))
        made = getattr(function, "check", None)
        if not isinstance(made, Check):
            made = as_check(function, "task", (function.__doc__ or "").strip().partition("\n")[0], MODEL_TASKS)
    except (Exception, SystemExit) as error:
        saw = f"{target} of {plugin.info.origin} cannot be used: {describe(error)}"

        def unusable(subject: object) -> NoReturn:
            raise CheckFailed(saw)

        made = as_check(unusable, "task", f"The check {target} can be imported.", MODEL_TASKS)
        made = replace(made, name=path.rpartition(".")[2].replace("_", "-"))
    return replace(made, name=f"{plugin.info.family}/{made.name}")


def _refuse_without_plugin(distribution: str) -> None:
    try:
        found = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return
    raise PluginLoadError(
        f"{distribution} {found.version} is installed, and brings no plugin: it has no entry point in the group "
        f"{GROUP!r}"
    )
