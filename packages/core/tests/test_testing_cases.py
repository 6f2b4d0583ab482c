"""Which checks a target gets, what comes of them, and the one line that makes pytest tests of them."""

import dataclasses
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from acme_package import Acme
from sound_models import Means

from pellucid import registry, testing
from pellucid.discovery import PluginLoadError, PluginWarning
from pellucid.registry import ModelNotFound
from pellucid.specs import ModelSpec
from pellucid.testing import Check, CheckFailed, NotApplicable, check, checks, conformance, expect, raises, run
from pellucid.testing.cases import Case, Result, cases, model_cases, new_minor, summary
from pellucid.testing.checks import LEVELS, all_checks

MODEL = """
import pellucid
from pellucid import Regressor


{decorator}
class Stump(Regressor):
    def fit(self, X, y):
        self.value_ = float(y[0])
        return self
"""
HOOK = """
@pellucid.hookimpl
def pellucid_models():
    return [pellucid.ModelSpec(id="hut/stump", target="hut:Stump", summary="s", tasks=("regression",))]
"""


@pytest.fixture
def acme(site, tmp_path):
    return Acme(tmp_path)


def ids(target):
    return [case.id for case in cases(target)]


def status(result):
    return result.status, result.saw


# ---- targets


def test_a_sound_package_passes_all_that_it_is_held_to(acme):
    results = run("pellucid-acme")
    assert [(r.id, r.saw) for r in results if r.status == "failed" and "commands-import" not in r.id] == []
    counts = summary(results)
    assert counts["passed"] > 60
    assert list(counts) == ["passed", "failed", "warned", "skipped"]
    assert sum(counts.values()) == len(results)


def test_a_distribution_has_the_checks_of_the_whole_and_then_those_of_its_models(acme):
    found = cases("pellucid-acme")
    whole = [case for case in found if case.check.level == "plugin"]
    assert found[: len(whole)] == whole
    assert {case.id.partition("::")[0] for case in whole} == {"pellucid-acme"}
    assert {case.id.partition("::")[0] for case in found[len(whole) :]} == {"acme/flat-plane"}
    assert [case.id for case in found[len(whole) :]] == ids("acme/flat-plane")


@pytest.mark.parametrize("name", ["acme", "Pellucid_Acme", "pellucid.acme"])
def test_a_distribution_is_known_by_its_family_and_in_any_spelling(acme, name):
    assert ids(name) == ids("pellucid-acme")


@pytest.mark.parametrize("name", ["acme/flat-plane", "FlatPlane", "table-top"])
def test_a_model_is_known_by_all_its_names(acme, name):
    assert ids(name)[0] == "acme/flat-plane::target-imports"


def test_ids_are_unique_and_the_levels_come_in_their_order(acme):
    found = cases("acme/flat-plane")
    assert len({case.id for case in found}) == len(found)
    levels = [LEVELS.index(case.check.level) for case in found]
    assert levels == sorted(levels)


def test_no_two_checks_of_the_kit_have_the_same_name():
    names = [one.name for one in all_checks()]
    assert sorted(names) == sorted(set(names))
    assert all(one.wants.endswith(".") for one in all_checks())


def test_a_model_with_several_tasks_has_each_check_once_for_the_first_task_that_it_fits(acme):
    acme.change("_plugin.py", 'tasks=("regression",)', 'tasks=("density", "regression")')
    found = {case.check.name: case for case in cases("acme/flat-plane")}
    assert len(found) == len(cases("acme/flat-plane"))
    for case in found.values():
        assert case.subject.task == ("density" if "density" in case.check.tasks else "regression")
    assert {case.subject.task for case in found.values()} == {"density", "regression"}


class DistancesToMeans(Means):
    """Clusters, and how far each row is from their means."""

    def transform(self, X):
        X = self._check_X(X)
        return np.sqrt(((X[:, None] - self.means_) ** 2).sum(axis=2))


