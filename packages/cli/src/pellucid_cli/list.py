"""`pellucid list`: every registered model. Imports no model and no NumPy, so that it answers at once."""

from __future__ import annotations

import click

import pellucid
from pellucid.specs import MODEL_TASKS
from pellucid_cli.plain_table import plain_table
from pellucid_cli.report import print_json
from pellucid_cli.wording import did_you_mean, enumerate_names


@click.command("list")
@click.option(
    "--task", type=click.Choice(MODEL_TASKS), metavar="TASK", help=f"Only for one of: {', '.join(MODEL_TASKS)}."
)
@click.option("--family", help="Only those of one family, such as linear.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(task: str | None, family: str | None, as_json: bool) -> None:
    """Show every registered model."""
    specs = pellucid.models(task=task, family=family)
    if family and not specs:
        _check_family(family)
    if as_json:
        fields = ("id", "summary", "tasks", "aliases", "tags", "status", "since", "references", "docs")
        print_json([{name: getattr(spec, name) for name in fields} for spec in specs])
    elif specs:
        rows = [[spec.id, ", ".join(spec.tasks), _summary(spec)] for spec in specs]
        click.echo(plain_table(["MODEL", "TASKS", "SUMMARY"], rows))
    elif task or family:
        click.echo("no registered model is like that", err=True)
    else:
        click.echo("no models are installed; try: pip install pellucid-linear pellucid-nn", err=True)


def _summary(spec: pellucid.ModelSpec) -> str:
    return spec.summary if spec.status == "stable" else f"({spec.status}) {spec.summary}"


def _check_family(family: str) -> None:
    """An error for a family that has no models at all."""
    families = {spec.family for spec in pellucid.models()}
    if family in families:
        return
    distribution = pellucid.OFFICIAL_FAMILIES.get(family)
    if distribution and all(p.family != family for p in pellucid.plugins()):
        raise click.UsageError(f"the family {family!r} is not installed: pip install {distribution}")
    there = enumerate_names(sorted(families)) or "none"
    raise click.UsageError(f"no models in a family {family!r}.{did_you_mean(family, families)} There are: {there}.")
