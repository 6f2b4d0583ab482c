"""A picture of a computation: which operations led to a Tensor, as Graphviz draws it.

    >>> import numpy as np
    >>> from pellucid import Tensor
    >>> from pellucid.graph_drawing import graph
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> print(graph(np.sum(w * 3.0), names={"w": w}))
    digraph {
      node [fontname="Helvetica" fontsize=10]
      edge [fontname="Helvetica" fontsize=8]
      leaf1 [shape=ellipse label="w\\n(2,) float64"]
      n1 [shape=box label="np.multiply(·, 3.0)\\n(2,) float64"]
      n2 [shape=box style=bold label="np.sum(·)\\n() float64"]
      leaf1 -> n1
      n1 -> n2
    }

Operations are boxes, numbered in the order in which they ran; leaves are ellipses. A dot in a label stands for an
argument with a gradient, which an edge leads to; where there is more than one, the edges are numbered. Other arguments
are written out if they are short, and by their shape if they are arrays.
"""

from __future__ import annotations

import operator
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.backward import alias
from pellucid.nesting import flatten, paths
from pellucid.tape import Node, name_of
from pellucid.tensor import Tensor, pick
from pellucid.writing import written_over


def graph(y: Any, names: dict[str, Any] | None = None, max_nodes: int = 500) -> Graph:
    """A picture of the computation behind a Tensor.

    Parameters
    ----------
    y : Tensor or nested
        One result or several.
    names : dict, optional
        From a name to the Tensor, or the nested Tensors, that shall bear it: ``{"w": w, "layers": params}``.
    max_nodes : int
        Only so many operations are drawn, the last ones before `y`.

    Returns
    -------
    Graph
        It shows itself in a notebook, if Graphviz is installed; ``.dot`` is its text, ``.save("a.svg")`` writes it.

    Raises
    ------
    TypeError
        If there is no Tensor in `y`.
    """
    leaves: list[Any] = []
    flatten(y, leaves)
    ends = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    if not ends:
        raise TypeError(f"graph draws what led to a Tensor; this is {type(y).__name__}")
    return Graph("\n".join(lines(ends, named(names or {}), max_nodes)) + "\n")


class Graph:
    """A picture in the language of Graphviz.

    Attributes
    ----------
    dot : str
        Its text.
    """

    def __init__(self, dot: str) -> None:
        self.dot = dot

    def __str__(self) -> str:
        return self.dot.rstrip("\n")

    def svg(self) -> str:
        """The picture as SVG, drawn by Graphviz's program ``dot``.

        Raises
        ------
        RuntimeError
            If the program is not installed, or fails.
        """
        program = shutil.which("dot")
        if program is None:
            raise RuntimeError(
                "drawing needs Graphviz's program `dot`, which is not on the path: install graphviz, or give the text "
                "in .dot to another viewer"
            )
        done = subprocess.run([program, "-Tsvg"], input=self.dot.encode(), capture_output=True)
        if done.returncode:
            raise RuntimeError(f"{program} failed with status {done.returncode}: {done.stderr.decode().strip()}")
        return done.stdout.decode()

    def _repr_svg_(self) -> str | None:
        """For notebooks, which show the text where this is None."""
        try:
            return self.svg()
        except (RuntimeError, OSError):
            return None

    def save(self, path: str | Path) -> None:
        """Write the text, or the picture if the name ends in ``.svg``."""
        kind = Path(path).suffix
        if kind not in (".dot", ".gv", ".svg"):
            raise ValueError(f"a graph is saved as .dot, .gv or .svg, not as {kind or 'nothing'}: {path}")
        Path(path).write_text(self.svg() if kind == ".svg" else self.dot, encoding="utf-8")


