"""How a script moves the weights: optimizer, rate, clipping, constraints, averages."""

from __future__ import annotations

import inspect
from typing import Any

import torch

from modelspec.catalog import constraints as limits
from modelspec.catalog import optimizers as words
from modelspec.catalog.schedules import Schedule, Warmup
from modelspec.engine import constraints, schedules
from modelspec.engine import rules as engine_rules
from modelspec.exchange.python.training import rules, taken
from modelspec.exchange.python.training.parameters import Parameter, Parameters
from modelspec.exchange.python.training.plain import Plain
from modelspec.model.graph import Graph

#: Arguments that every optimizer has, and those that its rule has under another name.
COMMON = {"learning_rate", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema",
          "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor",
          "gradient_accumulation_steps", "relative_step", "exclude_layers", "exclude_embeddings",
          "adam_weight_decay"}  # fmt: skip
RENAMED = {"l1_regularization_strength": "l1", "l2_regularization_strength": "l2",
           "l2_shrinkage_regularization_strength": "l2_shrinkage"}  # fmt: skip
#: The rule of a word, where that is not its name, and what a rule refers to.
RULES = {words.AdamW: "adam", words.ScheduleFreeAdamW: "schedule_free_adamw"}
NEEDS = {words.Adafactor: ("laid_out",), words.Muon: ("laid_out", "orthogonal")}


