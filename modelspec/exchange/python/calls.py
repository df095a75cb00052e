"""What a layer's generator is given: its inputs as expressions, its weights, places for modules."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import torch

from modelspec.exchange.python.writer import Writer
from modelspec.language.shapes import Shape
from modelspec.model.graph import Step
from modelspec.model.graph import Tensor as Known

FIRST, SPEC = "first", "spec"


class Value:
    """A tensor in the text: its expressions by layout, and its mask.

    `spec` is the order of axes that the spec says; `first` has the last axis moved to where
    PyTorch keeps channels.
    """

    __slots__ = ("known", "mask", "tokens", "wish")

    def __init__(self, known: Known, tokens: dict[str, str], mask: str | None, wish: str = ""):
        self.known, self.tokens, self.mask, self.wish = known, tokens, mask, wish

    @property
    def shape(self) -> Shape:
        return self.known.shape or ()


class Out(NamedTuple):
    """What a generator gives for one output."""

    text: str
    layout: str = SPEC
    mask: str | bool | None = True  # True: as the declaration says


class Unwritten(Exception):
    """A layer, or a way to use it, that cannot be written as plain PyTorch."""


class Site:
    """One call of a layer."""

    def __init__(
        self,
        writer: Writer,
        step: Step,
        inputs: list[Any],
        weights: dict[str, torch.Tensor],
        pieces: set[str],
    ) -> None:
        self.writer, self.step, self.inputs = writer, step, inputs
        self.weights, self.pieces = weights, pieces
        self.name = step.definition.name or step.call.name

    # -- inputs ---------------------------------------------------------------------------

    def value(self, port: int = 0) -> Value:
        found: Value = self.inputs[port]
        return found

    def values(self) -> list[Value]:
        found: list[Value] = self.inputs[0]
        return found

    def shape(self, port: int = 0) -> Shape:
        return self.value(port).shape

    def x(self, port: int = 0, layout: str = SPEC) -> str:
        return self.read(self.value(port), layout)

    def read(self, value: Value, layout: str = SPEC) -> str:
        text = expression(self.writer, value, layout)
        wide = value.known.dtype in ("float16", "bfloat16", "float64")
        return f"{text}.float()" if wide else text

    def either(self, port: int = 0) -> tuple[str, str]:
        """The value's expression in a layout that it has, and which that is."""
        value = self.value(port)
        layout = FIRST if FIRST in value.tokens else SPEC
        return self.read(value, layout), layout

    def floats(self, port: int = 0, layout: str = SPEC) -> str:
        """The same, integers as float32."""
        text = self.x(port, layout)
        kind = self.value(port).known.dtype
        return text if kind.startswith(("float", "bfloat")) else f"{text}.float()"

    def mask(self, port: int = 0) -> str | None:
        value = self.inputs[port] if port < len(self.inputs) else None
        return value.mask if isinstance(value, Value) else None

    # -- what is made ---------------------------------------------------------------------

    def module(
        self, text: str, state: dict[str, torch.Tensor] | None = None, part: str = ""
    ) -> str:
        """An attribute for the layer, or for a part of it."""
        wish = f"{self.name}_{part}" if part else self.name
        key = (self.step.definition, part)
        held = {k: v.detach().clone().contiguous() for k, v in (state or {}).items()}
        name = self.writer.attribute(key, wish, text, held)
        if self.writer.attributes[name].text != text:
            raise Unwritten("its calls are on sizes that want different paddings")
        return f"self.{name}"

    def parameter(self, weight: str) -> str:
        """An attribute for one weight as it is."""
        value = self.weights[weight]
        shape = ", ".join(map(str, value.shape))
        return self.module(f"nn.Parameter(torch.zeros({shape}))", {"": value}, weight)

    def let(self, text: str, note: str = "", wish: str = "") -> str:
        return self.writer.let(text, note, wish)

    def piece(self, name: str) -> str:
        """A class or function that goes into the file as it is."""
        self.pieces.add(name)
        return name


def expression(writer: Writer, value: Value, layout: str = SPEC) -> str:
    """The value's expression in a layout."""
    if layout not in value.tokens:
        rank = len(value.shape) + 1
        order = [0, rank - 1, *range(1, rank - 1)]
        if layout == SPEC:
            order = [0, *range(2, rank), 1]
        (source,) = value.tokens.values()
        moved = ", ".join(map(str, order))
        note = comment(value.shape, layout)
        token = writer.let(f"{source}.permute({moved})", note, f"~{value.wish}")
        value.tokens[layout] = token
    return value.tokens[layout]


def comment(shape: Shape, layout: str = SPEC) -> str:
    """A shape with its batch, as comments have it."""
    dims = ["batch", *("?" if dim is None else re.sub(r"\W", "_", str(dim)) for dim in shape)]
    if layout == FIRST:
        dims = [dims[0], dims[-1], *dims[1:-1]]
    return f"({', '.join(dims)})" if len(dims) > 1 else f"({dims[0]},)"


def arguments(*given: Any, **named: Any) -> str:
    """What stands between the parentheses of a call."""
    return ", ".join([*map(str, given), *(f"{name}={value}" for name, value in named.items())])


def sizes(values: Any) -> str:
    """Sizes as torch takes them: one number where all are the same."""
    listed = list(values)
    return str(listed[0]) if len(set(listed)) == 1 else f"({', '.join(map(str, listed))})"
