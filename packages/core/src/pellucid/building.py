"""Building a Tensor from Tensors: `array` and `stack`, where NumPy's ``np.array`` would lose their gradients.

NumPy's protocols let a Tensor answer for functions that are given a Tensor; ``np.array([t, u])`` and its like are given
a list, and ask each of its entries for plain numbers. A Tensor that needs a gradient refuses that. `array` takes the
list and keeps the gradients:

    >>> import numpy as np
    >>> from pellucid import Tensor
    >>> from pellucid.building import array
    >>> angle = Tensor(0.5, requires_grad=True)
    >>> c, s = np.cos(angle), np.sin(angle)
    >>> array([[c, -s], [s, c]]).shape
    (2, 2)
"""

from __future__ import annotations

from collections.abc import Iterable
from types import GeneratorType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from pellucid.tape import NO_KWARGS, recording, rule
from pellucid.tensor import Tensor, parent_of, record


def array(values: Any, dtype: DTypeLike | None = None) -> Tensor:
    """A new Tensor from nested lists and tuples of Tensors, arrays and numbers: what ``np.array`` is for arrays.

    Parameters
    ----------
    values : nested
        Lists, tuples and generators, whose entries have equal shapes. An array of objects is taken apart too: one that
        was made empty and filled with Tensors entry by entry, as ``np.array([t, u], dtype=object)`` raises.
    dtype : dtype, optional
        By default what the values have in common. Numbers of Python's go along with the dtype of Tensors and arrays, as
        in ``t * 1.0``, so that float32 stays float32.

    Returns
    -------
    Tensor
        A copy. The gradient flows to every Tensor that needs one; if there is none, it is a leaf without a gradient.

    Raises
    ------
    ValueError
        If entries have different shapes.
    TypeError
        If an entry is no number.
    """
    leaves: list[Any] = []
    shape = gather(values, leaves)
    kind = np.dtype(dtype) if dtype is not None else common_dtype(leaves)
    if kind.kind not in "fc" and recording() and any([parent_of(x) is not None for x in leaves]):
        raise TypeError(f"an array of {kind} has no gradient: detach() the Tensors in it, or give it another dtype")
    return record(assembled, (leaves, shape, kind), NO_KWARGS)  # type: ignore[no-any-return]


def stack(parts: Iterable[Any], axis: int = 0) -> Tensor:
    """``np.stack`` of Tensors, arrays or numbers, which a generator may bring too."""
    tensors = [part if isinstance(part, Tensor) else array(part) for part in parts]
    return record(np.stack, (tensors, axis), NO_KWARGS)  # type: ignore[no-any-return]


def gather(x: Any, leaves: list[Any], place: str = "") -> tuple[int, ...]:
    """Append everything in x that is no list, in order; return the shape of the array that it makes."""
    if isinstance(x, np.ndarray) and x.dtype == object:
        x = x.tolist()
    if isinstance(x, GeneratorType):
        x = list(x)
    if isinstance(x, (list, tuple)):
        shapes = [gather(part, leaves, f"{place}[{i}]") for i, part in enumerate(x)]
        for i, shape in enumerate(shapes):
            if shape != shapes[0]:
                raise ValueError(
                    f"the entries of an array have equal shapes: entry {place}[0] has shape {shapes[0]}, entry "
                    f"{place}[{i}] has shape {shape}"
                )
        return (len(x), *(shapes[0] if shapes else ()))
    if not isinstance(x, NUMBERS):
        raise TypeError(f"an array is built from numbers, arrays and Tensors; entry {place} is {type(x).__name__}")
    leaves.append(x)
    return x.shape if isinstance(x, Tensor) else np.shape(x)


NUMBERS = (Tensor, np.ndarray, np.generic, bool, int, float, complex)


def common_dtype(leaves: list[Any]) -> np.dtype[Any]:
    """What the values have in common; a number of Python's counts by its kind alone."""
    kinds = {x.dtype if hasattr(x, "dtype") else type(x) for x in leaves}
    numbers = [kind() if isinstance(kind, type) else kind for kind in kinds]
    return np.result_type(*numbers) if numbers else np.dtype(np.float64)


def assembled(leaves: list[Any], shape: tuple[int, ...], dtype: Any) -> Any:
    """The array of that shape whose values are those of `leaves`, one after the other."""
    if all([isinstance(x, np.generic) for x in leaves]):
        return np.array(leaves, dtype).reshape(shape)  # the same, faster for many numbers
    return np.concatenate([np.ravel(x) for x in leaves]).astype(dtype).reshape(shape)


def taken_apart(dy: Any, y: Any, leaves: list[Any], shape: Any, dtype: Any) -> list[Any]:
    flat, start, parts = np.ravel(dy), 0, []
    for x in leaves:
        size = np.size(x)
        parts.append(flat[start] if np.ndim(x) == 0 else np.reshape(flat[start : start + size], np.shape(x)))
        start += size
    return parts


rule(assembled, taken_apart, None, None)
