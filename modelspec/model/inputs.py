"""`inputs`: the tensors that come from outside, with shapes and dtypes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelspec.language.dtypes import DTYPES
from modelspec.language.kinds import Dims, Mismatch
from modelspec.model.reading import read_allow, unknown_key
from modelspec.model.scope import Scope
from modelspec.model.spec import Body, Input
from modelspec.source.fixes import respelled
from modelspec.source.suggest import did_you_mean
from modelspec.source.tree import Mapping, Node, Scalar

if TYPE_CHECKING:
    from modelspec.model.resolve import Resolver

KEYS = ("shape", "dtype", "allow")
SHAPE = Dims("The shape, without the batch.")


class Inputs:
    """Reads the inputs of one graph."""

    def __init__(self, resolver: Resolver) -> None:
        self.resolver, self.report = resolver, resolver.report

    def read(self, body: Body, node: Node | None, scope: Scope) -> None:
        for entry in self.resolver.entries(node, "inputs", "{image: [28, 28, 1]}"):
            value = scope.params.substitute(entry.value)
            made = self.input(entry.key, value)
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
            if isinstance(dtype, Scalar) and dtype.value in DTYPES:
                made.dtype = str(dtype.value)
            elif dtype is not None:
                text = dtype.text if isinstance(dtype, Scalar) else ""
                self.report.error(
                    "wrong-value",
                    "an input's `dtype` is one of " + ", ".join(DTYPES),
                    dtype.span,
                    "unknown",
                    help=did_you_mean(text, DTYPES),
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
