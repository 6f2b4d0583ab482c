"""Where the model files are, and what stands in one: its equations, its tags, its symbols, its tests.

A model file is a Python file under packages/*/src whose docstring numbers its equations, or one that a ModelSpec in
its family's `_plugin.py` names as a target. What stands in one, and the rules that it keeps, are in
`pellucid.testing.reading`: the installed conformance kit holds everybody's files to them.

A rule file (`rules/*.py` and `*_rules.py` of the core) states derivatives, one line each, and needs no numbers: all of
it is the mathematics.

The other tools in this folder read model files through this one. It imports nothing but the standard library.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

# The tools work where nothing of ours is installed, too.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "packages" / "core" / "src"))

from pellucid.testing import reading

ROOT = Path(__file__).resolve().parent.parent
_TEST_NAME = re.compile(r"test_eq((?:_\d+[a-z]?)+)(?:_|$)")


class ModelFile(reading.ModelFile):
    """A model file of this repository, which has a package and tests."""

    @property
    def module(self) -> str:
        """The dotted name that the file is imported by."""
        parts = self.path.with_suffix("").parts
        start = len(parts) - 1 - parts[::-1].index("src") + 1 if "src" in parts else len(parts) - 1
        return ".".join(parts[start:])

    @property
    def package(self) -> Path:
        """The folder with the package's pyproject.toml (without src layout: the file's own folder)."""
        for parent in self.path.parents:
            if parent.name == "src":
                return parent.parent
        return self.path.parent

    @property
    def is_rules(self) -> bool:
        """Whether the file states derivatives: `rules/*.py`, `*_rules.py`."""
        return self.path.parent.name == "rules" or self.path.stem.endswith("_rules")

    @property
    def test_file(self) -> Path:
        """Where this file's tests are, or where they should be."""
        folder, name = self.package / "tests", f"test_{self.path.name}"
        if self.path.parent.name == "rules":
            return folder / f"test_rules_{self.path.name}"
        inner = self.module.split(".")[1:-1]
        nested = folder.joinpath(*inner, name)
        return nested if inner and nested.exists() else folder / name


def read(path: Path) -> ModelFile:
    """Parse one file. Raises SyntaxError or OSError as Python does."""
    return ModelFile.read(path)


def equation_tests(path: Path) -> list[tuple[str, int, list[str]]]:
    """(name, line, equation numbers) of every `test_eq_3_4_...` function or method in a test file."""
    if not path.exists():
        return []
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (match := _TEST_NAME.match(node.name)):
            found.append((node.name, node.lineno, match[1].strip("_").split("_")))
    return sorted(found, key=lambda test: test[1])


def packages(root: Path = ROOT) -> list[Path]:
    """The package folders, core first."""
    found = [path.parent for path in sorted((root / "packages").glob("*/pyproject.toml"))]
    return sorted(found, key=lambda path: (path.name != "core", path.name))


def source_folder(package: Path) -> Path:
    """packages/linear -> packages/linear/src/pellucid_linear."""
    folders = [path.parent for path in sorted((package / "src").glob("*/__init__.py"))]
    if len(folders) != 1:
        raise ValueError(f"{package}/src must hold one import package, and holds {len(folders)}")
    return folders[0]


def registered(package: Path) -> dict[Path, str]:
    """Files that the ModelSpecs in a package's `_plugin.py` name as targets, each with the target's text."""
    plugin = source_folder(package) / "_plugin.py"
    if not plugin.exists():
        return {}
    targets = _spec_targets(ast.parse(plugin.read_text(encoding="utf-8"), filename=str(plugin)))
    found = {}
    for target in sorted(targets):
        path = package / "src" / (target.split(":")[0].replace(".", "/") + ".py")
        found[path if path.exists() else path.with_suffix("") / "__init__.py"] = target
    return found


def _spec_targets(tree: ast.Module) -> set[str]:
    """Targets of ModelSpec calls. Where one is not a plain string, every string that looks like a target counts,
    except those inside the specs of other things."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node).endswith("Spec")]
    models = [node for node in calls if _called(node) == "ModelSpec"]
    given = [keyword.value for node in models for keyword in node.keywords if keyword.arg == "target"]
    if len(given) == len(models) and all(isinstance(value, ast.Constant) for value in given):
        return {str(value.value) for value in given if isinstance(value, ast.Constant)}
    others = {id(part) for node in calls if node not in models for part in ast.walk(node)}
    strings = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in others]
    return {node.value for node in strings if isinstance(node.value, str) and re.fullmatch(r"[\w.]+:\w+", node.value)}


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def model_files(package: Path) -> list[Path]:
    """Every model file of a package, sorted; a registered file counts even where it has no equation."""
    files = {path.resolve() for path in registered(package)}
    for path in sorted(source_folder(package).rglob("*.py")):
        if path.name != "_plugin.py" and read(path).equations:
            files.add(path.resolve())
    return sorted(files)


def rule_files(package: Path) -> list[Path]:
    """Every rule file of a package, sorted."""
    source = source_folder(package)
    found = [*source.glob("rules/*.py"), *source.glob("*_rules.py")]
    return sorted(path.resolve() for path in found if path.name != "__init__.py")


def shown(path: Path) -> str:
    """A path as it is printed: relative to the repository where it lies in it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
