"""CSV and TSV files, in the many forms that spreadsheets and programs write them.

Polars reads every field as text first; the columns are typed here afterwards. So nothing is guessed from the first rows
only, and what was read can be written again exactly as it was.
"""

from __future__ import annotations

import csv
import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid_cli.faults import Fault

if TYPE_CHECKING:
    import polars as pl

TEXT_SUFFIXES = (".csv", ".txt", ".tsv", ".tab")
MISSING = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "Null", "?")  # mean: no value
DASHES = ("-", "--", "—", ".")  # mean the same, but only among numbers
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
    options: dict[str, Any] = {"infer_schema_length": 0, "glob": False}  # every column as text; * and [ are letters
    try:
        lines = pl.read_csv(path, has_header=False, n_rows=2, separator="\x1f", quote_char=None, **options)
        first_line = str(lines.item(0, 0)) if lines.height else ""
        if lines.height == 1 and "\r" in first_line:  # lines that end as those of old Macs
            first_line, options["eol_char"] = first_line.partition("\r")[0], "\r"
        separator, skipped = _separator(first_line, suffix)
        given = pl.read_csv(path, separator=separator, skip_rows=skipped, **options)
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
        remarks += _short_rows(path, separator, skipped, given.width)
    columns = []
    for column in given:
        typed, remark = _typed(column, decimal_comma=separator != ",")
        columns.append(typed)
        if remark:
            remarks.append(f"{column.name!r} {remark}")
    frame = pl.DataFrame(columns)
    like_data = [c.name for c in frame if c.dtype.is_numeric() and _is_number(c.name)]
    if len(like_data) * 2 > frame.width:
        remarks.append(f"the first line was taken as the header, though it looks like data: {first_line[:60]}")
    return frame, given, tuple(remarks)


def _separator(first_line: str, suffix: str) -> tuple[str, int]:
    """What stands between the columns, and how many lines come before the header: one, if it is Excel's "sep=;"."""
    if told := re.fullmatch(r"\ufeff?sep=([,;\t|])\s*", first_line):
        return told[1], 1
    if suffix in (".tsv", ".tab"):
        return "\t", 0
    bare = re.sub(r'"[^"]*"', "", first_line)
    counts = {mark: bare.count(mark) for mark in DELIMITERS}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ",", 0


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _typed(column: pl.Series, *, decimal_comma: bool) -> tuple[pl.Series, str]:
    """The text column as integers, floats or booleans where every value is one; and a remark, or ''."""
    import polars as pl

    text = column.str.strip_chars()
    text = text.set(text.is_in(MISSING), None)
    lower = text.str.to_lowercase()
    if text.null_count() < len(text) and lower.is_in(["true", "false"]).all():
        return lower == "true", ""
    digits = text.set(text.is_in(DASHES), None)
    missing = digits.null_count()
    if missing == len(text):
        return text, ""
    for dtype in (pl.Int64, pl.Float64):
        numbers = digits.cast(dtype, strict=False)
        if numbers.null_count() == missing:
            if digits.str.contains(r"^0\d+$").any():
                return text, "has leading zeros, as codes have: read as text"
            return numbers, ""
    return _written_numbers(digits, decimal_comma) or (text, "")


def _written_numbers(text: pl.Series, decimal_comma: bool) -> tuple[pl.Series, str] | None:
    """'1,234.50', '1.234,50', '12 %', '$5' and '−3' as floats, with a remark; None if not every value is like that."""
    import polars as pl

    bare = text.str.replace("−", "-").str.replace(r"^([+-]?)[$€£]", "${1}").str.replace(r"\s?[%$€£]$", "")
    for point, group in ((",", "."), (".", ",")) if decimal_comma else ((".", ","), (",", ".")):
        if point == "," and not bare.str.contains(",").any():
            continue  # 10.100.200 is a code
        groups = f"[{group}'\u00a0\u202f]"
        if bare.str.contains(rf"^[+-]?(\d*|[1-9]\d{{0,2}}({groups}\d{{3}})+)([{point}]\d+)?$").all():
            plain = bare.str.replace_all(groups, "").str.replace(point, ".", literal=True)
            numbers = plain.cast(pl.Float64, strict=False)
            if numbers.null_count() > text.null_count():
                return None
            example = text.filter(text.cast(pl.Float64, strict=False).is_null() & text.is_not_null())[0]
            how = "with decimal commas" if point == "," else f"like {example!r}"
            return numbers, f"is written {how}: read as numbers"
    return None


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
        separator, skipped = _separator(lines.readline(), suffix)
        if not skipped:
            lines.seek(0)
        reader = csv.reader(lines, delimiter=separator)
        try:
            names = next(reader)
            for row in reader:
                if len(row) > len(names):
                    advice = f"quote the fields that hold {DELIMITERS[separator]}"
                    if len(names) == 1:
                        advice = "the first line must be the header: remove what stands above it"
                    return (
                        f"{path.name}: line {reader.line_num + skipped} has {len(row)} fields but the header names "
                        f"{len(names)}; {advice}"
                    )
        except (csv.Error, StopIteration):
            pass
        lines.seek(0)
        for n, line in enumerate(lines, start=1):
            if line.count('"') % 2:
                return (
                    f"{path.name}: line {n} has a quotation mark without a second one; a field that holds one is "
                    'written "5"" pipe"'
                )
    reason = " ".join(error.split("You might want")[0].split())
    return f"{path.name} cannot be read as a table with {DELIMITERS[separator]} between its columns: {reason[:200]}"


def _short_rows(path: Path, separator: str, skipped: int, width: int) -> list[str]:
    """Rows that end early; polars fills them up with missing values and says nothing."""
    with _open_text(path) as lines:
        reader = csv.reader(lines, delimiter=separator)
        short = [reader.line_num for row in reader if 0 < len(row) < width and any(row) and reader.line_num > skipped]
    if not short:
        return []
    rows = "1 row has" if len(short) == 1 else f"{len(short):,} rows have"
    return [f"{rows} fewer than {width} fields (line {short[0]}): what is not there counts as missing"]
