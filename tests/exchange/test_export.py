"""`modelspec export`: files of other formats hold the same model, and say so before they stay."""

from __future__ import annotations

import os
import resource

import pytest
import torch

import modelspec
from modelspec.cli.shell import run as cli
from modelspec.engine.run import build
from modelspec.exchange import export_python
from modelspec.exchange.export import export_run
from modelspec.exchange.keras import verify
from modelspec.exchange.python.source import python_source
from modelspec.exchange.random_inputs import random_inputs
from tests.exchange.export_specs import ROOT

GUIDE = (
    "headline", "tweets", "mlp", "residual", "inception", "conv_nodes", "same_digit",
    "sequence_of_mlp", "digits", "resnet", "unet", "vit", "transformer",
)  # fmt: skip


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


#: A part of a Bidirectional is called `forward`, as torch's modules call what they do.
BOTH_WAYS = SIZES.replace("LSTM, units: 3", "Bidirectional, layer: {type: GRU, units: 3}").replace(
    "[lstm]", "[bidirectional]")  # fmt: skip


@pytest.mark.parametrize("form", ["python", "onnx", "pt2", "safetensors", "keras"])
@pytest.mark.parametrize("spec", [SHARED, BOTH_WAYS], ids=["shared", "open"])
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
    def wrong(module, path, learnt):
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


def test_weights_are_a_file_that_starts_another_training(tmp_path):
    made = exported(SHARED, "safetensors", tmp_path)
    assert made.files == [str(tmp_path / "made.safetensors")]
    from modelspec.engine.weights import read

    assert list(read(made.files[0])) == ["both.bias", "both.kernel"]


def test_a_pt2_file_holds_no_pickle(tmp_path):
    import zipfile

    made = exported(SHARED, "pt2", tmp_path)
    with zipfile.ZipFile(made.files[0]) as archive:
        held = [archive.read(name) for name in archive.namelist()]
    assert not any(b"torch._utils" in data or b"data.pkl" in data for data in held)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("folder", "folder: is a directory"), ("file/m.py", "file: not a directory"),
        ("m.py", "m.safetensors: is a directory"),
        ("pipe", "pipe: it is a pipe or a device; `-` is stdout"),
    ],
)  # fmt: skip
def test_a_place_that_takes_no_file_is_named_and_nothing_is_left(path, reason, tmp_path, capsys):
    build(modelspec.check(SHARED), str(tmp_path / "run"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "m.safetensors").mkdir()
    (tmp_path / "file").write_text("")
    os.mkfifo(tmp_path / "pipe")
    before = sorted(tmp_path.rglob("*"))
    path = str(tmp_path / path)
    assert cli(["export", str(tmp_path / "run"), "--to", "python", "-o", path]) == 4
    assert capsys.readouterr().err == f"error: {tmp_path / reason}\n"
    assert sorted(tmp_path.rglob("*")) == before


def test_folders_are_made_for_a_file_that_stays_alone(tmp_path):
    stateful = SIZES.replace("units: 3", "units: 3, stateful: true")
    for name, spec in (("held", SHARED), ("refused", stateful)):
        build(modelspec.check(spec), str(tmp_path / name))
        path = tmp_path / "new" / name / "m.py"
        code = cli(["export", str(tmp_path / name), "--to", "python", "-o", str(path)])
        assert (code, path.exists()) == ((0, True) if name == "held" else (1, False))
    assert not (tmp_path / "new" / "refused").exists()


def test_a_proof_runs_on_padded_words_however_many_there_are():
    layers = "[{type: Embedding, input_dim: 20000, output_dim: 2, mask_zero: true}]"
    graph = modelspec.check(f"inputs: {{words: {{shape: [40], dtype: int32}}}}\nlayers: {layers}\n")
    for words in (random_inputs(graph, 3)["words"].numpy(), dict(verify.drawn(graph))["words"]):
        assert 0.1 < (words == 0).mean() < 0.5
        assert words[:, 0].all()


@pytest.fixture
def small_files():
    """Files of this process end at 50 kB, as those on a full disk end somewhere."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("form", ["onnx", "pt2", "python", "safetensors", "keras"])
def test_a_disk_that_takes_no_more_is_said_and_nothing_stays(form, tmp_path, capsys, small_files):
    spec = "inputs: {x: [64]}\nlayers: [{type: Dense, units: 512}]\n"
    build(modelspec.check(spec), str(tmp_path / "run"))
    small_files()
    path = str(tmp_path / f"made.{form}")
    assert cli(["export", str(tmp_path / "run"), "--to", form, "-o", path]) == 4
    assert capsys.readouterr().err == f"error: {path}: file too large\n"
    assert [one.name for one in tmp_path.iterdir()] == ["run"]
