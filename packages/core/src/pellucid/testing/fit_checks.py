"""A model's fit: what it returns, what it leaves alone, and that it can be repeated, copied, watched and saved."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import NotFittedError, clone, hookimpl, listening, load, save
from pellucid.events import FitRun
from pellucid.saving import read_header
from pellucid.specs import MODEL_TASKS
from pellucid.testing.checks import TABLES, Advice, NotApplicable, check, expect, fail, raises, short
from pellucid.testing.subjects import Subject, differences, global_generators, heard, quiet, strange_numbers
from pellucid.testing.tasks import SEEDS, Data, needs_y

FITTED = tuple(task for task in MODEL_TASKS if task not in ("control", "bandit", "network"))  # say nothing before fit
UNSUPERVISED = ("clustering", "density", "transform")
ABOUT_THE_DATA = {"n_features_in_", "feature_names_in_", "classes_"}
TRACES = ("loss", "likelihood", "history", "inertia", "objective", "bound", "perplexity", "error", "score", "return")


# What it learns, and what it leaves alone


@check("fit", *FITTED, "control")
def fit_returns_self(model: Subject) -> None:
    """fit returns the model itself."""
    seen = model.observed
    expect(seen.returned is seen.model, f"it returned {short(seen.returned)}")


@check("fit", *FITTED)
def fit_learns_something(model: Subject) -> None:
    """fit stores what it learns in attributes whose names end in an underscore."""
    if "stateless" in model.spec.tags:
        raise NotApplicable("it is stateless: there is nothing to learn")
    names = _learnt(model.fitted)
    advice = "a class that has nothing to learn says _tags = ('stateless',)"
    expect(names - ABOUT_THE_DATA, f"of what it learnt there is {_listed(names) or 'nothing'} after fit; {advice}")


@check("fit", *FITTED)
def learnt_attributes_end_in_an_underscore(model: Subject) -> None:
    """Every public attribute that fit adds has a name that ends in an underscore."""
    seen = model.observed
    added = {name for name in set(vars(seen.model)) - seen.attributes if not name.startswith("_")}
    expect(added <= _learnt(seen.model), f"fit added {_listed(added - _learnt(seen.model))}")


@check("fit")
def learnt_state_is_complete(model: Subject) -> None:
    """A new model that takes over get_state of a fitted one by set_state says the same."""
    model.need("get_state", "set_state")
    other = model.make()
    other.set_state(copy.deepcopy(model.fitted.get_state()))
    saw = differences(model.answers(other), model.answers())
    expect(not saw, saw)


@check("fit")
def fit_leaves_parameters_alone(model: Subject) -> None:
    """After fit every parameter of the constructor is the same object, and has the same value."""
    _expect_same_parameters("fit", model.observed.parameters, model.observed.afterwards)


@check("fit")
def answers_leave_parameters_alone(model: Subject) -> None:
    """After predict and the like every parameter is the same object, and has the same value."""
    one = model.glance(model=model.make_quick())
    before = model.parameters_of(one)
    model.answers(one)
    _expect_same_parameters(_methods_in_words(model), before, model.parameters_of(one))


@check("fit", *FITTED)
def input_is_not_written_to(model: Subject) -> None:
    """fit and what comes after it leave the caller's data as they were, to the byte."""
    expect(_value(model.observed.data) == _value(model.data), "fit changed its data")
    data = model.data
    model.answers(model.fitted, data)
    expect(_value(data) == _value(model.data), f"{_methods_in_words(model)} changed the data")
    if model.takes("sample_weight"):
        weights = np.linspace(0.5, 2, len(data.X))
        model.glance(data, sample_weight=weights)
        expect(np.array_equal(weights, np.linspace(0.5, 2, len(data.X))), "fit changed sample_weight")


@check("fit", *FITTED)
def read_only_input_works(model: Subject) -> None:
    """Arrays that must not be written to do as well as others."""
    data = Data(*(_frozen(part) for part in (model.data.X, model.data.y, model.data.extra)))
    saw = differences(model.answers(model.glance(data), data), model.glance_answers)
    expect(not saw, saw)


