"""The torch module of a graph: a dict of tensors in, a dict of tensors out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from modelspec.engine import weights as files
from modelspec.engine.carried import begun, refuse_other_size
from modelspec.engine.learnt import Learnt, State
from modelspec.engine.runner import Outcome, Runner
from modelspec.engine.texts import as_texts
from modelspec.model.graph import Graph


class Holder(nn.Module):
    """Holds the weights of one layer or graph under its name."""


class Module(nn.Module):
    """A model as PyTorch knows it. Its parameters and buffers have the names of the weights file:
    `module.state_dict()["vision_model.conv2d.kernel"]`. `pretrained=False` leaves the files that
    the spec's `weights:` name unread, for weights that come from elsewhere.

    Stateful layers go on from call to call, in training and in inference, as Keras's do:
    `reset_states()` lets them begin anew. Their states are no weights and in no file.
    """

    def __init__(
        self,
        graph: Graph,
        seed: int = 0,
        *,
        pretrained: bool = True,
        learnt: Mapping[str, State] | None = None,
    ) -> None:
        """`learnt` are the vocabularies of layers that learn some, by the paths of the layers."""
        super().__init__()
        self.graph = graph
        self.runner = Runner.of(graph, Learnt(learnt or {}))
        trainable = set(files.trainables(graph))
        started = files.fresh(graph, seed)
        if pretrained:
            given = files.trained(graph).items()
            started |= {name: value.to(started[name].dtype) for name, value in given}
        for name, value in started.items():
            holder, last = self.holder(name)
            if name in trainable:
                holder.register_parameter(last, nn.Parameter(value))
            else:
                holder.register_buffer(last, value)
        self.carried = frozenset(begun(graph))
        self.reset_states()
        self.seed, self.passes = seed, 0

    def holder(self, name: str) -> tuple[nn.Module, str]:
        """What holds a tensor of this full name, and the last part of the name."""
        *above, last = name.split(".")
        holder: nn.Module = self
        for part in above:
            # Not as attributes: a layer may be called `forward` or `train`.
            holder = holder._modules.setdefault(part, Holder()) or holder
        return holder, last

    def reset_states(self, batch_size: int | None = None) -> None:
        """Let stateful layers begin anew, from zeros; with batches of the spec's size if None."""
        tensors = self.weights()
        device = next(iter(tensors.values())).device if tensors else "cpu"
        for name, value in begun(self.graph, device, batch_size).items():
            holder, last = self.holder(name)
            holder.register_buffer(last, value, persistent=False)

    def weights(self) -> dict[str, Tensor]:
        """Every weight by its full name."""
        return {name: value for name, value in self.tensors().items() if name not in self.carried}

    def tensors(self) -> dict[str, Tensor]:
        """Every weight, and every state of a stateful layer, by its full name."""
        return {**dict(self.named_parameters()), **dict(self.named_buffers())}

    def outcome(self, inputs: Mapping[str, Any], cast: torch.dtype | None = None) -> Outcome:
        """Every tensor of one pass, by id. Layers compute in `cast`, float32 if None."""
        own = self.tensors()
        device = next(iter(own.values())).device if own else "cpu"
        given: dict[str, Any] = {
            name: as_texts(inputs[name])
            if self.graph.program.tensors[id].dtype == "string"
            else torch.as_tensor(inputs[name], device=device)
            for name, id in self.runner.inputs.items()
        }
        for name in self.carried:
            refuse_other_size(self.graph, len(next(iter(given.values()))), len(own[name]))
        self.passes += self.training
        return self.runner(
            own,
            given,
            training=self.training,
            seed=self.seed + self.passes,
            cast=cast,
        )

    def forward(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        handed: Any = inputs
        named = isinstance(handed, Mapping)
        if not named or any(name not in handed for name in self.runner.inputs):
            wanted = ", ".join(f"`{name}`" for name in self.runner.inputs)
            given = f"this has {', '.join(handed)}" if named else f"this is {type(handed)}"
            raise TypeError(f"the model is called on a dict with {wanted}, and {given}")
        outcome = self.outcome(inputs)
        self.keep(outcome)
        return {name: outcome.values[id] for name, id in self.runner.outputs.items()}

    @torch.no_grad()
    def keep(self, outcome: Outcome) -> None:
        """Take up the statistics and states that a pass left."""
        own = self.tensors()
        for name, value in outcome.updates.items():
            own[name].copy_(value)
