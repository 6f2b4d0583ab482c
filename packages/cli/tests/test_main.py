"""Exit codes, messages, plugins' commands, and what is not imported."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

import pellucid
from pellucid_cli.main import OUR_COMMANDS, main


def test_without_a_command_it_helps(run):
    done = run()
    assert done.code == 0 and all(name in done.out for name in OUR_COMMANDS)


@pytest.mark.parametrize("name", OUR_COMMANDS)
def test_every_command_helps(run, name):
    done = run(name, "--help")
    assert done.code == 0 and done.out.startswith(f"Usage: pellucid {name}")


def test_version(run):
    done = run("--version")
    assert done.code == 0 and done.out == "pellucid 0.1.0 (pellucid-cli 0.1.0)\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ft"], "there is no command 'ft'. Did you mean 'fit'?"),
        (["zzz"], "There are: list, show, fit"),
        (["--nope"], "No such option"),
        (["show"], "Missing argument"),
        (["list", "--task", "cooking"], "'cooking' is not one of"),
        (["list", "--family", "trees-of-nowhere"], "no models in a family 'trees-of-nowhere'"),
        (["show", "toy/nearest-men"], "Did you mean toy/nearest-mean"),
        (["fit", "--plugin", "x.py"], "--plugin stands before the command"),
        (["fit", "toy/groups", "x.csv"], "toy/groups is for clustering"),
    ],
)
def test_a_wrong_command_line_is_2(run, words, said):
    done = run(*words)
    assert done.code == 2 and said in done.err and done.out == ""


def test_a_model_that_cannot_be_imported_is_1_and_one_line(run):
    done = run("show", "toy/lost")
    assert done.code == 1 and "Is not there" in done.out
    assert done.err.startswith("error: toy/lost") and done.err.count("\n") == 1


def test_tracebacks_only_when_asked(run, monkeypatch):
    assert "Traceback" not in run("fit", "toy/plane", "no.csv").err
    assert "Traceback" in run("--traceback", "fit", "toy/plane", "no.csv").err
    assert "Traceback" in run("fit", "toy/plane", "no.csv", "--traceback").err
    monkeypatch.setenv("PELLUCID_DEBUG", "1")
    assert "Traceback" in run("fit", "toy/plane", "no.csv").err


def test_an_error_that_nobody_foresaw_is_1_and_one_line(run, monkeypatch):
    def explode(*_, **__):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(pellucid.registry, "models", explode)
    monkeypatch.setattr(pellucid, "models", explode)
    done = run("list")
    assert done.code == 1 and done.err == "error: RuntimeError: two lines (PELLUCID_DEBUG=1 shows where)\n"


def test_ctrl_c_is_130(run, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pellucid, "models", interrupt)
    assert run("list").code == 130


def test_a_plugin_file_that_fails_is_1_but_plugins_still_works(run, tmp_path):
    (tmp_path / "sulky.py").write_text("raise SystemExit('no')")
    assert main(["--plugin", "sulky.py", "list"]) == 1
    assert main(["--plugin", "sulky.py", "plugins"]) == 0
    assert main(["--plugin", "not-there.py", "list"]) == 1


def test_a_warning_is_one_line(run, monkeypatch):
    import warnings

    def warn(*_, **__):
        warnings.warn("mind\nthe gap", UserWarning, stacklevel=1)
        return []

    monkeypatch.setattr(pellucid, "models", warn)
    assert run("list").err.splitlines()[0] == "warning: mind the gap"


@click.command()
@click.argument("word")
def shout(word):
    """Say it loudly."""
    click.echo(word.upper())


def test_commands_of_plugins_are_loaded_lazily_and_a_broken_one_breaks_nothing(run, monkeypatch):
    specs = [
        pellucid.CommandSpec(name="shout", target="acme_commands:shout", summary="Say it loudly"),
        pellucid.CommandSpec(name="broken", target="not_there:command", summary="Cannot be imported"),
        pellucid.CommandSpec(name="wrong", target="json:loads", summary="Is no command"),
        pellucid.CommandSpec(name="list", target="not_there:command", summary="Wants our name"),
    ]
    monkeypatch.setitem(sys.modules, "acme_commands", SimpleNamespace(shout=shout))
    monkeypatch.setattr(pellucid.registry, "commands", lambda: specs)
    done = run("--help")
    assert done.code == 0 and "Say it loudly" in done.out and "Cannot be imported" in done.out
    assert "Wants our name" not in done.out and "not_there" not in sys.modules
    assert run("shout", "hello").out == "HELLO\n"
    assert run("list").code == 0
    for name in ("broken", "wrong"):
        done = run(name, "--any", "thing")
        assert done.code == 1 and done.err.startswith(f"error: the command {name!r} cannot be loaded")
    assert "Did you mean 'shout'" in run("shoot").err


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment, timeout=60
    )


def test_list_show_nothing_heavy_and_plugins_help_import_nothing_heavy():
    code = """
