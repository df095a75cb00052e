"""A spec, as `resolve` makes it: names bound, blocks expanded, defaults filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelspec.language.layer import Layer
from modelspec.language.shapes import Dim
from modelspec.language.word import Word

if TYPE_CHECKING:
    from modelspec.catalog.losses import Loss
    from modelspec.catalog.metrics import Metric
    from modelspec.model.scope import Scope
    from modelspec.source.diagnostics import Diagnostic
    from modelspec.source.text import Span


class Input:
    """A tensor that comes from outside: `shape` without the batch (None: any rank)."""

    __slots__ = ("allow", "batch_size", "batch_span", "dtype", "name", "shape", "span")

    def __init__(self, name: str, shape: tuple[Dim, ...] | None, dtype: str | None, span: Span):
        self.name, self.shape, self.dtype, self.span = name, shape, dtype, span
        self.batch_size: int | None = None  # how many samples it has, where it says so
        self.batch_span: Span | None = None
        self.allow: tuple[str, ...] = ()


class Definition:
    """A layer or a graph that owns weights; it may be called any number of times.

    `path` is its place, `vqa.vision_model.conv2d`, and the first part of its weights' names.
    Exactly one of `layer` and `body` is set; neither where an error was reported.
    """

    __slots__ = (
        "allow", "block", "body", "depth", "dtype", "file", "layer", "name", "parent", "part",
        "path", "span", "trainable", "weights", "weights_span",
    )  # fmt: skip

    def __init__(self, path: str, name: str, span: Span, parent: Definition | None = None) -> None:
        self.path, self.name, self.span, self.parent = path, name, span, parent
        self.depth: int = 0 if parent is None else parent.depth + 1  # how many it stands inside
        self.layer: Layer | None = None
        self.body: Body | None = None
        self.block: str | None = None  # the block that it was made from
        self.file: str | None = None  # the file that it was read from
        self.part: Definition | None = None  # the graph that it is a part of
        self.trainable = True
        self.weights: str | None = None  # a run or a file with trained weights
        self.weights_span: Span | None = None
        self.dtype: str | None = None
        self.allow: tuple[str, ...] = ()

    @property
    def frozen(self) -> bool:
        """Whether it, or a graph that it belongs to, says `trainable: false`."""
        at: Definition | None = self
        while at is not None:
            if not at.trainable:
                return True
            at = at.parent
        return False

    @property
    def inside(self) -> Definition | None:
        """What a wrapper calls in its place."""
        return vars(self.layer)["layer"] if getattr(self.layer, "wraps", False) else None

    @property
    def height(self) -> int:
        """How many graphs and wrappers stand in each other in it: 0 for a plain layer."""
        if self.body is not None:
            return self.body.height
        return 0 if self.inside is None else self.inside.height + 1

    @property
    def steps(self) -> int:
        """How many layers one call of it runs."""
        if self.body is not None:
            return self.body.steps
        return 1 if self.inside is None else self.inside.steps + 1

    @property
    def kind(self) -> str:
        """What it is, as summaries name it."""
        if self.layer is not None:
            return self.layer.title()
        return self.block or ("part" if self.part else "graph")

    @property
    def title(self) -> str:
        """How messages call it: a layer by its type, a graph by its name."""
        return self.kind if self.layer is not None or self.block else self.name or self.kind


class Call:
    """One call of a definition: an entry of `layers`."""

    __slots__ = ("allow", "arguments", "definition", "from_span", "layer", "name", "node", "span")

    def __init__(self, name: str, definition: Definition, span: Span) -> None:
        self.name, self.definition, self.span = name, definition, span
        #: The definition's layer, with the arguments that this call gives anew.
        self.layer = definition.layer
        #: One a port: a Ref, a list of Refs, or None for an optional one left out.
        self.arguments: list[Ref | list[Ref] | None] = []
        self.from_span: Span | None = None
        self.node = 0  # which call of its definition, within its scope
        self.allow: tuple[str, ...] = ()

    def refs(self) -> list[Ref]:
        """Every tensor that it is called on."""
        found: list[Ref] = []
        for argument in self.arguments:
            if isinstance(argument, list):
                found += argument
            elif argument is not None:
                found.append(argument)
        return found


class Ref:
    """A tensor, by where it comes from: an input, or output `index` of the last call of `chain`.

    A chain of several calls reaches into graphs: `vqa.answer` is the call of `vqa`, then the call
    `answer` inside it.
    """

    __slots__ = ("chain", "index", "input", "span", "text")

    def __init__(self, text: str, span: Span) -> None:
        self.text, self.span = text, span
        self.chain: tuple[Call, ...] = ()
        self.input: Input | None = None
        self.index = 0

    @property
    def origin(self) -> Input | tuple[Call, int]:
        """What tells two tensors of one graph apart."""
        return self.input or (self.chain[0], self.index)

    @property
    def broken(self) -> bool:
        """It names nothing, which has been reported."""
        return not self.chain and self.input is None


class Body:
    """The inside of a graph: inputs, calls in order, outputs by name."""

    __slots__ = ("calls", "height", "inputs", "outputs", "scope", "shared", "steps")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.height, self.steps = 1, 0  # as a definition's, graphs called twice counted twice
        self.inputs: list[Input] = []
        self.shared: list[Definition] = []
        self.calls: list[Call] = []
        self.outputs: dict[str, Ref] = {}

    def add(self, call: Call) -> None:
        """One more call, behind the others."""
        self.calls.append(call)
        self.height = max(self.height, call.definition.height + 1)
        self.steps += call.definition.steps


class Target:
    """What is asked of an output: losses with their weights, metrics, class weights."""

    __slots__ = (
        "allow", "class_weight", "loss_weights", "losses", "metric_names", "metrics", "name",
        "span", "spans",
    )  # fmt: skip

    def __init__(self, name: str, span: Span) -> None:
        self.name, self.span = name, span
        self.losses: list[Loss] = []
        self.loss_weights: list[float] = []
        #: Metrics; the string `accuracy` until the output's shape says which one it is.
        self.metrics: list[Metric | str] = []
        self.metric_names: list[str] = []  # as the history has them: as they are written
        self.class_weight: dict[int, float] | None = None
        self.allow: tuple[str, ...] = ()
        self.spans: dict[str, Span] = {}


class Data:
    """Where samples come from. `validation` is a source, or a share of `train`."""

    __slots__ = ("allow", "fields", "span", "test", "train", "validation", "validation_span")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.train: Word | None = None
        self.validation: Word | float | None = None
        self.validation_span: Span | None = None
        self.test: Word | None = None
        self.fields: dict[str, Any] = {}
        self.allow: tuple[str, ...] = ()


class Spec:
    """A whole spec: the model's body, and what it learns from and how."""

    __slots__ = (
        "body", "data", "faults", "name", "root", "source", "targets", "training", "training_span",
    )  # fmt: skip

    def __init__(self, name: str, root: Definition, body: Body) -> None:
        self.name, self.root, self.body = name, root, body
        self.targets: dict[str, Target] = {}
        self.data: Data | None = None
        self.training: Any = None  # the `train` section (catalog.training.Training)
        self.training_span: Span | None = None
        self.faults: list[Diagnostic] = []  # what resolving found wrong
        self.source = root.span.source.path  # where it was read from
