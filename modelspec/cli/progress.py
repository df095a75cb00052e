"""How training goes, on stderr: a live bar on a terminal, else a line an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from modelspec.cli.output import number
from modelspec.engine.loop import Evaluated, Event, Stepped, Warned
from modelspec.engine.training import Trainer

Shown = Callable[[Event], None]
EVERY = 0.25  # seconds between readings of the running values


@contextmanager
def progress(trainer: Trainer, stream: TextIO) -> Iterator[Shown]:
    """What shows events, as fits the stream."""
    if not stream.isatty():
        yield Lines(stream)
        return
    with bar(trainer) as shown:
        yield shown


class Lines:
    """A line an epoch."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __call__(self, event: Event) -> None:
        if isinstance(event, Evaluated):
            self.stream.write(line(event) + "\n")
            self.stream.flush()
        elif isinstance(event, Warned):
            self.stream.write(f"warning: {event.message}\n")


def line(event: Evaluated) -> str:
    """`epoch 3/20  loss 0.1234  val_loss 0.1432  1.2 s`."""
    width = len(str(event.epochs))
    head = f"epoch {event.epoch + 1:>{width}}/{event.epochs}"
    return "  ".join([head, *values(event.logs), f"{event.seconds:.1f} s"])


def values(logs: dict[str, Any]) -> list[str]:
    return [f"{name} {number(value)}" for name, value in logs.items()]


@contextmanager
def bar(trainer: Trainer) -> Iterator[Shown]:
    """A bar for the epoch at hand, with a line above it for each one done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(24), TimeRemainingColumn(),
        TextColumn("{task.fields[values]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as live:
        task = live.add_task("epoch 1", total=None, values="")
        read = 0.0
        epochs = trainer.graph.spec.training.epochs

        def show(event: Event) -> None:
            nonlocal read
            if isinstance(event, Evaluated):
                console.print(line(event), highlight=False, soft_wrap=True)
                read = 0.0
            elif isinstance(event, Warned):
                console.print(f"warning: {event.message}", highlight=False, soft_wrap=True)
            elif isinstance(event, Stepped) and time.monotonic() - read > EVERY:
                read = time.monotonic()
                live.update(
                    task,
                    description=f"epoch {event.epoch + 1}/{epochs}",
                    completed=event.seen,
                    total=event.samples,
                    values="  ".join(values(event.logs())),
                )

        yield show
