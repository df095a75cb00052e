"""Layers that read a sequence both ways, as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelspec.catalog.layers import wrappers
from modelspec.catalog.layers.cells import RNN
from modelspec.catalog.layers.conv_recurrent import ConvLSTM
from modelspec.catalog.layers.recurrent import Recurrent
from modelspec.exchange.python.calls import Out, Site, below
from modelspec.exchange.python.cells import repeated
from modelspec.exchange.python.conv_recurrent import read_images
from modelspec.exchange.python.recurrent import Read, Reading, reader, sequence_mask, states_of

READERS: dict[type, Callable[..., Read]] = {
    Recurrent: reader, RNN: repeated, ConvLSTM: read_images,
}  # fmt: skip


def bidirectional(p: wrappers.Bidirectional, site: Site) -> list[Out]:
    layers: list[Any] = [p.forward, p.backward]
    mask, x = sequence_mask(site), site.floats()
    starts = p.halves(states_of(site) or None)
    reads = []
    for layer, part, states in zip(layers, ("forward", "backward"), starts, strict=True):
        given = Reading(x, mask, states or [], part)
        read = next(one for kind, one in READERS.items() if isinstance(layer, kind))
        reads.append(read(layer, site, below(site.weights, part), given, layer.return_sequences))
    ahead, behind = reads[0].output, reads[1].output
    if p.forward.return_sequences:
        behind = f"{behind}.flip(1)"
    kept = mask if p.forward.return_sequences else None
    merged = {
        None: [ahead, behind], "concat": [f"torch.cat([{ahead}, {behind}], dim=-1)"],
        "sum": [f"{ahead} + {behind}"], "mul": [f"{ahead} * {behind}"],
        "ave": [f"({ahead} + {behind}) / 2"],
    }  # fmt: skip
    outs = [Out(text, mask=kept) for text in merged[p.merge_mode]]
    if p.forward.return_state:
        outs += [Out(state, mask=None) for read in reads for state in read.states]
    return outs


GENERATORS: dict[type, Callable[[Any, Site], Any]] = {wrappers.Bidirectional: bidirectional}
