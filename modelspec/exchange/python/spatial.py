"""Convolutions, normalization and noise as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers import convolution, normalization, regularization
from modelspec.catalog.layers.merging import axis_of
from modelspec.engine.layers.convolution import cut
from modelspec.engine.spatial import same
from modelspec.exchange.python.activations import activated
from modelspec.exchange.python.calls import (
    FIRST,
    SPEC,
    Out,
    Site,
    Unwritten,
    arguments,
    sizes,
)

Edges = list[tuple[int, int]]


def native(p: Any) -> str:
    """The layout in which the channels come first."""
    return FIRST if p.data_format == "channels_last" else SPEC


def space(p: Any, site: Site) -> tuple[Any, ...]:
    shape = site.shape()
    return shape[:-1] if p.data_format == "channels_last" else shape[1:]


def around(site: Site, p: Any, size: Any, strides: Any, dilation: Any) -> Edges:
    """The cells before and after, for each axis."""
    found = []
    for length, k, stride, d in zip(space(p, site), size, strides, dilation, strict=True):
        if not isinstance(length, int) and stride > 1:
            raise Unwritten("`padding: same` with strides wants sizes that the spec knows")
        found.append(same(length if isinstance(length, int) else 0, k, stride, d))
    return found


def padded(x: str, edges: Edges) -> str:
    return f"F.pad({x}, {tuple(cells for pair in reversed(edges) for cells in pair)})"


def given(**named: Any) -> dict[str, Any]:
    """Arguments of a convolution that are not what they are by default."""
    usual = {"stride": "1", "padding": "0", "dilation": "1", "groups": "1", "bias": "True",
             "output_padding": "0"}  # fmt: skip
    texts = {name: str(value) for name, value in named.items()}
    return {name: text for name, text in texts.items() if usual[name] != text}


def window(p: convolution.Convolution, site: Site, kernel: Tensor, bias: Any, groups: int,
           part: str = "") -> str:  # fmt: skip
    """The input under a sliding window: `kernel` is `(out, in, *window)`."""
    x = site.x(layout=native(p)) if not site.value().known.dtype.startswith("int") else (
        f"{site.x(layout=native(p))}.float()"
    )  # fmt: skip
    edges: Edges = [(0, 0)] * p.rank
    if p.padding == "causal":
        edges = [(p.dilation_rate[0] * (p.kernel_size[0] - 1), 0)]
    elif p.padding == "same":
        edges = around(site, p, p.kernel_size, p.strides, p.dilation_rate)
    even = all(before == after for before, after in edges)
    if not even:
        x = padded(x, edges)
    named = given(
        stride=sizes(p.strides),
        padding=sizes([before for before, _ in edges]) if even else 0,
        dilation=sizes(p.dilation_rate),
        groups=groups,
        bias=bias is not None,
    )
    state = {"weight": kernel, **({} if bias is None else {"bias": bias})}
    channels = kernel.shape[1] * groups
    made = arguments(channels, kernel.shape[0], sizes(p.kernel_size), **named)
    return f"{site.module(f'nn.Conv{p.rank}d({made})', state, part)}({x})"


def turned(kernel: Tensor) -> Tensor:
    """`(*window, in, out)` as torch's `(out, in, *window)`."""
    rank = kernel.ndim - 2
    return kernel.permute(rank + 1, rank, *range(rank))


def apart(kernel: Tensor) -> Tensor:
    """A depthwise kernel `(*window, in, multiplier)` as `(in * multiplier, 1, *window)`."""
    return kernel.flatten(-2).movedim(-1, 0).unsqueeze(1)


def convolve(p: convolution.Convolution, site: Site) -> Out:
    text = window(p, site, turned(site.weights["kernel"]), site.weights.get("bias"), p.groups)
    return Out(activated(site, p.activation, text, native(p)), native(p))


def depthwise(p: Any, site: Site) -> Out:
    kernel = site.weights["kernel"]
    text = window(p, site, apart(kernel), site.weights.get("bias"), kernel.shape[-2])
    return Out(activated(site, p.activation, text, native(p)), native(p))


