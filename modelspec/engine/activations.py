"""The catalogue's activation functions, on tensors; numerics of Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog import activations as words
from modelspec.language.word import Word


def activate(word: Word | None, x: Tensor) -> Tensor:
    """The activation of `x`, of the same shape; None is linear."""
    return x if word is None else ACTIVATIONS[type(word)](word, x)


def relu(word: words.Relu, x: Tensor) -> Tensor:
    slope, threshold = word.negative_slope, word.threshold
    ceiling: Any = word.max_value  # may be None
    if not slope and ceiling is None and not threshold:
        return torch.relu(x)
    if threshold:
        y = torch.where(x > threshold, x, 0)
    else:
        y = torch.relu(x)
    if ceiling is not None:
        y = torch.clamp(y, 0.0, ceiling)
    return y - slope * torch.relu(threshold - x) if slope else y


ACTIVATIONS: dict[type[Word], Callable[[Any, Tensor], Tensor]] = {
    words.Linear: lambda word, x: x,
    words.Relu: relu,
    words.Relu6: lambda word, x: F.relu6(x),
    words.LeakyRelu: lambda word, x: F.leaky_relu(x, word.negative_slope),
    words.Elu: lambda word, x: F.elu(x, word.alpha),
    words.Selu: lambda word, x: F.selu(x),
    words.Gelu: lambda word, x: F.gelu(x, approximate="tanh" if word.approximate else "none"),
    words.Silu: lambda word, x: F.silu(x),
    words.Mish: lambda word, x: F.mish(x),
    words.Sigmoid: lambda word, x: torch.sigmoid(x),
    words.HardSigmoid: lambda word, x: F.hardsigmoid(x),
    words.HardSilu: lambda word, x: F.hardswish(x),
    words.Tanh: lambda word, x: torch.tanh(x),
    words.Softmax: lambda word, x: torch.softmax(x, word.axis),
    words.LogSoftmax: lambda word, x: torch.log_softmax(x, word.axis),
    words.LogSigmoid: lambda word, x: F.logsigmoid(x),
    words.Softplus: lambda word, x: F.softplus(x),
    words.Softsign: lambda word, x: F.softsign(x),
    words.Exponential: lambda word, x: torch.exp(x),
}
