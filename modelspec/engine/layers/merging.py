"""Layers that join several tensors into one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from modelspec.engine.lowering import Masked, lowers

Masks = Sequence[Tensor | None]


def of_port(masks: Sequence[Any], xs: list[Tensor]) -> Masks:
    """The masks of the one port, one for each tensor."""
    return masks[0] or [None] * len(xs)


def aligned(xs: list[Tensor]) -> list[Tensor]:
    """All of the same rank: axes of size 1 follow the batch, as Keras puts them."""
    rank = max(x.ndim for x in xs)
    return [x.reshape(x.shape[:1] + (1,) * (rank - x.ndim) + x.shape[1:]) for x in xs]


def either(masks: Masks) -> Tensor | None:
    """Where any of them is true; None unless all inputs have a mask."""
    known = [mask for mask in masks if mask is not None]
    if len(known) < len(masks):
        return None
    return reduce(torch.logical_or, aligned(known))


def spread(mask: Tensor, x: Tensor) -> Tensor:
    """A mask over the leading axes of a tensor, over all of them."""
    return mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim)).expand(x.shape)


@lowers(Add)
def add(p: Add, w: Any, xs: list[Tensor], *, masks: Sequence[Any]) -> Masked:
    return Masked(reduce(torch.add, aligned(xs)), either(of_port(masks, xs)))


@lowers(Subtract)
def subtract(p: Subtract, w: Any, xs: list[Tensor], *, masks: Sequence[Any]) -> Masked:
    common = torch.promote_types(xs[0].dtype, xs[1].dtype)  # torch subtracts no booleans
    left, right = (x.to(common) for x in aligned(xs))
    return Masked(left - right, either(of_port(masks, xs)))


@lowers(Average)
def average(p: Average, w: Any, xs: list[Tensor], *, masks: Sequence[Any]) -> Masked:
    return Masked(reduce(torch.add, aligned(xs)) / len(xs), either(of_port(masks, xs)))


@lowers(Multiply)
def multiply(p: Multiply, w: Any, xs: list[Tensor], *, masks: Sequence[Any]) -> Masked:
    given = of_port(masks, xs)
    here = [
        x if mask is None else torch.where(spread(mask, x), x, torch.ones_like(x))
        for x, mask in zip(xs, given, strict=True)
    ]
    y = reduce(torch.mul, aligned(here))
    mask = either(given)
    if mask is not None:
        y = torch.where(spread(mask, y), y, torch.zeros_like(y))
    return Masked(y, mask)


@lowers(Maximum)
def maximum(p: Maximum, w: Any, xs: list[Tensor], *, masks: Sequence[Any]) -> Masked:
    return extreme(torch.maximum, xs, of_port(masks, xs))


@lowers(Minimum)
def minimum(p: Minimum, w: Any, xs: list[Tensor], *, masks: Sequence[Any]) -> Masked:
    return extreme(torch.minimum, xs, of_port(masks, xs))


def extreme(op: Callable[[Tensor, Tensor], Tensor], xs: list[Tensor], masks: Masks) -> Masked:
    """No value is neutral for both, so where one side is masked the other one stands in."""
    pairs = zip(aligned(xs), xs, masks, strict=True)
    # A tensor that was given more axes loses its mask here, in Keras too.
    y, known = None, None
    for x, given, mask in pairs:
        here = spread(mask, x) if mask is not None and x.ndim == given.ndim else None
        if y is None:
            y, known = x, here
            continue
        if here is not None:
            x = torch.where(here, x, y)
        if known is not None:
            y = torch.where(known, y, x)
        known = None if here is None or known is None else known | here
        y = op(y, x)
    return Masked(y, either(masks))


@lowers(Concatenate)
def concatenate(p: Concatenate, w: Any, xs: list[Tensor], *, masks: Sequence[Any]) -> Masked:
    y = torch.cat(xs, dim=p.axis)
    given = of_port(masks, xs)
    known = [mask for mask in given if mask is not None]
    if not known:
        return Masked(y, None)
    # Over every element, joined like the tensors, then back to the axes that a mask has.
    full = [
        torch.ones_like(x, dtype=torch.bool) if mask is None else spread(mask, x)
        for x, mask in zip(xs, given, strict=True)
    ]
    over = tuple(range(max(mask.ndim for mask in known), y.ndim))
    joined = torch.cat(full, dim=p.axis)
    return Masked(y, joined.any(dim=over) if over else joined)


@lowers(Dot)
def dot(p: Dot, w: Any, xs: list[Tensor]) -> Tensor:
    left, right = xs
    a, b = p.axes if isinstance(p.axes, list) else (p.axes, p.axes)
    a, b = a % left.ndim, b % right.ndim
    if p.normalize:
        left, right = unit(left, a), unit(right, b)
    # Letters: 0 the batch, then those of the left, then those of the right; 1 is summed over.
    lefts = [0, *range(2, left.ndim)]
    rights = [0, *range(left.ndim, left.ndim + right.ndim - 2)]
    kept = lefts + rights[1:]
    lefts.insert(a, 1)
    rights.insert(b, 1)
    y = torch.einsum(left, lefts, right, rights, kept)  # (batch, ...left, ...right)
    return y if y.ndim > 1 else y[:, None]


def unit(x: Tensor, axis: int) -> Tensor:
    """Scaled to length 1 along an axis; zeros stay zeros."""
    squares = x.square().sum(dim=axis, keepdim=True)
    return x * squares.clamp_min(1e-24).rsqrt()
