"""The table against loops, slopes and curvatures against finite differences, steps and starts against perturbation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid_trees.boosting_losses import (
    LOSSES,
    Leaves,
    absolute_error,
    bernoulli,
    cut,
    exponential,
    exponential_slope,
    half_link,
    huber,
    link,
    log_loss,
    multinomial,
    outlier,
    quantile,
    residual,
    sigmoid,
    sigmoid_of_twice,
    sign,
    softmax,
    squared_error,
    start_at_half,
    start_at_shares,
    surprise,
    surprises,
    tilted,
    tilted_sign,
)

rng = np.random.default_rng(0)

NUMBERS = ["squared_error", "absolute_error", "quantile", "huber"]
CLASSES = ["log_loss", "multinomial", "exponential"]
every_loss = pytest.mark.parametrize("name", NUMBERS + CLASSES)
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])


def draw(name, N=40):
    """Targets and scores, (J, N) each; no residual is 0 and none of Huber's is δ = 0.8."""
    if name in NUMBERS:
        return rng.normal(size=(1, N)), rng.normal(size=(1, N))
    if name == "multinomial":
        return (rng.integers(0, 4, N) == np.arange(4)[:, None]) * 1.0, rng.normal(size=(4, N))
    return rng.integers(0, 2, (1, N)) * 1.0, 2 * rng.normal(size=(1, N))


A = 0.8


def differences(f, F, step=1e-6):
    """∂f/∂F of each row by central differences; f maps (J, N) to (N,)."""
    slopes = np.empty_like(F)
    for j in range(len(F)):
        nudge = np.zeros_like(F)
        nudge[j] = step
        slopes[j] = (f(F + nudge) - f(F - nudge)) / (2 * step)
    return slopes


# -- the equations ---------------------------------------------------------------------------------------------------


def test_eq_1_squared_error():
    T, F = np.array([[3.0, -1.0, 0.5]]), np.array([[1.0, 1.0, 0.5]])
    np.testing.assert_array_equal(squared_error(T, F, A), [[2.0, 2.0, 0.0]])
    np.testing.assert_array_equal(residual(T, F, A), [[2.0, -2.0, 0.0]])


def test_eq_2_absolute_error():
    T, F = np.array([[3.0, -1.0, 0.5]]), np.array([[1.0, 1.0, 0.5]])
    np.testing.assert_array_equal(absolute_error(T, F, A), [[2.0, 2.0, 0.0]])
    np.testing.assert_array_equal(sign(T, F, A), [[1.0, -1.0, 0.0]])


def test_eq_3_quantile():
    T, F = np.array([[3.0, -1.0, 0.5]]), np.array([[1.0, 1.0, 0.5]])
    np.testing.assert_allclose(tilted(T, F, 0.8), [[1.6, 0.4, 0.0]])
    np.testing.assert_allclose(tilted_sign(T, F, 0.8), [[0.8, -0.2, 0.0]])


def test_eq_4_huber():
    T, F = np.array([[3.0, -4.0, 0.5, 1.0]]), np.array([[1.0, 1.0, 0.0, 0.0]])
    np.testing.assert_allclose(huber(T, F, 1.0), [[1.5, 4.5, 0.125, 0.5]])
    np.testing.assert_array_equal(cut(T, F, 1.0), [[1.0, -1.0, 0.5, 1.0]])
    np.testing.assert_allclose(huber(T, F, 2.0), [[2.0, 8.0, 0.125, 0.5]])
    r = np.array([[A - 1e-9, A + 1e-9]])
    np.testing.assert_allclose(np.diff(huber(r, 0 * r, A)), [[2e-9 * A]])  # the pieces meet


@pytest.mark.parametrize("y", [0, 1])
def test_eq_5_log_loss_is_the_surprise_at_the_class(y):
    for F in np.linspace(-9, 9, 25):
        p = 1 / (1 + math.exp(-F))
        T, one = np.array([[float(y)]]), np.array([[F]])
        np.testing.assert_allclose(log_loss(T, one, A), [[-math.log(p if y else 1 - p)]], rtol=1e-12)
        np.testing.assert_allclose(surprise(T, one, A), [[y - p]], rtol=1e-12)


def test_eq_5_nothing_overflows_and_small_surprises_keep_their_digits():
    T, F = np.array([[1.0, 0.0, 1.0, 0.0]]), np.array([[800.0, 800.0, -800.0, -40.0]])
    np.testing.assert_allclose(log_loss(T, F, A), [[0, 800, 800, 0]], atol=1e-15)
    np.testing.assert_allclose(surprise(T, F, A), [[0, -1, 1, -math.exp(-40)]], rtol=1e-14, atol=1e-300)


