"""What a network needs in order to be trained: right gradients, two modes, and a state that can be kept."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import Tensor, no_grad
from pellucid.tensor import data_of
from pellucid.testing import tasks
from pellucid.testing.checks import NotApplicable, check, expect, fail, raises
from pellucid.testing.subjects import Subject, differences

STEP = 1e-5  # of a finite difference


@check("task", "network")
def has_parameters(model: Subject) -> None:
    """parameters() goes through Tensors that ask for gradients, each once, and there is one at least."""
    found = list(model.make().parameters())
    expect(found, "it has no parameters")
    strange = next((p for p in found if not isinstance(p, Tensor)), None)
    expect(strange is None, f"a parameter is {type(strange).__name__}, no Tensor")
    expect(any(p.requires_grad for p in found), "none of its parameters has requires_grad=True")
    expect(len({id(p) for p in found}) == len(found), f"of {len(found)} parameters some are the same")


@check("task", "network")
def keeps_the_batch(model: Subject) -> None:
    """The first axis of the output is that of the input, a batch of eight."""
    one = model.make()
    inputs = tasks.example(one, model.data)
    expect(all(np.shape(x)[:1] == (8,) for x in inputs), f"example_input has shapes {shapes(inputs)}")
    found = np.shape(data_of(tasks.outputs_of(one, *inputs)[0]))
    expect(found[:1] == (8,), f"the input has shape {shapes(inputs)}, the output {found}")


# Gradients


@check("autograd", "network")
def gradients_of_parameters(model: Subject) -> None:
    """The gradient by every parameter agrees with the finite difference along a random direction."""
    for one, inputs, mode in deterministic_modes(model):
        for name, parameter in one.named_parameters():
            if parameter.requires_grad:
                compare_slopes(one, inputs, parameter, f"by {name}, while {mode}")


@check("autograd", "network")
def gradients_of_inputs(model: Subject) -> None:
    """The gradient by every floating-point input agrees with the finite difference along a random direction."""
    for one, inputs, mode in deterministic_modes(model):
        places = [i for i, x in enumerate(inputs) if x.dtype.kind == "f"]
        if not places:
            raise NotApplicable("it takes no floating-point input")
        for i in places:
            x = Tensor(inputs[i], requires_grad=True)
            compare_slopes(one, (*inputs[:i], x, *inputs[i + 1 :]), x, f"by input {i}, while {mode}")


@check("autograd", "network")
def every_parameter_gets_a_gradient(model: Subject) -> None:
    """backward leaves a gradient in every parameter that asks for one."""
    one, inputs = in_double(model)
    weighted_sum(tasks.outputs_of(one, *inputs)).backward()
    for name, parameter in one.named_parameters():
        if parameter.requires_grad:
            expect(parameter.grad is not None, f"{name} has none; does the output depend on it?")


@check("autograd", "network")
def overfits_eight_examples(model: Subject) -> None:
    """600 steps of Adam bring the squared error of eight random targets below a tenth of what constants would have."""
    one, inputs = in_double(model)
    one.train()
    if not is_deterministic(one, inputs):
        one.eval()
    targets = [reachable(y) for y in outputs(one, *inputs) if y.dtype.kind == "f"]
    n_learnt, n_targets = sum(p.size for p in one.parameters() if p.requires_grad), sum(t.size for t in targets)
    if n_learnt < 2 * n_targets:
        raise NotApplicable(
            f"it has {n_learnt} parameters to fit {n_targets} numbers; that is for twice as many or more"
        )

    def loss() -> Tensor:
        found = floats(tasks.outputs_of(one, *inputs))
        summed: Tensor = add([np.mean((y - t) ** 2) for y, t in zip(found, targets, strict=True)])
        return summed

    goal = 0.1 * float(sum(np.mean((t - t.mean(axis=0)) ** 2) for t in targets))
    errors = []
    for error in adam(list(one.parameters()), loss, n_steps=600):
        errors.append(error)
        if error <= goal:
            return
    fail(f"it went from {errors[0]:.4g} to {errors[-1]:.4g}; a tenth of what constants have is {goal:.4g}")


@check("autograd", "network")
def leaves_its_input_alone(model: Subject) -> None:
    """Neither forward nor backward writes into the input."""
    one, inputs = in_double(model)
    before = copy.deepcopy(inputs)
    weighted_sum(tasks.outputs_of(one, *inputs)).backward()
    written = [i for i, (x, old) in enumerate(zip(inputs, before, strict=True)) if not np.array_equal(x, old)]
    expect(not written, f"input {', '.join(map(str, written))} has changed")


@check("autograd", "network")
def no_grad_records_nothing(model: Subject) -> None:
    """Inside no_grad the output is the same, and asks for no gradient."""
    one, inputs = in_double(model)
    one.eval()
    expected = tasks.outputs_of(one, *inputs)
    with no_grad():
        found = tasks.outputs_of(one, *inputs)
    asking = [y for y in found if isinstance(y, Tensor) and y.requires_grad]
    expect(not asking, f"{len(asking)} of {len(found)} outputs have requires_grad=True")
    saw = differences(numbered(found), numbered(expected))
    expect(not saw, saw)


@check("autograd", "network")
def single_precision_stays_single(model: Subject) -> None:
    """After float(), float32 comes out where float32 goes in, and so do gradients."""
    one = model.make()
    if not hasattr(one, "float"):
        raise NotApplicable("it has no float")
    one.float()
    inputs = [x.astype(np.float32) if x.dtype.kind == "f" else x for x in tasks.example(one, model.data)]
    found = floats(tasks.outputs_of(one, *inputs))
    dtypes = {str(y.dtype) for y in found}
    expect(dtypes == {"float32"}, f"what came out is {', '.join(sorted(dtypes))}")
    weighted_sum(found).backward()
    for name, parameter in one.named_parameters():
        kinds = {str(parameter.dtype)} | ({str(parameter.grad.dtype)} if parameter.grad is not None else set())
        expect(kinds == {"float32"}, f"{name} or its gradient is {', '.join(sorted(kinds - {'float32'}))}")


# Two modes


@check("autograd", "network")
def modes_reach_all_modules(model: Subject) -> None:
    """eval() and train() set training, here and in all modules inside, and return the network."""
    one = model.make()
    for name, mode in (("eval", False), ("train", True)):
        found = getattr(one, name)()
        expect(found is one, f"{name}() returned {type(found).__name__}")
        parts = list(one.modules()) if hasattr(one, "modules") else [one]
        left = [type(part).__name__ for part in parts if part.training is not mode]
        expect(not left, f"after {name}(), training is {not mode} in {', '.join(left)}")


@check("autograd", "network")
def eval_has_no_chance(model: Subject) -> None:
    """After eval() the same input gives the same output."""
    one, inputs = in_double(model)
    one.eval()
    first, second = outputs(one, *inputs), outputs(one, *inputs)
    saw = differences(numbered(second), numbered(first))
    expect(not saw, f"the second time, {saw}")


@check("autograd", "network")
def examples_do_not_see_each_other(model: Subject) -> None:
    """After eval() a batch of one gives the first row of what the whole batch gives."""
    one, inputs = in_double(model)
    one.eval()
    whole = [y[:1] for y in outputs(one, *inputs) if y.shape[:1] == (8,)]
    alone = outputs(one, *(x[:1] for x in inputs))[: len(whole)]
    saw = differences(numbered(alone), numbered(whole), rtol=1e-6, atol=1e-9)
    expect(not saw, f"of a batch of one, {saw}")


# Its state


@check("autograd", "network")
def state_can_be_moved(model: Subject) -> None:
    """load_state_dict of another network's state_dict, by way of a file, makes its output the same."""
    one, inputs = trained(model)
    file = io.BytesIO()
    np.savez(file, **one.state_dict())
    file.seek(0)
    two = model.make(**({model.seed: 1} if model.seed else {}))
    with np.load(file) as arrays:  # without pickle
        two.load_state_dict(dict(arrays))
    one.eval()
    two.eval()
    saw = differences(numbered(outputs(two, *inputs)), numbered(outputs(one, *inputs)))
    expect(not saw, saw)


