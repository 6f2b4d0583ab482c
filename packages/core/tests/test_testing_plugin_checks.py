"""Each check of a plugin finds the one fault that is built into an otherwise sound package."""

import dataclasses
import importlib.util

import pytest
from acme_package import Acme, names_of, result_of

from pellucid import registry
from pellucid.discovery import PluginWarning
from pellucid.testing import PluginSubject, import_probe, plugin_checks
from pellucid.testing.checks import all_checks

NEEDS_CLICK = pytest.mark.skipif(importlib.util.find_spec("click") is None, reason="there is no command line")


@pytest.fixture
def acme(site, tmp_path):
    return Acme(tmp_path)


def strange_id(plugin):
    (one,) = plugin.plugins
    models = tuple(dataclasses.replace(spec, id="zeta/plane", aliases=()) for spec in one.models)
    return PluginSubject(plugin.distribution, [dataclasses.replace(one, models=models)])


PLUGIN = "_plugin.py"
MUTANTS = {  # check -> (file, text in it, what is put in its place, what must be said)
    "ids-are-in-its-family": (None, strange_id, None, "'zeta/plane' is not of the family 'acme'"),
    "loads": (PLUGIN, '"acme/hills"', '"zeta/hills"', "the family 'acme' is broken: ValueError: DatasetSpec id"),
    "aliases-clash-with-nobody": (
        PLUGIN,
        "    yield ModelSpec(",
        '    yield ModelSpec(id="acme/acme-board", target="x:X", summary="x", tasks=("network",))\n'
        "    yield ModelSpec(",
        "'acme-board' may mean acme/acme-board or acme/flat-plane",
    ),
    "commands-import": ("commands.py", "@click.command()\n", "", "is <function acme at"),
    "components-import": ("parts.py", "def ramp(x):\n    return x", "ramp = 3", "acme/ramp, is 3"),
    "kinds-of-components-are-spelt-as-elsewhere": (PLUGIN, '"kernel"', '"kernels"', "elsewhere it is 'kernel'"),
    "components-of-a-kind-are-alike": ("parts.py", "class Soft", "class step", "acme/ramp is a function and acme/step"),
    "rules-import": ("rules.py", "RULES", "1 / 0\nRULES", "ZeroDivisionError"),
    "checks-import": ("checks.py", '"""The class has a name."""', "", "begins with ''"),
    "listing-imports-no-numpy": (PLUGIN, "from pellucid", "import numpy\nfrom pellucid", "listing imports NumPy"),
    "package-imports-no-models": (
        "__init__.py",
        "def ",
        "import pellucid_acme.plane\n\ndef ",
        "already imports pellucid_acme.plane",
    ),
    "imports-have-no-side-effects": (
        "data.py",
        "def hills",
        "np.random.seed(0)\n\ndef hills",
        "importing it changed np.random",
    ),
    "requires-pellucid-within-bounds": ("METADATA", "pellucid<0.2,>=0.1", "pellucid>=0.1", "has no highest version"),
    "wheel-holds-only-its-own-package": ("RECORD", "../../bin", "tests/test_x.py,,\n../../bin", "also installs tests"),
    "metadata-names-its-python": ("METADATA", "Requires-Python: >=3.11\n", "", "no Requires-Python"),
    "metadata-has-a-summary": ("METADATA", "Summary: Planes\n", "", "no Summary"),
    "metadata-has-a-licence": ("METADATA", "License-Expression: MIT\n", "", "no licence"),
    "metadata-has-a-readme": ("METADATA", "# Acme\n\nPlanes.", "Planes.", "its description is 'Planes."),
    "datasets-load-without-a-network": (
        "data.py",
        "def wind():",
        "def wind():\n    import socket\n    socket.create_connection(('acme.example', 80))",
        "acme/wind failed offline: OSError: there is no network here",
    ),
    "datasets-unpack-as-x-and-y": ("data.py", "np.arange(5.0)", "list(range(5))", "y of acme/wind is list"),
    "datasets-are-as-announced": (PLUGIN, "n_rows=12", "n_rows=13", "announces n_rows=13 and has 12"),
    "datasets-hold-numbers": (
        "data.py",
        "np.ones((5, 1))",
        "np.full((5, 1), np.nan)",
        "X of acme/wind holds NaN 5 times",
    ),
    "datasets-repeat": ("data.py", "default_rng(seed)", "default_rng()", "X of acme/hills differs between two calls"),
    "datasets-are-fresh": (
        "data.py",
        "def wind():\n    return Dataset(np.ones((5, 1))",
        "ONES = np.ones((5, 1))\n\ndef wind():\n    return Dataset(ONES",
        "X of acme/wind is the same memory",
    ),
    "other-files-keep-the-rules-of-reading": (
        "slope.py",
        "a       a  ",
        "a       b  ",
        "slope.py, line 8: 'b' is in the",
    ),
}


