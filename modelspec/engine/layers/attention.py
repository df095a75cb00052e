"""Layers in which each position looks at others.

Inside, every tensor is brought to (batch, apart, heads, positions, width): `apart` are the axes
that are not attended over, `positions` those that are, as one. Scores are (batch, apart, heads,
query positions, value positions).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.attention import MultiHeadAttention
from modelspec.engine.lowering import Masked, lowers
from modelspec.engine.random import Random
from modelspec.engine.regularizers import Penalize

Axes = tuple[int, ...]


@lowers(MultiHeadAttention)
def multi_head_attention(
    p: MultiHeadAttention,
    w: Any,
    query: Tensor,
    value: Tensor,
    key: Tensor | None = None,
    attention_mask: Tensor | None = None,
    *,
    training: bool,
    masks: list[Tensor | None],
    random: Random,
    penalize: Penalize,
) -> Masked:
    part = projecting(p, w, penalize)
    axes = p.axes(query.ndim)
    mask = allowed(p, axes, query, value, masks, attention_mask)
    q = heads_first(part("query", query), axes)  # (batch, apart, heads, positions, key_dim)
    k = heads_first(part("key", value if key is None else key), axes)
    v = heads_first(part("value", value), axes)
    scores = None
    if fuses(p, query):
        mixed = fused_attention(p, q, k, v, mask)
    else:
        scores = probabilities(q, k, mask)
        mixed = (dropped(scores, p.dropout, random) if training else scores) @ v
    taken = heads_last(mixed, axes, query)  # (batch, ..., heads, value_dim)
    if p.use_gate:
        taken = taken * gate(p, w, query, penalize)
    output = part("attention_output", taken, 2)
    if scores is None or not p.return_attention_scores:
        return Masked(output, masks[0])
    sizes = [[x.shape[axis] for axis in axes] for x in (query, value)]
    return Masked((output, scores.reshape(*scores.shape[:-2], *sizes[0], *sizes[1])),
                  (masks[0], None))  # fmt: skip


def projecting(p: MultiHeadAttention, w: Any, penalize: Penalize) -> Callable[..., Tensor]:
    """The projections of a layer by name, with the penalty on what each gives."""

    def part(name: str, x: Tensor, given: int = 1) -> Tensor:
        made = project(vars(w)[name], x, given)
        penalize(p.activity_regularizer, made)
        return made

    return part


def gate(p: MultiHeadAttention, w: Any, query: Tensor, penalize: Penalize) -> Tensor:
    """How much of what it takes each position lets through: (batch, ..., heads, value_dim)."""
    made = torch.sigmoid(project(w.gate, query))
    penalize(p.activity_regularizer, made)
    return made


def project(dense: Any, x: Tensor, given: int = 1) -> Tensor:
    """The last `given` axes of `x` by a kernel of those axes and further ones."""
    kernel = dense.kernel
    made = kernel.shape[given:]
    bias = dense.bias.flatten() if hasattr(dense, "bias") else None
    flat = kernel.reshape(math.prod(kernel.shape[:given]), -1).T
    x = x.to(kernel.dtype).flatten(x.ndim - given)
    return F.linear(x, flat, bias).reshape(*x.shape[:-1], *made)


def order(axes: Axes, rank: int) -> list[int]:
    """Axes of (batch, ..., heads, width), `rank` of them: those apart, heads, attended, width."""
    apart = [axis for axis in range(1, rank - 2) if axis not in axes]
    return [0, *apart, rank - 2, *axes, rank - 1]


def heads_first(x: Tensor, axes: Axes) -> Tensor:
    """(batch, ..., heads, width) as (batch, apart, heads, positions, width)."""
    moved = x.permute(order(axes, x.ndim))
    return moved if len(axes) == 1 else moved.flatten(-1 - len(axes), -2)


def heads_last(x: Tensor, axes: Axes, query: Tensor) -> Tensor:
    """The reverse of `heads_first`, for a result with the positions of `query`."""
    x = x.reshape(*x.shape[:-2], *(query.shape[axis] for axis in axes), x.shape[-1])
    back = order(axes, x.ndim)
    return x.permute([back.index(axis) for axis in range(x.ndim)])


def fuses(p: MultiHeadAttention, query: Tensor) -> bool:
    """Whether torch's own kernel does it.

    Keras's rule, since it shows: a query that may see nothing takes the mean of all values from
    that kernel, and zeros without it.
    """
    return not p.dropout and not p.return_attention_scores and query.ndim == 3


def fused_attention(
    p: MultiHeadAttention, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None
) -> Tensor:
    """Attention in torch's own kernel."""
    causal = mask is None and p.use_causal_mask
    penalty = None
    if mask is not None:
        lowest = torch.finfo(q.dtype).min * 0.7
        penalty = torch.zeros(mask.shape, dtype=q.dtype, device=q.device)
        penalty = penalty.masked_fill(~mask, lowest)
    mixed: Tensor = F.scaled_dot_product_attention(q, k, v, attn_mask=penalty, is_causal=causal)
    return mixed


