"""`train.compile`: the same training, as machine code."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from modelspec.compiler import compile
from modelspec.engine import compiled, machine_code
from modelspec.engine import wanted as wanting
from modelspec.engine.data import prepare
from modelspec.engine.loop import Loop, Stepped, Warned
from modelspec.engine.module import Module
from modelspec.source.text import Source

NO_COMPILER = shutil.which("g++") is None and shutil.which("clang++") is None
needs_compiler = pytest.mark.skipif(NO_COMPILER, reason="needs a C++ compiler")

# Draws, statistics, a frozen weight, a mask, two losses, and a last batch of 4.
MIXED = """
inputs: {x: [6], words: {shape: [5], dtype: int32}}
layers:
  hidden: {type: Dense, units: 8, activation: relu, from: x}
  normal: {type: BatchNormalization}
  dropped: {type: Dropout, rate: 0.3}
  embedded: {type: Embedding, input_dim: 10, output_dim: 4, mask_zero: true, from: words}
  mean: {type: GlobalAveragePooling1D}
  frozen: {type: Dense, units: 4, trainable: false}
  both: {type: Concatenate, from: [dropped, frozen]}
  a: {type: Dense, units: 3, activation: softmax, from: both}
  b: {type: Dense, units: 1, kernel_regularizer: l2, from: both}
outputs:
  a: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}
  b: {loss: mse, loss_weight: 0.5}
data: {type: Synthetic, samples: 36}
train: {optimizer: {type: SGD, momentum: 0.9}, batch_size: 8, epochs: 9}
"""
RECURRENT = """
inputs: {x: [4, 3]}
layers:
  read: {type: LSTM, units: 2}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
data: {type: Synthetic, samples: 16}
train: {batch_size: 8, epochs: 2}
"""


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of these tests' own, with one thread: so that the code is made once."""
    folder = tmp_path_factory.mktemp("cache")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder
    torch.set_num_threads(threads)


def loop_of(text: str, *settings: str) -> Loop:
    graph = compile(Source("spec.yaml", text), settings)
    made = prepare(graph.spec.data, wanting.everything(graph), 0)
    weights = {name: weight.detach() for name, weight in Module(graph, 0).weights().items()}
    return Loop(graph, weights, made.train, None)


def ran(loop: Loop, steps: int) -> tuple[list[dict[str, float]], list[str]]:
    """The running values after each step, and the warnings."""
    logs: list[dict[str, float]] = []
    warnings: list[str] = []
    for event in loop.run():
        if isinstance(event, Warned):
            warnings.append(event.message)
        elif isinstance(event, Stepped):
            logs.append(event.logs())
            if len(logs) == steps:
                break
    return logs, warnings


@needs_compiler
def test_a_compiled_step_trains_as_the_eager_one():
    eager, machine = loop_of(MIXED), loop_of(MIXED, "train.compile=true")
    wanted, _ = ran(eager, 21)
    found, warnings = ran(machine, 21)
    assert warnings == []
    (code,) = machine.step.known.values()
    assert isinstance(code, compiled.Traced)
    for one, other in zip(wanted, found, strict=True):
        assert one == pytest.approx(other, rel=1e-6)
    for name, weight in eager.at.weights.items():
        torch.testing.assert_close(machine.at.weights[name], weight, rtol=2e-6, atol=1e-7)


@needs_compiler
def test_machine_code_is_kept_for_the_next_run(monkeypatch):
    ran(loop_of(MIXED, "train.compile=true"), 1)

    def refuse(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr("torch._inductor.standalone_compile", refuse)
    _, warnings = ran(loop_of(MIXED, "train.compile=true"), 2)
    assert warnings == []


@needs_compiler
def test_damaged_machine_code_is_made_again(cache):
    ran(loop_of(MIXED, "train.compile=true"), 1)
    (kept,) = (cache / "modelspec").iterdir()
    whole = kept.read_bytes()
    kept.write_bytes(whole[:100])
    _, warnings = ran(loop_of(MIXED, "train.compile=true"), 1)
    assert warnings == []
    assert len(kept.read_bytes()) > 100


@needs_compiler
def test_a_compiled_run_goes_on_bit_for_bit():
    whole, broken = (loop_of(MIXED, "train.compile=true") for _ in range(2))
    ran(whole, 12)
    ran(broken, 7)
    resumed = loop_of(MIXED, "train.compile=true")
    resumed.restore(broken.checkpoint())
    ran(resumed, 5)
    for name, weight in whole.at.weights.items():
        assert torch.equal(resumed.at.weights[name], weight), name


def test_what_cannot_be_compiled_warns_and_runs_as_it_is(monkeypatch):
    def fail(*_):
        raise RuntimeError("no C++ compiler was found\nmore")

    monkeypatch.setattr(compiled, "compiled", fail)
    eager, machine = loop_of(MIXED), loop_of(MIXED, "train.compile=true")
    wanted, _ = ran(eager, 6)
    found, warnings = ran(machine, 6)
    assert warnings == [
        "the step could not be compiled, so it runs as it is: no C++ compiler was found"
    ]
    assert found == wanted


def test_recurrent_kernels_are_left_to_torch():
    eager, machine = loop_of(RECURRENT), loop_of(RECURRENT, "train.compile=true")
    wanted, _ = ran(eager, 4)
    found, warnings = ran(machine, 4)
    assert found == wanted
    assert len(warnings) == 1
    assert "its recurrent layers run in a kernel of their own" in warnings[0]


def test_machine_code_that_others_could_write_is_not_run(tmp_path):
    path = tmp_path / "code"
    path.write_bytes(b"")
    path.chmod(0o600)
    assert machine_code.is_own(str(path))
    path.chmod(0o666)
    assert not machine_code.is_own(str(path))
    assert not machine_code.is_own(str(tmp_path / "missing"))
