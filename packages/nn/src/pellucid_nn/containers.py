"""Containers: lists and dicts of modules, under PyTorch's names.

A plain list or dict as an attribute of a Module does the same; these can also be printed, and stand alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from pellucid_nn.module import Module


class ModuleList(Module):
    """Modules in a list: their parameters are those of the list, under the names "0", "1", ...

    Parameters
    ----------
    modules : iterable of Module
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self._members: list[Module] = []
        self.extend(modules)

    def _attributes(self) -> dict[str, Any]:
        return {str(i): module for i, module in enumerate(self._members)}

    def append(self, module: Module) -> Self:
        """Put one more at the end."""
        return self.insert(len(self), module)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Put several at the end."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put one before the one at a place."""
        self._members.insert(index, _checked(self, module))
        return self

    def __getitem__(self, index: int | slice) -> Any:
        found = self._members[index]
        return ModuleList(found) if isinstance(found, list) else found

    def __setitem__(self, index: int, module: Module) -> None:
        self._members[index] = _checked(self, module)

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
    modules : mapping of str to Module
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] = ()) -> None:
        self._members: dict[str, Module] = {}
        self.update(modules)

    def _attributes(self) -> dict[str, Any]:
        return dict(self._members)

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
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"{name!r} cannot be the name of a module: it must be a text without a dot")
        self._members[name] = _checked(self, module)

    def __delitem__(self, name: str) -> None:
        del self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members


def _checked(container: Module, module: Any) -> Module:
    if not isinstance(module, Module):
        hint = f"; write {module.__name__}() for an instance of it" if isinstance(module, type) else ""
        raise TypeError(f"{type(container).__name__} holds modules, and got {module!r}{hint}")
    return module
