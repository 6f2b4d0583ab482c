"""Each against its definition with Python's own mathematics, and its gradient against finite differences."""

import math
from functools import partial

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn import activations as a
from pellucid_nn.activations import ReLU, Sigmoid, Tanh, relu, sigmoid, tanh

POINTS = np.array([-2.5, -0.3, 0.7, 1.9])


def slope(f, x):
    t = Tensor(x, requires_grad=True)
    np.sum(f(t)).backward()
    return t.grad.data


def bend(f, x):
    """The second derivative."""
    t = Tensor(x, requires_grad=True)
    np.sum(f(t)).backward(create_graph=True)
    first, t.grad = t.grad, None
    if not first.requires_grad:  # the slope is constant
        return np.zeros_like(x)
    np.sum(first).backward()
    return t.grad.data


def check(f, define, differentiate, points=POINTS):
    np.testing.assert_allclose(f(points), [define(x) for x in points], rtol=1e-14)
    np.testing.assert_allclose(slope(f, points), [differentiate(x) for x in points], rtol=1e-13)
    gradcheck(f, points)
    gradcheck(f, points.reshape(2, -1), order=2)


def logistic(x):
    return 1 / (1 + math.exp(-x))


def below(x):
    """How probable a standard normal number below x is."""
    return math.erfc(-x / math.sqrt(2)) / 2


def test_eq_1_relu():
    check(relu, lambda x: max(x, 0), lambda x: float(x > 0))
    assert slope(relu, np.zeros(1)) == 0 and slope(relu, np.array([5e-324])) == 1
    assert relu(np.array([-0.5, 0.5])).tolist() == [0, 0.5]


def test_eq_2_tanh():
    check(tanh, math.tanh, lambda x: 1 / math.cosh(x) ** 2)


def test_eq_3_sigmoid():
    check(sigmoid, lambda x: 1 / (1 + math.exp(-x)), lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2)
    assert sigmoid(np.zeros(1)) == 0.5


def test_eq_3_sigmoid_at_the_ends():
    with np.errstate(all="raise"):
        assert sigmoid(np.array([-1e308, 1e308])).tolist() == [0, 1]
    np.testing.assert_allclose(sigmoid(POINTS) + sigmoid(-POINTS), 1, rtol=1e-15)


def test_eq_3_sigmoid_loses_no_small_value_and_no_small_gradient():
    far = np.array([-700.0, -40.0, -20.0])
    tail = [math.exp(x) / (1 + math.exp(x)) for x in far]
    np.testing.assert_allclose(sigmoid(far), tail, rtol=1e-14)
    for x in (far, -far):
        np.testing.assert_allclose(slope(sigmoid, x), tail, rtol=1e-8)
        np.testing.assert_allclose(slope(sigmoid, x[:2]), tail[:2], rtol=1e-14)
        np.testing.assert_allclose(bend(sigmoid, x), -np.sign(x) * tail, rtol=1e-8)
    np.testing.assert_array_equal(slope(sigmoid, np.array([-np.inf, -1e3, 1e3, np.inf])), 0)
    assert bend(sigmoid, np.zeros(1)) == 0


def test_eq_4_identity():
    x = Tensor(POINTS, requires_grad=True)
    assert a.Identity(54, unused=True)(x) is x
    assert a.Identity()([1, 2]).tolist() == [1, 2]


def test_eq_5_affine():
    check(partial(a.affine, slope=-3.0, intercept=0.5), lambda x: 0.5 - 3 * x, lambda x: -3)
    np.testing.assert_array_equal(a.affine(POINTS), POINTS)
    np.testing.assert_array_equal(a.Affine(2.0, 1.0)(POINTS), 2 * POINTS + 1)


@pytest.mark.parametrize("left", [0.01, -0.5, 2.0])
def test_eq_6_leaky_relu(left):
    f = partial(a.leaky_relu, negative_slope=left)
    check(f, lambda x: x if x > 0 else left * x, lambda x: 1 if x > 0 else left)
    assert slope(f, np.zeros(1)) == left and slope(f, np.array([5e-324])) == 1
    with np.errstate(all="raise"):
        np.testing.assert_allclose(a.leaky_relu(np.array([-1e300])), -1e298)


