"""`pellucid new`: a plugin package of one's own, or one more model in it, each filled with an example that works.

The files are made from those in `templates/`. Nothing that is there already is ever overwritten: either everything is
written, or nothing.
"""

from __future__ import annotations

import ast
import json
import keyword
import re
import shlex
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import click

import pellucid
from pellucid.specs import KEBAB, plain
from pellucid_cli.faults import Fault
from pellucid_cli.wording import did_you_mean, enumerate_names

TEMPLATES = Path(__file__).parent / "templates"
PLUGIN_FILES = {  # file of a new package -> its template, if it is not empty; the model and its test join these
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "LICENSE": "LICENSE",
    ".gitignore": "gitignore",
    ".github/workflows/ci.yml": "ci.yml",
    ".github/workflows/publish.yml": "publish.yml",
    "src/$package/__init__.py": "init.py",
    "src/$package/_plugin.py": "plugin.py",
    "src/$package/py.typed": "",
    "tests/test_conformance.py": "test_conformance.py",
    "examples/$module.py": "example.py",
}


@dataclass(frozen=True)
class Example:
    """The model that stands in the template of a task, until another takes its place."""

    name: str
    summary: str
    references: tuple[str, ...]
    tags: tuple[str, ...] = ()
    smoke: Mapping[str, Any] = field(default_factory=dict)


EXAMPLES = {
    "classification": Example(
        name="nearest-centroid",
        summary="The class whose centroid is nearest",
        references=("Tibshirani et al. (2002), Diagnosis of multiple cancer types by shrunken centroids",),
        tags=("multi-class", "sample weights"),
    ),
    "regression": Example(
        name="kernel-smoother",
        summary="The average of the targets nearby",
        references=("Nadaraya (1964), On estimating regression", "Watson (1964), Smooth regression analysis"),
        tags=("non-parametric", "sample weights"),
    ),
    "clustering": Example(
        name="k-means",
        summary="Groups of rows around K means",
        references=("Lloyd (1982), Least squares quantization in PCM",),
        smoke={"n_clusters": 3, "random_state": 0},
    ),
    "transform": Example(
        name="standard-scores",
        summary="Every column with mean 0 and standard deviation 1",
        references=("Hastie, Tibshirani & Friedman (2009), The elements of statistical learning, sec. 3.4.1",),
    ),
    "density": Example(
        name="gaussian",
        summary="One Gaussian over all columns",
        references=("Bishop (2006), Pattern recognition and machine learning, sec. 2.3.4",),
    ),
}


@click.group("new")
def command() -> None:
    """Write a plugin package of your own, or one more model in it."""


# -- a package -----------------------------------------------------------------------------------------------------


@command.command("plugin")
@click.argument("name", metavar="NAME")
@click.option("--into", metavar="DIR", default=".", show_default=True, help="The folder that the package's goes into.")
@click.option(
    "--author", metavar="NAME", help='Who it is by: "Ada" or "Ada <ada@example.org>". By default who git says.'
)
@click.option("--family", metavar="NAME", help="What its models' ids begin with; by default NAME.")
def plugin_command(name: str, into: str, author: str | None, family: str | None) -> None:
    """Write a package that brings a model, ready to install.

    It holds a nearest-centroid classifier with its equations and tests, the conformance test, an example, and the
    workflows that test and publish it.

    \b
    pellucid new plugin acme
    pip install -e ./pellucid-acme
    pytest pellucid-acme
    """
    name = name.removeprefix("pellucid-")
    check_name("NAME", name, like="'acme' or 'deep-sets'")
    if name.startswith("pellucid-"):
        bare = re.sub("^(pellucid-)+", "", name)
        raise click.UsageError(f"NAME must have 'pellucid-' in front of it once, or not at all; try {bare!r}.")
    family = name if family is None else family
    check_name("--family", family, like="'acme'")
    distribution = f"pellucid-{name}"
    check_family(family, distribution)

    parent = Path(into)
    if not parent.is_dir():
        raise click.UsageError(f"--into {into}: there is no such folder; make it first")
    folder = parent / distribution
    if folder.exists() and not (folder.is_dir() and _is_empty(folder)):
        raise Fault(f"{folder} is there already, and nothing is overwritten; take another name, or another --into")

    example = EXAMPLES["classification"]
    model = Model(family=family, name=example.name, package=f"pellucid_{name.replace('-', '_')}", task="classification")
    author, email = read_author(author, distribution)
    person = {"name": author} | ({"email": email} if email else {})
    words = model.words | {
        "distribution": distribution,
        "about": f"Models of the family {family} for Pellucid.",
        "author": author,
        "author_toml": "{ " + ", ".join(f"{key} = {_toml(value)}" for key, value in person.items()) + " }",
        "year": str(date.today().year),
        "core_bound": core_bound(pellucid.__version__),
        "entry": model.entry(),
    }
    files = {Template(path).substitute(words): render(template, words) for path, template in PLUGIN_FILES.items()}
    files |= model.files()
    with creating({folder / path: text for path, text in files.items()}):
        pass
    click.secho(str(folder), bold=True)
    for path in files:
        click.echo(f"  {path}")
    where = str(folder) if folder.is_absolute() else f"./{folder}"  # without the ./ pip may take it for a name
    click.echo("\nnext")
    for line in (
        shlex.join(["pip", "install", "-e", where]),
        shlex.join(["pytest", str(folder)]),
        f"pellucid show {model.id}",
    ):
        click.echo(f"  {line}")


