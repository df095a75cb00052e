"""Neural networks written in YAML, checked, trained and exported."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from typing import Any

    from modelspec.engine.loop import Event
    from modelspec.engine.module import Module
    from modelspec.engine.run import Run
    from modelspec.exchange.keras.imported import Imported
    from modelspec.model.graph import Graph
    from modelspec.source.diagnostics import Rejected as Rejected
    from modelspec.source.diagnostics import Unreadable as Unreadable

    Path = str | os.PathLike[str]

__version__ = "0.1.0"
__all__ = [
    "Rejected", "Unreadable", "__version__", "build", "check", "import_model", "load", "train",
]  # fmt: skip


def check(
    spec: Path,
    *,
    set: Iterable[str] = (),
    allow_path: Iterable[str] = (),
    trust_code: bool = False,
) -> Graph:
    """The checked graph of a spec: a path, a run folder, or a text of several lines.

    `set` holds `KEY=VALUE` overrides. Raises `Rejected` with everything that is wrong, `Unreadable`
    where there is no such file, and ValueError for what is no override. Torch is not imported.
    """
    from modelspec.compiler import compile
    from modelspec.model.runs import spec_source

    settings = (set,) if isinstance(set, str) else set
    return compile(spec_source(spec), settings, allow_path, trust_code)


def build(
    spec: Path,
    *,
    set: Iterable[str] = (),
    allow_path: Iterable[str] = (),
    trust_code: bool = False,
) -> Module:
    """A torch.nn.Module with fresh weights: a dict of tensors in, a dict of tensors out.

    Weights that the spec's `weights:` name are read. Arguments and errors as those of `check`.
    """
    from modelspec.engine.learnt import brought, refuse_unadapted
    from modelspec.engine.module import Module

    graph = check(spec, set=set, allow_path=allow_path, trust_code=trust_code)
    learnt = brought(graph)
    module = Module(graph, graph.spec.training.seed, learnt=learnt)
    refuse_unadapted(graph, module.weights(), learnt)
    return module


def load(run: Path, *, device: str | None = None, trust_code: bool = False) -> Run:
    """A trained run: `run.module`, `run.graph`, `run.history`, `run.predict({name: array})`.

    Raises `Unreadable` where the folder is no run.
    """
    import os

    from modelspec.engine import run as runs

    return runs.load(os.fspath(run), device=device, trust_code=trust_code)


def train(
    spec: Path,
    *,
    run: Path | None = None,
    weights: Path | None = None,
    device: str | None = None,
    set: Iterable[str] = (),
    allow_path: Iterable[str] = (),
    trust_code: bool = False,
) -> Iterator[Event]:
    """Train a spec, event by event: `Stepped`, `Evaluated`, `Saved`, at the end `Finished`.

    The run's folder is `runs/NAME` unless `run` says otherwise; `weights` is a run or a file to
    start from. Left early, it keeps a checkpoint. Raises OSError where another training writes that
    folder, else as `check`.
    """
    import os

    from modelspec.engine.training import Trainer

    graph = check(spec, set=set, allow_path=allow_path, trust_code=trust_code)
    folder = os.fspath(run) if run is not None else os.path.join("runs", graph.name)
    start = None if weights is None else os.fspath(weights)
    return Trainer(graph, folder, device=device, weights=start).run()


def import_model(path: Path, folder: Path, *, description: Path | None = None) -> Imported:
    """A Keras model (.keras, .json, .h5) as a run folder: a spec that reads well, and weights.

    `description` is the model's JSON where `path` is a .weights.h5 file. Raises `Rejected` with
    everything that a spec has no word for, `Unreadable` where there is no such file. No code in
    the file is run, and torch is not imported.
    """
    import os

    from modelspec.exchange.keras.imported import import_model as made

    said = None if description is None else os.fspath(description)
    return made(os.fspath(path), os.fspath(folder), said)


def __getattr__(name: str) -> Any:
    if name in ("Rejected", "Unreadable"):
        from modelspec.source import diagnostics

        return vars(diagnostics)[name]
    raise AttributeError(f"module 'modelspec' has no attribute {name!r}")
