"""Rules on layers and what stands next to them."""

from __future__ import annotations

from collections.abc import Iterator

from modelspec.language.shapes import show
from modelspec.model.graph import Graph
from modelspec.model.lints.findings import (
    Finding,
    activation,
    argument_span,
    kind,
    maker,
    readers,
    steps,
)

#: Layers that are an activation and nothing else.
ACTIVATIONS = ("Activation", "ReLU", "LeakyReLU", "Softmax", "ELU", "PReLU")
NOISE = (
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
    "GaussianDropout", "GaussianNoise",
)  # fmt: skip
WINDOWS = ("Conv1D", "Conv2D", "Conv3D", "DepthwiseConv1D", "DepthwiseConv2D")


def softmax_of_one(graph: Graph) -> Iterator[Finding]:
    """A softmax over one unit is always 1."""
    for program, step in steps(graph):
        word = activation(step)
        soft = kind(step) == "Softmax" or type(word).__name__ == "Softmax"
        shape = program.tensors[step.outputs[0]].shape
        if soft and shape and shape[-1] == 1:
            yield Finding(
                "softmax-of-one",
                "a softmax over one unit is always 1",
                argument_span(step, "activation"),
                f"`{step.call.name}` is {show(shape)}",
                by=step.call,
                help="write `activation: sigmoid`",
            )


def two_activations(graph: Graph) -> Iterator[Finding]:
    """An activation of what has one already."""
    for program, step in steps(graph):
        word = activation(step)
        if kind(step) not in ACTIVATIONS or (word is not None and word.resizes):
            continue  # a gate is rarely the only one
        before = maker(program, step.reads()[0])
        if before is None:
            continue
        word = activation(before)
        named = type(word).__name__ if word is not None else ""
        if kind(before) in ACTIVATIONS or named not in ("", "Linear"):
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
    for program, step in steps(graph):
        if kind(step) != "BatchNormalization":
            continue
        before = maker(program, step.reads()[0])
        if before is None or not before.layer.__dict__.get("use_bias"):
            continue
        word = activation(before)
        if word is not None and type(word).__name__ != "Linear":
            continue
        if kind(before) == "Dense" or "Conv" in kind(before):
            yield Finding(
                "needless-bias",
                "BatchNormalization takes away what a bias right before it adds",
                before.call.span,
                f"the bias of `{before.call.name}` has no effect",
                by=before.call,
                also=((step.call.span, "normalized here"),),
                help="write `use_bias: false`",
            )


def tiny_window(graph: Graph) -> Iterator[Finding]:
    """A window over an axis that has shrunk to one."""
    for program, step in steps(graph):
        if kind(step) not in WINDOWS:
            continue
        size = step.layer.__dict__.get("kernel_size")
        shape = program.tensors[step.reads()[0]].shape
        if (
            size is None
            or shape is None
            or step.layer.__dict__.get("data_format") == ("channels_first")
        ):
            continue
        for length, dim in zip(size, shape[-1 - len(size) : -1], strict=True):
            if dim == 1 and length > 1:
                yield Finding(
                    "shrunk",
                    "a window over an axis of one sees padding alone besides that one",
                    step.call.span,
                    f"its input is {show(shape)}",
                    by=step.call,
                    help="pool less before, or make the window 1",
                )
                break


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
        step = maker(graph.program, id)
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
