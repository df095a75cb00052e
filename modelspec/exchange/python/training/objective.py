"""What a script makes small and what it measures: losses, penalties and metrics as functions."""

from __future__ import annotations

from typing import Any

from modelspec.catalog import distances, losses, regularizers
from modelspec.catalog.losses import Loss
from modelspec.catalog.words import snake
from modelspec.engine import crossentropies, objective, probabilistic
from modelspec.engine import losses as engine
from modelspec.engine import metrics as counting
from modelspec.engine import regularizers as penalizing
from modelspec.engine.crossentropies import LOGITS
from modelspec.engine.distances import hinge_margin
from modelspec.engine.losses import ELEMENTWISE, SPARSE
from modelspec.exchange.python.training.lines import broken
from modelspec.exchange.python.training.parameters import Parameters
from modelspec.exchange.python.training.plain import Plain
from modelspec.exchange.python.writer import identifier
from modelspec.model.graph import Graph, Head

#: Losses of a line: the values, before the mean over the last axis.
WRITTEN: dict[type[Loss], str] = {
    distances.MeanSquaredError: "(output - target).square()",
    distances.MeanAbsoluteError: "(output - target).abs()",
    distances.Huber: 'F.huber_loss(output, target, reduction="none", delta={delta})',
    distances.Hinge: "{margin}(target, output)",
    distances.SquaredHinge: "{margin}(target, output).square()",
}


