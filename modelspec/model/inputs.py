"""`inputs`: the tensors that come from outside, with shapes and dtypes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelspec.language.dtypes import DTYPES, DTYPES_MEANT
from modelspec.language.kinds import Dims, Int, Mismatch
from modelspec.model.reading import is_null, read_allow, unknown_key
from modelspec.model.scope import Scope
from modelspec.model.spec import Body, Input
from modelspec.source.fixes import respelled
from modelspec.source.suggest import did_you_mean
from modelspec.source.tree import Mapping, Node, Scalar

if TYPE_CHECKING:
    from modelspec.model.resolve import Resolver

SHAPE = Dims("The shape, without the batch.")
BATCH_SIZE = Int("Samples in a batch.", min=1)
KEYS = ("shape", "dtype", "batch_size", "allow")


class Inputs:
    """Reads the inputs of one graph."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver, self.report = resolver, resolver.report

    def read(self, body: Body, node: Node | None, scope: Scope) -> None:
        for entry in self.resolver.entries(node, "inputs", "{image: [28, 28, 1]}"):
            value = scope.params.substitute(entry.value)
            made = self.input(entry.key, value)
            if made.batch_span is not None and scope.outer is not None:
                self.report.error(
                    "wrong-value",
                    "a graph inside takes the batches of the model around it",
                    made.batch_span,
                    "`batch_size` is the model's",
                    help="give it to the inputs of the whole model, or to `train`",
                )
            body.inputs.append(made)
            scope.add(made.name, made, entry.key.span)

    def input(self, key: Scalar, value: Node) -> Input:
        made = Input(key.text, (), "float32", key.span)
        shape: Node | None = value
        if isinstance(value, Mapping):
            for entry in value.entries:
                if entry.key.text not in KEYS:
                    unknown_key(entry, KEYS, self.report, value)
            made.allow = read_allow(value, self.report)
            shape = value.get("shape")
            dtype = value.get("dtype")
            self.batch_size(made, value.get("batch_size"))
            if isinstance(dtype, Scalar) and dtype.value in DTYPES:
                made.dtype = str(dtype.value)
            elif dtype is not None:
                text = dtype.text if isinstance(dtype, Scalar) else ""
                self.report.error(
                    "wrong-value",
                    "an input's `dtype` is one of " + ", ".join(DTYPES),
                    dtype.span,
                    "unknown",
                    help=did_you_mean(DTYPES_MEANT.get(text.lower(), text), DTYPES),
                    fix=respelled(text, dtype.span, DTYPES),
                )
        if shape is None:
            self.report.error("missing-key", "an input has a `shape`", value.span, "no `shape`")
            made.shape = None
            return made
        try:
            made.shape = SHAPE.value(shape, None, None)  # type: ignore[arg-type]
        except Mismatch as wrong:
            made.shape = None
            self.report.error(
                "wrong-value",
                "a shape is a list of sizes, each an integer, null or a word; without the batch",
                wrong.node.span,
                wrong.fact,
                help=wrong.help,
            )
        return made

    def batch_size(self, made: Input, node: Node | None) -> None:
        """Read how many samples a batch has, where the input says so."""
        if node is None or is_null(node):
            return
        made.batch_span = node.span
        try:
            made.batch_size = BATCH_SIZE.value(node, None, None)  # type: ignore[arg-type]
        except Mismatch as wrong:
            self.report.error(
                "wrong-value", f"`batch_size` is {BATCH_SIZE.noun()}", node.span, wrong.fact
            )
