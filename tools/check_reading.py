"""Check that each model file's docstring, code and tests tell the same story.

    python tools/check_reading.py                    every model file of every package
    python tools/check_reading.py FILE [FILE ...]    these files

Rules
-----
    equations   the docstring numbers its equations, each number once and in rising order
    tags        every equation's number ends a comment on a line of code, and every such number is an equation
    symbols     every name in the Symbols table's `code` column is a name in the file
    tests       every equation is in the name of a test, `test_eq_3_4_...`, in tests/test_<file>.py; no other number is
    sections    Symbols, Cost, References and Differs are there
    text        no control character in a docstring (the sign of a missing r before the quotes)
    target      a file that a ModelSpec names exists and is a model file

Exit status: 0 when all is well, 1 when a rule is broken, 2 when there was no file to check.
What a model file is: model_files.py.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import model_files
from model_files import ModelFile

SECTIONS = {  # what a docstring holds besides its equations -> how to write it
    "Symbols": "a table 'paper  code  shape  meaning' under 'Symbols' and '-------'",
    "Cost": "a line 'Cost: O(...) time; O(...) memory', in the table's letters",
    "References": "author (year), title, and which of its equations ours are, under 'References' and '----------'",
    "Differs": "a line 'Differs from them: ...', or 'Differs from them: nothing.'",
}


@dataclass(frozen=True)
class Problem:
    """One broken rule: where, which, and what to do."""

    path: Path
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{model_files.shown(self.path)}:{self.line}: {self.rule}: {self.text}"


def problems(path: Path) -> list[Problem]:
    """Every broken rule of one model file, in the order of its lines."""
    if not path.exists():
        return [Problem(path, 1, "target", "there is no such file")]
    try:
        model = model_files.read(path)
    except SyntaxError as error:
        return [Problem(path, error.lineno or 1, "text", f"this is not Python: {error.msg}")]
    rules = (_equations, _tags, _symbols, _tests, _sections, _text)
    return sorted((problem for rule in rules for problem in rule(model)), key=lambda p: (str(p.path), p.line))


def _equations(model: ModelFile) -> Iterator[Problem]:
    if not model.docstring:
        yield Problem(model.path, 1, "equations", "a model file starts with a docstring that holds its equations")
    elif not model.equations:
        text = "no equation is numbered: end its line in two spaces and (1), (2), ..."
        yield Problem(model.path, model.doc_line, "equations", text)
    seen: dict[str, int] = {}
    last: tuple[int, str] = (0, "")
    for tag in model.equations:
        order = (int(re.match(r"\d+", tag.number)[0]), tag.number)
        if tag.number in seen:
            text = f"({tag.number}) already numbers the equation on line {seen[tag.number]}"
            yield Problem(model.path, tag.line, "equations", text)
        elif order < last:
            yield Problem(model.path, tag.line, "equations", f"({tag.number}) comes after ({last[1]}): renumber")
        seen.setdefault(tag.number, tag.line)
        last = max(last, order)


def _tags(model: ModelFile) -> Iterator[Problem]:
    stated = {tag.number for tag in model.equations}
    computed = {tag.number for tag in model.tags if tag.has_code}
    for tag in model.equations:
        if tag.number not in computed:
            text = f"no line of code is equation ({tag.number}): end the comment of one in ({tag.number})"
            yield Problem(model.path, tag.line, "tags", text)
    for tag in model.tags:
        if tag.number not in stated:
            text = (
                f"the docstring has no equation ({tag.number}): number it there, two spaces before the number, "
                f"or end this comment in something else"
            )
            yield Problem(model.path, tag.line, "tags", text)
        elif not tag.has_code:
            text = f"({tag.number}) stands on a line without code: put it at the end of the line that computes it"
            yield Problem(model.path, tag.line, "tags", text)


def _symbols(model: ModelFile) -> Iterator[Problem]:
    try:
        symbols = model.symbols()
    except ValueError as error:
        if model.section("Symbols"):  # a missing table is the sections rule's business
            yield Problem(model.path, model.doc_line, "symbols", str(error))
        return
    for symbol in symbols:
        if symbol.name not in model.names:
            text = f"{symbol.name!r} is in the table but is no name in the code: correct the table or the code"
            yield Problem(model.path, symbol.line, "symbols", text)


def _tests(model: ModelFile) -> Iterator[Problem]:
    path = model.test_file
    if not path.exists():
        text = f"its tests should be in {model_files.shown(path)}, which does not exist"
        yield Problem(model.path, 1, "tests", text)
        return
    try:
        tests = model_files.equation_tests(path)
    except SyntaxError as error:
        yield Problem(path, error.lineno or 1, "tests", f"this is not Python: {error.msg}")
        return
    tested = {number for _, _, numbers in tests for number in numbers}
    for tag in model.equations:
        if tag.number not in tested:
            where = model_files.shown(path)
            text = f"equation ({tag.number}) has no test: name one test_eq_{tag.number}_... in {where}"
            yield Problem(model.path, tag.line, "tests", text)
    stated = {tag.number for tag in model.equations}
    for name, line, numbers in tests:
        for number in numbers:
            if number not in stated:
                text = f"{name} names equation ({number}), which {model.path.name} does not have"
                yield Problem(path, line, "tests", text)


def _sections(model: ModelFile) -> Iterator[Problem]:
    for name, how in SECTIONS.items():
        if not any(re.match(rf"\s*{name}\b", text) for _, text in model.doc_lines()):
            yield Problem(model.path, model.doc_line, "sections", f"the docstring has no {name}: write {how}")
        elif name == "Symbols" and not model.section(name):
            yield Problem(model.path, model.doc_line, "sections", f"{name} is not readable: write {how}")


def _text(model: ModelFile) -> Iterator[Problem]:
    for node in ast.walk(model.tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node, clean=False) or ""
            if bad := re.search(r"[\x00-\x08\x0b-\x1f\x7f]", doc):
                text = f"control character {bad[0]!r} in a docstring: write r before its quotes"
                line = node.body[0].lineno + doc.count("\n", 0, bad.start())
                yield Problem(model.path, line, "text", text)


def _chosen(names: list[str]) -> list[Path]:
    if names:
        return [Path(name) for name in names]
    return [path for package in model_files.packages() for path in model_files.model_files(package)]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help="model files (default: all of every package)")
    paths = _chosen(parser.parse_args(arguments).files)
    if not paths:
        print("check_reading: found no model file under packages/*/src, so nothing was checked", file=sys.stderr)
        return 2
    found = [problem for path in paths for problem in problems(path)]
    for problem in found:
        print(problem)
    if found:
        print(f"check_reading: {len(found)} broken rule(s) in {len(paths)} model file(s)", file=sys.stderr)
        return 1
    equations = sum(len(model_files.read(path).equations) for path in paths)
    print(f"check_reading: {len(paths)} model file(s), {equations} equation(s): text, code and tests agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