class Careless(DistancesToMeans):
    def transform(self, X):
        print("hello", np.random.random() < 0)
        X = np.asarray(X, float)
        X -= X.mean(axis=0)
        means = getattr(self, "means_", np.zeros((2, 4)))
        return ((X[:, None, : means.shape[1]] - means[:, : X.shape[1]]) ** 2).sum(axis=2)


def failures(cls, tasks):
    """What fails of a class on the levels fit and task; that it is not registered counts for nothing."""
    spec = ModelSpec(id="local/x", target="x:X", summary="x", tasks=tasks)
    results = [case.run() for case in model_cases(cls, spec) if case.check.level in ("fit", "task")]
    names = {result.id.partition("::")[2] for result in results if result.status == "failed"}
    return {name for name in names if not name.startswith("sav")}


def test_the_second_of_two_tasks_is_looked_at_as_closely_as_the_first(site):
    wanted = {"nothing-is-printed", "input-is-not-written-to", "global-random-numbers-are-left-alone"}
    wanted |= {"nan-is-refused", "another-width-is-refused", "unfitted-model-says-so", "each-row-is-answered-alone"}
    for tasks in (("clustering", "transform"), ("transform", "clustering")):
        assert failures(DistancesToMeans, tasks) == set()
        assert wanted <= failures(Careless, tasks)


def test_the_checks_of_fits_are_done_again_for_a_task_that_answers_otherwise():
    spec = ModelSpec(id="local/x", target="x:X", summary="x", tasks=("density", "clustering", "generation"))
    found = {case.id.partition("::")[2]: case.subject.task for case in model_cases(Means, spec)}
    assert found["nothing-is-printed"] == "density"
    assert found["nothing-is-printed@generation"] == "generation"
    assert "nothing-is-printed@clustering" not in found  # asked with those of the density
    assert "nan-is-refused@generation" not in found  # its X is not held to that
    assert not [name for name in found if name.startswith(("repr", "samples")) and "@" in name]
    twice = ModelSpec(id="local/x", target="x:X", summary="x", tasks=("classification", "regression", "transform"))
    again = {case.check.name for case in model_cases(Means, twice) if case.id.endswith("@regression")}
    assert {"nan-is-refused", "y-may-not-be-missing", "nothing-is-printed"} <= again
    assert not any(case.id.endswith("@transform") for case in model_cases(Means, twice))


def test_answers_of_tasks_on_the_same_table_are_asked_for_together():
    spec = ModelSpec(id="local/x", target="x:X", summary="x", tasks=("clustering", "transform"))
    model = testing.Subject(DistancesToMeans, spec, "clustering")
    assert list(model.answers()) == ["predict", "labels_", "transform"]
    assert model.methods == ["predict", "transform"]
    assert testing.Subject(DistancesToMeans, spec, "transform").joined == ["transform", "clustering"]


def test_collecting_checks_fits_nothing(acme, monkeypatch):
    monkeypatch.setattr(testing.Subject, "fit", lambda *args, **kwargs: 1 / 0)
    acme.change("plane.py", "self.fit_intercept = fit_intercept", "1 / 0")
    assert len(cases("pellucid-acme")) > 60


def test_a_plugin_that_does_not_load_is_told_so(acme):
    acme.change("_plugin.py", "from pellucid", "1 / 0\nfrom pellucid")
    with pytest.warns(PluginWarning):
        results = run("pellucid-acme")
    failed = [result for result in results if result.status == "failed"]
    assert failed[0].id == "pellucid-acme::loads"
    assert "ZeroDivisionError" in failed[0].saw
    assert {result.level for result in results} == {"plugin"}


def test_a_model_that_cannot_be_imported_has_one_check_and_stops_no_other(acme):
    acme.change("_plugin.py", "    yield ModelSpec(", SECOND + "    yield ModelSpec(")
    results = {result.id: result for result in run("acme") if result.level != "plugin"}
    (first,) = [result for name, result in results.items() if name.startswith("acme/gone")]
    assert first.id == "acme/gone::target-imports"
    assert status(first)[0] == "failed"
    assert "ModelLoadError: acme/gone (pellucid-acme 0.3): cannot import pellucid_acme.gone:Gone" in first.saw
    assert len(results) > 60


