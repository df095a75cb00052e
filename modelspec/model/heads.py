"""Outputs with what is asked of them: targets' shapes, losses that fit, metrics by name."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.metrics import Metric
from modelspec.catalog.words import bind, snake
from modelspec.language import shapes
from modelspec.model.endings import last_activation
from modelspec.model.graph import Graph, Head, Tensor
from modelspec.model.spec import Target
from modelspec.source.diagnostics import Report


def heads(graph: Graph, report: Report) -> None:
    """Fill `graph.heads` from the spec's targets; what does not fit is reported."""
    for name, target in graph.spec.targets.items():
        if name not in graph.program.outputs:
            continue
        tensor = graph.program.tensors[graph.program.outputs[name]]
        head = graph.heads[name] = Head(name, tensor.id, target.span)
        head.losses, head.loss_weights = target.losses, target.loss_weights
        head.class_weight = target.class_weight
        if tensor.shape is None:
            continue
        _losses(graph, head, tensor, target, report)
        _metrics(head, tensor, target, report)


def _losses(graph: Graph, head: Head, tensor: Tensor, target: Target, report: Report) -> None:
    activation = last_activation(graph.program, tensor)
    wanted: tuple[Any, str] | None = None
    assert tensor.shape is not None
    for loss in head.losses:
        if tensor.dtype == "string":
            report.error("loss-misfit", "a loss is of numbers", loss.__dict__["span"],
                         f"`{tensor.name}` is string")  # fmt: skip
            continue
        misfit = loss.misfit(tensor.shape, activation)
        if misfit is not None:
            report.error(
                "loss-misfit",
                misfit.message,
                loss.__dict__["span"],
                f"`{snake(type(loss).__name__)}`",
                also=[(tensor.span, f"`{tensor.name}` is {shapes.show(tensor.shape)}"
                       + (f", {snake(activation)}" if activation else ""))],
                help=misfit.help or (),
            )  # fmt: skip
            continue
        found = loss.target(tensor.shape, tensor.dtype)
        if wanted is not None and found != wanted:
            report.error(
                "loss-misfit",
                "the losses of one output share its target",
                target.spans.get("loss", target.span),
                f"one wants {shapes.show(wanted[0])} {wanted[1]}, "
                f"another {shapes.show(found[0])} {found[1]}",
                help="give the tensor a second output: other: {from: "
                + f"{tensor.name}, loss: ...}}",
            )
        wanted = wanted or found
    if wanted is None:
        wanted = (tensor.shape, tensor.dtype)
    head.target_shape, head.target_dtype = wanted


def _metrics(head: Head, tensor: Tensor, target: Target, report: Report) -> None:
    head.metric_names = list(target.metric_names)
    for metric in target.metrics:
        if metric == "accuracy":
            loss = head.losses[0] if head.losses else None
            default = loss.default_accuracy(tensor.shape or ()) if loss else "BinaryAccuracy"
            meant: Metric = bind("metrics", default)
            meant.__dict__["span"] = target.spans.get("metrics", target.span)
            head.metrics.append(meant)
        elif not isinstance(metric, str):
            head.metrics.append(metric)
    for metric in head.metrics:
        misfit = metric.misfit(tensor.shape or (), head.target_shape)
        if misfit is not None:
            report.error(
                "metric-misfit",
                misfit.message,
                metric.__dict__["span"],
                also=[(tensor.span, f"`{tensor.name}` is {shapes.show(tensor.shape or ())}")],
                help=misfit.help or (),
            )
    # Two metrics of one name are told apart as Keras does: `auc`, `auc_1`.
    for at, name in enumerate(target.metric_names):
        count = target.metric_names[:at].count(name)
        if count:
            head.metric_names[at] = f"{name}_{count}"
