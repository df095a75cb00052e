"""The encoder `Words`: held against a count of its own, and the language's first example whole."""

from __future__ import annotations

import json
import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from modelspec.engine.data import decoded, read_stream, samples_for
from modelspec.engine.data.words import words_of
from tests.data.words import encoder, everything, prepared, refused, source, takes, target, write

TITLES = ["The cat, the dog!", "a CAT sat", "dog-cat: the end", "", "zebra apple the"]


def titles(tmp_path, texts=TITLES, name="a.jsonl"):
    lines = "".join(json.dumps({"title": text}) + "\n" for text in texts)
    return source("JSONL", path=write(tmp_path / name, lines))


def wants(width, dtype="int32", **arguments):
    return takes("title", (width,), dtype, column="title", encode=encoder("Words", **arguments))


@pytest.mark.parametrize("size", [3, 5, 7, 10000])
def test_the_vocabulary_is_an_independent_count(tmp_path, size):
    random = np.random.default_rng(0)
    texts = [" ".join(f"W{n}" for n in random.zipf(1.5, 12) % 40) for _ in range(300)]
    split = [re.findall(r"[a-z0-9]+", text.lower()) for text in texts]
    counts = Counter(word for text in split for word in text)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))[: size - 2]
    expected = [[ranked.index(w) + 2 if w in ranked else 1 for w in text][:10] for text in split]
    made = prepared(titles(tmp_path, texts), wants(10, vocabulary=size))
    assert everything(made.train)["title"].tolist() == expected
    assert made.encoders["title"]["words"] == ranked


def test_texts_are_padded_and_cut_to_the_input(tmp_path):
    got = everything(prepared(titles(tmp_path), wants(3)).train)["title"]
    assert got.dtype == np.int32
    assert got.tolist() == [[2, 3, 2], [5, 3, 8], [4, 3, 2], [0, 0, 0], [9, 6, 2]]


def test_an_open_length_is_that_of_trains_longest_text(tmp_path):
    made = prepared(titles(tmp_path), wants(None), test=titles(tmp_path, ["a " * 9], "t.jsonl"))
    assert everything(made.train)["title"].shape == (5, 4)
    assert everything(made.test)["title"].shape == (1, 4)


def test_another_length_than_the_inputs_is_refused(tmp_path):
    said = refused("wrong-samples", prepared, titles(tmp_path), wants(3, length=5))
    assert "(5) once encoded" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't stop_now", ["don", "t", "stop", "now"]),
        ("Ça va? \t«Élan»\u00a0OK", ["ça", "va", "élan", "ok"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("3.5% a+b=c", ["3", "5", "a", "b", "c"]),
        (" ,;! ", []),
    ],
)
def test_words_stand_between_space_and_punctuation(text, words):
    assert words_of(text) == words


def test_words_never_seen_in_train_are_unknown(tmp_path):
    made = prepared(titles(tmp_path), wants(3), test=titles(tmp_path, ["cat unheard"], "t.jsonl"))
    assert everything(made.test)["title"].tolist() == [[3, 1, 0]]


def test_what_was_learnt_survives_json(tmp_path):
    made = prepared(titles(tmp_path), wants(3))
    kept = json.loads(json.dumps(made.encoders))
    again = samples_for(titles(tmp_path), [wants(3)], kept)
    np.testing.assert_array_equal(everything(again)["title"], everything(made.train)["title"])
    with open(tmp_path / "a.jsonl", "rb") as stream:
        batch = next(read_stream(stream, [wants(3)], kept))
    assert batch["title"].tolist() == everything(made.train)["title"].tolist()


def test_places_become_texts_again(tmp_path):
    word = target("title", (4,), column="title", encode=encoder("Words"))
    made = prepared(titles(tmp_path), word)
    places = everything(made.train)["title"]
    shown = ["the cat the dog", "a cat sat", "dog cat the end", "", "zebra apple the"]
    assert decoded(word, made.encoders, places).tolist() == shown
    scores = np.eye(11, dtype=np.float32)[places]
    assert decoded(word, made.encoders, scores).tolist() == shown
    assert decoded(word, made.encoders, np.array([[1, 3, 0, 0]])).tolist() == ["[UNK] cat"]


def test_what_is_no_text_is_named(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"title": "a"}\n{"title": 3}\n')
    said = refused("bad-cell", prepared, source("JSONL", path=path), wants(3))
    assert "line 2, column `title`: `3` is no text" in said


HEADLINE = """
inputs:
  main_input: {shape: [100], dtype: int32}
  aux_input: [5]
layers:
  embedded:    {type: Embedding, input_dim: 10000, output_dim: 8, from: main_input}
  lstm_out:    {type: LSTM, units: 4}
  aux_output:  {type: Dense, units: 1, activation: sigmoid}
  merged:      {type: Concatenate, from: [lstm_out, aux_input]}
  dense_1:     {type: Dense, units: 8, activation: relu}
  main_output: {type: Dense, units: 1, activation: sigmoid}
outputs:
  main_output: {loss: binary_crossentropy, loss_weight: 1.0, metrics: [accuracy]}
  aux_output:  {loss: binary_crossentropy, loss_weight: 0.2}
data:
  train: headlines.parquet
  validation: 0.2
  fields:
    main_input:  {column: title, encode: {type: Words, vocabulary: 10000}}
    aux_input:   {columns: [hour, weekday, length, links, caps], encode: {type: Standardize}}
    main_output: {column: retweeted}
    aux_output:  {column: retweeted}
train: {optimizer: {type: RMSprop, learning_rate: 0.001}, epochs: 1, batch_size: 32}
"""
NUMBERS = ("hour", "weekday", "length", "links", "caps")


def test_the_languages_first_example_trains_and_predicts_raw_rows(tmp_path, run_cli):
    random = np.random.default_rng(0)
    rows = {"title": [f"Headline {n}, of {n % 7} words!" for n in range(64)]}
    rows |= {name: random.integers(0, 24, 64) for name in NUMBERS}
    parquet.write_table(pa.table(rows | {"retweeted": random.integers(0, 2, 64)}),
                        tmp_path / "headlines.parquet")  # fmt: skip
    parquet.write_table(pa.table(rows).slice(0, 5), tmp_path / "new.parquet")
    write(tmp_path / "spec.yaml", HEADLINE)
    trained = run_cli("train", "spec.yaml", "--run", "run", cwd=tmp_path)
    assert trained.code == 0, trained.err
    asked = run_cli("predict", "run", "--data", "new.parquet", cwd=tmp_path)
    assert asked.code == 0, asked.err
    answers = [json.loads(line) for line in asked.out.splitlines()]
    assert len(answers) == 5
    assert set(answers[0]) == {"main_output", "aux_output"}
