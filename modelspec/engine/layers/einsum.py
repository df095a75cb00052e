"""Dense layers over any axes, by Einstein's summation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.einsum import EinsumDense
from modelspec.engine.activations import activate
from modelspec.engine.lowering import lowers


@lowers(EinsumDense)
def einsum_dense(p: EinsumDense, w: Any, x: Tensor) -> Tensor:
    y = torch.einsum(p.equation, x.to(w.kernel.dtype), w.kernel)  # (batch, ...)
    return activate(p.activation, y + w.bias if p.offsets else y)
