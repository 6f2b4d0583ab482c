"""Shows a fit while it runs: a bar on a terminal, a line now and then in a file, nothing when quiet.

These are listeners of fit events; a model knows nothing of them.
"""

from __future__ import annotations

import math
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from pellucid import hookimpl

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from pellucid.events import FitRun

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_FRAMES = 0.05


class Listener:
    """Remembers how far the outermost fit came; the others show it too.

    Attributes
    ----------
    n_steps : int
        Steps taken.
    unit : str
        What a step is called.
    metrics : dict of str to float
        The latest numbers.
    stopped : str or None
        Why the fit ended early, if something stopped it.
    """

    def __init__(self) -> None:
        self.n_steps, self.unit = 0, "step"
        self.stopped: str | None = None
        self.metrics: dict[str, Any] = {}
        self._outermost: FitRun | None = None  # a model may fit others inside; their steps are not shown

    @hookimpl
    def pellucid_fit_start(self, run: FitRun) -> None:
        """Begin to show the fit, unless it is one inside another."""
        if self._outermost is None:
            self._outermost = run
            self.start(run)

    @hookimpl
    def pellucid_fit_step(self, run: FitRun) -> None:
        """Show the step."""
        if run is self._outermost:
            self.step(run)

    @hookimpl
    def pellucid_fit_end(self, run: FitRun) -> None:
        """Take the bar away and remember the last numbers."""
        if run is self._outermost:
            self.n_steps, self.unit, self.metrics = run.n_steps, run.unit, dict(run.metrics)
            self.stopped = run.stopped
            self._outermost = None
            self.end(run)

    def start(self, run: FitRun) -> None:
        """Nothing is shown here."""

    def step(self, run: FitRun) -> None:
        """Nothing is shown here."""

    def end(self, run: FitRun) -> None:
        """Nothing is shown here."""

    def summary(self) -> str:
        """'40 epochs, loss 0.0312', or nothing if the model reported nothing to tell."""
        if not self.n_steps or (self.n_steps == 1 and not self.metrics):
            return ""
        steps = f"{self.n_steps:,} {self.unit}{'s' * (self.n_steps != 1)}"
        return ", ".join([steps, *_numbers(self.metrics)])


class Lines(Listener):
    """A plain line every few seconds, on stderr."""

    def start(self, run: FitRun) -> None:
        """Start the clock."""
        self._last = time.monotonic()

    def step(self, run: FitRun) -> None:
        """Print a line if it is time for one."""
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            of = f" of {run.total:,}" if run.total else ""
            click.echo(
                "  " + ", ".join([f"{run.unit} {run.n_steps:,}{of}", *_numbers(run.metrics, run.monitor)]), err=True
            )


class Bar(Listener):
    """A bar with the latest numbers, on stderr; it is gone when the fit is done."""

    def start(self, run: FitRun) -> None:
        """Draw the empty bar."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress: Progress = Progress(
            TextColumn(" "),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}s"),
            TextColumn("[bold]{task.fields[numbers]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID = self._progress.add_task("", total=run.total, unit=run.unit, numbers="")
        self._last = -math.inf
        self._progress.start()

    def step(self, run: FitRun) -> None:
        """Move the bar, as often as an eye can follow."""
        now = time.monotonic()
        if now - self._last >= SECONDS_BETWEEN_FRAMES:
            self._last = now
            self._progress.update(
                self._task, completed=run.n_steps, numbers="  ".join(_numbers(run.metrics, run.monitor))
            )

    def end(self, run: FitRun) -> None:
        """Take the bar away."""
        self._progress.stop()


def listener(*, quiet: bool) -> Listener:
    """The listener that suits where stderr goes."""
    if quiet:
        return Listener()
    return Bar() if sys.stderr.isatty() else Lines()


def _numbers(metrics: dict[str, Any], first: str = "") -> list[str]:
    """The latest numbers for people, the one to watch first."""
    shown = sorted(metrics.items(), key=lambda item: item[0] != first)[:4]
    return [f"{name.replace('_', ' ')} {float(value):.4g}" for name, value in shown]
