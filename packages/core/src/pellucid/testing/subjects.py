"""What is checked: a registered model with the data of its task, or a plugin as a whole.

A check asks its `Subject` for instances, fits and answers, and need not know what kind of model it has. What depends on
the task stands in `tasks`: how it is fitted, on what, and what it says afterwards.

Checks share two fits to the toy data: `observed`, the full one, with all that could be seen of it from outside, and
`glance`, one of a few steps. Most checks ask whether two ways to the same fit agree, and there a few steps tell as much
as many.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from pellucid import ConvergenceWarning, hookimpl, listening
from pellucid.discovery import Plugin
from pellucid.events import FitRun
from pellucid.specs import ModelSpec
from pellucid.testing import tasks
from pellucid.testing.checks import TABLES, NotApplicable

SEED = 0
TARGETS = ("classification", "regression")  # tasks with a y
A_FEW = 3  # steps of a fit that is only compared with another
A_FEW_TIMES = 100  # steps in an environment, for the same


class Recorder:
    """A listener that keeps what it is told: ("start", run, {}), ("step", run, metrics), ("end", run, {})."""

    def __init__(self) -> None:
        self.events: list[tuple[str, FitRun, dict[str, float]]] = []

    @hookimpl
    def pellucid_fit_start(self, run: FitRun) -> None:
        self.events.append(("start", run, {}))

    @hookimpl
    def pellucid_fit_step(self, run: FitRun) -> None:
        self.events.append(("step", run, dict(run.metrics)))

    @hookimpl
    def pellucid_fit_end(self, run: FitRun) -> None:
        self.events.append(("end", run, {}))

    @property
    def outermost(self) -> list[tuple[str, FitRun, dict[str, float]]]:
        """What was told of the fit itself, without the fits inside it."""
        return [event for event in self.events if event[1] is self.events[0][1]]

    @property
    def n_steps(self) -> int:
        """How many steps the fit itself reported."""
        return sum(kind == "step" for kind, _, _ in self.outermost)


@dataclass(frozen=True, kw_only=True)
class Observed:
    """A fit to the toy data, and what could be seen of it from outside.

    Attributes
    ----------
    model, returned : object
        The model, and what its fit returned.
    parameters, afterwards : dict of str to (object, object)
        Each parameter as it was before, and after: itself, and a copy.
    attributes : set of str
        The names of the attributes that it had before.
    data : Data
        What the fit was handed.
    printed : str
        On stdout and stderr.
    warned : list of str
        Warnings that a user would see, apart from those of convergence.
    reports : Recorder
        What it told listeners.
    drew_from : list of str
        The global random generators that it moved.
    """

    model: Any
    returned: Any
    parameters: dict[str, tuple[Any, Any]]
    afterwards: dict[str, tuple[Any, Any]]
    attributes: set[str]
    data: tasks.Data
    printed: str
    warned: list[str]
    reports: Recorder
    drew_from: list[str]


@dataclass
class Subject:
    """One model under check.

    Parameters
    ----------
    cls : type
        Its class.
    spec : ModelSpec
        Its record; of a class that is not registered, one that was made for it.
    task : str
        The task that it is checked for, one of ``spec.tasks``.
    registered : bool
        Whether it is found by its id: only then can it be saved and loaded.
    """

    cls: type[Any]
    spec: ModelSpec
    task: str
    registered: bool = True
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def behaviour(self) -> tasks.Task:
        """What its task says of fitting and answering; the answers of `joined` tasks are asked for together."""
        own = tasks.TASKS[self.task]
        if len(self.joined) == 1:
            return own

        def answers(model: Any, data: tasks.Data) -> dict[str, Any]:
            return {name: said for task in self.joined for name, said in tasks.TASKS[task].answers(model, data).items()}

        return replace(own, answers=answers)

    @cached_property
    def joined(self) -> list[str]:
        """Its task and, if its X is a table, the other tasks of the spec on the same table: one fit serves them all."""
        apart = {self.task, *(TARGETS if self.task in TARGETS else ())}  # labels are no numbers
        same = [task for task in self.spec.tasks if task in TABLES and task not in apart]
        return [self.task, *(same if self.task in TABLES else [])]

    # Instances

    @cached_property
    def parameters(self) -> list[str]:
        """The names of the constructor's parameters."""
        return [] if self.cls.__init__ is object.__init__ else list(inspect.signature(self.cls).parameters)

    @property
    def seed(self) -> str:
        """The name of the parameter that seeds its random numbers, or ""."""
        return next((name for name in tasks.SEEDS if name in self.parameters), "")

    @property
    def missing(self) -> list[str]:
        """The parameters without a default that have no smoke value."""
        known = inspect.signature(self.cls).parameters if self.parameters else {}
        open_ended = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        required = [n for n, p in known.items() if p.default is p.empty and p.kind not in open_ended]
        return [name for name in required if name not in self.spec.smoke and name != self.seed]

    def need_parameters(self, given: Iterable[str] = ()) -> None:
        """Leave the check where no instance can be made, for want of a value: smoke-parameters-construct says so."""
        left = [name for name in self.missing if name not in given]
        if left:
            raise NotApplicable(f"no instance can be made without {', '.join(left)}; see smoke-parameters-construct")

    def make(self, **params: Any) -> Any:
        """A new instance: the small, quick one of its spec, with a seed, and with `params`."""
        self.need_parameters(params)
        smoke = dict(copy.deepcopy(dict(self.spec.smoke)))
        if self.seed and self.seed not in smoke:
            smoke[self.seed] = SEED
        return self.cls(**{**smoke, **params})

    def make_quick(self, **params: Any) -> Any:
        """A new instance that takes only a few steps, if it has `max_iter`."""
        if "max_iter" in self.parameters and "max_iter" not in params:
            params["max_iter"] = min(A_FEW, self.spec.smoke.get("max_iter") or A_FEW)
        return self.make(**params)

    def parameters_of(self, model: Any) -> dict[str, tuple[Any, Any]]:
        """Each parameter that an instance has kept: itself, and a copy, for a comparison later."""
        values = {name: getattr(model, name) for name in self.parameters if hasattr(model, name)}
        return {name: (value, copy.deepcopy(value)) for name, value in values.items()}

    # Data and fits

    @property
    def data(self) -> tasks.Data:
        """The toy data of its task; a copy, so that a check may spoil it."""
        if "data" not in self._kept:
            self._kept["data"] = self.behaviour.data(self.spec)
        data: tasks.Data = copy.deepcopy(self._kept["data"])
        return data

    @property
    def other_data(self) -> tasks.Data:
        """Data of another size for the same model: half as much, and of a table a column less, if there are several."""
        data = self.data
        if self.task in TABLES:
            width = max(data.X.shape[1] - 1, 1)
            return replace(data, X=data.X[::2, :width], y=None if data.y is None else data.y[::2])
        if "lengths" in data.extra:
            first = data.extra["lengths"][0]
            return replace(data, X=data.X[:first], extra={**data.extra, "lengths": [first]})
        return replace(data, X=data.X[::2]) if isinstance(data.X, (list, np.ndarray)) else self.few_steps(data, A_FEW)

    def few_steps(self, data: tasks.Data, most: int = A_FEW_TIMES) -> tasks.Data:
        """The data, of an environment with as many steps at most."""
        steps = data.extra.get("total_timesteps")
        return data if steps is None else replace(data, extra={**data.extra, "total_timesteps": min(steps, most)})

    def fit(self, model: Any = None, data: tasks.Data | None = None, **kwargs: Any) -> Any:
        """Fit a model, a new one unless given, to the toy data unless others are given; what its fit returns.

        Warnings that a fit has not converged are not shown: the instance is small on purpose.
        """
        with quiet():
            return self.behaviour.fit(self.make() if model is None else model, data or self.data, **kwargs)

    def glance(self, data: tasks.Data | None = None, model: Any = None, **kwargs: Any) -> Any:
        """A model after a few steps of a fit to the toy data, or to others.

        The same one for all checks, which must not spoil it, if nothing is given; otherwise a new one, or that which is
        given. `kwargs` go to its fit.
        """
        if data is None and model is None and not kwargs:
            if "glance" not in self._kept:
                self._kept["glance"] = self.glance(self.data)
            return self._kept["glance"]
        model = self.make_quick() if model is None else model
        self.fit(model, self.few_steps(data or self.data), **kwargs)
        return model

    @property
    def observed(self) -> Observed:
        """One full fit to the toy data: the same one for all checks."""
        if "observed" not in self._kept:
            self._kept["observed"] = self._observe()
        found: Observed = self._kept["observed"]
        return found

    def _observe(self) -> Observed:
        model, data, text, reports = self.make(), self.data, io.StringIO(), Recorder()
        before, attributes = self.parameters_of(model), set(vars(model))
        with (
            listening(reports),
            contextlib.redirect_stdout(text),
            contextlib.redirect_stderr(text),
            heard() as warned,
            global_generators() as moved,
        ):
            returned = self.behaviour.fit(model, data)
            drew_from = moved()
        return Observed(
            model=model,
            returned=returned,
            parameters=before,
            afterwards=self.parameters_of(model),
            attributes=attributes,
            data=data,
            printed=text.getvalue(),
            warned=warned,
            reports=reports,
            drew_from=drew_from,
        )

    @property
    def fitted(self) -> Any:
        """A model fitted to the toy data: the same one for all checks, which must leave it as it is."""
        return self.observed.model

    def answers(self, model: Any = None, data: tasks.Data | None = None) -> Mapping[str, Any]:
        """All that a fitted model says of data without chance, by the name of the method.

        Of the model that is `fitted` and the toy data unless others are given; that is asked once and kept.
        """
        if model is None and data is None:
            if "answers" not in self._kept:
                self._kept["answers"] = self.answers(self.fitted)
            kept: Mapping[str, Any] = self._kept["answers"]
            return kept
        with quiet():
            return self.behaviour.answers(self.fitted if model is None else model, data or self.data)

    @property
    def glance_answers(self) -> Mapping[str, Any]:
        """What the model of `glance` says of the toy data."""
        if "glance answers" not in self._kept:
            self._kept["glance answers"] = self.answers(self.glance())
        kept: Mapping[str, Any] = self._kept["glance answers"]
        return kept

    @property
    def methods(self) -> list[str]:
        """The names of the methods among its answers; the others are attributes."""
        return [name for name in self.answers() if callable(getattr(self.cls, name, None))]

    @property
    def has_chance(self) -> bool:
        """Whether its fit goes by chance: another seed gives another model, or numbers are drawn from a generator."""
        if "chance" not in self._kept:
            self._kept["chance"] = bool(self.seed) and self._draws()
        found: bool = self._kept["chance"]
        return found

    def _draws(self) -> bool:
        other = self.glance(model=self.make_quick(**{self.seed: SEED + 1}))
        if differences(self.answers(other), self.glance_answers, share=1e-6):
            return True
        if self.seed == "seed":
            return False  # such a model need not take a generator
        rng = np.random.default_rng(SEED)
        before = _numbers_of(rng)
        try:
            self.glance(model=self.make_quick(**{self.seed: rng}))
        except (TypeError, ValueError):  # it takes no generator, which is another check's matter
            return False
        return _numbers_of(rng) != before

    def need(self, *methods: str) -> None:
        """Leave the check where the model has not all of these methods or parameters."""
        for name in methods:
            if not hasattr(self.cls, name) and name not in self.parameters:
                raise NotApplicable(f"it has no {name}")

    def takes(self, argument: str, method_name: str = "fit") -> bool:
        """Whether `fit`, or another method, takes an argument of this name."""
        method = getattr(self.cls, method_name, None)
        return method is not None and argument in inspect.signature(method).parameters


