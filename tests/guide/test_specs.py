"""Every spec of `specs/`: it compiles without a warning, has a comment, and takes a step."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import modelspec
from modelspec.compiler import compile
from modelspec.engine.step import Step, Trainable
from modelspec.engine.weights import fresh
from modelspec.source.text import Source
from tests.guide.against_keras import SPECS, inputs, targets, tensors

ALL = sorted(SPECS.glob("*.yaml"))
#: The guide's, but for `video_qa`, which wants 100 images a sample.
GUIDE = (
    "mlp", "sequence_of_mlp", "headline", "tweets", "conv_nodes", "inception", "residual",
    "same_digit", "vqa",
)  # fmt: skip
#: Those on packaged data, with the share of held-out samples that they get right.
REAL = [
    pytest.param("digits", 0.98, id="digits"),
    pytest.param("resnet", 0.98, id="resnet", marks=pytest.mark.nightly),
    pytest.param("same_digit_pairs", 0.95, id="same_digit_pairs", marks=pytest.mark.nightly),
]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_spec_says_what_it_is_and_compiles_without_a_warning(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")
    graph = compile(Source.read(str(path)))
    assert graph.warnings == []
    assert graph.losses
    assert graph.parameters > 0


@pytest.mark.parametrize("name", GUIDE)
def test_a_model_of_the_guide_takes_a_step_at_full_size(name: str) -> None:
    graph = compile(Source.read(str(SPECS / f"{name}.yaml")))
    training: Any = graph.spec.training
    weights = fresh(graph, seed=0)
    at = Trainable(graph, weights, training)
    before = {name: weights[name].clone() for name in at.names if weights[name].numel() < 10**6}
    taken = Step(graph, training)(at, tensors(inputs(graph, 1) | targets(graph, 1)))
    assert torch.isfinite(taken.values.total)
    assert all(not torch.equal(before[name], weights[name]) for name in before)


@pytest.mark.parametrize(("name", "share"), REAL)
def test_a_spec_on_real_data_reaches_its_accuracy_on_held_out_samples(
    name: str, share: float, tmp_path: Path
) -> None:
    started = time.process_time()
    for _ in modelspec.train(SPECS / f"{name}.yaml", run=tmp_path / name):
        pass
    lines = (tmp_path / name / "history.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1])["val_accuracy"] >= share
    assert time.process_time() - started < 120  # a minute on two cores
