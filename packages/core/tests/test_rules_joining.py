"""The rules of joining and cutting: concatenate, stack, block, split, insert, delete, meshgrid, apply_along_axis."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import NoRuleError, Tensor, grad, gradcheck, rulecheck, vjp

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
B = rng.normal(size=(3, 4))
S = rng.normal(size=(3, 3))
T = rng.normal(size=(2, 3, 4))
v = rng.normal(size=4)
w = rng.normal(size=3)
number = np.array(1.7)
CASES = {}


def bent(y):
    """y + y²: a linear function alone would have no second derivative to look at."""
    return type(y)([bent(part) for part in y]) if isinstance(y, list | tuple) else y + y * y


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


for axis in (0, 1, -1):
    case(f"concatenate {axis}", lambda a, b, i=axis: np.concatenate([a, b], axis=i), A, B)
    case(f"concatenate the rows of an array {axis}", lambda a, i=axis: np.concatenate(a, i), T)
case("concatenate uneven", lambda a, b, c: np.concatenate((a, b, c), 1), A, S, A[:, :0])
case("concatenate None", lambda a, b, c: np.concatenate([a, b, c], axis=None), A, v, number.reshape(1, 1))
case("concatenate None the rows of an array", lambda a: np.concatenate(a, axis=None), T)
case("concatenate with constants", lambda a: np.concatenate([B, a, B[:1], [[1.0, 2, 3, 4]]]), A)
case("concatenate one twice", lambda a: np.concatenate([a, a * a, a]), A)
case("concatenate dtype", lambda a: np.concatenate([a, a], dtype=np.complex128, casting="safe"), A)
case("concatenate numbers flat", lambda a, b: np.concatenate([a, b], axis=None), number, number)
case("concat", lambda a, b: np.concat([a, b], axis=-1), A, B)
for axis in (0, 1, 2, -1, -2):
    case(f"stack {axis}", lambda a, b, i=axis: np.stack([a, b], i), A, B)
    case(f"stack the rows of an array {axis}", lambda a, i=axis: np.stack(a, axis=i), T)
case("stack numbers", lambda a: np.stack([a[0], a[1] * a[2], a[0], 1.0]), v)
case("stack one", lambda a: np.stack((a,), axis=1), A)
case("stack with constants", lambda a: np.stack([B, a, B]), A)
case("stack dtype", lambda a: np.stack([a, a], dtype=np.complex128, casting="same_kind"), A)
for name, f in {"vstack": np.vstack, "dstack": np.dstack, "column_stack": np.column_stack}.items():
    case(f"{name} vectors", lambda a, b, f=f: f([a, b]), v, v * 2)
    case(f"{name} numbers", lambda a, b, f=f: f((a, b)), number, number)
    case(f"{name} the rows of an array", lambda a, f=f: f(a), T)
    case(f"{name} the rows of a matrix", lambda a, f=f: f(a), A)
    case(f"{name} matrices", lambda a, b, f=f: f([a, b]), A, B)
    case(f"{name} with constants", lambda a, f=f: f([A, a, B]), A)
for name, f in {"vstack": np.vstack, "hstack": np.hstack}.items():
    case(f"{name} dtype", lambda a, f=f: f([a, a], dtype=np.complex128, casting="safe"), A)
case("vstack vectors and matrices", lambda a, b, c: np.vstack([a, b, c]), A, v, A[:2])
case("hstack vectors", lambda a, b: np.hstack([a, b]), v, w)
case("hstack vectors and numbers", lambda a, b, c: np.hstack([a, b, c, 2.0]), w, number, v)
case("hstack numbers", lambda a, b: np.hstack((a, b)), number, number)
case("hstack matrices", lambda a, b: np.hstack([a, b]), A, S)
case("hstack with constants", lambda a: np.hstack([S, a, S]), A)
case("hstack the rows of an array", lambda a: np.hstack(a), T)
case("hstack the numbers of an array", lambda a: np.hstack(a), v)
case("hstack three axes", lambda a, b: np.hstack([a, b]), T, T[:, :1])
case(
    "dstack vectors and matrices and more",
    lambda a, b, c: np.dstack([a, b, c]),
    T[0, :, :1],
    w.reshape(3, 1, 1),
    T[0, :, :1],
)
case("dstack vectors and rows", lambda a, b: np.dstack([a, b]), v, A[:1])
case("dstack three axes", lambda a, b: np.dstack([a, b]), T, T[..., :1])
case("column_stack vectors and matrices", lambda a, b, c: np.column_stack([a, b, c]), w, A, w)
case("column_stack three axes", lambda a, b: np.column_stack([a, b]), T, T[:, :1])
if hasattr(np, "unstack"):  # NumPy 2.1
    for axis in (0, 1, -1):
        case(f"unstack {axis}", lambda a, i=axis: np.unstack(a, axis=i), T)
    case("unstack", lambda a: np.unstack(a), A)
    case("unstack one of them", lambda a: np.unstack(a)[1], A)

case("block", lambda a, b, c, d: np.block([[a, b], [c, d]]), A, S, A[:2], S[:2])
case("block uneven", lambda a, b, c: np.block([[a, b], [c]]), A, S, rng.normal(size=(1, 7)))
case("block of one row", lambda a, b: np.block([a, b]), A, S)
case("block of vectors", lambda a, b: np.block([a, 1.0, b]), v, w)
case("block of rows", lambda a, b: np.block([[a], [b]]), v, v * 2)
case("block of an array", lambda a: np.block(a), A)
case("block of a number", lambda a: np.block(a), number)
case("block of numbers", lambda a: np.block([[a[0], a[1]], [0.0, a[0]]]), w)
case("block with constants", lambda a: np.block([[np.eye(3), a], [np.zeros((4, 3)), np.ones((4, 4))]]), A)
case("block with vectors", lambda a, b: np.block([[a, a], [b, b]]), A, v)
case("block deep", lambda a, b: np.block([[[a, b], [b, a]], [[b, b], [a, a]]]), S, S.T)
case("block deep of vectors", lambda a, b: np.block([[[a, b]], [[b, a]]]), v, w)
case("block of more axes than lists", lambda a, b: np.block([[a], [b]]), T, T[:, :1])
case("block shallow", lambda a, b: np.block([a, b]), T, T[..., :2])
case("block one twice", lambda a: np.block([[a, a * a], [a, a]]), S)

case("append", lambda a, b: np.append(a, b), A, v)
case("append axis 0", lambda a, b: np.append(a, b, axis=0), A, B)
case("append axis -1", lambda a, b: np.append(a, b, -1), A, S)
case("append a number", lambda a, b: np.append(a, b), v, number)
case("append constants", lambda a: np.append(a, [[1.0, 2, 3, 4]], 0), A)
case("append to constants", lambda a: np.append(values=a, arr=[1.0, 2]), A)

for axis in (None, 0, 1, -1):
    n = 12 if axis is None else A.shape[axis]
    for obj in (
        0,
        1,
        -1,
        n,
        np.int64(2),
        [1],
        [1, 1, 0],
        [-1, 0],
        np.array([n, 0, 2]),
        slice(None, None, 2),
        [],
        slice(1, 2),
    ):
        case(f"insert number {axis} {obj}", lambda a, b, o=obj, i=axis: np.insert(a, o, b, axis=i), A, number)
    case(f"insert mask {axis}", lambda a, b, i=axis, n=n: np.insert(a, np.arange(n) % 2 == 0, b, i), A, number)
case("insert flat", lambda a, b: np.insert(a, 5, b), A, v)
case("insert flat in several places", lambda a, b: np.insert(a, [5, 0, 5, 12], b), A, v)
case("insert a row", lambda a, b: np.insert(a, 1, b, axis=0), A, v)
case("insert a column", lambda a, b: np.insert(a, 1, b, axis=1), A, w)
case("insert a column from the end", lambda a, b: np.insert(a, -1, b, axis=-1), A, w)
case("insert rows in one place", lambda a, b: np.insert(a, 1, b, axis=0), A, A[:2] * 2)
case("insert rows in the place of a list", lambda a, b: np.insert(a, [1], b, axis=0), A, A[:2] * 2)
case("insert columns in the place of a list", lambda a, b: np.insert(a, [1], b, axis=1), A, w)
case("insert rows out of order", lambda a, b: np.insert(a, [2, 0, 2], b, axis=0), A, B)
case("insert one row several times", lambda a, b: np.insert(a, [2, 0, 2], b, axis=0), A, v)
case("insert columns at a slice", lambda a, b: np.insert(a, slice(0, 4, 3), b, axis=1), A, A[:, :2] * 2)
case("insert a matrix into three axes", lambda a, b: np.insert(a, 2, b, axis=2), T, T[:, :, 0] * 2)
case("insert a vector into three axes", lambda a, b: np.insert(a, 2, b, axis=1), T, v)
case("insert a list", lambda a, b: np.insert(a, 1, [b[0], b[1], b[0] * b[2], 1.0], axis=0), A, w)
case("insert constants", lambda a: np.insert(a, [0, 2], 7.0, 1), A)
case("insert into constants", lambda b: np.insert(A, [0, 2], b, 1), number)
case("insert into nothing", lambda a, b: np.insert(a, 0, b), v[:0], w)
case("insert into a number", lambda a, b: np.insert(a, 1, b), number, w)

for axis in (None, 0, 1, -1):
    for obj in (0, -1, [], [1], [0, 2], [1, 1], [-1, 0], slice(None, None, 2), slice(2, 0, -1), np.array([0, 2])):
        case(f"delete {axis} {obj}", lambda a, o=obj, i=axis: np.delete(a, o, axis=i), A)
case("delete by a mask", lambda a: np.delete(a, [True, False, True], 0), A)
case("delete by a mask of all", lambda a: np.delete(a, A.ravel() > 0), A)
case("delete from three axes", lambda a: np.delete(a, [0, 2], axis=1), T)
case("delete a number", lambda a: np.delete(a, 0), number)

for sections in (2, [1, 3], [3, 1], [-2], [2, 9], (), np.array([1, 2, 2])):
    case(f"split {sections}", lambda a, s=sections: np.split(a, s, axis=1), A)
case("split rows", lambda a: np.split(a, 3), A)
case("split by name", lambda a: np.split(a, indices_or_sections=2, axis=-1), T)
case("split as floats", lambda a: np.split(a, 2.0, axis=1), A)
for sections in (1, 2, 3, 6, [1], [1, 3]):
    case(f"array_split {sections}", lambda a, s=sections: np.array_split(a, s, axis=-1), A)
case("array_split rows", lambda a: np.array_split(a, 2), A)
case("array_split one of them", lambda a: np.array_split(a, 2)[1], A)
case("array_split by name", lambda a: np.array_split(a, indices_or_sections=np.int64(3), axis=1), T)
case("hsplit", lambda a: np.hsplit(a, 2), A)
case("hsplit of a vector", lambda a: np.hsplit(a, [1, 2]), v)
case("hsplit of three axes", lambda a: np.hsplit(a, 3), T)
case("vsplit", lambda a: np.vsplit(a, 3), A)
case("vsplit of three axes", lambda a: np.vsplit(a, [1]), T)
case("dsplit", lambda a: np.dsplit(a, 2), T)
case("dsplit at", lambda a: np.dsplit(a, [3]), T)

for indexing in ("xy", "ij"):
    for sparse in (False, True):
        for copy in (True, False):
            how = {"indexing": indexing, "sparse": sparse, "copy": copy}
            name = f"meshgrid {indexing} {'sparse' if sparse else ''}{'' if copy else ' without copies'}"
            case(name, lambda a, b, how=how: np.meshgrid(a, b, **how), v, w)
            case(f"{name} of three", lambda a, b, c, how=how: np.meshgrid(a, b, c, **how), v, w, v[:2])
            case(f"{name} of one", lambda a, how=how: np.meshgrid(a, **how), v)
case("meshgrid of matrices and numbers", lambda a, b: np.meshgrid(a, b), A, number.reshape(1))
case("meshgrid of four", lambda a, b, c, d: np.meshgrid(a, b, c, d), v[:2], w, v[:1], w[:2])
case("ix_", lambda a, b, c: np.ix_(a, b, c), v, w, v[:2])

for axis in (0, 1, 2, -1, -2):
    case(f"apply_along_axis to a number {axis}", lambda a, i=axis: np.apply_along_axis(np.sum, i, a), T)
    case(f"apply_along_axis to a vector {axis}", lambda a, i=axis: np.apply_along_axis(np.cumsum, i, a), T)
    case(
        f"apply_along_axis to a matrix {axis}",
        lambda a, i=axis: np.apply_along_axis(lambda x: np.stack([x * x, x]), i, a),
        T,
    )
case("apply_along_axis of a vector", lambda a: np.apply_along_axis(lambda x: x[::-1] * x[0], 0, a), v)
case("apply_along_axis with arguments", lambda a: np.apply_along_axis(lambda x, n, m=0: x[n:] * m, 1, a, 2, m=3.0), A)
case(
    "apply_along_axis of constants too", lambda a: np.apply_along_axis(lambda x: x if x[0] > 0 else np.ones(4), 1, a), A
)
for axes in (0, [0, 2], (-1, 0), [1]):
    case(f"apply_over_axes {axes}", lambda a, i=axes: np.apply_over_axes(np.sum, a, i), T)
case("apply_over_axes cumsum", lambda a: np.apply_over_axes(np.cumsum, a, [0, -1]), T)
case("apply_over_axes mean", lambda a: np.apply_over_axes(lambda a, i: np.mean(a * a, i, keepdims=True), a, 1), T)


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    check(lambda *xs: bent(f(*xs)), *xs)


def check(f, *xs):
    """`rulecheck`; of a single number, which has no order in memory, `gradcheck` and the value."""
    if all(np.ndim(x) for x in xs):
        assert rulecheck(f, *xs)
        return
    assert gradcheck(f, *xs, order=2)
    y = f(*[Tensor(x, requires_grad=True) for x in xs])
    np.testing.assert_array_equal(y.data, f(*xs), strict=True)


COMPLEX = [
    "concatenate 1", "concatenate None", "stack -1", "vstack vectors", "hstack vectors", "dstack vectors",
    "column_stack vectors", "block", "append", "insert rows out of order", "insert flat", "delete 1 [0, 2]",
    "split 2", "array_split 3", "hsplit", "vsplit", "dsplit", "meshgrid xy ",
    "apply_along_axis to a vector 0", "apply_over_axes [0, 2]", "ix_",
]  # fmt: skip


@pytest.mark.parametrize("name", COMPLEX)
def test_rule_of_complex_numbers(name):
    f, xs = CASES[name]
    assert rulecheck(lambda *xs: bent(f(*xs)), *[x + 1j * rng.normal(size=x.shape) for x in xs])


def test_real_and_complex_numbers_joined():
    z = A + 1j * B
    assert rulecheck(lambda a, z: np.concatenate([a, z]) ** 2, A, z)
    assert rulecheck(lambda a, z: np.stack([z, a]) ** 2, A, z)
    assert rulecheck(lambda a, z: np.insert(z, 1, a[0], axis=0) ** 2, A, z)


@pytest.mark.parametrize("name", CASES)
def test_no_rule_warns(name):
    f, xs = CASES[name]
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        ys, pullback = vjp(f, *xs)
        pullback(ys)


sides = st.lists(st.integers(0, 3), min_size=1, max_size=3)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(sides, st.lists(st.integers(0, 3), min_size=1, max_size=3), st.integers(-3, 2), st.integers(0, 9))
def test_joining_at_any_shape(shape, lengths, axis, seed):
    rng = np.random.default_rng(seed)
    axis = axis % len(shape) - (len(shape) if axis < 0 else 0)
    xs = []
    for n in lengths:
        side = list(shape)
        side[axis] = n
        xs.append(rng.normal(size=side))
    assert rulecheck(lambda *xs: np.concatenate(xs, axis) ** 2, *xs)
    assert rulecheck(lambda *xs: np.concatenate(xs, None) ** 2, *xs)
    same = [x.take(0, axis) if x.shape[axis] else np.zeros(np.delete(x.shape, axis)) for x in xs]
    if len(shape) > 1:
        assert rulecheck(lambda *xs: np.stack(xs, axis) ** 2, *same)
        assert rulecheck(lambda *xs: np.vstack(xs) ** 2, *same)
        assert rulecheck(lambda *xs: np.dstack(xs) ** 2, *same)
        assert rulecheck(lambda *xs: np.column_stack(xs) ** 2, *same)
    whole = np.concatenate(xs, axis)
    n = whole.shape[axis]
    cuts = rng.integers(-4, 5, 2).tolist()
    assert rulecheck(lambda x: bent(np.split(x, cuts, axis)), whole)
    assert rulecheck(lambda x: bent(np.array_split(x, len(lengths), axis)), whole)
    places = rng.integers(0, n + 1, 3)
    values = rng.normal(size=np.insert(np.delete(whole.shape, axis % len(shape)), axis % len(shape), 3))
    assert rulecheck(lambda x, y: np.insert(x, places, y, axis) ** 2, whole, values)
    assert rulecheck(lambda x: np.delete(x, places[places < n], axis) ** 2, whole)


@settings(derandomize=True, max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_blocks_at_any_shape(heights, widths):
    parts = [rng.normal(size=(n, m)) for n in heights for m in widths]
    k = len(widths)
    assert rulecheck(lambda *xs: np.block([list(xs[i : i + k]) for i in range(0, len(xs), k)]) ** 2, *parts)


# What comes out


def test_a_large_block():
    a, b = rng.normal(size=(2, 600, 600))  # NumPy puts large blocks together in another way
    da, db = grad(lambda a, b: np.sum(np.block([[a, b], [b, 2 * b]]) * 3.0), argnums=(0, 1))(a, b)
    assert (da == 3).all() and (db == 12).all()


def test_pieces_are_views():
    x = Tensor(T, requires_grad=True)
    pieces = [*np.split(x, 2, axis=2), *np.vsplit(x, 2), *np.meshgrid(x[0, 0], x[0, 1], copy=False), *np.ix_(x[0, 0])]
    pieces += [*np.unstack(x)] if hasattr(np, "unstack") else []
    assert all(np.shares_memory(piece.data, T) for piece in pieces)
    assert not any(np.shares_memory(y.data, T) for y in np.meshgrid(x[0, 0], x[0, 1]))
    assert isinstance(np.meshgrid(x[0, 0], x[0, 1]), tuple)


def test_arrays_beside_tensors_become_tensors():
    x = Tensor(v, requires_grad=True)
    for several in (np.meshgrid(x, w), np.ix_(x, [0, 1])):
        assert isinstance(several, tuple)
        assert [y.requires_grad for y in several] == [True, False]
        assert isinstance(several[1], Tensor)


def test_an_open_mesh_of_indices():
    x = Tensor(v, requires_grad=True)
    _, rows, mask, nothing = np.ix_(x, np.array([2, 0]), [True, False, True], [])
    assert rows.tolist() == [[[[2]], [[0]]]] and mask.tolist() == [[[[0], [2]]]]
    assert nothing.dtype == np.intp


def test_functions_that_return_constants_return_tensors_without_a_gradient():
    x = Tensor(A, requires_grad=True)
    for y in (np.apply_along_axis(np.argmax, 1, x), np.apply_over_axes(lambda a, i: np.sign(a), x, 0)):
        assert isinstance(y, Tensor) and not y.requires_grad


def test_apply_over_axes_counts_the_axes_from_the_front():
    seen = []
    np.apply_over_axes(lambda a, i: seen.append(i) or a, Tensor(T, requires_grad=True), (-1, 0))
    assert seen == [2, 0]


def test_concatenate_and_stack_are_one_operation_each():
    x = Tensor(A, requires_grad=True)
    for y in (np.concatenate([x, x]), np.stack([x, x]), np.vstack([x, x]), np.block([[x, x]]), np.append(x, x)):
        assert y.step.parents[0] == [x, x]


def test_values_of_a_row_of_one_operation_may_be_needed_alone():
    x, y = Tensor(A, requires_grad=True), Tensor(B)
    (np.concatenate([y, x], axis=1) * np.arange(8.0)).sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.broadcast_to(np.arange(4.0, 8.0), (3, 4)))


# What is refused


def test_tensors_in_lists_in_lists_are_refused():
    x = Tensor(v, requires_grad=True)
    for f in (np.concatenate, np.stack, np.vstack):
        with pytest.raises((NoRuleError, TypeError)):
            f([[x, x], [x, x]])
    with pytest.raises(NoRuleError, match="list in a list"):
        np.append(x, [[x[0]], [x[1]]])


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: np.concatenate([x, x[0]]), ValueError),
        (lambda x: np.concatenate([x, x], axis=2), np.exceptions.AxisError),
        (lambda x: np.concatenate([x, x], dtype=int), TypeError),
        (lambda x: np.stack([x, x[:1]]), ValueError),
        (lambda x: np.vstack([x, x[:, :1]]), ValueError),
        (lambda x: np.block([[x, x], x]), ValueError),
        (lambda x: np.block([[x, x], [x]]), ValueError),
        (lambda x: np.block([[x], []]), ValueError),
        (lambda x: np.block([(x, x)]), TypeError),
        (lambda x: np.block((x, x)), TypeError),
        (lambda x: np.append(x, x[0], axis=0), ValueError),
        (lambda x: np.insert(x, 4, 0.0, axis=0), IndexError),
        (lambda x: np.insert(x, [0, 1], x, axis=0), ValueError),
        (lambda x: np.delete(x, 4, axis=0), IndexError),
        (lambda x: np.split(x, 3, axis=1), ValueError),
        (lambda x: np.split(x, 0), ZeroDivisionError),
        (lambda x: np.array_split(x, 0), ValueError),
        (lambda x: np.array_split(x, -1), ValueError),
        (lambda x: np.array_split(x[0, 0], 1), (IndexError, TypeError)),
        (lambda x: np.hsplit(x[0, 0].reshape(()), 1), ValueError),
        (lambda x: np.vsplit(x[0], 2), ValueError),
        (lambda x: np.dsplit(x, 2), ValueError),
        (lambda x: np.meshgrid(x, x, indexing="yx"), ValueError),
        (lambda x: np.ix_(x), ValueError),
        (lambda x: np.apply_along_axis(np.sum, 0, x[:, :0]), ValueError),
        (lambda x: np.apply_along_axis(np.sum, 2, x), np.exceptions.AxisError),
        (lambda x: np.apply_along_axis(lambda x: x[x > 0], 0, x), ValueError),
        (lambda x: np.apply_over_axes(lambda a, i: a[0, 0], x, [0]), ValueError),
        (lambda x: np.apply_over_axes(lambda a, i: a[None], x, [0]), ValueError),
    ],
)
def test_what_numpy_refuses_is_refused(f, error):
    with pytest.raises(error):
        f(A)
    with pytest.raises(error):
        f(Tensor(A, requires_grad=True))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: np.split(x, 3, axis=1), "4 values do not make 3: np.array_split"),
        (lambda x: np.array_split(x, -2), "1 or more, not -2"),
        (lambda x: np.hsplit(x[0, 0], 1), "np.hsplit cuts arrays of 1 or more axes; this one has 0"),
        (lambda x: np.vsplit(x[0], 1), "np.vsplit cuts arrays of 2 or more axes; this one has 1"),
        (lambda x: np.dsplit(x, 1), "np.dsplit cuts arrays of 3 or more axes; this one has 2"),
        (lambda x: np.meshgrid(x, x, indexing="yx"), "'xy' or 'ij', not 'yx'"),
        (lambda x: np.apply_along_axis(np.sum, 0, x[:, :0]), r"no line along axis 0 to call the function on: \(3, 0\)"),
        (lambda x: np.apply_over_axes(lambda a, i: a[None], x, [0]), "given 2 it returned 3"),
    ],
)
def test_messages(f, message):
    with pytest.raises(ValueError, match=message):
        f(Tensor(A, requires_grad=True))


def test_out_is_refused():
    x = Tensor(A, requires_grad=True)
    with pytest.raises(TypeError, match="out="):
        np.concatenate([x, x], out=np.zeros((6, 4)))
    with pytest.raises(TypeError, match="out="):
        np.stack([x, x], out=np.zeros((2, 3, 4)))


def test_a_place_that_needs_a_gradient_is_refused():
    x, place = Tensor(v, requires_grad=True), Tensor(1.0, requires_grad=True)
    for f in (lambda: np.insert(x, place, 1.0), lambda: np.delete(x, place)):
        with pytest.raises((NoRuleError, IndexError, TypeError)):
            f()


def test_an_array_does_not_take_tensors_silently():
    x = Tensor(v, requires_grad=True)
    for f in (
        lambda: np.array([x, x]),
        lambda: np.r_[x, x],
        lambda: np.c_[x, x],
        lambda: np.vectorize(np.sin)(x),
    ):
        with pytest.raises(TypeError, match="silently drop its gradient"):
            f()
    with pytest.raises(ValueError) as refused:
        np.fromiter(x, float)
    assert "silently drop the gradient" in str(refused.value.__cause__)
