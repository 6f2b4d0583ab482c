"""The same steps as PyTorch: optimizers with any options, and schedulers, over 200 steps to 1e-12."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Tensor
from pellucid_nn.adagrad import Adagrad
from pellucid_nn.adam import Adam
from pellucid_nn.adamw import AdamW
from pellucid_nn.module import Parameter
from pellucid_nn.rmsprop import RMSprop
from pellucid_nn.schedulers import (
    ConstantLR,
    CosineAnnealingLR,
    CosineWarmup,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    NoamLR,
    StepLR,
)
from pellucid_nn.sgd import SGD

torch = pytest.importorskip("torch")

STEPS = 200
SHAPES = [(4, 3), (3,), (), (2, 1, 2)]
KINDS = {kind.__name__: kind for kind in (SGD, Adam, AdamW, Adagrad, RMSprop)}

rates, decays, flags = st.floats(0.001, 0.05), st.sampled_from([0.0, 0.01]) | st.floats(0, 0.3), st.booleans()
epsilons = st.sampled_from([1e-8, 1e-3, 0.1])
momenta = st.just(0.0) | st.floats(0.1, 0.95)
shared = {"lr": rates, "weight_decay": decays, "maximize": flags}
adam = shared | {"betas": st.tuples(st.floats(0, 0.95), st.floats(0.5, 0.999)), "eps": epsilons, "amsgrad": flags}
OPTIONS = {
    "SGD": st.fixed_dictionaries(shared | {"momentum": momenta, "dampening": st.just(0.0) | st.floats(0, 0.9)}),
    "nesterov": st.fixed_dictionaries(shared | {"momentum": st.floats(0.1, 0.9), "nesterov": st.just(True)}),
    "Adam": st.fixed_dictionaries(adam),
    "AdamW": st.fixed_dictionaries(adam),
    "Adagrad": st.fixed_dictionaries(
        shared
        | {"lr_decay": st.just(0.0) | st.floats(0, 0.1), "initial_accumulator_value": st.just(0.0) | st.floats(0, 1)}
        | {"eps": epsilons}
    ),
    "RMSprop": st.fixed_dictionaries(
        shared | {"alpha": st.floats(0.5, 0.99), "momentum": momenta, "centered": flags} | {"eps": epsilons}
    ),
}
each_kind = pytest.mark.parametrize("name", OPTIONS)


class Pair:
    """The same parameters moved by an optimizer of ours and by PyTorch's, in two groups, the last one frozen."""

    def __init__(self, name, options, seed=0, dtype=np.float64):
        rng = np.random.default_rng(seed)
        start = [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]
        kind = "SGD" if name == "nesterov" else name
        self.ours = [Parameter(a.copy()) for a in start]
        self.theirs = [torch.nn.Parameter(torch.tensor(a)) for a in start]
        self.slopes = rng.uniform(0.5, 2.0, len(SHAPES))
        self.noise = np.random.default_rng(seed + 1)
        self.ours[-1].requires_grad = False
        self.theirs[-1].requires_grad_(False)
        groups = [self.groups(self.ours, options), self.groups(self.theirs, options)]
        self.a = KINDS[kind](groups[0], **options)
        self.b = getattr(torch.optim, kind)(groups[1], **options)

    @staticmethod
    def groups(parameters, options):
        second = {"params": parameters[2:], "lr": options["lr"] / 2, "weight_decay": 0.05}
        return [{"params": parameters[:2]}, second]

    def step(self, step, more=None):
        """The gradient of a bowl, or of a hill where one climbs, plus noise; PyTorch's plus `more`."""
        up = self.b.param_groups[0]["maximize"]
        slopes = -self.slopes if up else self.slopes
        for i, (p, q) in enumerate(zip(self.ours[:-1], self.theirs)):
            if (step + i) % 7 == 0 or (i == 1 and step < 5):  # now and then one has no gradient
                p.grad = q.grad = None
                continue
            noise = self.noise.normal(size=p.shape)
            p.grad = Tensor(np.asarray(slopes[i] * np.tanh(p.data) + noise, p.dtype))
            theirs = slopes[i] * np.tanh(q.detach().numpy()) + noise
            theirs = theirs if more is None else theirs + more(q, up)
            q.grad = torch.tensor(np.asarray(theirs, p.dtype))
        self.a.step()
        self.b.step()

    def run(self, first=0, last=STEPS):
        for step in range(first, last):
            self.step(step)

    def compare(self, tolerance=1e-12):
        for p, q in zip(self.ours, self.theirs):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=tolerance, atol=tolerance)


