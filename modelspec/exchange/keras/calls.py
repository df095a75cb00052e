"""One call of a layer: what it is called on, and the arguments that Keras gives in the call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.exchange.keras.entries import declared
from modelspec.exchange.keras.faults import Faults
from modelspec.exchange.keras.model import Node, Part, Slice, Tensor, tensors

#: Arguments of calls that are arguments of the layer here.
FLAGS = ("return_attention_scores", "use_causal_mask", "reverse")
#: Names of what layers and operations are called on, by position, where they have several.
POSITIONS: dict[str, tuple[str, ...]] = {
    "MultiHeadAttention": (
        "query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask",
        "return_attention_scores", "training", "use_causal_mask",
    ),
    "GroupQueryAttention": (
        "query", "value", "key", "query_mask", "value_mask", "key_mask", "attention_mask",
        "return_attention_scores", "training", "use_causal_mask",
    ),
    "ReversibleEmbedding": ("x", "reverse"),
}  # fmt: skip
SEQUENCES = ("sequence", "initial_state", "mask", "training")
#: Further arguments of operations, by position behind the tensor.
OPERANDS: dict[str, tuple[str, ...]] = {
    "GetItem": ("x", "key"),
    "Where": ("condition", "x1", "x2"),
    "Take": ("x", "indices"),
    "FullLike": ("x", "fill_value"),
    "Slice": ("x", "start_indices"),
    "TakeAlongAxis": ("x", "indices"),
}
PAIRWISE = {"x1", "x2"}
LISTS = ("Stack", "Concatenate", "Einsum", "Meshgrid")


class Call:
    """A call as a spec writes it: tensors by port, and arguments for the layer."""

    __slots__ = ("arguments", "ports")

    def __init__(self) -> None:
        self.ports: dict[str, Any] = {}
        self.arguments: dict[str, Any] = {}


def call(part: Part, node: Node, faults: Faults) -> Call:
    """What a layer is called on."""
    made = Call()
    for name, value in named(part, node):
        if value is None or (name == "training" and value is False):
            if value is False and part.module is None and matters(part):
                # Keras 3 writes it for every layer, Keras 2 where somebody said so.
                faults.note(f"`{part.name}` is called with training=False in Keras")
            continue
        if name in ("training", "mask", "query_mask", "value_mask", "key_mask"):
            refuse(part, name, faults)
        elif name in FLAGS:
            if value is not False:
                made.arguments[name] = value
        elif part.kind == "GetItem" and name == "key":
            made.arguments[name] = pieces(part, node, value, faults)
        elif not list(tensors(value)):
            made.arguments[name] = literal(value)
        elif isinstance(value, dict):
            made.ports |= value
        else:
            made.ports[name] = value
    return made


def named(part: Part, node: Node) -> Iterator[tuple[str, Any]]:
    """Every argument of a call under a name."""
    args = list(node.args)
    kind = part.kind
    if part.is_operation:
        names = operands(part)
        if kind in LISTS and len(args) > 1:
            args = [args]
    elif kind in POSITIONS:
        names = POSITIONS[kind]
    elif kind in ("Attention", "AdditiveAttention"):
        listed = args.pop(0) if args else node.kwargs.get("inputs", [])
        yield from zip(("query", "value", "key"), listed, strict=False)
        names = ("mask", "training", "return_attention_scores", "use_causal_mask")
    elif kind.endswith(("Cell", "Cells")):
        yield from cell_call(node)
        return
    elif "RNN" in kind or "LSTM" in kind or kind in ("GRU", "Bidirectional"):
        names = SEQUENCES
        if args and isinstance(args[0], list):  # Keras 2 puts the states behind the sequence
            args = [args[0][0], args[0][1:], *args[1:]]
    elif kind == "TimeDistributed":
        names = ("x", "training", "mask")
    else:
        names = ("x", "mask", "training")
    yield from zip(names, args, strict=False)
    if len(args) > len(names):
        yield f"argument {len(names)}", args[len(names)]
    for key, value in node.kwargs.items():
        yield {"inputs": names[0], "sequences": names[0]}.get(key, key), value


def cell_call(node: Node) -> Iterator[tuple[str, Any]]:
    """A cell that is called by itself: one step, and its states as one list."""
    given = dict(zip(("inputs", "states", "training"), node.args, strict=False)) | node.kwargs
    yield "inputs", given.pop("inputs", None)
    yield "states", list(tensors(given.pop("states", None)))
    yield from given.items()


def operands(part: Part) -> tuple[str, ...]:
    """The names of what an operation is called on."""
    if part.kind in OPERANDS:
        return OPERANDS[part.kind]
    cls = declared(part)
    if cls is not None and set(cls.arguments) >= PAIRWISE:
        return ("x1", "x2")
    takes: Any = None if cls is None else cls.takes
    return tuple(takes) if isinstance(takes, dict) else ("x",)


def pieces(part: Part, node: Node, key: Any, faults: Faults) -> list[Any]:
    """What a tensor is indexed with, one piece for each axis: `...` stands for those left out."""
    listed = key if isinstance(key, list) else [key]
    if list(tensors(listed)):
        faults.refuse(part.name, "it is indexed by a tensor", "use keras.ops.take in its place")
        return [":"]
    if ... in listed:
        at = listed.index(...)
        shape = next(tensors(node.args)).shape or ()
        taken = sum(one is not None and one is not ... for one in listed)
        whole = [Slice(None, None, None)] * max(len(shape) - taken, 0)
        listed = [*listed[:at], *whole, *listed[at + 1 :]]
    found: list[Any] = literal(listed)
    if found[:1] != [":"]:
        faults.refuse(
            part.name,
            f"it takes a part of the batch, `{found[0] if found else ''}`",
            "the first index is the batch's: take all of it, `x[:, ...]`",
        )
    return found


def literal(value: Any) -> Any:
    """A constant of a call as a spec writes it; slices as `start:stop:step`."""
    if isinstance(value, Slice):
        ends = [value.start, value.stop, *([] if value.step is None else [value.step])]
        return ":".join("" if one is None else str(one) for one in ends)
    if isinstance(value, list):
        return [literal(one) for one in value]
    return value


def matters(part: Part) -> bool:
    """Whether a layer does something else in training."""
    kind = part.kind
    return part.model is not None or "Dropout" in kind or "Noise" in kind or kind in (
        "BatchNormalization", "TimeDistributed", "SpectralNormalization",
    )  # fmt: skip


def refuse(part: Part, name: str, faults: Faults) -> None:
    if name == "training":
        if matters(part):
            faults.refuse(
                part.name,
                "it is called with `training=True`, as if every use were training",
                "call it without `training` in Keras, and save the model again",
            )
        return
    faults.refuse(
        part.name,
        f"it is given a `{name}` in its call",
        "masks go with tensors here: they start at `Masking` or `Embedding(mask_zero=True)`",
    )


def single(ports: dict[str, Any]) -> Tensor | None:
    """The tensor of a call on one tensor alone."""
    values = list(ports.values())
    return values[0] if len(values) == 1 and isinstance(values[0], Tensor) else None
