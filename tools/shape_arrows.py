"""Check "shape arrows" while tests run.

The first line of a function's docstring may end in the shapes it maps:

    def log_gaussian(X, mean, cov):
        '''log N(xₙ | μ, Σ) for every row: (N, D), (D,), (D, D) -> (N,).'''

One entry stands for one parameter, in order (`self` and `cls` have none; parameters at the end may be left out), then
one for each result. What an entry may be:

    (N, D)      these axes; a letter (N, N', n_out) means the same size everywhere within one call
    (2, 4H)     numbers, and sums, differences, products and floor quotients of letters and numbers: H+1, N*K, T//2
    (..., D)    any axes, then these
    (N, _)      any size along an axis
    ()          a number
    (N,) or ()  either; the first that fits
    _           not looked at

None is accepted for a parameter (an optional one), never for a result. A function under `@primitive` returns its value
and a gradient; its arrow tells the value. An arrow that cannot be read, or has more entries than there are parameters,
is an error when the file is imported.

This file is a pytest plugin, loaded by conftest.py in the repository's root. It reads the source of every `pellucid...`
module as that module is imported and puts a decorator on each function that has an arrow, methods and inner functions
included. Outside the tests nothing is touched, and the packages do not know of it.
"""

from __future__ import annotations

import ast
import functools
import importlib.abc
import importlib.machinery
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType, ModuleType
from typing import Any

import numpy as np

PACKAGES = re.compile(r"pellucid(_\w+)?(\.|$)")
CHECK, CHECK_PRIMITIVE = "__shape_arrow__", "__shape_arrow_primitive__"  # what the decorators are called in a module

Axes = tuple[str, ...]  # ("N", "4H")
Entry = tuple[Axes, ...] | None  # the shapes that fit; None is not looked at

_SHAPE = r"\([^()]*\)"
_ENTRY = rf"(?:{_SHAPE}(?: or {_SHAPE})*|_)"
_ENTRIES = rf"{_ENTRY}(?:, {_ENTRY})*"
_ARROW = re.compile(rf"(?:^|[\s:])({_ENTRIES}) -> ({_ENTRIES})[.]?$")
_LOOKS_LIKE_ARROW = re.compile(rf"(?:^|[\s:,]){_ENTRY}\s*->\s*(?:\(|_)")


class ArrowError(ValueError):
    """A shape arrow that cannot be read."""


class ShapeError(AssertionError):
    """An array whose shape is not what the function's arrow says."""


@dataclass(frozen=True)
class Arrow:
    """A function's shape arrow."""

    inputs: tuple[Entry, ...]
    outputs: tuple[Entry, ...]


@dataclass
class Tally:
    """How much was checked in this run, for the line at the end of the tests."""

    too_early: list[str] = field(default_factory=list)  # modules imported before the plugin was there
    functions: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    calls: int = 0


tally = Tally()


# The arrow's text


def parse(docstring: str | None) -> Arrow | None:
    """The arrow at the end of a docstring's first line; None where there is none. Raises ArrowError."""
    line = (docstring or "").strip().split("\n")[0].strip()
    found = _ARROW.search(line)
    if not found:
        if _LOOKS_LIKE_ARROW.search(line):
            raise ArrowError(f"cannot read the shape arrow in {line!r}: write it as '(N, D), _ -> (N,)', at the end")
        return None
    if line[: found.start(1)].rstrip().endswith(","):
        raise ArrowError(
            f"cannot read all of the shape arrow in {line!r}: entries are '(N, D)' or '_', with ', ' between"
        )
    return Arrow(*(tuple(_entry(entry) for entry in re.findall(_ENTRY, side)) for side in found.groups()))


def _entry(text: str) -> Entry:
    return None if text == "_" else tuple(_axes(shape) for shape in re.findall(_SHAPE, text))


def _axes(shape: str) -> Axes:
    letters = re.sub("['′]", "ʹ", shape[1:-1])  # a prime that Python takes as part of a name
    axes = tuple(axis.strip() for axis in letters.split(",") if axis.strip())
    for axis in axes:
        if axis not in ("...", "_"):
            _letters(axis)
    if axes.count("...") > 1:
        raise ArrowError(f"one '...' is enough in {shape!r}")
    return axes


