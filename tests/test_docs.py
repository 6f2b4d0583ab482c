"""The website: what its pages say works, what they link to exists, and every registered model has its page.

Runs without mkdocs, but for the last test, which builds the site.
"""

from __future__ import annotations

import ast
import contextlib
import csv
import doctest
import html.parser
import importlib.util
import inspect
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest import mock
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
GENERATED = ("models", "reference")  # folders of DOCS that tools/docs_pages.py writes
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if path.relative_to(DOCS).parts[0] not in GENERATED]
WRITTEN = [*PAGES, *(path for path in [ROOT / "README.md"] if path.exists())]
FAMILIES = ("pellucid_datasets", "pellucid_linear", "pellucid_nn", "pellucid_trees")
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.S | re.M)
ALIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


# -- the pages as they are written -----------------------------------------------------------------------------------


def shown(path: Path) -> str:
    """A page's path as a test is named after it."""
    return path.relative_to(DOCS if path in PAGES else ROOT).as_posix()


def blocks(path: Path, language: str) -> Iterator[tuple[int, str, str]]:
    """(line, code, expected output) of each fenced block; a text block right after a block is its output."""
    text = path.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    for i, match in enumerate(found):
        if match[1] != language:
            continue
        after = found[i + 1] if i + 1 < len(found) else None
        follows = after is not None and after[1] == "text" and not text[match.end() : after.start()].strip()
        yield text.count("\n", 0, match.start()) + 2, match[3], after[3] if follows and after else ""


def missing_modules(code: str) -> list[str]:
    """Modules that a piece of code imports and that are not installed."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add("scipy" if node.module == "pellucid.scipy_rules" else (node.module or "").split(".")[0])
    return sorted(name for name in names if importlib.util.find_spec(name) is None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with the two tables that the pages speak of, as the working folder."""
    pellucid = pytest.importorskip("pellucid")
    for family in FAMILIES:
        pytest.importorskip(family)
    iris = pellucid.dataset("iris")
    rows = [[*map(float, x), iris.target_names[k]] for x, k in zip(iris.X, iris.y, strict=True)]
    rows[3][1] = ""  # a missing value
    for name, header, body in (
        ("flowers.csv", [*iris.feature_names, iris.target], rows[:140]),
        ("new.csv", iris.feature_names, [row[:-1] for row in rows[140:]]),
    ):
        with open(tmp_path / name, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *body])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def registry_as_it_was():
    """Forget afterwards what a page registers, and the rules it states."""
    import pellucid.building  # noqa: F401
    import pellucid.rules  # noqa: F401  all rules of our own are there now
    from pellucid import registry, tape

    if importlib.util.find_spec("scipy") is not None:
        import pellucid.scipy_rules  # noqa: F401
    plugins, rules = registry.loaded(), dict(tape.rules)
    yield
    registry._keep(plugins)
    tape.rules.clear()
    tape.rules.update(rules)


@pytest.mark.parametrize("page", WRITTEN, ids=shown)
def test_python_blocks_run_and_print_what_the_page_says(page, folder, registry_as_it_was):
    names: dict[str, object] = {"__name__": f"docs_{page.stem}"}
    for line, code, expected in blocks(page, "python"):
        where = f"{page.name}, line {line}"
        if ">>>" in code:
            test = doctest.DocTestParser().get_doctest(code, names, where, str(page), line)
            runner = doctest.DocTestRunner(optionflags=ALIKE, verbose=False)
            runner.run(test, clear_globs=False)
            assert runner.summarize(verbose=False).failed == 0, where
            names = test.globs
            continue
        if absent := missing_modules(code):
            pytest.skip(f"{where} needs {', '.join(absent)}")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (line - 1) + code, str(page), "exec"), names)
        if expected or printed.getvalue():
            same = doctest.OutputChecker().check_output(expected, printed.getvalue(), ALIKE)
            assert same, f"{where}: the page says\n{expected}\nand it printed\n{printed.getvalue()}"


