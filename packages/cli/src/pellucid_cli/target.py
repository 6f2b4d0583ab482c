"""The column to predict: whether its values are classes or numbers, and whether the model can do that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pellucid_cli.faults import Fault
from pellucid_cli.table_encoder import mean_and_sd
from pellucid_cli.wording import brief, enumerate_names, plural

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from pellucid import ModelSpec

LEARNABLE = ("classification", "regression")  # the tasks that `fit` knows
OWN_UNIT = {"unscaled target", "positive target"}  # tags of models that must see y as it is, counts for example
FEW = 20  # whole numbers with at most this many values are classes, where a model can do both


@dataclass(frozen=True)
class Target:
    """What is predicted: a class, of which the rest of the program handles the place 0..K-1 in `classes`, or a number.

    Attributes
    ----------
    name : str
        The column's name.
    task : str
        "classification" or "regression".
    classes : tuple of str, int or bool
        In ascending order; empty for regression.
    mean, sd : float
        A model for numbers is given (y - mean) / sd, so that its settings mean the same whatever the unit of y.
    """

    name: str
    task: str
    classes: tuple[str | int | bool, ...] = ()
    mean: float = 0.0
    sd: float = 1.0

    @property
    def predicted(self) -> str:
        """The name of the column that predictions are written in."""
        return f"{self.name}_predicted"

    def encode(self, column: pl.Series) -> np.ndarray[Any, Any]:
        """The column as numbers, (N,): places in `classes`, -1 for what is none of them; or floats, NaN for none."""
        import numpy as np
        import polars as pl

        if self.task == "regression":
            return column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
        place = {str(label): k for k, label in enumerate(self.classes)}
        return np.array([place.get(str(label), -1) for label in _labels(column)], dtype=np.int64)

    def standardised(self, y: np.ndarray[Any, Any]) -> Target:
        """The same target with the mean and sd of the training rows, (N,)."""
        mean, sd = mean_and_sd(y)
        return replace(self, mean=mean, sd=sd or 1.0)

    def to_model(self, y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Encoded values, (N,), as the model is given them: the labels, or standardised numbers."""
        import numpy as np

        return np.array(self.classes)[y] if self.classes else (y - self.mean) / self.sd

    def from_model(self, y: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """What the model returned, (N,), as encoded values."""
        import numpy as np

        if not self.classes:
            return y * self.sd + self.mean
        place = {str(label): k for k, label in enumerate(self.classes)}
        if strange := sorted({str(label) for label in y.tolist()} - place.keys()):
            raise Fault(f"the model predicts {strange[0]!r}, which is no class of {self.name!r}")
        return np.array([place[str(label)] for label in y.tolist()], dtype=np.int64)

    def decode(self, y: np.ndarray[Any, Any]) -> pl.Series:
        """Encoded values, (N,), as a column for people."""
        import polars as pl

        if self.task == "regression":
            return pl.Series(self.predicted, y)
        return pl.Series(self.predicted, [self.classes[int(code)] for code in y])

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Target:
        """The target that the notes in a model's file describe."""
        try:
            if state["task"] not in LEARNABLE:
                raise ValueError(f"task {state['task']!r}")
            mean, sd = float(state["mean"]), float(state["sd"])
            return cls(str(state["name"]), state["task"], tuple(state["classes"]), mean, sd)
        except (LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise Fault(f"the model's notes on its target cannot be read: {type(error).__name__}: {error}") from error


def learn_target(column: pl.Series, model: ModelSpec) -> tuple[Target, list[str]]:
    """Decide what the target is, for this model.

    Parameters
    ----------
    column : polars.Series
        The target of the rows that have one.
    model : ModelSpec
        The model; its tasks include classification or regression.

    Returns
    -------
    target : Target
    remarks : list of str

    Raises
    ------
    Fault
        The model cannot predict such values (the message names some that can), or they are all the same.
    """
    import numpy as np
    import polars as pl

    name = column.name
    if column.dtype.is_temporal() or column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        raise Fault(f"the target {name!r} holds {column.dtype}; it must hold numbers or text")
    text = not column.dtype.is_numeric()
    real = not text and not _whole(column)
    classifies, regresses = (task in model.tasks for task in LEARNABLE)
    classification = classifies and (text or not regresses or not (real or column.n_unique() > FEW))

    if classification:
        if real:
            raise Fault(
                f"the target {name!r} holds fractions ({_some(column)}), but {model.id} predicts classes"
                + _others("regression", "numbers")
            )
        classes = tuple(sorted(set(_labels(column))))
        remarks = [f"target {name!r}: {len(classes)} classes ({enumerate_names(classes, 12)})"]
        if len(classes) == 1:
            raise Fault(f"the target {name!r} is {classes[0]!r} in all {len(column):,} rows: nothing to tell apart")
        if len(classes) > max(len(column) / 2, min(10, len(column) - 1)):
            raise Fault(
                f"the target {name!r} has {len(classes):,} different values in {plural(len(column), 'row')}: too many "
                "to be classes" + ("" if text else _others("regression", "numbers"))
            )
        if not text and len(classes) > FEW:
            remarks.append(f"each whole number is a class of its own{_others('regression', 'numbers')}")
        return Target(name, "classification", classes), remarks

    if text and column.dtype != pl.Boolean:
        raise Fault(
            f"the target {name!r} holds text ({_some(column)}), but {model.id} predicts numbers"
            + _others("classification", "classes")
        )
    y = column.cast(pl.Float64).to_numpy()
    if not np.isfinite(y).all():
        raise Fault(f"the target {name!r} must be finite, but it holds {y[~np.isfinite(y)][0]}; remove those rows")
    if y.min() == y.max():
        raise Fault(f"the target {name!r} is {y[0]:g} in all {len(column):,} rows: nothing to learn")
    remarks = [f"target {name!r}: numbers from {brief(y.min())} to {brief(y.max())}"]
    if column.dtype == pl.Boolean:
        remarks = [f"target {name!r}: false is 0 and true is 1{_others('classification', 'classes')}"]
    return Target(name, "regression"), remarks


def _whole(column: pl.Series) -> bool:
    import polars as pl

    if column.dtype.is_integer():
        return True
    values = column.cast(pl.Float64)
    return bool(values.is_finite().all() and (values == values.round()).all())


def _labels(column: pl.Series) -> list[Any]:
    """Python values that name classes; 2.0 is 2, and None where there is no value."""
    import polars as pl

    if column.dtype.is_numeric():
        if column.dtype.is_integer() or not _whole(column.drop_nulls()):
            return column.to_list()
        column = column.cast(pl.Int64, strict=False)
    elif column.dtype != pl.Boolean:
        column = column.cast(pl.String)
    return column.to_list()


def _some(column: pl.Series) -> str:
    return enumerate_names([repr(v) for v in column.unique(maintain_order=True).head(3).to_list()]) + ", ..."


def _others(task: str, what: str) -> str:
    """Which installed models do what this one does not."""
    import pellucid

    ids = [spec.id for spec in pellucid.models(task=task)]
    if not ids:
        return f"; no installed model predicts {what} (pip install pellucid-linear)"
    return f"; for {what} use {enumerate_names(ids, 4)}"
