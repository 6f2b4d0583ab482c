"""What `.data` hands out: the array itself, which tells the tape when it is written into.

    weight.data[0] = 0.0          weight.data -= 0.1 * weight.grad.data          weight.data.fill(0)

are writes that a Tensor does not see, into an array that a graph may still need. The array that `.data` of a Tensor
with a gradient returns is a view that notes every such write with the tape, so that a backward pass which needs the old
values raises. Whatever is computed from it is an ordinary array.

A program in C that is given its memory can write into it unseen (``rng.random(out=x.data)``, a BLAS routine, another
array library): inside `pellucid.checked()` such memory is locked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid import tape
from pellucid.tensor import Tensor
from pellucid.writing import noted

Array = np.ndarray[Any, Any]
HOW = "a write into .data"


class Watched(Array):
    """A view of a Tensor's array; `owner` is the Tensor."""

    owner: Tensor | None

    def __array_finalize__(self, source: Any) -> None:
        self.owner = getattr(source, "owner", None) if self.base is not None else None

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        self.note()

    def note(self) -> None:
        """Tell the tape that this memory has been written into."""
        if self.owner is not None:
            noted(self.owner, HOW)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        outs = kwargs.get("out", ())
        if outs:
            kwargs["out"] = tuple([plain(out) for out in outs])
        y = getattr(ufunc, method)(*[plain(x) for x in args], **{name: plain(x) for name, x in kwargs.items()})
        for written in (*outs, *(args[:1] if method == "at" else ())):
            if isinstance(written, Watched):
                written.note()
        return outs[0] if len(outs) == 1 and outs[0] is not None else y

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(t, Tensor) for t in types):
            return NotImplemented
        y = function(*plain(args), **plain(kwargs))
        for written in (*args, *kwargs.values()):
            if isinstance(written, Watched) and (function in WRITING or written is kwargs.get("out")):
                written.note()
        if isinstance(y, np.ndarray) and y.base is not None:  # a view of a Tensor's array is watched too
            for x in args:
                if isinstance(x, Watched) and np.may_share_memory(x, y):
                    return watch(x.owner, y)
        return y

    @property
    def flat(self) -> Any:
        """For reading: a write through it could not be seen."""
        view = plain(self)
        view.flags.writeable = False
        return view.flat

    def __repr__(self) -> str:
        return repr(plain(self))

    def __reduce__(self) -> Any:
        return plain(self).__reduce__()

    def __deepcopy__(self, memo: Any) -> Any:
        return np.array(plain(self))

    def copy(self, order: Any = "C") -> Any:
        return plain(self).copy(order)

    def astype(self, *args: Any, **kwargs: Any) -> Any:
        return plain(self).astype(*args, **kwargs)


def _writing(name: str) -> Callable[..., Any]:
    method = getattr(np.ndarray, name)

    def write(self: Watched, *args: Any, **kwargs: Any) -> Any:
        y = method(self, *args, **kwargs)
        self.note()
        return y

    write.__name__, write.__doc__ = name, method.__doc__
    return write


for _name in ("fill", "sort", "partition", "put", "setfield", "resize"):
    setattr(Watched, _name, _writing(_name))

WRITING = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis, np.nan_to_num}


def watch(x: Tensor | None, array: Any) -> Any:
    """The array of x, or a view of it, as one that notes writes."""
    view = array.view(Watched)
    view.owner = x
    return view


def plain(x: Any) -> Any:
    """The same without any Watched arrays in it."""
    if isinstance(x, Watched):
        return x.view(np.ndarray)
    if isinstance(x, list | tuple):
        parts = [plain(part) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    if isinstance(x, dict):
        return {name: plain(part) for name, part in x.items()}
    return x


def replace(x: Tensor, values: Any) -> None:
    """``x.data = values``."""
    if isinstance(values, Watched):
        if values.owner is x and np.shares_memory(values, x._array) and values.shape == x.shape:
            return  # the end of x.data += v, which has been noted
        values = plain(values)
    if x.step is not None:
        raise TypeError("the data of a result cannot be exchanged: it would not be what its gradient belongs to")
    x._array = np.asarray(values)
    if x._requires_grad:
        x._check_has_gradients()


__all__ = ["Watched", "plain", "replace", "tape", "watch"]