@check("autograd", "network")
def state_is_a_copy(model: Subject) -> None:
    """A state that was kept does not change when the network does, nor when one that has loaded it does."""
    one, two = model.make(), model.make()
    kept = one.state_dict()
    before = copy.deepcopy(kept)
    two.load_state_dict(kept)
    for name, network in (("the network", one), ("a network that has loaded it", two)):
        for parameter in network.parameters():
            parameter.data[...] += 1.0
        saw = differences(kept, before)
        expect(not saw, f"after a write into {name}, {saw}")


@check("autograd", "network")
def states_that_do_not_fit_are_refused(model: Subject) -> None:
    """load_state_dict refuses a state with a missing name, a name too many or another shape, and says which name."""
    one = model.make()
    state = one.state_dict()
    name = next(iter(state))
    kinds = ValueError, KeyError, RuntimeError
    less = {key: value for key, value in state.items() if key != name}
    raises(f"a state without {name!r}", lambda: one.load_state_dict(less), *kinds, saying=name)
    more = {**state, "no_such_thing": np.zeros(1)}
    raises("a state with 'no_such_thing'", lambda: one.load_state_dict(more), *kinds, saying="no_such_thing")
    other = {**state, name: np.zeros((2, *np.shape(state[name])))}
    raises(f"a state with two of {name!r}", lambda: one.load_state_dict(other), *kinds, saying=name)


