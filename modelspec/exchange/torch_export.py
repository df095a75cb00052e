"""The `pt2` format: torch.export's program, which runs without this package.

It is called as the module is, on a dict of tensors, and gives a dict of tensors.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from modelspec.engine.module import Module
from modelspec.exchange.export_dimensions import examples, free_sizes
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Report


def write(module: Module, path: str) -> list[str]:
    """Raises `Rejected` where torch cannot trace the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = traced(module)
        program.example_inputs = None  # else torch keeps them in the file, as a pickle
        torch.export.save(program, path)
    return [path]


def traced(module: Module) -> Any:
    """The program, with a batch of any size."""
    inputs = examples(module.graph)
    try:
        with torch.no_grad():
            return torch.export.export(
                module, (inputs,), dynamic_shapes=(free_sizes(module.graph),)
            )
    except Exception as failed:  # torch raises what it likes where it cannot trace
        raise_untraced(failed, "torch.export")


def raise_untraced(failed: Exception, what: str) -> Any:
    """Say that torch cannot trace a model; raises `Rejected`."""
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
