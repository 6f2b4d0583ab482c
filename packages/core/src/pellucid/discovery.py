"""Finding installed plugins, and keeping one plugin's failure its own.

A plugin is found by the entry-point group `pellucid.v1`; the number is the version of the plugin interface. Each is
imported, asked for its specs and checked as a whole: it takes part with everything it brings, or with nothing and a
reason. Nothing that a plugin does short of ending the process stops the others. What it prints meanwhile goes to
stderr, and what it warns of is not shown, so that it spoils no other's output. Warnings of other threads are not shown
meanwhile either: Python knows no filter for one thread.

An import that never ends cannot be broken off from outside. After some seconds a note on stderr names the plugin and
the way round it; Ctrl-C ends the program as everywhere, and says the same.

What the environment decides

    PELLUCID_PLUGINS=a,b           only these plugins are imported; empty: none
    PELLUCID_DISABLE_PLUGINS=a,b   these are not
    PELLUCID_STRICT=1              the first problem is raised instead of reported, and warnings are shown
    PELLUCID_TRACE=1               every hook call is printed to stderr

A plugin is named there by its distribution ("pellucid-acme", or "acme" for short). 0, false, no and off are no 1.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import Any, TypeVar, cast

import pluggy

from pellucid import OFFICIAL_FAMILIES, __version__
from pellucid.hookspecs import connect
from pellucid.specs import KEBAB, MODULE, TARGET, CommandSpec, ComponentSpec, DatasetSpec, ModelSpec, Spec, plain

GROUP = "pellucid.v1"
RESERVED_FAMILIES = ("core", "local", "pellucid")  # "local" is for models registered by hand
SECONDS_OF_PATIENCE = 10.0  # with importing, before a note says which plugin is at it

S = TypeVar("S")


class PluginWarning(UserWarning):
    """Some installed plugins were skipped."""


class PluginLoadError(ImportError):
    """Something that a plugin announces cannot be imported or breaks a rule."""


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """What became of one plugin.

    Attributes
    ----------
    family, distribution, version, target : str
        Its name, the installed package (or file) that brings it, that package's version, and where its hooks are.
    status : str
        "ok"; "disabled" by the environment; "incompatible": made for another plugin interface; "refused": the family
        is not its own; "broken": it raised, or broke a rule.
    error, traceback : str
        First line of the reason, and all of it; "" when there is none.
    requires_mismatch : str
        The version of pellucid it asks for, when that is not the one that runs; "" otherwise.
    milliseconds : float
        Time to import it and collect its specs.
    n_models : int
        Number of models it brings.
    """

    family: str
    distribution: str
    version: str = ""
    target: str = ""
    status: str = "ok"
    error: str = ""
    traceback: str = ""
    requires_mismatch: str = ""
    milliseconds: float = 0.0
    n_models: int = 0

    @property
    def origin(self) -> str:
        """Distribution and version in one: "pellucid-acme 0.3"."""
        return f"{self.distribution} {self.version}".strip()


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One plugin and all it brings; everything is empty unless its status is "ok"."""

    info: PluginInfo
    hooks: pluggy.HookRelay | None = None  # only of a plugin that listens to fits
    models: tuple[ModelSpec, ...] = ()
    components: tuple[ComponentSpec, ...] = ()
    rules: tuple[str, ...] = ()
    datasets: tuple[DatasetSpec, ...] = ()
    checks: tuple[str, ...] = ()
    commands: tuple[CommandSpec, ...] = ()
    by_hand: bool = False  # by `register` or from a file, not from an installed package
    classes: Mapping[str, type[Any]] = field(default_factory=dict)  # id -> class, where no import is needed

    @property
    def specs(self) -> tuple[Spec, ...]:
        """Everything it brings that has a target."""
        return (*self.models, *self.components, *self.datasets, *self.commands)

    @property
    def official(self) -> bool:
        """Whether it is one of ours."""
        return is_official(self.info.family, self.info.distribution)


def is_official(family: str, distribution: str) -> bool:
    """Whether this family is one of ours, from its own distribution."""
    return OFFICIAL_FAMILIES.get(family) == distribution


