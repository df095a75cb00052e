"""Which parameter of the written model holds which weight of the spec, and in which layout.

The source is written once more with numbers in place of weights, a different one for each element:
where they turn up says all there is to know, whatever a layer's generator does with its weights.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelspec.catalog import optimizers as words
from modelspec.engine.weights import trainables
from modelspec.exchange.python.source import python_source
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Report

#: The first number that stands for an element: those below are constants of torch's modules.
FIRST = 2


class Parameter(NamedTuple):
    """A trained parameter: its name in the state, its weight's name and shape in the spec, and the
    order in which its axes are the weight's; `turned` is its shape then, of which the weight's may
    split axes. Where a GRU's gates stand in another order, so do the columns. `row` says that it
    is one row of the weight.
    """

    name: str
    weight: str
    shape: tuple[int, ...]
    order: tuple[int, ...]
    turned: tuple[int, ...]
    row: int | None = None

    @property
    def same(self) -> bool:
        """Whether the axes are the weight's own."""
        return self.order == tuple(range(len(self.order))) and self.turned == self.shape

    @property
    def access(self) -> str:
        """How the script reads it: `model.blocks[0].dense.weight`."""
        return "model" + "".join(
            f"[{part}]" if part.isdigit() else f".{part}" for part in self.name.split(".")
        )

    @property
    def laid_out(self) -> str:
        """A view of it with the weight's axes."""
        if self.same:
            return self.access
        turned = self.access
        if self.order != tuple(range(len(self.order))):
            matrix = self.order == (1, 0)
            turned += ".T" if matrix else f".permute({', '.join(map(str, self.order))})"
        return turned if self.turned == self.shape else f"{turned}.view{self.shape}"


class Parameters:
    """The trained parameters, and those of torch's modules that stand for no trained weight."""

    def __init__(self, trained: list[Parameter], fixed: dict[str, str]) -> None:
        self.trained = trained
        self.fixed = fixed  # names in the state -> the weight that each holds, "" for none

    def of(self, weight: str) -> list[Parameter]:
        """Those that hold a weight: one, or one for each of its rows."""
        return [one for one in self.trained if one.weight == weight]


def parameters(
    graph: Graph, weights: Mapping[str, Tensor], known: Mapping[str, Any], report: Report
) -> Parameters:
    """What each tensor of the written model's state is; reports weights that cannot be trained.
    `known` are the vocabularies of layers.
    """
    starts, numbered, at = [], {}, FIRST
    for name, value in weights.items():
        starts.append(at)
        numbers = torch.arange(at, at + value.numel(), dtype=torch.float64)
        numbered[name] = numbers.reshape(value.shape)
        at += value.numel()
    names, trains = list(weights), set(trainables(graph))
    found, fixed, split = dict[str, list[Parameter]](), dict[str, str](), set[str]()
    for name, held in python_source(graph, numbered, vocabularies=known).state.items():
        owners = {names[bisect_right(starts, int(n)) - 1] for n in extremes(held) if n >= FIRST}
        learns = owners & trains
        if not learns:
            fixed[name] = next(iter(owners), "")
            continue
        weight = next(iter(owners))
        one = None if len(owners) > 1 else parameter(name, held, weight, numbered[weight])
        others = found.setdefault(weight, [])
        if one is None or one.row in [other.row for other in others]:
            split |= learns
        else:
            others.append(one)
    for weight in trains:
        rows = [one.row for one in found.get(weight, [])]
        whole = rows == [None] or rows == list(range(len(weights[weight])))
        if weight in split or not whole or (None not in rows and needs_whole(graph)):
            refuse(graph, weight, report)
    return Parameters([one for weight in trainables(graph) for one in found.get(weight, [])], fixed)


def needs_whole(graph: Graph) -> bool:
    """Whether a rule takes a weight as one: its norm, its rows and columns, or as a matrix."""
    word: Any = graph.spec.training.optimizer
    return isinstance(word, words.Lamb | words.Adafactor | words.Muon) or word.clipnorm is not None


def parameter(name: str, held: Tensor, weight: str, numbered: Tensor) -> Parameter | None:
    """What a tensor is of a weight: all of it, or a row; None where it is neither."""
    rows: list[int | None] = [None, *(range(len(numbered)) if numbered.ndim > 1 else ())]
    for row in rows:
        part = numbered if row is None else numbered[row]
        order = order_of(held, part)
        if order is not None:
            turned = tuple(held.shape[axis] for axis in order)
            return Parameter(name, weight, tuple(part.shape), order, turned, row)
    return None


def extremes(held: Tensor) -> list[float]:
    """The smallest and largest numbers: of two owners, at least one of them tells."""
    if not held.numel():
        return []
    flat = held.double().flatten()
    return [float(flat.min()), float(flat.max())]


def order_of(held: Tensor, numbered: Tensor) -> tuple[int, ...] | None:
    """The order of axes in which the elements are a weight's; None where there is none."""
    if held.numel() != numbered.numel():
        return None
    held = held.double()
    orders = list(permutations(range(held.ndim)))
    orders.sort(key=lambda order: held.permute(order).shape != numbered.shape)
    for order in orders:
        turned = held.permute(order)
        for one in (turned, *gates_back(turned)):
            if torch.equal(one.reshape(numbered.shape), numbered):
                return order
    return None


def gates_back(turned: Tensor) -> Iterator[Tensor]:
    """With a GRU's gates in the spec's order: torch keeps reset, update, candidate."""
    if turned.ndim and turned.shape[-1] % 3 == 0:
        reset, update, new = turned.chunk(3, -1)
        yield torch.cat([update, reset, new], -1)


def refuse(graph: Graph, weight: str, report: Report) -> None:
    owner = next(one for one in graph.owners.values() if weight in map(one.name, one.weights))
    report.error(
        "cannot-export",
        "a trained weight is one parameter of a PyTorch module",
        owner.call.span,
        f"`{weight}` is none, or several",
        help="leave out `--with-training`, or write `trainable: false`",
    )
