"""A Keras model as its file describes it: parts, and the calls of each; both formats made one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.catalog.words import spellings
from modelspec.exchange.keras.faults import Faults, Odd

MODELS = ("Functional", "Model", "Sequential")
#: Layers of keras.applications that are no layers of Keras; `known` writes them in words.
APPLICATIONS = ("LayerScale", "StochasticDepth", "CustomScaleLayer")
#: Layers whose vocabulary lies beside the weights where it was learnt.
LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization")
WRAPPERS = ("TimeDistributed", "SpectralNormalization")
#: What Keras 3 and Keras 2 call the shape of an input, the batch in front.
SHAPES = ("batch_shape", "batch_input_shape", "shape")


#: The largest of the reference applications has some 1,500.
MOST_CALLS = 10_000


class Tensor:
    """What call number `node` of the part `part` gave, output `index`."""

    __slots__ = ("index", "node", "part", "shape")

    def __init__(self, part: str, node: int, index: int, shape: tuple[Any, ...] | None = None):
        self.part, self.node, self.index, self.shape = part, node, index, shape


class Slice:
    """A slice among the arguments of a call."""

    __slots__ = ("start", "step", "stop")

    def __init__(self, start: Any, stop: Any, step: Any) -> None:
        self.start, self.stop, self.step = start, stop, step


class Node:
    """One call: positional arguments and keywords, with Tensors in them."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: list[Any], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs

    def tensors(self) -> list[Tensor]:
        """Every tensor that it is called on."""
        return list(tensors(self.args)) + list(tensors(self.kwargs))

    def flat(self) -> list[Tensor]:
        """The same in the order in which Keras flattens them."""
        return [*tensors(self.args), *tensors(dict(sorted(self.kwargs.items())))]


class Part:
    """A layer, an operation, or a model that is called like one."""

    __slots__ = (
        "build", "config", "identity", "kind", "learnt", "model", "module", "name", "nodes",
        "wrapped",
    )  # fmt: skip

    def __init__(self, written: dict[str, Any], faults: Faults) -> None:
        config = written.get("config")
        self.config: dict[str, Any] = config if isinstance(config, dict) else {}
        self.kind = str(written.get("class_name"))
        if self.kind.removeprefix("Custom>") in APPLICATIONS:  # as Keras 2 registers them
            self.kind = self.kind.removeprefix("Custom>")
        self.name = str(written.get("name") or self.config.get("name") or self.kind)
        self.module: str | None = written.get("module")
        self.build: dict[str, Any] = written.get("build_config") or {}
        self.identity = written.get("shared_object_id")
        self.nodes: list[Node] = []
        #: The vocabulary that it learnt, where the file keeps one beside the weights.
        self.learnt: dict[str, Any] | None = None
        self.model: Model | None = None
        if self.kind in MODELS:
            if isinstance(config, list):  # Keras 2.0's Sequential
                self.config = {"layers": config}
            self.model = Model(self.config, self.kind == "Sequential", faults, self.build)
        inside = self.config.get("layer")
        wraps = self.kind in WRAPPERS and isinstance(inside, dict)
        #: What it calls, for a wrapper of any layer.
        self.wrapped: Part | None = Part(self.config["layer"], faults) if wraps else None

    @property
    def is_input(self) -> bool:
        return self.kind == "InputLayer"

    @property
    def is_operation(self) -> bool:
        """Whether it is a function of keras.ops, which no container of layers counts."""
        if self.module is None:  # .h5 files do not say: layers have a dtype
            told = "dtype" in self.config or "trainable" in self.config or self.model is not None
            return not told and f"ops.{self.kind}" in spellings("layers")
        return self.module.startswith(("keras.src.ops", "keras.ops"))

    @property
    def input_shape(self) -> list[Any] | None:
        """What it was built on, the batch in front, where that is one shape."""
        shape = self.build.get("input_shape")
        return shape if is_shape(shape) else None