def check_name(what: str, name: str, like: str) -> None:
    """Refuse a name that could not be part of an id and of an import.

    Raises
    ------
    click.UsageError
        With a name that could, if there is one near.
    """
    if not re.fullmatch(KEBAB, name):
        near = _kebab(name)
        hint = f" Try {near!r}." if re.fullmatch(KEBAB, near) else ""
        raise click.UsageError(f"{what} must be lower case with hyphens, like {like}; got {plain(name)!r}.{hint}")
    if {name, name.capitalize()} & {*keyword.kwlist}:
        raise click.UsageError(f"{what} must not be a word of Python's, and {name!r} is one; try {name + '-model'!r}.")


def check_family(family: str, distribution: str) -> None:
    """Refuse a family, or a distribution, that is not the author's to take."""
    from pellucid.discovery import RESERVED_FAMILIES

    ours = pellucid.OFFICIAL_FAMILIES
    if family in RESERVED_FAMILIES:
        other = "acme" if family == "pellucid" else f"{family}-acme"  # pellucid-acme is a package of the family acme
        raise click.UsageError(f"the family {family!r} is reserved; take a name of your own, such as {other}.")
    if family in ours or distribution in ours.values():
        taken = (
            f"the family {family!r} belongs to {ours[family]}" if family in ours else f"{distribution} is one of ours"
        )
        raise click.UsageError(
            f"{taken}, and a family belongs to one package; take a name of your own, such as {family}-acme. "
            "(A model for an official family is added inside its package: pellucid new model.)"
        )


def read_author(given: str | None, distribution: str) -> tuple[str, str]:
    """Name and mail address from "Ada <ada@example.org>"; without one, who git says, or nobody in particular."""
    if given is None:
        return _git_user() or f"The {distribution} developers", ""
    found = re.fullmatch(r"([^<>]*?)\s*(?:<([^<>@\s]+@[^<>@\s]+)>)?", plain(given))
    if not found or not found[1]:
        raise click.UsageError(f"--author is a name, or a name and <mail@address>; got {plain(given)!r}")
    return found[1], found[2] or ""


