"""Recurring runs of entries become blocks, and nothing that a model computes changes."""

from __future__ import annotations

from itertools import pairwise

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers as L

import modelspec
from modelspec.compiler import compile
from modelspec.exchange.keras.words import same
from modelspec.exchange.motifs.spec import folded
from modelspec.source.text import Source
from modelspec.source.tree import parse, to_plain, write
from tests.exchange.models import proved, text


@pytest.fixture(autouse=True)
def _fresh_names():
    keras.utils.clear_session(free_memory=False)


def as_blocks(spec):
    """The text of a spec with blocks, after holding each of its steps to the flat one's."""
    flat = compile(Source("flat.yaml", spec))
    made = folded(to_plain(parse(Source("flat.yaml", spec))), flat)
    if made is None:
        return spec
    after = write(made.plain)
    alike(flat, compile(Source("folded.yaml", after)), made)
    return after


def alike(flat, graph, made):
    """Whether two graphs run the same layers on the same tensors, with the same weights."""
    assert len(flat.program.steps) == len(graph.program.steps)
    for one, other in zip(flat.program.steps, graph.program.steps, strict=True):
        assert made.path(one.definition.path) == other.definition.path
        assert same(one.layer, other.layer)
        assert (one.inputs, one.outputs) == (other.inputs, other.outputs)
        assert one.definition.frozen == other.definition.frozen
        assert one.compute == other.compute
    assert flat.program.inputs == graph.program.inputs
    assert flat.program.outputs == graph.program.outputs
    moved = {made.path(name): weight.shape for name, weight in flat.weights().items()}
    assert moved == {name: weight.shape for name, weight in graph.weights().items()}
    assert len(graph.warnings) <= len(flat.warnings)


# -- what is written ---------------------------------------------------------------------------


def unit(x, name, filters, strides=1):
    y = L.Conv2D(filters, 3, strides, padding="same", name=f"{name}_1_conv")(x)
    y = L.BatchNormalization(name=f"{name}_1_bn")(y)
    y = L.Activation("relu", name=f"{name}_1_relu")(y)
    y = L.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(y)
    if strides > 1 or x.shape[-1] != filters:
        x = L.Conv2D(filters, 1, strides, name=f"{name}_0_conv")(x)
    return L.Activation("relu", name=f"{name}_out")(L.Add(name=f"{name}_add")([x, y]))