def lines(ends: list[Tensor], names: dict[Any, str], max_nodes: int) -> Iterator[str]:
    """The text, line by line."""
    tops = {behind(y.step or y): y._array for y in ends}
    nodes = all_nodes(tops)
    hidden = set(nodes[: max(len(nodes) - max_nodes, 0)])
    ids = {node: f"n{i}" for i, node in enumerate(nodes, 1)}
    leaves = [x for x in tops if x.__class__ is not Node]
    for node in nodes[len(hidden) :]:
        leaves += [x for x in parents_of(node) if x.__class__ is not Node]
    ids |= {leaf: f"leaf{i}" for i, leaf in enumerate(dict.fromkeys(leaves), 1)}
    yield "digraph {"
    yield '  node [fontname="Helvetica" fontsize=10]'
    yield '  edge [fontname="Helvetica" fontsize=8]'
    if hidden:
        text = f"not drawn: the first {len(hidden)} of {len(nodes)} operations\n(max_nodes={max_nodes})"
        yield f"  cut [shape=note label={quoted(text)}]"
    for x in dict.fromkeys(leaves):
        text = (f"{names[x]}\n" if x in names else "") + shape_of(x._array)
        yield f"  {ids[x]} [shape=ellipse label={quoted(text)}]"
    for node in nodes[len(hidden) :]:
        value = tops[node] if node.value is None and node in tops else node.value
        text = (f"{names[node]} = " if node in names else "") + call(node)
        about = ([] if value is None else [shape_of(value)]) + (["freed"] if node.args is None else [])
        text += "\n" + ", ".join(about)
        yield f"  {ids[node]} [shape=box{' style=bold' if node in tops else ''} label={quoted(text)}]"
    for node in nodes[len(hidden) :]:
        sources = parents_of(node)
        if any([x in hidden for x in sources]):
            yield f"  cut -> {ids[node]} [style=dashed]"
        for i, x in enumerate(sources, 1):
            if x not in hidden:
                yield f"  {ids[x]} -> {ids[node]}" + (f" [label={i}]" if len(sources) > 1 else "")
    yield "}"


def all_nodes(tops: Iterable[Any]) -> list[Node]:
    """Every operation that led to some, the oldest first."""
    todo = [x for x in tops if x.__class__ is Node]
    found = set(todo)
    while todo:
        for x in parents_of(todo.pop()):
            if x.__class__ is Node and x not in found:
                found.add(x)
                todo.append(x)
    return sorted(found, key=attrgetter("born"))


def parents_of(node: Node) -> list[Any]:
    """The operations and leaves that an operation got its arguments from, in the order of the arguments."""
    found: list[Any] = []
    for parent in node.parents:
        found += parent if parent.__class__ is list else [parent]
    return [behind(x) for x in found if x is not None]


def behind(x: Any) -> Any:
    """An operation, or the leaf or operation that it only gives another name to."""
    while x.__class__ is Node and x.function is alias and x.parents:
        x = x.parents[0]
    return x


def named(names: dict[str, Any]) -> dict[Any, str]:
    """From an operation or a leaf to its name."""
    found: dict[Any, str] = {}
    for name, tensors in names.items():
        leaves: list[Any] = []
        places = paths(flatten(tensors, leaves))
        for x, place in zip(leaves, places, strict=True):
            if isinstance(x, Tensor):
                found[behind(x.step or x)] = name + place
    return found


# Words


def call(node: Node) -> str:
    """An operation as one would write it, with a dot for each argument that an edge leads to."""
    if node.args is None:
        return name_of(node.function)
    if node.function is pick:
        return f"result {node.args[0]}"
    args = [argument(x, parent) for x, parent in zip(node.args, node.parents, strict=True)]
    if node.function is operator.getitem:
        return f"{args[0]}[{index(node.args[1])}]"
    if node.function is written_over:
        function, rest, _ = node.args[2]
        place = f"[{index(rest[0])}]" if function is operator.getitem else f".{function.__name__}"
        return f"{args[0]}{place} = {args[1]}"
    args += [f"{name}={argument(x, None)}" for name, x in node.kwargs.items() if x is not None and x is not False]
    return shortened(f"{name_of(node.function)}({', '.join(args)})", 60)


def argument(x: Any, parent: Any) -> str:
    """A dot where an edge leads to it; a value that is short, or the shape of an array."""
    if parent is not None and parent.__class__ is not list:
        return "·"
    if isinstance(x, np.ndarray) and x.ndim:
        return f"array{x.shape}"
    if isinstance(x, (list, tuple)):
        parts = [argument(part, p) for part, p in zip(x, parent or [None] * len(x), strict=True)]
        return f"[{', '.join(parts)}]" if isinstance(x, list) else f"({', '.join(parts)})"
    if isinstance(x, (float, np.floating)) or (isinstance(x, np.ndarray) and x.dtype.kind == "f"):
        return str(float(f"{x:.6g}"))
    return shortened(str(getattr(x, "__name__", None) or (repr(x) if isinstance(x, str) else x)), 20)


def index(i: Any) -> str:
    """An index as one writes it: ``:, 0, ::2``."""
    if isinstance(i, tuple):
        return ", ".join([index(part) for part in i])
    if isinstance(i, slice):
        text = f"{'' if i.start is None else i.start}:{'' if i.stop is None else i.stop}"
        return text if i.step is None else f"{text}:{i.step}"
    return "..." if i is ... else argument(i, None)


def shape_of(value: Any) -> str:
    """Shape and dtype of a result, or how many results there are."""
    if isinstance(value, (tuple, list)):
        return f"{len(value)} results"
    return f"{np.shape(value)} {value.dtype}"


def shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
