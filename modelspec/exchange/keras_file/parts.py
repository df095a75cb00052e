"""A Keras model as it will be written: parts, the calls of each, and the values that these give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.catalog.words import snake
from modelspec.exchange.keras.names import Names
from modelspec.model.spec import Definition

Plain = dict[str, Any]


class Value:
    """What a call gives, one of its outputs: the shape with the batch in front, and the dtype.

    `mask` is the value that says which steps count, as Keras hands it on beside this one; `masked`
    is whether Keras has one when the model runs: inside a model it comes from outside.
    """

    __slots__ = ("dtype", "index", "mask", "masked", "node", "shape")

    def __init__(self, node: Node, index: int, shape: tuple[Any, ...], dtype: str) -> None:
        self.node, self.index, self.shape, self.dtype = node, index, shape, dtype
        self.mask: Value | None = None
        self.masked = False


class Node:
    """One call of a part: positional arguments and keywords, with Values in them."""

    __slots__ = ("args", "kwargs", "part")

    def __init__(self, part: Part, args: list[Any], kwargs: Plain) -> None:
        self.part, self.args, self.kwargs = part, args, kwargs
        part.nodes.append(self)

    def values(self) -> list[Value]:
        """Every Value that it is called on, in the order in which Keras flattens them."""
        return [*values(self.args), *values(self.kwargs)]


class Part:
    """A layer, an operation, an input, or a model that is called like one."""

    __slots__ = ("config", "identity", "kind", "model", "module", "name", "nodes")

    def __init__(self, name: str, module: str, kind: str, config: Plain) -> None:
        self.name, self.module, self.kind, self.config = name, module, kind, config
        self.nodes: list[Node] = []
        self.model: Functional | None = None
        self.identity: int | None = None  # the number of an object that stands in two places

    @property
    def is_operation(self) -> bool:
        return self.module.startswith("keras.src.ops")


class Functional:
    """A model: its parts as they come up, its inputs, its outputs by name."""

    def __init__(self, name: str, owner: Definition | None) -> None:
        self.name, self.owner = name, owner
        self.names = Names(set())
        self.parts: list[Part] = []
        self.inputs: list[Value] = []
        self.outputs: dict[str, Value] = {}
        self.trainable = True

    def add(self, name: str, module: str, kind: str, config: Plain) -> Part:
        """A part under that name, or a free one like it."""
        part = Part(self.names.free(name), module, kind, config)
        self.parts.append(part)
        return part

    def operation(
        self,
        module: str,
        kind: str,
        args: list[Any],
        shape: tuple[Any, ...],
        gives: str,
        **config: Any,
    ) -> Value:
        """An operation that is called once, named after its class, and gives that dtype."""
        part = self.add(snake(kind), f"keras.src.ops.{module}", kind, config)
        return Value(Node(part, args, {}), 0, shape, gives)

    def ends(self) -> dict[str, Value] | list[Value] | Value:
        """The outputs as Keras structures them: by name, where names are not those of layers."""
        named = {name: value.node.part.name for name, value in self.outputs.items()}
        if self.owner is None and any(name != layer for name, layer in named.items()):
            return self.outputs
        listed = list(self.outputs.values())
        return listed[0] if len(listed) == 1 else listed


def values(given: Any) -> Iterator[Value]:
    """The Values in nested lists and mappings, in the order in which Keras flattens them."""
    if isinstance(given, Value):
        yield given
    elif isinstance(given, list):
        for one in given:
            yield from values(one)
    elif isinstance(given, dict):
        for _, one in sorted(given.items()):
            yield from values(one)
