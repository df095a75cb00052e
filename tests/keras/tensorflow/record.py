"""What Keras's lookups and hashes answer, written down: they need TensorFlow, the suite does not.

    python -m venv /tmp/tf && /tmp/tf/bin/pip install tensorflow-cpu keras==3.15.1
    /tmp/tf/bin/python tests/keras/tensorflow/record.py

writes `answers.json` beside this file: each case with its layer, what it adapts to, what it is
called on, its vocabulary, and what comes out; and hashes of texts of all lengths.
"""

from __future__ import annotations

import json
import os
import random
import string
import sys
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]

WORDS = ["red", "green", "blue", "red", "", "teal", "green", "red", "Blue", "mauve", "é", "[UNK]"]
TABLE = [["a", "c", "d", "d"], ["d", "z", "b", "z"], ["", "a", "a", "[UNK]"]]
NUMBERS = [[12, 1138, 42, 42], [42, 7, 36, 7], [0, -5, 1000, 12]]
TEXTS = [
    "The quick brown fox, the lazy dog!", "  A  dog's\tlife:\nno more, NO less ", "", "ÉCOLE école",
    "x", "no-one's b.u.s.y. (2024) £5", "a b a b c", "nbsp\u00a0here and\u2003there", "...",
]  # fmt: skip
FEW = ["a b a b c", "b c d", "a", ""]
VOCAB = ["a", "b", "c", "d"]
IDF = [0.25, 0.75, 0.6, 0.4]