def _git_user() -> str:
    import subprocess

    try:
        done = subprocess.run(["git", "config", "user.name"], capture_output=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return ""
    return plain(done.stdout.decode("utf-8", "replace"))


def core_bound(version: str) -> str:
    """What a package that is made with this core asks for: "pellucid>=0.1,<0.2", and from 1.0 on ">=1.4,<2"."""
    major, minor = (int(part) for part in version.split(".")[:2])
    return f"pellucid>={major}.{minor},<" + (str(major + 1) if major else f"0.{minor + 1}")


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # of printable text, which is the same in TOML


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError as error:
        raise Fault(f"{folder} cannot be read: {error.strerror or error}") from error


# -- a model -------------------------------------------------------------------------------------------------------


@command.command("model")
@click.argument("model_id", metavar="FAMILY/NAME")
@click.option("--into", metavar="DIR", default=".", show_default=True, help="Where to look for the package.")
@click.option(
    "--task", metavar="TASK", default="classification", show_default=True,
    help=f"What the example is for: {', '.join(EXAMPLES)}.",
)  # fmt: skip
def model_command(model_id: str, into: str, task: str) -> None:
    """Add a model to a package: its file, its test, its entry.

    The package is the one of the family that DIR is in, or that lies in DIR. The model is an example of its task that
    works; write your own over it.

    \b
    pellucid new model acme/extra-trees --task regression
    """
    family, slash, name = model_id.partition("/")
    if not slash or not family:
        raise click.UsageError(f"a model is named FAMILY/NAME, like acme/extra-trees; got {plain(model_id)!r}")
    check_name("FAMILY", family, like="'acme'")
    check_name("NAME", name, like="'extra-trees'")
    if task not in EXAMPLES:
        hint = did_you_mean(task, EXAMPLES)
        raise click.UsageError(f"there are examples for {', '.join(EXAMPLES)}, not for {plain(task)!r}.{hint}")
    if not Path(into).is_dir():
        raise click.UsageError(f"--into {into}: there is no such folder")
    home = find_package(family, Path(into))
    model = Model(family=family, name=name, package=home.package, task=task, since=home.since)
    if model.class_name.startswith("Test"):
        raise click.UsageError(
            f"pytest takes a class {model.class_name} for a test; take another name, such as {family}-{name}."
        )
    if clashes := model.clashes():
        raise click.UsageError(
            f"{clashes[0]!r} is something else in the model's file or its tests; take a name that says more, such as "
            f"{family}-{name}."
        )

    changed: dict[Path, bytes] = {}
    try:
        changed[home.plugin] = with_entry(home.plugin.read_bytes(), model)
    except OSError as error:
        raise Fault(f"{home.plugin} cannot be read: {error.strerror or error}") from error
    except Unfit as reason:
        raise Fault(f"nothing was written, for {_shown(home.plugin)} has no place for an entry: {reason}") from None
    names = home.source / "__init__.py"
    listed = with_public_name(names.read_bytes(), model) if names.is_file() and names != home.plugin else None
    if listed is not None:
        changed[names] = listed

    files = {home.source / f"{model.module}.py": model.text(), home.folder / model.test_path: model.test_text()}
    with creating(files):
        replace_all(changed)
    for path in (*files, *changed):
        click.echo(f"{'changed' if path in changed else 'written':<8} {_shown(path)}")
    if listed is None:
        click.echo(f"\nto offer it as {model.package}.{model.class_name}, name it in {_shown(names)}")
    test = shlex.join(["pytest", str(_shown(home.folder / model.test_path))])
    click.echo(f"\nnext\n  {test}\n  pellucid check {model.id}")


def _shown(path: Path) -> Path:
    """The path as it is shortest from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


class Unfit(Exception):
    """A file has not the form that can be added to; the message says why, and what form it needs."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model that is to be written, under all its names."""

    family: str
    name: str
    package: str
    task: str
    since: str = "0.1"

    @property
    def id(self) -> str:
        """acme/extra-trees."""
        return f"{self.family}/{self.name}"

    @property
    def module(self) -> str:
        """extra_trees."""
        return self.name.replace("-", "_")

    @property
    def class_name(self) -> str:
        """ExtraTrees."""
        return "".join(word.capitalize() for word in self.name.split("-"))

    @property
    def test_path(self) -> str:
        """tests/test_extra_trees.py."""
        return f"tests/test_{self.module}.py"

    @property
    def words(self) -> dict[str, str]:
        """What the templates are filled with."""
        example = EXAMPLES[self.task].name
        title = self.name.replace("-", " ").capitalize()
        begun = "" if self.name == example else f", begun as {example.replace('-', ' ')}"
        return {
            "family": self.family,
            "model": self.name,
            "package": self.package,
            "module": self.module,
            "class_name": self.class_name,
            "headline": f"{title}{begun}:",
        }

    def text(self) -> str:
        """The model's file."""
        return self._arranged(render(f"{self.task}.py", self.words))

    def test_text(self) -> str:
        """Its tests."""
        return self._arranged(render(f"test_{self.task}.py", self.words))

    def _arranged(self, text: str) -> str:
        """The text with its imports in order: in an official family, those of pellucid stand with its own."""
        if self.family not in pellucid.OFFICIAL_FAMILIES:
            return text
        ours = re.compile(r"\n+(?=(?:from|import) pellucid)")
        return ours.sub("\n\n", ours.sub("\n", text), count=1)

    def files(self) -> dict[str, str]:
        """Both, by path, in a package with the folder `src`."""
        return {f"src/{self.package}/{self.module}.py": self.text(), self.test_path: self.test_text()}

    def clashes(self) -> list[str]:
        """The names that its file, or its test, would give to two things."""
        found: list[str] = []
        for text in (self.text(), self.test_text()):
            names: list[str] = []
            for node in ast.parse(text).body:
                if isinstance(node, ast.Import | ast.ImportFrom):
                    names += [alias.asname or alias.name for alias in node.names]
                elif isinstance(node, ast.ClassDef | ast.FunctionDef):
                    names.append(node.name)
            found += [name for name, n in Counter(names).items() if n > 1]
        return found

    def entry(self, spec: str = "ModelSpec", indent: str = "    ", step: str = "    ") -> str:
        """The statement that registers it, without a newline at its end."""
        example = EXAMPLES[self.task]
        fields: dict[str, Any] = {
            "id": self.id,
            "target": f"{self.package}.{self.module}:{self.class_name}",
            "summary": example.summary,
            "tasks": (self.task,),
            "tags": example.tags,
            "since": self.since if self.since != "0.1" else "",
            "references": example.references,
            "smoke": example.smoke,
        }
        lines = [f"{indent + step}{name}={_source(value, indent + step)}," for name, value in fields.items() if value]
        return "\n".join([f"{indent}yield {spec}(", *lines, f"{indent})"])


def _source(value: Any, indent: str) -> str:
    """The value as Python; a tuple that is too long for its line over several."""
    if isinstance(value, tuple):
        items = [_source(item, indent) for item in value]
        line = f"({', '.join(items)}{',' * (len(items) == 1)})"
        return line if len(line) <= 100 else f"(\n{indent}    {f',{chr(10)}{indent}    '.join(items)},\n{indent})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_source(k, indent)}: {_source(v, indent)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


class Home(NamedTuple):
    """Where a family lives."""

    folder: Path  # with the pyproject.toml
    source: Path  # of the import package
    package: str  # its name
    plugin: Path  # the file with its hooks
    since: str  # the minor version that is being written


def find_package(family: str, start: Path) -> Home:
    """The package of a family: that which `start` is in, or one that lies in `start` or in a folder above it.

    Raises
    ------
    click.UsageError
        If there is none; the message names the families that were found.
    Fault
        If the files of the one there is are not where its pyproject.toml says.
    """
    seen: dict[str, Path] = {}
    start = start.resolve()
    for place in (start, *start.parents):
        for folder in (place, place / f"pellucid-{family}", place / "packages" / family):
            points, version = _entry_points(folder)
            if family in points:
                return _home(folder, points[family], version)
            seen |= {other: folder for other in points}
    hint = did_you_mean(family, seen) or (f" There is {enumerate_names(seen)}." if seen else "")
    raise click.UsageError(
        f"no package of the family {family!r} in {start} or above it.{hint} Go to its folder, name it with --into, or "
        f"make one: pellucid new plugin {family}"
    )


def _entry_points(folder: Path) -> tuple[dict[str, str], str]:
    """The plugins that a folder's pyproject.toml announces, family -> module, and the version there."""
    import tomllib

    from pellucid.discovery import GROUP

    path = folder / "pyproject.toml"
    if not path.is_file():
        return {}, ""
    try:
        project = tomllib.loads(path.read_text(encoding="utf-8")).get("project", {})
        points = project.get("entry-points", {}).get(GROUP, {})
        return {str(name): str(value) for name, value in points.items()}, str(project.get("version", ""))
    except (OSError, ValueError, AttributeError) as error:
        raise Fault(f"{path} cannot be read: {plain(str(error))}") from error


def _home(folder: Path, target: str, version: str) -> Home:
    module = target.partition(":")[0].strip()
    package = module.rpartition(".")[0] or module
    for base in (folder / "src", folder):
        source, stem = base.joinpath(*package.split(".")), base.joinpath(*module.split("."))
        for plugin in (stem.with_suffix(".py"), stem / "__init__.py"):
            if plugin.is_file() and source.is_dir():
                release = re.match(r"\d+\.\d+", version)
                return Home(folder, source, package, plugin, release[0] if release else "0.1")
    raise Fault(f"{folder / 'pyproject.toml'} names {target}, but there is no such module in {folder / 'src'}")


# -- files that are there already ----------------------------------------------------------------------------------


def with_entry(source: bytes, model: Model) -> bytes:
    """The text of a `_plugin.py` with one more entry at the end of its generator; all else stays byte for byte.

    Raises
    ------
    Unfit
        If it has no such generator.
    Fault
        If the model is in it already.
    """
    tree = _parse(source)
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    if model.id in strings:
        raise Fault(f"the model {model.id} is there already; take another name")
    hooks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "pellucid_models"]
    if len(hooks) != 1:
        seen = "no function pellucid_models at its top level" if not hooks else "two pellucid_models"
        raise Unfit(f"it has {seen}; give it one, with a yield for each entry")
    body, last = hooks[0].body, hooks[0].body[-1]
    own = list(_own_nodes(hooks[0]))
    if not any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own):
        advice = "; write `yield from` for `return`" if isinstance(last, ast.Return) else "; give it a yield for each"
        raise Unfit(f"pellucid_models does not yield its entries{advice}, and try again")
    if any(isinstance(node, ast.Return) for node in own) or isinstance(last, ast.Raise):
        raise Unfit("pellucid_models may return before its end; yield the entries without a return, and try again")
    calls = [ast.unparse(node.func) for node in (*own, *ast.walk(tree)) if isinstance(node, ast.Call)]
    spec = next((name for name in calls if name.rpartition(".")[2] == "ModelSpec"), "")
    if not spec:
        raise Unfit("it has no call of ModelSpec; write one entry as `yield ModelSpec(...)`, and try again")
    lines = source.splitlines(keepends=True)
    indent = lines[last.lineno - 1][: last.col_offset].decode()
    if indent.strip() or body[0].lineno == hooks[0].lineno:
        raise Unfit("the body of pellucid_models is on the line of its head; give it a line of its own, and try again")
    step = "\t" if "\t" in indent else "    "
    return _checked(insert(source, last.end_lineno or last.lineno, model.entry(spec, indent, step)))


