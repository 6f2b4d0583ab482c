"""Against Python's own `math.erf` and `math.erfc`, one number at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.erf import BLOCK, erf, erfc

SMALL = np.concatenate([np.linspace(-0.5, 0.5, 401), np.geomspace(1e-300, 0.5, 200), [0.0, -0.0, 5e-324]])
LARGE = np.concatenate([np.linspace(-6.5, 26, 4001), np.nextafter([0.5, -0.5], [1, -1])])


def ours_and_theirs(ours, theirs, x, rtol=2e-15):
    np.testing.assert_allclose(ours(x), [theirs(value) for value in x], rtol=rtol, atol=0)


def test_eq_1_near_zero():
    ours_and_theirs(erf, math.erf, SMALL, 6e-16)
    assert np.signbit(erf(np.array(-0.0)))


def test_eq_2_3_4_5_the_rest():
    ours_and_theirs(erf, math.erf, LARGE, 6e-16)
    ours_and_theirs(erfc, math.erfc, LARGE)
    ours_and_theirs(erfc, math.erfc, SMALL, 4e-16)
    ours_and_theirs(erfc, math.erfc, -SMALL, 4e-16)


@given(st.floats(-26, 26))
@settings(max_examples=60, deadline=None)
def test_eq_3_4_symmetry(x):
    x = np.array(x)
    assert erf(-x) == -erf(x)
    np.testing.assert_allclose(erf(x) + erfc(x), 1, rtol=4e-16)
    np.testing.assert_allclose(erfc(x) + erfc(-x), 2, rtol=4e-16)


def test_eq_6_gradients():
    x = np.random.default_rng(0).normal(size=(3, 4))
    for function, sign in ((erf, 1), (erfc, -1)):
        gradcheck(function, x, order=2)
        t = Tensor(np.array([-7.0, 0.0, 5.0, 1e200]), requires_grad=True)
        with np.errstate(over="raise", invalid="raise"):
            function(t).sum().backward()
        expected = [sign * 2 / math.sqrt(math.pi) * math.exp(-(min(x, 50) ** 2)) for x in (-7, 0, 5, 50)]
        np.testing.assert_allclose(t.grad.data, expected, rtol=1e-14)


def test_the_ends():
    x = np.array([-np.inf, -1e308, -1e3, 1e3, 1e308, np.inf])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        assert erf(x).tolist() == [-1, -1, -1, 1, 1, 1]
        assert erfc(x).tolist() == [2, 2, 2, 0, 0, 0]
    assert np.isnan(erf(np.array([np.nan]))).all() and np.isnan(erfc(np.array([np.nan]))).all()


@pytest.mark.parametrize("function, exact", [(erf, math.erf), (erfc, math.erfc)])
def test_single_precision(function, exact):
    x = np.linspace(-4, 9, 2000, dtype=np.float32)
    y = function(x)
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, [exact(value) for value in x.tolist()], rtol=1e-6)
    t = Tensor(x, requires_grad=True)
    function(t).sum().backward()
    assert t.grad.dtype == np.float32


def test_any_layout():
    x = np.random.default_rng(0).normal(size=(3, BLOCK))
    expected = [[math.erf(value) for value in row] for row in x[:, :50]]
    x.flags.writeable = False
    np.testing.assert_allclose(erf(x)[:, :50], expected, rtol=1e-15)
    np.testing.assert_array_equal(erf(np.asfortranarray(x)), erf(x))
    np.testing.assert_array_equal(erf(x[::2, ::-3]), erf(x)[::2, ::-3])
    assert erf(x[:0]).shape == (0, BLOCK) and erf(np.array(0.3)).shape == ()
    assert erf(np.float16([0.5])).dtype == np.float16 and erf(np.array([1])).dtype == np.float64
