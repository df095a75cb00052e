"""Run folders: what training leaves behind, and what `predict` and `evaluate` start from."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelspec.compiler import compile
from modelspec.engine import given, wanted
from modelspec.engine.carried import refuse_uneven
from modelspec.engine.checkpoint import Checkpoint, publish, read_json, save, write_text
from modelspec.engine.data import Samples, samples_for
from modelspec.engine.evaluate import measure
from modelspec.engine.learnt import (
    LEARNT,
    State,
    brought,
    complete,
    read_states,
    refuse_unadapted,
)
from modelspec.engine.module import Module
from modelspec.engine.runner import TORCH
from modelspec.engine.weights import fitted, write
from modelspec.model.graph import Graph
from modelspec.model.run_folder import put_aside
from modelspec.source.diagnostics import Rejected, Report, Unreadable
from modelspec.source.text import Source

SPEC, FACTS, HISTORY, ENCODERS = "spec.yaml", "run.json", "history.jsonl", "encoders.json"
WEIGHTS = "weights.safetensors"
#: How many samples are predicted for at once.
BATCH = 256


class Run:
    """A run folder: `graph`, `module` with its trained weights, `history`, `encoders`."""

    def __init__(self, folder: str, graph: Graph, device: torch.device | str = "cpu") -> None:
        self.folder, self.graph, self.device = folder, graph, device
        precision = graph.spec.training.precision
        #: What its layers compute in, where that is not float32.
        self.cast: torch.dtype | None = None if precision == "float32" else TORCH[precision]
        self._module: Module | None = None

    @property
    def module(self) -> Module:
        """The torch module, with the run's weights, in inference mode."""
        if not os.path.exists(os.path.join(self.folder, WEIGHTS)):
            raise Unreadable(self.folder, f"the run ended before it kept its first {WEIGHTS}")
        if self._module is None:
            module = Module(self.graph, pretrained=False, learnt=self.learnt)
            try:
                load_into(module, self.folder)
            except Unreadable as damaged:
                mend = f"`modelspec train --resume {self.folder}` writes it from a checkpoint"
                raise Unreadable(damaged.path, f"{damaged.reason}; {mend}") from None
            refuse_unadapted(self.graph, module.weights(), self.learnt)
            self._module = module.to(self.device).eval()
        return self._module

    @property
    def history(self) -> list[dict[str, Any]]:
        """One object an epoch, under Keras's names."""
        path = os.path.join(self.folder, HISTORY)
        if not os.path.exists(path):
            return []
        try:
            with open(path, encoding="utf-8") as stream:
                return [json.loads(line) for line in stream if line.strip()]
        except (ValueError, RecursionError):
            raise Unreadable(path, "not one JSON object a line") from None

    @property
    def encoders(self) -> dict[str, Any]:
        """What the encoders learnt from the training data."""
        path = os.path.join(self.folder, ENCODERS)
        return read_json(path) if os.path.exists(path) else {}

    @property
    def learnt(self) -> dict[str, State]:
        """The vocabularies that layers learnt from the training data, by the layers' paths."""
        return read_states(self.folder)

    def predict(
        self, inputs: Mapping[str, Any], *, batch_size: int | None = None, at: tuple[str, ...] = ()
    ) -> dict[str, np.ndarray[Any, Any]]:
        """The outputs (or the tensors named by `at`) for arrays of inputs: numpy in, numpy out.

        Stateful layers begin anew with each call; to go on from call to call, call `module`.
        """
        ids = self.ids(at)
        arrays = given.tensors(inputs, wanted.inputs(self.graph))
        count = len(next(iter(arrays.values()))) if arrays else 0
        batch_size = self.begin(batch_size)
        refuse_uneven(self.graph, count, batch_size, "what is predicted for")
        pieces: dict[str, list[Any]] = {name: [] for name in ids}
        for start in range(0, max(count, 1), batch_size):
            part = {name: value[start : start + batch_size] for name, value in arrays.items()}
            for name, value in self.pass_over(part, ids).items():
                pieces[name].append(value)
        return {name: np.concatenate(parts) for name, parts in pieces.items()}

    def ids(self, at: tuple[str, ...]) -> dict[str, int]:
        """The tensors to hand out, by name: the outputs, or those that `at` names."""
        if not at:
            return dict(self.graph.program.outputs)
        return {name: self.graph.find(name).id for name in at}

    def begin(self, batch_size: int | None = None) -> int:
        """Let stateful layers begin anew; gives the size of the batches that follow.

        If None, it is what the states of the spec are of, and 256 where there are none.
        """
        stateful = self.graph.stateful is not None
        size = batch_size or (self.graph.batch_size if stateful else BATCH)
        self.module.reset_states(size)
        return size

    @torch.inference_mode()
    def pass_over(
        self, batch: Mapping[str, Tensor], ids: Mapping[str, int]
    ) -> dict[str, np.ndarray[Any, Any]]:
        """One batch of inputs -> arrays."""
        outcome = self.module.outcome(batch, self.cast)
        self.module.keep(outcome)
        return {name: as_array(outcome.values[id]) for name, id in ids.items()}

    def predictions(
        self, samples: Samples, *, batch_size: int | None = None, at: tuple[str, ...] = ()
    ) -> Iterator[dict[str, np.ndarray[Any, Any]]]:
        """The outputs over samples, batch by batch: memory stays flat. Stateful layers begin anew,
        and go on from batch to batch.
        """
        from modelspec.engine.data import batches

        ids, batch_size = self.ids(at), self.begin(batch_size)
        refuse_uneven(self.graph, len(samples), batch_size, "what is predicted for")
        for _, batch in batches(samples, batch_size, np.arange(len(samples))):
            yield self.pass_over(batch, ids)

    def samples(self, source: Any) -> Samples:
        """The inputs of a source, through the run's encoders."""
        return samples_for(source, wanted.inputs(self.graph), self.encoders)

    def evaluate(self, source: Any = None, *, batch_size: int | None = None) -> dict[str, Any]:
        """Losses and metrics over a source; the spec's `test` (else `validation`) if None."""
        if source is None:
            samples = self.held_out()
        else:
            samples = samples_for(source, wanted.everything(self.graph), self.encoders)
        return measure(
            self.graph, self.module.runner, self.module.weights(), samples,
            batch_size or self.graph.batch_size, self.device, self.cast,
        )  # fmt: skip

    def held_out(self) -> Samples:
        """The samples that the spec keeps from training."""
        from modelspec.engine.data import kept_back

        data, seed = self.graph.spec.data, self.graph.spec.training.seed
        samples = None
        if data is not None:
            samples = kept_back(data, wanted.everything(self.graph), seed, self.encoders)
        if samples is None:
            raise refused(
                "missing-key",
                "the run's spec names no `test` and no `validation` data",
                "name some: `modelspec evaluate RUN --data FILE`",
            )
        return samples


