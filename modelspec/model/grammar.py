"""The fixed parts of the language as JSON Schema: the sections, inputs, calls, outputs, data.

Written for editors too: `errorMessage` is what yaml-language-server shows in place of its own
words; other readers of schemas pass over it.
"""

from __future__ import annotations

from typing import Any

from modelspec.language.dtypes import DTYPES, FLOATS
from modelspec.source.codes import CODES

Json = dict[str, Any]

#: Letters of any script, digits, `_` and `-`: what else ASCII has is none of a name. Written
#: without `\w`, which is ASCII alone where editors read it.
NAME = r"^[^\s\d!-/:-@\[-^`{-~][^\s!-,./:-@\[-^`{-~]*$"
HOLE: Json = {"type": "string", "pattern": r"\$\{"}
STRING: Json = {"type": "string"}


def mapping_of(properties: Json, required: list[str]) -> Json:
    made: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": required} if required else {})


def table_of(item: Json, description: str) -> Json:
    """A mapping from names to items."""
    return {
        "description": description,
        "type": "object",
        "patternProperties": {NAME: item},
        "additionalProperties": {
            "not": {},
            "errorMessage": "a name starts with a letter and holds letters, digits, `_` and `-`",
        },
    }


def one_or_more(item: Json) -> Json:
    return {"anyOf": [item, {"type": "array", "items": item}]}


def by_kind(message: str, **kinds: Json) -> Json:
    """What may stand there, told apart by what does: `object={...}, array={...}, string={}`.

    An editor then speaks of the one that was meant, where `anyOf` makes it guess.
    """
    cases = [{"if": {"type": kind}, "then": held} for kind, held in kinds.items() if held]
    return {"type": list(kinds), "errorMessage": message, "allOf": cases}


def ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


TENSORS: Json = {
    "description": "What it is called on: a tensor by its name, a list of them, or a mapping by "
    "the callee's inputs. The entry above by default.",
    **by_kind(
        "a tensor's name, a list of names, or a mapping by the callee's inputs",
        string={},
        array={"items": STRING},
        object={"additionalProperties": one_or_more(STRING)},
    ),
}
SHAPE: Json = {
    "description": "Sizes without the batch: integers, null for any, or words.",
    "anyOf": [
        {
            "type": "array",
            "items": {
                "type": ["integer", "string", "null"],
                "minimum": 0,
                "errorMessage": "a size is an integer, null (any), or a word",
            },
            "errorMessage": "a shape is a list of sizes, such as [28, 28, 1]",
        },
        HOLE,
    ],
}
CODE: Json = {"enum": list(CODES), "errorMessage": "`modelspec explain` lists the codes"}
ALLOW: Json = {"description": "Codes of warnings to silence here.", **one_or_more(CODE)}
DTYPE: Json = {
    "description": "What it holds; float32 by default.",
    "anyOf": [{"enum": list(DTYPES)}, HOLE],
}
BATCH_SIZE: Json = {
    "description": "Samples in a batch, which stateful layers need to know; train's by default.",
    "type": ["integer", "string", "null"],
    "minimum": 1,
    "pattern": HOLE["pattern"],
    "errorMessage": "`batch_size` is an integer, at least 1",
}
INPUT: Json = by_kind(
    "an input is its shape, such as [28, 28, 1], or {shape: ..., dtype: ...}",
    array=ref("shape"),
    string=ref("shape"),
    object=mapping_of(
        {"shape": ref("shape"), "dtype": DTYPE, "batch_size": BATCH_SIZE, "allow": ALLOW},
        required=["shape"],
    ),
)
CALL: Json = {
    "from": TENSORS,
    "name": {
        "description": "What the entry is called, where `layers` is a list.",
        "anyOf": [{"type": "string", "pattern": NAME}, HOLE],
    },
    "repeat": {
        "description": "So many in a row: name_1, name_2, ...",
        "type": ["integer", "string"],
        "minimum": 1,
        "pattern": HOLE["pattern"],
        "errorMessage": "`repeat` is an integer, at least 1",
    },
    "allow": ALLOW,
}
OWN: Json = {
    "weights": {
        "description": "Trained weights: a run folder or a .safetensors file.",
        "type": "string",
    },
    "trainable": {
        "description": "Whether training changes it.",
        "type": ["boolean", "string"],
        "pattern": HOLE["pattern"],
        "errorMessage": "`trainable` is true or false",
    },
    "dtype": {
        "description": "What it computes in.",
        "anyOf": [{"enum": list(FLOATS)}, HOLE],
    },
}
#: The keys of any entry, once in the schema.
KEYS: Json = {f"key.{key}": held for key, held in (CALL | OWN).items()}
CALLED: Json = {key: ref(f"key.{key}") for key in CALL}
OWNED: Json = {key: ref(f"key.{key}") for key in OWN}

