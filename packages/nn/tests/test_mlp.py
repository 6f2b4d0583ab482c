"""The network by loops, one training step by finite differences, and the rules by which learning ends."""

import math

import numpy as np
import pytest

from pellucid import clone, hookimpl, listening, load, save
from pellucid.listeners import Checkpoint
from pellucid_nn import SGD, MLPClassifier, MLPRegressor, Parameter
from pellucid_nn.mlp import (
    BENDS,
    ConvergenceWarning,
    Layer,
    Rows,
    arrays_of,
    fit,
    forward,
    hold_out,
    initial_layers,
    train_step,
)
from pellucid_nn.mlp_regressor import number_losses

PYTHON = {
    "identity": lambda x: x,
    "logistic": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "relu": lambda x: max(x, 0.0),
}


def layers_of(*sizes, seed=0):
    return initial_layers(sizes, rng=np.random.default_rng(seed), dtype=np.float64)


def slow_forward(row, layers, f):
    h = row.tolist()
    for l, (W, b) in enumerate(layers):
        h = [sum(w * v for w, v in zip(W[o].tolist(), h)) + b[o] for o in range(len(b))]
        if l < len(layers) - 1:
            h = [f(v) for v in h]
    return h


@pytest.mark.parametrize("bend", BENDS)
@pytest.mark.parametrize("sizes", [(3, 2), (3, 4, 2), (3, 5, 4, 1)])
def test_eq_1_2_the_network_layer_by_layer(bend, sizes):
    layers = arrays_of(layers_of(*sizes))
    X = np.random.default_rng(1).normal(size=(4, 3))
    expected = [slow_forward(row, layers, PYTHON[bend]) for row in X]
    np.testing.assert_allclose(forward(X, layers, BENDS[bend]), expected, rtol=1e-13)


def objective(arrays, batch, alpha):
    """J as the equation says it, of a flat list of arrays."""
    layers = [Layer(W, b) for W, b in zip(arrays[::2], arrays[1::2])]
    S = sum(batch.s.tolist())
    J = 0.0
    for x, y, s in zip(*batch):
        z = slow_forward(x, layers, math.tanh)
        J += s * sum((zt - yt) ** 2 for zt, yt in zip(z, y.tolist())) / 2 / S
    return J + alpha / (2 * S) * sum(w * w for W, _ in layers for w in W.ravel().tolist())


def test_eq_3_4_a_step_goes_against_the_gradient_of_J():
    rng = np.random.default_rng(2)
    layers, alpha, rate, eps = layers_of(3, 4, 2), 0.7, 0.01, 1e-6
    batch = Rows(rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), rng.uniform(0.5, 2, 5))
    before = [array.copy() for layer in arrays_of(layers) for array in layer]
    optimizer = SGD([{"params": [W for W, _ in layers]}, {"params": [b for _, b in layers]}], lr=rate)
    J, S = train_step(layers, optimizer, batch, BENDS["tanh"], number_losses, alpha)
    np.testing.assert_allclose(J, objective(before, batch, alpha), rtol=1e-12)
    np.testing.assert_allclose(S, batch.s.sum(), rtol=1e-14)
    after = [array for layer in arrays_of(layers) for array in layer]
    for i, array in enumerate(before):
        for place in np.ndindex(array.shape):
            values = []
            for sign in (1, -1):
                moved = [a.copy() for a in before]
                moved[i][place] += sign * eps
                values.append(objective(moved, batch, alpha))
            slope = (values[0] - values[1]) / (2 * eps)
            np.testing.assert_allclose(after[i][place], array[place] - rate * slope, rtol=1e-7, atol=1e-9)


def learn(losses_of_epochs=None, scores=None, n_rows=8, **options):
    """`fit` of a network that stands still, with losses or scores from a list."""
    layers = layers_of(1, 1)
    optimizer = SGD([{"params": [W for W, _ in layers]}, {"params": [b for _, b in layers]}], lr=0.0)
    rows = Rows(np.ones((n_rows, 1)), np.zeros((n_rows, 1)), np.ones(n_rows))
    scripted = iter(losses_of_epochs or [1.0] * 1000)
    state = {"score": iter(scores or []), "epochs": 0}

    def losses(z, y):
        state["now"] = next(scripted)
        return 0 * np.sum(z, axis=1) + state["now"]

    def score(z, y, s):
        state["epochs"] += 1
        layers[0].W.data[...] = state["epochs"]
        return next(state["score"])

    settings = dict(
        f=BENDS["relu"],
        losses=losses,
        alpha=0.0,
        batch_size=n_rows,
        max_iter=20,
        shuffle=True,
        tol=0.1,
        n_iter_no_change=2,
        rng=np.random.default_rng(0),
        held=rows if scores else None,
        score=score if scores else None,
    )
    return fit(layers, optimizer, rows, **settings | options), layers


