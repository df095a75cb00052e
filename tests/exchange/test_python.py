"""`modelspec export --to python`: plain PyTorch that computes what the engine does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import torch

import modelspec
from modelspec.engine.module import Module
from modelspec.engine.run import build
from modelspec.exchange import export_python
from modelspec.exchange.export import BATCHES, difference, export
from modelspec.exchange.python.source import python_source
from modelspec.model.show import show
from modelspec.source import tree as yaml
from tests.exchange.export_specs import ROOT, drawn, randomised
from tests.exchange.models import randomised as randomised_in_keras

GROUPS = {
    "layers": ("activation", "attention", "audio", "augmentation", "categories", "cells",
               "constants", "conv_recurrent", "convolution", "core", "einsum", "foreign", "lookup",
               "text"),
    "more layers": ("merging", "normalization", "pooling", "preprocessing", "recurrent",
                    "regularization", "reshaping", "sequence_attention", "wrappers"),
    "operations": ("ops.elementwise", "ops.pairwise", "ops.pieces", "ops.product",
                   "ops.reduction", "ops.shaping"),
}  # fmt: skip
SPECS = (
    "headline", "tweets", "mlp", "residual", "inception", "conv_nodes", "same_digit",
    "same_digit_pairs", "sequence_of_mlp", "digits", "resnet", "unet", "vit", "transformer",
)  # fmt: skip
#: A Python class of the user's own, and what gives texts, is refused; what is called on texts is
#: held in test_raw_rows.py.
ON_TEXTS = ("Hashing-1", "Hashing-2", "HashedCrossing-1", "HashedCrossing-2", "StringLookup-1",
            "StringLookup-3", "TextVectorization-3", "TextVectorization-4")  # fmt: skip
REFUSED = {
    **dict.fromkeys(ON_TEXTS, "it is called on texts"),
    "StringLookup-4": "it gives texts",
    **dict.fromkeys(
        ("PythonModule-1", "PythonModule-2", "PythonModule-3"),
        "it is a class of your own, which the file cannot import",
    ),
}
#: With `recurrent_dropout` a file goes step by step, as it trains, where the engine predicts by
#: torch's own kernel: two ways to sum the same products.
OTHER_BITS = {"LSTM-6": "other bits"}
#: A stateful layer goes on from the call before, which a module of plain torch does not.
GOES_ON = "it goes on from the call before"
CARRIED = dict.fromkeys(("ConvLSTM1D-4", "ConvLSTM2D-4", "ConvLSTM3D-4", "RNN-6"), GOES_ON)
EXCEPTIONS = {
    "layers": REFUSED | CARRIED,
    "more layers": {**dict.fromkeys(("LSTM-5", "GRU-7", "SimpleRNN-5"), GOES_ON), **OTHER_BITS},
    "operations": {},
}


def beside_the_engine(folder: Path, wanted: tuple[str, ...]) -> dict[str, str]:
    """What `same_bits` finds: MKL gives the same bits for the same values in its process alone."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.exchange.same_bits", str(folder), *wanted],
        env={**os.environ, "MKL_CBWR": "COMPATIBLE", "OMP_NUM_THREADS": "1"},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def without_a_trace_of_us(folder: Path) -> None:
    """Every file imports torch and the standard library alone."""
    known = ("from __future__", "import json", "from collections.abc", "from typing",
             "import torch", "from torch import")  # fmt: skip
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
        assert not [line for line in lines if not line.startswith(known)], path
        assert "modelspec" not in text.replace(path.stem, "")