def load(
    folder: str,
    *,
    device: str | None = None,
    settings: Iterable[str] = (),
    trust_code: bool = False,
) -> Run:
    """A trained run; `settings` are `KEY=VALUE`, put over its spec. Raises `Unreadable` where the
    folder is none.
    """
    path = os.path.join(folder, SPEC)
    if not os.path.isfile(path):
        raise Unreadable(folder, what_it_is(folder))
    graph = compile(Source.read(path), settings, trust=trust_code)
    return Run(folder, graph, device_of(device))


def what_it_is(path: str) -> str:
    """Why a path is no run folder."""
    if os.path.isdir(path):
        return "not a run folder: there is no spec.yaml in it"
    if os.path.exists(path):
        return "this is a file, and a run is the folder that `modelspec train` or `build` leaves"
    return "no such run folder"


def create(
    folder: str,
    graph: Graph,
    encoders: dict[str, Any],
    begun: Checkpoint | None = None,
    learnt: Mapping[str, State] | None = None,
) -> str:
    """Begin a run folder: facts, what the encoders and the layers learnt, a checkpoint that it
    starts from. Last comes the spec with all defaults: it makes the folder a run. Gives where an
    earlier run of the name is kept.
    """
    aside = put_aside(folder)
    os.makedirs(folder, exist_ok=True)
    write_text(os.path.join(folder, ENCODERS), json.dumps(encoders))
    write_text(os.path.join(folder, FACTS), json.dumps(facts(graph), indent=1) + "\n")
    if learnt:
        write_text(os.path.join(folder, LEARNT), json.dumps(learnt))
    if begun is not None:
        save(folder, begun)
    write_spec(folder, graph)
    return aside


def write_spec(folder: str, graph: Graph) -> None:
    """The spec with all defaults, as it is read from the folder."""
    from modelspec.model.show import show
    from modelspec.source.tree import write as yaml_of

    write_text(os.path.join(folder, SPEC), yaml_of(show(graph.spec, folder)))


def facts(graph: Graph) -> dict[str, Any]:
    """What a run depends on besides its spec."""
    from importlib.metadata import version

    return {
        "modelspec": version("modelspec-torch"),
        "torch": torch.__version__, "numpy": np.__version__,
        "python": platform.python_version(), "machine": platform.machine(),
        "threads": torch.get_num_threads(), "seed": graph.spec.training.seed,
        "spec": graph.spec.source, "parameters": graph.parameters,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }  # fmt: skip


def build(graph: Graph, folder: str) -> Run:
    """A run folder with fresh weights: what `export` and `predict` need, untrained."""
    module = Module(graph, graph.spec.training.seed, learnt=brought(graph))
    learnt = complete(graph, module.weights(), brought(graph))
    create(folder, graph, {}, learnt=learnt)
    file = os.path.join(folder, "fresh.safetensors")
    write(module.weights(), file)
    publish(folder, file)
    os.remove(file)
    return load(folder)


def load_into(module: Module, path: str) -> None:
    """Put the weights of a run or a file into a module of the same graph."""
    report = Report()
    graph = module.graph
    found = fitted(graph, {name: name for name in graph.weights()}, path, None, report)
    report.raise_if_errors()
    own = module.weights()
    with torch.no_grad():
        for name, value in found.items():
            own[name].copy_(value)


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """As NumPy knows it: half precision comes out as float32; texts are arrays already."""
    if not isinstance(value, Tensor):
        return np.asarray(value)
    if value.dtype in (torch.float16, torch.bfloat16):
        value = value.float()
    array: np.ndarray[Any, Any] = value.detach().cpu().numpy()
    return array


def refused(code: str, message: str, help: str) -> Rejected:
    report = Report()
    report.error(code, message, help=help)
    return Rejected(report.errors)


def device_of(name: str | None) -> str:
    """The device of this name, the GPU if there is one where it is None. Raises `Rejected` where
    this machine has none.
    """
    if name is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    cards = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    found = ["cpu", *(["cuda"] if cards else []), *cards]
    found += ["mps"] if torch.backends.mps.is_available() else []
    if name not in found:
        listed = ", ".join(f"`{one}`" for one in found)
        raise refused(
            "wrong-value",
            f"`device` is one that torch finds on this machine, and `{name}` is none",
            f"it finds {listed}",
        )
    return name
