"""What all optimizers share: groups, state, parameters without a gradient, and writes from outside."""

import copy
import pickle

import numpy as np
import pytest

from pellucid import Tensor, no_grad
from pellucid_nn import SGD, Adam, Linear, Parameter, ReLU, Sequential
from pellucid_nn.adagrad import Adagrad
from pellucid_nn.adamw import AdamW
from pellucid_nn.optimizer import Optimizer
from pellucid_nn.penalties import clip_grad_norm_, clip_grad_value_, l1_penalty
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
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_l1_is_the_penalty_in_the_loss(kind, keep, maximize, dtype, monkeypatch):
    """50 steps in two groups, the second without a penalty, and with frozen parameters in both."""
    monkeypatch.setattr("pellucid_nn.flat_buffer.LARGE", 8)
    start = [module.state_dict() for module in (net(dtype=dtype),)]
    found = []
    for in_the_loss in (True, False):
        module = net(dtype=dtype)
        module[0].bias.requires_grad_(False)
        module[2].weight.requires_grad_(False)
        groups = [{"params": module[0].parameters(), "l1": 0.0 if in_the_loss else np.float64(0.3)}]
        optimizer = kind([*groups, {"params": module[2].parameters()}], maximize=maximize)
        rng = np.random.default_rng(1)
        for _ in range(50):
            optimizer.zero_grad()
            x, t = rng.normal(size=(5, 3)).astype(dtype), rng.normal(size=(5, 2)).astype(dtype)
            loss = np.mean((module(x) - t) ** 2)
            sign = -1 if maximize else 1  # to climb on loss + penalty would be to run away
            (sign * (loss + l1_penalty(module[0].weight, 0.3)) if in_the_loss else sign * loss).backward()
            optimizer.step(keep_gradients=keep)
        assert {p.dtype for p in module.parameters()} == {np.dtype(dtype)}
        for name in ("0.bias", "2.weight"):
            np.testing.assert_array_equal(module.state_dict()[name], start[0][name])
        found.append(values(module))
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    np.testing.assert_allclose(*found, rtol=tolerance, atol=tolerance)
    assert np.abs(found[0] - np.concatenate([a.ravel() for a in start[0].values()])).max() > 0.05


@each_kind
def test_l1_pulls_whatever_is_near_zero_back(kind):
    p = Parameter(np.array([1.0, -1.0, 0.0]))
    optimizer = kind([p], l1=1.0, lr=0.001)
    for _ in range(8):
        p.grad = Tensor(np.zeros(3))
        before = p.data.copy()
        optimizer.step()
        assert abs(p.data[0]) < abs(before[0]) and abs(p.data[1]) < abs(before[1]) and p.data[2] == 0


@each_kind
def test_l1_is_a_setting_of_a_group_and_in_the_state(kind):
    module = net()
    groups = [{"params": module[0].parameters(), "l1": 3.5}, {"params": module[2].parameters()}]
    optimizer = kind(groups)
    train(module, optimizer, 1)
    other = kind([{"params": module[0].parameters()}, {"params": module[2].parameters()}])
    other.load_state_dict(optimizer.state_dict())
    assert [group["l1"] for group in other.param_groups] == [3.5, 0]
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


@each_kind
def test_limits_are_in_the_state(kind):
    module = net()
    optimizer = kind(module.parameters(), max_norm=np.float64(0.3), clip_value=2)
    state = optimizer.state_dict()
    assert (state["max_norm"], state["clip_value"]) == (0.3, 2.0)
    other = kind(net().parameters(), max_norm=7.0)
    other.load_state_dict(state)
    assert (other.max_norm, other.clip_value) == (0.3, 2.0)
    other.load_state_dict(state | {"max_norm": None})
    assert (other.max_norm, other.clip_value) == (None, 2.0)
    other.load_state_dict({name: state[name] for name in ("state", "param_groups")})
    assert (other.max_norm, other.clip_value) == (None, 2.0)
    with pytest.raises(ValueError, match="clip_value must be 0 or more; got nan"):
        other.load_state_dict(state | {"clip_value": np.nan})
    assert (other.max_norm, other.clip_value) == (None, 2.0)


def test_limits_of_numpy_leave_the_precision_alone_and_the_gradients_short():
    p = Parameter(np.ones(2, np.float32))
    p.grad = Tensor(np.array([3.0, 40.0], np.float32))
    SGD([p], lr=1.0, clip_value=np.float64(4.0), max_norm=np.float64(2.5)).step()
    assert p.dtype == p.grad.dtype == np.float32
    np.testing.assert_allclose(p.grad.data, [1.5, 2.0], rtol=1e-6)  # the value first: (3, 4), then its length 5


