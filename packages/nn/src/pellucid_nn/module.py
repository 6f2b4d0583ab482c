"""Module and Parameter: a layer is a function that owns the numbers it learns.

A Module has two parts. `forward` says what it computes; its attributes say what it owns. Whatever is assigned to an
attribute is found there again, so there is no registration to remember:

    >>> import numpy as np
    >>> from pellucid_nn.module import Module, Parameter
    >>> class Scale(Module):
    ...     def __init__(self, n):
    ...         self.factor = Parameter(np.ones(n))
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> class Twice(Module):
    ...     def __init__(self, n):
    ...         self.steps = [Scale(n), Scale(n)]
    ...     def forward(self, x):
    ...         return self.steps[1](self.steps[0](x))
    >>> [name for name, _ in Twice(3).named_parameters()]
    ['steps.0.factor', 'steps.1.factor']

The names are PyTorch's. Two things differ from it on purpose: modules inside lists, tuples and dicts are found (PyTorch
wants a ModuleList), and `state_dict` returns copies, so that training on does not change a state that was kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.tape import written
from pellucid.tensor import Tensor, data_of


class Parameter(Tensor):
    """A Tensor that a Module learns: it asks for a gradient, and the Module that holds it lists it.

    Parameters
    ----------
    data : array_like
        The initial values, floating point.
    requires_grad : bool
        False freezes it: optimizers pass it by.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, dtype: DTypeLike | None = None) -> None:
        super().__init__(data, requires_grad=requires_grad, dtype=dtype)