SECOND = '    yield ModelSpec(id="acme/gone", target="pellucid_acme.gone:Gone", summary="x", tasks=("regression",))\n'


def test_a_distribution_without_plugins_is_told_so(site):
    with pytest.raises(PluginLoadError, match=r"pluggy \S+ is installed, and brings no plugin.*pellucid.v1"):
        cases("Pluggy")


def test_a_name_that_nothing_has_is_told_so(acme):
    with pytest.raises(ModelNotFound, match="Did you mean acme/flat-plane"):
        cases("acme/flat-plain")


def test_a_file_brings_the_models_that_it_registers_and_no_others(site, tmp_path):
    registry.register(type("Other", (Plain,), {"__doc__": "Another."}), tasks=("regression",))
    file = tmp_path / "stump.py"
    file.write_text(MODEL.format(decorator="@pellucid.register"))
    found = cases(str(file))
    assert {case.id.partition("::")[0] for case in found} == {"stump.py", "local/stump"}
    assert next(case for case in found if case.id == "stump.py::loads").run().status == "passed"
    reasons = {
        case.id: case.run().saw for case in found if case.check.name in ("metadata-has-a-summary", "commands-import")
    }
    assert set(reasons.values()) == {"it is a file, not an installed package", "it brings no commands"}


def test_a_file_with_hooks_is_a_plugin_of_its_own(site, tmp_path):
    file = tmp_path / "hut.py"
    file.write_text(MODEL.format(decorator="") + HOOK)
    assert {case.id.partition("::")[0] for case in cases(str(file))} == {"hut.py", "hut/stump"}


@pytest.mark.parametrize("decorator", ["", "@pellucid.register", "@pellucid.register\n# twice"])
def test_a_class_in_a_file_need_not_be_registered(site, tmp_path, decorator):
    file = tmp_path / "stump.py"
    file.write_text(MODEL.format(decorator=decorator))
    found = cases(f"{file}::Stump")
    assert {case.id.partition("::")[0] for case in found} == {"local/stump"}
    assert {case.subject.cls.__name__ for case in found} == {"Stump"}


def test_a_class_that_is_not_there_or_not_said_to_be_for_something_is_told_so(site, tmp_path):
    file = tmp_path / "stump.py"
    file.write_text("class Thing:\n    pass\n")
    with pytest.raises(PluginLoadError, match="has no class 'Stump'"):
        cases(f"{file}::Stump")
    with pytest.raises(PluginLoadError, match="say what Thing is for"):
        cases(f"{file}::Thing")
    with pytest.raises(PluginLoadError, match="no such file"):
        cases(str(tmp_path / "missing.py"))


# ---- results


@pytest.mark.parametrize(
    "error, expected",
    [
        (None, ("passed", "")),
        (NotApplicable("it has no\nseed"), ("skipped", "it has no seed")),
        (CheckFailed("it said \x1b[31mno"), ("failed", "it said [31mno")),
        (AssertionError("1 != 2"), ("failed", "AssertionError: 1 != 2")),
        (SystemExit(3), ("failed", "SystemExit: 3")),
    ],
)
def test_whatever_a_check_raises_becomes_its_result(error, expected):
    def probe(model):
        if error is not None:
            raise error

    made = Check(level="fit", name="probe", wants="That it is so.", run=probe)
    found = Case("x::probe", made, None).run()
    assert (found.id, found.level, found.wants) == ("x::probe", "fit", "That it is so.")
    assert status(found) == expected
    assert ("raise error" in found.traceback) == (found.status == "failed")
    assert found.milliseconds >= 0


def test_the_user_can_break_off():
    def probe(model):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Case("x", Check(level="fit", name="x", wants="x.", run=probe), None).run()


