"""What went wrong, told once and in one place, as an exit code and a message on stderr."""

from __future__ import annotations

import errno
import os

import click

from modelspec.cli.output import Asked, tell
from modelspec.model.overrides import BadOverride
from modelspec.source.diagnostics import Rejected, Unreadable
from modelspec.source.excerpt import safe

REJECTED, USAGE, DIVERGED, FILES, MEMORY, FAULT = 1, 2, 3, 4, 5, 70
INTERRUPTED, BROKEN_PIPE, TERMINATED = 130, 141, 143
NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")


class Terminated(BaseException):
    """SIGTERM came."""


def exit_code(error: BaseException, asked: Asked) -> int:
    """The exit code for what was raised, after saying what it was."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0 if error.code is None else FAULT
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return INTERRUPTED
    if isinstance(error, Terminated):
        return TERMINATED
    if isinstance(error, BrokenPipeError) or _is_closed_pipe(error):
        # What is still buffered must not raise once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN_PIPE
    try:
        return _told(error, asked)
    except BrokenPipeError:
        return BROKEN_PIPE


def _told(error: BaseException, asked: Asked) -> int:
    if isinstance(error, Rejected):
        tell(error.diagnostics, asked.diagnostics)
        return REJECTED
    if isinstance(error, BadOverride):
        return say(str(error), USAGE)
    if isinstance(error, click.ClickException):
        # What was typed may hold more than text.
        error.message = "\n".join(map(safe, error.message.split("\n")))  # type: ignore[misc]
        error.show()
        return USAGE
    if isinstance(error, Unreadable):
        return say(str(error), FILES, error.path)
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return say("out of memory; a smaller batch_size needs less", MEMORY)
    if isinstance(error, OSError):
        reason = (error.strerror or str(error)).lower()
        named = isinstance(error.filename, str)
        missing = error.filename if named and error.errno == errno.ENOENT else ""
        return say(f"{error.filename}: {reason}" if error.filename else reason, FILES, missing)
    return _fault(error)


def _fault(error: BaseException) -> int:
    if os.environ.get("MODELSPEC_TRACEBACK"):
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True)
    what = safe(f"{type(error).__name__}: {error}".strip().splitlines()[0][:300])
    click.echo(
        f"error: a fault of the tool itself: {what}\n"
        "  please report it with the spec and the output of the same command under "
        "MODELSPEC_TRACEBACK=1",
        err=True,
    )
    return FAULT


def say(message: str, code: int, path: str = "") -> int:
    """Say what went wrong; where a path leads to no file, what was probably meant."""
    click.echo("\n".join(map(safe, f"error: {message}".split("\n"))), err=True)
    if path and not os.path.exists(path):
        from modelspec.source.nearby import near

        for help in near(path):
            click.echo(f"  {safe(help)}", err=True)
    return code


def _is_closed_pipe(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


def _is_out_of_memory(error: BaseException) -> bool:
    """Torch's own errors, known by name: torch may not have been imported."""
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    text = str(error).lower()
    return named or (isinstance(error, RuntimeError) and any(t in text for t in NO_MEMORY))
