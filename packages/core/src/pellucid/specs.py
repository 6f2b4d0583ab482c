"""What a plugin may offer, as plain records: models, data sets, components and commands.

A spec says where a thing lives (`target`) and what it is for, so that everything can be listed without importing any of
it. A spec checks itself when it is made: a wrong one fails in its author's file and not on a user's machine.

    >>> ModelSpec(id="linear/ridge", target="pellucid_linear.ridge:Ridge", summary="L2", tasks=("regression",)).family
    'linear'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MODEL_TASKS = (
    "classification",
    "regression",
    "clustering",
    "density",
    "transform",
    "sequence",
    "topics",
    "language",
    "generation",
    "control",
    "bandit",
    "network",
)
STATUSES = ("stable", "experimental", "deprecated")
LONGEST_SUMMARY = 200  # characters

KEBAB = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"  # the shape of a family's or a model's name: random-forest-classifier
MODULE = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
TARGET = f"{MODULE}:{MODULE}"


def plain(text: str) -> str:
    """One line of printable text: escape codes, newlines and invisible marks in a plugin's words become spaces."""
    words = str(text)
    if not words.isprintable():
        words = "".join(c if c.isprintable() else " " for c in words)
    return " ".join(words.split())


class _Named:
    """What an id "family/name" is made of."""

    id: str

    @property
    def family(self) -> str:
        """The part of the id before the slash; "" if there is none."""
        return self.id.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The part of the id after the slash."""
        return self.id.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class ModelSpec(_Named):
    """A model in the registry.

    Parameters
    ----------
    id : str
        "family/name" in lower case with hyphens, such as "trees/random-forest-classifier". It is written into saved
        files, so it never changes; a model that is renamed keeps its old id as an alias.
    target : str
        "module:Class", where the class is defined.
    summary : str
        One line for lists.
    tasks : tuple of str
        What the model can do, from `MODEL_TASKS`; the first is its main one.
    aliases : tuple of str
        Other names it is found by: short ones ("ols") or ids in its own family ("linear/ols").
    tags : tuple of str
        Free words to search for.
    status : str
        "stable", "experimental" or "deprecated".
    since : str
        Version of the distribution that first had it.
    references : tuple of str
        Where it comes from: author (year), title.
    smoke : mapping
        Constructor arguments that make a small, quick instance; tests and demos use them.
    docs : str
        Address of its page, or "".

    Raises
    ------
    TypeError, ValueError
        When a field has the wrong type or shape; the message names the field and a form that works.
    """

    id: str
    target: str
    summary: str
    tasks: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    status: str = "stable"
    since: str = "0.1"
    references: tuple[str, ...] = ()
    smoke: Mapping[str, Any] = field(default_factory=dict, hash=False)
    docs: str = ""

    def __post_init__(self) -> None:
        _check_id(self, example="linear/ridge")
        _check_target(self)
        _tidy(self, texts=("summary", "since", "docs"), lists=("tasks", "aliases", "tags", "references"))
        if not self.tasks or not set(self.tasks) <= set(MODEL_TASKS):
            raise ValueError(f"{self.id}: tasks must be one or more of {', '.join(MODEL_TASKS)}; got {self.tasks!r}")
        if self.status not in STATUSES:
            raise ValueError(f"{self.id}: status must be one of {', '.join(STATUSES)}; got {self.status!r}")
        for alias in self.aliases:
            if not re.fullmatch(KEBAB, alias.removeprefix(f"{self.family}/")):
                raise ValueError(
                    f"{self.id}: alias {alias!r} must be lower case with hyphens, alone or after {self.family + '/'!r}"
                )
        if not isinstance(self.smoke, Mapping):
            raise TypeError(f"{self.id}: smoke must be a dict of constructor arguments, got {self.smoke!r}")
        object.__setattr__(self, "smoke", dict(self.smoke))


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(_Named):
    """A data set in the registry.

    Parameters
    ----------
    id : str
        "family/name", such as "acme/penguins". Official packages may leave the family out ("digits"); everybody's data
        set is found by its bare name too, as long as that is unique.
    target : str
        "module:function"; the function takes keyword options and returns a `pellucid.Dataset`.
    summary : str
        One line for lists.
    task : str
        What it is for, from `MODEL_TASKS`.
    n_rows, n_columns : int or None
        Size of X with the default options; None where the options decide.
    n_classes : int or None
        Number of classes, None where there are none.
    source, licence : str
        Where the data come from and on what terms they may be used.

    Raises
    ------
    TypeError, ValueError
        When a field has the wrong type or shape.
    """

    id: str
    target: str
    summary: str
    task: str
    n_rows: int | None = None
    n_columns: int | None = None
    n_classes: int | None = None
    source: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        _check_id(self, example="acme/penguins", shape=f"(?:{KEBAB}/)?{KEBAB}")
        _check_target(self)
        _tidy(self, texts=("summary", "source", "licence"))
        if self.task not in MODEL_TASKS:
            raise ValueError(f"{self.id}: task must be one of {', '.join(MODEL_TASKS)}; got {self.task!r}")


@dataclass(frozen=True, kw_only=True)
class ComponentSpec(_Named):
    """A part that models are built of: a layer, an activation, a loss, an optimizer, a kernel.

    `pellucid.component` finds it by its id, its name or the name of what its target names ("nn/mse", "mse", "MSELoss").

    Parameters
    ----------
    id : str
        "family/name", such as "nn/relu".
    kind : str
        What it is: "layer", "module", "activation", "loss", "optimizer", "scheduler", "initializer", "kernel",
        "metric", or another lower-case word where none of these fits.
    target : str
        "module:name", where the class or function is defined.
    summary : str
        One line for lists.

    Raises
    ------
    TypeError, ValueError
        When a field has the wrong type or shape.
    """

    id: str
    kind: str
    target: str
    summary: str

    def __post_init__(self) -> None:
        _check_id(self, example="nn/relu")
        _check_target(self)
        _tidy(self, texts=("summary",))
        if not isinstance(self.kind, str) or not re.fullmatch(KEBAB, self.kind):
            raise ValueError(f"{self.id}: kind must be one lower-case word such as 'activation'; got {self.kind!r}")


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """A command that `pellucid` offers on the command line.

    Parameters
    ----------
    name : str
        What the user types: the family's name, or that and more ("acme", "acme-report").
    target : str
        "module:command", a click command.
    summary : str
        One line for `pellucid --help`.

    Raises
    ------
    TypeError, ValueError
        When a field has the wrong type or shape.
    """

    name: str
    target: str
    summary: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(KEBAB, self.name):
            raise ValueError(f"a command's name must look like 'acme' or 'acme-report'; got {self.name!r}")
        _check_target(self)
        _tidy(self, texts=("summary",))

    @property
    def id(self) -> str:
        """The name; every other spec has an id, so messages can use one word."""
        return self.name


Spec = ModelSpec | DatasetSpec | ComponentSpec | CommandSpec


def _check_id(spec: Spec, example: str, shape: str = f"{KEBAB}/{KEBAB}") -> None:
    if not isinstance(spec.id, str) or not re.fullmatch(shape, spec.id):
        form = f"'family/name' in lower case with hyphens, like {example!r}"
        raise ValueError(f"the id of a {type(spec).__name__} must be {form}; got {spec.id!r}")


def _check_target(spec: Spec) -> None:
    if not isinstance(spec.target, str) or not re.fullmatch(TARGET, spec.target):
        raise ValueError(
            f"{spec.id}: target must be 'module:name', like 'pellucid_acme.stump:Stump'; got {spec.target!r}"
        )


def _tidy(spec: Spec, texts: tuple[str, ...] = (), lists: tuple[str, ...] = ()) -> None:
    """Bring every text to one printable line and every list to a tuple of such texts; a summary must be short."""
    for name in texts:
        text = getattr(spec, name)
        if not isinstance(text, str):
            raise TypeError(f"{spec.id}: {name} must be a string, got {text!r}")
        object.__setattr__(spec, name, plain(text))
    if not 0 < len(spec.summary) <= LONGEST_SUMMARY:
        raise ValueError(
            f"{spec.id}: summary must say in one line what it is, in at most {LONGEST_SUMMARY} characters; it has "
            f"{len(spec.summary):,}"
        )
    for name in lists:
        items = getattr(spec, name)
        if not isinstance(items, (tuple, list)) or not all(isinstance(item, str) for item in items):
            raise TypeError(f"{spec.id}: {name} must be a tuple of strings, like ('one',); got {items!r}")
        object.__setattr__(spec, name, tuple(plain(item) for item in items))
