"""Images changed at random in training, as PyTorch.

What most models are trained with is written. The others do nothing in the file, which says so, as
does the export: what they do belongs to the training that the file leaves behind.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

from modelspec.catalog.layers.augmentation import colour, composite, geometric, mixing, tone
from modelspec.exchange.python.calls import FIRST, SPEC, Out, Site
from modelspec.exchange.python.images import random_crop
from modelspec.exchange.python.layout import quoted


def given(p: Any, site: Site) -> tuple[str, str, tuple[int, int]]:
    """Images in a layout that they have, which that is, and the axes of height and width."""
    if site.is_whole():
        return site.floats(), SPEC, (2, 3) if p.data_format == "channels_first" else (1, 2)
    text, layout = site.either()
    first = layout == FIRST or p.data_format == "channels_first"
    return text, layout, (2, 3) if first else (1, 2)


def random_flip(p: geometric.RandomFlip, site: Site) -> Out:
    x, layout, (down, across) = given(p, site)
    axes = {"horizontal": (across,), "vertical": (down,)}.get(p.mode, (down, across))
    made = f"{site.piece('RandomFlip')}({axes})"
    return Out(f"{site.module(made)}({x})", layout)


def random_brightness(p: colour.RandomBrightness, site: Site) -> Out:
    x, layout, _ = given(p, site)
    low, high = (share * (p.value_range[1] - p.value_range[0]) for share in p.factor)
    made = f"{site.piece('RandomBrightness')}({low}, {high}, {tuple(p.value_range)})"
    return Out(f"{site.module(made)}({x})", layout)


def random_contrast(p: colour.RandomContrast, site: Site) -> Out:
    x, layout, space = given(p, site)
    less, more = p.factor
    limits = tuple(p.value_range)
    made = f"{site.piece('RandomContrast')}({1 - less}, {1 + more}, {limits}, {space})"
    return Out(f"{site.module(made)}({x})", layout)


def warped(p: Any, site: Site, piece: str, *limits: Any) -> Out:
    """A layer that turns, zooms or moves images, which its module takes with channels last."""
    x = site.floats()
    filling = f"({quoted(p.interpolation)}, {quoted(p.fill_mode)}, {p.fill_value})"
    given = ", ".join([*map(repr, limits), filling])
    module = site.module(f"{site.piece(piece)}({given})")
    if p.data_format == "channels_first":
        return Out(f"{module}({x}.movedim(1, -1)).movedim(-1, 1)", SPEC)
    return Out(f"{module}({x})", SPEC)


def random_rotation(p: geometric.RandomRotation, site: Site) -> Out:
    low, high = (2 * pi * one for one in p.factor)
    return warped(p, site, "RandomRotation", (low, high))


def random_zoom(p: geometric.RandomZoom, site: Site) -> Out:
    both: list[Any] = [p.height_factor, p.width_factor]  # the second may be None
    limits = (None if one is None else (1 + one[0], 1 + one[1]) for one in both)
    return warped(p, site, "RandomZoom", *limits)


def random_translation(p: geometric.RandomTranslation, site: Site) -> Out:
    return warped(p, site, "RandomTranslation", tuple(p.height_factor), tuple(p.width_factor))


def left_out(p: Any, site: Site) -> Out:
    """A layer that does nothing in inference, and nothing in the file."""
    x, layout, _ = given(p, site)
    note = f"{type(p).__name__} changes images in training alone: left out here"
    return Out(f"{site.module('nn.Identity()', None, '', note)}({x})", layout)


def auto_contrast(p: tone.AutoContrast, site: Site) -> Out:
    x, layout, space = given(p, site)
    low, high = p.value_range
    return Out(f"{site.piece('auto_contrast')}({x}, {low}, {high}, {space})", layout)


def by_tiles(p: tone.ContrastLimitedAdaptiveHistogramEqualization, site: Site) -> Out:
    layout = SPEC if p.data_format == "channels_first" else FIRST
    low, high = p.value_range
    text = f"{site.floats(layout=layout)}, {low}, {high}, {tuple(p.tile_grid_size)}, {p.clip_limit}"
    return Out(f"{site.piece('equalized_by_tiles')}({text})", layout)


LEFT_OUT = (
    geometric.RandomShear, geometric.RandomPerspective, geometric.RandomElasticTransform,
    colour.RandomHue, colour.RandomSaturation, colour.RandomColorDegeneration,
    colour.RandomGrayscale, colour.RandomInvert, colour.RandomColorJitter,
    tone.RandomPosterization, tone.Solarization, tone.Equalization, tone.RandomSharpness,
    tone.RandomGaussianBlur, mixing.RandomErasing, mixing.MixUp, mixing.CutMix,
    composite.RandAugment, composite.AugMix,
)  # fmt: skip
GENERATORS: dict[type, Callable[[Any, Site], Any]] = {
    **dict.fromkeys(LEFT_OUT, left_out),
    geometric.RandomFlip: random_flip,
    geometric.RandomRotation: random_rotation,
    geometric.RandomZoom: random_zoom,
    geometric.RandomTranslation: random_translation,
    geometric.RandomCrop: random_crop,
    colour.RandomBrightness: random_brightness,
    colour.RandomContrast: random_contrast,
    tone.AutoContrast: auto_contrast,
    tone.ContrastLimitedAdaptiveHistogramEqualization: by_tiles,
}
