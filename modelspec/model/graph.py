"""The checked graph: steps with shapes, dtypes and weights. What the engine runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelspec.language.dtypes import BYTES
from modelspec.language.layer import Layer, Weight
from modelspec.language.shapes import Shape, size

if TYPE_CHECKING:
    from modelspec.catalog.losses import Loss
    from modelspec.catalog.metrics import Metric
    from modelspec.model.spec import Call, Definition, Spec
    from modelspec.source.diagnostics import Diagnostic
    from modelspec.source.text import Span


class Tensor:
    """One value that flows: `shape` without the batch, None where an error was reported."""

    __slots__ = ("dtype", "id", "name", "shape", "span", "step")

    def __init__(
        self, id: int, name: str, shape: Shape | None, dtype: str, span: Span, step: int | None
    ) -> None:
        self.id, self.name, self.shape, self.dtype = id, name, shape, dtype
        self.span, self.step = span, step

    @property
    def bytes(self) -> int | None:
        """Memory of one sample's value."""
        count = None if self.shape is None else size(self.shape)
        return None if count is None else count * BYTES[self.dtype]


class Step:
    """One call of one layer.

    `inputs` holds tensor ids, one item a port: an id, a list of ids, or None for an absent
    optional one; `outputs` the ids it makes. `body` is what a wrapper runs inside.
    `name` is its path through the graphs it was called in, `vqa.vision_model.conv2d`; the `node`
    says which call of its layer it is.
    """

    __slots__ = (
        "body", "call", "compute", "definition", "flops", "inputs", "layer", "name", "node",
        "outputs",
    )  # fmt: skip

    def __init__(self, name: str, call: Call, definition: Definition, compute: str) -> None:
        layer = call.layer
        assert layer is not None
        self.name, self.call, self.definition, self.compute = name, call, definition, compute
        self.layer: Layer = layer
        self.inputs: list[int | list[int] | None] = []
        self.outputs: list[int] = []
        self.body: Program | None = None
        self.flops: int | None = 0
        self.node = 0

    def reads(self) -> list[int]:
        """The ids of every tensor that it is called on."""
        found: list[int] = []
        for one in self.inputs:
            if isinstance(one, list):
                found += one
            elif one is not None:
                found.append(one)
        return found


class Program:
    """Steps in the order they run, over tensors that they make once each."""

    __slots__ = ("inputs", "outputs", "steps", "tensors")

    def __init__(self) -> None:
        self.tensors: list[Tensor] = []
        self.steps: list[Step] = []
        self.inputs: dict[str, int] = {}
        self.outputs: dict[str, int] = {}

    def tensor(
        self, name: str, shape: Shape | None, dtype: str, span: Span, step: int | None = None
    ) -> Tensor:
        made = Tensor(len(self.tensors), name, shape, dtype, span, step)
        self.tensors.append(made)
        return made


class Owner:
    """The weights of one definition, fixed by its first call; `path` begins their names.

    `carried` are the states that it hands on from batch to batch.
    """

    __slots__ = ("call", "carried", "definition", "path", "shapes", "trainable", "weights")

    def __init__(
        self,
        definition: Definition,
        weights: list[Weight],
        carried: list[Weight],
        call: Call,
        shapes: Any,
    ) -> None:
        self.definition, self.path = definition, definition.path
        self.weights, self.carried = weights, carried
        self.call, self.shapes = call, shapes
        self.trainable = not definition.frozen

    def name(self, weight: Weight) -> str:
        return f"{self.path}.{weight.name}" if self.path else weight.name

    @property
    def count(self) -> int:
        """How many parameters, those that are not trained included."""
        return sum(size(weight.shape) or 0 for weight in self.weights)

    @property
    def trained(self) -> int:
        """How many parameters are trained."""
        kept = [w for w in self.weights if w.trainable and self.trainable]
        return sum(size(weight.shape) or 0 for weight in kept)


class Head:
    """What is asked of one output, with the target that it is held against."""

    __slots__ = (
        "class_weight", "loss_weights", "losses", "metric_names", "metrics", "name", "span",
        "target_dtype", "target_shape", "tensor",
    )  # fmt: skip

    def __init__(self, name: str, tensor: int, span: Span) -> None:
        self.name, self.tensor, self.span = name, tensor, span
        self.losses: list[Loss] = []
        self.loss_weights: list[float] = []
        self.metrics: list[Metric] = []
        self.metric_names: list[str] = []
        self.class_weight: dict[int, float] | None = None
        self.target_shape: Shape = ()
        self.target_dtype = "float32"


class Graph:
    """A checked model. `names` finds any tensor by its path, for `predict --at`."""

    def __init__(self, spec: Spec, program: Program) -> None:
        self.spec, self.program = spec, program
        self.env: Any = None  # what the names of the spec stand for
        self.owners: dict[str, Owner] = {}
        self.heads: dict[str, Head] = {}
        self.warnings: list[Diagnostic] = []
        #: What is wrong with calls, by their paths, and the inside of wrappers that it is in.
        self.faults: dict[str, Diagnostic] = {}
        self.unfinished: dict[str, tuple[Program, Any, Call]] = {}

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def parameters(self) -> int:
        """How many parameters, shared ones counted once."""
        return sum(owner.count for owner in self.owners.values())

    @property
    def trainable_parameters(self) -> int:
        return sum(owner.trained for owner in self.owners.values())

    def weights(self) -> dict[str, Weight]:
        """Every weight by its full name, `vision_model.conv2d.kernel`, in the graph's order."""
        return {
            owner.name(weight): weight for owner in self.owners.values() for weight in owner.weights
        }

    @property
    def stateful(self) -> Owner | None:
        """A layer that goes on from batch to batch, where there is one."""
        return next((owner for owner in self.owners.values() if owner.carried), None)

    @property
    def batch_size(self) -> int:
        """How many samples a batch of training has, and any batch of a stateful layer."""
        size: int = self.spec.training.batch_size
        return size

    def find(self, name: str) -> Tensor:
        """Any tensor by its name: `encoder@1`, `vision_model.conv2d`; raises `Rejected`."""
        from modelspec.source.diagnostics import Rejected
        from modelspec.source.text import Source, Span

        scope = self.spec.body.scope
        place = Span(Source("--at", name), 1, 1, 1, len(name) + 1)
        before = len(scope.report.errors)
        found = self.env.find(scope.tensor(name, place))
        errors = scope.report.errors[before:]
        del scope.report.errors[before:]
        if errors:
            raise Rejected(errors)
        tensor: Tensor = found
        return tensor

    @property
    def losses(self) -> bool:
        """Whether it can be trained: some output has a loss."""
        return any(head.losses for head in self.heads.values())
