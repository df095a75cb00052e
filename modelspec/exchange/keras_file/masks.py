"""Masks as Keras hands them on: operations of its own, and arguments of the calls they reach.

Keras adds both by itself when a model is built. They are written all the same, as Keras writes
them: their names stay clear of the layers', and the order of the parts is known.
"""

from __future__ import annotations

from typing import Any

from modelspec.exchange.keras.masks import TAKE
from modelspec.exchange.keras_file.calls import ATTENTION, ON_A_LIST, SEQUENCES
from modelspec.exchange.keras_file.parts import Functional, Node, Value
from modelspec.language.layer import Layer

#: Layers whose first output has the mask of their first input.
PASS = {
    "Dense", "Identity", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Dropout",
    "AlphaDropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianNoise",
    "GaussianDropout", "ActivityRegularization", "BatchNormalization", "LayerNormalization",
    "GroupNormalization", "UnitNormalization", "Rescaling", "Normalization", "TimeDistributed",
    *ATTENTION, *ON_A_LIST,
}  # fmt: skip
MERGE = {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"}
HAND_ON = {*PASS, *SEQUENCES, *MERGE, "Concatenate"}


class Masks:
    """Writes the masks of one model."""

    def __init__(self, model: Functional) -> None:
        self.model = model

    def take(self, node: Node) -> None:
        """Hand a call the masks of what it is called on."""
        kind = node.part.kind
        if kind in ATTENTION:
            named = dict(zip(("query", "value"), node.args, strict=True))
            named |= {"key": node.kwargs["key"]} if "key" in node.kwargs else {}
            for name, value in named.items():
                if value.mask is not None:
                    node.kwargs[f"{name}_mask"] = value.mask
        elif kind in TAKE:
            mask = masks_of(node.args[0])
            if any_in(mask):
                node.kwargs["mask"] = mask

    def hand_on(self, layer: Layer, node: Node, made: list[Value]) -> None:
        """Give the outputs of a call their masks."""
        kind = node.part.kind
        first: Any = node.args[0]
        mask: Any = None
        if kind in PASS:
            mask = first_in(masks_of(first))
        elif kind in SEQUENCES:
            mask = masks_of(first) if sequences(layer) else None
            if getattr(layer, "merge_mode", "concat") is None and mask is not None:
                made[1].mask = mask
        elif kind in MERGE:
            mask = self.merged(masks_of(first))
        elif kind == "Concatenate":
            mask = self.concatenated(first, vars(layer)["axis"])
        elif kind == "Embedding" and vars(layer)["mask_zero"]:
            mask = self.operation("NotEqual", [first, 0], first.shape)
        elif kind == "Masking":
            unlike = self.operation("NotEqual", [first, vars(layer)["mask_value"]], first.shape)
            mask = self.any_of(unlike)
        if mask is not None:
            made[0].mask = mask
        hands_on = kind in HAND_ON and any(value.masked for value in node.values())
        made[0].masked = mask is not None or hands_on

    def merged(self, masks: list[Value | None]) -> Value | None:
        """A step counts where it does in any; none has a mask where one has not."""
        mask = masks[0]
        for other in masks[1:]:
            if mask is None or other is None:
                return None
            mask = self.operation("LogicalOr", [mask, other], mask.shape)
        return mask

    def concatenated(self, given: list[Value], axis: int) -> Value | None:
        if not any_in(masks_of(given)):
            return None
        whole = [self.spread(value) for value in given]
        return self.any_of(self.operation("Concatenate", [whole], whole[0].shape, axis=axis))

    def spread(self, value: Value) -> Value:
        """A mask with the axes of its value."""
        if value.mask is None:
            return self.operation("OnesLike", [value], value.shape, dtype="bool")
        if len(value.mask.shape) >= len(value.shape):
            return value.mask
        wider = self.operation("ExpandDims", [value.mask], (*value.mask.shape, 1), axis=-1)
        zeros = self.operation("ZerosLike", [value], value.shape, dtype="bool")
        return self.operation("LogicalOr", [wider, zeros], value.shape)

    def any_of(self, mask: Value) -> Value:
        return self.operation("Any", [mask], mask.shape[:-1], axis=-1, keepdims=False)

    def operation(self, kind: str, args: list[Any], shape: tuple[Any, ...], **config: Any) -> Value:
        return self.model.operation("numpy", kind, args, shape, "bool", **config)


def sequences(layer: Any) -> bool:
    """Whether a recurrent layer gives a value for each step."""
    return bool(getattr(layer, "forward", layer).return_sequences)


def masks_of(given: Any) -> Any:
    if isinstance(given, list):
        return [masks_of(one) for one in given]
    return None if given is None else given.mask


def any_in(mask: Any) -> bool:
    return any(map(any_in, mask)) if isinstance(mask, list) else mask is not None


def first_in(mask: Any) -> Value | None:
    return first_in(mask[0]) if isinstance(mask, list) else mask
