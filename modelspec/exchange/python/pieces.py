"""Plain PyTorch that a file takes along where torch.nn has no module: each class as it stands here.

Their text goes into files that import nothing but torch, so nothing here refers to this package,
and an activation is `torch.tanh` or any other function of a tensor.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Function = Callable[[Tensor], Tensor]


class GaussianNoise(nn.Module):
    """Adds noise around zero in training."""

    def __init__(self, stddev: float) -> None:
        super().__init__()
        self.stddev = stddev

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x) * self.stddev if self.training else x


class GaussianDropout(nn.Module):
    """Multiplies by noise around one in training, of the variance that dropping `rate` has."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.stddev = (rate / (1 - rate)) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + torch.randn_like(x) * self.stddev) if self.training else x


class SteppedRNN(nn.Module):
    """A recurrent layer of other activations than torch.nn's, one step after the other.

    `forward` gives every state over time, (batch, time, units) each; the first is the output.
    """

    def __init__(
        self, features: int, units: int, activation: Function, gate: Function, drop: float = 0.0
    ) -> None:
        super().__init__()
        self.units, self.activation, self.gate, self.drop = units, activation, gate, drop
        self.input = nn.Linear(features, self.gates * units)
        self.recurrent = nn.Linear(units, self.gates * units)

    gates, states = 1, 1

    def step(self, x: Tensor, states: list[Tensor], keep: Tensor) -> list[Tensor]:
        return [self.activation(x + self.recurrent(states[0] * keep[0]))]

    def forward(self, x: Tensor, states: list[Tensor] | None = None) -> list[Tensor]:
        states = states or [x.new_zeros(x.shape[0], self.units) for _ in range(self.states)]
        keep = F.dropout(x.new_ones(self.gates, x.shape[0], self.units), self.drop, self.training)
        passed = []
        for at_step in self.input(x).unbind(1):  # (batch, gates * units)
            states = self.step(at_step, states, keep)
            passed.append(states)
        return [torch.stack(each, 1) for each in zip(*passed, strict=True)]

    def project(self, state: Tensor, keep: Tensor) -> list[Tensor]:
        """The state's share of each gate, (batch, units) each."""
        weights, biases = (
            self.recurrent.weight.chunk(self.gates),
            self.recurrent.bias.chunk(self.gates),
        )
        return [F.linear(state * k, w, b) for k, w, b in zip(keep, weights, biases, strict=True)]


class SteppedLSTM(SteppedRNN):
    """Gates in the order input, forget, cell, output; states: hidden and cell."""

    gates, states = 4, 2

    def step(self, x: Tensor, states: list[Tensor], keep: Tensor) -> list[Tensor]:
        hidden, cell = states
        gates = zip(x.chunk(4, 1), self.project(hidden, keep), strict=True)
        take, forget, new, show = [a + b for a, b in gates]
        cell = self.gate(forget) * cell + self.gate(take) * self.activation(new)
        return [self.gate(show) * self.activation(cell), cell]


class SteppedGRU(SteppedRNN):
    """Gates in the order update, reset, candidate; the reset acts on the state's product."""

    gates = 3

    def step(self, x: Tensor, states: list[Tensor], keep: Tensor) -> list[Tensor]:
        x_update, x_reset, x_new = x.chunk(3, 1)
        update, reset, product = self.project(states[0], keep)
        update, reset = self.gate(x_update + update), self.gate(x_reset + reset)
        new = self.activation(x_new + reset * product)
        return [update * states[0] + (1 - update) * new]


class ResetFirstGRU(SteppedRNN):
    """A GRU whose reset gate acts on the state, before its product with the kernel."""

    gates = 3

    def step(self, x: Tensor, states: list[Tensor], keep: Tensor) -> list[Tensor]:
        x_update, x_reset, x_new = x.chunk(3, 1)
        update, reset, _ = self.project(states[0], keep)
        update, reset = self.gate(x_update + update), self.gate(x_reset + reset)
        new = self.activation(x_new + self.project(reset * states[0], keep)[2])
        return [update * states[0] + (1 - update) * new]


def valid_steps_first(x: Tensor, mask: Tensor) -> Tensor:
    """The steps of `x` (batch, time, ...) with those that the mask leaves out at the end."""
    order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
    return x.gather(1, order.reshape(*order.shape, 1).expand(x.shape))


def held_over_masked(outputs: Tensor, mask: Tensor, start: Tensor | None = None) -> Tensor:
    """Outputs of valid steps that ran first, back where they belong; a masked step has the one
    before it, or what the layer started from.
    """
    seen = mask.cumsum(1)[..., None]  # (batch, time, 1)
    held = outputs.gather(1, (seen - 1).clamp(min=0).expand(outputs.shape))
    begin = torch.zeros_like(held) if start is None else start[:, None].expand(held.shape)
    return torch.where(seen > 0, held, begin)


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
        dropout: float = 0.0,
        exact: bool = False,
        gate: bool = False,
    ) -> None:
        super().__init__()
        of_query, of_value, of_key, made = sizes
        self.heads, self.dropout, self.exact = heads, dropout, exact
        self.query = nn.Linear(of_query, heads * key_dim, bias)
        self.key = nn.Linear(of_key, heads * key_dim, bias)
        self.value = nn.Linear(of_value, heads * value_dim, bias)
        self.gate = nn.Linear(of_query, heads * value_dim, bias) if gate else None
        self.output = nn.Linear(heads * value_dim, made, bias)

    def forward(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        mask: Tensor | None = None,
        causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        q = self.query(query).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        k = self.key(value if key is None else key).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        v = self.value(value).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        scores = None
        if self.exact:
            scores = self.scores(q, k, mask)
            mixed = F.dropout(scores, self.dropout, self.training) @ v
        else:
            lowest = torch.finfo(q.dtype).min * 0.7
            penalty = None
            if mask is not None:
                penalty = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, lowest)
            mixed = F.scaled_dot_product_attention(q, k, v, penalty, is_causal=causal)
        taken = mixed.transpose(1, 2).flatten(2)  # (batch, queries, heads * value_dim)
        if self.gate is not None:
            taken = taken * torch.sigmoid(self.gate(query))
        return self.output(taken), scores

    def scores(self, q: Tensor, k: Tensor, mask: Tensor | None) -> Tensor:
        """What each query gives to each value: (batch, heads, queries, values)."""
        raw = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        if mask is None:
            return torch.softmax(raw, -1)
        seen: Tensor = torch.where(mask, raw, -1e9).softmax(-1)
        return seen.where(mask, 0)


def band(query: Tensor, value: Tensor, causal: bool, reach: int | None) -> Tensor:
    """Which pairs of positions are near enough: (queries, values)."""
    rows = torch.arange(query.shape[1], device=query.device)[:, None]
    columns = torch.arange(value.shape[1], device=query.device)
    near = (rows >= columns) if causal else torch.ones_like(rows >= columns)
    return near if reach is None else near & ((rows - columns).abs() < reach)


#: What a piece refers to.
NEEDS: dict[str, tuple[str, ...]] = {
    "SteppedLSTM": ("SteppedRNN",),
    "SteppedGRU": ("SteppedRNN",),
    "ResetFirstGRU": ("SteppedRNN",),
}
