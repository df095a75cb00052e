"""JSON Schema of the language, for editors: made from the declarations.

It says of each thing what it may hold; what names stand for, and whether shapes fit, `validate`
says. Wherever a value may stand, `${...}` may.
"""

from __future__ import annotations

from typing import Any

from modelspec.catalog.index import INDEX
from modelspec.catalog.training import Field, Training
from modelspec.catalog.words import find, spellings
from modelspec.language.dtypes import DTYPES, FLOATS
from modelspec.language.kinds import REQUIRED, Kind
from modelspec.language.word import Word

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAME = {"type": "string", "pattern": r"^[^\W\d][\w-]*$"}
HOLE = {"type": "string", "pattern": r"\$\{"}
TENSORS: Json = {
    "description": "A tensor by its name, a list of them, or a mapping by the callee's inputs.",
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}},
        {
            "type": "object",
            "additionalProperties": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
            },
        },
    ],
}


def schema() -> Json:
    """The whole schema."""
    return {
        "$schema": DIALECT,
        "title": "modelspec",
        "description": "A neural network, what it learns from, and how.",
        **_object(TOP, required=["layers"]),
        "$defs": {
            "hole": HOLE | {"description": "A parameter, or arithmetic on parameters."},
            "shape": SHAPE,
            "from": TENSORS,
            "input": INPUT,
            "entry": entry(),
            "layers": LAYERS,
            "graph": _object(GRAPH, required=["layers"]),
            "block": _object({"params": PARAMS, **GRAPH}, required=["layers"]),
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
    if cls.group == "losses":
        extra["loss_weight"] = {"type": "number", "minimum": 0}
    return {"description": " ".join((cls.__doc__ or "").split())} | arguments(cls, extra)


def arguments(cls: type[Word], extra: Json) -> Json:
    properties = {key: argument(kind) for key, kind in cls.arguments.items()}
    required = [key for key, kind in cls.arguments.items() if kind.default is REQUIRED]
    return _object(extra | properties, required=required)


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
                            "then": _object(OTHERS[kind], required=[]),
                        }
                        for kind in kinds[1:]
                    ),
                ],
            },
        ]
    }


def _object(properties: Json, required: list[str]) -> Json:
    made: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": required} if required else {})


def _mapping(item: Json, description: str) -> Json:
    return {"type": "object", "additionalProperties": item, "description": description}


def _ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


SHAPE: Json = {
    "description": "Sizes without the batch: integers, null for any, or words.",
    "anyOf": [
        {
            "type": "array",
            "items": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": ["string", "null"]}]},
        },
        HOLE,
    ],
}
INPUT: Json = {
    "anyOf": [
        _ref("shape"),
        _object({"shape": _ref("shape"), "dtype": {"enum": list(DTYPES)}}, required=["shape"]),
    ]
}
CODES_ALLOWED: Json = {
    "description": "Codes of warnings to silence here.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}
CALL: Json = {
    "from": _ref("from"),
    "name": NAME,
    "repeat": {
        "description": "So many in a row: name_1, name_2, ...",
        "anyOf": [{"type": "integer", "minimum": 1}, _ref("hole")],
    },
    "allow": CODES_ALLOWED,
}
OWN: Json = {
    "weights": {
        "type": "string",
        "description": "Trained weights: a run folder or a .safetensors file.",
    },
    "trainable": {
        "anyOf": [{"type": "boolean"}, _ref("hole")],
        "description": "Whether training changes it.",
    },
    "dtype": {"enum": list(FLOATS), "description": "What it computes in."},
}
PARAMS: Json = _mapping({}, "Named values, used as ${name}.")
LAYERS: Json = {
    "description": "The calls, in order.",
    "anyOf": [
        {"type": "object", "additionalProperties": _ref("entry"), "minProperties": 1},
        {"type": "array", "items": _ref("entry"), "minItems": 1},
    ],
}
OUTPUTS: Json = {
    "description": "The tensors that leave, each with loss, loss weight and metrics.",
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "object", "additionalProperties": _ref("output")},
    ],
}
GRAPH: Json = {
    "inputs": _mapping(_ref("input"), "The tensors that come in, by name."),
    "blocks": _mapping(_ref("block"), "Graphs with parameters: new layer types."),
    "shared": _mapping(_ref("entry"), "Layers and graphs that are called more than once."),
    "layers": _ref("layers"),
    "outputs": OUTPUTS,
}
OTHERS: dict[str, Json] = {
    "use": {"use": {"type": "string"}, **CALL},
    "file": {"file": {"type": "string"}, **CALL, **OWN},
    "part_of": {
        "part_of": {"type": "string"},
        "inputs": _ref("from"),
        "outputs": _ref("from"),
        **CALL,
        **OWN,
    },
    "layers": {**GRAPH, **CALL, **OWN},
}


def _one_or_more(item: Json) -> Json:
    return {"anyOf": [item, {"type": "array", "items": item}]}


OUTPUT: Json = {
    "anyOf": [
        {"type": "null"},
        _object(
            {
                "from": {"type": "string", "description": "The tensor, if it has another name."},
                "loss": {"anyOf": [*_one_or_more(_ref("losses"))["anyOf"], {"type": "null"}]},
                "loss_weight": {"anyOf": [{"type": "number", "minimum": 0}, _ref("hole")]},
                "metrics": {"anyOf": [*_one_or_more(_ref("metrics"))["anyOf"], {"type": "null"}]},
                "class_weight": {
                    "type": "object",
                    "patternProperties": {r"^\d+$": {"type": "number", "minimum": 0}},
                    "additionalProperties": False,
                },
                "allow": CODES_ALLOWED,
            },
            required=[],
        ),
    ]
}
SOURCE: Json = {
    "anyOf": [
        {"type": "string", "description": "A path; its ending says the format."},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        _ref("sources"),
    ]
}
DATA: Json = {
    "description": "Where training, validation and test samples come from.",
    "anyOf": [
        _ref("source"),
        _object(
            {
                "train": _ref("source"),
                "validation": {
                    "anyOf": [
                        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                        _ref("source"),
                    ]
                },
                "test": _ref("source"),
                "fields": _mapping(_ref("field"), "What feeds each input and output."),
            },
            required=[],
        ),
    ],
}
TOP: Json = {
    "modelspec": {"const": 1, "description": "The version of the language."},
    "name": {"type": "string", "description": "The file's stem by default."},
    "params": PARAMS,
    **GRAPH,
    "data": DATA,
    "train": {"anyOf": [_ref("train"), {"type": "null"}]},
}