@pytest.mark.parametrize("alpha", [1.0, 0.3, 2.5])
def test_eq_7_elu(alpha):
    f = partial(a.elu, alpha=alpha)
    check(f, lambda x: x if x > 0 else alpha * math.expm1(x), lambda x: 1 if x > 0 else alpha * math.exp(x))
    ends = np.array([-np.inf, -1e3, 0, 1e-20, 1e3, np.inf])
    with np.errstate(over="raise", invalid="raise"):
        np.testing.assert_array_equal(f(ends), [-alpha, -alpha, 0, 1e-20, 1e3, np.inf])
        np.testing.assert_array_equal(slope(f, ends), [0, 0, alpha, 1, 1, 1])
        np.testing.assert_array_equal(bend(f, ends), [0, 0, alpha, 0, 0, 0])


def test_eq_8_selu_keeps_mean_0_and_variance_1():
    x, step = np.linspace(-40, 40, 400_001, retstep=True)
    weights = np.exp(-x * x / 2) / math.sqrt(2 * math.pi) * step
    np.testing.assert_allclose(np.sum(weights * a.selu(x)), 0, atol=1e-9)
    np.testing.assert_allclose(np.sum(weights * a.selu(x) ** 2), 1, rtol=1e-9)
    assert a.selu(np.array(2.0)) > 2 and a.selu(np.array(-2.0)) < 0
    gradcheck(a.selu, POINTS, order=2)


def test_eq_9_gelu():
    check(a.gelu, lambda x: x * below(x), lambda x: below(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi))
    far = np.array([-30.0, -10.0, 10.0])
    np.testing.assert_allclose(a.gelu(far), [x * below(x) for x in far], rtol=1e-12)
    with pytest.raises(ValueError, match='must be "none" or "tanh"; got None'):
        a.gelu(far, None)
    with pytest.raises(ValueError, match="got 'erf'"):
        a.GELU("erf")


def test_eq_10_gelu_with_tanh():
    def define(x):
        return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    def differentiate(x):
        t = math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
        return (1 + t) / 2 + x / 2 * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)

    f = partial(a.gelu, approximate="tanh")
    check(f, define, differentiate)
    np.testing.assert_allclose(f(np.linspace(-5, 5, 99)), a.gelu(np.linspace(-5, 5, 99)), atol=5e-4)
    with np.errstate(all="raise", under="ignore"):
        assert f(np.array([-1e300, -1e3, 1e3, 1e300])).tolist() == [0, 0, 1e3, 1e300]
        assert slope(f, np.array([-1e300, -1e3, 1e3, 1e300])).tolist() == [0, 0, 1, 1]
    y = -math.sqrt(8 / math.pi) * (20 + 0.044715 * 8000)
    np.testing.assert_allclose(f(np.array([-20.0])), -20 * math.exp(y), rtol=1e-12)


def test_eq_11_silu():
    check(a.silu, lambda x: x * logistic(x), lambda x: logistic(x) + x * logistic(x) * logistic(-x))
    np.testing.assert_allclose(a.silu(np.array([-100.0])), -100 * math.exp(-100), rtol=1e-14)
    np.testing.assert_allclose(slope(a.silu, np.array([-100.0])), -99 * math.exp(-100), rtol=1e-13)


def test_eq_12_exponential():
    check(a.exponential, math.exp, math.exp)
    with np.errstate(all="raise", under="ignore"):
        assert a.exponential(np.array([-1e3, 1e3])).tolist() == [0, np.inf]


def test_eq_13_hard_sigmoid():
    points = np.array([-4.0, -2.9, -0.3, 0.7, 2.9, 3.1])
    check(a.hardsigmoid, lambda x: min(max(x / 6 + 0.5, 0), 1), lambda x: 1 / 6 if abs(x) < 3 else 0, points)
    assert slope(a.hardsigmoid, np.array([-3.0, 3.0, np.nextafter(3, 0), -np.nextafter(3, 0)])).tolist() == [
        0,
        0,
        1 / 6,
        1 / 6,
    ]
    assert a.HardSigmoid is a.Hardsigmoid


