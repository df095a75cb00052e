"""The catalogue for reading: each word with its arguments, shapes and examples."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from modelspec.catalog.index import ALIASES, INDEX
from modelspec.catalog.words import find, names, snake
from modelspec.language.kinds import REQUIRED, Kind
from modelspec.language.layer import Layer
from modelspec.language.shapes import show
from modelspec.language.word import Word
from modelspec.model.graph import Graph

EXAMPLES = os.path.join(os.path.dirname(__file__), os.pardir, "catalog", "examples")
FAMILIES = re.compile(r"^layers\.")


class Page:
    """One word of the language."""

    def __init__(self, group: str, family: str, cls: type[Word]) -> None:
        self.group, self.family, self.cls = group, family, cls
        self.name = cls.__name__

    @property
    def doc(self) -> str:
        return cleaned(self.cls.__doc__ or "")

    @property
    def line(self) -> str:
        """The first sentence, on one line."""
        first = self.doc.split("\n\n")[0].replace("\n", " ")
        return re.split(r"(?<=[^.]\.) (?=[A-Z`])", first)[0]

    @property
    def spellings(self) -> list[str]:
        """Its other names."""
        other = [alias for alias, own in ALIASES.get(self.group, {}).items() if own == self.name]
        if getattr(self.cls, "foreign", False):
            return []
        found = [snake(self.name), *other]
        return [name for name in dict.fromkeys(found) if name != self.name]

    @property
    def arguments(self) -> Iterator[tuple[str, str, str, str]]:
        """Of each argument: its name, what it is, its default, its meaning."""
        for key, kind in self.cls.arguments.items():
            yield key, kind.describe(), default(kind), kind.doc

    @property
    def takes(self) -> str:
        """What a layer is called on, as axes; empty for what is no layer."""
        takes = self.cls.takes if issubclass(self.cls, Layer) else ""
        if isinstance(takes, property):  # it depends on the arguments
            made = self.examples()
            takes = checked(runnable(made[0])).program.steps[-1].layer.takes if made else ""
        if isinstance(takes, dict):
            return ", ".join(
                f"{name.rstrip('?')}{' (optional)' if name.endswith('?') else ''}: {axes(pattern)}"
                for name, pattern in takes.items()
            )
        return axes(takes) if takes else ""

    @staticmethod
    def flow(example: dict[str, Any]) -> str:
        """The shapes that go into a runnable example and come out: `(8, 8, 3) -> (6, 6, 4)`."""
        program = checked(example).program
        taken = [program.tensors[id].shape for id in program.inputs.values()]
        given = [program.tensors[id].shape for id in program.steps[-1].outputs]
        return " -> ".join(", ".join(show(s or ()) for s in shapes) for shapes in (taken, given))

    def examples(self) -> list[dict[str, Any]]:
        """Inputs and layers that work, from the catalogue's examples."""
        if self.group != "layers":
            return []
        found = [
            {"inputs": one["inputs"], "layer": written(one["layer"])}
            for one in examples(self.family).get(self.name, [])
        ]
        return [one for one in found if one["layer"] is not None]


def written(layer: dict[str, Any]) -> dict[str, Any] | None:
    """A layer of an example as a spec writes it; None where it cannot."""
    if layer["type"] == "PythonModule":
        return {**layer, "type": "python"}
    if layer["type"] != "TorchModule":
        return layer
    args = layer.get("args", {})
    return {"type": layer["class_"], **args} if isinstance(args, dict) else None


def axes(pattern: str) -> str:
    """`(batch, height, width, channels)`, with `a list of` before where it takes several."""
    many = "a list of " if pattern.startswith("*") else ""
    return f"{many}(batch, {', '.join(pattern.lstrip('*').split())})"


def default(kind: Kind[Any]) -> str:
    """The default as a spec would write it; `required` where there is none."""
    if kind.default is REQUIRED:
        return "required"
    from modelspec.source.tree import write

    return write(kind.default).strip().strip('"') if kind.default != "" else '""'


def cleaned(doc: str) -> str:
    """A docstring without its indentation."""
    first, *rest = doc.strip().splitlines() or [""]
    margin = min((len(r) - len(r.lstrip()) for r in rest if r.strip()), default=0)
    return "\n".join([first, *(line[margin:].rstrip() for line in rest)])


def examples(family: str) -> dict[str, list[dict[str, Any]]]:
    """The examples of a family of layers: word -> inputs and layers."""
    from modelspec.source.diagnostics import Unreadable
    from modelspec.source.text import Source
    from modelspec.source.tree import parse, to_plain

    path = os.path.join(EXAMPLES, f"{family}.yaml")
    try:
        found: dict[str, list[dict[str, Any]]] = to_plain(parse(Source.read(path)))
    except Unreadable:
        return {}
    return found


def families(group: str) -> dict[str, list[Page]]:
    """The pages of a group by family; what no module declares is left out."""
    found: dict[str, list[Page]] = {}
    for module, listed in INDEX[group].items():
        family = FAMILIES.sub("", module)
        for name in listed:
            cls = find(group, name)
            if cls is not None:
                found.setdefault(family, []).append(Page(group, family, cls))
    return found


def pages_called(name: str) -> list[Page]:
    """The pages of every word of that name, whatever its group."""
    found = []
    name = "TorchModule" if name.startswith("torch.nn.") else name
    name = "PythonModule" if name == "python" else name
    for group, modules in INDEX.items():
        cls = find(group, name)
        if cls is not None:
            family = next(FAMILIES.sub("", m) for m, n in modules.items() if cls.__name__ in n)
            found.append(Page(group, family, cls))
    return found


def near(name: str) -> tuple[str, ...]:
    """Help lines on a name that is no word: what stands for it here, else the nearest words."""
    from modelspec.catalog.legacy import theirs
    from modelspec.catalog.refused import refused
    from modelspec.source.suggest import did_you_mean

    for group in INDEX:
        known = refused(group, name)
        if known is not None:
            return (known.reason, f"use {known.use}")
    for group in INDEX:
        ours = theirs(group, name)
        if ours:
            return ours
    return did_you_mean(name, [word for group in INDEX for word in names(group)])


def runnable(example: dict[str, Any]) -> dict[str, Any]:
    """An example as a whole spec: its inputs, and the layer called on them."""
    inputs: dict[str, Any] = {}
    source: dict[str, Any] = {}
    for port, given in example["inputs"].items():
        if isinstance(given, list) and given and isinstance(given[0], list):
            source[port] = [f"{port}_{at}" for at in range(1, len(given) + 1)]
            inputs |= zip(source[port], given, strict=True)
        else:
            source[port] = port
            inputs[port] = declared(given)
    entry = dict(example["layer"])
    if len(inputs) > 1:
        entry["from"] = list(source) if takes_list(entry) else source
    return {"inputs": inputs, "layers": {"result": entry}}


def declared(given: Any) -> Any:
    """An example's input as a spec declares it; `max` is for those who draw values."""
    if not isinstance(given, dict):
        return given
    return {key: value for key, value in given.items() if key in ("shape", "dtype")}


def takes_list(entry: dict[str, Any]) -> bool:
    """Whether a layer takes its inputs as one list."""
    cls: Any = find("layers", str(entry["type"]))
    takes = "*" if cls is None else cls.takes
    return isinstance(takes, str) and takes.startswith("*")


def checked(example: dict[str, Any]) -> Graph:
    """The graph of a runnable example."""
    from modelspec.compiler import compile
    from modelspec.source.text import Source
    from modelspec.source.tree import write

    return compile(Source("<example>", write(example)), trust=True)
