"""Encoders: held against scikit-learn, learnt on train alone, kept as JSON, undone again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import preprocessing

from modelspec.catalog.words import bind
from modelspec.engine.data import decoded, samples_for
from modelspec.engine.data.encoders import fresh
from modelspec.source.diagnostics import Rejected, Unreadable
from tests.data.words import encoder, everything, prepared, refused, source, takes, target, write

TABLES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 40), st.integers(1, 4)),
    elements=st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda x: round(x, 3)),
)


@settings(max_examples=80, deadline=None)
@given(TABLES, st.integers(1, 40))
def test_standardize_is_scikit_learns_in_any_pieces(table, piece):
    standard = fresh(encoder("Standardize"))
    for start in range(0, len(table), piece):
        standard.see(table[start : start + piece])
    wanted = preprocessing.StandardScaler().fit_transform(table)
    np.testing.assert_allclose(standard.apply(table), wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(standard.decode(standard.apply(table)), table, atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(TABLES)
def test_scale_is_scikit_learns(table):
    scale = fresh(encoder("Scale", range=[-1, 3]))
    for piece in np.array_split(table, min(3, len(table))):
        scale.see(piece)
    wanted = preprocessing.MinMaxScaler((-1, 3)).fit_transform(table)
    np.testing.assert_allclose(scale.apply(table), wanted, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(scale.decode(scale.apply(table)), table, atol=1e-4)


@pytest.mark.parametrize("names", [["b", "a", "c", "a"], ["é", "Z", "a", "a"]])
def test_labels_and_one_hot_are_scikit_learns_for_texts(tmp_path, names):
    path = write(tmp_path / "a.csv", "k\n" + "\n".join(names))
    wanted = target("k", encode="Labels"), takes("h", (3,), column="k", encode="OneHot")
    got = everything(prepared(source("CSV", path=path), *wanted).train)
    assert got["k"].tolist() == preprocessing.LabelEncoder().fit_transform(names).tolist()
    table = np.array(names)[:, None]
    expected = preprocessing.OneHotEncoder(sparse_output=False).fit_transform(table)
    np.testing.assert_array_equal(got["h"], expected)


def test_one_hot_of_several_columns_is_scikit_learns(tmp_path):
    table = np.array([["a", "x"], ["b", "y"], ["a", "z"]])
    path = write(tmp_path / "a.csv", "p,q\n" + "\n".join(map(",".join, table)))
    wanted = takes("h", (5,), columns=["p", "q"], encode="OneHot")
    got = everything(prepared(source("CSV", path=path), wanted).train)["h"]
    expected = preprocessing.OneHotEncoder(sparse_output=False).fit_transform(table)
    np.testing.assert_array_equal(got, expected)


def test_classes_that_are_numbers_are_sorted_as_numbers(tmp_path):
    path = write(tmp_path / "a.csv", "k\n10\n9\n9\n2\n")
    data = prepared(source("CSV", path=path), target("k", encode="Labels"))
    assert data.encoders["k"]["classes"] == ["2", "9", "10"]


def test_a_class_is_the_same_in_every_format(tmp_path):
    np.savez(tmp_path / "a.npz", k=np.array([7.0, 3.0, 7.0]))
    data = prepared(source("NPZ", path=str(tmp_path / "a.npz")), target("k", encode="Labels"))
    encoders = json.loads(json.dumps(data.encoders))
    for path, text in (("b.csv", "k\n7\n3\n"), ("b.jsonl", '{"k": 7}\n{"k": "3"}\n')):
        rows = samples_for(write(tmp_path / path, text), [target("k", encode="Labels")], encoders)
        assert everything(rows)["k"].tolist() == [1, 0]


def test_given_classes_keep_their_order(tmp_path):
    path = write(tmp_path / "a.csv", "k\nlow\nhigh\nlow\n")
    word = encoder("Labels", classes=["low", "middle", "high"])
    data = prepared(source("CSV", path=path), target("k", encode=word))
    assert everything(data.train)["k"].tolist() == [0, 2, 0]


@pytest.mark.parametrize(
    "plain",
    [
        {"type": "Labels", "classes": ["a", "a"]},
        {"type": "OneHot", "classes": []},
        {"type": "Labels", "classes": [["a"]]},
        {"type": "Scale", "range": [1, 1]},
        {"type": "Scale", "range": [1]},
    ],
)
def test_impossible_arguments_are_refused(plain):
    with pytest.raises(Rejected):
        bind("encoders", plain)


def test_encoders_learn_from_train_alone(tmp_path):
    path = write(tmp_path / "a.csv", "x\n" + "\n".join(map(str, [1, 2, 3, 4, 1000])))
    test = source("CSV", path=write(tmp_path / "t.csv", "x\n2.5\n"))
    wanted = takes("x", encode="Standardize")
    data = prepared(source("CSV", path=path), wanted, validation=0.2, test=test)
    assert data.encoders == {"x": {"mean": 2.5, "deviation": pytest.approx(1.25**0.5)}}
    assert everything(data.validation)["x"][0] == pytest.approx(997.5 / 1.25**0.5)
    assert everything(data.test)["x"].tolist() == [0]


def test_what_was_learnt_is_applied_and_not_learnt_again(tmp_path):
    path = write(tmp_path / "a.csv", "x\n1\n2\n3\n")
    encoders = {"x": {"mean": 10.0, "deviation": 2.0}}
    wanted = takes("x", encode="Standardize")
    data = prepared(source("CSV", path=path), wanted, encoders=encoders)
    assert everything(data.train)["x"].tolist() == [-4.5, -4, -3.5]
    assert data.encoders == encoders


def test_a_class_never_seen_is_named_with_file_line_and_column(tmp_path):
    path = write(tmp_path / "a.csv", "n,k\n1,cat\n2,dog\n3,dog\n4,dgo\n")
    wanted = target("k", encode="Labels")
    shown = refused("unseen-class", prepared, source("CSV", path=path), wanted, validation=0.25)
    assert "a.csv, line 5, column `k`: `dgo` is not among the classes" in shown
    assert "did you mean `dog`?" in shown


def test_the_classes_are_listed_where_none_is_near(tmp_path):
    path = write(tmp_path / "a.csv", "k\n" + "\n".join(map("c{}".format, range(20))) + "\nother\n")
    wanted = takes("k", (20,), encode="OneHot")
    shown = refused("unseen-class", prepared, source("CSV", path=path), wanted, validation=0.04)
    assert "`c19` and 8 more" in shown


def test_an_empty_cell_is_no_class(tmp_path):
    path = write(tmp_path / "a.csv", "n,k\n1,a\n2,\n")
    shown = refused("bad-cell", prepared, source("CSV", path=path), target("k", encode="Labels"))
    assert "line 3, column `k`: the cell is empty" in shown


def test_a_model_with_fewer_classes_than_the_data_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", "k\na\nb\nc\n")
    wanted = target("k", (4,), "float32", encode="OneHot")
    shown = refused("wrong-samples", prepared, source("CSV", path=path), wanted)
    assert "`k` takes (4)" in shown
    assert "(3) once encoded" in shown


def test_images_are_standardized_by_channel(tmp_path):
    image = np.random.default_rng(0).normal(3, 2, (20, 4, 4, 2))
    np.savez(tmp_path / "a.npz", image=image)
    wanted = takes("image", (4, 4, 2), encode="Standardize")
    got = everything(prepared(source("NPZ", path=str(tmp_path / "a.npz")), wanted).train)["image"]
    np.testing.assert_allclose(got.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(got.std((0, 1, 2)), 1, atol=1e-5)


CLASSES = {"k": {"classes": ["ham", "spam"]}}


@pytest.mark.parametrize(
    "values",
    [
        np.array([1, 0]),
        np.array([[0.2, 0.8], [0.6, 0.4]], np.float32),
        np.array([[0.8], [0.3]], np.float32),
        np.array([0.8, 0.3], np.float32),
    ],
    ids=["places", "a score for each class", "one probability", "flat probabilities"],
)
def test_outputs_become_names_of_classes(values):
    wanted = target("k", encode="Labels")
    assert decoded(wanted, CLASSES, values).tolist() == ["spam", "ham"]


def test_outputs_without_an_encoder_stay_numbers():
    values = np.array([0.5])
    assert decoded(target("k"), {}, values) is values


def test_scaled_outputs_become_raw_numbers_again():
    state = {"y": {"mean": 10.0, "deviation": 2.0}}
    wanted = target("y", (1,), "float32", encode="Standardize")
    raw = decoded(wanted, state, np.float32([[0.5], [-1]]))
    assert raw.tolist() == [[11], [8]]
    assert raw.dtype == np.float32


def test_an_encoder_that_has_learnt_nothing_is_no_use(tmp_path):
    path = write(tmp_path / "rows.csv", "k\na\n")
    unlearnt = refused("not-adapted", samples_for, path, [target("k", encode="Labels")], {})
    assert "`Labels` learns from the training data" in unlearnt
    listed = target("k", encode=encoder("Labels", classes=["a"]))
    assert len(samples_for(path, [listed], {})) == 1


@pytest.mark.parametrize("state", [{}, [], {"classes": 5}])
def test_what_an_encoder_cannot_have_learnt_is_damage(tmp_path, state):
    path = write(tmp_path / "rows.csv", "k\na\n")
    with pytest.raises(Unreadable, match="damaged: this is not what `Labels` learns"):
        samples_for(path, [target("k", encode="Labels")], {"k": state})
