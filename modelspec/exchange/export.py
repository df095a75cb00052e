"""Export: a run in another format, written, loaded again in its own runtime, and compared.

Everything is written into a folder beside the target and moved into place once its numbers are
known to be the engine's: a file that is wrong never stays.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelspec.engine.module import Module
from modelspec.engine.run import Run, load
from modelspec.exchange import export_python, export_weights
from modelspec.exchange.python.encoding import Learnt
from modelspec.exchange.random_inputs import random_inputs
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Report

Tensors = dict[str, Tensor]
Running = Callable[[Tensors], Tensors]

#: How many samples each check has.
BATCHES = (1, 3)


class Format(NamedTuple):
    """A format: how a file is written, and how it is run, from the paths of the files.

    `tolerance` is relative to the largest value of an output, and absolute below one; `notes` say
    what of a graph the format has no place for.
    """

    write: Callable[[Run, str], list[str]]
    run: Callable[[Graph, list[str]], Running]
    tolerance: float
    texts: bool = False  # whether it holds inputs that are texts
    states: bool = False  # whether it holds layers that go on from call to call
    precise: bool = True  # whether it computes in float32 whatever the precision of the run
    notes: Callable[[Graph], list[str]] = lambda graph: []


class Untried(Exception):
    """A file that cannot be run here; the text says why, and what it was held to instead."""


class Compared(NamedTuple):
    """The largest difference of one output, over all checks."""

    name: str
    difference: float
    largest: float
    fails: bool


class Exported(NamedTuple):
    """What was written (nothing, where it was wrong) and how it compares."""

    files: list[str]
    compared: list[Compared]
    notes: list[str]

    @property
    def fails(self) -> bool:
        return any(one.fails for one in self.compared)


def formats() -> dict[str, Format]:
    """By name; what needs a package that may be missing is imported when it is asked for."""
    return {
        "python": Format(python, export_python.run, 1e-5, texts=True, notes=export_python.notes),
        "safetensors": Format(module(export_weights.write), export_weights.run, 0.0, True, True),
        "pt2": Format(module(_pt2("write")), _pt2("run"), 1e-5),
        "onnx": Format(module(_onnx("write")), _onnx("run"), 1e-4),
        "keras": Format(module(_keras("write")), _keras("run"), 1e-5, True, True, precise=False,
                        notes=_keras("notes")),
    }  # fmt: skip


def python(run: Run, path: str) -> list[str]:
    """The source, with what it needs to take raw rows."""
    return export_python.write(run.module, path, Learnt(run.encoders, run.learnt))


def module(write: Callable[[Module, str], list[str]]) -> Callable[[Run, str], list[str]]:
    """What writes a run, where its module is all that is written."""
    return lambda run, path: write(run.module, path)


NAMES = ("python", "onnx", "pt2", "safetensors", "keras")
#: What narrow floats are told apart by, where a file computes in them: a few of their last bits.
NARROW = {"float16": 4e-3, "bfloat16": 3e-2}


def _pt2(name: str) -> Callable[..., Any]:
    def function(*given: Any) -> Any:
        from modelspec.exchange import torch_export

        return vars(torch_export)[name](*given)

    return function


def _onnx(name: str) -> Callable[..., Any]:
    def function(*given: Any) -> Any:
        from modelspec.exchange import onnx_file

        return vars(onnx_file)[name](*given)

    return function


def _keras(name: str) -> Callable[..., Any]:
    def function(*given: Any) -> Any:
        from modelspec.exchange.keras_file import file

        return vars(file)[name](*given)

    return function


def export(folder: str, form: str, path: str, *, trust_code: bool = False) -> Exported:
    """A run as a file of a format; raises `Rejected` with everything that it cannot hold."""
    return export_run(load(folder, device="cpu", trust_code=trust_code), form, path)


def export_run(run: Run, form: str, path: str) -> Exported:
    chosen = formats()[form]
    if not chosen.texts:
        refuse_texts(run.graph, form)
    if not chosen.states:
        refuse_stateful(run.graph, form)
    return settled(path, lambda to: chosen.write(run, to), lambda files: held(run, chosen, files))


Check = Callable[[list[str]], tuple[list["Compared"], list[str]]]


def settled(path: str, write: Callable[[str], list[str]], check: Check) -> Exported:
    """Files written beside the target, and moved there once they are known to be right: `check`
    compares them, and gives what is to be said of them.
    """
    beside = folder_beside(path)
    try:
        files = written(write, beside, path)
        compared, notes = check(files)
        fails = any(one.fails for one in compared)
        return Exported([] if fails else moved(files, os.path.dirname(path)), compared, notes)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def written(write: Callable[[str], list[str]], beside: str, path: str) -> list[str]:
    """The files in a folder of their own; raises OSError with the path that was asked for."""
    try:
        return write(os.path.join(beside, os.path.basename(path)))
    except OSError as error:
        number, reason = error.errno or errno.EIO, error.strerror or str(error)
        raise OSError(number, reason, path) from None


def folder_beside(path: str) -> str:
    """A new folder in the nearest one to a path that there is; raises OSError where that takes
    none.
    """
    refuse_special(path)
    where = os.path.dirname(os.path.abspath(path))
    while not os.path.lexists(where):
        where = os.path.dirname(where)
    try:
        return tempfile.mkdtemp(prefix=".export-", dir=where)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, where) from None


def refuse_special(path: str) -> None:
    """Raise OSError where a file that is moved here would take the place of something else."""
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "it is a pipe or a device; `-` is stdout", path)


def moved(files: list[str], folder: str) -> list[str]:
    """All files in that folder, which is made where there is none; none where one cannot be."""
    targets = [os.path.join(folder, os.path.basename(file)) for file in files]
    os.makedirs(folder or ".", exist_ok=True)
    for target in targets:
        refuse_special(target)
    for file, target in zip(files, targets, strict=True):
        os.replace(file, target)
    return targets


def refuse_texts(graph: Graph, form: str) -> None:
    report = Report()
    for name, id in graph.program.inputs.items():
        tensor = graph.program.tensors[id]
        if tensor.dtype == "string":
            report.error(
                "cannot-export",
                f"a {form} file takes numbers",
                tensor.span,
                f"`{name}` is texts",
                help="begin the exported model after the layer that turns them into numbers",
            )
    report.raise_if_errors()


def refuse_stateful(graph: Graph, form: str) -> None:
    """A model that goes on from call to call is more than a function of its inputs."""
    owner, report = graph.stateful, Report()
    if owner is not None:
        report.error(
            "cannot-export",
            f"a {form} file makes the same of the same inputs, whatever it was called on before",
            owner.call.span,
            f"`{owner.definition.name}` is stateful",
            help="hand the states on yourself: `return_state`, and `initial_state` as an input",
        )
    report.raise_if_errors()


def held(run: Run, chosen: Format, files: list[str]) -> tuple[list[Compared], list[str]]:
    """The files beside the engine, and what is to be said of them."""
    notes = chosen.notes(run.graph)
    cast, tolerance = (None if chosen.precise else run.cast), chosen.tolerance
    if not chosen.precise:
        dtypes = [step.definition.dtype or "" for step in run.graph.program.steps]
        dtypes.append(run.graph.spec.training.precision)
        tolerance = max(tolerance, *(NARROW.get(one, 0.0) for one in dtypes))
    try:
        running = chosen.run(run.graph, files)
    except Untried as untried:
        return [], [*notes, str(untried)]
    return compare(run.module, running, tolerance, cast), notes


def compare(
    module: Module, running: Running, tolerance: float, cast: torch.dtype | None = None
) -> list[Compared]:
    """The exported model beside the engine's, which computes in `cast`, on random inputs."""
    worst: dict[str, tuple[float, float]] = {}
    graph = module.graph
    for batch in BATCHES if graph.stateful is None else (graph.batch_size,):
        inputs = random_inputs(graph, batch)
        with torch.no_grad():
            values = module.outcome(inputs, cast).values
        wanted = {name: values[id] for name, id in module.graph.program.outputs.items()}
        if cast is not None:
            wanted = {name: wide(value) for name, value in wanted.items()}
        found = running(inputs)
        for name, value in wanted.items():
            apart, largest = difference(value, found[name])
            before = worst.get(name, (0.0, 0.0))
            worst[name] = max(before[0], apart), max(before[1], largest)
    return [
        Compared(name, apart, largest, not apart <= tolerance * max(1.0, largest))
        for name, (apart, largest) in worst.items()
    ]


def wide(value: Tensor) -> Tensor:
    """A narrow float as float32, which has it as it is."""
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value


def difference(wanted: Tensor, found: Tensor) -> tuple[float, float]:
    """The largest difference, infinite where shapes or dtypes differ, and the largest value."""
    if wanted.dtype != found.dtype or wanted.shape != found.shape:
        return float("inf"), 0.0
    if wanted.numel() == 0 or torch.equal(wanted, found):
        return 0.0, 0.0
    a, b = wanted.double(), found.double()
    apart = (a - b).abs()[(a != b) & ~(a.isnan() & b.isnan())]
    return (float(apart.max()) if len(apart) else 0.0), float(a.abs().nan_to_num(0, 0, 0).max())