def as_a_formatter_leaves_them(folder: Path) -> None:
    ruff = [sys.executable, "-m", "ruff"]
    lines = ["--line-length", "100", "--isolated", "--no-cache", "."]
    for command in (["check", "--extend-select", "E501"], ["format", "--diff"]):
        ran = subprocess.run([*ruff, *command, *lines], cwd=folder, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("group", GROUPS)
def test_every_layer_has_the_engines_bits_and_a_formatters_lines(group, tmp_path):
    assert beside_the_engine(tmp_path, GROUPS[group]) == EXCEPTIONS[group]
    as_a_formatter_leaves_them(tmp_path)
    without_a_trace_of_us(tmp_path)


def test_every_spec_has_the_engines_bits_and_a_formatters_lines(tmp_path):
    specs = tuple(str(ROOT / "specs" / f"{name}.yaml") for name in SPECS)
    assert beside_the_engine(tmp_path, specs) == {}
    as_a_formatter_leaves_them(tmp_path)
    without_a_trace_of_us(tmp_path)


def imported(name: str, folder: Path) -> str:
    """A reference architecture as a run, on images that stay wider than one cell: there torch
    takes either memory order for either kernel.
    """
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
    model = vars(keras.applications)[name](  # its logits: a softmax of large ones hides or blows up
        weights=None, input_shape=(64, 64, 3), classes=10, classifier_activation=None
    )
    randomised_in_keras(model, gamma=0.5).save(folder / f"{name}.keras")
    return modelspec.import_model(folder / f"{name}.keras", folder / name).folder


def test_an_imported_architecture_has_the_engines_bits_and_a_formatters_lines(tmp_path):
    run = imported("MobileNetV2", tmp_path)
    (tmp_path / "made").mkdir()
    assert beside_the_engine(tmp_path / "made", (run,)) == {}
    as_a_formatter_leaves_them(tmp_path / "made")


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["ResNet50", "EfficientNetB0", "DenseNet121"])
def test_every_imported_architecture_has_the_engines_bits(name, tmp_path):
    run = imported(name, tmp_path)
    (tmp_path / "made").mkdir()
    assert beside_the_engine(tmp_path / "made", (run,)) == {}


@pytest.mark.nightly
def test_the_large_specs_have_the_engines_bits(tmp_path):
    specs = tuple(str(ROOT / "specs" / f"{name}.yaml") for name in ("vqa", "video_qa"))
    assert beside_the_engine(tmp_path, specs) == {}


def source_runs_as(module: Module, folder) -> None:
    """The file's outputs are the engine's, at two batch sizes."""
    files = export_python.write(module, str(folder / "made.py"))
    running = export_python.run(module.graph, files)
    for batch in BATCHES:
        inputs = drawn(module, batch)
        with torch.no_grad():
            wanted = module(inputs)
        found = running(inputs)
        for name, value in wanted.items():
            apart, largest = difference(value, found[name])
            assert apart <= 1e-6 * max(1.0, largest), (name, apart, largest)


def source(spec: str) -> str:
    module = modelspec.build(spec)
    return python_source(module.graph, module.weights()).text


def of_one(layer: str, dims: str = "[5, 4]") -> str:
    """A spec of one layer."""
    return f"inputs: {{x: {dims}}}\nlayers:\n  made: {layer}\noutputs: [made]\n"


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
@pytest.mark.parametrize("layer", [
    "Dense, units: 3, activation: relu", "LayerNormalization", "BatchNormalization",
    "UnitNormalization", "LSTM, units: 3", "GRU, units: 3, reset_after: false",
    "Conv1D, filters: 2, kernel_size: 2",
    "MultiHeadAttention, num_heads: 2, key_dim: 2, from: [x, x]", "Softmax",
    "Rescaling, scale: 0.5", "ops.Exp",
])  # fmt: skip
def test_a_layer_computes_in_its_own_dtype(layer, dtype, tmp_path):
    spec = of_one(f"{{type: {layer}, dtype: {dtype}}}")
    source_runs_as(randomised(modelspec.build(spec)), tmp_path)


OVER_GATES = (
    "GRU, units: 3", "GRU, units: 3, reset_after: false", "LSTM, units: 3",
    "ConvLSTM1D, filters: 3, kernel_size: 2",
    "ConvLSTM1D, filters: 3, kernel_size: 2, activation: softmax",
)  # fmt: skip


@pytest.mark.parametrize("layer", OVER_GATES)
@pytest.mark.parametrize("gate", ["softmax", "log_softmax"])
def test_an_activation_over_units_is_over_those_of_each_gate(layer, gate, tmp_path):
    dims = "[4, 5, 4]" if layer.startswith("Conv") else "[5, 4]"
    spec = of_one(f"{{type: {layer}, recurrent_activation: {gate}}}", dims)
    source_runs_as(randomised(modelspec.build(spec)), tmp_path)


def test_integers_round_before_the_point(tmp_path):
    spec = of_one("{type: ops.Round, decimals: -1}", "{shape: [4], dtype: int32}")
    module = modelspec.build(spec)
    running = export_python.run(
        module.graph, export_python.write(module, str(tmp_path / "made.py"))
    )
    given = {"x": torch.tensor([[4, 6, 15, -26]], dtype=torch.int32)}
    assert running(given)["made"].tolist() == module(given)["made"].tolist() == [[0, 10, 20, -30]]


