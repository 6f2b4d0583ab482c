"""Arrays of other kinds beside Tensors: read as plain ones where that is what they mean, refused where it is not."""

import operator
import warnings

import numpy as np
import pytest

from pellucid import Tensor, grad, primitive, value_and_grad

x = np.array([1.0, 2.0, 3.0])


class Column:
    """As little of a Series as matters: values, an index, and operators that use it."""

    __array_priority__ = 1000
    __pandas_priority__ = 3000

    def __init__(self, values):
        self.values = np.asarray(values)

    def to_numpy(self):
        return self.values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(getattr(i, "__array_priority__", 0) > self.__array_priority__ for i in inputs):
            return NotImplemented
        raise AssertionError("a Tensor answers for both")

    def __mul__(self, other):
        return NotImplemented if other.__pandas_priority__ > self.__pandas_priority__ else AssertionError


@pytest.mark.parametrize(
    "product",
    [
        lambda c, x: c * x,
        lambda c, x: x * c,
        lambda c, x: np.multiply(c, x),
        lambda c, x: np.multiply(x, c, dtype=np.float64),
        lambda c, x: np.concatenate([x, x])[:3] * c,
        lambda c, x: np.where(x > 0, x, 0.0) * c,
        lambda c, x: np.dot(np.diag([1.0, 1.0, 1.0]), x) * c,
        lambda c, x: primitive(lambda x, c: (x * c, (lambda dy: dy * c, lambda dy: dy * x)))(x, c),
    ],
)
@pytest.mark.parametrize("kind", ["column", "memmap", "recarray", "data of a Tensor"])
def test_a_table_is_read_as_an_array(product, kind, tmp_path):
    values = np.array([4.0, 5.0, 6.0])
    if kind == "memmap":
        table = np.memmap(tmp_path / "file", dtype=float, mode="w+", shape=3)
        table[:] = values
    elif kind == "recarray":
        table = values.view(np.recarray)
    elif kind == "data of a Tensor":
        table = Tensor(values, requires_grad=True).data
    else:
        table = Column(values)
    y, dx = value_and_grad(lambda x: np.sum(product(table, x)))(x)
    assert y == values @ x
    assert type(dx) is np.ndarray and dx.tolist() == values.tolist()


def test_a_table_may_be_a_leaf():
    y, dx = value_and_grad(lambda x: np.sum(x * x))(Column(x))
    assert y == 14.0 and type(dx) is np.ndarray and dx.tolist() == [2.0, 4.0, 6.0]
    assert type(Tensor(Column(x))._array) is np.ndarray


masked = np.ma.masked_array(x, [0, 1, 0])
with warnings.catch_warnings(action="ignore"):
    matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])


class Metres(np.ndarray):
    """An array with a unit."""


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (masked, r"MaskedArray have a meaning of their own.*np\.where\(mask"),
        (matrix, r"np\.asarray\(M\)"),
        (x.view(Metres), r"Metres have a meaning of their own.*np\.asarray\(x\)"),
    ],
)
@pytest.mark.parametrize("operation", [operator.mul, operator.sub, operator.matmul, np.multiply, np.maximum, np.dot])
def test_what_means_something_else_by_its_operators_is_refused(array, message, operation):
    t = Tensor(np.ones(array.shape), requires_grad=True)
    with pytest.raises(TypeError, match=message):
        operation(t, array)
    with pytest.raises(TypeError, match=f"{message}|drop its gradient"):
        operation(array, t)
    with pytest.raises(TypeError, match=message):
        Tensor(array)
    with pytest.raises(TypeError, match=message):
        grad(lambda x: np.sum(x * x))(array)


def test_functions_of_masked_arrays_refuse_tensors():
    for function in (np.ma.exp, np.ma.sum, np.ma.getdata):
        with pytest.raises(TypeError, match="drop its gradient"):
            function(Tensor(x, requires_grad=True))


def test_an_array_of_python_objects_says_so():
    t = Tensor(np.ones(2), requires_grad=True)
    for operation in (operator.matmul, np.dot):
        with pytest.raises(TypeError, match=r"an array of Python objects took part; convert it with .astype\(float\)"):
            operation(np.array([[1, 2.0]], object), t)
    with pytest.raises(TypeError, match=r"holds an array of Python objects: convert it with .astype\(float\)"):
        grad(np.sum)(np.array([1.0, 2.0], object))


def test_sparse_matrices_say_what_to_write():
    sparse = pytest.importorskip("scipy.sparse")
    A, t = sparse.csr_matrix([[1.0, 2.0], [0.0, 3.0]]), Tensor(np.ones(2), requires_grad=True)
    for product in (lambda: t * A, lambda: t @ A, lambda: np.dot(t, A)):
        with pytest.raises(TypeError, match=r"@pellucid.primitive: return A @ x, lambda dy: A.T @ dy"):
            product()
    with pytest.raises(TypeError, match="primitive"):
        A @ t
    multiply = primitive(lambda x: (A @ x, lambda dy: A.T @ dy))
    assert grad(lambda x: np.sum(multiply(x)))(np.ones(2)).tolist() == [1.0, 5.0]
