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

    The file appears complete or not at all.

    Raises
    ------
    Fault
        It cannot be written there.
    """
    if out == "-":
        import click

        click.echo(frame.write_csv(), nl=False)
        return
    path = Path(out)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    writers: dict[str, Callable[[Path], Any]] = {
        ".csv": frame.write_csv,
        ".tsv": lambda file: frame.write_csv(file, separator="\t"),
        ".parquet": frame.write_parquet,
        ".json": frame.write_json,
        ".jsonl": frame.write_ndjson,
    }
    try:
        writers[path.suffix.lower()](beside)
        beside.replace(path)
    except OSError as error:
        raise Fault(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)


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
    if not path.parent.is_dir():
        raise Fault(f"{out} cannot be written: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise Fault(f"{out} cannot be written: permission denied")
