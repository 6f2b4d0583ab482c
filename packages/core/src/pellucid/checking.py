"""Checked: find the first NaN, and keep the arrays that a graph needs from being written into.

    with pellucid.checked():
        loss = model(X)
        loss.backward()

Inside the block every value on the tape, and every gradient, is looked at, and the operation that made the first NaN is
named. Plain arrays that a graph holds are read-only until the graph is gone, so that a write into one of them raises
where it happens. It costs a pass over every array: for finding a mistake, not for every day.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

import numpy as np

from pellucid import tape
from pellucid.tape import Node

_checks: ContextVar[int] = ContextVar("pellucid_checks", default=0)
_lock = Lock()


@contextmanager
def checked() -> Iterator[None]:
    """Inside this block, name the operation that makes the first NaN, and lock the arrays that a graph holds.

    It holds for the current thread and asyncio task.

    Raises
    ------
    FloatingPointError
        Where an operation, or the gradient of one, makes a NaN.
    ValueError
        From NumPy ("assignment destination is read-only"), where an array that a graph needs is written into.
    """
    with _lock:
        tape.somebody_checks += 1
    token = _checks.set(_checks.get() + 1)
    try:
        yield
    finally:
        _checks.reset(token)
        with _lock:
            tape.somebody_checks -= 1


def checks_here() -> bool:
    return _checks.get() > 0


def check(node: Node) -> None:
    """Called for every new node while somebody checks."""
    if not checks_here():
        return
    args = node.args or ()
    if has_nan(node.value) or (node.function.__name__ == "written_over" and has_nan(args[1])):
        name = tape.name_of(node.function)
        where = [i for i, x in enumerate(args) if has_nan(x)]
        if where:
            raise FloatingPointError(f"{name} passed on a NaN that came in with its argument {where[0]}")
        raise FloatingPointError(f"{name} made the first NaN, from {described(args)}")
    lock(node)


def check_gradient(node: Node, dx: Any) -> None:
    """Called for every gradient in a backward pass inside `checked`."""
    if has_nan(getattr(dx, "values", dx) if dx.__class__.__name__ == "Scattered" else dx):
        raise FloatingPointError(
            f"the gradient of {tape.name_of(node.function)} made the first NaN, where its arguments are "
            f"{described(node.args or ())}"
        )


def has_nan(x: Any) -> bool:
    x = getattr(x, "_array", x)
    if isinstance(x, list | tuple):
        return any(has_nan(part) for part in x)
    if isinstance(x, float | complex):
        return x != x
    return (
        isinstance(x, np.ndarray | np.floating | np.complexfloating)
        and x.dtype.kind in "fc"
        and bool(np.isnan(x).any())
    )


def described(args: tuple[Any, ...]) -> str:
    """Shapes, dtypes and ranges of arguments."""
    words = []
    for x in args:
        if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fiu" and x.size:
            words.append(f"{x.dtype}{list(x.shape)} from {np.min(x):.6g} to {np.max(x):.6g}")
        elif isinstance(x, np.ndarray):
            words.append(f"{x.dtype}{list(x.shape)}")
        else:
            words.append(repr(x)[:40])
    return ", ".join(words)


# Locks


class Locked:
    """An array that is read-only because nodes hold it."""

    __slots__ = ("array", "holders", "waiting")

    def __init__(self, array: Any) -> None:
        self.array, self.holders = array, 0
        self.waiting: list[Any] = []  # views that can be unlocked after this array only


_locked: dict[int, Locked] = {}  # by the id of the array
locked_by: weakref.WeakKeyDictionary[Node, Any] = weakref.WeakKeyDictionary()  # what to call when a node is done


def lock(node: Node) -> None:
    """Make what the node holds read-only until it is gone, or a backward pass has freed it."""
    keys = []
    with _lock:
        for array in arrays((node.value, node.args, tuple(node.kwargs.values()))):
            while isinstance(array, np.ndarray):
                if id(array) not in _locked and array.flags.writeable:
                    array.flags.writeable = False
                    _locked[id(array)] = Locked(array)
                if id(array) in _locked:
                    _locked[id(array)].holders += 1
                    keys.append(id(array))
                array = array.base
    if keys:
        locked_by[node] = weakref.finalize(node, unlock, keys)


def release(node: Node) -> None:
    """The backward pass has used the node."""
    if node in locked_by:
        locked_by.pop(node)()


def unlock(keys: list[int]) -> None:
    with _lock:
        for key in keys:
            _locked[key].holders -= 1
        for key in keys:
            if key in _locked and not _locked[key].holders:
                _unlock(_locked.pop(key))


def _unlock(entry: Locked) -> None:
    base = entry.array.base
    if id(base) in _locked:  # NumPy lets a view be written into only if its base may be
        _locked[id(base)].waiting.append(entry)
        return
    entry.array.flags.writeable = True
    for view in entry.waiting:
        if id(view.array) not in _locked:
            _unlock(view)


def arrays(x: Any) -> Iterator[Any]:
    if isinstance(x, np.ndarray):
        yield x
    elif isinstance(x, list | tuple):
        for part in x:
            yield from arrays(part)
