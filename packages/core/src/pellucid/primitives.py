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

from pellucid import tape
from pellucid.tape import NO_KWARGS, Node
from pellucid.tensor import Tensor, holds_tensor, result, without_graph

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
        nested = [x for x in args if isinstance(x, NESTED)]
        if nested or options:
            self._refuse_tensors([*nested, *options.values()])
        value, vjp = self.run(*[x.data if isinstance(x, Tensor) else x for x in args], **options)
        if holds_tensor(value) and any(isinstance(x, Tensor) for x in args):
            raise TypeError(
                f"{tape.name_of(self)} used a Tensor that is not among its arguments, which would get no gradient: "
                f"pass it as an argument, or use its .data"
            )
        recording = tape.recording()
        parents, tensors = [], False
        for x in args:
            if isinstance(x, Tensor):
                tensors = True
                parents.append((x.step or x) if recording and x.requires_grad else None)
            else:
                parents.append(None)
        if not tensors:
            return value
        for parent in parents:
            if parent is not None:
                if vjp.__class__ is tuple:
                    tape.check_backs(self, vjp, parents)
                values = tuple([x.data if isinstance(x, Tensor) else x for x in args])
                return result(Node(self, vjp, value, values, tuple(parents), options or NO_KWARGS))
        return without_graph(value)

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
