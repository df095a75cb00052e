"""How torch changes the colours of images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.augmentation.colour import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomGrayscale,
    RandomHue,
    RandomInvert,
    RandomSaturation,
)
from modelspec.engine.layers.augmentation.images import (
    Means,
    chance,
    each,
    is_first,
    lowering_of,
    scaled,
    space,
)
from modelspec.engine.random import Random

Shape = tuple[int, ...]

#: What keeps a saturation of 1 finite.
TINY = 1e-7


def draw_factor(p: Any, shape: Shape, random: Random) -> Tensor:
    """One number for each image, from the layer's range; (batch,)."""
    return random.uniform((shape[0],), *p.factor)


def draw_brightness(p: RandomBrightness, shape: Shape, random: Random) -> Tensor:
    low, high = p.value_range
    return draw_factor(p, shape, random) * (high - low)


def brighten(p: RandomBrightness, x: Tensor, added: Tensor) -> Tensor:
    return (x + each(added, x)).clamp(*p.value_range)


def draw_contrast(p: RandomContrast, shape: Shape, random: Random) -> Tensor:
    less, more = p.factor
    return random.uniform((shape[0],), 1 - less, 1 + more)


def contrast(p: RandomContrast, x: Tensor, factor: Tensor) -> Tensor:
    mean = x.mean(space(p), keepdim=True)
    return ((x - mean) * each(factor, x) + mean).clamp(*p.value_range)


def channel_axis(p: Any) -> int:
    return 1 if is_first(p) else -1


def hsv(x: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """Hue and saturation, from 0 to 1, and value, in the range of `x`."""
    red, green, blue = torch.where(x.abs() < torch.finfo(x.dtype).eps, 0.0, x).unbind(axis)
    value = torch.maximum(torch.maximum(red, green), blue)
    apart = value - torch.minimum(torch.minimum(red, green), blue)
    saturation = torch.where(value > 0, apart / torch.where(value > 0, value, 1.0), 0.0)
    sixth = 1 / (6 * torch.where(apart > 0, apart, 1.0))
    hue = torch.where(value == green, sixth * (blue - red) + 2 / 6, sixth * (red - green) + 4 / 6)
    hue = torch.where(value == red, sixth * (green - blue), hue)
    return torch.where(apart > 0, hue, 0.0) + (hue < 0).to(x.dtype), saturation, value


def rgb(hue: Tensor, saturation: Tensor, value: Tensor, axis: int) -> Tensor:
    """The inverse of `hsv`."""
    turn = (hue % 1) * 6
    shares = (
        ((turn - 3).abs() - 1).clamp(0, 1),
        (2 - (turn - 2).abs()).clamp(0, 1),
        (2 - (turn - 4).abs()).clamp(0, 1),
    )
    return torch.stack([value * (1 - saturation + saturation * s) for s in shares], axis)


def draw_hue(p: RandomHue, shape: Shape, random: Random) -> Tensor:
    """The part of the circle that each image's hues turn by; (batch,)."""
    sign = 1 - 2 * random.bernoulli((shape[0],), 0.5).float()
    return sign * draw_factor(p, shape, random) * 0.5


def turn_hue(p: RandomHue, x: Tensor, turns: Tensor) -> Tensor:
    axis = channel_axis(p)
    hue, saturation, value = hsv(scaled(x, p.value_range, (0, 1)), axis)
    hue = hue + turns[:, None, None].to(x.dtype)  # (batch, height, width)
    return scaled(rgb(hue, saturation, value, axis).clamp(0, 1), (0, 1), p.value_range)


def draw_saturation(p: RandomSaturation, shape: Shape, random: Random) -> Tensor:
    """What each image's saturation is multiplied by; (batch,)."""
    factor = draw_factor(p, shape, random)
    return factor / (1 - factor + TINY)


def saturate(p: RandomSaturation, x: Tensor, factor: Tensor) -> Tensor:
    axis = channel_axis(p)
    hue, saturation, value = hsv(x, axis)
    # Keras keeps the saturation within the range of values, which is 0 to 1 for few images.
    saturation = (saturation * factor[:, None, None].to(x.dtype)).clamp(*p.value_range)
    return rgb(hue, saturation, value, axis)


def grey(p: Any, x: Tensor) -> Tensor:
    """The images in grey, with one channel."""
    axis = channel_axis(p)
    if x.shape[axis] == 1:
        return x
    red, green, blue = x.unbind(axis)
    made: Tensor = 0.2989 * red + 0.587 * green + 0.114 * blue
    return made.unsqueeze(axis)


def degenerate(p: RandomColorDegeneration, x: Tensor, factor: Tensor) -> Tensor:
    return (x + each(factor, x) * (grey(p, x) - x)).clamp(*p.value_range)


def draw_grayscale(p: RandomGrayscale, shape: Shape, random: Random) -> Tensor:
    return random.bernoulli((shape[0],), p.factor)  # (batch,)


def grayscale(p: RandomGrayscale, x: Tensor, drawn: Tensor) -> Tensor:
    return torch.where(each(drawn, x), grey(p, x), x)


def draw_changes(p: Any, shape: Shape, random: Random) -> Tensor:
    return chance(p.factor, shape[0], random)  # (batch,)


def invert(p: RandomInvert, x: Tensor, drawn: Tensor) -> Tensor:
    return torch.where(each(drawn, x), p.value_range[1] - x, x)


def draw_jitter(p: RandomColorJitter, shape: Shape, random: Random) -> list[Tensor]:
    """What each of its parts draws, in order."""
    return [MEANS[type(part)].draw(part, shape, random) for part in p.parts]


def jitter(p: RandomColorJitter, x: Tensor, drawn: list[Tensor]) -> Tensor:
    for part, own in zip(p.parts, drawn, strict=True):
        x = MEANS[type(part)].apply(part, x, own)
    return x


MEANS: dict[Any, Means] = {
    RandomBrightness: Means(draw_brightness, brighten),
    RandomContrast: Means(draw_contrast, contrast),
    RandomHue: Means(draw_hue, turn_hue),
    RandomSaturation: Means(draw_saturation, saturate),
    RandomColorDegeneration: Means(draw_factor, degenerate),
    RandomGrayscale: Means(draw_grayscale, grayscale),
    RandomInvert: Means(draw_changes, invert),
    RandomColorJitter: Means(draw_jitter, jitter),
}
coloured = lowering_of(MEANS)
