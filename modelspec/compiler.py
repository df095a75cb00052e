"""The compiler: text -> tree -> spec -> graph. One type a stage; each collects every error it
finds and raises `Rejected` at its end."""

from __future__ import annotations

from modelspec.model.check import check
from modelspec.model.files import Files
from modelspec.model.graph import Graph
from modelspec.model.lint import lint
from modelspec.model.resolve import resolve
from modelspec.source.text import Source
from modelspec.source.tree import parse


def compile(source: Source) -> Graph:
    """The checked graph of a spec; torch has not been imported yet when it returns."""
    tree = parse(source)  # text  -> nodes that know their line and column
    spec = resolve(tree, Files(source))  # nodes -> a spec: names bound, blocks expanded, defaults
    graph = check(spec)  # spec  -> steps with shapes, dtypes and weights
    lint(graph)  # what is legal and still surely wrong
    return graph
