"""Attention between two sequences: by products, by sums, by heads in groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.catalog.initializers import GlorotUniform, Ones
from modelspec.catalog.layers.attention import MultiHeadAttention
from modelspec.language.kinds import Bool, Choice, Float, Int
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Clash, Shape, broadcast, join, show, size

#: How the numbers that weigh features start.
START = GlorotUniform.of({"seed": None, "input_axes": None, "output_axes": None})
SEQUENCES = {"query": "time features", "value": "time features", "key?": "time features"}


class Scored(Layer):
    """Each position of `query` takes a mixture of `value`s, by scores of their keys."""

    takes = SEQUENCES
    dropout = Float("Share of the scores to drop in training.", default=0.0, min=0, max=1)
    seed = Int("Mixed into this layer's draws; null: `train.seed` alone.", default=None)
    return_attention_scores = Bool(
        "Whether to give the scores too: (time, other time).", default=False
    )
    use_causal_mask = Bool(
        "Whether a position sees only itself and those before it.", default=False
    )

    masking = "own"

    def returns(self) -> tuple[str, ...]:
        return ("output", "scores") if self.return_attention_scores else ("output",)

    def shape(self, query: Shape, value: Shape, key: Shape | None = None) -> Any:
        key = value if key is None else key
        try:
            join(value[0], key[0])
        except Clash:
            raise Reject(
                "", f"there is a key for each value, and keys are {show(key)}, values {show(value)}"
            ) from None
        self.fit(query, key)
        output = (query[0], value[1])
        return [output, (query[0], key[0])] if self.return_attention_scores else output

    def fit(self, query: Shape, key: Shape) -> None:
        """Refuse a query and keys that cannot be compared."""
        try:
            join(query[1], key[1])
        except Clash as clash:
            raise Reject(
                "", f"queries and keys have the same features, and {clash}",
                "put a Dense layer before one of them",
            ) from None  # fmt: skip

    def flops(
        self, output: Shape, query: Shape, value: Shape, key: Shape | None = None
    ) -> int | None:
        pairs = size((query[0], value[0]))
        widths = size((query[1], value[1]))
        if pairs is None or widths is None:
            return None
        assert isinstance(query[1], int)
        assert isinstance(value[1], int)
        return 2 * pairs * (query[1] + value[1])


class Attention(Scored):
    """Each position of `query` takes a mixture of `value`s, weighed by `query @ key`.

    Query (time, features) and value (other time, width) give (time, width). `key` is `value` where
    it is left out. What the value's mask hides is not seen, and what the query's hides gives zeros;
    the query's mask is handed on.
    """

    use_scale = Bool("Whether to multiply the scores by a learned number.", default=False)
    score_mode = Choice(
        "How query and key are compared: their product, or the sum of `tanh(query + key)` times a "
        "learned number.",
        "dot", "concat",
        default="dot",
    )  # fmt: skip

    source = "Luong et al., 2015, https://arxiv.org/abs/1508.04025"

    def fit(self, query: Shape, key: Shape) -> None:
        if self.score_mode == "dot":
            super().fit(query, key)
        else:
            broadcast(query[1:], key[1:])

    def weights(self, *inputs: Any) -> Iterator[Weight]:
        if self.use_scale:
            yield Weight("scale", (), Ones.of({}))
        if self.score_mode == "concat":
            yield Weight("concat_score_weight", (), Ones.of({}))


class AdditiveAttention(Scored):
    """Each position of `query` takes a mixture of `value`s, weighed by `tanh(query + key)`.

    Query (time, features) and value (other time, width) give (time, width). `key` is `value` where
    it is left out. What the value's mask hides is not seen, and what the query's hides gives zeros;
    the query's mask is handed on.
    """

    use_scale = Bool("Whether to weigh the features of the sum by learned numbers.", default=True)

    source = "Bahdanau et al., 2014, https://arxiv.org/abs/1409.0473"

    def weights(self, query: Shape, *others: Any) -> Iterator[Weight]:
        if self.use_scale:
            yield Weight("scale", query[-1:], START)


class GroupQueryAttention(MultiHeadAttention):
    """Attention whose heads share keys and values in groups: fewer of those than of queries.

    Query (time, features) and value (other time, features) give (time, features of the query).
    Masks of query, value and key, `attention_mask` (time, other time), causality and the window
    all hold. The query's mask is handed on.
    """

    takes = {**SEQUENCES, "attention_mask?": "... other_time"}
    num_heads = key_dim = value_dim = None  # type: ignore[assignment]
    output_shape = attention_axes = None  # type: ignore[assignment]
    head_dim = Int("Size of queries, keys and values in each head.", min=1)
    num_query_heads = Int("How many mixtures each position takes.", min=1)
    num_key_value_heads = Int("How many sets of keys and values they share.", min=1)

    source = "Ainslie et al., 2023, https://arxiv.org/abs/2305.13245"

    def check(self) -> None:
        super().check()
        if self.num_query_heads % self.num_key_value_heads:
            raise Reject(
                "num_key_value_heads",
                f"{self.num_key_value_heads} does not divide {self.num_query_heads} query heads",
                "each set of keys and values serves as many query heads as the others",
            )

    @property
    def repeats(self) -> int:
        """How many query heads share a set of keys and values."""
        return self.num_query_heads // self.num_key_value_heads

    def scores(self, query: Shape, value: Shape) -> Shape:
        return (self.num_query_heads, query[0], value[0])

    def weights(
        self,
        query: Shape,
        value: Shape,
        key: Shape | None = None,
        attention_mask: Shape | None = None,
    ) -> Iterator[Weight]:
        asking = (self.num_query_heads, self.head_dim)
        given = (self.num_key_value_heads, self.head_dim)
        yield from self.dense("query", query[-1:], asking)
        yield from self.dense("key", (key or value)[-1:], given)
        if self.use_gate:
            yield from self.dense("gate", query[-1:], asking)
        yield from self.dense("value", value[-1:], given)
        yield from self.dense("attention_output", asking, query[-1:])

    def flops(
        self,
        output: Shape,
        query: Shape,
        value: Shape,
        key: Shape | None = None,
        attention_mask: Shape | None = None,
    ) -> int | None:
        """Products, biases, the scaling of queries and the gate; not softmax and sigmoid."""
        sizes = (*query, *value, *(key or value))
        if not all(isinstance(one, int) for one in sizes):
            return None
        queries, of_query, values, of_value, _, of_key = (int(one or 0) for one in sizes)
        asked, held = (n * self.head_dim for n in (self.num_query_heads, self.num_key_value_heads))
        bias, gates = int(self.use_bias), 1 + int(self.use_gate)
        total = gates * queries * asked * (2 * of_query + bias + 1)
        total += values * held * (2 * (of_key + of_value) + 2 * bias)
        total += 4 * queries * values * asked
        return total + queries * of_query * (2 * asked + bias)