def test_eq_6_8_log_loss_of_several_classes_by_loops():
    T, F = draw("multinomial")
    for n in range(F.shape[1]):
        odds = [math.exp(f) for f in F[:, n]]
        p = [o / sum(odds) for o in odds]
        np.testing.assert_allclose(softmax(F)[:, n], p, rtol=1e-12)
        k = T[:, n].tolist().index(1.0)
        np.testing.assert_allclose(multinomial(T, F, A)[:, n].sum(), -math.log(p[k]), rtol=1e-12)
        np.testing.assert_allclose(surprises(T, F, A)[:, n], [(j == k) - p[j] for j in range(4)], atol=1e-12)


def test_eq_6_8_nothing_overflows():
    F = np.array([[1e4], [0.0], [-1e300]])
    np.testing.assert_allclose(softmax(F), [[1], [0], [0]])
    np.testing.assert_allclose(multinomial(np.array([[0.0], [1], [0]]), F, A).sum(), 1e4)


def test_eq_7_exponential():
    T, F = np.array([[1.0, 0.0]]), np.array([[0.5, 2.0]])
    np.testing.assert_allclose(exponential(T, F, A), [[math.exp(-0.5), math.exp(2)]])
    np.testing.assert_allclose(exponential_slope(T, F, A), [[math.exp(-0.5), -math.exp(2)]])


@pytest.mark.parametrize("name", ["log_loss", "exponential"])
def test_eq_8_probabilities_make_the_expected_loss_smallest(name):
    loss = LOSSES[name]
    for F in (-2.0, -0.1, 0.0, 1.5):
        p = loss.probability(np.array([[F]]))
        assert p.shape == (2, 1)
        np.testing.assert_allclose(p.sum(), 1)
        here, below, above = (
            sum(p[k, 0] * loss.value(np.array([[float(k)]]), np.array([[f]]), A).item() for k in (0, 1))
            for f in (F, F - 1e-3, F + 1e-3)
        )
        assert here < below and here < above
    np.testing.assert_array_equal(sigmoid(np.array([[-1e4, 1e4]])), [[1, 0], [0, 1]])
    np.testing.assert_array_equal(sigmoid_of_twice(np.array([[0.7]])), sigmoid(np.array([[1.4]])))


@every_loss
def test_eq_1_2_3_4_5_6_7_slopes_agree_with_finite_differences(name):
    loss, (T, F) = LOSSES[name], draw(name)
    g = loss.downhill(T, F, A)
    assert g.shape == F.shape
    np.testing.assert_allclose(g, -differences(lambda F: loss.value(T, F, A).sum(axis=0), F), rtol=1e-7, atol=1e-8)


@weighted
def test_eq_9_a_share_of_the_points_is_ordinary(weighted):
    T, F = draw("huber", 1000)
    s = rng.uniform(0.5, 2, 1000) if weighted else None
    delta = outlier(T, F, s, 0.9)
    share = np.average(np.abs(T - F)[0] <= delta, weights=s)
    assert 0.9 <= share < 0.903
    assert LOSSES["huber"].parameter(T, F, s, 0.9) == delta
    assert LOSSES["quantile"].parameter(T, F, s, 0.3) == 0.3


def leaves_of(name, s, M=4, N=60):
    """Points in the leaves 1, 2 and 4 of five nodes; the node 0 is no leaf, and 3 has no points."""
    T, F = draw(name, N)
    leaf = rng.choice([1, 2, 4], N)
    loss = LOSSES[name]
    g = loss.downhill(T, F, A)
    return loss, T, F, [Leaves(T[j], F[j], g[j], s, leaf, 5) for j in range(len(T))]


@weighted
@pytest.mark.parametrize("name", ["squared_error", "absolute_error", "quantile"])
def test_eq_10_11_no_other_step_is_better(name, weighted):
    s = rng.uniform(0.5, 2, 60) if weighted else None
    loss, T, F, [at] = leaves_of(name, s)
    gamma = loss.step(at, A, 1)
    assert gamma.shape == (5,) and gamma[0] == gamma[3] == 0

    def total(steps):
        losses = loss.value(T, F + steps.take(at.leaf), A).sum(axis=0)
        return np.bincount(at.leaf, losses if s is None else s * losses, 5)

    best = total(gamma)
    for size in (1e-3, 1e-2, 0.1, 1):
        for way in (-size, size):
            there = total(gamma + way)
            assert (there[[1, 2, 4]] >= best[[1, 2, 4]] - 1e-12).all()
            assert size < 0.1 or (there[[1, 2, 4]] > best[[1, 2, 4]]).all()


