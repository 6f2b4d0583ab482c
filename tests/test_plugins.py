"""Plugins end to end: one good plugin among many bad ones, in a real interpreter.

The bad ones are installed side by side in one folder, as a user's environment might hold them. One fresh process lists
the models and reports; each case then asks what became of one plugin.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

IMPORTS = "from pellucid import CommandSpec, ComponentSpec, DatasetSpec, ModelSpec, hookimpl\n"


class Case(NamedTuple):
    """A bad plugin and what must be said about it. Its family is the distribution's name, unless it is given."""

    code: str
    words: str
    status: str = "broken"
    family: str | None = None
    group: str = "pellucid.v1"


def models(body: str) -> str:
    return f"@hookimpl\ndef pellucid_models():\n    {body}"


def model(id: str) -> str:
    return f"ModelSpec(id='{id}', target='nowhere:Model', summary='A model', tasks=('regression',))"


# fmt: off
BAD = {
    # it cannot be imported
    "import-error":      Case("import a_module_that_is_not_there", "ModuleNotFoundError: No module named"),
    "exits":             Case("raise SystemExit(3)", "SystemExit: 3"),
    "own-exception":     Case("class Own(BaseException): pass\nraise Own('own')", "Own: own"),
    "syntax-error":      Case("def :", "SyntaxError"),
    "no-module":         Case("", "ModuleNotFoundError", family="no-module = nowhere_to_be_found"),
    "no-attribute":      Case("", "AttributeError", family="no-attribute = plugin_no_attribute:plugin"),
    "asks-registry":     Case("import pellucid\npellucid.models()", "a plugin used the registry while"),
    "registers-itself":  Case("import pellucid\npellucid.register(str, tasks=['network'])", "used the registry while"),
    "silent-message":    Case("class Mute(Exception):\n    def __str__(self): raise self\nraise Mute", "Mute ("),
    "escape-codes":      Case("raise ValueError('\\x1b[2J\\nsecond line')", "ValueError: [2J second line"),
    # its hooks are wrong
    "misspelt-hook":     Case("@hookimpl\ndef pellucid_modles(): return []", "unknown hook 'pellucid_modles'"),
    "unmarked-hook":     Case("def pellucid_models(): return []", "pellucid_models is not marked"),
    "no-hooks":          Case("x = 1", "no hooks found"),
    "wrong-signature":   Case("@hookimpl\ndef pellucid_models(config): return []", "'config'"),
    "wrong-listener":    Case("@hookimpl\ndef pellucid_fit_step(run, loss): pass", "'loss'"),
    "hook-exits":        Case(models("raise SystemExit('bye')"), "SystemExit: bye"),
    "fails-half-way":    Case(models(f"yield {model('fails-half-way/x')}; 1 / 0"), "ZeroDivisionError"),
    # what it brings is wrong
    "wrong-type":        Case(models("yield {'id': 'wrong-type/x'}"), "must yield ModelSpec, got dict"),
    "returns-none":      Case(models("[]"), "got None"),
    "returns-one":       Case(models(f"return {model('returns-one/x')}"), "return a list of them"),
    "returns-text":      Case("@hookimpl\ndef pellucid_rules(): return 'a.module'", "return a list of them"),
    "invalid-spec":      Case(models(f"yield {model('Invalid/X')}"), "lower case with hyphens"),
    "duplicate-id":      Case(models(f"return 2 * [{model('duplicate-id/x')}]"), "is there twice"),
    "foreign-id":        Case(models(f"yield {model('linear/ridge')}"), "must start with 'foreign-id/'"),
    "half-foreign":      Case(models(f"yield {model('half-foreign/x')}; yield {model('good/x')}"), "'half-foreign/'"),
    "foreign-component": Case("@hookimpl\ndef pellucid_components():\n    yield ComponentSpec("
                              "id='nn/relu', kind='activation', target='a:b', summary='s')", "must start with"),
    "bare-data-set":     Case("@hookimpl\ndef pellucid_datasets():\n    yield DatasetSpec("
                              "id='digits', target='a:b', summary='s', task='network')", "must start with"),
    "foreign-command":   Case("@hookimpl\ndef pellucid_commands():\n    yield CommandSpec("
                              "name='list', target='a:b', summary='s')", "the command 'list' must be called"),
    "odd-rule":          Case("@hookimpl\ndef pellucid_rules(): return ['import os']", "must name a module"),
    # its family is not its own
    "aaa-evil":          Case(models(f"yield {model('trees/x')}"), "reserved for pellucid-trees", "refused", "trees"),
    "the-core":          Case(models(f"yield {model('core/x')}"), "'core' is reserved", "refused", "core"),
    "second-good":       Case(models(f"yield {model('good/y')}"), "provided by pellucid-good", "refused", "good"),
    "bad-family":        Case("", "'Bad_Family' must be lower case", family="Bad_Family"),
    # it is made for another pellucid: not even imported
    "from-the-past":     Case("raise SystemExit", "made for the plugin interface", "incompatible", group="pellucid.v0"),
    "from-the-future":   Case("raise SystemExit", "made for the plugin interface", "incompatible", group="pellucid.v2"),
}
# fmt: on

