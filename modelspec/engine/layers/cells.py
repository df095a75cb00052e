"""Cells, which read one step, and the layer that repeats them over a sequence.

A cell over a sequence is the recurrent layer of its kind; stacked cells are those layers one after
the other, each over the whole sequence, which is the same and lets each use its fused kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from modelspec.catalog.layers.cells import (
    RNN,
    Cell,
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
)
from modelspec.engine.layers import recurrent
from modelspec.engine.layers.recurrent import NO_DROPS, STEPS, draw, project
from modelspec.engine.lowering import Masked, lowers
from modelspec.engine.random import Random
from modelspec.engine.sequences import Carry, Ran, backwards, began, handed_on, leave


@lowers(SimpleRNNCell)
@lowers(LSTMCell)
@lowers(GRUCell)
def cell(
    p: Cell, w: Any, inputs: Tensor, states: list[Tensor], *, training: bool, random: Random
) -> tuple[Tensor, ...]:
    layer, x = p.over_time(), inputs.to(w.kernel.dtype)
    drops = draw(layer, x[:, None], random) if training else NO_DROPS
    gates = project(x, w.kernel, drops.inputs)  # (batch, gates * units)
    if p.use_bias:
        gates = gates + (w.bias[0] if w.bias.ndim == 2 else w.bias)
    made = STEPS[type(layer)](layer, w, drops.state)(gates, tuple(s.to(x.dtype) for s in states))
    return (made[0], *made)


@lowers(StackedRNNCells)
def stacked(
    p: StackedRNNCells,
    w: Any,
    inputs: Tensor,
    states: list[Tensor],
    *,
    training: bool,
    random: Random,
) -> tuple[Tensor, ...]:
    left: list[Tensor] = []
    for at, (inner, own) in enumerate(zip(p.inner, p.apart(states), strict=True)):
        inputs, *after = cell(
            inner, vars(w)[f"cell{at}"], inputs, own, training=training, random=random
        )
        left += after
    return (inputs, *left)


@lowers(RNN)
def repeated(
    p: RNN,
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
               zero_masked=p.zero_output_for_mask)  # fmt: skip
    leave(p, w, ran, carry)
    return handed_on(p, ran, mask)


def read(
    p: RNN,
    w: Any,
    x: Tensor,
    initial: Sequence[Tensor] | None,
    mask: Tensor | None,
    random: Random | None,
    *,
    zero_masked: bool,
) -> Ran:
    """All cells over a sequence `x` (batch, time, features); outputs are in reading order."""
    if p.go_backwards:
        x, mask = x.flip(1), backwards(mask)
    stack = p.stack
    cells = stack.inner if stack is not None else [p.cell.layer]
    starts: list[Any] = [initial] if stack is None else [None] * len(cells)
    if stack is not None and initial is not None:
        starts = stack.apart(list(initial))
    left: list[Tensor] = []
    for at, (inner, start) in enumerate(zip(cells, starts, strict=True)):
        is_last = at == len(cells) - 1
        layer = inner.over_time(
            return_sequences=p.return_sequences or not is_last,
            return_state=p.return_state or p.stateful,
        )
        own = vars(w)["cell" if stack is None else f"cell{at}"]
        zeros = zero_masked and is_last
        ran = recurrent.read(layer, own, x, start, mask, random, zero_masked=zeros)
        left += ran.states
        x = ran.output
    return Ran(x, tuple(left))