def test_the_readme_quotes_a_model_file_as_it_is():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    source = (ROOT / "packages/linear/src/pellucid_linear/logistic_regression.py").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\(\d\)) \| `(.+?)` \| `(.+?)` \|$", text, re.M)
    assert len(rows) == 4
    for tag, equation, code in rows:
        assert re.search(rf"^    {re.escape(equation)} +{re.escape(tag)}$", source, re.M), equation
        assert re.search(rf"^ +{re.escape(code)}  #.*{re.escape(tag)}$", source, re.M), code


@pytest.fixture
def nothing_loaded(folder, monkeypatch):
    """A call after which nothing of the folder is imported and no plugin is loaded, as in a new process."""
    from pellucid import registry

    def forget():
        monkeypatch.setattr(registry, "_state", registry._State())
        importlib.invalidate_caches()
        for name, module in list(sys.modules.items()):
            if Path(getattr(module, "__file__", None) or "/").is_relative_to(folder):
                del sys.modules[name]

    yield forget
    forget()


def install_editable(project: Path) -> Path:
    """Write beside a project's package what `pip install -e` writes elsewhere; the folder that must be on the path."""
    about = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = project / "src" / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir()
    fields = {"Metadata-Version": "2.4", "Name": about["name"], "Version": about["version"]}
    fields |= {"Summary": about["description"], "License-Expression": about["license"]}
    lines = [f"{name}: {value}" for name, value in [*fields.items(), ("Requires-Python", about["requires-python"])]]
    lines += [f"Requires-Dist: {requirement}" for requirement in about["dependencies"]]
    lines += ["", (project / about["readme"]).read_text(encoding="utf-8")]
    (info / "METADATA").write_text("\n".join(lines), encoding="utf-8")
    points = about["entry-points"]["pellucid.v1"].items()
    entries = "".join(f"{name} = {target}\n" for name, target in points)
    (info / "entry_points.txt").write_text(f"[pellucid.v1]\n{entries}", encoding="utf-8")
    return project / "src"


def run_command(words: list[str], folder: Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `pellucid ...`, with settings such as PELLUCID_PLUGINS=acme before it."""
    from pellucid_cli.main import main

    n = next(i for i, word in enumerate(words) if "=" not in word)
    printed, told = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(told), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mock.patch.dict(os.environ, dict(word.split("=") for word in words[:n])):
            code = main(words[n + 1 :])
    return code, printed.getvalue(), told.getvalue()


def run_pytest(words: list[str], paths: list[str]) -> tuple[int, str, str]:
    """The same of `pytest ...`, in a process that finds the projects that were installed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", *words[1:]]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("page", WRITTEN, ids=shown)
def test_commands_run_and_print_what_the_page_says(page, folder, nothing_loaded, monkeypatch):
    """Blocks with a title are files, written in the order of the page; `echo $?` asks for the last exit code."""
    pytest.importorskip("pellucid_cli.main")
    text, installed = page.read_text(encoding="utf-8"), []
    for match in FENCE.finditer(text):
        line, block = text.count("\n", 0, match.start()) + 2, match[3]
        if title := re.search(r'title="([\w./-]+)"', match[2]):
            file = folder / title[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block, encoding="utf-8")
        if match[1] != "console":
            continue
        parts = [part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.M)[1:]]
        for (command, _, expected), (following, _, asked) in zip(parts, [*parts[1:], ("", "", "")]):
            words = shlex.split(command, comments=True)
            where = f"{shown(page)}, line {line}: {command}"
            named = [word for word in words if "=" not in word]
            if words[:3] == ["pip", "install", "-e"] and (folder / words[3] / "pyproject.toml").exists():
                installed.append(str(install_editable(folder / words[3])))
                monkeypatch.syspath_prepend(installed[-1])
                continue
            if named[:1] == ["pytest"] and installed:
                code, printed, told = run_pytest(words, installed)
            elif named[:1] == ["pellucid"] and "my.csv" not in words:
                nothing_loaded()
                code, printed, told = run_command(words, folder)
            else:
                continue
            assert code == (int(asked) if following == "echo $?" else 0), f"{where}\n{printed}{told}"
            if importlib.util.find_spec("matplotlib") is None:
                expected = re.sub(r"^  picture .*\n", "...\n", expected, flags=re.M)
            if expected.strip():
                same = doctest.OutputChecker().check_output(expected, printed, ALIKE)
                assert same, f"{where}: the page says\n{expected}\nand it printed\n{printed}"


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_between_written_pages_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        parts = urlsplit(target)
        path = (page.parent / parts.path).resolve()
        if parts.scheme or not parts.path or path.relative_to(DOCS).parts[0] in GENERATED:
            continue  # elsewhere, or generated: the build checks those
        assert path.exists(), f"{shown(page)} links to {target}"
        if parts.fragment and path.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.M)
            slugs = [re.sub(r"[^\w]+", "-", heading.lower()).strip("-") for heading in headings]
            assert parts.fragment in slugs, f"{shown(page)} links to {target}"


