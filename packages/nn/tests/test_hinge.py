"""The oracle is the definition, one score at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.hinge import (
    HingeEmbeddingLoss,
    HingeLoss,
    MultiMarginLoss,
    hinge_embedding_loss,
    hinge_loss,
    multi_margin_loss,
)

REDUCTIONS = ("mean", "sum", "none")
N, K = 5, 4
W = np.array([0.5, 2.0, 1.0, 3.0])


def draw(seed=0):
    rng = np.random.default_rng(seed)
    return 2 * rng.normal(size=(N, K)), rng.choice([-1.0, 1.0], (N, K)), rng.integers(0, K, N), rng.normal(size=(N, K))


def reduced(losses, reduction):
    return {"none": losses, "sum": np.sum(losses), "mean": np.sum(losses) / np.size(losses)}[reduction]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("margin", [1.0, 0.3, 2.0])
def test_eq_1_7_losses_of_scores_and_distances(reduction, margin):
    y, t, _, _ = draw()
    hinge, pairs = np.zeros((2, N, K))
    for i in np.ndindex(N, K):
        hinge[i] = max(0, margin - t[i] * y[i])
        pairs[i] = y[i] if t[i] == 1 else max(0, margin - y[i])
    np.testing.assert_allclose(HingeLoss(margin, reduction=reduction)(y, t), reduced(hinge, reduction), rtol=1e-14)
    found = HingeEmbeddingLoss(margin, reduction=reduction)(y, t)
    np.testing.assert_allclose(found, reduced(pairs, reduction), rtol=1e-14)


def test_eq_2_8_slopes_and_none_at_the_corner():
    y = np.array([0.0, 1.0, 2.0, 0.0, -1.0, -2.0])
    t = np.array([1.0, 1.0, 1.0, -1.0, -1.0, -1.0])
    _, (dy, _) = hinge_loss.run(y, t)
    assert dy(np.full(6, 2.0)).tolist() == [-2, 0, 0, 2, 0, 0]
    y = np.array([0.0, 1.0, 2.0, 0.0, 1.0, 2.0])
    _, (dy, _) = hinge_embedding_loss.run(y, t)
    assert dy(np.full(6, 2.0)).tolist() == [2, 2, 2, -2, 0, 0]


def slow_multi_margin(y, c, w, p, margin):
    losses = []
    for n in range(len(y)):
        missing = [max(0, margin - y[n, c[n]] + y[n, k]) ** p for k in range(y.shape[1]) if k != c[n]]
        losses.append(w[c[n]] * sum(missing) / y.shape[1])
    return np.array(losses)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("p, margin, weight", [(1, 1.0, None), (2, 1.0, None), (1, 0.3, W), (2, 2.0, W)])
def test_eq_3_4_losses_of_classes(reduction, p, margin, weight):
    y, _, c, _ = draw(1)
    loss = MultiMarginLoss(p, margin, weight, reduction=reduction)
    slow = slow_multi_margin(y, c, np.ones(K) if weight is None else weight, p, margin)
    np.testing.assert_allclose(loss(y, c), reduced(slow, reduction), rtol=1e-13)
    np.testing.assert_allclose(loss(y[2], c[2]), slow[2], rtol=1e-13)
    assert loss(y[2], c[2]).shape == ()


def test_eq_5_6_slopes_and_none_at_the_corner():
    y, w = np.array([[1.0, 0.0, 0.5], [0.0, 3.0, 2.0]]), np.array([1.0, 2.0])
    for p, expected in ((1, [[-1, 0, 1], [-4, 2, 2]]), (2, [[-1, 0, 1], [-28, 16, 12]])):
        _, (dy, _, _) = multi_margin_loss.run(y, np.array([0, 0]), w, p=p)
        np.testing.assert_allclose(3 * dy(np.ones(2)), expected, rtol=1e-14)
        np.testing.assert_allclose(3 * dy(np.array([1.0, 0.5])), np.array([[1], [0.5]]) * expected, rtol=1e-14)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_eq_2_5_6_8_finite_differences_of_first_and_second_order(reduction):
    y, t, c, _ = draw(2)
    gradcheck(lambda y: HingeLoss(0.7, reduction=reduction)(y, t), y, order=2)
    gradcheck(lambda y: HingeEmbeddingLoss(0.7, reduction=reduction)(y, t), y, order=2)
    for p in (1, 2):
        loss = MultiMarginLoss(p, 0.7, W, reduction=reduction)
        gradcheck(lambda y, loss=loss: loss(y, c), y, order=2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 4), st.integers(1, 4), st.integers(0, 99), st.sampled_from([np.float32, np.float64]))
def test_any_size_order_and_dtype(n, k, seed, dtype):
    rng = np.random.default_rng(seed)
    y, t, c = rng.normal(size=(n, k)).astype(dtype), rng.choice([-1, 1], (n, k)), rng.integers(0, k, n)
    y = np.array(y, order="F")
    y.flags.writeable = t.flags.writeable = c.flags.writeable = False
    for loss, target in (
        (HingeLoss(reduction="sum"), t),
        (HingeEmbeddingLoss(reduction="sum"), t),
        (MultiMarginLoss(1, weight=np.ones(k), reduction="sum"), c),
        (MultiMarginLoss(2, reduction="sum"), c),
    ):
        leaf = Tensor(y, requires_grad=True)
        total = loss(leaf, target)
        total.backward()
        assert total.dtype == leaf.grad.dtype == dtype and total.shape == () and leaf.grad.shape == y.shape
        with no_grad():
            np.testing.assert_array_equal(loss(y, target), total.data)


def test_far_away_and_nan():
    y = np.array([[1e4, -1e4, 0.0]])
    with np.errstate(all="raise"):
        assert MultiMarginLoss()(y, np.array([0])) == 0
        np.testing.assert_allclose(MultiMarginLoss()(y, np.array([1])), (20001 + 10001) / 3)
    assert np.isnan(MultiMarginLoss()(np.array([[np.nan, 1.0]]), np.array([1])))
    assert np.isnan(HingeLoss()(np.array([np.nan]), np.ones(1)))
    assert np.isnan(HingeEmbeddingLoss()(np.array([np.nan]), -np.ones(1)))


def test_bad_input_is_named():
    for loss in (HingeLoss, HingeEmbeddingLoss):
        with pytest.raises(ValueError, match="targets must be 1 or -1; 2 of 3 are not, the first is 0.0"):
            loss()(np.zeros(3), np.array([0.0, 1.0, np.nan]))
        with pytest.raises(ValueError, match="must have one shape"):
            loss()(np.zeros(3), np.ones(2))
        with pytest.raises(ValueError, match="at least one entry"):
            loss()(np.zeros(0), np.zeros(0))
    loss = MultiMarginLoss()
    with pytest.raises(ValueError, match=r"\(N, K\) or \(K,\); y has shape \(2, 3, 4\)"):
        loss(np.zeros((2, 3, 4)), np.zeros((2, 4), int))
    with pytest.raises(ValueError, match=r"shape \(2,\); it has shape \(3,\)"):
        loss(np.zeros((2, 3)), np.zeros(3, int))
    with pytest.raises(TypeError, match="target is float64"):
        loss(np.zeros((2, 3)), np.zeros(2))
    with pytest.raises(ValueError, match="0 ... 2; target goes from 0 to 3"):
        loss(np.zeros((2, 3)), np.array([0, 3]))
    with pytest.raises(ValueError, match="0 ... 2; target goes from -1 to 0"):
        loss(np.zeros((2, 3)), np.array([0, -1]))
    with pytest.raises(ValueError, match="at least one example"):
        loss(np.zeros((0, 3)), np.zeros(0, int))
    with pytest.raises(ValueError, match=r"weight must have one entry per class: it has shape \(2,\), and y has 3"):
        MultiMarginLoss(weight=[1, 2])(np.zeros((2, 3)), np.zeros(2, int))
    with pytest.raises(ValueError, match="p must be 1 or 2; got 3"):
        MultiMarginLoss(3)
    with pytest.raises(TypeError, match="y is int64"):
        loss(np.zeros((2, 3), np.int64), np.zeros(2, int))


def test_repr_and_state():
    assert repr(HingeLoss()) == "HingeLoss()" and repr(MultiMarginLoss()) == "MultiMarginLoss()"
    assert repr(HingeEmbeddingLoss(2, reduction="sum")) == "HingeEmbeddingLoss(margin=2.0, reduction='sum')"
    loss = MultiMarginLoss(2, 0.5, [1, 2], reduction="none")
    assert repr(loss) == "MultiMarginLoss(p=2, margin=0.5, weight=[1.0, 2.0], reduction='none')"
    assert loss.state_dict()["weight"].tolist() == [1, 2] and MultiMarginLoss().state_dict() == {}


@pytest.mark.parametrize("kind", [HingeLoss, HingeEmbeddingLoss, lambda m: MultiMarginLoss(1, m)])
def test_margins_that_make_no_sense_are_named(kind):
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"margin must be a finite number; got {value}"):
            kind(value)
    for value in (True, "1", None, np.array([1.0])):
        with pytest.raises(TypeError, match="margin must be a number; it is"):
            kind(value)
        with pytest.raises(TypeError, match="p must be a number; it is"):
            MultiMarginLoss(value)


def test_a_margin_of_numpy_leaves_the_precision_alone():
    y, t, c, _ = draw()
    y = y.astype(np.float32)
    for loss, target in ((HingeLoss(np.float64(0.3)), t), (HingeEmbeddingLoss(np.float64(0.3)), t)):
        assert loss(y, target).dtype == np.float32
    assert MultiMarginLoss(np.int64(2), np.float64(0.3), W)(y, c).dtype == np.float32