@check("fit", *FITTED)
def data_may_change_after_fit(model: Subject) -> None:
    """Whatever the caller writes into X and y after fit, the model says the same: what it keeps is a copy."""
    data = model.data
    one = model.glance(data)
    for part in (data.X, data.y, data.extra):
        _overwrite(part)
    saw = differences(model.answers(one, model.data), model.glance_answers)
    expect(not saw, f"after X and y were overwritten, {saw}")


@check("fit", *TABLES)
def answers_may_be_written_to(model: Subject) -> None:
    """Writing into an answer changes neither the caller's data nor what the model says next."""
    one, data = model.glance(model=model.make_quick()), model.data
    for name in model.methods:
        found = getattr(one, name)(data.X)
        expected, asked = copy.deepcopy(found), _value(data.X)
        _overwrite(found)
        expect(_value(data.X) == asked, f"what {name} returns is the caller's X, or a part of it")
        saw = differences({name: getattr(one, name)(model.data.X)}, {name: expected})
        expect(not saw, f"after its answer was overwritten, {saw}")


@check("fit")
def global_random_numbers_are_left_alone(model: Subject) -> None:
    """Neither fit nor what comes after it draws from, or seeds, the global generators of NumPy and Python."""
    expect(not model.observed.drew_from, f"fit moved the global state of {_listed(model.observed.drew_from)}")
    with global_generators() as moved:
        model.answers(model.fitted)
        expect(not moved(), f"{_methods_in_words(model)} moved the global state of {_listed(moved())}")


@check("fit")
def nothing_is_printed(model: Subject) -> None:
    """Neither fit nor what comes after it prints anything, unless it is asked to."""
    expect(not model.observed.printed, f"fit printed {short(model.observed.printed)}")
    text = StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        model.answers(model.fitted)
    expect(not text.getvalue(), f"{_methods_in_words(model)} printed {short(text.getvalue())}")


@check("fit")
def nothing_is_warned_of(model: Subject) -> None:
    """On good data no warning comes but ConvergenceWarning."""
    expect(not model.observed.warned, f"fit warned: {_listed(model.observed.warned)}")
    with heard() as warned:
        model.behaviour.answers(model.fitted, model.data)
    expect(not warned, f"{_methods_in_words(model)} warned: {_listed(warned)}")


@check("fit", *UNSUPERVISED)
def y_is_taken_and_ignored(model: Subject) -> None:
    """fit(X, y) is fit(X), so that the model can stand in a pipeline."""
    if needs_y(model.spec):
        raise NotApplicable("it learns from y")
    y = np.arange(len(model.data.X)) % 2
    saw = differences(model.answers(model.glance(replace(model.data, y=y))), model.glance_answers)
    expect(not saw, saw)


# Once more


@check("fit")
def same_seed_same_result(model: Subject) -> None:
    """Two fits with the same seed say the same; without randomness, any two fits."""
    second = model.make()
    model.fit(second)
    saw = differences(model.answers(second), model.answers())
    expect(not saw, saw)


@check("fit")
def other_seeds_work(model: Subject) -> None:
    """Any whole number may be the seed, and None."""
    if not model.seed:
        raise NotApplicable("it has no random_state, seed or rng")
    for seed in (1, 2**32 - 1, None):
        other = model.glance(model=model.make_quick(**{model.seed: seed}))
        saw = strange_numbers(model.answers(other), infinity=False)
        expect(not saw, f"with {model.seed}={seed} {saw}")


@check("fit")
def seed_may_be_a_generator(model: Subject) -> None:
    """A numpy.random.Generator may be the random_state, and the same one gives the same result."""
    if model.seed not in ("random_state", "rng"):
        raise NotApplicable("it has no random_state or rng")
    first, second = (model.glance(model=model.make_quick(**{model.seed: np.random.default_rng(5)})) for _ in range(2))
    saw = differences(model.answers(second), model.answers(first))
    expect(not saw, f"with a generator of the same state, {saw}")


@check("fit")
def answers_can_be_repeated(model: Subject) -> None:
    """A fitted model that is asked the same again says the same."""
    saw = differences(model.answers(model.fitted), model.answers())
    expect(not saw, f"the second time {saw}")


