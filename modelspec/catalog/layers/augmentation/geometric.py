"""Layers that move, turn, stretch or bend images at random."""

from __future__ import annotations

from modelspec.catalog.layers.augmentation.images import (
    Augmentation,
    Factor,
    Range,
    Reach,
    fill_mode,
    fill_value,
    interpolation,
    seed,
)
from modelspec.catalog.spatial import data_format, joined, split
from modelspec.language.kinds import Choice, Float, Int
from modelspec.language.shapes import Shape


class RandomFlip(Augmentation):
    """Mirrors every other image; with both axes, along both of them at once."""

    mode = Choice(
        "Left to right (`horizontal`), upside down (`vertical`), or both together.",
        "horizontal", "vertical", "horizontal_and_vertical",
        default="horizontal_and_vertical",
    )  # fmt: skip
    data_format = data_format()
    seed = seed()

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class RandomRotation(Augmentation):
    """Turns each image around its middle."""

    factor = Reach("How far, in whole turns: 0.1 is up to 36 degrees either way.", low=-1, floor=-1)
    fill_mode = fill_mode()
    interpolation = interpolation()
    fill_value = fill_value()
    data_format = data_format()
    seed = seed()


class RandomZoom(Augmentation):
    """Enlarges or shrinks each image around its middle."""

    height_factor = Factor(
        "How much of the height more is seen: positive zooms out, negative in.",
        low=-1, above=-1,
    )  # fmt: skip
    width_factor = Factor("As `height_factor`; null keeps the ratio.", low=-1, above=-1,
                          default=None)  # fmt: skip
    fill_mode = fill_mode()
    interpolation = interpolation()
    fill_value = fill_value()
    data_format = data_format()
    seed = seed()


class RandomTranslation(Augmentation):
    """Shifts each image."""

    height_factor = Factor(
        "How far down, as a share of the height; negative is up. 0.2 is either way.", low=-1
    )
    width_factor = Factor(
        "How far right, as a share of the width; negative is left. 0.2 is either way.", low=-1
    )
    fill_mode = fill_mode()
    interpolation = interpolation()
    fill_value = fill_value()
    data_format = data_format()
    seed = seed()


class RandomShear(Augmentation):
    """Slants each image; one draw of a sign serves both axes."""

    x_factor = Factor("Cells to the side for each cell down.", default=0.0, floor=-1)
    y_factor = Factor("Cells down for each cell to the side.", default=0.0, floor=-1)
    interpolation = interpolation()
    fill_mode = fill_mode()
    fill_value = fill_value()
    data_format = data_format()
    seed = seed()


class RandomPerspective(Augmentation):
    """Moves the corners of some images, as if they were seen from the side."""

    factor = Reach("The chance that an image changes, drawn for each.", default=1.0)
    scale = Float(
        "How far corners move: up to half of `scale` times their distance from the top left.",
        default=1.0, min=0, max=1,
    )  # fmt: skip
    interpolation = interpolation()
    fill_value = Float("The value beyond the edges.", default=0.0)
    data_format = data_format()
    seed = seed()


class RandomElasticTransform(Augmentation):
    """Bends some images, by smooth noise. All images of a batch share one strength."""

    source = "Simard et al. 2003, Best practices for convolutional neural networks"
    factor = Reach("The chance that an image changes, drawn for each.", default=1.0)
    scale = Reach("The strength.", default=1.0)
    interpolation = interpolation()
    fill_mode = fill_mode("mirror")
    fill_value = fill_value()
    value_range = Range()
    data_format = data_format()
    seed = seed()


class RandomCrop(Augmentation):
    """Cuts a window out of images, at one place for the whole batch.

    In inference, and where an image is no larger than the window in both directions, the largest
    window of that ratio in the middle, resized.
    """

    height = Int("The height of the result.", min=1)
    width = Int("The width of the result.", min=1)
    data_format = data_format()
    seed = seed()

    def shape(self, x: Shape) -> Shape:
        _, channels = split(x, self.data_format)
        return joined((self.height, self.width), channels, self.data_format)
