"""Listeners that come with Pellucid: they show a fit, write it down, stop it, or save its model on the way.

    from pellucid import listening
    from pellucid.listeners import EarlyStopping, ProgressBar

    with listening(ProgressBar()), listening(EarlyStopping(patience=5)):
        model.fit(X, y)

All follow the outermost fit only: a model may fit others inside, and their steps are not its own. One listener may
follow several fits, one after the other; it starts anew with each. Threads that fit at the same time need one each. An
error in a listener (a full disk, a model that cannot be saved) ends the fit like an error of the model's own.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, get_ident
from typing import IO, TYPE_CHECKING, Any

from pellucid.events import FitRun
from pellucid.hookspecs import hookimpl

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["CSVLogger", "Checkpoint", "EarlyStopping", "JSONLogger", "Listener", "NotebookBar", "ProgressBar"]

SECONDS_BETWEEN_FRAMES = 0.05
MORE_IS_BETTER = frozenset(  # words in the names of metrics
    "acc accuracy ap auc auprc auroc bleu correlation dice elbo evidence f1 hits iou jaccard kappa likelihood map mcc "
    "miou mrr ndcg precision psnr purity r2 recall return returns reward rewards rouge score sensitivity silhouette "
    "specificity ssim success top".split()
)
LESS_IS_BETTER = frozenset(
    "aic bce bic bouldin brier cer cost crossentropy deviance distance distortion divergence err error errors fid "
    "inertia loss losses mae mape mse nll perplexity ppl regret residual rmse wer".split()
)

_choosing = Lock()  # two threads may begin a fit at the same time


class Listener:
    """Hears the outermost fit; does nothing, for subclasses to do more.

    Attributes
    ----------
    run : FitRun or None
        The fit that it heard last, which may have ended. It holds the model.

    Raises
    ------
    RuntimeError
        In the fit, when it follows one in another thread.
    """

    run: FitRun | None = None
    _thread: int | None = None  # where the fit is that it follows now

    def start(self, run: FitRun) -> None:
        """Do something when the fit begins."""

    def step(self, run: FitRun) -> None:
        """Do something after each step."""

    def end(self, run: FitRun) -> None:
        """Do something when the fit has ended, by an error too."""

    @hookimpl
    def pellucid_fit_start(self, run: FitRun) -> None:
        """Begin, unless it is a fit inside another."""
        with _choosing:
            if self._thread == get_ident():
                return
            if self._thread is not None:
                name = type(self).__name__
                raise RuntimeError(
                    f"a listener follows one fit at a time, and this {name} follows one in another thread: "
                    f"give every thread its own, with listening({name}(...)) around its fit"
                )
            self._thread = get_ident()
        self.run = run
        try:
            self.start(run)
        except BaseException:
            self._thread = None
            raise

    @hookimpl
    def pellucid_fit_step(self, run: FitRun) -> None:
        """Pass a step of the outermost fit on."""
        if run is self.run:
            self.step(run)

    @hookimpl
    def pellucid_fit_end(self, run: FitRun) -> None:
        """End with the outermost fit."""
        if run is self.run and self._thread is not None:
            try:
                self.end(run)
            finally:
                self._thread = None


# ---------------------------------------------------------------------------------------------------------- to look at


class ProgressBar(Listener):
    """Shows on stderr how far a fit is and its latest numbers.

    On a terminal it is a bar that is gone when the fit is done, if rich is installed (``pip install
    'pellucid[progress]'``); elsewhere a line now and then. Without stderr it shows nothing.

    Parameters
    ----------
    every : float
        Seconds between two lines.
    """

    def __init__(self, every: float = 5.0) -> None:
        self.every = every

    def start(self, run: FitRun) -> None:
        """Draw the empty bar, or start the clock."""
        pretty = sys.stderr is not None and sys.stderr.isatty() and find_spec("rich") is not None
        every = math.inf if sys.stderr is None else self.every  # a program without a console has no stderr
        self._view: _Bar | _Lines = _Bar(run) if pretty else _Lines(every)

    def step(self, run: FitRun) -> None:
        """Show the step."""
        self._view.step(run)

    def end(self, run: FitRun) -> None:
        """Take the bar away."""
        self._view.close()
        del self._view


class _Lines:
    """A plain line every few seconds."""

    def __init__(self, every: float) -> None:
        self._every, self._last = every, time.monotonic()

    def step(self, run: FitRun) -> None:
        now = time.monotonic()
        if now - self._last >= self._every:
            self._last = now
            of = f" of {run.total:,}" if run.total else ""
            words = [f"{run.unit} {run.n_steps:,}{of}", *shown(run.metrics, run.monitor)]
            print(f"  {', '.join(words)}", file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


class _Bar:
    """A bar drawn by rich."""

    def __init__(self, run: FitRun) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress: Progress = Progress(
            TextColumn(" "),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}s", markup=False),
            TextColumn("{task.fields[numbers]}", style="bold", markup=False),
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
            numbers = "  ".join(shown(run.metrics, run.monitor))
            self._progress.update(self._task, completed=run.n_steps, numbers=numbers)

    def close(self) -> None:
        self._progress.stop()


class NotebookBar(Listener):
    """Shows how far a fit is and its latest numbers, in a notebook.

    Parameters
    ----------
    leave : bool
        Whether the bar stays when the fit has ended.

    Raises
    ------
    ImportError
        When tqdm is not installed: ``pip install 'pellucid[notebook]'``.
    """

    def __init__(self, leave: bool = True) -> None:
        try:
            self._tqdm: Any = import_module("tqdm.auto").tqdm
        except ImportError as error:
            raise ImportError("NotebookBar needs tqdm: pip install 'pellucid[notebook]'") from error
        self.leave = leave

    def start(self, run: FitRun) -> None:
        """Draw the empty bar."""
        self._bar = self._tqdm(total=run.total, unit=run.unit, leave=self.leave)

    def step(self, run: FitRun) -> None:
        """Move the bar."""
        self._bar.set_postfix_str("  ".join(shown(run.metrics, run.monitor)), refresh=False)
        self._bar.update()

    def end(self, run: FitRun) -> None:
        """Draw the bar a last time, or take it away."""
        self._bar.close()
        del self._bar


def shown(metrics: Mapping[str, float], first: str = "") -> list[str]:
    """The latest numbers for people, the one to watch first: ["loss 0.03125", "accuracy 0.9"]."""
    names = sorted(metrics, key=lambda name: name != first)[:4]
    return [f"{name.replace('_', ' ')} {float(metrics[name]):.4g}" for name in names]


# ------------------------------------------------------------------------------------------------------------ to keep


class _Log(Listener):
    """Writes a record after each step, to a file that is complete up to there at any time."""

    def __init__(self, path: str | os.PathLike[str], append: bool = False) -> None:
        self.path, self.append = Path(path), append
        self._n_fits: int | None = None  # in the file; None before the first

    def start(self, run: FitRun) -> None:
        """Open the file."""
        first, n_fits = self._n_fits is None, self._n_fits or 0
        there = (self.append or not first) and self.path.is_file()
        if there:
            self._check_last_line()
            n_fits = self._last_fit() if first else n_fits
        self._file = self._open("a" if there else "w")
        self._n_fits = n_fits + 1
        self._begin = time.perf_counter()

    def step(self, run: FitRun) -> None:
        """Write the step."""
        seconds = round(time.perf_counter() - self._begin, 6)
        ours = {"fit": self._n_fits, "step": run.n_steps, "seconds": seconds}
        self._write(ours | {name: float(value) for name, value in run.metrics.items() if name not in ours})
        self._file.flush()

    def end(self, run: FitRun) -> None:
        """Close the file."""
        self._file.close()
        del self._file

    def _open(self, mode: str) -> IO[str]:
        return open(self.path, mode, newline="", encoding="utf-8")

    def _check_last_line(self) -> None:
        """What is written next must begin a line."""
        with open(self.path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - 1, 0))
            whole = file.read() in (b"", b"\n")
        if not whole:
            raise ValueError(
                f"a log that goes on must end with a whole line, and {self.path} was cut off in the middle of one: "
                f"delete that line, choose another file, or append=False to replace it"
            )

    def _last_fit(self) -> int:
        """The number of the last fit in the file that is there."""
        raise NotImplementedError

    def _write(self, record: dict[str, Any]) -> None:
        raise NotImplementedError

    def _not_a_log(self) -> ValueError:
        return ValueError(
            f"{self.path} exists and is not a log that {type(self).__name__} wrote: choose another file, or "
            f"append=False to replace it"
        )


class CSVLogger(_Log):
    """Writes the number of the step, the seconds since the fit began and the step's metrics to a CSV file.

    Its columns are fit (1, 2, ... for several fits with one logger), step, seconds and one for each metric of another
    name. When a later step has a metric that earlier ones had not, the file is written anew with another column.

    Parameters
    ----------
    path : str or path
        The file; one that exists is replaced.
    append : bool
        Whether to go on after the rows of a log that exists.

    Raises
    ------
    OSError
        In the fit, when the file cannot be written.
    ValueError
        In the fit, when `append` finds a file that is no such log.
    """

    def start(self, run: FitRun) -> None:
        """Open the file, and look which columns it has: none if it is new, or somebody deleted it between two fits."""
        super().start(run)
        with self._open("r") as file:
            self._columns = next(csv.reader(file), [])

    def _last_fit(self) -> int:
        try:
            columns, rows = self._read()
            if columns and not {"fit", "step", "seconds"} <= set(columns):
                raise self._not_a_log()
            return max((int(row["fit"]) for row in rows), default=0)
        except (ValueError, csv.Error):
            raise self._not_a_log() from None

    def _write(self, record: dict[str, Any]) -> None:
        if new := [name for name in record if name not in self._columns]:
            self._add_columns(new)
        self._row_writer(self._file).writerow(record)

    def _add_columns(self, names: Sequence[str]) -> None:
        """Write what the file holds with more columns, and replace it in one step."""
        from pellucid.archive import replacing

        self._file.close()
        _, rows = self._read()
        self._columns += names
        with replacing(self.path) as binary:
            text = io.TextIOWrapper(binary, newline="", encoding="utf-8")
            writer = self._row_writer(text)
            writer.writeheader()
            writer.writerows(rows)
            text.detach()  # which flushes, and leaves the file open
        self._file = self._open("a")

    def _read(self) -> tuple[list[str], list[dict[str, str]]]:
        """The columns and the rows in the file."""
        with self._open("r") as file:
            reader = csv.DictReader(file)
            return list(reader.fieldnames or []), list(reader)

    def _row_writer(self, file: IO[str]) -> csv.DictWriter[str]:
        return csv.DictWriter(file, self._columns, restval="")


class JSONLogger(_Log):
    """Writes the number of the step, the seconds since the fit began and the step's metrics as one line of JSON.

    A line is ``{"fit": 1, "step": 3, "seconds": 0.012, "loss": 0.5}``, with null for a number that is not finite; fit
    is 1, 2, ... for several fits with one logger.

    Parameters
    ----------
    path : str or path
        The file; one that exists is replaced.
    append : bool
        Whether to go on after the lines of a log that exists.

    Raises
    ------
    OSError
        In the fit, when the file cannot be written.
    ValueError
        In the fit, when `append` finds a file that is no such log.
    """

    def _last_fit(self) -> int:
        try:
            with self._open("r") as file:
                return max((json.loads(line)["fit"] for line in file), default=0)
        except (ValueError, KeyError, TypeError):
            raise self._not_a_log() from None

    def _write(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps({n: v if math.isfinite(v) else None for n, v in record.items()}) + "\n")


# ------------------------------------------------------------------------------------------------------------ to act


class _Watch(Listener):
    """Follows one metric and knows its best value."""

    def __init__(self, monitor: str | None, min_delta: float, mode: str | None) -> None:
        if mode not in (None, "min", "max"):
            raise ValueError(f"mode must be 'min', 'max' or None, got {mode!r}")
        if not min_delta >= 0:
            raise ValueError(f"min_delta must be 0 or more, got {min_delta!r}")
        self.monitor, self.min_delta, self.mode = monitor, min_delta, mode

    def start(self, run: FitRun) -> None:
        """Forget the fit before."""
        self._name = run.monitor if self.monitor is None else self.monitor
        mode = self.mode or mode_of(self._name)
        if mode is None:
            raise ValueError(
                f"{type(self).__name__} must know which values of {self._name!r} are better, and that name does not "
                f"say it: pass mode='min' or mode='max'"
            )
        self._sign = -1.0 if mode == "max" else 1.0
        self.best, self.best_step = self._sign * math.inf, 0
        self._found = False

    def improved(self, run: FitRun) -> bool:
        """Whether this step's value is better than all before, by more than `min_delta`; it is then the best."""
        value = float(run.metrics.get(self._name, math.nan))
        self._found |= self._name in run.metrics
        better = self._sign * value < self._sign * self.best - self.min_delta
        if better:
            self.best, self.best_step = value, run.n_steps
        return better

    def end(self, run: FitRun) -> None:
        """Say so if there was nothing to watch."""
        if not self._found and run.n_steps and run.error is None:
            warnings.warn(
                f"{type(self).__name__} watched {self._name!r} in vain; the metrics of {type(run.model).__name__}: "
                f"{', '.join(run.metrics) or 'none'}",
                stacklevel=2,
            )


