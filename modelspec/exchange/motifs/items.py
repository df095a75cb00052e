"""The entries of a graph as items that know what they are called on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from modelspec.catalog.words import find, snake
from modelspec.language.layer import Layer
from modelspec.model.calls import ports_of
from modelspec.model.env import Env
from modelspec.model.spec import Body, Call

if TYPE_CHECKING:
    from modelspec.exchange.motifs.template import Template

Plain = dict[str, Any]
#: Arguments that hold layers: their types are part of what an entry is.
LAYERS = ("layer", "backward_layer", "cell", "cells", "layers")


class Kind(NamedTuple):
    """What a block's input says of a tensor."""

    rank: int
    dtype: str


class Wire(NamedTuple):
    """A tensor: an output (the first is `""`) of an item, or an input by its name."""

    source: Item | str
    output: Any = ""


class Item:
    """An entry. `head` is (`type`, name), (`use`, name) or (`block`, Template).

    `form` says how `from` is written, `wires` what it names. `times` is set where it stands for
    several equal entries in a row, which `copies` holds; `inside` holds what a call of a block
    replaced, an item of the block's each.
    """

    __slots__ = (
        "args", "auto", "copies", "form", "head", "inside", "kinds", "learns", "name", "size",
        "texts", "times", "titles", "wires",
    )  # fmt: skip

    def __init__(self, name: str, head: tuple[str, Any], args: dict[Any, Any]) -> None:
        self.name, self.head, self.args = name, head, args
        self.texts = {key: spelt(value) for key, value in args.items()}
        self.form: tuple[Any, ...] = ("none",)
        self.wires: list[Wire] = []
        self.kinds: dict[Any, Kind] = {}
        self.copies: list[Item] = []
        self.inside: list[Item] = []
        self.times: Any = None
        self.auto = True
        self.learns = False
        self.size = 0
        #: What its names begin with, word by word; none where Keras made them.
        self.titles: list[str] = []

    @property
    def block(self) -> Template | None:
        return self.head[1] if self.head[0] == "block" else None

    @property
    def frozen(self) -> bool:
        return self.args.get("trainable") is False

    def leaves(self) -> Iterator[Item]:
        """The entries of the flat spec that it stands for."""
        if not self.copies and not self.inside:
            yield self
        for one in (*self.copies, *self.inside):
            yield from one.leaves()


class Line:
    """The items of one graph, in order, and the tensors that leave it."""

    def __init__(self, path: str, plain: Plain, body: Body, env: Env) -> None:
        self.path, self.plain, self.body, self.env = path, plain, body, env
        self.items: list[Item] = []
        self.inputs = [one.name for one in body.inputs]
        self.made: dict[int, Item] = {}
        for (name, entry), call in zip(plain["layers"].items(), body.calls, strict=True):
            self.items.append(self.item(name, dict(entry), call))
        self.outputs = {name: self.wire(ref) for name, ref in body.outputs.items()}

    def item(self, name: str, entry: Plain, call: Call) -> Item:
        key = "type" if "type" in entry else "use"
        source = entry.pop("from", None)
        made = Item(name, (key, entry.pop(key)), entry)
        made.form = form_of(source, bool(call.refs()))
        made.wires = [self.wire(ref) for ref in refs_of(call, source)]
        made.kinds = self.kinds(call)
        made.auto = key == "use" or is_auto(made)
        made.titles = [] if made.auto else name.split("_")
        cls = find("layers", str(made.head[1])) if key == "type" else None
        made.learns = (
            cls is not None
            and issubclass(cls, Layer)
            and (cls.weights is not Layer.weights or bool(getattr(cls, "wraps", False)))
        )
        made.size = len(name) + 4 + written(entry) + len(str(made.head)) + written(source)
        self.made[id(call)] = made
        return made

    def wire(self, ref: Any) -> Wire:
        if ref.input is not None:
            return Wire(ref.input.name)
        text = ref.text.partition(".")[2]
        return Wire(self.made[id(ref.chain[0])], text)

    def kinds(self, call: Call) -> dict[Any, Kind]:
        """The rank and the dtype of each output, under every name that it has."""
        found: dict[Any, Kind] = {}
        if call.layer is not None:
            names = list(call.layer.returns())
        else:
            names = list(call.definition.body.outputs) if call.definition.body else []
        for at, tensor in enumerate(self.env.values.get(call, [])):
            for name in ("", names[at] if at < len(names) else "", str(at))[at > 0 :]:
                found.setdefault(name, Kind(len(tensor.shape or ()), tensor.dtype))
        return found

    def kind(self, wire: Wire) -> Kind | None:
        """What is known of a tensor of this graph."""
        if isinstance(wire.source, Item):
            return wire.source.kinds.get(wire.output)
        one = next(one for one in self.body.inputs if one.name == wire.source)
        made = self.env.values.get(one)
        return Kind(len(made[0].shape or ()), made[0].dtype) if made else None

    def replace(self, changes: list[Change], wires: dict[Wire, Wire]) -> None:
        """Put items where others stood; who read a tensor of those reads what `wires` says."""
        made: list[Item] = []
        at = 0
        for change in changes:
            made += self.items[at : change.start]
            made += change.items
            at = change.stop
        self.items = made + self.items[at:]
        for one in self.items:
            one.wires = [wires.get(wire, wire) for wire in one.wires]
        self.outputs = {name: wires.get(wire, wire) for name, wire in self.outputs.items()}


