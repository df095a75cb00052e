"""Normalization as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers import normalization
from modelspec.catalog.layers.merging import axis_of
from modelspec.exchange.python import plain, spatial
from modelspec.exchange.python.calls import (
    FIRST,
    SPEC,
    Out,
    Site,
    Unwritten,
    arguments,
    below,
    cast,
)
from modelspec.exchange.python.plain import unit


def affine(p: Any, site: Site, shape: Any) -> dict[str, Tensor]:
    """Gamma and beta as torch's modules have them; one that the layer lacks does nothing."""
    made = {}
    if p.scale or p.center:
        made["weight"] = site.weights["gamma"] if p.scale else torch.ones(*shape)
        made["bias"] = site.weights["beta"] if p.center else torch.zeros(*shape)
    return made


def batch_normalization(p: normalization.BatchNormalization, site: Site) -> Out:
    rank, axis = len(site.shape()) + 1, axis_of("axis", p.axis, site.shape()) + 1
    layout = SPEC if axis == 1 else FIRST
    if axis not in (1, rank - 1) or rank > 5:
        raise Unwritten(f"its features stand on axis {p.axis} of {rank}")
    features = site.weights["moving_mean"].shape
    state = affine(p, site, features)
    state |= {"running_mean": site.weights["moving_mean"],
              "running_var": site.weights["moving_variance"],
              "num_batches_tracked": torch.zeros((), dtype=torch.int64)}  # fmt: skip
    named = margin(p)
    if p.momentum != 0.9:
        named["momentum"] = round(1 - p.momentum, 9)
    if not (p.scale or p.center):
        named["affine"] = False
    kind = f"nn.BatchNorm{max(rank - 2, 1)}d"
    note = "trained with batch renormalization" if p.renorm else ""
    made = f"{kind}({arguments(features[0], **named)})"
    return Out(normalized(site, site.module(made, wide(state), note=note), layout), layout)


def margin(p: Any) -> dict[str, Any]:
    """What is added to the variance, where it is not torch's."""
    return {} if p.epsilon == 1e-5 else {"eps": p.epsilon}


def wide(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in no narrower a dtype than float32, as sums are taken in it."""
    return {
        name: value.float() if value.is_floating_point() and value.dtype.itemsize < 4 else value
        for name, value in state.items()
    }


def normalized(site: Site, module: str, layout: str = SPEC) -> str:
    """The call of a module on the input, in no narrower a dtype than float32."""
    x = site.x(layout=layout)
    if site.compute in ("float16", "bfloat16") or site.is_whole():
        made = f"{module}({cast(x, 'float32')})"
        return made if site.is_whole() else cast(made, site.compute)
    return f"{module}({x})"


def layer_normalization(p: normalization.LayerNormalization, site: Site) -> Out:
    axes, rank = [axis + 1 for axis in p.over(site.shape())], len(site.shape()) + 1
    shape = [site.shape()[axis - 1] for axis in axes]
    if not all(isinstance(dim, int) for dim in shape):
        raise Unwritten("it normalizes over axes whose sizes the spec does not know")
    last = list(range(rank - len(axes), rank))
    state = affine(p, site, shape)
    named = margin(p)
    if not state:
        named["elementwise_affine"] = False
    elif not p.center:
        del state["bias"]
        named["bias"] = False
    wanted = str(shape[0]) if len(shape) == 1 else str(tuple(shape))
    if p.center and not p.scale and site.compute in ("float32", "float64"):
        return Out(offset_alone(p, site, axes, last, shape))
    module = site.module(f"nn.LayerNorm({arguments(wanted, **named)})", wide(state))
    if axes == last:
        return Out(normalized(site, module))
    if site.compute in ("float16", "bfloat16"):
        raise Unwritten(f"it computes in {site.compute} over other axes than the last ones")
    x = site.floats()
    return Out(f"{module}({x}.movedim({axes}, {last})).movedim({last}, {axes})")


def offset_alone(p: Any, site: Site, axes: list[int], last: list[int], shape: Any) -> str:
    """torch.nn has no module with an offset and no factor."""
    x = site.floats()
    x = x if axes == last else f"{x}.movedim({axes}, {last})"
    given = arguments(x, tuple(shape), bias=site.parameter("beta"), eps=p.epsilon)
    made = f"F.layer_norm({given})"
    return made if axes == last else f"{made}.movedim({last}, {axes})"


def group_normalization(p: normalization.GroupNormalization, site: Site) -> Out:
    rank, axis = len(site.shape()) + 1, axis_of("axis", p.axis, site.shape()) + 1
    if axis not in (1, rank - 1):
        raise Unwritten(f"its features stand on axis {p.axis} of {rank}")
    layout, features = (SPEC if axis == 1 else FIRST), site.shape()[axis - 1]
    groups = features if p.groups == -1 else p.groups
    state = affine(p, site, [features])
    named = {**margin(p), **({} if state else {"affine": False})}
    module = site.module(f"nn.GroupNorm({arguments(groups, features, **named)})", wide(state))
    return Out(normalized(site, module, layout), layout)


def rms_normalization(p: normalization.RMSNormalization, site: Site) -> Out:
    axes, rank = [axis + 1 for axis in p.over(site.shape())], len(site.shape()) + 1
    scale = site.weights["scale"]
    if axes != list(range(rank - len(axes), rank)):
        x, factor = site.floats(), spread(site, axes)
        inverse = f"({x}.square().mean({tuple(axes)}, keepdim=True) + {p.epsilon}).rsqrt()"
        return Out(f"{x} * {inverse} * {factor}")
    wanted = str(scale.shape[0]) if scale.ndim == 1 else str(tuple(scale.shape))
    module = site.module(f"nn.RMSNorm({wanted}, eps={p.epsilon})", wide({"weight": scale}))
    return Out(normalized(site, module))


def spread(site: Site, axes: list[int]) -> str:
    """The scale with axes of size 1 among its own."""
    scale = site.parameter("scale")
    first = min(axes)
    index = ", ".join(
        ":" if axis in axes else "None" for axis in range(first, len(site.shape()) + 1)
    )
    return f"{scale}[{index}]"


def unit_normalization(p: normalization.UnitNormalization, site: Site) -> Out:
    axes = [axis + 1 for axis in p.over(site.shape())]
    along = axes[0] if len(axes) == 1 else tuple(axes)
    if site.compute in ("float16", "bfloat16"):
        made = unit(site, cast(site.floats(), "float32"), along)
        return Out(cast(made, site.compute))
    return Out(unit(site, site.floats(), along))


def spectral(p: normalization.SpectralNormalization, site: Site) -> Any:
    """The layer inside, with the kernel that training left."""
    inner = copy(site)
    inner.weights = below(site.weights, "layer")
    inner.note = "trained with its kernel over its largest singular value"
    return INSIDE[type(p.inner)](p.inner, inner)


INSIDE: dict[type, Callable[[Any, Site], Any]] = {**plain.GENERATORS, **spatial.GENERATORS}


GENERATORS: dict[type, Callable[[Any, Site], Out]] = {
    normalization.BatchNormalization: batch_normalization,
    normalization.LayerNormalization: layer_normalization,
    normalization.GroupNormalization: group_normalization,
    normalization.RMSNormalization: rms_normalization,
    normalization.UnitNormalization: unit_normalization,
    normalization.SpectralNormalization: spectral,
}
