"""A Keras model as the plain data of a spec, written as a person would write it."""

from __future__ import annotations

from typing import Any

from modelspec.exchange.keras import constants, known
from modelspec.exchange.keras.calls import call, refuse, single
from modelspec.exchange.keras.entries import entry, learns, own_dtype
from modelspec.exchange.keras.faults import Faults, Odd
from modelspec.exchange.keras.forgotten import forget
from modelspec.exchange.keras.masks import take_out
from modelspec.exchange.keras.model import (
    APPLICATIONS,
    LOOKUPS,
    SHAPES,
    Model,
    Node,
    Part,
    Tensor,
    tensors,
)
from modelspec.exchange.keras.names import Names
from modelspec.exchange.keras.order import in_order
from modelspec.exchange.keras.sharing import Sharing, goes_on
from modelspec.exchange.keras.tensorflow import translate

Plain = dict[str, Any]


class Writer:
    """Writes one model. `places` tells, for each part, the path that its weights' names start with.

    Layers that several graphs share stand under `shared` of the outermost one.
    """

    def __init__(self, model: Model, faults: Faults, mixed: bool, version: str) -> None:
        self.model, self.faults, self.mixed = model, faults, mixed
        translate(model)
        if not version.startswith("2"):
            forget(model, faults)
        self.places: dict[Part, str] = {}
        self.sharing = Sharing(model)
        self.top: Plain = {}
        self.goes_on = goes_on(model)

    def spec(self) -> tuple[Plain, dict[str, str]]:
        """The whole model, and the text of each output by its name."""
        graph = Graph(self, self.model, "", self.model.trainable)
        made = graph.written()
        if self.top:
            made["shared"] = {**self.top, **made.get("shared", {})}
        return arranged(made), graph.outputs()

    def shared(self, part: Part) -> str | None:
        """The name of a part that several graphs share; written once, at the top."""
        name = self.sharing.name(part)
        if name is None:
            return None
        if name not in self.top:
            self.top[name] = {}
            made = self.definition(self.sharing.first(part), name, {}, True)
            del self.top[name]
            self.top[name] = made
        return name

    def definition(self, part: Part, path: str, extra: Plain, trainable: bool) -> Plain:
        """What makes a layer or a graph, without a call."""
        self.places[part] = path
        if part.model is not None:
            graph = Graph(self, part.model, path, trainable and part.model.trainable)
            made = graph.inner()
        else:
            extra = {**spelt_out(part), **extra}
            made = entry(
                part, self.faults, lambda one: self.held(part, one, path, trainable), extra
            )
        if part.learnt is not None and "vocabulary" in made:
            part.learnt = None  # it stands in the spec
        elif part.kind in LOOKUPS and part.learnt is None and not made.get("vocabulary"):
            self.faults.note(f"the vocabulary of `{part.name}` did not come along: train it anew")
        if trainable and part.config.get("trainable") is False and learns(part):
            made["trainable"] = False
        dtype = own_dtype(part, self.mixed)
        if dtype is not None and part.model is None:
            made["dtype"] = dtype
        return made

    def held(self, owner: Part, written: Any, path: str, trainable: bool) -> Any:
        """A layer that stands in an argument of another: what a wrapper wraps, a cell."""
        inside = written is owner.config.get("layer") and owner.wrapped
        part = inside or part_of(written, self.faults)
        name = self.shared(part)
        if name is not None:
            return {"use": name}
        made = self.definition(part, f"{path}.layer", {}, trainable)
        made.pop("dtype", None)
        return made


def spelt_out(part: Part) -> Plain:
    """The vocabulary of a layer whose output is as wide as that is: it belongs into the spec."""
    config = part.config
    if part.learnt is None or config.get("output_mode", "int") == "int":
        return {}
    fixed = config.get("pad_to_max_tokens") and config.get("max_tokens") is not None
    return {} if fixed else dict(part.learnt)