#: (layer, what it adapts to or None, what it is called on)
CASES: list[tuple[dict[str, Any], Any, Any]] = [
    ({"type": "StringLookup"}, WORDS, WORDS),
    ({"type": "StringLookup", "max_tokens": 4}, WORDS, WORDS),
    ({"type": "StringLookup", "mask_token": ""}, WORDS, WORDS),
    ({"type": "StringLookup", "mask_token": "", "num_oov_indices": 3, "max_tokens": 6}, WORDS,
     WORDS),
    ({"type": "StringLookup", "vocabulary": VOCAB}, None, TABLE),
    ({"type": "StringLookup", "vocabulary": VOCAB, "num_oov_indices": 2}, None,
     [["a", "c", "d"], ["m", "z", "b"]]),
    ({"type": "StringLookup", "vocabulary": VOCAB, "num_oov_indices": 5, "salt": [1, 2]}, None,
     TABLE),
    ({"type": "StringLookup", "vocabulary": VOCAB, "num_oov_indices": 5, "salt": 9}, None, TABLE),
    ({"type": "StringLookup", "vocabulary": ["", "[UNK]", "a", "b"], "mask_token": ""}, None,
     TABLE),
    ({"type": "StringLookup", "vocabulary": VOCAB, "output_mode": "multi_hot"}, None, TABLE),
    ({"type": "StringLookup", "vocabulary": VOCAB, "output_mode": "count", "mask_token": ""},
     None, TABLE),
    ({"type": "StringLookup", "vocabulary": VOCAB, "output_mode": "count", "max_tokens": 8,
      "pad_to_max_tokens": True}, None, TABLE),
    ({"type": "StringLookup", "vocabulary": VOCAB, "output_mode": "one_hot"}, None,
     ["a", "d", "z"]),
    ({"type": "StringLookup", "vocabulary": VOCAB, "output_mode": "one_hot", "mask_token": ""},
     None, [["a"], [""], ["z"]]),
    ({"type": "StringLookup", "vocabulary": VOCAB, "output_mode": "tf_idf", "idf_weights": IDF},
     None, TABLE),
    ({"type": "StringLookup", "vocabulary": ["[UNK]", *VOCAB], "output_mode": "tf_idf",
      "idf_weights": [0.9, *IDF]}, None, TABLE),
    ({"type": "StringLookup", "output_mode": "tf_idf", "max_tokens": 9, "pad_to_max_tokens": True},
     TABLE, TABLE),
    ({"type": "StringLookup", "output_mode": "tf_idf", "max_tokens": 4, "pad_to_max_tokens": True,
      "mask_token": ""}, TABLE, TABLE),
    ({"type": "StringLookup", "vocabulary": VOCAB, "invert": True}, None, [[1, 3, 4], [4, 0, 9]]),
    ({"type": "StringLookup", "vocabulary": VOCAB, "invert": True, "mask_token": "",
      "oov_token": "?"}, None, [[1, 3, 4], [5, 0, 2]]),
    ({"type": "IntegerLookup"}, NUMBERS, NUMBERS),
    ({"type": "IntegerLookup", "mask_token": 0, "max_tokens": 5}, NUMBERS, NUMBERS),
    ({"type": "IntegerLookup", "vocabulary": [12, 36, 1138, 42], "num_oov_indices": 2}, None,
     NUMBERS),
    ({"type": "IntegerLookup", "vocabulary": [10, 20, 30], "num_oov_indices": 4,
      "oov_method": "farmhash"}, None, [100, 300, 700, 1100, 1700, 2000]),
    ({"type": "IntegerLookup", "vocabulary": [10, 20, 30], "num_oov_indices": 4, "salt": 3,
      "oov_method": "farmhash"}, None, [100, 300, -700, 1100, 1700, 2000]),
    ({"type": "IntegerLookup", "vocabulary": [12, 36, 1138, 42], "num_oov_indices": 0}, None,
     [12, 42, 36]),
    ({"type": "IntegerLookup", "vocabulary": [12, 36, 1138, 42], "output_mode": "multi_hot"}, None,
     NUMBERS),
    ({"type": "IntegerLookup", "vocabulary": [12, 36, 42], "output_mode": "count",
      "mask_token": 7}, None, NUMBERS),
    ({"type": "IntegerLookup", "output_mode": "tf_idf", "max_tokens": 12,
      "pad_to_max_tokens": True}, NUMBERS, NUMBERS),
    ({"type": "IntegerLookup", "vocabulary": [12, 36, 42], "invert": True}, None, [[1, 3, 0]]),
    ({"type": "IntegerLookup", "vocabulary": [12, 36, 42], "invert": True, "mask_token": 5,
      "oov_token": -9}, None, [[0, 1, 2, 4, 7]]),
    ({"type": "TextVectorization"}, TEXTS, TEXTS),
    ({"type": "TextVectorization", "max_tokens": 6, "output_sequence_length": 4}, TEXTS, TEXTS),
    ({"type": "TextVectorization", "output_sequence_length": 12}, TEXTS, [[t] for t in TEXTS]),
    ({"type": "TextVectorization", "standardize": None}, TEXTS, TEXTS),
    ({"type": "TextVectorization", "standardize": "lower"}, TEXTS, TEXTS),
    ({"type": "TextVectorization", "standardize": "strip_punctuation"}, TEXTS, TEXTS),
    ({"type": "TextVectorization", "split": "character"}, TEXTS, TEXTS),
    ({"type": "TextVectorization", "ngrams": 2}, TEXTS, TEXTS),
    ({"type": "TextVectorization", "ngrams": [1, 3]}, TEXTS, TEXTS),
    ({"type": "TextVectorization", "ngrams": [2], "split": "character"}, FEW, FEW),
    ({"type": "TextVectorization", "split": None, "standardize": "lower"}, TABLE, TABLE),
    ({"type": "TextVectorization", "split": None, "standardize": None, "ngrams": 2}, TABLE, TABLE),
    ({"type": "TextVectorization", "split": None, "output_sequence_length": 6}, TABLE, TABLE),
    ({"type": "TextVectorization", "split": None, "output_sequence_length": 2}, TABLE, TABLE),
    ({"type": "TextVectorization", "vocabulary": VOCAB}, None, FEW),
    ({"type": "TextVectorization", "vocabulary": VOCAB, "output_mode": "multi_hot"}, None, FEW),
    ({"type": "TextVectorization", "vocabulary": VOCAB, "output_mode": "count"}, None, FEW),
    ({"type": "TextVectorization", "vocabulary": VOCAB, "output_mode": "count", "max_tokens": 9,
      "pad_to_max_tokens": True, "ngrams": 2}, None, FEW),
    ({"type": "TextVectorization", "vocabulary": VOCAB, "output_mode": "tf_idf",
      "idf_weights": IDF}, None, FEW),
    ({"type": "TextVectorization", "output_mode": "tf_idf", "max_tokens": 20,
      "pad_to_max_tokens": True}, TEXTS, TEXTS),
    ({"type": "TextVectorization", "output_mode": "multi_hot", "max_tokens": 4,
      "pad_to_max_tokens": True}, TEXTS, TEXTS),
    ({"type": "TextVectorization", "split": None, "output_mode": "multi_hot", "max_tokens": 6,
      "pad_to_max_tokens": True}, TABLE, TABLE),
    ({"type": "Hashing", "num_bins": 3}, None, [["A"], ["B"], ["C"], ["D"], ["E"]]),
    ({"type": "Hashing", "num_bins": 3, "mask_value": ""}, None, [["A"], ["B"], [""], ["C"]]),
    ({"type": "Hashing", "num_bins": 3, "salt": [133, 137]}, None, [["A"], ["B"], ["C"], ["D"]]),
    ({"type": "Hashing", "num_bins": 3, "salt": 133}, None, [["A"], ["B"], ["C"], ["D"], ["E"]]),
    ({"type": "Hashing", "num_bins": 7}, None, NUMBERS),
    ({"type": "Hashing", "num_bins": 7, "mask_value": 42, "output_mode": "count"}, None, NUMBERS),
    ({"type": "Hashing", "num_bins": 4, "output_mode": "multi_hot"}, None, TABLE),
    ({"type": "Hashing", "num_bins": 4, "output_mode": "one_hot"}, None, [["A"], ["B"], ["Z"]]),
    ({"type": "Hashing", "num_bins": 1, "mask_value": "A"}, None, [["A"], ["B"]]),
]  # fmt: skip


