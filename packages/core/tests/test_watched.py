import copy
import pickle
import weakref

import numpy as np
import pytest

from pellucid import Tensor, checked, no_grad
from pellucid.watched import AS_THEY_ARE, Watched

WRITES = """a[0] = 5.0 | a[1:][0] = 5.0 | a.T[0] = 5.0 | a[None][0] = 5.0 | a[a > 1] = 5.0 | a.flat = 5.0 | a.real = 5.0
a.real[0] = 5.0 | a.real += 1 | a.view()[0] = 5.0 | a.view(np.int64)[0] = 5 | a.ravel()[0] = 5.0 | a.squeeze()[0] = 5.0
a.reshape(3, 1).T[0] = 5.0 | a.astype(float, copy=False)[0] = 5.0 | a.conj()[0] = 5.0 | a.getfield(float)[0] = 5.0
for row in a.reshape(3, 1): row[0] = 5.0
a += 1 | a -= 1 | a *= 2 | a /= 2 | a //= 2 | a %= 2 | a **= 2 | a @= 2 * np.eye(3) | x.data += 1 | x.data[1:] *= 2
a.fill(5) | a.sort() | a.partition(1) | a.put([0], 5.0) | a.setfield(5.0, float) | a.byteswap(True)
a.clip(2, 3, out=a) | a.clip(2, 3, a) | a.cumsum(0, None, a) | a.take([1, 0, 1], None, a) | a.take([1, 0, 1], out=a)
a.dot(2 * np.eye(3), a) | a.compress([1, 1, 1], None, a[::-1]) | a.reshape(1, 3).prod(1, None, a[:1])
np.copyto(a, 5.0) | np.copyto(src=5.0, dst=a) | np.put(a, 0, 5.0) | np.place(a, a < 9, 5.0) | np.putmask(a, a < 9, 5.0)
np.put_along_axis(a, np.array([0]), 5.0, axis=0) | np.fill_diagonal(np.reshape(a, (3, 1)), 5.0) | np.add.at(a, 0, 1.0)
np.nan_to_num(a, copy=False, nan=1) | np.nan_to_num(a, False) | np.median(a, None, None, True)
np.quantile(a, 0.5, overwrite_input=True) | np.random.default_rng(0).shuffle(a.reshape(3, 1))
np.add(a, 1, out=a) | np.multiply(a, 2, a) | np.divmod(b, 2.0, b, a) | np.divmod(b, 2.0, out=(b, a)) | np.modf(b / 3, a)
np.add.reduce(np.ones((2, 3)), 0, None, a) | np.add.accumulate(b, 0, None, a) | np.add(a, Tensor([1.0] * 3), out=a)
np.copyto(a, Tensor([5.0, 5.0, 5.0])) | np.clip(Tensor([5.0, 5.0, 5.0]), 0, 9, a) | a[:] = Tensor([5.0, 5.0, 5.0])
np.cumsum(a, out=a) | np.clip(a, 2, 3, out=a) | np.dot(np.eye(3), a + 1, out=a)
np.cumsum(b, None, None, a) | np.clip(b, 0, 1, a) | np.dot(np.eye(3), b + 1, a) | np.take(b, [1, 0, 1], None, a)
np.sum(np.ones((2, 3)), 0, None, a) | np.mean(np.ones((2, 3)), 0, None, a) | np.max(np.ones((2, 3)), 0, a)
np.outer([2.0], b, a.reshape(1, 3)) | np.concatenate([b[:2] + 1, b[2:]], 0, a) | np.stack([5.0, 6.0, 7.0], 0, a)
np.median(np.ones((2, 3)), 0, a) | np.quantile(np.ones((2, 3)), 0.5, 0, a) | np.round(b + 0.6, 0, a)
np.choose([0, 0, 1], [b + 1, b], a) | np.compress([1, 1, 1], b + 1, None, a) | np.einsum("i->i", b + 1, out=a)
np.reshape(a, (3, 1))[0] = 5.0 | np.atleast_1d(a, b)[0][0] = 5.0 | np.broadcast_arrays(a)[0][0] = 5.0
np.ix_(a)[0][0] = 5.0 | np.split(a, 3)[0][...] = 5.0 | np.array_split(a, 2)[1][0] = 5.0 | np.hsplit(a, 3)[0][...] = 5.0
np.vsplit(a.reshape(3, 1), 3)[0][0] = 5.0 | np.dsplit(a.reshape(1, 1, 3), 3)[0][...] = 5.0 | np.flip(a)[0] = 5.0
np.moveaxis(a.reshape(3, 1), 0, 1)[0] = 5.0 | np.einsum("i->i", a)[0] = 5.0
h.numpy()[:] = 0.0 | h.data[:] = 0.0 | h.data *= 0.0 | h.detach().data[0] = 5.0 | np.ma.asarray(a)[0] = 5.0
np.meshgrid(a, b, copy=False, sparse=True)[0][0] = 5.0
(np.unstack if hasattr(np, "unstack") else list)(a[None])[0][0] = 5.0
Tensor(a)[1:].data[0] = 5.0 | Tensor(a).numpy()[0] = 5.0"""


