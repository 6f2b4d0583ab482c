"""The oracle is the definition with Python's own floats: one example, one class at a time."""

import itertools
import math

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.cross_entropy import (
    CrossEntropyLoss,
    one_hot,
    softmax_cross_entropy,
    weighted_targets,
)

N, K = 5, 4
W = np.array([0.5, 2.0, 1.0, 3.0])


def draw(seed=0):
    rng = np.random.default_rng(seed)
    t = rng.uniform(size=(N, K))
    return 3 * rng.normal(size=(N, K)), rng.integers(0, K, N), t / t.sum(axis=1, keepdims=True)


def log_p(z):
    return [[zk - math.log(sum(math.exp(zj) for zj in row)) for zk in row] for row in z.tolist()]


def slow_loss(z, t, w=None, eps=0.0, counts=None):
    """Loss of each example, as the equations say it."""
    w, counts = np.ones(K) if w is None else w, np.ones(N) if counts is None else counts
    return [
        -sum(w[k] * ((1 - eps) * t[n][k] + eps / K) * log_p(z)[n][k] for k in range(K)) * counts[n] for n in range(N)
    ]


def test_eq_1_log_probabilities():
    z, _, _ = draw()
    for k in range(K):
        np.testing.assert_allclose(
            softmax_cross_entropy(z, one_hot(np.full(N, k), K, float)), [-r[k] for r in log_p(z)]
        )