def test_the_navigation_names_every_written_page():
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in PAGES:
        assert re.search(rf": {re.escape(shown(page))}$", settings, flags=re.M), f"{shown(page)} is not in mkdocs.yml"


def test_every_tool_of_the_website_is_pinned():
    lines = (DOCS / "requirements.txt").read_text(encoding="utf-8").split("\n")
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in wanted)


# -- the pages that are generated -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """The generated pages, without running the examples."""
    pytest.importorskip("pygments")
    for family in FAMILIES:
        pytest.importorskip(family)
    import docs_pages  # in tools/, which pytest's settings put on the path

    docs = tmp_path_factory.mktemp("docs")
    docs_pages.write(docs, with_examples=False)
    return docs


def test_every_registered_model_has_a_page_with_its_equations(generated):
    import docs_pages

    pages = docs_pages.pages()
    specs = {page.spec.id for page in pages if page.spec}
    import pellucid

    ours = {f.name for f in [*docs_pages.families(), *docs_pages.strangers()]}
    assert specs == {spec.id for spec in pellucid.models() if spec.family in ours}
    for page in pages:
        text = (generated / "models" / page.path).read_text(encoding="utf-8")
        for tag in page.model.equations:
            assert f'id="eq-{tag.number}"' in text, f"{page.path} has no equation ({tag.number})"
        for tag in page.model.tags:
            assert f'id="L{tag.line}" data-eq=' in text, f"{page.path} has no line {tag.line}"


def test_a_page_quotes_its_file(generated):
    """Each line of code is on the page, apart from the numbers at its end, which move to the margin."""
    import docs_pages

    for page in docs_pages.pages():
        text = (generated / "models" / page.path).read_text(encoding="utf-8")
        shown = dict(re.findall(r'id="L(\d+)".*?<span class="pl-source">(.*?)</span>\n</span>', text))
        source = page.model.source.split("\n")
        for number, markup in shown.items():
            plain = html.unescape(re.sub(r"<[^>]+>", "", markup))
            line = source[int(number) - 1]
            assert line == plain or line.startswith(plain), f"{page.path}, line {number}"
            assert re.fullmatch(r"\s*(#\s*)?(\(\w+\)\s*)*", line[len(plain) :]), f"{page.path}, line {number}"


def test_the_navigation_of_generated_folders_names_every_page(generated):
    for name in ("models", "reference"):
        listed = re.findall(r"\]\((.*?)\)", (generated / name / "SUMMARY.md").read_text(encoding="utf-8"))
        there = [path.relative_to(generated / name).as_posix() for path in (generated / name).rglob("*.md")]
        there = [path for path in there if path != "SUMMARY.md" and not path.startswith("include/")]
        assert sorted(listed) == sorted(there)