PARAMS: Json = table_of({}, "Named values, used as ${name}.")
OUTPUTS: Json = {
    "description": "The tensors that leave, each with loss, loss weight and metrics.",
    **by_kind(
        "a tensor's name, a list of names, or a mapping with a loss for each",
        string={},
        array={"items": STRING},
        object={"additionalProperties": ref("output")},
    ),
}
KINDS: Json = {
    "type": "A layer or block of this type, with weights of its own.",
    "use": "Calls a layer or graph that exists already, with the same weights.",
    "file": "The graph in another spec file; its `data` and `train` stay behind.",
    "part_of": "The sub-graph of this shared graph between `inputs` and `outputs`.",
    "layers": "An inline graph: its calls, in order.",
}
NAMED: Json = {key: {"type": "string", "description": text} for key, text in KINDS.items()}
WEIGHT: Json = {
    "description": "What the loss is multiplied by; 1 by default.",
    "type": ["number", "string"],
    "minimum": 0,
    "pattern": HOLE["pattern"],
    "errorMessage": "`loss_weight` is a number, at least 0",
}
OUTPUT: Json = by_kind(
    "an output is a mapping with its loss: {loss: mse}",
    null={},
    object=mapping_of(
        {
            "from": {"type": "string", "description": "The tensor, if it has another name."},
            "loss": {
                "description": "What training makes small.",
                "anyOf": [*one_or_more(ref("losses"))["anyOf"], {"type": "null"}],
            },
            "loss_weight": WEIGHT,
            "metrics": {
                "description": "What is measured beside the loss.",
                "anyOf": [*one_or_more(ref("metrics"))["anyOf"], {"type": "null"}],
            },
            "class_weight": {
                "description": "What a sample of each class counts: {0: 1.0, 1: 3.0}.",
                "type": "object",
                "patternProperties": {r"^\d+$": {"type": "number", "minimum": 0}},
                "additionalProperties": False,
            },
            "allow": ref("key.allow"),
        },
        required=[],
    ),
)
SOURCE: Json = {
    "anyOf": [
        {"type": "string", "description": "A path; its ending says the format."},
        {"type": "array", "items": STRING, "minItems": 1},
        ref("sources"),
    ]
}
SPLITS: Json = {
    "train": ref("source") | {"description": "What is learnt from."},
    "validation": {
        "description": "A share of train, or a source of its own.",
        "anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ref("source"),
        ],
    },
    "test": ref("source") | {"description": "What `evaluate` measures on."},
    "fields": {
        "description": "What feeds each input and output.",
        "type": "object",
        "additionalProperties": ref("field"),
    },
    "allow": ALLOW,
}
DATA: Json = {
    "description": "Where training, validation and test samples come from.",
    **by_kind(
        "a path, a list of paths, {type: ...}, or {train: ..., validation: ..., test: ...}",
        string={},
        array={"items": STRING, "minItems": 1},
        object={
            "if": {"required": ["type"]},
            "then": ref("sources"),
            "else": mapping_of(SPLITS, required=[]),
        },
    ),
}
TOP: Json = {
    "modelspec": {"const": 1, "description": "The version of the language."},
    "name": {"type": "string", "description": "The file's stem by default."},
    "params": PARAMS,
    "data": DATA,
    "train": {"description": "How it is trained.", "anyOf": [ref("train"), {"type": "null"}]},
}
