"""The whole training script: its parts in the order in which a reader wants them."""

from __future__ import annotations

import keyword
import os
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

from modelspec.catalog.schedules import Schedule
from modelspec.engine.logits import undone
from modelspec.engine.run import Run
from modelspec.engine.training import ready
from modelspec.exchange import export_python
from modelspec.exchange.python.encoding import Learnt
from modelspec.exchange.python.reading import function_of
from modelspec.exchange.python.source import PythonSource
from modelspec.exchange.python.training import fixed
from modelspec.exchange.python.training.data import Data, Read
from modelspec.exchange.python.training.imports import capitals_first, is_foreign, ordered, read
from modelspec.exchange.python.training.lines import broken, doubled
from modelspec.exchange.python.training.loop import Loop
from modelspec.exchange.python.training.meter import meter
from modelspec.exchange.python.training.objective import Objective
from modelspec.exchange.python.training.parameters import Parameters, parameters
from modelspec.exchange.python.training.plain import Plain
from modelspec.exchange.python.training.refusals import refuse
from modelspec.exchange.python.training.starts import fresh
from modelspec.exchange.python.training.updates import Updates, source_of
from modelspec.source.diagnostics import Report

#: Names that mean something in a script.
TAKEN = {
    "data", "encode", "targets", "together", "samples", "rows", "arrays", "encoded", "order",
    "save", "batches", "train", "evaluate", "main", "begin", "losses_of", "finished", "penalties",
    "constrain", "make_optimizer", "train_step", "line_of", "start_anew", "Meter", "Samples",
    "images", "tensors_of", "synthetic", "joined", "rows_of", "load", "ready", "HERE", "DEVICE",
}  # fmt: skip


class Told(NamedTuple):
    """What a script is written from: the model's source, what its state is, and the data."""

    model: PythonSource
    held: Parameters
    data: Data


def told(run: Run, path: str) -> Told:
    """What is known of a run's script before anything is written; `path` is where the model will
    stand. Raises `Rejected` with all that cannot be said in a script.
    """
    graph, stem = run.graph, os.path.splitext(os.path.basename(path))[0]
    ready(graph)
    refuse_name(path)
    data = Data(graph, os.path.dirname(path), stem)
    targets = tuple(one for one in data.wanted if one.role != "input")
    learnt = Learnt(run.encoders, run.learnt, targets, data.raw)
    made = export_python.source_of(run.module, path, learnt, undone(graph))
    report = Report()
    known = export_python.vocabularies(run.module.runner)
    held = parameters(graph, run.module.weights(), known, report)
    refuse(run, made, data, report)
    report.raise_if_errors()
    return Told(made, held, data)


def refuse_name(path: str) -> None:
    """Raise `Rejected` where a script could not import the model by its file's name."""
    stem, ending = os.path.splitext(os.path.basename(path))
    known = {*sys.stdlib_module_names, "torch", "numpy", "pyarrow", "PIL"}
    if (
        ending == ".py"
        and stem.isidentifier()
        and not keyword.iskeyword(stem)
        and stem not in known
    ):
        return
    report = Report()
    report.error("cannot-export", "a training script imports its model by the file's name",
                 notes=[f"Python cannot import `{os.path.basename(path)}` as a module of its own"],
                 help="-o model.py")  # fmt: skip
    report.raise_if_errors()