def with_public_name(source: bytes, model: Model) -> bytes | None:
    """The text of a lazy `__init__.py` with one more name in its table `_HOME`; None where it has no such table."""
    try:
        tree = _parse(source)
    except Unfit:
        return None
    lines = source.splitlines(keepends=True)
    tables = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["_HOME"]
    ]
    if len(tables) != 1 or not isinstance(tables[0], ast.Dict) or not tables[0].values:
        return None
    last, value = tables[0].keys[-1], tables[0].values[-1]
    if last is None or not isinstance(value, ast.Constant) or str(value.value).startswith(model.package):
        return None
    indent = lines[last.lineno - 1][: last.col_offset].decode()
    end = value.end_lineno or value.lineno
    if indent.strip() or not lines[end - 1][value.end_col_offset or 0 :].lstrip().startswith(b","):
        return None
    edits = [(end, f'{indent}"{model.class_name}": "{model.module}",')]
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            module = f"{model.package}.{model.module}"
            after = [n for n in node.body if not isinstance(n, ast.ImportFrom) or (n.module or "") <= module]
            line = (after[-1].end_lineno or 0) if after else node.lineno
            indent = lines[node.body[0].lineno - 1][: node.body[0].col_offset].decode()
            edits.append((line, f"{indent}from {module} import {model.class_name} as {model.class_name}"))
    for line, text in sorted(edits, reverse=True):
        source = insert(source, line, text)
    return _checked(source)