class Objective:
    """The functions of all outputs' losses and metrics, and of the penalties."""

    def __init__(
        self, graph: Graph, plain: Plain, undone: dict[str, str], parameters: Parameters
    ) -> None:
        self.graph, self.plain, self.undone, self.parameters = graph, plain, undone, parameters
        self.heads = [head for head in graph.heads.values() if head.losses]
        self.weighted = False  # whether the data holds sample weights
        self.half = graph.spec.training.precision != "float32"

    # -- losses -----------------------------------------------------------------------------

    def losses(self, weights: set[str]) -> list[str]:
        """A function for each output's loss; `weights` are the sample weights that there are."""
        return [
            self.loss(
                head, at, word, bool(weights & {"sample_weight", f"{head.name}.sample_weight"})
            )
            for head in self.heads
            for at, word in enumerate(head.losses)
        ]

    def name(self, head: Head, at: int) -> str:
        number = f"_{at + 1}" if len(head.losses) > 1 else ""
        return identifier(f"{head.name}_loss{number}")

    def loss(self, head: Head, at: int, word: Loss, weighted: bool) -> str:
        weighed = weighted or head.class_weight is not None
        lines = [f'"""{spelled(word)}, as Keras has it."""', *self.casts(head, word)]
        if self.half:
            lines.append("output = output.float()")
        lines += self.fitted(head, word)
        counts = word.__dict__.get("ignore_class")
        if counts is not None:
            lines += [f"counts = target != {counts}", "target = torch.where(counts, target, 0)"]
        lines.append(f"values = {self.values(head, word)}")
        if type(word) in ELEMENTWISE:
            lines[-1] = f"values = ({lines[-1].removeprefix('values = ')}).mean({axis(word)})"
        if isinstance(word, distances.Circle):
            lines.append("counts = values > 0")
            counts = True
        lines.append(self.reduced(word, weighed, counts is not None))
        given = ", weight: Tensor | None = None" if weighed else ""
        head_line = f"def {self.name(head, at)}(target: Tensor, output: Tensor{given}) -> Tensor:"
        return "\n".join([head_line, *(piece for line in lines for piece in broken(f"    {line}"))])

    def casts(self, head: Head, word: Loss) -> list[str]:
        if type(word) in SPARSE or isinstance(word, losses.CTC | distances.Circle):
            return ["target = target.long()"]
        return []

    def fitted(self, head: Head, word: Loss) -> list[str]:
        """Target and output with as many axes, as Keras squeezes them."""
        output = self.graph.program.tensors[head.tensor].shape or ()
        ranks = len(head.target_shape) + 1, len(output) + 1
        if type(word) in SPARSE:
            last = axis(word)
            lines = [f"target = target.squeeze({last})"] if ranks[0] == ranks[1] else []
            if last not in (-1, ranks[1] - 1):
                lines.append(f"output = output.movedim({last}, -1)")
            return lines
        if isinstance(word, losses.CTC | distances.Circle) or ranks[0] == ranks[1] > 1:
            return []
        if ranks[1] == 1 or (ranks == (1, 2) and output[-1] == 1):
            return ["target, output = target.reshape(-1, 1), output.reshape(-1, 1)"]
        if ranks[1] == ranks[0] + 1 and output[-1] == 1:
            return ["output = output.squeeze(-1)"]
        if ranks[0] == ranks[1] + 1 and head.target_shape[-1] == 1:
            return ["target = target.squeeze(-1)"]
        return []

    def values(self, head: Head, word: Any) -> str:
        """The loss's values, as an expression of `target` and `output`."""
        kind = type(word)
        if kind in WRITTEN:
            margin = self.plain.take(hinge_margin) if "margin" in WRITTEN[kind] else ""
            return WRITTEN[kind].format(margin=margin, delta=word.__dict__.get("delta"))
        if kind is losses.Tversky:
            made = self.plain.take(crossentropies.tversky)
            return f"{made}(target, output, {word.axis}, {word.alpha}, {word.beta})"
        from_logits = kind in LOGITS and (head.name in self.undone or word.from_logits)
        function = LOGITS[kind] if from_logits else engine.LOSSES[kind]
        return (
            f"{self.plain.take(function, word, snake(kind.__name__), how='none')}(target, output)"
        )

    def reduced(self, word: Loss, weighed: bool, counted: bool) -> str:
        if not weighed and not counted:
            return "return values.sum()" if word.reduction == "sum" else "return values.mean()"
        parts = {"sample_weight": weighed, "mask": counted}
        known: dict[str, Any] = {name: None for name, there in parts.items() if not there}
        made = self.plain.take(engine.reduce, word, "reduced", **known)
        given = [one for one, there in (("weight", weighed), ("counts", counted)) if there]
        return f"return {made}(values, {', '.join(given)})"

    # -- all together -----------------------------------------------------------------------

    def total(self, weights: set[str]) -> list[str]:
        """The lines that make `loss`, and `losses` of each output where there are several."""
        lines, terms = [], []
        for head in self.heads:
            target, output = f"batch[{head.name!r}]", f"outputs[{head.name!r}]"
            given = [target, output]
            weight = self.weight(head, weights)
            if weight:
                given.append(weight)
            calls = [f"{self.name(head, at)}({', '.join(given)})" for at in range(len(head.losses))]
            weighed = [
                call if factor == 1.0 else f"{factor} * {call}"
                for call, factor in zip(calls, head.loss_weights, strict=True)
            ]
            if len(self.heads) == 1:
                terms += weighed
                continue
            key = f"losses[{head.name + '_loss'!r}]"
            one = len(calls) == 1
            lines.append(f"{key} = {calls[0] if one else ' + '.join(weighed)}")
            factor = head.loss_weights[0]
            terms.append(key if not one or factor == 1.0 else f"{factor} * {key}")
        terms += ["penalties(model)"] if self.penalized() else []
        return [*lines, f'losses["loss"] = {" + ".join(terms)}']

    def weight(self, head: Head, weights: set[str]) -> str:
        """What weighs an output's samples, as an expression of the batch."""
        own = f"{head.name}.sample_weight"
        name = own if own in weights else "sample_weight" if "sample_weight" in weights else None
        text = "" if name is None else f"batch[{name!r}]"
        if head.class_weight is None:
            return text
        known: dict[str, Any] = {} if text else {"weight": None}
        by_class = self.plain.take(objective.by_class, **known)
        given = ", ".join(filter(None, [str(head.class_weight), f"batch[{head.name!r}]", text]))
        return f"{by_class}({given}) if model.training else {text or None}"

    def penalized(self) -> list[tuple[str, Any]]:
        """The trained weights with a regularizer, by name."""
        return [
            (owner.name(weight), weight.regularizer)
            for owner in self.graph.owners.values()
            if owner.trainable
            for weight in owner.weights
            if weight.regularizer is not None
        ]

    def penalties(self, model: str) -> str:
        """The function of all penalties, empty where there are none."""
        terms = []
        for name, word in self.penalized():
            for one in self.parameters.of(name):
                terms += self.penalty(word, one.access, one.laid_out)
        if not terms:
            return ""
        lines = "\n".join(f"        {'+ ' if at else ''}{term}" for at, term in enumerate(terms))
        return (
            f"def penalties(model: {model}) -> Tensor:\n"
            f'    """What the sizes of weights cost."""\n    return (\n{lines}\n    )'
        )

    def penalty(self, word: Any, access: str, laid_out: str) -> list[str]:
        if isinstance(word, regularizers.OrthogonalRegularizer):
            return [f"{self.plain.take(penalizing.orthogonal, word)}({laid_out})"]
        l1, l2 = word.__dict__.get("l1"), word.__dict__.get("l2")
        made = [f"{l1} * {access}.abs().sum()"] if l1 else []
        return made + ([f"{l2} * {access}.square().sum()"] if l2 else [])

    # -- metrics ----------------------------------------------------------------------------

    def metrics(self) -> list[Metric]:
        several = len(self.graph.heads) > 1
        return [
            Metric(self.plain, head, word, f"{head.name}_{name}" if several else name,
                   self.graph.program.tensors[head.tensor].shape or ())
            for head in self.graph.heads.values()
            for word, name in zip(head.metrics, head.metric_names, strict=True)
        ]  # fmt: skip


