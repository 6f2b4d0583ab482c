"""Write the generated part of the website: a page for each model, the reference, and the excerpts other pages include.

    python tools/docs_pages.py                 everything, examples included
    python tools/docs_pages.py --no-examples   without running the examples: no pictures, but quick

Run it before `mkdocs build`. It needs the packages installed and writes two folders that git ignores:

    docs/models/      one page per registered model, one per further file with numbered equations, and a list of both
    docs/reference/   the public names (described by mkdocstrings from the sources), the hooks, the conformance checks,
                      the gradient rules, and what becomes of a gradient in every function of NumPy
    */SUMMARY.md      the order of each folder in the navigation
    docs/models/include/   excerpts of the repository's files, for the hand-written pages to include

A model needs no example and no test to get its page. An example that fails stops the run.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

import model_files
import pellucid
from model_files import ROOT, ModelFile
from pellucid import listeners, numpy_functions, registry, testing
from pellucid.numpy_functions import DIFFERENTIABLE, NO_DERIVATIVE, RAISES
from pellucid.specs import MODEL_TASKS
from pellucid.testing import tasks as kit_tasks
from pellucid.testing.checks import LEVELS, all_checks
from reading_page import Reading, highlight

DOCS = ROOT / "docs"
CORE = ROOT / "packages" / "core"
LINEAR = ROOT / "packages" / "linear" / "src" / "pellucid_linear"
HOME_FILE = LINEAR / "logistic_regression.py"  # what the home page shows: these equations, these functions
HOME_EQUATIONS = ("1", "2", "3", "4")
HOME_FUNCTIONS = ("scores", "log_softmax", "loss", "gradient")
STYLE_FILE = LINEAR / "linear_regression.py"  # what the page about the style quotes

REFERENCE = {  # page -> title, what it is about, modules of the core whose public names it holds
    "autograd": (
        "Autograd",
        "Tensors, gradients and the two ways to state a derivative.",
        ("tensor", "building", "tape", "rules", "primitives", "transforms", "derivatives", "checkpointing", "checking")
        + ("graph_drawing", "gradient_check"),
    ),
    "series": (
        "Polynomials and special functions",
        "What `numpy.polynomial` and `scipy.special` refuse to do with Tensors, under the same names.",
        (),
    ),
    "registry": ("Registry", "Finding, making and registering models and data sets.", ("registry", "dataset_record")),
    "specs": ("Specs", "The records that a plugin yields.", ("specs", "hookspecs")),
    "estimators": ("Estimators", "The base classes of every model with `fit`.", ("estimator",)),
    "saving": ("Saving", "Models and nested arrays in a file, without pickle.", ("saving",)),
    "events": ("Fit events", "Watching a fit while it runs.", ("events",)),
    "parallel": ("Parallel work", "Several processes or machines for one fit.", ()),
    "testing": ("Conformance kit", "Holding models to what is asked of every model, and writing checks.", ()),
}
POLYNOMIAL = (
    "polyval",
    "chebval",
    "legval",
    "hermval",
    "hermeval",
    "lagval",
    "polyvalfromroots",
    "polyval2d",
    "polyval3d",
) + ("polygrid2d", "polygrid3d", "polyvander", "chebvander", "legvander", "hermvander", "hermevander", "lagvander")
SPECIAL = ("logsumexp", "softmax", "log_softmax", "multigammaln", "polygamma")
MORE_NAMES = {  # public names that stay in their module
    "autograd": ("pellucid.gradient_check.GradientError", "pellucid.tape.NoRuleError", "pellucid.tape.enable_grad"),
    "series": (
        *(f"pellucid.polynomial.{name}" for name in POLYNOMIAL),
        *(f"pellucid.scipy_rules.{name}" for name in SPECIAL),
    ),
    "registry": (
        "pellucid.registry.ModelNotFound",
        "pellucid.registry.DatasetNotFound",
        "pellucid.registry.ComponentNotFound",
    ),
    "saving": ("pellucid.saving.load_with_notes", "pellucid.saving.read_header"),
    "events": ("pellucid.events.FitRun", *(f"pellucid.listeners.{name}" for name in listeners.__all__)),
    "parallel": ("pellucid.parallel.map_tasks",),
    "testing": tuple(f"pellucid.testing.{home}.{name}" for name, home in testing._HOME.items()),
}
LEVEL_WORDS = {  # level of the conformance checks -> what is looked at
    "plugin": "The package as a whole: loading, listing, metadata, what the wheel holds, its data sets.",
    "spec": "What is said of a model: its record and its docstring.",
    "object": "A model before its fit: constructor, parameters, clone, repr, pickle.",
    "fit": "Fits and what comes after: input of every kind, bad input, seeds, weights, threads, listeners, saving.",
    "task": "Whether the model does what it is for, and better than a guess, on the toy data of its task.",
    "autograd": "Networks: gradients against finite differences, train and eval, state.",
    "reading": "Whether equations, code and symbols agree in the model's file, if it numbers its equations.",
}


MANY = 16  # parts of a family from which they are listed by kind
PART_KINDS = {  # kind of a component -> what several are called, in the order of the list
    "layer": "Layers",
    "module": "Modules",
    "activation": "Activations",
    "loss": "Losses",
    "optimizer": "Optimizers",
    "scheduler": "Schedulers",
}


@dataclass
class Family:
    """One package that registers models, data sets or commands."""

    name: str
    folder: Path
    distribution: str
    description: str


@dataclass
class Page:
    """One reading page: a file, and the registered model it is for, if any."""

    family: Family
    slug: str
    title: str
    model: ModelFile
    spec: pellucid.ModelSpec | None = None
    cls: type[Any] | None = None

    @property
    def path(self) -> str:
        return f"{self.family.name}/{self.slug}.md"

    @property
    def summary(self) -> str:
        return self.spec.summary if self.spec else Reading(self.model).doc.summary


# -- what there is -------------------------------------------------------------------------------------------------


def families() -> list[Family]:
    """The packages of this repository, in alphabetical order, without the core."""
    found = []
    for folder in model_files.packages():
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        if folder.name != "core":
            found.append(Family(folder.name, folder, project["name"], project["description"]))
    return found


def strangers() -> list[Family]:
    """The packages in examples/, which the site shows as it would any author's: registered here, not installed."""
    found = []
    for file in sorted((ROOT / "examples").glob("*/pyproject.toml")):
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        ((name, target),) = project["entry-points"]["pellucid.v1"].items()
        if not any(plugin.family == name for plugin in pellucid.plugins()):
            sys.path.insert(0, str(file.parent / "src"))
            for spec in importlib.import_module(target).pellucid_models():
                pellucid.register(spec)
        found.append(Family(name, file.parent, f"./{file.parent.relative_to(ROOT)}", project["description"]))
    return found


