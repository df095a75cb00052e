"""Layers that learn from the training data before training starts.

Each sees what the steps before it make of `train`, batch by batch, in the order of the graph: a
layer behind another one that learns waits for it. Memory does not grow with the samples (but with
the distinct tokens of a vocabulary).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from modelspec.catalog.layers.categories import Discretization
from modelspec.catalog.layers.lookup import IntegerLookup, StringLookup, Tokens
from modelspec.catalog.layers.preprocessing import Normalization
from modelspec.catalog.layers.text import TextVectorization
from modelspec.engine.carried import begun
from modelspec.engine.data import Samples, batches
from modelspec.engine.learnt import Learnt, State, unadapted
from modelspec.engine.runner import Runner
from modelspec.engine.texts import moved
from modelspec.engine.tokens import cut
from modelspec.model.graph import Graph, Program, Step
from modelspec.model.spec import Definition

Array = NDArray[Any]
MOST = 2**31 - 1
#: Values that are kept before quantiles are read off them.
HELD = 1 << 18


class Adapted(NamedTuple):
    """What was learnt: weights by name, and vocabularies by the paths of their layers."""

    weights: dict[str, Tensor]
    states: dict[str, State]


class Learner(Protocol):
    """Sees the inputs of one layer, batch by batch; `end` gives its weights or its vocabulary."""

    def see(self, x: Any) -> None: ...
    def end(self) -> dict[str, Tensor] | State: ...


def adapt(
    graph: Graph,
    weights: Mapping[str, Tensor],
    states: Mapping[str, State],
    samples: Samples,
    device: torch.device | str = "cpu",
) -> Adapted:
    """Let the layers that know nothing yet learn from samples; `states` are known vocabularies."""
    left = unadapted(graph, weights, states)
    held, kept, new = dict(weights), dict(states), dict[str, Tensor]()
    while left:
        now = first_of(graph, left)
        learners = {path: LEARNERS[type(left[path].layer)](left[path].layer) for path in now}
        show(graph, held, kept, samples, device, learners)
        for path, learner in learners.items():
            found = learner.end()
            if path in graph.owners:
                named = {f"{path}.{name}" if path else name: t for name, t in found.items()}
                new |= {name: value.to(held[name]) for name, value in named.items()}
                held |= new
            else:
                kept[path] = found
            del left[path]
    return Adapted(new, kept)


def first_of(graph: Graph, left: Mapping[str, Definition]) -> list[str]:
    """The layers that wait for no other one."""
    waits = {
        path
        for path in left
        for step in calls(graph, path)
        if any(one.definition.path in left for one in before(graph.program, [step]))
    }
    # Calls of one layer may stand behind each other: then the first calls are what it learns from.
    return [path for path in left if path not in waits] or list(left)[:1]


def calls(graph: Graph, path: str) -> list[Step]:
    return [step for step in graph.program.steps if step.definition.path == path]


def before(program: Program, steps: list[Step]) -> list[Step]:
    """The steps that these depend on, in order."""
    wanted = {id for step in steps for id in step.reads()}
    found: list[Step] = []
    for step in reversed(program.steps):
        if wanted & set(step.outputs):
            wanted |= set(step.reads())
            found.append(step)
    return found[::-1]


def show(
    graph: Graph,
    weights: Mapping[str, Tensor],
    states: Mapping[str, State],
    samples: Samples,
    device: torch.device | str,
    learners: Mapping[str, Learner],
) -> None:
    """Run train through the steps before some layers, and let them see what they are called on."""
    seen = {path: learnable(graph, path, learners) for path in learners}
    part = Program()
    part.tensors, part.inputs = graph.program.tensors, graph.program.inputs
    part.steps = before(graph.program, [step for steps in seen.values() for step in steps])
    runner = Runner(part, graph.owners, learnt=Learnt(states))
    size, held = graph.batch_size, {**weights, **begun(graph, device)}
    with torch.inference_mode():
        for _, batch in batches(samples, size, np.arange(len(samples))):
            outcome = runner(held, moved(batch, device))
            held |= outcome.updates
            values = outcome.values
            for path, steps in seen.items():
                for step in steps:
                    for id in step.reads():
                        learners[path].see(values[id])


def learnable(graph: Graph, path: str, learners: Mapping[str, Learner]) -> list[Step]:
    """The calls of a layer that stand behind none of the layers that are learning."""
    return [
        step
        for step in calls(graph, path)
        if not any(one.definition.path in learners for one in before(graph.program, [step]))
    ]


class Moments:
    """Normalization: running means and variances, merged batch by batch (Chan et al. 1979)."""

    def __init__(self, layer: Normalization) -> None:
        self.layer = layer
        self.samples, self.count = 0, 0
        self.mean: Tensor = torch.zeros(())
        self.variance: Tensor = torch.zeros(())

    def see(self, x: Tensor) -> None:
        kept = [axis + 1 for axis in self.layer.kept(tuple(x.shape[1:]))]
        others = [axis for axis in range(x.ndim) if axis not in kept]
        wide = x.double()
        count = x.numel() // max(1, int(np.prod([x.shape[axis] for axis in kept])))
        if not count:
            return
        mean, variance = wide.mean(others), wide.var(others, correction=0)
        total, delta = self.count + count, mean - self.mean.to(mean)
        share = count / total
        self.variance = (
            self.variance.to(mean) * (1 - share) + variance * share + delta**2 * share * (1 - share)
        )
        self.mean = self.mean.to(mean) + delta * share
        self.count, self.samples = total, self.samples + len(x)

    def end(self) -> dict[str, Tensor]:
        count = torch.tensor(min(self.samples, MOST))
        return {"mean": self.mean, "variance": self.variance, "count": count}


class Quantiles:
    """Discretization: a summary of weighted values whose size is bounded, merged piece by piece.

    Values (first row) stand for as many as their weights (second row) say. It is Keras's, which
    drifts where the pieces are small: so values are kept until there are `HELD`.
    """

    def __init__(self, layer: Discretization) -> None:
        self.layer, self.samples = layer, 0
        self.held: list[Array] = []
        self.summary: Array = np.zeros((2, 0), np.float32)

    def see(self, x: Tensor) -> None:
        self.held.append(x.float().cpu().numpy().reshape(-1))
        self.samples += len(x)
        if sum(map(len, self.held)) >= HELD:
            self.merge()

    def merge(self) -> None:
        """Bring what is held into the summary."""
        piece = spaced(np.concatenate(self.held), self.layer.epsilon)
        whole = np.concatenate([piece, self.summary], axis=1)
        self.summary = compressed(whole[:, np.argsort(whole[0])], self.layer.epsilon)
        self.held = []

    def end(self) -> dict[str, Tensor]:
        if self.held:
            self.merge()
        bins = self.layer.depth
        edges = compressed(self.summary, 1 / bins)[0, :-1][: bins - 1]
        # Fewer values than bins: no value reaches the bins that are left.
        whole = np.full(bins - 1, np.finfo(np.float32).max, np.float32)
        whole[: len(edges)] = edges
        count = torch.tensor(min(self.samples, MOST))
        return {"boundaries": torch.from_numpy(whole), "count": count}


def spaced(values: Array, epsilon: float) -> Array:
    """Values in order, one for each share `epsilon` of them (each one where they are few)."""
    step = max(len(values) * epsilon, 1)
    picked = np.sort(values)[int(step - 1) :: int(step)]
    return np.stack([picked, np.full(len(picked), step, np.float32)])


def compressed(summary: Array, epsilon: float) -> Array:
    """A summary of as many values as there are shares `epsilon`, read off between the old ones."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    sums = summary[1].cumsum()
    values = np.interp(shares, sums / sums[-1], summary[0])
    weights = np.diff(np.interp(shares, sums / sums[-1], sums), prepend=0)
    return np.stack([values, weights]).astype(np.float32)


