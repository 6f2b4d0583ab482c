"""The registry: every model, data set, component and command that the installed packages offer.

Plugins are loaded when one of these functions is first called, never by `import pellucid`. A plugin brings only specs;
the class behind a spec is imported by `get` and `make`. How plugins are found and held apart is in `discovery`.

A name is looked up as an id, then as an alias or bare name in any spelling ("linear/ridge", "Ridge", "ridge"), then
without a last -classifier, -regressor or -model. Where names clash, official packages win and strangers' names become
ambiguous: installing a package never makes a name mean another model than before.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pellucid import OFFICIAL_FAMILIES
from pellucid.discovery import (
    RESERVED_FAMILIES,
    Plugin,
    PluginInfo,
    PluginLoadError,
    PluginWarning,
    collect,
    describe,
    discover,
    installed_since,
    unknown_names,
)
from pellucid.hookspecs import HOOKS
from pellucid.specs import (
    KEBAB,
    LONGEST_SUMMARY,
    MODEL_TASKS,
    CommandSpec,
    ComponentSpec,
    DatasetSpec,
    ModelSpec,
    Spec,
    plain,
)

if TYPE_CHECKING:
    import pluggy

    from pellucid.dataset_record import Dataset

SECONDS_OF_WAITING = 60.0  # for a thread that loads plugins, before another that needs them gives up

T = TypeVar("T", bound="ModelSpec | type[Any]")
S = TypeVar("S", ModelSpec, DatasetSpec, ComponentSpec)


class ModelNotFound(LookupError):
    """No registered model has this name, or several have."""


class DatasetNotFound(LookupError):
    """No registered data set has this name, or several have."""


class ComponentNotFound(LookupError):
    """No registered component has this name, or several have."""


class ModelLoadError(PluginLoadError):
    """A model is registered, but its class cannot be imported."""


# ------------------------------------------------------------------------------------------------------------- models


def models(task: str | None = None, family: str | None = None) -> list[ModelSpec]:
    """All registered models, or those for one task, or of one family.

    Raises
    ------
    ValueError
        For a task that does not exist.
    """
    if task is not None and task not in MODEL_TASKS:
        raise ValueError(f"task must be one of {', '.join(MODEL_TASKS)}; got {task!r}")
    specs = [spec for plugin in loaded() for spec in plugin.models]
    return [s for s in specs if (task is None or task in s.tasks) and (family is None or family == s.family)]


def spec(id: str, /) -> ModelSpec:
    """The spec of one model, by id, alias or bare name.

    Raises
    ------
    ModelNotFound
        With the nearest names, and what to install or repair where that would help.
    """
    return _find_model(id)[1]


def get(id: str, /) -> type[Any]:
    """The class of one model, imported now.

    Raises
    ------
    ModelNotFound
        If there is no such model.
    ModelLoadError
        If its module cannot be imported or holds no such class.
    """
    plugin, found = _find_model(id)
    cls: type[Any] = plugin.classes.get(found.id) or resolve(found)
    return cls


def make(id: str, /, **params: Any) -> Any:
    """A new instance of one model: `make("linear/ridge", alpha=0.1)`; raises as `get` does."""
    return get(id)(**params)


def spec_of(model: object) -> ModelSpec:
    """The spec of a model or a class; a subclass of a registered class is not registered by that.

    Raises
    ------
    ModelNotFound
        If its class is not in the registry.
    """
    cls = model if isinstance(model, type) else type(model)
    pairs = [(plugin, found) for plugin in loaded() for found in plugin.models]
    for plugin, found in pairs:
        if plugin.classes.get(found.id) is cls:
            return found
    for _, found in pairs:
        if found.target == f"{cls.__module__}:{cls.__qualname__}":
            return found
    name = plain(cls.__qualname__)
    raise ModelNotFound(
        f"{name} of module {cls.__module__} is not a registered model. If it is your own, call "
        f"pellucid.register({name}) before." + _not_loaded()
    )


def register(model: T, /, *, id: str | None = None, summary: str | None = None, **fields: Any) -> T:
    """Add a model of your own for as long as this process lives; registering an id again replaces it.

    Parameters
    ----------
    model : ModelSpec or class
        A whole spec, or the class itself.
    id, summary, **fields
        With a class: the fields of its `ModelSpec`. Without them the id is "local/<class-name>", the summary is the
        first line of the docstring, an estimator's kind says its task, and its `_tags` are the tags.

    Returns
    -------
    ModelSpec or class
        What came in, so that `@pellucid.register` can stand above a class.

    Raises
    ------
    ValueError
        If a field is wrong, or the family in the id belongs to an installed or official package.
    """
    if isinstance(model, ModelSpec):
        if id is not None or summary is not None or fields:
            raise TypeError("a ModelSpec brings its own fields; call register(spec) and nothing else")
        new, cls = cast(ModelSpec, model), None
    elif isinstance(model, type):
        first = (model.__doc__ or "").strip().partition("\n")[0].rstrip(".")[:LONGEST_SUMMARY]
        local = "<" in model.__qualname__  # defined inside a function: no import reaches it, but we hold the class
        new = ModelSpec(
            id=id or f"local/{_kebab(model.__name__)}",
            target=f"{model.__module__}:{model.__name__ if local else model.__qualname__}",
            summary=summary or first or model.__name__,
            **{"tags": getattr(model, "_tags", ()), **fields},
            **{} if "tasks" in fields else dict[str, Any](tasks=tasks_of(model)),
        )
        cls = model
    else:
        raise TypeError(f"register takes a class or a ModelSpec, got {model!r}; pass the class, not an instance")
    with _alone():
        family = _own_family(new.family, advice=f"take another, such as id='local/{new.name}'")
        specs = (*(s for s in family.models if s.id != new.id), new)
        classes = {name: known for name, known in family.classes.items() if name != new.id}
        if cls is not None:
            classes[new.id] = cls
        _put(replace(family, models=specs, classes=classes, info=replace(family.info, n_models=len(specs))))
    return model


# --------------------------------------------------------------------- data sets, components, commands, checks, rules


def dataset_specs() -> list[DatasetSpec]:
    """All registered data sets."""
    return [spec for plugin in loaded() for spec in plugin.datasets]


def dataset(name: str, /, **options: Any) -> Dataset:
    """One data set, by id or bare name: `X, y = dataset("spirals", seed=1)`.

    Raises
    ------
    DatasetNotFound
        With the nearest names, and what to install or repair where that would help.
    PluginLoadError
        If the module that holds it cannot be imported.
    TypeError
        For an option that the data set does not have; the message lists those it has.
    """
    pairs = [(plugin, spec) for plugin in loaded() for spec in plugin.datasets]
    found = _find(name, "data set", pairs, DatasetNotFound)[1]
    make_data = resolve(found)
    known = inspect.signature(make_data).parameters
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    if unknown := [option for option in options if option not in known and not anything]:
        raise TypeError(f"the data set {found.id!r} has no option {unknown[0]!r}; it has {', '.join(known) or 'none'}")
    data: Dataset = make_data(**options)
    return data


def components(kind: str | None = None) -> list[ComponentSpec]:
    """All registered components, or those of one kind ("activation", "loss", ...)."""
    return [spec for plugin in loaded() for spec in plugin.components if kind is None or kind == spec.kind]


def component(name: str, /, kind: str | None = None) -> Any:
    """One layer, loss, optimizer or other part, by id, bare name or class name: `component("adam", "optimizer")`.

    Parameters
    ----------
    name : str
        As for a model, in any spelling.
    kind : str, optional
        Only among components of this kind.

    Returns
    -------
    class or function
        What the component's target names, imported now.

    Raises
    ------
    ComponentNotFound
        With the nearest names, the kinds there are, and what to install or repair where that would help.
    PluginLoadError
        If its module cannot be imported or holds no such name.
    """
    pairs = [(plugin, spec) for plugin in loaded() for spec in plugin.components]
    of_kind = [pair for pair in pairs if kind in (None, pair[1].kind)]
    if kind is not None and not of_kind:
        kinds = ", ".join(sorted({spec.kind for _, spec in pairs})) or "none"
        raise ComponentNotFound(f"no component is of the kind {plain(kind)!r}; kinds: {kinds}.{_not_loaded()}")
    return resolve(_find(name, "component" if kind is None else kind, of_kind, ComponentNotFound)[1])


def commands() -> list[CommandSpec]:
    """All commands that plugins add to the command line."""
    return [spec for plugin in loaded() for spec in plugin.commands]


def checks() -> list[str]:
    """All further conformance checks that plugins bring, each "module:function"."""
    return [target for plugin in loaded() for target in plugin.checks]


def rule_modules() -> list[str]:
    """All modules with gradient rules that plugins bring."""
    return [module for plugin in loaded() for module in plugin.rules]


def load_rules() -> None:
    """Import the modules in `rule_modules`; the tape does it when a function without a rule is first met.

    A module that fails is named in one `PluginWarning`; the others are imported all the same.
    """
    failures = []
    for module in rule_modules():
        try:
            importlib.import_module(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            failures.append(f"{module} ({describe(error)})")
    if failures:
        _warn(f"gradient rules of plugins could not be imported: {'; '.join(failures)}")


def resolve(spec: Spec) -> Any:
    """What the target of a spec names, imported now.

    Raises
    ------
    ModelLoadError
        For a model whose class cannot be imported; the message names its distribution and the reason.
    PluginLoadError
        The same for any other spec.
    """
    module, _, path = spec.target.partition(":")
    try:
        found = functools.reduce(getattr, path.split("."), importlib.import_module(module))
        if isinstance(spec, ModelSpec) and not isinstance(found, type):
            raise TypeError(f"the target of a model must be a class, this is {found!r}")
        return found
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        kind = ModelLoadError if isinstance(spec, ModelSpec) else PluginLoadError
        origin = next((f" ({p.info.origin})" for p in loaded() if any(spec is own for own in p.specs)), "")
        raise kind(f"{spec.id}{origin}: cannot import {spec.target}: {describe(error)}") from error


# ------------------------------------------------------------------------------------------------------------ plugins


def plugins() -> list[PluginInfo]:
    """What became of every installed plugin, and the families that were added by hand."""
    return [plugin.info for plugin in loaded()]


def load_file(path: str | Path, *, bare: bool = False) -> ModuleType:
    """Use a Python file as a plugin, without packaging it.

    The file's name is the family: `acme.py` brings "acme/...", and its targets name it like a module: "acme:Stump". It
    has hooks, as an installed plugin's module has, or calls `pellucid.register`. Loading it again replaces what it
    brought. While it runs, files beside it can be imported.

    Parameters
    ----------
    path : str or Path
    bare : bool
        Whether a file that neither has hooks nor registers anything will do; it is imported, and that is all.

    Returns
    -------
    module
        The file, imported.

    Raises
    ------
    PluginLoadError
        If the file is missing, fails, or breaks a rule for plugins; nothing of it is kept then.
    """
    file = Path(path).resolve()
    name, family = file.stem, _kebab(file.stem)
    with _alone():
        plugins, module = loaded(), sys.modules.get(name)
        _state.at_work = f"the file {plain(str(file))}"
        try:
            if not bare:
                _own_family(family, advice="rename the file")
            _keep(p for p in plugins if p.info.distribution != str(file))
            start = loaded()
            code = _run(file)
            registers, hooks = loaded() is not start, any(hasattr(code, hook) for hook in HOOKS)
            if registers and hooks:
                raise TypeError("a plugin file has hooks or calls pellucid.register, not both")
            like_hooks = [name for name, it in vars(code).items() if name.startswith("pellucid_") and callable(it)]
            if not registers and (like_hooks or not bare):
                if family == "local" or _own_family(family, advice="rename the file").models:
                    raise ValueError(f"family {family!r} is that of models registered by hand; rename the file")
                info = PluginInfo(family=family, distribution=str(file), target=name)
                with _beside(file):
                    _put(replace(collect(info, code), by_hand=True))
            return code
        except BaseException as error:
            _keep(plugins)
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module
            if isinstance(error, KeyboardInterrupt):
                raise
            raise PluginLoadError(f"{plain(str(file))}: {describe(error)}") from error


def import_file(path: str | Path) -> ModuleType:
    """A Python file as a module under its own name, run anew; what it registers is registered.

    While it runs, files beside it can be imported.

    Raises
    ------
    PluginLoadError
        If the file is missing or fails, or its name is that of another module.
    """
    file = Path(path).resolve()
    known = sys.modules.get(file.stem)
    try:
        return _run(file)
    except BaseException as error:
        sys.modules.pop(file.stem, None)
        if known is not None:
            sys.modules[file.stem] = known
        if isinstance(error, KeyboardInterrupt):
            raise
        raise PluginLoadError(f"{plain(str(file))}: {describe(error)}") from error


def fit_hooks() -> tuple[pluggy.HookRelay, ...]:
    """The hooks of loaded plugins that listen to fits; loads nothing, so that no fit waits for plugins."""
    return _state.fit_hooks


class _State:
    """What was loaded. Records are replaced as a whole, so reading needs no lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.loading = False
        self.at_work = ""  # what the thread that holds the lock imports
        self.plugins: tuple[Plugin, ...] | None = None  # None: not loaded yet
        self.fit_hooks: tuple[pluggy.HookRelay, ...] = ()


