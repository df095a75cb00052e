"""A path that leads to no file: which one was meant."""

from __future__ import annotations

import pytest

from modelspec.source.nearby import MOST, near


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "runs" / "vqa").mkdir(parents=True)
    (tmp_path / "runs" / "vqa" / "spec.yaml").touch()
    (tmp_path / "headlines.csv").touch()
    (tmp_path / "vqa.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("headlnes.csv", "headlines.csv"),
        ("headlines.cvs", "headlines.csv"),
        ("runs/vqq", "runs/vqa"),
        ("rnus/vqa", "runs/vqa"),
        ("run/vqa/spec.yaml", "runs/vqa/spec.yaml"),
        ("./headlnes.csv", "./headlines.csv"),
    ],
)
def test_the_first_step_that_is_missing_is_spelled_anew(folder, path, meant):
    assert near(path) == (f"did you mean `{meant}`?",)


def test_a_path_is_told_as_the_spec_writes_it(folder):
    assert near("runs/vqq", "runs") == ("did you mean `vqa`?",)
    assert near(str(folder / "vqaa.yaml"), str(folder)) == ("did you mean `vqa.yaml`?",)


def test_only_files_that_fit_are_meant(folder):
    assert near("vqa.yam", fits=lambda name: name.endswith(".csv")) == ()


def test_where_nothing_is_near_a_missing_folder_is_named(folder):
    assert near("pictures/cat.png") == ("there is no folder `pictures`",)
    assert near("zebra.csv") == near("abc.yaml") == ()  # `.yaml` alone is no likeness
    assert near("\0") == near("") == ()


def test_a_folder_of_very_many_files_is_not_looked_through(folder):
    for at in range(30):
        (folder / f"row{at}").touch()
    assert MOST >= 1000
    assert near("row1x") != ()
