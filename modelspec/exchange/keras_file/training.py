"""What a model is trained with, as Keras compiles it: losses, metrics, the optimizer."""

from __future__ import annotations

from typing import Any

from modelspec.exchange.keras_file.parts import Plain
from modelspec.exchange.keras_file.words import Unwritten, arguments, instance, word
from modelspec.language.word import Word
from modelspec.model.graph import Graph, Head

ACCURACY = ("accuracy", "acc")


class Compiled:
    """The compile configuration of a graph; `notes` say what Keras has no place for."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.notes = graph, list[str]()
        self.config: Plain | None = None
        if graph.losses:
            try:
                self.config = self.written()
            except Unwritten as unwritten:
                self.notes.append(f"the model is not compiled: {unwritten}")

    def written(self) -> Plain:
        """Raises Unwritten where the model would train in another way."""
        heads = self.graph.heads
        optimizer = self.optimizer()
        made: dict[str, Any] = {
            "loss": {name: self.loss(head) for name, head in heads.items()},
            "loss_weights": {name: sum(head.loss_weights) for name, head in heads.items()},
            "metrics": {name: self.metrics(head) for name, head in heads.items()},
        }
        if len(heads) == 1 and len(self.graph.program.outputs) == 1:
            made = {key: one for key, held in made.items() for one in held.values()}
            made["loss_weights"] = None if made["loss_weights"] == 1 else [made["loss_weights"]]
        return {
            "optimizer": optimizer, **made, "weighted_metrics": None, "run_eagerly": False,
            "steps_per_execution": 1, "jit_compile": False,
        }  # fmt: skip

    def loss(self, head: Head) -> Plain | None:
        if len(head.losses) > 1:
            raise Unwritten(f"`{head.name}` has several losses, and Keras takes one")
        if head.class_weight is not None:
            self.notes.append(
                f"`class_weight` of `{head.name}` is none of the model's in Keras: "
                "it goes to `fit(class_weight=...)`"
            )
        made: Plain | None = word(head.losses[0]) if head.losses else None
        return made

    @staticmethod
    def metrics(head: Head) -> list[Any]:
        return [
            name
            if name in ACCURACY
            else {**word(metric), "config": {"name": name, **arguments(metric)}}
            for metric, name in zip(head.metrics, head.metric_names, strict=True)
        ]

    def optimizer(self) -> Plain:
        training = self.graph.spec.training
        optimizer: Word = training.optimizer
        kind = type(optimizer).__name__
        config = arguments(optimizer)
        if training.clip_norm is not None:
            if any(config.get(key) is not None for key in ("clipnorm", "clipvalue")):
                raise Unwritten("Keras clips gradients in one way, and `train` says two")
            config["global_clipnorm"] = training.clip_norm
        return instance("keras.optimizers", kind, config)