@pytest.mark.parametrize("beta", [1.0, 0.5, 3.0])
def test_eq_14_softplus(beta):
    f = partial(a.softplus, beta=beta)
    check(f, lambda x: math.log1p(math.exp(beta * x)) / beta, lambda x: logistic(beta * x))
    np.testing.assert_allclose(f(np.array([-60.0])), math.exp(-60 * beta) / beta, rtol=1e-13)


def test_eq_14_softplus_beyond_its_threshold_is_a_line():
    f = partial(a.softplus, beta=2.0, threshold=3.0)
    x = np.array([1.5, np.nextafter(1.5, 2), 4.0])
    np.testing.assert_allclose(f(x), [math.log(1 + math.exp(3.0)) / 2, 1.5, 4.0], rtol=1e-14)
    np.testing.assert_allclose(slope(f, x), [logistic(3), 1, 1], rtol=1e-14)
    np.testing.assert_allclose(bend(f, x), [2 * logistic(3) * logistic(-3), 0, 0], rtol=1e-13)
    assert a.softplus(np.array([19.0])) > 19 and a.softplus(np.array([20.1])) == 20.1
    assert a.Softplus(2.0, 3.0)(np.array([2.0])) == 2
    with pytest.raises(ValueError, match="beta divides"):
        a.Softplus(0)


@pytest.mark.parametrize("module, function", [(ReLU(), relu), (Tanh(), tanh), (Sigmoid(), sigmoid)])
def test_modules_are_their_functions(module, function):
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_array_equal(module(Tensor(x)).data, function(x))
    assert repr(module) == f"{type(module).__name__}()"
    assert module(np.zeros((0, 4))).shape == (0, 4)
    t = Tensor(x.astype(np.float32), requires_grad=True)
    y = module(t)
    np.sum(y).backward()
    assert y.dtype == t.grad.dtype == np.float32


MODULES = {
    "ReLU()": relu,
    "Tanh()": tanh,
    "Sigmoid()": sigmoid,
    "Identity()": lambda x: x,
    "Affine(slope=2.0, intercept=-1.0)": lambda x: 2 * x - 1,
    "LeakyReLU(negative_slope=0.2)": partial(a.leaky_relu, negative_slope=0.2),
    "ELU(alpha=0.5)": partial(a.elu, alpha=0.5),
    "SELU()": a.selu,
    "GELU(approximate='none')": a.gelu,
    "GELU(approximate='tanh')": partial(a.gelu, approximate="tanh"),
    "SiLU()": a.silu,
    "Exponential()": a.exponential,
    "Hardsigmoid()": a.hardsigmoid,
    "Softplus(beta=2.0, threshold=5.0)": partial(a.softplus, beta=2.0, threshold=5.0),
}


@pytest.mark.parametrize("text", MODULES)
class TestEveryModule:
    def test_is_its_function_and_shows_its_settings(self, text):
        module = eval(text, vars(a))
        assert repr(module) == text
        x = np.random.default_rng(0).normal(size=(3, 4)) * 3
        np.testing.assert_allclose(module(x), MODULES[text](x), rtol=1e-15)
        np.testing.assert_array_equal(module(Tensor(x)).data, module(x))
        assert type(module(x)) is np.ndarray and not list(module.parameters())

    @pytest.mark.parametrize("shape", [(0, 4), (4, 0), (1,), (), (2, 1, 3)])
    def test_any_shape_in_single_precision(self, text, shape):
        module = eval(text, vars(a))
        t = Tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32), requires_grad=True)
        y = module(t)
        np.sum(y).backward(create_graph=True)
        assert y.shape == t.grad.shape == shape and y.dtype == t.grad.dtype == np.float32
        first, t.grad = t.grad, None
        if first.requires_grad:
            np.sum(first).backward()
            assert t.grad.dtype == np.float32

    def test_single_precision_is_the_same_function(self, text):
        module = eval(text, vars(a))
        x = np.linspace(-9, 9, 400)
        np.testing.assert_allclose(module(x.astype(np.float32)), module(x), rtol=2e-5, atol=2e-6)
        np.testing.assert_allclose(slope(module, x.astype(np.float32)), slope(module, x), rtol=2e-5, atol=2e-5)

    def test_any_layout_and_nothing_is_written(self, text):
        module = eval(text, vars(a))
        x = np.random.default_rng(0).normal(size=(4, 6))
        expected, kept = module(x), x.copy()
        x.flags.writeable = False
        np.testing.assert_array_equal(module(np.asfortranarray(x)), expected)
        np.testing.assert_array_equal(module(x[::2, ::-3]), expected[::2, ::-3])
        t = Tensor(x, requires_grad=True)
        dy = np.ones((4, 6))
        dy.flags.writeable = False
        module(t).backward(dy)
        np.testing.assert_array_equal(x, kept)

    def test_far_out(self, text):
        module = eval(text, vars(a))
        x = np.array([-1e3, -100.0, 100.0, 1e3, np.nan])
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            y, dx, ddx = module(x), slope(module, x), bend(module, x)
        assert np.isnan(y[-1])
        if text != "Exponential()":
            assert np.isfinite(y[:-1]).all() and np.isfinite(dx[:-1]).all()
            np.testing.assert_allclose(ddx[:-1], 0, atol=1e-30)

    def test_whole_numbers_are_refused(self, text):
        if text != "Identity()":
            with pytest.raises(TypeError, match=r"floating-point values; x is int64: convert it with x.astype\(float"):
                eval(text, vars(a))(np.arange(3))

    def test_half_precision_stays(self, text):
        module, x = eval(text, vars(a)), np.array([-9, -0.5, 0, 2], np.float16)
        t = Tensor(x, requires_grad=True)
        y = module(t)
        np.sum(y).backward()
        assert y.dtype == t.grad.dtype == np.float16
        np.testing.assert_allclose(y.data, module(x.astype(float)), rtol=4e-3, atol=2e-3)


