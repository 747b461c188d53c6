"""The front door: one command `steerhouse`, its rooms loaded only when asked for.

`import steerhouse; steerhouse.connect("data")` gives a read-only DuckDB connection.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    import duckdb

    from specs.settings import Settings


class Verb(NamedTuple):
    """Where a command lives, and its line in `steerhouse --help` (so that help loads no room)."""

    module: str
    function: str
    help: str


VERBS = {
    "check": Verb("runners.commands", "check", "Find every fault that would stop build or run."),
    "list": Verb("specs.commands", "list_specs", "List concepts, variants, methods, models, …"),
    "show": Verb("runners.commands", "show", "Print an item as a model sees it, token by token."),
    "schema": Verb("specs.commands", "schema", "Write the JSON Schemas that editors use."),
    "build": Verb("builders.commands", "build", "Turn concepts into contrastive datasets."),
    "run": Verb("runners.commands", "run", "Fit vectors and measure every logit difference."),
    "import": Verb("runners.imports.commands", "import_", "Bring in results of others."),
    "export": Verb("runners.exports.commands", "export", "Take a vector to other tools."),
    "status": Verb("runners.commands", "status", "Say what of an experiment is done."),
    "sql": Verb("warehouse.commands", "sql", "Query the warehouse with SQL."),
    "analyse": Verb("analysis.commands", "analyse", "Answer a question: reliability, bias, …"),
    "doctor": Verb(
        "runners.doctor_command", "doctor", "Say what is here, and how a model is served."
    ),
    "warehouse": Verb("warehouse.commands", "warehouse", "Look after the warehouse file."),
}
ALIASES = {"analyze": "analyse"}


def _settings(context: click.Context) -> Settings:
    """Return the settings of this invocation, made on first use."""
    from specs.settings import Settings

    root = context.find_root()
    if root.obj is None:
        root.obj = Settings()
    settings: Settings = root.obj
    return settings


def _store(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Fold one of the common options into the settings; those after the command come last."""
    if value is None or value == ():
        return
    settings, name = _settings(context), str(parameter.name)
    if isinstance(value, tuple):
        value = (*value, *(old for old in getattr(settings, name) if old not in value))
    source = context.get_parameter_source(name)
    if source is click.core.ParameterSource.ENVIRONMENT and context.parent is not None:
        return  # the group has already read the variable; an option before the command wins
    context.find_root().obj = replace(settings, **{name: value})
    context.obj = context.find_root().obj


def _common_options() -> list[click.Parameter]:
    """Return fresh `--home`, `--specs` and `--sources`, taken before or after the command."""
    folder = click.Path(path_type=Path)
    return [
        click.Option(
            ["--home"],
            type=folder,
            envvar="STEERHOUSE_HOME",
            callback=_store,
            expose_value=False,
            help="Folder of datasets, vectors and warehouse [default: data; env STEERHOUSE_HOME].",
        ),
        *(
            click.Option(
                [f"--{name}"],
                type=folder,
                multiple=True,
                envvar=f"STEERHOUSE_{name.upper()}",
                callback=_store,
                expose_value=False,
                help=f"{text} (repeatable) [env STEERHOUSE_{name.upper()}].",
            )
            for name, text in (
                ("specs", "Folder of your own specs, beside the shipped ones"),
                ("sources", "Local mirror of Hub data sets and models"),
            )
        ),
    ]


class Rooms(click.Group):
    """A group that imports a room only when one of its commands is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which a user meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the room of `cmd_name` and give its command the common options."""
        verb = VERBS.get(ALIASES.get(cmd_name, cmd_name))
        if verb is None:
            return None
        command: click.Command = getattr(importlib.import_module(verb.module), verb.function)
        for leaf in _leaves(command):
            if not any(parameter.name == "home" for parameter in leaf.params):
                leaf.params.extend(_common_options())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Add a did-you-mean to click's own message."""
        import difflib

        if args and args[0] not in {*VERBS, *ALIASES} and not args[0].startswith("-"):
            close = difflib.get_close_matches(args[0], VERBS, 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"No such command {args[0]!r}.{hint} `steerhouse --help` lists them.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs from the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what a user can mend becomes one line each on stderr, exit code 1."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as error:
            faults = getattr(error, "faults", None) or _of_the_machine(error)
            if faults is None:
                raise
            for fault in faults:
                click.echo(f"Error: {fault}", err=True)
            ctx.exit(1)


def _leaves(command: click.Command) -> list[click.Command]:
    """Return the commands below `command` that a user calls."""
    if isinstance(command, click.Group):
        return [leaf for child in command.commands.values() for leaf in _leaves(child)]
    return [command]


def _of_the_machine(error: Exception) -> tuple[str, ...] | None:
    """Put a full disk, a missing permission or a vanished folder into one line."""
    if isinstance(error, BrokenPipeError) or not isinstance(error, OSError):
        return None
    if error.filename is None and error.errno is None:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return (f"{where}{error.strerror or error}; nothing that was finished is lost, run it again",)


@click.command(
    cls=Rooms,
    context_settings={"help_option_names": ["-h", "--help"]},
    params=_common_options(),
    epilog="A first look, without a network: steerhouse run quickstart",
)
@click.version_option(package_name="steerhouse")
@click.pass_context
def cli(context: click.Context) -> None:
    """Steering-vector experiments: declared in YAML, measured per input, answered in SQL."""
    _settings(context)


def main() -> None:
    """Run the command line; Ctrl-C ends with one line and 130, a closed pipe silently."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. What was finished is kept; the same command goes on there.", err=True)
        code = 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output went away: nothing left to tell it
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


def connect(home: str | Path = "data") -> duckdb.DuckDBPyConnection:
    """Open the warehouse of `home` read-only; WarehouseRefused says what is missing."""
    from warehouse.connect import connect as open_read_only

    return open_read_only(Path(home))


if __name__ == "__main__":
    main()
