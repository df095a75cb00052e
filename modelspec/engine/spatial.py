"""Tensors over space as torch's kernels take them: channels first, views of the same memory.

Keras's `(batch, height, width, channels)` seen as `(batch, channels, height, width)` is torch's
channels-last memory format, so no value moves. A sequence is an image of height one: torch's
kernels for images are faster than those for sequences, and keep the memory format.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Spatial(Protocol):
    """A declaration over space."""

    @property
    def rank(self) -> int: ...
    @property
    def data_format(self) -> str: ...


def grid(p: Spatial, x: Tensor) -> Tensor:
    """A view of the input with its channels first."""
    if p.data_format == "channels_last":
        x = x.movedim(-1, 1)  # (batch, channels, *space)
    return x.unsqueeze(2) if p.rank == 1 else x  # (batch, channels, height, width)


def ungrid(p: Spatial, y: Tensor) -> Tensor:
    """The layer's own shape again, a view."""
    if p.rank == 1:
        y = y.squeeze(2)  # (batch, channels, time)
    return y.movedim(1, -1) if p.data_format == "channels_last" else y


def lifted(p: Spatial, sizes: tuple[int, ...], fill: int = 1) -> tuple[int, ...]:
    """One size for each axis of the grid."""
    return (fill, *sizes) if p.rank == 1 else sizes


def same(length: int, size: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """The cells that `same` padding adds before and after: the odd one goes to the end."""
    covers = dilation * (size - 1) + 1
    if stride == 1:  # whatever the length is, so that it may stay symbolic in an export
        total = covers - 1
    else:
        total = max((-(-length // stride) - 1) * stride + covers - length, 0)
    return total // 2, total - total // 2
