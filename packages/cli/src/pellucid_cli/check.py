"""`pellucid check`: what every model is held to, without pytest."""

from __future__ import annotations

import contextlib
import sys
import textwrap
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pellucid.specs import MODEL_TASKS
from pellucid.testing.checks import LEVELS
from pellucid_cli.faults import Fault
from pellucid_cli.report import print_json
from pellucid_cli.wording import did_you_mean, enumerate_names, plural, shorten

if TYPE_CHECKING:
    from pellucid.testing import Case, Result

COLOURS = {"failed": "red", "warned": "yellow"}
WIDTH = 100


@click.command("check")
@click.argument("target", metavar="TARGET")
@click.option(
    "--level", "levels", type=click.Choice(LEVELS), metavar="LEVEL", multiple=True,
    help=f"Only the checks of one level: {', '.join(LEVELS)}. May be repeated.",
)  # fmt: skip
@click.option("--only", metavar="NAME", multiple=True, help="Only one check, by its name. May be repeated.")
@click.option(
    "--task", "tasks", type=click.Choice(MODEL_TASKS), metavar="TASK", multiple=True,
    help="What a class in a file is for, if neither its base class nor a registration says. May be repeated.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--traceback", "tracebacks", is_flag=True, help="Show Python's traceback of every check that fails.")
@click.pass_context
def command(
    context: click.Context,
    target: str,
    levels: tuple[str, ...],
    only: tuple[str, ...],
    tasks: tuple[str, ...],
    as_json: bool,
    tracebacks: bool,
) -> None:
    """Hold a package, a model or a file to what is asked of every model.

    TARGET is an installed package, the id of a model, a file, or a class in a file. Of a file that registers nothing,
    every class is checked whose base class says its task. The exit code is 1 if a check fails.

    \b
    pellucid check pellucid-acme
    pellucid check acme/stump --only same-seed-same-result
    pellucid check stump.py::Stump
    pellucid check kernels.py::Kernels --task density
    """
    context.find_root().obj.traceback |= tracebacks
    cases = choose(find_cases(target, tasks), target, levels, only)
    frames = import_frames(cases)
    start = time.perf_counter()
    results = run(cases, quiet=as_json)
    seconds = time.perf_counter() - start
    if as_json:
        print_json({"target": target, **_counts(results), "seconds": seconds, "results": [asdict(r) for r in results]})
    else:
        _print(results, seconds, frames, tracebacks)
    context.exit(int(any(result.status == "failed" for result in results)))


def find_cases(target: str, tasks: tuple[str, ...] = ()) -> list[Case]:
    """Every check of a target; what else there is in a file is told on stderr.

    Raises
    ------
    click.UsageError
        If there is no such package, model, file or class, the file brings no model, or its models say themselves what
        they are for.
    Fault
        If a class does not say what it is for.
    """
    from pellucid.discovery import PluginLoadError
    from pellucid.registry import ModelNotFound
    from pellucid.testing.cases import cases

    file, _, name = target.partition("::")
    if not file.endswith(".py"):
        if tasks:
            raise click.UsageError(f"--task is for a class in a file, FILE.py::Class; {target} says it itself")
        try:
            return cases(target)
        except ModelNotFound as error:
            raise click.UsageError(f"{error}{_packages(target)}") from None
        except ValueError as error:
            raise Fault(f"{target}: {error}") from error
    if not Path(file).is_file():
        near = did_you_mean(Path(file).name, [path.name for path in Path(file).parent.glob("*.py")])
        raise click.UsageError(f"there is no file {file}.{near}")
    try:
        found = cases(target, tasks)
    except PluginLoadError:
        classes = _classes(file)
        if name and classes is not None and name not in classes:
            hint = did_you_mean(name, classes) or f" It has: {enumerate_names(classes) or 'none'}."
            raise click.UsageError(f"{file} has no class {name!r}.{hint}") from None
        if classes and name and not tasks and name in _silent(classes.values()):
            raise Fault(
                f"{target} must say what it is for: try --task density, or another of {', '.join(MODEL_TASKS)}; or in "
                f"the file pellucid.register({name}, tasks=('density',))"
            ) from None
        raise
    levels = {case.check.level for case in found}
    if not name and "plugin" not in levels and not tasks:  # it registers nothing
        _tell_of_silent(file, alone=not found)
    if not levels - {"plugin"}:
        raise click.UsageError(f"{file} brings no model: name a class in it, {file}::Class, or call pellucid.register")
    return found


def _tell_of_silent(file: str, alone: bool) -> None:
    """Name the classes of a file that are left out since nothing says what they are for."""
    from pellucid.testing.cases import model_classes

    names = _silent(model_classes(sys.modules[Path(file).stem]))
    if names:
        words = f"say what {'each' if len(names) > 1 else 'it'} is for, such as {file}::{names[0]} --task density"
        if alone:
            raise click.UsageError(f"{file} has {enumerate_names(names)}; {words}")
        click.echo(f"not checked: {enumerate_names(names)}; {words}", err=True)


def _silent(classes: Iterable[type[Any]]) -> list[str]:
    """The names of those whose base class does not say what they are for."""
    from pellucid.testing.cases import tasks_of

    return [cls.__name__ for cls in classes if not tasks_of(cls)]


