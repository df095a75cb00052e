"""Cells, which read one step, and the layer that repeats them, as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from modelspec.catalog.layers import cells
from modelspec.exchange.python.calls import Out, Site, below
from modelspec.exchange.python.recurrent import (
    Read,
    Reading,
    backwards,
    given_to,
    handed_on,
    reader,
    states_of,
    stepped_module,
    unpacked,
)

Weights = dict[str, Tensor]


def one_step(p: cells.Cell, site: Site, weights: Weights, given: Reading) -> list[str]:
    """A cell on one step: its next states, of which the first is its output."""
    layer, x = p.over_time(), given.x
    if p.dropout:
        x = f"{site.module(f'nn.Dropout({p.dropout})', None, given.named('dropout'))}({x})"
    module = stepped_module(layer, site, weights, given.part)
    names = [f"~{state}" for state in p.states]
    called = f"{module}.cell({x}, [{', '.join(given.states)}])"
    return site.writer.several(called, "", names, unpacked(len(names)))


def cell(p: cells.Cell, site: Site) -> list[Out]:
    states = one_step(p, site, site.weights, Reading(site.floats(), None, states_of(site)))
    return [Out(one, mask=None) for one in (states[0], *states)]


def stacked(p: cells.StackedRNNCells, site: Site) -> list[Out]:
    x, left = site.floats(), list[str]()
    for at, (inner, own) in enumerate(zip(p.inner, p.apart(states_of(site)), strict=True)):
        name = f"cell{at}"
        made = one_step(inner, site, below(site.weights, name), Reading(x, None, own, name))
        x, left = made[0], left + made
    return [Out(one, mask=None) for one in (x, *left)]


def repeated(p: cells.RNN, site: Site, weights: Weights, given: Reading, zero_masked: bool) -> Read:
    """All cells, each over the whole sequence."""
    if p.go_backwards:
        given = backwards(site, given)
    stack = p.stack
    inner = [p.cell.layer] if stack is None else stack.inner
    names = ["cell"] if stack is None else [f"cell{at}" for at in range(len(inner))]
    starts = [given.states]
    if stack is not None:
        starts = stack.apart(given.states) if given.states else [[] for _ in inner]
    left: list[str] = []
    for one, name, start in zip(inner, names, starts, strict=True):
        is_last = name == names[-1]
        layer = one.over_time(
            return_sequences=p.return_sequences or not is_last, return_state=p.return_state
        )
        part = "" if stack is None else name
        part = f"{given.part}_{part}".strip("_")
        own = given._replace(states=start, part=part)
        read = reader(layer, site, below(weights, name), own, zero_masked and is_last)
        given, left = given._replace(x=read.output), left + read.states
    return Read(given.x, left)


def rnn(p: cells.RNN, site: Site) -> list[Out]:
    zeros = bool(p.zero_output_for_mask)
    return handed_on(p, site, repeated(p, site, site.weights, given_to(site), zeros))


GENERATORS: dict[type, Callable[[Any, Site], Any]] = {
    **dict.fromkeys((cells.LSTMCell, cells.GRUCell, cells.SimpleRNNCell), cell),
    cells.StackedRNNCells: stacked,
    cells.RNN: rnn,
}