JOINING = (
    "Multiply, from: [a, b]", "Multiply, from: [a, c]", "Maximum, from: [a, b, c]",
    "Minimum, from: [a, b]", "Average, from: [a, b]", "Concatenate, from: [a, c]",
    "Concatenate, axis: 1, from: [a, b]", "Attention, from: [a, b]",
    "GroupQueryAttention, head_dim: 2, num_query_heads: 2, num_key_value_heads: 1, from: [a, b]",
    "LSTM, units: 4, return_sequences: true, from: {sequence: a, initial_state: [h, h]}",
    "GRU, units: 4, return_sequences: true, return_state: true, "
    "from: {sequence: a, initial_state: [h]}",
    "RNN, cell: [{type: GRUCell, units: 3}, {type: LSTMCell, units: 2}], return_sequences: true, "
    "from: a",
    "Bidirectional, layer: {type: RNN, cell: {type: LSTMCell, units: 2}, return_sequences: true}, "
    "from: a",
)  # fmt: skip


@pytest.mark.parametrize("layer", JOINING)
def test_masks_of_several_tensors_hold_in_the_source(layer, tmp_path):
    table = "type: Embedding, input_dim: 9, output_dim: 4"
    spec = f"""
inputs: {{words: {{shape: [6], dtype: int32}}}}
layers:
  a: {{{table}, mask_zero: true}}
  b: {{{table}, mask_zero: true, from: words}}
  c: {{{table}, from: words}}
  h: {{type: GlobalMaxPooling1D, from: c}}
  made: {{type: {layer}}}
  last: {{type: LSTM, units: 3, from: made}}
"""
    source_runs_as(randomised(modelspec.build(spec)), tmp_path)


@pytest.mark.parametrize("inside", [
    "LSTM, units: 3", "Bidirectional, layer: {type: GRU, units: 3}", "GlobalAveragePooling1D",
])  # fmt: skip
def test_a_mask_of_words_in_sentences_goes_through_time_distributed(inside, tmp_path):
    spec = f"""
inputs: {{words: {{shape: [3, 6], dtype: int32}}}}
layers:
  - {{type: Embedding, input_dim: 9, output_dim: 4, mask_zero: true}}
  - {{type: TimeDistributed, layer: {{type: {inside}}}}}
  - {{type: LSTM, units: 2}}
"""
    source_runs_as(randomised(modelspec.build(spec)), tmp_path)


SIZES = """
inputs: {a: [9, 9, 2], b: [8, 8, 2]}
shared: {conv: {type: Conv2D, filters: 3, kernel_size: 3, strides: 2, padding: same}}
layers:
  x: {use: conv, from: a}
  y: {use: conv, from: b}
outputs: [x, y]
"""
OPEN = """
inputs: {x: [height, width, 2]}
layers:
  - {type: Conv2D, filters: 3, kernel_size: 4, strides: 2, padding: same}
  - {type: %sPooling2D, pool_size: 3, strides: 2, padding: same}
"""


@pytest.mark.parametrize(
    "spec", [SIZES, OPEN % "Max", OPEN % "Average"], ids=["two", "max", "mean"]
)
def test_padding_that_the_size_decides_is_found_as_it_runs(spec, tmp_path):
    assert "pad_same(" in source(spec)
    source_runs_as(randomised(modelspec.build(spec)), tmp_path)


def test_random_layers_change_images_in_training_or_say_that_they_are_left_out(tmp_path):
    layers = "{type: Rescaling, scale: 0.5}, {type: RandomFlip}, {type: RandomShear, x_factor: 0.1}"
    module = modelspec.build(of_one(f"{{type: Pipeline, layers: [{layers}]}}", "[4, 4, 3]"))
    files = export_python.write(module, str(tmp_path / "made.py"))
    assert "# RandomShear changes images in training alone: left out here" in (
        Path(files[0]).read_text(encoding="utf-8")
    )
    model, x = (
        export_python.model_of(files),
        torch.arange(48.0).reshape(1, 4, 4, 3).repeat(32, 1, 1, 1),
    )
    assert torch.equal(model(x), x * 0.5)
    torch.manual_seed(0)
    trained = model.train()(x)
    flipped = [torch.equal(one, (x[0] * 0.5).flip(0, 1)) for one in trained]
    kept = [torch.equal(one, x[0] * 0.5) for one in trained]
    assert sum(flipped) + sum(kept) == 32
    assert 8 <= sum(flipped) <= 24


