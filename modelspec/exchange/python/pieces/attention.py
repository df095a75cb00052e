"""Attention by heads."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """Attention of queries over values; `sizes`: features of query, value, key and output.

    A mask is (batch, 1, queries, values), true where a value may be seen.
    """

    def __init__(
        self,
        sizes: tuple[int, int, int, int],
        heads: int,
        key_dim: int,
        value_dim: int,
        bias: bool = True,
    ) -> None:
        super().__init__()
        of_query, of_value, of_key, made = sizes
        self.heads = heads
        self.query = nn.Linear(of_query, heads * key_dim, bias)
        self.key = nn.Linear(of_key, heads * key_dim, bias)
        self.value = nn.Linear(of_value, heads * value_dim, bias)
        self.output = nn.Linear(heads * value_dim, made, bias)

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        q, k, v = self.query(query), self.key(value if key is None else key), self.value(value)
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (q, k, v))
        mixed = F.scaled_dot_product_attention(q, k, v, penalty(mask, q.dtype), is_causal=causal)
        return self.output(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def penalty(mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """What is added to scores: nothing where the mask is true, and much is taken elsewhere."""
    if mask is None:
        return None
    lowest = torch.finfo(dtype).min * 0.7
    return torch.zeros_like(mask, dtype=dtype).masked_fill(~mask, lowest)


class ScoredAttention(nn.Module):
    """Attention of queries over values that drops some of it in training, and gives the scores:
    what each query takes of each value. `sizes`: features of query, value, key and output.

    A mask is (batch, 1, queries, values), true where a value may be seen.
    """

    def __init__(
        self,
        sizes: tuple[int, int, int, int],
        heads: int,
        key_dim: int,
        value_dim: int,
        bias: bool = True,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        of_query, of_value, of_key, made = sizes
        self.heads, self.drop = heads, drop
        self.query = nn.Linear(of_query, heads * key_dim, bias)
        self.key = nn.Linear(of_key, heads * key_dim, bias)
        self.value = nn.Linear(of_value, heads * value_dim, bias)
        self.output = nn.Linear(heads * value_dim, made, bias)

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        q, k, v = self.query(query), self.key(value if key is None else key), self.value(value)
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for x in (q, k, v))
        scores = masked_scores(q, k, mask)
        mixed = F.dropout(scores, self.drop, self.training) @ v
        return self.output(mixed.transpose(-3, -2).flatten(-2)), scores


def masked_scores(query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
    """What each query takes of each value; nothing of those that the mask leaves out."""
    scores: Tensor = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if mask is None:
        return scores.softmax(-1)
    return torch.where(mask, scores, -1e9).softmax(-1).where(mask, 0)


class GroupedAttention(nn.Module):
    """Attention whose heads share keys and values in groups, `key_heads` of them, with a gate from
    the query if asked for. `sizes`: features of query, value, key and output.

    A mask is (batch, 1, queries, values), true where a value may be seen. With `scored` it gives
    what each query takes of each value too.
    """

    def __init__(
        self,
        sizes: tuple[int, int, int, int],
        heads: int,
        key_dim: int,
        value_dim: int,
        key_heads: int,
        bias: bool = True,
        gate: bool = False,
        scored: bool = False,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        of_query, of_value, of_key, made = sizes
        self.heads, self.key_heads, self.scored, self.drop = heads, key_heads, scored, drop
        self.query = nn.Linear(of_query, heads * key_dim, bias)
        self.key = nn.Linear(of_key, key_heads * key_dim, bias)
        self.value = nn.Linear(of_value, key_heads * value_dim, bias)
        self.gate = nn.Linear(of_query, heads * value_dim, bias) if gate else None
        self.output = nn.Linear(heads * value_dim, made, bias)

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        q = self.query(query).unflatten(-1, (self.heads, -1)).transpose(-3, -2)
        k, v = (
            x.unflatten(-1, (self.key_heads, -1)).transpose(-3, -2)
            for x in (self.key(value if key is None else key), self.value(value))
        )
        k, v = (x.repeat_interleave(self.heads // self.key_heads, -3) for x in (k, v))
        if self.scored:
            scores = masked_scores(q, k, mask)
            mixed = F.dropout(scores, self.drop, self.training) @ v
        else:
            bias = penalty(mask, q.dtype)
            mixed = F.scaled_dot_product_attention(q, k, v, bias, is_causal=causal)
        taken = mixed.transpose(-3, -2).flatten(-2)  # (batch, ..., queries, heads * value_dim)
        if self.gate is not None:
            taken = taken * torch.sigmoid(self.gate(query))
        output: Tensor = self.output(taken)
        return (output, scores) if self.scored else output


def band(query: Tensor, value: Tensor, causal: bool, reach: int | None = None) -> Tensor:
    """Which pairs of positions are near enough: (queries, values)."""
    rows = torch.arange(query.shape[1], device=query.device)[:, None]
    columns = torch.arange(value.shape[1], device=query.device)
    near = (rows >= columns) if causal else torch.ones_like(rows >= columns)
    return near if reach is None else near & ((rows - columns).abs() < reach)
