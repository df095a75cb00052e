"""Layers that change the colours of images at random."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from modelspec.catalog.layers.augmentation.images import (
    GREY_OR_RGB,
    RGB,
    Augmentation,
    Range,
    Reach,
    seed,
)
from modelspec.catalog.spatial import data_format
from modelspec.catalog.words import bind
from modelspec.language.kinds import Float
from modelspec.language.layer import Layer
from modelspec.language.shapes import Shape

BRIGHTNESS = "How much is added, as a share of the range of values: -1 is black, 1 white."
CONTRAST = (
    "How much contrast is lost and gained: a pair [a, b] multiplies it by 1 - a to 1 + b, a "
    "number f by 1 to 1 + f."
)
SATURATION = (
    "0.5 changes nothing, 0 leaves grey, 1 is as saturated as can be; write a pair, as a number "
    "f also draws from -f to 0, which is grey."
)
HUE = "How far hues turn, either way: 1 is half of the circle."


class RandomBrightness(Augmentation):
    """Makes each image brighter or darker."""

    factor = Reach(BRIGHTNESS, low=-1, floor=-1)
    value_range = Range()
    data_format = data_format()
    seed = seed()


class RandomContrast(Augmentation):
    """Spreads the values of each image and channel around their mean, or draws them together."""

    factor = Reach(CONTRAST)
    value_range = Range()
    data_format = data_format()
    seed = seed()


class RandomHue(Augmentation):
    """Turns the hue of each image."""

    counts = RGB
    factor = Reach(HUE)
    value_range = Range()
    data_format = data_format()
    seed = seed()


class RandomSaturation(Augmentation):
    """Makes the colours of each image stronger or weaker."""

    counts = RGB
    factor = Reach(SATURATION, low=-1, floor=-1)
    value_range = Range()
    data_format = data_format()
    seed = seed()


class RandomColorDegeneration(Augmentation):
    """Mixes each image with its grey version."""

    counts = GREY_OR_RGB
    factor = Reach("The share of grey.", low=-1, floor=-1)
    value_range = Range()
    data_format = data_format()
    seed = seed()


class RandomGrayscale(Augmentation):
    """Turns some images grey; they keep their three channels."""

    counts = GREY_OR_RGB
    factor = Float("The chance that an image turns grey.", default=0.5, min=0, max=1)
    data_format = data_format()
    seed = seed()

    def flops(self, output: Shape, x: Shape) -> int | None:
        made = super().flops(output, x)
        return None if made is None else 5 * made // 3


class RandomInvert(Augmentation):
    """Turns some images into their negative: the highest value less each value."""

    factor = Reach("The chance that an image changes, drawn for each.", default=1.0)
    value_range = Range()
    data_format = data_format()
    seed = seed()


class RandomColorJitter(Augmentation):
    """Brightness, contrast, saturation and hue at random, in this order; null leaves one out."""

    value_range = Range()
    brightness_factor = Reach(BRIGHTNESS, low=-1, floor=-1, default=None)
    contrast_factor = Reach(CONTRAST, default=None)
    saturation_factor = Reach(SATURATION, low=-1, floor=-1, default=None)
    hue_factor = Reach(HUE, default=None)
    data_format = data_format()
    seed = seed()

    @cached_property
    def parts(self) -> tuple[Layer, ...]:
        """The layers that it applies."""
        given: dict[str, Any] = {
            "RandomBrightness": self.brightness_factor,
            "RandomContrast": self.contrast_factor,
            "RandomSaturation": self.saturation_factor,
            "RandomHue": self.hue_factor,
        }
        shared = {"value_range": list(self.value_range), "data_format": self.data_format}
        return tuple(
            bind("layers", {"type": name, "factor": list(factor), **shared})
            for name, factor in given.items()
            if factor is not None
        )

    @property
    def counts(self) -> tuple[int, ...]:
        given = self.__dict__
        return RGB if given["saturation_factor"] or given["hue_factor"] else ()
