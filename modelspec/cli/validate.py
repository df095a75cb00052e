"""`modelspec validate`: every error of a spec at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from modelspec.cli.completers import specs as of_specs
from modelspec.cli.failures import FILES, say
from modelspec.cli.options import Budget, Size, compiled, format_option, spec_options
from modelspec.cli.output import MACHINE, tell, width
from modelspec.cli.trace import document, text, trace_option
from modelspec.model.graph import Graph
from modelspec.model.lints.room import over
from modelspec.model.machine import bytes_of
from modelspec.model.memory import Memory
from modelspec.source.diagnostics import Diagnostic, Rejected, Unreadable


class Checked:
    """What became of one spec: `graph` is None where it is not valid."""

    def __init__(self, spec: str) -> None:
        self.spec = spec
        self.graph: Graph | None = None
        self.samples: int | None = None
        self.found: list[Diagnostic] = []
        self.budget: Budget | None = None
        self.partial: Graph | None = None  # as far as it could be made

    def judge(self, graph: Graph, fatal: tuple[str, ...]) -> None:
        """Take a graph, which is valid unless something of a fatal severity was found."""
        self.partial = graph
        self.found = graph.warnings if self.budget is None else within(graph, self.budget)
        self.graph = None if any(one.severity in fatal for one in self.found) else graph

    def valid(self) -> str:
        """That it is valid, and how large."""
        assert self.graph is not None
        data = "" if self.samples is None else f", {self.samples:,} samples"
        return f"{shown(self.spec)} is valid: {sizes(self.graph)}{data}{self.room()}"

    def room(self) -> str:
        """How much of the budget it takes."""
        if self.budget is None or self.graph is None:
            return ""
        memory, batch = Memory(self.graph), self.graph.spec.training.batch_size
        least = "at least " if memory.open else ""
        needed = f"{least}{bytes_of(memory.at(batch))} of {self.budget.text}"
        return f", {needed} with {batch:,} samples a step"


@click.command("validate")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True, shell_complete=of_specs)
@click.option("--data", "with_data", is_flag=True, help="Hold the data against the spec too.")
@click.option("--strict", is_flag=True, help="Let warnings fail the check, like errors.")
@click.option(
    "--budget",
    type=Size(),
    help="Fail where a step of training needs more memory: 24GB, 512MiB.",
)
@trace_option
@click.option(
    "--fix", is_flag=True, help="Make the certain fixes first; the text of `-` goes to stdout."
)
@format_option("full", "concise", "json", "github", "sarif")
@spec_options
def command(
    specs: tuple[str, ...],
    with_data: bool,
    strict: bool,
    budget: Budget | None,
    trace: str | None,
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
    make = mending() if fix else compiled
    checked: list[Checked] = []
    unread: list[Unreadable] = []
    for spec in specs:
        one = Checked(spec)
        one.budget = budget
        try:
            graph = make(one.spec, settings, allow_path, trust_code)
            if with_data:
                one.samples = count_samples(graph)
        except Unreadable as unreadable:
            unread.append(unreadable)
            continue
        except Rejected as rejected:
            one.found, one.partial = rejected.diagnostics, rejected.graph
        else:
            one.judge(graph, ("error", "warning") if strict else ("error",))
        checked.append(one)
    if checked:
        told(checked, format, trace, fix)
    for missed in unread:
        say(str(missed), FILES, missed.path)
    if unread:
        return FILES
    return 1 if any(one.graph is None for one in checked) else 0


def told(checked: list[Checked], format: str, trace: str | None, fix: bool) -> None:
    """Show what was found."""
    if trace is not None:
        told_with(checked, trace, format)
        return
    found = [diagnostic for one in checked for diagnostic in one.found]
    if format == "json":
        write_json(checked, found)
        return
    tell(found, format)
    for one in checked:
        if one.graph is not None and format != "sarif":
            click.echo(one.valid(), err=fix and one.spec == "-")


def mending() -> Callable[..., Graph]:
    """What makes the graph of a spec after mending it: with it comes the whole compiler."""
    from modelspec.cli.fix import fixed

    return fixed


def told_with(checked: list[Checked], name: str, format: str) -> None:
    """Show the trace of a name in each spec, beside what was found."""
    found = [diagnostic for one in checked for diagnostic in one.found]
    traces = {one.spec: one.partial for one in checked if one.partial is not None}
    if format == "json":
        write_json(checked, found, {spec: document(graph, name) for spec, graph in traces.items()})
    else:
        tell(found, format)
        if format not in MACHINE and traces:
            click.echo("\n\n".join(text(graph, name, width()) for graph in traces.values()))


def within(graph: Graph, budget: Budget) -> list[Diagnostic]:
    """The warnings of a graph, and an error where it needs more than the budget; what this machine
    has is then no matter.
    """
    kept = [one for one in graph.warnings if one.code != "too-much-memory"]
    beyond = over(graph, budget.bytes, f"the budget is {budget.text}")
    return kept if beyond is None else [beyond.diagnostic("error"), *kept]


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
    checked: list[Checked], found: list[Diagnostic], traces: dict[str, Any] | None = None
) -> None:
    import json

    from modelspec.source.machine import as_json

    document = json.loads(as_json(found))
    document["specs"] = [
        {
            "path": shown(one.spec),
            "valid": one.graph is not None,
            "layers": None if one.graph is None else len(one.graph.program.steps),
            "parameters": None if one.graph is None else one.graph.parameters,
            "samples": one.samples,
            **({} if traces is None else {"trace": traces.get(one.spec)}),
        }
        for one in checked
    ]
    click.echo(json.dumps(document, indent=2))
