"""Layers that move values about, as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelspec.catalog.layers import reshaping
from modelspec.exchange.python.calls import FIRST, SPEC, Out, Site, arguments, sizes
from modelspec.exchange.python.images import lanczos_up_sampling
from modelspec.exchange.python.layout import quoted
from modelspec.exchange.python.spatial import each


def flatten(p: reshaping.Flatten, site: Site) -> Out:
    if not site.shape():
        return Out(f"{site.x()}.unsqueeze(1)")
    x = site.x()
    if p.data_format == "channels_first" and len(site.shape()) > 1:
        x = f"{x}.movedim(1, -1)"
    return Out(x if len(site.shape()) == 1 else f"{x}.flatten(1)")


def reshape(p: reshaping.Reshape, site: Site) -> Out:
    x = site.x()
    dims = [d if isinstance(d, int) else -1 for d in p.target_shape]
    batch = f"{x}.shape[0]" if -1 in dims or not dims else "-1"
    return Out(f"{x}.reshape({arguments(batch, *dims)})")


def permute(p: reshaping.Permute, site: Site) -> Out:
    return Out(f"{site.x()}.permute({arguments(0, *p.dims)})")


def repeat_vector(p: reshaping.RepeatVector, site: Site) -> Out:
    return Out(f"{site.x()}.unsqueeze(1).expand(-1, {p.n}, -1)")


def layout_of(site: Site, p: Any) -> tuple[str, str, int]:
    """The input in a layout that it has, and the first axis of space there."""
    if p.data_format == "channels_first":
        return site.x(), SPEC, 2
    text, layout = site.either()
    return text, layout, 2 if layout == FIRST else 1


def zero_padding(p: reshaping.ZeroPadding, site: Site) -> Out:
    x, layout, start = layout_of(site, p)
    around = [cells for pair in reversed(p.around) for cells in pair]
    channels = [0, 0] if start == 1 else []
    return Out(f"F.pad({x}, {(*channels, *around)})", layout)


def cropping(p: reshaping.Cropping, site: Site) -> Out:
    x, layout, start = layout_of(site, p)
    cuts = [f"{before or ''}:{-after if after else ''}" for before, after in p.around]
    return Out(f"{x}[{', '.join([':'] * start + cuts)}]", layout)


def up_sampling(p: Any, site: Site) -> Out:
    mode = getattr(p, "interpolation", "nearest")
    if mode == "nearest":
        text, layout, start = layout_of(site, p)
        for axis, factor in enumerate(p.size, start):
            text += "" if factor == 1 else f".repeat_interleave({factor}, dim={axis})"
        return Out(text, layout)
    if mode.startswith("lanczos"):
        return lanczos_up_sampling(p, site)
    layout = SPEC if p.data_format == "channels_first" else FIRST
    given = f"scale_factor={sizes(p.size)}, mode={quoted(mode)}"
    return Out(f"F.interpolate({site.x(layout=layout)}, {given})", layout)


GENERATORS: dict[type, Callable[[Any, Site], Out]] = {
    reshaping.Flatten: flatten, reshaping.Reshape: reshape, reshaping.Permute: permute,
    reshaping.RepeatVector: repeat_vector,
    **dict.fromkeys(each(reshaping, "ZeroPadding#D"), zero_padding),
    **dict.fromkeys(each(reshaping, "Cropping#D"), cropping),
    **dict.fromkeys(each(reshaping, "UpSampling#D"), up_sampling),
}  # fmt: skip
