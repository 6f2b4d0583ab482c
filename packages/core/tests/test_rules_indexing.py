"""The rules of x[index], take, take_along_axis and trim_zeros: against finite differences and by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import NoRuleError, Tensor, grad, gradcheck, rulecheck, vjp
from pellucid.rules.indexing import Scattered, add_at, reads_once, scatter

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
T = rng.normal(size=(2, 3, 4))
v = rng.normal(size=5)
number = np.array(1.7)
CASES = {}


def bent(y):
    """y + y²: a linear function alone would have no second derivative to look at."""
    return type(y)([bent(part) for part in y]) if isinstance(y, list | tuple) else y + y * y


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


INDICES = {
    "integer": 1,
    "negative integer": -2,
    "NumPy integer": np.int64(1),
    "integers": (1, 2, -1),
    "slice": slice(1, None),
    "negative step": (slice(None), slice(None, None, -2)),
    "empty slice": (0, slice(2, 2)),
    "far slice": slice(-9, 9),
    "ellipsis": (..., 1),
    "only an ellipsis": ...,
    "nothing": (),
    "None": None,
    "None between": (slice(None), None, ..., 0),
    "list": [1, 0],
    "list with duplicates": [1, 1, -1, 0],
    "list in a tuple": (slice(None), [2, 2, -1, 0]),
    "array in the middle": (slice(None), np.array([[0, 2], [2, 2]]), slice(1, 3)),
    "tuple in a tuple": ((0, 0), slice(1)),
    "range": range(-2, 2),
    "0-d array": (np.array(1), np.array(0)),
    "array of two axes": np.array([[0, 1], [1, 1]]),
    "small integers": np.array([0, 1, 1], np.int8),
    "unsigned integers": np.array([0, 1, 1], np.uint32),
    "empty list": [],
    "empty array": np.zeros((0, 2), int),
    "pairs": ([0, 0, 1], [1, 1, 2]),
    "triples": ([0, 0, 1, 0], [1, 1, 2, 1], [3, -1, 0, 3]),
    "broadcast arrays": (np.array([[0], [1]]), np.array([0, 2, 2])),
    "arrays apart": ([0, 0, 1], slice(None), [1, 1, 3]),
    "array and integer apart": ([0, 0, 1], slice(None), 1),
    "array after None": (None, [1, 1], ..., [0, 0]),
    "ix_": np.ix_([0, 1, 1], [2, 0], [3, 3, 1]),
    "ix_ of two": np.ix_([1, 1], [2, 0, 2]),
    "mask": T > 0,
    "mask of nothing": T > 99,
    "mask of rows": np.array([False, True]),
    "list of truth values": [True, False],
    "mask and slice": (T[:, :, 0] > 0, slice(1, 3)),
    "slice and mask": (slice(None), np.array([True, False, True])),
    "mask and integer": (np.array([True, True]), 1),
    "mask and integers": (np.array([True, True]), [2, 2]),
    "two masks": (np.array([True, True]), np.array([True, False, True])),
    "True": True,
    "False": False,
    "NumPy truth": np.True_,
    "0-d mask": np.array(True),
    "True and slice": (True, slice(1)),
    "0-d mask and integers": (np.array(True), [1, 1, 0]),
}
for name, index in INDICES.items():
    case(f"index {name}", lambda x, i=index: x[i], T)
case("index of a number", lambda x: [x[...], x[()], x[None], x[None][0], x[True]], number)
case("index of a vector by a matrix", lambda x: x[np.array([[0, 1, 1], [4, -1, 1]])], v)
case("index of a vector by all of it twice", lambda x: x[[0, 1, 2, 3, 4, 4, 3, 2, 1, 0]], v)
case("iteration", lambda x: [row * row[0] for row in x], A)
case("unpacking", lambda x: [a * b for a, b, _ in [x]], A)
case("index twice", lambda x: x[[0, 0, 2]][:, [1, 1]] * x[0, 0], A)

for axis in (None, 0, 1, -1):
    for mode, indices in {
        "raise": [0, 1, 1, -2],
        "wrap": [[0, 13], [-5, 5]],
        "clip": [[0, 13, 1], [-5, 5, 1]],
    }.items():
        case(f"take {axis} {mode}", lambda x, i=indices, axis=axis, m=mode: np.take(x, i, axis=axis, mode=m), T)
    case(f"take one {axis}", lambda x, axis=axis: np.take(x, 1, axis), T)
    case(f"take one from the end {axis}", lambda x, axis=axis: np.take(x, np.array(-1), axis, None), T)
    case(f"take nothing {axis}", lambda x, axis=axis: np.take(x, np.zeros((0, 2), int), axis), T)
case("take 0 or 1 for False or True", lambda x: np.take(x, [True, False, True], axis=0), A)
case("take of a number", lambda x: np.take(x, [0, 0]), number)
case("take of a number along an axis", lambda x: np.take(x, [0, 0], axis=0), number)
case("take the method", lambda x: x.take([0, 0], axis=1), A)

for axis in (0, 1, -1):
    order = np.argsort(T, axis=axis)
    case(f"take_along_axis {axis}", lambda x, o=order, i=axis: np.take_along_axis(x, o, axis=i), T)
    one = np.zeros([1 if i == axis % 3 else n for i, n in enumerate(T.shape)], int)
    case(f"take_along_axis one {axis}", lambda x, o=one, i=axis: np.take_along_axis(x, o, i), T)
try:
    np.take_along_axis(A, np.array([[0]]))
except TypeError:
    pass
else:  # NumPy 2.3
    case("take_along_axis by default", lambda x: np.take_along_axis(x, np.array([[2, 2], [0, 1], [3, 3]])), A)
    case("take_along_axis by default of three axes", lambda x: np.take_along_axis(x, np.array([[[2, 2]]])), T)
case("take_along_axis broadcast", lambda x: np.take_along_axis(x, np.array([[0], [1], [1]]), axis=1), A[:1])
case("take_along_axis twice", lambda x: np.take_along_axis(x, np.array([[0, 0, -1, 2, 0]]), axis=1), A)
case("take_along_axis flat", lambda x: np.take_along_axis(x, np.array([5, 5, -1]), axis=None), A)

for axis in (None, 0, 1, -1):  # what keeps each value once or never
    case(f"delete {axis}", lambda x, i=axis: np.delete(x, [1, -1], axis=i), T)
    case(f"compress {axis}", lambda x, i=axis: np.compress([False, True], x, axis=i), T)
case("compress of a number along an axis", lambda x: np.compress([True], x, axis=0), number)

zeros_around = np.array([0.0, 0.0, 1.0, 0.0, 2.0, 0.0])
for trim in ("fb", "f", "b", "B"):
    case(f"trim_zeros {trim}", lambda x, t=trim: np.trim_zeros(x * (zeros_around != 0), t), zeros_around)
case("trim_zeros of a number", lambda a: np.trim_zeros(a) * 2.0, np.array(2.0))
case("trim_zeros nothing to trim", np.trim_zeros, v)
case("trim_zeros all", lambda x: np.trim_zeros(x * 0.0), v)
try:
    np.trim_zeros(A)
except ValueError:
    pass
else:  # NumPy 2.2
    padded = np.pad(A, ((1, 2), (3, 1)))
    for axis in (None, 0, -1, (1, 0), (), (-2,)):
        case(f"trim_zeros axis {axis}", lambda x, i=axis: np.trim_zeros(x * (padded != 0), axis=i), padded)
    case("trim_zeros front of an axis", lambda x: np.trim_zeros(x * (padded != 0), "f", axis=1), padded)
    case("trim_zeros all of an axis", lambda x: np.trim_zeros(x * 0.0, axis=1), A)


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    if xs[0] is number:  # it has no order in memory
        assert gradcheck(lambda x: bent(f(x)), *xs, order=2)
    else:
        assert rulecheck(lambda x: bent(f(x)), *xs)


@pytest.mark.parametrize("name", [name for name in CASES if "list" in name or "take" in name or "mask" in name])
def test_rule_of_complex_numbers(name):
    f, (x,) = CASES[name]
    if x is not number:
        assert rulecheck(lambda x: bent(f(x)), x + 1j * rng.normal(size=x.shape))


@pytest.mark.parametrize("name", INDICES)
def test_every_place_gets_one_for_each_time_that_it_was_read(name):
    index, expected = INDICES[name], np.zeros(T.size)
    for place in np.ravel(np.arange(T.size).reshape(T.shape)[index]):
        expected[place] += 1
    with warnings.catch_warnings(action="error"):
        dx = grad(lambda x: np.sum(x[index]))(T)
    np.testing.assert_array_equal(dx, expected.reshape(T.shape))


places = st.one_of(
    st.integers(-2, 1),
    st.slices(2),
    st.lists(st.integers(-2, 1), min_size=3, max_size=3),
    st.just(np.array([[0], [1]])),
    st.just(np.array([True, False])),
    st.just(None),
)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.lists(places, max_size=4), st.integers(0, 2))
def test_indices_at_random(index, at):
    x = np.arange(1.0, 17.0).reshape(2, 2, 2, 2)
    if sum(i is not None for i in index) < 4:
        index.insert(at, ...)
    try:
        expected = x[tuple(index)]
    except IndexError:  # a mask and a list of other lengths
        with pytest.raises(IndexError):
            Tensor(x, requires_grad=True)[tuple(index)]
        return
    assert rulecheck(lambda x: x[tuple(index)] ** 2, x)
    counts = np.bincount(expected.ravel().astype(int) - 1, minlength=16).reshape(x.shape)
    np.testing.assert_array_equal(grad(lambda x: np.sum(x[tuple(index)]))(x), counts)


# How gradients are added up


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize(
    ("shape", "index"),
    [
        ((50,), rng.integers(0, 50, 300)),
        ((50,), rng.integers(-50, 50, (30, 10))),
        ((50, 3), rng.integers(0, 50, 40)),
        ((50, 3), rng.integers(0, 50, 2)),
        ((5, 6), (rng.integers(0, 5, 99), rng.integers(0, 6, 99))),
        ((5, 6, 2), (slice(1, 4), rng.integers(0, 6, 99))),
        ((5, 6, 2), (rng.integers(0, 5, 9), slice(2), rng.integers(0, 2, (4, 1)))),
    ],
)
def test_gradients_of_reads_add_to_what_is_there(shape, index, dtype, order):
    have = np.asarray(rng.normal(size=shape), dtype, order)
    values = rng.normal(size=have[index].shape).astype(dtype)
    expected = have.copy()
    for place, value in zip(np.arange(have.size).reshape(shape)[index].ravel(), values.ravel(), strict=True):
        expected[np.unravel_index(place, shape)] += value
    add_at(have, index, values)
    assert have.dtype == dtype
    np.testing.assert_allclose(have, expected, rtol=1e-5, atol=1e-5)


def test_reads_add_to_a_sum_in_fortran_order():
    w = rng.normal(size=(4, 3))
    dx = grad(lambda x: np.sum(x[[0, 0, 2, 1, 1]]) + np.sum(x.T * w))(A)  # the product is younger: it comes first
    np.testing.assert_allclose(dx, w.T + np.array([2, 2, 1])[:, None])


def test_indices_that_cannot_name_a_place_twice():
    assert all(
        reads_once(i) for i in (0, np.int8(1), slice(3), True, np.True_, None, ..., (), (0, None, ..., slice(1)))
    )
    assert all(reads_once(i) for i in (T > 0, (slice(1), np.array([True, False])), np.array(True)))
    assert not any(reads_once(i) for i in ([0, 1], (0, [1]), np.array(1), (slice(None), np.array([1, 2]), 0)))
    assert not any(reads_once(i) for i in (range(3), [True, False], (None, (0, 0))))


def test_a_read_waits_for_what_it_is_added_to():
    for dy in (np.ones(2), np.float64(1.0), np.float32(1.0)):
        assert isinstance(scatter(dy, slice(2), v), Scattered)
    assert isinstance(scatter(Tensor(np.ones(2), requires_grad=True), slice(2), v), Tensor)


def test_a_thousand_reads_of_an_array_cost_one_array_of_zeros(monkeypatch):
    made = []
    zeros = Scattered.zeros
    monkeypatch.setattr(Scattered, "zeros", lambda self: made.append(self.shape) or zeros(self))
    x = Tensor(np.ones(1000), requires_grad=True)
    sum([x[i] for i in range(1000)]).backward()
    assert made == [(1000,)]
    np.testing.assert_array_equal(x.grad.data, np.ones(1000))


# What has no derivative


def test_a_tensor_can_be_an_index():
    x = Tensor(T, requires_grad=True)
    i, mask = Tensor(np.array([1, 1])), Tensor(T[:, :, 0] > 0)
    for index, plain in (
        (i, [1, 1]),
        ((0, i), (0, [1, 1])),
        (mask, T[:, :, 0] > 0),
        (np.ix_(i, [2]), np.ix_([1, 1], [2])),
    ):
        np.testing.assert_array_equal(x[index].data, T[plain])
        dx = grad(lambda x, i=index: np.sum(x[i] ** 2))(T)
        np.testing.assert_array_equal(dx, grad(lambda x, i=plain: np.sum(x[i] ** 2))(T))
    assert grad(lambda x: np.sum(np.take(x, i, axis=1)))(T)[0, 1, 0] == 2
    assert grad(lambda x: np.sum(np.take_along_axis(x, Tensor(np.zeros((2, 3, 2), int)), axis=2)))(T)[0, 0, 0] == 2


def test_functions_that_return_indices_return_plain_arrays():
    x = Tensor(np.array([[0.0, 1.0], [2.0, 0.0]]), requires_grad=True)
    i = Tensor(np.array([1, 2]))
    for found, expected in (
        (np.nonzero(x), ([0, 1], [1, 0])),
        (np.flatnonzero(x), [1, 2]),
        (np.argwhere(x), [[0, 1], [1, 0]]),
        (np.diag_indices_from(x), ([0, 1], [0, 1])),
        (np.tril_indices_from(x), ([0, 1, 1], [0, 0, 1])),
        (np.triu_indices_from(x, k=1), ([0], [1])),
        (np.unravel_index(i, (2, 2)), ([0, 1], [1, 0])),
        (np.ravel_multi_index((i, i), (3, 3)), [4, 8]),
    ):
        assert all(type(y) is np.ndarray for y in (found if isinstance(found, tuple) else (found,)))
        np.testing.assert_array_equal(found, expected)


# What is refused


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: x[3], IndexError),
        (lambda x: x[0, 0, 0], IndexError),
        (lambda x: x[[0, 3]], IndexError),
        (lambda x: x[0.5], IndexError),
        (lambda x: x[np.array([True, False])], IndexError),
        (lambda x: x[[0, 1], [0, 1, 2]], IndexError),
        (lambda x: np.take(x, 12), IndexError),
        (lambda x: np.take(x, 0, axis=2), np.exceptions.AxisError),
        (lambda x: np.take(x, 0, mode="mirror"), ValueError),
        (lambda x: np.take_along_axis(x, np.zeros((2, 4), int), axis=1), IndexError),
        (lambda x: np.take_along_axis(x, np.zeros(4, int), axis=1), ValueError),
        (lambda x: np.take_along_axis(x, np.zeros((3, 1)), axis=1), IndexError),
        (lambda x: np.take_along_axis(x, np.zeros((1, 1), int), axis=None), ValueError),
        (lambda x: [x for x in x[0, 0]], TypeError),
    ],
)
def test_what_numpy_refuses_is_refused(f, error):
    with pytest.raises(error):
        f(A)
    with pytest.raises(error):
        f(Tensor(A, requires_grad=True))


def test_an_index_that_needs_a_gradient_and_an_out_are_refused():
    x, i = Tensor(A, requires_grad=True), Tensor(np.zeros(3), requires_grad=True)
    with pytest.raises(IndexError):
        x[i]
    with pytest.raises(NoRuleError, match="np.take has no gradient for its argument 1"):
        np.take(x, i)
    with pytest.raises(NoRuleError, match="np.take_along_axis has no gradient for its argument 1"):
        np.take_along_axis(x, i, 0)
    with pytest.raises(TypeError, match="out"):
        np.take(x, [0], 0, np.zeros((1, 4)))
    with pytest.raises(TypeError, match="out="):
        np.take(x, [0], out=np.zeros(1))


def test_second_derivatives_pass_through_what_was_read():
    def f(x):
        return np.sum(x[[0, 0, 2]] ** 3) + x[1, 1] ** 3 + np.sum(np.take(x, [0, 0, 5]) ** 3)

    hessian_v = vjp(lambda x: grad(f)(x), A)[1](np.ones_like(A))[0]
    counts = np.array([[2.0, 2, 2, 2], [0, 1, 0, 0], [1, 1, 1, 1]])
    counts[0, 0] += 2
    counts[1, 1] += 1
    np.testing.assert_allclose(hessian_v, 6 * A * counts)
