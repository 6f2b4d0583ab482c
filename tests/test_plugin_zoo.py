"""Plugins end to end: one good plugin among many bad ones, each alone and all together.

A bad plugin that fits on a line stands in `BAD`; the others are files of `plugin_zoo`. They are installed in a folder,
as a user's environment might hold them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import NamedTuple

import pytest

from pellucid import registry

ZOO = Path(__file__).parent / "plugin_zoo"
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


def model(id: str, summary: str = "A model") -> str:
    return f"ModelSpec(id='{id}', target='nowhere:Model', summary='{summary}', tasks=('regression',))"


# fmt: off
BAD = {  # plugins that take no part
    # it cannot be imported
    "import-error":      Case("import a_module_that_is_not_there", "ModuleNotFoundError: No module named"),
    "exits":             Case("raise SystemExit(3)", "SystemExit: 3"),
    "own-exception":     Case("class Own(BaseException): pass\nraise Own('own')", "Own: own"),
    "syntax-error":      Case("def :", "SyntaxError"),
    "recursion":         Case("def again(): again()\nagain()", "RecursionError: maximum recursion depth exceeded"),
    "out-of-memory":     Case("bytearray(1 << 62)", "MemoryError"),
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
    "huge-summary":      Case(models(f"yield {model('huge-summary/x', 'blah ' * 10**5)}"), "at most 200 characters"),
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
SPOILT = {  # distributions whose metadata are spoilt: which file of theirs, and by what
    "malformed": (
        "entry_points.txt",
        b"[pellucid.v1]\nmalformed = x\na line that is no entry = = \n[[[\nno equals sign",
    ),
    "nameless": ("METADATA", b""),
    "not-utf-8": ("METADATA", b"Name: \xff\xfe\nVersion: 0.3\n"),
}
ODD = ("alias-thief", "chatterbox", "colourful", "fails-when-made")  # files of the zoo that do take part
TWO_FAMILIES = "better-half = plugin_two_families\nworse-half = plugin_two_families_of_which_one_is_gone"


def install(
    site: Path, distribution: str, code: str | None = None, family: str | None = None, group: str = "pellucid.v1"
) -> None:
    """Put a distribution with one module where Python finds installed packages; without code it is from the zoo."""
    module = f"plugin_{distribution.replace('-', '_')}"
    if code is None:
        name = distribution.removeprefix("pellucid-").replace("-", "_")
        code = (ZOO / f"{name}.py").read_text(encoding="utf-8")
    else:
        code = IMPORTS + textwrap.dedent(code)
    (site / f"{module}.py").write_text(code, encoding="utf-8")
    family = distribution.removeprefix("pellucid-") if family is None else family
    entry = family if "=" in family else f"{family} = {module}"
    info = site / f"{distribution.replace('-', '_')}-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.3\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n", encoding="utf-8")
    if distribution in SPOILT:
        file, content = SPOILT[distribution]
        (info / file).write_bytes(content)


def install_bad(site: Path, name: str) -> None:
    """Install one plugin of `BAD` or `SPOILT`."""
    case = BAD.get(name, Case("", ""))
    install(site, name, case.code, case.family, case.group)


def run(site: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the plugins of a site in its path."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment_of(site, **environment),
        timeout=120,
    )


def environment_of(site: Path, **more: str) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("PELLUCID_")}
    return known | {"PYTHONPATH": str(site), "PYTHONWARNINGS": "always", "PYTHONUTF8": "1"} | more


def ours() -> set[str]:
    """The models of this repository's own families that are installed here."""
    return {spec.id for plugin in registry.loaded() if plugin.official for spec in plugin.models}