def test_a_layer_may_be_called_like_a_function_that_other_files_take_along():
    layers = "turned: {type: Dense, units: 4}\n  band: {type: ReLU}"
    text = source(f"inputs: {{x: [4]}}\nlayers:\n  {layers}\n")
    assert "turned = self.turned(x)" in text
    assert "band = torch.relu(turned)" in text


def test_a_vocabulary_comes_along(tmp_path):
    layer = "{type: IntegerLookup, vocabulary: [12, 36, 42], output_mode: multi_hot}"
    module = modelspec.build(of_one(layer, "{shape: [3], dtype: int64}"))
    model = export_python.model_of(export_python.write(module, str(tmp_path / "made.py")))
    found = model(torch.tensor([[36, 36, 7]]))
    assert found.tolist() == [[1.0, 0.0, 1.0, 0.0]]  # unknown, 12, 36, 42


def test_layers_that_repeat_are_a_loop(tmp_path):
    spec = of_one("{type: Dense, units: 4, activation: relu, repeat: 3}", "[4]")
    text = source(spec)
    assert "self.made = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])" in text
    assert "        for layer in self.made:\n            made = torch.relu(layer(made))" in text
    source_runs_as(randomised(modelspec.build(spec)), tmp_path)


# torch says this of its own nn.LSTM
@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights:UserWarning")
@pytest.mark.parametrize("name", ["tweets", "resnet", "transformer"])
def test_the_source_goes_through_torch_export(name, tmp_path):
    module = modelspec.build(str(ROOT / "specs" / f"{name}.yaml"))
    model = export_python.model_of(export_python.write(module, str(tmp_path / "made.py")))
    inputs = tuple(drawn(module, 3).values())
    traced = torch.export.export(model, inputs).module()
    assert torch.allclose(traced(*inputs), model(*inputs))


def test_all_that_cannot_be_written_is_said_before_anything_is_written(tmp_path):
    spec = """
inputs: {x: {shape: [height, 8, 3]}, city: {shape: [4], dtype: int32}}
layers:
  - {type: Resizing, height: 4, width: 4, crop_to_aspect_ratio: true, from: x}
  - {type: IntegerLookup, vocabulary: [1, 2], num_oov_indices: 0, from: city}
"""
    run = build(modelspec.check(spec), str(tmp_path / "run"))
    with pytest.raises(modelspec.Rejected) as caught:
        export(run.folder, "python", str(tmp_path / "made.py"))
    assert [one.code for one in caught.value.diagnostics] == ["cannot-export"] * 2
    assert os.listdir(tmp_path) == ["run"]


def test_the_source_imports_torch_alone_and_names_what_the_spec_names():
    text = source(str(ROOT / "specs" / "video_qa.yaml"))
    imports = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert imports == [
        "from __future__ import annotations", "import json", "import torch",
        "import torch.nn.functional as F", "from torch import Tensor, nn",
    ]  # fmt: skip
    for part in (
        "class VisionModel(nn.Module)", "self.vision_model = VisionModel()",
        "encoded_frames = ", "class VideoQa(nn.Module)", "class QuestionEncoder",
    ):  # fmt: skip
        assert part in text


def test_blocks_that_repeat_are_a_loop():
    spec = """
blocks:
  step:
    inputs: {x: [null]}
    layers:
      y: {type: Dense, units: 8, activation: relu}
      z: {type: Add, from: [x, y]}
inputs: {x: [8]}
layers:
  stage: {type: step, repeat: 3}
"""
    module = modelspec.build(spec)
    text = python_source(module.graph, module.weights()).text
    assert "self.stage = nn.Sequential(*[Step() for _ in range(3)])" in text
    assert text.count("class Step(") == 1


