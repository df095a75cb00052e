"""A graph as boxes, groups and arrows: what every kind of picture is drawn from."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.words import snake
from modelspec.language.shapes import show
from modelspec.model.graph import Graph
from modelspec.model.parts import Cut
from modelspec.model.spec import Body, Call, Definition, Input, Ref
from modelspec.model.summary import Walk, wrapped


class Box:
    """One thing in the picture: an input, a call, or an output. `lines` is what it says."""

    __slots__ = ("family", "id", "lines", "parent")

    def __init__(self, id: str, lines: list[str], family: str, parent: Group) -> None:
        self.id, self.lines, self.family, self.parent = id, lines, family, parent


class Group:
    """A graph that was called: boxes and groups with the arrows between them.

    `entries` are the boxes of its inputs; `exits` the boxes inside that arrows leave from.
    """

    __slots__ = ("arrows", "entries", "exits", "id", "lines", "members", "parent")

    def __init__(self, id: str, lines: list[str], parent: Group | None) -> None:
        self.id, self.lines, self.parent = id, lines, parent
        self.members: list[Box | Group] = []
        self.arrows: list[Arrow] = []
        self.entries: list[Box] = []
        self.exits: list[Box] = []

    def member(self, box: Box) -> Box | Group:
        """The member that is the box or has it inside; the groups between let it out."""
        at: Box | Group = box
        while at.parent is not self:
            assert at.parent is not None
            at = at.parent
            if box not in at.exits:
                at.exits.append(box)
        return at


class Arrow:
    """From box to box; at the level of a group, from the member of one to that of the other."""

    __slots__ = ("end", "source", "start", "target")

    def __init__(self, start: Box, end: Box, source: Box | Group, target: Box | Group) -> None:
        self.start, self.end, self.source, self.target = start, end, source, target


class Inside:
    """What the names of one body stand for, during one call of it."""

    __slots__ = ("boxes", "calls")

    def __init__(self) -> None:
        self.boxes: dict[object, Box] = {}
        self.calls: dict[Call, Inside] = {}


def draw(graph: Graph) -> Group:
    """The picture of a graph: a graph called twice shows its inside once."""
    return Artist(graph).picture()


class Artist:
    """Draws one graph: goes through the calls as they were written."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.walk = Walk(graph)
        self.drawn: set[Definition] = set()
        self.count = 0

    def picture(self) -> Group:
        root = Group("root", [self.graph.name], None)
        inside = Inside()
        for one in self.graph.spec.body.inputs:
            inside.boxes[one] = self.input(one, one.shape, root)
        self.calls(self.graph.spec.body, root, inside, "")
        for name, ref in self.graph.spec.body.outputs.items():
            start = self.find(ref, inside)
            head = self.graph.heads.get(name)
            losses = [snake(type(loss).__name__) for loss in head.losses] if head else []
            box = self.box([name, *losses], "output", root)
            self.arrow(start, box, root)
        return root

    def box(self, lines: list[str], family: str, group: Group) -> Box:
        self.count += 1
        made = Box(f"n{self.count}", [line for line in lines if line], family, group)
        group.members.append(made)
        return made

    def input(self, one: Input, shape: Any, group: Group) -> Box:
        made = self.box([one.name, "" if shape is None else show(shape)], "input", group)
        group.entries.append(made)
        return made

    def arrow(self, start: Box, end: Box, group: Group, target: Group | None = None) -> None:
        group.arrows.append(Arrow(start, end, group.member(start), target or end))

    def calls(self, body: Body, group: Group, inside: Inside, path: str) -> None:
        for call in body.calls:
            name = f"{path}.{call.name}" if path else call.name
            starts = [[self.find(ref, inside) for ref in refs] for refs in arguments(call)]
            if call.definition.body is not None and call.definition not in self.drawn:
                self.drawn.add(call.definition)
                self.graph_call(call, starts, group, inside, name)
                continue
            shapes = ", ".join(show(shape) for shape in self.walk.outputs(call, name))
            box = self.box([call.name, kind(call), shapes], family(call.definition), group)
            inside.boxes[call] = box
            for start in dict.fromkeys(start for given in starts for start in given):
                self.arrow(start, box, group)

    def graph_call(
        self, call: Call, starts: list[list[Box]], group: Group, inside: Inside, path: str
    ) -> None:
        """A graph with what is inside it."""
        self.count += 1
        made = Group(f"g{self.count}", [call.name, kind(call)], group)
        group.members.append(made)
        inner = inside.calls[call] = Inside()
        body = call.definition.body
        assert body is not None
        for one, given in zip(body.inputs, starts, strict=True):
            entry = self.input(one, one.shape, made)
            inner.boxes[stands_for(one)] = entry
            for start in given:
                self.arrow(start, entry, group, made)
        self.calls(body, made, inner, path)

    def find(self, ref: Ref, inside: Inside) -> Box:
        """The box that a tensor comes out of."""
        if ref.input is not None:
            return inside.boxes[ref.input]
        for at, call in enumerate(ref.chain):
            cut = inside.boxes.get((call, ref.index)) if at == len(ref.chain) - 1 else None
            if cut is not None:
                return cut
            if call not in inside.calls:
                return inside.boxes[call]
            inside = inside.calls[call]
        body = ref.chain[-1].definition.body
        assert body is not None
        return self.find(list(body.outputs.values())[ref.index], inside)


def arguments(call: Call) -> list[list[Ref]]:
    """The tensors of each port."""
    return [
        [] if given is None else given if isinstance(given, list) else [given]
        for given in call.arguments
    ]


def stands_for(one: Input) -> object:
    """What an input of a graph is found by: itself, or for a part the tensor it cuts at."""
    if not isinstance(one, Cut):
        return one
    ref = one.stands_for
    return ref.input or (ref.chain[0], ref.index)


def kind(call: Call) -> str:
    """What a call is of: `LSTM`, `LSTM of encoder`, `vision_model`, `TimeDistributed(LSTM)`."""
    definition = call.definition
    if definition.part is not None:
        return f"part of {definition.part.name}"
    own = definition.name == call.name
    if definition.body is not None:
        return definition.kind if own else definition.name
    inner = [one.name if one.body is not None else one.kind for one in wrapped(definition)]
    text = definition.kind + (f"({', '.join(inner)})" if inner else "")
    return text if own else f"{text} of {definition.name}"


def family(definition: Definition) -> str:
    """The family of a layer, by which pictures are coloured."""
    if definition.layer is None:
        return "graph"
    return type(definition.layer).__module__.rpartition(".")[2]