def pages() -> list[Page]:
    """Every reading page: families with models first, and in each its models before the other files with equations."""
    found: list[Page] = []
    for family in [*families(), *strangers()]:
        source = model_files.source_folder(family.folder)
        specs = []
        for spec in pellucid.models(family=family.name):
            cls = pellucid.get(spec.id)
            file = (family.folder / "src" / cls.__module__.replace(".", "/")).with_suffix(".py")
            if file.exists():  # else it comes from another package
                specs.append((spec, cls, file))
        files = [file for _, _, file in specs]
        for spec, cls, file in specs:
            model = model_files.read(file)
            title = cls.__name__ if files.count(file) > 1 else Reading(model).doc.title
            found.append(Page(family, spec.name, title or cls.__name__, model, spec, cls))
        taken = {page.slug for page in found if page.family is family}
        for file in model_files.model_files(family.folder):
            if file not in files:
                model = model_files.read(file)
                name = "-".join(file.relative_to(source).with_suffix("").parts).replace("_", "-")
                slug = f"{name}-file" if name in taken else name
                found.append(Page(family, slug, Reading(model).doc.title, model))
    with_models = {page.family.name for page in found if page.spec}
    ours = {family.name for family in families()}
    return sorted(found, key=lambda page: (page.family.name not in ours, page.family.name not in with_models))


# -- model pages ---------------------------------------------------------------------------------------------------