@check("fit", *FITTED)
def refit_forgets(model: Subject) -> None:
    """A fit to other data, of another width or of the same one, leaves no trace in the next fit."""
    others = {"a fit to other data": model.other_data}
    if model.task in TABLES:
        others["a fit to the columns in another order"] = replace(model.data, X=model.data.X[:, ::-1])
    for what, data in others.items():
        again = model.glance(data)
        model.glance(model=again)
        saw = differences(model.answers(again), model.glance_answers)
        expect(not saw, f"after {what}, unlike a new model, {saw}")
        left = _learnt(again) - _learnt(model.glance())
        expect(not left, f"it still has {_listed(left)} of the first fit")


@check("fit", *TABLES)
def partial_fit_learns(model: Subject) -> None:
    """partial_fit works without fit and once more, returns a model that answers, and refuses another width."""
    model.need("partial_fit")
    one, data = model.make_quick(), model.data
    named = {"classes": np.unique(data.y)} if model.takes("classes", "partial_fit") else {}
    for part, rows, more in (("all rows", slice(None), named), ("some more", slice(20), {})):
        y = [] if data.y is None else [data.y[rows]]
        with quiet():
            returned = one.partial_fit(data.X[rows], *y, **more)
        expect(returned is one, f"with {part} it returned {short(returned)}")
        found = {name: getattr(one, name)(model.data.X) for name in model.methods}
        saw = strange_numbers(found, infinity=False) or _other_shapes(found, model.answers())
        expect(not saw, f"after partial_fit with {part}, {saw}")
    y = [] if data.y is None else [data.y]
    raises("partial_fit with a column less", lambda: one.partial_fit(data.X[:, :-1], *y))


@check("fit")
def clone_learns_the_same(model: Subject) -> None:
    """A clone of a fitted model is not fitted, and learns the same."""
    model.need("get_params")
    other = clone(model.glance())
    left = _learnt(other)
    expect(not left, f"the clone has {_listed(left)} before its fit")
    model.glance(model=other)
    saw = differences(model.answers(other), model.glance_answers)
    expect(not saw, saw)


@check("fit", *FITTED)
def failed_fit_leaves_no_half_model(model: Subject) -> None:
    """A model whose next fit fails is not fitted, or is as it was."""
    ways: dict[str, Callable[[Any], Any]] = {}
    if model.observed.reports.n_steps:
        ways["a listener's error in a step"] = lambda one: _fit_with(_BreaksAStep(), model, one)
        ways["a listener's error at the end"] = lambda one: _fit_with(_BreaksTheEnd(), model, one)
    X, y = model.other_data.X, model.other_data.y
    if isinstance(X, np.ndarray) and X.dtype.kind == "f":
        X[3, -1] = np.inf
        ways["infinity in X"] = lambda one: model.fit(one, replace(model.other_data, X=X))
    if y is not None:
        ways["a short y"] = lambda one: model.fit(one, replace(model.other_data, y=y[:-1]))
    for why, fit in ways.items():
        one = copy.deepcopy(model.glance())
        try:
            fit(one)
        except Exception:  # that it fails, and how, is another check's matter
            try:
                found = model.answers(one)
            except NotFittedError:
                continue
            except Exception as error:
                fail(f"after a fit that failed by {why} it raises {type(error).__name__}: {error}")
            saw = differences(found, model.glance_answers)
            whole = not differences(found, model.answers())
            expect(not saw or whole, f"after a fit that failed by {why} {saw}")
    if not ways:
        raise NotApplicable("there is no way to make its fit fail")


@check("fit", *FITTED)
def unfitted_model_says_so(model: Subject) -> None:
    """What needs a fit raises NotFittedError before it, and the message says to call fit."""
    if "stateless" in model.spec.tags:
        raise NotApplicable("it is stateless: nothing needs a fit")
    if model.task not in TABLES:
        raises("an answer before fit", lambda: model.answers(model.make()), NotFittedError, saying="fit")
        return
    if not model.methods:
        raise NotApplicable("it answers by attributes alone")
    for name in model.methods:
        method = partial(getattr(model.cls, name), model.make())
        raises(f"{name} before fit", partial(method, model.data.X), NotFittedError, saying="fit")


