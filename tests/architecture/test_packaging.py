"""What pyproject.toml, the constraints and the packaged data promise each other."""

from __future__ import annotations

import re
import tomllib

import numpy as np

from tests.architecture.package import PACKAGE, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements() -> set[str]:
    extras = PROJECT["optional-dependencies"].values()
    every = [*PROJECT["dependencies"], *(name for extra in extras for name in extra)]
    return {re.split(r"[=<>!~; ]", name)[0].lower() for name in every}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name.lower(): version for name, version in pairs}


def test_every_direct_dependency_is_pinned_and_nothing_else():
    assert requirements() == set(pins())
    assert pins()["torch"] == "2.13.0"


def test_importing_the_package_needs_only_the_core():
    assert PROJECT["dependencies"] == ["torch", "numpy", "pyyaml", "click", "rich", "safetensors"]


def test_the_packaged_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    wanted = load_digits()
    with np.load(PACKAGE / "data_sets" / "digits.npz", allow_pickle=False) as digits:
        assert set(digits.files) == {"image", "label", "row"}
        assert digits["image"].dtype == digits["label"].dtype == np.uint8
        assert digits["image"].shape == (1797, 8, 8, 1)
        row = digits["row"]
        assert sorted(row) == list(range(1797))
        np.testing.assert_array_equal(digits["image"][..., 0], wanted.images[row])
        np.testing.assert_array_equal(digits["label"], wanted.target[row])


def test_the_packaged_digits_state_their_source_and_licence():
    text = (PACKAGE / "data_sets" / "digits.md").read_text(encoding="utf-8")
    for fact in ("UCI", "Alpaydin", "Kaynak", "CC BY 4.0", "scikit-learn"):
        assert fact in text
    assert "modelspec/data_sets/digits.md" in PROJECT["license-files"]
