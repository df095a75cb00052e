"""The `python` format: a source file, and its weights beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import Any

import torch
from torch import Tensor, nn

from modelspec.engine import weights
from modelspec.engine.checkpoint import write_text
from modelspec.engine.learnt import steps_of
from modelspec.engine.module import Module
from modelspec.engine.runner import Runner
from modelspec.engine.vocabulary import Vocabulary
from modelspec.exchange.python.augmentation import LEFT_OUT
from modelspec.exchange.python.encoding import Learnt
from modelspec.exchange.python.reading import function_of, readings, takes
from modelspec.exchange.python.source import PythonSource, python_source
from modelspec.model.graph import Graph


def write(module: Module, path: str, learnt: Learnt | None = None) -> list[str]:
    """`model.py` and `model.safetensors`; with what a run has learnt besides weights, raw rows are
    taken too, and `model.json` holds of that what is long.
    """
    return write_source(path, source_of(module, path, learnt))


def source_of(
    module: Module,
    path: str,
    learnt: Learnt | None = None,
    parted: frozenset[int] = frozenset(),
) -> PythonSource:
    """The source that goes to `path`."""
    held, file = module.weights(), os.path.basename(beside(path))
    known = vocabularies(module.runner)
    return python_source(module.graph, held, file, known, parted, learnt)


def write_source(path: str, made: PythonSource) -> list[str]:
    """The files of a source."""
    write_text(path, made.text)
    weights.write(made.state, beside(path))
    files = [path, beside(path)]
    if made.held:
        files.append(beside(path, ".json"))
        write_text(files[-1], json.dumps(made.held, ensure_ascii=False))
    return files


def beside(path: str, ending: str = ".safetensors") -> str:
    return os.path.splitext(path)[0] + ending


def notes(graph: Graph) -> list[str]:
    """Which layers a file leaves out."""
    return [
        f"`{step.name}` ({step.layer.title()}) changes images in training alone, and the file "
        "leaves them as they are"
        for step in steps_of(graph.program)
        if isinstance(step.layer, LEFT_OUT)
    ]


def vocabularies(runner: Runner) -> dict[str, Vocabulary]:
    """Those that its layers have, by the paths of the layers."""
    found = {step.path: step.vocabulary for step in runner.steps if step.vocabulary is not None}
    for step in runner.steps:
        found |= {} if step.body is None else vocabularies(step.body)
    return found


def model_of(files: list[str]) -> nn.Module:
    """The model of a file that has just been written, with its weights."""
    model: nn.Module = loaded(files[0])["load"](files[1])
    return model


def loaded(file: str) -> dict[str, Any]:
    """What a file that has just been written defines."""
    loader = SourceFileLoader("modelspec_exported", file)
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return vars(module)


def run(graph: Graph, files: list[str]) -> Any:
    """The model of a file that has just been written, called on inputs by name."""
    defined = loaded(files[0])
    model, given = defined["load"](files[1]), reader_of(graph, defined)

    @torch.no_grad()
    def running(inputs: dict[str, Any]) -> dict[str, Tensor]:
        made = model(*given(inputs))
        return made if isinstance(made, dict) else dict.fromkeys(graph.program.outputs, made)

    return running


def reader_of(graph: Graph, defined: dict[str, Any]) -> Callable[[dict[str, Any]], list[Tensor]]:
    """What makes the model's parameters of inputs: texts go through the file's own functions."""
    program, read = graph.program, readings(graph.program)

    def given(inputs: dict[str, Any]) -> list[Tensor]:
        made = [inputs[name] for name in takes(program) if name in program.inputs]
        for one in read:
            function = defined[function_of(one.name)]
            cells = [[plain(cell) for cell in inputs[name]] for name in one.inputs]
            made.append(defined["together"]([function(*row) for row in zip(*cells, strict=True)]))
        return made

    return given


def plain(value: Any) -> Any:
    """A cell of an array or a tensor as Python's own."""
    return value.tolist() if hasattr(value, "tolist") else value
