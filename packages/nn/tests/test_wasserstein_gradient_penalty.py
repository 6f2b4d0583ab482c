"""The oracles: critics whose slopes are known, finite differences, and loops over examples."""

import math

import numpy as np
import pytest

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.activations import ReLU, Tanh
from pellucid_nn.linear import Linear
from pellucid_nn.module import Parameter
from pellucid_nn.sequential import Sequential
from pellucid_nn.wasserstein_gradient_penalty import (
    WassersteinGradientPenalty,
    between,
    generator_loss,
    gradient_penalty,
)

N, D = 5, 3


def draw(seed=0, shape=(N, D)):
    return np.random.default_rng(seed).normal(size=(2, *shape))


def network(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return Sequential(Linear(D, 6, rng=rng, dtype=dtype), Tanh(), Linear(6, 1, rng=rng, dtype=dtype))


def slow_slopes(critic, x, h=1e-5):
    """The length of the critic's gradient at each example, by finite differences."""
    lengths = []
    for n in range(len(x)):
        slopes = []
        for i in np.ndindex(x.shape[1:]):
            ends = []
            for sign in (1, -1):
                moved = x[n : n + 1].copy()
                moved[(0, *i)] += sign * h
                with no_grad():
                    ends.append(float(critic(moved).reshape(())))
            slopes.append((ends[0] - ends[1]) / (2 * h))
        lengths.append(math.sqrt(sum(s * s for s in slopes)))
    return lengths


def slow_penalty(critic, x):
    return sum((r - 1) ** 2 for r in slow_slopes(critic, x)) / len(x)


def test_eq_1_the_generators_loss():
    critic, (_, fake) = network(), draw()
    with no_grad():
        numbers = [float(critic(fake[n])[0]) for n in range(N)]
        np.testing.assert_allclose(generator_loss(critic, fake), -sum(numbers) / N, rtol=1e-13)
    np.testing.assert_allclose(generator_loss(lambda x: x[:, 0], fake), -fake[:, 0].sum() / N)


def test_eq_1_the_generator_receives_its_gradient():
    """In numpy-ml it does not."""
    critic, generator, noise = network(0), Linear(2, D, rng=1), draw(2, (N, 2))[0]
    generator_loss(critic, generator(noise)).backward()
    h = 1e-6
    for p in generator.parameters():
        assert p.grad is not None and np.abs(p.grad.data).min() > 0
        for i in np.ndindex(p.shape):
            ends = []
            for sign in (1, -1):
                p.data[i] += sign * h
                with no_grad():
                    ends.append(-critic(generator(noise)).sum() / N)
                p.data[i] -= sign * h
            np.testing.assert_allclose(p.grad.data[i], (ends[0] - ends[1]) / (2 * h), rtol=1e-6, atol=1e-9)


def test_eq_2_points_between():
    real, fake = draw(1)
    u = np.array([0.0, 1.0, 0.25, 0.5, 0.75])[:, None]
    x_hat = between(real, fake, u)
    np.testing.assert_allclose(x_hat[0], fake[0])
    np.testing.assert_allclose(x_hat[1], real[1])
    np.testing.assert_allclose(x_hat[2], fake[2] + 0.25 * (real[2] - fake[2]))


@pytest.mark.parametrize("shape", [(400,), (400, D), (400, 2, 3, 2)])
def test_eq_2_one_number_for_each_example_uniform(shape):
    seen = []

    def critic(x):
        seen.append(x.data if isinstance(x, Tensor) else x)
        return np.sum(x.reshape(len(x), -1), axis=1)

    WassersteinGradientPenalty(rng=0)(critic, np.ones(shape), np.zeros(shape))
    u = seen[-1]
    np.testing.assert_array_equal(u, np.broadcast_to(u[(slice(None), *[slice(1)] * (u.ndim - 1))], shape))
    u = u.reshape(400, -1)[:, 0]
    assert len(set(u)) == 400 and 0 <= u.min() < 0.02 and 0.98 < u.max() < 1
    np.testing.assert_allclose([u.mean(), u.var()], [1 / 2, 1 / 12], rtol=0.1)


def test_eq_3_4_6_critics_whose_slopes_are_known():
    x = draw(3)[0]
    A = np.array([[2.0, 1.0, 0.0], [1.0, 0.5, -1.0], [0.0, -1.0, 3.0]])
    expected = np.mean([(math.dist(A @ row, [0, 0, 0]) - 1) ** 2 for row in x])
    found = gradient_penalty(lambda x: 0.5 * np.sum(x @ A * x, axis=1), x)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient_penalty(lambda x: x @ np.array([3.0, 0.0, 4.0]), x), 16, rtol=1e-13)
    pictures = x.reshape(N, 1, D)
    np.testing.assert_allclose(gradient_penalty(lambda x: 3.0 * x[:, 0, 1], pictures), 4, rtol=1e-13)


