"""What a training script takes along besides its optimizer: each as it stands here."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Averages:
    """Moving averages of parameters, which are the parameters in the first update."""

    def __init__(self, parameters: Iterable[Tensor], momentum: float, every: int | None) -> None:
        self.parameters, self.momentum, self.every = list(parameters), momentum, every
        self.averages = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def follow(self, update: int) -> None:
        """Move them on after an update, and the parameters onto them every so often."""
        for average, p in zip(self.averages, self.parameters, strict=True):
            average.lerp_(p, 1 - self.momentum if update > 1 else 1.0)
            if self.every is not None and update % self.every == 0:
                p.copy_(average)

    @torch.no_grad()
    def swap(self) -> None:
        """Put each in the other's place."""
        for average, p in zip(self.averages, self.parameters, strict=True):
            kept = p.clone()
            p.copy_(average)
            average.copy_(kept)


def keep_biased_variance(model: torch.nn.Module) -> None:
    """Let batch normalization keep the batch's variance; PyTorch keeps n / (n - 1) times that."""
    before: dict[Any, Tensor] = {}

    def remember(module: Any, inputs: Any) -> None:
        before[module] = module.running_var.clone()

    def correct(module: Any, inputs: Any, output: Any) -> None:
        if module.training:
            n = inputs[0].numel() / inputs[0].shape[1]
            old = (1 - module.momentum) * before[module]
            module.running_var = old + (module.running_var - old) * (n - 1) / n

    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.register_forward_pre_hook(remember)
            module.register_forward_hook(correct)


def clip_each(parameters: Iterable[Tensor], limit: float) -> None:
    """Make gradients smaller where their norm is over a limit."""
    for p in parameters:
        if p.grad is not None:
            p.grad.mul_(limit / p.grad.norm().clamp(min=limit))


def clip_together(parameters: Iterable[Tensor], limit: float) -> None:
    """Make all gradients smaller by one factor where their norm together is over a limit."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([g.norm() for g in gradients]).norm()
    for g in gradients:
        g.mul_(limit / norm.clamp(min=limit))


def save(tensors: dict[str, Tensor], path: Any) -> None:
    """Write a .safetensors file: a header in JSON, then the bytes of all tensors."""
    dtypes = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16",
              torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32",
              torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8",
              torch.bool: "BOOL"}  # fmt: skip
    header: dict[str, Any] = {}
    parts, at = [], 0
    for name, tensor in tensors.items():
        flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        data = bytearray(len(flat))
        if data:
            torch.frombuffer(data, dtype=torch.uint8).copy_(flat)
        offsets = [at, at + len(data)]
        header[name] = {"dtype": dtypes[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": offsets}  # fmt: skip
        parts.append(data)
        at += len(data)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for data in parts:
            file.write(data)
