"""Lookups, texts and hashes give what Keras gave on TensorFlow (`tensorflow/record.py`)."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from modelspec.engine import hashing
from modelspec.engine.adapt import LEARNERS
from modelspec.engine.lowering import lowering
from modelspec.engine.vocabulary import Vocabulary, vocabulary_of
from modelspec.language.shapes import Shape
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected
from tests.keras.driver import IN_TENSORFLOW, declared, examples

ANSWERS = json.loads(
    Path(__file__).with_name("tensorflow").joinpath("answers.json").read_text(encoding="utf-8")
)
HASHES = ANSWERS["hashes"]


def named(case: dict[str, Any]) -> str:
    given = {k: v for k, v in case["layer"].items() if k not in ("vocabulary", "idf_weights")}
    return ",".join(str(value) for value in given.values())


def batch(given: Any) -> Any:
    """Texts as an array of strings, numbers as a tensor."""
    array = np.array(given)
    return array.astype(object) if array.dtype.kind == "U" else torch.from_numpy(array)


def known(layer: Any, adapts_to: Any) -> Vocabulary | None:
    """The layer's vocabulary, learnt in two batches where it learns."""
    if not hasattr(layer, "vocabulary"):
        return None
    state = None
    if adapts_to is not None:
        learner = LEARNERS[type(layer)](layer)
        data = batch(adapts_to)
        learner.see(data[:2])
        learner.see(data[2:])
        state = json.loads(json.dumps(learner.end()))
    return vocabulary_of(SimpleNamespace(layer=layer), state)  # type: ignore[arg-type]


def called(layer: Any, vocabulary: Vocabulary | None, x: Any) -> Any:
    function, asks = lowering(type(layer))
    offered = {"vocabulary": vocabulary, "compute": torch.float32}
    return function(layer, SimpleNamespace(), x, **{name: offered[name] for name in asks})


@pytest.mark.parametrize("case", ANSWERS["cases"], ids=named)
def test_a_layer_gives_what_keras_gives_on_tensorflow(case):
    layer = declared(case["layer"])
    vocabulary = known(layer, case["adapts_to"])
    if vocabulary is not None and case["vocabulary"] is not None:
        tokens = vocabulary.tokens
        assert tokens == case["vocabulary"][len(case["vocabulary"]) - len(tokens) :]
    x = batch(case["given"])
    made = called(layer, vocabulary, x)
    wished = np.array(case["gives"])
    if isinstance(made, torch.Tensor):
        np.testing.assert_allclose(made.numpy(), wished, rtol=1e-6)
    else:
        assert made.tolist() == wished.tolist()
    shape = layer.shape(tuple(x.shape[1:]))
    assert len(shape) == wished.ndim - 1
    assert all(d in (None, n) for d, n in zip(shape, wished.shape[1:], strict=True))
    (dtype,) = layer.dtypes("float32", "int64" if isinstance(x, torch.Tensor) else "string")
    own = str(made.dtype).removeprefix("torch.")
    assert own == ("object" if dtype == "string" else dtype)


def test_farmhash_is_tensorflow_s_at_every_length():
    found = [hashing.farmhash64(text.encode()) % 2**62 for text in HASHES["texts"]]
    assert found == HASHES["farmhash"]


def test_siphash_is_tensorflow_s_at_every_length():
    found = [hashing.siphash64(text.encode(), (133, 137)) % 2**62 for text in HASHES["texts"]]
    assert found == HASHES["siphash"]


def test_crossed_hashes_are_tensorflow_s():
    first, second = (np.array(HASHES["texts"][at : at + 20], object) for at in (0, 20))
    numbers = np.array(HASHES["numbers"])
    wished = HASHES["crossed"]
    assert hashing.crossed([first, second], 2**40).tolist() == wished[0]
    assert hashing.crossed([first, numbers], 2**40).tolist() == wished[1]
    assert hashing.crossed([numbers, first, second], 7).tolist() == wished[2]


def test_crossing_gives_a_bin_or_a_vector():
    columns = [batch([["a"], ["b"]]), batch([[1], [2]])]
    plain = {"type": "HashedCrossing", "num_bins": 5}
    bins = called(declared(plain), None, columns)
    vectors = called(declared({**plain, "output_mode": "one_hot"}), None, columns)
    assert bins.shape == (2, 1)
    assert vectors.argmax(-1).tolist() == bins[:, 0].tolist()


