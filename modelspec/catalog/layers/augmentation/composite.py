"""Layers made of other augmentations, and a line of layers as one."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from modelspec.catalog.layers.augmentation.images import (
    GREY_OR_RGB,
    Augmentation,
    Factor,
    Range,
    interpolation,
    seed,
)
from modelspec.catalog.spatial import data_format
from modelspec.catalog.words import bind
from modelspec.language.kinds import Bool, Entry, Float, Int, ListOf
from modelspec.language.layer import Layer, Reject
from modelspec.language.shapes import Shape, size

SHAPES_AND_TONES = (
    "RandomShear", "RandomTranslation", "RandomRotation", "RandomPosterization", "Solarization",
    "AutoContrast", "Equalization",
)  # fmt: skip
COLOURS = ("RandomBrightness", "RandomColorDegeneration", "RandomContrast", "RandomSharpness")


def operations(p: Any, names: tuple[str, ...]) -> dict[str, Layer]:
    """The operations of a policy: chosen for a whole batch, and what each of them draws, it draws
    for each sample.
    """
    factor = list(p.factor)
    moved = {"interpolation": p.interpolation}
    ranged = {"value_range": list(p.value_range)}
    given: dict[str, dict[str, Any]] = {
        "RandomShear": {"x_factor": factor, "y_factor": factor, **moved},
        "RandomTranslation": {"height_factor": factor, "width_factor": factor, **moved},
        "RandomRotation": {"factor": factor, **moved},
        "RandomPosterization": {"factor": max(1, int(8 * factor[1])), **ranged},
        "Solarization": {"addition_factor": factor, "threshold_factor": factor, **ranged},
        "AutoContrast": ranged,
        "Equalization": ranged,
    } | {name: {"factor": factor, **ranged} for name in COLOURS}
    shared = {"data_format": p.data_format}
    return {name: bind("layers", {"type": name, **given[name], **shared}) for name in names}


class RandAugment(Augmentation):
    """Applies operations chosen at random one after the other, the same ones to a whole batch."""

    source = "Cubuk et al., 2019, https://arxiv.org/abs/1909.13719"
    value_range = Range()
    num_ops = Int("How many operations are applied.", default=2, min=0)
    factor = Factor("How strong they are.", default=0.5)
    interpolation = interpolation()
    data_format = data_format()
    seed = seed()
    counts = GREY_OR_RGB

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The operations that it chooses from."""
        return operations(self, (*SHAPES_AND_TONES, *COLOURS))

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        return None if count is None else self.num_ops * 10 * count


class AugMix(Augmentation):
    """Mixes each image with versions of it, each made by a chain of operations chosen at random.

    The chains, and the weights of the mix, are those of a whole batch.
    """

    source = "Hendrycks et al., 2019, https://arxiv.org/abs/1912.02781"
    value_range = Range()
    num_chains = Int("How many chains are mixed.", default=3, min=1)
    chain_depth = Int("How many operations a chain has at most.", default=3, min=0)
    factor = Factor("How strong the operations are.", default=0.3)
    alpha = Float("How even the weights are.", default=1.0, above=0)
    all_ops = Bool("Whether the operations on colours are among them.", default=True)
    interpolation = interpolation()
    data_format = data_format()
    seed = seed()

    @cached_property
    def parts(self) -> dict[str, Layer]:
        """The operations that it chooses from."""
        return operations(self, (*SHAPES_AND_TONES, *(COLOURS if self.all_ops else ())))

    @property
    def counts(self) -> tuple[int, ...]:
        return GREY_OR_RGB if self.all_ops else ()

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        steps = self.num_chains * (self.chain_depth + 1)
        return None if count is None else 10 * steps * count


class Pipeline(Layer):
    """Layers without weights one after the other, as one layer."""

    takes = "..."
    accepts = "number"
    masking = "own"
    per_batch = True
    layers = ListOf(
        "The layers: of one input, one output and no weights.",
        Entry("A layer, such as {type: RandomFlip}."),
    )

    @property
    def inside(self) -> tuple[Layer, ...]:
        return tuple(entry.layer for entry in self.layers)

    def check(self) -> None:
        if not self.layers:
            raise Reject("layers", "a pipeline has at least one layer")
        for entry in self.layers:
            layer = entry.layer
            if layer is None or getattr(layer, "wraps", False):
                raise Reject("layers", "a pipeline holds plain layers", INSTEAD)
            if len(layer.ports()) != 1 or layer.ports()[0].many or len(layer.returns()) != 1:
                raise Reject("layers", f"{layer.called()} has several inputs or outputs", INSTEAD)

    def shape(self, x: Shape) -> Shape:
        for layer in self.inside:
            if not layer.ports()[0].fits(len(x)):
                axes = ", ".join(layer.ports()[0].axes)
                raise Reject("layers", f"{layer.called()} takes ({axes}), and is given {len(x)}")
            if next(layer.weights(x), None) is not None:
                raise Reject("layers", f"{layer.called()} has weights", INSTEAD)
            x = layer.shape(x)
        return x

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        kinds = list(inputs)
        for layer in self.inside:
            kinds = layer.dtypes(compute, *kinds)
        return kinds

    def flops(self, output: Shape, x: Shape) -> int | None:
        total = 0
        for layer in self.inside:
            made = layer.shape(x)
            count = layer.flops(made, x)
            if count is None:
                return None
            total, x = total + count, made
        return total


INSTEAD = "write it as an entry of its own: entries run one after the other"
