"""What stands in a model file, and the rules that its text and its code keep.

A model file's docstring numbers its equations. The number stands at the end of the line, after two spaces or more; the
line of code that computes the equation ends in a comment with the same number:

    in the docstring    μₖ = Σₙ rₙₖ xₙ / Nₖ                               (4)  <-
    in the code         means = resp.T @ X / counts[:, None]  # (K, D)    (4)  <-

Rules
-----
    equations   the docstring numbers its equations, each number once and in rising order
    tags        every equation's number ends a comment on a line of code, and every such number is an equation
    symbols     every name in the Symbols table's `code` column is a name in the file
    sections    Symbols, Cost, References and Differs are there
    text        no control character in a docstring (the sign of a missing r before the quotes)

A file is read, and never run. This needs nothing but the standard library.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

SECTIONS = {  # what a docstring holds besides its equations -> how to write it
    "Symbols": "a table 'paper  code  shape  meaning' under 'Symbols' and '-------'",
    "Cost": "a line 'Cost: O(...) time; O(...) memory', in the table's letters",
    "References": "author (year), title, and which of its equations ours are, under 'References' and '----------'",
    "Differs": "a line 'Differs from them: ...', or 'Differs from them: nothing.'",
}

_TAGS_AT_END = re.compile(r"(?:^|\s)((?:\(\d+[a-z]?\)\s*)+)$")  # "(4)", "(4) (5)" at the end of a comment
_EQUATION = re.compile(r"\s{2,}\((\d+[a-z]?)\)\s*$")  # two spaces set a number apart from prose that ends in "(4)"
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


# ---------------------------------------------------------------------------------------------------------- the parts


@dataclass(frozen=True)
class Tag:
    """One use of an equation's number, such as `3` or `3a`, and the line it stands on."""

    number: str
    line: int
    has_code: bool = True


@dataclass(frozen=True)
class Symbol:
    """One name of the Symbols table's `code` column."""

    name: str
    line: int


@dataclass
class ModelFile:
    """The parts of one model file."""

    path: Path
    source: str
    tree: ast.Module
    docstring: str
    doc_line: int  # line of the docstring's first line
    equations: list[Tag] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    @classmethod
    def parse(cls, path: Path, source: str) -> Self:
        """The parts of a text; raises SyntaxError as Python does."""
        tree = ast.parse(source, filename=str(path))
        docstring, doc_line = "", 1
        if tree.body and isinstance(tree.body[0], ast.Expr) and isinstance(tree.body[0].value, ast.Constant):
            if isinstance(tree.body[0].value.value, str):
                docstring, doc_line = tree.body[0].value.value, tree.body[0].lineno
        model = cls(path, source, tree, docstring, doc_line)
        for line, text in model.doc_lines():
            if found := _EQUATION.search(text):
                model.equations.append(Tag(found[1], line))
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
        model.names = {token.string for token in tokens if token.type == tokenize.NAME}
        layout = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
        code_lines = {token.start[0] for token in tokens if token.type not in layout}
        for token in tokens:
            if token.type == tokenize.COMMENT:
                for number in comment_tags(token.string):
                    model.tags.append(Tag(number, token.start[0], token.start[0] in code_lines))
        return model

    @classmethod
    def read(cls, path: Path) -> Self:
        """The parts of one file; raises SyntaxError or OSError as Python does."""
        path = path.resolve()
        return cls.parse(path, path.read_text(encoding="utf-8"))

    @property
    def title(self) -> str:
        """The docstring's first line."""
        return self.docstring.strip().split("\n")[0].strip()

    def doc_lines(self) -> Iterator[tuple[int, str]]:
        """Pairs of line number and text of the module docstring."""
        yield from enumerate(self.docstring.split("\n"), start=self.doc_line)

    def section(self, title: str) -> list[tuple[int, str]]:
        """The numbered lines under an underlined heading, up to the next blank line after some text."""
        lines = list(self.doc_lines())
        for i, (_, text) in enumerate(lines[:-1]):
            if text.strip() == title and re.fullmatch(r"\s*[-=]{3,}\s*", lines[i + 1][1]):
                body: list[tuple[int, str]] = []
                for number, row in lines[i + 2 :]:
                    if not row.strip() and body:
                        break
                    if row.strip():
                        body.append((number, row))
                return body
        return []

    def symbols(self) -> list[Symbol]:
        """The names in the Symbols table's second column; raises ValueError where the table cannot be read."""
        rows = self.section("Symbols")
        if not rows:
            raise ValueError("there is no Symbols table (a line 'Symbols' underlined with '-------')")
        header = re.split(r"\s{2,}", rows[0][1].strip())
        if header[1:2] != ["code"]:
            raise ValueError("the Symbols table must start with the row 'paper  code  shape  meaning'")
        indent = len(rows[0][1]) - len(rows[0][1].lstrip())
        found: list[Symbol] = []
        for line, row in rows[1:]:
            if len(row) - len(row.lstrip()) > indent + 2:  # a meaning that runs on
                continue
            cells = re.split(r"\s{2,}", row.strip())
            if len(cells) < 3:
                raise ValueError(f"the Symbols table's columns must be two spaces apart: line {line}: {row.strip()!r}")
            found += [Symbol(name, line) for name in _IDENTIFIER.findall(cells[1])]
        return found


