"""What all optimizers share: groups, state, parameters without a gradient, and writes from outside."""

import copy
import math
import pickle

import numpy as np
import pytest

from pellucid import Tensor
from pellucid_nn import SGD, Adam, Linear, Parameter, ReLU, Sequential
from pellucid_nn.adagrad import Adagrad
from pellucid_nn.adamw import AdamW
from pellucid_nn.optimizer import Optimizer
from pellucid_nn.penalties import clip_grad_norm_, clip_grad_value_
from pellucid_nn.rmsprop import RMSprop

KINDS = [
    lambda params, **kw: SGD(params, **{"lr": 0.1, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.01} | kw),
    lambda params, **kw: Adam(params, **{"lr": 0.02, "weight_decay": 0.01, "amsgrad": True} | kw),
    lambda params, **kw: AdamW(params, **{"lr": 0.02, "weight_decay": 0.1, "amsgrad": True} | kw),
    lambda params, **kw: Adagrad(params, **{"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.2} | kw),
    lambda params, **kw: RMSprop(params, **{"lr": 0.02, "alpha": 0.9, "momentum": 0.9, "centered": True} | kw),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=["sgd", "adam", "adamw", "adagrad", "rmsprop"])


def net(seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return Sequential(Linear(3, 4, rng=rng, dtype=dtype), ReLU(), Linear(4, 2, rng=rng, dtype=dtype))


def train(module, optimizer, n_steps, seed=1, skip=lambda step: ()):
    """Some steps on random data; `skip(step)` names the parameters that get no gradient in it."""
    rng = np.random.default_rng(seed)
    for step in range(n_steps):
        x = rng.normal(size=(5, 3)).astype(next(module.parameters()).dtype)
        optimizer.zero_grad()
        np.sum(module(x) ** 2).backward()
        for name, p in module.named_parameters():
            if name in skip(step):
                p.grad = None
        optimizer.step()


def values(module):
    return np.concatenate([array.ravel() for array in module.state_dict().values()])


@each_kind
def test_together_is_the_same_as_one_optimizer_each(kind):
    together, apart = net(), net()
    train(together, kind(together.parameters()), 5)

    class Each:
        optimizers = [kind([p]) for p in apart.parameters()]

        def zero_grad(self):
            apart.zero_grad()

        def step(self):
            for optimizer in self.optimizers:
                optimizer.step()

    train(apart, Each(), 5)
    np.testing.assert_array_equal(values(together), values(apart))


@each_kind
def test_groups_have_settings_of_their_own(kind):
    model, reference = net(), net()
    optimizer = kind([{"params": model[0].parameters(), "lr": 0.5}, {"params": model[2].weight}])
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, kind([Parameter(np.ones(1))]).param_groups[0]["lr"]]
    optimizer.add_param_group({"params": [model[2].bias], "lr": 0.0})
    train(model, optimizer, 1)
    fast, slow = kind(reference[0].parameters(), lr=0.5), kind([reference[2].weight])
    train(reference, fast, 0)
    np.sum(reference(np.random.default_rng(1).normal(size=(5, 3))) ** 2).backward()
    fast.step()
    slow.step()
    np.testing.assert_array_equal(values(model), values(reference))


@each_kind
def test_a_new_learning_rate_takes_effect_at_the_next_step(kind):
    model = net()
    optimizer = kind(model.parameters())
    train(model, optimizer, 2)
    before = values(model)
    optimizer.param_groups[0]["lr"] = np.float64(0.0)
    train(model, optimizer, 2)
    np.testing.assert_array_equal(values(model), before)


@each_kind
def test_parameters_without_a_gradient_are_passed_by(kind):
    """Like PyTorch: no decay, no momentum, and their own count of steps."""
    names = ["0.weight", "0.bias", "2.weight", "2.bias"]
    skipped = {0: names[:1], 1: names[1:3], 2: names, 3: [], 4: names[3:], 5: [], 6: []}
    model, reference = net(), net()
    train(model, kind(model.parameters()), 7, skip=skipped.get)
    optimizers = {name: kind([p]) for name, p in reference.named_parameters()}

    class Each:
        def zero_grad(self):
            reference.zero_grad()

        def step(self):
            for optimizer in optimizers.values():
                optimizer.step()

    train(reference, Each(), 7, skip=skipped.get)
    np.testing.assert_array_equal(values(model), values(reference))


@each_kind
def test_large_parameters_go_in_parts(kind, monkeypatch):
    whole = net()
    train(whole, kind(whole.parameters()), 4)
    monkeypatch.setattr("pellucid_nn.flat_buffer.PART", 5 * 8)
    monkeypatch.setattr("pellucid_nn.flat_buffer.LARGE", 8)
    parts = net()
    train(parts, kind(parts.parameters()), 4)
    np.testing.assert_array_equal(values(whole), values(parts))


@each_kind
def test_gradients_are_read_only_to_the_optimizer(kind, monkeypatch):
    monkeypatch.setattr("pellucid_nn.flat_buffer.LARGE", 8)
    model = net()
    optimizer = kind(model.parameters(), maximize=True)
    np.sum(model(np.ones((2, 3))) ** 2).backward()
    before = [p.grad.data.copy() for p in model.parameters()]
    for p in model.parameters():
        p.grad.data.setflags(write=False)
    optimizer.step()
    for p, gradient in zip(model.parameters(), before):
        np.testing.assert_array_equal(p.grad.data, gradient)


@each_kind
def test_gradients_may_be_used_up(kind, monkeypatch):
    monkeypatch.setattr("pellucid_nn.flat_buffer.LARGE", 8)
    models = [net(), net()]
    for model, keep in zip(models, (True, False)):
        optimizer = kind(model.parameters())
        rng = np.random.default_rng(1)
        for _ in range(4):
            optimizer.zero_grad()
            np.sum(model(rng.normal(size=(5, 3))) ** 2).backward()
            optimizer.step(keep_gradients=keep)
            assert all((p.grad is not None) == keep for p in model.parameters())
    np.testing.assert_array_equal(*map(values, models))


@each_kind
def test_parameters_are_views_that_survive_loading_and_writing(kind):
    model, reference = net(), net()
    optimizer, theirs = kind(model.parameters()), kind(reference.parameters())
    flat = optimizer._buffers[0][0].data
    assert flat.size == 26 and all(np.shares_memory(p.data, flat) for p in model.parameters())
    np.testing.assert_array_equal(values(model), values(net()))
    state = net(5).state_dict()
    for m, o in ((model, optimizer), (reference, theirs)):
        train(m, o, 2)
        m.load_state_dict(state)
        train(m, o, 1)
    model[0].weight.data[...] = 2.0
    reference[0].weight.data = np.full((4, 3), 2.0)  # another array in its place
    model[2].bias.data = np.asfortranarray(np.zeros(2))
    reference[2].bias.data *= 0
    for m, o in ((model, optimizer), (reference, theirs)):
        train(m, o, 2)
    np.testing.assert_array_equal(values(model), values(reference))
    assert all(np.shares_memory(p.data, flat) for p in model.parameters())


@each_kind
def test_two_optimizers_may_move_the_same_parameters_in_turn(kind):
    p, q = Parameter(np.ones(3)), Parameter(np.ones(3))
    first, second = kind([p]), kind([p])
    alone = [kind([q]), kind([q])]
    for step in range(4):
        p.grad = q.grad = Tensor(np.arange(3.0))
        (first, second)[step % 2].step()
        alone[step % 2].step()
    np.testing.assert_array_equal(p.data, q.data)


@each_kind
def test_state_round_trip_continues_bit_for_bit(kind):
    straight = net()
    optimizer = kind(straight.parameters())
    train(straight, optimizer, 4)
    state, weights = optimizer.state_dict(), straight.state_dict()
    train(straight, optimizer, 3, seed=9)

    resumed = net(7)
    other = kind([{"params": resumed.parameters(), "lr": 123.0}])
    train(resumed, other, 2)
    resumed.load_state_dict(weights)
    other.load_state_dict(state)
    train(resumed, other, 3, seed=9)
    np.testing.assert_array_equal(values(straight), values(resumed))
    assert other.param_groups[0]["lr"] != 123.0


@each_kind
def test_state_is_one_entry_for_each_parameter(kind):
    model = net()
    optimizer = kind(model.parameters())
    assert optimizer.state_dict()["state"] == [{}, {}, {}, {}]
    train(model, optimizer, 3, skip=lambda step: ["2.weight"])
    state = optimizer.state_dict()
    assert state["param_groups"][0]["params"] == [0, 1, 2, 3]
    assert state["state"][2] == {} and state["state"][0]["step"] == 3
    names = {"step", *optimizer.moments}
    assert set(state["state"][0]) == names
    assert state["state"][0][optimizer.moments[0]].shape == (4, 3)
    state["state"][0][optimizer.moments[0]][...] = 1e9
    assert optimizer.state_dict()["state"][0][optimizer.moments[0]].max() < 1e9
    fresh = kind(net().parameters())
    fresh.load_state_dict(state)
    assert fresh.state_dict()["state"][2] == {}


@each_kind
@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_go_on_alike_and_apart(kind, twin_of):
    model = net()
    optimizer = kind(model.parameters())
    train(model, optimizer, 2)
    model[0].bias.data = model[0].bias.data * 3
    twin, theirs = twin_of((model, optimizer))
    before = values(twin)
    train(model, optimizer, 2)
    np.testing.assert_array_equal(values(twin), before)
    train(twin, theirs, 2)
    np.testing.assert_array_equal(values(twin), values(model))
    assert all(np.shares_memory(p.data, theirs._buffers[0][0].data) for p in twin.parameters())


@each_kind
def test_float32_stays_float32_whatever_the_settings_are(kind):
    model = net(dtype=np.float32)
    optimizer = kind(model.parameters(), lr=np.float64(0.01))
    train(model, optimizer, 2)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    state = optimizer.state_dict()["state"][0]
    assert {array.dtype for name, array in state.items() if name != "step"} == {np.dtype(np.float32)}


@each_kind
def test_precisions_may_be_mixed(kind):
    wide, narrow, last = Parameter(np.ones(3)), Parameter(np.ones((2, 2), np.float32)), Parameter(np.full(1, 4.0))
    optimizer = kind([wide, narrow, last])
    for p in (wide, narrow, last):
        p.grad = Tensor(np.ones(p.shape, p.dtype))
    optimizer.step()
    assert narrow.dtype == np.float32 and wide.dtype == last.dtype == np.float64
    shapes = [entry[optimizer.moments[0]].shape for entry in optimizer.state_dict()["state"]]
    assert shapes == [(3,), (2, 2), (1,)]
    np.testing.assert_allclose(wide.data, narrow.data[0, 0], rtol=1e-6)


@each_kind
def test_a_step_under_a_recorded_operation_is_noticed(kind):
    model = net()
    optimizer = kind(model.parameters())
    first, second = (np.sum(model(np.ones((1, 3))) ** 2) for _ in range(2))
    first.backward()
    optimizer.step()
    with pytest.raises(RuntimeError, match="written into"):
        second.backward()


def test_zero_grad_forgets_gradients_of_every_group():
    p, q = Parameter(np.ones(1)), Parameter(np.ones(1))
    optimizer = SGD([{"params": [p]}, {"params": [q]}])
    p.grad = q.grad = Tensor(np.ones(1))
    optimizer.zero_grad()
    assert p.grad is None and q.grad is None


def test_numbers_and_empty_arrays_are_parameters_too():
    number, empty, plain = Parameter(2.0), Parameter(np.zeros((0, 3))), Tensor(np.ones(2), requires_grad=True)
    optimizer = SGD([number, empty, plain], lr=1.0)
    (number * np.sum(plain) + np.sum(empty)).backward()
    optimizer.step()
    assert number.data == 0 and plain.data.tolist() == [-1, -1] and empty.shape == (0, 3)


def test_bad_parameters_are_named():
    p = Parameter(np.ones(2))
    for params, error, words in (
        ([], ValueError, "at least one parameter"),
        (p, TypeError, "an iterable of parameters or of groups, not Parameter"),
        ({"params": [p]}, TypeError, "not dict"),
        ([np.ones(2)], TypeError, "moves Parameters, and got ndarray"),
        ([p * 2], TypeError, "moves Parameters, and got Tensor"),
        ([p, p], ValueError, "appears twice"),
        ([{"params": [p]}, {"params": [p]}], ValueError, "appears twice"),
        ([{"params": [p], "rate": 1}], ValueError, r"SGD has no setting \['rate'\]; it has \['dampening', 'l1', 'lr'"),
        ([{"params": [p]}, p], TypeError, "a group is a dict with its 'params'; got Parameter"),
    ):
        with pytest.raises(error, match=words):
            SGD(params)


def test_what_changed_behind_its_back_is_named():
    model = net()
    optimizer = Adam(model.parameters())
    np.sum(model(np.ones((1, 3)))).backward()
    model[0].weight.grad = Tensor(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"gradient of shape \(3, 4\) cannot update a parameter of shape \(4, 3\)"):
        optimizer.step()
    model.float()
    np.sum(model(np.ones((1, 3), np.float32))).backward()
    with pytest.raises(RuntimeError, match=r"from float64 \(4, 3\) to float32 \(4, 3\) since this optimizer was built"):
        optimizer.step()


def test_a_state_that_does_not_fit_changes_nothing():
    model = net()
    optimizer = Adam(model.parameters())
    train(model, optimizer, 2)
    before = optimizer.state_dict()
    other = Adam(net()[0].parameters())
    with pytest.raises(ValueError, match=r"groups with \[2\] parameters, this optimizer has groups with \[4\]"):
        optimizer.load_state_dict(other.state_dict())
    sgd = SGD(model.parameters(), momentum=0.9)
    with pytest.raises(ValueError, match="exp_avg of shape .* is no state of SGD"):
        sgd.load_state_dict(before)
    wrong = copy.deepcopy(before)
    wrong["state"][1]["exp_avg"] = np.zeros(7)
    with pytest.raises(ValueError, match=r"exp_avg of shape \(7,\)"):
        optimizer.load_state_dict(wrong)
    wrong = copy.deepcopy(before)
    wrong["param_groups"][0]["lr"] = -1
    with pytest.raises(ValueError, match="lr must be"):
        optimizer.load_state_dict(wrong)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for a, b in zip(after["state"], before["state"]):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_repr_says_what_is_moved_and_how():
    text = repr(SGD(net().parameters(), lr=0.5))
    assert text.startswith("SGD(\n  4 parameters, 26 numbers: lr=0.5, momentum=0.0")


def test_a_subclass_must_say_how():
    class Bare(Optimizer):
        def check(self, group):
            pass

    p = Parameter(np.ones(1))
    p.grad = Tensor(np.ones(1))
    with pytest.raises(NotImplementedError):
        Bare([p], {}).step()
    with pytest.raises(NotImplementedError):
        Optimizer([p], {})


@each_kind
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_l1_moves_towards_zero_after_the_step_and_stops_there(kind, dtype):
    plain, shrunk = net(dtype=dtype), net(dtype=dtype)
    optimizers = kind(plain.parameters()), kind(shrunk.parameters(), l1=0.5)
    for _ in range(3):
        plain.load_state_dict(shrunk.state_dict())
        train(plain, optimizers[0], 1)
        train(shrunk, optimizers[1], 1)
        by = optimizers[0].param_groups[0]["lr"] * 0.5
        expected = [math.copysign(max(abs(v) - by, 0), v) for v in values(plain).tolist()]
        np.testing.assert_allclose(values(shrunk), expected, rtol=1e-6 if dtype is np.float32 else 1e-13, atol=1e-8)
    zeros = np.array(expected) == 0
    assert zeros.any() and (values(shrunk)[zeros] == 0).all() and not zeros.all()
    assert all(p.dtype == dtype for p in shrunk.parameters())


@each_kind
def test_l1_is_a_setting_of_a_group_and_in_the_state(kind):
    module = net()
    groups = [{"params": module[0].parameters(), "l1": 1e6}, {"params": module[2].parameters()}]
    optimizer = kind(groups)
    train(module, optimizer, 1)
    assert not np.any(module[0].weight.data) and np.all(module[2].weight.data)
    other = kind([{"params": module[0].parameters()}, {"params": module[2].parameters()}])
    other.load_state_dict(optimizer.state_dict())
    assert [group["l1"] for group in other.param_groups] == [1e6, 0]
    with pytest.raises(ValueError, match="l1 must be a finite number of 0 or more; it is -1"):
        kind(module.parameters(), l1=-1)
    state = optimizer.state_dict()
    state["param_groups"][1]["l1"] = -2.0
    with pytest.raises(ValueError, match="l1 must be a finite number of 0 or more; it is -2"):
        other.load_state_dict(state)


@each_kind
@pytest.mark.parametrize("keep", [True, False])
def test_limits_on_the_gradients_are_taken_over_all_groups_before_the_step(kind, keep):
    by_hand, limited = net(), net()

    def groups(module):
        return [{"params": module[0].parameters()}, {"params": module[2].parameters()}]

    first, second = kind(groups(by_hand)), kind(groups(limited), max_norm=0.3, clip_value=0.2)
    rng = np.random.default_rng(3)
    for _ in range(3):
        x = 10 * rng.normal(size=(5, 3))
        for module in (by_hand, limited):
            module.zero_grad()
            np.sum(module(x) ** 2).backward()
        clip_grad_value_(by_hand, 0.2)
        assert clip_grad_norm_(by_hand, 0.3) > 0.3
        first.step()
        second.step(keep_gradients=keep)
        np.testing.assert_array_equal(values(limited), values(by_hand))
    for name in ("max_norm", "clip_value"):
        with pytest.raises(ValueError, match=f"{name} must be 0 or more; got -1"):
            kind(limited.parameters(), **{name: -1})
