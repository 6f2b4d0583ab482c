import array as python_arrays
import copy
import ctypes
import json
import math
import random
import struct

import numpy as np
import pytest

from pellucid import Tensor, grad, gradcheck, no_grad
from pellucid.building import array, stack

# array


def test_array_of_tensors_arrays_and_numbers():
    t, v = Tensor(0.5, requires_grad=True), Tensor([1.0, 2.0], requires_grad=True)
    y = array([[t, 3.0], v, (4, t), np.array([5.0, 6.0])])
    np.testing.assert_array_equal(y.data, [[0.5, 3], [1, 2], [4, 0.5], [5, 6]])
    assert y.dtype == np.float64
    np.sum(y * np.arange(8.0).reshape(4, 2)).backward()
    assert t.grad.item() == 0.0 + 5.0
    np.testing.assert_array_equal(v.grad.data, [2, 3])


def test_array_is_one_operation():
    t = Tensor(0.5, requires_grad=True)
    y = array([[t, t * 2.0], [0.0, t]])
    assert y.step.parents[0] == [t, y.step.parents[0][1], None, t]


def test_the_gradient_of_array():
    def rotated(angle, x):
        c, s = np.cos(angle), np.sin(angle)
        return array([[c, -s], [s, c]]) @ array([x[0], x[1] * angle])

    assert gradcheck(rotated, 0.3, np.array([1.0, 2.0]), order=3)
    assert gradcheck(lambda a, b: array([a, [b[0], b[0] * a[1, 0]], b])[..., 1:], np.ones((2, 2)), np.ones((2, 2)))
    assert gradcheck(lambda z, x: array([[z, 1j], [x, z * x]]), 1 + 2j, 0.5, order=2)


def test_generators_and_arrays_of_objects_are_taken_apart():
    v = Tensor([1.0, 2.0], requires_grad=True)
    np.testing.assert_array_equal(grad(lambda v: np.sum(array(x**2 for x in v)))(v.data), [2, 4])
    objects = np.empty((2, 1), object)
    objects[0, 0], objects[1, 0] = v[0], 3.0
    np.testing.assert_array_equal(array(objects).data, [[1], [3]])
    assert array(objects).requires_grad


def test_array_copies():
    a = np.ones(2)
    x = Tensor(a, requires_grad=True)
    for values in (a, x, [a], Tensor(a)):
        assert not np.shares_memory(array(values).numpy(), a)
    assert array(x).requires_grad
    assert array(x) is not x


def test_array_of_plain_values_is_a_leaf_without_a_gradient():
    y = array([[1, 2], [3, 4]])
    assert (y.requires_grad, y.is_leaf, y.dtype) == (False, True, np.int64)
    assert array([True, False]).dtype == np.bool_
    assert array([]).shape == (0,)
    assert array([[], []]).shape == (2, 0)
    assert array([[], []]).dtype == np.float64
    assert array(2.0).shape == ()
    x = Tensor(1.0, requires_grad=True)
    with no_grad():
        assert not array([x, 2.0]).requires_grad
        assert array([x, 2.0], dtype=int).dtype == np.int64


def test_dtypes_of_array():
    single = Tensor(np.float32(1.0), requires_grad=True)
    assert array([single, 1.0, 2, True]).dtype == np.float32
    assert array([single, 1j]).dtype == np.complex64
    assert array([single, np.float64(1.0)]).dtype == np.float64
    assert array([1, 2.5]).dtype == np.float64
    assert array([2.5, 1]).dtype == np.float64
    assert array([single, 1.0], dtype=np.float64).dtype == np.float64
    assert array([Tensor(1.0), 2.0], dtype=np.float32).dtype == np.float32
    np.sum(array([single, 2.0], dtype=np.float64)).backward()
    assert single.grad.dtype == np.float32
    with pytest.raises(TypeError, match=r"an array of int64 has no gradient: detach\(\)"):
        array([single, 1.0], dtype=np.int64)


def test_what_array_cannot_build():
    t = Tensor(1.0, requires_grad=True)
    with pytest.raises(ValueError, match=r"equal shapes: entry \[0\] has shape \(2,\), entry \[1\] has shape \(1,\)"):
        array([[t, t], [t]])
    with pytest.raises(ValueError, match=r"entry \[1\]\[0\] has shape \(\), entry \[1\]\[2\] has shape \(3,\)"):
        array([[t, t, t], [t, t, np.ones(3)]])
    for wrong, name in ((None, "NoneType"), ("a", "str"), ({"a": t}, "dict"), ({1.0}, "set")):
        with pytest.raises(TypeError, match=rf"built from numbers, arrays and Tensors; entry \[1\]\[0\] is {name}"):
            array([[t], [wrong]])


