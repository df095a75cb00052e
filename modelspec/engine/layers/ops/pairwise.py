"""Operations on the elements of two tensors, or of a tensor and a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.ops import pairwise as ops
from modelspec.engine.lowering import lowers
from modelspec.engine.operations import declared, dtype_name, lower, torch_dtype


def two(function: Callable[[Any, Any], Tensor]) -> Callable[..., Tensor]:
    """A function of two tensors, with a number in place of one where the operation has it."""

    def both(p: Any, *given: Tensor) -> Tensor:
        left, *right = operands(p, given)
        return function(left, *right)

    return both


def operands(p: Any, given: tuple[Tensor, ...]) -> list[Tensor]:
    """Tensors and numbers in their order, numbers in the tensors' dtype."""
    rest, dtype, device = iter(given), given[0].dtype, given[0].device
    return [
        next(rest) if one is None else torch.as_tensor(one, dtype=dtype, device=device)
        for one in (p.x1, p.x2)
    ]


def divide_no_nan(left: Tensor, right: Tensor) -> Tensor:
    return torch.where(right == 0, 0, left / torch.where(right == 0, 1, right))


def floor_divide(left: Tensor, right: Tensor) -> Tensor:
    return torch.div(left, right, rounding_mode="floor")


def arctan2(left: Tensor, right: Tensor) -> Tensor:
    return torch.arctan2(left, right)


pairwise = lower({
    ops.Add: two(torch.add),
    ops.Subtract: two(torch.subtract),
    ops.Multiply: two(torch.multiply),
    ops.Divide: two(torch.divide),
    ops.DivideNoNan: two(divide_no_nan),
    ops.FloorDivide: two(floor_divide),
    ops.Mod: two(torch.remainder),
    ops.Power: two(torch.pow),
    ops.Maximum: two(torch.maximum),
    ops.Minimum: two(torch.minimum),
    ops.Arctan2: two(arctan2),
    ops.Logaddexp: two(torch.logaddexp),
    ops.Equal: two(torch.eq),
    ops.NotEqual: two(torch.ne),
    ops.Greater: two(torch.gt),
    ops.GreaterEqual: two(torch.ge),
    ops.Less: two(torch.lt),
    ops.LessEqual: two(torch.le),
    ops.LogicalAnd: two(torch.logical_and),
    ops.LogicalOr: two(torch.logical_or),
    ops.LogicalXor: two(torch.logical_xor),
})  # fmt: skip


@lowers(ops.Where)
def where(p: ops.Where, w: Any, condition: Tensor, *given: Tensor, compute: torch.dtype) -> Tensor:
    names = [dtype_name(one.dtype) for one in (condition, *given)]
    working = torch_dtype(p.working(dtype_name(compute), *names))
    brought = [one.to(working) for one in given]
    numbers = [torch.as_tensor(one, dtype=working, device=condition.device)
               for one in (p.x1, p.x2) if one is not None]  # fmt: skip
    rest, constants = iter(brought), iter(numbers)
    left, right = (next(rest if one is None else constants) for one in (p.x1, p.x2))
    made = torch.where(condition.bool(), left, right)
    result: Tensor = declared(made, p.dtypes(dtype_name(compute), *names))
    return result
