"""One example of the catalogue, run by our declaration and lowering, and by Keras itself.

Both sides get the same arguments, the same weights and the same inputs. What a family does in its
own way stands in the two tables below, `FOREIGN` and `KERAS_NAMES`.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import keras
import torch
import yaml
from torch import Tensor

from modelspec.catalog.words import Words, find, names, snake
from modelspec.engine.lowering import Masked, lowering
from modelspec.engine.random import Random
from modelspec.engine.regularizers import penalty
from modelspec.language import kinds
from modelspec.language.layer import Layer, Weight
from modelspec.source.diagnostics import Report
from modelspec.source.text import Source, Span
from modelspec.source.tree import from_plain

EXAMPLES = Path(__file__).resolve().parents[2] / "modelspec" / "catalog" / "examples"
BATCH = 3

#: Layers that Keras has no counterpart of.
FOREIGN = {"TorchModule", "PythonModule", "Parameter", "Constant"}

#: Our weight -> Keras's name for it, where the last part differs.
KERAS_NAMES: dict[str, dict[str, str]] = {}

#: Arguments that Keras refuses on its torch backend and that change nothing here.
NOT_ON_TORCH = {"BatchNormalization": {"synchronized"}}

#: (layer, argument, value) that Keras refuses on its torch backend: the owner's tests hold them.
HELD_ELSEWHERE = {
    ("UpSampling2D", "interpolation", "lanczos3"),
    ("Discretization", "num_bins", "4"),  # its edges are no weights in Keras
    ("RandomCrop", "type", "RandomCrop"),  # does not crop in inference in Keras
    ("AutoContrast", "data_format", "channels_first"),  # stretches over the wrong axes in Keras
}

#: Layers that Keras has in TensorFlow alone: `test_lookups` holds them to what it gave there.
IN_TENSORFLOW = {
    "Hashing", "HashedCrossing", "IntegerLookup", "StringLookup", "TextVectorization",
}  # fmt: skip

#: Layers whose mask Keras takes as an argument: called with an initial state, it looks for no mask
#: on the sequence (`Layer.__call__` looks for `sequences_mask`, which their calls do not take).
MASK_IS_AN_ARGUMENT = {"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional",
                       "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}  # fmt: skip

#: Our arguments that Keras takes when the layer is called.
AT_CALL = {
    name: {"return_attention_scores", "use_causal_mask"}
    for name in ("MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention")
} | {"ReversibleEmbedding": {"reverse"}}

#: Layers that Keras hands to a kernel which keeps the states themselves for the way back, and then
#: changes them where they are stateful: torch refuses to go back. Its loop over steps copies them.
FUSED = ("LSTM", "GRU")

#: Layers that Keras calls on a list of what are ports here.
ON_A_LIST = {"Attention", "AdditiveAttention"}


class Example(NamedTuple):
    """One entry of an example file: the inputs by port, and the layer as plain data."""

    name: str
    number: int
    inputs: dict[str, Any]
    plain: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.name}-{self.number}"

    @property
    def seed(self) -> int:
        return zlib.crc32(self.id.encode())

    @property
    def in_keras(self) -> bool:
        """Whether Keras has it on torch."""
        given = {(self.name, key, str(value)) for key, value in self.plain.items()}
        held = self.name in FOREIGN | IN_TENSORFLOW or is_operation(self.name)
        return not held and not given & HELD_ELSEWHERE


def is_operation(name: str) -> bool:
    """Whether it is a function in Keras: `test_ops` holds those."""
    return name.startswith("ops.")


def examples() -> list[Example]:
    """Every example of every layer, in the catalogue's order."""
    written: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(EXAMPLES.glob("*.yaml")):
        written |= yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return [
        Example(name, number, entry["inputs"], entry["layer"])
        for name in names("layers")
        for number, entry in enumerate(written.get(name, ()), 1)
    ]


