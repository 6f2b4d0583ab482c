"""`pellucid datasets`: the data that can be named as dataset:NAME."""

from __future__ import annotations

import click

import pellucid
from pellucid_cli.plain_table import plain_table
from pellucid_cli.report import print_json


@click.command("datasets")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show the data that can be named as dataset:NAME."""
    specs = pellucid.dataset_specs()
    fields = ("id", "summary", "task", "n_rows", "n_columns", "n_classes", "source", "licence")
    if as_json:
        print_json([{name: getattr(spec, name) for name in fields} for spec in specs])
    elif specs:
        rows = [
            [f"dataset:{s.id}", s.task, _number(s.n_rows), _number(s.n_columns), _number(s.n_classes), s.summary]
            for s in specs
        ]
        click.echo(plain_table(["DATA", "TASK", "ROWS", "COLUMNS", "CLASSES", "SUMMARY"], rows))
    else:
        click.echo("no data sets are installed; try: pip install pellucid-datasets", err=True)


def _number(n: int | None) -> str:
    return "-" if n is None else str(n)