def test_every_hook_and_public_name_is_in_the_reference(generated):
    import pellucid
    from pellucid.hookspecs import HOOKS

    text = "".join(path.read_text(encoding="utf-8") for path in (generated / "reference").glob("*.md"))
    for hook in HOOKS:
        assert f"### {hook}\n" in text, f"{hook} is not in the hook reference"
    for name in pellucid._HOME:
        assert f"::: pellucid.{name}\n" in text, f"pellucid.{name} is not in the reference"


def test_what_the_written_pages_include_is_generated(generated):
    for page in PAGES:
        for name in re.findall(r'^--8<-- "docs/(.*)"$', page.read_text(encoding="utf-8"), flags=re.M):
            assert (generated / name).read_text(encoding="utf-8").strip(), f"{shown(page)} includes {name}"


def test_the_hook_reference_holds_all_that_the_hooks_say(generated):
    """Signature, arguments, what is yielded and the example of each; core's own tests ask for all of these."""
    from pellucid import hookspecs

    text = (generated / "reference" / "hooks.md").read_text(encoding="utf-8")
    entries = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.S | re.M))
    for name in hookspecs.HOOKS:
        hook, entry = getattr(hookspecs, name), entries[name]
        signature = inspect.signature(hook)
        assert str(signature).replace("'", "") in entry
        for argument in signature.parameters:
            assert re.search(rf"^`{argument}`, .+: \S", entry, re.M), f"{name} does not say what {argument} is"
        assert ("It yields " in entry) == (signature.return_annotation != "None")
        assert (hook.__doc__ or "").split("\n")[0] in entry
        assert f"@hookimpl\ndef {name}(" in entry, f"{name} has no example"


def test_the_remarks_that_a_page_explains_are_made_by_the_loader():
    """Each remark in its tables, but for the names in it, stands in the code that says it."""
    import pluggy

    page = (DOCS / "plugins" / "not-showing-up.md").read_text(encoding="utf-8")
    files = [*(ROOT / "packages/core/src/pellucid").glob("*.py"), *Path(pluggy.__file__).parent.glob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in files]
    code = "".join(re.sub(r'"\n\s*f?"', "", text) for text in texts)  # a string over several lines is one
    tables = re.findall(r"^## It is (?:broken|there, and yet)\n(.*?)(?=^## )", page, re.S | re.M)
    remarks = re.findall(r"^\| [^|`]*`([^`|]+ [^`|]+)`", "".join(tables), re.M)
    assert len(remarks) > 12
    names = r"'[^']*'|\.{3}|[\w-]+/[\w-]+|pellucid_\w+|ModelSpec|\d+ plugin|ModuleNotFoundError: No module named"
    for remark in remarks:
        for part in filter(None, map(str.strip, re.split(names, remark))):
            assert part in code, f"nothing says {part!r}, of {remark!r}"


def test_every_check_is_in_the_reference(generated):
    from pellucid.testing.checks import LEVELS, all_checks

    text = (generated / "reference" / "checks.md").read_text(encoding="utf-8")
    levels = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.S | re.M))
    assert tuple(levels) == LEVELS
    for check in all_checks():
        assert f"| `{check.name}`" in levels[check.level], f"{check.name} is not there"


def test_the_page_about_models_names_every_task_field_and_tag_that_means_something(generated):
    """A tag that the kit or the command line asks for is more than a word to search for."""
    from dataclasses import fields

    from pellucid.specs import MODEL_TASKS, STATUSES, ModelSpec

    page = (DOCS / "plugins" / "models.md").read_text(encoding="utf-8")
    tasks = (generated / "models" / "include" / "tasks.md").read_text(encoding="utf-8")
    assert all(f"`{task}`" in tasks for task in MODEL_TASKS) and tasks.count("\n- ") >= 5
    spec = (generated / "models" / "include" / "model-spec.md").read_text(encoding="utf-8")
    assert all(f"| `{field.name}` | " in spec for field in fields(ModelSpec))
    assert all(f"`{status}`" in page for status in STATUSES)
    kit = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "packages/core/src/pellucid/testing").glob("*.py")
    )
    asked = {*re.findall(r'"([a-z -]+)" (?:not )?in (?:\w+\.)*tags\b', kit), "unscaled target"}
    assert len(asked) > 5 and all(f"| `{tag}` |" in page for tag in asked), asked


