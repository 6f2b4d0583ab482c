"""TableEncoder: from a table's columns to the numbers a model takes, learnt from the training rows only.

    numbers      missing -> the training median; then (x - mean) / sd with the training mean and sd
    text, bool   one column of 0 and 1 for each value seen in training, and one for `missing` where it occurred
    left out     columns that say nothing a model could use: constant, identifiers, dates, lists

The encoder is a record that JSON can hold, so the model's file carries it and `predict` repeats it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from pellucid_cli.faults import Fault
from pellucid_cli.wording import brief, did_you_mean, enumerate_names, plural

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]

Rows = Sequence[int]
MOST_CATEGORIES = 100  # of one column; the rarer ones become all zeros
MOST_LINES = 6  # of the same kind; what is beyond is summed up in one
ROW_NUMBERS = {"", "id", "index", "row", "row_id", "rowid", "row_number", "unnamed: 0", "column_0"}
DATE = r"^(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](\d{2}|\d{4}))([T ]\d{1,2}:\d{2}.*)?$|^\d{1,2}:\d{2}(:\d{2})?$"


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers: (x - mean) / sd, and what stands where there is none."""

    name: str
    median: float
    mean: float = 0.0
    sd: float = 1.0


@dataclass(frozen=True)
class CategoryColumn:
    """A column of names: one 0/1 column for each category, and one for a missing value if training had any."""

    name: str
    categories: tuple[str, ...]
    missing: bool = False


