"""The classes of a file: their names, their texts, and which graph each is written for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from modelspec.exchange.python.alike import Written
from modelspec.exchange.python.calls import File
from modelspec.exchange.python.kin import kin_of
from modelspec.exchange.python.layout import docstring
from modelspec.exchange.python.loops import fold
from modelspec.exchange.python.pieces import CONSTANTS, PIECES
from modelspec.exchange.python.writer import Writer
from modelspec.exchange.walk import Homes
from modelspec.model.graph import Graph
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Report


class Class:
    """A class: its name, its text with the tensors below it, and what passes in and out."""

    def __init__(self, name: str, writer: Writer, passed: Passed) -> None:
        self.name, self.writer, self.passed = name, writer, passed


class Passed(NamedTuple):
    """What passes in and out of a class."""

    signature: Any  # shapes, dtypes and masks of its inputs
    takes: list[str]  # the layout of each input
    gives: list[str]  # the layout of each output
    masks: list[int | None]  # which of the masks that it takes each output has


def params_of(definition: Definition | None) -> Mapping[str, Any]:
    """The parameters of the block that a graph was made from."""
    if definition is None or definition.block is None or definition.body is None:
        return {}
    declared = definition.body.scope.params.declared
    return {name: param.value for name, param in declared.items()}


class Classes:
    """All classes of a file, the inner ones first."""

    def __init__(
        self,
        graph: Graph,
        weights: Mapping[str, Tensor],
        inlined: set[Definition],
        report: Report,
        file: File,
    ) -> None:
        self.graph, self.weights, self.inlined, self.report = graph, weights, inlined, report
        self.file = file
        self.kin = kin_of(graph.spec.body)
        self.made: dict[Definition, Class] = {}
        self.texts: dict[str, str] = {}  # the text of a class without its name -> its name
        self.homes = Homes()
        self.taken: set[str] = {*PIECES, *CONSTANTS, "DTYPES"}
        self.order: list[Written] = []

    def aside(self) -> Classes:
        """The same graph, for classes that go nowhere."""
        return Classes(self.graph, self.weights, self.inlined, Report(), self.file)

    def finish(
        self, definition: Definition | None, name: str, writer: Writer, passed: Passed, about: str,
        *, many: bool = False,
    ) -> Class:  # fmt: skip
        """A class whose forward pass is written; `about` is its docstring."""
        tight = "dict[str, Tensor]" if many else "Tensor"
        if not many and len(writer.result) > 1:
            tight = f"tuple[{', '.join(['Tensor'] * len(writer.result))}]"
        writer.prune()
        fold(writer)
        text = "" if self.report.failed else f"{docstring(about)}\n\n{writer.body(tight)}"
        known = self.texts.get(text) if definition is not None else None
        made = Class(known or self.free(name), writer, passed)
        if known is None:
            self.texts[text] = made.name
            kin = "" if definition is None else self.kin.get(definition, "")
            named = definition is None or definition.block is not None
            self.order.append(Written(made.name, kin, named, params_of(definition), text))
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
