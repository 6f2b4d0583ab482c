"""Each check of networks lets sound ones pass and catches the one that is broken where it looks."""

from __future__ import annotations

import numpy as np
import pytest
from sound_models import checks_of, result, subject
from sound_models_of_tasks import TwoLayers

import pellucid
from pellucid import Tensor, stop_gradient
from pellucid.tensor import data_of
from pellucid.testing.autograd_checks import adam, reachable
from pellucid.testing.tasks import TASKS, Data

CHECKS = checks_of("autograd_checks")


def one_of(cls, **fields):
    """A class as the kit sees it."""
    return subject(cls, tasks=("network",), **fields)


# Sound networks of other kinds


class Chances(TwoLayers):
    """Its rows are probabilities."""

    def forward(self, x):
        e = np.exp(super().forward(x))
        return e / np.sum(e, axis=1, keepdims=True)

    __call__ = forward


class LogChances(Chances):
    def forward(self, x):
        return np.log(super().forward(x))

    __call__ = forward


class Rectified(TwoLayers):
    """With kinks, and with outputs above zero."""

    def forward(self, x):
        W, b, V, c = self._parameters.values()
        return np.log1p(np.exp(np.maximum(x @ W + b, 0) @ V + c))

    __call__ = forward


class Dropping(TwoLayers):
    """With chance while it learns."""

    def __init__(self, n_hidden=16, rng=None):
        super().__init__(n_hidden, rng)
        self._rng = np.random.default_rng(0)

    def forward(self, x):
        y = super().forward(x)
        return y * (self._rng.random(y.shape) < 0.5) * 2 if self.training else y

    __call__ = forward


class Normal(TwoLayers):
    """With inputs that are normalized by the batch while it learns, and by what it has seen afterwards."""

    def __init__(self, n_hidden=16, rng=None):
        super().__init__(n_hidden, rng)
        self.seen = np.zeros(4)

    def forward(self, x):
        mean = np.mean(x, axis=0) if self.training else self.seen.astype(x.dtype)
        if self.training:
            self.seen = 0.9 * self.seen + 0.1 * data_of(mean)
        return super().forward(x - mean)

    __call__ = forward

    def state_dict(self):
        return {**super().state_dict(), "seen": self.seen.copy()}

    def load_state_dict(self, state):
        super().load_state_dict({name: values for name, values in state.items() if name != "seen"})
        if "seen" not in state:
            raise KeyError("seen")
        self.seen = np.array(state["seen"])


class OfWords(TwoLayers):
    """From whole numbers, and with two outputs."""

    def __init__(self, n_hidden=16, rng=None):
        super().__init__(n_hidden, rng)
        self._parameters["E"] = Tensor(np.random.default_rng(1).normal(size=(10, 4)), requires_grad=True)

    def forward(self, words):
        W, b, V, c, E = self._parameters.values()
        h = np.tanh(E[words] @ W + b)
        return h @ V + c, h[:, :2]

    __call__ = forward

    def example_input(self, rng):
        return np.arange(8)


class OfTwo(TwoLayers):
    """From two inputs."""

    def forward(self, x, z):
        return super().forward(x * z)

    __call__ = forward

    def example_input(self, rng):
        return rng.normal(size=(8, 4)), rng.normal(size=(8, 4))


class OfParts(TwoLayers):
    """With a module inside."""

    def __init__(self, n_hidden=16, rng=None):
        super().__init__(n_hidden, rng)
        self.part = TwoLayers(4, 1)

    def modules(self):
        return [self, self.part]

    def train(self, mode=True):
        self.part.train(mode)
        return super().train(mode)


class Single(TwoLayers):
    """In single precision from the start."""

    def __init__(self, n_hidden=16, rng=None):
        super().__init__(n_hidden, rng)
        self.float()

    def double(self):
        for parameter in self.parameters():
            parameter.data = parameter.numpy().astype(np.float64)
        return self


