"""torch.nn's own modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from modelspec.catalog.layers import foreign
from modelspec.exchange.python.calls import OTHERS, Out, Site, Unwritten, arguments
from modelspec.exchange.python.layout import quoted


def torch_module(p: foreign.TorchModule, site: Site) -> Out:
    given = p.args if isinstance(p.args, dict) else {}
    listed = p.args if isinstance(p.args, list) else []
    named = {name: literal(value) for name, value in given.items()}
    made = arguments(*map(literal, listed), **named)
    module = site.module(f"nn.{p.class_.removeprefix('torch.nn.')}({made})", dict(site.weights))
    called = f"{module}({', '.join(site.read(value) for value in site.values())})"
    kind = vars(nn).get(p.class_.rpartition(".")[2])
    tupled = isinstance(kind, type) and issubclass(
        kind, nn.RNNBase | nn.RNNCellBase | nn.MultiheadAttention
    )
    if (tupled and p.class_.endswith("LSTMCell")) or (tupled and not p.class_.endswith("Cell")):
        called += "[0]"
    return Out(called, mask=None)


def literal(value: Any) -> str:
    """A plain value as Python writes it."""
    return quoted(value) if isinstance(value, str) else repr(value)


def own_class(p: foreign.PythonModule, site: Site) -> Out:
    raise Unwritten("it is a class of your own, which the file cannot import", OTHERS)


GENERATORS: dict[type, Callable[[Any, Site], Any]] = {
    foreign.TorchModule: torch_module,
    foreign.PythonModule: own_class,
}
