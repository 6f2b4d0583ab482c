import os
import subprocess
import sys

import numpy as np
import pytest

from pellucid.parallel import map_tasks

square = np.square  # a function that another process can import, as it cannot import this file
process = lambda _: os.getpid()  # noqa: E731  a lambda goes there whole


def test_it_is_a_loop_in_order():
    seen = []
    assert map_tasks(square, iter([3, 1, 2]), report=lambda: seen.append(len(seen))) == [9, 1, 4]
    assert seen == [0, 1, 2]
    assert map_tasks(square, []) == [] == map_tasks(square, [], n_jobs=1)
    assert map_tasks(process, range(3), n_jobs=1) == [os.getpid()] * 3


@pytest.mark.parametrize("n_jobs", [2, -1, np.int64(2)])
def test_processes_give_the_same_in_the_same_order(n_jobs):
    pytest.importorskip("joblib")
    items, seen = [np.full(3, k) for k in range(20)], []
    results = map_tasks(square, items, n_jobs, report=lambda: seen.append(1))
    np.testing.assert_array_equal(results, [square(item) for item in items])
    assert len(seen) == 20


def test_two_jobs_are_other_processes():
    pytest.importorskip("joblib")
    assert os.getpid() not in map_tasks(process, range(4), n_jobs=2)


def test_what_joblib_was_told_holds():
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert os.getpid() not in map_tasks(process, range(4))
        assert set(map_tasks(process, range(4), n_jobs=1)) == {os.getpid()}
    assert set(map_tasks(process, range(4))) == {os.getpid()}


def test_an_error_in_a_task_comes_out():
    def fails(x):
        raise ArithmeticError(f"task {x}")

    with pytest.raises(ArithmeticError, match="task 7"):
        map_tasks(fails, [7])
    pytest.importorskip("joblib")
    with pytest.raises(ArithmeticError, match="task 7"):
        map_tasks(fails, [7], n_jobs=2)


@pytest.mark.parametrize(
    ("n_jobs", "error", "words"),
    [
        (0, ValueError, "must not be 0"),
        (1.5, TypeError, "got 1.5"),
        ("all", TypeError, "got 'all'"),
        (True, TypeError, "True"),
    ],
)
def test_a_wrong_number_of_jobs_says_what_to_use(n_jobs, error, words):
    with pytest.raises(error, match=words):
        map_tasks(square, [1], n_jobs)


def test_without_joblib_one_job_works_and_two_say_what_to_install():
    code = """
import sys
sys.modules["joblib"] = None
from pellucid.parallel import map_tasks
assert map_tasks(abs, [-1], 1) == [1]
try:
    map_tasks(abs, [-1], 2)
except ModuleNotFoundError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'pellucid[parallel]'" in done.stdout, done.stderr
