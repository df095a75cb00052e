"""What a graph wants of its data: inputs, targets, sample weights."""

from __future__ import annotations

from typing import Any

from modelspec.engine.data import Wanted
from modelspec.language.dtypes import is_integer
from modelspec.model.graph import Graph


def inputs(graph: Graph) -> list[Wanted]:
    """One for each input."""
    fields: dict[str, Any] = graph.spec.data.fields if graph.spec.data else {}
    tensors = graph.program.tensors
    return [
        Wanted(
            name,
            "input",
            tensors[id].shape or (),
            tensors[id].dtype,
            fields.get(name),
            vocabulary(graph, id),
        )
        for name, id in graph.program.inputs.items()
    ]


def everything(graph: Graph) -> list[Wanted]:
    """Inputs, the targets of outputs that have a loss or a metric, and sample weights."""
    fields: dict[str, Any] = graph.spec.data.fields if graph.spec.data else {}
    found = inputs(graph)
    for name, head in graph.heads.items():
        if not head.losses and not head.metrics:
            continue
        shape = graph.program.tensors[head.tensor].shape or ()
        classes = shape[-1] if is_integer(head.target_dtype) and shape else 2
        high = classes if isinstance(classes, int) else 2
        found.append(
            Wanted(name, "target", head.target_shape, head.target_dtype, fields.get(name), high)
        )
    # Weights without a field are taken where the data has a column of that name.
    weights = ["sample_weight", *(f"{name}.sample_weight" for name in graph.heads)]
    found += [Wanted(name, "weight", (), "float32", fields.get(name)) for name in weights]
    return found


def vocabulary(graph: Graph, id: int) -> int:
    """Below what an integer input stays: the smallest vocabulary that it is looked up in."""
    sizes = [
        step.layer.__dict__["input_dim"]
        for step in graph.program.steps
        if id in step.reads() and "input_dim" in type(step.layer).arguments
    ]
    return min(sizes) if sizes else 2
