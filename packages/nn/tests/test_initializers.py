"""Bounds and moments of what is drawn, fans by counting, gains by integration, orthogonality by its definition."""

import math
from functools import partial
from statistics import NormalDist

import numpy as np
import pytest

from pellucid import Tensor
from pellucid_nn import initializers as init
from pellucid_nn.activations import LeakyReLU, ReLU
from pellucid_nn.linear import Linear
from pellucid_nn.module import Parameter

SHAPE = (200, 30, 3, 3)  # fan_in 270, fan_out 1800


def drawn(function, *args, shape=SHAPE, **options):
    p = Parameter(np.full(shape, np.nan))
    assert function(p, *args, rng=0, **options) is p
    return p.data.view(np.ndarray)


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2), (4, 3, 2, 5), (2, 3, 2, 1, 2)])
def test_eq_1_fans_by_counting(shape):
    """A weight W[o, i, r] joins input i to output o: count those of one output, and those of one input."""
    W = np.ones(shape)
    assert init.fans(shape) == (W[0].sum(), W[:, 0].sum())
    assert init.fans(shape, transposed=True) == (W[:, 0].sum(), W[0].sum())
    with pytest.raises(ValueError, match=r"at least two axes, outputs and inputs; the shape is \(7,\)"):
        init.fans((7,))


def test_eq_2_gains():
    x, step = np.linspace(-30, 30, 60_001, retstep=True)
    weights = np.exp(-x * x / 2) / math.sqrt(2 * math.pi) * step
    for name, param, module in (
        ("relu", None, ReLU()),
        ("leaky_relu", 0.3, LeakyReLU(0.3)),
        ("leaky_relu", None, None),
    ):
        kept = np.sum(weights * (module or LeakyReLU())(x) ** 2)  # of a signal with mean square 1
        np.testing.assert_allclose(init.calculate_gain(name, param) * math.sqrt(kept), 1, rtol=1e-9)
    assert all(init.calculate_gain(name) == 1 for name in ("linear", "sigmoid", "conv2d", "conv_transpose3d"))
    assert (init.calculate_gain("tanh"), init.calculate_gain("selu")) == (5 / 3, 0.75)
    with pytest.raises(ValueError, match="one of tanh, relu, leaky_relu, selu, linear, .*; got 'swish'"):
        init.calculate_gain("swish")


@pytest.mark.parametrize(
    "name, options, variance",
    [
        ("xavier", {}, 2 / 2070),
        ("xavier", {"gain": 3.0}, 18 / 2070),
        ("kaiming", {}, 2 / 270),
        ("kaiming", {"mode": "fan_out"}, 2 / 1800),
        ("kaiming", {"transposed": True}, 2 / 1800),
        ("kaiming", {"a": 0.5}, 1.6 / 270),
        ("kaiming", {"nonlinearity": "tanh"}, 25 / 9 / 270),
    ],
)
def test_eq_3_4_5_variances(name, options, variance):
    uniform, normal = (drawn(getattr(init, f"{name}_{kind}_"), **options) for kind in ("uniform", "normal"))
    np.testing.assert_allclose(np.abs(uniform).max(), math.sqrt(3 * variance), rtol=1e-3)
    for values in (uniform, normal):
        np.testing.assert_allclose(values.var(), variance, rtol=0.02)
        np.testing.assert_allclose(values.mean(), 0, atol=4 * math.sqrt(variance / values.size))
    np.testing.assert_allclose((normal**4).mean(), 3 * variance**2, rtol=0.05)


def test_eq_3_square_weights():
    np.testing.assert_allclose(drawn(init.xavier_normal_, shape=(200, 200)).var(), 1 / 200, rtol=0.03)


def test_eq_3_4_weights_without_entries():
    for name in ("xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"):
        assert drawn(getattr(init, name), shape=(0, 0)).shape == (0, 0)


@pytest.mark.parametrize(
    "mean, std, a, b", [(0, 1, -2, 2), (1, 2, -2, 0.5), (0, 1, 5, 6), (0, 1, -6, -5), (-1, 0.1, -1.05, 3)]
)
def test_eq_6_a_cut_normal_distribution(mean, std, a, b):
    """Shares of equal parts of [a, b] beside the probabilities of the distribution."""
    x = drawn(init.trunc_normal_, mean, std, a, b, shape=(300, 200)).ravel()
    assert x.min() >= a and x.max() <= b
    normal, top = NormalDist(mean, std), min(b, mean + 5.9 * std) if a <= mean else b
    cdf = (lambda t: -NormalDist(-mean, std).cdf(-t)) if a > mean else normal.cdf  # digits of the upper tail
    edges = np.linspace(a, top, 9)
    expected = np.diff([cdf(t) for t in edges]) / (cdf(b) - cdf(a))
    shares = np.histogram(x, edges)[0] / x.size
    np.testing.assert_allclose(shares, expected, atol=4.5 * math.sqrt(0.25 / x.size))


def test_eq_6_defaults_and_the_far_tail():
    x = drawn(init.trunc_normal_, shape=(300, 300))
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(x.var(), 1 - 4 * density / (2 * NormalDist().cdf(2) - 1), rtol=0.01)
    far = drawn(init.trunc_normal_, 0, 1, 20, 21, shape=(300, 300))
    np.testing.assert_allclose(far.mean() - 20, 0.0498, rtol=0.02)  # 1/20 − 2/20³, of Mills' ratio
    for a, b, std in ((1, 1, 1), (2, 1, 1), (0, 1, 0), (0, 1, -1)):
        with pytest.raises(ValueError, match=f"a={a}, b={b}, std={std}"):
            init.trunc_normal_(np.zeros(2), 0, std, a, b)


