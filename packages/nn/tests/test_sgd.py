"""The oracle is the definition, one number at a time; the fast form is compared with the reader's."""

import itertools

import numpy as np
import pytest

from pellucid import Tensor
from pellucid_nn import SGD, Parameter
from pellucid_nn.sgd import sgd_step, sgd_step_in_place

OPTIONS = [
    dict(momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov, maximize=maximize)
    for momentum, dampening, weight_decay, nesterov, maximize in itertools.product(
        (0.0, 0.9), (0.0, 0.3), (0.0, 0.05), (False, True), (False, True)
    )
    if not (nesterov and (momentum == 0 or dampening))
]


def slow_steps(theta, gradients, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """Scalar by scalar, with Python's floats."""
    result = []
    for i, value in enumerate(theta.tolist()):
        b = 0.0
        for t, gradient in enumerate(gradients, start=1):
            g = (-1 if maximize else 1) * gradient[i] + weight_decay * value
            b = g if t == 1 else momentum * b + (1 - dampening) * g
            u = (g + momentum * b if nesterov else b) if momentum else g
            value = value - lr * u
        result.append(value)
    return result


def draw(n_steps=6, P=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=P), rng.normal(size=(n_steps, P))


@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_readers_form(options):
    theta, gradients = draw()
    value, b = theta, None
    for gradient in gradients:
        value, b = sgd_step(value, gradient, b, lr=0.1, **options)
    np.testing.assert_allclose(value, slow_steps(theta, gradients, 0.1, **options), rtol=1e-13)
    assert (b is None) == (options["momentum"] == 0)


@pytest.mark.parametrize("keep", [True, False], ids=["gradient kept", "gradient used up"])
@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_fast_form_equals_the_readers(options, keep):
    theta, gradients = draw(seed=1)
    value, b = theta, None
    fast, moments, scratch = theta.copy(), [np.zeros(5)] if options["momentum"] else [], np.full((3, 5), np.nan)
    for t, gradient in enumerate(gradients, start=1):
        value, b = sgd_step(value, gradient, b, lr=0.1, **options)
        given = gradient.copy()
        room = (*scratch[:2], scratch[2] if keep else given)
        sgd_step_in_place(fast, given, moments, t, room, lr=0.1, **options)
        np.testing.assert_allclose(fast, value, rtol=1e-14)
        assert not keep or (given == gradient).all()
        if moments:
            np.testing.assert_allclose(moments[0], b, rtol=1e-14)


@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_optimizer_takes_these_steps(options):
    theta, gradients = draw(seed=2)
    p = Parameter(theta.copy())
    optimizer = SGD([p], lr=0.1, **options)
    for gradient in gradients:
        p.grad = Tensor(gradient.copy())
        optimizer.step()
    np.testing.assert_allclose(p.data, slow_steps(theta, gradients, 0.1, **options), rtol=1e-13)


def test_momentum_makes_steady_steps_longer():
    p = Parameter(np.zeros(1))
    optimizer = SGD([p], lr=1.0, momentum=0.9)
    before = 0.0
    for _ in range(300):
        before = p.data[0]
        p.grad = Tensor(np.ones(1))
        optimizer.step()
    np.testing.assert_allclose(before - p.data[0], 10.0, rtol=1e-10)


@pytest.mark.parametrize("momentum, nesterov", [(0.0, False), (0.9, False), (0.9, True)])
def test_a_quadratic_is_minimised(momentum, nesterov):
    A, x = np.diag([1.0, 5.0]), Parameter(np.array([3.0, -2.0]))
    optimizer = SGD([x], lr=0.05, momentum=momentum, nesterov=nesterov)
    for _ in range(400):
        optimizer.zero_grad()
        (0.5 * np.sum(x * (A @ x))).backward()
        optimizer.step()
    np.testing.assert_allclose(x.data, 0, atol=1e-6)


def test_eq_2_momentum_that_is_switched_on_later_begins_with_the_gradient():
    """Off, on, off and on again: a velocity begins once, when there is none, and waits while it is not needed."""
    p, value, b = Parameter(np.zeros(1)), 0.0, None
    optimizer = SGD([p], lr=1.0, dampening=0.5)
    for t, momentum in enumerate((0.0, 0.9, 0.9, 0.0, 0.9)):
        optimizer.param_groups[0]["momentum"] = momentum
        g = t + 1.0
        if momentum:
            b = g if b is None else momentum * b + 0.5 * g
        value -= b if momentum else g
        p.grad = Tensor(np.array([g]))
        optimizer.step()
        np.testing.assert_allclose(p.data, [value], rtol=1e-15)
    q = Parameter(np.zeros(1))
    resumed = SGD([q], lr=1.0, dampening=0.5)
    q.grad = Tensor(np.ones(1))
    resumed.step()
    resumed.param_groups[0]["momentum"] = 0.9
    state = resumed.state_dict()
    resumed.load_state_dict(state)
    resumed.step()
    assert q.data[0] == -2


def test_bad_settings_are_named():
    p = [Parameter(np.zeros(1))]
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match=f"dampening must be a finite number; it is {value}"):
            SGD(p, dampening=value)
    for name in ("lr", "momentum", "weight_decay"):
        for value in (-0.1, np.nan, np.inf):
            with pytest.raises(ValueError, match=f"{name} must be a finite number of 0 or more; it is {value}"):
                SGD(p, **{name: value})
    for settings in (dict(nesterov=True), dict(nesterov=True, momentum=0.9, dampening=0.1)):
        with pytest.raises(ValueError, match="Nesterov's form needs momentum above 0 and no dampening"):
            SGD(p, **settings)
