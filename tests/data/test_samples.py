"""Splits, orders, batches, the packaged sets, random samples, weights, files that are not there."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelspec.catalog.sources import format_of
from modelspec.catalog.words import Words
from modelspec.engine.data import Wanted, batches, kept_back, order, prepare, samples, samples_for
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected, Report, Unreadable
from modelspec.source.text import Source
from modelspec.source.tree import parse
from tests.conftest import cli_environment
from tests.data.words import everything, prepared, refused, source, takes, target, weight, write

IMAGE = takes("image", (8, 8, 1))
LABEL = target("label")


def test_the_packaged_digits(tmp_path):
    data = prepared(source("Digits"), IMAGE, LABEL, validation=0.2)
    assert (len(data.train), len(data.validation)) == (1437, 360)
    got = everything(data.train)
    assert got["image"].shape == (1437, 8, 8, 1)
    assert got["image"].max() == 16
    assert set(got["label"].tolist()) == set(range(10))


def test_pairs_of_digits_share_no_image_between_training_and_validation():
    wanted = takes("image_a", (8, 8, 1)), takes("image_b", (8, 8, 1)), target("same", (1,))
    data = prepared(source("DigitPairs"), *wanted, validation=0.2)
    train, unseen = everything(data.train), everything(data.validation)
    assert (len(data.train), len(data.validation)) == (4 * 1436, 4 * 359)
    assert train["same"].mean() == unseen["same"].mean() == 0.5

    digits = everything(prepared(source("Digits"), IMAGE, LABEL).train)
    label = {image.tobytes(): int(k) for image, k in zip(*digits.values(), strict=True)}
    seen = {image.tobytes() for image in [*train["image_a"], *train["image_b"]]}
    held = {image.tobytes() for image in [*unseen["image_a"], *unseen["image_b"]]}
    assert not seen & held
    for part in (train, unseen):
        same = [
            label[a.tobytes()] == label[b.tobytes()]
            for a, b in zip(part["image_a"], part["image_b"], strict=True)
        ]
        assert same == part["same"][:, 0].astype(bool).tolist()
        assert not any(
            np.array_equal(a, b) for a, b in zip(part["image_a"], part["image_b"], strict=True)
        )


@pytest.mark.parametrize(("count", "share"), [(10, 0.2), (7, 0.33), (1797, 0.2), (3, 0.5)])
def test_a_share_is_the_last_rows_as_keras_cuts_them(tmp_path, count, share):
    from keras.src.trainers.data_adapters.array_slicing import train_validation_split

    x = np.arange(count, dtype=np.float32)
    np.savez(tmp_path / "a.npz", x=x)
    data = prepared(source("NPZ", path=str(tmp_path / "a.npz")), takes("x"), validation=share)
    train, held = train_validation_split((x,), share)
    assert everything(data.train)["x"].tolist() == np.asarray(train[0]).tolist()
    assert everything(data.validation)["x"].tolist() == np.asarray(held[0]).tolist()


def test_what_is_kept_back_is_the_test_data_or_else_the_validation_data(tmp_path):
    rows = [source("CSV", path=write(tmp_path / f"{i}.csv", f"x\n{i}\n{i}\n")) for i in range(3)]

    def kept(validation, test):
        data = SimpleNamespace(train=rows[0], validation=validation, test=test, fields={})
        found = kept_back(data, [takes("x")], 0, {})
        return None if found is None else everything(found)["x"].tolist()

    assert kept(rows[1], rows[2]) == kept(0.5, rows[2]) == [2, 2]
    assert kept(rows[1], None) == [1, 1]
    assert kept(0.5, None) == [0]
    assert kept(None, None) is None


def test_a_share_that_leaves_nothing_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", "x\n1\n")
    word = source("CSV", path=path)
    shown = refused("no-samples", prepared, word, takes("x"), validation=0.5)
    assert "of 1 samples, 0 train and 1 validate" in shown


@given(st.integers(0, 2**64 - 1), st.integers(0, 1000), st.integers(0, 50))
@settings(max_examples=50)
def test_the_order_is_a_permutation_and_depends_on_its_arguments_alone(seed, epoch, n):
    first = order(n, seed, epoch, shuffle=True)
    assert sorted(first) == list(range(n))
    assert first.tolist() == order(n, seed, epoch, shuffle=True).tolist()
    assert order(n, seed, epoch, shuffle=False).tolist() == list(range(n))


def test_epochs_and_seeds_have_orders_of_their_own():
    orders = {tuple(order(50, seed, epoch, True)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_the_order_is_the_same_in_another_process():
    code = "from modelspec.engine.data import order; print(order(20, 3, 4, True).tolist())"
    shown = subprocess.run(
        [sys.executable, "-c", code], env=cli_environment(), capture_output=True, text=True
    )
    assert shown.stdout.strip() == str(order(20, 3, 4, True).tolist())


@pytest.mark.parametrize("kept", [0, 1 << 28], ids=["streamed", "loaded"])
@pytest.mark.parametrize("size", [1, 3, 10, 64])
@pytest.mark.parametrize("start", [0, 1, 2])
def test_batches_follow_the_order_and_go_on_from_any_position(
    tmp_path, monkeypatch, kept, size, start
):
    monkeypatch.setattr(samples, "KEPT", kept)
    path = write(tmp_path / "a.csv", "x\n" + "\n".join(map(str, range(23))) + "\n")
    train = prepared(source("CSV", path=path), takes("x")).train
    assert train.streams == (kept == 0)
    shuffled = order(23, 0, 0, True)
    begin = min(start * size, 23)
    got = list(batches(train, size, shuffled, begin))
    assert [at for at, _ in got] == list(range(begin, 23, size))
    rows = [row for _, batch in got for row in batch["x"].tolist()]
    assert rows == shuffled[begin:].tolist()
    assert all(len(batch["x"]) == size for _, batch in got[:-1])


def test_batches_can_be_left_half_way(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "KEPT", 0)
    path = write(tmp_path / "a.csv", "x\n1\n2\n3\n4\n")
    made = batches(prepared(source("CSV", path=path), takes("x")).train, 1, np.arange(4))
    assert next(made)[1]["x"].tolist() == [1]
    made.close()


def test_memory_stays_flat_as_a_file_grows(tmp_path):
    """In kB. The larger file has 38 MB more."""
    code = """
