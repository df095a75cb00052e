"""From the paths that a spec names to the files that are there."""

from __future__ import annotations

import glob
import os
from typing import Any

from modelspec.engine.data.wanted import refuse
from modelspec.source.nearby import near
from modelspec.source.text import Span


def files(word: Any) -> list[str]:
    """The files or folders of a source, in order; a glob's are sorted. Raises Rejected."""
    span: Span | None = getattr(word, "spans", {}).get("path")
    found = [path for named in word.path for path in matching(_from(span, named), span)]
    if not found:
        refuse("no-samples", "a source names at least one file", span, "this is empty")
    return found


def _from(span: Span | None, path: str) -> str:
    """A path as the working directory sees it: those of a spec start from the spec's folder."""
    path = os.path.expanduser(path)
    if span is None or not span.source.is_file:
        return path
    return os.path.join(span.source.folder, path)


def matching(path: str, span: Span | None) -> list[str]:
    if os.path.exists(path):
        if span is not None and span.source.is_file and not is_kept(path):
            return refuse(
                "unknown-file", f"`{path}` is no file", span, "this is a pipe or a device",
                help=("`-` is stdin, on the command line",),
            )  # fmt: skip
        return [path]
    if glob.has_magic(path):
        found = sorted(glob.glob(path, recursive=True))
        if not found:
            refuse("unknown-file", f"no file matches `{path}`", span, "nothing matches this")
        return found
    base = span.source.folder if span is not None else ""
    return refuse(
        "unknown-file", f"there is no file `{path}`", span, "this does not exist",
        help=near(path, base),
    )  # fmt: skip


def is_kept(path: str) -> bool:
    """Whether it can be read again, and ends: a file, or a folder of them."""
    return os.path.isfile(path) or os.path.isdir(path)
