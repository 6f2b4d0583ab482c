"""Every rule against the definition of a derivative, to second order; values against NumPy itself."""

import warnings

import numpy as np
import pytest

from pellucid import NoRuleError, Tensor, grad, gradcheck, rule, tape
from pellucid.tape import rules

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 4))
B = rng.normal(size=(4, 2))
P = rng.uniform(0.5, 2, (3, 4))
S = rng.normal(size=(3, 3))
T = rng.normal(size=(2, 3, 4))
v = rng.normal(size=4)
U = np.tanh(A) * 0.8  # inside (-1, 1)
CASES = {}


def case(name, f, *xs):
    assert name not in CASES
    CASES[name] = f, xs


for name in """exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh deg2rad radians rad2deg degrees cbrt square
               reciprocal absolute fabs negative positive sinc conjugate real copy nan_to_num""".split():
    case(name, getattr(np, name), A)
for name in "log log2 log10 log1p sqrt".split():
    case(name, getattr(np, name), P)
for name in "arcsin arccos arctanh".split():
    case(name, getattr(np, name), U)
case("arccosh", np.arccosh, P + 1)
for name in """add subtract multiply divide logaddexp logaddexp2 hypot arctan2 maximum minimum fmax fmin remainder fmod
               copysign""".split():
    case(name, getattr(np, name), A, P)
    case(name + " broadcast", getattr(np, name), A, P[:1])
case("power", np.power, P, A)
case("float_power", np.float_power, P, A)
case("power of arrays", lambda a: a ** np.array([0.0, 1.0, 2.0, 3.0]), A)
for exponent in (0, 1, 2, 3, 2.0, -1.0, 0.5):
    case(f"power {exponent!r}", lambda a, e=exponent: a**e, P)
case("number to the power of a Tensor", lambda a: 2.0**a, A)
case("divmod", np.divmod, A, P)
case("modf", lambda a: np.modf(a)[0], A)
case("frexp", lambda a: np.frexp(a)[0], A)
case("ldexp", lambda a: np.ldexp(a, 3), A)
case("where", lambda a, b: np.where(A > 0, a, b * b), A, P)
case("where broadcast", lambda a, b: np.where(A > 0, a, b), A, v)
case("clip", lambda a: np.clip(a, -0.5, 0.5), A)
case("clip one side", lambda a: np.clip(a, None, 0.5), A)
case("clip by arrays", np.clip, A, A - 0.1 * P, A + np.where(A > 0, -0.05, 0.1))
case("astype", lambda a: a.astype(np.float64) * 2, A)

for axis in (None, 0, 1, -1, (0, 1), (0, -1)):
    for keepdims in (False, True):
        for name in "sum mean max min var std prod".split():
            case(
                f"{name} {axis} {keepdims}",
                lambda a, n=name, i=axis, k=keepdims: getattr(np, n)(a, axis=i, keepdims=k),
                T,
            )
case("sum where", lambda a: np.sum(a * a, axis=0, where=A > 0), A)
case("var ddof", lambda a: np.var(a, axis=0, ddof=1), A)
case("std ddof", lambda a: np.std(a, axis=0, ddof=1), A)
case("prod one zero", lambda a: np.prod(a, axis=1), A * np.array([0, 1, 1, 1]))
case("prod two zeros", lambda a: np.prod(a, axis=1), A * np.array([0, 1, 0, 1]))
case("cumsum", lambda a: np.cumsum(a * a, axis=1), A)
case("cumsum flat", lambda a: np.cumsum(a * a), A)

for pair in (
    (A, B),
    (A, v),
    (v, B),
    (v, v + 1),
    (T, B),
    (T, v),
    (A, np.swapaxes(T, 1, 2)),
    (v, np.swapaxes(T, 1, 2)),
    (T, np.swapaxes(T, 1, 2)),
):
    shapes = " ".join(str(np.shape(x)) for x in pair)
    case("matmul " + shapes, np.matmul, *pair)
    case("dot " + shapes, np.dot, *pair)
