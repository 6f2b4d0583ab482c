"""`import pellucid` and listing must stay light: no NumPy, no plugin before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = ("specs", "hookspecs", "discovery", "registry", "events", "listeners", "dataset_record")


def loaded_after(code: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after running some code."""
    program = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_pellucid_loads_nothing_else():
    modules = loaded_after("import pellucid")
    assert [name for name in modules if name.startswith("pellucid")] == ["pellucid"]
    assert not {"numpy", "pluggy", "importlib.metadata", "dataclasses"} & modules


@pytest.mark.parametrize("name", LIGHT)
def test_no_numpy_in(name):
    assert "numpy" not in loaded_after(f"import pellucid.{name}")


def test_listing_loads_neither_numpy_nor_models():
    modules = loaded_after("import pellucid; pellucid.models(); pellucid.dataset_specs(); pellucid.plugins()")
    assert "pellucid.registry" in modules and "numpy" not in modules
    assert "pellucid.estimator" not in modules and "pellucid.tensor" not in modules


def test_plugins_are_not_loaded_before_the_registry_is_used():
    modules = loaded_after(
        "import pellucid\n"
        "from pellucid import events, registry, hookimpl, ModelSpec\n"
        "with pellucid.fit_run(None, total=1) as run: run.step(loss=0.0)\n"
        "assert registry._state.plugins is None"
    )
    assert not [name for name in modules if name.endswith("._plugin")]
