"""A run as plain PyTorch with a script that trains it: written, and held against the engine."""

from __future__ import annotations

import os

import numpy as np

from modelspec.engine.checkpoint import write_text
from modelspec.engine.run import Run, load
from modelspec.exchange import export_python
from modelspec.exchange.export import Compared, Exported, formats, held, refuse_stateful, settled
from modelspec.exchange.python.training.proof import differences
from modelspec.exchange.python.training.script import Script, Told, told


def export_with_training(folder: str, path: str, *, trust_code: bool = False) -> Exported:
    """A run as `model.py` and `train_model.py`; raises `Rejected` with everything that they cannot
    say, before anything is written.
    """
    run = load(folder, device="cpu", trust_code=trust_code)
    refuse_stateful(run.graph, "python")
    found = told(run, path)

    def check(files: list[str]) -> tuple[list[Compared], list[str]]:
        outputs, notes = held(run, formats()["python"], files)
        steps = [
            Compared(f"training: {one.name}", one.difference, one.largest, one.fails)
            for one in differences(run, files)
        ]
        return [*outputs, *steps], notes

    return settled(path, lambda target: write(run, target, found), check)


def write(run: Run, path: str, found: Told) -> list[str]:
    """The model's files, `train_model.py`, and arrays that come with the package."""
    files = export_python.write_source(path, found.model)
    made = export_python.loaded(path)[found.model.model]()
    text = Script(run, found, {name for name, _ in made.named_parameters()}).text()
    folder, stem = os.path.dirname(path), found.data.stem
    files.append(os.path.join(folder, f"train_{stem}.py"))
    write_text(files[-1], text)
    if found.data.copied is not None:
        files.append(os.path.join(folder, f"{stem}_data.npz"))
        np.savez_compressed(files[-1], **found.data.copied)
    return files
