"""The words of the catalogue as JSON Schema: each made from its declaration."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from modelspec.catalog.index import INDEX
from modelspec.catalog.words import find, names, snake, spellings
from modelspec.language.kinds import REQUIRED, Kind
from modelspec.language.word import Word
from modelspec.model.grammar import CALLED, HOLE, OWNED, WEIGHT, Json, mapping_of
from modelspec.model.pages import Page

#: Kinds beside which a string can be nothing but a parameter.
WITHOUT_TEXT = ("integer", "number", "boolean")


def words(group: str) -> list[type[Word]]:
    """The declarations of a group, in the catalogue's order."""
    found = [find(group, name) for name in names(group)]
    return [cls for cls in found if cls is not None and not is_foreign(cls)]


def is_foreign(cls: type[Word]) -> bool:
    """Whether specs write it under names that are not the catalogue's, `torch.nn.Hardswish`."""
    return bool(getattr(cls, "foreign", False))


def names_of(group: str) -> dict[type[Word], list[str]]:
    """Every spelling of each word, its own name first."""
    found: dict[type[Word], list[str]] = {cls: [] for cls in words(group)}
    for spelling in spellings(group):
        cls = find(group, spelling)
        if cls in found:
            found[cls].append(spelling)
    return found


def any_of(listed: list[str]) -> str:
    """A pattern of these names and no others."""
    return f"^(?:{'|'.join(map(re.escape, listed))})$".replace("\\-", "-")


def doc_of(cls: type[Word]) -> str:
    """A word's meaning as one paragraph."""
    return " ".join((cls.__doc__ or "").split())


def suggested(
    listed: dict[type[Word], list[str]], refused: str, spelled: Callable[[str], str] = str
) -> list[Json]:
    """A name out of these. One spelling of each is offered, with its meaning; all are taken."""
    shown = {cls: spelled(own[0]) for cls, own in listed.items()}
    every = [name for own in listed.values() for name in own]
    return [
        {
            "enum": list(shown.values()),
            "enumDescriptions": [Page(cls.group, "", cls).line for cls in shown],
            "errorMessage": refused,
        },
        {"type": "string", "pattern": any_of(every), "errorMessage": refused},
        HOLE | {"errorMessage": refused},
    ]


def chosen(listed: list[str], then: Json) -> Json:
    """What holds where `type` is one of these names."""
    # Not `enum`, whose values an editor lists where it explains a type.
    given = {"anyOf": [{"const": name} for name in listed]}
    return {"if": {"properties": {"type": given}, "required": ["type"]}, "then": then}


def among(listed: list[str], then: Json, other: Json | None = None) -> Json:
    """What holds where `type` is one of these many names, and what where it is another."""
    given = {"type": {"type": "string", "pattern": any_of(listed)}}
    made = {"if": {"properties": given, "required": ["type"]}, "then": then}
    return made if other is None else made | {"else": other}


def group_of(group: str) -> Json:
    """A word of a group: a bare name, or a mapping whose `type` says what else it holds."""
    known = names_of(group)
    refused = f"none of the {group} is called so: `modelspec layers --group {group}`"
    every = [name for own in known.values() for name in own]
    held = [chosen(own, {"$ref": f"#/$defs/{group}.{cls.__name__}"}) for cls, own in known.items()]
    others = {"properties": {"type": {"anyOf": suggested(known, refused)}}}
    mapping = {"type": "object", "required": ["type"], **among(every, {"allOf": held}, others)}
    return {"anyOf": [*suggested(known, refused, snake), mapping]}


def word(cls: type[Word]) -> Json:
    """What a word's mapping may hold."""
    about = {"title": cls.__name__, **described(doc_of(cls))}
    beside: Json = {}
    if cls.group == "layers":
        beside = CALLED | OWNED
    if cls.group == "metrics":
        beside = {"name": {"type": "string", "description": "Its name in the history."}}
    if cls.group == "losses":
        beside = {"loss_weight": WEIGHT}
    held = arguments(cls)
    held["properties"] = {"type": {"type": "string", **about}} | held["properties"] | beside
    return about | held


def described(text: str) -> Json:
    """A description; editors show marks as they stand unless they are told of Markdown."""
    marked = {"markdownDescription": text} if "`" in text else {}
    return {"description": text, **marked}


def arguments(cls: type[Word]) -> Json:
    """What may stand for its arguments. Those that it needs come first where an editor lists."""
    properties = {key: argument(cls, key, kind) for key, kind in cls.arguments.items()}
    required = [key for key, kind in cls.arguments.items() if kind.default is REQUIRED]
    return mapping_of({key: properties[key] for key in required} | properties, required=required)


def argument(cls: type[Word], key: str, kind: Kind[Any]) -> Json:
    """What may stand for one argument, with its meaning and default."""
    message = f"`{key}` of {cls.called()} is {kind.describe()}"
    held = [told(one, message) for one in opened(kind.json_schema())]
    if not any(takes_holes(one) for one in held):
        held.append(told(HOLE, message))
    if kind.null:
        held = nullable(held)
    made: Json = described(kind.doc) if kind.doc else {}
    made |= held[0] if len(held) == 1 else {"anyOf": held}
    if kind.default is not REQUIRED:
        made["default"] = kind.default
    return made


def opened(held: Json) -> list[Json]:
    """The alternatives of a schema, where a parameter may stand for every value inside."""
    if "anyOf" in held:
        return [one for inner in held["anyOf"] for one in opened(inner)]
    if held.get("type") in WITHOUT_TEXT:
        return [held | {"type": [held["type"], "string"], "pattern": HOLE["pattern"]}]
    for key in ("items", "additionalProperties"):
        if isinstance(held.get(key), dict):
            inner = opened(held[key])
            if not any(takes_holes(one) for one in inner):
                inner.append(HOLE)
            held = held | {key: inner[0] if len(inner) == 1 else {"anyOf": inner}}
    return [held]


def takes_holes(held: Json) -> bool:
    """Whether a string with a parameter in it may stand there."""
    kinds = held.get("type", [])
    return "$ref" in held or not held or "string" in ([kinds] if isinstance(kinds, str) else kinds)


def told(held: Json, message: str) -> Json:
    """With what an editor says where it does not fit; what has several kinds says it inside."""
    return held if "$ref" in held or not held else held | {"errorMessage": message}


def nullable(held: list[Json]) -> list[Json]:
    """The same, or null."""
    first = held[0]
    if len(held) == 1 and "type" in first:
        kinds = first["type"] if isinstance(first["type"], list) else [first["type"]]
        return [first | {"type": [*kinds, "null"]}]
    return [*held, {"type": "null"}]


def definitions() -> Json:
    """Every word, and every group but the layers', whose entries are more than words."""
    made = {f"{group}.{cls.__name__}": word(cls) for group in INDEX for cls in words(group)}
    return made | {group: group_of(group) for group in INDEX if group != "layers"}
