"""Linear models you can read: least squares, ridge and logistic regression in NumPy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid_linear.linear_regression import LinearRegression as LinearRegression
    from pellucid_linear.logistic_regression import LogisticRegression as LogisticRegression
    from pellucid_linear.ridge import Ridge as Ridge

__version__ = "0.1.0"

_HOME = {  # public name -> the module that defines it
    "LinearRegression": "linear_regression",
    "LogisticRegression": "logistic_regression",
    "Ridge": "ridge",
}
__all__ = ["LinearRegression", "LogisticRegression", "Ridge"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