def separable(p: Any, site: Site) -> Out:
    kernel = site.weights["depthwise_kernel"]
    text = window(p, site, apart(kernel), None, kernel.shape[-2], "depthwise")
    mixing, bias = turned(site.weights["pointwise_kernel"]), site.weights.get("bias")
    state = {"weight": mixing, **({} if bias is None else {"bias": bias})}
    made = arguments(mixing.shape[1], mixing.shape[0], 1, **given(bias=bias is not None))
    module = site.module(f"nn.Conv{p.rank}d({made})", state, "pointwise")
    return Out(activated(site, p.activation, f"{module}({text})", native(p)), native(p))


def transposed(p: Any, site: Site) -> Out:
    cuts = [cut(p, axis) for axis in range(p.rank)]
    kernel = turned(site.weights["kernel"])  # (in, out, *window)
    bias = site.weights.get("bias")
    named = given(
        stride=sizes(p.strides),
        padding=sizes([before for before, _ in cuts]),
        output_padding=sizes([max(before - after, 0) for before, after in cuts]),
        bias=bias is not None,
        dilation=sizes(p.dilation_rate),
    )
    made = arguments(*kernel.shape[:2], sizes(p.kernel_size), **named)
    state = {"weight": kernel, **({} if bias is None else {"bias": bias})}
    module = site.module(f"nn.ConvTranspose{p.rank}d({made})", state)
    text = f"{module}({site.floats(layout=native(p))})"
    if any(after > before for before, after in cuts):
        ends = [f":{before - after}" if after > before else ":" for before, after in cuts]
        text += f"[:, :, {', '.join(ends)}]"
    return Out(activated(site, p.activation, text, native(p)), native(p))


# -- normalization ------------------------------------------------------------------------


def affine(p: Any, site: Site, shape: Any) -> dict[str, Tensor]:
    """Gamma and beta as torch's modules have them; one that the layer lacks does nothing."""
    made = {}
    if p.scale or p.center:
        made["weight"] = site.weights["gamma"] if p.scale else torch.ones(*shape)
        made["bias"] = site.weights["beta"] if p.center else torch.zeros(*shape)
    return made


def batch_normalization(p: normalization.BatchNormalization, site: Site) -> Out:
    if p.renorm:
        raise Unwritten("it has `renorm: true`")
    rank, axis = len(site.shape()) + 1, axis_of("axis", p.axis, site.shape()) + 1
    layout = SPEC if axis == 1 else FIRST
    if axis not in (1, rank - 1) or rank > 5:
        raise Unwritten(f"its features stand on axis {p.axis} of {rank}")
    features = site.weights["moving_mean"].shape
    state = affine(p, site, features)
    state |= {"running_mean": site.weights["moving_mean"],
              "running_var": site.weights["moving_variance"],
              "num_batches_tracked": torch.zeros((), dtype=torch.int64)}  # fmt: skip
    named: dict[str, Any] = {"eps": p.epsilon, "momentum": round(1 - p.momentum, 9)}
    if not (p.scale or p.center):
        named["affine"] = False
    kind = f"nn.BatchNorm{max(rank - 2, 1)}d"
    module = site.module(f"{kind}({arguments(features[0], **named)})", state)
    return Out(f"{module}({site.floats(layout=layout)})", layout)


def layer_normalization(p: normalization.LayerNormalization, site: Site) -> Out:
    axes, rank = [axis + 1 for axis in p.over(site.shape())], len(site.shape()) + 1
    shape = [site.shape()[axis - 1] for axis in axes]
    if not all(isinstance(dim, int) for dim in shape):
        raise Unwritten("it normalizes over axes whose sizes the spec does not know")
    last = list(range(rank - len(axes), rank))
    state = affine(p, site, shape)
    named: dict[str, Any] = {"eps": p.epsilon}
    if not state:
        named["elementwise_affine"] = False
    elif not p.center:
        del state["bias"]
        named["bias"] = False
    wanted = str(shape[0]) if len(shape) == 1 else str(tuple(shape))
    module = site.module(f"nn.LayerNorm({arguments(wanted, **named)})", state)
    x = site.floats()
    if axes == last:
        return Out(f"{module}({x})")
    return Out(f"{module}({x}.movedim({axes}, {last})).movedim({last}, {axes})")


