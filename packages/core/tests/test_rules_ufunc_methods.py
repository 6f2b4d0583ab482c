"""Ufuncs with keywords and their methods: finite differences, NumPy's own values, ties, infinities, masks and out."""

import operator
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import NoRuleError, Tensor, grad, no_grad, rulecheck
from pellucid.rules.ufunc_methods import call, log_sum_exp

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
P = rng.uniform(0.5, 2, (3, 4))
T = rng.normal(size=(2, 3, 4))
Z = A + 1j * rng.normal(size=(3, 4))
M = rng.random((2, 3, 4)) < 0.6
v = rng.normal(size=4)
WITH_IDENTITY = [np.add, np.multiply, np.logaddexp, np.logaddexp2, np.hypot]
EXTREMES = [np.maximum, np.minimum, np.fmax, np.fmin]
ORDERED = [np.subtract, np.divide, np.float_power, np.remainder, np.fmod, np.copysign]
CASES = {}


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


for f in WITH_IDENTITY + EXTREMES:
    n = f.__name__
    for axis in (None, 0, 1, -1, (0, 2), (-1, 0), ()):
        case(f"{n}.reduce {axis}", lambda a, f=f, axis=axis: f.reduce(a, axis=axis), T)
        case(f"{n}.reduce {axis} keepdims", lambda a, f=f, axis=axis: f.reduce(a, axis=axis, keepdims=True), T)
    case(f"{n}.reduce", lambda a, f=f: f.reduce(a), A)
    case(f"{n}.reduce by place", lambda a, f=f: f.reduce(a, 1, None, None, True), A)
    case(f"{n}.reduce number", lambda a, f=f: f.reduce(a) * 1.0, np.array(2.5))
    case(f"{n}.reduce one", lambda a, f=f: f.reduce(a, axis=1), A[:, :1])
    case(f"{n}.reduce initial", lambda a, f=f: f.reduce(a, axis=1, initial=0.3), T)
    case(
        f"{n}.reduce initial Tensor", lambda a, i, f=f: f.reduce(a, axis=(0, 1), initial=np.sum(i)), T, np.array([0.4])
    )
    case(f"{n}.reduce initial None", lambda a, f=f: f.reduce(a, axis=1, initial=None), T)
    case(f"{n}.reduce where initial", lambda a, f=f: f.reduce(a, axis=1, where=M, initial=0.3), T)
    case(f"{n}.reduce where rows", lambda a, f=f: f.reduce(a, axis=-1, where=M[0, :1], initial=0.3, keepdims=True), T)
    case(f"{n}.reduce nothing", lambda a, f=f: f.reduce(a, axis=1, initial=0.5), A[:, :0])
    case(f"{n}.accumulate", lambda a, f=f: f.accumulate(a), T)
    case(f"{n}.accumulate one", lambda a, f=f: f.accumulate(a), A[:1])
    case(f"{n}.accumulate nothing", lambda a, f=f: f.accumulate(a), A[:0])
    case(f"{n}.accumulate nothing -1", lambda a, f=f: f.accumulate(a, axis=-1), T[..., :0])
    case(f"{n}.accumulate None", lambda a, f=f: f.accumulate(a, axis=None), v)
    for axis in (1, -1):
        case(f"{n}.accumulate {axis}", lambda a, f=f, axis=axis: f.accumulate(a, axis=axis), T)
for f in WITH_IDENTITY:
    case(f"{f.__name__}.reduce where", lambda a, f=f: f.reduce(a, axis=1, where=M), T)
for f in ORDERED:
    n = f.__name__
    case(f"{n}.reduce", f.reduce, P)
    case(f"{n}.reduce -1 keepdims", lambda a, f=f: f.reduce(a, axis=-1, keepdims=True), P)
    case(f"{n}.reduce one axis in a tuple", lambda a, f=f: f.reduce(a, axis=(1,)), P)
    case(f"{n}.reduce initial", lambda a, f=f: f.reduce(a, axis=1, initial=1.3), P)
    case(f"{n}.reduce where", lambda a, f=f: f.reduce(a, axis=1, initial=1.3, where=M[0]), P)
    case(
        f"{n}.reduce where column", lambda a, f=f: f.reduce(a, axis=0, initial=1.3, where=[[True], [False], [True]]), P
    )
    case(f"{n}.accumulate", f.accumulate, P)
    case(f"{n}.accumulate -1", lambda a, f=f: f.accumulate(a, axis=-1), P)
    case(f"{n}.accumulate None", lambda a, f=f: f.accumulate(a, axis=None), P[0])
    case(f"{n}.accumulate nothing", lambda a, f=f: f.accumulate(a, axis=-1), T[..., :0])
