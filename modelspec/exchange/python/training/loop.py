"""The training loop of a script: steps, epochs, and what callbacks do between them."""

from __future__ import annotations

from typing import Any

from modelspec.catalog import callbacks as words
from modelspec.catalog.schedules import Schedule
from modelspec.exchange.python.training.lines import broken
from modelspec.exchange.python.training.updates import Updates


class Loop:
    """The text of `train`: what stands before the epochs, in them, and after them."""

    def __init__(self, updates: Updates, known: list[str], validates: bool) -> None:
        self.updates, self.training, self.known = updates, updates.training, known
        self.validates = validates
        self.before: list[str] = []
        self.opening: list[str] = []  # at the start of an epoch
        self.inner: list[str] = []  # after each step
        self.ending: list[str] = []  # after an epoch's values are known
        self.stops: list[str] = []  # conditions on which training ends
        self.after: list[str] = []
        self.imports: set[str] = set()
        self.scheduled = isinstance(updates.word.learning_rate, Schedule)
        self.swaps = False
        kinds = {type(one) for one in self.training.callbacks}
        self.fixes = words.ReduceLROnPlateau in kinds
        for number, word in enumerate(self.training.callbacks):
            self.suffix = f"_{number + 1}" if len(self.training.callbacks) > 1 else ""
            CALLBACKS[type(word)](self, word)

    @property
    def rate(self) -> str:
        """The rate of the next step, as an expression."""
        if not self.scheduled:
            return "rate"
        return "(learning_rate(step) if rate is None else rate)" if self.fixes else (
            "learning_rate(step)"
        )  # fmt: skip

    @property
    def counts(self) -> bool:
        """Whether anything goes by the number of steps."""
        several, averages = self.updates.accumulates, self.training.optimizer.use_ema
        return bool(self.scheduled or self.inner or several or averages)

    def value(self, word: Any) -> str | None:
        """The monitored quantity, as an expression; None where there is none of the name."""
        if word.monitor in self.known:
            return f"logs[{word.monitor!r}]"
        self.ending.append(
            f"# {type(word).__name__} looks at {word.monitor!r}, which is not there."
        )
        return None

    def better(self, word: Any, best: str) -> str:
        """Whether `value` improves on the best."""
        delta = word.__dict__.get("min_delta") or 0
        sign, more = (">", f" + {delta}") if word.rises() else ("<", f" - {delta}")
        return f"{best} is None or value {sign} {best}{more if delta else ''}"

    def early_stopping(self, word: words.EarlyStopping) -> None:
        s, value = self.suffix, self.value(word)
        if value is None:
            return
        restores = word.restore_best_weights
        baseline: Any = word.baseline  # may be None
        self.before.append(f"best{s}, wait{s}, stop{s} = {baseline}, 0, False")
        lines = [f"value = {value}"]
        if restores:
            self.before.append(f"kept{s} = None")
            lines += [f"if kept{s} is None:", f"    kept{s} = copy.deepcopy(model.state_dict())"]
            self.imports.add("import copy")
        lines += [f"wait{s} += 1", f"if {self.better(word, f'best{s}')}:",
                  f"    best{s}, wait{s} = value, 0"]  # fmt: skip
        lines += [f"    kept{s} = copy.deepcopy(model.state_dict())"] if restores else []
        lines += [f"elif wait{s} >= {word.patience} and epoch > 0:", f"    stop{s} = True"]
        if word.start_from_epoch:
            first = f"if epoch >= {word.start_from_epoch}:"
            lines = [first, *(f"    {line}" for line in lines)]
        self.ending += lines
        self.stops.append(f"stop{s}")
        if restores:
            self.after += [f"if kept{s} is not None:", f"    model.load_state_dict(kept{s})"]

    def reduce_on_plateau(self, word: words.ReduceLROnPlateau) -> None:
        s = self.suffix
        self.ending.append(f'logs["learning_rate"] = {self.rate}')
        value = self.value(word)
        if value is None:
            return
        self.before.append(f"best{s}, wait{s}, cooldown{s} = None, 0, 0")
        self.ending += [
            f"value = {value}",
            f"if cooldown{s} > 0:",
            f"    cooldown{s}, wait{s} = cooldown{s} - 1, 0",
            f"if {self.better(word, f'best{s}')}:",
            f"    best{s}, wait{s} = value, 0",
            f"elif cooldown{s} <= 0:",
            f"    wait{s} += 1",
            f"    if wait{s} >= {word.patience} and {self.rate} > {word.min_lr}:",
            f"        rate = max({self.rate} * {word.factor}, {word.min_lr})",
            f"        cooldown{s}, wait{s} = {word.cooldown}, 0",
        ]

    def checkpoint(self, word: words.ModelCheckpoint) -> None:
        path = f"{word.path}.safetensors"
        if "{" in path:
            values = "epoch=epoch + 1, **logs"
            place = f"HERE / {path!r}.format({values})"
        else:
            place = f"HERE / {path!r}"
        lines = [f"place = {place}", "place.parent.mkdir(parents=True, exist_ok=True)",
                 "save(model.state_dict(), place)"]  # fmt: skip
        if word.save_best_only:
            value = self.value(word)
            if value is None:
                return
            s = self.suffix
            start: Any = word.initial_value_threshold  # may be None
            self.before.append(f"best{s} = {start}")
            lines = [f"value = {value}", f"if {self.better(word, f'best{s}')}:",
                     f"    best{s} = value", *(f"    {line}" for line in lines)]  # fmt: skip
        if word.save_freq == "epoch":
            self.ending += lines
            return
        lines = ["logs = meter.result()", *lines]
        self.inner += [f"if step % {word.save_freq} == 0:", *(f"    {line}" for line in lines)]

    def log(self, word: words.CSVLogger) -> None:
        self.imports.add("import csv")
        separator = "" if word.separator == "," else f", delimiter={word.separator!r}"
        self.ending += [
            'rows = [*history, {"epoch": epoch, **logs}]',
            f'with open(HERE / {word.path!r}, "w", newline="", encoding="utf-8") as file:',
            "    table = csv.DictWriter(",
            f'        file, list(rows[0]){separator}, extrasaction="ignore"',
            "    )",
            "    table.writeheader()",
            "    table.writerows(rows)",
        ]

    def terminate(self, word: words.TerminateOnNaN) -> None:
        self.imports.add("import math")
        self.inner += [
            'if not math.isfinite(float(losses["loss"].detach())):',
            "    raise SystemExit(f\"the loss is {losses['loss']:.4g} in step {step}\")",
        ]

    def schedule(self, word: words.LearningRateScheduler) -> None:
        self.updates.extra.append(self.updates.scheduled(word.schedule, "rate_of_epoch"))
        self.opening.append("rate = rate_of_epoch(epoch)")
        self.ending.append('logs["learning_rate"] = rate')

    def swap(self, word: words.SwapEMAWeights) -> None:
        self.swaps = True

    def nothing(self, word: Any) -> None:
        """What a run does anyway."""

    # -- the text ---------------------------------------------------------------------------

    def text(self, model: str) -> str:
        averages = self.training.optimizer.use_ema
        lines = [f"def train(model: {model}, epochs: int = EPOCHS) -> list[dict]:",
                 '    """Trains the model, a line an epoch; the history."""',
                 "    training, held_out = data()",
                 "    count = len(next(iter(training.values())))",
                 "    optimizer = make_optimizer(model)"]  # fmt: skip
        lines += [f"    averages = {self.updates.averages()}"] if averages else []
        lines.append("    history, step = [], 0" if self.counts else "    history = []")
        lines += [*self.rates(), *indented(self.before, 4)]
        lines += ["    for epoch in range(epochs):", *indented(self.opening, 8)]
        lines += ["        begin(model)", "        meter = Meter()", *self.steps()]
        lines += ["        logs = meter.result()", *DIVERGED]
        if self.validates:
            swap = indented(["averages.swap()"] if self.swaps else [], 12)
            lines += ["        if held_out is not None:", *swap, *VALIDATED, *swap]
        lines += indented(self.ending, 8)
        lines += ['        history.append({"epoch": epoch, **logs})',
                  "        print(line_of(epoch + 1, epochs, logs))"]  # fmt: skip
        if self.stops:
            lines += [f"        if {' or '.join(self.stops)}:", "            break"]
        lines += ["    averages.swap()"] if averages else []
        return "\n".join([*lines, *indented(self.after, 4), "    return history"])

    def steps(self) -> list[str]:
        """The steps of an epoch."""
        sequence = "order(count, epoch)"
        if self.training.steps_per_epoch:
            sequence += f"[: {self.training.steps_per_epoch} * BATCH_SIZE]"
        several = self.updates.accumulates
        given = ["model", "optimizer", "batch", self.rate, *(["step"] if several else [])]
        lines = [
            f"for batch in batches(training, {sequence}):",
            f"    losses, outputs = train_step({', '.join(given)})",
            "    meter.add(losses, outputs, batch)",
        ]
        if self.counts:  # steps that were skipped are none
            skips = self.training.precision == "float16"
            lines.append("    step = optimizer.steps" if skips else "    step += 1")
        if self.training.optimizer.use_ema:
            update = f"-(-step // {several})" if several else "step"
            lines.append(f"    averages.follow({update})")
        return indented([*lines, *(f"    {line}" for line in self.inner)], 8)

    def rates(self) -> list[str]:
        if self.scheduled:
            return ["    rate = None  # the schedule's"] if self.fixes else []
        return ["    rate = LEARNING_RATE"]


def indented(lines: list[str], by: int) -> list[str]:
    return [piece for line in lines for piece in broken(" " * by + line)]


DIVERGED = [
    '        if not math.isfinite(logs["loss"]):',
    "            raise SystemExit(f\"the loss is {logs['loss']} in epoch {epoch + 1}\")",
]
VALIDATED = [
    "            held = evaluate(model, held_out)",
    '            logs |= {f"val_{name}": value for name, value in held.items()}',
]
CALLBACKS: dict[type, Any] = {
    words.EarlyStopping: Loop.early_stopping,
    words.ReduceLROnPlateau: Loop.reduce_on_plateau,
    words.ModelCheckpoint: Loop.checkpoint,
    words.CSVLogger: Loop.log,
    words.TerminateOnNaN: Loop.terminate,
    words.LearningRateScheduler: Loop.schedule,
    words.SwapEMAWeights: Loop.swap,
    words.BackupAndRestore: Loop.nothing,
}