def test_eq_4_6_the_penalty_and_its_gradient_by_finite_differences():
    critic, x = network(1), draw(4)[0]
    np.testing.assert_allclose(gradient_penalty(critic, x).item(), slow_penalty(critic, x), rtol=1e-8)
    gradient_penalty(critic, x).backward()
    h = 1e-4
    first, last = critic[0].weight, critic[2].weight
    for p in (first, critic[0].bias, last):
        for i in np.ndindex(p.shape):
            ends = []
            for sign in (1, -1):
                p.data[i] += sign * h
                ends.append(slow_penalty(critic, x))
                p.data[i] -= sign * h
            np.testing.assert_allclose(p.grad.data[i], (ends[0] - ends[1]) / (2 * h), rtol=1e-4, atol=1e-6)
    assert critic[2].bias.grad is None or not critic[2].bias.grad.data.any()  # it moves no slope


@pytest.mark.parametrize("penalty", [10.0, 0.0, 0.5])
def test_eq_5_the_critics_loss(penalty):
    critic, (real, fake) = network(2), draw(5)
    loss = WassersteinGradientPenalty(penalty, rng=7)(critic, real, fake)
    u = np.random.default_rng(7).random((N, 1))
    x_hat = u * real + (1 - u) * fake
    with no_grad():
        expected = sum(critic(fake))[0] / N - sum(critic(real))[0] / N + penalty * slow_penalty(critic, x_hat)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-8)


def test_eq_5_only_the_critic_gets_a_gradient():
    critic, generator, noise = network(3), Linear(2, D, rng=1), draw(6, (N, 2))[0]
    fake = generator(noise)
    WassersteinGradientPenalty(rng=0)(critic, draw(6)[0], fake).backward()
    assert all(p.grad is None for p in generator.parameters())
    assert all(p.grad is not None and p.grad.data.any() for p in critic[0].parameters())


def test_eq_5_training_a_critic_finds_the_distance_of_two_points():
    """Real ones all at 2, made-up ones all at 0, in one dimension: the distance is 2, and the best critic is ±x."""
    slope = Parameter(np.array([0.1]))
    real, fake = np.full((8, 1), 2.0), np.zeros((8, 1))
    criterion = WassersteinGradientPenalty(1000.0, rng=0)
    for _ in range(200):
        slope.grad = None
        criterion(lambda x: x @ slope, real, fake).backward()
        slope.data -= 4e-4 * slope.grad.data
    np.testing.assert_allclose(slope.data, 1 + 2 / 2000, rtol=1e-6)


def test_a_flat_critic_gets_no_nan():
    critic = Sequential(Linear(D, 4, rng=0), ReLU(), Linear(4, 1, rng=0))
    critic[0].bias.data[...] = -100
    with np.errstate(all="raise"):
        loss = gradient_penalty(critic, draw(7)[0])
        loss.backward()
    assert loss.item() == 1 and not critic[0].weight.grad.data.any()


def test_plain_arrays_without_a_graph_and_float32():
    critic, (real, fake) = network(4, np.float32), draw(8).astype(np.float32)
    with no_grad():
        plain = WassersteinGradientPenalty(rng=0)(critic, real, fake)
    loss = WassersteinGradientPenalty(rng=0)(critic, real, fake)
    loss.backward()
    assert not isinstance(plain, Tensor) and plain == loss.data and loss.dtype == np.float32
    assert all(p.grad is None or p.grad.dtype == np.float32 for p in critic.parameters())
    gradcheck(lambda x: gradient_penalty(lambda x: np.sum(np.tanh(x) ** 2, axis=1), x), draw(9)[0], order=2)


def test_the_generator_of_points_is_kept_by_checkpoints():
    criterion = WassersteinGradientPenalty(rng=0)
    assert [name for name, _ in criterion.named_generators()] == ["rng"] and repr(criterion).endswith("(penalty=10.0)")


def test_bad_input_is_named():
    critic, (real, fake), criterion = network(), draw(), WassersteinGradientPenalty(rng=0)
    with pytest.raises(ValueError, match=r"real has \(5, 3\), fake has \(4, 3\)"):
        criterion(critic, real, fake[1:])
    with pytest.raises(TypeError, match="real is float64 and fake is float32"):
        criterion(critic, real, fake.astype(np.float32))
    with pytest.raises(TypeError, match="real is int64"):
        criterion(critic, real.astype(np.int64), fake)
    with pytest.raises(ValueError, match="at least one example"):
        criterion(critic, real[:0], fake[:0])
    with pytest.raises(ValueError, match="at least one example"):
        generator_loss(critic, np.float64(1))
    with pytest.raises(ValueError, match=r"one number for each of the 5 examples; it gave shape \(5, 3\)"):
        generator_loss(lambda x: x, fake)
    for penalty in (-1, np.nan):
        with pytest.raises(ValueError, match="penalty is the weight"):
            WassersteinGradientPenalty(penalty)


@pytest.mark.parametrize("value", [True, "1", None, np.array([1.0])])
def test_settings_that_are_no_numbers_are_named(value):
    with pytest.raises(TypeError, match="penalty must be a number; it is"):
        WassersteinGradientPenalty(value)
