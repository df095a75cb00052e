"""Images brought to a size, as PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from modelspec.catalog.layers import preprocessing
from modelspec.catalog.layers.augmentation.geometric import RandomCrop
from modelspec.catalog.layers.reshaping import UpSampling2D
from modelspec.engine.layers.reshaping import lanczos
from modelspec.exchange.python.calls import Out, Site, Unwritten, arguments, cast
from modelspec.exchange.python.layout import quoted
from modelspec.exchange.python.spatial import native, space

Size = tuple[int, int]


def known_size(p: Any, site: Site) -> Size:
    """Height and width, where the spec knows them."""
    height, width = space(p, site)
    if not isinstance(height, int) or not isinstance(width, int):
        raise Unwritten("it wants images of a size that the spec knows")
    return height, width


def resizing(p: preprocessing.Resizing, site: Site) -> Out:
    x, layout = site.x(layout=native(p)), native(p)
    dtype = site.value().known.dtype
    wide = site.is_whole() or site.compute in ("float16", "bfloat16")
    x = cast(x, "float32") if wide else x
    size = (p.height, p.width)
    if p.crop_to_aspect_ratio:
        x = middle(x, known_size(p, site), fitting(known_size(p, site), size, min))
    elif p.pad_to_aspect_ratio:
        x = bordered(x, known_size(p, site), size, p.fill_value)
    mode = "nearest-exact" if p.interpolation == "nearest" else p.interpolation
    named: dict[str, Any] = {"mode": quoted(mode)}
    named |= {"antialias": True} if p.antialias and p.interpolation != "nearest" else {}
    made = f"F.interpolate({arguments(x, size, **named)})"
    if site.is_whole():
        limits = torch.iinfo(getattr(torch, dtype))
        made = cast(f"{made}.round().clamp({limits.min}, {limits.max})", dtype)
    return Out(cast(made, site.compute) if wide and not site.is_whole() else made, layout)


def fitting(own: Size, wanted: Size, choose: Callable[[int, int], int]) -> Size:
    """The largest part (min), or the smallest frame (max), with the ratio of a size."""
    (height, width), (tall, wide) = own, wanted
    return (
        max(choose(height, int(width * tall / wide)), 1),
        max(choose(width, int(height * wide / tall)), 1),
    )


def middle(x: str, own: Size, size: Size) -> str:
    """The middle of images (batch, channels, height, width)."""
    cuts = []
    for length, wanted in zip(own, size, strict=True):
        start = (length - wanted) // 2
        cuts.append(":" if wanted == length else f"{start or ''}:{start + wanted}")
    return x if cuts == [":", ":"] else f"{x}[:, :, {', '.join(cuts)}]"


def bordered(x: str, own: Size, size: Size, value: float) -> str:
    """Images with as many cells at opposite sides as the ratio of a size asks for."""
    around = [(a - b) // 2 for a, b in zip(fitting(own, size, max), own, strict=True)]
    edges = (around[1], around[1], around[0], around[0])
    return f"F.pad({arguments(x, edges, **({'value': value} if value else {}))})"


def center_crop(p: preprocessing.CenterCrop, site: Site) -> Out:
    own, size = known_size(p, site), (p.height, p.width)
    x = site.floats(layout=native(p))
    if own[0] >= size[0] and own[1] >= size[1]:
        return Out(middle(x, own, size), native(p))
    part = middle(x, own, fitting(own, size, min))
    return Out(f'F.interpolate({part}, {size}, mode="bilinear")', native(p))


def random_crop(p: RandomCrop, site: Site) -> Out:
    """What it is in inference: the largest window of that ratio in the middle, resized."""
    own, size = known_size(p, site), (p.height, p.width)
    fits = min(own[0], own[1] * size[0] // size[1]), min(own[1], own[0] * size[1] // size[0])
    fits = max(fits[0], 1), max(fits[1], 1)
    x = middle(site.floats(layout=native(p)), own, fits)
    if fits != size:
        x = f'F.interpolate({x}, {size}, mode="bilinear")'
    return Out(x, native(p))


def lanczos_up_sampling(p: UpSampling2D, site: Site) -> Out:
    radius, text = int(p.interpolation.removeprefix("lanczos")), site.floats()
    start = 2 if p.data_format == "channels_first" else 1
    names, lengths = ("rows", "columns"), known_size(p, site)
    for axis, (name, length, factor) in enumerate(zip(names, lengths, p.size, strict=True), start):
        between = lanczos(length, factor, radius).to(getattr(torch, site.compute))
        table = site.buffer(name, between)  # (cells, cells * factor)
        text = f"torch.tensordot({text}, {table}, ([{axis}], [0])).movedim(-1, {axis})"
        text = site.let(text)
    return Out(text)


GENERATORS: dict[type, Callable[[Any, Site], Any]] = {
    preprocessing.Resizing: resizing,
    preprocessing.CenterCrop: center_crop,
}
