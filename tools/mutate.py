"""Break the tagged lines one small mistake at a time; every mutant must die in that file's own tests.

    python tools/mutate.py                       every model file of every package
    python tools/mutate.py linear nn             the model files of these packages
    python tools/mutate.py packages/linear/src/pellucid_linear/ridge.py
    python tools/mutate.py packages/core/src/pellucid/rules/shapes.py       a rule file: all of it

A test named after an equation proves that it is tested; only a mutant that dies proves that the test would notice.
What is broken, and how a line excuses a mutant that changes nothing: mutants.py.

A file's tests run in a process that has imported NumPy, pytest and whatever else the tests need once, and forks for
every mutant; the fork imports the broken source in place of the file, which itself is never touched. Tests that killed
another mutant of the line run first, then those named after the broken equation or function, and the first failure ends
the run. A mutant that hangs is stopped and counts as dead.

Exit status: 0 when every mutant died or is excused, 1 when one survived, 2 when there was nothing to do or the tests
fail as they are. Needs a system that can fork (Linux, macOS).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import model_files
import mutants as mutations
from model_files import ROOT, ModelFile
from mutants import Mutant

SURVIVED, TIMEOUT = "survived", "timeout"  # every other fate is death
NEVER_IMPORTED = 99  # exit status of a fork whose tests did not import the file
MEMORY = 8 << 30  # bytes that one mutant may ask for


@dataclass
class Outcome:
    """What became of one file's mutants."""

    mutants: list[Mutant]
    fates: list[str]
    seconds: float
    error: str = ""

    def survivors(self) -> list[Mutant]:
        return [m for m, fate in zip(self.mutants, self.fates) if fate == SURVIVED and not m.allowed]

    def excused(self) -> list[Mutant]:
        return [m for m, fate in zip(self.mutants, self.fates) if fate == SURVIVED and m.allowed]


