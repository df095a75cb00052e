"""A model's parts as the JSON of a .keras file."""

from __future__ import annotations

from collections import Counter
from typing import Any

from modelspec.exchange.keras_file.order import in_order
from modelspec.exchange.keras_file.parts import Functional, Node, Part, Plain, Value
from modelspec.exchange.keras_file.words import instance

FUNCTIONAL = "keras.src.models.functional"


class Config:
    """Writes the configuration of a whole model. Objects that stand in several places have a
    number, the same in each.
    """

    def __init__(self, model: Functional) -> None:
        self.model = model
        self.counts: Counter[Part] = Counter()
        self.numbers: dict[Part, int] = {}
        self.settle(model)

    def settle(self, model: Functional) -> None:
        """Bring parts into Keras's order, and count where each stands."""
        model.parts = in_order(model)
        for part in model.parts:
            self.meet(part)

    def meet(self, part: Part) -> None:
        self.counts[part] += 1
        if self.counts[part] == 1 and part.model is not None:
            self.settle(part.model)
        for held in held_in(part.config):
            self.meet(held)

    def whole(self) -> Plain:
        made = self.of_model(self.model)
        return self.functional(made)

    @staticmethod
    def functional(config: Plain) -> Plain:
        return {
            **instance(FUNCTIONAL, "Functional", config), "registered_name": "Functional",
            "build_config": {"input_shape": None},
        }  # fmt: skip

    def of_model(self, model: Functional) -> Plain:
        inputs = [ended(value) for value in model.inputs]
        return {
            "name": model.name,
            "trainable": model.trainable,
            "layers": [self.of_part(part, called=True) for part in model.parts],
            "input_layers": inputs[0] if len(inputs) == 1 else inputs,
            "output_layers": structured(model.ends()),
        }

    def of_part(self, part: Part, *, called: bool) -> Plain:
        """A part; one that is `called` says on what."""
        if part.model is not None:
            made = self.functional(self.of_model(part.model))
            made["config"]["name"] = part.name
        else:
            part.config["name"] = part.name
            for key, held in part.config.items():
                part.config[key] = self.inside(held)
            made = instance(part.module, part.kind, part.config)
            if part.is_operation:
                made["registered_name"] = part.kind
        if self.counts[part] > 1:
            made["shared_object_id"] = self.numbers.setdefault(part, len(self.numbers) + 1)
        if called:
            made["name"] = part.name
            nodes = [] if part.kind == "InputLayer" else part.nodes
            made["inbound_nodes"] = [
                {"args": written(node.args), "kwargs": written(node.kwargs)} for node in nodes
            ]
        return made

    def inside(self, held: Any) -> Any:
        if isinstance(held, Part):
            return self.of_part(held, called=False)
        if isinstance(held, list) and held and isinstance(held[0], Part):
            return [self.of_part(one, called=False) for one in held]
        return held


def held_in(config: Plain) -> list[Part]:
    """The parts that stand in arguments."""
    found: list[Part] = []
    for held in config.values():
        found += [
            one for one in (held if isinstance(held, list) else [held]) if isinstance(one, Part)
        ]
    return found


def number(node: Node) -> int:
    """Which call of its part it is."""
    return node.part.nodes.index(node)


def written(given: Any) -> Any:
    """The arguments of a call, tensors as Keras writes them."""
    if isinstance(given, Value):
        history = [given.node.part.name, number(given.node), given.index]
        told = {"shape": list(given.shape), "dtype": given.dtype, "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": told}
    if isinstance(given, list):
        return [written(one) for one in given]
    if isinstance(given, dict):
        return {key: written(one) for key, one in given.items()}
    return given


def ended(value: Value) -> list[Any]:
    """An input or an output; a model counts its own making as its call 0 there."""
    part = value.node.part
    return [part.name, number(value.node) + (part.model is not None), value.index]


def structured(ends: Any) -> Any:
    if isinstance(ends, dict):
        return {name: ended(value) for name, value in ends.items()}
    return [ended(value) for value in ends] if isinstance(ends, list) else ended(ends)
