# mypy: disable-error-code="empty-body"
"""The hooks: everything a plugin can bring, one function each.

A plugin is a module (or an object) with any of these functions, marked with `@hookimpl`. It is named by an entry point
in the group `pellucid.v1`; the entry point's name is the plugin's family.

    from pellucid import ModelSpec, hookimpl

    @hookimpl
    def pellucid_models():
        yield ModelSpec(id="acme/stump", target="pellucid_acme.stump:Stump", summary="One split", tasks=("regression",))

The first six are asked once, when the registry is first used; keep NumPy and the models out of that module, so that
listing stays fast. The last three are told about every fit that runs after that, in this process (see `events`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from pellucid.events import FitRun
    from pellucid.specs import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec

hookspec = pluggy.HookspecMarker("pellucid")
hookimpl = pluggy.HookimplMarker("pellucid")


@hookspec
def pellucid_models() -> Iterable[ModelSpec]:
    """Yield a spec for each model; its id starts with the plugin's family."""


@hookspec
def pellucid_components() -> Iterable[ComponentSpec]:
    """Yield a spec for each layer, loss, optimizer or kernel; its id starts with the plugin's family."""


@hookspec
def pellucid_rules() -> Iterable[str]:
    """Yield the names of modules that state gradient rules, imported when a function without a rule is first met."""


@hookspec
def pellucid_datasets() -> Iterable[DatasetSpec]:
    """Yield a spec for each data set; its id starts with the plugin's family."""


@hookspec
def pellucid_checks() -> Iterable[str]:
    """Yield "module:function" for each further check that the conformance kit runs on every model."""


@hookspec
def pellucid_commands() -> Iterable[CommandSpec]:
    """Yield a spec for each command of the `pellucid` command line; its name starts with the plugin's family."""


@hookspec
def pellucid_fit_start(run: FitRun) -> None:
    """Hear that a fit begins; `run.total` steps are the most it will take."""


@hookspec
def pellucid_fit_step(run: FitRun) -> None:
    """Hear that one step is done; `run.metrics` holds its numbers, `run.stop(reason)` ends the fit after it."""


@hookspec
def pellucid_fit_end(run: FitRun) -> None:
    """Hear that a fit ended; `run.stopped` and `run.error` tell whether something cut it short."""


HOOKS = tuple(name for name in sorted(globals()) if name.startswith("pellucid_"))


def connect(plugin: object, name: str, trace: bool = False) -> pluggy.HookRelay:
    """Check a plugin's hooks and return the object they are called through.

    Each plugin gets a manager of its own: a failure leaves nothing behind, and no plugin can wrap another's hooks.

    Raises
    ------
    pluggy.PluginValidationError
        For a hook that does not exist or asks for an argument it does not get.
    TypeError
        For a hook without its mark, or a plugin without hooks.
    """
    manager = pluggy.PluginManager("pellucid")
    manager.add_hookspecs(sys.modules[__name__])
    if trace:
        manager.trace.root.setwriter(lambda text: print(f"{name}:{text}", end="", file=sys.stderr))
        manager.enable_tracing()
    manager.register(plugin, name=name)
    manager.check_pending()
    for hook in HOOKS:
        if callable(getattr(plugin, hook, None)) and not getattr(manager.hook, hook).get_hookimpls():
            raise TypeError(f"{hook} is not marked; write @pellucid.hookimpl above it")
    if not manager.get_hookcallers(plugin):
        raise TypeError("no hooks found; write @pellucid.hookimpl above functions such as pellucid_models")
    return manager.hook
