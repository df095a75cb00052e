"""The `train` section, and the fields of `data`: declared like any other word."""

from __future__ import annotations

from typing import Any

from modelspec.language.kinds import Bool, Choice, Float, Int, ListOf, Mismatch, Named, Text
from modelspec.language.values import Reader
from modelspec.language.word import Reject, Word
from modelspec.source.codes import CODES
from modelspec.source.fixes import respelled
from modelspec.source.suggest import did_you_mean
from modelspec.source.tree import Node


class Code(Text):
    """The code of a warning."""

    def value(self, node: Node, reader: Reader, owner: Any) -> str:
        text = super().value(node, reader, owner)
        if text not in CODES:
            help = did_you_mean(text, CODES) or ("`modelspec explain` lists them",)
            fix = respelled(text, node.span, CODES)
            meant = None if fix is None else fix.replacement
            raise Mismatch(f"there is no code `{text}`", node, help, meant)
        return text

    def noun(self) -> str:
        return "the code of a warning"

    def json_schema(self) -> dict[str, Any]:
        return {"enum": list(CODES)}


class Training(Word):
    """How a model is trained."""

    group = "training"
    label = "`train`"
    optimizer = Named("Turns gradients into updates.", "optimizers", default="rmsprop")
    batch_size = Int("Samples a step; the last step of an epoch may have fewer.", default=32, min=1)
    epochs = Int("Passes over the training data.", default=1, min=1)
    seed = Int(
        "Fixes initial weights, the order of the data and all random draws.", default=0, min=0
    )
    shuffle = Bool("Whether each epoch has an order of its own.", default=True)
    precision = Choice(
        "The dtype that layers compute in; weights stay float32.",
        "float32",
        "bfloat16",
        "float16",
        default="float32",
    )
    clip_norm = Float("Largest norm of all gradients together.", default=None, above=0)
    callbacks = ListOf(
        "What happens between epochs.", Named("A callback.", "callbacks"), default=[], single=True
    )
    steps_per_epoch = Int("Ends an epoch early, after so many steps.", default=None, min=1)
    checkpoint_every = Int(
        "Steps between checkpoints, besides the one at the end of each epoch.", default=None, min=1
    )
    allow = ListOf("Warnings that are meant so.", Code("A code."), default=[], single=True)
    compile = Bool(
        "Whether the step is compiled to machine code first (needs a C++ compiler).",
        default=False,
    )

    def check(self) -> None:
        optimizer: Any = self.optimizer
        for callback in self.callbacks:
            name = type(callback).__name__
            if name == "SwapEMAWeights" and not optimizer.use_ema:
                raise Reject(
                    "callbacks",
                    "`SwapEMAWeights` needs an optimizer that keeps averages",
                    f"optimizer: {{type: {type(optimizer).__name__}, use_ema: true}}",
                )
            if name == "LearningRateScheduler" and isinstance(optimizer.learning_rate, Word):
                raise Reject(
                    "callbacks",
                    "`LearningRateScheduler` sets the rate, and so does the optimizer's schedule",
                    "leave out one of the two",
                )


class Field(Word):
    """What feeds one input or output."""

    group = "fields"
    label = "a field"
    column = Text("The column or array that it comes from; its own name by default.", default=None)
    columns = ListOf(
        "Several columns, side by side in one vector.", Text("A column."), default=None
    )
    encode = Named(
        "Turns raw values into numbers; learnt from `train` alone.", "encoders", default=None
    )

    def check(self) -> None:
        column: str | None = self.column
        columns: list[str] | None = self.columns
        if column is not None and columns is not None:
            raise Reject("columns", "a field has `column` or `columns`, not both")
