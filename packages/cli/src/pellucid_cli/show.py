"""`pellucid show`: one model, what it takes, where it comes from and which file to read."""

from __future__ import annotations

import inspect
import re
import textwrap
from typing import Any

import click

import pellucid
from pellucid.registry import ModelLoadError, ModelNotFound
from pellucid.specs import plain
from pellucid_cli.plain_table import plain_table
from pellucid_cli.report import print_json
from pellucid_cli.settings import parameters


@click.command("show")
@click.argument("model_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(model_id: str, as_json: bool) -> None:
    """Show one model: its tasks, parameters, references and where to read it."""
    spec = find_model(model_id)
    try:
        cls, failure = pellucid.get(spec.id), None
    except ModelLoadError as error:  # say what is known, then fail
        cls, failure = None, error
    told = {
        "id": spec.id,
        "summary": spec.summary,
        "tasks": spec.tasks,
        "aliases": spec.aliases,
        "tags": spec.tags,
        "status": spec.status,
        "since": spec.since,
        "class": spec.target.replace(":", "."),
        "description": _first_line(cls) if cls else "",
        "parameters": _parameters(cls) if cls else [],
        "references": spec.references,
        "from": _origin(spec),
        "file": (inspect.getsourcefile(cls) if cls else None) or "",
        "docs": spec.docs,
    }
    if as_json:
        print_json(told)
    else:
        _print(told)
    if failure is not None:
        raise failure


def find_model(model_id: str) -> pellucid.ModelSpec:
    """The spec of a model that the command line names; an unknown name is a usage error."""
    try:
        return pellucid.spec(model_id)
    except ModelNotFound as error:
        raise click.UsageError(f"{error} `pellucid list` shows all.") from None


def _first_line(cls: type[Any]) -> str:
    return plain((inspect.getdoc(cls) or "").strip().partition("\n")[0])


def _parameters(cls: type[Any]) -> list[dict[str, Any]]:
    words = _docstring_parameters(inspect.getdoc(cls) or "") | _docstring_parameters(inspect.getdoc(cls.__init__) or "")
    return [
        {
            "name": name,
            "default": None if p.default is p.empty else p.default,
            "required": p.default is p.empty,
            "description": words.get(name, ""),
        }
        for name, p in parameters(cls).items()
    ]


def _docstring_parameters(docstring: str) -> dict[str, str]:
    """Parameter -> the first sentence of its description, from a numpydoc "Parameters" section."""
    section = re.search(r"^Parameters\n-{3,}\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", docstring, re.MULTILINE | re.DOTALL)
    words: dict[str, str] = {}
    for entry in re.finditer(r"^(\S[^\n]*)((?:\n(?:[ \t]+[^\n]*)?)*)", section[1] if section else "", re.MULTILINE):
        text = " ".join(entry[2].split())
        sentence = re.match(r".*?[.;](?=\s|$)", text)
        for name in entry[1].partition(":")[0].split(","):
            words[name.strip()] = plain(sentence[0] if sentence else text).rstrip(".;")
    return words


def _origin(spec: pellucid.ModelSpec) -> str:
    for info in pellucid.plugins():
        if info.family == spec.family and info.status == "ok":
            return f"{info.distribution} {info.version}".strip()
    return ""


def _print(told: dict[str, Any]) -> None:
    click.secho(told["id"], bold=True)
    click.echo(textwrap.fill(told["summary"], 100, initial_indent="  ", subsequent_indent="  "))
    if told["description"].rstrip(".") not in ("", told["summary"].rstrip(".")):
        click.echo(textwrap.fill(told["description"], 100, initial_indent="  ", subsequent_indent="  "))
    facts = [
        ("tasks", ", ".join(told["tasks"])),
        ("also called", ", ".join(told["aliases"])),
        ("tags", ", ".join(told["tags"])),
        ("status", "" if told["status"] == "stable" else told["status"]),
        ("from", told["from"]),
        ("class", told["class"]),
        ("read", told["file"]),
        ("docs", told["docs"]),
        *(("reference", reference) for reference in told["references"]),
    ]
    click.echo()
    for name, value in facts:
        if value:
            click.echo(f"  {name:<12}  {value}")
    if told["parameters"]:
        rows = [
            [f"  {p['name']}", "(needed)" if p["required"] else plain(repr(p["default"])), p["description"]]
            for p in told["parameters"]
        ]
        click.echo("\n" + plain_table(["  PARAMETER", "DEFAULT", ""], rows))
    if {"classification", "regression"} & set(told["tasks"]):
        click.echo(f"\n  pellucid fit {told['id']} my.csv --target COLUMN --out model.npz")
