"""What a model is asked to do well: losses, penalties and metrics over its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from modelspec.engine import metrics as counting
from modelspec.engine.losses import loss as loss_of
from modelspec.engine.regularizers import penalty
from modelspec.engine.runner import Outcome
from modelspec.model.graph import Graph, Head


class Values:
    """The losses of one batch: the total that is minimized, and each output's own."""

    __slots__ = ("each", "total")

    def __init__(self, total: Tensor, each: dict[str, Tensor]) -> None:
        self.total, self.each = total, each


class Objective:
    """The losses of a graph's outputs, with the penalties on its weights.

    Weights of classes count in training alone, as in Keras; those of samples wherever there are.
    """

    def __init__(self, graph: Graph, *, training: bool = True) -> None:
        self.training = training
        self.heads = [head for head in graph.heads.values() if head.losses]
        self.several = len(self.heads) > 1
        self.penalized = [
            (owner.name(weight), weight.regularizer)
            for owner in graph.owners.values()
            if owner.trainable
            for weight in owner.weights
            if weight.regularizer is not None
        ]

    def __call__(
        self, outcome: Outcome, batch: Mapping[str, Tensor], weights: Mapping[str, Tensor]
    ) -> Values:
        """The losses of one batch; means over its samples (Keras's reductions)."""
        total: Tensor | None = None
        each: dict[str, Tensor] = {}
        for head in self.heads:
            own, weighed = self.head(head, outcome, batch)
            total = weighed if total is None else total + weighed
            if self.several:
                each[f"{head.name}_loss"] = own.detach()
        for name, word in self.penalized:
            total = add(total, penalty(word, outcome.updates.get(name, weights[name])))
        for one in outcome.penalties:
            total = add(total, one)
        assert total is not None
        return Values(total, each)

    def head(
        self, head: Head, outcome: Outcome, batch: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """One output's loss, and what it adds to the total."""
        y_pred, mask = outcome.values[head.tensor], outcome.masks[head.tensor]
        y_true = batch[head.name]
        weight = batch.get(f"{head.name}.sample_weight", batch.get("sample_weight"))
        if self.training and head.class_weight is not None:
            weight = by_class(head.class_weight, y_true, weight)
        logits = outcome.logits.get(head.tensor)
        values = [
            loss_of(word, y_true, y_pred, weight, mask, logits=logits) for word in head.losses
        ]
        weighed = [
            value if factor == 1.0 else value * factor
            for value, factor in zip(values, head.loss_weights, strict=True)
        ]
        whole = weighed[0]
        for one in weighed[1:]:
            whole = whole + one
        # Keras shows an output's loss before its weight; with several, their weighted sum.
        return (values[0] if len(values) == 1 else whole), whole


def add(total: Tensor | None, more: Tensor) -> Tensor:
    return more if total is None else total + more


def by_class(weights: dict[int, float], y_true: Tensor, weight: Tensor | None) -> Tensor:
    """What each sample counts: its class's weight, times its own where it has one."""
    classes = y_true
    if y_true.ndim > 1:
        classes = y_true.argmax(-1) if y_true.shape[-1] != 1 else y_true.squeeze(-1)
    classes = classes.round().long() if classes.is_floating_point() else classes.long()
    found = torch.ones(classes.shape, device=y_true.device)
    for number, value in weights.items():
        found = torch.where(classes == number, value, found)
    return found if weight is None else weight * found


class Meter:
    """The running means of losses and the states of metrics, over the samples seen so far."""

    def __init__(self, graph: Graph, device: torch.device | str = "cpu") -> None:
        self.graph, self.device = graph, device
        self.several = len(graph.heads) > 1
        self.begin()

    def begin(self) -> None:
        """Forget what was seen: a new epoch starts."""
        self.count = 0
        self.sums: dict[str, Tensor] = {}
        self.states: dict[str, Any] = {}
        for head in self.graph.heads.values():
            shape = self.graph.program.tensors[head.tensor].shape or ()
            for word, name in zip(head.metrics, head.metric_names, strict=True):
                self.states[self.key(head, name)] = counting.begin(word, shape, self.device)

    def key(self, head: Head, name: str) -> str:
        return f"{head.name}_{name}" if self.several else name

    @torch.no_grad()
    def add(self, values: Values, outcome: Outcome, batch: Mapping[str, Tensor], n: int) -> None:
        """Count a batch of `n` samples."""
        self.count += n
        for name, value in {"loss": values.total.detach(), **values.each}.items():
            if name not in self.sums:
                self.sums[name] = torch.zeros((), dtype=torch.float64, device=value.device)
            self.sums[name].add_(value, alpha=n)  # in float64, whatever the value is in
        for head in self.graph.heads.values():
            for word, name in zip(head.metrics, head.metric_names, strict=True):
                key = self.key(head, name)
                y_pred, mask = outcome.values[head.tensor], outcome.masks[head.tensor]
                weight = None if mask is None else mask.to(torch.float32)
                self.states[key] = counting.update(
                    word,
                    self.states[key],
                    batch[head.name],
                    y_pred.detach(),
                    weight,
                )

    def logs(self) -> dict[str, Any]:
        """The values so far, under Keras's names."""
        found: dict[str, Any] = {n: float(s) / max(self.count, 1) for n, s in self.sums.items()}
        for head in self.graph.heads.values():
            for word, name in zip(head.metrics, head.metric_names, strict=True):
                key = self.key(head, name)
                found[key] = counting.result(word, self.states[key])
        return found

    # What a checkpoint in the middle of an epoch keeps.

    def tensors(self) -> dict[str, Tensor]:
        kept = {f"sum.{name}": value for name, value in self.sums.items()}
        for key, state in self.states.items():
            kept |= {f"metric.{key}.{part}": value for part, value in state.items()}
        return kept

    def restore(self, tensors: Mapping[str, Tensor], count: int) -> None:
        self.begin()
        self.count = count
        for name, value in tensors.items():
            kind, _, rest = name.partition(".")
            if kind == "sum":
                self.sums[rest] = value
            elif kind == "metric":
                key, _, part = rest.rpartition(".")
                self.states[key][part] = value
