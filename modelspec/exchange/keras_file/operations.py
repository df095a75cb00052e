"""The language's operations as those of keras.ops: which class, made with what, called on what."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from modelspec.catalog.layers.ops.pieces import range_of
from modelspec.exchange.keras.calls import PAIRWISE
from modelspec.exchange.keras.entries import RENAMED
from modelspec.exchange.keras_file.parts import Functional, Node, Part, Plain, Value
from modelspec.exchange.keras_file.words import Unwritten, plain, policy
from modelspec.language.dtypes import is_float
from modelspec.language.layer import Layer

#: Modules of Keras's that hold operations; all others are in `numpy`.
MODULES = {
    **dict.fromkeys(
        ("Relu", "Relu6", "Sigmoid", "Softsign", "Selu", "Silu", "Softplus", "LogSigmoid",
         "HardSigmoid", "HardSilu", "LeakyRelu", "Elu", "Gelu", "Softmax", "LogSoftmax", "OneHot"),
        "nn",
    ),
    **dict.fromkeys(("Rsqrt", "Erf", "Erfinv", "Logsumexp", "TopK"), "math"),
    **dict.fromkeys(("StopGradient", "Cast", "Unstack"), "core"),
    "Norm": "linalg",
}  # fmt: skip
#: Our names of arguments -> Keras's.
NAMES = {(kind, ours): theirs for (kind, theirs), ours in RENAMED.items()}
#: Arguments that Keras takes in the call, behind the tensor.
AT_CALL = {"FullLike": "fill_value", "Take": "indices", "Pad": "constant_values"}

Shape = tuple[Any, ...]


class Made(NamedTuple):
    """What an operation is known to give: for each output its shape and dtype."""

    shapes: list[Shape]
    dtypes: list[str]


class Operations:
    """Writes the operations of one model."""

    def __init__(self, model: Functional) -> None:
        self.model = model

    def write(
        self, name: str, layer: Layer, given: list[Any], made: Made, compute: str
    ) -> list[Value]:
        """The values of one operation; `given` by port."""
        kind = type(layer).__name__.removeprefix("ops.")
        given = [self.cast(one, compute) for one in given]
        if kind in OWN:
            return [OWN[kind](self, name, layer, given[0], made)]
        args, more = operands(kind, layer, given)
        part = self.part(name, kind, made_with(kind, layer, made))
        node = Node(part, args, more)
        return [
            Value(node, at, shape, dtype)
            for at, (shape, dtype) in enumerate(zip(made.shapes, made.dtypes, strict=True))
        ]

    def part(self, name: str, kind: str, config: Plain) -> Part:
        return self.model.add(name, f"keras.src.ops.{MODULES.get(kind, 'numpy')}", kind, config)

    def cast(self, given: Any, compute: str) -> Any:
        """Operands in the dtype that the operation computes in, where they are floats."""
        if isinstance(given, list):
            return [self.cast(one, compute) for one in given]
        if given is None or not is_float(given.dtype) or given.dtype == compute:
            return given
        return self.model.operation("core", "Cast", [given], given.shape, compute, dtype=compute)

    # -- those that Keras has in other words --------------------------------------------------

    def to_dtype(self, name: str, layer: Any, x: Value, made: Made) -> Value:
        """Keras's Cast to the dtype that a tensor has is that very tensor, and so has its mask."""
        if x.masked and x.dtype == made.dtypes[0]:
            node = Node(self.part(name, "Multiply", {}), [x, 1], {})
        else:
            node = Node(self.part(name, "Cast", made_with("Cast", layer, made)), [x], {})
        return Value(node, 0, made.shapes[0], made.dtypes[0])

    def slice(self, name: str, layer: Any, x: Value, made: Made) -> Value:
        """Keras's Slice names the size of the batch, which is open."""
        ends = zip(layer.start_indices[1:], layer.sizes, strict=True)
        key = [part_of(None, None), *(part_of(start, start + size) for start, size in ends)]
        node = Node(self.part(name, "GetItem", {}), [x, key], {})
        return Value(node, 0, made.shapes[0], made.dtypes[0])

    def broadcast_to(self, name: str, layer: Any, x: Value, made: Made) -> Value:
        """Keras's BroadcastTo names the size of the batch, which is open: repeated axis by axis,
        or multiplied by ones where the size of an axis is not known to be 1.
        """
        wanted = layer.newshape[1:]
        open_axes = [
            dim if old is None else 1 for dim, old in zip(wanted, x.shape[1:], strict=True)
        ]
        if any(dim != 1 for dim in open_axes):
            ones = np.ones((1, *open_axes), "int32")
            times, dtype = ("LogicalAnd", "bool") if x.dtype == "bool" else ("Multiply", x.dtype)
            node = Node(self.part(name, times, {}), [x, constant(ones, dtype)], {})
            x = Value(node, 0, made.shapes[0], made.dtypes[0])
        for axis, (dim, old) in enumerate(zip(wanted, x.shape[1:], strict=True), 1):
            if dim != old:
                node = Node(self.part(name, "Repeat", {"repeats": dim, "axis": axis}), [x], {})
                x = Value(node, 0, (*x.shape[:axis], dim, *x.shape[axis + 1 :]), x.dtype)
        return x

    def reshape(self, name: str, layer: Any, x: Value, made: Made) -> Value:
        """Keras's Reshape has one open size, which is the batch; its layer has another."""
        shape, kind, module = made.shapes[0], "Reshape", "keras.src.ops.numpy"
        config: Plain = {"newshape": [-1, *shape[1:]]}
        if None in shape[1:]:
            config = {"target_shape": list(layer.newshape[1:]), "dtype": policy(x.dtype)}
            module = "keras.layers"
        node = Node(self.model.add(name, module, kind, config), [x], {})
        return Value(node, 0, shape, made.dtypes[0])

    def count_nonzero(self, name: str, layer: Any, x: Value, made: Made) -> Value:
        """Keras's turns its result around on some backends: ones where it is not zero, summed."""
        unlike = self.model.operation("numpy", "NotEqual", [x, 0], x.shape, "bool")
        ones = self.model.operation("core", "Cast", [unlike], x.shape, "int32", dtype="int32")
        config = {"axis": layer.axis, "keepdims": False}
        node = Node(self.part(name, "Sum", config), [ones], {})
        return Value(node, 0, made.shapes[0], made.dtypes[0])

    def pad(self, name: str, layer: Any, x: Value, made: Made) -> Value:
        """Keras repeats the edge on its torch backend where it should mirror it too: the elements
        are taken one by one.
        """
        if layer.mode != "symmetric":
            args, more = operands("Pad", layer, [x])
            node = Node(self.part(name, "Pad", made_with("Pad", layer, made)), args, more)
            return Value(node, 0, made.shapes[0], made.dtypes[0])
        for axis, (before, after) in enumerate(layer.pad_width):
            size = x.shape[axis]
            if not before and not after:
                continue
            if size is None:
                raise Unwritten("it mirrors an axis of no known size")
            places = np.pad(np.arange(size), (before, after), "symmetric").tolist()
            node = Node(self.part(name, "Take", {"axis": axis}), [x, places], {})
            x = Value(node, 0, (*x.shape[:axis], len(places), *x.shape[axis + 1 :]), x.dtype)
        return x

    def flip(self, name: str, layer: Any, x: Value, made: Made) -> Value:
        """Keras's Flip takes one axis."""
        for axis in layer.axis:
            node = Node(self.part(name, "Flip", {"axis": axis}), [x], {})
            x = Value(node, 0, made.shapes[0], made.dtypes[0])
        return x