class Inner(Words):
    """Reads the layer inside a wrapper as a plain word; the resolver's part, for tests."""

    def entry(self, node: Any) -> Any:
        return SimpleNamespace(layer=self.word("layers", node))


def declared(plain: dict[str, Any]) -> Layer:
    """Our layer; raises Rejected."""
    report = Report()
    place = Span(Source("<example>", ""), 1, 1, 1, 1)
    try:
        layer: Any = Inner(report).word("layers", from_plain(plain, place))
    except kinds.Reported:
        report.raise_if_errors()
        raise
    return layer


# Keras's half


def keras_layer(plain: dict[str, Any]) -> Any:
    """Keras's layer with the same arguments."""
    cls = find("layers", plain["type"])
    at_call = AT_CALL.get(cls.__name__, set())
    left_out = {"type", *NOT_ON_TORCH.get(cls.__name__, ()), *at_call}
    given = {k: keras_value(cls.arguments[k], v) for k, v in plain.items() if k not in left_out}
    if given.get("stateful") and cls.__name__ in FUSED:
        given["use_cudnn"] = False
    layer = getattr(keras.layers, cls.__name__)(**given)
    layer.at_call = {k: v for k, v in plain.items() if k in at_call}
    return layer


def keras_value(kind: kinds.Kind[Any], value: Any) -> Any:
    """One argument as Keras takes it."""
    if holds_entries(kind) and isinstance(value, list):
        return [keras_layer(one) for one in value]
    if holds_entries(kind) and isinstance(value, dict):
        return keras_layer(value)
    if isinstance(kind, kinds.Entry) and value is not None:
        return keras_layer(value)
    if isinstance(kind, kinds.Named) and isinstance(value, dict):
        return keras_word(kind.group, value)
    return tuple(value) if isinstance(value, list) else value


def holds_entries(kind: kinds.Kind[Any]) -> bool:
    """Whether layers stand there."""
    if isinstance(kind, kinds.Either):
        return any(map(holds_entries, kind.kinds))
    return isinstance(kind, kinds.Entry) or (
        isinstance(kind, kinds.ListOf) and holds_entries(kind.item)
    )


def keras_word(group: str, plain: dict[str, Any]) -> Any:
    """A regularizer, an initializer, an activation ... with arguments."""
    arguments = {k: v for k, v in plain.items() if k != "type"}
    if group == "activations":
        return functools.partial(getattr(keras.activations, snake(plain["type"])), **arguments)
    return getattr(getattr(keras, group), find(group, plain["type"]).__name__)(**arguments)


def call_keras(layer: Any, ports: dict[str, Any], **more: Any) -> Any:
    if type(layer).__name__ in ON_A_LIST:
        return layer(list(ports.values()), **layer.at_call, **more)
    first, *rest = ports.values()
    named = dict(zip(list(ports)[1:], rest, strict=True))
    if isinstance(layer, keras.layers.StackedRNNCells):
        left = iter(named["states"])
        named["states"] = [keras.tree.map_structure(lambda _: next(left), cell.state_size)
                           for cell in layer.cells]  # fmt: skip
    more.setdefault("training", False)  # which some layers of Keras's take as true
    if getattr(layer, "stateful", False) and layer.states:
        for state in keras.tree.flatten(layer.states):  # `reset_state` fails on stacked cells
            state.assign(torch.zeros(state.shape))
    return layer(first, **named, **layer.at_call, **more)


def keras_weights(layer: Any) -> list[Any]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


# What both are fed


def of_ports(inputs: dict[str, Any], layer: Layer) -> dict[str, Any]:
    """The example's inputs by port: a list of them for a port that takes many."""
    ports = layer.ports()
    if len(ports) == 1 and ports[0].many:
        return {ports[0].name: list(inputs.values())}
    if len(ports) == 1:
        return {ports[0].name: next(iter(inputs.values()))}
    return dict(inputs)