# ---- each alone, in this process


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An environment of its own: all that is installed, the good plugin, and what a test installs."""
    official = ours()
    modules = set(sys.modules)
    monkeypatch.setattr(registry, "_state", registry._State())
    monkeypatch.syspath_prepend(str(tmp_path))
    for variable in ("PLUGINS", "DISABLE_PLUGINS", "STRICT", "TRACE"):
        monkeypatch.setenv(f"PELLUCID_{variable}", "")
        if variable != "STRICT":  # which `pellucid plugins` sets, and which is to be as before
            monkeypatch.delenv(f"PELLUCID_{variable}")
    install(tmp_path, "pellucid-good")
    yield tmp_path
    assert official | {"good/model"} <= {spec.id for spec in registry.models()}, "a good model is gone"
    for name in set(sys.modules) - modules:
        if name.startswith("plugin_"):
            del sys.modules[name]


def row_about(distribution: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The only line of `pellucid plugins` that speaks of a distribution."""
    main = pytest.importorskip("pellucid_cli.main").main
    capsys.readouterr()
    assert main(["plugins"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if distribution in line.split()]
    return line


@pytest.mark.parametrize("name", [*BAD, *SPOILT])
def test_a_bad_plugin_alone_is_one_warning_and_one_line(here, name, capsys):
    install_bad(here, name)
    with pytest.warns(registry.PluginWarning) as caught:
        plugins = registry.plugins()
    assert len(caught) == 1 and str(caught[0].message).startswith("1 plugin skipped: ")
    (info,) = [info for info in plugins if info.status not in ("ok", "disabled")]
    said = name if info.distribution != "?" else "?"
    assert info.error[:60] in row_about(said, capsys) and said in str(caught[0].message)


@pytest.mark.parametrize("name", [*ODD, "liar"])
def test_an_odd_plugin_alone_is_no_warning_and_one_line(here, name, capsys, recwarn):
    install(here, name)
    assert [info.status for info in registry.plugins() if info.distribution == name] == ["ok"]
    assert not recwarn.list and row_about(name, capsys).startswith("ok")


def test_of_two_families_in_one_distribution_the_good_one_stays(here):
    install(here, "two-families", family=TWO_FAMILIES)
    with pytest.warns(registry.PluginWarning, match="1 plugin skipped: two-families \\(broken\\)"):
        assert registry.spec("better-half/model").family == "better-half"
    found = {info.family: info.status for info in registry.plugins() if info.distribution == "two-families"}
    assert found == {"better-half": "ok", "worse-half": "broken"}


def test_an_alias_of_an_official_model_still_means_that_model(here):
    for family in ("pellucid_linear", "pellucid_nn"):
        pytest.importorskip(family)
    install(here, "alias-thief")
    found = [registry.spec(name).id for name in ("ridge", "ols", "MLPClassifier", "logistic_regression")]
    assert found == ["linear/ridge", "linear/linear-regression", "nn/mlp-classifier", "linear/logistic-regression"]
    assert registry.spec("alias-thief/ols").id == "alias-thief/ridge"


def test_escape_codes_reach_no_terminal(here, capsys):
    install(here, "colourful")
    spec = registry.spec("colourful/model")
    main = pytest.importorskip("pellucid_cli.main").main
    for words in (["list"], ["show", "colourful/model"], ["plugins"]):
        assert main(words) == 0
        assert capsys.readouterr().out.replace("\n", "").isprintable()
    for text in (spec.summary, spec.since, spec.docs, *spec.tags, *spec.references):
        assert text == "[2J [1;1H pretty linear/ridge gone evil"


@pytest.mark.parametrize(
    "id, words",
    [
        ("absent", "(fails-when-made 0.3): cannot import plugin_fails_when_made_models:Model: ModuleNotFoundError"),
        ("fussy", "not today"),
    ],
)
def test_a_model_that_fails_is_listed_and_fails_when_it_is_made(here, id, words):
    install(here, "fails-when-made")
    assert registry.spec(f"fails-when-made/{id}").summary == "A model"
    with pytest.raises((registry.ModelLoadError, RuntimeError), match=re.escape(words)):
        registry.make(f"fails-when-made/{id}")


def test_a_model_that_lies_about_its_task_is_found_by_the_conformance_kit(here):
    from pellucid.testing.cases import cases

    install(here, "liar")
    results = [case.run() for case in cases("liar/classifier") if case.check.level == "task"]
    assert any(result.status == "failed" and "predict" in result.saw for result in results)


def test_a_plugin_that_meddles_with_random_numbers_changes_no_fit_of_ours(here):
    pytest.importorskip("pellucid_nn")
    import numpy as np

    def fitted() -> bytes:
        X = np.linspace(-1, 1, 30)[:, None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return registry.make("nn/mlp-regressor", max_iter=3, random_state=0).fit(X, X.ravel()).predict(X).tobytes()

    before = fitted()
    install(here, "meddler")
    registry._state.plugins = None  # as in the next process
    np.random.seed(1)
    state = np.random.get_state()[1].tolist()
    registry.spec("meddler/model")
    assert np.random.get_state()[1].tolist() != state and fitted() == before
    np.random.seed()


# ---- all together, in a process of their own


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the good plugin, every bad one and every odd one."""
    site = tmp_path_factory.mktemp("site")
    for name in ("pellucid-good", *ODD):
        install(site, name)
    for name in [*BAD, *SPOILT]:
        install_bad(site, name)
    install(site, "two-families", family=TWO_FAMILIES)
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
            "components": [spec.id for spec in pellucid.components()],
            "component": pellucid.component("good/relu").__name__,
            "commands": [spec.id for spec in registry.commands()],
            "rules": registry.rule_modules(),
            "depth": pellucid.make("good/model", depth=4).depth,
            "ours": [spec.id for plugin in registry.loaded() if plugin.official for spec in plugin.models],
        }))
    """
    done = run(site, "-c", textwrap.dedent(code))
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == ["Thank you for choosing chatterbox!", "Here are my models!"]
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
    assert "good/rain" in report["datasets"]
    assert "good/relu" in report["components"] and report["component"] == "Model"
    assert "good" in report["commands"] and "plugin_pellucid_good" in report["rules"]


def test_all_our_models_are_there(report):
    assert set(report["ours"]) == ours() and ours() <= set(report["models"])


def test_nobody_took_an_official_name(report):
    evil = ("trees/x", "core/x", "good/x", "good/y")
    assert not set(evil) & set(report["models"])
    assert report["models"].count("linear/ridge") <= 1  # once if linear is installed, never by "foreign-id"
    assert "digits" not in report["datasets"] or importlib.util.find_spec("pellucid_datasets")


def test_unreadable_metadata_are_reported(report):
    nameless = [info for info in report["plugins"] if info["distribution"] == "?"]
    assert [info["status"] for info in nameless] == ["broken", "broken"]
    assert all("metadata cannot be read" in info["error"] for info in nameless)
    assert about(report, "malformed")["status"] == "broken"


def test_one_warning_in_total_names_them(report):
    (text,) = report["warnings"]
    n_skipped = sum(info["status"] not in ("ok", "disabled") for info in report["plugins"])
    assert n_skipped >= len(BAD) + len(SPOILT) and text.startswith(f"{n_skipped} plugins skipped: ")
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
    assert len([line for line in listing.stderr.splitlines() if line.startswith("warning:")]) == 1
    plugins = run(site, "-m", "pellucid_cli", "plugins", COLUMNS="400")
    assert plugins.returncode == 0 and "warning" not in plugins.stderr
    rows = [line.split() for line in plugins.stdout.splitlines()]
    assert [name for name in (*BAD, *ODD, "pellucid-good") if sum(name in row[:3] for row in rows) != 1] == []
    version = run(site, "-m", "pellucid_cli", "--version")
    assert version.returncode == 0 and version.stdout.startswith("pellucid ") and version.stderr == ""


@pytest.mark.parametrize("name", ["import-error", "exits", "own-exception", "syntax-error", "silent-message"])
def test_a_file_that_cannot_be_run_is_one_line_too(tmp_path, name):
    pytest.importorskip("pellucid_cli.main")
    file = tmp_path / "acme.py"
    file.write_text(BAD[name].code, encoding="utf-8")
    done = run(tmp_path, "-m", "pellucid_cli", "--plugin", str(file), "list")
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1 and f"{file}: " in line and BAD[name].words in line


# ---- what ends or holds up the program


def test_ctrl_c_in_a_plugin_still_ends_the_program(tmp_path):
    install(tmp_path, "slow", "import sys; print('importing', file=sys.stderr)\nraise KeyboardInterrupt")
    done = run(tmp_path, "-c", "import pellucid; pellucid.models()")
    assert done.returncode in (1, 130, -signal.SIGINT, 0xC000013A) and done.stderr.startswith("importing\n")
    assert "KeyboardInterrupt\nThe plugin slow 0.3 was being imported. PELLUCID_DISABLE_PLUGINS=slow" in done.stderr


def test_an_import_that_never_ends_can_be_gone_round(tmp_path):
    pytest.importorskip("pellucid_cli.main")
    install(tmp_path, "endless")
    listing = run(tmp_path, "-m", "pellucid_cli", "plugins", "--no-load", "--json")
    (info,) = [info for info in json.loads(listing.stdout) if info["family"] == "endless"]
    assert info["status"] == "not loaded" and listing.stderr == ""
    models = run(tmp_path, "-m", "pellucid_cli", "list", PELLUCID_DISABLE_PLUGINS="endless")
    assert models.returncode == 0 and models.stderr == ""


@pytest.mark.skipif(os.name == "nt", reason="a console's Ctrl-C cannot be sent to one process there")
def test_an_import_that_never_ends_is_named_when_it_is_broken_off(tmp_path):
    pytest.importorskip("pellucid_cli.main")
    install(tmp_path, "endless")
    code = """
        import signal, sys
        from pellucid_cli.main import main
        signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background
        sys.exit(main(["list"]))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment_of(tmp_path)) as process:
        try:
            assert process.stderr.readline() == "waiting for the server\n"
            process.send_signal(signal.SIGINT)
            assert "interrupted The plugin endless 0.3 was being imported." in process.communicate(timeout=60)[1]
            assert process.returncode == 130
        finally:
            process.kill()


# ---- one at a time


def test_a_plugin_is_imported_on_first_use_only(tmp_path):
    install(tmp_path, "loud", "import sys; print('imported', file=sys.__stdout__, flush=True)\n" + models("return []"))
    done = run(tmp_path, "-c", "import pellucid; print('before', flush=True); pellucid.models(); pellucid.models()")
    assert done.stdout.split() == ["before", "imported"]


def test_only_allowed_plugins_are_imported(tmp_path):
    for name in ("pellucid-loud", "pellucid-quiet"):
        install(tmp_path, name, f"print('{name}')\n" + models("return []"))
    code = "import pellucid; pellucid.models()"
    assert run(tmp_path, "-c", code, PELLUCID_PLUGINS="quiet").stderr == "pellucid-quiet\n"
    assert run(tmp_path, "-c", code, PELLUCID_DISABLE_PLUGINS="pellucid-quiet").stderr == "pellucid-loud\n"


def test_strict_mode_stops_at_the_first_problem(tmp_path):
    install(tmp_path, "exits", "raise SystemExit(0)")
    done = run(tmp_path, "-c", "import pellucid; pellucid.models()", PELLUCID_STRICT="1", PELLUCID_PLUGINS="exits")
    assert done.returncode == 1 and "PluginLoadError: exits, family 'exits', is broken" in done.stderr


def test_a_plugin_listens_to_fits(tmp_path):
    install(tmp_path, "listener", "@hookimpl\ndef pellucid_fit_step(run):\n    print(run.n_steps, run.metrics)")
    code = "import pellucid\npellucid.models()\nwith pellucid.fit_run('m') as run: run.step(loss=0.5)"
    assert run(tmp_path, "-c", code).stdout == "1 {'loss': 0.5}\n"


# ---- speed: what must not be imported, so that listing answers at once


def test_listing_150_models_of_14_packages_imports_their_lists_and_nothing_more(tmp_path):
    pytest.importorskip("pellucid_cli.main")
    for k in range(14):
        specs = ", ".join(model(f"family{k}/model{n}") for n in range(11))
        install(tmp_path, f"pellucid-family{k}", models(f"return [{specs}]"))
    code = """
        import sys
        from pellucid_cli.main import main
        main(["list"])
        print(len(sys.modules), *(name for name in sys.modules if name.startswith(("numpy", "pellucid", "plugin_"))),
              file=sys.stderr)
    """
    done = run(tmp_path, "-c", textwrap.dedent(code))
    assert sum(line.startswith("family") for line in done.stdout.splitlines()) == 154
    count, *names = done.stderr.split()
    assert int(count) < 350  # NumPy alone would add 150
    assert {name for name in names if name.startswith("plugin_")} == {f"plugin_pellucid_family{k}" for k in range(14)}
    assert not [name for name in names if name.startswith("numpy")]
    core = {name.removeprefix("pellucid.") for name in names if name.startswith("pellucid.")}
    assert core == {"discovery", "hookspecs", "registry", "specs"}
