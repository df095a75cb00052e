"""Rules on training: callbacks, schedules, frozen weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.catalog.callbacks import Monitor
from modelspec.model.graph import Graph
from modelspec.model.lints.findings import Finding
from modelspec.source.diagnostics import Edit
from modelspec.source.fixes import added, respelled
from modelspec.source.suggest import did_you_mean


def quantities(graph: Graph) -> set[str]:
    """What the history of this model will hold, by Keras's names."""
    several = len(graph.heads) > 1
    losses = sum(bool(head.losses) for head in graph.heads.values())
    found = {"loss"}
    for head in graph.heads.values():
        if losses > 1 and head.losses:
            found.add(f"{head.name}_loss")
        found |= {f"{head.name}_{name}" if several else name for name in head.metric_names}
    data = graph.spec.data
    if data is None or data.validation is not None:
        found |= {f"val_{name}" for name in found}
    return found | {"learning_rate"}


def monitored(graph: Graph) -> Iterator[Finding]:
    """Callbacks that watch what nobody computes."""
    if graph.spec.training is None or not graph.heads:
        return
    known = quantities(graph)
    for word in graph.spec.training.callbacks:
        if not isinstance(word, Monitor) or word.monitor in known:
            continue
        if type(word).__name__ == "ModelCheckpoint" and not word.__dict__["save_best_only"]:
            continue
        place = word.__dict__["spans"].get("monitor", word.__dict__["span"])
        validation = word.monitor.removeprefix("val_") in known
        fact = "there is no validation data" if validation else "nothing computes it"
        near = did_you_mean(word.monitor, sorted(known))
        yield Finding(
            "unknown-monitor",
            f"`{type(word).__name__}` watches a quantity of the history",
            place,
            f"`{word.monitor}`: {fact}",
            by=graph.spec.training,
            fix=respelled(word.monitor, place, known),
            help=(
                "data: {validation: 0.2}"
                if validation
                else near[0]
                if near
                else "the history will hold " + ", ".join(f"`{name}`" for name in sorted(known))
            ),
        )


def better(graph: Graph) -> dict[str, str]:
    """The quantities that are surely better when smaller (`min`) or larger (`max`)."""
    found = {"loss": "min"}
    several = len(graph.heads) > 1
    for head in graph.heads.values():
        found[f"{head.name}_loss"] = "min"
        for metric, name in zip(head.metrics, head.metric_names, strict=True):
            if metric.targets != "any":
                found[f"{head.name}_{name}" if several else name] = metric.better
    return found | {f"val_{name}": end for name, end in found.items()}


def direction(graph: Graph) -> Iterator[Finding]:
    """A callback that takes the wrong end of a quantity for the better one."""
    training = graph.spec.training
    if training is None:
        return
    known = better(graph)
    for word in training.callbacks:
        if not isinstance(word, Monitor) or word.monitor not in known:
            continue
        wanted = known[word.monitor]
        if word.rises() == (wanted == "max"):
            continue
        spans = word.__dict__["spans"]
        taken = "larger" if wanted == "min" else "smaller"
        by_name = word.mode == "auto"
        yield Finding(
            "wrong-direction",
            f"`{word.monitor}` is better when {'smaller' if wanted == 'min' else 'larger'}",
            spans.get("mode", spans.get("monitor", word.__dict__["span"])),
            f"`auto` goes by the name, and takes {taken} for better" if by_name
            else f"this takes {taken} for better",
            by=training,
            help=f"write `mode: {wanted}`",
            fix=Edit(spans["mode"], wanted) if "mode" in spans
            else added(f"mode: {wanted}", word.__dict__["span"]),
        )  # fmt: skip


def frozen(graph: Graph) -> Iterator[Finding]:
    """Frozen weights that nobody has trained, and penalties on weights that do not move."""
    for owner in graph.owners.values():
        definition = owner.definition
        if owner.trainable:
            continue
        at: Any = definition
        weights = None
        while at is not None and weights is None:
            weights = at.weights
            at = at.parent
        top: Any = definition
        while top.trainable and top.parent is not None:
            top = top.parent
        drawn = any(one.trainable and "seed" in one.initializer.arguments for one in owner.weights)
        if weights is None and drawn:
            yield Finding(
                "frozen-fresh",
                "weights that never learn start as the initializers make them: at random",
                top.span,
                "`trainable: false` without `weights`",
                by=top,
                help="weights: runs/...",
            )
        for weight in owner.weights:
            if weight.regularizer is not None:
                yield Finding(
                    "frozen-penalty",
                    "a penalty on weights that do not learn changes nothing",
                    owner.call.span,
                    f"`{weight.name}` is frozen",
                    by=owner.call,
                    help=f"take `{weight.name}_regularizer` away",
                )
                break


LEARNING = (monitored, direction, frozen)
