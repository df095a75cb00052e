"""Layers in which each position looks at others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.language.kinds import (
    Bool,
    Float,
    Int,
    ListOf,
    constraint,
    initializer,
    regularizer,
)
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Clash, Shape, broadcast, join_shapes, show, size


class MultiHeadAttention(Layer):
    """Each position of `query` takes a mixture of `value`s, weighed by how well their keys match.

    Query (time, features) and value (other time, features) give (time, features of the query);
    self-attention is a call on the same tensor twice. `key` is `value` where it is left out.
    There may be more axes between batch and features; `attention_axes` says which ones are
    attended over. Masks of query, value and key, `attention_mask` (time, other time), causality
    and the window all hold. The query's mask is handed on.
    """

    takes = {
        "query": "time ... features",
        "value": "time ... features",
        "key?": "time ... features",
        "attention_mask?": "... other_time",
    }
    num_heads = Int("How many mixtures each position takes.", min=1)
    key_dim = Int("Size of queries and keys in each head.", min=1)
    value_dim = Int("Size of values in each head; null is `key_dim`.", default=None, min=1)
    dropout = Float("Share of the attention scores to drop in training.", default=0.0, min=0, max=1)
    use_bias = Bool("Whether to add learned offsets.", default=True)
    output_shape = ListOf(
        "Sizes that the output has for features; null is the query's.",
        Int("A size.", min=1),
        default=None,
        single=True,
    )
    attention_axes = ListOf(
        "The axes to attend over, the batch being axis 0; null is all but batch and features.",
        Int("An axis."),
        default=None,
        single=True,
    )
    sliding_window = Int(
        "How many positions in each direction may be seen, a position's own among them; "
        "null is all.",
        default=None,
        min=1,
    )
    flash_attention = Bool(
        "Keras's hint on which kernel to use; the fastest that fits is used in any case.",
        default=None,
    )
    kernel_initializer = initializer("How the kernels start.", "glorot_uniform")
    bias_initializer = initializer("How the biases start.", "zeros")
    kernel_regularizer = regularizer("Penalty on each kernel.")
    bias_regularizer = regularizer("Penalty on each bias.")
    activity_regularizer = regularizer("Penalty on what each projection gives.")
    kernel_constraint = constraint("Projection of each kernel after each update.")
    bias_constraint = constraint("Projection of each bias after each update.")
    use_gate = Bool(
        "Whether to multiply what a position takes by a sigmoid gate, made from the query.",
        default=False,
    )
    seed = Int("Mixed into this layer's draws; null: `train.seed` alone.", default=None)
    return_attention_scores = Bool(
        "Whether to give the scores too: (heads, time, other time).", default=False
    )
    use_causal_mask = Bool(
        "Whether a position sees only itself and those before it.", default=False
    )

    masking = "own"
    source = "Vaswani et al., 2017, https://arxiv.org/abs/1706.03762"

    @property
    def size_of_value(self) -> int:
        return self.value_dim or self.key_dim

    def check(self) -> None:
        if not self.flash_attention:
            return
        for argument, used in (
            ("dropout", self.dropout > 0),
            ("return_attention_scores", self.return_attention_scores),
        ):
            if used:
                raise Reject(
                    "flash_attention",
                    f"flash attention has no `{argument}`",
                    f"leave `flash_attention` or `{argument}` out",
                )

    def axes(self, rank: int) -> tuple[int, ...]:
        """The axes attended over, for tensors of that rank (the batch counted, as axis 0)."""
        given: Any = self.attention_axes  # may be None
        if given is None:
            return tuple(range(1, rank - 1))
        axes = tuple(axis if axis >= 0 else rank + axis for axis in given)
        within = all(0 < axis < rank - 1 for axis in axes)
        if not axes or len(set(axes)) < len(axes) or not within:
            raise Reject(
                "attention_axes",
                f"{self.attention_axes} are not axes between the batch (0) and the features "
                f"({rank - 1})",
                f"choose among {', '.join(map(str, range(1, rank - 1)))}",
            )
        return axes

    def returns(self) -> tuple[str, ...]:
        return ("output", "scores") if self.return_attention_scores else ("output",)

    def shape(
        self,
        query: Shape,
        value: Shape,
        key: Shape | None = None,
        attention_mask: Shape | None = None,
    ) -> Any:
        self.fit(query, value, value if key is None else key)
        self.fit_band(len(query) + 1)
        scores = self.scores(query, value)
        if attention_mask is not None:
            self.fit_mask(attention_mask, scores, len(self.axes(len(query) + 1)))
        output = (*query[:-1], *(self.output_shape or query[-1:]))
        return [output, scores] if self.return_attention_scores else output

    def scores(self, query: Shape, value: Shape) -> Shape:
        """Axes not attended over, then heads, query positions, value positions."""
        axes = [axis - 1 for axis in self.axes(len(query) + 1)]
        apart = [dim for axis, dim in enumerate(query[:-1]) if axis not in axes]
        return (*apart, self.num_heads, *(query[a] for a in axes), *(value[a] for a in axes))

    def fit(self, query: Shape, value: Shape, key: Shape) -> None:
        """Refuse tensors whose positions do not go together."""
        if len(query) != len(value):
            raise Reject(
                "",
                f"query {show(query)} and value {show(value)} have as many axes as each other",
            )
        try:
            join_shapes(value[:-1], key[:-1])
        except (Clash, ValueError):
            raise Reject(
                "", f"there is a key for each value, and keys are {show(key)}, values {show(value)}"
            ) from None
        axes = [axis - 1 for axis in self.axes(len(query) + 1)]
        for axis in range(len(query) - 1):
            if axis not in axes:
                try:
                    join_shapes((query[axis],), (value[axis],))
                except Clash as clash:
                    raise Reject("", f"axis {axis + 1} is not attended over, and {clash}") from None

    def fit_band(self, rank: int) -> None:
        """Refuse an order of positions where they lie on several axes."""
        for argument in ("use_causal_mask", "sliding_window"):
            if self.__dict__[argument] and len(self.axes(rank)) > 1:
                raise Reject(
                    argument,
                    f"`{argument}` wants one axis of positions, and here are "
                    f"{len(self.axes(rank))}",
                    "choose it: attention_axes: 1",
                )

    def fit_mask(self, mask: Shape, scores: Shape, attended: int) -> None:
        """Refuse a mask that does not lie over the scores, with or without their heads."""
        over = mask
        if len(mask) == len(scores) - 1:
            heads = len(scores) - 2 * attended - 1
            over = (*mask[:heads], 1, *mask[heads:])
        try:
            fits = len(over) == len(scores) and broadcast(over, scores) == broadcast(scores, scores)
        except Clash:
            fits = False
        if not fits:
            raise Reject(
                "",
                f"`attention_mask` is {show(mask)}, and the scores are {show(scores)}",
                "it has a value for each query and value position, (time, other time)",
            )

    def weights(
        self,
        query: Shape,
        value: Shape,
        key: Shape | None = None,
        attention_mask: Shape | None = None,
    ) -> Iterator[Weight]:
        heads, out = self.num_heads, tuple(self.output_shape or query[-1:])
        yield from self.dense("query", (query[-1],), (heads, self.key_dim))
        yield from self.dense("key", ((key or value)[-1],), (heads, self.key_dim))
        if self.use_gate:
            yield from self.dense("gate", (query[-1],), (heads, self.size_of_value))
        yield from self.dense("value", (value[-1],), (heads, self.size_of_value))
        yield from self.dense("attention_output", (heads, self.size_of_value), out)

    def dense(self, name: str, given: Shape, made: Shape) -> Iterator[Weight]:
        """The weights of one projection."""
        yield Weight(
            f"{name}.kernel",
            (*given, *made),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            yield Weight(
                f"{name}.bias",
                made,
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def flops(
        self,
        output: Shape,
        query: Shape,
        value: Shape,
        key: Shape | None = None,
        attention_mask: Shape | None = None,
    ) -> int | None:
        """Products, biases, the scaling of queries and the gate; not softmax and sigmoid."""
        queries, values = size(query[:-1]), size(value[:-1])
        pairs = size(self.scores(query, value))
        widths = (query[-1], value[-1], (key or value)[-1])
        if queries is None or values is None or pairs is None or None in map(size, zip(widths)):
            return None
        of_query, of_value, of_key = (int(width) for width in widths if width is not None)
        keyed, valued = self.num_heads * self.key_dim, self.num_heads * self.size_of_value
        made = size(self.output_shape or (of_query,)) or 0
        bias = int(self.use_bias)
        total = queries * keyed * (2 * of_query + bias + 1)
        total += values * keyed * (2 * of_key + bias)
        total += values * valued * (2 * of_value + bias)
        total += 2 * pairs * (self.key_dim + self.size_of_value)
        if self.use_gate:
            total += queries * valued * (2 * of_query + bias + 1)
        return total + queries * made * (2 * valued + bias)