def mutate(model: ModelFile, chosen: list[Mutant], jobs: int, least_seconds: float = 5.0) -> Outcome:
    """Run a file's tests on each mutant, `jobs` at a time, and return their fates in order."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutate-") as scratch:
        told = Path(scratch) / "told.json"
        server = os.fork()
        if server == 0:
            status = 1
            try:
                Server(model, Path(scratch), jobs, least_seconds).run(chosen, told)
                status = 0
            except KeyboardInterrupt:
                pass
            except BaseException as error:
                told.write_text(json.dumps({"error": f"{type(error).__name__}: {error}"}))
            finally:
                os._exit(status)
        try:
            os.waitpid(server, 0)
        except KeyboardInterrupt:
            with contextlib.suppress(ProcessLookupError):
                os.kill(server, signal.SIGINT)
            os.waitpid(server, 0)
            raise
        said = json.loads(told.read_text()) if told.exists() else {"error": "the test process died"}
    return Outcome(chosen, said.get("fates", []), time.monotonic() - start, said.get("error", ""))


class Server:
    """The warm process of one file: imports what its tests need, then forks a run for every mutant."""

    def __init__(self, model: ModelFile, scratch: Path, jobs: int, least_seconds: float) -> None:
        self.model, self.scratch, self.jobs, self.least_seconds = model, scratch, jobs, least_seconds
        self.killers: dict[int, list[str]] = {}  # line -> the tests that killed its mutants

    def run(self, chosen: list[Mutant], told: Path) -> None:
        """Fates go to the file `told` as JSON, or the error that kept the mutants from being run."""
        self._prepare()
        found = self.scratch / "modules.json"
        cold = self._alone(found)
        if cold != 0:
            told.write_text(json.dumps({"error": self._why(cold)}))
            return
        self._import(json.loads(found.read_text()))
        start = time.monotonic()
        warm = self._alone(None)
        if warm != 0:
            told.write_text(json.dumps({"error": f"the tests passed once and then failed: {self._why(warm)}"}))
            return
        limit = self.least_seconds + 4 * (time.monotonic() - start)
        told.write_text(json.dumps({"fates": self._fates(chosen, limit)}))

    def _prepare(self) -> None:
        """One thread each; nothing is written beside the sources; every package importable from its folder."""
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = "1"
        os.environ.pop("PYTEST_ADDOPTS", None)
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(self.scratch / "hypothesis")
        sys.pycache_prefix = str(self.scratch / "pycache")
        os.chdir(ROOT)
        folders = [self.model.package / "src", *(package / "src" for package in model_files.packages())]
        sys.path[:0] = [str(folder) for folder in folders if folder.exists()]
        if self.model.package == self.model.path.parent:
            sys.path.insert(0, str(self.model.path.parent))
        for name in ("numpy", "pytest", "hypothesis"):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)

    def _import(self, modules: list[str]) -> None:
        """What the tests imported and cannot see a mutant: not the file's own package, nor what stands on it."""
        for name in modules:
            if name not in sys.modules:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)

    def _alone(self, found: Path | None) -> int:
        pid = self._fork(self.model.source, None, found)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def _why(self, status: int) -> str:
        where = model_files.shown(self.model.test_file)
        if status == NEVER_IMPORTED:
            return f"{where} never imports {self.model.module}"
        if status == 5:
            return f"{where} has no test that runs"
        output = (self.scratch / "output.txt").read_text(errors="replace")
        return f"{where} fails without any mutant (pytest exit status {status}):\n{output}"

    def _fates(self, chosen: list[Mutant], limit: float) -> list[str]:
        fates = [""] * len(chosen)
        waiting = list(enumerate(chosen))[::-1]
        running: dict[int, tuple[int, float]] = {}  # process -> (which mutant, when it started)
        try:
            while waiting or running:
                while waiting and len(running) < self.jobs:
                    i, mutant = waiting.pop()
                    running[self._fork(mutant.source, mutant, None)] = i, time.monotonic()
                time.sleep(0.003)
                for pid, (i, started) in list(running.items()):
                    done, status = os.waitpid(pid, os.WNOHANG)
                    if done:
                        del running[pid]
                        fates[i] = self._fate(os.waitstatus_to_exitcode(status))
                        self._remember(pid, chosen[i].line)
                    elif time.monotonic() - started > limit:
                        _end(pid)
                        del running[pid]
                        fates[i] = TIMEOUT
        finally:
            for pid in running:
                _end(pid)
        return fates

    def _fate(self, status: int) -> str:
        if status in (0, 5, NEVER_IMPORTED):
            return SURVIVED
        return f"signal {-status}" if status < 0 else "killed"

    def _remember(self, pid: int, line: int) -> None:
        """The test that failed in a run, which has written its name into a file."""
        note = self.scratch / f"killer-{pid}"
        if note.exists():
            name = note.read_text(encoding="utf-8")
            known = self.killers.setdefault(line, [])
            if name not in known:
                known.insert(0, name)
            note.unlink()

    def _fork(self, source: str, mutant: Mutant | None, found: Path | None) -> int:
        """Start the tests on a source text; the exit status is pytest's."""
        pid = os.fork()
        if pid:
            return pid
        status = 3
        try:
            os.setsid()
            output = open(os.devnull if mutant else self.scratch / "output.txt", "w", encoding="utf-8")
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            sys.stdout = sys.stderr = output
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_AS, (_address_space() + MEMORY, resource.RLIM_INFINITY))
            status = self._test(source, mutant, found)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}")
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
            os._exit(status)

    def _test(self, source: str, mutant: Mutant | None, found: Path | None) -> int:
        import pytest

        finder = _Finder(self.model.module, source)
        sys.meta_path.insert(0, finder)
        arguments = [str(self.model.test_file), "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
        arguments += ["--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")]
        arguments += ["--tb=no"] if mutant else ["--tb=short"]
        arguments += ["-p", "no:shape_arrows"] if self.model.is_rules else []  # rules have none, and reading all costs
        with contextlib.suppress(ImportError):
            from hypothesis import HealthCheck, Phase, settings

            phases, checks = (Phase.explicit, Phase.generate), list(HealthCheck)  # shrinking takes long
            settings.register_profile(
                "mutate", phases=phases, suppress_health_check=checks, deadline=None, database=None, derandomize=True
            )
            arguments += ["--hypothesis-profile=mutate"]
        order = _LikelyFirst(mutant, self.killers.get(mutant.line, []) if mutant else [])
        status = int(pytest.main(arguments, plugins=[order]))
        if order.failed:
            (self.scratch / f"killer-{os.getpid()}").write_text(order.failed, encoding="utf-8")
        if found is not None:
            found.write_text(json.dumps(self._safe_modules()))
        if status == 0 and not order.passed:
            return 5
        return status if status or finder.used else NEVER_IMPORTED

    def _safe_modules(self) -> list[str]:
        """Modules that now are imported and may be imported before a mutant is."""
        package = self.model.module.split(".")[0]
        in_core = package == "pellucid" or not (ROOT / "packages").exists()
        safe = []
        for name, module in sys.modules.items():
            file = getattr(module, "__file__", None)
            if name == "__main__" or name.split(".")[0] == package or (in_core and name.startswith("pellucid")):
                continue
            ours = file is not None and Path(file).is_relative_to(ROOT) and ".nox" not in file and ".venv" not in file
            if not ours or "src" in Path(str(file)).parts:
                safe.append(name)
        return safe


