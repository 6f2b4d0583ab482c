"""`pellucid check`: what is checked, what is said of it, and the exit code."""

import json
import os
import re
import subprocess
import sys
import warnings

import pytest

import pellucid
from pellucid import registry
from pellucid.testing import Case, CheckFailed, NotApplicable
from pellucid.testing.checks import LEVELS, Check
from pellucid_cli import check
from pellucid_cli.main import main

STUMP = '''"""A file with a model."""
import numpy as np
import pellucid


class Middle(pellucid.Regressor):
    """The mean of the targets."""

    def fit(self, X, y, sample_weight=None):
        X, y, w = self._check_fit(X, y, sample_weight)
        self.mean_ = np.average(y, weights=w)
        return self

    def predict(self, X):
        return np.full(len(self._check_X(X)), self.mean_)


class Loose:
    """For no task."""
'''


def case(name, run=lambda subject: None, *, level="fit", subject="acme/stump"):
    return Case(f"{subject}::{name}", Check(level=level, name=name, wants=f"It wants {name}.", run=run), None)


def failing(text):
    def fail(subject):
        raise CheckFailed(text)

    return fail


@pytest.fixture
def given(run, monkeypatch):
    """`pellucid check acme` of cases that the test makes up: given(cases, "--json") -> exit code, stdout, stderr."""

    def call(cases, *options):
        monkeypatch.setattr(check, "find_cases", lambda target, tasks: cases)
        return run("check", "acme", *options)

    return call


def test_all_passed_is_0_and_a_line_for_each_model(given):
    def leave(subject):
        raise NotApplicable("it has no seed")

    done = given([case("a", subject="pellucid-acme", level="plugin"), case("b"), case("c", leave)])
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert [line.split("  ")[0].strip() for line in lines[:2]] == ["pellucid-acme", "acme/stump"]
    assert lines[0].index("1 passed") == lines[1].index("1 passed, 1 skipped")
    assert lines[2] == "" and lines[3].startswith("3 checks in 0.") and lines[3].endswith("s: 2 passed, 1 skipped")


def test_the_import_of_data_frames_is_told_apart(given, monkeypatch):
    monkeypatch.setattr("pellucid.testing.environments.installed", {"pandas": 1}.get)
    cases = [case("pandas-frames-work"), case("polars-frames-work")]
    assert re.search(r"^2 checks in 0\.\d s, and 0\.\d s to import pandas: 2 passed$", given(cases).out, re.M)
    assert "import" not in given([case("a")]).out


def test_what_failed_is_told_with_what_it_wants_and_what_it_saw(given):
    done = given([case("a"), case("b", failing("there are 3 \x1b[2J of 4")), case("c", lambda subject: 1 / 0)])
    assert done.code == 1
    assert "acme/stump  2 failed, 1 passed" in done.out
    assert "failed  acme/stump::b\n  wants  It wants b.\n  saw    there are 3 [2J of 4\n" in done.out
    assert "failed  acme/stump::c\n  wants  It wants c.\n  saw    ZeroDivisionError: division by zero\n" in done.out
    assert "Traceback" not in done.out and "--traceback shows where" in done.err
    done = given([case("c", lambda subject: 1 / 0)], "--traceback")
    assert "  Traceback (most recent call last):\n" in done.out and done.err == ""


def test_what_many_checks_saw_is_told_once(given):
    cases = [case(f"n{n}", failing("no data")) for n in range(9)] + [case("b", failing("no data"), subject="acme/b")]
    out = given(cases).out
    assert "failed  acme/stump, 9 checks\n  in     n0, n1, n2, n3, n4, n5 and 3 more\n  saw    no data\n" in out
    assert "failed  acme/b::b\n" in out and out.count("no data") == 2


def test_a_warning_of_a_new_check_is_told_and_fails_nothing(given, monkeypatch):
    monkeypatch.setattr("pellucid.testing.cases.new_minor", lambda: "0.1")
    done = given([case("b", failing("not yet"))])
    assert done.code == 0 and "warned  acme/stump::b\n" in done.out and "1 warned" in done.out


