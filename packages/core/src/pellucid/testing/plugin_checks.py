"""A plugin as a whole: what it announces is there, its package is tidy, and nobody else is disturbed by it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import inspect
import json
import re
import socket
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any, TypeVar

import numpy as np

from pellucid import Dataset, __version__, registry
from pellucid.discovery import PluginInfo, bound_mismatch, describe
from pellucid.specs import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec, Spec
from pellucid.testing import import_probe
from pellucid.testing.checks import NotApplicable, check, expect
from pellucid.testing.subjects import PluginSubject
from pellucid.testing.tasks import SEEDS

S = TypeVar("S", bound=Spec)

NAMES = {ModelSpec: "models", DatasetSpec: "data sets", ComponentSpec: "components", CommandSpec: "commands"}
KINDS = (  # of components, as everybody spells them
    "layer",
    "module",
    "activation",
    "loss",
    "optimizer",
    "scheduler",
    "initializer",
    "kernel",
    "metric",
)


# What it announces


@check("plugin")
def loads(plugin: PluginSubject) -> None:
    """Everything that the distribution registers loads and takes part."""
    for info in infos(plugin):
        expect(info.status == "ok", f"the family {info.family!r} is {info.status}: {info.error}")


@check("plugin")
def ids_are_in_its_family(plugin: PluginSubject) -> None:
    """Every id begins with the plugin's family; the loader refuses others."""
    for one in plugin.plugins:
        family = one.info.family
        for spec in one.specs:
            if isinstance(spec, CommandSpec):
                own = spec.name == family or spec.name.startswith(f"{family}-")
            else:
                own = spec.family == family or (isinstance(spec, DatasetSpec) and one.official and not spec.family)
            expect(own, f"{spec.id!r} is not of the family {family!r}")


@check("plugin")
def aliases_clash_with_nobody(plugin: PluginSubject) -> None:
    """No alias is the id, the name or an alias of another model, in any spelling."""
    for spec in specs(plugin, ModelSpec):
        for alias in spec.aliases:
            found = registry.spec(alias)
            expect(found.id == spec.id, f"{alias!r}, an alias of {spec.id}, means {found.id}")


@check("plugin")
def commands_import(plugin: PluginSubject) -> None:
    """The target of every command is a click command."""
    commands = specs(plugin, CommandSpec)
    if not has_command_line():
        raise NotApplicable("click is not installed, and without it there is no command line")
    click = importlib.import_module("click")
    for spec in commands:
        found = registry.resolve(spec)
        expect(isinstance(found, click.Command), f"{spec.target} is {found!r}, not a click command")


@check("plugin")
def components_import(plugin: PluginSubject) -> None:
    """The target of every component is a class or a function."""
    for spec in specs(plugin, ComponentSpec):
        found = registry.resolve(spec)
        expect(callable(found), f"{spec.target}, the {spec.kind} {spec.id}, is {found!r}, which cannot be called")


@check("plugin")
def kinds_of_components_are_spelt_as_elsewhere(plugin: PluginSubject) -> None:
    """The kind of a component is written as everybody writes it: "optimizer", in the singular."""
    own = specs(plugin, ComponentSpec)
    known = {_spelling(kind): kind for kind in [*(spec.kind for spec in registry.components()), *KINDS]}
    for spec in own:
        usual = known.get(_spelling(spec.kind), spec.kind)
        expect(spec.kind == usual, f"the kind of {spec.id} is {spec.kind!r}; elsewhere it is {usual!r}")


@check("plugin")
def components_of_a_kind_are_alike(plugin: PluginSubject) -> None:
    """The components of one kind are all classes or all functions, so that one way of using them fits all."""
    first: dict[str, tuple[str, str]] = {}
    for spec in specs(plugin, ComponentSpec):
        sort = "class" if isinstance(registry.resolve(spec), type) else "function"
        known, other = first.setdefault(spec.kind, (sort, spec.id))
        expect(sort == known, f"of the kind {spec.kind!r}, {other} is a {known} and {spec.id} a {sort}")


@check("plugin")
def rules_import(plugin: PluginSubject) -> None:
    """Every module of gradient rules can be imported."""
    modules = [module for one in plugin.plugins for module in one.rules]
    if not modules:
        raise NotApplicable("it brings no gradient rules")
    for module in modules:
        importlib.import_module(module)