# stack


def test_stack():
    v = Tensor([1.0, 2.0], requires_grad=True)
    y = stack((v * k for k in range(3)), axis=1)
    np.testing.assert_array_equal(y.data, [[0, 1, 2], [0, 2, 4]])
    np.sum(y**2).backward()
    np.testing.assert_array_equal(v.grad.data, [2 * 5 * 1, 2 * 5 * 2])
    np.testing.assert_array_equal(stack([v, [v[1], 7.0]]).data, [[1, 2], [2, 7]])
    assert isinstance(stack([np.ones(2), np.zeros(2)]), Tensor)
    np.testing.assert_array_equal(stack([1.0, 2.0]).data, [1, 2])
    with pytest.raises(ValueError, match="same shape"):
        stack([v, np.ones(3)])
    with pytest.raises(ValueError, match="at least one"):
        stack([])


# The plain forms, which would lose a gradient: each raises, or keeps it.


@pytest.fixture
def t():
    return Tensor(0.5, requires_grad=True)


@pytest.fixture
def v():
    return Tensor([1.0, 2.0], requires_grad=True)


def written(how):
    """A form that writes a Tensor into a plain array, which must stay as it was."""

    def write(t, v):
        a = np.zeros((2, 2))
        try:
            how(a, t, v)
        finally:
            np.testing.assert_array_equal(a, 0)

    return write


def iadd(a, t, v):
    a += t