def test_learning_ends_when_the_loss_stops_falling():
    trace, _ = learn([5.0, 4.0, 3.95, 3.94, 3.8, 3.79, 3.78, 3.77, 3.0])
    assert trace.losses == [5.0, 4.0, 3.95, 3.94, 3.8, 3.79, 3.78, 3.77]
    assert trace.converged and trace.scores == []


def test_learning_ends_after_max_iter():
    trace, _ = learn([5.0, 4.0, 3.0, 2.0], max_iter=3)
    assert trace.losses == [5.0, 4.0, 3.0] and not trace.converged


def test_the_layers_of_the_best_score_are_kept():
    trace, layers = learn(scores=[0.5, 0.7, 0.7, 0.75, 0.6, 0.7, 0.99])
    assert trace.scores == [0.5, 0.7, 0.7, 0.75, 0.6] and trace.converged
    # the script writes the number of the epoch into the weight after it was copied for scoring, before it is kept
    assert layers[0].W.data == 4


def test_the_loss_of_an_epoch_is_weighted_by_its_batches():
    trace, _ = learn([1.0, 4.0], n_rows=6, batch_size=4, max_iter=1)
    np.testing.assert_allclose(trace.losses, [(1.0 * 4 + 4.0 * 2) / 6])


def test_a_report_may_end_the_fit():
    told = []
    trace, _ = learn([5.0, 4.0, 3.0], report=lambda **numbers: told.append(numbers) or len(told) == 2)
    assert told == [{"loss": 5.0}, {"loss": 4.0}] and not trace.converged
    told.clear()
    learn(scores=[0.5, 0.9], report=lambda **numbers: told.append(numbers) or len(told) == 2)
    assert told == [{"loss": 1.0, "score": 0.5}, {"loss": 1.0, "score": 0.9}]


def test_hold_out_takes_the_fraction_of_each_class():
    y = np.repeat([0, 1, 2, 3], [40, 20, 3, 1])
    learn_rows, held = hold_out(y, 0.1, by_class=True, rng=np.random.default_rng(0))
    assert sorted([*learn_rows, *held]) == list(range(64))
    assert np.bincount(y[held], minlength=4).tolist() == [4, 2, 1, 0]
    learn_rows, held = hold_out(y, 0.25, by_class=False, rng=np.random.default_rng(0))
    assert len(held) == 16 and sorted([*learn_rows, *held]) == list(range(64))
    other = hold_out(y, 0.25, by_class=False, rng=np.random.default_rng(1))[1]
    assert held.tolist() != other.tolist()


# What both estimators share


def moons(N=200, seed=0):
    rng = np.random.default_rng(seed)
    angle, y = rng.uniform(0, np.pi, N), rng.integers(0, 2, N)
    X = np.stack([np.cos(angle) + y, np.sin(angle) * (1 - 2 * y) + 0.4 * y], axis=1) + 0.1 * rng.normal(size=(N, 2))
    return X, y


BOTH = [(MLPClassifier, moons()), (MLPRegressor, (moons()[0], np.sin(2 * moons()[0][:, 0])))]
both = pytest.mark.parametrize("kind, data", BOTH, ids=["classifier", "regressor"])
QUICK = dict(hidden_layer_sizes=16, learning_rate_init=0.02, random_state=0)


@pytest.mark.filterwarnings("ignore::pellucid.ConvergenceWarning")
@both
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"solver": "sgd", "learning_rate_init": 0.1},
        {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.3, "max_iter": 400},
        {"activation": "tanh", "hidden_layer_sizes": (10, 10)},
        {"activation": "logistic", "hidden_layer_sizes": [30], "learning_rate_init": 0.05},
        {"early_stopping": True, "validation_fraction": 0.2},
        {"shuffle": False, "batch_size": 50},
    ],
    ids=str,
)
def test_every_option_learns(kind, data, options):
    model = kind(**QUICK | options).fit(*data)
    assert model.score(*data) > 0.8
    assert model.n_iter_ == len(model.loss_curve_) and model.best_loss_ == model.loss_curve_.min()


@both
def test_what_is_stored(kind, data):
    model = kind(**QUICK | {"hidden_layer_sizes": (7, 5)}).fit(*data)
    n_out = 2 if kind is MLPClassifier else 1
    assert [W.shape for W in model.coefs_] == [(2, 7), (7, 5), (5, n_out)]
    assert [b.shape for b in model.intercepts_] == [(7,), (5,), (n_out,)]
    assert (model.n_layers_, model.n_outputs_) == (4, n_out)
    assert model.validation_scores_ is None and model.best_validation_score_ is None


