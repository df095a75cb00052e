"""A checked spec as plain data again: defaults filled in, blocks and repeats written out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from modelspec.catalog.words import find, snake
from modelspec.language.kinds import Either, Kind, ListOf, Path
from modelspec.language.word import Word
from modelspec.model.parts import Cut
from modelspec.model.summary import reference

if TYPE_CHECKING:
    from modelspec.model.spec import Body, Call, Definition, Input, Ref, Spec, Target
    from modelspec.source.text import Span


def show(spec: Spec, folder: str | None = None) -> dict[str, Any]:
    """The spec as plain data that compiles to the same graph.

    Paths are written relative to `folder`: where it will lie, the spec's own folder by default.
    """
    writer = Writer(spec.root.span.source.folder if folder is None else folder)
    made: dict[str, Any] = {"modelspec": 1, "name": spec.name}
    made |= writer.body(spec.body, spec.root)
    if spec.targets:
        made["outputs"] = {
            name: writer.target(spec.targets[name], ref) for name, ref in spec.body.outputs.items()
        }
    if spec.data is not None:
        made["data"] = writer.data(spec.data)
    if any(target.losses for target in spec.targets.values()) or spec.training_span is not None:
        made["train"] = writer.arguments(spec.training)
    return made


class Writer:
    """Writes the parts of one spec; paths come out relative to its folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    # -- graphs ----------------------------------------------------------------------------

    def body(self, body: Body, owner: Definition) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if body.inputs:
            made["inputs"] = {one.name: self.input(one) for one in body.inputs}
        if body.shared:
            made["shared"] = {one.name: self.definition(one, owner) for one in body.shared}
        made["layers"] = {call.name: self.call(call, owner) for call in body.calls}
        made["outputs"] = self.outputs(body)
        return made

    @staticmethod
    def input(one: Input) -> dict[str, Any]:
        made: dict[str, Any] = {"shape": list(one.shape or ()), "dtype": one.dtype or "float32"}
        if one.batch_size is not None:
            made["batch_size"] = one.batch_size
        return {**made, "allow": list(one.allow)} if one.allow else made

    @staticmethod
    def outputs(body: Body) -> list[str] | dict[str, Any]:
        named = {name: reference(ref) for name, ref in body.outputs.items()}
        if all(name == text for name, text in named.items()):
            return list(named)
        return {name: {} if name == text else {"from": text} for name, text in named.items()}

    def call(self, call: Call, owner: Definition) -> dict[str, Any]:
        """An entry of `layers`: what it makes or uses, and `from`."""
        definition = call.definition
        if definition.parent is owner and definition.name == call.name:
            made = self.definition(definition, owner)
        else:
            made = {"use": name_of(definition, owner), **self.given_anew(call)}
        source = self.source(call)
        if source is not None:
            made["from"] = source
        if call.allow:
            made["allow"] = list(call.allow)
        return made

    @staticmethod
    def given_anew(call: Call) -> dict[str, Any]:
        """The arguments that differ from those of the definition."""
        layer, defined = call.layer, call.definition.layer
        if layer is None or defined is None or layer is defined:
            return {}
        now, then = vars(layer), vars(defined)
        return {key: plain(now[key]) for key in layer.at_call if now[key] != then[key]}

    @staticmethod
    def source(call: Call) -> Any:
        """What it is called on: a name, a list, or a mapping where there are several inputs."""
        from modelspec.model.calls import ports_of

        def text(given: Ref | list[Ref]) -> str | list[str]:
            return [reference(r) for r in given] if isinstance(given, list) else reference(given)

        ports = ports_of(call)
        given = {
            port.name: text(argument)
            for port, argument in zip(ports, call.arguments, strict=True)
            if argument is not None
        }
        first_alone = bool(ports) and list(given) == [ports[0].name]
        return given[ports[0].name] if first_alone else given or None

    def definition(self, definition: Definition, owner: Definition) -> dict[str, Any]:
        """What makes a definition: a layer with its arguments, a graph, a part of one."""
        if definition.part is not None and definition.body is not None:
            made: dict[str, Any] = {
                "part_of": name_of(definition.part, owner),
                "inputs": [
                    reference(one.stands_for)
                    for one in definition.body.inputs
                    if isinstance(one, Cut)
                ],
                "outputs": [reference(ref) for ref in definition.body.outputs.values()],
            }
        elif definition.body is not None:
            made = self.body(definition.body, definition)
        else:
            made = self.layer(definition)
        if definition.weights is not None:
            made["weights"] = self.path(definition.weights)
        if not definition.trainable:
            made["trainable"] = False
        if definition.dtype is not None:
            made["dtype"] = definition.dtype
        if definition.allow and definition.parent is None:
            made["allow"] = list(definition.allow)
        return made

    def layer(self, definition: Definition) -> dict[str, Any]:
        layer = definition.layer
        assert layer is not None
        values = vars(layer)
        if getattr(layer, "foreign", False) and "class_" in values:
            arguments = values["args"]
            return {"type": values["class_"], **(arguments if isinstance(arguments, dict) else {})}
        if getattr(layer, "foreign", False):
            return {"type": "python", "class": values["class"], "args": values["args"]}
        return {"type": type(layer).__name__, **self.arguments(layer, definition)}

    # -- words -----------------------------------------------------------------------------

    def arguments(self, word: Word, inside: Definition | None = None) -> dict[str, Any]:
        """Every argument of a word with its value."""
        spans = word.__dict__.get("spans", {})
        return {
            key: self.value(word.__dict__[key], kind, spans.get(key), inside)
            for key, kind in type(word).arguments.items()
        }

    def value(
        self, value: Any, kind: Kind[Any], span: Span | None, inside: Definition | None
    ) -> Any:
        from modelspec.model.spec import Definition

        if isinstance(value, Word):
            return self.word(value)
        if isinstance(value, Definition) and inside is not None:
            if value.parent is inside:
                return self.definition(value, inside)
            return {"use": name_of(value, inside)}
        kinds = kind.kinds if isinstance(kind, Either) else (kind,)
        if isinstance(kind, ListOf | Either) and isinstance(value, list):
            item_kind = next((one.item for one in kinds if isinstance(one, ListOf)), kind)
            return [self.value(item, item_kind, span, inside) for item in value]
        if any(isinstance(one, Path) for one in kinds) and isinstance(value, str) and span:
            return self.path(os.path.join(span.source.folder, os.path.expanduser(value)))
        return plain(value)

    def word(self, word: Word) -> Any:
        """A word by its bare name where it has no arguments, else with all of them."""
        name = type(word).__name__
        if type(word).arguments:
            return {"type": name, **self.arguments(word)}
        return snake(name) if find(word.group, snake(name)) is type(word) else name

    def path(self, text: str) -> str:
        """A path, as it must be written to be found from the folder."""
        if os.path.isabs(text):
            return text
        shown = os.path.relpath(text, self.folder or ".")
        return os.path.abspath(text) if shown.count("..") > 3 else shown

    # -- sections --------------------------------------------------------------------------

    def target(self, target: Target, ref: Ref) -> dict[str, Any]:
        made: dict[str, Any] = {}
        if reference(ref) != target.name:
            made["from"] = reference(ref)
        if len(target.losses) == 1:
            made["loss"] = self.word(target.losses[0])
            made["loss_weight"] = target.loss_weights[0]
        elif target.losses:
            made["loss"] = [
                {**self.record(loss), "loss_weight": weight}
                for loss, weight in zip(target.losses, target.loss_weights, strict=True)
            ]
        if target.metrics:
            made["metrics"] = [
                {**self.record(metric), "name": name} if isinstance(metric, Word) else name
                for metric, name in zip(target.metrics, target.metric_names, strict=True)
            ]
        if target.class_weight is not None:
            made["class_weight"] = dict(target.class_weight)
        if target.allow:
            made["allow"] = list(target.allow)
        return made

    def record(self, word: Word) -> dict[str, Any]:
        return {"type": type(word).__name__, **self.arguments(word)}

    def data(self, data: Any) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, source in (
            ("train", data.train), ("validation", data.validation), ("test", data.test),
        ):  # fmt: skip
            if source is not None:
                made[key] = self.record(source) if isinstance(source, Word) else source
        if data.fields:
            made["fields"] = {
                name: {k: v for k, v in self.arguments(field).items() if v is not None}
                for name, field in data.fields.items()
            }
        if data.allow:
            made["allow"] = list(data.allow)
        return made


def name_of(definition: Definition, owner: Definition) -> str:
    """The name by which `use:` finds a definition from inside the graph `owner`.

    It goes by the nearest graph around both: `vision_model.conv2d`.
    """
    around: set[Definition] = set()
    at: Definition | None = owner
    while at is not None:
        around.add(at)
        at = at.parent
    names = [definition.name]
    above = definition.parent
    while above is not None and above not in around:
        names.insert(0, above.name)
        above = above.parent
    return ".".join(names)


def plain(value: Any) -> Any:
    """Tuples are lists in YAML."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value
