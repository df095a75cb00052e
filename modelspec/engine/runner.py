"""Running a checked graph: its steps in order, over tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelspec.engine.activations import activate
from modelspec.engine.handing import cast, first_mask, gather, place, reads
from modelspec.engine.learnt import Learnt, not_adapted
from modelspec.engine.logits import undone
from modelspec.engine.lowering import Masked, lowering
from modelspec.engine.misfit import misfit
from modelspec.engine.random import Draws
from modelspec.engine.regularizers import penalty
from modelspec.engine.texts import placed_on
from modelspec.language.word import Word
from modelspec.model.graph import Graph, Owner, Program, Step

TORCH = {
    "float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32,
    "float64": torch.float64, "int8": torch.int8, "int16": torch.int16, "int32": torch.int32,
    "int64": torch.int64, "uint8": torch.uint8, "uint16": torch.uint16, "uint32": torch.uint32,
    "bool": torch.bool,
}  # fmt: skip


class Outcome(NamedTuple):
    """What one pass gave: every tensor and its mask by id, state to be set, penalties to add.

    `logits` holds what the last activation of an output was given, where its losses want that.
    """

    values: list[Any]
    masks: list[Tensor | None]
    updates: dict[str, Tensor]
    penalties: list[Tensor]
    logits: dict[int, Tensor]


class Pass:
    """What the steps of one pass share."""

    __slots__ = ("cast", "draws", "logits", "owned", "penalties", "training", "updates", "weights")

    def __init__(
        self, weights: Mapping[str, Tensor], training: bool, draws: Draws, cast: torch.dtype | None
    ) -> None:
        self.weights, self.training, self.draws, self.cast = weights, training, draws, cast
        self.owned: dict[str, SimpleNamespace] = {}
        self.updates: dict[str, Tensor] = {}
        self.penalties: list[Tensor] = []
        self.logits: dict[int, Tensor] = {}

    def penalize(self, word: Word | None, value: Tensor) -> None:
        """Add the penalty on an activity: a mean over the samples, as Keras's."""
        if word is not None:
            self.penalties.append(penalty(word, value) / len(value))


class Prepared:
    """One step with everything about it that no pass changes."""

    __slots__ = (
        "activation", "asks", "body", "compute", "folds", "freezes", "function", "in_order",
        "inputs", "layer", "names", "outputs", "owner", "passes", "path", "penalty",
        "reads_texts", "seed", "vocabulary",
    )  # fmt: skip

    def __init__(self, step: Step, owner: Owner | None, texts: set[int], learnt: Learnt) -> None:
        found = lowering(type(step.layer))
        self.function: Callable[..., Any] = found.function
        self.asks = found.asks
        self.layer, self.inputs, self.outputs = step.layer, step.inputs, step.outputs
        self.path, self.owner = step.definition.path, owner
        self.names = [] if owner is None else names(owner)
        # A definition's own dtype stands; else the precision of the run decides.
        self.compute = TORCH[step.compute] if step.definition.dtype else None
        self.passes = step.layer.masking == "pass"
        self.penalty = getattr(step.layer, "activity_regularizer", None)
        # A frozen layer with statistics uses them, and leaves them alone.
        self.freezes = "update" in found.asks and step.definition.frozen
        self.seed = f"{step.definition.path}#{step.node}#{getattr(step.layer, 'seed', None)}"
        self.reads_texts = not texts.isdisjoint(step.reads())
        self.vocabulary = learnt.vocabulary(step.definition) if "vocabulary" in self.asks else None
        self.body: Runner | None = None
        self.folds, self.in_order = True, owner is not None and bool(owner.carried)
        self.activation: Any = None

    def part_with_activation(self) -> None:
        """Run the layer without its activation, and that after it."""
        self.activation = self.layer.__dict__["activation"]
        self.layer = copy(self.layer)
        self.layer.__dict__["activation"] = None


