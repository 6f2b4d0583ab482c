"""Containers: lists and dicts of modules, under PyTorch's names.

A plain list or dict as an attribute of a Module does the same; these can also be printed, and stand alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Self

from pellucid_nn.module import Module, check_module, check_text


class ModuleList(Module):
    """Modules in a list: their parameters are those of the list, under the names "0", "1", ...

    Parameters
    ----------
    modules : iterable of Module, optional
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self._members: list[Module] = []
        self.extend(() if modules is None else modules)

    def _attributes(self) -> list[tuple[str, Any]]:
        return _own(self) + [(str(i), module) for i, module in enumerate(self._members)]

    def _shown(self) -> Iterable[tuple[str, str]]:
        """Neighbours that look alike share a line: (0-2): 3 x ReLU()."""
        own = len(list(self.named_children())) - len(self)
        yield from list(super()._shown())[:own]
        i = 0
        for text, alike in groupby(map(repr, self)):
            n = len(list(alike))
            yield (str(i), text) if n == 1 else (f"{i}-{i + n - 1}", f"{n} x {text}")
            i += n

    def add_module(self, name: str, module: Module | None) -> None:
        """Put one more at the end; its name must be the number of that place."""
        if name != str(len(self)):
            raise ValueError(f"the next module of this ModuleList is called '{len(self)}', not {name!r}: use append")
        self.append(check_module(self, module))

    def append(self, module: Module) -> Self:
        """Put one more at the end."""
        return self.insert(len(self), module)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put several at the end."""
        for module in list(modules):  # which may be this one
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put one before the one at a place."""
        self._members.insert(index, check_module(self, module))
        return self

    def pop(self, index: int = -1) -> Module:
        """Take one out."""
        return self._members.pop(index)

    def __iadd__(self, modules: Iterable[Module]) -> Self:
        return self.extend(modules)

    def __add__(self, modules: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *modules])

    def __getitem__(self, index: int | slice) -> Any:
        found = self._members[index]
        return ModuleList(found) if isinstance(found, list) else found

    def __setitem__(self, index: int, module: Module) -> None:
        self._members[index] = check_module(self, module)

    def __delitem__(self, index: int | slice) -> None:
        del self._members[index]

    def __iter__(self) -> Iterator[Module]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, module: object) -> bool:
        return any(member is module for member in self._members)


class ModuleDict(Module):
    """Modules by name: their parameters are those of the dict, under these names.

    Parameters
    ----------
    modules : mapping of str to Module, optional
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        self._members: dict[str, Module] = {}
        self.update({} if modules is None else modules)

    def _attributes(self) -> list[tuple[str, Any]]:
        return _own(self) + list(self._members.items())

    def add_module(self, name: str, module: Module | None) -> None:
        """Add one, or put it in the place of another of the same name."""
        self[name] = check_module(self, module)

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, or put them in the place of others of the same name."""
        for name, module in dict(modules).items():
            self[name] = module

    def pop(self, name: str) -> Module:
        """Take one out."""
        return self._members.pop(name)

    def clear(self) -> None:
        """Take all out."""
        self._members.clear()

    def keys(self) -> Iterable[str]:
        return self._members.keys()

    def values(self) -> Iterable[Module]:
        return self._members.values()

    def items(self) -> Iterable[tuple[str, Module]]:
        return self._members.items()

    def __getitem__(self, name: str) -> Module:
        return self._members[name]

    def __setitem__(self, name: str, module: Module) -> None:
        check_text(name)
        self._members[name] = check_module(self, module)

    def __delitem__(self, name: str) -> None:
        del self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members


def _own(container: Module) -> list[tuple[str, Any]]:
    """What a container has besides its members: a subclass may add parameters."""
    return [(name, value) for name, value in vars(container).items() if name != "_members"]
