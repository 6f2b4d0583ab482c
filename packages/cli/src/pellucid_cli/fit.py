"""`pellucid fit`: train a registered model on a table, score it, keep it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import pellucid
from pellucid_cli.main import traceback_option
from pellucid_cli.report import Report, print_json
from pellucid_cli.show import find_model
from pellucid_cli.wording import enumerate_names

if TYPE_CHECKING:
    from pellucid_cli.training import Trained


@click.command("fit")
@click.argument("model_id", metavar="ID")
@click.argument("data", metavar="DATA")
@click.argument("more_settings", metavar="", nargs=-1)
@click.option("--target", metavar="COL", help="The column to predict; data with a target of its own need not name it.")
@click.option(
    "--set", "settings", metavar="NAME=VALUE", multiple=True,
    help="A parameter of the model (`pellucid show ID` lists them); several may follow, or repeat it.",
)  # fmt: skip
@click.option(
    "--test-size", type=click.FloatRange(0, 1, max_open=True), default=0.2, show_default=True,
    help="Share of the rows that is held out for the score.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True,
    help="Decides which rows those are, and the model's random numbers.",
)  # fmt: skip
@click.option(
    "--no-scale",
    is_flag=True,
    help="Leave columns of numbers, and a target of numbers, as they are; otherwise they are standardised.",
)
@click.option("--drop", metavar="COL", multiple=True, help="Leave a column out. May be repeated.")
@click.option("--out", metavar="FILE.npz", help="Keep the model there.")
@click.option(
    "--plot", metavar="FILE.png", help="Draw the picture there (PNG, SVG or PDF). By default beside the model."
)
@click.option("--no-plot", is_flag=True, help="Draw no picture.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, and nothing else.")
@click.option("--quiet", is_flag=True, help="Print only the scores and the files.")
@traceback_option
def command(
    model_id: str,
    data: str,
    more_settings: tuple[str, ...],
    target: str | None,
    settings: tuple[str, ...],
    test_size: float,
    seed: int,
    no_scale: bool,
    drop: tuple[str, ...],
    out: str | None,
    plot: str | None,
    no_plot: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a model on a table and say how well it does.

    DATA is a CSV, TSV or Parquet file, an .npz file with arrays X and y (or one 2-D array), or dataset:NAME.

    \b
    pellucid fit linear/logistic-regression my.csv --target species --out model.npz
    pellucid fit nn/mlp-classifier dataset:digits --set hidden_layer_sizes=64,32 max_iter=50
    """
    if stray := [word for word in more_settings if "=" not in word]:
        raise click.UsageError(f"unexpected argument {stray[0]!r}: after ID and DATA come only options and NAME=VALUE")
    if test_size != test_size:
        raise click.UsageError("--test-size is a share from 0 to below 1, not nan")
    if out is not None:
        _check_model_path(out, data)
    plot = _plot_path(out, plot, no_plot)
    result = run(
        model_id, data, target, (*settings, *more_settings), report=Report(quiet=quiet, as_json=as_json),
        test_size=test_size, seed=seed, scale=not no_scale, drop=drop, out=out, plot=plot,
    )  # fmt: skip
    if as_json:
        print_json(result)


def _check_model_path(out: str, data: str) -> None:
    """Refuse what would not be found again as a model, and what would destroy the data."""
    path = Path(out)
    if path.name in ("", "-", "..") or path.suffix.lower() not in ("", ".npz"):
        raise click.UsageError(f"--out takes a file ending in .npz; got {out!r}")
    path = path if path.suffix else path.with_name(f"{path.name}.npz")
    if path.exists() and Path(data).exists() and path.samefile(data):
        raise click.UsageError(f"--out {out} is DATA itself, which the model would replace; name another file")


def _plot_path(out: str | None, plot: str | None, no_plot: bool) -> str | None:
    from pellucid_cli.pictures import SUFFIXES

    if no_plot and plot:
        raise click.UsageError("--plot and --no-plot contradict each other")
    if plot and Path(plot).suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"--plot takes a file ending in {', '.join(SUFFIXES)}; got {plot!r}")
    if plot is None and out and not no_plot:
        return str(Path(out).with_suffix(".png"))
    return plot