class _Finder(importlib.abc.MetaPathFinder):
    """Imports one module from a text instead of its file."""

    def __init__(self, module: str, source: str) -> None:
        self.module, self.source, self.used = module, source, False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None or spec.origin is None:
            return None
        origin, source = spec.origin, self.source

        def get_code(name: str) -> CodeType:
            return compile(source, origin, "exec", dont_inherit=True)

        loader: Any = spec.loader
        loader.get_code, loader.get_source = get_code, lambda name: source
        self.used = True
        return spec


class _LikelyFirst:
    """A pytest plugin: tests that killed a mutant of this line go first, then those named after what is broken."""

    def __init__(self, mutant: Mutant | None, killers: list[str]) -> None:
        self.numbers = {mutant.number} if mutant else set()
        self.functions = set(mutant.functions) if mutant else set()
        self.killers, self.passed, self.failed = killers, 0, ""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        def rank(item: Any) -> int:
            if item.nodeid in self.killers:
                return self.killers.index(item.nodeid)
            match = re.match(r"test_eq((?:_\d+[a-z]?)+)", item.name)
            named = match and self.numbers & set(match[1].split("_"))
            return len(self.killers) + (not (named or self.functions & set(re.findall(r"\w+", item.name))))

        items.sort(key=rank)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.passed += report.when == "call" and report.passed
        if report.failed:
            self.failed = report.nodeid


