"""Recurrent layers of other kinds than torch.nn's."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Function = Callable[[Tensor], Tensor]


class SteppedRNN(nn.Module):
    """A recurrent layer of other activations than torch.nn's, one step after the other."""

    gates, states = 1, 1

    def __init__(
        self,
        features: int,
        units: int,
        activation: Function,
        gate: Function = torch.sigmoid,
        bias: bool = True,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.units, self.activation, self.gate, self.drop = units, activation, gate, drop
        self.input = nn.Linear(features, self.gates * units, bias=False)
        self.recurrent = nn.Linear(units, self.gates * units, bias=False)
        self.bias = nn.Parameter(torch.zeros(self.gates * units)) if bias else None

    def forward(self, x: Tensor, states: list[Tensor] | None = None) -> list[Tensor]:
        """Every state over time, (batch, time, units) each; the first is the output."""
        states = states or [x.new_zeros(len(x), self.units)] * self.states
        keep = self.kept(states[0])
        passed = []
        for at_step in self.inputs(x.transpose(0, 1)):  # (batch, gates * units)
            states = self.step(at_step, states, keep)
            passed.append(states)
        return [torch.stack(each, 1) for each in zip(*passed, strict=True)]

    def cell(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """One step: the next states, (batch, units) each; the first is the output."""
        return self.step(self.inputs(x), states, self.kept(states[0]))

    def inputs(self, x: Tensor) -> Tensor:
        """What the inputs add to all gates, (..., gates * units)."""
        made: Tensor = self.input(x)
        return made if self.bias is None else made + self.bias

    def step(self, x: Tensor, states: list[Tensor], keep: Tensor | None) -> list[Tensor]:
        return [self.activation(x + self.project(states[0], keep))]

    def kept(self, state: Tensor) -> Tensor | None:
        """What the state is multiplied by for each gate; None where nothing is dropped."""
        if not self.drop or not self.training:
            return None
        return F.dropout(state.new_ones(self.gates, *state.shape), self.drop)

    def project(self, state: Tensor, keep: Tensor | None) -> Tensor:
        """What the state adds to all gates, (batch, gates * units)."""
        if keep is None:
            return self.recurrent(state)  # type: ignore[no-any-return]
        gates = zip(keep, self.recurrent.weight.chunk(self.gates), strict=True)
        return torch.cat([F.linear(state * factor, weight) for factor, weight in gates], 1)


class SteppedLSTM(SteppedRNN):
    """Gates in the order input, forget, cell, output; states: hidden and cell."""

    gates, states = 4, 2

    def step(self, x: Tensor, states: list[Tensor], keep: Tensor | None) -> list[Tensor]:
        hidden, cell = states
        take, forget, new, show = (x + self.project(hidden, keep)).chunk(4, 1)
        cell = self.gate(forget) * cell + self.gate(take) * self.activation(new)
        return [self.gate(show) * self.activation(cell), cell]


class SteppedGRU(SteppedRNN):
    """Gates in the order update, reset, candidate; the reset acts on the state's product."""

    gates = 3

    def __init__(
        self,
        features: int,
        units: int,
        activation: Function,
        gate: Function = torch.sigmoid,
        bias: bool = True,
        drop: float = 0.0,
    ) -> None:
        super().__init__(features, units, activation, gate, bias, drop)
        self.recurrent_bias = nn.Parameter(torch.zeros(3 * units)) if bias else None

    def step(self, x: Tensor, states: list[Tensor], keep: Tensor | None) -> list[Tensor]:
        both = [2 * self.units, self.units]  # update and reset; candidate
        x_gates, x_new = torch.split(x, both, 1)
        inner = self.project(states[0], keep)
        inner = inner if self.recurrent_bias is None else inner + self.recurrent_bias
        gates, product = torch.split(inner, both, 1)
        update, reset = map(self.gate, (x_gates + gates).chunk(2, 1))
        new = self.activation(x_new + reset * product)
        return [update * states[0] + (1 - update) * new]


class ResetFirstGRU(SteppedRNN):
    """A GRU whose reset gate acts on the state, before its product with the kernel."""

    gates = 3

    def step(self, x: Tensor, states: list[Tensor], keep: Tensor | None) -> list[Tensor]:
        state, both = states[0], [2 * self.units, self.units]
        x_gates, x_new = torch.split(x, both, 1)
        kernel, kernel_new = torch.split(self.recurrent.weight, both)
        if keep is None:
            gates = F.linear(state, kernel)
        else:
            parts = zip(keep, kernel.chunk(2), strict=False)
            gates = torch.cat([F.linear(state * factor, weight) for factor, weight in parts], 1)
        update, reset = map(self.gate, (x_gates + gates).chunk(2, 1))
        kept = reset * state if keep is None else reset * state * keep[2]
        new = self.activation(x_new + F.linear(kept, kernel_new))
        return [update * state + (1 - update) * new]


class ConvLSTM(nn.Module):
    """An LSTM whose steps are images: `input` and `recurrent` are convolutions to its four gates,
    in the order input, forget, cell, output.
    """

    def __init__(
        self,
        input: nn.Module,
        recurrent: nn.Module,
        activation: Function,
        gate: Function,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.input, self.recurrent = input, recurrent
        self.activation, self.gate, self.drop = activation, gate, drop

    def forward(self, x: Tensor, states: list[Tensor] | None = None) -> list[Tensor]:
        """Hidden and cell over time, (batch, time, filters, *space) each, from
        (batch, time, channels, *space).
        """
        inputs = self.input(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        hidden, cell = states or [torch.zeros_like(inputs[:, 0].chunk(4, 1)[0])] * 2
        keep = F.dropout(torch.ones_like(hidden), self.drop, self.training)
        passed = []
        for at_step in inputs.unbind(1):  # (batch, 4 * filters, *space)
            gates = at_step + self.recurrent(hidden * keep)
            take, forget, new, show = gates.chunk(4, 1)
            cell = self.gate(forget) * cell + self.gate(take) * self.activation(new)
            hidden = self.gate(show) * self.activation(cell)
            passed.append((hidden, cell))
        return [torch.stack(each, 1) for each in zip(*passed, strict=True)]
