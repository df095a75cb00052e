"""JSON Schema of the language, for editors: made from the declarations.

It says of each thing what it may hold; what names stand for, and whether shapes fit, `validate`
says. Wherever a value may stand, `${...}` may.
"""

from __future__ import annotations

import json
from typing import Any

from modelspec.catalog.training import Field, Training
from modelspec.language.layer import Layer
from modelspec.model.grammar import (
    ALLOW,
    CALLED,
    INPUT,
    KEYS,
    KINDS,
    NAMED,
    OUTPUT,
    OUTPUTS,
    OWNED,
    PARAMS,
    SHAPE,
    SOURCE,
    STRING,
    TENSORS,
    TOP,
    Json,
    by_kind,
    mapping_of,
    ref,
    table_of,
)
from modelspec.model.vocabulary import (
    among,
    argument,
    arguments,
    chosen,
    definitions,
    names_of,
    suggested,
)

ENTRY = '"#/$defs/entry"'
OR_BLOCK = ".or_block"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
TORCH = {
    "type": "string",
    "pattern": r"^(?:torch\.nn\.\w+|python)$",
    "description": "A class of torch.nn, or with --trust-code one of your own.",
}


class World:
    """The types that may stand in a graph: the catalogue's alone, or blocks of the spec too.

    What a block is called, no schema can know: where a spec has `blocks`, any name is a type.
    """

    def __init__(self, suffix: str, types: list[Json], words: Json) -> None:
        self.suffix, self.types = suffix, types
        #: The layers that take an entry: what a wrapper wraps may be a block where it stands.
        self.holders = {name: held for name, held in words.items() if ENTRY in json.dumps(held)}

    def ref(self, name: str) -> Json:
        return ref(name + self.suffix)

    def graph(self) -> Json:
        """The keys of a graph."""
        return graph_of(self.suffix)

    def definitions(self) -> Json:
        made = {
            "types": {"anyOf": self.types},
            "layers": self.layers(),
            "entry": self.entry(),
            "holder": self.holder(),
        }
        if self.suffix:
            made |= {name: self.within(held) for name, held in self.holders.items()}
        return {name + self.suffix: held for name, held in made.items()}

    def within(self, held: Json) -> Any:
        """A wrapper whose own layer is of this world."""
        here = f'"#/$defs/entry{self.suffix}"'
        return json.loads(json.dumps(held).replace(ENTRY, here))

    def layers(self) -> Json:
        return {"description": "The calls, in order."} | by_kind(
            "`layers` is a mapping from names to entries, or a list of entries",
            object=table_of(self.ref("entry"), "The calls, in order.") | {"minProperties": 1},
            array={"items": self.ref("entry"), "minItems": 1},
        )

    def entry(self) -> Json:
        """An entry of `layers` or `shared`: what it makes depends on the key that it has."""
        listed = " or ".join(f"`{kind}`" for kind in KINDS)
        made: Json = {
            "properties": NAMED | {"layers": {}, "type": self.ref("types")},
            "required": ["type"],
            "errorMessage": f"an entry has {listed}",
        }
        for kind, held in reversed(self.others().items()):
            made = {"if": {"required": [kind]}, "then": held, "else": made}
        return by_kind(
            "an entry is a mapping such as {type: Dense, units: 8}, or a layer's name",
            string=self.ref("types"),
            object={"if": {"required": ["type"]}, "then": self.typed(), "else": made},
        )

    def typed(self) -> Json:
        """An entry with a `type`: its own arguments, or those of a block, which only it knows."""
        every = [name for own in names_of("layers").values() for name in own]
        other = {"properties": {"type": self.ref("types"), **CALLED, **OWNED}}
        return among(every, {"allOf": [ref("typed"), self.ref("holder")]}, other)

    def holder(self) -> Json:
        known = {f"layers.{cls.__name__}": own for cls, own in names_of("layers").items()}
        return {"allOf": [chosen(known[name], self.ref(name)) for name in self.holders]}

    def others(self) -> dict[str, Json]:
        """What an entry without a `type` holds, by the key that says what it is."""
        called, owned = CALLED, CALLED | OWNED
        ends = {"inputs": TENSORS, "outputs": TENSORS}
        return {
            "use": mapping_of({"use": NAMED["use"], **called, **at_call()}, required=[]),
            "file": mapping_of({"file": NAMED["file"], **owned}, required=[]),
            "part_of": mapping_of({"part_of": NAMED["part_of"], **ends, **owned}, list(ends)),
            "layers": with_blocks(
                mapping_of({**graph_of(OR_BLOCK), **owned}, required=[]),
                mapping_of({**self.graph(), **owned}, required=[]),
            ),
        }


def graph_of(suffix: str) -> Json:
    """The keys of a graph whose entries are those of the world with this suffix."""
    return {
        "inputs": table_of(ref("input"), "The tensors that come in, by name."),
        "blocks": table_of(ref("block"), "Graphs with parameters: new layer types."),
        "shared": table_of(
            ref(f"entry{suffix}"), "Layers and graphs that are called more than once."
        ),
        "layers": ref(f"layers{suffix}"),
        "outputs": OUTPUTS,
    }


def with_blocks(blocks: Json, plain: Json) -> Json:
    """The one where `blocks` stands beside, the other where it does not."""
    return {"if": {"required": ["blocks"]}, "then": blocks, "else": plain}


def at_call() -> Json:
    """The arguments that a call by `use` may give anew."""
    return {
        key: argument(cls, key, cls.arguments[key])
        for cls in names_of("layers")
        if issubclass(cls, Layer)
        for key in cls.at_call
    }


def typed(apart: Json) -> Json:
    """What each layer's mapping holds, but for those that stand `apart`: family by family, so that
    a reader of the schema does not try each layer for every entry.
    """
    families: dict[str, dict[str, list[str]]] = {}
    for cls, own in names_of("layers").items():
        name = f"layers.{cls.__name__}"
        if name not in apart:
            families.setdefault(cls.__module__, {})[name] = own
    cases = []
    for family in families.values():
        held = [chosen(own, ref(name)) for name, own in family.items()]
        cases.append(among([name for own in family.values() for name in own], {"allOf": held}))
    return {"allOf": cases}


def schema() -> Json:
    """The whole schema."""
    refused = "no layer is called so: `modelspec layers` lists them"
    types = [*suggested(names_of("layers"), refused), TORCH]
    words = definitions()
    plain, blocks = World("", types, words), World(OR_BLOCK, [*types, STRING], words)
    return {
        "$schema": DIALECT,
        "title": "modelspec",
        "description": "A neural network, what it learns from, and how.",
        "type": "object",
        **with_blocks(mapping_of(TOP | blocks.graph(), required=["layers"]),
                      mapping_of(TOP | plain.graph(), required=["layers"])),
        "$defs": {
            "shape": SHAPE,
            "input": INPUT,
            "output": OUTPUT,
            "source": SOURCE,
            "block": mapping_of({"params": PARAMS, **blocks.graph(), "allow": ALLOW},
                                required=["layers"]),
            "field": by_kind("a field is {column: name}, or a column's name",
                             string={}, object=arguments(Field)),
            "train": arguments(Training),
            **KEYS,
            **words,
            "typed": typed(plain.holders),
            **plain.definitions(),
            **blocks.definitions(),
        },
    }  # fmt: skip
