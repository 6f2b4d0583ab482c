"""What `.data` hands out: the array itself, which tells the tape when it is written into.

    weight.data[0] = 0.0          weight.data -= 0.1 * weight.grad.data          x.detach().numpy().fill(0)

are writes that a Tensor does not see, into an array that a graph may still need. The array that `.data` and `.numpy()`
return is a view that notes every such write with the tape, so that a backward pass which needs the old values raises.
Its views note their writes too, also those that NumPy's functions give back (``np.split(x.data, 2)[0]``). Whatever else
is computed from it is an ordinary array.

Some writes stay unseen, because NumPy tells nobody of them:

- through an ordinary array on the same memory: the one that the Tensor was made of, ``np.asarray(x.data)`` and its kin,
  ``x.data.view(np.ndarray)``, ``as_strided``;
- by a method of an ordinary array, ``a.dot(b, out=x.data)``, and so with take, compress, choose, argmax, argmin, trace;
- by a function that is handed on, as in ``np.apply_along_axis(f, 0, x.data)``;
- through the memory: ``memoryview``, ``np.nditer``, DLPack, and code in C, as in ``rng.random(out=x.data)``.

Inside `pellucid.checked()` the arrays that a graph holds are read-only, so that these raise too, unless they go through
an array that was taken before the graph was made.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from weakref import ref

import numpy as np

from pellucid import tape, writing
from pellucid.tensor import Tensor

Array = np.ndarray[Any, Any]
Sources = list[tuple["Watched", Array]]  # Watched arrays among the arguments of a function, and the same ones plain
HOW = "a write into .data"


class Watched(Array):
    """A view of a Tensor's array, or of a part of it."""

    __slots__ = ("owner",)
    owner: ref[Tensor] | None  # unset in a view that NumPy made: its base has it

    def note(self) -> None:
        """Tell the tape that this memory has been written into."""
        if not self.flags.writeable:
            return
        array, owner = self.view(np.ndarray), owner_of(self)
        x = owner() if owner is not None else None
        if x is not None and (array.base is x._array or np.may_share_memory(array, x._array)):
            writing.noted(x, HOW)
        else:  # the Tensor is gone, or has another array by now
            tape.wrote(array, HOW)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        outs = kwargs.get("out", ())
        options = {name: plain(x) for name, x in kwargs.items()} if kwargs else kwargs
        y = noting(args[:1] if method == "at" else outs, getattr(ufunc, method), [plain(x) for x in args], options)
        if not outs:
            return y
        parts = y if isinstance(y, tuple) else (y,)
        back = tuple([part if out is None else out for part, out in zip(parts, outs, strict=True)])
        return back if isinstance(y, tuple) else back[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        out = argument(function, "out", args, kwargs)
        written = out if isinstance(out, tuple) else (out,)
        if function in WRITING and writes(function, args, kwargs):
            written = (*written, args[0] if args else kwargs[WRITING[function]])
        y = call(function, args, kwargs, written)
        return out if isinstance(out, Watched) else y

    def __getitem__(self, index: Any) -> Any:
        array = self.view(np.ndarray)
        y = array[index]
        return part_of(self, y) if y.__class__ is np.ndarray and y.base is array.base else y

    def __setitem__(self, index: Any, value: Any) -> None:
        noting((self,), np.ndarray.__setitem__, (self, index, value), {})

    def __iter__(self) -> Iterator[Any]:
        return iter(plain(self)) if self.ndim == 1 else (self[i] for i in range(len(self)))

    @property
    def real(self) -> Any:
        return call(getattr, (self, "real"), {}, ())

    @real.setter
    def real(self, value: Any) -> None:
        self.real[...] = value

    @property
    def imag(self) -> Any:
        return call(getattr, (self, "imag"), {}, ())

    @imag.setter
    def imag(self, value: Any) -> None:
        self.imag[...] = value

    @property
    def flat(self) -> Any:
        """For reading: a write through it could not be seen."""
        view = plain(self)
        view.flags.writeable = False
        return view.flat

    @flat.setter
    def flat(self, value: Any) -> None:
        noting((self,), setattr, (plain(self), "flat", value), {})

    def byteswap(self, inplace: bool = False) -> Any:
        return call(np.ndarray.byteswap, (self, inplace), {}, (self,) if inplace else ())

    def __repr__(self) -> str:
        return repr(plain(self))

    def __reduce__(self) -> Any:
        return plain(self).__reduce__()

    def __copy__(self) -> Any:
        return plain(self).copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return np.array(plain(self))


def call(function: Callable[..., Any], args: Any, kwargs: Any, written: Any) -> Any:
    """Call a function of NumPy with plain arrays. What it writes into is noted, views that it returns are watched."""
    sources: Sources = []
    arrays, options = [plain(x, sources) for x in args], {name: plain(x, sources) for name, x in kwargs.items()}
    return watched(noting(written, function, arrays, options), sources)


def noting(written: Any, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Call a function; note what it has written into, also where it raises: that takes nothing back."""
    try:
        return function(*args, **kwargs)
    finally:
        for array in written:
            if isinstance(array, Watched):
                array.note()


def plain(x: Any, found: Sources | None = None) -> Any:
    """The same without any Watched arrays in it; these are appended to the list `found`."""
    if isinstance(x, Watched):
        array = x.view(np.ndarray)
        if found is not None:
            found.append((x, array))
        return array
    if isinstance(x, list | tuple):
        return alike(x, [plain(part, found) for part in x])
    return x


def watched(y: Any, sources: Sources) -> Any:
    """The result of a function: arrays that are views of one of the sources become Watched."""
    if y.__class__ is np.ndarray:
        if y.base is not None:
            for x, array in sources:
                if y.base is array.base or np.may_share_memory(y, array):
                    return part_of(x, y)
    elif isinstance(y, list | tuple):
        return alike(y, [watched(part, sources) for part in y])
    return y


def alike(several: Any, parts: list[Any]) -> Any:
    """`parts` in a container of the same type; the same one if nothing is new."""
    if all([new is old for new, old in zip(parts, several, strict=True)]):
        return several
    return type(several)(*parts) if hasattr(several, "_fields") else type(several)(parts)


def watch(x: Tensor, array: Any) -> Any:
    """The array of x as one that notes writes."""
    view = array.view(Watched)
    view.owner = ref(x)
    return view


def part_of(x: Watched, array: Any) -> Any:
    """A view of a Watched array, as another one."""
    view = array.view(Watched)
    view.owner = owner_of(x)
    return view


def owner_of(view: Any) -> ref[Tensor] | None:
    """Leads to the Tensor whose array it is, while there is one."""
    while isinstance(view, Watched):
        if (owner := getattr(view, "owner", None)) is not None:
            return owner  # type: ignore[no-any-return]
        view = view.base
    return None


# What NumPy's functions and methods write into

WRITING: dict[Any, str] = {  # the argument that comes first
    np.copyto: "dst", np.put: "a", np.place: "arr", np.putmask: "a", np.fill_diagonal: "a", np.put_along_axis: "arr",
    np.nan_to_num: "x", np.median: "a", np.percentile: "a", np.quantile: "a", np.nanmedian: "a",
    np.nanpercentile: "a", np.nanquantile: "a",
}  # fmt: skip


def writes(function: Any, args: Any, kwargs: Any) -> bool:
    """Whether this call of a function in WRITING writes into its first argument."""
    if function is np.nan_to_num:
        return not argument(function, "copy", args, kwargs, True)
    return bool(argument(function, "overwrite_input", args, kwargs, not place_of(function, "overwrite_input")))


def argument(function: Any, name: str, args: Any, kwargs: Any, default: Any = None) -> Any:
    """The argument of that name, given by its name or by its place."""
    if name in kwargs:
        return kwargs[name]
    place = place_of(function, name)
    return args[place] if place is not None and place < len(args) else default


@cache
def place_of(function: Any, name: str) -> int | None:
    """Where an argument stands among those that may be given by their place."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # NumPy before 2.4 does not say it of what is written in C
        twin = getattr(np, function.__name__, function)
        return {"dot": 2, "concatenate": 2}.get(function.__name__) if twin is function else place_of(twin, name)
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names.index(name) if name in names else None


def _method(name: str, writes: bool) -> Callable[..., Any]:
    function = getattr(np.ndarray, name)

    def method(self: Watched, *args: Any, **kwargs: Any) -> Any:
        out = argument(function, "out", (self, *args), kwargs) if args or kwargs else None
        y = call(function, (self, *args), kwargs, (self, out) if writes else (out,))
        return out if isinstance(out, Watched) else y

    return method


AS_THEY_ARE = {"view", "resize", "setflags", "to_device", "item", "tolist", "tobytes", "tofile", "dump", "dumps"}

for _name, _member in vars(np.ndarray).items():
    if callable(_member) and not _name.startswith("_") and _name not in AS_THEY_ARE and _name not in vars(Watched):
        setattr(Watched, _name, _method(_name, _name in {"fill", "sort", "partition", "put", "setfield"}))


# Operators: those of an ordinary array, which also know np.matrix, masked arrays and sparse matrices


def _operator(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *other: operation(self.view(np.ndarray), *other)


def _reflected(operation: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, other: operation(other, self.view(np.ndarray))


def _in_place(operation: Callable[..., Any]) -> Callable[..., Any]:
    def write(self: Watched, other: Any) -> Any:
        array = plain(self)
        y = noting((self,), operation, (array, plain(other)), {})
        return self if y is array else y

    return write


for _name in ("neg", "pos", "abs", "invert", "lt", "le", "eq", "ne", "gt", "ge"):
    setattr(Watched, f"__{_name}__", _operator(getattr(operator, f"__{_name}__")))
for _name in "add sub mul truediv floordiv mod pow matmul lshift rshift and or xor divmod".split():
    _operation = divmod if _name == "divmod" else getattr(operator, f"__{_name}__")
    setattr(Watched, f"__{_name}__", _operator(_operation))
    setattr(Watched, f"__r{_name}__", _reflected(_operation))
    if _name != "divmod":
        setattr(Watched, f"__i{_name}__", _in_place(getattr(operator, f"__i{_name}__")))


def replace(x: Tensor, values: Any) -> None:
    """``x.data = values``."""
    if isinstance(values, Watched):
        values = plain(values)
        old = x._array.__array_interface__
        if all(values.__array_interface__[name] == old[name] for name in ("data", "shape", "strides", "typestr")):
            return  # the end of x.data += v, which has been noted
    if x.step is not None:
        raise TypeError("the data of a result cannot be exchanged: it would not be what its gradient belongs to")
    old, x._array = x._array, np.asarray(values)
    try:
        if x._requires_grad:
            x._check_has_gradients()
    except TypeError:
        x._array = old
        raise


__all__ = ["Watched", "plain", "replace", "watch"]
