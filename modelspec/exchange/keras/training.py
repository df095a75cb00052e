"""What a Keras model was compiled with: losses and metrics of its outputs, its optimizer."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.words import find, snake
from modelspec.exchange.keras.faults import Faults
from modelspec.exchange.keras.words import Unknown, arguments, rounded, short, unpacked, word

Plain = dict[str, Any]
#: The names of outputs here -> those that Keras knows each by: its layer's, its key.
Names = dict[str, list[str]]


class Compiled:
    """The compile configuration of a model, of Keras 3 or 2."""

    def __init__(self, written: Plain, faults: Faults, version: str = "3") -> None:
        self.written, self.faults = written, faults
        self.old = version.startswith("2")

    def outputs(self, names: Names) -> dict[str, Plain]:
        """For each output its loss, loss weight and metrics."""
        losses = self.spread(self.written.get("loss"), names)
        weights = self.spread(self.written.get("loss_weights"), names)
        metrics = self.spread(self.metrics(len(names)), names)
        made: dict[str, Plain] = {}
        for name in names:
            made[name] = {}
            loss = self.loss(losses.get(name))
            if loss is not None:
                made[name]["loss"] = loss
                weight = weights.get(name)
                if isinstance(weight, int | float) and weight != 1:
                    made[name]["loss_weight"] = weight
            found = [self.metric(one) for one in as_list(metrics.get(name))]
            found = [one for one in found if one is not None]
            if found:
                made[name]["metrics"] = found
        if any(flat(self.written.get("weighted_metrics"))):
            self.faults.note("its weighted metrics did not come along")
        return made

    def metrics(self, outputs: int) -> Any:
        """The metrics as they are written; one list for every output as one for each."""
        given = unpacked(self.written.get("metrics"))
        if not isinstance(given, list):
            return given
        if outputs == 1:
            return [flat(given)]
        if len(given) == outputs and (not self.old or any(isinstance(one, list) for one in given)):
            return given
        return [given] * outputs

    def spread(self, given: Any, names: Names) -> Plain:
        """What is given for each output: one for all, a list in order, or by name."""
        given = unpacked(given)
        if isinstance(given, dict) and "class_name" not in given:
            return {ours: given[one] for ours, theirs in names.items() for one in theirs
                    if one in given}  # fmt: skip
        if isinstance(given, list):
            return dict(zip(names, given, strict=False))
        return {} if given is None else dict.fromkeys(names, given)

    def loss(self, written: Any) -> Any:
        try:
            return None if written is None else word("losses", unnamed(written))
        except Unknown as unknown:
            self.faults.note(f"its loss did not come along: {unknown.what}")
            return None

    def metric(self, written: Any) -> Any:
        if written in ("accuracy", "acc"):
            return written
        if isinstance(written, dict) and written.get("class_name") == "MeanMetricWrapper":
            inner = written.get("config", {})
            if inner.get("name") in ("accuracy", "acc"):
                return inner["name"]
            written = inner.get("fn", inner.get("name"))
        try:
            made = None if written is None else word("metrics", unnamed(written))
        except Unknown as unknown:
            self.faults.note(f"a metric did not come along: {unknown.what}")
            return None
        config = written.get("config") if isinstance(written, dict) else None
        name = config.get("name") if isinstance(config, dict) else None
        kind = made.get("type") if isinstance(made, dict) else made
        if isinstance(name, str) and isinstance(kind, str) and not standard(kind, name):
            made = {**(made if isinstance(made, dict) else {"type": made}), "name": name}
        return made

    def optimizer(self) -> Any:
        """The optimizer with its arguments; None where it has no counterpart."""
        written = self.written.get("optimizer", self.written.get("optimizer_config"))
        if isinstance(written, dict) and "inner_optimizer" in written.get("config", {}):
            written = written["config"]["inner_optimizer"]  # LossScaleOptimizer
        if isinstance(written, str):
            written = {"class_name": written, "config": {}}
        if not isinstance(written, dict):
            return None
        name = str(written.get("class_name")).removeprefix("Custom>")  # as Keras 2 writes its own
        cls = find("optimizers", name)
        config = dict(written.get("config") or {})
        if cls is None:
            self.faults.note(f"its optimizer did not come along: `{name}` is none here")
            return None
        for old in ("decay", "lr"):
            if not config.get(old):
                config.pop(old, None)
        if not config.get("use_ema"):
            config.pop("use_ema", None)
            config.pop("ema_momentum", None)
        try:
            given = arguments(cls, rounded(config))
        except Unknown as unknown:
            self.faults.note(f"its optimizer did not come along whole: {unknown.what}")
            known = {key: value for key, value in rounded(config).items() if key in cls.arguments}
            given = arguments(cls, known)
        return {"type": cls.__name__, **given} if given else short(cls)


def unnamed(written: Any) -> Any:
    """A loss or metric without its name and what Keras always writes."""
    if not isinstance(written, dict) or not isinstance(written.get("config"), dict):
        return written
    config = {k: v for k, v in written["config"].items() if k not in ("name", "dtype", "fn")}
    if config.get("reduction") in ("sum_over_batch_size", "auto"):
        del config["reduction"]
    return {**written, "config": config}


def standard(kind: str, name: str) -> bool:
    """Whether a metric's name is the one that it has anyway."""
    cls: Any = find("metrics", kind)
    return name in (kind, snake(kind), getattr(cls, "name", None))


def flat(value: Any) -> list[Any]:
    """The values in nested lists and mappings."""
    if isinstance(value, dict) and "class_name" not in value:
        value = list(value.values())
    return [one for each in value for one in flat(each)] if isinstance(value, list) else [value]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
