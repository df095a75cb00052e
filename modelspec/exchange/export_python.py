"""The `python` format: a source file, and its weights beside it."""

from __future__ import annotations

import os
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import Any

import torch
from torch import Tensor, nn

from modelspec.engine import weights
from modelspec.engine.checkpoint import write_text
from modelspec.engine.module import Module
from modelspec.engine.runner import Runner
from modelspec.engine.vocabulary import Vocabulary
from modelspec.exchange.python.source import python_source
from modelspec.model.graph import Graph


def write(module: Module, path: str) -> list[str]:
    """`model.py` and `model.safetensors`."""
    beside = os.path.splitext(path)[0] + ".safetensors"
    made = python_source(
        module.graph, module.weights(), os.path.basename(beside), vocabularies(module.runner)
    )
    write_text(path, made.text)
    weights.write(made.state, beside)
    return [path, beside]


def vocabularies(runner: Runner) -> dict[str, Vocabulary]:
    """Those that its layers have, by the paths of the layers."""
    found = {step.path: step.vocabulary for step in runner.steps if step.vocabulary is not None}
    for step in runner.steps:
        found |= {} if step.body is None else vocabularies(step.body)
    return found


def model_of(files: list[str]) -> nn.Module:
    """The model of a file that has just been written, with its weights."""
    loader = SourceFileLoader("modelspec_exported", files[0])
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    model: nn.Module = vars(module)["load"](files[1])
    return model


def run(graph: Graph, files: list[str]) -> Any:
    """The same, called on inputs by name."""
    model = model_of(files)

    @torch.no_grad()
    def running(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        made = model(*inputs.values())
        return made if isinstance(made, dict) else dict.fromkeys(graph.program.outputs, made)

    return running