class Runner:
    """A program made ready to run any number of times."""

    def __init__(
        self,
        program: Program,
        owners: Mapping[str, Owner],
        parted: frozenset[int] = frozenset(),
        learnt: Learnt | None = None,
        graph: Graph | None = None,
    ) -> None:
        """`parted` are the tensors that are also wanted without their last activation; `learnt`
        are the vocabularies of the layers that learn some.
        """
        known = Learnt({}) if learnt is None else learnt
        texts = {one.id for one in program.tensors if one.dtype == "string"}
        self.size, self.graph = len(program.tensors), graph
        self.inputs, self.outputs = program.inputs, program.outputs
        self.each_alone: bool
        self.in_order: bool
        self.steps: list[Prepared] = []
        for step in program.steps:
            ready = Prepared(step, owners.get(step.definition.path), texts, known)
            if step.body is not None:
                ready.body = Runner(step.body, owners, learnt=known)
                ready.folds = ready.body.each_alone
                ready.in_order = ready.body.in_order
            if not parted.isdisjoint(step.outputs):
                ready.part_with_activation()
            self.steps.append(ready)
        #: Whether samples never meet: no statistics over the batch, no draw that they share.
        self.each_alone = not any(
            ready.layer.per_batch or ready.penalty is not None or not ready.folds
            for ready in self.steps
        )
        #: Whether a call goes on from the one before, in inference too.
        self.in_order = any(ready.in_order for ready in self.steps)

    @staticmethod
    def of(graph: Graph, learnt: Learnt | None = None) -> Runner:
        return Runner(graph.program, graph.owners, undone(graph), learnt, graph)

    def __call__(
        self,
        weights: Mapping[str, Tensor],
        inputs: Mapping[str, Tensor],
        *,
        training: bool = False,
        seed: int = 0,
        draws: Draws | None = None,
        cast: torch.dtype | None = None,
    ) -> Outcome:
        """One pass over a batch. `cast` is the dtype that layers compute in (float32 if None);
        random numbers come from `draws`, by default those of `seed`.
        """
        shared = Pass(weights, training, draws or Draws(seed), cast)
        values: list[Any] = [None] * self.size
        for name, id in self.inputs.items():
            values[id] = inputs[name]
        masks: list[Tensor | None] = [None] * self.size
        try:
            self.run(shared, values, masks)
        except (RuntimeError, ValueError) as error:
            raise (misfit(self.graph, inputs) or error) from None
        return Outcome(values, masks, shared.updates, shared.penalties, shared.logits)

    def run(self, shared: Pass, values: list[Any], masks: list[Tensor | None]) -> None:
        for step in self.steps:
            given = [gather(values, one) for one in step.inputs]
            compute = step.compute or shared.cast or torch.float32
            given = [cast(one, compute) for one in given]
            asked: dict[str, Any] = {}
            asks = step.asks
            if asks:
                asked = self.asked(step, shared, values, masks)
                if "compute" in asks:
                    asked["compute"] = compute
            made = step.function(step.layer, self.weights(step, shared, compute), *given, **asked)
            mask: Any = None
            if step.reads_texts:
                made = placed_on(made, shared.weights)
            if step.activation is not None:
                shared.logits[step.outputs[0]] = made
                made = activate(step.activation, made)
            if type(made) is Masked:
                made, mask = made
            elif step.passes:
                mask = first_mask(masks, step.inputs)
            several = made if isinstance(made, tuple) else (made,)
            handed = mask if isinstance(mask, tuple) else (mask,)
            for at, id in enumerate(step.outputs):
                values[id] = several[at]
                if at < len(handed):
                    masks[id] = handed[at]
            if "penalize" not in asks:
                for one in several if step.penalty is not None else ():
                    shared.penalize(step.penalty, one)

    def asked(
        self,
        step: Prepared,
        shared: Pass,
        values: list[Any],
        masks: list[Tensor | None],
    ) -> dict[str, Any]:
        """The keyword arguments that a lowering asks for."""
        asks = step.asks
        given: dict[str, Any] = {}
        if "training" in asks:
            given["training"] = shared.training and not step.freezes
        if "mask" in asks:
            given["mask"] = first_mask(masks, step.inputs[:1])
        if "masks" in asks:
            given["masks"] = [gather(masks, one) for one in step.inputs]
        if "batch" in asks:
            given["batch"] = self.batch(values)
        if "random" in asks:
            ids = reads(step.inputs)
            device = values[ids[0]].device if ids else "cpu"
            # Inference draws nothing, and a generator costs more than a small layer.
            given["random"] = (
                shared.draws.of(step.seed, len(shared.updates), device)
                if shared.training
                else NO_DRAWS
            )
        if "vocabulary" in asks:
            if step.vocabulary is None:
                raise not_adapted({step.path: step.layer})
            given["vocabulary"] = step.vocabulary
        for name in asks & {"update", "carry"}:
            given[name] = Update(step, shared)
        if "penalize" in asks:
            given["penalize"] = shared.penalize
        if "body" in asks:
            given["body"] = Body(step, shared)
        if "folds" in asks:
            given["folds"] = not step.in_order and (step.folds or not shared.training)
        return given

    def batch(self, values: list[Any]) -> Any:
        """Some input, a tensor where there is one: it says how many samples there are."""
        given = [values[id] for id in self.inputs.values()]
        return next((one for one in given if isinstance(one, Tensor)), given[0])

    @staticmethod
    def weights(step: Prepared, shared: Pass, compute: torch.dtype) -> SimpleNamespace:
        """A layer's weights by name, made once a pass; cast where the pass computes narrower."""
        found = shared.owned.get(step.path)
        if found is None:
            found = shared.owned[step.path] = SimpleNamespace()
            for name, full, learns in step.names:
                weight = shared.weights[full]
                if weight.is_floating_point() and weight.dtype != compute and learns:
                    weight = weight.to(compute)
                place(found, name, weight)
        return found


