"""Names for blocks, their parts and their calls: from what Keras's names have in common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from modelspec.catalog.words import find, snake
from modelspec.exchange.keras.names import Names, legal
from modelspec.exchange.motifs.fold import follows
from modelspec.exchange.motifs.items import Item, Line, Wire, beginning, titles
from modelspec.exchange.motifs.template import Param, Template

WORD = re.compile(r"[^\W\d_]+|\d+")
#: What a parameter may not be called: keys that every entry may have.
RESERVED = {"type", "use", "file", "part_of", "layers", "from", "name", "repeat", "allow",
            "weights", "trainable", "dtype"}  # fmt: skip
#: Words at the end of a layer's name that say what it is, not what it is for.
CLASSES = {"conv", "dense", "bn", "dwconv", "sepconv", "layer"}
PLAIN = {"conv", "dense", "bn", "relu", "act", "activation"}
MERGING = ("Add", "Concatenate", "Multiply", "Average", "Maximum", "ops.Add", "ops.Concatenate")


def prefix(items: Iterable[Item]) -> str:
    """What the names that somebody gave begin with; nothing where Keras made all."""
    return "_".join(titles(items))


def number_of(items: Iterable[Item]) -> str:
    """The number that all names end with: `conv2`, `bn2`."""
    ends = {
        (re.search(r"_?\d+$", leaf.name) or [""])[0]
        for item in items
        for leaf in item.leaves()
        if not leaf.auto
    }
    return ends.pop() if len(ends) == 1 else ""


def words(text: str) -> list[str]:
    """The words of a name, without numbers and the letters behind them."""
    found = WORD.findall(text)
    return [
        one
        for at, one in enumerate(found)
        if not one.isdigit() and not (len(one) == 1 and at and found[at - 1].isdigit())
    ]


class Naming:
    """Names everything that folding has made."""

    def __init__(self, lines: list[Line], templates: list[Template], taken: set[str]) -> None:
        self.lines, self.templates = lines, templates
        self.blocks = Names(taken)
        self.everywhere = words("_".join(titles(item for line in lines for item in line.items)))
        for template in templates:
            self.inside(template)
        self.name_blocks()
        for template in templates:
            self.settle(template)
        for line in lines:
            self.calls(line)

    # -- blocks ----------------------------------------------------------------------------

    def name_blocks(self) -> None:
        """What the runs of a block have in common names it; what sets it apart follows."""
        groups: dict[str, list[Template]] = {}
        for template in self.templates:
            groups.setdefault(self.base(template), []).append(template)
        for base, group in groups.items():
            called = {item.block for one in group for item in one.items}
            group.sort(key=lambda one: (one not in called, -len(one.runs)))
            for template in group:
                word = "" if template is group[0] else told_apart(template, group)
                apart = f"_{word}" if word and word != base else ""
                letters = (f"{base}_{letter}" for letter in "bcdefghijklmnopqrstuvwxyz")
                wanted = next(
                    one
                    for one in (base + apart, *letters, f"{base}_more")
                    if one not in self.blocks.taken and find("layers", one) is None
                )
                template.name = self.blocks.free(wanted)

    def base(self, template: Template) -> str:
        """What the names of its runs have in common, or a word for what it does."""
        told = [words(prefix(run)) for run in template.runs]
        usual, count = Counter(map(tuple, told)).most_common(1)[0]
        shared = [one for one in told[0] if all(one in other for other in told)]
        if usual and 2 * count >= len(told):
            shared = list(usual)
        count = len(self.everywhere)
        if shared[:count] == self.everywhere and len(shared) > count:
            shared = shared[count:]
        made = "_".join(shared).lower()
        return made if made and find("layers", made) is None else noun(template)

    # -- what stands in them ---------------------------------------------------------------

    def inside(self, template: Template) -> None:
        """The labels of a block's items, before the blocks that they call have names."""
        self.titles = [(prefix(run), number_of(run)) for run in template.runs]
        template.labels = [self.label(template, at) for at in range(len(template.items))]

    def label(self, template: Template, at: int) -> str:
        """What the names at one place have in common besides the runs' own names."""
        found = Counter(
            short(run[at], *title) for run, title in zip(template.runs, self.titles, strict=True)
        )
        wanted, count = found.most_common(1)[0]
        if 2 * count <= len(template.runs):
            kept = [words(one) for one in found]
            wanted = "_".join(one for one in kept[0] if all(one in other for other in kept))
        return wanted

    def settle(self, template: Template) -> None:
        """Free names for inputs, items and parameters."""
        names = Names(set())
        template.input_names = inputs_of(template)
        names.taken |= set(template.input_names)
        names.taken |= {item.head[1] for item in template.items if item.head[0] == "use"}
        template.groups = groups(template)
        for group in template.groups:
            first = template.items[group[0]]
            wanted = template.labels[group[0]]
            if len(group) > 1:
                wanted = stem([template.labels[at] for at in group])
            if not wanted:
                wanted = made_up(first, template)
            count = len(group) if len(group) > 1 else most(template, group[0])
            made = counted(names, legal(wanted), count)
            for at in group:
                template.labels[at] = made
        for param in template.params:
            param.name = ""
        for param in template.params:
            param.name = self.param(template, param)

    def param(self, template: Template, param: Param) -> str:
        argument = "times" if param.argument == "repeat" else param.argument
        taken = {one.name for one in template.params}
        alike = [one for one in template.params if one.argument == param.argument]
        wanted = argument
        if len(alike) > 1 or argument in RESERVED:
            label = template.labels[param.place[0]]
            pieces = label.split("_")
            if pieces[-1].isdigit() and find("layers", "_".join(pieces[:-1])):
                wanted = f"{argument}_{pieces[-1]}"
            elif find("layers", label) is None or argument in RESERVED:
                kept = pieces[:-1] if pieces[-1].lower() in CLASSES and pieces[:-1] else pieces
                wanted = "_".join([*kept, argument])
        wanted = re.sub(r"\W", "_", wanted)
        count, name = 1, wanted
        while name in taken:
            count += 1
            name = f"{wanted}_{count}"
        return name

    # -- calls -----------------------------------------------------------------------------

    def calls(self, line: Line) -> None:
        """Names for the calls of a line: what the names that they replace begin with."""
        names = Names({*line.inputs, *line.plain.get("shared", {})})
        names.taken |= {item.name for item in line.items if item.block is None}
        if not line.path:
            names.taken |= {template.name for template in self.templates}
        counts: Counter[str] = Counter()
        among = Counter(start for item in line.items for start in starts(item))
        for item in line.items:
            block = item.block
            if block is None:
                continue
            wanted = self.title(item, among)
            if item.copies:
                wanted = stem([prefix([one]) for one in item.copies])
                wanted = f"{wanted or block.name}s"
            if not wanted or wanted in names.taken:
                counts[block.name] += 1
                wanted = f"{block.name}_{counts[block.name]}"
                while wanted in names.taken:
                    counts[block.name] += 1
                    wanted = f"{block.name}_{counts[block.name]}"
            item.name = names.free(wanted)
            names.taken |= {f"{item.name}_{at + 1}" for at in range(item.times or 0)}

    @staticmethod
    def title(item: Item, among: Counter[tuple[str, ...]]) -> str:
        """What the names in a call begin with; with a word more where others begin so too."""
        own = tuple(item.titles)
        inside = sum(one == own for one in starts(item))
        first = next(item.leaves()).titles[len(own) :]
        if own and first and among[own] > inside:
            own = (*own, first[0])
        return "_".join(own)