GOOD = """
class Model:
    def __init__(self, depth=1):
        self.depth = depth

@hookimpl
def pellucid_models():
    yield ModelSpec(id="good/model", target="plugin_pellucid_good:Model", summary="A model", tasks=("regression",))

@hookimpl
def pellucid_components():
    yield ComponentSpec(id="good/relu", kind="activation", target="plugin_pellucid_good:Model", summary="max(x, 0)")

@hookimpl
def pellucid_datasets():
    yield DatasetSpec(id="good/rain", target="plugin_pellucid_good:rain", summary="Rain", task="regression")

@hookimpl
def pellucid_commands():
    yield CommandSpec(name="good", target="plugin_pellucid_good:Model", summary="Report")

@hookimpl
def pellucid_rules():
    return ["plugin_pellucid_good"]
"""


def install(site: Path, distribution: str, code: str, family: str | None = None, group: str = "pellucid.v1") -> None:
    """Put a distribution with one module and one entry point where Python finds installed packages."""
    module = f"plugin_{distribution.replace('-', '_')}"
    (site / f"{module}.py").write_text(IMPORTS + textwrap.dedent(code), encoding="utf-8")
    family = distribution.removeprefix("pellucid-") if family is None else family
    entry = family if "=" in family else f"{family} = {module}"
    info = site / f"{distribution.replace('-', '_')}-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.3\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n", encoding="utf-8")


