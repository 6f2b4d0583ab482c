"""`pellucid demo`: trains models on data that comes with Pellucid, from nothing, and shows the commands that do it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

import pellucid
from pellucid_cli.faults import Fault
from pellucid_cli.fit import run
from pellucid_cli.main import traceback_option
from pellucid_cli.report import Report, print_json
from pellucid_cli.show import find_model

DEMOS = (("nn/mlp-classifier", "digits"), ("linear/logistic-regression", "wine"))
FAVOURITES = {"classification": ("wine", "iris"), "regression": ("diabetes",)}  # of the data sets for each task


@click.command("demo")
@click.argument("model_id", metavar="[ID]", required=False)
@click.option("--out-dir", metavar="DIR", default="demo", show_default=True, help="Where models and pictures go.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON, and nothing else.")
@click.option("--quiet", is_flag=True, help="Print only the scores and the files.")
@traceback_option
def command(model_id: str | None, out_dir: str, as_json: bool, quiet: bool) -> None:
    """Train a model on data that comes with Pellucid, from nothing.

    Without ID: an MLP on handwritten digits and logistic regression on wines.
    """
    chosen = [(find_model(model_id).id, _dataset_for(model_id))] if model_id else _ready(DEMOS)
    folder = Path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Fault(f"--out-dir {out_dir}: {error.strerror or error}") from error

    results: list[dict[str, Any]] = []
    for model, dataset in chosen:
        report = Report(quiet=quiet, as_json=as_json)
        stem = folder / f"{model.replace('/', '-')}-{dataset.replace('/', '-')}"
        results.append(run(model, f"dataset:{dataset}", None, report=report, out=f"{stem}.npz", plot=f"{stem}.png"))
        if not (quiet or as_json):
            click.echo()
    if as_json:
        print_json(results)
    elif not quiet:
        _by_hand(results)


def _ready(demos: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    """The demos; an error that names everything that is not installed for them."""
    needed = {f"pellucid-{model.partition('/')[0]}" for model, _ in demos} | {"pellucid-datasets"}
    there = {info.distribution for info in pellucid.plugins() if info.status == "ok"}
    if missing := sorted(needed - there):
        raise Fault(f"the demo needs {' and '.join(missing)}: pip install {' '.join(missing)}")
    return list(demos)


def _dataset_for(model_id: str) -> str:
    """A data set that the model can learn from: a favourite, else the first that is there for its task."""
    spec = find_model(model_id)
    tasks = [task for task in spec.tasks if task in FAVOURITES]
    for task in tasks:
        there: list[str] = [dataset.id for dataset in pellucid.dataset_specs() if dataset.task == task]
        for name in (*FAVOURITES[task], *there):
            if name in there:
                return name
    if not tasks:
        raise click.UsageError(
            f"{spec.id} is for {', '.join(spec.tasks)}; the demo is for classification and regression"
        )
    raise Fault("no data set fits this model: pip install pellucid-datasets")


def _by_hand(results: list[dict[str, Any]]) -> None:
    """The commands that do the same, and what to try next."""
    click.secho("The same by hand", bold=True)
    for result in results:
        click.echo(
            "  " + shlex.join(["pellucid", "fit", result["model"], result["data"], "--out", result["model_file"]])
        )
    last = results[-1]
    predictions = Path(last["model_file"]).with_name("predictions.csv")
    words = ["pellucid", "predict", last["model_file"], last["data"], "--out", str(predictions)]
    click.echo("  " + shlex.join(words))
    click.echo("\nWith your own table")
    click.echo(f"  pellucid fit {last['model']} my.csv --target COLUMN --out model.npz")
    click.echo(f"  pellucid show {last['model']}")