def test_zeros_in_the_place_of_gradients():
    p, q = Parameter(np.ones(2, np.float32)), Parameter(np.ones(1))
    optimizer = Adam([p, q])
    p.grad = Tensor(np.ones(2, np.float32))
    before = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.data.tolist() == [0, 0] and p.grad.dtype == np.float32 and q.grad is None
    assert before.data.tolist() == [1, 1]
    optimizer.zero_grad(True)
    assert p.grad is None


@each_kind
def test_a_closure_finds_the_loss(kind):
    by_hand, closed = net(), net()
    x = np.random.default_rng(2).normal(size=(5, 3))
    first, second = kind(by_hand.parameters()), kind(closed.parameters())

    def closure():
        second.zero_grad()
        loss = np.sum(closed(x) ** 2)
        loss.backward()
        return loss

    for _ in range(3):
        first.zero_grad()
        loss = np.sum(by_hand(x) ** 2)
        loss.backward()
        assert first.step() is None
        with no_grad():
            assert second.step(closure).item() == loss.item()
    np.testing.assert_array_equal(values(by_hand), values(closed))


def test_names_of_groups_and_parameters():
    module, reference = net(), net()
    named, plain = Adam(module.named_parameters(), lr=0.1), Adam(reference.parameters(), lr=0.1)
    assert named.param_groups[0]["param_names"] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [p is q for p, q in zip(named.param_groups[0]["params"], module.parameters(), strict=True)] == [True] * 4
    train(module, named, 2)
    train(reference, plain, 2)
    np.testing.assert_array_equal(values(module), values(reference))
    assert "param_names" not in repr(named) and "param_names" not in plain.state_dict()["param_groups"][0]
    groups = SGD([{"params": module[0].named_parameters(), "name": "low"}, {"params": [module[2].bias]}])
    assert groups.param_groups[0]["name"] == "low" and groups.param_groups[0]["param_names"] == ["weight", "bias"]
    assert "name=low" in repr(groups)
    fresh = SGD([{"params": [Parameter(np.ones((4, 3))), Parameter(np.ones(4))]}, {"params": [Parameter(np.ones(2))]}])
    fresh.load_state_dict(groups.state_dict())
    assert fresh.param_groups[0]["name"] == "low" and "param_names" not in fresh.param_groups[0]
    with pytest.raises(ValueError, match="1 of 2 parameters have names: give names to all of them, or to none"):
        SGD([("w", Parameter(np.ones(1))), Parameter(np.ones(1))])


def test_the_rate_a_schedule_started_from_is_a_part_of_a_group():
    p, q = Parameter(np.ones(1)), Parameter(np.ones(1))
    optimizer = SGD([{"params": [p], "lr": 0.1, "initial_lr": 0.4}])
    other = SGD([q])
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["initial_lr"] == 0.4 and other.param_groups[0]["lr"] == 0.1
    with pytest.raises(ValueError, match="initial_lr must be a finite number of 0 or more; it is nan"):
        SGD([{"params": [p], "initial_lr": np.nan}])


@pytest.mark.parametrize("keep", [True, False])
@each_kind
def test_gradients_that_cannot_be_written_into(kind, keep, monkeypatch):
    monkeypatch.setattr("pellucid_nn.flat_buffer.LARGE", 2)
    found = []
    for draw in (lambda: np.full(3, 2.0), lambda: np.broadcast_to(2.0, 3), lambda: np.full(3, 2)):
        p = Parameter(np.arange(3.0))
        optimizer = kind([p])
        for _ in range(2):
            p.grad = Tensor(draw())
            optimizer.step(keep_gradients=keep)
        found.append(p.data.copy())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], found[2], rtol=1e-12)


def test_more_bad_parameters_are_named():
    p = Parameter(np.ones(2))
    with pytest.raises(ValueError, match=r"a group needs its 'params', .* it has \['lr'\]"):
        SGD([{"lr": 0.1}])
    with pytest.raises(TypeError, match="takes leaf Tensors of floating-point numbers"):
        SGD([Tensor(np.arange(3))])
    frozen = Parameter(np.ones(1), requires_grad=False)
    optimizer = SGD([p, frozen], lr=1.0)  # as in PyTorch: it stays where it is until it has a gradient
    p.grad = Tensor(np.ones(2))
    optimizer.step()
    assert frozen.data.tolist() == [1.0] and p.data.tolist() == [0.0, 0.0]


def test_groups_that_were_changed_by_hand_are_noticed():
    for change in (
        lambda o: o.param_groups[0]["params"].append(Parameter(np.ones(1))),
        lambda o: o.param_groups.append({"params": [Parameter(np.ones(1))]}),
        lambda o: o.param_groups[0]["params"].pop(),
    ):
        optimizer = Adam([Parameter(np.ones(1)), Parameter(np.ones(1))])
        change(optimizer)
        with pytest.raises(RuntimeError, match="param_groups were changed by hand, .* use add_param_group"):
            optimizer.step()
    optimizer = Adam([Parameter(np.ones(1))])
    optimizer.param_groups[0]["params"][0] = Parameter(np.ones(1))
    with pytest.raises(RuntimeError, match="param_groups were changed by hand"):
        optimizer.state_dict()