def part_of(written: Any, faults: Faults) -> Part:
    if not isinstance(written, dict) or "class_name" not in written:
        raise Odd("a layer inside another one has no class")
    return Part(written, faults)


def arranged(made: Plain) -> Plain:
    return {key: made[key] for key in ("inputs", "shared", "layers", "outputs") if made.get(key)}


class Graph:
    """Writes one model: its inputs, its layers in the order that reads best, its outputs."""

    def __init__(self, writer: Writer, model: Model, path: str, trainable: bool) -> None:
        self.writer, self.model, self.path, self.trainable = writer, model, path, trainable
        self.faults = writer.faults
        self.names = Names(writer.sharing.free.taken)
        self.inputs: Plain = {}
        self.shared: Plain = {}
        self.layers: Plain = {}
        self.texts: dict[tuple[str, int], str] = {}  # (part, call) -> the entry that it is
        self.callees: dict[str, str] = {}  # part -> its name under `shared`
        self.before: str | None = None
        take_out(model)
        constants.take_in(model)
        for tensor in tensors(model.inputs):
            self.input(model.by_name[tensor.part])
        self.reserve()

    # -- names -----------------------------------------------------------------------------

    def input(self, part: Part) -> None:
        name = self.names.free(part.name)
        self.texts[part.name, 0] = name
        config = part.config
        shape = next((config[key] for key in SHAPES if config.get(key)), None)
        if not isinstance(shape, list) or config.get("sparse") or config.get("ragged"):
            self.faults.refuse(part.name, "an input is dense, and has a shape")
            shape = [None]
        dims = shape if "shape" in config and "batch_shape" not in config else shape[1:]
        dtype = config.get("dtype") or "float32"
        dtype = dtype if isinstance(dtype, str) else "float32"
        made = {"shape": dims} if dtype == "float32" else {"shape": dims, "dtype": dtype}
        if self.writer.goes_on and not self.path and len(shape) > len(dims) and shape[0]:
            made["batch_size"] = shape[0]
        self.inputs[name] = dims if list(made) == ["shape"] else made

    def reserve(self) -> None:
        """Give every layer its own name before calls get names that are made."""
        for part in self.model.parts:
            if not part.nodes:
                continue
            hoisted = self.writer.shared(part)
            if hoisted is not None:
                self.callees[part.name] = hoisted
            elif part.model is not None or (len(part.nodes) > 1 and part.kind not in APPLICATIONS):
                self.callees[part.name] = self.names.free(part.name)
            else:
                for at in range(len(part.nodes)):
                    self.texts[part.name, at] = self.names.free(part.name)

    def text(self, tensor: Tensor) -> str:
        """How an entry refers to a tensor."""
        name = self.texts[tensor.part, tensor.node]
        if tensor.index == 0:
            return name
        part = self.model.by_name[tensor.part]
        return f"{name}.{output_name(part, tensor.index)}"

    # -- what is written -------------------------------------------------------------------

    def written(self) -> Plain:
        for part, at in in_order(self.model):
            self.add(part, at, part.nodes[at])
        return {"inputs": self.inputs, "shared": self.shared, "layers": self.layers}

    def inner(self) -> Plain:
        """A graph inside another one; `outputs` only where they are not its last entry."""
        made = self.written()
        named = self.outputs()
        if list(named.values()) != list(self.layers)[-1:]:
            made["outputs"] = listed(named)
        return arranged(made)

    def outputs(self) -> dict[str, str]:
        """The outputs' names, and the texts of their tensors."""
        found: dict[str, str] = {}
        names = Names(set())
        ends = self.model.outputs
        keys = list(ends) if isinstance(ends, dict) else None
        made_by = [tensor.part for tensor in tensors(ends)]
        for at, tensor in enumerate(tensors(ends)):
            text = wanted = self.text(tensor)
            if keys is not None and at < len(keys):
                wanted = keys[at]
            elif not self.path and made_by.count(tensor.part) == 1 and not tensor.index:
                wanted = tensor.part  # Keras's name for it, whatever the call is called here
            found[names.free(wanted)] = text
        return found

    def add(self, part: Part, at: int, node: Node) -> None:
        made = call(part, node, self.faults) if part.model is None else None
        if part.kind in APPLICATIONS and part.module != "keras.layers":
            name = self.texts[part.name, at]
            known.write(self, part, node, name)
            self.before = name
            return
        if part.name in self.callees:
            extra = {} if made is None else made.arguments
            written, name = self.use(part, at, extra)
        else:
            assert made is not None
            name = self.texts[part.name, at]
            constants.write(self, name, made, node)
            path = f"{self.path}.{name}" if self.path else name
            written = self.writer.definition(part, path, made.arguments, self.trainable)
        source = self.graph_source(part, node) if made is None else self.source(made.ports)
        if source is not None:
            written["from"] = source
        self.layers[name] = written
        self.before = name

    def use(self, part: Part, at: int, extra: Plain) -> tuple[Plain, str]:
        """A call of a layer that stands under `shared`."""
        callee = self.callees[part.name]
        if callee not in self.shared and callee not in self.writer.top:
            path = f"{self.path}.{callee}" if self.path else callee
            self.shared[callee] = self.writer.definition(part, path, extra, self.trainable)
        name = self.call_name(part, at, callee)
        self.texts[part.name, at] = name
        return {"use": callee}, name

    def call_name(self, part: Part, at: int, callee: str) -> str:
        """A name for a call: after what it is called on, where that is one thing."""
        read = part.nodes[at].tensors()
        if len({self.text(tensor) for tensor in read}) == 1:
            made_by = self.callees.get(read[0].part) or self.text(read[0])
            return self.names.free(f"{callee}_of_{made_by}")
        return self.names.free(f"{callee}_{at + 1}")

    def graph_source(self, part: Part, node: Node) -> Any:
        """What a model is called on: its inputs in order."""
        assert part.model is not None
        given = node.args[0] if node.args else node.kwargs.get("inputs")
        if node.kwargs.get("training") is False and part.module is None:
            self.faults.note(f"`{part.name}` is called with training=False in Keras")
        elif node.kwargs.get("training"):
            refuse(part, "training", self.faults)
        if isinstance(given, dict) and isinstance(part.model.inputs, dict):
            given = [given[key] for key in part.model.inputs]
        found = [self.text(tensor) for tensor in tensors(given)]
        return self.shortened(found[0]) if len(found) == 1 else found

    def source(self, ports: Plain) -> Any:
        """`from`: nothing where it is the entry above, a name, a list, or by port."""
        alone = single(ports)
        if alone is not None:
            return self.shortened(self.text(alone))
        texts = {
            name: [self.text(one) for one in tensors(value)]
            if isinstance(value, list)
            else self.text(value)
            for name, value in ports.items()
        }
        values = list(texts.values())
        if len(values) == 1:
            return values[0]
        if list(texts) in (["query", "value"], ["x1", "x2"], ["query", "value", "key"]):
            return values
        return texts or None

    def shortened(self, text: str) -> str | None:
        """None where the entry above is meant, or at the top the only input."""
        if self.before is None:
            return None if list(self.inputs) == [text] else text
        return None if text == self.before and text not in self.ends() else text

    def ends(self) -> set[str]:
        """The entries that are outputs: what follows them says so."""
        return {self.texts.get((one.part, one.node), "") for one in tensors(self.model.outputs)}


def output_name(part: Part, index: int) -> str:
    """The name of an output besides the first, where its layer has names for them."""
    states = {"LSTM": ("", "hidden", "cell"), "GRU": ("", "state"), "SimpleRNN": ("", "state")}
    known_names = states.get(part.kind, ())
    return known_names[index] if index < len(known_names) else str(index)


def listed(named: dict[str, str]) -> Any:
    """`outputs`: a list where names are those of tensors, else a mapping."""
    if all(name == text for name, text in named.items()):
        return list(named)
    return {name: {} if name == text else {"from": text} for name, text in named.items()}
