"""A stranger's package from end to end: built, installed as a wheel beside wheels of ours, used, and taken away again.

There are two: one that `pellucid new plugin` wrote a moment ago, with nothing edited, and examples/pellucid-svm. The
tests stand in the order of a package's life. They change the environment that they run in, so they wait to be asked:
`nox -s plugin` makes an environment for them and throws it away.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.skipif(os.environ.get("PELLUCID_END_TO_END") != "1", reason="`nox -s plugin` runs it")

ROOT = Path(__file__).resolve().parent.parent
SITE = Path(sysconfig.get_path("purelib"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("PELLUCID_")}
DATA = {"classification": "wine", "regression": "diabetes"}


class Stranger(NamedTuple):
    name: str  # of the distribution
    family: str
    folder: Path  # its source
    wheel: Path
    work: Path  # an empty folder
    before: set[Path]  # the files of the environment without it

    @property
    def package(self) -> str:
        return self.name.replace("-", "_")


def run(*words, cwd, code=0):
    """Run a program of this environment: -> stdout."""
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def pellucid(*words, cwd, code=0):
    return run("-m", "pellucid_cli", *words, cwd=cwd, code=code)


def installed_files():
    """Every file that is installed, but for what Python compiles as it goes."""
    return {path for path in SITE.rglob("*") if path.suffix != ".pyc" and path.name != "__pycache__"}


@pytest.fixture(scope="module", params=["acme", "svm"])
def stranger(request, tmp_path_factory):
    """The package, built and installed."""
    family, name, work = request.param, f"pellucid-{request.param}", tmp_path_factory.mktemp(request.param)
    source = work / name
    if family == "acme":
        pellucid("new", "plugin", "acme", "--into", work, "--author", "Ada <ada@example.org>", cwd=work)
    else:
        shutil.copytree(ROOT / "examples" / name, source, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist"))
    before = installed_files()
    run("-m", "build", "--no-isolation", "--outdir", work / "dist", source, cwd=work)
    (wheel,) = (work / "dist").glob("*.whl")
    assert len(list((work / "dist").glob("*.tar.gz"))) == 1
    run("-m", "pip", "install", "--no-index", wheel, cwd=work)
    yield Stranger(name, family, source, wheel, work, before)
    if installed_files() != before:  # the last test was not run, or failed
        run("-m", "pip", "uninstall", "-y", name, cwd=work)


@pytest.fixture(scope="module")
def models(stranger):
    """What the command line says of its models."""
    return json.loads(pellucid("list", "--family", stranger.family, "--json", cwd=stranger.work))


@pytest.fixture(scope="module")
def shown(stranger, models):
    """And what it says of each."""
    return [json.loads(pellucid("show", spec["id"], "--json", cwd=stranger.work)) for spec in models]


def test_its_wheel_holds_its_own_package_and_nothing_else(stranger):
    with zipfile.ZipFile(stranger.wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    assert {name.partition("/")[0] for name in names} == {stranger.package, f"{stranger.package}-0.1.0.dist-info"}
    source = stranger.folder / "src"
    files = {path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()}
    assert {name for name in names if name.startswith(f"{stranger.package}/")} == files
    assert f"{stranger.package}/py.typed" in names


def test_its_source_archive_holds_what_its_tests_need(stranger):
    (source,) = (stranger.work / "dist").glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = [path for name in ("tests", "examples") for path in (stranger.folder / name).glob("*.py")]
    assert len(wanted) >= 3
    assert {"CHANGELOG.md", *(path.relative_to(stranger.folder).as_posix() for path in wanted)} <= names
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)


def test_everything_installed_fits_together(stranger):
    assert "No broken requirements" in run("-m", "pip", "check", cwd=stranger.work)


def test_its_source_is_in_order(stranger):
    run("-m", "ruff", "check", "--no-cache", stranger.folder, cwd=stranger.folder)
    run("-m", "ruff", "format", "--no-cache", "--check", stranger.folder, cwd=stranger.folder)


def test_text_code_and_tests_of_its_models_agree(stranger, shown):
    files = {stranger.folder / "src" / stranger.package / Path(told["file"]).name for told in shown}
    assert "text, code and tests agree" in run(ROOT / "tools/check_reading.py", *sorted(files), cwd=ROOT)


def test_it_is_listed_beside_ours(stranger, models):
    assert models and all(spec["id"].startswith(f"{stranger.family}/") for spec in models)
    listing = pellucid("list", cwd=stranger.work)
    assert all(spec["id"] in listing for spec in models) and "linear/ridge" in listing
    plugins = json.loads(pellucid("plugins", "--json", cwd=stranger.work))
    (info,) = [info for info in plugins if info["distribution"] == stranger.name]
    assert (info["status"], info["version"], info["n_models"]) == ("ok", "0.1.0", len(models))
    assert not info["error"] and not info["requires_mismatch"]


def test_it_is_shown_like_ours(stranger, shown):
    for told in shown:
        assert told["from"] == f"{stranger.name} 0.1.0" and Path(told["file"]).is_relative_to(SITE)
        assert told["references"] and told["parameters"] and all(p["description"] for p in told["parameters"])


def test_it_is_fitted_saved_loaded_and_predicts(stranger, models):
    for spec in models:
        model, data = spec["id"], f"dataset:{DATA[spec['tasks'][0]]}"
        fitted = json.loads(pellucid("fit", model, data, "--out", "m.npz", "--no-plot", "--json", cwd=stranger.work))
        measure = "accuracy" if spec["tasks"][0] == "classification" else "r2"
        assert fitted["scores"][measure] > fitted["baseline"][measure] + 0.2
        pellucid("predict", "m.npz", data, "--out", "p.csv", cwd=stranger.work)
        header, *rows = (stranger.work / "p.csv").read_text().splitlines()
        assert header.endswith("_predicted") and len(rows) == sum(fitted["rows"].values())
    code = "import pellucid; print(type(pellucid.load('m.npz')).__module__)"
    assert run("-c", code, cwd=stranger.work).startswith(f"{stranger.package}.")


def test_it_passes_every_check(stranger, models):
    told = json.loads(pellucid("check", stranger.name, "--json", cwd=stranger.work))
    assert told["failed"] == 0 and told["passed"] > 60 * len(models)
    assert {result["id"].partition("::")[0] for result in told["results"]} == {
        stranger.name,
        *(spec["id"] for spec in models),
    }


def test_its_own_tests_pass_the_conformance_line_among_them(stranger):
    tests = stranger.folder / "tests"
    chosen = tests if stranger.family == "acme" else tests / "test_conformance.py"
    assert " passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", chosen, cwd=stranger.work)
    assert "conformance(" in (tests / "test_conformance.py").read_text()


def test_its_examples_run(stranger):
    scripts = sorted((stranger.folder / "examples").glob("*.py"))
    assert scripts
    for script in scripts:
        run(script, "picture.png", cwd=stranger.work)


def test_taken_away_it_leaves_no_trace(stranger):
    run("-m", "pip", "uninstall", "-y", stranger.name, cwd=stranger.work)
    assert installed_files() == stranger.before
    for command in ("list", "plugins"):
        said = pellucid(command, cwd=stranger.work)
        assert stranger.name not in said and f"{stranger.family}/" not in said and "linear" in said
    said = pellucid("predict", "m.npz", "dataset:wine", "--out", "p.csv", cwd=stranger.work, code=1)
    assert f"{stranger.family}/" in said and said.count("\n") == 1
