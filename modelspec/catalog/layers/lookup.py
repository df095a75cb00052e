"""Layers that look tokens up in a vocabulary, which is given or learnt from the training data."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.layers.categories import encoded, output_mode, refuse_sparse, salt, sparse
from modelspec.language.kinds import Bool, Choice, Either, Float, Int, ListOf, Path, Text
from modelspec.language.layer import Layer, Port, Reject
from modelspec.language.shapes import Shape


class Tokens(Layer):
    """Looks tokens up in a vocabulary, which is given or learnt from `train`."""

    max_tokens: Any = Int(
        "The most tokens of the vocabulary, those for unknown ones and for masked ones included.",
        default=None, min=2,
    )  # fmt: skip
    pad_to_max_tokens = Bool(
        "Whether vectors are `max_tokens` wide also where the vocabulary is given and smaller. "
        "With one that is learnt, or read from a file, they always are.",
        default=False,
    )
    idf_weights: Any = ListOf(
        "How rare each token of the vocabulary is, for `tf_idf`.", Float("A weight."), default=None
    )
    sparse = sparse()

    vocabulary: Any
    output_mode: Any
    mask_token: Any = None
    oov_token: Any = None
    num_oov_indices: Any = 1
    invert: Any = False
    oov_method: Any = "farmhash"
    salt: Any = None

    @property
    def adapts(self) -> bool:
        return self.vocabulary is None

    @property
    def oov_start(self) -> int:
        """The place of the first unknown token: 0 belongs to masked ones."""
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def token_start(self) -> int:
        """The place of the first token of the vocabulary."""
        return int(self.oov_start + self.num_oov_indices)

    @property
    def reserved(self) -> list[Any]:
        """What stands before the tokens."""
        return [self.mask_token] * self.oov_start + [self.oov_token] * self.num_oov_indices

    def tokens(self, vocabulary: list[Any]) -> list[Any]:
        """A vocabulary without the reserved tokens that it may begin with."""
        start = self.token_start
        return vocabulary[start:] if vocabulary[:start] == self.reserved else vocabulary

    @property
    def depth(self) -> int | None:
        """How wide a vector is; None where that is not known before training."""
        if isinstance(self.vocabulary, list) and not self.pad_to_max_tokens:
            return self.token_start + len(self.tokens(self.vocabulary))
        limit: int | None = self.max_tokens
        return limit

    def check(self) -> None:
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise Reject("pad_to_max_tokens", "`pad_to_max_tokens` goes with `max_tokens`")
        if self.invert and self.output_mode != "int":
            raise Reject("output_mode", "with `invert`, the output mode is `int`")
        refuse_sparse(self)
        self.check_weights()
        if isinstance(self.vocabulary, list):
            self.check_vocabulary(self.vocabulary)

    def check_weights(self) -> None:
        """Whether `idf_weights` stand where they are needed, and there alone."""
        if self.output_mode != "tf_idf":
            if self.idf_weights is not None:
                raise Reject("idf_weights", "`idf_weights` are for the output mode `tf_idf`")
        elif isinstance(self.vocabulary, str):
            raise Reject("vocabulary", "for `tf_idf` the vocabulary is learnt, or a list",
                         "a file holds no `idf_weights`")  # fmt: skip
        elif (self.vocabulary is None) != (self.idf_weights is None):
            lacking = "idf_weights" if self.idf_weights is None else "vocabulary"
            raise Reject(lacking, "for `tf_idf`, `vocabulary` and `idf_weights` are given together,"
                         " or both learnt")  # fmt: skip
        elif self.vocabulary is not None and len(self.vocabulary) != len(self.idf_weights):
            raise Reject("idf_weights", f"{len(self.idf_weights)} weights do not fit "
                         f"{len(self.vocabulary)} tokens")  # fmt: skip

    def check_vocabulary(self, vocabulary: list[Any]) -> None:
        """Whether a vocabulary can be looked up in; the engine asks for those of files."""
        tokens = self.tokens(vocabulary)
        if not tokens:
            raise Reject("vocabulary", "a vocabulary has tokens, and this is empty")
        seen: set[Any] = set()
        for token in tokens:
            if token in seen:
                raise Reject("vocabulary", f"every token stands once, and `{token}` twice")
            seen.add(token)
        reserved = [self.mask_token] + [self.oov_token] * bool(self.invert)
        for token in reserved:
            if token is not None and token in seen:
                raise Reject(
                    "vocabulary",
                    f"`{token}` is reserved, and stands among the tokens",
                    f"leave it out; or begin with {self.reserved}, in that order",
                )
        whole = self.token_start + len(tokens)
        if self.max_tokens is not None and whole > self.max_tokens:
            raise Reject("max_tokens", f"the vocabulary has {whole} tokens, reserved ones included,"
                         f" and `max_tokens` is {self.max_tokens}")  # fmt: skip

    def width(self) -> int:
        """The depth; refuses where it is not known before training."""
        if self.depth is None:
            raise Reject(
                "output_mode",
                f"how wide `{self.output_mode}` is must be known before training",
                "say `max_tokens`, or give the `vocabulary` as a list",
            )
        return self.depth

    def shape(self, x: Shape) -> Shape:
        return x if self.output_mode == "int" else encoded(x, self.mode, self.width())

    @property
    def mode(self) -> str:
        """The shape that the output mode makes: `tf_idf` is a weighed count."""
        return "count" if self.output_mode == "tf_idf" else str(self.output_mode)

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        return ["int64" if self.output_mode == "int" else compute]


def vocabulary(item: Any, what: str) -> Either:
    return Either(
        f"The {what}, most frequent first, or the path of a text file with one a line; "
        "without one, it is learnt from `train` alone when training starts.",
        ListOf("Tokens.", item),
        Path("A text file with a token a line."),
        default=None,
    )


class IntegerLookup(Tokens):
    """Any integers as places in a vocabulary: 0, 1, 2 ..."""

    accepts = "integer"
    num_oov_indices = Int("How many places unknown integers share; with 0 they are an error.",
                          default=1, min=0)  # fmt: skip
    mask_token = Int("The integer that means missing: place 0.", default=None)
    oov_token = Int("What unknown places become with `invert`.", default=-1)
    vocabulary = vocabulary(Int("An integer."), "integers")
    vocabulary_dtype = Choice("The dtype of the integers.", "int64", default="int64")
    invert = Bool("Whether to go back, from places to integers.", default=False)
    output_mode = output_mode("int", "one_hot", "multi_hot", "count", "tf_idf", default="int")
    oov_method = Choice(
        "How unknown integers share several places: modulo, or by a hash.",
        "floormod", "farmhash",
        default="floormod",
    )  # fmt: skip
    salt = salt()

    def check(self) -> None:
        if self.salt is not None and self.oov_method != "farmhash":
            raise Reject("salt", "`salt` goes with `oov_method: farmhash`")
        super().check()


class StringLookup(Tokens):
    """Texts as places in a vocabulary; a whole text is one token."""

    num_oov_indices = Int("How many places unknown texts share; with 0 they are an error.",
                          default=1, min=0)  # fmt: skip
    mask_token = Text("The text that means missing: place 0.", default=None)
    oov_token = Text("What unknown places become with `invert`.", default="[UNK]")
    vocabulary = vocabulary(Text("A text."), "texts")
    invert = Bool("Whether to go back, from places to texts.", default=False)
    output_mode = output_mode("int", "one_hot", "multi_hot", "count", "tf_idf", default="int")
    encoding = Choice("How texts are encoded in files.", "utf-8", default="utf-8")
    salt = salt()

    def ports(self) -> tuple[Port, ...]:
        return (Port("x", "...", "integer" if self.invert else "string"),)

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        return ["string"] if self.invert else super().dtypes(compute, *inputs)
