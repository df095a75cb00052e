"""Data of sizes that a model leaves open, where those that came do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelspec.language.shapes import show
from modelspec.model.check import check
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Rejected


def misfit(graph: Graph | None, inputs: Mapping[str, Any]) -> Rejected | None:
    """What the checker says of the sizes that came, once a pass has failed; None where they fit."""
    if graph is None:
        return None
    sizes = {name: tuple(inputs[name].shape[1:]) for name in graph.program.inputs}
    if any(type(dim) is not int for shape in sizes.values() for dim in shape):
        return None  # an export traces sizes that stay open
    try:
        check(graph.spec, sizes)
    except Rejected as rejected:
        came = ", ".join(f"`{name}` {show(shape)}" for name, shape in sizes.items())
        for one in rejected.diagnostics:
            one.notes += (f"with the sizes of the data: {came}",)
        return rejected
    return None