@check("fit", *FITTED, "control", "bandit")
def text_is_no_number(model: Subject) -> None:
    """Text in the place of a number parameter is a ValueError or TypeError, unless that number has no effect."""
    model.need("get_params")
    defaults = {name: parameter.default for name, parameter in inspect.signature(model.cls).parameters.items()}
    numbers = [name for name in model.parameters if type(defaults[name]) in (int, float) and name not in SEEDS]
    if not numbers:
        raise NotApplicable("no parameter is a number by default")
    for name in numbers:
        try:
            found = model.answers(model.glance(model=model.make_quick(**{name: "red"})))
        except (ValueError, TypeError):
            continue
        except Exception as error:
            fail(f"{name}='red' raised {type(error).__name__} instead of ValueError or TypeError: {error}")
        effect = _effect_of_parameter(model, name, getattr(model.make_quick(), name))
        expect(not effect, f"{name}='red' was taken without a word, and {name} has an effect: {effect}")
        saw = differences(found, model.glance_answers)
        expect(not saw, f"with {name}='red' {saw}")


# Copies and files


@check("fit")
def fitted_model_can_be_pickled(model: Subject) -> None:
    """A fitted model that went through pickle says the same."""
    saw = differences(model.answers(pickle.loads(pickle.dumps(model.fitted))), model.answers())
    expect(not saw, saw)


@check("fit")
def fitted_model_can_be_copied(model: Subject) -> None:
    """A deep copy of a fitted model says the same."""
    saw = differences(model.answers(copy.deepcopy(model.fitted)), model.answers())
    expect(not saw, saw)


@check("fit")
def saved_model_says_the_same(model: Subject) -> None:
    """A fitted model that was saved and loaded is the same: class, parameters and answers."""
    with _saved(model) as path:
        other = load(path)
    expect(type(other) is model.cls, f"{type(other).__name__} was loaded")
    before, after = (one.get_params(deep=False) for one in (model.fitted, other))
    changed = [name for name in before if _value(before[name]) != _value(after[name])]
    expect(not changed, f"the parameters {_listed(changed)} have changed")
    saw = differences(model.answers(other), model.answers())
    expect(not saw, saw)


@check("fit")
def saving_leaves_nothing_out(model: Subject) -> None:
    """A saved file names the model, and what it learnt is in it, as plain arrays and without a warning."""
    with heard() as warned, _saved(model) as path:
        header = read_header(path)
        with np.load(path, allow_pickle=False) as arrays:
            objects = [name for name in arrays.files if getattr(arrays[name], "dtype", np.dtype(int)).hasobject]
    expect(header["id"] == model.spec.id, f"the file is of {header['id']}, not of {model.spec.id}")
    expect(not objects, f"these arrays can only be read with pickle: {_listed(objects)}")
    expect(not warned, _listed(warned))


@check("fit")
def strange_state_is_refused(model: Subject) -> None:
    """set_state refuses what no such model has learnt: a file must not be able to replace a method."""
    model.need("get_state", "set_state")
    one = model.make()
    strange = {**model.fitted.get_state(), "set_state": 0}
    raises("set_state of {'set_state': 0}", lambda: one.set_state(strange), Exception)
    expect(callable(one.set_state), "set_state refused {'set_state': 0}, but replaced itself by 0")


# Watching it learn


@check("fit")
def listeners_hear_the_fit(model: Subject) -> None:
    """A fit that reports to listeners tells its start, then each step with finite numbers, then its end."""
    reports = model.observed.reports
    if not reports.events:
        raise NotApplicable("it reports nothing to listeners")
    told, run = reports.outermost, reports.events[0][1]
    kinds = [kind for kind, _, _ in told]
    expect(kinds == ["start", *["step"] * (len(kinds) - 2), "end"], f"listeners heard {', '.join(kinds)}")
    expect(run.model is model.fitted, f"the run is of {short(run.model)}, not of the model")
    expect(reports.n_steps, "it reported no step between start and end")
    expect(run.total is None or reports.n_steps <= run.total, f"it did {reports.n_steps} steps of {run.total}")
    for n, metrics in enumerate([metrics for kind, _, metrics in told if kind == "step"], start=1):
        strange = [name for name, value in metrics.items() if not np.isfinite(value)]
        expect(not strange, f"in step {n} {_listed(strange)} is not finite: {metrics}")


