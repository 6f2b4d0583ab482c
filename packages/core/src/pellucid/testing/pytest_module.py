"""The conformance kit as a pytest module of one line."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from pellucid.specs import plain
from pellucid.testing.cases import Case, cases


def conformance(target: str, expected_failures: Mapping[str, str] | None = None) -> Callable[..., None]:
    """A test function with one case for each check of a target.

    Parameters
    ----------
    target : str
        "pellucid-acme", "acme/stump", "stump.py" or "stump.py::Stump"; see `pellucid.testing.cases`.
    expected_failures : mapping of str to str, optional
        From a case's id, or a check's name for all of its cases, to the reason why it fails. A check that is expected
        to fail, and passes or is skipped, is a failure.

    Returns
    -------
    callable
        To be assigned to a name that begins with ``test_``.

    Raises
    ------
    ValueError
        If a reason is missing, or there is no such case.
    """
    import pytest

    expected = dict(expected_failures or {})
    found = cases(target)
    names = {name for case in found for name in (case.id, case.check.name)}
    for name, reason in expected.items():
        if name not in names:
            raise ValueError(f"expected_failures names {name!r}, and {target} has no such check")
        if not isinstance(reason, str) or not plain(reason):
            raise ValueError(f"expected_failures must say why {name!r} fails")

    def parameter(case: Case) -> Any:
        reason = expected.get(case.id) or expected.get(case.check.name)
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
        return pytest.param(case, id=case.id, marks=marks)

    @pytest.mark.parametrize("case", [parameter(case) for case in found])
    def test_conformance(case: Case) -> None:
        result = case.run()
        expects_failure = case.id in expected or case.check.name in expected
        if result.status == "failed" or (expects_failure and result.status == "warned"):
            pytest.fail(f"{result.saw}\nwanted: {result.wants}\n\n{result.traceback}", pytrace=False)
        if result.status == "warned":
            warnings.warn(f"{result.id}: {result.saw}. It wants: {result.wants}", stacklevel=1)
        if result.status == "skipped" and not expects_failure:
            pytest.skip(result.saw)

    return test_conformance