@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("write", [w.strip() for line in WRITES.split("\n") for w in line.split("|")])
def test_every_write_is_noticed(write, requires_grad):
    x = Tensor(np.array([3.0, 1.0, 2.0]), requires_grad=requires_grad)
    y = np.sum(x * Tensor(np.ones(3), requires_grad=True) * x)
    exec(write, {"a": x.data, "b": np.array([3.0, 1.0, 2.0]), "h": x.detach(), "x": x, "np": np, "Tensor": Tensor})
    with pytest.raises(RuntimeError, match="written into since"):
        y.backward()


@pytest.mark.parametrize("write", ["a.real = 5.0", "a.imag = 5.0", "a.imag[0] = 5.0", "np.imag(a)[0] = 5.0"])
def test_writes_into_parts_of_complex_values_are_noticed(write):
    x = Tensor(np.array([3.0 + 1.0j, 1.0]), requires_grad=True)
    y = np.sum(np.abs(x * x))
    exec(write, {"a": x.data, "np": np})
    assert 5.0 in x.data.view(float)
    with pytest.raises(RuntimeError, match="written into since"):
        y.backward()


def test_all_that_an_array_can_do_is_known():
    members = {name for name in vars(np.ndarray) if name[0] != "_" or name[3:-2] in OPERATORS}
    assert members <= vars(Watched).keys() | AS_THEY_ARE | ATTRIBUTES


OPERATORS = "add sub mul truediv floordiv mod pow matmul lshift rshift and or xor".split()  # in-place, or reflected
ATTRIBUTES = set("ndim flags shape strides data itemsize size nbytes base dtype ctypes T mT device".split())
ATTRIBUTES |= {"itemset", "newbyteorder", "ptp"}  # NumPy 2.0 has these only to say that they are gone


READS = """a + 1 | np.sum(a) | a.sum() | a @ a | np.stack([a, a]) | np.concatenate([a, a]) | np.linalg.norm(a) | a[0]
np.sort(a) | a.copy() | a.astype(float) | a.mean(axis=0) | np.where(a > 1, a, 0) | a.tolist() | np.array(a) | a > 1
a[[0, 1]] | a[a > 1] | a.reshape(3, 1)[:, [0, 0]] | a.take([0]) | a.repeat(2) | a.flatten()
a[::-1].reshape(3, 1).ravel() | a.argsort() | a.dot(a) | a.dot(np.eye(3)) | np.eye(3).dot(a) | a.round() | np.asarray(a)
a.nonzero()[0] | a.compress([1, 0, 1]) | a.imag | a.byteswap() | 1 / a | 2**a | -a | abs(a) | divmod(a, 2)[0] | 2.0 in a
np.float64(2.0) * a | [1, 2, 3] + a | list(a) | a * np.matrix(np.eye(3)) | a == a
(a + np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])).mask | f"{a}" | str(a) | a.var() | np.unique(a) | np.shape(a)
np.copyto(b, a) | np.copyto(b, a, where=a > 1) | np.put(b, [0], a) | np.place(b, b > 0, a) | np.putmask(b, b > 0, a)
np.put_along_axis(b, np.array([0]), a[:1], 0) | np.fill_diagonal(np.eye(3), a) | np.nan_to_num(a) | np.add(a, 1, out=b)
np.clip(a, 0, 1, b) | a.cumsum(0, None, b) | np.add.at(b, [0], a[:1]) | np.median(a) | np.quantile(a, 0.5)
np.dot(np.eye(3), a, b) | np.einsum("i,i", a, a) | np.vectorize(abs)(a) | np.random.default_rng(0).permutation(a)"""


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("read", [r.strip() for line in READS.split("\n") for r in line.split("|")])
def test_reading_gives_plain_results_and_is_no_write(read, requires_grad):
    x = Tensor(np.array([3.0, 1.0, 2.0]), requires_grad=requires_grad)
    y = np.sum(x * Tensor(np.ones(3), requires_grad=True) * x)
    found = eval(read, {"a": x.data, "b": np.zeros(3), "np": np})
    expected = eval(read, {"a": np.array([3.0, 1.0, 2.0]), "b": np.zeros(3), "np": np})
    np.testing.assert_array_equal(found, expected)
    assert type(found) is type(expected)
    y.backward()