class Script:
    """The parts of one script. `modules` are the names of the model's parameters in PyTorch."""

    def __init__(self, run: Run, told: Told, modules: set[str]) -> None:
        self.made, self.held, self.data = told
        self.graph, self.stem, self.modules = run.graph, told.data.stem, modules
        self.training = run.graph.spec.training
        self.plain = Plain({*TAKEN, self.made.model})
        self.objective = Objective(self.graph, self.plain, self.made.undone, self.held)
        self.updates = Updates(self.graph, self.plain, self.held)
        self.data.readings = [
            Read(one.name, function_of(one.name), one.columns(self.graph))
            for one in self.made.readings
        ]
        self.imports = {"import argparse", "import json", "import math", "from typing import Any",
                        "from pathlib import Path"}  # fmt: skip

    def text(self) -> str:
        """The script."""
        parts = [*self.reading(), *self.measuring(), *self.moving(), *self.going_round()]
        self.imports |= self.plain.imports
        body = spaced(parts)
        return doubled(spaced([self.head(body), body]))

    def reading(self) -> list[str]:
        """What reads the data."""
        parts = self.data.text()
        self.imports |= self.data.imports
        if self.data.numpy:
            self.imports.add("import numpy as np")
        return [banner("data"), *parts, self.order, fixed.BATCHES]

    def measuring(self) -> list[str]:
        """Losses and metrics."""
        losses = self.objective.losses(self.data.weights)
        self.metrics = self.objective.metrics()
        penalties, total = self.objective.penalties(self.made.model), self.losses_of()
        functions = list(self.plain.texts.values())
        return [banner("losses and metrics"), *functions, *losses, penalties, total,
                self.finished(), meter(self.metrics, self.names())]  # fmt: skip

    def names(self) -> list[str]:
        """The losses that an epoch shows."""
        heads = self.objective.heads
        return ["loss", *(f"{head.name}_loss" for head in heads if len(heads) > 1)]

    def moving(self) -> list[str]:
        """The optimizer, its rate, and all else that changes weights."""
        updates, model, before = self.updates, self.made.model, set(self.plain.texts)
        self.constrains = updates.constraints(model)
        rate, optimizer = updates.rate(), updates.optimizer(model)
        self.loop = Loop(updates, self.known(), self.data.spec.validation is not None)
        trains, begins = self.loop.text(model), self.begin(model)
        self.imports |= self.loop.imports
        self.rounds = [begins, fresh(self.graph, self.held, model), self.train_step(model),
                       fixed.EVALUATE, fixed.LINE, trains, source_of("save")]  # fmt: skip
        more = [text for name, text in self.plain.texts.items() if name not in before]
        return [banner("optimizer"), *updates.pieces, *more, rate, *updates.extra, optimizer,
                self.constrains]  # fmt: skip

    def known(self) -> list[str]:
        """The names of all that an epoch shows."""
        names = self.names() + [one.key for one in self.metrics]
        held_out = [f"val_{name}" for name in names]
        return names + (held_out if self.data.spec.validation is not None else [])

    def going_round(self) -> list[str]:
        """Steps and epochs."""
        scaler = fixed.SCALER if self.training.precision == "float16" else ""
        return [banner("training"), scaler, *self.rounds, fixed.MAIN.replace("STEM", self.stem)]

    # -- the head ---------------------------------------------------------------------------

    @property
    def order(self) -> str:
        """The function of the order of samples."""
        if not self.training.shuffle:
            return fixed.IN_ORDER
        return fixed.NUMPYS_ORDER if self.data.numpy else fixed.TORCHS_ORDER

    def head(self, body: str) -> str:
        """What stands before all else; of what it imports, what the rest reads."""
        training, rate = self.training, self.training.optimizer.learning_rate
        own = [self.made.model, "load"]
        if self.made.rows:
            own += ["encode", "targets", "together"]
            own += [one.function for one in self.data.readings]
        constants = f"{training.epochs}, {training.batch_size}, {training.seed}"
        doc = fixed.DOC.replace("STEM", self.stem).replace("ORDER", fixed.ORDERS[self.order])
        abstract = read(["Iterable", "Iterator"], body)
        ours = [one for one in self.imports if not is_foreign(one)]
        ours += [f"from collections.abc import {abstract}"] if abstract else []
        others = [one for one in self.imports if is_foreign(one)]
        others += ["import torch", *(["import torch.nn.functional as F"] if "F." in body else []),
                   "from torch import Tensor, nn"]  # fmt: skip
        model = f"from {self.stem} import {read(sorted(own, key=capitals_first), body)}"
        return "\n".join([
            doc, "", "from __future__ import annotations", "", *ordered(ours), "",
            *ordered(others), "", *broken(model), "",
            "Samples = dict[str, Tensor]  # by name, (samples, ...)",
            "HERE = Path(__file__).parent",
            'DEVICE = "cuda" if torch.cuda.is_available() else "cpu"',
            f"EPOCHS, BATCH_SIZE, SEED = {constants}",
            *([] if isinstance(rate, Schedule) else [f"LEARNING_RATE = {rate}"]),
        ])  # fmt: skip

    # -- parts that depend on the spec ------------------------------------------------------

    def called(self, before: str) -> str:
        """The call of the model on a batch, as a dict of outputs."""
        given = ", ".join(f"batch[{name!r}]" for name in self.made.takes)
        method = "" if before == "forward" else f".{before}"
        text = f"model{method}({given})"
        outputs = list(self.graph.program.outputs)
        return text if len(outputs) != 1 else f"{{{outputs[0]!r}: {text}}}"

    def losses_of(self) -> str:
        model = self.made.model
        lines = [
            f"def losses_of(model: {model}, batch: Samples) -> tuple[Samples, Samples]:",
            '    """The loss of a batch, and each output\'s own; and the outputs."""',
        ]
        outputs = f"outputs = {self.called(self.made.before)}"
        half = {"bfloat16": "bfloat16", "float16": "float16"}.get(self.training.precision)
        if half is None:
            lines += broken(f"    {outputs}")
        else:
            lines += [
                f"    with torch.autocast(DEVICE, torch.{half}):",
                *broken(f"        {outputs}"),
            ]
        lines.append("    losses: Samples = {}")
        totals = self.objective.total(self.data.weights)
        first = [one for one in totals if not one.startswith('losses["loss"]')]
        for line in [*first, totals[-1]]:
            lines += broken(f"    {line}")
        return "\n".join([*lines, "    return losses, outputs"])

    def finished(self) -> str:
        lines = ["def finished(outputs: Samples) -> Samples:",
                 '    """The outputs after their last activations."""', "    return {"]  # fmt: skip
        for name in self.graph.program.outputs:
            made = self.made.undone.get(name, "{}").format(f"outputs[{name!r}]")
            lines.append(f"        {name!r}: {made},")
        return "\n".join([*lines, "    }"])

    def train_step(self, model: str) -> str:
        steps, scaled = self.updates.accumulates, self.training.precision == "float16"
        more = ", step: int" if steps else ""
        loss = f'(losses["loss"] / {steps})' if steps else 'losses["loss"]'
        update = ["for group in optimizer.param_groups:", '    group["lr"] = rate']
        update += ["SCALER.unscale_(optimizer)"] if scaled else []
        update += self.updates.clipping()
        update += ["SCALER.step(optimizer)", "SCALER.update()"] if scaled else ["optimizer.step()"]
        update.append("optimizer.zero_grad()")
        if steps:
            update = [f"if (step + 1) % {steps} == 0:", *(f"    {one}" for one in update)]
        return "\n".join([
            "def train_step(",
            f"    model: {model}, optimizer: torch.optim.Optimizer, batch: Samples, "
            f"rate: float{more}",
            ") -> tuple[Samples, Samples]:",
            '    """One update of the weights; the losses and outputs that it began with."""',
            "    losses, outputs = losses_of(model, batch)",
            f"    SCALER.scale({loss}).backward()" if scaled else f"    {loss}.backward()",
            *(f"    {one}" for one in update),
            *(["    constrain(model)"] if self.constrains else []),
            "    detached = {name: value.detach() for name, value in losses.items()}",
            "    return detached, outputs",
        ])  # fmt: skip

    def begin(self, model: str) -> str:
        """The functions that make a model ready, and an epoch begin."""
        lines = [f"def ready(model: {model}) -> {model}:",
                 '    """The model; parameters that are not trained are fixed."""']  # fmt: skip
        lines += [
            f"    {access(name)}.requires_grad_(False)"
            for name in self.held.fixed
            if name in self.modules
        ]
        if any("running_var" in name for name in self.held.fixed):
            lines.append(f"    {self.updates.piece('keep_biased_variance')}(model)")
        lines += ["    return model.to(DEVICE)", "", "",
                  f"def begin(model: {model}) -> None:", '    """An epoch begins."""',
                  "    model.train()"]  # fmt: skip
        for name in self.frozen_statistics():
            lines.append(f"    {access(name)}.eval()")
        return "\n".join(lines)

    def frozen_statistics(self) -> list[str]:
        """Modules with statistics that are used and not moved, as `trainable: false` says."""
        frozen = {
            owner.name(weight) for owner in self.graph.owners.values()
            if not owner.trainable for weight in owner.weights
        }  # fmt: skip
        return list(dict.fromkeys(
            name.rpartition(".")[0] for name, weight in self.held.fixed.items()
            if weight in frozen and name not in self.modules
        ))  # fmt: skip


def spaced(sections: Iterable[str]) -> str:
    """The sections, apart as Python's are; constants stand one below the other."""
    text, before = "", ""
    for section in filter(None, sections):
        near = not before or all(CONSTANT.match(one) for one in (before, section))
        text += ("\n" if near else "\n\n\n") + section
        before = section
    return text.strip() + "\n"


CONSTANT = re.compile(r"[A-Z_0-9]+ = ")


def access(name: str) -> str:
    return "model" + "".join(
        f"[{part}]" if part.isdigit() else f".{part}" for part in name.split(".")
    )


def banner(name: str) -> str:
    return f"# {name} {'-' * (94 - len(name))}"
