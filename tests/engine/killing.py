"""Trains a spec over and over, killed each time elsewhere, and resumed until it is done.

`python killing.py SPEC FOLDER POINT...` with points `step:N` (SIGKILL after that step) and `disk:N`
(SIGKILL just before the N-th time that something is synced, renamed, linked or removed). This
process does no arithmetic, so that its children may be forked instead of started. One line a
point: how many lives it took, and whether weights and history are those of the run left alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from modelspec.compiler import compile
from modelspec.engine import checkpoint, run, training
from modelspec.engine.loop import Stepped
from modelspec.engine.runner import Runner
from modelspec.source.text import Source


def main() -> None:
    spec, folder, *points = sys.argv[1:]
    graph = compile(Source.read(spec))
    warm(graph)
    alone = os.path.join(folder, "alone")
    assert lived(lambda: train(graph, alone)), "the run left alone failed"
    for point in points:
        place = os.path.join(folder, point.replace(":", "-"))
        lives = 1
        if not lived(lambda p=point, f=place: train(graph, f, p)):
            lives += 1
            if not os.path.exists(os.path.join(place, "spec.yaml")):
                shutil.rmtree(place, ignore_errors=True)
                assert lived(lambda f=place: train(graph, f))
            elif not lived(lambda f=place: go_on(f)):
                sys.stdout.write(f"{point} resume-failed\n")
                continue
        same = all(
            content(alone, name) == content(place, name)
            for name in ("weights.safetensors", "history.jsonl", "spec.yaml", "log.csv")
        )
        left = [n for n in os.listdir(place) if n.endswith((".new", ".old")) or "final" in n]
        sys.stdout.write(f"{point} {lives} {'same' if same else 'different'} {len(left)}\n")


def warm(graph: Any) -> None:
    """Import here what every child would import for itself."""
    Runner.of(graph)
    for name in ("safetensors.torch", "numpy.random", "modelspec.model.show"):
        import_module(name)


def lived(action: Callable[[], Any]) -> bool:
    """Whether a child that does this ends in its own time."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    assert killed or status == 0, f"a child failed: {status}"
    return not killed


def train(graph: Any, folder: str, point: str = "") -> None:
    kind, _, number = point.partition(":")
    if kind == "disk":
        mine(int(number))
    for event in training.Trainer(graph, folder, device="cpu").run():
        if kind == "step" and isinstance(event, Stepped) and event.step == int(number):
            os.kill(os.getpid(), signal.SIGKILL)


def go_on(folder: str) -> None:
    for _ in training.Trainer.resumed(run.load(folder, device="cpu")).run():
        pass


def mine(limit: int) -> None:
    """Die at the `limit`-th operation on the disk that matters."""
    count = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == limit:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*args, **kwargs)

        return call

    for module, name in (
        (os, "replace"), (os, "rename"), (os, "link"), (os, "fsync"), (shutil, "rmtree"),
        (checkpoint, "write"),
    ):  # fmt: skip
        setattr(module, name, counted(getattr(module, name)))


def content(folder: str, name: str) -> bytes:
    with open(os.path.join(folder, name), "rb") as stream:
        return stream.read()


if __name__ == "__main__":
    main()
