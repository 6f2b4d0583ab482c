"""Hooks: functions that see, and may change, a gradient on its way back.

    >>> from pellucid import Tensor
    >>> x = Tensor([3.0, 4.0], requires_grad=True)
    >>> handle = x.register_hook(lambda gradient: 2 * gradient)
    >>> (x * x).sum().backward()
    >>> x.grad
    Tensor([12., 16.])
    >>> handle.remove()

A hook is called once in a pass, with the whole gradient of its Tensor, before anything is computed from that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

from pellucid import tape
from pellucid.tensor import Tensor


class Handle:
    """What `register_hook` returns."""

    __slots__ = ("hook", "hooks")

    def __init__(self, hook: Callable[[Tensor], Any], hooks: list[Any]) -> None:
        self.hook, self.hooks = hook, hooks

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        self.hooks[:] = [hook for hook in self.hooks if hook is not self]


def register(x: Tensor, hook: Callable[[Tensor], Any]) -> Handle:
    """See `Tensor.register_hook`."""
    if not x._requires_grad:
        raise RuntimeError("a Tensor that needs no gradient has nothing to hook: make it with requires_grad=True")
    if not callable(hook):
        raise TypeError(f"a hook is a function of the gradient, not {type(hook).__name__}")
    owner = x.step or x
    key = id(owner)
    if key not in tape.hooks:
        tape.hooks[key] = ref(owner, lambda _: tape.hooks.pop(key, None)), []
    hooks = tape.hooks[key][1]
    handle = Handle(hook, hooks)
    hooks.append(handle)
    return handle


def run_hooks(x: Any, dx: Any) -> Any:
    """The gradient of a node or leaf as its hooks leave it: an array if it was one, or a Tensor."""
    for handle in list(tape.hooks[id(x)][1]):
        given = dx if isinstance(dx, Tensor) else Tensor(dx)
        answer = handle.hook(given)
        if answer is not None:
            answer = answer if isinstance(answer, Tensor) else Tensor(answer)
            if answer.shape != given.shape:
                raise ValueError(f"a hook was given a gradient of shape {given.shape} and returned {answer.shape}")
            answer = answer if answer.dtype == given.dtype else answer.astype(given.dtype)
            dx = answer if isinstance(dx, Tensor) else answer._array
    return dx