class LoadedKeys(NamedTuple):
    """What `load_state_dict` could not pair up; both lists are empty when everything fitted."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """A function that owns parameters, buffers and other modules.

    Subclasses assign them to attributes in ``__init__`` and define ``forward``.

    Attributes
    ----------
    training : bool
        What `train` and `eval` switch; layers that behave differently while they learn (dropout, batch norm) look at
        it.
    """

    training: bool = True

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, x)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    # What it owns, found by looking through its attributes in the order in which they were assigned

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside this one, with their names."""
        return ((name, value) for name, value in _owned(self) if isinstance(value, Module))

    def children(self) -> Iterator[Module]:
        """The modules directly inside this one."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all inside it, each once, with dotted names; its own name is `prefix`."""
        seen: set[int] = set()
        for name, module in _walk(self, prefix, frozenset()):
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; one that is shared between modules is listed once, under its first name."""
        seen: set[int] = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, value in _owned(module):
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield _join(path, name), value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def register_buffer(self, name: str, array: NDArray[Any], persistent: bool = True) -> None:
        """Own an array that is part of the state but is not learnt by gradient (running means, masks).

        It becomes the attribute `name`. With ``persistent=False`` `state_dict` leaves it out.
        """
        vars(self).setdefault("_buffers", {})[name] = persistent
        setattr(self, name, np.asarray(array))

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
        """All buffers with dotted names."""
        for path, module in self.named_modules(prefix):
            for name in vars(module).get("_buffers", {}):
                yield _join(path, name), getattr(module, name)

    def named_generators(self) -> Iterator[tuple[str, np.random.Generator]]:
        """The random generators that modules hold, with dotted names; a checkpoint keeps where each of them stands."""
        for path, module in self.named_modules():
            for name, value in _owned(module):
                if isinstance(value, np.random.Generator):
                    yield _join(path, name), value

    # Its state

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Copies of all parameters and persistent buffers, by dotted name."""
        return {name: np.array(array) for name, array, _ in self._state()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> LoadedKeys:
        """Copy a `state_dict` into this module. Nothing is changed if anything does not fit.

        Parameters
        ----------
        state : mapping of str to array
            As `state_dict` returned it.
        strict : bool
            Whether a missing or an unexpected name is an error. Shapes must agree in any case.

        Returns
        -------
        LoadedKeys
            The names that were missing and those that were not expected.

        Raises
        ------
        ValueError
            If names or shapes do not fit; all problems are listed.
        """
        own = {name: (array, owner) for name, array, owner in self._state()}
        keys = LoadedKeys([name for name in own if name not in state], [name for name in state if name not in own])
        problems = []
        if strict and keys.missing_keys:
            problems.append("missing: " + ", ".join(keys.missing_keys))
        if strict and keys.unexpected_keys:
            problems.append("unexpected: " + ", ".join(keys.unexpected_keys))
        new = {name: np.asarray(state[name]) for name in own if name in state}
        for name, array in new.items():
            old = own[name][0]
            if array.shape != old.shape:
                problems.append(f"{name} has shape {array.shape} in the state and {old.shape} in the module")
            elif not np.can_cast(array.dtype, old.dtype, "same_kind"):
                problems.append(f"{name} is {array.dtype} in the state and {old.dtype} in the module")
        if problems:
            raise ValueError(
                f"this state does not fit {type(self).__name__}:\n  " + "\n  ".join(problems) + "\n"
                "build the module as it was when the state was taken, or pass strict=False to load the names that agree"
            )
        for name, array in new.items():
            old, owner = own[name]
            old[...] = array
            if owner is not None:
                written(owner)
        return keys

    def _state(self) -> Iterator[tuple[str, NDArray[Any], Parameter | None]]:
        """(name, array, the Parameter that it is the data of); what is shared appears under each of its names."""
        for path, module in _walk(self, "", frozenset()):
            for name, value in _owned(module):
                if isinstance(value, Parameter):
                    yield _join(path, name), data_of(value), value
            for name, persistent in vars(module).get("_buffers", {}).items():
                if persistent:
                    yield _join(path, name), getattr(module, name), None

    # Switches that reach all modules inside

    def train(self, mode: bool = True) -> Self:
        """Behave as while learning (or, with ``mode=False``, as while predicting)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Behave as while predicting."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.grad = None

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze all parameters (False) or let them learn (True)."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def to(self, dtype: DTypeLike) -> Self:
        """Convert all parameters and floating-point buffers. Do this before an optimizer is built on them."""
        for parameter in self.parameters():
            parameter.data, parameter.grad = parameter.data.astype(dtype), None
        for module in self.modules():
            for name in vars(module).get("_buffers", {}):
                buffer = getattr(module, name)
                if buffer.dtype.kind == "f":
                    setattr(module, name, buffer.astype(dtype))
        return self

    def float(self) -> Self:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert to float64."""
        return self.to(np.float64)

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call `function` on every module inside and then on this one, for instance to set initial values."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    # How it is shown

    def extra_repr(self) -> str:
        """What stands between the parentheses; layers give their sizes."""
        return ""

    def __repr__(self) -> str:
        inside = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in self.named_children()]
        if not inside:
            return f"{type(self).__name__}({self.extra_repr()})"
        first = [self.extra_repr()] if self.extra_repr() else []
        return f"{type(self).__name__}(\n  " + "\n  ".join(first + inside) + "\n)"


def _owned(module: Module) -> Iterator[tuple[str, Any]]:
    """The attributes of a module; a list, tuple or dict is looked into, its members are called `name.key`."""
    todo = [(name, value) for name, value in reversed(vars(module).items()) if name != "_buffers"]
    while todo:
        name, value = todo.pop()
        if isinstance(value, list | tuple):
            todo += [(f"{name}.{i}", member) for i, member in reversed(list(enumerate(value)))]
        elif isinstance(value, dict):
            todo += [(f"{name}.{key}", member) for key, member in reversed(value.items())]
        else:
            yield name, value


def _walk(module: Module, path: str, above: frozenset[int]) -> Iterator[tuple[str, Module]]:
    """A module and all inside it, by every path that leads there (but never around a circle)."""
    yield path, module
    above = above | {id(module)}
    for name, child in module.named_children():
        if id(child) not in above:
            yield from _walk(child, _join(path, name), above)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
