"""Epochs counted by hand, and runs that are killed and continued compared bit for bit with runs that are not."""

import signal

import numpy as np
import pytest

from pellucid import LoadError, Tensor, hookimpl, listening
from pellucid.events import InterruptWarning
from pellucid_nn import SGD, Adam, CrossEntropyLoss, Linear, Module, MSELoss, Parameter, ReLU, Sequential, Trainer


class Noise(Module):
    """Multiplies by random numbers while it learns, from a generator of its own; counts and averages what it saw."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.register_buffer("seen", np.zeros(1))

    def forward(self, x):
        if not self.training:
            return x
        self.seen += 1
        return x * self.rng.normal(1.0, 0.1, x.shape)


class Decay:
    """A scheduler: the rate falls with every step."""

    def __init__(self, optimizer):
        self.optimizer, self.n, self.losses = optimizer, 0, []

    def step(self, loss):
        self.n += 1
        self.losses.append(loss)
        self.optimizer.param_groups[0]["lr"] = 0.05 / self.n**0.5

    def state_dict(self):
        return {"n": self.n}

    def load_state_dict(self, state):
        self.n = state["n"]


def data(N=50, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, 3))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def build(seed=0, kind=Adam, scheduler=Decay):
    rng = np.random.default_rng(seed)
    net = Sequential(Linear(3, 16, rng=rng), ReLU(), Noise(seed + 1), Linear(16, 2, rng=rng))
    optimizer = kind(net.parameters(), lr=0.05)
    return Trainer(net, CrossEntropyLoss(), optimizer, rng=rng, scheduler=scheduler(optimizer) if scheduler else None)


def same(a, b):
    assert a.history == b.history
    for (name, x), (other, y) in zip(a.module.state_dict().items(), b.module.state_dict().items(), strict=True):
        assert name == other
        np.testing.assert_array_equal(x, y)
    assert a.rng.bit_generator.state == b.rng.bit_generator.state
    assert a.module[2].rng.bit_generator.state == b.module[2].rng.bit_generator.state


def straight_line(scale=1.0):
    X = np.linspace(-1, 1, 12).reshape(-1, 1) * scale
    rng = np.random.default_rng(0)
    net = Linear(1, 1, rng=rng)
    return X, 3 * X + 1, Trainer(net, MSELoss(), SGD(net.parameters(), lr=0.1), rng=rng)


def test_a_straight_line_is_learnt():
    X, y, trainer = straight_line()
    trainer.fit(X, y, 200, batch_size=4)
    np.testing.assert_allclose([trainer.module.weight.data.item(), trainer.module.bias.data.item()], [3, 1], atol=1e-3)
    assert len(trainer.history["loss"]) == 200 and trainer.history["loss"][-1] < 1e-6
    np.testing.assert_allclose(trainer.predict(X), y, atol=3e-3)


def test_an_epoch_is_one_step_per_batch_and_its_loss_the_mean_over_rows():
    X, y, trainer = straight_line()
    by_hand = SGD((net := Linear(1, 1, rng=np.random.default_rng(0))).parameters(), lr=0.1)
    total = 0.0
    for start in range(0, 12, 5):
        by_hand.zero_grad()
        loss = MSELoss()(net(X[start : start + 5]), y[start : start + 5])
        loss.backward()
        by_hand.step()
        total += loss.item() * len(X[start : start + 5])
    history = trainer.fit(X, y, 1, batch_size=5, shuffle=False)
    np.testing.assert_array_equal(trainer.module.weight.data, net.weight.data)
    np.testing.assert_allclose(history["loss"], [total / 12], rtol=1e-14)


def test_shuffled_epochs_differ_and_repeat_with_the_seed():
    X, y = data()
    histories = [build(seed).fit(X, y, 3, batch_size=8) for seed in (0, 0, 1)]
    assert histories[0] == histories[1] != histories[2]


def test_fitting_again_goes_on():
    X, y, trainer = straight_line()
    trainer.fit(X, y, 3)
    assert trainer.fit(X, y, 2) is trainer.history and len(trainer.history["loss"]) == 5


def test_validation_and_metrics():
    X, y = data()
    trainer = build()
    history = trainer.fit(
        X[:40],
        y[:40],
        4,
        validation=(X[40:], y[40:]),
        metrics={"accuracy": lambda output, target: np.mean(output.argmax(axis=1) == target)},
    )
    assert set(history) == {"loss", "validation_loss", "validation_accuracy"}
    assert {len(numbers) for numbers in history.values()} == {4}
    output = trainer.predict(X[40:])
    np.testing.assert_allclose(history["validation_loss"][-1], CrossEntropyLoss()(output, y[40:]), rtol=1e-12)
    assert history["validation_accuracy"][-1] == np.mean(output.argmax(axis=1) == y[40:])


def test_modes():
    """Trains in train mode, validates and ends in eval mode; predict leaves the mode as it was."""
    X, y = data()
    trainer = build()
    trainer.module.train()
    trainer.predict(X)
    assert trainer.module[2].training and trainer.module[2].seen == 0
    trainer.fit(X, y, 2, batch_size=25, validation=(X, y))
    assert trainer.module[2].seen == 4 and not any(m.training for m in trainer.module.modules())
    np.testing.assert_allclose(trainer.predict(X, batch_size=7), trainer.predict(X), rtol=1e-12)
    assert trainer.predict(X[:0]).shape == (0, 2)


def test_patience_stops_and_goes_back_to_the_best_epoch():
    X, y, _ = straight_line()
    losses = iter([5.0, 3.0, 4.0, 2.95, 6.0, 7.0, 1.0, 0.5])
    states = []

    class Scripted(Trainer):
        def _validate(self, validation, metrics):
            states.append(self.module.state_dict())
            return {"validation_loss": next(losses)}

    net = Linear(1, 1, rng=np.random.default_rng(0))
    trainer = Scripted(net, MSELoss(), SGD(net.parameters(), lr=0.1), rng=np.random.default_rng(0))
    trainer.fit(X, y, 50, validation=(X, y), patience=3, min_delta=0.1)
    assert trainer.history["validation_loss"] == [5.0, 3.0, 4.0, 2.95, 6.0]
    np.testing.assert_array_equal(net.weight.data, states[1]["weight"])


def test_patience_without_validation_watches_the_loss():
    X, y, trainer = straight_line()
    trainer.optimizer.param_groups[0]["lr"] = 0.0
    trainer.fit(X, y, 50, patience=2, shuffle=False)
    assert len(trainer.history["loss"]) == 3


class Killed(Exception):
    pass


class KillAfter:
    """Breaks into the n-th training step, as a power cut would."""

    def __init__(self, trainer, n):
        self.step, self.left = trainer.train_step, n
        trainer.train_step = self

    def __call__(self, x, t):
        if self.left == 0:
            raise Killed
        self.left -= 1
        return self.step(x, t)


@pytest.mark.parametrize("kind", [Adam, SGD])
@pytest.mark.parametrize("every, kill", [(None, 17), (1, 3), (2, 17), (3, 18), (7, 33), (1, 34)])
def test_a_killed_run_that_is_resumed_equals_one_that_was_not(tmp_path, kind, every, kill):
    X, y = data()
    options = dict(epochs=5, batch_size=8, validation=(X[:9], y[:9]), patience=3)
    straight = build(kind=kind)
    straight.fit(X, y, **options)

    path = tmp_path / "run.npz"
    first = build(kind=kind)
    KillAfter(first, kill)
    with pytest.raises(Killed):
        first.fit(X, y, checkpoint=path, checkpoint_every=every, **options)

    second = build(seed=99, kind=kind)  # other weights, other generators: all of it comes from the file
    second.resume(path)
    second.fit(X, y, **options)
    same(straight, second)


def test_the_checkpoint_of_a_finished_run_has_nothing_left_to_do(tmp_path):
    X, y = data()
    path = tmp_path / "run.npz"
    first = build()
    first.fit(X, y, 50, validation=(X[:5], y[:5]), patience=2, checkpoint=path)
    again = build(3).resume(path)
    n = len(again.history["loss"])
    again.fit(X, y, 50, validation=(X[:5], y[:5]), patience=2)
    assert len(again.history["loss"]) == n < 50
    same(first, again)


def test_a_checkpoint_between_runs_holds_everything(tmp_path):
    X, y = data()
    first = build()
    first.fit(X, y, 2)
    first.checkpoint(tmp_path / "between.npz")
    first.fit(X, y, 2)
    second = build(5).resume(tmp_path / "between.npz")
    second.fit(X, y, 2)
    same(first, second)


def test_a_resumed_run_must_be_the_same_run(tmp_path):
    X, y = data()
    path = tmp_path / "run.npz"
    first = build()
    KillAfter(first, 9)
    with pytest.raises(Killed):
        first.fit(X, y, 5, batch_size=8, checkpoint=path)
    with pytest.raises(ValueError, match="had 50 rows in batches of 8; it cannot go on with 40 rows in batches of 8"):
        build().resume(path).fit(X[:40], y[:40], 5, batch_size=8)
    with pytest.raises(ValueError, match="both have a scheduler, or neither"):
        build(scheduler=None).resume(path)
    _, _, other = straight_line()
    with pytest.raises(ValueError, match="random generators"):
        other.resume(path)
    (tmp_path / "text.npz").write_text("nothing")
    with pytest.raises(LoadError):
        build().resume(tmp_path / "text.npz")


def test_after_an_error_the_next_fit_is_a_new_run():
    X, y, trainer = straight_line()
    step = trainer.train_step
    KillAfter(trainer, 4)
    with pytest.raises(Killed):
        trainer.fit(X, y, 5, batch_size=4)
    trainer.train_step = step
    trainer.fit(X[:7], y[:7], 2)
    assert len(trainer.history["loss"]) == 3


def test_the_scheduler_is_told_every_loss():
    X, y = data()
    trainer = build()
    trainer.fit(X, y, 2, batch_size=25)
    assert trainer.scheduler.n == 4
    np.testing.assert_allclose(trainer.history["loss"], np.reshape(trainer.scheduler.losses, (2, 2)).mean(axis=1))


def test_listeners_are_told_of_epochs_and_may_stop():
    X, y = data()
    told = []

    class Listener:
        @hookimpl
        def pellucid_fit_start(self, run):
            told.append((run.model, run.total, run.unit, run.monitor))

        @hookimpl
        def pellucid_fit_step(self, run):
            told.append(set(run.metrics))
            if run.n_steps == 3:
                run.stop("enough")

    trainer = build()
    with listening(Listener()):
        trainer.fit(X, y, 10, validation=(X, y), model="a name")
    assert told == [("a name", 10, "epoch", "validation_loss")] + [{"loss", "validation_loss"}] * 3
    assert len(trainer.history["loss"]) == 3
    told.clear()
    with listening(Listener()):
        trainer.fit(X, y, 1)
    assert told[0] == (trainer.module, 1, "epoch", "loss")


def test_ctrl_c_ends_in_the_middle_of_an_epoch_with_the_best_epoch_kept():
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        pytest.skip("somebody else handles Ctrl-C here")
    X, y = data(200)
    trainer = build()
    step, seen, after_epoch = trainer.train_step, [], []

    def press(x, t):
        seen.append(len(x))
        if len(seen) == 11:
            after_epoch.append(trainer.module.state_dict())
        if len(seen) == 17:
            signal.raise_signal(signal.SIGINT)
        return step(x, t)

    trainer.train_step = press
    with pytest.warns(InterruptWarning):
        trainer.fit(X, y, 5, batch_size=20, patience=100)
    assert len(seen) == 17 and len(trainer.history["loss"]) == 1
    for name, array in trainer.module.state_dict().items():
        np.testing.assert_array_equal(array, after_epoch[0][name])


def test_a_loss_that_is_not_finite_is_named():
    X, y, trainer = straight_line()
    trainer.optimizer.param_groups[0]["lr"] = 1e200
    with (
        pytest.raises(FloatingPointError, match=r"the loss became (inf|nan) in batch \d of epoch 1"),
        np.errstate(all="ignore"),
    ):
        trainer.fit(X, y, 50, batch_size=3)
    _, _, trainer = straight_line()
    with pytest.raises(FloatingPointError, match="the loss became nan in batch 1 of epoch 1"):
        trainer.fit(X * np.nan, y, 1)


def test_data_may_be_lists_and_tensors_and_float32():
    X, y, trainer = straight_line()
    trainer.fit(X.tolist(), Tensor(y), 1)
    trainer.module.float()
    narrow = Trainer(trainer.module, MSELoss(), SGD(trainer.module.parameters(), lr=0.1), rng=trainer.rng)
    narrow.fit(X.astype(np.float32), y, 2)
    assert narrow.predict(X.astype(np.float32)).dtype == np.float32


def test_bad_data_are_named():
    X, y, trainer = straight_line()
    for arguments, words in (
        ((X, y[:5], 1), r"X has shape \(12, 1\), y has shape \(5, 1\)"),
        ((X[:0], y[:0], 1), "at least one row"),
        ((X, y, 1, 0), "12 rows by 0"),
        ((np.ones(()), y, 1), "X must have one row per example; it is a single number"),
    ):
        with pytest.raises(ValueError, match=words):
            trainer.fit(*arguments)
    with pytest.raises(ValueError, match="metrics are measured on validation data"):
        trainer.fit(X, y, 1, metrics={"zero": lambda output, target: 0})
    with pytest.raises(ValueError, match=r"in_features = 1 .* x has shape \(12, 2\)"):
        trainer.fit(np.ones((12, 2)), y, 1)


class Draws(Module):
    """A loss that learns, draws random numbers and counts how it was called."""

    def __init__(self, seed):
        self.weight, self.rng = Parameter(np.full(2, float(seed))), np.random.default_rng(seed)
        self.register_buffer("calls", np.zeros(2))

    def forward(self, z, t):
        self.calls[int(self.training)] += 1
        return np.sum((z - t[:, None] - self.rng.normal(size=z.shape) * self.weight) ** 2) / z.size


def with_a_loss_that_learns(seed=0):
    net, loss = Linear(3, 2, rng=seed), Draws(seed + 1)
    return Trainer(net, loss, Adam([*net.parameters(), *loss.parameters()], lr=0.05), rng=seed)


@pytest.mark.parametrize("kill", [5, 11])
def test_a_loss_that_learns_is_resumed_too(tmp_path, kill):
    X, y = data()
    options = dict(epochs=4, batch_size=16, validation=(X[:9], y[:9]), patience=2)
    straight, first, second = (with_a_loss_that_learns(seed) for seed in (0, 0, 5))
    straight.fit(X, y, **options)
    KillAfter(first, kill)
    with pytest.raises(Killed):
        first.fit(X, y, checkpoint=tmp_path / "run.npz", checkpoint_every=1, **options)
    second.resume(tmp_path / "run.npz").fit(X, y, **options)
    assert straight.history == second.history
    for name, array in straight.loss.state_dict().items():
        np.testing.assert_array_equal(second.loss.state_dict()[name], array)
    assert straight.loss.rng.bit_generator.state == second.loss.rng.bit_generator.state
    with pytest.raises(ValueError, match="random generators"):
        build(scheduler=None).resume(tmp_path / "run.npz")


def test_patience_goes_back_to_the_best_loss_module_too():
    X, y = data()
    trainer, states, losses = with_a_loss_that_learns(), [], iter([3.0, 2.0, 4.0, 5.0])
    trainer._validate = lambda *_: states.append(trainer.loss.state_dict()) or {"validation_loss": next(losses)}
    trainer.fit(X, y, 9, validation=(X, y), patience=2)
    np.testing.assert_array_equal(trainer.loss.weight.data, states[1]["weight"])
    assert (states[2]["weight"] != states[1]["weight"]).any()


def test_the_loss_knows_the_mode():
    X, y = data()
    trainer = with_a_loss_that_learns()
    trainer.fit(X, y, 3, batch_size=25, validation=(X, y))
    assert trainer.loss.calls.tolist() == [3, 6] and not trainer.loss.training


def test_a_loss_must_be_a_module_on_both_sides(tmp_path):
    X, y, trainer = straight_line()
    trainer.loss = lambda z, t: np.sum((z - t) ** 2)
    trainer.checkpoint(tmp_path / "run.npz")
    _, _, other = straight_line()
    with pytest.raises(ValueError, match="the loss must be a Module both"):
        other.resume(tmp_path / "run.npz")
    other.loss = trainer.loss
    other.resume(tmp_path / "run.npz").fit(X, y, 1)


def test_a_loss_that_is_not_finite_moves_nothing():
    X, y, trainer = straight_line()
    before = trainer.module.state_dict()
    with pytest.raises(FloatingPointError, match="the loss became inf: use a lower"), np.errstate(all="ignore"):
        trainer.train_step(X * 1e200, y)
    with (
        pytest.raises(FloatingPointError, match="the loss became inf in batch 1 of epoch 1"),
        np.errstate(all="ignore"),
    ):
        trainer.fit(X * 1e200, y, 2)
    for name, array in trainer.module.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
