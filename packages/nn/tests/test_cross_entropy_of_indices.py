"""The definition with Python's floats, and the clear form."""

import math

import numpy as np
import pytest

from pellucid import Tensor, gradcheck
from pellucid_nn.cross_entropy import one_hot, softmax_cross_entropy
from pellucid_nn.cross_entropy_of_indices import cross_entropy_of_indices

N, K = 7, 4


@pytest.fixture(params=[1, 3 * K * 8, 1 << 19], ids=["one row", "three rows", "all rows"])
def draw(request, monkeypatch):
    """Logits, classes and weights; and blocks of different length."""
    monkeypatch.setattr("pellucid_nn.cross_entropy_of_indices.BLOCK", request.param)
    rng = np.random.default_rng(0)
    return 3 * rng.normal(size=(N, K)), rng.integers(0, K, N), rng.uniform(0.5, 2, N)


def test_eq_1_losses(draw):
    z, y, s = draw
    expected = [s[n] * (math.log(sum(map(math.exp, z[n]))) - z[n, y[n]]) for n in range(N)]
    np.testing.assert_allclose(cross_entropy_of_indices(z, y, s), expected, rtol=1e-13)
    np.testing.assert_allclose(cross_entropy_of_indices(z, y, s, summed=True), sum(expected), rtol=1e-13)


def test_eq_2_3_gradient(draw):
    z, y, s = draw
    dlosses = np.arange(1.0, N + 1)
    _, (dz, _, _) = cross_entropy_of_indices.run(z, y, s)
    for n, k in np.ndindex(N, K):
        p = math.exp(z[n, k]) / sum(map(math.exp, z[n]))
        np.testing.assert_allclose(dz(dlosses)[n, k], dlosses[n] * s[n] * (p - (k == y[n])), rtol=1e-11, atol=1e-15)
    _, (dz_of_sum, _, _) = cross_entropy_of_indices.run(z, y, s, summed=True)
    np.testing.assert_allclose(dz_of_sum(np.array(2.0)), 2 * dz(np.ones(N)), rtol=1e-14)


def test_eq_1_2_it_equals_the_clear_form(draw):
    z, y, s = draw
    q = one_hot(y, K, float) * s[:, None]
    for summed in (False, True):
        results = []
        for f, rest in ((cross_entropy_of_indices, (y, s)), (softmax_cross_entropy, (q,))):
            logits = Tensor(z, requires_grad=True)
            losses = f(logits, *rest, summed=summed)
            losses.backward(np.ones(losses.shape))
            results.append((losses.data, logits.grad.data))
        for ours, clear in zip(*results):
            np.testing.assert_allclose(ours, clear, rtol=1e-13, atol=1e-15)


def test_gradients_of_any_order(draw):
    z, y, s = draw
    gradcheck(lambda z: cross_entropy_of_indices(z, y, s), z, order=2)
    gradcheck(lambda z: cross_entropy_of_indices(z, y, s, summed=True), z)


def test_a_gradient_may_be_asked_for_twice(draw):
    z, y, s = draw
    logits = Tensor(z, requires_grad=True)
    loss = cross_entropy_of_indices(logits, y, s, summed=True)
    loss.backward(retain_graph=True)
    once = logits.grad.data.copy()
    loss.backward()
    np.testing.assert_array_equal(logits.grad.data, 2 * once)


def test_impossible_classes(draw):
    z, y, s = draw
    z[2, (y[2] + 1) % K] = -np.inf
    z[3, y[3]] = -np.inf
    s[3] = 0
    with np.errstate(all="raise", divide="ignore", invalid="ignore", under="ignore"):
        losses, (dz, _, _) = cross_entropy_of_indices.run(z, y, s)
    assert losses[3] == 0 and np.isfinite(losses).all() and np.isfinite(dz(np.ones(N))).all()
    s[3] = 1
    assert cross_entropy_of_indices(z, y, s)[3] == np.inf


def test_the_logits_are_not_written_into_and_float32_stays(draw):
    z, y, s = draw
    z, s = z.astype(np.float32), s.astype(np.float32)
    z.setflags(write=False)
    losses, (dz, _, _) = cross_entropy_of_indices.run(z, y, s)
    assert losses.dtype == dz(np.ones(N, np.float32)).dtype == np.float32


def test_eq_1_2_one_weight_that_all_share(draw):
    z, y, _ = draw
    shared, each = np.float64(0.3), np.full(N, 0.3)
    for summed in (False, True):
        (loss, (dz, _, _)), (expected, (expected_dz, _, _)) = (
            cross_entropy_of_indices.run(z, y, s, summed=summed) for s in (shared, each)
        )
        np.testing.assert_array_equal(loss, expected)
        np.testing.assert_array_equal(dz(np.ones(loss.shape)), expected_dz(np.ones(loss.shape)))
    gradcheck(lambda z: cross_entropy_of_indices(z, y, shared), z, order=2)
    z[3, y[3]] = -np.inf
    assert cross_entropy_of_indices(z, y, shared)[3] == np.inf