def test_as_json(given):
    done = given([case("a"), case("b", failing("there are 3"))], "--json")
    told = json.loads(done.out)
    assert done.code == 1 and done.err == ""
    assert (told["target"], told["passed"], told["failed"], told["skipped"]) == ("acme", 1, 1, 0)
    good, bad = told["results"]
    assert (good["id"], good["status"], good["level"]) == ("acme/stump::a", "passed", "fit")
    assert (bad["wants"], bad["saw"]) == ("It wants b.", "there are 3") and "CheckFailed" in bad["traceback"]


def test_what_a_model_prints_or_warns_of_disturbs_nothing(given):
    def noisy(subject):
        print("hello")
        warnings.warn("mind the gap", stacklevel=1)

    done = given([case("a", noisy)], "--json")
    assert json.loads(done.out)["passed"] == 1 and done.err == "hello\n"


def test_ctrl_c_that_a_fit_answers_ends_the_command(given):
    def interrupted(subject):
        warnings.warn("stopped by Ctrl-C", pellucid.InterruptWarning, stacklevel=1)

    assert given([case("a", interrupted), case("b")]).code == 130


def test_only_some_levels_or_names(given):
    cases = [case("a"), case("b", failing("x")), case("c", level="task"), case("a", subject="acme/other")]
    assert "2 checks" in given(cases, "--only", "a").out
    assert "1 check " in given(cases, "--level", "task").out
    assert "2 checks" in given(cases, "--level", "task", "--level", "fit", "--only", "c", "--only", "b").out
    for words, said in (
        (["--only", "aa"], "acme is held to no check 'aa'."),
        (["--level", "reading"], "no check of acme is on the level reading"),
        (["--level", "nowhere"], "'nowhere' is not one of"),
        (["--level", "task", "--only", "b"], "no check of acme is on the level task"),
    ):
        done = given(cases, *words)
        assert (done.code, done.out) == (2, "") and said in done.err
    named = [case("same-seed-same-result")]
    assert "Did you mean 'same-seed-same-result'?" in given(named, "--only", "same-seed-same-resutl").err
    assert all(level in given(cases, "--help").out for level in LEVELS)


# -- targets


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with files that bring a model, nothing, and an error; no other test sees what they register."""
    monkeypatch.setattr(registry, "_state", registry._State())
    (tmp_path / "stump.py").write_text(STUMP)
    (tmp_path / "stumps.py").write_text(STUMP + "\npellucid.register(Middle, id='stumps/middle')\n")
    (tmp_path / "empty.py").write_text("import pellucid\n@pellucid.hookimpl\ndef pellucid_models():\n    return []\n")
    (tmp_path / "sulky.py").write_text("raise SystemExit('no')")
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.mark.parametrize(
    "words, said",
    [
        (["toy/nearest-men"], "Did you mean toy/nearest-mean"),
        (["nowhere/nothing"], "The packages are: "),
        (["stmup.py"], "there is no file stmup.py. Did you mean 'stump.py' or 'stumps.py'?"),
        (["folder/x.py::X"], "there is no file folder/x.py."),
        (["stump.py::Midle"], "stump.py has no class 'Midle'. Did you mean 'Middle'?"),
        (["stump.py::Zzz"], "It has: Middle, Loose."),
        (["stump.py::np"], "stump.py has no class 'np'."),
        (["empty.py"], "empty.py brings no model: name a class in it, empty.py::Class"),
        ([], "Missing argument 'TARGET'"),
    ],
)
def test_a_target_that_is_not_there_is_2(run, files, words, said):
    done = run("check", *words)
    assert (done.code, done.out) == (2, "") and said in " ".join(done.err.split())


def test_a_file_that_fails_is_1_and_one_line(run, files):
    for target, said in (
        ("sulky.py", "SystemExit: no"),
        ("sulky.py::X", "SystemExit: no"),
        ("stump.py::Loose", "tasks="),
    ):
        done = run("check", target)
        assert done.code == 1 and done.err.startswith("error: ") and said in done.err and done.err.count("\n") == 1


def test_a_model_by_its_id(run):
    done = run("check", "toy/nearest-mean", "--only", "fit-returns-self", "--only", "same-seed-same-result")
    assert done.code == 0 and done.out.startswith("toy/nearest-mean  2 passed")
    done = run("check", "toy/grumpy", "--only", "fit-returns-self")
    assert done.code == 1 and "saw    ValueError: the data are not to my taste" in done.out


def test_a_class_in_a_file_and_a_file_with_models(run, files):
    done = run("check", "stump.py::Middle", "--only", "fit-returns-self")
    assert done.code == 0 and done.out.startswith("local/middle  1 passed")
    done = run("check", "stumps.py", "--only", "fit-returns-self", "--json")
    assert [result["id"] for result in json.loads(done.out)["results"]] == ["stumps/middle::fit-returns-self"]


KERNELS = """
import numpy as np
import pellucid
from beside import ZERO