def test_eq_10_is_the_mean_of_a_leaf():
    leaf = np.array([1, 1, 2])
    at = Leaves(np.zeros(3), np.zeros(3), np.array([1.0, 4.0, 7.0]), None, leaf, 3)
    np.testing.assert_allclose(LOSSES["squared_error"].step(at, A, 1), [0, 2.5, 7])
    at = at._replace(s=np.array([1.0, 2.0, 5.0]))
    np.testing.assert_allclose(LOSSES["squared_error"].step(at, A, 1), [0, 3, 7])


def test_eq_11_is_the_median_or_quantile_of_a_leaf():
    r = np.array([5.0, 1.0, 2.0, 30.0, 10.0, 20.0])
    at = Leaves(r, np.zeros(6), r, None, np.array([1, 1, 1, 2, 2, 2]), 3)
    np.testing.assert_array_equal(LOSSES["absolute_error"].step(at, A, 1), [0, 2, 20])
    np.testing.assert_array_equal(LOSSES["quantile"].step(at, 0.9, 1), [0, 5, 30])
    np.testing.assert_array_equal(LOSSES["quantile"].step(at, 0.2, 1), [0, 1, 10])
    at = at._replace(f=np.ones(6))
    np.testing.assert_array_equal(LOSSES["absolute_error"].step(at, A, 1), [0, 1, 19])
    np.testing.assert_array_equal(LOSSES["quantile"].step(at, 0.9, 1), [0, 4, 29])


@weighted
def test_eq_12_huber_goes_from_the_median_by_the_mean_slope(weighted):
    s = rng.uniform(0.5, 2, 60) if weighted else None
    loss, T, F, [at] = leaves_of("huber", s)
    gamma = loss.step(at, A, 1)
    assert gamma[0] == gamma[3] == 0
    for i in (1, 2, 4):
        inside = at.leaf == i
        r, w = (T - F)[0, inside], np.ones(60)[inside] if s is None else s[inside]
        order = np.argsort(r)
        r, w = r[order], w[order]
        half = np.cumsum(w) - w.sum() / 2
        m = (r[half >= 0][0] + r[half > 0][0]) / 2
        rest = sum(w_n * max(-A, min(A, r_n - m)) for r_n, w_n in zip(r, w))
        np.testing.assert_allclose(gamma[i], m + rest / w.sum(), rtol=1e-12)


@weighted
@pytest.mark.parametrize("name", CLASSES)
def test_eq_13_14_steps_are_newtons(name, weighted):
    """The slope and the curvature of a leaf's loss by finite differences, for each class with the others held."""
    s = rng.uniform(0.5, 2, 60) if weighted else None
    loss, T, F, every = leaves_of(name, s)
    J = len(every)
    c = (J - 1) / J if J > 1 else 1
    for j, at in enumerate(every):
        gamma = loss.step(at, A, J)
        assert gamma[0] == gamma[3] == 0

        def total(step, j=j, at=at):
            moved = F.copy()
            moved[j] += step
            losses = loss.value(T, moved, A).sum(axis=0)
            return np.bincount(at.leaf, losses if s is None else s * losses, 5)[[1, 2, 4]]

        h = 1e-4
        slope = (total(h) - total(-h)) / (2 * h)
        curvature = (total(h) - 2 * total(0) + total(-h)) / h**2
        np.testing.assert_allclose(gamma[[1, 2, 4]], -c * slope / curvature, rtol=1e-4)


