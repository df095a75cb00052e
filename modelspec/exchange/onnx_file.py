"""The `onnx` format: a graph for onnxruntime and others, with the names that the spec has."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from modelspec.engine.module import Module
from modelspec.exchange.export_dimensions import examples, size_names
from modelspec.exchange.torch_export import Traced, raise_untraced
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Report

#: A file of protocol buffers ends at 2 GiB; larger weights go into a file beside it.
LARGEST = 1_800_000_000
NEEDED = ("onnx", "onnxscript", "onnxruntime")


class Positional(nn.Module):
    """A module of this package, called on its inputs in order: ONNX knows no dicts."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        self.module, self.names = module, list(module.graph.program.inputs)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        made = self.module(dict(zip(self.names, inputs, strict=True)))
        return tuple(made.values())


def write(module: Module, path: str) -> list[str]:
    """Raises `Rejected` where a package is missing, or torch cannot trace the model."""
    refuse_missing()
    graph = module.graph
    given = tuple(examples(graph).values())
    sizes = sum(value.nbytes for value in module.weights().values())
    # It says on stdout how far it is, and which packages it would also know.
    for teller in ("torch.onnx", "onnxscript"):
        logging.getLogger(teller).setLevel(logging.ERROR)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                Positional(Traced(module)),
                given,
                path,
                dynamo=True,
                verbose=False,
                input_names=list(graph.program.inputs),
                output_names=list(graph.program.outputs),
                dynamic_shapes=(tuple(size_names(graph)),),
                external_data=sizes > LARGEST,
                custom_translation_table={torch.ops.aten.sort.stable: stable_sort},
            )
        except Exception as failed:  # torch raises what it likes where it cannot trace
            raise_untraced(failed, "torch.onnx")
    return [path, f"{path}.data"] if sizes > LARGEST else [path]


def stable_sort(self: Any, stable: bool = True, dim: int = -1, descending: bool = False) -> Any:
    """`torch.sort(stable=True)`, which torch's exporter lacks: of equal values ONNX's TopK takes
    those of lower index first. It is asked of integers alone here, the steps of masked sequences.
    """
    import onnxscript

    op: Any = onnxscript.opset18
    whole = op.Cast(self, to=7)  # int64
    size = op.Reshape(op.Gather(op.Shape(whole), op.Constant(value_int=dim)),
                      op.Constant(value_ints=[-1]))  # fmt: skip
    values, indices = op.TopK(whole, size, axis=dim, largest=int(descending), sorted=1)
    return op.CastLike(values, self), indices


def refuse_missing() -> None:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        report = Report()
        report.error(
            "needs-extra",
            "ONNX files are written by onnx and onnxscript, and checked by onnxruntime",
            notes=[f"{', '.join(missing)} cannot be found"],
            help="pip install 'modelspec-torch[onnx]'",
        )
        report.raise_if_errors()


def run(graph: Graph, files: list[str]) -> Any:
    """The file in onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(files[0], options, providers=["CPUExecutionProvider"])
    read = {one.name for one in session.get_inputs()}

    def running(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        given = {name: value.numpy() for name, value in inputs.items() if name in read}
        names = list(graph.program.outputs)
        made = session.run(names, given)
        return {n: torch.as_tensor(value) for n, value in zip(names, made, strict=True)}

    return running
