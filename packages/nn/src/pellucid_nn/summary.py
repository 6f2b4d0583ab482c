"""What is in a network: one line for every module, with its output shape, parameters and multiply-adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid import no_grad
from pellucid_nn.module import Module


@dataclass(frozen=True)
class Row:
    """One module of a summary."""

    name: str  # dotted; "" for the network itself
    kind: str  # its class
    output: str  # the shape of what it returned, or "not called"
    n_parameters: int  # its own, without those of modules inside; what is shared counts where it is met first
    n_frozen: int  # of these, those that do not learn
    multiply_adds: int  # its own


@dataclass(frozen=True)
class Summary:
    """What `Module.summary` returns; its text is a table."""

    rows: tuple[Row, ...]

    @property
    def n_parameters(self) -> int:
        return sum(row.n_parameters for row in self.rows)

    @property
    def n_frozen(self) -> int:
        return sum(row.n_frozen for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        return sum(row.multiply_adds for row in self.rows)

    def __str__(self) -> str:
        table = [("layer", "output shape", "parameters", "multiply-adds")]
        for row in self.rows:
            depth = row.name.count(".") + 1 if row.name else 0
            label = f"{row.name.rpartition('.')[2]}: {row.kind}" if row.name else row.kind
            counts = [f"{n:,}" if n else "" for n in (row.n_parameters, row.multiply_adds)]
            table.append(("  " * depth + label, row.output, counts[0], counts[1]))
        widths = [max(len(line[i]) for line in table) for i in range(4)]
        lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}" for a, b, c, d in table]
        rule = "-" * max(map(len, lines))
        frozen = f", {self.n_frozen:,} of them frozen" if self.n_frozen else ""
        total = f"{self.n_parameters:,} parameters{frozen}; {self.multiply_adds:,} multiply-adds"
        return "\n".join(line.rstrip() for line in [lines[0], rule, *lines[1:], rule, total])

    __repr__ = __str__


def summary(net: Module, *inputs: Any) -> Summary:
    """Call `net` once, in eval mode and without recording, and tell what every module inside did.

    Parameters
    ----------
    net : Module
    *inputs : array_like, or tuple of int
        What it is called on; a tuple of whole numbers stands for zeros of that shape, in the dtype of the parameters.

    Returns
    -------
    Summary
    """
    modules = dict(net.named_modules())
    outputs: dict[int, str] = {}
    work: dict[int, int] = {}

    def note(module: Module, args: tuple[Any, ...], y: Any) -> None:
        outputs[id(module)] = shape_of(y)
        work[id(module)] = work.get(id(module), 0) + module.multiply_adds(y, *args)

    modes = {name: module.training for name, module in modules.items()}
    handles = [module.register_forward_hook(note) for module in modules.values()]
    try:
        with no_grad():
            net.eval()(*[example(net, x) for x in inputs])
    finally:
        for handle in handles:
            handle.remove()
        for name, module in modules.items():
            module.training = modes[name]
    rows = []
    seen: set[int] = set()
    for name, module in modules.items():
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen |= {id(p) for p in own}
        rows.append(
            Row(
                name,
                type(module).__name__,
                outputs.get(id(module), "not called"),
                sum(p.size for p in own),
                sum(p.size for p in own if not p.requires_grad),
                work.get(id(module), 0),
            )
        )
    return Summary(tuple(rows))


def example(net: Module, x: Any) -> Any:
    """An input: as it is given, or zeros of a shape."""
    if isinstance(x, tuple) and all(isinstance(n, int | np.integer) for n in x):
        dtypes = [] if any(module.lazy for module in net.modules()) else [p.dtype for p in net.parameters()]
        return np.zeros(x, dtypes[0] if dtypes else np.float64)
    return x


def shape_of(y: Any) -> str:
    """The shape of a result, or those of its parts."""
    if isinstance(y, dict):
        return "{" + ", ".join(f"{key}: {shape_of(part)}" for key, part in y.items()) + "}"
    if isinstance(y, list | tuple):
        return "(" + ", ".join(map(shape_of, y)) + ")"
    return str(np.shape(y)).replace(" ", "") if y is not None else "None"
