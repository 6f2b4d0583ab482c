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
    """Bring models.

    Asked once, when the registry is first used. The class is imported when somebody asks for the model.

    Yields
    ------
    ModelSpec
        One for each model; its id starts with the plugin's family.

    Examples
    --------
    from pellucid import ModelSpec, hookimpl

    @hookimpl
    def pellucid_models():
        yield ModelSpec(
            id="acme/stump",
            target="pellucid_acme.stump:Stump",
            summary="A tree with one question",
            tasks=("classification",),
        )
    """


@hookspec
def pellucid_components() -> Iterable[ComponentSpec]:
    """Bring layers, losses, optimizers, kernels: parts that `pellucid.component` finds by their names.

    Asked once, when the registry is first used. What a target names is imported when somebody asks for it.

    Yields
    ------
    ComponentSpec
        One for each part; its id starts with the plugin's family.

    Examples
    --------
    from pellucid import ComponentSpec, hookimpl

    @hookimpl
    def pellucid_components():
        yield ComponentSpec(
            id="acme/swish", kind="activation", target="pellucid_acme.swish:Swish", summary="x times its sigmoid"
        )
    """


@hookspec
def pellucid_rules() -> Iterable[str]:
    """Bring derivatives of functions that have none yet.

    Asked once, when the registry is first used. The modules are imported when a function without a rule is first met.

    Yields
    ------
    str
        The name of a module that states gradient rules.

    Examples
    --------
    from pellucid import hookimpl

    @hookimpl
    def pellucid_rules():
        return ["pellucid_acme.rules"]
    """


@hookspec
def pellucid_datasets() -> Iterable[DatasetSpec]:
    """Bring data sets.

    Asked once, when the registry is first used. The function is imported and called when somebody asks for the data.

    Yields
    ------
    DatasetSpec
        One for each data set; its id starts with the plugin's family. Its target takes keyword options and returns a
        `pellucid.Dataset`.

    Examples
    --------
    from pellucid import DatasetSpec, hookimpl

    @hookimpl
    def pellucid_datasets():
        yield DatasetSpec(
            id="acme/anvils",
            target="pellucid_acme.anvils:anvils",
            summary="Weight and height of fall of 200 anvils",
            task="regression",
            n_rows=200,
            n_columns=2,
        )
    """


@hookspec
def pellucid_checks() -> Iterable[str]:
    """Bring further checks, which the conformance kit then does for every model that it looks at.

    Asked once, when the registry is first used. The functions are imported when the kit runs.

    Yields
    ------
    str
        "module:function" of a check: a function of one `pellucid.testing.Subject` that raises where something is wrong.

    Examples
    --------
    from pellucid import hookimpl

    @hookimpl
    def pellucid_checks():
        return ["pellucid_acme.checks:is_calibrated"]
    """


@hookspec
def pellucid_commands() -> Iterable[CommandSpec]:
    """Bring commands for the `pellucid` command line.

    Asked once, when the registry is first used. The command is imported when it is called.

    Yields
    ------
    CommandSpec
        One for each click command; its name is the plugin's family, alone or with more after a hyphen.

    Examples
    --------
    from pellucid import CommandSpec, hookimpl

    @hookimpl
    def pellucid_commands():
        yield CommandSpec(name="acme-drop", target="pellucid_acme.commands:drop", summary="Drop an anvil")
    """


@hookspec
def pellucid_fit_start(run: FitRun) -> None:
    """Hear that a fit begins.

    Told before the first step of every fit in this process that reports its steps, also of one inside another.

    Parameters
    ----------
    run : FitRun
        `run.model` is being fitted, and `run.total` steps are the most it will take.

    Examples
    --------
    from pellucid import hookimpl

    @hookimpl
    def pellucid_fit_start(run):
        print(f"{type(run.model).__name__}: at most {run.total} {run.unit}s")
    """


@hookspec
def pellucid_fit_step(run: FitRun) -> None:
    """Hear that a step is done.

    Told after each step.

    Parameters
    ----------
    run : FitRun
        `run.metrics` holds the numbers of the step; `run.stop(reason)` ends the fit after it.

    Examples
    --------
    from pellucid import hookimpl

    @hookimpl
    def pellucid_fit_step(run):
        if run.metrics.get("loss", 0.0) > 1e6:
            run.stop("the loss grows without bounds")
    """


@hookspec
def pellucid_fit_end(run: FitRun) -> None:
    """Hear that a fit ended.

    Told after the last step, also when an error ended the fit.

    Parameters
    ----------
    run : FitRun
        `run.stopped` and `run.error` tell whether something cut it short.

    Examples
    --------
    from pellucid import hookimpl

    @hookimpl
    def pellucid_fit_end(run):
        print(f"{run.n_steps} {run.unit}s, {run.stopped or 'not stopped early'}")
    """


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