class Kernels(pellucid.Estimator):
    '''One bell for all rows.'''

    def fit(self, X, y=None):
        X = self._check_fit_X(X)
        self.mean_ = X.mean(axis=0)
        return self

    def score_samples(self, X):
        return ZERO - ((self._check_X(X) - self.mean_) ** 2).sum(axis=1)


class Duck:
    '''Derived from nothing.'''

    def fit(self, X, y=None):
        self.n_ = len(X)
        return self

    def score_samples(self, X):
        return np.zeros(len(X))


class Unfinished(pellucid.Transformer):
    '''Has no fit.'''


class _Hidden(pellucid.Regressor):
    def fit(self, X, y):
        return self
"""


def test_a_file_that_registers_nothing_is_every_model_class_that_says_its_task(run, files):
    (files / "beside.py").write_text("ZERO = 0.0")
    (files / "several.py").write_text(KERNELS + STUMP + "\n\nclass Other(Middle):\n    '''Another.'''\n")
    done = run("check", "several.py", "--only", "fit-returns-self")
    assert done.code == 0 and [line.split()[0] for line in done.out.splitlines()[:2]] == ["local/middle", "local/other"]
    assert "\n2 checks in" in done.out
    assert done.err == "not checked: Kernels, Duck; say what each is for, such as several.py::Kernels --task density\n"
    done = run("check", "several.py", "--only", "fit-returns-self", "--json", "--task", "density")
    told = [(result["id"].partition("::")[0], result["status"]) for result in json.loads(done.out)["results"]]
    assert sorted(told) == [(f"local/{name}", "passed") for name in ("duck", "kernels", "middle", "other")]
    assert done.err == ""


@pytest.mark.parametrize("name", ["Kernels", "Duck"])
def test_a_class_whose_base_says_no_task_is_given_one(run, files, name):
    (files / "beside.py").write_text("ZERO = 0.0")
    (files / "kernels.py").write_text(KERNELS)
    done = run("check", "kernels.py")
    assert done.code == 2 and "kernels.py has Kernels, Duck; say what each is for, such as kernels.py::K" in done.err
    done = run("check", f"kernels.py::{name}")
    assert done.code == 1 and f"kernels.py::{name} must say what it is for: try --task density" in done.err
    done = run("check", f"kernels.py::{name}", "--task", "density", "--json", "--only", "fit-returns-self")
    (result,) = json.loads(done.out)["results"]
    assert (result["id"], result["status"]) == (f"local/{name.lower()}::fit-returns-self", "passed")


@pytest.mark.parametrize(
    "target, code, said",
    [
        ("toy/nearest-mean", 2, "--task is for a class in a file, FILE.py::Class; toy/nearest-mean says it itself"),
        ("stumps.py::Middle", 1, "stumps/middle is registered for regression; give no task here"),
        ("stumps.py", 1, "stumps.py says in its registrations what its models are for; give no task here"),
    ],
)
def test_a_task_is_not_given_to_what_says_its_own(run, files, target, code, said):
    done = run("check", target, "--task", "density")
    assert (done.code, done.out) == (code, "") and said in " ".join(done.err.split())


def test_progress_is_shown_on_a_terminal_only(run, monkeypatch):
    monkeypatch.setattr(check.sys.stderr, "isatty", lambda: True, raising=False)
    done = run("check", "toy/nearest-mean", "--only", "fit-returns-self")
    assert "\r\x1b[2Ktoy/nearest-mean  1 of 1  fit-returns-self\r\x1b[2K" in done.err
    assert run("check", "toy/nearest-mean", "--only", "fit-returns-self", "--json").err == ""


def test_the_help_imports_no_numpy():
    code = "import sys; from pellucid_cli.main import main; main(['check', '--help']); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.stdout.splitlines()[-1] == "False"


def test_the_command_is_listed(capsys):
    assert main(["--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "check Hold a package" in out and "new Write a plugin package" in out
