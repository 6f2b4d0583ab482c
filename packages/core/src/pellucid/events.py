"""Fit events: whoever wants to watch a fit is told when it starts, after each step, and when it ends.

A model that learns in steps opens a run and reports to it. A progress bar, a logger or early stopping is a listener: an
object with any of the hooks `pellucid_fit_start`, `pellucid_fit_step` and `pellucid_fit_end`. The usual ones are in
`listeners`.

    >>> from pellucid import fit_run, hookimpl, listening
    >>> class StopWhenGood:
    ...     @hookimpl
    ...     def pellucid_fit_step(self, run):
    ...         if run.metrics["loss"] < 0.2:
    ...             run.stop("the loss is below 0.2")
    >>> with listening(StopWhenGood()), fit_run("a model", total=10) as run:
    ...     for step in range(10):
    ...         if run.step(loss=1 / (1 + step)):
    ...             break
    >>> run.n_steps, run.stopped
    (6, 'the loss is below 0.2')

Who listens: the objects of the `listening` blocks around the fit, in the same thread or task, and before them the
plugins, if plugins are loaded. The first use of the registry loads them (the command line always does), a fit never.
An error in a listener ends the fit like an error of the model's own.

Ctrl-C: the first one lets the current step finish, then `run.step` returns True, and the model keeps what it has
learnt, with an `InterruptWarning`; the second one, or one that no step could answer, is a KeyboardInterrupt as usual.
The second may come up to two seconds later, in the next fit: a loop of fits goes on after one, and ends by two. So it
is in the main thread, and only as long as nobody else has taken charge of Ctrl-C.
"""

from __future__ import annotations

import math
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import get_ident
from types import FrameType, TracebackType
from typing import TypeVar

import pluggy

from pellucid.hookspecs import connect
from pellucid.registry import fit_hooks

L = TypeVar("L")

SECONDS_TO_INSIST = 2.0  # from an answered Ctrl-C to one that is its second

_listeners: ContextVar[tuple[tuple[object, pluggy.HookRelay], ...]] = ContextVar("pellucid_listeners", default=())


class InterruptWarning(UserWarning):
    """A fit was stopped by Ctrl-C; the model holds what it had learnt by then."""


class ConvergenceWarning(UserWarning):
    """A fit used up its steps before its loss had settled; the model holds what it had learnt by then."""


@contextmanager
def listening(listener: L) -> Iterator[L]:
    """Tell an object about every fit inside this block, in this thread or task; once, however many blocks it is in.

    Parameters
    ----------
    listener : object
        Has any of the methods pellucid_fit_start(run), pellucid_fit_step(run) and pellucid_fit_end(run), each marked
        with `@pellucid.hookimpl`. `run` is a `FitRun`.

    Raises
    ------
    TypeError, pluggy.PluginValidationError
        If it has none of them, or one that is misspelt or not marked.
    """
    listeners = _listeners.get()
    if not any(known is listener for known, _ in listeners):
        listeners = (*listeners, (listener, connect(listener, name=type(listener).__name__)))
    token = _listeners.set(listeners)
    try:
        yield listener
    finally:
        _listeners.reset(token)


class _Guard:
    """Ctrl-C while a fit runs: remember the first, obey the second."""

    last_answer = -math.inf  # when a step of any fit returned True because of Ctrl-C: the next fit must know

    def __init__(self) -> None:
        self.thread = get_ident()  # whose fits it ends
        self.pressed = False
        self.answered = False

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.pressed or time.monotonic() - _Guard.last_answer < SECONDS_TO_INSIST:
            raise KeyboardInterrupt
        self.pressed = True

    def answer(self) -> None:
        """A step returns True because of it."""
        self.answered = True
        _Guard.last_answer = time.monotonic()


