"""Primitives: a function of our own, its value and its gradient on one screen.

    @primitive
    def softplus(x):
        y = np.logaddexp(0, x)
        return y, lambda dy: (dy * np.exp(x - y),)

The function gets plain arrays and returns ``(value, vjp)``. The vjp is one function that returns one gradient per
argument, or one function per argument, of which only the needed ones are run. What the gradient needs lives in the
closure and nowhere else.

When the gradient itself shall be differentiable (`create_graph=True`), the backward pass runs the function once more,
on Tensors: so write it with `np.*` and operators, never write into an argument, and pass random numbers in instead of
drawing them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

import numpy as np

from pellucid import tape
from pellucid.tape import NO_KWARGS, Node, births
from pellucid.tensor import PLAIN, Tensor, data_of, holds_tensor, new_node, result, without_graph

NESTED = (list, tuple, dict)


class Primitive:
    """A differentiable function; see the module's text.

    Parameters
    ----------
    run : callable
        ``run(*arrays, **options) -> (value, vjp)``. `value` may be a tuple of arrays;
        the vjp then takes as many gradients.
    """

    __slots__ = ("run", "__dict__")

    def __init__(self, run: Callable[..., tuple[Any, Any]]) -> None:
        self.run = run
        update_wrapper(self, run)

    def __call__(self, *args: Any, **options: Any) -> Any:
        values: list[Any] = []  # the arguments as the function gets them
        parents: list[Any] = []  # where the gradient of each goes
        tensors = needed = False
        for x in args:
            parent = None
            if x.__class__ not in PLAIN:
                if isinstance(x, Tensor):
                    tensors = True
                    if x._requires_grad:
                        parent = x.step or x
                        needed = True
                    x = x._array
                else:
                    if isinstance(x, NESTED):
                        self._refuse_tensors([x])
                    x = data_of(x)
            values.append(x)
            parents.append(parent)
        for option in options.values():
            if option.__class__ not in PLAIN:
                self._refuse_tensors([option])
        found = self.run(*values, **options)
        if found.__class__ is not tuple or len(found) != 2 or not (found[1].__class__ is tuple or callable(found[1])):
            raise TypeError(
                f"a primitive returns its value and its vjp; {tape.name_of(self)} returned {type(found).__name__}: "
                f"write return y, lambda dy: dx"
            )
        value, vjp = found
        if not tensors:
            return value
        if value.__class__ is not np.ndarray and holds_tensor(value):
            raise TypeError(
                f"{tape.name_of(self)} used a Tensor that is not among its arguments, which would get no gradient: "
                f"pass it as an argument, or use its .data"
            )
        if not needed or not tape.recording():
            return without_graph(value)
        if vjp.__class__ is tuple and (len(vjp) < len(args) or None in vjp):
            tape.check_backs(self, vjp, parents)
        node = new_node(Node)  # as Node(...) makes it, without the cost of a call
        node.born, node.function, node.backs, node.value = births(), self, vjp, value
        node.args, node.parents, node.kwargs = tuple(values), tuple(parents), options or NO_KWARGS
        if tape.somebody_checks:
            tape.check_node(node)
        return result(node)

    def _refuse_tensors(self, values: list[Any]) -> None:
        """Gradients go to positional arguments that are arrays, and nowhere else."""
        if holds_tensor([list(x.values()) if isinstance(x, dict) else x for x in values]):
            raise TypeError(
                f"{tape.name_of(self)} takes Tensors as positional arguments only, each on its own: one in a list, in "
                f"a dict or given by its name would get no gradient"
            )

    def __repr__(self) -> str:
        return f"<primitive {self.run.__qualname__}>"


def primitive(run: Callable[..., tuple[Any, Any]]) -> Primitive:
    """Make a differentiable function from one that returns its value and its gradient.

    Parameters
    ----------
    run : callable
        ``run(*arrays, **options) -> (value, vjp)``; ``vjp(dy)`` returns a tuple with one gradient (or None) per array
        (a single array may stand alone),
        or vjp is itself a tuple of functions, one per array.

    Returns
    -------
    Primitive
        Called with arrays it returns arrays; called with Tensors it returns Tensors and is recorded.
    """
    return Primitive(run)
