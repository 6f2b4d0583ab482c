"""The oracle is the definition, one entry at a time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor, gradcheck
from pellucid_nn.linear import Linear
from pellucid_nn.module import Parameter
from pellucid_nn.penalties import (
    add_penalty_gradients,
    clip_grad_norm_,
    clip_grad_value_,
    get_total_norm,
    l1_penalty,
    l2_penalty,
    with_l1_slope,
)
from pellucid_nn.sgd import SGD


def with_gradients(*gradients):
    parameters = []
    for g in gradients:
        p = Parameter(np.ones_like(np.asarray(g)))
        p.grad = Tensor(np.array(g))
        parameters.append(p)
    return parameters


def test_eq_1_2_penalties_entry_by_entry():
    net = Linear(3, 2, rng=0)
    numbers = [x for p in net.parameters() for x in p.data.ravel().tolist()]
    np.testing.assert_allclose(l1_penalty(net, 0.3).item(), 0.3 * sum(abs(x) for x in numbers), rtol=1e-14)
    np.testing.assert_allclose(l2_penalty(net, 0.3).item(), 0.3 / 2 * sum(x * x for x in numbers), rtol=1e-14)
    only = [net.weight]
    np.testing.assert_allclose(l1_penalty(only, 2).item(), 2 * np.abs(net.weight.data).sum(), rtol=1e-14)
    np.testing.assert_allclose(l2_penalty(net.bias, 2).item(), (net.bias.data**2).sum(), rtol=1e-14)
    assert l1_penalty([], 1.0) == l2_penalty([], 1.0) == 0


def test_eq_1_2_gradients():
    net = Linear(3, 2, rng=0)
    net.weight.data[0, 0] = 0
    (l1_penalty(net, 0.3) + l2_penalty(net, 0.7)).backward()
    for p in net.parameters():
        for i in np.ndindex(p.shape):
            sign = (p.data[i] > 0) * 1.0 - (p.data[i] < 0) * 1.0
            np.testing.assert_allclose(p.grad.data[i], 0.3 * sign + 0.7 * p.data[i], rtol=1e-14)
    x = np.array([[0.5, -2.0], [1.0, 3.0]])
    gradcheck(lambda x: l1_penalty([x], 0.4) + l2_penalty([x], 0.4), x, order=2)


@pytest.mark.parametrize("l1, l2", [(0.0, 0.0), (0.3, 0.0), (0.0, 0.7), (0.3, 0.7)])
def test_eq_1_2_in_the_loss_and_in_the_gradients_they_are_the_same(l1, l2):
    one, two = Linear(3, 2, rng=0), Linear(3, 2, rng=0)
    one.weight.data[0, 1] = two.weight.data[0, 1] = 0
    x = np.random.default_rng(0).normal(size=(5, 3))
    (np.sum(one(x) ** 2) + l1_penalty(one, l1) + l2_penalty(one, l2)).backward()
    np.sum(two(x) ** 2).backward()
    add_penalty_gradients(two, l1=l1, l2=l2)
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.data, q.grad.data, rtol=1e-12)


def test_eq_2_in_the_gradients_it_is_the_weight_decay_of_sgd():
    one, two = Linear(3, 2, rng=0), Linear(3, 2, rng=0)
    x = np.random.default_rng(0).normal(size=(5, 3))
    for net, optimizer in ((one, SGD(one.parameters(), 0.1, weight_decay=0.2)), (two, SGD(two.parameters(), 0.1))):
        np.sum(net(x) ** 2).backward()
        if net is two:
            add_penalty_gradients(net, l2=0.2)
        optimizer.step()
    np.testing.assert_allclose(one.weight.data, two.weight.data, rtol=1e-12)


def test_frozen_parameters_and_parameters_without_gradients():
    net = Linear(3, 2, rng=0)
    net.bias.requires_grad_(False)
    add_penalty_gradients(net, l1=1.0)
    assert net.bias.grad is None
    np.testing.assert_array_equal(net.weight.grad.data, np.sign(net.weight.data))
    before = net.weight.grad.data
    kept = before.copy()
    add_penalty_gradients(net, l1=1.0)
    np.testing.assert_array_equal(before, kept)  # not written into


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(-10, 10), max_size=4), max_size=3),
    st.sampled_from([0.5, 1.0, 2.0, 3.0, math.inf]),
    st.floats(0, 20),
)
def test_eq_3_4_norms_and_shortened_gradients(gradients, order, max_norm):
    entries = [abs(x) for g in gradients for x in g]
    total = max(entries, default=0.0) if order == math.inf else sum(x**order for x in entries) ** (1 / order)
    np.testing.assert_allclose(get_total_norm([np.array(g) for g in gradients], order), total, rtol=1e-12, atol=1e-200)
    parameters = [*with_gradients(*map(np.array, gradients)), Parameter(np.ones(2))]
    np.testing.assert_allclose(clip_grad_norm_(parameters, max_norm, order), total, rtol=1e-12, atol=1e-200)
    factor = min(1, max_norm / (total + 1e-6))
    for p, g in zip(parameters, gradients):
        np.testing.assert_allclose(p.grad.data, [factor * x for x in g], rtol=1e-12, atol=1e-200)
    assert parameters[-1].grad is None


def test_eq_3_one_array_and_defaults():
    assert get_total_norm(np.array([3.0, 4.0])) == get_total_norm(Tensor(np.array([3.0, 4.0]))) == 5
    assert get_total_norm([]) == get_total_norm([np.zeros((0, 2)), np.zeros(3)]) == 0
    (p,) = with_gradients([30.0, 40.0])
    assert clip_grad_norm_(p, 5.0) == 50
    np.testing.assert_allclose(p.grad.data, [3, 4], rtol=1e-7)


def test_eq_4_what_is_short_enough_stays_the_same_array():
    (p,) = with_gradients([3.0, 4.0])
    before = p.grad
    clip_grad_norm_([p], 5.1)
    assert p.grad is before
    clip_grad_norm_([p], 1.0)
    assert before.data.tolist() == [3, 4]


def test_eq_3_huge_entries_do_not_overflow():
    with np.errstate(all="raise"):
        np.testing.assert_allclose(get_total_norm([np.array([3e200, 4e200])]), 5e200)
        np.testing.assert_allclose(get_total_norm([np.array([3e-200, 4e-200])]), 5e-200)
    p, q = with_gradients(np.array([3e30], np.float32), np.array([4e30], np.float32))
    np.testing.assert_allclose(clip_grad_norm_([p, q], 5.0), 5e30, rtol=1e-6)
    np.testing.assert_allclose([p.grad.data[0], q.grad.data[0]], [3, 4], rtol=1e-6)
    assert p.grad.dtype == np.float32


def test_norms_that_are_not_finite():
    for bad in (np.nan, np.inf):
        for order in (1.0, 2.0, math.inf):
            p, q = with_gradients([1.0, bad], [2.0])
            np.testing.assert_equal(get_total_norm([p.grad, q.grad], order), bad)
            with pytest.raises(ValueError, match=r"of 2 arrays is (nan|inf): look for the layer"):
                clip_grad_norm_([p, q], 1.0, order, error_if_nonfinite=True)
            assert q.grad.data[0] == 2
            with np.errstate(all="raise"):
                clip_grad_norm_([p, q], 1.0, order)
            assert q.grad.data[0] == 0 if bad == np.inf else np.isnan(q.grad.data[0])
    assert np.isnan(get_total_norm([np.array([np.inf]), np.array([np.nan])]))


def test_eq_5_entries_are_cut_off():
    p, q = with_gradients([-3.0, -0.5, 0.0, 0.5, 3.0], np.array([np.nan, 7.0], np.float32))
    before = p.grad
    clip_grad_value_([p, q, Parameter(np.ones(1))], 1.0)
    assert p.grad.data.tolist() == [-1, -0.5, 0, 0.5, 1] and before.data[0] == -3
    np.testing.assert_array_equal(q.grad.data, [np.nan, 1])
    assert q.grad.dtype == np.float32


def test_a_module_in_the_place_of_its_parameters():
    net = Linear(3, 2, rng=0)
    np.sum(net(np.ones((4, 3)))).backward()
    clip_grad_value_(net, 0.5)
    assert all((p.grad.data == 0.5).all() for p in net.parameters())
    np.testing.assert_allclose(clip_grad_norm_(net, 1.0), math.sqrt(8 * 0.25))


def test_bad_input_is_named():
    net = Linear(3, 2, rng=0)
    for call, name in (
        (lambda v: l1_penalty(net, v), "l1"),
        (lambda v: l2_penalty(net, v), "l2"),
        (lambda v: add_penalty_gradients(net, l1=v), "l1"),
        (lambda v: add_penalty_gradients(net, l2=v), "l2"),
        (lambda v: clip_grad_norm_(net, v), "max_norm"),
        (lambda v: clip_grad_value_(net, v), "clip_value"),
    ):
        for value in (-1.0, np.nan):
            with pytest.raises(ValueError, match=f"{name} must be 0 or more; got {value}"):
                call(value)
    for order in (0, -1, np.nan):
        with pytest.raises(ValueError, match="norm_type must be above 0"):
            get_total_norm([], order)


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), max_size=9), st.floats(-3, 3))
@settings(deadline=None, derandomize=True)
def test_eq_1_added_to_a_gradient_entry_by_entry(pairs, l1):
    theta, gradient = np.array(pairs).reshape(-1, 2).T.copy()
    before, out = gradient.copy(), np.full(len(pairs), np.nan)
    assert with_l1_slope(gradient, theta, l1, out) is out
    expected = [g + (l1 if t > 0 else -l1 if t < 0 else 0.0) for t, g in pairs]
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(gradient, before)


def test_settings_that_are_numpys_leave_the_precision_alone():
    p, q = Parameter(np.ones(3, np.float32)), Parameter(np.ones(3, np.float32))
    tenth = np.float64(0.1)
    assert {l1_penalty(p, tenth).dtype, l2_penalty(p, tenth).dtype} == {np.dtype(np.float32)}
    p.grad = Tensor(np.ones(3, np.float32))
    for change in (
        lambda: clip_grad_value_(p, tenth),
        lambda: clip_grad_norm_(p, tenth, np.float64(3)),
        lambda: add_penalty_gradients([p, q], l1=tenth, l2=tenth),
    ):
        change()
        assert p.grad.dtype == np.float32
    assert q.grad.dtype == np.float32


@pytest.mark.parametrize("value", [True, "0.1", None, Tensor(0.1), np.array([0.1])])
def test_what_is_no_number_is_named(value):
    (p,) = with_gradients([1.0])
    for name, call in (
        ("l1", lambda v: l1_penalty(p, v)),
        ("l2", lambda v: l2_penalty(p, v)),
        ("l1", lambda v: add_penalty_gradients(p, l1=v)),
        ("l2", lambda v: add_penalty_gradients(p, l2=v)),
        ("max_norm", lambda v: clip_grad_norm_(p, v)),
        ("norm_type", lambda v: clip_grad_norm_(p, 1.0, v)),
        ("clip_value", lambda v: clip_grad_value_(p, v)),
    ):
        with pytest.raises(TypeError, match=f"{name} must be a number; it is"):
            call(value)
    assert p.grad.data.tolist() == [1.0]
