"""The `pt2` format: torch.export's program, which runs without this package.

It is called as the module is, on a dict of tensors, and gives a dict of tensors.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from modelspec.engine.module import Module
from modelspec.exchange.export_dimensions import examples, free_sizes
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Report

#: What `forward` is called instead: no name of a spec's has a colon.
FORWARD = "forward:"


class Traced(Module):
    """A module as torch traces it: none of its parts is called `forward`, as one of a
    Bidirectional's is, since torch keeps parts as attributes.
    """

    def __init__(self, module: Module) -> None:
        super().__init__(module.graph, pretrained=False)
        self.runner = module.runner
        own = self.weights()
        with torch.no_grad():
            for name, value in module.weights().items():
                own[name].copy_(value)
        self.train(module.training)

    def holder(self, name: str) -> tuple[nn.Module, str]:
        return super().holder(renamed(name, "forward", FORWARD))

    def tensors(self) -> dict[str, Tensor]:
        return {renamed(name, FORWARD, "forward"): v for name, v in super().tensors().items()}


def renamed(name: str, old: str, new: str) -> str:
    return ".".join(new if part == old else part for part in name.split("."))


def write(module: Module, path: str) -> list[str]:
    """Raises `Rejected` where torch cannot trace the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = traced(module)
        program.example_inputs = None  # else torch keeps them in the file, as a pickle
        held = io.BytesIO()  # written by torch itself, a full disk would end the process
        torch.export.save(program, held)
    with open(path, "wb") as stream:
        stream.write(held.getbuffer())
    return [path]


def traced(module: Module) -> Any:
    """The program, with a batch of any size."""
    inputs = examples(module.graph)
    try:
        with torch.no_grad():
            return torch.export.export(
                Traced(module), (inputs,), dynamic_shapes=(free_sizes(module.graph),)
            )
    except Exception as failed:  # torch raises what it likes where it cannot trace
        raise_untraced(failed, "torch.export")


def raise_untraced(failed: Exception, what: str) -> Any:
    """Say that torch cannot trace a model; raises `Rejected`, and what is no matter of tracing as
    it is: a disk that is full.
    """
    if isinstance(failed, OSError):
        raise failed
    report = Report()
    first = str(failed).strip().partition("\n")[0] or type(failed).__name__
    report.error("cannot-export", f"{what} traces the model", notes=[first[:300]],
                 help="`--to python` writes it as source")  # fmt: skip
    report.raise_if_errors()


def run(graph: Graph, files: list[str]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.load(files[0]).module()

    @torch.no_grad()
    def running(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return program(inputs)  # type: ignore[no-any-return]

    return running