import sys
from modelspec.catalog.words import bind
from modelspec.engine.data import Wanted, batches, order, prepare, samples
from types import SimpleNamespace as N
samples.KEPT = 0
data = N(train=bind("sources", {"type": "CSV", "path": sys.argv[1]}), validation=None, test=None)
train = prepare(data, [Wanted(name, "input", (), "float32") for name in "xy"]).train
assert train.streams
for _ in batches(train, 4096, order(len(train), 0, 0, False)): pass
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    peak = []
    for count in (100_000, 400_000):
        path = write(tmp_path / f"{count}.csv", "x,y,z\n" + f"1.5,2.5,{'text' * 30}\n" * count)
        shown = subprocess.run(
            [sys.executable, "-c", code, path],
            env=cli_environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        peak.append(int(shown.stdout))
    assert peak[1] - peak[0] < 15_000, f"{peak} kB"


def test_random_samples_fit_what_is_wanted():
    wanted = [
        takes("x", ("time", 3)),
        takes("words", (5,), "int32")._replace(high=7),
        target("class", ())._replace(high=4),
        target("yes", (1,), "float32"),
        target("hot", (4,), "float32"),
    ]
    got = everything(prepared(source("Synthetic", samples=300), *wanted).train)
    assert got["x"].shape == (300, 32, 3)
    assert abs(got["x"].mean()) < 0.05
    assert abs(got["x"].std() - 1) < 0.05
    assert set(got["words"].reshape(-1).tolist()) == set(range(7))
    assert set(got["class"].tolist()) == set(range(4))
    assert set(got["yes"].reshape(-1).tolist()) == {0, 1}
    assert (got["hot"].sum(-1) == 1).all()


def test_random_samples_depend_on_seeds_and_place_alone():
    wanted = takes("x", (3,))
    word = source("Synthetic", samples=1000)
    first = everything(prepared(word, wanted).train)["x"]
    fewer = everything(prepared(source("Synthetic", samples=10), wanted).train)["x"]
    np.testing.assert_array_equal(fewer, first[:10])
    for other in (source("Synthetic", samples=1000, seed=1), word):
        seed = int(other is word)
        again = everything(prepared(other, wanted, seed=seed).train)["x"]
        assert not np.array_equal(again, first)


def test_random_samples_need_no_encoders():
    wanted = target("k", encode="Labels")._replace(high=3)
    data = prepared(source("Synthetic", samples=20), wanted, weight("sample_weight"))
    assert data.encoders == {}
    assert everything(data.train)["k"].max() == 2


def test_sample_weights_are_taken_where_there_are_some(tmp_path):
    path = write(tmp_path / "a.csv", "x,sample_weight,w\n1,2,5\n2,0.5,6\n")
    word = source("CSV", path=path)
    got = everything(
        prepared(word, takes("x"), weight("sample_weight"), weight("y.sample_weight")).train
    )
    assert got["sample_weight"].tolist() == [2, 0.5]
    assert "y.sample_weight" not in got
    named = weight("sample_weight", column="w")
    assert everything(prepared(word, named).train)["sample_weight"].tolist() == [5, 6]
    missing = weight("sample_weight", column="v")
    assert "`v`" in refused("missing-column", prepared, word, missing)


# -- paths ---------------------------------------------------------------------------------


def in_spec(folder, text):
    """The source that a spec in a folder names."""
    path = write(folder / "spec.yaml", text)
    report = Report()
    word = Words(report).word("sources", parse(Source.read(path)).get("train"))
    report.raise_if_errors()
    return word


def test_paths_start_from_the_folder_of_the_spec(tmp_path):
    write(tmp_path / "specs" / "rows.csv", "x\n1\n2\n")
    word = in_spec(tmp_path / "specs", "train: {type: CSV, path: rows.csv}\n")
    assert everything(prepared(word, takes("x")).train)["x"].tolist() == [1, 2]
    word = in_spec(tmp_path / "specs", f"train: {{type: CSV, path: {tmp_path}/specs/*.csv}}\n")
    assert len(prepared(word, takes("x")).train) == 2


def test_lists_of_globs_are_one_source(tmp_path):
    for name in ("b1", "b2", "a"):
        write(tmp_path / f"{name}.csv", f"x\n{len(name)}\n")
    word = in_spec(tmp_path, 'train: {type: CSV, path: ["b*.csv", a.csv]}\n')
    assert everything(prepared(word, takes("x")).train)["x"].tolist() == [2, 2, 1]


def test_a_file_that_is_not_there_is_shown_in_the_spec(tmp_path):
    write(tmp_path / "train.csv", "x\n1\n")
    word = in_spec(tmp_path, "train: {type: CSV, path: trian.csv}\n")
    with pytest.raises(Rejected) as caught:
        prepared(word, takes("x"))
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.span.line, fault.span.column) == ("unknown-file", 1, 26)
    assert fault.help == ("did you mean `train.csv`?",)