@each_kind
def test_a_bad_second_group_leaves_the_first_alone(kind):
    model = net()
    optimizer = kind([{"params": model[0].parameters()}, {"params": model[2].parameters()}])
    train(model, optimizer, 2)
    before, rate = optimizer.state_dict(), optimizer.param_groups[0]["lr"]
    for change, error, words in (
        (lambda s: s["param_groups"][1].update(lr=-1), ValueError, "lr must be"),
        (lambda s: s["param_groups"][1].update(lr="0.1"), TypeError, "lr must be a number"),
        (lambda s: s["state"][3].update(step=-1), ValueError, "step must be a whole number of at least 0; it is -1"),
        (lambda s: s["state"][3].update(step="2"), TypeError, "step must be a number; it is '2'"),
        (lambda s: s["state"][3].popitem(), ValueError, "after 2 steps .* remembers .* another optimizer's"),
        (lambda s: s["state"][3].update(nonsense=np.ones(2)), ValueError, "nonsense of shape"),
        (lambda s: s["state"][3].update({optimizer.moments[0]: np.array(["a", "b"])}), ValueError, "is no state of"),
        (lambda s: s.pop("param_groups"), ValueError, r"this one lacks \['param_groups'\]"),
        (lambda s: s.pop("state"), ValueError, r"this one lacks \['state'\]"),
        (lambda s: s.update(state=dict(enumerate(s["state"]))), ValueError, "from_torch_state"),
    ):
        state = copy.deepcopy(before)
        state["param_groups"][0]["lr"] = 123.0
        change(state)
        with pytest.raises(error, match=words):
            optimizer.load_state_dict(state)
        assert optimizer.param_groups[0]["lr"] == rate
    for a, b in zip(optimizer.state_dict()["state"], before["state"], strict=True):
        for name in b:
            np.testing.assert_array_equal(a[name], b[name])
    with pytest.raises(ValueError, match="this is no state of PyTorch"):
        optimizer.from_torch_state(before)


def test_a_state_of_another_kind_is_noticed():
    models = [net() for _ in range(3)]
    sgd, adam, plain = (
        SGD(models[0].parameters(), momentum=0.9),
        Adam(models[1].parameters()),
        SGD(models[2].parameters()),
    )
    for model, optimizer in zip(models, (sgd, adam, plain)):
        train(model, optimizer, 2)
    with pytest.raises(ValueError, match="momentum_buffer of shape .* is no state of Adam"):
        adam.load_state_dict(sgd.state_dict())
    assert plain.state_dict()["state"] == [{}] * 4  # nothing is remembered, not even the steps


def test_an_option_that_was_just_switched_on_is_in_the_state():
    for build, option in ((lambda p: Adam(p), "amsgrad"), (lambda p: RMSprop(p), "centered")):
        straight, resumed = net(), net(5)
        optimizer, other = build(straight.parameters()), build(resumed.parameters())
        train(straight, optimizer, 2)
        optimizer.param_groups[0][option] = True
        other.load_state_dict(optimizer.state_dict())
        resumed.load_state_dict(straight.state_dict())
        for model, o in ((straight, optimizer), (resumed, other)):
            train(model, o, 3, seed=4)
        np.testing.assert_array_equal(values(straight), values(resumed))


BAD = [True, np.True_, "0.1", None, Tensor(0.1), np.array([0.1])]


@each_kind
@pytest.mark.parametrize("value", BAD, ids=["True", "np.True_", "text", "None", "Tensor", "array"])
def test_settings_that_are_no_numbers_are_named(kind, value):
    p = Parameter(np.ones(1))
    numbers = [k for k, v in kind([p]).defaults.items() if isinstance(v, float)]
    assert {"lr", "weight_decay", "l1"} <= set(numbers)
    for name in [*numbers, "max_norm", "clip_value"]:
        if value is None and name in ("max_norm", "clip_value"):
            continue
        with pytest.raises(TypeError, match=f"{name} must be a number; it is"):
            kind([p], **{name: value})
        if name in numbers:
            with pytest.raises(TypeError, match=f"{name} must be a number; it is"):
                kind([{"params": [p], name: value}])


@each_kind
def test_settings_that_are_no_yes_or_no_are_named(kind):
    p = Parameter(np.ones(1))
    names = [k for k, v in kind([p]).defaults.items() if isinstance(v, bool)]
    assert "maximize" in names
    for name in names:
        for value in ("no", 1, None):
            with pytest.raises(TypeError, match=f"{name} must be True or False; it is {value!r}"):
                kind([p], **{name: value})