_state = _State()


def loaded() -> tuple[Plugin, ...]:
    """All plugins; the first call loads them."""
    plugins = _state.plugins
    if plugins is not None:
        return plugins
    with _alone():  # other threads wait here for the one that loads
        if _state.loading:
            raise RuntimeError("a plugin used the registry while being loaded; use it inside a function instead")
        if _state.plugins is not None:
            return _state.plugins
        _state.loading = True
        try:
            plugins = _keep(discover(_begin))  # after an error or Ctrl-C nothing is kept, and the next call starts anew
        finally:
            _state.loading = False
    skipped = [f"{p.info.distribution} ({p.info.status})" for p in plugins if p.info.status not in ("ok", "disabled")]
    if skipped:
        count = f"{len(skipped)} plugin{'s' if len(skipped) > 1 else ''}"
        _warn(f"{count} skipped: {', '.join(skipped)}; `pellucid plugins` or pellucid.plugins() tells why")
    if unknown := unknown_names(plugins):
        installed = ", ".join(sorted({p.info.distribution for p in plugins})) or "none"
        _warn(f"PELLUCID_PLUGINS names {', '.join(unknown)}, and no plugin is called that; installed: {installed}")
    return plugins


@contextmanager
def _alone() -> Iterator[None]:
    """Keep other threads waiting; but not for ever, as they may hold a module that the loading thread wants."""
    lock = _state.lock
    if not lock.acquire(timeout=SECONDS_OF_WAITING):
        raise RuntimeError(
            f"the registry serves one thread at a time, and for {SECONDS_OF_WAITING:g} seconds another one has been "
            f"importing {_state.at_work}. If that needs a module which uses the registry while it is imported, the two "
            f"wait for each other: use it inside a function there, or call pellucid.plugins() before any thread starts"
        )
    try:
        yield
    finally:
        lock.release()


