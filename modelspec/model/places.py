"""The keys that `--set` can name in a spec, and the words that may stand there: for completion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from modelspec.catalog.training import Field, Training
from modelspec.catalog.words import find, names, usual
from modelspec.language.dtypes import DTYPES, FLOATS
from modelspec.language.kinds import Bool, Choice, Entry, Kind, ListOf, Named
from modelspec.language.word import Word
from modelspec.model.definitions import CALL_KEYS, KINDS
from modelspec.model.sections import OUTPUT_KEYS
from modelspec.source import tree
from modelspec.source.tree import Node, Scalar

BOOLEANS = ("true", "false")


def completions(spec: Node | None, typed: str) -> list[str]:
    """What a `KEY=VALUE` may go on as: `layers.den` as `layers.dense_1.`, `layers.dense_1.units=`.

    Keys come a step at a time; `=` stands behind one that a single value may follow.
    """
    path, equals, value = typed.partition("=")
    *above, last = path.split(".")
    place: Place = Top(spec)
    for key in above:
        place = place.below(key)
    if equals:
        return [f"{path}={word}" for word in place.below(last).words if word.startswith(value)]
    head = "".join(f"{key}." for key in above)
    keys = [key for key in place.offers() if key.startswith(last)]
    return [f"{head}{key}{end}" for key in keys for end in place.below(key).ends()]


class Place:
    """A place in a spec, with what is written there: any value, unless a subclass says more."""

    words: Iterable[str] = ()
    #: Whether one value may stand there, not a mapping alone.
    single = True

    def __init__(self, node: Node | None) -> None:
        self.node = node

    def known(self) -> Mapping[str, Make]:
        """The keys that the language has there, with their places."""
        return {}

    def offers(self) -> list[str]:
        """These, and those that are written."""
        return list(dict.fromkeys([*self.known(), *written(self.node)]))

    def below(self, key: str) -> Place:
        return self.known().get(key, Place)(child(self.node, key))

    def ends(self) -> list[str]:
        """What follows its key: a dot before keys of its own, `=` before a value."""
        dot = ["."] if self.offers() else []
        return [*dot, "="] if self.single and not isinstance(self.node, tree.Sequence) else dot


Make = Callable[[Node | None], Place]


class Value(Place):
    """A value that is one of these words."""

    def __init__(self, node: Node | None, words: Iterable[str]) -> None:
        super().__init__(node)
        self.words = words


class Table(Place):
    """A mapping, or a list, whose items are all of one kind."""

    single = False

    def __init__(self, node: Node | None, item: Make) -> None:
        super().__init__(node)
        self.item = item

    def below(self, key: str) -> Place:
        return self.item(child(self.node, key))


class Called(Place):
    """A word of a group: its name alone, or a mapping with its arguments."""

    def __init__(self, node: Node | None, group: str, default: Any = None) -> None:
        super().__init__(node)
        self.group, self.default = group, default
        self.words = usual(group)

    def known(self) -> Mapping[str, Make]:
        name = type_of(self.node) if self.node is not None else self.default
        cls = find(self.group, name) if isinstance(name, str) else None
        if cls is None or not cls.arguments:
            return {}
        return {"type": partial(Value, words=names(self.group)), **arguments(cls)}


class Arguments(Place):
    """A section that is declared like a word."""

    single = False

    def __init__(self, node: Node | None, cls: type[Word]) -> None:
        super().__init__(node)
        self.cls = cls

    def known(self) -> Mapping[str, Make]:
        return arguments(self.cls)


class Fixed(Place):
    """A mapping with keys of its own, and what stands under each."""

    single = False

    def __init__(self, node: Node | None, listed: Mapping[str, Make]) -> None:
        super().__init__(node)
        self.listed = listed

    def known(self) -> Mapping[str, Make]:
        return self.listed


class Item(Place):
    """An entry: the arguments of its type and what every call has, or the keys of a graph."""

    single = False

    def known(self) -> Mapping[str, Make]:
        name = type_of(self.node)
        cls = find("layers", name) if name is not None else None
        if cls is not None:
            types = partial(Value, words=names("layers"))
            return {"type": types, **arguments(cls), **CALLS, **OWN}
        if isinstance(self.node, tree.Mapping) and self.node.get("layers") is not None:
            return {**graph(), **CALLS, **OWN}
        return {**dict.fromkeys(KINDS, Place), **CALLS, **OWN}


class Top(Place):
    """The whole spec."""

    def known(self) -> Mapping[str, Make]:
        source = partial(Called, group="sources")
        data: dict[str, Make] = {
            "train": source, "validation": source, "test": source, "fields": FIELDS,
        }  # fmt: skip
        return {
            "modelspec": Place,
            "name": Place,
            "params": partial(Table, item=Place),
            **graph(),
            "data": partial(Fixed, listed=data),
            "train": partial(Arguments, cls=Training),
        }


def graph() -> dict[str, Make]:
    """The keys of a graph."""
    entries = partial(Table, item=Item)
    return {
        "inputs": partial(Table, item=INPUT),
        "blocks": partial(Table, item=lambda node: Fixed(node, graph())),
        "shared": entries,
        "layers": entries,
        "outputs": partial(Table, item=OUTPUT),
    }


def arguments(cls: type[Word]) -> dict[str, Make]:
    return {key: of_kind(kind) for key, kind in cls.arguments.items()}


def of_kind(kind: Kind[Any]) -> Make:
    """The place of an argument."""
    if isinstance(kind, Bool):
        return partial(Value, words=BOOLEANS)
    if isinstance(kind, Choice):
        return partial(Value, words=list(map(str, kind.options)))
    if isinstance(kind, Named):
        return partial(Called, group=kind.group, default=kind.default)
    if isinstance(kind, ListOf) and kind.single:
        return of_kind(kind.item)
    return Item if isinstance(kind, Entry) else Place


def type_of(node: Node | None) -> str | None:
    """The type that an entry or a word is written with."""
    named = node.get("type") if isinstance(node, tree.Mapping) else node
    return named.value if isinstance(named, Scalar) and isinstance(named.value, str) else None


def written(node: Node | None) -> list[str]:
    """The keys of a mapping, or the places in a list."""
    if isinstance(node, tree.Mapping):
        return node.keys()
    return [str(at) for at in range(len(node.items))] if isinstance(node, tree.Sequence) else []


def child(node: Node | None, key: str) -> Node | None:
    if isinstance(node, tree.Mapping):
        return node.get(key)
    if isinstance(node, tree.Sequence) and key.isdecimal() and int(key) < len(node.items):
        return node.items[int(key)]
    return None


CALLS: dict[str, Make] = dict.fromkeys(CALL_KEYS, Place)
OWN: dict[str, Make] = {
    "weights": Place,
    "trainable": partial(Value, words=BOOLEANS),
    "dtype": partial(Value, words=FLOATS),
}
INPUT: Make = partial(Fixed, listed={"shape": Place, "dtype": partial(Value, words=DTYPES)})
OUTPUT: Make = partial(
    Fixed,
    listed={
        **dict.fromkeys(OUTPUT_KEYS, Place),
        "loss": partial(Called, group="losses"),
        "metrics": partial(Called, group="metrics"),
    },
)
FIELDS: Make = partial(Table, item=partial(Arguments, cls=Field))