case("dot number", np.dot, np.array(2.0), A)
case("inner", np.inner, A, T)
case("outer", np.outer, A, v)
case("vdot", np.vdot, A, P)
case("vecdot", lambda a, b: np.vecdot(a, b), A, v)
case("tensordot", lambda a, b: np.tensordot(a, b, ([2, 1], [1, 0])), T, A)
case("tensordot 1", lambda a, b: np.tensordot(a, b, 1), T, B)
case("tensordot of nothing", lambda a, b: np.tensordot(a, b, 1), A[:, :0], B[:0])
case("matmul of nothing", np.matmul, T[:, :, :0], B[:0])
case("prod of nothing", lambda a: np.prod(a, axis=1), A[:, :0])
case("einsum with a length 1", lambda a: np.einsum("ij,i->j", a, np.array([2.0])), A)
case("tensordot 0", lambda a, b: np.tensordot(a, b, 0), A, v)
for subscripts, *xs in (
    ("ij,jk->ik", A, B), ("ij,jk", A, B), ("ij,jk->ki", A, B), ("ii->i", S), ("ii", S), ("ii,i->", S, S[0]),
    ("ij->j", A), ("ij->", A), ("aij,ij", T, A), ("...ij,kj->...k", T, A), ("i...,...->i...", T, A), ("...,...", T, A),
    ("i,j,k->kij", v, S[0], B[0]), ("ij,ij,ij->i", A, P, A), ("...i->...", T), ("aij,bij->ab", T, T),
    ("iij->j", rng.normal(size=(3, 3, 2))),
):  # fmt: skip
    case("einsum " + subscripts, lambda *xs, s=subscripts: np.einsum(s, *xs), *xs)

case("reshape", lambda a: np.reshape(a, (2, 6)) ** 2, A)
case("reshape F", lambda a: np.reshape(a, (2, 6), order="F") * np.arange(12.0).reshape(2, 6), A)
case("ravel F", lambda a: np.ravel(a, "F") * np.arange(12.0), A)
case("ravel", lambda a: np.ravel(a) ** 2, A)
case("squeeze", lambda a: np.squeeze(a) ** 2, A[None])
case("expand_dims", lambda a: np.expand_dims(a, (0, 2)) ** 2, A)
case("broadcast_to", lambda a: np.broadcast_to(a, (2, 3, 4)) ** 2, A)
case("transpose", lambda a: np.transpose(a) ** 2, A)
case("transpose axes", lambda a: np.transpose(a, (2, 0, -2)) ** 2, T)
case("swapaxes", lambda a: np.swapaxes(a, 0, 2) ** 2, T)
case("moveaxis", lambda a: np.moveaxis(a, 0, 2) ** 2, T)
case("flip", lambda a: np.flip(a, 1) * A, A)
case("fliplr", lambda a: np.fliplr(a) * A, A)
case("flipud", lambda a: np.flipud(a) * A, A)
case("rot90", lambda a: np.rot90(a, 1, (0, 2)) ** 2, T)
case("roll", lambda a: np.roll(a, 1, 0) * A, A)
case("roll two", lambda a: np.roll(a, (1, -2), (0, 1)) * A, A)
case("roll flat", lambda a: np.roll(a, 5) * A, A)
case("repeat", lambda a: np.repeat(a, 2) ** 2, A)
case("repeat axis", lambda a: np.repeat(a, 3, axis=0) ** 2, A)
case("repeat counts", lambda a: np.repeat(a, [1, 0, 2, 3], axis=1) ** 2, A)
case("repeat counts flat", lambda a: np.repeat(a, [1, 0, 2, 3]) ** 2, v)
case("tile", lambda a: np.tile(a, (2, 1, 3)) ** 2, A)
case("tile 2", lambda a: np.tile(a, 2) ** 2, T)
case("pad", lambda a: np.pad(a, ((1, 0), (2, 1))) ** 2, A)
case("pad 1", lambda a: np.pad(a, 1) ** 2, A)
for offset in (-1, 0, 2):
    case(f"diagonal {offset}", lambda a, k=offset: np.diagonal(a, k) ** 2, A)
    case(f"diagonal axes {offset}", lambda a, k=offset: np.diagonal(a, k, 2, 0) ** 2, T)
    case(f"trace {offset}", lambda a, k=offset: np.trace(a, k), A)
    case(f"tril {offset}", lambda a, k=offset: np.tril(a, k) ** 2, A)
    case(f"triu {offset}", lambda a, k=offset: np.triu(a, k) ** 2, A)
