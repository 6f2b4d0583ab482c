import gc
import threading

import numpy as np
import pytest

from pellucid import Tensor, grad, primitive
from pellucid.checking import _locked, checked

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def test_the_operation_that_makes_the_first_nan_is_named():
    x = Tensor(np.array([1.0, -1.0]), requires_grad=True)
    with (
        checked(),
        pytest.raises(FloatingPointError, match=r"np.log made the first NaN, from float64\[2\] from -1 to 1"),
    ):
        np.sum(np.log(x) * 2.0)
    np.log(x)


def test_a_nan_that_came_in_is_told_apart():
    x = Tensor(np.array([1.0, np.nan]), requires_grad=True)
    with (
        checked(),
        pytest.raises(FloatingPointError, match="np.multiply passed on a NaN that came in with its argument 0"),
    ):
        x * 2.0
    with checked():
        assert np.nansum(x).item() == 1.0


def test_a_nan_in_a_gradient_names_the_operation():
    x = Tensor(np.array([0.0, 1.0]), requires_grad=True)
    with checked(), pytest.raises(FloatingPointError, match="the gradient of np.multiply made the first NaN"):
        (0.0 * np.sqrt(x)).sum().backward(np.inf)
    with checked(), pytest.raises(FloatingPointError, match="gradient of np.sqrt made the first NaN"):
        np.sum(np.sqrt(x) * np.array([0.0, 1.0])).backward()


def test_primitives_and_writes_are_checked():
    @primitive
    def bad(x):
        return x / x, lambda dy: dy

    x = Tensor(np.zeros(2), requires_grad=True)
    with checked():
        with pytest.raises(FloatingPointError, match="bad made the first NaN"):
            bad(x)
        y = x * 1.0
        with pytest.raises(FloatingPointError, match="NaN"):
            y[0] = np.nan


def test_arrays_that_a_graph_needs_cannot_be_written_into():
    a, x = np.ones(3), Tensor(np.arange(3.0), requires_grad=True)
    view = a[1:]
    with checked():
        y = x * a
        z = np.sum(x[1:] * view)
    for write in ("a[0] = 2.0", "a += 1.0", "view[0] = 3.0", "x.data[0] = 1.0", "y.data[0] = 1.0"):
        with pytest.raises(ValueError, match="read-only"):
            exec(write, {"a": a, "x": x, "view": view, "y": y})
    y.sum().backward()
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 3.0
    z.backward()
    a[0] = view[0] = x.data[0] = 7.0
    np.testing.assert_array_equal(a, [7, 7, 1])
    assert not _locked


def test_locks_go_with_the_graph():
    a, x = np.ones(3), Tensor(np.arange(3.0), requires_grad=True)
    b = np.ones(3)
    b.flags.writeable = False
    with checked():
        y = np.sum(x * a * a[::-1] * b)
    del y
    gc.collect()
    a[0] = 2.0
    assert not b.flags.writeable
    assert not _locked


def test_recorded_writes_still_work():
    def f(x):
        y = x * 1.0
        y[0] = y[1] * y[2]
        y[1:] += y[0]
        return np.sum(y**2)

    at = np.array([1.0, 2.0, 3.0])
    with checked():
        slope = grad(f)(at)
    np.testing.assert_allclose(slope, grad(f)(at))
    at[0] = 2.0


def test_checks_hold_for_one_thread():
    found = []

    def elsewhere():
        found.append(np.log(Tensor(-1.0, requires_grad=True)).item())

    with checked():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert np.isnan(found[0])
