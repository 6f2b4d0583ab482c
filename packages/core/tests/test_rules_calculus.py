"""The rules of discrete calculus against finite differences, to second order; values against NumPy itself."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import NoRuleError, Tensor, grad, rulecheck

rng = np.random.default_rng(0)
CASES = {}


def number(x):
    """A number of Python's: NumPy's own interp drops the imaginary part of others. Or a Tensor."""
    return x if isinstance(x, Tensor) else x.item()


def case(name, f, *xs):
    """A case in real and one in complex numbers; xs are shapes, or arrays that stay as they are."""
    assert name not in CASES
    real = [rng.normal(size=x) if isinstance(x, tuple) else x for x in xs]
    CASES[name] = f, real
    moved = [x + 1j * rng.normal(size=np.shape(x)) if isinstance(s, tuple) else x for s, x in zip(xs, real)]
    if any(np.iscomplexobj(x) for x in moved):
        CASES[name + " complex"] = f, moved


for n in range(6):
    for axis in (0, 1, -1, -2):
        case(f"diff {n} {axis}", lambda a, n=n, i=axis: np.diff(a, n, i), (3, 4))
case("diff", np.diff, (5,))
case("diff of three axes", lambda a: np.diff(a, axis=1), (2, 4, 3))
case("diff prepend append", lambda a, b, c: np.diff(a, 2, 0, prepend=b, append=c), (3, 4), (2, 4), (1, 4))
case("diff ends of three axes", lambda a, b, c: np.diff(a, prepend=b, append=c), (2, 4, 3), (2, 4, 1), (2, 4, 2))
case("diff numbers", lambda a, b: np.diff(a, prepend=b[0], append=b[1]), (3, 4), (2,))
case("diff prepend", lambda a, b: np.diff(a, prepend=b), (4,), (2,))
case("diff append", lambda a, b: np.diff(a, 2, append=b), (3, 4), (3, 2))
case("diff append to nothing", lambda a, b: np.diff(a, 7, append=b), (4,), (2,))
case("diff append only", lambda b: np.diff([1.0, 2.0], append=b), (3,))
case("ediff1d", np.ediff1d, (3, 4))
case("ediff1d ends", np.ediff1d, (3, 4), (2,), (1, 3))
case("ediff1d to_begin", lambda a, b: np.ediff1d(a, to_begin=b[0]), (3,), (1,))
case("ediff1d to_end", lambda a, b: np.ediff1d(a, to_end=b), (3,), (2, 2))
case("ediff1d to_begin of Tensors in a list", lambda a, b: np.ediff1d(a, None, [b[0], 1.0, b[1]]), (3,), (2,))
case("ediff1d of one", np.ediff1d, (1,))
case("ediff1d of nothing", np.ediff1d, (0,))

x4, x5 = np.cumsum(rng.uniform(0.5, 1.5, 4)), np.cumsum(rng.uniform(0.5, 1.5, 5))
step = np.array([0.7])
for order in (1, 2):
    case(f"gradient {order}", lambda f, o=order: np.gradient(f, edge_order=o), (5,))
    case(f"gradient {order} two axes", lambda f, o=order: np.gradient(f, edge_order=o), (4, 3))
    case(f"gradient {order} axes", lambda f, o=order: np.gradient(f, 0.5, axis=(0, -1), edge_order=o), (3, 4, 3))
    case(f"gradient {order} axis", lambda f, o=order: np.gradient(f, axis=1, edge_order=o), (3, 4))
    case(f"gradient {order} step", lambda f, h, o=order: np.gradient(f, h[0], axis=-1, edge_order=o), (3, 4), step)
    case(f"gradient {order} one step", lambda f, h, o=order: np.gradient(f, h[0], edge_order=o), (3, 4), step)
    case(
        f"gradient {order} step and coordinates",
        lambda f, h, x, o=order: np.gradient(f, h[0], x, axis=(1, -1), edge_order=o),
        (3, 4, 5),
        step,
        x5,
    )
    case(f"gradient {order} coordinates", lambda f, x, o=order: np.gradient(f, x, axis=0, edge_order=o), (4, 3, 2), x4)
    case(f"gradient {order} at even places", lambda f, o=order: np.gradient(f, np.arange(4) * 0.3, edge_order=o), (4,))
    case(f"gradient {order} at integers", lambda f, o=order: np.gradient(f, [0, 1, 3, 4], edge_order=o), (4,))
    case(
        f"gradient {order} of constants",
        lambda x, o=order: np.gradient(np.arange(5) ** 2, x, edge_order=o),
        x5,
    )
    case(f"gradient {order} of few", lambda f, x, o=order: np.gradient(f, x[: o + 1], edge_order=o), (order + 1,), x5)
    case(
        f"gradient {order} at falling unsigned integers",
        lambda f, o=order: np.gradient(f, np.array([7, 4, 3, 1], np.uint8), edge_order=o),
        (4,),
    )
case("gradient in double steps", lambda f: np.gradient(f, np.float64(0.3)), (4,))

case("trapezoid", np.trapezoid, (3, 4))
case("trapezoid dx", lambda y: np.trapezoid(y, dx=0.3, axis=0), (3, 4))
case("trapezoid dx Tensor", lambda y, h: np.trapezoid(y, dx=h[0]), (3,), (1,))
case("trapezoid x", np.trapezoid, (3, 4), (4,))
case("trapezoid x axis", lambda y, x: np.trapezoid(y, x, axis=0), (3, 4), (3,))
case("trapezoid x axis -2", lambda y, x: np.trapezoid(y, x, axis=-2), (2, 3, 4), (3,))
case("trapezoid x as y", lambda y, x: np.trapezoid(y, x, axis=0), (3, 4), (3, 4))
case("trapezoid x broadcast", lambda y, x: np.trapezoid(y, x, axis=-2), (3, 4), (3, 1))
case("trapezoid of one", np.trapezoid, (2, 1), (1,))
case("trapezoid of lists", lambda x: np.trapezoid([1.0, 2.0, 4.0], x) + np.trapezoid(x, [1.0, 2.0, 4.0]), (3,))
if hasattr(np, "trapz"):  # gone from NumPy 2.4
    case("trapz", lambda y, x: np.trapz(y, x), (3, 4), (4,))

inside = np.array([[0.1, 1.1, 2.2], [2.9, 3.5, 8.0]])  # and outside
node = rng.normal(size=5)
case("interp", np.interp, inside, x5, (5,))
case("interp one", lambda x, xp, fp: np.interp(x[0], xp, fp), np.array([1.2]), x5, (5,))
case("interp left right", lambda x, xp, fp, e: np.interp(x, xp, fp, number(e[0]), number(e[1])), inside, x5, (5,), (2,))
case("interp left", lambda x, xp, fp, e: np.interp(x, xp, fp, left=number(e[0])), inside, x5, (5,), (1,))
case("interp right", lambda x, xp, fp: np.interp(x, xp, fp, right=2.0), inside, x5, (5,))
case("interp period", lambda x, xp, fp: np.interp(x, xp, fp, period=2.7), inside, node, (5,))
case("interp period and ends", lambda x, xp, fp: np.interp(x, xp, fp, 1.0, 2.0, -2.7), inside, node, (5,))
case(
    "interp period Tensor", lambda x, xp, fp, p: np.interp(x, xp, fp, period=p[0]), inside, node, (5,), np.array([-2.7])
)
case("interp between two", np.interp, inside, x5[:2], (2,))
case("interp one node", np.interp, inside, x5[:1], (1,))
case("interp nowhere", np.interp, np.zeros(0), x5, (5,))
case("interp lists", lambda x: np.interp(x, [1, 2, 3], [2, 1, 4], 1, 2), inside + 0.01)
case(
    "interp Tensors in lists", lambda x, a: np.interp(x, [1.0, a[0], 3.0], [2.0, a[1], 4.0]), inside, np.array([2.1, 5])
)

case("unwrap", np.unwrap, rng.normal(size=(3, 8)) * 4)
case(
    "unwrap keywords",
    lambda p: np.unwrap(p, discont=4.0, axis=0, period=5.0),
    rng.normal(size=(8, 3)) * 4,
)

for mode in ("full", "same", "valid"):
    for m, n in ((1, 1), (1, 4), (2, 4), (3, 4), (4, 4), (5, 4), (6, 2), (6, 3), (5, 2), (3, 6), (2, 5)):
        case(f"convolve {mode} {m} {n}", lambda a, v, mode=mode: np.convolve(a, v, mode), (m,), (n,))
        case(f"correlate {mode} {m} {n}", lambda a, v, mode=mode: np.correlate(a, v, mode), (m,), (n,))
case("convolve", np.convolve, (5,), (3,))
case("correlate", np.correlate, (5,), (3,))
case("convolve numbers", lambda a, v: np.convolve(a[0], v) + np.convolve(v, a[0]), (1,), (3,))
case("convolve lists", lambda a: np.convolve(a, [1.0, 2, 3]) + np.convolve([1.0, 2, 3], a), (4,))
case("correlate with a list", lambda a: np.correlate(a, [1.0, 2, 3]), (4,))
case("correlate of a list", lambda a: np.correlate([1.0, 2, 3, 4, 5, 6], a), (4,))


@pytest.mark.filterwarnings("ignore:`trapz` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", CASES)
def test_rule(name):
    f, xs = CASES[name]
    rulecheck(f, *xs)


# Any shapes


@settings(derandomize=True, max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data())
def test_diff_and_trapezoid_along_any_axis(shape, data):
    rng = np.random.default_rng(0)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    n = data.draw(st.integers(0, 4))
    y, x = rng.normal(size=shape), rng.normal(size=shape[axis])
    rulecheck(lambda y: np.diff(y, n, axis), y)
    rulecheck(lambda y, x: np.trapezoid(y, x, axis=axis), y, x)


@settings(derandomize=True, max_examples=20, deadline=None)
@given(st.lists(st.integers(3, 4), min_size=1, max_size=3), st.integers(1, 2), st.data())
def test_gradient_along_any_axes(shape, order, data):
    rng = np.random.default_rng(0)
    axes = tuple(data.draw(st.permutations(range(len(shape))))[: data.draw(st.integers(1, len(shape)))])
    coordinates = [np.cumsum(rng.uniform(0.5, 1.5, shape[i])) for i in axes]
    rulecheck(lambda f, *xs: np.gradient(f, *xs, axis=axes, edge_order=order), rng.normal(size=shape), *coordinates)


@settings(derandomize=True, max_examples=20, deadline=None)
@given(st.integers(2, 6), st.integers(1, 5), st.booleans(), st.integers(0, 100))
def test_interp_anywhere(n, many, periodic, seed):
    rng = np.random.default_rng(seed)
    xp, x = np.cumsum(rng.uniform(0.5, 1.5, n)), rng.uniform(-2, 8, many)
    rulecheck(lambda x, xp, fp: np.interp(x, xp, fp, period=4.3 if periodic else None), x, xp, rng.normal(size=n))


# Where there is no derivative


def test_at_a_node_interp_has_the_slope_on_the_right():
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 3.0])
    slopes = grad(lambda x: np.sum(np.interp(x, xp, fp)))
    np.testing.assert_array_equal(slopes(np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0])), [0, 2, 2, 0.5, 0.5, 0.5, 0])
    assert grad(lambda x: np.interp(x, [0.0, 1.0], [0.0, 2.0]))(1.0) == 2.0
    dxp, dfp = grad(lambda xp, fp: np.sum(np.interp([0.0, 1.0, 3.0], xp, fp)), argnums=(0, 1))(xp, fp)
    np.testing.assert_array_equal(dfp, [1, 1, 1])  # the values of the nodes themselves
    np.testing.assert_array_equal(dxp, [-2, -0.5, -0.5])


def test_outside_only_the_ends_count():
    xp, fp = np.array([0.0, 1.0]), np.array([5.0, 7.0])
    x = np.array([-1.0, -np.inf, 2.0, np.inf, np.inf])
    dx, dxp, dfp = grad(lambda *xs: np.sum(np.interp(*xs)), argnums=(0, 1, 2))(x, xp, fp)
    assert dx.tolist() == [0, 0, 0, 0, 0]
    assert dxp.tolist() == [0, 0]
    assert dfp.tolist() == [2, 3]
    ends = grad(lambda x, left, right: np.sum(np.interp(x, xp, fp, left, right)), argnums=(0, 1, 2))(x, 1.0, 2.0)[1:]
    assert ends == (2.0, 3.0)
    ends = grad(lambda fp: np.sum(np.interp(x, xp, fp, 1.0, 2.0)))(fp)
    assert ends.tolist() == [0, 0]


def test_at_two_nodes_in_one_place_the_later_one_counts():
    for xp, x, expected in (([0.0, 1.0, 1.0], 1.0, [0, 0, 1]), ([0.0, 0.0, 1.0], 0.0, [0, 1, 0]), ([0.0], 0.0, [1])):
        fp = np.arange(5.0, 5.0 + len(xp))
        assert grad(lambda fp, xp=xp, x=x: np.interp(x, xp, fp))(fp).tolist() == expected
        assert np.interp(x, xp, fp) == fp[expected.index(1)]
    for f in (lambda x: np.interp(x, [0.0, 1.0, 1.0], [1.0, 2.0, 3.0]), lambda x: np.interp(x, [1.0], [3.0])):
        assert grad(f)(1.0) == 0.0  # no segment on either side
    assert grad(lambda xp: np.interp(1.0, xp, [1.0, 2.0, 3.0]))(np.array([0.0, 1.0, 1.0])).tolist() == [0, 0, 0]


def test_unwrap_passes_the_gradient_over_a_jump():
    assert grad(lambda p: np.sum(np.unwrap(p) * [1, 2, 3]))(np.array([0.0, np.pi, 6.0])).tolist() == [1, 2, 3]


def test_infinities_do_not_spread_over_even_steps():
    f = np.array([1.0, 2.0, np.inf, 4.0, 5.0, 6.0])
    for spacing in (0.5, np.arange(6.0), [0, 1, 2, 3, 4, 5]):
        expected = np.gradient(f, spacing)
        np.testing.assert_array_equal(np.gradient(Tensor(f, requires_grad=True), spacing).data, expected)
    assert np.isinf(expected).sum() == 2


def test_precision_is_that_of_numpy():
    x = np.linspace(0, 20, 7, dtype=np.float32)
    xp, fp = np.arange(4.0, dtype=np.float32) * 1.1, np.arange(4.0, dtype=np.float32)
    t = [Tensor(z, requires_grad=True) for z in (x, xp, fp)]
    np.testing.assert_array_equal(np.interp(*t, period=3.3).data, np.interp(x, xp, fp, period=3.3))
    assert np.ediff1d(t[0], to_end=[1.0], to_begin=np.float64(2.0)).dtype == np.float32
    assert np.ediff1d(x, to_begin=Tensor([1.0], requires_grad=True)).dtype == np.float32
    f = np.arange(4.0, dtype=np.float32)
    y = np.gradient(Tensor(f, requires_grad=True), np.array([0.0, 0.1, 0.3, 0.4]))
    assert y.dtype == np.float32


def test_ordinary_input_gives_no_warning():
    with warnings.catch_warnings(action="error"):
        for name, (f, xs) in CASES.items():
            if not name.startswith("trapz"):
                ys = f(*[Tensor(x, requires_grad=True) for x in xs])
                for y in ys if isinstance(ys, tuple) else [ys]:
                    y.backward(np.ones(y.shape, y.dtype), retain_graph=True)


def test_a_long_convolution_is_not_a_loop():
    a, v = Tensor(rng.normal(size=20_000), requires_grad=True), Tensor(rng.normal(size=300), requires_grad=True)
    y = np.convolve(a, v, "same")
    assert y.step.function is np.convolve
    y.backward(np.ones(20_000))
    np.testing.assert_allclose(a.grad.data[400:-400], np.full(19_200, v.data.sum()))


# What is refused


def test_what_numpy_refuses_is_refused():
    x = Tensor(np.ones((3, 4)), requires_grad=True)
    line = Tensor(np.ones(4), requires_grad=True)
    with pytest.raises(TypeError, match="one for each of the 2 axes; got 3"):
        np.gradient(x, 1.0, 1.0, 1.0)
    with pytest.raises(TypeError, match="one for each of the 2 axes; got 1"):
        np.gradient(x, np.ones(4))
    with pytest.raises(ValueError, match="edge_order 1 or 2, not 3"):
        np.gradient(x, edge_order=3)
    with pytest.raises(ValueError, match=r"each of the 4 values along the axis; got an array of shape \(3,\)"):
        np.gradient(line, np.ones(3))
    with pytest.raises(ValueError, match=r"got an array of shape \(4, 4\)"):
        np.gradient(line, np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"at least 3 values along each axis; axis 0 of \(2, 5\) has 2"):
        np.gradient(Tensor(np.ones((2, 5)), requires_grad=True), axis=0, edge_order=2)
    with pytest.raises(ValueError, match=r"at least 2 values along each axis; axis 1 of \(3, 1\) has 1"):
        np.gradient(Tensor(np.ones((3, 1)), requires_grad=True), axis=-1)
    with pytest.raises(ValueError, match="repeated axis"):
        np.gradient(x, axis=(0, 0))
    with pytest.raises(np.exceptions.AxisError):
        np.gradient(x, axis=2)
    with pytest.raises(ValueError, match="period that is not 0"):
        np.interp(line, [0.0, 1.0], [0.0, 1.0], period=0)
    with pytest.raises(TypeError, match="'same_kind'"):
        np.ediff1d(np.arange(3), to_end=line)
    with pytest.raises(ValueError, match="order must be non-negative"):
        np.diff(x, -1)
    with pytest.raises(ValueError, match="empty"):
        np.convolve(line, np.ones(0))


def test_the_period_of_unwrap_has_no_gradient():
    with pytest.raises(TypeError, match="'period'"):
        np.unwrap(Tensor(np.ones(3), requires_grad=True), period=Tensor(6.0, requires_grad=True))


def test_orders_and_axes_have_no_gradient():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(NoRuleError, match="np.diff has no gradient for its argument 2"):
        np.diff(x, 1, x)


def test_the_ends_of_interp_alone_are_not_seen():
    with pytest.raises(TypeError, match="silently drop the gradient"):
        np.interp([0.0], [0.0, 1.0], [0.0, 1.0], left=Tensor(1.0, requires_grad=True))
