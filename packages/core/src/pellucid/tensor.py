"""Tensor: an array that remembers how it was made.

It answers NumPy's own protocols, so the functions you already know record themselves:

    >>> import numpy as np
    >>> from pellucid import Tensor
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> np.sum(np.tanh(x) ** 2).backward()
    >>> bool(np.allclose(x.grad.data, 2 * np.tanh(x.data) * (1 - np.tanh(x.data) ** 2)))
    True

Piecewise constant functions (comparisons, `argmax`, `floor`, ...) have no derivative to carry: they return plain
arrays. Everything else returns a Tensor.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from weakref import ref

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid import tape
from pellucid.tape import NO_KWARGS, Node, births, recording, rules

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
        The values. A write into it is not recorded; if a graph still needs the old values, its backward pass raises.
    grad : Tensor or None
        The gradient that `backward` has summed up so far, for a leaf.
    requires_grad : bool
        Whether a gradient passes here.
    step : Node or None
        How it was made; None for a leaf.
    """

    __slots__ = ("_array", "grad", "_requires_grad", "step", "alias", "views", "__weakref__")
    __array_priority__ = 10_000.0
    __pandas_priority__ = 10_000  # a Series or DataFrame on the left lets the Tensor answer

    _array: Any
    grad: Tensor | None
    _requires_grad: bool
    step: Node | None
    alias: Any  # of a view: what of, and how; of what was detached: a weak reference to the original; else unset
    views: list[Any]  # weak references to the views of this Tensor; unset where there were none

    def __init__(self, data: Any, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        data = data if data.__class__ in PLAIN or isinstance(data, Tensor) else plain_array(data)
        self._array = np.asarray(data, dtype=dtype)  # of a Tensor with a gradient: raises instead of dropping it
        self.grad = self.step = None
        self.requires_grad = requires_grad

    def _check_has_gradients(self) -> None:
        if self.dtype.kind not in "fc":
            raise TypeError(
                f"only floating-point and complex values have gradients; these are {self.dtype}: "
                f"pass dtype=float, or write 1.0 for 1"
            )

    @property
    def requires_grad(self) -> bool:
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, asked: bool) -> None:
        if not isinstance(asked, bool | np.bool_):
            raise TypeError(f"requires_grad must be True or False, not {asked!r}; a dtype is given by its name, dtype=")
        if self.step is not None:
            raise ValueError("only a leaf can change requires_grad; this Tensor is a result: detach() it first")
        if asked:
            self._check_has_gradients()
        self._requires_grad = bool(asked)

    # What an array says of itself

    @property
    def data(self) -> Any:
        return watched.watch(self, self._array) if self._array.__class__ is np.ndarray else self._array

    @data.setter
    def data(self, values: Any) -> None:
        if values is not self._array:
            watched.replace(self, values)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return self._array.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        return self._array.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._array.dtype  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        return self._array.nbytes  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        return self._array.itemsize  # type: ignore[no-any-return]

    @property
    def strides(self) -> tuple[int, ...]:
        return self._array.strides  # type: ignore[no-any-return]

    @property
    def flags(self) -> Any:
        return self._array.flags

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
        return len(self._array)

    def __repr__(self) -> str:
        values = np.array2string(np.asarray(self._array), separator=", ", prefix="Tensor(")
        step = self.step
        made = step is not None and tape.name_of(step.function) != "alias"  # an alias is as good as a leaf
        default = self.dtype == np.float64 or self.dtype.kind in "biu"
        return (
            f"Tensor({values}"
            + ("" if default else f", dtype={self.dtype}")
            + (
                f", from {tape.name_of(step.function)}"
                if step and made
                else ", requires_grad=True" * self._requires_grad
            )
            + ")"
        )

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    # Leaving the graph

    def numpy(self) -> Array:
        """The values as an ndarray, without a graph. It shares memory with this Tensor."""
        data = self.data
        return data if isinstance(data, np.ndarray) else np.asarray(data)

    def item(self, *place: Any) -> Any:
        """The one value, or the one at a place, as a Python number, without a graph."""
        if self.size != 1 and not place:
            raise ValueError(f"item() wants exactly one value, or a place; this Tensor has shape {self.shape}")
        return self._array.item(*place)

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def detach(self) -> Tensor:
        """The same values without a graph. They share memory."""
        same = Tensor(self._array)
        same.alias = ref(self)
        return same

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        if self._requires_grad and recording():
            raise TypeError(
                "turning this Tensor into a plain array would silently drop its gradient: call .numpy() if that is "
                "meant; to build an array from Tensors use pellucid.array or np.stack; to write it into an array, make "
                "that a Tensor first: y = Tensor(np.zeros(n)); y[0] = x. Code that is not written with NumPy's "
                "functions (pandas, scipy.stats, compiled code) cannot be differentiated: give pandas' data to NumPy "
                "with .to_numpy(), or write the step as a @pellucid.primitive"
            )
        return np.array(self._array, dtype=dtype, copy=copy)

    def _number(self, kind: Callable[[Any], Any]) -> Any:
        if self._requires_grad and recording():
            raise TypeError(
                f"{kind.__name__}() would silently drop the gradient of this Tensor: call .item() if that is meant; to "
                f"write it into an array, make that a Tensor first: y = Tensor(np.zeros(n)); y[0] = x"
            )
        return kind(self.item())

    def __float__(self) -> float:
        return self._number(float)  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self._number(int)  # type: ignore[no-any-return]

    def __complex__(self) -> complex:
        return self._number(complex)  # type: ignore[no-any-return]

    def __index__(self) -> int:
        return operator.index(self._array)

    def __bool__(self) -> bool:
        return bool(self._array)  # as an array: one value has a truth, many raise

    # Copying: a copy of a leaf is a leaf; a copy of a result passes its gradient on, and it cannot be pickled

    def __copy__(self) -> Tensor:
        if self._requires_grad and self.step is not None and recording():
            return self.copy()  # type: ignore[no-any-return]
        return type(self)._restore(self._array, self._requires_grad and self.is_leaf)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self._requires_grad and self.step is not None and recording():
            return self.copy()  # type: ignore[no-any-return]
        twin = type(self)._restore(np.array(self._array), self._requires_grad and self.is_leaf)
        if self.grad is not None:
            twin.grad = Tensor(np.array(self.grad._array))
        memo[id(self)] = twin
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        if self._requires_grad and self.step is not None and recording():
            raise TypeError("a pickle of this Tensor would silently drop its gradient: detach() it first")
        return type(self)._restore, (np.asarray(self._array), self._requires_grad and self.is_leaf)

    @classmethod
    def _restore(cls, data: Array, requires_grad: bool) -> Tensor:
        twin = cls.__new__(cls)
        Tensor.__init__(twin, data, requires_grad)
        return twin

    # Gradients

    def backward(self, dy: Any = None, *, create_graph: bool = False, retain_graph: bool | None = None) -> None:
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
        self.requires_grad = requires_grad
        return self

    def register_hook(self, hook: Callable[[Tensor], Any]) -> Any:
        """Call ``hook(gradient)`` in every backward pass, with the whole gradient of this Tensor.

        Parameters
        ----------
        hook : callable
            Gets the gradient as a Tensor. What it returns is passed on in its place; None leaves it as it is.

        Returns
        -------
        handle
            ``handle.remove()`` takes the hook away.

        Raises
        ------
        RuntimeError
            If this Tensor needs no gradient.
        """
        from pellucid.hooks import register

        return register(self, hook)

    def _become(self, y: Any) -> Tensor:
        """Take the value y, as the next version of this Tensor."""
        return writing.become(self, y)

    # NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        if method == "at":
            return writing.at(ufunc, *args)
        if list in map(type, args) or tuple in map(type, args):
            args = tuple([np.asarray(x) if isinstance(x, SEQUENCES) and parent_of(x) is None else x for x in args])
        if len(args) > ufunc.nin and method == "__call__":  # out= by its place
            kwargs = {**kwargs, "out": args[ufunc.nin :]}
            args = args[: ufunc.nin]
        if method == "__call__" and not kwargs:
            return record(ufunc, args, NO_KWARGS)
        return _ufunc_methods.call(ufunc, method, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if function in writing.WRITERS:
            return writing.write(function, args, kwargs)
        names = _names_from_out(function)
        if names and len(args) > names[0]:  # out= by its place
            kwargs = {**kwargs, **dict(zip(names[1], args[names[0] :], strict=False))}
            args = args[: names[0]]
        if kwargs:
            if (out := kwargs.get("out")) is not None:
                others = {name: value for name, value in kwargs.items() if name != "out"}
                if isinstance(out, Tensor):
                    return out._become(self.__array_function__(function, types, args, others))
                refuse_out(function, args, others)
                y = function(*data_of(args), **{name: data_of(x) for name, x in others.items()}, out=out)
                tape.wrote(out, f"{tape.name_of(function)}(..., out=)")
                return y
            if function in tape.constants:
                kwargs = {name: data_of(v) for name, v in kwargs.items()}
            elif any(holds_tensor(v) for v in kwargs.values()):
                kwargs = {name: data_of(v) if parent_of(v) is None else v for name, v in kwargs.items()}
                if any(holds_tensor(v) for v in kwargs.values()):
                    if function in tape.compositions and recording():
                        body = tape.compositions[function]
                        tape.check_keywords(function, (body,), kwargs)
                        return body(*args, **kwargs)
                    args, kwargs = _all_positional(function, args, kwargs)
        if function is np.where and len(args) == 1:
            function = np.nonzero
        return record(function, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        index = plain_index(index)
        if self.step is not None and self.step.function is writing.written_over and recording():
            return writing.read_version(self, index)
        return record(operator.getitem, (self, index), NO_KWARGS)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("this Tensor is one number; there is nothing to iterate over")
        return (self[i] for i in range(len(self)))

    def __setitem__(self, index: Any, value: Any) -> None:
        writing.assign(self, index, value)

    # Operators run NumPy's operator on the data: for single numbers that is eight times faster than the ufunc.

    def __add__(self, other: Any) -> Tensor: return binary(np.add, operator.add, self, other)  # fmt: skip

    def __radd__(self, other: Any) -> Tensor: return binary(np.add, operator.add, other, self)  # fmt: skip

    def __sub__(self, other: Any) -> Tensor: return binary(np.subtract, operator.sub, self, other)  # fmt: skip

    def __rsub__(self, other: Any) -> Tensor: return binary(np.subtract, operator.sub, other, self)  # fmt: skip

    def __mul__(self, other: Any) -> Tensor: return binary(np.multiply, operator.mul, self, other)  # fmt: skip

    def __rmul__(self, other: Any) -> Tensor: return binary(np.multiply, operator.mul, other, self)  # fmt: skip

    def __truediv__(self, other: Any) -> Tensor: return binary(np.divide, operator.truediv, self, other)  # fmt: skip

    def __rtruediv__(self, other: Any) -> Tensor: return binary(np.divide, operator.truediv, other, self)  # fmt: skip

    def __pow__(self, other: Any) -> Tensor:
        other = np.asarray(other) if isinstance(other, SEQUENCES) else other
        return binary(np.power, operator.pow, self, other)

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

    def __iadd__(self, other: Any) -> Tensor: return writing.update(self, "add", other)  # fmt: skip

    def __isub__(self, other: Any) -> Tensor: return writing.update(self, "sub", other)  # fmt: skip

    def __imul__(self, other: Any) -> Tensor: return writing.update(self, "mul", other)  # fmt: skip

    def __itruediv__(self, other: Any) -> Tensor: return writing.update(self, "truediv", other)  # fmt: skip

    def __ipow__(self, other: Any) -> Tensor: return writing.update(self, "pow", other)  # fmt: skip

    def __imod__(self, other: Any) -> Tensor: return writing.update(self, "mod", other)  # fmt: skip

    def __imatmul__(self, other: Any) -> Tensor: return writing.update(self, "matmul", other)  # fmt: skip

    def __ifloordiv__(self, other: Any) -> Tensor: return writing.update(self, "floordiv", other)  # fmt: skip

    # Comparisons are piecewise constant: plain arrays of truth values.

    def __lt__(self, other: Any) -> Any: return self._array < data_of(other)  # fmt: skip

    def __le__(self, other: Any) -> Any: return self._array <= data_of(other)  # fmt: skip

    def __gt__(self, other: Any) -> Any: return self._array > data_of(other)  # fmt: skip

    def __ge__(self, other: Any) -> Any: return self._array >= data_of(other)  # fmt: skip

    def __eq__(self, other: Any) -> Any: return self._array == data_of(other)  # fmt: skip

    def __ne__(self, other: Any) -> Any: return self._array != data_of(other)  # fmt: skip

    __hash__ = object.__hash__

    def __contains__(self, value: Any) -> bool: return data_of(value) in self._array  # fmt: skip

    # Integers and truth values have bits, and no gradients.

    def __and__(self, other: Any) -> Any: return np.bitwise_and(self, other)  # fmt: skip

    def __rand__(self, other: Any) -> Any: return np.bitwise_and(other, self)  # fmt: skip

    def __or__(self, other: Any) -> Any: return np.bitwise_or(self, other)  # fmt: skip

    def __ror__(self, other: Any) -> Any: return np.bitwise_or(other, self)  # fmt: skip

    def __xor__(self, other: Any) -> Any: return np.bitwise_xor(self, other)  # fmt: skip

    def __rxor__(self, other: Any) -> Any: return np.bitwise_xor(other, self)  # fmt: skip

    def __invert__(self) -> Any: return np.invert(self)  # fmt: skip

    def __divmod__(self, other: Any) -> Any: return np.divmod(self, other)  # fmt: skip

    def __rdivmod__(self, other: Any) -> Any: return np.divmod(other, self)  # fmt: skip

    # Methods that an ndarray has too. Each is the NumPy function of that name, with its arguments.

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        return _reduced(np.sum, self, axis, keepdims, {"dtype": dtype, "out": out, **more})

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        return _reduced(np.prod, self, axis, keepdims, {"dtype": dtype, "out": out, **more})

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        return _reduced(np.mean, self, axis, keepdims, {"dtype": dtype, "out": out, **more})

    def var(
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False, **more: Any
    ) -> Any:
        return _reduced(np.var, self, axis, keepdims, {"dtype": dtype, "out": out, "ddof": ddof or None, **more})

    def std(
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: bool = False, **more: Any
    ) -> Any:
        return _reduced(np.std, self, axis, keepdims, {"dtype": dtype, "out": out, "ddof": ddof or None, **more})

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        return _reduced(np.max, self, axis, keepdims, {"out": out, **more})

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False, **more: Any) -> Any:
        return _reduced(np.min, self, axis, keepdims, {"out": out, **more})

    def cumsum(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        return np.cumsum(self, axis, dtype, out)

    def cumprod(self, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        return np.cumprod(self, axis, dtype, out)

    def all(self, *args: Any, **kwargs: Any) -> Any:
        return self._array.all(*args, **kwargs)

    def any(self, *args: Any, **kwargs: Any) -> Any:
        return self._array.any(*args, **kwargs)

    def argmax(self, *args: Any, **kwargs: Any) -> Any:
        return self._array.argmax(*args, **kwargs)

    def argmin(self, *args: Any, **kwargs: Any) -> Any:
        return self._array.argmin(*args, **kwargs)

    def argsort(self, *args: Any, **kwargs: Any) -> Any:
        return self._array.argsort(*args, **kwargs)

    def argpartition(self, *args: Any, **kwargs: Any) -> Any:
        return self._array.argpartition(*args, **kwargs)

    def nonzero(self) -> Any:
        return self._array.nonzero()

    def searchsorted(self, v: Any, side: Any = "left", sorter: Any = None) -> Any:
        return self._array.searchsorted(data_of(v), side, sorter)

    def round(self, decimals: int = 0) -> Any:
        return self._array.round(decimals)

    def reshape(self, *shape: Any, **more: Any) -> Any:
        return record(np.reshape, (self, shape[0] if len(shape) == 1 else shape), more or NO_KWARGS)

    def ravel(self, order: Any = "C") -> Any:
        return record(np.ravel, (self, order), NO_KWARGS)

    def flatten(self, order: Any = "C") -> Any:
        return record(np.copy, (record(np.ravel, (self, order), NO_KWARGS),), NO_KWARGS)  # never a view

    def transpose(self, *axes: Any) -> Any:
        return record(np.transpose, (self, (axes[0] if len(axes) == 1 else axes) or None), NO_KWARGS)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return record(np.swapaxes, (self, axis1, axis2), NO_KWARGS)

    def squeeze(self, axis: Any = None) -> Any:
        return record(np.squeeze, (self, axis), NO_KWARGS)

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: Any = "raise") -> Any:
        return np.take(self, indices, axis, out, mode)

    def choose(self, choices: Any, out: Any = None, mode: Any = "raise") -> Any:
        return np.choose(self, choices, out, mode)

    def compress(self, condition: Any, axis: Any = None, out: Any = None) -> Any:
        return np.compress(condition, self, axis, out)

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

    def astype(
        self, dtype: DTypeLike, order: Any = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        if not copy and self._array.astype(dtype, order, casting, subok, copy) is self._array:
            return self
        return record(_cast, (self, np.dtype(dtype)), {"order": order, "casting": casting})

    def copy(self, order: Any = "C") -> Any:
        return record(np.copy, (self, order), NO_KWARGS)

    def conj(self) -> Any:
        return record(np.conjugate, (self,), NO_KWARGS)

    conjugate = conj

    @property
    def real(self) -> Any:
        return record(np.real, (self,), NO_KWARGS)

    @real.setter
    def real(self, value: Any) -> None:
        self.real[...] = value

    @property
    def imag(self) -> Any:
        return record(np.imag, (self,), NO_KWARGS)

    @imag.setter
    def imag(self, value: Any) -> None:
        self.imag[...] = value

    # These write into the Tensor.

    def fill(self, value: Any) -> None:
        self[...] = value

    def put(self, indices: Any, values: Any, mode: Any = "raise") -> None:
        writing.put(self, indices, values, mode)

    def sort(self, axis: int = -1, **more: Any) -> None:
        self._become(np.sort(self, axis, **more))

    def partition(self, kth: Any, axis: int = -1, **more: Any) -> None:
        self._become(np.partition(self, kth, axis, **more))


def _reduced(function: Any, x: Tensor, axis: Any, keepdims: Any, more: dict[str, Any]) -> Any:
    """A reduction as a method: without further arguments it is spared the way through NumPy's protocol."""
    more = {name: value for name, value in more.items() if value is not None and value is not np._NoValue}
    if more:
        return function(x, axis=axis, keepdims=keepdims, **more)
    return record(function, (x,), {"axis": axis, "keepdims": keepdims})


# Recording


def record(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run `function` on the arrays inside `args`; leave a Node behind if a gradient may be asked for."""
    parents = tuple([parent_of(x) for x in args]) if recording() else ()
    if any([p is not None for p in parents]):
        backs = rules.get(function)
        if backs is None:
            if function not in tape.compositions and function not in tape.constants:
                tape.learn(function)
                return record(function, args, kwargs)
            if function in tape.compositions:
                body = tape.compositions[function]
                if kwargs:
                    tape.check_keywords(function, (body,), kwargs)
                return body(*args, **kwargs)
        else:
            tape.check_backs(function, backs, parents)
            if kwargs:
                needed = [back for back, parent in zip(backs, parents, strict=False) if parent is not None]
                tape.check_keywords(function, needed, kwargs)
            values = tuple([data_of(x) for x in args])
            y = result(Node(function, backs, function(*values, **kwargs), values, parents, kwargs))
            if y.__class__ is Tensor and (y._array.base is not None or y._array is values[0]):
                writing.note_view(y, function, args, kwargs)
            return y
    values = tuple([data_of(x) for x in args])
    y = function(*values, **kwargs)
    if function in tape.constants and not (function in MAKE_ROOM and y.dtype.kind in "fc"):
        return y
    if function in tape.compositions and writing.shares_memory(y, values):
        return tape.compositions[function](*args, **kwargs)  # its parts know what they are views of
    y = without_graph(y)
    if y.__class__ is Tensor and values and (y._array.base is not None or y._array is values[0]):
        writing.note_view(y, function, args, kwargs)
    return y


MAKE_ROOM = {np.zeros_like, np.ones_like, np.empty_like}  # constants, to be filled: y = np.zeros_like(x); y[0] = x[1]


def binary(function: Any, operation: Callable[[Any, Any], Any], a: Any, b: Any) -> Tensor:
    """`record` for the operators: two arguments, at least one of them a Tensor, and no keywords."""
    da, db, pa, pb = a, b, None, None
    if isinstance(a, Tensor):
        da = a._array
        if a._requires_grad:
            pa = a.step or a
    elif a.__class__ not in PLAIN:
        da = plain_array(a)
    if isinstance(b, Tensor):
        db = b._array
        if b._requires_grad:
            pb = b.step or b
    elif b.__class__ not in PLAIN:
        db = plain_array(b)
    y = new_tensor(Tensor)
    y._array = value = operation(da, db)
    y.grad = None
    if (pa is not None or pb is not None) and recording():
        y._requires_grad = True
        y.step = node = new_node(Node)  # as Node(...) makes it, without the cost of a call
        node.born, node.function, node.backs, node.value = births(), function, rules[function], value
        node.args, node.parents, node.kwargs = (da, db), (pa, pb), NO_KWARGS
        if tape.somebody_checks:
            tape.check_node(node)
        if value.__class__ is not float64 and (value.__class__ is not np.ndarray or value.dtype.kind not in "fc"):
            return result(node)  # type: ignore[no-any-return]
    else:
        y._requires_grad, y.step = False, None
    return y


new_tensor, new_node = Tensor.__new__, Node.__new__
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
    if value.dtype.kind not in "fc":
        if value.dtype.kind in "iub":
            return Tensor(value)
        raise TypeError(
            f"gradients pass through floating-point and complex values only; {tape.name_of(node.function)} returned "
            f"{value.dtype}: "
            + (
                "an array of Python objects took part; convert it with .astype(float)"
                if value.dtype == object
                else "detach() the input"
            )
        )
    y = new_tensor(Tensor)
    y._array, y.grad, y._requires_grad, y.step = value, None, True, node
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
        t._array, t.grad, t._requires_grad, t.step = y, None, False, None
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
    """The plain value of an argument: Tensors, alone or in a list, and tables are replaced by their arrays."""
    if x.__class__ in PLAIN:
        return x
    if isinstance(x, Tensor):
        return x._array
    if isinstance(x, SEQUENCES):
        if holds_tensor(x):
            parts = [data_of(part) for part in x]
            return tuple(parts) if isinstance(x, tuple) else parts
        return x
    return plain_array(x)


PLAIN = {np.ndarray, np.float64, np.float32, float, int, complex, bool, str, slice, type(None)}


def plain_array(x: Any) -> Any:
    """What holds numbers in a way of its own, as an ndarray: a Series, a DataFrame, a memory-mapped file.

    Raises
    ------
    TypeError
        If it means something else than NumPy by its operators, or has entries that do not count.
    """
    kind = type(x)
    if isinstance(x, np.ndarray):
        if isinstance(x, np.memmap | np.recarray) or kind.__module__.startswith("pellucid."):
            return x.view(np.ndarray)
        advice = ADVICE.get(kind.__name__, "np.asarray(x), if its values are all that is meant")
        raise TypeError(
            f"the operators of {kind.__module__}.{kind.__name__} have a meaning of their own, which a gradient would "
            f"not follow: write {advice}"
        )
    if hasattr(kind, "to_numpy"):
        return x.to_numpy()
    if kind.__module__.startswith("scipy.sparse"):
        raise TypeError(
            f"{kind.__name__} of scipy.sparse takes no Tensors: write A.toarray() where that is small enough, or the "
            f"product as a @pellucid.primitive: return A @ x, lambda dy: A.T @ dy"
        )
    return x


ADVICE = {
    "matrix": "np.asarray(M), and @ for the matrix product",
    "MaskedArray": "np.where(mask, 0.0, x), or x[~mask], with plain arrays",
}


def parent_of(x: Any) -> Any:
    """Where an argument's gradient goes: a Node, a leaf Tensor, a list of these for a list, or None."""
    if isinstance(x, Tensor):
        return (x.step or x) if x._requires_grad else None
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


def plain_index(index: Any) -> Any:
    """An index without Tensors in it; itself if there are none."""
    if isinstance(index, Tensor):
        return data_of(index)
    if isinstance(index, tuple | list) and holds_tensor(index):
        return type(index)([plain_index(i) for i in index])
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


@cache
def _names_from_out(function: Any) -> tuple[int, list[str]] | None:
    """Where `out` stands among the positional arguments of a function, and the names from there on."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return (names.index("out"), names[names.index("out") :]) if "out" in names else None


def refuse_out(function: Any, args: Any, kwargs: dict[str, Any]) -> None:
    """Raise where ``out=array`` would drop a gradient."""
    if recording() and any([parent_of(x) is not None for x in (*args, *kwargs.values())]):
        raise TypeError(
            f"{tape.name_of(function)}(..., out=) would write into an array that the tape does not watch: use what it "
            f"returns (y = y + x, not y += x), or make the array a Tensor first (y = Tensor(y))"
        )


from pellucid import rules as _rules  # noqa: E402, F401  (the table is filled as soon as Tensors exist)
from pellucid import watched, writing  # noqa: E402
from pellucid.rules import ufunc_methods as _ufunc_methods  # noqa: E402
from pellucid.rules.elementwise import cast as _cast  # noqa: E402
