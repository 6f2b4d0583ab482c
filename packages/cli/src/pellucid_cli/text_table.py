"""CSV and TSV files, in the many forms that spreadsheets and programs write them.

Polars reads every field as text first; the columns are typed here afterwards. So nothing is guessed from the first rows
only, and what was read can be written again exactly as it was.
"""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid_cli.faults import Fault

if TYPE_CHECKING:
    import polars as pl

TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".tab")
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "Null", "?")  # mean: no value
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def read_text_table(path: Path) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Read a CSV or TSV file, also one with semicolons, vertical bars or decimal commas.

    Parameters
    ----------
    path : Path
        UTF-8 text, possibly gzipped, with a header line.

    Returns
    -------
    frame : polars.DataFrame
        Typed columns: integers, floats, booleans, text.
    given : polars.DataFrame
        The same rows, every field as the text that the file has.
    remarks : tuple of str
        What its owner may want to know.

    Raises
    ------
    Fault
        It is empty, in another encoding, or not a table: the line is named.
    """
    import polars as pl

    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if not path.stat().st_size:
        raise Fault(f"{path.name} is empty; it needs a header line and rows")
    options: dict[str, Any] = {"infer_schema_length": 0}  # every column as text
    try:
        header = pl.read_csv(path, has_header=False, n_rows=1, separator="\x1f", quote_char=None, **options)
        first_line = str(header.item()) if header.height else ""
        separator = _separator(first_line, suffix)
        given = pl.read_csv(path, separator=separator, **options)
    except pl.exceptions.NoDataError:
        raise Fault(f"{path.name} is empty; it needs a header line and rows") from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise Fault(_why_unreadable(path, suffix, str(error))) from error

    remarks = []
    if separator != (usual := "\t" if suffix in (".tsv", ".tab") else ","):
        remarks.append(f"columns are separated by {DELIMITERS[separator]}, not {DELIMITERS[usual]}")
    stripped = [name.strip() for name in given.columns]
    if len(set(stripped)) == len(stripped):
        given.columns = stripped
    for name in given.columns:
        original, twice, number = name.rpartition("_duplicated_")
        if twice and number.isdigit() and original in given.columns:
            remarks.append(f"the header names {original!r} more than once: another one is called {name!r} here")

    blank = pl.all_horizontal(pl.all().is_null()) if given.width > 1 else pl.lit(False)
    given = given.filter(~blank)  # a line without anything is no row
    if given.height and given[:, -1].is_null().any():
        remarks += _short_rows(path, separator, given.width)
    columns = []
    for column in given:
        typed, commas = _typed(column, decimal_comma=separator != ",")
        columns.append(typed)
        if commas:
            remarks.append(f"{column.name!r} is written with decimal commas: read as numbers")
    frame = pl.DataFrame(columns)
    like_data = [c.name for c in frame if c.dtype.is_numeric() and _is_number(c.name)]
    if len(like_data) * 2 > frame.width:
        remarks.append(f"the first line was taken as the header, though it looks like data: {first_line[:60]}")
    return frame, given, tuple(remarks)


def _separator(header: str, suffix: str) -> str:
    if suffix in (".tsv", ".tab"):
        return "\t"
    counts = {mark: header.count(mark) for mark in DELIMITERS}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ","


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _typed(column: pl.Series, *, decimal_comma: bool) -> tuple[pl.Series, bool]:
    """The text column as integers, floats or booleans where every value is one; and whether commas were points."""
    import polars as pl

    text = column.str.strip_chars()
    text = text.set(text.is_in(MISSING), None)
    missing = text.null_count()
    if missing == len(text):
        return text, False
    for dtype in (pl.Int64, pl.Float64):
        numbers = text.cast(dtype, strict=False)
        if numbers.null_count() == missing:
            return numbers, False
    if decimal_comma and text.str.contains(r"^[+-]?\d*,?\d+$").all():
        return text.str.replace(",", ".", literal=True).cast(pl.Float64), True
    lower = text.str.to_lowercase()
    if lower.is_in(["true", "false"]).all():
        return lower == "true", False
    return text, False


def _open_text(path: Path) -> Any:
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="utf-8-sig", errors="replace", newline="")


def _why_unreadable(path: Path, suffix: str, error: str) -> str:
    """Find out, slowly, what polars tripped over, and name the line."""
    raw = (gzip.open if path.suffix == ".gz" else open)(path, "rb")
    with raw as file:
        content = file.read()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return f"{path.name} is UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8 OLD > NEW)"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as bad:
        line = content.count(b"\n", 0, bad.start) + 1
        return (
            f"{path.name} is not UTF-8 text: byte 0x{content[bad.start]:02x} in line {line}; save it as UTF-8, "
            "for example with: iconv -f WINDOWS-1252 -t UTF-8 OLD > NEW"
        )
    with _open_text(path) as lines:
        separator = _separator(lines.readline(), suffix)
        lines.seek(0)
        reader = csv.reader(lines, delimiter=separator)
        try:
            names = next(reader)
            for row in reader:
                if len(row) > len(names):
                    return (
                        f"{path.name}: line {reader.line_num} has {len(row)} fields but the header names {len(names)}; "
                        f"quote the fields that hold {DELIMITERS[separator]}"
                    )
        except (csv.Error, StopIteration):
            pass
    reason = " ".join(error.split("You might want")[0].split())
    return f"{path.name} cannot be read as a table with {DELIMITERS[separator]} between its columns: {reason[:200]}"


def _short_rows(path: Path, separator: str, width: int) -> list[str]:
    """Rows that end early; polars fills them up with missing values and says nothing."""
    with _open_text(path) as lines:
        reader = csv.reader(lines, delimiter=separator)
        short = [reader.line_num for row in reader if 0 < len(row) < width and any(row)]
    if not short:
        return []
    rows = "1 row has" if len(short) == 1 else f"{len(short):,} rows have"
    return [f"{rows} fewer than {width} fields (line {short[0]}): what is not there counts as missing"]
