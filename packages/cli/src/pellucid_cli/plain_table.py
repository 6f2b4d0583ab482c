"""Aligned columns of text: what the listing commands print, without any library."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from pellucid_cli.wording import shorten


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """The rows under their header, each column as wide as its widest cell.

    Parameters
    ----------
    header : sequence of str
        One name for each column.
    rows : sequence of sequences of str
        As many cells in each as there are names.
    width : int, optional
        Where the last column is cut (with "…"). By default the terminal's width, and no cut when stdout is a file.

    Returns
    -------
    str
        Lines without trailing spaces, and no newline at the end.
    """
    if width is None:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    start = sum(widths[:-1]) + 2 * (len(header) - 1)  # where the last column begins
    room = max(width - start, 20) if width else 0
    lines = []
    for cells in [list(header), *map(list, rows)]:
        if room:
            cells[-1] = shorten(cells[-1], room)
        lines.append("  ".join(cell.ljust(w) for cell, w in zip(cells, widths, strict=True)).rstrip())
    return "\n".join(lines)