def mode_of(metric: str) -> str | None:
    """Which values of a metric are better, "min" or "max", by its name; None if no word in it is known.

    The last known word says it, "score" only if there is no other; "neg" before it turns it round.

        >>> [mode_of(name) for name in ("val_acc", "f1_macro", "brier_score", "neg_log_likelihood", "temperature")]
        ['max', 'max', 'min', 'min', None]
    """
    words = re.findall("f1|r2|[a-z]+", metric.lower().replace("cross_entropy", "crossentropy"))
    known = [n for n, word in enumerate(words) if word in MORE_IS_BETTER | LESS_IS_BETTER]
    known = [n for n in known if words[n] != "score"] or known
    if not known:
        return None
    more = words[known[-1]] in MORE_IS_BETTER
    negative = not {"neg", "negative"}.isdisjoint(words[: known[-1]])
    return "max" if more != negative else "min"


class EarlyStopping(_Watch):
    """Ends a fit whose metric no longer gets better, or becomes NaN.

    Parameters
    ----------
    monitor : str, optional
        The metric to watch; the model's own choice unless given, usually its loss. Steps that do not report it do not
        count.
    patience : int
        How many steps in a row without an improvement are waited for.
    min_delta : float
        What an improvement is more than.
    mode : {"min", "max"}, optional
        Which values are better. It may be left out where the metric's name says so: "max" for accuracy, score,
        likelihood, reward and the like, "min" for loss, error, perplexity and the like, each turned round by "neg" or
        "negative" before it.

    Attributes
    ----------
    best, best_step : float, int
        The best value, and the step that reported it (0 if none did).

    Raises
    ------
    ValueError
        When the fit begins, if the metric's name does not say which values are better, and `mode` neither.

    Warns
    -----
    UserWarning
        At the end of a fit that never reported the metric.
    """

    def __init__(
        self, monitor: str | None = None, patience: int = 10, min_delta: float = 0.0, mode: str | None = None
    ) -> None:
        super().__init__(monitor, min_delta, mode)
        if not patience >= 1:
            raise ValueError(f"patience must be 1 or more, got {patience!r}")
        self.patience = patience

    def start(self, run: FitRun) -> None:
        """Begin to wait."""
        super().start(run)
        self._waited = 0

    def step(self, run: FitRun) -> None:
        """Stop the fit if it has been waited for long enough."""
        if self.improved(run):
            self._waited = 0
        elif self._name in run.metrics:
            self._waited += 1
            if math.isnan(run.metrics[self._name]):
                run.stop(f"{self._name} became NaN in {run.unit} {run.n_steps}")
            elif self._waited >= self.patience:
                steps = f"{self.patience} {run.unit}{'s' * (self.patience != 1)}"
                best = f"its best was {self.best:.4g}, in {run.unit} {self.best_step}"
                run.stop(f"{self._name} has not improved for {steps}; {best}")


