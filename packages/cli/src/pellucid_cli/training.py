"""From a table to a trained and scored model: what `pellucid fit` and `pellucid demo` do.

rows without a target are dropped -> a test set is held out -> the columns are learnt from the training rows
-> the model is fitted -> it is scored on the held-out rows, beside an answer that ignores the data
"""

from __future__ import annotations

import inspect
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pellucid_cli.faults import Fault
from pellucid_cli.report import Report, plain_value
from pellucid_cli.scores import baseline, score
from pellucid_cli.split import split_rows
from pellucid_cli.table import Table
from pellucid_cli.table_encoder import TableEncoder
from pellucid_cli.target import OWN_UNIT, Target, learn_target
from pellucid_cli.wording import brief, did_you_mean, enumerate_names, plural

if TYPE_CHECKING:
    import numpy as np

    from pellucid import ModelSpec
    from pellucid.listeners import Listener

NOTES_FORMAT = 1
ROW = "\0row"  # a column name that no file has


@dataclass(frozen=True)
class Trained:
    """A fitted model and what is known about it.

    Attributes
    ----------
    spec, model : ModelSpec, object
        What was fitted.
    encoder, target : TableEncoder, Target
        How a table becomes its X and y.
    data, columns : str, list of str
        Name of the table and of all its columns.
    n_train, n_test, n_dropped : int
        Rows learnt from, held out, and without a target.
    y, predicted : ndarray of shape (n_test,)
        The truth and the answers on the held-out rows; on the training rows if none were held out.
    scores, train_scores, baseline_scores : dict of str to float
        On those rows, on the training rows, and the baseline's on those rows.
    baseline_answer : str, int, bool or float
        What the baseline always says: a class, or the mean.
    seconds, unit : float, str
        Duration of the fit, and what its steps are called.
    """

    spec: ModelSpec
    model: Any
    encoder: TableEncoder
    target: Target
    data: str
    columns: list[str]
    n_train: int
    n_test: int
    n_dropped: int
    y: np.ndarray[Any, Any]
    predicted: np.ndarray[Any, Any]
    scores: dict[str, float]
    train_scores: dict[str, float]
    baseline_scores: dict[str, float]
    baseline_answer: str | int | bool | float
    seconds: float
    unit: str

    @property
    def scored_rows(self) -> str:
        """'30 held-out rows', or 'the 30 training rows' where none were held out."""
        return (
            f"{plural(self.n_test, 'held-out row')}" if self.n_test else f"the {plural(self.n_train, 'training row')}"
        )

    @property
    def baseline_words(self) -> str:
        """'always 'setosa'', or 'always the mean 152'."""
        answer = self.baseline_answer
        return f"always {answer!r}" if self.target.classes else f"always the mean {brief(float(answer))}"

    def notes(self) -> dict[str, Any]:
        """What `predict` needs to know besides the model, for the model's file."""
        document: dict[str, Any] = plain_value(
            {
                "format": NOTES_FORMAT,
                "data": self.data,
                "target": asdict(self.target),
                "encoder": self.encoder.to_json(),
                "columns": self.columns,
                "feature_names": self.encoder.feature_names,
                "rows": {"train": self.n_train, "test": self.n_test},
                "scores": self.scores,
                "baseline": self.baseline_scores,
            }
        )
        return document