class Updates:
    """The parts of a script that change weights."""

    def __init__(self, graph: Graph, plain: Plain, parameters: Parameters) -> None:
        self.graph, self.plain, self.parameters = graph, plain, parameters
        self.training = graph.spec.training
        self.word: Any = self.training.optimizer
        self.pieces: list[str] = []  # the text of what is taken along from `rules`
        self.extra: list[str] = []  # further functions, such as a callback's schedule
        self.accumulates: int | None = self.word.gradient_accumulation_steps

    def piece(self, name: str) -> str:
        """A class or function of `rules`, taken along."""
        text = source_of(name)
        if text not in self.pieces:
            self.pieces.append(text)
        return name

    # -- the optimizer ----------------------------------------------------------------------

    @property
    def changes_rate(self) -> bool:
        """Whether the rate is another one later on."""
        kinds = {type(one).__name__ for one in self.training.callbacks}
        scheduled = isinstance(self.word.learning_rate, Schedule)
        return scheduled or bool(kinds & {"ReduceLROnPlateau", "LearningRateScheduler"})

    def optimizer(self, model: str) -> str:
        """The function that makes the optimizer."""
        lines = [f"def make_optimizer(model: {model}) -> torch.optim.Optimizer:"]
        lines += [f'    """{self.told()}"""', *(f"    {one}" for one in self.made())]
        return "\n".join(lines)

    def told(self) -> str:
        name = type(self.word).__name__
        own = "" if self.own is None else ", of torch" if self.own.startswith("torch") else ""
        return f"{name}{own}, over the weights that are trained."

    @property
    def own(self) -> str | None:
        """Torch's own optimizer, where its numbers are the same."""
        word = self.word
        if word.weight_decay or self.training.precision == "float16":
            return None
        steady = not self.changes_rate
        if isinstance(word, words.SGD) and (not word.momentum or steady):
            more = f", momentum={word.momentum}, nesterov={word.nesterov}" if word.momentum else ""
            return f"torch.optim.SGD(weights, lr={{rate}}{more})"
        if isinstance(word, words.Adadelta):
            return f"torch.optim.Adadelta(weights, lr={{rate}}, rho={word.rho}, eps={word.epsilon})"
        return None

    def made(self) -> list[str]:
        word, name = self.word, type(self.word).__name__
        trained = "weights = [p for p in model.parameters() if p.requires_grad]"
        rate = (
            "LEARNING_RATE" if not isinstance(word.learning_rate, Schedule) else "learning_rate(0)"
        )
        if self.own is not None:
            return [trained, f"return {self.own.format(rate=rate)}"]
        self.piece("Optimizer")
        for needed in NEEDS.get(type(word), ()):
            self.piece(needed)
        name = self.piece(RULES.get(type(word), name.lower()))
        given = [f"lr={rate}"]
        if word.weight_decay:
            given.append(f"weight_decay={word.weight_decay}")
        given += [
            f"{RENAMED.get(key, key)}={word.__dict__[key]!r}"
            for key in word.arguments
            if key not in COMMON
        ]
        lines = [trained]
        if isinstance(word, words.Adafactor):
            lines = self.layouts()
        if isinstance(word, words.Muon):
            lines = self.matrices()
            given = [one for one in given if not one.startswith("weight_decay")]
        return [*lines, "return Optimizer(", *wrapped([name, "weights", *given]), ")"]

    def layouts(self) -> list[str]:
        """Groups for weights that PyTorch keeps with other axes."""
        lines = ["weights = ["]
        for one in self.parameters.trained:
            more = "" if one.same else f', "order": {one.order}, "shape": {one.shape}'
            lines.append(f'    {{"params": [{one.access}]{more}}},')
        return [*lines, "]"]

    def matrices(self) -> list[str]:
        """Muon's groups: matrices, those that PyTorch keeps otherwise, and what AdamW moves."""
        word, lines = self.word, ["weights = ["]
        matrices = [one for one in self.parameters.trained if self.is_matrix(one)]
        plain = [one for one in matrices if one.turned == one.shape]
        others = [one for one in self.parameters.trained if one not in matrices]
        for held, decay in ((plain, word.weight_decay), (others, word.adam_weight_decay)):
            if held:
                lines += [
                    "    {",
                    '        "params": [',
                    *(f"            {p.access}," for p in held),
                ]
                lines += ["        ],", f'        "matrices": {held is plain},',
                          f'        "weight_decay": {decay or 0.0},', "    },"]  # fmt: skip
        for one in matrices:
            if one not in plain:
                lines += [f'    {{"params": [{one.access}], "matrices": True, '
                          f'"weight_decay": {word.weight_decay or 0.0},',
                          f'     "order": {one.order}, "shape": {one.shape}}},']  # fmt: skip
        return [*lines, "]"]

    def is_matrix(self, one: Parameter) -> bool:
        place = torch.empty(one.shape, device="meta")
        (velocity,) = engine_rules.squared_where_adam(self.word, [place], [one.weight])
        return velocity.shape != place.shape

    def averages(self) -> str:
        """What keeps the moving averages, as an expression."""
        word, every = self.word, self.word.ema_overwrite_frequency
        trained = "(p for p in model.parameters() if p.requires_grad)"
        return f"{self.piece('Averages')}({trained}, {word.ema_momentum}, {every})"

    # -- the rate ---------------------------------------------------------------------------

    def rate(self) -> str:
        """The function of the learning rate, empty where that is a number."""
        word = self.word.learning_rate
        return self.scheduled(word, "learning_rate") if isinstance(word, Schedule) else ""

    def scheduled(self, word: Any, name: str) -> str:
        """A schedule as a function of that name."""
        if isinstance(word, Warmup):
            after = word.schedule
            if isinstance(after, Schedule):
                first = f"{self.scheduled(after, 'after_warmup')}\n\n\n"
                then, start = f"after_warmup(step - {word.steps})", "after_warmup(0)"
            else:
                first, then, start = "", repr(after), repr(after)
            low = word.initial_learning_rate
            return (
                f"{first}def {name}(step: int) -> float:\n"
                f'    """A straight line up to the schedule\'s first rate, and then that."""\n'
                f"    if step >= {word.steps}:\n        return {then}\n"
                f"    return {low} + ({start} - {low}) * step / {word.steps}"
            )
        own = self.plain.take(schedules.RATES[type(word)], word, name)
        return self.plain.texts.pop(own)

    # -- after the gradients ----------------------------------------------------------------

    def clipping(self) -> list[str]:
        """The lines that make gradients smaller, in the engine's order."""
        word, lines = self.word, []
        if self.training.clip_norm is not None:
            self.piece("clip_together")
            lines.append(f"clip_together(model.parameters(), {self.training.clip_norm})")
        if word.clipvalue is not None:
            lines.append(f"torch.nn.utils.clip_grad_value_(model.parameters(), {word.clipvalue})")
        if word.clipnorm is not None:
            self.piece("clip_each")
            lines.append(f"clip_each(model.parameters(), {word.clipnorm})")
        if word.global_clipnorm is not None:
            self.piece("clip_together")
            lines.append(f"clip_together(model.parameters(), {word.global_clipnorm})")
        return lines

    def constraints(self, model: str) -> str:
        """The function that brings weights back to where they may be; empty where all may."""
        lines = []
        for owner in self.graph.owners.values():
            for weight in owner.weights:
                if weight.constraint is None or not owner.trainable:
                    continue
                for one in self.parameters.of(owner.name(weight)):
                    lines += [
                        f"    w = {one.laid_out}",
                        f"    w.copy_({self.projected(weight.constraint)})",
                    ]
        if not lines:
            return ""
        return "\n".join([
            "@torch.no_grad()", f"def constrain(model: {model}) -> None:",
            '    """Bring weights back to what they are allowed to be."""', *lines,
        ])  # fmt: skip

    def projected(self, word: Any) -> str:
        if isinstance(word, limits.NonNeg):
            return "w.clamp(min=0)"
        if isinstance(word, limits.UnitNorm):
            norms = self.plain.take(constraints.norms)
            return f"w / ({constraints.EPSILON} + {norms}(w, {word.axis}))"
        return f"{self.plain.take(constraints.PROJECTIONS[type(word)], word)}(w)"


def source_of(name: str) -> str:
    """The text of a class or function of `rules` or `taken`."""
    text = inspect.getsource((vars(rules) | vars(taken))[name]).rstrip()
    text = text.replace("memory: Memory, group: Settings", "memory: dict, group: dict")
    text = text.replace("group: Settings", "group: dict")
    return text.replace("  # fmt: skip", "").replace("  # type: ignore[override]", "")


def wrapped(given: list[str]) -> list[str]:
    """Arguments, one a line where they are long."""
    if len(", ".join(given)) < 84:
        return [f"    {', '.join(given)}"]
    return [f"    {one}," for one in given]
