"""What one step of training holds in memory at its fullest, by batch size.

All outputs stay until the step is done. On the way back, the gradients of what was computed last
come first, and with each layer's gradients what it kept for them goes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from modelspec.language.dtypes import BYTES, is_float
from modelspec.language.shapes import size
from modelspec.model.endings import MOVING, kind, named
from modelspec.model.graph import Graph, Owner, Program, Step
from modelspec.model.kept import kept
from modelspec.model.summary import time_steps
from modelspec.source.text import Span

#: Layers whose output is a view of their input, and those whose gradient is handed on as it is.
VIEWS = MOVING
PASSING = (*VIEWS, "Add", "Concatenate")
#: Layers that go back step by step: what they keep goes as fast as gradients come.
LOOPS = ("GRU", "SimpleRNN", "RNN")
#: How often an optimizer's update copies all gradients; the others make one pass over memory.
COPIES = {
    "Adamax": 1, "Lion": 2, "Adadelta": 3, "Adafactor": 3, "Nadam": 3, "Ftrl": 3, "Lamb": 3,
    "Muon": 3, "ScheduleFreeAdamW": 3,
}  # fmt: skip


class Part(NamedTuple):
    """What one layer holds: bytes of a sample, and bytes at any batch size."""

    name: str
    span: Span
    sample: int
    fixed: int


class Moment(NamedTuple):
    """What is held at one moment, beside what is held all the time."""

    sample: int
    fixed: int


class Memory:
    """Bytes of one training step, or where there is nothing to train for, of one prediction.

    `weights`, `gradients` and `state` (the optimizer's) are at any batch size; `batch` is what a
    sample brings, `outputs` what the layers make of it. `open` says that a size is unknown, and
    left out. `parts` are the layers, `at` gives the whole.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, self.training = graph, graph.losses
        self.open = False
        spec: Any = graph.spec.training
        self.narrow = spec is not None and spec.precision in ("bfloat16", "float16")
        weights = graph.weights().values()
        self.weights = sum((size(w.shape) or 0) * BYTES[w.dtype or "float32"] for w in weights)
        self.gradients = 4 * graph.trainable_parameters if self.training else 0
        slots = spec.optimizer.kept() if self.training else ()
        #: Kernels of convolutions, and their gradients, are laid out anew for torch.
        self.copies = sum(
            4 * (size(weight.shape) or 0)
            for owner in graph.owners.values()
            for weight in owner.weights
            if self.training and len(weight.shape) > 2
        )
        self.state = sum(slot_bytes(graph, spec.optimizer, slot) for slot in slots)
        self.batch = self.samples()
        self.parts: list[Part] = []
        self.moments: list[Moment] = [Moment(0, 0)]
        self.outputs = self.walk(graph.program, 1)
        if self.training:
            self.update(spec)

    @property
    def fixed(self) -> int:
        return self.weights + self.copies + self.state

    def at(self, batch_size: int) -> int:
        """All of it, in bytes."""
        held = batch_size * (self.batch + self.outputs)
        fullest = max(m.fixed + batch_size * m.sample for m in self.moments)
        return self.fixed + held + fullest

    def largest(self, room: int) -> int:
        """The largest batch size that fits into so many bytes; 0 where none does."""
        always = self.batch + self.outputs
        return max(
            0,
            min((room - self.fixed - m.fixed) // max(1, always + m.sample) for m in self.moments),
        )

    def samples(self) -> int:
        """The bytes of one sample's inputs and targets."""
        program, graph = self.graph.program, self.graph
        found = [program.tensors[id].bytes for id in program.inputs.values()]
        for head in graph.heads.values() if self.training else ():
            count = size(head.target_shape)
            found.append(None if count is None else count * BYTES[head.target_dtype])
        return sum(map(self.known, found))

    def known(self, count: int | None) -> int:
        if count is None:
            self.open = True
        return count or 0

    def bytes(self, program: Program, id: int) -> int:
        """The bytes of one sample's tensor."""
        tensor = program.tensors[id]
        made = self.known(tensor.bytes)
        inside = tensor.step is not None and tensor.dtype == "float32"
        return made // 2 if self.narrow and inside else made

    # -- the way there and back -------------------------------------------------------------

    def walk(self, program: Program, times: int) -> int:
        """Note the parts and the moments of a program; the bytes of its outputs, a sample."""
        made = 0
        learns = dict.fromkeys(program.inputs.values(), False)
        backward: list[tuple[Step, int, bool]] = []
        keeps = 0
        for step in program.steps:
            own = 0 if views(step) else times * sum(self.bytes(program, id) for id in step.outputs)
            owner = self.graph.owners.get(step.definition.path)
            inner = self.inside(program, step, times)
            trained = bool(owner and owner.trained) or step.body is not None
            grows = trained or any(learns.get(id, False) for id in step.reads())
            learns |= dict.fromkeys(step.outputs, grows)
            more = inner
            if grows and self.training and step.body is None:
                more += times * self.kept(program, step)
            made, keeps = made + own, keeps + more
            fixed = 0 if owner is None or step.node else self.owned(owner)
            self.parts.append(Part(step.name, step.call.span, own + more, fixed))
            backward.append((step, more, grows))
        if self.training:
            self.back(program, backward, learns, keeps, times)
        return made

    def inside(self, program: Program, step: Step, times: int) -> int:
        """What a wrapper's inside makes for all time steps: its gradients need it."""
        if step.body is None:
            return 0
        steps = self.known(time_steps(program, step))
        made = 0
        for inner in step.body.steps:
            # What comes out at the end is the wrapper's own output, in another shape.
            given = [id for id in inner.outputs if id not in step.body.outputs.values()]
            own = sum(self.bytes(step.body, id) for id in given)
            made += own + self.inside(step.body, inner, 1)
            if self.training and inner.body is None:
                made += self.kept(step.body, inner)
        return times * steps * made

    def kept(self, program: Program, step: Step) -> int:
        shapes: list[Any] = [
            [program.tensors[id].shape for id in one] if isinstance(one, list)
            else None if one is None else program.tensors[one].shape
            for one in step.inputs
        ]  # fmt: skip
        output = program.tensors[step.outputs[0]]
        if output.shape is None or not is_float(output.dtype):
            return 0
        return self.known(kept(step.layer, output.shape, shapes)) * (2 if self.narrow else 4)

    def owned(self, owner: Owner) -> int:
        """The bytes of an owner's weights, with gradients and optimizer state."""
        each = 1 + len(self.graph.spec.training.optimizer.kept()) if self.training else 0
        return 4 * (owner.count + each * owner.trained)

    def back(
        self,
        program: Program,
        backward: list[tuple[Step, int, bool]],
        learns: dict[int, bool],
        keeps: int,
        times: int,
    ) -> None:
        """The moments of the way back: what is kept still, and the gradients that wait."""
        waiting: dict[int, int] = {}
        loss = 0
        for head in self.graph.heads.values():
            if head.losses and learns.get(head.tensor):
                waiting[head.tensor] = self.bytes(program, head.tensor)
                loss += waiting[head.tensor]
        held, fixed = keeps + loss + sum(waiting.values()), 0
        self.moments.append(Moment(held, 0))
        seen: set[str] = set()
        for step, more, grows in reversed(backward):
            given = sum(waiting.pop(id, 0) for id in step.outputs)
            if grows and given:
                new = {
                    id: self.bytes(program, id)
                    for id in step.reads()
                    if learns.get(id) and id not in waiting
                }
                fixed += self.of_weights(step, seen)
                if kind(step) in PASSING:
                    waiting |= {id: given // max(1, len(new)) for id in new}
                    held -= more
                    continue
                self.moments.append(Moment(held + self.on_the_way(step, given, new, more), fixed))
                waiting |= new
                held += sum(new.values())
            held -= given + more

    @staticmethod
    def on_the_way(step: Step, given: int, new: dict[int, int], more: int) -> int:
        """What a step's gradients need at their fullest, beside what is held before."""
        if kind(step) in LOOPS:
            return 0
        made = sum(new.values())
        if kind(step) == "BatchNormalization":
            return made + given
        bent = given if named(step) not in (None, "Linear") else 0
        return max(bent, made) + (more // 2 if step.body is not None else 0)

    def of_weights(self, step: Step, seen: set[str]) -> int:
        """The bytes of the gradients that a step brings, each weight's once."""
        found = 0
        steps = [step]
        while steps:
            one = steps.pop()
            owner = self.graph.owners.get(one.definition.path)
            if owner is not None and owner.path not in seen:
                seen.add(owner.path)
                found += 4 * owner.trained
            if one.body is not None:
                steps += one.body.steps
        return found

    def update(self, spec: Any) -> None:
        """The moment of the update: all gradients, and what the rule makes on the way."""
        optimizer = spec.optimizer
        limits = ("clipnorm", "clipvalue", "global_clipnorm")
        clips = spec.clip_norm is not None or any(optimizer.__dict__[one] for one in limits)
        copies = COPIES.get(type(optimizer).__name__, 0) + bool(clips)
        copies += bool(optimizer.__dict__.get("centered"))
        self.moments.append(Moment(0, self.gradients * (1 + copies)))


def views(step: Step) -> bool:
    """Whether a step's output takes no memory of its own."""
    return kind(step) in VIEWS or step.layer.__dict__.get("rate", 1) == 0


def slot_bytes(graph: Graph, optimizer: Any, slot: str) -> int:
    """What an optimizer remembers of all weights under one name; Adafactor of matrices less."""
    rule = type(optimizer).__name__
    if rule == "Muon" and slot == "velocity":
        # A matrix has a momentum alone.
        return sum(
            4 if len(weight.shape) == 2 and "Embedding" not in owner.definition.kind
            else 4 * (size(weight.shape) or 0)
            for owner in graph.owners.values()
            for weight in owner.weights
            if owner.trainable and weight.trainable
        )  # fmt: skip
    if rule != "Adafactor" or slot not in ("row", "column", "velocity"):
        return 4 * graph.trainable_parameters
    found = 0
    for owner in graph.owners.values():
        for weight in owner.weights if owner.trainable else ():
            count = size(weight.shape) or 0
            factored = len(weight.shape) > 1
            if weight.trainable and slot == "velocity":
                found += 4 if factored else 4 * count
            elif weight.trainable and factored:
                at = -1 if slot == "row" else -2
                found += 4 * count // max(1, int(weight.shape[at] or 1))
    return found
