"""The conformance kit: what every registered model is held to, ours and a stranger's alike.

In a plugin's test suite it is one line, and needs pytest:

    from pellucid.testing import conformance

    test_conformance = conformance("pellucid-acme")

On the command line it needs nothing: ``pellucid check pellucid-acme``, ``pellucid check acme/stump``, ``pellucid check
stump.py::Stump``. From Python, `run` gives the same results as records.

What is checked stands in files by level: a plugin as a whole, its specs, a model as an object, its fits, its task, its
gradients, its text. Each check is a function whose first line says what it wants.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.testing.cases import Case as Case
    from pellucid.testing.cases import Result as Result
    from pellucid.testing.cases import run as run
    from pellucid.testing.cases import summary as summary
    from pellucid.testing.checks import Check as Check
    from pellucid.testing.checks import CheckFailed as CheckFailed
    from pellucid.testing.checks import NotApplicable as NotApplicable
    from pellucid.testing.checks import check as check
    from pellucid.testing.checks import expect as expect
    from pellucid.testing.checks import raises as raises
    from pellucid.testing.pytest_module import conformance as conformance
    from pellucid.testing.subjects import PluginSubject as PluginSubject
    from pellucid.testing.subjects import Subject as Subject

_HOME = {
    "Check": "checks",
    "CheckFailed": "checks",
    "NotApplicable": "checks",
    "check": "checks",
    "expect": "checks",
    "raises": "checks",
    "Case": "cases",
    "Result": "cases",
    "run": "cases",
    "summary": "cases",
    "conformance": "pytest_module",
    "PluginSubject": "subjects",
    "Subject": "subjects",
}
__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'pellucid.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"pellucid.testing.{_HOME[name]}"), name)
    globals()[name] = value
    return value