case("concatenate", lambda a, b: np.concatenate([a, b * b], axis=1), A, P)
case("concatenate flat", lambda a, b: np.concatenate([a, b * b], axis=None), A, v)
case("concatenate the rows of an array", lambda a: np.concatenate(a * a, axis=-1), T)
case("concatenate with constants", lambda a: np.concatenate([A, a * a, A]), A)
case("stack", lambda a, b: np.stack([a, b * b], 1), A, P)
case("vstack", lambda a, b: np.vstack([a, b * b]), A, v)
case("hstack", lambda a, b: np.hstack([a, b * b]), A, P)
case("hstack vectors", lambda a, b: np.hstack([a, b * b]), v, v)
case("column_stack", lambda a, b: np.column_stack([a, b * b]), A, S[0])
case("split", lambda a: list(np.split(a * a, 2, axis=1)), A)
case("split by name", lambda a: list(np.split(a * a, indices_or_sections=2, axis=1)), A)
case("swapaxes by name", lambda a: np.swapaxes(a, axis1=0, axis2=2) ** 2, T)
case("split at", lambda a: list(np.split(a * a, [1, 3], axis=-1)), A)
case("array_split", lambda a: list(np.array_split(a * a, 3, axis=1)), A)
case("hsplit", lambda a: list(np.hsplit(a * a, 2)), A)
case("vsplit", lambda a: list(np.vsplit(a * a, 3)), A)
case("atleast_1d", lambda a: np.atleast_1d(a) ** 2, np.array(2.0))

case("index", lambda a: a[1] ** 2, A)
case("slice", lambda a: a[1:, ::-2] ** 2, A)
case("new axis", lambda a: a[:, None, ..., 0] ** 2, A)
case("integers twice", lambda a: a[[0, 0, 1], 1:] ** 2, A)
case("pairs", lambda a: a[[0, 0, 2], [1, 1, 3]] ** 2, A)
case("a tuple of places", lambda a: a[(0, 0), 1:] ** 2, A)
case("a range of places", lambda a: a[range(-3, 3)] ** 2, A)
case("one place in an array", lambda a: a[np.array(1), np.int64(2)] ** 2, A)
case("index of a number", lambda a: a[...] ** 3 + a[()] + a[None][0], np.array(2.0))
case("ix_", lambda a: a[np.ix_([0, 2, 2], [1, 3])] ** 2, A)
case("mask", lambda a: a[A > 0] ** 2, A)
case("iteration", lambda a: [row * row for row in a], A)
case("take", lambda a: np.take(a, [0, 1, 1], axis=1) ** 2, A)
case("take flat", lambda a: np.take(a, [[0, 11], [5, 5]]) ** 2, A)
case("take wrap", lambda a: np.take(a, [-5, 13], mode="wrap") ** 2, A)
case("take_along_axis", lambda a: np.take_along_axis(a, np.argsort(A, axis=1), axis=1) ** 2, A)
case("take_along_axis one", lambda a: np.take_along_axis(a, np.array([[0], [1], [1]]), axis=1) ** 2, A)

case("add.reduce", lambda a: np.add.reduce(a * a, axis=1), A)
case("multiply.reduce", lambda a: np.multiply.reduce(a), A)
case("maximum.reduce", lambda a: np.maximum.reduce(a, axis=1), A)
case("add.reduce where", lambda a: np.add.reduce(a * a, axis=1, where=A > 0, initial=2.0), A)
case("logaddexp.reduce", lambda a: np.logaddexp.reduce(a, axis=1), A)
case("add.accumulate", lambda a: np.add.accumulate(a * a, axis=1), A)
case("subtract.outer", lambda a, b: np.subtract.outer(a, b) ** 2, A, v)


