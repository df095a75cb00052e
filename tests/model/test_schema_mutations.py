"""The JSON Schema refuses what a schema can see: a fault of each kind, put into a valid spec."""

from __future__ import annotations

import json

import jsonschema
import pytest

import modelspec
from modelspec.model.schema import schema
from modelspec.source.text import Source
from modelspec.source.tree import parse, to_plain

SPEC = """\
modelspec: 1
params: {width: 8}
inputs:
  image: {shape: [8, 8, 1], dtype: float32}
  extra: [4]
shared:
  wide: {type: Dense, units: "${width}"}
layers:
  conv: {type: Conv2D, filters: 8, kernel_size: 3, padding: same, from: image}
  flat: {type: Flatten}
  side: {use: wide, from: extra}
  drop: {type: Dropout, rate: 0.5, from: flat}
  both: {type: Concatenate, from: [drop, side]}
  score: {type: Dense, units: 1, activation: sigmoid, kernel_regularizer: {type: L2, l2: 0.1}}
outputs:
  score: {loss: binary_crossentropy, loss_weight: 0.5, metrics: [{type: AUC, name: area}]}
data:
  train: {type: Synthetic, samples: 20}
  validation: 0.2
  fields: {score: {column: label}}
train:
  optimizer: {type: Adam, learning_rate: {type: CosineDecay, initial_learning_rate: 0.1, decay_steps: 9}}
  epochs: 2
  callbacks: [{type: EarlyStopping, monitor: val_loss}]
"""  # noqa: E501

#: what stands in SPEC -> what stands there with a fault
FAULTS = {
    "unknown key": [
        ("params:", "param:"),
        ("inputs:", "inputz:"),
        ("\nlayers:", "\nmodel:"),
        ("outputs:", "output:"),
        ("dtype: float32", "dtypes: float32"),
        ("use: wide, from", "use: wide, form"),
        ("loss_weight", "wieght"),
        ("validation: 0.2", "valid: 0.2"),
        ("epochs: 2", "nb_epoch: 2"),
        ("{column: label}", "{columm: label}"),
        ("use: wide", "uses: wide"),
    ],
    "unknown type": [
        ("type: Conv2D", "type: Conv4D"),
        ("type: Flatten", "type: Flaten"),
        ("type: Flatten", "type: Linear"),
        ("binary_crossentropy", "binary_crossentrop"),
        ("type: AUC", "type: ACU"),
        ("activation: sigmoid", "activation: sigmod"),
        ("type: L2", "type: L3"),
        ("type: Adam", "type: Adams"),
        ("type: CosineDecay", "type: CosDecay"),
        ("type: EarlyStopping", "type: EarlyStop"),
        ("type: Synthetic", "type: Random"),
    ],
    "unknown argument": [
        ("filters: 8", "filter: 8, filters: 8"),
        ("type: Flatten", "type: Flatten, axis: 1"),
        ("rate: 0.5", "rate: 0.5, p: 0.5"),
        ("l2: 0.1", "l3: 0.1"),
        ("{type: Adam", "{lr: 1, type: Adam"),
        ("decay_steps: 9", "decay_steps: 9, steps: 2"),
        ("monitor: val_loss", "watch: val_loss"),
        ("{type: AUC", "{threshold: 1, type: AUC"),
        ("samples: 20", "samples: 20, rows: 3"),
    ],
    "missing argument": [
        ("filters: 8, ", ""),
        ("kernel_size: 3, ", ""),
        ("units: 1, ", ""),
        (", decay_steps: 9", ""),
        ("{shape: [8, 8, 1], dtype", "{dtype"),
        ("type: Flatten", ""),
    ],
    "wrong kind of value": [
        ("units: 1", "units: one"),
        ("units: 1", "units: 1.5"),
        ("units: 1", "units: [1]"),
        ("kernel_size: 3", "kernel_size: {height: 3}"),
        ("kernel_size: 3", "kernel_size: [3, big]"),
        ("rate: 0.5", "rate: half"),
        ("rate: 0.5", "rate: true"),
        ("padding: same", "padding: smae"),
        ("dtype: float32", "dtype: float"),
        ("extra: [4]", "extra: 4"),
        ("extra: [4]", "extra: [4.5]"),
        ("modelspec: 1", "modelspec: 2"),
        ("loss_weight: 0.5", "loss_weight: low"),
        ("epochs: 2", "epochs: many"),
        ("epochs: 2", "shuffle: yes"),
        ("epochs: 2", "precision: float8"),
        ("from: [drop, side]", "from: 3"),
        ("flat: {type: Flatten}", "flat: 7"),
        ("metrics: [{type: AUC, name: area}]", "metrics: [3]"),
        ("data:\n  train: {type: Synthetic, samples: 20}", "data:\n  train: 3"),
    ],
    "number out of range": [
        ("units: 1,", "units: 0,"),
        ("filters: 8", "filters: -8"),
        ("rate: 0.5", "rate: 1.5"),
        ("kernel_size: 3", "kernel_size: 0"),
        ("epochs: 2", "epochs: 0"),
        ("epochs: 2", "clip_norm: 0"),
        ("validation: 0.2", "validation: 1.2"),
        ("loss_weight: 0.5", "loss_weight: -0.5"),
        ("shape: [8, 8, 1]", "shape: [8, -8, 1]"),
        ("samples: 20", "samples: 0"),
    ],
    "bad name": [
        ("  drop: {", "  2drop: {"),
        ("  drop: {", "  drop.it: {"),
        ("  extra: [4]", "  ex tra: [4]"),
    ],
}
CASES = [(kind, *fault) for kind, faults in FAULTS.items() for fault in faults]


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(schema())


def plain(text):
    return json.loads(json.dumps(to_plain(parse(Source("spec.yaml", text)))))


def test_the_spec_without_a_fault_is_valid(validator):
    assert modelspec.check(SPEC)
    validator.validate(plain(SPEC))


@pytest.mark.parametrize(("kind", "right", "wrong"), CASES)
def test_a_fault_that_a_schema_can_see_is_refused(validator, kind, right, wrong):
    assert right in SPEC
    text = SPEC.replace(right, wrong)
    with pytest.raises(modelspec.Rejected):
        modelspec.check(text)
    assert not validator.is_valid(plain(text))


def test_the_faults_are_of_every_kind_and_many():
    assert len(set(CASES)) == len(CASES) >= 40
    assert len(FAULTS) >= 6


def test_where_a_spec_has_blocks_any_name_is_a_type(validator):
    block = "blocks: {wide: {inputs: {x: [null]}, layers: [Flatten]}}\n"
    entry = "layers: [{type: wide}, {type: TimeDistributed, layer: {type: wide}}]\n"
    validator.validate(plain(block + entry))
    assert not validator.is_valid(plain(entry))
    assert not validator.is_valid(plain(block + "layers: [{type: Dense, unit: 3}]\n"))
