"""Names of torch's and of older Kerases lead to the words here."""

from __future__ import annotations

import pytest

from modelspec.catalog.legacy import ARGUMENTS, TYPES, argument_meant, word_meant
from modelspec.catalog.training import Training
from modelspec.catalog.words import find, names, spellings
from modelspec.compiler import compile
from modelspec.model.sections import OUTPUT_KEYS
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source


@pytest.mark.parametrize("group", TYPES)
def test_each_name_leads_to_a_word_and_is_none_itself(group):
    known = spellings(group)
    assert [name for name in TYPES[group] if name in known] == []
    assert [one for ours in TYPES[group].values() for one in ours if one not in known] == []


def test_each_argument_leads_to_one_that_something_takes():
    taken = {*OUTPUT_KEYS, *Training.arguments, "from", "inputs", "shape"}
    for group in ("layers", "losses", "optimizers", "callbacks", "schedules"):
        for name in names(group):
            cls = find(group, name)
            assert cls is not None
            taken |= set(cls.arguments)
    assert {one for ours in ARGUMENTS.values() for one in ours} - taken == set()


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("{type: Linear}", "`Dense`"),
        ("{type: MaxPool2d}", "`MaxPooling2D`"),
        ("{type: BatchNorm2d}", "`BatchNormalization`"),
        ("{type: ConvTranspose1d}", "`Conv1DTranspose`"),
        ("{type: Sigmoid}", "`Activation`"),
        ("{type: Dense, output_dim: 3}", "`units`"),
        ("{type: Dense, out_features: 3}", "`units`"),
        ("{type: Dense, units: 3, in_features: 3}", "leave `in_features` out"),
        ("{type: Dense, units: 3, input_shape: [3]}", "`inputs: {name: [shape]}`"),
        ("{type: Conv2D, nb_filter: 3, kernel_size: 3}", "`filters`"),
        ("{type: Conv2D, filters: 3, kernel_size: 3, border_mode: same}", "`padding`"),
        ("{type: Dropout, p: 0.5}", "`rate`"),
        ("{type: Dense, units: 3, kernel_initializer: xavier_uniform}", "`glorot_uniform`"),
    ],
)
def test_a_layer_that_others_call_so_is_found(entry, meant):
    assert meant in helped(f"inputs: {{x: [8, 8, 3]}}\nlayers: [{entry}]\n")


@pytest.mark.parametrize(
    ("rest", "meant"),
    [
        ("outputs: {y: {loss: mse, wieght: 0.2}}", "`loss_weight`"),
        ("outputs: {y: {loss: CrossEntropyLoss}}", "`SparseCategoricalCrossentropy`"),
        ("outputs: {y: {loss: mse}}\ntrain: {nb_epoch: 3}", "`epochs`"),
        ("outputs: {y: {loss: mse}}\ntrain: {optimizer: {type: Adam, lr: 0.1}}", "`learning_rate`"),
    ],
)
def test_a_key_that_others_call_so_is_found(rest, meant):
    assert meant in helped(f"inputs: {{x: [4]}}\nlayers: {{y: {{type: Dense, units: 1}}}}\n{rest}")


def test_what_nobody_calls_so_is_looked_up_by_its_spelling():
    assert word_meant("layers", "Dens", ["Dense"]) == ("did you mean `Dense`?",)
    assert argument_meant("unit", ["units"]) == ("did you mean `units`?",)
    assert argument_meant("lr", ["units"]) == ()


def helped(text: str) -> str:
    with pytest.raises(Rejected) as caught:
        compile(Source("spec.yaml", text))
    return "\n".join(line for one in caught.value.diagnostics for line in one.help)
