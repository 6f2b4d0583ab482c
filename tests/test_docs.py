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
import io
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
WRITTEN = [*sorted(DOCS.glob("*.md")), *(path for path in [ROOT / "README.md"] if path.exists())]
FAMILIES = ("pellucid_datasets", "pellucid_linear", "pellucid_nn")
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.S | re.M)
ALIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


# -- the pages as they are written -----------------------------------------------------------------------------------


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


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
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


@pytest.mark.parametrize("page", WRITTEN, ids=lambda path: path.name)
def test_pellucid_commands_run_and_print_what_the_page_says(page, folder):
    main = pytest.importorskip("pellucid_cli.main").main
    for line, block, _ in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, expected = part.partition("\n")
            words = command.split()
            if words[0] != "pellucid" or "my.csv" in words:
                continue
            printed, told = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(told):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    code = main(words[1:])
            where = f"{page.name}, line {line}: {command}"
            assert code == 0, f"{where}\n{told.getvalue()}"
            if importlib.util.find_spec("matplotlib") is None:
                expected = re.sub(r"^  picture .*\n", "...\n", expected, flags=re.M)
            if expected.strip():
                same = doctest.OutputChecker().check_output(expected, printed.getvalue(), ALIKE)
                assert same, f"{where}: the page says\n{expected}\nand it printed\n{printed.getvalue()}"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_links_between_written_pages_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        parts = urlsplit(target)
        if parts.scheme or not parts.path or parts.path.split("/")[0] in ("models", "reference"):
            continue  # elsewhere, or generated: the build checks those
        path = (page.parent / parts.path).resolve()
        assert path.exists(), f"{page.name} links to {target}"
        if parts.fragment and path.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), flags=re.M)
            slugs = [re.sub(r"[^\w]+", "-", heading.lower()).strip("-") for heading in headings]
            assert parts.fragment in slugs, f"{page.name} links to {target}"


def test_the_navigation_names_every_written_page():
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for path in DOCS.glob("*.md"):
        assert re.search(rf": {re.escape(path.name)}$", settings, flags=re.M), f"{path.name} is not in mkdocs.yml"


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

    ours = {f.name for f in docs_pages.families()}
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
    for page in DOCS.glob("*.md"):
        for name in re.findall(r'^--8<-- "docs/(.*)"$', page.read_text(encoding="utf-8"), flags=re.M):
            assert (generated / name).read_text(encoding="utf-8").strip(), f"{page.name} includes {name}"


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