class Frozen(TwoLayers):
    """With a parameter that does not learn."""

    def __init__(self, n_hidden=16, rng=None):
        super().__init__(n_hidden, rng)
        self._parameters["b"].requires_grad_(False)


SOUND = [TwoLayers, Chances, LogChances, Rectified, Dropping, Normal, OfWords, OfTwo, OfParts, Single, Frozen]


# Networks that are broken, each in one way


class OwnsNothing(TwoLayers):
    def parameters(self):
        return iter(())


class AddsUpTheBatch(TwoLayers):
    def forward(self, x):
        return np.sum(super().forward(x), axis=0)

    __call__ = forward


class DropsAPath(TwoLayers):
    def forward(self, x):
        return super().forward(x) + x[:, :3] * stop_gradient(self._parameters["c"])

    __call__ = forward


class DropsAPathOfTheInput(TwoLayers):
    def forward(self, x):
        return super().forward(x) + stop_gradient(x)[:, :3]

    __call__ = forward


class OwnsTooMuch(TwoLayers):
    def __init__(self, n_hidden=16, rng=None):
        super().__init__(n_hidden, rng)
        self._parameters["spare"] = Tensor(np.zeros(2), requires_grad=True)

    def forward(self, x):
        W, b, V, c, _ = self._parameters.values()
        return np.tanh(x @ W + b) @ V + c

    __call__ = forward


class SeesNothing(TwoLayers):
    def forward(self, x):
        return super().forward(0 * x)

    __call__ = forward


class CentresInPlace(TwoLayers):
    def forward(self, x):
        if isinstance(x, np.ndarray):
            x -= x.mean(axis=0)
        return super().forward(x)

    __call__ = forward


class AlwaysRecords(TwoLayers):
    def forward(self, x):
        with pellucid.enable_grad():
            return super().forward(x)

    __call__ = forward


class Doubles(TwoLayers):
    def forward(self, x):
        return super().forward(x) * np.ones(3)

    __call__ = forward


class ForgetsAPart(OfParts):
    def train(self, mode=True):
        self.training = mode
        return self


class AlwaysDrops(Dropping):
    def forward(self, x):
        self.training = True
        return super().forward(x)

    __call__ = forward


class AlwaysLooksAround(Normal):
    def forward(self, x):
        return TwoLayers.forward(self, x - np.mean(x, axis=0))

    __call__ = forward


class LoadsHalf(TwoLayers):
    def load_state_dict(self, state):
        super().load_state_dict({**state, "V": self.state_dict()["V"]})


class LendsItsArrays(TwoLayers):
    def state_dict(self):
        return {name: parameter.numpy() for name, parameter in self._parameters.items()}


class TakesAnyName(TwoLayers):
    def load_state_dict(self, state):
        own = self.state_dict()
        super().load_state_dict(own | {name: values for name, values in state.items() if name in own})


MUTANTS = {  # check -> (class, what must be said)
    "has-parameters": (OwnsNothing, "it has no parameters"),
    "keeps-the-batch": (AddsUpTheBatch, "the input has shape (8, 4), the output (3,)"),
    "gradients-of-parameters": (DropsAPath, "by c, while predicting, the gradient gives"),
    "gradients-of-inputs": (DropsAPathOfTheInput, "by input 0, while predicting, the gradient gives"),
    "every-parameter-gets-a-gradient": (OwnsTooMuch, "spare has none; does the output depend on it?"),
    "overfits-eight-examples": (SeesNothing, "a tenth of what constants have is"),
    "leaves-its-input-alone": (CentresInPlace, "input 0 has changed"),
    "no-grad-records-nothing": (AlwaysRecords, "1 of 1 outputs have requires_grad=True"),
    "single-precision-stays-single": (Doubles, "what came out is float64"),
    "modes-reach-all-modules": (ForgetsAPart, "after eval(), training is True in TwoLayers"),
    "eval-has-no-chance": (AlwaysDrops, "the second time, the output differs by up to"),
    "examples-do-not-see-each-other": (AlwaysLooksAround, "of a batch of one, the output differs by up to"),
    "state-can-be-moved": (LoadsHalf, "the output differs by up to"),
    "state-is-a-copy": (LendsItsArrays, "after a write into the network, W differs"),
    "states-that-do-not-fit-are-refused": (TakesAnyName, "a state without 'W' raised nothing"),
}


