"""Shapes without the batch axis, with sizes that may be unknown or named.

A dimension is an `int`, a word such as `"time"` (the same size wherever it stands), or `None`
(any size). Arithmetic on anything but integers gives `None`.
"""

from __future__ import annotations

from collections.abc import Iterable

Dim = int | str | None
Shape = tuple[Dim, ...]


class Clash(Exception):
    """Two sizes that cannot be the same."""

    def __init__(self, left: Dim, right: Dim) -> None:
        super().__init__(f"{show_dim(left)} is not {show_dim(right)}")
        self.left, self.right = left, right


def show_dim(dim: Dim) -> str:
    """A dimension as a spec writes it."""
    return "null" if dim is None else str(dim)


def show(shape: Iterable[Dim]) -> str:
    """A shape as messages write it: `(28, 28, 1)`."""
    return "(" + ", ".join(show_dim(d) for d in shape) + ")"


def join(left: Dim, right: Dim) -> Dim:
    """The size that both can have; raises `Clash` where there is none."""
    if left is None or left == right:
        return right
    if right is None:
        return left
    raise Clash(left, right)


def join_shapes(left: Shape, right: Shape) -> Shape:
    """Axis by axis, for shapes of the same rank."""
    return tuple(join(a, b) for a, b in zip(left, right, strict=True))


def broadcast(left: Shape, right: Shape) -> Shape:
    """NumPy's rule: aligned at the last axis, a size of 1 stretches; raises `Clash`."""
    if len(left) < len(right):
        left = (1,) * (len(right) - len(left)) + left
    elif len(right) < len(left):
        right = (1,) * (len(left) - len(right)) + right
    return tuple(
        b if a == 1 else a if b == 1 else join(a, b) for a, b in zip(left, right, strict=True)
    )


def size(shape: Iterable[Dim]) -> int | None:
    """How many elements, or `None` where a dimension is not a number."""
    total = 1
    for dim in shape:
        if not isinstance(dim, int):
            return None
        total *= dim
    return total


def window(dim: Dim, kernel: int, stride: int, padding: str, dilation: int = 1) -> Dim:
    """The length that a sliding window leaves; `padding` is `valid`, `same` or `causal`.

    A result below one is returned as it is: the caller refuses it with a message of its own.
    """
    if padding in ("same", "causal"):
        if stride == 1:
            return dim
        return -(-dim // stride) if isinstance(dim, int) else None
    if not isinstance(dim, int):
        return dim if kernel == 1 and stride == 1 else None
    return (dim - dilation * (kernel - 1) - 1) // stride + 1