def starts(item: Item) -> Iterator[tuple[str, ...]]:
    """Everything that the names in an item begin with."""
    for leaf in item.leaves():
        for count in range(1, len(leaf.titles) + 1):
            yield tuple(leaf.titles[:count])


def short(item: Item, begin: str, number: str) -> str:
    """An item's name without what the run's names share; empty where Keras made it."""
    if all(leaf.auto for leaf in item.leaves()):
        return ""
    name = prefix([item]) if item.block else item.name
    if item.copies:
        name = stem([prefix([one]) for one in item.copies])
    if begin and (name == begin or name.startswith(f"{begin}_")):
        name = name[len(begin) + 1 :]
    elif not begin and number:
        name = name.removesuffix(number)
    pieces = name.split("_")
    while len(pieces) > 1 and pieces[0].isdigit() and not pieces[-1].isdigit():
        pieces = [*pieces[1:], pieces[0]]
    return "_".join(pieces).strip("_")


def kind_of(template: Template) -> list[str]:
    """Its noun, where that says more than that it is a unit."""
    word = noun(template)
    return [] if word.endswith("unit") else [word]


def told_apart(template: Template, group: list[Template]) -> str:
    """A word for what only this one of several blocks has; empty where there is none."""
    others = {word for one in group if one is not template for word in words(" ".join(one.labels))}
    extra = [
        one.lower()
        for one in words(" ".join(template.labels))
        if one not in others and len(one) > 1 and one.lower() not in CLASSES
    ]
    if extra:
        return extra[-1]
    firsts = [words(one.labels[0])[:1] for one in group]
    mine = words(template.labels[0])[:1]
    told = mine and firsts.count(mine) == 1 and mine[0] not in PLAIN
    return mine[0].lower() if told else next(iter(kind_of(template)), "")


