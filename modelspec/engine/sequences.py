"""Reading a sequence step by step: where states begin and go, and steps that are masked.

A mask is no branch in a loop: each sequence's valid steps move to its front, the layer runs as if
nothing were masked, and each step is then given the output of the last valid step up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from modelspec.engine.data.wanted import refuse
from modelspec.engine.lowering import Masked
from modelspec.language.layer import Layer
from modelspec.language.shapes import show

States = tuple[Tensor, ...]
Scanned = tuple[Sequence[Tensor], States]
Carry = Callable[[str, Tensor], None]


class Ran(NamedTuple):
    """What a run over a sequence left."""

    output: Tensor  # (batch, units), or (batch, time, units) with `return_sequences`
    states: States  # (batch, units) each; those after the first only where they are wanted


def began(p: Any, w: Any, initial: Sequence[Tensor] | None) -> Sequence[Tensor] | None:
    """The states that a call starts from: those given, those that the last batch left, or None."""
    if initial or not p.stateful:
        return initial
    return list(vars(w.state).values())


def leave(p: Any, w: Any, ran: Ran, carry: Carry, within: str = "") -> None:
    """Leave the states of a run to the next batch, without a way back for gradients."""
    if not p.stateful:
        return
    for (name, held), state in zip(vars(w.state).items(), ran.states, strict=True):
        carry(f"{within}state.{name}", state.detach().to(held.dtype))


def handed_on(p: Any, ran: Ran, mask: Tensor | None) -> Masked:
    """What a layer over sequences gives of a run: its output, and its states where asked."""
    output_mask = mask if p.return_sequences else None
    if not p.return_state:
        return Masked(ran.output, output_mask)
    return Masked((ran.output, *ran.states), (output_mask, *[None] * len(ran.states)))


def as_states(
    initial: Sequence[Tensor] | None, x: Tensor, shape: tuple[int, ...], count: int
) -> States:
    """The first states, in the dtype of `x`; zeros where none are given."""
    return tuple([s.to(x.dtype) for s in initial] if initial else x.new_zeros(count, *shape))


class Reading(Protocol):
    """What a layer over time says of its outputs."""

    return_sequences: Any
    return_state: Any
    stateful: Any


def over_time(
    p: Reading,
    scanned: Callable[[Tensor, bool], Scanned],
    x: Tensor,
    states: States,
    mask: Tensor | None,
    *,
    zero_masked: bool,
) -> Ran:
    """A scan of `x` (batch, time, ...) where some steps are masked.

    `scanned(x, whole)` gives every state over time and the last ones; `whole` asks for all of them
    over time, and not for the first alone.
    """
    if mask is not None and mask.ndim == 1:
        mask = None  # whole samples (a step of TimeDistributed): what they give is masked after
    if mask is None:
        traces, finals = scanned(x, False)
        return Ran(traces[0] if p.return_sequences else finals[0], finals)
    order, seen = valid_first(mask)
    traces, _ = scanned(steps_at(x, order), p.return_state or p.stateful)
    last = seen[:, -1:]  # (batch, 1)
    ends = [torch.where(over(last[:, 0] > 0, s), steps_at(t, last - 1)[:, 0], s)
            for t, s in zip(traces, states, strict=False)]  # fmt: skip
    if not p.return_sequences:
        seen, mask = last, mask[:, -1:]
    shown = mask if zero_masked else seen > 0
    held = torch.where(over(shown, traces[0]), steps_at(traces[0], seen - 1), 0)
    return Ran(held if p.return_sequences else held[:, 0], tuple(ends))


def refuse_misplaced(p: Layer, mask: Tensor, sizes: Sequence[int]) -> None:
    """Refuse a mask that does not lie over the axes behind the batch that it is for."""
    found = tuple(mask.shape[1:])
    if found == tuple(sizes):
        return
    refuse(
        "shapes-differ",
        f"`{p.title()}` is given a mask of {show(found)}, and wants one of {show(sizes)}",
        p.__dict__.get("span"),
        help=("a Masking layer masks all axes of its input but the last",),
    )


def backwards(mask: Tensor | None) -> Tensor | None:
    """A mask (batch, time) from the last step to the first."""
    return mask if mask is None or mask.ndim == 1 else mask.flip(1)


def over(mask: Tensor, x: Tensor) -> Tensor:
    """A mask of the leading axes of `x`, with further axes of size 1."""
    return mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))


def valid_first(mask: Tensor) -> tuple[Tensor, Tensor]:
    """The order of steps that puts valid ones first, and how many are valid up to each step."""
    order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)  # (batch, time)
    return order, mask.cumsum(1)


def steps_at(x: Tensor, index: Tensor) -> Tensor:
    """The steps of `x` (batch, time, ...) at `index` (batch, steps); below 0 is the first."""
    return x.gather(1, over(index.clamp(min=0), x).expand(-1, -1, *x.shape[2:]))
