"""DATA in, a table out: CSV, TSV and Parquet files, NumPy's .npz files, and dataset:NAME."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid_cli.faults import Fault
from pellucid_cli.text_table import MISSING, TEXT_SUFFIXES, read_text_table
from pellucid_cli.wording import closest, enumerate_names

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

READABLE = "a CSV, TSV or Parquet file, an .npz file, or dataset:NAME"


@dataclass(frozen=True)
class Table:
    """Named columns of equal length, and what was done to get them.

    Attributes
    ----------
    name : str
        The file's name, or dataset:NAME.
    frame : polars.DataFrame
        Typed columns: integers, floats, booleans or text, or whatever a Parquet file holds.
    given : polars.DataFrame
        The same rows as the file has them; text where it is a text file.
    target : str or None
        The column that the data itself names as the one to predict.
    remarks : tuple of str
        One line for each thing that its owner may want to know.
    """

    name: str
    frame: pl.DataFrame
    given: pl.DataFrame
    target: str | None = None
    remarks: tuple[str, ...] = ()

    def with_names(self, names: Iterable[str]) -> pl.DataFrame:
        """The frame, but with these columns as names, not numbers: "007" stays "007" where the file is text."""
        import polars as pl

        def as_given(name: str) -> pl.Series:
            text = self.given[name].str.strip_chars()
            return text.set(text.is_in(MISSING), None)

        numbers = [name for name in names if name in self.frame.columns and self.frame[name].dtype.is_numeric()]
        return self.frame.with_columns(as_given(name) for name in numbers if self.given[name].dtype == pl.String)


def read_table(data: str) -> Table:
    """Read DATA as the commands take it.

    Parameters
    ----------
    data : str
        A path, or dataset:NAME.

    Returns
    -------
    Table
        At least one row and one column.

    Raises
    ------
    Fault
        The file is not there, cannot be read as what its suffix says, or holds no rows.
    """
    if not data:
        raise Fault(f"DATA is empty; give {READABLE}")
    if data.startswith("dataset:"):
        return _dataset(data)
    path = Path(data)
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    if path.is_dir():
        raise Fault(f"{data} is a folder; give {READABLE}")
    if not path.exists():
        raise Fault(f"there is no file {data}.{_neighbour(path)}")
    try:
        if suffix in TEXT_SUFFIXES:
            frame, given, remarks = read_text_table(path)
            table = Table(path.name, frame, given, None, remarks)
        elif suffix in (".parquet", ".pq"):
            table = _parquet(path)
        elif suffix == ".npz":
            table = _npz(path)
        else:
            raise Fault(f"{path.name}: cannot read {suffix or 'a file without suffix'}; give {READABLE}")
    except OSError as error:
        raise Fault(f"{data} cannot be read: {error.strerror or error}") from error
    if not table.frame.width or not table.frame.height:
        raise Fault(f"{path.name} has no rows of data" + (", only a header" if table.frame.width else ""))
    return table


def _neighbour(path: Path) -> str:
    """What the user may have meant: a file beside it of a similar name, or a dataset."""
    from pellucid import registry

    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.is_file()]
    except OSError:
        return f" The folder {path.parent} does not exist either."
    near = [str(path.parent / name) for name in closest(path.name, names, cutoff=0.8)]
    if not path.suffix:
        near = [f"dataset:{spec.id}" for spec in registry.dataset_specs() if spec.id == path.name] + near
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _parquet(path: Path) -> Table:
    import polars as pl

    try:
        frame = pl.read_parquet(path, glob=False)
    except pl.exceptions.PolarsError as error:
        reason = " ".join(str(error).split())
        raise Fault(f"{path.name} cannot be read as Parquet: {reason[:200]}") from error
    return Table(path.name, frame, frame)


def _npz(path: Path) -> Table:
    import zipfile

    import numpy as np

    if not zipfile.is_zipfile(path):
        raise Fault(f"{path.name} is not an .npz file; write it with np.savez(path, X=X, y=y)")
    try:
        with np.load(path, allow_pickle=False) as file:
            if "header.json" in file.files:
                raise Fault(f"{path.name} holds a model, not a table; `pellucid predict MODEL DATA` applies it to one")
            arrays = {name: file[name] for name in file.files}
            arrays = {name: _plain(array) for name, array in arrays.items() if isinstance(array, np.ndarray)}
    except (ValueError, EOFError, KeyError, MemoryError, zipfile.BadZipFile) as error:
        if "pickle" in str(error).lower():
            raise Fault(f"{path.name} holds Python objects, which are not read; save plain arrays") from error
        raise Fault(f"{path.name} cannot be read as .npz: {error}") from error
    tables = [name for name, array in arrays.items() if array.ndim == 2]
    shapes = enumerate_names(f"{name} {array.shape}" for name, array in arrays.items())
    if "X" in arrays and arrays["X"].ndim >= 2:
        return _from_arrays(path.name, arrays["X"], arrays.get("y"))
    if len(tables) == 1:
        return _from_arrays(path.name, arrays[tables[0]], None)
    raise Fault(f"{path.name} needs arrays X (N, D) and y (N,), or one 2-D array; it holds: {shapes or 'nothing'}")


def _plain(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same values in a type that a table can hold: bytes as text, long doubles as floats."""
    import numpy as np

    if array.dtype.kind == "S":
        return np.strings.decode(array, "utf-8")
    return array.astype(np.float64) if array.dtype == np.longdouble else array


def _from_arrays(name: str, X: np.ndarray[Any, Any], y: np.ndarray[Any, Any] | None) -> Table:
    import polars as pl

    remarks: tuple[str, ...] = ()
    if X.ndim > 2:
        remarks = (f"X has shape {X.shape}: each row was laid out flat, {X[0].size if len(X) else 0} columns",)
        X = X.reshape(len(X), -1)
    if X.dtype.kind not in "fiubU":
        raise Fault(f"{name}: X must hold numbers or text, not {X.dtype}")
    frame = pl.DataFrame(X, schema=[f"x{i}" for i in range(X.shape[1])], orient="row")
    if y is None:
        return Table(name, frame, frame, None, remarks)
    if y.shape not in ((len(X),), (len(X), 1)):
        raise Fault(f"{name}: y must be one value for each of the {len(X)} rows of X, but its shape is {y.shape}")
    frame = frame.with_columns(pl.Series("y", y.reshape(len(X))))
    return Table(name, frame, frame, "y", remarks)


def _dataset(data: str) -> Table:
    import numpy as np
    import polars as pl

    from pellucid import registry

    found = registry.dataset(data.removeprefix("dataset:"))
    frame = pl.DataFrame(np.asarray(found.X), schema=list(found.feature_names), orient="row")
    y = np.asarray(found.y)
    if found.target_names:
        y = np.asarray(found.target_names)[y.astype(np.int64)]
    target = found.target if found.target not in frame.columns else f"{found.target}_target"
    frame = frame.with_columns(pl.Series(target, y))
    return Table(data, frame, frame, target)