class Model:
    """A functional or a sequential model."""

    def __init__(
        self, config: dict[str, Any], sequential: bool, faults: Faults, build: dict[str, Any]
    ) -> None:
        self.name = str(config.get("name") or ("sequential" if sequential else "model"))
        self.trainable = config.get("trainable", True) is not False
        self.dtype = config.get("dtype")
        self.sequential = sequential
        written = config.get("layers")
        if not isinstance(written, list) or not all(isinstance(one, dict) for one in written):
            raise Odd(f"the model `{self.name}` has no list of layers")
        calls = sum(max(1, len(one.get("inbound_nodes") or ())) for one in written)
        calls = max(calls, len(config.get("output_layers") or ()))
        if calls > MOST_CALLS:
            raise Odd(f"`{self.name}` has {calls:,} calls, and a model has at most {MOST_CALLS:,}")
        self.parts = [Part(one, faults) for one in written]
        self.by_name = {part.name: part for part in self.parts}
        if len(self.by_name) < len(self.parts):
            raise Odd(f"two layers of `{self.name}` have one name")
        if sequential:
            self.chain(config, build)
        else:
            self.wire(config, written)

    def chain(self, config: dict[str, Any], build: dict[str, Any]) -> None:
        """Call each part of a Sequential on the one before."""
        if not self.parts or not self.parts[0].is_input:
            self.parts.insert(0, self.implied_input(config, build))
            self.by_name[self.parts[0].name] = self.parts[0]
        before = self.parts[0]
        for part in self.parts[1:]:
            part.nodes = [Node([Tensor(before.name, 0, 0, None)], {})]
            before = part
        self.inputs: Any = Tensor(self.parts[0].name, 0, 0)
        self.outputs: Any = Tensor(before.name, 0, 0)

    def implied_input(self, config: dict[str, Any], build: dict[str, Any]) -> Part:
        """The input of a Sequential that names none."""
        first = self.parts[0] if self.parts else None
        held = first.config if first is not None else {}
        shapes = [held.get(key) for key in SHAPES[:2]]
        shapes += [config.get("build_input_shape"), build.get("input_shape")]
        shapes += [first.build.get("input_shape") if first is not None else None]
        shape = next((one for one in shapes if is_shape(one)), None)
        if shape is None:
            raise Odd(
                f"the Sequential `{self.name}` was never called, so its input has no shape: "
                "call it once in Keras, or give it an Input, and save it again"
            )
        name = "input"
        while name in self.by_name:
            name += "_"
        found = {"name": name, "batch_shape": shape, "dtype": "float32"}
        if first is not None and first.kind == "Embedding":
            found["dtype"] = "int32"
        return Part({"class_name": "InputLayer", "config": found}, Faults(""))

    def wire(self, config: dict[str, Any], written: list[dict[str, Any]]) -> None:
        """Read the calls of a functional model."""
        old = False
        for part, one in zip(self.parts, written, strict=True):
            listed = one.get("inbound_nodes") or []
            old = old or any(isinstance(node, list) for node in listed)
            for node in listed:
                made = self.old_node(node) if isinstance(node, list) else self.node(node)
                part.nodes.append(made)
        self.inputs = self.ends(config.get("input_layers"))
        self.outputs = self.ends(config.get("output_layers"))
        for part in self.parts:
            for node in part.nodes:
                self.renumber(node.tensors(), old, old)
        self.renumber(tensors(self.outputs), True, old)

    def renumber(self, found: Any, shifted: bool, old: bool) -> None:
        """A model that is called counts its own making as call 0, in some places of the format."""
        for tensor in found:
            part = self.by_name.get(tensor.part)
            if part is None:
                raise Odd(f"`{self.name}` calls something on `{tensor.part}`, which it has not")
            if shifted and part.model is not None and (old or not part.model.sequential):
                tensor.node -= 1
            calls = 1 if part.is_input else len(part.nodes)
            if not 0 <= tensor.node < calls:
                raise Odd(
                    f"`{self.name}` names call {tensor.node} of `{part.name}`: it has {calls}"
                )

    def node(self, written: Any) -> Node:
        if not isinstance(written, dict):
            raise Odd(f"a call in `{self.name}` is neither a list nor a mapping")
        args, kwargs = revived(written.get("args") or []), revived(written.get("kwargs") or {})
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise Odd(f"a call in `{self.name}` has no list of arguments")
        return Node(args, kwargs)

    def old_node(self, written: list[Any]) -> Node:
        """Keras 2: [[layer, call, output, keywords], ...]."""
        if written and isinstance(written[0], str):
            written = [written]
        found: list[Any] = []
        kwargs: dict[str, Any] = {}
        for one in written:
            if not isinstance(one, list) or len(one) < 3:
                raise Odd(f"a call in `{self.name}` is not [layer, call, output]")
            if one[0] == "_CONSTANT_VALUE":
                found.append(one[2])
            else:
                found.append(Tensor(str(one[0]), int(one[1]), int(one[2])))
            if len(one) > 3 and isinstance(one[3], dict):
                kwargs |= {key: self.old_value(value) for key, value in one[3].items()}
        return Node(found if len(found) == 1 else [found], kwargs)

    def old_value(self, value: Any) -> Any:
        if isinstance(value, list):
            if len(value) in (3, 4) and isinstance(value[0], str) and value[0] in self.by_name:
                return Tensor(value[0], int(value[1]), int(value[2]))
            return [self.old_value(one) for one in value]
        return revived(value)

    def ends(self, written: Any) -> Any:
        """The inputs or the outputs: Tensors in lists or mappings."""
        if isinstance(written, dict):
            return {str(key): self.ends(value) for key, value in written.items()}
        if not isinstance(written, list):
            raise Odd(f"`{self.name}` does not say what its inputs and outputs are")
        if len(written) == 3 and isinstance(written[0], str):
            return Tensor(written[0], int(written[1]), int(written[2]))
        return [self.ends(one) for one in written]


def revived(value: Any) -> Any:
    """A value of a call as Keras 3 writes it: tensors, slices, tuples, constants."""
    if isinstance(value, list):
        return [revived(one) for one in value]
    if not isinstance(value, dict):
        return value
    kind, config = value.get("class_name"), value.get("config")
    if kind == "__keras_tensor__" and isinstance(config, dict):
        part, node, index = config["keras_history"]
        return Tensor(str(part), int(node), int(index), tuple(config.get("shape") or ()))
    if kind == "__slice__" and isinstance(config, dict):
        return Slice(config.get("start"), config.get("stop"), config.get("step"))
    if kind == "__ellipsis__":
        return ...
    if kind == "__tuple__":
        return [revived(one) for one in value.get("items") or config or []]
    if kind in ("__numpy__", "__tensor__") and isinstance(config, dict):
        return config.get("value")
    if kind is None:
        return {key: revived(one) for key, one in value.items()}
    return value


def tensors(value: Any) -> Iterator[Tensor]:
    """The Tensors in nested lists and mappings, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from tensors(one)


def is_shape(value: Any) -> bool:
    return isinstance(value, list) and all(
        one is None or (isinstance(one, int) and not isinstance(one, bool)) for one in value
    )