def test_it_is_the_array_of_the_tensor():
    x = Tensor(np.arange(3.0), requires_grad=True)
    assert isinstance(x.data, np.ndarray)
    assert np.shares_memory(x.data, x.numpy())
    assert repr(x.data) == repr(np.arange(3.0))
    constant = np.arange(3.0)
    assert isinstance(Tensor(constant).data, Watched) and np.shares_memory(Tensor(constant).data, constant)
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
    x.data = x.data[::-1]  # not what it was
    x.data[0] = 7.0
    np.testing.assert_array_equal(x.data[::-1], [1, 7])
    result, number = x * 1.0, Tensor(2.0)
    with pytest.raises(TypeError, match="data of a result"):
        result.data = result.data[::-1]
    result.data += 1.0
    number.data -= 0.5
    assert result.data.tolist() == [8, 2] and number.item() == 1.5


def test_a_part_may_be_written_into_after_its_tensor_is_gone_or_has_another_array():
    for gone in (lambda x: Tensor(x.data), lambda x: (x, setattr(x, "data", np.zeros(3)))[0]):
        held = np.arange(3.0)
        x = Tensor(held)
        data = x.data
        y = np.sum(x * Tensor(np.ones(3), requires_grad=True))
        x = gone(x)
        data[1:][0] = 5.0
        assert held[1] == 5.0
        with pytest.raises(RuntimeError, match="written into since"):
            y.backward()


def test_it_keeps_no_graph():
    x = Tensor(np.arange(3.0), requires_grad=True)
    y = np.exp(x)
    data, node = y.data, weakref.ref(y.step)
    del y
    assert node() is None
    np.testing.assert_array_equal(data, np.exp([0.0, 1.0, 2.0]))


def test_a_write_that_raises_half_way_is_noticed():
    x = Tensor(np.arange(3.0), requires_grad=True)
    y = np.sum(x * x)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        x.data /= 0.0
    with pytest.raises(RuntimeError, match="written into since"):
        y.backward()


def test_what_is_given_as_out_comes_back():
    x = Tensor(np.arange(3.0))
    a, b = x.data, np.zeros(3)
    assert np.add(a, 1, out=a) is a and np.clip(a, 0, 1, a) is a and a.clip(0, 1, out=a) is a and a.cumsum(out=b) is b
    whole, rest = np.divmod(b, 2.0, a, b)
    assert whole is a and rest is b
    a_before = a
    a += 1
    assert a is a_before


def test_what_numpy_tells_nobody_of_is_locked_while_checked():
    x = Tensor(np.arange(3.0), requires_grad=True)
    with checked():
        y = np.sum(x * x)
        for write in (
            lambda: np.asarray(x.data).fill(5),
            lambda: np.eye(3).dot(np.ones(3), out=x.data),
            lambda: np.random.default_rng(0).random(out=x.data),
            lambda: np.lib.stride_tricks.as_strided(x.data, (2,), (8,)).fill(5),
            lambda: memoryview(x.data).__setitem__(0, 5.0),
            lambda: np.nditer(x.data, op_flags=["readwrite"]),
        ):
            with pytest.raises((ValueError, TypeError)):
                write()
        y.backward()
    np.testing.assert_array_equal(x.grad.data, [0, 2, 4])


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
