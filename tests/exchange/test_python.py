"""`modelspec export --to python`: plain PyTorch that computes what the engine does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import modelspec
from modelspec.engine.module import Module
from modelspec.engine.run import build
from modelspec.exchange import export_python
from modelspec.exchange.export import BATCHES, difference, export
from modelspec.exchange.python.source import python_source
from tests.exchange.export_specs import ROOT, drawn, randomised

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
#: A Python class of the user's own, and what is called on texts or gives them, is refused.
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
OTHER_BITS = dict.fromkeys(("LSTM-6", "GRU-7", "SimpleRNN-5"), "other bits")
EXCEPTIONS = {"layers": REFUSED, "more layers": OTHER_BITS, "operations": {}}


def beside_the_engine(folder: Path, wanted: tuple[str, ...]) -> dict[str, str]:
    """What `same_bits` finds: MKL gives the same bits for the same values in its process alone."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.exchange.same_bits", str(folder), *wanted],
        env={**os.environ, "MKL_CBWR": "COMPATIBLE", "OMP_NUM_THREADS": "1"},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def as_a_formatter_leaves_them(folder: Path) -> None:
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check"], ["format", "--diff", "--line-length", "100"]):
        ran = subprocess.run([*ruff, *command, "--isolated", "--no-cache", "."], cwd=folder,
                             capture_output=True, text=True)  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("group", GROUPS)
def test_every_layer_has_the_engines_bits_and_a_formatters_lines(group, tmp_path):
    assert beside_the_engine(tmp_path, GROUPS[group]) == EXCEPTIONS[group]
    as_a_formatter_leaves_them(tmp_path)


def test_every_spec_has_the_engines_bits_and_a_formatters_lines(tmp_path):
    specs = tuple(str(ROOT / "specs" / f"{name}.yaml") for name in SPECS)
    assert beside_the_engine(tmp_path, specs) == {}
    as_a_formatter_leaves_them(tmp_path)


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