def test_results_are_written_as_json(acme):
    results = [case.run() for case in cases("acme/flat-plane")[:20]]
    records = json.loads(json.dumps([dataclasses.asdict(result) for result in results]))
    assert [Result(**record) for record in records] == results


@pytest.mark.parametrize("version, expected", [("0.1.4", "failed"), ("0.3.0", "warned"), ("0.4.1", "failed")])
def test_a_new_check_only_warns_in_the_minor_version_that_brings_it(monkeypatch, version, expected):
    def probe(model):
        expect(False, "nothing")

    monkeypatch.setattr("pellucid.testing.cases.__version__", version)
    since = "0.1" if version == "0.1.4" else "0.3"
    assert Case("x", Check(level="fit", name="x", wants="x.", run=probe, since=since), None).run().status == expected
    assert new_minor() == {"0.1.4": "", "0.3.0": "0.3", "0.4.1": "0.4"}[version]


# ---- checks that plugins bring


def test_a_plugins_check_is_run_on_every_model_under_its_familys_name(acme):
    (found,) = [case for case in cases("acme/flat-plane") if case.check.name == "acme/has-a-name"]
    assert found.id == "acme/flat-plane::acme/has-a-name"
    assert (found.check.level, found.check.wants) == ("task", "The class has a name.")
    assert found.run().status == "passed"


def test_a_plugins_check_may_choose_its_level_and_its_tasks(acme):
    choice = 'from pellucid.testing import check\n\n@check("plugin")\ndef'
    acme.change("checks.py", "def", choice)
    assert "pellucid-acme::acme/has-a-name" in ids("pellucid-acme")
    assert not [name for name in ids("acme/flat-plane") if "has-a-name" in name]


@pytest.mark.parametrize("file, old, new", [("checks.py", "def", "1 / 0\ndef"), ("_plugin.py", ":has", ":a.has")])
def test_a_check_that_cannot_be_imported_fails_and_stops_no_other(acme, file, old, new):
    acme.change(file, old, new)
    (found,) = [case for case in cases("acme/flat-plane") if case.check.name == "acme/has-a-name"]
    result = found.run()
    assert result.status == "failed"
    assert "of pellucid-acme 0.3 cannot be used: " in result.saw
    assert result.wants.endswith("can be imported.")
    assert len(cases("acme/flat-plane")) > 60


# ---- checks


def test_a_check_is_named_for_its_function_and_wants_its_first_sentence():
    @check("task", "density", since="0.2")
    def has_no_holes(model):
        """There are no holes.

        More words.
        """

    made = has_no_holes.check
    assert (made.level, made.name, made.wants) == ("task", "has-no-holes", "There are no holes.")
    assert (made.tasks, made.since) == (("density",), "0.2")
    assert "has-no-holes" not in {one.name for one in all_checks()}  # it is not defined in the kit


def test_a_check_that_does_not_say_what_it_wants_is_refused():
    with pytest.raises(ValueError, match="docstring of silent must begin with one sentence"):
        check("fit")(silent)
    with pytest.raises(ValueError, match="level must be one of plugin, spec"):
        check("feet")
    with pytest.raises(ValueError, match=r"tasks must be from .*got \['regresion'\]"):
        check("fit", "regresion")


def silent(model):
    pass


def test_raises_returns_the_error_or_says_what_came_instead():
    def call(error):
        raise error

    assert (
        str(raises("f(-1)", lambda: call(ValueError("alpha must be positive")), saying="Alpha"))
        == "alpha must be positive"
    )
    assert raises("f(-1)", lambda: call(TypeError("no")), ValueError, TypeError).args == ("no",)
    for error, saw in [
        (ValueError("no"), "the message of f(-1) does not speak of 'alpha': no"),
        (ValueError(" "), "f(-1) raised ValueError without a message"),
        (KeyError("k"), "f(-1) raised KeyError instead of ValueError: 'k'"),
    ]:
        with pytest.raises(CheckFailed) as caught:
            raises("f(-1)", lambda error=error: call(error), saying="alpha")
        assert str(caught.value) == saw
    with pytest.raises(CheckFailed, match=r"raised nothing and returned \[0, 0, .*\.\.\.$"):
        raises("f(-1)", lambda: [0] * 100)


