"""Sequential: modules applied one after the other.

    y = fₙ( … f₂(f₁(x)))                                                                         (1)

Its gradient needs no formula of its own: the tape runs the chain rule from fₙ back to f₁.

Symbols
-------
    paper   code   shape            meaning
    x       x      (B, ...)         input, later the result so far

Cost: that of the modules.

References
----------
    Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors": layers one after the
    other.
Differs from it: nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from pellucid_nn.module import Module


class Sequential(Module):
    """Apply modules in order.

    Parameters
    ----------
    *modules : Module
        Or one dict of them, whose keys become their names; without it they are called "0", "1", ...
    """

    def __init__(self, *modules: Module | dict[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], dict):
            for name, named in modules[0].items():
                self._add(name, named)
        else:
            for module in modules:
                self.append(module)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)  #                                                                      (1)
        return x

    def append(self, module: Any) -> Self:
        """Put one more module at the end."""
        return self._add(str(len(self)), module)

    def _add(self, name: str, module: Any) -> Self:
        if not isinstance(module, Module):
            hint = f"; write {module.__name__}() for an instance of it" if isinstance(module, type) else ""
            raise TypeError(f"Sequential holds modules, and got {module!r}{hint}")
        if hasattr(Module, name) or name in vars(self) or "." in name:
            raise ValueError(f"{name!r} cannot be the name of a module: it is in use, or has a dot")
        vars(self)[name] = module
        return self

    def __iter__(self) -> Iterator[Module]:
        return (value for value in list(vars(self).values()) if isinstance(value, Module))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: int | slice) -> Any:
        """The module at a place, or a Sequential of those in a slice (it shares their parameters)."""
        modules = list(self)[index]
        return Sequential(*modules) if isinstance(modules, list) else modules