case("subtract.reduce three axes", lambda a: np.subtract.reduce(a, axis=-1), T)
case("subtract.reduce vector", lambda a: np.subtract.reduce(a, axis=None), v)
case("subtract.reduce no axis", lambda a: np.subtract.reduce(a * a, axis=()), A)
case("subtract.reduce no axis initial", lambda a: np.subtract.reduce(a, axis=(), initial=3.0), A)
case(
    "subtract.reduce initial Tensor", lambda a, i: np.subtract.reduce(a, axis=1, initial=np.sum(i)), A, np.array([0.4])
)
case("subtract.reduce number", lambda a: np.subtract.reduce(a) ** 2, np.array(2.5))
case("subtract.reduce complex", np.subtract.reduce, Z)
case("divide.accumulate complex", np.divide.accumulate, Z)
case("add.reduce complex", lambda z: np.add.reduce(z * z, axis=1), Z)
case("multiply.reduce complex", lambda z: np.multiply.reduce(z, axis=1), Z)
case("maximum.reduce complex", lambda z: np.maximum.reduce(z, axis=1), Z)
case("fmin.reduce complex", lambda z: np.fmin.reduce(z, axis=1), Z)
case("maximum.accumulate complex", lambda z: np.maximum.accumulate(z, axis=1), Z)

for f in (np.add, np.multiply, np.maximum, np.logaddexp, np.subtract):
    n = f.__name__
    case(f"{n}.reduceat", lambda a, f=f: f.reduceat(a * a, [0, 2]), A)
    case(f"{n}.reduceat any order", lambda a, f=f: f.reduceat(a, [2, 0, 3, 3, 1, 1], axis=-1), T)
    case(f"{n}.reduceat axis 1", lambda a, f=f: f.reduceat(a, [1, 0, 2], axis=1), T)
    case(f"{n}.reduceat of no index", lambda a, f=f: f.reduceat(a, np.zeros(0, int), axis=1), T)
case("add.reduceat complex", lambda z: np.add.reduceat(z * z, [1, 0], axis=1), Z)

for f in (np.subtract, np.multiply, np.power, np.arctan2, np.logaddexp):
    case(f"{f.__name__}.outer", f.outer, P, np.abs(v))
    case(f"{f.__name__}.outer number", lambda a, f=f: f.outer(a, 2.0), P.astype(float))
case("subtract.outer matrices", np.subtract.outer, A, T)
case("subtract.outer list", lambda a: np.subtract.outer([1.0, 2.0], a), A)

