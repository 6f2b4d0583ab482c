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

import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.nesting import flatten, unflatten
from pellucid.tape import recording, written
from pellucid.tensor import Tensor, data_of, holds_tensor

if TYPE_CHECKING:
    from pellucid_nn.summary import Summary


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


HOOKS, WEIGHTS = "_hooks", "weights"  # an attribute of modules that have hooks; the kind of a file


class Hooks(NamedTuple):
    before: dict[int, Callable[..., Any]]
    after: dict[int, Callable[..., Any]]


_hook_numbers = count()


class HookHandle:
    """One hook on a module.

    Parameters
    ----------
    hooks : dict
        Those of the module, of its kind.
    hook : callable
        What is added to them.
    """

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self._hooks, self._number = hooks, next(_hook_numbers)
        hooks[self._number] = hook

    def remove(self) -> None:
        """Take the hook away."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


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
    _hooks: Hooks | None = None
    lazy: bool = False  # whether the parameters wait for the first input, which decides their shapes

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, x)")

    def materialize(self, *args: Any, **kwargs: Any) -> None:
        """Make the parameters of a lazy module, from the first input that it is called on."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.lazy:
            self.materialize(*args, **kwargs)
            self.lazy = False
        hooks = self._hooks
        if hooks is not None:
            for before in list(hooks.before.values()):
                changed = before(self, args)
                if changed is not None:
                    args = changed if isinstance(changed, tuple) else (changed,)
        y = self.forward(*args, **kwargs)
        if not recording() and not holds_tensor(args) and not holds_tensor(list(kwargs.values())):
            y = _without_tensors(y)
        if hooks is not None:
            for after in list(hooks.after.values()):
                changed = after(self, args, y)
                y = y if changed is None else changed
        return y

    def register_forward_pre_hook(self, hook: Callable[[Module, tuple[Any, ...]], Any]) -> HookHandle:
        """Call ``hook(module, args)`` before every forward; what it returns, if anything, takes the place of args.

        Returns
        -------
        HookHandle
            ``handle.remove()`` takes the hook away; so does the end of ``with handle:``.
        """
        return HookHandle(vars(self).setdefault(HOOKS, Hooks({}, {})).before, hook)

    def register_forward_hook(self, hook: Callable[[Module, tuple[Any, ...], Any], Any]) -> HookHandle:
        """Call ``hook(module, args, y)`` after every forward; what it returns, if anything, takes the place of y.

        A hook on a gradient belongs to the Tensor: ``y.register_hook`` inside of this one.

        Returns
        -------
        HookHandle
            ``handle.remove()`` takes the hook away; so does the end of ``with handle:``.
        """
        return HookHandle(vars(self).setdefault(HOOKS, Hooks({}, {})).after, hook)

    def multiply_adds(self, y: Any, *args: Any) -> int:
        """How many multiplications, each with an addition, forward itself needs from `args` to `y`, for `summary`."""
        return 0

    def summary(self, *inputs: Any) -> Summary:
        """A table of all modules inside: output shape, parameters, and multiply-adds for these inputs.

        Parameters
        ----------
        *inputs : array_like, or tuple of int
            What the module is called on; a tuple of whole numbers stands for zeros of that shape.

        Returns
        -------
        Summary
            Its text is the table; ``rows``, ``n_parameters`` and ``multiply_adds`` hold the numbers.
        """
        from pellucid_nn.summary import summary

        return summary(self, *inputs)

    def _attributes(self) -> dict[str, Any]:
        """Where `_owned` looks; containers give their members."""
        return vars(self)

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
            module._check_materialized(path)
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

    def save_weights(self, path: str | os.PathLike[str]) -> Path:
        """Write the `state_dict` to an ``.npz`` file, whole or not at all; returns its path."""
        from pellucid.saving import write_tree

        return write_tree(path, WEIGHTS, self.state_dict())

    def load_weights(self, path: str | os.PathLike[str], strict: bool = True) -> LoadedKeys:
        """`load_state_dict` of a file that `save_weights` wrote, into a module that was built alike.

        Raises
        ------
        LoadError
            If the file is missing, damaged or no file of weights.
        ValueError
            As `load_state_dict`.
        """
        from pellucid.saving import read_tree

        return self.load_state_dict(read_tree(path, WEIGHTS)[0], strict=strict)

    def from_torch_state(self, state: Mapping[str, Any], strict: bool = True) -> LoadedKeys:
        """`load_state_dict` of the state of the same layer in PyTorch: names and shapes agree.

        Parameters
        ----------
        state : mapping of str to torch.Tensor
            What ``state_dict()`` of PyTorch's module returned, on any device.
        strict : bool
            As for `load_state_dict`.
        """
        found = {}
        for name, value in state.items():
            if hasattr(value, "detach"):
                value = value.detach().cpu()
                value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
            found[name] = value
        return self.load_state_dict(found, strict=strict)

    def to_torch_state(self) -> dict[str, Any]:
        """The `state_dict` as Tensors of PyTorch, for its ``load_state_dict``."""
        torch = import_module("torch")

        return {name: torch.from_numpy(np.array(array)) for name, array in self.state_dict().items()}

    def _check_materialized(self, path: str) -> None:
        if self.lazy:
            raise ValueError(
                f"{path or 'this module'} ({type(self).__name__}) has no parameters yet, as their shapes depend on "
                f"its input: call the module once on an example, net(X[:1]), before asking for them"
            )

    def _state(self) -> Iterator[tuple[str, NDArray[Any], Parameter | None]]:
        """(name, array, the Parameter that it is the data of); what is shared appears under each of its names."""
        for path, module in _walk(self, "", frozenset()):
            module._check_materialized(path)
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

    def freeze(self) -> Self:
        """Let no parameter inside learn. Running means of batch norms still follow in train mode: see `eval`."""
        return self.requires_grad_(False)

    def unfreeze(self) -> Self:
        """Let all parameters inside learn again."""
        return self.requires_grad_(True)

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


PRIVATE = ("_buffers", HOOKS)


def _without_tensors(y: Any) -> Any:
    """A result, alone or nested, with arrays in the place of Tensors."""
    if isinstance(y, Tensor):
        return data_of(y)
    if isinstance(y, list | tuple | dict):
        leaves: list[Any] = []
        form = flatten(y, leaves)
        return unflatten(form, iter([data_of(x) if isinstance(x, Tensor) else x for x in leaves]))
    return y


def _owned(module: Module) -> Iterator[tuple[str, Any]]:
    """The attributes of a module; a list, tuple or dict is looked into, its members are called `name.key`."""
    todo = [(name, value) for name, value in reversed(module._attributes().items()) if name not in PRIVATE]
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
