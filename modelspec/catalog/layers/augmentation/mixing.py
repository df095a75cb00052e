"""Layers that put something else into images: noise, or other images of the batch.

MixUp and CutMix mix the images of a batch with one another; in the papers the targets are mixed
likewise. A layer of a graph sees no targets, so they stay as they are here, as they do in Keras
when its layers are called on images alone: the target is that of the image which the sample began
as. It fits training without targets of classes (contrastive, or a reconstruction).
"""

from __future__ import annotations

from modelspec.catalog.layers.augmentation.images import Augmentation, Range, Reach, seed
from modelspec.catalog.spatial import data_format
from modelspec.language.kinds import Either, Float, ListOf
from modelspec.language.layer import Reject
from modelspec.language.shapes import Shape, show


class RandomErasing(Augmentation):
    """Fills a rectangle in some images, with noise or a value."""

    source = "Zhong et al., 2017, https://arxiv.org/abs/1708.04896"
    factor = Reach("The chance that an image changes, drawn for each.", default=1.0)
    scale = Reach(
        "The range that the share of height is drawn from, squared, and that of width.",
        default=[0.02, 0.33],
    )
    fill_value = Either(
        "What the rectangle is filled with: a value, one for each of three channels, or null for "
        "noise; kept within `value_range`.",
        Float("A value."),
        ListOf("Values.", Float("A value."), length=3),
        default=None,
    )
    value_range = Range()
    data_format = data_format()
    seed = seed()

    def shape(self, x: Shape) -> Shape:
        channels = self.channels(x)
        if isinstance(self.fill_value, list) and channels not in (None, 3):
            raise Reject("fill_value", f"3 values do not fit the {channels} channels of {show(x)}")
        return x


class MixUp(Augmentation):
    """Averages each image with another one of the batch, by a weight drawn from Beta(alpha, alpha).

    Targets are not mixed: a layer does not see them. With targets that depend on the image, as
    classes do, they are those of the sample's own image, whatever its weight.
    """

    source = "Zhang et al., 2017, https://arxiv.org/abs/1710.09412"
    alpha = Float("How evenly images are mixed: near 0 hardly, 1 by any weight.", default=0.2,
                  above=0)  # fmt: skip
    data_format = data_format()
    seed = seed()


class CutMix(Augmentation):
    """Puts a rectangle of another image of the batch into each image, in the same place.

    The rectangle's share of the image is drawn from Beta(a, a), `a` once a batch from `factor`.
    Targets are not mixed: a layer does not see them. With targets that depend on the image, as
    classes do, they are those of the sample's own image, whatever its share.
    """

    source = "Yun et al., 2019, https://arxiv.org/abs/1905.04899"
    factor = Reach("What `a` is drawn from: near 0 little or all is replaced.", default=1.0)
    data_format = data_format()
    seed = seed()

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0
