"""`modelspec train`: from a spec to a trained run."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from modelspec.cli.completers import devices, files, folders, specs
from modelspec.cli.failures import DIVERGED
from modelspec.cli.options import compiled, format_option, run_folder, spec_options
from modelspec.cli.output import as_json, measured, tell

if TYPE_CHECKING:
    from modelspec.engine.loop import Finished
    from modelspec.engine.training import Trainer

FRESH = (
    "note: {0} holds weights, and this starts from fresh ones; `--weights {0}` starts from those"
)


@click.command("train")
@click.argument("spec", metavar="[SPEC]", required=False, shell_complete=specs)
@click.option("--resume", metavar="RUN", help="Go on with a run from its last checkpoint.",
              shell_complete=folders)  # fmt: skip
@click.option("--run", metavar="DIR", help="The run's folder; runs/NAME unless this says.",
              shell_complete=folders)  # fmt: skip
@click.option("--weights", metavar="FILE|RUN", help="Start from trained weights.",
              shell_complete=files)  # fmt: skip
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1; the GPU if there is one.",
              shell_complete=devices)  # fmt: skip
@format_option("text", "json")
@spec_options
def command(
    spec: str | None,
    resume: str | None,
    run: str | None,
    weights: str | None,
    device: str | None,
    format: str,
    settings: tuple[str, ...],
    allow_path: tuple[str, ...],
    trust_code: bool,
) -> int:
    """Train a spec, or go on with a run.

    Progress goes to stderr, the last values to stdout. An interrupt (Ctrl-C) ends training after
    the step at hand and keeps a checkpoint; a second one ends it at once.
    """
    if (spec is None) == (resume is None):
        raise click.UsageError("name a SPEC to train, or a run to `--resume`")
    if resume is not None:
        if settings or run or weights:
            raise click.UsageError(
                "`--resume` goes on as the run began: no --set, --run, --weights"
            )
        trainer = resumed(resume, device, trust_code)
    else:
        assert spec is not None
        trainer = begun(spec, run, weights, device, settings, allow_path, trust_code)
    return watch(trainer, format)


def begun(
    spec: str,
    run: str | None,
    weights: str | None,
    device: str | None,
    settings: tuple[str, ...],
    allow_path: tuple[str, ...],
    trust_code: bool,
) -> Trainer:
    graph = compiled(spec, settings, allow_path, trust_code)
    if graph.warnings:
        tell(graph.warnings, "full")
    from modelspec.engine.training import Trainer

    if weights is None and os.path.isfile(os.path.join(spec, "weights.safetensors")):
        click.echo(FRESH.format(spec), err=True)
    trainer = Trainer(graph, run_folder(graph, run), device=device, weights=weights)
    if trainer.aside:
        kept = f"note: the run that was in {trainer.folder} is kept as {trainer.aside}"
        click.echo(kept, err=True)
    tell(trainer.warnings, "full")
    return trainer


def resumed(folder: str, device: str | None, trust_code: bool) -> Trainer:
    from modelspec.engine.run import load
    from modelspec.engine.training import Trainer

    return Trainer.resumed(load(folder, device=device, trust_code=trust_code))


def watch(trainer: Trainer, format: str) -> int:
    """Run the training with progress on stderr; its exit code."""
    from modelspec.cli.progress import progress
    from modelspec.engine.loop import Diverged, Finished, Interrupted

    def stop(number: int, frame: object) -> None:
        trainer.stop(number)
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else _interrupt)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with progress(trainer, sys.stderr) as shown:
            for event in trainer.run():
                shown(event)
                if isinstance(event, Finished):
                    finished = event
    except Diverged as diverged:
        click.echo(f"error: training diverged: {diverged}", err=True)
        click.echo("  a smaller learning_rate, or clip_norm, may help", err=True)
        return DIVERGED
    except Interrupted as interrupted:
        click.echo(f"stopped; modelspec train --resume {trainer.folder} goes on", err=True)
        return 128 + interrupted.signal
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    write(finished, format)
    return 0


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def write(finished: Finished, format: str) -> None:
    """The result: where the run is, and the last epoch's values."""
    last: dict[str, Any] = finished.history[-1] if finished.history else {}
    values = {name: value for name, value in last.items() if name != "epoch"}
    if format == "json":
        as_json(
            {"run": finished.folder, "epochs": finished.epochs, "reason": finished.reason,
             "values": values}
        )  # fmt: skip
        return
    click.echo(f"{finished.folder}: {finished.reason}")
    click.echo(measured(values))