class Checkpoint(_Watch):
    """Saves the model while it is being fitted, by `pellucid.save`: a file is replaced in one step.

    It is saved after the first step, so that an error is not found late, and then after every `every` steps. The step
    and its metrics are in the file's notes (`pellucid.saving.load_with_notes`).

    Parameters
    ----------
    path : str or path
        The file. "{step}" in it is the number of the step, "{step:04}" that with four digits: each has its own file.
    every : int
        Steps from one save to the next.
    monitor : str, optional
        With `best_only`, the metric to watch; the model's own choice unless given.
    best_only : bool
        Save only when the metric is better than at all saves before.
    mode : {"min", "max"}, optional
        Which values are better; as for `EarlyStopping`.

    Attributes
    ----------
    saved : Path or None
        The file that was written last.
    best, best_step : float, int
        With `best_only`: the best value, and its step.

    Raises
    ------
    TypeError
        In the fit, when the model is not registered, or has nothing to save before its fit has ended.
    OSError
        In the fit, when the file cannot be written.
    ValueError
        When the fit begins, with `best_only`, as for `EarlyStopping`.

    Warns
    -----
    UserWarning
        At the end of a fit that never reported the metric, with `best_only`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        monitor: str | None = None,
        best_only: bool = False,
        mode: str | None = None,
    ) -> None:
        super().__init__(monitor, 0.0, mode)
        if not every >= 1:
            raise ValueError(f"every must be 1 or more, got {every!r}")
        self.path, self.every, self.best_only = os.fspath(path), every, best_only
        try:
            self._path_at(1)
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"path may hold '{{step}}' and no other braces, got {self.path!r}") from error
        self.saved: Path | None = None

    def start(self, run: FitRun) -> None:
        """Begin to compare, if that is asked for."""
        if self.best_only:
            super().start(run)

    def step(self, run: FitRun) -> None:
        """Save, if it is time."""
        if run.n_steps % self.every and run.n_steps > 1:
            return
        if not self.best_only or self.improved(run):
            from pellucid.saving import save

            numbers = {name: float(value) for name, value in run.metrics.items()}
            self.saved = save(run.snapshot(), self._path_at(run.n_steps), {"step": run.n_steps, "metrics": numbers})

    def end(self, run: FitRun) -> None:
        """Say so if there was nothing to watch."""
        if self.best_only:
            super().end(run)

    def _path_at(self, step: int) -> str:
        return self.path.format(step=step)
