"""The oracle is the enumeration of all states (v, h) of a small machine, each with its energy."""

from itertools import product

import numpy as np
import pytest

from pellucid import Tensor, gradcheck, no_grad
from pellucid_nn.restricted_boltzmann_machine import (
    Params,
    RestrictedBoltzmannMachine,
    all_states,
    ascent,
    coins,
    contrastive_divergence,
    energy,
    fit,
    free_energy,
    gibbs,
    gibbs_step,
    hidden_given_visible,
    log_partition,
    persistent_contrastive_divergence,
    update,
    visible_given_hidden,
)

V, H = 4, 3
VS = np.array(list(product((0.0, 1.0), repeat=V)))
HS = np.array(list(product((0.0, 1.0), repeat=H)))


def draw(seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return Params(scale * rng.normal(size=(H, V)), scale * rng.normal(size=V), scale * rng.normal(size=H))


def joint(params):
    """p(v, h) of every pair, from sums over pairs of bits: (2^V, 2^H)."""
    W, b, c = params
    E = np.zeros((len(VS), len(HS)))
    for m, n in np.ndindex(E.shape):
        v, h = VS[m], HS[n]
        E[m, n] -= sum(b[i] * v[i] for i in range(V)) + sum(c[j] * h[j] for j in range(H))
        E[m, n] -= sum(W[j, i] * h[j] * v[i] for j in range(H) for i in range(V))
    return np.exp(-E) / np.exp(-E).sum(), E


def exact_slope(params, X):
    """∂/∂θ of the mean log-likelihood, from finite differences of the enumeration."""

    def mean_log_likelihood(flat):
        W, b, c = flat[: H * V].reshape(H, V), flat[H * V : H * V + V], flat[H * V + V :]
        p = joint(Params(W, b, c))[0].sum(axis=1)
        return np.mean([np.log(p[int(sum(2 ** (V - 1 - i) * x[i] for i in range(V)))]) for x in X])

    flat, slope = np.concatenate([a.ravel() for a in params]), []
    for i in range(len(flat)):
        e = np.zeros(len(flat))
        e[i] = 1e-5
        slope.append((mean_log_likelihood(flat + e) - mean_log_likelihood(flat - e)) / 2e-5)
    return np.array(slope)


def flat(params):
    return np.concatenate([np.ravel(a) for a in params])


def mean_ascent(params, X, p):
    """The mean of `ascent` over single rows v that have the probabilities p."""
    return sum(p[m] * flat(ascent(params, X, VS[[m]])) for m in range(len(VS)))


def machine(params=None, seed=0):
    rbm = RestrictedBoltzmannMachine(V, H, rng=seed)
    for parameter, array in zip((rbm.weight, rbm.visible_bias, rbm.hidden_bias), params or draw()):
        parameter.data[...] = array
    return rbm


def test_eq_1_the_energy_of_every_state():
    params = draw()
    _, E = joint(params)
    v, h = np.repeat(VS[:, None], len(HS), axis=1), np.repeat(HS[None], len(VS), axis=0)  # (2^V, 2^H, .)
    found = energy(params, v, h)
    assert found.shape == E.shape
    np.testing.assert_allclose(found, E, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(energy(params, VS[9], HS[6]), E[9, 6], rtol=1e-12)


def test_eq_1_2_3_conditionals_are_those_of_the_joint():
    params = draw(1)
    p, _ = joint(params)
    for m in range(len(VS)):
        np.testing.assert_allclose(hidden_given_visible(params, VS[m]), p[m] @ HS / p[m].sum(), rtol=1e-12)
    for n in range(len(HS)):
        np.testing.assert_allclose(visible_given_hidden(params, HS[n]), p[:, n] @ VS / p[:, n].sum(), rtol=1e-12)


def test_eq_4_5_free_energy_and_partition_function_are_sums_over_states():
    params = draw(2)
    p, E = joint(params)
    np.testing.assert_allclose(free_energy(VS, *params), -np.log(np.exp(-E).sum(axis=1)), rtol=1e-12)
    np.testing.assert_allclose(log_partition(params), np.log(np.exp(-E).sum()), rtol=1e-12)
    W, b, c = params
    np.testing.assert_allclose(log_partition(Params(W.T, c, b)), log_partition(params), rtol=1e-12)
    rbm = machine(params)
    np.testing.assert_allclose(rbm.log_likelihood(VS), np.log(p.sum(axis=1)), rtol=1e-12)
    assert all_states(3).tolist() == [[n & 1, n >> 1 & 1, n >> 2] for n in range(8)]
    np.testing.assert_allclose(log_partition(Params(1e4 * np.ones((H, V)), b, c)), 1e4 * H * V + b.sum() + c.sum())


def test_eq_4_6_7_gradients_of_the_free_energy_are_those_of_finite_differences():
    rng = np.random.default_rng(3)
    for front in ((), (5,), (2, 3)):
        gradcheck(free_energy, rng.uniform(size=(*front, V)), *draw(3), order=2)
    v, params, dF = rng.uniform(size=(5, V)), draw(4), rng.normal(size=5)
    step = [rng.normal(size=a.shape) for a in (v, *params)]
    up, down = (free_energy(*(a + s * d for a, d in zip((v, *params), step))) for s in (1e-6, -1e-6))
    _, back = free_energy.run(v, *params)
    expected = dF @ (up - down) / 2e-6
    np.testing.assert_allclose(sum((g(dF) * d).sum() for g, d in zip(back, step)), expected, rtol=1e-7)


def test_eq_8_with_the_model_itself_in_the_second_place_is_the_slope_of_the_likelihood():
    params = draw(5)
    X = VS[[1, 6, 6, 13, 3]]
    p = joint(params)[0].sum(axis=1)
    np.testing.assert_allclose(mean_ascent(params, X, p), exact_slope(params, X), atol=1e-8)


def test_eq_7_8_is_minus_the_gradient_of_the_difference_of_free_energies():
    params, rbm = draw(6), machine(draw(6))
    X, v = VS[[1, 2, 3]], VS[[8, 9, 10, 15]]
    (np.mean(rbm.free_energy(X)) - np.mean(rbm.free_energy(v))).backward()
    g = ascent(params, X, v)
    for slope, parameter in zip(g, (rbm.weight, rbm.visible_bias, rbm.hidden_bias)):
        np.testing.assert_allclose(slope, -parameter.grad, rtol=1e-12, atol=1e-14)


def test_eq_2_3_a_step_of_gibbs_sampling_has_the_transition_probabilities_of_the_joint():
    params, rng = draw(7), np.random.default_rng(0)
    p, _ = joint(params)
    to = (p / p.sum(axis=1, keepdims=True)) @ (p / p.sum(axis=0)).T  # (2^V, 2^V): by way of every h
    np.testing.assert_allclose(p.sum(axis=1) @ to, p.sum(axis=1), rtol=1e-12)  # p is where the chain stays
    n = 10_000
    for start in (0, 9):
        after = gibbs_step(params, np.tile(VS[start], (n, 1)), rng)
        share = np.bincount((after @ 2 ** np.arange(V - 1, -1, -1)).astype(int), minlength=2**V) / n
        assert (abs(share - to[start]) < 5 * np.sqrt(to[start] / n)).all()


def test_eq_8_cd_k_on_average_is_its_definition_and_persistent_chains_reach_the_slope():
    params, rng = draw(8, 0.7), np.random.default_rng(0)
    p, _ = joint(params)
    to = (p / p.sum(axis=1, keepdims=True)) @ (p / p.sum(axis=0)).T
    n = 10_000
    X = np.repeat(VS[[2, 11]], n, axis=0)
    for k in (1, 3):
        after = np.eye(2**V)[[2, 11]].mean(axis=0) @ np.linalg.matrix_power(to, k)
        found = contrastive_divergence(params, X, k=k, rng=rng)
        np.testing.assert_allclose(flat(found), mean_ascent(params, VS[[2, 11]], after), atol=0.02)
    chains = coins(np.full((n, V), 0.5), rng)
    for _ in range(12):
        g, chains = persistent_contrastive_divergence(params, X, chains, k=2, rng=rng)
    np.testing.assert_allclose(flat(g), exact_slope(params, X[[0, -1]]), atol=0.025)


def test_persistent_chains_go_on_from_where_they_were():
    params, chains = draw(9), VS[[1, 5]]
    g, after = persistent_contrastive_divergence(params, VS[:3], chains, k=4, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(after, gibbs(params, chains, 4, np.random.default_rng(1)))
    np.testing.assert_array_equal(flat(g), flat(ascent(params, VS[:3], after)))
    np.testing.assert_array_equal(chains, VS[[1, 5]])
    np.testing.assert_array_equal(gibbs(params, chains, 0, np.random.default_rng(1)), chains)


def test_eq_9_a_small_step_along_the_slope_makes_the_data_more_probable():
    params, X = draw(10), VS[[1, 6, 6]]
    slope = exact_slope(params, X)
    g = Params(slope[: H * V].reshape(H, V), slope[H * V : H * V + V], slope[H * V + V :])
    gain = machine(update(params, g, 1e-4)).log_likelihood(X).mean() - machine(params).log_likelihood(X).mean()
    np.testing.assert_allclose(gain, 1e-4 * slope @ slope, rtol=1e-3)


@pytest.mark.parametrize("persistent", [False, True])
def test_training_raises_the_exact_likelihood_of_data_from_a_known_machine(persistent):
    truth = Params(1.5 * draw(11).W, draw(11).b, draw(11).c)
    p = joint(truth)[0].sum(axis=1)
    rng = np.random.default_rng(0)
    X, fresh = (VS[rng.choice(2**V, 600, p=p)] for _ in range(2))
    rbm = RestrictedBoltzmannMachine(V, H, rng=1)
    first = rbm.log_likelihood(fresh).mean()
    middle = rbm.fit(X, n_epochs=1, lr=0.1, persistent=persistent).log_likelihood(fresh).mean()
    last = rbm.fit(X, n_epochs=30, lr=0.1, persistent=persistent).log_likelihood(fresh).mean()
    best = machine(truth).log_likelihood(fresh).mean()
    assert first < middle < last
    assert last > first + 0.9 * (best - first)


def test_fit_is_steps_over_batches_and_returns_its_trace():
    X, start = VS[[1, 6, 13, 3, 3]], draw(12)
    how = {"n_epochs": 2, "batch_size": 2, "lr": 0.3, "k": 2}
    params, trace = fit(start, X, persistent=False, rng=np.random.default_rng(4), **how)
    rng = np.random.default_rng(4)
    coins(np.full((2, V), 0.5), rng)
    expected = start
    for epoch in range(2):
        order = rng.permutation(5)
        for rows in (order[:2], order[2:4], order[4:]):
            expected = update(expected, contrastive_divergence(expected, X[rows], k=2, rng=rng), 0.3)
        np.testing.assert_allclose(trace[epoch], free_energy(X, *expected).mean(), rtol=1e-12)
    np.testing.assert_array_equal(flat(params), flat(expected))
    np.testing.assert_array_equal(flat(start), flat(draw(12)))
    one, other = (machine(start, 4).fit(X, persistent=True, **how) for _ in range(2))
    np.testing.assert_equal(one.state_dict(), other.state_dict())
    assert (one.weight.data != machine(start, 4).fit(X, **how).weight.data).any()


def test_samples_come_from_the_machine():
    params = draw(13)
    p = joint(params)[0].sum(axis=1)
    v = machine(params).sample(10_000, 25)
    share = np.bincount((v @ 2 ** np.arange(V - 1, -1, -1)).astype(int), minlength=2**V) / len(v)
    np.testing.assert_allclose(share, p, atol=0.02)
    assert machine().sample(0).shape == (0, V)
    coin = machine().sample(5000, 0)
    np.testing.assert_allclose(coin.mean(axis=0), 0.5, atol=0.03)


def test_reconstructions_are_probabilities_after_so_many_steps():
    params, v = draw(14), VS[[6]]
    p, _ = joint(params)
    hidden = p[6] / p[6].sum()
    found = machine(params).reconstruct(v)
    assert any(np.allclose(found[0], p[:, n] @ VS / p[:, n].sum()) for n in range(len(HS)))
    mean = machine(params).reconstruct(np.repeat(v, 10_000, axis=0)).mean(axis=0)
    np.testing.assert_allclose(mean, hidden @ (p / p.sum(axis=0)).T @ VS, atol=0.02)
    far = machine(params).reconstruct(np.repeat(v, 10_000, axis=0), 20).mean(axis=0)
    np.testing.assert_allclose(far, p.sum(axis=1) @ VS, atol=0.025)
    # strong weights remember
    strong = machine(
        Params(
            np.array([[20.0, 20, -20, -20], [-20, -20, 20, 20], [0, 0, 0, 0]]), np.zeros(V), np.array([-20.0, -20, 0])
        )
    )
    np.testing.assert_allclose(strong.reconstruct(np.array([[1.0, 1, 0, 0]]), 3), [[1, 1, 0, 0]], atol=1e-6)


def test_hidden_probabilities_can_be_differentiated():
    rbm = machine()
    x = np.random.default_rng(0).uniform(size=(3, V))
    np.testing.assert_allclose(rbm(x).data, hidden_given_visible(draw(), x), rtol=1e-13)
    gradcheck(lambda x, W, c: hidden_given_visible(Params(W, draw().b, c), x), x, draw().W, draw().c, order=2)
    np.sum(rbm(x)).backward()
    assert rbm.weight.grad.any() and rbm.visible_bias.grad is None


def test_state_repr_and_initial_values():
    rbm = RestrictedBoltzmannMachine(300, 200, rng=0)
    np.testing.assert_allclose([rbm.weight.data.mean(), rbm.weight.data.std()], [0, 0.01], atol=2e-4)
    assert not rbm.visible_bias.data.any() and not rbm.hidden_bias.data.any()
    one, other = machine(), RestrictedBoltzmannMachine(V, H)
    assert list(one.state_dict()) == ["weight", "visible_bias", "hidden_bias"]
    other.load_state_dict(one.state_dict())
    np.testing.assert_array_equal(other.free_energy(VS).data, one.free_energy(VS).data)
    assert dict(one.named_generators()) == {"rng": one.rng}
    assert repr(one) == "RestrictedBoltzmannMachine(n_visible=4, n_hidden=3)"
    assert one.summary((5, V)).multiply_adds == 5 * V * H
    held = one.weight.data
    one.fit(VS, n_epochs=1)
    assert np.shares_memory(one.weight.data, held)


def test_float32_stays_float32_and_no_rows_pass():
    rbm = RestrictedBoltzmannMachine(V, H, rng=0, dtype=np.float32)
    for rows in (VS, VS[:1], VS[:0]):
        v = rows.astype(np.float32)
        F = rbm.free_energy(v)
        np.sum(F).backward()
        arrays = [rbm(v).data, F.data, rbm.reconstruct(v, 2), rbm.sample(3, 2), rbm.log_likelihood(v)]
        arrays += [p.grad for p in rbm.parameters()]
        arrays += ascent(rbm.params, v, v)
        assert {a.dtype for a in arrays} == {np.dtype(np.float32)}
        assert arrays[0].shape == (len(v), H) and F.shape == (len(v),) and arrays[2].shape == v.shape
        assert len(v) or not any(p.grad.any() for p in rbm.parameters())
        rbm.zero_grad()
    rbm.fit(VS.astype(np.float32), n_epochs=1)
    assert rbm.weight.dtype == np.float32
    with no_grad():
        assert isinstance(rbm(VS.astype(np.float32)), np.ndarray)


def test_extremes_and_nan():
    huge = machine(Params(1e3 * np.ones((H, V)), np.zeros(V), np.zeros(H)))
    F = huge.free_energy(VS)
    np.testing.assert_allclose(F.data, -1e3 * H * VS.sum(axis=1) - (VS.sum(axis=1) == 0) * H * np.log(2))
    np.sum(F).backward()
    assert np.isfinite(huge.weight.grad).all()
    np.testing.assert_array_equal(huge.reconstruct(np.ones((2, V))), np.ones((2, V)))
    v = np.array([[np.nan, 0, 1, 1]])
    for y in (machine().free_energy(v).data, machine()(v).data, machine().reconstruct(v), machine().log_likelihood(v)):
        assert np.isnan(y).all()


def test_inputs_in_any_layout_are_only_read():
    rbm, v = machine(), np.asfortranarray(VS)
    v.flags.writeable = False
    np.testing.assert_allclose(rbm.free_energy(v).data, rbm.free_energy(VS).data, rtol=1e-13)
    np.testing.assert_allclose(rbm(np.repeat(VS, 2, axis=1)[:, ::2]).data, rbm(VS).data, rtol=1e-13)
    rbm.fit(v, n_epochs=1)
    rbm.reconstruct(v)
    np.testing.assert_array_equal(v, VS)
    assert rbm.free_energy(Tensor(VS[0])).shape == ()


def test_bad_input_is_named():
    rbm = machine()
    with pytest.raises(ValueError, match=r"n_visible = 4 entries: x has shape \(2, 3\)"):
        rbm.free_energy(np.zeros((2, 3)))
    with pytest.raises(TypeError, match="floating point"):
        rbm(np.zeros((2, V), int))
    with pytest.raises(TypeError, match="float32 and the weights are float64"):
        rbm.reconstruct(np.zeros((2, V), np.float32))
    with pytest.raises(ValueError, match="n_steps must be 1 or more; got 0"):
        rbm.reconstruct(VS, 0)
    with pytest.raises(ValueError, match="n_samples must be 0 or more; got -1"):
        rbm.sample(-1)
    for bad in ({"n_epochs": -1}, {"batch_size": 0}, {"k": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
            rbm.fit(VS, **bad)
    for X in (VS[0], VS[:0]):
        with pytest.raises(ValueError, match="X must be rows of bits"):
            rbm.fit(X)
    with pytest.raises(ValueError, match="n_visible is 0, n_hidden is 3"):
        RestrictedBoltzmannMachine(0, 3)
    with pytest.raises(ValueError, match="at most 20 bits; it has 21"):
        RestrictedBoltzmannMachine(22, 21, rng=0).log_likelihood(np.zeros((1, 22)))


def test_eq_7_8_many_rows_in_float32():
    rng = np.random.default_rng(0)
    v, params = rng.uniform(size=(300_000, V)).astype(np.float32), Params(*(a.astype(np.float32) for a in draw()))
    p = hidden_given_visible(params, v)
    exact_v, exact_p = (a.mean(axis=0, dtype=np.float64) for a in (v, p))
    _, (_, _, db, dc) = free_energy.run(v, *params)
    ones = np.ones(len(v), np.float32)
    np.testing.assert_allclose(-db(ones) / len(v), exact_v, rtol=1e-6)
    np.testing.assert_allclose(-dc(ones) / len(v), exact_p, rtol=1e-6)
    for g in (ascent(params, v, v[:0]), Params(*(-a for a in ascent(params, v[:0], v)))):
        np.testing.assert_allclose(g.b, exact_v, rtol=1e-6)
        np.testing.assert_allclose(g.c, exact_p, rtol=1e-6)


def test_eq_6_7_small_probabilities_keep_their_digits():
    W = np.full((1, 1), -40.0)
    _, (dv, dW, _, dc) = free_energy.run(np.ones((1, 1)), W, np.zeros(1), np.zeros(1))
    p, one = np.exp(-40.0), np.ones(1)
    np.testing.assert_allclose([dv(one).item(), dW(one).item(), dc(one).item()], [40 * p, -p, -p], rtol=1e-12)


def test_only_numbers_between_0_and_1_are_learnt_and_only_with_steps_uphill():
    for entry, shown in ((7.0, "0.0 to 7.0"), (-0.1, "-0.1 to 1.0"), (np.nan, "nan to nan")):
        X = VS.copy()
        X[3, 1] = entry
        with pytest.raises(ValueError, match=f"between 0 and 1; it has {shown}"):
            machine().fit(X)
    for lr in (-0.1, 0.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"lr must be positive and finite; got {lr}"):
            machine().fit(VS, lr=lr)
    machine().fit(VS / 2, lr=np.float64(0.1))
