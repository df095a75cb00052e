"""What a TAB offers for arguments and options: words, codes, files, names in the spec at hand.

Reading a spec here says nothing of its faults, and runs no code that it names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from modelspec.source.text import Source

Items = list[CompletionItem[str]]
MOST_BYTES = 1_000_000  # a larger spec takes longer to read than somebody waits for a TAB


def specs(ctx: click.Context, param: click.Parameter, typed: str) -> Items:
    """YAML files, and folders: a run, or where the file lies."""
    return [CompletionItem(typed, type="spec")]


def folders(ctx: click.Context, param: click.Parameter, typed: str) -> Items:
    return [CompletionItem(typed, type="dir")]


def files(ctx: click.Context, param: click.Parameter, typed: str) -> Items:
    return [CompletionItem(typed, type="file")]


def devices(ctx: click.Context, param: click.Parameter, typed: str) -> Items:
    return _begun(("cpu", "cuda"), typed)


def codes(ctx: click.Context, param: click.Parameter, typed: str) -> Items:
    """The codes of errors and warnings, each with its sentence."""
    from modelspec.source.codes import CODES

    return [
        CompletionItem(code, help=text) for code, text in CODES.items() if code.startswith(typed)
    ]


def words(ctx: click.Context, param: click.Parameter, typed: str) -> Items:
    """The words of the catalogue, in the group that `--group` says; small letters as they go."""
    from modelspec.catalog.index import INDEX
    from modelspec.catalog.words import names, snake

    group = ctx.params.get("group")
    given = ctx.get_parameter_source("group") is click.core.ParameterSource.COMMANDLINE
    groups = [group] if given and group in INDEX else list(INDEX)
    listed = [name for one in groups for name in names(one)]
    found = _begun(listed, typed)
    return found or _begun(map(snake, listed), typed)


def tensors(ctx: click.Context, param: click.Parameter, typed: str) -> Items:
    """The tensors of the spec or run that the command is given."""
    from modelspec.model import findable

    source = _source(ctx)
    settings, allowed = ctx.params.get("settings") or (), ctx.params.get("allow_path") or ()
    spec = None if source is None else findable.spec_of(source, settings, allowed)
    return [] if spec is None else _open(findable.tensors(spec, typed))


def settings(ctx: click.Context, param: click.Parameter, typed: str) -> Items:
    """`KEY=VALUE` for `--set`: keys of the spec and of the language, then what may stand there."""
    from modelspec.model import findable
    from modelspec.model.places import completions

    source = _source(ctx)
    tree = None if source is None else findable.tree_of(source)
    return _open(completions(tree, typed))


def _begun(listed: Iterable[str], typed: str) -> Items:
    return [CompletionItem(word) for word in dict.fromkeys(listed) if word.startswith(typed)]


def _open(listed: Iterable[str]) -> Items:
    """Values, of which some are a beginning: no space follows those."""
    return [
        CompletionItem(one, type="open" if one.endswith((".", "=")) else "plain") for one in listed
    ]


def _source(ctx: click.Context) -> Source | None:
    """The text of the spec or run on the command line, if it is a file of usual size."""
    from modelspec.source.diagnostics import Rejected, Unreadable
    from modelspec.source.text import Source

    given = ctx.params.get("spec") or ctx.params.get("run") or ctx.params.get("specs")
    path = given[-1] if isinstance(given, tuple) else given
    if not path:
        return None
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        path = os.path.join(path, "spec.yaml")
    if not os.path.isfile(path) or os.path.getsize(path) > MOST_BYTES:
        return None
    try:
        return Source.read(path)
    except (Rejected, Unreadable):
        return None
