"""What a Keras model was compiled with: losses and metrics of its outputs, its optimizer."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.words import find, snake
from modelspec.exchange.keras.faults import Faults
from modelspec.exchange.keras.words import Unknown, arguments, rounded, short, word

Plain = dict[str, Any]


class Compiled:
    """The compile configuration of a model, of Keras 3 or 2."""

    def __init__(self, written: Plain, faults: Faults) -> None:
        self.written, self.faults = written, faults

    def outputs(self, names: dict[str, str]) -> dict[str, Plain]:
        """For each output its loss, loss weight and metrics; `names` are ours by Keras's."""
        made: dict[str, Plain] = {name: {} for name in names.values()}
        losses = self.spread(self.written.get("loss"), names)
        weights = self.spread(self.written.get("loss_weights"), names)
        metrics = self.spread(self.written.get("metrics"), names, listed=True)
        for name in made:
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
        if self.written.get("weighted_metrics"):
            self.faults.note("its weighted metrics did not come along")
        return made

    def spread(self, given: Any, names: dict[str, str], *, listed: bool = False) -> Plain:
        """What is given for each output: one for all, a list in order, or by name."""
        ours = list(names.values())
        if isinstance(given, dict) and "class_name" not in given:
            return {names[key]: value for key, value in given.items() if key in names}
        if isinstance(given, list) and (not listed or nested(given, len(ours))):
            return dict(zip(ours, given, strict=False))
        if given is None:
            return {}
        return dict.fromkeys(ours, given)

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
        name = written.get("config", {}).get("name") if isinstance(written, dict) else None
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


def nested(given: list[Any], outputs: int) -> bool:
    """Whether a list of metrics holds a list for each output."""
    return len(given) == outputs and all(one is None or isinstance(one, list) for one in given)


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
