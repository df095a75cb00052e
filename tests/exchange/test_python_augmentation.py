"""Exported Python changes images in training as the engine does."""

from __future__ import annotations

import pytest
import torch

import modelspec
from modelspec.cli.shell import run as cli
from modelspec.engine.run import build
from modelspec.exchange import export_python

LAYERS = [
    "{type: RandomRotation, factor: [0.1, 0.1]}",
    "{type: RandomRotation, factor: [-0.2, -0.2], fill_mode: constant, fill_value: 0.5}",
    "{type: RandomRotation, factor: [0.3, 0.3], interpolation: nearest, fill_mode: wrap}",
    "{type: RandomZoom, height_factor: [0.2, 0.2]}",
    "{type: RandomZoom, height_factor: [-0.3, -0.3], width_factor: [0.4, 0.4], fill_mode: nearest}",
    "{type: RandomTranslation, height_factor: [0.2, 0.2], width_factor: [-0.1, -0.1]}",
    "{type: RandomTranslation, height_factor: [0.2, 0.2], width_factor: [0.3, 0.3],"
    " data_format: channels_first}",
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS)
def test_images_are_turned_zoomed_and_moved_as_the_engine_does(layer, tmp_path):
    module = modelspec.build(f"inputs: {{x: [5, 6, 3]}}\nlayers: {{y: {layer}}}\n")
    files = export_python.write(module, str(tmp_path / "made.py"))
    x = torch.rand(4, 5, 6, 3)
    (id,) = module.graph.program.outputs.values()
    wanted = module.runner(module.weights(), {"x": x}, training=True).values[id]
    model = export_python.model_of(files)
    assert torch.equal(model(x), x)
    torch.testing.assert_close(model.train()(x), wanted, rtol=1e-5, atol=1e-6)
    assert not torch.equal(wanted, x)


def test_what_a_file_leaves_out_is_said_on_the_screen_and_in_the_file(tmp_path, capsys):
    spec = "inputs: {x: [5, 6, 3]}\nlayers: {bent: {type: RandomElasticTransform, factor: 0.5}}\n"
    run, path = build(modelspec.check(spec), str(tmp_path / "run")).folder, tmp_path / "made.py"
    assert cli(["export", run, "--to", "python", "-o", str(path)]) == 0
    said = "`bent` (RandomElasticTransform) changes images in training alone"
    assert f"note: {said}" in capsys.readouterr().err
    assert "RandomElasticTransform changes images in training alone: left out here" in (
        path.read_text(encoding="utf-8")
    )


def test_a_training_script_changes_images_too(tmp_path, capsys):
    spec = """
inputs: {x: [6, 6, 3]}
layers:
  flip: {type: RandomFlip}
  turn: {type: RandomRotation, factor: 0.1}
  zoom: {type: RandomZoom, height_factor: 0.2}
  seen: {type: Conv2D, filters: 3, kernel_size: 3}
  y: {type: GlobalAveragePooling2D}
outputs: {y: {loss: mse}}
data: {type: Synthetic, samples: 6}
"""
    run, path = build(modelspec.check(spec), str(tmp_path / "run")).folder, tmp_path / "made.py"
    assert cli(["export", run, "--to", "python", "--with-training", "-o", str(path)]) == 0
    assert "training: weights: largest difference" in capsys.readouterr().out