@dataclass(frozen=True)
class TableEncoder:
    """What was learnt about the columns; made by `TableEncoder.learn`.

    Attributes
    ----------
    columns : tuple of NumberColumn and CategoryColumn
        In the table's order.
    left_out : dict of str to str
        Each column that is not used, and why.
    scale : bool
        Whether numbers are standardised.
    """

    columns: tuple[NumberColumn | CategoryColumn, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    scale: bool = True

    # ------------------------------------------------------------ learning
    @classmethod
    def learn(cls, frame: pl.DataFrame, *, scale: bool = True) -> tuple[TableEncoder, list[str]]:
        """Decide about every column of the training rows.

        Parameters
        ----------
        frame : polars.DataFrame
            The training rows, without the target.
        scale : bool
            Whether to standardise the numbers.

        Returns
        -------
        encoder : TableEncoder
            Never without columns.
        remarks : list of str
            One line for each decision.

        Raises
        ------
        Fault
            No column is left to learn from.
        """
        columns: list[NumberColumn | CategoryColumn] = []
        left_out: dict[str, str] = {}
        remarks: list[str] = []
        for column in frame:
            learnt, remark = _learn_column(column, scale)
            if isinstance(learnt, str):
                left_out[column.name] = learnt
            else:
                columns.append(learnt)
            if remark:
                remarks.append(remark)
        if not columns:
            reasons = "; ".join(_shortened([f"{name!r} {why}" for name, why in left_out.items()], "columns"))
            raise Fault(f"no column is left to learn from: {reasons or 'there is only the target'}")
        return cls(tuple(columns), left_out, scale), _left_out_lines(left_out) + remarks + _used_lines(columns, scale)

    # ------------------------------------------------------------ using
    @property
    def feature_names(self) -> list[str]:
        """A name for each column that a model sees: 'age', 'colour=red', 'colour=missing'."""
        names = []
        for column in self.columns:
            if isinstance(column, NumberColumn):
                names.append(column.name)
            else:
                names += [f"{column.name}={c}" for c in (*column.categories, *["missing"] * column.missing)]
        return names

    @property
    def text_columns(self) -> list[str]:
        """The names of the columns that hold names, not numbers."""
        return [column.name for column in self.columns if isinstance(column, CategoryColumn)]

    def encode(
        self, frame: pl.DataFrame, name: str = "the table", rows: Rows | None = None
    ) -> tuple[Matrix, list[str]]:
        """Turn rows into numbers as it was learnt.

        Parameters
        ----------
        frame : polars.DataFrame
            Rows with at least the columns that were learnt, in any order.
        name : str
            What messages call the table.
        rows : sequence of int, optional
            The numbers that messages give the rows; from 1 by default.

        Returns
        -------
        X : ndarray of shape (N, D)
            Finite float64.
        remarks : list of str
            How many values were missing or never seen before, and what stands there now.

        Raises
        ------
        Fault
            A column is missing, holds something else than it did in training, or an infinite number.
        """
        import numpy as np

        absent = [c.name for c in self.columns if c.name not in frame.columns]
        if absent:
            hint = did_you_mean(absent[0], [c for c in frame.columns if c not in {k.name for k in self.columns}])
            word = "the column" if len(absent) == 1 else f"{len(absent)} columns"
            raise Fault(
                f"{name} lacks {word} {enumerate_names(map(repr, absent))} that the model was trained on.{hint}"
            )
        numbers = range(1, frame.height + 1) if rows is None else rows
        X = np.zeros((frame.height, len(self.feature_names)))
        missing: list[tuple[str, int, str]] = []
        odd: list[str] = []
        at = 0
        for column in self.columns:
            if isinstance(column, NumberColumn):
                values, remark = _numbers(frame[column.name], numbers)
                gone = np.isnan(values)
                with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                    X[:, at] = (np.where(gone, column.median, values) - column.mean) / column.sd
                if not np.isfinite(X[:, at]).all():
                    raise Fault(f"{column.name!r} has numbers too large for the scale learnt in training; leave it out")
                instead = f"filled with the training median {brief(column.median)}"
                at += 1
            else:
                codes, remark = _codes(frame[column.name], column)
                gone = codes == len(column.categories)
                width = len(column.categories) + column.missing
                known = np.flatnonzero(codes < width)
                X[known, at + codes[known]] = 1.0
                instead = "a category of its own" if column.missing else "all zeros, for there was none in training"
                at += width
            if gone.any():
                missing.append((column.name, int(gone.sum()), instead))
            if remark:
                odd.append(remark)
        return X, _missing_lines(missing) + _shortened(odd, "columns with values unlike those in training")

    # ------------------------------------------------------------ as JSON
    def to_json(self) -> dict[str, Any]:
        """The encoder as dicts, lists, numbers and text."""
        return {
            "scale": self.scale,
            "columns": [
                {"kind": "number" if isinstance(c, NumberColumn) else "category"} | asdict(c) for c in self.columns
            ],
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> TableEncoder:
        """The encoder that `to_json` described.

        Raises
        ------
        Fault
            The description is not one that `to_json` writes.
        """
        try:
            columns: list[NumberColumn | CategoryColumn] = []
            for c in state["columns"]:
                if c["kind"] == "number":
                    columns.append(NumberColumn(str(c["name"]), float(c["median"]), float(c["mean"]), float(c["sd"])))
                else:
                    columns.append(CategoryColumn(str(c["name"]), tuple(map(str, c["categories"])), bool(c["missing"])))
            return cls(tuple(columns), dict(state["left_out"]), bool(state["scale"]))
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise Fault(f"the model's notes on its columns cannot be read: {type(error).__name__}: {error}") from error


# ---------------------------------------------------------------- one column
def _learn_column(column: pl.Series, scale: bool) -> tuple[NumberColumn | CategoryColumn | str, str]:
    """What to do with a column, or why to leave it out; and a remark, or ''."""
    import polars as pl

    name, dtype, remark = column.name, column.dtype, ""
    present = column.drop_nulls()
    if dtype.is_temporal():
        return "holds dates or times", ""
    if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
        return f"holds {'lists' if dtype.is_nested() else 'Python objects or bytes'}", ""
    if present.is_empty():
        return "is empty", ""
    if dtype == pl.String:
        if present.str.contains(DATE).mean() >= 0.9:  # type: ignore[operator]
            return "holds dates or times", ""
        numbers = present.cast(pl.Float64, strict=False)
        if numbers.null_count() <= 0.1 * len(present):  # numbers, but for a few
            column, dtype = column.cast(pl.Float64, strict=False), pl.Float64()
    if dtype.is_numeric():
        return _learn_numbers(column, scale), ""

    counts = (
        present.cast(pl.String)
        .to_frame("value")
        .group_by("value")
        .len()
        .sort(["len", "value"], descending=[True, False])
    )
    if counts.height == len(present) and len(present) > 2:
        return "is different in every row, like an identifier", ""
    if counts.height > max(len(present) / 2, MOST_CATEGORIES):
        return f"has {counts.height:,} different texts in {len(present):,} rows, like an identifier", ""
    missing = len(present) < len(column)
    if counts.height == 1 and not missing:
        return "is constant", ""
    if counts.height > MOST_CATEGORIES:
        remark = f"{name!r} has {counts.height:,} different texts: the {MOST_CATEGORIES} most frequent become columns"
    return CategoryColumn(name, tuple(sorted(counts["value"].head(MOST_CATEGORIES))), missing), remark


def _learn_numbers(column: pl.Series, scale: bool) -> NumberColumn | str:
    import numpy as np
    import polars as pl

    values = column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    x = values[~np.isnan(values)]
    if np.isinf(x).any():
        return NumberColumn(column.name, 0.0)  # `encode` will refuse the column, and name the row
    if not len(x):
        return "is empty"
    if len(x) > 2 and column.name.strip().lower() in ROW_NUMBERS and np.all(np.diff(x) > 0) and np.all(x == np.rint(x)):
        return "numbers the rows"
    median = float(np.median(x))
    filled = np.where(np.isnan(values), median, values)
    mean, sd = mean_and_sd(filled)
    if filled.min() == filled.max() or sd <= 1e-14 * np.abs(filled).max():
        return "is constant"
    return NumberColumn(column.name, median, mean, sd) if scale else NumberColumn(column.name, median)


def mean_and_sd(x: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    """Mean and standard deviation, also of numbers so large or so small that their squares are not in range; (N,)."""
    import numpy as np

    unit = float(np.abs(x).max()) or 1.0
    return float((x / unit).mean() * unit), float((x / unit).std() * unit)


def _numbers(column: pl.Series, rows: Rows) -> tuple[np.ndarray[Any, np.dtype[np.float64]], str]:
    """The column as float64 with NaN where there is no number, and a remark on what was none."""
    import numpy as np
    import polars as pl

    if column.dtype.is_temporal() or column.dtype.is_nested():
        raise Fault(f"{column.name!r} must hold numbers, as it did in training; it holds {column.dtype}")
    numbers = column.cast(pl.Float64, strict=False)
    remark = ""
    lost = (numbers.is_null() & column.is_not_null()).arg_true()
    if len(lost):
        first = f"row {rows[lost[0]]} has {enumerate_names([repr(column[int(lost[0])])])}"
        if len(lost) == len(column) - column.null_count():
            raise Fault(f"{column.name!r} must hold numbers, as it did in training; {first}")
        remark = (
            f"{plural(len(lost), 'value')} of {column.name!r} cannot be read as a number ({first}): taken as missing"
        )
    values = numbers.fill_null(float("nan")).to_numpy()
    if np.isinf(values).any():
        n = int(np.flatnonzero(np.isinf(values))[0])
        raise Fault(
            f"{column.name!r} must be finite, but row {rows[n]} has {values[n]}; "
            "correct it, or leave the column out (--drop)"
        )
    return values, remark


def _codes(column: pl.Series, learnt: CategoryColumn) -> tuple[np.ndarray[Any, np.dtype[np.int64]], str]:
    """The place of each value among the categories: K where it is missing, K + 1 where it was never seen; (N,)."""
    import numpy as np
    import polars as pl

    if column.dtype.is_nested() or column.dtype.is_temporal():
        raise Fault(f"{column.name!r} must hold text, as it did in training; it holds {column.dtype}")
    K = len(learnt.categories)
    text = column.cast(pl.String)
    place = {category: k for k, category in enumerate(learnt.categories)}
    codes = np.array([K if value is None else place.get(value, K + 1) for value in text], dtype=np.int64)
    new = text.filter(pl.Series(codes > K))
    if new.is_empty():
        return codes, ""
    shown = enumerate_names([repr(v) for v in new.unique(maintain_order=True)], 3)
    return codes, f"{plural(len(new), 'value')} of {column.name!r} never seen in training ({shown}): all zeros"


# ---------------------------------------------------------------- lines for people
def _shortened(lines: list[str], what: str) -> list[str]:
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], f"and {len(lines) - MOST_LINES + 1} more {what}"]


def _missing_lines(missing: Iterable[tuple[str, int, str]]) -> list[str]:
    lines = [f"{plural(n, 'missing value')} in {name!r}: {instead}" for name, n, instead in missing]
    return _shortened(lines, "columns with missing values, treated in the same way")


def _left_out_lines(left_out: Mapping[str, str]) -> list[str]:
    """One line for each reason, with the columns that it holds for."""
    names: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        names.setdefault(reason, []).append(repr(name))
    lines = []
    for reason, columns in names.items():
        advice = " (turn them into numbers, such as days since a start, to use them)" if "dates" in reason else ""
        if len(columns) == 1:
            lines.append(f"{columns[0]} {reason}: left out{advice}")
        else:
            lines.append(f"{len(columns)} columns left out, each {reason}{advice}: {enumerate_names(columns)}")
    return lines


def _used_lines(columns: Iterable[NumberColumn | CategoryColumn], scale: bool) -> list[str]:
    texts, n = [], 0
    for c in columns:
        if isinstance(c, NumberColumn):
            n += 1
        else:
            shown = enumerate_names([*c.categories, *["missing"] * c.missing], 5)
            texts.append(f"{c.name!r} becomes {len(c.categories) + c.missing} columns of 0 and 1 ({shown})")
    lines = _shortened(texts, "columns that become columns of 0 and 1")
    if n:
        how = "standardised with the training mean and sd" if scale else "left as they are"
        lines.append(f"{plural(n, 'column')} of numbers: {how}")
    return lines
