"""The benchmarks' stopwatch: turns, ratios and missing peers. No time is asserted."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture(scope="module")
def stopwatch():
    spec = importlib.util.spec_from_file_location("stopwatch", BENCHMARKS / "stopwatch.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["stopwatch"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["stopwatch"]


@pytest.fixture
def clock(stopwatch, monkeypatch):
    """A clock that only moves when a task says so; returns a maker of tasks that take so many seconds."""
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    calls = []

    def task(name, seconds):
        def run():
            calls.append(name)
            now[0] += seconds

        return run

    return task, calls


def test_ratios_are_to_the_baseline_and_missing_peers_are_left_out(stopwatch, clock):
    task, _ = clock
    table = stopwatch.compare("t", {"a": task("a", 0.2), "b": task("b", 0.1), "none": None}, baseline="b", seconds=0)
    assert [(row.name, round(row.ratio, 6)) for row in table.rows] == [("a", 2.0), ("b", 1.0)]
    assert "| a | 200 ms | 200 ms | 2.00 |" in str(table) and "ratio to b" in str(table)


def test_without_the_baseline_there_are_no_ratios(stopwatch, clock):
    task, _ = clock
    table = stopwatch.compare("t", {"a": task("a", 0.2), "b": None}, baseline="b", seconds=0)
    assert table.baseline is None and table.rows[0].ratio is None


def test_contestants_take_turns(stopwatch, clock):
    task, calls = clock
    stopwatch.compare("t", {"a": task("a", 0.2), "b": task("b", 0.2)}, seconds=0, least_rounds=6)
    rounds = calls[4:]  # one warm call and one to count the repeats, each
    assert all({rounds[i], rounds[i + 1]} == {"a", "b"} for i in range(0, 12, 2))


def test_short_tasks_are_repeated_within_a_round(stopwatch, clock):
    task, calls = clock
    table = stopwatch.compare("t", {"a": task("a", 1e-5)}, seconds=0, least_rounds=5)
    assert len(calls) > 500 and table.rows[0].median == pytest.approx(1e-5)


def test_nobody_to_time_is_an_error(stopwatch):
    with pytest.raises(ValueError, match="no contestant"):
        stopwatch.compare("t", {"a": None})


@pytest.mark.parametrize(("seconds", "text"), [(2.0, "2 s"), (0.00123, "1.23 ms"), (4.5e-6, "4.5 µs"), (2e-8, "20 ns")])
def test_durations_have_a_unit(stopwatch, seconds, text):
    assert stopwatch.duration(seconds) == text


def test_a_benchmark_that_does_not_exist_is_named():
    command = [sys.executable, str(BENCHMARKS / "run.py"), "nothing-like-it"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "no benchmark nothing-like-it" in done.stderr