@pytest.mark.parametrize("shape, rows", [((4, 6), 4), ((6, 4), 6), ((5, 5), 5), ((3, 2, 2, 2), 3), ((9, 2, 3), 9)])
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_eq_7_orthogonal(shape, rows, gain):
    W = drawn(init.orthogonal_, gain, shape=shape).reshape(rows, -1)
    inner = W @ W.T if len(W) <= W.shape[1] else W.T @ W
    np.testing.assert_allclose(inner, gain**2 * np.eye(len(inner)), atol=1e-12)


def test_eq_7_the_factor_of_normal_numbers_whose_other_factor_has_a_positive_diagonal():
    A = np.random.default_rng(3).normal(size=(5, 4))
    R = init.orthogonal_(np.zeros((5, 4)), rng=3).T @ A
    np.testing.assert_allclose(np.tril(R, -1), 0, atol=1e-12)
    assert (np.diag(R) > 0).all()


def test_eq_7_every_direction_is_as_likely():
    """Without the signs of R the diagonal of Q would lean to one side."""
    rng = np.random.default_rng(0)
    W = np.array([init.orthogonal_(np.zeros((2, 2)), rng=rng) for _ in range(2000)])
    np.testing.assert_allclose(W.mean(axis=0), 0, atol=0.08)
    np.testing.assert_allclose((W**2).mean(axis=0), 0.5, atol=0.05)
    np.testing.assert_allclose(np.linalg.det(W).mean(), 0, atol=0.1)
    with pytest.raises(ValueError, match=r"at least two axes; the shape is \(3,\)"):
        init.orthogonal_(np.zeros(3))


def test_plain_distributions():
    x = drawn(init.uniform_)
    assert 0 <= x.min() < 1e-3 and 1 - 1e-3 < x.max() < 1
    x = drawn(init.uniform_, -3.0, 5.0)
    np.testing.assert_allclose([x.min(), x.max(), x.mean()], [-3, 5, 1], atol=0.06)
    np.testing.assert_allclose([drawn(init.normal_).mean(), drawn(init.normal_).std()], [0, 1], atol=0.02)
    x = drawn(init.normal_, 2.0, 3.0)
    np.testing.assert_allclose([x.mean(), x.std()], [2, 3], atol=0.05)
    p = Parameter(np.ones((2, 2), np.float32))
    for function, value in ((partial(init.constant_, val=0.3), 0.3), (init.zeros_, 0), (init.ones_, 1)):
        assert function(p) is p and (p.data == np.float32(value)).all() and p.dtype == np.float32


RANDOM = ("uniform_", "normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_")


@pytest.mark.parametrize("name", [*RANDOM, "trunc_normal_", "orthogonal_"])
def test_in_place_and_by_seed(name):
    function, layer = getattr(init, name), Linear(4, 3, rng=0, dtype=np.float32)
    memory = layer.weight.data
    first = function(layer.weight, rng=1).data.copy()
    assert np.shares_memory(memory, layer.weight.data) and layer.weight.requires_grad and layer.weight.is_leaf
    assert layer.weight.dtype == np.float32
    np.testing.assert_array_equal(function(layer.weight, rng=np.random.default_rng(1)).data, first)
    assert (function(layer.weight).data != first).any()
    array = np.asfortranarray(np.zeros((3, 4), np.float32))
    assert function(array, rng=1) is array
    np.testing.assert_array_equal(array, first)


def test_bad_input():
    with pytest.raises(TypeError, match="floating-point arrays; this one is int64"):
        init.zeros_(np.arange(3))
    with pytest.raises(ValueError, match='mode must be "fan_in" or "fan_out"; got \'fan\''):
        init.kaiming_normal_(np.zeros((2, 2)), mode="fan")


def test_a_graph_that_needed_the_old_values_notices():
    w = Parameter(np.ones((2, 2)))
    y = (Tensor(np.ones((2, 2)), requires_grad=True) * w).sum()
    init.zeros_(w)
    with pytest.raises(RuntimeError):
        y.backward()


def test_eq_6_an_interval_with_next_to_nothing_in_it_is_refused():
    for a, b in ((40, 41), (-41, -40), (38.3, np.inf), (-np.inf, -39)):
        with pytest.raises(ValueError, match=f"between a={a} and b={b} is next to nothing of a normal"):
            init.trunc_normal_(np.zeros(2), 0, 1, a, b)
    far = init.trunc_normal_(np.zeros(2000), 1, 2, 77, 80, rng=0)
    np.testing.assert_allclose(far.mean() - 77, 2 / 38, rtol=0.05)  # Mills' ratio
    below = init.trunc_normal_(np.zeros(2000), 1, 2, -80, -75, rng=0)
    np.testing.assert_allclose(below.mean() + 75, -2 / 38, rtol=0.05)
    half = init.trunc_normal_(np.zeros(2000), 0, 1, 0, np.inf, rng=0)
    assert half.min() >= 0 and half.max() > 2.5
    for mean, std in ((np.nan, 1), (np.inf, 1), (0, np.inf)):
        with pytest.raises(ValueError, match="a must be below b, and std positive"):
            init.trunc_normal_(np.zeros(2), mean, std)
    with pytest.raises(TypeError, match="std must be a number; it is '1'"):
        init.trunc_normal_(np.zeros(2), 0, "1")
