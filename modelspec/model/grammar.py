"""The fixed parts of the language as JSON Schema: the sections, inputs, calls, outputs, data."""

from __future__ import annotations

from typing import Any

from modelspec.language.dtypes import DTYPES, FLOATS

Json = dict[str, Any]

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


def mapping_of(properties: Json, required: list[str]) -> Json:
    made: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": required} if required else {})


def table_of(item: Json, description: str) -> Json:
    return {"type": "object", "additionalProperties": item, "description": description}


def ref(name: str) -> Json:
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
        ref("shape"),
        mapping_of({"shape": ref("shape"), "dtype": {"enum": list(DTYPES)}}, required=["shape"]),
    ]
}
CODES_ALLOWED: Json = {
    "description": "Codes of warnings to silence here.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
}
CALL: Json = {
    "from": ref("from"),
    "name": NAME,
    "repeat": {
        "description": "So many in a row: name_1, name_2, ...",
        "anyOf": [{"type": "integer", "minimum": 1}, ref("hole")],
    },
    "allow": CODES_ALLOWED,
}
OWN: Json = {
    "weights": {
        "type": "string",
        "description": "Trained weights: a run folder or a .safetensors file.",
    },
    "trainable": {
        "anyOf": [{"type": "boolean"}, ref("hole")],
        "description": "Whether training changes it.",
    },
    "dtype": {"enum": list(FLOATS), "description": "What it computes in."},
}
PARAMS: Json = table_of({}, "Named values, used as ${name}.")
LAYERS: Json = {
    "description": "The calls, in order.",
    "anyOf": [
        {"type": "object", "additionalProperties": ref("entry"), "minProperties": 1},
        {"type": "array", "items": ref("entry"), "minItems": 1},
    ],
}
OUTPUTS: Json = {
    "description": "The tensors that leave, each with loss, loss weight and metrics.",
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}},
        {"type": "object", "additionalProperties": ref("output")},
    ],
}
GRAPH: Json = {
    "inputs": table_of(ref("input"), "The tensors that come in, by name."),
    "blocks": table_of(ref("block"), "Graphs with parameters: new layer types."),
    "shared": table_of(ref("entry"), "Layers and graphs that are called more than once."),
    "layers": ref("layers"),
    "outputs": OUTPUTS,
}
OTHERS: dict[str, Json] = {
    "use": {"use": {"type": "string"}, **CALL},
    "file": {"file": {"type": "string"}, **CALL, **OWN},
    "part_of": {
        "part_of": {"type": "string"},
        "inputs": ref("from"),
        "outputs": ref("from"),
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
        mapping_of(
            {
                "from": {"type": "string", "description": "The tensor, if it has another name."},
                "loss": {"anyOf": [*_one_or_more(ref("losses"))["anyOf"], {"type": "null"}]},
                "loss_weight": {"anyOf": [{"type": "number", "minimum": 0}, ref("hole")]},
                "metrics": {"anyOf": [*_one_or_more(ref("metrics"))["anyOf"], {"type": "null"}]},
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
        ref("sources"),
    ]
}
DATA: Json = {
    "description": "Where training, validation and test samples come from.",
    "anyOf": [
        ref("source"),
        mapping_of(
            {
                "train": ref("source"),
                "validation": {
                    "anyOf": [
                        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                        ref("source"),
                    ]
                },
                "test": ref("source"),
                "fields": table_of(ref("field"), "What feeds each input and output."),
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
    "train": {"anyOf": [ref("train"), {"type": "null"}]},
}