@pytest.mark.filterwarnings("ignore::pellucid.ConvergenceWarning")
@both
def test_same_seed_same_model(kind, data):
    a, b, c = (kind(**QUICK | {"random_state": seed}).fit(*data) for seed in (0, 0, 1))
    for x, y, z in zip(a.coefs_, b.coefs_, c.coefs_):
        np.testing.assert_array_equal(x, y)
        assert (x != z).any()


@both
def test_early_stopping_keeps_the_best(kind, data):
    model = kind(**QUICK | {"early_stopping": True, "n_iter_no_change": 3, "max_iter": 100}).fit(*data)
    assert model.best_validation_score_ == model.validation_scores_.max()
    assert len(model.validation_scores_) == model.n_iter_ < 100
    with pytest.raises(ValueError, match="early_stopping holds rows out"):
        kind(early_stopping=True).fit(data[0][:1], data[1][:1])


@both
def test_weights_count_like_repeated_rows(kind, data):
    X, y = data[0][:30], data[1][:30]
    counts = np.random.default_rng(0).integers(0, 4, 30)
    options = QUICK | {"max_iter": 40, "tol": 0.0, "shuffle": False, "n_iter_no_change": 100}
    with pytest.warns(ConvergenceWarning, match="still improved after max_iter=40 epochs"):
        weighted = kind(**options).fit(X, y, sample_weight=counts)
        repeated = kind(**options).fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)
    for a, b in zip(weighted.coefs_, repeated.coefs_):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


@both
def test_a_large_penalty_makes_small_weights(kind, data):
    free, tied = (kind(**QUICK | {"alpha": alpha}).fit(*data) for alpha in (0.0, 50.0))
    assert sum((W**2).sum() for W in tied.coefs_) < 0.1 * sum((W**2).sum() for W in free.coefs_)


@both
def test_float32_stays_float32(kind, data):
    X, y = data[0].astype(np.float32), data[1]
    for options in ({}, {"solver": "sgd"}, {"early_stopping": True}):
        model = kind(**QUICK | {"max_iter": 3} | options)
        with pytest.warns(ConvergenceWarning):
            model.fit(X, y, sample_weight=np.linspace(1, 2, len(y)))
        assert {array.dtype for array in (*model.coefs_, *model.intercepts_)} == {np.dtype(np.float32)}
        result = model.predict_proba(X) if kind is MLPClassifier else model.predict(X)
        assert result.dtype == np.float32


@both
def test_the_input_is_not_written_into(kind, data):
    X, y = (a.copy() for a in data)
    X.setflags(write=False)
    y.setflags(write=False)
    model = kind(**QUICK).fit(X, y)
    model.predict(X)


@both
def test_a_saved_model_is_small_and_predicts_alike(kind, data, tmp_path):
    model = kind(**QUICK).fit(*data)
    path = save(model, tmp_path / "mlp.npz")
    assert path.stat().st_size < 20_000
    again = load(path)
    np.testing.assert_array_equal(again.predict(data[0]), model.predict(data[0]))
    assert again.get_params() == model.get_params() and again.n_iter_ == model.n_iter_
    np.testing.assert_array_equal(again.loss_curve_, model.loss_curve_)
    again.partial_fit(*data)
    assert again.n_iter_ == model.n_iter_ + 1


@both
def test_partial_fit_goes_once_through_the_rows(kind, data):
    X, y = data
    options = QUICK | {"shuffle": False, "batch_size": 50}
    first = {"classes": [0, 1]} if kind is MLPClassifier else {}
    model = kind(**options)
    for _ in range(5):
        model.partial_fit(X, y, **first)
    whole = kind(**options | {"max_iter": 5})
    with pytest.warns(ConvergenceWarning):
        whole.fit(X, y)
    for a, b in zip(model.coefs_, whole.coefs_):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(model.loss_curve_, whole.loss_curve_)
    assert model.n_iter_ == 5
    whole.partial_fit(X, y)
    assert whole.n_iter_ == 6


@both
def test_listeners_see_the_model_and_its_epochs(kind, data):
    runs = []

    class Listener:
        @hookimpl
        def pellucid_fit_step(self, run):
            runs.append(run)
            if run.n_steps == 4:
                run.stop("enough")

    model = kind(**QUICK)
    with listening(Listener()):
        model.fit(*data)  # no ConvergenceWarning: it was asked to stop
    assert runs[0].model is model and runs[0].total == 200 and runs[0].unit == "epoch" and model.n_iter_ == 4
    assert runs[0].metrics["loss"] == model.loss_curve_[-1]