f4, f8, c16 = np.float32, np.float64, np.complex128
case("add dtype", lambda a, b: np.add(a, b, dtype=f8), A, P)
case("multiply signature", lambda a, b: np.multiply(a, b, signature="dd->d"), A, P)
case("multiply sig", lambda a: np.multiply(a, [1, 2, 3, 4], sig=(f8, f8, f8)), A)
case("multiply truth", lambda a: np.multiply(a, True, dtype=f8), A)
case("sqrt dtype", lambda a: np.sqrt(a, dtype=c16), A)
case("arcsin dtype", lambda a: np.arcsin(a, dtype=c16), 2 * A)
case("power dtype", lambda a: np.power(a, 0.5, dtype=c16), A)
case("absolute dtype", lambda z: np.absolute(z, dtype=f8), Z.astype(c16))
case("sign dtype", lambda z: np.sign(z, dtype=c16), Z)
case("modf dtype", lambda a: np.modf(a, dtype=f8, order="F")[0], A)
case("add order", lambda a: np.add(a, a, order="F"), A)
case("add casting subok where", lambda a: np.add(a, a, casting="safe", subok=False, where=True, dtype=None), A)
case("add.reduce dtype", lambda a: np.add.reduce(a, axis=1, dtype=f8), A)
case("add.accumulate dtype", lambda a: np.add.accumulate(a, axis=1, dtype=f8), A)
case("add.reduceat dtype", lambda a: np.add.reduceat(a, [1, 0], axis=1, dtype=f8), A)
case("multiply.outer dtype", lambda a: np.multiply.outer(a, a, dtype=f8), A)
B = np.swapaxes(T, 1, 2).copy()
case("matmul axes", lambda a, b: np.matmul(a, b, axes=[(2, 1), (1, 2), (2, 0)]), T, T + 1)
case(
    "matmul axes moved",
    lambda a, b: np.matmul(a, b, axes=[(0, -1), (-1, 0), (0, 1)]),
    T,
    np.moveaxis(T, 0, 1).transpose(1, 0, 2).copy(),
)
case("matmul axes of a vector", lambda a, b: np.matmul(a, b, axes=[(0, 2), (0,), (1,)]), T, v)
case("matmul dtype", lambda a, b: np.matmul(a, b, dtype=f8), T, B)
if hasattr(np, "vecdot"):
    n = "vecdot"
    case(f"{n} axis", lambda a, b: np.vecdot(a, b, axis=0), T, T + 1)
    case(f"{n} axis keepdims", lambda a, b: np.vecdot(a, b, axis=0, keepdims=True), T, T + 1)
    case(f"{n} keepdims", lambda a, b: np.vecdot(a, b, keepdims=True), T, T + 1)
    case(f"{n} axes", lambda a, b: np.vecdot(a, b, axes=[(1,), 2]), T, B)
    case(f"{n} axes of all", lambda a, b: np.vecdot(a, b, axes=[1, 2, ()]), T, B)
    case(f"{n} axes keepdims", lambda a, b: np.vecdot(a, b, axes=[1, 2], keepdims=True), T, B)
    case(f"{n} axes first keepdims", lambda a, b: np.vecdot(a, b, axes=[0, 0], keepdims=True), T, T + 1)
    case(f"{n} axes keepdims placed", lambda a, b: np.vecdot(a, b, axes=[1, 2, 0], keepdims=True), T, B)


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    with warnings.catch_warnings(action="error"):
        rulecheck(f, *xs)