def train(
    spec: ModelSpec,
    cls: type[Any],
    table: Table,
    target_name: str,
    settings: Mapping[str, Any],
    *,
    report: Report,
    listener: Listener,
    test_size: float = 0.2,
    seed: int = 0,
    scale: bool = True,
    drop: Sequence[str] = (),
) -> Trained:
    """Train one model on one table and score it.

    Parameters
    ----------
    spec, cls : ModelSpec, type
        The model and its class.
    table : Table
        The data.
    target_name : str
        The column to predict.
    settings : mapping
        Constructor arguments.
    report : Report
        Is told every decision.
    listener : Listener
        Is told every step of the fit.
    test_size : float
        Share of the rows to hold out.
    seed : int
        Decides which; also the model's random_state, unless `settings` says otherwise.
    scale : bool
        Whether numbers are standardised, the target of a regression too.
    drop : sequence of str
        Columns not to use.

    Returns
    -------
    Trained

    Raises
    ------
    Fault
        The data do not suit the model, or the model fails on them.
    """
    import numpy as np

    import pellucid
    from pellucid.events import InterruptWarning
    from pellucid_cli.progress import summary

    column, unused = _target_column(table, target_name), _droppable(table, drop, target_name)
    report.say(f"{plural(table.frame.height, 'row')}, {plural(table.frame.width, 'column')}", *table.remarks)
    frame = table.frame.with_row_index(ROW, offset=1)  # messages name rows of the file
    has_target = column.is_not_null() & (column.is_not_nan() if column.dtype.is_float() else True)
    n_dropped = int((~has_target).sum())
    if n_dropped:
        report.say(f"{plural(n_dropped, 'row')} without a value in {target_name!r}: dropped")
        frame, column = frame.filter(has_target), column.filter(has_target)
    if frame.height < 2:
        raise Fault(f"{table.name} has {plural(frame.height, 'row')} with a target; it takes 2 to learn from")
    target, remarks = learn_target(column, spec)
    report.say(*remarks)
    y = target.encode(column)

    classes = y if target.task == "classification" else None
    rows, held_out = split_rows(len(y), test_size, rng=np.random.default_rng(seed), classes=classes)
    if len(held_out):
        how = "each class with its share, " if classes is not None else ""
        report.say(f"{plural(len(rows), 'row')} to learn from, {len(held_out):,} held out ({how}seed {seed})")
        if classes is not None:
            _say_alone(report, target, classes)
    else:
        report.say("no rows held out: the score is on the rows it learnt from and says little")

    numbers, features = frame[ROW].to_list(), frame.drop(ROW, target_name, *unused)
    if unused:
        report.say(f"left out as asked: {enumerate_names(map(repr, unused))}")
    encoder, remarks = TableEncoder.learn(features[rows], scale=scale)
    report.say(*remarks)
    X, remarks = encoder.encode(features, table.name, numbers)
    report.say(*remarks)

    if scale and target.task == "regression" and OWN_UNIT.isdisjoint(spec.tags):
        target = target.standardised(y[rows])
        report.say(
            f"target {target_name!r}: standardised too while it learns; scores and predictions are in its own unit"
        )
    arguments = _with_seed(cls, settings, seed, report)
    start = time.perf_counter()
    try:
        model = cls(**arguments)
        with warnings.catch_warnings(), pellucid.listening(listener):
            warnings.simplefilter("ignore", InterruptWarning)  # `stopped early` says it
            model.fit(X[rows], target.to_model(y[rows]))
        seconds = time.perf_counter() - start
        answers = target.from_model(np.asarray(model.predict(X)))
    except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise Fault(f"{spec.id} cannot be fitted to this: {error}") from error
    if answers.shape != y.shape:
        raise Fault(f"{spec.id} must predict one value for each row, {y.shape}; it returned {answers.shape}")
    if target.task == "regression" and not np.isfinite(answers).all():
        raise Fault(f"{spec.id} did not converge: it predicts values that are not finite; try other settings (--set)")
    run = listener.run
    report.say(f"fitted in {seconds:.2f} s" + (f": {summary(run)}" if summary(run) else ""))
    if run is not None and run.stopped:
        report.say(f"stopped early: {run.stopped}")

    scored = held_out if len(held_out) else rows
    answer, trivial = baseline(target.task, y[rows], y[scored])
    return Trained(
        spec=spec,
        model=model,
        encoder=encoder,
        target=target,
        data=table.name,
        columns=table.frame.columns,
        n_train=len(rows),
        n_test=len(held_out),
        n_dropped=n_dropped,
        y=y[scored],
        predicted=answers[scored],
        scores=score(target.task, y[scored], answers[scored]),
        train_scores=score(target.task, y[rows], answers[rows]),
        baseline_scores=trivial,
        baseline_answer=target.classes[int(answer)] if target.classes else answer,
        seconds=seconds,
        unit=run.unit if run is not None else "step",
    )


def _target_column(table: Table, name: str) -> Any:
    if name not in table.frame.columns:
        columns = table.frame.columns
        hint = did_you_mean(name, columns)
        raise Fault(f"{table.name} has no column {name!r}.{hint} Its columns: {enumerate_names(columns, 12)}")
    return table.frame[name]


def _droppable(table: Table, drop: Sequence[str], target: str) -> list[str]:
    for name in drop:
        if name == target:
            raise Fault(f"{name!r} is the target; it cannot be left out")
        if name not in table.frame.columns:
            raise Fault(f"{table.name} has no column {name!r} to leave out.{did_you_mean(name, table.frame.columns)}")
    return list(dict.fromkeys(drop))


def _say_alone(report: Report, target: Target, classes: np.ndarray[Any, Any]) -> None:
    import numpy as np

    alone = [repr(target.classes[k]) for k in np.flatnonzero(np.bincount(classes) == 1)]
    if alone:
        words = "class has" if len(alone) == 1 else "classes have"
        report.say(f"{len(alone)} {words} a single row, which is not held out: {enumerate_names(alone, 5)}")


def _with_seed(cls: type[Any], settings: Mapping[str, Any], seed: int, report: Report) -> dict[str, Any]:
    """The settings, and the seed for a model that takes one and was given none."""
    arguments = dict(settings)
    for name in ("random_state", "seed"):
        if name in inspect.signature(cls).parameters and name not in arguments:
            arguments[name] = seed
            break
    if settings:
        report.say("settings: " + ", ".join(f"{name} = {value!r}" for name, value in settings.items()))
    return arguments
