"""Layers that make categories of raw values: bins, and hashes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.catalog.initializers import Zeros
from modelspec.language.kinds import Bool, Choice, Either, Float, Int, ListOf, Text
from modelspec.language.layer import Layer, Port, Reject, Weight
from modelspec.language.shapes import Shape, show

MODES = {
    "int": "the numbers themselves",
    "one_hot": "a vector with a 1 for each value",
    "multi_hot": "a vector with a 1 wherever a sample has the value",
    "count": "how often a sample has each value",
    "tf_idf": "counts times how rare each value is in `train`",
}


def output_mode(*modes: str, default: str) -> Choice:
    meanings = "; ".join(f"`{mode}`: {MODES[mode]}" for mode in modes)
    return Choice(f"What comes out. {meanings}.", *modes, default=default)


def sparse() -> Bool:
    return Bool("Keras's sparse tensors, which PyTorch layers do not take: stays false.",
                default=False)  # fmt: skip


def refuse_sparse(layer: Any) -> None:
    if layer.sparse:
        raise Reject("sparse", "sparse tensors are TensorFlow's alone", "leave `sparse` out")


def salt() -> Either:
    return Either(
        "Hash with SipHash-2-4 under this key (one number, or two) instead of FarmHash.",
        Int("A key.", min=0),
        ListOf("Two halves of a key.", Int("A half.", min=0), length=2),
        default=None,
    )


def encoded(x: Shape, mode: str, depth: int | None) -> Shape:
    """The shape of what an output mode makes of categories of this shape."""
    if mode == "int":
        return x
    if mode == "one_hot":
        if x and not isinstance(x[-1], int):
            raise Reject(
                "output_mode",
                f"`one_hot` replaces a last axis of 1, and of {show(x)} it is not known",
                "give that dimension a number where the tensor is declared",
            )
        return (*x[:-1], depth) if x and x[-1] == 1 else (*x, depth)
    if len(x) != 1:
        raise Reject(
            "output_mode",
            f"`{mode}` sums over the list of values of a sample, and a sample is {show(x)}",
            "take `one_hot` for single values" if not x else "flatten the samples first",
        )
    return (depth,)


class CategoryEncoding(Layer):
    """Integers below a known number as vectors."""

    accepts = "integer"
    num_tokens = Int("How many there are: every value lies below.", min=1)
    output_mode = output_mode("one_hot", "multi_hot", "count", default="multi_hot")
    sparse = sparse()

    @property
    def takes(self) -> Any:
        return {"x": "...", "count_weights?": "..."}

    def ports(self) -> tuple[Port, ...]:
        return Port("x", "...", "integer"), Port("count_weights?", "...", "number")

    def check(self) -> None:
        refuse_sparse(self)

    def shape(self, x: Shape, count_weights: Shape | None = None) -> Shape:
        if count_weights is not None:
            if self.output_mode != "count":
                raise Reject("output_mode", "`count_weights` are for the output mode `count`")
            if count_weights != x:
                raise Reject("", f"`count_weights` are {show(count_weights)}, and `x` is {show(x)}")
        return encoded(x, self.output_mode, self.num_tokens)


class Discretization(Layer):
    """Numbers as the bins that they fall into.

    The edges are given, or quantiles learnt from `train` alone when training starts: `num_bins`
    with about as many values each, within `epsilon`.
    """

    bin_boundaries: Any = ListOf(
        "The edges: [0, 1] makes bins below 0, from 0 to 1, and from 1.",
        Float("An edge."),
        default=None,
    )
    num_bins: Any = Int("How many bins to learn.", default=None, min=1)
    epsilon = Float(
        "How far a learnt edge may lie from its quantile, as a share of all values.",
        default=0.01, above=0, max=1,
    )  # fmt: skip
    output_mode = output_mode("int", "one_hot", "multi_hot", "count", default="int")
    sparse = sparse()

    @property
    def adapts(self) -> bool:
        return self.num_bins is not None

    @property
    def depth(self) -> int:
        """How many bins there are."""
        given: int | None = self.num_bins
        return len(self.bin_boundaries) + 1 if given is None else given

    def check(self) -> None:
        if (self.bin_boundaries is None) == (self.num_bins is None):
            given = "num_bins" if self.num_bins is not None else ""
            raise Reject(given, "either `bin_boundaries` are given, or `num_bins` to learn")
        if self.bin_boundaries is not None and self.bin_boundaries != sorted(self.bin_boundaries):
            raise Reject("bin_boundaries", "the edges of bins stand in order")
        refuse_sparse(self)

    def shape(self, x: Shape) -> Shape:
        return encoded(x, self.output_mode, self.depth)

    def weights(self, x: Shape) -> Iterator[Weight]:
        if self.adapts:
            yield Weight("boundaries", (self.depth - 1,), Zeros.of({}), trainable=False)
            yield Weight("count", (), Zeros.of({}), trainable=False, dtype="int32")

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        return ["int32" if self.output_mode == "int" else compute]


class Hashing(Layer):
    """Texts or integers as bins, by a hash: no vocabulary to learn, and collisions now and then.

    FarmHash64, or SipHash under a `salt`, of the text (of an integer's digits), modulo the bins:
    the bins that TensorFlow finds.
    """

    source = "https://arxiv.org/abs/0902.2206"
    accepts = "category"
    num_bins = Int("How many bins, that of `mask_value` included.", min=1)
    mask_value: Any = Either(
        "The value that goes to bin 0, alone.",
        Int("An integer."), Text("A text."),
        default=None,
    )  # fmt: skip
    salt = salt()
    output_mode = output_mode("int", "one_hot", "multi_hot", "count", default="int")
    sparse = sparse()

    def check(self) -> None:
        refuse_sparse(self)

    def shape(self, x: Shape) -> Shape:
        return encoded(x, self.output_mode, self.num_bins)

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        textual = isinstance(self.mask_value, str)
        if self.mask_value is not None and textual != (inputs[0] == "string"):
            raise Reject("mask_value", f"the input is {inputs[0]}, and `mask_value` is not")
        return ["int64" if self.output_mode == "int" else compute]


class HashedCrossing(Layer):
    """Several categories together as one bin, by a hash: the bins that TensorFlow finds."""

    takes = "*..."
    accepts = "category"
    num_bins = Int("How many bins.", min=1)
    output_mode = output_mode("int", "one_hot", default="int")
    sparse = sparse()

    def check(self) -> None:
        refuse_sparse(self)

    def shape(self, x: list[Shape]) -> Shape:
        if len(x) < 2:
            raise Reject("", "at least two inputs are crossed")
        for one in x:
            if one not in ((), (1,)) or one != x[0]:
                shapes = ", ".join(map(show, x))
                raise Reject("", f"inputs to cross are all () or all (1), and these are {shapes}")
        return encoded(x[0], self.output_mode, self.num_bins)

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        return ["int64" if self.output_mode == "int" else compute]