@check("fit")
def listeners_can_end_the_fit(model: Subject) -> None:
    """run.stop() ends the fit after that step, and leaves a model that works."""
    if model.observed.reports.n_steps < 2:
        raise NotApplicable("it reports no more than one step to listeners")
    one, listener = model.make(), _Stops()
    _fit_with(listener, model, one)
    expect(listener.run and listener.run.n_steps == 1, f"it went on to step {listener.run and listener.run.n_steps}")
    saw = strange_numbers(model.answers(one), infinity=False)
    expect(not saw, f"after one step {saw}")


@check("fit", *FITTED)
def iterative_model_has_a_trace(model: Subject) -> None:
    """A model that learns in steps keeps a number for each, in loss_, history_ or the like, or tells listeners."""
    if model.observed.reports.n_steps < 2 and "max_iter" not in model.parameters:
        raise NotApplicable("it does not learn in steps")
    names = [name for name in _learnt(model.fitted) if any(word in name for word in TRACES)]
    traces = {name: getattr(model.fitted, name) for name in names}
    numbers = {f"{name}{key}": numbers for name, trace in traces.items() for key, numbers in _columns(trace)}
    saw = strange_numbers(numbers)
    expect(not saw, saw)
    if not numbers and not any(metrics for kind, _, metrics in model.observed.reports.outermost if kind == "step"):
        raise Advice(
            f"it has {_listed(_learnt(model.fitted))}; none of these is a trace, and listeners hear no numbers"
        )


@check("fit")
def one_step_is_enough_to_work(model: Subject) -> None:
    """With max_iter=1 it learns a little, and says something."""
    model.need("max_iter")
    one = model.make(max_iter=1)
    model.fit(one)
    saw = strange_numbers(model.answers(one), infinity=False)
    expect(not saw, saw)


# Threads


@check("fit")
def fit_works_in_a_thread(model: Subject) -> None:
    """A fit outside the main thread gives the same."""
    [found] = _in_threads(lambda: _said(model, model.data))
    saw = differences(found, model.glance_answers)
    expect(not saw, saw)


@check("fit")
def threads_do_not_meet(model: Subject) -> None:
    """Two models that learn from different data at the same time give the same as one after the other."""
    with quiet():
        expected = [model.glance_answers, _said(model, model.other_data)]
    found = _in_threads(lambda: _said(model, model.data), lambda: _said(model, model.other_data))
    for a, b in zip(found, expected):
        saw = differences(a, b)
        expect(not saw, saw)


# What the checks share


class _Stops:
    """A listener that wants no more after the first step of the fit that it hears first."""

    run: FitRun | None = None

    @hookimpl
    def pellucid_fit_step(self, run: FitRun) -> None:
        self.run = self.run or run
        if run is self.run:
            run.stop("enough")


class _BreaksAStep:
    """A listener that fails in the first step."""

    @hookimpl
    def pellucid_fit_step(self, run: FitRun) -> None:
        raise RuntimeError("the listener failed")


class _BreaksTheEnd:
    """A listener that fails when all is done, as Ctrl-C may."""

    @hookimpl
    def pellucid_fit_end(self, run: FitRun) -> None:
        raise RuntimeError("the listener failed")


def _fit_with(listener: object, model: Subject, one: Any) -> None:
    with listening(listener):
        model.fit(one)


@contextmanager
def _saved(model: Subject) -> Any:
    """A file with the fitted model."""
    if not model.registered:
        raise NotApplicable("it is not registered, so it cannot be saved")
    model.need("get_params", "get_state", "set_state")
    with tempfile.TemporaryDirectory() as folder:
        yield save(model.fitted, Path(folder) / "model.npz")


