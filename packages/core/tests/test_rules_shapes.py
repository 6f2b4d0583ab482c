"""The rules of reshape, transpose, flip, roll, repeat, tile, pad, diagonal: against finite differences and by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, grad, gradcheck, rulecheck, vjp

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
S = rng.normal(size=(3, 3))
T = rng.normal(size=(2, 3, 4))
Q = rng.normal(size=(2, 3, 4, 2))
v = rng.normal(size=4)
number = np.array(1.7)
CASES = {}


def bent(y):
    """y + y²: a linear function alone would have no second derivative to look at."""
    return type(y)([bent(part) for part in y]) if isinstance(y, list | tuple) else y + y * y


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


case("reshape", lambda x: np.reshape(x, (2, 6)), A)
case("reshape -1", lambda x: np.reshape(x, -1), T)
case("reshape order by name", lambda x: np.reshape(x, (4, 6), order="F"), T)
case("reshape F", lambda x: np.reshape(x, (2, 6), "F"), A)
case("reshape a number", lambda x: np.reshape(x, (1, 1)), number)
case("reshape nothing", lambda x: np.reshape(x, (0, 3)), A[:0])
case("ravel", np.ravel, T)
case("ravel F", lambda x: np.ravel(x, "F"), T)
case("squeeze", np.squeeze, A[None, :, None])
case("squeeze axis", lambda x: np.squeeze(x, axis=-2), A[None, :, None])
case("squeeze axes", lambda x: np.squeeze(x, (0, 2)), A[None, :, None])
case("expand_dims 0", lambda x: np.expand_dims(x, 0), A)
case("expand_dims axes", lambda x: np.expand_dims(x, axis=(0, -2)), A)
case("broadcast_to", lambda x: np.broadcast_to(x, (2, 3, 4)), A)
case("broadcast_to stretched", lambda x: np.broadcast_to(x, shape=(2, 3, 4), subok=True), A[:, :1])
case("broadcast_to number", lambda x: np.broadcast_to(x, (2, 3)), number)
case("broadcast_arrays", lambda x, y, z: np.broadcast_arrays(x, y, z), A, v, T)
case("broadcast_arrays stretched", lambda x, y: np.broadcast_arrays(x, y, subok=False), A[:1], A[:, :1])
case("broadcast_arrays one", lambda x: np.broadcast_arrays(x), A)

case("transpose", np.transpose, T)
case("transpose axes", lambda x: np.transpose(x, (2, 0, -2)), T)
case("transpose by name", lambda x: np.transpose(x, axes=(1, 2, 0)), T)
case("transpose vector", lambda x: np.transpose(x, 0), v)
case("transpose number", lambda x: np.transpose(x, ()), number)
case("transpose .T", lambda x: x.T, A)
case("permute_dims", lambda x: np.permute_dims(x, (1, -1, 0)), T)
case("matrix_transpose", np.matrix_transpose, T)
case("linalg.matrix_transpose", np.linalg.matrix_transpose, T)
case("swapaxes", lambda x: np.swapaxes(x, 0, -1), Q)
case("swapaxes by name", lambda x: np.swapaxes(x, axis1=1, axis2=2), T)
case("moveaxis", lambda x: np.moveaxis(x, 0, -1), T)
case("moveaxis several", lambda x: np.moveaxis(x, (0, -1), (2, 0)), Q)
case("moveaxis by name", lambda x: np.moveaxis(x, source=[0, 1], destination=[-1, -2]), T)
for axis in (0, 1, -1):
    for start in (0, 1, 3, -1, -3):
        case(f"rollaxis {axis} {start}", lambda x, i=axis, j=start: np.rollaxis(x, i, j), T)
case("rollaxis to the front", lambda x: np.rollaxis(x, 2), T)

for axis in (None, 0, -1, (0, 2), ()):
    case(f"flip {axis}", lambda x, i=axis: np.flip(x, i), T)
case("flip number", np.flip, number)
case("fliplr", np.fliplr, T)
case("flipud", np.flipud, T)
for k in (-2, -1, 0, 1, 2, 3, 5):
    case(f"rot90 {k}", lambda x, k=k: np.rot90(x, k), A)
case("rot90 axes", lambda x: np.rot90(x, axes=(2, 0)), T)
for shift, axis in ((1, 0), (-3, 1), (5, None), ((1, -2), (0, 1)), (2, (0, 1)), ((1, 1), 0), (np.array([1, -2]), -1)):
    case(f"roll {shift} {axis}", lambda x, s=shift, i=axis: np.roll(x, s, i), A)
case("roll number", lambda x: np.roll(x, 1), number)

case("repeat", lambda x: np.repeat(x, 2), A)
case("repeat number", lambda x: np.repeat(x, 3), number)
case("repeat number along an axis", lambda x: np.repeat(x, 3, axis=-1), number)
for axis in (0, 1, -1):
    case(f"repeat axis {axis}", lambda x, i=axis: np.repeat(x, 3, axis=i), T)
    case(f"repeat one count axis {axis}", lambda x, i=axis: np.repeat(x, [2], axis=i), T)
case("repeat never", lambda x: np.repeat(x, 0, axis=1), A)
case("repeat counts", lambda x: np.repeat(x, [1, 0, 2, 3], axis=1), A)
case("repeat counts of rows", lambda x: np.repeat(x, (2, 0, 1), axis=-2), A)
case("repeat counts flat", lambda x: np.repeat(x, range(12)), A)
case("repeat nothing", lambda x: np.repeat(x, []), v[:0])
case("tile 2", lambda x: np.tile(x, 2), T)
case("tile more axes", lambda x: np.tile(x, (2, 1, 3)), A)
case("tile fewer axes", lambda x: np.tile(x, [3, 2]), T)
case("tile array", lambda x: np.tile(x, np.array([2, 3, 1])), T)
case("tile number", lambda x: np.tile(x, (2, 3)), number)
case("tile never", lambda x: np.tile(x, (0, 2)), A)
case("tile ()", lambda x: np.tile(x, ()), A)
for shape in ((2, 5), (5, 5), 7, (3, 8), (2, 0), ()):
    case(f"resize {shape}", lambda x, shape=shape: np.resize(x, shape), A)
case("resize number", lambda x: np.resize(x, (2, 3)), number)
case("resize nothing", lambda x: np.resize(x, (2, 3)), A[:0])

for k in (-4, -3, -2, -1, 0, 1, 2, 4):
    case(f"tril {k}", lambda x, k=k: np.tril(x, k), A)
    case(f"triu {k}", lambda x, k=k: np.triu(x, k), A)
    case(f"diag of a matrix {k}", lambda x, k=k: np.diag(x, k), A)
    case(f"diag of a high matrix {k}", lambda x, k=k: np.diag(x, k), A.T)
    case(f"diagonal {k}", lambda x, k=k: np.diagonal(x, k), A)
    case(f"trace {k}", lambda x, k=k: np.trace(x, k), A)
    case(f"linalg.diagonal {k}", lambda x, k=k: np.linalg.diagonal(x, offset=k), T)
    case(f"linalg.trace {k}", lambda x, k=k: np.linalg.trace(x, offset=k), T)
for k in (-2, 0, 1):
    case(f"tril stack {k}", lambda x, k=k: np.tril(x, k=k), T)
    case(f"triu stack {k}", lambda x, k=k: np.triu(x, k=k), T)
    case(f"diag of a vector {k}", lambda x, k=k: np.diag(x, k), v)
    case(f"diagflat {k}", lambda x, k=k: np.diagflat(x, k), A[:2, :2])
    for axes in ((0, 1), (1, 2), (2, 0), (-1, -3), (3, 1)):
        case(f"diagonal axes {axes} {k}", lambda x, k=k, a=axes: np.diagonal(x, k, *a), Q[..., :1] if 3 in axes else Q)
        case(f"trace axes {axes} {k}", lambda x, k=k, a=axes: np.trace(x, k, *a), Q)
case("diag of a vector", np.diag, v)
case("diag of a matrix", np.diag, A)
case("tril of a vector", np.tril, v)
case("triu of a vector", np.triu, v)
case("diagonal by name", lambda x: np.diagonal(x, offset=1, axis1=2, axis2=1), T)
case("trace by name", lambda x: np.trace(x, offset=-1, axis1=2, axis2=1, dtype=None), T)
case("linalg.diagonal", np.linalg.diagonal, T)
case("linalg.trace", np.linalg.trace, T)
case("linalg.trace dtype", lambda x: np.linalg.trace(x, dtype=complex), T)
case("trace dtype", lambda x: np.trace(x, dtype=np.complex128), A)
case("diagflat number", np.diagflat, number)

for name, f in {"atleast_1d": np.atleast_1d, "atleast_2d": np.atleast_2d, "atleast_3d": np.atleast_3d}.items():
    for x in (number, v, A, T, Q, v[:0]):
        case(f"{name} {x.shape}", f, x)
    case(f"{name} of several", f, number, v, A, T)

EVERY_WAY = {
    "constant": {"constant_values": ((1, 2), (3, 4))},
    "edge": {},
    "reflect": {},
    "reflect odd": {"mode": "reflect", "reflect_type": "odd"},
    "symmetric": {},
    "symmetric odd": {"mode": "symmetric", "reflect_type": "odd"},
    "wrap": {},
    "linear_ramp": {},
    "linear_ramp to values": {"mode": "linear_ramp", "end_values": (-1.0, 2.0)},
    "maximum": {},
    "minimum": {},
    "mean": {},
    "median": {},
}
for name, how in EVERY_WAY.items():
    how = {"mode": name, **how}
    for width in (0, 2, (2, 1), ((1, 2), (0, 3)), ((3,), (1,)), ((7, 5), (9, 3))):
        case(f"pad {name} {width}", lambda x, w=width, how=how: np.pad(x, w, **how), A)
    case(f"pad {name} vector", lambda x, how=how: np.pad(x, (3, 2), **how), v) if name != "constant" else None
    case(f"pad {name} length 1", lambda x, how=how: np.pad(x, ((2, 3), (0, 0)), **how), A[:1])
    case(f"pad {name} length 2", lambda x, how=how: np.pad(x, ((3, 2), (0, 0)), **how), A[1:])
    case(f"pad {name} nothing", lambda x, how=how: np.pad(x, ((0, 0), (2, 1)), **how), A[:0])
    if name in ("maximum", "minimum", "mean", "median"):
        for length in (1, 2, (2, 3), ((1, 2), (3, 4)), ((1, 3), (2, 2)), 99, 2.4):
            case(
                f"pad {name} stat_length {length}",
                lambda x, n=length, how=how: np.pad(x, ((1, 2), (2, 3)), stat_length=n, **how),
                A,
            )
case("pad", lambda x: np.pad(x, 1), T)
case("pad three axes", lambda x: np.pad(x, ((1, 0), (0, 2), (1, 1)), "reflect"), T)
case("pad three axes by the mean", lambda x: np.pad(x, ((1, 0), (0, 2), (1, 1)), mode="mean", stat_length=2), T)
case("pad three axes odd", lambda x: np.pad(x, ((1, 0), (0, 2), (1, 1)), "symmetric", reflect_type="odd"), T)
case("pad number", lambda x: np.pad(x, 0), number)
try:
    np.pad(A, {0: 1})
except TypeError:
    pass
else:  # NumPy 2.4
    case("pad dict", lambda x: np.pad(x, {-1: (1, 2)}), T)
    case("pad dict edge", lambda x: np.pad(x, {0: 1, 2: (0, 3)}, "edge"), T)

if hasattr(np, "unstack"):  # NumPy 2.1, as these keywords
    case("reshape by name", lambda x: np.reshape(x, order="F", shape=(4, 6)), T)
    case("reshape copy", lambda x: np.reshape(x, (4, 3), copy=True), A)


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
    found, expected = f(*[Tensor(x, requires_grad=True) for x in xs]), f(*xs)
    if not isinstance(expected, tuple):
        found, expected = [found], [expected]
    for y, e in zip(found, expected, strict=True):
        assert y.dtype == e.dtype
        np.testing.assert_array_equal(y.data, e, strict=True)


COMPLEX = [
    "reshape F", "ravel", "squeeze", "expand_dims 0", "broadcast_to", "broadcast_arrays", "transpose axes",
    "matrix_transpose", "swapaxes", "moveaxis", "rollaxis 1 0", "flip None", "rot90 1", "roll 5 None", "repeat",
    "repeat counts", "tile 2", "resize (5, 5)", "tril 0", "triu 1", "diag of a matrix 0", "diag of a vector 1",
    "diagflat 0", "diagonal 1", "trace 0", "linalg.diagonal 0", "linalg.trace 0", "atleast_3d (4,)",
    *[f"pad {name} ((1, 2), (0, 3))" for name in EVERY_WAY],
]  # fmt: skip


@pytest.mark.parametrize("name", COMPLEX)
def test_rule_of_complex_numbers(name):
    f, xs = CASES[name]
    assert rulecheck(lambda *xs: bent(f(*xs)), *[x + 1j * rng.normal(size=x.shape) for x in xs])


@pytest.mark.parametrize("name", CASES)
def test_no_rule_warns(name):
    f, xs = CASES[name]
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        ys, pullback = vjp(f, *xs)
        pullback(ys)


axes_of_three = st.permutations(range(3))
lengths = st.tuples(*[st.integers(0, 3)] * 3)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(lengths, axes_of_three, st.integers(-4, 4), st.integers(-4, 4))
def test_rules_at_any_shape(shape, axes, k, m):
    x = np.random.default_rng(1).normal(size=shape)
    i, j, _ = axes
    fs = [
        lambda x: np.transpose(x, axes),
        lambda x: np.rollaxis(x, i, j),
        lambda x: np.roll(x, (k, m), (i, j)),
        lambda x: np.rot90(x, k, (i, j)),
        lambda x: np.diagonal(x, k, i, j),
        lambda x: np.trace(x, k, i, j),
        lambda x: np.repeat(x, abs(k), axis=i),
        lambda x: np.repeat(x, np.arange(shape[i]), axis=i),
        lambda x: np.tile(x, (abs(k), abs(m))),
        lambda x: np.resize(x, (abs(k), abs(m))),
        lambda x: np.tril(x, k),
    ]
    for f in fs:
        assert rulecheck(lambda x, f=f: f(x) ** 2, x)


widths = st.tuples(*[st.tuples(st.integers(0, 5), st.integers(0, 5))] * 2)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.tuples(st.integers(1, 4), st.integers(1, 4)), widths, st.sampled_from(list(EVERY_WAY)), st.integers(1, 4))
def test_pad_at_any_shape(shape, width, name, length):
    how = {"mode": name, **EVERY_WAY[name]}
    if how["mode"] in ("maximum", "minimum", "mean", "median"):
        how["stat_length"] = length
    assert rulecheck(lambda x: np.pad(x, width, **how) ** 2, np.random.default_rng(1).normal(size=shape))


def test_order_a_is_that_of_the_arguments_memory():
    w = np.arange(12.0)
    for x in (A, np.asfortranarray(A), T[0, 1:], np.asfortranarray(A)[1:], np.asfortranarray(A)[:, 1:], v):
        places = np.empty(x.shape, int, "F" if np.isfortran(x) else "C")
        places[...] = np.arange(x.size).reshape(x.shape)
        for f in (lambda x: np.ravel(x, "A"), lambda x: np.reshape(x, (-1,), order="A")):
            dx = grad(lambda x, f=f: np.sum(f(x) * w[: x.size]))(x)
            np.testing.assert_array_equal(dx.ravel()[f(places)], w[: x.size])
            (ddx,) = vjp(lambda x, f=f: grad(lambda x: np.sum(f(x) ** 3))(x), x)[1](np.ones(x.shape))
            np.testing.assert_allclose(ddx, 6 * x)


# Decisions


def test_padding_with_an_extreme_splits_ties():
    x = np.array([3.0, 1.0, 3.0, 1.0])
    for mode, expected in (("maximum", [2, 1, 2, 1]), ("minimum", [1, 2, 1, 2])):
        np.testing.assert_array_equal(grad(lambda x, m=mode: np.sum(np.pad(x, (2, 0), m)))(x), expected)


def test_padding_with_the_median_of_ties_follows_a_stable_sort():
    x = np.array([2.0, 1.0, 2.0, 2.0, 5.0])
    np.testing.assert_array_equal(grad(lambda x: np.pad(x, (1, 0), "median")[0])(x), [0, 0, 1, 0, 0])
    np.testing.assert_array_equal(grad(lambda x: np.pad(x, (1, 0), "median")[0])(x[:4]), [0.5, 0, 0.5, 0])


def test_padding_with_nan_or_with_the_mean_of_nothing_sends_nothing_back():
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        dx = grad(lambda x: np.sum(np.pad(x, (2, 0), "maximum")))(np.array([np.nan, 1.0]))
        np.testing.assert_array_equal(dx, [1, 1])
        dx = grad(lambda x: np.sum(np.pad(x, (2, 0), "mean", stat_length=0)))(np.ones(2))
        np.testing.assert_array_equal(dx, [1, 1])


def test_padding_with_whatever_is_in_memory_sends_nothing_back():
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.pad(x, 2, "empty")[1:5]))(np.ones(4)), [1, 1, 1, 0])


def test_an_infinite_gradient_stays_on_its_diagonal():
    for f in (np.trace, lambda x: np.sum(np.diagonal(x)), lambda x: np.sum(np.tril(np.triu(x)))):
        _, pullback = vjp(f, np.ones((2, 2)))
        np.testing.assert_array_equal(pullback(np.inf)[0], [[np.inf, 0], [0, np.inf]])


def test_views_stay_views():
    x = Tensor(T, requires_grad=True)
    views = [
        np.reshape(x, (6, 4)), np.ravel(x), np.squeeze(x[:1]), np.expand_dims(x, 0), np.broadcast_to(x, (5, 2, 3, 4)),
        np.transpose(x), np.swapaxes(x, 0, 1), np.moveaxis(x, 0, 1), np.rollaxis(x, 1), np.flip(x), np.rot90(x),
        np.diagonal(x), np.atleast_3d(x), *np.broadcast_arrays(x, 1.0)[:1], np.atleast_3d(x[0]), np.atleast_2d(x[0, 0]),
    ]  # fmt: skip
    assert all(np.shares_memory(y.data, T) for y in views)


def test_arrays_beside_tensors_become_tensors():
    x = Tensor(v, requires_grad=True)
    for several in (np.atleast_2d(x, [1.0, 2.0]), np.broadcast_arrays(x, 1.0), np.atleast_1d(x, 2)):
        assert isinstance(several, tuple)
        assert [y.requires_grad for y in several] == [True, False]
    assert np.atleast_1d(x, 2)[1].shape == (1,)


def test_a_number_without_gradient_comes_out_of_trace_to_integers():
    assert not np.trace(Tensor(A, requires_grad=True), dtype=int).requires_grad


def test_repeating_by_counts_costs_what_it_copies():
    x = Tensor(np.ones(100_000), requires_grad=True)
    np.repeat(x, np.full(100_000, 2)).sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.full(100_000, 2.0))


def test_padding_a_long_signal_by_reflection_costs_what_it_copies():
    x = Tensor(np.ones(1_000_000), requires_grad=True)
    np.pad(x, 1000, "reflect", reflect_type="odd").sum().backward()
    assert x.grad.data[0] == 2001 and x.grad.data[1] == 0 and x.grad.data[1001] == 1


# What is refused


def test_an_order_of_memory_is_refused():
    x = Tensor(A, requires_grad=True)
    with pytest.raises(TypeError, match="order='C', 'F' and 'A'; 'K'"):
        np.ravel(x, "K").sum().backward()


def test_padding_by_a_function_is_refused():
    def fill(vector, width, axis, settings):
        vector[: width[0]] = 7.0

    x = Tensor(A, requires_grad=True)
    with pytest.raises(TypeError, match="np.pad has no gradient where a function fills the margins"):
        np.pad(x, 1, fill).sum().backward()


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: np.pad(x, 1, "mirror"), ValueError),
        (lambda x: np.pad(x, 1, "edge", stat_length=2), ValueError),
        (lambda x: np.pad(x, 1.5), TypeError),
        (lambda x: np.pad(x, -1), ValueError),
        (lambda x: np.pad(x[:0], 1, "edge"), ValueError),
        (lambda x: np.reshape(x, (5, 5)), ValueError),
        (lambda x: np.squeeze(x, 0), ValueError),
        (lambda x: np.broadcast_arrays(x, np.ones(3)), ValueError),
        (lambda x: np.transpose(x, (0, 0)), ValueError),
        (lambda x: np.rot90(x, axes=(0, 0)), ValueError),
        (lambda x: np.repeat(x, [1, 2]), ValueError),
        (lambda x: np.diag(x[None]), ValueError),
        (lambda x: np.swapaxes(x, 0, 5), np.exceptions.AxisError),
    ],
)
def test_what_numpy_refuses_is_refused(f, error):
    with pytest.raises(error):
        f(A)
    with pytest.raises(error):
        f(Tensor(A, requires_grad=True))


def test_a_pad_value_that_needs_a_gradient_is_refused():
    x = Tensor(A, requires_grad=True)
    with pytest.raises(TypeError, match="constant_values"):
        np.pad(x, 1, constant_values=x[0, 0])