@functools.cache
def _expression(axis: str) -> ast.expr:
    """`4H` and `I + H` as a syntax tree of names, numbers and + - * //."""
    try:
        tree = ast.parse(re.sub(r"\b(\d+)([^\W\d])", r"\1*\2", axis), mode="eval").body
    except SyntaxError:
        raise ArrowError(f"cannot read the axis {axis!r}: letters, numbers, + - * // and nothing else") from None
    for node in ast.walk(tree):
        known = ast.BinOp | ast.Name | ast.Load | ast.Add | ast.Sub | ast.Mult | ast.FloorDiv
        if not (isinstance(node, known) or (isinstance(node, ast.Constant) and type(node.value) is int)):
            raise ArrowError(f"cannot read the axis {axis!r}: letters, numbers, + - * // and nothing else")
    return tree


def _letters(axis: str) -> set[str]:
    return {node.id for node in ast.walk(_expression(axis)) if isinstance(node, ast.Name)}


def _size(node: ast.expr, sizes: dict[str, int]) -> int:
    if isinstance(node, ast.Name):
        return sizes[node.id]
    if isinstance(node, ast.Constant):
        return int(node.value)  # type: ignore[arg-type]
    assert isinstance(node, ast.BinOp)
    left, right = _size(node.left, sizes), _size(node.right, sizes)
    match node.op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
    return left // right


# One call


class Sizes:
    """What the letters of one call stand for. Raises ShapeError at the first disagreement."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.later: list[tuple[str, int, str]] = []  # numbers and sums: axis, size, what to say where they differ

    def compare(self, what: str, value: Any, entry: Entry) -> None:
        """Bind the entry's letters to the shape of `value`, or compare where they are bound."""
        if entry is None:
            return
        shape = _shape(value)
        for axes in entry:
            sizes = dict(self.sizes)
            failed = "no shape" if shape is None else _bind(shape, axes, sizes)
            if failed is None:
                break
        else:
            came = f"shape {shape}" if shape is not None else f"no shape ({type(value).__name__})"
            text = f"{what} has {came}, its arrow says {' or '.join(map(_text, entry))}"
            known = ", ".join(f"{letter}={size}" for letter, size in sizes.items())
            raise ShapeError(text + (f" (at {failed})" if failed in axes else "") + (f" with {known}" if known else ""))
        self.sizes = sizes
        for axis, size in _pairs(shape or (), axes):
            if not axis.isidentifier():
                self.later.append((axis, size, f"{what} has shape {shape}, its arrow says {_text(axes)} (at {axis})"))

    def settle(self) -> None:
        """Compare the axes written as numbers or sums; those with a letter that nothing has bound wait on."""
        waiting = []
        for axis, size, text in self.later:
            if not _letters(axis) <= self.sizes.keys():
                waiting.append((axis, size, text))
            elif _size(_expression(axis), self.sizes) != size:
                known = ", ".join(f"{letter}={size}" for letter, size in self.sizes.items())
                raise ShapeError(text + (f" with {known}" if known else ""))
        self.later = waiting


def _bind(shape: tuple[int, ...], axes: Axes, sizes: dict[str, int]) -> str | None:
    """Bind single letters in `sizes`; the axis that does not fit, "rank" where their number is wrong, else None."""
    if len(shape) < len(axes) - 1 if "..." in axes else len(shape) != len(axes):
        return "rank"
    for axis, size in _pairs(shape, axes):
        if axis.isidentifier() and axis != "_" and sizes.setdefault(axis, size) != size:
            return axis
    return None


def _pairs(shape: tuple[int, ...], axes: Axes) -> list[tuple[str, int]]:
    """Each axis with its size; "..." takes up what the others leave."""
    if "..." not in axes:
        return list(zip(axes, shape))
    at = axes.index("...")
    return [*zip(axes[:at], shape), *zip(axes[at + 1 :], shape[at + len(shape) - len(axes) + 1 :])]


def _shape(value: Any) -> tuple[int, ...] | None:
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return shape
    if isinstance(value, int | float | complex | list | tuple):
        try:
            return np.shape(value)
        except ValueError:  # rows of different lengths
            return None
    return None


def _text(axes: tuple[str, ...]) -> str:
    return f"({axes[0]},)" if len(axes) == 1 else f"({', '.join(axes)})"