def answer(plain: dict[str, Any], adapts_to: Any, given: Any) -> dict[str, Any]:
    arguments = {k: tuple(v) if k == "ngrams" and isinstance(v, list) else v
                 for k, v in plain.items() if k != "type"}  # fmt: skip
    layer = getattr(keras.layers, plain["type"])(**arguments)
    if adapts_to is not None:
        layer.adapt(np.array(adapts_to))
    made = layer(np.array(given))
    made = made.to_tensor() if isinstance(made, tf.RaggedTensor) else made
    values = np.asarray(made).tolist()
    vocabulary = layer.get_vocabulary() if hasattr(layer, "get_vocabulary") else None
    return {
        "layer": plain, "adapts_to": adapts_to, "given": given, "gives": plain_texts(values),
        "vocabulary": None if vocabulary is None else [plain_text(one) for one in vocabulary],
    }  # fmt: skip


def plain_texts(value: Any) -> Any:
    return [plain_texts(one) for one in value] if isinstance(value, list) else plain_text(value)


def plain_text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if isinstance(value, np.generic) else value


def hashes() -> dict[str, Any]:
    r = random.Random(3)
    lengths = [*range(1, 70), 100, 127, 128, 129, 200, 500]
    texts = ["", "A", "é", "日本語", *(
        "".join(r.choice(string.printable) for _ in range(n)) for n in lengths
    )]  # fmt: skip
    numbers = [r.randrange(-50, 10**6) for _ in range(20)]

    def crossed(bins: int, *columns: list[Any]) -> list[int]:
        found = tf.sparse.cross_hashed([tf.constant(c)[:, None] for c in columns], bins)
        values: list[int] = tf.sparse.to_dense(found).numpy()[:, 0].tolist()
        return values

    first, second = texts[:20], texts[20:40]
    return {
        "texts": texts, "numbers": numbers,
        "farmhash": tf.strings.to_hash_bucket_fast(texts, 2**62).numpy().tolist(),
        "siphash": tf.strings.to_hash_bucket_strong(texts, 2**62, [133, 137]).numpy().tolist(),
        "crossed": [crossed(2**40, first, second), crossed(2**40, first, numbers),
                    crossed(7, numbers, first, second)],
    }  # fmt: skip


if __name__ == "__main__":
    kept = {"keras": keras.__version__, "tensorflow": tf.__version__, "hashes": hashes()}
    kept["cases"] = [answer(*case) for case in CASES]
    place = Path(__file__).with_name("answers.json")
    place.write_text(json.dumps(kept, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    sys.stdout.write(f"{place}: {len(CASES)} cases\n")