@settings(derandomize=True, max_examples=30, deadline=None)
@given(data=st.data())
def test_any_shape_and_axis(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    f = data.draw(st.sampled_from(WITH_IDENTITY + EXTREMES + ORDERED))
    x = np.random.default_rng(data.draw(st.integers(0, 9))).uniform(0.5, 2, shape)
    where = np.random.default_rng(1).random(shape) < 0.5
    rulecheck(lambda x: f.reduce(x, axis=axis), x)
    rulecheck(lambda x: f.reduce(x, axis=axis, keepdims=True, where=where, initial=0.7), x)
    rulecheck(lambda x: f.accumulate(x, axis=axis), x)
    indices = np.random.default_rng(2).integers(0, shape[axis], 3)
    rulecheck(lambda x: f.reduceat(x, indices, axis=axis), x)


@pytest.mark.parametrize("f", [np.power, np.arctan2])
def test_steps_where_numpy_reduces_wrongly_on_some_processors(f):
    def loop(x):
        y = x[0]
        for xi in x[1:]:
            y = f(y, xi)
        return y

    def reduced(x):
        return f.reduce(x) if isinstance(x, Tensor) else loop(x)

    rulecheck(reduced, P)
    rulecheck(lambda x: f.accumulate(x, axis=-1), P)


@pytest.mark.parametrize("f", WITH_IDENTITY + EXTREMES + ORDERED)
def test_one_number_is_its_own_reduction(f):
    for axis in (None, 0, -1, ()):
        for keepdims in (False, True):
            x = Tensor(np.array(2.5), requires_grad=True)
            y = f.reduce(x, axis=axis, keepdims=keepdims)
            assert y.shape == () and y.item() == pytest.approx(2.5)
            y.backward()
            assert x.grad.item() == pytest.approx(1.0) and x.grad.shape == ()
    assert grad(lambda x: grad(f.reduce)(x))(2.5) == pytest.approx(0.0)


# Decisions


@pytest.mark.parametrize("f", EXTREMES)
def test_equals_share_evenly(f):
    np.testing.assert_array_equal(grad(f.reduce)(np.array([3.0, 3.0, 3.0])), [1 / 3] * 3)
    x = np.array([3.0, -3.0, 3.0] if f in (np.maximum, np.fmax) else [-3.0, 3.0, -3.0])
    np.testing.assert_array_equal(grad(f.reduce)(x), [0.5, 0, 0.5])
    dx, di = grad(lambda x, i: f.reduce(x, initial=i), (0, 1))(x, x[0])
    np.testing.assert_array_equal(dx, [1 / 3, 0, 1 / 3])
    assert di == 1 / 3
    found = grad(lambda x: f.reduce(x, initial=x[1], where=[True, True, False]))(x)
    np.testing.assert_array_equal(found, [1, 0, 0])
    rows, up = Tensor([[1.0, 1.0], [2.0, 2.0]]), f in (np.maximum, np.fmax)
    for weights in (np.array([1.0, 10.0]), np.array([[1.0], [10.0]])):
        di = grad(lambda i, w=weights: np.sum(f.reduce(rows, axis=1, initial=i, keepdims=w.ndim == 2) * w))(1.0 + up)
        np.testing.assert_allclose(di, 1 + 10 / 3 if up else 1 / 3 + 10)
    two = grad(lambda x: np.sum(f.reduce(x, axis=1) * [1.0, 10.0]))(np.array([[1.0, 1.0], [2.0, 2.0]]))
    np.testing.assert_array_equal(two, [[0.5, 0.5], [5, 5]])


@pytest.mark.parametrize("f", EXTREMES)
def test_running_extremes_share_evenly_among_equals_so_far(f):
    up = 1.0 if f in (np.maximum, np.fmax) else -1.0
    x = up * np.array([1.0, 1.0, 0.0, 2.0, 1.0, 2.0, 2.0])
    dy = np.array([1.0, 10.0, 100.0, 1.0, 10.0, 100.0, 1000.0])
    found = grad(lambda x: np.sum(dy * f.accumulate(x)))(x)
    third = 1000 / 3
    np.testing.assert_allclose(found, [1 + 5 + 50, 5 + 50, 0, 1 + 10 + 50 + third, 0, 50 + third, third])
    np.testing.assert_allclose(
        grad(lambda x: np.sum(f.accumulate(x)))(np.ones(33)), [np.sum(1 / np.arange(j, 34)) for j in range(1, 34)]
    )


def test_nan_is_left_out_by_fmax_and_kept_by_maximum():
    x = np.array([np.nan, 1.0, np.nan, 2.0])
    np.testing.assert_array_equal(grad(np.fmax.reduce)(x), [0, 0, 0, 1])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.fmax.accumulate(x)))(x), [0, 2, 0, 1])
    np.testing.assert_array_equal(grad(np.fmax.reduce)(x[:1]), [0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.maximum.accumulate(x)))(x[1:]), [1, 0, 0])


def test_hypot_of_zeros_sends_zero_to_second_order():
    np.testing.assert_array_equal(grad(np.hypot.reduce)(np.zeros(3)), [0, 0, 0])
    np.testing.assert_array_equal(grad(lambda x: grad(np.hypot.reduce)(x)[0])(np.zeros(3)), [0, 0, 0])
    assert grad(lambda i: np.hypot.reduce(Tensor(np.zeros(3)), initial=i))(0.0) == 0.0


