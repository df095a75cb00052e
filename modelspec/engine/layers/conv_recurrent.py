"""Recurrent layers whose steps are images.

One convolution projects the inputs of all steps, time folded into the batch; the loop is left
with the convolution of the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.conv_recurrent import ConvLSTM, ConvLSTM1D, ConvLSTM2D, ConvLSTM3D
from modelspec.catalog.layers.convolution import Convolution
from modelspec.engine.activations import activate
from modelspec.engine.layers.convolution import convolved
from modelspec.engine.layers.recurrent import NO_DROPS, Drops
from modelspec.engine.lowering import Masked, lowers
from modelspec.engine.random import Random
from modelspec.engine.sequences import (
    Carry,
    Ran,
    Scanned,
    States,
    as_states,
    backwards,
    began,
    handed_on,
    leave,
    over_time,
    refuse_misplaced,
)
from modelspec.engine.spatial import grid, ungrid


@lowers(ConvLSTM1D)
@lowers(ConvLSTM2D)
@lowers(ConvLSTM3D)
def conv_lstm(
    p: ConvLSTM,
    w: Any,
    sequence: Tensor,
    initial_state: list[Tensor] | None = None,
    *,
    training: bool,
    mask: Tensor | None,
    random: Random,
    carry: Carry,
) -> Masked:
    ran = read(p, w, sequence, began(p, w, initial_state), mask, random if training else None,
               zero_masked=False)  # fmt: skip
    leave(p, w, ran, carry)
    return handed_on(p, ran, mask)


def read(
    p: ConvLSTM,
    w: Any,
    x: Tensor,
    initial: Sequence[Tensor] | None,
    mask: Tensor | None,
    random: Random | None,
    *,
    zero_masked: bool,
) -> Ran:
    """The layer over a sequence `x` (batch, time, ...); outputs are in reading order."""
    x = x.to(w.kernel.dtype)
    if p.go_backwards:
        x, mask = x.flip(1), backwards(mask)
    shape: tuple[Any, ...] = (x.shape[0], *p.state(tuple(x.shape[1:])))
    states = as_states(initial, x, shape, 2)
    drops = NO_DROPS if random is None else draw(p, x, shape, random)
    if mask is not None and mask.ndim > 2:
        refuse_misplaced(p, mask, (x.shape[1], *shape[1:-1]))
        return of_cells(p, scan(p, w, x, states, drops, mask), mask, zero_masked=zero_masked)

    def scanned(x: Tensor, whole: bool) -> Scanned:
        return scan(p, w, x, states, drops)

    return over_time(p, scanned, x, states, mask, zero_masked=zero_masked)


def of_cells(p: ConvLSTM, ran: Scanned, mask: Tensor, *, zero_masked: bool) -> Ran:
    """What a scan left under a mask of cells, (batch, time, ...): zeros until one is first seen."""
    traces, finals = ran
    shown = mask if zero_masked else mask.cumsum(1) > 0
    hidden = torch.where(shown.unsqueeze(-1), traces[0], 0)
    return Ran(hidden if p.return_sequences else hidden[:, -1], finals)


def draw(p: ConvLSTM, x: Tensor, state: tuple[Any, ...], random: Random) -> Drops:
    """The factors of one call, four of each kind: gates have their own."""

    def factors(rate: float, shape: tuple[int, ...]) -> list[Tensor]:
        kept = 1.0 - rate
        return [random.bernoulli(shape, kept).to(x.dtype) / kept for _ in range(4 if rate else 0)]

    step = (x.shape[0], *x.shape[2:])
    return Drops(factors(p.dropout, step), factors(p.recurrent_dropout, state))


def scan(
    p: ConvLSTM, w: Any, x: Tensor, states: States, drops: Drops, mask: Tensor | None = None
) -> Scanned:
    """Both states over time, (batch, time, ...) each, and the last ones.

    Where `mask`, (batch, time, ...), is false, a cell of the states stays as it is.
    """
    steps = x.shape[1]
    sees_at: Sequence[Any] = [None] * steps if mask is None else mask.unsqueeze(-1).unbind(1)
    folded = [factor.repeat_interleave(steps, 0) for factor in drops.inputs]
    inputs = through(p.of_inputs, x.flatten(0, 1), w.kernel, folded,
                     w.bias if p.use_bias else None)  # fmt: skip
    inputs = inputs.reshape(-1, steps, *inputs.shape[1:])  # (batch, time, ...)
    hidden, cell = states
    channels = 1 if p.data_format == "channels_first" else -1
    passed = []
    for step, sees in zip(inputs.unbind(1), sees_at, strict=True):
        before = hidden, cell
        gates = step + through(p.of_state, hidden, w.recurrent_kernel, drops.state, None)
        take, keep, new, show = gates.chunk(4, channels)
        take, keep, show = (activate(p.recurrent_activation, g) for g in (take, keep, show))
        cell = keep * cell + take * activate(p.activation, new)
        hidden = show * activate(p.activation, cell)
        if sees is not None:
            hidden, cell = (
                torch.where(sees, new, old) for new, old in zip((hidden, cell), before, strict=True)
            )
        passed.append((hidden, cell))
    traces = [torch.stack(each, 1) for each in zip(*passed, strict=True)]
    return traces, (hidden, cell)


def through(
    p: Convolution, x: Tensor, kernel: Tensor, factors: Sequence[Tensor], offset: Tensor | None
) -> Tensor:
    """The convolution of `x`, or of `x` times a factor of its own for each gate's channels."""
    if not factors:
        return ungrid(p, convolved(p, grid(p, x), kernel, offset, 1))
    made = [convolved(p, grid(p, x * factor), part, None, 1)
            for factor, part in zip(factors, kernel.chunk(4, -1), strict=True)]  # fmt: skip
    y = ungrid(p, torch.cat(made, 1))
    if offset is None:
        return y
    last = p.data_format == "channels_last"
    return y + (offset if last else offset.reshape(-1, *[1] * p.rank))