def names(owner: Owner) -> list[tuple[str, str, bool]]:
    """Each weight and state: its own name, its full name, and whether it is trained."""
    held = [(w.name, owner.name(w), w.trainable) for w in owner.weights]
    return held + [(w.name, owner.name(w), False) for w in owner.carried]


class Update:
    """Sets a weight or state that is not trained: at once for this pass, and for good after it."""

    __slots__ = ("shared", "step")

    def __init__(self, step: Prepared, shared: Pass) -> None:
        self.step, self.shared = step, shared

    def __call__(self, name: str, value: Tensor) -> None:
        full = f"{self.step.path}.{name}" if self.step.path else name
        self.shared.updates[full] = value
        place(self.shared.owned[self.step.path], name, value)


class Body:
    """What a wrapper wraps, as a function of one tensor and its mask."""

    __slots__ = ("calls", "shared", "step")

    def __init__(self, step: Prepared, shared: Pass) -> None:
        self.step, self.shared, self.calls = step, shared, 0

    def __call__(self, x: Tensor, mask: Tensor | None = None) -> Any:
        runner = self.step.body
        assert runner is not None
        values: list[Any] = [None] * runner.size
        masks: list[Tensor | None] = [None] * runner.size
        (id,) = runner.inputs.values()
        values[id], masks[id] = x, mask
        # Each call draws for itself: a step of a sequence has noise of its own.
        draws = self.shared.draws
        self.shared.draws = draws.within(self.calls)
        self.calls += 1
        runner.run(self.shared, values, masks)
        self.shared.draws = draws
        made = tuple(values[id] for id in runner.outputs.values())
        return made[0] if len(made) == 1 else made


class NoDraws:
    """What inference hands to layers that draw only in training."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("a layer drew random numbers outside training")


NO_DRAWS: Any = NoDraws()
