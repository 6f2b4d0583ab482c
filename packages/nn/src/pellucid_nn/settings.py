"""Settings: the numbers that a loss, an optimizer or a schedule is built with, checked once, at its door."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np


def number(name: str, value: Any) -> float:
    """A setting as a float; raises TypeError unless it is one number, and neither True, a text nor a Tensor."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number; it is {value!r}, a {type(value).__name__}: pass a float")
    return float(value)


def at_least_zero(settings: Mapping[str, Any], *names: str) -> None:
    """Raise unless these settings are finite numbers of 0 or more."""
    for name in names:
        if not 0 <= number(name, settings[name]) < float("inf"):
            raise ValueError(f"{name} must be a finite number of 0 or more; it is {settings[name]}")


def counts(settings: Mapping[str, Any], *names: str, least: int = 1) -> None:
    """Raise unless these settings are whole numbers, of 1 or whatever else is the least."""
    for name in names:
        value = number(name, settings[name])
        if not (value >= least and value % 1 == 0):
            raise ValueError(f"{name} must be a whole number of at least {least}; it is {settings[name]}")


def flags(settings: Mapping[str, Any], *names: str) -> None:
    """Raise unless these settings are True or False."""
    for name in names:
        if not isinstance(settings[name], bool | np.bool_):
            raise TypeError(f"{name} must be True or False; it is {settings[name]!r}")
