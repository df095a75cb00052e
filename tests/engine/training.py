"""What the tests of training share: specs from text, data in files, runs from beginning to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelspec.compiler import compile
from modelspec.engine.loop import Event, Finished
from modelspec.engine.run import Run, load
from modelspec.engine.training import Trainer
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source

Arrays = dict[str, np.ndarray]
SpecFile = Callable[..., Path]


def graph_of(path: Path | str, *settings: str) -> Graph:
    return compile(Source.read(str(path)), settings)


def trained(path: Path | str, folder: Path, *settings: str, weights: str | None = None) -> Run:
    """A spec trained to its end, on the CPU; its run."""
    ended(Trainer(graph_of(path, *settings), str(folder), device="cpu", weights=weights))
    return load(str(folder), device="cpu")


def ended(trainer: Trainer) -> Finished:
    """Let it run to its end; the last event."""
    events: list[Event] = list(trainer.run())
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def npz(folder: Path, name: str = "rows.npz", **arrays: Any) -> Path:
    path = folder / name
    np.savez(path, **arrays)
    return path


def refusal(action: Callable[[], Any]) -> str:
    """What a refusal says, all of it."""
    with pytest.raises(Rejected) as caught:
        action()
    said = []
    for one in caught.value.diagnostics:
        said += [one.code, one.message, one.label.text if one.label else "", *one.notes, *one.help]
    return "\n".join(filter(None, said))
