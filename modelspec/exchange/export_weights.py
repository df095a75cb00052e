"""The `safetensors` format: the weights alone, under their names in the spec."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.engine import weights
from modelspec.engine.module import Module
from modelspec.engine.run import load_into
from modelspec.model.graph import Graph


def write(module: Module, path: str) -> list[str]:
    weights.write(module.weights(), path)
    return [path]


def run(graph: Graph, files: list[str]) -> Any:
    """A fresh module with the weights of the file."""
    module = Module(graph, pretrained=False).eval()
    load_into(module, files[0])

    @torch.no_grad()
    def running(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return module(inputs)  # type: ignore[no-any-return]

    return running