class Change(NamedTuple):
    """Items in the place of those from `start` to `stop`."""

    start: int
    stop: int
    items: list[Item]


def is_auto(item: Item) -> bool:
    """Whether Keras made the name: the layer's class and a number."""
    base = snake(str(item.head[1]).rpartition(".")[2])
    return re.fullmatch(rf"{re.escape(base)}(_\d+)?", item.name) is not None


def titles(items: Iterable[Item]) -> list[str]:
    """What the names that somebody gave begin with, word by word."""
    return beginning([one.titles for one in items if one.titles])


def beginning(many: list[list[str]]) -> list[str]:
    """What several lists begin with."""
    found: list[str] = []
    for row in zip(*many, strict=False):
        if len(set(row)) > 1:
            break
        found.append(row[0])
    return found


def refs_of(call: Call, source: Any) -> list[Any]:
    """The tensors of a call, in the order of its `from`."""
    if not isinstance(source, dict):
        return call.refs()
    given = dict(zip((port.name for port in ports_of(call)), call.arguments, strict=True))
    listed = [given[port] for port in source]
    return [one for ref in listed for one in (ref if isinstance(ref, list) else [ref])]


def form_of(source: Any, reads: bool) -> tuple[Any, ...]:
    """How `from` is written: one name, a list, by port; nothing where there is nothing."""
    if isinstance(source, list):
        return ("list", len(source))
    if isinstance(source, dict):
        return ("map", *((p, len(v) if isinstance(v, list) else None) for p, v in source.items()))
    return ("one",) if reads else ("none",)


def skeleton(value: Any) -> Any:
    """The types of layers that stand in arguments; a layer of another type is another thing."""
    if isinstance(value, dict):
        inner = [(k, skeleton(v)) for k, v in value.items() if k in LAYERS]
        return (value.get("type"), value.get("use"), *inner)
    return tuple(map(skeleton, value)) if isinstance(value, list) else None


def calls_others(value: Any) -> bool:
    """Whether an argument calls a layer that stands elsewhere."""
    if isinstance(value, dict):
        return "use" in value or any(map(calls_others, value.values()))
    return isinstance(value, list) and any(map(calls_others, value))


def spelt(value: Any) -> str:
    """A value as text, which tells 1 from true and from 1.0."""
    if value is None or isinstance(value, str | bool | int | float):
        return repr(value)
    return json.dumps(value, default=repr)


def written(value: Any) -> int:
    """About how many characters a value takes."""
    if isinstance(value, dict):
        return sum(len(str(k)) + 2 + written(v) for k, v in value.items()) + 2
    if isinstance(value, list):
        return sum(written(one) + 2 for one in value) + 2
    return len(value) if isinstance(value, str) else len(json.dumps(value, default=str))