def residual_network():
    x = image = keras.Input((8, 8, 4), name="image")
    for stage, filters in ((2, 4), (3, 8), (4, 12)):
        x = unit(x, f"conv{stage}_block1", filters, 2)
        x = unit(x, f"conv{stage}_block2", filters)
        x = unit(x, f"conv{stage}_block3", filters)
    x = L.Dense(3, name="label")(L.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(image, x, name="net")


def test_a_residual_network_reads_as_a_person_would_write_it(tmp_path):
    written = text(proved(residual_network(), tmp_path))
    assert (
        written.partition("\n\n")[2]
        == """\
modelspec: 1
name: net
inputs: {image: [8, 8, 4]}
blocks:
  conv_block:
    params: {filters: 4}
    inputs: {x: [null, null, null]}
    layers:
      conv_1: {type: Conv2D, filters: "${filters}", kernel_size: 3, padding: same}
      bn_1: {type: BatchNormalization}
      relu_1: {type: Activation, activation: relu}
      conv_2: {type: Conv2D, filters: "${filters}", kernel_size: 3, padding: same}
      add: {type: Add, from: [x, conv_2]}
      out: {type: Activation, activation: relu}
  conv_block_shortcut:
    params: {filters: 4}
    inputs: {x: [null, null, null]}
    layers:
      conv_1: {type: Conv2D, filters: "${filters}", kernel_size: 3, strides: 2, padding: same}
      bn_1: {type: BatchNormalization}
      relu_1: {type: Activation, activation: relu}
      conv_2: {type: Conv2D, filters: "${filters}", kernel_size: 3, padding: same}
      conv_0: {type: Conv2D, filters: "${filters}", kernel_size: 1, strides: 2, from: x}
      add: {type: Add, from: [conv_0, conv_2]}
      out: {type: Activation, activation: relu}
layers:
  conv2_block1: {type: conv_block_shortcut}
  conv2_blocks: {type: conv_block, repeat: 2}
  conv3_block1: {type: conv_block_shortcut, filters: 8}
  conv3_blocks: {type: conv_block, filters: 8, repeat: 2}
  conv4_block1: {type: conv_block_shortcut, filters: 12}
  conv4_blocks: {type: conv_block, filters: 12, repeat: 2}
  pool: {type: GlobalAveragePooling2D}
  label: {type: Dense, units: 3}
outputs: [label]
"""
    )


def test_equal_layers_in_a_row_are_counted_within_a_block(tmp_path):
    x = image = keras.Input((16, 16, 3), name="image")
    for number, filters, times in ((1, 4, 2), (2, 5, 2), (3, 6, 3)):
        for at in range(times):
            x = L.Conv2D(filters, 3, padding="same", name=f"block{number}_conv{at + 1}")(x)
        x = L.MaxPooling2D(name=f"block{number}_pool")(x)
    written = text(proved(keras.Model(image, L.Flatten()(x)), tmp_path))
    assert (
        '{type: Conv2D, filters: "${filters}", kernel_size: 3, padding: same, repeat: "${times}"}'
        in written
    )
    assert "  block2: {type: block, filters: 5}\n" in written
    assert "  block3: {type: block, filters: 6, times: 3}\n" in written


def test_what_later_parts_read_is_an_output_or_no_block(tmp_path):
    x = image = keras.Input((16, 16, 1), name="image")
    skips = []
    for filters in (2, 4, 8):
        for _ in range(2):
            x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = L.Dropout(0.1)(L.MaxPooling2D()(x))
    for filters, skip in zip((8, 4, 2), skips[::-1], strict=True):
        x = L.Conv2DTranspose(filters, 2, strides=2, padding="same")(x)
        x = L.Concatenate()([x, skip])
        for _ in range(2):
            x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
    written = text(proved(keras.Model(image, L.Conv2D(1, 1, name="mask")(x)), tmp_path))
    assert "inputs: {x: [null, null, null], skip: [null, null, null]}" in written
    assert "concatenate: {type: Concatenate, from: [conv2d_transpose, skip]}" in written
    assert written.count("type: up") == 3


def test_outputs_keep_their_names_where_a_block_gives_them(tmp_path):
    model = residual_network()
    model = keras.Model(
        model.input, [model.get_layer("conv3_block3_out").output, model.layers[-3].output]
    )
    model.compile("sgd", ["mse", "mae"])
    written = text(proved(model, tmp_path))
    assert "  conv3_block3_out: {from: conv3_blocks, loss: mse}\n" in written
    assert "  conv4_block3_out: {from: conv4_blocks, loss: mae}\n" in written


def test_frozen_runs_are_frozen_calls(tmp_path):
    model = residual_network()
    for layer in model.layers:
        layer.trainable = not layer.name.startswith(("conv2", "conv3_block1"))
    made = proved(model, tmp_path)
    assert "  conv2_blocks: {type: conv_block, trainable: false, repeat: 2}\n" in text(made)
    trained = sum(int(np.prod(one.shape)) for one in model.trainable_weights)
    assert made.graph.trainable_parameters == trained


def test_a_part_that_is_frozen_everywhere_is_frozen_in_the_block(tmp_path):
    model = residual_network()
    for layer in model.layers:
        layer.trainable = not isinstance(layer, L.BatchNormalization)
    made = proved(model, tmp_path)
    assert "bn_1: {type: BatchNormalization, trainable: false}" in text(made)


def test_what_one_layer_does_in_every_run_stays_one_layer(tmp_path):
    shared = L.Dense(4, name="shared")
    x = start = keras.Input((4,), name="start")
    for number in range(4):
        y = L.LayerNormalization(name=f"step{number}_norm")(x)
        y = L.Dense(8, activation="gelu", name=f"step{number}_wide")(y)
        x = L.Add(name=f"step{number}_add")([x, shared(y := L.Dense(4)(y))])
    made = proved(keras.Model(start, x), tmp_path)
    assert made.graph.parameters == 20 + 4 * (8 + 40 + 36)
    assert text(made).count("use: shared") == 1  # in the block


def test_an_encoder_is_a_block_with_a_count(tmp_path):
    words = keras.Input((9,), dtype="int32", name="words")
    x = L.Embedding(30, 8, mask_zero=True)(words)
    for _ in range(3):
        x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 4)(x, x)]))
        y = L.Dense(8)(L.Dense(16, activation="gelu")(x))
        x = L.LayerNormalization()(x + y)
    written = text(proved(keras.Model(words, L.GlobalAveragePooling1D()(x)), tmp_path))
    assert "  encoders: {type: encoder, repeat: 3}\n" in written
    assert "inputs: {x: [null, null]}" in written


