"""The oracle writes the averages out as weighted sums over all steps; the fast form is compared with the reader's."""

import itertools

import numpy as np
import pytest

from pellucid import Tensor
from pellucid_nn.module import Parameter
from pellucid_nn.rmsprop import RMSprop, rmsprop_step, rmsprop_step_in_place

OPTIONS = [
    dict(eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered, maximize=maximize)
    for eps, weight_decay, momentum, centered, maximize in itertools.product(
        (1e-8, 0.1), (0.0, 0.05), (0.0, 0.9), (False, True), (False, True)
    )
]
SETTINGS = dict(lr=0.02, alpha=0.8)


def slow_steps(theta, gradients, lr, alpha, eps, weight_decay, momentum, centered, maximize):
    """Scalar by scalar: an average over the past is Σ (1 − α) α^age · what came then, a velocity is Σ μ^age · step."""
    result = []
    for i, value in enumerate(theta.tolist()):
        seen, divided = [], []
        for gradient in gradients:
            seen.append((-1 if maximize else 1) * gradient[i] + weight_decay * value)
            weights = [(1 - alpha) * alpha**age for age in range(len(seen))]
            variance = sum(w * g * g for w, g in zip(weights, reversed(seen)))
            if centered:
                variance -= sum(w * g for w, g in zip(weights, reversed(seen))) ** 2
            divided.append(seen[-1] / (variance**0.5 + eps))
            value -= lr * sum(momentum**age * u for age, u in enumerate(reversed(divided)))
        result.append(value)
    return result


def draw(n_steps=8, P=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=P), rng.normal(size=(n_steps, P))


def start(options):
    """v, m and b before the first step."""
    return np.zeros(5), np.zeros(5) if options["centered"] else None, np.zeros(5) if options["momentum"] else None


def readers(options):
    return {name: value for name, value in options.items() if name != "centered"}


@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_5_6_7_readers_form(options):
    theta, gradients = draw()
    value, (v, m, b) = theta, start(options)
    for gradient in gradients:
        value, v, m, b = rmsprop_step(value, gradient, v, m, b, **SETTINGS, **readers(options))
    np.testing.assert_allclose(value, slow_steps(theta, gradients, **SETTINGS, **options), rtol=1e-12)
    assert (m is not None) == options["centered"] and (b is not None) == (options["momentum"] > 0)


@pytest.mark.parametrize("keep", [True, False], ids=["gradient kept", "gradient used up"])
@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_5_6_7_fast_form_equals_the_readers(options, keep):
    theta, gradients = draw(seed=1)
    value, state = theta, start(options)
    fast, scratch = theta.copy(), np.full((3, 5), np.nan)
    moments = [array.copy() for array in state if array is not None]
    for t, gradient in enumerate(gradients, start=1):
        value, *state = rmsprop_step(value, gradient, *state, **SETTINGS, **readers(options))
        given = gradient.copy()
        room = (*scratch[:2], scratch[2] if keep else given)
        rmsprop_step_in_place(fast, given, moments, t, room, **SETTINGS, **options)
        np.testing.assert_allclose(fast, value, rtol=1e-13)
        assert not keep or (given == gradient).all()
        for ours, theirs in zip(moments, (array for array in state if array is not None), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_5_6_7_optimizer_takes_these_steps(options):
    theta, gradients = draw(seed=2)
    p = Parameter(theta.copy())
    optimizer = RMSprop([p], **SETTINGS, **options)
    for gradient in gradients:
        p.grad = Tensor(gradient.copy())
        optimizer.step()
    np.testing.assert_allclose(p.data, slow_steps(theta, gradients, **SETTINGS, **options), rtol=1e-12)


def test_eq_5_a_variance_that_rounds_below_zero_counts_as_zero():
    """After a long steady gradient v and m² are the same but for rounding, here for the worse."""
    g = np.array([0.1, 0.7, 1.3])
    v, m, theta, scratch = g**2 * (1 - 1e-14), g.copy(), np.zeros(3), np.empty((3, 3))
    moments, fast = [v.copy(), m.copy()], theta.copy()
    value, v, m, _ = rmsprop_step(theta, g, v, m, None, lr=1e-3, alpha=0.9, eps=1e-2)
    rmsprop_step_in_place(fast, g, moments, 9, scratch, lr=1e-3, alpha=0.9, eps=1e-2, centered=True)
    assert (v - m**2 < 0).all()
    for result in (value, fast):
        np.testing.assert_allclose(result, -1e-3 * g / 1e-2, rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_steps_have_the_same_length_whatever_the_scale(scale):
    p = Parameter(np.zeros(1))
    optimizer = RMSprop([p], lr=0.25, alpha=0.9, eps=0.0)
    lengths = []
    for _ in range(400):
        before = p.data[0]
        p.grad = Tensor(np.full(1, scale))
        optimizer.step()
        lengths.append(before - p.data[0])
    np.testing.assert_allclose([lengths[0], lengths[-1]], [0.25 / 0.1**0.5, 0.25], rtol=1e-10)


def test_a_quadratic_is_minimised():
    A, x = np.diag([1.0, 50.0]), Parameter(np.array([3.0, -2.0]))
    optimizer = RMSprop([x], lr=0.1, alpha=0.9)
    for _ in range(600):
        optimizer.zero_grad()
        (0.5 * np.sum(x * (A @ x))).backward()
        optimizer.param_groups[0]["lr"] *= 0.98
        optimizer.step()
    np.testing.assert_allclose(x.data, 0, atol=1e-3)


def test_bad_settings_are_named():
    p = [Parameter(np.zeros(1))]
    for name in ("lr", "eps", "weight_decay", "momentum"):
        for value in (-0.1, np.nan, np.inf):
            with pytest.raises(ValueError, match=f"{name} must be a finite number of 0 or more; it is {value}"):
                RMSprop(p, **{name: value})
    for alpha in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match=f"alpha must be at least 0 and below 1; it is {alpha}"):
            RMSprop(p, alpha=alpha)
