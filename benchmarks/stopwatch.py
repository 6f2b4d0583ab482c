"""Time several ways to do one task fairly: in turns, round after round, by the median.

    table = compare("ridge, 100,000 x 50", {"pellucid": ours, "scikit-learn": theirs}, baseline="scikit-learn")
    print(table)

Every round times each contestant once, in an order that is shuffled from round to round, so that a machine that slows
down or warms up does so for all of them. The ratio is the median of the rounds' own ratios: time / the baseline's time
in the same round; below 1 is faster.
"""

from __future__ import annotations

import gc
import importlib
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

Task = Callable[[], Any]
LEAST = 0.01  # seconds of one measurement: long enough that its first call, with the caches of another, counts little


@dataclass(frozen=True)
class Row:
    """One contestant's result in seconds for one call."""

    name: str
    median: float
    fastest: float
    ratio: float | None  # to the baseline; None where there is no baseline


@dataclass(frozen=True)
class Comparison:
    """The results of one task; `str()` of it is a Markdown table."""

    task: str
    rows: tuple[Row, ...]
    baseline: str | None
    n_rounds: int

    def __str__(self) -> str:
        versus = f"ratio to {self.baseline}" if self.baseline else "ratio"
        lines = [
            f"**{self.task}** ({self.n_rounds} rounds)",
            "",
            f"| | median | fastest | {versus} |",
            "|---|--:|--:|--:|",
        ]
        for row in self.rows:
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            lines.append(f"| {row.name} | {duration(row.median)} | {duration(row.fastest)} | {ratio} |")
        return "\n".join(lines) + "\n"


def compare(
    task: str,
    contestants: Mapping[str, Task | None],
    *,
    baseline: str | None = None,
    seconds: float = 2.0,
    least_rounds: int = 5,
    most_rounds: int = 200,
) -> Comparison:
    """Time the contestants in turns for about `seconds` in all.

    Parameters
    ----------
    task : str
        The table's heading: what is done, with its sizes.
    contestants : mapping of str to callable or None
        What to call, without arguments; None stands for a peer that is not installed and is left out.
    baseline : str, optional
        The contestant that the ratios are taken to; without it, or where it is not installed, there are no ratios.
    seconds : float
        How long to go on, beyond `least_rounds`.
    least_rounds, most_rounds : int
        Bounds on the number of rounds.

    Returns
    -------
    Comparison
        Medians over the rounds, in the order of `contestants`.
    """
    present = {name: run for name, run in contestants.items() if run is not None}
    if not present:
        raise ValueError(f"{task}: no contestant is installed")
    repeats = {name: _repeats(run) for name, run in present.items()}  # also warms up caches
    times: dict[str, list[float]] = {name: [] for name in present}
    order = list(present)
    shuffle = random.Random(0).shuffle
    end = time.perf_counter() + seconds
    n_rounds = 0
    collecting = gc.isenabled()
    gc.disable()
    try:
        while n_rounds < least_rounds or (time.perf_counter() < end and n_rounds < most_rounds):
            shuffle(order)
            for name in order:
                times[name].append(_seconds(present[name], repeats[name]))
            gc.collect()
            n_rounds += 1
    finally:
        if collecting:
            gc.enable()
    against = times.get(baseline) if baseline else None
    rows = []
    for name in present:
        mine = times[name]
        ratio = statistics.median(a / b for a, b in zip(mine, against)) if against else None
        rows.append(Row(name, statistics.median(mine), min(mine), ratio))
    return Comparison(task, tuple(rows), baseline if against else None, n_rounds)


def peer(name: str) -> ModuleType | None:
    """Import another library to compare with; None where it is not installed. PyTorch is held to one thread."""
    try:
        module = importlib.import_module(name)
    except ImportError:
        return None
    if name.partition(".")[0] == "torch":
        importlib.import_module("torch").set_num_threads(1)
    return module


def machine() -> str:
    """One line that says what the times were taken on."""
    numpy = importlib.import_module("numpy")
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "all")
    return (
        f"{platform.machine()}, Python {platform.python_version()}, NumPy {numpy.__version__}, BLAS threads: {threads}"
    )


def duration(seconds: float) -> str:
    """0.00123 -> '1.23 ms'."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _repeats(run: Task) -> int:
    """How many calls make one measurement of at least LEAST seconds; the first call is not counted."""
    run()
    repeats = 1
    while (taken := _seconds(run, repeats) * repeats) < LEAST:
        repeats = max(2 * repeats, int(LEAST * repeats / max(taken, 1e-9)))
    return repeats


def _seconds(run: Task, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats
