"""Rules on outputs and their losses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.model.endings import ending, kind, last_activation
from modelspec.model.graph import Graph, Head
from modelspec.model.lints.findings import Finding
from modelspec.model.spec import Target

#: Losses of yes-or-no questions, each by itself, and of one choice among classes.
OF_EACH = ("BinaryCrossentropy", "BinaryFocalCrossentropy")
OF_CLASSES = (
    "CategoricalCrossentropy", "SparseCategoricalCrossentropy", "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
)  # fmt: skip


def target_of(graph: Graph, head: Head) -> Target:
    return graph.spec.targets[head.name]


def odd_pair(graph: Graph) -> Iterator[Finding]:
    """A crossentropy with the activation of the other one."""
    for head in graph.heads.values():
        tensor = graph.program.tensors[head.tensor]
        found = ending(graph.program, head.tensor)
        ends = last_activation(graph.program, tensor)
        if found is None or ends is None:
            continue
        step = found[0]
        for loss in head.losses:
            name = type(loss).__name__
            spans: Any = loss.__dict__["span"]
            right = "sigmoid" if name in OF_EACH else "softmax" if name in OF_CLASSES else None
            if ends == {"sigmoid": "Softmax", "softmax": "Sigmoid"}.get(right or ""):
                yield Finding(
                    "odd-pair",
                    f"`{name}` goes with `{right}`",
                    spans,
                    f"the output ends in `{ends.lower()}`",
                    by=target_of(graph, head),
                    also=((step.call.span, f"`{step.call.name}` makes it"),),
                    help=f"write `activation: {right}`, or the other crossentropy",
                )


def class_weights(graph: Graph) -> Iterator[Finding]:
    """A weight for a class that the output has no unit for."""
    for head in graph.heads.values():
        target = target_of(graph, head)
        shape = graph.program.tensors[head.tensor].shape
        units = shape[-1] if shape else 1
        if not head.losses or not head.class_weight or not isinstance(units, int):
            continue
        classes, highest = max(units, 2), max(head.class_weight)
        if highest >= classes:
            yield Finding(
                "label-range",
                "`class_weight` weighs the classes that an output tells apart, from 0 on",
                target.spans["class_weight"],
                f"class {highest}, and `{head.name}` has {units}" + (" units" if units > 1 else ""),
                by=target,
                help=f"its classes are 0 to {classes - 1}",
            )


def loss_of_nothing(graph: Graph) -> Iterator[Finding]:
    """A loss weight of zero."""
    for head in graph.heads.values():
        target = target_of(graph, head)
        if head.losses and 0.0 in head.loss_weights:
            yield Finding(
                "zero-loss-weight",
                "a loss with weight 0 trains nothing",
                target.spans.get("loss_weight", target.span),
                "this is 0",
                by=target,
                help="take the loss away, or give it a weight",
            )


def constant_output(graph: Graph) -> Iterator[Finding]:
    """An output that no input, or no weight that learns, has a part in."""
    program = graph.program
    sources: dict[int, tuple[bool, bool]] = dict.fromkeys(program.inputs.values(), (True, False))
    for step in program.steps:
        read = [sources.get(id, (False, False)) for id in step.reads()]
        owned = [step.definition.path]
        if step.body is not None:
            owned += [inner.definition.path for inner in step.body.steps]
        learns = any(path in graph.owners and graph.owners[path].trained for path in owned)
        made = (any(seen for seen, _ in read), learns or any(some for _, some in read))
        for id in step.outputs:
            sources[id] = made
    for name, id in program.outputs.items():
        seen, learns = sources.get(id, (True, True))
        target = graph.spec.targets.get(name)
        if not seen and program.inputs:
            yield Finding(
                "constant-output",
                "an output is the same for all samples unless it depends on an input",
                graph.spec.body.outputs[name].span,
                f"`{name}` depends on no input",
                by=target,
                help="call one of the layers that make it on an input",
            )
        elif not learns and target is not None and target.losses:
            yield Finding(
                "constant-output",
                "a loss needs an output that depends on a weight that learns",
                target.span,
                f"`{name}` depends on no weight that learns",
                by=target,
                help="add a layer with weights, or take `trainable: false` away",
            )


def lost_mask(graph: Graph) -> Iterator[Finding]:
    """A mask that a layer drops on its way to an output that keeps the masked axis."""
    program = graph.program
    masked: dict[int, tuple[Any, Any]] = {}  # tensor -> (what made the mask, what dropped it)
    for step in program.steps:
        made = kind(step) == "Masking" or (
            kind(step) == "Embedding" and step.layer.__dict__.get("mask_zero")
        )
        coming = next((masked[id] for id in step.reads() if id in masked), None)
        if made:
            state: tuple[Any, Any] = (step, None)
        elif coming is None:
            continue
        elif step.layer.masking != "drop" or coming[1] is not None:
            state = coming
        else:
            state = (coming[0], step)
        before, after = program.tensors[step.reads()[0]], program.tensors[step.outputs[0]]
        if (
            not made
            and before.shape
            and after.shape
            and (len(after.shape) < len(before.shape) or before.shape[0] != after.shape[0])
        ):
            continue  # the masked axis is gone: nothing is left to mask
        masked[step.outputs[0]] = state
    for head in graph.heads.values():
        maker_, dropper = masked.get(head.tensor, (None, None))
        if head.losses and dropper is not None:
            yield Finding(
                "lost-mask",
                "a loss over padded steps counts the padding, unless the mask reaches it",
                dropper.call.span,
                f"`{kind(dropper)}` drops the mask",
                by=dropper.call,
                also=((maker_.call.span, "the mask is made here"), (head.span, "the loss")),
                help="give the output `sample_weight`, or use a layer that hands masks on",
            )


def from_an_output(graph: Graph) -> Iterator[Finding]:
    """An entry without `from` right below an output of the model."""
    body = graph.spec.body
    outputs = {ref.chain[0] for ref in body.outputs.values() if len(ref.chain) == 1}
    for before, call in zip(body.calls, body.calls[1:], strict=False):
        if before not in outputs or call.from_span is not None:
            continue
        refs = call.refs()
        if refs and refs[0].chain == (before,) and graph.heads.get(before.name) is not None:
            yield Finding(
                "from-an-output",
                "without `from`, an entry is called on the one above it",
                call.span,
                f"this is called on the output `{before.name}`",
                by=call,
                help=f"write `from: {before.name}` if that is meant",
            )


OUTPUTS = (odd_pair, class_weights, loss_of_nothing, constant_output, lost_mask, from_an_output)
