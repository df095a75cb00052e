"""A folded spec as plain data, and where each entry of the flat one is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modelspec.exchange.motifs.items import Item, Line, Plain, Wire, spelt
from modelspec.exchange.motifs.template import Hole, Param, Template


def block(template: Template) -> Plain:
    """The definition of a block."""
    names = template.input_names
    made: Plain = {}
    if template.params:
        made["params"] = {param.name: param.default for param in template.params}
    made["inputs"] = {
        name: [None] * kind.rank
        if kind.dtype.startswith(("float", "bfloat"))
        else {"shape": [None] * kind.rank, "dtype": kind.dtype}
        for name, kind in zip(names, template.input_kinds, strict=True)
    }
    label: dict[Any, str] = dict(zip(template.items, template.labels, strict=True))

    def text(wire: Wire) -> str:
        if isinstance(wire.source, str):
            return names[int(wire.source[1:])]
        return tensor(label[wire.source], wire)

    layers: Plain = {}
    before = names[0] if len(names) == 1 else None
    for group in template.groups:
        item = template.items[group[0]]
        entry = called(item, text, before)
        if len(group) > 1:
            entry["repeat"] = len(group)
        before = template.labels[group[0]]
        layers[before] = in_place(entry)
    made["layers"] = layers
    outputs = [text(wire) for wire in template.outputs]
    if outputs != [before]:
        made["outputs"] = outputs
    return made


def graph(line: Line) -> Plain:
    """A graph: its calls, and its outputs where they are others than the last entry."""
    made = dict(line.plain)

    def text(wire: Wire) -> str:
        if isinstance(wire.source, str):
            return wire.source
        return tensor(wire.source.name, wire)

    ends = {text(wire) for wire in line.outputs.values()} if not line.path or (
        "outputs" in line.plain) else set()  # fmt: skip
    before = line.inputs[0] if len(line.inputs) == 1 else None
    layers: Plain = {}
    for item in line.items:
        entry = called(item, text, None if before in ends else before)
        layers[item.name] = in_place(entry)
        before = item.name
    made["layers"] = layers
    texts = {name: text(wire) for name, wire in line.outputs.items()}
    if "outputs" in line.plain or list(texts.values()) != [before]:
        made["outputs"] = outputs(line.plain.get("outputs"), texts)
    return made


def outputs(written: Any, texts: dict[str, str]) -> Any:
    """`outputs` with the names that it had, and the tensors that they are now."""
    asked = written if isinstance(written, dict) else {}
    rest = {
        name: {key: value for key, value in asked.get(name, {}).items() if key != "from"}
        for name in texts
    }
    if not any(rest.values()) and all(name == text for name, text in texts.items()):
        return list(texts)
    return {
        name: {**({} if name == text else {"from": text}), **rest[name]}
        for name, text in texts.items()
    }


def tensor(name: str, wire: Wire) -> str:
    """How an output of an entry is written."""
    assert isinstance(wire.source, Item)
    if wire.output == "":
        return name
    template = wire.source.block
    if template is None:
        return f"{name}.{wire.output}"
    inner = template.labels[template.items.index(wire.output.source)]
    return f"{name}.{tensor(inner, wire.output)}"


def called(item: Item, text: Callable[[Wire], str], before: str | None) -> Plain:
    """An entry of an item; `from` where it is not called on the entry above."""
    template = item.block
    if template is None:
        made: Plain = {item.head[0]: item.head[1], **{k: plain(v) for k, v in item.args.items()}}
    else:
        made = {"type": template.name}
        for param in template.params:
            value = item.args[param]
            if spelt(value) != spelt(param.default):
                made[param.name] = plain(value)
        if item.frozen:
            made["trainable"] = False
    if item.times is not None:
        made["repeat"] = plain(item.times)
    source = sources(item, [text(wire) for wire in item.wires])
    if source is not None and not (item.form == ("one",) and source == before):
        made["from"] = source
    return made


def in_place(entry: Plain) -> Plain:
    """`repeat` before `from`, both at the end."""
    last: Plain = {key: entry.pop(key) for key in ("repeat", "from") if key in entry}
    return {**entry, **last}


def sources(item: Item, texts: list[str]) -> Any:
    """`from` in the form that it had."""
    form = item.form
    if form[0] == "none":
        return None
    if form[0] == "one":
        return texts[0]
    if form[0] == "list":
        return texts
    rest = iter(texts)
    return {
        port: next(rest) if count is None else [next(rest) for _ in range(count)]
        for port, count in form[1:]
    }


def plain(value: Any) -> Any:
    """A value with its holes written out."""
    if isinstance(value, Hole):
        name = value.param.name
        return f"${{{name}}}" if value.times == 1 else f"${{{value.times} * {name}}}"
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def moved(line: Line) -> dict[str, str]:
    """The path of each entry of the flat graph -> its path in this one, both within the graph."""
    found: dict[str, str] = {}
    for item in line.items:
        found.update(paths(item, item.name))
    return found


def paths(item: Item, path: str) -> Iterator[tuple[str, str]]:
    """Where an item's entries stand, when the item itself stands at `path`."""
    if item.copies:
        for at, one in enumerate(item.copies):
            yield from paths(one, f"{path}_{at + 1}")
    elif item.block is not None:
        template = item.block
        for at, one in enumerate(item.inside):
            yield from paths(one, f"{path}.{place(template, at, one)}")
    else:
        yield item.name, path


def place(template: Template, at: int, item: Item) -> str:
    """The name of a block's item as its weights' names have it."""
    group = next(one for one in template.groups if at in one)
    name = template.labels[at]
    if len(group) > 1:
        return f"{name}_{group.index(at) + 1}"
    return f"{name}_1" if template.items[at].times is not None and not item.copies else name


__all__ = ["Param", "block", "graph", "moved"]