def stem(names: list[str]) -> str:
    """What several names begin with, without a number at its end."""
    return re.sub(r"[_\d]+$", "", "".join(beginning(list(map(list, names)))))


def counted(names: Names, wanted: str, times: int) -> str:
    """A free name as Keras counts, `conv2d`, `conv2d_1`, with free ones for each repetition."""
    at = 0
    while True:
        name = f"{wanted}_{at}" if at else wanted
        made = {name, *(f"{name}_{number + 1}" for number in range(times))}
        if not made & names.taken:
            names.taken |= made
            return name
        at += 1


def made_up(item: Item, template: Template) -> str:
    """A name for an item without one: its block's, its type's, or what is called on what."""
    if item.block is not None:
        return item.block.name
    if item.head[0] == "use":
        source = item.wires[0].source if item.wires else "nothing"
        on = "x" if isinstance(source, str) else template.labels[template.items.index(source)]
        return f"{item.head[1]}_of_{on}"
    return snake(str(item.head[1]).rpartition(".")[2])


def most(template: Template, at: int) -> int:
    """How often an item is repeated at most; 0 where it never is."""
    return max((run[at].times or 0 for run in template.runs), default=0)


def inputs_of(template: Template) -> list[str]:
    """`x`, and what is merged with it `skip`."""
    if len(template.inputs) == 2:
        readers = [one for one in template.items if Wire("#1") in one.wires]
        return ["x", "skip" if all(one.head[1] in MERGING for one in readers) else "y"]
    return ["x"]


def groups(template: Template) -> list[list[int]]:
    """Items in a row that are equal, and each called on the one before alone."""
    readers = Counter(wire.source for item in template.items for wire in item.wires)
    readers.update(wire.source for wire in template.outputs)
    found: list[list[int]] = []
    for at, item in enumerate(template.items):
        before = template.items[at - 1] if at else None
        if before is not None and follows(before, item) and readers[before] == 1:
            found[-1].append(at)
        else:
            found.append([at])
    return found


def noun(template: Template) -> str:
    """A word for what a block does, by its layers."""
    leaves = [leaf for item in template.runs[0] for leaf in item.leaves()]
    types = [str(leaf.head[1]) for leaf in leaves]
    attentions = sum("Attention" in one for one in types)
    if attentions:
        return "decoder" if attentions > 1 else "encoder"
    adds = [item for item in template.items if item.head[1] in ("Add", "ops.Add")]
    if any(isinstance(wire.source, str) for item in adds for wire in item.wires):
        return "residual"
    if adds:
        return "shortcut"
    if any("Transpose" in one or "UpSampling" in one for one in types):
        return "up"
    if "Concatenate" in types:
        return "mixed"
    if any("Pooling" in one and "Global" not in one for one in types):
        return "down"
    for start, word in (("Separable", "separable"), ("Conv", "conv"), ("Dense", "dense")):
        if any(one.startswith(start) for one in types):
            return f"{word}_unit"
    return "unit"