def discover(begin: Callable[[PluginInfo], None] = lambda info: None) -> list[Plugin]:
    """Load every installed plugin: ours first, then by the distribution's name; `begin` hears of each before.

    Raises
    ------
    PluginLoadError
        With PELLUCID_STRICT=1, for the first plugin that cannot take part.
    """
    plugins: list[Plugin] = []
    owners: dict[str, str] = {}  # family -> the distribution that provides it
    waiting = sorted(_installed(), key=_Found.rank)
    with _patience(waiting):
        while waiting:
            found = waiting[0]
            status, reason = _verdict(found, owners)
            if status == "ok":
                begin(found.info)
                plugin = _attempt(found.info, found.load)
            else:
                plugin = Plugin(info=replace(found.info, status=status, error=reason, traceback=reason))
            info = plugin.info
            if info.status == "ok":
                owners[info.family] = info.distribution
            elif info.status != "disabled" and _is_on("PELLUCID_STRICT"):
                failure = PluginLoadError(
                    f"{info.distribution}, family {info.family!r}, is {info.status}: {info.error}"
                )
                failure.add_note(info.traceback)  # a traceback shows it, a message of one line does not
                raise failure
            plugins.append(plugin)
            del waiting[0]
    return plugins


def collect(info: PluginInfo, plugin: object) -> Plugin:
    """Ask a plugin for its specs and check them; raises on the first that is wrong."""
    hooks = connect(plugin, name=f"{info.distribution}:{info.family}", trace=_is_on("PELLUCID_TRACE"))
    found = Plugin(
        info=info,
        models=_ask(hooks.pellucid_models, ModelSpec),
        components=_ask(hooks.pellucid_components, ComponentSpec),
        rules=_ask(hooks.pellucid_rules, str),
        datasets=_ask(hooks.pellucid_datasets, DatasetSpec),
        checks=_ask(hooks.pellucid_checks, str),
        commands=_ask(hooks.pellucid_commands, CommandSpec),
    )
    _check_ids(found.specs, info)
    for text, shape in [*((rule, MODULE) for rule in found.rules), *((check, TARGET) for check in found.checks)]:
        if not re.fullmatch(shape, text):
            raise ValueError(f"{text!r} must name a module ('acme.rules') or, for a check, 'module:function'")
    fit_hooks = (hooks.pellucid_fit_start, hooks.pellucid_fit_step, hooks.pellucid_fit_end)
    listens = any(hook.get_hookimpls() for hook in fit_hooks)
    return replace(found, hooks=hooks if listens else None, info=replace(info, n_models=len(found.models)))


def installed_since(plugins: Iterable[Plugin]) -> list[str]:
    """Distributions with plugins that were not there when these were loaded."""
    known = {plugin.info.distribution for plugin in plugins}
    return sorted({found.info.distribution for found in _installed()} - known)


def unknown_names(plugins: Iterable[Plugin]) -> list[str]:
    """The names in PELLUCID_PLUGINS that are none of these plugins'."""
    known = {name for plugin in plugins for name in _called(plugin.info.distribution)}
    return sorted((_names("PELLUCID_PLUGINS") or set()) - known)


def describe(error: BaseException) -> str:
    """One printable line about an exception, even one whose message cannot be made."""
    try:
        return plain(f"{type(error).__name__}: {error}")
    except Exception:
        return f"{type(error).__name__} (its message raises an error itself)"


# ------------------------------------------------------------------------------------------------- what is installed


@dataclass(frozen=True)
class _Found:
    """An entry point that was found, and not yet imported."""

    info: PluginInfo
    group: str = GROUP
    load: Callable[[], object] = lambda: None

    def rank(self) -> tuple[bool, bool, str, str]:
        """Sort key: ours, then the distribution that is named after the family, then by name."""
        family, distribution = self.info.family, self.info.distribution
        return not is_official(family, distribution), distribution != f"pellucid-{family}", distribution, family


