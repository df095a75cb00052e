"""`validate --fix`: certain fixes put into the text of a spec, which is otherwise left as it is."""

from __future__ import annotations

import os

import click

from modelspec.compiler import compile
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Rejected
from modelspec.source.fixes import applied, edits
from modelspec.source.text import Source

ROUNDS = 10  # a fix may bring the next fault to light
MARK = b"\xef\xbb\xbf"


def fixed(
    path: str, settings: tuple[str, ...], allow_path: tuple[str, ...], trust_code: bool
) -> Graph:
    """Make the certain fixes and write the spec back, `-` to stdout; the graph that it then is.

    Raises Rejected with the faults that are left.
    """
    source = original = Source.read(path)
    count = 0
    for _ in range(ROUNDS):
        try:
            found = compile(source, settings, allow_path, trust_code).warnings
        except Rejected as rejected:
            found = rejected.diagnostics
        changes = edits(found, source)
        text = applied(source, changes)
        if text == source.text:
            break
        source, count = Source(source.path, text), count + len(changes)
    if path == "-":
        click.echo(source.text, nl=False)
    elif source.text != original.text:
        rewrite(path, source.text)
    if count:
        click.echo(f"{source.path}: {count} fix{'' if count == 1 else 'es'} made", err=True)
    return compile(source, settings, allow_path, trust_code)


def rewrite(path: str, text: str) -> None:
    """Put a text in the place of a file, at once or not at all; what leads to it stays a link."""
    target = os.path.realpath(path)
    with open(target, "r+b") as old:  # what may not be written is not replaced either
        mark = MARK if old.read(len(MARK)) == MARK else b""
    aside = f"{target}.{os.getpid()}.fixing"
    try:
        with open(aside, "xb") as new:
            new.write(mark + text.encode())
        os.chmod(aside, os.stat(target).st_mode)
        os.replace(aside, target)
    except OSError as error:
        if os.path.exists(aside):
            os.unlink(aside)
        raise OSError(error.errno, error.strerror, path) from None
    except BaseException:
        if os.path.exists(aside):
            os.unlink(aside)
        raise
