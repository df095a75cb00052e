"""Values as steps hand them on: gathered by id, cast, placed by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor


def place(space: SimpleNamespace, name: str, value: Tensor) -> None:
    """Set `forward.kernel` as an attribute of an attribute."""
    *above, last = name.split(".")
    for part in above:
        if part not in space.__dict__:
            space.__dict__[part] = SimpleNamespace()
        space = space.__dict__[part]
    space.__dict__[last] = value


def gather(values: list[Any], ids: int | list[int] | None) -> Any:
    if isinstance(ids, list):
        return [values[id] for id in ids]
    return None if ids is None else values[ids]


def reads(inputs: list[int | list[int] | None]) -> list[int]:
    found: list[int] = []
    for one in inputs:
        if isinstance(one, list):
            found += one
        elif one is not None:
            found.append(one)
    return found


def first_mask(masks: list[Tensor | None], inputs: list[int | list[int] | None]) -> Tensor | None:
    for id in reads(inputs):
        if masks[id] is not None:
            return masks[id]
    return None


def cast(value: Any, compute: torch.dtype) -> Any:
    """Floating tensors in the layer's dtype, as Keras's autocast; others as they are."""
    if isinstance(value, list):
        return [cast(one, compute) for one in value]
    if isinstance(value, Tensor) and value.is_floating_point() and value.dtype != compute:
        return value.to(compute)
    return value
