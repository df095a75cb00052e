"""What a command writes: results to stdout, everything else to stderr."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from modelspec.source.diagnostics import Diagnostic

#: What programs read goes to stdout, and is alone there.
MACHINE = ("json", "github", "sarif")


class Asked:
    """What was asked of the output on the command line; kept where failures are told."""

    def __init__(self) -> None:
        self.format = "full"

    @property
    def diagnostics(self) -> str:
        """The format of errors and warnings: what was asked for, or full."""
        return self.format if self.format in ("concise", *MACHINE) else "full"


def keep_format(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Remember `--format`, so that errors come in the same one."""
    ctx.find_object(Asked).format = value  # type: ignore[union-attr]
    return value


def colours(stream: Any) -> bool:
    """Whether to colour: on a terminal alone, and not where NO_COLOR or a dumb TERM forbids it."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns for text: COLUMNS, or the terminal's, or 100; never more than 120."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return max(40, min(int(given), 120))
    try:
        return max(40, min(os.get_terminal_size(sys.stderr.fileno()).columns, 120))
    except (OSError, ValueError):
        return 100


def tell(diagnostics: Sequence[Diagnostic], format: str) -> None:
    """Errors and warnings: what programs read to stdout, text for people to stderr."""
    from modelspec.source.render import render_all

    if format in MACHINE:
        text = render_all(diagnostics, format)
        if text:
            click.echo(text)
    elif diagnostics:
        text = render_all(diagnostics, format, colours(sys.stderr), width())
        click.echo(text, err=True)


def as_json(value: object) -> None:
    """A result for scripts; NaN and infinity, which JSON has no words for, are null."""
    import json

    try:
        text = json.dumps(value, indent=2, allow_nan=False)
    except ValueError:
        text = json.dumps(finite(value), indent=2)
    click.echo(text)


def finite(value: Any) -> Any:
    """The value with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_file(path: str, text: str) -> None:
    """A result into a file, or to stdout for `-`."""
    if path == "-":
        click.echo(text, nl=False)
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, path) from None


def measured(values: dict[str, Any]) -> str:
    """A line for each loss and metric."""
    room = max(map(len, values), default=0)
    return "\n".join(f"  {name.ljust(room)}  {number(value)}" for name, value in values.items())


def number(value: Any) -> str:
    """Four digits behind the point, or of a very small or large number."""
    plain = isinstance(value, float) and (value == 0 or 1e-3 <= abs(value) < 1e5)
    return f"{value:.4f}" if plain else f"{value:.4g}"
