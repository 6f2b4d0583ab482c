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

from collections.abc import Iterable, Iterator
from itertools import count
from operator import index as whole
from typing import Any, Self

from pellucid_nn.module import Module, check_module, check_text


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
        free = (str(i) for i in count(len(self)) if str(i) not in vars(self))
        return self._add(next(free), module)

    def extend(self, modules: Iterable[Any]) -> Self:
        """Put several modules at the end."""
        for module in list(modules):  # which may be this one
            self.append(module)
        return self

    def insert(self, index: int, module: Any) -> Self:
        """Put one more module before the one at a place; afterwards all are called "0", "1", ..."""
        modules = list(self)
        modules.insert(index, check_module(self, module))
        return self._replace(modules)

    def pop(self, index: int = -1) -> Module:
        """Take a module out; afterwards the others are called "0", "1", ..."""
        module: Module = self[whole(index)]
        del self[index]
        return module

    def add_module(self, name: str, module: Module | None) -> None:
        """Put one more module at the end, under a name of its own."""
        self._add(name, module)

    def _add(self, name: str, module: Any) -> Self:
        check_text(name)
        if hasattr(self, name):
            raise ValueError(f"{name!r} cannot be the name of a module: it is in use")
        vars(self)[name] = check_module(self, module)
        return self

    def _members(self) -> dict[str, Module]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Module)}

    def _replace(self, modules: list[Module]) -> Self:
        for name in self._members():
            del vars(self)[name]
        return self.extend(modules)

    def __iter__(self) -> Iterator[Module]:
        return iter([value for value in vars(self).values() if isinstance(value, Module)])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index: int | slice) -> Any:
        """The module at a place, or a Sequential of those in a slice, by their names (it shares their parameters)."""
        if isinstance(index, slice):
            return Sequential(dict(list(self._members().items())[index]))
        return list(self)[index]

    def __setitem__(self, index: int, module: Any) -> None:
        vars(self)[list(self._members())[whole(index)]] = check_module(self, module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        del modules[index]
        self._replace(modules)