RAISE = {
    "np.array of a list": lambda t, v: np.array([t, t]),
    "np.array of a list of vectors": lambda t, v: np.array([v, v]),
    "np.array of lists": lambda t, v: np.array([[t, 1.0]]),
    "np.array": lambda t, v: np.array(t),
    "np.array of a vector": lambda t, v: np.array(v),
    "np.array with copy": lambda t, v: np.array(v, copy=True),
    "np.array with dtype": lambda t, v: np.array(v, dtype=np.float32),
    "np.array of objects": lambda t, v: np.array([t, t], dtype=object),
    "np.array of one object": lambda t, v: np.array(t, dtype=object),
    "np.array with words": lambda t, v: np.array([t, "a"]),
    "np.asarray": lambda t, v: np.asarray(t),
    "np.asarray of a list": lambda t, v: np.asarray([t, 1.0]),
    "np.asanyarray": lambda t, v: np.asanyarray(v),
    "np.ascontiguousarray": lambda t, v: np.ascontiguousarray(v),
    "np.asfortranarray": lambda t, v: np.asfortranarray(v),
    "np.asarray_chkfinite": lambda t, v: np.asarray_chkfinite(v),
    "np.require": lambda t, v: np.require(v),
    "np.ma.array": lambda t, v: np.ma.array(v),
    "np.full": lambda t, v: np.full(3, t),
    "np.full with dtype": lambda t, v: np.full(3, t, dtype=float),
    "np.full of a vector": lambda t, v: np.full((3, 2), v),
    "np.full_like": lambda t, v: np.full_like(np.ones(2), t),
    "np.arange": lambda t, v: np.arange(t),
    "np.arange with a step": lambda t, v: np.arange(0, 1, t),
    "np.mgrid": lambda t, v: np.mgrid[0:t],
    "np.r_": lambda t, v: np.r_[v, 1.0],
    "np.c_": lambda t, v: np.c_[v, v],
    "np.float64": lambda t, v: np.float64(t),
    "np.float64 of a vector": lambda t, v: np.float64(v),
    "np.float32": lambda t, v: np.float32(t),
    "np.complex128": lambda t, v: np.complex128(t),
    "float": lambda t, v: float(t),
    "int": lambda t, v: int(t),
    "complex": lambda t, v: complex(t),
    "complex of two": lambda t, v: complex(t, 1.0),
    "math.sin": lambda t, v: math.sin(t),
    "math.floor": lambda t, v: math.floor(t),
    "math.isfinite": lambda t, v: math.isfinite(t),
    "math.fsum": lambda t, v: math.fsum([t, t]),
    "array.array": lambda t, v: python_arrays.array("d", v),
    "ctypes": lambda t, v: ctypes.c_double(t),
    "per cent": lambda t, v: "%.3f" % t,  # noqa: UP031
    "np.random.normal": lambda t, v: np.random.normal(t),
    "rng.normal": lambda t, v: np.random.default_rng(0).normal(t, 1.0),
    "rng.normal of a vector": lambda t, v: np.random.default_rng(0).normal(0.0, v),
    "rng.uniform": lambda t, v: np.random.default_rng(0).uniform(0.0, t),
    "rng.poisson": lambda t, v: np.random.default_rng(0).poisson(v),
    "rng.choice": lambda t, v: np.random.default_rng(0).choice(2, p=v),
    "rng.permutation": lambda t, v: np.random.default_rng(0).permutation(v),
    "np.vectorize": lambda t, v: np.vectorize(lambda x: x)(v),
    "np.frompyfunc": lambda t, v: np.frompyfunc(lambda x: x, 1, 1)(v),
    "np.ndenumerate": lambda t, v: list(np.ndenumerate(v)),
    "np.sum of a list": lambda t, v: np.sum([t, t]),
    "np.sin of a list": lambda t, v: np.sin([t, t]),
    "np.dot of a list": lambda t, v: np.dot([t, t], [1.0, 2.0]),
    "np.stack of lists": lambda t, v: np.stack([[t, t], [t, t]]),
    "an array plus a list": lambda t, v: np.zeros(2) + [t, t],
    "a Tensor plus a list": lambda t, v: v + [t, t],
    "np.Polynomial": lambda t, v: np.polynomial.Polynomial(v),
    "Polynomial at": lambda t, v: np.polynomial.Polynomial([1.0, 2.0])(t),
    "Tensor": lambda t, v: Tensor(t),
    "Tensor of a list": lambda t, v: Tensor([t, t]),
    "array.dot": lambda t, v: np.ones(2).dot(v),
    "array.searchsorted": lambda t, v: np.ones(2).searchsorted(v),
    "a[...] = t": written(lambda a, t, v: a.__setitem__(..., t)),
    "a[:] = v": written(lambda a, t, v: a.__setitem__(slice(None), v)),
    "a[0] = v": written(lambda a, t, v: a.__setitem__(0, v)),
    "a[mask] = t": written(lambda a, t, v: a.__setitem__(a == 0, t)),
    "a[0] = [t, t]": written(lambda a, t, v: a.__setitem__(0, [t, t])),
    "a += t": written(iadd),
    "a.flat = v": written(lambda a, t, v: setattr(a, "flat", v)),
    "a.real = v": written(lambda a, t, v: setattr(a, "real", v)),
    "a.put": written(lambda a, t, v: a.put([0], t)),
    "np.put": written(lambda a, t, v: np.put(a, [0], t)),
    "np.copyto": written(lambda a, t, v: np.copyto(a, v)),
    "np.place": written(lambda a, t, v: np.place(a, a == 0, v)),
    "np.putmask": written(lambda a, t, v: np.putmask(a, a == 0, v)),
    "np.fill_diagonal": written(lambda a, t, v: np.fill_diagonal(a, t)),
    "np.put_along_axis": written(lambda a, t, v: np.put_along_axis(a, np.array([[0], [0]]), t, 1)),
    "np.add.at": written(lambda a, t, v: np.add.at(a, [0], t)),
    "out=": written(lambda a, t, v: np.add(v, v, out=a)),
    "out= of a sum": written(lambda a, t, v: np.sum(v, out=a[0, :1].reshape(()))),
}


@pytest.mark.parametrize("form", RAISE)
def test_a_plain_form_raises_and_says_that_a_gradient_would_be_lost(form, t, v):
    with pytest.raises(TypeError, match="gradient|out="):
        RAISE[form](t, v)


UNRECORDED = (
    "np.array of a list", "np.array of lists", "np.array", "np.asarray", "np.full", "np.arange", "np.float64", "float",
    "int", "complex", "math.sin", "rng.normal", "np.vectorize", "np.sum of a list", "an array plus a list",
)  # fmt: skip


@pytest.mark.parametrize("form", UNRECORDED)
def test_where_nothing_is_recorded_it_is_numpy_s(form, t, v):
    with no_grad():
        found = RAISE[form](t, v)
    np.testing.assert_array_equal(found, RAISE[form](t.item(), v.numpy()))
    constants = RAISE[form](Tensor(0.5), Tensor([1.0, 2.0]))
    np.testing.assert_array_equal(constants, found)


IN_A_VALUE_ERROR = {  # NumPy puts an error of its own in front of the one that tells what to do
    "a[0, 0] = t": written(lambda a, t, v: a.__setitem__((0, 0), t)),
    "a.fill": written(lambda a, t, v: a.fill(t)),
    "np.fromiter": lambda t, v: np.fromiter([t, t], float),
    "np.fromiter of a vector": lambda t, v: np.fromiter((x for x in v), float),
    "a.sum(initial=t)": lambda t, v: np.ones(2).sum(initial=t),
}


