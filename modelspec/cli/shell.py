"""The group of commands, each imported when it is asked for, and what surrounds every one."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from modelspec import __version__
from modelspec.cli.failures import Terminated, exit_code
from modelspec.cli.output import Asked

#: In the order that `modelspec --help` lists them.
COMMANDS = (
    "init", "validate", "summary", "show", "graph", "build", "train", "evaluate", "predict",
    "export", "import", "layers", "explain", "schema", "completion",
)  # fmt: skip
#: Commands whose module cannot have their name.
MODULES = {"import": "import_"}


class Commands(click.Group):
    """Commands by name: the module of that name beside this one declares it as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found: click.Command = import_module(f"modelspec.cli.{MODULES.get(name, name)}").command
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from modelspec.catalog.index import INDEX
            from modelspec.source.suggest import did_you_mean

            listed = f"`modelspec layers --group {args[0]}` lists them"
            near = listed if args[0] in INDEX else "; ".join(did_you_mean(args[0], COMMANDS))
            ctx.fail(f"there is no command `{args[0]}`" + (f": {near}" if near else ""))
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="modelspec", message="%(prog)s %(version)s")
def modelspec() -> None:
    """Neural networks written in YAML: check, train, use and export them.

    `modelspec init` writes a first spec; `modelspec COMMAND --help` says more of a command.
    """


def run(arguments: list[str]) -> int:
    """Run the command line; its exit code. Nothing is ever raised."""
    tab = os.environ.get("_MODELSPEC_COMPLETE")
    if tab:
        from modelspec.cli.tab import answer

        return answer(modelspec, tab)
    asked = Asked()
    open_streams()
    try:
        signal.signal(signal.SIGTERM, _terminated)
        # Not `main()`: it turns what is raised into messages and codes of its own.
        with modelspec.make_context("modelspec", arguments, obj=asked) as ctx:
            code = modelspec.invoke(ctx)
        sys.stdout.flush()
    except BaseException as error:
        return exit_code(error, asked)
    return code if isinstance(code, int) else 0


def open_streams() -> None:
    """What the shell has closed, as `2>&-` does, reads as empty and takes what nobody sees."""
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115


def _terminated(number: int, frame: object) -> NoReturn:
    raise Terminated
