"""Activations as layers of their own."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.activation import Activation, LeakyReLU, ReLU, Softmax
from modelspec.engine.activations import activate, relu
from modelspec.engine.lowering import lowers


@lowers(Activation)
def activation(p: Activation, w: Any, x: Tensor) -> Tensor:
    return activate(p.activation, x)


@lowers(ReLU)
def relu_layer(p: ReLU, w: Any, x: Tensor) -> Tensor:
    word: Any = p  # the activation of that name has the same arguments
    return relu(word, x)


@lowers(LeakyReLU)
def leaky_relu(p: LeakyReLU, w: Any, x: Tensor) -> Tensor:
    return F.leaky_relu(x, p.negative_slope)


@lowers(Softmax)
def softmax(p: Softmax, w: Any, x: Tensor, *, mask: Tensor | None = None) -> Tensor:
    if mask is not None:
        there = mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))  # (batch, time, 1, ...)
        x = x.where(there, -3e4 if x.dtype is torch.float16 else -1e9)
    if len(p.axes) == 1:
        return torch.softmax(x, p.axes[0])
    return torch.exp(x - torch.logsumexp(x, p.axes, keepdim=True))
