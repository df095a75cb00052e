"""Weights from files: where they go, and files that are wrong or hostile."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import modelspec
from modelspec.engine import run
from modelspec.engine.module import Module
from modelspec.engine.training import Trainer
from modelspec.engine.weights import read
from modelspec.source.diagnostics import Unreadable
from tests.engine.training import SpecFile, graph_of, refusal, trained

BASE = """
inputs: {x: [4]}
shared:
  model:
    inputs: {v: [4]}
    layers:
      a: {type: Dense, units: 3, activation: tanh}
      b: {type: BatchNormalization}
      c: {type: Dense, units: 2}
layers:
  y: {use: model, from: x}
outputs: {y: {loss: mse}}
data: {train: {type: Synthetic, samples: 16}}
train: {epochs: 1, batch_size: 8}
"""
ALONE = """
inputs: {v: [4]}
layers:
  a: {type: Dense, units: 3, activation: tanh}
  b: {type: BatchNormalization}
  c: {type: Dense, units: 2}
outputs: {c: {loss: mse}}
data: {train: {type: Synthetic, samples: 16}}
train: {epochs: 2, batch_size: 8, seed: 9}
"""


@pytest.fixture
def alone(spec: SpecFile, tmp_path: Path) -> run.Run:
    """A trained run of the inner model."""
    return trained(spec(ALONE, "alone.yaml"), tmp_path / "runs" / "alone")


def with_weights(entry: str) -> str:
    return BASE.replace("    inputs: {v: [4]}\n", f"    inputs: {{v: [4]}}\n    {entry}\n")


def same(module: Module, held: run.Run, prefix: str = "") -> bool:
    return all(
        module.weights()[prefix + name].equal(value)
        for name, value in held.module.weights().items()
    )


@pytest.mark.parametrize("what", ["runs/alone", "runs/alone/weights.safetensors"])
def test_a_shared_graph_takes_the_weights_of_a_run_or_a_file(
    spec: SpecFile, alone: run.Run, what: str
) -> None:
    path = spec(with_weights(f"weights: {what}"))
    assert same(Module(graph_of(path)), alone, "model.")


def test_a_file_graph_takes_the_weights_of_a_run(spec: SpecFile, alone: run.Run) -> None:
    path = spec("""
inputs: {x: [4]}
shared:
  model: {file: alone.yaml, weights: runs/alone}
layers:
  first: {use: model, from: x}
  y: {type: Dense, units: 1}
""")
    assert same(Module(graph_of(path)), alone, "model.")


def test_a_file_graph_among_the_layers_takes_them_too(spec: SpecFile, alone: run.Run) -> None:
    path = spec("""
inputs: {x: [4]}
layers:
  first: {file: alone.yaml, weights: runs/alone, from: x}
  y: {type: Dense, units: 1}
""")
    assert same(Module(graph_of(path)), alone, "first.")


def test_a_single_layer_takes_its_part(spec: SpecFile, alone: run.Run, tmp_path: Path) -> None:
    held = alone.module.weights()
    save_file(
        {"kernel": held["a.kernel"].detach(), "bias": held["a.bias"].detach()},
        str(tmp_path / "a.safetensors"),
    )
    path = spec("""
inputs: {x: [4]}
layers:
  y: {type: Dense, units: 3, weights: a.safetensors}
""")
    assert Module(graph_of(path)).weights()["y.kernel"].equal(held["a.kernel"])


def test_a_part_of_a_graph_takes_weights_into_the_whole(spec: SpecFile, alone: run.Run) -> None:
    path = spec("""
inputs: {x: [4]}
shared:
  model: {file: alone.yaml}
  head: {part_of: model, inputs: [v], outputs: [a], weights: runs/alone}
layers:
  y: {use: head, from: x}
