"""What the data shows of a spec that is legal and still surely wrong: warnings, as the linter's.

They go by what was noted while the data was prepared: nothing is read for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from modelspec.catalog.losses import Loss
from modelspec.catalog.sources import Synthetic
from modelspec.engine.data import Samples
from modelspec.engine.data.seen import Seen
from modelspec.engine.wanted import classes
from modelspec.model.endings import activation, ending
from modelspec.model.graph import Graph, Head
from modelspec.model.lints.amounts import asked_of
from modelspec.model.lints.findings import Finding, warn
from modelspec.source.diagnostics import Diagnostic, Report
from modelspec.source.text import Span

#: Up to so many units each has samples; of more (a vocabulary) half of them do.
FEW = 256
#: Rounding, which is no fault.
NEAR = 1e-6


def found(graph: Graph, train: Samples) -> list[Diagnostic]:
    """The warnings that the samples to train on give rise to, and the spec alone did not."""
    report = Report()
    known = {(one.code, one.span) for one in graph.warnings}
    made = chain(asked_of(graph, len(train)), targets(graph, train))
    warn((one for one in made if (one.code, one.span) not in known), report)
    return report.warnings


def targets(graph: Graph, train: Samples) -> Iterator[Finding]:
    """Targets that the loss, or the output, has no place for."""
    if isinstance(graph.spec.data and graph.spec.data.train, Synthetic):
        return  # random numbers
    for head in graph.heads.values():
        seen = train.seen.get(head.name)
        if seen is None or seen.low > seen.high:
            continue
        for loss in head.losses:
            fault = of_loss(loss, seen) or of_output(graph, head, loss, seen)
            if fault is None and seen.count == len(train):
                fault = of_units(graph, head, loss, seen)
            if fault is not None:
                yield finding(graph, head, loss, *fault)
                break


def finding(graph: Graph, head: Head, loss: Loss, message: str, fact: str, help: str) -> Finding:
    maker = ending(graph.program, head.tensor)
    step = None if maker is None else maker[0]
    also: tuple[tuple[Span, str], ...] = ()
    if step is not None:
        also += ((step.call.span, f"`{step.call.name}` makes the output"),)
    data: Any = graph.spec.data
    field = data.fields.get(head.name)
    if field is not None:
        also += ((field.span, "the targets come from here"),)
    return Finding(
        "label-range",
        message,
        loss.__dict__["span"],
        fact,
        by=graph.spec.targets[head.name],
        also=also,
        help=help,
    )


Fault = tuple[str, str, str]  # the rule, the fact, what to do


def of_loss(loss: Loss, seen: Seen) -> Fault | None:
    """Targets beyond what the loss is made for."""
    name = type(loss).__name__
    if outside(seen, loss.least, loss.most):
        rule = f"targets of `{name}` are {between(loss.least, loss.most)}"
        encode = "encode them: `encode: Labels`, `OneHot`, or `Scale`"
        return rule, data_has(seen), encode if loss.most == 1 else "is this the right column?"
    if loss.shares and not seen.sums:
        return (
            f"a target of `{name}` is one-hot, or shares that sum to 1",
            "in the data some do not sum to 1",
            "`binary_crossentropy` is for several that hold at once; `encode: OneHot` for one",
        )
    return None


def of_output(graph: Graph, head: Head, loss: Loss, seen: Seen) -> Fault | None:
    """Targets that the output's activation never reaches."""
    maker = ending(graph.program, head.tensor)
    word = None if maker is None or not loss.copies else activation(maker[0])
    if word is None or not outside(seen, word.low, word.high):
        return None
    name = type(word).__name__.lower()
    return (
        f"an output that ends in `{name}` is {between(word.low, word.high)}",
        data_has(seen),
        "leave the activation out, or scale the targets: `encode: Scale`",
    )


def of_units(graph: Graph, head: Head, loss: Loss, seen: Seen) -> Fault | None:
    """Units for classes that no sample is of."""
    units, _ = classes(graph, head)
    if units is None or type(loss).__name__ == "CTC":
        return None
    used = int(seen.high) + 1
    if used >= units or (units > FEW and used > units // 2):
        return None
    return (
        "each unit stands for a class, from 0 on",
        f"{units:,} units, and no sample is of a class above {used - 1:,}",
        f"`units: {used}` would do; or are these the right labels?",
    )


def outside(seen: Seen, low: float | None, high: float | None) -> bool:
    return (low is not None and seen.low < low - NEAR) or (
        high is not None and seen.high > high + NEAR
    )


def between(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}"
    return f"{low:g} or more" if low is not None else f"{high:g} or less"


def data_has(seen: Seen) -> str:
    return f"the data has {seen.low:g} to {seen.high:g}"
