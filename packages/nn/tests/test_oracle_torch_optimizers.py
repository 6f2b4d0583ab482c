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

rates, decays, flags = st.floats(0.001, 0.05), st.sampled_from([0.0, 0.01, 0.3]), st.booleans()
epsilons = st.sampled_from([1e-8, 1e-3, 0.1])
shared = {"lr": rates, "weight_decay": decays, "maximize": flags}
adam = shared | {"betas": st.tuples(st.floats(0, 0.95), st.floats(0.5, 0.999)), "eps": epsilons, "amsgrad": flags}
OPTIONS = {
    "SGD": st.fixed_dictionaries(
        shared | {"momentum": st.sampled_from([0.0, 0.5, 0.9]), "dampening": st.sampled_from([0.0, 0.3])}
    ),
    "nesterov": st.fixed_dictionaries(shared | {"momentum": st.floats(0.1, 0.9), "nesterov": st.just(True)}),
    "Adam": st.fixed_dictionaries(adam),
    "AdamW": st.fixed_dictionaries(adam),
    "Adagrad": st.fixed_dictionaries(
        shared
        | {"lr_decay": st.sampled_from([0.0, 0.05]), "initial_accumulator_value": st.sampled_from([0.0, 0.5])}
        | {"eps": epsilons}
    ),
    "RMSprop": st.fixed_dictionaries(
        shared
        | {"alpha": st.floats(0.5, 0.99), "momentum": st.sampled_from([0.0, 0.5, 0.9]), "centered": flags}
        | {"eps": epsilons}
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

    def step(self, step):
        """The gradient of a bowl, plus noise: bounded, so that climbing is no problem either."""
        for i, (p, q) in enumerate(zip(self.ours[:-1], self.theirs)):
            if (step + i) % 7 == 0 or (i == 1 and step < 5):  # now and then one has no gradient
                p.grad = q.grad = None
                continue
            noise = self.noise.normal(size=p.shape)
            p.grad = Tensor(np.asarray(self.slopes[i] * np.tanh(p.data) + noise, p.dtype))
            q.grad = torch.tensor(np.asarray(self.slopes[i] * np.tanh(q.detach().numpy()) + noise, p.dtype))
        self.a.step()
        self.b.step()

    def run(self, first=0, last=STEPS):
        for step in range(first, last):
            self.step(step)

    def compare(self, tolerance=1e-12):
        for p, q in zip(self.ours, self.theirs):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=tolerance, atol=tolerance)


@each_kind
@settings(max_examples=10, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99))
def test_trajectories_of_200_steps(name, data, seed):
    pair = Pair(name, data.draw(OPTIONS[name]), seed)
    pair.run()
    pair.compare()


@each_kind
@settings(max_examples=4, deadline=None)
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
@settings(max_examples=4, deadline=None)
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
@settings(max_examples=3, deadline=None)
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
@settings(max_examples=10, deadline=None)
@given(data=st.data(), lr=st.floats(0.01, 2.0))
def test_schedules_of_200_steps(kind, data, lr):
    options = data.draw(SCHEDULES[kind])
    a, b = both_optimizers(lr)
    ours, theirs = both_rates(kind(a, **options), getattr(torch.optim.lr_scheduler, kind.__name__)(b, **options))
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@settings(max_examples=10, deadline=None)
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
