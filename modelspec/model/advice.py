"""What to do about tensors of the wrong rank, or of shapes that do not go together."""

from __future__ import annotations

from math import isqrt
from typing import Any

from modelspec.language import shapes
from modelspec.language.layer import Port
from modelspec.language.shapes import Shape, size
from modelspec.model.calls import ports_of
from modelspec.model.env import flat
from modelspec.model.graph import Program, Step, Tensor
from modelspec.model.spec import Call, Definition

FAR = 16  # times as many units or filters are hardly what was meant
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


def on_input(call: Call, wanted: Shape, tensor: Tensor, program: Program) -> str:
    """A help line for a graph called on a tensor that its input does not take."""
    given = tensor.shape or ()
    if given[1:] and shapes.show(given[1:]) == shapes.show(wanted):
        inner = f"{{use: {call.definition.path}}}"
        return f"call it on each step: {{type: TimeDistributed, layer: {inner}}}"
    if tensor.step is None and tensor.name in program.inputs and len(given) == len(wanted):
        return f"declare it so: {tensor.name}: {written(wanted)}, or let the graph take any size"
    return ""


def on_join(given: list[Tensor], program: Program) -> list[str]:
    """Help lines for tensors that are joined and do not fit: what would make them alike."""
    first = given[0]
    other = next((t for t in given if t.shape != first.shape), None)
    if other is None or not first.shape or not other.shape:
        return []
    if len(first.shape) != len(other.shape):
        fewer, more = sorted((first, other), key=lambda tensor: len(tensor.shape or ()))
        return on_axes(fewer, more, program)
    found: list[str] = []
    for one, wanted in ((other, first.shape), (first, other.shape)):
        step = None if one.step is None else program.steps[one.step]
        mend = None if step is None else alike(step, one.shape or (), wanted)
        if mend and not found:
            found.append(f"give `{one.name}` `{mend}`")
    if first.shape[:-1] == other.shape[:-1]:
        found.append("{type: Concatenate} joins what differs on the last axis")
    return found


def joined(call: Call, given: list[Any]) -> list[Tensor]:
    """The tensors of a call that stand for the same thing: those of its first input's axes."""
    ports = ports_of(call)
    same = [one for port, one in zip(ports, given, strict=True) if port.axes == ports[0].axes]
    return flat(same)


def on_axes(fewer: Tensor, more: Tensor, program: Program) -> list[str]:
    """Help lines for two tensors that are joined, one with more axes than the other."""
    if len(fewer.shape or ()) != 1:
        return []
    step = None if more.step is None else program.steps[more.step]
    if step is not None and step.layer.__dict__.get("return_sequences"):
        return [f"without `return_sequences` `{more.name}` is one vector, as `{fewer.name}` is"]
    return [f"put {{type: Flatten}} behind `{more.name}`, or a pooling over the other axes"]


def alike(step: Step, shape: Shape, wanted: Shape) -> str:
    """The argument with which a step would give the wanted shape; "" where none is plain."""
    values = step.layer.__dict__
    if shape[:-1] == wanted[:-1]:
        sizes = [key for key in ("units", "filters", "output_dim") if values.get(key) == shape[-1]]
        last, size = wanted[-1], shape[-1]
        near = isinstance(last, int) and isinstance(size, int) and last <= FAR * size
        return f"{sizes[0]}: {last}" if sizes and near else ""
    window = values.get("padding") == "valid" and set(values.get("strides") or (1,)) == {1}
    return "padding: same" if window and shape[-1] == wanted[-1] else ""


def written(shape: Shape) -> str:
    """A shape as it is written in a spec."""
    return "[" + ", ".join("null" if dim is None else str(dim) for dim in shape) + "]"


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