def group_normalization(p: normalization.GroupNormalization, site: Site) -> Out:
    rank, axis = len(site.shape()) + 1, axis_of("axis", p.axis, site.shape()) + 1
    if axis not in (1, rank - 1):
        raise Unwritten(f"its features stand on axis {p.axis} of {rank}")
    layout, features = (SPEC if axis == 1 else FIRST), site.shape()[axis - 1]
    groups = features if p.groups == -1 else p.groups
    state = affine(p, site, [features])
    named = {"eps": p.epsilon, **({} if state else {"affine": False})}
    module = site.module(f"nn.GroupNorm({arguments(groups, features, **named)})", state)
    return Out(f"{module}({site.floats(layout=layout)})", layout)


def rms_normalization(p: normalization.RMSNormalization, site: Site) -> Out:
    axes, rank = [axis + 1 for axis in p.over(site.shape())], len(site.shape()) + 1
    if axes != list(range(rank - len(axes), rank)):
        raise Unwritten("it normalizes over other axes than the last ones")
    scale = site.weights["scale"]
    wanted = str(scale.shape[0]) if scale.ndim == 1 else str(tuple(scale.shape))
    module = site.module(f"nn.RMSNorm({wanted}, eps={p.epsilon})", {"weight": scale})
    return Out(f"{module}({site.floats()})")


def unit_normalization(p: normalization.UnitNormalization, site: Site) -> Out:
    axes = [axis + 1 for axis in p.over(site.shape())]
    return Out(f"F.normalize({site.floats()}, dim={axes[0] if len(axes) == 1 else tuple(axes)})")


# -- noise: nothing in inference ----------------------------------------------------------


def dropout(p: Any, site: Site) -> Out:
    if p.noise_shape is not None:
        raise Unwritten("it has a `noise_shape`")
    kind = "AlphaDropout" if isinstance(p, regularization.AlphaDropout) else "Dropout"
    text, layout = site.either()
    return Out(f"{site.module(f'nn.{kind}({p.rate})')}({text})", layout)


def spatial_dropout(p: regularization.SpatialDropout, site: Site) -> Out:
    module = site.module(f"nn.Dropout{p.rank}d({p.rate})")
    return Out(f"{module}({site.x(layout=native(p))})", native(p))


def gaussian(p: Any, site: Site) -> Out:
    amount = p.stddev if isinstance(p, regularization.GaussianNoise) else p.rate
    module = site.module(f"{site.piece(type(p).__name__)}({amount})")
    text, layout = site.either()
    return Out(f"{module}({text})", layout)


def unchanged(p: Any, site: Site) -> Out:
    text, layout = site.either()
    return Out(text, layout)


def each(module: Any, base: str, ranks: tuple[int, ...] = (1, 2, 3)) -> list[type]:
    return [vars(module)[f"{base.replace('#', str(rank))}"] for rank in ranks]


GENERATORS: dict[type, Callable[[Any, Site], Out]] = {
    **dict.fromkeys(each(convolution, "Conv#D"), convolve),
    **dict.fromkeys(each(convolution, "Conv#DTranspose"), transposed),
    **dict.fromkeys(each(convolution, "DepthwiseConv#D", (1, 2)), depthwise),
    **dict.fromkeys(each(convolution, "SeparableConv#D", (1, 2)), separable),
    **dict.fromkeys(each(regularization, "SpatialDropout#D"), spatial_dropout),
    normalization.BatchNormalization: batch_normalization,
    normalization.LayerNormalization: layer_normalization,
    normalization.GroupNormalization: group_normalization,
    normalization.RMSNormalization: rms_normalization,
    normalization.UnitNormalization: unit_normalization,
    regularization.Dropout: dropout, regularization.AlphaDropout: dropout,
    regularization.GaussianNoise: gaussian, regularization.GaussianDropout: gaussian,
    regularization.ActivityRegularization: unchanged,
}  # fmt: skip