def test_eq_1_probabilities_that_vanish_have_a_logarithm():
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        losses = softmax_cross_entropy(np.array([[0.0, 1e4], [1e4, -1e4]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    np.testing.assert_array_equal(losses, [1e4, 2e4])


def test_eq_2_3_targets_are_smoothed_and_weighted():
    _, y, t = draw(1)
    for eps, w in itertools.product((0.0, 0.3, 1.0), (None, W)):
        q = weighted_targets(t, w, eps)
        for n, k in np.ndindex(N, K):
            expected = (1 if w is None else W[k]) * ((1 - eps) * t[n, k] + eps / K)
            np.testing.assert_allclose(q[n, k], expected, rtol=1e-15)
    assert one_hot(np.array([2, 0]), 3, np.float32).tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("eps, w", [(0.0, None), (0.2, None), (0.0, W), (0.2, W)])
def test_eq_4_losses(eps, w):
    z, y, t = draw(2)
    loss = CrossEntropyLoss(w, label_smoothing=eps, reduction="none")
    np.testing.assert_allclose(loss(z, t), slow_loss(z, t, w, eps), rtol=1e-13)
    np.testing.assert_allclose(loss(z, y), slow_loss(z, np.eye(K)[y], w, eps), rtol=1e-13)


@pytest.mark.parametrize("eps, w", [(0.0, None), (0.2, None), (0.0, W), (0.2, W)])
def test_eq_5_means_and_sums(eps, w):
    z, y, t = draw(3)
    hard, soft = slow_loss(z, np.eye(K)[y], w, eps), slow_loss(z, t, w, eps)
    mean, total = (CrossEntropyLoss(w, label_smoothing=eps, reduction=r) for r in ("mean", "sum"))
    np.testing.assert_allclose(total(z, y), sum(hard), rtol=1e-13)
    np.testing.assert_allclose(total(z, t), sum(soft), rtol=1e-13)
    np.testing.assert_allclose(mean(z, y), sum(hard) / sum(1 if w is None else w[k] for k in y), rtol=1e-13)
    np.testing.assert_allclose(mean(z, t), sum(soft) / N, rtol=1e-13)


@pytest.mark.parametrize("ignore_index", [-100, 1])
@pytest.mark.parametrize("eps, w", [(0.0, None), (0.2, W)])
def test_eq_5_ignored_examples_count_nowhere(ignore_index, eps, w):
    z, y, _ = draw(4)
    y = np.array([0, 1, 3, 1, 2])
    kept = np.array([0, 2, 4])
    given = np.where(y == 1, ignore_index, y)
    for reduction in ("mean", "sum"):
        loss = CrossEntropyLoss(w, label_smoothing=eps, reduction=reduction, ignore_index=ignore_index)
        alone = CrossEntropyLoss(w, label_smoothing=eps, reduction=reduction)
        np.testing.assert_allclose(loss(z, given), alone(z[kept], y[kept]), rtol=1e-13)
    each = CrossEntropyLoss(w, label_smoothing=eps, reduction="none", ignore_index=ignore_index)(z, given)
    assert each[1] == each[3] == 0 and each[kept].all()
    logits = Tensor(z, requires_grad=True)
    loss(logits, given).backward()
    assert not logits.grad.data[[1, 3]].any() and logits.grad.data[kept].all()


def test_eq_6_gradient_is_probability_minus_target():
    z, y, t = draw(5)
    dlosses = np.arange(1.0, N + 1)
    for q in (one_hot(y, K, float), t, W * t):
        _, (dz, _) = softmax_cross_entropy.run(z, q)
        for n, k in np.ndindex(N, K):
            expected = dlosses[n] * (math.exp(log_p(z)[n][k]) * sum(q[n]) - q[n, k])
            np.testing.assert_allclose(dz(dlosses)[n, k], expected, rtol=1e-12, atol=1e-15)
    _, (dz, _) = softmax_cross_entropy.run(z, t, summed=True)
    np.testing.assert_allclose(dz(np.array(2.0)), 2 * (np.exp(log_p(z)) - t), rtol=1e-12, atol=1e-15)


def test_eq_7_gradient_for_the_targets():
    z, _, t = draw(6)
    dlosses = np.arange(1.0, N + 1)
    _, (_, dq) = softmax_cross_entropy.run(z, t)
    np.testing.assert_allclose(dq(dlosses), [[-d * v for v in row] for d, row in zip(dlosses, log_p(z))], rtol=1e-12)
    _, (_, dq) = softmax_cross_entropy.run(z, t, summed=True)
    np.testing.assert_allclose(dq(np.array(2.0)), -2 * np.array(log_p(z)), rtol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("eps, w", [(0.0, None), (0.2, W)])
def test_eq_6_7_finite_differences_of_first_and_second_order(reduction, eps, w):
    z, y, t = draw(7)
    loss = CrossEntropyLoss(w, label_smoothing=eps, reduction=reduction)
    gradcheck(loss, z, t)
    gradcheck(loss, z, t, order=2)
    gradcheck(lambda z: loss(z, y), z)
    gradcheck(lambda z: loss(z, y), z, order=2)


def test_classes_may_stand_on_axis_1_of_more():
    rng = np.random.default_rng(8)
    z, y, t = rng.normal(size=(2, K, 3, 5)), rng.integers(0, K, (2, 3, 5)), rng.uniform(size=(2, K, 3, 5))
    each = CrossEntropyLoss(W, reduction="none")
    for target in (y, t):
        losses = each(z, target)
        assert losses.shape == (2, 3, 5)
        for n, i, j in np.ndindex(2, 3, 5):
            one = target[n, i, j] if target is y else target[n, :, i, j]
            np.testing.assert_allclose(losses[n, i, j], each(z[n, :, i, j], one), rtol=1e-13)
    np.testing.assert_allclose(CrossEntropyLoss(W)(z, y), each(z, y).sum() / W[y].sum(), rtol=1e-13)
    np.testing.assert_allclose(CrossEntropyLoss(W)(z, t), each(z, t).sum() / 30, rtol=1e-13)
    gradcheck(lambda z: CrossEntropyLoss(W)(z, y), z)


def test_forbidden_classes_do_not_disturb_the_others():
    """A logit of −∞ forbids a class: probability 0, gradient 0."""
    for target, forbidden in (
        (np.array([2]), np.array([1])),
        (np.array([[0.0, 0.0, 1.0]]), np.array([[0.0, 1.0, 0.0]])),
    ):
        z = Tensor(np.array([[1.0, -np.inf, 2.0]]), requires_grad=True)
        with np.errstate(invalid="raise"):
            loss = CrossEntropyLoss()(z, target)
            loss.backward()
        np.testing.assert_allclose(loss.item(), math.log(math.e + math.e**2) - 2)
        assert z.grad.data[0, 1] == 0 and np.isfinite(z.grad.data).all()
        assert CrossEntropyLoss()(z, forbidden).item() == np.inf


def test_a_gradient_does_not_depend_on_a_common_shift_and_sums_to_zero():
    z, y, _ = draw(9)
    gradients = []
    for shift in (0.0, 50.0):
        logits = Tensor(z + shift, requires_grad=True)
        CrossEntropyLoss()(logits, y).backward()
        gradients.append(logits.grad.data)
    np.testing.assert_allclose(*gradients, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(gradients[0].sum(axis=1), 0, atol=1e-15)


def test_float32_stays_float32():
    z, y, t = draw(10)
    for target in (y, y.astype(np.int8), t, t.astype(np.float32), Tensor(y), Tensor(t)):
        for reduction in ("mean", "sum", "none"):
            logits = Tensor(z.astype(np.float32), requires_grad=True)
            loss = CrossEntropyLoss(W, label_smoothing=0.1, reduction=reduction)(logits, target)
            np.sum(loss).backward()
            assert loss.dtype == logits.grad.dtype == np.float32


def test_bad_input_is_named():
    z, y, t = draw(11)
    loss = CrossEntropyLoss()
    with pytest.raises(ValueError, match=r"in 0 ... 3, for z has 4 classes; target 1 is 4 \(2 of 5 are out of range\)"):
        loss(z, np.array([0, 4, 1, -1, 3]))
    with pytest.raises(
        ValueError, match=r"indices of shape \(5,\) or probabilities of shape \(5, 4\).* has shape \(3,\)"
    ):
        loss(z, y[:3])
    with pytest.raises(TypeError, match="class indices must be integers; the target is float64"):
        loss(z, y.astype(float))
    with pytest.raises(TypeError, match="class indices must be integers; the target is bool"):
        loss(z, y > 1)
    with pytest.raises(TypeError, match="probabilities must be floating point; the target is int64"):
        loss(z, np.eye(K, dtype=np.int64)[y])
    with pytest.raises(TypeError, match="logits must be floating point; z is int64"):
        loss(np.zeros((N, K), dtype=np.int64), y)
    with pytest.raises(ValueError, match="an axis of classes"):
        loss(np.array(1.0), np.array(0))
    with pytest.raises(ValueError, match=r"weight must have one entry per class: it has shape \(3,\), and z has 4"):
        CrossEntropyLoss([1, 1, 1])(z, y)
    with pytest.raises(ValueError, match="label_smoothing must be between 0 and 1; got 1.5"):
        CrossEntropyLoss(label_smoothing=1.5)
    with pytest.raises(ValueError, match="reduction must be one of"):
        CrossEntropyLoss(reduction="avg")


def test_a_mean_over_nothing_is_an_error_and_a_sum_is_zero():
    nothing = np.zeros((0, K)), np.zeros(0, dtype=int)
    ignored = np.zeros((2, K)), np.full(2, -100)
    for z, y in (nothing, ignored):
        with pytest.raises(ValueError, match="at least one example that counts"):
            CrossEntropyLoss()(z, y)
        assert CrossEntropyLoss(reduction="sum")(z, y) == 0
    with pytest.raises(ValueError, match=r"z has shape \(0, 4\)"):
        CrossEntropyLoss()(np.zeros((0, K)), np.zeros((0, K)))


def test_nan_is_not_hidden():
    z, y, _ = draw(12)
    z[2, 1] = np.nan
    each = CrossEntropyLoss(reduction="none")(z, y)
    assert np.isnan(each).tolist() == [False, False, True, False, False]


def test_repr_and_state():
    assert repr(CrossEntropyLoss()) == "CrossEntropyLoss()"
    loss = CrossEntropyLoss([1, 2], ignore_index=0, reduction="sum", label_smoothing=0.1)
    assert repr(loss) == "CrossEntropyLoss(weight=[1.0, 2.0], ignore_index=0, reduction='sum', label_smoothing=0.1)"
    assert loss.state_dict()["weight"].tolist() == [1, 2] and CrossEntropyLoss().state_dict() == {}


@pytest.mark.parametrize("value", [True, "1", None, np.array([1.0])])
def test_settings_that_are_no_numbers_are_named(value):
    with pytest.raises(TypeError, match="label_smoothing must be a number; it is"):
        CrossEntropyLoss(label_smoothing=value)


def test_smoothing_of_numpy_leaves_the_precision_alone():
    z, t = np.ones((3, 2), np.float32), np.full((3, 2), 0.5, np.float32)
    loss = CrossEntropyLoss(np.ones(2), label_smoothing=np.float64(0.1))
    assert loss(z, np.array([0, 1, 1])).dtype == loss(z, t).dtype == np.float32


def test_a_class_to_ignore_and_probabilities_do_not_go_together():
    z, t = np.ones((3, 2)), np.full((3, 2), 0.5)
    for index in (0, 7):
        with pytest.raises(ValueError, match=f"ignore_index = {index} is a class index, and these targets are prob"):
            CrossEntropyLoss(ignore_index=index)(z, t)
    np.testing.assert_allclose(CrossEntropyLoss(ignore_index=-1)(z, t), np.log(2))
