"""The classes of a file: their names, their texts, and which graph each is written for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from modelspec.exchange.python.writer import Writer
from modelspec.exchange.walk import Homes
from modelspec.model.graph import Graph
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Report


class Class:
    """A class: its name, text, the tensors below it, and the calls that it was written for."""

    def __init__(self, name: str, writer: Writer, masks: list[int | None], signature: Any) -> None:
        self.name, self.writer, self.signature = name, writer, signature
        self.masks = masks  # for each output: which parameter is its mask
        self.text = ""


class Classes:
    """All classes of a file, the inner ones first."""

    def __init__(
        self, graph: Graph, weights: Mapping[str, Tensor], inlined: set[Definition], report: Report
    ) -> None:
        self.graph, self.weights, self.inlined, self.report = graph, weights, inlined, report
        self.made: dict[Definition, Class] = {}
        self.texts: dict[str, str] = {}  # the text of a class without its name -> its name
        self.pieces: set[str] = set()
        self.homes = Homes()
        self.taken: set[str] = set()
        self.order: list[str] = []

    def finish(
        self, definition: Definition | None, name: str, writer: Writer, masks: list[int | None],
        signature: Any, *, many: bool = False,
    ) -> Class:  # fmt: skip
        tight = "dict[str, Tensor]" if many else "Tensor"
        if not many and len(writer.result) > 1:
            tight = f"tuple[{', '.join(['Tensor'] * len(writer.result))}]"
        text = "" if self.report.failed else writer.body(tight)
        known = self.texts.get(text) if definition is not None else None
        made = Class(known or self.free(name), writer, masks, signature)
        if known is None:
            self.texts[text] = made.name
            self.order.append(f"class {made.name}(nn.Module):\n{text}")
        if definition is not None:
            self.made[definition] = made
        return made

    def free(self, name: str) -> str:
        parts = re.split(r"[\W_]+", name, flags=re.ASCII)
        base = "".join(part[:1].upper() + part[1:] for part in parts) or "Model"
        base = f"Model{base}" if base[0].isdigit() else base
        if base in ("Tensor", "F", "None", "True", "False"):
            base += "Model"
        found, count = base, 1
        while found in self.taken:
            count += 1
            found = f"{base}{count}"
        self.taken.add(found)
        return found
