"""A table out: CSV, TSV, Parquet and JSON files, complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid_cli.faults import Fault

if TYPE_CHECKING:
    import polars as pl

WRITABLE = {".csv": "CSV", ".tsv": "TSV", ".parquet": "Parquet", ".json": "JSON", ".jsonl": "JSON lines"}


def write_table(frame: pl.DataFrame, out: str) -> None:
    """Write the table in the form its suffix names (see `WRITABLE`); "-" is CSV on stdout.

    The file appears complete or not at all; where a link stands, the file that it points to is replaced.

    Raises
    ------
    Fault
        It cannot be written there.
    """
    from pellucid.archive import replacing

    if out == "-":
        import click

        _check_types(frame, ".csv")
        click.echo(frame.write_csv().encode(), nl=False)  # bytes: UTF-8 whatever the terminal's encoding is
        return
    suffix = Path(out).suffix.lower()
    writers: dict[str, Callable[[Any], Any]] = {
        ".csv": frame.write_csv,
        ".tsv": lambda file: frame.write_csv(file, separator="\t"),
        ".parquet": frame.write_parquet,
        ".json": frame.write_json,
        ".jsonl": frame.write_ndjson,
    }
    _check_types(frame, suffix)
    try:
        with replacing(Path(out)) as file:
            writers[suffix](file)
    except OSError as error:
        raise Fault(f"{out} cannot be written: {error.strerror or error}") from error


def _check_types(frame: pl.DataFrame, suffix: str) -> None:
    """Refuse what the form has no words for, before polars does in words of its own."""
    import polars as pl

    for name, dtype in frame.schema.items():
        text = suffix in (".csv", ".tsv") and (dtype.is_nested() or dtype == pl.Duration)
        if text or (suffix != ".parquet" and dtype in (pl.Binary, pl.Object)):
            raise Fault(f"{WRITABLE[suffix]} cannot hold {name!r}, which is {dtype}; write a .parquet file (--out)")


def check_writable(out: str) -> None:
    """Say before the work, not after it, that a file cannot be written there.

    Raises
    ------
    Fault
        Its folder does not exist or may not be written to, or it is a folder itself.
    """
    path = Path(out)
    if path.is_dir():
        raise Fault(f"{out} is a folder; name a file")
    folder = Path(os.path.realpath(path)).parent  # the file is made there before it takes its name
    if not folder.is_dir():
        raise Fault(f"{out} cannot be written: there is no folder {path.parent}")
    if not all(os.access(place, os.W_OK) for place in (folder, path) if place.exists()):
        raise Fault(f"{out} cannot be written: permission denied")