""")
    module = Module(graph_of(path))
    assert module.weights()["model.a.kernel"].equal(alone.module.weights()["a.kernel"])


def test_weights_inside_a_graph_with_weights_win(
    spec: SpecFile, alone: run.Run, tmp_path: Path
) -> None:
    save_file({"kernel": torch.ones(3, 2), "bias": torch.ones(2)}, str(tmp_path / "c.safetensors"))
    text = with_weights("weights: runs/alone").replace(
        "c: {type: Dense, units: 2}", "c: {type: Dense, units: 2, weights: c.safetensors}"
    )
    module = Module(graph_of(spec(text)))
    assert module.weights()["model.c.kernel"].eq(1).all()
    assert module.weights()["model.a.kernel"].equal(alone.module.weights()["a.kernel"])


def test_a_frozen_graph_stays_as_it_was_statistics_included(
    spec: SpecFile, alone: run.Run, tmp_path: Path
) -> None:
    text = with_weights("weights: runs/alone\n    trainable: false")
    path = spec(text.replace("  y: {use", "  z: {use").replace("outputs:", "  y: {type: Dense, "
                "units: 1}\noutputs:"))  # fmt: skip
    after = trained(path, tmp_path / "run")
    assert same(after.module, alone, "model.")


def test_training_starts_from_given_weights(spec: SpecFile, alone: run.Run, tmp_path: Path) -> None:
    path = spec(ALONE.replace("seed: 9", "seed: 1"), "again.yaml")
    graph = graph_of(path)
    for given in (alone.folder, f"{alone.folder}/weights.safetensors"):
        trainer = Trainer(graph, str(tmp_path / "run"), device="cpu", weights=given)
        assert all(
            value.equal(alone.module.weights()[name])
            for name, value in trainer.loop.at.weights.items()
        )


def test_a_run_started_from_weights_needs_them_no_more(
    spec: SpecFile, alone: run.Run, tmp_path: Path
) -> None:
    path = spec(with_weights("weights: runs/alone"))
    Trainer(graph_of(path), str(tmp_path / "run"), device="cpu")
    begun = {n: v.clone() for n, v in alone.module.weights().items()}
    (tmp_path / "runs" / "alone" / "weights.safetensors").unlink()
    resumed = Trainer.resumed(run.load(str(tmp_path / "run"), device="cpu"))
    for name, value in begun.items():
        assert resumed.loop.at.weights[f"model.{name}"].equal(value)


def test_weights_of_another_dtype_come_in_the_models_own(
    spec: SpecFile, alone: run.Run, tmp_path: Path
) -> None:
    held = load_file(str(tmp_path / "runs" / "alone" / "weights.safetensors"))
    save_file({n: v.double() for n, v in held.items()}, str(tmp_path / "wide.safetensors"))
    module = Module(graph_of(spec(with_weights("weights: wide.safetensors"))))
    assert {value.dtype for value in module.weights().values()} == {torch.float32}
    assert same(module, alone, "model.")


# -- what is wrong -------------------------------------------------------------------------


def damaged(tmp_path: Path, **changes: torch.Tensor | None) -> Path:
    held = load_file(str(tmp_path / "runs" / "alone" / "weights.safetensors"))
    for name, value in changes.items():
        full = name.replace("_", ".", 1)
        del held[full]
        if value is not None:
            held[full] = value
    path = tmp_path / "other.safetensors"
    save_file(held, str(path))
    return path


def test_a_missing_tensor_is_named(spec: SpecFile, alone: run.Run, tmp_path: Path) -> None:
    damaged(tmp_path, a_kernel=None)
    path = spec(with_weights("weights: other.safetensors"))
    said = refusal(lambda: Module(graph_of(path)))
    assert "bad-weights" in said
    assert "has no `a.kernel`" in said
    assert "it holds" in said


def test_a_tensor_of_another_shape_is_named_with_both(
    spec: SpecFile, alone: run.Run, tmp_path: Path
) -> None:
    damaged(tmp_path, a_kernel=torch.zeros(5, 3))
    path = spec(with_weights("weights: other.safetensors"))
    said = refusal(lambda: Module(graph_of(path)))
    assert "`a.kernel` is [5, 3] there" in said
    assert "`model.a.kernel` [4, 3]" in said


def test_every_wrong_tensor_is_reported_at_once(
    spec: SpecFile, alone: run.Run, tmp_path: Path
) -> None:
    damaged(tmp_path, a_kernel=torch.zeros(5, 3), c_bias=torch.zeros(7))
    path = spec(with_weights("weights: other.safetensors"))
    said = refusal(lambda: Module(graph_of(path)))
    assert "`a.kernel`" in said
    assert "`c.bias`" in said


def test_a_file_that_is_not_there_is_shown_where_the_spec_names_it(spec: SpecFile) -> None:
    path = spec(with_weights("weights: runs/nowhere"))
    said = refusal(lambda: Module(graph_of(path)))
    assert "bad-weights" in said
    assert "no such file" in said


def test_given_weights_that_do_not_fit_leave_no_run(
    spec: SpecFile, alone: run.Run, tmp_path: Path
) -> None:
    path = spec(BASE)
    said = refusal(
        lambda: Trainer(graph_of(path), str(tmp_path / "new"), device="cpu", weights=alone.folder)
    )
    assert "has no `model.a.kernel`" in said
    assert not (tmp_path / "new").exists()


# -- hostile files -------------------------------------------------------------------------


def hostile(tmp_path: Path, header: Any, size: int = 16, length: int | None = None) -> Path:
    """A file with this header over `size` bytes of zeros."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(
        struct.pack("<Q", len(text) if length is None else length) + text + b"\0" * size
    )
    return path


