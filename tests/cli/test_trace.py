"""`--trace NAME`: the entries and shapes that led to a tensor, or up to a fault."""

from __future__ import annotations

import json

import pytest

RIGHT = """\
inputs: {image: [8, 8, 1], other: [3]}
shared:
  vision: {inputs: {x: [8, 8, 1]}, layers: {flat: {type: Flatten}, d: {type: Dense, units: 4}}}
layers:
  seen: {use: vision, from: image}
  side: {type: Dense, units: 9, from: other}
  y:    {type: Dense, units: 1, from: seen}
outputs: [y, side]
"""
WRONG = RIGHT.replace("d: {type: Dense, units: 4}", "d: {type: Conv2D, filters: 4, kernel_size: 3}")
WRAPPED = """\
inputs: {x: [5, 8]}
layers:
  steps: {type: TimeDistributed, layer: {inputs: {x: [8]}, layers: {a: {type: Dense, units: 4}, b: {type: LSTM, units: 2}}}}
  y: {type: Dense, units: 1}
"""  # noqa: E501
BLOCK = """\
inputs: {x: [8]}
blocks:
  res: {inputs: {x: [null]}, layers: {a: {type: Dense, units: 8}, b: {type: Add, from: [x, a]}}}
layers:
  r: {type: res, repeat: 2}
"""


def rows(done):
    """Name, and what it gives or why not, a row."""
    document = json.loads(done.out)
    return [
        (row["name"], row["outputs"] if row["reached"] else row["code"])
        for row in document["specs"][0]["trace"]
    ]


def traced(modelspec, name):
    return modelspec("validate", "spec.yaml", "--trace", name, "--format", "json")


def test_only_what_led_to_the_tensor_is_shown_from_the_inputs_on(modelspec, spec):
    spec(RIGHT)
    done = traced(modelspec, "y")
    assert done.code == 0
    assert rows(done) == [
        ("image", [[8, 8, 1]]), ("seen", []), ("seen.flat", [[64]]), ("seen.d", [[4]]),
        ("y", [[1]]),
    ]  # fmt: skip


def test_a_trace_of_a_wrong_spec_ends_at_the_fault(modelspec, spec, snapshot):
    spec(WRONG)
    done = modelspec("validate", "spec.yaml", "--trace", "y")
    assert done.code == 1
    assert "error[wrong-rank]" in done.err
    snapshot("validate_trace.txt", done.out)


def test_what_stands_behind_the_fault_is_not_reached(modelspec, spec):
    spec(WRONG)
    assert rows(traced(modelspec, "y")) == [
        ("image", [[8, 8, 1]]), ("seen", []), ("seen.flat", [[64]]), ("seen.d", "wrong-rank"),
        ("y", None),
    ]  # fmt: skip


def test_it_goes_into_wrappers(modelspec, spec):
    spec(WRAPPED)
    assert rows(traced(modelspec, "y")) == [
        ("x", [[5, 8]]), ("x[t]", [[8]]), ("steps.a", [[4]]), ("steps.b", "wrong-rank"),
        ("steps", "wrong-rank"), ("y", None),
    ]  # fmt: skip
    spec(WRAPPED.replace("b: {type: LSTM, units: 2}", "b: {type: Dense, units: 2}"))
    assert rows(traced(modelspec, "steps")) == [
        ("x", [[5, 8]]), ("x[t]", [[8]]), ("steps.a", [[4]]), ("steps.b", [[2]]),
        ("steps", [[5, 2]]),
    ]  # fmt: skip


def test_it_goes_through_blocks_that_are_repeated(modelspec, spec):
    spec(BLOCK)
    assert [name for name, _ in rows(traced(modelspec, "r"))] == [
        "x", "r_1", "r_1.a", "r_1.b", "r_2", "r_2.a", "r_2.b",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["seen.flat", "vision@0", "image"])
def test_any_tensor_has_a_trace(modelspec, spec, name):
    spec(RIGHT)
    assert rows(traced(modelspec, name))[0] == ("image", [[8, 8, 1]])


def test_an_entry_that_could_not_be_read_is_where_it_ends(modelspec, spec):
    spec(RIGHT.replace("type: Dense, units: 9", "type: Dens1, units: 9") + "")
    done = modelspec("validate", "spec.yaml", "--trace", "side")
    assert done.code == 1
    assert "could not be read" in done.out


def test_an_unknown_name_is_an_error_with_the_near_ones(modelspec, spec):
    spec(RIGHT)
    done = modelspec("validate", "spec.yaml", "--trace", "sied")
    assert done.code == 1
    assert "--trace:1:1" in done.err
    assert "did you mean `side`?" in done.err


def test_each_row_says_where_its_entry_stands(modelspec, spec):
    spec(RIGHT)
    last = json.loads(traced(modelspec, "y").out)["specs"][0]["trace"][-1]
    assert (last["path"], last["line"], last["column"]) == ("spec.yaml", 7, 3)
    assert last["from"] == [{"name": "seen.d", "shape": [4]}]


def test_summary_shows_it_too_also_of_a_wrong_spec(modelspec, spec):
    spec(RIGHT)
    right = modelspec("summary", "spec.yaml", "--trace", "y")
    assert (right.code, right.err) == (0, "")
    assert "Model: spec" in right.out
    assert "Trace of y" in right.out
    spec(WRONG)
    wrong = modelspec("summary", "spec.yaml", "--trace", "y")
    assert wrong.code == 1
    assert wrong.out.startswith("Trace of y")
    assert "error[wrong-rank]" in wrong.err


def test_a_text_that_is_no_spec_has_its_errors_alone(modelspec, spec):
    spec("a: [")
    done = modelspec("validate", "spec.yaml", "--trace", "y")
    assert (done.code, done.out) == (1, "")
