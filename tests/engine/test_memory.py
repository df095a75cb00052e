"""The estimate of a step's memory, held against what torch allocates."""

from __future__ import annotations

import pytest

import modelspec
from modelspec.model.memory import Memory
from tests.conftest import ROOT
from tests.engine.peak import peak

#: What the estimate may be off by.
LOW, HIGH = 0.8, 1.25


def ratio(spec, *settings) -> float:
    graph = modelspec.check(spec, set=settings)
    return Memory(graph).at(graph.spec.training.batch_size) / peak(graph)


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        ("mlp", 512), ("conv_nodes", 16), ("residual", 8), ("digits", 256), ("resnet", 64),
        ("transformer", 64), ("vit", 64), ("unet", 64), ("tweets", 8), ("same_digit_pairs", 64),
        ("headline", 32),
    ],
)  # fmt: skip
def test_the_estimate_of_a_spec_is_near_what_torch_takes(name, batch):
    assert LOW < ratio(ROOT / "specs" / f"{name}.yaml", f"train.batch_size={batch}") < HIGH


LAYERS = {
    "gru": ("[60, 40]", "{type: GRU, units: 48}"),
    "gru_sequences": ("[60, 40]", "{type: GRU, units: 48, return_sequences: true}"),
    "simple": ("[60, 40]", "{type: SimpleRNN, units: 48}"),
    "lstm": ("[60, 40]", "{type: LSTM, units: 96, return_sequences: true}"),
    "both_ways": ("[60, 40]", "{type: Bidirectional, layer: {type: LSTM, units: 32}}"),
    "each_step": ("[9, 16, 16, 3]", "{type: TimeDistributed, layer: "
                  "{type: Conv2D, filters: 24, kernel_size: 3, activation: relu}}"),
    "gelu": ("[50, 32]", "{type: Dense, units: 64, activation: gelu}"),
    "separable": ("[32, 32, 8]", "{type: SeparableConv2D, filters: 16, kernel_size: 3}"),
    "strided": ("[33, 32, 8]", "{type: Conv2D, filters: 8, kernel_size: 3, strides: 2, "
                "padding: same}"),
    "max_pool": ("[32, 32, 8]", "{type: MaxPooling2D}"),
    "attention": ("[48, 32]", "{type: MultiHeadAttention, num_heads: 4, key_dim: 8, "
                  "dropout: 0.1, from: [x, x]}"),
    "normalized": ("[32, 32, 8]", "{type: BatchNormalization}"),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_the_estimate_of_a_layer_is_near_what_torch_takes(name):
    shape, layer = LAYERS[name]
    text = f"""\
inputs: {{x: {shape}}}
layers: {{before: {{type: Dense, units: 24}}, layer: {layer}, out: {{type: Dense, units: 4}}}}
outputs: {{out: {{loss: mse}}}}
train: {{batch_size: 32}}
"""
    assert LOW < ratio(text) < HIGH


@pytest.mark.parametrize(
    "training",
    [
        "optimizer: sgd", "optimizer: {type: sgd, momentum: 0.9}", "optimizer: adam",
        "optimizer: {type: adam, amsgrad: true, use_ema: true}", "optimizer: adadelta",
        "optimizer: {type: adam, gradient_accumulation_steps: 2}", "optimizer: adafactor",
        "optimizer: adam, clip_norm: 1.0", "optimizer: lamb", "optimizer: ftrl",
    ],
)  # fmt: skip
def test_the_estimate_knows_what_an_optimizer_remembers(training):
    text = f"""\
inputs: {{x: [500]}}
layers: [{{type: Dense, units: 800, activation: relu}}, {{type: Dense, units: 300, name: y}}]
outputs: {{y: {{loss: mse}}}}
train: {{batch_size: 8, {training}}}
"""
    assert LOW < ratio(text) < HIGH


def test_half_precision_halves_what_layers_make():
    graph = modelspec.check(ROOT / "specs" / "resnet.yaml")
    half = modelspec.check(ROOT / "specs" / "resnet.yaml", set=["train.precision=bfloat16"])
    assert Memory(half).outputs == pytest.approx(Memory(graph).outputs / 2, rel=0.01)
