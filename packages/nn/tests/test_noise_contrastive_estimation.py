"""The oracle is the definition with Python's floats: one context, one word at a time."""

import math

import numpy as np
import pytest

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.noise_contrastive_estimation import NCELoss, data_or_noise_loss, word_scores

REDUCTIONS = ("mean", "sum", "none")
N, V, D, K = 4, 6, 3, 5
COUNTS = np.array([5.0, 1.0, 2.0, 8.0, 3.0, 1.0])
P = COUNTS / 20


def draw(seed=0):
    rng = np.random.default_rng(seed)
    h, target, noise = rng.normal(size=(N, D)), rng.integers(0, V, N), rng.integers(0, V, (N, K))
    return h, target, noise, rng.normal(size=(V, D)), rng.normal(size=V)


def module(W, b, **options):
    loss = NCELoss(COUNTS, D, K, rng=0, **options)
    loss.load_state_dict({"weight": W, "bias": b})
    return loss


def slow_losses(h, target, noise, W, b):
    losses = []
    for n in range(len(h)):
        loss = 0.0
        for i, word in enumerate([target[n], *noise[n]]):
            score = sum(h[n, d] * W[word, d] for d in range(D)) + b[word]
            data = math.exp(score) / (math.exp(score) + noise.shape[1] * P[word])
            loss -= math.log(data if i == 0 else 1 - data)
        losses.append(loss)
    return np.array(losses)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("k", [1, K])
def test_eq_1_2_3_the_definition(reduction, k):
    h, target, noise, W, b = draw()
    noise = noise[:, :k]
    slow = slow_losses(h, target, noise, W, b)
    expected = {"none": slow, "sum": slow.sum(), "mean": slow.sum() / N}[reduction]
    with no_grad():
        found = module(W, b, reduction=reduction)(h, target, noise)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_eq_4_slopes_of_scores():
    s, log_expected = np.random.default_rng(1).normal(size=(2, N, 3))
    dlosses = np.arange(1.0, N + 1)
    _, (ds, _) = data_or_noise_loss.run(s, log_expected)
    for n, i in np.ndindex(N, 3):
        data = 1 / (1 + math.exp(log_expected[n, i] - s[n, i]))
        np.testing.assert_allclose(ds(dlosses)[n, i], dlosses[n] * (data - (i == 0)), rtol=1e-12)


def test_eq_4_no_slope_is_lost_where_the_answer_is_clear():
    _, (ds, _) = data_or_noise_loss.run(np.array([[50.0, -50.0], [-1e4, 1e4]]), np.zeros((2, 2)))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        slopes = ds(np.ones(2))
    np.testing.assert_allclose(slopes, [[-math.exp(-50), math.exp(-50)], [-1, 1]], rtol=1e-12)


def test_eq_5_6_gradients_word_by_word():
    h, target, noise, W, b = draw(2)
    words = np.concatenate([target[:, None], noise], axis=1)
    words[1] = words[1, 0]  # one word many times
    ds = np.random.default_rng(3).normal(size=words.shape)
    _, (dh, dW, db, _) = word_scores.run(h, W, b, words)
    slow_h, slow_W, slow_b = np.zeros_like(h), np.zeros_like(W), np.zeros_like(b)
    for n, i in np.ndindex(words.shape):
        slow_h[n] += ds[n, i] * W[words[n, i]]
        slow_W[words[n, i]] += ds[n, i] * h[n]
        slow_b[words[n, i]] += ds[n, i]
    for found, slow in ((dh, slow_h), (dW, slow_W), (db, slow_b)):
        np.testing.assert_allclose(found(ds), slow, rtol=1e-12, atol=1e-14)


def test_eq_4_5_6_finite_differences_of_first_and_second_order():
    h, target, noise, W, b = draw(4)
    words = np.concatenate([target[:, None], noise], axis=1)
    gradcheck(lambda h, W, b: word_scores(h, W, b, words), h, W, b, order=2)
    gradcheck(lambda s: data_or_noise_loss(s, np.ones((N, 3))), np.random.default_rng(5).normal(size=(N, 3)), order=2)
    gradcheck(lambda h, W, b: data_or_noise_loss(word_scores(h, W, b, words), 0.3), h, W, b, order=2)


def test_eq_6_only_rows_that_were_looked_at_get_a_gradient():
    h, _, _, W, b = draw(6)
    loss = module(W, b)
    loss(h, np.array([0, 2, 2, 0]), np.full((N, K), 4)).backward()
    rows = loss.weight.grad.data.any(axis=1)
    assert rows.tolist() == (loss.bias.grad.data != 0).tolist() == [True, False, True, False, True, False]


def test_eq_3_with_much_noise_the_gradient_is_that_of_the_likelihood():
    """Where scores are log-probabilities, the mean over the noise tends to Σ p(w) ds − ds₀."""
    h, _, _, W, b = draw(7)
    h, W = h[:1], 0.3 * W
    b = b - np.log(np.exp(W @ h[0] + b).sum())
    p, k = np.exp(W @ h[0] + b), 200_000
    loss = module(W, b, reduction="sum")
    loss.num_noise = k
    loss(h, np.array([1])).backward()
    expected = p - np.eye(V)[1]
    np.testing.assert_allclose(loss.bias.grad.data, expected, atol=0.01)