# ---- the line in a test module


class Plain:
    def fit(self, X, y):
        return self


TEST = """
from pellucid.testing import Check, CheckFailed, NotApplicable, conformance
import pellucid.testing.pytest_module as module


def failing(model):
    raise CheckFailed("it lies")


def skipping(model):
    raise NotApplicable("it has no seed")


def made(name, run):
    return module.Case(f"acme/x::{name}", Check(level="fit", name=name, wants=f"To {name}.", run=run), None)


module.cases = lambda target: [made("pass", lambda m: None), made("fail", failing), made("skip", skipping)]
test_hopeful = conformance("acme/x")
test_by_name = conformance("acme/x", expected_failures={"fail": "known, see issue 3"})
test_by_id = conformance("acme/x", expected_failures={"acme/x::fail": "known"})
test_stale = conformance("acme/x", expected_failures={"pass": "no longer", "skip": "no longer"})
"""
OUTCOMES = {  # of the checks that pass, fail and are skipped
    "test_hopeful": "PASSED FAILED SKIPPED",
    "test_by_name": "PASSED XFAIL SKIPPED",
    "test_by_id": "PASSED XFAIL SKIPPED",
    "test_stale": "FAILED FAILED FAILED",
}


def test_expected_failures_are_strict(tmp_path):
    (tmp_path / "test_it.py").write_text(TEST)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-v",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    found = dict(re.findall(r"^test_it.py::(\S+) ([A-Z]+)", done.stdout, re.MULTILINE))
    wanted = {
        f"{test}[acme/x::{name}]": word
        for test, words in OUTCOMES.items()
        for name, word in zip(("pass", "fail", "skip"), words.split())
    }
    assert found == wanted, done.stdout
    assert "it lies\nwanted: To fail." in done.stdout
    assert "[XPASS(strict)] no longer" in done.stdout


def test_expected_failures_are_of_checks_that_there_are_and_say_why(acme):
    with pytest.raises(ValueError, match="expected_failures names 'flies', and acme/flat-plane has no such check"):
        conformance("acme/flat-plane", {"flies": "no wings"})
    with pytest.raises(ValueError, match="must say why 'target-imports' fails"):
        conformance("acme/flat-plane", {"target-imports": " "})


def test_a_new_check_that_fails_is_a_warning_in_pytest(monkeypatch):
    def probe(model):
        expect(False, "it lies")

    monkeypatch.setattr("pellucid.testing.cases.__version__", "0.3.0")
    case = Case("acme/x::probe", Check(level="fit", name="probe", wants="That it is so.", run=probe, since="0.3"), None)
    monkeypatch.setattr("pellucid.testing.pytest_module.cases", lambda target: [case])
    with pytest.warns(UserWarning, match="acme/x::probe: it lies. It wants: That it is so."):
        conformance("acme/x")(case)
    with pytest.raises(pytest.fail.Exception, match="it lies"):
        conformance("acme/x", {"probe": "known"})(case)


def test_the_kit_needs_no_pytest():
    code = "import sys; sys.modules['pytest'] = None; from pellucid.testing.checks import all_checks as all"
    done = subprocess.run([sys.executable, "-c", f"{code}; print(len(all()))"], capture_output=True, text=True)
    assert int(done.stdout) > 60, done.stderr


def test_the_kits_names_are_all_there():
    assert {name for name in testing.__all__ if not hasattr(testing, name)} == set()
    assert testing.check is checks.check
    with pytest.raises(AttributeError, match="no attribute 'conform'"):
        testing.conform  # noqa: B018