def _installed() -> list[_Found]:
    """Every entry point in a group pellucid.v<number>.

    This looks through the distributions itself: `metadata.entry_points()` raises when a single file is malformed.
    """
    found: list[_Found] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except Exception:
            continue  # not text, so not an entry point of ours
        if not re.search(r"^\s*\[\s*pellucid\.v\d+\s*\]", text, re.MULTILINE):
            continue
        info = PluginInfo(family="?", distribution="?", status="broken")
        try:
            header = distribution.metadata
            if "Name" not in header or "Version" not in header:
                raise ValueError("there is no name or no version")
            name = _canonical(header["Name"])
            if name in seen:
                continue  # a second copy further down sys.path, which no import reaches
            seen.add(name)
            info = replace(info, distribution=name, version=plain(header["Version"]))
            info = replace(info, requires_mismatch=bound_mismatch(distribution.requires or []), status="ok")
            points = [point for point in distribution.entry_points if re.fullmatch(r"pellucid\.v\d+", point.group)]
            ours = {point.name for point in points if point.group == GROUP}
            for point in points:
                if point.group == GROUP or point.name not in ours:  # one that serves several interfaces serves ours
                    entry = replace(info, family=plain(point.name), target=plain(point.value))
                    found.append(_Found(entry, point.group, point.load))
        except Exception as error:
            reason = f"its metadata cannot be read: {describe(error)}; its entry points: {plain(text)[:100]}"
            found.append(_Found(replace(info, status="broken", error=reason)))
    return found


def _verdict(found: _Found, owners: Mapping[str, str]) -> tuple[str, str]:
    """(status, reason) before anything is imported."""
    family, distribution = found.info.family, found.info.distribution
    names = _called(distribution)
    only, never = _names("PELLUCID_PLUGINS"), _names("PELLUCID_DISABLE_PLUGINS") or set()
    if only is not None and not names & only:
        return "disabled", "not in PELLUCID_PLUGINS"
    if names & never:
        return "disabled", "in PELLUCID_DISABLE_PLUGINS"
    if found.info.status != "ok":
        return found.info.status, found.info.error
    if found.group != GROUP:
        return "incompatible", f"made for the plugin interface {found.group}, this pellucid has {GROUP}"
    if not re.fullmatch(KEBAB, family):
        return "broken", f"the family name {family!r} must be lower case with hyphens, like 'acme'"
    if family in RESERVED_FAMILIES:
        return "refused", f"the family {family!r} is reserved"
    if family in OFFICIAL_FAMILIES and not is_official(family, distribution):
        return "refused", f"the family {family!r} is reserved for {OFFICIAL_FAMILIES[family]}"
    if family in owners:
        return "refused", f"the family {family!r} is already provided by {owners[family]}"
    return "ok", ""


def _canonical(name: str) -> str:
    """A distribution's name as package indexes compare it: Pellucid_Acme -> pellucid-acme."""
    return re.sub(r"[-_.]+", "-", plain(name.strip())).lower()


def _called(distribution: str) -> set[str]:
    return {distribution, distribution.removeprefix("pellucid-")}


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() not in ("", "0", "false", "no", "off")


def _names(variable: str) -> set[str] | None:
    """The distribution names listed in an environment variable; None when it is not set."""
    value = os.environ.get(variable)
    if value is None:
        return None
    return {_canonical(name) for name in value.split(",") if name.strip()}


def bound_mismatch(requires: Iterable[str], version: str = __version__) -> str:
    """The requirement on pellucid that `version` does not meet, or "".

    Only numbers are compared (0.2.0rc1 counts as 0.2.0), and requirements with a marker or in another form are passed
    over: this is a hint for the user; installers are the ones who decide.
    """
    here = _release(version)
    for requirement in requires:
        match = re.fullmatch(r"\s*pellucid\s*(?:\[[^]]*\])?\s*\(?([^;()]*)\)?\s*", requirement, re.IGNORECASE)
        clauses = match.group(1).split(",") if match else []
        if not all(_meets(here, clause) for clause in clauses):
            return f"needs {plain(requirement)}, this is {version}"
    return ""


def _meets(here: tuple[int, ...], clause: str) -> bool:
    match = re.fullmatch(r"\s*(==|!=|~=|>=|<=|>|<)\s*([\d.]*\d)(\.\*)?\S*\s*", clause)
    if not match:
        return True
    operator, text, wildcard = match.groups()
    there = _release(text)
    n = max(len(here), len(there))
    a, b = (v + (0,) * (n - len(v)) for v in (here, there))  # 0.1 and 0.1.0 are the same version
    same = here[: len(there)] == there if wildcard else a == b
    if operator == "~=":
        return a >= b and here[: len(there) - 1] == there[:-1]
    return {"==": same, "!=": not same, ">=": a >= b, "<=": a <= b, ">": a > b, "<": a < b}[operator]