# What surrounds a fit


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """A block in which nothing is said about fits that have not converged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@contextlib.contextmanager
def heard() -> Iterator[list[str]]:
    """A block in which warnings are kept as "Category: message": those a user sees, but for those of convergence."""
    kept: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for unseen in (DeprecationWarning, PendingDeprecationWarning):
            warnings.simplefilter("ignore", unseen)
        yield kept
    named = [(warning.category.__name__, warning.message) for warning in caught]
    kept += [f"{name}: {message}" for name, message in named if name != "ConvergenceWarning"]  # whosever it is


@contextlib.contextmanager
def global_generators() -> Iterator[Callable[[], list[str]]]:
    """A block with a known state of Python's and NumPy's global random numbers; tells which of them have moved."""
    before, legacy = random.getstate(), np.random.get_state()
    random.seed(271828)
    np.random.seed(271828)
    known, known_legacy = random.getstate(), _numbers(np.random.get_state())

    def moved() -> list[str]:
        still = {"random": random.getstate() == known, "numpy.random": _numbers(np.random.get_state()) == known_legacy}
        return [name for name, same in still.items() if not same]

    try:
        yield moved
    finally:
        random.setstate(before)
        np.random.set_state(legacy)


def _numbers_of(rng: np.random.Generator) -> tuple[Any, ...]:
    return str(rng.bit_generator.state), getattr(rng.bit_generator.seed_seq, "n_children_spawned", 0)


def _numbers(state: Any) -> tuple[Any, ...]:
    name, keys, *rest = state
    return name, keys.tobytes(), *rest


# Comparing answers


def differences(
    found: Mapping[str, Any], expected: Mapping[str, Any], rtol: float = 0.0, atol: float = 0.0, share: float = 0.0
) -> str:
    """What two answers differ in, in words; "" where they agree (equal, unless a tolerance is given).

    `share` is a tolerance too: a share of the largest of the expected numbers.
    """
    for name in expected:
        if name not in found:
            return f"{name} is missing"
        if words := _difference(found[name], expected[name], rtol, atol, share):
            return f"{name} {words}"
    return ""


def _difference(found: Any, expected: Any, rtol: float, atol: float, share: float) -> str:
    a, b = np.asarray(found), np.asarray(expected)
    if a.shape != b.shape:
        return f"has shape {a.shape}, not {b.shape}"
    if a.dtype.kind in "fc" and b.dtype.kind in "fc":
        atol = max(atol, share * float(np.max(np.abs(b), initial=0, where=np.isfinite(b))))
        if not np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True):
            with np.errstate(invalid="ignore"):
                return f"differs by up to {np.nanmax(np.abs(a - b)):.3g}"
    elif not np.array_equal(a, b):
        return f"differs in {np.sum(a != b)} of {a.size} places"
    return ""


def strange_numbers(answers: Mapping[str, Any], infinity: bool = True) -> str:
    """Where answers hold NaN (or, unless allowed, infinity), in words; "" where they do not."""
    for name, value in answers.items():
        a = np.asarray(value)
        if a.dtype.kind not in "fc":
            continue
        bad = ~np.isfinite(a) if infinity else np.isnan(a)
        if np.any(bad):
            return f"{name} holds {a[bad].flat[0]} in {np.sum(bad)} of {a.size} places"
    return ""


@dataclass
class PluginSubject:
    """A plugin under check.

    Parameters
    ----------
    distribution : str
        The installed package.
    plugins : list
        Its `pellucid.discovery.Plugin` records, one for each family that it brings.
    """

    distribution: str
    plugins: list[Plugin]
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def keep(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` returned when a check first asked for `name`."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]
