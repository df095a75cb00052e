"""Where a spec is read from: a file, a run folder, stdin, or a text."""

from __future__ import annotations

import os

from modelspec.source.text import Source


def spec_source(spec: str | os.PathLike[str]) -> Source:
    """The text of a spec: its path, a run folder, `-` for stdin, or the text itself.

    What has several lines is a text. Raises Unreadable, or Rejected where it is no text.
    """
    path = os.fspath(spec)
    if "\n" in path:
        return Source("<text>", path)
    if os.path.isdir(path):
        path = os.path.join(path, "spec.yaml")
    return Source.read(path)
