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


def sparsemax(word: words.Sparsemax, x: Tensor) -> Tensor:
    """`max(x - t, 0)`, with the `t` that makes it sum to 1 (algorithm 1 of the paper).

    Keras 3.15 adds up the running sums to find `t`, so its values sum to less than 1.
    """
    x = x.movedim(word.axis, -1)
    falling = x.sort(-1, descending=True).values
    sums = falling.cumsum(-1) - 1.0
    ranks = torch.arange(1, x.shape[-1] + 1, device=x.device, dtype=x.dtype)
    kept = (falling * ranks > sums).sum(-1, keepdim=True)
    t = sums.gather(-1, kept - 1) / kept
    return (x - t).clamp(0.0, 1.0).movedim(-1, word.axis)


def sparse_plus(word: words.SparsePlus, x: Tensor) -> Tensor:
    bend = x.clamp(-1.0, 1.0)
    return 0.25 * (bend + 1).square() + torch.relu(x - 1)


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
    words.Celu: lambda word, x: F.celu(x, word.alpha),
    words.Glu: lambda word, x: F.glu(x, word.axis),
    words.HardShrink: lambda word, x: F.hardshrink(x, word.threshold),
    words.SoftShrink: lambda word, x: F.softshrink(x, word.threshold),
    words.TanhShrink: lambda word, x: F.tanhshrink(x),
    words.HardTanh: lambda word, x: F.hardtanh(x),
    words.Threshold: lambda word, x: F.threshold(x, word.threshold, word.default_value),
    words.SparsePlus: sparse_plus,
    words.SparseSigmoid: lambda word, x: (0.5 * (x + 1)).clamp(0.0, 1.0),
    words.Sparsemax: sparsemax,
    words.Squareplus: lambda word, x: (x + torch.sqrt(x.square() + word.b)) / 2,
}
