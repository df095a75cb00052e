"""How a lowering is written, and what it may ask for.

A lowering is a function `(p, w, *inputs)`: the declared layer with its arguments, its weights by
name (`w.kernel`), and one argument for each port of the declaration (a list for a port that takes
many, None for an optional one left out). It may ask for more, by keyword-only parameter:

- `training`: whether dropout drops and statistics move.
- `mask`: the first port's mask, `(batch, ...)` booleans or None; `masks`: one per port (a list for
  a port that takes many).
- `random`: draws for this call (`Random`), the same for the same seed, step and layer.
- `update`: `update("moving_mean", tensor)` sets a weight that is not trainable, after the step.
- `carry`: `carry("state.hidden", tensor)` sets a state that the next batch goes on from.
- `compute`: the dtype that this call computes in, where its inputs may all be integers.
- `penalize`: `penalize(word, tensor)` adds a penalty on what a part of the layer gives. Who asks
  for it answers for the layer's own `activity_regularizer` too.
- `vocabulary`: a layer's vocabulary, learnt or given (`Vocabulary`).
- `batch`: any tensor of the batch, for its size and device (layers that are called on nothing).
- `compute`: the dtype that the layer computes in.
- `body`: the wrapped layer or graph, `body(tensor, mask) -> tensor` (TimeDistributed alone).

It gives a tensor, a tuple for several outputs, or `Masked(value, mask)`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

from modelspec.catalog.index import INDEX
from modelspec.language.layer import Layer

F = TypeVar("F", bound=Callable[..., Any])


class Masked(NamedTuple):
    """What a layer with `masking = "own"` gives: its value, and the mask that goes with it.

    Several outputs are a tuple, and so are their masks.
    """

    value: Any
    mask: Tensor | tuple[Tensor | None, ...] | None


class Lowering(NamedTuple):
    """A lowering, with what it asks for."""

    function: Callable[..., Any]
    asks: frozenset[str]


def lowers(layer: type[Layer]) -> Callable[[F], F]:
    """Say which layer a function lowers."""

    def mark(function: F) -> F:
        function.__dict__.setdefault("lowered", []).append(layer)
        return function

    return mark


_found: dict[type[Layer], Lowering] = {}


def lowering(layer: type[Layer]) -> Lowering:
    """The lowering of a layer, from the engine's module of the same name as the catalogue's."""
    if layer not in _found:
        family = layer.__module__.removeprefix("modelspec.catalog.")
        module = import_module(f"modelspec.engine.{family}")
        for function in list(vars(module).values()):
            for lowered in getattr(function, "lowered", ()):
                parameters = inspect.signature(function).parameters.values()
                asks = frozenset(q.name for q in parameters if q.kind is q.KEYWORD_ONLY)
                _found[lowered] = Lowering(function, asks)
    return _found[layer]


def families() -> list[str]:
    """The engine's modules of lowerings."""
    return list(INDEX["layers"])