DOCSTRING = """Ridge: least squares with a price.

First
paragraph.

    y = w x        (1)
    L = a
      + b          (2)
Gradient.  As before,

    dw = 0

moons   t = 1        (3)
        x = t        (4)

Symbols
-------
    paper  code  shape  meaning
    w      w     (D,)   weights,
                        one row

Cost: O(N).

References
----------
    A (1999), x.
    more
    B (2000), y.
Differs: nothing.
"""


def test_a_docstring_is_cut_into_its_parts():
    reading_page = pytest.importorskip("reading_page")
    doc = reading_page.parse(DOCSTRING)
    assert (doc.title, doc.summary) == ("Ridge", "Least squares with a price.")
    kinds = [(block.kind, block.section) for block in doc.blocks]
    assert kinds == [
        ("text", ""), ("equations", ""), ("text", ""), ("equations", ""), ("equations", ""),
        ("table", "Symbols"), ("text", "Cost"), ("list", "References"), ("text", "Differs"),
    ]  # fmt: skip
    assert [(e.lines, e.number) for e in doc.blocks[1].equations] == [(["y = w x"], "1"), (["L = a", "  + b"], "2")]
    assert [e.number for e in doc.blocks[4].equations] == ["3", "4"]
    assert doc.blocks[5].rows[1] == ["w", "w", "(D,)", "weights, one row"]
    assert [row[0] for row in doc.blocks[7].rows] == ["A (1999), x. more", "B (2000), y."]
    assert doc.blocks[8].text == "Nothing."


# -- the site as it is built -----------------------------------------------------------------------------------------


class Links(html.parser.HTMLParser):
    """What a page of HTML refers to, and the ids it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads_to: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.leads_to.append(values["href"])
        elif tag == "link" and values.get("href") and values.get("rel") not in ("canonical", "prev", "next"):
            self.loads.append(values["href"])
        elif values.get("src"):
            self.loads.append(values["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built strictly from a copy of what it is made of."""
    for module in ("mkdocs", "material", "mkdocstrings_handlers.python", "mkdocs_literate_nav"):
        pytest.importorskip(module)
    copy = tmp_path_factory.mktemp("site")
    ignored = shutil.ignore_patterns("models", "reference")
    shutil.copytree(DOCS, copy / "docs", ignore=ignored)
    shutil.copyfile(ROOT / "mkdocs.yml", copy / "mkdocs.yml")
    (copy / "packages").symlink_to(ROOT / "packages")
    (copy / "examples").symlink_to(ROOT / "examples")
    import docs_pages

    docs_pages.write(copy / "docs", with_examples=False)
    quiet = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(command, cwd=copy, env={**os.environ, **quiet}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy / "site"


def test_the_site_loads_nothing_from_elsewhere(site):
    for path in site.rglob("*.html"):
        for address in Links(path.read_text(encoding="utf-8")).loads:
            assert not re.match(r"(\w+:)?//", address), f"{path.relative_to(site)} loads {address}"
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(\W?(\w+:)?//|@import", path.read_text(encoding="utf-8")), path


def test_every_link_of_the_site_leads_somewhere(site):
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, links in pages.items():
        if path.name == "404.html":
            continue
        for address in links.leads_to:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.exists(), f"{path.relative_to(site)} links to {address}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].ids, f"{path.relative_to(site)} links to {address}"
