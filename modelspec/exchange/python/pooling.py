"""Pooling as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelspec.catalog.layers import pooling
from modelspec.exchange.python.calls import (
    FIRST,
    SPEC,
    Out,
    Site,
    Unwritten,
    arguments,
    cast,
    sizes,
)
from modelspec.exchange.python.spatial import around, each, native, padded_as_it_runs


def pool(kind: str) -> Callable[[Any, Site], Out]:
    def generate(p: pooling.Pooling, site: Site) -> Out:
        x, dtype = site.x(layout=native(p)), site.value().known.dtype
        x = f"{x}.double()" if site.is_whole() else x
        named: dict[str, Any] = {}
        if tuple(p.steps) != tuple(p.pool_size):
            named["stride"] = sizes(p.steps)
        if p.padding == "same":
            edges = around(site, p, p.pool_size, p.steps, [1] * p.rank)
            if edges is None:
                return padded_pool(kind, p, site, x)
            pairs = list(zip(edges, p.steps, strict=True))
            named["padding"] = sizes([a if s == 1 else b for (b, a), s in pairs])
            named["ceil_mode"] = True
        if kind == "avg":
            named["count_include_pad"] = False
            if p.padding == "valid":
                del named["count_include_pad"]
        text = f"F.{kind}_pool{p.rank}d({arguments(x, sizes(p.pool_size), **named)})"
        if p.padding == "same" and any(s == 1 and a > b for (b, a), s in pairs):
            starts = ["1:" if s == 1 and a > b else ":" for (b, a), s in pairs]
            text += f"[:, :, {', '.join(starts)}]"
        return Out(cast(text, dtype) if site.is_whole() else text, native(p), None)

    return generate


def padded_pool(kind: str, p: pooling.Pooling, site: Site, x: str) -> Out:
    """Pooling of images whose size is known when it runs alone."""
    ones = [1] * p.rank
    stride = {} if tuple(p.steps) == tuple(p.pool_size) else {"stride": sizes(p.steps)}
    more = arguments(sizes(p.pool_size), **stride)
    function = f"F.{kind}_pool{p.rank}d"
    if site.is_whole():
        raise Unwritten("it is called on integers, of sizes that the spec does not know")
    if kind == "max":
        edge = padded_as_it_runs(site, x, p.pool_size, p.steps, ones, "-inf")
        return Out(f"{function}({edge}, {more})", native(p), None)
    wide = padded_as_it_runs(site, x, p.pool_size, p.steps, ones)
    there = padded_as_it_runs(site, f"torch.ones_like({x})", p.pool_size, p.steps, ones)
    share = site.let(f"{function}({there}, {more})", "", f"{site.name}_share")
    return Out(f"{function}({wide}, {more}) / {share}", native(p), None)


def global_pool(function: str) -> Callable[[Any, Site], Out]:
    def generate(p: pooling.GlobalPooling, site: Site) -> Out:
        text, layout = (site.x(), SPEC) if p.data_format == "channels_first" else site.either()
        if site.is_whole() and function == "mean":
            text = cast(text, site.compute)
        mask = site.mask()
        keep = ", keepdim=True" if p.keepdims else ""
        if mask is not None and function == "mean" and p.rank == 1:
            dim = 2 if layout == FIRST or p.data_format == "channels_first" else 1
            there = site.let(
                f"{mask}.unsqueeze({3 - dim})",
                "(batch, time, 1)" if dim == 1 else "(batch, 1, time)",
                f"{site.name}_there",
            )
            total = f"{text}.where({there}, 0).sum({dim}{keep})"
            text = f"{total} / {there}.sum({dim}{keep})"
            return Out(text, layout if p.keepdims else SPEC, None)
        start = 2 if layout == FIRST or p.data_format == "channels_first" else 1
        axes = tuple(range(start, start + p.rank))
        over = str(axes[0]) if len(axes) == 1 else str(axes)
        return Out(f"{text}.{function}({over}{keep})", layout if p.keepdims else SPEC, None)

    return generate


def adaptive(kind: str) -> Callable[[Any, Site], Out]:
    def generate(p: pooling.AdaptivePooling, site: Site) -> Out:
        x = site.x(layout=native(p))
        return Out(f"F.adaptive_{kind}_pool{p.rank}d({x}, {sizes(p.output_size)})", native(p), None)

    return generate


GENERATORS: dict[type, Callable[[Any, Site], Out]] = {
    **dict.fromkeys(each(pooling, "MaxPooling#D"), pool("max")),
    **dict.fromkeys(each(pooling, "AveragePooling#D"), pool("avg")),
    **dict.fromkeys(each(pooling, "GlobalMaxPooling#D"), global_pool("amax")),
    **dict.fromkeys(each(pooling, "GlobalAveragePooling#D"), global_pool("mean")),
    **dict.fromkeys(each(pooling, "AdaptiveMaxPooling#D"), adaptive("max")),
    **dict.fromkeys(each(pooling, "AdaptiveAveragePooling#D"), adaptive("avg")),
}
