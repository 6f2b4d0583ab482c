"""The oracle is Algorithm 1 one number at a time; the fast form is compared with the reader's."""

import itertools

import numpy as np
import pytest

from pellucid import Tensor
from pellucid_nn import Adam, Parameter
from pellucid_nn.adam import adam_step, adam_step_in_place

OPTIONS = [
    dict(eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize)
    for eps, weight_decay, amsgrad, maximize in itertools.product(
        (1e-8, 0.1), (0.0, 0.05), (False, True), (False, True)
    )
]
SETTINGS = dict(lr=0.02, beta1=0.8, beta2=0.95)


def slow_steps(theta, gradients, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize):
    """Scalar by scalar, with Python's floats."""
    result = []
    for i, value in enumerate(theta.tolist()):
        m = v = largest = 0.0
        for t, gradient in enumerate(gradients, start=1):
            g = (-1 if maximize else 1) * gradient[i] + weight_decay * value
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g * g
            largest = max(largest, v)
            m_hat = m / (1 - beta1**t)
            v_hat = (largest if amsgrad else v) / (1 - beta2**t)
            value = value - lr * m_hat / (v_hat**0.5 + eps)
        result.append(value)
    return result


def draw(n_steps=8, P=5, seed=0):
    """Gradients that shrink, so that the largest v is not the last."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=P), rng.normal(size=(n_steps, P)) * np.linspace(3, 0.1, n_steps)[:, None]


def readers(options):
    return {name: value for name, value in options.items() if name != "amsgrad"}


@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_5_6_7_readers_form(options):
    theta, gradients = draw()
    value, m, v, v_max = theta, np.zeros(5), np.zeros(5), np.zeros(5) if options["amsgrad"] else None
    for t, gradient in enumerate(gradients, start=1):
        value, m, v, v_max = adam_step(value, gradient, m, v, v_max, t, **SETTINGS, **readers(options))
    np.testing.assert_allclose(value, slow_steps(theta, gradients, **SETTINGS, **options), rtol=1e-13)
    assert (v_max is not None) == options["amsgrad"]


@pytest.mark.parametrize("keep", [True, False], ids=["gradient kept", "gradient used up"])
@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_5_6_7_fast_form_equals_the_readers(options, keep):
    theta, gradients = draw(seed=1)
    value, m, v, v_max = theta, np.zeros(5), np.zeros(5), np.zeros(5) if options["amsgrad"] else None
    fast, moments = theta.copy(), [np.zeros(5) for _ in range(2 + options["amsgrad"])]
    scratch = np.full((3, 5), np.nan)
    for t, gradient in enumerate(gradients, start=1):
        value, m, v, v_max = adam_step(value, gradient, m, v, v_max, t, **SETTINGS, **readers(options))
        given = gradient.copy()
        room = (*scratch[:2], scratch[2] if keep else given)
        adam_step_in_place(fast, given, moments, t, room, **SETTINGS, **options)
        np.testing.assert_allclose(fast, value, rtol=1e-13)
        assert not keep or (given == gradient).all()
        for ours, theirs in zip(moments, (m, v, v_max)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_3_4_5_6_7_optimizer_takes_these_steps(options):
    theta, gradients = draw(seed=2)
    p = Parameter(theta.copy())
    optimizer = Adam([p], lr=SETTINGS["lr"], betas=(SETTINGS["beta1"], SETTINGS["beta2"]), **options)
    for gradient in gradients:
        p.grad = Tensor(gradient.copy())
        optimizer.step()
    np.testing.assert_allclose(p.data, slow_steps(theta, gradients, **SETTINGS, **options), rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_a_steady_gradient_moves_a_parameter_by_lr_per_step(scale):
    p = Parameter(np.zeros(1))
    optimizer = Adam([p], lr=0.25, eps=0.0)
    for _ in range(20):
        p.grad = Tensor(np.full(1, scale))
        optimizer.step()
    np.testing.assert_allclose(p.data, -5.0, rtol=1e-12)


def test_a_quadratic_is_minimised():
    A, x = np.diag([1.0, 50.0]), Parameter(np.array([3.0, -2.0]))
    optimizer = Adam([x], lr=0.05)
    for _ in range(1500):
        optimizer.zero_grad()
        (0.5 * np.sum(x * (A @ x))).backward()
        optimizer.step()
    np.testing.assert_allclose(x.data, 0, atol=1e-3)


def test_bad_settings_are_named():
    p = [Parameter(np.zeros(1))]
    for name in ("lr", "eps", "weight_decay"):
        for value in (-0.1, np.nan, np.inf):
            with pytest.raises(ValueError, match=f"{name} must be a finite number of 0 or more; it is {value}"):
                Adam(p, **{name: value})
    for betas in ((1.0, 0.9), (0.9, -0.1), (0.9, 0.9, 0.9), (0.9, np.nan), 0.9, "ab"):
        with pytest.raises(ValueError, match="betas must be two numbers"):
            Adam(p, betas=betas)
