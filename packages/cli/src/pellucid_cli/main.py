"""The door: finds the command, runs it, and turns whatever goes wrong into one line and an exit code.

0 done, 1 the data or the model is at fault, 2 the command line is, 130 interrupted. Nothing but click is imported here;
each command imports what it needs when it runs.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO

import click

from pellucid_cli.faults import Fault
from pellucid_cli.wording import did_you_mean

OUR_COMMANDS = {  # name -> what `--help` says; the command itself is pellucid_cli.<name>:command
    "list": "Show every registered model.",
    "show": "Show one model: its tasks, parameters, references and where to read it.",
    "fit": "Train a model on a table and say how well it does.",
    "predict": "Predict with a model that `pellucid fit` wrote.",
    "demo": "Train models on data that comes with Pellucid, from nothing.",
    "datasets": "Show the data that can be named as dataset:NAME.",
    "plugins": "Show the packages that bring models, and what is wrong with those that do not load.",
    "check": "Hold a package, a model or a file to what is asked of every model.",
    "new": "Write a plugin package of your own, or one more model in it.",
}


@dataclass
class Options:
    """What the words before the command's name set."""

    traceback: bool = False


def _always(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.find_root().obj.traceback = True


traceback_option = click.option(
    "--traceback", is_flag=True, expose_value=False, callback=_always, help="Show Python's traceback when it fails."
)


class Commands(click.Group):
    """Our commands by name, then those of plugins; each is imported when it is called, not when it is listed."""

    def plugin_specs(self) -> dict[str, Any]:
        """The commands that plugins bring; ours keep their names, and the first plugin to claim one has it."""
        from pellucid import registry

        found: dict[str, Any] = {}
        for spec in registry.commands():
            if spec.name not in OUR_COMMANDS:
                found.setdefault(spec.name, spec)
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, ours first."""
        return [*OUR_COMMANDS, *sorted(self.plugin_specs())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None where there is none."""
        if cmd_name in OUR_COMMANDS:
            command: click.Command = importlib.import_module(f"pellucid_cli.{cmd_name}").command
            return command
        spec = self.plugin_specs().get(cmd_name)
        return None if spec is None else _plugin_command(spec)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the words begin with, or an error that names the nearest one."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None and not name.startswith("-"):
            names = self.list_commands(ctx)
            hint = did_you_mean(name, names) or f" There are: {', '.join(names)}."
            raise click.UsageError(f"there is no command {name!r}.{hint}", ctx)
        if command is None:
            return super().resolve_command(ctx, args)
        return name, command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help's list of commands, from the one-line summaries alone: nothing is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(OUR_COMMANDS.items()))
        brought = self.plugin_specs()
        if brought:
            with formatter.section("Commands from plugins"):
                formatter.write_dl([(name, brought[name].summary) for name in sorted(brought)])


def _plugin_command(spec: Any) -> click.Command:
    """Import a plugin's command; one that cannot be imported becomes a command that says why."""
    module, _, attribute = spec.target.partition(":")
    try:
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{spec.target} must be a click command, not {type(command).__name__}")
        return command
    except (Exception, SystemExit) as error:
        cause = error

    def refuse() -> NoReturn:
        raise Fault(
            f"the command {spec.name!r} cannot be loaded from {spec.target}: {type(cause).__name__}: {cause}"
        ) from cause

    anything = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(spec.name, callback=refuse, context_settings=anything, help=spec.summary)


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        import pellucid
        import pellucid_cli

        click.echo(f"pellucid {pellucid.__version__} (pellucid-cli {pellucid_cli.__version__})")
        context.exit()


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Show the version."
)
@click.option(
    "--plugin",
    "plugin_files",
    multiple=True,
    metavar="FILE.py",
    type=click.Path(),
    help="Register the models of a Python file too. May be repeated. The file is run: use your own.",
)
@traceback_option
@click.pass_context
def cli(context: click.Context, plugin_files: tuple[str, ...]) -> None:
    """Machine learning you can read: train, inspect and use any registered model.

    \b
    pellucid list
    pellucid fit linear/logistic-regression my.csv --target species --out model.npz
    pellucid predict model.npz new.csv --out predictions.csv
    """
    if plugin_files:
        with warnings.catch_warnings():
            showing = context.invoked_subcommand == "plugins"  # it tells itself what is broken
            warnings.simplefilter("ignore" if showing else "default")
            _load_plugin_files(plugin_files, tolerant=showing)
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _load_plugin_files(paths: Sequence[str], *, tolerant: bool) -> None:
    from pellucid import registry
    from pellucid.discovery import PluginLoadError

    for path in paths:
        try:
            registry.load_file(path)
        except PluginLoadError as error:
            if not tolerant:
                raise
            click.echo(f"warning: --plugin {first_line(error)}", err=True)


def first_line(error: BaseException) -> str:
    """The error's message on one line; its type where it has none."""
    from pellucid.specs import plain

    return plain(str(error)) or type(error).__name__


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    click.echo(f"warning: {' '.join(str(message).split())}", err=True)


def _prepare_streams() -> None:
    """Make everything printable: α as \\u03b1 where the encoding has none, and nowhere where there is no stream."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the caller closed it: `pellucid list >&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 data or model at fault, 2 usage, 130 interrupted."""
    options = Options(traceback=os.environ.get("PELLUCID_DEBUG", "") not in ("", "0"))
    _prepare_streams()
    stdout = sys.stdout
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = cli.main(args=arguments, prog_name="pellucid", standalone_mode=False, obj=options)
            sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.NoSuchOption) and error.option_name == "--plugin":
            click.echo("--plugin stands before the command: pellucid --plugin FILE.py COMMAND ...", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as stop:
        click.echo(" ".join(["interrupted", *getattr(stop.__cause__ or stop, "__notes__", ())]), err=True)
        return 130
    except SystemExit:
        if sys.stdout is stdout:
            raise
        return 0  # click puts another stdout there when the reader (head, less) has seen enough and gone
    except Exception as error:
        if options.traceback:
            import traceback

            traceback.print_exc()
        else:
            click.echo(f"error: {_one_line(error)}", err=True)
        return 1


def _one_line(error: Exception) -> str:
    """What went wrong, for someone who did not write the code."""
    from pellucid.discovery import PluginLoadError
    from pellucid.registry import DatasetNotFound, ModelNotFound
    from pellucid.saving import LoadError

    said = (Fault, LoadError, ModelNotFound, DatasetNotFound, PluginLoadError)
    if isinstance(error, said):
        return first_line(error)
    if isinstance(error, OSError):  # a full disk, say
        return first_line(Fault(": ".join(str(part) for part in (error.filename, error.strerror or error) if part)))
    return f"{type(error).__name__}: {first_line(error)} (PELLUCID_DEBUG=1 shows where)"
