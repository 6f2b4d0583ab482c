"""Tensor: an array that remembers how it was made.

It answers NumPy's own protocols, so the functions you already know record themselves:

    >>> import numpy as np
    >>> from pellucid import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> np.sum(np.tanh(x) ** 2).backward()
    >>> bool(np.allclose(x.grad.data, 2 * np.tanh(x.data) * (1 - np.tanh(x.data) ** 2)))
    True

Piecewise constant functions (comparisons, `argmax`, `sign`, `floor`, ...) have no derivative to carry: they return
plain arrays. Everything else returns a Tensor.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import tape
from pellucid.tape import NO_KWARGS, Node, find_rule, recording, rules

Array = NDArray[Any]


class Tensor:
    """An array with a gradient.

    Parameters
    ----------
    data : array_like
        The values. An ndarray is used as it is, not copied.
    requires_grad : bool
        Whether `backward` shall leave a gradient in ``.grad``. Needs a floating-point dtype.

    Attributes
    ----------
    data : ndarray or NumPy scalar
        The values. Writing into it is not recorded: tell the tape with `tape.written`.
    grad : Tensor or None
        The gradient that `backward` has summed up so far, for a leaf.
    requires_grad : bool
        Whether a gradient passes here.
    step : Node or None
        How it was made; None for a leaf.
    """

    __slots__ = ("data", "grad", "requires_grad", "step", "written_at", "__weakref__")
    __array_priority__ = 1000.0

    data: Any
    grad: Tensor | None
    requires_grad: bool
    step: Node | None
    written_at: int

    def __init__(self, data: Any, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        self.data = np.asarray(data, dtype=dtype)  # of a Tensor with a gradient: raises instead of dropping it
        self.grad = None
        self.requires_grad = requires_grad
        if requires_grad:
            self._check_has_gradients()
        self.step = None
        self.written_at = 0

    def _check_has_gradients(self) -> None:
        if self.dtype.kind != "f":
            raise TypeError(
                f"only real floating-point values have gradients; these are {self.dtype}: "
                f"pass dtype=float, or write 1.0 for 1"
            )

    # What an array says of itself

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return self.data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        return self.data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.data.dtype  # type: ignore[no-any-return]

    @property
    def is_leaf(self) -> bool:
        """Made by the user, not by an operation."""
        return self.step is None

    @property
    def T(self) -> Tensor:
        return record(np.transpose, (self,), NO_KWARGS)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:
        return record(np.swapaxes, (self, -1, -2), NO_KWARGS)  # type: ignore[no-any-return]

    def __len__(self) -> int:
        return len(self.data)

    def __repr__(self) -> str:
        values = np.array2string(np.asarray(self.data), separator=", ", prefix="Tensor(")
        default = self.dtype == np.float64 or self.dtype.kind in "biu"
        return (
            f"Tensor({values}"
            + ("" if default else f", dtype={self.dtype}")
            + (f", from {tape.name_of(self.step.function)}" if self.step is not None else "")
            + (", requires_grad=True" if self.requires_grad and self.step is None else "")
            + ")"
        )

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    # Leaving the graph

    def numpy(self) -> Array:
        """The values as an ndarray, without a graph. It shares memory with this Tensor."""
        return np.asarray(self.data)

    def item(self) -> Any:
        """The one value as a Python number, without a graph."""
        if self.size != 1:
            raise ValueError(f"item() wants exactly one value; this Tensor has shape {self.shape}")
        return self.data.item()

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def detach(self) -> Tensor:
        """The same values without a graph. They share memory."""
        return Tensor(self.data)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        if self.requires_grad and recording():
            raise TypeError(
                "turning this Tensor into a plain array would silently drop its gradient: call .numpy() if that is "
                "meant; to build an array from Tensors use np.stack or np.concatenate"
            )
        return np.array(self.data, dtype=dtype, copy=copy)

    def _number(self, kind: Callable[[Any], Any]) -> Any:
        if self.requires_grad and recording():
            raise TypeError(
                f"{kind.__name__}() would silently drop the gradient of this Tensor: call .item() if that is meant"
            )
        return kind(self.item())

    def __float__(self) -> float:
        return self._number(float)  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self._number(int)  # type: ignore[no-any-return]

    def __complex__(self) -> complex:
        return self._number(complex)  # type: ignore[no-any-return]

    def __index__(self) -> int:
        return operator.index(self.data)

    def __bool__(self) -> bool:
        return bool(self.data)  # as an array: one value has a truth, many raise

    # Copying: a copy of a leaf is a leaf; a copy of a result passes its gradient on; a pickle knows no graph

    def __copy__(self) -> Tensor:
        if self.requires_grad and self.step is not None and recording():
            return self.copy()  # type: ignore[no-any-return]
        return type(self)._restore(self.data, self.requires_grad and self.is_leaf)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self.requires_grad and self.step is not None and recording():
            return self.copy()  # type: ignore[no-any-return]
        twin = type(self)._restore(np.array(self.data), self.requires_grad and self.is_leaf)
        if self.grad is not None:
            twin.grad = Tensor(np.array(self.grad.data))
        memo[id(self)] = twin
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._restore, (np.asarray(self.data), self.requires_grad and self.is_leaf)

    @classmethod
    def _restore(cls, data: Array, requires_grad: bool) -> Tensor:
        twin = cls.__new__(cls)
        Tensor.__init__(twin, data, requires_grad)
        return twin

    # Gradients

    def backward(self, dy: Any = None, create_graph: bool = False, retain_graph: bool | None = None) -> None:
        """Add the gradient of this Tensor to ``.grad`` of every leaf that it was computed from.

        Parameters
        ----------
        dy : array_like, optional
            Gradient of the end result with respect to this Tensor, of its shape. One number may leave it out: 1.
        create_graph : bool
            Record the backward pass too, so that gradients can be differentiated again.
        retain_graph : bool, optional
            Keep the graph for another pass; by default only with `create_graph`. Otherwise its memory is freed on
            the way.
        """
        from pellucid.backward import backward

        backward(self, dy, create_graph, create_graph if retain_graph is None else retain_graph)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for a gradient here (or not), in place, as in PyTorch. Only a leaf can be asked."""
        if self.step is not None:
            raise ValueError("only a leaf can change requires_grad; this Tensor is a result: detach() it first")
        if requires_grad:
            self._check_has_gradients()
        self.requires_grad = requires_grad
        return self

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        if kwargs and ("out" in kwargs or (method == "__call__" and "where" in kwargs)):
            _refuse_out_and_where(ufunc, kwargs)
        if method == "__call__":
            return record(ufunc, args, kwargs)
        from pellucid.rules.ufunc_methods import call

        return call(ufunc, method, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs:
            if kwargs.get("out") is not None:
                _refuse_out_and_where(function, {"out": kwargs["out"]})
            if any(holds_tensor(v) for v in kwargs.values()):
                kwargs = {name: data_of(v) if parent_of(v) is None else v for name, v in kwargs.items()}
                if any(holds_tensor(v) for v in kwargs.values()):
                    args, kwargs = _all_positional(function, args, kwargs)
        y = record(function, args, kwargs)
        if len(args) > 2 and isinstance(y, Tensor) and any(y.data is x for x in args):
            _refuse_out_and_where(function, {"out": y.data})  # it was among the positional arguments
        return y

    def __getitem__(self, index: Any) -> Any:
        return record(operator.getitem, (self, _plain_index(index)), NO_KWARGS)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("this Tensor is one number; there is nothing to iterate over")
        return (self[i] for i in range(len(self)))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("a Tensor cannot be written into: build the new values with np.where or np.concatenate")

    # Operators run NumPy's operator on the data: for single numbers that is eight times faster than the ufunc.

    def __add__(self, other: Any) -> Tensor: return binary(np.add, operator.add, self, other)  # fmt: skip

    def __radd__(self, other: Any) -> Tensor: return binary(np.add, operator.add, other, self)  # fmt: skip

    def __sub__(self, other: Any) -> Tensor: return binary(np.subtract, operator.sub, self, other)  # fmt: skip

    def __rsub__(self, other: Any) -> Tensor: return binary(np.subtract, operator.sub, other, self)  # fmt: skip

    def __mul__(self, other: Any) -> Tensor: return binary(np.multiply, operator.mul, self, other)  # fmt: skip

    def __rmul__(self, other: Any) -> Tensor: return binary(np.multiply, operator.mul, other, self)  # fmt: skip

    def __truediv__(self, other: Any) -> Tensor: return binary(np.divide, operator.truediv, self, other)  # fmt: skip

    def __rtruediv__(self, other: Any) -> Tensor: return binary(np.divide, operator.truediv, other, self)  # fmt: skip

    def __pow__(self, other: Any) -> Tensor: return binary(np.power, operator.pow, self, other)  # fmt: skip

    def __rpow__(self, other: Any) -> Tensor: return binary(np.power, operator.pow, other, self)  # fmt: skip

    def __mod__(self, other: Any) -> Tensor: return binary(np.remainder, operator.mod, self, other)  # fmt: skip

    def __rmod__(self, other: Any) -> Tensor: return binary(np.remainder, operator.mod, other, self)  # fmt: skip

    def __matmul__(self, other: Any) -> Tensor: return binary(np.matmul, operator.matmul, self, other)  # fmt: skip

    def __rmatmul__(self, other: Any) -> Tensor: return binary(np.matmul, operator.matmul, other, self)  # fmt: skip

    def __floordiv__(self, other: Any) -> Any: return np.floor_divide(self, other)  # fmt: skip

    def __rfloordiv__(self, other: Any) -> Any: return np.floor_divide(other, self)  # fmt: skip

    def __neg__(self) -> Tensor: return record(np.negative, (self,), NO_KWARGS)  # type: ignore[no-any-return]  # fmt: skip

    def __pos__(self) -> Tensor: return record(np.positive, (self,), NO_KWARGS)  # type: ignore[no-any-return]  # fmt: skip

    def __abs__(self) -> Tensor: return record(np.absolute, (self,), NO_KWARGS)  # type: ignore[no-any-return]  # fmt: skip

    def __iadd__(self, other: Any) -> Tensor: return _write(self, operator.add, other)  # fmt: skip

    def __isub__(self, other: Any) -> Tensor: return _write(self, operator.sub, other)  # fmt: skip

    def __imul__(self, other: Any) -> Tensor: return _write(self, operator.mul, other)  # fmt: skip

    def __itruediv__(self, other: Any) -> Tensor: return _write(self, operator.truediv, other)  # fmt: skip

    # Comparisons are piecewise constant: plain arrays of truth values.

    def __lt__(self, other: Any) -> Any: return self.data < data_of(other)  # fmt: skip

    def __le__(self, other: Any) -> Any: return self.data <= data_of(other)  # fmt: skip

    def __gt__(self, other: Any) -> Any: return self.data > data_of(other)  # fmt: skip

    def __ge__(self, other: Any) -> Any: return self.data >= data_of(other)  # fmt: skip

    def __eq__(self, other: Any) -> Any: return self.data == data_of(other)  # fmt: skip

    def __ne__(self, other: Any) -> Any: return self.data != data_of(other)  # fmt: skip

    __hash__ = object.__hash__

    # Methods that an ndarray has too. Each is the NumPy function of that name.

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any:
        return record(np.sum, (self,), {"axis": axis, "keepdims": keepdims})

    def prod(self, axis: Any = None, keepdims: bool = False) -> Any:
        return record(np.prod, (self,), {"axis": axis, "keepdims": keepdims})

    def mean(self, axis: Any = None, keepdims: bool = False) -> Any:
        return record(np.mean, (self,), {"axis": axis, "keepdims": keepdims})

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        return record(np.var, (self,), {"axis": axis, "ddof": ddof, "keepdims": keepdims})

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
        return record(np.std, (self,), {"axis": axis, "ddof": ddof, "keepdims": keepdims})

    def max(self, axis: Any = None, keepdims: bool = False) -> Any:
        return record(np.max, (self,), {"axis": axis, "keepdims": keepdims})

    def min(self, axis: Any = None, keepdims: bool = False) -> Any:
        return record(np.min, (self,), {"axis": axis, "keepdims": keepdims})

    def cumsum(self, axis: Any = None) -> Any:
        return record(np.cumsum, (self,), {"axis": axis})

    def argmax(self, axis: Any = None) -> Any:
        return self.data.argmax(axis)

    def argmin(self, axis: Any = None) -> Any:
        return self.data.argmin(axis)

    def argsort(self, axis: int = -1) -> Any:
        return self.data.argsort(axis)

    def reshape(self, *shape: Any) -> Any:
        return record(np.reshape, (self, shape[0] if len(shape) == 1 else shape), NO_KWARGS)

    def ravel(self) -> Any:
        return record(np.ravel, (self,), NO_KWARGS)

    flatten = ravel

    def transpose(self, *axes: Any) -> Any:
        return record(np.transpose, (self, (axes[0] if len(axes) == 1 else axes) or None), NO_KWARGS)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return record(np.swapaxes, (self, axis1, axis2), NO_KWARGS)

    def squeeze(self, axis: Any = None) -> Any:
        return record(np.squeeze, (self, axis), NO_KWARGS)

    def take(self, indices: Any, axis: Any = None) -> Any:
        return record(np.take, (self, indices), {"axis": axis})

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        return record(np.repeat, (self, repeats), {"axis": axis})

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return record(np.diagonal, (self,), {"offset": offset, "axis1": axis1, "axis2": axis2})

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return record(np.trace, (self,), {"offset": offset, "axis1": axis1, "axis2": axis2})

    def dot(self, other: Any) -> Any:
        return record(np.dot, (self, other), NO_KWARGS)

    def clip(self, min: Any = None, max: Any = None) -> Any:
        return record(np.clip, (self, min, max), NO_KWARGS)

    def round(self, decimals: int = 0) -> Any:
        return self.data.round(decimals)

    def astype(self, dtype: DTypeLike) -> Any:
        return record(_cast, (self, np.dtype(dtype)), NO_KWARGS)

    def copy(self) -> Any:
        return record(np.copy, (self,), NO_KWARGS)

    def conj(self) -> Any:
        return record(np.conjugate, (self,), NO_KWARGS)

    @property
    def real(self) -> Any:
        return record(np.real, (self,), NO_KWARGS)

    @property
    def imag(self) -> Any:
        return record(np.imag, (self,), NO_KWARGS)


# Recording


def record(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run `function` on the arrays inside `args`; leave a Node behind if a gradient may be asked for."""
    parents = tuple([parent_of(x) for x in args]) if recording() else ()
    if any([p is not None for p in parents]):
        if function in tape.compositions:
            body = tape.compositions[function]
            if kwargs:
                tape.check_keywords(function, (body,), kwargs)
            return body(*args, **kwargs)
        if function not in tape.constants:
            backs = find_rule(function)
            tape.check_backs(function, backs, parents)
            if kwargs:
                needed = [back for back, parent in zip(backs, parents, strict=False) if parent is not None]
                tape.check_keywords(function, needed, kwargs)
            values = tuple([data_of(x) for x in args])
            return result(Node(function, backs, function(*values, **kwargs), values, parents, kwargs))
    y = function(*[data_of(x) for x in args], **kwargs)
    return y if function in tape.constants else without_graph(y)


def binary(function: Any, operation: Callable[[Any, Any], Any], a: Any, b: Any) -> Tensor:
    """`record` for the operators: two arguments, at least one of them a Tensor, and no keywords."""
    da, db, pa, pb = a, b, None, None
    if isinstance(a, Tensor):
        da = a.data
        if a.requires_grad:
            pa = a.step or a
    if isinstance(b, Tensor):
        db = b.data
        if b.requires_grad:
            pb = b.step or b
    y = new_tensor(Tensor)
    y.data = value = operation(da, db)
    y.grad = None
    if (pa is not None or pb is not None) and recording():
        y.requires_grad = True
        y.step = Node(function, rules[function], value, (da, db), (pa, pb), NO_KWARGS)
        if value.__class__ is not float64 and (value.__class__ is not np.ndarray or value.dtype.kind != "f"):
            return result(y.step)  # type: ignore[no-any-return]
    else:
        y.requires_grad, y.step, y.written_at = False, None, 0
    return y


new_tensor = Tensor.__new__
float64 = np.float64


def result(node: Node) -> Any:
    """The Tensor that a node made; one Tensor for each array where it made several.

    Integers and truth values are piecewise constant: no gradient passes.
    """
    value = node.value
    if isinstance(value, tuple | list):
        parts = [result(Node(pick, PICK, part, (i,), (node,), NO_KWARGS)) for i, part in enumerate(value)]
        return _like(value, parts)
    if value.__class__ not in ONE_ARRAY:
        node.value = value = np.asarray(value)[()]  # a number of Python's, or a subclass of ndarray
    if value.dtype.kind != "f":
        if value.dtype.kind in "iub":
            return Tensor(value)
        raise TypeError(
            f"gradients pass through real floating-point values only; {tape.name_of(node.function)} returned "
            f"{value.dtype}: compute with real and imaginary part, or detach() the input"
        )
    y = new_tensor(Tensor)
    y.data, y.grad, y.requires_grad, y.step = value, None, True, node
    return y


def pick(several: Any, i: int) -> Any:
    """One of the arrays that a function returned. The backward pass collects their gradients again."""
    return several[i]


PICK = (None,)
ONE_ARRAY = {np.ndarray, np.float64, np.float32}


def without_graph(y: Any) -> Any:
    """Arrays and numbers become Tensors that need no gradient; anything else stays what it is."""
    if y.__class__ is np.ndarray:
        t = new_tensor(Tensor)
        t.data, t.grad, t.requires_grad, t.step, t.written_at = y, None, False, None, 0
        return t
    if isinstance(y, np.ndarray | np.generic):
        return Tensor(y)
    if isinstance(y, tuple | list):
        return _like(y, [without_graph(part) for part in y])
    return y


def _like(several: Any, parts: list[Any]) -> Any:
    """`parts` in a container of the same type: a list, a tuple or a named tuple such as EighResult."""
    return type(several)(*parts) if hasattr(several, "_fields") else type(several)(parts)


def data_of(x: Any) -> Any:
    """The plain value of an argument: Tensors, alone or in a list, are replaced by their arrays."""
    if isinstance(x, Tensor):
        return x.data
    if isinstance(x, SEQUENCES) and holds_tensor(x):
        parts = [data_of(part) for part in x]
        return tuple(parts) if isinstance(x, tuple) else parts
    return x


def parent_of(x: Any) -> Any:
    """Where an argument's gradient goes: a Node, a leaf Tensor, a list of these for a list, or None."""
    if isinstance(x, Tensor):
        return (x.step or x) if x.requires_grad else None
    if isinstance(x, SEQUENCES) and holds_tensor(x):
        parents = [parent_of(part) for part in x]
        return parents if any([p is not None for p in parents]) else None
    return None


SEQUENCES = (list, tuple)


def holds_tensor(x: Any) -> bool:
    """Whether `x` is a Tensor or a (nested) list or tuple with one inside."""
    if isinstance(x, Tensor):
        return True
    return isinstance(x, SEQUENCES) and any([holds_tensor(part) for part in x])


def _write(tensor: Tensor, operation: Callable[[Any, Any], Any], other: Any) -> Tensor:
    """`tensor += other`: a leaf is written in place where nothing is recorded; elsewhere a new Tensor is the result."""
    if tensor.step is not None or not tensor.requires_grad:
        return operation(tensor, other)  # type: ignore[no-any-return]
    if recording():
        raise RuntimeError(
            "this leaf needs a gradient and cannot be changed in place while operations are recorded: "
            "put the update inside `with pellucid.no_grad():`"
        )
    tensor.data[...] = operation(tensor.data, data_of(other))
    tape.written(tensor)
    return tensor


def _plain_index(index: Any) -> Any:
    """An index without Tensors in it."""
    if isinstance(index, Tensor):
        return index.numpy()
    if isinstance(index, tuple):
        return tuple([i.numpy() if isinstance(i, Tensor) else i for i in index])
    return index


def _all_positional(function: Any, args: Any, kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Move keyword arguments that hold Tensors to the place that they have in the signature."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    positional = list(bound.args)
    names = list(bound.arguments)[: len(positional)]
    last = max((i for i, x in enumerate(positional) if holds_tensor(x)), default=-1)
    rest = {name: kwargs[name] for name in kwargs if name not in names[: max(last + 1, len(args))]}
    for name, x in rest.items():
        if holds_tensor(x):
            raise TypeError(f"{tape.name_of(function)} takes no gradient through its argument {name!r}: detach() it")
    return tuple(positional[: max(last + 1, len(args))]), rest


def _refuse_out_and_where(function: Any, kwargs: dict[str, Any]) -> None:
    out = kwargs.get("out")
    if any(o is not None for o in (out if isinstance(out, tuple) else (out,))):
        raise TypeError(
            f"{tape.name_of(function)}(..., out=) would write into an array that the tape does not watch: use what "
            f"it returns"
        )
    if "where" in kwargs and kwargs["where"] is not True and isinstance(function, np.ufunc):
        raise TypeError(
            f"{tape.name_of(function)}(..., where=) leaves the other entries undefined: "
            f"use np.where(mask, {tape.name_of(function)}(...), otherwise)"
        )


from pellucid import rules as _rules  # noqa: E402, F401  (the table is filled as soon as Tensors exist)
from pellucid.rules.elementwise import cast as _cast  # noqa: E402
