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
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.nesting import flatten, unflatten
from pellucid.tape import recording
from pellucid.tensor import Tensor, data_of, holds_tensor
from pellucid_nn.hooks import HookHandle, Hooks
from pellucid_nn.states import LoadedKeys as LoadedKeys
from pellucid_nn.states import all_or_nothing, from_torch, load_state

if TYPE_CHECKING:
    from pellucid_nn.summary import Summary

T = TypeVar("T")


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
PRIVATE = ("_buffers", HOOKS)  # attributes in which no module or parameter is looked for


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

    def materialize_like(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Make the parameters of a lazy module, from the shapes that they have in a state; whether that was enough."""
        return False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.lazy:
            return self._first_call(args, kwargs)
        hooks = self._hooks
        if hooks is not None:
            args = hooks.inputs(self, args)
        y = self.forward(*args, **kwargs)
        plain = not recording() and not holds_tensor(args) and not holds_tensor(list(kwargs.values()))
        if plain:
            y = _without_tensors(y)
        if hooks is not None:
            y = hooks.result(self, args, y)
            y = _without_tensors(y) if plain else y
        return y

    def _first_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make the parameters of a lazy module and call it. An input that it refuses decides about nothing."""
        with all_or_nothing([self]):
            self.materialize(*args, **kwargs)
            self.lazy = False
            return self(*args, **kwargs)

    def register_forward_pre_hook(
        self, hook: Callable[[Module, tuple[Any, ...]], Any], *, prepend: bool = False
    ) -> HookHandle:
        """Call ``hook(module, args)`` before every forward; what it returns, if anything, takes the place of args.

        Hooks are called in the order in which they came; with ``prepend=True`` before those that are there.

        Returns
        -------
        HookHandle
            ``handle.remove()`` takes the hook away; so does the end of ``with handle:``.
        """
        return HookHandle(vars(self).setdefault(HOOKS, Hooks({}, {})).before, hook, prepend)

    def register_forward_hook(
        self, hook: Callable[[Module, tuple[Any, ...], Any], Any], *, prepend: bool = False
    ) -> HookHandle:
        """Call ``hook(module, args, y)`` after every forward; what it returns, if anything, takes the place of y.

        A hook on a gradient belongs to the Tensor: ``y.register_hook`` inside of this one. The order is that of
        `register_forward_pre_hook`.

        Returns
        -------
        HookHandle
            ``handle.remove()`` takes the hook away; so does the end of ``with handle:``.
        """
        return HookHandle(vars(self).setdefault(HOOKS, Hooks({}, {})).after, hook, prepend)

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

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(vars(self).get(name), Parameter) and not (value is None or isinstance(value, Tensor)):
            raise TypeError(
                f"{name} is a Parameter, and {type(value).__name__} cannot take its place: give it other values with "
                f"{name}.data[...] = values, or assign Parameter(values), a Tensor that is computed, or None"
            )
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        vars(self).get("_buffers", {}).pop(name, None)

    def _attributes(self) -> Iterable[tuple[str, Any]]:
        """Where `_owned` looks; containers add their members."""
        return vars(self).items()

    # What it owns, found by looking through its attributes in the order in which they were assigned

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside this one, with their names."""
        return ((name, value) for name, value in _owned(self) if isinstance(value, Module))

    def children(self) -> Iterator[Module]:
        """The modules directly inside this one."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module and all inside it, with dotted names; its own name is `prefix`.

        One that stands in several places is listed once, unless ``remove_duplicate=False``; so are parameters and
        buffers below.
        """
        return _each_once(_walk(self, prefix, frozenset()), remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all inside it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; one that is shared between modules is listed once, under its first name."""

        def everywhere() -> Iterator[tuple[str, Parameter]]:
            for path, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
                module._check_materialized(path)
                yield from ((_join(path, name), p) for name, p in _owned(module) if isinstance(p, Parameter))

        return _each_once(everywhere(), remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, NDArray[Any]]]:
        """All buffers with dotted names."""

        def everywhere() -> Iterator[tuple[str, NDArray[Any]]]:
            for path, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
                yield from ((_join(path, name), buffer) for name, buffer in module._own_buffers().items())

        return _each_once(everywhere(), remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[NDArray[Any]]:
        """All buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _own_buffers(self) -> dict[str, NDArray[Any]]:
        """Its own buffers; names that hold None, or something else than numbers by now, are left out."""
        found = {name: vars(self).get(name) for name in vars(self).get("_buffers", {})}
        for name, value in found.items():
            if isinstance(value, np.generic):  # what NumPy makes of arrays without axes when it computes
                found[name] = vars(self)[name] = np.array(value)
        return {name: value for name, value in found.items() if isinstance(value, np.ndarray)}

    # Owning by name

    def register_buffer(self, name: str, array: Any, persistent: bool = True) -> None:
        """Own an array that is part of the state but is not learnt by gradient (running means, masks).

        It becomes the attribute `name`: a copy, into which `load_state_dict` may write. None keeps the name for an
        array that may come later. With ``persistent=False`` `state_dict` leaves it out.

        Raises
        ------
        ValueError
            If the module has something else under this name.
        """
        buffers = vars(self).setdefault("_buffers", {})
        if name not in buffers:
            self._check_name(name)
        buffers[name] = persistent
        setattr(self, name, None if array is None else np.array(data_of(array)))

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Assign a Parameter, or None, to the attribute `name`; errors as of `add_module`."""
        if not (parameter is None or isinstance(parameter, Parameter)):
            raise TypeError(f"{name} must be a Parameter or None, not {type(parameter).__name__}: write Parameter(...)")
        self._check_name(name, Parameter)
        setattr(self, name, parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """Assign a module, or None, to the attribute `name`.

        Raises
        ------
        ValueError
            If the module has something of another kind under this name, or it is no text without a dot.
        TypeError
            If it is no module.
        """
        self._check_name(name, Module)
        setattr(self, name, None if module is None else check_module(self, module))

    def get_submodule(self, target: str) -> Module:
        """The module inside that has a dotted name; AttributeError if there is none."""
        return self._called(target, "module", dict(self.named_modules(remove_duplicate=False)))

    def get_parameter(self, target: str) -> Parameter:
        """The parameter that has a dotted name; AttributeError if there is none."""
        return self._called(target, "parameter", dict(self.named_parameters(remove_duplicate=False)))

    def get_buffer(self, target: str) -> NDArray[Any]:
        """The buffer that has a dotted name; AttributeError if there is none."""
        return self._called(target, "buffer", dict(self.named_buffers(remove_duplicate=False)))

    def _called(self, name: str, kind: str, found: dict[str, T]) -> T:
        if name not in found:
            names = ", ".join(repr(other) for other in found) or "none at all"
            raise AttributeError(f"{type(self).__name__} has no {kind} {name!r}; it has {names}")
        return found[name]

    def _check_name(self, name: str, *kinds: type) -> None:
        check_text(name)
        present = getattr(self, name, None)
        if present is not None and not isinstance(present, kinds):
            raise ValueError(f"{name!r} is in use: in this {type(self).__name__} it is a {type(present).__name__}")

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

        Lazy modules take their input sizes from it.

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
            If names, shapes or kinds of number do not fit, or an array here is read-only; all problems are listed.
        """
        return load_state(self, state, strict)

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
        return self.load_state_dict(from_torch(state), strict=strict)

    def to_torch_state(self) -> dict[str, Any]:
        """The `state_dict` as Tensors of PyTorch, for its ``load_state_dict``."""
        torch = import_module("torch")

        return {name: torch.from_numpy(np.array(array)) for name, array in self.state_dict().items()}

    def _check_materialized(self, path: str) -> None:
        if self.lazy:
            raise ValueError(
                f"{path or 'this module'} ({type(self).__name__}) has no parameters yet, as their shapes depend on "
                f"its input: call the module once on an example, net(X[:1]), or load a state, before asking for them"
            )

    def _state(self) -> Iterator[tuple[str, NDArray[Any], Parameter | None]]:
        """(name, array, the Parameter that it is the data of); what is shared appears under each of its names."""
        seen: set[str] = set()
        for path, module in _walk(self, "", frozenset()):
            module._check_materialized(path)
            here: list[tuple[str, Any]] = [(name, p) for name, p in _owned(module) if isinstance(p, Parameter)]
            persistent = vars(module).get("_buffers", {})
            here += [(name, buffer) for name, buffer in module._own_buffers().items() if persistent[name]]
            for name, value in here:
                full = _join(path, name)
                if full in seen:
                    raise ValueError(
                        f"two arrays of this {type(self).__name__} have the name {full!r}: rename an attribute or key, "
                        f"so that a state can hold both"
                    )
                seen.add(full)
                yield full, data_of(value), value if isinstance(value, Parameter) else None

    # Switches that reach all modules inside

    def train(self, mode: bool = True) -> Self:
        """Behave as while learning (or, with ``mode=False``, as while predicting)."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Behave as while predicting."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; with ``set_to_none=False`` those that are there become zeros."""
        for parameter in self.parameters():
            zeros = not set_to_none and parameter.grad is not None
            parameter.grad = Tensor(np.zeros(parameter.shape, parameter.dtype)) if zeros else None

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
            for name, buffer in module._own_buffers().items():
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
        """Call `function` on every module inside, in order, and then on this one; to set initial values, say."""
        for module in list(_inside_out(self, set())):
            function(module)
        return self

    # How it is shown

    def extra_repr(self) -> str:
        """What stands between the parentheses; layers give their sizes."""
        return ""

    def _shown(self) -> Iterable[tuple[str, str]]:
        """What stands inside, by name."""
        return ((name, repr(module)) for name, module in self.named_children())

    def __repr__(self) -> str:
        inside = [f"({name}): {text}".replace("\n", "\n  ") for name, text in self._shown()]
        if not inside:
            return f"{type(self).__name__}({self.extra_repr()})"
        first = [self.extra_repr()] if self.extra_repr() else []
        return f"{type(self).__name__}(\n  " + "\n  ".join(first + inside) + "\n)"


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
    todo = [(name, value) for name, value in reversed(list(module._attributes())) if name not in PRIVATE]
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


def _inside_out(module: Module, seen: set[int]) -> Iterator[Module]:
    """All modules inside, each before the one that holds it and each once, and then the module."""
    seen.add(id(module))
    for child in module.children():
        if id(child) not in seen:
            yield from _inside_out(child, seen)
    yield module


def _each_once(named: Iterable[tuple[str, T]], remove_duplicate: bool) -> Iterator[tuple[str, T]]:
    """What has not come under another name before."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            if remove_duplicate:
                seen.add(id(value))
            yield name, value


def check_text(name: Any) -> None:
    """Raise ValueError unless a module may be called `name`."""
    if not isinstance(name, str) or not name or "." in name or name in PRIVATE:
        raise ValueError(f"{name!r} cannot be the name of a module: it must be a text without a dot, and not {PRIVATE}")


def check_module(owner: Module, module: Any) -> Module:
    """Return `module` if it is one, else raise TypeError."""
    if not isinstance(module, Module):
        hint = f"; write {module.__name__}() for an instance of it" if isinstance(module, type) else ""
        raise TypeError(f"{type(owner).__name__} holds modules, and got {module!r}{hint}")
    return module


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