@pytest.mark.parametrize(("f", "base"), [(np.logaddexp, np.e), (np.logaddexp2, 2.0)])
def test_log_sum_exp_is_stable(f, base):
    x = np.array([1000.0, 1000.0, 998.0, -np.inf])
    share = base ** np.array([0, 0, -2.0, -np.inf])
    with warnings.catch_warnings(action="error"):
        y = f.reduce(Tensor(x, requires_grad=True))
        np.testing.assert_allclose(y.data, f.reduce(x), rtol=1e-15)
        np.testing.assert_allclose(grad(f.reduce)(x), share / share.sum(), rtol=1e-12)
        running = grad(lambda x: f.accumulate(x)[-1])(x)
    np.testing.assert_allclose(running, share / share.sum(), rtol=1e-12)
    mask = np.array([False, True, True, False])
    x[0] = np.nan
    np.testing.assert_allclose(
        grad(lambda x: f.reduce(x, where=mask))(x), np.where(mask, share, 0) / share[mask].sum(), rtol=1e-12
    )


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2])
@pytest.mark.parametrize("running", [False, True])
def test_log_sum_exp_at_infinity(f, running):
    inf = np.inf

    def last(x):
        return f.accumulate(x)[-1] if running else f.reduce(x)

    for x, expected in (
        ([-inf, -inf], [0.5, 0.5]),
        ([-inf, 1.0], [0, 1]),
        ([1.0, -inf], [1, 0]),
        ([inf, 1.0, inf], [0.5, 0, 0.5]),
        ([-inf, inf, 2.0], [0, 1, 0]),
        ([-inf, -inf, 0.0, inf, inf], [0, 0, 0, 0.5, 0.5]),
    ):
        x = np.array(x)
        with warnings.catch_warnings(action="error"):
            y = last(Tensor(x, requires_grad=True))
            np.testing.assert_array_equal(y.data, last(x))
            np.testing.assert_allclose(grad(last)(x), expected, rtol=1e-15)
    if not running:
        x = np.array([-inf, -inf, 3.0])
        np.testing.assert_array_equal(grad(lambda x: f.reduce(x, where=[True, True, False]))(x), [0.5, 0.5, 0])
        np.testing.assert_array_equal(grad(lambda x: f.reduce(x, where=[False, False, False]))(x), [0, 0, 0])
        assert f.reduce(Tensor(np.zeros((0, 2)), requires_grad=True)).tolist() == [-inf, -inf]
        np.testing.assert_array_equal(grad(lambda x: f.reduce(x, initial=inf))(x), [0, 0, 0])
        rows = np.array([[inf, inf], [inf, 0.0], [-inf, -inf], [1.0, -inf]])
        found = grad(lambda x: np.sum(f.reduce(x, axis=1)[:2] * [1.0, 10.0]))(rows)
        np.testing.assert_array_equal(found, [[0.5, 0.5], [10, 0], [0, 0], [0, 0]])
    else:
        x = Tensor([-inf, -inf, inf, inf], requires_grad=True)
        f.accumulate(x).backward([1.0, 10.0, 100.0, 1000.0])
        np.testing.assert_array_equal(x.grad.data, [6, 5, 600, 500])


def test_log_sum_exp_is_one_operation_and_not_a_step_for_each_value():
    x = Tensor(rng.normal(size=(3, 1000)), requires_grad=True)
    y = np.logaddexp.reduce(x, axis=1)
    assert y.step.function is log_sum_exp
    assert y.step.parents == (x,)
    for f in (np.logaddexp, *EXTREMES):
        assert f.accumulate(x, axis=1).step.parents == (x,)


# out and where


def test_out_is_the_tensors_next_version():
    x = Tensor([1.0, 2.0], requires_grad=True)
    out = Tensor([0.0, 0.0])
    y = np.multiply(x, 3.0, out=out)
    assert y is out and out.tolist() == [3, 6]
    assert out.step.function is np.multiply
    np.sum(out * out).backward()
    np.testing.assert_array_equal(x.grad.data, [18, 36])


def test_out_may_be_larger_and_of_a_wider_type():
    x = Tensor(np.array([1.0, 2.0], np.float32), requires_grad=True)
    out = Tensor(np.zeros((3, 2)))
    assert np.square(x, out=out) is out
    assert out.dtype == np.float64 and out.tolist() == [[1, 4]] * 3
    np.sum(out).backward()
    np.testing.assert_array_equal(x.grad.data, [6, 12])
    with pytest.raises(ValueError, match="broadcast"):
        np.square(x, out=Tensor(np.zeros(3)))


def test_out_of_methods_and_of_several_results():
    x = Tensor([[1.25, 2.5]], requires_grad=True)
    total, whole = Tensor(np.zeros(2)), Tensor(np.zeros((1, 2)))
    assert np.add.reduce(x, axis=0, out=total) is total
    part, same = np.modf(x, out=(None, whole))
    assert same is whole and whole.tolist() == [[1, 2]]
    np.sum(total * 3 + part * 4).backward()
    np.testing.assert_array_equal(x.grad.data, [[7, 7]])
    assert np.add.outer(x[0], [0.0, 1.0], out=Tensor(np.zeros((2, 2)))).tolist() == [[1.25, 2.25], [2.5, 3.5]]


