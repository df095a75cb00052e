"""What a layer's generator is given: its inputs as expressions, its weights, places for modules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from modelspec.exchange.python.writer import Writer
from modelspec.language.dtypes import is_float
from modelspec.language.shapes import Shape
from modelspec.model.graph import Step
from modelspec.model.graph import Tensor as Known
from modelspec.model.spec import Definition

FIRST, SPEC = "first", "spec"


class Mask(NamedTuple):
    """A mask in the text, and how many axes it has after the batch."""

    text: str
    axes: int = 1

    def __str__(self) -> str:
        return self.text


class Value:
    """A tensor in the text: its expressions by layout, and its mask.

    `spec` is the order of axes that the spec says; `first` has the last axis moved to where
    PyTorch keeps channels.
    """

    __slots__ = ("known", "mask", "tokens", "wish")

    def __init__(self, known: Known, tokens: dict[str, str], mask: Mask | None, wish: str = ""):
        self.known, self.tokens, self.mask, self.wish = known, tokens, mask, wish

    @property
    def shape(self) -> Shape:
        return self.known.shape or ()


class Out(NamedTuple):
    """What a generator gives for one output."""

    text: str
    layout: str = SPEC
    mask: Mask | bool | None = True  # True: as the declaration says


class File(NamedTuple):
    """What all classes of a file share: the pieces that it needs, its layers' vocabularies, the
    layers whose padding differs from call to call, and the kin that take channels first.
    """

    pieces: set[str]
    vocabularies: Mapping[str, Any]  # by the paths of the layers
    loose: set[Definition]
    turned: set[str]


class Again(Exception):
    """Something has been noted that changes what was written before: begin again."""


OTHERS = "`--to pt2` and `--to onnx` take every layer"


class Unwritten(Exception):
    """A layer, or a way to use it, that cannot be written as plain PyTorch; `help` is what to do
    about it.
    """

    def __init__(self, why: str, help: str = OTHERS) -> None:
        super().__init__(why)
        self.help = help


class Site:
    """One call of a layer."""

    def __init__(
        self,
        writer: Writer,
        step: Step,
        inputs: list[Any],
        weights: dict[str, torch.Tensor],
        file: File,
    ) -> None:
        self.writer, self.step, self.inputs = writer, step, inputs
        self.weights, self.file = weights, file
        self.name = step.definition.name or step.call.name
        self.part = ""  # begins the names of its parts
        self.note = ""  # stands above its modules
        self.compute = step.compute if step.definition.dtype else "float32"

    # -- inputs ---------------------------------------------------------------------------

    def value(self, port: int = 0) -> Value:
        found: Value = self.inputs[port]
        return found

    def given(self, port: int) -> Value | None:
        """What stands at an optional port."""
        found: Value | None = self.inputs[port] if port < len(self.inputs) else None
        return found

    def values(self) -> list[Value]:
        found: list[Value] = self.inputs[0]
        return found

    def shape(self, port: int = 0) -> Shape:
        return self.value(port).shape

    def x(self, port: int = 0, layout: str = SPEC) -> str:
        return self.read(self.value(port), layout)

    def read(self, value: Value, layout: str = SPEC) -> str:
        """The value's expression, floats in the dtype that the layer computes in."""
        text = expression(self.writer, value, layout)
        kind = value.known.dtype
        return cast(text, self.compute) if is_float(kind) and kind != self.compute else text

    def either(self, port: int = 0) -> tuple[str, str]:
        """The value's expression in a layout that it has, and which that is."""
        value = self.value(port)
        layout = FIRST if FIRST in value.tokens else SPEC
        return self.read(value, layout), layout

    def floats(self, port: int = 0, layout: str = SPEC) -> str:
        """The same, integers in the layer's dtype too."""
        text = self.x(port, layout)
        return text if is_float(self.value(port).known.dtype) else cast(text, self.compute)

    def is_whole(self, port: int = 0) -> bool:
        """Whether the value is made of integers or booleans."""
        return not is_float(self.value(port).known.dtype)

    def mask(self, port: int = 0) -> Mask | None:
        value = self.inputs[port] if port < len(self.inputs) else None
        return value.mask if isinstance(value, Value) else None

    # -- what is made ---------------------------------------------------------------------

    def module(
        self,
        text: str,
        state: dict[str, torch.Tensor] | None = None,
        part: str = "",
        note: str = "",
    ) -> str:
        """An attribute for the layer, or for a part of it; `note` stands above it."""
        part = "_".join(one for one in (self.part, part) if one)
        wish = f"{self.name}_{part}" if part else self.name
        key = (self.step.definition, part)
        held = {k: v.detach().clone().contiguous() for k, v in (state or {}).items()}
        if any(is_float(kind_of(value)) and kind_of(value) != "float32" for value in held.values()):
            text = cast(text, self.compute) if not text.startswith(("nn.Par", "nn.Buf")) else text
        name = self.writer.attribute(key, wish, text, held, note or self.note)
        if self.writer.attributes[name].text != text:
            # Two calls want different paddings: it has to pad as it runs.
            self.file.loose.add(self.step.definition)
            raise Again
        return f"self.{name}"

    def parameter(self, weight: str) -> str:
        """An attribute for one weight as it is."""
        return self.tensor("nn.Parameter", self.weights[weight], weight)

    def buffer(self, part: str, value: torch.Tensor) -> str:
        """An attribute for a tensor that is not trained."""
        return self.tensor("nn.Buffer", value, part)

    def tensor(self, kind: str, value: torch.Tensor, part: str) -> str:
        dtype = kind_of(value)
        named = {} if dtype == "float32" else {"dtype": f"torch.{dtype}"}
        shape = value.shape or ["()"]
        return self.module(f"{kind}(torch.zeros({arguments(*shape, **named)}))", {"": value}, part)

    def let(self, text: str, note: str = "", wish: str = "") -> str:
        return self.writer.let(text, note, wish)

    def mask_of(self, text: str, axes: int = 1) -> Mask:
        """A mask that gets a name of its own."""
        dims = ["batch", *("time" if axis == 0 else "..." for axis in range(min(axes, 2)))]
        wish = f"{self.name}_mask"
        return Mask(self.let(text, f"({', '.join(dims)}{'' if axes else ','})", wish), axes)

    def piece(self, name: str) -> str:
        """A class or function that goes into the file as it is."""
        self.file.pieces.add(name)
        return name


def below(weights: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """The weights whose names begin so, without that."""
    start = f"{name}."
    return {n.removeprefix(start): w for n, w in weights.items() if n.startswith(start)}


def kind_of(tensor: torch.Tensor) -> str:
    """A tensor's dtype by its name in a spec."""
    return str(tensor.dtype).removeprefix("torch.")


CASTS = {"float32": "float", "float64": "double", "float16": "half", "bfloat16": "bfloat16",
         "int32": "int", "int64": "long", "bool": "bool"}  # fmt: skip


def cast(text: str, dtype: str) -> str:
    """An expression that is a name or a call, in a dtype."""
    return f"{text}.{CASTS[dtype]}()" if dtype in CASTS else f"{text}.to(torch.{dtype})"


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
