"""`modelspec validate`: every error of a spec at once."""

from __future__ import annotations

import click

from modelspec.cli.completers import specs
from modelspec.cli.fix import fixed
from modelspec.cli.options import compiled, format_option, spec_options
from modelspec.cli.output import MACHINE, tell
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Diagnostic, Rejected


@click.command("validate")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True, shell_complete=specs)
@click.option("--data", "with_data", is_flag=True, help="Hold the data against the spec too.")
@click.option("--strict", is_flag=True, help="Let warnings fail the check, like errors.")
@click.option(
    "--fix", is_flag=True, help="Make the certain fixes first; the text of `-` goes to stdout."
)
@format_option("full", "concise", "json", "github", "sarif")
@spec_options
def command(
    specs: tuple[str, ...],
    with_data: bool,
    strict: bool,
    fix: bool,
    format: str,
    settings: tuple[str, ...],
    allow_path: tuple[str, ...],
    trust_code: bool,
) -> int:
    """Check specs, and show every error at once.

    Each error comes with file, line and column, the line itself, a code (`modelspec explain CODE`
    says more) and a hint. Exit code 1 where there is one.
    """
    if fix and "-" in specs and format in MACHINE:
        raise click.UsageError(f"with --fix the spec of `-` goes to stdout, where {format} would")
    found: list[Diagnostic] = []
    checked: dict[str, Graph | None] = {}
    samples: dict[str, int] = {}
    for spec in specs:
        try:
            if fix:
                graph = fixed(spec, settings, allow_path, trust_code)
            else:
                graph = compiled(spec, settings, allow_path, trust_code)
            if with_data:
                samples[spec] = count_samples(graph)
        except Rejected as rejected:
            checked[spec] = None
            found += rejected.diagnostics
        else:
            fails = strict and bool(graph.warnings)
            checked[spec] = None if fails else graph
            found += graph.warnings
    if format == "json":
        write_json(checked, samples, found)
    else:
        tell(found, format)
        for spec, valid in checked.items():
            if valid is not None and format != "sarif":
                of_data = f", {samples[spec]:,} samples" if spec in samples else ""
                text = f"{shown(spec)} is valid: {sizes(valid)}{of_data}"
                click.echo(text, err=fix and spec == "-")
    return 1 if None in checked.values() else 0


def count_samples(graph: Graph) -> int:
    """Read all of the data through its encoders; how many samples there are. What they show is
    added to the graph's warnings.
    """
    from modelspec.engine import findings, wanted
    from modelspec.engine.data import prepare, read_through
    from modelspec.engine.training import ready, refuse_partial

    seed = graph.spec.training.seed
    prepared = prepare(ready(graph), wanted.everything(graph), seed)
    refuse_partial(graph, prepared)
    count = read_through(prepared)
    graph.warnings += findings.found(graph, prepared.train)
    return count


def shown(spec: str) -> str:
    return "<stdin>" if spec == "-" else spec


def sizes(graph: Graph) -> str:
    """`12 layers, 5,180,417 parameters`."""
    layers, parameters = len(graph.program.steps), graph.parameters
    return (
        f"{layers:,} layer{'' if layers == 1 else 's'}, "
        f"{parameters:,} parameter{'' if parameters == 1 else 's'}"
    )


def write_json(
    checked: dict[str, Graph | None], samples: dict[str, int], found: list[Diagnostic]
) -> None:
    import json

    from modelspec.source.machine import as_json

    document = json.loads(as_json(found))
    document["specs"] = [
        {
            "path": shown(spec),
            "valid": graph is not None,
            "layers": None if graph is None else len(graph.program.steps),
            "parameters": None if graph is None else graph.parameters,
            "samples": samples.get(spec),
        }
        for spec, graph in checked.items()
    ]
    click.echo(json.dumps(document, indent=2))