def _begin(info: PluginInfo) -> None:
    _state.at_work = f"the plugin {info.origin}"


def _keep(plugins: Iterable[Plugin]) -> tuple[Plugin, ...]:
    _state.plugins = kept = tuple(plugins)
    _state.fit_hooks = tuple(plugin.hooks for plugin in kept if plugin.hooks is not None)
    return kept


def _put(plugin: Plugin) -> None:
    """Add a family by hand, in the place of what was added under its name before."""
    _keep([*(p for p in loaded() if not (p.by_hand and p.info.family == plugin.info.family)), plugin])


def _own_family(family: str, advice: str) -> Plugin:
    """What was added to a family by hand so far; an error if it belongs to a package."""
    for plugin in loaded():
        if plugin.info.family == family and plugin.info.status == "ok":
            if plugin.by_hand:
                return plugin
            raise ValueError(f"family {family!r} belongs to {plugin.info.distribution}; {advice}")
    if not re.fullmatch(KEBAB, family):
        raise ValueError(f"family {family!r} must be lower case with hyphens, like 'acme'; {advice}")
    if family in OFFICIAL_FAMILIES or family in RESERVED_FAMILIES and family != "local":
        raise ValueError(f"family {family!r} is reserved for official packages; {advice}")
    return Plugin(info=PluginInfo(family=family, distribution="this process", target="pellucid.register"), by_hand=True)


