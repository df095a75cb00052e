"""Vocabularies that Keras keeps as files of an archive: imported models take raw words."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import modelspec
from modelspec.source.diagnostics import Rejected

SAVED = Path(__file__).parent / "vocabularies" / "words.keras"
ANSWERS = json.loads((SAVED.parent / "answers.json").read_text(encoding="utf-8"))


def test_an_imported_model_predicts_on_raw_words_as_keras_does(tmp_path):
    made = modelspec.import_model(SAVED, tmp_path / "run")
    assert not made.notes
    found = modelspec.load(tmp_path / "run").predict({
        "text": np.array(ANSWERS["text"], object)[:, None],
        "kind": np.array(ANSWERS["kind"], object)[:, None],
        "size": np.array(ANSWERS["size"]),
    })  # fmt: skip
    np.testing.assert_allclose(found["out"], ANSWERS["out"], rtol=1e-5, atol=1e-6)


def test_vocabularies_are_kept_with_the_run_and_stand_in_the_spec_where_widths_follow(tmp_path):
    modelspec.import_model(SAVED, tmp_path / "run")
    learnt = json.loads((tmp_path / "run" / "learnt.json").read_text())
    assert sorted(learnt) == ["inside.deep", "kinds", "wide", "words"]
    assert learnt["kinds"] == {"vocabulary": ["red", "green", "blue"]}  # reserved ones left out
    spec = (tmp_path / "run" / "spec.yaml").read_text(encoding="utf-8")
    assert "vocabulary: [-1, 42, 7, 12], output_mode: multi_hot" in spec


def with_file(folder, name, content):
    """The archive with another file in the place of one."""
    path = folder / "other.keras"
    with zipfile.ZipFile(SAVED) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.infolist():
            new.writestr(member, content if member.filename == name else old.read(member))
    return path


@pytest.mark.parametrize(
    ("layer", "content", "said"),
    [
        ("string_lookup", b"red\xff", "is no UTF-8 text"),
        ("integer_lookup", b"-1\nseven", "is a vocabulary of integers, one a line"),
        ("string_lookup", b"\n[UNK]\n[UNK]\nred\nred", "every token stands once, and `red` twice"),
        ("string_lookup", b"", "a vocabulary has tokens, and this is empty"),
    ],
    ids=["no text", "no integers", "a token twice", "empty"],
)
def test_a_file_that_is_no_vocabulary_is_refused(layer, content, said, tmp_path):
    path = with_file(tmp_path, f"assets/layers/{layer}/vocabulary.txt", content)
    with pytest.raises(Rejected) as caught:
        modelspec.import_model(path, tmp_path / "run")
    (error,) = caught.value.diagnostics
    assert error.code == "bad-archive"
    assert said in " ".join(error.notes)
    assert not (tmp_path / "run").exists()


def test_a_vocabulary_that_grows_from_nothing_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "other.keras"
    shutil.copy(SAVED, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("assets/layers/string_lookup_9/vocabulary.txt", b"a" * 5_000_000)
    with pytest.raises(Rejected, match="no tricks"):
        modelspec.import_model(path, tmp_path / "run")


def test_a_lookup_without_its_file_says_so(tmp_path):
    path = tmp_path / "other.keras"
    with zipfile.ZipFile(SAVED) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.infolist():
            if member.filename != "assets/layers/string_lookup/vocabulary.txt":
                new.writestr(member, old.read(member))
    made = modelspec.import_model(path, tmp_path / "run")
    assert made.notes == ["the vocabulary of `kinds` did not come along: train it anew"]