@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    gradcheck(f, *xs, order=2, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_value_is_what_numpy_says(name):
    f, xs = CASES[name]
    expected, found = f(*xs), f(*[Tensor(x, requires_grad=True) for x in xs])
    expected, found = (y if isinstance(y, list | tuple) else [y] for y in (expected, found))
    for e, y in zip(expected, found, strict=True):
        assert isinstance(y, Tensor)
        np.testing.assert_allclose(y.numpy(), e, rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32(name):
    f, xs = CASES[name]
    if name.startswith(("float_power", "astype")):
        pytest.skip("float64 by definition")
    xs = [Tensor(x.astype(np.float32), requires_grad=True) for x in xs]
    ys = f(*xs)
    for y in ys if isinstance(ys, list | tuple) else [ys]:
        y.sum().backward(retain_graph=True)
    assert {x.grad.dtype for x in xs if x.grad is not None} == {np.dtype(np.float32)}


# Points where no derivative exists: decided, and the same in every rule.


def test_ties_share_the_gradient():
    np.testing.assert_array_equal(grad(np.max)(np.array([1.0, 3.0, 3.0])), [0, 0.5, 0.5])
    np.testing.assert_array_equal(grad(np.min)(np.array([1.0, 1.0, 3.0])), [0.5, 0.5, 0])
    assert grad(np.maximum)(2.0, 2.0) == 0.5
    assert grad(np.minimum, argnums=1)(2.0, 2.0) == 0.5


def test_kinks():
    assert grad(np.abs)(0.0) == 0.0
    assert grad(lambda x: np.clip(x, 0.0, 1.0))(1.0) == 1.0
    assert grad(lambda x: np.sum(np.std(x)))(np.ones(3)).tolist() == [0, 0, 0]
    assert grad(lambda x: x**0)(0.0) == 0.0
    assert grad(np.power, argnums=1)(0.0, 2.0) == 0.0
    assert grad(np.hypot)(0.0, 0.0) == 0.0
    assert grad(lambda x: np.sum(x ** np.array([0.0, 1.0])))(np.array([np.inf, 1.0])).tolist() == [0, 1]
    assert grad(lambda b: grad(np.power)(2.0, b))(0.0) == 0.5  # of b aᵇ⁻¹ by b
    assert grad(lambda h: np.heaviside(0.0, h) + np.heaviside(1.0, h))(2.0) == 1.0
    lo, hi = grad(lambda lo, hi: np.clip(0.0, lo, hi), argnums=(0, 1))(1.0, 1.0)
    assert lo + hi == 1.0
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        assert np.isnan(grad(lambda x: np.var(x, ddof=1))(np.ones(1))).all()


def test_infinities_and_nan():
    assert grad(np.logaddexp)(-np.inf, 1.0) == 0.0
    assert grad(np.logaddexp, argnums=1)(-np.inf, 1.0) == 1.0
    assert grad(np.logaddexp)(-np.inf, -np.inf) == 0.5
    np.testing.assert_array_equal(grad(np.logaddexp.reduce)(np.full(2, -np.inf)), [0, 0])
    np.testing.assert_array_equal(grad(np.logaddexp.reduce)(np.array([-np.inf, 1.0])), [0, 1])
    assert grad(np.fmax)(1.0, np.nan) == 1.0
    assert grad(np.fmax, argnums=1)(1.0, np.nan) == 0.0


def test_a_product_with_zeros_is_exact_to_second_order():
    x = np.array([0.0, 2.0, 3.0])
    np.testing.assert_array_equal(grad(np.prod)(x), [6, 0, 0])
    hessian_row = grad(lambda x: grad(np.prod)(x)[1])(x)  # ∂²/∂x₁∂xⱼ
    np.testing.assert_array_equal(hessian_row, [3, 0, 0])


def test_piecewise_constant_functions_return_plain_arrays():
    x = Tensor(A, requires_grad=True)
    for y in (x > 0, np.sign(x), np.floor(x), np.argmax(x), np.isnan(x), np.round(x), x == x, np.argsort(x), x // 1):
        assert not isinstance(y, Tensor)


# What is refused


def test_a_function_without_a_rule_says_how_to_give_it_one():
    x = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(NoRuleError, match=r"np.i0 has no gradient rule.*pellucid.rule\(np.i0"):
        np.i0(x)
    assert isinstance(np.i0(x.detach()), Tensor)
    rule(np.i0, lambda dy, y, x: dy * 7)
    try:
        np.testing.assert_array_equal(grad(lambda x: np.i0(x).sum())(np.ones(2)), [7, 7])
    finally:
        del rules[np.i0]


def test_out_and_where_are_refused_clearly():
    x = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(TypeError, match=r"np.add\(\.\.\., out=\)"):
        np.add(x, 1.0, out=np.zeros(3))
    with pytest.raises(TypeError, match=r"np.add\(\.\.\., where=\).*np.where"):
        np.add(x, 1.0, where=np.array([True, False, True]))
    with pytest.raises(TypeError, match="out="):
        np.sum(x, out=np.zeros(()))
    with pytest.raises(TypeError, match="out="):
        np.sum(Tensor(A, requires_grad=True), 0, None, np.zeros(4))
    with pytest.raises(TypeError, match="out"):
        np.take(x, [0], 0, np.zeros(1))
    with pytest.raises(TypeError, match="out="):
        a = np.zeros(3)
        a += x
    with pytest.raises(NoRuleError, match=r"np.add.at"):
        np.add.at(np.zeros(3), [0], x[0])


@pytest.mark.parametrize(
    ("f", "keyword"),
    [
        (lambda x: np.add(x, 1.0, dtype=np.float64), "dtype"),
        (lambda x: np.max(x, axis=0, initial=0.0), "initial"),
        (lambda x: np.mean(x, where=A > 0), "where"),
        (lambda x: np.var(x, mean=1.0), "mean"),
        (lambda x: np.prod(x, initial=2.0), "initial"),
        (lambda x: np.matmul(x, B, axes=[(0, 1), (0, 1), (0, 1)]), "axes"),
        (lambda x: np.einsum("ij->j", x, dtype=np.float64), "dtype"),
        (lambda x: np.maximum.reduce(x, where=A > 0, initial=0.0), "where"),
    ],
)
def test_a_keyword_that_a_rule_does_not_know_is_named_at_once(f, keyword):
    with pytest.raises(NoRuleError, match=f"keyword '{keyword}'"):
        f(Tensor(A, requires_grad=True))
    f(Tensor(A))


def test_reshape_in_an_order_that_depends_on_memory_is_refused():
    with pytest.raises(TypeError, match="order='F', not 'A'"):
        np.ravel(Tensor(A, requires_grad=True), "A").sum().backward()


def test_take_along_axis_refuses_what_numpy_refuses():
    with pytest.raises(IndexError):
        np.take_along_axis(Tensor(A, requires_grad=True), np.zeros((2, 4), int), axis=1)


def test_repeating_by_counts_costs_what_it_copies():
    x = Tensor(np.ones(100_000), requires_grad=True)
    np.repeat(x, np.full(100_000, 2)).sum().backward()
    np.testing.assert_array_equal(x.grad.data, np.full(100_000, 2.0))


def test_ufunc_methods_of_tensors_without_gradient_are_numpys():
    assert np.hypot.reduce(Tensor([3.0, 4.0])).item() == 5.0
    assert np.multiply.accumulate(Tensor([3.0, 4.0])).tolist() == [3.0, 12.0]


def test_an_argument_without_a_rule_is_named():
    mask = Tensor(np.ones(3), requires_grad=True)
    with pytest.raises(NoRuleError, match="np.where has no gradient for its argument 0"):
        np.where(mask, 1.0, 2.0).sum().backward()


def test_keywords_may_hold_tensors():
    x = Tensor(np.array([0.2, 2.0]), requires_grad=True)
    top = Tensor(1.0, requires_grad=True)
    np.clip(x, a_min=0.0, a_max=top).sum().backward()
    assert top.grad.item() == 1.0
    np.testing.assert_array_equal(x.grad.data, [1, 0])
    square = Tensor(S, requires_grad=True)
    (np.sum(square, axis=1, where=Tensor(np.ones((3, 3), bool))) * v[:3]).sum().backward()
    np.testing.assert_array_equal(square.grad.data, np.repeat(v[:3, None], 3, axis=1))


def test_a_bad_split_and_bad_axes_raise():
    x = Tensor(A, requires_grad=True)
    with pytest.raises(ValueError, match="length 4 into 3"):
        np.split(x, 3, axis=1)
    with pytest.raises(ValueError, match="do not match"):
        np.tensordot(x, Tensor(v), ([0], [0]))
    with pytest.raises(TypeError, match="mode='constant' only, not 'edge'"):
        np.pad(x, 1, mode="edge").sum().backward()


def test_every_ufunc_of_real_numbers_has_a_rule():
    of_integers = {
        "bitwise_and", "bitwise_count", "bitwise_or", "bitwise_xor", "gcd", "invert", "isnat", "lcm", "left_shift",
        "right_shift",
    }  # fmt: skip
    ufuncs = [f for f in vars(np).values() if isinstance(f, np.ufunc)]
    known = {*rules, *tape.constants, *tape.compositions}
    assert {f.__name__ for f in ufuncs if f not in known} <= of_integers
