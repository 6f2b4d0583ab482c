"""The oracle is the definition with Python's floats, one entry at a time; for large logits, decimals of 60 digits."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.binary_cross_entropy import (
    BCELoss,
    BCEWithLogitsLoss,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    softplus_both_ways,
)

REDUCTIONS = ("mean", "sum", "none")
W, C = np.array([0.5, 2.0, 1.0, 3.0]), np.array([1.0, 0.25, 4.0, 2.0])


def draw(seed=0, shape=(3, 4)):
    rng = np.random.default_rng(seed)
    return 3 * rng.normal(size=shape), rng.uniform(0.05, 0.95, shape), rng.uniform(size=shape), rng.normal(size=shape)


def one_loss(p, t, c=1.0):
    return -c * t * math.log(p) - (1 - t) * math.log(1 - p)


def exact(z, t, c):
    """Loss and slope of one logit, to the last digit of a float."""
    with localcontext() as context:
        context.prec = 60
        z, t, c = Decimal(float(z)), Decimal(float(t)), Decimal(float(c))
        yes, no = 1 / (1 + (-z).exp()), 1 / (1 + z.exp())
        return float(-c * t * yes.ln() - (1 - t) * no.ln()), float((1 - t) * yes - c * t * no)


def reduced(losses, reduction):
    flat = [loss for row in losses for loss in row]
    return {"none": losses, "sum": sum(flat), "mean": sum(flat) / len(flat)}[reduction]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, W, 2 * np.ones((3, 1))])
def test_eq_1_losses_of_probabilities(reduction, weight):
    _, p, t, _ = draw()
    w = np.broadcast_to(1.0 if weight is None else weight, p.shape)
    expected = [[w[n, i] * one_loss(p[n, i], t[n, i]) for i in range(4)] for n in range(3)]
    found = BCELoss(weight, reduction=reduction)(p, t)
    np.testing.assert_allclose(found, reduced(expected, reduction), rtol=1e-13)


def test_eq_1_2_certainty_stays_finite():
    p, t = np.array([0.0, 1.0, 0.0, 1.0, 1e-60]), np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        losses, (dp, dt) = binary_cross_entropy.run(p, t)
        slopes = dp(np.ones(5))
    np.testing.assert_allclose(losses, [0, 0, 100, 100, 100], rtol=1e-14)
    np.testing.assert_allclose(slopes, [0, 0, -1e12, 1e12, -1e12], rtol=1e-14)
    np.testing.assert_allclose(dt(np.ones(5)), [100, -100, 100, -100, 100], rtol=1e-14)


def test_eq_2_3_gradients():
    _, p, t, dlosses = draw(1)
    _, (dp, dt) = binary_cross_entropy.run(p, t)
    for i in np.ndindex(p.shape):
        np.testing.assert_allclose(dp(dlosses)[i], dlosses[i] * ((1 - t[i]) / (1 - p[i]) - t[i] / p[i]), rtol=1e-11)
        np.testing.assert_allclose(dt(dlosses)[i], dlosses[i] * math.log((1 - p[i]) / p[i]), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, W])
def test_eq_2_3_7_8_finite_differences_of_first_and_second_order(reduction, weight):
    z, p, t, _ = draw(2)
    gradcheck(BCELoss(weight, reduction=reduction), p, t, order=2)
    for pos_weight in (None, C):
        gradcheck(BCEWithLogitsLoss(weight, reduction=reduction, pos_weight=pos_weight), z, t, order=2)


@pytest.mark.parametrize("z", [-800.0, -40.0, -3.0, -1e-9, 0.0, 1e-9, 0.7, 40.0, 800.0])
@pytest.mark.parametrize("t, c", [(0.0, 1.0), (1.0, 1.0), (0.3, 1.0), (1.0, 2.5), (0.6, 0.25)])
def test_eq_4_5_6_7_every_digit_of_loss_and_slope_where_sigmoid_has_rounded_to_0_or_1(z, t, c):
    loss, slope = exact(z, t, c)
    found, (dz, _, _) = binary_cross_entropy_with_logits.run(np.array([z]), np.array([t]), np.array([c]))
    np.testing.assert_allclose(found, [loss], rtol=1e-13)
    np.testing.assert_allclose(dz(np.array([2.0])), [2 * slope], rtol=1e-12, atol=1e-300)


def test_eq_4_softplus():
    z = np.array([-1e4, -2.0, 0.0, 2.0, 1e4])
    there, back = softplus_both_ways(z)
    expected = [0, math.log(1 + math.exp(-2)), math.log(2), math.log(1 + math.exp(2)), 1e4]
    np.testing.assert_allclose(there, expected, rtol=1e-14)
    np.testing.assert_allclose(back, expected[::-1], rtol=1e-14)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("c", [None, C])
def test_eq_5_losses_of_logits(reduction, c):
    z, _, t, _ = draw(3)
    factor = np.ones(4) if c is None else c
    sigma = 1 / (1 + np.exp(-z))
    expected = [[W[i] * one_loss(sigma[n, i], t[n, i], factor[i]) for i in range(4)] for n in range(3)]
    found = BCEWithLogitsLoss(W, reduction=reduction, pos_weight=c)(z, t)
    np.testing.assert_allclose(found, reduced(expected, reduction), rtol=1e-12)


def test_eq_6_7_8_9_gradients_of_logits_targets_and_factor():
    z, _, t, dlosses = draw(4)
    c = np.broadcast_to(C, z.shape)
    _, (dz, dt, dc) = binary_cross_entropy_with_logits.run(z, t, c)
    for i in np.ndindex(z.shape):
        sigma = 1 / (1 + math.exp(-z[i]))
        expected = dlosses[i] * ((1 - t[i]) * sigma - c[i] * t[i] * (1 - sigma))
        np.testing.assert_allclose(dz(dlosses)[i], expected, rtol=1e-10, atol=1e-15)
        expected = dlosses[i] * (math.log(1 - sigma) - c[i] * math.log(sigma))
        np.testing.assert_allclose(dt(dlosses)[i], expected, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(dc(dlosses)[i], -dlosses[i] * t[i] * math.log(sigma), rtol=1e-10, atol=1e-15)
    gradcheck(binary_cross_entropy_with_logits, z, t, C, order=2)


def test_a_sigmoid_and_the_loss_of_its_probabilities_are_the_loss_of_logits():
    z, _, t, _ = draw(5)
    for reduction in REDUCTIONS:
        apart = BCELoss(W, reduction=reduction)(1 / (1 + np.exp(-z)), t)
        np.testing.assert_allclose(BCEWithLogitsLoss(W, reduction=reduction)(z, t), apart, rtol=1e-10)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=3), st.integers(0, 99), st.sampled_from([np.float32, np.float64]))
def test_any_shape_order_and_dtype(shape, seed, dtype):
    z, p, t, _ = (a.astype(dtype) for a in draw(seed, tuple(shape)))
    for loss, x in ((BCELoss(reduction="sum"), p), (BCEWithLogitsLoss(1.0, reduction="sum", pos_weight=2.0), z)):
        x = np.array(x, order="F")
        x.flags.writeable = t.flags.writeable = False
        leaf = Tensor(x, requires_grad=True)
        total = loss(leaf, t)
        total.backward()
        assert total.dtype == leaf.grad.dtype == dtype and total.shape == () and leaf.grad.shape == x.shape
        with no_grad():
            np.testing.assert_array_equal(loss(x, t), total.data)
        twice = np.repeat(x[..., None], 2, axis=-1)[..., 0]  # not contiguous
        np.testing.assert_allclose(loss(twice, t), total.data, rtol=1e-5)


def test_nan_is_not_hidden():
    for loss in (BCELoss(reduction="none"), BCEWithLogitsLoss(reduction="none")):
        assert np.isnan(loss(np.array([0.5, np.nan]), np.ones(2))).tolist() == [False, True]


def test_bad_input_is_named():
    for loss in (BCELoss, BCEWithLogitsLoss):
        with pytest.raises(ValueError, match="have one shape: . has \\(2, 3\\), t has \\(2,\\)"):
            loss()(np.zeros((2, 3)), np.zeros(2))
        with pytest.raises(TypeError, match="is int64"):
            loss()(np.zeros(3, dtype=np.int64), np.zeros(3))
        with pytest.raises(TypeError, match=r"is float32 and t is float64"):
            loss()(np.zeros(3, np.float32), Tensor(np.zeros(3)))
        with pytest.raises(ValueError, match="reduction must be one of 'mean', 'sum', 'none'; got 'all'"):
            loss(reduction="all")
        with pytest.raises(ValueError, match="at least one entry"):
            loss()(np.zeros((0, 2)), np.zeros((0, 2)))
        for shape in ((3,), (5, 1, 2)):
            with pytest.raises(ValueError, match="weight has shape .* cannot be broadcast to \\(1, 2\\)"):
                loss(np.ones(shape))(np.zeros((1, 2)), np.zeros((1, 2)))
        assert loss(reduction="sum")(np.zeros((0, 2)), np.zeros((0, 2))) == 0
    with pytest.raises(ValueError, match="p goes from -0.5 to 0.5: apply a sigmoid"):
        BCELoss()(np.array([-0.5, 0.5]), np.zeros(2))
    with pytest.raises(ValueError, match="p goes from 0.5 to 1.5: apply a sigmoid"):
        BCELoss()(np.array([1.5, 0.5]), np.zeros(2))
    with pytest.raises(ValueError, match="pos_weight has shape"):
        BCEWithLogitsLoss(pos_weight=np.ones(3))(np.zeros(2), np.zeros(2))


def test_repr_and_state():
    assert repr(BCELoss()) == "BCELoss()" and repr(BCEWithLogitsLoss()) == "BCEWithLogitsLoss()"
    loss = BCEWithLogitsLoss([1, 2], reduction="sum", pos_weight=3)
    assert repr(loss) == "BCEWithLogitsLoss(weight=[1.0, 2.0], pos_weight=3.0, reduction='sum')"
    assert list(loss.state_dict()) == ["weight", "pos_weight"] and BCELoss().state_dict() == {}
    other = BCEWithLogitsLoss([0, 0], pos_weight=0)
    other.load_state_dict(loss.state_dict())
    assert other.weight.tolist() == [1, 2] and other.pos_weight == 3
