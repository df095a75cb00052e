"""Attention by heads."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """Attention of queries over values; `sizes`: features of query, value, key and output.

    A mask is (batch, 1, queries, values), true where a value may be seen. With `key_heads` the
    heads share keys and values in groups.
    """

    def __init__(
        self,
        sizes: tuple[int, int, int, int],
        heads: int,
        key_dim: int,
        value_dim: int,
        key_heads: int | None = None,
        bias: bool = True,
        gate: bool = False,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        of_query, of_value, of_key, made = sizes
        self.heads, self.key_heads, self.drop = heads, key_heads or heads, drop
        self.query = nn.Linear(of_query, heads * key_dim, bias)
        self.key = nn.Linear(of_key, self.key_heads * key_dim, bias)
        self.value = nn.Linear(of_value, self.key_heads * value_dim, bias)
        self.gate = nn.Linear(of_query, heads * value_dim, bias) if gate else None
        self.output = nn.Linear(heads * value_dim, made, bias)

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        q, k, v = self.projected(query, value, value if key is None else key)
        penalty = None
        if mask is not None:
            lowest = torch.finfo(q.dtype).min * 0.7
            penalty = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, lowest)
        drop = self.drop if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, penalty, drop, causal)
        return self.joined(mixed, query)

    def projected(self, query: Tensor, value: Tensor, key: Tensor) -> list[Tensor]:
        """Queries, keys and values, (batch, ..., heads, positions, features) each."""
        flat = (self.query(query), self.key(key), self.value(value))
        counts = (self.heads, self.key_heads, self.key_heads)
        q, k, v = (
            x.unflatten(-1, (count, -1)).transpose(-3, -2)
            for x, count in zip(flat, counts, strict=True)
        )
        if self.key_heads < self.heads:
            k, v = (x.repeat_interleave(self.heads // self.key_heads, -3) for x in (k, v))
        return [q, k, v]

    def joined(self, mixed: Tensor, query: Tensor) -> Tensor:
        """The output, from what each head took."""
        taken = mixed.transpose(-3, -2).flatten(-2)  # (batch, ..., queries, heads * value_dim)
        if self.gate is not None:
            taken = taken * torch.sigmoid(self.gate(query))
        return self.output(taken)  # type: ignore[no-any-return]


class ScoredAttention(MultiHeadAttention):
    """The same, which also gives what each query gives to each value."""

    def forward(  # type: ignore[override]
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        q, k, v = self.projected(query, value, value if key is None else key)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        if mask is None:
            scores = scores.softmax(-1)
        else:
            scores = torch.where(mask, scores, -1e9).softmax(-1).where(mask, 0)
        mixed = F.dropout(scores, self.drop, self.training) @ v
        return self.joined(mixed, query), scores


def band(query: Tensor, value: Tensor, causal: bool, reach: int | None = None) -> Tensor:
    """Which pairs of positions are near enough: (queries, values)."""
    rows = torch.arange(query.shape[1], device=query.device)[:, None]
    columns = torch.arange(value.shape[1], device=query.device)
    near = (rows >= columns) if causal else torch.ones_like(rows >= columns)
    return near if reach is None else near & ((rows - columns).abs() < reach)
