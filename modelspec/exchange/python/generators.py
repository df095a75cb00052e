"""How each layer is written, by its class."""

from __future__ import annotations

from copy import copy
from typing import Any

from modelspec.catalog.layers.augmentation.composite import Pipeline
from modelspec.catalog.words import snake
from modelspec.exchange.python import (
    activations,
    attention,
    augmentation,
    cells,
    conv_recurrent,
    foreign,
    images,
    normalization,
    ops,
    ops_of_axes,
    plain,
    pooling,
    recurrent,
    regularization,
    reshaping,
    sound,
    spatial,
    values,
    wrappers,
)
from modelspec.exchange.python.calls import Out, Site, Unwritten, Value, comment
from modelspec.model.graph import Tensor as Known


def pipeline(p: Pipeline, site: Site) -> Out:
    """Its layers, one after the other."""
    out, value = Out(""), site.value()
    for number, layer in enumerate(p.inside, 1):
        inner = copy(site)
        inner.inputs, inner.part = [value], f"{snake(type(layer).__name__)}_{number}"
        out = written(layer, inner)
        kind = layer.dtypes(site.compute, value.known.dtype)[0]
        shape = layer.shape(value.shape)
        known = Known(0, "", shape, kind, value.known.span, None)
        out = out._replace(text=site.let(out.text, comment(shape, out.layout)))
        value = Value(known, {out.layout: out.text}, value.mask)
    return out


def written(layer: Any, site: Site) -> Any:
    """What a call of a layer becomes: an `Out`, or one for each output."""
    if type(layer) not in GENERATORS:
        raise Unwritten("it has no counterpart in plain PyTorch")
    return GENERATORS[type(layer)](layer, site)


GENERATORS: dict[type, Any] = {
    **plain.GENERATORS, **reshaping.GENERATORS, **activations.GENERATORS, **spatial.GENERATORS,
    **pooling.GENERATORS, **normalization.GENERATORS, **regularization.GENERATORS,
    **recurrent.GENERATORS, **cells.GENERATORS, **conv_recurrent.GENERATORS,
    **wrappers.GENERATORS, **attention.GENERATORS, **ops.GENERATORS, **ops_of_axes.GENERATORS,
    **values.GENERATORS,
    **images.GENERATORS, **augmentation.GENERATORS, **sound.GENERATORS, **foreign.GENERATORS,
    Pipeline: pipeline,
}  # fmt: skip