@pytest.mark.parametrize(
    "module, ends, slopes",
    [
        (a.ReLU(), [0, np.inf], [0, 1]),
        (a.Sigmoid(), [0, 1], [0, 0]),
        (a.Tanh(), [-1, 1], [0, 0]),
        (a.LeakyReLU(0.5), [-np.inf, np.inf], [0.5, 1]),
        (a.GELU(), [0, np.inf], [0, 1]),
        (a.GELU("tanh"), [0, np.inf], [0, 1]),
        (a.SiLU(), [0, np.inf], [0, 1]),
        (a.Softplus(), [0, np.inf], [0, 1]),
        (a.Hardsigmoid(), [0, 1], [0, 0]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_eq_1_2_3_6_9_10_11_13_14_at_infinity_they_are_their_limits(module, ends, slopes, dtype):
    x = np.array([-np.inf, np.inf], dtype)
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(module(x), ends)
        for end, expected in zip((x[:1], x[1:]), slopes, strict=True):
            assert slope(module, end) == expected and bend(module, end) == 0


def test_eq_6_the_right_side_does_not_see_the_slope_of_the_left():
    with np.errstate(all="raise"):
        assert a.leaky_relu(np.array([np.inf, 1e308]), negative_slope=0.0).tolist() == [np.inf, 1e308]
        assert a.leaky_relu(np.array([1e308]), negative_slope=9.0).tolist() == [1e308]


@pytest.mark.parametrize("name", ["LeakyReLU", "ELU", "Softplus", "Affine"])
def test_settings_may_be_numbers_of_numpy(name):
    x, number = np.linspace(-2, 2, 5, dtype=np.float32), np.float64(0.1)
    t = Tensor(x, requires_grad=True)
    y = getattr(a, name)(number)(t)
    np.sum(y).backward()
    assert y.dtype == t.grad.dtype == np.float32
    np.testing.assert_array_equal(y.data, getattr(a, name)(0.1)(x))
    y = a.Affine(number, number)(x)
    assert y.dtype == a.Softplus(1.0, number)(x).dtype == np.float32


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "ELU", "SELU", "SiLU", "Hardsigmoid"])
def test_no_layer_writes_into_its_input(name):
    settings = [0.1] * (name in ("LeakyReLU", "ELU"))
    module = getattr(a, name)
    assert repr(module(*settings, False)) == repr(module(*settings, inplace=False)) == repr(module(*settings))
    for refused in (lambda: module(*settings, True), lambda: module(*settings, inplace=True)):
        with pytest.raises(ValueError, match="inplace=True is not supported, as no layer writes into its input"):
            refused()
