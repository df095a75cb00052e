"""Operations on each element of one tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.ops import elementwise as ops
from modelspec.engine.operations import lower


def plain(function: Callable[[Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    """A function of the tensor alone."""
    return lambda p, x: function(x)


def number(function: Callable[[Tensor], Tensor]) -> Callable[[Any, Tensor], Tensor]:
    """The same, where torch has no such function of booleans."""
    return lambda p, x: x if x.dtype == torch.bool else function(x)


def square(p: ops.Square, x: Tensor) -> Tensor:
    return x if x.dtype == torch.bool else torch.square(x)


def rounded(p: ops.Round, x: Tensor) -> Tensor:
    if x.is_floating_point():
        return torch.round(x, decimals=p.decimals)
    return torch.round(x.double(), decimals=p.decimals).to(x.dtype) if p.decimals < 0 else x


def nan_to_num(p: ops.NanToNum, x: Tensor) -> Tensor:
    if not x.is_floating_point():
        return x
    return torch.nan_to_num(x, p.nan, p.posinf, p.neginf)


def cast(p: ops.Cast, x: Tensor) -> Tensor:
    return x  # the declared dtype does it


def gelu(p: ops.Gelu, x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh" if p.approximate else "none")


elementwise = lower({
    ops.Negative: plain(torch.neg),
    ops.Abs: number(torch.abs),
    ops.Sign: number(torch.sign),
    ops.Trunc: number(torch.trunc),
    ops.Relu: plain(torch.relu),
    ops.Relu6: plain(F.relu6),
    ops.StopGradient: plain(torch.detach),
    ops.ZerosLike: plain(torch.zeros_like),
    ops.OnesLike: plain(torch.ones_like),
    ops.LogicalNot: plain(torch.logical_not),
    ops.Isfinite: plain(torch.isfinite),
    ops.Isinf: plain(torch.isinf),
    ops.Isnan: plain(torch.isnan),
    ops.Sqrt: plain(torch.sqrt),
    ops.Rsqrt: plain(torch.rsqrt),
    ops.Reciprocal: plain(torch.reciprocal),
    ops.Exp: plain(torch.exp),
    ops.Exp2: plain(torch.exp2),
    ops.Expm1: plain(torch.expm1),
    ops.Log: plain(torch.log),
    ops.Log1p: plain(torch.log1p),
    ops.Log2: plain(torch.log2),
    ops.Log10: plain(torch.log10),
    ops.Sin: plain(torch.sin),
    ops.Cos: plain(torch.cos),
    ops.Tan: plain(torch.tan),
    ops.Arcsin: plain(torch.arcsin),
    ops.Arccos: plain(torch.arccos),
    ops.Arctan: plain(torch.arctan),
    ops.Sinh: plain(torch.sinh),
    ops.Cosh: plain(torch.cosh),
    ops.Tanh: plain(torch.tanh),
    ops.Arcsinh: plain(torch.arcsinh),
    ops.Arccosh: plain(torch.arccosh),
    ops.Arctanh: plain(torch.arctanh),
    ops.Erf: plain(torch.erf),
    ops.Erfinv: plain(torch.erfinv),
    ops.Floor: plain(torch.floor),
    ops.Ceil: plain(torch.ceil),
    ops.Sigmoid: plain(torch.sigmoid),
    ops.Softsign: plain(F.softsign),
    ops.Selu: plain(F.selu),
    ops.Silu: plain(F.silu),
    ops.Softplus: plain(F.softplus),
    ops.LogSigmoid: plain(F.logsigmoid),
    ops.HardSigmoid: plain(F.hardsigmoid),
    ops.HardSilu: plain(F.hardswish),
    ops.Square: square,
    ops.Round: rounded,
    ops.NanToNum: nan_to_num,
    ops.Clip: lambda p, x: torch.clamp(x, p.x_min, p.x_max),
    ops.FullLike: lambda p, x: torch.full_like(x, p.fill_value),
    ops.Cast: cast,
    ops.LeakyRelu: lambda p, x: F.leaky_relu(x, p.negative_slope),
    ops.Elu: lambda p, x: F.elu(x, p.alpha),
    ops.Gelu: gelu,
})  # fmt: skip
