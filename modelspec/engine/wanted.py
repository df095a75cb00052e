"""What a graph wants of its data: inputs, targets, sample weights."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.layers.categories import CategoryEncoding
from modelspec.catalog.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from modelspec.catalog.losses import (
    CTC,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
)
from modelspec.engine.data import Wanted
from modelspec.language.dtypes import is_integer
from modelspec.model.graph import Graph, Head, Program

#: Layers whose output holds the numbers of their input.
RESHAPING = (Flatten, Permute, RepeatVector, Reshape)

#: Losses whose targets are class numbers below the number of units.
OF_CLASSES = (SparseCategoricalCrossentropy, CategoricalGeneralizedCrossEntropy, CTC)


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
            vocabulary(graph.program, id) or 2,
            vocabulary(graph.program, id),
            declared=tensors[id].span,
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
        last = shape[-1] if is_integer(head.target_dtype) and shape else 2
        high = last if isinstance(last, int) else 2
        kind, field = head.target_dtype, fields.get(name)
        below, ignored = classes(graph, head)
        found.append(
            Wanted(name, "target", head.target_shape, kind, field, high, below, ignored, head.span)
        )
    # Weights without a field are taken where the data has a column of that name.
    weights = ["sample_weight", *(f"{name}.sample_weight" for name in graph.heads)]
    found += [Wanted(name, "weight", (), "float32", fields.get(name)) for name in weights]
    return found


def vocabulary(program: Program, id: int) -> int | None:
    """Below what an integer input stays: the smallest vocabulary that it is looked up in."""
    sizes = []
    for step in program.steps:
        if id not in step.reads():
            continue
        layer = step.layer.__dict__
        if "input_dim" in type(step.layer).arguments:
            sizes.append(layer["input_dim"])
        elif isinstance(step.layer, CategoryEncoding) and step.inputs[0] == id:
            sizes.append(layer["num_tokens"])
        elif step.body is not None:
            sizes += [vocabulary(step.body, inner) for inner in step.body.inputs.values()]
        elif isinstance(step.layer, RESHAPING):
            sizes.append(vocabulary(program, step.outputs[0]))
    return min((size for size in sizes if size is not None), default=None)


def classes(graph: Graph, head: Head) -> tuple[int | None, int | None]:
    """How many classes a target of class numbers is one of (None where another number may stand),
    and a number that does not count.
    """
    shape = graph.program.tensors[head.tensor].shape or ()
    for loss in head.losses:
        if isinstance(loss, OF_CLASSES):
            axis = loss.__dict__.get("axis", -1)
            count = shape[axis if axis < 0 else axis - 1]  # counted with the batch
            ignored = loss.__dict__.get("ignore_class")
            return count if isinstance(count, int) else None, ignored
    return None, None