@pytest.mark.filterwarnings("ignore::pellucid.ConvergenceWarning")
@pytest.mark.parametrize("early_stopping", [False, True])
@both
def test_a_checkpoint_is_the_model_that_fewer_epochs_make(kind, data, early_stopping, tmp_path):
    options = QUICK | {"shuffle": False, "early_stopping": early_stopping}
    with listening(Checkpoint(tmp_path / "{step}.npz", every=2)):
        kind(**options, max_iter=5).fit(*data)
    saved, shorter = load(tmp_path / "4.npz"), kind(**options, max_iter=4).fit(*data)
    if not early_stopping:  # with it, the shorter fit goes back to its best epoch
        for a, b in zip(saved.coefs_ + saved.intercepts_, shorter.coefs_ + shorter.intercepts_):
            np.testing.assert_array_equal(a, b)
    assert saved.get_state().keys() == shorter.get_state().keys()
    np.testing.assert_array_equal(saved.loss_curve_, shorter.loss_curve_)
    assert saved.best_validation_score_ == shorter.best_validation_score_
    saved.predict(data[0])


@both
def test_bad_parameters_are_named(kind, data):
    for params, words in (
        ({"activation": "swish"}, r"activation must be one of \['identity', 'logistic', 'tanh', 'relu'\], got 'swish'"),
        ({"solver": "lbfgs"}, r"solver must be one of \['adam', 'sgd'\]"),
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes must be 1 or more each"),
        ({"batch_size": "all"}, "batch_size must be a number or 'auto', got 'all'"),
        ({"batch_size": 0}, "batch_size must be a whole number of 1 or more, got 0"),
        ({"max_iter": 2.5}, "max_iter must be a whole number of 1 or more, got 2.5"),
        ({"hidden_layer_sizes": 2.5}, "hidden_layer_sizes must be whole numbers, got 2.5"),
        ({"max_iter": 0}, "max_iter must be a whole number of 1 or more"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be a whole number of 1 or more"),
        ({"alpha": -1}, "alpha must be a finite number of 0 or more, got -1"),
        ({"tol": np.nan}, "tol must be"),
        ({"epsilon": -1e-8}, "epsilon must be"),
        ({"learning_rate_init": 0}, "learning_rate_init must be more than 0, got 0. Try 0.001"),
        ({"momentum": 1.0}, "momentum must be at least 0 and less than 1"),
        ({"beta_1": 1.0}, "beta_1 must be"),
        ({"beta_2": -0.1}, "beta_2 must be"),
        ({"early_stopping": True, "validation_fraction": 1.0}, "validation_fraction must lie between 0 and 1"),
    ):
        with pytest.raises(ValueError, match=words):
            kind(**params).fit(*data)


@both
def test_a_loss_beyond_all_numbers_is_named(kind, data):
    X, y = data
    model = kind(solver="sgd", learning_rate_init=1e150, random_state=0)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="lower learning_rate_init, or bring the"):
        model.fit(X, y)


@both
def test_a_generator_moves_on_and_clones_are_unfitted(kind, data):
    rng = np.random.default_rng(0)
    model = kind(**QUICK | {"random_state": rng, "max_iter": 2})
    with pytest.warns(ConvergenceWarning):
        first = model.fit(*data).coefs_[0]
        second = model.fit(*data).coefs_[0]
    assert (first != second).any()
    assert not hasattr(clone(model), "coefs_")


@pytest.mark.filterwarnings("ignore::pellucid.ConvergenceWarning")
@both
def test_one_row_and_constant_columns(kind, data):
    X, y = data[0].copy(), data[1]
    X[:, 1] = 3.0
    kind(**QUICK).fit(X, y)
    kind(**QUICK).fit(X[:1], y[:1]).predict(X[:1])


def test_without_hidden_layers_it_is_linear():
    X = np.random.default_rng(0).normal(size=(100, 3))
    y = X @ [1.0, -2.0, 0.5] + 4
    settings = dict(solver="sgd", learning_rate_init=0.1, alpha=0.0, tol=0.0, n_iter_no_change=300, max_iter=300)
    with pytest.warns(ConvergenceWarning):
        model = MLPRegressor((), random_state=0, **settings).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], [1, -2, 0.5], atol=1e-9)
    np.testing.assert_allclose(model.intercepts_[0], [4], atol=1e-9)


def test_layers_are_parameters_while_they_learn():
    assert all(isinstance(array, Parameter) for layer in layers_of(2, 3, 1) for array in layer)
