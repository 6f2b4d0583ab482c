"""Layers as functions that return their result and the way back.

    y, backward = vjp(layer, x)
    dx = backward(dy)

`backward` returns the gradients of the inputs and adds those of the parameters to their ``.grad``. It is the style of
Thinc and of the small networks that are written in a hundred lines: what a gradient needs lives in the closure. It
works inside of `no_grad` too, and `x` and `y` may be written into, as the closure has copies of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid import Tensor, enable_grad
from pellucid.backward import gradients
from pellucid.nesting import flatten, unflatten
from pellucid.tensor import data_of, without_graph
from pellucid_nn.module import Module
from pellucid_nn.summary import shape_of


def vjp(module: Module | Callable[..., Any], *xs: Any, **options: Any) -> tuple[Any, Callable[..., Any]]:
    """The value of a module, and a function from the gradient of the value to those of the inputs.

    Parameters
    ----------
    module : Module or callable
        What is called on the inputs.
    *xs : array_like
        The inputs; they are copied. Whole numbers (indices, lengths) get no gradient.
    **options
        What the module is given by name (lengths, masks); these get no gradient either.

    Returns
    -------
    y : array, or tuple of arrays
        What the module returned.
    backward : callable
        ``backward(dy) -> dx``, or a tuple of them where there are several inputs, with None for inputs without a
        gradient. A result of several parts takes a `dy` of the same form. Every call adds the gradients of the
        parameters to their ``.grad``.

    Raises
    ------
    ValueError
        In `backward`, if `dy` has not the form and shapes of `y`.
    """
    inputs = [Tensor(np.array(data_of(x))) for x in xs]
    for x in inputs:
        x.requires_grad = x.dtype.kind in "fc"
    with enable_grad():
        result = module(*inputs, **options)
    ends: list[Any] = []
    form = flatten(result, ends)
    carriers = [y for y in ends if isinstance(y, Tensor) and y.requires_grad]

    def backward(dy: Any) -> Any:
        dys: list[Any] = []
        if flatten(dy, dys) != form:
            raise ValueError(
                f"dy must be nested as the result is, in arrays of the shapes {shape_of(result)}; it has "
                f"{shape_of(dy)}: make an array of a list of numbers with np.array"
            )
        for y, part in zip(ends, dys, strict=True):
            if np.shape(part) != np.shape(y):
                raise ValueError(f"dy must have the shape of the result: {np.shape(y)}, not {np.shape(part)}")
        wanted = [
            np.array(data_of(part), y.dtype)
            for y, part in zip(ends, dys, strict=True)
            if any(y is carrier for carrier in carriers)
        ]
        sums = gradients(carriers, wanted, retain_graph=True)
        for leaf, dx in sums.items():
            if isinstance(leaf, Tensor) and not any(leaf is x for x in inputs):
                leaf.grad = without_graph(dx if leaf.grad is None else data_of(leaf.grad) + dx)
        dxs = tuple([sums.get(x, np.zeros_like(x.data)) if x.requires_grad else None for x in inputs])
        return dxs[0] if len(dxs) == 1 else dxs

    plain = [np.array(data_of(y)) if isinstance(y, Tensor | np.ndarray) else y for y in ends]
    return unflatten(form, iter(plain)), backward
