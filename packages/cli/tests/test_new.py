"""What `pellucid new` writes works as it is, and nothing that is there is overwritten."""

import ast
import datetime
import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import pellucid
from pellucid_cli import new
from pellucid_cli.main import main
from pellucid_cli.new import EXAMPLES, Model, Unfit, core_bound, insert, with_entry, with_public_name

PLUGIN = '''"""What this package registers."""

from pellucid import ModelSpec, hookimpl


@hookimpl
def pellucid_models():
    # the first
    yield ModelSpec(id="acme/one", target="pellucid_acme.one:One", summary="One", tasks=("density",))  # and only


OTHER = 1
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, where git knows nobody."""
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):
        monkeypatch.setenv(name, os.devnull)
    return tmp_path


def run(capsys, *words):
    """-> exit code, stdout, stderr."""
    code = main([str(word) for word in words])
    return code, *capsys.readouterr()


def content(folder):
    """Every file of a folder with its bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# -- a package


def test_a_new_package_has_all_its_files(folder, capsys):
    code, out, err = run(capsys, "new", "plugin", "acme")
    assert (code, err) == (0, "")
    files = content(folder / "pellucid-acme")
    assert set(files) == {
        "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore",
        ".github/workflows/ci.yml", ".github/workflows/publish.yml",
        "src/pellucid_acme/__init__.py", "src/pellucid_acme/_plugin.py", "src/pellucid_acme/py.typed",
        "src/pellucid_acme/nearest_centroid.py",
        "tests/test_nearest_centroid.py", "tests/test_conformance.py", "examples/nearest_centroid.py",
    }  # fmt: skip
    assert all(name in out for name in files) and "pip install -e ./pellucid-acme" in out
    for name, text in files.items():
        assert b"$" not in text.replace(b"${{", b"").replace(b'"$script"', b"") and b"TODO" not in text, name
        if name.endswith(".py"):
            ast.parse(text)
    assert b"python-version: ${{ matrix.python }}" in files[".github/workflows/ci.yml"]
    assert b"id-token: write" in files[".github/workflows/publish.yml"]
    assert b"secrets" not in files[".github/workflows/publish.yml"]


def test_its_metadata_are_those_of_a_package_of_ours(folder, capsys):
    run(
        capsys, "new", "plugin", "pellucid-deep-sets", "--author", 'Ada "L" \\ Ö. <ada@example.org>', "--family", "sets"
    )
    project = tomllib.loads((folder / "pellucid-deep-sets/pyproject.toml").read_text(encoding="utf-8"))
    assert project["build-system"]["build-backend"] == "uv_build"
    project = project["project"]
    assert project["name"] == "pellucid-deep-sets"
    assert project["authors"] == [{"name": 'Ada "L" \\ Ö.', "email": "ada@example.org"}]
    assert project["entry-points"] == {"pellucid.v1": {"sets": "pellucid_deep_sets._plugin"}}
    core = metadata.metadata("pellucid")
    assert project["requires-python"] == core["Requires-Python"]
    assert project["dependencies"] == [core_bound(pellucid.__version__), core.get_all("Requires-Dist")[0]]
    licence = (folder / "pellucid-deep-sets/LICENSE").read_text(encoding="utf-8")
    assert f'Copyright (c) {datetime.date.today().year} Ada "L" \\ Ö.\n' in licence
    assert 'id="sets/nearest-centroid"' in (folder / "pellucid-deep-sets/src/pellucid_deep_sets/_plugin.py").read_text()


@pytest.mark.parametrize(
    "version, bound",
    [("0.1.0", ">=0.1,<0.2"), ("0.12.3rc1", ">=0.12,<0.13"), ("1.4.0", ">=1.4,<2"), ("2.0.dev1", ">=2.0,<3")],
)
def test_the_bound_keeps_the_next_release_that_may_break_out(version, bound):
    assert core_bound(version) == f"pellucid{bound}"


def test_the_author_is_who_git_says_or_nobody_in_particular(folder, capsys, monkeypatch):
    run(capsys, "new", "plugin", "one")
    (folder / "gitconfig").write_text("[user]\n\tname = Grace\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "gitconfig"))
    run(capsys, "new", "plugin", "two")
    monkeypatch.setenv("PATH", "")
    run(capsys, "new", "plugin", "three")
    authors = [(folder / f"pellucid-{name}/LICENSE").read_text().splitlines()[2] for name in ("one", "two", "three")]
    assert authors[0].endswith(" The pellucid-one developers") and authors[2].endswith(" The pellucid-three developers")
    assert authors[1].endswith(" Grace") or not new._git_user()  # where there is no git


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["My Plugin"],
            "must be lower case with hyphens, like 'acme' or 'deep-sets'; got 'My Plugin'. Try 'my-plugin'.",
        ),
        (["MyPlugin"], "Try 'my-plugin'"),
        (["deep_sets"], "Try 'deep-sets'"),
        (["../acme"], "got '../acme'. Try 'acme'"),
        (["a/b"], "got 'a/b'"),
        (["/etc"], "Try 'etc'"),
        (["3d"], "got '3d'"),
        (["ému"], "got 'ému'"),
        (["acme-"], "Try 'acme'"),
        (["pellucid-"], "got ''"),
        ([""], "got ''"),
        (["a\x1b[2Jb"], "got 'a [2Jb'"),
        (["class"], "a word of Python's"),
        (["linear"], "belongs to pellucid-linear"),
        (["pellucid-nn"], "belongs to pellucid-nn"),
        (["linear", "--family", "acme"], "pellucid-linear is one of ours"),
        (["acme", "--family", "trees"], "belongs to pellucid-trees"),
        (["acme", "--family", "local"], "'local' is reserved"),
        (["acme", "--family", "A B"], "--family must be lower case"),
        (["pellucid"], "'pellucid' is reserved; take a name of your own, such as acme."),
        (["pellucid-pellucid-deep-sets"], "'pellucid-' in front of it once, or not at all; try 'deep-sets'."),
        (["ünïcode"], "got 'ünïcode'. Try 'unicode'."),
        (["smørrebrød"], "got 'smørrebrød'.\n"),
        (["acme", "--into", "nowhere"], "--into nowhere: there is no such folder"),
        (["acme", "--author", ""], "--author is a name"),
        (["acme", "--author", "<a@b.c>"], "--author is a name"),
        (["acme", "--author", "A <no mail>"], "--author is a name"),
        ([], "Missing argument 'NAME'"),
    ],
)
def test_a_wrong_name_is_2_and_nothing_is_written(folder, capsys, words, said):
    code, out, err = run(capsys, "new", "plugin", *words)
    assert (code, out) == (2, "") and said in err
    assert list(folder.iterdir()) == []


def test_a_folder_that_is_not_empty_is_left_alone(folder, capsys):
    (folder / "pellucid-acme").mkdir()
    (folder / "pellucid-acme/notes.txt").write_text("mine")
    (folder / "pellucid-file").write_text("mine")
    for name in ("acme", "file"):
        code, out, err = run(capsys, "new", "plugin", name)
        assert (code, out) == (1, "")
        assert err.startswith(f"error: pellucid-{name} is there already, and nothing is overwritten; take another")
    assert content(folder) == {"pellucid-acme/notes.txt": b"mine", "pellucid-file": b"mine"}


def test_an_empty_folder_will_do(folder, capsys):
    (folder / "here/pellucid-acme").mkdir(parents=True)
    code, out, _ = run(capsys, "new", "plugin", "acme", "--into", "here")
    assert code == 0 and "pip install -e ./here/pellucid-acme" in out
    assert (folder / "here/pellucid-acme/pyproject.toml").exists()


def test_a_disk_that_is_full_half_way_leaves_nothing(folder, capsys, monkeypatch):
    made = []

    def opening(path, *arguments, **keywords):
        if len(made) == 5:
            raise OSError(28, os.strerror(28), str(path))
        made.append(path)
        return open(path, *arguments, **keywords)

    monkeypatch.setattr(new, "open", opening, raising=False)
    (folder / "pellucid-two").mkdir()
    for name in ("one", "two"):
        made.clear()
        code, _, err = run(capsys, "new", "plugin", name)
        assert code == 1 and f"cannot be written: {os.strerror(28)}; nothing was left" in err
    assert [path.name for path in folder.rglob("*")] == ["pellucid-two"]


def test_writing_a_package_imports_no_numpy(folder):
    code = (
        "import sys; from pellucid_cli.main import main; main(['new', 'plugin', 'acme']); print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False"


# -- a model


@pytest.fixture
def acme(folder, capsys):
    """A package of the family acme."""
    assert main(["new", "plugin", "acme", "--author", "Ada"]) == 0
    capsys.readouterr()
    return folder / "pellucid-acme"


def specs(plugin_file):
    """What a `_plugin.py` registers."""
    names = {}
    exec(compile(plugin_file.read_bytes(), str(plugin_file), "exec"), names)
    return [*names["pellucid_models"]()]


@pytest.mark.parametrize("task", EXAMPLES)
def test_a_new_model_is_a_file_a_test_and_an_entry(acme, capsys, task):
    before = content(acme)
    code, out, err = run(capsys, "new", "model", "acme/my-own-model", "--task", task, "--into", acme)
    assert (code, err) == (0, "") and "pellucid check acme/my-own-model" in out
    after = content(acme)
    package = "src/pellucid_acme"
    assert set(after) - set(before) == {f"{package}/my_own_model.py", "tests/test_my_own_model.py"}
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {f"{package}/_plugin.py", f"{package}/__init__.py"}
    assert after[f"{package}/_plugin.py"].startswith(before[f"{package}/_plugin.py"])
    old, spec = specs(acme / package / "_plugin.py")
    assert old.id == "acme/nearest-centroid" and old.since == spec.since == "0.1"
    assert (spec.id, spec.target) == ("acme/my-own-model", "pellucid_acme.my_own_model:MyOwnModel")
    assert spec.tasks == (task,) and spec.references and spec.summary == EXAMPLES[task].summary
    text = after[f"{package}/my_own_model.py"].decode()
    example = EXAMPLES[task].name.replace("-", " ")
    assert text.startswith(f'"""My own model, begun as {example}: ') and "class MyOwnModel(" in text


def test_a_name_in_the_lazy_package_is_importable_and_sorted(acme, capsys):
    for name in ("zebra", "ant"):
        run(capsys, "new", "model", f"acme/{name}", "--into", acme)
    text = (acme / "src/pellucid_acme/__init__.py").read_text()
    tree = ast.parse(text)
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    assert [node.module for node in block.body] == [f"pellucid_acme.{n}" for n in ("ant", "nearest_centroid", "zebra")]
    (table,) = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "_HOME"]
    assert ast.literal_eval(table) == {"NearestCentroid": "nearest_centroid", "Zebra": "zebra", "Ant": "ant"}


def test_the_package_is_found_from_inside_from_beside_and_among_ours(acme, folder, capsys, monkeypatch):
    monkeypatch.chdir(acme / "tests")
    assert run(capsys, "new", "model", "acme/one")[0] == 0
    monkeypatch.chdir(folder)
    assert run(capsys, "new", "model", "acme/two")[0] == 0
    (folder / "packages").mkdir()
    acme.rename(folder / "packages/acme")
    (folder / "benchmarks").mkdir()
    assert run(capsys, "new", "model", "acme/three", "--into", "benchmarks")[0] == 0
    found = specs(folder / "packages/acme/src/pellucid_acme/_plugin.py")
    assert [spec.name for spec in found] == ["nearest-centroid", "one", "two", "three"]


def test_a_later_version_is_told_in_the_entry(acme, capsys):
    pyproject = acme / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('version = "0.1.0"', 'version = "0.3.1"'))
    run(capsys, "new", "model", "acme/one", "--into", acme)
    assert specs(acme / "src/pellucid_acme/_plugin.py")[-1].since == "0.3"


@pytest.mark.parametrize(
    "words, said",
    [
        (["acme"], "named FAMILY/NAME, like acme/extra-trees; got 'acme'"),
        (["/one"], "named FAMILY/NAME"),
        (["acme/One Two"], "Try 'one-two'"),
        (["acme/../../evil"], "NAME must be lower case"),
        (["../acme/one"], "FAMILY must be lower case"),
        (["acme/"], "got ''"),
        (["acme/test-foo"], "pytest takes a class TestFoo for a test; take another name, such as acme-test-foo."),
        (["acme/lambda"], "a word of Python's"),
        (["acme/none"], "a word of Python's"),
        (["acme/classifier"], "'Classifier' is something else in the model's file or its tests; take a name that says"),
        (["acme/params"], "such as acme-params."),
        (["acme/shrink"], "'shrink' is something else"),
        (["acme/doctest"], "'doctest' is something else"),
        (["acme/one", "--task", "regresion"], "Did you mean 'regression'?"),
        (["acme/one", "--task", "topics"], "there are examples for classification, regression, clustering, transform,"),
        (["acne/one"], "no package of the family 'acne' in"),
        (["acne/one"], "Did you mean 'acme'?"),
        (["acme/one", "--into", "nowhere"], "there is no such folder"),
    ],
)
def test_a_wrong_model_is_2_and_nothing_changes(acme, capsys, monkeypatch, words, said):
    monkeypatch.chdir(acme)
    before = content(acme.parent)
    code, out, err = run(capsys, "new", "model", *words)
    assert (code, out) == (2, "") and said in " ".join(err.split())
    assert content(acme.parent) == before


@pytest.mark.parametrize("there", ["src/pellucid_acme/one.py", "tests/test_one.py"])
def test_a_file_that_is_there_is_not_overwritten(acme, capsys, there):
    (acme / there).write_text("mine")
    before = content(acme)
    code, _, err = run(capsys, "new", "model", "acme/one", "--into", acme)
    assert (
        code == 1 and err == f"error: {acme / there} is there already, and nothing is overwritten; take another name\n"
    )
    assert content(acme) == before


def test_a_model_that_is_there_is_not_added_twice(acme, capsys):
    before = content(acme)
    code, _, err = run(capsys, "new", "model", "acme/nearest-centroid", "--into", acme)
    assert code == 1 and "acme/nearest-centroid is there already" in err
    assert content(acme) == before


def test_when_the_entry_cannot_be_written_no_file_is_left(acme, capsys, monkeypatch):
    def full(changed):
        raise OSError(28, os.strerror(28), "_plugin.py")

    monkeypatch.setattr(new, "replace_all", full)
    before = content(acme)
    assert run(capsys, "new", "model", "acme/one", "--into", acme)[0] == 1
    assert content(acme) == before


LISTS = {
    "a list": "    return [\n        {}\n    ]\n",
    "a list on one line": "    return [{}]\n",
    "a name": "    return SPECS\n\n\nSPECS = [{}]\n",
}


@pytest.mark.parametrize("form", LISTS.values(), ids=LISTS)
def test_where_the_entry_has_no_place_nothing_is_written_and_the_advice_helps(acme, capsys, form):
    plugin = acme / "src/pellucid_acme/_plugin.py"
    spec = 'ModelSpec(id="acme/old", target="pellucid_acme.old:Old", summary="Old", tasks=("density",))'
    head = "from pellucid import ModelSpec, hookimpl\n\n\n@hookimpl\ndef pellucid_models():\n"
    plugin.write_text(head + form.format(spec))
    before = content(acme)
    code, out, err = run(capsys, "new", "model", "acme/one", "--into", acme)
    assert (code, out) == (1, "") and content(acme) == before
    assert err.startswith("error: nothing was written, for ") and err.count("\n") == 1
    assert "pellucid_models does not yield its entries; write `yield from` for `return`, and try again" in err
    plugin.write_text(plugin.read_text().replace("return", "yield from"))
    assert run(capsys, "new", "model", "acme/one", "--into", acme)[0] == 0
    assert [spec.id for spec in specs(plugin)] == ["acme/old", "acme/one"]


def test_a_package_without_a_lazy_table_is_told_to_name_the_model(acme, capsys):
    (acme / "src/pellucid_acme/__init__.py").write_text('"""Nothing here."""\n')
    code, out, _ = run(capsys, "new", "model", "acme/one", "--into", acme)
    assert code == 0 and "to offer it as pellucid_acme.One, name it in" in out
    assert (acme / "src/pellucid_acme/__init__.py").read_text() == '"""Nothing here."""\n'


def test_damaged_packages_are_one_line(acme, capsys):
    pyproject = acme / "pyproject.toml"
    whole = pyproject.read_text()
    pyproject.write_text(whole.replace("pellucid_acme._plugin", "pellucid_acme._nowhere"))
    code, _, err = run(capsys, "new", "model", "acme/one", "--into", acme)
    assert code == 1 and "names pellucid_acme._nowhere, but there is no such module in" in err
    pyproject.write_text("[project\n")
    code, _, err = run(capsys, "new", "model", "acme/one", "--into", acme)
    assert code == 1 and err.startswith(f"error: {pyproject} cannot be read: ") and err.count("\n") == 1


MODEL = Model(family="acme", name="two", package="pellucid_acme", task="classification")
ENTRY = MODEL.entry() + "\n"


def test_an_entry_goes_to_the_end_of_the_generator_and_nothing_else_changes():
    found = with_entry(PLUGIN.encode(), MODEL).decode()
    before, after = PLUGIN.split("# and only\n")
    assert found == f"{before}# and only\n{ENTRY}{after}"


FORMS = {
    "the end of the file": PLUGIN.partition("\n\n\nOTHER")[0],
    "a comment after it": PLUGIN.replace("  # and only\n", "\n    # that was all\n"),
    "a loop": PLUGIN.replace("    yield", "    for _ in range(1):\n        yield"),
    "a method of the module": PLUGIN.replace("import ModelSpec", "import ModelSpec as S, ModelSpec"),
    "a helper inside": PLUGIN.replace("    # the first\n", "    def f():\n        return 1\n\n"),
    "from elsewhere": PLUGIN.replace("    # the first\n", "    yield from ()\n"),
    "letters of all kinds": PLUGIN.replace("OTHER = 1", "GRÜẞE = '\u2028\x0c'"),
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["unix", "windows"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_an_entry_fits_every_form_of_generator(tmp_path, form, newline):
    source = form.replace("\n", newline).encode()
    found = with_entry(source, MODEL)
    (tmp_path / "_plugin.py").write_bytes(found)
    assert [spec.id for spec in specs(tmp_path / "_plugin.py")] == ["acme/one", "acme/two"]
    entry = ENTRY.replace("\n", newline).encode()
    assert found.replace(entry, b"") == source + (newline.encode() if form.endswith("# and only") else b"")
    assert (b"\r" in found) == (newline == "\r\n")


def test_an_entry_is_indented_and_named_as_the_others(tmp_path):
    source = PLUGIN.replace("    ", "\t").replace("from pellucid import ModelSpec, hookimpl", "import pellucid")
    source = source.replace("ModelSpec(", "pellucid.ModelSpec(").replace("@hookimpl", "@pellucid.hookimpl")
    found = with_entry(source.encode(), MODEL).decode()
    assert '\tyield pellucid.ModelSpec(\n\t\tid="acme/two",\n' in found
    (tmp_path / "_plugin.py").write_text(found)
    assert len(specs(tmp_path / "_plugin.py")) == 2


@pytest.mark.parametrize(
    "old, new_text, reason",
    [
        ("def pellucid_models", "def models", "no function pellucid_models"),
        ("OTHER = 1", "def pellucid_models(): yield", "two pellucid_models"),
        ("yield ModelSpec", "return ModelSpec", "does not yield"),
        ("    # the first", "    if OTHER: return", "may return before its end"),
        ("yield ModelSpec(", "make(", "give it a yield for each"),
        ("yield ModelSpec(", "yield make(", "no call of ModelSpec"),
        ("():\n    # the first\n    yield", "(): yield", "on the line of its head"),
        ("OTHER = 1", "OTHER = ", "is not Python"),
        ("OTHER = 1", "OTHER = '\x00'", "is not Python"),
    ],
)
def test_a_form_that_cannot_be_added_to_is_refused_with_a_reason(old, new_text, reason):
    assert old in PLUGIN
    with pytest.raises(Unfit, match=reason):
        with_entry(PLUGIN.replace(old, new_text).encode(), MODEL)


INIT = "from typing import TYPE_CHECKING\n\n_HOME = {  # name -> module\n    'One': 'one',  # first\n}\n"


def test_a_public_name_needs_a_table_of_the_usual_form():
    assert with_public_name(INIT.encode(), MODEL).decode() == INIT.replace("}", '    "Two": "two",\n}')
    for other in (
        "x = 1\n",
        "_HOME = {}\n",
        "_HOME = {'One': 'one'}\n",
        "_HOME = dict(One='one')\n",
        "_HOME = {\n    'One': 'pellucid_acme.one',\n}\n",
        "_HOME = {\n    'One': 'one'\n}\n",
        "_HOME = {\n    **{},\n}\n",
        "def :",
    ):
        assert with_public_name(other.encode(), MODEL) is None, other


def test_a_line_is_ended_before_another_follows():
    assert insert(b"a\r\nb", 2, "c\nd") == b"a\r\nb\r\nc\r\nd\r\n"


def test_imports_of_ours_stand_together_in_a_family_of_ours():
    ours = Model(family="linear", name="two", package="pellucid_linear", task="clustering")
    assert "import numpy as np\n\nfrom pellucid import Clusterer" in ours.text()
    assert (
        "import pytest\n\nfrom pellucid import ConvergenceWarning\nfrom pellucid_linear import two\n"
        in ours.test_text()
    )
    theirs = Model(family="acme", name="two", package="pellucid_acme", task="clustering")
    assert "import numpy as np\nfrom pellucid import Clusterer" in theirs.text()


# -- green from the first run


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A package with an example of every task, and the environment that sees it as installed."""
    return grow(tmp_path_factory.mktemp("grown"), EXAMPLES)


def grow(folder, tasks):
    """Write the package and its models; -> its folder, and the environment."""
    assert main(["new", "plugin", "acme", "--into", str(folder), "--author", "Ada"]) == 0
    for task in tasks:
        assert main(["new", "model", f"acme/of-{task}", "--task", task, "--into", str(folder)]) == 0
    package = folder / "pellucid-acme"
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    info = folder / "site/pellucid_acme-0.1.0.dist-info"
    info.mkdir(parents=True)
    readme = (package / "README.md").read_text()
    headers = {"Name": "pellucid-acme", "Version": "0.1.0", "Summary": project["description"], "License": "MIT"}
    headers |= {"Requires-Python": project["requires-python"], "Requires-Dist": project["dependencies"][0]}
    text = "".join(f"{key}: {value}\n" for key, value in headers.items())
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{text}\n{readme}", encoding="utf-8")
    (info / "entry_points.txt").write_text("[pellucid.v1]\nacme = pellucid_acme._plugin\n")
    known = {name: value for name, value in os.environ.items() if not name.startswith("PELLUCID_")}
    path = os.pathsep.join([str(package / "src"), str(folder / "site")])
    return package, known | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}


def python(grown, *words):
    package, environment = grown
    done = subprocess.run(
        [sys.executable, *words], cwd=package.parent, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_example_passes_its_own_tests(grown):
    assert " passed" in python(
        grown, "-m", "pytest", "-q", "pellucid-acme/tests", "--deselect", "tests/test_conformance.py"
    )


def test_every_example_passes_every_check(grown):
    told = json.loads(python(grown, "-m", "pellucid_cli", "check", "pellucid-acme", "--json"))
    assert told["failed"] == 0 and told["passed"] > 60 * (1 + len(EXAMPLES))


def test_the_example_script_runs_and_draws(grown):
    out = python(grown, "pellucid-acme/examples/nearest_centroid.py", "picture.png")
    assert "are told right" in out
    picture = grown[0].parent / "picture.png"
    assert "no picture" in out or picture.read_bytes().startswith(b"\x89PNG")


def commands_of_ci(package):
    """The commands of `ci.yml`, each with the shell that it asks for, or ""."""
    text = (package / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    steps = re.split(r"^      - ", text.partition("    steps:\n")[2], flags=re.M)[1:]
    for step in steps:
        if found := re.match(r"run: (?:\|\n((?: {10}.*\n)+)|(.*)\n)(?: {8}shell: (\w+))?", step):
            yield textwrap.dedent(found[1] or found[2]), found[3] or ""


def test_ci_installs_all_that_the_checks_can_use(grown):
    install, *_ = (command for command, _ in commands_of_ci(grown[0]))
    assert install.startswith("python -m pip install -e . ") and {"pandas", "polars"} < {*install.split()}


@pytest.mark.skipif(os.name == "nt", reason="the commands are for bash")
@pytest.mark.parametrize("there", ["the example as well", "without the example"])
def test_all_that_ci_runs_passes(tmp_path, there):
    """With a model beside the example, and once all that the docs name of the example is taken out."""
    package, environment = grow(tmp_path, ["density"])
    if there == "without the example":
        source, plugin = package / "src/pellucid_acme", package / "src/pellucid_acme/_plugin.py"
        for path in ("examples", "src/pellucid_acme", "tests"):
            for file in (package / path).glob("*nearest_centroid.py"):
                file.unlink()
        entry = re.compile(r"    yield ModelSpec\(\n        id=\"acme/nearest-centroid\".*?\n    \)\n", re.S)
        plugin.write_text(entry.sub("", plugin.read_text()))
        kept = [line for line in (source / "__init__.py").read_text().splitlines(True) if "entroid" not in line]
        (source / "__init__.py").write_text("".join(kept))
        assert "nearest-centroid" not in plugin.read_text()
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, words in {"python": "", "pellucid": " -m pellucid_cli", "ruff": " -m ruff"}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
        (programs / name).chmod(0o755)
    environment["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    absent = {name for name in ("ruff", "build") if importlib.util.find_spec(name) is None}
    done = []
    for command, shell in commands_of_ci(package):
        if command.startswith("python -m pip") or command == "python -m build" or absent & {command.split()[0]}:
            continue  # the package is in place; building it is for `nox -s plugin`
        if command == "python -m pytest" and there == "the example as well":
            continue  # it is green from the first run, as the tests above say
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"] if shell else ["sh", "-ec"]
        told = subprocess.run([*words, command], cwd=package, env=environment, capture_output=True, text=True)
        assert told.returncode == 0, command + told.stdout + told.stderr
        done.append(told.stdout)
    assert "acme/of-density" in done[-1]
    assert any(re.search(r"\d passed", out) for out in done) == (there == "without the example")
    assert any("are told right" in out for out in done) == (there == "the example as well")


def test_the_package_offers_its_models_and_imports_none(grown):
    code = """
import sys, pellucid_acme
assert "numpy" not in sys.modules
names = [getattr(pellucid_acme, name).__name__ for name in pellucid_acme.__all__]
assert names == pellucid_acme.__all__ and set(names) <= set(dir(pellucid_acme))
print(len(names))
"""
    assert python(grown, "-c", code) == f"{1 + len(EXAMPLES)}\n"


def test_the_readme_runs(grown):
    readme = (grown[0] / "README.md").read_text(encoding="utf-8")
    (code,) = [block for n, block in enumerate(readme.split("```")) if n % 2 and block.startswith("python\n")]
    *lines, last = code.removeprefix("python\n").strip().splitlines()
    call, _, result = last.partition("  # ")
    assert python(grown, "-c", "\n".join([*lines, f"print(repr({call}))"])).strip() == result
    assert Path(grown[0], "py.typed").exists() or Path(grown[0], "src/pellucid_acme/py.typed").exists()