def test_the_same_file_twice_gives_the_same_bytes_with_blocks_too(tmp_path):
    residual_network().save(tmp_path / "m.keras")
    for name in ("one", "two"):
        modelspec.import_model(tmp_path / "m.keras", tmp_path / name)
    for file in ("spec.yaml", "weights.safetensors"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_spec_with_blocks_trains(tmp_path):
    x = start = keras.Input((4,), name="start")
    for number in range(4):
        y = L.Dense(4, name=f"unit{number}_narrow")(
            L.Dense(8, activation="relu", name=f"unit{number}_wide")(x)
        )
        x = L.LayerNormalization(name=f"unit{number}_norm")(L.Add(name=f"unit{number}_add")([x, y]))
    model = keras.Model(start, x)
    model.compile("adam", "mse")
    made = proved(model, tmp_path)
    assert "units: {type: unit, repeat: 4}" in text(made)
    events = list(modelspec.train(made.folder, run=tmp_path / "trained", set=[
        "data.type=Synthetic", "data.samples=8", "train.epochs=1"]))  # fmt: skip
    assert events


def test_two_short_runs_stay_as_they_are():
    spec = """
inputs: {x: [4]}
layers:
  a: {type: Dense, units: 3}
  b: {type: ReLU}
  c: {type: Dropout, rate: 0.5}
  d: {type: Dense, units: 4}
  e: {type: ReLU}
  f: {type: Dropout, rate: 0.5}
outputs: [f]
"""
    assert as_blocks(spec) == spec


# -- nothing changes ---------------------------------------------------------------------------

UNARY = [
    {"type": "Dense", "units": 4},
    {"type": "Dense", "units": 4, "activation": "relu"},
    {"type": "Dense", "units": 4, "trainable": False},
    {"type": "BatchNormalization"},
    {"type": "BatchNormalization", "epsilon": 0.01},
    {"type": "Dropout", "rate": 0.25},
    {"type": "Dropout", "rate": 0.5},
    {"type": "ReLU"},
    {"use": "both"},
]


@st.composite
def networks(draw):
    """Pieces of a few entries, put one after another, with skips from anywhere above."""
    piece = st.lists(st.integers(0, len(UNARY)), min_size=1, max_size=5)
    pieces = draw(st.lists(piece, min_size=1, max_size=3))
    order = draw(st.lists(st.integers(0, len(pieces) - 1), min_size=2, max_size=12))
    layers, above = {}, ["x"]
    for number, which in enumerate(order):
        start = above[-1]
        for at, kind in enumerate(pieces[which]):
            name = f"part{number}_{at}"
            if kind == len(UNARY):
                other = draw(st.sampled_from([start, above[-1], "x", draw(st.sampled_from(above))]))
                layers[name] = {"type": "Add", "from": [above[-1], other]}
            else:
                layers[name] = {**UNARY[kind], "from": above[-1]}
            above.append(name)
    ends = draw(st.lists(st.sampled_from(above[1:]), max_size=2, unique=True))
    return {
        "inputs": {"x": [4]},
        "shared": {"both": {"type": "Dense", "units": 4}},
        "layers": layers,
        "outputs": list(dict.fromkeys([*ends, above[-1]])),
    }


@settings(max_examples=150, deadline=None)
@given(networks())
def test_blocks_change_no_step_of_any_network(plain):
    as_blocks(write(plain))


def test_blocks_take_time_that_grows_with_the_network_alone():
    """Work is counted by the classes of runs that are looked at, not by a clock."""
    from modelspec.exchange.motifs import search

    looked: list[int] = []
    for times in (20, 40, 80):
        count = 0
        read = search.Run.read

        def counting(run, token, read=read):
            nonlocal count
            count += 1
            return read(run, token)

        search.Run.read = counting
        try:
            as_blocks(chain(times))
        finally:
            search.Run.read = read
        looked.append(count)
    assert all(later < 3 * earlier for earlier, later in pairwise(looked))


def chain(times):
    """Dense, normalized and added to what was before, so many times."""
    lines = ["inputs: {x: [4]}", "layers:"]
    before = "x"
    for at in range(times):
        lines += [
            f"  u{at}_dense: {{type: Dense, units: 4, from: {before}}}",
            f"  u{at}_norm: {{type: LayerNormalization}}",
            f"  u{at}_add: {{type: Add, from: [{before}, u{at}_norm]}}",
        ]
        before = f"u{at}_add"
    return "\n".join([*lines, f"outputs: [{before}]", ""])
