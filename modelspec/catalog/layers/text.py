"""Texts as tokens, and tokens as numbers."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.layers.categories import encoded, output_mode
from modelspec.catalog.layers.lookup import Tokens, vocabulary
from modelspec.language.kinds import Bool, Choice, Either, Int, ListOf, Text
from modelspec.language.layer import Reject
from modelspec.language.shapes import Dim, Shape, show


class TextVectorization(Tokens):
    """Texts as places of their words in a vocabulary: 0 is padding, 1 an unknown word.

    The vocabulary is learnt from `train` alone when training starts, and kept with the run, unless
    `vocabulary` gives it.
    """

    accepts = "string"
    standardize = Choice(
        "What is done to a text first.",
        "lower_and_strip_punctuation", "lower", "strip_punctuation",
        default="lower_and_strip_punctuation", null=True,
    )  # fmt: skip
    split = Choice(
        "Where it is cut into tokens: at whitespace, or after every character; null does not cut.",
        "whitespace", "character",
        default="whitespace", null=True,
    )  # fmt: skip
    ngrams: Any = Either(
        "Runs of tokens that become tokens: 2 is single ones and pairs, [2] pairs alone.",
        Int("Up to how many.", min=1),
        ListOf("How many each.", Int("How many.", min=1)),
        default=None,
    )
    output_mode = output_mode("int", "one_hot", "multi_hot", "count", "tf_idf", default="int")
    output_sequence_length: Any = Int(
        "How many tokens of a text come out: longer ones are cut, shorter ones padded with 0.",
        default=None, min=1,
    )  # fmt: skip
    vocabulary = vocabulary(Text("A token."), "tokens")
    ragged = Bool("Keras's ragged tensors, which PyTorch has not: stays false.", default=False)
    encoding = Choice("How texts are encoded in files.", "utf-8", default="utf-8")

    mask_token = ""
    oov_token = "[UNK]"

    @property
    def widths(self) -> list[int]:
        """How many tokens make one, for each kind of run; none where tokens stay as they are."""
        if self.ngrams is None:
            return []
        return self.ngrams if isinstance(self.ngrams, list) else list(range(1, self.ngrams + 1))

    def check(self) -> None:
        if self.ragged:
            raise Reject("ragged", "ragged tensors are TensorFlow's alone",
                         "`output_sequence_length` makes texts equally long")  # fmt: skip
        if self.ngrams == []:
            raise Reject("ngrams", "`ngrams` lists at least one length")
        if self.output_sequence_length is not None and self.output_mode != "int":
            raise Reject("output_sequence_length",
                         "`output_sequence_length` is for the output mode `int`")  # fmt: skip
        super().check()

    def shape(self, x: Shape) -> Shape:
        if self.split is not None and x not in ((), (1,)):
            raise Reject("split", f"a sample is one text where texts are split, not {show(x)}",
                         "`split: null` takes every text as one token")  # fmt: skip
        if self.split is None and not x and (self.widths or self.output_sequence_length):
            argument = "ngrams" if self.widths else "output_sequence_length"
            raise Reject(argument, f"`{argument}` is for several tokens, and `split: null` "
                         "leaves a text whole")  # fmt: skip
        listed = self.listed(x)
        if self.output_mode == "int":
            return listed
        # A text that is left whole is a list of one token.
        return encoded(listed or (1,), self.mode, self.width())

    def listed(self, x: Shape) -> Shape:
        """The shape of the tokens."""
        length: Dim = self.output_sequence_length
        if self.split is not None:
            return (length,)
        if length is not None:
            return (*x[:-1], length)
        if self.widths and x:
            found = [x[-1] - width + 1 if isinstance(x[-1], int) else None for width in self.widths]
            known = [max(0, n) for n in found if n is not None]
            return (*x[:-1], sum(known) if len(known) == len(found) else None)
        return x