def run(
    model_id: str,
    data: str,
    target: str | None,
    settings: Sequence[str] = (),
    *,
    report: Report,
    test_size: float = 0.2,
    seed: int = 0,
    scale: bool = True,
    drop: Sequence[str] = (),
    out: str | None = None,
    plot: str | None = None,
) -> dict[str, Any]:
    """Do what `pellucid fit` does and return what `--json` prints."""
    from pellucid_cli.output import check_writable
    from pellucid_cli.progress import listener
    from pellucid_cli.settings import read_settings
    from pellucid_cli.table import read_table
    from pellucid_cli.target import LEARNABLE
    from pellucid_cli.training import train

    spec = find_model(model_id)
    if not set(LEARNABLE) & set(spec.tasks):
        raise click.UsageError(
            f"{spec.id} is for {enumerate_names(spec.tasks)}; `fit` is for classification and regression"
        )
    cls = pellucid.get(spec.id)
    arguments = read_settings(cls, spec.id, settings)
    for path in filter(None, (out, plot)):
        check_writable(path)
    table = read_table(data)
    if target is None and table.target is None:
        raise click.UsageError(f"--target is needed: which of {enumerate_names(table.frame.columns, 12)}?")
    name = target if target is not None else str(table.target)
    report.title(f"{spec.id} on {table.name}")
    trained = train(
        spec, cls, table, name, arguments, report=report, listener=listener(quiet=report.quiet or report.as_json),
        test_size=test_size, seed=seed, scale=scale, drop=drop,
    )  # fmt: skip
    _print_scores(trained, report)
    result = _as_document(trained, arguments, test_size, seed)
    result |= keep(trained, report, out, plot)
    if out is None and plot is None:
        report.say("nothing was written; --out model.npz keeps the model and draws a picture")
    return result | {"messages": report.lines}


def keep(trained: Trained, report: Report, out: str | None, plot: str | None) -> dict[str, Any]:
    """Write the model and its picture; return where they are."""
    from pellucid_cli.faults import Fault
    from pellucid_cli.pictures import NO_MATPLOTLIB, draw

    written: dict[str, Any] = {"model_file": None, "picture": None}
    if out:
        try:
            written["model_file"] = str(pellucid.save(trained.model, out, notes=trained.notes()))
        except OSError as error:
            raise Fault(f"{out} cannot be written: {error.strerror or error}") from error
        except TypeError as error:
            raise Fault(f"{trained.spec.id} cannot be saved: {error}") from error
    if plot:
        try:
            draw(trained, Path(plot))
            written["picture"] = plot
        except ModuleNotFoundError as error:
            if error.name is None or not error.name.startswith("matplotlib"):
                raise
            report.say(NO_MATPLOTLIB)
    names = {"model_file": "model", "picture": "picture"}
    report.result((names[key], path) for key, path in written.items() if path)
    return written


def _print_scores(trained: Trained, report: Report) -> None:
    from pellucid_cli.scores import score_words

    rows = [
        (f"on {trained.scored_rows}", score_words(trained.scores)),
        (f"baseline ({trained.baseline_words})", score_words(trained.baseline_scores)),
    ]
    if trained.n_test and not report.quiet:
        rows.append((f"on the {trained.n_train:,} training rows", score_words(trained.train_scores)))
    report.result(rows)


def _as_document(trained: Trained, settings: dict[str, Any], test_size: float, seed: int) -> dict[str, Any]:
    return {
        "model": trained.spec.id,
        "settings": settings,
        "data": trained.data,
        "task": trained.target.task,
        "target": trained.target.name,
        "classes": trained.target.classes,
        "rows": {"train": trained.n_train, "test": trained.n_test, "dropped": trained.n_dropped},
        "features": trained.encoder.feature_names,
        "left_out": trained.encoder.left_out,
        "test_size": test_size,
        "seed": seed,
        "scores": trained.scores,
        "train_scores": trained.train_scores,
        "baseline": {"answer": trained.baseline_answer} | trained.baseline_scores,
        "seconds": trained.seconds,
    }