# Networks, inputs and outputs


def in_double(model: Subject) -> tuple[Any, tuple[NDArray[Any], ...]]:
    """A new network in double precision, and its example input."""
    one = model.make()
    if any(parameter.dtype != np.float64 for parameter in one.parameters()):
        if not hasattr(one, "double"):
            raise NotApplicable("its parameters are not float64, and it has no double")
        one.double()
    inputs = tasks.example(one, model.data)
    return one, tuple([x.astype(np.float64) if x.dtype.kind == "f" else np.array(x) for x in inputs])


def trained(model: Subject) -> tuple[Any, tuple[NDArray[Any], ...]]:
    """A network whose parameters are not what they were at first, and whose forward has run; its example input."""
    one, rng = model.make(), np.random.default_rng(0)
    for parameter in one.parameters():
        parameter.data = parameter.numpy() + rng.normal(size=parameter.shape).astype(parameter.dtype) / 10
    inputs = tasks.example(one, model.data)
    one.train()
    outputs(one, *inputs)
    return one, inputs


def deterministic_modes(model: Subject) -> Iterator[tuple[Any, tuple[NDArray[Any], ...], str]]:
    """A network and its example while predicting; and while learning, if that is different and without chance."""
    one, inputs = in_double(model)
    one.eval()
    yield one, inputs, "predicting"
    predicting = outputs(one, *inputs)
    one.train()
    if is_deterministic(one, inputs) and differences(numbered(outputs(one, *inputs)), numbered(predicting)):
        yield one, inputs, "learning"


def is_deterministic(one: Any, inputs: tuple[NDArray[Any], ...]) -> bool:
    """Whether two passes give the same."""
    return not differences(numbered(outputs(one, *inputs)), numbered(outputs(one, *inputs)))


def outputs(one: Any, *inputs: Any) -> list[NDArray[Any]]:
    """What a network puts out, as plain arrays."""
    with no_grad():
        return [np.array(data_of(y)) for y in tasks.outputs_of(one, *inputs)]


def numbered(arrays: list[Any]) -> dict[str, Any]:
    """Outputs by name, to be compared."""
    return {f"output {i}" if len(arrays) > 1 else "the output": data_of(y) for i, y in enumerate(arrays)}


