"""Parameters that several models have, and what must hold of them."""

from __future__ import annotations

from typing import Any

from pellucid.validation import is_number, is_whole


def check_level(level: Any) -> float:
    """Return the level, or raise where it is no probability, or so near to 0 or 1 that no quantile belongs to it."""
    if not (is_number(level) and 0.5 < 0.5 + level / 2 < 1):  # which quantile it asks for
        raise ValueError(f"level must be a probability between 0 and 1, got {level!r}. Try level=0.95.")
    return float(level)


def check_steps(max_iter: Any, tol: Any) -> None:
    """Raise where it is not said how many steps a search may take, or when it has arrived."""
    if not (is_whole(max_iter) and max_iter >= 1 and is_number(tol) and tol >= 0):
        raise ValueError(
            "max_iter must be a whole number of 1 or more, and tol must be a number of 0 or more, got "
            f"{max_iter!r} and {tol!r}."
        )
