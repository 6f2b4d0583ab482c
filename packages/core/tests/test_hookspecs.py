"""Every hook is documented in one sentence, and a plugin's mistakes are found when it is connected."""

from __future__ import annotations

import pluggy
import pytest

from pellucid import hookimpl, hookspecs
from pellucid.hookspecs import HOOKS, connect


def test_the_hooks():
    collected = {"models", "components", "rules", "datasets", "checks", "commands"}
    assert set(HOOKS) == {f"pellucid_{name}" for name in collected | {"fit_start", "fit_step", "fit_end"}}


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_is_documented_in_one_sentence(name):
    text = getattr(hookspecs, name).__doc__
    assert text.endswith(".") and "\n" not in text and ". " not in text


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
