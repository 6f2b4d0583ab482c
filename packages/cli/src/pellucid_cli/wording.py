"""Words for messages: did you mean, lists of names, counted things."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

LONGEST_ITEM = 60  # of what is enumerated


def _plain(name: str) -> str:
    return re.sub(r"[^0-9a-z]+", "", name.casefold())


def closest(name: str, known: Iterable[str], n: int = 3, cutoff: float = 0.6) -> list[str]:
    """The known names nearest to `name`, best first; case, spaces and punctuation count for nothing."""
    names = list(dict.fromkeys(known))
    same = [k for k in names if _plain(k) == _plain(name)]
    if same:
        return same[:n]
    plain: dict[str, list[str]] = {}
    for k in names:
        plain.setdefault(_plain(k), []).append(k)
    near = [k for p in difflib.get_close_matches(_plain(name), plain, n, cutoff) for k in plain[p]]
    if not near and len(_plain(name)) >= 3:  # "width" for "petal_width"
        near = [k for k in names if _plain(name) in _plain(k)]
    return near[:n]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """' Did you mean 'a' or 'b'?', with its leading space, or nothing at all."""
    near = closest(name, known)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def enumerate_names(names: Iterable[object], most: int = 8) -> str:
    """'a, b, c' and, past `most` of them, how many more; each on one line and cut where it is too long."""
    from pellucid.specs import plain

    items = [str(name) for name in names]
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(shorten(plain(item), LONGEST_ITEM) for item in items[:most]) + more


def shorten(text: str, longest: int) -> str:
    """The text, cut with "…" where it is longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def plural(n: int, noun: str) -> str:
    """'1 row', '2,000 rows'."""
    return f"1 {noun}" if n == 1 else f"{n:,} {noun}s"


def brief(x: float) -> str:
    """A number for people: four digits that matter, no exponent where plain digits are short."""
    return f"{x:,.0f}" if 1e4 <= abs(x) < 1e9 else f"{x:.4g}"