def test_a_block_in_several_sizes_is_one_class_with_arguments():
    text = source(str(ROOT / "specs" / "resnet.yaml"))
    for part in (
        "class Residual(nn.Module):", "def __init__(self, filters: int) -> None:",
        "self.stage_2 = nn.Sequential(*[Residual(32) for _ in range(2)])",
        "class Halving(nn.Module):", "self.again = Halving(32, 64)",
        '"""(batch, in_channels, size, size) -> (batch, filters, size // 2, size // 2)"""',
    ):  # fmt: skip
        assert part in text
    assert text.count("(nn.Module)") == 3


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("resnet", ["class Stage(nn.Module):", "def __init__(self, channels: int) -> None:",
                    "self.stage_2 = nn.Sequential(*[Stage(32) for _ in range(2)])",
                    "self.again = Block(32, 64)"]),
        ("unet", ["self.middle = Block(8, 16)", "self.higher = Block2(32, 16)"]),
        ("vit", ["self.encoded = nn.Sequential(*[Encoded() for _ in range(2)])"]),
    ],
)  # fmt: skip
def test_what_a_run_has_written_out_is_one_class_again(name, parts):
    graph = modelspec.check(str(ROOT / "specs" / f"{name}.yaml"))
    module = randomised(modelspec.build(yaml.write(show(graph.spec))))
    text = python_source(module.graph, module.weights()).text
    assert "blocks" not in show(module.graph.spec)
    for part in parts:
        assert part in text


def test_images_stay_with_their_channels_first_between_classes():
    text = source(str(ROOT / "specs" / "resnet.yaml"))
    assert text.count(".permute(") == 1


def test_names_that_python_keeps_for_itself_are_changed():
    spec = """
inputs: {lambda: [4], self: [4]}
layers:
  class: {type: Dense, units: 4, from: lambda}
  forward: {type: Dense, units: 4, from: self}
  torch: {type: Add, from: [class, forward]}
"""
    module = randomised(modelspec.build(spec))
    text = python_source(module.graph, module.weights()).text
    compile(text, "made.py", "exec")
    assert "self.forward_ = nn.Linear(4, 4)" in text
    assert "class_ = self.class_(lambda_)" in text


def test_a_graph_that_is_called_from_two_places_is_written_into_both(tmp_path):
    spec = """
inputs: {a: [6], b: [6]}
shared:
  whole:
    inputs: {x: [6]}
    layers:
      inner: {type: Dense, units: 6, activation: tanh}
      last: {type: Dense, units: 2}
layers:
  one: {use: whole, from: a}
  two: {use: whole.inner, from: b}
  both: {type: Concatenate, from: [one, two, whole.inner]}
"""
    try:
        module = modelspec.build(spec)
    except modelspec.Rejected:
        module = modelspec.build(spec.replace(", whole.inner]", "]"))
    source_runs_as(randomised(module), tmp_path)


def test_what_a_file_is_called_does_not_become_code(tmp_path):
    module = modelspec.build("inputs: {x: [4]}\nlayers:\n  made: {type: ReLU}\n")
    files = export_python.write(module, str(tmp_path / 'a" + str(1) + """.py'))
    text = Path(files[0]).read_text(encoding="utf-8")
    assert "str(1)" not in text
    compile(text, "made.py", "exec")


def test_a_number_without_end_is_written_as_python_reads_it(tmp_path):
    spec = """
inputs: {x: [4]}
layers:
  made: {type: ops.Clip, x_min: 0, x_max: .inf}
"""
    source_runs_as(modelspec.build(spec).eval(), tmp_path)


MASKED = (
    "{type: LSTM, units: 3}",
    "{type: LSTM, units: 3, return_sequences: true, zero_output_for_mask: true}",
    "{type: LSTM, units: 3, return_state: true, activation: relu}",
    "{type: GRU, units: 3, go_backwards: true}",
    "{type: GRU, units: 3, reset_after: false, return_sequences: true}",
    "{type: SimpleRNN, units: 3}",
    "{type: Bidirectional, layer: {type: LSTM, units: 3, return_sequences: true}}",
    "{type: Bidirectional, layer: {type: GRU, units: 3}, merge_mode: ave}",
    "{type: GlobalAveragePooling1D}",
    "{type: Softmax}",
    "{type: MultiHeadAttention, num_heads: 2, key_dim: 2, from: [embedding, embedding]}",
    "{type: Concatenate, from: [embedding, embedding]}",
    "{type: TimeDistributed, layer: {type: Dense, units: 2}}",
)


@pytest.mark.parametrize("layer", MASKED)
def test_masks_hold_in_the_source(layer, tmp_path):
    spec = f"""
inputs: {{words: {{shape: [6], dtype: int32}}}}
layers:
  - {{type: Embedding, input_dim: 9, output_dim: 4, mask_zero: true}}
  - {layer}
  - {{type: Flatten}}
"""
    module = randomised(modelspec.build(spec))
    source_runs_as(module, tmp_path)