@each_kind
@settings(max_examples=25, derandomize=True, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_trajectories_of_200_steps(name, data, seed):
    pair = Pair(name, data.draw(OPTIONS[name]), seed)
    pair.run()
    pair.compare()


@each_kind
@settings(max_examples=15, derandomize=True, deadline=None)
@given(data=st.data())
def test_trajectories_of_200_steps_with_settings_that_change(name, data):
    """Rates, decays and, for SGD, a momentum that comes and goes; the latter begins with the gradient of that step."""
    pair = Pair(name, data.draw(OPTIONS[name]))
    for first in range(0, STEPS, 40):
        changes = {"lr": data.draw(rates), "weight_decay": data.draw(decays)}
        if name == "SGD":
            changes |= {"momentum": data.draw(momenta), "dampening": data.draw(st.floats(0, 0.9))}
        for optimizer in (pair.a, pair.b):
            optimizer.param_groups[first // 40 % 2].update(changes)
        pair.run(first, first + 40)
    pair.compare()


@each_kind
@settings(max_examples=15, derandomize=True, deadline=None)
@given(data=st.data(), l1=st.floats(0.01, 0.5))
def test_l1_is_the_penalty_in_the_gradient_that_pytorch_gets(name, data, l1):
    pair = Pair(name, data.draw(OPTIONS[name]))
    for group in pair.a.param_groups:
        group["l1"] = l1
    for step in range(STEPS):
        pair.step(step, lambda q, up: l1 * (-1 if up else 1) * np.sign(q.detach().numpy()))
    pair.compare()


@each_kind
@settings(max_examples=4, derandomize=True, deadline=None)
@given(data=st.data())
def test_trajectories_in_float32(name, data):
    options = data.draw(OPTIONS[name])
    if "eps" in options:  # a small one divides rounding by rounding
        options["eps"] = 0.1
    pair = Pair(name, options, dtype=np.float32)
    pair.run(last=50)
    assert all(p.dtype == np.float32 for p in pair.ours)
    pair.compare(2e-4)


@each_kind
@settings(max_examples=4, derandomize=True, deadline=None)
@given(data=st.data())
def test_states_go_both_ways(name, data):
    """Exchanged after 40 steps; then each goes on from what the other had, in float64 bit for bit as far as stored."""
    options = data.draw(OPTIONS[name])
    pair, other = Pair(name, options), Pair(name, options, seed=5)
    pair.run(last=40)
    other.a.from_torch_state(pair.b.state_dict())
    other.b.load_state_dict(pair.a.to_torch_state())
    for p, q, ours, theirs in zip(pair.theirs, pair.ours, other.ours, other.theirs):
        ours.data[...] = p.detach().numpy()
        theirs.data.copy_(torch.tensor(q.data))
    other.noise, other.slopes = pair.noise, pair.slopes
    other.run(40, 100)
    other.compare()
    other.a.from_torch_state(other.b.state_dict())
    other.run(100, 120)
    other.compare()


@each_kind
@settings(max_examples=3, derandomize=True, deadline=None)
@given(data=st.data())
def test_state_has_pytorchs_names_and_numbers(name, data):
    pair = Pair(name, data.draw(OPTIONS[name]))
    pair.run(last=10)
    ours, theirs = pair.a.to_torch_state(), pair.b.state_dict()
    for group, other in zip(ours["param_groups"], theirs["param_groups"], strict=True):
        assert group["params"] == other["params"]
        assert {k: tuple(v) if k == "betas" else v for k, v in group.items()}.items() <= other.items()
    for number, entry in theirs["state"].items():
        mine = ours["state"].get(number, {})
        for key, value in entry.items():
            if value is not None:
                np.testing.assert_allclose(mine[key].numpy(), value.numpy(), rtol=1e-12, atol=1e-14)


def test_a_state_of_pytorch_from_before_the_first_step():
    for name, options in (("SGD", {"momentum": 0.9}), ("Adagrad", {"initial_accumulator_value": 0.3}), ("Adam", {})):
        pair = Pair(name, {"lr": 0.05} | options)
        pair.a.from_torch_state(pair.b.state_dict())
        pair.b.load_state_dict(pair.a.to_torch_state())
        pair.run(last=30)
        pair.compare()


def test_a_rate_that_is_a_tensor_becomes_a_number():
    pair = Pair("Adam", {"lr": 0.05})
    state = pair.b.state_dict()
    state["param_groups"][0]["lr"] = torch.tensor(0.25, dtype=torch.float64)
    pair.a.from_torch_state(state)
    assert pair.a.param_groups[0]["lr"] == 0.25 and isinstance(pair.a.param_groups[0]["lr"], float)


@pytest.mark.parametrize("name", ["Adam", "RMSprop"])
def test_a_group_that_is_added_later(name):
    pair = Pair(name, {"lr": 0.02})
    pair.run(last=20)
    for optimizer, parameter in ((pair.a, Parameter(np.ones(3))), (pair.b, torch.nn.Parameter(torch.ones(3).double()))):
        optimizer.add_param_group({"params": [parameter], "lr": 0.1})
        (pair.ours if optimizer is pair.a else pair.theirs).insert(0, parameter)
    pair.slopes = np.concatenate([[1.0], pair.slopes])
    pair.run(20, 80)
    pair.compare()
    for optimizer in (pair.a, pair.b):
        with pytest.raises(ValueError):
            optimizer.add_param_group({"params": optimizer.param_groups[0]["params"][:1]})


def both_rates(ours, theirs, steps=STEPS):
    """Trajectories of two groups' rates, as they are before every step."""
    found = [], []
    for _ in range(steps):
        for scheduler, rates in zip((ours, theirs), found):
            rates.append(list(scheduler.get_last_lr()))
            scheduler.optimizer.step() if hasattr(scheduler, "optimizer") else None
            scheduler.step()
    return found


def both_optimizers(lr):
    ours, theirs = Parameter(np.ones(1)), torch.nn.Parameter(torch.ones(1))
    more, others = Parameter(np.ones(1)), torch.nn.Parameter(torch.ones(1))
    groups = [{"params": [ours]}, {"params": [more], "lr": 0.3}]
    twins = [{"params": [theirs]}, {"params": [others], "lr": 0.3}]
    return SGD(groups, lr=lr), torch.optim.SGD(twins, lr=lr)


factors = st.floats(0.01, 1.0)
SCHEDULES = {
    ConstantLR: st.fixed_dictionaries({"factor": factors, "total_iters": st.integers(1, 250)}),
    LinearLR: st.fixed_dictionaries(
        {"start_factor": factors, "end_factor": factors, "total_iters": st.integers(1, 250)}
    ),
    StepLR: st.fixed_dictionaries({"step_size": st.integers(1, 250), "gamma": factors}),
    ExponentialLR: st.fixed_dictionaries({"gamma": st.floats(0.8, 1.05)}),
    CosineAnnealingLR: st.fixed_dictionaries({"T_max": st.integers(1, 250), "eta_min": st.floats(0, 0.1)}),
}


@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize("kind", SCHEDULES, ids=lambda kind: kind.__name__)
@settings(max_examples=25, derandomize=True, deadline=None)
@given(data=st.data(), lr=st.floats(0.01, 2.0))
def test_schedules_of_200_steps(kind, data, lr):
    options = data.draw(SCHEDULES[kind])
    a, b = both_optimizers(lr)
    ours, theirs = both_rates(kind(a, **options), getattr(torch.optim.lr_scheduler, kind.__name__)(b, **options))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@settings(max_examples=20, derandomize=True, deadline=None)
@given(lr=st.floats(0.01, 2.0), warmup=st.integers(1, 60), length=st.integers(1, 200), eta_min=st.floats(0, 0.1))
def test_cosine_with_warm_up_is_two_of_pytorchs_in_a_row(lr, warmup, length, eta_min):
    a, b = both_optimizers(lr)
    at = torch.optim.lr_scheduler
    parts = [
        at.LinearLR(b, start_factor=1 / (warmup + 1), total_iters=warmup),
        at.CosineAnnealingLR(b, T_max=length, eta_min=eta_min),
    ]
    twin = at.SequentialLR(b, parts, milestones=[warmup])
    ours, theirs = both_rates(CosineWarmup(a, warmup, warmup + length, eta_min), twin, warmup + length + 1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_noam_is_its_formula_in_pytorch():
    a, b = both_optimizers(1.0)
    twin = torch.optim.lr_scheduler.LambdaLR(b, lambda t: 64**-0.5 * min((t + 1) ** -0.5, (t + 1) * 50**-1.5))
    ours, theirs = both_rates(NoamLR(a, 64, 50), twin)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize("kind", SCHEDULES, ids=lambda kind: kind.__name__)
def test_states_of_schedulers_go_both_ways(kind):
    options = {"ExponentialLR": {"gamma": 0.9}, "StepLR": {"step_size": 7}, "CosineAnnealingLR": {"T_max": 90}}
    settings = options.get(kind.__name__, {"total_iters": 30})
    a, b = both_optimizers(0.4)
    twin_kind = getattr(torch.optim.lr_scheduler, kind.__name__)
    ours, theirs = kind(a, **settings), twin_kind(b, **settings)
    both_rates(ours, theirs, 11)
    c, d = both_optimizers(0.4)
    new, twin = kind(c, **settings), twin_kind(d, **settings)
    new.load_state_dict(theirs.state_dict())
    twin.load_state_dict(ours.state_dict())
    d.load_state_dict(a.to_torch_state())
    new.step()
    twin.step()
    found = both_rates(new, twin, 50)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
    assert isinstance(new, LRScheduler) and new.last_epoch == 62


steps = st.fixed_dictionaries({"step_size": st.integers(1, 250), "gamma": st.floats(0.05, 1.0)})


def pair_of(kind, options, a, b):
    return kind(a, **options), getattr(torch.optim.lr_scheduler, kind.__name__)(b, **options)


@pytest.mark.filterwarnings("ignore:Detected call")
@settings(max_examples=25, derandomize=True, deadline=None)
@given(
    data=st.data(), lr=st.floats(0.01, 2.0), kinds=st.lists(st.sampled_from(list(SCHEDULES)), min_size=2, max_size=3)
)
def test_schedulers_that_are_stepped_together_for_200_steps(data, lr, kinds):
    """With factors whose 200th power is above 10⁻³⁰⁸: the share of a schedule is a float."""
    a, b = both_optimizers(lr)
    pairs = [pair_of(kind, data.draw(SCHEDULES[kind] if kind is not StepLR else steps), a, b) for kind in kinds]
    for _ in range(STEPS):
        np.testing.assert_allclose(
            [g["lr"] for g in a.param_groups], [g["lr"] for g in b.param_groups], rtol=1e-12, atol=1e-12
        )
        for ours, theirs in pairs:
            ours.step()
            theirs.step()


@pytest.mark.filterwarnings("ignore:Detected call")
@settings(max_examples=25, derandomize=True, deadline=None)
@given(data=st.data(), lr=st.floats(0.01, 2.0), by=st.floats(0.1, 3.0))
def test_a_scheduler_after_another_and_a_rate_written_by_hand(data, lr, by):
    a, b = both_optimizers(lr)
    for kind in data.draw(st.lists(st.sampled_from(list(SCHEDULES)), min_size=2, max_size=3)):
        ours, theirs = pair_of(kind, data.draw(SCHEDULES[kind]), a, b)
        for step in range(70):
            if step == 30:
                for group in (*a.param_groups, *b.param_groups):
                    group["lr"] *= by
            np.testing.assert_allclose(ours.get_last_lr(), [g["lr"] for g in b.param_groups], rtol=1e-12, atol=1e-12)
            ours.step()
            theirs.step()


@pytest.mark.filterwarnings("ignore:Detected call")
@pytest.mark.parametrize("kind", SCHEDULES, ids=lambda kind: kind.__name__)
@settings(max_examples=10, derandomize=True, deadline=None)
@given(data=st.data(), lr=st.floats(0.01, 2.0), steps=st.integers(1, 60))
def test_going_on_with_last_epoch_after_loading_the_optimizer(kind, data, lr, steps):
    """PyTorch's is not interrupted: its StepLR and ConstantLR would change a rate twice that changes in that step."""
    a, b = both_optimizers(lr)
    ours, theirs = pair_of(kind, options := data.draw(SCHEDULES[kind]), a, b)
    both_rates(ours, theirs, steps)
    (c, _), (d, _) = both_optimizers(1.0), both_optimizers(1.0)
    c.load_state_dict(a.state_dict())
    d.from_torch_state(b.state_dict())
    resumed = [kind(optimizer, **options, last_epoch=steps - 1) for optimizer in (c, d)]
    for _ in range(60):
        for scheduler in resumed:
            np.testing.assert_allclose(scheduler.get_last_lr(), theirs.get_last_lr(), rtol=1e-12, atol=1e-12)
            scheduler.step()
        theirs.step()


def test_decoupled_and_coupled_decay_are_told_apart():
    p, q = Parameter(np.ones(2)), torch.nn.Parameter(torch.ones(2))
    coupled, decoupled = torch.optim.Adam([q]), torch.optim.AdamW([q])
    also_decoupled = torch.optim.Adam([q], decoupled_weight_decay=True)
    for theirs in (decoupled, also_decoupled):
        with pytest.raises(ValueError, match="weight decay that is decoupled, and that of Adam is not: .* AdamW"):
            Adam([p]).from_torch_state(theirs.state_dict())
        AdamW([p]).from_torch_state(theirs.state_dict())
    with pytest.raises(ValueError, match="weight decay that is coupled, and that of AdamW is not: .* Adam"):
        AdamW([p]).from_torch_state(coupled.state_dict())
    Adam([p]).from_torch_state(coupled.state_dict())


def test_a_state_of_pytorch_goes_by_its_own_way():
    pair = Pair("Adam", {"lr": 0.05})
    pair.run(last=3)
    with pytest.raises(ValueError, match="this is how PyTorch's optimizers keep their state: .* from_torch_state"):
        pair.a.load_state_dict(pair.b.state_dict())
    pair.a.from_torch_state(pair.b.state_dict())


def test_names_and_first_rates_of_groups_go_both_ways():
    start = np.arange(4.0)
    ours = [Parameter(start[:2].copy()), Parameter(start[2:].copy())]
    theirs = [torch.nn.Parameter(torch.tensor(p.data)) for p in ours]
    groups = [
        [{"params": [("w", ps[0])], "name": "low"}, {"params": [("b", ps[1])], "name": "top", "initial_lr": 0.5}]
        for ps in (ours, theirs)
    ]
    a, b = Adam(groups[0], max_norm=3.0), torch.optim.Adam(groups[1])
    state = a.to_torch_state()
    assert [{k: g[k] for k in ("params", "name", "param_names")} for g in state["param_groups"]] == [
        {k: g[k] for k in ("params", "name", "param_names")} for g in b.state_dict()["param_groups"]
    ]
    assert set(state) == {"state", "param_groups"}
    b.load_state_dict(state)
    fresh = Adam([{"params": [ours[0]]}, {"params": [ours[1]]}], max_norm=7.0)
    fresh.from_torch_state(b.state_dict())
    assert [(g["name"], g.get("initial_lr")) for g in fresh.param_groups] == [("low", None), ("top", 0.5)]
    assert fresh.max_norm == 7.0


def test_closures_and_zeroed_gradients():
    start = np.array([3.0, -2.0])
    p, q = Parameter(start.copy()), torch.nn.Parameter(torch.tensor(start))
    a, b = SGD([p], 0.1, 0.9), torch.optim.SGD([q], 0.1, 0.9)

    def closure_of(optimizer, parameter):
        def closure():
            optimizer.zero_grad(set_to_none=False)
            loss = (parameter**4).sum() / 9
            loss.backward()
            return loss

        return closure

    first, second = closure_of(a, p), closure_of(b, q)
    for _ in range(20):
        np.testing.assert_allclose(a.step(first).item(), b.step(second).item(), rtol=1e-12)
    np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-12)
    for optimizer in (a, b):
        optimizer.zero_grad(set_to_none=False)
    assert p.grad.data.tolist() == q.grad.tolist() == [0, 0]
    for optimizer in (a, b):
        optimizer.zero_grad()
    assert p.grad is None and q.grad is None