OWN: dict[str, Any] = {
    "Slice": Operations.slice, "BroadcastTo": Operations.broadcast_to, "Flip": Operations.flip,
    "Reshape": Operations.reshape, "CountNonzero": Operations.count_nonzero, "Pad": Operations.pad,
    "Cast": Operations.to_dtype,
}  # fmt: skip


def operands(kind: str, layer: Layer, given: list[Any]) -> tuple[list[Any], Plain]:
    """What an operation is called on, and its keywords."""
    values = vars(layer)
    if set(type(layer).arguments) >= PAIRWISE:
        rest = iter(given)
        front = [next(rest)] if kind == "Where" else []
        return [
            *front,
            *(next(rest) if values[x] is None else values[x] for x in sorted(PAIRWISE)),
        ], {}
    if kind == "GetItem":
        return [given[0], [piece(one) for one in values["key"]]], {}
    if kind == "Einsum":
        return list(given[0]), {}
    if kind == "Pad":
        number = values["constant_values"]
        return [given[0]], {} if number is None else {"constant_values": number}
    if kind in AT_CALL:
        return [given[0], values[AT_CALL[kind]]], {}
    return list(given), {}


def made_with(kind: str, layer: Layer, made: Made) -> Plain:
    """What an operation is made with."""
    left_out = {AT_CALL.get(kind), *PAIRWISE, "key"}
    config = {
        NAMES.get((kind, key), key): plain(vars(layer)[key])
        for key in type(layer).arguments
        if key not in left_out
    }
    if kind == "Transpose":
        order: Any = layer
        config["axes"] = order.order(len(made.shapes[0]) - 1)
    if kind == "OneHot":
        config["dtype"] = made.dtypes[0]
    return config


def piece(one: Any) -> Any:
    """One place of a key."""
    if not isinstance(one, str):
        return one
    found = range_of(one)
    return part_of(found.start, found.stop, found.step)


def part_of(start: int | None, stop: int | None, step: int | None = None) -> Plain:
    return {"class_name": "__slice__", "config": {"start": start, "stop": stop, "step": step}}


def constant(value: Any, dtype: str) -> Plain:
    """An array among the arguments of a call."""
    return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": dtype}}
