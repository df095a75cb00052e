"""Lowering operations: operands in one dtype, the function, the declared dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modelspec.engine.lowering import lowers
from modelspec.language.operation import Operation

Function = Callable[..., Any]
Table = dict[type[Operation], Function]

#: Where torch computes with too few unsigned integers: in what it does instead.
WIDER = {"uint16": torch.int32, "uint32": torch.int64}


def lower(table: Table) -> Callable[..., Any]:
    """The lowering of all operations of a table: `table[type](p, *tensors)` in their dtype."""

    def function(p: Operation, w: Any, *given: Any, compute: torch.dtype) -> Any:
        tensors = [one for each in given for one in (each if isinstance(each, list) else [each])]
        names, whole = [dtype_name(one.dtype) for one in tensors], dtype_name(compute)
        working = torch_dtype(p.working(whole, *names))
        made = table[type(p)](p, *[one.to(working) for one in tensors])
        return declared(made, p.dtypes(whole, *names))

    for layer in table:
        lowers(layer)(function)
    return function


def declared(made: Any, dtypes: list[str]) -> Any:
    """Results in the dtypes that the declaration gives them."""
    if isinstance(made, Tensor):
        return made.to(getattr(torch, dtypes[0]))
    return tuple(one.to(getattr(torch, to)) for one, to in zip(made, dtypes, strict=True))


def dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def torch_dtype(name: str) -> torch.dtype:
    """The dtype that torch computes in."""
    found: torch.dtype = WIDER.get(name) or getattr(torch, name)
    return found