def test_a_glob_without_files_and_a_missing_folder_say_so(tmp_path):
    word = source("CSV", path=str(tmp_path / "*.csv"))
    assert "no file matches" in refused("unknown-file", prepared, word, takes("x"))
    word = source("CSV", path=str(tmp_path / "no" / "rows.csv"))
    assert "there is no folder" in refused("unknown-file", prepared, word, takes("x"))


def test_a_folder_where_a_file_should_be_is_unreadable(tmp_path):
    for name in ("CSV", "JSONL", "NPZ"):
        with pytest.raises(Unreadable):
            prepared(source(name, path=str(tmp_path)), takes("x"))


@pytest.mark.parametrize(
    ("paths", "name"),
    [(["a.npz"], "NPZ"), (["A.CSV", "b.csv"], "CSV"), (["x.tsv"], "TSV"), (["x.ndjson"], "JSONL"),
     (["data/arrays"], "NPY"), (["data/arrays/"], "NPY"), (["data/*.npy"], "NPY")],
)  # fmt: skip
def test_an_ending_says_the_format(paths, name):
    assert format_of(paths) == name


def test_an_unknown_ending_lists_the_known_ones(tmp_path):
    with pytest.raises(Reject) as caught:
        format_of(["rows.xlsx"])
    assert "`.csv`" in caught.value.help
    with pytest.raises(Reject, match="one format"):
        format_of(["a.csv", "b.npz"])
    assert "`.xlsx`" in refused("wrong-value", samples_for, "rows.xlsx", [takes("x")], {})


def test_a_delimiter_is_one_character():
    for delimiter in ("", ",,", '"', "\n", "é"):
        with pytest.raises(Rejected):
            source("CSV", path="a.csv", delimiter=delimiter)


def test_inputs_alone_are_enough_to_predict(tmp_path):
    np.savez(tmp_path / "a.npz", image=np.ones((3, 8, 8, 1)))
    got = samples_for(str(tmp_path / "a.npz"), [IMAGE], {})
    assert len(got) == 3


def test_a_spec_without_validation_or_test_has_neither():
    data = SimpleNamespace(train=source("Digits"), validation=None, test=None, fields={})
    made = prepare(data, [Wanted("image", "input", (8, 8, 1), "float32")])
    assert made.validation is None
    assert made.test is None
