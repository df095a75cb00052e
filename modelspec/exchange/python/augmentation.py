"""Images changed at random in training, as PyTorch.

Flips, brightness and contrast are written, for they are short. The others do nothing in the file,
which says so: what they do belongs to the training that the file leaves behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelspec.catalog.layers.augmentation import colour, composite, geometric, mixing, tone
from modelspec.exchange.python.calls import FIRST, SPEC, Out, Site
from modelspec.exchange.python.images import random_crop


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
    geometric.RandomRotation, geometric.RandomZoom, geometric.RandomTranslation,
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
    geometric.RandomCrop: random_crop,
    colour.RandomBrightness: random_brightness,
    colour.RandomContrast: random_contrast,
    tone.AutoContrast: auto_contrast,
    tone.ContrastLimitedAdaptiveHistogramEqualization: by_tiles,
}