def test_numbers_serve_as_a_mask_as_in_numpy():
    x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    assert np.square(x, out=Tensor(np.zeros(3)), where=[2, 0, 1.5]).tolist() == [1, 0, 9]
    np.testing.assert_allclose(np.logaddexp.reduce(x, where=[2, 0, 0]).data, 1.0)
    np.testing.assert_array_equal(grad(lambda x: np.fmax.reduce(x, where=[2, 0, 0], initial=0.0))(x.data), [1, 0, 0])
    np.testing.assert_array_equal(
        grad(lambda x: np.logaddexp.reduce(x, where=[2, 0, 0]))(np.full(3, np.inf)), [1, 0, 0]
    )
    assert np.add(x, 1.0, out=None).tolist() == [2, 3, 4]


def test_out_without_a_gradient_is_written_into():
    out = Tensor([0.0, 0.0])
    assert np.add([1.0, 2.0], 1.0, out=out) is out
    assert out.tolist() == [2, 3] and not out.requires_grad
    with no_grad():
        np.add(Tensor([1.0, 2.0], requires_grad=True), 2.0, out=out)
    assert out.tolist() == [3, 4] and not out.requires_grad
    flags = Tensor([False, False])
    assert np.greater(Tensor([1.0, -1.0], requires_grad=True), 0, out=flags) is flags
    assert flags.tolist() == [True, False]


def test_where_with_out_computes_only_what_is_chosen():
    x, out = Tensor([4.0, 0.0, -1.0], requires_grad=True), Tensor([5.0, 6.0, 7.0], requires_grad=True)
    old = out * 1.0
    with warnings.catch_warnings(action="error"):
        y = np.log(x, out=old, where=x > 0)
        assert y is old
        np.testing.assert_allclose(y.data, [np.log(4), 6, 7])
        (y * [1.0, 10.0, 100.0]).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [0.25, 0, 0])
    np.testing.assert_array_equal(out.grad.data, [0, 10, 100])


def test_where_with_out_broadcasts():
    x, out = Tensor([1.0, 2.0], requires_grad=True), Tensor(np.zeros((2, 2), np.float32))
    y = np.multiply(x, [[2.0], [3.0]], out=out, where=Tensor([[True], [False]]))
    assert y.dtype == np.float32 and y.tolist() == [[2, 4], [0, 0]]
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, [2, 2])
    exact = np.add(Tensor(np.ones(1, f4), requires_grad=True), 1e-9, out=Tensor(np.zeros(1)), where=[True])
    assert exact.tolist() == [1]  # a number of Python's takes the single precision of what it is added to
    whole = Tensor(np.zeros(2, int))
    with pytest.raises(TypeError, match="Tensor of int64 as out= cannot take float64"):
        np.add(x.detach(), 1.0, out=whole, where=[True, False])
    number = Tensor(0.0)
    np.add(x[0], 1.0, out=number, where=np.array(True))
    assert number.item() == 2.0
    np.add(x[0], 5.0, out=number, where=np.array(False))
    assert number.item() == 2.0
    single = np.multiply(
        Tensor(np.ones(2, f4), requires_grad=True), 2.0, out=Tensor(np.zeros(2, f4)), where=[True, False]
    )
    assert single.tolist() == [2, 0]


def test_an_array_as_out_is_refused_where_it_would_drop_a_gradient():
    x = Tensor(np.ones(3), requires_grad=True)
    for refused in (
        lambda: np.add(x, 1.0, out=np.zeros(3)),
        lambda: np.add.reduce(x, out=np.zeros(())),
        lambda: np.add.outer(x, x, out=np.zeros((3, 3))),
        lambda: np.add(x, 1.0, out=np.zeros(3), where=[True, False, True]),
        lambda: operator.iadd(np.zeros(3), x),
    ):
        with pytest.raises(TypeError, match=r"np.add\(\.\.\., out=\) would write .*y = y \+ x, not y \+= x"):
            refused()


