"""Convolutions as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from modelspec.catalog.layers import convolution
from modelspec.engine.layers.convolution import cut
from modelspec.engine.spatial import same
from modelspec.exchange.python.activations import activated
from modelspec.exchange.python.calls import (
    FIRST,
    SPEC,
    Out,
    Site,
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


def around(site: Site, p: Any, size: Any, strides: Any, dilation: Any) -> Edges | None:
    """The cells before and after, for each axis; None where that is known when it runs alone."""
    found = []
    if site.step.definition in site.file.loose:
        return None
    for length, k, stride, d in zip(space(p, site), size, strides, dilation, strict=True):
        if not isinstance(length, int) and stride > 1:
            return None
        found.append(same(length if isinstance(length, int) else 0, k, stride, d))
    return found


def padded(x: str, edges: Edges) -> str:
    return f"F.pad({x}, {tuple(cells for pair in reversed(edges) for cells in pair)})"


def padded_as_it_runs(
    site: Site, x: str, size: Any, strides: Any, dilation: Any, *value: str
) -> str:
    given = arguments(x, *(tuple(one) for one in (size, strides, dilation)), *value)
    return f"{site.piece('pad_same')}({given})"


def same_edges(site: Site, x: str, length: Any, size: int, stride: int) -> str:
    """A sequence (batch, channels, time) with zeros around, as `padding: same` has them."""
    if isinstance(length, int):
        return padded(x, [same(length, size, stride)])
    return padded_as_it_runs(site, x, [size], [stride], [1])


def given(**named: Any) -> dict[str, Any]:
    """Arguments of a convolution that are not what they are by default."""
    usual = {"stride": "1", "padding": "0", "dilation": "1", "groups": "1", "bias": "True",
             "output_padding": "0"}  # fmt: skip
    texts = {name: str(value) for name, value in named.items()}
    return {name: text for name, text in texts.items() if usual[name] != text}


def window(p: convolution.Convolution, site: Site, kernel: Tensor, bias: Any, groups: int,
           part: str = "") -> str:  # fmt: skip
    """The input under a sliding window: `kernel` is `(out, in, *window)`."""
    x = site.floats(layout=native(p))
    padding: Any = 0
    edges: Edges | None = [(0, 0)] * p.rank
    if p.padding == "causal":
        edges = [(p.dilation_rate[0] * (p.kernel_size[0] - 1), 0)]
    elif p.padding == "same":
        edges = around(site, p, p.kernel_size, p.strides, p.dilation_rate)
    if edges is None:
        x = padded_as_it_runs(site, x, p.kernel_size, p.strides, p.dilation_rate)
    elif all(before == after for before, after in edges):
        padding = sizes([before for before, _ in edges])
    else:
        x = padded(x, edges)
    named = given(
        stride=sizes(p.strides),
        padding=padding,
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


def each(module: Any, base: str, ranks: tuple[int, ...] = (1, 2, 3)) -> list[type]:
    return [vars(module)[f"{base.replace('#', str(rank))}"] for rank in ranks]


GENERATORS: dict[type, Callable[[Any, Site], Out]] = {
    **dict.fromkeys(each(convolution, "Conv#D"), convolve),
    **dict.fromkeys(each(convolution, "Conv#DTranspose"), transposed),
    **dict.fromkeys(each(convolution, "DepthwiseConv#D", (1, 2)), depthwise),
    **dict.fromkeys(each(convolution, "SeparableConv#D", (1, 2)), separable),
}
