"""A spec without blocks as one with: the shortest of those that folding finds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from modelspec.exchange.motifs import writing
from modelspec.exchange.motifs.fold import Folding, Plans, merge
from modelspec.exchange.motifs.items import Line, Plain
from modelspec.exchange.motifs.naming import Naming
from modelspec.exchange.motifs.template import Template
from modelspec.model.env import Env
from modelspec.model.graph import Graph
from modelspec.model.spec import Body, Definition
from modelspec.source.tree import write

#: What an entry costs a reader besides its characters, and the head of a block in entries.
ENTRY, HEAD = 20, 3
#: How many entries are looked at in all, over the plans that are tried.
WORK = 1800


class Folded(NamedTuple):
    """The spec with blocks, and where what stood in the flat one is now."""

    plain: Plain
    moves: dict[str, str]  # the path of an entry -> the end of its path now
    score: int  # how long it is: less reads better

    def path(self, old: str) -> str:
        """Where a path of the flat spec leads now."""
        ends = []
        at = ""
        for name in old.split("."):
            at = f"{at}.{name}" if at else name
            ends.append(self.moves.get(at, name))
        return ".".join(ends)


def folded(plain: Plain, graph: Graph) -> Folded | None:
    """A spec with its motifs written as blocks; None where it has none.

    `graph` is the spec itself, compiled: it knows what the inputs of blocks are.
    """
    return Planning(plain, graph).best()


class Planning:
    """The search for the blocks that make a spec shortest, from what saves most at each step.

    With equal layers in a row taken as one and without, then each choice of the better plan
    otherwise: as often as the size of the spec allows.
    """

    def __init__(self, plain: Plain, graph: Graph) -> None:
        self.plain, self.graph = plain, graph
        self.envs = envs(graph)
        self.plans = {True: Plans(), False: Plans()}
        self.merges = False  # whether there are equal layers in a row
        self.tries = max(1, WORK // max(1, len(graph.program.steps)))

    def best(self) -> Folded | None:
        repeats = True
        best, widths = self.attempt((), repeats)
        if self.merges and self.tries > 0:
            other, others = self.attempt((), False)
            if shorter(other, best):
                best, widths, repeats = other, others, False
        plan: tuple[int, ...] = ()
        at = 0
        while at < len(widths) and self.tries > 0:
            chosen = 0
            for number in range(1, widths[at] if self.tries > 0 else 0):
                made, others = self.attempt((*plan, number), repeats)
                if shorter(made, best):
                    best, widths, chosen = made, others, number
                    break
            plan = (*plan, chosen)
            at += 1
        return best

    def attempt(self, plan: tuple[int, ...], repeats: bool) -> tuple[Folded | None, list[int]]:
        """The spec as a plan makes it, and how many choices it had."""
        self.tries -= 1
        plain, graph = self.plain, self.graph
        lines = list(lines_of(plain, "", graph.spec.body, graph.env, self.envs))
        if repeats:
            self.merges = sum(map(merge, lines)) > 0
        folding = Folding(lines, plan, self.plans[repeats])
        folding.run()
        if not folding.templates:
            return None, folding.widths
        made = written(plain, lines, folding.templates)
        return made._replace(score=made.score + folding.harm), folding.widths


def shorter(one: Folded | None, other: Folded | None) -> bool:
    """Whether the first is there, and reads better than the second."""
    return one is not None and (other is None or one.score < other.score)


def written(plain: Plain, lines: list[Line], templates: list[Template]) -> Folded:
    taken = {*plain["inputs"], *plain.get("shared", {}), *plain["layers"]}
    Naming(lines, templates, taken)
    moves: dict[str, str] = {}
    made: dict[str, Plain] = {}
    for line in lines:
        made[line.path] = writing.graph(line)
        above = f"{line.path}." if line.path else ""
        moves |= {above + old: new for old, new in writing.moved(line).items()}
    blocks = {one.name: writing.block(one) for one in templates}
    top = with_blocks(rebuilt(made, ""), blocks)
    entries = sum(len(one["layers"]) for one in made.values())
    entries += sum(HEAD + len(one["layers"]) for one in blocks.values())
    return Folded(top, moves, len(write(top)) + ENTRY * entries)


def with_blocks(top: Plain, blocks: Plain) -> Plain:
    """`blocks` behind `inputs`, where a reader looks for them."""
    made: Plain = {}
    for key, value in top.items():
        made[key] = value
        if key == "inputs":
            made["blocks"] = blocks
    return made


def lines_of(
    plain: Plain, path: str, body: Body, env: Env, known: dict[Definition, Env]
) -> Iterator[Line]:
    """The lines of a graph and of those under `shared`."""
    yield Line(path, plain, body, env)
    definitions = {one.name: one for one in body.shared}
    for name, written in plain.get("shared", {}).items():
        definition = definitions[name]
        if "layers" in written and definition.body is not None and definition in known:
            where = known[definition]
            yield from lines_of(written, definition.path, definition.body, where, known)


def rebuilt(made: dict[str, Plain], path: str) -> Plain:
    """A graph with the graphs inside put back."""
    graph = made[path]
    if "shared" not in graph:
        return graph
    above = f"{path}." if path else ""
    inner: dict[str, Any] = {
        name: rebuilt(made, above + name) if above + name in made else written
        for name, written in graph["shared"].items()
    }
    return {**graph, "shared": inner}


def envs(graph: Graph) -> dict[Definition, Env]:
    """The tensors of one call of each graph."""
    found: dict[Definition, Env] = {}
    waiting = [(graph.spec.body, graph.env)]
    while waiting:
        body, env = waiting.pop()
        for call in body.calls:
            inside = call.definition.body
            if inside is not None and call in env.inner and call.definition not in found:
                found[call.definition] = env.inner[call]
                waiting.append((inside, env.inner[call]))
    return found
