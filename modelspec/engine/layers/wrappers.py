"""Layers that hold another layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.cells import RNN
from modelspec.catalog.layers.conv_recurrent import ConvLSTM
from modelspec.catalog.layers.recurrent import Recurrent
from modelspec.catalog.layers.wrappers import Bidirectional, Reader, TimeDistributed
from modelspec.engine.layers import cells, conv_recurrent, recurrent
from modelspec.engine.lowering import Masked, lowers
from modelspec.engine.random import Random
from modelspec.engine.regularizers import Penalize
from modelspec.engine.sequences import Carry, Ran, began, leave
from modelspec.language.layer import Layer

Body = Callable[[Tensor, Tensor | None], Any]


READS: dict[type[Layer], Callable[..., Ran]] = {
    Recurrent: recurrent.read,
    RNN: cells.read,
    ConvLSTM: conv_recurrent.read,
}


@lowers(Bidirectional)
def bidirectional(
    p: Bidirectional,
    w: Any,
    sequence: Tensor,
    initial_state: list[Tensor] | None = None,
    *,
    training: bool,
    mask: Tensor | None,
    random: Random,
    carry: Carry,
    penalize: Penalize,
) -> Masked:
    def read(side: str, layer: Reader, states: list[Tensor] | None) -> Ran:
        weights = vars(w)[side]
        function = next(f for kind, f in READS.items() if isinstance(layer, kind))
        whole = layer.return_sequences  # as in Keras, which zeroes masked steps then
        draws = random if training else None
        start = began(layer, weights, states)
        ran: Ran = function(layer, weights, sequence, start, mask, draws, zero_masked=whole)
        leave(layer, weights, ran, carry, f"{side}.")
        for given in (ran.output, *(ran.states if layer.return_state else ())):
            penalize(layer.activity_regularizer, given)
        return ran

    ahead, behind = p.halves(initial_state)
    forward = read("forward", p.forward, ahead)
    backward = read("backward", p.backward, behind)
    reversed_ = backward.output.flip(1) if p.forward.return_sequences else backward.output
    outputs = merge(p.merge_mode, forward.output, reversed_)
    masks = (mask if p.forward.return_sequences else None,) * len(outputs)
    if p.forward.return_state:
        states = forward.states + backward.states
        outputs, masks = outputs + states, masks + (None,) * len(states)
    return Masked(outputs, masks) if len(outputs) > 1 else Masked(outputs[0], masks[0])


def merge(mode: str | None, forward: Tensor, backward: Tensor) -> tuple[Tensor, ...]:
    """Two outputs, (batch, units) or (batch, time, units) each, as one; both where not merged."""
    if mode == "concat":
        return (torch.cat((forward, backward), -1),)
    if mode == "sum":
        return (forward + backward,)
    if mode == "mul":
        return (forward * backward,)
    if mode == "ave":
        return ((forward + backward) / 2,)
    return forward, backward


@lowers(TimeDistributed)
def time_distributed(
    p: TimeDistributed, w: Any, x: Tensor, *, body: Body, mask: Tensor | None, folds: bool
) -> Masked:
    # `folds`: one batch of the body may hold different steps of the same sample.
    made = folded(body, x, mask) if folds else stepped(body, x, mask)
    if isinstance(made, Tensor):
        return Masked(made, handed_on(mask, made))
    return Masked(made, tuple(handed_on(mask, each) for each in made))


def folded(body: Body, x: Tensor, mask: Tensor | None) -> Any:
    """One call on (batch * time, ...)."""
    made = body(x.flatten(0, 1), None if mask is None else mask.flatten(0, 1))
    if isinstance(made, Tensor):
        return made.reshape(*x.shape[:2], *made.shape[1:])  # (batch, time, ...)
    return tuple(each.reshape(*x.shape[:2], *each.shape[1:]) for each in made)


def stepped(body: Body, x: Tensor, mask: Tensor | None) -> Any:
    """One call on (batch, ...) for each step, in order."""
    masks = [None] * x.shape[1] if mask is None else mask.unbind(1)
    made = [body(*step) for step in zip(x.unbind(1), masks, strict=True)]
    if isinstance(made[0], Tensor):
        return torch.stack(made, 1)  # (batch, time, ...)
    return tuple(torch.stack(each, 1) for each in zip(*made, strict=True))


def handed_on(mask: Tensor | None, y: Tensor) -> Tensor | None:
    """The mask of what comes out (batch, time, ...).

    Where the layer has read the axes that a mask has beyond time (words of a sentence), a step is
    there if any part of it was. Keras hands the mask on as it is, which no layer after can use.
    """
    if mask is None or mask.ndim < y.ndim or mask.ndim <= 2:
        return mask
    return mask.flatten(2).any(2)  # (batch, time)
