"""Vocabularies at work: from tokens to places and back."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelspec.catalog.layers.lookup import IntegerLookup, Tokens
from modelspec.engine.data.wanted import refuse
from modelspec.engine.hashing import Hash
from modelspec.engine.learnt import LEARNT
from modelspec.language.word import Reject
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Unreadable

Array = NDArray[Any]
#: What stands for a token that is masked, where vectors leave those out.
DROPPED = -1


class Vocabulary:
    """The tokens of one layer, each with a place. `tokens` are without the reserved ones, and
    `rarity` has a weight for each of them (or of the reserved ones too) in the mode `tf_idf`.
    """

    def __init__(self, layer: Any, tokens: list[Any], rarity: list[float] | None) -> None:
        self.layer: Tokens = layer
        self.tokens = tokens
        start = layer.token_start
        self.places_of = {token: start + at for at, token in enumerate(tokens)}
        if layer.mask_token is not None:
            self.places_of[layer.mask_token] = 0 if layer.output_mode == "int" else DROPPED
        self.hash = Hash(max(1, layer.num_oov_indices), layer.salt)
        self.rarity = None if rarity is None else self.padded(rarity)

    def padded(self, rarity: list[float]) -> Array:
        """A weight for each place: unknown tokens get the mean, places without a token none."""
        known = np.asarray(rarity, np.float32)
        front = self.layer.token_start if len(rarity) == len(self.tokens) else 0
        mean = known.mean() if len(known) else np.float32(0)
        whole = np.concatenate([np.full(front, mean, np.float32), known])
        depth = self.layer.depth or len(whole)
        return np.pad(whole, (0, max(0, depth - len(whole))))  # (depth,)

    def places(self, values: Array) -> Array:
        """The place of each token, int64; raises Rejected where one has none."""
        known, flat = self.places_of, values.reshape(-1).tolist()
        if self.layer.num_oov_indices == 1:
            shared = self.layer.oov_start
            found = [known.get(token, shared) for token in flat]
        else:
            unknown = self.unknown
            found = [unknown(t) if (place := known.get(t)) is None else place for t in flat]
        return np.array(found, np.int64).reshape(values.shape)

    def unknown(self, token: Any) -> int:
        """The place of a token that is not in the vocabulary, where there is none or several."""
        layer = self.layer
        if layer.num_oov_indices == 0:
            refuse(
                "unseen-class",
                f"{layer.called()} without `num_oov_indices` knows every token",
                layer.__dict__.get("span"),
                f"`{token}` is not in its vocabulary",
                help=["`num_oov_indices: 1` gives unknown ones a place"],
            )
        if layer.oov_method == "floormod":
            return layer.oov_start + int(token) % int(layer.num_oov_indices)
        return layer.oov_start + self.hash.bin(token)

    def named(self, places: Array) -> Array:
        """The token of each place: int64, or texts as objects."""
        layer = self.layer
        listed = {place: token for token, place in self.places_of.items()}
        if layer.mask_token is not None:
            listed[0] = layer.mask_token
        found = [listed.get(place, layer.oov_token) for place in places.reshape(-1).tolist()]
        dtype = np.int64 if isinstance(layer, IntegerLookup) else object
        return np.array(found, dtype).reshape(places.shape)


def vocabulary_of(definition: Definition, state: Mapping[str, Any] | None) -> Vocabulary | None:
    """A layer's vocabulary: learnt before, given, or in a file; None where it has none yet."""
    layer: Any = definition.layer
    if state is not None:
        room = math.inf if layer.max_tokens is None else layer.max_tokens - layer.token_start
        if len(state["vocabulary"]) > max(room, 0):
            raise Unreadable(LEARNT, f"of another model: `{definition.path}` has more tokens than "
                             "`max_tokens`")  # fmt: skip
        return Vocabulary(layer, state["vocabulary"], state.get("idf_weights"))
    if isinstance(layer.vocabulary, list):
        return Vocabulary(layer, layer.tokens(layer.vocabulary), layer.idf_weights)
    if isinstance(layer.vocabulary, str):
        return Vocabulary(layer, from_file(layer), None)
    return None


def from_file(layer: Any) -> list[Any]:
    """The tokens of the file that `vocabulary` names; raises Rejected or Unreadable."""
    span = layer.__dict__.get("spans", {}).get("vocabulary")
    folder = span.source.folder if span is not None else ""
    path = os.path.join(folder, os.path.expanduser(layer.vocabulary))
    try:
        with open(path, encoding="utf-8", newline="\n") as stream:
            lines = [line.rstrip("\n").replace("\r", "") for line in stream]
    except OSError as error:
        raise Unreadable(path, (error.strerror or str(error)).lower()) from None
    except UnicodeDecodeError:
        raise Unreadable(path, "not UTF-8 text") from None
    tokens = integers(lines, path, span) if isinstance(layer, IntegerLookup) else lines
    try:
        layer.check_vocabulary(tokens)
    except Reject as rejected:
        refuse("bad-file", f"{layer.called()}: {rejected.message}", span, "read from this",
               notes=[path], help=[rejected.help])  # fmt: skip
    return tokens


def integers(lines: list[str], path: str, span: Any) -> list[int]:
    for number, line in enumerate(lines, 1):
        try:
            int(line)
        except ValueError:
            refuse("bad-file", "a vocabulary of integers has one a line", span, "read from this",
                   notes=[f"{path}, line {number}: `{line[:40]}`"])  # fmt: skip
    return [int(line) for line in lines]