@pytest.fixture
def mutant(acme, request):
    """The plugin that is broken for one check."""
    name, old, new, _ = MUTANTS[request.param]
    if name is None:
        return old(acme.plugin())
    acme.change(name, old, new)
    if request.param == "loads":
        with pytest.warns(PluginWarning):
            return acme.plugin()
    return acme.plugin()


def test_every_check_of_a_plugin_has_a_mutant():
    assert set(MUTANTS) == {name for name in names_of("plugin_checks", "reading_checks") if level(name) == "plugin"}


def level(name):
    (found,) = [one for one in all_checks() if one.name == name]
    return found.level


def test_a_sound_plugin_passes_everything(acme):
    plugin = acme.plugin()
    results = {name: result_of(name, plugin) for name in MUTANTS}
    skipped = {"commands-import"} if importlib.util.find_spec("click") is None else set()
    assert {name: r.saw for name, r in results.items() if r.status != "passed" and name not in skipped} == {}


@pytest.mark.parametrize(
    "mutant, name",
    [pytest.param(name, name, marks=NEEDS_CLICK if name == "commands-import" else ()) for name in MUTANTS],
    indirect=["mutant"],
    ids=list(MUTANTS),
)
def test_a_check_finds_its_fault_and_says_what_it_saw(mutant, name):
    found = result_of(name, mutant)
    assert found.status == "failed"
    assert MUTANTS[name][3] in found.saw


@pytest.mark.parametrize("name", ["datasets-repeat", "datasets-are-fresh", "datasets-are-as-announced"])
def test_a_data_set_that_cannot_be_read_is_reported_once(acme, name):
    acme.change("data.py", "def hills(seed=0):", "def hills(seed=0):\n    1 / 0")
    acme.change("data.py", "def wind():", "def wind():\n    1 / 0")
    assert result_of(name, acme.plugin()).saw == "none of its data sets can be read"


OTHER_FAULTS = [  # more ways to break what a check wants
    (
        "datasets-hold-numbers",
        "data.py",
        "np.arange(5.0)",
        "np.array([1, 2, 3, 4, np.inf])",
        "y of acme/wind holds inf",
    ),
    (
        "datasets-are-as-announced",
        "_plugin.py",
        'task="regression", n_rows',
        'task="density", n_rows',
        "task='density'",
    ),
    ("datasets-are-as-announced", "data.py", "np.arange(12) % 3", "np.arange(12) % 2", "3 classes, and y holds [0, 1]"),
    ("datasets-unpack-as-x-and-y", "data.py", "def wind():", "def wind():\n    return 1, 2", "returned tuple"),
    ("checks-import", "checks.py", "(model)", "(model, data)", "takes 2 arguments"),
    ("checks-import", "_plugin.py", ":has_a_name", ":missing", "has no attribute 'missing'"),
    (
        "requires-pellucid-within-bounds",
        "METADATA",
        "Requires-Dist: pellucid<0.2,>=0.1\n",
        "",
        "does not require pellucid",
    ),
    ("requires-pellucid-within-bounds", "METADATA", "pellucid<0.2,>=0.1", "pellucid<0.1,>=0.0.1", "this is 0.1"),
    ("imports-have-no-side-effects", "_plugin.py", "from", "print('hello')\nfrom", "printed 'hello'"),
    ("imports-have-no-side-effects", "data.py", "def wind", "np.seterr(all='raise')\ndef wind", "changed np.seterr"),
    (
        "imports-have-no-side-effects",
        "rules.py",
        "RULES",
        "1 / 0\nRULES",
        "in a new process: pellucid_acme.rules: Zero",
    ),
    ("wheel-holds-only-its-own-package", "RECORD", "../../bin", "../../share/x,,\n../../bin", "installs ../../share/x"),
]