@pytest.mark.parametrize("name", CLASSES)
def test_eq_14_curvatures_agree_with_finite_differences(name):
    loss, (T, F) = LOSSES[name], draw(name)
    h = loss.curvature(loss.downhill(T, F, A))
    for j in range(len(F)):
        step = np.zeros_like(F)
        step[j] = 1e-6
        second = (loss.downhill(T, F - step, A) - loss.downhill(T, F + step, A))[j] / 2e-6
        np.testing.assert_allclose(h[j], second, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(bernoulli(np.array([0.25, -0.5, 1.0, 0.0])), [0.1875, 0.25, 0, 0])


def test_eq_13_without_curvature_there_is_no_step():
    at = Leaves(np.ones(2), np.full(2, 1e4), np.zeros(2), None, np.array([0, 1]), 2)
    np.testing.assert_array_equal(LOSSES["log_loss"].step(at, A, 1), [0, 0])


@weighted
@every_loss
def test_eq_10_11_15_no_other_start_is_better(name, weighted):
    loss, (T, _) = LOSSES[name], draw(name, 41)
    s = rng.uniform(0.5, 2, 41) if weighted else None
    start = loss.start(T, s, A)
    assert start.shape == (len(T),)
    if name == "huber":  # which starts at the median, as its δ is not known yet
        loss = LOSSES["absolute_error"]

    def total(F0):
        return np.average(loss.value(T, np.repeat(F0[:, None], 41, axis=1), A).sum(axis=0), weights=s)

    best = total(start)
    for j in range(len(T)):
        for size in (1e-3, 0.1):
            nudge = size * (np.arange(len(T)) == j)
            assert total(start + nudge) >= best - 1e-14 and total(start - nudge) >= best - 1e-14
    if name == "multinomial":
        np.testing.assert_allclose(start.sum(), 0, atol=1e-14)


def test_eq_15_is_the_log_of_the_odds():
    T = np.array([[1.0, 1.0, 1.0, 0.0]])
    np.testing.assert_allclose(start_at_shares(T, None, A), [math.log(3)])
    np.testing.assert_allclose(start_at_shares(T, np.array([1.0, 1, 1, 6]), A), [math.log(0.5)])
    np.testing.assert_allclose(start_at_half(T, None, A), [math.log(3) / 2])
    np.testing.assert_allclose(link(np.array([[0.2], [0.8]])), [[math.log(4)]])
    np.testing.assert_allclose(half_link(np.array([[0.2], [0.8]])), [[math.log(2)]])
    P = np.array([[0.2, 0.01], [0.3, 0.01], [0.5, 0.98]])
    np.testing.assert_allclose(softmax(link(P)), P)
    np.testing.assert_allclose(link(P).sum(axis=0), 0, atol=1e-15)
    assert np.isfinite(link(np.array([[0.0, 1.0], [1.0, 0.0]]))).all()


# -- quantiles -------------------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.integers(1, 30), st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9]), st.integers(0, 10**6), st.booleans())
def test_a_quantile_is_the_middle_of_the_points_that_the_definition_leaves(N, q, seed, weighted):
    draw = np.random.default_rng(seed)
    x, times = draw.integers(-3, 4, N) * 1.0, draw.integers(1, 5, N)
    repeated = np.sort(np.repeat(x, times) if weighted else x)
    n = len(repeated)
    below = [v for v in repeated if np.count_nonzero(repeated <= v) >= q * n]
    above = [v for v in repeated if np.count_nonzero(repeated <= v) > q * n]
    found = quantile(x, times.astype(float) if weighted else None, q, np.zeros(N, np.int64), 1)
    np.testing.assert_allclose(found, [(below[0] + above[0]) / 2], atol=1e-15)


@pytest.mark.parametrize("M", [3, 300, 70_000])
def test_quantiles_of_many_nodes_are_those_of_each(M):
    x, leaf, s = rng.normal(size=500), rng.integers(0, M, 500), rng.uniform(0.5, 2, 500)
    found = quantile(x, s, 0.3, leaf, M)
    assert found.shape == (M,) and not found[np.bincount(leaf, minlength=M) == 0].any()
    for i in np.unique(leaf)[:50]:
        inside = leaf == i
        np.testing.assert_allclose(
            found[i], quantile(x[inside], s[inside], 0.3, np.zeros(inside.sum(), np.int64), 1)[0], rtol=1e-12
        )


def test_the_median_of_pairs_is_between_them():
    np.testing.assert_array_equal(quantile(np.array([1.0, 4.0, 2.0, 3.0]), None, 0.5, np.zeros(4, np.int64), 1), [2.5])
    big = np.array([1.5e308, 1.7e308])
    np.testing.assert_array_equal(quantile(big, None, 0.5, np.zeros(2, np.int64), 1), [1.6e308])


@every_loss
def test_arguments_are_not_written_to(name):
    s = rng.uniform(0.5, 2, 60)
    loss, T, F, every = leaves_of(name, s)
    for array in (T, F, s, *(at.g for at in every), *(at.leaf for at in every)):
        array.flags.writeable = False
    loss.value(T, F, A), loss.downhill(T, F, A), loss.start(T, s, A), loss.parameter(T, F, s, A)
    for at in every:
        loss.step(at, A, len(every))