def _run(file: Path) -> ModuleType:
    """Run a file as a module that is imported under its own name, so that targets and pickles reach it."""
    if not file.is_file():
        raise FileNotFoundError("there is no such file")
    if not file.stem.isidentifier():
        raise ValueError(f"the name of a plugin file must be a Python name, like acme.py; this is {file.name!r}")
    known = sys.modules.get(file.stem)
    origin = getattr(known, "__file__", None) if known else getattr(importlib.util.find_spec(file.stem), "origin", None)
    if (known or origin) and (origin is None or Path(origin).resolve() != file):
        raise ImportError(f"the name {file.stem!r} is taken by the module at {origin}; rename the file")
    recipe = importlib.util.spec_from_file_location(file.stem, file)
    if recipe is None or recipe.loader is None:
        raise ImportError("a plugin file must end in .py")
    sys.modules[file.stem] = module = importlib.util.module_from_spec(recipe)
    with _beside(file):
        recipe.loader.exec_module(module)
    return module


@contextmanager
def _beside(file: Path) -> Iterator[None]:
    """A block in which modules are looked for in the file's folder first, as by `python FILE.py`."""
    folder = str(file.parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:  # the file may have changed it
            sys.path.remove(folder)


def tasks_of(cls: type) -> tuple[str, ...]:
    """What a class is for, as its base class says: ("regression",).

    Raises
    ------
    ValueError
        If it does not say.
    """
    kinds = {
        "classifier": "classification",
        "regressor": "regression",
        "clusterer": "clustering",
        "transformer": "transform",
    }
    kind = getattr(cls, "_estimator_type", None)
    if kind not in kinds:
        raise ValueError(f"say what {cls.__name__} is for: register(..., tasks=('regression',)) or another task")
    return (kinds[kind],)


def _warn(message: str) -> None:
    """Warn at the line outside this package that led here."""
    level = 1
    frame = sys._getframe(0)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "pellucid":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, PluginWarning, stacklevel=level)


