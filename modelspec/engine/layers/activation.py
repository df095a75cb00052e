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
def activation(p: Activation, w: Any, x: Tensor) -> Tensor:
    return activate(p.activation, x if p.whole else floats(x))


@lowers(ReLU)
def relu_layer(p: ReLU, w: Any, x: Tensor) -> Tensor:
    word: Any = p  # the activation of that name has the same arguments
    return relu(word, floats(x))


@lowers(LeakyReLU)
def leaky_relu(p: LeakyReLU, w: Any, x: Tensor) -> Tensor:
    return F.leaky_relu(floats(x), p.negative_slope)


@lowers(PReLU)
def prelu(p: PReLU, w: Any, x: Tensor) -> Tensor:
    x = x.to(w.alpha.dtype)
    alpha: Tensor = w.alpha
    return torch.relu(x) - alpha * torch.relu(-x)


@lowers(ELU)
def elu(p: ELU, w: Any, x: Tensor) -> Tensor:
    return F.elu(floats(x), p.alpha)


@lowers(Softmax)
def softmax(p: Softmax, w: Any, x: Tensor, *, mask: Tensor | None = None) -> Tensor:
    x, there = floats(x), None
    if mask is not None:
        there = mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim))  # (batch, time, 1, ...)
        x = x.where(there, -3e4 if x.dtype is torch.float16 else -1e9)
    if len(p.axes) == 1:
        y = torch.softmax(x, p.axes[0])
    else:
        y = torch.exp(x - torch.logsumexp(x, p.axes, keepdim=True))
    # Where all that sums to one is masked, softmax alone would share it out evenly.
    return y if there is None else y.where(there, 0)


def floats(x: Tensor) -> Tensor:
    return x if x.is_floating_point() else x.to(torch.get_default_dtype())