@pytest.mark.parametrize("form", IN_A_VALUE_ERROR)
def test_where_numpy_speaks_first_the_cause_says_it(form, t, v):
    with pytest.raises(ValueError) as error:
        IN_A_VALUE_ERROR[form](t, v)
    causes = [error.value.__cause__, getattr(error.value.__cause__, "__cause__", None)]
    assert any(isinstance(cause, TypeError) and "gradient" in str(cause) for cause in causes)


def test_a_place_in_flat_takes_no_tensor(t, v):
    with pytest.raises(ValueError, match="Error setting single item"):  # NumPy leaves no cause behind
        written(lambda a, t, v: a.flat.__setitem__(0, t))(t, v)


REFUSED_BY_PYTHON = {  # not numbers to them
    "json": lambda t, v: json.dumps([t]),
    "struct": lambda t, v: struct.pack("d", t),
    "memoryview": lambda t, v: memoryview(v),
    "bytes": lambda t, v: bytes(v),
    "np.frombuffer": lambda t, v: np.frombuffer(v),
    "range": lambda t, v: range(t),
    "np.zeros": lambda t, v: np.zeros(t),
    "an index": lambda t, v: [1, 2][t],
}


@pytest.mark.parametrize("form", REFUSED_BY_PYTHON)
def test_what_is_no_number_to_python_raises(form, t, v):
    with pytest.raises((TypeError, struct.error)):
        REFUSED_BY_PYTHON[form](t, v)


def test_pictures_of_a_tensor_are_no_values(t, v):
    assert f"{t:.3f} {t:8.2e} {v}" == "0.500 5.00e-01 Tensor([1., 2.], requires_grad=True)"
    assert format(t, "+.0%") == "+50%"
    assert str(t) == repr(t) == f"{t!r}"
    assert np.array2string(v) == "[1. 2.]"
    assert "%s" % t == str(t)  # noqa: UP031


KEPT = {
    "Python's sum": (lambda t, v: sum([t, t * 2]), 3.0),
    "Python's max": (lambda t, v: max(t, t * 2), 2.0),
    "Python's sorted": (lambda t, v: sorted([t * 3, t])[0], 1.0),
    "pow": (lambda t, v: pow(t, 2), 1.0),
    "divmod": (lambda t, v: divmod(t, 2)[1], 1.0),
    "random.gauss": (lambda t, v: random.gauss(t, 0.0), 1.0),
    "a copy": (lambda t, v: copy.copy(t * 1.0), 1.0),
    "np.concatenate": (lambda t, v: np.sum(np.concatenate([v, np.reshape(t, 1)])), 1.0),
    "np.append": (lambda t, v: np.sum(np.append(np.ones(2), t)), 1.0),
    "np.where": (lambda t, v: np.sum(np.where([True, False], t, v)), 1.0),
    "np.poly1d": (lambda t, v: np.poly1d(np.stack([t, t]))(3.0), 4.0),
    "np.fromfunction": (lambda t, v: np.sum(np.fromfunction(lambda i: i * t, (3,))), 3.0),
    "an array of objects": (lambda t, v: objects(t, 3.0).sum() + objects(t, 1.0) @ np.ones(2), 2.0),
    "an array times it": (lambda t, v: np.sum(np.ones(3) * t), 3.0),
    "writing into a Tensor": (lambda t, v: np.sum(filled(Tensor(np.zeros(3)), t)), 3.0),
}


def objects(*entries):
    a = np.empty(len(entries), object)
    for i, x in enumerate(entries):
        a[i] = x
    return a


def filled(x, value):
    x[:] = value
    return x


@pytest.mark.parametrize("form", KEPT)
def test_a_plain_form_keeps_the_gradient(form, t, v):
    f, slope = KEPT[form]
    f(t, v).backward()
    assert t.grad.item() == slope


SPACES = {
    "np.linspace": lambda a, b: np.linspace(a, b, 5),
    "np.geomspace": lambda a, b: np.geomspace(a, b, 5),
    "np.logspace": lambda a, b: np.logspace(a, b, 5),
}


@pytest.mark.parametrize("form", SPACES)
def test_spaces_between_tensors_raise_or_keep_the_gradient(form, t):
    try:
        y = SPACES[form](t, 2.0)
    except TypeError as error:
        assert "gradient" in str(error)
    else:
        assert y.requires_grad
        assert gradcheck(SPACES[form], 0.5, 2.0)
