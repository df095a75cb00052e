"""Layers that read a sequence step by step.

Three ideas keep this fast. The default activations run in torch's fused kernels. Elsewhere one
matrix product projects the inputs of all steps, and the loop is left with the state. And a mask
is no branch in the loop (see `sequences`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelspec.catalog.activations import Sigmoid, Tanh
from modelspec.catalog.layers.recurrent import GRU, LSTM, Recurrent, SimpleRNN
from modelspec.engine.activations import activate
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
)

Step = Callable[[Tensor, States], States]


@lowers(LSTM)
@lowers(GRU)
@lowers(SimpleRNN)
def recurrent(
    p: Recurrent,
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
    p: Recurrent,
    w: Any,
    x: Tensor,
    initial: Sequence[Tensor] | None,
    mask: Tensor | None,
    random: Random | None,
    *,
    zero_masked: bool,
) -> Ran:
    """The layer over a sequence `x`; with `random` in training, where inputs are dropped."""
    drops = NO_DROPS if random is None else draw(p, x, random)
    return run(p, w, x, initial, mask, drops, zero_masked=zero_masked)


class Drops(NamedTuple):
    """What dropout multiplies inputs and state by: nothing, one factor, or one for each gate."""

    inputs: Sequence[Tensor]  # (batch, features) each
    state: Sequence[Tensor]  # (batch, units) each


NO_DROPS = Drops((), ())


def draw(p: Recurrent, x: Tensor, random: Random) -> Drops:
    """The factors of one call. As in Keras, gates have their own where the state is dropped."""
    count = p.gates if p.recurrent_dropout else 1

    def factors(rate: float, width: int) -> list[Tensor]:
        if not rate:
            return []
        shape, kept = (x.shape[0], width), 1.0 - rate
        return [random.bernoulli(shape, kept).to(x.dtype) / kept for _ in range(count)]

    return Drops(factors(p.dropout, x.shape[-1]), factors(p.recurrent_dropout, p.units))


def run(
    p: Recurrent,
    w: Any,
    x: Tensor,
    initial: Sequence[Tensor] | None,
    mask: Tensor | None,
    drops: Drops,
    *,
    zero_masked: bool,
) -> Ran:
    """The layer over a sequence `x` (batch, time, features); outputs are in reading order."""
    x = x.to(w.kernel.dtype)
    if p.go_backwards:
        x, mask = x.flip(1), backwards(mask)
    states = as_states(initial, x, (x.shape[0], p.units), len(p.states))

    def scanned(x: Tensor, whole: bool) -> Scanned:
        return scan(p, w, x, states, drops, whole=whole)

    return over_time(p, scanned, x, states, mask, zero_masked=zero_masked)


def scan(p: Recurrent, w: Any, x: Tensor, states: States, drops: Drops, *, whole: bool) -> Scanned:
    """Every state over time, (batch, time, units) each, and the last ones, (batch, units).

    The first state is the output. A fused LSTM keeps no others over time: `whole` asks for all.
    """
    if fuses(p) and not drops.state and not (whole and isinstance(p, LSTM)):
        if drops.inputs:
            x = x * drops.inputs[0][:, None]  # (batch, time, features)
        outputs, finals = FUSED[type(p)](p, w, x, states)
        return (outputs,), finals
    step = STEPS[type(p)](p, w, drops.state)
    inputs = project(x.transpose(0, 1), w.kernel, drops.inputs)  # (time, batch, gates * units)
    if p.use_bias:
        inputs = inputs + (w.bias[0] if w.bias.ndim == 2 else w.bias)
    passed = []
    for at_step in inputs.unbind(0):  # (batch, gates * units)
        states = step(at_step, states)
        passed.append(states)
    return [torch.stack(each, 1) for each in zip(*passed, strict=True)], states


def project(x: Tensor, kernel: Tensor, factors: Sequence[Tensor]) -> Tensor:
    """`x @ kernel`, with `x` multiplied by one factor, or by one for each gate's columns."""
    if not factors:
        return x @ kernel
    kernels = kernel.chunk(len(factors), 1)
    return torch.cat([x * f @ k for f, k in zip(factors, kernels, strict=True)], -1)


# One step: from the projected inputs (batch, gates * units) and the states to the next states.


def simple_step(p: SimpleRNN, w: Any, factors: Sequence[Tensor]) -> Step:
    def step(x: Tensor, states: States) -> States:
        return (activate(p.activation, x + project(states[0], w.recurrent_kernel, factors)),)

    return step