def spread(function: Callable[[Any], Any], ports: dict[str, Any]) -> dict[str, Any]:
    """A function of one written input, over ports that take one and ports that take many."""
    return {
        name: [function(one) for one in value] if is_many(value) else function(value)
        for name, value in ports.items()
    }


def is_many(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], list | dict)


def shape_of(written: Any) -> tuple[Any, ...]:
    return tuple(written["shape"] if isinstance(written, dict) else written)


def dtype_of(written: Any) -> str:
    return str(written.get("dtype", "float32")) if isinstance(written, dict) else "float32"


def drawn(written: Any, generator: torch.Generator) -> Tensor:
    """A seeded tensor for a written input: normal floats, integers below `max`, or booleans."""
    shape, dtype = (BATCH, *shape_of(written)), dtype_of(written)
    if dtype == "bool":
        return torch.rand(shape, generator=generator) < 0.5
    if dtype.startswith(("int", "uint")):
        low, high = written.get("min", 0), written.get("max", 10)
        return torch.randint(low, high, shape, generator=generator).to(getattr(torch, dtype))
    return torch.randn(shape, generator=generator).to(getattr(torch, dtype))


def drawn_weight(weight: Weight, generator: torch.Generator) -> Tensor:
    """Small values everywhere, biases and statistics too, so that two swapped tensors show."""
    if weight.dtype is not None and not weight.dtype.startswith(("float", "bfloat")):
        return torch.randint(1, 9, weight.shape, generator=generator)
    value = 0.4 * torch.randn(weight.shape, generator=generator)
    return 0.5 + value.abs() if "variance" in weight.name else value


def tensors_in(ports: dict[str, Any]) -> Iterator[Tensor]:
    for value in ports.values():
        yield from value if isinstance(value, list) else [value]


# Our half


class Recording(Random):
    """Random draws that say whether anything was drawn."""

    __slots__ = ("generator_", "used")

    def __init__(self, seed: int) -> None:
        self.device = "cpu"
        self.used = False
        self.generator_ = torch.Generator().manual_seed(seed)

    @property
    def generator(self) -> torch.Generator:  # type: ignore[override]
        self.used = True
        return self.generator_


class Given(NamedTuple):
    """What a call of a lowering left."""

    outputs: list[Tensor]
    mask: Any
    updates: dict[str, Tensor]
    is_random: bool
    penalties: list[Tensor]


def nested(weights: dict[str, Tensor]) -> SimpleNamespace:
    """`{"forward.kernel": t}` as `w.forward.kernel`."""
    root = SimpleNamespace()
    for name, tensor in weights.items():
        *path, last = name.split(".")
        place = root
        for part in path:
            place = place.__dict__.setdefault(part, SimpleNamespace())
        setattr(place, last, tensor)
    return root


def call_ours(
    layer: Layer,
    weights: dict[str, Tensor],
    ports: dict[str, Any],
    masks: dict[str, Any] | None = None,
    training: bool = False,
    compute: torch.dtype = torch.float32,
) -> Given:
    """Our layer on tensors by port, as the executor calls it."""
    function, asks = lowering(type(layer))
    weights = began(layer, ports) | weights
    updates: dict[str, Tensor] = {}
    penalties: list[Tensor] = []
    random = Recording(7)

    def penalize(word: Any, value: Tensor) -> None:
        if word is not None:
            penalties.append(penalty(word, value) / len(value))

    by_port = [(masks or {}).get(port.name) for port in layer.ports()]
    first = by_port[0][0] if isinstance(by_port[0], list) else by_port[0]
    offered = {
        "training": training,
        "mask": first,
        "masks": by_port,
        "random": random,
        "compute": compute,
        "update": updates.__setitem__,
        "carry": updates.__setitem__,
        "penalize": penalize,
        "body": functools.partial(body, layer, weights, training, updates, random),
        "folds": not training or not layer_inside(layer).per_batch,
    }
    tensors = [ports.get(port.name) for port in layer.ports()]
    more = {name: offered[name] for name in asks}
    result = function(layer, nested(weights), *tensors, **more)
    mask = result.mask if isinstance(result, Masked) else first if layer.masking == "pass" else None
    value = result.value if isinstance(result, Masked) else result
    outputs = list(value) if isinstance(value, tuple | list) else [value]
    return Given(outputs, mask, updates, random.used, penalties)