class FitRun:
    """One fit, as its listeners see it; made by `fit_run`.

    Attributes
    ----------
    model : object
        What is being fitted.
    total : int or None
        The most steps it will take; None if it does not know.
    unit : str
        What one step is: "iteration", "epoch", ...
    monitor : str
        The metric to show or to watch first; it may be missing from some steps.
    n_steps : int
        Steps done so far.
    metrics : dict
        The numbers reported with the latest step.
    stopped : str or None
        Why the fit is ending early; None if it is not.
    error : BaseException or None
        What ended the fit, in `pellucid_fit_end`, if it failed.
    """

    def __init__(
        self,
        model: object,
        total: int | None,
        unit: str,
        monitor: str,
        snapshot: Callable[[], object] | None = None,
    ) -> None:
        self.model = model
        self.total = total
        self.unit = unit
        self.monitor = monitor
        self.n_steps = 0
        self.metrics: dict[str, float] = {}
        self.stopped: str | None = None
        self.error: BaseException | None = None
        self._snapshot = snapshot
        self._hooks = (*fit_hooks(), *(hooks for _, hooks in _listeners.get()))
        self._guard: _Guard | None = None
        self._owns_guard = False  # whether this run put it there, and so takes it away

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C was pressed during this run."""
        return self._guard is not None and self._guard.pressed

    def step(self, **metrics: float) -> bool:
        """Report one step and its numbers; True asks the fit to end now, as if it had converged."""
        self.n_steps += 1
        self.metrics = metrics
        for hooks in self._hooks:
            hooks.pellucid_fit_step(run=self)
        if self._guard is not None and self._guard.pressed:
            self._guard.answer()
            self.stop("interrupted by Ctrl-C")
        return self.stopped is not None

    def stop(self, reason: str) -> None:
        """Ask the fit to end after this step; the first reason stays."""
        if self.stopped is None:
            self.stopped = reason

    def snapshot(self) -> object:
        """The model as if its fit had ended with the latest step, for a checkpoint.

        Raises
        ------
        TypeError
            If the model keeps what it learns to itself until its fit has ended.
        """
        if self._snapshot is not None:
            return self._snapshot()
        is_fitted = getattr(self.model, "__sklearn_is_fitted__", lambda: True)
        if not is_fitted():
            raise TypeError(
                f"{type(self.model).__name__} cannot be saved after {self.unit} {self.n_steps}: it keeps what it "
                "learnt to itself until its fit has ended. One that can be saved before opens its run with snapshot=."
            )
        return self.model

    def __enter__(self) -> FitRun:
        handler = signal.getsignal(signal.SIGINT)
        if isinstance(handler, _Guard):
            if handler.thread == get_ident():  # a fit inside a fit: one Ctrl-C ends both
                self._guard = handler
        elif handler is signal.default_int_handler:
            guard = _Guard()
            try:
                signal.signal(signal.SIGINT, guard)
                self._guard, self._owns_guard = guard, True
            except ValueError:  # outside the main thread, where signals do not arrive
                pass
        try:
            for hooks in self._hooks:
                hooks.pellucid_fit_start(run=self)
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.error = error
        try:
            self._tell_end(self._hooks)
        finally:
            self._hooks, self._snapshot = (), None  # what only a fit needs; a listener may keep the run for long
            if self._owns_guard:
                current = signal.signal(signal.SIGINT, signal.default_int_handler)
                if current is not self._guard:  # somebody took charge of Ctrl-C during the fit; leave it to them
                    signal.signal(signal.SIGINT, current)
        if self._owns_guard and self._guard is not None and self._guard.pressed and error is None:
            if not self._guard.answered:
                raise KeyboardInterrupt
            name = type(self.model).__name__
            message = f"{name} was stopped by Ctrl-C after {self.unit} {self.n_steps}; it keeps the best found by then"
            warnings.warn(message, InterruptWarning, stacklevel=3)

    def _tell_end(self, listeners: Sequence[pluggy.HookRelay]) -> None:
        """Tell all, the innermost first, even when some raise: each error then has the one before as its context."""
        if listeners:
            try:
                listeners[-1].pellucid_fit_end(run=self)
            finally:
                self._tell_end(listeners[:-1])


def fit_run(
    model: object,
    total: int | None = None,
    unit: str = "iteration",
    monitor: str = "loss",
    snapshot: Callable[[], object] | None = None,
) -> FitRun:
    """A run to report one fit to; with no listener it costs next to nothing.

        with fit_run(self, total=self.max_iter) as run:
            params, trace = fit(X, y, report=run.step)  # calls report(loss=...) after each step, ends when it is True

    Parameters
    ----------
    model : object
        What is being fitted.
    total : int, optional
        The most steps it will take.
    unit : str
        What one step is.
    monitor : str
        The metric that a progress bar shows first and that early stopping watches unless told otherwise.
    snapshot : callable, optional
        Gives the model as if its fit had ended now, for checkpoints. Not needed where `model` itself takes on what it
        learns after each step.

    Returns
    -------
    FitRun
        A context manager that gives itself.
    """
    return FitRun(model, total, unit, monitor, snapshot)