@pytest.mark.parametrize("name, file, old, new, saw", OTHER_FAULTS)
def test_other_faults_are_found_too(acme, name, file, old, new, saw):
    acme.change(file, old, new)
    found = result_of(name, acme.plugin())
    assert (found.status, saw in found.saw) == ("failed", True), found.saw


def test_gaps_in_a_data_set_are_allowed_where_they_are_announced(acme):
    acme.change("data.py", "np.ones((5, 1))", "np.full((5, 1), np.nan)")
    acme.change("_plugin.py", '"Wind"', '"Wind, some of it missing"')
    assert result_of("datasets-hold-numbers", acme.plugin()).status == "passed"


def test_a_data_set_that_cannot_be_written_to_may_be_shared(acme):
    old, new = (
        "def wind():\n    return Dataset(np.ones((5, 1))",
        "ONES = np.ones((5, 1))\n\ndef wind():\n    return Dataset(ONES",
    )
    acme.change("data.py", old, new)
    acme.change("data.py", "\ndef wind", "ONES.flags.writeable = False\n\ndef wind")
    assert result_of("datasets-are-fresh", acme.plugin()).status == "passed"


def test_an_editable_install_has_no_list_of_its_own_files(acme):
    (acme.folder / "pellucid_acme-0.3.dist-info" / "direct_url.json").write_text('{"dir_info": {"editable": true}}')
    assert result_of("wheel-holds-only-its-own-package", acme.plugin()).saw.startswith("it is installed from a working")


def test_a_plugin_that_brings_nothing_of_a_kind_is_not_held_to_it(site, tmp_path):
    site("pellucid-zeta", "@hookimpl\ndef pellucid_rules():\n    return []")
    subject = PluginSubject("pellucid-zeta", list(registry.loaded()))
    reasons = {name: result_of(name, subject).saw for name in ("datasets-repeat", "components-import", "rules-import")}
    assert reasons == {
        "datasets-repeat": "it brings no data sets",
        "components-import": "it brings no components",
        "rules-import": "it brings no gradient rules",
    }


def test_the_network_is_there_again_after_the_check(acme):
    import socket

    before = socket.getaddrinfo, socket.socket.connect
    result_of("datasets-load-without-a-network", acme.plugin())
    assert (socket.getaddrinfo, socket.socket.connect) == before


def test_imports_are_looked_at_once_for_all_checks_and_commands_only_where_there_is_a_command_line(acme, monkeypatch):
    looked_at = []

    def probe(infos, modules):
        looked_at.append(list(modules))
        return {"listed": [], "printed": "", "changed": [], "failed": []}

    monkeypatch.setattr(import_probe, "probe", probe)
    for there in (True, False):
        monkeypatch.setattr(plugin_checks, "has_command_line", lambda there=there: there)
        plugin = acme.plugin()
        for name in ("listing-imports-no-numpy", "package-imports-no-models", "imports-have-no-side-effects"):
            assert result_of(name, plugin).status == "passed"
    others = [f"pellucid_acme.{name}" for name in ("plane", "parts", "data", "rules", "checks")]
    assert [sorted(modules) for modules in looked_at] == [sorted([*others, "pellucid_acme.commands"]), sorted(others)]
    assert result_of("commands-import", acme.plugin()).status == "skipped"


def test_an_import_that_ends_the_process_is_a_fault(acme):
    acme.change("rules.py", "RULES", "import os\nos._exit(3)\nRULES")
    found = result_of("imports-have-no-side-effects", acme.plugin())
    assert "importing it ended the process with status 3" in found.saw


def test_the_advice_names_the_bounds_of_the_running_core():
    assert plugin_checks._bounds() == ">=0.1,<0.2"
