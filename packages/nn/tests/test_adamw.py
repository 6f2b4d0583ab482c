"""The oracle is Algorithm 2 one number at a time; the fast form is compared with the reader's."""

import itertools

import numpy as np
import pytest

from pellucid import Tensor
from pellucid_nn.adam import Adam
from pellucid_nn.adamw import AdamW, adamw_step, adamw_step_in_place
from pellucid_nn.module import Parameter

OPTIONS = [
    dict(eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize)
    for eps, weight_decay, amsgrad, maximize in itertools.product((1e-8, 0.1), (0.0, 0.5), (False, True), (False, True))
]
SETTINGS = dict(lr=0.02, beta1=0.8, beta2=0.95)


def slow_steps(theta, gradients, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize):
    """Scalar by scalar: the averages are weighted sums over all steps, the decay is taken off at the end of a step."""
    result = []
    for i, value in enumerate(theta.tolist()):
        seen, largest = [], 0.0
        for t, gradient in enumerate(gradients, start=1):
            seen.append((-1 if maximize else 1) * gradient[i])
            ages = list(enumerate(reversed(seen)))
            m = sum((1 - beta1) * beta1**age * g for age, g in ages)
            v = sum((1 - beta2) * beta2**age * g * g for age, g in ages)
            largest = max(largest, v)
            m_hat = m / (1 - beta1**t)
            v_hat = (largest if amsgrad else v) / (1 - beta2**t)
            value = value - lr * m_hat / (v_hat**0.5 + eps) - lr * weight_decay * value
        result.append(value)
    return result


def draw(n_steps=8, P=5, seed=0):
    """Gradients that shrink, so that the largest v is not the last."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=P), rng.normal(size=(n_steps, P)) * np.linspace(3, 0.1, n_steps)[:, None]


def readers(options):
    return {name: value for name, value in options.items() if name != "amsgrad"}


@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_readers_form(options):
    theta, gradients = draw()
    value, m, v, v_max = theta, np.zeros(5), np.zeros(5), np.zeros(5) if options["amsgrad"] else None
    for t, gradient in enumerate(gradients, start=1):
        value, m, v, v_max = adamw_step(value, gradient, m, v, v_max, t, **SETTINGS, **readers(options))
    np.testing.assert_allclose(value, slow_steps(theta, gradients, **SETTINGS, **options), rtol=1e-12)
    assert (v_max is not None) == options["amsgrad"]


@pytest.mark.parametrize("keep", [True, False], ids=["gradient kept", "gradient used up"])
@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_fast_form_equals_the_readers(options, keep):
    theta, gradients = draw(seed=1)
    value, m, v, v_max = theta, np.zeros(5), np.zeros(5), np.zeros(5) if options["amsgrad"] else None
    fast, moments = theta.copy(), [np.zeros(5) for _ in range(2 + options["amsgrad"])]
    scratch = np.full((3, 5), np.nan)
    for t, gradient in enumerate(gradients, start=1):
        value, m, v, v_max = adamw_step(value, gradient, m, v, v_max, t, **SETTINGS, **readers(options))
        given = gradient.copy()
        room = (*scratch[:2], scratch[2] if keep else given)
        adamw_step_in_place(fast, given, moments, t, room, **SETTINGS, **options)
        np.testing.assert_allclose(fast, value, rtol=1e-13)
        assert not keep or (given == gradient).all()
        for ours, theirs in zip(moments, (m, v, v_max)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-13)


@pytest.mark.parametrize("options", OPTIONS)
def test_eq_1_2_optimizer_takes_these_steps(options):
    theta, gradients = draw(seed=2)
    p = Parameter(theta.copy())
    optimizer = AdamW([p], lr=SETTINGS["lr"], betas=(SETTINGS["beta1"], SETTINGS["beta2"]), **options)
    for gradient in gradients:
        p.grad = Tensor(gradient.copy())
        optimizer.step()
    np.testing.assert_allclose(p.data, slow_steps(theta, gradients, **SETTINGS, **options), rtol=1e-12)


def test_eq_1_without_a_gradient_a_parameter_falls_geometrically():
    p = Parameter(np.array([2.0, -3.0]))
    optimizer = AdamW([p], lr=0.1, weight_decay=0.5)
    for _ in range(10):
        p.grad = Tensor(np.zeros(2))
        optimizer.step()
    np.testing.assert_allclose(p.data, np.array([2.0, -3.0]) * 0.95**10, rtol=1e-13)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_decay_does_not_depend_on_the_size_of_the_gradient(scale):
    """Unlike Adam's, where large gradients hide it."""
    ends = []
    for kind in (AdamW, Adam):
        p = Parameter(np.ones(1))
        optimizer = kind([p], lr=0.01, weight_decay=0.1, eps=0.0)
        for step in range(100):
            p.grad = Tensor(np.full(1, scale * (-1.0) ** step))
            optimizer.step()
        ends.append(p.data[0])
    q = Parameter(np.ones(1))
    optimizer = AdamW([q], lr=0.01, weight_decay=0.1, eps=0.0)
    for step in range(100):
        q.grad = Tensor(np.full(1, (-1.0) ** step))
        optimizer.step()
    np.testing.assert_allclose(ends[0], q.data[0], rtol=1e-12)
    if scale == 1e3:
        assert abs(ends[1] - ends[0]) > 0.05


def test_without_decay_it_is_adam():
    theta, gradients = draw(seed=3)
    p, q = Parameter(theta.copy()), Parameter(theta.copy())
    ours, adam = AdamW([p], weight_decay=0.0, amsgrad=True), Adam([q], amsgrad=True)
    for gradient in gradients:
        p.grad = q.grad = Tensor(gradient.copy())
        ours.step()
        adam.step()
    np.testing.assert_array_equal(p.data, q.data)


def test_bad_settings_are_named():
    p = [Parameter(np.zeros(1))]
    for name in ("lr", "eps", "weight_decay"):
        for value in (-0.1, np.nan, np.inf):
            with pytest.raises(ValueError, match=f"{name} must be a finite number of 0 or more; it is {value}"):
                AdamW(p, **{name: value})
    with pytest.raises(ValueError, match="betas must be two numbers"):
        AdamW(p, betas=(1.0, 0.9))