def test_every_check_has_a_mutant():
    assert set(MUTANTS) == set(CHECKS)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_check_catches_its_mutant_and_says_what_it_saw(name):
    mutant, said = MUTANTS[name]
    found = result(name, one_of(mutant))
    assert found.status == "failed"
    assert said in found.saw


@pytest.mark.parametrize("cls", SOUND)
def test_sound_networks_pass_every_check(cls):
    model = one_of(cls)
    results = [result(name, model) for name in CHECKS]
    assert [f"{found.id}: {found.saw}" for found in results if found.status not in ("passed", "skipped")] == []
    skipped = [name for name, found in zip(CHECKS, results) if found.status == "skipped"]
    assert skipped == (["gradients-of-inputs"] if cls is OfWords else [])


@pytest.mark.parametrize("rng", range(5))
def test_it_does_not_take_luck_to_pass(rng):
    for cls in (TwoLayers, Rectified, Normal):
        model = one_of(cls, smoke={"rng": rng})
        for name in ("overfits-eight-examples", "gradients-of-parameters", "gradients-of-inputs"):
            assert result(name, model).status == "passed"


# More ways to be broken, for checks that look at several things


class OwnsArrays(TwoLayers):
    def parameters(self):
        return iter([np.array(parameter.numpy()) for parameter in self._parameters.values()])


class ListsTwice(TwoLayers):
    def parameters(self):
        return iter([*self._parameters.values()] * 2)


class LearnsNothing(Frozen):
    def __init__(self, n_hidden=16, rng=None):
        super().__init__(n_hidden, rng)
        for parameter in self.parameters():
            parameter.requires_grad_(False)


class TakesSeven(TwoLayers):
    def example_input(self, rng):
        return rng.normal(size=(7, 4))


class WrongOnlyWhileLearning(Normal):
    def forward(self, x):
        return super().forward(stop_gradient(x)) if self.training else super().forward(x)

    __call__ = forward


class LeavesTheGraph(TwoLayers):
    def forward(self, x):
        return data_of(super().forward(x))

    __call__ = forward


class SaysOtherThingsUnrecorded(TwoLayers):
    def forward(self, x):
        y = super().forward(x)
        return y if y.requires_grad else y + 1

    __call__ = forward


class LeavesAParameterDouble(TwoLayers):
    def float(self):
        super().float()
        c = self._parameters["c"]
        c.data = c.numpy().astype(np.float64)
        return self

    def forward(self, x):
        W, b, V, c = self._parameters.values()
        return np.tanh(x @ W + b) @ V + c.astype(x.dtype)

    __call__ = forward


class TakesMore(TwoLayers):
    def load_state_dict(self, state):
        super().load_state_dict({name: values for name, values in state.items() if name in self._parameters})


class ForgetsWhatItSaw(Normal):
    def load_state_dict(self, state):
        seen = self.seen
        super().load_state_dict(state)
        self.seen = seen


class KeepsWhatItLoads(TwoLayers):
    def load_state_dict(self, state):
        super().load_state_dict(state)
        for name, values in state.items():
            self._parameters[name].data = values


class TakesAnyShape(TwoLayers):
    def load_state_dict(self, state):
        own = self.state_dict()
        super().load_state_dict(
            {name: np.resize(v, own[name].shape) if name in own else v for name, v in state.items()}
        )


class ReturnsNothing(TwoLayers):
    def eval(self):
        self.train(False)


