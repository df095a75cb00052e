"""Tensors that need no input: learned ones, and ones that are written down."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.constants import Constant, Parameter
from modelspec.engine.lowering import lowers


@lowers(Parameter)
def parameter(p: Parameter, w: Any, *, batch: Tensor) -> Tensor:
    value: Tensor = w.value
    return value.expand(batch.shape[0], *value.shape)  # (batch, *shape)


@lowers(Constant)
def constant(p: Constant, w: Any, *, batch: Tensor, compute: torch.dtype) -> Tensor:
    value = torch.tensor(p.value, device=batch.device)
    if value.is_floating_point():
        value = value.to(compute)
    elif value.dtype is torch.int64:
        value = value.to(torch.int32)
    return value.expand(batch.shape[0], *value.shape)  # (batch, *shape)
