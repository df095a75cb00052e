"""Predictions from Python: numpy in, numpy out, any tensor by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelspec.engine import run
from modelspec.source.diagnostics import Unreadable
from tests.engine.training import SpecFile, graph_of, npz, refusal

SPEC = """
inputs:
  a: [time, 3]
  b: [time, 3]
  k: {shape: [2], dtype: int32}
shared:
  encoder: {type: LSTM, units: 4}
  words:
    inputs: {w: {shape: [2], dtype: int32}}
    layers:
      looked: {type: Embedding, input_dim: 5, output_dim: 3}
      flat: {type: Flatten}
layers:
  first: {use: encoder, from: a}
  second: {use: encoder, from: b}
  third: {use: words, from: k}
  merged: {type: Concatenate, from: [first, second, third]}
  score: {type: Dense, units: 1}
  kind: {type: Dense, units: 2, activation: softmax, from: merged}
outputs: [score, kind]
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> run.Run:
    folder = tmp_path_factory.mktemp("predict")
    (folder / "spec.yaml").write_text(SPEC)
    run.build(graph_of(folder / "spec.yaml"), str(folder / "run"))
    return run.load(str(folder / "run"), device="cpu")


def inputs(n: int = 11, **changes: Any) -> dict[str, Any]:
    draws = np.random.default_rng(2)
    return {
        "a": draws.normal(size=(n, 6, 3)),
        "b": draws.normal(size=(n, 6, 3)),
        "k": draws.integers(0, 5, (n, 2)),
    } | changes


def test_numbers_come_as_float32_arrays_by_the_names_of_the_outputs(held: run.Run) -> None:
    made = held.predict(inputs())
    assert {n: (v.shape, v.dtype) for n, v in made.items()} == {
        "score": ((11, 1), np.float32),
        "kind": ((11, 2), np.float32),
    }
    np.testing.assert_allclose(made["kind"].sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("size", [1, 2, 4, 11, 100])
def test_batches_of_any_size_give_what_one_batch_gives(held: run.Run, size: int) -> None:
    whole = held.predict(inputs())
    for name, value in held.predict(inputs(), batch_size=size).items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-5, atol=1e-6)


def test_no_samples_give_no_predictions(held: run.Run) -> None:
    assert {n: v.shape for n, v in held.predict(inputs(0)).items()} == {
        "score": (0, 1), "kind": (0, 2),
    }  # fmt: skip


def test_lists_of_numbers_are_arrays(held: run.Run) -> None:
    given = inputs(3)
    lists = {name: value.tolist() for name, value in given.items()}
    np.testing.assert_array_equal(held.predict(lists)["score"], held.predict(given)["score"])


def test_whole_numbers_may_come_as_floats(held: run.Run) -> None:
    given = inputs(3)
    floats = given | {"k": given["k"].astype("float64")}
    np.testing.assert_array_equal(held.predict(floats)["score"], held.predict(given)["score"])


def test_any_tensor_goes_by_its_name(held: run.Run) -> None:
    names = (
        "encoder@0", "encoder@1", "first", "words.looked", "words.flat", "third", "a", "merged",
    )  # fmt: skip
    made = held.predict(inputs(), at=names)
    np.testing.assert_array_equal(made["encoder@0"], made["first"])
    assert not np.array_equal(made["encoder@0"], made["encoder@1"])
    assert made["words.looked"].shape == (11, 2, 3)
    np.testing.assert_array_equal(made["words.flat"], made["third"])
    np.testing.assert_array_equal(made["merged"][:, 4:8], made["encoder@1"])
    np.testing.assert_allclose(made["a"], inputs()["a"], rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("frist", "first"),
        ("words.lokked", "looked"),
        ("encoder@7", "encoder"),
        ("encoder", "encoder@0"),
        ("", ""),
        ("words.", ""),
        ("@1", ""),
        ("score@x", ""),
        ("${a}", ""),
    ],
)
def test_a_name_that_is_none_is_refused_with_near_ones(held: run.Run, name: str, says: str) -> None:
    for _ in range(2):  # what the first refusal said does not stay
        assert says in refusal(lambda: held.predict(inputs(), at=(name,)))
    held.predict(inputs(), at=("first",))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"a": np.zeros((11, 6, 4))}, "this is (11, 6, 4)"),
        ({"a": np.zeros((6, 3))}, "array[None]"),
        ({"a": 3.0}, "this is ()"),
        ({"a": np.zeros((4, 6, 3))}, "`a` has 4, `b` has 11"),
        ({"a": np.zeros((11, 5, 3))}, "it is 5 in `a` and 6 in `b`"),
        ({"a": [[1, 2], [3]]}, "ragged-row"),
        ({"a": np.full((11, 6, 3), "x")}, "sample 0"),
        ({"a": np.full((11, 6, 3), np.nan)}, "not a finite number"),
        ({"a": np.full((11, 6, 3), None)}, "a"),
        ({"a": np.full((11, 6, 3), 1j)}, "complex128"),
        ({"a": {"b": 1}}, "the input `a`"),
        ({"k": np.full((11, 2), 1.5)}, "`1.5` is not a whole number"),
        ({"k": np.full((11, 2), 2**40)}, "does not fit int32"),
    ],
)
def test_what_does_not_fit_an_input_is_said_to(
    held: run.Run, changes: dict[str, Any], says: str
) -> None:
    assert says in refusal(lambda: held.predict(inputs(**changes)))


def test_words_outside_the_vocabulary_are_refused(held: run.Run) -> None:
    for bad in (np.full((11, 2), 5), np.full((11, 2), -1)):
        given = inputs(k=bad)
        assert f"`{bad[0, 0]}` is not one of 0 to 4" in refusal(lambda g=given: held.predict(g))


def test_a_missing_input_is_named_with_what_was_given(held: run.Run) -> None:
    given = inputs()
    given["bb"] = given.pop("b")
    said = refusal(lambda: held.predict(given))
    assert "the model has an input `b`" in said
    assert "`bb`" in said


def test_all_faults_are_reported_at_once(held: run.Run) -> None:
    said = refusal(lambda: held.predict({"a": np.zeros((2, 2)), "k": np.full((2, 2), 0.5)}))
    assert said.count("the input `") == 2
    assert "an input `b`" in said


def test_a_run_without_weights_says_so(held: run.Run, tmp_path: Path) -> None:
    text = Path(held.folder, "spec.yaml").read_text()
    (tmp_path / "spec.yaml").write_text(text)
    with pytest.raises(Unreadable, match="before it kept its first"):
        run.load(str(tmp_path), device="cpu").predict(inputs())


def test_integer_outputs_stay_integers(spec: SpecFile, tmp_path: Path) -> None:
    path = spec("inputs: {k: {shape: [4], dtype: int32}}\n"
                "layers: {y: {type: Reshape, target_shape: [2, 2]}}\n")  # fmt: skip
    run.build(graph_of(path), str(tmp_path / "run"))
    made = run.load(str(tmp_path / "run"), device="cpu").predict({"k": np.arange(8).reshape(2, 4)})
    assert made["y"].dtype == np.int32
    np.testing.assert_array_equal(made["y"].reshape(2, 4), np.arange(8).reshape(2, 4))


def test_without_a_loss_there_is_nothing_to_evaluate(held: run.Run, tmp_path: Path) -> None:
    rows = npz(tmp_path, **inputs())
    assert "no output has a loss" in refusal(lambda: held.evaluate(str(rows)))
