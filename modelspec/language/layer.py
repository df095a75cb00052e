"""What a layer declares: what it takes, the shape it gives, the weights it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from modelspec.language import dtypes
from modelspec.language.shapes import Shape, size
from modelspec.language.word import Reject, Word

__all__ = ["Layer", "Port", "Reject", "Weight"]


class Weight:
    """One tensor that a layer owns.

    `initializer`, `regularizer` and `constraint` are words of those groups (or None).
    A weight that is not `trainable` is state: a layer's lowering updates it itself.
    """

    __slots__ = ("constraint", "dtype", "initializer", "name", "regularizer", "shape", "trainable")

    def __init__(
        self,
        name: str,
        shape: Shape,
        initializer: Word,
        *,
        regularizer: Word | None = None,
        constraint: Word | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ) -> None:
        self.name, self.shape, self.initializer = name, shape, initializer
        self.regularizer, self.constraint = regularizer, constraint
        self.trainable, self.dtype = trainable, dtype


class Port:
    """One argument of a layer's call.

    `pattern` names its axes: `"height width channels"`, or with any number of axes in front
    `"... features"`. A port that takes a list of tensors is `many`; one that may be left out
    `optional`.
    """

    __slots__ = ("accepts", "many", "name", "optional", "pattern")

    def __init__(self, name: str, pattern: str, accepts: str) -> None:
        self.optional = name.endswith("?")
        self.many = pattern.startswith("*")
        self.name = name.rstrip("?")
        self.pattern = pattern.lstrip("*")
        self.accepts = accepts

    @property
    def axes(self) -> tuple[str, ...]:
        return tuple(self.pattern.split())

    def fits(self, rank: int) -> bool:
        """Whether a tensor of this rank (batch left out) has the pattern's axes."""
        axes = self.axes
        return rank >= len(axes) - 1 if "..." in axes else rank == len(axes)


class Layer(Word):
    """A layer. Subclasses declare arguments as class attributes, and:

    - `takes`: the axes of its input, `"height width channels"`, `"... features"`, `"..."` (any);
      with a leading `*` it takes a list of tensors (merging layers). Several named inputs are a
      dict, `{"query": "...", "value": "...", "key?": "..."}`; `?` marks one that may be left out.
      May be a property where it depends on arguments (`data_format`).
    - `shape(self, x)`: the output's shape from the input's (batch left out everywhere); one
      positional argument a port, a list of shapes for a `many` port, None for an absent optional
      one. Several outputs are a list of shapes, named by `returns`.
    - `weights(self, x)`: yields its `Weight`s, from the same shapes.
    - `carried(self, x)`: yields the states, one for each sample of a batch, that the next batch
      goes on from. They are no weights: nothing counts or files them with those.
    - `masking`: what becomes of a mask: `pass` (handed on), `drop` (ends here), or `own` (the
      lowering makes it and returns `Masked`).
    - `gives`: `float` (the layer's compute dtype) or `same` (an integer input stays one).
    - `at_call`: arguments that every call may give anew, `{use: words, reverse: true}`; the
      weights are the same whatever they are.
    """

    group = "layers"
    takes: Any = "..."
    accepts: ClassVar[str | dict[str, str]] = "number"
    gives: ClassVar[str] = "float"
    masking: ClassVar[str] = "drop"
    at_call: ClassVar[tuple[str, ...]] = ()
    #: Learns from the training data before training starts (may be a property).
    adapts: Any = False
    #: Random or batch-dependent in training, so that folding time into the batch shows.
    per_batch: ClassVar[bool] = False

    def title(self) -> str:
        """What summaries and messages call it."""
        return type(self).__name__

    def ports(self) -> tuple[Port, ...]:
        given = self.takes
        known = _ports.get((type(self), given)) if isinstance(given, str) else None
        if known is not None:
            return known
        takes = given if isinstance(given, dict) else {"x": given}
        accepts = self.accepts
        made = tuple(
            Port(
                name,
                pattern,
                accepts.get(name.rstrip("?"), "number") if isinstance(accepts, dict) else accepts,
            )
            for name, pattern in takes.items()
        )
        if isinstance(given, str):
            _ports[type(self), given] = made
        return made

    def returns(self) -> tuple[str, ...]:
        """The names of its outputs; the first is what the layer's own name stands for."""
        return ("output",)

    def shape(self, *inputs: Any) -> Any:
        return inputs[0]

    def weights(self, *inputs: Any) -> Iterator[Weight]:
        yield from ()

    def carried(self, *inputs: Any) -> Iterator[Weight]:
        """What it hands on from each batch to the next: shapes without the batch, as everywhere."""
        yield from ()

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        """The dtype of each output, from the layer's compute dtype and its inputs' dtypes."""
        first = inputs[0][0] if isinstance(inputs[0], list) else inputs[0]
        keeps = self.gives == "same" and not dtypes.is_float(first)
        return [first if keeps else compute] * len(self.returns())

    def flops(self, output: Shape, *inputs: Any) -> int | None:
        """Floating-point operations of one call on one sample (a multiply-add counts as two);
        None where a size is unknown. One per output element unless the layer says better.
        """
        return size(output)


#: The ports of layers of one input: thousands of layers of one class share them.
_ports: dict[tuple[type[Layer], str], tuple[Port, ...]] = {}
