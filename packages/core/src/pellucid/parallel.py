"""The one seam through which work goes to several processes or machines: `map_tasks`.

    results = map_tasks(grow_one, seeds, n_jobs=-1)

Without `n_jobs` it is a loop. With it, joblib does the work (`pip install 'pellucid[parallel]'`): 2 is two processes,
-1 one on every core. What joblib has been told holds here too, also without `n_jobs`:

    with joblib.parallel_config(backend="dask"):  # or "ray", or "threading"; many machines instead of many cores
        model.fit(X, y)

Results come in the order of the items, and must not depend on `n_jobs`: a task that draws random numbers is handed a
generator or seed of its own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_tasks(
    function: Callable[[T], R], items: Iterable[T], n_jobs: int | None = None, report: Callable[[], Any] | None = None
) -> list[R]:
    """Return `[function(item) for item in items]`, worked out side by side where that is asked for.

    Parameters
    ----------
    function : callable
        Takes one item. On several processes it and the items are copied there, and what it returns is copied back;
        large arrays are handed over as memory maps that cannot be written to.
    items : iterable
        What to do.
    n_jobs : int, optional
        How many tasks run at a time; -1 is as many as there are cores, -2 one fewer. None is one, unless
        `joblib.parallel_config` says otherwise.
    report : callable, optional
        Called without arguments after each result, in order: for progress.

    Raises
    ------
    ValueError, TypeError
        When `n_jobs` is 0 or not a whole number.
    ModuleNotFoundError
        When `n_jobs` asks for more than one and joblib is not installed.
    Whatever `function` raises
    """
    if n_jobs is not None:
        if isinstance(n_jobs, bool) or not hasattr(n_jobs, "__index__"):
            raise TypeError(f"n_jobs must be a whole number or None, got {n_jobs!r}. Try n_jobs=-1 for all cores.")
        n_jobs = n_jobs.__index__()
        if n_jobs == 0:
            raise ValueError("n_jobs must not be 0. Use None for one task at a time, or -1 for all cores.")
    if n_jobs == 1 or (n_jobs is None and "joblib" not in sys.modules):  # nobody can have configured it
        finished: Iterable[R] = map(function, items)
    else:
        finished = _by_joblib(function, items, n_jobs)
    results = []
    for result in finished:
        results.append(result)
        if report is not None:
            report()
    return results


def _by_joblib(function: Callable[[T], R], items: Iterable[T], n_jobs: int | None) -> Iterable[R]:
    try:
        joblib: Any = importlib.import_module("joblib")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"n_jobs={n_jobs} needs joblib: pip install 'pellucid[parallel]'. Without it, leave n_jobs=None.",
            name="joblib",
        ) from error
    finished: Iterable[R] = joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
        joblib.delayed(function)(item) for item in items
    )
    return finished
