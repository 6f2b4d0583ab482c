import copy
import pickle

import numpy as np
import pytest

from pellucid import Tensor, no_grad
from pellucid.watched import Watched

WRITES = """a[0] = 5.0 | a[1:][0] = 5.0 | a.T[0] = 5.0 | a += 1 | a.fill(5) | a.sort() | a.partition(1)
a.put([0], 5.0)
np.copyto(a, 5.0) | np.put(a, 0, 5.0) | np.place(a, a < 9, 5.0) | np.putmask(a, a < 9, 5.0) | np.add.at(a, 0, 1.0)
np.add(a, 1, out=a) | np.cumsum(a, out=a) | np.clip(a, 2, 3, out=a) | a.clip(2, 3, out=a)
np.dot(np.eye(3), a + 1, out=a)
np.reshape(a, (3, 1))[0] = 5.0 | np.multiply(a, 2, a) | np.nan_to_num(a, copy=False) | a.view()[0] = 5.0
np.put_along_axis(a, np.array([0]), 5.0, axis=0) | np.fill_diagonal(np.reshape(a, (3, 1)), 5.0)"""


@pytest.mark.parametrize("write", [w.strip() for line in WRITES.split("\n") for w in line.split("|")])
def test_every_write_is_noticed(write):
    x = Tensor(np.array([3.0, 1.0, 2.0]), requires_grad=True)
    y = np.sum(x * x)
    exec(write, {"a": x.data, "np": np})
    with pytest.raises(RuntimeError, match="written into since"):
        y.backward()


READS = """a + 1 | np.sum(a) | a.sum() | a @ a | np.stack([a, a]) | np.concatenate([a, a]) | np.linalg.norm(a) | a[0]
np.sort(a) | a.copy() | a.astype(float) | a.mean(axis=0) | np.where(a > 1, a, 0) | a.tolist() | np.array(a) | a > 1"""


@pytest.mark.parametrize("read", [r.strip() for line in READS.split("\n") for r in line.split("|")])
def test_reading_gives_plain_results_and_is_no_write(read):
    x = Tensor(np.array([3.0, 1.0, 2.0]), requires_grad=True)
    y = np.sum(x * x)
    found = eval(read, {"a": x.data, "np": np})
    expected = eval(read, {"a": np.array([3.0, 1.0, 2.0]), "np": np})
    np.testing.assert_array_equal(found, expected)
    assert type(found) is type(expected)
    y.backward()


def test_it_is_the_array_of_the_tensor():
    x = Tensor(np.arange(3.0), requires_grad=True)
    assert isinstance(x.data, np.ndarray)
    assert np.shares_memory(x.data, x.numpy())
    assert repr(x.data) == repr(np.arange(3.0))
    assert type(Tensor(np.arange(3.0)).data) is np.ndarray
    assert isinstance(np.sum(x).data, np.float64)
    for twin in (copy.copy(x.data), copy.deepcopy(x.data), pickle.loads(pickle.dumps(x.data))):
        twin[0] = 7.0
        assert x.data[0] == 0.0


def test_the_data_of_a_leaf_can_be_exchanged():
    x = Tensor(np.arange(3.0), requires_grad=True)
    before = np.sum(x * x)
    x.data = np.ones(2)
    assert x.shape == (2,)
    (x * 3.0).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [3, 3])
    with pytest.raises(TypeError, match="data of a result"):
        before.data = np.float64(3.0)
    with pytest.raises(TypeError, match="floating-point"):
        x.data = np.arange(3)


def test_update_by_hand_as_in_pytorch():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    for _ in range(3):
        x.grad = None
        (x * x).sum().backward()
        x.data -= 0.25 * x.grad.data
    np.testing.assert_array_equal(x.data, [0.125, 0.25])
    with no_grad():
        x.data *= 8.0
    np.testing.assert_array_equal(x.numpy(), [1, 2])


def test_the_flat_iterator_is_for_reading():
    x = Tensor(np.arange(3.0), requires_grad=True)
    assert list(x.data.flat) == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        x.data.flat[0] = 1.0


def test_what_is_made_from_it_belongs_to_nobody():
    x = Tensor(np.arange(3.0), requires_grad=True)
    held = np.ascontiguousarray(x.data[::-1])
    y = np.sum(x * x)
    held[0] = 9.0
    y.backward()
    mixed = x.data + x
    assert isinstance(mixed, Tensor) and mixed.requires_grad
    assert not isinstance(np.exp(x.data), Watched)
