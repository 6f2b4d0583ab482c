"""`pellucid plugins`: what became of every installed plugin; works with every one of them broken."""

from __future__ import annotations

import os
import textwrap
import warnings
from dataclasses import asdict, replace

import click

import pellucid
from pellucid.discovery import PluginInfo
from pellucid_cli.plain_table import plain_table
from pellucid_cli.report import print_json


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--traceback", "tracebacks", is_flag=True, help="Show the whole error of those that do not load.")
@click.option("--no-load", is_flag=True, help="Only say what is installed; import nothing.")
def command(as_json: bool, tracebacks: bool, no_load: bool) -> None:
    """Show the packages that bring models, and what is wrong with those that do not load."""
    os.environ["PELLUCID_STRICT"] = ""  # to show what is broken, it must not be raised
    if no_load:
        os.environ["PELLUCID_PLUGINS"] = ""  # the registry then finds all of them and imports none
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the warning says is in the table
        infos = pellucid.plugins()
    if no_load:
        infos = [replace(i, status="not loaded", error="") if i.status == "disabled" else i for i in infos]
    if as_json:
        print_json([asdict(info) for info in infos])
        return
    if not infos:
        click.echo("no plugins are installed; try: pip install pellucid-linear", err=True)
        return
    rows = [
        [i.status, i.family, i.distribution, i.version, str(i.n_models), f"{i.milliseconds:.1f}", _remark(i)]
        for i in infos
    ]
    click.echo(plain_table(["STATUS", "FAMILY", "PACKAGE", "VERSION", "MODELS", "MS", "REMARK"], rows))
    for info in infos:
        if tracebacks and info.traceback:
            click.echo(f"\n{info.family} ({info.distribution}):\n{textwrap.indent(info.traceback.rstrip(), '  ')}")
    if not tracebacks and any(i.status == "broken" for i in infos):
        click.echo("\n--traceback shows the whole error.", err=True)


def _remark(info: PluginInfo) -> str:
    return "; ".join(part for part in (info.error, info.requires_mismatch) if part)
