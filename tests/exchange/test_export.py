"""`modelspec export`: files of other formats hold the same model, and say so before they stay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

import modelspec
from modelspec.cli.shell import run as cli
from modelspec.engine.module import Module
from modelspec.engine.run import build
from modelspec.exchange import export_python
from modelspec.exchange.export import BATCHES, difference, export, export_run
from modelspec.exchange.python.source import python_source
from tests.exchange.export_specs import ROOT, drawn, examples, module_of, randomised

FAMILIES = (
    "core", "activation", "convolution", "pooling", "reshaping", "merging", "normalization",
    "regularization", "recurrent", "wrappers", "attention", "foreign", "ops.elementwise",
    "ops.pairwise", "ops.reduction", "ops.shaping", "ops.pieces", "ops.product", "constants",
    "einsum",
)  # fmt: skip
GUIDE = (
    "headline", "tweets", "mlp", "residual", "inception", "conv_nodes", "same_digit",
    "sequence_of_mlp", "digits", "resnet", "unet", "vit", "transformer",
)  # fmt: skip


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


@pytest.mark.parametrize("name", GUIDE)
def test_source_computes_what_the_engine_does(name, tmp_path):
    source_runs_as(randomised(modelspec.build(str(ROOT / "specs" / f"{name}.yaml"))), tmp_path)


CASES = examples(*FAMILIES)


@pytest.mark.parametrize("example", [e for _, e in CASES], ids=[i for i, _ in CASES])
def test_every_layer_is_written_or_refused(example, tmp_path):
    try:
        module = module_of(example)
    except modelspec.Rejected:
        pytest.skip("no spec of one layer")
    if why_not(module) is None:
        source_runs_as(module, tmp_path)
    else:
        assert why_not(module) == {"cannot-export"}


def why_not(module: Module) -> set[str] | None:
    """The codes that refuse a source; None where it is written."""
    try:
        python_source(module.graph, module.weights())
    except modelspec.Rejected as rejected:
        return {one.code for one in rejected.diagnostics}
    return None


def exported(spec: str, form: str, tmp_path):
    run = build(modelspec.check(spec), str(tmp_path / "run"))
    return export_run(run, form, str(tmp_path / f"made.{form}"))


SHARED = """
inputs: {a: [6], b: [6]}
shared: {both: {type: Dense, units: 4, activation: tanh}}
layers:
  x: {use: both, from: a}
  y: {use: both, from: b}
  far: {type: Subtract, from: [x, y]}
outputs: [far]
"""
SIZES = """
inputs: {words: {shape: [time], dtype: int32}}
layers:
  - {type: Embedding, input_dim: 9, output_dim: 4, mask_zero: true}
  - {type: LSTM, units: 3}
outputs: [lstm]
"""


@pytest.mark.parametrize("form", ["python", "onnx", "pt2", "safetensors"])
@pytest.mark.parametrize("spec", [SHARED, SIZES], ids=["shared", "open"])
def test_each_format_holds_the_model(form, spec, tmp_path):
    made = exported(spec, form, tmp_path)
    assert not made.fails, made.compared
    assert all(os.path.exists(file) for file in made.files)


@pytest.mark.parametrize("form", ["python", "onnx", "pt2"])
def test_what_goes_on_from_call_to_call_is_refused(form, tmp_path):
    with pytest.raises(modelspec.Rejected, match="makes the same of the same inputs") as caught:
        exported(SIZES.replace("units: 3", "units: 3, stateful: true"), form, tmp_path)
    assert [one.code for one in caught.value.diagnostics] == ["cannot-export"]


def test_weights_of_a_stateful_model_are_weights_like_any_other(tmp_path):
    made = exported(SIZES.replace("units: 3", "units: 3, stateful: true"), "safetensors", tmp_path)
    assert not made.fails


def test_a_file_that_differs_does_not_stay(tmp_path, monkeypatch):
    def wrong(module, path):
        with torch.no_grad():
            other = {name: value + 1 for name, value in module.weights().items()}
        made = python_source(module.graph, other, "made.safetensors")
        export_python.write_text(path, made.text)
        export_python.weights.write(made.state, path.replace(".py", ".safetensors"))
        return [path, path.replace(".py", ".safetensors")]

    monkeypatch.setattr(export_python, "write", wrong)
    build(modelspec.check(SHARED), str(tmp_path / "run"))
    before = sorted(os.listdir(tmp_path))
    code = cli(["export", str(tmp_path / "run"), "--to", "python", "-o", str(tmp_path / "m.py")])
    assert code == 1
    assert sorted(os.listdir(tmp_path)) == before


def test_all_that_a_format_cannot_hold_is_said_before_anything_is_written(tmp_path):
    spec = """
inputs: {x: [8, 8, 3]}
layers:
  - {type: SpectralNormalization, layer: {type: Conv2D, filters: 2, kernel_size: 3}}
  - {type: UpSampling2D, size: 2, interpolation: lanczos3}
"""
    run = build(modelspec.check(spec), str(tmp_path / "run"))
    with pytest.raises(modelspec.Rejected) as caught:
        export(run.folder, "python", str(tmp_path / "made.py"))
    assert [one.code for one in caught.value.diagnostics] == ["cannot-export"] * 2
    assert os.listdir(tmp_path) == ["run"]


def test_the_source_imports_torch_alone_and_names_what_the_spec_names():
    module = modelspec.build(str(ROOT / "specs" / "video_qa.yaml"))
    text = python_source(module.graph, module.weights()).text
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


def test_onnx_has_names_and_a_batch_of_any_size(tmp_path):
    import onnx

    made = exported(SHARED, "onnx", tmp_path)
    graph = onnx.load(made.files[0]).graph
    assert [one.name for one in graph.input] == ["a", "b"]
    assert [one.name for one in graph.output] == ["far"]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize("form", ["onnx", "pt2"])
@pytest.mark.parametrize("name", ["tweets", "same_digit", "conv_nodes", "sequence_of_mlp"])
def test_the_guides_models_run_in_other_runtimes(name, form, tmp_path):
    made = exported(str(ROOT / "specs" / f"{name}.yaml"), form, tmp_path)
    for one in made.compared:
        assert one.difference <= 1e-5 * max(1.0, one.largest)


@pytest.mark.nightly
@pytest.mark.parametrize("form", ["onnx", "pt2"])
@pytest.mark.parametrize("name", GUIDE)
def test_every_spec_runs_in_other_runtimes(name, form, tmp_path):
    assert not exported(str(ROOT / "specs" / f"{name}.yaml"), form, tmp_path).fails


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    from modelspec.exchange import onnx_file

    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None)
    with pytest.raises(modelspec.Rejected) as caught:
        exported(SHARED, "onnx", tmp_path)
    assert [one.code for one in caught.value.diagnostics] == ["needs-extra"]


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


def test_weights_are_a_file_that_starts_another_training(tmp_path):
    made = exported(SHARED, "safetensors", tmp_path)
    assert made.files == [str(tmp_path / "made.safetensors")]
    from modelspec.engine.weights import read

    assert list(read(made.files[0])) == ["both.bias", "both.kernel"]


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


def test_a_pt2_file_holds_no_pickle(tmp_path):
    import zipfile

    made = exported(SHARED, "pt2", tmp_path)
    with zipfile.ZipFile(made.files[0]) as archive:
        held = [archive.read(name) for name in archive.namelist()]
    assert not any(b"torch._utils" in data or b"data.pkl" in data for data in held)