def write_models(out: Path, with_examples: bool) -> None:
    """Write one page for each model and part, the list of them, and the excerpts."""
    found = pages()
    folders = [(out / page.path).parent for page in found]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    files = [example_file(page) if with_examples else None for page in found]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # only for waiting: Python 3.11 parses in one thread at a time
        runs = [
            pool.submit(run_example, file, folder / page.slug) if file else None
            for page, folder, file in zip(found, folders, files)
        ]
    for page, run in zip(found, runs):
        shown = example(page, *run.result()) if run else example(page)
        (out / page.path).write_text(model_page(page, found, shown), encoding="utf-8")
    (out / "index.md").write_text(models_index(found), encoding="utf-8")
    lines = ["* [All models](index.md)"]
    for family in unique(page.family.name for page in found):
        lines.append(f"* {family}")
        for heading, group in groups([page for page in found if page.family.name == family]):
            indent = "    "
            if heading:
                lines.append(f"{indent}* {heading}")
                indent *= 2
            lines += [f"{indent}* [{page.title}]({page.path})" for page in group]
    (out / "SUMMARY.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_excerpts(out / "include", found)


def groups(mine: list[Page]) -> list[tuple[str, list[Page]]]:
    """The pages of a family under headings: its models under none, then its parts; where these are many, by kind."""
    models, parts = [page for page in mine if page.spec], [page for page in mine if not page.spec]
    if len(parts) < MANY:
        return [("", models + parts)]
    kind_of = {spec.target.split(":")[0]: spec.kind for spec in reversed(pellucid.components())}
    kinds = [kind_of.get(page.model.module, "") for page in parts]
    headed = [(word, [p for p, k in zip(parts, kinds) if k == kind]) for kind, word in PART_KINDS.items()]
    rest = [page for page, kind in zip(parts, kinds) if kind not in PART_KINDS]
    return [(heading, group) for heading, group in [("", models), *headed, ("What they are made of", rest)] if group]


def model_page(page: Page, all_pages: list[Page], example: str) -> str:
    """The Markdown of one reading page."""

    def find_page(name: str) -> str | None:
        if name == page.model.path.name:
            return ""
        for other in all_pages:
            if other.family is page.family and other.model.path.name == name:
                return f"../{other.slug}/"
        return None

    reading = Reading(page.model, find_page)
    parts = [
        f"---\ntitle: {quoted(page.title)}\ndescription: {quoted(page.summary)}\nhide: [navigation, toc]\n---\n",
        f"# {page.title} {{ .pl-title }}\n",
        f'<p class="pl-lead">{reading.inline(page.summary)}</p>\n',
        facts(page, all_pages),
        reading.page() + "\n",
    ]
    if page.cls is not None:
        parts.append(use(page))
    if reading.numbers:
        parts += ["## Proof\n", "Each equation, the lines that compute it, and the tests that prove it.\n"]
        parts.append(reading.proof() + "\n")
    if example:
        parts += ["## Example\n", example]
    for section, title in (("Cost", "Cost"), ("References", "References"), ("Differs", "Differs from them")):
        if text := reading.below(section):
            parts += [f"## {title}\n", f'<div class="pl-below">{text}</div>\n']
    return "\n".join(parts)


def facts(page: Page, all_pages: list[Page]) -> str:
    """What one wants to know first, as a row of labels and values."""
    rows: list[tuple[str, str]] = []
    if page.spec:
        rows += [
            ("id", f"<code>{page.spec.id}</code>"),
            ("for", ", ".join(page.spec.tasks)),
            ("install", f"<code>pip install {page.family.distribution}</code>"),
        ]
        if page.spec.status != "stable":
            rows.append(("status", page.spec.status))
    uses = imported_pages(page, all_pages)
    users = [other for other in all_pages if other is not page and page in imported_pages(other, all_pages)]
    link = '<a href="../{}/">{}</a>'
    if uses:
        rows.append(("builds on", ", ".join(link.format(other.slug, escape(other.title)) for other in uses)))
    if users and not page.spec:
        rows.append(("used by", ", ".join(link.format(other.slug, escape(other.title)) for other in users)))
    if not rows:
        return ""
    return '<dl class="pl-facts">' + "".join(f"<div><dt>{k}</dt><dd>{v}</dd></div>" for k, v in rows) + "</dl>\n"


def imported_pages(page: Page, all_pages: list[Page]) -> list[Page]:
    """The pages of the files that a file imports from its own package."""
    package = page.model.module.split(".")[0]
    names: list[str] = []
    for node in page.model.tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package:
            names += [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    found = [other for other in all_pages if other.model.module in names]
    return [other for i, other in enumerate(found) if other.model.path not in {f.model.path for f in found[:i]}]


def use(page: Page) -> str:
    """How the model is made: its parameters, what it learns, and an example from its docstring."""
    assert page.spec is not None and page.cls is not None
    doc = inspect.cleandoc(page.cls.__doc__ or "")
    parts = ["## Use\n"]
    if examples := section_text(doc, "Examples"):
        module = page.cls.__module__.split(".")[0]
        public = hasattr(importlib.import_module(module), page.cls.__name__)
        imported = module if public else page.cls.__module__
        parts.append(f"```pycon\n>>> from {imported} import {page.cls.__name__}\n{examples}\n```\n")
    if {"classification", "regression"} & set(page.spec.tasks):
        parts.append(f"```console\n$ pellucid fit {page.spec.id} my.csv --target column --out model.npz\n```\n")
    defaults = {name: p.default for name, p in inspect.signature(page.cls).parameters.items()}
    if rows := numpydoc_entries(section_text(doc, "Parameters")):
        parts += ["### Parameters\n", parameter_table(rows, defaults), ""]
    if rows := numpydoc_entries(section_text(doc, "Attributes")):
        parts += ["### What it learns\n", parameter_table(rows, None), ""]
    name = f"{page.cls.__module__}.{page.cls.__qualname__}"
    parts.append(f"All methods: [`{page.cls.__name__}`][{name}].\n")
    return "\n".join(parts)


def section_text(doc: str, name: str) -> str:
    """The body of one numpydoc section of a docstring."""
    found = re.search(rf"^{name}\n-+\n(.*?)(?=\n+^[A-Z][\w ]*\n-{{3,}}$|\Z)", doc, re.S | re.M)
    return found[1].strip("\n") if found else ""


def numpydoc_entries(text: str) -> list[tuple[str, str, str]]:
    """(names, type, meaning) of each entry of a Parameters or Attributes section."""
    entries: list[tuple[str, str, str]] = []
    for line in text.split("\n"):
        if line.strip() and not line[0].isspace():
            names, _, kind = line.partition(" : ")
            entries.append((names.strip(), kind.strip(), ""))
        elif entries and line.strip():
            names, kind, meaning = entries[-1]
            entries[-1] = (names, kind, f"{meaning} {line.strip()}".strip())
    return entries


def parameter_table(rows: list[tuple[str, str, str]], defaults: dict[str, Any] | None) -> str:
    """Parameters with their defaults, or attributes, as a Markdown table."""
    head = ["Name", "Type", "Meaning"] if defaults is None else ["Name", "Default", "Type", "Meaning"]
    lines = [table_row(head), table_row(["---"] * len(head))]
    for names, kind, meaning in rows:
        cells = [", ".join(f"`{name.strip()}`" for name in names.split(",")), plain_cell(kind), meaning]
        if defaults is not None:
            given = [defaults.get(name.strip(), inspect.Parameter.empty) for name in names.split(",")]
            shown = [f"`{value!r}`" for value in given if value is not inspect.Parameter.empty]
            cells.insert(1, ", ".join(shown) or "required")
        lines.append(table_row(cells))
    return "\n".join(lines) + "\n"


def plain_cell(text: str) -> str:
    return text.replace("<", "&lt;").replace("{", "&#123;").replace("*", "&#42;")


def table_row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def models_index(all_pages: list[Page]) -> str:
    """The list of models, by family."""
    lines = [
        "---\ntitle: Models\nhide: [toc]\n---\n",
        "# Models\n",
        "Each page shows a model's equations beside the code that computes them. Point at an equation and its lines",
        "light up; follow its number and you stand on the line. Below: parameters, and the tests that prove each",
        "equation.\n",
    ]
    for name in unique(page.family.name for page in all_pages):
        mine = [page for page in all_pages if page.family.name == name]
        family = mine[0].family
        lines += [f"## {name}\n", f"{family.description}\n"]
        if family.distribution.startswith("."):
            lines.append("A package by itself, as [anybody could publish it](../plugins/index.md).\n")
        lines += [f"```console\n$ pip install {family.distribution}\n```\n"]
        if models := [page for page in mine if page.spec]:
            lines += ["| Model | Id | For | Summary |", "| --- | --- | --- | --- |"]
            for page in models:
                assert page.spec is not None
                tasks = ", ".join(page.spec.tasks)
                lines.append(table_row([f"[{page.title}]({page.path})", f"`{page.spec.id}`", tasks, page.summary]))
            lines.append("")
        for heading, group in groups(mine):
            parts = [page for page in group if not page.spec]
            if heading:
                lines.append(f"### {heading}\n")
            if parts:
                lines += ["| Part | File | What it is |", "| --- | --- | --- |"]
                for page in parts:
                    lines.append(table_row([f"[{page.title}]({page.path})", f"`{page.model.path.name}`", page.summary]))
                lines.append("")
    return "\n".join(lines)


def example_file(page: Page) -> Path | None:
    """The script that is the example of a model, if there is one."""
    names = (page.slug.replace("-", "_"), page.model.path.stem)
    paths = [page.family.folder / "examples" / f"{name}.py" for name in names]
    return next((path for path in paths if path.exists()), None)


def example(page: Page, printed: str = "", picture: Path | None = None) -> str:
    """The example of a model: its picture and output if it was run, and its code; "" if there is none."""
    path = example_file(page)
    if path is None:
        return ""
    source = path.read_text(encoding="utf-8")
    title = (ast.get_docstring(ast.parse(source)) or "").split("\n")[0]
    parts = [f"{title}\n"] if title else []
    if picture:
        parts.append(f"![{title or page.title}]({picture.name}){{ .pl-picture }}\n")
    if printed:
        parts.append(f"```text\n{printed}\n```\n")
    code = "\n".join(highlight(source))
    parts.append(
        f"<details><summary><code>{escape(model_files.shown(path))}</code></summary>"
        f'<div class="highlight" tabindex="0"><pre><code>{code}</code></pre></div></details>\n'
    )
    return "\n".join(parts)


def run_example(path: Path, picture: Path) -> tuple[str, Path | None]:
    """Run an example in an empty folder; return what it printed, and where its picture is now."""
    settings = {"MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "SOURCE_DATE_EPOCH": "0"}
    settings["PYTHONPATH"] = str(path.parent.parent / "src")  # a stranger's package is not installed
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(path), "picture.png"],
            cwd=folder,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=600,
        )
        if done.returncode:
            raise SystemExit(f"docs_pages: {model_files.shown(path)} failed:\n{done.stdout}{done.stderr}")
        printed = "\n".join(line for line in done.stdout.rstrip().split("\n") if "picture" not in line)
        drawn = sorted(file for file in Path(folder).rglob("*") if file.suffix in {".png", ".svg"})
        if not drawn:
            return printed, None
        kept = picture.with_suffix(drawn[0].suffix)
        shutil.copyfile(drawn[0], kept)
        return printed, kept


# -- excerpts that hand-written pages include ----------------------------------------------------------------------


def write_excerpts(out: Path, all_pages: list[Page]) -> None:
    """Write the pieces that the hand-written pages include, so that nothing is written twice."""
    out.mkdir(parents=True, exist_ok=True)
    page = next((page for page in all_pages if page.model.path == HOME_FILE), None)
    whole = f'<a href="models/{page.family.name}/{page.slug}/">The whole model</a>' if page else "The whole model"
    hint = f'<p class="pl-hint">Point at an equation, or at a line with a number in its margin. {whole}.</p>'
    home = Reading(model_files.read(HOME_FILE)).excerpt(HOME_EQUATIONS, HOME_FUNCTIONS, hint)
    (out / "home.html").write_text(home + "\n", encoding="utf-8")
    (out / "families.md").write_text(family_table(all_pages), encoding="utf-8")
    (out / "decisions.md").write_text(decisions(), encoding="utf-8")
    (out / "model-spec.md").write_text(model_spec_table(), encoding="utf-8")
    (out / "tasks.md").write_text(tasks_table(), encoding="utf-8")
    (out / "levels.md").write_text(levels_table(), encoding="utf-8")
    for name, text in style_excerpts(model_files.read(STYLE_FILE)).items():
        (out / f"style-{name}.py").write_text(text + "\n", encoding="utf-8")


def family_table(all_pages: list[Page]) -> str:
    """Every family that can be installed now, and the names of those that are planned."""
    lines = ["| Family | What it holds | Install |", "| --- | --- | --- |"]
    has_models = {page.family.name for page in all_pages if page.spec}
    for family in sorted(families(), key=lambda family: family.name not in has_models):
        n = sum(1 for page in all_pages if page.family.name == family.name)
        name = f"[{family.name}](models/index.md#{family.name})" if n else family.name
        lines.append(table_row([name, family.description, f"`pip install {family.distribution}`"]))
    here = {family.name for family in families()}
    planned = [name for name in pellucid.OFFICIAL_FAMILIES if name not in here]
    if planned:
        lines += ["", f"Planned: {', '.join(planned)}."]
    return "\n".join(lines) + "\n"


def decisions() -> str:
    """What the gradient rules decide where a derivative does not exist, from the docstrings of the rules."""
    lines = []
    for path in model_files.rule_files(CORE):
        _, *more = prose(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")
        if more:
            lines.append(f"- **{rules_title(path)}.** {' '.join(more)}")
    return "\n".join(lines) + "\n"


def model_spec_table() -> str:
    """The fields of a ModelSpec, from its docstring."""
    doc = inspect.cleandoc(pellucid.ModelSpec.__doc__ or "")
    rows = numpydoc_entries(section_text(doc, "Parameters"))
    defaults = {name: p.default for name, p in inspect.signature(pellucid.ModelSpec).parameters.items()}
    return parameter_table(rows, {**defaults, "smoke": {}})


def tasks_table() -> str:
    """Every task: the interface of its models and the toy data of the conformance kit, from `testing/tasks.py`."""
    block, _, notes = inspect.cleandoc(kit_tasks.__doc__ or "").partition("What stands after a semicolon")
    lines = ["| Task | Every model has | Checked where it is there | Toy data |", "| --- | --- | --- | --- |"]
    for entry in re.split(r"^    (?=\w)", block, flags=re.M)[1:]:
        names, words = re.split("  +", entry, maxsplit=1)
        text, _, like = re.sub(r" \((as in \S+)\)$", r"|\1", " ".join(words.split())).partition("|")
        needed, _, more = (f"`{part.strip()}`" if part.strip() else "" for part in text.partition(";"))
        docs = [kit_tasks.TASKS[name].data.__doc__ for name in names.split(", ")]
        data = "<br>".join(doc.split("\n")[0].rstrip(".") if doc else "what `example_input` returns" for doc in docs)
        called = ", ".join(f"`{name}`" for name in names.split(", ")) + (f", {like}" if like else "")
        lines.append(table_row([called, needed, more, data]))
    return "\n".join(lines) + "\n\n" + "\n".join(re.findall(r"^(?:- |  )\S.*$", notes, re.M)) + "\n"


def levels_table() -> str:
    """The levels of the conformance checks, as a page in docs/plugins includes them."""
    count = Counter(check.level for check in all_checks())
    rows = [[f"[`{level}`](../reference/checks.md#{level})", str(count[level]), LEVEL_WORDS[level]] for level in LEVELS]
    return "\n".join(table_row(row) for row in [["Level", "Checks", "What is looked at"], ["---"] * 3, *rows]) + "\n"


def prose(doc: str) -> list[str]:
    """The paragraphs of a docstring, each on one line, up to its first heading; what is indented becomes code."""
    before = re.split(r"^[A-Z].*\n-{3,}$", doc, maxsplit=1, flags=re.M)[0]
    found = []
    for part in filter(str.strip, before.split("\n\n")):
        if part.startswith(" "):
            found.append("`" + re.sub(r"[ \n]{2,}", ", ", part.strip()) + "`")
        else:
            found.append(re.sub(r"``(.+?)``", r"`\1`", " ".join(part.split())))
    return found


def rules_title(path: Path) -> str:
    return "scipy.special" if path.stem == "scipy_rules" else path.stem.replace("_", " ").capitalize()


def style_excerpts(model: ModelFile) -> dict[str, str]:
    """A model file cut into what the style names: docstring, params, steps, driver, class; and one of its tests."""
    lines = model.source.split("\n")

    def text(node: ast.stmt) -> str:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
        return "\n".join(lines[first - 1 : node.end_lineno])

    functions = [node for node in model.tree.body if isinstance(node, ast.FunctionDef)]
    classes = [node for node in model.tree.body if isinstance(node, ast.ClassDef)]
    found = {
        "docstring": text(model.tree.body[0]),
        "params": "\n\n\n".join(text(node) for node in classes if node.name == "Params"),
        "steps": "\n\n\n".join(text(node) for node in functions if node.name != "fit"),
        "driver": "\n\n\n".join(text(node) for node in functions if node.name == "fit"),
        "class": "\n\n\n".join(text(node) for node in classes if node.name != "Params"),
    }
    if empty := [name for name, excerpt in found.items() if not excerpt]:
        raise SystemExit(f"docs_pages: {model_files.shown(model.path)} has no {', '.join(empty)} to quote")
    tests = Reading(model).tests
    found["test"] = tests[0].source if tests else "# no test yet"
    return found


# -- reference -----------------------------------------------------------------------------------------------------


def write_reference(out: Path) -> None:
    """Write the reference: public names by topic, hooks, rules."""
    out.mkdir(parents=True, exist_ok=True)
    listed = ["* [Reference](index.md)", "* pellucid"]
    index = ["---\ntitle: Reference\nhide: [toc]\n---\n", "# Reference\n", "## pellucid\n"]
    claimed: set[str] = set()
    for slug, (title, about, modules) in REFERENCE.items():
        names = [name for name, home in pellucid._HOME.items() if home in modules]
        claimed |= set(names)
        more = [name for name in MORE_NAMES.get(slug, ()) if name.rpartition(".")[2] not in names]
        full = [*(f"pellucid.{name}" for name in names), *more]
        (out / f"{slug}.md").write_text(api_page(title, about, full), encoding="utf-8")
        listed.append(f"    * [{title}]({slug}.md)")
        index.append(f"- [{title}]({slug}.md): {short_names(full)}")
    missing = set(pellucid._HOME) - claimed
    if missing:
        raise SystemExit(f"docs_pages: REFERENCE has no page for {', '.join(sorted(missing))}")
    (out / "hooks.md").write_text(hooks_page(), encoding="utf-8")
    (out / "checks.md").write_text(checks_page(), encoding="utf-8")
    (out / "rules.md").write_text(rules_page(), encoding="utf-8")
    (out / "numpy-functions.md").write_text(numpy_functions_page(), encoding="utf-8")
    listed += [
        "    * [Hooks](hooks.md)",
        "    * [Conformance checks](checks.md)",
        "    * [Gradient rules](rules.md)",
        "    * [NumPy functions](numpy-functions.md)",
    ]
    index += [
        "- [Hooks](hooks.md): what a plugin can bring",
        "- [Conformance checks](checks.md): what is asked of every package and every model",
        "- [Gradient rules](rules.md): every derivative, one row each",
        "- [NumPy functions](numpy-functions.md): what becomes of a gradient in each of them",
    ]
    listed.append("* families")
    index += ["", "## Families\n"]
    for family in [*families(), *strangers()]:
        names = public_names(family)
        if names:
            (out / f"{family.name}.md").write_text(api_page(family.name, family.description, names), encoding="utf-8")
            listed.append(f"    * [{family.name}]({family.name}.md)")
            index.append(f"- [{family.name}]({family.name}.md): {short_names(names)}")
    (out / "index.md").write_text("\n".join(index) + "\n", encoding="utf-8")
    (out / "SUMMARY.md").write_text("\n".join(listed) + "\n", encoding="utf-8")


def public_names(family: Family) -> list[str]:
    """Where the public names of a family are defined, in the order of its `__all__`."""
    source = model_files.source_folder(family.folder)
    module = importlib.import_module(source.name)
    found = []
    for name in getattr(module, "__all__", []):
        value = getattr(module, name)
        if callable(value):
            home, own = getattr(value, "__module__", module.__name__), getattr(value, "__qualname__", name)
            found.append(f"{home}.{own}")
    return unique(found)


def short_names(names: Iterable[str]) -> str:
    """`Tensor`, `grad` from pellucid.Tensor, pellucid.grad."""
    return ", ".join(f"`{name.rpartition('.')[2]}`" for name in names)


def api_page(title: str, about: str, names: Iterable[str]) -> str:
    """A page on which mkdocstrings describes each name."""
    return "\n".join([f"---\ntitle: {title}\n---\n", f"# {title}\n", f"{about}\n", *(f"::: {n}\n" for n in names)])


def hooks_page() -> str:
    """Every hook: signature, when it is called, what goes in and out, an example; from hookspecs.py."""
    path = model_files.source_folder(CORE) / "hookspecs.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hooks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("pellucid_")]
    lines = ["# Hooks\n", "Everything a plugin can bring. All are optional; each is a function marked `@hookimpl`.\n"]
    for title, about, wanted in (
        ("Asked once", "A list may be returned in place of a generator.", False),
        ("Told about every fit", "What is returned is not looked at. A hook may leave out arguments.", True),
    ):
        lines += [f"## {title}\n", f"{about}\n"]
        for node in hooks:
            if bool(node.args.args) == wanted:
                lines += hook_entry(node)
    lines.append("What is yielded: [specs](specs.md). What a listener sees: [fit events](events.md).\n")
    return "\n".join(lines)


def hook_entry(node: ast.FunctionDef) -> list[str]:
    """One hook, from its docstring."""
    doc = ast.get_docstring(node) or ""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    lines = [f"### {node.name}\n", f"```text\n{node.name}({ast.unparse(node.args)}){returns}\n```\n"]
    lines += [f"{paragraph}\n" for paragraph in prose(doc)]
    for names, kind, meaning in numpydoc_entries(section_text(doc, "Parameters")):
        lines.append(f"`{names}`, {record_link(kind)}: {meaning}\n")
    for kind, _, meaning in numpydoc_entries(section_text(doc, "Yields")):
        lines.append(f"It yields {record_link(kind)}: {meaning[:1].lower()}{meaning[1:]}\n")
    if example := section_text(doc, "Examples"):
        lines.append(f"```python\n{example}\n```\n")
    return lines


def record_link(name: str) -> str:
    """The name of a spec or of `FitRun`, linked to its description; another name as it is."""
    home = {"FitRun": "pellucid.events.FitRun"}.get(name, f"pellucid.{name}" if name in pellucid._HOME else "")
    return f"[`{name}`][{home}]" if home else f"`{name}`"


def checks_page() -> str:
    """Every check of the conformance kit, by level."""
    lines = [
        "# Conformance checks\n",
        "What `pellucid check` and [`conformance`][pellucid.testing.pytest_module.conformance] hold a package and each",
        "of its models to. How to run them, and how to name one that is expected to fail:",
        "[testing](../plugins/testing.md).\n",
    ]
    for level in LEVELS:
        whole = level == "plugin"
        head = ["Check", "It wants"] if whole else ["Check", "For", "It wants"]
        lines += [f"## {level}\n", f"{LEVEL_WORDS[level]}\n", table_row(head), table_row(["---"] * len(head))]
        for check in all_checks():
            if check.level == level:
                name = f"`{check.name}`" + ("" if check.since == "0.1" else f" (since {check.since})")
                tasks = [] if whole else [tasks_in_words(check.tasks)]
                lines.append(table_row([name, *tasks, plain_cell(check.wants)]))
        lines.append("")
    return "\n".join(lines)


def tasks_in_words(tasks: tuple[str, ...]) -> str:
    """The tasks of a check, or those that it is not for where these are fewer."""
    others = [task for task in MODEL_TASKS if task not in tasks]
    if not others:
        return "all"
    return f"all but {', '.join(others)}" if len(others) < len(tasks) else ", ".join(tasks)


def rules_page() -> str:
    """Every gradient rule, as its source says it."""
    lines = [
        "# Gradient rules\n",
        "The derivative of each function, as the source states it: `dy` is the gradient of the result, `y` the result,",
        "the other names are the arguments. Axes that broadcasting added are summed by the engine. Every function of",
        "NumPy, and what becomes of a gradient in it: [NumPy functions](numpy-functions.md). How to add a rule:",
        "[autograd](../autograd.md#a-rule-for-a-numpy-function).\n",
    ]
    for path in model_files.rule_files(CORE):
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        lines += [f"## {rules_title(path)}\n", *(f"{part}\n" for part in prose(ast.get_docstring(tree) or ""))]
        rows = [rule_row(call, source, tree) for call in calls(tree, "rule")]
        if rows:
            lines += ["| Function | Gradient of each argument |", "| --- | --- |", *rows, ""]
        written = [decorator.args[0] for decorator in decorators(tree, "written_as")]
        if written:
            names = ", ".join(f"`{ast.unparse(name)}`" for name in written)
            lines.append(f"Written with functions that have rules: {names}.\n")
        constant = [ast.unparse(name) for call in calls(tree, "constant") for name in call.args]
        if constant:
            names = ", ".join(f"`{name}`" for name in constant)
            lines.append(f"Without a derivative, so the result is a plain array: {names}.\n")
    return "\n".join(lines)


def numpy_functions_page() -> str:
    """What becomes of a gradient in every function of NumPy."""
    table = numpy_functions.table()
    count = Counter(row.state for row in table)
    lines = [
        "# NumPy functions\n",
        f"Of the {len(table)} functions in the public namespaces of NumPy {np.__version__}, {count[DIFFERENTIABLE]}",
        f"are differentiable, {count[NO_DERIVATIVE]} have no derivative and return plain arrays as in NumPy, and",
        f"{count[RAISES]} raise and say what to write instead. There is no fourth state: a test calls each of them.",
        "The derivatives themselves: [gradient rules](rules.md).\n",
    ]
    for space in numpy_functions.NAMESPACES:
        rows = [row for row in table if row.name.rpartition(".")[0] == space]
        lines += [f"## {space}\n", "| Function | State | How |", "| --- | --- | --- |"]
        lines += [table_row([f"`{row.name}`", row.state, plain_cell(row.how)]) for row in rows]
        lines.append("")
    return "\n".join(lines)


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in found if isinstance(call.func, ast.Name) and call.func.id == name and call.args]


def decorators(tree: ast.AST, name: str) -> list[ast.Call]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [d for node in nodes for d in node.decorator_list if isinstance(d, ast.Call) and d in calls(node, name)]


def rule_row(call: ast.Call, source: str, tree: ast.Module) -> str:
    """One row of the table: `np.tanh` and `dy * (1 - y * y)`."""
    words = {node.name: ast.get_docstring(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    shown = []
    for argument in call.args[1:]:
        if isinstance(argument, ast.Lambda):
            text = " ".join((ast.get_source_segment(source, argument.body) or "").split())
            shown.append("none" if text == "None" else f"`{text}`")
        elif isinstance(argument, ast.Constant):
            shown.append("none")
        else:
            about = words.get(argument.id) if isinstance(argument, ast.Name) else None
            text = " ".join(ast.unparse(argument).split())
            shown.append(f"`{text}`" + (f": {about.split(chr(10))[0].rstrip('.')}" if about else ""))
    return table_row([f"`{ast.unparse(call.args[0])}`", "<br>".join(shown)])


# -- the whole -----------------------------------------------------------------------------------------------------


def unique(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


def quoted(text: str) -> str:
    """A text as a YAML string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write(docs: Path, with_examples: bool = True) -> None:
    """Write both folders anew into the documentation's folder."""
    for name in ("models", "reference"):
        shutil.rmtree(docs / name, ignore_errors=True)
    (docs / "models").mkdir(parents=True)
    write_models(docs / "models", with_examples)
    write_reference(docs / "reference")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--no-examples", action="store_true", help="do not run the examples")
    chosen = parser.parse_args(arguments)
    broken = [plugin for plugin in registry.plugins() if plugin.error]
    for plugin in broken:
        print(f"docs_pages: {plugin.distribution} does not load: {plugin.error}", file=sys.stderr)
    write(DOCS, with_examples=not chosen.no_examples)
    count = {name: len(list((DOCS / name).rglob("*.md"))) for name in ("models", "reference")}
    print(f"docs_pages: {count['models']} files in docs/models, {count['reference']} in docs/reference")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