def test_an_array_as_out_takes_what_has_no_gradient():
    x, y = Tensor(np.ones(3)), np.zeros(3)
    assert np.add(x, 1.0, out=y) is y and y.tolist() == [2, 2, 2]
    assert np.add(x, 4.0, out=y, where=Tensor([True, False, True])) is y and y.tolist() == [5, 2, 5]
    assert np.add.reduce(x, initial=Tensor(2.0), out=(total := np.zeros(()))) is total and total == 5
    assert np.multiply.outer(x, 2 * x, out=(products := np.zeros((3, 3)))) is products and products.sum() == 18
    whole = Tensor(np.zeros(3))
    fraction, part = np.modf(Tensor([1.5, 2.5, 3.5]), out=(y, whole))
    assert fraction is y and y.tolist() == [0.5, 0.5, 0.5] and part is whole and whole.tolist() == [1, 2, 3]
    fraction, part = np.modf(Tensor([1.25, 2.5, 3.5]), out=(y, None))
    assert fraction is y and isinstance(part, Tensor) and part.tolist() == [1, 2, 3]
    with no_grad():
        y += Tensor(np.ones(3), requires_grad=True)
    assert y.__class__ is np.ndarray and y.tolist() == [1.25, 1.5, 1.5]


@pytest.mark.parametrize("write", [lambda a, x: np.add(x, 1.0, out=a), lambda a, x: np.cumsum(x, out=a)])
def test_a_write_into_an_array_that_a_graph_needs_is_seen(write):
    a, x = np.ones(3), Tensor(np.ones(3), requires_grad=True)
    y = np.sum(x * a)
    write(a, Tensor(np.ones(3)))
    with pytest.raises(RuntimeError, match=r"np\.\w+\(\.\.\., out=\)"):
        y.backward()


def test_where_without_out_is_refused():
    for requires_grad in (True, False):
        x = Tensor(np.ones(3), requires_grad=requires_grad)
        with pytest.raises(TypeError, match=r"np.add\(\.\.\., where=\) leaves .* use np.where\(mask, np.add\(\.\.\.\)"):
            np.add(x, 1.0, where=np.array([True, False, True]))
        with pytest.raises(TypeError, match=r"np.multiply\(\.\.\., where=\) leaves"):
            np.multiply.outer(x, x, where=np.eye(3, dtype=bool))
        with pytest.raises(TypeError, match=r"np.modf\(\.\.\., where=\) leaves"):
            np.modf(x, out=(None, Tensor(np.zeros(3))), where=[True, False, True])


# Without a gradient, and what NumPy says


def test_without_a_gradient_everything_is_numpys():
    x = Tensor([3.0, 4.0])
    assert np.hypot.reduce(x).item() == 5.0
    assert np.multiply.accumulate(x).tolist() == [3.0, 12.0]
    assert np.add.reduce(x, where=Tensor([True, False]), initial=Tensor(1.0)).item() == 4.0
    assert isinstance(np.add(x, 1, dtype=float), Tensor)
    with no_grad():
        assert not np.add.reduce(Tensor([1.0], requires_grad=True)).requires_grad


def test_piecewise_constant_ufuncs_return_plain_arrays():
    x = Tensor([3.0, 4.0], requires_grad=True)
    for found, expected in (
        (np.greater(x, 3.5, order="F"), [False, True]),
        (np.floor_divide.reduce(x), 0.0),
        (np.floor_divide.outer(x, [2.0]), [[1.0], [2.0]]),
        (np.logical_or.reduce(x), True),
        (np.sign(x, dtype=float), [1.0, 1.0]),
    ):
        assert not isinstance(found, Tensor)
        np.testing.assert_array_equal(found, expected)