def began(layer: Layer, ports: dict[str, Any]) -> dict[str, Tensor]:
    """The states that a stateful layer begins with."""
    x = ports.get("sequence")
    if x is None:
        return {}
    held = layer.carried(tuple(x.shape[1:]))
    return {state.name: torch.zeros(len(x), *state.shape, dtype=x.dtype) for state in held}


def layer_inside(wrapper: Any) -> Any:
    """The layer inside a wrapper; any other layer itself."""
    return wrapper.layer.layer if getattr(wrapper, "wraps", False) else wrapper


def body(
    wrapper: Any,
    weights: dict[str, Tensor],
    training: bool,
    updates: dict[str, Tensor],
    random: Recording,
    x: Tensor,
    mask: Tensor | None = None,
) -> Tensor:
    """The layer inside a wrapper, on one tensor; what it updates, its next call sees."""
    layer = layer_inside(wrapper)
    port = layer.ports()[0].name
    given = call_ours(layer, weights | updates, {port: x}, {port: mask}, training)
    updates |= given.updates
    random.used |= given.is_random
    return given.outputs[0]


def weights_of(layer: Any, *shapes: Any) -> list[Weight]:
    """The declared weights; those of the layer inside, for a wrapper that declares none itself."""
    if getattr(layer, "wraps", False):
        return list(layer_inside(layer).weights(layer.inner(shapes[0])))
    return list(layer.weights(*shapes))


class Pair:
    """Our layer and Keras's with the same arguments, weights and inputs."""

    def __init__(self, example: Example) -> None:
        self.example = example
        self.ours = declared(example.plain)
        self.theirs = keras_layer(example.plain)
        self.written = of_ports(example.inputs, self.ours)
        generator = torch.Generator().manual_seed(example.seed)
        self.inputs = spread(functools.partial(drawn, generator=generator), self.written)
        by_port = spread(shape_of, self.written)
        self.shapes = [by_port.get(port.name) for port in self.ours.ports()]
        self.declared = weights_of(self.ours, *self.shapes)
        self.weights = {w.name: drawn_weight(w, generator) for w in self.declared}
        call_keras(self.theirs, self.inputs)  # builds it
        self.assign()

    def ordered(self) -> list[Weight]:
        """The declared weights in Keras's order: those that are trained first."""
        return sorted(self.declared, key=lambda weight: not weight.trainable)

    def assign(self) -> None:
        for weight, variable in zip(self.ordered(), keras_weights(self.theirs), strict=True):
            variable.assign(self.weights[weight.name])

    def leaves(self) -> tuple[dict[str, Any], list[Tensor]]:
        """Fresh copies of the inputs, and those of them that a gradient can reach."""
        copies = {
            name: [one.clone() for one in value] if isinstance(value, list) else value.clone()
            for name, value in self.inputs.items()
        }
        floats = [x.requires_grad_() for x in tensors_in(copies) if x.is_floating_point()]
        return copies, floats

    def masks(self) -> dict[str, Any]:
        """A mask for each input with a time axis: `(batch, time)`, the first step always there."""
        generator = torch.Generator().manual_seed(self.example.seed + 1)
        time = 2 if self.example.plain.get("data_format") == "channels_first" else 1

        def one(x: Tensor) -> Tensor | None:
            if x.ndim < 3:
                return None
            mask = torch.rand((BATCH, x.shape[time]), generator=generator) < 0.7
            mask[:, 0] = True
            return mask

        return {
            name: [one(x) for x in value] if isinstance(value, list) else one(value)
            for name, value in self.inputs.items()
        }