def _address_space() -> int:
    """Bytes of address space in use (0 where the system does not tell)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _end(pid: int) -> None:
    """Stop a run and whatever it has started: it leads its own process group."""
    for stop in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            stop(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


# The command


def chosen_files(what: list[str], only: list[str]) -> list[Path]:
    """The files that the command line names. Raises ValueError for a name that is neither a package nor a file."""
    packages = {package.name: package for package in model_files.packages()}
    files: list[Path] = []
    for name in what or list(packages):
        if name in packages:
            files += [*model_files.model_files(packages[name]), *model_files.rule_files(packages[name])]
        elif Path(name).is_file():
            files.append(Path(name).resolve())
        else:
            raise ValueError(f"{name!r} is neither a file nor a package; packages: {', '.join(packages)}")
    if only:
        files = [path for path in files if path.stem in only or path.name in only]
    files = list(dict.fromkeys(files))
    return [path for path in files if (model := model_files.read(path)).tags or model.is_rules]


def spread(found: list[Mutant], most: int | None) -> list[Mutant]:
    """At most so many, evenly from beginning to end."""
    if most is None or len(found) <= most:
        return found
    return [found[i * len(found) // most] for i in range(most)]


def tell(model: ModelFile, mutant: Mutant, word: str) -> None:
    equations = {tag.number: tag.line for tag in model.equations}
    lines = dict(model.doc_lines())
    equation = re.sub(r"\s*\(\w+\)\s*$", "", lines.get(equations.get(mutant.number, 0), "")).strip()
    print(f"{model_files.shown(model.path)}:{mutant.line}: {word}: {mutant.kind}")
    if mutant.number:
        print(f"    equation ({mutant.number})  {equation}")
    print(f"    line          {mutant.before}")
    print(f"    mutant        {mutant.after}")
    if mutant.allowed:
        print(f"    because       {mutant.reason}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", nargs="*", metavar="PACKAGE|FILE", help="what to mutate (default: every package)")
    parser.add_argument("--file", action="append", default=[], metavar="NAME", help="of these only files NAME[.py]")
    parser.add_argument("--max", type=int, metavar="N", help="at most N mutants of each file, evenly spread")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="mutants at a time")
    parser.add_argument("--list", action="store_true", help="print the mutants and run nothing")
    options = parser.parse_args(arguments)
    if not hasattr(os, "fork"):
        print("mutate: this system cannot fork; use Linux or macOS", file=sys.stderr)
        return 2
    try:
        files = chosen_files(options.what, options.file)
        models = [model_files.read(path) for path in files]
        found = [(model, spread(mutations.mutants(model), options.max)) for model in models]
    except (ValueError, SyntaxError) as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 2
    if not any(chosen for _, chosen in found):
        print("mutate: no tagged line to break", file=sys.stderr)
        return 2
    if options.list:
        for model, chosen in found:
            for mutant in chosen:
                tell(model, mutant, "mutant")
        return 0
    worst = 0
    for model, chosen in found:
        sys.stdout.flush()
        worst = max(worst, _one_file(model, chosen, options.jobs, complete=options.max is None))
    return worst


def _one_file(model: ModelFile, chosen: list[Mutant], jobs: int, complete: bool) -> int:
    name = model_files.shown(model.path)
    for number in sorted({tag.number for tag in model.tags} - {mutant.number for mutant in chosen}):
        if complete and not model.is_rules:
            print(f"{name}: note: nothing on the line of equation ({number}) can be broken")
    if not chosen:
        return 0
    outcome = mutate(model, chosen, max(1, jobs))
    if outcome.error:
        print(f"{name}: {outcome.error}", file=sys.stderr)
        return 2
    survivors, excused = outcome.survivors(), outcome.excused()
    for mutant in excused:
        tell(model, mutant, "excused")
    for mutant in survivors:
        tell(model, mutant, SURVIVED)
    stale = [
        f"line {a.line}: the allow comment belongs to no {'' if model.is_rules else 'tagged '}statement"
        for a in mutations.unused_allowances(model)
    ]
    if complete:
        useful = {mutant.reason for mutant in excused}
        for reason in sorted({mutant.reason for mutant in chosen if mutant.allowed} - useful):
            stale.append(f"the allow comment '... because {reason}' excuses no survivor: take it away")
    for text in stale:
        print(f"{name}: {text}")
    slow = outcome.fates.count(TIMEOUT)
    print(
        f"{name}: {len(chosen)} mutants: {len(chosen) - len(survivors) - len(excused)} died"
        + (f" ({slow} of them stopped for time)" if slow else "")
        + f", {len(excused)} excused, {len(survivors)} survived; {outcome.seconds:.0f} s"
    )
    return int(bool(survivors or stale))


if __name__ == "__main__":
    sys.exit(main())