def run(site: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the plugins of a site in its path."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("PELLUCID_")}
    environment = known | {"PYTHONPATH": str(site), "PYTHONWARNINGS": "always", "PYTHONUTF8": "1"} | environment
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, encoding="utf-8", env=environment, timeout=120
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with one good plugin and every bad one."""
    site = tmp_path_factory.mktemp("site")
    install(site, "pellucid-good", GOOD)
    for name, case in BAD.items():
        install(site, name, case.code, case.family, case.group)
    install(site, "malformed", "", family="malformed = x\na line that is no entry = = \n[[[\nno equals sign")
    install(site, "nameless", "")
    (site / "nameless-0.3.dist-info" / "METADATA").write_text("", encoding="utf-8")
    install(site, "not-text", "")
    (site / "not_text-0.3.dist-info" / "entry_points.txt").write_bytes(b"[pellucid.v1]\nx = \xff\xfe\n")
    return site


@pytest.fixture(scope="module")
def report(site: Path) -> dict[str, object]:
    """What a fresh process sees."""
    code = """
        import dataclasses, json, sys, warnings
        import pellucid
        from pellucid import registry
        with warnings.catch_warnings(record=True) as caught:
            models = [spec.id for spec in pellucid.models()]
            plugins = [dataclasses.asdict(info) for info in pellucid.plugins()]
        print(json.dumps({
            "models": models,
            "plugins": plugins,
            "warnings": [str(w.message) for w in caught],
            "numpy": "numpy" in sys.modules,
            "datasets": [spec.id for spec in pellucid.dataset_specs()],
            "components": [spec.id for spec in registry.components()],
            "commands": [spec.id for spec in registry.commands()],
            "rules": registry.rule_modules(),
            "depth": pellucid.make("good/model", depth=4).depth,
        }))
    """
    done = run(site, "-c", textwrap.dedent(code))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def about(report, distribution):
    (info,) = [info for info in report["plugins"] if info["distribution"] == distribution]
    return info


@pytest.mark.parametrize("name", BAD)
def test_a_bad_plugin_is_reported_and_brings_nothing(report, name):
    info = about(report, name)
    assert info["status"] == BAD[name].status and BAD[name].words in info["error"], info
    assert info["n_models"] == 0 and info["version"] == "0.3"
    assert not [id for id in report["models"] if id.startswith(f"{name}/")]


def test_the_good_plugin_brings_everything(report):
    info = about(report, "pellucid-good")
    assert (info["status"], info["error"], info["n_models"]) == ("ok", "", 1)
    assert "good/model" in report["models"] and report["depth"] == 4
    assert "good/rain" in report["datasets"] and "good/relu" in report["components"]
    assert "good" in report["commands"] and "plugin_pellucid_good" in report["rules"]


def test_nobody_took_an_official_name(report):
    evil = ("trees/x", "core/x", "good/x", "good/y")
    assert not set(evil) & set(report["models"])
    assert report["models"].count("linear/ridge") <= 1  # once if linear is installed, never by "foreign-id"
    assert "digits" not in report["datasets"] or importlib.util.find_spec("pellucid_datasets")


def test_unreadable_metadata_is_reported(report):
    unnamed = about(report, "?")
    assert unnamed["status"] == "broken" and "metadata cannot be read" in unnamed["error"]
    assert about(report, "malformed")["status"] == "broken"


def test_one_warning_in_total_names_them(report):
    (text,) = report["warnings"]
    n_skipped = sum(info["status"] not in ("ok", "disabled") for info in report["plugins"])
    assert n_skipped >= len(BAD) + 2 and text.startswith(f"{n_skipped} plugins skipped: ")
    assert [name for name in BAD if name not in text] == []


def test_everything_reported_is_printable(report):
    for info in report["plugins"]:
        assert info["error"].isprintable()
        assert info["traceback"].replace("\n", "").isprintable()
        assert info["error"] in info["traceback"] or info["status"] == "broken"


def test_listing_imports_no_numpy(report):
    assert not report["numpy"]


def test_the_command_line_lists_and_reports(site, report):
    pytest.importorskip("pellucid_cli.main")
    listing = run(site, "-m", "pellucid_cli", "list")
    assert listing.returncode == 0 and "good/model" in listing.stdout
    plugins = run(site, "-m", "pellucid_cli", "plugins", COLUMNS="400")
    assert plugins.returncode == 0
    assert [name for name in (*BAD, "pellucid-good") if name not in plugins.stdout] == []


# ---- one at a time


def test_ctrl_c_in_a_plugin_still_ends_the_program(tmp_path):
    install(tmp_path, "slow", "print('importing', flush=True)\nraise KeyboardInterrupt")
    done = run(tmp_path, "-c", "import pellucid; pellucid.models()")
    assert done.returncode in (1, 130, -signal.SIGINT, 0xC000013A) and done.stdout == "importing\n"
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_a_plugin_is_imported_on_first_use_only(tmp_path):
    install(tmp_path, "loud", "print('imported')\n" + models("return []"))
    done = run(tmp_path, "-c", "import pellucid; print('before'); pellucid.models(); pellucid.models()")
    assert done.stdout.split() == ["before", "imported"]


def test_only_allowed_plugins_are_imported(tmp_path):
    for name in ("pellucid-loud", "pellucid-quiet"):
        install(tmp_path, name, f"print('{name}')\n" + models("return []"))
    code = "import pellucid; pellucid.models()"
    assert run(tmp_path, "-c", code, PELLUCID_PLUGINS="quiet").stdout == "pellucid-quiet\n"
    assert run(tmp_path, "-c", code, PELLUCID_DISABLE_PLUGINS="pellucid-quiet").stdout == "pellucid-loud\n"
    assert run(tmp_path, "-c", code, PELLUCID_PLUGINS="").stdout == ""


def test_strict_mode_stops_at_the_first_problem(tmp_path):
    install(tmp_path, "exits", "raise SystemExit(0)")
    done = run(tmp_path, "-c", "import pellucid; pellucid.models()", PELLUCID_STRICT="1", PELLUCID_PLUGINS="exits")
    assert done.returncode == 1 and "PluginLoadError: exits, family 'exits', is broken" in done.stderr


def test_a_failing_class_is_an_error_of_make_and_not_of_listing(tmp_path):
    install(tmp_path, "lazy", models("yield " + model("lazy/x")))
    code = "import pellucid; print([s.id for s in pellucid.models() if s.family == 'lazy']); pellucid.make('lazy/x')"
    done = run(tmp_path, "-c", code)
    assert done.stdout == "['lazy/x']\n"
    assert "ModelLoadError: lazy/x (lazy 0.3): cannot import nowhere:Model: ModuleNotFoundError" in done.stderr


def test_a_plugin_listens_to_fits(tmp_path):
    install(tmp_path, "listener", "@hookimpl\ndef pellucid_fit_step(run):\n    print(run.n_steps, run.metrics)")
    code = "import pellucid\npellucid.models()\nwith pellucid.fit_run('m') as run: run.step(loss=0.5)"
    assert run(tmp_path, "-c", code).stdout == "1 {'loss': 0.5}\n"
