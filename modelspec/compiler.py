"""The compiler: text -> tree -> spec -> graph.

One type a stage; each collects every error it finds and raises `Rejected` at its end.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelspec.model.check import check
from modelspec.model.files import Files
from modelspec.model.graph import Graph
from modelspec.model.lint import lint
from modelspec.model.overrides import override
from modelspec.model.resolve import resolve
from modelspec.source.garbage import kept
from modelspec.source.text import Source
from modelspec.source.tree import parse


@kept
def compile(
    source: Source,
    settings: Iterable[str] = (),
    allowed: Iterable[str] = (),
    trust: bool = False,
) -> Graph:
    """The checked graph of a spec; torch has not been imported yet when it returns.

    `settings` are `KEY=VALUE`, `allowed` further folders that `file:` may read from, `trust`
    allows `type: python`.
    """
    tree = override(parse(source), settings)  # text  -> nodes that know their line and column
    files = Files(source, tuple(allowed))
    spec = resolve(tree, files, trust)  # nodes -> a spec: names bound, blocks expanded, defaults
    graph = check(spec)  # spec  -> steps with shapes, dtypes and weights
    lint(graph)  # what is legal and still surely wrong
    return graph
