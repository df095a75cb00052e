"""Rows of alike calls as loops: alike modules, each called once on what the one before gave."""

from __future__ import annotations

import re

from modelspec.exchange.python.writer import Attribute, Statement, Writer, identifier

MODULE = re.compile(r"self\.(\w+)")
#: Where a statement has its module and what the one before gave.
PLACE = "‹here›"


def fold(writer: Writer) -> None:
    """Turn rows of alike statements into loops: graphs, and layers that the spec repeats."""
    at = 0
    while at < len(writer.statements):
        row = alike_from(writer, at)
        if len(row) > 1:
            loop(writer, at, row)
        at += 1


def alike_from(writer: Writer, at: int) -> list[Statement]:
    """The alike statements from one on."""
    first = writer.statements[at]
    row, last, uses = [first], writer.last_reads(), counted(writer)
    if pattern(first) is None or uses[module(first)] != 1:
        return row
    for place, following in enumerate(writer.statements[at + 1 :], at + 1):
        before = row[-1]
        if pattern(following) != pattern(first) or uses[module(following)] != 1:
            break
        kinds = {writer.attributes[module(one)].text for one in (first, following)}
        passes_on = following.reads()[:1] == before.targets and last[before.targets[0]] == place
        if len(kinds) > 1 or not passes_on:
            break
        row.append(following)
    return row if all(one.module for one in row) or is_repeat(writer, row) else row[:1]


def counted(writer: Writer) -> dict[str, int]:
    """How often each module is read."""
    uses: dict[str, int] = {}
    for statement in writer.statements:
        for name in MODULE.findall(statement.text):
            uses[name] = uses.get(name, 0) + 1
    return uses


def module(statement: Statement) -> str:
    return str(MODULE.findall(statement.text)[0])


def pattern(statement: Statement) -> str | None:
    """A statement that calls one module, without its name and what it is first called on."""
    reads = statement.reads()
    if len(MODULE.findall(statement.text)) != 1 or len(statement.targets) != 1 or not reads:
        return None
    text = statement.text.replace(f"self.{module(statement)}(", f"{PLACE}(", 1)
    return None if text == statement.text else text.replace(f"‹{reads[0]}›", PLACE)


def is_repeat(writer: Writer, row: list[Statement]) -> bool:
    """Whether these are all the turns of a `repeat:`, which are numbered from 1."""
    names = [module(one) for one in row]
    base = names[0].removesuffix("_1")
    numbered = [f"{base}_{number}" for number in range(1, len(row) + 1)]
    return names == numbered and f"{base}_{len(row) + 1}" not in writer.attributes


def loop(writer: Writer, at: int, row: list[Statement]) -> None:
    """Put a loop where a row of statements stands."""
    modules = [module(one) for one in row]
    base = identifier(re.sub(r"_?\d+$", "", modules[0]) or modules[0])
    while base in writer.attributes and base not in modules:
        base += "s"
    text = str(pattern(row[0]))
    plain = text == f"{PLACE}({PLACE})"
    one = writer.attributes[modules[0]].text
    many = f"[{one} for _ in range({len(row)})]"
    made = f"nn.Sequential(*{many})" if plain else f"nn.ModuleList({many})"
    replace(writer, base, modules, made)
    first, end = row[0].reads()[0], row[-1].targets[0]
    if writer.wishes[end] == modules[-1]:
        writer.wishes[end] = base
    note = row[-1].comment
    if plain:
        turns = [Statement([end], f"self.{base}(‹{first}›)", note, base)]
    else:
        turn = text.replace(f"{PLACE}(", "layer(").replace(PLACE, f"‹{end}›")
        body = f"for layer in self.{base}:\n    ‹{end}› = {turn}"
        turns = [Statement([end], f"‹{first}›", ""), Statement([end], body, note)]
    writer.statements[at : at + len(row)] = turns


def replace(writer: Writer, base: str, modules: list[str], text: str) -> None:
    """One attribute in the place of several, with the tensors of all."""
    state = {
        f"{number}.{name}": value
        for number, each in enumerate(modules)
        for name, value in writer.attributes[each].state.items()
    }
    note = writer.attributes[modules[0]].note
    writer.attributes = {
        base if name == modules[0] else name: Attribute(base, text, state, note)
        if name == modules[0]
        else one
        for name, one in writer.attributes.items()
        if name not in modules[1:]
    }
