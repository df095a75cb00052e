"""Activations as layers of their own."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from modelspec.engine.activations import activate, relu
from modelspec.engine.lowering import lowers


@lowers(Activation)
def activation(p: Activation, w: Any, x: Tensor, *, compute: torch.dtype = torch.float32) -> Tensor:
    if p.whole:
        return activate(p.activation, x).to(x.dtype)
    return activate(p.activation, floats(x, compute))


@lowers(ReLU)
def relu_layer(p: ReLU, w: Any, x: Tensor, *, compute: torch.dtype = torch.float32) -> Tensor:
    word: Any = p  # the activation of that name has the same arguments
    return relu(word, x).to(x.dtype) if p.whole else relu(word, floats(x, compute))


@lowers(LeakyReLU)
def leaky_relu(p: LeakyReLU, w: Any, x: Tensor, *, compute: torch.dtype = torch.float32) -> Tensor:
    return F.leaky_relu(floats(x, compute), p.negative_slope)


@lowers(PReLU)
def prelu(p: PReLU, w: Any, x: Tensor) -> Tensor:
    x = x.to(w.alpha.dtype)
    alpha: Tensor = w.alpha
    return torch.relu(x) - alpha * torch.relu(-x)


@lowers(ELU)
def elu(p: ELU, w: Any, x: Tensor, *, compute: torch.dtype = torch.float32) -> Tensor:
    return F.elu(floats(x, compute), p.alpha)


@lowers(Softmax)
def softmax(
    p: Softmax,
    w: Any,
    x: Tensor,
    *,
    mask: Tensor | None = None,
    compute: torch.dtype = torch.float32,
) -> Tensor:
    x, there = floats(x, compute), None
    if mask is not None:
        there = mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))  # (batch, time, 1, ...)
        x = x.where(there, -3e4 if x.dtype is torch.float16 else -1e9)
    if len(p.axes) == 1:
        y = torch.softmax(x, p.axes[0])
    else:
        y = torch.exp(x - torch.logsumexp(x, p.axes, keepdim=True))
    # Where all that sums to one is masked, softmax alone would share it out evenly.
    return y if there is None else y.where(there, 0)


def floats(x: Tensor, compute: torch.dtype) -> Tensor:
    """Integers in the layer's dtype."""
    return x if x.is_floating_point() else x.to(compute)
