"""Attention between two sequences: by products, by sums, by heads in groups."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.sequence_attention import (
    AdditiveAttention,
    Attention,
    GroupQueryAttention,
    Scored,
)
from modelspec.engine.layers.attention import (
    allowed,
    band,
    dropped,
    fused_attention,
    fuses,
    gate,
    heads_first,
    heads_last,
    probabilities,
    projecting,
)
from modelspec.engine.lowering import Masked, lowers
from modelspec.engine.random import Random
from modelspec.engine.regularizers import Penalize

Masks = list[Tensor | None]


@lowers(Attention)
def attention(
    p: Attention,
    w: Any,
    query: Tensor,
    value: Tensor,
    key: Tensor | None = None,
    *,
    training: bool,
    masks: Masks,
    random: Random,
    compute: torch.dtype = torch.float32,
) -> Masked:
    query, value = query.to(compute), value.to(compute)  # integers too
    key = value if key is None else key.to(compute)
    if p.score_mode == "dot":
        scores = query @ key.transpose(1, 2)  # (batch, time, other time)
        scores = scores * w.scale if p.use_scale else scores
    else:
        added = sums(query, key)
        added = added * w.scale if p.use_scale else added
        scores = w.concat_score_weight * torch.tanh(added).sum(-1)
    return mixed(p, scores, query, value, masks, random if training else None)


@lowers(AdditiveAttention)
def additive_attention(
    p: AdditiveAttention,
    w: Any,
    query: Tensor,
    value: Tensor,
    key: Tensor | None = None,
    *,
    training: bool,
    masks: Masks,
    random: Random,
    compute: torch.dtype = torch.float32,
) -> Masked:
    query, value = query.to(compute), value.to(compute)  # integers too
    bent = torch.tanh(sums(query, value if key is None else key.to(compute)))
    scores = bent @ w.scale if p.use_scale else bent.sum(-1)
    return mixed(p, scores, query, value, masks, random if training else None)


def sums(query: Tensor, key: Tensor) -> Tensor:
    """Each position of a query with each key: (batch, time, other time, features)."""
    return query[:, :, None] + key[:, None]


def mixed(
    p: Scored, scores: Tensor, query: Tensor, value: Tensor, masks: Masks, random: Random | None
) -> Masked:
    """Values (batch, other time, width) by scores (batch, time, other time)."""
    of_query, of_value = masks[0], masks[1]
    seen = None if of_value is None else of_value.bool()[:, None]  # (batch, 1, other time)
    if p.use_causal_mask:
        before = band((1,), query, value, causal=True, reach=None)
        seen = before if seen is None else seen & before
    if seen is not None:
        far = 65504.0 if scores.dtype == torch.float16 else 1e9
        scores = torch.where(seen, scores, scores - far)
    weights = scores.softmax(-1)
    if random is not None:
        weights = dropped(weights, p.dropout, random)
    output = weights @ value
    if of_query is not None:
        output = torch.where(of_query.bool()[..., None], output, 0)
    if not p.return_attention_scores:
        return Masked(output, of_query)
    return Masked((output, weights), (of_query, None))


@lowers(GroupQueryAttention)
def group_query_attention(
    p: GroupQueryAttention,
    w: Any,
    query: Tensor,
    value: Tensor,
    key: Tensor | None = None,
    attention_mask: Tensor | None = None,
    *,
    training: bool,
    masks: Masks,
    random: Random,
    penalize: Penalize,
) -> Masked:
    part = projecting(p, w, penalize)
    mask = allowed(p, (1,), query, value, masks, attention_mask)
    q = heads_first(part("query", query), (1,))  # (batch, heads, positions, head_dim)
    k, v = (
        heads_first(part(name, x), (1,)).repeat_interleave(p.repeats, 1)
        for name, x in (("key", value if key is None else key), ("value", value))
    )
    scores = None
    if fuses(p, query):
        taken = fused_attention(p, q, k, v, mask)
    else:
        scores = probabilities(q, k, mask)
        taken = (dropped(scores, p.dropout, random) if training else scores) @ v
    taken = heads_last(taken, (1,), query)  # (batch, positions, heads, head_dim)
    if p.use_gate:
        taken = taken * gate(p, w, query, penalize)
    output = part("attention_output", taken, 2)
    penalize(p.activity_regularizer, output)  # in Keras it is the layer's own besides
    if scores is None or not p.return_attention_scores:
        return Masked(output, masks[0])
    penalize(p.activity_regularizer, scores)
    return Masked((output, scores), (masks[0], None))
