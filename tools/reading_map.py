"""Write READING.md: every model file by topic, with its source, its equations, its tests and its example.

    python tools/reading_map.py            write READING.md
    python tools/reading_map.py --check    say whether READING.md is what would be written (exit status 1 if not)

Everything in it is taken from the model files' docstrings.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import model_files
from model_files import ROOT, ModelFile

HEAD = """# What to read

One file per model: its equations, the code that computes them and, beside it, the tests that prove them. A number such
as (3) stands at the equation, at the line of code and in the name of the test. Written by `tools/reading_map.py`.
"""


def reading_map(root: Path = ROOT) -> str:
    """The text of READING.md."""
    lines = [HEAD]
    for package in model_files.packages(root):
        files = [model_files.read(path) for path in model_files.model_files(package)]
        if files:
            lines += [f"## {package.name}", "", "| topic | file | source | equations and tests | example |"]
            lines += ["|---|---|---|---|---|", *(_row(model, root) for model in files), ""]
    return "\n".join(lines).rstrip() + "\n"


def _row(model: ModelFile, root: Path) -> str:
    numbers = [tag.number for tag in model.equations]
    span = "" if not numbers else f"({numbers[0]})" if len(numbers) == 1 else f"({numbers[0]})-({numbers[-1]})"
    test = model.test_file
    tests = f"[{span or 'tests'}]({test.relative_to(root).as_posix()})" if test.exists() else span
    example = model.package / "examples" / model.path.name
    shown = f"[{example.name}]({example.relative_to(root).as_posix()})" if example.exists() else ""
    topic = re.sub(r"[.]$", "", model.title).replace("|", "\\|")
    link = f"[{model.path.name}]({model.path.relative_to(root).as_posix()})"
    return f"| {topic} | {link} | {_source(model)} | {tests} | {shown} |"


def _source(model: ModelFile) -> str:
    """Author and year of the first reference: 'Bishop (2006)'."""
    for _, line in model.section("References"):
        if found := re.match(r"\s*(.+? \(\d{4}[a-z]?\))", line):
            return found[1].replace("|", "\\|")
    return ""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args(arguments)
    path, text = ROOT / "READING.md", reading_map()
    if not options.check:
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"reading_map: {path.name} written")
        return 0
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        print("reading_map: READING.md is not up to date: python tools/reading_map.py", file=sys.stderr)
        return 1
    print("reading_map: READING.md is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