# ------------------------------------------------------------------------------------------------------------ look-up


def _find_model(name: str) -> tuple[Plugin, ModelSpec]:
    return _find(name, "model", [(plugin, spec) for plugin in loaded() for spec in plugin.models], ModelNotFound)


def _find(name: str, what: str, pairs: list[tuple[Plugin, S]], error: type[LookupError]) -> tuple[Plugin, S]:
    """The one spec that a name means."""
    if not isinstance(name, str):
        raise TypeError(f"a {what} is named by a string, got {name!r}")
    hits = [pair for pair in pairs if pair[1].id == name] or _by_name(name, pairs)
    if len(hits) == 1:
        return hits[0]
    ids = [spec.id for _, spec in hits]
    short = plain(name)[:80]
    if ids:
        raise error(f"{short!r} may mean {' or '.join(ids)}; use one of these.")
    near = _nearest(short, [spec for _, spec in pairs])
    advice = f" Did you mean {' or '.join(near)}?" if near else ""
    raise error(f"no {what} {short!r}.{advice}{_not_installed(short, what)}{_not_loaded()}")


def _by_name(name: str, pairs: list[tuple[Plugin, S]]) -> list[tuple[Plugin, S]]:
    """The specs that a name means whole, or else without its last word."""
    whole, stem = _matches(name, pairs, _squash), _matches(name, pairs, _stem)
    if whole and not whole[0][0].official:  # an official model that the name meant before the stranger came stays in it
        whole += [pair for pair in stem if pair[0].official]
    return whole or stem


