"""Options that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from modelspec.cli.completers import folders, settings
from modelspec.cli.output import keep_format
from modelspec.model.graph import Graph
from modelspec.model.machine import read_size

Command = Callable[..., Any]


def spec_options(command: Command) -> Command:
    """What every command that reads a spec takes: overrides, opened folders, trust."""
    for option in (
        click.option(
            "--trust-code", is_flag=True, help="Allow `type: python`, which runs your own code."
        ),
        click.option(
            "--allow-path",
            multiple=True,
            metavar="DIR",
            shell_complete=folders,
            help="Open a further folder to `file:`; may be given several times.",
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            shell_complete=settings,
            help="Override or add a key by its dotted path: layers.dense_1.units=32.",
        ),
    ):
        command = option(command)
    return command


def format_option(*formats: str) -> Callable[[Command], Command]:
    """`--format`, of which the first is the default."""
    return click.option(
        "--format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        callback=keep_format,
        is_eager=True,
        help="How results and errors are written; json is stable for scripts.",
    )


class Budget(NamedTuple):
    """A limit on memory, as it was written and in bytes."""

    text: str
    bytes: int


class Size(click.ParamType):  # type: ignore[type-arg]
    """`24GB`, `512MiB`, `1.5e9`."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, Budget):
            return value
        count = read_size(value)
        if count is None:
            self.fail(f"{value!r} is no size; write 24GB, 512MiB or 1.5e9", param, ctx)
        return Budget(value, count)


def compiled(
    spec: str, settings: tuple[str, ...], allow_path: tuple[str, ...], trust_code: bool
) -> Graph:
    """The checked graph of a spec file, a run folder, or `-`."""
    from modelspec import check

    return check(spec, set=settings, allow_path=allow_path, trust_code=trust_code)


def run_folder(graph: Graph, given: str | None) -> str:
    """Where a run goes: `--run`, else runs/NAME."""
    return given or f"runs/{graph.name}"


def data_source(text: str) -> Any:
    """What `--data` names: a path, or a source as a spec writes it, `{type: CSV, path: rows.txt}`.

    Where its path is `-`, stdin is read to its end first. Raises Rejected.
    """
    from modelspec.catalog.words import Words
    from modelspec.model.learning import source
    from modelspec.source.diagnostics import Report
    from modelspec.source.text import Source, Span
    from modelspec.source.tree import Scalar, parse

    report, place = Report(), Source("--data", text)
    if text.startswith("{"):
        found = source(Words(report), parse(place))
    else:
        found = source(
            Words(report), Scalar(text, text, False, Span(place, 1, 1, 1, len(text) + 1))
        )
    report.raise_if_errors()
    if getattr(found, "path", None) == ["-"]:
        found.__dict__["path"] = [stdin_as_file()]
    return found


def stdin_as_file() -> str:
    """A path at which what came on stdin can be read anywhere, and again."""
    from shutil import copyfileobj
    from tempfile import TemporaryFile

    with TemporaryFile() as kept:
        copyfileobj(sys.stdin.buffer, kept)
        kept.flush()
        os.dup2(kept.fileno(), 0)
    return "/dev/stdin"
