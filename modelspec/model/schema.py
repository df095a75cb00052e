"""JSON Schema of the language, for editors: made from the declarations.

It says of each thing what it may hold; what names stand for, and whether shapes fit, `validate`
says. Wherever a value may stand, `${...}` may.
"""

from __future__ import annotations

from typing import Any

from modelspec.catalog.index import INDEX
from modelspec.catalog.training import Field, Training
from modelspec.catalog.words import find, spellings
from modelspec.language.kinds import REQUIRED, Kind
from modelspec.language.layer import Layer
from modelspec.language.word import Word
from modelspec.model.grammar import (
    CALL,
    GRAPH,
    HOLE,
    INPUT,
    LAYERS,
    OTHERS,
    OUTPUT,
    OWN,
    PARAMS,
    SHAPE,
    SOURCE,
    TENSORS,
    TOP,
    Json,
    mapping_of,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> Json:
    """The whole schema."""
    return {
        "$schema": DIALECT,
        "title": "modelspec",
        "description": "A neural network, what it learns from, and how.",
        **mapping_of(TOP, required=["layers"]),
        "$defs": {
            "hole": HOLE | {"description": "A parameter, or arithmetic on parameters."},
            "shape": SHAPE,
            "from": TENSORS,
            "input": INPUT,
            "entry": entry(),
            "layers": LAYERS,
            "graph": mapping_of(GRAPH, required=["layers"]),
            "block": mapping_of({"params": PARAMS, **GRAPH}, required=["layers"]),
            "output": OUTPUT,
            "source": SOURCE,
            "field": {"anyOf": [{"type": "string"}, arguments(Field, {})]},
            "train": arguments(Training, {}),
            **{
                group: named(group)
                for group in INDEX
                if group not in ("layers", "training", "fields")
            },
            **{
                f"{group}.{cls.__name__}": word(cls)
                for group in INDEX
                for cls in words(group)
            },
        },
    }  # fmt: skip


def words(group: str) -> list[type[Word]]:
    """The declarations of a group."""
    found = [find(group, name) for names in INDEX[group].values() for name in names]
    return [cls for cls in found if cls is not None and not is_foreign(cls)]


def is_foreign(cls: type[Word]) -> bool:
    """Whether specs write it under names that are not the catalogue's, `torch.nn.Hardswish`."""
    return bool(getattr(cls, "foreign", False))


def names_of(group: str) -> dict[type[Word], list[str]]:
    """Every spelling of each word."""
    found: dict[type[Word], list[str]] = {}
    for spelling in spellings(group):
        cls = find(group, spelling)
        if cls is not None and not is_foreign(cls):
            found.setdefault(cls, []).append(spelling)
    return found


def named(group: str) -> Json:
    """A word of a group: a bare name, or a mapping whose `type` says what else it holds."""
    known = names_of(group)
    return {
        "anyOf": [
            {"enum": [name for names in known.values() for name in names]},
            HOLE,
            {
                "type": "object",
                "required": ["type"],
                "properties": {"type": {"enum": [n for names in known.values() for n in names]}},
                "allOf": [
                    chosen(names, {"$ref": f"#/$defs/{group}.{cls.__name__}"})
                    for cls, names in known.items()
                ],
            },
        ]
    }


def chosen(names: list[str], then: Json) -> Json:
    """What holds where `type` is one of these names."""
    return {
        "if": {"properties": {"type": {"enum": names}}, "required": ["type"]},
        "then": then,
    }


def word(cls: type[Word]) -> Json:
    """What a word's mapping may hold."""
    extra: Json = {"type": {"type": "string"}}
    if cls.group == "layers":
        extra |= CALL | OWN
    if cls.group == "metrics":
        extra["name"] = {"type": "string", "description": "Its name in the history."}
    if cls.group == "losses":
        extra["loss_weight"] = {"type": "number", "minimum": 0}
    return {"description": " ".join((cls.__doc__ or "").split())} | arguments(cls, extra)


def arguments(cls: type[Word], extra: Json) -> Json:
    properties = {key: argument(kind) for key, kind in cls.arguments.items()}
    required = [key for key, kind in cls.arguments.items() if kind.default is REQUIRED]
    return mapping_of(extra | properties, required=required)


def argument(kind: Kind[Any]) -> Json:
    """What may stand for one argument, with its meaning and default."""
    held = [kind.json_schema()]
    if kind.null:
        held.append({"type": "null"})
    made: Json = {"description": kind.doc} if kind.doc else {}
    made["anyOf"] = [*held, {"$ref": "#/$defs/hole"}]
    if kind.default is not REQUIRED:
        made["default"] = kind.default
    return made


def entry() -> Json:
    """An entry of `layers` or `shared`."""
    known = names_of("layers")
    spelled = [name for names in known.values() for name in names]
    kinds = ("type", "use", "file", "part_of", "layers")
    anew = {
        key: argument(cls.arguments[key])
        for cls in known
        if issubclass(cls, Layer)
        for key in cls.at_call
    }
    return {
        "anyOf": [
            {"type": "string", "description": "A layer with its defaults."},
            {
                "type": "object",
                "anyOf": [{"required": [kind]} for kind in kinds],
                "properties": {"type": {"anyOf": [{"enum": spelled}, {"type": "string"}]}},
                "allOf": [
                    *(
                        chosen(names, {"$ref": f"#/$defs/layers.{cls.__name__}"})
                        for cls, names in known.items()
                    ),
                    *(
                        {
                            "if": {"required": [kind], "not": {"required": ["type"]}},
                            "then": mapping_of(
                                OTHERS[kind] | (anew if kind == "use" else {}), required=[]
                            ),
                        }
                        for kind in kinds[1:]
                    ),
                ],
            },
        ]
    }