def _parse(source: bytes) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise Unfit(f"it is not Python: {plain(str(error))}") from error


def _checked(source: bytes) -> bytes:
    ast.parse(source)
    return source


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function's body, without those of functions and classes inside it."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def insert(source: bytes, line: int, text: str) -> bytes:
    """The source with lines of text after the line of that number, ended as the others are."""
    lines = source.splitlines(keepends=True)
    newline = b"\r\n" if b"\r\n" in lines[0] else b"\n"
    if not lines[line - 1].endswith((b"\n", b"\r")):
        lines[line - 1] += newline
    new = text.encode().replace(b"\n", newline) + newline
    return b"".join([*lines[:line], new, *lines[line:]])


def replace_all(changed: Mapping[Path, bytes]) -> None:
    """Give files a new content, each in one step."""
    from pellucid.archive import replacing

    for path, content in changed.items():
        with replacing(path) as file:
            file.write(content)


# -- files that are not there yet ----------------------------------------------------------------------------------


def render(template: str, words: Mapping[str, str]) -> str:
    """A template with its words filled in; "" for no template."""
    if not template:
        return ""
    return Template((TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(words)


@contextmanager
def creating(files: Mapping[Path, str]) -> Iterator[None]:
    """Write new files, and take them away again if one of them, or the block, fails.

    Raises
    ------
    Fault
        If one of them is there already, or cannot be written.
    """
    made: list[Path] = []
    try:
        for path, text in files.items():
            for folder in reversed([p for p in path.parents if not p.exists()]):
                folder.mkdir()
                made.append(folder)
            with open(path, "x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(text)
        yield
    except BaseException as error:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()
        if isinstance(error, FileExistsError):
            raise Fault(f"{error.filename} is there already, and nothing is overwritten; take another name") from error
        if isinstance(error, OSError):
            raise Fault(f"{error.filename} cannot be written: {error.strerror or error}; nothing was left") from error
        raise


def _kebab(name: str) -> str:
    """The nearest name of the right shape: "My Plugin", "MyPlugin" and "my_plugin" -> "my-plugin".

    Letters lose their accents; "" where one has no likeness among a to z.
    """
    plain_letters = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", plain_letters).casefold()
    if any(c.isalnum() and not c.isascii() for c in words):
        return ""
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")