def _said(model: Subject, data: Data) -> Mapping[str, Any]:
    """What a model says of the data that it has had a short look at. No filter is set: threads share the filters."""
    one = model.make_quick()
    model.behaviour.fit(one, model.few_steps(data))
    return model.behaviour.answers(one, data)


def _in_threads(*calls: Callable[[], Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What the calls return, each in a thread of its own, all at once and changing places as often as can be."""
    start, interval = threading.Barrier(len(calls)), sys.getswitchinterval()

    def run(call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        start.wait()
        return call()

    sys.setswitchinterval(1e-6)
    try:
        with quiet(), ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))
    finally:
        sys.setswitchinterval(interval)


def _expect_same_parameters(what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    for name, (value, copied) in before.items():
        now, now_copied = after[name]
        expect(now is value, f"{what} replaced {name}={short(copied)} by {short(now_copied)}")
        expect(_value(now_copied) == _value(copied), f"{what} changed {name}={short(copied)} into {short(now_copied)}")


def _overwrite(part: Any) -> None:
    """Write something else into arrays and lists, as far as they can be written to."""
    if isinstance(part, np.ndarray):
        if part.flags.writeable and part.size:
            part[...] = part.flat[0] if part.dtype.kind in "OUS" else 0
    elif isinstance(part, dict):
        for value in part.values():
            _overwrite(value)
    elif isinstance(part, list):
        for value in part:
            _overwrite(value)
        part.clear()


def _effect_of_parameter(model: Subject, name: str, value: Any) -> str:
    """What another number in a parameter's place changes, in words; "" where it changes nothing."""
    if type(value) not in (int, float):
        return ""
    for other in (2 * value + 1, value / 2 if isinstance(value, float) else value // 2):
        try:
            found = model.answers(model.glance(model=model.make_quick(**{name: other})))
        except (ValueError, TypeError):
            return f"{other} is refused"
        if saw := differences(found, model.glance_answers):
            return f"with {other} {saw}"
    return ""


def _other_shapes(found: Mapping[str, Any], expected: Mapping[str, Any]) -> str:
    """Where answers have other shapes than were expected, in words."""
    shapes = [(name, np.shape(found[name]), np.shape(expected[name])) for name in found]
    return "; ".join(f"{name} has shape {a}, and {b} after fit" for name, a, b in shapes if a != b)


def _methods_in_words(model: Subject) -> str:
    return " or ".join(model.methods) or "an answer"


def _learnt(model: Any) -> set[str]:
    return {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}


def _columns(trace: Any) -> list[tuple[str, NDArray[Any]]]:
    """The columns of numbers in a trace: an array or a list of numbers, or a dict of such."""
    if isinstance(trace, Mapping):
        return [(f"[{key!r}]{rest}", numbers) for key, value in trace.items() for rest, numbers in _columns(value)]
    numbers = np.asarray(trace) if isinstance(trace, (np.ndarray, list, tuple)) else np.zeros(0, dtype=object)
    return [("", numbers)] if numbers.size and numbers.dtype.kind in "fiu" else []


def _frozen(part: Any) -> Any:
    if isinstance(part, np.ndarray):
        part.setflags(write=False)
    if isinstance(part, dict):
        return {name: _frozen(value) for name, value in part.items()}
    return part


def _value(thing: Any) -> Any:
    """Something to compare the value of a thing by, now and later: arrays by their bytes, models by what they hold."""
    match thing:
        case np.ndarray():
            return thing.shape, thing.dtype.str, thing.tobytes() if not thing.dtype.hasobject else thing.tolist()
        case Data():
            return _value([thing.X, thing.y, thing.extra])
        case dict():
            return {name: _value(value) for name, value in thing.items()}
        case list() | tuple():
            return [_value(value) for value in thing]
    if hasattr(thing, "get_params") and not isinstance(thing, type):
        return type(thing), _value(vars(thing))
    return re.sub(r"0x[0-9A-Fa-f]+", "", repr(thing))


def _listed(names: Any) -> str:
    return ", ".join(sorted(names))
