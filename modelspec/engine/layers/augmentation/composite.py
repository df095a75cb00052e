"""How torch applies augmentations chosen at random, and layers in a line."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelspec.catalog.layers.augmentation.composite import AugMix, Pipeline, RandAugment
from modelspec.engine.layers.augmentation import colour, geometric, tone
from modelspec.engine.layers.augmentation.images import Means, lowering_of
from modelspec.engine.layers.augmentation.mixing import beta, dirichlet
from modelspec.engine.lowering import Masked, lowering, lowers
from modelspec.engine.random import Random

Shape = tuple[int, ...]
PARTS: dict[Any, Means] = {**geometric.MEANS, **colour.MEANS, **tone.MEANS}


class Operation(NamedTuple):
    """One of a policy's operations, by name, with what it drew."""

    name: str
    drawn: Any

    def apply(self, p: Any, x: Tensor) -> Tensor:
        part = p.parts[self.name]
        return PARTS[type(part)].apply(part, x, self.drawn)


def draw_operation(p: Any, name: str, shape: Shape, random: Random) -> Operation:
    part = p.parts[name]
    return Operation(name, PARTS[type(part)].draw(part, shape, random))


def draw_operations(p: RandAugment, shape: Shape, random: Random) -> list[Operation]:
    """The operations in order; one that comes twice draws once."""
    names = list(p.parts)
    chosen = random.integers((p.num_ops,), 0, len(names)).tolist()
    drawn = {at: draw_operation(p, names[at], shape, random) for at in dict.fromkeys(chosen)}
    return [drawn[at] for at in chosen]


def rand_augment(p: RandAugment, x: Tensor, drawn: list[Operation]) -> Tensor:
    for operation in drawn:
        x = operation.apply(p, x)
    return x


class Chains(NamedTuple):
    """What AugMix draws: chains of operations with the weight of each, and that of the image."""

    chains: list[list[Operation]]
    weights: Tensor  # (chains,)
    image: Tensor  # ()


def draw_chains(p: AugMix, shape: Shape, random: Random) -> Chains:
    weights, image = dirichlet(p.alpha, p.num_chains, random), beta(p.alpha, (), random)
    names = list(p.parts)
    chains = []
    for _ in range(p.num_chains):
        # One more than there are operations: none of them.
        chosen = random.integers((p.chain_depth,), 0, len(names) + 1).tolist()
        steps = [names[at] for at in chosen if at < len(names)]
        chains.append([draw_operation(p, name, shape, random) for name in steps])
    return Chains(chains, weights, image)


def aug_mix(p: AugMix, x: Tensor, drawn: Chains) -> Tensor:
    mixed = torch.zeros_like(x)
    for chain, weight in zip(drawn.chains, drawn.weights.to(x.dtype), strict=True):
        version = x
        for operation in chain:
            version = operation.apply(p, version)
        mixed = mixed + weight * version
    image = drawn.image.to(x.dtype)
    return (image * x + (1 - image) * mixed).clamp(*p.value_range)


MEANS: dict[Any, Means] = {
    RandAugment: Means(draw_operations, rand_augment),
    AugMix: Means(draw_chains, aug_mix),
}
composed = lowering_of(MEANS)


@lowers(Pipeline)
def pipeline(
    p: Pipeline,
    w: Any,
    x: Tensor,
    *,
    training: bool,
    mask: Any,
    random: Random,
    compute: torch.dtype,
) -> Masked:
    given = Masked(x, mask)
    for layer in p.inside:
        x, mask = given.value, given.mask
        function, asks = lowering(type(layer))
        offered = {
            "training": training, "mask": mask, "masks": [mask], "random": random,
            "compute": compute,
        }  # fmt: skip
        if layer.accepts == "float":
            x = x.to(compute)
        made = function(layer, None, x, **{name: offered[name] for name in asks})
        kept = mask if layer.masking == "pass" else None
        given = made if isinstance(made, Masked) else Masked(made, kept)
    return given