def _release(version: str) -> tuple[int, ...]:
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


# ---------------------------------------------------------------------------------------------- what a plugin brings


def _attempt(info: PluginInfo, load: Callable[[], object]) -> Plugin:
    """Load a plugin and collect what it brings; whatever it raises becomes its status."""
    start = time.perf_counter()
    try:
        with _kept_quiet():
            plugin = collect(info, load())
    except KeyboardInterrupt as error:
        error.add_note(f"The plugin {info.origin} was being imported. {_way_round(info)}")
        raise
    except BaseException as error:  # SystemExit too, and whatever else a module may raise while it is imported
        plugin = Plugin(info=replace(info, status="broken", error=describe(error), traceback=_full(error)))
    elapsed = 1e3 * (time.perf_counter() - start)
    return replace(plugin, info=replace(plugin.info, milliseconds=elapsed))


@contextmanager
def _kept_quiet() -> Iterator[None]:
    """Send what this thread prints to stderr; show no warnings, unless strict, and keep no filters for them."""
    out = _Out()
    both = None not in (sys.stdout, sys.stderr)  # a program without a console has neither
    try:
        with redirect_stdout(cast(Any, out) if both else sys.stderr), warnings.catch_warnings():
            if not _is_on("PELLUCID_STRICT"):
                warnings.simplefilter("ignore")
            yield
    finally:
        out.thread = None


class _Out:
    """A stdout that is stderr for one thread, and what stdout was for the others."""

    def __init__(self) -> None:
        self.thread: int | None = threading.get_ident()
        self._stdout = sys.stdout

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr if threading.get_ident() == self.thread else self._stdout, name)


@contextmanager
def _patience(waiting: Sequence[_Found]) -> Iterator[None]:
    """Once this block takes long, say on stderr which plugin is being imported: the first of those that wait."""

    def tell() -> None:
        for found in waiting[:1]:
            note = f"pellucid: still importing the plugin {found.info.origin}. Press Ctrl-C to end this."
            print(note, _way_round(found.info), file=sys.stderr, flush=True)

    timer = threading.Timer(SECONDS_OF_PATIENCE, tell)
    timer.daemon = True
    with suppress(RuntimeError):  # no threads in a browser
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _way_round(info: PluginInfo) -> str:
    return f"PELLUCID_DISABLE_PLUGINS={info.distribution} leaves it out; `pellucid plugins --no-load` imports none."


def _ask(hook: pluggy.HookCaller, kind: type[S]) -> tuple[S, ...]:
    """Call one hook and hold its answer to one type."""
    if not hook.get_hookimpls():
        return ()
    answers, items = hook(), list[S]()
    if not answers:  # pluggy leaves None out
        raise TypeError(f"{hook.name} must yield {kind.__name__}s or return a list of them, got None")
    for answer in answers:
        if isinstance(answer, (str, bytes)) or not isinstance(answer, Iterable):
            raise TypeError(f"{hook.name} must yield {kind.__name__}s or return a list of them, got {answer!r}")
        for item in answer:
            if type(item) is not kind:
                raise TypeError(f"{hook.name} must yield {kind.__name__}, got {type(item).__name__} ({item!r})")
            items.append(item)
    return tuple(items)


def _check_ids(specs: Iterable[Spec], info: PluginInfo) -> None:
    """Ids are unique and stay within the family; only our own data sets may have bare names."""
    seen: set[tuple[type, str]] = set()
    for spec in specs:
        kind, family = type(spec).__name__, info.family
        if (type(spec), spec.id) in seen:
            raise ValueError(f"{kind} {spec.id!r} is there twice; give each its own id")
        seen.add((type(spec), spec.id))
        if isinstance(spec, CommandSpec):
            if not f"{spec.name}-".startswith(f"{family}-"):
                raise ValueError(f"the command {spec.name!r} must be called {family!r} or start with {family + '-'!r}")
        elif spec.family != family and (spec.family or not is_official(family, info.distribution)):
            raise ValueError(f"{kind} id {spec.id!r} must start with {family + '/'!r}, the family of this plugin")


def _full(error: BaseException) -> str:
    lines = "".join(traceback.format_exception(error)).splitlines()
    return "\n".join(" " * (len(line) - len(line.lstrip(" "))) + plain(line) for line in lines)
