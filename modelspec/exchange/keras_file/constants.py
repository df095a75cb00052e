"""Tensors that need no input, for which Keras has no layers, made of what it has.

Each begins at an input of its model, which says how many samples there are; its values are not
looked at. A `Parameter` is an Embedding that looks up every row of its table in each sample, a
`Constant` is added to zeros.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from modelspec.exchange.keras_file.operations import constant, part_of
from modelspec.exchange.keras_file.parts import Functional, Node, Part, Plain, Value
from modelspec.exchange.keras_file.words import Unwritten, plain

#: Words that mean the same for a table as for a tensor of any shape.
FLAT = {"L1", "L2", "L1L2", "NonNeg"}


class Constants:
    """Writes the parameters and constants of one model."""

    def __init__(self, model: Functional) -> None:
        self.model = model

    def zeros(self, dtype: str) -> Value:
        """A zero for each sample."""
        first = next((one for one in self.model.inputs if one.dtype != "string"), None)
        if first is None:
            raise Unwritten("its graph has no input of numbers, which would say how many samples")
        key = [part_of(None, None), *[0] * (len(first.shape) - 1)]
        one = self.model.operation("numpy", "GetItem", [first, key], (None,), first.dtype)
        return self.model.operation("numpy", "ZerosLike", [one], (None,), dtype, dtype=dtype)

    def parameter(self, part: Part, layer: Any, dtype: str) -> Value:
        """A learned tensor: the rows of its table, all of them, in the tensor's shape."""
        sizes = layer.sizes
        rows, width = table(sizes)
        at = self.zeros("int32")
        if len(sizes) > 1:
            at = self.wider(at)
            numbers = constant(np.arange(rows)[None], "int32")
            at = self.model.operation("numpy", "Add", [at, numbers], (None, rows), "int32")
        made = Value(Node(part, [at], {}), 0, (*at.shape, width), dtype)
        if made.shape[1:] == sizes:
            return made
        shape = [-1, *sizes]
        return self.model.operation(
            "numpy", "Reshape", [made], (None, *sizes), dtype, newshape=shape
        )

    def wider(self, value: Value) -> Value:
        shape = (*value.shape, 1)
        return self.model.operation("numpy", "ExpandDims", [value], shape, value.dtype, axis=-1)

    def constant(self, part: Part, layer: Any, dtype: str) -> Value:
        """A tensor that is written down: added to zeros."""
        value = np.array(layer.value)
        zeros = self.zeros(dtype)
        for _ in range(value.ndim):
            zeros = self.wider(zeros)
        node = Node(part, [zeros, constant(value[None], dtype)], {})
        return Value(node, 0, (None, *value.shape), dtype)

    @staticmethod
    def kind(dtype: str) -> str:
        """The operation that adds a constant to zeros."""
        return "LogicalOr" if dtype == "bool" else "Add"


def table(sizes: tuple[int, ...]) -> tuple[int, int]:
    """The rows and columns of the table that holds a tensor."""
    return (sizes[0], prod(sizes[1:])) if len(sizes) > 1 else (1, prod(sizes))


def table_of(layer: Any) -> Plain:
    """The arguments of the Embedding that holds a Parameter; raises Unwritten."""
    rows, width = table(layer.sizes)
    made: Plain = {"input_dim": rows, "output_dim": width, "mask_zero": False}
    for key in ("initializer", "regularizer", "constraint"):
        word = vars(layer)[key]
        depends = key != "initializer" and word is not None and type(word).__name__ not in FLAT
        if depends and len(layer.sizes) != 2:
            raise Unwritten(f"its `{key}` goes by axes, and Keras has it as a table of two")
        made[f"embeddings_{key}"] = plain(word)
    return made