@pytest.mark.parametrize(
    ("plain", "x", "argument"),
    [
        ({"type": "StringLookup", "output_mode": "count"}, (3,), "output_mode"),
        ({"type": "StringLookup", "vocabulary": ["a"], "output_mode": "count"}, (), "output_mode"),
        ({"type": "TextVectorization", "output_mode": "tf_idf"}, (), "output_mode"),
        ({"type": "TextVectorization"}, (3,), "split"),
        ({"type": "TextVectorization", "split": None, "ngrams": 2}, (), "ngrams"),
        ({"type": "HashedCrossing", "num_bins": 4}, [(1,)], ""),
        ({"type": "HashedCrossing", "num_bins": 4}, [(1,), ()], ""),
        ({"type": "CategoryEncoding", "num_tokens": 4}, (2, 3), "output_mode"),
        ({"type": "CategoryEncoding", "num_tokens": 4, "output_mode": "one_hot"}, (None,),
         "output_mode"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_go_with_the_arguments_are_refused(
    plain: dict[str, Any], x: Shape, argument: str
) -> None:
    with pytest.raises(Reject) as caught:
        declared(plain).shape(x)
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ({"type": "StringLookup", "vocabulary": []}, "a vocabulary has tokens"),
        ({"type": "StringLookup", "vocabulary": ["a", "b", "a"]}, "`a` twice"),
        ({"type": "StringLookup", "vocabulary": ["a", ""], "mask_token": ""}, "is reserved"),
        ({"type": "StringLookup", "vocabulary": ["a", "[UNK]"], "invert": True}, "is reserved"),
        ({"type": "StringLookup", "vocabulary": ["a", "b"], "max_tokens": 2}, "has 3 tokens"),
        ({"type": "StringLookup", "max_tokens": 1}, "max_tokens"),
        ({"type": "StringLookup", "pad_to_max_tokens": True}, "goes with `max_tokens`"),
        ({"type": "StringLookup", "invert": True, "output_mode": "count"}, "is `int`"),
        ({"type": "StringLookup", "idf_weights": [1.0]}, "for the output mode `tf_idf`"),
        ({"type": "StringLookup", "vocabulary": ["a"], "output_mode": "tf_idf"}, "idf_weights"),
        ({"type": "StringLookup", "vocabulary": "a.txt", "output_mode": "tf_idf"}, "a list"),
        ({"type": "StringLookup", "vocabulary": ["a"], "idf_weights": [1.0, 2.0],
          "output_mode": "tf_idf"}, "2 weights do not fit 1"),
        ({"type": "StringLookup", "sparse": True}, "TensorFlow's alone"),
        ({"type": "IntegerLookup", "salt": 3}, "oov_method: farmhash"),
        ({"type": "IntegerLookup", "vocabulary_dtype": "int32"}, "int64"),
        ({"type": "TextVectorization", "ragged": True}, "TensorFlow's alone"),
        ({"type": "TextVectorization", "output_mode": "count", "output_sequence_length": 3},
         "for the output mode `int`"),
        ({"type": "Hashing", "num_bins": 0}, "num_bins"),
        ({"type": "Hashing", "num_bins": 3, "salt": [1, 2, 3]}, "salt"),
        ({"type": "CategoryEncoding", "num_tokens": 0}, "num_tokens"),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value,
)  # fmt: skip
def test_arguments_that_keras_refuses_are_refused(plain: dict[str, Any], said: str) -> None:
    with pytest.raises(Rejected) as caught:
        declared(plain)
    (fault,) = caught.value.diagnostics
    assert said in fault.message


def test_an_unknown_token_without_a_place_is_an_error_that_names_it():
    layer = declared({"type": "StringLookup", "vocabulary": ["a"], "num_oov_indices": 0})
    with pytest.raises(Rejected) as caught:
        called(layer, known(layer, None), batch(["a", "q"]))
    (fault,) = caught.value.diagnostics
    assert fault.code == "unseen-class"
    assert fault.help == ("`num_oov_indices: 1` gives unknown ones a place",)


def test_an_integer_beyond_the_tokens_is_an_error_that_names_it():
    layer = declared({"type": "CategoryEncoding", "num_tokens": 3})
    with pytest.raises(Rejected, match="below `num_tokens`, 3"):
        lowering(type(layer)).function(
            layer, None, torch.tensor([[1, 7]]), None, compute=torch.float32
        )


def test_vectors_are_as_wide_as_max_tokens_where_the_vocabulary_is_learnt():
    layer = declared({"type": "StringLookup", "max_tokens": 9, "output_mode": "multi_hot"})
    made = called(layer, known(layer, [["a"], ["b"]]), batch([["b"], ["c"]]))
    assert made.tolist() == [[0, 1, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0]]


def test_rare_tokens_weigh_as_in_scikit_learn_but_for_its_formula():
    from sklearn.feature_extraction.text import CountVectorizer

    texts = ["a b a c", "b d", "a a d e", "c"]
    layer = declared({"type": "TextVectorization", "output_mode": "tf_idf", "max_tokens": 6})
    vocabulary = known(layer, texts)
    assert vocabulary is not None
    counted = CountVectorizer(vocabulary=vocabulary.tokens, token_pattern=r"\S+").transform(texts)
    counts = counted.toarray()
    # Keras: log(1 + n / (1 + df)); scikit-learn's smoothed one is 1 + log((1 + n) / (1 + df)).
    rarity = np.log(1 + len(texts) / (1 + (counts > 0).sum(0)))
    made = called(layer, vocabulary, batch(texts))
    np.testing.assert_allclose(made[:, 1:].numpy(), counts * rarity, rtol=1e-6)
    assert not made[:, 0].any()


@pytest.mark.parametrize("example", [e for e in examples() if e.name in IN_TENSORFLOW],
                         ids=lambda e: e.id)  # fmt: skip
def test_an_example_gives_the_shape_and_dtype_that_it_declares(example):
    layer = declared(example.plain)
    shapes = [tuple(w["shape"]) for w in example.inputs.values()]
    kinds = [w["dtype"] for w in example.inputs.values()]
    many = layer.ports()[0].many
    drawn = [
        np.full((3, *shape), "a b", object) if kind == "string"
        else torch.ones((3, *shape), dtype=getattr(torch, kind))
        for shape, kind in zip(shapes, kinds, strict=True)
    ]  # fmt: skip
    x = drawn if many else drawn[0]
    learns = layer.adapts
    vocabulary = known(layer, np.asarray(x).tolist() if learns else None)
    made = called(layer, vocabulary, x)
    wished = layer.shape(shapes if many else shapes[0])
    assert tuple(made.shape[1:]) == wished
    (dtype,) = layer.dtypes("float32", kinds if many else kinds[0])
    assert str(made.dtype).removeprefix("torch.") == ("object" if dtype == "string" else dtype)
