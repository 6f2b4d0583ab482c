"""`pellucid predict`: a model that `pellucid fit` wrote, applied to new rows just as it was trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pellucid_cli.faults import Fault
from pellucid_cli.main import traceback_option
from pellucid_cli.report import Report, print_json
from pellucid_cli.wording import enumerate_names, plural

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from pellucid_cli.table import Table
    from pellucid_cli.table_encoder import TableEncoder
    from pellucid_cli.target import Target


@click.command("predict")
@click.argument("model_file", metavar="MODEL")
@click.argument("data", metavar="DATA")
@click.option(
    "--out", metavar="FILE", required=True, help="CSV, TSV, Parquet, JSON or JSONL by its suffix; - is stdout."
)
@click.option("--proba", is_flag=True, help="Write the probability of every class too.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON, and nothing else.")
@click.option("--quiet", is_flag=True, help="Print only the score, if there is one, and the file.")
@traceback_option
def command(model_file: str, data: str, out: str, proba: bool, as_json: bool, quiet: bool) -> None:
    """Predict with a model that `pellucid fit` wrote.

    The table is written again, row for row, with a column <target>_predicted at its end. If the table has the target,
    the score is printed too.

    \b
    pellucid predict model.npz new.csv --out predictions.csv
    """
    from pellucid_cli.output import WRITABLE
    from pellucid_cli.text_table import TEXT_SUFFIXES

    if out != "-" and Path(out).suffix.lower() not in WRITABLE:
        raise click.UsageError(f"--out takes a file ending in {', '.join(WRITABLE)}, or -; got {out!r}")
    if Path(model_file).suffix.lower() in TEXT_SUFFIXES:
        raise click.UsageError(
            f"MODEL is the first word, and it is a file that `pellucid fit` wrote; got {model_file!r}"
        )
    if out == "-" and as_json:
        raise click.UsageError("--out - and --json both write to stdout; name a file")
    document = run(
        model_file, data, out, proba=proba, report=Report(quiet=quiet, as_json=as_json, to_stderr=out == "-")
    )
    if as_json:
        print_json(document)


def run(model_file: str, data: str, out: str, *, proba: bool, report: Report) -> dict[str, Any]:
    """Do what `pellucid predict` does and return what `--json` prints."""
    import numpy as np
    import polars as pl

    from pellucid_cli.output import check_writable, write_table
    from pellucid_cli.scores import score_words
    from pellucid_cli.table import read_table

    if out != "-":
        check_writable(out)
    model, encoder, target, known = read_model(model_file)
    if proba and not (target.classes and hasattr(model, "predict_proba")):
        raise Fault(f"--proba: {type(model).__name__} in {model_file} gives no probabilities")
    table = read_table(data)
    report.title(f"{model_file} on {table.name}")
    report.say(f"{plural(table.frame.height, 'row')}, {plural(table.frame.width, 'column')}", *table.remarks)
    extra = [name for name in table.frame.columns if name not in known and name != target.name]
    if extra:
        report.say(f"not used, for the model does not know them: {enumerate_names(map(repr, extra))}")
    X, remarks = encoder.encode(table.with_names(encoder.text_columns), table.name)
    report.say(*remarks)

    try:
        answers = target.from_model(np.asarray(model.predict(X)))
        new = [target.decode(answers)]
        if proba:
            new += _probabilities(model, X, target)
    except (ValueError, TypeError, ArithmeticError, IndexError) as error:
        raise Fault(f"{model_file} cannot predict for this: {error}") from error
    if target.classes:
        counts = new[0].cast(pl.String).value_counts(sort=True)
        report.say("predicted: " + enumerate_names([f"{label} {n:,}" for label, n in counts.iter_rows()], 12))
    scores, n_scored = _score(table, target, answers, report)

    text = out == "-" or Path(out).suffix.lower() in (".csv", ".tsv")
    frame = table.given if text else table.frame
    replaced = [column.name for column in new if column.name in frame.columns]
    if replaced:
        report.say(f"replaced: {enumerate_names(map(repr, replaced))}")
    write_table(frame.drop(replaced).with_columns(new), out)
    rows = [(f"on {plural(n_scored, 'row')} with {target.name!r}", score_words(scores))] if n_scored else []
    report.result([*rows, ("predictions", out)] if out != "-" else rows)
    return {
        "model_file": model_file,
        "data": table.name,
        "out": out,
        "rows": table.frame.height,
        "columns": [column.name for column in new],
        "scores": scores or None,
        "scored_rows": n_scored,
        "messages": report.lines,
    }


def read_model(path: str) -> tuple[Any, TableEncoder, Target, set[str]]:
    """Read a model that `pellucid fit` wrote.

    Parameters
    ----------
    path : str
        Its file.

    Returns
    -------
    model : object
    encoder : TableEncoder
    target : Target
    known : set of str
        All columns of the table it was trained on, also those it does not use.

    Raises
    ------
    Fault, pellucid.LoadError
        It cannot be loaded, or does not say how a table becomes numbers.
    """
    from pellucid.saving import load_with_notes
    from pellucid_cli.table_encoder import TableEncoder
    from pellucid_cli.target import Target
    from pellucid_cli.training import NOTES_FORMAT

    model, notes = load_with_notes(path)
    if not isinstance(notes, dict) or not {"format", "encoder", "target"} <= notes.keys():
        raise Fault(
            f"{path} does not say which columns its model takes: it was not written by `pellucid fit`; "
            "use it from Python with pellucid.load"
        )
    if notes["format"] != NOTES_FORMAT:
        raise Fault(f"{path} was written by a newer pellucid-cli (notes format {notes['format']!r}): upgrade it")
    if not isinstance(columns := notes.get("columns", []), list):
        raise Fault(f"{path}: the model's notes on its columns cannot be read: {type(columns).__name__}")
    encoder = TableEncoder.from_json(notes["encoder"])
    if len(encoder.feature_names) != getattr(model, "n_features_in_", len(encoder.feature_names)):
        raise Fault(f"{path} contradicts itself: its columns do not fit its model")
    return model, encoder, Target.from_json(notes["target"]), set(map(str, columns))


def _probabilities(model: Any, X: np.ndarray[Any, Any], target: Target) -> list[pl.Series]:
    import numpy as np
    import polars as pl

    P = np.asarray(model.predict_proba(X))  # (N, K), one column for each of the model's classes
    columns = zip(np.asarray(model.classes_), P.T, strict=True)
    return [pl.Series(f"{target.name}_probability_{label}", p) for label, p in columns]


def _score(table: Table, target: Target, answers: np.ndarray[Any, Any], report: Report) -> tuple[dict[str, float], int]:
    """The score where the table has the target, and on how many rows."""
    import numpy as np
    import polars as pl

    from pellucid_cli.scores import score

    if target.name not in table.frame.columns:
        return {}, 0
    by_name = any(isinstance(label, str) for label in target.classes)
    column = (table.with_names([target.name]) if by_name else table.frame)[target.name]
    if column.dtype.is_nested() or column.dtype.is_temporal():
        report.say(f"no score: {target.name!r} holds {column.dtype}")
        return {}, 0
    y = target.encode(column)
    told = column.is_not_null().to_numpy() if target.classes else np.isfinite(y)
    if target.classes and (y[told] < 0).any():
        unknown = column.filter(pl.Series(told & (y < 0))).unique(maintain_order=True).to_list()
        n = int((y[told] < 0).sum())
        report.say(f"{plural(n, 'row')} of classes not known from training: {enumerate_names(map(repr, unknown), 5)}")
    if not told.any():
        return {}, 0
    return score(target.task, y[told], answers[told]), int(told.sum())