def test_eq_2_3_it_learns_the_distribution_and_its_normaliser():
    """One context: the scores become log-probabilities of what was seen, though nobody made them sum to 1."""
    seen = np.array([1.0, 4.0, 2.0, 2.0, 1.0, 10.0])
    target = np.repeat(np.arange(V), seen.astype(int) * 20)
    loss = NCELoss(COUNTS, 1, 20, rng=0)
    h = np.zeros((len(target), 1))
    for step in range(300):
        loss.zero_grad()
        loss(h, target).backward()
        loss.bias.data -= 1.0 / (1 + step / 30) * loss.bias.grad.data
    with no_grad():
        scores = loss.scores(np.zeros((1, 1)))[0]
    np.testing.assert_allclose(np.exp(scores), seen / 20, atol=0.03)
    np.testing.assert_allclose(np.exp(scores).sum(), 1, atol=0.03)


def test_noise_is_drawn_from_its_distribution_anew_for_every_context():
    loss = NCELoss(COUNTS, D, 50, rng=0)
    drawn = loss.sampler.sample((1000, 50), rng=1)
    np.testing.assert_allclose(np.bincount(drawn.ravel()) / drawn.size, P, atol=0.01)
    loss.weight.data[...] = 0
    losses = NCELoss(COUNTS, D, 50, rng=0, reduction="none")(np.ones((20, D)), np.zeros(20, int))
    assert len(set(losses.data)) > 15
    assert [name for name, _ in loss.named_generators()] == ["rng"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtypes_order_and_empty_batches(dtype):
    h, target, noise, _, _ = draw(8)
    h = np.array(h.astype(dtype), order="F")
    h.flags.writeable = target.flags.writeable = noise.flags.writeable = False
    loss = NCELoss(COUNTS, D, K, rng=0, dtype=dtype)
    x = Tensor(h, requires_grad=True)
    total = loss(x, target, noise)
    total.backward()
    assert total.dtype == x.grad.dtype == loss.weight.grad.dtype == loss.bias.grad.dtype == dtype
    with no_grad():
        assert loss(h, target, noise) == total.data
    one = loss(h[:1], target[:1])
    assert one.shape == () and np.isfinite(one.item())
    loss.zero_grad()
    empty = NCELoss(COUNTS, D, K, rng=0, dtype=dtype, reduction="sum")
    empty(h[:0], target[:0]).backward()
    assert not empty.weight.grad.data.any()
    with pytest.raises(ValueError, match="at least one context"):
        loss(h[:0], target[:0])


def test_start_values_predict_the_noise():
    loss = NCELoss(COUNTS, 400, rng=0)
    np.testing.assert_allclose(loss.scores(np.zeros((1, 400))).data[0], np.log(P), rtol=1e-14)
    np.testing.assert_allclose(loss.weight.data.std(), 1 / 20, rtol=0.05)


def test_bad_input_is_named():
    h, target, noise, W, b = draw()
    loss = module(W, b)
    with pytest.raises(ValueError, match=r"\(N, embedding_dim = 3\); h has shape \(4, 2\)"):
        loss(h[:, 1:], target)
    with pytest.raises(TypeError, match="h is float32 and the parameters are float64"):
        loss(h.astype(np.float32), target)
    with pytest.raises(ValueError, match=r"target must hold class indices of shape \(4,\); it has shape \(3,\)"):
        loss(h, target[1:])
    with pytest.raises(ValueError, match=r"noise must hold class indices of shape \(4, 5\); it has shape \(3, 5\)"):
        loss(h, target, noise[1:])
    with pytest.raises(ValueError, match=r"noise has shape \(4, 0\)"):
        loss(h, target, noise[:, :0])
    with pytest.raises(ValueError, match="0 ... 5; target goes from 6 to 6"):
        loss(h, np.full(N, V))
    with pytest.raises(TypeError, match="noise is float64"):
        loss(h, target, noise.astype(float))
    with pytest.raises(ValueError, match="1 of 3 weights are 0: add 1 to the counts"):
        NCELoss([1, 0, 2], D)
    for name in ("embedding_dim", "num_noise"):
        for value in (0, -1, 2.5, np.nan):
            with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1; it is {value}"):
                NCELoss(COUNTS, **({"embedding_dim": 2} | {name: value}))
        for value in (True, "2", None):
            with pytest.raises(TypeError, match=f"{name} must be a number; it is {value!r}"):
                NCELoss(COUNTS, **({"embedding_dim": 2} | {name: value}))


def test_repr_state_and_work():
    loss = NCELoss(COUNTS, D, K, rng=0, reduction="sum")
    assert repr(loss) == "NCELoss(<6 words>, embedding_dim=3, num_noise=5, reduction='sum')"
    assert list(loss.state_dict()) == ["weight", "bias"]
    assert loss.multiply_adds(None, np.zeros((7, D)), None) == 7 * 6 * 3
