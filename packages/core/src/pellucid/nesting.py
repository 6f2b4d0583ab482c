"""Nested values: tuples, lists and dicts of arrays, taken apart into leaves and put together again.

    >>> leaves = []
    >>> form = flatten({"W": 1.0, "layers": [2.0, None]}, leaves)
    >>> leaves, form
    ([1.0, 2.0], {'W': 'leaf', 'layers': ['leaf', None]})
    >>> unflatten(form, iter([10.0, 20.0]))
    {'W': 10.0, 'layers': [20.0, None]}

None is an empty place and no leaf. Named tuples and dicts of other classes stay what they are; every other kind of
object is a leaf.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.tensor import Tensor, data_of

LEAF = "leaf"  # what stands for a leaf in a form
SEQUENCES = (tuple, list)
ARRAYS = {np.ndarray, np.float64, float, Tensor}  # leaves that are common


def flatten(x: Any, leaves: list[Any]) -> Any:
    """Append the leaves of `x` to a list; return its form, in which every leaf is LEAF."""
    if x.__class__ not in ARRAYS:
        if isinstance(x, dict):
            return alike(x, [flatten(x[key], leaves) for key in x])
        if isinstance(x, SEQUENCES):
            return alike(x, [flatten(part, leaves) for part in x])
        if x is None:
            return None
    leaves.append(x)
    return LEAF


def unflatten(form: Any, leaves: Iterator[Any]) -> Any:
    """Put leaves into a form that `flatten` returned."""
    if form is LEAF:
        return next(leaves)
    if isinstance(form, dict):
        return alike(form, [unflatten(form[key], leaves) for key in form])
    if isinstance(form, SEQUENCES):
        return alike(form, [unflatten(part, leaves) for part in form])
    return None


def alike(x: Any, parts: list[Any]) -> Any:
    """`parts` in a container of the same type as x, which may be a named tuple or a dict of another class."""
    if x.__class__ is dict:
        return dict(zip(x, parts, strict=True))
    if isinstance(x, dict):
        new = copy.copy(x)
        new.update(zip(x, parts, strict=True))
        return new
    return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)


def paths(form: Any, path: str = "") -> Iterator[str]:
    """How to write each leaf of a form: ``['layers'][0]``."""
    if form is LEAF:
        yield path
    elif isinstance(form, dict):
        for key in form:
            yield from paths(form[key], f"{path}[{key!r}]")
    elif isinstance(form, SEQUENCES):
        for key, part in zip(getattr(form, "_fields", range(len(form))), form, strict=True):
            yield from paths(part, f"{path}.{key}" if isinstance(key, str) else f"{path}[{key}]")


# Whether two values are nested and shaped alike


def matching(name: str, v: Any, whose: str, form: Any, xs: list[Any], constants: bool = False) -> list[Any]:
    """The leaves of v, which must be nested and shaped as `xs` in `form` are, and complex only where they are.

    With `constants`, None may stand for a leaf or for a whole part; it is returned for each of the leaves there.
    """
    leaves = along(name, v, whose, form, constants)
    for v, x, place in zip(leaves, xs, paths(form), strict=True):
        if v is None:
            continue
        if np.shape(v) != np.shape(x):
            raise ValueError(
                f"{name}{place} must have the shape of {whose}{place and ' there'}: {np.shape(x)}, not {np.shape(v)}"
            )
        if np.iscomplexobj(data_of(v)) and not np.iscomplexobj(data_of(x)):
            raise TypeError(f"{name}{place} is complex where {whose} is real: take its real part")
    return leaves


def along(name: str, v: Any, whose: str, form: Any, constants: bool) -> list[Any]:
    """One part of v for each leaf of a form."""
    if v is None and (constants or form is None):
        return [None for _ in paths(form)]
    if form is LEAF and v is not None and not isinstance(v, dict):
        return [v]
    if isinstance(form, dict) and isinstance(v, dict) and form.keys() == v.keys():
        return [part for key in form for part in along(f"{name}[{key!r}]", v[key], whose, form[key], constants)]
    if isinstance(form, SEQUENCES) and isinstance(v, SEQUENCES) and len(form) == len(v):
        return [part for i, f in enumerate(form) for part in along(f"{name}[{i}]", v[i], whose, f, constants)]
    raise ValueError(f"{name} must be nested as {whose} is: {form}, not {flatten(v, [])}")
