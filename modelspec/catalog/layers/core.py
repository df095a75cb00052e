"""Dense, Embedding and other everyday layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.language.dtypes import FLOATS
from modelspec.language.kinds import (
    Bool,
    Choice,
    Float,
    Int,
    activation,
    constraint,
    initializer,
    regularizer,
)
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Shape, size


class Dense(Layer):
    """Fully connected over the last axis: `activation(x @ kernel + bias)`."""

    takes = "... features"
    units = Int("Size of the output's last axis.", min=1)
    activation = activation("Applied to the result; null is linear.")
    use_bias = Bool("Whether to add a learned offset.", default=True)
    kernel_initializer = initializer("How the kernel starts.", "glorot_uniform")
    bias_initializer = initializer("How the bias starts.", "zeros")
    kernel_regularizer = regularizer("Penalty on the kernel.")
    bias_regularizer = regularizer("Penalty on the bias.")
    activity_regularizer = regularizer("Penalty on the output.")
    kernel_constraint = constraint("Projection of the kernel after each update.")
    bias_constraint = constraint("Projection of the bias after each update.")

    masking = "pass"

    def shape(self, x: Shape) -> Shape:
        return (*x[:-1], self.units)

    def weights(self, x: Shape) -> Iterator[Weight]:
        yield Weight(
            "kernel",
            (x[-1], self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            yield Weight(
                "bias",
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def flops(self, output: Shape, x: Shape) -> int | None:
        count, width = size(output), x[-1]
        if count is None or not isinstance(width, int):
            return None
        return count * (2 * width + self.use_bias)


class Vectors(Layer):
    """A table of learned vectors."""

    input_dim = Int("Size of the vocabulary: the largest integer plus one.", min=1)
    output_dim = Int("Size of each vector.", min=1)
    embeddings_initializer = initializer("How the table starts.", "uniform")
    embeddings_regularizer = regularizer("Penalty on the table.")
    embeddings_constraint = constraint("Projection of the table after each update.")
    mask_zero = Bool("Whether 0 is padding, to be masked in the layers after.", default=False)

    masking = "own"

    def shape(self, x: Shape) -> Shape:
        return (*x, self.output_dim)

    def weights(self, x: Shape) -> Iterator[Weight]:
        yield Weight(
            "embeddings",
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class Embedding(Vectors):
    """A table of learned vectors, looked up by integer."""


class ReversibleEmbedding(Vectors):
    """An embedding that also goes back: from vectors to a score for every word.

    One call looks words up, another, with `reverse: true`, gives scores (logits) of the vocabulary:
    `words: {type: ReversibleEmbedding, ...}` and later `{use: words, reverse: true}`. With
    `tie_weights` both use one table, the second its transpose.
    """

    source = "Press & Wolf 2017, Using the output embedding to improve language models"
    tie_weights = Bool("Whether both directions use one table.", default=True)
    reverse_dtype = Choice(
        "The dtype that scores are computed in; null is the layer's.",
        *FLOATS,
        default=None,
        null=True,
    )
    logit_soft_cap = Float(
        "Bounds scores smoothly, `cap * tanh(score / cap)`; null does not.", default=None, above=0
    )
    reverse = Bool("Whether this call goes from vectors to scores.", default=False)

    at_call = ("reverse",)

    @property
    def takes(self) -> str:
        return "... features" if self.reverse else "..."

    def shape(self, x: Shape) -> Shape:
        if not self.reverse:
            return super().shape(x)
        if x[-1] not in (self.output_dim, None):
            raise Reject(
                "",
                f"its vectors have {self.output_dim} numbers, and what goes back has {x[-1]}",
                "a Dense of that many units in between makes them alike",
            )
        return (*x[:-1], self.input_dim)

    def weights(self, x: Shape) -> Iterator[Weight]:
        yield from super().weights(x)
        if not self.tie_weights:
            shape = (self.output_dim, self.input_dim)
            yield Weight("reverse_embeddings", shape, self.embeddings_initializer)

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        wider: Any = self.reverse_dtype  # may be None
        return [wider or compute] if self.reverse else [compute]

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        if not self.reverse or count is None:
            return super().flops(output, x)
        return count * 2 * self.output_dim


class Masking(Layer):
    """Masks the time steps whose features all equal a value, and sets them to zero."""

    takes = "... features"
    mask_value = Float("The value that marks a step as missing.", default=0.0)

    masking = "own"
    gives = "same"


class Identity(Layer):
    """Gives back what it is given."""

    masking = "pass"
    gives = "same"

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0
