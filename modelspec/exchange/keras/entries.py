"""One layer of a Keras model as an entry of a spec: its type and arguments."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.refused import refused
from modelspec.catalog.words import find
from modelspec.exchange.keras.faults import Faults
from modelspec.exchange.keras.model import APPLICATIONS, LOOKUPS, Part
from modelspec.exchange.keras.words import Inside, Unknown, arguments, unpacked
from modelspec.language.dtypes import FLOATS
from modelspec.language.layer import Layer

RECURRENT = ("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
#: What layers of a mixed policy compute in.
PRECISIONS = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
#: Arguments of operations: Keras's names -> ours.
RENAMED = {("Cast", "dtype"): "to", ("BroadcastTo", "shape"): "newshape"}
KERAS = "use what Keras itself has there, and save the model again"
OWN = (
    'a class of your own can stand in the spec as {type: python, class: "package.module:Class"} '
    "under `--trust-code`; replace the layer in Keras, or take it out, and save the model again"
)


def declared(part: Part) -> type[Layer] | None:
    """The catalogue's layer of a part; None where there is none."""
    name = f"ops.{part.kind}" if part.is_operation else part.kind
    if not part.is_operation and part.module not in (None, "keras.layers", "keras"):
        return None
    found = find("layers", name)
    return found if found is not None and issubclass(found, Layer) else None


def entry(part: Part, faults: Faults, inside: Inside, extra: dict[str, Any]) -> dict[str, Any]:
    """`{type: Name, argument: value}` of a layer; what cannot be said is collected."""
    cls = declared(part)
    if cls is None:
        refuse_class(part, faults)
        return {"type": "Identity"}
    if part.nodes and old_hard_sigmoid(part):
        faults.refuse(
            part.name,
            "Keras 2's `hard_sigmoid` is another function than Keras 3's",
            "load the model in Keras 3, check what it predicts, and save it again",
        )
    made: dict[str, Any] = {"type": cls.__name__}
    try:
        made |= arguments(cls, {**tidied(part), **extra}, inside)
    except Unknown as unknown:
        faults.refuse(part.name, f"`{part.kind}`: {unknown.what}", unknown.help or KERAS)
    return made


def learns(part: Part) -> bool:
    """Whether `trainable` means something to a part: it has weights, or holds what has."""
    cls = declared(part)
    if part.model is not None or part.kind in APPLICATIONS or cls is None:
        return True
    return cls.weights is not Layer.weights or bool(getattr(cls, "wraps", False))


def refuse_class(part: Part, faults: Faults) -> None:
    known = refused("layers", part.kind)
    if known is not None and part.module in (None, "keras.layers", "keras"):
        faults.refuse(part.name, f"`{part.kind}`: {known.reason}", f"use {known.use}")
    elif part.is_operation:
        faults.refuse(
            part.name,
            f"`keras.ops` has `{part.kind}`, and a spec has no such operation",
            "write it with other operations in Keras: `modelspec layers` lists `ops.*`",
        )
    else:
        home = part.module or "code of your own"
        faults.refuse(part.name, f"`{part.kind}` is no layer of Keras's ({home})", OWN)


def old_hard_sigmoid(part: Part) -> bool:
    """Keras 2's is clip(0.2 x + 0.5, 0, 1), Keras 3's relu6(x + 3) / 6."""
    return part.module is None and "hard_sigmoid" in (
        part.config.get("activation"), part.config.get("recurrent_activation"),
    )  # fmt: skip


def tidied(part: Part) -> dict[str, Any]:
    """Its configuration, without what Keras writes though it is a default."""
    config = dict(part.config)
    if part.is_operation:
        return operation(part.kind, config)
    rank = len(part.input_shape or ()) or None
    if "Normalization" in part.kind and rank:
        config["axis"] = last_axis(config.get("axis"), rank)
        if config["axis"] is None:
            del config["axis"]
    if part.kind in ("MultiHeadAttention", "GroupQueryAttention", "GroupedQueryAttention"):
        if config.get("value_dim") == config.get("key_dim"):
            config.pop("value_dim", None)
        shapes = part.build.get("shapes_dict") or part.build
        query = shapes.get("query_shape") or config.get("query_shape") or []
        axes = config.get("attention_axes")
        if isinstance(axes, list) and axes == list(range(1, len(query) - 1)):
            del config["attention_axes"]
    if part.kind == "Bidirectional":
        for side in ("layer", "backward_layer"):
            config[side] = zeros_left_out(config.get(side))
        if mirrored(config):
            del config["backward_layer"]
    if "Pooling" in part.kind and alike(config.get("strides"), config.get("pool_size")):
        config.pop("strides", None)
    if part.kind.startswith("SeparableConv"):  # Keras 2 writes what it inherits, unused
        for key in ("kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            config.pop(key, None)
    if part.kind in LOOKUPS:
        config.pop("vocabulary_size", None)  # its vocabulary says it
        if part.kind == "StringLookup":
            config.pop("oov_method", None)  # it is for integers alone
    return config


def operation(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """What an operation is made with, under our names."""
    for (owner, theirs), ours in RENAMED.items():
        if owner == kind and theirs in config:
            config[ours] = config.pop(theirs)
    for key in ("newshape", "shape"):
        if isinstance(unpacked(config.get(key)), list):  # the batch, as a spec writes it
            config[key] = [None, *unpacked(config[key])[1:]]
    return config


def zeros_left_out(layer: Any) -> Any:
    """A layer of a Bidirectional without what Keras sets in it, and what holds here anyway."""
    if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
        return layer
    kept = {k: v for k, v in layer["config"].items() if k != "zero_output_for_mask"}
    return {**layer, "config": kept}


def last_axis(axis: Any, rank: int) -> Any:
    """An axis, where it is the last one, as -1."""
    listed = axis if isinstance(axis, list) else [axis]
    return -1 if listed == [rank - 1] else axis


def mirrored(config: dict[str, Any]) -> bool:
    """Whether the backward layer is what Keras makes of the forward one."""
    one, other = config.get("layer"), config.get("backward_layer")
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    forward, backward = dict(one["config"]), dict(other["config"])
    turned = forward.pop("go_backwards", False) != backward.pop("go_backwards", False)
    return turned and one["class_name"] == other["class_name"] and alike(forward, backward)


def alike(one: Any, other: Any) -> bool:
    """Equal but for the numbers that Keras gives to objects, and names."""
    if isinstance(one, dict) and isinstance(other, dict):
        skipped = {"shared_object_id", "name", "trainable", "build_config"}
        keys = (set(one) | set(other)) - skipped
        return all(alike(one.get(key), other.get(key)) for key in keys)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def policy(written: Any) -> str:
    """The name of a dtype policy, `float32` or `mixed_float16`."""
    if isinstance(written, dict):
        held = written.get("config")
        name = held.get("name") if isinstance(held, dict) else None
        return str(name or "float32")
    return written if isinstance(written, str) else "float32"


def own_dtype(part: Part, mixed: bool) -> str | None:
    """The dtype that an entry says: one that is not what layers have anyway."""
    if part.is_operation or part.is_input or "dtype" not in part.config:
        return None
    name = policy(part.config["dtype"])
    if name not in FLOATS:
        return None
    return name if name != "float32" or mixed else None
