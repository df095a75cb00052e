"""Layers that change the tones of images, and their sharpness."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.layers.augmentation.images import (
    Augmentation,
    Factor,
    Range,
    Reach,
    seed,
)
from modelspec.catalog.spatial import data_format
from modelspec.language.kinds import Float, Int, Sizes
from modelspec.language.layer import Reject
from modelspec.language.shapes import Shape, size

AUTO_AUGMENT = "Cubuk et al., 2018, https://arxiv.org/abs/1805.09501"


class RandomPosterization(Augmentation):
    """Keeps the upper bits of each value, of 8, and sets the others to zero."""

    source = AUTO_AUGMENT
    factor = Factor(
        "How many bits are kept: a pair [a, b] draws from a to b - 1, a number f from 1 to f - 1; "
        "1 and [a, a] are that number.",
        low=1, high=8,
    )  # fmt: skip
    value_range = Range()
    data_format = data_format()
    seed = seed()

    def check(self) -> None:
        for bits in self.factor:
            if bits != int(bits):
                raise Reject("factor", f"{bits} bits cannot be kept", "write whole numbers")


class Solarization(Augmentation):
    """Inverts the values of each image that are not below a threshold.

    The threshold, and what is added to all values before, are drawn from 0 to the factor times the
    range; of a pair [a, b] the lower end is a in 255ths of the range, as in Keras.
    """

    source = AUTO_AUGMENT
    addition_factor = Factor("What is added first, as a share of the range.", default=0.0)
    threshold_factor = Factor("The threshold, as a share of the range.", default=0.0)
    value_range = Range()
    data_format = data_format()
    seed = seed()


class Equalization(Augmentation):
    """Spreads the values of each channel so that all tones are as frequent, in training.

    The tones are counted over the whole batch, as in Keras.
    """

    value_range = Range()
    bins = Int("How many tones are told apart.", default=256, min=1)
    data_format = data_format()


class AutoContrast(Augmentation):
    """Stretches the values of each image and channel to the full range, in inference too."""

    per_batch = False
    value_range = Range()
    data_format = data_format()


class ContrastLimitedAdaptiveHistogramEqualization(Augmentation):
    """Equalizes the tones of each part of an image by those around it, in inference too."""

    per_batch = False
    rank = 2
    source = "Zuiderveld 1994, Contrast limited adaptive histogram equalization"
    value_range = Range()
    clip_limit = Float(
        "How many times more frequent than the average a tone may count as; 0 is without limit.",
        default=4.0, min=0,
    )  # fmt: skip
    tile_grid_size = Sizes("How many tiles an image is cut into, down and across.", default=[8, 8])
    data_format = data_format()

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        return None if count is None else 12 * count


class RandomSharpness(Augmentation):
    """Makes each image sharper or softer."""

    source = AUTO_AUGMENT
    factor = Reach("0 is soft, 0.5 changes nothing, 1 is sharp.")
    value_range = Range()
    data_format = data_format()
    seed = seed()

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        return None if count is None else 21 * count


class RandomGaussianBlur(Augmentation):
    """Blurs some images. All images of a batch share the widths of the blur."""

    rank = 2
    factor = Reach("The chance that an image changes, drawn for each.", default=1.0)
    kernel_size = Sizes("How many cells are averaged, down and across: odd.", default=3)
    sigma = Reach("The standard deviation of the blur, in cells, drawn for each axis.", default=1.0)
    value_range = Range()
    data_format = data_format()
    seed = seed()

    def check(self) -> None:
        cells: tuple[int, ...] = self.kernel_size
        if any(count % 2 == 0 for count in cells):
            raise Reject("kernel_size", "`kernel_size` is odd: a blur has a middle", "3 or 5")

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        cells: Any = self.kernel_size
        return None if count is None else 2 * sum(cells) * count