@check("plugin")
def checks_import(plugin: PluginSubject) -> None:
    """Every check that it brings is a function of one argument that says in one sentence what it wants."""
    targets = [target for one in plugin.plugins for target in one.checks]
    if not targets:
        raise NotApplicable("it brings no checks")
    for target in targets:
        module, _, path = target.partition(":")
        function: Any = functools.reduce(getattr, path.split("."), importlib.import_module(module))
        expect(callable(function), f"{target} is {function!r}, which cannot be called")
        n = len(inspect.signature(function).parameters)
        expect(n == 1, f"{target} takes {n} arguments, not one: the model that is checked")
        first = (inspect.getdoc(function) or "").partition("\n")[0]
        expect(first.endswith("."), f"the docstring of {target} begins with {first!r}, which is not a sentence")


# Its imports


@check("plugin")
def listing_imports_no_numpy(plugin: PluginSubject) -> None:
    """What it brings can be listed without importing NumPy."""
    found = imports(plugin)
    expect(
        "numpy" not in found["listed"],
        f"importing {' and '.join(info.target for info in infos(plugin))} and listing imports NumPy",
    )


@check("plugin")
def package_imports_no_models(plugin: PluginSubject) -> None:
    """Its package imports a model when it is asked for one, and not before."""
    modules = {spec.target.partition(":")[0] for spec in specs(plugin, ModelSpec)}
    early = sorted(modules & set(imports(plugin)["listed"]))
    expect(not early, f"listing already imports {', '.join(early)}")


@check("plugin")
def imports_have_no_side_effects(plugin: PluginSubject) -> None:
    """Importing it prints nothing, draws no random numbers and changes nobody's settings."""
    found = imports(plugin)
    said = " ".join(found["printed"].split())
    expect(not said, f"importing it printed {said[:200]!r}")
    expect(not found["changed"], f"importing it changed {' and '.join(found['changed'])}")


# Its package


@check("plugin")
def requires_pellucid_within_bounds(plugin: PluginSubject) -> None:
    """It declares a lowest and a highest version of pellucid, and this one is between them."""
    requires = distribution(plugin).requires or []
    matches = [re.fullmatch(r"([\w.-]+)\s*(?:\[[^]]*\])?\s*\(?([^;()]*)\)?\s*", text.strip()) for text in requires]
    bounds = [match[2] for match in matches if match and match[1].lower() == "pellucid"]
    expect(bounds, f"it does not require pellucid: write 'pellucid{_bounds()}' into its dependencies")
    clauses = [clause.strip() for text in bounds for clause in text.split(",")]
    for sides, side in (((">", "==", "~="), "lowest"), (("<", "==", "~="), "highest")):
        there = any(clause.startswith(sides) for clause in clauses)
        expect(there, f"'pellucid{bounds[0]}' has no {side} version: write 'pellucid{_bounds()}'")
    mismatch = bound_mismatch(requires)
    expect(not mismatch, f"it {mismatch}")