def tensor(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
         b'"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}', None),
        ({"a": tensor([4], 0, 16), "b": tensor([2], 8, 16)}, None),  # overlapping
        ({"a": tensor([1], 0, 4), "b": tensor([2], 8, 16)}, None),  # a hole
        ({"a": tensor([2], 0, 8)}, None),  # bytes left over
        ({"a": tensor([5], 0, 16)}, None),  # the shape needs more
        ({"a": tensor([3], 0, 16)}, None),  # or less
        ({"a": tensor([4], 0, 16, "F64")}, None),
        ({"a": tensor([4], 0, 16, "F31")}, None),
        ({"a": tensor([2**62, 2**62], 0, 16)}, None),
        ({"a": tensor([2**40], 0, 2**42)}, None),
        ({"a": tensor([-4], 0, 16)}, None),
        ({"a": tensor([4], 16, 0)}, None),
        ({"a": {"dtype": "F32"}}, None),
        ({"a": 3}, None),
        ([1, 2], None),
        (b"{nothing", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
        ({"a": tensor([4], 0, 16)}, 2**63),
        ({"a": tensor([4], 0, 16)}, 10**8),
        ({"a": tensor([4], 0, 16)}, 0),
    ],
)  # fmt: skip
def test_a_hostile_file_is_refused(tmp_path: Path, header: Any, length: int | None) -> None:
    path = hostile(tmp_path, header, length=length)
    with pytest.raises(Unreadable, match=r"hostile.safetensors"):
        read(str(path))


@pytest.mark.parametrize("content", [b"", b"\0" * 7, b"\0" * 8, b"PK\x03\x04" + b"x" * 100])
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(Unreadable):
        read(str(path))


def test_a_huge_file_of_nothing_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.safetensors"
    with path.open("wb") as stream:
        stream.write(struct.pack("<Q", 99_999_999))
        stream.truncate(10**12)  # a terabyte that the disk does not hold
    with pytest.raises(Unreadable):
        read(str(path))


def test_a_tensor_of_another_shape_is_refused_before_any_is_read(
    spec: SpecFile, tmp_path: Path
) -> None:
    size = 1 << 40  # four TiB of nothing: read at all, it would end the test
    one = {"dtype": "F32", "shape": [size], "data_offsets": [0, 4 * size]}
    header = json.dumps({"kernel": one, "bias": one | {"data_offsets": [4 * size, 8 * size]}})
    with open(tmp_path / "other.safetensors", "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header.encode())
        file.truncate(8 + len(header) + 8 * size)
    path = spec(
        "inputs: {x: [4]}\n"
        "layers: {y: {type: Dense, units: 3, weights: other.safetensors}}\n"
        "outputs: {y: {loss: mse}}\n"
    )
    said = refusal(lambda: Module(graph_of(path)))
    assert f"`kernel` is [{size}] there" in said


def test_a_tensor_without_elements_is_read(tmp_path: Path) -> None:
    path = hostile(tmp_path, {"a": tensor([0, 3], 0, 0)}, size=0)
    assert read(str(path))["a"].shape == (0, 3)


def test_folders_and_pickles_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        read(str(tmp_path))
    torch.save({"a": torch.zeros(2)}, tmp_path / "a.pt")
    with pytest.raises(Unreadable):
        read(str(tmp_path / "a.pt"))


def test_what_is_written_is_read_back_in_order(tmp_path: Path, alone: run.Run) -> None:
    held = read(alone.folder)
    assert {n: v.shape for n, v in held.items()} == {
        n: torch.Size(w.shape) for n, w in alone.graph.weights().items()
    }
    assert all(np.isfinite(v.numpy()).all() for v in held.values())


def test_fresh_weights_lie_in_memory_as_a_file_has_them():
    # Else a run that is resumed would take others of torch's kernels, and get other last bits.
    spec = "inputs: {x: [5, 4]}\nlayers:\n  made: {type: SimpleRNN, units: 4}\n"
    weights = modelspec.build(spec).weights()
    assert weights["made.recurrent_kernel"].is_contiguous()


@pytest.mark.parametrize(
    ("content", "fact"), [(b"", "it is empty"), (b"\5" + b"\0" * 7 + b"abcde", "not JSON")]
)
def test_a_file_that_was_cut_says_so_and_how_its_run_mends_it(spec, tmp_path, content, fact):
    made = run.build(
        graph_of(spec("inputs: {x: [2]}\nlayers: [{type: Dense, units: 1}]\n")), str(tmp_path / "r")
    )
    (tmp_path / "r" / "weights.safetensors").write_bytes(content)
    with pytest.raises(Unreadable, match=f"{fact}.*train --resume"):
        _ = run.load(made.folder).module
