"""Rules on layers and what stands next to them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from modelspec.language.shapes import Shape, show
from modelspec.model.endings import activation, ending, kind, named
from modelspec.model.graph import Graph, Program, Step
from modelspec.model.lints.findings import Finding, argument_span, maker, readers, steps
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Edit
from modelspec.source.fixes import added

#: Layers that are an activation and nothing else.
ACTIVATIONS = ("Activation", "ReLU", "LeakyReLU", "Softmax", "ELU", "PReLU")
#: What keeps scores within bounds before a softmax weighs by them.
BOUNDED = ("Tanh", "Softsign", "HardTanh")
NOISE = (
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise",
)  # fmt: skip


def softmax_of_one(graph: Graph) -> Iterator[Finding]:
    """A softmax over one unit is always 1."""
    for program, step in steps(graph):
        shape = program.tensors[step.outputs[0]].shape
        if shape and all(size == 1 for size in summed(step, shape)):
            yield Finding(
                "softmax-of-one",
                "a softmax over one unit is always 1",
                argument_span(step, "activation"),
                f"`{step.call.name}` is {show(shape)}",
                by=step.call,
                help="write `activation: sigmoid`",
            )


def summed(step: Step, shape: Shape) -> list[Any]:
    """The sizes of the axes that a softmax sums to one; None for what is no softmax."""
    word: Any = step.layer if kind(step) == "Softmax" else activation(step)
    if type(word).__name__ != "Softmax":
        return [None]
    axes = word.__dict__.get("axis", -1)
    return [
        shape[axis if axis < 0 else axis - 1]  # counted with the batch
        for axis in (axes if isinstance(axes, list) else [axes])
    ]


def two_activations(graph: Graph) -> Iterator[Finding]:
    """An activation of what has one already."""
    for program, step in steps(graph):
        word = activation(step)
        if kind(step) not in ACTIVATIONS or (word is not None and word.resizes):
            continue  # a gate is rarely the only one
        if kind(step) == "Activation" and named(step) == "Linear":
            continue
        found = ending(program, step.reads()[0])
        if found is None:
            continue
        before, first = found[0], named(found[0])
        if first in BOUNDED and "Softmax" in (kind(step), type(word).__name__):
            continue
        if kind(before) in ACTIVATIONS or first not in (None, "Linear"):
            yield Finding(
                "two-activations",
                "one activation after another is rarely meant",
                step.call.span,
                "a second one",
                by=step.call,
                also=((argument_span(before, "activation"), "the first one"),),
                help="keep one of them",
            )


def needless_bias(graph: Graph) -> Iterator[Finding]:
    """BatchNormalization takes away what the bias of the layer before adds."""
    followed: dict[Definition, list[Step | None]] = {}  # of each call what takes its bias away
    for program in {id(program): program for program, _ in steps(graph)}.values():
        read, out = readers(program), set(program.outputs.values())
        for step in program.steps:
            if biased(step):
                after = read.get(step.outputs[0], [])
                alone = bool(after) and step.outputs[0] not in out
                whole = alone and all(takes_away(program, step, one) for one in after)
                followed.setdefault(step.definition, []).append(after[0] if whole else None)
    for definition, normalizers in followed.items():
        if None in normalizers or fixed(definition) or in_run(graph):
            continue
        assert normalizers[0] is not None
        yield Finding(
            "needless-bias",
            "BatchNormalization takes away what a bias right before it adds",
            definition.span,
            f"the bias of `{definition.name}` has no effect",
            by=definition,
            also=((normalizers[0].call.span, "normalized here"),),
            help="write `use_bias: false`",
            fix=without_bias(definition),
        )


def biased(step: Step) -> bool:
    """Whether a layer adds a bias last, for each of its units."""
    layer = step.layer.__dict__
    return (
        bool(layer.get("use_bias"))
        and (kind(step) == "Dense" or "Conv" in kind(step))
        and "LSTM" not in kind(step)
        and named(step) == "Linear"
    )


def takes_away(program: Program, step: Step, after: Step) -> bool:
    """Whether a step subtracts the mean of each unit, over the batch."""
    if kind(after) != "BatchNormalization" or after.definition.frozen:
        return False
    rank = len(program.tensors[step.outputs[0]].shape or ())
    first = step.layer.__dict__.get("data_format") == "channels_first"
    axis = after.layer.__dict__["axis"]
    return bool((axis if axis >= 0 else axis + rank + 1) == (1 if first else rank))


def fixed(definition: Definition) -> bool:
    """Whether its weights come from elsewhere, and so stay as many as they are."""
    at: Definition | None = definition
    while at is not None and at.weights is None:
        at = at.parent
    return at is not None


def in_run(graph: Graph) -> bool:
    """Whether the spec lies beside weights that were trained for it."""
    return os.path.exists(os.path.join(graph.spec.root.span.source.folder, "weights.safetensors"))


def without_bias(definition: Definition) -> Edit | None:
    """The edit that takes its bias away."""
    layer: Any = definition.layer
    written = layer.__dict__["spans"].get("use_bias")
    if written is not None:
        return Edit(written, "false") if written.text == "true" else None
    return added("use_bias: false", layer.__dict__["span"])


def tiny_window(graph: Graph) -> Iterator[Finding]:
    """A window over an axis that has shrunk to one."""
    for program, step in steps(graph):
        layer = step.layer.__dict__
        window = layer.get("kernel_size", layer.get("pool_size"))
        if window is None or not step.reads() or "Transpose" in kind(step):
            continue
        shape = program.tensors[step.reads()[0]].shape or ()
        rank = len(window)
        first = layer.get("data_format") == "channels_first"
        lengths = shape[-rank:] if first else shape[-1 - rank : -1]
        if any(n == 1 and size > 1 for n, size in zip(lengths, window, strict=True)):
            yield Finding(
                "shrunk",
                "a window over an axis of one sees padding alone besides that one",
                step.call.span,
                f"its input is {show(shape)}",
                by=step.call,
                help="pool less before, or make the window 1",
            )


def heavy_flatten(graph: Graph) -> Iterator[Finding]:
    """A Dense after a Flatten that holds nearly all parameters."""
    total = graph.parameters
    if total < 1_000_000:
        return
    for program, step in steps(graph):
        if kind(step) != "Dense" or (before := maker(program, step.reads()[0])) is None:
            continue
        owner = graph.owners.get(step.definition.path)
        if kind(before) == "Flatten" and owner is not None and owner.count > 0.9 * total:
            pooled = {5: "3D", 4: "3D", 3: "2D", 2: "1D"}
            shape = program.tensors[before.reads()[0]].shape or ()
            pooling = f"GlobalAveragePooling{pooled.get(len(shape), '2D')}"
            yield Finding(
                "heavy-flatten",
                "nearly all parameters of a model in one layer after a Flatten",
                step.call.span,
                f"{owner.count:,} of {total:,} parameters",
                by=step.call,
                also=((before.call.span, f"flattens {show(shape)}"),),
                help=f"{{type: {pooling}}} in place of Flatten, or pool more before it",
            )


def noise_before_output(graph: Graph) -> Iterator[Finding]:
    """Dropout or noise whose result is an output."""
    used = readers(graph.program)
    for name, id in graph.program.outputs.items():
        found = ending(graph.program, id)
        step = None if found is None else found[0]
        if step is not None and kind(step) in NOISE and not used.get(id):
            yield Finding(
                "noise-before-output",
                "noise right before an output is learnt by nothing after it",
                step.call.span,
                f"the output `{name}` is what {kind(step)} gives",
                by=step.call,
                help="put it before the last layer with weights",
            )


LAYERS = (
    softmax_of_one, two_activations, needless_bias, tiny_window, heavy_flatten,
    noise_before_output,
)  # fmt: skip
