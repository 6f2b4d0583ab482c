"""Run the comparisons with peers (scikit-learn, PyTorch, SciPy, ...), and let none of them be skipped.

    pytest --oracles

The suite itself needs NumPy, pytest and hypothesis. A test that compares with another library skips where that is
missing, `torch = pytest.importorskip("torch")`, so a run without the peers says nothing about them. This pytest
plugin, loaded by conftest.py in the repository's root, marks those tests `oracle`. A test is one when it, one of its
fixtures, or something that they use from the same file, imports a peer or hands a peer's name to a call; so is every
test of a file that asks for a peer at its top level. With `--oracles` only these tests run, a skipped one fails, and
finding none fails too.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Generator, Iterator
from typing import Any

import pytest

PEERS = (
    "autograd",
    "gensim",
    "hmmlearn",
    "lda",
    "librosa",
    "mygrad",
    "nltk",
    "pandas",
    "scipy",
    "sklearn",
    "statsmodels",
    "torch",
)

_PEER = re.compile(rf"(?:{'|'.join(PEERS)})(?:\.[\w.]+)?$")
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def asks_for_peer(node: ast.AST) -> bool:
    """Does the code import a peer, or call something with a peer's name (`importorskip("torch")`)?"""
    for part in ast.walk(node):
        match part:
            case ast.Import(names=names) if any(_PEER.match(alias.name) for alias in names):
                return True
            case ast.ImportFrom(module=str(module), level=0) if _PEER.match(module):
                return True
            case ast.Call(args=args) if any(
                isinstance(arg, ast.Constant) and isinstance(arg.value, str) and _PEER.match(arg.value) for arg in args
            ):
                return True
    return False


@functools.cache
def oracle_names(path: str) -> frozenset[str]:
    """Names of a test file that need a peer: functions, `Class.method`s and variables; "*" is the whole file."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    parts = dict(_parts(tree.body))
    found = {name for name, node in parts.items() if asks_for_peer(node)}
    grown = True
    while grown:
        users = {name for name, node in parts.items() if not found.isdisjoint(_names_in(node))}
        grown = not users <= found
        found |= users
    top = [node for node in tree.body if isinstance(node, ast.Expr | ast.Assign)]
    if any("importorskip" in ast.unparse(node) and asks_for_peer(node) for node in top):
        found.add("*")
    return frozenset(found)


def _parts(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """The named pieces of a file: each top-level name with the statement that defines it, classes by their methods."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _parts(node.body, f"{node.name}.")
            for decorator in node.decorator_list:
                yield node.name, decorator
        elif isinstance(node, _Definition):
            yield prefix + node.name, node
        else:
            for part in ast.walk(node):
                if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                    yield prefix + part.id, node
                elif isinstance(part, ast.alias):
                    yield prefix + (part.asname or part.name.split(".")[0]), node


def _names_in(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _is_oracle(function: Any) -> bool:
    function = inspect.unwrap(function)
    try:
        path = inspect.getsourcefile(function)
    except TypeError:  # a callable that is not a Python function
        return False
    if path is None or "site-packages" in path:
        return False
    names = oracle_names(path)
    qualified = getattr(function, "__qualname__", "").replace("<locals>.", "")
    return not names.isdisjoint(("*", qualified, qualified.split(".")[0]))


# pytest


def pytest_addoption(parser: Any) -> None:
    parser.addoption("--oracles", action="store_true", help="run only the comparisons with peers; a skip is a failure")


def pytest_configure(config: Any) -> None:
    config.addinivalue_line("markers", "oracle: compares with another library (set by tools/oracles.py)")


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Mark the oracle tests; with --oracles, keep only them."""
    for item in items:
        fixtures = getattr(item, "_fixtureinfo", None)
        used = [d.func for ds in (fixtures.name2fixturedefs if fixtures else {}).values() for d in ds]
        functions = [getattr(item, "function", None), *used]
        if any(_is_oracle(function) for function in functions if function is not None):
            item.add_marker(pytest.mark.oracle)
    if config.getoption("--oracles"):
        others = [item for item in items if not item.get_closest_marker("oracle")]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item.get_closest_marker("oracle")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any) -> Generator[None, Any, Any]:
    report = yield
    return _strict(item.config, report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: Any) -> Generator[None, Any, Any]:
    report = yield
    path = str(getattr(collector, "path", ""))
    if report.skipped and path.endswith(".py") and "*" in oracle_names(path):
        return _strict(collector.config, report)
    return report


def _strict(config: Any, report: Any) -> Any:
    """With --oracles, a skip becomes a failure that says why it was skipped."""
    if report.skipped and config.getoption("--oracles") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"an oracle may not be skipped with --oracles: {reason}"
    return report
