"""The oracle is the definition by cases, one entry at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.huber import HuberLoss, L1Loss, SmoothL1Loss, huber_loss, l1_loss, smooth_l1_loss

Y = np.array([[1.0, 2.0, -1.0, 0.25], [0.5, 0.0, 3.0, -2.0]])
T = np.array([[0.0, 4.0, -1.0, 0.0], [1.0, -3.0, 1.5, -2.1]])


def huber(r, delta):
    return r * r / 2 if abs(r) <= delta else delta * (abs(r) - delta / 2)


def smooth(r, beta):
    return r * r / (2 * beta) if abs(r) < beta else abs(r) - beta / 2


def entries(f):
    return np.array([[f(y - t) for y, t in zip(*rows)] for rows in zip(Y, T)])


def every_loss():
    for reduction in ("mean", "sum", "none"):
        yield L1Loss(reduction=reduction), reduction, abs
        for size in (0.3, 1.0, 2.5):
            yield HuberLoss(reduction, size), reduction, lambda r, size=size: huber(r, size)
            yield SmoothL1Loss(reduction=reduction, beta=size), reduction, lambda r, size=size: smooth(r, size)
        yield SmoothL1Loss(reduction=reduction, beta=0), reduction, abs


def test_eq_1_2_3_4_the_definition_by_cases():
    for loss, reduction, f in every_loss():
        losses = entries(f)
        expected = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / 8}[reduction]
        np.testing.assert_allclose(loss(Y, T), expected, rtol=1e-14)


def test_eq_2_3_4_5_slopes_by_cases():
    dlosses = np.arange(1.0, 9.0).reshape(2, 4)
    for f, slope in (
        (l1_loss, np.sign),
        (lambda y, t: huber_loss(y, t, delta=0.5), lambda r: r if abs(r) <= 0.5 else 0.5 * np.sign(r)),
        (lambda y, t: smooth_l1_loss(y, t, beta=0.5), lambda r: 2 * r if abs(r) <= 0.5 else np.sign(r)),
        (lambda y, t: smooth_l1_loss(y, t, beta=0), np.sign),
    ):
        y, t = Tensor(Y, requires_grad=True), Tensor(T, requires_grad=True)
        f(y, t).backward(dlosses)
        np.testing.assert_allclose(y.grad.data, dlosses * entries(slope), rtol=1e-14)
        np.testing.assert_allclose(t.grad.data, -dlosses * entries(slope), rtol=1e-14)


def test_eq_2_3_4_5_finite_differences_of_first_and_second_order():
    rng = np.random.default_rng(0)
    y, t = rng.normal(size=(2, 3, 4))
    for loss, _, _ in every_loss():
        gradcheck(loss, y, t, order=2)


def test_the_median_minimises_the_absolute_error():
    t = np.array([1.0, 2.0, 4.0, 50.0, -3.0])
    grid = np.linspace(-5, 60, 1301)
    best = min(grid, key=lambda y: L1Loss()(np.full(5, y), t))
    np.testing.assert_allclose(best, np.median(t), atol=1e-9)


def test_far_away_nothing_overflows():
    y = Tensor(np.array([1e300, -1e300, np.inf, -np.inf]), requires_grad=True)
    with np.errstate(all="raise"):
        HuberLoss("none", 2.0)(y, np.zeros(4)).backward(np.ones(4))
    assert y.grad.data.tolist() == [2, -2, 2, -2]
    assert np.isnan(HuberLoss("none")(np.array([np.nan, 1.0]), np.zeros(2))).tolist() == [True, False]
    assert np.isnan(L1Loss(reduction="none")(np.array([np.nan, 1.0]), np.zeros(2))).tolist() == [True, False]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=3), st.integers(0, 99), st.sampled_from([np.float32, np.float64]))
def test_any_shape_order_and_dtype(shape, seed, dtype):
    y, t = map(np.array, np.random.default_rng(seed).normal(size=(2, *shape)).astype(dtype))
    y = np.array(y, order="F")
    y.flags.writeable = t.flags.writeable = False
    for loss in (L1Loss(reduction="sum"), HuberLoss("sum", 0.5), SmoothL1Loss(reduction="sum", beta=0.5)):
        leaf = Tensor(y, requires_grad=True)
        total = loss(leaf, t)
        total.backward()
        assert total.dtype == leaf.grad.dtype == dtype and total.shape == () and leaf.grad.shape == y.shape
        with no_grad():
            np.testing.assert_array_equal(loss(y, t), total.data)


def test_bad_input_is_named():
    for loss in (L1Loss(), HuberLoss(), SmoothL1Loss()):
        with pytest.raises(ValueError, match=r"y has \(2, 3\), t has \(2,\)"):
            loss(np.zeros((2, 3)), np.zeros(2))
        with pytest.raises(TypeError, match="y is int64"):
            loss(np.zeros(3, dtype=np.int64), np.zeros(3))
        with pytest.raises(ValueError, match="at least one entry"):
            loss(np.zeros((0, 2)), np.zeros((0, 2)))
        with pytest.raises(ValueError, match="reduction must be one of"):
            type(loss)(reduction="all")
    for delta in (0, -1, np.nan):
        with pytest.raises(ValueError, match="delta is the distance"):
            HuberLoss(delta=delta)
    for beta in (-1, np.nan):
        with pytest.raises(ValueError, match="beta is the distance"):
            SmoothL1Loss(beta=beta)


def test_repr():
    assert [repr(loss()) for loss in (L1Loss, HuberLoss, SmoothL1Loss)] == ["L1Loss()", "HuberLoss()", "SmoothL1Loss()"]
    assert repr(L1Loss(reduction="sum")) == "L1Loss(reduction='sum')"
    assert repr(HuberLoss("sum", 2)) == "HuberLoss(reduction='sum', delta=2.0)"
    assert repr(SmoothL1Loss(reduction="sum", beta=2)) == "SmoothL1Loss(reduction='sum', beta=2.0)"


@pytest.mark.parametrize("value", [True, "1", None, np.array([1.0])])
def test_settings_that_are_no_numbers_are_named(value):
    with pytest.raises(TypeError, match="delta must be a number; it is"):
        HuberLoss(delta=value)
    with pytest.raises(TypeError, match="beta must be a number; it is"):
        SmoothL1Loss(beta=value)


def test_a_setting_of_numpy_leaves_the_precision_alone():
    y, t = np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)
    assert HuberLoss(delta=np.float64(0.3))(y, t).dtype == np.float32
    assert SmoothL1Loss(beta=np.float64(0.3))(y, t).dtype == np.float32
