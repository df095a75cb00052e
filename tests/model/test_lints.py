"""The linter: what it says nothing about, and the fixes that it is sure of."""

from __future__ import annotations

import pytest

import modelspec
from modelspec.catalog.words import bind
from modelspec.compiler import compile
from modelspec.engine.data import open_source
from modelspec.engine.schedules import rate
from modelspec.model.lints.amounts import declared
from modelspec.source.fixes import applied, edits
from modelspec.source.text import Source
from tests.conftest import ROOT
from tests.data.words import source

BIASED = """\
inputs: {x: [8, 8, 3]}
layers:
  a: {type: Conv2D, filters: 4, kernel_size: 3}   # a comment
  b: {type: BatchNormalization}
"""


def codes(text: str) -> list[str]:
    return [one.code for one in modelspec.check(text).warnings]


@pytest.mark.parametrize("spec", sorted((ROOT / "specs").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_specs_that_come_with_the_package_are_not_warned_of(spec):
    assert modelspec.check(spec).warnings == []


@pytest.mark.parametrize(
    ("after", "warned"),
    [
        ("{type: BatchNormalization}", ["needless-bias"]),
        ("{type: BatchNormalization, axis: 1}", []),
        ("{type: BatchNormalization, axis: 3}", ["needless-bias"]),
        ("{type: LayerNormalization}", []),
    ],
)
def test_a_bias_is_needless_where_its_own_axis_is_normalized(after, warned):
    assert codes(BIASED.replace("{type: BatchNormalization}", after)) == warned


def test_a_bias_that_is_read_elsewhere_too_is_not_needless():
    assert codes(BIASED + "  c: {type: Add, from: [a, b]}\n") == []
    assert codes(BIASED + "outputs: [a, b]\n") == []


def test_weights_that_were_trained_keep_their_bias(tmp_path):
    (tmp_path / "spec.yaml").write_text(BIASED)
    assert [one.code for one in modelspec.check(tmp_path).warnings] == ["needless-bias"]
    (tmp_path / "weights.safetensors").write_bytes(b"")
    assert modelspec.check(tmp_path).warnings == []


def test_a_parameter_counts_as_read_wherever_an_expression_names_it():
    assert codes(
        "params: {a: 2, b: '${a * 2}', c: 0.1, d: 3}\n"
        "inputs: {x: ['${b}']}\n"
        "blocks: {wide: {params: {n: '${d}'}, inputs: {x: [null]},"
        " layers: [{type: Dense, units: '${n}'}]}}\n"
        "layers: {y: {type: wide}}\noutputs: {y: {loss: mse}}\n"
        "train: {optimizer: {type: sgd, learning_rate: '${c}'}}\n"
    ) == []  # fmt: skip


def test_a_block_that_waits_to_be_used_is_one_warning():
    text = """\
params: {width: 3}
inputs: {x: [4]}
blocks: {wide: {inputs: {x: [null]}, layers: [{type: Dense, units: "${width}"}]}}
layers: {y: {type: Dense, units: 1}}
"""
    assert codes(text) == ["unused-definition"]


def test_a_tensor_inside_a_graph_that_is_used_from_outside_leads_somewhere():
    text = """\
inputs: {x: [4]}
shared:
  g: {inputs: {x: [4]}, layers: {a: {type: Dense, units: 3}, b: {type: Dense, units: 2, from: x}}}
layers:
  y: {use: g, from: x}
  z: {type: Add, from: [y.a, y.a]}
outputs: [y, z]
"""
    assert codes(text) == []


@pytest.mark.parametrize("name", ["Digits", "DigitPairs"])
def test_a_packaged_data_set_says_how_many_samples_it_has(name):
    graph = modelspec.check(
        "inputs: {x: [4]}\nlayers: {y: {type: Dense, units: 1}}\noutputs: {y: {loss: mse}}\n"
        f"data: {name}\n"
    )
    assert declared(graph) == len(open_source(source(name), []))


@pytest.mark.parametrize(
    ("schedule", "last_fine"),
    [
        ("{type: CosineDecay, initial_learning_rate: 1, decay_steps: N}", 40),
        ("{type: CosineDecay, initial_learning_rate: 1, decay_steps: N, warmup_steps: 9}", 40),
        (
            "{type: CosineDecay, initial_learning_rate: 0, decay_steps: N, warmup_target: 1, "
            "warmup_steps: 9}",
            31,
        ),
        ("{type: PolynomialDecay, initial_learning_rate: 1, decay_steps: N}", 40),
        ("{type: CosineDecayRestarts, initial_learning_rate: 1, first_decay_steps: N}", 40),
        ("{type: PiecewiseConstantDecay, boundaries: [N], values: [1, 2]}", 38),
        ("{type: Warmup, steps: N, schedule: 0.1}", 39),
        (
            "{type: Warmup, steps: 5, schedule: {type: CosineDecay, initial_learning_rate: 1, "
            "decay_steps: N}}",
            35,
        ),
        (
            "{type: ExponentialDecay, initial_learning_rate: 1, decay_steps: N, decay_rate: 0.5, "
            "staircase: true}",
            39,
        ),
    ],
)
def test_a_schedule_is_too_long_where_its_end_changes_no_update(schedule, last_fine):
    def warned(steps: int) -> list[str]:
        """Of 40 updates: 4 epochs of 20 steps, two steps to an update."""
        written = schedule.replace("N", str(steps))
        return codes(
            "inputs: {x: [4]}\nlayers: {y: {type: Dense, units: 1}}\noutputs: {y: {loss: mse}}\n"
            "data: {type: Synthetic, samples: 195}\n"
            "train: {batch_size: 10, epochs: 4, optimizer: {type: sgd, "
            f"gradient_accumulation_steps: 2, learning_rate: {written}}}}}\n"
        )

    assert (warned(last_fine), warned(last_fine + 1)) == ([], ["long-schedule"])


@pytest.mark.parametrize(
    ("name", "fine", "late", "arguments"),
    [
        ("PiecewiseConstantDecay", {"boundaries": [38]}, {"boundaries": [39]}, {"values": [1, 2]}),
        ("Warmup", {"steps": 39}, {"steps": 40}, {"schedule": 2.0}),
        (
            "ExponentialDecay", {"decay_steps": 39}, {"decay_steps": 40},
            {"initial_learning_rate": 1, "decay_rate": 2, "staircase": True},
        ),
    ],
)  # fmt: skip
def test_the_last_of_forty_updates_is_where_the_engine_too_comes_to_the_end(
    name, fine, late, arguments
):
    def last(given):
        return rate(bind("schedules", {"type": name, **given, **arguments}), 39)

    assert last(fine) == 2
    assert last(late) < 2


def fixed(text: str) -> str:
    source = Source("spec.yaml", text)
    return applied(source, edits(compile(source).warnings, source))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: {type: Dense, units: 3}  # why", "a: {type: Dense, units: 3, use_bias: false}  # why"),
        ("a: { type: Dense, units: 3 }", "a: { type: Dense, units: 3, use_bias: false }"),
        ("a: {type: Dense,\n      units: 3}", "a: {type: Dense,\n      units: 3, use_bias: false}"),
        ("a:\n    type: Dense  # b\n    units: 3",
         "a:\n    type: Dense  # b\n    use_bias: false\n    units: 3"),
        ("a: {type: Dense, units: 3, use_bias: true}",
         "a: {type: Dense, units: 3, use_bias: false}"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_needless_bias_is_taken_away_where_the_entry_stands(before, after, end):
    text = f"inputs: {{x: [4]}}\nlayers:\n  {before}\n  b: {{type: BatchNormalization}}\n"
    mended = text.replace(before, after).replace("\n", end)
    assert fixed(text.replace("\n", end)) == mended
    assert codes(mended) == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("{type: EarlyStopping, monitor: mae, mode: max}",
         "{type: EarlyStopping, monitor: mae, mode: min}"),
        ("{type: EarlyStopping, monitor: r2_score}",
         "{type: EarlyStopping, monitor: r2_score, mode: max}"),
        ("{type: EarlyStopping, monitor: val_los}", "{type: EarlyStopping, monitor: val_loss}"),
    ],
)  # fmt: skip
def test_a_callback_gets_the_quantity_and_the_direction_that_were_meant(wrong, right):
    text = (
        "inputs: {x: [4]}\nlayers: {y: {type: Dense, units: 1}}\n"
        "outputs: {y: {loss: mse, metrics: [mae, r2_score]}}\n"
        f"train: {{callbacks: {wrong}}}\n"
    )
    assert fixed(text) == text.replace(wrong, right)
    assert codes(fixed(text)) == []


def test_a_field_gets_the_name_that_was_meant():
    text = (
        "inputs: {x: [4]}\nlayers: {score: {type: Dense, units: 1}}\n"
        "outputs: {score: {loss: mse}}\ndata: {train: rows.csv, fields: {scroe: {column: y}}}\n"
    )
    assert fixed(text) == text.replace("scroe", "score")
