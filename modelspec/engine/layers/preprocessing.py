"""Layers that bring raw values into range."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.preprocessing import Rescaling
from modelspec.engine.lowering import lowers


@lowers(Rescaling)
def rescaling(p: Rescaling, w: Any, x: Tensor) -> Tensor:
    if not x.is_floating_point():
        x = x.to(torch.get_default_dtype())
    return x * number(p.scale, x) + number(p.offset, x)


def number(value: float | list[float], x: Tensor) -> float | Tensor:
    """A number, or one for each of the last axis."""
    return x.new_tensor(value) if isinstance(value, list) else value  # (features,)
