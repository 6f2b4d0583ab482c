"""The one exception that means: the data or the model is at fault, the command line was right."""

from __future__ import annotations


class Fault(Exception):
    """Ends a command with exit code 1 and its message as the one line on stderr.

    The message says what must hold, what came, and what to try. A mistake in the command line itself is a
    `click.UsageError` instead: exit code 2.
    """
