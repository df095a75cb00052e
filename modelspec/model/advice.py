"""What to do about a tensor with too many or too few axes."""

from __future__ import annotations

from math import isqrt
from typing import Any

from modelspec.language import shapes
from modelspec.language.layer import Port
from modelspec.language.shapes import Shape, size
from modelspec.model.graph import Program, Tensor
from modelspec.model.spec import Call, Definition

SMALLEST_IMAGE = 64  # values: 8x8; fewer are hardly an image laid out in a row


def on_rank(call: Call, port: Port, tensor: Tensor, program: Program) -> str:
    """A help line for a call on a tensor whose rank the port does not take."""
    shape = tensor.shape or ()
    if len(port.axes) == 1 and len(shape) > 1:
        return "put {type: Flatten} in between, or a pooling over the other axes"
    before = None if tensor.step is None else program.steps[tensor.step]
    if port.axes[0] == "time" and len(shape) == len(port.axes) - 1:
        summary = summarized(program, tensor)
        if summary is not None:
            return f"with `return_sequences: true` `{summary}` gives one of these for each step"
    if len(shape) == len(port.axes) + 1 and {"channels", "features"} & set(port.axes):
        inner = f"{{type: {call.definition.kind}, ...}}"
        return f"call it on each step: {{type: TimeDistributed, layer: {inner}}}"
    insert = f"insert {{type: Reshape, target_shape: {likely(shape, port.axes)}}}"
    if before is not None and before.layer.title() == "Flatten":
        flattened = program.tensors[before.reads()[0]].shape or ()
        if port.fits(len(flattened)):
            return f"move `{call.name}` above `{before.call.name}`, or {insert}"
    return insert


def summarized(program: Program, tensor: Tensor) -> str | None:
    """The recurrent layer that could give a sequence and gives its end instead, if a tensor comes
    from one with nothing but layers in between that leave shapes as they are.
    """
    while tensor.step is not None:
        step = program.steps[tensor.step]
        layer = step.layer.__dict__
        inner: Any = layer.get("layer")
        if isinstance(inner, Definition) and inner.layer is not None:
            layer = inner.layer.__dict__
        if layer.get("return_sequences") is False:
            return step.call.name
        before = program.tensors[step.reads()[0]] if len(step.reads()) == 1 else tensor
        if before is tensor or before.shape != tensor.shape:
            return None
        tensor = before
    return None


def likely(shape: Shape, axes: tuple[str, ...]) -> str:
    """The shape that the values most likely had: `[28, 28, 1]` for an image of 784."""
    count = size(shape)
    if axes == ("height", "width", "channels") and len(shape) == 1 and count is not None:
        for channels in (1, 3):
            side = isqrt(count // channels)
            if side * side * channels == count >= SMALLEST_IMAGE:
                return f"[{side}, {side}, {channels}]"
    if len(shape) == len(axes) - 1 and axes[0] != "...":
        return "[" + ", ".join(map(shapes.show_dim, (*shape, 1))) + "]"
    return "[...]"