def _packages(target: str) -> str:
    """The packages that a name may mean, in words."""
    import pellucid

    there = dict.fromkeys(info.distribution for info in pellucid.plugins())
    families = [info.family for info in pellucid.plugins()]
    return did_you_mean(target, [*there, *families]) or f" The packages are: {enumerate_names(there) or 'none'}."


def _classes(file: str) -> dict[str, type[Any]] | None:
    """The classes of a file that was imported a moment ago; None if it could not be."""
    module = sys.modules.get(Path(file).stem)
    if module is None:
        return None
    return {name: it for name, it in vars(module).items() if isinstance(it, type) and it.__module__ == Path(file).stem}


def choose(cases: list[Case], target: str, levels: tuple[str, ...] = (), only: tuple[str, ...] = ()) -> list[Case]:
    """Those of some levels, and of some names.

    Raises
    ------
    click.UsageError
        If there is no check of one of the names, or none is left.
    """
    names = dict.fromkeys(case.check.name for case in cases)
    for name in only:
        if name not in names:
            raise click.UsageError(f"{target} is held to no check {name!r}.{did_you_mean(name, names)}")
    left = [c for c in cases if (not levels or c.check.level in levels) and (not only or c.check.name in only)]
    if not left:
        raise click.UsageError(f"no check of {target} is on the level {' or '.join(levels)}")
    return left


def import_frames(cases: list[Case]) -> str:
    """Import the libraries of data frames if a check will, and say how long it took: longer than all of the checks."""
    from pellucid.testing.environments import installed

    start = time.perf_counter()
    wanted = [name for name in ("pandas", "polars") if any(name in case.check.name for case in cases)]
    there = [name for name in wanted if installed(name) is not None]
    return f", and {time.perf_counter() - start:.1f} s to import {' and '.join(there)}" if there else ""


def run(cases: list[Case], *, quiet: bool = False) -> list[Result]:
    """Do the checks; unless quiet, print a line for each package and model as soon as it is done."""
    names = [_subject(case) for case in cases]
    width = max(map(len, names))
    live = sys.stderr.isatty() and not quiet
    results: list[Result] = []
    for name, group in groupby(cases, key=_subject):
        mine, start = list(group), time.perf_counter()
        done: list[Result] = []
        for n, case in enumerate(mine):
            if live:
                _show(f"{name:<{width}}  {n + 1} of {len(mine)}  {case.check.name}")
            with _undisturbed():
                done.append(case.run())
        if live:
            _show("")
        if not quiet:
            click.echo(f"{name:<{width}}  {_words(done)}  {time.perf_counter() - start:.1f} s")
        results += done
    return results


def _subject(case: Case) -> str:
    return case.id.rpartition("::")[0]


def _show(text: str) -> None:
    """Write over the terminal's present line."""
    click.echo(f"\r\x1b[2K{shorten(text, WIDTH)}", err=True, nl=False)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """A block in which nothing is printed to stdout, no warning is shown, and Ctrl-C ends everything.

    A fit answers the first Ctrl-C by ending itself, with a warning; here it is meant for all of them.
    """
    from pellucid import InterruptWarning

    pressed = False

    def note(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        nonlocal pressed
        pressed = True

    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", InterruptWarning)
        warnings.showwarning = note
        yield
    if pressed:
        raise KeyboardInterrupt


def _counts(results: list[Result]) -> dict[str, int]:
    from pellucid.testing import summary

    return summary(results)


def _words(results: list[Result]) -> str:
    """'1 failed, 60 passed, 3 skipped'."""
    counts = {status: n for status, n in _counts(results).items() if n}
    order = sorted(counts, key=lambda status: status not in COLOURS)
    return ", ".join(_coloured(f"{counts[status]} {status}", status) for status in order)


def _coloured(text: str, status: str) -> str:
    return click.style(text, fg=COLOURS[status]) if status in COLOURS else text


def _print(results: list[Result], seconds: float, frames: str, tracebacks: bool) -> None:
    """What failed, once for all checks of a model that saw the same, and how many did."""
    for same in _alike(results):
        first = same[0]
        model = first.id.rpartition("::")[0]
        about = [("wants", first.wants)] if len(same) == 1 else [("in", enumerate_names(map(_name, same), 6))]
        title = first.id if len(same) == 1 else f"{model}, {len(same)} checks"
        click.echo(f"\n{_coloured(first.status, first.status)}  {click.style(title, bold=True)}")
        for word, text in (*about, ("saw", first.saw)):
            indent = f"  {word:<6} "
            click.echo(
                textwrap.fill(
                    text, WIDTH, initial_indent=indent, subsequent_indent=len(indent) * " ", break_on_hyphens=False
                )
            )
        if tracebacks and first.traceback:
            click.echo(textwrap.indent(first.traceback.rstrip(), "  "))
    click.echo(f"\n{plural(len(results), 'check')} in {seconds:.1f} s{frames}: {_words(results)}")
    if not tracebacks and any(result.status == "failed" for result in results):
        click.echo("--traceback shows where.", err=True)


def _alike(results: list[Result]) -> list[list[Result]]:
    """What did not pass, gathered where a model gave several checks the same to see."""
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        if result.status in COLOURS:
            groups.setdefault((result.id.rpartition("::")[0], result.status, result.saw), []).append(result)
    return [*groups.values()]


def _name(result: Result) -> str:
    return result.id.rpartition("::")[2]
