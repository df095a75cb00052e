"""Operations that sum products: matrices and Einstein's notation."""

from __future__ import annotations

import torch

from modelspec.catalog.layers.ops import product as ops
from modelspec.engine.operations import lower

product = lower({
    ops.Matmul: lambda p, x1, x2: torch.matmul(x1, x2),
    ops.Einsum: lambda p, *operands: torch.einsum(p.subscripts.replace(" ", ""), *operands),
})  # fmt: skip
