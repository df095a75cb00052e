"""Training scripts under test: written for a spec, and trained beside the engine in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

import modelspec
from modelspec.engine import wanted
from modelspec.engine.data import prepare
from modelspec.engine.data.samples import Loaded
from modelspec.engine.learnt import Learnt
from modelspec.engine.loop import Loop
from modelspec.engine.run import Run, build
from modelspec.exchange import export_python
from modelspec.exchange.export_training import told, write
from modelspec.exchange.python.training.proof import beside

History = list[dict[str, Any]]


class Written:
    """A spec's run, and the files of its script; what the script defines is in `script`."""

    def __init__(self, spec: str, folder: Path, run: Run | None = None) -> None:
        self.run = run or build(modelspec.check(spec), str(folder / "run"))
        path = str(folder / "model.py")
        self.files = write(self.run, path, told(self.run, path))
        self.text = (folder / "train_model.py").read_text(encoding="utf-8")
        with beside(path):
            self.script = export_python.loaded(str(folder / "train_model.py"))

    def trained(self) -> History:
        """The script's history, computed in float64 on the CPU."""
        script = self.script
        script["DEVICE"], read = "cpu", script["data"]
        script["data"] = lambda: tuple(doubled(part) for part in read())
        script["print"] = lambda *given: None
        model = script["ready"](script["load"](self.files[1])).double()
        history: History = script["train"](model)
        return history

    def engine(self, folder: Path) -> History:
        """The engine's history from the same weights, computed in float64."""
        graph = self.run.graph
        data, seed = graph.spec.data, graph.spec.training.seed
        found = prepare(data, wanted.everything(graph), seed, self.run.encoders or None)
        weights = {
            name: value.detach().double() if value.is_floating_point() else value.detach()
            for name, value in self.run.module.weights().items()
        }
        parts = [None if one is None else Loaded(doubled(one.tensors), {})
                 for one in (found.train, found.validation)]  # fmt: skip
        learnt = Learnt(self.run.learnt)
        loop = Loop(graph, weights, parts[0], parts[1], str(folder), "cpu", learnt)
        loop.step.cast = torch.float64
        list(loop.run())
        return loop.history


def doubled(tensors: dict[str, Tensor] | None) -> Any:
    if tensors is None:
        return None
    return {n: t.double() if isinstance(t, Tensor) and t.is_floating_point() else t
            for n, t in tensors.items()}  # fmt: skip


def same(found: History, wanted_: History, near: float = 1e-9, nearly: float = 1e-6) -> None:
    """The same names and numbers: losses as near as float64 has them, metrics as float32 has."""
    assert [list(one) for one in found] == [list(one) for one in wanted_]
    for ours, theirs in zip(found, wanted_, strict=True):
        for name, value in theirs.items():
            limit = near if name.endswith("loss") else nearly
            np.testing.assert_allclose(ours[name], value, rtol=limit, atol=limit, err_msg=name)


def with_data(spec: str, folder: Path, **arrays: Any) -> str:
    """A spec whose data are these arrays, in its order."""
    np.savez(folder / "rows.npz", **arrays)
    told_ = yaml.safe_load(spec)
    told_.setdefault("data", {}).setdefault("train", str(folder / "rows.npz"))
    told_.setdefault("train", {}).setdefault("shuffle", False)
    return yaml.safe_dump(told_, sort_keys=False)
