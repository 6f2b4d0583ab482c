"""Every hook is documented with an example that works, and a plugin's mistakes are found when it is connected."""

from __future__ import annotations

import inspect
import re
import types

import pluggy
import pytest

from pellucid import hookimpl, hookspecs
from pellucid.discovery import PluginInfo, collect
from pellucid.hookspecs import HOOKS, connect


def section(name, title):
    """One section of a hook's docstring; "" if there is none."""
    found = re.search(
        rf"^{title}\n-+\n(.*?)(?=\n\n^\w+\n-+$|\Z)", inspect.getdoc(getattr(hookspecs, name)), re.S | re.M
    )
    return found[1] if found else ""


def test_the_hooks():
    collected = {"models", "components", "rules", "datasets", "checks", "commands"}
    assert set(HOOKS) == {f"pellucid_{name}" for name in collected | {"fit_start", "fit_step", "fit_end"}}


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_says_what_it_is_for_when_it_is_called_and_what_goes_in_and_out(name):
    hook = getattr(hookspecs, name)
    arguments = list(inspect.signature(hook).parameters)
    first, when = inspect.getdoc(hook).split("\n\n")[:2]
    assert first.endswith(".") and ". " not in first
    assert when.startswith("Told " if name.startswith("pellucid_fit") else "Asked ")
    assert re.findall(r"^(\w+) : \w+\n    \S", section(name, "Parameters"), re.M) == arguments
    kind = re.fullmatch(r"Iterable\[(\w+)\]|None", hook.__annotations__["return"])[1]
    assert re.findall(r"^(\w+)\n    \S", section(name, "Yields"), re.M) == ([kind] if kind else [])


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_of_each_hook_works(name):
    module = types.ModuleType("acme")
    exec(section(name, "Examples"), vars(module))
    plugin = collect(PluginInfo(family="acme", distribution="pellucid-acme"), module)
    brought = getattr(plugin, name.removeprefix("pellucid_"), None)
    assert len(getattr(plugin.hooks, name).get_hookimpls()) == 1 if brought is None else len(brought) == 1


def test_connect_calls_the_plugin():
    class Plugin:
        @hookimpl
        def pellucid_rules(self):
            return ["acme.rules"]

    assert connect(Plugin(), "acme").pellucid_rules() == [["acme.rules"]]


def test_connect_finds_mistakes():
    class Misspelt:
        @hookimpl
        def pellucid_modles(self):
            return []

    class WrongArgument:
        @hookimpl
        def pellucid_fit_step(self, run, loss):
            pass

    class Unmarked:
        @hookimpl
        def pellucid_models(self):
            return []

        def pellucid_rules(self):
            return []

    with pytest.raises(pluggy.PluginValidationError, match="unknown hook 'pellucid_modles'"):
        connect(Misspelt(), "acme")
    with pytest.raises(pluggy.PluginValidationError, match="'loss'"):
        connect(WrongArgument(), "acme")
    with pytest.raises(TypeError, match="pellucid_rules is not marked"):
        connect(Unmarked(), "acme")
    with pytest.raises(TypeError, match="no hooks found"):
        connect(object(), "acme")