class Counts:
    """Vocabularies: how often each token comes, and for `tf_idf` in how many samples."""

    def __init__(self, layer: Any) -> None:
        self.layer: Tokens = layer
        self.tokens: Counter[Any] = Counter()
        self.documents: Counter[Any] = Counter()
        self.samples = 0

    def see(self, x: Any) -> None:
        values = x.cpu().numpy() if isinstance(x, Tensor) else x
        rarity = self.layer.output_mode == "tf_idf"
        for tokens in self.listed(values):
            self.tokens.update(tokens)
            if rarity:
                self.documents.update(set(tokens))
        self.samples += len(values)

    def listed(self, values: Array) -> list[list[Any]]:
        """The tokens of each sample."""
        if isinstance(self.layer, TextVectorization):
            return [flat(tokens) for tokens in cut(self.layer, values)]
        return [flat(tokens) for tokens in values.tolist()]

    def end(self) -> State:
        layer = self.layer
        for token in (layer.mask_token, layer.oov_token):
            self.tokens.pop(token, None)
        ranked = sorted(self.tokens, key=lambda token: (self.tokens[token], token), reverse=True)
        if layer.max_tokens is not None:
            ranked = ranked[: max(0, layer.max_tokens - layer.token_start)]
        if layer.output_mode != "tf_idf":
            return {"vocabulary": ranked}
        held = np.array([self.documents[token] for token in ranked], np.float64)
        rarity = np.log(1 + self.samples / (1 + held))
        return {"vocabulary": ranked, "idf_weights": rarity.tolist()}


def flat(tokens: Any) -> list[Any]:
    if not isinstance(tokens, list):
        return [tokens]
    return [one for inner in tokens for one in flat(inner)]


LEARNERS: dict[type, Any] = {
    Normalization: Moments,
    Discretization: Quantiles,
    IntegerLookup: Counts,
    StringLookup: Counts,
    TextVectorization: Counts,
}