def comment_tags(comment: str) -> list[str]:
    """The equation numbers that a comment ends in: `# (N, K)   (2)` gives ["2"]."""
    found = _TAGS_AT_END.search(comment.lstrip("#"))
    return re.findall(r"\((\d+[a-z]?)\)", found[1]) if found else []


# ---------------------------------------------------------------------------------------------------------- the rules


@dataclass(frozen=True)
class Problem:
    """One broken rule: where, which, and what to do."""

    path: Path
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


def problems(model: ModelFile) -> list[Problem]:
    """Every broken rule of one model file, in the order of its lines."""
    return sorted((problem for rule in RULES for problem in broken(model, rule)), key=lambda problem: problem.line)


def broken(model: ModelFile, rule: str) -> Iterator[Problem]:
    """Where one model file breaks one of the `RULES`."""
    for line, text in RULES[rule](model):
        yield Problem(model.path, line, rule, text)


def _equations(model: ModelFile) -> Iterator[tuple[int, str]]:
    if not model.docstring:
        yield 1, "a model file starts with a docstring that holds its equations"
    elif not model.equations:
        yield model.doc_line, "no equation is numbered: end its line in two spaces and (1), (2), ..."
    seen: dict[str, int] = {}
    last: tuple[int, str] = (0, "")
    for tag in model.equations:
        order = (int(tag.number.rstrip("abcdefghijklmnopqrstuvwxyz")), tag.number)
        if tag.number in seen:
            yield tag.line, f"({tag.number}) already numbers the equation on line {seen[tag.number]}"
        elif order < last:
            yield tag.line, f"({tag.number}) comes after ({last[1]}): renumber"
        seen.setdefault(tag.number, tag.line)
        last = max(last, order)


def _tags(model: ModelFile) -> Iterator[tuple[int, str]]:
    stated = {tag.number for tag in model.equations}
    computed = {tag.number for tag in model.tags if tag.has_code}
    for tag in model.equations:
        if tag.number not in computed:
            yield tag.line, f"no line of code is equation ({tag.number}): end the comment of one in ({tag.number})"
    for tag in model.tags:
        if tag.number not in stated:
            yield (
                tag.line,
                f"the docstring has no equation ({tag.number}): number it there, two spaces before the number, "
                "or end this comment in something else",
            )
        elif not tag.has_code:
            yield (
                tag.line,
                f"({tag.number}) stands on a line without code: put it at the end of the line that computes it",
            )


def _symbols(model: ModelFile) -> Iterator[tuple[int, str]]:
    try:
        symbols = model.symbols()
    except ValueError as error:
        if model.section("Symbols"):  # a missing table is the sections rule's business
            yield model.doc_line, str(error)
        return
    for symbol in symbols:
        if symbol.name not in model.names:
            yield symbol.line, f"{symbol.name!r} is in the table but is no name in the code: correct either"


def _sections(model: ModelFile) -> Iterator[tuple[int, str]]:
    for name, how in SECTIONS.items():
        if not any(re.match(rf"\s*{name}\b", text) for _, text in model.doc_lines()):
            yield model.doc_line, f"the docstring has no {name}: write {how}"
        elif name == "Symbols" and not model.section(name):
            yield model.doc_line, f"{name} is not readable: write {how}"


def _text(model: ModelFile) -> Iterator[tuple[int, str]]:
    for node in ast.walk(model.tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node, clean=False) or ""
            if bad := re.search(r"[\x00-\x08\x0b-\x1f\x7f]", doc):
                line = node.body[0].lineno + doc.count("\n", 0, bad.start())
                yield line, f"control character {bad[0]!r} in a docstring: write r before its quotes"


RULES: dict[str, Callable[[ModelFile], Iterator[tuple[int, str]]]] = {
    "equations": _equations,
    "tags": _tags,
    "symbols": _symbols,
    "sections": _sections,
    "text": _text,
}
