"""Hooks of a module: functions that are called before and after each of its forwards."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Any, NamedTuple, Self


class Hooks(NamedTuple):
    """Those of one module, by number, in the order in which they are called."""

    before: dict[int, Callable[..., Any]]
    after: dict[int, Callable[..., Any]]

    def inputs(self, module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """What forward is called on, once all of `before` have seen it."""
        for before in list(self.before.values()):
            changed = before(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        return args

    def result(self, module: Any, args: tuple[Any, ...], y: Any) -> Any:
        """What the module returns, once all of `after` have seen it."""
        for after in list(self.after.values()):
            changed = after(module, args, y)
            y = y if changed is None else changed
        return y


_hook_numbers = count()


class HookHandle:
    """One hook on a module.

    Parameters
    ----------
    hooks : dict
        Those of the module, of its kind.
    hook : callable
        What is added to them.
    prepend : bool
        Whether it is called before them, instead of after.
    """

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any], prepend: bool = False) -> None:
        self._hooks, self._number = hooks, next(_hook_numbers)
        others = dict(hooks) if prepend else {}
        for number in others:
            del hooks[number]
        hooks[self._number] = hook
        hooks.update(others)

    def remove(self) -> None:
        """Take the hook away."""
        self._hooks.pop(self._number, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