def lstm_step(p: LSTM, w: Any, factors: Sequence[Tensor]) -> Step:
    def step(x: Tensor, states: States) -> States:
        hidden, cell = states
        gates = (x + project(hidden, w.recurrent_kernel, factors)).chunk(4, 1)
        take, keep, show = (activate(p.recurrent_activation, gates[i]) for i in (0, 1, 3))
        cell = keep * cell + take * activate(p.activation, gates[2])
        return show * activate(p.activation, cell), cell

    return step


def gru_step(p: GRU, w: Any, factors: Sequence[Tensor]) -> Step:
    units = p.units

    def each_alone(both: Tensor) -> list[Tensor]:
        # An activation such as softmax runs over the units of one gate.
        return [activate(p.recurrent_activation, gate) for gate in both.chunk(2, 1)]

    def step_after(x: Tensor, states: States) -> States:
        update_reset, candidate = torch.split(x, [2 * units, units], 1)
        inner = project(states[0], w.recurrent_kernel, factors)
        if p.use_bias:
            inner = inner + w.bias[1]
        gates, product = torch.split(inner, [2 * units, units], 1)
        update, reset = each_alone(update_reset + gates)
        new = activate(p.activation, candidate + reset * product)
        return (update * states[0] + (1 - update) * new,)

    def step_before(x: Tensor, states: States) -> States:
        update_reset, candidate = torch.split(x, [2 * units, units], 1)
        of_gates, of_candidate = torch.split(w.recurrent_kernel, [2 * units, units], 1)
        gates = project(states[0], of_gates, factors[:2])
        update, reset = each_alone(update_reset + gates)
        product = project(reset * states[0], of_candidate, factors[2:])
        new = activate(p.activation, candidate + product)
        return (update * states[0] + (1 - update) * new,)

    return step_after if p.reset_after else step_before


# All steps at once: torch's own kernels, from (batch, time, features) and the states.


def fuses(p: Recurrent) -> bool:
    """Whether torch has a kernel for this layer."""
    if not isinstance(p.activation, Tanh):
        return False
    if isinstance(p, LSTM | GRU) and not isinstance(p.recurrent_activation, Sigmoid):
        return False
    return not isinstance(p, GRU) or p.reset_after


def torch_weights(p: Recurrent, kernels: list[Tensor], biases: list[Tensor]) -> list[Tensor]:
    """Kernels and biases of inputs and state, as torch lays them out."""
    return [kernel.T for kernel in kernels] + (biases if p.use_bias else [])


def fused_lstm(p: LSTM, w: Any, x: Tensor, states: States) -> tuple[Tensor, States]:
    biases = [w.bias, torch.zeros_like(w.bias)] if p.use_bias else []
    weights = torch_weights(p, [w.kernel, w.recurrent_kernel], biases)
    start = [states[0][None], states[1][None]]
    outputs, *finals = torch._VF.lstm(x, start, weights, *settings(p))
    return outputs, tuple(final[0] for final in finals)


def fused_gru(p: GRU, w: Any, x: Tensor, states: States) -> tuple[Tensor, States]:
    biases = list(reset_first(w.bias).unbind(0)) if p.use_bias else []
    kernels = [reset_first(w.kernel), reset_first(w.recurrent_kernel)]
    weights = torch_weights(p, kernels, biases)
    outputs, final = torch._VF.gru(x, states[0][None], weights, *settings(p))
    return outputs, (final[0],)


def reset_first(weight: Tensor) -> Tensor:
    """Gates in torch's order: reset, update, candidate."""
    update, reset, candidate = weight.chunk(3, 1)
    return torch.cat((reset, update, candidate), 1)


def fused_simple(p: SimpleRNN, w: Any, x: Tensor, states: States) -> tuple[Tensor, States]:
    biases = [w.bias, torch.zeros_like(w.bias)] if p.use_bias else []
    weights = torch_weights(p, [w.kernel, w.recurrent_kernel], biases)
    outputs, final = torch._VF.rnn_tanh(x, states[0][None], weights, *settings(p))
    return outputs, (final[0],)


def settings(p: Recurrent) -> tuple[bool, int, float, bool, bool, bool]:
    """Biases, layers, dropout, whether a backward pass may follow, two directions, batch first."""
    return (p.use_bias, 1, 0.0, torch.is_grad_enabled(), False, True)


STEPS: dict[type[Recurrent], Callable[[Any, Any, Sequence[Tensor]], Step]] = {
    SimpleRNN: simple_step,
    LSTM: lstm_step,
    GRU: gru_step,
}
FUSED: dict[type[Recurrent], Callable[[Any, Any, Tensor, States], tuple[Tensor, States]]] = {
    SimpleRNN: fused_simple,
    LSTM: fused_lstm,
    GRU: fused_gru,
}