class Metric:
    """One metric: a mean over samples of `values`, or a state that `counts` adds to."""

    def __init__(self, plain: Plain, head: Head, word: Any, key: str, shape: Any) -> None:
        self.head, self.word, self.key = head, word, key
        kind, name = type(word), snake(type(word).__name__)
        self.target, self.output = f"batch[{head.name!r}]", f"outputs[{head.name!r}]"
        self.state: dict[str, Any] = {}
        if kind in counting.VALUES:
            self.values = self.mean_of(plain, kind, name)
            return
        self.state = word.state(shape)
        self.counts = plain.take(counting.COUNTS[kind], word, f"{name}_counts", weight=None)
        if kind.__name__ == "Sum":
            self.result = ""
        else:
            self.result = plain.take(counting.RESULTS[kind], word, f"{name}_result")

    def mean_of(self, plain: Plain, kind: Any, name: str) -> str:
        """The values of each sample, as an expression."""
        if kind.__name__ == "Mean":
            return f"{self.output}.float()"
        if kind in probabilistic.LOSSES:
            made = as_loss(plain, self.word, name)
        else:
            made = plain.take(counting.VALUES[kind], self.word, name)
        return f"{made}({self.target}, {self.output})"

    @property
    def is_root(self) -> bool:
        return type(self.word).__name__ == "RootMeanSquaredError"


def as_loss(plain: Plain, word: Any, name: str) -> str:
    """The name of a function that gives the loss which a metric shows."""
    cls = probabilistic.LOSSES[type(word)]
    defaults = {key: kind.default for key, kind in cls.arguments.items()}
    loss = cls.of(defaults | {key: word.__dict__[key] for key in word.arguments})
    rank = plain.take(engine.same_rank)
    lines = ["def {own}(target: Tensor, output: Tensor) -> Tensor:"]
    if cls in SPARSE:
        lines += [
            "    target = target.long()",
            "    target = target.squeeze(-1) if target.ndim == output.ndim else target",
        ]
        if axis(loss) != -1:
            lines.append(f"    output = output.movedim({axis(loss)}, -1)")
    else:
        lines.append(f"    target, output = {rank}(target.to(output.dtype), output)")
    ignored = loss.__dict__.get("ignore_class")
    if ignored is not None:
        lines += [
            f"    counts = target != {ignored}",
            "    target = torch.where(counts, target, 0)",
        ]
    helper = Objective.__new__(Objective)
    helper.plain, helper.undone = plain, {}
    values = helper.values(Head("", 0, None), loss)  # type: ignore[arg-type]
    if cls in ELEMENTWISE:
        values = f"({values}).mean({axis(loss)})"
    if ignored is not None:
        values = f"torch.where(counts, {values}, 0)"
    if cls is distances.CosineSimilarity:
        values = f"-{values}"
    lines.append(f"    return {values}")
    return plain.add(f"{name}_metric", lambda own: "\n".join(lines).format(own=own))


def axis(word: Any) -> Any:
    return word.__dict__.get("axis", -1)


def spelled(word: Any) -> str:
    """A word's name as a person says it: `Sparse categorical crossentropy`."""
    return snake(type(word).__name__).replace("_", " ").capitalize()
