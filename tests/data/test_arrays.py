"""NPZ archives and folders of .npy files."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile

import numpy as np
import pytest

from modelspec.engine.data import arrays, samples
from modelspec.source.diagnostics import Rejected, Unreadable
from tests.data.words import everything, prepared, refused, source, takes, target

X = np.arange(40, dtype=np.float32).reshape(10, 4)
Y = np.arange(10) % 3
WANTED = (takes("x", (4,)), target("y"))


def npz(path, compressed=False, **given):
    (np.savez_compressed if compressed else np.savez)(path, **given)
    return source("NPZ", path=str(path))


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_of_an_archive_become_samples(tmp_path, compressed):
    data = prepared(npz(tmp_path / "a.npz", compressed, x=X, y=Y), *WANTED)
    got = everything(data.train)
    np.testing.assert_array_equal(got["x"], X)
    np.testing.assert_array_equal(got["y"], Y)
    assert (got["x"].dtype, got["y"].dtype) == (np.float32, np.int64)


@pytest.mark.parametrize("order", ["C", "F"])
def test_big_arrays_stay_on_the_disk_and_read_the_same(tmp_path, monkeypatch, order):
    monkeypatch.setattr(arrays, "SMALL", 0)
    monkeypatch.setattr(samples, "KEPT", 0)
    word = npz(tmp_path / "a.npz", x=np.asarray(X, order=order), y=Y)
    data = prepared(word, *WANTED)
    assert data.train.streams
    chosen = np.array([7, 0, 1, 2, 9, 9])
    np.testing.assert_array_equal(data.train.batch(chosen)["x"].numpy(), X[chosen])
    np.testing.assert_array_equal(data.train.batch(chosen)["y"].numpy(), Y[chosen])


@pytest.mark.parametrize("small", [0, 1 << 28])
def test_a_folder_of_arrays_is_a_source(tmp_path, monkeypatch, small):
    monkeypatch.setattr(arrays, "SMALL", small)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y)
    folder = prepared(source("NPY", path=str(tmp_path)), *WANTED)
    loose = prepared(
        source("NPY", path=[str(tmp_path / "y.npy"), str(tmp_path / "x.npy")]), *WANTED
    )
    for data in (folder, loose):
        np.testing.assert_array_equal(everything(data.train)["x"], X)


def test_a_glob_of_archives_is_one_source_in_sorted_order(tmp_path):
    npz(tmp_path / "part-1.npz", x=X[:4], y=Y[:4])
    npz(tmp_path / "part-2.npz", x=X[4:], y=Y[4:])
    data = prepared(source("NPZ", path=str(tmp_path / "part-*.npz")), *WANTED)
    np.testing.assert_array_equal(everything(data.train)["x"], X)
    chosen = np.array([9, 0, 4, 3, 5])
    np.testing.assert_array_equal(data.train.batch(chosen)["x"].numpy(), X[chosen])


def test_files_of_one_source_with_other_shapes_are_refused(tmp_path):
    npz(tmp_path / "1.npz", x=X, y=Y)
    npz(tmp_path / "2.npz", x=X[:, :3], y=Y)
    word = source("NPZ", path=str(tmp_path / "*.npz"))
    text = refused("wrong-samples", prepared, word, *WANTED)
    assert "1.npz, `x`: (4) of float32" in text
    assert "2.npz, `x`: (3) of float32" in text


def test_every_missing_array_is_named_with_what_there_is(tmp_path):
    word = npz(tmp_path / "a.npz", xs=X, label=Y)
    with pytest.raises(Rejected) as caught:
        prepared(word, *WANTED)
    first, second = caught.value.diagnostics
    assert first.code == second.code == "missing-column"
    assert "has `xs`, `label`" in first.notes[0]
    assert "fed by the column `y`" in second.message


def test_a_missing_array_with_a_near_name_is_suggested(tmp_path):
    word = npz(tmp_path / "a.npz", image=X, lable=Y)
    wanted = takes("image", (4,)), target("label")
    assert "did you mean `lable`?" in refused("missing-column", prepared, word, *wanted)


def test_arrays_of_different_lengths_are_refused(tmp_path):
    word = npz(tmp_path / "a.npz", x=X, y=Y[:7])
    assert "`x` has 10, `y` has 7" in refused("wrong-samples", prepared, word, *WANTED)


def test_pickled_objects_are_refused_unread(tmp_path):
    word = npz(tmp_path / "a.npz", x=np.array([{}] * 10, object), y=Y)
    assert "pickle" in refused("bad-file", prepared, word, *WANTED)


def test_complex_numbers_are_refused(tmp_path):
    word = npz(tmp_path / "a.npz", x=X.astype(complex), y=Y)
    assert "complex128" in refused("bad-file", prepared, word, *WANTED)


def test_a_single_value_is_no_array_of_samples(tmp_path):
    word = npz(tmp_path / "a.npz", x=np.float32(3), y=Y)
    assert "single value" in refused("wrong-samples", prepared, word, *WANTED)


def test_numbers_that_are_not_finite_are_named_with_their_sample(tmp_path):
    x = X.copy()
    x[6, 2] = np.nan
    text = refused("bad-cell", prepared, npz(tmp_path / "a.npz", x=x, y=Y), *WANTED)
    assert "a.npz, sample 6" in text
    assert "`nan` is not a finite number" in text


def test_floats_that_are_not_whole_do_not_become_integers(tmp_path):
    word = npz(tmp_path / "a.npz", x=X + np.float32(0.5), y=Y)
    text = refused("bad-cell", prepared, word, takes("x", (4,), "int32"), target("y"))
    assert "`0.5` is not a whole number" in text


def test_integers_that_do_not_fit_are_refused(tmp_path):
    word = npz(tmp_path / "a.npz", x=X * 100, y=Y)
    text = refused("bad-cell", prepared, word, takes("x", (4,), "uint8"), target("y"))
    assert "sample 0" in text
    assert "`300` does not fit uint8" in text


def test_a_wrong_shape_names_both(tmp_path):
    word = npz(tmp_path / "a.npz", x=np.zeros((5, 28, 28)), y=Y[:5])
    text = refused("wrong-samples", prepared, word, takes("x", (28, 28, 1)), target("y"))
    assert "`x` takes (28, 28, 1)" in text
    assert "column `x`: (28, 28)" in text
    assert "Reshape" in text


@pytest.mark.parametrize(
    ("given", "wanted"),
    [((6,), (1,)), ((6, 1), ()), ((6, 1), (1,)), ((6,), ()), ((6, 7), (None,)), ((6,), (None,))],
)
def test_flat_columns_and_columns_of_width_one_fit_each_other(tmp_path, given, wanted):
    word = npz(tmp_path / "a.npz", x=np.ones(given))
    got = everything(prepared(word, takes("x", wanted)).train)["x"]
    assert got.ndim == 1 + len(wanted)


def test_one_word_is_one_size_in_every_tensor(tmp_path):
    word = npz(tmp_path / "a.npz", a=np.zeros((3, 5)), b=np.zeros((3, 6)))
    text = refused("wrong-samples", prepared, word, takes("a", ("time",)), takes("b", ("time",)))
    assert "`time` is 5 in `a` and 6 in `b`" in text


@pytest.mark.parametrize(
    "dtype",
    ["float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8",
     "uint16", "uint32", "bool"],
)  # fmt: skip
def test_every_dtype_can_be_fed(tmp_path, dtype):
    word = npz(tmp_path / "a.npz", x=np.array([0, 1, 1, 0]))
    batch = prepared(word, takes("x", dtype=dtype)).train.batch(np.array([1, 0, 2]))
    assert str(batch["x"].dtype) == f"torch.{dtype}"
    assert batch["x"].to(dtype=__import__("torch").float32).tolist() == [1, 0, 1]


def bomb(path, shape, size=64):
    """An archive whose header declares more than it holds."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(size))
    return source("NPZ", path=str(path))


