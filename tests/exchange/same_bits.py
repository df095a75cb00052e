"""Exported files beside the engine, bit for bit: run as a program, on families and whole models.

torch's kernels give different last bits where tensors lie differently in memory, and the engine
keeps its weights as Keras does, (in, out), and runs sequences as images of height one. So before
the two are compared the model of a file is given the engine's memory: the same values, the same
operations, the same order. What is left is a difference of operations. MKL itself gives different
last bits from one address to the next, unless the process starts with `MKL_CBWR=COMPATIBLE`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import modelspec
from modelspec.engine.module import Module
from modelspec.exchange import export_python
from modelspec.exchange.export import BATCHES, difference
from tests.exchange.export_specs import drawn, examples, module_of, randomised

#: How far a model may be from the engine before it has the engine's memory, as a part of its
#: largest value (at least 1): logits of 90 differ in their last bits by more than probabilities.
CLOSE = 2e-6


def laid_out_as_the_engines(model: nn.Module) -> None:
    """Matrices of a model in memory as (in, out)."""
    for part in model.modules():
        turned = isinstance(part, nn.Linear | nn.RNNBase)
        for name, weight in part.named_parameters(recurse=False):
            if turned and name.startswith("weight"):
                weight.data = weight.data.T.contiguous().T
        if isinstance(part, nn.RNNBase):
            part._flat_weights = [getattr(part, name) for name in part._flat_weights_names]


def as_an_image(slide: Callable[..., Tensor], *names: str) -> Callable[..., Tensor]:
    """A convolution of sequences as the engine runs it."""

    def call(x: Tensor, weight: Tensor, bias: Tensor | None = None, *given: Any, **named: Any):
        named |= dict(zip(names, given, strict=False))
        lifted = {
            name: value if name == "groups" else (int("padding" not in name), last(value))
            for name, value in named.items()
        }
        weight = weight.unsqueeze(2)
        if x.stride(1) == 1:
            weight = weight.contiguous(memory_format=torch.channels_last)
        return slide(x.unsqueeze(2), weight, bias, **lifted).squeeze(2)

    return call


def last(value: Any) -> int:
    return value[-1] if isinstance(value, tuple | list) else value


def by_features(normalize: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Batch normalization of sequences as the engine runs it, steps as samples."""

    def call(x: Tensor, *given: Any) -> Tensor:
        if x.ndim != 3 or x.stride(1) != 1:
            return normalize(x, *given)
        steps = x.transpose(1, 2)
        return normalize(steps.flatten(0, 1), *given).reshape(steps.shape).transpose(1, 2)

    return call


def on_an_image(pad: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def call(x: Tensor, around: Any, *given: Any, **named: Any) -> Tensor:
        if x.ndim != 3 or len(around) != 2:
            return pad(x, around, *given, **named)
        return pad(x.unsqueeze(2), (*around, 0, 0), *given, **named).squeeze(2)

    return call


@contextmanager
def as_the_engine_runs() -> Iterator[None]:
    """torch's functions on sequences as the engine runs them."""
    names = ("stride", "padding", "output_padding", "groups", "dilation")
    with pytest.MonkeyPatch.context() as patch:
        slid = as_an_image(F.conv2d, "stride", "padding", "dilation", "groups")
        patch.setattr(F, "conv1d", slid)
        patch.setattr(F, "conv_transpose1d", as_an_image(F.conv_transpose2d, *names))
        patch.setattr(F, "batch_norm", by_features(F.batch_norm))
        patch.setattr(F, "pad", on_an_image(F.pad))
        yield


def apart(module: Module, model: nn.Module, *, torchs: bool) -> float:
    """The largest difference at two batch sizes, from one in the engine's memory (infinite where
    one that lies as it was read is not close).
    """
    worst = 0.0
    for batch in BATCHES:
        inputs = drawn(module, batch)
        with torch.no_grad():
            wanted, near = module(inputs), named(model(*inputs.values()), module)
            if not torchs:  # whose own modules the engine keeps as torch does
                laid_out_as_the_engines(model)
            with as_the_engine_runs():
                found = named(model(*inputs.values()), module)
        for name, value in wanted.items():
            off, largest = difference(value, near[name])
            is_close = off <= CLOSE * max(1.0, largest)
            worst = max(worst, difference(value, found[name])[0] if is_close else float("inf"))
    return worst


def named(made: Any, module: Module) -> dict[str, Tensor]:
    return made if isinstance(made, dict) else dict.fromkeys(module.graph.program.outputs, made)


def compared(family: str, folder: Path) -> dict[str, str]:
    """The examples of a family that are not the engine's bit for bit, each with what it is."""
    found = {}
    for name, example in examples(family):
        try:
            module = module_of(example)
        except modelspec.Rejected:
            continue  # no spec of one layer
        why = different(module, folder / f"{family}_{name}.py", torchs=family == "foreign")
        found |= {name: why} if why else {}
    return found


def different(module: Module, path: Path, *, torchs: bool = False) -> str:
    """What tells a model's file from the engine, or why there is none; nothing where it is it."""
    program = module.graph.program
    if any(program.tensors[id].dtype == "string" for id in program.inputs.values()):
        return "it is called on texts"
    for weight in module.weights().values():
        weight.data = weight.data.contiguous()
    try:
        files = export_python.write(module, str(path))
    except modelspec.Rejected as rejected:
        return str(rejected.diagnostics[0].label.text).partition(": ")[2]
    worst = apart(module, export_python.model_of(files), torchs=torchs)
    return "other values" if worst > CLOSE else "other bits" if worst else ""


def whole_model(path: Path, folder: Path) -> dict[str, str]:
    """The same for a spec, or for a run."""
    if path.is_dir():  # whose weights are drawn
        module = modelspec.load(path).module
    else:
        module = randomised(modelspec.build(path))
    why = different(module, folder / f"{path.stem}.py")
    return {path.stem: why} if why else {}


def main(folder: Path, wanted: list[str]) -> None:
    """`wanted` are families, specs and runs; files are written to the folder."""
    torch.set_num_threads(1)
    found: dict[str, str] = {}
    for one in wanted:
        is_whole = os.path.exists(one)
        found |= whole_model(Path(one), folder) if is_whole else compared(one, folder)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
