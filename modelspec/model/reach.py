"""How far a spec reaches, known before any of it is expanded: a bomb of blocks never goes off."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelspec.catalog.words import find
from modelspec.language.kinds import Either, Kind, ListOf
from modelspec.language.kinds import Entry as LayerInside
from modelspec.model.files import Files
from modelspec.model.params import Params
from modelspec.source.diagnostics import Rejected, Report, Unheard
from modelspec.source.tree import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from modelspec.language.word import Word

MOST_CALLS = 100_000
MOST_VALUES = 5_000_000
MOST_REPEATS = 10_000
MOST_NESTED = 50
ENDLESS = 10**18  # counted no further
COPIES = 2_000  # entries of blocks that are counted with what each use of the block gives


class Reach(NamedTuple):
    """The calls that something comes to, and the values of the tree that are read for them."""

    calls: int
    values: int

    def and_also(self, other: Reach) -> Reach:
        return Reach(self.calls + other.calls, self.values + other.values)

    def times(self, count: int) -> Reach:
        return Reach(min(self.calls * count, ENDLESS), min(self.values * count, ENDLESS))


NOTHING = Reach(0, 0)


class Names:
    """The blocks that an entry may use, and the parameters; None where they are not looked at."""

    def __init__(self, graph: Mapping, params: Params | None, outer: Names | None = None) -> None:
        section = graph.get("blocks")
        self.blocks = section if isinstance(section, Mapping) else Mapping([], graph.span)
        self.params, self.outer = params, outer

    def block(self, name: str) -> tuple[Mapping, Names] | None:
        found = self.blocks.get(name)
        if isinstance(found, Mapping):
            return found, self
        return None if self.outer is None else self.outer.block(name)


class Reaches:
    """Counts a block once for each set of parameters that it is given, and multiplies.

    It never counts too much: a number that is not known here counts as one, and after `COPIES`
    values it is no longer looked at what the uses of blocks give.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self.report = Unheard()  # what is wrong is said by those who read in earnest
        self.known: dict[tuple[object, ...], tuple[Reach, Params | None]] = {}
        self.open: list[Mapping] = []
        self.copies = 0

    def hold(self, tree: Mapping, params: Params, report: Report) -> None:
        """Raise Rejected, after reporting it, where the spec reaches too far."""
        names = Names(tree, Params(self.report, params.declared))
        total = NOTHING
        for node in _entries(tree):
            total = total.and_also(self.entry(node, names))
            if total.calls > MOST_CALLS:
                rule, count = f"a spec holds at most {MOST_CALLS:,} calls", total.calls
            elif total.values > MOST_VALUES:
                rule, count = f"a spec expands to at most {MOST_VALUES:,} values", total.values
            else:
                continue
            fact = "more than" if count >= ENDLESS else "at least"
            report.error("too-large", rule, node.span, f"with this, {fact} {count:,}")
            raise Rejected(report.errors)

    def entry(self, node: Node, names: Names) -> Reach:
        """An entry's call, as often as it is repeated, with all that comes with it."""
        if names.params is not None:
            node = names.params.substitute(node)
        repeat = node.get("repeat") if isinstance(node, Mapping) else None
        times = repeat.value if isinstance(repeat, Scalar) else 1
        if not isinstance(times, int) or not 1 <= times <= MOST_REPEATS:
            times = 1
        own = Reach(1, 1 if isinstance(node, Mapping) and "layers" in node else _size(node))
        return self.inside(node, names).and_also(own).times(times)

    def inside(self, node: Node, names: Names) -> Reach:
        """What comes with an entry beside its own call."""
        if not isinstance(node, Mapping):
            return self.typed(Mapping([], node.span), node, names)
        if "type" in node:
            return self.typed(node, node.get("type"), names)
        if "file" in node:
            return self.file(node.get("file"))
        return self.graph(node, Names(node, names.params, names)) if "layers" in node else NOTHING

    def typed(self, written: Mapping, name: Node | None, names: Names) -> Reach:
        """A block's calls, or those of the layers inside a layer."""
        if not isinstance(name, Scalar) or not isinstance(name.value, str):
            return NOTHING
        block = names.block(name.value)
        if block is not None:
            return self.block(*block, written)
        cls = find("layers", name.value)
        held = NOTHING
        if cls is None or not _hold_layers(cls) or len(self.open) > MOST_NESTED:
            return held
        self.open.append(written)
        for node in map(written.get, _hold_layers(cls)):
            for one in node.items if isinstance(node, Sequence) else [node]:
                held = held if one is None else held.and_also(self.inside(one, names))
        self.open.pop()
        return held

    def block(self, body: Mapping, home: Names, written: Mapping) -> Reach:
        params = None
        if home.params is not None and self.copies < COPIES:
            params = home.params.declare(
                body.get("params"), {entry.key.text: entry.value for entry in written.entries}
            )
        given = [] if params is None else [one.value for one in params.declared.values()]
        key = (id(body), *(v if isinstance(v, str | int | float) else id(v) for v in given))
        if key not in self.known:
            self.copies += len(given) + _size(body)
            found = self.graph(body, Names(body, params, home))
            self.known[key] = found.and_also(Reach(0, len(given))).times(1), params
        return self.known[key][0]

    def file(self, name: Node | None) -> Reach:
        if not isinstance(name, Scalar) or not isinstance(name.value, str):
            return NOTHING
        tree = self.files.read(name.value, name.span, self.report)
        if tree is None:
            return NOTHING
        key = (id(tree),)
        if key not in self.known:
            params = Params(self.report).declare(tree.get("params"))
            self.known[key] = self.graph(tree, Names(tree, params)), params
        return self.known[key][0]

    def graph(self, graph: Mapping, names: Names) -> Reach:
        """The entries of a graph."""
        if len(self.open) > MOST_NESTED or any(one is graph for one in self.open):
            return NOTHING  # which is refused where it is read
        self.open.append(graph)
        found = NOTHING
        for node in _entries(graph):
            found = found.and_also(self.entry(node, names))
        self.open.pop()
        return found


def _entries(graph: Mapping) -> list[Node]:
    """The entries of a graph's `shared` and `layers`."""
    found: list[Node] = []
    for key in ("shared", "layers"):
        section = graph.get(key)
        if isinstance(section, Mapping):
            found += [entry.value for entry in section.entries]
        elif isinstance(section, Sequence):
            found += section.items
    return found


def _size(node: Node) -> int:
    """How many values a tree holds."""
    if isinstance(node, Scalar):
        return 1
    if isinstance(node, Sequence):
        return 1 + sum(map(_size, node.items))
    return 1 + sum([_size(entry.value) for entry in node.entries])


def _hold_layers(cls: type[Word]) -> tuple[str, ...]:
    """The arguments of a layer that layers stand in."""
    if cls not in _known:
        _known[cls] = tuple(key for key, kind in cls.arguments.items() if _holds_layers(kind))
    return _known[cls]


_known: dict[type[Word], tuple[str, ...]] = {}


def _holds_layers(kind: Kind[object]) -> bool:
    if isinstance(kind, ListOf):
        return _holds_layers(kind.item)
    if isinstance(kind, Either):
        return any(map(_holds_layers, kind.kinds))
    return isinstance(kind, LayerInside)