import sys
from pellucid_cli.main import main
for words in ("list", "list --json", "datasets", "plugins", "plugins --no-load", "--help", "--version"):
    assert main(words.split()) == 0, words
heavy = {"numpy", "polars", "rich", "matplotlib"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_module_and_script_are_the_same():
    done = subprocess.run(
        [sys.executable, "-m", "pellucid_cli", "--version"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("pellucid 0.1.0")


def test_a_closed_pipe_is_no_error():
    code = "from pellucid_cli.main import main; import sys; sys.exit(main(['datasets', '--json']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(timeout=60) == 0 and b"Traceback" not in process.stderr.read()
    process.stderr.close()


def test_plugins_tells_status_and_reason(run, monkeypatch):
    broken = pellucid.discovery.PluginInfo(
        family="acme", distribution="pellucid-acme", version="1.0", status="broken",
        error="ImportError: no acme", traceback="Traceback\n  ImportError: no acme",
    )  # fmt: skip
    monkeypatch.setattr(pellucid, "plugins", lambda: [broken])
    done = run("plugins")
    assert done.code == 0 and "broken" in done.out and "ImportError: no acme" in done.out
    assert "Traceback" not in done.out and "--traceback" in done.err
    assert "  Traceback\n    ImportError" in run("plugins", "--traceback").out
    assert json.loads(run("plugins", "--json").out)[0]["status"] == "broken"


def test_no_load_loads_nothing():
    code = """
import sys
from pellucid_cli.main import main
main(["plugins", "--no-load"])
print([name for name in sys.modules if name.startswith("pellucid_") and not name.startswith("pellucid_cli")])
"""
    assert python(code).stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ascii"])
def test_letters_that_the_encoding_lacks_are_no_error(tmp_path, encoding):
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{n},{'нд'[n % 2]}\n" for n in range(20)), encoding="utf-8")
    start = [sys.executable, "-m", "pellucid_cli", "--plugin", str(Path(__file__).parent / "toy_models.py")]
    environment = os.environ | {"PYTHONIOENCODING": encoding}

    def call(*words):
        return subprocess.run([*start, *words], cwd=tmp_path, env=environment, capture_output=True, timeout=60)

    fit = ["fit", "toy/nearest-mean", "t.csv", "--target", "y"]
    plain, as_json = call(*fit, "--out", "m.npz", "--no-plot"), call(*fit, "--json")
    assert (plain.returncode, plain.stderr) == (as_json.returncode, as_json.stderr) == (0, b"")
    assert json.loads(as_json.stdout)["classes"] == ["д", "н"]
    table = call("predict", "m.npz", "t.csv", "--out", "-")
    assert table.returncode == 0 and table.stdout.decode("utf-8").startswith("a,y,y_predicted\n0,н,")


def test_closed_streams_are_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["list"]) == 0 and main(["frob"]) == 2
    sys.stdout.close()
    sys.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_1_and_one_line():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([sys.executable, "-m", "pellucid_cli", "--help"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and done.stderr.decode() == f"error: {os.strerror(28)}\n"
