"""The oracle adds up all squares anew at every step; the fast form is compared with the reader's."""

import itertools

import numpy as np
import pytest

from pellucid import Tensor
from pellucid_nn.adagrad import Adagrad, adagrad_step, adagrad_step_in_place
from pellucid_nn.module import Parameter

OPTIONS = [
    dict(lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=start, eps=eps, maximize=maximize)
    for lr_decay, weight_decay, start, eps, maximize in itertools.product(
        (0.0, 0.2), (0.0, 0.05), (0.0, 0.7), (1e-10, 0.1), (False, True)
    )
]


def slow_steps(theta, gradients, lr, lr_decay, weight_decay, initial_accumulator_value, eps, maximize):
    """Scalar by scalar: the gradients so far are kept, and their squares summed."""
    result = []
    for i, value in enumerate(theta.tolist()):
        seen = []
        for gradient in gradients:
            seen.append((-1 if maximize else 1) * gradient[i] + weight_decay * value)
            root = (initial_accumulator_value + sum(g * g for g in seen)) ** 0.5
            value -= lr / (1 + (len(seen) - 1) * lr_decay) * seen[-1] / (root + eps)
        result.append(value)
    return result


def draw(n_steps=6, P=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=P), rng.normal(size=(n_steps, P))


def readers(options):
    """The reader's form has the start of the sum as its state."""
    return {name: value for name, value in options.items() if name != "initial_accumulator_value"}


@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_readers_form(options):
    theta, gradients = draw()
    value, s = theta, np.full(5, options["initial_accumulator_value"])
    for t, gradient in enumerate(gradients, start=1):
        value, s = adagrad_step(value, gradient, s, t, lr=0.1, **readers(options))
    np.testing.assert_allclose(value, slow_steps(theta, gradients, 0.1, **options), rtol=1e-13)


@pytest.mark.parametrize("keep", [True, False], ids=["gradient kept", "gradient used up"])
@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_fast_form_equals_the_readers(options, keep):
    theta, gradients = draw(seed=1)
    value, s = theta, np.full(5, options["initial_accumulator_value"])
    fast, moments, scratch = theta.copy(), [np.zeros(5)], np.full((3, 5), np.nan)
    for t, gradient in enumerate(gradients, start=1):
        value, s = adagrad_step(value, gradient, s, t, lr=0.1, **readers(options))
        given = gradient.copy()
        room = (*scratch[:2], scratch[2] if keep else given)
        adagrad_step_in_place(fast, given, moments, t, room, lr=0.1, **options)
        np.testing.assert_allclose(fast, value, rtol=1e-13)
        np.testing.assert_allclose(moments[0], s, rtol=1e-13)
        assert not keep or (given == gradient).all()


@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_optimizer_takes_these_steps(options):
    theta, gradients = draw(seed=2)
    p = Parameter(theta.copy())
    optimizer = Adagrad([p], lr=0.1, **options)
    for gradient in gradients:
        p.grad = Tensor(gradient.copy())
        optimizer.step()
    np.testing.assert_allclose(p.data, slow_steps(theta, gradients, 0.1, **options), rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_steps_with_a_steady_gradient_fall_like_one_over_the_root_of_t(scale):
    p = Parameter(np.zeros(1))
    optimizer = Adagrad([p], lr=0.25, eps=0.0)
    for t in range(1, 21):
        before = p.data[0]
        p.grad = Tensor(np.full(1, scale))
        optimizer.step()
        np.testing.assert_allclose(before - p.data[0], 0.25 / t**0.5, rtol=1e-12)


def test_a_rare_gradient_still_takes_a_long_step():
    p = Parameter(np.zeros(2))
    optimizer = Adagrad([p], lr=1.0)
    for _ in range(99):
        p.grad = Tensor(np.array([1.0, 0.0]))
        optimizer.step()
    before = p.data.copy()
    p.grad = Tensor(np.ones(2))
    optimizer.step()
    np.testing.assert_allclose(before - p.data, [0.1, 1.0], rtol=1e-8)


def test_a_parameter_whose_first_gradient_comes_late_starts_then():
    p, q, alone = Parameter(np.ones(2)), Parameter(np.ones(3)), Parameter(np.ones(3))
    both, single = (Adagrad(params, initial_accumulator_value=0.5, lr_decay=0.1) for params in ([p, q], [alone]))
    for step in range(5):
        p.grad = Tensor(np.ones(2))
        if step > 2:
            q.grad = alone.grad = Tensor(np.full(3, 0.3))
            single.step()
        both.step()
    np.testing.assert_array_equal(q.data, alone.data)


def test_a_quadratic_is_minimised():
    A, x = np.diag([1.0, 50.0]), Parameter(np.array([3.0, -2.0]))
    optimizer = Adagrad([x], lr=0.5)
    for _ in range(800):
        optimizer.zero_grad()
        (0.5 * np.sum(x * (A @ x))).backward()
        optimizer.step()
    np.testing.assert_allclose(x.data, 0, atol=1e-6)


def test_bad_settings_are_named():
    p = [Parameter(np.zeros(1))]
    for name in ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
        for value in (-0.1, np.nan, np.inf):
            with pytest.raises(ValueError, match=f"{name} must be a finite number of 0 or more; it is {value}"):
                Adagrad(p, **{name: value})