def test_types_are_those_that_numpy_computes_in():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = np.add(x, 1e-9, dtype=f4)
    assert y.dtype == f4 and y.tolist() == [1, 2]
    y.backward([1.0, 2.0])
    assert x.grad.dtype == f8 and x.grad.tolist() == [1, 2]
    x.grad = None
    y = np.maximum(x, [1 + 1e-9, 0.0], dtype=f4)  # a tie in single precision
    y.sum().backward()
    assert x.grad.tolist() == [0.5, 1]
    single = Tensor(np.ones(2, f4), requires_grad=True)
    assert np.add(single, 2.0, casting="same_kind").dtype == f4
    assert np.add.outer(single, 2.0).dtype == np.add.outer(np.ones(2, f4), 2.0).dtype == f8
    assert np.add.reduce(single, dtype=f8).dtype == f8
    assert np.add.accumulate(single, dtype=f8).dtype == f8
    assert np.add.reduceat(single, [0], dtype=f8).dtype == f8
    assert np.float_power.reduce(single).dtype == np.float_power.accumulate(single).dtype == f8
    assert np.subtract.reduce(single, initial=np.float64(1.0)).dtype == f4
    assert np.add(x, x, order="F").data.flags.f_contiguous
    matrix = Tensor(A, requires_grad=True)
    assert np.add(matrix, 1.0, order="F").data.flags.f_contiguous
    assert all(y.data.flags.f_contiguous for y in np.modf(matrix, order="F"))
    assert np.add(matrix, 1.0, order="C").data.flags.c_contiguous


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: np.add(x, 1.0, foo=2), TypeError),
        (lambda x: np.add(x, 1.0, dtype=int), TypeError),
        (lambda x: np.add(x, 1.0, dtype=f4, casting="safe"), TypeError),
        (lambda x: np.add(x, 1.0, keepdims=True), TypeError),
        (lambda x: np.add(x, 1.0, dtype=float, signature="dd->d"), TypeError),
        (lambda x: np.matmul(x, x.T, axis=0), TypeError),
        (lambda x: np.matmul(x, x.T, where=True), TypeError),
        (lambda x: np.matmul(x, x.T, axes=[(0, 1), (0, 1)]), ValueError),
        (lambda x: np.add.reduce(x, axis=2), ValueError),
        (lambda x: np.subtract.reduce(x, axis=(0, 1)), ValueError),
        (lambda x: np.subtract.reduce(x, axis=2), ValueError),
        (lambda x: np.subtract.reduce(x, where=x > 0), ValueError),
        (lambda x: np.subtract.reduce(x[:0]), ValueError),
        (lambda x: np.logaddexp.reduce(x, axis=2), ValueError),
        (lambda x: np.fmax.reduce(x[:0]), ValueError),
        (lambda x: np.fmax.reduce(x, where=x > 0), ValueError),
        (lambda x: np.add.reduce(x[:0], initial=None), ValueError),
        (lambda x: np.logaddexp.reduce(x, where=x > 0, initial=None), ValueError),
        (lambda x: np.add.accumulate(x, axis=None), ValueError),
        (lambda x: np.maximum.accumulate(x, axis=None), ValueError),
        (lambda x: np.subtract.accumulate(x, axis=None), ValueError),
        (lambda x: np.add.accumulate(x[0, 0]), TypeError),
        (lambda x: np.subtract.accumulate(x[0, 0]), TypeError),
        (lambda x: np.logaddexp2.accumulate(x[0, 0]), TypeError),
        (lambda x: np.subtract.accumulate(x, axis=2), ValueError),
        (lambda x: np.subtract.reduceat(x, [5]), IndexError),
        (lambda x: np.add.reduceat(x, [0, -1]), IndexError),
    ],
)  # fmt: skip
def test_errors_are_numpys(f, error):
    with pytest.raises(error):
        f(A)
    with pytest.raises(error):
        f(Tensor(A, requires_grad=True))


@pytest.mark.parametrize("method", ["reduce", "accumulate"])
def test_only_functions_of_two_numbers_with_one_result_have_methods(method):
    x = Tensor(A, requires_grad=True)
    with pytest.raises(ValueError, match="only supported for binary functions"):
        getattr(np.exp, method)(x)
    with pytest.raises(ValueError, match="a single value"):
        getattr(np.divmod, method)(x)


def test_no_gradient_passes_through_other_keywords():
    x = Tensor(A, requires_grad=True)
    with pytest.raises(TypeError, match="np.add.reduce takes no gradient through where=: detach"):
        np.add.reduce(x, where=Tensor(np.ones(4), requires_grad=True))


def test_at_has_no_rule_here():
    x = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(NoRuleError, match="np.multiply.at has no gradient rule"):
        call(np.multiply, "at", (x, [0], 2.0), {})


def test_a_ufunc_without_a_rule_is_named():
    add3 = np.frompyfunc(lambda a, b: a + b, 2, 1)
    x = Tensor(np.ones(3), requires_grad=True)
    for reduced in (add3.reduce, add3.accumulate, lambda x: add3.reduceat(x, [0])):
        with pytest.raises(NoRuleError, match="has no gradient rule"):
            reduced(x)
    assert add3.reduce(x.detach()) == 3
    with no_grad():
        assert add3.reduce(x) == 3


def test_numbers_of_python_take_the_precision_of_the_arrays_beside_them():
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    assert np.add(x, 1, order="F").dtype == np.float32
    assert np.add(x, 1.0, order="F").dtype == np.float32
    assert np.multiply(x, 1j, order="F").dtype == np.complex64