@check("plugin")
def wheel_holds_only_its_own_package(plugin: PluginSubject) -> None:
    """What it installs is its own package, its metadata and scripts, and nothing beside them."""
    installed = distribution(plugin)
    if json.loads(installed.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable"):
        raise NotApplicable("it is installed from a working tree, not from a wheel")
    if not installed.files:
        raise NotApplicable("the list of its files is not kept")
    own = {info.target.partition(":")[0].partition(".")[0] for info in infos(plugin)}
    strange = set()
    for file in installed.files:
        top = file.parts[0]
        script = top == ".." and file.parent.name in ("bin", "Scripts")
        module = (file.parts[1] if top == "__pycache__" else top).partition(".")[0]
        if not (script or module in own or top.endswith(".dist-info")):
            strange.add(str(file) if top == ".." else top)
    expect(not strange, f"it also installs {', '.join(sorted(strange)[:5])}")


@check("plugin")
def metadata_names_its_python(plugin: PluginSubject) -> None:
    """Its metadata say which versions of Python it needs."""
    expect(_metadata(plugin, "requires_python"), "there is no Requires-Python: write requires-python = '>=3.11'")


@check("plugin")
def metadata_has_a_summary(plugin: PluginSubject) -> None:
    """Its metadata say in one line what it is."""
    expect(_metadata(plugin, "summary"), "there is no Summary: write a description into its pyproject.toml")


@check("plugin")
def metadata_has_a_licence(plugin: PluginSubject) -> None:
    """Its metadata say on what terms it may be used."""
    named = any(_metadata(plugin, key) for key in ("license_expression", "license", "license_file"))
    classified = any(text.startswith("License ::") for text in _metadata(plugin, "classifier"))
    expect(named or classified, "there is no licence: write license = 'MIT', or another, into its pyproject.toml")


@check("plugin")
def metadata_has_a_readme(plugin: PluginSubject) -> None:
    """Its metadata hold a description of more than one line."""
    text = _metadata(plugin, "description")
    expect(len(text.strip().splitlines()) > 1, f"its description is {text[:80]!r}: write a README.md and name it")


# Its data sets


@check("plugin")
def datasets_load_without_a_network(plugin: PluginSubject) -> None:
    """Every data set loads, and needs no network for it."""
    for spec, first, _ in read_twice(plugin):
        expect(not isinstance(first, Exception), f"{spec.id} failed offline: {describe(first)}")


@check("plugin")
def datasets_unpack_as_x_and_y(plugin: PluginSubject) -> None:
    """Every data set is a pellucid.Dataset whose X and y are arrays with a row for each example."""
    readable = [(spec, first) for spec, first, _ in read_twice(plugin) if not isinstance(first, Exception)]
    if not readable:
        raise NotApplicable("none of its data sets can be read")
    for spec, first in readable:
        expect(isinstance(first, Dataset), f"{spec.target} returned {type(first).__name__}")
        X, y = first
        for name, array in (("X", X), ("y", y)):
            expect(isinstance(array, np.ndarray), f"{name} of {spec.id} is {type(array).__name__}")
        expect(len(X) == len(y), f"{spec.id} has {len(X)} rows in X and {len(y)} in y")


@check("plugin")
def datasets_are_as_announced(plugin: PluginSubject) -> None:
    """Every data set has the task, the rows, the columns and the classes that its spec announces."""
    for spec, first, _ in healthy(plugin):
        found = {
            "task": first.task,
            "n_rows": first.X.shape[0],
            "n_columns": first.X.shape[1],
            "n_classes": len(first.target_names) or None,
        }
        for name, value in found.items():
            said = getattr(spec, name)
            silent = said is None and name != "n_classes"
            expect(silent or said == value, f"{spec.id} announces {name}={said!r} and has {value!r}")
        if spec.n_classes is not None:
            labels = np.unique(first.y)
            right = np.array_equal(labels, np.arange(spec.n_classes))
            expect(right, f"{spec.id} announces {spec.n_classes} classes, and y holds {labels.tolist()[:12]}")


@check("plugin")
def datasets_hold_numbers(plugin: PluginSubject) -> None:
    """No data set holds infinity, or NaN that its summary or docstring does not speak of."""
    for spec, first, _ in healthy(plugin):
        words = f"{spec.summary} {inspect.getdoc(registry.resolve(spec))}".lower()
        for name, array in (("X", first.X), ("y", first.y)):
            if array.dtype.kind not in "fc":
                continue
            expect(not np.isinf(array).any(), f"{name} of {spec.id} holds infinity")
            gaps = int(np.isnan(array).sum())
            told = re.search(r"\bnan\b|missing", words)
            expect(not gaps or told, f"{name} of {spec.id} holds NaN {gaps} times, and nothing says so")


@check("plugin")
def datasets_repeat(plugin: PluginSubject) -> None:
    """A data set read twice, with the same seed if it has one, is the same."""
    for spec, first, second in healthy(plugin):
        for name in ("X", "y"):
            a, b = getattr(first, name), getattr(second, name)
            same = a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")
            expect(same, f"{name} of {spec.id} differs between two calls")


@check("plugin")
def datasets_are_fresh(plugin: PluginSubject) -> None:
    """Who writes into a data set does not change what the next one reads."""
    for spec, first, second in healthy(plugin):
        for name in ("X", "y"):
            a, b = getattr(first, name), getattr(second, name)
            shared = np.shares_memory(a, b) and a.flags.writeable
            expect(not shared, f"{name} of {spec.id} is the same memory in two calls")


# What the checks share


def infos(plugin: PluginSubject) -> list[PluginInfo]:
    """What became of its plugins."""
    return [one.info for one in plugin.plugins]


def specs(plugin: PluginSubject, kind: type[S]) -> list[S]:
    """All specs of one kind that it brings; the check is left where there are none."""
    found: list[S] = [spec for one in plugin.plugins for spec in one.specs if isinstance(spec, kind)]
    if not found:
        raise NotApplicable(f"it brings no {NAMES[kind]}")
    return found


def distribution(plugin: PluginSubject) -> metadata.Distribution:
    """The installed package; the check is left where there is none."""
    if any(one.by_hand for one in plugin.plugins):
        raise NotApplicable("it is a file, not an installed package")
    return metadata.distribution(plugin.distribution)


def has_command_line() -> bool:
    """Whether commands can be imported: a plugin may bring some and leave it to others to install click."""
    return importlib.util.find_spec("click") is not None


def imports(plugin: PluginSubject) -> dict[str, Any]:
    """What its imports do in a new process; the check is left where it does not load in this one."""
    distribution(plugin)
    if any(info.status != "ok" for info in infos(plugin)):
        raise NotApplicable("it does not load")
    if sys.platform == "emscripten":
        raise NotApplicable("there are no other processes in a browser")

    def run() -> dict[str, Any]:
        announced = [spec for one in plugin.plugins for spec in one.specs]
        targets = [spec.target for spec in announced if has_command_line() or not isinstance(spec, CommandSpec)]
        targets += [target for one in plugin.plugins for target in (*one.rules, *one.checks)]
        return import_probe.probe(infos(plugin), dict.fromkeys(target.partition(":")[0] for target in targets))

    found: dict[str, Any] = plugin.keep("imports", run)
    expect(not found["failed"], f"in a new process: {'; '.join(found['failed'])}")
    return found


def read_twice(plugin: PluginSubject) -> list[tuple[DatasetSpec, Any, Any]]:
    """Each of its data sets read twice, offline; in the place of one that cannot be read the error."""
    announced = specs(plugin, DatasetSpec)

    def read(spec: DatasetSpec) -> Any:
        try:
            function = registry.resolve(spec)
            known = inspect.signature(function).parameters
            with offline():
                return function(**{name: 0 for name in [name for name in SEEDS if name in known][:1]})
        except Exception as error:
            return error

    twice: list[tuple[DatasetSpec, Any, Any]] = plugin.keep(
        "data sets", lambda: [(spec, read(spec), read(spec)) for spec in announced]
    )
    return twice


def healthy(plugin: PluginSubject) -> list[tuple[DatasetSpec, Any, Any]]:
    """Those of `read_twice` that are data sets; the check is left where none is."""
    found = [(spec, a, b) for spec, a, b in read_twice(plugin) if isinstance(a, Dataset) and isinstance(b, Dataset)]
    if not found:
        raise NotApplicable("none of its data sets can be read")
    return found


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """A block in which no connection can be made."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise OSError("there is no network here")

    look_up, socket.getaddrinfo = socket.getaddrinfo, refuse
    socket.socket.connect = socket.socket.connect_ex = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        socket.getaddrinfo = look_up
        del socket.socket.connect, socket.socket.connect_ex  # what they hide is that of the base class


def _spelling(kind: str) -> str:
    """One spelling for "optimizer", "optimisers": without plural, as Americans write."""
    return re.sub(r"s$", "", kind.replace("-", "").replace("ise", "ize").replace("our", "or")).replace("sses", "ss")


def _metadata(plugin: PluginSubject, key: str) -> Any:
    """One field of its metadata; "" if it is not there."""
    return distribution(plugin).metadata.json.get(key, "")


def _bounds() -> str:
    """What a plugin that works with this version may require: ">=0.1,<0.2"."""
    major, minor = __version__.split(".")[:2]
    return f">={major}.{minor},<{major}.{int(minor) + 1}"
