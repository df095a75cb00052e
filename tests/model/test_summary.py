"""Rows, totals and nodes of a graph."""

from __future__ import annotations

import pytest

import modelspec
from modelspec.model.summary import Summary, nodes
from tests.cli.specs import EVERYTHING, TWEETS


def rows(text):
    return {row.path: row for row in Summary(modelspec.check(text)).rows}


def test_a_shared_layer_is_counted_once_and_marked_after_that():
    found = rows(TWEETS)
    assert (found["encoded_a"].parameters, found["encoded_a"].seen) == (800, False)
    assert (found["encoded_b"].parameters, found["encoded_b"].seen) == (800, True)
    assert Summary(modelspec.check(TWEETS)).parameters == 800 + 17


def test_a_shared_graph_shows_its_inside_once():
    found = rows(EVERYTHING)
    assert found["seen_left.residual_2.sum"].depth == 2
    assert found["seen_left.residual_1"].parameters == 2 * (3 * 3 * 4 * 4 + 4)
    assert not any(path.startswith("seen_right.") for path in found)
    assert found["seen_right"].seen
    assert found["edges"].seen
    assert found["frames.vision"].seen


@pytest.mark.parametrize("text", [TWEETS, EVERYTHING], ids=["tweets", "everything"])
def test_the_parameters_of_the_rows_add_up(text):
    summary = Summary(modelspec.check(text))
    paths = [row.path for row in summary.rows]
    leaves = [
        row for row in summary.rows
        if not row.seen and not any(path.startswith(row.path + ".") for path in paths)
    ]  # fmt: skip
    assert sum(row.parameters for row in leaves) == summary.parameters


def test_totals_are_those_of_the_formulas():
    summary = Summary(modelspec.check("inputs: {x: [784]}\nlayers: [{type: Dense, units: 64}]\n"))
    assert summary.parameters == 784 * 64 + 64
    assert summary.weight_bytes == 4 * summary.parameters
    assert summary.operations == 64 * (2 * 784 + 1)
    assert summary.activation_bytes == 4 * (784 + 64)


def test_frozen_weights_are_told_apart():
    text = """\
inputs: {x: [4]}
layers: [{type: Dense, units: 3, trainable: false}, BatchNormalization]
"""
    summary = Summary(modelspec.check(text))
    assert (summary.trainable, summary.frozen) == (6, 15 + 6)


def test_an_open_size_makes_a_total_unknown_and_not_wrong():
    summary = Summary(modelspec.check("inputs: {x: [time, 4]}\nlayers: [{type: LSTM, units: 3}]\n"))
    assert summary.activation_bytes is None
    assert summary.parameters == 4 * 3 * (4 + 3 + 1)


def test_what_a_wrapper_runs_counts_for_every_step():
    inner = "{type: Dense, units: 3}"
    whole = f"inputs: {{x: [7, 5]}}\nlayers: [{{type: TimeDistributed, layer: {inner}}}]\n"
    assert Summary(modelspec.check(whole)).operations == 7 * 3 * (2 * 5 + 1)


def test_every_node_has_its_own_shapes():
    text = """\
inputs: {a: [32, 32, 3], b: [64, 64, 3]}
shared: {conv: {type: Conv2D, filters: 16, kernel_size: 3, padding: same}}
layers:
  small: {use: conv, from: a}
  large: {use: conv, from: b}
outputs: [small, large]
"""
    found = {node.name: node for node in nodes(modelspec.check(text))}
    assert found["conv@0"].inputs == [("a", (32, 32, 3))]
    assert found["conv@1"].inputs == [("b", (64, 64, 3))]
    assert found["conv@1"].outputs == [("large", (64, 64, 16))]
