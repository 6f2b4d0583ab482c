"""Against its definition in exact fractions and Python's own mathematics, one row at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.softmax import LogSoftmax, Softmax, log_softmax, softmax

SHAPES = [((5,), 0), ((3, 4), 1), ((3, 4), 0), ((2, 3, 4), 1), ((2, 3, 4), -3), ((2, 1, 3), 1)]


def row_by_row(row):
    weights = [math.exp(score - max(row)) for score in row]
    return [w / math.fsum(weights) for w in weights]


@pytest.mark.parametrize("shape, axis", SHAPES)
def test_eq_1_2_row_by_row(shape, axis):
    x = 3 * np.random.default_rng(0).normal(size=shape)
    expected = np.apply_along_axis(row_by_row, axis, x)
    np.testing.assert_allclose(softmax(x, axis=axis), expected, rtol=1e-13)
    np.testing.assert_allclose(log_softmax(x, axis=axis), np.log(expected), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape, axis", SHAPES)
def test_eq_3_4_gradients(shape, axis):
    x = np.random.default_rng(1).normal(size=shape)
    gradcheck(lambda t: softmax(t, axis=axis), x, order=2)
    gradcheck(lambda t: log_softmax(t, axis=axis), x, order=2)


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=6), st.floats(-1e4, 1e4))
@settings(max_examples=40, deadline=None)
def test_eq_1_2_probabilities_do_not_depend_on_where_scores_start(scores, shift):
    x = np.array(scores)
    p = softmax(x)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(softmax(x + shift), p, atol=1e-10)
    np.testing.assert_allclose(np.exp(log_softmax(x)), p, atol=1e-15)


def gradient(f, x, dy):
    t = Tensor(x, requires_grad=True)
    f(t).backward(dy)
    return t.grad.data


def test_eq_1_2_3_4_scores_of_ten_thousand():
    x = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4], [1e4, 1e4, -np.inf]])
    dy = np.array([[1.0, 2.0, 3.0]] * 3)
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(softmax(x), [[1, 0, 0], [1 / 3] * 3, [0.5, 0.5, 0]], rtol=1e-15)
        logs = [[0, -1e4, -2e4], [-math.log(3)] * 3, [-math.log(2), -math.log(2), -np.inf]]
        np.testing.assert_allclose(log_softmax(x), logs, rtol=1e-15)
        expected = [[0, 0, 0], [-1 / 3, 0, 1 / 3], [-0.25, 0.25, 0]]
        np.testing.assert_allclose(gradient(softmax, x, dy), expected, atol=1e-15)
        expected = [[-5, 2, 3], [-1, 0, 1], [-2, -1, 3]]
        np.testing.assert_allclose(gradient(log_softmax, x, dy), expected, atol=1e-14)


def test_eq_1_2_3_4_a_row_that_has_nothing_to_choose_from():
    x, dy = np.full((1, 2), -np.inf), np.array([[2.0, -1.0]])
    with np.errstate(all="raise"):
        assert softmax(x).tolist() == [[0, 0]] and log_softmax(x).tolist() == [[-np.inf] * 2]
        assert gradient(softmax, x, dy).tolist() == [[0, 0]]
        assert gradient(log_softmax, x, dy).tolist() == dy.tolist()
    t = Tensor(x, requires_grad=True)
    softmax(t).backward(dy, create_graph=True)
    assert t.grad.data.tolist() == [[0, 0]]


@pytest.mark.parametrize("module, function", [(Softmax, softmax), (LogSoftmax, log_softmax)])
class TestModules:
    def test_axis(self, module, function):
        x = np.random.default_rng(0).normal(size=(2, 3, 4))
        for dim in (0, 1, -1):
            np.testing.assert_array_equal(module(dim)(x), function(x, axis=dim))
            assert repr(module(dim)) == f"{module.__name__}(dim={dim})"
        for part, axis in ((x, 0), (x[0], 1), (x[0, 0], 0), (x[None], 1)):
            np.testing.assert_array_equal(module()(part), function(part, axis=axis))

    def test_single_precision_and_layout(self, module, function):
        x = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
        x.flags.writeable = False
        t = Tensor(x, requires_grad=True)
        y = module(1)(t)
        np.sum(y * x).backward(create_graph=True)
        assert y.dtype == t.grad.dtype == np.float32
        np.testing.assert_allclose(y.data, function(x.astype(float)), rtol=1e-6)
        np.testing.assert_array_equal(module(1)(np.asfortranarray(x)), y.data)
        np.testing.assert_allclose(module(1)(x[::2, ::-3]), function(x[::2, ::-3].copy()), rtol=1e-6)

    def test_nothing_in_it(self, module, function):
        for shape in ((0, 3), (3, 0), (1, 1)):
            t = Tensor(np.zeros(shape), requires_grad=True)
            module(1)(t).sum().backward()
            assert t.grad.shape == shape and not t.grad.data.any()

    def test_a_single_number_has_one_axis(self, module, function):
        for dim in (None, 0, -1):
            x = np.float64(3.0)
            assert module(dim)(x) == function(np.zeros(1))[0]
            gradcheck(module(dim), np.array(3.0), order=2)
        for dim in (1, -2):
            with pytest.raises(ValueError, match=r"one of the 1 axes of x, which has shape \(\); got"):
                module(dim)(np.array(1.0))

    def test_infinite_scores_make_their_row_nan_and_no_warning(self, module, function):
        with np.errstate(all="raise"):
            t = Tensor([[np.inf, 1.0], [1.0, 1.0]], requires_grad=True)
            y = module(1)(t)
            y.backward(np.ones((2, 2)))
        assert np.isnan(y.data[0]).all() and np.isfinite(y.data[1]).all()

    def test_nan_stays_in_its_row(self, module, function):
        y = module(1)(np.array([[np.nan, 1.0], [1.0, 1.0]]))
        assert np.isnan(y[0]).all() and np.isfinite(y[1]).all()

    def test_bad_input(self, module, function):
        with pytest.raises(ValueError, match=r"dim must name one of the 2 axes of x, which has shape \(2, 3\); got 2"):
            module(2)(np.zeros((2, 3)))
        with pytest.raises(ValueError, match="got -3"):
            module(-3)(np.zeros((2, 3)))
        with pytest.raises(TypeError, match="x is int64"):
            module(0)(np.arange(3))
