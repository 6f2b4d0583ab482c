"""What a command tells its user: lines on stdout for people, or one JSON document for programs."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click

from pellucid.specs import plain


class Report:
    """Collects what was said; prints it unless the command is quiet or speaks JSON.

    Attributes
    ----------
    lines : list of str
        Every remark so far, also those that were not printed.
    """

    def __init__(self, *, quiet: bool = False, as_json: bool = False, to_stderr: bool = False) -> None:
        self.quiet, self.as_json, self.to_stderr = quiet, as_json, to_stderr
        self.lines: list[str] = []

    def title(self, text: str) -> None:
        """Print the line that a block of remarks stands under."""
        if not (self.quiet or self.as_json):
            click.secho(plain(text), bold=True, err=self.to_stderr)

    def say(self, *lines: str) -> None:
        """Print one line for each decision that was taken."""
        for line in lines:
            self.lines.append(line)
            if not (self.quiet or self.as_json):
                click.echo(f"  {plain(line)}", err=self.to_stderr)

    def result(self, rows: Iterable[tuple[str, str]]) -> None:
        """Print the outcome in two aligned columns; also when quiet, but not beside JSON."""
        pairs = [(plain(left), right) for left, right in rows]
        if not self.as_json and pairs:
            width = max(len(left) for left, _ in pairs)
            for left, right in pairs:
                click.echo(f"  {left.ljust(width)}  {right}", err=self.to_stderr)


def plain_value(value: Any) -> Any:
    """The value as JSON knows it: tuples become lists, NumPy scalars Python's, and NaN and infinity null."""
    if isinstance(value, Mapping):
        return {str(k): plain_value(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain_value(v) for v in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if hasattr(value, "tolist"):  # a NumPy scalar or array
        return plain_value(value.tolist())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return repr(value)


def print_json(document: Any) -> None:
    """Print one JSON document, valid for every reader (no NaN), to stdout; ASCII where that cannot show everything."""
    any_letter = (sys.stdout.encoding or "").lower().startswith("utf")
    click.echo(json.dumps(plain_value(document), indent=2, ensure_ascii=not any_letter, allow_nan=False))