def probabilities(q: Tensor, k: Tensor, mask: Tensor | None) -> Tensor:
    """What each query gives to each value; nothing to masked ones."""
    raw = (q * (1 / math.sqrt(q.shape[-1]))) @ k.transpose(-1, -2)
    if mask is None:
        return raw.softmax(-1)
    lowest = -3e4 if raw.dtype == torch.float16 else -1e9
    return torch.where(mask, torch.where(mask, raw, lowest).softmax(-1), 0)


def dropped(scores: Tensor, rate: float, random: Random) -> Tensor:
    """Scores with a share of them at zero, and the others scaled up."""
    if not rate:
        return scores
    if rate == 1:
        return torch.zeros_like(scores)
    keep = random.bernoulli(tuple(scores.shape), 1 - rate)
    return scores * keep.to(scores.dtype) / (1 - rate)


# Masks: booleans over (batch, apart, heads, query positions, value positions), true where seen.


def allowed(
    p: MultiHeadAttention,
    axes: Axes,
    query: Tensor,
    value: Tensor,
    masks: list[Tensor | None],
    given: Tensor | None,
) -> Tensor | None:
    """What may see what; None where all may, or where causality alone is left to the kernel."""
    parts = [over_queries(masks[0], axes, query)]
    parts += [over_values(mask, axes, value) for mask in masks[1:3]]
    if given is not None:
        parts.append(over_scores(given.bool(), axes, query.ndim))
    found = [part for part in parts if part is not None]
    if p.use_causal_mask and (found or p.sliding_window or not fuses(p, query)):
        found.append(band(axes, query, value, causal=True, reach=None))
    if p.sliding_window:
        found.append(band(axes, query, value, causal=False, reach=p.sliding_window))
    if not found:
        return None
    mask = found[0]
    for part in found[1:]:
        mask = mask & part
    return as_pairs(mask, axes, query, value)


def over_queries(mask: Tensor | None, axes: Axes, query: Tensor) -> Tensor | None:
    """The mask of the query, (batch, leading axes), over unmerged scores."""
    if mask is None:
        return None
    placed = laid_out(mask, axes, query.ndim)
    return placed.reshape(*placed.shape, *[1] * len(axes))


def over_values(mask: Tensor | None, axes: Axes, value: Tensor) -> Tensor | None:
    """The mask of value or key, (batch, leading axes), over unmerged scores."""
    if mask is None:
        return None
    placed = laid_out(mask, axes, value.ndim)
    apart = placed.ndim - len(axes)
    return placed.reshape(*placed.shape[:apart], *[1] * len(axes), *placed.shape[apart:])


def laid_out(mask: Tensor, axes: Axes, rank: int) -> Tensor:
    """A mask of a tensor's leading axes as (batch, apart, 1, attended axes)."""
    whole = mask.bool().reshape(*mask.shape, *[1] * (rank - 1 - mask.ndim), 1)  # heads last
    return whole.permute(order(axes, rank + 1)[:-1])


def over_scores(mask: Tensor, axes: Axes, rank: int) -> Tensor:
    """A given mask, without heads or with them, over unmerged scores."""
    missing = (rank - 1 + len(axes) + 1) - mask.ndim
    apart = mask.ndim - 2 * len(axes)
    return mask.reshape(*mask.shape[:apart], *[1] * missing, *mask.shape[apart:])


def band(axes: Axes, query: Tensor, value: Tensor, *, causal: bool, reach: int | None) -> Tensor:
    """Which pairs are near enough, by their places on the one axis attended over."""
    (axis,) = axes
    rows = torch.arange(query.shape[axis], device=query.device)[:, None]
    columns = torch.arange(value.shape[axis], device=query.device)
    return rows >= columns if causal else (rows - columns).abs() < (reach or 0)


def as_pairs(mask: Tensor, axes: Axes, query: Tensor, value: Tensor) -> Tensor:
    """A mask over unmerged scores with the attended axes merged into positions."""
    count = len(axes)
    if count == 1:
        return mask
    sizes = [[x.shape[axis] for axis in axes] for x in (query, value)]
    before = mask.shape[: mask.ndim - 2 * count]
    whole = mask.expand(*before, *sizes[0], *sizes[1])
    return whole.reshape(*before, math.prod(sizes[0]), math.prod(sizes[1]))
