"""What layers over space share: where the channels stand, and windows that slide."""

from __future__ import annotations

from collections.abc import Iterable

from modelspec.language.kinds import Choice
from modelspec.language.shapes import Dim, Shape, window
from modelspec.language.word import Reject

AXES = {1: "time", 2: "height width", 3: "depth height width"}


def data_format() -> Choice:
    return Choice(
        "Whether the channels are the last axis, or the first after the batch.",
        "channels_last",
        "channels_first",
        default="channels_last",
    )


def axes(rank: int, data_format: str) -> str:
    """The axes that a layer of this rank takes, as `Layer.takes` has them."""
    space = AXES[rank]
    return f"channels {space}" if data_format == "channels_first" else f"{space} channels"


def split(x: Shape, data_format: str) -> tuple[Shape, Dim]:
    """The sizes over space, and how many channels."""
    return (x[1:], x[0]) if data_format == "channels_first" else (x[:-1], x[-1])


def joined(space: Iterable[Dim], channels: Dim, data_format: str) -> Shape:
    """The shape of these sizes over space, with its channels where they belong."""
    return (channels, *space) if data_format == "channels_first" else (*space, channels)


def slid(
    argument: str,
    space: Shape,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    dilation: tuple[int, ...] | None = None,
) -> Shape:
    """The sizes that a sliding window leaves; refuses, under `argument`, one that does not fit."""
    spread = dilation or (1,) * len(size)
    left = []
    for length, k, stride, d in zip(space, size, strides, spread, strict=True):
        steps = window(length, k, stride, padding, d)
        if isinstance(steps, int) and isinstance(length, int) and steps < 1 <= length:
            covers = d * (k - 1) + 1
            spaced = f" ({k} cells, each {d} apart)" if d > 1 else ""
            raise Reject(
                argument,
                f"a window of {covers}{spaced} does not fit into {length}",
                f"take a smaller `{argument}`, or `padding: same`",
            )
        left.append(steps)
    return tuple(left)


def times(dim: Dim, factor: int) -> Dim:
    """A size that grows by a factor."""
    return dim if factor == 1 else dim * factor if isinstance(dim, int) else None


def plus(dim: Dim, more: int) -> Dim:
    """A size that grows, or shrinks, by a number of cells."""
    return dim if more == 0 else dim + more if isinstance(dim, int) else None