@pytest.mark.parametrize("shape", [(1 << 40,), (1 << 62, 1 << 62), (-1,)])
def test_a_header_that_declares_more_than_there_is_is_refused(tmp_path, shape):
    refused("bad-file", prepared, bomb(tmp_path / "a.npz", shape), takes("x"))


def test_an_archive_that_unpacks_to_more_than_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "physical_memory", lambda: 1 << 20)
    word = bomb(tmp_path / "a.npz", (1 << 18,), 1 << 20)
    assert "half of the machine's memory" in refused("too-large", prepared, word, takes("x"))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04" + bytes(40), b"x" * 100])
def test_what_is_no_archive_is_refused(tmp_path, data):
    (tmp_path / "a.npz").write_bytes(data)
    refused("bad-file", prepared, source("NPZ", path=str(tmp_path / "a.npz")), takes("x"))


def test_a_truncated_archive_or_array_is_refused(tmp_path):
    npz(tmp_path / "a.npz", x=X)
    whole = (tmp_path / "a.npz").read_bytes()
    for cut in range(0, len(whole), 37):
        (tmp_path / "a.npz").write_bytes(whole[:cut])
        refused("bad-file", prepared, source("NPZ", path=str(tmp_path / "a.npz")), takes("x", (4,)))
    np.save(tmp_path / "x.npy", X)
    whole = (tmp_path / "x.npy").read_bytes()
    for cut in (0, 5, 20, 100, len(whole) - 1):
        (tmp_path / "x.npy").write_bytes(whole[:cut])
        refused("bad-file", prepared, source("NPY", path=str(tmp_path / "x.npy")), takes("x", (4,)))


def test_damaged_archives_never_crash(tmp_path):
    npz(tmp_path / "a.npz", compressed=True, x=X, y=Y)
    whole = (tmp_path / "a.npz").read_bytes()
    random = np.random.default_rng(0)
    word = source("NPZ", path=str(tmp_path / "a.npz"))
    for _ in range(150):
        damaged = bytearray(whole)
        for at in random.integers(0, len(whole), 3):
            damaged[at] = random.integers(0, 256)
        (tmp_path / "a.npz").write_bytes(damaged)
        with contextlib.suppress(Rejected, Unreadable):
            prepared(word, *WANTED)


def test_a_local_header_of_another_length_is_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "SMALL", 0)
    word = npz(tmp_path / "a.npz", x=X)
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        member = archive.infolist()[0]
    start = arrays.data_offset(str(tmp_path / "a.npz"), member)
    data = (tmp_path / "a.npz").read_bytes()
    assert data[start : start + 6] == b"\x93NUMPY"
    assert struct.unpack_from("<H", data, member.header_offset + 28)[0] != len(member.extra)
    np.testing.assert_array_equal(everything(prepared(word, takes("x", (4,))).train)["x"], X)


def test_a_folder_without_arrays_says_so(tmp_path):
    assert "has none" in refused(
        "bad-file", prepared, source("NPY", path=str(tmp_path)), takes("x")
    )
