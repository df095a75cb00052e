"""Checkpoints: folders of .safetensors and .json, written aside, synced, renamed into place."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from modelspec.engine.weights import read, write
from modelspec.source.diagnostics import Unreadable

#: A checkpoint's folder; `.old` while the same step's next one takes its place.
FOLDER = re.compile(r"checkpoint-(\d{9,})(\.old)?")
LEFT = re.compile(r"checkpoint-\d{9,}(\.old|\.new)?")
#: What `state.json` holds.
STATE: dict[str, Any] = {
    "epoch": int, "position": int, "steps": int, "skipped": int, "seen": int, "reason": str,
    "fixed_rate": float | int | None, "scaling": list | None, "callbacks": list, "history": list,
}  # fmt: skip


class Checkpoint(NamedTuple):
    """Everything that training goes on from."""

    weights: dict[str, Tensor]
    optimizer: dict[str, Tensor]  # "slot/name"
    extra: dict[str, Tensor]  # running metrics, and weights that callbacks keep
    state: dict[str, Any]
    place: str = ""  # its folder, once it lies on the disk

    def tensor(self, part: str, name: str, like: Tensor) -> Tensor:
        """One tensor of a part, of the shape of `like`; raises `Unreadable`."""
        found: Tensor | None = getattr(self, part).get(name)
        if found is not None and found.shape == like.shape:
            return found
        there = "missing" if found is None else str(list(found.shape))
        raise Unreadable(
            os.path.join(self.place, f"{part}.safetensors"),
            f"of another model: `{name}` is {list(like.shape)} in the spec and {there} in the file",
        )

    def refuse_others(
        self, part: str, own: Mapping[str, Tensor], also: tuple[str, ...] = ()
    ) -> None:
        """Raise `Unreadable` where a part holds what the model has no place for; `also` says how
        further names may begin.
        """
        others = [n for n in getattr(self, part) if n not in own and not n.startswith(also)]
        if others:
            path = os.path.join(self.place, f"{part}.safetensors")
            raise Unreadable(path, f"of another model: it holds `{others[0]}`, which this has not")

    def damaged(self, what: str) -> Unreadable:
        """The error of a state that makes no sense."""
        return Unreadable(os.path.join(self.place, "state.json"), f"damaged: {what}")


def save(folder: str, checkpoint: Checkpoint) -> str:
    """Keep a checkpoint as the newest of a run; gives its folder. Older ones go once it is safe."""
    number = int(checkpoint.state["steps"])
    place = os.path.join(folder, f"checkpoint-{number:09d}")
    aside = f"{place}.new"
    shutil.rmtree(aside, ignore_errors=True)
    os.makedirs(aside)
    write(checkpoint.weights, os.path.join(aside, "weights.safetensors"))
    write(checkpoint.optimizer, os.path.join(aside, "optimizer.safetensors"))
    write(checkpoint.extra, os.path.join(aside, "extra.safetensors"))
    write_text(os.path.join(aside, "state.json"), json.dumps(checkpoint.state))
    sync(aside)
    if os.path.isdir(place):
        # The same step again (an epoch's end right after a signal): the new one replaces it.
        shutil.rmtree(f"{place}.old", ignore_errors=True)
        os.rename(place, f"{place}.old")
    os.rename(aside, place)
    sync(folder)
    publish(folder, os.path.join(place, "weights.safetensors"))
    for name in os.listdir(folder):
        if LEFT.fullmatch(name) and name != os.path.basename(place):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    return place


def publish(folder: str, weights: str) -> None:
    """Make a file of weights the run's `weights.safetensors`, without copying where possible."""
    aside = os.path.join(folder, "weights.safetensors.new")
    if os.path.exists(aside):
        os.remove(aside)
    try:
        os.link(weights, aside)
    except OSError:
        shutil.copyfile(weights, aside)
    os.replace(aside, os.path.join(folder, "weights.safetensors"))
    sync(folder)


def newest(folder: str) -> Checkpoint | None:
    """The last whole checkpoint of a run, or None; raises `Unreadable` where it is damaged."""
    found = sorted(
        (int(match[1]), match[2] is None, name)
        for name in os.listdir(folder)
        if (match := FOLDER.fullmatch(name))
    )
    if not found:
        return None
    place = os.path.join(folder, found[-1][-1])
    try:
        return read_checkpoint(place)
    except Unreadable as damaged:
        mend = f"`modelspec train {folder}` trains its spec anew"
        raise Unreadable(damaged.path, f"{damaged.reason}; {mend}") from None


def read_checkpoint(place: str) -> Checkpoint:
    """What lies in a checkpoint's folder; raises `Unreadable`."""
    weights, optimizer, extra = (
        read(os.path.join(place, f"{part}.safetensors"))
        for part in ("weights", "optimizer", "extra")
    )
    state = read_json(os.path.join(place, "state.json"))
    held = Checkpoint(weights, optimizer, extra, state, place)
    for key, kind in STATE.items():
        value = state.get(key, ...)
        if not isinstance(value, kind) or (kind is int and value < 0):
            raise held.damaged(f"`{key}` is missing, or not what it should be")
    return held


def read_json(path: str) -> dict[str, Any]:
    """A JSON object from a file of a run; raises `Unreadable`."""
    try:
        with open(path, encoding="utf-8") as stream:
            found = json.load(stream)
    except OSError as error:
        raise Unreadable(path, (error.strerror or str(error)).lower()) from None
    except (ValueError, RecursionError):
        raise Unreadable(path, "not valid JSON") from None
    if not isinstance(found, dict):
        raise Unreadable(path, "not a JSON object")
    return found


def write_text(path: str, text: str) -> None:
    """A small file, written aside, synced and renamed into place."""
    aside = f"{path}.new"
    with open(aside, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(aside, path)


def sync(folder: str) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