def checked(function: Callable[..., Any], primitive: bool = False) -> Callable[..., Any]:
    """The function, comparing the shapes of every call with its arrow; itself where it has none.

    `primitive` says that it returns `(value, gradient)` and that the arrow tells the value.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    try:
        arrow = parse(function.__doc__)
        if arrow is None:
            return function
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
        if len(arrow.inputs) > len(own):
            raise ArrowError(f"the arrow has {len(arrow.inputs)} inputs, the function {len(own)} parameters")
    except ArrowError as error:
        raise ArrowError(f"{name}: {error}") from None
    inputs = [(p, axes) for p, axes in zip(own, arrow.inputs) if axes is not None]
    tally.functions.add(name)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # let the function itself complain
        given.apply_defaults()
        sizes = Sizes()
        for parameter, axes in inputs:
            value = given.arguments[parameter.name]
            several = value if parameter.kind is parameter.VAR_POSITIONAL else (value,)
            for one in several:
                if one is not None:
                    sizes.compare(f"{name}({parameter.name})", one, axes)
        sizes.settle()
        result = function(*args, **kwargs)
        value = result[0] if primitive else result
        values: Sequence[Any] = (value,) if len(arrow.outputs) == 1 else value
        if len(values) != len(arrow.outputs):
            raise ShapeError(f"{name} returned {len(values)} results, its arrow says {len(arrow.outputs)}")
        for i, (one, axes) in enumerate(zip(values, arrow.outputs)):
            sizes.compare(f"the result of {name}" if len(values) == 1 else f"result {i} of {name}", one, axes)
        sizes.settle()
        tally.called.add(name)
        tally.calls += 1
        return result

    return wrapper


# Modules, as they are imported


class _Decorate(ast.NodeTransformer):
    """Puts the check next to the `def` of every function with an arrow, below its other decorators."""

    def __init__(self) -> None:
        self.n_functions = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        first_line = (ast.get_docstring(node) or "").split("\n")[0]
        if "->" in first_line:
            primitive = any(_last_name(decorator) == "primitive" for decorator in node.decorator_list)
            call = ast.Name(CHECK_PRIMITIVE if primitive else CHECK, ast.Load())
            node.decorator_list.append(ast.copy_location(call, node.body[0]))
            self.n_functions += 1
        return node


def _last_name(decorator: ast.expr) -> str:
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def decorated(source: str, filename: str) -> CodeType | None:
    """The module's code with its arrows checked, or None where it has no arrow."""
    if "->" not in source:
        return None
    tree = ast.parse(source, filename)
    decorate = _Decorate()
    decorate.visit(tree)
    if not decorate.n_functions:
        return None
    at = 0  # after the docstring and the `from __future__` lines, which must stay first
    while at < len(tree.body) and (
        (isinstance(tree.body[at], ast.Expr) and at == 0)
        or (isinstance(tree.body[at], ast.ImportFrom) and tree.body[at].module == "__future__")
    ):
        at += 1
    line = f"from {__name__} import checked as {CHECK}, checked_primitive as {CHECK_PRIMITIVE}"
    tree.body[at:at] = ast.parse(line, filename).body
    return compile(ast.fix_missing_locations(tree), filename, "exec", dont_inherit=True)


def checked_primitive(function: Callable[..., Any]) -> Callable[..., Any]:
    """`checked` for the function under `@primitive`."""
    return checked(function, primitive=True)


class Finder(importlib.abc.MetaPathFinder):
    """Asks the other finders for a module of ours and has its loader compile the decorated source."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not PACKAGES.match(fullname):
            return None
        spec = next(self._from_others(fullname, path, target), None)
        if spec is not None and isinstance(spec.loader, importlib.abc.InspectLoader):
            _compile_decorated(spec.loader, str(spec.origin))
        return spec

    def _from_others(self, *question: Any) -> Iterator[importlib.machinery.ModuleSpec]:
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            if finder is not self and find_spec and (spec := find_spec(*question)):
                yield spec


def _compile_decorated(loader: Any, origin: str) -> None:
    """Have a loader compile its module's source with the arrows checked."""
    usual = loader.get_code

    def get_code(name: str) -> CodeType | None:
        source = loader.get_source(name)
        return (source and decorated(source, origin)) or usual(name)

    loader.get_code = get_code


# pytest


_finder = Finder()


def pytest_plugin_registered() -> None:
    """Watch imports from the moment that pytest knows of this file, before the packages' own conftest.py."""
    if _finder not in sys.meta_path:
        tally.too_early = sorted(name for name in sys.modules if PACKAGES.match(name))
        sys.meta_path.insert(0, _finder)


def pytest_unconfigure() -> None:
    """Watch no longer."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


def pytest_report_header() -> list[str]:
    """Name the modules that were imported before this plugin, so that a run without checks does not pass for one."""
    early = ", ".join(tally.too_early)
    return [f"shape arrows: not checked in {early}, imported too early"] if early else []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line: how many arrows the tests went through."""
    if tally.functions:
        silent = sorted(tally.functions - tally.called)
        called = f"{len(tally.called)} of {len(tally.functions)} functions called"
        terminalreporter.write_line(f"shape arrows: {called}, {tally.calls} calls checked")
        if silent and terminalreporter.config.getoption("verbose") > 0:
            terminalreporter.write_line("never called: " + ", ".join(silent))
