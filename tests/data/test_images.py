"""Folders of images: held against Pillow's own reading, and the faults of files."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from modelspec.engine.data import samples, source_at
from tests.data.words import everything, prepared, refused, source, takes, target, write

LABEL = target("label")


def drawn(path, size=(4, 6), mode="RGB", seed=0):
    """A random image (height, width) under a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = (3,) if mode == "RGB" else ()
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, *channels), np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def folder(tmp_path):
    for at, name in enumerate(["cat/b.png", "cat/a.bmp", "dog/c.PNG", "ant/d.png"]):
        drawn(tmp_path / "set" / name, seed=at)
    write(tmp_path / "set" / "cat" / "notes.txt", "no image")
    return tmp_path / "set"


def test_a_sub_folder_is_a_class_and_its_files_are_sorted(folder):
    wanted = takes("image", (4, 6, 3)), LABEL
    got = everything(prepared(source("Images", path=str(folder)), *wanted).train)
    assert got["label"].tolist() == [0, 1, 1, 2]  # ant, cat, cat, dog
    for at, name in enumerate(["ant/d.png", "cat/a.bmp", "cat/b.png", "dog/c.PNG"]):
        with Image.open(folder / name) as image:
            np.testing.assert_array_equal(got["image"][at], np.asarray(image))


def test_labels_and_one_hot_read_the_names(folder):
    word = source("Images", path=str(folder))
    made = prepared(word, target("label", encode="Labels"))
    assert made.encoders["label"]["classes"] == ["ant", "cat", "dog"]
    hot = prepared(word, target("label", (3,), "float32", encode="OneHot"))
    assert everything(hot.train)["label"].argmax(-1).tolist() == [0, 1, 1, 2]


def test_names_that_are_numbers_are_sorted_as_numbers(tmp_path):
    for name in ("10", "9", "2"):
        drawn(tmp_path / name / "a.png")
    assert everything(prepared(source_at(str(tmp_path)), LABEL).train)["label"].tolist() == [
        2, 0, 1,
    ]  # fmt: skip


def test_a_path_to_sub_folders_of_images_is_a_source_of_them(folder):
    got = everything(prepared(source_at(str(folder)), takes("image", (4, 6, 3))).train)
    assert got["image"].shape == (4, 4, 6, 3)


def test_a_path_to_arrays_stays_one(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3.0))
    drawn(tmp_path / "a" / "a.png")
    assert everything(prepared(source_at(str(tmp_path)), takes("x")).train)["x"].tolist() == [
        0, 1, 2,
    ]  # fmt: skip


def test_sizes_and_modes_are_pillows(tmp_path):
    drawn(tmp_path / "a" / "a.jpg", (9, 5))
    drawn(tmp_path / "a" / "b.gif", (4, 6), "L")
    word = source("Images", path=str(tmp_path), size=[8, 7], mode="grayscale")
    got = everything(prepared(word, takes("image", (8, 7, 1), "uint8")).train)["image"]
    for at, name in enumerate(["a.jpg", "b.gif"]):
        with Image.open(tmp_path / "a" / name) as image:
            wanted = image.convert("L").resize((7, 8), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(got[at, ..., 0], np.asarray(wanted))


def test_images_that_do_not_fit_are_read_as_they_are_asked_for(folder, monkeypatch):
    monkeypatch.setattr(samples, "KEPT", 10)
    made = prepared(source("Images", path=str(folder)), takes("image", (4, 6, 3)), LABEL)
    assert made.train.streams
    assert made.train.batch(np.array([3, 0]))["label"].tolist() == [2, 0]


def test_images_of_other_sizes_are_named(folder):
    drawn(folder / "dog" / "wide.png", (4, 9))
    word = source("Images", path=str(folder))
    said = refused("ragged-row", prepared, word, takes("image", (4, 6, 3)))
    assert "wide.png: 4 by 9, and others are 4 by 6" in said
    assert "size: [4, 6]" in said


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif"])
@pytest.mark.parametrize("cut", [0, 10, 0.5], ids=["empty", "head", "half"])
def test_a_damaged_image_is_named(folder, ending, cut):
    path = folder / "dog" / f"broken.{ending}"
    drawn(path, (64, 64))
    data = path.read_bytes()
    write(path, data[: int(cut * len(data)) if isinstance(cut, float) else cut])
    word = source("Images", path=str(folder), size=[4, 6])
    said = refused("bad-file", prepared, word, takes("image", (4, 6, 3)))
    assert str(path) in said


def test_an_image_that_declares_too_much_is_refused(folder, monkeypatch):
    for limit in (20, 10):  # Pillow warns of the first, and refuses the second
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        word = source("Images", path=str(folder))
        said = refused("too-large", prepared, word, takes("image", (4, 6, 3)))
        assert "ant/d.png" in said


def test_another_column_is_named(folder):
    said = refused("missing-column", prepared, source("Images", path=str(folder)), takes("imag"))
    assert "did you mean `image`?" in said


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    said = refused("bad-file", prepared, source("Images", path=str(tmp_path)), LABEL)
    assert "a sub-folder for each class" in said


def test_the_missing_extra_is_named(folder, monkeypatch):
    word = source("Images", path=str(folder))
    monkeypatch.setitem(sys.modules, "PIL", None)
    said = refused("needs-extra", prepared, word, takes("image", (4, 6, 3)))
    assert "pip install 'modelspec-torch[image]'" in said


def test_a_share_of_images_is_refused_as_it_would_hold_out_the_last_classes(folder):
    images = source("Images", path=str(folder))
    said = refused(
        "wrong-value", prepared, images, takes("image", (4, 6, 3)), LABEL, validation=0.5
    )
    assert "class by class" in said
    assert "{validation: path}" in said