@pytest.mark.parametrize(
    "name, cls, said",
    [
        ("has-parameters", OwnsArrays, "a parameter is ndarray, no Tensor"),
        ("has-parameters", ListsTwice, "of 8 parameters some are the same"),
        ("has-parameters", LearnsNothing, "none of its parameters has requires_grad=True"),
        ("keeps-the-batch", TakesSeven, "example_input has shapes (7, 4)"),
        ("gradients-of-inputs", WrongOnlyWhileLearning, "there is no gradient by input 0, while learning"),
        ("every-parameter-gets-a-gradient", LeavesTheGraph, "what came out is ndarray, no Tensor"),
        ("no-grad-records-nothing", SaysOtherThingsUnrecorded, "the output differs by up to 1"),
        ("single-precision-stays-single", LeavesAParameterDouble, "c or its gradient is float64"),
        ("states-that-do-not-fit-are-refused", TakesMore, "a state with 'no_such_thing' raised nothing"),
        ("state-can-be-moved", ForgetsWhatItSaw, "the output differs by up to"),
        ("state-is-a-copy", KeepsWhatItLoads, "after a write into a network that has loaded it, W differs"),
        ("states-that-do-not-fit-are-refused", TakesAnyShape, "a state with two of 'W' raised nothing"),
        ("modes-reach-all-modules", ReturnsNothing, "eval() returned NoneType"),
    ],
)
def test_the_check_also_catches(name, cls, said):
    found = result(name, one_of(cls))
    assert found.status == "failed"
    assert said in found.saw


def test_what_a_network_does_not_have_is_not_asked_of_it():
    class Doubled(TwoLayers):
        float = property()

    assert result("single-precision-stays-single", one_of(Doubled)).saw == "it has no float"
    assert "twice as many" in result("overfits-eight-examples", one_of(TwoLayers, smoke={"n_hidden": 2})).saw


# The parts of the kit


def test_adam_takes_the_steps_of_its_paper():
    x = Tensor(np.array([3.0, -2.0]), requires_grad=True)
    losses = adam([x], lambda: np.sum(x**2), n_steps=2, rate=0.1)
    assert next(losses) == 13.0  # the step comes after the loss is handed out
    assert next(losses) == pytest.approx(2.9**2 + 1.9**2)  # the first step has length `rate` in every coordinate
    g, g_before = np.array([5.8, -3.8]), np.array([6.0, -4.0])
    m, v = (0.09 * g_before + 0.1 * g) / (1 - 0.81), (0.0099 * g_before**2 + 0.01 * g**2) / (1 - 0.99**2)
    assert list(losses) == []
    assert x.numpy() == pytest.approx(np.array([2.9, -1.9]) - 0.1 * m / np.sqrt(v))


def test_targets_are_of_the_kind_that_a_network_puts_out():
    y = np.random.default_rng(0).normal(size=(8, 3))
    shares = np.exp(y) / np.exp(y).sum(axis=1, keepdims=True)
    assert reachable(y).min() < 0 < reachable(y).max() and np.abs(reachable(y)).max() < 0.5
    assert np.allclose(reachable(shares).sum(axis=1), 1) and reachable(shares).min() > 0
    assert np.allclose(np.exp(reachable(np.log(shares))).sum(axis=1), 1)
    assert 0 < reachable(np.abs(y)).min() and reachable(np.abs(y)).max() < 1
    assert -1 < reachable(-np.abs(y)).min() and reachable(-np.abs(y)).max() < 0
    assert np.array_equal(reachable(np.maximum(y, 0)) == 0, y <= 0)


def test_a_network_answers_as_while_predicting_and_stays_as_it_was():
    one = Dropping()
    first, second = (TASKS["network"].answers(one, Data(0)) for _ in range(2))
    assert one.training
    assert list(first) == ["output"] and first["output"].shape == (8, 3)
    assert np.array_equal(first["output"], second["output"])
    assert [y.shape for y in TASKS["network"].answers(OfWords(), Data(0)).values()] == [(8, 3), (8, 2)]