def _matches(name: str, pairs: list[tuple[Plugin, S]], key: Callable[[str], str]) -> list[tuple[Plugin, S]]:
    """The specs that carry this name in the spelling that `key` makes of it; official ones alone if there are any."""
    wanted = key(name)
    hits = [pair for pair in pairs if wanted and wanted in {key(label) for label in _labels(pair[1])}]
    return [pair for pair in hits if pair[0].official] or hits


def _labels(spec: ModelSpec | DatasetSpec | ComponentSpec) -> set[str]:
    """All names of a spec, each alone and with its family."""
    aliases: tuple[str, ...] = ()
    if isinstance(spec, ModelSpec):
        aliases = spec.aliases
    elif isinstance(spec, ComponentSpec):
        aliases = (re.split("[.:]", spec.target)[-1],)  # nn/mse is found as MSELoss
    names = {name.rpartition("/")[2] for name in (spec.id, *aliases)}
    return names | {f"{spec.family}/{name}" for name in names if spec.family}


def _squash(name: str) -> str:
    """One spelling for "logistic-regression", "logistic_regression", "Logistic Regression", "LogisticRegression"."""
    return re.sub(r"[\s_-]+", "", name).lower()


def _stem(name: str) -> str:
    return re.sub(r"(classifier|regressor|model)$", "", _squash(name))


def _kebab(name: str) -> str:
    """MLPClassifier -> mlp-classifier."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name)
    return re.sub(r"[\s_-]+", "-", words).strip("-").lower()


def _nearest(name: str, specs: Iterable[ModelSpec | DatasetSpec | ComponentSpec]) -> list[str]:
    """Up to three ids that look or end like a name that was not found."""
    from difflib import get_close_matches  # only an error needs it

    ids: dict[str, list[str]] = {}
    for spec in specs:
        for label in _labels(spec):
            ids.setdefault(_squash(label), []).append(spec.id)
    full = _squash(name)
    tail = full.rpartition("/")[2]
    keys = [tail] * (tail in ids)
    keys += get_close_matches(full, ids, n=3, cutoff=0.7) + get_close_matches(tail, ids, n=3, cutoff=0.7)
    keys += [key for key in ids if len(tail) >= 3 and tail in key]
    return list(dict.fromkeys(i for key in keys for i in ids[key]))[:3]


def _not_installed(name: str, what: str) -> str:
    """The line that installs an official family; only names from our own table, never from what was typed."""
    family = "datasets" if what == "data set" and "/" not in name else _kebab(name.partition("/")[0])
    if family not in OFFICIAL_FAMILIES or any(plugin.info.family == family for plugin in loaded()):
        return ""
    if OFFICIAL_FAMILIES[family] in installed_since(loaded()):
        return ""  # which `_not_loaded` says
    return f" The family {family!r} is not installed: pip install {OFFICIAL_FAMILIES[family]}."


def _not_loaded() -> str:
    skipped = [f"{p.info.distribution} ({p.info.status})" for p in loaded() if p.info.status != "ok"]
    words = f" Not loaded: {', '.join(skipped)}; see `pellucid plugins`." if skipped else ""
    if new := installed_since(loaded()):
        words += f" Installed after plugins were loaded: {', '.join(new)}; restart Python to use them."
    return words
