"""Check that each model file's docstring, code and tests tell the same story.

    python tools/check_reading.py                    every model file of every package
    python tools/check_reading.py FILE [FILE ...]    these files

Rules
-----
    equations, tags, symbols, sections, text      those of `pellucid.testing.reading`, which say what they want
    tests       every equation is in the name of a test, `test_eq_3_4_...`, in tests/test_<file>.py; no other number is
    target      a file that a ModelSpec names exists and is a model file

Exit status: 0 when all is well, 1 when a rule is broken, 2 when there was no file to check.
What a model file is: model_files.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import model_files
from model_files import ModelFile
from pellucid.testing import reading
from pellucid.testing.reading import Problem


def problems(path: Path) -> list[Problem]:
    """Every broken rule of one model file, in the order of its lines."""
    if not path.exists():
        return [Problem(path, 1, "target", "there is no such file")]
    try:
        model = model_files.read(path)
    except SyntaxError as error:
        return [Problem(path, error.lineno or 1, "text", f"this is not Python: {error.msg}")]
    return sorted([*reading.problems(model), *_tests(model)], key=lambda problem: (str(problem.path), problem.line))


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
        print(replace(problem, path=Path(model_files.shown(problem.path))))
    if found:
        print(f"check_reading: {len(found)} broken rule(s) in {len(paths)} model file(s)", file=sys.stderr)
        return 1
    equations = sum(len(model_files.read(path).equations) for path in paths)
    print(f"check_reading: {len(paths)} model file(s), {equations} equation(s): text, code and tests agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