def floats(outputs: list[Any]) -> list[Tensor]:
    """Those of the outputs that can have a gradient."""
    found = [y for y in outputs if isinstance(y, Tensor) and y.dtype.kind == "f"]
    expect(found, f"what came out is {', '.join(type(y).__name__ for y in outputs)}, no Tensor")
    return found


def shapes(arrays: tuple[Any, ...]) -> str:
    """Their shapes in words."""
    return ", ".join(str(np.shape(x)) for x in arrays)


def add(values: list[Any]) -> Any:
    """Their sum."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


# Slopes


def weighted_sum(outputs: list[Any]) -> Tensor:
    """One number of all outputs, in which each counts with a weight of its own."""
    rng = np.random.default_rng(0)
    summed: Tensor = add([np.sum(y * np.asarray(rng.normal(size=y.shape), y.dtype)) for y in floats(outputs)])
    return summed


def compare_slopes(one: Any, inputs: tuple[Any, ...], x: Tensor, where: str) -> None:
    """Fail unless the gradient by x is the slope of the output; a kink may spoil the finite difference once."""
    for parameter in one.parameters():
        parameter.grad = None
    y = weighted_sum(tasks.outputs_of(one, *inputs))
    y.backward()
    expect(x.grad is not None, f"there is no gradient {where}")
    dx, rng = np.asarray(data_of(x.grad)), np.random.default_rng(0)
    size = float(np.linalg.norm(dx))
    for step in (STEP, STEP / 10):
        v = rng.normal(size=x.shape)
        v /= np.linalg.norm(v)
        found, expected = float(np.sum(dx * v)), slope(one, inputs, x, step * v) / step
        if abs(found - expected) <= 1e-5 * size + 1e-6 * (1 + abs(float(y.numpy()))):
            return
    fail(f"{where}, the gradient gives {found:.6g} along a direction, and the finite difference {expected:.6g}")


def slope(one: Any, inputs: tuple[Any, ...], x: Tensor, dx: NDArray[Any]) -> float:
    """Half the difference that it makes to go from x − dx to x + dx."""
    at, values = x.numpy().copy(), []
    for moved in (at + dx, at - dx):
        x.data = moved
        values.append(float(weighted_sum(tasks.outputs_of(one, *inputs)).numpy()))
    x.data = at
    return (values[0] - values[1]) / 2


# Training


def adam(parameters: list[Tensor], loss: Callable[[], Tensor], n_steps: int, rate: float = 0.01) -> Iterator[float]:
    """The loss before each step of Adam (Kingma & Ba, 2015)."""
    learnt = [p for p in parameters if p.requires_grad]
    m, v = ([np.zeros(p.shape) for p in learnt] for _ in range(2))
    for t in range(1, n_steps + 1):
        for p in learnt:
            p.grad = None
        value = loss()
        value.backward()
        for i, p in enumerate(learnt):
            g = np.zeros(p.shape) if p.grad is None else np.asarray(data_of(p.grad))
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.99 * v[i] + 0.01 * g**2
            p.data = p.numpy() - rate * (m[i] / (1 - 0.9**t)) / (np.sqrt(v[i] / (1 - 0.99**t)) + 1e-8)
        yield float(value.numpy())


def reachable(y: NDArray[Any]) -> NDArray[Any]:
    """Random targets of the kind that a network puts out: probabilities, their logarithms, of one sign, or any."""
    u = np.random.default_rng(0).uniform(0.05, 0.95, y.shape)
    shares = u / u.sum(axis=-1, keepdims=True)
    if np.all(y >= 0):
        return shares if np.allclose(y.sum(axis=-1), 1) else np.where(y == 0, 0.0, u)  # a dead unit stays dead
    if np.all(y <= 0):
        return np.log(shares) if np.allclose(np.exp(y).sum(axis=-1), 1) else np.where(y == 0, 0.0, -u)
    return u - 0.5
